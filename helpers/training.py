"""How a training runs: its batches and callbacks, when it stops, how it goes on after an interruption."""

import functools
import hashlib
import itertools
import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from tqdm.keras import TqdmCallback

from . import checks, language, runtime
from .augment import ImageBatches
from .features import content_key, layout
from .framework import keras, tf

# A classifier that always gives every class the same probability has a loss of ln(number of classes).
# One that is this many times worse, and worse than when it began, was not trained but wrecked.
DIVERGED = 5
# Two warm-ups of one recipe end with heads that differ by rounding: on a GPU by up to 0.4 % of their length.
# The smallest change of a recipe that was tried, a penalty ten times as large, made 2.4 %.
SAME_HEAD = 0.01
START_FILE = "start.npz"  # within a kept training


@functools.singledispatch
def fit(
    strategy: tf.distribute.Strategy,
    model: keras.Model,
    train: keras.utils.PyDataset,
    val: keras.utils.PyDataset | None,
    epochs: int,
    callbacks: Sequence[keras.callbacks.Callback],
    class_weight: dict[int, float] | None = None,
) -> keras.callbacks.History:
    """Train a compiled model on batches that bring their own order; a strategy may register another way."""
    return model.fit(
        as_dataset(train),
        validation_data=None if val is None else as_dataset(val),
        epochs=epochs,
        class_weight=class_weight,
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )


def as_dataset(batches: keras.utils.PyDataset) -> tf.data.Dataset:
    """Return what Keras would make of batches of pictures or activations, `without_autotune`.

    Args:
        batches: `ImageBatches` or `ActivationBatches`; their order is kept. Keras does not count their epochs
            this way: set their `epoch`.

    Raises:
        ValueError: `batches` is nothing of this kind.
    """
    if not isinstance(batches, keras.utils.PyDataset):
        raise checks.CourseError(f"batches is {checks.shown(batches)}. Give augment.ImageBatches.")
    signature = tuple(tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in batches[0])
    dataset = tf.data.Dataset.from_generator(
        lambda: (batches[number] for number in range(len(batches))), output_signature=signature
    )
    return without_autotune(dataset.apply(tf.data.experimental.assert_cardinality(len(batches))).prefetch(2))


