"""The course in one folder: what is in it, and that a machine without network installs and runs it."""

import functools
import hashlib
import http.server
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from packaging.tags import sys_tags

from helpers import datasets, runtime
from helpers.course import bundle, commands, lessons
from helpers.runtime import COURSE_FOLDER
from helpers.sources import zips

TAG = str(next(sys_tags()))  # of wheels for this very machine, such as cp312-cp312-manylinux_2_36_x86_64
# What stands in for the course: its one module says how it was called, and "keeps" the photos.
MODULE = """\
import json, os, sys
from pathlib import Path
import tiny, coloured
Path("data", "dog-cat").mkdir(parents=True, exist_ok=True)
Path("calls").open("a").write(json.dumps([sys.argv[1:], os.environ.get("COURSE_DATA")]) + "\\n")
"""
# What stands in for JupyterLab: after Ctrl-C it takes its time to close what is open.
LAB = """\
import time
try:
    print("open", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(1)
    print("closed")
"""
INTERRUPTED = """\
import sys, start
def read_sums(source):
    raise KeyboardInterrupt
start.read_sums = read_sums
sys.exit(start.main())
"""
WITHOUT_NETWORK = ["unshare", "--map-root-user", "--net"]
# In a namespace of its own a process has no network at all; Jupyter's kernels need the loopback device.
LOOPBACK_UP = (
    "import fcntl, socket, struct; s = socket.socket(); "
    "fcntl.ioctl(s, 0x8914, struct.pack('16sh14x', b'lo', 0x49))"
)


def write_wheel(folder: Path, name: str, tag: str) -> None:
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-{tag}.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", "")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        wheel.writestr(f"{info}/RECORD", "")


def write_source(folder: Path, name: str) -> None:
    setup = f"from setuptools import setup\nsetup(name={name!r}, version='1.0', py_modules=[])\n"
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    with tarfile.open(folder / f"{name}-1.0.tar.gz", "w:gz") as source:
        for file, text in (("setup.py", setup), ("PKG-INFO", about)):
            member = tarfile.TarInfo(f"{name}-1.0/{file}")
            member.size = len(text)
            source.addfile(member, io.BytesIO(text.encode()))


def sum_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def commit(folder: Path) -> None:
    """Make a git checkout of `folder`, with all that is in it."""
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "A course"]):
        identity = ["-c", "user.name=A teacher", "-c", "user.email=teacher@example.org"]
        subprocess.run(["git", *identity, *command], cwd=folder, check=True)


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """A tiny course: a git checkout with three requirements, which lie beside it in `packages`."""
    course = tmp_path_factory.mktemp("tiny") / "course"
    (course / "helpers").mkdir(parents=True)
    (course / "helpers" / "__main__.py").write_text(MODULE, encoding="utf-8")
    packages = course.parent / "packages"
    packages.mkdir()
    write_wheel(packages, "tiny", "py3-none-any")
    write_wheel(packages, "coloured", TAG)
    write_source(packages, "built")
    pins = [
        f"{path.name.split('-')[0]}==1.0 \\\n    --hash=sha256:{sum_of(path)}\n"
        for path in sorted(packages.iterdir(), reverse=True)
    ]
    (course / "requirements.txt").write_text("# a reason\n" + "".join(pins), encoding="utf-8")
    commit(course)
    (course / "not committed").touch()
    return course


@pytest.fixture(scope="module")
def only_those_packages(course) -> Iterator[None]:
    """pip finds the tiny course's packages, and builds with this environment's setuptools."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(course.parent / "packages"))
        patch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # pip takes it for what its option of that name does
        yield


@pytest.fixture(scope="module")
def made(course, only_those_packages, tmp_path_factory) -> Path:
    """The bundle of the tiny course, with two drawn pets for photos."""
    folder = tmp_path_factory.mktemp("a stick") / "bundle"
    pets = datasets.draw_pets(2, 0, folder.parent / "pets", size=16)
    bundle.make(folder, pets, course=course)
    return folder


@pytest.fixture
def copy(made, tmp_path) -> Path:
    return shutil.copytree(made, tmp_path / "copied bundle")


def start(*command: str | Path, **environment: str) -> subprocess.CompletedProcess:
    """Run `command` as a fresh machine would: without the course's variables, without network if possible."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("COURSE_", "PIP_"))}
    return subprocess.run([*map(str, command)], env={**kept, **environment}, capture_output=True, text=True)


