"""Robins, sparrows and crows from the side, in units of the body's half length; its centre is the origin."""

from dataclasses import dataclass

import numpy as np

from .sheet import DARK, WHITE, Colour, Points, Sheet, ellipse, mix, moved, pick, smooth, times

BROWNS = ((150, 112, 78), (128, 98, 74), (166, 128, 92), (116, 92, 72))
BLACKS = ((52, 52, 60), (40, 42, 48), (62, 58, 62))
GREYS = ((150, 150, 154), (132, 136, 144), (168, 164, 158))
REDS = ((222, 104, 48), (206, 84, 44), (232, 128, 62))
PALES = ((226, 216, 200), (210, 200, 186), (236, 230, 220))
BARKS = ((112, 84, 62), (90, 72, 60), (134, 110, 88))


@dataclass(frozen=True)
class Plumage:
    """One bird: its colours and markings, its beak, and how it sits."""

    back: Colour
    belly: Colour
    cap: Colour
    face: Colour  # cheeks, and what they run into
    breast: Colour
    bib: Colour  # under the beak
    beak: Colour
    legs: Colour
    bill: tuple[float, float]  # its length and half its height
    head: float  # its radius
    tail: float  # its length
    streaks: int  # dark ones on the wing
    speckles: int  # light ones on the breast
    plump: float
    upright: float  # degrees


def _robin(rng: np.random.Generator) -> Plumage:
    """Red from the face to the breast, a thin beak, round; a young one has speckles in place of the red."""
    back, belly = times(pick(rng, BROWNS), rng.uniform(0.9, 1.1)), pick(rng, PALES)
    is_young = rng.random() < 0.3
    red = mix(back, belly, 0.35) if is_young else times(pick(rng, REDS), rng.uniform(0.85, 1.08))
    return Plumage(
        back,
        belly,
        back,
        red,
        red,
        red,
        times(DARK, 1.2),
        (140, 96, 76),
        bill=(rng.uniform(0.24, 0.32), 0.06),
        head=rng.uniform(0.44, 0.5),
        tail=rng.uniform(0.6, 0.8),
        streaks=0,
        speckles=14 if is_young else 0,
        plump=rng.uniform(0.64, 0.76),
        upright=rng.uniform(18, 40),
    )


def _sparrow(rng: np.random.Generator) -> Plumage:
    """Brown with dark streaks, a stout beak; a male has a grey cap and a black bib."""
    back, belly = times(pick(rng, BROWNS), rng.uniform(0.9, 1.1)), times(pick(rng, PALES), 0.88)
    is_male = rng.random() < 0.5
    return Plumage(
        back,
        belly,
        pick(rng, GREYS) if is_male else times(back, 0.9),
        mix(belly, WHITE, 0.2) if is_male else mix(back, belly, 0.6),
        belly,
        DARK if is_male else belly,
        DARK if is_male else (176, 146, 104),
        (176, 132, 110),
        bill=(rng.uniform(0.24, 0.3), rng.uniform(0.12, 0.15)),
        head=rng.uniform(0.4, 0.46),
        tail=rng.uniform(0.65, 0.9),
        streaks=int(rng.integers(2, 7)),
        speckles=0,
        plump=rng.uniform(0.56, 0.66),
        upright=rng.uniform(8, 28),
    )


def _crow(rng: np.random.Generator) -> Plumage:
    """Black, with a long and heavy beak; every fourth is a hooded crow, grey but for head, wings and tail."""
    back = times(pick(rng, BLACKS), rng.uniform(0.85, 1.25))
    trunk = pick(rng, GREYS) if rng.random() < 0.25 else times(back, 1.12)
    return Plumage(
        back,
        trunk,
        back,
        back,
        trunk,
        back,
        times(DARK, 0.9),
        times(DARK, 0.9),
        bill=(rng.uniform(0.46, 0.58), rng.uniform(0.12, 0.15)),
        head=rng.uniform(0.36, 0.42),
        tail=rng.uniform(0.8, 1.05),
        streaks=0,
        speckles=0,
        plump=rng.uniform(0.48, 0.58),
        upright=rng.uniform(4, 30),
    )


