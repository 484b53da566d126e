"""Trainings that go astray, data sets of odd proportions, memory that runs out, the same seed twice."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from faults import saved

from helpers import augment, datasets, evaluate, features, runtime, splits, training, transfer
from helpers.checks import CourseError

SIZE = 32


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    return datasets.draw_pets(24, 0, tmp_path_factory.mktemp("pets"), size=48)


def small_classifier(classes=("cat", "dog")):
    keras.utils.set_random_seed(1)
    pictures = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1)(pictures)
    base = keras.Model(pictures, keras.layers.Conv2D(8, 3, strides=8, name="conv")(x), name="small")
    return transfer.build_classifier(base, classes)


@pytest.fixture
def batches(pets):
    train, val = pets.iloc[::2], pets.iloc[1::2]
    return augment.ImageBatches(train, SIZE, 4, shuffle=True), augment.ImageBatches(val, SIZE, 4)


def weights_of(model):
    return [weights.copy() for weights in model.get_weights()]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


# --- the loss is lost --------------------------------------------------------------------------------


def explode_in(epoch):
    """A schedule that is sound up to that epoch, and then not."""
    return lambda number, rate=None: 1e38 if number >= epoch else 1e-3


@pytest.mark.slow
def test_nan_in_a_warm_up_is_told_and_the_last_good_weights_stay(batches):
    sound = small_classifier()
    transfer.warm_up(sound, *batches, epochs=2, schedule=explode_in(2))
    model = small_classifier()
    with pytest.raises(
        CourseError, match=r"^The loss became (nan|inf) in epoch 3: with learning_rate=1e\+38"
    ):
        transfer.warm_up(model, *batches, epochs=9, schedule=explode_in(2))
    for one, other in zip(weights_of(model), weights_of(sound), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.slow
def test_nan_on_features_is_told(batches):
    model = small_classifier()
    tables = [(np.random.default_rng(0).normal(size=(12, 8)), part.targets) for part in batches[:1] * 2]
    with pytest.raises(CourseError, match="The loss became (nan|inf) in epoch 1.*Choose a smaller one"):
        transfer.warm_up_on_features(model, *tables, batch_size=4, schedule=explode_in(0))
    assert all(np.isfinite(weights).all() for weights in model.get_weights())


def test_nan_in_validation_alone_is_told(batches):
    model = small_classifier()
    good = np.random.default_rng(0).normal(size=(16, 8))
    watch = training.Diverged()
    watch.set_model(transfer.head_of(model))
    transfer.compile_classifier(watch.model, 1e-3)
    watch.on_epoch_begin(0)
    watch.on_epoch_end(0, {"loss": 0.5, "val_loss": 0.6})
    with pytest.raises(CourseError, match="The loss became nan"):
        watch.on_epoch_end(0, {"loss": 0.5, "val_loss": float("nan")})
    assert np.isfinite(watch.model.predict(good, verbose=0)).all()


@pytest.fixture
def wreck_epoch(monkeypatch):
    """Return a function that makes the training of an epoch end with all weights far off."""
    on_epoch_begin = training.EpochOrder.on_epoch_begin

    def wreck(number, value):
        def begin(self, epoch, logs=None):
            on_epoch_begin(self, epoch)
            if epoch == number:
                self.model.set_weights([np.full_like(weights, value) for weights in self.model.get_weights()])

        monkeypatch.setattr(training.EpochOrder, "on_epoch_begin", begin)

    return wreck


@pytest.mark.slow
@pytest.mark.parametrize("value", [float("nan"), 1e6])
def test_a_wrecked_fine_tuning_keeps_its_last_good_checkpoint(batches, tmp_path, wreck_epoch, value):
    recipe = {"learning_rate": 1e-3, "keep": tmp_path / "keep", "patience": 9}
    model = small_classifier()
    good = transfer.fine_tune(model, *batches, epochs=2, **recipe)

    wreck_epoch(3, value)
    model = small_classifier()
    with pytest.raises(CourseError, match=r"The loss became .* in epoch 4: with learning_rate=0\.001"):
        transfer.fine_tune(model, *batches, epochs=5, **recipe)
    assert all(np.isfinite(weights).all() and np.abs(weights).max() < 100 for weights in model.get_weights())
    (kept,) = (copy for copy in (tmp_path / "keep").iterdir() if copy.suffix != ".former")
    assert runtime.is_sealed(kept)

    after_epoch_3 = weights_of(model)
    model = small_classifier()
    history = transfer.fine_tune(model, *batches, epochs=3, **recipe)  # it was kept: nothing is trained
    assert history.epoch == [0, 1, 2] and history.history["loss"][:2] == good.history["loss"]
    if np.argmin(history.history["val_loss"]) == 2:
        assert same(weights_of(model), after_epoch_3)


@pytest.mark.slow
def test_a_learning_rate_far_too_high_is_told(batches, tmp_path):
    model = small_classifier()
    with pytest.raises(CourseError, match=r"learning_rate is 10\. Give a number above 0 to 1"):
        transfer.fine_tune(model, *batches, learning_rate=10)
    before = weights_of(model)
    with pytest.raises(
        CourseError, match=r"in epoch 1: with learning_rate=1 the steps overshoot\. Choose .* 1e-02"
    ):
        transfer.fine_tune(model, *batches, learning_rate=1)
    assert same(weights_of(model), before)


@pytest.mark.slow
def test_a_batch_larger_than_the_data_is_told(pets, batches):
    model = small_classifier()
    few = augment.ImageBatches(pets[9:15], SIZE, batch_size=32)
    message = "batch_size is 32, and there are 6 training pictures.*Choose at most 6, such as 1"
    for begin in (
        lambda: transfer.warm_up(model, few, batches[1]),
        lambda: transfer.fine_tune(model, few, batches[1]),
        lambda: transfer.warm_up_on_features(model, (np.zeros((6, 8)), few.targets)),
    ):
        with pytest.raises(CourseError, match=message):
            begin()
    transfer.warm_up(
        model, batches[0], augment.ImageBatches(pets[9:15], SIZE, batch_size=99)
    )  # validation may


@pytest.mark.slow
@pytest.mark.parametrize(
    "error", [MemoryError(), tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")]
)
@pytest.mark.parametrize("where", ["step", "batch", "features"])
def test_out_of_memory_is_told_and_the_checkpoint_stays(pets, batches, tmp_path, monkeypatch, error, where):
    recipe = {"learning_rate": 1e-3, "keep": tmp_path / "keep"}
    model = small_classifier()
    transfer.fine_tune(model, *batches, epochs=1, **recipe)
    kept = {path: path.read_bytes() for path in (tmp_path / "keep").rglob("*") if path.is_file()}

    def fail(*arguments, **more):
        raise error

    message = (
        r"The memory is too small for batches of \d+ pictures of 32 pixels.*smaller batch_size or image_size"
    )
    with pytest.raises(CourseError, match=message):
        if where == "features":
            monkeypatch.setattr(features.images, "read_many", fail)
            features.extract(transfer.base_of(model), pets)
        elif where == "batch":
            monkeypatch.setattr(augment.ImageBatches, "_picture", fail)
            transfer.fine_tune(model, *batches, epochs=2, **recipe)
        else:
            monkeypatch.setattr(training.EpochOrder, "on_epoch_begin", fail)
            transfer.fine_tune(model, *batches, epochs=2, **recipe)
    assert {path: path.read_bytes() for path in (tmp_path / "keep").rglob("*") if path.is_file()} == kept


# --- odd proportions -----------------------------------------------------------------------------------


def picture_set(folder, picture, **counts):
    for number, (label, count) in enumerate(counts.items()):
        for i in range(count):
            saved(np.roll(picture, 7 * number + i, axis=1) // (number % 4 + 1), folder / label / f"{i}.png")
    return datasets.load_folder(folder)


def test_one_class_is_refused_by_name(picture, tmp_path):
    with pytest.raises(CourseError, match="one class only, 'cat'. A classifier needs at least two"):
        picture_set(tmp_path, picture, cat=3)
    model = small_classifier()
    with pytest.raises(CourseError, match=r"classes is .*'cat'.*Give two or more different names"):
        transfer.build_classifier(transfer.base_of(model), ["cat"])
    paths = [str(tmp_path / f"cat/{i}.png") for i in range(3)]
    batches = augment.ImageBatches(pd.DataFrame({"path": paths, "label": "cat"}), SIZE, 3)
    with pytest.raises(CourseError, match="train_batches has the classes cat, the model tells 2 apart"):
        transfer.warm_up(model, batches)


def test_an_empty_class_is_refused_by_name(picture, tmp_path):
    (tmp_path / "dog").mkdir()
    with pytest.raises(CourseError, match=r"class folder .*dog holds no image\. Put images there"):
        picture_set(tmp_path, picture, cat=3)


def test_a_class_with_one_image_is_refused_with_the_number_it_needs(picture, tmp_path):
    data = picture_set(tmp_path, picture, cat=40, robin=1)
    alone = range(len(data))
    with pytest.raises(
        CourseError, match=r"'robin' has 1 images.*fractions=\(0.8, 0.1, 0.1\) needs 8\. Add images"
    ):
        splits.split(data, groups=alone)
    with pytest.raises(CourseError, match="'robin' has 1 images.*Add images until there are 5"):
        splits.folds(data, 5, groups=alone)
    # What needs no more works.
    assert augment.ImageBatches(data, SIZE, 8).labels.tolist() == [0] * 40 + [1]
    assert splits.class_weights(data.label)["robin"] == pytest.approx(41 / 2)


@pytest.mark.parametrize(
    "fractions", [(0.8, 0.1, 0.1), (0.5, 0.5), (0.6, 0.25, 0.15), (1 / 3,) * 3, (0.98, 0.02)]
)
def test_the_number_that_a_split_asks_for_suffices(fractions):
    needed = splits._fewest(fractions)
    for count in range(needed, needed + 60):
        data = pd.DataFrame({"path": [str(i) for i in range(count)], "label": "robin"})
        assert all(len(part) for part in splits.split(data, fractions, groups=range(count)))
    if needed > 1:
        with pytest.raises(CourseError, match=f"needs {needed}\\."):
            splits.split(data[: needed - 1], fractions, groups=range(needed - 1))


@pytest.mark.slow
@pytest.mark.parametrize("n_classes", [3, 10])
def test_more_classes_are_told_apart_by_softmax(picture, tmp_path, n_classes):
    names = [f"class {i}" for i in range(n_classes)]
    data = picture_set(tmp_path, picture, **dict.fromkeys(names, 6))
    train, test = splits.split(data, (0.5, 0.5), groups=range(len(data)))
    model = small_classifier(names)
    batches = augment.ImageBatches(train, SIZE, 6, shuffle=True)
    assert batches.targets.shape == (len(train), n_classes)
    history = transfer.warm_up(model, batches, augment.ImageBatches(test, SIZE), epochs=2, learning_rate=0.01)
    assert len(history.history["val_accuracy"]) == 2
    transfer.fine_tune(model, batches, augment.ImageBatches(test, SIZE), epochs=1)
    probabilities = evaluate.predict(model, test, names)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    report = evaluate.report(model, test, names)
    assert report.confusion.shape == (n_classes, n_classes) and report.n == len(test)
    table = features.extract(transfer.base_of(model), data), augment.ImageBatches(data, SIZE).targets
    transfer.warm_up_on_features(model, table, epochs=1, batch_size=9)


@pytest.mark.slow
def test_thirty_to_one(picture, tmp_path):
    data = picture_set(tmp_path, picture, cat=240, dog=8)
    train, _, test = splits.split(data, groups=range(len(data)))
    assert [part.label.value_counts().to_dict() for part in (train, test)] == [
        {"cat": 192, "dog": 6},
        {"cat": 24, "dog": 1},
    ]
    batches = augment.ImageBatches(train, SIZE, 32, shuffle=True)
    weights = splits.class_weights(batches.labels)
    assert weights[1] / weights[0] == pytest.approx(32)
    even, weighted = (
        transfer.warm_up(small_classifier(), batches, epochs=3, learning_rate=0.01, class_weight=choice)
        for choice in (None, weights)
    )
    assert even.history["loss"] != weighted.history["loss"]


# --- the same seed ----------------------------------------------------------------------------------------

REPEAT = """
import hashlib, json, sys
import keras
from helpers import augment, datasets, images, runtime, splits, transfer
images.THREADS, workers = int(sys.argv[2]), int(sys.argv[3])
data = datasets.draw_pets(24, 0, sys.argv[1], size=48)
parts = splits.split(data, (0.5, 0.5), seed=3)
change = augment.Augmenter((0.7, 1), 20, (0.8, 1.2), horizontal_flip=True)
batches = augment.ImageBatches(parts[0], 32, 5, change, shuffle=True, seed=4)
val = augment.ImageBatches(parts[1], 32, 5)
batches.workers = workers
runtime.seed_everything(5)
pictures = keras.Input((32, 32, 3))
x = keras.layers.Rescaling(1 / 127.5, -1)(pictures)
base = keras.Model(pictures, keras.layers.Conv2D(8, 3, strides=8)(x))
model = transfer.build_classifier(base, ("cat", "dog"), seed=6)
transfer.warm_up(model, batches, val, epochs=2, learning_rate=0.01)
transfer.fine_tune(model, batches, val, epochs=1, learning_rate=1e-4)
model.fit(batches, epochs=2, shuffle=False, verbose=0)  # here Keras's own workers read
batches.epoch = 3
def digest(arrays):
    total = hashlib.sha256()
    for array in arrays:
        total.update(array.tobytes())
    return total.hexdigest()
print(json.dumps({
    "splits": [part.index.tolist() for part in parts],
    "folds": [held.index.tolist() for _, held in splits.folds(data, 3, seed=3)],
    "batches": [digest(batches[i]) for i in range(len(batches))],
    "weights": digest(model.get_weights()),
}))
"""


@pytest.mark.slow
def test_the_same_seed_in_two_processes_and_with_other_workers(tmp_path):
    def run(name, threads, workers, hash_seed):
        command = [sys.executable, "-c", REPEAT, str(tmp_path / name), str(threads), str(workers)]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "COURSE_QUIET": "1"}
        return subprocess.Popen(
            command, cwd=runtime.COURSE_FOLDER, env=environment, stdout=subprocess.PIPE, text=True
        )

    processes = [run("a", 1, 1, "1"), run("b", 5, 3, "2")]
    one, other = (json.loads(process.communicate(timeout=180)[0].splitlines()[-1]) for process in processes)
    assert one["splits"] == other["splits"] and one["folds"] == other["folds"]
    assert one["batches"] == other["batches"]
    assert one["weights"] == other["weights"]
