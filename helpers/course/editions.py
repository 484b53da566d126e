"""The lessons as they are handed out: exercises without their solutions, by nbgrader's conventions.

A solution stands in its master between two lines, `### BEGIN SOLUTION` and `### END SOLUTION`, in a cell
whose metadata say that it is one; the cell after it, locked and worth points, checks it.
https://nbgrader.readthedocs.io/en/stable/user_guide/creating_and_grading_assignments.html
"""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from .. import checks
from ..runtime import COURSE_FOLDER
from . import lessons

SOLUTION = "Solution"  # what one is called where it is folded up
STUB = "# YOUR CODE HERE\nraise NotImplementedError()"  # nbgrader's own
MY_LESSONS = COURSE_FOLDER / "my_lessons"  # the edition for those who learn alone, and what they write in it
MAY_FAIL = "raises-exception"  # Jupyter's tag: "run all" goes on after this cell, whatever it raises
_SOLUTION = re.compile(
    r"^(?P<indent> *)### BEGIN SOLUTION\n.*?^ *### END SOLUTION$", re.MULTILINE | re.DOTALL
)
# What lessons need to run, less the notebooks themselves.
_HANDED_OUT = (
    *("helpers", "notebooks/figures", "notebooks/glossary.md", "notebooks/when_things_fail.md"),
    *("LICENSE", "Makefile", "requirements.txt"),
)


def is_solution(cell: NotebookNode) -> bool:
    """Return whether this cell holds the solution of an exercise."""
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))


def is_check(cell: NotebookNode) -> bool:
    """Return whether this cell checks an exercise, for points."""
    return bool(cell.metadata.get("nbgrader", {}).get("grade"))


def without_solution(source: str) -> str:
    """Return the source of a solution's cell with a stub in its place. Raises ValueError if it has none."""

    def stub(match: re.Match) -> str:
        return "\n".join(match["indent"] + line for line in STUB.splitlines())

    stubbed, found = _SOLUTION.subn(stub, source)
    if not found or "SOLUTION" in stubbed:
        raise checks.CourseError(
            f"source is {checks.shown(source)}, without a solution that is marked. "
            "Begin it by a line ### BEGIN SOLUTION, and end it by a line ### END SOLUTION."
        )
    return stubbed


def without_marks(source: str) -> str:
    """Return the source of a solution's cell without the two lines that mark the solution."""
    return re.sub(r"^ *### (BEGIN|END) SOLUTION\n?", "", source, flags=re.MULTILINE).rstrip("\n")


def hide_solutions(notebook: NotebookNode) -> NotebookNode:
    """Return `notebook` (changed in place) with stubs, checks that may fail, and no outputs or bounds."""
    for cell in lessons.without_bounds(notebook).cells:
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        if is_solution(cell):
            cell.source = without_solution(cell.source)
        if is_check(cell):
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), MAY_FAIL]
    return notebook


def with_folded_solutions(notebook: NotebookNode, called: str = SOLUTION) -> NotebookNode:
    """Return `notebook` (changed in place) with stubs, each followed by its solution, folded."""
    solutions = {cell.id: without_marks(cell.source) for cell in notebook.cells if is_solution(cell)}
    cells = []
    for cell in hide_solutions(notebook).cells:
        cells.append(cell)
        if cell.id in solutions:
            shown = f"```python\n{solutions[cell.id]}\n```"
            text = f"<details><summary>{called}</summary>\n\n{shown}\n\n</details>"
            cells.append(new_markdown_cell(text, id=f"{cell.id}-solution"))
    notebook.cells = cells
    return notebook


def have_solutions(masters: list[Path]) -> bool:
    """Return whether solutions are filled in: an edition for students has none to hide."""
    return any("### BEGIN SOLUTION" in path.read_text(encoding="utf-8") for path in masters)


def copy_for_all_systems(source: str | Path, target: str | Path) -> None:
    """Copy a file of the course, or a folder less what Python keeps there of its own.

    A text gets Unix line ends, whatever git has given it here on Windows: every system reads them, and
    without them neither sh nor make reads its file.
    """
    source, target = Path(source), Path(target)
    if source.is_dir():
        unwanted = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, target, ignore=unwanted, copy_function=copy_for_all_systems)
        return
    content = source.read_bytes()
    is_text = b"\0" not in content  # git's own rule
    target.write_bytes(content.replace(b"\r\n", b"\n") if is_text else content)


def copy_what_lessons_need(folder: Path) -> None:
    """Copy helpers, figures, pages and the list of packages to `folder`: all but the notebooks."""
    for name in _HANDED_OUT:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy_for_all_systems(COURSE_FOLDER / name, folder / name)


def write_student_edition(masters: list[Path], folder: Path) -> None:
    """Make the course as it is handed to students, anew, in `folder`: lessons with stubs, helpers, packages.

    `masters` are the lessons' paths. What students have written into an earlier edition there is lost.
    """
    shutil.rmtree(folder, ignore_errors=True)
    copy_what_lessons_need(folder)
    _write(masters, folder / "notebooks", hide_solutions)


def write_my_lessons(masters: list[Path], folder: Path = MY_LESSONS, solution: str = SOLUTION) -> list[Path]:
    """Write the edition for those who learn alone: stubs, each followed by its solution, folded.

    What somebody has written there is never touched: a lesson is written where there is none, and anew where
    the course's has changed and the one there is still as it was written.

    Returns:
        The lessons that somebody has worked in and that the course has changed since.
    """
    record = folder / ".as_written.json"  # checksums by lesson
    written = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    kept = []
    for path in masters:
        name = lessons.place(path).as_posix()
        notebook = lessons.publishable(nbformat.read(path, as_version=4))
        content = nbformat.writes(with_folded_solutions(notebook, solution)).encode()
        target, checksum = folder / name, hashlib.sha256(content).hexdigest()
        if target.exists() and hashlib.sha256(target.read_bytes()).hexdigest() != written.get(name):
            kept += [target] if checksum != written.get(name) else []
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        written[name] = checksum
    record.write_text(json.dumps(written, indent=1), encoding="utf-8")
    for path in masters[0].parent.glob("*.md"):
        copy_for_all_systems(path, folder / path.name)
    shutil.rmtree(folder / "figures", ignore_errors=True)
    copy_for_all_systems(lessons.MASTERS / "figures", folder / "figures")
    return kept


def write_teachers_copies(masters: list[Path], folder: Path) -> None:
    """Write the lessons in `folder` as nbgrader's sources: solutions marked, without what holds our numbers.

    What is handed in has been run on other machines, or on drawn pets.
    """
    _write(masters, folder, lessons.without_bounds)


def _write(masters: list[Path], folder: Path, change: Callable[[NotebookNode], NotebookNode]) -> None:
    for path in masters:
        notebook = lessons.publishable(nbformat.read(path, as_version=4))
        target = folder / lessons.place(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(change(notebook), target)
