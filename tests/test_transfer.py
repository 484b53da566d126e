"""Head, freezing, warm-up, fine-tuning, resuming, saving: on drawn pets and a small network."""

import errno
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from helpers import backbones, datasets, features, images, training, transfer
from helpers.augment import Augmenter, ImageBatches

SIZE = 32


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    return datasets.draw_pets(40, seed=5, folder=tmp_path_factory.mktemp("pets"))


def small_base():
    """A base network in little: it has what the big ones have, and trains in a second."""
    pictures = keras.Input((SIZE, SIZE, 3))
    x = layers.Rescaling(1 / 127.5, -1, name="preprocessing")(pictures)
    for number, channels in enumerate((8, 16), start=1):
        x = layers.Conv2D(channels, 3, strides=4, use_bias=False, name=f"conv{number}")(x)
        x = layers.BatchNormalization(name=f"bn{number}")(x)
        x = layers.ReLU(name=f"relu{number}")(x)
    return keras.Model(pictures, x, name="small")


@pytest.fixture
def base():
    return small_base()


@pytest.fixture
def batches(pets):
    train, val = pets.iloc[::2], pets.iloc[1::2]
    return (
        ImageBatches(train, image_size=SIZE, batch_size=8, shuffle=True, seed=1),
        ImageBatches(val, image_size=SIZE, batch_size=8),
    )


@pytest.fixture(autouse=True)
def own_home(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    keras.utils.set_random_seed(0)


def weights_of(model):
    return [weights.copy() for weights in model.get_weights()]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_tutorials_parameter_counts():
    base = backbones.load("mobilenet", weights=None)
    flatten = transfer.build_classifier(base, ("cat", "dog"), dropout=0, l2=0, pooling="flatten")
    average = transfer.build_classifier(base, ("cat", "dog"))
    transfer.freeze(base)
    assert transfer.count_weights(flatten).to_dict() == {"trainable": 50_177, "frozen": 3_228_864}
    assert transfer.count_weights(average)["trainable"] == 1_025
    assert flatten.count_params() == 3_279_041


def test_outputs_are_probabilities(base, pets):
    pictures = images.read_many(pets["path"].head(3), SIZE).astype("float32")
    two = transfer.build_classifier(base, ("cat", "dog")).predict(pictures, verbose=0)
    three = transfer.build_classifier(base, classes=("a", "b", "c")).predict(pictures, verbose=0)
    assert two.shape == (3, 1) and three.shape == (3, 3)
    assert ((two >= 0) & (two <= 1)).all()
    np.testing.assert_allclose(three.sum(axis=1), 1, atol=1e-5)


def test_same_seed_same_head(base):
    first, again = (
        transfer.build_classifier(base, ("cat", "dog"), seed=4).get_layer("classifier").get_weights()
        for _ in "12"
    )
    other = transfer.build_classifier(base, ("cat", "dog"), seed=5).get_layer("classifier").get_weights()
    assert same(first, again) and not same(first, other)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"classes": ("cat",)}, "two or more different names"),
        ({"classes": ("cat", "cat")}, "two or more different names"),
        ({"dropout": 1}, "dropout is 1. Give a number from 0 to 0.99"),
        ({"l2": -1}, "l2 is -1. Give a number from 0 on"),
        ({"pooling": "max"}, "pooling is 'max'. Choose one of average, flatten"),
    ],
)
def test_wrong_arguments(base, settings, message):
    with pytest.raises(ValueError, match=message):
        transfer.build_classifier(base, **{"classes": ("cat", "dog"), **settings})


def test_unfreeze_from_a_layer_on(base):
    def trainable():
        return [layer.name for layer in base.layers if layer.trainable and layer.weights]

    transfer.unfreeze(base, "conv2")
    assert trainable() == ["conv2"]
    transfer.unfreeze(base, "conv2", batch_norm_training=True)
    assert trainable() == ["conv2", "bn2"]
    transfer.unfreeze(base)
    assert trainable() == ["conv1", "conv2"]
    transfer.freeze(base)
    assert not base.trainable_weights
    with pytest.raises(ValueError, match="from_layer is 'conv_14'"):
        transfer.unfreeze(base, "conv_14")


