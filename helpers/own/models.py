"""A head on one's own pictures, a fine-tuned model beside it, and whether that is worth its time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .. import augment, checks, features, splits, transfer
from ..framework import keras, without_xla

LAST_BLOCKS = "block7a_expand_conv"  # where they begin in EfficientNet-Lite0, as in lesson 5
Z = 1.959964  # of a 95 % interval


def train_head(base: keras.Model, train: pd.DataFrame, seed: int = 0) -> keras.Model:
    """Put a head on a base network, fitted to bottleneck features, all classes weighing the same.

    It is solved for: a warm-up would come near it in as many epochs as the pictures need, which nobody knows
    of new ones.

    Args:
        base: of `backbones.load`; it stays as it is.
        train: one picture a row, columns `path` and `label`; its labels are the classes.
        seed: of dropout, should the model be trained on.

    Example:
        >>> own.draw_birds("my_birds", {"crow": 6, "robin": 6}, size=32)
        >>> base = backbones.load("efficientnet_lite0", image_size=32)
        >>> own.train_head(base, datasets.load_folder("my_birds")).classes
        ('crow', 'robin')

    See also: `transfer.warm_up_on_features`, which takes steps instead; `fine_tuned`.
    """
    checks.table(train, "path", "label", name="train")
    labels = train["label"].to_numpy()
    head = transfer.logistic_regression_head(
        features.extract(base, train), labels, splits.class_weights(labels)
    )
    model = transfer.build_classifier(base, head.classes_.tolist(), seed=seed)
    model.get_layer("classifier").set_weights([head.coef_.T, head.intercept_])
    return model


def fine_tuned(
    model: keras.Model, train: pd.DataFrame, val: pd.DataFrame, seed: int = 0, epochs: int = 8
) -> keras.Model:
    """Return a copy of a classifier whose last blocks have learnt along, stopped by `val`.

    Args:
        model: of `train_head`, on EfficientNet-Lite0; it stays as it is.
        train, val: columns `path` and `label`.
        seed: of the order of the pictures.
        epochs: at most; two without a gain end it.

    Example:
        >>> own.draw_birds("my_birds", {"crow": 6, "robin": 6}, size=32)
        >>> data = datasets.load_folder("my_birds")
        >>> model = own.train_head(backbones.load("efficientnet_lite0", image_size=32), data)
        >>> own.fine_tuned(model, data, data, epochs=1) is model
        False

    See also: `transfer.fine_tune`, which this calls; `compare`, which says whether it was worth it.
    """
    size, classes = transfer.base_of(model).input_shape[1], transfer.classes_of(model)
    checks.table(train, "path", "label", name="train")
    checks.table(val, "path", "label", name="val")
    copy = without_xla(keras.models.clone_model(model))
    copy.set_weights(model.get_weights())
    copy.classes = classes
    batches = augment.ImageBatches(train, size, min(32, len(train)), classes=classes, shuffle=True, seed=seed)
    transfer.fine_tune(
        copy,
        batches,
        augment.ImageBatches(val, size, classes=classes),
        epochs=epochs,
        learning_rate=1e-4,
        from_layer=LAST_BLOCKS,
        patience=2,
        class_weight=splits.class_weights(train["label"]),
    )
    return copy


@dataclass(frozen=True)
class Comparison:
    """Two models on the same `n` pictures: how many each alone got right.

    `low` to `high` (-1 to 1) is the 95 % interval of the second one's accuracy less the first one's.
    """

    n: int
    only_first: int
    only_second: int
    low: float
    high: float

    @property
    def difference(self) -> float:
        """Accuracy of the second model less that of the first."""
        return (self.only_second - self.only_first) / self.n

    @property
    def is_gain(self) -> bool:
        """Whether the second model is better by more than chance would explain."""
        return self.low > 0

    def __str__(self) -> str:
        interval = f"(95 % interval {self.low:+.3f} to {self.high:+.3f})"
        return (
            f"Of {self.n} pictures, {self.only_second} only the second model got right, {self.only_first} "
            f"only the first: a difference of {self.difference:+.3f} in accuracy {interval}"
        )


def compare(
    first: np.ndarray, second: np.ndarray, labels: Sequence[str], classes: Sequence[str]
) -> Comparison:
    """Compare two models on the same pictures, picture by picture.

    Pictures that both get right, or both wrong, say nothing of which is better (McNemar, 1947). So the
    interval rests on the others alone: it is that of Bonett and Price (2012), fit for few pictures, too.

    Args:
        first, second: probabilities `(n, len(classes))`, of `evaluate.predict`.
        labels: n names.
        classes: names in the order of the columns.

    Example:
        >>> first = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])
        >>> second = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]])
        >>> found = own.compare(first, second, ["cat", "dog", "dog"], ("cat", "dog"))
        >>> found.only_first, found.only_second, found.is_gain
        (0, 1, False)

    See also: `evaluate.report`, for each model by itself.
    """
    right = []
    for probabilities in (first, second):
        checks.probabilities(probabilities, labels, classes)
        right.append(np.asarray(classes)[np.asarray(probabilities).argmax(axis=1)] == np.asarray(labels))
    n, only_first = len(labels), int((right[0] & ~right[1]).sum())
    only_second = int((right[1] & ~right[0]).sum())
    # One picture more is counted to each of the two, and two to all.
    gained, lost = (only_second + 1) / (n + 2), (only_first + 1) / (n + 2)
    middle = gained - lost
    half = Z * math.sqrt((gained + lost - middle**2) / (n + 2))
    return Comparison(n, only_first, only_second, max(-1.0, middle - half), min(1.0, middle + half))
