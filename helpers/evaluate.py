"""How good a model is, how sure one can be of that, and what it looks at."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, log_loss

from . import checks, images, runtime, splits
from .features import outputs_of
from .framework import keras, tf
from .transfer import base_of, classes_of, logistic_regression_head


@dataclass(frozen=True)
class Report:
    """What `report` found: shares between 0 and 1, log loss in nats, counts of pictures."""

    accuracy: float
    low: float
    high: float
    log_loss: float
    confusion: pd.DataFrame

    @property
    def n(self) -> int:
        """Number of pictures."""
        return int(self.confusion.to_numpy().sum())

    @property
    def right(self) -> int:
        """Number of pictures that were given their own class."""
        return int(np.trace(self.confusion))

    def __str__(self) -> str:
        return (
            f"{self.right} of {self.n} right: accuracy {self.accuracy:.3f} "
            f"(95 % interval {self.low:.3f} to {self.high:.3f}), log loss {self.log_loss:.3f}"
        )


def predict(model: keras.Model, data: pd.DataFrame, classes: Sequence[str] | None = None) -> np.ndarray:
    """Return the probability of each class for each picture.

    Args:
        model: from `transfer.build_classifier`.
        data: one picture a row, column `path`. Labels are not needed; where there are some, they have to be
            among the model's classes.
        classes: what the model's classes are taken to be; see `transfer.classes_of`.

    Returns:
        float array `(n, n_classes)`, in the order of `data`; every row sums to 1.

    Raises:
        ValueError: the classes are not the model's, or `data` has others.
        images.UnreadableImage: a file is no sound picture; the error names it.

    Example:
        >>> data = datasets.draw_pets(12, seed=0)
        >>> base = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(4, 3)])
        >>> model = transfer.build_classifier(base, ("cat", "dog"))
        >>> evaluate.predict(model, data).shape
        (12, 2)

    See also: `report`, which scores them, too; `predict_photo` for one file.
    """
    classes = _classes_of(model, classes)
    checks.table(data, "path", *({"label"} & set(getattr(data, "columns", ()))))
    if "label" in data:
        checks.labels_among(classes, data["label"])
    images.check(data["path"])
    return probabilities_of(outputs_of(model, data["path"].tolist()))


def probabilities_of(outputs: np.ndarray) -> np.ndarray:
    """Return the probability of each class for a classifier's outputs: one sigmoid says the second's alone.

    Args:
        outputs: `(n, 1)` for two classes, `(n, n_classes)` for more, as a model gives them.

    Returns:
        float array `(n, n_classes)`; every row sums to 1.

    Raises:
        ValueError: `outputs` has other than two dimensions.
    """
    if np.ndim(outputs) != 2:
        raise checks.CourseError(
            f"outputs is {checks.shown(outputs)}. Give a model's outputs, a row a picture."
        )
    return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs


def predict_photo(model: keras.Model, path: Path | str, classes: Sequence[str] | None = None) -> pd.Series:
    """Return the probability of each class for one picture file of any size, the likeliest first.

    Raises:
        ValueError: `classes` are given, and are not the model's.
        images.UnreadableImage: the file is no picture; the error names it.

    Example:
        >>> data = datasets.draw_pets(12, seed=0)
        >>> base = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(4, 3)])
        >>> model = transfer.build_classifier(base, ("cat", "dog"))
        >>> found = evaluate.predict_photo(model, data["path"][0])
        >>> sorted(found.index), round(float(found.sum()), 3)
        (['cat', 'dog'], 1.0)

    See also: `predict` for many.
    """
    classes = _classes_of(model, classes)
    picture = images.read(runtime.path_of(path), model.input_shape[1])
    found = pd.Series(
        probabilities_of(outputs_of(model, picture[None]))[0], index=list(classes), name="probability"
    )
    return found.sort_values(ascending=False)


def score(probabilities: np.ndarray, labels: Sequence[str], classes: Sequence[str]) -> Report:
    """Compare predicted probabilities with labels.

    Args:
        probabilities: `(n, len(classes))`, as `predict` gives them.
        labels: n names, each one of `classes`.
        classes: names in the order of the columns.

    Returns:
        A `Report`; its interval is Wilson's (1927) for a share of n independent pictures.

    Raises:
        ValueError: no picture, or a label that is no class.

    Example:
        >>> probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]])
        >>> report = evaluate.score(probabilities, ["cat", "dog", "dog"], ("cat", "dog"))
        >>> print(report)
        2 of 3 right: accuracy 0.667 (95 % interval 0.208 to 0.939), log loss 0.607
        >>> report.confusion
        predicted  cat  dog
        true
        cat          1    0
        dog          1    1

    See also: `report`, which predicts first.
    """
    checks.probabilities(probabilities, labels, classes)
    probabilities, labels, classes = np.asarray(probabilities), np.asarray(labels), list(classes)
    # float32 rows sum to 1 only to rounding; scikit-learn warns of less than its float64 has.
    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True, dtype=np.float64)
    predicted = np.asarray(classes)[probabilities.argmax(axis=1)]
    right = int((predicted == labels).sum())
    interval = accuracy_interval(right, len(labels))
    indices = [classes.index(label) for label in labels]
    return Report(
        accuracy=right / len(labels),
        low=interval[0],
        high=interval[1],
        log_loss=float(log_loss(indices, probabilities, labels=range(len(classes)))),
        confusion=pd.DataFrame(
            confusion_matrix(labels, predicted, labels=classes),
            index=pd.Index(classes, name="true"),
            columns=pd.Index(classes, name="predicted"),
        ),
    )


def report(model: keras.Model, data: pd.DataFrame, classes: Sequence[str] | None = None) -> Report:
    """Predict `data` with `model` and `score` the result: the course's one look at a test set.

    Example:
        >>> data = datasets.draw_pets(12, seed=0)
        >>> base = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(4, 3)])
        >>> model = transfer.build_classifier(base, ("cat", "dog"))
        >>> report = evaluate.report(model, data)
        >>> report.n, report.low <= report.accuracy <= report.high
        (12, True)

    See also: `predict` and `score`, of which it is made; `predict_photo` for one file.
    """
    checks.table(data, "path", "label")
    return score(predict(model, data, classes), data["label"], classes_of(model, classes))


def accuracy_interval(right: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of an accuracy of `right` out of `n` (Wilson, 1927).

    Example:
        >>> low, high = evaluate.accuracy_interval(196, 320)
        >>> print(f"{low:.3f} to {high:.3f}")
        0.558 to 0.664
    """
    checks.whole_number("n", n, 1)
    checks.whole_number("right", right, 0, n)
    interval = binomtest(right, n).proportion_ci(confidence_level=0.95, method="wilson")
    return float(interval.low), float(interval.high)


