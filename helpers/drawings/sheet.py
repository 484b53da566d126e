"""What drawings are made with: a sheet in units of one's own, colours, and outlines as points."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

Colour = tuple[float, float, float]  # red, green, blue, 0-255
Points = np.ndarray | Sequence[Sequence[float]]  # (n, 2): to the right and down
BRIGHT = ((214, 66, 66), (58, 120, 196), (246, 190, 58), (62, 160, 112), (164, 92, 176), (240, 128, 58))
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

    def fill(self, points: Points, colour: Colour) -> None:
        """Fill the polygon."""
        cv2.fillPoly(self.image, [self._pixels(points)], colour, cv2.LINE_AA, self.FRACTION_BITS)

    def line(self, points: Points, colour: Colour, width: float, closed: bool = False) -> None:
        """Draw a line through the points, `width` units wide."""
        thickness = max(1, round(width * self._unit))
        pixels = [self._pixels(points)]
        cv2.polylines(self.image, pixels, closed, colour, thickness, cv2.LINE_AA, self.FRACTION_BITS)

    def shape(self, points: Points, colour: Colour, width: float = 0.035) -> None:
        """Fill, and outline in a darker tone of the same colour."""
        self.fill(points, colour)
        self.line(points, times(colour, 0.62), width, closed=True)

    def _pixels(self, points: Points) -> np.ndarray:
        pixels = np.asarray(points, float) @ self._axes + self._origin - 0.5
        return np.round(pixels * 2**self.FRACTION_BITS).astype(np.int32)


def times(colour: Colour, factor: float) -> Colour:
    """Return the colour darker (below 1) or lighter (above 1)."""
    red, green, blue = (min(255.0, channel * factor) for channel in colour)
    return red, green, blue


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Return `one` with `share` (0-1) of `other` in it."""
    red, green, blue = ((1 - share) * a + share * b for a, b in zip(one, other, strict=True))
    return red, green, blue


def ellipse(x: float, y: float, across: float, down: float, start: float = 0, end: float = 360) -> np.ndarray:
    """Return points on an ellipse, clockwise from `start` to `end` degrees, 0 being to the right."""
    angles = np.deg2rad(np.linspace(start, end, 60))
    return np.column_stack([x + across * np.cos(angles), y + down * np.sin(angles)])


def smooth(corners: Points, closed: bool = True) -> np.ndarray:
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


def moved(points: Points, right: float, down: float = 0) -> np.ndarray:
    """Return the points shifted by so many units."""
    return np.asarray(points, float) + np.array([right, down])


def mirrored(points: Points) -> np.ndarray:
    """Return the points on the other side of the vertical axis."""
    return np.asarray(points, float) * (-1, 1)


def both_sides(right_half: Points) -> np.ndarray:
    """Complete the right half of a symmetric outline, given from top to bottom."""
    return smooth(np.vstack([right_half, mirrored(right_half)[::-1]]))


def pick(rng: np.random.Generator, choices: Sequence) -> Any:
    """Draw one of `choices`."""
    return choices[int(rng.integers(len(choices)))]
