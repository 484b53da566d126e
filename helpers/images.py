"""One picture file, one RGB array: reading, cropping and resizing."""

import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import IO

import cv2
import numpy as np
from PIL import Image, ImageOps
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from . import checks, runtime

# Pictures are shared out over the cores whole. OpenCV's own threads, for parts of one picture, would only be
# in the way of those: idle, they wait by looking for work.
THREADS = runtime.cores()
cv2.setNumThreads(1)
LARGE_FILE = 2**20  # bytes; decoding a smaller file takes a few milliseconds at most

# A file of some kilobytes can claim a picture that fills all memory (a "decompression bomb").
MOST_PIXELS = 100_000_000
MOST_BYTES = 2**29

# What is read: a file's first bytes -> what reads its header, and nothing but its header. A file is what
# its first bytes say, whatever its name.
HEADERS: dict[bytes, Callable[[IO[bytes]], ImageFile]] = {
    b"\xff\xd8": JpegImageFile,
    b"\x89PNG": PngImageFile,
    b"RIFF": WebPImageFile,
    b"GIF8": GifImageFile,
    b"BM": BmpImageFile,
    b"II*\0": TiffImageFile,
    b"MM\0*": TiffImageFile,
}

# Pictures that are not read, so that they can be called by their names.
OTHER_KINDS = {
    "HEIC": rb"....ftyp(hei|hev|mif1|msf1)",
    "AVIF": rb"....ftypavi[fs]",
    "JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "JPEG 2000": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
}

# Neither a stuffed byte nor a restart. It begins with one known byte, which makes the search fifteen times as
# fast as `\xff+` would, though any number of them may come before a marker.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_JPEG_SCAN, _JPEG_END = 0xDA, 0xD9
_JPEG_PADDING = b"\0\r\n"  # phones, small cameras and careless copying append some, up to megabytes
# Stand in for what a JPEG may lack. With one alone, a few lost bits may by chance be those it begins with.
_FILLINGS = (bytes.fromhex("a51b72c9") * 16, b"\x55\xaa" * 32, b"\xfe" * 64)
# Phones append a short film, a depth map or a second exposure to a photo and say so within it.
_JPEG_WITH_MORE = re.compile(rb"MPF\0|MotionPhoto|MicroVideo|SEFT$")
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"


class UnreadableImage(checks.CourseError):
    """A file that cannot be turned into a picture. The message names it and says why.

    Example:
        >>> try:
        ...     images.read("gone.jpg")
        ... except images.UnreadableImage as error:
        ...     print(error)
        gone.jpg does not exist. Replace the file, or remove it from the folder.
    """

    def __init__(self, path: Path, reason: str, others: int = 0):
        more = f" Nor can {others} more be used: survey.inspect lists them." if others else ""
        super().__init__(f"{path} {reason}. Replace the file, or remove it from the folder.{more}")
        self.reason = reason


def read(path: str | os.PathLike, image_size: int | None = None, at_least: int | None = None) -> np.ndarray:
    """Read one picture file as RGB.

    Grey pictures become three equal channels, transparent ones are laid on white, CMYK is converted,
    and the camera's orientation tag is obeyed.

    Args:
        path: a JPEG, PNG, WebP, GIF (its first frame), BMP or TIFF file.
        image_size: if given, the picture is cropped and resized to this many pixels a side by `fit`.
        at_least: how many pixels the shorter side must keep. A file of a mebibyte or more may then come at a
            half, a quarter or an eighth of its height and width, which takes a fraction of the time. Without,
            a picture comes whole, or with twice the pixels that `fit` needs.

    Returns:
        uint8 array `(height, width, 3)`, red-green-blue, 0-255; `(image_size, image_size, 3)` with a size.

    Raises:
        UnreadableImage: the file is missing, empty, cut short, damaged, too large, or no picture.

    Example:
        >>> data = datasets.draw_pets(12, seed=0)
        >>> picture = images.read(data["path"][0])
        >>> picture.shape, picture.dtype
        ((256, 256, 3), dtype('uint8'))
        >>> images.read(data["path"][0], image_size=64).shape
        (64, 64, 3)

    See also: `read_many` for many files, `fit` for what a size does.
    """
    if at_least is not None:
        checks.whole_number("at_least", at_least, 1)
    if image_size is not None:
        checks.whole_number("image_size", image_size, 1)
        at_least = at_least or 2 * image_size  # so that `fit` still averages, and nothing gets coarse
    content, header = _opened(Path(path))
    colour = cv2.IMREAD_COLOR_RGB | _reduction(header.size, len(content), at_least)
    image = _decoded(Path(path), content, header, colour)
    return image if image_size is None else fit(image, image_size)


