"""Make the Colab editions of the lessons, and the badges and links that lead to them.

python colab/build.py                                          make colab/*.ipynb from notebooks/*.ipynb
python colab/build.py --repository OWNER/NAME --branch main    the same, for the course at that address

The repository is kept in pyproject.toml, under [tool.course]. While it is empty, nothing links there.
colab/vi/ has those of the lessons whose Vietnamese translation is complete.

An edition is its lesson, less outputs and cells tagged `local-only`, with the setup cell of
setup_cell.py, and at its end a cell that waits for Drive. An exercise's solution gives way to a stub, and
follows it folded up. The same lessons give the same bytes on every machine.
"""

import argparse
import re
import sys
import tomllib
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

COURSE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(COURSE))  # where `helpers` lies

from helpers.course import blocks, editions, lessons, translation

_TRAINS = re.compile(r"\b(transfer|strategies)\.\w+\(")  # the modules by which lessons train networks
_LOCAL_SETUP = re.compile(r'^(import sys|sys\.path\.insert\(0, "\.\.(/\.\.)?"\).*)\n', re.MULTILINE)
_PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
_BADGE_LINE = re.compile(r"\n\[!\[Open in Colab\]\(\S+\)\]\(\S+\)\n")
_BADGES_IN_README = re.compile(r"(?<=<!-- colab badges -->\n).*?(?=<!-- end of colab badges -->)", re.DOTALL)


END_CELL = "# @title The end: wait until all that this lesson kept is on Drive.\ncolab.flush_drive()"


@dataclass(frozen=True)
class Repository:
    """The course on GitHub: "OWNER/NAME" and a branch. An empty name stands for none.

    Links to the notebooks in `vietnamese`, named without their end, lead to their editions in Vietnamese.
    """

    name: str
    branch: str
    vietnamese: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.name)

    def page(self, path: str) -> str:
        """Return the address of a file's page."""
        return f"https://github.com/{self.name}/blob/{self.branch}/{path}"

    def raw(self, path: str) -> str:
        """Return the address of a file's content, for pictures."""
        return f"https://raw.githubusercontent.com/{self.name}/{self.branch}/{path}"

    def on_colab(self, lesson: str) -> str:
        """Return the address that opens a lesson's edition in Colab."""
        folder = "colab/vi" if Path(lesson).stem in self.vietnamese else "colab"
        return f"https://colab.research.google.com/github/{self.name}/blob/{self.branch}/{folder}/{lesson}"

    def badge(self, lesson: str) -> str:
        """Return the badge "Open in Colab" of a lesson, in Markdown."""
        picture = "https://colab.research.google.com/assets/colab-badge.svg"
        return f"[![Open in Colab]({picture})]({self.on_colab(lesson)})"


def edition(
    master: NotebookNode,
    name: str,
    repository: Repository,
    setup_cell: str,
    solution: str = editions.SOLUTION,
) -> NotebookNode:
    """Return the Colab edition of `master`, which lies at `name` below notebooks/."""
    cells = []
    for cell in editions.with_folded_solutions(deepcopy(master), solution).cells:
        if "local-only" in cell.metadata.get("tags", []):
            continue
        if cell.id == "setup":
            cells.append(_form(with_form_fields(setup_cell, repository), "colab-setup"))
            cell.source = re.sub(r"\n{3,}", "\n\n", _LOCAL_SETUP.sub("", cell.source)).strip("\n")
        if cell.cell_type == "markdown":
            cell.source = with_links(cell.source, repository, Path(name).parent)
        cells.append(cell)
    cells.append(_form(END_CELL, "colab-end"))
    cells[0].source = with_badge(cells[0].source, Path(name).name, repository)
    metadata = deepcopy(master.metadata)
    metadata["colab"] = {"name": Path(name).name, "provenance": [], "toc_visible": True}
    if trains(master):
        metadata["accelerator"] = "GPU"
    return new_notebook(cells=cells, metadata=metadata)


def _form(source: str, name: str) -> NotebookNode:
    """Return a cell of which Colab shows the title and the fields, and the code on request."""
    return new_code_cell(source, id=name, metadata={"cellView": "form"})


def trains(lesson: NotebookNode) -> bool:
    """Return whether a lesson trains networks: its edition then asks for a GPU."""
    return any(cell.cell_type == "code" and _TRAINS.search(cell.source) for cell in lesson.cells)


def with_form_fields(setup_cell: str, repository: Repository) -> str:
    """Return the setup cell with the repository filled into its form."""
    return _with_values(setup_cell, repository).strip("\n")


def with_links(text: str, repository: Repository, folder: Path = Path()) -> str:
    """Return Markdown whose relative links lead to Colab or GitHub, or are plain text for want of an address.

    They are relative to `folder`, below notebooks/. Links within a lesson become plain text as well: Colab
    has no anchors for headings.
    """

    def picture(match: re.Match) -> str:
        words, target = match.groups()
        if _is_address(target):
            return match[0]
        return f"![{words}]({repository.raw(_in_course(folder / target))})" if repository else words

    def link(match: re.Match) -> str:
        words, target = match.groups()
        file = target.split("#")[0]
        if _is_address(target):
            return match[0]
        if not file or not repository:
            return words
        if file.endswith(".ipynb"):
            return f"[{words}]({repository.on_colab(Path(file).name)})"
        return f"[{words}]({repository.page(_in_course(folder / file))})"

    return blocks.LINK.sub(link, _PICTURE.sub(picture, text))


