"""Figures of lesson 3: pictures side by side, variants in a grid, a score that will not hold still, gains."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from . import figure as core

FLAT = "one flat line"


def side_by_side(
    pictures: Mapping[str, np.ndarray], finding: str, columns: int | None = None
) -> core.DescribedFigure:
    """Draw pictures beside each other, each under its title. Saved with 96 colours, enough for drawings.

    Args:
        pictures: title -> RGB `(height, width, 3)`, 0-255, or grey `(height, width)`.
        finding: what they show, the title of the figure.
        columns: pictures a row; all in one row if left out.
    """
    columns = columns or len(pictures)
    rows = -(-len(pictures) // columns)
    tallest = max(picture.shape[0] / picture.shape[1] for picture in pictures.values())
    width = min(9, 2.0 * columns)
    height = rows * (width / columns * min(tallest, 2) + 0.25) + 0.3
    figure, axes = core.new_figure(width, height, rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (title, picture) in zip(axes.flat, pictures.items(), strict=False):
        core.show_image(axis, picture, title)
        _frame(axis, core.GREY, 0.8)  # else a white picture could not be seen
    figure.suptitle(finding, fontsize=11)
    figure.colours = 96
    return core.describe(figure, f"{finding}. Pictures: {'; '.join(pictures)}.")


def variants(
    pictures: Sequence[np.ndarray],
    rows: int = 4,
    columns: int = 5,
    title: str = "Augmentation Images",
    colours: int = 256,
) -> core.DescribedFigure:
    """Draw many variants of one picture in a numbered grid, row by row.

    Args:
        pictures: `rows * columns` RGB arrays `(height, width, 3)`, 0-255.
        rows, columns: size of the grid.
        title: title of the figure.
        colours: how many the saved picture may have; 64 are enough for drawings.
    """
    figure, axes = core.new_figure(1.15 * columns, 1.15 * rows + 0.3, rows, columns)
    for number, (axis, picture) in enumerate(zip(axes.flat, pictures, strict=True)):
        core.show_image(axis, picture)
        _number(axis, number)
    figure.colours = colours
    figure.suptitle(title, fontsize=11)
    return core.describe(
        figure, f"{title}: {len(pictures)} variants of one picture, {rows} rows of {columns}."
    )


def grid_order(
    pictures: Sequence[np.ndarray], order: Sequence[int], columns: int = 5
) -> core.DescribedFigure:
    """Draw the same pictures in two grids: all of them in order, and as `order` picks them.

    In the second grid, a picture that was there before is framed.

    Args:
        pictures: RGB arrays `(height, width, 3)`, 0-255.
        order: for each place of the second grid, row by row, which picture is put there.
        columns: pictures a row.
    """
    rows = -(-max(len(pictures), len(order)) // columns)
    figure, axes = core.new_figure(
        7, 7 * rows / (2 * columns + 0.4) + 0.35, rows, 2 * columns + 1, squeeze=False
    )
    figure.colours = 96
    for axis in axes.flat:
        axis.set_axis_off()
    grids = axes[:, :columns].flat, axes[:, columns + 1 :].flat
    for grid, numbers in zip(grids, (range(len(pictures)), order)):
        for place, (axis, number) in enumerate(zip(grid, numbers)):
            core.show_image(axis, pictures[number])
            _number(axis, number)
            if number in numbers[:place]:
                _frame(axis, core.RED, 4)
    distinct = len(set(order))
    repeats = "repeats framed" if distinct < len(order) else "none twice"
    figure.suptitle(
        f"Left: in order, all {len(pictures)}. Right: by the index, {distinct} of them ({repeats})",
        fontsize=10,
    )
    return core.describe(
        figure,
        f"Two grids of {rows} rows and {columns} columns. Left: pictures 0 to {len(pictures) - 1}. "
        f"Right: {', '.join(map(str, order))}, which are {distinct} different ones.",
    )


def score_by_epoch(plain: Sequence[float], augmented: Sequence[float]) -> core.DescribedFigure:
    """Draw an unchanging classifier's accuracy over epochs, on validation pictures left alone and augmented.

    Args:
        plain: accuracy in each epoch (0-1) on the pictures as they are.
        augmented: accuracy in each epoch (0-1) when they are augmented anew.

    The title says whether the score changes from epoch to epoch, in one case and in the other.
    """
    figure, axis = core.new_figure(7, 3)
    epochs = np.arange(1, len(plain) + 1)
    for number, (name, values) in enumerate({"left alone": plain, "augmented": augmented}.items()):
        look, label = core.style(number), f"{name}: {np.mean(values):.2f} ± {np.std(values):.2f}"
        axis.plot(epochs, values, color=look.colour, marker=look.marker, linestyle=look.line, label=label)
    axis.set(xlabel="epoch", ylabel="validation accuracy", xticks=epochs)
    axis.legend(
        title="validation pictures,\nmean ± standard deviation",
        frameon=False,
        loc="center left",
        bbox_to_anchor=(1, 0.5),
    )
    moves = _course(plain) != FLAT, _course(augmented) != FLAT
    end = {
        (False, True): "on augmented pictures its score does",
        (False, False): "nor does its score",
        (True, True): "its score does, augmented or not",
        (True, False): "its score does, where nothing is augmented",
    }
    axis.set_title(f"The classifier never changes; {end[moves]}", fontsize=10)
    return core.describe(
        figure,
        f"Accuracy of a fixed classifier over {len(plain)} epochs. Pictures left alone: {_course(plain)}, "
        f"mean {np.mean(plain):.2f}. Pictures augmented anew in each epoch: {_course(augmented)}, from "
        f"{min(augmented):.2f} to {max(augmented):.2f}, mean {np.mean(augmented):.2f}, "
        f"standard deviation {np.std(augmented):.2f}.",
    )


def augmentation_gains(gains: pd.DataFrame) -> core.DescribedFigure:
    """Draw what augmentation adds to the accuracy, with 95 % intervals, a row a training.

    Args:
        gains: of `study.augmentation.gains`, in percentage points.
    """
    figure, axis = core.new_figure(7, 0.9 + 0.4 * len(gains))
    looks = {name: core.style(number) for number, name in enumerate(gains.index.unique(0))}
    labels, sure = [], []
    for place, ((name, method, photos), row) in enumerate(gains.iterrows()):
        gain, margin = row["gain"], row["margin"]
        decided = abs(gain) > margin
        axis.errorbar(
            gain,
            place,
            xerr=margin,
            color=looks[name].colour,
            marker=looks[name].marker,
            markerfacecolor=looks[name].colour if decided else "white",
            capsize=3,
        )
        labels.append(f"{method}, {photos:,} photos, {name}")
        if decided:
            sure.append(f"{labels[-1]} ({gain:+.1f})")
    axis.axvline(0, color=core.BLACK, linewidth=0.8)
    axis.set_yticks(range(len(labels)), labels)
    axis.set_ylim(len(labels) - 0.5, -0.5)
    axis.set_xlabel("gain in accuracy, percentage points, with its 95 % interval")
    axis.grid(axis="x", alpha=0.3)
    filled = "those would be filled" if not sure else "filled"
    axis.set_title(f"{len(sure)} of {len(labels)} gains are outside chance ({filled})", fontsize=10)
    return core.describe(
        figure,
        f"What augmentation adds to the accuracy in {len(labels)} trainings, in percentage points, with 95 % "
        f"intervals. Outside chance: {'; '.join(sure) or 'none'}.",
    )


def _course(values: Sequence[float]) -> str:
    """Say how values go from one to the next."""
    steps = np.sign(np.diff(values))
    if (steps > 0).any() and (steps < 0).any():
        return "it goes up and down"
    return "it goes up" if (steps > 0).any() else "it goes down" if (steps < 0).any() else FLAT


def _frame(axis: Axes, colour: str, width: float) -> None:
    axis.add_patch(
        Rectangle(
            (0, 0),
            1,
            1,
            transform=axis.transAxes,
            fill=False,
            clip_on=False,
            edgecolor=colour,
            linewidth=width,
        )
    )


def _number(axis: Axes, number: int) -> None:
    axis.text(
        0.04,
        0.94,
        str(number),
        transform=axis.transAxes,
        va="top",
        fontsize=7,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2, "alpha": 0.85},
    )
