"""The course in Vietnamese: translations in gettext files, and the edition made of masters and translations.

The masters are English. For each notebook and page a file in notebooks/vi/ holds its blocks of prose, with
the cell's id (in a page the heading) as their context. What a later edit of the English leaves without a
valid translation is shown in English, with a mark; a master without any translation says so once, at its top.
"""

import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import nbformat
import polib
from nbformat import NotebookNode

from .. import checks
from ..runtime import COURSE_FOLDER
from . import blocks, editions, lessons, messages

LANGUAGE = "vi"
TRANSLATIONS = lessons.MASTERS / LANGUAGE
ENGLISH = "⟨en⟩ "  # before what is shown in English
ALL_ENGLISH = '<p lang="vi">Trang này chưa được dịch: nội dung dưới đây bằng tiếng Anh.</p>'
PAGES = {  # file of translations -> page
    "glossary": "notebooks/glossary.md",
    "when_things_fail": "notebooks/when_things_fail.md",
    "guide": "notebooks/README.md",
    "readme": "README.md",
}
SETUP_CELL, SETUP_FILE = "colab/setup_cell.py", "colab_setup"  # a script, and its file of translations
_FOLD = "fold"  # the context of what folds are called: the same all over a file
_ALIKE = 0.6  # from which share of equal words on an edited block is taken for what became of an old one
_LINK = re.compile(rf"`[^`]*`|{blocks.LINK.pattern}")


@dataclass(frozen=True)
class Unit:
    """What is translated: a block's text, the cell or heading it belongs to, and what kind of block it is."""

    context: str
    text: str
    kind: str


@dataclass(frozen=True)
class Document:
    """A master, a notebook or a page: the name of its translations, and its path from the course's folder."""

    name: str
    place: str
    course: Path = COURSE_FOLDER

    @property
    def is_notebook(self) -> bool:
        """Return whether it is no page."""
        return self.place.endswith(".ipynb")

    def read(self) -> NotebookNode:
        """Return the notebook."""
        return nbformat.read(self.course / self.place, as_version=4)

    def texts(self) -> dict[str, str]:
        """Return its Markdown by cell; the whole page under an empty name."""
        if self.is_notebook:
            return {cell.id: cell.source for cell in self.read().cells if cell.cell_type == "markdown"}
        return {"": (self.course / self.place).read_text(encoding="utf-8")}

    def units(self) -> list[Unit]:
        """Return what is to be translated, each once, in order."""
        found = [unit for cell, text in self.texts().items() for unit, _ in units_of(cell, text)]
        if self.is_notebook and any(editions.is_solution(cell) for cell in self.read().cells):
            found.append(Unit(_FOLD, editions.SOLUTION, "fold"))  # in Colab's edition
        return list({(unit.context, unit.text): unit for unit in found}.values())


def documents(course: Path = COURSE_FOLDER) -> list[Document]:
    """Return the masters: the notebooks, then the pages."""
    notebooks = lessons.find(folder=course / "notebooks")
    made = [Document(path.stem, path.relative_to(course).as_posix(), course) for path in notebooks]
    return made + [Document(name, page, course) for name, page in PAGES.items() if (course / page).is_file()]


def units_of(cell: str, text: str) -> Iterator[tuple[Unit, blocks.Block]]:
    """Yield the units in a cell's Markdown, or in a page's (`cell` is empty), each with its block."""
    context = cell
    for block in blocks.blocks(text):
        if not cell and block.kind.startswith("heading"):
            context = block.text
        if block.is_prose:
            yield Unit(_FOLD if block.kind == "fold" else context, block.text, block.kind), block


# --- files of translations --------------------------------------------------------------------------------


def read(name: str, folder: Path = TRANSLATIONS) -> polib.POFile:
    """Return the translations of a master; none where there is no file yet.

    Raises:
        CourseError: the file cannot be read.
    """
    path = folder / f"{name}.po"
    if not path.is_file():
        return polib.POFile()
    try:
        return polib.pofile(str(path), encoding="utf-8")
    except OSError as error:  # as polib calls a syntax error
        raise checks.CourseError(f"{error}. Mend that line, or take the file from git.") from None


def write(translations: polib.POFile, name: str, folder: Path = TRANSLATIONS) -> None:
    """Write the translations of a master."""
    folder.mkdir(parents=True, exist_ok=True)
    text = str(translations).rstrip("\n") + "\n"
    (folder / f"{name}.po").write_text(text, encoding="utf-8", newline="\n")


