"""The rooms behind the transfer-learning lessons: one module a topic, imported by name.

`from helpers import datasets, survey` loads those two and nothing else: TensorFlow comes in only
with the rooms that need it (backbones, features, transfer, evaluate, strategies).
"""

import logging
import os

# TensorFlow reads these when it is first imported; a lesson's output is no place for its start-up log.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

# Its Python side warns of functions traced anew: a lesson that builds many models does that on purpose.
logging.getLogger("tensorflow").addFilter(lambda record: record.levelno >= logging.ERROR)
