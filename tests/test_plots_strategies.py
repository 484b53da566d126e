"""Figures of lesson 6: each is one described figure whose title follows from its data."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from helpers.plots import strategies as figures
from helpers.study import autopsy, comparison, domains
from helpers.study.comparison import ALL_BLOCKS, FROM_SCRATCH, HEAD_ONLY

DOMAINS = (domains.PHOTOS, domains.DRAWINGS, domains.DIGITS)
ACCURACY = {FROM_SCRATCH: 0.6, HEAD_ONLY: 0.9, ALL_BLOCKS: 0.94}


@pytest.fixture
def grid() -> pd.DataFrame:
    rows = [
        (domain, n, name, seed, ACCURACY[name] + 0.01 * seed, 0.3, 2.0 + place, 9.0, 1000, n * 20, 5)
        for domain, n, (place, name), seed in product(DOMAINS, (20, 800), enumerate(ACCURACY), range(3))
    ]
    columns = (
        "domain n_train strategy seed accuracy log_loss cpu_seconds seconds trainable images_seen best_epoch"
    )
    return pd.DataFrame(rows, columns=columns.split())


def test_accuracy_by_size(grid):
    figure = figures.accuracy_by_size(comparison.summarise(grid))
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles == [f"{domain}\n20: all blocks\n800: all blocks" for domain in DOMAINS]
    assert "digits: with 20 pictures all blocks" in figure.alt_text


def test_accuracy_by_cost(grid):
    summary = comparison.summarise(grid)
    front = summary.groupby("domain", group_keys=False)[summary.columns].apply(comparison.on_pareto_front)
    figure = figures.accuracy_by_cost(summary, front)
    assert figure.axes[0].get_xscale() == "log"
    title = "dogs and cats; on the front:\nfrom scratch; head only; all blocks"
    assert figure.axes[0].get_title(loc="left") == title
    assert figure.alt_text


def test_four_boxes(grid):
    figure = figures.four_boxes(comparison.summarise(grid), comparison.verdicts(grid))
    assert len(figure.axes) == 4
    assert "1 × agrees" in figure.get_suptitle() and "3 × disagrees" in figure.get_suptitle()
    assert "disagreed: 'all blocks' leads by 0.340" in figure.axes[3].get_title(loc="left")
    assert "tutorial says from scratch, disagreed" in figure.alt_text


def test_worth_in_pictures(grid):
    tables = {name: comparison.worth_in_pictures(grid, name) for name in (HEAD_ONLY, ALL_BLOCKS)}
    figure = figures.worth_in_pictures(tables)
    assert "20 with head only equal more than 800 from scratch" in figure.alt_text
    assert len(figure.axes) == 3


def test_paired_differences(grid):
    grid.loc[(grid["strategy"] == ALL_BLOCKS) & (grid["domain"] == domains.DIGITS), "accuracy"] = [
        *(0.8, 0.9, 1.0),
        *(0.99, 1.0, 1.01),
    ]
    figure = figures.paired_differences(
        comparison.differences(grid, ALL_BLOCKS, HEAD_ONLY), ALL_BLOCKS, HEAD_ONLY
    )
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles[0] == "dogs and cats; outside chance:\n20 (+0.040), 800 (+0.040)"
    assert titles[2] == "digits; outside chance:\n800 (+0.090)"
    assert "Outside chance: dogs and cats: 20" in figure.alt_text


def test_bases(grid):
    grid = grid[grid["strategy"] != FROM_SCRATCH].rename(columns={"strategy": "base"})
    summary = comparison.summarise(grid.assign(strategy="head only"), by=("domain", "n_train", "base"))
    figure = figures.bases(summary)
    assert "all blocks ahead by +0.040 with 20, +0.040 with 800" in figure.axes[0].get_title(loc="left")
    assert figure.alt_text


@pytest.mark.parametrize(
    ("accuracies", "finding"),
    [
        ({"a": (0.7, 0.9)}, "a 0.700 with 20, 0.900 with 800"),
        ({"a": (0.7, 0.9), "b": (0.8, 0.95)}, "b ahead by +0.100 with 20, +0.050 with 800"),
        ({"a": (0.7, 0.9), "b": (0.6, 0.95)}, "a ahead by +0.100 with 20, b ahead by +0.050 with 800"),
        ({"a": (0.5, 0.5), "b": (0.6, 0.6), "c": (0.9, 0.7)}, "c ahead by +0.300 with 20, +0.100 with 800"),
        ({"a": (0.7, np.nan), "b": (0.6, 0.95)}, "a ahead by +0.100 with 20, b 0.950 with 800"),
    ],
)
def test_bases_name_the_one_that_is_ahead(accuracies, finding):
    rows = [
        ("photos", n, base, accuracy, 0.01)
        for base, pair in accuracies.items()
        for n, accuracy in zip((20, 800), pair, strict=True)
    ]
    summary = pd.DataFrame(rows, columns=["domain", "n_train", "base", "accuracy", "spread"])
    figure = figures.bases(summary)
    assert figure.axes[0].get_title(loc="left") == f"photos\n{finding}"
    assert f"photos: {finding}." in figure.alt_text


def test_bases_of_one_size():
    summary = pd.DataFrame(
        {"domain": "photos", "n_train": 20, "base": ["a"], "accuracy": 0.7, "spread": 0.01}
    )
    assert figures.bases(summary).axes[0].get_title(loc="left") == "photos\na 0.700 with 20"


def test_waterfall():
    table = pd.DataFrame(
        {
            "accuracy": [0.6, 0.62, 0.9],
            "spread": [0.02, 0.02, 0.01],
            "change": [np.nan, 0.02, 0.28],
            "margin": [np.nan, 0.05, 0.05],
            "cpu_seconds": [20.0, np.nan, 30.0],
        },
        index=["as written", "validation photos not augmented", "pixels scaled"],
    )
    figure = figures.waterfall(table)
    assert figure.axes[0].get_title() == "From 0.60 to 0.90, one mistake at a time"
    assert "not augmented 0.62 (within chance), pixels scaled 0.90." in figure.alt_text
    ticks = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert ticks[:2] == ["as written   20 s", "validation photos not augmented"]


def test_waterfall_of_one_seed_and_below_one_half():
    """With several classes, guessing lies there."""
    table = pd.DataFrame(
        {
            "accuracy": [0.2, 0.4],
            "spread": np.nan,
            "change": [np.nan, 0.2],
            "margin": np.nan,
            "cpu_seconds": 1.0,
        },
        index=["as written", "mended"],
    )
    figure = figures.waterfall(table)
    assert figure.axes[0].get_xlim()[0] < 0.2
    assert figure.alt_text.endswith("as written 0.20, mended 0.40 (one seed).")
    assert "nan" not in "".join(text.get_text() for text in figure.axes[0].texts)


def test_four_boxes_of_one_seed(grid):
    one = comparison.verdicts(grid).assign(margin=np.nan, verdict="undecided")
    figure = figures.four_boxes(comparison.summarise(grid), one)
    assert "undecided: it or 'all blocks', 0.340 (one seed only)" in figure.alt_text
    assert figure.alt_text.startswith("Four boxes")
    assert figures.four_boxes(comparison.summarise(grid), one[:1]).alt_text.startswith("One box ")


def test_what_is_not_measured_yet_is_not_drawn(grid):
    one = grid[grid["seed"] == 0]
    figure = figures.four_boxes(comparison.summarise(one), comparison.verdicts(one))
    assert figure.alt_text == "No box of figure 5 has been measured yet."
    nothing = comparison.differences(grid, ALL_BLOCKS, comparison.COLD)
    figure = figures.paired_differences(nothing, ALL_BLOCKS, comparison.COLD)
    assert figure.alt_text.endswith("have not been measured on the same pictures yet.")


def test_the_front_names_its_strategies(grid):
    """They are on it, each with another price; nothing says that they are alike."""
    fourth = grid[grid["strategy"] == ALL_BLOCKS].assign(strategy="fourth", cpu_seconds=9.0)
    fourth["accuracy"] += 0.02
    summary = comparison.summarise(pd.concat([grid, fourth]))
    figure = figures.accuracy_by_cost(summary, pd.Series(True, index=summary.index))
    assert "dogs and cats: from scratch, head only, all blocks, fourth;" in figure.alt_text
    assert figure.axes[0].get_title(loc="left") == "dogs and cats; on the front:\n4 strategies"


def test_committed_results_can_be_drawn():
    grid = comparison.results()
    summary = comparison.summarise(grid)
    assert figures.four_boxes(summary, comparison.verdicts(grid)).alt_text
    assert figures.accuracy_by_size(summary).alt_text
    assert figures.waterfall(autopsy.waterfall(pd.read_csv(autopsy.RESULTS))).alt_text
