"""The staircase: from scratch, the same on varied pictures, a head on features, fine-tuned; with its price.

Each step is one more idea, and all are measured on the same test pictures: with forty drawn dogs and cats to
learn from, which leave something to gain, and with photos, which do not.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from .. import augment, backbones, checks, datasets, evaluate, features, images, runtime, splits, transfer
from ..framework import keras
from . import experiments, networks
from .domains import NO_PHOTOS, source_of
from .strategies import FROM_LAYER, as_text, from_text

RESULTS = experiments.RESULTS / "staircase.csv"
CLASSES = ("cat", "dog")
DRAWN_PETS, PHOTOS = TASKS = ("drawn pets", "photos")
SCRATCH, AUGMENTED, HEAD, FINE_TUNED = STEPS = (
    "from scratch",
    "from scratch, augmented",
    "head on features",
    "fine-tuned",
)
SEEDS = {DRAWN_PETS: 5, PHOTOS: 3}
FEW = 40  # drawings to learn from; 100 are there to choose by, 300 to test on
BATCH_SIZE = 32
SCRATCH_SIZE = 64  # pixels a side; with 224, twelve times the work
# Epochs at most, and without a lower validation loss.
SCRATCH_EPOCHS, SCRATCH_PATIENCE = {DRAWN_PETS: 400, PHOTOS: 100}, {DRAWN_PETS: 100, PHOTOS: 30}
SCRATCH_RATE = 1e-3
AUGMENTER = augment.Augmenter((0.6, 1.0), rotation=15, brightness_range=(0.7, 1.3), horizontal_flip=True)


@dataclass(frozen=True)
class Task:
    """Three parts of a set of pictures, and how its network is fine-tuned: arguments of Keras's `fit`."""

    train: pd.DataFrame
    val: pd.DataFrame
    test: pd.DataFrame
    image_size: int
    from_layer: str | None
    learning_rate: float
    epochs: int
    batch_size: int


@dataclass(frozen=True)
class StepResult:
    """What a step reached with one seed.

    Attributes:
        n_train, n_test: pictures to learn from, and to test on.
        accuracy: on the test pictures, 0-1.
        log_loss: on them, in nats.
        right: which of them were right, see `strategies.as_text`.
        validation_accuracy, validation_loss: of the weights that were tested.
        curve: validation accuracy after each epoch from scratch, one text; empty for the other steps.
        best_epoch: after which validation loss was lowest, from scratch; 0 for the other steps.
        image_size: pixels a side.
        seconds, cpu_seconds: of training with all that it needs, by the clock and of the processor.
    """

    n_train: int
    n_test: int
    accuracy: float
    log_loss: float
    right: str
    validation_accuracy: float
    validation_loss: float
    curve: str
    best_epoch: int
    image_size: int
    seconds: float
    cpu_seconds: float


def run(path: Path | str = RESULTS, workers: int | None = None) -> None:
    """Run what is missing of the staircase; see `experiments.run`."""
    cells = [
        {"task": task, "step": step, "seed": seed}
        for task, seeds in SEEDS.items()
        for seed in range(seeds)
        for step in STEPS
    ]
    experiments.run(cells, path, measure, workers, "staircase")


def measure(cell: experiments.Cell) -> experiments.Record:
    """Train and test one step of one task with one seed.

    Raises:
        CourseError: an unknown task or step, or the photos are out of reach.
    """
    checks.choice("task", cell["task"], TASKS)
    checks.choice("step", cell["step"], STEPS)
    seed = int(cell["seed"])
    task = _task(cell["task"], seed)
    runtime.seed_everything(seed)
    if cell["step"] in (SCRATCH, AUGMENTED):
        augmenter = AUGMENTER if cell["step"] == AUGMENTED else None
        epochs, patience = SCRATCH_EPOCHS[cell["task"]], SCRATCH_PATIENCE[cell["task"]]
        size, found = SCRATCH_SIZE, _from_scratch(task, epochs, patience, augmenter, seed)
    else:
        size, found = task.image_size, _with_transfer(task, cell["step"] == FINE_TUNED, seed)
    predict, curve, best_epoch, watch = found
    tested, checked = (
        evaluate.score(evaluate.probabilities_of(predict(part)), part["label"], CLASSES)
        for part in (task.test, task.val)
    )
    right = (predict(task.test)[:, 0] > 0.5) == _targets(task.test)
    result = StepResult(
        n_train=len(task.train),
        n_test=len(task.test),
        accuracy=tested.accuracy,
        log_loss=tested.log_loss,
        right=as_text(right),
        validation_accuracy=checked.accuracy,
        validation_loss=checked.log_loss,
        curve=" ".join(f"{value:.4f}" for value in curve),
        best_epoch=best_epoch,
        image_size=size,
        seconds=watch.seconds,
        cpu_seconds=watch.cpu_seconds,
    )
    return asdict(result) | {"base": backbones.DEFAULT, "data": source_of(task.test)}


