"""What is kept on disk: killed while it is written, damaged afterwards, written by two at once."""

import itertools
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from faults import saved, table, without_rights

from helpers import augment, checks, features, runtime, training, transfer

SIZE = 32


def small_base():
    keras.utils.set_random_seed(1)
    pictures = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 255)(pictures)
    return keras.Model(pictures, keras.layers.Conv2D(8, 3, strides=8, name="conv")(x), name="small")


@pytest.fixture(scope="module")
def pets(picture, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pets")
    paths = [saved(np.roll(picture, 5 * i, axis=1), folder / f"{i}.png") for i in range(12)]
    data = table(*paths)
    data["label"] = ["cat", "dog"] * 6
    return data


def stores(tmp_path):
    return list((tmp_path / "home/data/features").glob("*.npz"))


# --- features -----------------------------------------------------------------------------------------


def test_a_store_with_any_byte_changed_gives_the_same_features(pets, tmp_path):
    """Every 13th byte in turn, header, keys, rows and directory: right or computed anew, never wrong."""
    base = small_base()
    expected = features.extract(base, pets)
    (store,) = stores(tmp_path)
    whole = store.read_bytes()
    keys = [features.content_key(path) for path in pets.path]
    refused = 0
    for place in range(0, len(whole), 13):
        store.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        rows = features._read_rows(store)
        refused += not rows
        assert not rows or np.array_equal(np.stack([rows[key] for key in keys]), expected)
    assert refused > 50
    for cut in range(0, len(whole), 97):
        store.write_bytes(whole[:cut])
        assert features._read_rows(store) == {}
    np.testing.assert_allclose(features.extract(base, pets), expected, atol=1e-5)
    assert len(features._read_rows(store)) == 12


def test_rows_of_another_format_are_computed_anew(pets, tmp_path, monkeypatch):
    base = small_base()
    expected = features.extract(base, pets)
    monkeypatch.setattr(features, "FORMAT", features.FORMAT + 1)
    assert features._read_rows(stores(tmp_path)[0]) == {}
    np.testing.assert_array_equal(features.extract(base, pets), expected)


def test_a_store_that_holds_python_objects_is_not_opened(pets, tmp_path):
    base = small_base()
    features.extract(base, pets)
    (store,) = stores(tmp_path)
    np.savez(store, keys=np.array([object()]), rows=np.zeros((1, 8)), digest="")
    assert features._read_rows(store) == {}


def test_what_two_notebooks_compute_is_kept_of_both(pets, tmp_path, monkeypatch):
    base = small_base()
    other_notebook = features.outputs_of

    def while_another_writes(network, paths):
        monkeypatch.setattr(features, "outputs_of", other_notebook)
        features.extract(base, pets[6:])
        return other_notebook(network, paths)

    monkeypatch.setattr(features, "outputs_of", while_another_writes)
    features.extract(base, pets[:6])
    assert len(features._read_rows(stores(tmp_path)[0])) == 12


# --- killed -------------------------------------------------------------------------------------------

SECONDS = (0.01, 0.02, 0.04, 0.07, 0.11, 0.16)


def killed(work, seconds):
    """Let a copy of this process `work` without end, and kill it that long after it has begun."""
    if not hasattr(os, "fork"):
        pytest.skip("this system copies no processes")
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work(lambda: os.write(tell, b"!"))
        finally:
            os._exit(1)
    assert os.read(told, 1) == b"!"
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


@pytest.mark.parametrize("seconds", SECONDS)
def test_killed_while_writing_features(tmp_path, seconds):
    store = tmp_path / "features.npz"

    def write(begun):
        for i in itertools.count():
            features._write_rows(store, {str(i % 7): np.full(200_000, i, np.float32)})
            if i == 0:
                begun()

    killed(write, seconds)
    rows = features._read_rows(store)
    assert rows and all((row == row[0]).all() and row[0] % 7 == int(key) for key, row in rows.items())


@pytest.mark.parametrize("seconds", SECONDS)
def test_killed_while_keeping_a_checkpoint(tmp_path, seconds):
    folder, kept = tmp_path / "training", tmp_path / "kept" / "recipe"
    folder.mkdir()

    def keep(begun):
        copy = training.KeptCopy(folder, kept)
        for epoch in itertools.count():
            for name in ("a.h5", "b.csv"):
                (folder / name).write_bytes(bytes([epoch % 256]) * 500_000)
            copy.on_epoch_end(epoch)
            if epoch == 0:
                begun()

    killed(keep, seconds)
    assert len([copy for copy in kept.parent.iterdir() if runtime.is_sealed(copy)]) <= 2
    again = tmp_path / "again"
    again.mkdir()
    training.KeptCopy(again, kept)
    contents = {path.name: path.read_bytes() for path in again.iterdir()}
    assert set(contents) == {"a.h5", "b.csv", runtime.SEAL}
    assert contents["a.h5"] == contents["b.csv"]  # both of one epoch


SAVE_MODELS = """
import sys, keras
from helpers import transfer
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(20_000), keras.layers.Dense(1)])
transfer.save(model, sys.argv[1], ("cat", "dog"))
print("begun", flush=True)
while True:
    transfer.save(model, sys.argv[1], ("cat", "dog"))
"""


@pytest.mark.slow
def test_killed_while_saving_a_model(tmp_path):
    path = tmp_path / "pets.keras"
    command = [sys.executable, "-c", SAVE_MODELS, str(path)]
    with subprocess.Popen(command, cwd=runtime.COURSE_FOLDER, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.2)
        process.kill()
    assert zipfile.ZipFile(path).testzip() is None  # the file is whole, the former or the new one
    assert transfer.load(path)[1] == ["cat", "dog"]


# --- checkpoints --------------------------------------------------------------------------------------


@pytest.fixture
def batches(pets):
    return augment.ImageBatches(pets[:8], SIZE, 4, shuffle=True), augment.ImageBatches(pets[8:], SIZE, 4)


@pytest.mark.slow
def test_a_damaged_checkpoint_is_not_read_and_the_training_begins_anew(batches, tmp_path, capsys):
    def train(epochs):
        model = transfer.build_classifier(small_base(), ("cat", "dog"))
        return transfer.fine_tune(model, *batches, epochs=epochs, learning_rate=1e-3, keep=tmp_path / "keep")

    first = train(1)
    (folder,) = (tmp_path / "keep").iterdir()
    for name in sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file()):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert not runtime.is_sealed(folder), name
        (folder / name).write_bytes(content)
    assert runtime.is_sealed(folder)
    (folder / "best.weights.h5").write_bytes(b"half")
    again = train(2)
    assert "is damaged, and begins anew" in capsys.readouterr().out
    assert again.epoch == [0, 1]
    np.testing.assert_allclose(again.history["loss"][0], first.history["loss"][0], rtol=1e-3)


