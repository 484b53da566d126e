"""Strategy by size of the training set, by domain, by seed: the tutorial's figure 5 as an experiment.

Each cell of the grid trains one classifier and scores it on held-out pictures that no choice was
made on. Fine-tuning never runs the frozen blocks: their output is computed once and kept, and only
the last blocks are trained on it.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product

import cv2
import numpy as np
import pandas as pd
from scipy import stats
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from . import backbones, evaluate, images, runtime, splits, transfer

with runtime.quiet_libraries:
    import keras
    import tensorflow as tf
    from keras import layers

HEAD_ONLY, FINE_TUNE, FROM_SCRATCH = STRATEGIES = ("head only", "fine-tune", "from scratch")

PHOTOS, DIGITS = "dogs and cats", "digits"  # the domain near to ImageNet, and the one far from it

# The tutorial's figure 5. Where it recommends no transfer learning at all, training from scratch is left.
ADVICE = {
    (PHOTOS, "small"): HEAD_ONLY,
    (PHOTOS, "large"): FINE_TUNE,
    (DIGITS, "small"): FROM_SCRATCH,
    (DIGITS, "large"): FROM_SCRATCH,
}

IMAGE_SIZE = 96
HELD_OUT = 0.3  # share of a domain's pictures on which every cell is scored
BATCH_SIZE = 32


@dataclass(frozen=True)
class Recipe:
    """How a strategy trains: fixed beforehand, the same in both domains and for all sizes.

    A small training set is passed over more often, until `steps` batches were seen: forty pictures
    make two batches, and ten epochs of two steps train little.
    """

    learning_rate: float  # Adam's
    epochs: int
    steps: int

    def epochs_for(self, n_train: int) -> int:
        """Return the passes over `n_train` pictures: `epochs`, or as many as `steps` batches take."""
        batches = -(-n_train // BATCH_SIZE)
        return max(self.epochs, -(-self.steps // batches))


# Learning rates: for each strategy the best of three (1e-4, 3e-4, 1e-3 for fine-tuning; 3e-4, 1e-3, 3e-3
# from scratch), by the mean validation accuracy over both domains and sizes, one seed each, validated
# within the pool. Epochs: as many as a lesson's minutes allow. A head alone is solved for.
RECIPES = {
    FINE_TUNE: Recipe(learning_rate=1e-3, epochs=4, steps=40),  # after the warm-up
    FROM_SCRATCH: Recipe(learning_rate=3e-4, epochs=8, steps=100),
}


@dataclass(frozen=True)
class Domain:
    """Pictures with their labels, divided once: a pool to train from, and a held-out part.

    Attributes:
        name: such as "dogs and cats".
        pictures: uint8 `(n, size, size, 3)`, RGB, 0-255.
        labels: n names.
        pool, held_out: row numbers; no row is in both.
    """

    name: str
    pictures: np.ndarray
    labels: np.ndarray
    pool: np.ndarray
    held_out: np.ndarray

    @property
    def classes(self) -> list[str]:
        """The classes' names, sorted."""
        return sorted(set(self.labels.tolist()))

    def only(self, classes: Sequence[str], name: str) -> "Domain":
        """Return the part of this domain that has these classes."""
        chosen = np.isin(self.labels, list(classes))
        number = np.cumsum(chosen) - 1  # each row's number among the chosen ones
        pool, held_out = (number[rows[chosen[rows]]] for rows in (self.pool, self.held_out))
        return Domain(name, self.pictures[chosen], self.labels[chosen], pool, held_out)

    def targets(self) -> np.ndarray:
        """Return the labels as Keras wants them: `(n,)` of 0 and 1, one-hot for more than two classes."""
        numbers = np.searchsorted(self.classes, self.labels)
        if len(self.classes) == 2:
            return numbers.astype(np.float32)
        return np.eye(len(self.classes), dtype=np.float32)[numbers]

    def training_rows(self, n_train: int, seed: int) -> np.ndarray:
        """Draw `n_train` rows of the pool, each class by its share; the same seed draws the same rows.

        Raises:
            ValueError: fewer rows than classes, or so many that the pool has none of a class left.
        """
        fewest, most = len(self.classes), len(self.pool) - len(self.classes)
        if not fewest <= n_train <= most:
            raise ValueError(
                f"{n_train} training pictures cannot be drawn from the {len(self.pool)} of '{self.name}'. "
                f"Choose a number from {fewest} to {most}."
            )
        rows, _ = train_test_split(
            self.pool, train_size=n_train, stratify=self.labels[self.pool], random_state=seed
        )
        return rows


