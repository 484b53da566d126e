"""Bottleneck features: right, kept, and not computed twice."""

import errno
import shutil

import keras
import numpy as np
import pandas as pd
import pytest

from helpers import backbones, datasets, features, images


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
