"""The autopsy: the tutorial's recipe as it is written, then its mistakes mended one at a time.

Each step of `CHANGES` mends one mistake and keeps what was mended before. Eight further mistakes touch
nothing that is trained or measured here (a rotation that is switched off, the order of a sheet of
pictures …); lesson 6 shows those without training.
"""

import warnings
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from .. import augment, backbones, checks, datasets, features, images, runtime, transfer
from ..framework import keras
from . import experiments
from .domains import NO_PHOTOS, source_of
from .paired import half_width

RESULTS = experiments.RESULTS / "autopsy.csv"
GAP_RESULTS = experiments.RESULTS / "autopsy_gap.csv"
MAKER = "python -m helpers autopsy"
IMAGE_SIZE, FULL_SIZE = 80, 224  # the tutorial's 224 would take hours; only the last step has it
BATCH_SIZE = 32
SEEDS = 5
VALIDATION_SHARE = 0.25  # the tutorial's, and scikit-learn's default
AUGMENTER = augment.Augmenter(zoom_range=(0.5, 1.0), brightness_range=(0.8, 1.0))  # the tutorial's
FINE_TUNING_EPOCHS = 5  # the tutorial's, after one of warm-up


@dataclass(frozen=True)
class Recipe:
    """How the tutorial trains; the defaults are its mistakes.

    Attributes:
        preprocesses: pixels are scaled to what the base network was trained on.
        pooling: between base and head, as `transfer.build_classifier` has it.
        compiles_again: after the trainable flags were changed.
        trains_batch_norm: unfrozen batch normalisation uses each batch's statistics, and updates its own.
        learning_rate: Adam's, in fine-tuning. The warm-up has 0.001.
        solves_head: the course's warm-up instead: nothing augmented, the head trained to its end.
        image_size: pixels a side.
    """

    preprocesses: bool = False
    pooling: str = "flatten"
    compiles_again: bool = False
    trains_batch_norm: bool = True
    learning_rate: float = 1e-3
    solves_head: bool = False
    image_size: int = IMAGE_SIZE


AS_WRITTEN = "as written"
VALIDATION = ("validation photos not augmented", "incomplete batches kept")  # the same model, measured anew

# What is trained at each step: its name -> what it changes, beside what the steps before it changed.
CHANGES: dict[str, dict[str, Any]] = {
    AS_WRITTEN: {},
    "pixels scaled for the base network": {"preprocesses": True},
    "average pooling, not Flatten": {"pooling": "average"},
    "compiled again: the base is trained": {"compiles_again": True},
    "batch normalisation kept frozen": {"trains_batch_norm": False},
    "learning rate 0.00001, not 0.001": {"learning_rate": 1e-5},
    "head trained to its end instead": {"solves_head": True},
    "224 pixels, not 80": {"image_size": FULL_SIZE},
}


def recipe_at(step: str) -> Recipe:
    """Return the recipe in which everything up to `step`, a key of `CHANGES`, is mended."""
    checks.choice("step", step, CHANGES)
    recipe = Recipe()
    for name in list(CHANGES)[: list(CHANGES).index(step) + 1]:
        recipe = replace(recipe, **CHANGES[name])
    return recipe


@dataclass(frozen=True)
class StepResult:
    """What a step reached.

    Attributes:
        as_the_tutorial_measures: accuracy on validation photos that are augmented, the incomplete batch
            left out, 0-1.
        not_augmented: on the same photos as they are.
        accuracy: on all validation photos.
        training_accuracy: of the last epoch, as Keras prints it; NaN for the last step.
        base_changed: whether training changed a weight of the base.
        seconds, cpu_seconds: of building and training, by the clock and of the processor.
    """

    as_the_tutorial_measures: float
    not_augmented: float
    accuracy: float
    training_accuracy: float
    base_changed: bool
    seconds: float
    cpu_seconds: float


def run(path: Path | str = RESULTS, workers: int | None = None) -> None:
    """Run what is missing of the autopsy, and of its gap beside it (`…_gap.csv`); see `experiments.run`.

    A network whose weights are out of reach is left out, and named.
    """
    cells = [{"step": step, "seed": seed} for seed in range(SEEDS) for step in CHANGES]
    experiments.run(cells, path, measure, workers, "autopsy")
    path, names = runtime.path_of(path), ("network", "suspects", "epochs", "seed")
    loads = {name: partial(backbones.load, **of) for name, of in NETWORKS.items()}
    there = [name for name, load in loads.items() if experiments.is_there(name, load)]
    trainings = [training for training in GAP_TRAININGS if training[0] in there]
    cells = [dict(zip(names, (*training, seed))) for seed in range(SEEDS) for training in trainings]
    experiments.run(cells, path.with_stem(f"{path.stem}_gap"), measure_gap, workers, "the gap")