def photo_domain(data: pd.DataFrame, name: str = PHOTOS, image_size: int = IMAGE_SIZE) -> Domain:
    """Read a table of pictures (columns `path` and `label`) as a domain; near-duplicates stay together."""
    parts = splits.split(data.reset_index(drop=True), (1 - HELD_OUT, HELD_OUT), seed=0)
    pool, held_out = (part.index.to_numpy() for part in parts)
    pictures = images.read_many(data["path"], image_size)
    return Domain(name, pictures, data["label"].to_numpy(str), pool, held_out)


def digit_domain(image_size: int = IMAGE_SIZE) -> Domain:
    """Return scikit-learn's 1,797 handwritten digits of 8×8 pixels, enlarged, grey in all three channels.

    E. Alpaydin and C. Kaynak, 1998, "Optical Recognition of Handwritten Digits", UCI Machine
    Learning Repository, doi:10.24432/C50P49.
    """
    digits = load_digits()
    grey = [
        cv2.resize(digit * (255 / 16), (image_size, image_size), interpolation=cv2.INTER_CUBIC)
        for digit in digits.images
    ]
    pictures = np.stack([np.clip(grey, 0, 255).round().astype(np.uint8)] * 3, axis=-1)
    labels = digits.target.astype(str)
    pool, held_out = train_test_split(
        np.arange(len(labels)), test_size=HELD_OUT, stratify=labels, random_state=0
    )
    return Domain(DIGITS, pictures, labels, pool, held_out)


@dataclass(frozen=True)
class Bottleneck:
    """A domain as a base network sees it, computed once.

    Attributes:
        last_blocks: the layers from the cut on, `(n, h, w, c)` activations to a feature map. Cells
            train copies of it.
        activations: float32 `(n, h, w, c)`, each picture's at the cut.
        features: float32 `(n, d)`, the feature map averaged over all places.
        seconds_a_picture: what the frozen part took, and the last blocks.
    """

    last_blocks: keras.Model
    activations: np.ndarray
    features: np.ndarray
    seconds_a_picture: tuple[float, float]


def bottleneck(domain: Domain, base: keras.Model, from_layer: str = "block7a_expand_conv") -> Bottleneck:
    """Run a base network over a domain's pictures, and keep what fine-tuning from a layer on needs.

    Args:
        domain: pictures of the size that `base` takes.
        base: of `backbones.load`.
        from_layer: the first layer to be trained. All that is computed passes through its input:
            a block's first layer, where no shortcut leads past it.
    """
    frozen, last_blocks = transfer.split_base(base, from_layer)
    activations, first_part = _outputs(frozen, domain.pictures, f"{domain.name}: frozen blocks")
    maps, second_part = _outputs(last_blocks, activations, f"{domain.name}: last blocks")
    n = len(domain.pictures)
    return Bottleneck(last_blocks, activations, maps.mean(axis=(1, 2)), (first_part / n, second_part / n))


def _outputs(model: keras.Model, inputs: np.ndarray, description: str) -> tuple[np.ndarray, float]:
    """Return the model's outputs in inference mode and the seconds they took, tracing left out."""

    @tf.function(reduce_retracing=True)
    def forward(batch: tf.Tensor) -> tf.Tensor:
        return model(tf.cast(batch, tf.float32), training=False)

    forward(inputs[:BATCH_SIZE])
    start = time.perf_counter()
    starts = runtime.progress(range(0, len(inputs), BATCH_SIZE), description)
    outputs = [forward(inputs[i : i + BATCH_SIZE]).numpy() for i in starts]
    return np.concatenate(outputs), time.perf_counter() - start


