"""Six strategies, from training from scratch to fine-tuning everything: how each is trained.

A cell is one strategy on one domain with so many training pictures and one seed: a classifier, trained,
and scored on held-out pictures that no choice was made on. What is frozen is run once: a head is
solved for on bottleneck features, and the last blocks are trained on kept activations.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
import pandas as pd

from .. import backbones, checks, evaluate, features, runtime, transfer
from ..augment import Augmenter, targets_of
from ..framework import keras
from . import domains
from .comparison import (
    ALL_BLOCKS,
    BATCH_NORM,
    COLD,
    FROM_SCRATCH,
    HEAD_ONLY,
    LAST_BLOCKS,
    STRATEGIES,
)
from .domains import Domain
from .trainer import Patience, Trainer, small_cnn

IMAGE_SIZE = 64  # small, so that whole networks can be trained hundreds of times on two cores
FROM_LAYER = "block7a_expand_conv"  # the last blocks begin here, as in lesson 5
WHOLE = "last blocks, whole network run"  # what they cost without kept activations
# Rounds are a bound that hardly any training meets: validation ends it before. (The committed search of
# learning rates had one round of patience more, and up to twelve rounds.)
PATIENCE = {
    FROM_SCRATCH: Patience(rounds=160, waits=8),
    LAST_BLOCKS: Patience(rounds=60, waits=4),
    ALL_BLOCKS: Patience(rounds=30, waits=2),
    COLD: Patience(rounds=30, waits=2),
    BATCH_NORM: Patience(rounds=30, waits=2),
}


# --- what is computed once ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bottleneck:
    """A domain as a base network sees it, computed once.

    Attributes:
        features: float32 `(n, d)`, the feature map averaged over all places.
        activations: float32 `(n, h, w, c)`, each picture's before `FROM_LAYER`; None for other bases than
            the default.
        seconds_a_picture, cpu_seconds_a_picture: what both took.
    """

    features: np.ndarray
    activations: np.ndarray | None
    seconds_a_picture: float
    cpu_seconds_a_picture: float


def activations_of(kept: Bottleneck) -> np.ndarray:
    """Return what a base network's last blocks begin with; refuse another base's, which is not there."""
    if kept.activations is None:
        raise checks.CourseError(
            "kept has no activations: they are kept of the default base network only. "
            "Give strategies.bottleneck(domain, backbones.load(image_size=...))."
        )
    return kept.activations


@lru_cache(maxsize=4)
def prepared(domain_name: str, image_size: int, base_name: str) -> tuple[Domain, Bottleneck]:
    """Load a domain and run a base network over it, once in a process.

    Args:
        domain_name, image_size: as for `domains.load`.
        base_name: a name of `backbones`, with a MobileNet's alpha after a blank.
    """
    domain = domains.load(domain_name, image_size)
    return domain, bottleneck(domain, load_base(base_name, image_size))


def load_base(base_name: str, image_size: int) -> keras.Model:
    """Load a base network: a name of `backbones`, with a MobileNet's alpha after a blank."""
    name, _, alpha = base_name.partition(" ")
    return backbones.load(name, image_size, alpha=float(alpha or 1))


def bottleneck(domain: Domain, base: keras.Model) -> Bottleneck:
    """Run a base network over a domain's pictures, and keep what heads and last blocks train on.

    Raises:
        ValueError: `base` is no network of pictures of the domain's size.

    Example:
        >>> mine = domains.of_table(datasets.draw_pets(40, seed=0, size=64), image_size=32)
        >>> base = backbones.load("efficientnet_lite0", image_size=32)
        >>> strategies.bottleneck(mine, base).features.shape
        (40, 1280)

    See also: `run_cell`, which takes them.
    """
    if not isinstance(base, keras.Model) or base.input_shape[1:] != domain.pictures.shape[1:]:
        size = domain.pictures.shape[1]
        raise checks.CourseError(f"base is {checks.shown(base)}. Load one with image_size={size}.")
    activations = None
    with runtime.Stopwatch() as watch:
        if base.name == backbones.DEFAULT:
            lower, upper = features.split_base(base, FROM_LAYER)
            activations = features.outputs_of(lower, domain.pictures)
            maps = features.outputs_of(upper, activations)
        else:
            maps = features.outputs_of(base, domain.pictures)
    n = len(domain.pictures)
    return Bottleneck(maps.mean(axis=(1, 2)), activations, watch.seconds / n, watch.cpu_seconds / n)


