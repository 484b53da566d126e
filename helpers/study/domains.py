"""Domains: pictures with their labels, divided once, for comparing strategies on.

Photos of dogs and cats are near to what the base network learnt from. Drawn dogs and cats are as many as one
likes. Handwritten digits, and spectrograms of spoken ones, are far: an easy far domain, and a hard one.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
import pandas as pd
import sklearn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from .. import checks, datasets, drawings, images, runtime, splits
from . import speech

PHOTOS, DRAWINGS, DIGITS, SPEECH = NAMES = ("dogs and cats", "drawings", "digits", "spoken digits")
N_DRAWINGS = {"pool": 5000, "validation": 200, "held out": 1500}
N_VALIDATION, N_SPEAKERS = 200, 6  # recordings of one speaker; whoever speaks

NO_PHOTOS = (
    "The photos are out of reach, and drawn pets' results would be kept under their name. "
    "Set COURSE_DATA to their archive, or connect to the Internet, and try again."
)

PARTS = (0.6, 0.1, 0.3)  # pool, validation, held out


@dataclass(frozen=True)
class Domain:
    """Pictures with their labels, divided once.

    Attributes:
        name: such as "dogs and cats".
        pictures: uint8 `(n, size, size, 3)`, RGB, 0-255.
        labels: n names.
        pool: row numbers to draw training pictures from.
        validation: rows by which learning rates are chosen and training is stopped.
        held_out: rows on which classifiers are scored, and nothing is chosen.
        source: where the pictures come from.
        may_be_mirrored: whether a mirrored picture shows the same, as of cats and dogs, not of digits.
        speakers: n names, where there are speakers: see `for_seed`.
    """

    name: str
    pictures: np.ndarray
    labels: np.ndarray
    pool: np.ndarray
    validation: np.ndarray
    held_out: np.ndarray
    source: str
    may_be_mirrored: bool = True
    speakers: np.ndarray | None = None

    def for_seed(self, seed: int) -> "Domain":
        """Return the domain as it is divided for a seed.

        Where there are speakers, one is held out and another is for validation, by turns; whoever is held out
        is heard in no other part. All other domains are divided once.
        """
        if self.speakers is None:
            return self
        names = sorted(set(self.speakers.tolist()))
        held_out, validation = (names[(seed + turn) % len(names)] for turn in (0, 1))
        pool = ~np.isin(self.speakers, (held_out, validation))
        heard = np.flatnonzero(self.speakers == validation)
        few, _ = train_test_split(heard, train_size=N_VALIDATION, stratify=self.labels[heard], random_state=0)
        return replace(
            self,
            pool=np.flatnonzero(pool),
            validation=np.sort(few),
            held_out=np.flatnonzero(self.speakers == held_out),
        )

    @property
    def classes(self) -> list[str]:
        """The classes' names, sorted."""
        return sorted(set(self.labels.tolist()))

    def training_rows(self, size: int | str, seed: int) -> np.ndarray:
        """Draw rows of the pool, each class by its share; the same seed draws the same rows.

        Args:
            size: how many, or "all".
            seed: of the draw.

        Raises:
            CourseError: fewer rows than classes, so few that a class gets none by its share, or so many that
                the pool has none of a class left.
        """
        if size == "all":
            return self.pool
        fewest, most = len(self.classes), len(self.pool) - len(self.classes)
        if not str(size).isdecimal() or not fewest <= int(size) <= most:
            raise checks.CourseError(
                f"size is {checks.shown(size)}, and '{self.name}' has {len(self.pool)} pictures to train on. "
                f"Choose a number from {fewest} to {most}, or 'all'."
            )
        rows, _ = train_test_split(
            self.pool, train_size=int(size), stratify=self.labels[self.pool], random_state=seed
        )
        if lacking := set(self.classes) - set(self.labels[rows].tolist()):
            raise checks.CourseError(
                f"size is {size}, of which '{min(lacking)}' gets none by its share. "
                "Take more pictures, or as many of each class."
            )
        return rows


@lru_cache(maxsize=4)
def load(name: str, image_size: int) -> Domain:
    """Load one of the course's domains.

    Args:
        name: one of `NAMES`.
        image_size: height and width of the pictures, in pixels.

    Raises:
        ValueError: an unknown name.

    Example:
        >>> digits = domains.load("digits", image_size=32)
        >>> digits.pictures.shape, len(digits.classes)
        ((1797, 32, 32, 3), 10)
        >>> len(digits.pool), len(digits.validation), len(digits.held_out)
        (1077, 180, 540)

    See also: `of_table` for pictures of one's own.
    """
    checks.choice("name", name, _MADE_BY)
    checks.whole_number("image_size", image_size, 1)
    return _MADE_BY[name](image_size)