def without_autotune(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Return the same data set without TensorFlow's autotuner.

    The autotuner's thread sleeps twice as long each time, and at the end of an epoch it may be slow to wake:
    the epoch then takes up to twice its time (seen with TensorFlow 2.21, where batches come from memory).

    Raises:
        ValueError: `dataset` is none.
    """
    if not isinstance(dataset, tf.data.Dataset):
        raise checks.CourseError(f"dataset is {checks.shown(dataset)}. Give a tf.data.Dataset.")
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


class Settings(NamedTuple):
    """Of a fine-tuning: arguments of `transfer.fine_tune`."""

    epochs: int
    learning_rate: float
    patience: int
    class_weight: dict[int, float] | None


def recipe_of(
    model: keras.Model, train_batches: ImageBatches, val_batches: ImageBatches, settings: Settings
) -> str:
    """Return eight hexadecimal digits that differ between trainings that differ in more than their start."""
    recipe: dict[str, Any] = {
        "network": layout(model),  # with its dropout, its penalty, its seeds and what is frozen
        "frozen": _sum_of(model.non_trainable_weights),
        "settings": [None, *settings[1:]],  # more epochs go on
    }
    for name, batches in {"train": train_batches, "val": val_batches}.items():
        recipe[name] = {
            "pictures": [content_key(path) for path in batches.data["path"]],
            "labels": batches.labels.tolist(),
            "classes": batches.classes,
            "batches": [batches.image_size, batches.batch_size, batches.shuffle, batches.seed],
            "augmenter": _settings_of(batches.augmenter),
        }
    return hashlib.sha256(json.dumps(recipe, default=str).encode()).hexdigest()[:8]


def _settings_of(augmenter: Callable | None) -> str:
    settings = repr(augmenter)
    if re.search(r" at 0x[0-9A-Fa-f]+", settings):  # where it lies in memory: another place in each session
        raise checks.CourseError(
            f"augmenter is {checks.shown(augmenter)}, which does not say its settings: no two kept trainings "
            "could be told apart. Use augment.Augmenter, give yours a __repr__, or leave keep out."
        )
    return settings


def _sum_of(variables: Sequence[keras.Variable]) -> str:
    digest = hashlib.sha256()
    for variable in variables:
        digest.update(np.ascontiguousarray(variable.numpy()).data)
    return digest.hexdigest()


def fit_resumably(
    model: keras.Model,
    train: keras.utils.PyDataset,
    val: keras.utils.PyDataset,
    settings: Settings,
    folder: Path,
    copies: Sequence["KeptCopy"],
) -> keras.callbacks.History:
    """Train from where `folder` says that it stopped, with early stopping; leave the best epoch's weights.

    Args:
        model: compiled.
        train, val: its batches.
        settings: when to stop.
        folder: for the log, the best weights and the backup of each epoch.
        copies: of the folder, made after each epoch.

    Returns:
        Keras's `History`, over all epochs, also those before an interruption.
    """
    best, log, backup = folder / "best.weights.h5", folder / "epochs.csv", folder / "backup"
    past = _finished_epochs(log, backup)
    is_finished = len(past) >= settings.epochs or _epochs_since_best(past) >= settings.patience
    if past:
        place = f"kept in '{copies[0].kept.parent.name}'"
        if is_finished:
            language.say(f"This training is {place}: its {len(past)} epochs are done, and only read.")
        else:
            n = f"{len(past)} of {settings.epochs}"
            language.say(f"Going on with the training {place}: {n} epochs are done.")
    if not is_finished:
        start = model.get_weights()
        try:
            fit(
                model.distribute_strategy,
                model,
                train,
                val,
                settings.epochs,
                [
                    Diverged(),  # before the next three, which are to keep nothing of an epoch that diverged
                    EpochOrder(getattr(train, "batches", train)),
                    keras.callbacks.ModelCheckpoint(
                        str(best),
                        monitor="val_loss",
                        save_best_only=True,
                        save_weights_only=True,
                        initial_value_threshold=min((row["val_loss"] for row in past), default=None),
                    ),
                    keras.callbacks.CSVLogger(str(log), append=True),
                    # Last of the three: an epoch counts as finished when all of it is on disk.
                    keras.callbacks.BackupAndRestore(str(backup), delete_checkpoint=False),
                    *copies,
                    _EarlyStopping(past, monitor="val_loss", patience=settings.patience),
                    *progress_bar(),
                ],
                settings.class_weight,
            )
        except checks.CourseError:  # diverged: the model has its last sound weights
            raise
        except BaseException:
            model.set_weights(start)  # so that the same call, made again, is the same training
            raise
        finally:
            # Where a backup was restored, Keras leaves its epoch here, and the next fit would start there.
            model._initial_epoch = None
    model.load_weights(best)
    return _history(model, _finished_epochs(log, backup))


def _finished_epochs(log: Path, backup: Path) -> list[dict[str, float]]:
    """Read the log of the epochs that are also in the backup: those that need not be run again."""
    state = backup / "training_metadata.json"
    if not (log.is_file() and state.is_file()):
        return []
    finished = json.loads(state.read_text())["epoch"]
    # An epoch that was logged, lost before its backup and run again stands there twice: the last counts.
    table = pd.read_csv(log).drop_duplicates("epoch", keep="last")
    return table[table["epoch"] < finished].to_dict("records")


def _epochs_since_best(past: list[dict[str, float]]) -> int:
    losses = [row["val_loss"] for row in past]
    return len(losses) - 1 - losses.index(min(losses)) if losses else 0


def _history(model: keras.Model, rows: list[dict[str, float]]) -> keras.callbacks.History:
    history = keras.callbacks.History()
    history.set_model(model)
    history.epoch = [int(row["epoch"]) for row in rows]
    history.history = {name: [row[name] for row in rows] for name in rows[0] if name != "epoch"}
    return history


def scheduler(schedule: Callable[[int], float] | None) -> list[keras.callbacks.Callback]:
    """Return Keras's scheduler for a function of the epoch's number; none for None."""
    if schedule is None:
        return []
    if not callable(schedule):
        raise checks.CourseError(
            f"schedule is {checks.shown(schedule)}. Give a function of the epoch's number."
        )

    def rate(epoch: int) -> float:
        value = np.asarray(schedule(epoch))
        if value.ndim or value.dtype.kind not in "iuf" or not 0 < value < np.inf:
            raise checks.CourseError(
                f"schedule returns {checks.shown(schedule(epoch))} for epoch {epoch}. "
                "Let it return a learning rate, a positive number."
            )
        return float(value)  # Keras takes no whole number

    return [keras.callbacks.LearningRateScheduler(rate)]


def progress_bar() -> list[keras.callbacks.Callback]:
    """Return a bar over the epochs; none where progress bars are switched off."""
    return [] if runtime.is_quiet() else [TqdmCallback(verbose=1, leave=False)]


class EpochOrder(keras.callbacks.Callback):
    """Make all that is random in an epoch follow from its number, since no checkpoint keeps it.

    That is the order of the batches, what the augmenter does, and what dropout drops.
    """

    def __init__(self, batches: ImageBatches):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.batches.epoch = epoch
        for layer in self.model.layers:
            if isinstance(layer, keras.layers.Dropout) and layer.rate:
                layer.seed_generator.state.assign([layer.seed, epoch << 20])


class Diverged(keras.callbacks.Callback):
    """End a training whose steps overshoot, with the weights from before the epoch in which it showed.

    The loss is not a number any more; or, from epoch `from_epoch` on, far worse than that of a guess, and
    twice what it was in the first batch.
    """

    def __init__(self, from_epoch: int = 0):
        super().__init__()
        self.from_epoch, self.first = from_epoch, None

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch, self.sound = epoch, self.model.get_weights()

    def on_train_batch_end(self, batch: int, logs: dict) -> None:
        self.first = logs["loss"] if self.first is None else self.first
        if not np.isfinite(logs["loss"]):
            self._end(logs["loss"])

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        guess = np.log(max(2, self.model.output_shape[-1]))
        losses = [logs[name] for name in ("loss", "val_loss") if name in logs]
        lost = [loss for loss in losses if not np.isfinite(loss)]
        if epoch >= self.from_epoch and losses[0] > max(DIVERGED * guess, 2 * (self.first or 0)):
            lost.append(losses[0])
        if lost:
            self._end(lost[0])

    def _end(self, loss: float) -> None:
        self.model.set_weights(self.sound)
        rate = float(self.model.optimizer.learning_rate)
        raise checks.CourseError(
            f"The loss became {loss:.3g} in epoch {self.epoch + 1}: with learning_rate={rate:g} the steps "
            f"overshoot. Choose a smaller one, such as {rate / 100:.0e}; the weights are those before it."
        )


class KeptCopy(keras.callbacks.Callback):
    """Copy a training's folder to where it is kept, after every epoch; start from what is kept there.

    The training itself writes to the local disk. Keras writes a checkpoint in many small pieces, which
    takes long on a network's disk such as Drive, and an interruption there would leave half of one.
    Drive uploads later than it says: so a copy that has stood for less than an epoch is no reason to delete
    the former one.
    """

    def __init__(self, folder: Path, kept: Path):
        super().__init__()
        self.folder, self.kept, self.refused = folder, kept, False
        self.former = _former(kept)
        if sound := _sound_copy(kept):
            shutil.copytree(sound, folder, dirs_exist_ok=True)
        elif kept.is_dir():
            language.say(f"The training kept in {kept} is damaged, and begins anew.")

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        unfinished = self.kept.with_name(f"{self.kept.name}.unfinished")
        try:
            shutil.rmtree(unfinished, ignore_errors=True)
            is_sound = runtime.is_sealed(self.kept)
            if is_sound:  # and has stood for an epoch
                shutil.rmtree(self.former, ignore_errors=True)
            shutil.copytree(self.folder, unfinished)
            # The sum is that of the original: where two notebooks write here at once, it fits neither.
            (unfinished / runtime.SEAL).write_text(runtime.digest(self.folder), encoding="ascii")
            if is_sound:
                self.kept.rename(self.former)
            shutil.rmtree(self.kept, ignore_errors=True)  # a damaged one: the former is all there is
            unfinished.rename(self.kept)
        except OSError as error:
            shutil.rmtree(unfinished, ignore_errors=True)
            if not self.refused:
                runtime.say_not_kept(self.kept, error)
            self.refused = True


def _former(kept: Path) -> Path:
    return kept.with_name(f"{kept.name}.former")


def _sound_copy(kept: Path) -> Path | None:
    """Find a training that is kept whole: the former one, where the newer was interrupted or came damaged."""
    return next((copy for copy in (kept, _former(kept)) if runtime.is_sealed(copy)), None)


def place_of(keep: Path, recipe: str, start: dict, trained: keras.Model) -> Path:
    """Return where a training is kept: those of one recipe that began with other weights are numbered."""
    kept = keep / recipe
    for number in itertools.count(1):
        sound = _sound_copy(kept)
        if sound is None or _began_alike(sound, start) or _ended_as(sound, trained):
            break
        kept = keep / f"{recipe}-{number}"
    return kept


def start_of(classifier: keras.Model, base: keras.Model) -> dict:
    """Describe the weights that a training begins with: the base's by their sum, the head's as they are."""
    head = [w.numpy().ravel() for layer in classifier.layers if layer is not base for w in layer.weights]
    return {"base": _sum_of(base.trainable_weights), "head": np.concatenate(head)}


def _began_alike(kept: Path, start: dict) -> bool:
    with np.load(kept / START_FILE) as before:
        difference = np.linalg.norm(start["head"] - before["head"])
        same_head = difference <= SAME_HEAD * np.linalg.norm(start["head"])
        return bool(same_head) and str(before["base"]) == start["base"]


def _ended_as(kept: Path, trained: keras.Model) -> bool:
    """Tell whether a model is what a kept training has made of it: a cell that is run a second time."""
    now = trained.get_weights()
    trained.load_weights(kept / "best.weights.h5")
    if all(map(np.array_equal, now, trained.get_weights())):
        return True
    trained.set_weights(now)
    return False


class _EarlyStopping(keras.callbacks.EarlyStopping):
    """Early stopping that remembers the epochs before an interruption."""

    def __init__(self, past: list[dict[str, float]], **settings: Any):
        super().__init__(**settings)
        self.past = past

    def on_train_begin(self, logs: dict | None = None) -> None:
        super().on_train_begin(logs)
        for row in self.past:
            self.on_epoch_end(int(row["epoch"]), row)
