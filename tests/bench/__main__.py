"""Runs the comparisons: a table on screen, and build/bench.json. `python -m bench --help` in `tests/`."""

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

# Before TensorFlow is imported; and a progress bar would be timed along.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["COURSE_QUIET"] = "1"

import pandas as pd

from helpers import datasets, splits
from helpers.runtime import COURSE_FOLDER

from . import again, growth, networks, pictures, trainings
from .measure import Result, Setting, machine

COMPARISONS: dict[str, Callable[[Setting], list[Result]]] = {
    "imports": again.imports,
    "second-run": again.second_run,
    "augmentation": pictures.augmentation,
    "features": networks.bottleneck_features,
    "cost": growth.cost,
    "memory": growth.memory,
    "fine-tuning": trainings.fine_tuning,
    "accuracy": trainings.cross_validated_accuracy,
    "head": trainings.against_tensorflow,
    "tutorial": trainings.against_the_tutorial,
}
VERDICTS = {True: "reached", False: "MISSED", None: ""}


def main(arguments: Sequence[str] | None = None) -> list[dict]:
    """Run what the command line asks for, print it, write it, and return its lines."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="The helpers beside others.")
    parser.add_argument("--only", action="append", choices=COMPARISONS, help="a comparison; may be repeated")
    parser.add_argument("--quick", action="store_true", help="drawn pets, once: only shows that it runs")
    parser.add_argument("--output", type=Path, default=COURSE_FOLDER / "build" / "bench.json")
    chosen = parser.parse_args(arguments)
    description = machine()
    lines = _kept(chosen.output, description, chosen.only or COMPARISONS)
    print(f"{description['processor']}, {description['cores']} cores; ", end="")
    print(", ".join(f"{name} {number}" for name, number in description["versions"].items()))
    with TemporaryDirectory() as folder:
        setting = _setting(chosen.quick, Path(folder))
        print(f"{len(setting.data):,} pictures: {setting.data.attrs['source']}\n", flush=True)
        for name in chosen.only or COMPARISONS:
            start = time.perf_counter()
            print(f"[{name}]", flush=True)
            for result in COMPARISONS[name](setting):
                lines.append({"comparison": name, **asdict(result), "reached": result.reached})
                print(told(result), flush=True)
            print(f"    ({time.perf_counter() - start:.0f} s)\n", flush=True)
            _write(chosen.output, description, lines)
    missed = [line["what"] for line in lines if line["reached"] is False]
    print(f"{sum(line['reached'] is True for line in lines)} targets reached, {len(missed)} missed.")
    return lines


def _kept(output: Path, description: dict, again: Sequence[str]) -> list[dict]:
    """Return what an earlier run on this machine found, less the comparisons that run again."""
    try:
        report = json.loads(output.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    lines = report["results"] if report["machine"] == description else []
    return [line for line in lines if line["comparison"] not in again]


def _write(output: Path, description: dict, lines: list[dict]) -> None:
    report = {"date": date.today().isoformat(), "machine": description, "results": lines}
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(report, indent=1, ensure_ascii=False), encoding="utf-8")


def _setting(quick: bool, folder: Path) -> Setting:
    data = datasets.draw_pets(40, 0, folder / "pets") if quick else datasets.load_dog_cat()
    train, val, _ = splits.split(data, (0.8, 0.1, 0.1), seed=0)
    table = folder / "table.csv"
    pd.DataFrame(data).to_csv(table, index=False)
    return Setting(data, train, val, table, quick)


def told(result: Result) -> str:
    """Return a result in two lines, or three with its note."""
    number = "not measured" if result.value is None else f"{result.value:.3g}{result.unit}"
    target = ""
    if result.target is not None:
        target = f"; to reach: {'≥' if result.at_least else '≤'} {result.target:g}{result.unit}"
    lines = [
        f"{VERDICTS[result.reached]:>8}  {result.what}: {number}{target}",
        f"          {result.ours}  against  {result.theirs} ({result.against})",
    ]
    return "\n".join([*lines, f"          {result.note}"] if result.note else lines)


if __name__ == "__main__":
    main()
