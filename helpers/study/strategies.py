"""Six strategies, from training from scratch to fine-tuning everything, and a control without any network.

A cell is one of them on one domain, with so many training pictures and one seed: a classifier, trained, and
scored on held-out pictures by which nothing was chosen. What is frozen is run once: a head is solved for on
bottleneck features, and the last blocks are trained on cached activations.
"""

import base64
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import Pipeline, make_pipeline
from threadpoolctl import threadpool_limits

from .. import backbones, checks, evaluate, features, runtime, transfer
from ..augment import targets_of
from ..framework import keras
from . import domains
from .domains import Domain
from .networks import MOMENTUM, Patience, Trained, Trainer, from_scratch

FROM_SCRATCH, HEAD_ONLY, LAST_BLOCKS, ALL_BLOCKS, COLD, BATCH_NORM = STRATEGIES = (
    "from scratch",
    "head only",
    "last blocks",
    "all blocks",
    "all, no warm-up",
    "all, batch norm trained",
)
RAW_PIXELS = "raw pixels"  # the control: what needs no network at all
SOLVED = (RAW_PIXELS, HEAD_ONLY)  # logistic regression, which has one lowest point
WARMED_UP = (LAST_BLOCKS, ALL_BLOCKS, BATCH_NORM)
FROM_LAYER = "block7a_expand_conv"  # the last blocks begin here, as in lesson 5

# How much logistic regression's weights may weigh: scikit-learn's C, chosen by validation for each cell.
REGULARISATION = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
# Batch normalisation that is trained gets better late: on spoken digits 200 steps were too few for it. (Its
# learning rates were searched with 200 all the same.)
PATIENCE = {
    FROM_SCRATCH: Patience(steps=200, most=2000, every=20),
    LAST_BLOCKS: Patience(steps=200, most=2000, every=10),
    ALL_BLOCKS: Patience(steps=200, most=800, every=10),
    COLD: Patience(steps=200, most=800, every=10),
    BATCH_NORM: Patience(steps=400, most=1600, every=10),
}


def patience_for(strategy: str, size: int | str) -> Patience:
    """Return a strategy's patience: twice the usual with all pictures, since an epoch is longer there.

    Raises:
        CourseError: a strategy that is not trained by steps.

    Example:
        >>> [strategies.patience_for("all blocks", size).steps for size in (320, "all")]
        [200, 400]
    """
    checks.choice("strategy", strategy, PATIENCE)
    patience = PATIENCE[strategy]
    return patience.doubled() if size == "all" else patience


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


def activations_of(cached: Bottleneck) -> np.ndarray:
    """Return what a base network's last blocks begin with; refuse another base's, which is not there."""
    if cached.activations is None:
        raise checks.CourseError(
            "cached has no activations: they are cached of the default base network only. "
            "Give strategies.bottleneck(domain, backbones.load(image_size=...))."
        )
    return cached.activations


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
    has_activations = base.name == backbones.DEFAULT
    parts = features.split_base(base, FROM_LAYER) if has_activations else (base,)
    outputs, seconds, cpu_seconds = [domain.pictures], 0.0, 0.0
    for part in parts:
        forward = features.forward_of(part)
        features.outputs_of(part, outputs[-1][:1], forward)  # TensorFlow traces it once, which does not count
        with runtime.Stopwatch() as watch:
            outputs.append(features.outputs_of(part, outputs[-1], forward))
        seconds, cpu_seconds = seconds + watch.seconds, cpu_seconds + watch.cpu_seconds
    n, activations = len(domain.pictures), outputs[1] if has_activations else None
    return Bottleneck(outputs[-1].mean(axis=(1, 2)), activations, seconds / n, cpu_seconds / n)


# --- a cell -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CellResult:
    """One trained and scored classifier.

    Attributes:
        n_train: number of training pictures.
        setting: Adam's learning rate, or the C of a logistic regression.
        accuracy: proportion of the held-out pictures that got their own class, 0-1.
        log_loss: of the held-out pictures, in nats.
        validation_accuracy, validation_loss: of the validation pictures.
        start_loss, trained_loss, hasty_loss: of `networks.Trained`; validation_loss for what is solved for.
        steps, best_step: of `networks.Trained`; 0 for what is solved for.
        trainable: how many weights were trained.
        cpu_seconds: of a processor: training, with the validation that it took to stop it or to choose by it,
            and the pass of the pictures for both through what is frozen. Scoring is left out, and what
            TensorFlow takes to prepare a model, once per program.
        n_held_out: number of held-out pictures.
        right: which of them were right, see `as_text`.
    """

    n_train: int
    setting: float
    accuracy: float
    log_loss: float
    validation_accuracy: float
    validation_loss: float
    start_loss: float
    trained_loss: float
    hasty_loss: float
    steps: int
    best_step: int
    trainable: int
    cpu_seconds: float
    n_held_out: int
    right: str


