"""The experiment engine: complete records, fair draws, and cells that equal the same thing done by hand."""

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from helpers import backbones, datasets, images, strategies
from helpers.strategies import FINE_TUNE, FROM_SCRATCH, HEAD_ONLY, Recipe

SIZE = 64


@pytest.fixture(scope="module")
def base():
    return backbones.load(image_size=SIZE)


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    data = datasets.draw_pets(60, seed=1, folder=tmp_path_factory.mktemp("pets"))
    return data, strategies.photo_domain(data, image_size=SIZE)


@pytest.fixture(scope="module")
def digits():
    return strategies.digit_domain(image_size=SIZE).only("01234", "five digits")


@pytest.fixture(scope="module")
def kept(base, pets, digits):
    return {domain.name: strategies.bottleneck(domain, base) for domain in (pets[1], digits)}


@pytest.fixture(autouse=True)
def short_recipes(monkeypatch):
    short = Recipe(learning_rate=1e-3, epochs=1, steps=2)
    monkeypatch.setattr(strategies, "RECIPES", {FINE_TUNE: short, FROM_SCRATCH: short})


def made_grid(**accuracies) -> pd.DataFrame:
    """Return a grid whose boxes all have these accuracies: a list, one number a seed, a strategy."""
    names = {"head": HEAD_ONLY, "fine": FINE_TUNE, "scratch": FROM_SCRATCH}
    return pd.DataFrame(
        [
            dict.fromkeys(("log_loss", "trainable", "seconds", "images_seen"), 1)
            | {"domain": domain, "n_train": n, "strategy": names[name], "seed": seed, "accuracy": accuracy}
            for domain in (strategies.PHOTOS, strategies.DIGITS)
            for n in (40, 640)
            for name, values in accuracies.items()
            for seed, accuracy in enumerate(values)
        ]
    )


def test_a_domain_is_divided_once(pets, digits):
    for domain in (pets[1], digits):
        assert not set(domain.pool) & set(domain.held_out)
        assert len(domain.pool) + len(domain.held_out) == len(domain.pictures) == len(domain.labels)
        assert set(domain.labels[domain.held_out]) == set(domain.classes)


def test_training_rows_follow_from_the_seed(pets):
    domain = pets[1]
    rows = domain.training_rows(20, seed=3)
    np.testing.assert_array_equal(rows, domain.training_rows(20, seed=3))
    assert set(rows) != set(domain.training_rows(20, seed=4))
    assert len(set(rows)) == 20 and set(rows) <= set(domain.pool)
    assert sorted(domain.labels[rows]) == ["cat"] * 10 + ["dog"] * 10


@pytest.mark.parametrize("n_train", [1, 41, 1000])
def test_sizes_that_a_domain_has_not(pets, n_train):
    with pytest.raises(ValueError, match="Choose a number from 2 to 40"):
        pets[1].training_rows(n_train, seed=0)


def test_digits_are_grey_pictures_in_range(digits):
    assert digits.pictures.dtype == np.uint8 and digits.pictures.shape[1:] == (SIZE, SIZE, 3)
    assert digits.pictures.max() == 255 and digits.pictures.min() == 0
    assert (digits.pictures[..., 0] == digits.pictures[..., 2]).all()
    assert digits.classes == list("01234")


def test_a_part_of_a_domain_keeps_its_division():
    whole = strategies.digit_domain(image_size=32)
    part = whole.only("56789", "five to nine")
    for rows, wanted in ((part.pool, whole.pool), (part.held_out, whole.held_out)):
        kept = wanted[np.isin(whole.labels[wanted], list("56789"))]
        np.testing.assert_array_equal(part.pictures[rows], whole.pictures[kept])
        np.testing.assert_array_equal(part.labels[rows], whole.labels[kept])


def test_targets_are_those_that_keras_wants(pets, digits):
    np.testing.assert_array_equal(pets[1].targets(), pets[1].labels == "dog")
    assert digits.targets().shape == (len(digits.labels), 5)
    np.testing.assert_array_equal(digits.targets().argmax(axis=1).astype(str), digits.labels)


def test_a_small_set_is_passed_over_more_often():
    recipe = Recipe(learning_rate=1, epochs=10, steps=100)
    assert [recipe.epochs_for(n) for n in (32, 40, 320, 640)] == [100, 50, 10, 10]


def test_the_bottleneck_is_the_base_run_in_two_parts(base, pets, kept):
    whole = np.asarray(base(pets[1].pictures[:8].astype("float32"), training=False)).mean(axis=(1, 2))
    np.testing.assert_allclose(kept[strategies.PHOTOS].features[:8], whole, atol=1e-3)


