"""Figures on the data set and its division: lessons 1 and 2."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from .. import images
from .augmentation import side_by_side
from .figure import (
    BLUE,
    GREY,
    MARKERS,
    RED,
    DescribedFigure,
    describe,
    empty_figure,
    new_figure,
    percent,
    show_image,
    style,
)

TILE = 180  # pixels a side of an image on a sheet
FAR = 1.5  # times the limit: a pair of images at that distance is called far above it


def class_counts(data: pd.DataFrame) -> DescribedFigure:
    """Draw a bar for each class, as high as the class has images."""
    counts = data.label.value_counts().sort_index()
    figure, axis = new_figure(max(5, 0.9 * len(counts)), 3)
    colours = [style(number).colour for number in range(len(counts))]
    axis.bar_label(axis.bar(counts.index.astype(str), counts, width=0.6, color=colours))
    axis.margins(y=0.15)  # room for the numbers below the title
    axis.set(title="Number of images in each class", ylabel="images")
    said = _counted(counts) or "no image at all"
    return describe(figure, f"Bar chart, number of images in each class: {said}.")


def example_sheet(
    data: pd.DataFrame, columns: int = 6, rows_a_class: int = 2, seed: int = 0
) -> DescribedFigure:
    """Show `rows_a_class` rows of `columns` images of each class, drawn at random, with their names.

    Of a class with fewer images, all are shown.
    """
    mixed = data.groupby("label").sample(frac=1, random_state=seed)
    chosen = mixed.groupby("label").head(columns * rows_a_class)
    names = chosen.label.astype(str) + "/" + chosen.path.map(_name)
    again = names.groupby(names).cumcount()  # files of one name, in two folders of a class
    names = names.where(again == 0, names + " (" + (again + 1).astype(str) + ")")
    pictures = dict(zip(names, images.read_many(chosen.path, TILE), strict=True))
    shown = chosen.label.value_counts().sort_index()
    alike = f"{shown.max()} images of each class" if shown.nunique() == 1 else _counted(shown)
    return photo_sheet(pictures, f"A random sample: {alike}", columns)


def photo_sheet(
    pictures: Mapping[str, np.ndarray], title: str, columns: int | None = None
) -> DescribedFigure:
    """Show pictures as `side_by_side` does, in the 256 colours that photos need."""
    figure = side_by_side(pictures, title, columns)
    figure.colours = 256
    return figure


def image_pairs(pairs: pd.DataFrame) -> DescribedFigure:
    """Show each of `pairs` (columns `path_a`, `path_b`, `distance`) as two whole images, side by side."""
    if pairs.empty:
        return empty_figure("There is no pair of images to show")
    figure, axes = new_figure(6, 2.4 * len(pairs) + 0.4, len(pairs), 2, squeeze=False)
    for row, pair in zip(axes, pairs.itertuples(), strict=True):
        image_a, image_b = (images.read(path, at_least=2 * TILE) for path in (pair.path_a, pair.path_b))
        show_image(row[0], image_a, _name(pair.path_a))
        show_image(row[1], image_b, f"{_name(pair.path_b)}, distance {pair.distance:.3f}")
    title = "Pairs of images, and their distances"
    figure.suptitle(title)
    said = "; ".join(f"{_name(pair.path_a)} and {_name(pair.path_b)}" for pair in pairs.itertuples())
    return describe(figure, f"{title}. Side by side: {said}.")


def image_sizes(facts: pd.DataFrame) -> DescribedFigure:
    """Draw each image as a point, width against height (`facts` as from `survey.inspect`)."""
    facts = facts.dropna(subset=["width", "height"])
    if facts.empty:
        return empty_figure("There is no image whose size is known")
    figure, axis = new_figure(5.5, 4.5)
    largest = int(max(facts.width.max(), facts.height.max()))
    axis.plot([0, largest], [0, largest], color=GREY, linestyle="--", zorder=0)
    axis.annotate("square", (largest * 0.16, largest * 0.12), color="#555555")
    for number, (label, rows) in enumerate(facts.groupby("label")):
        look = {"color": style(number).colour, "marker": style(number).marker, "linestyle": ""}
        axis.plot(rows.width, rows.height, label=label, alpha=0.35, markersize=4, **look)
    wide = int((facts.width > facts.height).sum())
    axis.set(xlabel="width in pixels", ylabel="height in pixels", aspect="equal")
    axis.set_title(f"{percent(wide, len(facts))} of the images are wider than they are high")
    axis.legend(loc="lower right", frameon=False)
    return describe(
        figure,
        f"""Scatter plot of image sizes, width against height, up to {largest} pixels, with the line of
        square images: {wide} of {len(facts)} images lie below it, wider than they are high.""",
    )


def pair_distances(pairs: pd.DataFrame, limit: float) -> DescribedFigure:
    """Draw the distances of the closest `pairs`, and the limit below which they count as near-duplicates."""
    distance = np.sort(pairs.distance)
    found = int((distance <= limit).sum())
    figure, axis = new_figure(7, 3)
    ranks = np.arange(1, len(distance) + 1)
    axis.plot(ranks[:found], distance[:found], MARKERS[1], color=RED, label="up to the limit")
    axis.plot(ranks[found:], distance[found:], MARKERS[0], color=BLUE, markersize=4, label="above it")
    axis.axhline(limit, color=GREY, linestyle="--")
    place = {"xytext": (0, 3), "textcoords": "offset points", "ha": "right", "va": "bottom"}
    axis.annotate(f"limit {limit}", (len(pairs), limit), color="#555555", **place)
    axis.set(xlabel="pairs, the closest first", ylabel="distance (1 − correlation)", ylim=(-0.01, None))
    next_one, place = "no other pair is shown", "No other pair is shown"
    if found < len(distance):
        next_one = f"the next one at {distance[found]:.2f}"
        far = "far above it" if distance[found] >= FAR * limit else f"near it, at {distance[found]:.2f}"
        place = f"The next closest pair is {far}"
    axis.set_title(f"Below the limit: {found}. {place}")
    axis.legend(loc="lower right", frameon=False)
    return describe(
        figure,
        f"""The {len(pairs)} closest pairs by their distance. {found} below the limit of {limit};
        {next_one}.""",
    )


def misses_and_false_alarms(
    copies: Sequence[float] | np.ndarray,
    others: Sequence[float] | np.ndarray,
    limit: float,
    highest: float = 0.3,
) -> DescribedFigure:
    """Draw how many copies a limit for near-duplicates misses, and how many other pairs it reports.

    Args:
        copies: distances of pairs that show the same picture.
        others: distances of pairs that do not.
        limit: a pair up to this distance is reported; drawn as a dashed line.
        highest: the last limit on the axis.
    """
    copies, others = np.sort(copies), np.sort(others)
    limits = np.linspace(0, highest, 301)
    missed = len(copies) - np.searchsorted(copies, limits, side="right")
    false_alarms = np.searchsorted(others, limits, side="right")
    figure, axis = new_figure(7, 3.2)
    for number, (name, counts) in enumerate(
        {f"misses, of {len(copies)} copies": missed, "false alarms": false_alarms}.items()
    ):
        axis.plot(limits, counts, color=style(number).colour, linestyle=style(number).line, label=name)
    axis.axvline(limit, color=GREY, linestyle=":")
    axis.set(xlabel="limit (distance up to which a pair is reported)", ylabel="pairs")
    axis.legend(frameon=False, loc="upper center")
    n_missed, n_false = (copies > limit).sum(), (others <= limit).sum()
    finding = f"Limit {limit:.2f}: {n_missed} of {len(copies)} copies missed, false alarms: {n_false}"
    axis.set_title(finding)
    return describe(figure, f"Misses and false alarms at every limit from 0 to {highest:g}. {finding}.")


def threshold_curve(
    thresholds: np.ndarray, scores: Mapping[str, np.ndarray], marks: Mapping[str, float]
) -> DescribedFigure:
    """Draw scores of a classifier of two classes at every decision threshold.

    Args:
        thresholds: `(n,)`, rising, 0-1, as from scikit-learn's `precision_recall_curve`.
        scores: name -> `(n,)`, 0-1: its value at each threshold.
        marks: name -> a threshold to mark by a line. The title says what the scores are there.
    """
    figure, axis = new_figure(7, 3.2)
    for number, (name, values) in enumerate(scores.items()):
        colour, _, line, _ = style(number)
        axis.plot(thresholds, values, color=colour, linestyle=line, drawstyle="steps-pre", label=name)
    said = []
    for name, mark in marks.items():
        axis.axvline(mark, color=GREY, linestyle=":")
        axis.annotate(name, (mark, 1.02), ha="center", va="bottom", annotation_clip=False)
        place = np.searchsorted(thresholds, mark)
        values = [f"{score} {column[place]:.2f}" for score, column in scores.items() if place < len(column)]
        said.append(f"{name}: {', '.join(values) or 'nothing is found'}")
    axis.set(xlabel="decision threshold", ylabel="score (0 to 1)", ylim=(0, 1.02))
    axis.set_xlim(0, max(thresholds[-1], *marks.values()) * 1.05)
    axis.legend(frameon=False, loc="center")
    finding = f"Threshold {'; '.join(said)}"
    axis.set_title(finding, pad=18)
    return describe(figure, f"Curves of {' and '.join(scores)} over the decision threshold. {finding}.")


def scores_by_remedy(scores: pd.DataFrame) -> DescribedFigure:
    """Draw grouped bars: one group a row of `scores` (a way of training), one bar a column (a metric).

    The title says which row is the best by the first column, and what it reaches in the last one.
    """
    figure, axis = new_figure(8, 3.6)
    width = 0.8 / scores.shape[1]
    for number, (metric, column) in enumerate(scores.items()):
        at = np.arange(len(scores)) + (number - (scores.shape[1] - 1) / 2) * width
        colour, _, _, hatch = style(number)
        bars = axis.bar(at, column, width, label=metric, color=colour, hatch=hatch, edgecolor="white")
        axis.bar_label(bars, fmt="%.2f", fontsize=8)
    axis.axhline(0.5, color=GREY, linestyle=":", zorder=0)
    axis.set_xticks(range(len(scores)), scores.index)
    axis.set(ylabel="score (0 to 1)", ylim=(0, 1.15))
    first, last = scores.columns[0], scores.columns[-1]
    best = scores[scores[first] == scores[first].max()]
    names = {row: str(row).replace("-\n", "").replace("\n", " ") for row in scores.index}
    finding = f"Highest {first}, {scores[first].max():.2f}: {' and '.join(names[row] for row in best.index)}"
    if last != first:
        finding += f", with {last} {_range(best[last])}"
    axis.set_title(finding)
    axis.legend(ncols=scores.shape[1], frameon=False, loc="upper center")
    return describe(
        figure, f"Grouped bars of {', '.join(scores.columns)} for {', '.join(names.values())}. {finding}."
    )


def share_histogram(
    shares: Mapping[str, Sequence[float]], expected: float, of: str, part: str
) -> DescribedFigure:
    """Draw how a class's share in a part varies from seed to seed, for each way to split.

    A way whose share is always the same has one high bar: it is cut, and says so.

    Args:
        shares: name of the way -> the shares (0-1), one a seed.
        expected: the share in all data.
        of: what the share is of, such as "dogs".
        part: what it is measured in, such as "a test set of 140".
    """
    figure, axis = new_figure(7, 3.2)
    everything = 100 * np.concatenate([np.asarray(values) for values in shares.values()])
    shown = np.unique(everything.round(6))
    step = max(np.diff(shown).min(initial=1), np.ptp(shown) / 40)  # a bar for each count, where they are few
    bins = np.arange(shown[0] - step / 2, shown[-1] + step, step)
    heights = {name: np.histogram(100 * np.asarray(values), bins)[0] for name, values in shares.items()}
    spread = [counts.max() for counts in heights.values() if counts.max() < counts.sum()]
    top = 1.25 * max(spread, default=max(map(sum, heights.values())))
    for number, (name, counts) in enumerate(heights.items()):
        colour, _, _, hatch = style(number)
        axis.stairs(
            counts, bins, fill=True, label=name, color=colour, hatch=hatch, edgecolor="white", alpha=0.7
        )
        if counts.max() > top:
            place = bins[counts.argmax() + 1] + np.ptp(bins) / 100
            axis.text(place, 0.95 * top, f"{name}: all {counts.max()} (bar cut off)", va="top")
    axis.axvline(100 * expected, color=GREY, linestyle="--")
    axis.set(xlabel=f"{of} in {part}, in % (dashed: in all data)", ylabel="seeds", ylim=(0, top))
    spans = {name: (100 * min(values), 100 * max(values)) for name, values in shares.items()}
    same = {name: f"{low:.0f} %" for name, (low, high) in spans.items() if f"{low:.0f}" == f"{high:.0f}"}
    luck = [f"{name}: {same.get(name, f'{low:.0f} to {high:.0f} %')}" for name, (low, high) in spans.items()]
    axis.set_title(f"From seed to seed, {'; '.join(luck)}")
    axis.legend(frameon=False, loc="upper left")
    said = "; ".join(f"{name} {low:.0f} to {high:.0f} %" for name, (low, high) in spans.items())
    return describe(figure, f"Histogram over many seeds of the share of {of} in {part}: {said}.")


def part_counts(parts: Mapping[str, pd.DataFrame]) -> DescribedFigure:
    """Draw how many images of each class each part holds, as one bar a part."""
    counts = pd.DataFrame({name: part.label.value_counts() for name, part in parts.items()}).fillna(0).T
    counts = counts.astype(int).sort_index(axis=1)
    figure, axis = new_figure(7, 0.55 * len(parts) + 1.2)
    start = np.zeros(len(counts))
    for number, (label, column) in enumerate(counts.items()):
        colour, _, _, hatch = style(number)
        bars = axis.barh(
            counts.index, column, left=start, label=label, color=colour, hatch=hatch, edgecolor="white"
        )
        axis.bar_label(bars, label_type="center", bbox={"color": "white", "pad": 1}, fontsize=8)
        start += column.to_numpy()
    axis.invert_yaxis()
    axis.set(xlabel="images")
    axis.set_title(_balance(counts))
    if counts.size:
        axis.legend(frameon=False, loc="lower right")
    said = "; ".join(f"{name} {_counted(row) or 'none'}" for name, row in counts.iterrows())
    return describe(figure, f"Stacked bars, images of each class in each part: {said}.")


def _balance(counts: pd.DataFrame) -> str:
    """Say how the classes (columns) are divided over the parts (rows)."""
    sizes, classes = counts.sum(axis=1), list(counts.columns)
    if (empty := sizes.index[sizes == 0]).size:
        return f"No image in: {', '.join(empty)}"
    if len(classes) == 1:
        return f"All images are of one class, {classes[0]}"
    if np.ptp(counts, axis=1).max() <= 1:
        of_each = f"{classes[0]} as {classes[1]} images" if len(classes) == 2 else "images of each class"
        return f"Each part holds as many {of_each}, to within one"
    off = (counts.div(sizes, axis=0) - counts.sum() / sizes.sum()).abs()
    if off.mul(sizes, axis=0).to_numpy().max() < 1:
        return "Each part holds the classes in the same proportions, to within one image"
    if off.to_numpy().max() < 0.01:
        return "Each part holds the classes in the same proportions, to within 1 %"
    part, label = off.stack().idxmax()
    here, overall = percent(counts.at[part, label], sizes[part]), percent(counts[label].sum(), sizes.sum())
    return f"Of the images in {part}, {here} are {label}; in all parts together, {overall}"


def best_of_many(chosen_on: np.ndarray, fresh: np.ndarray) -> DescribedFigure:
    """Draw the accuracy of the best model so far, while models are tried one by one on a test set.

    Both arrays are `(n_test_sets, n_models)`, 0-1: each model's accuracy on the test set that is used
    for choosing, and on images that are not. Lines are means over test sets, bands their quartiles.
    """
    chosen_on, fresh = np.asarray(chosen_on), np.asarray(fresh)
    tried = np.arange(1, chosen_on.shape[1] + 1)
    best = np.stack([chosen_on[:, :n].argmax(axis=1) for n in tried], axis=1)
    figure, axis = new_figure(7, 3.4)
    means = []
    for scores, name, colour, line in (
        (chosen_on, "on the test set it was chosen on", RED, "-"),
        (fresh, "the same model on fresh images", BLUE, "--"),
    ):
        so_far = np.take_along_axis(scores, best, axis=1)
        means.append(so_far.mean(axis=0))
        axis.plot(tried, means[-1], linestyle=line, color=colour, label=name)
        axis.fill_between(
            tried, *np.quantile(so_far, [0.25, 0.75], axis=0), color=colour, alpha=0.2, linewidth=0
        )
    axis.axhline(0.5, color=GREY, linestyle=":")
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter("{x:.0f}")
    axis.set(xlabel="models tried (logarithmic; bands: the middle half of the test sets)")
    axis.set_ylabel("accuracy of the best so far")
    looks, is_worth = means
    axis.set_title(
        "The more models you try on a test set, the better the best one looks"
        if looks[-1] > looks[0]
        else "However many models you try, the best one looks the same"
    )
    axis.legend(frameon=False, loc="upper left")
    return describe(
        figure,
        f"""Mean accuracy of the best of up to {len(tried)} models, over {len(best)} test sets. On the test
        set on which it is chosen it goes from {looks[0]:.2f} to {looks[-1]:.2f}; the same models on fresh
        images go from {is_worth[0]:.2f} to {is_worth[-1]:.2f}.""",
    )


def score_ranges(
    scores: Mapping[str, Sequence[float]],
    title: str,
    intervals: Mapping[str, tuple[float, float]] | None = None,
) -> DescribedFigure:
    """Draw many scores of each kind as a cloud of points, with the range that holds 95 % of them.

    Below them stand `intervals`, computed from one score each: what it is of -> its two ends.
    """
    intervals = intervals or {}
    ranges: dict[str, Sequence[float]] = {
        name: np.quantile(values, [0.025, 0.975]).tolist() for name, values in scores.items()
    }
    ranges.update(intervals)
    figure, axis = new_figure(7, 0.75 * len(ranges) + 1.2)
    rng = np.random.default_rng(0)
    for row, (name, (low, high)) in enumerate(ranges.items()):
        values = scores.get(name, [])
        places = row + rng.uniform(-0.15, 0.15, len(values))
        axis.plot(values, places, ".", color=style(row).colour, alpha=0.5)
        line = {"linewidth": 4} if name in intervals else {"marker": "|"}
        axis.plot([low, high], [row + 0.3] * 2, color="black", **line)
        axis.annotate(
            f"{low:.2f} to {high:.2f}", ((low + high) / 2, row + 0.47), ha="center", va="center", fontsize=9
        )
    axis.set_yticks(range(len(ranges)), ranges)
    computed = "; thick: a 95 % interval" if intervals else ""
    axis.set(xlabel=f"accuracy (line: the middle 95 %{computed})", ylim=(len(ranges) - 0.3, -0.4))
    axis.set_title(title)
    said = "".join(f" {name}: {low:.2f} to {high:.2f}." for name, (low, high) in intervals.items())
    return describe(figure, f"{title}. One point a score, for each of: {', '.join(scores)}.{said}")


def _counted(counts: pd.Series) -> str:
    return ", ".join(f"{count} {label}" for label, count in counts.items())


def _range(values: pd.Series) -> str:
    low, high = f"{values.min():.2f}", f"{values.max():.2f}"
    return low if low == high else f"{low} to {high}"


def _name(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1]
