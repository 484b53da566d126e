"""Where the pictures come from: fetched and verified, from any folder, or drawn."""

import hashlib
import http.client
import os
import re
import tempfile
import unicodedata
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import pandas as pd

from . import checks, drawings, runtime

COMMIT = "9e4f1e1b8eb00fb52c7b1f7e271e573cbe5a2d2f"
GITHUB_ARCHIVE = f"https://github.com/ardamavi/Dog-Cat-Classifier/archive/{COMMIT}.zip"
KEPT_ARCHIVE = "dog-cat.zip"
MANIFEST = Path(__file__).with_name("dog_cat.sha256")
IMAGE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
# Pictures, but none that are read here: they are named, since their owner may miss them.
OTHER_SUFFIXES = (".avif", ".cr2", ".dng", ".heic", ".heif", ".jp2", ".jxl", ".nef", ".psd", ".svg")
CONNECT_SECONDS = 10

# The archive has 33 MB, its largest photo 73 kB. What is much larger is not the course's, and may be made
# to fill the disk or the memory.
MOST_ARCHIVE_BYTES, MOST_PHOTO_BYTES = 2**28, 2**20

# As many drawn pets as there are photos, a few of them slightly altered copies of another.
DRAWN_PETS, DRAWN_NEAR_DUPLICATES = 1399, 12

BANNER = """\
#################################################################################
##                                                                             ##
##  DRAWN PETS: these are NOT photographs.                                     ##
##                                                                             ##
##  The photos could not be fetched from GitHub, and there is no kept copy.    ##
##  So the lessons go on with drawn cats and dogs, and their results will not  ##
##  be those that the text speaks of.                                          ##
##                                                                             ##
##  To work on the photos, set COURSE_DATA to the archive or connect to the    ##
##  Internet, then restart the kernel and run the lesson again.                ##
##                                                                             ##
#################################################################################"""


class DataError(checks.CourseError):
    """The data set cannot be used as it is: the message says what is wrong and what to do."""


@contextmanager
def _disk_errors_told() -> Iterator[None]:
    """Turn a full disk, a folder that may not be read or written and their like into a `DataError`."""
    try:
        yield
    except checks.CourseError:
        raise
    except OSError as error:
        place, reason = error.filename or runtime.home() / "data", error.strerror or str(error)
        raise DataError(
            f"{place} cannot be read or written ({reason}). "
            "Make room or give yourself access, or set COURSE_HOME to another folder."
        ) from error


@_disk_errors_told()
def load_dog_cat() -> pd.DataFrame:
    """Return the course's 1,399 photos as a table with the columns `path` and `label`.

    `path` is an absolute path (str), `label` is 'cat' or 'dog'. Rows are sorted by label, then by
    number (cat.2.jpg before cat.10.jpg), with the index 0..n-1. `data.attrs["source"]` says where
    they came from, the first of these that is there:

    - `"COURSE_DATA"`: what this environment variable names, a path or URL of the zip archive, or a
      folder. An archive is unpacked once, into the data folder; a folder is used where it lies.
    - `"kept copy"`: the folder `data/dog-cat` that an earlier call unpacked. Where photos are unpacked
      on another disk than what is kept (see `runtime.local`), the archive `data/dog-cat.zip` that an
      earlier call made of them stands for it: one large file, for a disk that is slow with small ones.
    - `"GitHub"`: the archive of the pinned commit of ardamavi/Dog-Cat-Classifier.
    - `"drawn pets"`: when none of these is within reach; a banner says so.

    Every photo's SHA-256 is compared with the course's own list, `dog_cat.sha256`, at each call.
    Files that the list does not name are left out.

    Raises:
        DataError: `COURSE_DATA` names nothing usable, or a file is missing or differs from the list, or
            the data folder cannot be written.
    """
    named = os.environ.get("COURSE_DATA")
    kept_copy = runtime.local("dog-cat")
    data = _from_course_data(named, kept_copy) if named else _kept_or_fetched(kept_copy)
    if Path(data["path"].iloc[0]).parents[1] == kept_copy:
        _keep_archive(data)
    return data