@pytest.mark.slow
def test_warm_up_changes_the_head_alone(base, batches):
    model = transfer.build_classifier(base, ("cat", "dog"))
    before = weights_of(base)
    head = weights_of(model.get_layer("classifier"))
    history = transfer.warm_up(model, *batches, epochs=2, schedule=lambda epoch: 0.01 / (epoch + 1))
    assert same(weights_of(base), before)
    assert not same(weights_of(model.get_layer("classifier")), head)
    assert len(history.history["val_accuracy"]) == 2
    np.testing.assert_allclose(history.history["learning_rate"], [0.01, 0.005])


@pytest.mark.slow
def test_head_on_features_is_the_classifiers_head(base, batches, pets):
    model = transfer.build_classifier(base, ("cat", "dog"))
    val = batches[1]
    table = [(features.extract(base, part.data), part.targets) for part in batches]
    history = transfer.warm_up_on_features(model, *table, epochs=3, batch_size=20)
    assert history.history["loss"][-1] < history.history["loss"][0]
    whole = model.predict(images.read_many(val.data["path"], SIZE).astype("float32"), verbose=0)
    np.testing.assert_allclose(transfer.head_of(model).predict(table[1][0], verbose=0), whole, atol=1e-4)


def test_l2_is_the_penalty_of_the_text(base):
    model = transfer.build_classifier(base, ("cat", "dog"), l2=0.01)
    kernel = model.get_layer("classifier").kernel
    np.testing.assert_allclose(float(model.losses[0]), 0.01 * np.sum(np.array(kernel) ** 2), rtol=1e-5)
    assert not transfer.build_classifier(base, ("cat", "dog"), l2=0).losses


@pytest.mark.slow
def test_fine_tune_keeps_batch_normalisation_in_inference(base, batches):
    model = transfer.build_classifier(base, ("cat", "dog"))
    moving = base.get_layer("bn1").moving_mean.numpy()
    kernel = base.get_layer("conv1").get_weights()[0]
    transfer.fine_tune(model, *batches, epochs=1, learning_rate=1e-3)
    assert np.array_equal(base.get_layer("bn1").moving_mean.numpy(), moving)
    assert not np.array_equal(base.get_layer("conv1").get_weights()[0], kernel)


def test_the_guides_argument_does_not_hold_in_keras_3(base, batches):
    """Why `unfreeze` sets flags: on the day this test fails Keras has changed, and lesson 5 must say so."""
    pictures = keras.Input((SIZE, SIZE, 3))
    model = keras.Model(pictures, layers.Flatten()(base(pictures, training=False)))
    moving = base.get_layer("bn1").moving_mean.numpy()
    model(batches[0][0][0], training=True)
    assert not np.array_equal(base.get_layer("bn1").moving_mean.numpy(), moving)


@pytest.mark.slow
def test_fine_tuning_after_a_warm_up_moves_the_base(base, batches):
    """The flags count from the next compile on."""
    model = transfer.build_classifier(base, ("cat", "dog"))
    transfer.warm_up(model, *batches)
    kernel = base.get_layer("conv1").get_weights()[0]
    transfer.fine_tune(model, *batches, epochs=1, learning_rate=1e-3)
    assert not np.array_equal(base.get_layer("conv1").get_weights()[0], kernel)


@pytest.mark.slow
@pytest.mark.parametrize("train", [transfer.warm_up, transfer.fine_tune])
def test_validation_is_on_the_validation_pictures(base, batches, train):
    model = transfer.build_classifier(base, ("cat", "dog"), l2=0)
    history = train(model, *batches, epochs=1, learning_rate=1e-2).history
    for name, part in zip(("loss", "val_loss"), batches):
        probability = model.predict(images.read_many(part.data["path"], SIZE).astype("float32"), verbose=0)
        loss = keras.losses.BinaryCrossentropy()(part.targets[:, None], probability)
        assert (abs(float(loss) - history["val_loss"][0]) < 1e-4) == (name == "val_loss")


