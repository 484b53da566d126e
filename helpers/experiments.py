"""Running an experiment of many cells: on every core, resumable, each result on disk as soon as it is there.

A cell is a dictionary of what sets it apart (a strategy, a seed …). A function makes it a record: the
cell and what was measured. Records are lines of a CSV file, so that what is missing is known from the
file alone: stop the run wherever you like, start it again, and nothing is lost or done twice. Each line
ends with a checksum of itself; one that is damaged does not count, and its cell is run again.
"""

import csv
import datetime
import hashlib
import importlib.metadata
import io
import multiprocessing
import os
import platform
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import pandas as pd

from . import checks, runtime

Cell = dict[str, object]
Record = dict[str, object]

CHECKSUM = "checksum"  # the last column: the beginning of the SHA-256 sum of the line before it
RESULTS = Path(__file__).with_name("results")  # what the course itself measured, committed


def read(path: Path | str) -> pd.DataFrame:
    """Read the records of a results file; an empty table where there is none.

    Lines that an interruption cut off, or whose checksum is not theirs, are left out.

    Raises:
        ValueError: the file is no results file.
    """
    lines = _sound_lines(Path(path))
    if not lines:
        return pd.DataFrame()
    return pd.read_csv(io.StringIO("\n".join(lines)), dtype={"size": str}).drop(columns=CHECKSUM)


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
        ValueError: the file holds something else.
    """
    done = read(path)
    if done.empty or not cells:
        return list(cells)
    names = list(cells[0])
    if unknown := sorted(set(names) - set(done.columns)):
        raise checks.CourseError(
            f"'{Path(path).name}' has no column {', '.join(unknown)}: it is of another experiment. "
            "Name another file, or one that is not there yet."
        )
    known = set(map(tuple, done[names].astype(str).to_numpy()))
    return [cell for cell in cells if tuple(str(cell[name]) for name in names) not in known]


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

    Args:
        cells: each with the same names; values are text or whole numbers.
        path: the results file; made if need be.
        measure: a function of a module, given a cell, in a process of its own. The cell's own names need
            not be in what it returns.
        workers: processes; by default one a core.
        description: for the progress bar, which shows the time left.

    Raises:
        ValueError: fewer than one worker, or a file that holds something else.
    """
    path = Path(path)
    if workers is not None:
        checks.whole_number("workers", workers, 1)
    to_do = missing(cells, path)
    if not to_do:
        return
    _leave_out_the_damaged(path)
    with ProcessPoolExecutor(
        max_workers=min(workers or os.cpu_count() or 1, len(to_do)),
        mp_context=multiprocessing.get_context("spawn"),  # TensorFlow does not survive a fork
        initializer=_prepare_worker,
    ) as pool:
        running = {pool.submit(measure, cell): cell for cell in to_do}
        try:
            for future in runtime.progress(as_completed(running), description, len(to_do)):
                append(path, running[future] | future.result() | provenance())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _prepare_worker() -> None:
    """One thread, quietly; and no worker outlives a parent that was killed."""
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["COURSE_QUIET"] = "1"
    parent = multiprocessing.parent_process()

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def append(path: Path, record: Record) -> None:
    """Write a record as one line, in one piece, and see it to the disk.

    Raises:
        ValueError: the file cannot be written. What it held stays, and the next run goes on from there.
    """
    header = next(iter(_sound_lines(path)), None)
    names = next(csv.reader([header]))[:-1] if header else list(record)
    text = "" if header else f"{_as_csv(names, dict(zip(names, names)))},{CHECKSUM}\n"
    line = _as_csv(names, record)
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


def provenance() -> Record:
    """Return what a record rests on: versions, the machine in words, the day, the command."""
    versions = {name: importlib.metadata.version(name) for name in ("tensorflow", "keras", "scikit-learn")}
    return {
        "versions": f"Python {platform.python_version()}, "
        + ", ".join(f"{name} {version}" for name, version in versions.items()),
        "machine": f"{os.cpu_count()} cores, {runtime.processor()}",
        "date": datetime.date.today().isoformat(),
        "command": "python -m helpers " + " ".join(sys.argv[1:2]),
    }
