"""What grows with the number of pictures: memory and time, up to ten times the data set."""

from .measure import Result, Setting, exponent, in_another_process

# In a fresh process each: the largest amount of memory it ever held, which cannot be taken back.
MEMORY = """
import re, resource, sys
from pathlib import Path
import pandas as pd
from helpers import backbones, features, augment

what, table, times, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
data = pd.concat([pd.read_csv(table)] * times, ignore_index=True)
if what == "features":
    features.outputs_of(features._pooled(backbones.load(image_size=size)), data["path"].tolist())
else:
    batches = augment.ImageBatches(data, size, augmenter=augment.Augmenter((0.5, 1), 15), shuffle=True)
    for number in range(len(batches)):
        batches[number]
status = Path("/proc/self/status")
if status.is_file():  # Linux counts the process that started this one into `ru_maxrss`
    print(1024 * int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]))
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""

COST = """
import sys, time
import pandas as pd
from helpers import backbones, features, augment

table, size, *counts = sys.argv[1], *map(int, sys.argv[2:])
data = pd.read_csv(table)
base = features._pooled(backbones.load(image_size=size))
features.outputs_of(base, data["path"].tolist()[:64])
for n in counts:
    paths = (data["path"].tolist() * (n // len(data) + 1))[:n]
    start = time.perf_counter()
    features.outputs_of(base, paths)
    half = time.perf_counter()
    batches = augment.ImageBatches(pd.DataFrame({"path": paths, "label": "cat"}), size)
    for number in range(len(batches)):
        batches[number]
    print(n, half - start, time.perf_counter() - half)
"""

SIZE = 96  # small pictures: the questions are how memory and time grow, not how large they are


def memory(setting: Setting) -> list[Result]:
    """Compare the memory that ten times the pictures need, for features and for augmented batches."""
    results = []
    for what, words in (("features", "bottleneck features"), ("batches", "batches, augmented")):
        once, ten_times = (
            int(in_another_process(MEMORY, what, str(setting.table), str(times), str(setting.size(SIZE))))
            / 1e6
            for times in (1, 10)
        )
        n = len(setting.data)
        results.append(
            Result(
                f"memory of {words}, {10 * n:,} pictures",
                f"{n:,} pictures",
                f"{ten_times:.0f} MB",
                f"{once:.0f} MB",
                ten_times - once,
                100,
                at_least=False,
                unit=" MB more",
                note="the most that a process of its own held",
            )
        )
    return results


def cost(setting: Setting) -> list[Result]:
    """Fit the power of the number of pictures by which time grows."""
    n = len(setting.data)
    counts = [n // 4, n // 2, n, 3 * n, 10 * n]
    lines = in_another_process(
        COST, str(setting.table), str(setting.size(SIZE)), *map(str, counts)
    ).splitlines()
    rows = [[float(number) for number in line.split()] for line in lines]
    results = []
    for column, words in ((1, "bottleneck features"), (2, "reading batches")):
        costs = [row[column] for row in rows]
        results.append(
            Result(
                f"cost of {words}, {counts[0]:,} … {counts[-1]:,} pictures",
                "linear",
                " · ".join(f"{took:.1f} s" for took in costs),
                value=exponent(counts, costs),
                target=1.05,
                at_least=False,
                unit=" (exponent)",
            )
        )
    return results
