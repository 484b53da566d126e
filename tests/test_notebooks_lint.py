"""What every lesson's saved file must be, checked without running it."""

import ast
import json
import re
import warnings
from collections.abc import Iterator
from copy import deepcopy
from functools import partial
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers.course import lessons

TAGS = {"photo", "headline", "readme", "local-only", "bounds", "slide"} | {
    f"nbval-{what}" for what in ("ignore-output", "check-output", "raises-exception", "skip")
}
LINES_A_CELL = 20
BYTES_A_LESSON = 500_000
SETUP = 'import sys\n\nsys.path.insert(0, "..")  # the course\'s own folder, where `helpers` lives\n'
SETUP_BELOW = SETUP.replace('".."', '"../.."')  # of the appendix
CREDITS = ("https://phamdinhkhanh.github.io/2020/04/15/TransferLearning.html", "ardamavi/Dog-Cat-Classifier")
BELITTLING = r"\b(easily|just|simply|obviously|of course)\b"
TEX = r"\$|\\\(|\\\[|\\[a-z]+\{"
SAVE = 'save it by `make notebooks LESSONS="…"`'
MACHINE_PATH = r"(?<![\w.])(/(home|Users|root|tmp|work|var|opt|private)/|[A-Z]:\\)"

# --- the checks: each yields what is wrong with a lesson ---------------------------------------------


