"""Bottleneck features: what a frozen base network says of a picture, computed once and kept.

While the base is frozen, a picture's features are the same in every epoch. Computing them once
turns the training of a head from minutes into a second (the term is from Keras's blog post of
2016, "Building powerful image classification models using very little data").
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from . import checks, images, runtime
from .augment import ImageBatches
from .framework import keras, out_of_memory_explained, tf, without_xla

# Measured on two cores: small batches stay in the processor's cache (16 is 1.1 times as fast as 64).
BATCH_SIZE = 16
BATCHES_AT_ONCE = 3  # one is read while two are computed, so that no core waits at the end of a layer
KEPT_BYTES = 256 * 2**20  # on disk, which may be a Drive
FORMAT = 2  # of the kept rows; raise it when what they mean changes, and they are computed anew


def extract(base: keras.Model, data: pd.DataFrame, keep: bool = True) -> np.ndarray:
    """Compute the bottleneck features of pictures: the feature map's average over all places.

    Rows already kept on disk are read, not computed; rows are keyed by the picture's content, so that
    a renamed file, another split or another order costs nothing. Where the folder cannot be written, a
    sentence says so and the features are given all the same.

    Args:
        base: a base network of `backbones.load`.
        data: one picture a row, column `path`.
        keep: False neither reads nor writes the kept rows.

    Returns:
        float32 array `(n, channels)`, in the order of `data`.

    Raises:
        images.UnreadableImage: a file that is no sound picture; the error names it, before any is computed.
        ValueError: `base` is no network of pictures, or `data` has no paths.

    Example:
        >>> data = datasets.draw_pets(12, seed=0)
        >>> base = backbones.load("efficientnet_lite0", image_size=32)
        >>> features.extract(base, data).shape
        (12, 1280)

    See also: `transfer.warm_up_on_features`, `evaluate.cross_validate`, which train on them.
    """
    _check_network("base", base)
    checks.table(data, "path")
    return cached_outputs(_pooled(base), data["path"].tolist(), keep)


def cached_outputs(network: keras.Model, paths: list[str], keep: bool = True) -> np.ndarray:
    """Run a network over picture files as `outputs_of` does, but read what was kept and keep what is new.

    Args:
        network: takes float32 `(n, size, size, 3)`, RGB, 0-255.
        paths: n files.
        keep: False neither reads nor writes; nor is kept what would take more than `KEPT_BYTES`.

    Returns:
        float32 array `(n, …)`, what the network says of each picture.

    Raises:
        images.UnreadableImage, ValueError: as `extract`.
    """
    _check_network("network", network)
    keep = keep and 4 * np.prod(network.output_shape[1:]) * len(paths) <= KEPT_BYTES
    keys = [content_key(path) for path in paths]
    store = runtime.kept("features", f"{network.name}-{network.input_shape[1]}-{fingerprint(network)}.npz")
    rows = _read_rows(store) if keep else {}
    missing = {key: path for key, path in zip(keys, paths) if key not in rows}
    if missing:
        images.check(missing.values())
        rows |= dict(zip(missing, outputs_of(network, list(missing.values()))))
        if keep:
            _write_rows(store, rows)
    empty = np.empty((0, *network.output_shape[1:]), np.float32)
    return np.stack([rows[key] for key in keys]) if keys else empty


def outputs_of(
    network: keras.Model,
    inputs: Sequence[str] | np.ndarray,
    forward: Callable[[tf.Tensor], tf.Tensor] | None = None,
) -> np.ndarray:
    """Run a network over pictures, in inference mode.

    Args:
        network: takes float32 `(n, height, width, channels)`: pictures, RGB, 0-255, or a feature map.
        inputs: n picture files, or what the network takes as an array of any kind of number.
        forward: of `forward_of(network, fixed=False)`, for whoever calls again and again.

    Returns:
        float32 array `(n, …)`, what the network says of each input.

    Raises:
        ValueError: `network` is no such network, or there are no inputs.
        images.UnreadableImage: a file that is no sound picture.
    """
    _check_network("network", network)
    if not len(inputs):
        raise checks.CourseError("inputs is empty. Name at least one picture.")
    image_size = network.input_shape[1]
    with out_of_memory_explained(BATCH_SIZE, image_size):
        run = forward or forward_of(network)
        # One array from the start: a list of parts, put together in the end, would need twice the memory.
        outputs = np.empty((len(inputs), *network.output_shape[1:]), np.float32)

        def put(start: int) -> None:
            some = inputs[start : start + BATCH_SIZE]
            batch = some if isinstance(some, np.ndarray) else images.read_many(some, image_size)
            outputs[start : start + len(some)] = run(tf.cast(batch, tf.float32))

        starts = range(0, len(inputs), BATCH_SIZE)
        with ThreadPoolExecutor(BATCHES_AT_ONCE) as pool:
            list(runtime.progress(pool.map(put, starts), f"outputs of {network.name}", len(starts)))
        return outputs


def forward_of(network: keras.Model, fixed: bool = True) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return a function that runs a network over a batch, in inference mode.

    It is traced once, for batches of any size, so that a smaller last one costs nothing more. `Model.predict`
    gives the same numbers more slowly: its weights may change between two batches.

    Args:
        network: takes float32 `(n, height, width, channels)`, pictures or a feature map.
        fixed: take the weights as they are now, as constants, each batch normalisation multiplied into the
            convolution before it: 1.6 to 2 times as fast. False follows the weights as they change.

    Raises:
        ValueError: `network` is no such network.

    Example:
        >>> base = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(4, 3)])
        >>> run = features.forward_of(base)
        >>> run(np.zeros((5, 32, 32, 3), np.float32)).numpy().shape
        (5, 30, 30, 4)
    """
    _check_network("network", network)
    weights = _simplified_weights(network) if fixed else None

    @tf.function(input_signature=[tf.TensorSpec((None, *network.input_shape[1:]))])
    def forward(batch: tf.Tensor) -> tf.Tensor:
        if weights is None:
            return network(batch, training=False)
        constants = [[tf.constant(values) for values in some] for some in weights]
        outputs, _ = network.stateless_call(*constants, batch, training=False)
        return outputs

    return forward