def _kept_or_fetched(kept_copy: Path) -> pd.DataFrame:
    archive = runtime.kept(KEPT_ARCHIVE)
    if not kept_copy.exists() and archive.is_file():
        hint = f"Delete the file {archive} and run again: it will be made anew."
        try:
            _unpack(archive, kept_copy, hint)
        except zipfile.BadZipFile:
            raise DataError(f"{archive.name} is not a zip archive, or a damaged one. {hint}") from None
    if kept_copy.exists():
        verify(kept_copy, hint=f"Delete the folder {kept_copy} and run again: it will be fetched anew.")
        return _photo_table(kept_copy, "kept copy")
    try:
        _fetch(GITHUB_ARCHIVE, kept_copy)
    except _NoArchive:
        print(BANNER, flush=True)
        return _kept_drawings()
    return _photo_table(kept_copy, "GitHub")


@_disk_errors_told()
def load_folder(folder: str | Path) -> pd.DataFrame:
    """Return the images of any folder of class folders: columns `path` and `label`.

    `folder/robin/a.jpg` gets the label 'robin'. Images may lie deeper within a class folder; what
    counts as an image is decided by its suffix (see `IMAGE_SUFFIXES`). Hidden files and folders and links
    that lead nowhere are passed over; pictures of a kind that is not read, such as HEIC, are named in one
    line. Rows are ordered as in `load_dog_cat`, and `data.attrs["source"]` is `"folder"`.

    Raises:
        DataError: the folder is missing or empty, has no class folders or only one, or one of them
            holds no image.
    """
    if not isinstance(folder, str | os.PathLike):
        raise DataError(f"folder is {checks.shown(folder)}. Give the path of a folder, such as 'my_photos'.")
    folder = Path(folder).expanduser().absolute()
    wanted = "Give each class a folder of its own, named after it, with its images inside."
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}. Check the path's spelling.")
    classes = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not _is_hidden(entry.name))
    if not classes:
        loose = sum(entry.suffix.lower() in IMAGE_SUFFIXES for entry in folder.iterdir())
        raise DataError(f"{folder} holds {loose} images and no class folders. {wanted}")
    # A Mac writes é as e and an accent: one label must not be two, depending on who typed it.
    images = {unicodedata.normalize("NFC", entry.name): list(_images_in(entry)) for entry in classes}
    _name_what_is_not_read(classes)
    for label, paths in images.items():
        if not paths:
            raise DataError(
                f"The class folder {folder / label} holds no image. "
                f"Put images there ({', '.join(IMAGE_SUFFIXES)}) or remove the folder."
            )
    if len(images) == 1:
        raise DataError(
            f"{folder} holds one class only, {classes[0].name!r}. A classifier needs at least two."
        )
    return _table([(str(path), label) for label, paths in images.items() for path in paths], "folder")


@_disk_errors_told()
def draw_pets(
    n: int, seed: int, folder: str | Path | None = None, size: int = 256, near_duplicates: int = 0
) -> pd.DataFrame:
    """Draw `n` cats and dogs, save them as JPEG files and return their table, as `load_dog_cat` does.

    Half of them are cats (one more when `n` is odd), named `cat/cat.0.jpg`, `dog/dog.0.jpg` and so
    on, `size` pixels wide and high. The same `n` and `seed` give the same pictures; a larger `n`
    only adds to them. The last `near_duplicates` of them are altered copies of the first ones
    (brighter or darker, a few pixels cropped). They lie in `folder`, or in one of their own below `data`.
    `data.attrs["source"]` is `"drawn pets"`.

    Raises:
        DataError: `n` is too small to have both classes, or leaves no originals to copy.
    """
    for name, value, least in (("n", n, 0), ("seed", seed, 0), ("size", size, 1)):
        checks.whole_number(name, value, least)
    if n < 2 or not 0 <= near_duplicates <= n // 2:
        raise DataError(
            f"n is {n} and near_duplicates {near_duplicates}: such pets cannot be drawn. "
            "Draw at least one cat and one dog, and at most half of all as copies."
        )
    if folder is None:
        folder = runtime.local(f"drawn-pets-{n}-{seed}-{size}-{near_duplicates}")
    folder = Path(folder).expanduser().absolute()
    for label in ("cat", "dog"):
        (folder / label).mkdir(parents=True, exist_ok=True)

    def draw(index: int) -> tuple[str, str]:
        label = ("cat", "dog")[index % 2]
        path = folder / label / f"{label}.{index // 2}.jpg"
        drawn = _drawn_jpeg(index, n - near_duplicates, seed, size)
        if not path.is_file() or path.read_bytes() != drawn:  # or another process may be reading it
            with runtime.written_whole(path) as unfinished:
                unfinished.write_bytes(drawn)
        return str(path), label

    with ThreadPoolExecutor() as pool:
        rows = list(runtime.progress(pool.map(draw, range(n)), "Drawing pets", total=n))
    return _table(rows, "drawn pets")


