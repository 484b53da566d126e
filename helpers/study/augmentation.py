"""Does augmentation help? The same training with and without it, paired by seed.

Both of a pair have the same photos, first weights and number of steps. In both, validation chooses the
setting (a head's regularisation, or fine-tuning's learning rate; from scratch has one) and the step whose
weights are taken. Variants are drawn once, not anew in each epoch. All photos that are left are held out, and
score it.
"""

from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from threadpoolctl import threadpool_limits

from .. import backbones, checks, datasets, evaluate, features, images, runtime, splits, transfer
from ..augment import Augmenter, targets_of
from . import experiments
from .domains import NO_PHOTOS, source_of
from .networks import AVERAGED, Patience, Trained, Trainer, from_scratch
from .paired import half_width
from .strategies import FROM_LAYER, FROM_SCRATCH, HEAD_ONLY, LAST_BLOCKS

RESULTS = experiments.RESULTS / "augmentation.csv"
METHODS = (HEAD_ONLY, LAST_BLOCKS, FROM_SCRATCH)
NONE, MODERATE, WIDE = "none", "moderate", "wide"
AUGMENTERS = {
    NONE: Augmenter(),  # pictures as they are
    MODERATE: Augmenter((0.8, 1.0), 15, (0.8, 1.2), horizontal_flip=True),
    WIDE: Augmenter((0.5, 1.0), 15, (0.5, 1.5), horizontal_flip=True),  # lesson 3's
}
SIZES, SEEDS = (40, 1119), 5
N_VALIDATION = 140

IMAGE_SIZE = {HEAD_ONLY: 96, LAST_BLOCKS: 96, FROM_SCRATCH: 48}  # one from scratch runs whole in every step
READ_AT = 192  # pixels a side, so that zooming in has something to show
REGULARISATION = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)  # scikit-learn's C
LEARNING_RATES = {LAST_BLOCKS: (1e-5, 1e-4), FROM_SCRATCH: (1e-3,)}  # lesson 5's and ten times it; lesson 6's


@dataclass(frozen=True)
class Extent:
    """How much is trained: variants of each photo, steps of 32 pictures, validation after every so many."""

    views: int
    steps: dict[str, int]
    every: int


FEW = Extent(32, {LAST_BLOCKS: 200, FROM_SCRATCH: 200}, 10)  # up to 200 photos
MANY = Extent(8, {LAST_BLOCKS: 300, FROM_SCRATCH: 800}, 20)


@dataclass(frozen=True)
class CellResult:
    """One trained and scored classifier.

    Attributes:
        accuracy, log_loss: of the held-out photos, 0-1 and in nats.
        n_held_out: how many those are.
        validation_accuracy, validation_loss: of the validation photos.
        setting: the C or the learning rate that validation chose.
        views: how many variants of each photo there were.
        steps, best_step: taken, and after which validation loss was lowest; 0 for a solved head.
        cpu_seconds: of a processor; what the cell before it computed as well is not computed again.
    """

    accuracy: float
    log_loss: float
    n_held_out: int
    validation_accuracy: float
    validation_loss: float
    setting: float
    views: int
    steps: int
    best_step: int
    cpu_seconds: float


def cells() -> list[experiments.Cell]:
    """Return all cells, seed by seed, the costly ones last. The wide ranges are for heads alone."""
    names = ("augmentation", "seed", "photos", "method")
    each = [dict(zip(names, cell)) for cell in product(AUGMENTERS, range(SEEDS), SIZES, METHODS)]

    def cost(cell: experiments.Cell) -> tuple:
        return cell["method"] == FROM_SCRATCH, cell["augmentation"] == WIDE, cell["seed"]

    asked = [cell for cell in each if cell["augmentation"] != WIDE or cell["method"] == HEAD_ONLY]
    return sorted(asked, key=cost)


def run(path: Path | str = RESULTS, workers: int | None = None) -> None:
    """Run what is missing of the measurement; see `experiments.run`."""
    experiments.run(cells(), path, measure, workers, "augmentation")


def measure(cell: experiments.Cell) -> experiments.Record:
    """Train and score one of `cells`.

    Raises:
        ValueError: an unknown name, or the photos are out of reach.
    """
    data = datasets.load_dog_cat()
    if data.attrs["source"] == "drawn pets":
        raise checks.CourseError(NO_PHOTOS)
    method = str(cell["method"])
    result = run_cell(data, method, str(cell["augmentation"]), int(cell["photos"]), int(cell["seed"]))
    more = {"base": backbones.DEFAULT, "image_size": IMAGE_SIZE[method], "data": source_of(data)}
    return asdict(result) | more


