"""A process of test_distributed.py: trains a small network, alone or as one of several, and saves the result.

Its arguments: where to save, a folder of drawn pets, "one", "devices", or "worker" with its number and
the addresses of all workers.
"""

import json
import os
import sys
import time
from pathlib import Path

result, pictures, kind, *cluster = sys.argv[1:]
if kind == "worker":
    workers = {"cluster": {"worker": cluster[1:]}, "task": {"type": "worker", "index": int(cluster[0])}}
    os.environ["TF_CONFIG"] = json.dumps(workers)

# TensorFlow reads that when it is imported, and the strategy has to be there before anything is computed.
import keras
import numpy as np
import tensorflow as tf
from keras import layers

from helpers import augment, datasets, distributed, features, runtime, transfer

strategy = keras_own = tf.distribute.get_strategy()
if kind == "devices":
    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(processor, 2 * [tf.config.LogicalDeviceConfiguration()])
    strategy = distributed.MirroredStrategy(["CPU:0", "CPU:1"])
    keras_own = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
elif kind == "worker":
    strategy = distributed.MultiWorkerMirroredStrategy()

SIZE = 32
data = datasets.load_folder(pictures).sample(frac=1, random_state=0)
# 25 in batches of 8, and 15: the last batches cannot be divided evenly, and one has nothing for a replica.
train, val = data.iloc[:25], data.iloc[25:]
reading = augment.ImageBatches._picture
n_read = 0


def counted(self, row, epoch):
    """Read a picture, and count it."""
    global n_read
    n_read += 1
    return reading(self, row, epoch)


def small_classifier():
    keras.utils.set_random_seed(0)
    x = start = keras.Input((SIZE, SIZE, 3))
    x = layers.Rescaling(1 / 127.5, -1)(x)
    for number, channels in enumerate((8, 16), start=1):
        x = layers.Conv2D(channels, 3, strides=4, use_bias=False, name=f"conv{number}")(x)
        x = layers.BatchNormalization(name=f"bn{number}")(x)
        x = layers.ReLU(name=f"relu{number}")(x)
    return transfer.build_classifier(keras.Model(start, x, name="small"), ("cat", "dog"), dropout=0, l2=0.01)


augment.ImageBatches._picture = counted
with strategy.scope():
    model = small_classifier()
train_batches = augment.ImageBatches(train, SIZE, batch_size=8, shuffle=True, seed=1)
val_batches = augment.ImageBatches(val, SIZE, batch_size=8)
found = {}


def note(phase, history):
    """Save the curves of a phase, and the weights after it."""
    found.update({f"{phase} {name}": history.history[name] for name in history.history})
    found.update({f"{phase} {weight.path}": weight.numpy() for weight in model.weights})


weights = {0: 0.5, 1: 2.0}
note("warm-up", transfer.warm_up(model, train_batches, val_batches, 2, 1e-2, class_weight=weights))
n_read_in_warm_up = n_read
base = transfer.base_of(model)
table = features.extract(base, train, keep=False), train_batches.targets
found["features"] = table[0]
note("head", transfer.warm_up_on_features(model, table, epochs=2, batch_size=8))
keep = Path(result).with_suffix("")
for from_layer in ("conv2", None):
    note(
        f"fine-tuning from {from_layer}",
        transfer.fine_tune(model, train_batches, val_batches, 2, 1e-3, from_layer, keep=keep),
    )
augmenter = augment.Augmenter((0.5, 1), 15, horizontal_flip=True)
augmented = augment.ImageBatches(train, SIZE, batch_size=8, shuffle=True, seed=1, augmenter=augmenter)
reachable = Path(result).with_name(f"kept by {kind}")  # for all workers
for epochs in (1, 2):
    history = transfer.fine_tune(model, augmented, val_batches, epochs, 1e-3, keep=reachable)
    while not any(map(runtime.is_sealed, reachable.glob("*"))):  # the chief may still be writing
        time.sleep(0.1)
note("augmented, gone on with", history)
if kind != "worker":
    with keras_own.scope():
        model = small_classifier()
    even = [augment.ImageBatches(part, SIZE, batch_size=8) for part in (train[:24], val[:8])]
    note("Keras's own", transfer.warm_up(model, *even, 2, 1e-2, class_weight=weights))
kept = len([copy for copy in keep.glob("*") if copy.suffix != ".former"]) if keep.is_dir() else 0
np.savez(result, n_read=n_read_in_warm_up, kept=kept, **found)