def tags_are_known(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """A misspelt tag is ignored by nbval in silence."""
    for cell in notebook.cells:
        for tag in sorted(set(tags(cell)) - TAGS):
            yield f"{cell.id}: unknown tag {tag!r}; known are {', '.join(sorted(TAGS))}"


def every_cell_was_run_in_order(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """A cell without an execution count is not compared by nbval, again in silence."""
    for expected, cell in enumerate(code(notebook), start=1):
        if not cell.source.strip():
            yield f"{cell.id}: empty: delete the cell"
        if cell.execution_count != expected:
            yield f"{cell.id}: execution count {cell.execution_count}, not {expected}: {SAVE}"


def cells_are_short(notebook: NotebookNode, path: Path) -> Iterator[str]:
    for cell in code(notebook):
        lines = len(cell.source.splitlines())
        if lines > LINES_A_CELL:
            yield f"{cell.id}: {lines} lines, {LINES_A_CELL} at most: what is longer belongs into `helpers`"


def ids_are_readable(notebook: NotebookNode, path: Path) -> Iterator[str]:
    for cell in notebook.cells:
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", cell.id) or re.match(r"[0-9a-f]{6,}\b", cell.id):
            yield f"{cell.id}: an id is words joined by hyphens, such as `by-size`; edit it in the file"


def headings_are_in_order(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """One title with the lesson's number; sections numbered 1, 2, 3 …; no level left out."""
    found = [heading for cell in prose(notebook) for heading in headings(cell)]
    titles = [text for level, text in found if level == 1]
    start = "Appendix: " if is_appendix(path) else f"Lesson {int(path.name[:2])}: "
    if len(titles) != 1 or not titles[0].startswith(start):
        yield f"the one title should begin with {start!r}, not {titles}"
    numbers = [
        int(match[1]) for level, text in found if level == 2 and (match := re.match(r"(\d+)\. ", text))
    ]
    if numbers != list(range(1, len(numbers) + 1)) or not numbers:
        yield f"sections are numbered {numbers}, not 1, 2, 3 …"
    for (level, _), (next_level, text) in pairwise(found):
        if next_level > level + 1:
            yield f"{text!r} leaves out a level"


def standing_cells_are_there(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """Title and setup first, summary last, and one headline, which is the last to run."""
    by_id = {cell.id: cell for cell in notebook.cells}
    if notebook.cells[0].id != "title":
        yield f"the first cell is `{notebook.cells[0].id}`, not `title`"
    for credit in () if is_appendix(path) else CREDITS:
        if credit not in by_id.get("title", notebook.cells[0]).source:
            yield f"title: does not credit {credit}"
    setup = SETUP_BELOW if is_appendix(path) else SETUP
    if code(notebook)[0].id != "setup" or setup.splitlines()[-1] not in code(notebook)[0].source:
        yield "the first code cell is not `setup`, or does not put the course's folder on the path"
    if "## Summary" not in by_id.get("summary", notebook.cells[0]).source:
        yield "no cell `summary` with the heading '## Summary'"
    lesson = code(notebook)[: -len(exercise_cells(notebook)) or None]
    if [cell.id for cell in code(notebook) if "headline" in tags(cell)] != [lesson[-1].id]:
        yield "the last code cell before the exercises, and no other, should be tagged `headline`"
    if not lessons.headline(notebook) or sum(text.count("\n") for text in texts(lesson[-1])) != 1:
        yield "the headline has to print one line: what `make run` shows as the lesson's result"


def exercises_follow_nbgrader(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """At least two, each a marked solution with a locked check after it, rising in points."""
    cells = [cell for cell in code(notebook) if "nbgrader" in cell.metadata]
    solutions, checks = cells[::2], cells[1::2]
    if len(solutions) < 2 or len(solutions) != len(checks):
        yield f"{len(solutions)} solutions and {len(checks)} checks: two of each at least"
    if not {cell.id for cell in cells} <= {cell.id for cell in exercise_cells(notebook)}:
        yield "exercises have to stand after the cell `exercises`"
    if "## Exercises" not in "".join(cell.source for cell in notebook.cells if cell.id == "exercises"):
        yield "no cell `exercises` with the heading '## Exercises'"
    usual = {"schema_version": 3, "task": False}
    points = [check.metadata.nbgrader.get("points", 0) for check in checks]
    for solution, check, worth in zip(solutions, checks, points):
        expected = {"solution": True, "grade": False, "locked": False, "grade_id": solution.id, **usual}
        if solution.metadata.nbgrader != expected:
            yield f'{solution.id}: its metadata should have "nbgrader": {json.dumps(expected)}'
        expected = {"solution": False, "grade": True, "locked": True, "grade_id": check.id, **usual}
        if check.id != f"{solution.id}-check":
            yield f"{check.id}: the check of `{solution.id}` has to be called `{solution.id}-check`"
        if check.metadata.nbgrader != (expected := expected | {"points": worth}):
            yield f'{check.id}: its metadata should have "nbgrader": {json.dumps(expected)}'
        if re.findall(r"^ *### (\w+) SOLUTION$", solution.source, re.MULTILINE) != ["BEGIN", "END"]:
            yield f"{solution.id}: its solution has to stand between ### BEGIN SOLUTION and ### END SOLUTION"
    titles = " ".join(text for cell in prose(notebook) for level, text in headings(cell) if level == 3)
    said = re.findall(r"Exercise (\d): [^()]+ \((\d) points?\)", titles)
    if [(int(number), int(worth)) for number, worth in said] != list(enumerate(points, start=1)):
        yield f"headings say {said} (exercise, points), the checks are worth {points}"
    if points != sorted(points) or 0 in points:
        yield f"points may not fall from exercise to exercise, nor be 0: {points}"


def questions_have_folded_answers(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """Three to five; blank lines about an answer, without which its Markdown would not be read as such."""
    text = next((cell.source for cell in notebook.cells if cell.id == "questions"), "")
    if "## Check yourself" not in text:
        yield "no cell `questions` with the heading '## Check yourself'"
    numbers = [int(number) for number in re.findall(r"^(\d+)\. .+\?$", text, re.MULTILINE)]
    answers = re.findall(
        r"\n\n<details><summary>Answer</summary>\n\n.+?\n\n</details>\n", text + "\n", re.DOTALL
    )
    if numbers != list(range(1, len(answers) + 1)) or not 3 <= len(answers) <= 5:
        yield f"questions {numbers} and {len(answers)} folded answers: 3 to 5, with blank lines about each"


def the_next_lesson_is_linked(notebook: NotebookNode, path: Path) -> Iterator[str]:
    following = [other.name for other in path.parent.glob("*.ipynb") if other.name > path.name]
    if following and f"]({min(following)})" not in notebook.cells[-1].source:
        yield f"the last cell has no link to {min(following)}"


def outputs_are_clean(notebook: NotebookNode, path: Path) -> Iterator[str]:
    for cell in code(notebook):
        for output in cell.outputs:
            if output.output_type == "error" or output.get("name") == "stderr":
                yield f"{cell.id}: {output.get('name') or 'an error'} in its output: mend it, and {SAVE}"
        if any(re.search(r"[\x1b\r\b]", text) for text in texts(cell)):
            yield f"{cell.id}: control characters in its output: {SAVE}"


def bounds_only_assert(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """What holds a number on other machines, and is no reading matter."""
    for cell in code(notebook):
        if "bounds" not in tags(cell):
            continue
        if not all(isinstance(statement, ast.Assert) for statement in ast.parse(cell.source).body):
            yield f"{cell.id}: nothing but `assert low < value < high` belongs into a cell tagged `bounds`"
        if not cell.id.endswith("-bounds"):
            yield f"{cell.id}: should be named for the cell whose numbers it holds, as in `spread-bounds`"


def no_cell_prints_true(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """A reader learns from a number, and a bound belongs into a cell tagged `bounds`."""
    for cell in code(notebook):
        printed = "".join(output.get("text", "") for output in cell.outputs)
        returned = [output.get("data", {}).get("text/plain", "") for output in cell.outputs]
        if re.search(r"(^|: )True$", printed, re.MULTILINE) or "True" in returned:
            yield f"{cell.id}: prints True; print the number, and hold it in a cell tagged `bounds`"


def photos_are_not_saved(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """Nor may nbval compare the cells that show them: their saved output is empty."""
    for cell in code(notebook):
        if "photo" in tags(cell) and cell.outputs:
            yield f"{cell.id}: shows photos, and its output is saved: {SAVE}"
        if "photo" in tags(cell) and "nbval-ignore-output" not in tags(cell):
            yield f"{cell.id}: tagged `photo` without `nbval-ignore-output`"
    for cell in notebook.cells:
        if cell.get("attachments"):
            yield f"{cell.id}: has a picture attached: have a cell draw it"


def pictures_are_described(notebook: NotebookNode, path: Path) -> Iterator[str]:
    for cell in code(notebook):
        for output in cell.outputs:
            kinds = [kind for kind in output.get("data", {}) if kind.startswith("image/")]
            if kinds not in ([], ["image/png"]):
                yield f"{cell.id}: saves {kinds}, not a PNG"
            elif kinds and len(output.metadata.get("image/png", {}).get("alt", "")) < 20:
                yield f"{cell.id}: a picture without alternative text: its function ends with `describe`"
    for cell in prose(notebook):
        if "![](" in cell.source:
            yield f"{cell.id}: a picture without alternative text"


def no_widget_is_saved(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """Its still figure is; the widget itself lives only as long as its kernel."""
    for cell in code(notebook):
        for output in cell.outputs:
            if any("widget" in kind for kind in output.get("data", {})):
                yield f"{cell.id}: saves a widget: {SAVE}"


def the_readmes_pictures_are_the_lessons(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """A picture that the README shows is the one that the lesson shows."""
    for name, picture in lessons.readme_figures(notebook).items():
        saved = lessons.above(path) / "figures" / name
        if not saved.is_file() or saved.read_bytes() != picture:
            yield f"figures/{name} is not the picture in this lesson, tagged `readme`: {SAVE}"


def the_file_is_small(notebook: NotebookNode, path: Path) -> Iterator[str]:
    if path.stat().st_size > BYTES_A_LESSON:
        yield f"{path.stat().st_size:,} bytes, {BYTES_A_LESSON:,} at most: show fewer or smaller pictures"


def prose_does_not_belittle(notebook: NotebookNode, path: Path) -> Iterator[str]:
    for found in found_in_prose(notebook, BELITTLING, re.IGNORECASE):
        yield f"{found} belittles what a reader finds hard: leave it out"


def prose_has_no_tex(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """The pages are read offline, where nothing would typeset it."""
    for found in found_in_prose(notebook, TEX):
        yield f"{found} is TeX: write the formula in words and Unicode, or as code"


def links_resolve(notebook: NotebookNode, path: Path) -> Iterator[str]:
    for cell in prose(notebook):
        for target in re.findall(r"\]\(([^)\s]+)\)", without_code(cell.source)):
            if re.match(r"https?://|mailto:", target):
                continue
            file, _, anchor = target.partition("#")
            there = path.parent / file if file else path
            if not there.exists():
                yield f"{cell.id}: {target} leads nowhere"
            elif anchor and there.suffix == ".ipynb":
                other = notebook if there == path else read(there)
                anchors = {text.replace(" ", "-") for c in prose(other) for _, text in headings(c)}
                if anchor not in anchors:
                    yield f"{cell.id}: {target}: no such heading"


def no_machine_is_named(notebook: NotebookNode, path: Path) -> Iterator[str]:
    for cell in notebook.cells:
        for text in [cell.source, *texts(cell)]:
            if match := re.search(MACHINE_PATH, text):
                yield f"{cell.id}: names a path of one machine, {match[0]}: print its end alone"


def metadata_are_the_same_everywhere(notebook: NotebookNode, path: Path) -> Iterator[str]:
    if notebook != lessons.publishable(deepcopy(notebook)):
        yield f"its metadata are an editor's or a machine's: {SAVE}"


CHECKS = [
    tags_are_known,
    every_cell_was_run_in_order,
    cells_are_short,
    ids_are_readable,
    headings_are_in_order,
    standing_cells_are_there,
    exercises_follow_nbgrader,
    questions_have_folded_answers,
    the_next_lesson_is_linked,
    outputs_are_clean,
    bounds_only_assert,
    no_cell_prints_true,
    photos_are_not_saved,
    pictures_are_described,
    no_widget_is_saved,
    the_readmes_pictures_are_the_lessons,
    the_file_is_small,
    prose_does_not_belittle,
    prose_has_no_tex,
    links_resolve,
    no_machine_is_named,
    metadata_are_the_same_everywhere,
]

# What is no step of the course needs no exercises, and leads wherever it likes.
LESSONS_ONLY = [exercises_follow_nbgrader, questions_have_folded_answers, the_next_lesson_is_linked]

# --- what they look at --------------------------------------------------------------------------------


def read(path: Path) -> NotebookNode:
    """Read a lesson, and refuse what nbformat would mend with no more than a warning: a repeated id."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def is_appendix(path: Path) -> bool:
    return path.parent.name == lessons.APPENDIX


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def exercise_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the code cells from the cell `exercises` on."""
    ids = [cell.id for cell in notebook.cells]
    start = ids.index("exercises") if "exercises" in ids else len(ids)
    return [cell for cell in notebook.cells[start:] if cell.cell_type == "code"]


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def texts(cell: NotebookNode) -> list[str]:
    """Return every piece of text in the outputs of `cell`."""
    found = []
    for output in cell.get("outputs", []):
        found.append(output.get("text", ""))
        found += [text for kind, text in output.get("data", {}).items() if kind.startswith("text/")]
    return [text for text in found if text]


def without_code(text: str) -> str:
    """Return Markdown less its code, inline and in blocks."""
    return re.sub(r"(`+)(?!`).+?\1(?!`)", "", text, flags=re.DOTALL)


def headings(cell: NotebookNode) -> list[tuple[int, str]]:
    blocks_removed = re.sub(r"^```.*?^```", "", cell.source, flags=re.DOTALL | re.MULTILINE)
    return [
        (len(marks), text.strip()) for marks, text in re.findall(r"^(#+) (.+)$", blocks_removed, re.MULTILINE)
    ]


def found_in_prose(notebook: NotebookNode, pattern: str, flags: int = 0) -> Iterator[str]:
    for cell in prose(notebook):
        for match in re.finditer(pattern, without_code(cell.source), flags):
            yield f"{cell.id}: {match[0]!r}"


# --- the lessons pass them ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path, check",
    [
        pytest.param(path, check, id=f"{path.stem}-{check.__name__}")
        for path in lessons.find()
        for check in CHECKS
        if not (is_appendix(path) and check in LESSONS_ONLY)
    ],
)
def test_lesson(path, check):
    problems = list(check(read(path), path))
    assert not problems, "\n".join(problems)


# --- and each of them can fail ----------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path):
    (tmp_path / "02_next.ipynb").touch()
    return tmp_path / "01_good.ipynb"


QUESTION = "{}. Why?\n\n<details><summary>Answer</summary>\n\nSo.\n\n</details>"


def good_exercise(name: str, number: int) -> list[NotebookNode]:
    usual = {"schema_version": 3, "task": False}
    solution = {"grade_id": name, "solution": True, "grade": False, "locked": False, **usual}
    check = {"grade_id": f"{name}-check", "solution": False, "grade": True, "locked": True, **usual}
    body = "    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION"
    return [
        new_markdown_cell(f"### Exercise {number}: do it ({number} points)", id=f"exercise-{number}"),
        new_code_cell(f"def {name}():\n{body}", id=name, metadata={"nbgrader": solution}),
        new_code_cell(
            f"check({name})", id=f"{name}-check", metadata={"nbgrader": {**check, "points": number}}
        ),
    ]


def good_lesson() -> NotebookNode:
    """Return a lesson in which nothing is wrong."""
    figure = new_output(
        "display_data",
        data={"image/png": "aGk=", "text/plain": "Figure: two bars"},
        metadata={"image/png": {"alt": "Two bars of equal height."}},
    )
    cells = [
        new_markdown_cell(f"# Lesson 1: Good\n\n[The tutorial]({CREDITS[0]}), {CREDITS[1]}.", id="title"),
        new_code_cell(SETUP + "from helpers import plots", id="setup"),
        new_markdown_cell("## 1. Look\n\n`just` and [on](02_next.ipynb), [up](#1.-Look).", id="look"),
        new_code_cell("plots.bars()", id="bars", outputs=[figure]),
        new_code_cell("assert 0 < width < 2", id="bars-bounds", metadata={"tags": ["bounds"]}),
        new_code_cell("plots.sheet()", id="sheet", metadata={"tags": ["photo", "nbval-ignore-output"]}),
        new_code_cell(
            "print('700 cats')",
            id="result",
            metadata={"tags": ["headline"]},
            outputs=[new_output("stream", name="stdout", text="700 cats\n")],
        ),
        new_markdown_cell("## Check yourself\n\n" + "\n\n".join(map(QUESTION.format, "123")), id="questions"),
        new_markdown_cell("## Exercises", id="exercises"),
        *good_exercise("add", 1),
        *good_exercise("multiply", 2),
        new_markdown_cell("## Summary\n\n**Next:** [Lesson 2](02_next.ipynb)", id="summary"),
    ]
    notebook = lessons.publishable(new_notebook(cells=cells))
    for count, cell in enumerate(code(notebook), start=1):
        cell.execution_count = count
    return notebook


def good_appendix() -> NotebookNode:
    """Return one of the appendix in which nothing is wrong: a lesson without exercises, a folder deeper."""
    notebook, left_out = good_lesson(), re.compile(r"exercise|add|multiply|questions")
    notebook.cells = [cell for cell in notebook.cells if not left_out.match(cell.id)]
    put("title", notebook, source="# Appendix: Good")
    put("setup", notebook, source=SETUP_BELOW)
    put("look", notebook, source="## 1. Look\n\n[on](../02_next.ipynb)")
    put("summary", notebook, source="## Summary")
    return notebook


def cell_of(notebook: NotebookNode, name: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if cell.id == name)


def put(name: str, notebook: NotebookNode, **changes) -> None:
    """Change fields of the cell `name`."""
    cell_of(notebook, name).update(nbformat.from_dict(changes))


def say(text: str, notebook: NotebookNode, name: str = "look") -> None:
    """Add `text` to a cell's source."""
    cell_of(notebook, name).source += text


def print_out(text: str, notebook: NotebookNode, stream: str = "stdout") -> None:
    cell_of(notebook, "bars").outputs.append(new_output("stream", name=stream, text=text))


def show(kind: str, notebook: NotebookNode) -> None:
    cell_of(notebook, "bars").outputs.append(new_output("display_data", data={kind: "aGk="}))


FAULTS = [
    (tags_are_known, partial(put, "bars", metadata={"tags": ["nbval-ignore-outputs"]})),
    (every_cell_was_run_in_order, partial(put, "bars", execution_count=None)),
    (every_cell_was_run_in_order, partial(put, "bars", execution_count=7)),
    (every_cell_was_run_in_order, partial(put, "bars", source="\n")),
    (cells_are_short, partial(put, "bars", source="pass\n" * 21)),
    (ids_are_readable, partial(put, "bars", id="a1b2c3d4")),
    (ids_are_readable, partial(put, "bars", id="Bar_chart")),
    (headings_are_in_order, partial(say, "\n# Another title\n")),
    (headings_are_in_order, partial(put, "title", source="# Lesson 2: Good")),
    (headings_are_in_order, partial(say, "\n## 3. Skipped\n")),
    (headings_are_in_order, partial(say, "\n#### Too deep\n")),
    (standing_cells_are_there, partial(put, "title", id="opening")),
    (standing_cells_are_there, partial(put, "title", source="# Lesson 1: Good")),
    (standing_cells_are_there, partial(put, "setup", source="import sys")),
    (standing_cells_are_there, partial(put, "summary", source="## The end")),
    (standing_cells_are_there, partial(put, "result", metadata={})),
    (standing_cells_are_there, partial(put, "bars", metadata={"tags": ["headline"]})),
    (standing_cells_are_there, partial(put, "result", outputs=[])),
    (exercises_follow_nbgrader, partial(put, "multiply-check", metadata={})),
    (exercises_follow_nbgrader, partial(put, "multiply", metadata={})),
    (exercises_follow_nbgrader, partial(put, "exercises", source="## Tasks")),
    (exercises_follow_nbgrader, lambda notebook: notebook.cells.append(notebook.cells.pop(-8))),
    (exercises_follow_nbgrader, partial(put, "add", source="def add():\n    return 1")),
    (exercises_follow_nbgrader, partial(put, "exercise-1", source="### Exercise 1: do it (5 points)")),
    (
        exercises_follow_nbgrader,
        lambda notebook: cell_of(notebook, "add-check").metadata.nbgrader.update(points=3),
    ),
    (
        exercises_follow_nbgrader,
        lambda notebook: cell_of(notebook, "add-check").metadata.nbgrader.update(locked=False),
    ),
    (questions_have_folded_answers, partial(put, "questions", id="asked")),
    (questions_have_folded_answers, partial(put, "questions", source="## Check yourself\n\n1. Why?")),
    (questions_have_folded_answers, partial(say, "\n\n4. Who?", name="questions")),
    (
        questions_have_folded_answers,
        lambda notebook: put(
            "questions",
            notebook,
            source=cell_of(notebook, "questions").source.replace("</summary>\n\n", "</summary>\n"),
        ),
    ),
    (the_next_lesson_is_linked, partial(put, "summary", source="## Summary")),
    (outputs_are_clean, partial(print_out, "careful\n", stream="stderr")),
    (outputs_are_clean, partial(print_out, "\x1b[1mbold\x1b[0m\n")),
    (outputs_are_clean, partial(print_out, "1/2\r2/2\n")),
    (
        outputs_are_clean,
        partial(put, "bars", outputs=[{"output_type": "error", "ename": "E", "evalue": "", "traceback": []}]),
    ),
    (bounds_only_assert, partial(put, "bars-bounds", source="print(0 < width < 2)")),
    (bounds_only_assert, partial(put, "bars-bounds", id="width-is-right")),
    (
        no_cell_prints_true,
        partial(put, "bars", outputs=[{"output_type": "stream", "name": "stdout", "text": "near 1: True\n"}]),
    ),
    (photos_are_not_saved, partial(put, "bars", metadata={"tags": ["photo", "nbval-ignore-output"]})),
    (photos_are_not_saved, partial(put, "sheet", metadata={"tags": ["photo"]})),
    (photos_are_not_saved, partial(put, "look", attachments={"a.png": {"image/png": "aGk="}})),
    (pictures_are_described, partial(show, "image/png")),
    (pictures_are_described, partial(show, "image/jpeg")),
    (pictures_are_described, partial(say, "![](02_next.ipynb)")),
    (no_widget_is_saved, partial(show, "application/vnd.jupyter.widget-view+json")),
    (the_readmes_pictures_are_the_lessons, partial(put, "bars", metadata={"tags": ["readme"]})),
    (the_file_is_small, partial(say, "a" * BYTES_A_LESSON)),
    (prose_does_not_belittle, partial(say, " It is Just so.")),
    (prose_does_not_belittle, partial(say, " Of course it is.")),
    (prose_has_no_tex, partial(say, r" $\lambda$")),
    (prose_has_no_tex, partial(say, r" \frac{1}{2}")),
    (links_resolve, partial(say, "[gone](03_gone.ipynb)")),
    (links_resolve, partial(say, "[nowhere](#2.-Nowhere)")),
    (no_machine_is_named, partial(print_out, "/home/me/data/cat.0.jpg\n")),
    (no_machine_is_named, partial(say, r" C:\Users")),
    (metadata_are_the_same_everywhere, partial(put, "bars", metadata={"collapsed": True})),
    (metadata_are_the_same_everywhere, lambda notebook: notebook.metadata.update(authors=["me"])),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_nothing_is_found_in_a_good_lesson(check, path):
    nbformat.write(good_lesson(), path)
    assert list(check(read(path), path)) == []


@pytest.mark.parametrize(
    "check, spoil", FAULTS, ids=[f"{check.__name__}-{n}" for n, (check, _) in enumerate(FAULTS)]
)
def test_a_fault_is_found(check, spoil, path):
    notebook = good_lesson()
    spoil(notebook)
    nbformat.write(notebook, path)
    assert list(check(read(path), path))


APPENDIX_FAULTS = [
    (headings_are_in_order, partial(put, "title", source="# Lesson 1: Good")),
    (standing_cells_are_there, partial(put, "setup", source=SETUP)),
    (links_resolve, partial(say, "[gone](02_next.ipynb)")),
]


def test_the_appendix_is_held_to_what_makes_sense_for_it(path):
    appendix = path.parent / lessons.APPENDIX / "good.ipynb"
    appendix.parent.mkdir()
    nbformat.write(good_appendix(), appendix)
    of_all = [check for check in CHECKS if check not in LESSONS_ONLY]
    assert [problem for check in of_all for problem in check(read(appendix), appendix)] == []
    for check, spoil in APPENDIX_FAULTS:
        notebook = good_appendix()
        spoil(notebook)
        assert list(check(notebook, appendix)), check.__name__


def test_a_repeated_id_is_refused(path):
    nbformat.write(good_lesson(), path)
    path.write_text(
        path.read_text(encoding="utf-8").replace('"id": "bars"', '"id": "sheet"'), encoding="utf-8"
    )
    with pytest.raises(nbformat.validator.DuplicateCellId):
        read(path)


def test_every_check_was_shown_to_fail():
    assert {check for check, _ in FAULTS} == set(CHECKS)


def test_every_rule_is_told_to_those_who_write():
    page = (lessons.COURSE_FOLDER / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rules = re.findall(
        r"^\| .+ \| .* \| `(\w+)` \|$", page.split("## The rules of a lesson")[1], re.MULTILINE
    )
    assert rules == [check.__name__ for check in CHECKS]
    assert f"at most {LINES_A_CELL} lines" in page and f"at most {BYTES_A_LESSON:,} bytes" in page
