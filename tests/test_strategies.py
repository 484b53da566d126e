"""The comparison's cells: settings chosen by validation, the start as a candidate, and scores that add up."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from helpers import backbones, checks, datasets, evaluate, features, runtime, transfer
from helpers.augment import targets_of
from helpers.framework import keras
from helpers.study import domains, networks, strategies
from helpers.study.strategies import (
    ALL_BLOCKS,
    BATCH_NORM,
    COLD,
    FROM_SCRATCH,
    HEAD_ONLY,
    LAST_BLOCKS,
    RAW_PIXELS,
    WARMED_UP,
)

pytestmark = pytest.mark.slow

SIZE = 32


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return datasets.draw_pets(100, seed=1, folder=tmp_path_factory.mktemp("pets"), size=64)


@pytest.fixture(scope="module")
def pets(data):
    return domains.of_table(data, SIZE)


@pytest.fixture(scope="module")
def base():
    return backbones.load(image_size=SIZE)


@pytest.fixture(scope="module")
def cached(pets, base):
    return strategies.bottleneck(pets, base)


@pytest.fixture(autouse=True)
def short_trainings(monkeypatch):
    monkeypatch.setattr(
        strategies, "PATIENCE", dict.fromkeys(strategies.PATIENCE, networks.Patience(10, 20, 5))
    )


@pytest.mark.parametrize("strategy", [RAW_PIXELS, *strategies.STRATEGIES])
def test_a_cell_is_complete_and_repeats(strategy, pets, cached):
    once, again = (strategies.run_cell(strategy, pets, cached, 40, seed=3) for _ in range(2))
    assert replace(once, cpu_seconds=0.0) == replace(again, cpu_seconds=0.0)
    assert once.n_train == 40 and once.cpu_seconds > 0
    assert np.isfinite([value for value in asdict(once).values() if not isinstance(value, str)]).all()
    right = strategies.from_text(once.right, len(pets.held_out))
    assert right.mean() == pytest.approx(once.accuracy)
    if strategy in (RAW_PIXELS, HEAD_ONLY, *WARMED_UP):
        assert once.validation_loss <= once.start_loss + 1e-6
    assert once.trained_loss >= once.validation_loss - 1e-6 and once.n_held_out == len(pets.held_out)


@pytest.mark.parametrize("strategy", [FROM_SCRATCH, COLD])
def test_what_no_head_was_solved_for_has_to_train(strategy, pets, cached):
    spoilt = strategies.run_cell(strategy, pets, cached, 40, seed=0, learning_rate=0.5)
    assert spoilt.best_step > 0 and spoilt.validation_loss > spoilt.start_loss


def test_seeds_differ(pets, cached):
    one, other = (strategies.run_cell(FROM_SCRATCH, pets, cached, 40, seed=seed) for seed in (0, 1))
    assert one.start_loss != other.start_loss and one.log_loss != other.log_loss


@pytest.mark.parametrize("strategy", [ALL_BLOCKS, LAST_BLOCKS, BATCH_NORM])
def test_a_training_that_spoils_everything_ends_where_it_began(strategy, pets, cached):
    spoilt = strategies.run_cell(strategy, pets, cached, 40, seed=0, learning_rate=10.0)
    head = strategies.run_cell(HEAD_ONLY, pets, cached, 40, seed=0)
    assert spoilt.best_step == 0 and spoilt.validation_loss == pytest.approx(spoilt.start_loss, abs=1e-5)
    assert spoilt.start_loss == pytest.approx(head.validation_loss, abs=2e-3)  # float32
    assert spoilt.accuracy == pytest.approx(head.accuracy, abs=0.04)


def test_without_a_warm_up_the_head_is_a_guess(pets, cached):
    cold = strategies.run_cell(COLD, pets, cached, 40, seed=0, learning_rate=1e-6)
    assert cold.start_loss > strategies.run_cell(ALL_BLOCKS, pets, cached, 40, seed=0).start_loss
    assert COLD not in WARMED_UP


def trainer_of(model, penalty, start_counts=True):
    made = networks.Trainer(model, start_counts=start_counts)
    made.reset(0)
    made.penalise_head(penalty)
    return made


def test_a_solved_head_is_the_lowest_point_with_the_penalty_that_it_was_solved_with(pets, cached):
    """Without its penalty, training takes it away from there at once."""
    rows, classes = pets.training_rows(40, 0), ("cat", "dog")
    found, targets = as_maps(cached.features[rows]), targets_of(pets.labels[rows], classes)
    solved = LogisticRegression(C=0.1, max_iter=5000, tol=1e-8).fit(cached.features[rows], pets.labels[rows])
    moved = {}
    for name, penalty in (("kept", 1 / (2 * 0.1 * len(rows))), ("dropped", 0.0)):
        head = head_on_maps()
        made = trainer_of(head, penalty)
        made.put_head(solved.coef_.T, solved.intercept_)
        # The start does not count, or what training did would be taken back.
        made.start_counts = False
        made.fit((found, targets), (found, targets), networks.Patience(200, 200, 200), 1e-3, seed=0)
        moved[name] = np.abs(head.get_layer("classifier").get_weights()[0] - solved.coef_.T).max()
    assert moved["kept"] < moved["dropped"] / 5


def as_maps(found):
    return found[:, None, None]


def head_on_maps():
    layers = keras.layers
    dropout, dense = (
        layers.Dropout(1e-9, seed=0, name="dropout"),
        layers.Dense(1, "sigmoid", name="classifier"),
    )
    return keras.Sequential([keras.Input((1, 1, 1280)), layers.Flatten(), dropout, dense])


def test_training_stops_by_the_log_loss_alone(pets, cached):
    """A penalty that falls while the log loss rises is no progress."""
    found, targets, head = as_maps(cached.features), targets_of(pets.labels, ("cat", "dog")), head_on_maps()
    made = trainer_of(head, 0.0)
    train, validation = ((found[part], targets[part]) for part in (pets.pool, pets.validation))
    plain = made.fit(train, validation, networks.Patience(50, 50, 10), 1e-3, seed=0)
    after = head.evaluate(*validation, verbose=0, return_dict=True)["loss"]
    assert plain.loss == pytest.approx(after, abs=1e-5)
    made.penalise_head(10.0)
    assert head.evaluate(*validation, verbose=0, return_dict=True)["loss"] > after + 0.01
    again = made.fit(train, validation, networks.Patience(10, 10, 10), 1e-3, seed=0)
    assert again.start_loss == pytest.approx(after, abs=1e-5)


def test_what_tensorflow_prepares_is_no_part_of_the_price(pets, cached):
    strategies._trainer.cache_clear()
    first, second = (strategies.run_cell(ALL_BLOCKS, pets, cached, 20, seed=0) for _ in range(2))
    assert first.cpu_seconds < 1.5 * second.cpu_seconds


def test_raw_pixels_are_logistic_regression_with_the_best_regularisation(pets, cached):
    rows, flat = pets.training_rows(40, 0), pets.pictures.reshape(len(pets.pictures), -1) / 255
    losses, scores = {}, {}
    for regularisation in strategies.REGULARISATION:
        plain = LogisticRegression(C=regularisation, max_iter=5000).fit(flat[rows], pets.labels[rows])
        losses[regularisation] = log_loss(
            pets.labels[pets.validation], plain.predict_proba(flat[pets.validation])
        )
        scores[regularisation] = plain.score(flat[pets.held_out], pets.labels[pets.held_out])
    result = strategies.run_cell(RAW_PIXELS, pets, cached, 40, seed=0)
    assert result.setting == min(losses, key=losses.get)
    assert result.validation_loss == pytest.approx(losses[result.setting], abs=0.01)
    assert result.accuracy == pytest.approx(scores[result.setting], abs=0.04)


def test_a_grey_picture_counts_once():
    digits = domains.load(domains.DIGITS, 16)
    assert strategies._pixels(digits).shape == (1797, 256)


def test_batch_norms_statistics_settle_where_they_are_trained(pets):
    model = strategies._trainer(BATCH_NORM, SIZE, ("cat", "dog"), "averaged", True).model
    frozen = strategies._trainer(ALL_BLOCKS, SIZE, ("cat", "dog"), "averaged", True).model
    for network, momenta in ((model, {networks.MOMENTUM}), (frozen, {0.99})):
        found = {layer.momentum for layer in norms(network)}
        assert found == momenta


def norms(model):
    waiting, found = list(model.layers), []
    while waiting:
        layer = waiting.pop()
        waiting += getattr(layer, "layers", [])
        found += [layer] if isinstance(layer, keras.layers.BatchNormalization) else []
    return found


@pytest.mark.parametrize("architecture", networks.ARCHITECTURES)
@pytest.mark.parametrize("n_classes", [2, 10])
def test_each_network_from_scratch_gives_probabilities(architecture, n_classes):
    model = networks.from_scratch(architecture, SIZE, n_classes)
    outputs = model.predict(np.zeros((3, SIZE, SIZE, 3)), verbose=0)
    assert outputs.shape == (3, 1 if n_classes == 2 else 10)
    assert model.count_params() < 300_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("deep", 32, 2), "architecture is 'deep'. Choose one of"), (("averaged", 8, 2), "image_size is 8")],
)
def test_a_network_that_there_is_not(arguments, message):
    with pytest.raises(checks.CourseError, match=message):
        networks.from_scratch(*arguments)


def test_pictures_are_mirrored_where_that_changes_nothing(pets, monkeypatch):
    """A network that sees which side is bright learns nothing from pictures that are mirrored at random."""
    pictures = np.zeros((64, 16, 16, 3), np.uint8)
    pictures[::2, :, :8], pictures[1::2, :, 8:] = 255, 255
    labels = np.array(["left", "right"] * 32)
    targets = targets_of(labels, ("left", "right"))
    losses = {}
    for mirrored in (False, True):
        trainer = networks.Trainer(networks.from_scratch("flattened", 16, 2), scratch=True, mirrored=mirrored)
        trainer.reset(0)
        part = pictures, targets
        losses[mirrored] = trainer.fit(part, part, networks.Patience(100, 100, 20), 1e-3, seed=0).trained_loss
    # Of six looks the best is taken, which by chance is a little under the 0.69 of a guess.
    assert losses[False] < 0.2 < 0.5 < losses[True]


@pytest.mark.parametrize(
    ("losses", "patience", "lowest"),
    [
        ([3, 2, 1], 1, 1),
        ([3, 2, 2.5, 1], 1, 2),
        ([3, 2, 2.5, 1], 2, 1),
        ([1, 2, 3, 0], 2, 1),
        ([5], 3, 5),
        ([1, 0.9995, 0.999], 2, 1),
    ],
)
def test_what_less_patience_would_have_found(losses, patience, lowest):
    assert networks._lowest(losses, patience) == lowest


def test_right_and_wrong_as_text():
    right = np.random.default_rng(0).random(540) < 0.7
    text = strategies.as_text(right)
    assert len(text) == 92 and text.isascii()
    np.testing.assert_array_equal(strategies.from_text(text, 540), right)


def test_an_unknown_strategy(pets, cached):
    with pytest.raises(
        checks.CourseError, match="strategy is 'hope'. Choose one of raw pixels, from scratch"
    ):
        strategies.run_cell("hope", pets, cached, 40, seed=0)


def test_the_bottleneck_is_the_base_run_in_two_parts(base, pets, cached):
    whole = np.asarray(base(pets.pictures[:8].astype("float32"), training=False)).mean(axis=(1, 2))
    np.testing.assert_allclose(cached.features[:8], whole, atol=1e-3)
    assert cached.cpu_seconds_a_picture > 0


def test_head_only_equals_what_lesson_4_does_by_hand(base, data, pets, cached):
    cell = strategies.run_cell(HEAD_ONLY, pets, cached, 40, seed=2)
    found = features.extract(base, data, keep=False)
    rows, held_out = pets.training_rows(40, seed=2), pets.held_out
    head = LogisticRegression(C=cell.setting, max_iter=1000).fit(found[rows], data["label"].iloc[rows])
    truth = data["label"].iloc[held_out]
    assert cell.accuracy == head.score(found[held_out], truth)
    assert cell.log_loss == pytest.approx(log_loss(truth, head.predict_proba(found[held_out])), rel=0.01)

    # And so does the whole network with that head on it, looking at the pictures.
    classifier = transfer.build_classifier(base, ("cat", "dog"))
    classifier.get_layer("classifier").set_weights([head.coef_.T, head.intercept_])
    assert evaluate.report(classifier, data.iloc[held_out]).accuracy == cell.accuracy


def test_a_cell_leaves_the_base_as_it_is_and_whatever_ran_before_does_not_count(base, pets, cached):
    before = base.get_weights()
    first = strategies.run_cell(ALL_BLOCKS, pets, cached, 20, seed=0)
    runtime.seed_everything(7)
    again = strategies.run_cell(ALL_BLOCKS, pets, cached, 20, seed=0)
    assert again.log_loss == first.log_loss
    for weights, same in zip(before, base.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, same)


def test_what_each_strategy_trains(pets, cached, base):
    weights = {
        name: strategies.run_cell(name, pets, cached, 20, seed=0).trainable
        for name in (FROM_SCRATCH, HEAD_ONLY, LAST_BLOCKS, ALL_BLOCKS)
    }
    assert weights[HEAD_ONLY] == 1281
    assert weights[HEAD_ONLY] < weights[FROM_SCRATCH] < weights[LAST_BLOCKS] < weights[ALL_BLOCKS]
    assert weights[ALL_BLOCKS] < base.count_params() + 1281  # batch normalisation stays as it is