def check() -> str:
    """Load the data set and say in one line what it holds: `1399 images, 700 cat, 699 dog, verified`.

    Drawn pets are called so, in place of `verified`. Raises `DataError` as `load_dog_cat` does.
    """
    data = load_dog_cat()
    state = "drawn, not photographs" if data.attrs["source"] == "drawn pets" else "verified"
    counts = ", ".join(f"{count} {label}" for label, count in data.label.value_counts().sort_index().items())
    return f"{len(data)} images, {counts}, {state}"


def manifest() -> dict[str, str]:
    """Return the SHA-256 sum of each photo, by its place: `{"cat/cat.0.jpg": "ab12…", …}`."""
    lines = MANIFEST.read_text(encoding="ascii").splitlines()
    pairs = (line.split("  ", 1) for line in lines)
    return {"/".join(PurePosixPath(name).parts[-2:]): checksum for checksum, name in pairs}


def verify(folder: Path, hint: str) -> None:
    """Compare the photos in `folder` (with its `cat` and `dog`) with the manifest.

    Raises:
        DataError: naming the first file that is missing or differs, and ending with `hint`.
    """
    sums = manifest()

    def problem(name: str) -> str | None:
        try:
            content = (folder / name).read_bytes()
        except OSError:
            return f"{name} is missing from {folder}, or cannot be read."
        return _difference(name, content, sums[name], folder)

    with ThreadPoolExecutor() as pool:
        found = next(filter(None, pool.map(problem, sums)), None)
    if found:
        raise DataError(f"{found} {hint}")


def _difference(name: str, content: bytes, checksum: str, where: object) -> str | None:
    if hashlib.sha256(content).hexdigest() == checksum:
        return None
    return f"{name} in {where} is not the course's photo: its SHA-256 sum differs."


# --- from COURSE_DATA or GitHub ---------------------------------------------------------------------


class _NoArchive(Exception):
    """No archive came from a URL."""


def _from_course_data(named: str, kept_copy: Path) -> pd.DataFrame:
    hint = (
        "Set COURSE_DATA to the data set's archive or folder, or unset it; load_folder reads your own photos."
    )
    url = urllib.parse.urlparse(named)
    if url.scheme in ("http", "https"):
        if not _is_intact(kept_copy):
            try:
                _fetch(named, kept_copy)
            except _NoArchive as error:
                raise DataError(
                    f"COURSE_DATA names {named}: no archive came from there ({error}). {hint}"
                ) from None
        return _photo_table(kept_copy, "COURSE_DATA")

    path = _existing(urllib.request.url2pathname(url.path) if url.scheme == "file" else named)
    if path is None:
        raise DataError(f"COURSE_DATA names {named}, which does not exist. {hint}")
    if path.is_dir():
        folder = next((f for f in (path, path / "Data" / "Train_Data") if (f / "cat").is_dir()), None)
        if folder is None:
            raise DataError(f"COURSE_DATA names {path}, in which there is no folder cat. {hint}")
        verify(folder, hint)
        return _photo_table(folder, "COURSE_DATA")
    try:
        _unpack(path, kept_copy)
    except zipfile.BadZipFile:
        raise DataError(f"COURSE_DATA names {path}: not a zip archive, or a damaged one. {hint}") from None
    return _photo_table(kept_copy, "COURSE_DATA")


def _existing(name: str) -> Path | None:
    """Find `name` from where we are, or from the course's folder: a notebook runs in a folder below it."""
    path = Path(name).expanduser()
    return next((p for p in (path.absolute(), (runtime.COURSE_FOLDER / path).resolve()) if p.exists()), None)


def _is_intact(folder: Path) -> bool:
    try:
        verify(folder, hint="")
    except DataError:
        return False
    return True