def worst_mistakes(
    probabilities: np.ndarray, data: pd.DataFrame, classes: Sequence[str], most: int = 8
) -> pd.DataFrame:
    """Return the pictures whose own class was thought least likely, the worst first.

    Returns:
        The rows of `data` with the columns `predicted` and `probability` (of the true class) added,
        `most` rows at most. Look at them: some are wrong labels, not wrong predictions.

    Example:
        >>> data = datasets.draw_pets(3, seed=0)
        >>> probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
        >>> worst = evaluate.worst_mistakes(probabilities, data, ("cat", "dog"), most=1)
        >>> worst[["label", "predicted", "probability"]]
          label predicted  probability
        1   cat       dog          0.2

    See also: `predict`.
    """
    checks.table(data, "path", "label")
    checks.whole_number("most", most, 1)
    checks.probabilities(probabilities, data["label"], classes)
    probabilities, classes = np.asarray(probabilities), list(classes)
    truth = [classes.index(label) for label in data["label"]]
    found = data.assign(
        predicted=np.asarray(classes)[probabilities.argmax(axis=1)],
        probability=probabilities[np.arange(len(data)), truth],
    )
    return found.sort_values("probability", kind="stable").head(most)


def cross_validate(
    features: np.ndarray,
    data: pd.DataFrame,
    n_folds: int = 5,
    seed: int = 0,
    max_distance: float = 0.07,
    class_weight: dict[str, float] | None = None,
) -> Report:
    """Score logistic regression on bottleneck features by k-fold cross-validation.

    Every picture is predicted by a model that saw neither it nor a near-duplicate of it.

    Args:
        features: `(n, d)`, in the order of `data`.
        data: one picture a row, columns `path` and `label`.
        n_folds: number of parts, each held out once.
        seed: of the folds.
        max_distance: up to which pictures count as near-duplicates, as for `splits.folds`.
        class_weight: name -> weight of its pictures in the loss, such as `splits.class_weights(data.label)`.

    Returns:
        A `Report` over all n held-out predictions.

    Example:
        >>> data = datasets.draw_pets(12, seed=0)
        >>> report = evaluate.cross_validate(survey.edge_features(data), data, n_folds=3)
        >>> report.n, report.low <= report.accuracy <= report.high
        (12, True)

    See also: `features.extract`, `splits.folds`.
    """
    checks.table(data, "path", "label")
    checks.same_length(features=features, data=data)
    data = data.reset_index(drop=True)  # an index may repeat; from here on it is the row's number
    labels = data["label"].to_numpy()
    classes = sorted(set(labels))
    probabilities = np.empty((len(data), len(classes)))
    for train, held_out in splits.folds(data, n_folds=n_folds, seed=seed, max_distance=max_distance):
        # Every setting that matters at its default: nothing was tuned on these pictures.
        head = logistic_regression_head(features[train.index], labels[train.index], class_weight)
        probabilities[held_out.index] = head.predict_proba(features[held_out.index])
    return score(probabilities, labels, classes)


