"""Pictures that anyone may copy: cats and dogs drawn with OpenCV from a seed, and a test card.

They stand in for photographs where none may be shown, and where none can be had. Everything but the
animal's shape (colours, markings, background, things lying about, size, place, tilt) is drawn from the
same distribution for both labels, so a model can tell them apart by shape alone.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from . import checks

LABELS = ("cat", "dog")

Colour = tuple[float, float, float]  # red, green, blue, 0-255

FURS = (
    (228, 146, 70),  # ginger
    (240, 216, 176),  # cream
    (150, 152, 158),  # grey
    (78, 72, 78),  # black
    (140, 96, 64),  # brown
    (244, 241, 236),  # white
    (200, 160, 116),  # fawn
    (100, 114, 136),  # blue-grey
)
IRISES = ((132, 184, 92), (230, 184, 66), (104, 172, 212), (176, 124, 66))
BRIGHT = ((214, 66, 66), (58, 120, 196), (246, 190, 58), (62, 160, 112), (164, 92, 176), (240, 128, 58))
WALLS = ((178, 208, 220), (232, 212, 186), (204, 192, 222), (190, 212, 180), (236, 198, 194), (150, 172, 194))
FLOORS = ((196, 150, 108), (150, 108, 80), (188, 184, 180), (120, 128, 140))
SKIES = (
    ((116, 182, 232), (222, 240, 248)),
    ((96, 104, 168), (250, 190, 150)),
    ((156, 196, 206), (246, 238, 214)),
)
MEADOWS = ((124, 178, 94), (98, 154, 108), (172, 186, 98), (206, 186, 124))
PINKS = ((230, 160, 160), (234, 118, 128), (216, 140, 148))
WHITE, DARK = (255, 255, 255), (46, 38, 42)


class Sheet:
    """A picture to draw on, in units of one's own; `place` says where they fall."""

    FRACTION_BITS = 4  # OpenCV takes sixteenths of a pixel as whole numbers

    def __init__(self, size: int, background: Colour = WHITE):
        self.size = size
        self.image = np.full((size, size, 3), background, np.uint8)
        self.place(0, 0, size)

    def place(self, x: float, y: float, unit: float, tilt: float = 0.0) -> None:
        """Put the origin at pixel (x, y), make one unit `unit` pixels long, turn by `tilt` degrees."""
        turn = np.deg2rad(tilt)
        self._axes = unit * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        self._origin, self._unit = np.array([x, y]), unit

    def fill(self, points, colour: Colour) -> None:
        """Fill the polygon."""
        cv2.fillPoly(self.image, [self._pixels(points)], colour, cv2.LINE_AA, self.FRACTION_BITS)

    def line(self, points, colour: Colour, width: float, closed: bool = False) -> None:
        """Draw a line through the points, `width` units wide."""
        thickness = max(1, round(width * self._unit))
        pixels = [self._pixels(points)]
        cv2.polylines(self.image, pixels, closed, colour, thickness, cv2.LINE_AA, self.FRACTION_BITS)

    def shape(self, points, colour: Colour, width: float = 0.035) -> None:
        """Fill, and outline in a darker tone of the same colour."""
        self.fill(points, colour)
        self.line(points, times(colour, 0.62), width, closed=True)

    def _pixels(self, points) -> np.ndarray:
        pixels = np.asarray(points, float) @ self._axes + self._origin - 0.5
        return np.round(pixels * 2**self.FRACTION_BITS).astype(np.int32)