def updated(old: polib.POFile, units: list[Unit]) -> polib.POFile:
    """Return translations of `units` made from those in `old`, of which none is lost.

    A block that is as it was, or has moved, keeps its translation; an edited one keeps it as fuzzy, with the
    English that it was made from; a new one has none. What was translated and is gone becomes obsolete.
    """
    left = [entry for entry in old if entry.msgstr or entry.tcomment]
    taken: dict[Unit, polib.POEntry] = {}
    for likeness in (_same, _moved, _alike_in_its_cell, _alike):
        free = [unit for unit in units if unit not in taken]
        pairs = [(likeness(unit, entry), unit, entry) for unit in free for entry in left]
        for score, unit, entry in sorted(pairs, key=lambda pair: -pair[0]):
            if score >= _ALIKE and unit not in taken and entry in left:
                taken[unit] = entry
                left.remove(entry)
    made = polib.POFile(wrapwidth=100)
    made.header = "The course's prose, in the masters' order. `make translate` keeps this up to date."
    made.metadata = {
        "Language": LANGUAGE,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        **old.metadata,
    }
    made.extend(_carried(taken.get(unit, polib.POEntry()), unit) for unit in units)
    for entry in left:
        entry.obsolete = True
        made.append(entry)
    return made


def _carried(old: polib.POEntry, unit: Unit) -> polib.POEntry:
    """Return an entry for `unit` with what `old` has for it."""
    new = polib.POEntry(msgctxt=unit.context, msgid=unit.text, comment=unit.kind)
    new.msgstr, new.tcomment = old.msgstr, old.tcomment
    translated_from = _source(old)
    if old.msgstr and translated_from != unit.text:
        new.flags, new.previous_msgid = ["fuzzy"], translated_from
    elif old.fuzzy and not old.previous_msgid:  # as a translator left it, who was not sure
        new.flags = ["fuzzy"]
    return new


def _source(entry: polib.POEntry) -> str:
    """Return the English that an entry's translation was made from."""
    return entry.previous_msgid or entry.msgid


def _same(unit: Unit, entry: polib.POEntry) -> float:
    return _moved(unit, entry) * (unit.context == entry.msgctxt)


def _moved(unit: Unit, entry: polib.POEntry) -> float:
    return unit.text == _source(entry)


def _alike_in_its_cell(unit: Unit, entry: polib.POEntry) -> float:
    return _alike(unit, entry) if unit.context == entry.msgctxt else 0


def _alike(unit: Unit, entry: polib.POEntry) -> float:
    return max(_share(unit.text, text) for text in {entry.msgid, _source(entry)})


def _share(text: str, other: str) -> float:
    """Return the share of words that two texts have in common, in the same order; 0 where it is small."""
    match = SequenceMatcher(None, text.split(), other.split(), autojunk=False)
    bounds = (match.real_quick_ratio, match.quick_ratio)  # from above
    return match.ratio() if all(bound() >= _ALIKE for bound in bounds) else 0


def valid(translations: polib.POFile) -> dict[tuple[str, str], str]:
    """Return what may be shown: (context, English) -> translation, neither fuzzy nor obsolete."""
    return {(entry.msgctxt, entry.msgid): entry.msgstr for entry in translations if entry.translated()}


def missing(units: list[Unit], translations: polib.POFile) -> list[Unit]:
    """Return the units that have no valid translation."""
    known = valid(translations)
    return [unit for unit in units if (unit.context, unit.text) not in known]


def update(course: Path = COURSE_FOLDER) -> Iterator[tuple[str, int, int, int]]:
    """Update all files, and yield of each its name, and numbers: blocks, those to translate, their words."""
    files = [
        (document.name, course / "notebooks" / LANGUAGE, document.units()) for document in documents(course)
    ]
    if (folder := course / "helpers").is_dir():
        said = [Unit(module, text, "message") for text, module in messages.messages(folder).items()]
        files.append((LANGUAGE, folder / "language", said))
    if (script := course / SETUP_CELL).is_file():
        said = [Unit("setup", text, "message") for text in messages.said(script.read_text(encoding="utf-8"))]
        files.append((SETUP_FILE, course / "notebooks" / LANGUAGE, said))
    for name, folder, units in files:
        made = updated(read(name, folder), units)
        write(made, name, folder)
        lacking = missing(units, made)
        yield name, len(units), len(lacking), sum(len(blocks.words(unit.text).split()) for unit in lacking)


def complete(folder: Path = TRANSLATIONS) -> list[str]:
    """Return the names of the files whose translation is complete, and is to stay so."""
    path = folder / "edition.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))["complete"] if path.is_file() else []


# --- the edition ------------------------------------------------------------------------------------------


