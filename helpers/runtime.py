"""Where this runs: the course's folders, seeds, progress bars."""

import functools
import hashlib
import importlib.metadata
import os
import platform
import re
import shutil
import ssl
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock, get_ident
from urllib.request import url2pathname

from tqdm.auto import tqdm

from . import checks, language

UNFINISHED = ".unfinished-"  # how the names begin of files and folders that are being written
SEAL = "sha256.txt"
LARGEST_SEED = 2**32 - 1  # that Keras takes

COURSE_FOLDER = Path(__file__).resolve().parent.parent


def home() -> Path:
    """Return the folder under which the course keeps data, features and checkpoints.

    It is the course's own folder unless the environment variable `COURSE_HOME` names another
    (a larger disk, or a folder on Drive).
    """
    return path_of(os.environ.get("COURSE_HOME") or COURSE_FOLDER, "COURSE_HOME")


def kept(*parts: str) -> Path:
    """Return a path below the data folder, its parent made if need be.

    Example:
        >>> runtime.kept("models", "pets.keras").parts[-2:]
        ('models', 'pets.keras')
    """
    return _with_parent(home().joinpath("data", *parts))


def local(*parts: str) -> Path:
    """Return a path for what need not outlast a session, such as thousands of unpacked photos.

    It lies where `kept` puts things, unless the environment variable `COURSE_LOCAL` names another
    folder: on Colab, the machine's own disk, since Drive is slow with many small files.

    Example:
        >>> runtime.local("my_pictures").parts[-2:]
        ('data', 'my_pictures')
    """
    folder = path_of(os.environ.get("COURSE_LOCAL") or home(), "COURSE_LOCAL")
    return _with_parent(folder.joinpath("data", *parts))


def _with_parent(path: Path) -> Path:
    with suppress(OSError):  # a folder that cannot be written may still be read; writing reports it
        path.parent.mkdir(parents=True, exist_ok=True)
    return path


def path_of(value: str | os.PathLike, name: str = "path") -> Path:
    """Return the path that a reader means, `~` expanded.

    It may stand in quotes, as Windows' "Copy as path" gives it, or have blanks around it, or be a `file:`
    address as a browser shows it. What exists under the very name that was given is taken as it is.

    Raises:
        CourseError: no path at all, an empty one, or an address on the web.
    """
    hint = "Give the path of a folder or a file, such as 'my_photos'."
    if not isinstance(value, str | os.PathLike):
        raise checks.CourseError(f"{name} is {checks.shown(value)}. {hint}")
    given = os.fsdecode(value)
    if given and os.path.lexists(given):
        return Path(given)
    text = re.sub(r"""^(["'])(.*)\1$|^“(.*)”$""", r"\2\3", given.strip()).strip()
    if not text:
        raise checks.CourseError(f"{name} is empty: {checks.shown(given)}. {hint}")
    if re.match(r"(https?|ftps?|s3|gs):/", text, re.IGNORECASE):
        raise checks.CourseError(
            f"{name} is an address on the web, {checks.shown(text)}. "
            "Download it first, and give the path of what you downloaded."
        )
    if address := re.match(r"file:(//localhost(?=/))?", text, re.IGNORECASE):
        text = url2pathname(text[address.end() :])
    try:
        return Path(text).expanduser()
    except RuntimeError:  # the home of somebody who is not known here
        raise checks.CourseError(
            f"{name} is {checks.shown(text)}, and there is no such user. Give the whole path."
        ) from None


def trust_certifi() -> None:
    """Have downloads trust the certificates of the package `certifi` where this Python has none of its own.

    That is so on a Mac with Python from python.org. What is trusted is the same as in a browser; nothing
    goes unchecked. Call it before a download.
    """
    own = ssl.get_default_verify_paths()
    if own.cafile is None and own.capath is None:
        import certifi

        os.environ.setdefault("SSL_CERT_FILE", certifi.where())


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; what is there takes `path`'s place when the block succeeds.

    So whoever reads `path` finds the former file or the new one, never half of one: another process at
    the same moment, or this one after it was killed or the disk was full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{UNFINISHED}{os.getpid()}-{get_ident()}{path.suffix}")
    try:
        yield partial
        partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink()


