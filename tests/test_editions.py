"""The edition for students: nothing of the solutions in it, and it runs."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from helpers.course import commands, editions, lessons, meeting

SOLVED = '''def add(a, b):
    """Return their sum."""
    ### BEGIN SOLUTION
    both = [a, b]
    return sum(both)
    ### END SOLUTION'''
STUB = '''def add(a, b):
    """Return their sum."""
    # YOUR CODE HERE
    raise NotImplementedError()'''


def code(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


# --- a cell ---------------------------------------------------------------------------------------------


def test_a_solution_gives_way_to_a_stub():
    assert editions.without_solution(SOLVED) == STUB
    assert editions.without_solution(f"{SOLVED}\n\n\n{SOLVED}") == f"{STUB}\n\n\n{STUB}"


@pytest.mark.parametrize("spoilt", ["return 1", SOLVED.replace("### END SOLUTION", "")])
def test_a_solution_without_both_marks_is_refused(spoilt):
    with pytest.raises(ValueError, match="### BEGIN SOLUTION"):
        editions.without_solution(spoilt)


def test_the_marks_alone_can_go():
    assert "SOLUTION" not in editions.without_marks(SOLVED)
    assert editions.without_marks(SOLVED).endswith("both = [a, b]\n    return sum(both)")


def test_only_solutions_and_checks_are_changed():
    kept = new_code_cell("1", id="kept", execution_count=3, metadata={"tags": ["headline"]})
    solution = new_code_cell(SOLVED, id="add", metadata={"nbgrader": {"solution": True, "grade": False}})
    check = new_code_cell(
        "check(add)", id="add-check", metadata={"nbgrader": {"solution": False, "grade": True}}
    )
    cells = editions.hide_solutions(new_notebook(cells=[kept, solution, check])).cells
    assert [cell.source for cell in cells] == ["1", STUB, "check(add)"]
    assert [cell.metadata.get("tags") for cell in cells] == [["headline"], None, ["raises-exception"]]
    assert {cell.execution_count for cell in cells} == {None}


# --- all of it ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def handed_out(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("build") / "student"
    editions.write_student_edition(lessons.find(), folder)
    return folder


def test_the_command_makes_it(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(lessons, "BUILD", tmp_path)
    left = tmp_path / "student" / "notebooks" / "00_old.ipynb"
    left.parent.mkdir(parents=True)
    left.touch()
    assert commands.main(["student"]) == 0
    assert str(tmp_path / "student") in capsys.readouterr().out
    made = {path.relative_to(left.parent) for path in left.parent.rglob("*.ipynb")}
    assert made == {*map(lessons.place, lessons.find()), Path(meeting.NAME)}


@pytest.mark.slow
def test_it_has_all_that_the_lessons_need(handed_out):
    assert {path.name for path in handed_out.iterdir()} == {
        *("helpers", "notebooks", "LICENSE", "Makefile", "requirements.txt")
    }
    command = [sys.executable, "-c", "from helpers import exercises; print(exercises.__file__)"]
    done = subprocess.run(command, cwd=handed_out, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).is_relative_to(handed_out)


def test_it_has_unix_line_ends_though_it_is_made_on_windows(monkeypatch, tmp_path):
    checkout, picture = tmp_path / "course", b"\x89PNG\r\n\x1a\n\0"
    (checkout / "helpers" / "__pycache__").mkdir(parents=True)
    (checkout / "Makefile").write_bytes(b"lab:\r\n\techo lab\r\n")
    (checkout / "helpers" / "start.sh").write_bytes(b"#!/bin/sh\r\n")
    (checkout / "helpers" / "figure.png").write_bytes(picture)
    monkeypatch.setattr(editions, "COURSE_FOLDER", checkout)
    monkeypatch.setattr(editions, "_HANDED_OUT", ("helpers", "Makefile"))
    editions.write_student_edition([], tmp_path / "student")
    made = {path.name: path.read_bytes() for path in (tmp_path / "student").rglob("*") if path.is_file()}
    assert made == {"Makefile": b"lab:\n\techo lab\n", "start.sh": b"#!/bin/sh\n", "figure.png": picture}
    assert not (tmp_path / "student" / "helpers" / "__pycache__").exists()


def test_it_asks_for_no_kernel_of_the_teachers_own(tmp_path):
    notebook = nbformat.read(lessons.find(["1"])[0], as_version=4)
    notebook.metadata.kernelspec = {"display_name": "foo", "language": "python", "name": "conda-env-foo-py"}
    nbformat.write(notebook, tmp_path / "01_data_survey.ipynb")
    editions.write_student_edition([tmp_path / "01_data_survey.ipynb"], tmp_path / "student")
    made = nbformat.read(tmp_path / "student" / "notebooks" / "01_data_survey.ipynb", as_version=4)
    assert made.metadata.kernelspec.name == "python3"


def test_no_line_of_a_solution_is_left_anywhere(handed_out):
    solutions = [cell.source for path in lessons.find() for cell in code(path) if editions.is_solution(cell)]
    regions = re.findall(r"BEGIN SOLUTION\n(.*?)### END", "\n".join(solutions), re.DOTALL)
    lines = {line.strip() for region in regions for line in region.splitlines()}
    telling = {line for line in lines if len(line) > 20}
    assert len(telling) > len(solutions)
    texts = {
        path: path.read_text("utf-8") for path in handed_out.rglob("*") if path.suffix in (".py", ".ipynb")
    }
    as_stored = {line: line.replace("\\", "\\\\").replace('"', '\\"') for line in telling}
    left = [
        (path.name, line)
        for path, text in texts.items()
        for line, stored in as_stored.items()
        if line in text or stored in text
    ]
    assert left == []
    assert not any(
        "SOLUTION" in cell.source for path in texts if path.suffix == ".ipynb" for cell in code(path)
    )


def test_the_teachers_copies_have_solutions_and_no_bounds(tmp_path):
    editions.write_teachers_copies(lessons.find(["01"]), tmp_path)
    (path,) = tmp_path.glob("*.ipynb")
    copy = nbformat.read(path, as_version=4)
    assert any("BEGIN SOLUTION" in cell.source for cell in copy.cells)
    assert not any("bounds" in cell.metadata.get("tags", []) for cell in copy.cells)


# --- the edition for those who learn alone --------------------------------------------------------------


@pytest.fixture
def master(tmp_path):
    """A lesson with a solution, and a function that writes another into its place."""
    path = tmp_path / "notebooks" / "01_a.ipynb"
    path.parent.mkdir()

    def write(solved):
        cell = new_code_cell(solved, id="add", metadata={"nbgrader": {"solution": True}})
        nbformat.write(new_notebook(cells=[cell]), path)
        return path

    write(SOLVED)
    return write


def test_a_stub_is_followed_by_its_solution_folded(master, tmp_path):
    assert editions.write_my_lessons([master(SOLVED)], tmp_path / "mine") == []
    stub, solution = nbformat.read(tmp_path / "mine" / "01_a.ipynb", as_version=4).cells
    assert stub.source == STUB
    assert (
        solution.source.startswith("<details><summary>Solution</summary>") and "sum(both)" in solution.source
    )


def test_what_was_not_touched_is_written_anew(master, tmp_path):
    editions.write_my_lessons([master(SOLVED)], tmp_path / "mine")
    assert editions.write_my_lessons([master(SOLVED.replace("both", "two"))], tmp_path / "mine") == []
    assert "sum(two)" in (tmp_path / "mine" / "01_a.ipynb").read_text(encoding="utf-8")


def test_what_somebody_wrote_stays_and_is_told_of_once_the_course_has_changed(master, tmp_path):
    own = tmp_path / "mine" / "01_a.ipynb"
    editions.write_my_lessons([master(SOLVED)], tmp_path / "mine")
    own.write_text("my own work", encoding="utf-8")
    assert editions.write_my_lessons([master(SOLVED)], tmp_path / "mine") == []
    for _ in range(2):
        assert editions.write_my_lessons([master(SOLVED.replace("both", "two"))], tmp_path / "mine") == [own]
        assert own.read_text(encoding="utf-8") == "my own work"
    own.unlink()
    assert editions.write_my_lessons([master(SOLVED)], tmp_path / "mine") == []
    assert "sum(both)" in own.read_text(encoding="utf-8")


def test_a_file_that_was_there_before_is_not_overwritten(master, tmp_path):
    own = tmp_path / "mine" / "01_a.ipynb"
    own.parent.mkdir()
    own.write_text("my own work", encoding="utf-8")
    assert editions.write_my_lessons([master(SOLVED)], tmp_path / "mine") == [own]
    assert own.read_text(encoding="utf-8") == "my own work"


@pytest.mark.parametrize(
    ("flags", "solved", "opened"),
    [([], True, "mine"), (["--masters"], True, "notebooks"), ([], False, "notebooks")],
)
def test_lab_opens_the_edition_to_learn_from(monkeypatch, master, tmp_path, flags, solved, opened):
    started = []
    monkeypatch.setattr(commands.subprocess, "call", lambda command, cwd: started.append(command) or 0)
    monkeypatch.setattr(commands.signal, "signal", lambda *_: None)
    monkeypatch.setattr(editions, "MY_LESSONS", tmp_path / "mine")
    monkeypatch.setattr(lessons, "find", lambda: [master(SOLVED if solved else STUB)])
    assert commands.main(["lab", *flags]) == 0
    assert f"--LabApp.default_url=/lab/tree/{opened}" in started[0]
    assert (tmp_path / "mine" / "01_a.ipynb").exists() == (opened == "mine")


def test_lab_opens_the_vietnamese_edition_for_those_who_read_it(monkeypatch, tmp_path):
    started = []
    monkeypatch.setattr(commands.subprocess, "call", lambda command, cwd: started.append(command) or 0)
    monkeypatch.setattr(commands.signal, "signal", lambda *_: None)
    monkeypatch.setattr(editions, "MY_LESSONS", tmp_path / "mine")
    monkeypatch.setattr(lessons, "BUILD", tmp_path / "build")
    monkeypatch.setenv("COURSE_LANGUAGE", "vi")
    assert commands.main(["lab"]) == 0
    assert "--LabApp.default_url=/lab/tree/mine_vi" in started[0] and not (tmp_path / "mine").exists()
    (lesson,) = (tmp_path / "mine_vi").glob("01_*.ipynb")
    cells = nbformat.read(lesson, as_version=4).cells
    assert cells[0].source.startswith("# Bài 1") and any("<summary>Lời giải" in cell.source for cell in cells)
    assert not any("BEGIN SOLUTION" in cell.source for cell in cells)


def test_its_links_lead_somewhere(tmp_path):
    editions.write_my_lessons(lessons.find(), tmp_path / "mine")
    for path in (tmp_path / "mine").rglob("*.ipynb"):
        links = re.findall(r"\]\((?!http|#)([^)#\s]+)", path.read_text(encoding="utf-8"))
        assert links and [link for link in links if not (path.parent / link).exists()] == [], path.name


def test_it_has_no_outputs(handed_out):
    cells = [cell for path in (handed_out / "notebooks").rglob("*.ipynb") for cell in code(path)]
    assert cells and all(cell.outputs == [] and cell.execution_count is None for cell in cells)


@pytest.mark.slow
def test_it_runs_to_its_end_though_nothing_is_done(handed_out, short_course, tmp_path, monkeypatch):
    """On a small data set. `test_colab` runs every lesson this way, as Colab editions."""
    shutil.copytree(handed_out, tmp_path / "course")
    shutil.copy(short_course / "helpers" / "dog_cat.sha256", tmp_path / "course" / "helpers")
    monkeypatch.setenv("COURSE_DATA", str(short_course.parent / "photos.zip"))
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    notebook = lessons.execute(tmp_path / "course" / "notebooks" / "01_data_survey.ipynb")
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    failed = [cell.id for cell in cells if any(output.output_type == "error" for output in cell.outputs)]
    assert failed == [cell.id for cell in cells if editions.is_check(cell)]
    assert all(cell.execution_count for cell in cells) and lessons.headline(notebook)
    (use,) = [cell for cell in cells if cell.id == "balanced-accuracy-use"]
    assert use.outputs[0].text.startswith(
        "`balanced_accuracy` is not done yet: `balanced_accuracy_score` stands in for it.\nbalanced accuracy"
    )