def times(colour: Colour, factor: float) -> Colour:
    """Return the colour darker (below 1) or lighter (above 1)."""
    return tuple(min(255.0, channel * factor) for channel in colour)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Return `one` with `share` (0-1) of `other` in it."""
    return tuple((1 - share) * a + share * b for a, b in zip(one, other, strict=True))


def ellipse(x: float, y: float, across: float, down: float, start: float = 0, end: float = 360) -> np.ndarray:
    """Return points on an ellipse, clockwise from `start` to `end` degrees, 0 being to the right."""
    angles = np.deg2rad(np.linspace(start, end, 60))
    return np.column_stack([x + across * np.cos(angles), y + down * np.sin(angles)])


def smooth(corners, closed: bool = True) -> np.ndarray:
    """Return points on a smooth curve through the corners (a Catmull-Rom spline)."""
    corners = np.asarray(corners, float)
    padded = (
        np.vstack([corners[-1:], corners, corners[:2]]) if closed else corners[[0, *range(len(corners)), -1]]
    )
    t = np.linspace(0, 1, 8, endpoint=False)[:, None]
    before, here, there, after = (padded[i : len(padded) - 3 + i, None] for i in range(4))
    curve = (
        2 * here
        + (there - before) * t
        + (2 * before - 5 * here + 4 * there - after) * t**2
        + (3 * here - before - 3 * there + after) * t**3
    ) / 2
    curve = curve.reshape(-1, 2)
    return curve if closed else np.vstack([curve, corners[-1:]])


def moved(points, right: float, down: float = 0) -> np.ndarray:
    """Return the points shifted by so many units."""
    return np.asarray(points, float) + np.array([right, down])


def mirrored(points) -> np.ndarray:
    """Return the points on the other side of the vertical axis."""
    return np.asarray(points, float) * (-1, 1)


def both_sides(right_half) -> np.ndarray:
    """Complete the right half of a symmetric outline, given from top to bottom."""
    return smooth(np.vstack([right_half, mirrored(right_half)[::-1]]))


@dataclass(frozen=True)
class Coat:
    """The colours and markings of one animal, whichever it is."""

    fur: Colour
    light: Colour  # muzzle, bib and paws
    marking: Colour
    pink: Colour  # inner ears, nose, tongue
    iris: Colour
    collar: Colour
    patch: int  # -1 or 1: a patch round the left or right eye; 0: none
    stripes: bool
    bib: bool
    wears_collar: bool

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Coat":
        """Draw colours and markings."""
        fur = times(_pick(rng, FURS), rng.uniform(0.88, 1.08))
        marking = mix(times(fur, 0.62), _pick(rng, FURS), 0.45)
        return cls(
            fur=fur,
            light=mix(fur, WHITE, rng.uniform(0.45, 0.8)),
            marking=marking,
            pink=_pick(rng, PINKS),
            iris=_pick(rng, IRISES),
            collar=_pick(rng, BRIGHT),
            patch=int(rng.choice([-1, 0, 0, 1])),
            stripes=rng.random() < 0.4,
            bib=rng.random() < 0.6,
            wears_collar=rng.random() < 0.6,
        )


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
    checks.whole_number("seed", seed, 0)
    checks.whole_number("size", size, 1)
    rng = np.random.default_rng([seed, LABELS.index(label)])
    sheet = Sheet(size)
    _pick(rng, BACKGROUNDS)(sheet, rng)
    for _ in range(rng.integers(0, 3)):
        _draw_thing(sheet, rng)
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
    _draw_body(sheet, coat, label, facing=1 if turn > 0 else -1)
    sheet.place(x * size, y * size, unit * size, tilt)
    HEADS[label](sheet, coat, turn)
    if rng.random() < 0.25:
        _draw_thing(sheet, rng, lowest=True)
    return _lit(sheet.image, rng)


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
        square = [[0, 0], [0.1, 0], [0.1, 0.1], [0, 0.1]]
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
    _draw_cat_head(sheet, coat, turn=0)
    return sheet.image


# --- the animals, in units of the head's radius, the head's centre being the origin ---------------------


def _draw_cat_head(sheet: Sheet, coat: Coat, turn: float) -> None:
    """Draw the head; `turn` from -1 to 1 lets it look left or right."""
    ear = np.array([[0.16, -0.8], [0.44, -1.22], [0.84, -1.5], [0.96, -0.98], [0.94, -0.3]])
    inner = np.array([[0.38, -0.78], [0.56, -1.08], [0.78, -1.26], [0.83, -0.9], [0.82, -0.55]])
    for side in (1, -1):
        sheet.shape(ear * (side, 1), coat.marking if coat.patch == side else coat.fur)
        sheet.fill(inner * (side, 1), mix(coat.pink, coat.fur, 0.2))
    sheet.shape(
        both_sides([[0.3, -0.84], [0.74, -0.6], [0.98, -0.08], [1.08, 0.36], [0.74, 0.62], [0.34, 0.82]]),
        coat.fur,
    )
    _draw_markings(sheet, coat, turn)
    middle = 0.16 * turn
    for side in (1, -1):
        _draw_whiskers(sheet, coat, middle, side)
        sheet.fill(ellipse(middle + 0.17 * side, 0.4, 0.25, 0.2), coat.light)
    for side in (1, -1):
        x = 0.41 * side + 0.1 * turn
        almond = smooth(
            [[-0.24, 0.04], [-0.1, -0.17], [0.1, -0.19], [0.25, -0.06], [0.12, 0.14], [-0.08, 0.16]]
        )
        almond = moved(almond * (side, 1), x, -0.08)
        sheet.fill(almond, coat.iris)
        sheet.fill(ellipse(x, -0.09, 0.055, 0.17), DARK)
        sheet.line(almond, DARK, 0.05, closed=True)
        sheet.fill(ellipse(x + 0.08, -0.15, 0.045, 0.045), WHITE)
    nose = smooth([[middle - 0.12, 0.21], [middle + 0.12, 0.21], [middle, 0.33]])
    sheet.shape(nose, coat.pink)
    sheet.line([[middle, 0.33], [middle, 0.42]], DARK, 0.04)
    for side in (1, -1):
        sheet.line(
            smooth([[middle, 0.42], [middle + 0.12 * side, 0.5], [middle + 0.25 * side, 0.43]], False),
            DARK,
            0.04,
        )


def _draw_whiskers(sheet: Sheet, coat: Coat, middle: float, side: int) -> None:
    colour = WHITE if sum(coat.fur) < 400 else times(coat.fur, 0.45)
    for height, droop in ((0.32, -0.14), (0.39, 0.02), (0.46, 0.18)):
        whisker = [
            [middle + 0.24 * side, height],
            [middle + 0.75 * side, height + droop],
            [middle + 1.3 * side, height + 2.1 * droop],
        ]
        sheet.line(smooth(whisker, closed=False), colour, 0.022)


def _draw_dog_head(sheet: Sheet, coat: Coat, turn: float) -> None:
    """Draw the head; `turn` from -1 to 1 lets it look left or right."""
    skull = [[0.3, -0.9], [0.68, -0.68], [0.84, -0.2], [0.74, 0.28], [0.6, 0.62], [0.44, 0.98], [0.2, 1.1]]
    sheet.shape(both_sides(skull), coat.fur)
    _draw_markings(sheet, coat, turn)
    ear = [
        [0.42, -0.86],
        [0.8, -0.92],
        [1.06, -0.5],
        [1.2, 0.1],
        [1.16, 0.62],
        [0.94, 0.78],
        [0.76, 0.42],
        [0.7, -0.16],
    ]
    for side in (1, -1):
        sheet.shape(smooth(ear) * (side, 1), coat.marking if coat.patch != -side else times(coat.fur, 0.8))
    middle = 0.22 * turn
    tongue = [[0.0, 0.74], [0.17, 0.8], [0.19, 1.1], [0.08, 1.28], [-0.08, 1.28], [-0.17, 1.1], [-0.15, 0.8]]
    sheet.shape(moved(smooth(tongue), middle), coat.pink)
    sheet.line([[middle, 0.85], [middle, 1.12]], times(coat.pink, 0.75), 0.035)
    muzzle = [[0.16, 0.02], [0.32, 0.24], [0.46, 0.56], [0.36, 0.82], [0.14, 0.84]]
    sheet.fill(moved(both_sides(muzzle), middle), coat.light)
    for side in (1, -1):
        x = 0.38 * side + 0.12 * turn
        sheet.fill(ellipse(x, -0.2, 0.18, 0.18), DARK)
        sheet.fill(ellipse(x, -0.2, 0.14, 0.14), coat.iris)
        sheet.fill(ellipse(x, -0.2, 0.09, 0.09), DARK)
        sheet.fill(ellipse(x + 0.06, -0.26, 0.045, 0.045), WHITE)
        brow = smooth([[x - 0.14, -0.46], [x, -0.52], [x + 0.14, -0.46]], closed=False)
        sheet.line(brow, times(coat.fur, 0.55), 0.05)
        lip = [[middle, 0.66], [middle + 0.16 * side, 0.78], [middle + 0.36 * side, 0.64]]
        sheet.line(smooth(lip, closed=False), DARK, 0.04)
        for dot in ((0.18, 0.5), (0.27, 0.58), (0.29, 0.45)):
            sheet.fill(ellipse(middle + dot[0] * side, dot[1], 0.02, 0.02), times(coat.light, 0.6))
    nose = smooth([[-0.2, 0.2], [0.0, 0.14], [0.2, 0.2], [0.16, 0.36], [0.0, 0.43], [-0.16, 0.36]])
    sheet.fill(moved(nose, middle), DARK)
    sheet.fill(ellipse(middle - 0.06, 0.22, 0.07, 0.03), mix(DARK, WHITE, 0.6))
    sheet.line([[middle, 0.42], [middle, 0.66]], DARK, 0.04)


HEADS = {"cat": _draw_cat_head, "dog": _draw_dog_head}


def _draw_markings(sheet: Sheet, coat: Coat, turn: float) -> None:
    if coat.patch:
        sheet.fill(ellipse(0.4 * coat.patch + 0.1 * turn, -0.16, 0.34, 0.38), coat.marking)
    if coat.stripes:
        for x, end in ((-0.2, -0.5), (0, -0.4), (0.2, -0.5)):
            sheet.line([[x * 1.1 + 0.05 * turn, -0.78], [x * 0.8 + 0.1 * turn, end]], coat.marking, 0.075)


def _draw_body(sheet: Sheet, coat: Coat, label: str, facing: int) -> None:
    """Draw a sitting animal seen from the front; in a portrait, the picture's edge cuts it off."""
    if label == "cat":
        tail, width = [[0.7, 3.0], [1.5, 2.9], [1.9, 2.3], [1.6, 1.7], [1.9, 1.3]], 0.26
    else:
        tail, width = [[0.8, 2.6], [1.4, 2.2], [1.75, 1.6]], 0.36
    tail = smooth(np.array(tail) * (facing, 1), closed=False)
    sheet.line(tail, times(coat.fur, 0.62), width + 0.09)
    sheet.line(tail, coat.marking, width)
    sheet.shape(
        both_sides([[0.2, 0.5], [0.62, 0.9], [0.84, 1.7], [1.12, 2.5], [1.06, 3.05], [0.4, 3.2]]), coat.fur
    )
    if coat.bib:
        sheet.fill(both_sides([[0.12, 0.7], [0.42, 1.0], [0.44, 1.5], [0.16, 2.0]]), coat.light)
    for side in (1, -1):
        sheet.shape(
            smooth(np.array([[0.9, 2.4], [1.25, 2.8], [1.2, 3.2], [0.6, 3.22], [0.6, 2.7]]) * (side, 1)),
            coat.fur,
        )
        leg = np.array([[0.1, 1.9], [0.52, 1.8], [0.56, 2.6], [0.6, 3.2], [0.12, 3.2]]) * (side, 1)
        sheet.shape(smooth(leg), coat.fur)
        sheet.shape(ellipse(0.35 * side, 3.18, 0.32, 0.17), coat.light)
    if coat.wears_collar:
        sheet.line(ellipse(0, 0.72, 0.66, 0.34, 20, 160), coat.collar, 0.17)
        sheet.shape(ellipse(0, 1.16, 0.13, 0.13), (246, 206, 92))


