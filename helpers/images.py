"""One picture file, one RGB array: reading, cropping and resizing."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from . import runtime

THREADS = os.cpu_count() or 1
LARGE_FILE = 2**20  # bytes; decoding a smaller file takes a few milliseconds at most

JPEG_START, JPEG_SCAN, JPEG_END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"
PNG_START, PNG_END = b"\x89PNG", b"IEND"


class UnreadableImage(ValueError):
    """A file that cannot be turned into a picture. The message names it and says why."""

    def __init__(self, path: Path, reason: str):
        super().__init__(f"{path} {reason}. Replace the file, or remove it from the folder.")
        self.reason = reason


def read(path: str | os.PathLike, image_size: int | None = None) -> np.ndarray:
    """Read one picture file as RGB.

    Grey pictures become three equal channels, transparent ones are laid on white, CMYK is converted,
    and the camera's orientation tag is obeyed.

    Args:
        path: a JPEG, PNG, WebP, GIF (its first frame), BMP or TIFF file.
        image_size: if given, the picture is cropped and resized to this many pixels a side by `fit`.

    Returns:
        uint8 array `(height, width, 3)`, red-green-blue, 0-255; `(image_size, image_size, 3)` with a size.

    Raises:
        UnreadableImage: the file is missing, empty, cut short, damaged, or no picture.
    """
    path = Path(path)
    content = _content(path)
    try:
        with runtime.quiet_libraries:
            image = _decode(content, image_size)
    except cv2.error as error:
        raise UnreadableImage(path, "cannot be decoded") from error
    if image is None:
        raise UnreadableImage(path, "is damaged, or is not a picture")
    return image if image_size is None else fit(image, image_size)


def fit(image: np.ndarray, image_size: int) -> np.ndarray:
    """Cut the largest centred square out of a picture and resize it.

    This keeps the proportions: squashing a picture into a square makes a wide picture's cat a thin one.

    Args:
        image: uint8 array `(height, width, 3)`.
        image_size: pixels a side of the result.

    Returns:
        uint8 array `(image_size, image_size, 3)`.
    """
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
    """
    with ThreadPoolExecutor(THREADS) as pool:
        pictures = list(pool.map(lambda path: read(path, image_size), paths))
    return np.stack(pictures) if pictures else np.empty((0, image_size, image_size, 3), np.uint8)


def _content(path: Path) -> np.ndarray:
    """Return the bytes of a file that has both a beginning and an end."""
    try:
        content = np.fromfile(path, np.uint8)  # cv2.imread cannot open every Unicode path; this can
    except FileNotFoundError as error:
        raise UnreadableImage(path, "does not exist") from error
    except OSError as error:
        raise UnreadableImage(path, f"cannot be opened ({error.strerror})") from error
    if content.size == 0:
        raise UnreadableImage(path, "is empty")
    if _is_cut_short(content.tobytes()):
        raise UnreadableImage(path, "is cut short, as by a download that broke off")
    return content


def _is_cut_short(content: bytes) -> bool:
    """Tell whether a JPEG or PNG lacks its end. OpenCV may fill the missing part with grey."""
    if content.startswith(JPEG_START):
        # Cameras put a small JPEG at the front, as thumbnail: it is the last scan that must end.
        return content.rfind(JPEG_END) < content.rfind(JPEG_SCAN)
    return content.startswith(PNG_START) and PNG_END not in content[-32:]


def _decode(content: np.ndarray, image_size: int | None) -> np.ndarray | None:
    if content[:2].tobytes() != JPEG_START:
        image = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
        if image is not None and image.ndim == 3 and image.shape[2] == 4:
            return _on_white(image)
    return cv2.imdecode(content, cv2.IMREAD_COLOR_RGB | _reduction(content, image_size))


def _on_white(image: np.ndarray) -> np.ndarray:
    """Lay a blue-green-red-alpha picture on white: a fully transparent pixel may hide any colour."""
    scaled = image / np.iinfo(image.dtype).max
    colour, opacity = scaled[..., 2::-1], scaled[..., 3:]
    return np.round(255 * (colour * opacity + 1 - opacity)).astype(np.uint8)


def _reduction(content: np.ndarray, image_size: int | None) -> int:
    """Choose the flag with which a large photo is decoded at a half, a quarter or an eighth of its size.

    At least twice the pixels asked for are kept, so that `fit` still averages and nothing gets coarse.
    """
    if image_size is None or content.size < LARGE_FILE:
        return 0
    smallest = cv2.imdecode(content, cv2.IMREAD_REDUCED_COLOR_8)
    flags = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}
    for factor, flag in flags.items():
        if smallest is not None and min(smallest.shape[:2]) * 8 / factor >= 2 * image_size:
            return flag & ~cv2.IMREAD_COLOR
    return 0
