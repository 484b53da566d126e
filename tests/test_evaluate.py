"""Metrics with error bars, worst mistakes, Grad-CAM: checked against numbers worked out by hand."""

import keras
import numpy as np
import pandas as pd
import pytest

from helpers import backbones, datasets, evaluate, images, transfer

SIZE = 64


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    return datasets.draw_pets(12, seed=5, folder=tmp_path_factory.mktemp("pets"))


@pytest.fixture(scope="module")
def model():
    base = backbones.load("mobilenet", SIZE, weights=None, alpha=0.25)
    model = transfer.build_classifier(base, ("cat", "dog"))
    model.get_layer("classifier").bias.assign([1.0])  # else it gives both classes nearly a half
    return model


def test_score_counts_right_and_wrong():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    report = evaluate.score(probabilities, ["cat", "dog", "dog", "dog"], ("cat", "dog"))
    assert (report.right, report.n, report.accuracy) == (3, 4, 0.75)
    assert report.confusion.loc["dog", "cat"] == 1 and report.confusion.loc["cat", "dog"] == 0
    np.testing.assert_allclose(report.log_loss, -np.log([0.9, 0.8, 0.4, 0.7]).mean())
    assert str(report).startswith("3 of 4 right: accuracy 0.750 (95 % interval 0.301 to 0.954), log loss 0.4")


def test_score_when_one_class_is_absent():
    report = evaluate.score(np.array([[0.9, 0.1]]), ["cat"], ("cat", "dog"))
    assert report.confusion.to_numpy().tolist() == [[1, 0], [0, 0]]


def test_score_of_three_classes():
    report = evaluate.score(np.eye(3), ["a", "b", "c"], classes=("a", "b", "c"))
    assert report.right == 3 and report.confusion.shape == (3, 3)


def test_score_refuses_what_it_cannot_score():
    with pytest.raises(ValueError, match="0 pictures"):
        evaluate.score(np.empty((0, 2)), [], ("cat", "dog"))
    with pytest.raises(ValueError, match="'horse', which is none of"):
        evaluate.score(np.array([[0.9, 0.1]]), ["horse"], ("cat", "dog"))


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    # Wilson's formula worked out by hand: (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n)
    [(138, 140, 0.9495, 0.9961), (140, 140, 0.9733, 1.0), (70, 140, 0.4182, 0.5818), (0, 5, 0.0, 0.4345)],
)
def test_interval_is_wilsons(right, n, low, high):
    np.testing.assert_allclose(evaluate.accuracy_interval(right, n), (low, high), atol=1e-4)


def test_predict_keeps_the_order_and_sums_to_one(model, pets):
    found = evaluate.predict(model, pets)
    pictures = images.read_many(pets["path"], SIZE).astype("float32")
    dog = np.asarray(model(pictures, training=False))[:, 0]
    assert dog.min() > 0.6
    np.testing.assert_allclose(found, np.column_stack([1 - dog, dog]), atol=1e-5)
    np.testing.assert_allclose(evaluate.predict(model, pets.iloc[::-1]), found[::-1], atol=1e-5)


def test_predict_of_three_classes(pets):
    base = backbones.load("mobilenet", SIZE, weights=None, alpha=0.25)
    three = transfer.build_classifier(base, classes=("bird", "cat", "dog"))
    found = evaluate.predict(three, pets, classes=("bird", "cat", "dog"))
    assert found.shape == (12, 3)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_report_scores_the_predictions(model, pets):
    report = evaluate.report(model, pets)
    assert report.n == 12
    np.testing.assert_array_equal(
        report.confusion,
        evaluate.score(evaluate.predict(model, pets), pets["label"], ("cat", "dog")).confusion,
    )


def test_predict_photo_is_what_the_table_gets(model, pets):
    one = evaluate.predict_photo(model, pets["path"].iloc[3])
    assert one.is_monotonic_decreasing
    np.testing.assert_allclose(one[["cat", "dog"]], evaluate.predict(model, pets.iloc[[3]])[0], atol=1e-5)


def test_predict_photo_names_a_file_that_is_no_picture(model, tmp_path):
    (tmp_path / "notes.jpg").write_text("no picture")
    with pytest.raises(images.UnreadableImage, match="notes.jpg"):
        evaluate.predict_photo(model, tmp_path / "notes.jpg")


