"""Augmentation: each transform does what it says; batches are complete, repeatable and fast."""

import random
import time
import warnings
from pathlib import Path

import cv2
import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers import augment, checks, drawings, images
from helpers.augment import Augmenter, ImageBatches, Parameters

RANGES = {"zoom_range": (0.5, 1), "rotation": 15, "brightness_range": (0.5, 1.5), "horizontal_flip": True}


@pytest.fixture(scope="module")
def picture():
    return drawings.draw_pet("cat", seed=3, size=300)


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    """Nineteen drawn pets as files: at eight a batch, the last batch is smaller."""
    folder = tmp_path_factory.mktemp("pets")
    rows = []
    for seed in range(19):
        label = drawings.LABELS[seed % 2]
        path = folder / f"{label}.{seed}.png"
        cv2.imwrite(str(path), drawings.draw_pet(label, seed, size=64)[..., ::-1])
        rows.append((str(path), label))
    return pd.DataFrame(rows, columns=["path", "label"])


def difference(one, other):
    return np.abs(one.astype(float) - other).mean()


# --- parameters -----------------------------------------------------------------------------------------


def test_parameters_stay_within_their_ranges_and_fill_them():
    rng = np.random.default_rng(0)
    drawn = pd.DataFrame([Augmenter(**RANGES).parameters(rng) for _ in range(2000)])
    assert drawn["zoom"].between(0.5, 1).all()
    assert drawn["zoom"].min() < 0.51 and drawn["zoom"].max() > 0.99
    assert drawn["angle"].between(-15, 15).all()
    assert drawn["angle"].min() < -14 and drawn["angle"].max() > 14
    assert drawn["brightness"].between(0.5, 1.5).all()
    assert abs(drawn["flip"].mean() - 0.5) < 0.05


def test_one_transform_more_leaves_the_others_as_they_were():
    few = Augmenter(rotation=15).parameters(np.random.default_rng(1))
    many = Augmenter(**RANGES).parameters(np.random.default_rng(1))
    assert few.angle == many.angle
    assert few.zoom == 1 and few.brightness == 1 and not few.flip


def test_no_range_does_nothing(picture):
    assert np.array_equal(Augmenter()(picture, np.random.default_rng(0)), picture)


@pytest.mark.parametrize(
    "ranges",
    [
        {"zoom_range": (0, 1)},
        {"zoom_range": (0.8, 1.2)},
        {"zoom_range": (1, 0.5)},
        {"zoom_range": 0.5},
        {"zoom_range": (0.5, 0.7, 1)},
        {"zoom_range": (float("nan"), 1)},
        {"zoom_range": "narrow"},
        {"rotation": -5},
        {"rotation": 200},
        {"rotation": (-10, 10)},
        {"brightness_range": (-0.1, 1)},
        {"brightness_range": (1.2, 0.8)},
        {"brightness_range": (0.5, float("inf"))},
    ],
)
def test_impossible_ranges_are_refused_with_their_name(ranges):
    (name,) = ranges
    with pytest.raises(ValueError, match=f"^{name} is .* Give ") as error:
        Augmenter(**ranges)
    assert str(error.value).count(". ") == 1, "one sentence on what is wrong, one on what to do"


# --- geometry -------------------------------------------------------------------------------------------


def test_frame_is_that_of_fit(picture):
    """Without any transform, a training picture is what validation sees."""
    wide = picture[40:240]
    ours, fitted = augment.apply(wide, Parameters(), 150), images.fit(wide, 150)
    assert difference(ours, fitted) < 3
    assert difference(np.roll(ours, 1, axis=1), fitted) > 2 * difference(ours, fitted)


def test_flip_is_exact(picture):
    assert np.array_equal(augment.apply(picture, Parameters(flip=True)), picture[:, ::-1])


@pytest.mark.parametrize("turns", [1, 2, -1])
def test_quarter_turns_are_exact_and_about_the_centre(picture, turns):
    turned = augment.apply(picture, Parameters(angle=90 * turns))
    assert np.array_equal(turned, np.rot90(picture, turns))  # np.rot90 turns counter-clockwise


def test_the_centre_stays_where_it_is():
    matrix = augment.affine_matrix((300, 200), (300, 200), Parameters(angle=15))
    centre = np.array([149.5, 99.5, 1])  # pixel coordinates: the first pixel's middle is 0
    assert np.allclose(matrix @ centre, centre[:2])


@pytest.mark.parametrize("across, down", [(0, 0), (1, 0), (0.5, 0.5), (1, 1)])
def test_zoom_keeps_its_share_at_its_place(picture, across, down):
    top, left = round(150 * down), round(150 * across)
    part = picture[top : top + 150, left : left + 150]
    expected = cv2.resize(part, (300, 300), interpolation=cv2.INTER_LINEAR)
    zoomed = augment.apply(picture, Parameters(zoom=0.5, across=across, down=down))
    assert difference(zoomed[2:-2, 2:-2], expected[2:-2, 2:-2]) < 0.5


