"""Where the pictures come from: fetched and verified, from any folder, or drawn."""

import hashlib
import http.client
import os
import re
import shutil
import ssl
import tempfile
import textwrap
import unicodedata
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath, PureWindowsPath

import cv2
import numpy as np
import pandas as pd
from PIL.TiffImagePlugin import TiffImageFile

from . import checks, drawings, images, runtime

COMMIT = "9e4f1e1b8eb00fb52c7b1f7e271e573cbe5a2d2f"
GITHUB_ARCHIVE = f"https://github.com/ardamavi/Dog-Cat-Classifier/archive/{COMMIT}.zip"
KEPT_ARCHIVE = "dog-cat.zip"
VERIFIED = ("COURSE_DATA", "kept copy", "GitHub")  # the sources of what has been compared with the manifest
MANIFEST = Path(__file__).with_name("dog_cat.sha256")
IMAGE_SUFFIXES = (
    *(".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"),
    *(".jfif", ".jpe", ".pjpeg", ".pjp"),  # as browsers on Windows save a JPEG
)
# Pictures, but none that are read here. Some cameras' raw files begin as a TIFF file does.
OTHER_SUFFIXES = (
    *(".avif", ".heic", ".heif", ".jp2", ".jxl", ".psd", ".svg"),
    *(".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".pef", ".raf", ".rw2"),
)
# What systems leave in folders of pictures, besides what begins with a dot.
OF_THE_SYSTEM = ("__macosx", "__pycache__", "@eadir", "thumbs.db", "desktop.ini")
# How the parts are called of a set that somebody has divided: train, validation, test1, training_set.
PART = re.compile(
    r"(train(ing)?|val(id(ation)?)?|dev|test(ing)?|eval(uation)?)([ _-]?(set|data|images))?[ _-]?\d*",
    re.IGNORECASE,
)
CONNECT_SECONDS = 10

# The archive has 33 MB, its largest photo 73 kB. What is much larger is not the course's, and may be made
# to fill the disk or the memory.
MOST_ARCHIVE_BYTES, MOST_PHOTO_BYTES = 2**28, 2**20

# As many drawn pets as there are photos, a few of them slightly altered copies of another.
DRAWN_PETS, DRAWN_NEAR_DUPLICATES = 1399, 12

BANNER = """
DRAWN PETS: these are NOT photographs.

The photos could not be fetched from GitHub, and there is no kept copy.
{reason}

So the lessons go on with drawn cats and dogs, and their results will not
be those that the text speaks of.

{advice}
"""
CONNECT = """\
To work on the photos, set COURSE_DATA to the archive or connect to the
Internet, then restart the kernel and run the lesson again."""
FETCH_BY_HAND = """\
This network, or this Python, lacks a certificate: a browser may have it.
To work on the photos, fetch the archive with a browser or ask your
teacher for it, set COURSE_DATA to it, then restart the kernel and run
the lesson again."""


class DataError(checks.CourseError):
    """The data set cannot be used as it is: the message says what is wrong and what to do."""


@contextmanager
def _disk_errors_explained() -> Iterator[None]:
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


@_disk_errors_explained()
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

    Example:
        >>> data = datasets.load_dog_cat()
        >>> data["label"].value_counts().to_dict()
        {'cat': 700, 'dog': 699}

    See also: `load_folder` for pictures of one's own, `draw_pets` for drawn ones.
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
    except _NoArchive as error:
        print(_banner(error), flush=True)
        return _kept_drawings()
    return _photo_table(kept_copy, "GitHub")


@_disk_errors_explained()
def load_folder(folder: str | Path) -> pd.DataFrame:
    """Return the images of any folder of class folders: columns `path` and `label`.

    `folder/robin/a.jpg` gets the label 'robin'. Images may lie deeper within a class folder, and linked
    folders are followed. What counts as an image is decided by its suffix (see `IMAGE_SUFFIXES`), or by its
    first bytes where it has another one or none. Hidden files and folders are passed over; one line says
    what else was left out, and why. Rows are ordered as in `load_dog_cat`, and `data.attrs["source"]` is
    `"folder"`.

    Where all folders are named as parts of a set, `folder/train/robin/a.jpg`, the label is 'robin' all the
    same. A further column `part` says 'train', and one line how many images each part has.

    A zip archive is unpacked once into the data folder and read from there.

    Raises:
        CourseError: what is given is no path.
        DataError: the folder is missing or empty, has no class folders or only one, or one of them
            holds no image; the archive is damaged, encrypted, unsafe or too large.

    Example:
        >>> _ = datasets.draw_pets(12, seed=0, folder="my_pets")
        >>> data = datasets.load_folder("my_pets")
        >>> data["label"].value_counts().to_dict()
        {'cat': 6, 'dog': 6}

    See also: `load_unlabelled` for images to predict on.
    """
    folder, left_out = _folder_of(folder), defaultdict(list)
    inside, files = _visible(folder, left_out)
    loose = _pictures(files, left_out)
    is_divided = bool(inside) and all(PART.fullmatch(entry.name) for entry in inside)
    class_folders, unlabelled = ([("", entry) for entry in inside], {})
    if is_divided:
        class_folders, unlabelled = _inside_parts(inside, left_out)
    if not class_folders:
        parts = f" in the parts {_listed(unlabelled)} of a data set" if unlabelled else ""
        raise DataError(
            f"{folder} holds {len(loose) + sum(unlabelled.values())} images{parts} and no class folders. "
            "Give each class a folder of its own, named after it, with its images inside; "
            "images without labels are read by load_unlabelled."
        )
    left_out["outside the class folders"] += loose
    images_of = {(part, entry): _pictures_below(entry, left_out) for part, entry in class_folders}
    _say_left_out(left_out)
    _check_classes(folder, images_of, is_divided)
    rows = [(str(path), _label(entry), part) for (part, entry), paths in images_of.items() for path in paths]
    if not is_divided:
        return _table([row[:2] for row in rows], "folder")
    data = _table(rows, "folder", ["path", "label", "part"])
    _say_parts(data, [entry.name for entry in inside], unlabelled)
    return data


@_disk_errors_explained()
def load_unlabelled(folder: str | Path) -> pd.DataFrame:
    """Return all images below a folder, or in a zip archive, to predict on: the column `path` alone.

    What counts as an image, what is passed over and the order are those of `load_folder`; names of folders
    mean nothing. `data.attrs["source"]` is `"folder"`.

    Raises:
        CourseError: what is given is no path.
        DataError: the folder is missing or holds no image; the archive is damaged, encrypted, unsafe or too
            large.

    Example:
        >>> _ = datasets.draw_pets(12, seed=0, folder="my_pets")
        >>> datasets.load_unlabelled("my_pets").shape
        (12, 1)

    See also: `load_folder` for images with labels.
    """
    folder, left_out = _folder_of(folder), defaultdict(list)
    paths = _pictures_below(folder, left_out)
    _say_left_out(left_out)
    if not paths:
        raise DataError(f"{folder} holds no image. Put images there: {', '.join(IMAGE_SUFFIXES)}.")
    return _table([(str(path), "") for path in paths], "folder")[["path"]]


@_disk_errors_explained()
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

    Example:
        >>> data = datasets.draw_pets(12, seed=0)
        >>> data["label"].value_counts().to_dict()
        {'cat': 6, 'dog': 6}
        >>> Path(data["path"][0]).name
        'cat.0.jpg'
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
    folder = runtime.path_of(folder, "folder").absolute()
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
    """Return the SHA-256 sum of each photo, by its place: `{"cat/cat.0.jpg": "ab12…", …}`.

    Example:
        >>> sums = datasets.manifest()
        >>> len(sums), len(sums["cat/cat.0.jpg"])
        (1399, 64)
    """
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

    path = _existing(runtime.path_of(named, "COURSE_DATA"))
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


def _existing(path: Path) -> Path | None:
    """Find `path` from where we are, or from the course's folder: a notebook runs in a folder below it."""
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
    runtime.trust_certifi()
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
                reason = " ".join(str(error).split()).removeprefix("<urlopen error ").removesuffix(">")
                reason = reason or type(error).__name__
                if here:
                    raise _BrokenOff(
                        f"{reason}; {here:,} bytes have come, and the next try goes on there"
                    ) from error
                raise _NoArchive(reason) from error


def _append(url: str, archive: Path, start: int) -> None:
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    with urllib.request.urlopen(request, timeout=CONNECT_SECONDS) as reply:
        if start and reply.status == 206:
            mode, there = "ab", start
        else:  # from the start, or a server that knows no ranges and sends all of it
            mode, there = "wb", 0
        expected = None if reply.length is None else there + reply.length
        with _disk_errors_explained():
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
                with _disk_errors_explained():
                    file.write(chunk)
    if expected is not None and there < expected:  # `read` ends without an error when a connection breaks
        raise EOFError("the connection broke off")


def _banner(error: _NoArchive) -> str:
    """Say in a box that there are drawn pets in place of photos, and why."""
    reason = textwrap.wrap(f"The reason: {error}", 73, max_lines=2, placeholder=" …")
    refused = isinstance(getattr(error.__cause__, "reason", None), ssl.SSLCertVerificationError)
    text = BANNER.format(reason="\n".join(reason), advice=FETCH_BY_HAND if refused else CONNECT)
    return "\n".join(
        ["#" * 81, *(f"##  {line:<73}  ##" for line in text.splitlines()), "##" + " " * 77 + "##", "#" * 81]
    )


def pack(data: pd.DataFrame, archive: Path) -> None:
    """Pack pictures, each in its class's folder; uncompressed, as JPEG files are already.

    The same pictures make the same bytes, whenever it is done. Where a class has two files of one name, from
    different folders, the second is numbered: `cat/1.jpg`, `cat/1-2.jpg`.
    """
    checks.table(data, "path", "label")
    taken = set()
    with zipfile.ZipFile(archive, "w") as opened:
        for path, label in zip(map(Path, data["path"]), data["label"]):
            name, number = f"{label}/{path.name}", 1
            while name.casefold() in taken:  # to some disks, Cat and cat are one
                number += 1
                name = f"{label}/{path.stem}-{number}{path.suffix}"
            taken.add(name.casefold())
            opened.writestr(zipfile.ZipInfo(name), path.read_bytes())


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
        try:
            return zipfile.ZipFile(archive, metadata_encoding="utf-8")  # a Mac does not say that it is so
        except UnicodeDecodeError:
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
    with tempfile.TemporaryDirectory(
        dir=target.parent,
        prefix=runtime.UNFINISHED,
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


# --- drawn ------------------------------------------------------------------------------------------


def _kept_drawings() -> pd.DataFrame:
    """Return the drawn set that stands in for the photos; draw it if it is not kept yet."""
    folder, seed, size = runtime.local("drawn-pets"), 0, 256
    drawn_now = [_drawn_jpeg(index, DRAWN_PETS, seed, size) for index in (0, 1)]
    names = [f"{label}/{label}.{i}.jpg" for i in range(-(-DRAWN_PETS // 2)) for label in ("cat", "dog")]
    files = [folder / name for name in names[:DRAWN_PETS]]
    # What an earlier version of the course drew does not count, nor what has changed or lost a file since.
    is_whole = all(f.is_file() for f in files) and runtime.is_sealed(folder)
    if not is_whole or [f.read_bytes() for f in files[:2]] != drawn_now:
        with _built_beside(folder) as unfinished:
            draw_pets(DRAWN_PETS, seed, unfinished, size, DRAWN_NEAR_DUPLICATES)
            (unfinished / runtime.SEAL).write_text(runtime.digest(unfinished), encoding="ascii")
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


def _table(
    rows: list[tuple[str, ...]], source: str, columns: Iterable[str] = ("path", "label")
) -> pd.DataFrame:
    rows = sorted(rows, key=lambda row: (row[1], _natural(row[0])))
    data = pd.DataFrame(rows, columns=columns)
    data.attrs["source"] = source
    return data


def _natural(text: str) -> list[tuple[int, str]]:
    """Return a sorting key that takes digits as numbers: 'cat.2.jpg' before 'cat.10.jpg'."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text)]


# --- folders as people have them ------------------------------------------------------------------------


def _folder_of(value: str | Path) -> Path:
    """Return the folder that a reader names; a zip archive is unpacked first."""
    path = runtime.path_of(value, "folder").absolute()
    if path.is_file():
        return _unpacked(path)
    if not path.is_dir():
        raise DataError(f"There is no folder {path}. Check the path's spelling.")
    return path


def _visible(folder: Path, left_out: dict[str, list]) -> tuple[list[Path], list[Path]]:
    """List a folder: the folders in it, linked ones last, and the files; hidden things are passed over."""
    folders, linked, files = [], [], []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = folder / entry.name
            if _is_hidden(entry.name):
                continue
            try:
                is_folder, is_file = entry.is_dir(), entry.is_file()
            except OSError:  # a link that leads to itself
                is_folder = is_file = False
            if is_folder:
                (linked if entry.is_symlink() else folders).append(path)
            elif is_file:
                files.append(path)
            elif entry.is_symlink():
                left_out["links that lead nowhere"].append(path)
    return folders + linked, files


def _pictures_below(folder: Path, left_out: dict[str, list]) -> list[Path]:
    """Find all pictures below a folder, each folder's once, by whatever links it is reached."""
    # Nor may a link lead back up: all classes would be in each.
    seen = {above.resolve() for way in (folder, folder.resolve()) for above in way.parents}
    pictures, waiting = [], deque([folder])
    while waiting:
        current = waiting.popleft()
        if (real := current.resolve()) in seen:
            continue
        seen.add(real)
        folders, files = _visible(current, left_out)
        pictures += _pictures(files, left_out)
        for path in folders:  # links wait until the last, so that a folder counts where it lies
            (waiting.append if path.is_symlink() else waiting.appendleft)(path)
    return pictures


def _pictures(files: Iterable[Path], left_out: dict[str, list]) -> list[Path]:
    """Pick the pictures out of `files`, and sort the others into `left_out`, by reason."""
    pictures = []
    for path in files:
        reason = None if path.suffix.lower() in IMAGE_SUFFIXES else _why_no_picture(path)
        (left_out[reason] if reason else pictures).append(path)
    return pictures


def _why_no_picture(path: Path) -> str | None:
    """Say why a file is not read as a picture, by its first bytes; None if it is."""
    named = path.suffix.lower() in OTHER_SUFFIXES
    try:
        with path.open("rb") as file:
            start = file.read(32)
            opens = next((opens for known, opens in images.HEADERS.items() if start.startswith(known)), None)
            if opens and not (named and opens is TiffImageFile):
                file.seek(0)
                with suppress(Exception):  # whatever a file provokes that begins as a picture by chance
                    opens(file)
                    return None
    except OSError:
        return "cannot be opened"
    named = named or any(re.match(kind, start, re.DOTALL) for kind in images.OTHER_KINDS.values())
    return "format not read, export as JPEG or PNG" if named else "no picture"


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in OF_THE_SYSTEM


def _inside_parts(
    parts: list[Path], left_out: dict[str, list]
) -> tuple[list[tuple[str, Path]], dict[str, int]]:
    """List the class folders inside of parts, and count the pictures of parts that have no class folders."""
    class_folders, unlabelled = [], {}
    for part in parts:
        folders, files = _visible(part, left_out)
        loose = _pictures(files, left_out)
        class_folders += [(part.name, folder) for folder in folders]
        if folders:
            left_out["outside the class folders"] += loose
        elif loose:
            unlabelled[part.name] = len(loose)
    return class_folders, unlabelled


def _check_classes(folder: Path, images_of: dict[tuple[str, Path], list[Path]], is_divided: bool) -> None:
    """Refuse classes without images, one class alone, and parts taken for classes; tell names much alike."""
    labels = sorted({_label(entry) for (_, entry), paths in images_of.items() if paths})
    for _, entry in images_of:
        if _label(entry) not in labels:
            raise DataError(
                f"The class folder {entry} holds no image. "
                f"Put images there ({', '.join(IMAGE_SUFFIXES)}) or remove the folder."
            )
    deep = [entry for (_, entry), paths in images_of.items() if all(path.parent != entry for path in paths)]
    parts = [] if is_divided else [entry.name for entry in deep if PART.fullmatch(entry.name)]
    if len(parts) > 1:  # train/cat and test/cat, with something else beside them
        others = _listed(entry.name for _, entry in images_of if entry.name not in parts)
        raise DataError(
            f"{folder} holds the parts {_listed(parts)} of a data set, and beside them {others}. "
            f"Move {others} elsewhere, or give the path of one part."
        )
    if len(labels) == 1:
        inner = f" If it holds class folders itself, give the path {deep[0]}." if deep else ""
        raise DataError(
            f"{folder} holds one class only, {labels[0]!r}. A classifier needs at least two.{inner}"
        )
    spellings = defaultdict(list)
    for label in labels:
        spellings["".join(label.casefold().split())].append(repr(label))
    alike = [label for spelt in spellings.values() if len(spelt) > 1 for label in spelt]
    if alike:
        print(
            f"Classes whose names differ only in capitals or blanks stay separate: {', '.join(alike)}. "
            "Rename the folders if they are one class."
        )


def _label(class_folder: Path) -> str:
    """Return a class's name: one label, whether é was typed on a Mac, as e and an accent, or elsewhere."""
    return unicodedata.normalize("NFC", class_folder.name)


def _say_left_out(left_out: dict[str, list[Path]]) -> None:
    left_out = {reason: paths for reason, paths in left_out.items() if paths}
    n = sum(map(len, left_out.values()))
    if n:
        reasons = (
            f"{reason} ({len(paths)}: {_listed(path.name for path in paths)})"
            for reason, paths in left_out.items()
        )
        print(f"Left out {n:,} file{'s' * (n > 1)}: {'; '.join(reasons)}.")


def _say_parts(data: pd.DataFrame, parts: list[str], unlabelled: dict[str, int]) -> None:
    counts = pd.crosstab(data["part"], data["label"])
    totals = counts.sum(axis=1).reindex([part for part in parts if part not in unlabelled], fill_value=0)
    said = [", ".join(f"{part} {n:,}" for part, n in totals.items()) + " images"]
    missing = {part: [label for label in counts if not counts.at[part, label]] for part in counts.index}
    said += [f"{part} has no {_listed(labels)}" for part, labels in missing.items() if labels]
    said += [
        f"{n:,} in {part} are left out, which has no class folders (load_unlabelled reads them)"
        for part, n in unlabelled.items()
    ]
    print(f"The folder is divided, as the column 'part' says: {'; '.join(said)}.")


def _listed(names: Iterable[str]) -> str:
    """Name up to three, in order."""
    names = sorted(os.fsencode(name).decode("utf-8", "replace") for name in names)
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


# --- a zip archive of pictures ----------------------------------------------------------------------------


def _unpacked(archive: Path) -> Path:
    """Return where `archive` was unpacked, now or before; its only folder, if there are others in that."""
    target = runtime.local("unpacked", runtime.sha256(archive)[:16])
    if not target.exists():
        try:
            with _opened_zip(archive) as opened:
                _unpack_pictures(opened, target)
        except zipfile.BadZipFile as error:
            raise DataError(
                f"{archive} is no folder, and no zip archive or a damaged one ({error}). "
                "Get it anew, or unpack it yourself and give the folder."
            ) from None
    folders, _ = _visible(target, defaultdict(list))
    if len(folders) == 1 and any(entry.is_dir() for entry in folders[0].iterdir()):
        return folders[0]
    return target


def _unpack_pictures(archive: zipfile.ZipFile, target: Path) -> None:
    """Unpack all that is not hidden, beside `target` and then in its place; refuse what is unsafe."""
    name = Path(archive.filename).name
    members = {member: _place_inside(name, member.filename) for member in archive.infolist()}
    members = {member: place for member, place in members.items() if not any(map(_is_hidden, place.parts))}
    if any(member.flag_bits & 1 for member in members):
        raise DataError(f"{name} is encrypted. Unpack it with its password and give the folder.")
    needed, free = sum(member.file_size for member in members), shutil.disk_usage(target.parent).free
    if needed > free:
        raise DataError(
            f"{name} unpacks to {needed / 2**20:,.0f} MiB, and {target.parent} has {free / 2**20:,.0f} left. "
            "Make room, or set COURSE_HOME to a folder on another disk."
        )
    with _built_beside(target) as folder:
        for member, place in runtime.progress(members.items(), "Unpacking pictures"):
            path = folder / place
            if member.filename.endswith(("/", "\\")):
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                file = path.open("xb")
            except FileExistsError:
                raise DataError(
                    f"{name} holds {place} twice, or in two spellings that are one on this disk. "
                    "Rename one of them, and pack them again."
                ) from None
            with file:
                file.writelines(_content_of(archive, member))


def _place_inside(archive: str, name: str) -> PurePosixPath:
    """Return where a member of an archive belongs; refuse one that leads out of the folder."""
    place = PurePosixPath(name.replace("\\", "/"))  # as some programs on Windows write it
    if place.is_absolute() or ".." in place.parts or PureWindowsPath(name).drive:
        raise DataError(
            f"{archive} would write outside of its folder, to {checks.shown(name)}. "
            "Do not use it: get it anew from someone you trust."
        )
    return place


def _content_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield a member's bytes, piece by piece: no more than the archive says that it has."""
    try:
        with archive.open(member) as opened:
            yield from iter(lambda: opened.read(2**20), b"")
    except Exception as error:  # damaged, compressed by an unknown method: each has its own error
        raise zipfile.BadZipFile(f"{member.filename}: {error}") from None
