"""A classifier: a head on a base network, the names of its classes, which weights train, and its file."""

import json
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from . import checks, runtime
from .features import check_base, check_layer
from .framework import keras, without_xla

layers = keras.layers

CLASSES_FILE = "classes.json"  # within a `.keras` file, which is a zip archive


def build_classifier(
    base: keras.Model,
    classes: Sequence[str],
    dropout: float = 0.2,
    l2: float = 1e-4,
    pooling: str = "average",
    seed: int = 0,
) -> keras.Model:
    """Put a new head on a base network: pooling, dropout, one dense layer.

    Args:
        base: a model of `backbones.load`; it is used, not copied.
        classes: names of the classes, in the order of the outputs. Two give one sigmoid output, the
            probability of the second; more give a softmax. The model knows them: see `classes_of`.
        dropout: share of the features that are dropped in training, 0 to 0.99.
        l2: λ of the penalty λ‖W‖² on the dense layer's weights (the tutorial's section 4.2); 0 for none.
        pooling: "average" over all places of the feature map, or "flatten" as in the tutorial,
            which gives every place weights of its own.
        seed: of the head's first weights and of dropout.

    Returns:
        A model: RGB pictures `(n, height, width, 3)`, 0-255, to probabilities `(n, 1)` for two
        classes, `(n, len(classes))` for more.

    Raises:
        ValueError: fewer than two classes, a share outside its range, an unknown pooling.

    Example:
        >>> base = backbones.load("efficientnet_lite0", image_size=32)
        >>> model = transfer.build_classifier(base, ("cat", "dog"))
        >>> model.output_shape, model.classes
        ((None, 1), ('cat', 'dog'))
        >>> transfer.build_classifier(base, ("bird", "cat", "dog")).output_shape
        (None, 3)

    See also: `transfer.warm_up` and `transfer.warm_up_on_features`, which train the head.
    """
    check_base(base)
    checks.classes(classes)
    checks.number("dropout", dropout, 0, 0.99)
    checks.number("l2", l2, 0)
    checks.choice("pooling", pooling, ("average", "flatten"))
    checks.whole_number("seed", seed, 0, runtime.LARGEST_SEED)

    pictures = keras.Input(base.input_shape[1:], name="pictures")
    x = base(pictures)
    if pooling == "average":
        x = layers.GlobalAveragePooling2D(name="pool")(x)
    else:
        x = layers.Flatten(name="flatten")(x)
    for layer in _head_layers(len(classes), dropout, l2, seed):
        x = layer(x)
    model = without_xla(keras.Model(pictures, x, name="classifier_on_" + base.name))
    model.classes = _names(classes)
    return model