def test_edges_are_mirrored_not_black(picture):
    white = np.full((100, 100, 3), 255, np.uint8)
    assert (augment.apply(white, Parameters(angle=30)) == 255).all()


def test_brightness_multiplies_and_cuts_off():
    image = np.full((4, 4, 3), (10, 100, 200), np.uint8)
    assert augment.apply(image, Parameters(brightness=1.5))[0, 0].tolist() == [15, 150, 255]
    assert augment.apply(image, Parameters(brightness=0))[0, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("shape", [(1, 50), (50, 1), (1, 1), (2000, 30), (1500, 2000)])
def test_any_shape_becomes_a_square(shape):
    image = np.full((*shape, 3), 120, np.uint8)
    changed = Augmenter(**RANGES)(image, np.random.default_rng(0), image_size=32)
    assert changed.shape == (32, 32, 3)
    assert changed.dtype == np.uint8


def test_large_photo_is_averaged_not_skipped_over():
    """Single-pixel stripes, shrunk to an eighth, must turn grey instead of into a pattern."""
    stripes = np.zeros((1600, 1600, 3), np.uint8)
    stripes[:, ::2] = 255
    small = augment.apply(stripes, Parameters(angle=3), 200)
    assert small[20:-20, 20:-20].std() < 12


def zoom_then_turn(image, zoom, angle):
    """The same change in two samplings, as one would write it at first."""
    size = image.shape[0]
    first = augment.apply(image, Parameters(zoom=zoom, across=0.5, down=0.5))
    return cv2.warpAffine(
        first,
        cv2.getRotationMatrix2D(((size - 1) / 2, (size - 1) / 2), angle, 1),
        (size, size),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )


def test_one_warp_is_sharper_and_truer_than_two():
    """Compare with a reference at four times the resolution, whose loss is negligible."""
    large = drawings.test_card(896)
    small = cv2.resize(large, (224, 224), interpolation=cv2.INTER_AREA)
    change = Parameters(zoom=0.8, angle=9)
    reference = cv2.resize(augment.apply(large, change), (224, 224), interpolation=cv2.INTER_AREA)
    one, two = augment.apply(small, change), zoom_then_turn(small, 0.8, 9)
    assert difference(one, reference) < 0.9 * difference(two, reference)
    sharpness = [cv2.Laplacian(image, cv2.CV_64F).var() for image in (one, two)]
    assert sharpness[0] > 1.3 * sharpness[1]


def test_one_warp_is_faster_than_two():
    card = drawings.test_card(448)

    def fastest(change, repeats=60):
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            change()
            times.append(time.perf_counter() - start)
        return min(times)

    one = fastest(lambda: augment.apply(card, Parameters(zoom=0.8, angle=9)))
    assert one < fastest(lambda: zoom_then_turn(card, 0.8, 9))


# --- batches --------------------------------------------------------------------------------------------


def test_batches_hold_every_picture_once_the_last_ones_too(pets):
    batches = ImageBatches(pets, image_size=32, batch_size=8)
    sizes = [len(labels) for _, labels in batches]
    assert len(batches) == 3 and sizes == [8, 8, 3]
    pictures, labels = batches[0]
    assert pictures.shape == (8, 32, 32, 3) and pictures.dtype == np.float32
    assert 200 < pictures.max() <= 255 and pictures.min() >= 0
    assert labels.dtype == np.float32 and labels.tolist() == [0, 1] * 4
    assert np.array_equal(pictures, images.read_many(pets["path"][:8], 32))
    assert batches.labels.tolist() == [0, 1] * 9 + [0]


def test_shuffled_pictures_keep_their_labels_and_each_epoch_has_its_own_order(pets):
    plain = dict(zip(pets["path"], pets["label"]))
    batches = ImageBatches(pets, 32, 8, shuffle=True, seed=3)
    of_picture = {picture.tobytes(): path for picture, path in
                  zip(images.read_many(pets["path"], 32).astype(np.float32), pets["path"])}  # fmt: skip
    orders = []
    for batches.epoch in (0, 1):
        seen = [(of_picture[picture.tobytes()], label) for batch in batches for picture, label in zip(*batch)]
        assert all(label == (plain[path] == "dog") for path, label in seen)
        orders.append([path for path, _ in seen])
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(pets["path"])
    assert orders[0] != orders[1] and list(pets["path"]) not in orders


def test_each_epoch_and_each_picture_is_augmented_anew(pets):
    one = pets.iloc[[0, 0]]
    batches = ImageBatches(one, 32, 2, Augmenter(**RANGES))
    (first, second), _ = batches[0]
    assert not np.array_equal(first, second)
    batches.epoch = 1
    assert not np.array_equal(batches[0][0][0], first)


def test_classes_set_the_numbers(pets):
    assert ImageBatches(pets, 32, 8, classes=("dog", "cat"))[0][1].tolist() == [1, 0] * 4
    one_hot = ImageBatches(pets, 32, 8, classes=("bird", "cat", "dog"))[0][1]
    assert one_hot.shape == (8, 3) and one_hot.dtype == np.float32
    assert one_hot.argmax(axis=1).tolist() == [1, 2] * 4
    with pytest.raises(ValueError, match="dog"):
        ImageBatches(pets, 32, 8, classes=("cat", "bird"))


def test_impossible_batches_are_refused(pets):
    with pytest.raises(ValueError, match="empty"):
        ImageBatches(pets[:0])
    with pytest.raises(ValueError, match="batch_size is 0"):
        ImageBatches(pets, batch_size=0)
    with pytest.raises(ValueError, match="image_size is -1"):
        ImageBatches(pets, image_size=-1)
    with pytest.raises(IndexError):
        ImageBatches(pets, 32, 8)[3]


def test_unreadable_picture_is_named(pets, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    data = pd.concat([pets[:3], pd.DataFrame({"path": [str(tmp_path / "broken.jpg")], "label": ["cat"]})])
    for augmenter in (None, Augmenter()):
        with pytest.raises(images.UnreadableImage, match=r"broken\.jpg"):
            ImageBatches(data, 32, 8, augmenter)[0]


def test_content_depends_on_seed_and_epoch_alone(pets, monkeypatch):
    def all_pictures(seed=0, epoch=0, threads=None, indices=(0, 1, 2), batch_size=8):
        monkeypatch.setattr(images, "THREADS", threads or 4)
        batches = ImageBatches(pets, 32, batch_size, Augmenter(**RANGES), shuffle=True, seed=seed)
        batches.epoch = epoch
        got = {index: batches[index] for index in indices}
        return np.concatenate([got[index][0] for index in sorted(got)])

    first = all_pictures()
    assert np.array_equal(first, all_pictures(threads=1))
    assert np.array_equal(first, all_pictures(indices=(2, 0, 1)))
    assert np.array_equal(first, all_pictures(batch_size=19, indices=(0,)))
    assert not np.array_equal(first, all_pictures(seed=1))
    assert not np.array_equal(first, all_pictures(epoch=1))


def test_without_augmenter_every_epoch_is_alike(pets):
    batches = ImageBatches(pets, 32, 8)
    before = batches[1][0]
    batches.epoch = 5
    assert np.array_equal(batches[1][0], before)


def test_index_of_the_table_does_not_matter(pets):
    part = pets.sample(frac=0.5, random_state=0)
    batches = ImageBatches(part, 32, 4)
    assert np.array_equal(batches[0][0], images.read_many(part["path"][:4], 32))


# --- augmenters of one's own ----------------------------------------------------------------------------

RESULTS = {
    "scaled": (lambda picture, size: images.fit(picture, size) / 255, "it looks scaled. .* picture \\* 255"),
    "whole": (
        lambda picture, size: picture,
        r"is \(64, 64, 3\), and image_size is 32. Return .*fit\(picture, 32\)",
    ),
    "grey": (lambda picture, size: images.fit(picture, size)[..., 0], r"is an array \(32, 32\). Give an RGB"),
    "nothing": (lambda picture, size: None, "is None. Give an RGB picture"),
    "too bright": (
        lambda picture, size: images.fit(picture, size) * 1.5,
        r"from .* to .* Give .*clip\(0, 255\)",
    ),
}


@pytest.mark.parametrize("change, message", RESULTS.values(), ids=list(RESULTS))
def test_what_an_own_augmenter_returns_is_looked_at(pets, change, message):
    batches = ImageBatches(
        pets[pets["label"] == "cat"], 32, 8, lambda picture, rng, size: change(picture, size)
    )
    with pytest.raises(checks.CourseError, match=f"^the picture from augmenter .*{message}") as error:
        batches[0]
    assert batches.failure is error.value, "what training shows in place of TensorFlow's own lines"


@pytest.mark.parametrize("kind", [np.asarray, np.float32, keras.ops.convert_to_tensor, Image.fromarray])
def test_an_own_augmenter_may_return_any_kind_of_picture(pets, kind):
    batches = ImageBatches(pets, 32, 8, lambda picture, rng, size: kind(images.fit(picture, size)))
    assert np.array_equal(batches[0][0], images.read_many(pets["path"][:8], 32))


# --- large photos ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def phone_photo(tmp_path_factory):
    """A photo of twelve megapixels, of more than a mebibyte, as a table of one row."""
    path = tmp_path_factory.mktemp("phone") / "cat.jpg"
    pet = cv2.resize(drawings.draw_pet("cat", 5, size=400), (4000, 3000), interpolation=cv2.INTER_CUBIC)
    grain = np.random.default_rng(0).integers(0, 12, pet.shape, dtype=np.uint8)
    Image.fromarray(cv2.add(pet, grain)).save(path, quality=90)
    assert path.stat().st_size > images.LARGE_FILE
    return pd.DataFrame({"path": [str(path)], "label": ["cat"]})


def test_a_large_photo_is_decoded_as_far_as_the_zoom_needs(phone_photo):
    """Whole decoding takes about three times as long, and shows the same."""
    augmenter, seconds, shown = Augmenter(**RANGES), {}, {}
    for name, function in (("reduced", augmenter), ("whole", lambda *arguments: augmenter(*arguments))):
        batches = ImageBatches(phone_photo, 128, 1, function, ("cat", "dog"))
        shown[name], seconds[name] = [], []
        for batches.epoch in range(6):
            start = time.process_time()
            shown[name].append(batches[0][0])
            seconds[name].append(time.process_time() - start)
    assert min(seconds["reduced"]) < 0.7 * min(seconds["whole"])
    assert 0 < difference(np.stack(shown["reduced"]), np.stack(shown["whole"])) < 2


@pytest.mark.parametrize("closest, at_least", [(1, 256), (0.5, 512), (0.3, 854)])
def test_the_closest_look_still_has_twice_the_pixels(pets, monkeypatch, closest, at_least):
    asked, read = [], images.read
    monkeypatch.setattr(images, "read", lambda path, **options: asked.append(options) or read(path))
    ImageBatches(pets[:1], 128, 1, Augmenter(zoom_range=(closest, 1)), ("cat", "dog"))[0]
    assert asked == [{"at_least": at_least}]


@pytest.mark.slow
def test_a_failure_is_forgotten_when_the_next_epoch_begins(pets, tmp_path):
    path = tmp_path / "cat.png"
    path.write_bytes(Path(pets["path"][0]).read_bytes())
    batches = ImageBatches(pets[:1].assign(path=str(path)), 16, 8, classes=("cat", "dog"))
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(images.UnreadableImage):
        batches[0]
    assert "does not exist" in str(batches.failure)
    path.write_bytes(content)
    tiny_model().fit(batches, shuffle=False, verbose=0)
    assert batches.failure is None


class Recorder(ImageBatches):
    """Notes what Keras asks for, and in which epoch."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.asked = []

    def __getitem__(self, index):
        self.asked.append((self.epoch, index))
        return super().__getitem__(index)


class SeenLabels(keras.callbacks.Callback):
    """Notes, at each epoch's end, how the weights stand: they tell in which order pictures came."""

    def on_train_begin(self, logs=None):
        self.weights = []

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append(np.concatenate([w.ravel() for w in self.model.get_weights()]))


def tiny_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.1), "binary_crossentropy")
    return model


