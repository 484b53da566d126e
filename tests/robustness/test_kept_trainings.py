"""A kept training answers only for what it was: every change of what it rests on is another training."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from faults import saved, table

from helpers import augment, checks, training, transfer

SIZE = 32
RATE = 1e-3


def network(seed: int = 1) -> keras.Model:
    keras.utils.set_random_seed(seed)
    pictures = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 255)(pictures)
    x = keras.layers.Conv2D(8, 3, strides=4)(x)  # not named: Keras counts up from model to model
    x = keras.layers.BatchNormalization()(x)
    return keras.Model(pictures, keras.layers.Conv2D(8, 3, strides=2, name="last")(x), name="small")


@pytest.fixture(scope="module")
def pets(picture, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pets")
    data = table(*[saved(np.roll(picture, 5 * i, axis=1), folder / f"{i}.png") for i in range(12)])
    data["label"] = ["cat", "dog"] * 6
    return data


class Case:
    """One call of `fine_tune` and all that it rests on; a test changes a part of it and calls again."""

    def __init__(self, pets, keep):
        self.train, self.val, self.keep = pets[:8], pets[8:], keep
        self.network, self.classes = network, ("cat", "dog")
        self.head = {"dropout": 0.2, "l2": 1e-4, "seed": 0}
        self.batches = {"batch_size": 4, "shuffle": True, "seed": 0}
        self.settings = {"epochs": 2, "learning_rate": RATE, "patience": 5}
        self.change_start = lambda model: None

    def run(self) -> tuple[keras.Model, keras.callbacks.History]:
        self.model = transfer.build_classifier(self.network(), self.classes, **self.head)
        self.change_start(self.model)
        return self.model, self.again()

    def again(self) -> keras.callbacks.History:
        train = augment.ImageBatches(self.train, SIZE, classes=self.classes, **self.batches)
        val = augment.ImageBatches(self.val, SIZE, 4, classes=self.classes)
        return transfer.fine_tune(self.model, train, val, keep=self.keep, **self.settings)


@pytest.fixture
def case(pets, tmp_path):
    return Case(pets, tmp_path / "keep")


def exchanged(labels):
    return labels.map({"cat": "dog", "dog": "cat"})


def other_pictures(data, tmp_path):
    """Copies of the pictures' names, other pictures in them."""
    paths = [saved(np.full((SIZE, SIZE, 3), 9 * i, np.uint8), tmp_path / Path(p).name) for i, p in
             enumerate(data.path)]  # fmt: skip
    return data.assign(path=list(map(str, paths)))


def move_head(by):
    def change(model):
        kernel = model.get_layer("classifier").kernel
        noise = np.random.default_rng(0).normal(size=kernel.shape)
        kernel.assign(kernel + by * float(keras.ops.norm(kernel)) * noise / np.linalg.norm(noise))

    return change


def set_(part, **values):
    return lambda case, tmp_path: getattr(case, part).update(values)


def put(**values):
    def change(case, tmp_path):
        for name, value in values.items():
            setattr(case, name, value(case, tmp_path) if callable(value) and name != "network" else value)

    return change


OTHERS = {
    "every label exchanged": put(train=lambda c, _: c.train.assign(label=exchanged(c.train.label))),
    "two labels exchanged": put(train=lambda c, _: c.train.assign(label=["dog", "cat", *c.train.label[2:]])),
    "validation labels": put(val=lambda c, _: c.val.assign(label=exchanged(c.val.label))),
    "other pictures of the same names": put(train=lambda c, tmp: other_pictures(c.train, tmp)),
    "other validation pictures": put(val=lambda c, tmp: other_pictures(c.val, tmp)),
    "one picture fewer": put(train=lambda c, _: c.train[:-1]),
    "another order": put(train=lambda c, _: c.train[::-1]),
    "classes in another order": put(classes=("dog", "cat")),
    "dropout": set_("head", dropout=0.5),
    "no dropout": set_("head", dropout=0),
    "penalty": set_("head", l2=1e-2),
    "seed of the head": set_("head", seed=3),
    "batch size": set_("batches", batch_size=2),
    "order of the batches": set_("batches", shuffle=False),
    "seed of the batches": set_("batches", seed=4),
    "augmented": set_("batches", augmenter=augment.Augmenter(rotation=10)),
    "learning rate": set_("settings", learning_rate=2 * RATE),
    "patience": set_("settings", patience=4),
    "fewer layers trained": set_("settings", from_layer="last"),
    "batch normalisation trained": set_("settings", batch_norm_training=True),
    "class weights": set_("settings", class_weight={"cat": 1, "dog": 2}),
    "weights of the base": put(network=lambda: network(2)),
    "another warm-up": put(change_start=lambda c, _: move_head(0.02)),
}


class Trained(Exception):
    """A training began, where another one is kept."""


@pytest.fixture
def trained_once(case, trained, tmp_path):
    """The case, of which a training is kept already."""
    shutil.copytree(trained, case.keep)
    return case


@pytest.fixture(scope="module")
def trained(pets, tmp_path_factory):
    case = Case(pets, tmp_path_factory.mktemp("trained") / "keep")
    case.run()
    return case.keep


