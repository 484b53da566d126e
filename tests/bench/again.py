"""What a second run costs, and what an import brings in."""

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from .measure import Result, Setting, in_another_process, middle, spread

# One lesson's work on data and features, in a process of its own. It counts connections to elsewhere,
# archives that are unpacked and runs of the network; in the second run there must be none.
LESSON = """
import json, os, socket, sys, time
import pandas as pd
from helpers import backbones, datasets, features, runtime

done = {"connections": 0, "unpacked": 0, "computed": 0}

def count(name, function):
    def counting(*arguments, **settings):
        done[name] += 1
        return function(*arguments, **settings)
    return counting

socket.socket.connect = count("connections", socket.socket.connect)
runtime.built_whole = count("unpacked", runtime.built_whole)
features.outputs_of = count("computed", features.outputs_of)
data = datasets.load_dog_cat() if sys.argv[3] == "photos" else pd.read_csv(sys.argv[1])
start = time.perf_counter()
base = backbones.load(image_size=int(sys.argv[2]))
done["load"] = time.perf_counter() - start
start = time.perf_counter()
features.extract(base, data)
done["features"] = time.perf_counter() - start
print(json.dumps(done))
"""

IMPORTS = """
import sys, time
start = time.process_time()
{code}
print(time.process_time() - start, *sorted({{"tensorflow", "keras"}} & set(sys.modules)))
"""


def second_run(setting: Setting) -> list[Result]:
    """Compare the features' first run with the second, everything kept."""
    archive = os.environ.get("COURSE_DATA", "").endswith(".zip") and not setting.quick
    source, runs = "photos" if archive else "table", []
    for _ in range(setting.repeats(2)):
        with TemporaryDirectory() as home:
            arguments = (LESSON, str(setting.table), str(setting.size(224)), source)
            runs.append([json.loads(in_another_process(*arguments, home=Path(home))) for _ in range(3)])
    first = [run[0]["features"] for run in runs]
    again = [later["features"] for run in runs for later in run[1:]]
    counted = ("connections", "unpacked", "computed")
    work = sum(later[name] for run in runs for later in run[1:] for name in counted)
    return [
        Result(
            "features, second run, everything kept",
            "first run",
            spread(again),
            spread(first),
            middle(first) / middle(again),
            20,
            note=f"the base is built from its package in {middle([run[1]['load'] for run in runs]):.1f} s",
        ),
        Result(
            "downloads, unpackings, computations of a second run",
            "–",
            f"{work}",
            value=work,
            target=0,
            at_least=False,
            unit="",
        ),
    ]


def imports(setting: Setting) -> list[Result]:
    """Look which large packages come with an import, and how long it takes."""
    results = []
    for words, code in (
        ("import helpers", "import helpers"),
        ("the survey rooms", "from helpers import datasets, survey, splits"),
    ):
        runs = [in_another_process(IMPORTS.format(code=code)).split() for _ in range(setting.repeats(3))]
        brought = runs[0][1:]
        results.append(
            Result(
                f"TensorFlow and Keras imported by {words}",
                "–",
                ", ".join(brought) or "neither",
                value=len(brought),
                target=0,
                at_least=False,
                unit="",
                note=f"processor time {middle([float(run[0]) for run in runs]):.2f} s",
            )
        )
    return results
