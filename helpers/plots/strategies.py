"""Figures of lesson 6: what each strategy reaches, with how many pictures, at what cost."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .figure import BLACK, BLUE, GREY, ORANGE, DescribedFigure, describe, empty_figure, new_figure, style

SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)


def accuracy_by_size(summary: pd.DataFrame) -> DescribedFigure:
    """Draw accuracy against the number of training pictures, a panel a domain, a line a strategy.

    Args:
        summary: of `comparison.summarise`.
    """
    domains, strategies = _names(summary)
    figure, axes = new_figure(11, 4.6, 1, len(domains), squeeze=False)
    said = []
    for axis, domain in zip(axes[0], domains):
        for number, strategy in enumerate(strategies):
            cells = summary[(summary["domain"] == domain) & (summary["strategy"] == strategy)]
            # Side by side, or the strategies' bars of spread would hide one another.
            shift = 1.05 ** (number - (len(strategies) - 1) / 2)
            _errorbar(axis, cells["n_train"] * shift, cells["accuracy"], cells["spread"], number, strategy)
        sizes = sorted(summary.loc[summary["domain"] == domain, "n_train"].unique())
        _size_axis(axis, sizes)
        first, last = (_leaders(summary, domain, size) for size in (sizes[0], sizes[-1]))
        axis.set_title(f"{domain}\n{sizes[0]}: {first}\n{sizes[-1]}: {last}", fontsize=9, loc="left")
        said.append(f"{domain}: with {sizes[0]} pictures {first}, with {sizes[-1]} {last}")
    axes[0, 0].set_ylabel("held-out accuracy (mean ± spread over seeds)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False)
    return describe(
        figure,
        f"Accuracy against the number of training pictures, a line a strategy, with the spread over seeds. "
        f"Ahead, or within the spread of what is ahead: {'; '.join(said)}.",
    )


def accuracy_by_cost(summary: pd.DataFrame, on_front: pd.Series) -> DescribedFigure:
    """Draw accuracy against the processor's seconds, a panel a domain, with the Pareto front.

    Args:
        summary: of `comparison.summarise`.
        on_front: bool, a row of `summary` each: whether no other row of its domain beats it.
    """
    domains, strategies = _names(summary)
    sizes = sorted(summary["n_train"].unique())
    figure, axes = new_figure(11, 4.6, 1, len(domains), sharex=True, squeeze=False)
    said = []
    for axis, domain in zip(axes[0], domains):
        own = summary[summary["domain"] == domain]
        for number, strategy in enumerate(strategies):
            cells = own[own["strategy"] == strategy]
            _errorbar(
                axis, cells["cpu_seconds"], cells["accuracy"], cells["spread"], number, strategy, line=""
            )
            for row in cells.itertuples():
                place = (row.cpu_seconds, row.accuracy)
                axis.annotate(row.n_train, place, (5, -9), textcoords="offset points", fontsize=7, color=GREY)
        front = own[on_front[own.index]].sort_values("cpu_seconds")
        axis.step(front["cpu_seconds"], front["accuracy"], where="post", color=BLACK, linewidth=0.9, zorder=0)
        kinds = list(dict.fromkeys(front["strategy"]))
        axis.set(xscale="log", xlabel="processor's seconds (logarithmic)")
        listed = "; ".join(kinds) if len(kinds) < 4 else f"{len(kinds)} strategies"
        axis.set_title(f"{domain}; on the front:\n{listed}", fontsize=9, loc="left")
        said.append(f"{domain}: {', '.join(kinds)}")
    low, high = axes[0, 0].get_xlim()
    ticks = [tick for tick in SECONDS if low < tick < high]
    for axis in axes[0]:
        axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.minorticks_off()
    axes[0, 0].set_ylabel("held-out accuracy (mean ± spread over seeds)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False)
    return describe(
        figure,
        f"Accuracy against the processor's seconds, a mark for each strategy and size ({sizes[0]} to "
        f"{sizes[-1]} pictures), and a line along those that no other beats. From cheap to dear, on that "
        f"line: {'; '.join(said)}.",
    )


def four_boxes(summary: pd.DataFrame, verdicts: pd.DataFrame) -> DescribedFigure:
    """Redraw the tutorial's figure 5 with numbers: a box for each domain (row) and size (column).

    Args:
        summary: of `comparison.summarise`.
        verdicts: of `comparison.verdicts`.
    """
    if verdicts.empty:
        return empty_figure("No box of figure 5 has been measured yet")
    domains, sizes = list(verdicts["domain"].unique()), list(verdicts["size"].unique())
    strategies = _names(summary)[1]
    figure, axes = new_figure(11, 6.6, len(domains), len(sizes), sharex=True, squeeze=False)
    said = []
    for box in verdicts.itertuples():
        axis = axes[domains.index(box.domain), sizes.index(box.size)]
        cells = summary[(summary["domain"] == box.domain) & (summary["n_train"] == box.n_train)]
        cells = cells.set_index("strategy").reindex(strategies)
        for place, (name, row) in enumerate(cells.iterrows()):
            colour, _, _, hatch = style(place)
            axis.barh(
                place,
                row["accuracy"],
                xerr=row["spread"],
                color=colour,
                alpha=0.45,
                hatch=hatch,
                edgecolor=colour,
                height=0.75,
            )
            axis.text(
                0.02,
                place,
                f"{name}  {_mean_and_spread(row)}",
                va="center",
                fontsize=9,
                weight="bold" if name in (box.advised, box.rival) else "normal",
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1},
            )
        axis.set(yticks=[], ylim=(len(strategies) - 0.5, -0.5), xlim=(0, 1.03))
        margin = f"± {box.margin:.3f}" if np.isfinite(box.margin) else "(one seed only)"
        ahead = f"{abs(box.lead):.3f} {margin}"
        outcome = {
            "agrees": f"agreed: it leads '{box.rival}' by {ahead}",
            "undecided": f"undecided: it or '{box.rival}', {ahead}",
            "disagrees": f"disagreed: '{box.rival}' leads by {ahead}",
        }[box.verdict]
        title = f"{box.domain}, {box.n_train} pictures; tutorial: {box.advised}\n{outcome}"
        axis.set_title(title, fontsize=9.5, loc="left")
        said.append(f"{box.domain} with {box.n_train} pictures: tutorial says {box.advised}, {outcome}")
    for axis in axes[-1]:
        axis.set_xlabel("held-out accuracy (mean ± spread over seeds)")
    counts = verdicts["verdict"].value_counts().reindex(["agrees", "undecided", "disagrees"], fill_value=0)
    figure.suptitle(
        f"Figure 5, measured, in {len(verdicts)} boxes: {counts['agrees']} × agrees with the tutorial, "
        f"{counts['undecided']} × undecided, {counts['disagrees']} × disagrees"
    )
    boxes = {1: "One box", 4: "Four boxes"}.get(len(verdicts), f"{len(verdicts)} boxes")
    return describe(figure, f"{boxes} of bars, one bar a strategy. {'; '.join(said)}.")


def worth_in_pictures(tables: dict[str, pd.DataFrame]) -> DescribedFigure:
    """Draw how many pictures training from scratch needs to reach what transfer reaches with fewer.

    Args:
        tables: name of a strategy -> `comparison.worth_in_pictures`.
    """
    domains = list(next(iter(tables.values()))["domain"].unique())
    figure, axes = new_figure(11, 4, 1, len(domains), squeeze=False, sharey=True)
    said = []
    for axis, domain in zip(axes[0], domains):
        for number, (strategy, table) in enumerate(tables.items(), start=1):
            own = table[table["domain"] == domain]
            ceiling = own["most"].iloc[0]
            top = ceiling * 1.6
            drawn = own[["pictures", "low", "high"]].replace(np.inf, top)
            x = own["n_train"] * 1.05 ** (number - 1.5)
            bars = np.abs(drawn[["low", "high"]].sub(drawn["pictures"], axis=0)).T.to_numpy()
            _errorbar(axis, x, drawn["pictures"], bars, number, strategy)
            first = own.iloc[0]
            said.append(f"{domain}: {first['n_train']} with {strategy} equal {_amount(first)} from scratch")
        sizes = sorted(own["n_train"])
        axis.plot(sizes, sizes, color=GREY, linewidth=0.8, linestyle=":")
        axis.axhline(ceiling, color=BLACK, linewidth=0.8)
        axis.annotate(
            "above: not reached from scratch",
            (sizes[0], ceiling),
            (0, 3),
            textcoords="offset points",
            fontsize=8,
        )
        _size_axis(axis, sizes)
        axis.set(yscale="log", title=domain, xlabel="pictures with transfer")
        axis.set_yticks(sizes, [str(size) for size in sizes])
        axis.minorticks_off()
    axes[0, 0].set_ylabel("pictures from scratch for the same accuracy")
    axes[0, -1].legend(frameon=False, loc="lower right")
    return describe(
        figure,
        "Pictures that training from scratch needs against pictures that transfer has, median and range over "
        f"seeds, a panel a domain. {'; '.join(said)}.",
    )


def paired_differences(table: pd.DataFrame, one: str, other: str) -> DescribedFigure:
    """Draw by how much one strategy is ahead of another, with 95 % intervals, a panel a domain.

    Args:
        table: of `comparison.differences`.
        one, other: names of the strategies.
    """
    if table.empty:
        return empty_figure(f"'{one}' and '{other}' have not been measured on the same pictures yet")
    domains = list(table["domain"].unique())
    figure, axes = new_figure(4.2 * len(domains), 3.4, 1, len(domains), sharey=True, squeeze=False)
    said = []
    for axis, domain in zip(axes[0], domains):
        own = table[table["domain"] == domain].reset_index(drop=True)
        for place, row in own.iterrows():
            decided = row["verdict"] != "undecided"
            axis.errorbar(
                place,
                row["lead"],
                None if np.isnan(row["margin"]) else row["margin"],
                color=BLUE if decided else GREY,
                marker="o" if decided else "s",
                markerfacecolor=BLUE if decided else "white",
                capsize=4,
            )
        axis.axhline(0, color=BLACK, linewidth=0.8)
        axis.set_xticks(range(len(own)), own["n_train"])
        axis.set(xlabel="training pictures", xlim=(-0.5, len(own) - 0.5))
        decided = own[own["verdict"] != "undecided"]
        verdict = ", ".join(f"{row.n_train} ({row.lead:+.3f})" for row in decided.itertuples()) or "nowhere"
        axis.set_title(f"{domain}; outside chance:\n{verdict}", fontsize=9, loc="left")
        said.append(f"{domain}: {verdict}")
    axes[0, 0].set_ylabel("difference in accuracy")
    figure.suptitle(f"'{one}' less '{other}'")
    return describe(
        figure,
        f"Accuracy of '{one}' less that of '{other}', mean over seeds with its 95 % interval, by number of "
        f"training pictures. Outside chance: {'; '.join(said)}.",
    )


def bases(summary: pd.DataFrame) -> DescribedFigure:
    """Draw how well heads do on the features of different base networks, a panel a domain.

    Args:
        summary: of `comparison.summarise(…, by=("domain", "n_train", "base"))`.
    """
    domains, names = list(summary["domain"].unique()), list(summary["base"].unique())
    figure, axes = new_figure(4.4 * len(domains), 3.6, 1, len(domains), squeeze=False)
    said = []
    for axis, domain in zip(axes[0], domains):
        own = summary[summary["domain"] == domain]
        for number, name in enumerate(names):
            cells = own[own["base"] == name]
            _errorbar(axis, cells["n_train"], cells["accuracy"], cells["spread"], number, name)
        by_base = own.pivot(index="n_train", columns="base", values="accuracy")
        finding = _leads(by_base.iloc[[0, -1]] if len(by_base) > 1 else by_base)
        _size_axis(axis, list(by_base.index))
        axis.set_title(f"{domain}\n{finding}", fontsize=9, loc="left")
        said.append(f"{domain}: {finding}")
    axes[0, 0].set_ylabel("held-out accuracy of a head")
    axes[0, 0].legend(frameon=False, loc="lower right")
    return describe(
        figure,
        f"Accuracy of heads on the features of {_enumerated(names)} against the number of training "
        f"pictures, with the spread over seeds. {'; '.join(said)}.",
    )


def _leads(accuracies: pd.DataFrame) -> str:
    """Say which base (column) leads with each number of pictures (row); of one base, how accurate it is."""
    said, before = [], None
    for size, row in accuracies.iterrows():
        first, *others = row.dropna().sort_values(ascending=False, kind="stable").items()
        leader, text = first[0], f"{first[1]:.3f} with {size}"
        if others:
            leader, text = f"{first[0]} ahead by", f"{first[1] - others[0][1]:+.3f} with {size}"
        said.append(text if leader == before else f"{leader} {text}")
        before = leader
    return ", ".join(said)


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


def _names(summary: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Return the domains and the strategies; those of the first domain first, since it has them all."""
    return list(summary["domain"].unique()), list(summary["strategy"].unique())


