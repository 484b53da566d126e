"""Figures of lesson 3: pictures side by side, variants in a grid, a score that will not hold still."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.patches import Rectangle

from . import figure as core


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
    rows = len(pictures) // columns
    figure, axes = core.new_figure(7, 7 * rows / (2 * columns + 0.4) + 0.35, rows, 2 * columns + 1)
    figure.colours = 96
    for axis in axes.flat:
        axis.set_axis_off()
    for place in range(len(pictures)):
        row, column = divmod(place, columns)
        core.show_image(axes[row, column], pictures[place])
        _number(axes[row, column], place)
        axis = axes[row, columns + 1 + column]
        core.show_image(axis, pictures[order[place]])
        _number(axis, order[place])
        if order[place] in order[:place]:
            _frame(axis, core.RED, 4)
    distinct = len(set(order))
    figure.suptitle(
        f"Left: in order, all {len(pictures)}. Right: by the tutorial's index, {distinct} (repeats in red)",
        fontsize=10,
    )
    return core.describe(
        figure,
        f"Two grids of {rows} rows and {columns} columns. Left: pictures 0 to {len(pictures) - 1}. "
        f"Right: {', '.join(map(str, order))}, which are {distinct} different ones.",
    )


def score_by_epoch(plain: Sequence[float], augmented: Sequence[float], rule: str) -> core.DescribedFigure:
    """Draw an unchanging rule's accuracy over epochs, on validation pictures left alone and augmented.

    Args:
        plain: accuracy in each epoch (0-1) on the pictures as they are.
        augmented: accuracy in each epoch (0-1) when they are augmented anew.
        rule: what the rule says, for the title.
    """
    figure, axis = core.new_figure(7, 3)
    epochs = np.arange(1, len(plain) + 1)
    axis.plot(epochs, plain, color=core.BLUE, marker="o", label="left alone")
    axis.plot(epochs, augmented, color=core.ORANGE, marker="s", linestyle="--", label="augmented")
    axis.set(xlabel="epoch", ylabel="validation accuracy", xticks=epochs)
    axis.legend(title="validation pictures", frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    axis.set_title(f"The rule “{rule}” never changes; augmented, its score does", fontsize=10)
    return core.describe(
        figure,
        f"Accuracy of a fixed rule over {len(plain)} epochs. Pictures left alone: one flat line. "
        "Pictures augmented anew in each epoch: it goes up and down.",
    )


def _frame(axis, colour: str, width: float) -> None:
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


def _number(axis, number: int) -> None:
    axis.text(
        0.04,
        0.94,
        str(number),
        transform=axis.transAxes,
        va="top",
        fontsize=7,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2, "alpha": 0.85},
    )
