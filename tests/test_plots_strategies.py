"""Figures of lesson 6: each is one described figure whose title follows from its data."""

import numpy as np
import pandas as pd
import pytest
from made_results import table

from helpers.plots import strategies as figures
from helpers.plots.figure import style
from helpers.study import autopsy, comparison, domains, paired
from helpers.study.strategies import ALL_BLOCKS, FROM_SCRATCH, HEAD_ONLY, RAW_PIXELS

ACCURACY = {RAW_PIXELS: 0.5, FROM_SCRATCH: 0.6, HEAD_ONLY: 0.8, ALL_BLOCKS: 0.95}


@pytest.fixture(scope="module")
def results() -> pd.DataFrame:
    return pd.concat(
        [table(ACCURACY, range(6), domain, size) for domain in domains.NAMES for size in ("20", "all")]
    )


@pytest.fixture(scope="module")
def means(results) -> pd.DataFrame:
    return paired.means(results)


def test_accuracy_by_size(means):
    figure = figures.accuracy_by_size(means, dict.fromkeys(domains.NAMES, 0.5))
    titles = [axis.get_title(loc="left").split("\n") for axis in figure.axes]
    assert [title[0] for title in titles] == list(domains.NAMES)
    assert titles[0][1].startswith("best with 20: all blocks 0.9")
    assert titles[0][2].startswith("best with 1000: all blocks 0.9")
    assert "dogs and cats, best with 20: all blocks 0.9" in figure.alt_text


def test_accuracy_by_cost(means):
    front = means.groupby("domain", group_keys=False)[means.columns].apply(comparison.on_pareto_front)
    figure = figures.accuracy_by_cost(means, front)
    assert figure.axes[0].get_xscale() == "log"
    assert figure.axes[0].get_title(loc="left").startswith("dogs and cats\non the front:\n4 of ")
    assert "dogs and cats: raw pixels, from scratch, head only, all blocks;" in figure.alt_text


def test_a_strategy_that_a_domain_lacks_has_no_mark_there(means):
    lacking = means[(means["domain"] == domains.PHOTOS) | (means["strategy"] != ALL_BLOCKS)]
    figure = figures.accuracy_by_cost(lacking, pd.Series(True, lacking.index))
    names = [[text.get_text() for text in axis.texts] for axis in figure.axes]
    assert [len(texts) for texts in names] == [8, 6, 6, 6]
    assert "digits: raw pixels, from scratch, head only;" in figure.alt_text


def test_leads(results):
    found = paired.differences(results, ALL_BLOCKS, HEAD_ONLY)
    figure = figures.leads(found, ALL_BLOCKS, HEAD_ONLY)
    assert figure.axes[0].get_title(loc="left") == "all blocks: 8 × ahead, 0 × undecided, 0 × behind"
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels[:2] == ["dogs and cats, 20", "dogs and cats, 1000"]
    other_way = figures.leads(paired.differences(results, HEAD_ONLY, ALL_BLOCKS), HEAD_ONLY, ALL_BLOCKS)
    assert "8 × behind" in other_way.axes[0].get_title(loc="left")


def test_leads_of_the_tutorials_advice(results):
    figure = figures.leads(paired.boxes(results, comparison.ADVICE))
    # Losses are alike, so that a rival is the first by its name: with many photos that of a weaker one.
    title = figure.axes[0].get_title(loc="left")
    assert title == "the advised strategy: 1 × ahead, 0 × undecided, 5 × behind"
    assert "digits, 20: from scratch − " in figure.alt_text


def test_what_is_undecided_is_not_told_as_decided(results):
    found = paired.differences(results, ALL_BLOCKS, HEAD_ONLY).assign(verdict="undecided")
    figure = figures.leads(found, ALL_BLOCKS, HEAD_ONLY)
    assert "Decided: none." in figure.alt_text and "8 × undecided" in figure.axes[0].get_title(loc="left")


def test_what_is_not_measured_yet_is_not_drawn(results):
    nothing = paired.differences(results, ALL_BLOCKS, "last blocks")
    figure = figures.leads(nothing, ALL_BLOCKS, "last blocks")
    assert figure.alt_text.endswith("have not been measured on the same pictures yet.")


def test_learning_rates():
    none = float("nan")
    losses = pd.DataFrame({100: [0.9, 0.4, 0.3], 101: [none, 0.5, 0.7]}, index=[1e-5, 1e-4, 1e-3])
    by_strategy = {ALL_BLOCKS: losses, FROM_SCRATCH: losses.set_index(losses.index * 10)}
    figure = figures.learning_rates({"photos": by_strategy}, "80", [FROM_SCRATCH, ALL_BLOCKS])
    assert figure.axes[0].get_title(loc="left") == "photos, 80 pictures\nchosen: 0.0001 to 0.001"
    assert "photos: all blocks 0.0001, from scratch 0.001." in figure.alt_text
    line, thin, ring, *_ = figure.axes[0].lines
    assert list(line.get_ydata()) == [0.9, 0.4, 0.3] and list(thin.get_ydata())[1:] == [0.5, 0.7]
    assert (list(ring.get_xdata()), list(ring.get_ydata())) == ([1e-4], [0.45])
    assert line.get_color() == style(1).colour


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


def test_committed_results_can_be_drawn():
    results = comparison.results()
    means = paired.means(results)
    assert figures.accuracy_by_size(means, dict.fromkeys(domains.NAMES, 0.5)).alt_text
    assert figures.leads(paired.boxes(results, comparison.ADVICE)).alt_text
    assert figures.waterfall(autopsy.waterfall(pd.read_csv(autopsy.RESULTS))).alt_text