def _errorbar(
    axis: Axes,
    x: pd.Series,
    y: pd.Series,
    spread: pd.Series,
    number: int,
    label: str,
    line: str | None = None,
) -> None:
    colour, marker, usual_line, _ = style(number)
    axis.errorbar(
        x,
        y,
        spread,
        color=colour,
        marker=marker,
        markersize=5,
        linestyle=usual_line if line is None else line,
        linewidth=1.4,
        elinewidth=0.9,
        capsize=2,
        label=label,
    )


def _size_axis(axis: Axes, sizes: list[int]) -> None:
    axis.set(xscale="log", xlabel="training pictures (logarithmic)")
    axis.set_xticks(sizes, [str(size) for size in sizes])
    axis.minorticks_off()


def _leaders(summary: pd.DataFrame, domain: str, n_train: int) -> str:
    """Name the most accurate strategy, with those that come within the spread of it."""
    cells = summary[(summary["domain"] == domain) & (summary["n_train"] == n_train)].set_index("strategy")
    best = cells.loc[cells["accuracy"].idxmax()]
    spread = np.fmax(cells["spread"].fillna(0), best["spread"])
    near = best["accuracy"] - cells["accuracy"] <= spread
    return _listed(list(cells.index[near]))


def _amount(row: pd.Series) -> str:
    """Say how many pictures from scratch equal those of a row of `comparison.worth_in_pictures`."""
    if np.isinf(row["pictures"]):
        return f"more than {row['most']}"
    if row["pictures"] <= row["n_train"] * 1.001:
        return f"{row['n_train']} or fewer"
    return f"about {row['pictures']:.0f}"


def _mean_and_spread(row: pd.Series) -> str:
    if np.isnan(row["accuracy"]):
        return "not run"
    return f"{row['accuracy']:.3f} " + ("(one seed)" if np.isnan(row["spread"]) else f"± {row['spread']:.3f}")


def _enumerated(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _listed(names: list[str]) -> str:
    return "; ".join(names) if len(names) < 4 else f"{len(names)} alike"
