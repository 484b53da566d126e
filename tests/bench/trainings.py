"""Whole trainings: from JPEG files to a classifier; and fine-tuning, an epoch."""

from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np

from helpers import backbones, features, splits, transfer
from helpers.augment import ImageBatches

from . import peers
from .measure import Result, Setting, in_turns, middle, seconds_of, spread

FROM_LAYER = "block6a_expand_conv"  # of lesson 5: the last two stages, six blocks, and the top


def from_files_to_a_head(setting: Setting) -> list[Result]:
    """Time the course's warm-up on bottleneck features, and both tutorials' recipes, on one split.

    The recipes run once, since they take minutes and consist of epochs that all cost the same; the course's
    runs before, between and after them.
    """
    size = setting.size(224)
    accuracies = []

    def ours() -> None:
        base = backbones.load(image_size=size)
        tables = [
            (features.extract(base, part, keep=False), (part["label"] == "dog").to_numpy("float32"))
            for part in (setting.train, setting.val)
        ]
        history = transfer.warm_up_on_features(transfer.build_classifier(base), *tables, epochs=5).history
        accuracies.append(history["val_accuracy"][-1])

    seconds = [seconds_of(ours)]
    with TemporaryDirectory() as folder:
        folders = [
            peers.class_folders(part, Path(folder, name))
            for name, part in (("train", setting.train), ("val", setting.val))
        ]
        theirs = peers.tensorflow_recipe(
            backbones.load(image_size=setting.size(160)), *folders, epochs=1 if setting.quick else 10
        )
    seconds += [seconds_of(ours) for _ in range(setting.repeats(2) - 1)]
    tutorial = peers.tutorials_recipe(
        backbones.load(image_size=size), setting.train, setting.val, epochs=1 if setting.quick else 5
    )
    seconds += [seconds_of(ours) for _ in range(setting.repeats(2) - 1)]

    took, shown, accuracy = middle(seconds), spread(seconds), min(accuracies)
    best = max(theirs["frozen_accuracy"], theirs["whole_accuracy"], tutorial["accuracy"])
    what = f"JPEG files → trained head, {size} px"
    note = f"median of {len(seconds)}; the recipe once"
    return [
        Result(
            what,
            "TensorFlow's recipe, 10 frozen epochs at 160 px",
            shown,
            f"{theirs['frozen']:.0f} s",
            theirs["frozen"] / took,
            6,
            note=note,
        ),
        Result(
            what,
            "TensorFlow's recipe, all 20 epochs",
            shown,
            f"{theirs['whole']:.0f} s",
            theirs["whole"] / took,
            15,
            note=note,
        ),
        Result(
            what,
            "the tutorial's recipe, preprocessing mended",
            shown,
            f"{tutorial['whole']:.0f} s",
            tutorial["whole"] / took,
            note=note,
        ),
        Result(
            "its accuracy on validation",
            "–",
            f"{accuracy:.4f}",
            value=accuracy,
            target=0.985,
            unit="",
            note=f"{len(setting.val)} photos; the lowest of {len(accuracies)} runs",
        ),
        Result(
            "more accurate than both recipes, by",
            "TensorFlow's (after 10, after 20 epochs), the tutorial's",
            f"{accuracy:.4f}",
            f"{theirs['frozen_accuracy']:.4f}, {theirs['whole_accuracy']:.4f}, {tutorial['accuracy']:.4f}",
            (accuracy - best) * len(setting.val),
            1,
            unit=" photos",
        ),
    ]


def fine_tuning(setting: Setting) -> list[Result]:
    """Time an epoch of training the last blocks, with and without running the frozen ones in every step."""
    size = setting.size(160)
    base = backbones.load(image_size=size)
    model = transfer.build_classifier(base)
    transfer.unfreeze(base, FROM_LAYER)
    train = ImageBatches(setting.train, size, batch_size=32, shuffle=True, seed=0)
    val = ImageBatches(setting.val, size, batch_size=32)
    # What `fine_tune` trains; and the whole classifier with the same layers trainable.
    part, *short = transfer._trained_part(model, train, val, FROM_LAYER)
    once = seconds_of(lambda: [batches.activations for batches in short])

    def epoch(trained: keras.Model, batches: keras.utils.PyDataset, others: keras.utils.PyDataset) -> None:
        trained.fit(batches, validation_data=others, epochs=1, shuffle=False, verbose=0)

    few = ImageBatches(setting.train.iloc[::20], size, batch_size=32)
    for trained, batches in ((part, transfer.ActivationBatches(short[0].lower, few)), (model, few)):
        transfer.compile_classifier(trained, 1e-5)
        trained.fit(batches, validation_data=batches, shuffle=False, verbose=0)  # which traces the steps
    runs = {
        "ours": lambda: epoch(part, *short),
        "theirs": lambda: epoch(model, train, val),
    }
    seconds = in_turns(runs, setting.repeats(3))
    return [
        Result(
            f"fine-tuning from {FROM_LAYER}, an epoch, {size} px",
            "the whole network in every step",
            spread(seconds["ours"]),
            spread(seconds["theirs"]),
            middle(seconds["theirs"]) / middle(seconds["ours"]),
            3,
            note=f"the frozen part, run once: {once:.0f} s",
        )
    ]


