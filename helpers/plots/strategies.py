"""Figures of lesson 6: what each strategy reaches, with how many pictures, at what cost, and how surely."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from .figure import BLACK, BLUE, GREY, ORANGE, DescribedFigure, describe, empty_figure, new_figure, style

MOST_LETTERS = 36  # in a line above one of four panels
DECADES = (0.1, 1, 10, 100)
SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)


def accuracy_by_size(means: pd.DataFrame, chance: dict[str, float]) -> DescribedFigure:
    """Draw accuracy against the number of training pictures, a panel a domain, a line a strategy.

    Args:
        means: of `paired.means`.
        chance: domain -> accuracy of a guess, 0-1.
    """
    domains, strategies = list(means["domain"].unique()), list(means["strategy"].unique())
    figure, axes = new_figure(13, 4.6, 1, len(domains), squeeze=False)
    said = []
    for axis, domain in zip(axes[0], domains):
        own = means[means["domain"] == domain]
        for number, strategy in enumerate(strategies):
            cells = own[own["strategy"] == strategy]
            # Side by side, or the strategies' intervals would hide one another.
            shift = 1.05 ** (number - (len(strategies) - 1) / 2)
            _errorbar(axis, cells["n_train"] * shift, cells["accuracy"], cells["margin"], number, strategy)
        axis.axhline(chance[domain], color=GREY, linewidth=0.8, linestyle=":")
        axis.annotate(
            "a guess",
            (0.99, chance[domain]),
            (0, 2),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            fontsize=7,
            color=GREY,
        )
        sizes = sorted(own["n_train"].unique())
        _size_axis(axis, sizes)
        best = own.loc[own.groupby("n_train")["accuracy"].idxmax()].set_index("n_train")
        reached = best["strategy"] + best["accuracy"].map(" {:.2f}".format)
        ends = [f"best with {size}: {reached[size]}" for size in (sizes[0], sizes[-1])]
        axis.set_title("\n".join([domain, *ends]), fontsize=9, loc="left")
        said.append(f"{domain}, {', '.join(ends)}")
    axes[0, 0].set_ylabel("held-out accuracy (mean, 95 % interval)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=7, frameon=False)
    return describe(
        figure,
        "Accuracy against the number of training pictures, a line for each strategy, with 95 % intervals "
        f"over seeds and held-out pictures. {'; '.join(said)}.",
    )


def accuracy_by_cost(means: pd.DataFrame, on_front: pd.Series) -> DescribedFigure:
    """Draw accuracy against the processor's seconds, a panel a domain, with the Pareto front.

    Args:
        means: of `paired.means`.
        on_front: bool, a row of `means` each: whether no other row of its domain beats it.
    """
    domains, strategies = list(means["domain"].unique()), list(means["strategy"].unique())
    figure, axes = new_figure(13, 4.6, 1, len(domains), sharex=True, squeeze=False)
    said = []
    for axis, domain in zip(axes[0], domains):
        own = means[means["domain"] == domain]
        label = partial(axis.annotate, textcoords="offset points", ha="center", fontsize=7, color=GREY)
        for number, strategy in enumerate(strategies):
            cells = own[own["strategy"] == strategy]
            seconds, accuracy, margin = cells["cpu_seconds"], cells["accuracy"], cells["margin"]
            _errorbar(axis, seconds, accuracy, margin, number, strategy)
            for row in cells.head(1).itertuples():
                label(row.n_train, (row.cpu_seconds, row.accuracy - row.margin), (0, -2), va="top")
            for row in cells.tail(1).itertuples():
                label(row.n_train, (row.cpu_seconds, row.accuracy + row.margin), (0, 2), va="bottom")
        front = own[on_front[own.index]].sort_values("cpu_seconds")
        axis.step(front["cpu_seconds"], front["accuracy"], where="post", color=BLACK, linewidth=0.9, zorder=0)
        kinds = list(dict.fromkeys(front["strategy"]))
        axis.set(xscale="log", xlabel="processor's seconds (logarithmic)")
        listed = "; ".join(kinds)
        if len(listed) > MOST_LETTERS:
            listed = f"{len(kinds)} of {own['strategy'].nunique()}"
        axis.set_title(f"{domain}\non the front:\n{listed}", fontsize=9, loc="left")
        said.append(f"{domain}: {', '.join(kinds)}")
    low, high = axes[0, 0].get_xlim()
    ticks = [tick for tick in SECONDS if low < tick < high]
    if len(ticks) > 6:
        ticks = [tick for tick in ticks if tick in DECADES]
    for axis in axes[0]:
        axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.minorticks_off()
    axes[0, 0].set_ylabel("held-out accuracy (mean, 95 % interval)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=7, frameon=False)
    return describe(
        figure,
        "Accuracy against the processor's seconds, a mark for each kind and number of training pictures, "
        f"and a line along those that no other beats. On it, from cheap to expensive: {'; '.join(said)}.",
    )


def leads(
    found: pd.DataFrame, one: str = "the advised strategy", other: str = "its strongest rival"
) -> DescribedFigure:
    """Draw by how much one strategy is ahead of another, a row a domain and size, with both intervals.

    Args:
        found: of `paired.differences` or, with names of its own in each row, of `paired.boxes`.
        one, other: names of the strategies.
    """
    if found.empty:
        return empty_figure(f"'{one}' and '{other}' have not been measured on the same pictures yet")
    figure, axis = new_figure(9, 0.36 * len(found) + 1.4)
    labels, said = [], []
    for place, row in enumerate(found.itertuples()):
        decided = row.verdict != "undecided"
        colour = (BLUE if row.lead > 0 else ORANGE) if decided else GREY
        axis.errorbar(row.lead, place, xerr=row.margin, color=colour, linewidth=1.2, capsize=3)
        axis.errorbar(
            row.lead,
            place,
            xerr=row.seeds_margin,
            color=colour,
            linewidth=3.5,
            marker="o" if decided else "s",
            markerfacecolor=colour if decided else "white",
        )
        pair = f": {row.advised} − {row.rival}" if "advised" in found else ""
        labels.append(f"{row.domain}, {row.n_train}{pair}")
        if decided:
            said.append(f"{labels[-1]} {row.lead:+.3f}")
    axis.axvline(0, color=BLACK, linewidth=0.8)
    axis.set_yticks(range(len(found)), labels)
    axis.set(
        ylim=(len(found) - 0.5, -0.5),
        xlabel=f"accuracy of {one} less that of {other}",
        ylabel="domain, training pictures",
    )
    key = [
        Line2D([], [], color=GREY, linewidth=3.5, label="over seeds"),
        Line2D([], [], color=GREY, linewidth=1.2, label="over seeds and held-out pictures"),
        Line2D([], [], color=GREY, marker="s", markerfacecolor="white", linestyle="", label="undecided"),
    ]
    figure.legend(handles=key, loc="outside lower center", ncols=3, frameon=False)
    counts = found["verdict"].value_counts().reindex(["ahead", "undecided", "behind"], fill_value=0)
    axis.set_title(
        f"{one}: {counts['ahead']} × ahead, {counts['undecided']} × undecided, {counts['behind']} × behind",
        loc="left",
    )
    return describe(
        figure,
        f"Accuracy of {one} less that of {other}: mean, 95 % interval over seeds alone (thick), and over "
        f"seeds and held-out pictures (thin). Of {len(found)}, ahead {counts['ahead']}, behind "
        f"{counts['behind']}, undecided {counts['undecided']}. Decided: {'; '.join(said) or 'none'}.",
    )


def learning_rates(
    losses: dict[str, dict[str, pd.DataFrame]], size: str, strategies: Sequence[str] = ()
) -> DescribedFigure:
    """Draw validation loss against the learning rate, a panel a domain, a line a strategy.

    The first seed's losses are a line with marks, those of the others thin lines. A ring marks the rate with
    the lowest mean among those that every seed tried, at that mean.

    Args:
        losses: domain -> strategy -> of `grid.rate_losses`.
        size: the number of training pictures, for the title.
        strategies: in the order of their colours; by default that of `losses`.
    """
    figure, axes = new_figure(13, 4.2, 1, len(losses), squeeze=False)
    said = []
    for axis, (domain, by_strategy) in zip(axes[0], losses.items()):
        chosen = {}
        for strategy, own in by_strategy.items():
            colour, marker, line, _ = style(list(strategies or by_strategy).index(strategy))
            first, others, means = own.iloc[:, 0], own.iloc[:, 1:], own.dropna().mean(axis=1)
            axis.plot(first.index, first, color=colour, marker=marker, linestyle=line, label=strategy)
            axis.plot(
                others.index, others, color=colour, marker=marker, markersize=2, linewidth=0.7, alpha=0.7
            )
            axis.plot(means.idxmin(), means.min(), marker="o", markersize=12, color=colour, fillstyle="none")
            chosen[strategy] = means.idxmin()
        axis.set(xscale="log", yscale="log", xlabel="learning rate (logarithmic)")
        low, high = axis.get_ylim()
        if high < 10 * low:
            axis.yaxis.set_major_formatter("{x:g}")
            axis.yaxis.set_minor_formatter("{x:g}")
        span = f"{min(chosen.values()):g} to {max(chosen.values()):g}"
        axis.set_title(f"{domain}, {size} pictures\nchosen: {span}", fontsize=9, loc="left")
        said.append(f"{domain}: {', '.join(f'{name} {rate:g}' for name, rate in chosen.items())}")
    axes[0, 0].set_ylabel("validation loss (nats, logarithmic)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False)
    return describe(
        figure,
        "Validation loss against the learning rate, a line for each strategy and seed. "
        f"Chosen: {'; '.join(said)}.",
    )


def waterfall(table: pd.DataFrame, seconds: str = "cpu_seconds") -> DescribedFigure:
    """Draw what mending each mistake adds to validation accuracy, from the recipe as written to ours.

    Args:
        table: of `autopsy.waterfall`.
        seconds: the column with the processor's seconds, written beside each step.
    """
    figure, axis = new_figure(10, 0.5 * len(table) + 1.2)
    reached_before = table["accuracy"].shift(fill_value=0.5)
    for place, (_, row) in enumerate(table.iterrows()):
        start, decided = reached_before.iloc[place], abs(row["change"]) > row["margin"]
        colour = GREY if not decided else BLUE if row["change"] > 0 else ORANGE
        axis.barh(
            place,
            row["accuracy"] - start,
            left=start,
            color=colour,
            hatch="" if place == 0 or decided else "//",
            alpha=0.55,
            edgecolor=colour,
            height=0.65,
        )
        axis.errorbar(row["accuracy"], place, xerr=row["spread"], color=BLACK, marker="|", capsize=3)
        said = _mean_and_spread(row)
        if place > 0:
            margin = f" ± {row['margin']:.3f}" if np.isfinite(row["margin"]) else ""
            said += f"   ({row['change']:+.3f}{margin})".replace("-", "−")
        right = max(row["accuracy"] + np.nan_to_num(row["spread"]), start)
        axis.text(right + 0.008, place, said, va="center", fontsize=9)
    costs = [f"   {cost:.0f} s" if np.isfinite(cost) else "" for cost in table[seconds]]
    axis.set_yticks(range(len(table)), [f"{step}{cost}" for step, cost in zip(table.index, costs)])
    lowest = min(0.5, np.floor(10 * (table["accuracy"] - table["spread"].fillna(0)).min()) / 10)
    axis.set(
        ylim=(len(table) - 0.4, -0.6),
        ylabel="step, and a processor's seconds for one training",
        xlim=(lowest - 0.05, 1.16),
        xlabel="validation accuracy: mean ± standard deviation over seeds (change ± 95 % interval)",
        title="From {:.2f} to {:.2f}, one mistake at a time".format(*table["accuracy"].iloc[[0, -1]]),
    )
    axis.set_xticks(np.arange(lowest, 1.01, 0.1))
    steps = [
        f"{step} {row['accuracy']:.2f}" + ("" if place == 0 else _doubt(row))
        for place, (step, row) in enumerate(table.iterrows())
    ]
    return describe(
        figure, f"A waterfall of validation accuracy, one mistake mended at each step: {', '.join(steps)}."
    )


def _doubt(row: pd.Series) -> str:
    if np.isnan(row["margin"]):
        return " (one seed)"
    return "" if abs(row["change"]) > row["margin"] else " (within chance)"


def _errorbar(
    axis: Axes,
    x: pd.Series,
    y: pd.Series,
    margin: pd.Series,
    number: int,
    label: str,
) -> None:
    colour, marker, line, _ = style(number)
    axis.errorbar(
        x,
        y,
        margin,
        color=colour,
        marker=marker,
        markersize=5,
        linestyle=line,
        linewidth=1.4,
        elinewidth=0.9,
        capsize=2,
        label=label,
    )


def _size_axis(axis: Axes, sizes: list[int]) -> None:
    axis.set(xscale="log", xlabel="training pictures (logarithmic)")
    axis.set_xticks(sizes, [str(size) for size in sizes])
    axis.minorticks_off()


def _mean_and_spread(row: pd.Series) -> str:
    if np.isnan(row["accuracy"]):
        return "not run"
    return f"{row['accuracy']:.3f} " + ("(one seed)" if np.isnan(row["spread"]) else f"± {row['spread']:.3f}")
