"""Slides of a saved lesson, for a teacher: each figure with the question before it and the sentence after.

Tags choose: a code cell tagged `slide` is shown by its output, a text with that tag beside the output that it
is next to. In a lesson without the tag every figure is a slide, with the paragraphs about it.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from . import lessons, site

TAG = "slide"
ASKED = "**Before you run the next cell:**"  # begins a question, which gets a slide of its own
TEMPLATE = Path(__file__).with_name("slides.html.j2").read_text(encoding="utf-8")
GUIDE = "README.md"  # beside the lessons
_HEADING = re.compile(r"^#{1,3} (.+)$", re.MULTILINE)
_NO_PROSE = re.compile(r"[#|<>`-]|\d+\. ")


def write(path: Path, folder: Path) -> Path:
    """Write the slides of the lesson at `path` to `folder`, as one page that holds all it shows."""
    notebook = nbformat.read(path, as_version=4)
    guide = lessons.above(path) / GUIDE
    text = guide.read_text(encoding="utf-8") if guide.is_file() else ""
    cells = []
    for slide in slides(notebook, vote(text, lessons.number(path))):
        slide[0].metadata["opens"] = slide[-1].metadata["closes"] = True
        cells += slide
    for cell in cells:
        cell.source = site.with_links(cell.source, path.name, pages=())  # there is one page alone
    without = {"exclude_input": True, "exclude_output_prompt": True, "exclude_anchor_links": True}
    exporter = HTMLExporter(raw_template=TEMPLATE, **without)
    page, _ = exporter.from_notebook_node(new_notebook(cells=cells), {"metadata": {"name": _title(notebook)}})
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{path.stem}.html"
    target.write_text(page, encoding="utf-8")
    return target


def vote(guide: str, number: int | None) -> str:
    """Return the question that the guide puts before the meeting on this lesson; empty if there is none."""
    questions = guide.partition("\n## Meetings of 90 minutes\n")[2].partition("\n## ")[0]
    found = re.search(rf"^{number}\. (.+\?)$", questions, re.MULTILINE)
    return found[1] if found else ""


def slides(notebook: NotebookNode, question: str = "") -> Iterator[list[NotebookNode]]:
    """Yield the slides, each as the cells that it shows: the title, the figures in order, the summary.

    Args:
        notebook: with its outputs.
        question: to vote on, for the first slide.
    """
    cells = notebook.cells
    tagged = any(TAG in cell.metadata.get("tags", []) for cell in cells)
    shown = [_is_shown(cell, tagged) for cell in cells]
    used: set[str] = set()
    heading = _title(notebook)
    yield [_text(f"# {heading}", question and f"**Vote:** {question}")]
    for index, cell in enumerate(cells):
        if cell.cell_type == "markdown":
            heading = (_HEADING.findall(cell.source) or [heading])[-1]
            continue
        if not shown[index]:
            continue
        before = _paragraph(cells, shown, range(index - 1, -1, -1), tagged)
        after = _paragraph(cells, shown, range(index + 1, len(cells)), tagged)
        before = "" if before in used else before
        used |= {before, after}
        if before.startswith(ASKED):
            yield [_text(f"## {heading}", before)]
            before = ""
        outputs = [output for output in cell.outputs if tagged or "image/png" in output.get("data", {})]
        words = [_text(before, after)] if before or after else []
        yield [_text(f"## {heading}"), new_code_cell(outputs=outputs), *words]
    for cell in cells:
        if cell.id == "summary":
            yield [_text(cell.source.partition("\n**Next:**")[0])]


def _is_shown(cell: NotebookNode, tagged: bool) -> bool:
    """Return whether a code cell's output, or a text, is for slides."""
    if tagged:
        return TAG in cell.metadata.get("tags", []) and (cell.cell_type == "markdown" or bool(cell.outputs))
    return any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))


def _paragraph(cells: Sequence[NotebookNode], shown: list[bool], indices: range, tagged: bool) -> str:
    """Return the nearest paragraph of prose in one direction, up to the next output or the next section."""
    onwards = indices.step > 0
    for index in indices:
        cell = cells[index]
        if cell.cell_type == "markdown":
            if (onwards and cell.source.startswith("#")) or (tagged and not shown[index]):
                return ""
            paragraphs = [part for part in cell.source.split("\n\n") if not _NO_PROSE.match(part)]
            if onwards:
                paragraphs = [part for part in paragraphs if not part.startswith(ASKED)]
            return paragraphs[0 if onwards else -1] if paragraphs else ""
        if shown[index]:
            return ""
    return ""


def _title(notebook: NotebookNode) -> str:
    found = _HEADING.search(notebook.cells[0].source)
    return found[1] if found else ""


def _text(*paragraphs: str) -> NotebookNode:
    return new_markdown_cell("\n\n".join(filter(None, paragraphs)))