@pytest.mark.slow
@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_another_training_is_trained(trained_once, tmp_path, change, monkeypatch):
    def begin(*_):
        raise Trained

    change(trained_once, tmp_path)
    monkeypatch.setattr(training, "fit", begin)
    with pytest.raises(Trained):
        trained_once.run()


@pytest.mark.slow
def test_exchanged_labels_give_the_model_of_those_labels(trained_once, tmp_path):
    OTHERS["every label exchanged"](trained_once, tmp_path)
    model, found = trained_once.run()
    assert len([copy for copy in trained_once.keep.iterdir() if copy.suffix != ".former"]) == 2
    trained_once.keep = None
    expected_model, expected = trained_once.run()
    np.testing.assert_allclose(found.history["loss"], expected.history["loss"], rtol=1e-4)
    for one, other in zip(model.get_weights(), expected_model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def moved(case, tmp_path):
    folder = shutil.copytree(Path(case.train.path.iloc[0]).parent, tmp_path / "elsewhere")
    return case.train.assign(path=[str(folder / Path(path).name) for path in case.train.path])


SAME = {
    "nothing": put(),
    "files in another folder": put(train=moved),
    "another index": put(train=lambda c, _: c.train.set_index([list("abcdefgh")])),
    "a warm-up that rounds otherwise": put(change_start=lambda c, _: move_head(0.004)),
}


@pytest.mark.slow
@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_the_same_training_is_read_and_says_so(trained_once, tmp_path, change, capsys, monkeypatch):
    change(trained_once, tmp_path)
    monkeypatch.setattr(training, "fit", lambda *_: pytest.fail("trained again"))
    model, history = trained_once.run()
    assert capsys.readouterr().out == (
        "This training is kept in 'keep': its 2 epochs are done, and only read.\n"
    )
    tuned = model.get_weights()
    assert trained_once.again().history == history.history  # a cell that is run twice
    assert all(map(np.array_equal, model.get_weights(), tuned))


@pytest.mark.slow
def test_more_epochs_go_on_and_say_so(trained_once, capsys):
    trained_once.settings["epochs"] = 3
    assert trained_once.run()[1].epoch == [0, 1, 2]
    assert capsys.readouterr().out == "Going on with the training kept in 'keep': 2 of 3 epochs are done.\n"


@pytest.mark.slow
def test_two_starts_are_kept_beside_each_other(trained_once, capsys):
    trained_once.change_start = move_head(0.5)
    first = trained_once.run()[1]
    assert capsys.readouterr().out == ""
    assert trained_once.run()[1].history == first.history
    trained_once.change_start = move_head(0)
    assert trained_once.run()[1].history != first.history
    assert capsys.readouterr().out.count("only read") == 2


def interrupt_in(epoch, monkeypatch, how=KeyboardInterrupt):
    begin = training.EpochOrder.on_epoch_begin

    def stop(self, number, logs=None):
        begin(self, number)
        if number == epoch:
            self.model.set_weights([weights + 1 for weights in self.model.get_weights()])  # half an epoch
            raise how

    monkeypatch.setattr(training.EpochOrder, "on_epoch_begin", stop)


@pytest.mark.slow
@pytest.mark.parametrize("how", [KeyboardInterrupt, RuntimeError])
def test_the_same_cell_goes_on_after_an_interruption(case, monkeypatch, capsys, how):
    case.settings["epochs"] = 4
    with monkeypatch.context() as context, pytest.raises(how):
        interrupt_in(2, context, how)
        case.run()
    assert case.again().epoch == [0, 1, 2, 3]
    assert "2 of 4 epochs are done" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("keep", [True, False])
def test_an_interrupted_training_leaves_the_weights_it_began_with(case, monkeypatch, keep):
    case.keep = case.keep if keep else None
    start = transfer.build_classifier(case.network(), case.classes, **case.head).get_weights()
    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        interrupt_in(1, context)
        case.run()
    assert all(map(np.array_equal, case.model.get_weights(), start))


@pytest.mark.slow
def test_after_an_interrupted_resumed_training_the_next_one_trains(case, monkeypatch):
    case.run()
    case.settings["epochs"] = 4
    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        interrupt_in(3, context)
        case.run()
    batches = augment.ImageBatches(case.train, SIZE, 4)
    assert transfer.warm_up(case.model, batches, epochs=2).epoch == [0, 1]
    plain = case.model.fit(training.as_dataset(batches), epochs=2, verbose=0)
    assert plain.epoch == [0, 1]


@pytest.mark.slow
def test_an_augmenter_that_does_not_say_its_settings_is_refused(case):
    case.batches["augmenter"] = lambda image, rng, size: image[:size, :size]
    with pytest.raises(checks.CourseError, match="does not say its settings.*leave keep out"):
        case.run()
    case.keep = None
    case.run()


@pytest.mark.slow
def test_the_true_error_shows_where_a_log_cannot_be_deleted(case, monkeypatch):
    """As on Windows, where a file that is still open cannot be."""
    unlink, refused = training.shutil.os.unlink, []

    def refuse(path, *rest, **more):
        if str(path).endswith("epochs.csv"):
            refused.append(path)
            raise PermissionError(13, "in use by another process")
        return unlink(path, *rest, **more)

    interrupt_in(1, monkeypatch)
    monkeypatch.setattr(training.shutil.os, "unlink", refuse)
    case.keep = None
    with pytest.raises(KeyboardInterrupt):
        case.run()
    assert refused
