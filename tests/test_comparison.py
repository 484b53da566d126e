"""What is concluded from results, and advised: never more than was measured."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_results import table

from helpers import checks
from helpers.study import comparison, domains, paired
from helpers.study.strategies import ALL_BLOCKS, FROM_SCRATCH, HEAD_ONLY, LAST_BLOCKS, RAW_PIXELS


def measured(accuracies, sizes=("20", "320"), domain=domains.PHOTOS) -> pd.DataFrame:
    return pd.concat([table(accuracies, domain=domain, size=size) for size in sizes])


def test_a_table_has_means_and_margins_near_domains_first():
    both = pd.concat(
        [
            measured({HEAD_ONLY: 0.7, RAW_PIXELS: 0.5}, domain=name)
            for name in (domains.SPEECH, domains.PHOTOS)
        ]
    )
    text = comparison.table(both)
    assert list(text.columns) == [RAW_PIXELS, HEAD_ONLY]
    assert list(text.index) == [
        (domain, size) for domain in (domains.PHOTOS, domains.SPEECH) for size in (20, 320)
    ]
    assert text.loc[(domains.PHOTOS, 20), HEAD_ONLY].startswith("0.7") and "±" in text.iloc[0, 0]


def test_of_one_seed_there_is_no_margin():
    assert "±" not in comparison.table(table({HEAD_ONLY: 0.7}, seeds=[0])).iloc[0, 0]


def test_no_other_row_beats_those_on_the_front():
    rng = np.random.default_rng(0)
    means = pd.DataFrame({"accuracy": rng.random(50).round(1), "cpu_seconds": rng.random(50).round(1)})
    front = comparison.on_pareto_front(means)
    for place, own in means.iterrows():
        others = means.drop(index=place)
        no_worse = (others["accuracy"] >= own["accuracy"]) & (others["cpu_seconds"] <= own["cpu_seconds"])
        twin = (others == own).all(axis=1)
        assert front[place] == (not (no_worse & ~twin).any())


# --- advice -----------------------------------------------------------------------------------------


def test_what_is_shown_to_be_better_is_advised_however_long_it_takes():
    advice = comparison.recommend(
        30, 2, domains.PHOTOS, measured({HEAD_ONLY: 0.7, FROM_SCRATCH: 0.5, ALL_BLOCKS: 0.9})
    )
    assert advice.strategy == ALL_BLOCKS and "more than any other" in advice.why
    assert advice.setting == 0.001 and str(advice).startswith(ALL_BLOCKS)
    assert set(advice.rows["n_train"]) == {20}


def test_of_what_chance_could_have_made_equal_the_cheapest_is_advised():
    advice = comparison.recommend(300, 2, domains.PHOTOS, measured({HEAD_ONLY: 0.8, ALL_BLOCKS: 0.81}))
    assert advice.strategy == HEAD_ONLY and "for 10 times the processor's time" in advice.why
    assert set(advice.rows["n_train"]) == {320}


def test_pictures_a_class_are_compared_not_pictures():
    digits = measured({HEAD_ONLY: 0.7, ALL_BLOCKS: 0.9}, domain=domains.DIGITS)
    assert set(comparison.recommend(64, 2, domains.DIGITS, digits).rows["n_train"]) == {320}


@pytest.mark.parametrize(("n_images", "n_classes"), [(9, 2), (641, 2), (4, 4)])
def test_beyond_what_was_measured_nothing_is_advised(n_images, n_classes):
    grid = measured({HEAD_ONLY: 0.7, ALL_BLOCKS: 0.9})
    with pytest.raises(
        checks.CourseError, match="measured with 10 to 160 a class. Compare strategies on your"
    ):
        comparison.recommend(n_images, n_classes, domains.PHOTOS, grid)
    for n_pictures in (10, 640):
        comparison.recommend(n_pictures, 2, domains.PHOTOS, grid)


def test_a_domain_without_results():
    with pytest.raises(
        checks.CourseError, match="no results. Compute them by python -m helpers compare --dom"
    ):
        comparison.recommend(30, 2, domains.SPEECH, measured({HEAD_ONLY: 0.7, ALL_BLOCKS: 0.9}))


# --- the course's own results ---------------------------------------------------------------------------


def test_the_advice_that_is_tested_names_measured_situations():
    found = comparison.results()
    assert set(comparison.ADVICE) <= set(zip(found["domain"], found["size"]))


def test_an_unknown_part():
    with pytest.raises(checks.CourseError, match="part is 'half'. Choose one of grid"):
        comparison.results("half")


# --- what the README says of the course's own results ---------------------------------------------------


def test_the_readmes_sentences_are_what_the_committed_results_show():
    text = " ".join((Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8").split())
    results = comparison.results()
    on_photos, far = (
        results[results["domain"].isin(names)]
        for names in ([domains.PHOTOS], [domains.DIGITS, domains.SPEECH])
    )
    leads = pd.concat(
        [paired.differences(on_photos, name, FROM_SCRATCH) for name in (HEAD_ONLY, LAST_BLOCKS, ALL_BLOCKS)]
    )
    ahead = leads["lead"].mul(100).round().astype(int)
    assert f"whatever begins with a head is {ahead.min()} to {ahead.max()} points ahead" in text
    assert set(leads["verdict"]) == {"ahead"}
    assert "frozen features are no better than raw pixels" in text
    assert "ahead" not in set(paired.differences(far, HEAD_ONLY, RAW_PIXELS)["verdict"])
    assert "is not shown to be better or worse than a small network from scratch" in text
    assert set(paired.differences(far, ALL_BLOCKS, FROM_SCRATCH)["verdict"]) == {"undecided"}
    assert "None of the tutorial's boxes of advice is decided" in text
    assert set(paired.boxes(results, comparison.ADVICE)["verdict"]) == {"undecided"}
