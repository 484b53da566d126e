"""Experiments that can be killed: what is on disk is whole, and nothing is lost or done twice."""

import errno
import os
import subprocess
import sys
import time

import pandas as pd
import pytest
from killing import kill_after

from helpers import checks, experiments
from helpers.runtime import COURSE_FOLDER

CELLS = [
    {"name": name, "size": size, "seed": seed} for name in "ab" for size in ("20", "all") for seed in (0, 1)
]

SLOW = """
import time
from pathlib import Path
from helpers import experiments

CELLS = {cells!r}

def measure(cell):
    with Path({log!r}).open("a") as log:
        print(*cell.values(), file=log)
    time.sleep(0.5)
    return {{"accuracy": 0.5}}

if __name__ == "__main__":
    experiments.run(CELLS, {path!r}, measure, workers=2)
"""


def half(cell: experiments.Cell) -> experiments.Record:
    return {"accuracy": cell["seed"] / 2, "note": 'two words, "quoted"'}


def test_each_cell_becomes_one_record_with_its_provenance(tmp_path):
    path = tmp_path / "new" / "results.csv"
    experiments.run(CELLS, path, half, workers=2)
    table = experiments.read(path)
    assert len(table) == 8 and not table.duplicated(["name", "size", "seed"]).any()
    assert (table["accuracy"] == table["seed"] / 2).all() and set(table["note"]) == {'two words, "quoted"'}
    assert (
        table["versions"].str.contains("tensorflow 2").all()
        and table["machine"].str.contains("cores, ").all()
    )
    assert not table.isna().any(axis=None)
    assert experiments.missing(CELLS, path) == []


def test_only_what_is_missing_is_run(tmp_path):
    path = tmp_path / "results.csv"
    for cell in CELLS[:3]:
        experiments.append(path, cell | {"accuracy": 1.0})
    assert experiments.missing(CELLS, path) == CELLS[3:]
    experiments.append(
        path, {"accuracy": 1.0} | CELLS[3]
    )  # the columns' order is the file's, not the record's
    assert experiments.missing(CELLS, path) == CELLS[4:]


def test_a_line_that_was_cut_off_is_done_again(tmp_path):
    path = tmp_path / "results.csv"
    for cell in CELLS[:3]:
        experiments.append(path, cell | half(cell) | experiments.provenance())
    path.write_text(path.read_text()[:-9])
    assert experiments.missing(CELLS[:3], path) == [CELLS[2]]
    assert len(experiments.read(path)) == 2
    experiments.run(CELLS[:3], path, half, workers=1)
    assert experiments.read(path)[["name", "size", "seed"]].to_dict("records") == CELLS[:3]


def results_of(cells, path):
    for cell in cells:
        experiments.append(path, cell | half(cell))


@pytest.mark.parametrize("change", [("0.0", "0.9"), ("a,", "b,"), ("two", "tow"), ("20", "20,20")])
def test_a_line_that_was_changed_does_not_count(change, tmp_path):
    path = tmp_path / "results.csv"
    results_of(CELLS[:3], path)
    header, *lines = path.read_text().splitlines(keepends=True)
    assert lines[0].replace(*change, 1) != lines[0]
    path.write_text(header + lines[0].replace(*change, 1) + "".join(lines[1:]))
    assert experiments.missing(CELLS[:3], path) == [CELLS[0]] and len(experiments.read(path)) == 2


def test_a_line_with_a_byte_that_is_no_text_does_not_count(tmp_path):
    path = tmp_path / "results.csv"
    results_of(CELLS[:3], path)
    path.write_bytes(path.read_bytes().replace(b"two words", b"two w\xffrds", 1))
    assert experiments.missing(CELLS[:3], path) == [CELLS[0]] and len(experiments.read(path)) == 2


def test_a_line_that_was_changed_is_done_again_and_goes(tmp_path):
    path = tmp_path / "results.csv"
    experiments.run(CELLS[:2], path, half, workers=1)
    header, first, second = path.read_text().splitlines(keepends=True)
    path.write_text(header + first.replace("0.0", "0.9", 1) + second)
    experiments.run(CELLS[:2], path, half, workers=1)
    assert path.read_text() == header + second + first