def of_table(
    data: pd.DataFrame,
    image_size: int,
    name: str = "my pictures",
    max_distance: float = 0.07,
    may_be_mirrored: bool = True,
) -> Domain:
    """Make a domain of a table of pictures (columns `path` and `label`); near-duplicates stay together.

    `max_distance` says how far apart near-duplicates may be, see `splits.split`; `may_be_mirrored`, whether a
    mirrored picture shows the same.

    Example:
        >>> data = datasets.draw_pets(40, seed=0, size=64)
        >>> mine = domains.of_table(data, image_size=32)
        >>> mine.classes, mine.pictures.shape
        (['cat', 'dog'], (40, 32, 32, 3))
        >>> len(mine.pool), len(mine.validation), len(mine.held_out)
        (24, 4, 12)

    See also: `load` for the course's domains.
    """
    checks.table(data, "path", "label")
    checks.whole_number("image_size", image_size, 1)
    parts = splits.split(data.reset_index(drop=True), PARTS, seed=0, max_distance=max_distance)
    pictures = images.read_many(data["path"], image_size)
    pool, validation, held_out = (part.index.to_numpy() for part in parts)
    labels = data["label"].to_numpy(str)
    return Domain(name, pictures, labels, pool, validation, held_out, source_of(data), may_be_mirrored)


def source_of(data: pd.DataFrame) -> str:
    """Return where a table of pictures comes from, in words that hold on every machine."""
    source = data.attrs.get("source", "")
    if source in datasets.VERIFIED:
        return f"ardamavi/Dog-Cat-Classifier@{datasets.COMMIT[:7]}"  # whichever way they came
    return source if source in ("", "drawn pets") else "my pictures"


def _photos(image_size: int) -> Domain:
    return of_table(datasets.load_dog_cat(), image_size, PHOTOS)


def _drawings(image_size: int) -> Domain:
    """Draw dogs and cats by turns, each with its own seed, so that no two are alike."""
    n = sum(N_DRAWINGS.values())
    labels = np.array(drawings.LABELS)[np.arange(n) % 2]
    pictures = np.stack(
        [
            images.fit(drawings.draw_pet(label, seed, size=2 * image_size), image_size)
            for seed, label in enumerate(runtime.progress(labels, "Drawing pets"))
        ]
    )
    pool, validation, held_out = np.split(np.arange(n), np.cumsum(list(N_DRAWINGS.values()))[:-1])
    source = f"drawn by the course, seeds 0 to {n - 1}"
    return Domain(DRAWINGS, pictures, labels, pool, validation, held_out, source)


def _spoken_digits(image_size: int) -> Domain:
    """Return the spoken digits' spectrograms, divided by speaker as for seed 0."""
    data = speech.load()
    pictures, speakers = speech.pictures(data, image_size), data["speaker"].to_numpy(str)
    source = f"Jakobovski/free-spoken-digit-dataset@{speech.COMMIT[:7]}"
    empty = np.empty(0, int)
    labels = data["label"].to_numpy(str)
    return Domain(SPEECH, pictures, labels, empty, empty, empty, source, False, speakers).for_seed(0)


def _digits(image_size: int) -> Domain:
    """Return scikit-learn's 1,797 handwritten digits of 8×8 pixels, enlarged, grey in all three channels.

    E. Alpaydin and C. Kaynak, 1998, "Optical Recognition of Handwritten Digits", UCI Machine
    Learning Repository, doi:10.24432/C50P49.
    """
    digits = load_digits()
    grey = [
        cv2.resize(digit * (255 / 16), (image_size, image_size), interpolation=cv2.INTER_CUBIC)
        for digit in digits.images
    ]
    pictures = np.stack([np.clip(grey, 0, 255).round().astype(np.uint8)] * 3, axis=-1)
    labels, source = digits.target.astype(str), f"scikit-learn {sklearn.__version__}"
    return Domain(DIGITS, pictures, labels, *_divided(labels), source, may_be_mirrored=False)


def _divided(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows of pool, validation and held-out part."""
    rest, held_out = train_test_split(
        np.arange(len(labels)), test_size=PARTS[2], stratify=labels, random_state=0
    )
    share = PARTS[1] / (PARTS[0] + PARTS[1])
    pool, validation = train_test_split(rest, test_size=share, stratify=labels[rest], random_state=0)
    return pool, validation, held_out


_MADE_BY = {PHOTOS: _photos, DRAWINGS: _drawings, DIGITS: _digits, SPEECH: _spoken_digits}