def as_text(right: np.ndarray) -> str:
    """Return n truth values as a short text: eight in a byte, in base 64.

    Example:
        >>> from helpers.study import strategies
        >>> strategies.as_text(np.array([True, False, True]))
        'oA=='
        >>> strategies.from_text("oA==", 3).tolist()
        [True, False, True]
    """
    return base64.b64encode(np.packbits(right).tobytes()).decode()


def from_text(text: str, n: int) -> np.ndarray:
    """Return the n truth values of `as_text`."""
    bits = np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8))
    return bits[:n].astype(bool)


def run_cell(
    strategy: str,
    domain: Domain,
    cached: Bottleneck,
    size: int | str,
    seed: int,
    learning_rate: float = 1e-3,
    architecture: str = "averaged",
    patience: Patience | None = None,
) -> CellResult:
    """Train one classifier by one strategy and score it on the domain's held-out part.

    All classes weigh the same a picture: of an imbalanced set, give as many pictures of each class to
    `domains.of_table`.

    Args:
        strategy: one of `STRATEGIES`, or "raw pixels": logistic regression without any network.
        domain: where the pictures come from.
        cached: of `bottleneck`, for the same domain.
        size: number of training pictures, or "all".
        seed: of the choice of pictures, the first weights, the order of batches, and dropout.
        learning_rate: Adam's. What is solved for takes none.
        architecture: of the network from scratch, see `networks.from_scratch`.
        patience: by default that of `patience_for`.

    Raises:
        CourseError: an unknown strategy, or a number of pictures that the domain does not have.
    """
    checks.choice("strategy", strategy, (RAW_PIXELS, *STRATEGIES))
    domain = domain.for_seed(seed)
    rows = domain.training_rows(size, seed)
    if strategy in SOLVED:
        return _solved(strategy, domain, cached, rows)
    classes, image_size = tuple(domain.classes), domain.pictures.shape[1]
    trainer = _trainer(strategy, image_size, classes, architecture, domain.may_be_mirrored)
    inputs = activations_of(cached) if strategy == LAST_BLOCKS else domain.pictures
    targets = targets_of(domain.labels, classes)
    train, validation = ((inputs[part], targets[part]) for part in (rows, domain.validation))
    trainer.prepare(train, validation)
    patience = patience or patience_for(strategy, size)
    with runtime.Stopwatch() as watch:
        trainer.reset(seed)
        if strategy != FROM_SCRATCH:
            head, _ = _best_of(cached.features, domain, rows)
            # Logistic regression's ‖W‖² / 2 + C · (sum of losses), over C · n: a mean loss, and this penalty.
            trainer.penalise_head(1 / (2 * head[-1].C * len(rows)))
        if strategy in WARMED_UP:
            trainer.put_head(*_weights(head))
        trained = trainer.fit(train, validation, patience, learning_rate, seed)
    frozen = _frozen_seconds(domain, cached, rows) if strategy in WARMED_UP else 0.0
    probabilities = evaluate.probabilities_of(trainer.predict(inputs[domain.held_out]))
    checked = evaluate.probabilities_of(trainer.predict(inputs[domain.validation]))
    trainable = int(transfer.count_weights(trainer.model)["trainable"])
    cpu_seconds = watch.cpu_seconds + frozen
    return _result(domain, rows, learning_rate, probabilities, checked, trained, trainable, cpu_seconds)


def _solved(strategy: str, domain: Domain, cached: Bottleneck, rows: np.ndarray) -> CellResult:
    inputs = cached.features if strategy == HEAD_ONLY else _pixels(domain)
    with runtime.Stopwatch() as watch:
        model, loss = _best_of(inputs, domain, rows)
    frozen = _frozen_seconds(domain, cached, rows) if strategy == HEAD_ONLY else 0.0
    classifier = model[-1]
    trainable = inputs.shape[1] * len(classifier.coef_) + classifier.intercept_.size
    return _result(
        domain,
        rows,
        classifier.C,
        model.predict_proba(inputs[domain.held_out]),
        model.predict_proba(inputs[domain.validation]),
        Trained(0, 0, loss, loss, loss, loss),
        trainable,
        watch.cpu_seconds + frozen,
    )


