"""Commands that are killed in the middle of an experiment."""

import signal
import subprocess
import time
from pathlib import Path

import pandas as pd

from helpers.study import experiments


def kill_after(records: int, path: Path, command: list, **settings) -> pd.DataFrame:
    """Start a command, kill it once its results file has so many records, and return what is there."""
    first = subprocess.Popen(command, **settings)
    while len(experiments.read(path)) < records:
        assert first.poll() is None
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    return experiments.read(path)
