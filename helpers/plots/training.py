"""Figures of lesson 5: how fine-tuning goes, what spoils it, and what the finished model does."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from . import figure as core


def start_slope_level(
    curves: Mapping[str, np.ndarray], numbers: pd.DataFrame, finding: str
) -> core.DescribedFigure:
    """Draw learning curves beside the three numbers of the tutorial's figure 1, as bars.

    Args:
        curves: name -> validation accuracy after each epoch, array `(runs, epochs)`.
        numbers: one row a curve, by its name; columns `start`, `slope`, `level`.
        finding: the title.
    """
    figure, (left, right) = core.new_figure(10, 3.7, 1, 2, width_ratios=(1.6, 1))
    _draw_curves(left, curves)
    left.axhline(0.5, color=core.GREY, linestyle=":", linewidth=1)
    left.set_ylabel("validation accuracy")
    left.legend(frameon=False, fontsize=9, loc="lower right")
    width = 0.8 / len(numbers)
    for number, (name, row) in enumerate(numbers.iterrows()):
        places = np.arange(len(row)) + (number - (len(numbers) - 1) / 2) * width
        bars = right.bar(
            places,
            row,
            width * 0.92,
            color=core.style(number).colour,
            hatch=core.style(number).hatch,
            edgecolor="white",
            label=name,
        )
        right.bar_label(bars, [f"{value:.2f}" for value in row], fontsize=8)
    labels = {"slope": "slope\n(most gained in one epoch)"}
    right.set_xticks(range(numbers.shape[1]), [labels.get(name, name) for name in numbers])
    right.set_ylabel("validation accuracy")
    right.set_ylim(0, 1.1)
    figure.suptitle(finding, fontsize=11)
    said = [
        f"{name}: start {row['start']:.2f}, slope {row['slope']:.2f}, level {row['level']:.2f}"
        for name, row in numbers.iterrows()
    ]
    return core.describe(
        figure, f"{finding}. Curves of validation accuracy over epochs, and bars. {'; '.join(said)}."
    )


def _draw_curves(axis: Axes, curves: Mapping[str, np.ndarray]) -> None:
    """Draw mean and band of each setting against epochs."""
    for number, (name, runs) in enumerate(curves.items()):
        (colour, marker, line, _), epochs = core.style(number), np.arange(1, runs.shape[1] + 1)
        axis.fill_between(epochs, runs.min(axis=0), runs.max(axis=0), color=colour, alpha=0.18, linewidth=0)
        axis.plot(
            epochs,
            runs.mean(axis=0),
            color=colour,
            marker=marker,
            linestyle=line,
            markersize=3.5,
            label=name if len(runs) == 1 else f"{name} (mean of {len(runs)}, band: all of them)",
        )
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlabel("epochs of training")
    axis.grid(alpha=0.3)


def staircase(results: pd.DataFrame, finding: str) -> core.DescribedFigure:
    """Draw the test accuracy of steps that build on one another, with their price, a panel a task.

    Args:
        results: a row a run; columns `task`, `step` (in their order), `n_train`, `accuracy` (0-1) and
            `cpu_seconds`.
        finding: the title.
    """
    tasks = list(dict.fromkeys(results["task"]))
    figure, axes = core.new_figure(5 * len(tasks), 3.9, 1, len(tasks), sharey=True, squeeze=False)
    said = []
    for number, (axis, task) in enumerate(zip(axes[0], tasks)):
        own = results[results["task"] == task]
        steps = list(dict.fromkeys(own["step"]))
        means = own.groupby("step", sort=False)[["accuracy", "cpu_seconds"]].mean()
        colour, marker, _, _ = core.style(number)
        axis.stairs(means["accuracy"], np.arange(len(steps) + 1) - 0.5, baseline=None, color=colour, lw=2)
        for place, step in enumerate(steps):
            runs, (mean, seconds) = own.loc[own["step"] == step, "accuracy"], means.loc[step]
            places = place + np.linspace(-0.2, 0.2, len(runs)) * (len(runs) > 1)
            axis.scatter(places, runs, color=colour, marker=marker, s=16, alpha=0.6, linewidths=0)
            price = f"{mean:.2f}\n{seconds:,.0f} s CPU"
            axis.text(place, min(runs.min(), mean) - 0.02, price, ha="center", va="top", fontsize=9)
            said.append(f"{task}, {step}: {mean:.2f} for {seconds:,.0f} s")
        axis.axhline(0.5, color=core.GREY, linestyle=":", linewidth=1)
        axis.text(len(steps) - 0.5, 0.49, "guessing", ha="right", va="top", fontsize=8, color=core.GREY)
        axis.set_xticks(range(len(steps)), [step.replace(" ", "\n") for step in steps], fontsize=9)
        axis.set_ylim(0.35, 1.02)
        axis.set_title(f"{own['n_train'].iloc[0]:,} {task}", fontsize=10)
        axis.grid(axis="y", alpha=0.3)
    axes[0, 0].set_ylabel("test accuracy (dots: single runs)")
    figure.suptitle(finding, fontsize=11)
    return core.describe(
        figure, f"{finding}. Stairs of test accuracy, with the processor's seconds. {'; '.join(said)}."
    )


def confusion(table: pd.DataFrame) -> core.DescribedFigure:
    """Draw a confusion matrix: true classes down, predicted ones across, each field with its count.

    Args:
        table: counts, `evaluate.Report.confusion`.
    """
    more = 0.55 * max(0, len(table) - 4)  # room for the fields of more classes
    figure, axis = core.new_figure(3.9 + more, 3.4 + more)
    said = _draw_confusion(axis, table)
    return core.describe(figure, f"Confusion matrix: {said}")


def _draw_confusion(axis: Axes, table: pd.DataFrame) -> str:
    """Draw the table with its finding above it; return both in words."""
    counts = table.to_numpy()
    # By name: a table of one's own may lack a class that was never predicted.
    right = sum(table.at[label, label] for label in table.index.intersection(table.columns))
    wrong = int(counts.sum() - right)
    # Shares of each row: a class with more pictures is not darker for that.
    axis.imshow(counts / counts.sum(axis=1, keepdims=True).clip(min=1), cmap="Blues", vmin=0, vmax=1.3)
    for (row, column), count in np.ndenumerate(counts):
        axis.text(column, row, f"{count}", ha="center", va="center", fontsize=15, color=core.BLACK)
    is_crowded = sum(len(str(name)) for name in table.columns) > 7 * max(4, len(table.columns))
    axis.set_xticks(range(len(table.columns)), table.columns, rotation=90 * is_crowded)
    axis.set_yticks(range(len(table.index)), table.index)
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    axis.spines[:].set_visible(False)
    where = "on the wrong side" if len(table) == 2 else "in a wrong class"
    finding = f"{wrong} of {counts.sum()} pictures {where}"
    axis.set_title(finding)
    said = [
        f"{counts[row, column]} of true class {true} predicted as {predicted}"
        for row, true in enumerate(table.index)
        for column, predicted in enumerate(table.columns)
        if counts[row, column] or len(table) <= 4  # of many classes, what happened is enough
    ]
    return f"{finding}. {', '.join(said)}."


def threshold_costs(
    table: pd.DataFrame,
    thresholds: np.ndarray,
    costs: np.ndarray,
    chosen: float,
    cost_of_one: Sequence[float] | np.ndarray,
) -> core.DescribedFigure:
    """Draw a confusion matrix beside the cost of all mistakes at every threshold, the chosen one marked.

    Args:
        table: counts at the chosen threshold, true classes down, predicted ones across.
        thresholds: `(n,)`, rising, 0 to 1: from which probability on a picture is called the second class.
        costs: `(n,)`, the cost of all mistakes at each of them.
        chosen: the threshold of the table.
        cost_of_one: cost of one picture of the first class taken for the second, and the other way round.
    """
    first, second = table.index
    cost = float(np.dot(cost_of_one, [table.iloc[0, 1], table.iloc[1, 0]]))
    cheapest = np.flatnonzero(costs == costs.min())
    lowest, highest = thresholds[cheapest[[0, -1]]]
    where = f"at {lowest:.2f}" if lowest == highest else f"between {lowest:.2f} and {highest:.2f}"
    figure, (left, right) = core.new_figure(8.2, 3.5, 1, 2, width_ratios=(1, 1.25))
    said = _draw_confusion(left, table)
    right.plot(thresholds, costs, color=core.BLUE, drawstyle="steps-mid", label="cost of all mistakes")
    right.plot(
        thresholds[cheapest],
        costs[cheapest],
        color=core.GREEN,
        marker=core.MARKERS[1],
        linestyle="none",
        markersize=4,
        label=f"least, {costs.min():g}",
    )
    right.plot(
        chosen, cost, color=core.RED, marker="o", markersize=9, linestyle="none", label=f"here, {cost:g}"
    )
    right.set_xlabel(f"called {second} from this probability on")
    right.set_ylabel("cost")
    # Beyond that, at 0 and at 1, everything is called one class: the slope would hide what is near the least.
    right.set_ylim(0, min(4 * max(costs.min(), cost) or np.inf, 1.05 * costs.max() or 1))
    right.legend(frameon=False, fontsize=9)
    right.set_title(f"Threshold {chosen:.2f} costs {cost:g}")
    return core.describe(
        figure,
        f"Confusion matrix at threshold {chosen:.2f}: {said} Beside it the cost of all mistakes at every "
        f"threshold, {first} taken for {second} at {cost_of_one[0]:g} and {second} taken for {first} at "
        f"{cost_of_one[1]:g}: {cost:g} here, and least {where}, {costs.min():g}.",
    )


def mistakes(pictures: Sequence[np.ndarray], table: pd.DataFrame, columns: int = 4) -> core.DescribedFigure:
    """Draw pictures with their true class and what the model made of them.

    Args:
        pictures: n times RGB `(height, width, 3)`, 0-255.
        table: n rows of `evaluate.worst_mistakes`.
        columns: pictures a row.
    """
    rows = max(1, -(-len(pictures) // columns))
    figure, axes = core.new_figure(2.2 * columns, 2.6 * rows + 0.4, rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (picture, row) in zip(axes.flat, zip(pictures, table.itertuples(), strict=True)):
        judged = "recognised" if row.predicted == row.label else f"taken for {row.predicted}"
        core.show_image(axis, picture, f"{row.label}, {judged}\np({row.label}) = {row.probability:.2f}")
    wrong = int((table["predicted"] != table["label"]).sum())
    right = len(table) - wrong
    which = "hardest picture" if len(table) == 1 else f"{len(table)} hardest pictures"
    finding = f"The {which}: {wrong} wrong" + (f", {right} right but least sure" if right else "")
    figure.suptitle(finding, fontsize=11)
    return core.describe(figure, f"{finding}. Each with its true class and that class's probability.")


def heat_maps(
    pictures: Sequence[np.ndarray], heats: Sequence[np.ndarray], titles: Sequence[str], finding: str
) -> core.DescribedFigure:
    """Draw pictures, and under each the same one with its Grad-CAM heat laid over it.

    Args:
        pictures: n times RGB `(height, width, 3)`, 0-255.
        heats: n times `(rows, columns)`, 0 to 1, of `evaluate.grad_cam`.
        titles: one a picture.
        finding: the title of the figure.
    """
    figure, axes = core.new_figure(2 * len(pictures), 4.6, 2, len(pictures), squeeze=False)
    for above, below, picture, heat, title in zip(*axes, pictures, heats, titles, strict=True):
        core.show_image(above, picture, title)
        shown = _draw_heat(below, picture, heat)
    figure.colorbar(shown, ax=axes[1].tolist(), label="evidence (share of the largest)", shrink=0.8)
    figure.suptitle(finding, fontsize=11)
    return core.describe(
        figure,
        f"{finding}. {len(pictures)} pictures, and below each where its evidence lies: {'; '.join(titles)}.",
    )


def _draw_heat(axis: Axes, picture: np.ndarray, heat: np.ndarray) -> AxesImage:
    height, width = picture.shape[:2]
    core.show_image(axis, picture)
    enlarged = cv2.resize(heat.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return axis.imshow(enlarged.clip(0, 1), cmap="inferno", alpha=0.55, vmin=0, vmax=1)


def answer(
    picture: np.ndarray, heat: np.ndarray, probabilities: pd.Series, sure: float
) -> core.DescribedFigure:
    """Draw a photo, where the evidence for the likeliest class lies in it, and what the model says.

    Args:
        picture: RGB `(height, width, 3)`, 0-255.
        heat: `(rows, columns)`, 0 to 1, of `evaluate.grad_cam`.
        probabilities: by class, the likeliest first, of `evaluate.predict_photo`.
        sure: from which probability on an answer counts.
    """
    first, highest = probabilities.index[0], float(probabilities.iloc[0])
    is_sure = highest >= sure
    numbers = ", ".join(f"{name} {value:.2f}" for name, value in probabilities.head(5).items())
    finding = f"{first}: {highest:.2f}" if is_sure else f"Not sure: {numbers}"
    figure, (left, middle, right) = core.new_figure(9, 3, 1, 3, width_ratios=(1, 1, 1.2))
    core.show_image(left, picture, "the photo")
    _draw_heat(middle, picture, heat)
    middle.set_title(f"evidence for {first}", fontsize=9)
    shown = probabilities.head(5)[::-1]
    colour, _, _, hatch = core.style(0 if is_sure else 1)
    right.barh(range(len(shown)), shown, color=colour, hatch=hatch, edgecolor="white")
    right.axvline(sure, color=core.GREY, linestyle="--")
    right.set_yticks(range(len(shown)), shown.index)
    right.set(xlim=(0, 1), xlabel=f"probability (dashed line: {sure:g}, called sure from there on)")
    figure.suptitle(finding)
    return core.describe(figure, f"{finding}. A photo, where the evidence lies in it, and bars: {numbers}.")
