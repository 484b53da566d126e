"""Executed lessons, and what they refer to, as pages that need no network: everything is inside the file."""

import re
from copy import deepcopy
from pathlib import Path

from nbconvert import HTMLExporter
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

COURSE, INDEX = "Transfer learning, step by step", "index.html"
TEMPLATE = Path(__file__).with_name("page.html.j2").read_text(encoding="utf-8")
# To embed pictures, nbconvert reads each piece of HTML by itself and closes what is open at its end: a folded
# answer would lie outside its fold. So folds travel as paragraphs of text.
_FOLD, _FOLD_AS_TEXT = re.compile(r"<details><summary>(.+?)</summary>"), re.compile(r"<p>⟦(.+?)⟧</p>")
_FOLD_ENDS, _END_AS_TEXT = "</details>", "⟦⟧"
_LINK_OUTSIDE = re.compile(r'<a href="\.\./[^"]*">(.*?)</a>')  # to the README, which is no page
# All pages lie in one folder, those of the appendix, too.
_LINK_TO_A_PAGE = re.compile(r'href="(?:\.\./|appendix/)?(\w+(?=\.ipynb)|[a-z_]+(?=\.md))\.\w+')


def render(notebook: NotebookNode, title: str, figures: Path, home: str = "", with_code: bool = True) -> str:
    """Return `notebook` as one HTML page, with a link to the page `home` at its top, if there is one.

    Pictures are embedded (those that the text names are read from the folder `figures`), with the
    alternative text that their outputs carry. Links to other lessons, and to the glossary, lead to their
    pages; where there is no page, the words stay without a link. What is folded in the notebook
    (`<details><summary>…</summary>`) is folded on the page. Without `with_code`, code cells
    show their outputs only.
    """
    notebook = deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _FOLD.sub(r"⟦\1⟧", cell.source.replace(_FOLD_ENDS, _END_AS_TEXT))
    settings = {"embed_images": True, "exclude_anchor_links": True, "exclude_input": not with_code}
    exporter = HTMLExporter(raw_template=TEMPLATE, **settings)
    resources = {"metadata": {"name": title, "path": str(figures)}, "home": home}
    page, _ = exporter.from_notebook_node(notebook, resources)
    page = _FOLD_AS_TEXT.sub(
        r"<details><summary>\1</summary>", page.replace(f"<p>{_END_AS_TEXT}</p>", _FOLD_ENDS)
    )
    return _LINK_OUTSIDE.sub(r"\1", _LINK_TO_A_PAGE.sub(r'href="\1.html', page))


def write(notebook: NotebookNode, path: Path, figures: Path) -> None:
    """Render the lesson `notebook` to the file `path`, titled by its first heading."""
    heading = re.search(r"^# (.+)$", notebook.cells[0].source, re.MULTILINE) if notebook.cells else None
    path.parent.mkdir(parents=True, exist_ok=True)
    page = render(notebook, heading[1] if heading else path.stem, figures, home=INDEX)
    path.write_text(page, encoding="utf-8")


def write_reference(markdown: Path, folder: Path) -> None:
    """Write a Markdown file that lessons link to, such as the glossary, as a page in `folder`."""
    text = new_notebook(cells=[new_markdown_cell(markdown.read_text(encoding="utf-8"))])
    write(text, folder / f"{markdown.stem}.html", figures=markdown.parent)


def write_index(folder: Path, lessons: list[tuple[str, str]]) -> None:
    """Write `folder/index.html`: a table of `lessons`, given as (file name without its end, result)."""
    rows = "\n".join(f"| [{name.replace('_', ' ')}]({name}.html) | {result} |" for name, result in lessons)
    text = f"# {COURSE}\n\n| Lesson | Its result in this run |\n|---|---|\n{rows}\n"
    index = new_notebook(cells=[new_markdown_cell(text)])
    (folder / INDEX).write_text(render(index, COURSE, figures=folder), encoding="utf-8")
