"""Experiments that can be killed: what is on disk is whole, and nothing is lost or done twice."""

import errno
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import wait
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from killing import kill_after
from threadpoolctl import threadpool_info

from helpers import checks, runtime
from helpers.runtime import COURSE_FOLDER
from helpers.study import experiments

CELLS = [
    {"name": name, "size": size, "seed": seed} for name in "ab" for size in ("20", "all") for seed in (0, 1)
]

SLOW = """
import time
from pathlib import Path
from helpers.study import experiments

CELLS = {cells!r}

def measure(cell):
    with Path({log!r}).open("a") as log:
        print(*cell.values(), file=log)
    time.sleep(0.5 if cell["seed"] < 3 else 60)
    return {{"accuracy": 0.5}}

if __name__ == "__main__":
    experiments.run(CELLS, {path!r}, measure, workers=2)
"""


def half(cell: experiments.Cell) -> experiments.Record:
    return {"accuracy": cell["seed"] / 2, "note": 'two words, "quoted"'}


@pytest.mark.slow
def test_each_cell_becomes_one_record_with_its_provenance(tmp_path):
    path = tmp_path / "new" / "deeper" / "results.csv"
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


@pytest.mark.slow
def test_a_line_that_was_cut_off_is_done_again(tmp_path):
    path = tmp_path / "results.csv"
    for cell in CELLS[:3]:
        experiments.append(path, cell | half(cell) | experiments.provenance())
    path.write_text(path.read_text()[:-9])
    assert experiments.missing(CELLS[:3], path) == [CELLS[2]]
    assert len(experiments.read(path)) == 2
    experiments.run(CELLS[:3], path, half, workers=1)
    assert cells_in(path) == CELLS[:3]


def cells_in(path):
    return experiments.read(path, text=["size"])[["name", "size", "seed"]].to_dict("records")


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


@pytest.mark.slow
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


@pytest.mark.slow
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
    assert cells_in(path) == CELLS[:3]


@pytest.mark.slow
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


# --- cells, as they are written and found again -------------------------------------------------------------

ODD = ["None", "NA", "nan", "", "007", "7", "1e3", "1000.0", "True", 'é, "quoted"', " blank ", "inf"]


def test_a_cell_is_found_again_by_its_text_whatever_that_looks_like(tmp_path):
    path = tmp_path / "results.csv"
    cells = [{"name": name, "rate": rate} for name in ODD for rate in (1e-05, "chosen", 3, True)]
    for cell in cells[::2]:
        experiments.append(path, cell | {"accuracy": 0.5})
    assert experiments.missing(cells, path) == cells[1::2]
    for cell in cells[1::2]:
        experiments.append(path, cell | {"accuracy": 0.5})
    assert experiments.missing(cells, path) == []
    assert experiments.read(path, text=["name"])["name"].unique().tolist() == ODD


def test_text_is_not_taken_for_the_number_that_it_looks_like(tmp_path):
    path = tmp_path / "results.csv"
    for size in ("20", "080"):
        experiments.append(path, {"size": size, "accuracy": 0.5})
    assert experiments.read(path, text=["size"])["size"].tolist() == ["20", "080"]
    assert experiments.read(path)["size"].tolist() == [20, 80]


@pytest.mark.parametrize(
    "cells, message",
    [
        ([{"name": "a\nb"}], r"cells has 'a\\nb'. Give numbers, or printable text on one line."),
        ([{"name": "a\rb"}], r"cells has 'a\\rb'. Give numbers"),
        ([{"a\nb": 1}], r"cells has 'a\\nb'. Give numbers"),
        ([{"name": None}], "cells has None. Give numbers"),
        ([{"name": ["a"]}], r"cells has \['a'\]. Give numbers"),
        ([{"name": "a"}, {"seed": 0}], "cells has {'seed': 0} beside {'name': 'a'}. Give all the same names"),
        ([{"checksum": "a"}], "Give all the same names, and none 'checksum'"),
        ([{"seed": 1}, {"seed": 2}, {"seed": "1"}], "cells has {'seed': '1'} twice. Give each cell once"),
    ],
)
def test_cells_that_could_not_be_kept_apart_are_refused_before_anything_runs(cells, message, tmp_path):
    with pytest.raises(checks.CourseError, match=message):
        experiments.run(cells, tmp_path / "results.csv", half)
    assert not list(tmp_path.iterdir())


def test_no_workers_are_too_few(tmp_path):
    with pytest.raises(checks.CourseError, match="workers is 0. Give a whole number from 1 on."):
        experiments.run(CELLS, tmp_path / "results.csv", half, 0)