# --- the four steps -------------------------------------------------------------------------------------

Predict = Callable[[pd.DataFrame], np.ndarray]
Found = tuple[Predict, list[float], int, runtime.Stopwatch]  # curve and best epoch are of validation


def _from_scratch(
    task: Task, epochs: int, patience: int, augmenter: augment.Augmenter | None, seed: int
) -> Found:
    """Train a small network on pictures alone, and keep the weights with the lowest validation loss."""
    rng = np.random.default_rng(seed)
    large = _pictures(task.train, 2 * SCRATCH_SIZE)  # so that zooming in has something to show
    shown = _pictures(task.train, SCRATCH_SIZE)
    validation = _pictures(task.val, SCRATCH_SIZE), _targets(task.val)
    model = networks.from_scratch(networks.AVERAGED, SCRATCH_SIZE, len(CLASSES))
    transfer.compile_classifier(model, SCRATCH_RATE)
    losses: list[float] = []
    curve: list[float] = []
    best = model.get_weights()
    with runtime.Stopwatch() as watch:
        for _ in range(epochs):
            if augmenter:
                shown = np.stack([augmenter(picture, rng, SCRATCH_SIZE) for picture in large])
            batch_size = min(BATCH_SIZE, len(shown))
            model.fit(shown.astype(np.float32), _targets(task.train), batch_size, verbose=0)
            found = model.evaluate(*validation, batch_size=len(validation[1]), verbose=0, return_dict=True)
            if found["loss"] < min(losses, default=np.inf):
                best = model.get_weights()
            losses.append(found["loss"])
            curve.append(found["accuracy"])
            if len(losses) - int(np.argmin(losses)) > patience:
                break
    model.set_weights(best)
    best_epoch = int(np.argmin(losses)) + 1
    return lambda part: features.outputs_of(model, _pictures(part, SCRATCH_SIZE)), curve, best_epoch, watch


def _with_transfer(task: Task, fine_tunes: bool, seed: int) -> Found:
    """Solve a head on bottleneck features; then go on with the base unfrozen, if that is asked for."""
    base = backbones.load(image_size=task.image_size)
    lower, upper = features.split_base(base, task.from_layer) if task.from_layer else (None, base)

    def inputs(part: pd.DataFrame) -> np.ndarray:
        return (
            features.outputs_of(lower, part["path"].tolist()) if lower else _pictures(part, task.image_size)
        )

    with runtime.Stopwatch() as watch:
        learnt = inputs(task.train)
        bottleneck = features.outputs_of(upper, learnt).mean(axis=(1, 2))
        head = transfer.logistic_regression_head(bottleneck, task.train["label"].to_numpy())
        layers = keras.layers
        classifier = layers.Dense(1, activation="sigmoid")
        top = [layers.GlobalAveragePooling2D(), layers.Dropout(0.2, seed=seed), classifier]
        model = keras.Sequential([keras.Input(upper.input_shape[1:]), upper, *top])
        classifier.set_weights([head.coef_.T, head.intercept_])
        if fine_tunes:
            transfer.unfreeze(base, task.from_layer)
            transfer.compile_classifier(model, task.learning_rate)
            model.fit(learnt, _targets(task.train), task.batch_size, task.epochs, verbose=0)
    return lambda part: features.outputs_of(model, inputs(part)), [], 0, watch


# --- what they learn from -------------------------------------------------------------------------------


