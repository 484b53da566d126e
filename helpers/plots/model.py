"""Figures of lesson 4: what a network is made of, what it sees, how its head learns, how sure it is."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator, PercentFormatter

from . import figure as core


def weights_of_parts(counts: pd.Series, network: str) -> core.DescribedFigure:
    """Draw how many weights each part of a network has, the first part on top.

    Args:
        counts: number of weights of each part, its name as the index, in the network's order.
        network: the network's name, for the title.
    """
    figure, axis = core.new_figure(7, 0.8 + 0.36 * len(counts))
    share = counts / counts.sum()
    largest = share.idxmax()
    colours = [core.ORANGE if part == largest else core.BLUE for part in counts.index]
    axis.barh(counts.index, counts / 1e6, color=colours)
    for place, (number, part) in enumerate(zip(counts, share, strict=True)):
        axis.text(number / 1e6, place, f" {number:,} ({part:.1%})", va="center", fontsize=8)
    axis.invert_yaxis()
    axis.set_xlim(0, counts.max() / 1e6 * 1.25)
    axis.set_xlabel("weights (millions)")
    axis.set_title(f"{share.max():.0%} of {network}'s weights lie in the {largest}")
    return core.describe(
        figure,
        f"Bars of the number of weights in each part of {network}. "
        + ", ".join(f"{part}: {number:,}" for part, number in counts.items())
        + ".",
    )


def time_a_photo(milliseconds: pd.Series) -> core.DescribedFigure:
    """Draw what each step of the work on a photo takes, on a logarithmic axis.

    Args:
        milliseconds: time for one photo, the step's name as the index, the first on top.
    """
    figure, axis = core.new_figure(7, 1.0 + 0.4 * len(milliseconds))
    longest = milliseconds.idxmax()
    colours = [core.ORANGE if step == longest else core.BLUE for step in milliseconds.index]
    shown = [f"{took:.2g} ms" for took in milliseconds]
    left = milliseconds.min() / 3
    axis.barh(milliseconds.index, milliseconds - left, left=left, color=colours)
    for place, (took, text) in enumerate(zip(milliseconds, shown, strict=True)):
        axis.text(took, place, f" {text}", va="center", fontsize=8)
    axis.set_xscale("log")
    axis.set_xlim(left, milliseconds.max() * 5)
    axis.invert_yaxis()
    axis.set_xlabel("time for one photo (ms, each gridline ten times the one before)")
    ratio = milliseconds.max() / milliseconds.min()
    title = f"{longest}: {ratio:,.0f} times as long as the shortest step"
    axis.set_title(title if len(milliseconds) > 1 else f"{longest}: {shown[0]}")
    return core.describe(
        figure,
        "Bars, on a logarithmic axis, of the time that each step takes for one photo. "
        + ", ".join(f"{step}: {text}" for step, text in zip(milliseconds.index, shown, strict=True))
        + ".",
    )


def feature_maps(
    picture: np.ndarray, maps: Mapping[str, np.ndarray], finding: str, most: int = 6
) -> core.DescribedFigure:
    """Draw channels of a network's feature maps beside the picture they come from, one row a layer.

    Of each layer, the channels are shown that differ most from place to place; all of them, if there are
    fewer than `most`. Every channel has its own scale, from black (its lowest value) to yellow (its highest).

    Args:
        picture: RGB `(height, width, 3)`, 0-255.
        maps: name of the row -> feature map `(height, width, channels)`, from the first layer to the last.
        finding: the title.
        most: channels a row.
    """
    figure, axes = core.new_figure(
        1.35 * (most + 1), 1.6 * len(maps) + 0.6, len(maps), most + 1, squeeze=False
    )
    left = axes[0, 0].get_gridspec()[:, 0]
    for axis in axes[:, 0]:
        axis.remove()
    core.show_image(figure.add_subplot(left), picture)
    for row, (name, layer) in zip(axes[:, 1:], maps.items(), strict=True):
        row[0].set_ylabel(name, fontsize=8)
        liveliest = np.sort(layer.std(axis=(0, 1)).argsort(kind="stable")[::-1][:most])
        for axis in row:
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        for axis, channel in zip(row, liveliest):
            axis.imshow(layer[..., channel], cmap="inferno", interpolation="nearest")
            axis.set_title(f"channel {channel}", fontsize=8)
    figure.suptitle(finding, fontsize=11)
    figure.supxlabel("each channel from its lowest value (black) to its highest (yellow)", fontsize=8)
    sizes = [f"{name.splitlines()[0]} ({m.shape[0]} by {m.shape[1]} places)" for name, m in maps.items()]
    fewest = min(layer.shape[-1] for layer in maps.values())
    shown = f"{most} channels" if fewest >= most else f"up to {most} channels"
    return core.describe(
        figure, f"{finding}. The picture, and {shown} of its feature maps after: {', '.join(sizes)}."
    )


def picture_rows(rows: Mapping[str, Sequence[np.ndarray]], finding: str) -> core.DescribedFigure:
    """Draw rows of pictures, each row with its name.

    Args:
        rows: name -> RGB pictures `(height, width, 3)`, 0-255.
        finding: the title.
    """
    lengths = [len(pictures) for pictures in rows.values()]
    columns = max(lengths)
    figure, axes = core.new_figure(1.5 * columns, 1.75 * len(rows) + 0.4, len(rows), columns, squeeze=False)
    for row, (name, pictures) in zip(axes, rows.items(), strict=True):
        for axis in row:
            axis.set_axis_off()
        for axis, picture in zip(row, pictures):
            core.show_image(axis, picture)
        row[0].set_title(name, fontsize=9, loc="left")
    figure.suptitle(finding, fontsize=11)
    many = f"{columns}" if min(lengths) == columns else f"{min(lengths)} to {columns}"
    return core.describe(figure, f"{finding}. Rows of {many} pictures: {', '.join(rows)}.")


def training_against_validation(
    runs: pd.DataFrame, finding: str, metric: str = "accuracy", chance: float | None = None
) -> core.DescribedFigure:
    """Draw each setting's runs on training and on validation pictures: the distance is overfitting.

    Args:
        runs: one row a run; columns `setting`, `training` and `validation` (both in units of `metric`).
        finding: the title.
        metric: what is measured, with its unit, for the axis.
        chance: what guessing would reach, drawn as a line; None for none.
    """
    settings = list(dict.fromkeys(runs["setting"]))
    figure, axis = core.new_figure(7.5, 1.1 + 0.5 * len(settings))
    texts = []
    for place, setting in enumerate(settings):
        own = runs[runs["setting"] == setting]
        for column, colour, marker, shift in (
            ("training", core.ORANGE, "s", -0.14),
            ("validation", core.BLUE, "o", 0.14),
        ):
            values = own[column].to_numpy()
            axis.scatter(
                values,
                np.full(len(values), place + shift),
                s=18,
                c=colour,
                marker=marker,
                alpha=0.6,
                label=column if place == 0 else None,
            )
            axis.plot(
                [values.mean()] * 2,
                [place + shift - 0.13, place + shift + 0.13],
                color=colour,
                linewidth=2.5,
            )
        means = own[["training", "validation"]].mean()
        texts.append(f"{setting}: training {means.training:.2f}, validation {means.validation:.2f}")
    if chance is not None:
        axis.axvline(chance, color=core.GREY, linestyle=":", label="guessing")
    axis.set_yticks(range(len(settings)), settings)
    axis.invert_yaxis()
    axis.margins(x=0.03)
    axis.set_xlabel(metric)
    axis.grid(axis="x", alpha=0.3)
    axis.set_title(finding)
    several = len(runs) > len(settings)
    said = "bar: mean of the runs, dots: single runs" if several else None
    figure.legend(
        loc="outside lower center", ncols=3, frameon=False, title=said, fontsize=8, title_fontsize=8
    )
    return core.describe(figure, f"{finding}. Means of {metric}. {'; '.join(texts)}.")


def schedule(rate: Callable[[int], float], epochs: int) -> core.DescribedFigure:
    """Draw the learning rate of each epoch, and say how it goes.

    Args:
        rate: from the epoch's number (0, 1, …) to its learning rate.
        epochs: how many epochs to draw.
    """
    rates = [rate(epoch) for epoch in range(epochs)]
    figure, axis = core.new_figure(7, 2.6)
    axis.step(range(epochs), rates, where="post", color=core.BLUE)
    axis.plot(range(epochs), rates, "o", markersize=3, color=core.BLUE)
    axis.set_ylim(0, max(rates) * 1.1)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlabel("epoch")
    axis.set_ylabel("learning rate")
    axis.grid(alpha=0.3)
    steps, last = np.diff(rates), f"{rates[-1]:.2g} in epoch {epochs - 1}"
    if not steps.any():
        finding = f"{rates[0]:g} in every epoch"
    elif (steps <= 0).all():
        finding = f"{rates[0]:g} up to epoch {np.flatnonzero(steps)[0]}, then falling to {last}"
    else:
        finding = (
            f"from {rates[0]:g} in epoch 0 to {last}, "
            f"the highest {max(rates):.2g} in epoch {np.argmax(rates)}"
        )
    axis.set_title(finding)
    return core.describe(figure, f"The learning rate of each of {epochs} epochs: {finding}.")


def learning_rate_range(rates: Sequence[float], losses: Sequence[float]) -> core.DescribedFigure:
    """Draw the loss of each step of a range test against that step's learning rate, and its running mean.

    Args:
        rates: learning rates, rising.
        losses: the loss before each step, positive.
    """
    figure, axis = core.new_figure(7, 3.2)
    smooth = pd.Series(losses, dtype=float).rolling(9, center=True, min_periods=1).mean()
    axis.plot(rates, losses, ".", color=core.GREY, markersize=4, label="one step")
    axis.plot(rates, smooth, color=core.BLUE, linewidth=2, label="mean of nine steps")
    axis.axhline(np.log(2), color=core.GREY, linestyle=":", label="guessing")
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_ylim(bottom=smooth.min() / 5)  # single batches may have next to no loss
    axis.set_xlabel("learning rate (each step a little larger)")
    axis.set_ylabel("log loss")
    axis.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    lowest = smooth.argmin()
    low, last = smooth.iloc[lowest], smooth.iloc[-1]
    end = f"then climbs to {float(f'{last:.1g}'):g}" if last > 2 * low else "and stays there"
    finding = f"The loss falls to {low:.1g} near a rate of {rates[lowest]:.1g}, {end}"
    axis.set_title(finding)
    return core.describe(
        figure,
        f"Log loss against learning rate, both logarithmic, over {len(losses)} steps, from "
        f"{smooth.iloc[0]:.1g} at {rates[0]:.1g}. {finding}.",
    )


def reliability(bins: Mapping[str, pd.DataFrame], finding: str) -> core.DescribedFigure:
    """Draw how often a model is right where it says so, against how sure it is; below, how many pictures.

    Args:
        bins: name -> one row a bin; columns `predicted` and `observed` (0-1) and `n` (pictures in the bin).
        finding: the title.
    """
    figure, axes = core.new_figure(
        4.2 * len(bins), 4.4, 2, len(bins), squeeze=False, height_ratios=(3, 1), sharex=True, sharey="row"
    )
    texts = []
    for number, (name, table) in enumerate(bins.items()):
        above, below = axes[:, number]
        colour, marker, line, hatch = core.style(number)
        above.plot([0, 1], [0, 1], color=core.GREY, linestyle=":")
        above.plot(table.predicted, table.observed, color=colour, marker=marker, linestyle=line)
        above.set_title(name, fontsize=10)
        below.bar(table.predicted, table.n, 0.05, color=colour, hatch=hatch, edgecolor="white")
        below.set_xlabel("probability of a dog, as predicted")
        for row in table.itertuples():
            below.annotate(f"{row.n}", (row.predicted, row.n), ha="center", va="bottom", fontsize=7)
        below.margins(y=0.3)
        texts.append(
            f"{name}: "
            + ", ".join(f"{r.predicted:.2f} predicted, {r.observed:.2f} observed" for r in table.itertuples())
        )
    axes[0, 0].set_ylabel("share of dogs")
    axes[1, 0].set_ylabel("photos")
    figure.suptitle(finding, fontsize=11)
    return core.describe(figure, f"{finding}. {'; '.join(texts)}.")


def intervals(accuracies: pd.DataFrame, finding: str) -> core.DescribedFigure:
    """Draw accuracies with their 95 % intervals.

    Args:
        accuracies: one row a measurement, its name as the index; columns `accuracy`, `low`, `high` (0-1) and
            `n` (number of pictures it was measured on).
        finding: the title.
    """
    figure, axis = core.new_figure(7, 1 + 0.5 * len(accuracies))
    for place, row in enumerate(accuracies.itertuples()):
        axis.plot([row.low, row.high], [place, place], color=core.BLUE, linewidth=2)
        axis.plot(row.accuracy, place, marker=core.style(place).marker, color=core.BLUE)
    axis.set_yticks(
        range(len(accuracies)), [f"{row.Index}\n({int(row.n):,} pictures)" for row in accuracies.itertuples()]
    )
    axis.set_ylim(len(accuracies) - 0.5, -0.5)
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    axis.set_xlabel("accuracy, with its 95 % interval")
    axis.grid(axis="x", alpha=0.3)
    axis.set_title(finding)
    texts = [
        f"{row.Index}: {row.accuracy:.3f} ({row.low:.3f} to {row.high:.3f})"
        for row in accuracies.itertuples()
    ]
    return core.describe(figure, f"{finding}. {'; '.join(texts)}.")
