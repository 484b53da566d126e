"""A model knows its classes, in their order: whatever is handed to it has the same ones, or is refused."""

import zipfile

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers import checks, classifier, evaluate, splits, transfer
from helpers.augment import ImageBatches, targets_of

SIZE = 32
NAMES = ("sparrow", "robin")  # not as they would be sorted


@pytest.fixture(scope="module")
def birds(tmp_path_factory):
    """Robins are reddish, sparrows bluish: a classifier cannot miss it."""
    folder, rng = tmp_path_factory.mktemp("birds"), np.random.default_rng(0)
    rows = []
    for label, colour in {"robin": (200, 60, 60), "sparrow": (60, 60, 200)}.items():
        for number in range(16):
            picture = np.clip(rng.normal(colour, 40, (SIZE, SIZE, 3)), 0, 255).astype(np.uint8)
            path = folder / f"{label}{number}.png"
            Image.fromarray(picture).save(path)
            rows.append((str(path), label))
    return pd.DataFrame(rows, columns=["path", "label"])


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    return transfer.build_classifier(plain_base(), NAMES, dropout=0)


def plain_base():
    pictures = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1)(pictures)
    return keras.Model(pictures, keras.layers.Conv2D(8, 3, strides=2, name="conv")(x), name="small")


@pytest.fixture
def trained(model, birds):
    batches = ImageBatches(birds, SIZE, 8, classes=NAMES, shuffle=True)
    transfer.warm_up(model, batches, epochs=10, learning_rate=0.05)
    return model


def test_batches_of_another_order_are_refused_before_they_teach_it(model, birds):
    in_order, sorted_by_name = ImageBatches(birds, SIZE, 8, classes=NAMES), ImageBatches(birds, SIZE, 8)
    told = (
        "train_batches has the classes robin, sparrow, and the model's are sparrow, robin, in this order. "
        r"Give classes=\('sparrow', 'robin'\) here, too."
    )
    for train in (transfer.warm_up, transfer.fine_tune):
        with pytest.raises(checks.CourseError, match=told):
            train(model, sorted_by_name, sorted_by_name)
        with pytest.raises(checks.CourseError, match="val_batches has the classes robin, sparrow"):
            train(model, in_order, sorted_by_name)


@pytest.mark.slow
def test_every_answer_names_the_bird(trained, birds):
    assert trained.classes == NAMES
    robin, sparrow = birds.path.iloc[0], birds.path.iloc[-1]
    for classes in ((), (NAMES,)):
        assert evaluate.predict_photo(trained, robin, *classes).index[0] == "robin"
        assert evaluate.predict_photo(trained, sparrow, *classes).index[0] == "sparrow"
        assert evaluate.report(trained, birds, *classes).right == 32
        found = evaluate.predict(trained, birds, *classes)
        assert found[0, NAMES.index("robin")] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [("robin", "sparrow"), ("cat", "dog"), ("sparrow", "wren")])
def test_other_classes_and_another_order_are_refused_everywhere(trained, birds, tmp_path, wrong):
    for use in (
        lambda: evaluate.predict(trained, birds, wrong),
        lambda: evaluate.predict_photo(trained, birds.path[0], wrong),
        lambda: evaluate.report(trained, birds, wrong),
        lambda: transfer.save(trained, tmp_path / "birds.keras", wrong),
    ):
        with pytest.raises(checks.CourseError, match="and the model's are sparrow, robin, in this order"):
            use()
    assert list(tmp_path.iterdir()) == []


def test_batches_of_numbered_classes_are_refused_by_their_names(model, birds):
    three = birds.assign(label=[number % 3 for number in range(len(birds))])
    with pytest.raises(checks.CourseError, match="has the classes 0, 1, 2, the model tells 2 apart"):
        transfer.warm_up(model, ImageBatches(three, SIZE, 8))


