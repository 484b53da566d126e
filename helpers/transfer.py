"""A head on a base network: freezing, warm-up, fine-tuning, and going on after an interruption.

The two phases are the tutorial's sections 4.2 and 5: a new head is trained while the base is
frozen (warm-up), then the base, or its last blocks, learns along at a small rate (fine-tuning).
"""

import hashlib
import itertools
import json
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from tqdm.keras import TqdmCallback

from . import checks, parallel, runtime
from .augment import ImageBatches, targets_of
from .features import content_key, kept_outputs, layout, out_of_memory_told
from .framework import keras, tf, without_xla

layers = keras.layers

ACTIVATIONS_BYTES = 2 * 2**30  # more than this is not kept in memory
# A classifier that always gives every class the same probability has a loss of ln(number of classes).
# One that is this many times worse, and worse than when it began, was not trained but wrecked.
WRECKED = 5
# Two warm-ups of one recipe end with heads that differ by rounding: on a GPU by up to 0.4 % of their length.
# The smallest change of a recipe that was tried, a penalty ten times as large, made 2.4 %.
SAME_HEAD = 0.01
START_FILE = "start.npz"  # within a kept training
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
    """
    _check_base(base)
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


def _head_layers(n_classes: int, dropout: float, l2: float, seed: int) -> list[layers.Layer]:
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
    """Mark every weight of the base as fixed. It counts from the next `compile` on."""
    _check_base(base)
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
    """
    _check_base(base)
    names = [layer.name for layer in base.layers]
    if from_layer is not None:
        _check_layer(base, from_layer)
    first = names.index(from_layer) if from_layer else 0
    base.trainable = True
    for number, layer in enumerate(base.layers):
        normalises = isinstance(layer, layers.BatchNormalization)
        layer.trainable = number >= first and (batch_norm_training or not normalises)


def count_weights(model: keras.Model) -> pd.Series:
    """Return how many numbers training would change, and how many it would leave: int, two rows."""

    if not isinstance(model, keras.layers.Layer):
        raise checks.CourseError(f"model is {checks.shown(model)}. Give a model, or one of its layers.")

    def numbers(weights) -> int:
        return sum(int(np.prod(weight.shape)) for weight in weights)

    return pd.Series(
        {"trainable": numbers(model.trainable_weights), "frozen": numbers(model.non_trainable_weights)},
        name=model.name,
    )


def compile_classifier(model: keras.Model, learning_rate: float) -> None:
    """Compile with Adam, cross-entropy and accuracy: what the trainable flags are now is what counts."""
    without_xla(_check_model(model))
    checks.number("learning_rate", learning_rate, above=0, most=1)
    two_classes = model.output_shape[-1] == 1
    # In half precision small gradients would become 0: the loss is scaled up, and the gradients down again.
    halves = "float16" in {layer.compute_dtype for layer in model.layers}
    with parallel.strategy_of(model).scope():
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


def warm_up(
    model: keras.Model,
    train_batches: ImageBatches,
    val_batches: ImageBatches | None = None,
    epochs: int = 1,
    learning_rate: float = 1e-3,
    schedule: Callable[[int], float] | None = None,
    class_weight: dict[str | int, float] | None = None,
) -> keras.callbacks.History:
    """Freeze the base and train the head on pictures (the tutorial's section 4.2).

    Args:
        model: from `build_classifier`.
        train_batches, val_batches: pictures 0-255 with their labels.
        epochs: passes over the training pictures.
        learning_rate: Adam's.
        schedule: a function from the epoch's number (0, 1, …) to that epoch's learning rate.
        class_weight: class -> weight of its pictures in the loss, as `splits.class_weights(train.label)`
            gives them; the class by its name, or by its number as Keras has it.

    Returns:
        Keras's `History`: `history.history["val_accuracy"]` is a list, one number an epoch.

    Raises:
        ValueError: batches that do not fit the model, a batch larger than the training pictures, a
            learning rate that wrecks the head (the model keeps the weights from before that epoch),
            or a memory that is too small.
    """
    freeze(base_of(model))
    validation = {} if val_batches is None else {"val_batches": val_batches}
    _check_batches(model, train_batches=train_batches, **validation)
    checks.whole_number("epochs", epochs, 1)
    class_weight = _by_number(class_weight, train_batches.classes)
    compile_classifier(model, learning_rate)
    with _failure_of_batches_told(train_batches, val_batches):
        # A new head begins with guesses, and its first epoch tells little.
        callbacks = [
            _Wrecked(from_epoch=1),
            _EpochOrder(train_batches),
            *_progress_bar(),
            *_scheduler(schedule),
        ]
        return _fit(model, train_batches, val_batches, epochs, callbacks, class_weight)


