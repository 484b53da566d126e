"""Keras as the course sets it: no XLA where a GPU is listed, whatever this machine's own settings say."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pretended_gpu
import pytest
from pretended_gpu import CompiledByXLA

from helpers import augment, backbones, datasets, evaluate, features, training, transfer
from helpers.runtime import COURSE_FOLDER
from helpers.study import autopsy, domains, strategies

pytestmark = pytest.mark.slow

SIZE = 32


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    return datasets.draw_pets(40, 0, tmp_path_factory.mktemp("pets"), size=48)


@pytest.fixture
def gpu(monkeypatch):
    pretended_gpu.pretend(monkeypatch.setattr)


@pytest.fixture
def batches(pets):
    return augment.ImageBatches(pets[::2], SIZE, 8, shuffle=True), augment.ImageBatches(pets[1::2], SIZE, 8)


def plain_network(name="small"):
    """A network that Keras alone has built."""
    pictures = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 255)(pictures)
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(8, 3, strides=4, name="first")(x))
    return keras.Model(pictures, keras.layers.Conv2D(8, 3, strides=2, name="last")(x), name=name)


@pytest.fixture
def model():
    return transfer.build_classifier(plain_network(), ("cat", "dog"))


PICTURES = np.zeros((2, SIZE, SIZE, 3), np.float32)


# --- no XLA -------------------------------------------------------------------------------------------


def test_what_keras_alone_does_is_noticed(gpu):
    with pytest.raises(CompiledByXLA):
        plain_network().predict(PICTURES, verbose=0)
    plain = keras.Sequential([plain_network(), keras.layers.Flatten(), keras.layers.Dense(1)])
    plain.compile("sgd", "mse")
    with pytest.raises(CompiledByXLA):
        plain.fit(PICTURES, np.zeros(2), verbose=0)


@pytest.mark.parametrize("name", backbones.NAMES)
def test_base_networks_and_what_is_made_of_them(gpu, name):
    base = backbones.load(name, SIZE, weights=None)
    base.predict_on_batch(PICTURES)
    keras.Model(base.input, base.layers[3].output).predict_on_batch(PICTURES)
    plain = keras.Sequential([base, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1)])
    plain.compile("sgd", "mse")
    plain.predict_on_batch(PICTURES)
    for part in features.split_base(base, base.layers[3].name):
        part.predict_on_batch(np.zeros((1, *part.input_shape[1:]), np.float32))


def test_features_and_training(gpu, model, batches, pets, tmp_path):
    features.extract(transfer.base_of(model), pets, keep=False)
    tables = [
        (features.extract(transfer.base_of(model), part.data, keep=False), part.targets) for part in batches
    ]
    transfer.warm_up(model, *batches)
    transfer.warm_up_on_features(model, *tables, epochs=1, batch_size=8)
    transfer.head_of(model).predict(tables[0][0], verbose=0)
    for settings in ({}, {"from_layer": "last"}, {"keep": tmp_path}, {"batch_norm_training": True}):
        transfer.fine_tune(model, *batches, epochs=1, **settings)
    model.fit(training.as_dataset(batches[0]), verbose=0)
    model.predict(PICTURES, verbose=0)


def test_predictions_of_a_saved_model(gpu, model, pets, tmp_path):
    transfer.save(model, tmp_path / "pets.keras")
    loaded, _ = transfer.load(tmp_path / "pets.keras")
    assert not any(layer.supports_jit for layer in loaded._flatten_layers())
    evaluate.report(loaded, pets[:4])
    evaluate.predict_photo(loaded, pets.path.iloc[0])
    evaluate.grad_cam(loaded, PICTURES[0])
    loaded.predict(PICTURES, verbose=0)
    transfer.compile_classifier(loaded, 1e-3)
    loaded.fit(PICTURES, np.zeros(2), verbose=0)


def test_strategies(gpu, pets):
    domain = domains.of_table(pets, SIZE)
    kept = strategies.bottleneck(domain, backbones.load(image_size=SIZE, weights=None))
    strategies._trainer.cache_clear()
    for name in ("from scratch", "last blocks", "head only"):
        strategies.run_cell(name, domain, kept, 8, seed=0)
    strategies._trainer.cache_clear()


def test_autopsy(gpu, pets, monkeypatch):
    monkeypatch.setattr(autopsy, "BATCH_SIZE", 4)
    monkeypatch.setattr(autopsy, "FINE_TUNING_EPOCHS", 1)
    monkeypatch.setattr(autopsy.backbones, "load", lambda **_: plain_network())
    parts = np.arange(8), np.arange(8, 16)
    recipe = replace(autopsy.recipe_at("compiled again: the base is trained"), image_size=SIZE)
    autopsy.tutorials_recipe(recipe, pets, *parts, 0)


def test_no_layer_and_no_model_is_refused():
    from helpers import checks, framework

    with pytest.raises(checks.CourseError, match="model is 7. Give a model, or one of its layers."):
        framework.without_xla(7)


# --- settings elsewhere on the machine ----------------------------------------------------------------

BUILD = """
import sys
sys.path.insert(0, {course!r})
from helpers import backbones, transfer
import keras, numpy as np
base = backbones.load("mobilenet", 64, weights=None, alpha=0.25)
model = transfer.build_classifier(base, ("cat", "dog"))
lite = backbones.load("efficientnet_lite0", 64)
output = model.predict_on_batch(np.zeros((1, 64, 64, 3)))
print(keras.backend.backend(), base.output_shape, output.dtype, keras.config.epsilon(), lite.output_shape)
"""
AS_EVER = "tensorflow (None, 2, 2, 256) float32 1e-07 (None, 2, 2, 1280)\n"


def run(code, **environment):
    code = code.format(course=str(COURSE_FOLDER))
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"image_data_format": "channels_first"},
        {"floatx": "float64", "epsilon": 1e-2},
        {"backend": "jax"},
    ],
    ids=str,
)
def test_a_keras_json_of_ones_own_changes_nothing(settings, tmp_path):
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    done = run(BUILD, KERAS_HOME=str(tmp_path))
    assert (done.stdout, done.returncode) == (AS_EVER, 0), done.stderr


def test_a_backend_chosen_for_other_work_changes_nothing():
    done = run(BUILD, KERAS_BACKEND="jax")
    assert (done.stdout, done.returncode) == (AS_EVER, 0), done.stderr


def test_keras_imported_before_on_another_backend_is_told():
    imported = "import keras, sys; keras.backend.backend = lambda: 'numpy'; sys.path.insert(0, {course!r})"
    done = run(imported + "; from helpers import backbones")
    assert (
        "Keras was imported before the course's helpers, and runs on numpy. Restart the kernel" in done.stderr
    )


THREADS = """
import sys
sys.path.insert(0, {course!r})
from helpers import runtime
runtime.cores = lambda: 1
import os
os.cpu_count = lambda: 64
from helpers.framework import tf
print(os.environ["TF_NUM_INTRAOP_THREADS"], os.environ["TF_NUM_INTEROP_THREADS"])
"""


def test_in_a_container_tensorflow_starts_no_more_threads_than_it_may():
    assert run(THREADS).stdout == "1 1\n"
    assert run(THREADS, TF_NUM_INTRAOP_THREADS="3").stdout == "3 1\n"