def fit(image: np.ndarray, image_size: int) -> np.ndarray:
    """Cut the largest centred square out of a picture and resize it.

    This keeps the proportions: squashing a picture into a square makes a wide picture's cat a thin one.

    Args:
        image: array `(height, width, 3)`, RGB, 0-255.
        image_size: pixels a side of the result.

    Returns:
        uint8 array `(image_size, image_size, 3)`.

    Example:
        >>> wide = np.zeros((100, 200, 3), np.uint8)
        >>> images.fit(wide, 64).shape
        (64, 64, 3)
    """
    checks.image("image", image)
    checks.whole_number("image_size", image_size, 1)
    if image.dtype != np.uint8:  # OpenCV resizes few other types
        image = np.rint(image).astype(np.uint8)
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    # Shrinking averages over each new pixel's area; enlarging needs a smooth curve instead.
    method = cv2.INTER_AREA if side > image_size else cv2.INTER_CUBIC
    return cv2.resize(square, (image_size, image_size), interpolation=method)


def read_many(paths: Iterable[str | os.PathLike], image_size: int) -> np.ndarray:
    """Read many files, with all cores at work, into one array.

    Returns:
        uint8 array `(n, image_size, image_size, 3)`, RGB, 0-255, in the order of `paths`.

    Raises:
        UnreadableImage: for the first file that cannot be read.

    Example:
        >>> data = datasets.draw_pets(12, seed=0)
        >>> images.read_many(data["path"], image_size=64).shape
        (12, 64, 64, 3)

    See also: `read` for one file.
    """
    checks.whole_number("image_size", image_size, 1)
    paths = list(paths)
    # One array from the start: a list of pictures, stacked in the end, takes twice the memory and more time.
    pictures = np.empty((len(paths), image_size, image_size, 3), np.uint8)

    def put(place: int) -> None:
        pictures[place] = read(paths[place], image_size)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(put, range(len(paths))))
    return pictures


def check(paths: Iterable[str | os.PathLike]) -> None:
    """Look at picture files before they are trained on: in the first second, not in the third hour.

    The files are decoded, JPEGs at an eighth of their size: 1,399 photos take about 0.4 s on two cores.
    A file that has not changed since is not looked at again.

    Raises:
        UnreadableImage: naming the first file that has a `problem`, and how many others have.
    """
    files = list(dict.fromkeys(map(Path, paths)))
    with ThreadPoolExecutor(THREADS) as pool:
        problems = list(pool.map(problem, files))
    bad = [(file, reason) for file, reason in zip(files, problems) if reason]
    if bad:
        raise UnreadableImage(*bad[0], others=len(bad) - 1)


def problem(path: str | os.PathLike) -> str | None:
    """Return why a file should not be trained on: it cannot be read, or is an odd one; None if it is sound.

    Odd is a picture one pixel high or wide, and a JPEG to which something unknown is appended, other than
    zeros and line ends: `read` reads both.
    """
    try:
        state = Path(path).stat()
    except OSError:
        return _look_at(Path(path), None)
    return _look_at(Path(path), (state.st_mtime_ns, state.st_size))


def header(path: str | os.PathLike) -> ImageFile:
    """Return what a picture file says of itself: Pillow's `size`, `getbands()` and `format`, undecoded.

    Raises:
        UnreadableImage: as `read` does, where the damage shows without decoding.
    """
    return _opened(Path(path))[1]


@lru_cache(maxsize=2**16)
def _look_at(path: Path, state: tuple | None) -> str | None:
    try:
        content, header = _opened(path)
        small = min(header.size) < 64  # an eighth of it might be nothing
        _decoded(path, content, header, cv2.IMREAD_GRAYSCALE if small else cv2.IMREAD_REDUCED_GRAYSCALE_8)
    except UnreadableImage as error:
        return error.reason
    width, height = header.size
    if min(width, height) == 1:
        return f"is {width} × {height} pixels, too small to show anything"
    appended = content[_jpeg_end(content) :] if isinstance(header, JpegImageFile) else b""
    if appended.strip(_JPEG_PADDING) and not _JPEG_WITH_MORE.search(content):
        return f"has {len(appended):,} bytes after its end, which are no part of the picture"
    return None


def _opened(path: Path) -> tuple[bytes, ImageFile]:
    """Return the content and the header of a file that has a beginning and an end and is not too large."""
    content = _content(path)
    opens = next((opens for start, opens in HEADERS.items() if content.startswith(start)), None)
    try:
        header = opens(BytesIO(content)) if opens else None
    except Exception:  # a damaged header may provoke anything
        header = None
    if header is None:
        kinds = [kind for kind, start in OTHER_KINDS.items() if re.match(start, content, re.DOTALL)]
        if kinds:
            advice = "which the course does not read (export it as JPEG or PNG)"
            raise UnreadableImage(path, f"is a picture in the {kinds[0]} format, {advice}")
        raise UnreadableImage(path, "is damaged, or is not a picture")
    width, height = header.size
    if width * height > MOST_PIXELS:
        most = f"more than the {MOST_PIXELS // 1_000_000} million that are read"
        raise UnreadableImage(path, f"has {width} × {height} pixels, {most}")
    if isinstance(header, JpegImageFile) and _jpeg_end(content) is None:
        content = _with_its_end(content, header) or content
    if _is_cut_short(content, header):
        raise UnreadableImage(path, "is cut short, as by a download that broke off")
    if isinstance(header, PngImageFile) and not _png_checksums_match(content):
        raise UnreadableImage(path, "is damaged: a checksum in it does not match")
    return content, header


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UnreadableImage(path, f"is larger than {MOST_BYTES // 2**20} MiB")
        content = path.read_bytes()  # cv2.imread cannot open every Unicode path; this can
    except FileNotFoundError as error:
        raise UnreadableImage(path, "does not exist") from error
    except OSError as error:
        raise UnreadableImage(path, f"cannot be opened ({error.strerror})") from error
    if not content:
        raise UnreadableImage(path, "is empty")
    return content


