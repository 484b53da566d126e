"""Several devices and several hosts give what one gives; each reads no more than its part."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from helpers import augment, datasets, parallel, training, transfer
from helpers.runtime import COURSE_FOLDER

SECONDS = 200


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What `parallel_training.py` saved: on one device, on two, and on each of two hosts of this machine."""
    folder = tmp_path_factory.mktemp("parallel")
    datasets.draw_pets(40, seed=5, folder=folder / "pets", size=64)
    hosts = [f"127.0.0.1:{port}" for port in free_ports(2)]
    kinds = {
        "one": ["one"],
        "devices": ["devices"],
        "host 0": ["host", "0", *hosts],
        "host 1": ["host", "1", *hosts],
    }
    processes = {name: start(folder, name, kind) for name, kind in kinds.items()}
    try:
        for process in processes.values():
            _, errors = process.communicate(timeout=SECONDS)
            assert process.returncode == 0, errors[-2000:]
    finally:
        for process in processes.values():
            process.kill()
    return {name: dict(np.load(folder / f"{name}.npz")) for name in kinds}


def free_ports(n):
    opened = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [listening.getsockname()[1] for listening in opened]
    for listening in opened:
        listening.close()
    return ports


def start(folder: Path, name: str, kind: list[str]) -> subprocess.Popen:
    script = Path(__file__).with_name("parallel_training.py")
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("COV_CORE")},
        "PYTHONPATH": str(COURSE_FOLDER),
        "COURSE_HOME": str(folder / f"home of {name}"),
        "COURSE_QUIET": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, script, folder / f"{name}.npz", folder / "pets", *kind]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


PHASES = ("warm-up", "features", "head", "fine-tuning from conv2", "fine-tuning from None", "augmented")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["devices", "host 0", "host 1"])
@pytest.mark.parametrize("phase", PHASES)
def test_the_same_comes_out(found, name, phase):
    """Curves, weights and features, also where the last batch holds one picture more than can be shared."""
    one, several = found["one"], found[name]
    compared = [key for key in one if key.startswith(phase)]
    assert compared
    for key in compared:
        np.testing.assert_allclose(several[key], one[key], rtol=1e-4, atol=2e-5, err_msg=key)


@pytest.mark.slow
def test_each_host_reads_its_part(found):
    """Half of the pictures, and one more in each batch that has an odd number."""
    whole = int(found["one"]["n_read"])
    assert [int(found[name]["n_read"]) <= 0.6 * whole for name in ("host 0", "host 1")] == [True, True]


@pytest.mark.slow
def test_one_of_the_hosts_keeps_the_checkpoints(found):
    assert [int(found[name]["kept"]) for name in ("one", "devices", "host 0", "host 1")] == [2, 2, 2, 0]


@pytest.mark.parametrize("n", [0, 1, 7, 8])
@pytest.mark.parametrize("devices", [1, 2, 3])
def test_every_row_is_someones_and_shares_are_of_one_size(n, devices):
    shares = [parallel.share(n, device, devices) for device in range(devices)]
    assert len({len(mine) for mine in shares}) == 1
    assert sorted(row for mine in shares for row in mine if row >= 0) == list(range(n))


def small_classifier():
    keras.utils.set_random_seed(0)
    x = pictures = keras.Input((32, 32, 3))
    x = layers.Rescaling(1 / 127.5, -1)(x)
    x = layers.Conv2D(8, 3, strides=4, name="conv")(x)
    return transfer.build_classifier(keras.Model(pictures, x, name="small"), CLASSES, dropout=0, l2=0.01)


CLASSES = ("cat", "dog", "neither")


@pytest.fixture
def batches(tmp_path):
    data = datasets.draw_pets(20, seed=5, folder=tmp_path / "pets", size=32).sample(frac=1, random_state=0)
    return [augment.ImageBatches(part, 32, batch_size=8, classes=CLASSES) for part in (data[:13], data[13:])]


@pytest.mark.slow
def test_the_loop_is_keras_own_where_there_is_one_device(batches):
    """Three classes, class weights, a last batch of five: the same curves and weights as `fit` gives."""
    results = []
    for fit in (parallel.fit, training.fit):
        model = small_classifier()
        transfer.compile_classifier(model, 1e-2)
        history = fit(model, *batches, 3, [], {0: 0.5, 1: 2.0, 2: 1.0})
        results.append((history.history, model.get_weights()))
    (ours, weights), (theirs, their_weights) = results
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, err_msg=name)
    for one, other in zip(weights, their_weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.slow
def test_a_callback_ends_it_and_validation_may_be_left_out(batches):
    model = small_classifier()
    transfer.compile_classifier(model, 1e-2)

    class Enough(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    history = parallel.fit(model, batches[0], None, 5, [Enough()])
    assert history.epoch == [0, 1] and set(history.history) == {"accuracy", "loss"}


def test_outputs_are_the_networks():
    model = small_classifier()
    inputs = np.random.default_rng(0).uniform(0, 255, (7, 32, 32, 3)).astype("float32")
    outputs = parallel.outputs_of(model, lambda rows: inputs[rows], 7, batch_size=3)
    np.testing.assert_allclose(outputs, model.predict_on_batch(inputs), atol=1e-5)
