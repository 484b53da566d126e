"""Figures that one can move: sliders and boxes, or a photo of one's own to choose."""

from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import ipywidgets as widgets
import numpy as np

from .. import checks, colab, language, runtime
from .data import misses_and_false_alarms
from .figure import DescribedFigure
from .splitting import interval_by_size

DOTS_PER_INCH = 120  # half as many again as in a saved picture, whose bytes count
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class Control(NamedTuple):
    """One value that a figure depends on: what it is called, what it begins with, how far it goes.

    A `value` of True or False gets a box to tick, any other a slider from `low` to `high`.
    """

    label: str
    value: float | bool
    low: float = 0
    high: float = 1
    step: float = 0.01

    def widget(self) -> widgets.DOMWidget:
        """Return the slider or the box."""
        if isinstance(self.value, bool):
            return widgets.Checkbox(self.value, description=language.translated(self.label), indent=False)
        return widgets.FloatSlider(
            value=self.value,
            min=self.low,
            max=self.high,
            step=self.step,
            readout_format=".2f" if self.step < 1 else ".0f",
            description=language.translated(self.label),
            style={"description_width": "15em"},
            layout={"width": "34em"},
        )


class Interactive(ABC):
    """A figure that Jupyter shows with something to press or to move.

    Where notebooks are executed to be saved or checked (see `runtime.is_quiet`), there is nobody to do that:
    there it is a still figure with its description, and nothing of a widget is saved.
    """

    @abstractmethod
    def still(self) -> DescribedFigure:
        """Return the figure as it begins."""

    @abstractmethod
    def widget(self) -> widgets.Widget:
        """Return what is pressed or moved, and under it the picture, which follows."""

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict, dict]:
        still, metadata = self.still()._repr_mimebundle_()
        if runtime.is_quiet():
            return still, metadata
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget().model_id}
        if colab.is_colab():  # it might prefer the still picture to the widget
            return {WIDGET_VIEW: view, "text/plain": still["text/plain"]}, {}
        return {**still, WIDGET_VIEW: view}, metadata


class Explorer(Interactive):
    """A figure and what it depends on; Jupyter shows it with its sliders.

    Args:
        draw: makes the figure; called with a value for each control, by its name.
        controls: name -> what can be changed, in the order in which it is shown.
    """

    def __init__(self, draw: Callable[..., DescribedFigure], controls: Mapping[str, Control]):
        self._draw, self._controls = draw, controls

    def still(self) -> DescribedFigure:
        """Return the figure for the values that the controls begin with."""
        return self._draw(**{name: control.value for name, control in self._controls.items()})

    def widget(self) -> widgets.VBox:
        """Return the controls, and under them the picture, which follows them."""
        shown = {name: control.widget() for name, control in self._controls.items()}
        picture = widgets.HTML()

        def redraw(_: object = None) -> None:
            picture.value = as_html(self._draw(**{name: control.value for name, control in shown.items()}))

        for control in shown.values():
            control.observe(redraw, "value")
        redraw()
        return widgets.VBox([*shown.values(), picture])


class Upload(Interactive):
    """A figure of a file, and a button to choose another one; a phone's browser offers its camera, too.

    Args:
        draw: makes the figure of the file at a path; its `CourseError` is shown in the figure's place.
        first: the file to begin with.
    """

    def __init__(self, draw: Callable[[Path], DescribedFigure], first: Path):
        self._draw, self._first = draw, first

    def still(self) -> DescribedFigure:
        """Return the figure of the file to begin with."""
        return self._draw(self._first)

    def widget(self) -> widgets.VBox:
        """Return the button, and under it the figure of what was chosen."""
        button = widgets.FileUpload(
            accept="image/*", description=language.translated("Choose a photo"), layout={"width": "14em"}
        )
        picture = widgets.HTML(as_html(self.still()))

        def redraw(change: dict) -> None:
            if content := _uploaded(change["new"]):
                picture.value = self._shown(content)

        button.observe(redraw, "value")
        return widgets.VBox([button, picture])

    def _shown(self, content: bytes) -> str:
        with TemporaryDirectory() as folder:  # nothing of it stays
            photo = Path(folder, "photo")
            photo.write_bytes(content)
            try:
                return as_html(self._draw(photo))
            except checks.CourseError as error:
                return f'<p role="alert">{escape(str(error).replace(str(photo), "This file"))}</p>'


def interval_explorer(accuracy: float = 0.8, n: int = 140) -> Explorer:
    """Show the 95 % interval of an accuracy (0.5 to 1), with sliders for it and for the number of images."""
    controls = {
        "accuracy": Control("accuracy", accuracy, 0.5, 1),
        "n": Control("images in the test set", n, 20, 5000, 10),
    }
    return Explorer(lambda accuracy, n: interval_by_size(accuracy, int(n)), controls)


def limit_explorer(
    copies: Sequence[float] | np.ndarray,
    others: Sequence[float] | np.ndarray,
    limit: float = 0.07,
    highest: float = 0.3,
) -> Explorer:
    """Show what a limit for near-duplicates misses and what it reports wrongly, with a slider for the limit.

    Args:
        copies: distances of pairs that show the same picture.
        others: distances of pairs that do not.
        limit: where to begin.
        highest: where the slider ends.

    Raises:
        CourseError: a limit outside its slider.

    Example:
        >>> from helpers import plots
        >>> explorer = plots.limit_explorer([0.01, 0.09, 0.2], [0.12, 0.6])  # in a notebook: with its slider
        >>> print(explorer.still().alt_text.split(". ")[-1])
        Limit 0.07: 2 of 3 copies missed, false alarms: 0.

    See also: `survey.find_near_duplicates`, which takes such a limit.
    """
    checks.number("limit", limit, 0, highest)

    def draw(limit: float) -> DescribedFigure:
        return misses_and_false_alarms(copies, others, limit, highest)

    return Explorer(draw, {"limit": Control("limit (distance)", limit, 0, highest)})


def _uploaded(value: dict | tuple) -> bytes | None:
    """Return the newest file's content; ipywidgets 7, which Colab has, says it in another way than 8."""
    files = list(value.values() if isinstance(value, dict) else value)
    return bytes(files[-1]["content"]) if files else None


def as_html(figure: DescribedFigure) -> str:
    """Return a figure as an image with alternative text, which the widget for images could not carry."""
    source = b64encode(figure.png(DOTS_PER_INCH)).decode("ascii")
    fits = 'style="max-width: 100%; height: auto"'
    alt = escape(figure.alt_text)
    return f'<img src="data:image/png;base64,{source}" alt="{alt}" {fits} decoding="sync">'
