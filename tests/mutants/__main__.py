"""Plants faults in copies of the course, one at a time, and counts those that a test notices.

`make mutants` runs it. Places are drawn with a seed, the same number in each module, and one fault for each.
Every fault that no test noticed needs an argument in `survivors.toml`. What was found is kept in
build/mutants.csv until the code or its tests change: stop it wherever you like.
"""

import argparse
import functools
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from helpers.runtime import COURSE_FOLDER
from helpers.study import experiments

from .faults import TESTS, changed_lines, measure, mutants

LEAST = 0.9  # of the mutants are to be caught
RESULTS = COURSE_FOLDER / "build" / "mutants.csv"
ARGUED = Path(__file__).with_name("survivors.toml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing, print the table and the survivors, and return 1 where that is not good enough."""
    parser = argparse.ArgumentParser(prog="python -m mutants", description="How many faults do tests notice?")
    parser.add_argument("--only", action="append", choices=TESTS, help="a module; may be repeated")
    modules = parser.parse_args(arguments).only or list(TESTS)
    cells = [cell for module in modules for cell in mutants(module)]
    with TemporaryDirectory() as folder:
        experiments.run(cells, RESULTS, functools.partial(measure, folder=folder), description="mutants")
    found = pd.DataFrame(cells).merge(experiments.read(RESULTS, text=["operator", "state"]))
    unchanged = found["operator"] == ""
    if found["caught"][unchanged].any():
        failing = ", ".join(found["module"][unchanged & found["caught"]])
        print(f"The tests of {failing} fail where nothing was changed. Mend that first.")
        return 1
    found = found[~unchanged]
    table = found.groupby("module", sort=False).agg(
        mutants=("caught", "size"), caught=("caught", "sum"), seconds=("seconds", "mean")
    )
    table.loc["all"] = [*table[["mutants", "caught"]].sum(), found["seconds"].mean()]
    table.insert(2, "survived", table["mutants"] - table["caught"])
    table.insert(3, "score", table["caught"] / table["mutants"])
    print(table.astype({"mutants": int, "caught": int, "survived": int}).round({"score": 3, "seconds": 1}))
    unsettled = _tell(found[~found["caught"]], modules)
    return int(unsettled or table.loc["all", "score"] < LEAST)


def _tell(survivors: pd.DataFrame, modules: Sequence[str]) -> bool:
    """Print each survivor, and return whether one has no argument, or an argument has no survivor."""
    argued = {
        (one["module"], one["was"], one["becomes"]): one["why"]
        for one in tomllib.loads(ARGUED.read_text(encoding="utf-8")).get("survivor", [])
        if one["module"] in modules
    }
    unsettled = False
    for cell in survivors.to_dict("records"):
        was, becomes = changed_lines(cell)
        why = argued.pop((cell["module"], was, becomes), "NOT ARGUED")
        unsettled |= why == "NOT ARGUED"
        print(f"\nhelpers/{cell['module']}.py:{cell['line']}: {why}\n  - {was}\n  + {becomes}")
    for module, was, becomes in argued:
        print(f"\n{ARGUED.name} argues what did not survive. Take it out: {module}\n  - {was}\n  + {becomes}")
    return unsettled or bool(argued)


if __name__ == "__main__":
    sys.exit(main())
