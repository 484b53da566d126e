"""Weights and models from elsewhere: `.pth` files and `.keras` files that are damaged or mean harm."""

import hashlib
import json
import os
import pickle
import pickletools
import random
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some

from helpers import checkpoints, checks, classifier, transfer
from helpers.checkpoints import RefusedCheckpoint

# --- a `.pth` by hand ---------------------------------------------------------------------------------

GLOBAL_TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"
GLOBAL_FLOATS = b"ctorch\nFloatStorage\n"
EMPTY_ORDERED = b"ccollections\nOrderedDict\n)R"


def text(value: str) -> bytes:
    return b"X" + len(value.encode()).to_bytes(4, "little") + value.encode()


def integer(value: int) -> bytes:
    return b"J" + value.to_bytes(4, "little", signed=True)


def storage(length: bytes = integer(6), kind: bytes = GLOBAL_FLOATS) -> bytes:
    return b"(" + text("storage") + kind + text("0") + text("cpu") + length + b"NtQ"


def tensor(shape=(2, 3), strides=(3, 1), offset=0, stored: bytes | None = None) -> bytes:
    numbers = [b"(" + b"".join(map(integer, row)) + b"t" for row in (shape, strides)]
    stored = storage() if stored is None else stored
    return (
        GLOBAL_TENSOR + b"(" + stored + integer(offset) + b"".join(numbers) + b"\x89" + EMPTY_ORDERED + b"tR"
    )


def state_dict(*items: tuple[str, bytes]) -> bytes:
    return EMPTY_ORDERED + b"(" + b"".join(text(name) + value for name, value in items) + b"u"


def pth(
    state: bytes | None = None, keys: bytes = b"](" + text("0") + b"e", numbers: bytes | None = None
) -> bytes:
    """Return a checkpoint of one tensor of six numbers, or with parts of it replaced."""
    magic = b"\x8a\x0a" + checkpoints.MAGIC_NUMBER.to_bytes(10, "little")
    head = [magic, integer(checkpoints.PROTOCOL), b"}" + text("little_endian") + b"\x88s"]
    state = state_dict(("weight", tensor())) if state is None else state
    pickles = b"".join(b"\x80\x02" + part + b"." for part in [*head, state, keys])
    six = (6).to_bytes(8, "little") + np.arange(6, dtype="<f4").tobytes()
    return pickles + (six if numbers is None else numbers)


def read(content: bytes, folder):
    path = folder / "some.pth"
    path.write_bytes(content)
    return checkpoints.read_state_dict(path, hashlib.sha256(content).hexdigest())


def test_the_file_by_hand_is_sound(tmp_path):
    np.testing.assert_array_equal(read(pth(), tmp_path)["weight"], np.arange(6).reshape(2, 3))


MARKER = "/tmp/nobody-should-make-this-folder"
SYSTEM = f"cos\nmkdir\n(S'{MARKER}'\ntR".encode()


@pytest.mark.parametrize(
    "asks",
    [
        SYSTEM,
        f"(S'{MARKER}'\nios\nmkdir\n".encode(),  # INST
        b"(cos\nmkdir\n" + text(MARKER) + b"o",  # OBJ
        b"\x8c\x02os\x8c\x05mkdir\x93" + text(MARKER) + b"\x85R",  # STACK_GLOBAL
        b"cbuiltins\neval\n" + text("print('run')") + b"\x85R",
        b"cbuiltins\ngetattr\n",
        b"ctorch\nload\n",
        b"ccollections\nOrderedDict.__init__\n",
        b"\x82\x01",  # EXT1
        b"ccollections\nOrderedDict\n)\x81",  # NEWOBJ
        b"P0\n",  # PERSID, in text
        b"I1\n",
        b"F1.5\n",
        b"S'text'\n",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",  # BINBYTES8 of 9 million TB
        b"\x8b\xff\xff\xff\x7f",  # LONG4 of 2 GB
        b"\x96\x00\x00\x00\x00\x00\x00\x00\x7f",  # BYTEARRAY8
        b"r\xff\xff\xff\x7f",  # LONG_BINPUT on an empty stack
        GLOBAL_TENSOR + integer(1) + b"\x85R",  # a call that makes no sense
        b"NN\x85R",  # calls None
        EMPTY_ORDERED + b"}" + text("x") + b"Nsb" + b"0",  # BUILD, then POP
    ],
)
def test_any_other_instruction_is_refused_before_anything_runs(tmp_path, asks):
    with pytest.raises(RefusedCheckpoint):
        read(pth(state_dict(("weight", asks))), tmp_path)
    assert not Path(MARKER).exists()


