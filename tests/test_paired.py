"""Two strategies compared: both sources of chance, and judgement over all that is shown."""

import numpy as np
import pandas as pd
import pytest
from made_results import record, table

from helpers import checks
from helpers.study import domains, paired
from helpers.study.strategies import (
    ALL_BLOCKS,
    FROM_SCRATCH,
    HEAD_ONLY,
    LAST_BLOCKS,
    RAW_PIXELS,
)

N = 200


def answers(rng, seeds, pictures, of_seeds=0.0, of_pictures=0.0) -> np.ndarray:
    """Differences whose true mean is 0: what each seed and each picture adds, and what is left."""
    shape = rng.normal(0, of_seeds, (seeds, 1)), rng.normal(0, of_pictures, (1, pictures))
    return shape[0] + shape[1] + rng.normal(0, 0.3, (seeds, pictures))


@pytest.mark.parametrize("seeds", [5, 10])
@pytest.mark.parametrize(("of_seeds", "of_pictures"), [(0.03, 0.0), (0.0, 0.3), (0.02, 0.3)])
def test_the_truth_lies_in_95_of_100_intervals_whatever_chance_comes_from(seeds, of_seeds, of_pictures):
    rng = np.random.default_rng(0)
    tries = (paired.mean_and_margin(answers(rng, seeds, N, of_seeds, of_pictures)) for _ in range(2000))
    covered = np.mean([abs(mean) <= margin for mean, margin, _ in tries])
    assert 0.94 < covered < 0.99


def test_seeds_alone_would_miss_what_the_held_out_pictures_add():
    rng = np.random.default_rng(0)
    tries = [answers(rng, 10, N, 0.0, 0.3) for _ in range(500)]
    covered = np.mean([abs(one.mean()) <= paired.half_width(one.mean(axis=1)) for one in tries])
    assert covered < 0.8


def test_the_two_variances_are_those_of_a_bootstrap_over_both():
    rng = np.random.default_rng(1)
    values = answers(rng, 30, N, 0.05, 0.5)
    rows, columns = rng.integers(30, size=(4000, 30)), rng.integers(N, size=(4000, N))
    drawn = [values[np.ix_(*both)].mean() for both in zip(rows, columns)]
    _, margin, _ = paired.mean_and_margin(values)
    assert margin / 2 == pytest.approx(np.std(drawn), rel=0.1)


def test_units_of_their_own_are_all_there_is_of_chance():
    values = [0.1, 0.2, 0.3]  # Student's interval by hand: 4.303 · 0.1 / √3
    mean, margin, _ = paired.mean_and_margin(np.array(values))
    assert mean == pytest.approx(0.2) and margin == pytest.approx(4.303 * 0.1 / 3**0.5, rel=1e-3)


def test_a_single_seed_says_nothing_of_chance():
    mean, margin, p = paired.mean_and_margin(np.ones((1, N)))
    assert mean == 1 and np.isnan(margin) and p == 1


def test_p_is_under_5_in_100_where_the_interval_leaves_out_0():
    rng = np.random.default_rng(2)
    for shift in np.linspace(-0.1, 0.1, 41):
        mean, margin, p = paired.mean_and_margin(answers(rng, 6, N, 0.03, 0.1) + shift)
        assert (p < 0.05) == (abs(mean) > margin)


def test_what_never_differs_has_the_rule_of_threes_margin():
    assert paired.mean_and_margin(np.zeros((5, 300))) == (0.0, 0.01, 1.0)
    assert paired.mean_and_margin(np.ones((5, 300)))[:2] == (1.0, 0.01)


# --- the results' table -----------------------------------------------------------------------------


@pytest.mark.parametrize("n", [419, 420, 500, 540, 1500])
def test_answers_come_back_from_their_text(n):
    right = np.random.default_rng(0).random(n) < 0.7
    row = pd.Series(record(HEAD_ONLY, 0, right))
    np.testing.assert_array_equal(paired.right_answers(row), right)