def offline() -> list[str]:
    """Return what to put before a command to run it without network, or nothing where that is not allowed."""
    if (
        shutil.which("unshare")
        and subprocess.run([*WITHOUT_NETWORK, "true"], stderr=subprocess.DEVNULL).returncode == 0
    ):
        return WITHOUT_NETWORK
    return []


def calls(course: Path) -> list:
    return [json.loads(line) for line in (course / "calls").read_text(encoding="utf-8").splitlines()]


# --- what is in it ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_everything_is_there_and_has_its_sum(made):
    files = {path.relative_to(made).as_posix(): path for path in made.rglob("*") if path.is_file()}
    sums = dict(line.split("  ")[::-1] for line in (made / "SHA256SUMS").read_text().splitlines())
    assert set(sums) == set(files) - {"SHA256SUMS"}
    assert {"start.py", "start.sh", "start.ps1", "READ-ME.txt", "course.zip", "dog-cat.zip"} < set(files)
    assert "requirements.txt" in files
    assert {name for name in files if name.endswith(".whl")} == {
        "wheels/tiny-1.0-py3-none-any.whl",
        f"wheels/coloured-1.0-{TAG}.whl",
        "wheels/built-1.0-py3-none-any.whl",
    }
    for name, checksum in sums.items():
        assert sum_of(files[name]) == checksum


@pytest.mark.slow
def test_the_pins_are_the_courses_and_what_was_built_has_its_own_sum(made, course):
    theirs, pins = (
        runtime.pins((folder / "requirements.txt").read_text(encoding="utf-8")) for folder in (course, made)
    )
    own = sum_of(made / "wheels" / "built-1.0-py3-none-any.whl")
    assert pins == {**theirs, "built": f"{theirs['built']} \\\n    --hash=sha256:{own}"}


@pytest.mark.slow
@pytest.mark.usefixtures("only_those_packages")
def test_a_package_that_is_not_the_courses_is_not_bundled(course, tmp_path):
    other = shutil.copytree(course, tmp_path / "course")
    locked = (other / "requirements.txt").read_text(encoding="utf-8")
    right = sum_of(course.parent / "packages" / "tiny-1.0-py3-none-any.whl")
    (other / "requirements.txt").write_text(locked.replace(right, "0" * 64), encoding="utf-8")
    with pytest.raises(bundle.BundleError, match=f"(?s)could not get all packages.*{right}"):
        bundle.make(tmp_path / "bundle", pd.DataFrame({"path": [], "label": []}), course=other)


@pytest.mark.slow
def test_course_and_photos_are_packed(made):
    with zipfile.ZipFile(made / "course.zip") as packed:
        assert {"requirements.txt", "helpers/__main__.py"} <= set(packed.namelist())
        assert "not committed" not in packed.namelist()
    with zipfile.ZipFile(made / "dog-cat.zip") as packed:
        assert packed.namelist() == ["cat/cat.0.jpg", "dog/dog.0.jpg"]


def test_students_get_the_edition_without_solutions(tmp_path):
    bundle._write_student_edition(tmp_path / "course.zip")
    with zipfile.ZipFile(tmp_path / "course.zip") as packed:
        assert {"requirements.txt", "helpers/__main__.py", "notebooks/glossary.md"} <= set(packed.namelist())
        lesson = packed.read("notebooks/01_data_survey.ipynb").decode()
    assert "raise NotImplementedError" in lesson and "BEGIN SOLUTION" not in lesson


def test_the_photos_archive_is_one_that_the_course_takes(photos, tmp_path, monkeypatch):
    zips.pack(photos, tmp_path / "dog-cat.zip")
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "dog-cat.zip"))
    assert datasets.summary() == "1399 images, 700 cat, 699 dog, verified"


@pytest.fixture
def windows_stick(tmp_path) -> Path:
    """The scripts as a checkout on Windows may have them, with its line ends."""
    folder = tmp_path / "stick on Windows"
    folder.mkdir()
    for path in bundle.STICK.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(b"\r\n".join(path.read_bytes().splitlines()) + b"\r\n")
    return folder