@pytest.mark.parametrize("break_", ["\n", "\r"])
def test_a_record_is_one_line(break_, tmp_path):
    path = tmp_path / "results.csv"
    results_of(CELLS[:1], path)
    before = path.read_bytes()
    with pytest.raises(checks.CourseError, match="A record has a line break: .*Measure text of one line"):
        experiments.append(path, CELLS[1] | half(CELLS[1]) | {"note": f"two{break_}lines"})
    assert path.read_bytes() == before


@pytest.mark.parametrize("change", [{"loss": 0.1}, {"note": None}])
def test_a_record_of_other_columns_is_refused(change, tmp_path):
    path = tmp_path / "results.csv"
    results_of(CELLS[:1], path)
    record = CELLS[1] | half(CELLS[1]) | change
    other = {name: value for name, value in record.items() if value is not None}
    with pytest.raises(
        checks.CourseError, match="'results.csv' has other columns .*(loss|note).*Name another"
    ):
        experiments.append(path, other)
    assert len(experiments.read(path)) == 1


@pytest.mark.slow
def test_what_is_measured_cannot_rename_its_cell(tmp_path):
    cell = {"seed": 3, "command": "of the cell"}
    experiments.run([cell], tmp_path / "r.csv", rename, 1)
    table = experiments.read(tmp_path / "r.csv")
    assert list(table)[:3] == ["seed", "command", "accuracy"]
    assert table.loc[0, ["seed", "command", "accuracy"]].tolist() == [3, "of the cell", 0.5]


def rename(cell: experiments.Cell) -> experiments.Record:
    return {"accuracy": 0.5, "seed": 99}


def test_provenance_names_the_versions_whichever_tensorflow_is_installed():
    versions = experiments.provenance()["versions"]
    assert re.fullmatch(r"Python [\d.]+, tensorflow [\d.]+, keras [\d.]+, scikit-learn [\d.]+", versions)


def test_provenance_names_the_command(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["helpers", "compare", "--seeds", "2"])
    assert experiments.provenance()["command"] == "python -m helpers compare"


# --- workers ------------------------------------------------------------------------------------------------


THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


@pytest.mark.slow
def test_a_worker_has_one_thread(tmp_path, monkeypatch):
    for name in THREADS:  # as the worker inherits them
        monkeypatch.delenv(name, raising=False)
    experiments.run([{"seed": 0}], tmp_path / "r.csv", threads, 1)
    assert experiments.read(tmp_path / "r.csv")["threads"].tolist() == [1]


def threads(cell: experiments.Cell) -> experiments.Record:
    import sklearn.linear_model  # noqa: F401  brings libraries with threads that the course's start does not

    found = [library["num_threads"] for library in threadpool_info()]
    assert len(found) >= 2 and {os.environ[name] for name in THREADS} == {"1"}
    return {"threads": max(found)}


@pytest.mark.slow
def test_there_is_one_worker_for_each_core_that_may_be_used(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "cores", lambda: 3)
    experiments.run(CELLS, tmp_path / "r.csv", process)
    assert experiments.read(tmp_path / "r.csv")["process"].nunique() == 3


def process(cell: experiments.Cell) -> experiments.Record:
    time.sleep(0.3)
    return {"process": os.getpid()}


@pytest.mark.slow
def test_a_function_that_no_worker_finds_is_said_to_be_one(tmp_path):
    with pytest.raises(checks.CourseError, match="measure is a function that other processes do not find"):
        experiments.run(CELLS, tmp_path / "r.csv", lambda cell: {"accuracy": 0.5})
    assert not list(tmp_path.iterdir())
    script = f"""
from helpers.study import experiments
def measure(cell):
    return {{}}
experiments.run([{{"seed": 0}}], {str(tmp_path / "r.csv")!r}, measure)"""
    command = [sys.executable, "-c", script]  # as a notebook's cell: of no file
    run = subprocess.run(command, cwd=COURSE_FOLDER, capture_output=True, text=True)
    assert "CourseError: measure is a function that other processes do not find. Write it" in run.stderr


# --- an end before the end ----------------------------------------------------------------------------------

TWENTY = [{"seed": seed} for seed in range(20)]


def noted(cell: experiments.Cell, log: Path, fails: int) -> experiments.Record:
    with log.open("a") as file:
        print(cell["seed"], file=file)
    if cell["seed"] == fails:
        raise ZeroDivisionError("no such seed")
    time.sleep(0.2 if cell["seed"] < fails else 60)
    return {"accuracy": 0.5}


