"""Figures on the data set and its division: lessons 1 and 2."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from .. import images
from .augmentation import side_by_side
from .figure import BLUE, COLOURS, GREY, HATCHES, MARKERS, RED, describe, new_figure, show_image

TILE = 180  # pixels a side of an image on a sheet


def class_counts(data: pd.DataFrame):
    """Draw a bar for each class, as high as the class has images."""
    counts = data.label.value_counts().sort_index()
    figure, axis = new_figure(5, 3)
    bars = axis.bar(counts.index, counts, width=0.6, color=COLOURS[: len(counts)])
    axis.bar_label(bars)
    axis.set(title="Number of images in each class", ylabel="images")
    said = ", ".join(f"{count} {label}" for label, count in counts.items())
    return describe(figure, f"Bar chart, number of images in each class: {said}.")


def example_sheet(data: pd.DataFrame, columns: int = 6, rows_a_class: int = 2, seed: int = 0):
    """Show `rows_a_class` rows of `columns` images of each class, drawn at random, with their names."""
    chosen = data.groupby("label").sample(columns * rows_a_class, random_state=seed)
    names = [f"{row.label}/{_name(row.path)}" for row in chosen.itertuples()]
    pictures = dict(zip(names, images.read_many(chosen.path, TILE), strict=True))
    return photo_sheet(pictures, f"A random sample: {columns * rows_a_class} images of each class", columns)


def photo_sheet(pictures: Mapping[str, np.ndarray], title: str, columns: int | None = None):
    """Show pictures as `side_by_side` does, in the 256 colours that photos need."""
    figure = side_by_side(pictures, title, columns)
    figure.colours = 256
    return figure


def image_pairs(pairs: pd.DataFrame):
    """Show each of `pairs` (columns `path_a`, `path_b`, `distance`) as two whole images, side by side."""
    figure, axes = new_figure(6, 2.4 * len(pairs) + 0.4, len(pairs), 2, squeeze=False)
    for row, pair in zip(axes, pairs.itertuples(), strict=True):
        show_image(row[0], images.read(pair.path_a), _name(pair.path_a))
        show_image(row[1], images.read(pair.path_b), f"{_name(pair.path_b)}, distance {pair.distance:.3f}")
    title = "Near-duplicates: one picture, two files"
    figure.suptitle(title)
    said = "; ".join(f"{_name(pair.path_a)} and {_name(pair.path_b)}" for pair in pairs.itertuples())
    return describe(figure, f"{title}. Side by side: {said}.")


def image_sizes(facts: pd.DataFrame):
    """Draw each image as a point, width against height (`facts` as from `survey.inspect`)."""
    figure, axis = new_figure(5.5, 4.5)
    largest = int(max(facts.width.max(), facts.height.max()))
    axis.plot([0, largest], [0, largest], color=GREY, linestyle="--", zorder=0)
    axis.annotate("square", (largest * 0.16, largest * 0.12), color="#555555")
    for (label, rows), colour, marker in zip(facts.groupby("label"), COLOURS, MARKERS, strict=False):
        axis.plot(rows.width, rows.height, marker, label=label, color=colour, alpha=0.35, markersize=4)
    wide = int((facts.width > facts.height).sum())
    share = round(100 * wide / len(facts))
    axis.set(xlabel="width in pixels", ylabel="height in pixels", aspect="equal")
    axis.set_title(f"{share} % of the images are wider than they are high")
    axis.legend(loc="lower right", frameon=False)
    return describe(
        figure,
        f"""Scatter plot of image sizes, width against height, up to {largest} pixels, with the line of
        square images: {wide} of {len(facts)} images lie below it, wider than they are high.""",
    )


def brightness(facts: pd.DataFrame):
    """Draw how the mean brightness of the images is distributed, class by class."""
    figure, axis = new_figure(7, 3.2)
    for (label, rows), colour, hatch in zip(facts.groupby("label"), COLOURS, HATCHES, strict=False):
        axis.hist(
            rows.brightness.dropna(), bins=range(0, 256, 15), label=label, color=colour, hatch=hatch,
            edgecolor="white", alpha=0.6,
        )  # fmt: skip
    median = facts.groupby("label").brightness.median().round()
    axis.set(xlabel="mean brightness of an image (0 black, 255 white)", ylabel="images")
    axis.set_title(
        "The classes are about equally bright" if np.ptp(median) <= 15 else "One class is brighter"
    )
    axis.legend(frameon=False)
    said = ", ".join(f"{label} {value:.0f}" for label, value in median.items())
    return describe(figure, f"Histogram of mean brightness, one for each class. Medians: {said}.")


def pair_distances(pairs: pd.DataFrame, limit: float):
    """Draw the distances of the closest `pairs`, and the limit below which they count as near-duplicates."""
    figure, axis = new_figure(7, 3)
    found = int((pairs.distance <= limit).sum())
    ranks = np.arange(1, len(pairs) + 1)
    same = pairs.distance <= limit
    axis.plot(ranks[same], pairs.distance[same], MARKERS[1], color=RED, label="one picture, two files")
    axis.plot(ranks[~same], pairs.distance[~same], MARKERS[0], color=BLUE, markersize=4, label="two pictures")
    axis.axhline(limit, color=GREY, linestyle="--")
    axis.annotate(f"limit {limit}", (len(pairs), limit), ha="right", va="bottom", color="#555555")
    axis.set(xlabel="pairs, the closest first", ylabel="distance (1 − correlation)", ylim=(-0.01, None))
    axis.set_title(f"Below the limit: {found}. The next closest pair is far above it")
    axis.legend(loc="lower right", frameon=False)
    return describe(
        figure,
        f"""The {len(pairs)} closest pairs by their distance. {found} below the limit of {limit};
        the next one at {pairs.distance[~same].min():.2f}.""",
    )


def scores_by_remedy(scores: pd.DataFrame):
    """Draw grouped bars: one group a row of `scores` (a way of training), one bar a column (a measure)."""
    figure, axis = new_figure(8, 3.6)
    width = 0.8 / scores.shape[1]
    for number, (measure, column) in enumerate(scores.items()):
        at = np.arange(len(scores)) + (number - (scores.shape[1] - 1) / 2) * width
        bars = axis.bar(
            at, column, width, label=measure, color=COLOURS[number], hatch=HATCHES[number], edgecolor="white"
        )
        axis.bar_label(bars, fmt="%.2f", fontsize=8)
    axis.axhline(0.5, color=GREY, linestyle=":", zorder=0)
    axis.set_xticks(range(len(scores)), scores.index)
    axis.set(ylabel="score (0 to 1)", ylim=(0, 1.15))
    axis.set_title("Highest accuracy, and hardly a dog found")
    axis.legend(ncols=scores.shape[1], frameon=False, loc="upper center")
    return describe(
        figure,
        f"""Grouped bars of {", ".join(scores.columns)} for {", ".join(scores.index)}. Accuracy is
        highest where almost no image of the rare class is found.""",
    )


def share_histogram(shares: Mapping[str, Sequence[float]], expected: float, part: str):
    """Draw how a class's share in a part varies from seed to seed, for each way to split.

    `shares` gives for each way the shares (0-1), one a seed; `expected` is the share in all data.
    """
    figure, axis = new_figure(7, 3.2)
    everything = 100 * np.concatenate([np.asarray(values) for values in shares.values()])
    bins = np.linspace(everything.min() - 0.25, everything.max() + 0.25, 32)
    for (name, values), colour, hatch in zip(shares.items(), COLOURS, HATCHES, strict=False):
        axis.hist(
            100 * np.asarray(values),
            bins,
            label=name,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            alpha=0.7,
        )
    axis.set_yscale("log")
    axis.axvline(100 * expected, color=GREY, linestyle="--")
    axis.set(xlabel=f"dogs in {part}, in % (dashed: in all data)", ylabel="seeds (logarithmic)")
    axis.set_title("With strata every seed gives the same share; without, it is luck")
    axis.legend(frameon=False)
    said = "; ".join(f"{name} {100 * min(v):.0f} to {100 * max(v):.0f} %" for name, v in shares.items())
    return describe(figure, f"Histogram over many seeds of the share of dogs in {part}: {said}.")


def part_counts(parts: Mapping[str, pd.DataFrame]):
    """Draw how many images of each class each part holds, as one bar a part."""
    counts = pd.DataFrame({name: part.label.value_counts() for name, part in parts.items()}).fillna(0).T
    counts = counts.astype(int).sort_index(axis=1)
    figure, axis = new_figure(7, 0.55 * len(parts) + 1.2)
    start = np.zeros(len(counts))
    for (label, column), colour, hatch in zip(counts.items(), COLOURS, HATCHES, strict=False):
        bars = axis.barh(
            counts.index, column, left=start, label=label, color=colour, hatch=hatch, edgecolor="white"
        )
        axis.bar_label(bars, label_type="center", bbox={"color": "white", "pad": 1}, fontsize=8)
        start += column.to_numpy()
    axis.invert_yaxis()
    axis.set(xlabel="images")
    axis.set_title("Each part holds as many cats as dogs")
    axis.legend(frameon=False, loc="lower right")
    said = "; ".join(
        f"{name} " + ", ".join(f"{count} {label}" for label, count in row.items())
        for name, row in counts.iterrows()
    )
    return describe(figure, f"Stacked bars, images of each class in each part: {said}.")


def leak(scores: Mapping[str, Sequence[float]], title: str):
    """Draw the accuracy in each fold for several ways to split, and their means."""
    figure, axis = new_figure(7, 0.6 * len(scores) + 1.3)
    for row, values in enumerate(scores.values()):
        axis.plot(values, [row] * len(values), MARKERS[row], color=COLOURS[row], alpha=0.5, markersize=7)
        axis.plot(np.mean(values), row, "|", color="black", markersize=22, markeredgewidth=2)
        axis.annotate(f"{np.mean(values):.2f}", (np.mean(values), row - 0.34), ha="center", fontsize=9)
    axis.axvline(0.5, color=GREY, linestyle=":")
    axis.set_yticks(range(len(scores)), scores)
    axis.set(
        xlabel="accuracy on the held-out fold (bar: mean; dotted: guessing)", ylim=(len(scores) - 0.5, -0.7)
    )
    axis.set_title(title)
    said = "; ".join(f"{name}: {np.mean(values):.2f}" for name, values in scores.items())
    return describe(figure, f"{title}. Mean accuracy over folds: {said}.")


def best_of_many(chosen_on: np.ndarray, fresh: np.ndarray):
    """Draw the accuracy of the best model so far, while models are tried one by one on a test set.

    Both arrays are `(n_test_sets, n_models)`, 0-1: each model's accuracy on the test set that is used
    for choosing, and on images that are not. Lines are means over test sets, bands their quartiles.
    """
    chosen_on, fresh = np.asarray(chosen_on), np.asarray(fresh)
    tried = np.arange(1, chosen_on.shape[1] + 1)
    best = np.stack([chosen_on[:, :n].argmax(axis=1) for n in tried], axis=1)
    figure, axis = new_figure(7, 3.4)
    for scores, name, colour, line in (
        (chosen_on, "on the test set it was chosen on", RED, "-"),
        (fresh, "the same model on fresh images", BLUE, "--"),
    ):
        so_far = np.take_along_axis(scores, best, axis=1)
        axis.plot(tried, so_far.mean(axis=0), linestyle=line, color=colour, label=name)
        axis.fill_between(
            tried, *np.quantile(so_far, [0.25, 0.75], axis=0), color=colour, alpha=0.2, linewidth=0
        )
    axis.axhline(0.5, color=GREY, linestyle=":")
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter("{x:.0f}")
    axis.set(xlabel="models tried (logarithmic)", ylabel="accuracy of the best so far")
    axis.set_title("The more models one tries on a test set, the better the best one looks")
    axis.legend(frameon=False, loc="upper left")
    return describe(
        figure,
        f"""Mean accuracy of the best of up to {len(tried)} models that know nothing, over {len(best)}
        test sets. On the test set on which they are chosen it climbs with every try; on fresh images
        it stays near one half.""",
    )


def fold_map(pairs: Sequence[tuple[pd.DataFrame, pd.DataFrame]]):
    """Draw for each of `pairs`, as from `splits.folds`, which images are held out."""
    order = sorted(index for _, held_out in pairs for index in held_out.index)
    column = {index: number for number, index in enumerate(order)}
    figure, axis = new_figure(8, 0.4 * len(pairs) + 1.2)
    for row, (_, held_out) in enumerate(pairs):
        axis.barh(row, len(order), height=0.7, color="#E8E8E8")
        at = [column[index] for index in held_out.index]
        axis.vlines(at, row - 0.35, row + 0.35, color=COLOURS[row % len(COLOURS)], linewidth=0.5)
    axis.set_yticks(range(len(pairs)), [f"fold {number}" for number in range(1, len(pairs) + 1)])
    axis.invert_yaxis()
    axis.set(xlabel="images, in the order of the table (a line: held out in this fold)", xlim=(0, len(order)))
    axis.set_title("Every image is held out once")
    sizes = ", ".join(str(len(held_out)) for _, held_out in pairs)
    return describe(figure, f"Map of {len(pairs)} folds: every image is held out once. Held out: {sizes}.")


def score_spread(scores: Mapping[str, Sequence[float]], title: str):
    """Draw many scores of each kind as a cloud of points, with the range that holds 95 % of them."""
    figure, axis = new_figure(7, 0.75 * len(scores) + 1.2)
    rng = np.random.default_rng(0)
    for row, values in enumerate(scores.values()):
        low, high = np.quantile(values, [0.025, 0.975])
        axis.plot(values, row + rng.uniform(-0.15, 0.15, len(values)), ".", color=COLOURS[row], alpha=0.5)
        axis.plot([low, high], [row + 0.3] * 2, color="black", marker="|")
        axis.annotate(
            f"{low:.2f} to {high:.2f}", ((low + high) / 2, row + 0.47), ha="center", va="center", fontsize=9
        )
    axis.set_yticks(range(len(scores)), scores)
    axis.set(xlabel="accuracy (line: the middle 95 %)", ylim=(len(scores) - 0.3, -0.4))
    axis.set_title(title)
    return describe(figure, f"{title}. One point a score, for each of: {', '.join(scores)}.")


def _name(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1]
