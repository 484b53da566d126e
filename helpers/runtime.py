"""Where this runs: the course's folders, seeds, progress bars."""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from threading import Lock

from tqdm.auto import tqdm

COURSE_FOLDER = Path(__file__).resolve().parent.parent


def home() -> Path:
    """Return the folder under which the course keeps data, features and checkpoints.

    It is the course's own folder unless the environment variable `COURSE_HOME` names another
    (a larger disk, or a folder on Drive).
    """
    return Path(os.environ.get("COURSE_HOME", COURSE_FOLDER)).expanduser()


def kept(*parts: str) -> Path:
    """Return a path below the data folder, its parent made if need be: `kept("features", "a.npz")`."""
    return _with_parent(home().joinpath("data", *parts))


def local(*parts: str) -> Path:
    """Return a path for what need not outlast a session, such as thousands of unpacked photos.

    It lies where `kept` puts things, unless the environment variable `COURSE_LOCAL` names another
    folder: on Colab, the machine's own disk, since Drive is slow with many small files.
    """
    return _with_parent(Path(os.environ.get("COURSE_LOCAL", home())).expanduser().joinpath("data", *parts))


def _with_parent(path: Path) -> Path:
    with suppress(OSError):  # a folder that cannot be written may still be read; writing reports it
        path.parent.mkdir(parents=True, exist_ok=True)
    return path


def say_not_kept(path: Path, error: OSError) -> None:
    """Tell the reader that a result could not be kept (a full disk, a read-only folder) but is there."""
    reason = error.strerror or "not everything could be written"
    print(
        f"'{path.name}' could not be kept in {path.parent} ({reason}): the work goes on without. "
        "To have it next time, make room or choose another folder, and run this again."
    )


def progress(items: Iterable, description: str, total: int | None = None) -> tqdm:
    """Wrap `items` in a progress bar that disappears when it is done.

    The bar stays silent when `COURSE_QUIET` is set, as it is while notebooks are executed for
    saving or checking: what they print must be the same in every run.
    """
    return tqdm(items, desc=description, total=total, leave=False, disable=is_quiet())


def is_quiet() -> bool:
    """Return whether progress bars are switched off, by a `COURSE_QUIET` that is not empty."""
    return bool(os.environ.get("COURSE_QUIET"))


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow, so that two runs on one machine start alike."""
    import keras

    keras.utils.set_random_seed(seed)


class _QuietLibraries:
    """Keep what C and C++ libraries write to the process's standard error out of notebooks.

    TensorFlow logs while it is imported, whatever the log level, and image decoders complain about
    small oddities. In a notebook, Python's own messages do not travel there, so closing it for a
    moment loses nothing else; in a terminal, where they do, it stays open. Threads may overlap:
    `with quiet_libraries: ...`.
    """

    def __init__(self):
        self._lock, self._users, self._kept = Lock(), 0, None

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1 and sys.stderr is not sys.__stderr__:
                self._kept = os.dup(2)
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 2)
                os.close(nowhere)

    def __exit__(self, *error) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._kept is not None:
                os.dup2(self._kept, 2)
                os.close(self._kept)
                self._kept = None


quiet_libraries = _QuietLibraries()