# --- what is round them ----------------------------------------------------------------------------------


def _pick(rng: np.random.Generator, choices):
    return choices[rng.integers(len(choices))]


def _draw_gradient(sheet: Sheet, top: Colour, bottom: Colour) -> None:
    share = np.linspace(0, 1, sheet.size)[:, None, None]
    sheet.image[:] = (1 - share) * np.array(top) + share * np.array(bottom)


def _draw_meadow(sheet: Sheet, rng: np.random.Generator) -> None:
    _draw_gradient(sheet, *_pick(rng, SKIES))
    sheet.place(0, 0, sheet.size)
    sheet.fill(ellipse(rng.uniform(0.1, 0.9), rng.uniform(0.08, 0.25), 0.08, 0.08), (255, 246, 206))
    meadow = _pick(rng, MEADOWS)
    for horizon, factor in ((rng.uniform(0.42, 0.52), 0.86), (rng.uniform(0.55, 0.68), 1.0)):
        hills = [[x, horizon + rng.uniform(-0.06, 0.06)] for x in np.linspace(-0.1, 1.1, 6)]
        sheet.fill(np.vstack([smooth(hills, closed=False), [[1.1, 1.1], [-0.1, 1.1]]]), times(meadow, factor))
    for x, y in rng.uniform((0, 0.7), (1, 1), (24, 2)):
        sheet.line([[x, y], [x + 0.006, y - 0.03]], times(meadow, 0.8), 0.008)
    flower = _pick(rng, BRIGHT)
    for x, y in rng.uniform((0, 0.72), (1, 1), (rng.integers(0, 9), 2)):
        sheet.fill(ellipse(x, y, 0.013, 0.013), flower)


