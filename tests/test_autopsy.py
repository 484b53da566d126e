"""The autopsy: each step mends one thing, and what was trained is what it says."""

from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from helpers import backbones, checks, datasets
from helpers.study import autopsy, experiments
from helpers.study.autopsy import AS_WRITTEN, BATCH, CHANGES, FLATTEN, RAW, TUTORIALS, UPDATED, ZOOM


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


# --- the gap ----------------------------------------------------------------------------------------------

SMALL = "a small one"


@pytest.fixture
def small_gap(tmp_path, monkeypatch):
    """Measures a gap with drawn pets at 32 pixels; what is returned with it are all bases that it loaded."""
    data = datasets.draw_pets(110, seed=0, folder=tmp_path)
    data.attrs["source"] = "drawn"
    rows = np.random.default_rng(0).permutation(len(data))
    loaded, load = [], backbones.load

    def load_and_keep(**arguments):
        loaded.append(load(**arguments))
        return loaded[-1]

    monkeypatch.setattr(autopsy, "_photos", lambda seed: (data, rows[:64], rows[64:]))
    monkeypatch.setattr(autopsy, "FULL_SIZE", 48)
    monkeypatch.setitem(autopsy.NETWORKS, SMALL, {"name": backbones.DEFAULT, "image_size": 32})
    monkeypatch.setattr(backbones, "load", load_and_keep)

    def measure(suspects, epochs=1):
        cell = {"network": SMALL, "suspects": suspects, "epochs": epochs, "seed": 0}
        return autopsy.measure_gap(cell), loaded[-1]

    return measure


def changed(base, suspects) -> set[str]:
    """Return the kinds of weights in which a base differs from one that was not trained."""
    untouched = backbones.load(image_size=32, preprocess=RAW not in suspects)
    pairs = zip(base.weights, untouched.weights, strict=True)
    return {
        one.path.rpartition("/")[2] for one, other in pairs if not np.array_equal(one.numpy(), other.numpy())
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "suspects, expected",
    [
        (TUTORIALS, set()),
        (f"{TUTORIALS}, {BATCH}", set()),
        (f"{TUTORIALS}, {UPDATED}", {"moving_mean", "moving_variance"}),
    ],
)
def test_the_base_stays_frozen_but_for_statistics_that_are_updated(small_gap, suspects, expected):
    assert changed(small_gap(suspects)[1], suspects) == expected


@pytest.mark.slow
def test_only_batch_statistics_set_the_modes_apart(small_gap):
    names = ("training", "validation")
    for suspects in (RAW, FLATTEN, ZOOM, TUTORIALS):
        measured, _ = small_gap(suspects)
        assert all(measured[name] == measured[f"{name}_as_trained"] for name in names)
    measured, _ = small_gap(f"{TUTORIALS}, {BATCH}")
    assert all(measured[name] != measured[f"{name}_as_trained"] for name in names)


@pytest.mark.slow
def test_each_suspect_does_what_it_says(small_gap, monkeypatch):
    zoomed = []
    shown = autopsy._augmented
    monkeypatch.setattr(autopsy, "_augmented", lambda *all_: zoomed.append(all_[1]) or shown(*all_))
    pooled = []
    build = autopsy.transfer.build_classifier

    def build_and_note(*arguments, **settings):
        pooled.append(settings["pooling"])
        return build(*arguments, **settings)

    monkeypatch.setattr(autopsy.transfer, "build_classifier", build_and_note)
    for suspects in (RAW, FLATTEN, ZOOM, BATCH):
        _, base = small_gap(suspects)
        scaled = any(layer.name == "preprocessing" for layer in base.layers)
        assert scaled == (suspects != RAW)
        assert pooled[-1] == ("flatten" if suspects == FLATTEN else "average")
        assert {one == autopsy.AUGMENTER for one in zoomed} == {suspects == ZOOM}
        zoomed.clear()


@pytest.mark.slow
def test_a_gap_is_measured_on_full_batches_and_after_every_epoch(small_gap):
    one, two = (small_gap(FLATTEN, epochs)[0] for epochs in (1, 2))
    for measured in (one, two):  # 64 photos to train on; 46 to validate on, 32 of them looked at
        assert measured["printed"] * 64 == pytest.approx(round(measured["printed"] * 64))
        assert measured["training"] * 32 == int(measured["training"] * 32)
        assert measured["validation"] * 32 == int(measured["validation"] * 32)
    assert two["printed"] > one["printed"]


