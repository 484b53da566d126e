"""One path through the course for one meeting of ninety minutes: a notebook of chosen cells.

`notebooks/ninety_minutes.toml` says what is run, what is told, and which exercises are done. What those cells
need of their lessons is found by the names in them, and stands before them, folded.
"""

import symtable
import tomllib
from collections.abc import Collection, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from .. import checks
from . import editions, lessons

PLAN, NAME = lessons.MASTERS / "ninety_minutes.toml", "ninety_minutes.ipynb"


def names(cell: NotebookNode) -> tuple[set[str], set[str]]:
    """Return the names that a cell gives to something, and those that it uses, in its functions too.

    Example:
        >>> from helpers.course import meeting
        >>> from nbformat.v4 import new_code_cell
        >>> cell = new_code_cell("total = sum(prices)")
        >>> made, used = meeting.names(cell)
        >>> sorted(made), sorted(used)
        (['total'], ['prices', 'sum'])
    """
    whole = symtable.symtable(cell.source, cell.id, "exec")
    symbols = whole.get_symbols()
    made = {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}
    used = {symbol.get_name() for symbol in symbols if symbol.is_referenced()}
    inner = list(whole.get_children())
    while inner:
        scope = inner.pop()
        used |= {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_global()}
        inner += scope.get_children()
    return made, used


def needed(cells: Sequence[NotebookNode], wanted: Collection[str]) -> list[NotebookNode]:
    """Return the code cells with the ids `wanted`, and those before them that make what they use."""
    found: list[NotebookNode] = []
    missing: set[str] = set()
    for cell in reversed([cell for cell in cells if cell.cell_type == "code"]):
        made, used = names(cell)
        if cell.id in wanted or made & missing:
            found.insert(0, cell)
            missing = (missing - made) | used
    return found


def parts(plan: Path = PLAN) -> list[dict]:
    """Return the meeting's parts in order: `title`, `minutes`, and what is run, told, asked or done."""
    return tomllib.loads(plan.read_text(encoding="utf-8"))["part"]


def notebook(masters: Sequence[Path], plan: Path = PLAN, with_solutions: bool = False) -> NotebookNode:
    """Put the meeting's cells into one notebook, a section for each part.

    Args:
        masters: the lessons' paths.
        plan: the meeting's parts.
        with_solutions: leave the exercises' solutions in, as the checks run it.

    Raises:
        CourseError: the plan names a lesson or a cell that there is not.
    """
    numbers = {lessons.number(path): path for path in masters}
    by_number = {n: nbformat.read(path, as_version=4).cells for n, path in numbers.items() if n}
    done, cells = set(), [new_markdown_cell(_TITLE, id="title")]
    for number, part in enumerate(parts(plan), start=1):
        said = f"## {number}. {part['title']} ({part['minutes']} minutes)\n\n{part['text'].strip()}"
        cells.append(new_markdown_cell(said, id=f"part-{number}"))
        lesson = by_number.get(part.get("lesson", min(by_number)))
        wanted = part.get("cells", [])
        if lesson is None or (unknown := set(wanted) - {cell.id for cell in lesson}):
            what = f"lesson {part['lesson']}" if lesson is None else f"cell {min(unknown)}"
            raise checks.CourseError(f"{plan.name} names a {what} that there is not. Mend its part {number}.")
        code = {cell.id for cell in needed(lesson, wanted)}
        for cell in (cell for cell in lesson if cell.id in code or cell.id in wanted):
            own = f"lesson-{part['lesson']}-{cell.id}"
            if own not in done:
                done.add(own)
                cells.append(_taken(cell, own, is_asked_for=cell.id in wanted, with_solutions=with_solutions))
    made = new_notebook(cells=cells, metadata=nbformat.read(masters[0], as_version=4).metadata)
    return made if with_solutions else editions.hide_solutions(made)


def write(masters: Sequence[Path], path: Path, with_solutions: bool = False) -> None:
    """Write the meeting's notebook to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook(masters, with_solutions=with_solutions), path)


_TITLE = """\
# Transfer learning in ninety minutes

One path through the lessons, for one meeting. Run the cells from top to bottom. Folded cells prepare what \
the next ones need. The lessons themselves have the rest: reasons, controls, and more exercises."""


def _taken(cell: NotebookNode, name: str, is_asked_for: bool, with_solutions: bool) -> NotebookNode:
    taken = NotebookNode({**cell, "id": name, "metadata": NotebookNode({**cell.metadata})})
    if taken.cell_type == "code":
        taken.outputs, taken.execution_count = [], None
        if not is_asked_for:
            taken.metadata["jupyter"] = {"source_hidden": True}
        if with_solutions and editions.is_solution(cell):
            taken.source = editions.without_marks(cell.source)
    return taken
