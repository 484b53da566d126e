"""The course as a site to read before anything is installed: saved lessons and pages, made by Sphinx.

It comes in English, and in Vietnamese in a folder vi/ with the same pages, each a link away from the other.
Nothing is run: the lessons come with their saved outputs. The site asks no other host for anything, and reads
from a server as from a folder or a stick.
"""

import json
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
from . import editions, lessons, translation

SPHINX = Path(__file__).with_name("sphinx")  # its settings, and what it needs beside the course's packages
LOCALES = "locales"  # the folder of its sources where Sphinx looks for translations
PACKAGES = lessons.BUILD / "site-packages"
README = "README.md"
BESIDE = {  # the pages beside the lessons: heading in the contents -> pages
    "Beside the lessons": ["notebooks/glossary.md", "notebooks/when_things_fail.md", README],
    "For teachers and authors": ["notebooks/README.md", "CONTRIBUTING.md", "CHANGELOG.md"],
}
ENGLISH = "en_GB"  # as Sphinx calls it
_RUNNING = "Running the course"  # what the README tells from its first commands on
_PHOTOS = "Photos, which the course may not hand on: run this cell to see them."
_OUTPUTS = "Outputs and figures on this page are those of the English course."
_TOLD_BY_THE_SWITCH = re.compile(r"^\*\*Tiếng Việt:\*\*.+?\n\n", re.MULTILINE | re.DOTALL)
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


def write_sources(folder: Path, course: Path = COURSE_FOLDER, language: str = ENGLISH) -> None:
    """Write to `folder`, anew, what Sphinx makes the site of: Markdown and pictures, as in `course`.

    The site's own words are in `language`, as far as a file beside Sphinx's settings has them.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(course / "notebooks" / "figures", folder / "notebooks" / "figures")
    words = _write_words(folder, language)
    parts = contents(lessons.find(folder=course / "notebooks"))
    pages = {page for part in parts.values() for page in part}

    def write(target: str, text: str, page: str) -> None:
        if translation.ALL_ENGLISH in text:
            text = f"---\nlanguage: en\n---\n{text}"
        (folder / target).with_suffix(".md").write_text(with_links(text, page, pages), encoding="utf-8")

    for page in pages:
        path = course / page
        (folder / page).parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".ipynb":
            text = _lesson(path, (folder / page).parent, words)
            if language != ENGLISH and translation.ALL_ENGLISH not in text:
                text = translation.with_note(text, f"*{words[_OUTPUTS]}*")
        else:
            text = path.read_text(encoding="utf-8")
        if page == README:
            start, running = re.split(r"\n(?=## )", text, maxsplit=1)
            start = _TOLD_BY_THE_SWITCH.sub("", start)
            table = re.search(r"^## [^\n]+\n\n\|.+?(?=^###? )", running, re.MULTILINE | re.DOTALL)
            write("index", f"{start}\n{table[0] if table else ''}\n{_tables_of_contents(parts, words)}", page)
            note = f"{translation.ALL_ENGLISH}\n\n" if translation.ALL_ENGLISH in start else ""
            text = f"# {words[_RUNNING]}\n\n{note}{running}"
        write(page, text, page)


class _Words(dict[str, str]):
    """The site's own words in a language; what it has no word for is in English."""

    def __missing__(self, english: str) -> str:
        return english


def _write_words(folder: Path, language: str) -> _Words:
    """Return the site's own words in a language, and write them to where Sphinx and its scripts find them."""
    words = translation.read(language, SPHINX)
    place = folder / LOCALES / language / "LC_MESSAGES"
    if words:
        place.mkdir(parents=True)
        translation.write(words, "sphinx", place)
        said = {word.msgid: word.msgstr or list(word.msgstr_plural.values()) for word in words}
        script = json.dumps({"locale": language, "messages": said, "plural_expr": "0"})
        (place / "sphinx.js").write_text(f"Documentation.addTranslations({script});\n", encoding="utf-8")
    return _Words({word.msgid: word.msgstr for word in words})


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
    shutil.rmtree(folder, ignore_errors=True)
    _make(folder, course, ENGLISH)
    vietnamese = lessons.BUILD / "site-vi"
    translation.write_edition(vietnamese, course)
    _make(folder / translation.LANGUAGE, vietnamese, translation.LANGUAGE)


def _make(folder: Path, course: Path, language: str) -> None:
    """Make the site of one language."""
    sources = lessons.BUILD / "site-sources"
    write_sources(sources, course, language)
    path = os.pathsep.join(filter(None, [str(PACKAGES), os.environ.get("PYTHONPATH")]))
    options = ["--quiet", "--fail-on-warning", "--builder", "html", "--fresh-env", "--jobs", "auto"]
    options += ["--conf-dir", str(SPHINX), "--doctree-dir", str(lessons.BUILD / "site-doctrees")]
    options += ["--define", f"language={language}", "--define", f"locale_dirs={sources / LOCALES}"]
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


def _tables_of_contents(parts: dict[str, list[str]], words: _Words) -> str:
    """Return the contents at the side of every page, as MyST writes it."""
    tables = []
    for heading, pages in parts.items():
        names = "\n".join(str(Path(page).with_suffix("")) for page in pages)
        tables.append(f"```{{toctree}}\n:hidden:\n:caption: {words[heading]}\n\n{names}\n```\n")
    return "\n".join(tables)


def _quoted(markdown: str) -> str:
    """Return Markdown as a quotation, its headings as bold lines: they are none of the page's own."""
    lines = re.sub(r"^#+ (.+)$", r"**\1**", markdown.strip(), flags=re.MULTILINE).splitlines()
    return "\n".join(f"> {line}".rstrip() for line in lines)


def _lesson(path: Path, pictures: Path, words: _Words) -> str:
    """Return a saved lesson as Markdown, each solution folded, and write its pictures to a folder."""
    notebook = lessons.without_bounds(nbformat.read(path, as_version=4))
    for cell in notebook.cells:
        if editions.is_solution(cell):
            cell.metadata["solution"] = editions.without_marks(cell.source)
            cell.source = editions.without_solution(cell.source)
        if "photo" in cell.metadata.get("tags", []) and not cell.outputs:
            cell.metadata["note"] = words[_PHOTOS]
        for output in cell.get("outputs", []):
            if "text/markdown" in output.get("data", {}):
                output.data["text/markdown"] = _quoted(output.data["text/markdown"])
    exporter = MarkdownExporter(raw_template=(SPHINX / "lesson.md.j2").read_text(encoding="utf-8"))
    said = {"unique_key": path.stem, "solution": words[editions.SOLUTION]}
    text, resources = exporter.from_notebook_node(notebook, said)
    for name, picture in resources["outputs"].items():
        (pictures / name).write_bytes(picture)
    return str(text)
