"""What is concluded from results: paired, with its margin, and undecided where chance would do."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from helpers import comparison, domains, experiments
from helpers.comparison import ALL_BLOCKS, FROM_SCRATCH, HEAD_ONLY, LAST_BLOCKS

NAMES = {"scratch": FROM_SCRATCH, "head": HEAD_ONLY, "last": LAST_BLOCKS, "all": ALL_BLOCKS}
SECONDS = {"scratch": 4, "head": 1, "last": 2, "all": 40}
RATES = {"scratch": 1e-3, "head": np.nan, "last": 3e-4, "all": 1e-4}


def made_grid(sizes=(20, 800), **accuracies) -> pd.DataFrame:
    """Return a grid in which every domain has these accuracies: for each strategy, one number a seed."""
    rows = [
        (domain, size, NAMES[name], seed, accuracy, 0.5, SECONDS[name], 9, 100, 200, 3, RATES[name])
        for domain, size, (name, values) in product(domains.NAMES, sizes, accuracies.items())
        for seed, accuracy in enumerate(values)
    ]
    columns = (
        "domain n_train strategy seed accuracy log_loss cpu_seconds seconds trainable images_seen best_epoch "
        "learning_rate"
    )
    return pd.DataFrame(rows, columns=columns.split())


def test_a_summary_has_means_and_spreads():
    summary = comparison.summarise(
        made_grid(scratch=[0.5, 0.7], head=[0.9, 0.8]).sample(frac=1, random_state=0)
    )
    assert len(summary) == 12 and (summary["seeds"] == 2).all()
    assert summary["domain"].drop_duplicates().tolist() == list(domains.NAMES)
    assert summary["strategy"].iloc[:2].tolist() == [FROM_SCRATCH, HEAD_ONLY]
    assert summary["accuracy"].iloc[:2].tolist() == pytest.approx([0.6, 0.85])
    assert summary["spread"].iloc[0] == pytest.approx(np.std([0.5, 0.7], ddof=1))


def test_the_table_says_means_spreads_and_seeds():
    table = comparison.table(made_grid(scratch=[0.5, 0.7], head=[0.9]))
    assert list(table) == [FROM_SCRATCH, HEAD_ONLY]
    assert table.loc[(domains.PHOTOS, 20)].tolist() == ["0.600 ± 0.141", "0.900"]
    assert table.iloc[-1].tolist() == ["2", "1"] and len(table) == 7


def test_strategies_are_compared_seed_by_seed():
    grid = made_grid(scratch=[0.5, 0.7, 0.9], head=[0.6, 0.8, 1.0], all=[0.5, 0.71])
    found = comparison.differences(grid, HEAD_ONLY, FROM_SCRATCH)
    assert len(found) == 6 and found["lead"].tolist() == pytest.approx([0.1] * 6)
    assert found["margin"].max() < 1e-9 and set(found["verdict"]) == {"ahead"}
    assert set(comparison.differences(grid, FROM_SCRATCH, HEAD_ONLY)["verdict"]) == {"behind"}
    pairs = comparison.differences(grid, ALL_BLOCKS, FROM_SCRATCH)
    assert set(pairs["seeds"]) == {2} and set(pairs["verdict"]) == {"undecided"}
    assert len(comparison.differences(grid, LAST_BLOCKS, FROM_SCRATCH)) == 0


def test_half_of_an_interval():
    assert comparison.half_width(pd.Series([1.0, 2.0, 3.0])) == pytest.approx(4.303 / np.sqrt(3), abs=1e-3)
    assert np.isnan(comparison.half_width(pd.Series([1.0])))


def test_verdicts():
    grid = made_grid(scratch=[0.5, 0.6, 0.5], head=[0.9, 0.91, 0.9], all=[0.95, 0.89, 0.91])
    found = comparison.verdicts(grid).set_index(["domain", "size"])
    assert found["verdict"].tolist() == ["undecided", "undecided", "disagrees", "disagrees"]
    assert found.loc[(domains.DIGITS, "small"), "rival"] == ALL_BLOCKS
    grid = made_grid(scratch=[0.5, 0.6, 0.5], head=[0.9, 0.91, 0.9], all=[0.8, 0.8, 0.8])
    assert comparison.verdicts(grid)["verdict"].tolist() == ["agrees", *["disagrees"] * 3]


def test_no_verdict_on_what_was_not_measured():
    boxes = comparison.verdicts(made_grid(scratch=[0.5, 0.6, 0.5], head=[0.9, 0.91, 0.9]))
    assert list(zip(boxes["domain"], boxes["size"])) == [
        (domains.PHOTOS, "small"),
        *[(domains.DIGITS, size) for size in ("small", "large")],
    ]
    assert len(comparison.verdicts(made_grid(head=[0.9, 0.91, 0.9]))) == 0


def test_what_transfer_is_worth_in_pictures():
    small, large = made_grid((10,), scratch=[0.5], head=[0.6]), made_grid((1000,), scratch=[0.7], head=[0.9])
    found = comparison.worth_in_pictures(pd.concat([small, large]), HEAD_ONLY)
    assert found["pictures"].iloc[0] == pytest.approx(100)  # half way, and the scale is logarithmic
    assert np.isinf(found["pictures"].iloc[1]) and found["most"].iloc[1] == 1000


def test_the_pareto_front():
    summary = pd.DataFrame({"cpu_seconds": [3, 1, 2, 4, 1], "accuracy": [0.9, 0.8, 0.7, 0.9, 0.6]})
    assert comparison.on_pareto_front(summary).tolist() == [True, True, False, False, False]


def test_the_best_rate_is_chosen_by_validation():
    table = pd.DataFrame(
        {
            "part": ["search", "search", "grid"],
            "strategy": ["x"] * 3,
            "domain": ["y"] * 3,
            "validation_loss": [0.5, 0.4, 0.1],
            "accuracy": [0.9, 0.8, 0.99],
            "learning_rate": [1e-3, 1e-4, 1e-5],
        }
    )
    assert comparison.best_rate(table, "x", "y") == 1e-4
    for nothing in (table.iloc[2:], pd.DataFrame()):
        with pytest.raises(ValueError, match="Run the search first"):
            comparison.best_rate(nothing, "x", "y")


def test_the_cheapest_of_equals_is_recommended():
    grid = made_grid(scratch=[0.5, 0.6, 0.5], head=[0.9, 0.91, 0.9], all=[0.95, 0.89, 0.91])
    advice = comparison.recommend(30, 3, domains.PHOTOS, grid)
    assert advice.strategy == HEAD_ONLY and set(advice.rows["n_train"]) == {20}
    assert "10 pictures a class" in advice.why and "may be chance" in advice.why and "40 times" in advice.why
    assert str(advice).startswith("head only: ") and np.isnan(advice.learning_rate)
    clear = made_grid(scratch=[0.5, 0.6, 0.5], head=[0.8, 0.81, 0.8], all=[0.95, 0.96, 0.95])
    advice = comparison.recommend(5000, 3, domains.PHOTOS, clear)
    assert advice.strategy == ALL_BLOCKS and set(advice.rows["n_train"]) == {800}
    assert "more than any other" in advice.why and advice.learning_rate == 1e-4
    # ten classes of digits: 800 of them are 80 a class
    assert set(comparison.recommend(300, 3, domains.DIGITS, clear).rows["n_train"]) == {800}


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((10, 1, domains.PHOTOS), "n_classes is 1. Give a whole number from 2"),
        ((2, 3, domains.PHOTOS), "n_images is 2. Give a whole number from 3 on"),
        ((100, 2, "speech"), "domain is 'speech'. Choose one of dogs and cats"),
    ],
)
def test_what_cannot_be_advised_on(arguments, message):
    with pytest.raises(ValueError, match=message):
        comparison.recommend(*arguments)


def test_committed_results_can_be_advised_from():
    everything = experiments.read(comparison.RESULTS)
    for domain in domains.NAMES:
        advice = comparison.recommend(100, 2, domain)
        assert advice.strategy in comparison.STRATEGIES and len(advice.rows) >= 3
        if advice.strategy != HEAD_ONLY:
            assert advice.learning_rate == comparison.best_rate(everything, advice.strategy, domain)


def test_results_by_part():
    parts = {part: comparison.results(part) for part in ("grid", "search", "bases")}
    assert all(set(table["part"]) == {part} for part, table in parts.items())
    assert set(parts["grid"]["strategy"]) <= set(comparison.STRATEGIES)