@pytest.mark.slow
@pytest.mark.usefixtures("only_those_packages")
def test_a_bundle_made_on_windows_starts_elsewhere(windows_stick, course, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "STICK", windows_stick)
    bundle.make(tmp_path / "bundle", pd.DataFrame({"path": [], "label": []}), course=course)
    (tmp_path / "bundle" / "wheels" / f"coloured-1.0-{TAG}.whl").unlink()
    started = start("sh", tmp_path / "bundle" / "start.sh", PYTHON=sys.executable)
    assert started.stderr == "No Python was found that the packages in wheels/ are for. See READ-ME.txt.\n"


def test_a_checkout_on_windows_has_unix_line_ends_and_packs_them(tmp_path):
    (tmp_path / "course").mkdir()
    for name in (
        ".gitattributes",
        "Makefile",
        "helpers/course/stick/start.sh",
        "helpers/study/results/autopsy.csv",
    ):
        shutil.copy(COURSE_FOLDER / name, tmp_path / "course")
    commit(tmp_path / "course")
    clone = ["git", "-c", "core.autocrlf=true", "clone", "-q", "-c", "core.autocrlf=true"]
    subprocess.run([*clone, tmp_path / "course", tmp_path / "clone"], check=True)
    checked_out = [path.read_bytes() for path in (tmp_path / "clone").iterdir() if path.is_file()]
    bundle._write_course(tmp_path / "clone", tmp_path / "course.zip")
    with zipfile.ZipFile(tmp_path / "course.zip") as packed:
        texts = [*checked_out, *(packed.read(name) for name in packed.namelist())]
    assert len(texts) == 8 and not any(b"\r" in text for text in texts)


# --- a machine without network -------------------------------------------------------------------------


@pytest.mark.slow
def test_a_machine_without_network_installs_and_starts(copy, tmp_path):
    into = tmp_path / "my course"
    command = [*offline(), "sh", copy / "start.sh", "--into", into]
    first = start(*command, PYTHON=sys.executable)
    assert first.returncode == 0, first.stderr
    assert calls(into) == [[["data"], str(copy / "dog-cat.zip")], [["lab"], None]]

    shutil.rmtree(copy / "wheels")  # the second start needs them no longer
    second = start(*offline(), sys.executable, copy / "start.py", "--into", into, "--only-install")
    assert second.returncode == 0, second.stderr
    assert len(calls(into)) == 2 and str(into) in second.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", ["course.zip", "dog-cat.zip", "wheels/tiny-1.0-py3-none-any.whl"])
def test_a_damaged_file_is_named_and_nothing_installed(copy, tmp_path, name):
    with (copy / name).open("ab") as file:
        file.write(b"x")
    failed = start(sys.executable, copy / "start.py", "--into", tmp_path / "course")
    assert failed.returncode == 1 and f"{name} is damaged" in failed.stderr
    assert not (tmp_path / "course").exists()


@pytest.mark.slow
def test_a_wheel_that_the_pins_do_not_name_is_not_installed(copy, tmp_path):
    wheel, sums = copy / "wheels" / "tiny-1.0-py3-none-any.whl", copy / "SHA256SUMS"
    pinned = sum_of(wheel)
    write_wheel(copy / "wheels", "tiny", "py2-none-any")
    (copy / "wheels" / "tiny-1.0-py2-none-any.whl").replace(wheel)
    sums.write_text(sums.read_text().replace(pinned, sum_of(wheel)))
    failed = start(sys.executable, copy / "start.py", "--into", tmp_path / "course")
    assert failed.returncode == 1 and f"Expected sha256 {pinned}" in failed.stderr


@pytest.mark.slow
def test_a_folder_that_holds_other_things_is_left_alone(copy, tmp_path):
    (tmp_path / "course").mkdir()
    (tmp_path / "course" / "essay.txt").write_text("mine")
    failed = start(sys.executable, copy / "start.py", "--into", tmp_path / "course")
    assert failed.returncode == 1 and "holds other things. Choose another folder" in failed.stderr
    assert [path.name for path in (tmp_path / "course").iterdir()] == ["essay.txt"]


