"""Running the base network: bottleneck features, images a second."""

import time

import keras
import numpy as np
import tensorflow as tf

from helpers import backbones, features, images
from helpers.augment import ImageBatches

from .measure import Result, Setting, in_turns, middle, spread


def bottleneck_features(setting: Setting) -> list[Result]:
    """Time features of picture files: ours, `model.predict`, and what matrix products would allow."""
    size = setting.size(224)
    data = setting.data
    base = backbones.load(image_size=size)

    def pooled() -> keras.Model:
        """Return a network that Keras has not laid out yet: both ways do that anew, as for a new base."""
        return keras.Model(base.input, keras.layers.GlobalAveragePooling2D()(base.output))

    pictures = images.read_many(data["path"], size).astype(np.float32)
    runs = {
        "ours": lambda: features.outputs_of(pooled(), data["path"].tolist()),
        "predict": lambda: pooled().predict(ImageBatches(data, size, batch_size=32), verbose=0),
        "predict, pictures in memory": lambda: pooled().predict(pictures, verbose=0),
    }
    seconds = in_turns(runs, setting.repeats(3))
    rates = {name: [len(data) / took for took in times] for name, times in seconds.items()}
    rate = middle(rates["ours"])
    gigaflops = matrix_product_gigaflops(0.2 if setting.quick else 2)
    bound = gigaflops * 1e9 / operations(base)
    in_memory = middle(rates["predict, pictures in memory"])
    return [
        Result(
            f"bottleneck features from files, {size} px",
            "model.predict",
            spread(rates["ours"], "images/s"),
            spread(rates["predict"], "images/s"),
            rate / middle(rates["predict"]),
            1.6,
            note=f"predict on pictures in memory, already read: {in_memory:.0f} images/s",
        ),
        Result(
            "share of what matrix products would allow",
            f"{gigaflops:.0f} GFLOP/s",
            f"{rate:.0f} images/s",
            f"{bound:.0f} images/s",
            rate / bound,
            0.4,
            unit="",
            note=f"{operations(base) / 1e9:.2f} GFLOP a picture",
        ),
    ]


def operations(base: keras.Model) -> int:
    """Count the floating-point operations of the convolutions, for one picture: two a multiply-add."""
    total = 0
    for layer in base.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            height, width, channels = layer.output.shape[1:]
            kernel = layer.kernel.shape
            inputs = 1 if isinstance(layer, keras.layers.DepthwiseConv2D) else kernel[2]
            total += 2 * height * width * channels * kernel[0] * kernel[1] * inputs
    return total


def matrix_product_gigaflops(seconds: float = 2, side: int = 2048) -> float:
    """Measure how many billion operations a second a plain product of two matrices reaches on all cores."""
    a, b = tf.random.normal((2, side, side))
    product = tf.function(lambda: tf.reduce_sum(a @ b))
    product()
    rates, end = [], time.perf_counter() + seconds
    while not rates or time.perf_counter() < end:
        start = time.perf_counter()
        float(product())
        rates.append(2 * side**3 / (time.perf_counter() - start) / 1e9)
    return middle(rates)
