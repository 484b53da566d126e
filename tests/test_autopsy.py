"""The autopsy: each step mends one thing, and what was trained is what it says."""

from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from helpers import datasets
from helpers.study import autopsy
from helpers.study.autopsy import AS_WRITTEN, CHANGES


def test_each_step_mends_one_thing():
    recipes = [asdict(autopsy.recipe_at(step)) for step in CHANGES]
    for before, after in pairwise(recipes):
        assert sum(before[name] != after[name] for name in before) == 1
    assert recipes[0] == asdict(autopsy.Recipe())


def train(step: str, data: pd.DataFrame) -> autopsy.StepResult:
    rows = np.random.default_rng(0).permutation(len(data))
    return autopsy.tutorials_recipe(autopsy.recipe_at(step), data, rows[:64], rows[64:], seed=0)


@pytest.mark.slow
def test_without_compiling_again_only_the_head_is_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(autopsy, "IMAGE_SIZE", 32)
    monkeypatch.setattr(autopsy, "FINE_TUNING_EPOCHS", 1)
    data = datasets.draw_pets(110, seed=0, folder=tmp_path)
    as_written = train(AS_WRITTEN, data)
    assert not as_written.base_changed
    assert as_written.not_augmented * 32 == int(
        as_written.not_augmented * 32
    )  # 46 photos, 32 of them looked at
    assert as_written.accuracy * 46 == pytest.approx(round(as_written.accuracy * 46))
    assert train("compiled again: the base is trained", data).base_changed


@pytest.mark.slow
def test_our_recipe(tmp_path):
    data = datasets.draw_pets(60, seed=0, folder=tmp_path)
    rows = np.random.default_rng(0).permutation(60)
    result = autopsy.our_recipe(64, data, rows[:40], rows[40:])
    assert result.accuracy > 0.6 and result.cpu_seconds > 0


def test_the_waterfall_adds_up():
    results = pd.DataFrame(
        [
            {
                "step": step,
                "seed": seed,
                "as_the_tutorial_measures": 0.6,
                "not_augmented": 0.61,
                "accuracy": 0.62 + 0.05 * number + 0.01 * seed,
                "base_changed": number > 2,
                "cpu_seconds": 10.0,
            }
            for number, step in enumerate(CHANGES)
            for seed in range(3)
        ]
    )
    table = autopsy.waterfall(results)
    assert (
        list(table.index[:3]) == [AS_WRITTEN, *autopsy.VALIDATION]
        and list(table.index[3:]) == list(CHANGES)[1:]
    )
    np.testing.assert_allclose(
        table["accuracy"].iloc[0] + table["change"].iloc[1:].cumsum(), table["accuracy"].iloc[1:]
    )
    assert table["margin"].iloc[3] < 1e-9 < table["spread"].iloc[3]  # the seeds are compared one by one


def test_committed_results_are_those_of_the_autopsy():
    table = pd.read_csv(autopsy.RESULTS)
    assert not table.duplicated(["step", "seed"]).any() and set(table["step"]) == set(CHANGES)
    assert set(table["seed"]) <= set(range(autopsy.SEEDS)) and table.groupby("step").size().min() >= 2
    waterfall = autopsy.waterfall(table)
    assert not waterfall.loc[AS_WRITTEN, "base_changed"]
    assert waterfall["accuracy"].iloc[-1] > waterfall["accuracy"].iloc[0] + 0.2
