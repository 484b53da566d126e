"""Figures of lesson 6: what each strategy reaches, with how many pictures, at what cost."""

import numpy as np
import pandas as pd

from .figure import (
    BLACK,
    COLOURS,
    GREY,
    HATCHES,
    LINES,
    MARKERS,
    DescribedFigure,
    describe,
    new_figure,
)


def four_boxes(summary: pd.DataFrame, verdicts: pd.DataFrame) -> DescribedFigure:
    """Redraw the tutorial's figure 5 with numbers: a box for each domain (row) and size (column).

    Args:
        summary: of `strategies.summarise`.
        verdicts: of `strategies.verdicts`.
    """
    domains, sizes = list(verdicts["domain"].unique()), list(verdicts["size"].unique())
    strategies = list(summary["strategy"].unique())
    figure, axes = new_figure(10, 5.6, len(domains), len(sizes), sharex=True, squeeze=False)
    said = []
    for box in verdicts.itertuples():
        axis = axes[domains.index(box.domain), sizes.index(box.size)]
        cells = summary[(summary["domain"] == box.domain) & (summary["n_train"] == box.n_train)]
        cells = cells.set_index("strategy").loc[strategies]
        for place, (name, row) in enumerate(cells.iterrows()):
            axis.barh(
                place,
                row["accuracy"],
                xerr=row["spread"],
                color=COLOURS[place],
                alpha=0.45,
                hatch=HATCHES[place],
                edgecolor=COLOURS[place],
                height=0.7,
            )
            axis.text(
                0.02,
                place,
                f"{name}  {row['accuracy']:.3f} ± {row['spread']:.3f}",
                va="center",
                weight="bold" if row["accuracy"] == cells["accuracy"].max() else "normal",
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5},
            )
        axis.set(yticks=[], ylim=(len(strategies) - 0.5, -0.5), xlim=(0, 1.03))
        outcome = {
            "agrees": f"agreed: it leads by {box.lead:.2f}",
            "undecided": f"undecided: {box.advised} or {box.rival}",
            "disagrees": f"disagreed: {box.rival} leads by {-box.lead:.2f}",
        }[box.verdict]
        axis.set_title(
            f"{box.domain}, {box.n_train} pictures; tutorial: {box.advised}\n{outcome}",
            fontsize=10,
            loc="left",
        )
        said.append(f"{box.domain} with {box.n_train} pictures: tutorial says {box.advised}, {outcome}")
    for axis in axes[-1]:
        axis.set_xlabel("held-out accuracy (mean ± standard deviation over seeds)")
    counts = verdicts["verdict"].value_counts().reindex(["agrees", "undecided", "disagrees"], fill_value=0)
    figure.suptitle(
        f"Figure 5, measured, in {len(verdicts)} boxes: {counts['agrees']} × agrees with the tutorial, "
        f"{counts['undecided']} × undecided, {counts['disagrees']} × disagrees"
    )
    return describe(figure, f"Four boxes of bars, one bar a strategy. {'; '.join(said)}.")


def accuracy_by_size(grid: pd.DataFrame) -> DescribedFigure:
    """Draw accuracy against the number of training pictures, a panel a domain, a dot a cell.

    Args:
        grid: of `strategies.run_grid`.
    """
    domains, strategies = list(grid["domain"].unique()), list(grid["strategy"].unique())
    sizes = sorted(grid["n_train"].unique())
    figure, axes = new_figure(10, 4, 1, len(domains), squeeze=False)
    said = []
    for axis, domain in zip(axes[0], domains, strict=True):
        for number, strategy in enumerate(strategies):
            cells = grid[(grid["domain"] == domain) & (grid["strategy"] == strategy)]
            accuracy = cells.groupby("n_train")["accuracy"].agg(["mean", "std"])
            # Side by side, or the strategies' bars of spread would hide one another.
            shift = 1.06 ** (number - (len(strategies) - 1) / 2)
            axis.errorbar(
                accuracy.index * shift,
                accuracy["mean"],
                accuracy["std"],
                color=COLOURS[number],
                marker=MARKERS[number],
                linestyle=LINES[number],
                capsize=4,
                label=strategy,
            )
            axis.scatter(cells["n_train"] * shift, cells["accuracy"], s=9, color=COLOURS[number], alpha=0.5)
        first, last = (_leaders(grid, domain, size) for size in (sizes[0], sizes[-1]))
        finding = first if first == last else f"first {first}, then {last}"
        axis.set(xscale="log", xlabel="training pictures (logarithmic)", title=f"{domain}:\n{finding}")
        axis.set_xticks(sizes, [str(size) for size in sizes])
        axis.minorticks_off()
        said.append(f"{domain}: {finding}")
    axes[0, 0].set_ylabel("held-out accuracy")
    axes[0, -1].legend(frameon=False, loc="lower right")
    return describe(
        figure,
        f"Accuracy against the number of training pictures ({sizes[0]} to {sizes[-1]}), a line a strategy, "
        f"with the spread over seeds. From the smallest to the largest set, {'; '.join(said)}.",
    )


