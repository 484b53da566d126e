"""Base networks: their parameters, their preprocessing, their weights."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest

from helpers import backbones, features, images, lite, transfer

MOBILENET_FILE = "mobilenet_2_5_224_tf_no_top.h5"


def keras_models_folder() -> Path:
    return Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models"


@pytest.fixture(scope="module")
def network():
    return backbones.load("efficientnet_lite0", image_size=64)


@pytest.fixture
def pictures():
    return np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, alpha, parameters, channels",
    [
        ("efficientnet_lite0", 1.0, 3_413_024, 1280),
        ("efficientnet_lite1", 1.0, 4_189_344, 1280),
        ("efficientnet_lite2", 1.0, 4_869_168, 1280),
        ("mobilenet", 1.0, 3_228_864, 1024),
        ("mobilenet", 0.25, 218_544, 256),
        ("mobilenet_v2", 1.0, 2_257_984, 1280),
        ("vgg16", 1.0, 14_714_688, 512),
    ],
)
def test_architectures(name, alpha, parameters, channels):
    base = backbones.load(name, image_size=224, weights=None, alpha=alpha)
    assert base.name == name
    assert base.count_params() == parameters
    assert base.input_shape == (None, 224, 224, 3)
    assert base.output_shape == (None, 7, 7, channels)


def test_vgg16_is_blocks_of_convolutions_and_pooling():
    base = backbones.load("vgg16", weights=None)
    kinds = [type(layer).__name__ for layer in base.layers]
    pattern = "".join({"Conv2D": "C", "MaxPooling2D": "M"}.get(kind, "") for kind in kinds)
    assert pattern == "CCM" * 2 + "CCCM" * 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, black, white",
    [
        ("efficientnet_lite0", -127 / 128, 1.0),
        ("efficientnet_lite2", -127 / 128, 1.0),
        ("mobilenet", -1.0, 1.0),
        ("mobilenet_v2", -1.0, 1.0),
        ("vgg16", [-123.68, -116.779, -103.939], [131.32, 138.221, 151.061]),
    ],
)
def test_preprocessing_is_inside(name, black, white):
    base = backbones.load(name, image_size=32, weights=None)
    scale = base.get_layer("preprocessing")
    np.testing.assert_allclose(
        np.array(scale(np.zeros((1, 3))))[0] - np.zeros(3), np.zeros(3) + black, rtol=1e-4
    )
    np.testing.assert_allclose(np.array(scale(np.full((1, 3), 255.0)))[0], np.zeros(3) + white, rtol=1e-4)


def test_preprocessing_matches_keras_own():
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 2, 2, 3)).astype("float32")
    for name, theirs in (
        ("mobilenet", keras.applications.mobilenet.preprocess_input),
        ("mobilenet_v2", keras.applications.mobilenet_v2.preprocess_input),
    ):
        ours = keras.layers.Rescaling(**backbones.PREPROCESSING[name])(pixels)
        np.testing.assert_allclose(ours, theirs(pixels.copy()), atol=1e-4)
    # VGG16's is in BGR order; ours keeps RGB and turns the first kernel round instead.
    ours = keras.layers.Rescaling(**backbones.PREPROCESSING["vgg16"])(pixels)
    np.testing.assert_allclose(
        np.array(ours)[..., ::-1], keras.applications.vgg16.preprocess_input(pixels.copy()), atol=1e-4
    )


def test_turning_the_first_kernel_equals_turning_the_channels(pictures):
    convolution = keras.layers.Conv2D(4, 3)
    bgr = np.array(convolution(pictures[..., ::-1]))
    backbones._take_rgb_instead_of_bgr(convolution)
    np.testing.assert_allclose(convolution(pictures), bgr, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_without_preprocessing_the_caller_must_scale(network, pictures):
    bare = backbones.load("efficientnet_lite0", image_size=64, preprocess=False)
    assert "preprocessing" not in [layer.name for layer in bare.layers]
    np.testing.assert_allclose(bare((pictures - 127) / 128), network(pictures), atol=1e-4)


@pytest.fixture(params=lite.NETWORKS)
def lite_network(request):
    """Name and weights of each Lite network; all but the first are packages that need not be there."""
    try:
        return request.param, lite.read_state_dict(*lite.file(request.param))
    except FileNotFoundError as error:
        if request.param == backbones.DEFAULT:
            raise
        pytest.skip(str(error))


def test_lite_weights_are_loaded_whole(lite_network):
    name, state = lite_network
    features = {
        name for name in state if not name.endswith("num_batches_tracked") and not name.startswith("_fc")
    }
    loaded = backbones.load(name, image_size=64).get_weights()
    assert sorted(np.sort(weight, axis=None).tobytes() for weight in loaded) == sorted(
        np.sort(state[name], axis=None).tobytes() for name in features
    )


@pytest.mark.slow
def test_lite_networks_know_cats_and_dogs(photos, lite_network):
    """With ImageNet's own classifier put back, a network names dogs dogs and cats cats."""
    name, state = lite_network
    some = photos.groupby("label").head(20)
    base = backbones.load(name, image_size=224)
    pooled = np.array(base(images.read_many(some["path"], 224).astype("float32"))).mean(axis=(1, 2))
    best = (pooled @ state["_fc.weight"].T + state["_fc.bias"]).argmax(axis=1)
    groups = {"dog": range(151, 269), "cat": range(281, 286)}  # ImageNet's breeds of dogs, its domestic cats
    right = [number in groups[label] for number, label in zip(best, some["label"])]
    assert np.mean(right) >= 0.85


