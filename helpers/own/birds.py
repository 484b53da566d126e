"""Drawn birds in the place of photos of one's own, in a folder that is as untidy as most are."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from .. import checks, drawings, images, runtime

EXAMPLE = {"crow": 26, "robin": 60, "sparrow": 60}
FOLDER = "drawn-birds-1"  # another number when other birds are drawn, so that nobody gets a mixture


def draw_birds(folder: str | Path, counts: Mapping[str, int], seed: int = 0, size: int = 256) -> None:
    """Draw birds into a folder of class folders: `robin/robin.0.jpg` and so on.

    The same seed gives the same pictures; larger counts only add to them.

    Args:
        folder: where to; made if need be.
        counts: 'crow', 'robin' or 'sparrow' -> how many.
        seed: a whole number from 0 on.
        size: pixels a side.

    Raises:
        ValueError: another bird, or a number below its least.

    Example:
        >>> own.draw_birds("my_birds", {"crow": 2, "robin": 3}, size=32)
        >>> sorted(path.name for path in Path("my_birds").glob("*/*"))
        ['crow.0.jpg', 'crow.1.jpg', 'robin.0.jpg', 'robin.1.jpg', 'robin.2.jpg']

    See also: `drawings.draw_bird`, which draws one.
    """
    folder = runtime.path_of(folder, "folder")
    checks.whole_number("seed", seed, 0)
    for label, n in counts.items():
        checks.whole_number("counts", n, 0)
        for number in range(n):
            picture = drawings.draw_bird(label, seed * 1_000_003 + number, size)
            _write(folder / label / f"{label}.{number}.jpg", picture)


def example_folder() -> Path:
    """Return a folder of drawn crows, robins and sparrows with what is usually wrong in a folder of photos.

    There are fewer crows; three robins are there twice, brighter and cropped a little; one picture broke off
    while it was fetched; and one robin was put among the sparrows as well.

    Example:
        >>> folder = own.example_folder()
        >>> data = datasets.load_folder(folder)
        >>> data["label"].value_counts().to_dict()
        {'robin': 63, 'sparrow': 61, 'crow': 26}
    """
    folder = runtime.local(FOLDER).absolute()
    last = folder / "sparrow" / "IMG_0412.JPG"
    if last.is_file():  # the others were written before it
        return folder
    draw_birds(folder, EXAMPLE)
    for number in range(3):
        picture = images.read(folder / "robin" / f"robin.{number}.jpg")
        copy = cv2.convertScaleAbs(picture[4:, :-4], alpha=1.1)
        _write(folder / "robin" / f"robin.{number} (edited).jpg", copy)
    broken = folder / "crow" / "crow.7.jpg"
    broken.write_bytes(broken.read_bytes()[:3000])
    with runtime.written_whole(last) as unfinished:
        unfinished.write_bytes((folder / "robin" / "robin.12.jpg").read_bytes())
    return folder


def example_photo(label: str = "robin", seed: int = 5_000) -> Path:
    """Return the file of a bird that is not in `example_folder`.

    Example:
        >>> own.example_photo("crow").name
        'new-crow.jpg'
    """
    photo = runtime.local("new-birds", f"new-{label}.jpg")
    _write(photo, drawings.draw_bird(label, seed))
    return photo


def _write(path: Path, picture: np.ndarray) -> None:
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    with runtime.written_whole(path) as unfinished:
        unfinished.write_bytes(encoded.tobytes())  # cv2.imwrite cannot write to every Unicode path