def _fetch(url: str, target: Path) -> None:
    """Download the archive at `url` and unpack it into `target`; raise `_NoArchive` if none comes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    runtime.clear_leftovers(target.parent)
    begun = target.with_name(f".download-{hashlib.sha256(url.encode()).hexdigest()[:8]}.zip")
    archive = target.with_name(f"{runtime.UNFINISHED}{os.getpid()}{begun.name}")
    with suppress(FileNotFoundError):
        begun.replace(archive)  # of two processes, one gets what an earlier download left
    try:
        _download(url, archive)
        _unpack(archive, target)
        archive.unlink()
    except zipfile.BadZipFile:
        # Such as the sign-in page of a hotel's or campus's Wi-Fi.
        archive.unlink()
        raise _NoArchive("what came is not a zip archive") from None
    except (_BrokenOff, KeyboardInterrupt):
        archive.replace(begun)  # the next download goes on from there
        raise
    finally:
        with suppress(OSError):
            archive.unlink()


class _BrokenOff(_NoArchive):
    """A part of the archive came."""


def _download(url: str, archive: Path) -> None:
    """Write what is at `url` to `archive`, from where that file ends, and again as long as more comes."""
    while True:
        before = archive.stat().st_size if archive.exists() else 0
        try:
            _append(url, archive, before)
            return
        except (OSError, ValueError, EOFError, http.client.HTTPException) as error:
            if isinstance(error, checks.CourseError):
                raise
            if isinstance(error, urllib.error.HTTPError) and error.code == 416 and before:
                archive.unlink()  # there is nothing from there on: another archive than before, so anew
                continue
            here = archive.stat().st_size if archive.exists() else 0
            if here <= before:
                reason = " ".join(str(error).split()) or type(error).__name__
                if here:
                    raise _BrokenOff(
                        f"{reason}; {here:,} bytes have come, and the next try goes on there"
                    ) from None
                raise _NoArchive(reason) from None


def _append(url: str, archive: Path, start: int) -> None:
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    with urllib.request.urlopen(request, timeout=CONNECT_SECONDS) as reply:
        if start and reply.status == 206:
            mode, there = "ab", start
        else:  # from the start, or a server that knows no ranges and sends all of it
            mode, there = "wb", 0
        expected = None if reply.length is None else there + reply.length
        with _disk_errors_told():
            file = archive.open(mode)
        with file:
            chunks = iter(lambda: reply.read(2**16), b"")
            for chunk in runtime.progress(chunks, "Downloading photos (64 kB each)"):
                there += len(chunk)
                if there > MOST_ARCHIVE_BYTES:
                    raise DataError(
                        f"{url} sends more than {MOST_ARCHIVE_BYTES // 2**20} MiB; the archive has 33 MB. "
                        "Check the address."
                    )
                with _disk_errors_told():
                    file.write(chunk)
    if expected is not None and there < expected:  # `read` ends without an error when a connection breaks
        raise EOFError("the connection broke off")


def pack(data: pd.DataFrame, archive: Path) -> None:
    """Pack pictures, each in its class's folder; uncompressed, as JPEG files are already.

    The same pictures make the same bytes, whenever it is done.
    """
    checks.table(data, "path", "label")
    with zipfile.ZipFile(archive, "w") as opened:
        for path, label in zip(data["path"], data["label"]):
            opened.writestr(zipfile.ZipInfo(f"{label}/{Path(path).name}"), Path(path).read_bytes())


def _keep_archive(data: pd.DataFrame) -> None:
    """Write the kept archive where unpacked photos are not kept."""
    archive = runtime.kept(KEPT_ARCHIVE)
    if archive == runtime.local(KEPT_ARCHIVE) or archive.is_file():
        return
    try:
        with runtime.written_whole(archive) as unfinished:
            pack(data, unfinished)
    except OSError as error:
        runtime.say_not_kept(archive, error)


def _unpack(
    archive: Path, target: Path, hint: str = "Get the archive anew, from GitHub or from your teacher."
) -> None:
    """Verify every photo in `archive`, and leave them in `target` unless they are there already.

    Only files that the manifest names are taken, and they are written under the manifest's names,
    never under the archive's own: no archive can write outside `target`.
    """
    with _opened_zip(archive) as opened:
        photos = _verified_photos(opened, hint)
        if _is_intact(target):
            deque(photos, maxlen=0)
            return
        with _built_beside(target) as folder:
            for name, content in photos:
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_bytes(content)


def _opened_zip(archive: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except (PermissionError, zipfile.BadZipFile):
        raise
    except Exception as error:  # whatever else a damaged directory of members provokes
        raise zipfile.BadZipFile(str(error)) from None


def _verified_photos(archive: zipfile.ZipFile, hint: str) -> Iterator[tuple[str, bytes]]:
    """Yield `(name, content)` of every photo; raise `DataError` at the first that is missing or differs."""
    sums, where = manifest(), Path(archive.filename or "the archive").name
    # The photos may lie at any depth: most of them share one prefix, which is where to look.
    members = archive.namelist()
    prefixes = Counter(m.removesuffix(n) for m in members if (n := "/".join(m.split("/")[-2:])) in sums)
    prefix = max(prefixes, key=prefixes.__getitem__, default="")
    for name, checksum in sums.items():
        try:
            size = archive.getinfo(prefix + name).file_size
        except KeyError:
            raise DataError(f"{name} is missing from {where}. {hint}") from None
        if size > MOST_PHOTO_BYTES:
            raise DataError(f"{name} in {where} unpacks to {size:,} bytes, which no photo has. {hint}")
        try:
            content = archive.read(prefix + name)
        except Exception:  # damaged, encrypted, compressed by an unknown method: each has its own error
            raise DataError(f"{name} in {where} is damaged or encrypted. {hint}") from None
        if problem := _difference(name, content, checksum, where):
            raise DataError(f"{problem} {hint}")
        yield name, content


@contextmanager
def _built_beside(target: Path) -> Iterator[Path]:
    """Give an empty folder that takes the place of `target` once the block has succeeded.

    If the block fails, `target` stays as it was and nothing else is left behind. If another process has
    put its own there in the meantime, that one stays: someone may be reading it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    runtime.clear_leftovers(target.parent)
    before = _identity(target)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=runtime.UNFINISHED) as temporary:
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


