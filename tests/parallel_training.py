"""A process of test_parallel.py: trains a small network, alone or as one of several, and saves what came out.

Its arguments: where to save, a folder of drawn pets, "one", "devices", or "host" with its number and the
addresses of all hosts.
"""

import json
import os
import sys
from pathlib import Path

result, pictures, kind, *cluster = sys.argv[1:]
if kind == "host":
    hosts = {"cluster": {"worker": cluster[1:]}, "task": {"type": "worker", "index": int(cluster[0])}}
    os.environ["TF_CONFIG"] = json.dumps(hosts)

# TensorFlow reads that when it is imported, and the strategy has to be there before anything is computed.
import tensorflow as tf

if kind == "devices":
    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(processor, 2 * [tf.config.LogicalDeviceConfiguration()])
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
elif kind == "host":
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
else:
    strategy = tf.distribute.get_strategy()

import keras
import numpy as np
from keras import layers

from helpers import augment, datasets, features, transfer

SIZE = 32
data = datasets.load_folder(pictures).sample(frac=1, random_state=0)
# 25 in batches of 8, and 15: the last batches cannot be shared evenly, and of one device has nothing to do.
train, val = data.iloc[:25], data.iloc[25:]
reading = augment.ImageBatches._picture
n_read = 0


def counted(self, row, epoch):
    """Read a picture, and count it."""
    global n_read
    n_read += 1
    return reading(self, row, epoch)


augment.ImageBatches._picture = counted
keras.utils.set_random_seed(0)
with strategy.scope():
    x = start = keras.Input((SIZE, SIZE, 3))
    x = layers.Rescaling(1 / 127.5, -1)(x)
    for number, channels in enumerate((8, 16), start=1):
        x = layers.Conv2D(channels, 3, strides=4, use_bias=False, name=f"conv{number}")(x)
        x = layers.BatchNormalization(name=f"bn{number}")(x)
        x = layers.ReLU(name=f"relu{number}")(x)
    model = transfer.build_classifier(keras.Model(start, x, name="small"), ("cat", "dog"), dropout=0, l2=0.01)

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
note("augmented", transfer.fine_tune(model, augmented, val_batches, 1, 1e-3))
kept = len(list(keep.glob("*"))) if keep.is_dir() else 0
np.savez(result, n_read=n_read_in_warm_up, kept=kept, **found)