def _simplified_weights(network: keras.Model) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return weights with which a network says the same while its batch normalisations only add.

    In inference mode a batch normalisation multiplies each channel by s = γ / √(σ² + ε), after taking off μ
    and before adding β. Convolving with the kernel s · W in place of W comes to the same (Jacob et al. 2018,
    "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
    equation 14), and TensorFlow does an addition along with the convolution.

    Returns:
        The values of the trainable variables, and of the others, as `Model.stateless_call` takes them.
    """
    values = {id(variable): variable.numpy() for variable in network.variables}
    for convolution, normalisation in _normalised_convolutions(network):
        kernel, variance, mean = convolution.kernel, normalisation.moving_variance, normalisation.moving_mean
        factor = 1 / np.sqrt(variance.numpy() + normalisation.epsilon)
        if normalisation.scale:
            factor *= normalisation.gamma.numpy()
            values[id(normalisation.gamma)] = np.ones_like(factor)
        values[id(variance)] = np.full_like(factor, 1 - normalisation.epsilon)  # with ε added, 1
        values[id(mean)] = factor * mean.numpy()
        # A depthwise kernel's last two axes are the channels that go in and how many come of each.
        is_depthwise = isinstance(convolution, keras.layers.DepthwiseConv2D)
        values[id(kernel)] = kernel.numpy() * factor.reshape(kernel.shape[2:] if is_depthwise else -1)
    both = network.trainable_variables, network.non_trainable_variables
    trainable, others = ([values[id(variable)] for variable in variables] for variables in both)
    return trainable, others


def _normalised_convolutions(
    network: keras.Model,
) -> Iterator[tuple[keras.layers.Layer, keras.layers.BatchNormalization]]:
    """Find the convolutions from which batch normalisations take their inputs, and nothing else does."""
    kinds = keras.layers.Conv2D | keras.layers.DepthwiseConv2D
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _normalised_convolutions(layer)
        elif isinstance(layer, kinds) and not layer.use_bias and layer.activation is keras.activations.linear:
            follower = _only_follower(layer)
            if (
                isinstance(follower, keras.layers.BatchNormalization)
                and follower.axis in (-1, 3)
                and follower in network.layers
                and not any(layer.output is output for output in network.outputs)
            ):
                yield layer, follower


def _only_follower(layer: keras.layers.Layer) -> keras.layers.Layer | None:
    """Return the layer that takes this one's output, if both are called once; Keras has no public way."""
    followers = [node.operation for node in layer._outbound_nodes]
    calls = [len(each._inbound_nodes) for each in (layer, *followers)]
    return followers[0] if calls == [1, 1] else None


def split_base(base: keras.Model, from_layer: str) -> tuple[keras.Model, keras.Model]:
    """Cut a base network in two: pictures to activations, and activations to the feature map.

    Both parts share their layers with `base`: training the upper one trains the base.

    Raises:
        ValueError: the base cannot be cut before `from_layer`, since a layer after it takes an
            input from before it (a residual connection); or it has no such layer.
    """
    check_base(base)
    check_layer(base, from_layer)
    cut = base.get_layer(from_layer).input
    try:
        lower = keras.Model(base.input, cut, name=f"{base.name}_before_{from_layer}")
        upper = keras.Model(cut, base.output, name=f"{base.name}_from_{from_layer}")
    except ValueError as error:
        raise checks.CourseError(
            f"'{base.name}' cannot be cut before '{from_layer}': a connection goes around it. "
            "Choose the first layer of a block."
        ) from error
    return without_xla(lower), without_xla(upper)


