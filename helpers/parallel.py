"""Several devices, or several machines, as if they were one: what each of them gets, and training over them.

A network that is built in the scope of a `tf.distribute` strategy has its weights on every device. Each
device gets its share of a batch, and what all of them found is added up before the next step.

Keras's own `fit` does that for the devices of one machine. It is not used for it, for two reasons: in Keras 3
it fails on several machines (github.com/keras-team/keras/issues/20585), and where a batch cannot be divided
evenly it lets each share count alike, however small. Here the result is that of one device.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from . import checks, runtime
from .framework import keras, tf


class Rows(Protocol):
    """Batches of which any part can be read by itself: `augment.ImageBatches` is one."""

    labels: np.ndarray
    batch_size: int

    def __len__(self) -> int:
        """Return the number of batches."""

    def rows(self, index: int) -> np.ndarray:
        """Return which rows batch `index` holds."""

    def read(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return inputs and targets of some rows."""


def strategy_of(model: keras.Model) -> tf.distribute.Strategy:
    """Return the strategy in whose scope a model was built; TensorFlow's default for one device."""
    return model.distribute_strategy


def n_devices(model: keras.Model) -> int:
    """Return over how many devices a model is spread, on all machines together."""
    return strategy_of(model).num_replicas_in_sync


def is_chief(model: keras.Model) -> bool:
    """Tell whether this process is the one that writes what all machines have in common."""
    resolver = strategy_of(model).cluster_resolver
    return resolver is None or resolver.task_id in (None, 0)


