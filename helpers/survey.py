"""What is in a data set: facts on every image, files that cannot be read, near-duplicates."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from . import checks, images, language, runtime

THUMBNAIL_SIZE = 16
ROWS_AT_ONCE, DISTANCES_AT_ONCE = 1024, 2**21  # the memory they take is to be the same for any number
ROUNDING = 1e-6  # by which the distance of two equal thumbnails may differ from 0


def inspect(data: pd.DataFrame) -> pd.DataFrame:
    """Look at every image of `data` and return its facts, one row an image, in the same order.

    Columns added to those of `data`, or put in place of its own (missing where a damaged file does not tell):

    - `width`, `height`: pixels, as displayed (a camera's orientation tag is obeyed)
    - `channels`: as stored in the file, 1 for grey, 3 for colour, 4 for colour with transparency
    - `bytes`: size of the file
    - `brightness`: mean of the image in grey, 0 (black) to 255 (white)
    - `problem`: None if the image is fit to be trained on, otherwise why not (see `images.problem`)

    Example:
        >>> data = datasets.draw_pets(12, seed=0)
        >>> facts = survey.inspect(data)
        >>> facts[["label", "width", "height", "channels", "problem"]].head(2)
          label  width  height  channels problem
        0   cat    256     256         3    None
        1   cat    256     256         3    None

    See also: `find_near_duplicates`, which compares images with each other.
    """
    checks.table(data, "path")
    with ThreadPoolExecutor(images.THREADS) as pool:
        rows = runtime.progress(pool.map(_facts, data["path"]), "Looking at images", total=len(data))
        facts = pd.DataFrame(rows, columns=["width", "height", "channels", "bytes", "brightness", "problem"])
    whole = ["width", "height", "channels", "bytes"]
    facts = facts.astype({**dict.fromkeys(whole, "Int64"), "brightness": float, "problem": object})
    facts["problem"] = facts.problem.where(facts.problem.notna(), None)
    # Not by a join: the index is the caller's, and may name two rows alike, as after pd.concat.
    return data.drop(columns=facts.columns, errors="ignore").assign(**facts.set_axis(data.index))


def find_near_duplicates(data: pd.DataFrame, max_distance: float = 0.07, most: int = 100_000) -> pd.DataFrame:
    """Find images that are the same picture, or the same but for slight changes.

    Each image is shrunk to a colour thumbnail of 16 × 16 pixels. The distance of two images is
    1 − r, where r is the correlation of their thumbnails: 0 for the same picture, whatever its
    size, brightness or contrast, and about 1 for unrelated ones.

    The default was chosen on the course's photos. Pictures that were compressed again, halved,
    darkened, brightened by 30 %, turned by 2° or cut by 2 % lie below 0.07 in 19 of 20 cases; the
    closest two that are not the same picture lie at 0.136. A copy that is cropped by more than 5 %
    or mirrored is not found.

    Returns:
        Columns `path_a`, `path_b` (in the order of `data`) and `distance`, the closest pair first: all of
        them, or the closest `most`. One line says so where there are more.

    Raises:
        images.UnreadableImage: for the first image that cannot be read; `inspect` lists them all.

    Example:
        >>> data = datasets.draw_pets(12, seed=0, near_duplicates=2)
        >>> pairs = survey.find_near_duplicates(data)
        >>> sorted((Path(pair.path_a).name, Path(pair.path_b).name) for pair in pairs.itertuples())
        [('cat.0.jpg', 'cat.5.jpg'), ('dog.0.jpg', 'dog.5.jpg')]

    See also: `splits.near_duplicate_groups`, which numbers what belongs together.
    """
    checks.whole_number("most", most, 1)
    bands, n_pairs = close_pairs(data, max_distance), 0
    found = [np.empty(0, int), np.empty(0, int), np.empty(0, np.float32)]
    for band in bands:
        n_pairs += len(band[0])
        found = [np.concatenate(both) for both in zip(found, band, strict=True)]
        if len(found[0]) > most:
            closest = found[2].argsort(kind="stable")[:most]
            found = [part[closest] for part in found]
    if n_pairs > most:
        language.say(
            f"{n_pairs:,} pairs are no further apart than {max_distance}: the closest {most:,} are listed."
        )
    paths, (a, b, distance) = data["path"].to_numpy(), found
    pairs = pd.DataFrame({"path_a": paths[a], "path_b": paths[b], "distance": distance.astype(float)})
    return pairs.sort_values("distance", kind="stable", ignore_index=True)


def close_pairs(
    data: pd.DataFrame, max_distance: float = 0.07
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Go through all pairs that `find_near_duplicates` speaks of, band by band: there may be millions.

    Yields:
        Positions a and b in `data` (int, each a before its b) and distances (float32) of some pairs. They
        are in order of a, then of b.
    """
    checks.table(data, "path")
    checks.number("max_distance", max_distance, 0, 2)
    return _bands(_thumbnails(data["path"].to_numpy()), max(max_distance, ROUNDING))


def _bands(
    thumbnails: np.ndarray, max_distance: float
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    rows = max(1, min(ROWS_AT_ONCE, DISTANCES_AT_ONCE // max(1, len(thumbnails))))
    for start in range(0, len(thumbnails), rows):
        # Only pairs (a, b) with a before b: the upper triangle, one band of rows at a time.
        distances = 1 - thumbnails[start : start + rows] @ thumbnails[start:].T
        a, b = np.nonzero(np.triu(distances <= max_distance, k=1))
        yield start + a, start + b, distances[a, b].clip(0)


def edge_features(data: pd.DataFrame, image_size: int = 64) -> np.ndarray:
    """Describe every image by its edges, for classifiers that are to train in a moment.

    A plain form of the histograms of oriented gradients of Dalal and Triggs (2005): the image, grey,
    is divided into 8 × 8 cells, and each cell says how much of its contrast runs in each of nine
    directions. Square roots keep one strong edge from outweighing all others.

    Returns:
        float32 array `(n, 576)`, 0-1; the squares of each row add up to 1.

    Raises:
        images.UnreadableImage: for the first image that cannot be read.

    Example:
        >>> data = datasets.draw_pets(12, seed=0)
        >>> survey.edge_features(data).shape
        (12, 576)

    See also: `features.extract` for what a base network sees.
    """
    cells, directions = 8, 9
    checks.table(data, "path")
    checks.whole_number("image_size", image_size, cells)
    if image_size % cells:
        raise checks.CourseError(f"image_size is {image_size}. Give a multiple of {cells}, such as 64.")
    pictures = images.read_many(data["path"], image_size)
    grey = np.empty(pictures.shape[:3], np.float32)
    for place, picture in enumerate(pictures):
        grey[place] = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    down, across = np.gradient(grey, axis=(1, 2))
    strength = np.hypot(across, down)
    direction = np.minimum(np.arctan2(down, across) % np.pi / np.pi * directions, directions - 1).astype(int)
    side = image_size // cells
    features = [
        (strength * (direction == number)).reshape(len(grey), cells, side, cells, side).sum(axis=(2, 4))
        for number in range(directions)
    ]
    features = np.stack(features, axis=-1).reshape(len(grey), cells * cells * directions)
    return np.sqrt(features / np.maximum(features.sum(axis=1, keepdims=True), 1e-6))


def _facts(path: str) -> tuple:
    n_bytes = Path(path).stat().st_size if Path(path).is_file() else None
    try:
        image = images.read(path)
    except images.UnreadableImage as error:
        return None, None, None, n_bytes, None, error.reason
    height, width = image.shape[:2]
    channels = len(images.header(path).getbands())
    brightness = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).mean()
    return width, height, channels, n_bytes, brightness, images.problem(path)


def _thumbnails(paths: np.ndarray) -> np.ndarray:
    """Return every image's thumbnail as a vector of mean 0 and length 1: their products are correlations."""
    vectors = (
        images.read_many(paths, THUMBNAIL_SIZE).reshape(len(paths), 3 * THUMBNAIL_SIZE**2).astype(np.float32)
    )
    vectors -= vectors.mean(axis=1, keepdims=True)
    # Pictures of one colour have nothing to correlate. All get the same vector, at a right angle to
    # every other, so that they are duplicates of each other only.
    vectors[np.abs(vectors).max(axis=1, initial=0) < 1] = 1
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