class ActivationBatches(keras.utils.PyDataset):
    """The batches of an `ImageBatches`, with each picture replaced by what the frozen layers make of it.

    Args:
        lower: the frozen part of a base network, of `split_base`.
        batches: pictures that no augmenter changes.
    """

    def __init__(self, lower: keras.Model, batches: ImageBatches):
        super().__init__()
        if not isinstance(batches, ImageBatches):
            raise checks.CourseError(f"batches is {checks.shown(batches)}. Give augment.ImageBatches.")
        self.lower, self.batches = lower, batches
        self.labels, self.batch_size = batches.labels, batches.batch_size

    @cached_property
    def activations(self) -> np.ndarray:
        """What the frozen layers make of each picture; had at the first batch, if one is asked for.

        It is kept on disk as bottleneck features are, so that a training that goes on need not wait for it.
        """
        return cached_outputs(self.lower, self.batches.data["path"].tolist())

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return batch `index`: activations `(b, height, width, channels)` and their targets."""
        return self.read(self.rows(index))

    def rows(self, index: int) -> np.ndarray:
        """Return which rows batch `index` holds, as the pictures' batches do."""
        return self.batches.rows(index)

    def read(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return activations and targets of some rows."""
        return self.activations[rows], self.batches.targets[rows]


def fingerprint(network: keras.Model) -> str:
    """Return twelve hexadecimal digits that change when the network's layers or weights change."""
    digest = hashlib.sha256(layout(network, with_flags=False).encode())
    for weights in network.get_weights():
        digest.update(np.ascontiguousarray(weights).data)
    return digest.hexdigest()[:12]


def layout(network: keras.Model, with_flags: bool = True) -> str:
    """Return how a network is built, as text: its layers' settings and connections, not its weights.

    Names do not count: Keras numbers those that nobody gave, by what was built before in the same program.

    Args:
        network: any.
        with_flags: which layers are trainable counts, too.

    Raises:
        ValueError: `network` is none.
    """
    if not isinstance(network, keras.Model):
        raise checks.CourseError(
            f"network is {checks.shown(network)}. Give a network, such as backbones.load builds."
        )
    config = network.get_config()
    numbers = {name: f"layer {number}" for number, name in enumerate(_names_in(config))}

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {key: plain(part) for key, part in value.items() if with_flags or key != "trainable"}
        if isinstance(value, list | tuple):
            return [plain(part) for part in value]
        return numbers.get(value, value) if isinstance(value, str) else value

    return json.dumps(plain(config), sort_keys=True, default=str)


def _names_in(config: object) -> Iterator[str]:
    """Find the layers' names in a network's configuration, in order."""
    if isinstance(config, dict):
        if isinstance(config.get("name"), str):
            yield config["name"]
        config = list(config.values())
    for part in config if isinstance(config, list | tuple) else ():
        yield from _names_in(part)


def _pooled(base: keras.Model) -> keras.Model:
    places = keras.layers.GlobalAveragePooling2D()(base.output)
    return keras.Model(base.input, places, name=base.name)


def content_key(path: str) -> str:
    """Return the SHA-256 sum of a picture file: the same for a copy, whatever its name.

    Raises:
        images.UnreadableImage: there is no such file, or it cannot be opened.
    """
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        images.read(path)  # says what is wrong with the file, in a learner's words
        raise


def check_base(base: keras.Model) -> None:
    """Refuse what is no base network."""
    if not isinstance(base, keras.Model):
        raise checks.CourseError(f"base is {checks.shown(base)}. Give a network that backbones.load builds.")


def check_layer(base: keras.Model, from_layer: str) -> None:
    """Refuse a name that no layer of the base has."""
    names = [layer.name for layer in base.layers]
    if from_layer not in names:
        raise checks.CourseError(
            f"from_layer is {from_layer!r}, and '{base.name}' has no such layer; its last are "
            f"{', '.join(names[-3:])}. Print `[layer.name for layer in base.layers]` and choose one."
        )


def _check_network(name: str, network: object) -> None:
    if not isinstance(network, keras.Model) or len(network.input_shape or ()) != 4:
        raise checks.CourseError(
            f"{name} is {checks.shown(network)}. Give a network of pictures, such as backbones.load builds."
        )


def _read_rows(store: Path) -> dict[str, np.ndarray]:
    """Return the kept rows by their keys; none if the file is not whole, of this format and unchanged."""
    try:
        with np.load(store, allow_pickle=False) as kept:
            keys, rows = kept["keys"], kept["rows"]
            if kept["digest"] == _digest(keys, rows):
                return dict(zip(keys.tolist(), rows, strict=True))
    except Exception:  # there is none, or whatever a damaged one provokes: computed anew
        pass
    return {}


def _write_rows(store: Path, rows: dict[str, np.ndarray]) -> None:
    """Keep the rows, with those that another notebook may have added in the meantime."""
    rows = _read_rows(store) | rows
    keys, values = np.array(list(rows)), np.stack(list(rows.values()))
    try:
        runtime.clear_leftovers(store.parent)
        with runtime.written_whole(store) as unfinished:
            np.savez(unfinished, keys=keys, rows=values, digest=_digest(keys, values))
    except OSError as error:
        runtime.say_not_kept(store, error)


def _digest(keys: np.ndarray, rows: np.ndarray) -> str:
    described = json.dumps([FORMAT, keys.tolist(), str(rows.dtype), rows.shape]).encode()
    return hashlib.sha256(described + np.ascontiguousarray(rows).tobytes()).hexdigest()