def share(n: int, device: int, devices: int) -> np.ndarray:
    """Return which of n things a device gets: int `(n / devices, rounded up)`, the last ones −1 for nothing.

    Every device gets equally many, since TensorFlow adds up what is of one shape.
    """
    checks.whole_number("n", n, 0)
    checks.whole_number("devices", devices, 1)
    checks.whole_number("device", device, 0, devices - 1)
    mine = np.full(-(-n // devices), -1)
    there = np.arange(device, n, devices)
    mine[: len(there)] = there
    return mine


def spread(strategy: tf.distribute.Strategy, value_of: Callable[[int], np.ndarray]) -> Any:
    """Put a value on each device of this machine: `value_of(number of the device)`."""
    return strategy.experimental_distribute_values_from_function(
        lambda context: tf.convert_to_tensor(value_of(context.replica_id_in_sync_group))
    )


def outputs_of(
    network: keras.Model, read: Callable[[np.ndarray], np.ndarray], n: int, batch_size: int
) -> np.ndarray:
    """Run a network over n inputs, each device over its share, and give all machines all of it.

    Args:
        network: built in the scope of a strategy.
        read: gives the inputs of some rows, `(len(rows), …)`.
        n: number of inputs, 1 or more.
        batch_size: inputs a device works on at a time.

    Returns:
        float32 array `(n, …)`.
    """
    strategy, devices = strategy_of(network), n_devices(network)

    @tf.function(reduce_retracing=True)
    def forward(inputs: tf.Tensor) -> tf.Tensor:
        return strategy.run(lambda some: network(some, training=False), args=(inputs,))

    found = []
    steps = range(0, len(share(n, 0, devices)), batch_size)
    for start in runtime.progress(steps, f"features of {network.name} on {devices} devices"):

        def inputs(device: int, start: int = start) -> np.ndarray:
            rows = share(n, device, devices)[start : start + batch_size]
            return read(np.maximum(rows, 0)).astype(np.float32)  # in place of nothing, the first input

        found.append(strategy.experimental_local_results(forward(spread(strategy, inputs))))
    mine = [np.concatenate([step[number] for step in found]) for number in range(len(found[0]))]
    first = _first_device(strategy)
    everyone = strategy.gather(spread(strategy, lambda device: mine[device - first]), axis=0).numpy()
    outputs = np.empty((n, *everyone.shape[1:]), np.float32)
    for device, part in enumerate(np.split(everyone, devices)):
        rows = share(n, device, devices)
        outputs[rows[rows >= 0]] = part[rows >= 0]
    return outputs


def _first_device(strategy: tf.distribute.Strategy) -> int:
    """Return the number of this machine's first device among all."""
    numbers: list[int] = []

    def note(device: int) -> np.ndarray:
        numbers.append(device)
        return np.zeros(1)

    spread(strategy, note)
    return min(numbers)


def fit(
    model: keras.Model,
    train: Rows,
    val: Rows | None,
    epochs: int,
    callbacks: Sequence[keras.callbacks.Callback],
    class_weight: dict[int, float] | None = None,
) -> keras.callbacks.History:
    """Train as Keras's `fit` does, each device on its share of every batch.

    Args:
        model: compiled, built in the scope of a strategy; its outputs are probabilities, one for two classes.
        train, val: the same on every machine, which reads only its own part of them.
        epochs: passes over `train`.
        callbacks: Keras's.
        class_weight: index of the class -> weight of its pictures in the loss.

    Returns:
        Keras's `History`, the same on every machine.
    """
    step, look = _train_step(model), _look(model)
    history = keras.callbacks.History()
    everyone = keras.callbacks.CallbackList(
        [*callbacks, history], model=model, epochs=epochs, steps=len(train), verbose=0
    )
    model.stop_training = False
    everyone.on_train_begin()
    for epoch in range(model._initial_epoch or 0, epochs):  # where a restored backup goes on
        everyone.on_epoch_begin(epoch)
        sums = np.zeros(3)
        for index in range(len(train)):
            everyone.on_train_batch_begin(index)
            sums += step(*_shares(model, train, index, class_weight))
            everyone.on_train_batch_end(index, _means(sums))
        logs = _means(sums)
        if val is not None:
            sums = np.sum([look(*_shares(model, val, index, None)) for index in range(len(val))], axis=0)
            logs |= {f"val_{name}": mean for name, mean in _means(sums).items()}
        everyone.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    everyone.on_train_end()
    return history


def _means(sums: np.ndarray) -> dict[str, float]:
    loss, right, n = map(float, sums)
    return {"accuracy": right / n, "loss": loss / n}


def _shares(model: keras.Model, batches: Rows, index: int, class_weight: dict[int, float] | None) -> tuple:
    """Return a batch on the devices: inputs, targets, weights, which rows are there; and its size."""
    strategy, rows = strategy_of(model), batches.rows(index)
    weight_of = (
        np.ones(batches.labels.max() + 1)
        if class_weight is None
        else np.array([class_weight[number] for number in sorted(class_weight)])
    )
    read = {}

    def of_device(part: int) -> Callable[[int], np.ndarray]:
        def value(device: int) -> np.ndarray:
            if device not in read:
                mine = share(len(rows), device, n_devices(model))
                chosen, there = rows[np.maximum(mine, 0)], mine >= 0
                weights = weight_of[batches.labels[chosen]] * there
                read[device] = *batches.read(chosen), weights.astype("float32"), there.astype("float32")
            return read[device][part]

        return value

    return *(spread(strategy, of_device(part)) for part in range(4)), tf.constant(len(rows), tf.float32)


def _compared(model: keras.Model, targets: tf.Tensor, outputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return each row's cross-entropy, and 1 where it is right and 0 where not: two of `(b,)`."""
    if model.output_shape[-1] == 1:
        targets = tf.reshape(targets, (-1, 1))
        losses = keras.losses.binary_crossentropy(targets, outputs)
        return losses, tf.reshape(keras.metrics.binary_accuracy(targets, outputs), (-1,))
    losses = keras.losses.categorical_crossentropy(targets, outputs)
    return losses, keras.metrics.categorical_accuracy(targets, outputs)


def _train_step(model: keras.Model) -> Callable:
    strategy, devices = strategy_of(model), n_devices(model)

    def on_a_device(
        inputs: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor, there: tf.Tensor, size: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            losses, right = _compared(model, targets, model(inputs, training=True))
            of_rows = tf.reduce_sum(weights * losses)
            penalties = tf.add_n(model.losses) if model.losses else 0.0
            # What the devices find is added up: the rows' losses divided by the whole batch's size.
            loss = model.optimizer.scale_loss(of_rows / size + penalties / devices)
        weights_of = model.trainable_weights
        model.optimizer.apply_gradients(zip(tape.gradient(loss, weights_of), weights_of))
        n = tf.reduce_sum(there)
        return of_rows + penalties * n, tf.reduce_sum(right * there), n

    return _added_up(strategy, on_a_device)


def _look(model: keras.Model) -> Callable:
    def on_a_device(
        inputs: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor, there: tf.Tensor, size: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        losses, right = _compared(model, targets, model(inputs, training=False))
        n = tf.reduce_sum(there)
        penalties = tf.add_n(model.losses) if model.losses else 0.0
        return tf.reduce_sum(losses * there) + penalties * n, tf.reduce_sum(right * there), n

    return _added_up(strategy_of(model), on_a_device)


def _added_up(strategy: tf.distribute.Strategy, on_a_device: Callable) -> Callable:
    @tf.function(reduce_retracing=True)
    def on_all(*shares: tf.Tensor) -> list[tf.Tensor]:
        return [strategy.reduce("SUM", found, axis=None) for found in strategy.run(on_a_device, args=shares)]

    return lambda *shares: np.array([float(found) for found in on_all(*shares)])
