"""Bottleneck features: right, kept, and not computed twice."""

import errno
import shutil

import keras
import numpy as np
import pandas as pd
import pytest

from helpers import backbones, datasets, features, images

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def base():
    return backbones.load("efficientnet_lite0", image_size=64)


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    return datasets.draw_pets(20, seed=3, folder=tmp_path_factory.mktemp("pets"))


@pytest.fixture(autouse=True)
def own_home(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))


def test_equal_the_model_run_plainly(base, pets):
    found = features.extract(base, pets)
    plain = np.array(base(images.read_many(pets["path"], 64).astype("float32"))).mean(axis=(1, 2))
    assert found.shape == (20, 1280) and found.dtype == np.float32
    np.testing.assert_allclose(found, plain, atol=1e-3)


def test_kept_rows_are_not_computed_again(base, pets, monkeypatch):
    first = features.extract(base, pets)
    monkeypatch.setattr(features, "outputs_of", lambda *_: pytest.fail("computed a second time"))
    np.testing.assert_array_equal(features.extract(base, pets), first)
    np.testing.assert_array_equal(features.extract(base, pets.iloc[[7, 3]]), first[[7, 3]])


def test_rows_are_keyed_by_content_not_by_name(base, pets, tmp_path, monkeypatch):
    first = features.extract(base, pets)
    renamed = tmp_path / "another.jpg"
    shutil.copy(pets["path"].iloc[4], renamed)
    monkeypatch.setattr(features, "outputs_of", lambda *_: pytest.fail("computed a second time"))
    np.testing.assert_array_equal(features.extract(base, pd.DataFrame({"path": [str(renamed)]}))[0], first[4])


def test_only_missing_rows_are_computed(base, pets, monkeypatch):
    features.extract(base, pets.head(12))
    asked = []
    compute = features.outputs_of
    monkeypatch.setattr(features, "outputs_of", lambda net, paths: asked.extend(paths) or compute(net, paths))
    features.extract(base, pets)
    assert asked == list(pets["path"][12:])


def test_other_weights_have_other_rows(base, pets):
    random = backbones.load("efficientnet_lite0", image_size=64, weights=None)
    bare = backbones.load("efficientnet_lite0", image_size=64, preprocess=False)
    assert len({features.fingerprint(network) for network in (base, random, bare)}) == 3
    assert features.fingerprint(base) == features.fingerprint(
        backbones.load("efficientnet_lite0", image_size=64)
    )


def test_a_damaged_store_is_computed_anew(base, pets, tmp_path):
    first = features.extract(base, pets)
    (store,) = (tmp_path / "home/data/features").glob("*.npz")
    store.write_bytes(store.read_bytes()[:200])
    np.testing.assert_allclose(features.extract(base, pets), first, atol=1e-4)


def test_an_unreadable_picture_is_named(base, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not a picture")
    with pytest.raises(images.UnreadableImage, match="broken.jpg"):
        features.extract(base, pd.DataFrame({"path": [str(broken)]}))
    with pytest.raises(images.UnreadableImage, match="gone.jpg"):
        features.extract(base, pd.DataFrame({"path": [str(tmp_path / "gone.jpg")]}))


def test_keep_false_writes_nothing(base, pets, tmp_path):
    features.extract(base, pets.head(3), keep=False)
    assert not list((tmp_path / "home").rglob("*.npz"))


def test_no_pictures(base, pets):
    assert features.extract(base, pets.head(0)).shape == (0, 1280)


def test_a_folder_that_cannot_be_written_costs_a_sentence_only(base, pets, tmp_path, monkeypatch, capsys):
    (tmp_path / "home").write_text("a file where the folder should be")
    expected = features.extract(base, pets.head(3), keep=False)
    np.testing.assert_array_equal(features.extract(base, pets.head(3)), expected)
    assert "could not be kept" in capsys.readouterr().out


def test_a_full_disk_costs_a_sentence_and_leaves_nothing_half_written(
    base, pets, tmp_path, monkeypatch, capsys
):
    features.extract(base, pets.head(3))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.npz")}

    def fill_up(path, **_):
        path.write_bytes(bytes(1000))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(features.np, "savez", fill_up)
    assert features.extract(base, pets).shape == (20, 1280)
    assert "(No space left on device): the work goes on" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def _with_moments(network, seed=0):
    """Give a network's batch normalisations something to do."""
    rng = np.random.default_rng(seed)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 2, weights.shape) for weights in layer.get_weights()])
    return network