# --- training a cell ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CellResult:
    """One trained and scored classifier.

    Attributes:
        n_train: number of training pictures.
        learning_rate: Adam's; NaN for a head, which is solved for.
        accuracy: share of the held-out pictures that got their own class, 0-1.
        log_loss: of the held-out pictures, in nats.
        validation_accuracy, validation_loss: of the validation pictures, at the epoch that was taken.
        trainable: how many weights were trained.
        seconds, cpu_seconds: training, by the clock and of the processor, with the validation that it took
            to stop it and the training pictures' pass through what is frozen; what TensorFlow takes to
            prepare a model (about ten seconds, once a program) is left out, and scoring.
        images_seen: training pictures times passes.
        epochs: passes over the training pictures until training stopped.
        best_epoch: after how many passes the weights were taken.
    """

    n_train: int
    learning_rate: float
    accuracy: float
    log_loss: float
    validation_accuracy: float
    validation_loss: float
    trainable: int
    seconds: float
    cpu_seconds: float
    images_seen: int
    epochs: float
    best_epoch: float


def run_cell(
    strategy: str, domain: Domain, kept: Bottleneck, size: int | str, seed: int, learning_rate: float = 1e-3
) -> CellResult:
    """Train one classifier by one strategy and score it on the domain's held-out part.

    All classes weigh the same a picture: of an imbalanced set, give as many pictures of each class to
    `domains.of_table`.

    Args:
        strategy: one of `STRATEGIES`.
        domain: where the pictures come from.
        kept: of `bottleneck`, for the same domain.
        size: number of training pictures, or "all".
        seed: of the choice of pictures, the first weights, the order of batches, and dropout.
        learning_rate: Adam's. A head on its own takes none.

    Raises:
        ValueError: an unknown strategy, or a number of pictures that the domain does not have.

    Example:
        >>> mine = domains.of_table(datasets.draw_pets(40, seed=0, size=64), image_size=32)
        >>> kept = strategies.bottleneck(mine, backbones.load("efficientnet_lite0", image_size=32))
        >>> result = strategies.run_cell("head only", mine, kept, "all", seed=0)
        >>> result.n_train, result.trainable
        (24, 1281)

    See also: `comparison.recommend`, which says by which strategy; `bottleneck`.
    """
    checks.choice("strategy", strategy, STRATEGIES)
    rows = domain.training_rows(size, seed)
    frozen_seconds = len(rows) * kept.seconds_a_picture
    frozen_cpu_seconds = len(rows) * kept.cpu_seconds_a_picture
    if strategy == HEAD_ONLY:
        with runtime.Stopwatch() as watch:
            head = transfer.logistic_regression_head(kept.features[rows], domain.labels[rows])
        held_out, validation = (
            _score(head.predict_proba(kept.features[part]), domain, part)
            for part in (domain.held_out, domain.validation)
        )
        passes = int(head.n_iter_[0])
        learning_rate, trainable, best = float("nan"), head.coef_.size + head.intercept_.size, passes
    else:
        inputs = activations_of(kept) if strategy == LAST_BLOCKS else domain.pictures
        trainer = _trainer(strategy, domain.pictures.shape[1], tuple(domain.classes))
        targets = targets_of(domain.labels, domain.classes)
        with runtime.Stopwatch() as watch:
            trainer.reset(seed)
            if strategy in (LAST_BLOCKS, ALL_BLOCKS, BATCH_NORM):
                trainer.warm_up(kept.features[rows], domain.labels[rows])
            train, val = ((inputs[part], targets[part]) for part in (rows, domain.validation))
            passes, best = trainer.fit(train, val, PATIENCE[strategy], learning_rate, seed)
        held_out, validation = (
            _score(trainer.predict(inputs[part]), domain, part)
            for part in (domain.held_out, domain.validation)
        )
        trainable = int(transfer.count_weights(trainer.model)["trainable"])
        if strategy in (FROM_SCRATCH, COLD):
            frozen_seconds = frozen_cpu_seconds = 0.0
    return CellResult(
        n_train=len(rows),
        learning_rate=learning_rate,
        accuracy=held_out.accuracy,
        log_loss=held_out.log_loss,
        validation_accuracy=validation.accuracy,
        validation_loss=validation.log_loss,
        trainable=trainable,
        seconds=watch.seconds + frozen_seconds,
        cpu_seconds=watch.cpu_seconds + frozen_cpu_seconds,
        images_seen=round(len(rows) * passes),
        epochs=passes,
        best_epoch=best,
    )


