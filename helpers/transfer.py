"""A head on a base network: freezing, warm-up, fine-tuning, and going on after an interruption.

The two phases are the tutorial's sections 4.2 and 5: a new head is trained while the base is
frozen (warm-up), then the base, or its last blocks, learns along at a small rate (fine-tuning).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from . import checks, runtime, training
from .augment import ImageBatches, targets_of
from .classifier import (
    base_of,
    build_classifier,
    classes_of,
    compile_classifier,
    count_weights,
    freeze,
    head_of,
    load,
    save,
    teach_classes,
    unfreeze,
)
from .features import ActivationBatches, split_base
from .framework import keras, out_of_memory_explained, tf, without_xla

__all__ = [
    "base_of",
    "build_classifier",
    "classes_of",
    "compile_classifier",
    "count_weights",
    "fine_tune",
    "freeze",
    "head_of",
    "load",
    "logistic_regression_head",
    "save",
    "unfreeze",
    "warm_up",
    "warm_up_on_features",
]

ACTIVATIONS_BYTES = 2 * 2**30  # more than this is not kept in memory


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

    Example:
        >>> layers = [keras.Input((32, 32, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(4, 3)]
        >>> base = keras.Sequential(layers)  # a small one, in place of backbones.load
        >>> model = transfer.build_classifier(base, ("cat", "dog"))
        >>> train, val = (augment.ImageBatches(datasets.draw_pets(12, seed), 32, 6) for seed in (0, 1))
        >>> history = transfer.warm_up(model, train, val, epochs=2).history
        >>> sorted(history), len(history["val_accuracy"])
        (['accuracy', 'loss', 'val_accuracy', 'val_loss'], 2)

    See also: `warm_up_on_features`, faster where nothing is augmented; `fine_tune`, which comes after it.
    """
    freeze(base_of(model))
    validation = {} if val_batches is None else {"val_batches": val_batches}
    _check_batches(model, train_batches=train_batches, **validation)
    checks.whole_number("epochs", epochs, 1)
    class_weight = _by_number(class_weight, train_batches.classes)
    compile_classifier(model, learning_rate)
    with _failure_of_batches_explained(train_batches, val_batches):
        # A new head begins with guesses, and its first epoch tells little.
        diverged, order = training.Diverged(from_epoch=1), training.EpochOrder(train_batches)
        callbacks = [diverged, order, *training.progress_bar(), *training.scheduler(schedule)]
        strategy = model.distribute_strategy
        return training.fit(strategy, model, train_batches, val_batches, epochs, callbacks, class_weight)


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

    Example:
        >>> layers = [keras.Input((32, 32, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(4, 3)]
        >>> base = keras.Sequential(layers)  # a small one, in place of backbones.load
        >>> model = transfer.build_classifier(base, ("cat", "dog"))
        >>> data = datasets.draw_pets(12, seed=0)
        >>> train = features.extract(base, data), data["label"]
        >>> history = transfer.warm_up_on_features(model, train, epochs=5, batch_size=4).history
        >>> sorted(history), len(history["loss"])
        (['accuracy', 'loss'], 5)

    See also: `features.extract`; `warm_up`, where pictures are augmented; `fine_tune`, which comes after it.
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
    # A copy learns, outside of any scope of `tf.distribute` in which the model was built: it takes seconds.
    trained = keras.models.clone_model(head)
    trained.set_weights(head.get_weights())
    compile_classifier(trained, learning_rate)
    keras.utils.set_random_seed(seed)
    # Only what cannot be used any more ends it: it takes seconds, and its curve shows the rest.
    diverged = training.Diverged(from_epoch=epochs)
    callbacks = [diverged, *training.progress_bar(), *training.scheduler(schedule)]
    settings = {"epochs": epochs, "batch_size": batch_size, "class_weight": class_weight, "verbose": 0}
    try:
        return trained.fit(*train, validation_data=val, callbacks=callbacks, **settings)
    finally:
        head.set_weights(trained.get_weights())


def logistic_regression_head(
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

    Example:
        >>> layers = [keras.Input((32, 32, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(4, 3)]
        >>> base = keras.Sequential(layers)  # a small one, in place of backbones.load
        >>> model = transfer.build_classifier(base, ("cat", "dog"))
        >>> train, val = (augment.ImageBatches(datasets.draw_pets(12, seed), 32, 6) for seed in (0, 1))
        >>> history = transfer.fine_tune(model, train, val, epochs=2, keep="trainings")
        >>> history.epoch, sorted(history.history)
        ([0, 1], ['accuracy', 'loss', 'val_accuracy', 'val_loss'])

    See also: `warm_up`, `warm_up_on_features`, which come before it; `unfreeze`.
    """
    unfreeze(base_of(model), from_layer, batch_norm_training)
    _check_batches(model, train_batches=train_batches, val_batches=val_batches)
    checks.whole_number("epochs", epochs, 1)
    checks.whole_number("patience", patience, 1)
    checks.number("learning_rate", learning_rate, above=0, most=1)
    settings = training.Settings(
        epochs, learning_rate, patience, _by_number(class_weight, train_batches.classes)
    )
    trained, train, val = _trained_part(model, train_batches, val_batches, from_layer)
    compile_classifier(trained, learning_rate)
    # On Windows a log that an interruption left open cannot be deleted, which must not hide what happened.
    with TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary, "training")
        folder.mkdir()
        copies = []
        if keep is not None:
            recipe = training.recipe_of(model, train_batches, val_batches, settings)
            start = training.start_of(model, base_of(model))
            kept = training.place_of(runtime.path_of(keep, "keep"), recipe, start, trained)
            copies = [training.KeptCopy(folder, kept)]
            if not (folder / training.START_FILE).exists():
                np.savez(folder / training.START_FILE, **start)
        with _failure_of_batches_explained(train_batches, val_batches):
            return training.fit_resumably(trained, train, val, settings, folder, copies)


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
    with model.distribute_strategy.scope():
        activations = keras.Input(lower.output_shape[1:], name="activations")
        x = upper(activations)
        for layer in model.layers[model.layers.index(base) + 1 :]:
            x = layer(x)
        part = without_xla(keras.Model(activations, x, name=f"{model.name}_from_{from_layer}"))
    return part, ActivationBatches(lower, train_batches), ActivationBatches(lower, val_batches)


# --- what does not fit ------------------------------------------------------------------------------


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
                f"{name} has the classes {', '.join(map(str, batches.classes))}, the model tells {n_classes} "
                "apart. Give both the same classes."
            )
    train = named["train_batches"]
    for name, batches in named.items():
        teach_classes(model, name, batches.classes)
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


def _by_number(class_weight: Mapping[Any, float] | None, classes: Sequence) -> dict[int, float] | None:
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
def _failure_of_batches_explained(train: ImageBatches, val: ImageBatches | None) -> Iterator[None]:
    """Show what went wrong in a batch as it is: TensorFlow wraps it in a page of its own lines."""
    for batches in filter(None, (train, val)):
        batches.failure = None  # of an earlier training
    with out_of_memory_explained(train.batch_size, train.image_size):
        try:
            yield
        except tf.errors.OpError as error:
            failure = train.failure or (val and val.failure)
            if failure is None:
                raise
            raise failure from error
