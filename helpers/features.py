"""Bottleneck features: what a frozen base network says of a picture, computed once and kept.

While the base is frozen, a picture's features are the same in every epoch. Computing them once
turns the training of a head from minutes into a second (the term is from Keras's blog post of
2016, "Building powerful image classification models using very little data").
"""

import hashlib
import json
import os
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from . import images, runtime

# Measured on two cores: small batches stay in the processor's cache (16 is 1.1 times as fast as 64).
BATCH_SIZE = 16


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
        images.UnreadableImage: a file that is no picture; the error names it.
    """
    keys = [_content_key(path) for path in data["path"]]
    store = runtime.kept("features", f"{base.name}-{base.input_shape[1]}-{fingerprint(base)}.npz")
    rows = _read_rows(store) if keep else {}
    missing = {key: path for key, path in zip(keys, data["path"]) if key not in rows}
    if missing:
        rows |= dict(zip(missing, pooled_outputs(base, list(missing.values()))))
        if keep:
            _write_rows(store, rows)
    channels = base.output_shape[-1]
    return np.stack([rows[key] for key in keys]) if keys else np.empty((0, channels), np.float32)


def pooled_outputs(base: keras.Model, paths: list[str]) -> np.ndarray:
    """Run `base` over picture files and average each feature map over its places: `(n, channels)`."""
    places = keras.layers.GlobalAveragePooling2D()(base.output)
    return outputs_of(keras.Model(base.input, places, name=base.name), paths)


def outputs_of(network: keras.Model, paths: list[str]) -> np.ndarray:
    """Run a network over picture files, in inference mode.

    Args:
        network: takes float32 `(n, size, size, 3)`, RGB, 0-255.
        paths: n files.

    Returns:
        float32 array `(n, …)`, what the network says of each picture.
    """

    # `Model.predict` gives the same numbers at about half the pace: it builds a data set, callbacks
    # and a progress bar around every call.
    @tf.function(reduce_retracing=True)
    def forward(pictures: tf.Tensor) -> tf.Tensor:
        return network(pictures, training=False)

    batches = _batches(paths, network.input_shape[1], network.name)
    return np.concatenate([forward(tf.cast(batch, tf.float32)).numpy() for batch in batches])


def _batches(paths: list[str], image_size: int, description: str) -> Iterator[np.ndarray]:
    """Read batches of pictures; the next one is decoded while the network works on this one."""
    starts = range(0, len(paths), BATCH_SIZE)
    with ThreadPoolExecutor(1) as reader:
        pending = reader.submit(images.read_many, paths[:BATCH_SIZE], image_size)
        for start in runtime.progress(starts, f"features of {description}"):
            batch = pending.result()
            pending = reader.submit(
                images.read_many, paths[start + BATCH_SIZE : start + 2 * BATCH_SIZE], image_size
            )
            yield batch


def fingerprint(base: keras.Model) -> str:
    """Return twelve hexadecimal digits that change when the network's layers or weights change."""
    digest = hashlib.sha256()
    for layer in base.layers:
        settings = {k: v for k, v in layer.get_config().items() if k not in ("name", "trainable")}
        digest.update(json.dumps([type(layer).__name__, settings], sort_keys=True, default=str).encode())
        for weights in layer.get_weights():
            digest.update(np.ascontiguousarray(weights).data)
    return digest.hexdigest()[:12]


def _content_key(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        images.read(path)  # says what is wrong with the file, in a learner's words
        raise


def _read_rows(store: Path) -> dict[str, np.ndarray]:
    if not store.is_file():
        return {}
    try:
        with np.load(store) as kept:
            return dict(zip(kept["keys"].tolist(), kept["rows"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}  # cut short by a full disk or a lost connection: computed anew


def _write_rows(store: Path, rows: dict[str, np.ndarray]) -> None:
    """Write beside the old file and swap, so that an interruption leaves the old one whole."""
    partial = store.with_suffix(f".{os.getpid()}.partial")
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            np.savez(file, keys=np.array(list(rows)), rows=np.stack(list(rows.values())))
        partial.replace(store)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        runtime.say_not_kept(store, error)