def test_a_former_copy_counts_where_the_newer_one_is_damaged(batches, tmp_path):
    folder, kept = tmp_path / "training", tmp_path / "recipe"
    for place, content in ((kept, b"new"), (kept.with_name("recipe.former"), b"old")):
        place.mkdir()
        (place / "weights").write_bytes(content)
        (place / runtime.SEAL).write_text(runtime.digest(place))
    (kept / "weights").write_bytes(b"ne")
    folder.mkdir()
    training.KeptCopy(folder, kept)
    assert (folder / "weights").read_bytes() == b"old"


class Session:
    """A session that keeps a training of one file, which holds the number of its last epoch."""

    def __init__(self, root, name):
        self.folder, self.kept = root / name, root / "drive" / "recipe"
        self.folder.mkdir()
        self.copy = training.KeptCopy(self.folder, self.kept)
        file = self.folder / "weights"
        self.found = int(file.read_bytes()[:4]) if file.exists() else None

    def finish(self, *epochs):
        for epoch in epochs:
            (self.folder / "weights").write_bytes(b"%4d" % epoch * 1000)
            self.copy.on_epoch_end(epoch)


def on_drive(root):
    """Return the epoch of each copy that is kept, by its name; None for one that is damaged."""
    return {
        copy.name: int((copy / "weights").read_bytes()[:4]) if runtime.is_sealed(copy) else None
        for copy in (root / "drive").iterdir()
    }


def test_the_former_checkpoint_stays_until_the_next_is_an_epoch_old(tmp_path):
    session = Session(tmp_path, "first")
    session.finish(0)
    assert on_drive(tmp_path) == {"recipe": 0}
    for epoch in (1, 2, 3):
        session.finish(epoch)
        assert on_drive(tmp_path) == {"recipe": epoch, "recipe.former": epoch - 1}
    assert Session(tmp_path, "second").found == 3


@pytest.mark.parametrize("uploaded", [0, 3, 63])
@pytest.mark.parametrize("file", ["weights", runtime.SEAL])
def test_after_an_upload_that_broke_off_the_former_checkpoint_counts_and_stays(tmp_path, uploaded, file):
    """A disconnect: Drive has the newest copy's files, and not all that was written to them."""
    Session(tmp_path, "first").finish(0, 1, 2)
    with (tmp_path / "drive" / "recipe" / file).open("r+b") as half:
        half.truncate(uploaded)
    second = Session(tmp_path, "second")
    assert second.found == 1
    second.finish(2)
    assert on_drive(tmp_path) == {"recipe": 2, "recipe.former": 1}, "2 may break off as well"


def test_of_a_copy_that_was_being_uploaded_when_the_session_ended_nothing_is_missed(tmp_path):
    Session(tmp_path, "first").finish(0, 1)
    (tmp_path / "drive" / "recipe" / "weights").unlink()  # folders and names come before contents
    assert Session(tmp_path, "second").found == 0


# --- read-only, and models ----------------------------------------------------------------------------


def test_a_read_only_folder_costs_features_a_sentence_and_a_model_an_error(
    pets, open_folder, monkeypatch, capsys
):
    base = small_base()
    model = transfer.build_classifier(base, ("cat", "dog"))
    expected = features.extract(base, pets, keep=False)
    (open_folder / "locked").mkdir(mode=0o555)
    monkeypatch.setenv("COURSE_HOME", str(open_folder / "locked"))
    monkeypatch.setattr(features, "content_key", lambda path: path)  # pytest's folder is closed to nobody
    monkeypatch.setattr(features.images, "check", lambda paths: None)
    monkeypatch.setattr(features, "outputs_of", lambda base, paths: expected)
    with without_rights():
        np.testing.assert_array_equal(features.extract(base, pets), expected)
        with pytest.raises(
            checks.CourseError, match=r"'pets\.keras' cannot be written in .*locked.*Make room"
        ):
            transfer.save(model, open_folder / "locked" / "pets.keras", ("cat", "dog"))
    assert "could not be kept" in capsys.readouterr().out
    assert list((open_folder / "locked").iterdir()) == []


def test_a_full_disk_leaves_the_former_model(tmp_path, monkeypatch):
    model, path = transfer.build_classifier(small_base(), ("cat", "dog")), tmp_path / "pets.keras"
    transfer.save(model, path, ("cat", "dog"))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def fill_up(self, path, **_):
        Path(path).write_bytes(b"PK half of it")
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(keras.Model, "save", fill_up)
    with pytest.raises(checks.CourseError, match="cannot be written.*No space left on device"):
        transfer.save(model, path, ("cat", "dog"))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    transfer.load(path)