@pytest.mark.slow
def test_a_python_without_wheels_is_refused_with_the_ones_that_have_some(copy, tmp_path):
    wheel = copy / "wheels" / f"coloured-1.0-{TAG}.whl"
    wheel.rename(wheel.with_name("coloured-1.0-cp39-cp39-any.whl"))
    sums = (copy / "SHA256SUMS").read_text().replace(TAG, "cp39-cp39-any")
    (copy / "SHA256SUMS").write_text(sums)
    failed = start(sys.executable, copy / "start.py", "--into", tmp_path / "course")
    assert failed.returncode == 1 and "the packages here are for Python 3.9." in failed.stderr
    failed = start("sh", copy / "start.sh", PYTHON=sys.executable)
    assert failed.returncode == 1 and "No Python was found" in failed.stderr


def test_the_script_for_windows_looks_for_the_same_pythons():
    shell, power_shell = ((bundle.STICK / name).read_text() for name in ("start.sh", "start.ps1"))
    for version in ("3.13", "3.12", "3.11"):
        assert f"python{version}" in shell and f'"{version}"' in power_shell
    assert "start.py" in shell and "start.py" in power_shell


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C in another way")
def test_ctrl_c_is_left_to_jupyterlab_and_ends_without_a_traceback(copy, tmp_path):
    into = tmp_path / "course"
    assert start(sys.executable, copy / "start.py", "--into", into, "--only-install").returncode == 0
    (into / "helpers" / "__main__.py").write_text(LAB, encoding="utf-8")
    command = [sys.executable, copy / "start.py", "--into", into]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as started:
        while started.stdout.readline() != "open\n":
            pass
        os.killpg(started.pid, signal.SIGINT)  # as a terminal does
        out, err = started.communicate(timeout=60)
    assert (out, err, started.returncode) == ("closed\n", "", 0)


@pytest.mark.slow
def test_ctrl_c_while_it_installs_is_told_in_a_word(copy, tmp_path):
    (copy / "interrupted.py").write_text(INTERRUPTED, encoding="utf-8")
    stopped = start(sys.executable, copy / "interrupted.py", "--into", tmp_path / "course")
    assert stopped.returncode == 1 and stopped.stderr == "\nStopped. The next start goes on from here.\n"


# --- from a server in the room ------------------------------------------------------------------------