def gap_results(**columns) -> pd.DataFrame:
    """Make up results of all trainings: a gap of 0.2 with seed 0, and 0.01 more with each seed."""
    return pd.DataFrame(
        [
            {
                **{"network": network, "suspects": suspects, "epochs": epochs, "seed": seed},
                **{"printed": 0.8 + 0.01 * seed, "validation": 0.6},
                **{"training": 0.5, "training_as_trained": 0.9, "validation_as_trained": 0.7},
                **columns,
            }
            for seed in range(5)
            for network, suspects, epochs in reversed(autopsy.GAP_TRAININGS)
        ]
    )


def test_a_gap_is_what_is_printed_less_validation():
    table = autopsy.gaps(gap_results())
    assert list(table.index) == autopsy.GAP_TRAININGS
    np.testing.assert_allclose(table["printed"] - table["validation"], table["gap"])
    np.testing.assert_allclose(table["gap"], 0.22)
    np.testing.assert_allclose(table["spread"], np.std([0, 0.01, 0.02, 0.03, 0.04], ddof=1))
    # Student's t for four degrees of freedom; C. Nadeau and Y. Bengio's 1/n + n(validation) / n(training).
    error = table["spread"] * (1 / 5 + 350 / 1050) ** 0.5
    np.testing.assert_allclose(table["margin"], 2.776 * error, rtol=1e-3)


def test_gaps_of_one_network_alone():
    results = gap_results()
    only = autopsy.LITE0
    table = autopsy.gaps(results[results["network"] == only])
    assert set(table.index.get_level_values("network")) == {only}


def test_both_parts_are_run_and_what_is_out_of_reach_is_named(monkeypatch, capsys, tmp_path):
    def load(name, **_):
        if name == "mobilenet":
            raise checks.MissingFile("Its weights are not there.")

    runs = []
    monkeypatch.setattr(backbones, "load", load)
    monkeypatch.setattr(experiments, "run", lambda *arguments: runs.append(arguments))
    autopsy.run(tmp_path / "mine.csv", 1)
    (_, first, *_), (cells, second, measure, workers, _) = runs
    assert (first, second) == (tmp_path / "mine.csv", tmp_path / "mine_gap.csv")
    assert (measure, workers) == (autopsy.measure_gap, 1)
    assert "MobileNet ¼ at 224 pixels is left out. Its weights are not there." in capsys.readouterr().out
    assert {cell["network"] for cell in cells} == {autopsy.LITE0}
    assert len(cells) == autopsy.SEEDS * len(autopsy.SUSPECTS)
    runs.clear()
    monkeypatch.setattr(backbones, "load", lambda **_: None)
    autopsy.run()
    assert runs[0][1] == autopsy.RESULTS and runs[1][1] == autopsy.GAP_RESULTS
    assert len(runs[1][0]) == autopsy.SEEDS * len(autopsy.GAP_TRAININGS)


def test_committed_gaps_are_of_every_training_and_seed():
    results = experiments.read(autopsy.GAP_RESULTS)
    cells = results[["network", "suspects", "epochs", "seed"]].itertuples(index=False, name=None)
    wanted = [(*training, seed) for training in autopsy.GAP_TRAININGS for seed in range(autopsy.SEEDS)]
    assert sorted(cells) == sorted(wanted)


def test_committed_gaps_open_with_raw_pixels_and_batch_statistics_together():
    results = experiments.read(autopsy.GAP_RESULTS)
    table = autopsy.gaps(results[results["epochs"] == 1])
    suspects = table.index.get_level_values("suspects")
    together = np.array([RAW in names and BATCH in names for names in suspects])
    with_flatten = together & np.array([FLATTEN in names for names in suspects])
    assert (table["gap"] > table["margin"])[with_flatten].all() and (table["gap"] > 0.1)[with_flatten].all()
    assert (table["gap"] < 0)[~together].all() and (table["gap"] > 0)[together].all()
    # It is not the photos: those just trained on do as badly, in the mode that validation has.
    assert (table["printed"] - table["training"] > 0.1)[with_flatten].all()
