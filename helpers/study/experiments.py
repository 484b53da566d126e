"""Running an experiment of many cells: on every core, resumable, each result on disk as soon as it is there.

A cell is a dictionary of what sets it apart (a strategy, a seed …). A function makes it a record: the
cell and what was measured. Records are lines of a CSV file, so that what is missing is known from the
file alone: stop the run wherever you like, start it again, and nothing is lost or done twice. Each line
ends with a checksum of itself; one that is damaged does not count, and its cell is run again.

What a record depends on beyond its cell (versions, machine, source of the data) stands beside it, for whoever
compares records to look at. It does not make the cell a new one: an update must not throw hours away.
"""

import csv
import datetime
import hashlib
import io
import multiprocessing
import os
import pickle
import platform
import signal
import sys
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from numbers import Real
from pathlib import Path
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from .. import checks, runtime

Cell = dict[str, Any]
Record = dict[str, Any]

CHECKSUM = "checksum"  # the last column: the beginning of the SHA-256 sum of the line before it
NO_FUNCTION = (
    "measure is a function that other processes do not find. "
    "Write it into a file of Python, not into a cell or another function, and import it from there."
)
RESULTS = Path(__file__).with_name("results")  # what the course itself measured, committed


def read(path: Path | str, text: Collection[str] = ()) -> pd.DataFrame:
    """Read the records of a results file; an empty table where there is none.

    Lines that an interruption cut off, or whose checksum is not theirs, are left out.

    Args:
        path: the file.
        text: columns that are text whatever they hold, "20" and "None" too.

    Raises:
        ValueError: the file is no results file.
    """
    lines = "\n".join(_sound_lines(runtime.path_of(path)))
    if not lines:
        return pd.DataFrame()
    as_written = pd.read_csv(io.StringIO(lines), usecols=list(text), dtype=str, keep_default_na=False)
    return pd.read_csv(io.StringIO(lines)).drop(columns=CHECKSUM).assign(**as_written)


def _sound_lines(path: Path) -> list[str]:
    """Return the header and every line that is as it was written."""
    # What is no text any more fits no checksum, or no header.
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    header, *lines = text.split("\n")
    if header and not header.endswith(f",{CHECKSUM}"):
        raise checks.CourseError(
            f"'{path.name}' is no table of results. Name another file, or one that is not there yet."
        )
    return [header, *filter(_is_sound, lines)] if header else []


def _is_sound(line: str) -> bool:
    record, _, checksum = line.rpartition(",")
    return checksum == _checksum(record)


def _checksum(record: str) -> str:
    return hashlib.sha256(record.encode()).hexdigest()[:8]


def missing(cells: Sequence[Cell], path: Path | str) -> list[Cell]:
    """Return those of `cells` that the results file has no record of, in their order.

    Raises:
        ValueError: a cell that cannot be told from its line in a file, or the file holds something else.
    """
    _check_cells(cells)
    if not cells:
        return []
    path, names = runtime.path_of(path), list(cells[0])
    done = csv.DictReader(_sound_lines(path))
    if unknown := sorted(set(names) - set(done.fieldnames or names)):
        raise checks.CourseError(
            f"'{path.name}' has no column {', '.join(unknown)}: it is of another experiment. "
            "Name another file, or one that is not there yet."
        )
    known = {_as_written(names, record) for record in done}
    return [cell for cell in cells if _as_written(names, cell) not in known]


def _as_written(names: Sequence[str], cell: Mapping[str, object]) -> tuple[str, ...]:
    """Return a cell's values as its line in the file has them."""
    return tuple(str(cell[name]) for name in names)


def _check_cells(cells: Sequence[Cell]) -> None:
    """Refuse cells that could not be found again in a file, or would be measured twice."""
    seen = set()
    for cell in cells:
        if set(cell) != set(cells[0]) or CHECKSUM in cell:
            raise checks.CourseError(
                f"cells has {cell} beside {cells[0]}. Give all the same names, and none '{CHECKSUM}'."
            )
        for value in (*cell, *cell.values()):
            if not isinstance(value, str | Real) or not str(value).isprintable():
                raise checks.CourseError(
                    f"cells has {checks.shown(value)}. Give numbers, or printable text on one line."
                )
        written = _as_written(list(cells[0]), cell)
        if written in seen:
            raise checks.CourseError(f"cells has {cell} twice. Give each cell once.")
        seen.add(written)