def in_vietnamese(
    cell: str, text: str, known: dict[tuple[str, str], str], links: Callable[[str], str] = str
) -> str:
    """Return a cell's or a page's Markdown in Vietnamese, and in English, marked, where `known` lacks it.

    Where nothing at all is known, nothing is marked. `links` is then called on each block.
    """
    made = {
        block: known.get((unit.context, unit.text)) or (marked(unit.text) if known else unit.text)
        for unit, block in units_of(cell, text)
    }
    return blocks.replaced(text, by=lambda block: links(made.get(block, block.text)))


def marked(text: str) -> str:
    """Return a block's English with the mark at its beginning, in a row within the first cell."""
    return re.sub(r"^(\| *)?", lambda bar: (bar[1] or "") + ENGLISH, text, count=1)


def in_english(text: str) -> str:
    """Return Markdown with a note below its title that it has no translation."""
    return with_note(text, ALL_ENGLISH)


def with_note(text: str, note: str) -> str:
    """Return Markdown with a note below its title."""
    return re.sub(r"\A# .+\n?", rf"\g<0>\n{note}\n", text)


def notebook(
    document: Document, translations: polib.POFile, links: Callable[[str], str] = str
) -> NotebookNode:
    """Return a notebook with its prose in Vietnamese; code, outputs and metadata are the master's."""
    made, known = document.read(), valid(translations)
    for cell in made.cells:
        if cell.cell_type == "markdown":
            cell.source = in_vietnamese(cell.id, cell.source, known, links)
    return made


def solution(translations: polib.POFile) -> str:
    """Return what a folded solution is called."""
    return valid(translations).get((_FOLD, editions.SOLUTION), ENGLISH + editions.SOLUTION)


def setup_cell(script: str, translations: polib.POFile) -> str:
    """Return the setup cell of Colab's editions with what it says in Vietnamese; its code is the same."""
    for entry in translations.translated_entries():
        script = script.replace(entry.msgid, entry.msgstr)
    return script


def write_edition(folder: Path, course: Path = COURSE_FOLDER) -> dict[str, int]:
    """Make the course in Vietnamese, anew, in `folder`; return of each master how many blocks are in English.

    What the lessons need lies beside them, so that they run there. Links lead to the edition's own files and
    headings; one to what the edition has not becomes plain text.
    """
    shutil.rmtree(folder, ignore_errors=True)
    editions.copy_what_lessons_need(folder)
    translated = documents(course)
    others = [page.name for page in course.glob("*.md") if page.name not in PAGES.values()]
    masters = translated + [Document(name, name, course) for name in others]
    files = {document.place: read(document.name, course / "notebooks" / LANGUAGE) for document in masters}
    anchors = {(folder / d.place).resolve(): _anchors(d, files[d.place]) for d in masters}
    for document in masters:
        target = folder / document.place
        target.parent.mkdir(parents=True, exist_ok=True)
        translations = files[document.place]

        def links(text: str, at: Path = target) -> str:
            return _LINK.sub(lambda link: _led(link, at, anchors), text)

        known = valid(translations)
        noted = str if known else in_english
        if document.is_notebook:
            made = notebook(document, translations, links)
            made.cells[0].source = noted(made.cells[0].source)
            nbformat.write(made, target)
        else:
            page = noted(in_vietnamese("", document.texts()[""], known, links))
            target.write_text(page, encoding="utf-8", newline="\n")
    return {document.name: len(missing(document.units(), files[document.place])) for document in translated}


def _anchors(document: Document, translations: polib.POFile) -> dict[str, str]:
    """Return what links to a master's headings end in: in English -> in Vietnamese."""
    known = valid(translations)

    def anchor(heading: str) -> str:
        if document.is_notebook:
            return heading.replace(" ", "-")  # as JupyterLab makes them
        return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")  # as GitHub does

    return {
        anchor(english): anchor(vietnamese)
        for cell, text in document.texts().items()
        for english, vietnamese in zip(
            blocks.headings(text), blocks.headings(in_vietnamese(cell, text, known))
        )
    }


def _led(link: re.Match, at: Path, anchors: dict[Path, dict[str, str]]) -> str:
    """Return a link in the file `at` as it is in the edition; code is left alone."""
    if link[2] is None or re.match(r"https?:|mailto:", link[2]):
        return link[0]
    file, _, anchor = link[2].partition("#")
    there = (at.parent / file if file else at).resolve()
    if there not in anchors:
        return link[0] if there.exists() else link[1]
    end = f"#{anchors[there].get(anchor, anchor)}" if anchor else ""
    return f"[{link[1]}]({file}{end})"