def _task(name: str, seed: int) -> Task:
    if name == DRAWN_PETS:
        # The first 440 are those that lesson 5 draws: with seed 0 it learns from the same 40.
        pets = datasets.draw_pets(400 + FEW * SEEDS[name], seed=0, size=2 * SCRATCH_SIZE)
        turn = pets.groupby("label").cumcount()
        val, test = pets[turn.between(20, 69)], pets[turn.between(70, 219)]
        first = 200 + FEW // 2 * seed if seed else 0
        few = pets[turn.between(first, first + FEW // 2 - 1)]
        return Task(few, val, test, SCRATCH_SIZE, None, 3e-4, 16, FEW // 2)
    data = datasets.load_dog_cat()
    if data.attrs["source"] == "drawn pets":
        raise checks.CourseError(NO_PHOTOS)
    train, val, test = splits.split(data, fractions=(0.8, 0.1, 0.1), seed=0)
    return Task(train, val, test, 224, FROM_LAYER, 1e-5, 3, BATCH_SIZE)


@lru_cache(maxsize=8)
def _read(paths: tuple[str, ...], image_size: int) -> np.ndarray:
    return images.read_many(paths, image_size)


def _pictures(part: pd.DataFrame, image_size: int) -> np.ndarray:
    return _read(tuple(part["path"]), image_size)


def _targets(part: pd.DataFrame) -> np.ndarray:
    return augment.targets_of(part["label"], CLASSES)


# --- what is read from the results ----------------------------------------------------------------------


def results(path: Path | str = RESULTS) -> pd.DataFrame:
    """Read results, one row a task, step and seed, in this order; the course's own if no file is named.

    Example:
        >>> kept = staircase.results()
        >>> kept["step"].unique().tolist()
        ['from scratch', 'from scratch, augmented', 'head on features', 'fine-tuned']

    See also: `curves` and `right`, for what is kept as text; `run`, which measures them.
    """
    kept = experiments.read(path, text=["right", "curve"])
    if kept.empty:
        return kept
    checks.table(kept, "task", "step", "seed", name="kept")
    places = {name: place for place, name in enumerate(TASKS + STEPS)}
    order = kept.sort_values(["task", "step", "seed"], key=lambda column: column.map(places).fillna(column))
    return order.reset_index(drop=True)


def curves(kept: pd.DataFrame, task: str, step: str) -> np.ndarray:
    """Return the validation accuracy after each epoch from scratch, `(seeds, epochs)`: those that all had.

    Args:
        kept: of `results`.
        task: one of `TASKS`.
        step: "from scratch" or "from scratch, augmented".

    Raises:
        ValueError: the results have no such runs.

    Example:
        >>> staircase.curves(staircase.results(), "photos", "from scratch").shape
        (3, 34)
    """
    found = [[float(value) for value in run["curve"].split()] for run in _runs(kept, task, step)]
    return np.array([curve[: min(map(len, found))] for curve in found])


def right(kept: pd.DataFrame, task: str, step: str, seed: int = 0) -> np.ndarray:
    """Return which test pictures a run got right, bool `(n,)`, in the order of the test part.

    Args:
        kept: of `results`.
        task: one of `TASKS`.
        step: one of `STEPS`.
        seed: of the run.

    Raises:
        ValueError: the results have no such run.

    Example:
        >>> staircase.right(staircase.results(), "photos", "from scratch").shape
        (140,)
    """
    runs = {run["seed"]: run for run in _runs(kept, task, step)}
    checks.choice("seed", seed, tuple(runs))
    return from_text(runs[seed]["right"], runs[seed]["n_test"])


def _runs(kept: pd.DataFrame, task: str, step: str) -> list[dict]:
    checks.table(kept, "task", "step", "seed", "curve", "right", "n_test", name="kept")
    checks.choice("task", task, TASKS)
    checks.choice("step", step, STEPS)
    rows = kept[(kept["task"] == task) & (kept["step"] == step)].sort_values("seed")
    if rows.empty:
        raise checks.CourseError(f"kept has no '{step}' on {task}. Let python -m helpers staircase run.")
    return rows.to_dict("records")
