"""Cats and dogs, in units of the head's radius; the head's centre is the origin."""

from dataclasses import dataclass

import numpy as np

from .sheet import BRIGHT, DARK, WHITE, Colour, Sheet, both_sides, ellipse, mix, moved, pick, smooth, times

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
PINKS = ((230, 160, 160), (234, 118, 128), (216, 140, 148))


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
        fur = times(pick(rng, FURS), rng.uniform(0.88, 1.08))
        marking = mix(times(fur, 0.62), pick(rng, FURS), 0.45)
        return cls(
            fur=fur,
            light=mix(fur, WHITE, rng.uniform(0.45, 0.8)),
            marking=marking,
            pink=pick(rng, PINKS),
            iris=pick(rng, IRISES),
            collar=pick(rng, BRIGHT),
            patch=int(rng.choice([-1, 0, 0, 1])),
            stripes=rng.random() < 0.4,
            bib=rng.random() < 0.6,
            wears_collar=rng.random() < 0.6,
        )


def cat_head(sheet: Sheet, coat: Coat, turn: float) -> None:
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


def dog_head(sheet: Sheet, coat: Coat, turn: float) -> None:
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


def _draw_markings(sheet: Sheet, coat: Coat, turn: float) -> None:
    if coat.patch:
        sheet.fill(ellipse(0.4 * coat.patch + 0.1 * turn, -0.16, 0.34, 0.38), coat.marking)
    if coat.stripes:
        for x, end in ((-0.2, -0.5), (0, -0.4), (0.2, -0.5)):
            sheet.line([[x * 1.1 + 0.05 * turn, -0.78], [x * 0.8 + 0.1 * turn, end]], coat.marking, 0.075)


def body(sheet: Sheet, coat: Coat, label: str, facing: int) -> None:
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


HEADS = {"cat": cat_head, "dog": dog_head}
