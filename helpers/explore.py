"""Figures to try things on: sliders, and a picture that changes as one moves them."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import ipywidgets as widgets
import numpy as np
import pandas as pd

from . import augment, checks, colab, plots, runtime
from .plots.figure import DescribedFigure

HIGHEST_COST = 20  # to which the sliders for costs go
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
            return widgets.Checkbox(self.value, description=self.label, indent=False)
        return widgets.FloatSlider(
            value=self.value,
            min=self.low,
            max=self.high,
            step=self.step,
            readout_format=".2f" if self.step < 1 else ".0f",
            description=self.label,
            style={"description_width": "15em"},
            layout={"width": "34em"},
        )


class Explorer:
    """A figure and what it depends on; Jupyter shows it with its sliders.

    Where notebooks are executed to be saved or checked (see `runtime.is_quiet`), there is nobody to move
    a slider: there it is a still figure with its description, and nothing of a widget is saved.

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
            picture.value = _as_html(self._draw(**{name: control.value for name, control in shown.items()}))

        for control in shown.values():
            control.observe(redraw, "value")
        redraw()
        return widgets.VBox([*shown.values(), picture])

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict, dict]:
        still, metadata = self.still()._repr_mimebundle_()
        if runtime.is_quiet():
            return still, metadata
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget().model_id}
        if colab.is_colab():  # it might prefer the still picture to the widget
            return {WIDGET_VIEW: view, "text/plain": still["text/plain"]}, {}
        return {**still, WIDGET_VIEW: view}, metadata


def _as_html(figure: DescribedFigure) -> str:
    """Return a figure as an image with alternative text, which the widget for images could not carry."""
    source = b64encode(figure.png(DOTS_PER_INCH)).decode("ascii")
    return f'<img src="data:image/png;base64,{source}" alt="{escape(figure.alt_text)}" decoding="sync">'


def augmentation(
    image: np.ndarray, zoom: float = 0.8, angle: float = 15, brightness: float = 1.2, flip: bool = False
) -> Explorer:
    """Show a picture before and after `augment.apply`, with a control for each thing it does.

    Args:
        image: uint8 RGB `(height, width, 3)`, 0-255.
        zoom, angle, brightness, flip: what to begin with, as in `augment.Parameters`.

    Raises:
        ValueError: no picture, or a number outside its slider.

    Example:
        >>> explorer = explore.augmentation(drawings.test_card(64), zoom=0.5)  # in a notebook: with sliders
        >>> print(explorer.still().alt_text)
        50% kept, turned 15°, brightness × 1.20. Pictures: before; after.
    """
    checks.image("image", image)
    checks.number("zoom", zoom, 0.2, 1)
    checks.number("angle", angle, -180, 180)
    checks.number("brightness", brightness, 0, 3)

    def draw(**values: Any) -> DescribedFigure:
        parameters = augment.Parameters(**values)
        finding = (
            f"{parameters.zoom:.0%} kept, turned {parameters.angle:.0f}°, "
            f"brightness × {parameters.brightness:.2f}{', flipped' if parameters.flip else ''}"
        )
        pictures = {"before": image, "after": augment.apply(image, parameters)}
        figure = plots.side_by_side(pictures, finding)
        figure.colours = 40  # in the still one; the test card has fewer
        return figure

    controls = {
        "zoom": Control("zoom (share kept)", zoom, 0.2, 1),
        "angle": Control("rotation (degrees)", angle, -180, 180, 1),
        "brightness": Control("brightness (factor)", brightness, 0, 3, 0.05),
        "flip": Control("flip", flip),
    }
    return Explorer(draw, controls)


def threshold(
    probabilities: np.ndarray,
    labels: Sequence[str],
    classes: Sequence[str],
    threshold: float = 0.5,
    costs: tuple[float, float] = (1, 1),
) -> Explorer:
    """Show what a classifier of two classes gets wrong, and what that costs, at any decision threshold.

    A picture whose probability of the second class reaches the threshold is called that. Choose a
    threshold on validation pictures: chosen on the test set, it would flatter the model.

    Args:
        probabilities: `(n, 2)`, each row summing to 1, as `evaluate.predict` gives them.
        labels: n names, each one of `classes`.
        classes: names in the order of the columns.
        threshold: where to begin, 0 to 1.
        costs: of one picture of the first class taken for the second, and the other way round.

    Raises:
        ValueError: not two classes, no picture, a label that is no class, or a number outside its slider.

    Example:
        >>> probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]])
        >>> labels = ["cat", "dog", "dog"]
        >>> explorer = explore.threshold(probabilities, labels, ("cat", "dog"))  # in a notebook: with sliders
        >>> print(explorer.still().alt_text.split(". ")[0])
        Confusion matrix at threshold 0.50: 1 of 3 pictures on the wrong side
    """
    checks.classes(classes, 2)
    checks.probabilities(probabilities, labels, classes)
    checks.number("threshold", threshold, 0, 1)
    if not isinstance(costs, Sequence) or len(costs) != 2:
        raise checks.CourseError(f"costs is {checks.shown(costs)}. Give two numbers, such as (1, 5).")
    for cost in costs:
        checks.number("costs", cost, 0, HIGHEST_COST)
    first, second = classes
    grid, is_second = np.linspace(0, 1, 101), np.asarray(labels) == second

    def mistakes(thresholds: np.ndarray) -> np.ndarray:
        """Return two rows, a column a threshold: first taken for second, second taken for first."""
        called_second = probabilities[:, 1:] >= thresholds
        return np.stack([called_second[~is_second].sum(axis=0), (~called_second[is_second]).sum(axis=0)])

    def draw(threshold: float, cost_of_first: float, cost_of_second: float) -> DescribedFigure:
        one_costs = np.array([cost_of_first, cost_of_second])
        wrong_first, wrong_second = mistakes(np.array([threshold]))[:, 0]
        table = pd.DataFrame(
            [[(~is_second).sum() - wrong_first, wrong_first], [wrong_second, is_second.sum() - wrong_second]],
            index=pd.Index(classes, name="true"),
            columns=pd.Index(classes, name="predicted"),
        )
        return plots.threshold_costs(table, grid, one_costs @ mistakes(grid), threshold, one_costs)

    controls = {
        "threshold": Control(f"{second} from p({second}) =", threshold),
        "cost_of_first": Control(f"{first} taken for {second} costs", costs[0], 0, HIGHEST_COST, 1),
        "cost_of_second": Control(f"{second} taken for {first} costs", costs[1], 0, HIGHEST_COST, 1),
    }
    return Explorer(draw, controls)