def _draw_room(sheet: Sheet, rng: np.random.Generator) -> None:
    wall, floor, edge = _pick(rng, WALLS), _pick(rng, FLOORS), rng.uniform(0.66, 0.8)
    _draw_gradient(sheet, times(wall, 1.05), times(wall, 0.9))
    sheet.place(0, 0, sheet.size)
    sheet.fill([[0, edge], [1, edge], [1, 1], [0, 1]], floor)
    for x in np.linspace(-0.6, 1.6, 12):
        sheet.line([[0.5 + 0.6 * (x - 0.5), edge], [x, 1]], times(floor, 0.86), 0.006)
    sheet.fill([[0, edge - 0.025], [1, edge - 0.025], [1, edge], [0, edge]], mix(wall, WHITE, 0.6))
    left, top = rng.uniform(0.02, 0.6), rng.uniform(0.04, 0.14)
    window = moved([[0, 0], [0.34, 0], [0.34, 0.4], [0, 0.4]], left, top)
    sheet.fill(window, mix(_pick(rng, SKIES)[0], WHITE, rng.uniform(0, 0.5)))
    for bar in (window, [[left + 0.17, top], [left + 0.17, top + 0.4]]):
        sheet.line(bar, times(mix(floor, WHITE, 0.4), 0.9), 0.022, closed=True)


