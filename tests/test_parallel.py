"""Several devices and several hosts give what one gives; each reads no more than its part."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from helpers import datasets, parallel
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


@pytest.mark.parametrize("name", ["devices", "host 0", "host 1"])
@pytest.mark.parametrize("phase", PHASES)
def test_the_same_comes_out(found, name, phase):
    """Curves, weights and features, also where the last batch holds one picture more than can be shared."""
    one, several = found["one"], found[name]
    compared = [key for key in one if key.startswith(phase)]
    assert compared
    for key in compared:
        np.testing.assert_allclose(several[key], one[key], rtol=1e-4, atol=2e-5, err_msg=key)


def test_each_host_reads_its_part(found):
    """Half of the pictures, and one more in each batch that has an odd number."""
    whole = int(found["one"]["n_read"])
    assert [int(found[name]["n_read"]) <= 0.6 * whole for name in ("host 0", "host 1")] == [True, True]


def test_one_of_the_hosts_keeps_the_checkpoints(found):
    assert [int(found[name]["kept"]) for name in ("one", "devices", "host 0", "host 1")] == [2, 2, 2, 0]


@pytest.mark.parametrize("n", [0, 1, 7, 8])
@pytest.mark.parametrize("devices", [1, 2, 3])
def test_every_row_is_someones_and_shares_are_of_one_size(n, devices):
    shares = [parallel.share(n, device, devices) for device in range(devices)]
    assert len({len(mine) for mine in shares}) == 1
    assert sorted(row for mine in shares for row in mine if row >= 0) == list(range(n))
