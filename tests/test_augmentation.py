"""Lesson 3's measurement: pairs that differ in augmentation alone, and what is made of them."""

import numpy as np
import pandas as pd
import pytest

from helpers import datasets
from helpers.study import augmentation
from helpers.study.augmentation import FROM_SCRATCH, HEAD_ONLY, LAST_BLOCKS, METHODS, MODERATE, NONE, WIDE


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    return datasets.draw_pets(60, seed=0, folder=tmp_path_factory.mktemp("pets"), size=64)


@pytest.fixture
def small(monkeypatch):
    """Twelve photos for validation, pictures of 32 pixels, few variants and steps."""
    monkeypatch.setattr(augmentation, "N_VALIDATION", 12)
    monkeypatch.setattr(augmentation, "IMAGE_SIZE", dict.fromkeys(METHODS, 32))
    few = augmentation.Extent(3, {LAST_BLOCKS: 4, FROM_SCRATCH: 20}, 2)
    monkeypatch.setattr(augmentation, "FEW", few)
    cached = [part for part in vars(augmentation).values() if hasattr(part, "cache_clear")]
    for each in cached:
        each.cache_clear()
    yield
    for each in cached:
        each.cache_clear()


def test_every_training_with_augmentation_has_one_without():
    cells = pd.DataFrame(augmentation.cells())
    assert not cells.duplicated().any()
    pairs = {
        name: set(map(tuple, rows.drop(columns="augmentation").values.tolist()))
        for name, rows in cells.groupby("augmentation")
    }
    assert pairs[NONE] == pairs[MODERATE] > pairs[WIDE]
    assert set(cells.loc[cells["augmentation"] == WIDE, "method"]) == {HEAD_ONLY}


def test_parts_do_not_overlap_and_a_seed_divides_as_lesson_2_does(pets, small):
    train, validation, held_out = augmentation._parts(pets, 40, seed=1)
    assert sorted([*train, *validation, *held_out]) == list(range(60))
    assert (len(train), len(validation), len(held_out)) == (40, 12, 8)
    assert (pets["label"][train] == "dog").sum() == 20
    assert np.array_equal(train, augmentation._parts(pets, 40, seed=1)[0])
    assert not np.array_equal(train, augmentation._parts(pets, 40, seed=2)[0])


def test_variants_come_round_by_round_and_none_are_the_pictures_themselves(pets, small):
    paths = tuple(pets["path"])
    plain = augmentation._views(paths, (0, 5), NONE, 1, 0, 32)
    varied = augmentation._views(paths, (0, 5), MODERATE, 3, 0, 32)
    assert plain.shape == (2, 32, 32, 3) and varied.shape == (6, 32, 32, 3)
    distance = np.abs(varied[:, None].astype(float) - plain[None]).mean(axis=(2, 3, 4))
    assert distance.argmin(axis=1).tolist() == [0, 1, 0, 1, 0, 1]
    assert distance.min() > 1, "each is changed"


def test_all_variants_of_a_photo_weigh_as_much_as_the_photo():
    rng = np.random.default_rng(0)
    inputs, labels = rng.normal(size=(40, 3)), np.arange(40) % 2
    inputs[:, 0] += labels
    once, loss = augmentation._solved((inputs, labels), (inputs, labels), 1.0)
    tripled = np.tile(inputs, (3, 1)), np.tile(labels, 3)
    thrice, same_loss = augmentation._solved(tripled, (inputs, labels), 1 / 3)
    np.testing.assert_allclose(thrice.coef_, once.coef_, atol=1e-3)
    assert thrice.C == once.C and same_loss == pytest.approx(loss, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_with_and_without_are_trained_as_long(pets, small, method):
    without, varied = (augmentation.run_cell(pets, method, name, 40, seed=0) for name in (NONE, MODERATE))
    assert without.steps == varied.steps == {HEAD_ONLY: 0, LAST_BLOCKS: 4, FROM_SCRATCH: 20}[method]
    assert (without.views, varied.views) == (1, 3)
    assert without.n_held_out == varied.n_held_out == 8
    assert without.validation_loss != varied.validation_loss
    again = augmentation.run_cell(pets, method, MODERATE, 40, seed=0)
    assert again.accuracy == varied.accuracy and again.log_loss == pytest.approx(varied.log_loss, abs=1e-4)


@pytest.mark.slow
def test_fine_tuning_leaves_the_base_for_the_next_cell_as_it_was(pets, small):
    before = augmentation.run_cell(pets, HEAD_ONLY, NONE, 40, seed=0)
    augmentation.run_cell(pets, LAST_BLOCKS, NONE, 40, seed=0)
    augmentation._seen_by_base.cache_clear()
    after = augmentation.run_cell(pets, HEAD_ONLY, NONE, 40, seed=0)
    assert after.log_loss == pytest.approx(before.log_loss, abs=1e-6)


def results(**accuracies: list[float]) -> pd.DataFrame:
    rows = [
        {"augmentation": name, "seed": seed, "photos": 40, "method": HEAD_ONLY, "accuracy": accuracy}
        for name, values in accuracies.items()
        for seed, accuracy in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_gains_are_those_of_pairs():
    table = augmentation.gains(results(none=[0.5, 0.7, 0.9], moderate=[0.6, 0.8, 1.0]))
    row = table.loc[(MODERATE, HEAD_ONLY, 40)]
    assert row["gain"] == pytest.approx(0.1) and row["seeds"] == 3
    assert row["spread"] < 1e-9 and row["margin"] < 1e-9, "the seeds are compared one by one"
    assert (row["without"], row["augmented"]) == (pytest.approx(0.7), pytest.approx(0.8))


def test_a_seed_without_its_pair_does_not_count():
    table = augmentation.gains(results(none=[0.5, 0.7, 0.0], moderate=[0.6, 0.9]))
    row = table.loc[(MODERATE, HEAD_ONLY, 40)]
    assert row["seeds"] == 2 and row["without"] == pytest.approx(0.6) and row["gain"] == pytest.approx(0.15)


def test_the_committed_results_are_all_there():
    table = pd.read_csv(augmentation.RESULTS)
    cells = pd.DataFrame(augmentation.cells())
    names = list(cells)
    assert set(map(tuple, table[names].values)) == set(map(tuple, cells[names].values))
    assert len(table) == len(cells)
    assert (table["n_held_out"] == 1399 - 140 - table["photos"]).all()
    steps = table.groupby(["method", "photos"])["steps"].nunique()
    assert (steps == 1).all(), "each pair has the same number of steps"