def _fit(
    model: keras.Model,
    train: keras.utils.PyDataset,
    val: keras.utils.PyDataset | None,
    epochs: int,
    callbacks: Sequence[keras.callbacks.Callback],
    class_weight: dict[int, float] | None = None,
) -> keras.callbacks.History:
    try:
        if parallel.n_devices(model) > 1:
            return parallel.fit(model, train, val, epochs, callbacks, class_weight)
        return model.fit(
            as_dataset(train),
            validation_data=None if val is None else as_dataset(val),
            epochs=epochs,
            class_weight=class_weight,
            callbacks=callbacks,
            shuffle=False,  # the batches bring their own order
            verbose=0,
        )
    finally:
        # Where a backup was restored, Keras leaves its epoch here, and the next fit would start there.
        model._initial_epoch = None


def as_dataset(batches: keras.utils.PyDataset) -> tf.data.Dataset:
    """Return what Keras would make of batches of pictures or activations, `untuned`.

    Args:
        batches: `ImageBatches` or `ActivationBatches`; their order is kept. Keras does not count their epochs
            this way: set their `epoch`.

    Raises:
        ValueError: `batches` is nothing of this kind.
    """
    if not isinstance(batches, keras.utils.PyDataset):
        raise checks.CourseError(f"batches is {checks.shown(batches)}. Give augment.ImageBatches.")
    signature = tuple(tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in batches[0])
    dataset = tf.data.Dataset.from_generator(
        lambda: (batches[number] for number in range(len(batches))), output_signature=signature
    )
    return untuned(dataset.apply(tf.data.experimental.assert_cardinality(len(batches))).prefetch(2))


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Return the same data set without TensorFlow's autotuner.

    The autotuner's thread sleeps twice as long each time, and at the end of an epoch it may be slow to wake:
    the epoch then takes up to twice its time (seen with TensorFlow 2.21, where batches come from memory).

    Raises:
        ValueError: `dataset` is none.
    """
    if not isinstance(dataset, tf.data.Dataset):
        raise checks.CourseError(f"dataset is {checks.shown(dataset)}. Give a tf.data.Dataset.")
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def warm_up_on_features(
    model: keras.Model,
    train: tuple[np.ndarray, np.ndarray],
    val: tuple[np.ndarray, np.ndarray] | None = None,
    epochs: int = 40,
    learning_rate: float = 1e-3,
    batch_size: int = 32,
    schedule: Callable[[int], float] | None = None,
    class_weight: dict[str | int, float] | None = None,
    seed: int = 0,
) -> keras.callbacks.History:
    """Train the classifier's head on bottleneck features: `warm_up` without running the base.

    Args:
        model: from `build_classifier`, with average pooling.
        train, val: `(features, labels)`: float32 `(n, d)` from `features.extract`; labels `(n,)` as names, or
            as `ImageBatches` gives them, `(n,)` of 0 and 1 or one-hot `(n, n_classes)`.
        epochs: passes over the training features; each takes a fraction of a second.
        learning_rate, batch_size: of Adam.
        schedule: a function from the epoch's number to its learning rate.
        class_weight: as for `warm_up`.
        seed: of the order of the rows.

    Returns:
        Keras's `History`.

    Raises:
        ValueError: features or labels that do not fit the model, a batch larger than the training set,
            or weights that have become infinite.
    """
    head = head_of(model)
    train = _check_features("train", train, head)
    if val is not None:
        val = _check_features("val", val, head)
    n_classes = max(2, head.output_shape[-1])
    class_weight = _by_number(class_weight, getattr(head, "classes", range(n_classes)))
    checks.whole_number("epochs", epochs, 1)
    checks.whole_number("seed", seed, 0, runtime.LARGEST_SEED)
    checks.whole_number("batch_size", batch_size, 1)
    _check_batch_size(batch_size, len(train[0]))
    # A head is too small to be worth spreading: where the model is on several devices, a copy learns on one.
    trained = head
    if parallel.n_devices(model) > 1:
        trained = keras.models.clone_model(head)
        trained.set_weights(head.get_weights())
    compile_classifier(trained, learning_rate)
    keras.utils.set_random_seed(seed)
    history = trained.fit(
        *train,
        validation_data=val,
        epochs=epochs,
        batch_size=batch_size,
        class_weight=class_weight,
        # Only what cannot be used any more ends it: it takes seconds, and its curve shows the rest.
        callbacks=[_Wrecked(from_epoch=epochs), *_progress_bar(), *_scheduler(schedule)],
        verbose=0,
    )
    if trained is not head:
        head.set_weights(trained.get_weights())
    return history


def solved_head(
    features: np.ndarray, labels: np.ndarray, class_weight: dict[str, float] | None = None
) -> LogisticRegression:
    """Return the head that a warm-up would arrive at: one dense layer, its loss convex, solved for.

    Logistic regression finds the minimum to which Adam comes near in many epochs, in a fraction of the
    time. Its settings are scikit-learn's defaults.

    Args:
        features: float32 `(n, d)`.
        labels: n names.
        class_weight: name -> weight of its pictures in the loss, such as `splits.class_weights(labels)`.

    Raises:
        ValueError: they are not as many, or of one class only; or a class without a weight.
    """
    checks.same_length(features=features, labels=labels)
    if len(set(labels)) < 2:
        raise checks.CourseError(f"labels has {len(set(labels))} class. Give pictures of two or more.")
    if class_weight is not None:
        _by_number(class_weight, sorted(set(labels)))
    # One thread: matrices as small as these take 30 times as long where two threads wait for each other
    # and for TensorFlow's.
    with threadpool_limits(1):
        return LogisticRegression(max_iter=1000, class_weight=class_weight).fit(features, labels)


def fine_tune(
    model: keras.Model,
    train_batches: ImageBatches,
    val_batches: ImageBatches,
    epochs: int = 5,
    learning_rate: float = 1e-5,
    from_layer: str | None = None,
    patience: int = 3,
    keep: Path | str | None = None,
    batch_norm_training: bool = False,
    class_weight: dict[str | int, float] | None = None,
) -> keras.callbacks.History:
    """Unfreeze the base, or its layers from `from_layer` on, and go on training (section 5).

    Where `from_layer` leaves lower layers frozen and no augmenter changes the pictures, those layers
    are run once and not in every epoch: the same training, in a fraction of the time.

    Training stops early when the validation loss has not improved for `patience` epochs; the model is
    left with the weights of its best epoch. With `keep`, every finished epoch is kept there: run the
    same call again after an interruption and it goes on with the next epoch, with the optimizer as
    it was, and when all epochs are done it only reads the result. It says so in a line. An interrupted
    model gets back the weights with which the call began.

    Args:
        model: from `build_classifier`, its head warmed up.
        train_batches, val_batches: pictures 0-255 with their labels.
        epochs: passes over the training pictures, at most.
        learning_rate: Adam's; small, since the base's weights are good already.
        from_layer: name of the base's first layer to train; None trains all.
        patience: epochs without improvement after which training stops.
        keep: folder for checkpoints. A kept training goes on only where all that it depends on is the same:
            pictures and labels of both parts, batches and augmenter, the network, the classes, the weights
            that it began with (a head may differ by rounding) and the arguments here, but for `epochs`.
            Where the folder cannot be written, a sentence says so and the training goes on.
        batch_norm_training: as in `unfreeze`.
        class_weight: as for `warm_up`.

    Returns:
        Keras's `History`, over all epochs, also those before an interruption.

    Raises:
        ValueError: the base has no layer `from_layer`; with `keep`, an augmenter of one's own that does not
            say its settings; and as `warm_up`. What was kept stays.
    """
    unfreeze(base_of(model), from_layer, batch_norm_training)
    _check_batches(model, train_batches=train_batches, val_batches=val_batches)
    checks.whole_number("epochs", epochs, 1)
    checks.whole_number("patience", patience, 1)
    checks.number("learning_rate", learning_rate, above=0, most=1)
    settings = _Settings(epochs, learning_rate, patience, _by_number(class_weight, train_batches.classes))
    trained, train, val = _trained_part(model, train_batches, val_batches, from_layer)
    # On Windows a log that an interruption left open cannot be deleted, which must not hide what happened.
    with TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary, "training")
        folder.mkdir()
        copies = []
        if keep is not None:
            recipe, start = _recipe(model, train_batches, val_batches, settings), _start_of(model)
            kept = _place(Path(keep), recipe, start, trained)
            copies = [_KeptCopy(folder, kept, writes=parallel.is_chief(model))]
            if not (folder / START_FILE).exists():
                np.savez(folder / START_FILE, **start)
        with _failure_of_batches_told(train_batches, val_batches):
            return _fit_resumably(trained, train, val, settings, folder, copies)


class _Settings(NamedTuple):
    epochs: int
    learning_rate: float
    patience: int
    class_weight: dict[int, float] | None


def _recipe(
    model: keras.Model, train_batches: ImageBatches, val_batches: ImageBatches, settings: _Settings
) -> str:
    """Return eight hexadecimal digits that differ between trainings that differ in more than their start."""
    recipe = {
        "network": layout(model),  # with its dropout, its penalty, its seeds and what is frozen
        "frozen": _sum_of(model.non_trainable_weights),
        "settings": settings._replace(epochs=None),  # more epochs go on
    }
    for name, batches in {"train": train_batches, "val": val_batches}.items():
        recipe[name] = {
            "pictures": [content_key(path) for path in batches.data["path"]],
            "labels": batches.labels.tolist(),
            "classes": batches.classes,
            "batches": [batches.image_size, batches.batch_size, batches.shuffle, batches.seed],
            "augmenter": _told_augmenter(batches.augmenter),
        }
    return hashlib.sha256(json.dumps(recipe, default=str).encode()).hexdigest()[:8]


def _told_augmenter(augmenter: Callable | None) -> str:
    told = repr(augmenter)
    if re.search(r" at 0x[0-9A-Fa-f]+", told):  # where it lies in memory: another place in each session
        raise checks.CourseError(
            f"augmenter is {checks.shown(augmenter)}, which does not say its settings: no two kept trainings "
            "could be told apart. Use augment.Augmenter, give yours a __repr__, or leave keep out."
        )
    return told


def _sum_of(variables: Sequence[keras.Variable]) -> str:
    digest = hashlib.sha256()
    for variable in variables:
        digest.update(np.ascontiguousarray(variable.numpy()).data)
    return digest.hexdigest()


def _trained_part(
    model: keras.Model, train_batches: ImageBatches, val_batches: ImageBatches, from_layer: str | None
) -> tuple[keras.Model, keras.utils.PyDataset, keras.utils.PyDataset]:
    """Return what has to run in every epoch, and its batches.

    Layers before `from_layer` are fixed: what they make of a picture that does not change is the
    same in every epoch, so it is computed once. Augmented pictures do change, and so the whole
    model has to run; likewise where the activations would not fit in memory.
    """
    base = base_of(model)
    if from_layer is None or train_batches.augmenter or val_batches.augmenter:
        return model, train_batches, val_batches
    lower, upper = split_base(base, from_layer)
    numbers = np.prod(lower.output_shape[1:]) * (len(train_batches.data) + len(val_batches.data))
    if 4 * numbers > ACTIVATIONS_BYTES:
        return model, train_batches, val_batches
    with parallel.strategy_of(model).scope():
        activations = keras.Input(lower.output_shape[1:], name="activations")
        x = upper(activations)
        for layer in model.layers[model.layers.index(base) + 1 :]:
            x = layer(x)
        part = without_xla(keras.Model(activations, x, name=f"{model.name}_from_{from_layer}"))
    return part, ActivationBatches(lower, train_batches), ActivationBatches(lower, val_batches)


def split_base(base: keras.Model, from_layer: str) -> tuple[keras.Model, keras.Model]:
    """Cut a base network in two: pictures to activations, and activations to the feature map.

    Both parts share their layers with `base`: training the upper one trains the base.

    Raises:
        ValueError: the base cannot be cut before `from_layer`, since a layer after it takes an
            input from before it (a residual connection); or it has no such layer.
    """
    _check_base(base)
    _check_layer(base, from_layer)
    cut = base.get_layer(from_layer).input
    try:
        with parallel.strategy_of(base).scope():
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
        return kept_outputs(self.lower, self.batches.data["path"].tolist())

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


def _fit_resumably(
    model: keras.Model,
    train: keras.utils.PyDataset,
    val: keras.utils.PyDataset,
    settings: _Settings,
    folder: Path,
    copies: Sequence["_KeptCopy"],
) -> keras.callbacks.History:
    compile_classifier(model, settings.learning_rate)
    best, log, backup = folder / "best.weights.h5", folder / "epochs.csv", folder / "backup"
    past = _finished_epochs(log, backup)
    is_finished = len(past) >= settings.epochs or _epochs_since_best(past) >= settings.patience
    if past:
        place = f"kept in '{copies[0].kept.parent.name}'"
        if is_finished:
            print(f"This training is {place}: its {len(past)} epochs are done, and only read.")
        else:
            print(f"Going on with the training {place}: {len(past)} of {settings.epochs} epochs are done.")
    if not is_finished:
        start = model.get_weights()
        try:
            _fit(
                model,
                train,
                val,
                settings.epochs,
                [
                    _Wrecked(),  # before the next three, which are to keep nothing of a wrecked epoch
                    _EpochOrder(getattr(train, "batches", train)),
                    keras.callbacks.ModelCheckpoint(
                        str(best),
                        monitor="val_loss",
                        save_best_only=True,
                        save_weights_only=True,
                        initial_value_threshold=min((row["val_loss"] for row in past), default=None),
                    ),
                    keras.callbacks.CSVLogger(str(log), append=True),
                    # Last of the three: an epoch counts as finished when all of it is on disk.
                    keras.callbacks.BackupAndRestore(str(backup), delete_checkpoint=False),
                    *copies,
                    _EarlyStopping(past, monitor="val_loss", patience=settings.patience),
                    *_progress_bar(),
                ],
                settings.class_weight,
            )
        except checks.CourseError:  # diverged: the model has its last sound weights
            raise
        except BaseException:
            model.set_weights(start)  # so that the same call, made again, is the same training
            raise
    model.load_weights(best)
    return _history(model, _finished_epochs(log, backup))


def _finished_epochs(log: Path, backup: Path) -> list[dict[str, float]]:
    """Read the log of the epochs that are also in the backup: those that need not be run again."""
    state = backup / "training_metadata.json"
    if not (log.is_file() and state.is_file()):
        return []
    finished = json.loads(state.read_text())["epoch"]
    # An epoch that was logged, lost before its backup and run again stands there twice: the last counts.
    table = pd.read_csv(log).drop_duplicates("epoch", keep="last")
    return table[table["epoch"] < finished].to_dict("records")


def _epochs_since_best(past: list[dict[str, float]]) -> int:
    losses = [row["val_loss"] for row in past]
    return len(losses) - 1 - losses.index(min(losses)) if losses else 0


def _history(model: keras.Model, rows: list[dict[str, float]]) -> keras.callbacks.History:
    history = keras.callbacks.History()
    history.set_model(model)
    history.epoch = [int(row["epoch"]) for row in rows]
    history.history = {name: [row[name] for row in rows] for name in rows[0] if name != "epoch"}
    return history


def _scheduler(schedule: Callable[[int], float] | None) -> list[keras.callbacks.Callback]:
    if schedule is None:
        return []
    if not callable(schedule):
        raise checks.CourseError(
            f"schedule is {checks.shown(schedule)}. Give a function of the epoch's number."
        )

    def rate(epoch: int) -> float:
        value = np.asarray(schedule(epoch))
        if value.ndim or value.dtype.kind not in "iuf" or not 0 < value < np.inf:
            raise checks.CourseError(
                f"schedule returns {checks.shown(schedule(epoch))} for epoch {epoch}. "
                "Let it return a learning rate, a positive number."
            )
        return float(value)  # Keras takes no whole number

    return [keras.callbacks.LearningRateScheduler(rate)]


def _progress_bar() -> list[keras.callbacks.Callback]:
    return [] if runtime.is_quiet() else [TqdmCallback(verbose=1, leave=False)]


class _EpochOrder(keras.callbacks.Callback):
    """Make all that is random in an epoch follow from its number, since no checkpoint keeps it.

    That is the order of the batches, what the augmenter does, and what dropout drops.
    """

    def __init__(self, batches: ImageBatches):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.batches.epoch = epoch
        for layer in self.model.layers:
            if isinstance(layer, layers.Dropout) and layer.rate:
                layer.seed_generator.state.assign([layer.seed, epoch << 20])


class _Wrecked(keras.callbacks.Callback):
    """End a training whose steps overshoot, with the weights from before the epoch in which it showed.

    The loss is not a number any more; or, from epoch `from_epoch` on, far worse than that of a guess, and
    twice what it was in the first batch.
    """

    def __init__(self, from_epoch: int = 0):
        super().__init__()
        self.from_epoch, self.first = from_epoch, None

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch, self.sound = epoch, self.model.get_weights()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.first = logs["loss"] if self.first is None else self.first
        if not np.isfinite(logs["loss"]):
            self._end(logs["loss"])

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        guess = np.log(max(2, self.model.output_shape[-1]))
        losses = [logs[name] for name in ("loss", "val_loss") if name in logs]
        lost = [loss for loss in losses if not np.isfinite(loss)]
        if epoch >= self.from_epoch and losses[0] > max(WRECKED * guess, 2 * (self.first or 0)):
            lost.append(losses[0])
        if lost:
            self._end(lost[0])

    def _end(self, loss: float) -> None:
        self.model.set_weights(self.sound)
        rate = float(self.model.optimizer.learning_rate)
        raise checks.CourseError(
            f"The loss became {loss:.3g} in epoch {self.epoch + 1}: with learning_rate={rate:g} the steps "
            f"overshoot. Choose a smaller one, such as {rate / 100:.0e}; the weights are those before it."
        )


class _KeptCopy(keras.callbacks.Callback):
    """Copy a training's folder to where it is kept, after every epoch; start from what is kept there.

    The training itself writes to the local disk. Keras writes a checkpoint in many small pieces, which
    takes long on a network's disk such as Drive, and an interruption there would leave half of one.
    A copy takes the former one's place when it is whole.
    """

    def __init__(self, folder: Path, kept: Path, writes: bool = True):
        super().__init__()
        self.folder, self.kept, self.refused, self.writes = folder, kept, False, writes
        self.former = _former(kept)
        if sound := _sound_copy(kept):
            shutil.copytree(sound, folder, dirs_exist_ok=True)
        elif kept.is_dir():
            print(f"The training kept in {kept} is damaged, and begins anew.")

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if not self.writes:  # of several machines, one does
            return
        unfinished = self.kept.with_name(f"{self.kept.name}.unfinished")
        try:
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree(self.folder, unfinished)
            # The sum is that of the original: where two notebooks write here at once, it fits neither.
            (unfinished / runtime.SEAL).write_text(runtime.digest(self.folder), encoding="ascii")
            if self.kept.is_dir():
                shutil.rmtree(self.former, ignore_errors=True)
                self.kept.rename(self.former)
            unfinished.rename(self.kept)
            shutil.rmtree(self.former, ignore_errors=True)
        except OSError as error:
            shutil.rmtree(unfinished, ignore_errors=True)
            if not self.refused:
                runtime.say_not_kept(self.kept, error)
            self.refused = True


def _former(kept: Path) -> Path:
    return kept.with_name(f"{kept.name}.former")


def _sound_copy(kept: Path) -> Path | None:
    """Find a training that is kept whole.

    The former one counts where an interruption came between two renames, or the newer one is damaged.
    """
    return next((copy for copy in (kept, _former(kept)) if runtime.is_sealed(copy)), None)


def _place(keep: Path, recipe: str, start: dict, trained: keras.Model) -> Path:
    """Return where a training is kept: those of one recipe that began with other weights are numbered."""
    for number in itertools.count():
        kept = keep / (f"{recipe}-{number}" if number else recipe)
        sound = _sound_copy(kept)
        if sound is None or _began_alike(sound, start) or _ended_as(sound, trained):
            return kept


def _start_of(classifier: keras.Model) -> dict:
    """Describe the weights that a training begins with: the base's by their sum, the head's as they are."""
    base = base_of(classifier)
    head = [w.numpy().ravel() for layer in classifier.layers if layer is not base for w in layer.weights]
    return {"base": _sum_of(base.trainable_weights), "head": np.concatenate(head)}


def _began_alike(kept: Path, start: dict) -> bool:
    with np.load(kept / START_FILE) as before:
        difference = np.linalg.norm(start["head"] - before["head"])
        same_head = difference <= SAME_HEAD * np.linalg.norm(start["head"])
        return bool(same_head) and str(before["base"]) == start["base"]


def _ended_as(kept: Path, trained: keras.Model) -> bool:
    """Tell whether a model is what a kept training has made of it: a cell that is run a second time."""
    now = trained.get_weights()
    trained.load_weights(kept / "best.weights.h5")
    if all(map(np.array_equal, now, trained.get_weights())):
        return True
    trained.set_weights(now)
    return False


class _EarlyStopping(keras.callbacks.EarlyStopping):
    """Early stopping that remembers the epochs before an interruption."""

    def __init__(self, past: list[dict[str, float]], **settings):
        super().__init__(**settings)
        self.past = past

    def on_train_begin(self, logs: dict | None = None) -> None:
        super().on_train_begin(logs)
        for row in self.past:
            self.on_epoch_end(int(row["epoch"]), row)


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
        ValueError: it is damaged, holds no names of classes, was saved by a newer Keras that this one does
            not understand, or carries code.
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
        if saved_by and _version(saved_by) > _version(keras.__version__):
            raise checks.CourseError(
                f"'{path.name}' was saved with Keras {saved_by}; this is Keras {keras.__version__}, which "
                f"does not understand it. Load it with {saved_by}, or save it with {keras.__version__}."
            ) from error
        raise checks.CourseError(
            f"'{path.name}' is damaged, or carries code of its own, which is not run here (safe mode). "
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


def _version(text: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", text)[:3]]


# --- what does not fit ------------------------------------------------------------------------------


def _check_base(base: keras.Model) -> None:
    if not isinstance(base, keras.Model):
        raise checks.CourseError(f"base is {checks.shown(base)}. Give a network that backbones.load builds.")


def _check_model(model: keras.Model) -> keras.Model:
    if not isinstance(model, keras.Model):
        raise checks.CourseError(f"model is {checks.shown(model)}. Give a classifier of build_classifier.")
    return model


def _check_layer(base: keras.Model, from_layer: str) -> None:
    names = [layer.name for layer in base.layers]
    if from_layer not in names:
        raise checks.CourseError(
            f"from_layer is {from_layer!r}, and '{base.name}' has no such layer; its last are "
            f"{', '.join(names[-3:])}. Print `[layer.name for layer in base.layers]` and choose one."
        )


def _check_batches(model: keras.Model, **named: ImageBatches) -> None:
    """Refuse batches that do not fit the model. One that does not know its classes yet takes the batches'."""
    n_classes = max(2, model.output_shape[-1])
    for name, batches in named.items():
        if not isinstance(batches, ImageBatches):
            raise checks.CourseError(f"{name} is {checks.shown(batches)}. Give augment.ImageBatches.")
        if batches.image_size != model.input_shape[1]:
            raise checks.CourseError(
                f"{name} has image_size={batches.image_size}, the model takes {model.input_shape[1]}. "
                "Make both the same."
            )
        if len(batches.classes) != n_classes:
            raise checks.CourseError(
                f"{name} has the classes {', '.join(batches.classes)}, the model tells {n_classes} apart. "
                "Give both the same classes."
            )
    train = named["train_batches"]
    known = model.classes = getattr(model, "classes", _names(train.classes))
    for name, batches in named.items():
        _same_classes(f"{name} has the classes", batches.classes, known)
    _check_batch_size(train.batch_size, len(train.data))


