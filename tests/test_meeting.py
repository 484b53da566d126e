"""The path for one meeting: a plan that fits, cells that are there, and all that they need."""

import builtins
import re
from copy import deepcopy

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from helpers import checks
from helpers.course import commands, lessons, meeting

GUIDE = (lessons.MASTERS / "README.md").read_text(encoding="utf-8")
SHELL = {"get_ipython", "display"}


@pytest.fixture(scope="module")
def made():
    return meeting.notebook(lessons.find())


def test_the_meeting_has_ninety_minutes():
    assert sum(part["minutes"] for part in meeting.parts()) == 90


def test_the_guides_table_is_the_plan():
    table = GUIDE.split("## One meeting of ninety minutes")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \|", table, re.MULTILINE)
    planned = []
    for part in meeting.parts():
        cells = ", ".join(f"`{name}`" for name in part.get("cells", []))
        planned.append(
            (str(part["minutes"]), part["title"], f"lesson {part['lesson']}: {cells}" if cells else "nothing")
        )
    assert rows == planned


def test_every_name_that_a_cell_uses_is_made_before_it(made):
    """So it runs from top to bottom: its cells are the lessons', which are run."""
    known = {*dir(builtins), *SHELL}
    for cell in made.cells:
        if cell.cell_type == "code":
            new, used = meeting.names(cell)
            assert used <= known | new, (cell.id, used - known - new)
            known |= new


def test_two_exercises_are_stubs_and_what_is_only_needed_is_folded(made):
    stubs = [cell.id for cell in made.cells if "raise NotImplementedError" in cell.source]
    assert stubs == ["lesson-2-leaked", "lesson-4-preprocess-own"]
    folded = {cell.id for cell in made.cells if cell.metadata.get("jupyter", {}).get("source_hidden")}
    wanted = {f"lesson-{part['lesson']}-{name}" for part in meeting.parts() for name in part.get("cells", [])}
    code = {cell.id for cell in made.cells if cell.cell_type == "code"}
    assert folded == code - wanted and wanted <= {cell.id for cell in made.cells}
    assert all(cell.outputs == [] for cell in made.cells if cell.cell_type == "code")


def test_with_solutions_nothing_is_left_to_do():
    whole = meeting.notebook(lessons.find(), with_solutions=True)
    source = "\n".join(cell.source for cell in whole.cells)
    assert "NotImplementedError" not in source and "SOLUTION" not in source


def test_it_is_a_sound_notebook_and_the_lessons_stay_as_they_were(made):
    before = deepcopy(made)
    nbformat.validate(made)
    assert meeting.notebook(lessons.find()) == before


def test_what_makes_a_name_comes_along_and_nothing_else():
    cells = [
        new_code_cell("a = 1", id="a"),
        new_code_cell("b = 2", id="b"),
        new_code_cell("def f():\n    return a", id="f"),
        new_code_cell("c = f()", id="c"),
        new_code_cell("a = 5", id="late"),
    ]
    assert [cell.id for cell in meeting.needed(cells, {"c"})] == ["a", "f", "c"]


@pytest.mark.parametrize(
    ("lesson", "cell", "what"), [(77, "load", "lesson 77"), (1, "no-such-cell", "cell no-such-cell")]
)
def test_a_plan_with_what_is_not_there(tmp_path, lesson, cell, what):
    plan = tmp_path / "plan.toml"
    asked = f'lesson = {lesson}\ncells = ["{cell}"]\n'
    plan.write_text(f'[[part]]\ntitle = "A"\nminutes = 9\ntext = "t"\n{asked}')
    with pytest.raises(checks.CourseError, match=f"plan.toml names a {what} that there is not. Mend its"):
        meeting.notebook(lessons.find(), plan)


def test_the_command_and_the_students_edition(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lessons, "BUILD", tmp_path)
    assert commands.main(["meeting"]) == 0 and commands.main(["student"]) == 0
    paths = [tmp_path / "notebooks" / meeting.NAME, tmp_path / "student" / "notebooks" / meeting.NAME]
    assert [str(path) in capsys.readouterr().out for path in paths[:1]] == [True]
    done, stubs = (nbformat.read(path, as_version=4) for path in paths)
    assert len(done.cells) == len(stubs.cells)
