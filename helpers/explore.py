"""Figures to try things on: sliders, and a picture that changes as one moves them; a photo of one's own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from . import augment, checks, colab, evaluate, images, plots, transfer
from .framework import keras
from .plots.figure import DescribedFigure
from .plots.interactive import Control, Explorer, Upload

HIGHEST_COST = 20  # to which the sliders for costs go
SURE = 0.9  # a lower probability is no answer


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


def own_photo(
    model: keras.Model,
    path: str | Path | None = None,
    classes: Sequence[str] | None = None,
    sure: float = SURE,
) -> Upload | DescribedFigure:
    """Show what a model says of a photo: the picture, where the evidence lies, and each class's probability.

    In JupyterLab there is a button to choose a photo, and a drawn dog stands in until then. On Colab, whose
    widgets take no file of a megabyte (github.com/jupyter-widgets/ipywidgets/issues/3452), the cell itself
    asks for an upload. Where no class reaches `sure`, the answer is "neither". A model may be sure and wrong
    all the same, of a teapot for instance: it knows only its classes.

    Args:
        model: from `transfer.build_classifier` or `transfer.load`.
        path: a photo's; None for the button.
        classes: the model's, if it does not know them.
        sure: from which probability on an answer counts, 0 to 1.

    Raises:
        CourseError: there is no file at `path`, or no picture in it; or a number outside its range.

    Example:
        >>> base = backbones.load("efficientnet_lite0", image_size=64)
        >>> model = transfer.build_classifier(base, ("cat", "dog"))
        >>> shown = explore.own_photo(model)  # in a notebook: with its button
        >>> print(shown.still().alt_text.split(". ")[-1].split(",")[0])
        A photo

    See also: `evaluate.predict_photo` for the numbers alone.
    """
    checks.number("sure", sure, 0, 1)
    transfer.base_of(model)

    def draw(photo: Path) -> DescribedFigure:
        probabilities = evaluate.predict_photo(model, photo, classes)
        picture = images.read(photo, model.input_shape[1])
        return plots.answer(picture, evaluate.grad_cam(model, picture), probabilities, sure)

    if path is not None or colab.is_colab():
        return draw(colab.own_photo(path))
    return Upload(draw, colab.drawn_dog())