@pytest.mark.slow
@pytest.mark.parametrize("fails", [0, 9, 19])
def test_a_failing_cell_ends_the_run_names_itself_and_keeps_what_is_done(fails, tmp_path):
    path, log, start = tmp_path / "r.csv", tmp_path / "log", time.monotonic()
    with pytest.raises(ZeroDivisionError, match="no such seed") as caught:
        experiments.run(TWENTY, path, partial(noted, log=log, fails=fails), 2)
    assert time.monotonic() - start < 30  # the cell beside it, of a minute, is given up
    assert caught.value.__notes__ == [f"The cell was {{'seed': {fails}}}."]
    assert "in noted" in str(caught.value.__cause__)  # where it failed, in the worker
    assert not multiprocessing.active_children()
    lines = log.read_text()
    time.sleep(0.5)
    assert log.read_text() == lines  # none goes on, and none begins
    done = set(experiments.read(path)["seed"]) if fails else set()
    assert done <= {*range(fails)} and len(done) >= fails - 1


@pytest.mark.slow
def test_what_finished_beside_a_failing_cell_is_kept(tmp_path, monkeypatch):
    def failing_first(started):
        wait(started)
        return iter(sorted(started, key=lambda future: future.exception() is None))

    monkeypatch.setattr(experiments, "as_completed", failing_first)
    path = tmp_path / "r.csv"
    with pytest.raises(ZeroDivisionError):
        experiments.run(TWENTY[:4], path, partial(noted, log=tmp_path / "log", fails=3), 2)
    assert sorted(experiments.read(path)["seed"]) == [0, 1, 2]


@pytest.mark.slow
def test_processes_of_others_are_left_alone(tmp_path):
    other = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
    other.start()
    with pytest.raises(ZeroDivisionError):
        experiments.run(TWENTY[:1], tmp_path / "r.csv", partial(noted, log=tmp_path / "log", fails=0), 1)
    assert other.is_alive()
    other.kill()
    other.join()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize(
    "workers, advice", [(2, "programs or give fewer workers than 2, and"), (1, "programs, and start")]
)
def test_a_worker_that_is_ended_from_outside(workers, advice, tmp_path):
    path = tmp_path / "r.csv"
    with pytest.raises(checks.CourseError, match=f"most likely the memory was full.*{advice}"):
        experiments.run(TWENTY, path, killed_at_five, workers)
    done = set(experiments.read(path)["seed"])
    assert {0, 1, 2} <= done <= {*range(20)} - {5}


def killed_at_five(cell: experiments.Cell) -> experiments.Record:
    time.sleep(0.1)
    if cell["seed"] == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"accuracy": 0.5}


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups of this kind")
def test_ctrl_c_ends_the_run_at_once_and_keeps_what_is_done(tmp_path):
    path, log, script = (tmp_path / name for name in ("results.csv", "log", "slow.py"))
    # What started the tests may have had Ctrl-C ignored, and what they start inherits that.
    heeds = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    script.write_text(heeds + SLOW.format(cells=TWENTY, path=str(path), log=str(log)))
    environment = {**os.environ, "PYTHONPATH": str(COURSE_FOLDER), "COURSE_QUIET": "1"}
    settings = {"env": environment, "start_new_session": True, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, str(script)], **settings) as run:
        while len(experiments.read(path)) < 3:
            assert run.poll() is None
            time.sleep(0.05)
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to the run and its workers
        _, messages = run.communicate(timeout=5)  # to the end of its last process
    assert messages.rstrip().endswith("KeyboardInterrupt") and messages.count("Traceback") == 1
    assert len(experiments.read(path)) == 3 and len(log.read_text().splitlines()) <= 5


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_run_goes_on_where_it_was(tmp_path):
    path, log, script = (tmp_path / name for name in ("results.csv", "log", "slow.py"))
    script.write_text(SLOW.format(cells=CELLS, path=str(path), log=str(log)))
    command = [sys.executable, str(script)]
    environment = {**os.environ, "PYTHONPATH": str(COURSE_FOLDER), "COURSE_QUIET": "1"}

    kill_after(2, path, command, env=environment)
    kept = experiments.read(path, text=["size"])
    assert 2 <= len(kept) < len(CELLS)
    time.sleep(1)
    started = len(log.read_text().splitlines())
    time.sleep(1)
    assert len(log.read_text().splitlines()) == started  # the workers went with their parent

    subprocess.run(command, env=environment, check=True)
    table = experiments.read(path, text=["size"])
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