def test_every_instruction_beyond_the_format_is_refused(tmp_path):
    """All that pickles know, each put before the end of the state dict with an argument that may fit."""
    known = set(b"\x80.N\x88\x89JKM\x8aX)]}(t\x85\x86\x87aesuqrhjcRQb")
    others = [op.code.encode("latin-1") for op in pickletools.opcodes if ord(op.code) not in known]
    assert len(others) > 30
    for code in others:
        for argument in (b"", b"\0", b"1\n", b"1\n2\n", b"\1\0\0\0x", b"\1\0\0\0\0\0\0\0x", b"'a'\n"):
            with pytest.raises(RefusedCheckpoint):
                read(pth(state_dict(("weight", code + argument))), tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 a zip archive, PyTorch's present format",
        pth()[:50],
        pth()[:-1],
        pth(numbers=(2**60).to_bytes(8, "little")),
        pth(numbers=(-6 % 2**64).to_bytes(8, "little")),
        pth(state_dict(("weight", tensor(stored=storage(b"\x8a\x08" + (2**62).to_bytes(8, "little")))))),
        pth(state_dict(("weight", tensor(shape=(2**31 - 1, 2**31 - 1), strides=(0, 0))))),
        pth(state_dict(("weight", tensor(shape=(2**31 - 1, 0, 2**31 - 1), strides=(0, 0, 0))))),
        pth(state_dict(*[(str(i), tensor(shape=(1000,), strides=(0,))) for i in range(50)])),
        pth(state_dict(("weight", tensor(shape=(2,), strides=(3, 1))))),
        pth(state_dict(("weight", tensor(offset=-1)))),
        pth(state_dict(("weight", tensor(strides=(-1, -1))))),
        pth(state_dict(("weight", b"N"))),
        pth(state_dict(("weight", tensor(stored=b"N")))),
        pth(EMPTY_ORDERED + b"(" + b")" * 3 + b"Nu"),
        pth(EMPTY_ORDERED + b")" + b"\x85" * 100_000 + b"Ns"),  # a tuple nested deeper than C's stack
        pth(b"(" * 100_000),
        pth(keys=b"](" + text("1") + b"e"),
        pth(keys=b"]"),
    ],
    ids=range(20),
)
def test_what_is_truncated_or_claims_too_much_is_refused(tmp_path, content):
    with pytest.raises(RefusedCheckpoint):
        read(content, tmp_path)


@pytest.mark.parametrize("wrong", ["", "abc", None, 7])
def test_a_sum_that_is_none_is_no_way_around_it(tmp_path, wrong):
    (tmp_path / "some.pth").write_bytes(pth())
    with pytest.raises(checks.CourseError, match="sha256 is"):
        checkpoints.read_state_dict(tmp_path / "some.pth", wrong)


def judge(content: bytes, folder):
    """Read a file that may be anything: arrays, or a refusal; nothing else, and nothing large."""
    try:
        arrays = read(content, folder)
    except RefusedCheckpoint as refusal:
        assert len(str(refusal)) < 400 and "\n" not in str(refusal)
        return False
    assert all(isinstance(name, str) and array.dtype in ("<f4", "<i8") for name, array in arrays.items())
    assert sum(array.nbytes for array in arrays.values()) <= 16 * len(content)
    return True