def test_all_wrong_is_wrong():
    assert paired.right_answers(pd.Series(record(HEAD_ONLY, 0, np.zeros(420, bool)))).tolist() == [0] * 420


def test_means_have_both_intervals():
    means = paired.means(table({FROM_SCRATCH: 0.6, HEAD_ONLY: 0.8}))
    assert list(means["strategy"]) == [FROM_SCRATCH, HEAD_ONLY]
    np.testing.assert_allclose(means["accuracy"], [0.6, 0.8], atol=0.03)
    assert (means["seeds_margin"] < means["margin"]).all() and (means["margin"] < 0.05).all()


def test_a_clear_lead_is_ahead_and_seen_from_the_other_side_behind():
    both = table({FROM_SCRATCH: 0.6, HEAD_ONLY: 0.8})
    one, other = (paired.differences(both, *pair).iloc[0] for pair in ((HEAD_ONLY, FROM_SCRATCH),) * 2)
    other = paired.differences(both, FROM_SCRATCH, HEAD_ONLY).iloc[0]
    assert (one["verdict"], other["verdict"]) == ("ahead", "behind")
    assert one["lead"] == -other["lead"] and one["loss_lead"] == pytest.approx(-one["lead"])


def test_what_one_seed_turns_is_undecided():
    # Nine seeds lead by ten points; the tenth lies as far behind as to hide it.
    both = table({FROM_SCRATCH: 0.6, HEAD_ONLY: lambda seed: 0.7 if seed else 0.1})
    found = paired.differences(both, HEAD_ONLY, FROM_SCRATCH).iloc[0]
    assert found["turns"] == 1 and found["alone"] == found["verdict"] == "undecided"


def test_only_pairs_count():
    both = pd.concat([table({FROM_SCRATCH: 0.6}, range(4)), table({HEAD_ONLY: 0.8}, range(2, 6))])
    assert paired.differences(both, HEAD_ONLY, FROM_SCRATCH)["seeds"].tolist() == [2]
    alone = pd.concat([table({FROM_SCRATCH: 0.6}, [0]), table({HEAD_ONLY: 0.8}, [0])])
    assert paired.differences(alone, HEAD_ONLY, FROM_SCRATCH).empty


def test_speakers_are_left_out_one_by_one_not_seeds():
    # One speaker of six, with both of its seeds, carries all of the lead.
    def lucky(seed):
        return 0.99 if seed % 6 == 0 else 0.5

    found = paired.differences(
        table({FROM_SCRATCH: 0.5, HEAD_ONLY: lucky}, range(12), domains.SPEECH), HEAD_ONLY, FROM_SCRATCH
    )
    assert found["verdict"].item() == "undecided" and found["lead"].item() > 0.05
    assert found["margin"].item() == pytest.approx(found["seeds_margin"].item())


def found(p, lead, without=({},) * 4, domain="photos"):
    return pd.DataFrame({"domain": domain, "p": p, "lead": lead, "without": without})


def test_holm():
    # S. Holm's step-down by hand: 4 · 0.01, 3 · 0.013, 2 · 0.03, 1 · 0.04, never falling.
    judged = paired.judge(found([0.03, 0.01, 0.04, 0.013], [1, 1, -1, 1]))
    np.testing.assert_allclose(judged["holm"], [0.06, 0.04, 0.06, 0.04])
    assert judged["alone"].tolist() == ["ahead", "ahead", "behind", "ahead"]
    assert judged["verdict"].tolist() == ["undecided", "ahead", "undecided", "ahead"]


def test_a_seed_that_is_left_out_is_left_out_of_its_whole_domain():
    # Alone each of two would hold without seed 7; together, by Holm, neither does. Seed 8 changes nothing.
    without = {7: (1, 0.03), 8: (1, 0.001)}
    both = paired.judge(found([0.001, 0.002], [1, 1], [without] * 2))
    assert both["turns"].tolist() == [1, 1] and both["verdict"].tolist() == ["undecided"] * 2
    assert paired.judge(found([0.001], [1], [without]))["verdict"].tolist() == ["ahead"]
    apart = paired.judge(found([0.001, 0.002], [1, 1], [without] * 2, domain=["photos", "digits"]))
    assert apart["verdict"].tolist() == ["ahead"] * 2