def run_cell(data: pd.DataFrame, method: str, augmentation: str, photos: int, seed: int) -> CellResult:
    """Train one classifier on so many photos, and score it on those that were not used for it.

    Args:
        data: a table with the columns `path` and `label`, of two classes.
        method: one of `METHODS`.
        augmentation: a key of `AUGMENTERS`.
        photos: how many to train on.
        seed: of the split, the variants, the first weights, the order of batches, and dropout.

    Raises:
        ValueError: an unknown name, or fewer pictures than it takes.

    Example:
        >>> data = datasets.draw_pets(200, seed=0, size=64)
        >>> result = augmentation.run_cell(data, "head only", "none", photos=20, seed=0)
        >>> result.n_held_out, result.views
        (40, 1)

    See also: `gains`, which compares what it returns.
    """
    checks.table(data, "path", "label")
    checks.choice("method", method, METHODS)
    checks.choice("augmentation", augmentation, AUGMENTERS)
    if len(data) < N_VALIDATION + 6:
        raise checks.CourseError(
            f"data has {len(data)} pictures, and {N_VALIDATION} are for validation. "
            f"Give {N_VALIDATION + 6} or more."
        )
    checks.whole_number("photos", photos, 2, len(data) - N_VALIDATION - 2)
    checks.whole_number("seed", seed, 0, runtime.LARGEST_SEED)
    paths, classes = tuple(data["path"]), tuple(sorted(set(data["label"])))
    targets = targets_of(data["label"], classes)
    train, validation, held_out = _parts(data, photos, seed)
    extent = FEW if photos <= 200 else MANY
    views = 1 if augmentation == NONE else extent.views
    train_targets = np.tile(targets[train], views)

    with runtime.Stopwatch() as watch:
        see = _pictures if method == FROM_SCRATCH else _seen_by_base
        shown, shown_features = see(paths, tuple(train), augmentation, views, seed)
        plain, plain_features = see(paths, tuple(range(len(paths))), NONE, 1, 0)
        if method != FROM_SCRATCH:
            checked = plain_features[validation], targets[validation]
            head, loss = _solved((shown_features, train_targets), checked, weight=1 / views)
        if method == HEAD_ONLY:
            setting, trained = head.C, Trained(0, 0, loss, loss, loss, loss)
            outputs = head.predict_proba(plain_features)[:, 1:]
        else:
            trainer, checked = _trainer(method), (plain[validation], targets[validation])
            steps = extent.steps[method]
            patience = Patience(steps, steps, extent.every)  # no training ends before the other
            tried = []
            for rate in LEARNING_RATES[method]:
                trainer.reset(seed)
                if method == LAST_BLOCKS:
                    trainer.put_head(head.coef_.T, head.intercept_)
                trained = trainer.fit((shown, train_targets), checked, patience, rate, seed)
                tried.append((rate, trained, trainer.predict(plain)))
            setting, trained, outputs = min(tried, key=lambda each: each[1].loss)
    probabilities, labels = evaluate.probabilities_of(outputs), data["label"].to_numpy()
    score = evaluate.score(probabilities[held_out], labels[held_out], classes)
    chosen_by = evaluate.score(probabilities[validation], labels[validation], classes)
    return CellResult(
        accuracy=score.accuracy,
        log_loss=score.log_loss,
        n_held_out=len(held_out),
        validation_accuracy=chosen_by.accuracy,
        validation_loss=chosen_by.log_loss,
        setting=setting,
        views=views,
        steps=trained.steps,
        best_step=trained.best_step,
        cpu_seconds=watch.cpu_seconds,
    )


def gains(results: pd.DataFrame, measure: str = "accuracy") -> pd.DataFrame:
    """Compare trainings with augmentation to those without, seed by seed.

    Args:
        results: of `run`.
        measure: a column of it, such as "accuracy" or "log_loss".

    Returns:
        One row a (augmentation, method, photos), which are its index: `without` and `augmented`, means over
        seeds; `gain`, the mean of their differences; `spread`, the differences' standard deviation; `margin`,
        half of the 95 % interval of `gain`; `seeds`, how many pairs there are.

    Raises:
        ValueError: a column is missing.

    Example:
        >>> table = augmentation.gains(pd.read_csv(augmentation.RESULTS))
        >>> table.loc[("moderate", "head only"), ["without", "augmented"]].round(1)
                without  augmented
        photos
        40          0.9        0.9
        1119        0.9        0.9

    See also: `run_cell`, of which each result is.
    """
    names = ["augmentation", "method", "photos"]
    maker = "python -m helpers augmentation"
    checks.table(results, *names, "seed", measure, name="results", maker=maker)
    rows = {}
    for method, photos in product(METHODS, sorted(set(results["photos"]))):
        same = results[(results["method"] == method) & (results["photos"] == photos)]
        by_seed = same.pivot(index="seed", columns="augmentation", values=measure)
        for name in (name for name in AUGMENTERS if name != NONE and {NONE, name} <= set(by_seed)):
            pairs = by_seed[[NONE, name]].dropna()
            change = pairs[name] - pairs[NONE]
            rows[name, method, photos] = {
                "without": pairs[NONE].mean(),
                "augmented": pairs[name].mean(),
                "gain": change.mean(),
                "spread": change.std(),
                "margin": half_width(change),
                "seeds": len(change),
            }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis(names)
    return table.loc[[name for name in AUGMENTERS if name in table.index.get_level_values(0)]]