def _draw_wallpaper(sheet: Sheet, rng: np.random.Generator) -> None:
    wall = _pick(rng, WALLS)
    other = mix(wall, _pick(rng, (WHITE, *BRIGHT)), 0.3)
    sheet.image[:] = wall
    sheet.place(sheet.size / 2, sheet.size / 2, sheet.size, tilt=rng.uniform(-50, 50))
    pitch = rng.uniform(0.09, 0.17)
    steps = np.arange(-0.75, 0.75, pitch)
    if rng.random() < 0.5:
        for x in steps:
            sheet.fill([[x, -0.8], [x + pitch / 2, -0.8], [x + pitch / 2, 0.8], [x, 0.8]], other)
    else:
        for x in steps:
            for y in steps:
                sheet.fill(ellipse(x, y, pitch * 0.24, pitch * 0.24)[::4], other)


def _draw_lights(sheet: Sheet, rng: np.random.Generator) -> None:
    """Draw out-of-focus lights."""
    colours = [_pick(rng, BRIGHT), _pick(rng, WALLS)]
    _draw_gradient(sheet, times(colours[0], 0.62), times(colours[1], 0.8))
    sheet.place(0, 0, sheet.size)
    plain = sheet.image.copy()
    for x, y, radius in rng.uniform((0, 0, 0.04), (1, 1, 0.13), (14, 3)):
        sheet.fill(ellipse(x, y, radius, radius), mix(_pick(rng, BRIGHT), WHITE, 0.5))
    sheet.image[:] = cv2.addWeighted(plain, 0.62, sheet.image, 0.38, 0)