# --- accuracy -------------------------------------------------------------------------------------------

SIZES = (256, 288)
PENALTIES = (0.003, 0.01, 0.03, 0.1)  # scikit-learn's C, on features as they are
SHUFFLES = 5
REDUX_WINNER = 0.0330  # log loss, kaggle.com/competitions/dogs-vs-cats-redux-kernels-edition/leaderboard


def cross_validated_accuracy(setting: Setting) -> list[Result]:
    """Cross-validate logistic regression on features of two sizes, with its choices made inside the folds."""
    from sklearn.metrics import accuracy_score, log_loss

    data = setting.data
    sizes = [setting.size(size) for size in SIZES[: 1 if setting.quick else 2]]
    tables = {size: _features_of_both_sides(size, data["path"].tolist()) for size in sizes}
    labels, groups = (data["label"] == "dog").to_numpy(int), splits.near_duplicate_groups(data)
    scores = []
    for seed in range(1 if setting.quick else SHUFFLES):
        probabilities = _held_out_probabilities(tables, labels, groups, seed)
        scores.append((accuracy_score(labels, probabilities > 0.5), log_loss(labels, probabilities)))
    accuracy, loss = np.mean(scores, axis=0)
    lowest, highest = np.min(scores, axis=0), np.max(scores, axis=0)
    what = f"5-fold cross-validation, {len(data):,} photos"
    note = f"mean of {len(scores)} shuffles; near-duplicates together, choices made inside the training folds"
    return [
        Result(
            f"{what}: accuracy",
            "TensorFlow's tutorial: “nearly 98 %”",
            f"{accuracy:.4f} ({lowest[0]:.4f}-{highest[0]:.4f})",
            "0.98",
            accuracy,
            0.995,
            unit="",
            note=note,
        ),
        Result(
            f"{what}: log loss",
            "winner of Dogs vs. Cats Redux, 25,000 photos",
            f"{loss:.4f} ({lowest[1]:.4f}-{highest[1]:.4f})",
            f"{REDUX_WINNER:.4f}",
            loss,
            0.025,
            at_least=False,
            unit="",
            note=note,
        ),
    ]


def _features_of_both_sides(size: int, paths: list[str]) -> np.ndarray:
    """Average the bottleneck features of each picture and of its mirror image: float32 `(n, channels)`."""
    base = backbones.load(image_size=size)
    pictures = keras.Input(base.input_shape[1:])
    both = [base(pictures), base(keras.ops.flip(pictures, axis=2))]
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Average()(both))
    return features.outputs_of(keras.Model(pictures, pooled, name=f"both_sides_{size}"), paths)


def _held_out_probabilities(
    tables: dict[int, np.ndarray], labels: np.ndarray, groups: np.ndarray, seed: int
) -> np.ndarray:
    """Predict every picture by classifiers that saw neither it nor a near-duplicate: `(n,)`.

    For each size of pictures one classifier; its penalty is chosen by cross-validation inside the training
    folds, by log loss. The sizes' probabilities are averaged.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold

    probabilities = np.zeros(len(labels))
    outer = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    for train, held_out in outer.split(labels, labels, groups):
        inner = list(
            StratifiedGroupKFold(4, shuffle=True, random_state=seed).split(
                labels[train], labels[train], groups[train]
            )
        )
        for table in tables.values():
            search = GridSearchCV(
                LogisticRegression(max_iter=1000), {"C": PENALTIES}, scoring="neg_log_loss", cv=inner
            ).fit(table[train], labels[train])
            probabilities[held_out] += search.predict_proba(table[held_out])[:, 1] / len(tables)
    return probabilities