def _parts(data: pd.DataFrame, photos: int, seed: int) -> tuple[np.ndarray, ...]:
    """Return the rows to train on, to choose by, and to hold out."""
    counts = np.array([photos, N_VALIDATION, len(data) - photos - N_VALIDATION])
    fractions, groups = list(counts / len(data)), list(_groups(tuple(data["path"])))
    parts = splits.split(data.reset_index(drop=True), fractions, seed, groups)
    return tuple(part.index.to_numpy() for part in parts)


@lru_cache(maxsize=1)
def _groups(paths: tuple[str, ...]) -> np.ndarray:
    return splits.near_duplicate_groups(pd.DataFrame({"path": paths}))


@lru_cache(maxsize=1)
def _read(paths: tuple[str, ...]) -> np.ndarray:
    return images.read_many(paths, READ_AT)


def _views(
    paths: tuple[str, ...], rows: tuple[int, ...], augmentation: str, views: int, seed: int, image_size: int
) -> np.ndarray:
    """Return variants of the pictures of some rows, uint8 `(views * rows, …)`: all rows once, then again."""
    rng, augmenter, pictures = np.random.default_rng(seed), AUGMENTERS[augmentation], _read(paths)
    if augmentation == NONE:
        return np.stack([images.fit(pictures[row], image_size) for row in rows])
    return np.stack([augmenter(pictures[row], rng, image_size) for _ in range(views) for row in rows])


@lru_cache(maxsize=2)
def _pictures(
    paths: tuple[str, ...], rows: tuple[int, ...], augmentation: str, views: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the variants, and no features of them."""
    return _views(paths, rows, augmentation, views, seed, IMAGE_SIZE[FROM_SCRATCH]), np.empty(0)


@lru_cache(maxsize=2)
def _seen_by_base(
    paths: tuple[str, ...], rows: tuple[int, ...], augmentation: str, views: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the variants' activations before the last blocks, and their bottleneck features."""
    activations = _views(paths, rows, augmentation, views, seed, IMAGE_SIZE[HEAD_ONLY])
    for network, forward in _base():
        activations, before = features.outputs_of(network, activations, forward), activations
    return before, activations.mean(axis=(1, 2))


@lru_cache(maxsize=1)
def _base() -> list[tuple]:
    parts = features.split_base(backbones.load(image_size=IMAGE_SIZE[HEAD_ONLY]), FROM_LAYER)
    return [(part, features.forward_of(part)) for part in parts]


@lru_cache(maxsize=2)
def _trainer(method: str) -> Trainer:
    """Build each model once in a process."""
    if method == FROM_SCRATCH:
        # Of three small networks, validation chooses this one for the photos in lesson 6.
        return Trainer(from_scratch(AVERAGED, IMAGE_SIZE[method], n_classes=2), scratch=True)
    upper = features.split_base(backbones.load(image_size=IMAGE_SIZE[method]), FROM_LAYER)[1]
    transfer.unfreeze(upper)
    return Trainer(transfer.build_classifier(upper, ("cat", "dog"), l2=0.0))


def _solved(
    train: tuple[np.ndarray, np.ndarray], validation: tuple[np.ndarray, np.ndarray], weight: float
) -> tuple[LogisticRegression, float]:
    """Solve for each regularisation, and return the one with the lowest validation loss, and that loss.

    `weight` is each variant's: all of a photo together weigh as much as the photo alone would.
    """
    tried = []
    with threadpool_limits(1):  # small sums, which several threads only slow down
        for regularisation in REGULARISATION:
            head = LogisticRegression(C=regularisation, max_iter=1000)
            head.fit(*train, sample_weight=np.full(len(train[1]), weight))
            tried.append((head, float(log_loss(validation[1], head.predict_proba(validation[0])))))
    return min(tried, key=lambda pair: pair[1])