def measure(cell: experiments.Cell) -> experiments.Record:
    """Train and validate one step with one seed.

    Raises:
        ValueError: an unknown step, or the photos are out of reach.
    """
    recipe, seed = recipe_at(cell["step"]), int(cell["seed"])
    data, train, validation = _photos(seed)
    result = (
        our_recipe(recipe.image_size, data, train, validation)
        if recipe.solves_head
        else tutorials_recipe(recipe, data, train, validation, seed)
    )
    return asdict(result) | {
        "base": backbones.DEFAULT,
        "image_size": recipe.image_size,
        "data": source_of(data),
    }


def _photos(seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return the photos, which rows to train on, and which to validate on."""
    data = datasets.load_dog_cat()
    if data.attrs["source"] == "drawn pets":
        raise checks.CourseError(NO_PHOTOS)
    # The tutorial's call, less its lack of a seed: 1,049 photos to train on, 350 to validate on.
    train, validation = train_test_split(
        np.arange(len(data)), test_size=VALIDATION_SHARE, stratify=data["label"], random_state=seed
    )
    return data, train, validation


def our_recipe(image_size: int, data: pd.DataFrame, train: np.ndarray, validation: np.ndarray) -> StepResult:
    """Solve a head on bottleneck features: lesson 4's warm-up, to its end."""
    checks.table(data, "path", "label")
    with runtime.Stopwatch() as watch:
        found = features.extract(backbones.load(image_size=image_size), data, keep=False)
        head = transfer.logistic_regression_head(found[train], data["label"].iloc[train])
    accuracy = head.score(found[validation], data["label"].iloc[validation])
    nan = float("nan")
    return StepResult(nan, nan, accuracy, nan, False, watch.seconds, watch.cpu_seconds)


def tutorials_recipe(
    recipe: Recipe, data: pd.DataFrame, train: np.ndarray, validation: np.ndarray, seed: int
) -> StepResult:
    """Train one epoch of warm-up and five of fine-tuning, with the mistakes that `recipe` still has."""
    checks.table(data, "path", "label")
    pictures = _pictures(tuple(data["path"]), 2 * recipe.image_size)
    targets = (data["label"] == "dog").to_numpy(np.float32)
    rng = np.random.default_rng(seed)
    runtime.seed_everything(seed)

    def augmented(rows: np.ndarray) -> np.ndarray:
        return _augmented(pictures[rows], AUGMENTER, rng, recipe.image_size)

    def accuracy(inputs: np.ndarray, rows: np.ndarray) -> float:
        return _accuracy(features.outputs_of(model, inputs), targets[rows])

    def epoch() -> float:
        # In training a dropped batch costs little: other photos are left out of the next epoch.
        rows = _full_batches(rng.permutation(train))
        return _epoch(model, augmented(rows), targets[rows])

    with runtime.Stopwatch() as watch, warnings.catch_warnings():
        # Keras 3 notices, with a warning, that flags were changed after compiling.
        warnings.filterwarnings("ignore", message=".*trainable.*")
        base = backbones.load(image_size=recipe.image_size, preprocess=recipe.preprocesses)
        model = transfer.build_classifier(
            base, ("cat", "dog"), dropout=0, l2=0, pooling=recipe.pooling, seed=seed
        )
        before = base.get_weights()
        transfer.compile_classifier(model, 1e-3)
        transfer.freeze(base)
        if recipe.compiles_again:
            transfer.compile_classifier(model, 1e-3)
        epoch()
        transfer.unfreeze(base, batch_norm_training=recipe.trains_batch_norm)
        if recipe.compiles_again:
            transfer.compile_classifier(model, recipe.learning_rate)
        training_accuracy = [epoch() for _ in range(FINE_TUNING_EPOCHS)][-1]
    changed = any(not np.array_equal(*pair) for pair in zip(before, base.get_weights()))

    whole = [images.fit(pictures[row], recipe.image_size) for row in validation]
    whole = np.stack(whole).astype(np.float32)
    filled = _full_batches(validation)
    return StepResult(
        accuracy(augmented(filled), filled),
        accuracy(whole[: len(filled)], filled),
        accuracy(whole, validation),
        training_accuracy,
        changed,
        watch.seconds,
        watch.cpu_seconds,
    )


@lru_cache(maxsize=1)
def _pictures(paths: tuple[str, ...], image_size: int) -> np.ndarray:
    """Read photos at a larger size than is trained on, so that zooming in has something to show."""
    return images.read_many(paths, image_size)


def _full_batches(rows: np.ndarray) -> np.ndarray:
    return rows[: len(rows) // BATCH_SIZE * BATCH_SIZE]


def _augmented(
    pictures: np.ndarray, augmenter: augment.Augmenter, rng: np.random.Generator, image_size: int
) -> np.ndarray:
    return np.stack([augmenter(picture, rng, image_size) for picture in pictures]).astype(np.float32)


def _accuracy(outputs: np.ndarray, targets: np.ndarray) -> float:
    return float(((outputs[:, 0] > 0.5) == targets).mean())


def _epoch(model: keras.Model, inputs: np.ndarray, targets: np.ndarray) -> float:
    """Train an epoch; return the accuracy that Keras prints: its mean over the epoch, while it learns."""
    history = model.fit(inputs, targets, batch_size=BATCH_SIZE, shuffle=False, verbose=0)
    return history.history["accuracy"][-1]


def waterfall(results: pd.DataFrame) -> pd.DataFrame:
    """Put the steps in order, one row a step: what it reaches, and what it adds to the step before.

    Args:
        results: of `run`.

    Returns:
        Index: the step. Columns `accuracy`, `spread` (standard deviation over seeds), `change` to the step
        before, `margin` (half of its 95 % interval, for splits that overlap), `cpu_seconds`, `base_changed`.

    Raises:
        ValueError: a column or a step is missing.

    Example:
        >>> steps = autopsy.waterfall(pd.read_csv(autopsy.RESULTS))
        >>> steps[["accuracy", "change"]].tail(2).round(3)
                                         accuracy  change
        head trained to its end instead     0.906  -0.019
        224 pixels, not 80                  0.989   0.083
    """
    names = "step", "seed", "accuracy", "cpu_seconds", "base_changed"
    checks.table(results, *names, name="results", maker=MAKER)
    if absent := [step for step in CHANGES if step not in set(results["step"])]:
        raise checks.CourseError(
            f"results has no '{absent[0]}'. Let python -m helpers autopsy run to its end first."
        )
    by_seed = results.pivot(index="seed", columns="step", values="accuracy")[list(CHANGES)]
    first = results[results["step"] == AS_WRITTEN].set_index("seed")
    checks.table(first, "as_the_tutorial_measures", "not_augmented", name="results", maker=MAKER)
    measured = pd.DataFrame(
        {
            AS_WRITTEN: first["as_the_tutorial_measures"],
            VALIDATION[0]: first["not_augmented"],
            VALIDATION[1]: first["accuracy"],
        }
    ).join(by_seed.drop(columns=AS_WRITTEN))
    table = measured.agg(["mean", "std"]).T.set_axis(["accuracy", "spread"], axis=1)
    changes = measured.diff(axis=1)
    table["change"] = changes.mean()
    table["margin"] = [_half_width(changes[step].dropna()) for step in measured]
    costs = results.groupby("step").agg({"cpu_seconds": "mean", "base_changed": "any"})
    return table.join(costs)


def _half_width(values: pd.Series) -> float:
    """Return half of a mean's 95 % interval over splits that overlap (C. Nadeau and Y. Bengio, 2003)."""
    return half_width(values) * (1 + len(values) * VALIDATION_SHARE / (1 - VALIDATION_SHARE)) ** 0.5


# --- the gap between training and validation ------------------------------------------------------------

# The tutorial prints 0.86 in training and 0.61 in validation after one epoch, 0.92 and 0.79 after five more.
# What may open such a gap, added to the course's own way with a head; the first three are the tutorial's.
RAW, FLATTEN, ZOOM = "raw pixels", "Flatten", "zoom"
# Frozen batch normalisation that goes by each batch all the same while it trains, as it does in Keras 2.3;
# in inference mode it goes by its running statistics, ImageNet's. These stay, or each batch updates them.
BATCH, UPDATED = "batch statistics", "updated statistics"
TUTORIALS = ", ".join([RAW, FLATTEN, ZOOM])
SUSPECTS = (
    TUTORIALS,
    f"{TUTORIALS}, {BATCH}",
    f"{FLATTEN}, {ZOOM}, {BATCH}",
    f"{RAW}, {BATCH}",
    f"{TUTORIALS}, {UPDATED}",
)
MOBILENET, LITE0 = "MobileNet ¼ at 224 pixels", "EfficientNet-Lite0 at 80 pixels"
NETWORKS: dict[str, dict[str, Any]] = {
    MOBILENET: {"name": "mobilenet", "alpha": 0.25, "image_size": FULL_SIZE},
    LITE0: {"name": backbones.DEFAULT, "image_size": IMAGE_SIZE},
}
GAP_TRAININGS = [  # network, suspects, epochs
    *((network, suspects, 1) for network in NETWORKS for suspects in SUSPECTS),
    *((MOBILENET, suspects, 1 + FINE_TUNING_EPOCHS) for suspects in SUSPECTS[:2]),
]


def measure_gap(cell: experiments.Cell) -> experiments.Record:
    """Train a head on a frozen base under suspects, and measure it in both modes.

    Returns:
        `printed`, the last epoch's accuracy as Keras prints it (while the head learns).
        After it, on as many training as validation photos: `training` and `validation` in inference mode,
        `training_as_trained` and `validation_as_trained` in training mode. All 0-1.

    Raises:
        ValueError: an unknown network or suspect, or the photos are out of reach.
    """
    suspects, seed = cell["suspects"].split(", "), int(cell["seed"])
    checks.choice("network", cell["network"], NETWORKS)
    for suspect in suspects:
        checks.choice("suspects", suspect, (RAW, FLATTEN, ZOOM, BATCH, UPDATED))
    data, train, validation = _photos(seed)
    pictures = _pictures(tuple(data["path"]), FULL_SIZE)
    targets = (data["label"] == "dog").to_numpy(np.float32)
    augmenter = AUGMENTER if ZOOM in suspects else augment.Augmenter()
    rng = np.random.default_rng(seed)
    runtime.seed_everything(seed)

    def shown(rows: np.ndarray) -> np.ndarray:
        return _augmented(pictures[rows], augmenter, rng, base.input_shape[1])

    def as_trained(inputs: np.ndarray) -> np.ndarray:
        batches = np.array_split(inputs, len(inputs) // BATCH_SIZE)
        return np.concatenate([model(batch, training=True) for batch in batches])

    with runtime.Stopwatch() as watch:
        base = backbones.load(**NETWORKS[cell["network"]], preprocess=RAW not in suspects)
        pooling = "flatten" if FLATTEN in suspects else "average"
        model = transfer.build_classifier(base, ("cat", "dog"), dropout=0, l2=0, pooling=pooling, seed=seed)
        transfer.freeze(base)
        for layer in base.layers:
            if isinstance(layer, keras.layers.BatchNormalization) and {BATCH, UPDATED} & set(suspects):
                layer.trainable = True  # otherwise Keras 3 goes by the running statistics
                layer.gamma.trainable = layer.beta.trainable = False
                layer.momentum = 1.0 if BATCH in suspects else layer.momentum  # with 1, those stay
        transfer.compile_classifier(model, 1e-3)
        for _ in range(int(cell["epochs"])):
            rows = _full_batches(rng.permutation(train))
            inputs = shown(rows)
            printed = _epoch(model, inputs, targets[rows])

    unseen = _full_batches(validation)
    parts = {"training": (inputs[: len(unseen)], rows[: len(unseen)]), "validation": (shown(unseen), unseen)}
    found = {name: _accuracy(features.outputs_of(model, x), targets[of]) for name, (x, of) in parts.items()}
    # Last, since it may update the running statistics.
    found |= {f"{name}_as_trained": _accuracy(as_trained(x), targets[of]) for name, (x, of) in parts.items()}
    costs = {"seconds": watch.seconds, "cpu_seconds": watch.cpu_seconds}
    return {"printed": printed} | found | costs | {"data": source_of(data)}


def gaps(results: pd.DataFrame) -> pd.DataFrame:
    """Average the seeds: what training prints, what validation says, and the gap between them.

    Args:
        results: of `run`, its second file.

    Returns:
        Index: network, suspects, epochs. Columns: means of what `measure_gap` measures; `gap`, the mean of
        `printed` less `validation`, its `spread` (standard deviation over seeds) and `margin` (half of its
        95 % interval).

    Raises:
        ValueError: a column is missing.

    Example:
        >>> table = autopsy.gaps(pd.read_csv(autopsy.GAP_RESULTS))
        >>> without_and_with = [(autopsy.LITE0, suspects, 1) for suspects in autopsy.SUSPECTS[:2]]
        >>> table.loc[without_and_with, "gap"].gt(0.1).tolist()  # batch statistics
        [False, True]
    """
    by = ["network", "suspects", "epochs"]
    measured = ["printed", "training", "validation", "training_as_trained", "validation_as_trained"]
    checks.table(results, *by, "seed", *measured, name="results", maker=MAKER)
    groups = results.assign(gap=results["printed"] - results["validation"]).groupby(by)
    table = groups[[*measured, "gap"]].mean()
    table["spread"], table["margin"] = groups["gap"].std(), groups["gap"].agg(_half_width)
    return table.loc[[training for training in GAP_TRAININGS if training in table.index]]
