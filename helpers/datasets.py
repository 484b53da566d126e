"""Where the pictures come from: the course's photos, any folder, or drawn. Each is a table of paths."""

import re
import ssl
import textwrap
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import pandas as pd

from . import checks, drawings, language, runtime
from .checks import DataError
from .sources import drive, folders, published, zips

COMMIT = "9e4f1e1b8eb00fb52c7b1f7e271e573cbe5a2d2f"
DOG_CAT = published.Archive(
    name="dog-cat",
    variable="COURSE_DATA",
    url=f"https://github.com/ardamavi/Dog-Cat-Classifier/archive/{COMMIT}.zip",
    manifest=Path(__file__).with_name("dog_cat.sha256"),
    inner="Data/Train_Data",
    item="photo",
)
VERIFIED = ("COURSE_DATA", "kept copy", "GitHub")  # the sources of what has been compared with the manifest

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


@runtime.disk_errors_explained()
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
    try:
        folder, source = DOG_CAT.locate()
    except published.NoArchive as error:
        language.say(_banner(error), flush=True)
        return _kept_drawings()
    names = DOG_CAT.sums()
    return _table([(str(folder / name), PurePosixPath(name).parent.name) for name in names], source)


@runtime.disk_errors_explained()
def load_folder(folder: str | Path) -> pd.DataFrame:
    """Return the images of any folder of class folders: columns `path` and `label`.

    `folder/robin/a.jpg` gets the label 'robin'. Images may lie deeper within a class folder, and linked
    folders are followed. What counts as an image is decided by its suffix (see `folders`), or by its
    first bytes where it has another one or none. Hidden files and folders are passed over; one line says
    what else was left out, and why. Rows are ordered as in `load_dog_cat`, and `data.attrs["source"]` is
    `"folder"`.

    Where all folders are named as parts of a set, `folder/train/robin/a.jpg`, the label is 'robin' all the
    same. A further column `part` says 'train', and one line how many images each part has.

    A zip archive is unpacked once into the data folder and read from there. What lies on Drive, as Colab
    mounts it, is copied to the local disk first: once, and later what has changed.

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
    rows = folders.labelled(_folder_of(folder))
    return _table(rows, "folder", ["path", "label", "part"][: len(rows[0])])


@runtime.disk_errors_explained()
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
    return _table([(path, "") for path in folders.pictures(_folder_of(folder))], "folder")[["path"]]


@runtime.disk_errors_explained()
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


def summary() -> str:
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
    return DOG_CAT.sums()


# --- drawn ------------------------------------------------------------------------------------------


def _banner(error: published.NoArchive) -> str:
    """Say in a box that there are drawn pets in place of photos, and why."""
    reason = textwrap.wrap(f"The reason: {error}", 73, max_lines=2, placeholder=" …")
    refused = isinstance(getattr(error.__cause__, "reason", None), ssl.SSLCertVerificationError)
    text = BANNER.format(reason="\n".join(reason), advice=FETCH_BY_HAND if refused else CONNECT)
    return "\n".join(
        ["#" * 81, *(f"##  {line:<73}  ##" for line in text.splitlines()), "##" + " " * 77 + "##", "#" * 81]
    )


def _kept_drawings() -> pd.DataFrame:
    """Return the drawn set that stands in for the photos; draw it if it is not kept yet."""
    folder, seed, size = runtime.local("drawn-pets"), 0, 256
    drawn_now = [_drawn_jpeg(index, DRAWN_PETS, seed, size) for index in (0, 1)]
    names = [f"{label}/{label}.{i}.jpg" for i in range(-(-DRAWN_PETS // 2)) for label in ("cat", "dog")]
    files = [folder / name for name in names[:DRAWN_PETS]]
    # What an earlier version of the course drew does not count, nor what has changed or lost a file since.
    is_whole = all(f.is_file() for f in files) and runtime.is_sealed(folder)
    if not is_whole or [f.read_bytes() for f in files[:2]] != drawn_now:
        with runtime.built_whole(folder) as unfinished:
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


def _table(
    rows: Sequence[tuple[str, ...]], source: str, columns: Iterable[str] = ("path", "label")
) -> pd.DataFrame:
    rows = sorted(rows, key=lambda row: (row[1], _natural(row[0])))
    data = pd.DataFrame(rows, columns=columns)
    data.attrs["source"] = source
    return data


def _natural(text: str) -> list[tuple[int, str]]:
    """Return a sorting key that takes digits as numbers: 'cat.2.jpg' before 'cat.10.jpg'."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text)]


def _folder_of(value: str | Path) -> Path:
    """Return the folder that a reader names; a zip archive is unpacked first."""
    path = runtime.path_of(value, "folder").absolute()
    if not (path.is_dir() or path.is_file()):
        raise DataError(f"There is no folder {path}. Check the path's spelling.")
    path = drive.at_hand(path)
    return path if path.is_dir() else zips.unpacked(path)