def test_dropout_is_the_share_that_is_dropped(base):
    model = transfer.build_classifier(base, ("cat", "dog"), dropout=0.3)
    dropped = model.get_layer("dropout")(np.ones((100, 100)), training=True)
    np.testing.assert_allclose(np.mean(np.asarray(dropped) == 0), 0.3, atol=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("from_layer", [None, "conv2"])
def test_batch_normalisation_in_training_mode_moves(base, batches, from_layer):
    model = transfer.build_classifier(base, ("cat", "dog"))
    moving = base.get_layer("bn2").moving_mean.numpy()
    transfer.fine_tune(model, *batches, epochs=1, from_layer=from_layer, batch_norm_training=True)
    assert not np.array_equal(base.get_layer("bn2").moving_mean.numpy(), moving)


@pytest.mark.slow
def test_running_the_frozen_part_once_gives_the_same_training(batches, monkeypatch):
    """The short way and the long way end with the same weights, to rounding."""
    results = []
    for limit in (transfer.ACTIVATIONS_BYTES, 0):
        monkeypatch.setattr(transfer, "ACTIVATIONS_BYTES", limit)
        keras.utils.set_random_seed(3)
        model = transfer.build_classifier(small_base(), ("cat", "dog"), dropout=0)
        history = transfer.fine_tune(model, *batches, epochs=2, learning_rate=1e-3, from_layer="conv2")
        results.append(
            (history.history["val_loss"], transfer.base_of(model).get_layer("conv2").get_weights()[0])
        )
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-3)
    np.testing.assert_allclose(results[0][1], results[1][1], atol=2e-3)


def test_a_dataset_gives_the_same_batches_in_each_epoch(pets):
    batches = ImageBatches(pets, SIZE, batch_size=5, augmenter=Augmenter((0.5, 1.0)), shuffle=True, seed=1)
    dataset = training.as_dataset(batches)
    assert not dataset.options().autotune.enabled and len(dataset) == len(batches)
    for batches.epoch in (0, 3):
        for number, (pictures, answers) in enumerate(dataset):
            expected = batches[number]
            np.testing.assert_array_equal(pictures, expected[0])
            np.testing.assert_array_equal(answers, expected[1])


def test_augmented_pictures_run_the_whole_network(pets, base):
    augmented = ImageBatches(pets, image_size=SIZE, augmenter=Augmenter(rotation=10))
    plain = ImageBatches(pets, image_size=SIZE)
    model = transfer.build_classifier(base, ("cat", "dog"))
    assert transfer._trained_part(model, augmented, plain, "conv2")[0] is model
    assert transfer._trained_part(model, plain, plain, "conv2")[0] is not model


@pytest.mark.slow
def test_a_cut_through_a_residual_connection_is_refused():
    base = backbones.load("mobilenet_v2", image_size=SIZE, weights=None, alpha=0.35)
    with pytest.raises(ValueError, match="a connection goes around"):
        features.split_base(base, "block_15_depthwise")
    lower, upper = features.split_base(base, "block_16_expand")
    pictures = np.random.default_rng(0).uniform(0, 255, (2, SIZE, SIZE, 3)).astype("float32")
    np.testing.assert_allclose(upper(lower(pictures)), base(pictures), atol=1e-4)


class Interruption(Exception):
    """The kernel dies."""


@pytest.mark.slow
@pytest.mark.parametrize("from_layer", [None, "conv2"])
def test_an_interrupted_training_goes_on_as_if_undisturbed(batches, tmp_path, monkeypatch, from_layer):
    def train(folder):
        keras.utils.set_random_seed(3)
        network = small_base()
        model = transfer.build_classifier(network, ("cat", "dog"))
        settings = {
            "epochs": 4,
            "learning_rate": 1e-3,
            "from_layer": from_layer,
            "patience": 9,
            "keep": folder,
        }
        return model, transfer.fine_tune(model, *batches, **settings)

    undisturbed, history = train(tmp_path / "one")

    begun = []
    note_epoch = training.EpochOrder.on_epoch_begin

    def die_in_the_third_epoch(self, epoch, logs=None):
        begun.append(epoch)
        if begun == [0, 1, 2]:
            raise Interruption
        note_epoch(self, epoch)

    monkeypatch.setattr(training.EpochOrder, "on_epoch_begin", die_in_the_third_epoch)
    with pytest.raises(Interruption):
        train(tmp_path / "two")
    resumed, whole_history = train(tmp_path / "two")

    assert begun == [0, 1, 2, 2, 3]
    assert whole_history.epoch == [0, 1, 2, 3]
    np.testing.assert_allclose(whole_history.history["loss"], history.history["loss"], rtol=2e-3)
    for one, other in zip(weights_of(undisturbed), weights_of(resumed), strict=True):
        np.testing.assert_allclose(one, other, atol=5e-3)