def _frozen_seconds(domain: Domain, cached: Bottleneck, rows: np.ndarray) -> float:
    """Return what it took to run the pictures for training and validation through the frozen base."""
    return (len(rows) + len(domain.validation)) * cached.cpu_seconds_a_picture


def _pixels(domain: Domain) -> np.ndarray:
    """Return each picture as a row of numbers 0-1; a grey picture's three channels are one."""
    is_grey = np.array_equal(domain.pictures[..., 0], domain.pictures[..., 2])
    pictures = domain.pictures[..., :1] if is_grey else domain.pictures
    return pictures.reshape(len(pictures), -1).astype(np.float32) / 255


def _best_of(inputs: np.ndarray, domain: Domain, rows: np.ndarray) -> tuple[Pipeline, float]:
    """Solve for each regularisation, and return the one with the lowest validation loss, and that loss."""
    train, labels = inputs[rows], domain.labels[rows]
    solved = []
    with threadpool_limits(1):  # small sums, which several threads only slow down
        # Turning the axes changes nothing for logistic regression, and leaves as many numbers as pictures.
        turned = [PCA().fit(train)] if train.shape[1] > len(rows) else []
        for step in turned:
            train = step.transform(train)
        for regularisation in REGULARISATION:
            regression = LogisticRegression(C=regularisation, max_iter=1000).fit(train, labels)
            model = make_pipeline(*turned, regression)
            probabilities = model.predict_proba(inputs[domain.validation])
            loss = log_loss(domain.labels[domain.validation], probabilities, labels=domain.classes)
            solved.append((model, float(loss)))
    return min(solved, key=lambda pair: pair[1])


def _weights(model: Pipeline) -> tuple[np.ndarray, np.ndarray]:
    """Return a solved classifier's weights `(d, outputs)` and biases as they are for inputs not turned."""
    *turned, regression = (step for _, step in model.steps)
    weights, biases = regression.coef_.T, regression.intercept_
    for step in turned:
        weights = step.components_.T @ weights
        biases = biases - step.mean_ @ weights
    return weights, biases


def _result(
    domain: Domain,
    rows: np.ndarray,
    setting: float,
    held_out: np.ndarray,
    validation: np.ndarray,
    trained: Trained,
    trainable: int,
    cpu_seconds: float,
) -> CellResult:
    score = evaluate.score(held_out, domain.labels[domain.held_out], domain.classes)
    checked = evaluate.score(validation, domain.labels[domain.validation], domain.classes)
    right = np.array(domain.classes)[held_out.argmax(axis=1)] == domain.labels[domain.held_out]
    return CellResult(
        n_train=len(rows),
        setting=setting,
        accuracy=score.accuracy,
        log_loss=score.log_loss,
        validation_accuracy=checked.accuracy,
        validation_loss=checked.log_loss,
        start_loss=trained.start_loss,
        trained_loss=trained.trained_loss,
        hasty_loss=trained.hasty_loss,
        steps=trained.steps,
        best_step=trained.best_step,
        trainable=trainable,
        cpu_seconds=cpu_seconds,
        n_held_out=len(right),
        right=as_text(right),
    )


@lru_cache(maxsize=8)
def _trainer(
    strategy: str, image_size: int, classes: tuple[str, ...], architecture: str, mirrored: bool
) -> Trainer:
    """Build each model once in a process. What no head was solved for has to train: its start is a guess."""
    if strategy == FROM_SCRATCH:
        network = from_scratch(architecture, image_size, len(classes))
        return Trainer(network, scratch=True, mirrored=mirrored, start_counts=False)
    base = backbones.load(image_size=image_size)
    if strategy == LAST_BLOCKS:
        base = features.split_base(base, FROM_LAYER)[1]
    transfer.unfreeze(base, batch_norm_training=strategy == BATCH_NORM)
    if strategy == BATCH_NORM:
        for layer in base.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = MOMENTUM
    model = transfer.build_classifier(base, classes, l2=0.0)  # `run_cell` sets the penalty
    return Trainer(model, mirrored=mirrored and strategy != LAST_BLOCKS, start_counts=strategy in WARMED_UP)