# --- drawn ------------------------------------------------------------------------------------------


def _kept_drawings() -> pd.DataFrame:
    """Return the drawn set that stands in for the photos; draw it if it is not kept yet."""
    folder, seed, size = runtime.local("drawn-pets"), 0, 256
    drawn_now = [_drawn_jpeg(index, DRAWN_PETS, seed, size) for index in (0, 1)]
    names = [f"{label}/{label}.{i}.jpg" for i in range(-(-DRAWN_PETS // 2)) for label in ("cat", "dog")]
    files = [folder / name for name in names[:DRAWN_PETS]]
    # What an earlier version of the course drew does not count, nor what has lost a file.
    if not all(f.is_file() for f in files) or [f.read_bytes() for f in files[:2]] != drawn_now:
        with _built_beside(folder) as unfinished:
            draw_pets(DRAWN_PETS, seed, unfinished, size, DRAWN_NEAR_DUPLICATES)
    return _table([(str(f.absolute()), f.parent.name) for f in files], "drawn pets")


def _drawn_jpeg(index: int, n_originals: int, seed: int, size: int) -> bytes:
    """Return picture `index` of a drawn set as a JPEG file's bytes; from `n_originals` on, altered copies."""
    original = index if index < n_originals else index % 2 + 2 * ((index - n_originals) // 2)
    image = drawings.draw_pet(("cat", "dog")[index % 2], seed * 1_000_003 + original, size)
    if index != original:
        rng = np.random.default_rng([seed, index])
        margin = max(1, size // 64)
        image = cv2.resize(image[margin:, : size - margin], (size, size), interpolation=cv2.INTER_AREA)
        image = cv2.convertScaleAbs(image, alpha=rng.uniform(0.85, 1.1))
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return encoded.tobytes()


# --- tables -----------------------------------------------------------------------------------------


def _photo_table(folder: Path, source: str) -> pd.DataFrame:
    return _table([(str(folder / name), PurePosixPath(name).parent.name) for name in manifest()], source)


def _table(rows: list[tuple[str, str]], source: str) -> pd.DataFrame:
    rows = sorted(rows, key=lambda row: (row[1], _natural(row[0])))
    data = pd.DataFrame(rows, columns=["path", "label"])
    data.attrs["source"] = source
    return data


def _natural(text: str) -> list[tuple[int, str]]:
    """Return a sorting key that takes digits as numbers: 'cat.2.jpg' before 'cat.10.jpg'."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text)]


def _images_in(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        inside = path.relative_to(folder).parts
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() and not any(map(_is_hidden, inside)):
            yield path


def _name_what_is_not_read(classes: list[Path]) -> None:
    files = (path for folder in classes for path in folder.rglob("*") if path.is_file())
    names = [path.name for path in files if path.suffix.lower() in OTHER_SUFFIXES and path.name[0] != "."]
    if names:
        shown = ", ".join(sorted(names)[:3]) + (", …" if len(names) > 3 else "")
        print(f"Left out, since the course cannot read their format: {shown}. Export them as JPEG or PNG.")


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "__"))