def grad_cam(model: keras.Model, picture: np.ndarray, class_index: int | None = None) -> np.ndarray:
    """Show where in a picture the evidence for a class lies (Selvaraju et al., 2017, arXiv:1610.02391).

    Args:
        model: from `transfer.build_classifier`.
        picture: RGB `(height, width, 3)`, 0-255, of the model's size.
        class_index: 0 or 1 (or more for more classes); None takes the predicted class.

    Returns:
        float32 array `(height, width)` of the feature map, 0 to 1: 1 where the evidence is strongest.
        All 0 where nothing speaks for the class.

    Example:
        >>> base = backbones.load("efficientnet_lite0", image_size=64)
        >>> model = transfer.build_classifier(base, ("cat", "dog"))
        >>> evaluate.grad_cam(model, drawings.draw_pet("cat", seed=8, size=64)).shape
        (2, 2)
    """
    base = base_of(model)
    checks.image("picture", picture)
    if picture.shape != model.input_shape[1:]:
        raise checks.CourseError(
            f"picture is {picture.shape}, the model takes {model.input_shape[1:]}. "
            f"Read it with image_size={model.input_shape[1]}."
        )
    if class_index is not None:
        checks.whole_number("class_index", class_index, 0, max(2, model.output_shape[-1]) - 1)
    *before, classifier = model.layers[model.layers.index(base) + 1 :]
    feature_map = base(tf.cast(picture[None], tf.float32), training=False)
    with tf.GradientTape() as tape:
        tape.watch(feature_map)
        output = feature_map
        for layer in before:
            output = layer(output, training=False)
        # The logit, not the probability: a sure model's probability has no slope left.
        logits = keras.ops.matmul(output, classifier.kernel) + classifier.bias
        if logits.shape[1] == 1:
            logits = tf.concat([-logits, logits], axis=1)
        index = int(tf.argmax(logits[0])) if class_index is None else class_index
        evidence = logits[:, index]
    weights = tf.reduce_mean(tape.gradient(evidence, feature_map), axis=(1, 2), keepdims=True)
    heat = tf.nn.relu(tf.reduce_sum(weights * feature_map, axis=-1))[0].numpy()
    return heat / heat.max() if heat.max() > 0 else heat


def _classes_of(model: keras.Model, classes: Sequence[str] | None) -> tuple[str, ...]:
    base_of(model)
    return classes_of(model, classes)


def summarise_curve(accuracy: Sequence[float]) -> pd.Series:
    """Put a learning curve into the three numbers of the tutorial's figure 1.

    Args:
        accuracy: validation accuracy after each epoch (or other equal stretch of training), 0-1,
            two at least.

    Returns:
        `start`: accuracy at the first point; `slope`: steepest gain from one point to the next;
        `level`: mean of the last three points.

    Raises:
        ValueError: fewer than two points.

    Example:
        >>> evaluate.summarise_curve([0.5, 0.8, 0.9, 0.9, 0.9]).round(2).to_dict()
        {'start': 0.5, 'slope': 0.3, 'level': 0.9}
    """
    accuracy = np.asarray(accuracy, float)
    if accuracy.ndim != 1 or len(accuracy) < 2 or not np.isfinite(accuracy).all():
        raise checks.CourseError(
            f"accuracy is {checks.shown(accuracy.tolist())}. Give two or more finite numbers, one an epoch."
        )
    return pd.Series({"start": accuracy[0], "slope": np.diff(accuracy).max(), "level": accuracy[-3:].mean()})
