"""The lessons themselves: running them from top to bottom, and saving the masters."""

import os
import re
import time
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from tqdm import tqdm
from traitlets.config import Config

from .. import checks
from ..runtime import COURSE_FOLDER
from . import pages

MASTERS = COURSE_FOLDER / "notebooks"
APPENDIX = "appendix"  # the folder beside the lessons for what is no step of the course, and has no number
REFERENCES = ("glossary.md", "when_things_fail.md")  # beside the lessons, which link to them
BUILD = COURSE_FOLDER / "build"
SECONDS_A_CELL = 600  # no cell needs a tenth of this; it ends one that hangs

_KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "pygments_lexer": "ipython3"},
}
_CELL_METADATA = ("nbgrader", "tags")
BOUNDS = "bounds"  # tags cells that assert where the course's own results lie: no matter for other pictures
_ESCAPE_CODES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass
class LessonRun:
    """How one lesson went: its name, the seconds it took, what its `headline` cell printed."""

    name: str
    seconds: float
    headline: str


class NoSuchLesson(checks.CourseError):
    """A lesson was asked for by a number that none has."""


class LessonFailed(Exception):
    """A cell of a lesson did not run. The message shows which, its source and its error.

    `notebook` is the lesson with the outputs up to that cell.
    """

    def __init__(self, name: str, cell: NotebookNode, error: str, notebook: NotebookNode) -> None:
        source = "\n".join(f"    {line}" for line in cell.source.splitlines())
        super().__init__(f"Lesson {name} stopped in cell `{cell.id}`:\n\n{source}\n\n{error}")
        self.notebook = notebook


def find(names: Iterable[str] = (), folder: Path = MASTERS) -> list[Path]:
    """Return the notebooks' paths: the lessons in order, then those of the appendix.

    Args:
        names: only these: a lesson by its number (`3` or `03`), one of the appendix by its name.
        folder: where the lessons lie, and the appendix in a folder of its own.

    Raises:
        NoSuchLesson: a number or a name that none of them has.
    """
    lessons = {path.name[:2]: path for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))}
    lessons |= {path.stem: path for path in sorted(folder.glob(f"{APPENDIX}/*.ipynb"))}
    wanted = {name.zfill(2).removesuffix(".ipynb") for name in names} or set(lessons)
    for name in sorted(wanted - set(lessons)):
        raise NoSuchLesson(f"There is no lesson {name}. Choose from {', '.join(lessons)}.")
    return [path for name, path in lessons.items() if name in wanted]


def number(path: Path) -> int | None:
    """Return a lesson's number; None for one of the appendix."""
    return None if path.parent.name == APPENDIX else int(path.name[:2])


def above(path: Path) -> Path:
    """Return the lessons' folder: the notebook's own, or that of the appendix that it lies in."""
    return path.parent.parent if path.parent.name == APPENDIX else path.parent


def place(path: Path) -> Path:
    """Return where a notebook lies below the lessons' folder: `03_….ipynb`, or `appendix/….ipynb`."""
    return path.relative_to(above(path))


def kernel_environment() -> dict[str, str]:
    """Return the environment variables for kernels whose outputs are saved or compared.

    What a lesson prints must be the same in every run: no progress bars, no start-up log (which the
    package's own settings, handed on here, silence), and nothing of Matplotlib's about its folder and fonts.
    """
    # Where Matplotlib cannot write its folder, it makes another, names that in MPLCONFIGDIR, and says so:
    # here in place of in each kernel. So, too, with the list of fonts, made when it is first imported.
    import matplotlib
    from matplotlib import font_manager  # noqa: F401

    matplotlib.get_configdir()
    return {**os.environ, "COURSE_QUIET": "1"}


def without_bounds(notebook: NotebookNode) -> NotebookNode:
    """Return `notebook` (changed in place) without the cells that hold the course's own numbers."""
    notebook.cells = [cell for cell in notebook.cells if BOUNDS not in cell.metadata.get("tags", [])]
    return notebook


def execute(
    path: Path, on_cell: Callable[[], object] = lambda: None, with_bounds: bool = False
) -> NotebookNode:
    """Run the lesson at `path` in a fresh kernel, in its own folder, and return it with its outputs.

    `on_cell` is called before each cell. The file is left alone. Raises LessonFailed.
    """
    notebook = nbformat.read(path, as_version=4)
    if not with_bounds:
        without_bounds(notebook)
    started = []

    def note(cell: NotebookNode, cell_index: int) -> None:
        started.append(cell)
        on_cell()

    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=SECONDS_A_CELL,
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,  # when each cell ran is nothing to keep
        store_widget_state=False,
        coalesce_streams=True,  # a cell's text in one piece, however the kernel happened to send it
        on_cell_start=note,
        config=Config(KernelManager={"transport_encryption": "auto"}),  # what ipykernel asks for
    )
    try:
        client.execute(env=kernel_environment())
    except CellExecutionError:
        error = next(output for output in started[-1].outputs if output.output_type == "error")
        traceback = _ESCAPE_CODES.sub("", "\n".join(error.traceback))
        raise LessonFailed(path.stem, started[-1], traceback, notebook) from None
    except (CellTimeoutError, DeadKernelError, AssertionError) as error:
        # When a kernel dies, nbclient at times clears up twice, and then misses what it has cleared up.
        raise LessonFailed(path.stem, started[-1], str(error) or "Kernel died", notebook) from None
    return notebook