BIRDS = {"crow": _crow, "robin": _robin, "sparrow": _sparrow}


def bird(sheet: Sheet, label: str, facing: int, rng: np.random.Generator) -> None:
    """Draw a bird on a twig, where the sheet was placed; `facing` is 1 to the right, −1 to the left."""
    look = BIRDS[label](rng)
    turn = np.deg2rad(look.upright)
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])

    def body(points: Points) -> np.ndarray:
        """Tilt what belongs to the trunk, head up and tail down."""
        return np.asarray(points, float) @ turned * (facing, 1)

    def upright(points: Points) -> np.ndarray:
        return np.asarray(points, float) * (facing, 1)

    low = look.plump + 0.42
    bark = pick(rng, BARKS)
    sheet.line(smooth([[-2.4, low + rng.uniform(-0.25, 0.25)], [0, low], [2.4, low - 0.1]], False), bark, 0.2)
    for x in (-0.18, 0.2):
        sheet.line(upright([[x, look.plump * 0.8], [x + 0.06, low - 0.08]]), look.legs, 0.07)
        sheet.line(upright([[x - 0.08, low - 0.08], [x + 0.2, low - 0.08]]), look.legs, 0.07)
    sheet.shape(body([[-0.7, -0.16], [-1 - look.tail, 0.02], [-1 - look.tail, 0.22], [-0.7, 0.2]]), look.back)
    wide = look.plump
    above = [[-1.05, 0], [-0.5, -0.7 * wide], [0.25, -0.85 * wide], [0.9, -0.3]]
    sheet.shape(body(smooth([*above, [0.86, 0.5 * wide], [0.2, wide], [-0.5, 0.75 * wide]])), look.belly)
    sheet.fill(body(smooth(above)), mix(look.back, look.belly, 0.15))
    breast = [[0.2, -0.4], [0.95, -0.34], [0.9, wide * 0.42], [0.5, wide * 0.72], [0.22, wide * 0.3]]
    sheet.fill(body(smooth(breast)), look.breast)
    for x, y in rng.uniform((0.25, -0.2), (0.75, wide * 0.5), (look.speckles, 2)):
        sheet.fill(body(ellipse(x, y, 0.05, 0.035)), mix(look.belly, WHITE, 0.5))
    wing = smooth([[0.45, -0.36], [0.1, 0.28], [-0.7, 0.34], [-1.35, 0.16], [-0.7, -0.34], [0, -0.5]])
    sheet.shape(body(wing), times(look.back, 0.88))
    for place in np.linspace(-0.75, 0.2, look.streaks):
        sheet.line(body([[place - 0.22, 0.16], [place + 0.12, -0.22]]), times(look.back, 0.5), 0.055)
    _head(sheet, look, body([[0.82, -0.62]])[0], facing)


def _head(sheet: Sheet, look: Plumage, centre: np.ndarray, facing: int) -> None:
    """Draw the head, which stays level however the trunk is tilted."""
    radius, (length, height) = look.head, look.bill

    def there(points: Points) -> np.ndarray:
        return moved(np.asarray(points, float) * (facing, 1), *centre)

    tip, root = radius + length, radius * 0.8
    sheet.shape(there([[root, -height], [tip, height * 0.7], [root, height * 1.1]]), look.beak)
    sheet.shape(there(ellipse(0, 0, radius, radius * 0.94)), look.cap)
    sheet.fill(there(ellipse(radius * 0.3, radius * 0.26, radius * 0.66, radius * 0.6)), look.face)
    sheet.fill(there(ellipse(radius * 0.5, radius * 0.78, radius * 0.36, radius * 0.4)), look.bib)
    eye = radius * 0.42, -radius * 0.14
    sheet.fill(there(ellipse(*eye, 0.1, 0.1)), mix(look.cap, WHITE, 0.45))
    sheet.fill(there(ellipse(*eye, 0.08, 0.08)), (24, 20, 22))
    sheet.fill(there(ellipse(eye[0] + 0.025, eye[1] - 0.03, 0.025, 0.025)), WHITE)