@pytest.mark.slow
def test_a_finished_training_is_only_read(base, batches, tmp_path, monkeypatch):
    model = transfer.build_classifier(base, ("cat", "dog"))
    start = weights_of(model)
    first = transfer.fine_tune(model, *batches, epochs=2, keep=tmp_path)
    tuned = weights_of(model)
    model.set_weights(start)
    monkeypatch.setattr(keras.Model, "fit", lambda *_, **__: pytest.fail("trained again"))
    again = transfer.fine_tune(model, *batches, epochs=2, keep=tmp_path)
    assert again.history == first.history
    assert same(weights_of(model), tuned)


@pytest.mark.slow
def test_other_settings_do_not_see_the_checkpoints(base, batches, tmp_path):
    model = transfer.build_classifier(base, ("cat", "dog"))
    transfer.fine_tune(model, *batches, epochs=1, learning_rate=1e-5, keep=tmp_path)
    transfer.fine_tune(model, *batches, epochs=1, learning_rate=2e-5, keep=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_costs_a_sentence_only(base, batches, tmp_path, capsys):
    (tmp_path / "home").write_text("a file where the folder should be")
    model = transfer.build_classifier(base, ("cat", "dog"))
    history = transfer.fine_tune(model, *batches, epochs=2, keep=tmp_path / "home")
    assert history.epoch == [0, 1]
    assert capsys.readouterr().out.count("could not be kept") == 1


@pytest.mark.slow
def test_a_disk_that_fills_up_leaves_the_last_whole_epoch(base, batches, tmp_path, monkeypatch, capsys):
    model = transfer.build_classifier(base, ("cat", "dog"))
    first = transfer.fine_tune(model, *batches, epochs=1, keep=tmp_path)
    (folder,) = tmp_path.iterdir()
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}

    def fill_up(source, target):
        target.mkdir()
        raise OSError(errno.ENOSPC, "No space left on device")

    copytree = shutil.copytree

    def copy(source, target, *rest, **more):
        return (
            fill_up(source, target)
            if Path(target).parent == tmp_path
            else copytree(source, target, *rest, **more)
        )

    monkeypatch.setattr(training.shutil, "copytree", copy)
    history = transfer.fine_tune(model, *batches, epochs=3, keep=tmp_path)
    assert history.epoch == [0, 1, 2] and history.history["loss"][0] == first.history["loss"][0]
    assert capsys.readouterr().out.count("(No space left on device)") == 1
    assert {path: path.read_bytes() for path in folder.rglob("*.*")} == before
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.slow
def test_an_interruption_between_two_renames_loses_nothing(base, batches, tmp_path):
    model = transfer.build_classifier(base, ("cat", "dog"))
    first = transfer.fine_tune(model, *batches, epochs=1, keep=tmp_path)
    (folder,) = tmp_path.iterdir()
    folder.rename(f"{folder}.former")
    again = transfer.fine_tune(model, *batches, epochs=2, keep=tmp_path)
    assert again.history["loss"][0] == first.history["loss"][0]
    assert set(tmp_path.iterdir()) == {folder, folder.with_name(f"{folder.name}.former")}


def test_early_stopping_counts_epochs_from_before():
    past = [{"epoch": epoch, "val_loss": loss} for epoch, loss in enumerate([0.5, 0.4, 0.6, 0.7])]
    assert training._epochs_since_best(past) == 2
    assert training._epochs_since_best([]) == 0
    stopping = training._EarlyStopping(past, monitor="val_loss", patience=3)
    stopping.set_model(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]))
    stopping.on_train_begin()
    assert stopping.wait == 2 and stopping.best == 0.4


def test_save_and_load(base, pets, tmp_path):
    model = transfer.build_classifier(base, ("mèo", "chó"))
    transfer.save(model, tmp_path / "kept" / "pets.keras", classes=("mèo", "chó"))
    loaded, classes = transfer.load(tmp_path / "kept" / "pets.keras")
    pictures = images.read_many(pets["path"].head(4), SIZE).astype("float32")
    assert classes == ["mèo", "chó"]
    np.testing.assert_allclose(
        loaded.predict(pictures, verbose=0), model.predict(pictures, verbose=0), atol=1e-6
    )
    with pytest.raises(ValueError, match=r"path is 'pets.h5'. Let it end in '\.keras'"):
        transfer.save(model, tmp_path / "pets.h5")
    with pytest.raises(FileNotFoundError, match=r"none\.keras"):
        transfer.load(tmp_path / "none.keras")
