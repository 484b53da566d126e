"""What is concluded from results: paired, with its margin, and undecided where chance would do."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from helpers import checks
from helpers.study import comparison, domains, experiments
from helpers.study.comparison import ALL_BLOCKS, FROM_SCRATCH, HEAD_ONLY, LAST_BLOCKS

DOMAINS = (domains.PHOTOS, domains.DRAWINGS, domains.DIGITS)
NAMES = {"scratch": FROM_SCRATCH, "head": HEAD_ONLY, "last": LAST_BLOCKS, "all": ALL_BLOCKS}
SECONDS = {"scratch": 4, "head": 1, "last": 2, "all": 40}
RATES = {"scratch": 1e-3, "head": np.nan, "last": 3e-4, "all": 1e-4}


def made_grid(sizes=(20, 800), **accuracies) -> pd.DataFrame:
    """Return a grid in which every domain has these accuracies: for each strategy, one number a seed."""
    rows = [
        (domain, size, NAMES[name], seed, accuracy, 0.5, SECONDS[name], 9, 100, 200, 3, RATES[name])
        for domain, size, (name, values) in product(DOMAINS, sizes, accuracies.items())
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
    assert summary["domain"].drop_duplicates().tolist() == list(DOMAINS)
    assert summary["strategy"].iloc[:2].tolist() == [FROM_SCRATCH, HEAD_ONLY]
    assert summary["accuracy"].iloc[:2].tolist() == pytest.approx([0.6, 0.85])
    assert summary["spread"].iloc[0] == pytest.approx(np.std([0.5, 0.7], ddof=1))
    assert summary.index.tolist() == list(range(12))


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


def test_a_lead_that_is_no_wider_than_its_margin_is_undecided():
    equal = comparison.differences(made_grid(scratch=[0.5, 0.7], head=[0.5, 0.7]), HEAD_ONLY, FROM_SCRATCH)
    assert set(equal["lead"]) == set(equal["margin"]) == {0} and set(equal["verdict"]) == {"undecided"}


def test_what_is_compared_at_one_size_need_not_be_there_at_another():
    grid = pd.concat([made_grid((20,), head=[0.6, 0.8]), made_grid((800,), head=[0.9, 0.8], all=[0.8, 0.9])])
    assert comparison.differences(grid, HEAD_ONLY, ALL_BLOCKS)["n_train"].tolist() == [800] * 3


def test_half_of_an_interval():
    assert comparison.half_width(pd.Series([1.0, 2.0, 3.0])) == pytest.approx(4.303 / np.sqrt(3), abs=1e-3)
    assert comparison.half_width(pd.Series([1.0, 3.0])) == pytest.approx(12.706, abs=1e-3)
    assert np.isnan([comparison.half_width(pd.Series(few, dtype=float)) for few in ([], [1.0])]).all()


def test_verdicts():
    grid = made_grid(scratch=[0.5, 0.6, 0.5], head=[0.9, 0.91, 0.9], all=[0.95, 0.89, 0.91])
    found = comparison.verdicts(grid).set_index(["domain", "size"])
    assert found["verdict"].tolist() == ["undecided", "undecided", "disagrees", "disagrees"]
    assert found.loc[(domains.DIGITS, "small"), "rival"] == ALL_BLOCKS
    grid = made_grid(scratch=[0.5, 0.6, 0.5], head=[0.9, 0.91, 0.9], all=[0.8, 0.8, 0.8])
    assert comparison.verdicts(grid)["verdict"].tolist() == ["agrees", *["disagrees"] * 3]


def test_a_verdict_on_large_sets_looks_at_the_largest_only():
    small = made_grid((20, 80), scratch=[0.5, 0.6, 0.5], head=[0.9, 0.91, 0.9], all=[0.8, 0.8, 0.8])
    large = made_grid((800,), scratch=[0.5, 0.6, 0.5], head=[0.9, 0.91, 0.9], all=[0.95, 0.96, 0.95])
    found = comparison.verdicts(pd.concat([small, large])).set_index(["domain", "size"])
    assert found.loc[domains.PHOTOS, "verdict"].tolist() == ["agrees", "agrees"]
    assert found.loc[domains.PHOTOS, "n_train"].tolist() == [20, 800]


def test_no_verdict_on_what_was_not_measured():
    boxes = comparison.verdicts(made_grid(scratch=[0.5, 0.6, 0.5], head=[0.9, 0.91, 0.9]))
    assert list(zip(boxes["domain"], boxes["size"])) == [
        (domains.PHOTOS, "small"),
        *[(domains.DIGITS, size) for size in ("small", "large")],
    ]
    assert len(comparison.verdicts(made_grid(head=[0.9, 0.91, 0.9]))) == 0
    grid = made_grid(scratch=[0.5, 0.6, 0.5], head=[0.9, 0.91, 0.9])
    assert set(comparison.verdicts(grid[grid["domain"] == domains.DIGITS])["domain"]) == {domains.DIGITS}
    once = made_grid(scratch=[0.5, 0.6], head=[0.9, 0.91], all=[0.99])
    assert set(comparison.verdicts(once)["rival"]) == {FROM_SCRATCH, HEAD_ONLY}


def test_what_transfer_is_worth_in_pictures():
    small, large = made_grid((10,), scratch=[0.5], head=[0.6]), made_grid((1000,), scratch=[0.7], head=[0.9])
    found = comparison.worth_in_pictures(pd.concat([small, large]), HEAD_ONLY)
    assert found["pictures"].iloc[0] == pytest.approx(100)  # half way, and the scale is logarithmic
    assert np.isinf(found["pictures"].iloc[1]) and found["most"].iloc[1] == 1000
    assert found["domain"].tolist() == [name for name in DOMAINS for _ in range(2)]


def test_what_transfer_is_worth_is_the_median_of_the_seeds_with_the_least_and_the_most():
    small = made_grid((10,), scratch=[0.5, 0.5, 0.5], head=[0.5, 0.6, 0.8])
    large = made_grid((1000,), scratch=[0.7, 0.7, 0.7], head=[0.7, 0.7, 0.7])
    found = comparison.worth_in_pictures(pd.concat([small, large]), HEAD_ONLY)
    assert found.loc[0, ["low", "pictures", "high"]].tolist() == pytest.approx([10, 100, np.inf])


def test_what_from_scratch_reaches_with_all_its_pictures_is_worth_as_many():
    small, large = made_grid((10,), scratch=[0.5], head=[0.7]), made_grid((1000,), scratch=[0.7], head=[0.7])
    found = comparison.worth_in_pictures(pd.concat([small, large]), HEAD_ONLY)
    assert found["pictures"].tolist() == pytest.approx([1000] * 6)


def test_more_pictures_that_made_from_scratch_worse_by_chance_are_no_step_back():
    grid = [
        made_grid((size,), scratch=[scratch], head=[0.7])
        for size, scratch in [(10, 0.6), (100, 0.5), (1000, 0.8)]
    ]
    found = comparison.worth_in_pictures(pd.concat(grid), HEAD_ONLY)
    assert found["pictures"].iloc[0] == pytest.approx(np.sqrt(100 * 1000))  # half way from 0.6 to 0.8


def test_the_pareto_front():
    summary = pd.DataFrame({"cpu_seconds": [3, 1, 2, 4, 1], "accuracy": [0.9, 0.8, 0.7, 0.9, 0.6]})
    assert comparison.on_pareto_front(summary).tolist() == [True, True, False, False, False]
    useless = pd.DataFrame({"cpu_seconds": [1, 2], "accuracy": [0.0, 0.0]})
    assert comparison.on_pareto_front(useless).tolist() == [True, False]


def test_the_best_rate_is_chosen_by_validation():
    table = pd.DataFrame(
        {
            "part": ["search", "search", "grid", "trial", *["search"] * 4],
            "strategy": [*"xxxx", "w", "z", *"xx"],
            "domain": [*"yyyyyy", "v", "z"],
            "validation_loss": [0.5, 0.4, *[0.1] * 6],
            "accuracy": [0.9, 0.8, *[0.99] * 6],
            "learning_rate": [1e-3, 1e-4, *[1e-5] * 6],
        }
    )
    assert comparison.best_rate(table, "x", "y") == 1e-4
    for nothing in (table.iloc[2:4], pd.DataFrame()):
        with pytest.raises(ValueError, match="Run the search first"):
            comparison.best_rate(nothing, "x", "y")


def test_the_cheapest_of_equals_is_recommended():
    grid = made_grid(scratch=[0.5, 0.6, 0.5], head=[0.9, 0.91, 0.9], all=[0.95, 0.89, 0.91])
    advice = comparison.recommend(30, 3, domains.PHOTOS, grid)
    assert advice.strategy == HEAD_ONLY and set(advice.rows["n_train"]) == {20}
    assert "10 pictures a class" in advice.why and "may be chance" in advice.why and "40 times" in advice.why
    assert str(advice).startswith("head only: ") and np.isnan(advice.learning_rate)
    last = made_grid(head=[0.9, 0.91, 0.9], last=[0.95, 0.89, 0.91])
    assert "The most accurate was 'last blocks'" in comparison.recommend(30, 3, domains.PHOTOS, last).why
    dear = made_grid(last=[0.9, 0.91, 0.9], all=[0.95, 0.89, 0.91])
    assert "for 20 times the processor's time" in comparison.recommend(30, 3, domains.PHOTOS, dear).why
    clear = made_grid(scratch=[0.5, 0.6, 0.5], head=[0.8, 0.81, 0.8], all=[0.95, 0.96, 0.95])
    advice = comparison.recommend(5000, 3, domains.PHOTOS, clear)
    assert advice.strategy == ALL_BLOCKS and set(advice.rows["n_train"]) == {800}
    assert "more than any other" in advice.why and advice.learning_rate == 1e-4
    # ten classes of digits: 800 of them are 80 a class
    assert set(comparison.recommend(300, 3, domains.DIGITS, clear).rows["n_train"]) == {800}


def test_similar_is_what_has_as_many_pictures_a_class():
    grid = made_grid(head=[0.9, 0.91, 0.9])  # of digits, 2 or 80 of each class
    assert set(comparison.recommend(100, 2, domains.DIGITS, grid).rows["n_train"]) == {800}
    assert set(comparison.recommend(100, 20, domains.DIGITS, grid).rows["n_train"]) == {20}
    halves = made_grid((15, 60), head=[0.9, 0.91, 0.9])  # 1.5 or 6
    assert set(comparison.recommend(29, 10, domains.DIGITS, halves).rows["n_train"]) == {15}


@pytest.mark.parametrize("strategy", [FROM_SCRATCH, LAST_BLOCKS])
def test_no_advice_without_the_learning_rates_that_it_would_name(strategy):
    grid = made_grid(scratch=[0.5, 0.6], head=[0.9, 0.91], last=[0.8, 0.9])
    grid.loc[grid["strategy"] == strategy, "learning_rate"] = np.nan
    with pytest.raises(checks.CourseError, match="grid has no learning_rate in row"):
        comparison.recommend(30, 3, domains.PHOTOS, grid)


def test_advice_shows_what_it_rests_on_and_stays_as_it_was_given():
    advice = comparison.recommend(30, 3, domains.PHOTOS, made_grid(scratch=[0.5, 0.6], head=[0.9, 0.91]))
    assert advice.rows["strategy"].tolist() == [FROM_SCRATCH, HEAD_ONLY]
    with pytest.raises(AttributeError):
        advice.strategy = FROM_SCRATCH


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


def test_no_advice_on_a_domain_without_results():
    grid = made_grid(scratch=[0.5, 0.6], head=[0.9, 0.91])
    with pytest.raises(checks.CourseError, match='no results. .* compare --domains "digits"'):
        comparison.recommend(30, 3, domains.DIGITS, grid[grid["domain"] != domains.DIGITS])


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
    assert list(parts["search"]) == list(experiments.read(comparison.RESULTS))
    assert parts["search"].index.tolist() == list(range(len(parts["search"])))
    assert set(parts["search"]["size"]) == {"160"}
