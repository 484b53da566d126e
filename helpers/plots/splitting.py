"""Diagrams of what the parts of a data set are for, and how far a score on one may be off: lesson 2."""

from collections.abc import Mapping, Sequence

import numpy as np

from .figure import BLACK, BLUE, GREY, ORANGE, DescribedFigure, describe, new_figure, style

CLOSED = "#E8E8E8"  # the colour of what is not asked
SIZES = np.unique(np.geomspace(1, 250, 400).round().astype(int)) * 20  # so shares in steps of 0.05 are counts
CLOSE = 0.02  # the distance from an accuracy that two lines mark
TICKS = (20, 50, 100, 200, 500, 1000, 2000, 5000)
WHITE = {"color": "white", "pad": 1.5}  # a box behind words on a hatch


def three_parts(sizes: Mapping[str, int], models: int = 4) -> DescribedFigure:
    """Draw which part of the data is opened when, from the first model tried to the report.

    Args:
        sizes: names of the training, the validation and the test part -> how many images each holds.
        models: how many are tried.
    """
    figure, axis = new_figure(8.5, 2.8)
    uses = ("fits a model", "compares models", "judges the chosen one")
    opened = (
        [(number, 0.55) for number in range(models)],
        [(number + 0.58, 0.35) for number in range(models)],
        [(models + 0.03, 0.9)],
    )
    for row, spans in enumerate(opened):
        colour, _, _, hatch = style(row)
        axis.barh(row, models + 0.93, height=0.6, color=CLOSED)
        axis.broken_barh(spans, (row - 0.3, 0.6), facecolor=colour, hatch=hatch, edgecolor="white")
        axis.text(models + 1.02, row, uses[row], va="center")
    axis.set_yticks(range(3), [f"{name}\n{size:,} images" for name, size in sizes.items()])
    axis.set_xticks(np.arange(models + 1) + 0.46, [*(f"model {n + 1}" for n in range(models)), "report"])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.set(xlim=(0, models + 0.93), ylim=(2.5, -0.5), xlabel="time (grey: the part is closed)")
    *_, judge = sizes
    finding = f"{models} models are tried; the {judge} part is opened once"
    axis.set_title(finding)
    said = "; ".join(f"{name}, {size:,} images, {use}" for (name, size), use in zip(sizes.items(), uses))
    return describe(figure, f"Diagram of when each part is opened: {said}. {finding}, at the end.")


def k_folds(n_folds: int = 5) -> DescribedFigure:
    """Draw what is trained on and what is held out in each training of a cross-validation."""
    figure, axis = new_figure(8.5, 0.42 * n_folds + 1.2)
    train, held_out = style(0), style(1)
    for row in range(n_folds):
        for fold in range(n_folds):
            look = held_out if fold == row else train
            words = "score" if fold == row else "train"
            axis.barh(
                row, 0.96, left=fold, height=0.72, color=look.colour, hatch=look.hatch, edgecolor="white"
            )
            axis.text(fold + 0.48, row, words, ha="center", va="center", fontsize=8, bbox=WHITE)
        axis.text(n_folds + 0.05, row, f"accuracy {row + 1}", va="center")
    axis.set_yticks(range(n_folds), [f"training {number + 1}" for number in range(n_folds)])
    axis.set_xticks(np.arange(n_folds) + 0.48, [f"fold {number + 1}" for number in range(n_folds)])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.set(xlim=(0, n_folds), ylim=(n_folds - 0.5, -0.5))
    finding = f"{n_folds} trainings, {n_folds} accuracies: each fold is held out once"
    axis.set_title(finding)
    return describe(
        figure,
        f"""Diagram of a cross-validation, a row a training and a column a fold. Training 1 is scored on
        fold 1 and trained on the others, training 2 is scored on fold 2, and so on. {finding}.""",
    )


def leak(scores: Mapping[tuple[str, str], Sequence[float]], title: str) -> DescribedFigure:
    """Draw accuracies by `(model, way to split)`, one a fold, and the mean where there are several."""
    figure, axis = new_figure(7, 0.6 * len(scores) + 1.3)
    ways = list(dict.fromkeys(way for _, way in scores))
    for row, ((_, way), values) in enumerate(scores.items()):
        look = {"color": style(ways.index(way)).colour, "marker": style(ways.index(way)).marker}
        axis.plot(values, [row] * len(values), alpha=0.6, markersize=7, linestyle="", **look)
        if len(values) > 1:
            axis.plot(np.mean(values), row, "|", color="black", markersize=22, markeredgewidth=2)
        axis.annotate(f"{np.mean(values):.2f}", (np.mean(values), row - 0.34), ha="center", fontsize=9)
    axis.axvline(0.5, color=GREY, linestyle=":")
    axis.set_yticks(range(len(scores)), [f"{model},\n{way}" for model, way in scores])
    axis.set(
        xlabel="accuracy on pictures held out (bar: mean; dotted: one half)", ylim=(len(scores) - 0.5, -0.7)
    )
    axis.set_title(title)
    said = "; ".join(f"{model}, {way}: {np.mean(values):.2f}" for (model, way), values in scores.items())
    return describe(figure, f"{title}. Mean accuracy over folds: {said}.")


def interval_by_size(accuracy: float, n: int) -> DescribedFigure:
    """Draw the 95 % interval (Wilson, 1927) of an accuracy by the number of images, and mark one of them.

    Args:
        accuracy: what was measured, 0-1; rounded to whole images.
        n: how many images the mark is at.
    """
    figure, axis = new_figure(7, 3.4)
    lows, highs = np.transpose([_interval(round(accuracy * size), size) for size in SIZES.tolist()])
    axis.fill_between(SIZES, lows, highs, color=BLUE, alpha=0.25, linewidth=0)
    axis.axhline(accuracy, color=GREY, linestyle=":")
    right = round(accuracy * n)
    low, high = _interval(right, n)
    axis.plot([n, n], [low, high], color=BLACK, marker="_", markersize=12, linewidth=2.5)
    axis.plot(n, right / n, "o", color=ORANGE, markeredgecolor=BLACK, markersize=8, zorder=3)
    for line in (accuracy - CLOSE, accuracy + CLOSE):
        axis.axhline(line, color=BLACK, linewidth=0.6)
    axis.set_xscale("log")
    axis.set_xticks(TICKS, [f"{tick:,}" for tick in TICKS])
    axis.minorticks_off()
    axis.set(xlabel="images in the test set (logarithmic)", ylabel=f"accuracy (thin lines: {CLOSE} off)")
    axis.set_ylim(accuracy - 0.22, min(accuracy + 0.22, 1.02))
    enough = SIZES[np.flatnonzero((lows < accuracy - CLOSE) | (highs > accuracy + CLOSE))[-1] + 1]
    finding = f"{right:,} of {n:,} right: between {low:.3f} and {high:.3f}"
    axis.set_title(finding)
    return describe(
        figure,
        f"""Band of the 95 % interval of an accuracy of {accuracy:.2f}, the narrower the more images there
        are, from {SIZES[0]} to {SIZES[-1]:,}; from about {enough:,} on it is no further off than {CLOSE}.
        Marked: {finding}.""",
    )


def _interval(right: int, n: int) -> tuple[float, float]:
    from scipy.stats import binomtest  # takes most of a second to import

    interval = binomtest(right, n).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)