def _is_address(target: str) -> bool:
    return re.match(r"https?:|mailto:", target) is not None


def _in_course(target: Path) -> str:
    """Return a link's target, relative to notebooks/, as a path from the course's folder."""
    return (COURSE / "notebooks" / target).resolve().relative_to(COURSE).as_posix()


def with_badge(title: str, lesson: str, repository: Repository) -> str:
    """Return a lesson's first cell with its badge below the heading, or with none."""
    title = _BADGE_LINE.sub("", title)
    heading, _, rest = title.partition("\n")
    return f"{heading}\n\n{repository.badge(lesson)}\n{rest}" if repository else title


def readme_with_badges(readme: str, notebooks: list[Path], repository: Repository) -> str:
    """Return the README with a badge for each lesson between its two marks, or with none."""
    badges = [f"- {_title(path)}: {repository.badge(path.name)}\n" for path in notebooks]
    return _BADGES_IN_README.sub(lambda _: "".join(["\n", *badges, "\n"] if repository else []), readme)


def _title(path: Path) -> str:
    number = lessons.number(path)
    return f"Lesson {number}" if number else path.stem.replace("_", " ").capitalize()


def as_bytes(notebook: NotebookNode) -> bytes:
    """Return a notebook as its file's content."""
    return (nbformat.writes(notebook).rstrip("\n") + "\n").encode()


def files(course: Path, repository: Repository) -> dict[Path, bytes]:
    """Return all that is generated (editions, README, lessons whose badge changes): path -> content."""
    masters = lessons.find(folder=course / "notebooks")
    setup_cell = (course / "colab" / "setup_cell.py").read_text(encoding="utf-8")
    readme = course / "README.md"
    made = {readme: readme_with_badges(readme.read_text(encoding="utf-8"), masters, repository).encode()}
    for path in masters:
        master = nbformat.read(path, as_version=4)
        made[course / "colab" / path.name] = as_bytes(
            edition(master, lessons.place(path).as_posix(), repository, setup_cell)
        )
        title = with_badge(master.cells[0].source, path.name, repository)
        if title != master.cells[0].source:
            master.cells[0].source = title
            made[path] = as_bytes(master)
    return made | vietnamese_editions(course, repository, setup_cell)


def vietnamese_editions(course: Path, repository: Repository, setup_cell: str) -> dict[Path, bytes]:
    """Return the editions of the notebooks whose translation is complete."""
    folder = course / "notebooks" / translation.LANGUAGE
    complete = tuple(translation.complete(folder))
    setup_cell = setup_cell.replace('language = "en"', f'language = "{translation.LANGUAGE}"')
    setup_cell = translation.setup_cell(setup_cell, translation.read(translation.SETUP_FILE, folder))
    made = {}
    for document in translation.documents(course):
        if document.is_notebook and document.name in complete:
            known = translation.read(document.name, folder)
            master, place = translation.notebook(document, known), Path(document.place)
            name, links = lessons.place(place).as_posix(), replace(repository, vietnamese=complete)
            notebook = edition(master, name, links, setup_cell, translation.solution(known))
            made[course / "colab" / translation.LANGUAGE / place.name] = as_bytes(notebook)
    return made


def stored_repository(pyproject: str) -> Repository:
    """Read the repository from the text of pyproject.toml."""
    course = tomllib.loads(pyproject)["tool"]["course"]
    return Repository(course["repository"], course["branch"])


def _with_values(text: str, repository: Repository) -> str:
    """Put the repository into lines that begin with `repository = "…"` and `branch = "…"`."""
    for field, value in (("repository", repository.name), ("branch", repository.branch)):
        text = re.sub(rf'^{field} = ".*?"', f'{field} = "{value}"', text, flags=re.MULTILINE)
    return text


def main(arguments: list[str] | None = None, course: Path = COURSE) -> int:
    """Build everything; with `--repository` or `--branch`, store them first."""
    parser = argparse.ArgumentParser(description="Make the Colab editions of the lessons.")
    parser.add_argument("--repository", metavar="OWNER/NAME", help="on GitHub; an empty one for none")
    parser.add_argument("--branch", help="the branch that Colab is to open")
    options = parser.parse_args(arguments)
    pyproject = course / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8")
    stored = stored_repository(text)
    name = stored.name if options.repository is None else options.repository
    repository = Repository(name, options.branch or stored.branch)
    if not re.fullmatch(r"([\w.-]+/[\w.-]+)?", repository.name):
        parser.error(f"'{repository.name}' is no repository. Write it as OWNER/NAME.")
    if not re.fullmatch(r"[\w./-]+", repository.branch):
        parser.error(f"'{repository.branch}' is no branch. Write its name, such as main.")
    if repository != stored:
        pyproject.write_bytes(_with_values(text, repository).encode())
    made = files(course, repository)
    for path, content in made.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    editions_there = [*course.glob("colab/*.ipynb"), *course.glob(f"colab/{translation.LANGUAGE}/*.ipynb")]
    for leftover in set(editions_there) - set(made):
        leftover.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