@settings(max_examples=500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(content=some.binary(max_size=300))
@example(content=pickle.dumps(os.mkdir))
def test_fuzz_any_bytes(tmp_path_factory, content):
    judge(content, tmp_path_factory.getbasetemp())
    judge(pth(state=content), tmp_path_factory.getbasetemp())


INSTRUCTIONS = [op.code.encode("latin-1") for op in pickletools.opcodes]
PARTS = [text("a"), integer(3), GLOBAL_FLOATS, GLOBAL_TENSOR, EMPTY_ORDERED, storage(), tensor(), SYSTEM]


@settings(max_examples=500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    parts=some.lists(
        some.sampled_from(INSTRUCTIONS + PARTS) | some.binary(min_size=1, max_size=4), max_size=25
    )
)
def test_fuzz_any_instructions(tmp_path_factory, parts):
    judge(pth(state=b"".join(parts)), tmp_path_factory.getbasetemp())
    judge(pth(state_dict(("weight", b"".join(parts)))), tmp_path_factory.getbasetemp())
    assert not Path(MARKER).exists()


def test_fuzz_mutated_files(tmp_path):
    """Files with a few bytes changed, cut out, repeated or put in."""
    sound, dice = pth(), random.Random(0)
    runs = 1500
    accepted = 0
    for _ in range(runs):
        content = bytearray(sound)
        for _ in range(dice.randint(1, 4)):
            place = dice.randrange(len(content))
            match dice.randrange(4):
                case 0:
                    content[place] = dice.randrange(256)
                case 1:
                    del content[place : place + dice.randint(1, 30)]
                case 2:
                    content[place:place] = content[place : place + dice.randint(1, 30)]
                case 3:
                    content[place:place] = dice.choice(INSTRUCTIONS + PARTS)
            content = content or bytearray(b".")
        accepted += judge(bytes(content), tmp_path)
    assert 0 < accepted < runs / 3
    assert not Path(MARKER).exists()


# --- `.keras` -----------------------------------------------------------------------------------------


def small_model(*between):
    return keras.Sequential([keras.Input((4,)), *between, keras.layers.Dense(1, activation="sigmoid")])


def from_elsewhere(model, path, names='["cat", "dog"]', changed=lambda name, content: content):
    """Save a model as someone else would, and change what is in the file."""
    model.save(path.with_suffix(".plain.keras"))
    with (
        zipfile.ZipFile(path.with_suffix(".plain.keras")) as plain,
        zipfile.ZipFile(path, "w") as archive,
    ):
        for name in plain.namelist():
            archive.writestr(name, changed(name, plain.read(name)))
        if names is not None:
            archive.writestr(classifier.CLASSES_FILE, names)
    return path


def with_config(change):
    """Change the parsed JSON of a member of a model's file, by the member's name."""

    def changed(name, content):
        if name not in change:
            return content
        parsed = json.loads(content)
        change[name](parsed)
        return json.dumps(parsed).encode()

    return changed


def test_a_model_of_keras_own_layers_is_loaded(tmp_path):
    assert transfer.load(from_elsewhere(small_model(), tmp_path / "pets.keras"))[1] == ["cat", "dog"]


def test_code_in_a_model_is_not_run(tmp_path, monkeypatch):
    monkeypatch.setenv("MARKER", str(tmp_path / "ran"))
    harm = keras.layers.Lambda(lambda x: (__import__("pathlib").Path(os.environ["MARKER"]).touch(), x)[1])
    path = from_elsewhere(small_model(harm), tmp_path / "pets.keras")
    (tmp_path / "ran").unlink()  # it ran here, where it was made
    with pytest.raises(checks.CourseError, match=r"'pets\.keras' is damaged, or carries code of its own"):
        transfer.load(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "layer",
    [
        {"module": "os", "class_name": "system", "config": "true"},
        {"module": "builtins", "class_name": "eval", "config": {"source": "1"}},
        {"module": "subprocess", "class_name": "Popen", "config": {"args": ["true"]}},
        {"module": "keras.utils", "class_name": "get_file", "config": {"origin": "http://127.0.0.1:9/x"}},
    ],
)
def test_a_model_that_names_a_function_of_elsewhere_is_refused(tmp_path, layer):
    def put(config):
        config["config"]["layers"][1] = {**layer, "registered_name": None}

    model = small_model(keras.layers.ReLU())
    path = from_elsewhere(model, tmp_path / "evil.keras", changed=with_config({"config.json": put}))
    with pytest.raises(checks.CourseError, match="carries code of its own"):
        transfer.load(path)


def test_damaged_model_files_are_refused(tmp_path):
    path = from_elsewhere(small_model(), tmp_path / "pets.keras")
    whole = path.read_bytes()
    for content in (b"", b"no zip", whole[: len(whole) // 2], whole[:-10]):
        path.write_bytes(content)
        with pytest.raises(checks.CourseError, match=r"'pets\.keras' is damaged"):
            transfer.load(path)


def test_a_model_with_any_byte_changed_is_refused_or_the_same(tmp_path):
    """Times of members do not count; what a model computes with is checked by the archive's sums."""
    model = small_model()
    path = from_elsewhere(model, tmp_path / "pets.keras")
    whole, inputs = path.read_bytes(), np.ones((1, 4), np.float32)
    expected, refused = model.predict(inputs, verbose=0), 0
    places = range(0, len(whole), 997)
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            loaded, classes = transfer.load(path)
        except checks.CourseError:
            refused += 1
        else:
            assert classes == ["cat", "dog"]
            np.testing.assert_array_equal(loaded.predict(inputs, verbose=0), expected)
    assert refused > len(places) / 2


@pytest.mark.parametrize(
    "names", ["", "[]", "{}", "7", '["cat"]', '["cat", "cat"]', '["a", "b", "c"]', '"ab"']
)
def test_names_that_are_not_the_classes_are_refused(tmp_path, names):
    path = from_elsewhere(small_model(), tmp_path / "pets.keras", names)
    with pytest.raises(checks.CourseError, match="pets.keras' is damaged|Give the 2 different names"):
        transfer.load(path)


def test_a_model_without_names_says_what_to_do(tmp_path):
    path = from_elsewhere(small_model(), tmp_path / "pets.keras", None)
    with pytest.raises(
        checks.CourseError, match=r"does not hold its classes' names.*keras\.saving\.load_model"
    ):
        transfer.load(path)


def newer(config):
    config["keras_version"] = "99.1.0"


def puzzling(config):
    config["config"]["layers"][1]["config"]["a_setting_of_the_future"] = None


@pytest.mark.parametrize("saved_by", [newer, lambda config: None])
def test_a_model_of_a_newer_keras_is_called_that(tmp_path, saved_by):
    change = with_config({"config.json": puzzling, "metadata.json": saved_by})
    path = from_elsewhere(small_model(), tmp_path / "pets.keras", changed=change)
    what = "was saved with Keras 99.1.0; this is Keras [0-9.]+, which" if saved_by is newer else "is damaged"
    with pytest.raises(checks.CourseError, match=what):
        transfer.load(path)
    understood = from_elsewhere(
        small_model(), tmp_path / "fine.keras", changed=with_config({"metadata.json": saved_by})
    )
    assert transfer.load(understood)[1] == ["cat", "dog"]