def small_cnn(image_size: int, n_classes: int, seed: int) -> keras.Model:
    """Build the network that learns from scratch: three convolutions and a dense layer.

    It is small on purpose: with 640 pictures and nothing learnt before, a network of millions of
    weights has less of a chance.

    Returns:
        A model: RGB `(n, image_size, image_size, 3)`, 0-255, to probabilities `(n, 1)` for two
        classes, `(n, n_classes)` for more.
    """
    keras.utils.set_random_seed(seed)
    units, activation = (1, "sigmoid") if n_classes == 2 else (n_classes, "softmax")
    blocks = []
    for channels, kernel_size, stride in ((32, 8, 4), (64, 3, 2), (128, 3, 2)):
        blocks += [
            layers.Conv2D(channels, kernel_size, stride, padding="same", use_bias=False),
            # Momentum 0.9 for Keras's 0.99: its running statistics must settle within 100 steps.
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
        ]
    # Flattened, not averaged: a digit's strokes are told apart by where they are. With averaging, 40
    # digits gave 0.63 on validation, with flattening 0.78.
    return keras.Sequential(
        [
            keras.Input((image_size, image_size, 3)),
            layers.Rescaling(1 / 127.5, -1.0),
            *blocks,
            layers.Flatten(name="features"),
            layers.Dropout(0.2, seed=seed),
            layers.Dense(units, activation=activation),
        ],
        name="small_cnn",
    )


@dataclass(frozen=True)
class Cell:
    """One trained and scored classifier.

    Attributes:
        accuracy: share of the held-out pictures that got their own class, 0-1.
        log_loss: of the held-out pictures, in nats.
        trainable: how many weights were trained.
        seconds: training, with the frozen part's pass over the training pictures; prediction left out.
        images_seen: training pictures times epochs.
    """

    strategy: str
    domain: str
    n_train: int
    seed: int
    accuracy: float
    log_loss: float
    trainable: int
    seconds: float
    images_seen: int


