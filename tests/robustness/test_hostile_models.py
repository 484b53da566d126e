"""Models from elsewhere: `.keras` files that are damaged or mean harm."""

import json
import os
import re
import zipfile

import keras
import numpy as np
import pytest

from helpers import checks, classifier, transfer


def small_model(*between):
    return keras.Sequential([keras.Input((4,)), *between, keras.layers.Dense(1, activation="sigmoid")])


def from_elsewhere(model, path, names='["cat", "dog"]', changed=lambda name, content: content):
    """Save a model as someone else would, and change what is in the file."""
    model.save(path.with_suffix(".plain.keras"))
    with (
        zipfile.ZipFile(path.with_suffix(".plain.keras")) as plain,
        zipfile.ZipFile(path, "w") as archive,
    ):
        for name in plain.namelist():
            archive.writestr(name, changed(name, plain.read(name)))
        if names is not None:
            archive.writestr(classifier.CLASSES_FILE, names)
    return path


def with_config(change):
    """Change the parsed JSON of a member of a model's file, by the member's name."""

    def changed(name, content):
        if name not in change:
            return content
        parsed = json.loads(content)
        change[name](parsed)
        return json.dumps(parsed).encode()

    return changed


def test_a_model_of_keras_own_layers_is_loaded(tmp_path):
    assert transfer.load(from_elsewhere(small_model(), tmp_path / "pets.keras"))[1] == ["cat", "dog"]


def test_code_in_a_model_is_not_run(tmp_path, monkeypatch):
    monkeypatch.setenv("MARKER", str(tmp_path / "ran"))
    harm = keras.layers.Lambda(lambda x: (__import__("pathlib").Path(os.environ["MARKER"]).touch(), x)[1])
    path = from_elsewhere(small_model(harm), tmp_path / "pets.keras")
    (tmp_path / "ran").unlink()  # it ran here, where it was made
    with pytest.raises(checks.CourseError, match=r"'pets\.keras' is damaged, or carries code of its own"):
        transfer.load(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "layer",
    [
        {"module": "os", "class_name": "system", "config": "true"},
        {"module": "builtins", "class_name": "eval", "config": {"source": "1"}},
        {"module": "subprocess", "class_name": "Popen", "config": {"args": ["true"]}},
        {"module": "keras.utils", "class_name": "get_file", "config": {"origin": "http://127.0.0.1:9/x"}},
    ],
)
def test_a_model_that_names_a_function_of_elsewhere_is_refused(tmp_path, layer):
    def put(config):
        config["config"]["layers"][1] = {**layer, "registered_name": None}

    model = small_model(keras.layers.ReLU())
    path = from_elsewhere(model, tmp_path / "evil.keras", changed=with_config({"config.json": put}))
    with pytest.raises(checks.CourseError, match="carries code of its own"):
        transfer.load(path)


def test_damaged_model_files_are_refused(tmp_path):
    path = from_elsewhere(small_model(), tmp_path / "pets.keras")
    whole = path.read_bytes()
    for content in (b"", b"no zip", whole[: len(whole) // 2], whole[:-10]):
        path.write_bytes(content)
        with pytest.raises(checks.CourseError, match=r"'pets\.keras' is damaged"):
            transfer.load(path)


def test_a_model_with_any_byte_changed_is_refused_or_the_same(tmp_path):
    """Times of members do not count; what a model computes with is checked by the archive's sums."""
    model = small_model()
    path = from_elsewhere(model, tmp_path / "pets.keras")
    whole, inputs = path.read_bytes(), np.ones((1, 4), np.float32)
    expected, refused = model.predict(inputs, verbose=0), 0
    places = range(0, len(whole), 997)
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            loaded, classes = transfer.load(path)
        except checks.CourseError:
            refused += 1
        else:
            assert classes == ["cat", "dog"]
            np.testing.assert_array_equal(loaded.predict(inputs, verbose=0), expected)
    assert refused > len(places) / 2


@pytest.mark.parametrize(
    "names", ["", "[]", "{}", "7", '["cat"]', '["cat", "cat"]', '["a", "b", "c"]', '"ab"']
)
def test_names_that_are_not_the_classes_are_refused(tmp_path, names):
    path = from_elsewhere(small_model(), tmp_path / "pets.keras", names)
    with pytest.raises(checks.CourseError, match="pets.keras' is damaged|Give the 2 different names"):
        transfer.load(path)


def test_a_model_without_names_says_what_to_do(tmp_path):
    path = from_elsewhere(small_model(), tmp_path / "pets.keras", None)
    with pytest.raises(
        checks.CourseError, match=r"does not hold its classes' names.*keras\.saving\.load_model"
    ):
        transfer.load(path)


def newer(config):
    config["keras_version"] = "99.1.0"


def older(config):
    config["keras_version"] = "3.0.1"


def puzzling(config):
    config["config"]["layers"][1]["config"]["a_setting_of_the_future"] = None


@pytest.mark.parametrize("saved_by", [newer, older, lambda config: None])
def test_a_model_of_another_keras_is_called_that(tmp_path, saved_by):
    change = with_config({"config.json": puzzling, "metadata.json": saved_by})
    path = from_elsewhere(small_model(), tmp_path / "pets.keras", changed=change)
    here = re.escape(keras.__version__)
    said = {
        newer: f"was saved with Keras 99.1.0; this is Keras {here}, which",
        older: f"pets.keras', saved with Keras 3.0.1 and read with {here}, is damaged, or carries code",
    }
    with pytest.raises(checks.CourseError, match=said.get(saved_by, "pets.keras' is damaged")):
        transfer.load(path)
    understood = from_elsewhere(
        small_model(), tmp_path / "fine.keras", changed=with_config({"metadata.json": saved_by})
    )
    assert transfer.load(understood)[1] == ["cat", "dog"]


@pytest.mark.parametrize("version", [7, None, [], {}, "", "a newer one", -0.5])
def test_a_model_of_no_keras_at_all_is_called_damaged(tmp_path, version):
    change = with_config(
        {"config.json": puzzling, "metadata.json": lambda c: c.update(keras_version=version)}
    )
    path = from_elsewhere(small_model(), tmp_path / "pets.keras", changed=change)
    with pytest.raises(checks.CourseError, match="pets.keras' is damaged"):
        transfer.load(path)
