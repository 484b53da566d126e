"""Random zoom, rotation, brightness and flip; and batches of pictures for Keras.

The transforms are those of the tutorial's section 3.1.2. Geometry is gathered in one affine matrix and the
picture sampled once, since every sampling blurs a little and takes its time.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from numbers import Real
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd

from . import checks, images
from .framework import keras


class Parameters(NamedTuple):
    """What is done to one picture; the defaults do nothing.

    Example:
        >>> augment.Parameters(zoom=0.5, angle=15)
        Parameters(zoom=0.5, across=0.5, down=0.5, angle=15, brightness=1.0, flip=False)

    See also: `Augmenter`, which draws them at random.
    """

    zoom: float = 1.0  # the share of the height and width that is kept, in (0, 1]; smaller looks closer
    across: float = 0.5  # where the kept part lies, from 0 (left) to 1 (right)
    down: float = 0.5  # and from 0 (top) to 1 (bottom)
    angle: float = 0.0  # degrees, counter-clockwise, about the picture's centre
    brightness: float = 1.0  # factor on pixels of 0-255; what gets above 255 is cut off
    flip: bool = False  # left and right exchanged


@dataclass(frozen=True)
class Augmenter:
    """Changes a picture at random, within the ranges given.

    Args:
        zoom_range: smallest and largest share of the picture's height and width that is kept, both in (0, 1].
            `(0.5, 1)` shows anything between the whole picture and a part half as high and wide.
        rotation: largest turn, in degrees from 0 to 180; the angle is drawn from −rotation to +rotation.
        brightness_range: smallest and largest factor on the pixels, 0 or more.
        horizontal_flip: exchange left and right in half of the cases.

    Raises:
        ValueError: for a range outside these bounds.

    Example:
        >>> augmenter = augment.Augmenter(zoom_range=(0.5, 1), rotation=15, horizontal_flip=True)
        >>> cat = drawings.draw_pet("cat", seed=8)
        >>> augmenter(cat, np.random.default_rng(0), image_size=64).shape
        (64, 64, 3)

    See also: `ImageBatches`, which takes one.
    """

    zoom_range: tuple[float, float] = (1.0, 1.0)
    rotation: float = 0.0
    brightness_range: tuple[float, float] = (1.0, 1.0)
    horizontal_flip: bool = False

    def __post_init__(self) -> None:
        low, high = _two_numbers("zoom_range", self.zoom_range)
        if not 0 < low <= high <= 1:
            raise checks.CourseError(
                f"zoom_range is ({low}, {high}). Give the smaller share first, both above 0 and at most 1, "
                "such as (0.8, 1.0)."
            )
        low, high = _two_numbers("brightness_range", self.brightness_range)
        if not 0 <= low <= high < np.inf:
            raise checks.CourseError(
                f"brightness_range is ({low}, {high}). Give the smaller factor first, both 0 or more, "
                "such as (0.8, 1.2)."
            )
        if not isinstance(self.rotation, Real) or not 0 <= self.rotation <= 180:
            raise checks.CourseError(
                f"rotation is {self.rotation!r}. Give one number of degrees from 0 to 180, such as 15."
            )

    def parameters(self, rng: np.random.Generator) -> Parameters:
        """Draw what to do to one picture. Every call draws six numbers, whichever transforms are on."""
        zoom, across, down, angle, brightness, flip = rng.uniform(size=6)
        low_zoom, high_zoom = self.zoom_range
        low_brightness, high_brightness = self.brightness_range
        return Parameters(
            zoom=low_zoom + zoom * (high_zoom - low_zoom),
            across=across,
            down=down,
            angle=self.rotation * (2 * angle - 1),
            brightness=low_brightness + brightness * (high_brightness - low_brightness),
            flip=bool(self.horizontal_flip and flip < 0.5),
        )

    def __call__(
        self, image: np.ndarray, rng: np.random.Generator, image_size: int | None = None
    ) -> np.ndarray:
        """Return a changed copy of an RGB picture: `parameters`, then `apply`."""
        return apply(image, self.parameters(rng), image_size)


def apply(image: np.ndarray, parameters: Parameters, image_size: int | None = None) -> np.ndarray:
    """Zoom, turn and flip in one sampling, then change the brightness.

    Args:
        image: array `(height, width, 3)`, RGB, 0-255, best at its full resolution.
        parameters: what to do.
        image_size: pixels a side of the square result; its frame is that of `images.fit`. None keeps the
            picture's own height and width.

    Returns:
        uint8 array `(image_size, image_size, 3)` or `(height, width, 3)`, 0-255. Where the frame reaches
        beyond the picture, the picture is mirrored at its edge.

    Example:
        >>> cat = drawings.draw_pet("cat", seed=8)
        >>> augment.apply(cat, augment.Parameters(zoom=0.5, angle=15), image_size=64).shape
        (64, 64, 3)

    See also: `affine_matrix` for the geometry of it.
    """
    checks.image("image", image)
    if image_size is not None:
        checks.whole_number("image_size", image_size, 1)
    if image.dtype != np.uint8:  # OpenCV warps few other types
        image = np.rint(image).astype(np.uint8)
    height, width = image.shape[:2]
    target = (width, height) if image_size is None else (image_size, image_size)
    shrinking = parameters.zoom * min(width / target[0], height / target[1])
    if shrinking >= 2:
        # Sampling looks at the nearest four pixels only and would skip most of a large photo's: average.
        width, height = round(width / int(shrinking)), round(height / int(shrinking))
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    matrix = affine_matrix((width, height), target, parameters)
    warped = cv2.warpAffine(image, matrix, target, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    if parameters.brightness != 1:
        warped = cv2.convertScaleAbs(warped, alpha=parameters.brightness)
    return warped


def affine_matrix(size: tuple[int, int], target: tuple[int, int], parameters: Parameters) -> np.ndarray:
    """Gather rotation, zoom, crop and flip in one matrix, as `cv2.warpAffine` takes it.

    Args:
        size: the picture's (width, height) in pixels.
        target: the result's (width, height) in pixels.
        parameters: what to do.

    Returns:
        float array `(2, 3)`: a point (x, y) of the picture goes to `matrix @ (x, y, 1)` of the result.

    Example:
        >>> mirrored = augment.Parameters(zoom=0.5, flip=True)
        >>> augment.affine_matrix((224, 224), (224, 224), mirrored).round(3)
        array([[  -2. ,    0. ,  334.5],
               [   0. ,    2. , -111.5]])
    """
    for name, pair in (("size", size), ("target", target)):
        if len(pair) != 2:
            raise checks.CourseError(f"{name} is {pair}. Give two numbers: width and height in pixels.")
        for value in pair:
            checks.whole_number(name, value, 1)
    checks.number("zoom", parameters.zoom, above=0, most=1)
    width, height = size
    # The largest centred frame of the target's proportions, of which the zoom keeps a part.
    frame = np.array(target) * min(width / target[0], height / target[1])
    kept = frame * parameters.zoom
    corner = (np.array(size) - frame) / 2 + (frame - kept) * (parameters.across, parameters.down)
    scale = target[0] / kept[0]
    turn = np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), parameters.angle, 1), [0, 0, 1]])
    crop = np.array([[scale, 0, -scale * corner[0]], [0, scale, -scale * corner[1]], [0, 0, 1]])
    mirror = np.array([[-1, 0, target[0]], [0, 1, 0], [0, 0, 1]]) if parameters.flip else np.eye(3)
    # So far the point (0, 0) was the picture's corner; to OpenCV it is the middle of the first pixel.
    to_corner, to_middle = _shift(0.5), _shift(-0.5)
    return (to_middle @ mirror @ crop @ turn @ to_corner)[:2]


class ImageBatches(keras.utils.PyDataset):
    """Pictures and labels in batches, read and augmented on all cores while the model trains.

    Every picture is seen once an epoch, those of the last, smaller batch too. What a batch holds depends only
    on `seed`, `epoch` and its index: not on threads, nor on what was read before. What is done to a picture
    depends only on `seed`, `epoch` and the picture's row, so the batch size changes nothing about it.

    Keras itself mixes the order of the batches by an unseeded generator unless told not to: call
    `model.fit(batches, shuffle=False)`, also where `shuffle=True` here.

    All files are looked at when the batches are made (see `images.check`), so that one that is broken does
    not end a training in its third epoch.

    Args:
        data: table with the columns `path` and `label`.
        image_size: pixels a side.
        batch_size: pictures a batch; the last one holds what remains.
        augmenter: changes each picture anew in each epoch. Leave it out for validation and test. A function
            of your own takes `(picture, rng, image_size)` and returns a picture of that size, RGB, 0-255.
        classes: the labels in the order of their numbers; sorted by name if left out.
        shuffle: put the pictures in another order in each epoch.
        seed: a whole number from 0 on.

    Attributes:
        labels: int array `(n,)`, each row's class number, in the order of `data`.
        epoch: which epoch is read next, from 0. It counts on as Keras ends epochs; set it to resume.
        failure: the error that ended the reading of a batch, None if there was none in this epoch.

    Raises:
        ValueError: `data` is empty, a label is not among `classes`, or a size is below 1.
        images.UnreadableImage: a file is no sound picture; the error names it.

    Example:
        >>> data = datasets.draw_pets(12, seed=0)
        >>> batches = augment.ImageBatches(data, image_size=64, batch_size=5)
        >>> pictures, targets = batches[0]
        >>> len(batches), pictures.shape, targets.shape, batches.classes
        (3, (5, 64, 64, 3), (5,), ('cat', 'dog'))
    """

    def __init__(
        self,
        data: pd.DataFrame,
        image_size: int = 224,
        batch_size: int = 32,
        augmenter: Augmenter | None = None,
        classes: Sequence[str] | None = None,
        shuffle: bool = False,
        seed: int = 0,
    ):
        super().__init__()
        checks.table(data, "path", "label")
        if len(data) == 0:
            raise checks.CourseError("data is an empty table. Give at least one row of path and label.")
        checks.whole_number("image_size", image_size, 1)
        checks.whole_number("batch_size", batch_size, 1)
        checks.whole_number("seed", seed, 0)
        if augmenter is not None and not callable(augmenter):
            raise checks.CourseError(f"augmenter is {checks.shown(augmenter)}. Give an Augmenter, or None.")
        self.data = data.reset_index(drop=True)
        self._paths = self.data["path"].tolist()
        self.image_size, self.batch_size = image_size, batch_size
        self.augmenter, self.shuffle, self.seed = augmenter, shuffle, seed
        self.classes = tuple(sorted(set(data["label"])) if classes is None else classes)
        if classes is not None:
            checks.classes(classes)
        self.labels = _class_numbers(self.data["label"], self.classes)
        images.check(self.data["path"])
        self.epoch = 0
        self.failure: Exception | None = None
        self._in_epoch = False

    def __len__(self) -> int:
        return -(-len(self.data) // self.batch_size)  # rounded up: no picture is left out

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return batch number `index` of the current epoch.

        Returns:
            Pictures, float32 `(b, image_size, image_size, 3)`, RGB, 0-255, and their rows of `targets`.
        """
        return self.read(self.rows(index))

    def rows(self, index: int) -> np.ndarray:
        """Return which rows of `data` batch number `index` of the current epoch holds."""
        if not 0 <= index < len(self):
            raise IndexError(f"There is no batch {index}. Ask for 0 to {len(self) - 1}.")
        return self.order()[index * self.batch_size : (index + 1) * self.batch_size]

    def read(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return pictures and targets of some rows of `data`, as the current epoch shows them."""
        epoch = self.epoch
        pictures = np.empty((len(rows), self.image_size, self.image_size, 3), np.float32)

        def put(place: int) -> None:
            pictures[place] = self._picture(rows[place], epoch)

        try:
            with ThreadPoolExecutor(images.THREADS) as pool:
                list(pool.map(put, range(len(rows))))
        except Exception as error:
            self.failure = error
            raise
        return pictures, self.targets[rows]

    @property
    def targets(self) -> np.ndarray:
        """What to predict for each row of `data`, float32: `(n,)` of 0 and 1, or one-hot `(n, n_classes)`."""
        return _as_targets(self.labels, len(self.classes))

    def order(self) -> np.ndarray:
        """Return the rows of `data` in the order in which the current epoch shows them."""
        if not self.shuffle:
            return np.arange(len(self.data))
        return np.random.default_rng([self.seed, self.epoch]).permutation(len(self.data))

    def on_epoch_begin(self) -> None:
        """Note that Keras has begun an epoch."""
        self._in_epoch, self.failure = True, None

    def on_epoch_end(self) -> None:
        """Count on. Keras also ends an epoch before it begins the first one: that one does not count."""
        self.epoch += self._in_epoch
        self._in_epoch = False

    def _picture(self, row: int, epoch: int) -> np.ndarray:
        path = self._paths[row]
        if self.augmenter is None:
            return images.read(path, self.image_size)
        rng, at_least = np.random.default_rng([self.seed, epoch, row]), None
        if type(self.augmenter) is Augmenter:  # one of the reader's own may look closer
            at_least = ceil(2 * self.image_size / self.augmenter.zoom_range[0])
        changed = self.augmenter(images.read(path, at_least=at_least), rng, self.image_size)
        if hasattr(changed, "__array__") or hasattr(changed, "__array_interface__"):  # a tensor, Pillow's
            changed = np.asarray(changed)
        checks.image("the picture from augmenter", changed)
        if changed.shape[:2] != (self.image_size, self.image_size):
            raise checks.CourseError(
                f"the picture from augmenter is {changed.shape}, and image_size is {self.image_size}. "
                f"Return it with that size, such as images.fit(picture, {self.image_size})."
            )
        return changed


def targets_of(labels: Sequence[str] | np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Return what to predict for labels given as names.

    Args:
        labels: n names.
        classes: the names in the order of their numbers.

    Returns:
        float32 array: `(n,)` of 0 and 1 for two classes, one-hot `(n, n_classes)` for more.

    Raises:
        ValueError: a label is not among `classes`.
    """
    checks.classes(classes)
    return _as_targets(_class_numbers(pd.Series(labels), classes), len(classes))


def _as_targets(numbers: np.ndarray, n_classes: int) -> np.ndarray:
    return (numbers if n_classes == 2 else np.eye(n_classes)[numbers]).astype(np.float32)


def _class_numbers(labels: pd.Series, classes: Sequence[str]) -> np.ndarray:
    numbers = pd.Index(classes).get_indexer(labels)
    if (numbers < 0).any():
        unknown = sorted(set(labels[numbers < 0].astype(str)))
        raise checks.CourseError(
            f"classes={tuple(classes)} lacks labels that data has: {', '.join(unknown)}. Name every class."
        )
    return numbers


def _two_numbers(name: str, limits: tuple[float, float]) -> tuple[float, float]:
    try:
        low, high = map(float, limits)
    except (TypeError, ValueError) as error:
        raise checks.CourseError(
            f"{name} is {limits!r}. Give two numbers, the smaller one first: (0.8, 1.0)."
        ) from error
    return low, high


def _shift(by: float) -> np.ndarray:
    return np.array([[1, 0, by], [0, 1, by], [0, 0, 1]])
