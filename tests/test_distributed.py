"""Several devices and several workers give what one device gives; each reads no more than its shards."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from helpers import augment, datasets, distributed, training, transfer
from helpers.runtime import COURSE_FOLDER

SECONDS = 200


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What `distributed_training.py` saved: on one device, on two, and on two workers of this machine."""
    folder = tmp_path_factory.mktemp("distributed")
    datasets.draw_pets(40, seed=5, folder=folder / "pets", size=64)
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    kinds = {
        "one": ["one"],
        "devices": ["devices"],
        "worker 0": ["worker", "0", *workers],
        "worker 1": ["worker", "1", *workers],
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
    script = Path(__file__).with_name("distributed_training.py")
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


PHASES = (
    *("warm-up", "features", "head", "fine-tuning from conv2", "fine-tuning from None"),
    "augmented, gone on with",
)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["devices", "worker 0", "worker 1"])
@pytest.mark.parametrize("phase", PHASES)
def test_the_same_comes_out(found, name, phase):
    """Curves, weights and features, also where the last batch cannot be divided evenly."""
    assert_same(found, name, phase)


@pytest.mark.slow
def test_the_same_comes_out_of_keras_own_fit_where_batches_divide_evenly(found):
    assert_same(found, "devices", "Keras's own")


def assert_same(found, name, phase):
    one, several = found["one"], found[name]
    compared = [key for key in one if key.startswith(phase)]
    assert compared
    for key in compared:
        np.testing.assert_allclose(several[key], one[key], rtol=1e-4, atol=2e-5, err_msg=key)


@pytest.mark.slow
def test_each_worker_reads_its_shards(found):
    """Half of the pictures, and one more in each batch that has an odd number."""
    whole = int(found["one"]["n_read"])
    assert [int(found[name]["n_read"]) <= 0.6 * whole for name in ("worker 0", "worker 1")] == [True, True]


@pytest.mark.slow
def test_the_chief_of_the_workers_keeps_the_checkpoints(found):
    assert [int(found[name]["kept"]) for name in ("one", "devices", "worker 0", "worker 1")] == [2, 2, 2, 0]


@pytest.mark.parametrize("n", [0, 1, 7, 8])
@pytest.mark.parametrize("replicas", [1, 2, 3])
def test_every_row_is_in_one_shard_and_shards_are_of_one_size(n, replicas):
    shards = [distributed.shard(np.arange(n), replica, replicas) for replica in range(replicas)]
    assert {len(part) for both in shards for part in both} == {-(-n // replicas)}
    assert sorted(row for rows, there in shards for row in rows[there == 1]) == list(range(n))


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
    for fit in (distributed.fit, training.fit):
        model = small_classifier()
        transfer.compile_classifier(model, 1e-2)
        history = fit(model.distribute_strategy, model, *batches, 3, [], {0: 0.5, 1: 2.0, 2: 1.0})
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

    history = distributed.fit(model.distribute_strategy, model, batches[0], None, 5, [Enough()])
    assert history.epoch == [0, 1] and set(history.history) == {"accuracy", "loss"}