def accuracy_by_seconds(summary: pd.DataFrame) -> DescribedFigure:
    """Draw accuracy against training time, a panel a domain; larger marks had more pictures.

    Args:
        summary: of `strategies.summarise`.
    """
    domains, strategies = list(summary["domain"].unique()), list(summary["strategy"].unique())
    sizes = sorted(summary["n_train"].unique())
    figure, axes = new_figure(10, 4, 1, len(domains), sharex=True, squeeze=False)
    for axis, domain in zip(axes[0], domains, strict=True):
        for number, strategy in enumerate(strategies):
            cells = summary[(summary["domain"] == domain) & (summary["strategy"] == strategy)]
            axis.errorbar(
                cells["seconds"],
                cells["accuracy"],
                cells["spread"],
                color=COLOURS[number],
                linestyle=LINES[number],
                capsize=3,
            )
            axis.scatter(
                cells["seconds"],
                cells["accuracy"],
                s=[40 + 110 * sizes.index(n) / max(len(sizes) - 1, 1) for n in cells["n_train"]],
                color=COLOURS[number],
                marker=MARKERS[number],
                label=strategy,
                zorder=3,
            )
            for row in cells.itertuples():
                axis.annotate(
                    row.n_train, (row.seconds, row.accuracy), (8, -12), textcoords="offset points", fontsize=8
                )
        largest = summary[(summary["domain"] == domain) & (summary["n_train"] == sizes[-1])]
        best = largest.loc[largest["accuracy"].idxmax(), "strategy"]
        cheapest = largest.loc[largest["seconds"].idxmin(), "strategy"]
        finding = f"{best} is best" + (" and cheapest" if best == cheapest else f", {cheapest} cheapest")
        axis.set(xscale="log", xlabel="seconds of training (logarithmic)", title=f"{domain}: {finding}")
    low, high = axes[0, 0].get_xlim()
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low < tick < high]
    for axis in axes[0]:
        axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.minorticks_off()
    axes[0, 0].set_ylabel("held-out accuracy")
    axes[0, 0].legend(frameon=False, loc="center left")
    return describe(
        figure,
        "Accuracy against seconds of training on a logarithmic axis, a mark for each strategy and size, "
        "labelled with the number of training pictures, one panel a domain.",
    )


def models_a(scores: pd.DataFrame, chance: float) -> DescribedFigure:
    """Draw how well heads do on the features of different models A, a row each.

    Args:
        scores: a row a score, columns `model_a` (its description) and `accuracy` (of the head, 0-1).
        chance: accuracy of guessing.
    """
    names = list(scores["model_a"].unique())
    accuracy = scores.groupby("model_a")["accuracy"].agg(["mean", "std"])
    best = accuracy.loc[accuracy["mean"].idxmax()]
    near = accuracy[best["mean"] - accuracy["mean"] <= best["std"]]
    figure, axis = new_figure(8, 0.55 * len(names) + 1.2)
    for place, name in enumerate(names):
        values = scores.loc[scores["model_a"] == name, "accuracy"]
        axis.plot(values, np.full(len(values), place), ".", color=GREY, alpha=0.6)
        axis.errorbar(
            values.mean(), place, xerr=values.std(), color=COLOURS[0], marker="o", capsize=4, zorder=3
        )
    axis.axvline(chance, color=BLACK, linewidth=0.8, linestyle=":")
    axis.annotate("guessing", (chance, -0.6), (3, 0), textcoords="offset points", fontsize=8)
    axis.set(
        xlabel="held-out accuracy of a head on model A's features",
        ylim=(len(names) - 0.5, -0.8),
        xlim=(0, 1.02),
        title=f"{len(near)} of {len(names)} models A are within the spread of the best",
    )
    axis.set_yticks(range(len(names)), names)
    return describe(
        figure,
        f"Accuracy of heads trained on the features of {len(names)} different models A, each a dot a seed "
        f"with the mean and spread, beside the accuracy of guessing.",
    )


def _leaders(grid: pd.DataFrame, domain: str, n_train: int) -> str:
    """Name the most accurate strategy, with those that come within the spread of it."""
    cells = grid[(grid["domain"] == domain) & (grid["n_train"] == n_train)]
    accuracy = cells.groupby("strategy", sort=False)["accuracy"].agg(["mean", "std"])
    best = accuracy.loc[accuracy["mean"].idxmax()]
    near = best["mean"] - accuracy["mean"] <= np.maximum(best["std"], accuracy["std"])
    names = list(accuracy.index[near])
    return f"{' and '.join(names)} {'leads' if len(names) == 1 else 'lead'}"
