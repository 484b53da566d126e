"""The rooms behind the transfer-learning lessons: one module a topic, imported by name.

`from helpers import datasets, survey` loads those two and nothing else: TensorFlow comes in only
with the rooms that need it: framework, and those that import from it (augment, lite0, backbones,
features, transfer, evaluate, explore, strategies, autopsy and parallel).
"""

import logging
import os

# TensorFlow reads these when it is first imported; a lesson's output is no place for its start-up log.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# Keras reads this one; a backend chosen for other work, here or in `keras.json`, is not the course's.
os.environ["KERAS_BACKEND"] = "tensorflow"

# Its Python side warns of functions traced anew: a lesson that builds many models does that on purpose.
logging.getLogger("tensorflow").addFilter(lambda record: record.levelno >= logging.ERROR)
