"""Pictures that anyone may copy: cats, dogs and birds drawn with OpenCV from a seed, and a test card.

They stand in for photographs where none may be shown, and where none can be had. Everything but the
animal's shape (colours, markings, background, things lying about, size, place, tilt) is drawn from the
same distribution for both labels, so a model can tell them apart by shape alone. Birds differ in
colours, too.
"""

import cv2
import numpy as np

from .. import checks
from .animals import FURS, HEADS, IRISES, PINKS, Coat, body, cat_head
from .birds import BIRDS, bird
from .scenery import BACKGROUNDS, lit, thing
from .sheet import BRIGHT, DARK, WHITE, Points, Sheet, ellipse, moved, pick

LABELS = ("cat", "dog")


def draw_pet(label: str, seed: int, size: int = 256) -> np.ndarray:
    """Draw a cat (pointed ears, whiskers, slit pupils) or a dog (hanging ears, long muzzle, tongue).

    Args:
        label: 'cat' or 'dog'.
        seed: a whole number from 0 on; the same label, seed and size give the same picture.
        size: pixels a side.

    Returns:
        uint8 array `(size, size, 3)`, red-green-blue, 0-255.

    Raises:
        ValueError: for any other label, or a number below its least.

    Example:
        >>> drawings.draw_pet("cat", seed=8, size=64).shape
        (64, 64, 3)

    See also: `datasets.draw_pets` for many, saved as files.
    """
    checks.choice("label", label, LABELS)
    sheet, rng = _scene(seed, LABELS.index(label), size)
    coat, portrait, tilt, turn = (
        Coat.random(rng),
        rng.random() < 0.5,
        rng.uniform(-14, 14),
        rng.uniform(-1, 1),
    )
    if portrait:
        unit, x, y = rng.uniform(0.21, 0.29), rng.uniform(0.38, 0.62), rng.uniform(0.42, 0.52)
    else:
        unit, x, y = rng.uniform(0.14, 0.175), rng.uniform(0.34, 0.66), rng.uniform(0.27, 0.35)
    sheet.place(x * size, y * size, unit * size)
    body(sheet, coat, label, facing=1 if turn > 0 else -1)
    sheet.place(x * size, y * size, unit * size, tilt)
    HEADS[label](sheet, coat, turn)
    return _finished(sheet, rng)


def draw_bird(label: str, seed: int, size: int = 256) -> np.ndarray:
    """Draw a robin (red breast, thin beak), a sparrow (streaks, stout beak) or a crow (black, heavy beak).

    They vary as birds do: young robins have no red, hens of sparrows no bib, hooded crows a grey trunk.

    Args:
        label: 'crow', 'robin' or 'sparrow'.
        seed: a whole number from 0 on; the same label, seed and size give the same picture.
        size: pixels a side.

    Returns:
        uint8 array `(size, size, 3)`, red-green-blue, 0-255.

    Raises:
        ValueError: for any other label, or a number below its least.

    Example:
        >>> drawings.draw_bird("robin", seed=8, size=64).shape
        (64, 64, 3)
    """
    checks.choice("label", label, BIRDS)
    sheet, rng = _scene(seed, len(LABELS) + list(BIRDS).index(label), size)
    unit, x, y = rng.uniform(0.15, 0.24), rng.uniform(0.36, 0.64), rng.uniform(0.42, 0.6)
    sheet.place(x * size, y * size, unit * size, rng.uniform(-10, 10))
    bird(sheet, label, int(rng.choice([-1, 1])), rng)
    return _finished(sheet, rng)


def _scene(seed: int, kind: int, size: int) -> tuple[Sheet, np.random.Generator]:
    """Return a sheet with what is behind an animal, and the generator that draws the rest of it."""
    checks.whole_number("seed", seed, 0)
    checks.whole_number("size", size, 1)
    rng = np.random.default_rng([seed, kind])
    sheet = Sheet(size)
    pick(rng, BACKGROUNDS)(sheet, rng)
    for _ in range(rng.integers(0, 3)):
        thing(sheet, rng)
    return sheet, rng


def _finished(sheet: Sheet, rng: np.random.Generator) -> np.ndarray:
    """Put something before the animal, or not, and let light fall on it."""
    if rng.random() < 0.25:
        thing(sheet, rng, lowest=True)
    return lit(sheet.image, rng)


def test_card(size: int = 224) -> np.ndarray:
    """Draw a picture on which zoom, turns, flips and brightness show at a glance.

    A cat's face looks out of a grid of ten by ten squares, its centre lines darker. An arrow marked UP tells
    which way is up and whether left and right were exchanged, the ring whether proportions are kept, the
    coloured corners what was cut off, and the steps of grey where brightness ends at white.

    Args:
        size: pixels a side.

    Returns:
        uint8 array `(size, size, 3)`, red-green-blue, 0-255.

    Example:
        >>> drawings.test_card(64).shape
        (64, 64, 3)
    """
    checks.whole_number("size", size, 1)
    sheet = Sheet(size, (250, 247, 240))
    for i in range(1, 10):
        colour, width = ((150, 150, 150), 0.006) if i == 5 else ((205, 205, 205), 0.004)
        sheet.line([[i / 10, 0], [i / 10, 1]], colour, width)
        sheet.line([[0, i / 10], [1, i / 10]], colour, width)
    for corner, colour in zip(((0, 0), (1, 0), (1, 1), (0, 1)), BRIGHT, strict=False):
        square: Points = [[0, 0], [0.1, 0], [0.1, 0.1], [0, 0.1]]
        sheet.fill(moved(square, 0.9 * corner[0], 0.9 * corner[1]), colour)
    sheet.line(ellipse(0.5, 0.5, 0.3, 0.3), BRIGHT[1], 0.009, closed=True)
    for step, grey in enumerate(np.linspace(0, 255, 8)):
        left = 0.1 + 0.1 * step
        sheet.fill([[left, 0.92], [left + 0.1, 0.92], [left + 0.1, 0.98], [left, 0.98]], (grey, grey, grey))
    arrow = [[0.88, 0.14], [0.95, 0.25], [0.91, 0.25], [0.91, 0.36], [0.85, 0.36], [0.85, 0.25], [0.81, 0.25]]
    sheet.shape(arrow, BRIGHT[0], 0.008)
    where, scale = (round(0.81 * size), round(0.45 * size)), size / 224 * 0.62
    cv2.putText(
        sheet.image, "UP", where, cv2.FONT_HERSHEY_DUPLEX, scale, DARK, max(1, size // 150), cv2.LINE_AA
    )
    sheet.place(size / 2, size * 0.52, size * 0.2)
    coat = Coat(FURS[0], WHITE, (110, 78, 60), PINKS[0], IRISES[0], BRIGHT[1], 1, True, False, False)
    cat_head(sheet, coat, turn=0)
    return sheet.image