def _small_networks():
    """Networks whose batch normalisations may, and may not, be multiplied into what is before them."""
    layers = keras.layers

    def convolution(**settings):
        return layers.Conv2D(5, 3, use_bias=False, **settings)

    pictures = keras.Input((8, 8, 3))
    convolved = convolution()(pictures)
    normalised = layers.BatchNormalization()(convolved)
    yield "plain", 1, keras.Model(pictures, normalised)
    yield "called within another", 1, keras.Model(pictures, keras.Model(pictures, normalised)(pictures))
    yield "cut before the normalisation", 0, keras.Model(pictures, convolved)
    yield "both come out", 0, keras.Model(pictures, [convolved, normalised])

    depthwise = layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False)(pictures)
    yield (
        "depthwise, unscaled",
        1,
        keras.Model(pictures, layers.BatchNormalization(scale=False, center=False)(depthwise)),
    )

    convolved = convolution()(pictures)
    both = [layers.BatchNormalization()(convolved), layers.ReLU()(convolved)]
    yield "two followers", 0, keras.Model(pictures, layers.Add()(both))

    shared = convolution()
    first = layers.BatchNormalization()(shared(pictures))
    second = shared(layers.Rescaling(2.0)(pictures))
    yield "a convolution called twice", 0, keras.Model(pictures, layers.Add()([first, second]))

    shared = layers.BatchNormalization()
    both = [shared(convolution()(pictures)), shared(convolution()(pictures))]
    yield "a normalisation called twice", 0, keras.Model(pictures, layers.Add()(both))

    bent = convolution(activation="relu")(pictures)
    yield "an activation between", 0, keras.Model(pictures, layers.BatchNormalization()(bent))
    biased = layers.Conv2D(5, 3, bias_initializer="ones")(pictures)
    yield "a bias between", 0, keras.Model(pictures, layers.BatchNormalization()(biased))
    across = layers.BatchNormalization(axis=1)(convolution()(pictures))
    yield "along the height", 0, keras.Model(pictures, across)


@pytest.mark.parametrize(
    "n_simplified, network",
    [pytest.param(n, network, id=name) for name, n, network in _small_networks()],
)
def test_simplified_weights_say_the_same(n_simplified, network):
    assert len(list(features._normalised_convolutions(network))) == n_simplified
    for part in (network, *network.layers):
        if isinstance(part, keras.Model):
            _with_moments(part)
    batch = np.random.default_rng(1).uniform(-1, 1, (2, 8, 8, 3)).astype("float32")
    for fixed, followed in zip(
        keras.tree.flatten(features.forward_of(network)(batch)),
        keras.tree.flatten(features.forward_of(network, fixed=False)(batch)),
        strict=True,
    ):
        np.testing.assert_allclose(fixed, followed, atol=1e-5)


@pytest.mark.parametrize("name", ["efficientnet_lite0", "mobilenet", "mobilenet_v2"])
def test_no_batch_normalisation_of_a_base_multiplies(name):
    network = _with_moments(backbones.load(name, image_size=32, weights=None))
    normalisations = [part for part in network.layers if isinstance(part, keras.layers.BatchNormalization)]
    assert [bn for _, bn in features._normalised_convolutions(network)] == normalisations
    _, others = features._simplified_weights(network)
    variances = [
        values
        for values, variable in zip(others, network.non_trainable_variables, strict=True)
        if variable.path.endswith("moving_variance")
    ]
    epsilons = [np.float32(bn.epsilon) for bn in normalisations]
    assert all((each + epsilon == 1).all() for each, epsilon in zip(variances, epsilons, strict=True))


def test_weights_are_taken_as_they_are_or_followed(base, pets):
    network = keras.models.clone_model(base)
    network.set_weights(base.get_weights())
    batch = images.read_many(pets["path"].head(2), 64).astype("float32")
    fixed, following = (features.forward_of(network, fixed) for fixed in (True, False))
    before = fixed(batch).numpy()
    np.testing.assert_allclose(before, following(batch), atol=1e-3)
    np.testing.assert_allclose(before[:1], fixed(batch[:1]), atol=1e-3)  # another size of batch

    network.set_weights([weights * 0 for weights in network.get_weights()])
    np.testing.assert_array_equal(fixed(batch), before)
    assert np.abs(following(batch)).max() == 0


def test_the_same_layers_wired_otherwise_are_another_network():
    def network(first_twice: bool):
        pictures = keras.Input((8, 8, 3))
        one, other = (keras.layers.Conv2D(3, 1, kernel_initializer="ones", name=name) for name in "ab")
        x = one(pictures)
        y = other(x if first_twice else pictures)
        return keras.Model(pictures, keras.layers.Add()([x, y]))

    chained, parallel = network(True), network(False)
    assert [layer.name for layer in chained.layers][1:3] == [layer.name for layer in parallel.layers][1:3]
    assert features.fingerprint(chained) != features.fingerprint(parallel)
    assert features.fingerprint(chained) == features.fingerprint(network(True))  # whatever Keras calls it