def classes_of(model: keras.Model, classes: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the names of a classifier's classes, in the order of its outputs.

    Args:
        model: of `build_classifier` or `load`, which know them; or any other, with `classes`.
        classes: what the caller takes them to be; None leaves it to the model.

    Raises:
        ValueError: `classes` are not the model's, in its order; or neither caller nor model says them.
    """
    known = getattr(_check_model(model), "classes", None)
    if classes is None:
        if known is None:
            raise checks.CourseError(
                f"'{model.name}' does not say what its classes are. Give them, in the order of its outputs: "
                "classes=('cat', 'dog')."
            )
        return known
    checks.classes(classes, max(2, model.output_shape[-1]))
    _same_classes("classes is", classes, known)
    return _names(classes)


def teach_classes(model: keras.Model, name: str, classes: Sequence[str]) -> None:
    """Refuse classes that are not the model's; one that knows none yet has these from now on.

    Args:
        model: a classifier.
        name: of what has the classes, for the error.
        classes: names in the order of the targets that the model is to learn.

    Raises:
        ValueError: the model has other classes, or another order.
    """
    _same_classes(f"{name} has the classes", classes, getattr(_check_model(model), "classes", None))
    model.classes = _names(classes)


def _names(classes: Sequence) -> tuple:
    """Return names as plain Python values: NumPy's could not be written to a file."""
    return tuple(name.item() if isinstance(name, np.generic) else name for name in classes)


def _same_classes(what: str, classes: Sequence, known: Sequence | None) -> None:
    """Refuse names that are not the model's, or stand in another order."""
    if known is not None and tuple(classes) != tuple(known):
        raise checks.CourseError(
            f"{what} {', '.join(map(str, classes))}, and the model's are {', '.join(map(str, known))}, "
            f"in this order. Give classes={tuple(known)} here, too."
        )


def _head_layers(n_classes: int, dropout: float, l2: float, seed: int) -> list[keras.layers.Layer]:
    units, activation = (1, "sigmoid") if n_classes == 2 else (n_classes, "softmax")
    dense = layers.Dense(
        units,
        activation=activation,
        kernel_initializer=keras.initializers.GlorotUniform(seed),
        kernel_regularizer=keras.regularizers.L2(l2) if l2 else None,
        name="classifier",
    )
    return [layers.Dropout(dropout, seed=seed, name="dropout"), dense] if dropout else [dense]


def base_of(model: keras.Model) -> keras.Model:
    """Return the base network inside a classifier.

    Raises:
        ValueError: `model` is no classifier of `build_classifier`.

    Example:
        >>> base = backbones.load("efficientnet_lite0", image_size=32)
        >>> model = transfer.build_classifier(base, ("cat", "dog"))
        >>> transfer.base_of(model) is base
        True

    See also: `head_of`.
    """
    layers_of = model.layers if isinstance(model, keras.Model) else []
    for layer in layers_of:
        if isinstance(layer, keras.Model):
            return layer
    raise checks.CourseError(
        f"model is {checks.shown(model)}, without a base network. Give a classifier of build_classifier."
    )


def head_of(model: keras.Model) -> keras.Model:
    """Return the classifier's layers after pooling, as a model of bottleneck features `(n, d)`.

    The layers are shared: training this model trains the classifier's head.

    Raises:
        ValueError: `model` is no classifier with average pooling.

    Example:
        >>> base = backbones.load("efficientnet_lite0", image_size=32)
        >>> head = transfer.head_of(transfer.build_classifier(base, ("cat", "dog")))
        >>> head.input_shape, head.output_shape
        ((None, 1280), (None, 1))

    See also: `base_of`.
    """
    base = base_of(model)
    if "pool" not in [layer.name for layer in model.layers]:
        raise checks.CourseError("model has no average pooling. Build it with pooling='average'.")
    after_pool = model.layers[model.layers.index(model.get_layer("pool")) + 1 :]
    head = keras.Sequential([keras.Input((base.output_shape[-1],)), *after_pool], name="head")
    if hasattr(model, "classes"):
        head.classes = model.classes
    return head


def freeze(base: keras.Model) -> None:
    """Mark every weight of the base as fixed. It counts from the next `compile` on.

    Example:
        >>> base = backbones.load("efficientnet_lite0", image_size=32)
        >>> model = transfer.build_classifier(base, ("cat", "dog"))
        >>> transfer.freeze(base)
        >>> transfer.compile_classifier(model, learning_rate=0.001)
        >>> int(transfer.count_weights(model)["trainable"])
        1281

    See also: `unfreeze`.
    """
    check_base(base)
    base.trainable = False


def unfreeze(base: keras.Model, from_layer: str | None = None, batch_norm_training: bool = False) -> None:
    """Mark the base as trainable: all of it, or from the layer `from_layer` on. Compile again after it.

    Batch normalisation stays frozen, and with that in inference mode: it goes on using the
    statistics that it learnt from ImageNet. Keras's guide to transfer learning gets there by
    calling `base(pictures, training=False)`; in Keras 3, `fit` overrules that argument
    (github.com/keras-team/keras/issues/20285), so that only the layer's flag holds.

    Args:
        base: a base network.
        from_layer: name of the first layer to train; None trains all.
        batch_norm_training: True lets batch normalisation use each batch's own statistics and
            update its running ones. Only for showing what that costs.

    Raises:
        ValueError: the base has no layer of that name.

    Example:
        >>> base = backbones.load("efficientnet_lite0", image_size=32)
        >>> transfer.unfreeze(base, from_layer="block7a_expand_conv")
        >>> [layer.name for layer in base.layers if layer.trainable and layer.weights]
        ['block7a_expand_conv', 'block7a_depthwise_conv', 'block7a_project_conv', 'top_conv']

    See also: `freeze`; `transfer.fine_tune`, which calls this.
    """
    check_base(base)
    names = [layer.name for layer in base.layers]
    if from_layer is not None:
        check_layer(base, from_layer)
    first = names.index(from_layer) if from_layer else 0
    base.trainable = True
    for number, layer in enumerate(base.layers):
        normalises = isinstance(layer, layers.BatchNormalization)
        layer.trainable = number >= first and (batch_norm_training or not normalises)


def count_weights(model: keras.Model) -> pd.Series:
    """Return how many numbers training would change, and how many it would leave: int, two rows.

    Example:
        >>> base = backbones.load("efficientnet_lite0", image_size=32)
        >>> model = transfer.build_classifier(base, ("cat", "dog"))
        >>> transfer.freeze(base)
        >>> transfer.count_weights(model).to_dict()
        {'trainable': 1281, 'frozen': 3413024}
    """
    if not isinstance(model, keras.layers.Layer):
        raise checks.CourseError(f"model is {checks.shown(model)}. Give a model, or one of its layers.")
    both = {"trainable": model.trainable_weights, "frozen": model.non_trainable_weights}
    numbers = {name: sum(int(np.prod(weight.shape)) for weight in some) for name, some in both.items()}
    return pd.Series(numbers, name=model.name)


def compile_classifier(model: keras.Model, learning_rate: float) -> None:
    """Compile with Adam, cross-entropy and accuracy: what the trainable flags are now is what counts.

    Example:
        >>> base = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(4, 3)])
        >>> model = transfer.build_classifier(base, ("cat", "dog"))
        >>> transfer.compile_classifier(model, learning_rate=0.001)
        >>> model.loss.name, round(float(model.optimizer.learning_rate), 6)
        ('binary_crossentropy', 0.001)

    See also: `freeze` and `unfreeze`, which count once the model is compiled again.
    """
    without_xla(_check_model(model))
    checks.number("learning_rate", learning_rate, above=0, most=1)
    two_classes = model.output_shape[-1] == 1
    # In half precision small gradients would become 0: the loss is scaled up, and the gradients down again.
    halves = "float16" in {layer.compute_dtype for layer in model.layers}
    with model.distribute_strategy.scope():
        optimizer = keras.optimizers.Adam(float(learning_rate))
        model.compile(
            optimizer=keras.optimizers.LossScaleOptimizer(optimizer) if halves else optimizer,
            loss=keras.losses.BinaryCrossentropy() if two_classes else keras.losses.CategoricalCrossentropy(),
            metrics=[
                keras.metrics.BinaryAccuracy(name="accuracy")
                if two_classes
                else keras.metrics.CategoricalAccuracy(name="accuracy")
            ],
        )
        # Else Keras makes the optimizer's variables in the first step, and traces that step twice: for a
        # whole base network some six seconds.
        model.optimizer.build(model.trainable_variables)


def save(model: keras.Model, path: Path | str, classes: Sequence[str] | None = None) -> None:
    """Save a classifier as one `.keras` file, the names of its classes within.

    The file takes plain RGB pictures, 0-255: its preprocessing is among its layers. It takes the place of a
    former one when it is whole. Keras reads it, too, and leaves the names alone.

    Args:
        model: the classifier.
        path: where to; it ends in `.keras`.
        classes: only for a model that does not know its classes; see `classes_of`.

    Raises:
        ValueError: the path does not end in `.keras`, the classes are not the model's, or the file
            cannot be written.

    Example:
        >>> base = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(4, 3)])
        >>> model = transfer.build_classifier(base, ("cat", "dog"))
        >>> transfer.save(model, "cats_and_dogs.keras")
        >>> loaded, classes = transfer.load("cats_and_dogs.keras")
        >>> classes
        ['cat', 'dog']

    See also: `load`.
    """
    path = runtime.path_of(path)
    if path.suffix != ".keras":
        raise checks.CourseError(f"path is '{path.name}'. Let it end in '.keras': '{path.stem}.keras'.")
    names = json.dumps(classes_of(model, classes), ensure_ascii=False)
    try:
        with runtime.written_whole(path) as unfinished:
            model.save(unfinished)
            with zipfile.ZipFile(unfinished, "a") as archive:
                archive.writestr(CLASSES_FILE, names)
    except OSError as error:
        raise checks.CourseError(
            f"'{path.name}' cannot be written in '{path.parent}' ({error.strerror or error}). "
            "Make room there, or choose another folder."
        ) from error


def load(path: Path | str) -> tuple[keras.Model, list[str]]:
    """Load what `save` wrote: the classifier and its classes' names, which it knows itself, too.

    The file is read in Keras's safe mode: a `.keras` file can carry Python code (a `Lambda` layer), and
    one from elsewhere must not run any here.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, holds no names of classes, was saved by another Keras that this one does
            not understand, or carries code.

    Example:
        >>> base = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(4, 3)])
        >>> transfer.save(transfer.build_classifier(base, ("cat", "dog")), "cats_and_dogs.keras")
        >>> model, classes = transfer.load("cats_and_dogs.keras")
        >>> model.input_shape, classes
        ((None, 32, 32, 3), ['cat', 'dog'])

    See also: `save`, `evaluate.predict`.
    """
    path = runtime.path_of(path)
    if not path.is_file():
        raise checks.MissingFile(
            f"There is no file '{path.name}' in '{path.parent}'. Save the model there first."
        )
    saved_by = classes = None
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip():
                raise zipfile.BadZipFile
            saved_by = json.loads(archive.read("metadata.json")).get("keras_version")
            if CLASSES_FILE in archive.namelist():
                classes = json.loads(archive.read(CLASSES_FILE))
        model = keras.saving.load_model(path, safe_mode=True)
    except Exception as error:  # whatever a damaged or hostile file provokes
        theirs, ours = _version(saved_by), _version(keras.__version__)
        if theirs > ours:
            raise checks.CourseError(
                f"'{path.name}' was saved with Keras {saved_by}; this is Keras {keras.__version__}, which "
                f"does not understand it. Load it with {saved_by}, or save it with {keras.__version__}."
            ) from error
        by = f", saved with Keras {saved_by} and read with {keras.__version__}," if [] < theirs < ours else ""
        raise checks.CourseError(
            f"'{path.name}'{by} is damaged, or carries code of its own, which is not run here (safe mode). "
            "Load a model that you saved yourself, or one made of Keras's own layers."
        ) from error
    if classes is None:
        raise checks.CourseError(
            f"'{path.name}' does not hold its classes' names: it was not saved by transfer.save. Load it by "
            "keras.saving.load_model, then save it: transfer.save(model, path, classes=('cat', 'dog'))."
        )
    checks.classes(classes, max(2, model.output_shape[-1]))
    model.classes = tuple(classes)
    return without_xla(model), classes


def _version(text: object) -> list[int]:
    """Return the parts of a version, none of what is no version: a file from elsewhere may say anything."""
    return [int(part) for part in re.findall(r"\d{1,9}", text)[:3]] if isinstance(text, str) else []


def _check_model(model: keras.Model) -> keras.Model:
    if not isinstance(model, keras.Model):
        raise checks.CourseError(f"model is {checks.shown(model)}. Give a classifier of build_classifier.")
    return model
