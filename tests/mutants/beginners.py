"""Faults that a beginner makes where networks are trained, planted one at a time: does a test notice each?

`make mutants` puts each into a copy of the course and runs the tests that are to fail. A fault whose line is
gone is an error: it has to be planted anew.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tqdm import tqdm

from helpers.runtime import COURSE_FOLDER


class Fault(NamedTuple):
    """What goes wrong, in which module of `helpers`, the code and what it becomes, and the tests."""

    name: str
    module: str
    was: str
    becomes: str
    tests: str


FAULTS = (
    Fault(
        "raw pixels go into the base",
        "backbones",
        'name="preprocessing")(pictures) if preprocess else pictures',
        'name="preprocessing")(pictures) if not preprocess else pictures',
        "tests/test_backbones.py -k 'preprocessing'",
    ),
    Fault(
        "preprocessing of another network",
        "backbones",
        '{"scale": 1 / 128, "offset": -127 / 128}',
        '{"scale": 1 / 255, "offset": 0.0}',
        "tests/test_backbones.py -k 'preprocessing or cats_and_dogs'",
    ),
    Fault(
        "BGR for RGB",
        "images",
        "cv2.IMREAD_COLOR_RGB | _reduction",
        "cv2.IMREAD_COLOR | _reduction",
        "tests/test_images.py -k 'read or colour or grey'",
    ),
    Fault(
        "pictures squashed, not cropped",
        "images",
        "square = image[top : top + side, left : left + side]",
        "square = image",
        "tests/test_images.py -k 'fit or square or crop'",
    ),
    Fault(
        "the base is not frozen in warm-up",
        "transfer",
        "    freeze(base_of(model))\n    validation",
        "    validation",
        "tests/test_transfer.py -k warm_up",
    ),
    Fault(
        "batch normalisation unfrozen",
        "classifier",
        "number >= first and (batch_norm_training or not normalises)",
        "number >= first",
        "tests/test_transfer.py -k 'unfreeze or normalisation'",
    ),
    Fault(
        "everything unfrozen, whatever from_layer says",
        "classifier",
        "first = names.index(from_layer) if from_layer else 0",
        "first = 0",
        "tests/test_transfer.py -k 'unfreeze or cut'",
    ),
    Fault(
        "not compiled again after unfreezing",
        "transfer",
        "    compile_classifier(trained, learning_rate)\n    # On Windows",
        "    trained.compiled or compile_classifier(trained, learning_rate)\n    # On Windows",
        "tests/test_transfer.py -k moves_the_base",
    ),
    Fault(
        "features in training mode",
        "features",
        "outputs, _ = network.stateless_call(*constants, batch, training=False)",
        "outputs, _ = network.stateless_call(*constants, batch, training=True)",
        "tests/test_features.py",
    ),
    Fault(
        "kept features found by the file's name",
        "features",
        "return hashlib.sha256(Path(path).read_bytes()).hexdigest()",
        "return Path(path).name",
        "tests/test_features.py",
    ),
    Fault(
        "features of other weights",
        "features",
        "        digest.update(np.ascontiguousarray(weights).data)",
        "        pass",
        "tests/test_features.py",
    ),
    Fault(
        "labels in another order than the pictures",
        "augment",
        "return pictures, self.targets[rows]",
        "return pictures, self.targets[np.sort(rows)]",
        "tests/test_augment.py -k 'shuffled or epoch'",
    ),
    Fault(
        "the same order in each epoch",
        "augment",
        "np.random.default_rng([self.seed, self.epoch]).permutation",
        "np.random.default_rng([self.seed]).permutation",
        "tests/test_augment.py -k 'shuffled or epoch'",
    ),
    Fault(
        "the same augmentation in each epoch",
        "augment",
        "np.random.default_rng([self.seed, epoch, row])",
        "np.random.default_rng([self.seed, row])",
        "tests/test_augment.py -k 'epoch'",
    ),
    Fault(
        "the last, smaller batch left out",
        "augment",
        "return -(-len(self.data) // self.batch_size)",
        "return len(self.data) // self.batch_size",
        "tests/test_augment.py -k 'last_ones'",
    ),
    Fault(
        "augmented pictures trained on kept activations",
        "transfer",
        "if from_layer is None or train_batches.augmenter or val_batches.augmenter:",
        "if from_layer is None:",
        "tests/test_transfer.py -k augmented",
    ),
    Fault(
        "validated on the training pictures",
        "training",
        "validation_data=None if val is None else as_dataset(val)",
        "validation_data=None if val is None else as_dataset(train)",
        "tests/test_transfer.py -k validation_is_on",
    ),
    Fault(
        "the last epoch's weights, not the best one's",
        "training",
        "    model.load_weights(best)\n    return _history",
        "    return _history",
        "tests/test_classes.py -k best_epoch",
    ),
    Fault(
        "Adam begins anew when a training goes on",
        "training",
        "keras.callbacks.BackupAndRestore(str(backup), delete_checkpoint=False)",
        "_WeightsOnly(str(backup), delete_checkpoint=False)",
        "tests/test_transfer.py -k 'goes_on'",
    ),
    Fault(
        "no penalty on the weights",
        "classifier",
        "kernel_regularizer=keras.regularizers.L2(l2) if l2 else None",
        "kernel_regularizer=None",
        "tests/test_transfer.py -k l2",
    ),
    Fault(
        "the share that is kept given as the share that is dropped",
        "classifier",
        'layers.Dropout(dropout, seed=seed, name="dropout")',
        'layers.Dropout(1 - dropout, seed=seed, name="dropout")',
        "tests/test_transfer.py -k share_that_is_dropped",
    ),
    Fault(
        "probabilities of the two classes exchanged",
        "evaluate",
        "np.hstack([1 - outputs, outputs])",
        "np.hstack([outputs, 1 - outputs])",
        "tests/test_evaluate.py -k predict",
    ),
    Fault(
        "a head scored on what it was trained on",
        "evaluate",
        "head = logistic_regression_head(features[train.index], labels[train.index], class_weight)",
        "head = logistic_regression_head(features, labels, class_weight)",
        "tests/test_evaluate.py -k cross_validate",
    ),
    Fault(
        "near-duplicates in training and test part",
        "splits",
        "near_duplicate_groups(data, max_distance)",
        "np.arange(len(data))",
        "tests/test_splits.py",
    ),
    Fault(
        "Grad-CAM of the probability, not of the logit",
        "evaluate",
        "logits = keras.ops.matmul(output, classifier.kernel) + classifier.bias",
        "logits = classifier(output)",
        "tests/test_evaluate.py -k grad_cam",
    ),
    Fault(
        "labels shuffled before a comparison",
        "study/strategies",
        "head = transfer.logistic_regression_head(kept.features[rows], domain.labels[rows])",
        "head = transfer.logistic_regression_head(kept.features[rows], np.sort(domain.labels[rows]))",
        "tests/test_strategies.py -k 'head'",
    ),
    Fault(
        "held-out pictures among the training pictures",
        "study/strategies",
        "    rows = domain.training_rows(size, seed)\n    frozen",
        "    rows = np.union1d(domain.training_rows(size, seed), domain.held_out)\n    frozen",
        "tests/test_strategies.py -k 'head or record'",
    ),
)


def planted(fault: Fault, copy: Path) -> bool:
    """Plant one fault in a copy of the course, run its tests, take it out; return whether one failed."""
    path = copy / "helpers" / f"{fault.module}.py"
    source = path.read_text(encoding="utf-8")
    if source.count(fault.was) != 1:
        raise SystemExit(f"'{fault.name}': its code is not once in {path.name}. Plant it anew.")
    faulty = source.replace(fault.was, fault.becomes)
    if "_WeightsOnly" in fault.becomes:
        faulty += WEIGHTS_ONLY
    path.write_text(faulty, encoding="utf-8")
    command = f"{sys.executable} -m pytest -x -q -p no:cacheprovider -p no:xdist {fault.tests}"
    environment = {**os.environ, "PYTHONPATH": str(copy), "COURSE_HOME": str(copy)}
    try:
        done = subprocess.run(command, cwd=copy, env=environment, shell=True, capture_output=True, text=True)
    finally:
        path.write_text(source, encoding="utf-8")
    if done.returncode > 1:
        raise SystemExit(
            f"'{fault.name}': its tests did not run.\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return done.returncode == 1


WEIGHTS_ONLY = """

class _WeightsOnly(keras.callbacks.BackupAndRestore):
    def on_train_begin(self, logs=None):
        before = [variable.numpy() for variable in self.model.optimizer.variables]
        super().on_train_begin(logs)
        for variable, value in zip(self.model.optimizer.variables, before):
            variable.assign(value)
"""


def main() -> int:
    """Plant all; print those that no test noticed, and return 1 where there are any."""
    with TemporaryDirectory() as folder:
        for name in ("helpers", "tests"):
            shutil.copytree(COURSE_FOLDER / name, Path(folder) / name)
        for name in ("pyproject.toml", "requirements.txt"):
            shutil.copy(COURSE_FOLDER / name, folder)
        missed = [
            fault.name for fault in tqdm(FAULTS, "beginners' faults") if not planted(fault, Path(folder))
        ]
    print(f"{len(FAULTS) - len(missed)} of {len(FAULTS)} beginners' faults are noticed.")
    print(*(f"not noticed: {name}" for name in missed), sep="\n")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
