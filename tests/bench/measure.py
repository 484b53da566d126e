"""What every comparison uses: taking turns, medians, a result with its target, the machine."""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import runtime
from helpers.runtime import COURSE_FOLDER

PACKAGES = {
    **{name: name for name in ("tensorflow", "keras", "numpy")},
    "opencv-python-headless": "cv2",
    "scikit-learn": "sklearn",
}


@dataclass(frozen=True)
class Setting:
    """What the comparisons run on.

    Args:
        data: one picture a row, columns `path` and `label`.
        train, val: parts of it, the split of lesson 2.
        table: `data` as a CSV file, for processes of their own.
        quick: a few pictures, once, to see that everything runs: the figures mean nothing.
    """

    data: pd.DataFrame
    train: pd.DataFrame
    val: pd.DataFrame
    table: Path
    quick: bool = False

    def repeats(self, wanted: int) -> int:
        """Return how often to measure."""
        return 1 if self.quick else wanted

    def size(self, wanted: int) -> int:
        """Return how many pixels a side pictures are to have."""
        return 64 if self.quick else wanted


@dataclass(frozen=True)
class Result:
    """One line of the table.

    Args:
        what: what was measured.
        against: whom it is compared with.
        ours, theirs: both, in words, with their unit.
        value: the number that the target is about; None if it could not be had.
        target: the number to reach.
        at_least: whether `value` should reach `target` from below, or stay under it.
        unit: of `value` and `target`.
        note: repeats, spread, or why there is no number.
    """

    what: str
    against: str
    ours: str
    theirs: str = "–"
    value: float | None = None
    target: float | None = None
    at_least: bool = True
    unit: str = "×"
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the target was reached; None where there is no number, or no target."""
        if self.value is None or self.target is None:
            return None
        return bool(self.value >= self.target if self.at_least else self.value <= self.target)


def seconds_of(run: Callable[[], object]) -> float:
    """Run once and return how long it took."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def in_turns(runs: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Time several ways of doing one thing, one after the other, `repeats` rounds: seconds of each.

    Every second round goes backwards, so that a machine that slows down in between slows down everyone.
    """
    seconds = {name: [] for name in runs}
    for number in range(repeats):
        names = list(runs)
        for name in names if number % 2 == 0 else names[::-1]:
            seconds[name].append(seconds_of(runs[name]))
    return seconds


def middle(seconds: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(seconds)


def spread(seconds: Sequence[float], unit: str = "s") -> str:
    """Tell the median with the smallest and the largest value, if there are several."""
    shown = f"{middle(seconds):.3g} {unit}"
    if len(seconds) == 1:
        return shown
    return f"{shown} ({min(seconds):.3g}-{max(seconds):.3g})"


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return by which power of the size a cost grows: the slope in a plot of logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def in_another_process(code: str, *arguments: str, home: Path | None = None) -> str:
    """Run Python code in a fresh process, as a learner would start one, and return what it printed."""
    environment = os.environ | {"COURSE_QUIET": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    if home is not None:
        environment["COURSE_HOME"] = str(home)
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=COURSE_FOLDER, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"A process of the benchmark failed:\n{done.stderr[-2000:]}")
    return done.stdout


def machine() -> dict[str, object]:
    """Describe the machine and the versions, as far as they are to be had."""
    return {
        "processor": runtime.processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: runtime.version(module) for name, module in PACKAGES.items()},
    }
