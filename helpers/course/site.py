"""The course as a site to read before anything is installed: saved lessons and pages, made by Sphinx.

Nothing is run: the lessons come with their saved outputs. The site asks no other host for anything, and reads
from a server as from a folder or a stick.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter

from .. import checks
from ..runtime import COURSE_FOLDER
from . import editions, lessons

SPHINX = Path(__file__).with_name("sphinx")  # its settings, and what it needs beside the course's packages
PACKAGES = lessons.BUILD / "site-packages"
README = "README.md"
BESIDE = {  # the pages beside the lessons: heading in the contents -> pages
    "Beside the lessons": ["notebooks/glossary.md", "notebooks/when_things_fail.md", README],
    "For teachers and authors": ["notebooks/README.md", "CONTRIBUTING.md", "CHANGELOG.md"],
}
_RUNNING = "# Running the course\n\n"  # what the README tells from its first commands on
_BADGE = re.compile(r"\[!\[Open in Colab\]\(\S+?\)\]\((\S+?)\)")
_CODE_OR_LINK = re.compile(
    r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)|(!?)\[((?:[^\[\]`]|`[^`]*`)*)\]\(([^)\s]+)\)", re.DOTALL
)


def contents(masters: Iterable[Path]) -> dict[str, list[str]]:
    """Return the site's pages by the headings of its contents, as paths below the course's folder."""
    found: dict[str, list[str]] = {"Lessons": [], "Appendix": []}
    for path in masters:
        place = Path("notebooks", lessons.place(path)).as_posix()
        found["Lessons" if lessons.number(path) else "Appendix"].append(place)
    return found | BESIDE


def write_sources(folder: Path, course: Path = COURSE_FOLDER) -> None:
    """Write to `folder`, anew, what Sphinx makes the site of: Markdown and pictures, as in `course`."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(course / "notebooks" / "figures", folder / "notebooks" / "figures")
    parts = contents(lessons.find(folder=course / "notebooks"))
    pages = {page for part in parts.values() for page in part}
    for page in pages:
        path = course / page
        target = (folder / page).with_suffix(".md")
        target.parent.mkdir(parents=True, exist_ok=True)
        text = _lesson(path, target.parent) if path.suffix == ".ipynb" else path.read_text(encoding="utf-8")
        if page == README:
            start, running = text.split("\n## Two commands\n")
            table = re.search(r"^## The lessons\n.+?(?=^###? )", running, re.MULTILINE | re.DOTALL)
            index = f"{start}\n{table[0] if table else ''}\n{_tables_of_contents(parts)}"
            (folder / "index.md").write_text(with_links(index, page, pages), encoding="utf-8")
            text = f"{_RUNNING}## Two commands\n{running}"
        target.write_text(with_links(text, page, pages), encoding="utf-8")


def with_links(text: str, page: str, pages: Iterable[str]) -> str:
    """Return the Markdown of `page` with links to the sources of `pages`; others in the course become words.

    Badges, which another host draws, become words as well. Code stays as it is.
    """

    def link(match: re.Match) -> str:
        code, picture, words, target = match.groups()
        if code or picture or re.match(r"https?:|mailto:", target):
            return match[0]
        file, mark, anchor = target.partition("#")
        there = Path(os.path.normpath(Path(page).parent / file)).as_posix() if file else page
        if there not in pages and Path(there).parent.name != "figures":
            return words
        anchor = re.sub(r"[^\w -]", "", anchor.lower()).replace(" ", "-")
        file = re.sub(r"\.ipynb$", ".md", file)
        return f"[{words}]({file}{mark}{anchor})"

    return _CODE_OR_LINK.sub(link, _BADGE.sub(r"[Open in Colab](\1)", text))


def build(folder: Path = lessons.BUILD / "site", course: Path = COURSE_FOLDER) -> None:
    """Make the site in `folder`, anew.

    Raises:
        CourseError: Sphinx is not installed, or complains, as it does about a link that leads nowhere.
    """
    sources = lessons.BUILD / "site-sources"
    write_sources(sources, course)
    shutil.rmtree(folder, ignore_errors=True)
    path = os.pathsep.join(filter(None, [str(PACKAGES), os.environ.get("PYTHONPATH")]))
    options = ["--quiet", "--fail-on-warning", "--builder", "html", "--fresh-env", "--jobs", "auto"]
    options += ["--conf-dir", str(SPHINX), "--doctree-dir", str(lessons.BUILD / "site-doctrees")]
    command = [sys.executable, "-m", "sphinx", *options, str(sources), str(folder)]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.PIPE, encoding="utf-8"
    )
    if "No module named sphinx" in done.stderr:
        requirements = (SPHINX / "requirements.txt").relative_to(COURSE_FOLDER)
        raise checks.CourseError(
            f"Sphinx, which makes the site, is not installed. Run python -m pip install --no-deps "
            f"--target {PACKAGES.relative_to(COURSE_FOLDER)} --requirement {requirements}."
        )
    if done.returncode:
        raise checks.CourseError(
            f"Sphinx could not make the site:\n{done.stderr.strip()}\nMend what it names, and try again."
        )


def _tables_of_contents(parts: dict[str, list[str]]) -> str:
    """Return the contents at the side of every page, as MyST writes it."""
    tables = []
    for heading, pages in parts.items():
        names = "\n".join(str(Path(page).with_suffix("")) for page in pages)
        tables.append(f"```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{names}\n```\n")
    return "\n".join(tables)


def _lesson(path: Path, pictures: Path) -> str:
    """Return a saved lesson as Markdown, its solutions folded, and write its pictures to a folder."""
    notebook = lessons.without_bounds(nbformat.read(path, as_version=4))
    for cell in notebook.cells:
        if editions.is_solution(cell):
            cell.metadata["solution"] = editions.without_marks(cell.source)
            cell.source = editions.without_solution(cell.source)
    exporter = MarkdownExporter(raw_template=(SPHINX / "lesson.md.j2").read_text(encoding="utf-8"))
    text, resources = exporter.from_notebook_node(notebook, {"unique_key": path.stem})
    for name, picture in resources["outputs"].items():
        (pictures / name).write_bytes(picture)
    return str(text)