@pytest.fixture
def address(copy):
    """The address of a server of that folder, as `python -m http.server` would be."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=copy)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_a_student_installs_from_the_server(address, tmp_path):
    shutil.copy(bundle.STICK / "start.py", tmp_path)
    done = start(sys.executable, tmp_path / "start.py", "--from", address, "--into", tmp_path / "course")
    assert done.returncode == 0, done.stderr
    assert calls(tmp_path / "course") == [[["data"], f"{address}/dog-cat.zip"], [["lab"], None]]


@pytest.mark.slow
def test_a_wheel_that_the_server_has_damaged_is_refused(address, copy, tmp_path):
    download = [sys.executable, "-m", "pip", "download", "--no-index", "--find-links", f"{address}/wheels/"]
    assert start(*download, "--dest", tmp_path, "tiny").returncode == 0
    with (copy / "wheels" / "tiny-1.0-py3-none-any.whl").open("ab") as file:
        file.write(b"x")
    failed = start(*download, "--dest", tmp_path / "again", "tiny")
    assert failed.returncode and "DO NOT MATCH THE HASHES" in failed.stderr


@pytest.mark.slow
def test_a_wrong_address_is_named(tmp_path):
    failed = start(
        sys.executable,
        bundle.STICK / "start.py",
        "--from",
        "http://127.0.0.1:9",
        "--into",
        tmp_path / "course",
    )
    assert failed.returncode == 1 and "did not come from http://127.0.0.1:9" in failed.stderr


# --- for other platforms ---------------------------------------------------------------------------------


def test_conditions_are_those_of_the_other_machine():
    pins = {
        "a==1": "",
        "b[more]==2": " ; os_name == 'nt'",
        "c==3": " ; sys_platform != 'win32'",
        "d==4": " ; python_full_version < '3.12'",
        "e==5": " ; platform_machine == 'x86_64' and sys_platform == 'linux'",
    }
    sums = " \\\n    --hash=sha256:1 \\\n    --hash=sha256:2"
    text = "# a reason\n" + "".join(f"{pin}{condition}{sums}\n" for pin, condition in pins.items())
    for platform, python, holding in (
        ("windows", "3.11", ("a==1", "b[more]==2", "d==4")),
        ("mac", "3.12", ("a==1", "c==3")),
        ("linux", "3.13", ("a==1", "c==3", "e==5")),
    ):
        assert bundle.pins_for(text, platform, python) == [pin + sums for pin in holding]


def test_other_platforms_are_asked_for_by_name(course, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(bundle, "_pip", lambda *arguments: asked.append([*map(str, arguments)]))
    (tmp_path / "bundle" / "wheels").mkdir(parents=True)
    monkeypatch.setattr(bundle.shutil, "rmtree", lambda *_, **__: None)
    no_photos = pd.DataFrame({"path": [], "label": []})
    monkeypatch.setattr(bundle.shutil, "copytree", lambda *_, **__: None)
    bundle.make(tmp_path / "bundle", no_photos, ["windows", "mac"], ["3.12", "3.13"], course)
    assert [command[0] for command in asked] == ["wheel", *["download"] * 4]
    assert "win_amd64" in asked[1] and "3.12" in asked[1] and "macosx_15_0_arm64" in asked[4]
    assert all({"--no-deps", "--require-hashes"} <= set(command) for command in asked)


@pytest.mark.slow
def test_what_pip_cannot_get_is_said(course, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(
        bundle.BundleError, match=r"(?s)could not get all packages.*tiny==1.0.*Check the conn"
    ):
        bundle.make(tmp_path / "bundle", pd.DataFrame({"path": [], "label": []}), course=course)


def test_a_course_that_is_no_checkout_is_named(tmp_path):
    (tmp_path / "course").mkdir()
    with pytest.raises(bundle.BundleError, match="has to be a git checkout"):
        bundle._write_course(tmp_path / "course", tmp_path / "course.zip")


def test_the_command_hands_on_what_was_asked_for_and_says_where_the_bundle_is(monkeypatch, capsys):
    made, photos = [], pd.DataFrame({"path": ["cat.0.jpg"], "label": ["cat"]})
    photos.attrs["source"] = "GitHub"
    monkeypatch.setattr(datasets, "load_dog_cat", lambda: photos)
    monkeypatch.setattr(bundle, "make", lambda *asked, **more: made.append((*asked[2:], more)) or 2.4e9)
    assert commands.main(["bundle", "--platform", "mac", "--python", "3.12", "--student"]) == 0
    assert made == [(["mac"], ["3.12"], {"for_students": True})]
    assert f"2.4 GB are in {lessons.BUILD / 'bundle'}. Copy that folder" in capsys.readouterr().out


def test_without_photos_no_bundle_is_made(monkeypatch, capsys):
    data = pd.DataFrame({"path": ["cat.0.jpg"], "label": ["cat"]})
    data.attrs["source"] = "drawn pets"
    monkeypatch.setattr(datasets, "load_dog_cat", lambda: data)
    monkeypatch.setattr(bundle, "make", lambda *_: pytest.fail("made"))
    assert commands.main(["bundle"]) == 1
    assert "photos are out of reach" in capsys.readouterr().err


# --- the whole course -------------------------------------------------------------------------------------


@pytest.mark.skipif(
    not os.environ.get("COURSE_BUNDLE_TEST"), reason="takes minutes and 4 GB of disk: make bundle-test"
)
def test_the_whole_course_runs_from_the_bundle_with_the_network_cut_off(photos, tmp_path):
    cut_off = offline()
    if not cut_off:
        pytest.skip("this machine lets nobody cut off the network (unshare)")
    assert commands.main(["bundle"]) == 0
    stick, into = lessons.BUILD / "bundle", tmp_path / "course"
    loopback = f'{sys.executable} -c "{LOOPBACK_UP}"'
    script = (
        f"{loopback} && sh '{stick}/start.sh' --into '{into}' --only-install && cd '{into}'"
        " && .venv/bin/python -m helpers data --check && .venv/bin/python -m helpers run 01 03"
    )
    done = start(*cut_off, "sh", "-c", script, PYTHON=sys.executable)
    print(done.stdout, done.stderr[-2000:])
    assert done.returncode == 0
    assert "1399 images, 700 cat, 699 dog, verified" in done.stdout
    assert "03_augmentation_check" in done.stdout
    shutil.rmtree(into)