def test_a_grid_has_one_complete_record_a_cell(pets, digits, kept):
    domains = [(domain, kept[domain.name]) for domain in (pets[1], digits)]
    grid = strategies.run_grid(domains, (16, 30), dict.fromkeys(strategies.STRATEGIES, 1) | {HEAD_ONLY: 2})
    assert list(grid) == [field.name for field in fields(strategies.Cell)]
    assert len(grid) == 2 * 2 * 4 and not grid.duplicated(["strategy", "domain", "n_train", "seed"]).any()
    assert not grid.isna().any(axis=None)
    assert (
        grid["accuracy"].between(0, 1).all() and (grid["log_loss"] > 0).all() and (grid["seconds"] > 0).all()
    )
    trainable = grid[grid["domain"] == strategies.PHOTOS].groupby("strategy")["trainable"].first()
    assert trainable[HEAD_ONLY] == 1281 < trainable[FROM_SCRATCH] < trainable[FINE_TUNE]
    # two passes over 16 pictures make the two batches that the recipe asks for
    seen = grid[grid["n_train"] == 16].groupby("strategy")["images_seen"].max()
    assert seen[FROM_SCRATCH] == 32 and seen[FINE_TUNE] > 32


@pytest.mark.parametrize("strategy", strategies.STRATEGIES)
def test_cells_leave_the_base_alone_and_repeat(base, pets, kept, strategy):
    before = base.get_weights()
    first, second = (
        strategies.run_cell(strategy, pets[1], kept[strategies.PHOTOS], 16, seed=0) for _ in range(2)
    )
    for weights, same in zip(before, base.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, same)
    assert first.log_loss == pytest.approx(second.log_loss, rel=0.01)


def test_head_only_equals_the_same_by_hand(base, pets, kept):
    data, domain = pets
    cell = strategies.run_cell(HEAD_ONLY, domain, kept[strategies.PHOTOS], 20, seed=2)
    found = np.asarray(base(images.read_many(data["path"], SIZE).astype("float32"), training=False))
    found = found.mean(axis=(1, 2))
    rows = domain.training_rows(20, seed=2)
    head = LogisticRegression(max_iter=1000).fit(found[rows], data["label"].iloc[rows])
    truth = data["label"].iloc[domain.held_out]
    assert cell.accuracy == pytest.approx(head.score(found[domain.held_out], truth))
    by_hand = log_loss(truth, head.predict_proba(found[domain.held_out]))
    assert cell.log_loss == pytest.approx(by_hand, rel=0.01)


def test_head_only_with_more_than_two_classes(digits, kept):
    cell = strategies.run_cell(HEAD_ONLY, digits, kept[digits.name], 60, seed=1)
    rows, found = digits.training_rows(60, seed=1), kept[digits.name].features
    head = LogisticRegression(max_iter=1000).fit(found[rows], digits.labels[rows])
    assert cell.accuracy == pytest.approx(head.score(found[digits.held_out], digits.labels[digits.held_out]))


def test_an_unknown_strategy(pets, kept):
    with pytest.raises(ValueError, match="Choose one of head only, fine-tune, from scratch"):
        strategies.run_cell("hope", pets[1], kept[strategies.PHOTOS], 16, seed=0)


def test_summary_and_difference():
    grid = made_grid(head=[0.9, 0.8], fine=[0.95, 0.85], scratch=[0.5, 0.7])
    summary = strategies.summarise(grid)
    assert len(summary) == 12 and (summary["seeds"] == 2).all()
    assert summary["accuracy"].iloc[:3].tolist() == pytest.approx([0.85, 0.9, 0.6])
    mean, margin = strategies.difference(grid, strategies.PHOTOS, 40, FINE_TUNE, HEAD_ONLY)
    assert mean == pytest.approx(0.05) and margin == pytest.approx(0, abs=1e-9)  # seed by seed


def test_verdicts():
    grid = made_grid(head=[0.9, 0.91, 0.9], fine=[0.95, 0.89, 0.91], scratch=[0.5, 0.6, 0.5])
    found = strategies.verdicts(grid).set_index(["domain", "size"])
    verdict = found["verdict"]
    assert verdict[strategies.PHOTOS, "small"] == verdict[strategies.PHOTOS, "large"] == "undecided"
    assert verdict[strategies.DIGITS, "small"] == verdict[strategies.DIGITS, "large"] == "disagrees"
    assert found.loc[(strategies.DIGITS, "small"), "rival"] == FINE_TUNE
    clear = strategies.verdicts(
        made_grid(head=[0.9, 0.91, 0.9], fine=[0.8, 0.8, 0.8], scratch=[0.5, 0.6, 0.5])
    )
    assert clear["verdict"].tolist() == ["agrees", "disagrees", "disagrees", "disagrees"]


def test_features_of_models_a(digits):
    teacher, pupil = digits.only("01", "0 and 1"), digits.only("234", "2 to 4")
    found, own = strategies.small_cnn_features(teacher, 20, pupil, seed=0)
    assert found.shape == (len(pupil.labels), 4 * 4 * 128) and 0 <= own <= 1
    untrained, _ = strategies.small_cnn_features(teacher, 0, pupil, seed=0)
    assert not np.allclose(found, untrained)
    scores = strategies.head_scores(pupil, untrained, 30, seeds=2)
    assert scores.shape == (2,) and (scores > 0.4).all()
