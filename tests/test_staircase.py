"""The staircase: each step trains what it says, and what is kept can be read again."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from helpers import backbones, datasets
from helpers.study import experiments, staircase, strategies
from helpers.study.staircase import AUGMENTED, DRAWN_PETS, FINE_TUNED, HEAD, PHOTOS, SCRATCH, STEPS


@pytest.fixture
def task(tmp_path, monkeypatch) -> staircase.Task:
    monkeypatch.setattr(staircase, "SCRATCH_SIZE", 32)
    pets = datasets.draw_pets(60, seed=0, folder=tmp_path, size=64).sample(frac=1, random_state=0)
    return staircase.Task(pets[:24], pets[24:40], pets[40:], 32, None, 1e-4, 1, 12)


@pytest.mark.slow
def test_from_scratch_the_epoch_with_the_lowest_validation_loss_is_kept(task, monkeypatch):
    losses = []
    evaluate = staircase.keras.Model.evaluate

    def noted(model, *data, **settings):
        found = evaluate(model, *data, **settings)
        losses.append((found["loss"], model.get_weights()))
        return found

    monkeypatch.setattr(staircase.keras.Model, "evaluate", noted)
    predict, curve, best_epoch, watch = staircase._from_scratch(task, 3, 3, staircase.AUGMENTER, seed=0)
    best = int(np.argmin([loss for loss, _ in losses]))
    assert best_epoch == best + 1 and len(curve) == 3 and watch.cpu_seconds > 0
    model = staircase.networks.from_scratch(staircase.networks.AVERAGED, 32, 2)
    model.set_weights(losses[best][1])
    pictures = staircase._pictures(task.test, 32).astype(np.float32)
    np.testing.assert_allclose(predict(task.test), model.predict_on_batch(pictures), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("from_layer", [None, "block7a_expand_conv"])
def test_a_head_leaves_the_base_alone_and_fine_tuning_moves_what_is_unfrozen(task, from_layer, monkeypatch):
    bases = []
    load = backbones.load
    monkeypatch.setattr(backbones, "load", lambda **_: bases.append(load(image_size=32)) or bases[-1])
    task = replace(task, from_layer=from_layer)
    head_alone, *_ = staircase._with_transfer(task, fine_tunes=False, seed=0)
    tuned, *_ = staircase._with_transfer(task, fine_tunes=True, seed=0)
    untouched, moved = bases
    as_loaded = load(image_size=32)
    for layer in as_loaded.layers:
        same = [
            all(map(np.array_equal, layer.get_weights(), base.get_layer(layer.name).get_weights()))
            for base in bases
        ]
        learns = bool(moved.get_layer(layer.name).trainable_weights)
        assert same == [True, not learns], layer.name
    assert untouched.get_layer("stem_conv").trainable_weights and moved.trainable_weights
    assert head_alone(task.test).shape == (20, 1)
    assert not np.allclose(head_alone(task.test), tuned(task.test), atol=1e-3)


@pytest.mark.slow
def test_drawings_to_learn_from_are_others_with_each_seed_and_never_the_tests(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    monkeypatch.setattr(staircase.datasets, "draw_pets", lambda n, **_: fake_pets(n))
    seen = set()
    for seed in range(staircase.SEEDS[DRAWN_PETS]):
        task = staircase._task(DRAWN_PETS, seed)
        parts = [set(part["path"]) for part in (task.train, task.val, task.test)]
        assert [len(part) for part in parts] == [40, 100, 300]
        assert not parts[0] & (seen | parts[1] | parts[2]) and not parts[1] & parts[2]
        assert task.train["label"].value_counts().tolist() == [20, 20]
        seen |= parts[0]
    assert set(staircase._task(DRAWN_PETS, 0).train["path"]) == {
        f"{label}.{number}" for label in ("cat", "dog") for number in range(20)
    }


def fake_pets(n: int) -> pd.DataFrame:
    return pd.DataFrame(
        [(f"{label}.{number}", label) for label in ("cat", "dog") for number in range(n // 2)],
        columns=["path", "label"],
    )


def results() -> pd.DataFrame:
    right = np.arange(10) % 3 > 0
    return pd.DataFrame(
        [
            {
                "task": task,
                "step": step,
                "seed": seed,
                "n_test": 10,
                "right": strategies.as_text(right ^ (seed == 1)),
                "curve": "0.5 0.75 0.7" + " 0.8" * seed if step == SCRATCH else "",
            }
            for task in (DRAWN_PETS, PHOTOS)
            for step in (SCRATCH, HEAD)
            for seed in (1, 0)
        ]
    )


def test_what_is_kept_as_text_is_read_again_seed_by_seed():
    np.testing.assert_array_equal(staircase.right(results(), PHOTOS, HEAD, 0), np.arange(10) % 3 > 0)
    np.testing.assert_array_equal(staircase.right(results(), PHOTOS, HEAD, 1), np.arange(10) % 3 == 0)
    np.testing.assert_array_equal(staircase.curves(results(), PHOTOS, SCRATCH), [[0.5, 0.75, 0.7]] * 2)


def test_committed_results_are_whole_and_agree_with_themselves():
    kept = staircase.results()
    runs = {(task, step, seed) for task, n in staircase.SEEDS.items() for step in STEPS for seed in range(n)}
    assert set(zip(kept["task"], kept["step"], kept["seed"])) == runs and len(kept) == len(runs)
    for run in kept.itertuples():
        right = staircase.right(kept, run.task, run.step, run.seed)
        assert right.mean() == pytest.approx(run.accuracy)
        is_scratch = run.step in (SCRATCH, AUGMENTED)
        assert run.best_epoch <= len(run.curve.split()) <= is_scratch * staircase.SCRATCH_EPOCHS[run.task]
    means = kept.groupby(["task", "step"])["accuracy"].mean()
    best_of_others = max(means[DRAWN_PETS, HEAD], means[DRAWN_PETS, AUGMENTED])
    assert means[DRAWN_PETS, FINE_TUNED] > best_of_others > means[DRAWN_PETS, SCRATCH] + 0.1
    assert abs(means[PHOTOS, FINE_TUNED] - means[PHOTOS, HEAD]) < 0.02
    assert means[PHOTOS, HEAD] > means[PHOTOS, AUGMENTED] + 0.1


def test_results_come_in_the_order_of_the_steps_however_they_were_measured(tmp_path):
    measured = [
        {"task": task, "step": step, "seed": seed}
        for seed in (1, 0)
        for task in (PHOTOS, DRAWN_PETS)
        for step in (HEAD, AUGMENTED, SCRATCH, FINE_TUNED)
    ]
    for cell in measured:
        experiments.append(tmp_path / "kept.csv", cell | {"right": "", "curve": ""})
    kept = staircase.results(tmp_path / "kept.csv")
    expected = [(task, step, seed) for task in staircase.TASKS for step in STEPS for seed in (0, 1)]
    assert list(zip(kept["task"], kept["step"], kept["seed"])) == expected
    assert staircase.results(tmp_path / "none.csv").empty


def test_the_results_lie_where_the_others_do():
    assert staircase.RESULTS.parent == experiments.RESULTS