@pytest.mark.slow
def test_the_file_knows_them_too(trained, birds, tmp_path):
    transfer.save(trained, tmp_path / "birds.keras")
    assert [path.name for path in tmp_path.iterdir()] == ["birds.keras"]
    loaded, classes = transfer.load(f'"{tmp_path / "birds.keras"}"')  # as Windows copies a path
    assert classes == list(NAMES) and loaded.classes == NAMES
    assert evaluate.report(loaded, birds).right == 32
    plain = keras.saving.load_model(tmp_path / "birds.keras")  # Keras alone reads it as ever
    pictures = np.zeros((1, SIZE, SIZE, 3))
    np.testing.assert_allclose(plain.predict(pictures, verbose=0), trained.predict(pictures, verbose=0))
    transfer.save(loaded, tmp_path / "again.keras")
    with zipfile.ZipFile(tmp_path / "again.keras") as archive:
        assert sorted(archive.namelist()).count(classifier.CLASSES_FILE) == 1


def test_names_of_numpy_and_whole_numbers_can_be_saved(tmp_path):
    for names in (np.array(["a", "b"]), np.array([3, 5])):
        model = transfer.build_classifier(plain_base(), names)
        transfer.save(model, tmp_path / "m.keras")
        assert transfer.load(tmp_path / "m.keras")[1] == names.tolist()


@pytest.mark.slow
def test_a_model_of_keras_alone_learns_its_classes_from_its_batches(birds):
    base = plain_base()
    pictures = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.GlobalAveragePooling2D(name="pool")(base(pictures))
    model = keras.Model(pictures, keras.layers.Dense(1, activation="sigmoid", name="classifier")(x))
    with pytest.raises(checks.CourseError, match="does not say what its classes are. Give them"):
        evaluate.predict(model, birds)
    assert evaluate.predict(model, birds, NAMES).shape == (32, 2)
    transfer.warm_up(model, ImageBatches(birds, SIZE, 8))
    assert transfer.classes_of(model) == ("robin", "sparrow")
    with pytest.raises(checks.CourseError, match="in this order"):
        evaluate.predict(model, birds, NAMES)


@pytest.mark.slow
def test_labels_by_name_are_put_in_the_models_order(model):
    features = np.array([[1, 0, 0, 0, 0, 0, 0, 0]] * 8 + [[0, 1, 0, 0, 0, 0, 0, 0]] * 8, np.float32)
    names = pd.Series(["robin"] * 8 + ["sparrow"] * 8, index=[3] * 16)
    transfer.warm_up_on_features(model, (features, names), epochs=60, learning_rate=0.1, batch_size=4)
    probability = transfer.head_of(model).predict(features[[0, -1]], verbose=0)[:, 0]
    assert probability[0] > 0.8 > 0.2 > probability[1]  # of the second class, robin
    with pytest.raises(checks.CourseError, match="lacks labels that data has: wren"):
        transfer.warm_up_on_features(model, (features, ["wren"] * 16))


def test_targets():
    np.testing.assert_array_equal(targets_of(["robin", "sparrow"], NAMES), [1, 0])
    three = targets_of(["c", "a"], ("a", "b", "c"))
    np.testing.assert_array_equal(three, [[0, 0, 1], [1, 0, 0]])
    assert three.dtype == np.float32


# --- weights of classes -------------------------------------------------------------------------------


def shift_of(train):
    """Return the probability of a robin, on one feature that says nothing, with and without weights."""
    features = np.ones((20, 8), np.float32)
    names = np.array(["sparrow"] * 18 + ["robin"] * 2)
    return train(features, names, None), train(features, names, splits.class_weights(names))


@pytest.mark.slow
def test_a_head_on_features_follows_its_weights():
    def train(features, names, weights):
        model = transfer.build_classifier(plain_base(), NAMES, dropout=0, l2=0)
        settings = {"epochs": 150, "learning_rate": 0.05, "batch_size": 20, "class_weight": weights}
        transfer.warm_up_on_features(model, (features, names), **settings)
        return float(transfer.head_of(model).predict(features[:1], verbose=0)[0, 0])

    plain, weighted = shift_of(train)
    np.testing.assert_allclose([plain, weighted], [0.1, 0.5], atol=0.02)


def test_a_solved_head_follows_its_weights():
    def train(features, names, weights):
        return transfer.logistic_regression_head(features, names, weights).predict_proba(features[:1])[0, 0]

    plain, weighted = shift_of(train)
    np.testing.assert_allclose([plain, weighted], [0.1, 0.5], atol=0.02)
    with pytest.raises(checks.CourseError, match="class_weight is .*Give a weight for each class, a, b"):
        transfer.logistic_regression_head(np.eye(2), ["a", "b"], {"a": 1})