BACKGROUNDS = (_draw_meadow, _draw_room, _draw_wallpaper, _draw_lights)


def _draw_thing(sheet: Sheet, rng: np.random.Generator, lowest: bool = False) -> None:
    """Draw a ball, a box, a plant or a star, that either animal may play with."""
    unit, y = (
        sheet.size * rng.uniform(0.07, 0.13),
        rng.uniform(0.86, 0.95) if lowest else rng.uniform(0.6, 0.92),
    )
    sheet.place(sheet.size * rng.uniform(0.08, 0.92), sheet.size * y, unit, tilt=rng.uniform(-20, 20))
    colour, other = _pick(rng, BRIGHT), _pick(rng, BRIGHT)
    kind = rng.integers(4)
    if kind == 0:
        sheet.shape(ellipse(0, 0, 1, 1), colour)
        sheet.line(ellipse(-0.9, 0, 1.1, 1.1, -50, 50), mix(colour, WHITE, 0.6), 0.14)
        sheet.line(ellipse(1.3, 0, 1.1, 1.1, 140, 220), mix(colour, WHITE, 0.6), 0.14)
    elif kind == 1:
        sheet.shape([[-0.9, -0.7], [0.9, -0.7], [0.9, 0.9], [-0.9, 0.9]], colour)
        sheet.fill([[-0.18, -0.7], [0.18, -0.7], [0.18, 0.9], [-0.18, 0.9]], other)
    elif kind == 2:
        for angle in (-50, -18, 18, 50):
            leaf = smooth([[0, 0], [0.28, -0.9], [0, -1.7], [-0.28, -0.9]]) @ _turned(angle)
            sheet.shape(leaf, (86, 150, 96))
        sheet.shape([[-0.7, 0], [0.7, 0], [0.5, 1], [-0.5, 1]], colour)
    else:
        angles = np.deg2rad(np.arange(10) * 36 - 90)
        radii = np.where(np.arange(10) % 2, 0.45, 1)
        sheet.shape(np.column_stack([radii * np.cos(angles), radii * np.sin(angles)]), colour)


def _turned(angle: float) -> np.ndarray:
    turn = np.deg2rad(angle)
    return np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])


def _lit(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Let light fall from one side."""
    strength, angle = rng.uniform(0.05, 0.22), rng.uniform(0, 2 * np.pi)
    ramp = np.linspace(-1, 1, len(image), dtype=np.float32)
    light = rng.uniform(0.92, 1.05) + strength * (np.cos(angle) * ramp[None] + np.sin(angle) * ramp[:, None])
    return cv2.multiply(image, cv2.merge([light] * 3), dtype=cv2.CV_8U)
