"""Training on several replicas of a network: strategies whose `fit` gives what one device gives.

On one machine Keras's own `fit` does so as long as batches divide evenly. If not (Keras 3.15.1), it takes
the mean of the replicas' means, however few rows one has, and fails where batch normalisation gets none. On
several workers it fails at once (github.com/keras-team/keras/issues/20585).
"""

from collections.abc import Callable, Sequence

import numpy as np

from . import training
from .augment import ImageBatches
from .features import ActivationBatches
from .framework import keras, tf


class MirroredStrategy(tf.distribute.MirroredStrategy):
    """TensorFlow's, for the devices of one machine."""


class MultiWorkerMirroredStrategy(tf.distribute.MultiWorkerMirroredStrategy):
    """TensorFlow's, for those of several workers."""


@training.fit.register(MirroredStrategy)
@training.fit.register(MultiWorkerMirroredStrategy)
def fit(
    strategy: tf.distribute.Strategy,
    model: keras.Model,
    train: ImageBatches | ActivationBatches,
    val: ImageBatches | ActivationBatches | None,
    epochs: int,
    callbacks: Sequence[keras.callbacks.Callback],
    class_weight: dict[int, float] | None = None,
) -> keras.callbacks.History:
    """Train as Keras's `fit` does on one device, each replica on its shard of every batch.

    Args:
        strategy: in whose scope the model was built.
        model: compiled; its outputs are probabilities, one for two classes.
        train, val: the same on every worker, which reads only its own shards of them.
        epochs: passes over `train`.
        callbacks: Keras's. Of several workers, only the chief keeps a training.
        class_weight: index of the class -> weight of its pictures in the loss.

    Returns:
        Keras's `History`, the same on every worker.
    """
    if not strategy.extended.should_checkpoint:
        callbacks = [callback for callback in callbacks if not isinstance(callback, training.KeptCopy)]
    history = keras.callbacks.History()
    everyone = keras.callbacks.CallbackList(
        [*callbacks, history], model=model, epochs=epochs, steps=len(train), verbose=0
    )
    train_step, test_step = _step(model, True, class_weight), _step(model, False, None)
    model.stop_training = False
    everyone.on_train_begin()
    for epoch in range(model._initial_epoch or 0, epochs):  # where a restored backup goes on
        everyone.on_epoch_begin(epoch)
        sums = np.zeros(3)
        for index in range(len(train)):
            everyone.on_train_batch_begin(index)
            sums += train_step(train, index)
            everyone.on_train_batch_end(index, _means(sums))
        logs = _means(sums)
        if val is not None:
            sums = np.sum([test_step(val, index) for index in range(len(val))], axis=0)
            logs |= {f"val_{name}": mean for name, mean in _means(sums).items()}
        everyone.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    everyone.on_train_end()
    return history


def _means(sums: np.ndarray) -> dict[str, float]:
    loss, right, n = map(float, sums)
    return {"accuracy": right / n, "loss": loss / n}


def shard(rows: np.ndarray, replica: int, replicas: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a replica's rows of a batch, and for each 1, or 0 where it only pads the shard: float32.

    All shards of a batch have one length: batch normalisation could do nothing with an empty one.
    """
    padded = np.resize(rows, -(-len(rows) // replicas) * replicas)
    there = (np.arange(len(padded)) < len(rows)).astype(np.float32)
    return padded[replica::replicas], there[replica::replicas]


def _step(
    model: keras.Model, is_training: bool, class_weight: dict[int, float] | None
) -> Callable[[ImageBatches | ActivationBatches, int], np.ndarray]:
    """Return a pass of one batch: its losses' sum, how many rows are right, and how many there are."""
    strategy, replicas = model.distribute_strategy, model.distribute_strategy.num_replicas_in_sync
    is_binary = model.output_shape[-1] == 1
    accuracy = keras.metrics.binary_accuracy if is_binary else keras.metrics.categorical_accuracy

    def on_replica(
        inputs: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor, there: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            outputs = model(inputs, training=is_training)
            loss = model.compute_loss(inputs, targets, outputs, weights, is_training)
            scaled = model.optimizer.scale_loss(loss)
        if is_training:
            trained = model.trainable_weights
            model.optimizer.apply_gradients(zip(tape.gradient(scaled, trained), trained))
        right = tf.reshape(accuracy(targets, outputs), (-1,))
        return loss, tf.reduce_sum(there * right)

    @tf.function(reduce_retracing=True)
    def on_replicas(*values: tf.Tensor) -> list[tf.Tensor]:
        return [strategy.reduce("SUM", found, axis=None) for found in strategy.run(on_replica, args=values)]

    def step(batches: ImageBatches | ActivationBatches, index: int) -> np.ndarray:
        rows = batches.rows(index)

        def values_of(context: tf.distribute.experimental.ValueContext) -> tuple[tf.Tensor, ...]:
            mine, there = shard(rows, context.replica_id_in_sync_group, replicas)
            # Keras divides by the padded batch's size; so the mean is one over the rows that are there.
            weights = there * len(mine) * replicas / len(rows)
            if class_weight is not None:
                weights *= [class_weight[label] for label in batches.labels[mine]]
            return tuple(map(tf.convert_to_tensor, (*batches.read(mine), weights, there)))

        loss, right = on_replicas(*strategy.experimental_distribute_values_from_function(values_of))
        return np.array([float(loss) * len(rows), float(right), len(rows)])

    return step