def _check_batch_size(batch_size: int, n: int) -> None:
    if batch_size > n:
        raise checks.CourseError(
            f"batch_size is {batch_size}, and there are {n} training pictures: one step would be an epoch. "
            f"Choose at most {n}, such as {max(1, n // 5)}."
        )


def _check_features(
    name: str, pair: tuple[np.ndarray, np.ndarray], head: keras.Model
) -> tuple[np.ndarray, np.ndarray]:
    """Refuse features or labels that do not fit the head; return them, labels as targets."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise checks.CourseError(f"{name} is {checks.shown(pair)}. Give two arrays: features and labels.")
    features, labels = map(np.asarray, pair)
    wanted = head.input_shape[-1]
    if features.ndim != 2 or features.shape[1] != wanted or not np.isfinite(features).all():
        raise checks.CourseError(
            f"{name} has features {features.shape}. Give finite numbers (n, {wanted}), "
            "as features.extract does."
        )
    checks.same_length(**{f"{name}[0]": features, f"{name}[1]": labels})
    n_outputs = head.output_shape[-1]
    if labels.ndim == 1 and labels.dtype.kind in "OSU":
        return features, targets_of(labels, classes_of(head))
    if labels.shape[1:] not in {(), (1,)} if n_outputs == 1 else labels.shape[1:] != (n_outputs,):
        raise checks.CourseError(
            f"{name} has labels {labels.shape}, the model {n_outputs} outputs. "
            "Give the classes' names, or ImageBatches' targets."
        )
    return features, labels


def _by_number(class_weight: dict[str | int, float] | None, classes: Sequence) -> dict[int, float] | None:
    """Return weights as Keras takes them, by the classes' numbers; refuse what has not one for each class."""
    if class_weight is None:
        return None
    numbers, names = range(len(classes)), tuple(classes)
    given = set(class_weight) if isinstance(class_weight, dict) else set()
    if given != set(names) and given != set(numbers):
        raise checks.CourseError(
            f"class_weight is {checks.shown(class_weight)}. Give a weight for each class, "
            f"{', '.join(map(str, names))}, as splits.class_weights(train.label) does."
        )
    for weight in class_weight.values():
        checks.number("class_weight", weight, 0)
    keys = names if given == set(names) else numbers
    return {number: float(class_weight[key]) for number, key in enumerate(keys)}


@contextmanager
def _failure_of_batches_told(train: ImageBatches, val: ImageBatches | None) -> Iterator[None]:
    """Show what went wrong in a batch as it is: TensorFlow wraps it in a page of its own lines."""
    for batches in filter(None, (train, val)):
        batches.failure = None  # of an earlier training
    try:
        with out_of_memory_told(train.batch_size, train.image_size):
            yield
    except tf.errors.OpError as error:
        failure = train.failure or (val and val.failure)
        if failure is None:
            raise
        with out_of_memory_told(train.batch_size, train.image_size):
            raise failure from error
