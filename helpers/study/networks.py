"""The networks of the comparison, and training one of them many times, to its end."""

from dataclasses import dataclass

import numpy as np

from .. import checks, features, runtime, training, transfer
from ..framework import keras, tf

layers = keras.layers

Pictures = tuple[np.ndarray, np.ndarray]  # inputs `(n, …)`, and targets

BATCH_SIZE = 32
# Running statistics must settle within the steps that a training has: Keras's 0.99 takes hundreds.
MOMENTUM = 0.9
LESS_COUNTS_AS_NONE = 0.001  # nats of validation loss: what is nearly 0 creeps lower for thousands of steps


@dataclass(frozen=True)
class Patience:
    """When a training ends: after so many steps without a lower validation loss, or at `most` steps.

    Validation is looked at after `every` so many.
    """

    steps: int
    most: int
    every: int

    def doubled(self) -> "Patience":
        """Return one that waits twice as long, for at most twice as many steps."""
        return Patience(2 * self.steps, 2 * self.most, self.every)


@dataclass(frozen=True)
class Trained:
    """How a training went.

    Attributes:
        steps: that it took.
        best_step: after which the weights that are kept were reached; 0 where they are the first ones.
        start_loss: validation loss before the first step.
        trained_loss: the lowest validation loss after at least one look.
        loss: the lowest validation loss, the start's too where it counts.
        hasty_loss: the lowest that half the patience would have found.
    """

    steps: int
    best_step: int
    start_loss: float
    trained_loss: float
    loss: float
    hasty_loss: float