@pytest.mark.slow
def test_fit_goes_through_the_epochs_as_promised_and_resumes(pets):
    def fit(epochs, initial_epoch=0, model=None):
        batches = Recorder(pets, 16, 8, Augmenter(**RANGES), shuffle=True, seed=7)
        batches.epoch = initial_epoch
        validation, seen = ImageBatches(pets, 16, 8), SeenLabels()
        model = model or tiny_model()
        model.fit(
            batches,
            validation_data=validation,
            epochs=epochs,
            initial_epoch=initial_epoch,
            callbacks=[seen],
            shuffle=False,
            verbose=0,
        )
        return model, batches, validation, seen.weights

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        random.seed(1)
        _, batches, validation, whole = fit(4)
        first_half, _, _, first = fit(2)
        random.seed(2)
        _, resumed, _, second = fit(4, initial_epoch=2, model=first_half)
    assert batches.epoch == resumed.epoch == 4
    assert validation.epoch == 4
    for epoch in range(4):
        asked = [index for when, index in batches.asked if when == epoch]
        assert asked[-3:] == [0, 1, 2]
    assert np.allclose(whole[:2], first, atol=1e-6)
    assert np.allclose(whole[2:], second, atol=1e-6)
    assert not np.allclose(whole[2], whole[3], atol=1e-4)


def test_evaluation_sees_every_picture(pets):
    model = tiny_model()
    batches = ImageBatches(pets, 16, 8)
    assert model.predict(batches, verbose=0).shape == (19, 1)
    model.evaluate(batches, verbose=0)