def run(
    cells: Sequence[Cell],
    path: Path | str,
    measure: Callable[[Cell], Record],
    workers: int | None = None,
    description: str = "cells",
) -> None:
    """Measure what is missing of `cells`, and append each record to the file at once.

    Each worker is a process with one thread: on two cores that trains about twice as many small
    networks a minute as one process with two threads, which wait for each other.

    Ctrl-C, or a cell that fails, ends it at once: every record that is there by then is kept, and the
    cells in work are given up.

    Args:
        cells: each with the same names, and no two alike; values are text of one line, or numbers.
        path: the results file; made if need be.
        measure: a function of a module, given a cell, in a process of its own. The cell's own names need
            not be in what it returns.
        workers: processes; by default one a core.
        description: for the progress bar, which shows the time left.

    Raises:
        ValueError: fewer than one worker, cells that cannot be kept apart, a function of no module, a file
            that holds something else or cannot be written, or a worker that was ended from outside.
        Exception: what `measure` raised, with a note that names the cell.
    """
    path = runtime.path_of(path)
    if workers is not None:
        checks.whole_number("workers", workers, 1)
    to_do = missing(cells, path)
    if not to_do:
        return
    try:
        packed = pickle.dumps(measure)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise checks.CourseError(NO_FUNCTION) from error
    _leave_out_the_damaged(path)
    workers = min(workers or runtime.cores(), len(to_do))
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        max_workers=workers,
        mp_context=multiprocessing.get_context("spawn"),  # TensorFlow does not survive a fork
        initializer=_prepare_worker,
    )
    started: dict[Future, Cell] = {}
    try:
        for cell in to_do:
            started[pool.submit(_record, packed, cell)] = cell
        for future in runtime.progress(as_completed(started), description, len(to_do)):
            append(path, future.result())
    except BrokenProcessPool as error:
        fewer = f" or give fewer workers than {workers}" if workers > 1 else ""
        raise checks.CourseError(
            "A worker was ended from outside before its cell was measured: most likely the memory was full. "
            f"Close other programs{fewer}, and start again: it goes on where it stopped."
        ) from error
    finally:
        # Python 3.14 has `pool.terminate_workers` for it.
        for worker in set(multiprocessing.active_children()) - others:
            worker.terminate()
        pool.shutdown(cancel_futures=True)
        _keep_the_finished(path, started)


def _record(packed: bytes, cell: Cell) -> Record:
    """Measure a cell, in a worker. Its own values count, whatever else is called like them."""
    try:
        measure = pickle.loads(packed)
    except (AttributeError, ImportError) as error:  # it was defined in a notebook
        raise checks.CourseError(NO_FUNCTION) from error
    try:
        return cell | measure(cell) | provenance() | cell
    except Exception as error:
        error.add_note(f"The cell was {cell}.")
        raise


def _keep_the_finished(path: Path, started: Mapping[Future, Cell]) -> None:
    """Append the records that were there when the run stopped, and that it had not come to yet."""
    done = [future for future in started if future.done() and not future.cancelled()]
    finished = {future: started[future] for future in done if not future.exception()}
    unwritten = missing(list(finished.values()), path)
    for future, cell in finished.items():
        if cell in unwritten:
            append(path, future.result())


def _prepare_worker() -> None:
    """One thread, quietly; Ctrl-C is the parent's affair, and no worker outlives a parent that was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = "1"  # for libraries that are still to be loaded
    threadpool_limits(1)  # for those that are there, NumPy's
    os.environ["COURSE_QUIET"] = "1"
    parent = multiprocessing.parent_process()
    assert parent, "this is a worker"

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def append(path: Path, record: Record) -> None:
    """Write a record as one line, in one piece, and see it to the disk.

    Raises:
        ValueError: the record has other columns than the file, or text of several lines; or the file cannot
            be written. What it held stays, and the next run goes on from there.
    """
    header = next(iter(_sound_lines(path)), None)
    names = next(csv.reader([header]))[:-1] if header else list(record)
    if differing := sorted(set(names) ^ set(record)):
        raise checks.CourseError(
            f"'{path.name}' has other columns than what was measured ({', '.join(differing)}). "
            "Name another file, or one that is not there yet."
        )
    text = "" if header else f"{_as_csv(names, dict(zip(names, names)))},{CHECKSUM}\n"
    line = _as_csv(names, record)
    if len(line.splitlines()) > 1:
        raise checks.CourseError(
            f"A record has a line break: {checks.shown(line)}. Measure text of one line."
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(f"{text}{line},{_checksum(line)}\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise checks.CourseError(
            f"'{path.name}' cannot be written in '{path.parent}' ({error.strerror or error}). "
            "Make room there, or name another file, and start again: it goes on where it stopped."
        ) from error


def _as_csv(names: Sequence[str], record: Record) -> str:
    line = io.StringIO()
    csv.DictWriter(line, names, lineterminator="").writerow(record)
    return line.getvalue()


def _leave_out_the_damaged(path: Path) -> None:
    text = "".join(f"{line}\n" for line in _sound_lines(path))
    if text and text.encode() != path.read_bytes():
        with runtime.written_whole(path) as unfinished:
            unfinished.write_text(text, encoding="utf-8", newline="")


def is_there(name: str, load: Callable[[], object]) -> bool:
    """Return whether something can be loaded; if not, print that it is left out, and why."""
    try:
        load()
    except FileNotFoundError as error:
        print(f"{name} is left out. {error}")
        return False
    return True


def provenance() -> Record:
    """Return what a record rests on: versions, the machine in words, the day, the command."""
    versions = {
        "Python": platform.python_version(),
        "tensorflow": runtime.version("tensorflow"),
        "keras": runtime.version("keras"),
        "scikit-learn": runtime.version("sklearn"),
    }
    return {
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "machine": f"{runtime.cores()} cores, {runtime.processor()}",
        "date": datetime.date.today().isoformat(),
        "command": "python -m helpers " + " ".join(sys.argv[1:2]),
    }