class EarlyStopping(keras.callbacks.EarlyStopping):
    """Keras's, by the log loss alone; the weights before the first step may be a candidate like any other.

    Keras adds a penalty on weights to the validation loss, too, and that says nothing of new pictures.
    """

    def __init__(self, validation: tf.data.Dataset, patience: int, start_counts: bool):
        super().__init__("val_loss", LESS_COUNTS_AS_NONE, patience, mode="min", restore_best_weights=True)
        self.validation, self.start_counts = validation, start_counts

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Look at validation before the first step."""
        super().on_train_begin(logs)
        loss = self.model.evaluate(self.validation, verbose=0, return_dict=True)["loss"]
        self.start_loss = self._log_loss(loss)
        self.curve: list[float] = []
        if self.start_counts:
            self.best, self.best_weights, self.best_epoch = self.start_loss, self.model.get_weights(), -1

    def get_monitor_value(self, logs: dict) -> float:
        """Return the validation loss without the penalty, and remember it."""
        self.curve.append(self._log_loss(logs["val_loss"]))
        return self.curve[-1]

    def _log_loss(self, loss: float) -> float:
        return float(loss) - float(sum(self.model.losses))


class Trainer:
    """A model that is prepared by TensorFlow once, and set back before each training.

    Preparing it takes longer than many trainings here.

    Args:
        model: a classifier with layers named "dropout" and "classifier".
        scratch: draw all weights anew for each training; else the head's alone, and the others are as given.
        mirrored: show each picture as it is or mirrored, at random.
        start_counts: training may end with the weights that it began with, if none were better.
    """

    def __init__(
        self, model: keras.Model, scratch: bool = False, mirrored: bool = False, start_counts: bool = True
    ):
        self.model, self.scratch, self.mirrored = model, scratch, mirrored
        self.start_counts, self._is_prepared = start_counts, False
        self.first_weights = model.get_weights()
        self._penalty = keras.regularizers.L2(0.0)
        self._penalty.l2 = keras.Variable(0.0, name="penalty")  # what each training may set anew
        model.get_layer("classifier").kernel.regularizer = self._penalty
        transfer.compile_classifier(model, learning_rate=1e-3)
        self._forward = features.forward_of(model, fixed=False)

    def reset(self, seed: int) -> None:
        """Go back to the start: the optimizer, and what was learnt; what starts at random is drawn anew."""
        runtime.seed_everything(seed)  # tf.data mixes by TensorFlow's seed and its own
        for variable in self.model.optimizer.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))
        self.model.get_layer("dropout").seed_generator.state.assign([seed, 0])
        self.model.set_weights(self.first_weights)
        drawn = self.model.layers if self.scratch else [self.model.get_layer("classifier")]
        for number, layer in enumerate(drawn):
            if hasattr(layer, "kernel"):
                start = keras.initializers.GlorotUniform(seed * 1000 + number)
                layer.kernel.assign(start(layer.kernel.shape))

    def prepare(self, train: Pictures, validation: Pictures) -> None:
        """Have TensorFlow trace training and validation, once: seconds that are no part of a training."""
        if not self._is_prepared:
            self.fit(train, validation, Patience(1, 1, 1), learning_rate=1e-3, seed=0)
            self._is_prepared = True

    def penalise_head(self, l2: float) -> None:
        """Train with the penalty λ‖W‖² on the head's weights, see `transfer.build_classifier`."""
        self._penalty.l2.assign(l2)

    def put_head(self, weights: np.ndarray, biases: np.ndarray) -> None:
        """Put a solved head, `(d, outputs)` and `(outputs,)`, in place of the random one: the warm-up."""
        self.model.get_layer("classifier").set_weights([weights, biases])

    def fit(
        self, train: Pictures, validation: Pictures, patience: Patience, learning_rate: float, seed: int
    ) -> Trained:
        """Train until validation says stop, and keep the weights with the lowest validation loss."""
        self.model.optimizer.learning_rate.assign(learning_rate)
        batches = _batches(*train).shuffle(len(train[1]), seed=seed).batch(BATCH_SIZE).repeat()
        if self.mirrored:
            flip = tf.image.random_flip_left_right
            batches = batches.map(lambda pictures, targets: (flip(pictures, seed=seed), targets))
        held = _batches(*validation).batch(BATCH_SIZE)
        stop = EarlyStopping(held, patience.steps // patience.every, self.start_counts)
        history = self.model.fit(
            batches,
            validation_data=held,
            steps_per_epoch=patience.every,
            epochs=patience.most // patience.every,
            callbacks=[stop],
            shuffle=False,
            verbose=0,
        )
        candidates = [stop.start_loss, *stop.curve] if self.start_counts else stop.curve
        return Trained(
            steps=patience.every * len(history.epoch),
            best_step=patience.every * (stop.best_epoch + 1),
            start_loss=stop.start_loss,
            trained_loss=min(stop.curve),
            loss=float(stop.best),
            hasty_loss=_lowest(candidates, patience.steps // patience.every // 2),
        )

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Return the model's outputs `(n, outputs)`."""
        return features.outputs_of(self.model, inputs, self._forward)


def _batches(inputs: np.ndarray, targets: np.ndarray) -> tf.data.Dataset:
    return training.without_autotune(tf.data.Dataset.from_tensor_slices((inputs.astype(np.float32), targets)))


def _lowest(curve: list[float], patience: int) -> float:
    """Return the lowest loss of a curve that early stopping with this patience would have come to."""
    best = 0
    for number, value in enumerate(curve):
        if value < curve[best] - LESS_COUNTS_AS_NONE:
            best = number
        elif number - best >= patience:
            break
    return curve[best]


# --- learning from scratch ------------------------------------------------------------------------------

# From which validation chooses in each domain: the network for it is not known beforehand.
STRIDED, AVERAGED, FLATTENED = ARCHITECTURES = ("strided", "averaged", "flattened")


def from_scratch(architecture: str, image_size: int, n_classes: int) -> keras.Model:
    """Build a small network that learns from scratch.

    They are small on purpose: with some hundred pictures and nothing learnt before, a network of millions of
    weights has less of a chance.

    Args:
        architecture: "strided" is three convolutions with strides, the first 8 × 8, flattened. "averaged" and
            "flattened" are four of 3 × 3, each followed by max pooling, and end as they are named.
        image_size: height and width of the pictures.
        n_classes: 2 or more.

    Returns:
        A model: RGB `(n, image_size, image_size, 3)`, 0-255, to probabilities `(n, 1)` for two
        classes, `(n, n_classes)` for more.

    Raises:
        CourseError: an unknown architecture, or a number too small.
    """
    checks.choice("architecture", architecture, ARCHITECTURES)
    checks.whole_number("image_size", image_size, 16)
    checks.whole_number("n_classes", n_classes, 2)
    blocks = []
    if architecture == STRIDED:
        for channels, kernel_size, stride in ((32, 8, 4), (64, 3, 2), (128, 3, 2)):
            blocks += _convolution(channels, kernel_size, stride)
    else:
        for channels in (16, 32, 64, 64):
            blocks += [*_convolution(channels, 3, 1), layers.MaxPooling2D()]
    units, activation = (1, "sigmoid") if n_classes == 2 else (n_classes, "softmax")
    return keras.Sequential(
        [
            keras.Input((image_size, image_size, 3)),
            layers.Rescaling(1 / 127.5, -1.0),
            *blocks,
            layers.GlobalAveragePooling2D() if architecture == AVERAGED else layers.Flatten(),
            layers.Dropout(0.2, seed=0, name="dropout"),
            layers.Dense(units, activation=activation, name="classifier"),
        ],
        name=f"from_scratch_{architecture}",
    )


def _convolution(channels: int, kernel_size: int, stride: int) -> list[keras.Layer]:
    return [
        layers.Conv2D(channels, kernel_size, stride, padding="same", use_bias=False),
        layers.BatchNormalization(momentum=MOMENTUM),
        layers.ReLU(),
    ]