def test_worst_mistakes_come_first():
    data = pd.DataFrame({"path": list("abcd"), "label": ["cat", "dog", "dog", "cat"]}, index=[7, 3, 5, 1])
    probabilities = np.array([[0.9, 0.1], [0.95, 0.05], [0.4, 0.6], [0.3, 0.7]])
    found = evaluate.worst_mistakes(probabilities, data, ("cat", "dog"), most=3)
    assert found.index.tolist() == [3, 1, 5]
    assert found["predicted"].tolist() == ["cat", "dog", "dog"]
    np.testing.assert_allclose(found["probability"], [0.05, 0.3, 0.6])
    assert "predicted" not in data


def test_cross_validate_predicts_each_picture_once(pets):
    labels = (pets["label"] == "dog").to_numpy(float)
    clear = np.column_stack([labels, 1 - labels]).astype("float32") * 4
    report = evaluate.cross_validate(clear, pets, n_folds=3)
    assert (report.right, report.n) == (12, 12)
    # Whatever the table's index: its rows are counted by place.
    shuffled = pets.sample(frac=1, random_state=0)
    rows = pets.index.get_indexer(shuffled.index)
    assert evaluate.cross_validate(clear[rows], shuffled, n_folds=3).right == 12


def test_cross_validate_scores_no_head_on_what_it_was_trained_on(pets):
    """As many features as pictures: a head knows its own pictures by heart, and nothing of others."""
    noise = np.random.default_rng(0).normal(size=(12, 64))
    assert transfer.logistic_regression_head(noise, pets["label"]).score(noise, pets["label"]) == 1
    assert evaluate.cross_validate(noise, pets, n_folds=3).right < 11


def quarter_detector(weights: list[float], bias: float = 0.0) -> keras.Model:
    """Return a classifier whose base says where the picture is red (channel 0) and green (channel 1)."""
    pictures = keras.Input((SIZE, SIZE, 3))
    pooled = keras.layers.AveragePooling2D(SIZE // 4)(pictures)
    keep_two = keras.layers.Conv2D(2, 1, use_bias=False)
    base = keras.Model(pictures, keep_two(pooled))
    keep_two.set_weights([np.eye(3, 2)[None, None]])
    model = transfer.build_classifier(base, ("cat", "dog"), dropout=0)
    model.layers[-1].set_weights([np.array(weights)[:, None], np.array([bias])])
    return model


@pytest.mark.parametrize("bias", [0.0, 60.0, -60.0])
def test_grad_cam_finds_the_quarter_that_speaks_for_the_class(bias):
    """Also where the model is so sure that its probability rounds to 0 or 1."""
    picture = np.zeros((SIZE, SIZE, 3), np.uint8)
    picture[: SIZE // 4, : SIZE // 4, 0] = 200  # red, top left: evidence for the first class
    picture[-SIZE // 4 :, -SIZE // 4 :, 1] = 200  # green, bottom right: for the second
    model = quarter_detector([-0.1, 0.1], bias)
    for class_index, place in ((0, (0, 0)), (1, (3, 3))):
        heat = evaluate.grad_cam(model, picture, class_index)
        assert heat.shape == (4, 4)
        assert heat[place] == 1 and heat.sum() == 1


def test_grad_cam_takes_the_predicted_class():
    picture = np.zeros((SIZE, SIZE, 3), np.uint8)
    picture[: SIZE // 4, : SIZE // 4, 0] = 200
    np.testing.assert_array_equal(
        evaluate.grad_cam(quarter_detector([-0.1, 0.1]), picture),
        evaluate.grad_cam(quarter_detector([-0.1, 0.1]), picture, 0),
    )


def test_grad_cam_where_nothing_speaks_for_the_class():
    picture = np.full((SIZE, SIZE, 3), 90, np.uint8)
    assert not evaluate.grad_cam(quarter_detector([-0.1, -0.1]), picture, 1).any()


def test_grad_cam_of_three_classes(pets):
    base = backbones.load("mobilenet", SIZE, weights=None, alpha=0.25)
    model = transfer.build_classifier(base, classes=("bird", "cat", "dog"))
    heat = evaluate.grad_cam(model, images.read(pets["path"].iloc[0], SIZE))
    assert heat.shape == (2, 2) and heat.min() >= 0 and heat.max() <= 1


def test_summarise_curve():
    found = evaluate.summarise_curve([0.5, 0.8, 0.9, 0.9, 0.96])
    np.testing.assert_allclose(found[["start", "slope", "level"]], [0.5, 0.3, 0.92])
    with pytest.raises(ValueError, match=r"accuracy is \[0.9\]. Give two or more"):
        evaluate.summarise_curve([0.9])
