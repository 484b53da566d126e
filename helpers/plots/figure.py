"""What every figure shares: a palette, and a description for those who cannot see it."""

from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image  # matplotlib brings it

from .. import checks, language

# Okabe and Ito's palette (2008): colour-blind readers can tell these apart. In a grey print only the first
# three differ clearly. Never let colour alone carry a meaning: add a marker, a line style or a hatch.
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
SKY, RED, YELLOW, BLACK, GREY = "#56B4E9", "#D55E00", "#F0E442", "#000000", "#8C8C8C"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED, BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
HATCHES = ("", "//", "..", "xx", "\\\\", "--", "oo")


class Style(NamedTuple):
    """How one of several things is drawn: told from the others by colour, and without."""

    colour: str
    marker: str
    line: str | tuple
    hatch: str


def style(number: int) -> Style:
    """Return the style of thing number 0, 1, …; however many there are, no two share a marker or a hatch."""
    turn, place = divmod(number, len(COLOURS))
    return Style(
        COLOURS[place],
        f"${number + 1}$" if turn else MARKERS[place],
        LINES[place],
        HATCHES[place] + "*" * turn,
    )


DOTS_PER_INCH = 80
MANY_COLOURS = 2**15  # a drawing has fewer, a sheet of photos more


class DescribedFigure(Figure):
    """A matplotlib figure that carries its own alternative text.

    Jupyter shows the picture, and stores `alt_text` with it: as the picture's alternative text in
    the page, and as the plain-text form, which is what continuous integration compares.
    """

    alt_text = ""
    colours = 256  # in the PNG; for drawn pictures, half of them look the same

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict, dict]:
        if not self.alt_text:
            raise ValueError("This figure has no description. End its function with `describe(...)`.")
        picture = _with_a_palette(self.png(), self.colours)
        said = language.translated(self.alt_text)
        content = {"image/png": picture, "text/plain": f"{language.translated('Figure')}: {said}"}
        return content, {"image/png": {"alt": said}}

    def png(self, dots_per_inch: float = DOTS_PER_INCH) -> bytes:
        """Return the picture as a PNG file's bytes, larger than the one that is saved, and sooner there."""
        buffer = BytesIO()
        _translate(self)
        self.savefig(
            buffer, format="png", dpi=dots_per_inch, bbox_inches="tight", metadata={"Software": None}
        )
        return buffer.getvalue()


def _translate(figure: Figure) -> None:
    """Put all words of a figure into the learner's language, those at its ticks too."""
    if language.is_english():
        return
    for axis in [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]:
        labels = axis.get_ticklabels()
        words = [label.get_text() for label in labels]
        if (new := [language.translated(word) for word in words]) != words:
            size, rotation = labels[0].get_fontsize(), labels[0].get_rotation()
            axis.set_ticks(axis.get_ticklocs(), new, fontsize=size, rotation=rotation)
    for text in figure.findobj(Text):
        text.set_text(language.translated(text.get_text()))


def _with_a_palette(png: bytes, colours: int) -> bytes:
    """Reduce a PNG to so many colours, each pixel to the nearest one: a third of the bytes, or less."""
    picture = Image.open(BytesIO(png)).convert("RGB")
    if picture.getcolors(MANY_COLOURS):
        # Charts and drawings: every colour counts, however small its area.
        reduced = picture.quantize(colours, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    else:
        # Photos: here that method would take seconds.
        reduced = picture.quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    smaller = BytesIO()
    reduced.save(smaller, format="png", optimize=True)
    return smaller.getvalue()


def new_figure(
    width: float = 7, height: float = 3.5, rows: int = 1, columns: int = 1, **subplots: Any
) -> tuple[DescribedFigure, Any]:
    """Return `(figure, axes)` as `plt.subplots` does, outside pyplot: shown once, never left open.

    `width` and `height` are in inches; `axes` is one Axes, or an array of them.
    """
    figure = DescribedFigure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, **subplots)
    for axis in figure.axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def describe(figure: DescribedFigure, alt_text: str) -> DescribedFigure:
    """Give `figure` its alternative text: what it shows and what it says, in a sentence or two."""
    figure.alt_text = " ".join(alt_text.split())
    return figure


def empty_figure(finding: str) -> DescribedFigure:
    """Return a figure that says why there is nothing to draw."""
    figure, axis = new_figure(7, 0.6)
    axis.set_axis_off()
    axis.set_title(finding)
    return describe(figure, f"{finding}.")


def percent(part: int, whole: int) -> str:
    """Return a share in whole per cent; nothing but 0 is called 0 %, and nothing but all of it 100 %."""
    share = 100 * part / whole
    if 0 < share < 1:
        return "less than 1 %"
    return "more than 99 %" if 99 < share < 100 else f"{share:.0f} %"


def show_image(axis: Axes, image: np.ndarray, title: str = "") -> None:
    """Draw one image, RGB `(height, width, 3)` or grey `(height, width)`, 0-255, without ticks or frame.

    Values beyond 0 to 255 are shown as black or white.

    Raises:
        CourseError: an image scaled to 0-1 or −1 to 1, which would be black.
    """
    checks.unscaled("picture", image)
    axis.imshow(image.clip(0, 255).astype("uint8"))
    axis.set_title(title, fontsize=9)
    axis.set_axis_off()
