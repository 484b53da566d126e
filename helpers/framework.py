"""TensorFlow and Keras, loaded quietly and set as the course needs them, whatever else this machine says.

A `keras.json` may ask for channels first or for numbers of another precision, a container may allow fewer
processors than the machine has, and on a GPU Keras compiles with XLA, which here makes everything slower.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from . import checks, runtime

# TensorFlow would start a thread for each processor of the machine, however few this process may use.
if runtime.cores() < (os.cpu_count() or 1):
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, str(runtime.cores()))

with runtime.quiet_libraries:
    import keras
    import tensorflow as tf

__all__ = ["keras", "out_of_memory_explained", "tf", "without_xla"]

if keras.backend.backend() != "tensorflow":
    raise checks.CourseError(
        f"Keras was imported before the course's helpers, and runs on {keras.backend.backend()}. "
        "Restart the kernel, and import from helpers first: they choose TensorFlow."
    )
keras.config.set_image_data_format("channels_last")
keras.config.set_floatx("float32")
keras.config.set_epsilon(1e-7)


def without_xla(model: keras.layers.Layer) -> keras.layers.Layer:
    """Keep Keras from compiling a model with XLA, and every other model that any of its layers is part of.

    Keras does that wherever TensorFlow lists a GPU. Compiling a base network takes longer than all the steps
    that it speeds up: on an H100, a first `predict` over 1,399 photos took 52 s with XLA and 4.4 s without.
    No file of a model remembers it.

    Returns:
        `model` itself.

    Raises:
        ValueError: `model` is no model, and no layer of one.
    """
    if not isinstance(model, keras.layers.Layer):
        raise checks.CourseError(f"model is {checks.shown(model)}. Give a model, or one of its layers.")
    model.supports_jit = False
    if isinstance(model, keras.Model):
        model.jit_compile = False  # loading may have settled that already
    for layer in getattr(model, "layers", []):
        without_xla(layer)
    return model


@contextmanager
def out_of_memory_explained(batch_size: int, image_size: int) -> Iterator[None]:
    """Turn the many ways in which memory runs out into one sentence, and one on what to change."""
    try:
        yield
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise checks.CourseError(
            f"The memory is too small for batches of {batch_size} pictures of {image_size} pixels a side. "
            "Choose a smaller batch_size or image_size, or shut down other notebooks."
        ) from error