def _score(outputs: np.ndarray, domain: Domain, rows: np.ndarray) -> evaluate.Report:
    return evaluate.score(evaluate.probabilities_of(outputs), domain.labels[rows], domain.classes)


@lru_cache(maxsize=8)
def _trainer(strategy: str, image_size: int, classes: tuple[str, ...]) -> Trainer:
    """Build each model once in a process; with and without warm-up, fine-tuning all is the same model."""
    if strategy == COLD:
        return _trainer(ALL_BLOCKS, image_size, classes)
    if strategy == FROM_SCRATCH:
        return Trainer(small_cnn(image_size, len(classes), seed=0))
    base = backbones.load(image_size=image_size)
    if strategy == LAST_BLOCKS:
        base = features.split_base(base, FROM_LAYER)[1]
    from_layer = FROM_LAYER if strategy == WHOLE else None
    transfer.unfreeze(base, from_layer, batch_norm_training=strategy == BATCH_NORM)
    return Trainer(transfer.build_classifier(base, classes))


def whole_or_kept(
    domain: Domain,
    kept: Bottleneck,
    base: keras.Model,
    augmenter: Augmenter,
    size: int | str = 320,
    seeds: int = 3,
    epochs: int = 4,
    views: int = 4,
) -> pd.DataFrame:
    """Fine-tune the last blocks in two ways: through the whole network, or on kept activations.

    Through the whole network, each epoch sees new augmented pictures. The other way, the frozen layers see
    `views` augmented views of each picture once, and the epochs take them in turn.

    Args:
        domain: of the pictures' size that `base` takes.
        kept: of `bottleneck`.
        base: the default base network; left as it is.
        augmenter: what a view is made by.
        size: number of training pictures, or "all".
        seeds, epochs: how many.
        views: kept of each picture.

    Returns:
        Columns `way`, `seed`, `accuracy` (held-out, 0-1), `seconds_an_epoch` (augmenting included where it is
        part of the epoch), `seconds_once` (making and keeping the views).

    Example:
        >>> mine = domains.of_table(datasets.draw_pets(40, seed=0, size=64), image_size=32)
        >>> base = backbones.load("efficientnet_lite0", image_size=32)
        >>> kept, augmenter = strategies.bottleneck(mine, base), augment.Augmenter(rotation=15)
        >>> ways = strategies.whole_or_kept(mine, kept, base, augmenter, size=16)  # doctest: +SKIP
        >>> ways["way"].unique().tolist()  # doctest: +SKIP
        ['whole network', 'kept activations']

    See also: `run_cell`.
    """
    for name, value in {"seeds": seeds, "epochs": epochs, "views": views}.items():
        checks.whole_number(name, value, 1)
    activations = activations_of(kept)
    image_size, classes = domain.pictures.shape[1], tuple(domain.classes)
    targets = targets_of(domain.labels, classes)
    lower = features.split_base(base, FROM_LAYER)[0]
    ways = {"whole network": _trainer(WHOLE, image_size, classes)}
    ways["kept activations"] = _trainer(LAST_BLOCKS, image_size, classes)
    rows = []
    for seed, (way, trainer) in product(range(seeds), ways.items()):
        training = domain.training_rows(size, seed)
        rng = np.random.default_rng(seed)

        def view(training: np.ndarray = training, rng: np.random.Generator = rng) -> np.ndarray:
            return np.stack([augmenter(domain.pictures[row], rng) for row in training])

        is_kept = way == "kept activations"
        trainer.reset(seed)
        trainer.warm_up(kept.features[training], domain.labels[training])
        trainer.model.optimizer.learning_rate.assign(1e-4)
        with runtime.Stopwatch() as once:
            inputs = [features.outputs_of(lower, view()) for _ in range(views)] if is_kept else []
        with runtime.Stopwatch() as training_itself:
            for epoch in range(epochs):
                trainer.one_epoch(
                    inputs[epoch % views] if is_kept else view(), targets[training], seed + epoch
                )
        source = activations if is_kept else domain.pictures
        outputs = trainer.predict(source[domain.held_out])
        accuracy = _score(outputs, domain, domain.held_out).accuracy
        rows.append((way, seed, accuracy, training_itself.seconds / epochs, once.seconds))
    return pd.DataFrame(rows, columns=["way", "seed", "accuracy", "seconds_an_epoch", "seconds_once"])