@pytest.mark.slow
@pytest.mark.skipif(
    not (keras_models_folder() / MOBILENET_FILE).is_file(),
    reason=f"{MOBILENET_FILE} is not in Keras's folder",
)
def test_mobilenet_with_its_real_weights(photos):
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score

    from helpers import features

    some = photos.groupby("label").head(100)
    base = backbones.load("mobilenet", image_size=224, alpha=0.25)
    pooled = features.extract(base, some)
    accuracy = cross_val_score(LogisticRegression(C=0.1, max_iter=1000), pooled, some["label"], cv=5).mean()
    assert accuracy >= 0.88  # 0.50 is chance; about 0.95 with all photos
    assert base.name == "mobilenet"


def test_weights_that_cannot_be_had(monkeypatch, tmp_path):
    def no_network(*arguments, **settings):
        raise Exception(
            "URL fetch failure on https://host/mobilenet/mobilenet_1_0_224_tf_no_top.h5: None -- unreachable"
        )

    monkeypatch.setattr(keras.src.utils.file_utils, "get_file", no_network)
    monkeypatch.setattr(keras.src.applications.mobilenet.file_utils, "get_file", no_network)
    with pytest.raises(FileNotFoundError) as caught:
        backbones.load("mobilenet")
    message = str(caught.value)
    assert "mobilenet_1_0_224_tf_no_top.h5" in message and "models" in message
    assert "could not be fetched (unreachable)" in message and "efficientnet_lite0" in message


def test_damaged_lite0_file_is_refused(monkeypatch, tmp_path):
    damaged = tmp_path / "lite0.pth"
    path, sha256 = lite.file("efficientnet_lite0")
    damaged.write_bytes(path.read_bytes()[:-1] + b"!")
    monkeypatch.setattr(lite, "file", lambda name: (damaged, sha256))
    with pytest.raises(lite.RefusedCheckpoint, match="lite0.pth"):
        backbones.load("efficientnet_lite0", image_size=32)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"name": "resnet"}, "name is 'resnet'. Choose one of efficientnet_lite0, "),
        ({"weights": "noisy"}, "weights is 'noisy'. Choose one of imagenet, None"),
        ({"image_size": 16}, "image_size is 16. Give a whole number from 32 on"),
        ({"name": "vgg16", "alpha": 0.5}, r"alpha is 0.5. Choose one of 1.0\."),
        ({"name": "mobilenet", "alpha": 0.6}, "alpha is 0.6. Choose one of 1.0, 0.75, 0.5, 0.25"),
    ],
)
def test_wrong_arguments(settings, message):
    with pytest.raises(ValueError, match=message):
        backbones.load(**{"name": "efficientnet_lite0", **settings})


@pytest.mark.slow
def test_mixed_precision_is_half_inside_and_leaves_nothing_behind(pictures):
    whole = transfer.build_classifier(backbones.load(image_size=64), ("cat", "dog"))
    half = transfer.build_classifier(backbones.load(image_size=64, mixed_precision=True), ("cat", "dog"))
    base = transfer.base_of(half)
    assert base.get_layer("top_conv").compute_dtype == "float16"
    assert {weight.dtype for weight in half.weights} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"
    outputs = half.predict_on_batch(pictures)
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(outputs, whole.predict_on_batch(pictures), atol=0.02)
    assert features.fingerprint(base) != features.fingerprint(transfer.base_of(whole))


@pytest.mark.slow
def test_mixed_precision_learns_with_a_scaled_loss(pictures):
    model = transfer.build_classifier(
        backbones.load(image_size=64, mixed_precision=True), ("cat", "dog"), dropout=0
    )
    transfer.unfreeze(transfer.base_of(model), "top_conv")
    transfer.compile_classifier(model, 1e-3)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    model.optimizer.learning_rate = 2e-3  # as a schedule does
    assert float(model.optimizer.learning_rate) == pytest.approx(2e-3)
    before = model.get_weights()
    losses = model.fit(pictures, np.array([0.0, 1.0]), epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert sum(not np.array_equal(*pair) for pair in zip(before, model.get_weights())) == 3


def test_mixed_precision_is_undone_where_building_fails():
    with pytest.raises(ValueError):
        backbones.load("vgg16", alpha=0.5, mixed_precision=True)
    with pytest.raises(Exception, match="fails"), backbones._policy("mixed_float16"):
        raise Exception("it fails")
    assert keras.config.dtype_policy().name == "float32"
