"""Weights from elsewhere: `.pth` files that are damaged or mean harm, written here byte by byte."""

import hashlib
import os
import pickle
import pickletools
import random
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some
from numpy.lib.array_utils import byte_bounds

from helpers import checks, lite
from helpers.lite import RefusedCheckpoint

GLOBAL_TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"
GLOBAL_FLOATS = b"ctorch\nFloatStorage\n"
EMPTY_ORDERED = b"ccollections\nOrderedDict\n)R"


def text(value: str) -> bytes:
    return b"X" + len(value.encode()).to_bytes(4, "little") + value.encode()


def integer(value: int) -> bytes:
    if abs(value) < 2**31:
        return b"J" + value.to_bytes(4, "little", signed=True)
    return b"\x8a\x09" + value.to_bytes(9, "little", signed=True)


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


ONE_KEY = b"](" + text("0") + b"e"


def pth(state: bytes | None = None, keys: bytes = ONE_KEY, numbers: bytes | None = None) -> bytes:
    """Return a checkpoint of one tensor of six numbers, or with parts of it replaced."""
    six = (6).to_bytes(8, "little") + np.arange(6, dtype="<f4").tobytes()
    return b"".join(pickles(state, keys)) + (six if numbers is None else numbers)


def pickles(state: bytes | None = None, keys: bytes = ONE_KEY) -> list[bytes]:
    magic = b"\x8a\x0a" + lite.MAGIC_NUMBER.to_bytes(10, "little")
    head = [magic, integer(lite.PROTOCOL), b"}" + text("little_endian") + b"\x88s"]
    state = state_dict(("weight", tensor())) if state is None else state
    return [b"\x80\x02" + part + b"." for part in [*head, state, keys]]


def read(content: bytes, folder):
    path = folder / "some.pth"
    path.write_bytes(content)
    return lite.read_state_dict(path, hashlib.sha256(content).hexdigest())


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
def test_what_is_no_tensor_is_refused_and_nothing_runs(tmp_path, asks):
    with pytest.raises(RefusedCheckpoint):
        read(pth(state_dict(("weight", asks))), tmp_path)
    assert not Path(MARKER).exists()


@pytest.mark.parametrize(
    "name",
    [
        *(b"os system", b"posix system", b"nt system", b"subprocess Popen", b"builtins eval"),
        *(b"torch load", b"torch DoubleStorage", b"torch._utils _rebuild", b"numpy ndarray"),
        *(b"collections OrderedDict.copy", b"collections Counter", b"__main__ OrderedDict", b"no_such thing"),
    ],
)
def test_a_foreign_name_is_refused_in_any_of_the_pickles(tmp_path, name):
    foreign, said = b"\x80\x02c" + name.replace(b" ", b"\n") + b"\n.", name.decode().replace(" ", ".")
    for part in range(5):
        content = b"".join([*pickles()[:part], foreign, *pickles()[part + 1 :]])
        with pytest.raises(RefusedCheckpoint, match=f"asks for '{said}', which a table of tensors does not"):
            read(content, tmp_path)