def headline(notebook: NotebookNode) -> str:
    """Return what the cell tagged `headline` printed, on one line; empty if there is none."""
    printed = [
        output.get("text") or output.get("data", {}).get("text/plain", "")
        for cell in notebook.cells
        if "headline" in cell.metadata.get("tags", [])
        for output in cell.get("outputs", [])
    ]
    return " ".join("".join(printed).split())


def run(lessons: list[Path], build: Path = BUILD) -> Iterator[LessonRun]:
    """Run `lessons` in order and yield a LessonRun after each.

    Each is saved under `build/notebooks`, and as a page under `build/html`, beside an index of those
    that ran. A lesson that fails ends it, since later ones build on it: its outputs so far are saved,
    then LessonFailed is raised.
    """
    for reference in (above(path) / name for path in lessons[:1] for name in REFERENCES):
        if reference.is_file():
            pages.write_reference(reference, build / "html")
    results = []
    with _progress_bar(lessons) as bar:
        for path in lessons:
            bar.set_description(path.stem)
            start = time.perf_counter()
            try:
                notebook = execute(path, on_cell=bar.update)
            except LessonFailed as failure:
                _keep(failure.notebook, path, build)
                raise
            _keep(notebook, path, build)
            results.append(LessonRun(path.stem, time.perf_counter() - start, headline(notebook)))
            pages.write_index(build / "html", [(result.name, result.headline) for result in results])
            yield results[-1]


def summary(results: list[LessonRun]) -> str:
    """Return `results` as a table to print: lesson, seconds, headline result."""
    width = max(len("all together"), *(len(result.name) for result in results))
    rows = [f"{result.name:<{width}}  {result.seconds:>7.0f}  {result.headline}" for result in results]
    total = sum(result.seconds for result in results)
    return "\n".join(
        [f"{'lesson':<{width}}  seconds  result", *rows, f"{'all together':<{width}}  {total:>7.0f}"]
    )


def save_masters(lessons: list[Path]) -> None:
    """Run `lessons` and save them in place, with the outputs that may be published. Raises LessonFailed.

    A lesson is written only once it has run to its end, so that a failure leaves its file as it was.
    The README's pictures are saved along with it.
    """
    with _progress_bar(lessons) as bar:
        for path in lessons:
            bar.set_description(path.stem)
            notebook = publishable(execute(path, on_cell=bar.update, with_bounds=True))
            nbformat.write(notebook, path)
            for name, picture in readme_figures(notebook).items():
                (above(path) / "figures").mkdir(exist_ok=True)
                (above(path) / "figures" / name).write_bytes(picture)


def readme_figures(notebook: NotebookNode) -> dict[str, bytes]:
    """Return the pictures of cells tagged `readme`: file name, made from the cell's id -> PNG."""
    return {
        f"{cell.id}.png": b64decode(output.data["image/png"])
        for cell in notebook.cells
        if "readme" in cell.metadata.get("tags", [])
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    }


def publishable(notebook: NotebookNode) -> NotebookNode:
    """Return `notebook` (changed in place) as a master is kept.

    The outputs of cells tagged `photo` go: the photographs are not ours to hand on. The metadata
    become the same on every machine: no version of Python, no editor's notes, only a cell's tags and what
    nbgrader has to know of an exercise. JupyterLab shows cells tagged `bounds` folded.
    """
    notebook.metadata = nbformat.from_dict(_KERNEL)
    for cell in notebook.cells:
        kept = {key: value for key in _CELL_METADATA if (value := cell.metadata.get(key))}
        if BOUNDS in kept.get("tags", []):
            kept["jupyter"] = {"source_hidden": True}
        cell.metadata = nbformat.from_dict(kept)
        if "photo" in kept.get("tags", []):
            cell.outputs = []
    return notebook


def _keep(notebook: NotebookNode, path: Path, build: Path) -> None:
    """Save an executed lesson under `build`, as a notebook and as a page."""
    (build / "notebooks").mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, build / "notebooks" / path.name)
    pages.write(notebook, build / "html" / f"{path.stem}.html", figures=path.parent)


def _progress_bar(lessons: list[Path]) -> tqdm:
    """Return a bar over all cells of `lessons`."""
    cells = [cell for path in lessons for cell in nbformat.read(path, as_version=4).cells]
    return tqdm(total=len(cells), unit="cell", leave=False, dynamic_ncols=True)