def test_what_changes_its_sign_and_stays_undecided_turns_nothing():
    judged = paired.judge(found([0.9], [0.01], [{0: (-0.01, 0.8)}]))
    assert judged["turns"].tolist() == [0]


def test_a_verdict_that_one_seed_turns_is_undecided_though_it_would_hold():
    both = table({FROM_SCRATCH: 0.6, HEAD_ONLY: lambda seed: 0.66 if seed else 0.75})
    without = paired.difference(both, HEAD_ONLY, FROM_SCRATCH)["without"]
    turning = [seed for seed, (_, p) in without.items() if p >= paired.LEVEL]
    judged = paired.differences(both, HEAD_ONLY, FROM_SCRATCH).iloc[0]
    assert judged["holm"] < paired.LEVEL and turning
    assert judged["turns"] == len(turning) and judged["verdict"] == "undecided"


def test_a_classifier_counts_once():
    both = table({FROM_SCRATCH: 0.6, HEAD_ONLY: 0.8})
    with pytest.raises(
        checks.CourseError, match="'from scratch' with seed 3 twice. Give results of one part"
    ):
        paired.means(pd.concat([both, both[both["seed"] == 3]]))


def test_strategies_are_ranked_by_the_seeds_that_all_have():
    both = pd.concat([table({FROM_SCRATCH: 0.6}, range(4)), table({HEAD_ONLY: 0.8}, range(2, 6))])
    assert set(paired.with_shared_seeds(both)["seed"]) == {2, 3}


def test_a_rival_is_chosen_by_validation_not_by_what_it_is_scored_on():
    rows = table({HEAD_ONLY: 0.7, LAST_BLOCKS: 0.9, ALL_BLOCKS: 0.6, RAW_PIXELS: 0.95})
    losses = {HEAD_ONLY: 0.5, LAST_BLOCKS: 0.4, ALL_BLOCKS: 0.3, RAW_PIXELS: 0.1}
    rows["validation_loss"] = rows["strategy"].map(losses)
    box = paired.boxes(rows, {(domains.PHOTOS, "20"): HEAD_ONLY, (domains.DIGITS, "20"): FROM_SCRATCH})
    assert box["rival"].tolist() == [ALL_BLOCKS] and box["verdict"].tolist() == ["ahead"]
    control = paired.boxes(rows, {(domains.PHOTOS, "20"): HEAD_ONLY}, [RAW_PIXELS])
    assert control["rival"].tolist() == [RAW_PIXELS] and control["verdict"].tolist() == ["behind"]


def test_base_networks_may_stand_in_the_strategies_place():
    results = table({"small base": 0.6, HEAD_ONLY: 0.7, "big base": 0.9})
    assert list(paired.means(results)["strategy"]) == [HEAD_ONLY, "big base", "small base"]
    (found,) = paired.differences(results, "big base", "small base").itertuples()
    assert found.lead == pytest.approx(0.3, abs=0.03) and found.verdict == "ahead"


@pytest.mark.parametrize("record", [table({HEAD_ONLY: 0.8}), pd.Series({"right": "AA=="})])
def test_what_says_nothing_of_its_answers_is_refused(record):
    with pytest.raises(
        checks.CourseError, match="record is .*which does not say which pictures were right. Give"
    ):
        paired.right_answers(record)


def test_unknown_strategies_and_tables_are_refused():
    both = table({FROM_SCRATCH: 0.6, HEAD_ONLY: 0.8})
    with pytest.raises(checks.CourseError, match="one is 'hope'"):
        paired.differences(both, "hope", HEAD_ONLY)
    with pytest.raises(checks.CourseError, match="right"):
        paired.means(both.drop(columns="right"))