def _is_cut_short(content: bytes, header: ImageFile) -> bool:
    """Tell whether a file lacks its end. OpenCV may fill the missing part with grey."""
    if isinstance(header, JpegImageFile):
        return _jpeg_end(content) is None
    if isinstance(header, PngImageFile):
        return _PNG_END not in content
    return False  # of the others, decoders refuse what is cut short


def _jpeg_end(content: bytes) -> int | None:
    """Return the place behind a JPEG's end, None if it has no end."""
    return next((place for kind, place in _jpeg_markers(content) if kind == _JPEG_END), None)


def _jpeg_markers(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield each marker of a JPEG with the place behind it, up to the end.

    Each marker is followed by the length of its segment. Skipping from one to the next does not mistake
    the end of the small picture that cameras put at the front, as thumbnail, for the end of the photo.
    """
    place = 2
    while marker := _JPEG_MARKER.search(content, place):
        place = marker.end()
        yield content[place - 1], place
        if content[place - 1] == _JPEG_END:
            return
        place += int.from_bytes(content[place : place + 2], "big")


def _with_its_end(content: bytes, header: JpegImageFile) -> bytes | None:
    """Return a JPEG that lacks only its end, as some webcams write it, with its end; None if it lacks more.

    As long as data are missing, a decoder takes for the picture whatever follows. If none are, what follows
    makes no difference. That holds for pictures whose channels all come in one scan.
    """
    scans = [content[place + 2 : place + 3] for kind, place in _jpeg_markers(content) if kind == _JPEG_SCAN]
    if header.info.get("progressive") or scans != [bytes([header.layers])]:
        return None
    end = bytes([0xFF, _JPEG_END])
    data = content.rstrip(b"\0")
    if len(content) - len(data) < 2:  # a single zero may well be the picture's last byte
        data = content
    stuffed = b"\0" if data.endswith(b"\xff") else b""  # else this byte and the next one were a marker
    whole = data + end
    try:
        picture = _pixels(whole)
        others = (_pixels(data + stuffed + filling + end) for filling in _FILLINGS)
        lacks_nothing = picture is not None and all(
            other is not None and np.array_equal(picture, other) for other in others
        )
    except cv2.error:
        return None
    return whole if lacks_nothing else None


def _pixels(content: bytes, flags: int = cv2.IMREAD_COLOR) -> np.ndarray | None:
    with runtime.quiet_libraries:
        return cv2.imdecode(np.frombuffer(content, np.uint8), flags)


def _png_checksums_match(content: bytes) -> bool:
    place, end = 8, content.rfind(_PNG_END) + len(_PNG_END)
    while place < end:
        after = place + 12 + int.from_bytes(content[place : place + 4], "big")
        # length (4 bytes), kind (4) and data, checksum (4) of the kind and the data
        if zlib.crc32(content[place + 4 : after - 4]) != int.from_bytes(content[after - 4 : after], "big"):
            return False
        place = after
    return True


def _decoded(path: Path, content: bytes, header: ImageFile, flags: int) -> np.ndarray:
    try:
        if header.has_transparency_data:
            return _on_white(header)
        image = _pixels(content, flags)
    except Exception as error:  # whatever a damaged file provokes in a decoder
        raise UnreadableImage(path, "is damaged: it cannot be decoded") from error
    if image is None:
        raise UnreadableImage(path, "is damaged, or is not a picture")
    return image


def _on_white(picture: ImageFile) -> np.ndarray:
    """Lay a transparent picture on white: a fully transparent pixel may hide any colour."""
    picture.load()  # which already turns a TIFF upright, and then takes its orientation tag away
    upright = ImageOps.exif_transpose(picture).convert("RGBA")
    white = Image.new("RGBA", upright.size, "white")
    return np.array(Image.alpha_composite(white, upright).convert("RGB"))


def _reduction(size: tuple[int, int], n_bytes: int, at_least: int | None) -> int:
    """Choose the flag with which a large photo is decoded at a half, a quarter or an eighth of its size."""
    if at_least is None or n_bytes < LARGE_FILE:
        return 0
    flags = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}
    for factor, flag in flags.items():
        if min(size) / factor >= at_least:
            return flag & ~cv2.IMREAD_COLOR
    return 0