def test_a_foreign_module_is_not_imported(tmp_path, monkeypatch):
    """That alone would run its code."""
    (tmp_path / "of_elsewhere.py").write_text("OrderedDict = dict")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RefusedCheckpoint, match=r"asks for 'of_elsewhere\.OrderedDict'"):
        read(pth(b"cof_elsewhere\nOrderedDict\n)R"), tmp_path)
    assert "of_elsewhere" not in sys.modules


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 a zip archive, PyTorch's present format",
        pth()[:50],
        pth()[:-1],
        pth(numbers=(2**60).to_bytes(8, "little")),
        pth(numbers=(-6 % 2**64).to_bytes(8, "little")),
        pth(state_dict(("weight", tensor(stored=storage(integer(2**62)))))),
        pth(state_dict(("weight", tensor(shape=(2**31 - 1, 2**31 - 1), strides=(0, 0))))),
        pth(state_dict(("weight", tensor(shape=(2**31 - 1, 0, 2**31 - 1), strides=(0, 0, 0))))),
        pth(state_dict(("weight", tensor(shape=(5, 1), strides=(2**60, 1))))),  # 64 bits overflow to 0
        pth(state_dict(("weight", tensor(shape=(2,), strides=(3, 1))))),
        pth(state_dict(("weight", tensor(offset=-1)))),
        pth(state_dict(("weight", tensor(offset=1)))),  # the last number lies one too far
        pth(state_dict(("weight", tensor(strides=(-1, -1))))),
        pth(state_dict(("weight", b"N"))),
        pth(state_dict(("weight", tensor(stored=b"N")))),
        pth(EMPTY_ORDERED + b"(" + b")" * 3 + b"Nu"),
        pth(EMPTY_ORDERED + integer(1) + tensor() + b"s"),  # a name that is no text
        pth(state_dict(("weight", tensor(stored=storage(kind=text("<f4")))))),
        pth(EMPTY_ORDERED + b")" + b"\x85" * 5_000 + b"Ns"),  # a tuple nested deep
        pth(b"(" * 100_000),
        pth(keys=b"](" + text("1") + b"e"),
        pth(keys=b"]"),
    ],
    ids=range(23),
)
def test_what_is_truncated_or_claims_too_much_is_refused(tmp_path, content):
    with pytest.raises(RefusedCheckpoint):
        read(content, tmp_path)


@pytest.mark.parametrize("wrong", ["", "abc", None, 7])
def test_a_sum_that_is_none_is_no_way_around_it(tmp_path, wrong):
    (tmp_path / "some.pth").write_bytes(pth())
    with pytest.raises(checks.CourseError, match="sha256 is"):
        lite.read_state_dict(tmp_path / "some.pth", wrong)


def test_tensors_are_views_that_take_no_memory_of_their_own(tmp_path):
    """A small file cannot ask for a large memory by many tensors, or by repeating one number."""
    many = [(str(i), tensor(shape=(10**6,), strides=(0,), offset=i % 6)) for i in range(50)]
    arrays = read(pth(state_dict(*many)), tmp_path)
    assert len(arrays) == 50 and not any(array.flags.owndata for array in arrays.values())
    assert len({array.__array_interface__["data"][0] for array in arrays.values()}) == 6


def test_a_file_of_another_sum_never_gets_to_the_unpickler(tmp_path, monkeypatch):
    monkeypatch.setattr(lite, "_Unpickler", lambda stream: pytest.fail("it is interpreted"))
    sound, dice = pth(), random.Random(0)
    path = tmp_path / "some.pth"
    for place in range(len(sound)):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ dice.randint(1, 255)]) + sound[place + 1 :])
        with pytest.raises(RefusedCheckpoint, match="has the SHA-256"):
            lite.read_state_dict(path, hashlib.sha256(sound).hexdigest())


@pytest.fixture
def little_memory():
    """At most 256 MB more than in use now: an unpickler makes room for as many things as a pickle says."""
    resource = pytest.importorskip("resource", reason="Windows sets no such limit")
    if sys.platform != "linux":
        pytest.skip("only Linux keeps to such a limit")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def judge(content: bytes, folder):
    """Read a file that may be anything, of the sum it has: arrays within its storages, or a refusal."""
    try:
        arrays = read(content, folder)
    except RefusedCheckpoint as refusal:
        assert len(str(refusal)) < 400 and "\n" not in str(refusal)
        return False
    assert all(isinstance(name, str) and array.dtype in ("<f4", "<i8") for name, array in arrays.items())
    for array in arrays.values():
        storage = array.base.base  # from the tensor's first number on
        assert array.size == 0 or byte_bounds(array)[1] <= byte_bounds(storage)[1]
    return True


@settings(max_examples=500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(content=some.binary(max_size=300))
@example(content=pickle.dumps(os.mkdir))
def test_fuzz_any_bytes(tmp_path_factory, little_memory, content):
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
def test_fuzz_any_instructions(tmp_path_factory, little_memory, parts):
    judge(pth(state=b"".join(parts)), tmp_path_factory.getbasetemp())
    judge(pth(state_dict(("weight", b"".join(parts)))), tmp_path_factory.getbasetemp())
    assert not Path(MARKER).exists()


def test_fuzz_mutated_files(tmp_path, little_memory):
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