def run_cell(strategy: str, domain: Domain, kept: Bottleneck, n_train: int, seed: int) -> Cell:
    """Train one classifier by one strategy and score it on the domain's held-out part.

    Args:
        strategy: one of `STRATEGIES`.
        domain: where the pictures come from.
        kept: of `bottleneck`, for the same domain. It is read, never changed.
        n_train: number of training pictures.
        seed: of the choice of pictures, the first weights, the order of batches, and dropout.

    Raises:
        ValueError: an unknown strategy, or a number of pictures that the domain does not have.
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"There is no strategy '{strategy}'. Choose one of {', '.join(STRATEGIES)}.")
    rows = domain.training_rows(n_train, seed)
    train = {HEAD_ONLY: _head_only, FINE_TUNE: _fine_tune, FROM_SCRATCH: _from_scratch}[strategy]
    start = time.perf_counter()
    model, inputs, epochs = train(domain, kept, rows, seed)
    seconds = time.perf_counter() - start
    if strategy != FROM_SCRATCH:
        seconds += n_train * sum(kept.seconds_a_picture)
    report = _score(model, inputs, domain)
    return Cell(
        strategy,
        domain.name,
        n_train,
        seed,
        report.accuracy,
        report.log_loss,
        int(transfer.count_weights(model)["trainable"]),
        seconds,
        n_train * epochs,
    )


def _score(model: keras.Model, inputs: np.ndarray, domain: Domain) -> evaluate.Report:
    outputs = _predict(model, inputs[domain.held_out])
    probabilities = np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs
    return evaluate.score(probabilities, domain.labels[domain.held_out], domain.classes)


def _predict(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    # Called once a model, so that tracing, as `Model.predict` does it, would take longer than it saves.
    starts = range(0, len(inputs), 256)
    return np.concatenate([model(inputs[i : i + 256], training=False).numpy() for i in starts])


def _head_only(domain: Domain, kept: Bottleneck, rows: np.ndarray, seed: int):
    """Each strategy returns its model, all inputs for that model, and the epochs it trained for."""
    classifier, epochs = _warmed_up(domain, kept, rows, seed, kept.last_blocks)
    return transfer.head_of(classifier), kept.features, epochs


def _fine_tune(domain: Domain, kept: Bottleneck, rows: np.ndarray, seed: int):
    last_blocks = keras.models.clone_model(kept.last_blocks)
    last_blocks.set_weights(kept.last_blocks.get_weights())
    classifier, warm_up_epochs = _warmed_up(domain, kept, rows, seed, last_blocks)
    transfer.unfreeze(last_blocks)
    epochs = _fit(classifier, kept.activations[rows], domain.targets()[rows], RECIPES[FINE_TUNE], seed)
    return classifier, kept.activations, warm_up_epochs + epochs


def _warmed_up(domain: Domain, kept: Bottleneck, rows: np.ndarray, seed: int, last_blocks: keras.Model):
    """Return a classifier of activations at the cut whose head is trained, and the epochs it took.

    The head is one dense layer, its loss convex: logistic regression finds the same minimum as Adam
    would after many epochs, in a fraction of the time. Its settings are scikit-learn's defaults.
    """
    classifier = transfer.build_classifier(last_blocks, domain.classes, seed=seed)
    solved = _logistic_regression(kept.features[rows], domain.labels[rows])
    classifier.get_layer("classifier").set_weights([solved.coef_.T, solved.intercept_])
    return classifier, int(solved.n_iter_[0])


def _logistic_regression(features: np.ndarray, labels: np.ndarray) -> LogisticRegression:
    # One thread: matrices as small as these take 30 times as long where two threads wait for each other
    # and for TensorFlow's.
    with threadpool_limits(1):
        return LogisticRegression(max_iter=1000).fit(features, labels)


def _from_scratch(domain: Domain, kept: Bottleneck, rows: np.ndarray, seed: int):
    model = small_cnn(domain.pictures.shape[1], len(domain.classes), seed)
    epochs = _fit(model, domain.pictures[rows], domain.targets()[rows], RECIPES[FROM_SCRATCH], seed)
    return model, domain.pictures, epochs


def _fit(model: keras.Model, inputs: np.ndarray, targets: np.ndarray, recipe: Recipe, seed: int) -> int:
    epochs = recipe.epochs_for(len(inputs))
    pictures = tf.data.Dataset.from_tensor_slices((inputs, targets)).shuffle(len(inputs), seed=seed)
    transfer.compile_classifier(model, recipe.learning_rate)
    # All epochs in one: what Keras does between epochs would take longer than an epoch of two batches.
    model.fit(pictures.batch(BATCH_SIZE).repeat(epochs).prefetch(2), shuffle=False, verbose=0)
    return epochs


def run_grid(
    domains: Sequence[tuple[Domain, Bottleneck]],
    sizes: Sequence[int],
    seeds: Mapping[str, int],
) -> pd.DataFrame:
    """Run every strategy in `seeds` on every domain and size, with the seeds 0, 1, …; one row a `Cell`."""
    cells = [
        (strategy, domain, kept, n_train, seed)
        for (domain, kept), n_train, strategy in product(domains, sizes, seeds)
        for seed in range(seeds[strategy])
    ]
    return pd.DataFrame([asdict(run_cell(*cell)) for cell in runtime.progress(cells, "training")])


def summarise(grid: pd.DataFrame) -> pd.DataFrame:
    """Average the seeds: one row a (domain, n_train, strategy), in the grid's order.

    Returns:
        Columns `accuracy`, `spread` (standard deviation of the accuracy over seeds), `log_loss`,
        `seconds`, `trainable`, `images_seen`, `seeds`.
    """
    cells = grid.groupby(["domain", "n_train", "strategy"], sort=False)
    return cells.agg(
        accuracy=("accuracy", "mean"),
        spread=("accuracy", "std"),
        log_loss=("log_loss", "mean"),
        seconds=("seconds", "mean"),
        trainable=("trainable", "first"),
        images_seen=("images_seen", "first"),
        seeds=("seed", "size"),
    ).reset_index()


def difference(grid: pd.DataFrame, domain: str, n_train: int, one: str, other: str) -> tuple[float, float]:
    """Return how much more accurate one strategy is than another, and how sure that is.

    Seeds are compared one by one, since both strategies had the same training pictures.

    Returns:
        The mean of the differences; the half-width of its 95 % interval (Student, 1908). A
        mean smaller than that may be chance.
    """
    cells = grid[(grid["domain"] == domain) & (grid["n_train"] == n_train)]
    accuracy = cells.pivot(index="seed", columns="strategy", values="accuracy")
    differences = (accuracy[one] - accuracy[other]).dropna()
    half_width = stats.t.ppf(0.975, len(differences) - 1) * differences.sem()
    return float(differences.mean()), float(half_width)


def verdicts(grid: pd.DataFrame) -> pd.DataFrame:
    """Hold the tutorial's figure 5 against a grid: one row a box.

    The smallest training set is "small", the largest "large". The advised strategy is compared
    with its best rival: the box `agrees` or `disagrees` where the lead is outside its margin of
    chance (see `difference`), and is `undecided` within it.

    Returns:
        Columns `domain`, `size`, `n_train`, `advised`, `rival`, `lead` (of the advised strategy, negative
        where it is behind), `margin`, `verdict`.
    """
    rows = []
    sizes = {"small": grid["n_train"].min(), "large": grid["n_train"].max()}
    for (domain, size), advised in ADVICE.items():
        cells = grid[(grid["domain"] == domain) & (grid["n_train"] == sizes[size])]
        rival = cells.groupby("strategy")["accuracy"].mean().drop(advised).idxmax()
        lead, margin = difference(grid, domain, sizes[size], advised, rival)
        verdict = "agrees" if lead > margin else "disagrees" if lead < -margin else "undecided"
        rows.append((domain, size, sizes[size], advised, rival, lead, margin, verdict))
    columns = ["domain", "size", "n_train", "advised", "rival", "lead", "margin", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def random_features(domain: Domain, seed: int = 0) -> np.ndarray:
    """Return the features of the default base network with random weights: of a model that learnt nothing."""
    keras.utils.set_random_seed(seed)
    base = backbones.load(image_size=domain.pictures.shape[1], weights=None)
    return bottleneck(domain, base).features


def small_cnn_features(teacher: Domain, n_train: int, pupil: Domain, seed: int) -> tuple[np.ndarray, float]:
    """Train the small network on one domain, and return its features of another's pictures.

    Args:
        teacher: what model A learns from.
        n_train: how many of its pictures; 0 leaves the first, random weights.
        pupil: whose pictures are looked at.
        seed: of the first weights and of the choice of pictures.

    Returns:
        float32 features `(n, d)` of all of the pupil's pictures; model A's own accuracy on the
        teacher's held-out part, 0-1.
    """
    model = small_cnn(teacher.pictures.shape[1], len(teacher.classes), seed)
    if n_train:
        rows = teacher.training_rows(n_train, seed)
        _fit(model, teacher.pictures[rows], teacher.targets()[rows], RECIPES[FROM_SCRATCH], seed)
    below_head = keras.Model(model.inputs[0], model.get_layer("features").output)
    return _predict(below_head, pupil.pictures), _score(model, teacher.pictures, teacher).accuracy


def head_scores(domain: Domain, features: np.ndarray, n_train: int, seeds: int) -> np.ndarray:
    """Score heads trained on any features: logistic regression after centring and scaling.

    Networks of different kinds give features of very different size. Brought to one scale, as a
    whole and not column by column, each kind has the same chance.

    Returns:
        float array `(seeds,)`: held-out accuracy for each of the seeds 0, 1, …
    """
    scores = []
    for seed in range(seeds):
        rows = domain.training_rows(n_train, seed)
        centre = features[rows].mean(axis=0)
        scaled = (features - centre) / (features[rows] - centre).std()
        head = _logistic_regression(scaled[rows], domain.labels[rows])
        scores.append(head.score(scaled[domain.held_out], domain.labels[domain.held_out]))
    return np.array(scores)
