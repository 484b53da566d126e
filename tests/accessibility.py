"""What others see of a figure: readers with a colour-blindness, printers without colour, screen readers."""

import cv2
import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.lines import Line2D

from helpers.plots.figure import DescribedFigure

# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency",
# IEEE Transactions on Visualization and Computer Graphics 15 (2009): the matrices for severity 1.0, which
# act on linear RGB.
COLOUR_BLINDNESS = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def as_seen(colour: str, matrix: np.ndarray) -> np.ndarray:
    """Return a colour as CIE L*a*b*, seen through one of `COLOUR_BLINDNESS`; L is its lightness, 0-100."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = (np.array(matrix) @ linear).clip(0, 1)
    # OpenCV takes linear RGB for what it calls LRGB.
    return cv2.cvtColor(np.float32([[seen]]), cv2.COLOR_LRGB2Lab)[0, 0]


def difference(one: str, other: str, matrix: np.ndarray) -> float:
    """Return how far apart two colours look (the CIE's distance of 1976; 2.3 can be noticed at all)."""
    return float(np.linalg.norm(as_seen(one, matrix) - as_seen(other, matrix)))


def problems(figure: DescribedFigure) -> list[str]:
    """Return what is wrong with `figure`: a poor description, a legend told by colour alone."""
    text = figure.alt_text
    found = [] if len(text) >= 20 and text.endswith(".") else [f"described as {text!r}"]
    for axis in figure.axes:
        entries = list(zip(*axis.get_legend_handles_labels()))
        styles = [_style(handle) for handle, _ in entries]
        if len(set(styles)) < len(styles):
            found.append(f"differ in colour only, see `style`: {[label for _, label in entries]}")
    return found


def _style(handle) -> tuple:
    """Return what a print in grey leaves of a legend's entry: kind, marker, line and hatch."""
    if isinstance(handle, ErrorbarContainer):
        handle = handle[0]
    if isinstance(handle, BarContainer):
        handle = handle.patches[0]
    if isinstance(handle, Line2D):
        return "line", handle.get_marker(), handle.get_linestyle()
    if isinstance(handle, PathCollection):
        return "marks", *handle.get_paths()[0].vertices.ravel().round(3).tolist()
    return "area", handle.get_hatch()
