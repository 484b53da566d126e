"""What is round the animals: backgrounds, things lying about, light."""

import cv2
import numpy as np

from .sheet import BRIGHT, WHITE, Colour, Sheet, ellipse, mix, moved, pick, smooth, times

WALLS = ((178, 208, 220), (232, 212, 186), (204, 192, 222), (190, 212, 180), (236, 198, 194), (150, 172, 194))
FLOORS = ((196, 150, 108), (150, 108, 80), (188, 184, 180), (120, 128, 140))
SKIES = (
    ((116, 182, 232), (222, 240, 248)),
    ((96, 104, 168), (250, 190, 150)),
    ((156, 196, 206), (246, 238, 214)),
)
MEADOWS = ((124, 178, 94), (98, 154, 108), (172, 186, 98), (206, 186, 124))


def _draw_gradient(sheet: Sheet, top: Colour, bottom: Colour) -> None:
    share = np.linspace(0, 1, sheet.size)[:, None, None]
    sheet.image[:] = (1 - share) * np.array(top) + share * np.array(bottom)


def _draw_meadow(sheet: Sheet, rng: np.random.Generator) -> None:
    _draw_gradient(sheet, *pick(rng, SKIES))
    sheet.place(0, 0, sheet.size)
    sheet.fill(ellipse(rng.uniform(0.1, 0.9), rng.uniform(0.08, 0.25), 0.08, 0.08), (255, 246, 206))
    meadow = pick(rng, MEADOWS)
    for horizon, factor in ((rng.uniform(0.42, 0.52), 0.86), (rng.uniform(0.55, 0.68), 1.0)):
        hills = [[x, horizon + rng.uniform(-0.06, 0.06)] for x in np.linspace(-0.1, 1.1, 6)]
        sheet.fill(np.vstack([smooth(hills, closed=False), [[1.1, 1.1], [-0.1, 1.1]]]), times(meadow, factor))
    for x, y in rng.uniform((0, 0.7), (1, 1), (24, 2)):
        sheet.line([[x, y], [x + 0.006, y - 0.03]], times(meadow, 0.8), 0.008)
    flower = pick(rng, BRIGHT)
    for x, y in rng.uniform((0, 0.72), (1, 1), (rng.integers(0, 9), 2)):
        sheet.fill(ellipse(x, y, 0.013, 0.013), flower)


def _draw_room(sheet: Sheet, rng: np.random.Generator) -> None:
    wall, floor, edge = pick(rng, WALLS), pick(rng, FLOORS), rng.uniform(0.66, 0.8)
    _draw_gradient(sheet, times(wall, 1.05), times(wall, 0.9))
    sheet.place(0, 0, sheet.size)
    sheet.fill([[0, edge], [1, edge], [1, 1], [0, 1]], floor)
    for x in np.linspace(-0.6, 1.6, 12):
        sheet.line([[0.5 + 0.6 * (x - 0.5), edge], [x, 1]], times(floor, 0.86), 0.006)
    sheet.fill([[0, edge - 0.025], [1, edge - 0.025], [1, edge], [0, edge]], mix(wall, WHITE, 0.6))
    left, top = rng.uniform(0.02, 0.6), rng.uniform(0.04, 0.14)
    window = moved([[0, 0], [0.34, 0], [0.34, 0.4], [0, 0.4]], left, top)
    sheet.fill(window, mix(pick(rng, SKIES)[0], WHITE, rng.uniform(0, 0.5)))
    for bar in (window, [[left + 0.17, top], [left + 0.17, top + 0.4]]):
        sheet.line(bar, times(mix(floor, WHITE, 0.4), 0.9), 0.022, closed=True)


def _draw_wallpaper(sheet: Sheet, rng: np.random.Generator) -> None:
    wall = pick(rng, WALLS)
    other = mix(wall, pick(rng, (WHITE, *BRIGHT)), 0.3)
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
    colours = [pick(rng, BRIGHT), pick(rng, WALLS)]
    _draw_gradient(sheet, times(colours[0], 0.62), times(colours[1], 0.8))
    sheet.place(0, 0, sheet.size)
    plain = sheet.image.copy()
    for x, y, radius in rng.uniform((0, 0, 0.04), (1, 1, 0.13), (14, 3)):
        sheet.fill(ellipse(x, y, radius, radius), mix(pick(rng, BRIGHT), WHITE, 0.5))
    sheet.image[:] = cv2.addWeighted(plain, 0.62, sheet.image, 0.38, 0)


def thing(sheet: Sheet, rng: np.random.Generator, lowest: bool = False) -> None:
    """Draw a ball, a box, a plant or a star, that either animal may play with."""
    unit, y = (
        sheet.size * rng.uniform(0.07, 0.13),
        rng.uniform(0.86, 0.95) if lowest else rng.uniform(0.6, 0.92),
    )
    sheet.place(sheet.size * rng.uniform(0.08, 0.92), sheet.size * y, unit, tilt=rng.uniform(-20, 20))
    colour, other = pick(rng, BRIGHT), pick(rng, BRIGHT)
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


def lit(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Let light fall from one side."""
    strength, angle = rng.uniform(0.05, 0.22), rng.uniform(0, 2 * np.pi)
    ramp = np.linspace(-1, 1, len(image), dtype=np.float32)
    light = rng.uniform(0.92, 1.05) + strength * (np.cos(angle) * ramp[None] + np.sin(angle) * ramp[:, None])
    return cv2.multiply(image, cv2.merge([light] * 3), dtype=cv2.CV_8U)


BACKGROUNDS = (_draw_meadow, _draw_room, _draw_wallpaper, _draw_lights)