@contextmanager
def built_whole(target: Path) -> Iterator[Path]:
    """Give an empty folder that takes the place of `target` once the block has succeeded.

    If the block fails, `target` stays as it was and nothing else is left behind. If another process has
    put its own there in the meantime, that one stays: someone may be reading it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(target.parent)
    before = _identity(target)
    with tempfile.TemporaryDirectory(
        dir=target.parent,
        prefix=UNFINISHED,
        ignore_cleanup_errors=True,  # Windows deletes no open file, and its error would hide the true one
    ) as temporary:
        folder = Path(temporary, target.name)
        folder.mkdir()
        yield folder
        if _identity(target) != before:
            return
        if before is not None:
            target.rename(Path(temporary, "replaced"))
        try:
            folder.rename(target)
        except OSError:
            if not target.exists():  # if it is there now, another process was faster by a hair
                raise


def _identity(path: Path) -> tuple[int, int] | None:
    return (path.stat().st_ino, path.stat().st_mtime_ns) if path.exists() else None


@contextmanager
def disk_errors_explained() -> Iterator[None]:
    """Turn a full disk, a folder that may not be read or written and their like into a `DataError`."""
    try:
        yield
    except checks.CourseError:
        raise
    except OSError as error:
        place, reason = error.filename or home() / "data", error.strerror or str(error)
        raise checks.DataError(
            f"{place} cannot be read or written ({reason}). "
            "Make room or give yourself access, or set COURSE_HOME to another folder."
        ) from error


def clear_leftovers(folder: Path, seconds: float = 86_400) -> None:
    """Delete what killed processes left unfinished in `folder`, a day ago or longer (or `seconds`)."""
    for leftover in folder.glob(f"{UNFINISHED}*"):
        with suppress(OSError):
            if time.time() - leftover.stat().st_mtime > seconds:
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def sha256(path: Path) -> str:
    """Return a file's SHA-256 sum in hexadecimal; the file is read piece by piece, however large it is."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(folder: Path) -> str:
    """Return a SHA-256 sum over the names and contents of all files below `folder`, its seal left out."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SEAL):
        total.update(path.relative_to(folder).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def is_sealed(folder: Path) -> bool:
    """Tell whether `folder` holds what its seal, a file with its `digest`, says."""
    try:
        return (folder / SEAL).read_text(encoding="ascii") == digest(folder)
    except (OSError, ValueError):
        return False


def say_not_kept(path: Path, error: OSError) -> None:
    """Tell the reader that a result could not be kept (a full disk, a read-only folder) but is there."""
    reason = error.strerror or "not everything could be written"
    language.say(
        f"'{path.name}' could not be kept in {path.parent} ({reason}): the work goes on without. "
        "To have it next time, make room or choose another folder, and run this again."
    )


def progress(items: Iterable, description: str, total: int | None = None) -> tqdm:
    """Wrap `items` in a progress bar that disappears when it is done.

    The bar stays silent when `COURSE_QUIET` is set, as it is while notebooks are executed for
    saving or checking: what they print must be the same in every run.
    """
    return tqdm(items, desc=language.translated(description), total=total, leave=False, disable=is_quiet())


def is_quiet() -> bool:
    """Return whether progress bars are switched off, by a `COURSE_QUIET` that is not empty."""
    return bool(os.environ.get("COURSE_QUIET"))


def cores() -> int:
    """Return how many processors this process may use: in a container, fewer than the machine has."""
    import joblib  # which knows the limits of containers and of schedulers

    return joblib.cpu_count()


class Stopwatch:
    """Seconds by the clock, and seconds of processor time, which other programs hardly disturb."""

    def __enter__(self) -> "Stopwatch":
        self.start = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *error: object) -> None:
        self.seconds = time.perf_counter() - self.start[0]
        self.cpu_seconds = time.process_time() - self.start[1]


def processor() -> str:
    """Return the processor's name: on Linux from the kernel, elsewhere what Python knows of it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


@functools.cache
def version(module: str) -> str:
    """Return the version of the package that a module comes from, by whichever name that was installed.

    `tensorflow` comes from `tensorflow-cpu` or from `tensorflow`. The module itself is not loaded.
    """
    return importlib.metadata.version(importlib.metadata.packages_distributions()[module][0])


def pins(requirements: str) -> dict[str, str]:
    """Return the pins of a `requirements.txt`, each with its condition and its sums, by what they pin."""
    found = re.findall(r"^(([a-z][^ =]*)==(?:.*\\\n)*.*)", requirements, re.MULTILINE)
    return {name: pin for pin, name in found}


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow, so that two runs on one machine start alike."""
    import keras

    checks.whole_number("seed", seed, 0, LARGEST_SEED)
    keras.utils.set_random_seed(seed)


class _QuietLibraries:
    """Keep what C and C++ libraries write to the process's standard error out of notebooks.

    TensorFlow logs while it is imported, whatever the log level, and image decoders complain about
    small oddities. In a notebook, Python's own messages do not travel there, so closing it for a
    moment loses nothing else; in a terminal, where they do, it stays open. Threads may overlap:
    `with quiet_libraries: ...`.
    """

    def __init__(self) -> None:
        self._lock, self._users = Lock(), 0
        self._kept: int | None = None

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1 and sys.stderr is not sys.__stderr__:
                self._kept = os.dup(2)
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 2)
                os.close(nowhere)

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._kept is not None:
                os.dup2(self._kept, 2)
                os.close(self._kept)
                self._kept = None


quiet_libraries = _QuietLibraries()