def test_two_runs_that_begin_one_file_write_no_line_that_is_read_wrong(tmp_path):
    path, other = tmp_path / "results.csv", tmp_path / "other.csv"
    experiments.append(path, CELLS[0] | half(CELLS[0]))
    experiments.append(other, CELLS[1] | half(CELLS[1]))
    path.write_text(path.read_text() + other.read_text())  # each saw no file, and wrote a header
    assert experiments.missing(CELLS[:3], path) == CELLS[2:3] and len(experiments.read(path)) == 2


def test_a_full_disk_is_one_clear_error_and_nothing_is_lost(tmp_path, monkeypatch):
    path = tmp_path / "results.csv"
    experiments.run(CELLS[:2], path, half, workers=1)

    def full(descriptor):
        path.write_bytes(path.read_bytes()[:-9])  # half of the line is there
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(checks.CourseError, match="No space .*Make room"):
        patch.setattr(experiments.os, "fsync", full)
        experiments.run(CELLS[:3], path, half, workers=1)
    assert len(experiments.read(path)) == 2
    experiments.run(CELLS[:3], path, half, workers=1)
    assert experiments.read(path)[["name", "size", "seed"]].to_dict("records") == CELLS[:3]


def test_a_folder_that_is_none_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(checks.CourseError, match="'r.csv' cannot be written in .*file.*name another file"):
        experiments.run(CELLS[:1], tmp_path / "file" / "r.csv", half, workers=1)


def test_a_file_of_something_else_is_left_alone(tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("path,label\ncat.0.jpg,cat\n", encoding="utf-8")
    with pytest.raises(checks.CourseError, match="'other.csv' is no table of results. Name another file"):
        experiments.run(CELLS, other, half, workers=1)
    assert other.read_text(encoding="utf-8") == "path,label\ncat.0.jpg,cat\n"
    with pytest.raises(checks.CourseError, match="no column name: it is of another experiment"):
        experiments.missing([{"name": "a", "seed": 0}], experiments.RESULTS / "autopsy.csv")
    other.write_bytes(b"\xff\xd8 a photo\n")
    with pytest.raises(checks.CourseError, match="'other.csv' is no table of results. Name another file"):
        experiments.run(CELLS, other, half, workers=1)


def test_a_failing_cell_stops_the_run_and_keeps_the_rest(tmp_path):
    with pytest.raises(ZeroDivisionError):
        experiments.run([*CELLS[:2], {"name": "c", "size": "20", "seed": 9}], tmp_path / "r.csv", inverse, 1)
    assert len(experiments.read(tmp_path / "r.csv")) == 2


def inverse(cell: experiments.Cell) -> experiments.Record:
    return {"accuracy": 1 / (cell["seed"] - 9)}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_run_goes_on_where_it_was(tmp_path):
    path, log, script = (tmp_path / name for name in ("results.csv", "log", "slow.py"))
    script.write_text(SLOW.format(cells=CELLS, path=str(path), log=str(log)))
    command = [sys.executable, str(script)]
    environment = {**os.environ, "PYTHONPATH": str(COURSE_FOLDER), "COURSE_QUIET": "1"}

    kept = kill_after(2, path, command, env=environment)
    assert 2 <= len(kept) < len(CELLS)
    time.sleep(1)
    started = len(log.read_text().splitlines())
    time.sleep(1)
    assert len(log.read_text().splitlines()) == started  # the workers went with their parent

    subprocess.run(command, env=environment, check=True)
    table = experiments.read(path)
    pd.testing.assert_frame_equal(table.iloc[: len(kept)], kept)
    assert len(table) == len(CELLS) and not table.duplicated(["name", "size", "seed"]).any()
    runs = log.read_text().splitlines()
    finished = {" ".join(map(str, row)) for row in kept[["name", "size", "seed"]].to_numpy()}
    assert all(runs.count(cell) == 1 for cell in finished)  # none that was on disk ran again


def test_committed_results_are_whole_and_name_no_machine():
    for path in experiments.RESULTS.glob("*.csv"):
        table = experiments.read(path)
        text = path.read_text(encoding="utf-8")
        assert text.endswith("\n") and len(table) == text.count("\n") - 1
        assert table[["versions", "machine", "date", "command", "data"]].notna().all(axis=None)
        assert "/tmp" not in text and "/home" not in text and "/work" not in text
