"""Training one model many times: prepared once, set back before each training, stopped by validation."""

from dataclasses import dataclass

import numpy as np

from .. import checks, features, runtime, training, transfer
from ..framework import keras, tf

layers = keras.layers

Pictures = tuple[np.ndarray, np.ndarray]  # inputs `(n, …)` and targets

BATCH_SIZE = 32


@dataclass(frozen=True)
class Patience:
    """When a training ends. It is checked on validation once a round.

    A round is a pass over the training pictures, but not under 5 batches (twenty pictures make one batch,
    and to look after every step would cost more than the step) nor over 10.

    Attributes:
        rounds: at most so many.
        waits: it ends after so many rounds without a lower validation loss, and the best is taken.
    """

    rounds: int
    waits: int

    def steps(self, batches: int) -> int:
        """Return the batches of a round, where a pass over the training pictures has `batches`."""
        return min(max(batches, 5), 10)


class Trainer:
    """A model that is prepared by TensorFlow once, and set back before each training.

    Preparing it takes longer than most trainings here.
    """

    def __init__(self, model: keras.Model):
        self.model, self.first_weights = model, model.get_weights()
        transfer.compile_classifier(model, learning_rate=1e-3)
        self._forward = features.forward_of(model, fixed=False)
        shape, outputs = model.input_shape[1:], model.output_shape[-1]
        nothing = np.zeros((2, *shape)), np.zeros((2, outputs) if outputs > 1 else 2, np.float32)
        self._fit(nothing, nothing, steps=1, patience=Patience(1, 1), seed=0)

    def reset(self, seed: int) -> None:
        """Go back to the start: the optimizer, and what was learnt; what starts at random is drawn anew."""
        runtime.seed_everything(seed)  # tf.data mixes by TensorFlow's seed and its own
        for variable in self.model.optimizer.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))
        self.model.get_layer("dropout").seed_generator.state.assign([seed, 0])
        if self.model.name == "small_cnn":
            new = small_cnn(self.model.input_shape[1], max(2, self.model.output_shape[1]), seed)
            self.model.set_weights(new.get_weights())
        else:
            self.model.set_weights(self.first_weights)
            kernel = self.model.get_layer("classifier").kernel
            kernel.assign(keras.initializers.GlorotUniform(seed)(kernel.shape))

    def warm_up(self, features: np.ndarray, labels: np.ndarray) -> None:
        """Put the solved head in place of the random one."""
        head = transfer.logistic_regression_head(features, labels)
        self.model.get_layer("classifier").set_weights([head.coef_.T, head.intercept_])

    def fit(
        self, train: Pictures, validation: Pictures, patience: Patience, learning_rate: float, seed: int
    ) -> tuple[float, float]:
        """Train until validation says stop; return the passes it took, and after how many was best."""
        self.model.optimizer.learning_rate.assign(learning_rate)
        batches = -(-len(train[1]) // BATCH_SIZE)
        steps = patience.steps(batches)
        rounds, best = self._fit(train, validation, steps, patience, seed)
        return rounds * steps / batches, best * steps / batches

    def _fit(
        self, train: Pictures, validation: Pictures, steps: int, patience: Patience, seed: int
    ) -> tuple[int, int]:
        stop = keras.callbacks.EarlyStopping("val_loss", patience=patience.waits, restore_best_weights=True)
        history = self.model.fit(
            _batches(*train).shuffle(len(train[1]), seed=seed).batch(BATCH_SIZE).repeat(),
            validation_data=_batches(*validation).batch(BATCH_SIZE),
            steps_per_epoch=steps,
            epochs=patience.rounds,
            callbacks=[stop],
            shuffle=False,
            verbose=0,
        )
        return len(history.epoch), stop.best_epoch + 1

    def one_epoch(self, inputs: np.ndarray, targets: np.ndarray, seed: int) -> None:
        """Pass over the training pictures once."""
        data = _batches(inputs, targets).shuffle(len(targets), seed=seed).batch(BATCH_SIZE)
        self.model.fit(data, shuffle=False, verbose=0)

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Return the model's outputs `(n, outputs)`."""
        return features.outputs_of(self.model, inputs, self._forward)


def _batches(inputs: np.ndarray, targets: np.ndarray) -> tf.data.Dataset:
    return training.without_autotune(tf.data.Dataset.from_tensor_slices((inputs.astype(np.float32), targets)))


def small_cnn(image_size: int, n_classes: int, seed: int) -> keras.Model:
    """Build the network that learns from scratch: three convolutions and a dense layer.

    It is small on purpose: with some hundred pictures and nothing learnt before, a network of millions of
    weights has less of a chance.

    Returns:
        A model: RGB `(n, image_size, image_size, 3)`, 0-255, to probabilities `(n, 1)` for two
        classes, `(n, n_classes)` for more.
    """
    checks.whole_number("image_size", image_size, 1)
    checks.whole_number("n_classes", n_classes, 2)
    runtime.seed_everything(seed)
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
            layers.Dropout(0.2, seed=seed, name="dropout"),
            layers.Dense(units, activation=activation, name="classifier"),
        ],
        name="small_cnn",
    )