@pytest.mark.slow
@pytest.mark.parametrize("from_layer", [None, "conv"])
def test_warm_up_and_fine_tuning_follow_their_weights(birds, from_layer):
    """Labels at random: all that is to be learnt is how frequent each class is."""
    names = np.array(["sparrow"] * 26 + ["robin"] * 6)
    data = birds.assign(label=np.random.default_rng(1).permutation(names))
    batches = ImageBatches(data, SIZE, 8, classes=NAMES)
    means = []
    for weights in (None, {0: 1.0, 1: 1.0}, {"sparrow": 0.1, "robin": 9.0}):
        keras.utils.set_random_seed(0)
        model = transfer.build_classifier(plain_base(), NAMES, dropout=0, l2=0)
        transfer.warm_up(model, batches, epochs=8, learning_rate=0.1, class_weight=weights)
        model.set_weights([np.zeros_like(part) for part in model.get_weights()])
        transfer.fine_tune(
            model, batches, batches, epochs=12, learning_rate=0.1, from_layer=from_layer,
            class_weight=weights, patience=12,
        )  # fmt: skip
        means.append(evaluate.predict(model, data)[:, 1].mean())
    np.testing.assert_allclose(means[0], means[1], atol=1e-3)
    assert means[2] > means[0] + 0.3


def test_cross_validation_follows_its_weights(birds):
    few = pd.concat([birds[:16], birds[16:20]])
    features = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    groups_off = {"max_distance": 0.0}
    plain = evaluate.cross_validate(features, few, n_folds=4, **groups_off)
    weighted = evaluate.cross_validate(
        features, few, n_folds=4, class_weight=splits.class_weights(few.label), **groups_off
    )
    assert weighted.confusion["sparrow"].sum() > plain.confusion["sparrow"].sum()


@pytest.mark.slow
def test_fine_tuning_ends_with_the_weights_of_its_best_epoch(model, birds):
    """Validated with every label exchanged, it gets worse the better it learns."""
    exchanged = birds.assign(label=birds["label"].map({"robin": "sparrow", "sparrow": "robin"}))
    train, val = (ImageBatches(part, SIZE, 8, classes=NAMES) for part in (birds, exchanged))
    losses = transfer.fine_tune(model, train, val, epochs=4, learning_rate=0.01).history["val_loss"]
    assert losses[-1] > 1.1 * min(losses)
    found = evaluate.report(model, exchanged).log_loss
    np.testing.assert_allclose(found, min(losses), rtol=0.02)  # the losses have the penalty in them


# --- tables without labels ----------------------------------------------------------------------------


@pytest.mark.slow
def test_pictures_without_labels_are_predicted(trained, birds):
    found = evaluate.predict(trained, birds[["path"]])
    np.testing.assert_allclose(found, evaluate.predict(trained, birds))
    with pytest.raises(checks.CourseError, match="Give a table with path and label"):
        evaluate.report(trained, birds[["path"]])
    with pytest.raises(checks.CourseError, match="labels has 'wren', which is none of"):
        evaluate.predict(trained, birds.assign(label="wren"))


def test_a_table_whose_index_repeats_is_cross_validated_by_rows(birds):
    is_robin = (birds.label == "robin").to_numpy(float)[:, None] * [4.0, 0.0]
    doubled = birds.set_index([[0, 1] * 16])
    assert evaluate.cross_validate(is_robin, doubled, n_folds=4).right == 32


# --- schedules ----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("rate", [1, np.float32(0.5), np.int64(1), 0.1])
def test_a_schedule_may_return_any_number(model, birds, rate):
    history = transfer.warm_up(model, ImageBatches(birds, SIZE, 8, classes=NAMES), schedule=lambda _: rate)
    np.testing.assert_allclose(history.history["learning_rate"], [float(rate)])


@pytest.mark.slow
@pytest.mark.parametrize("rate", [None, "0.1", 0, -1, float("nan"), [0.1], True])
def test_what_is_no_rate_is_refused(model, birds, rate):
    with pytest.raises(checks.CourseError, match="schedule returns .* for epoch 0. Let it return"):
        transfer.warm_up(model, ImageBatches(birds, SIZE, 8, classes=NAMES), schedule=lambda _: rate)
