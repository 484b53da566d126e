"""Results of classifiers that there are not: right by chance, so often each."""

import numpy as np
import pandas as pd

from helpers.study import domains
from helpers.study.strategies import as_text

N_HELD_OUT = 420
PICTURES = {"20": 20, "80": 80, "320": 320, "all": 1000}


def record(strategy, seed, right, domain=domains.PHOTOS, size="20", loss=0.5, seconds=1.0) -> dict:
    return {
        "domain": domain,
        "size": size,
        "n_train": PICTURES.get(size, 20),
        "strategy": strategy,
        "seed": seed,
        "accuracy": right.mean(),
        "log_loss": 1 - right.mean(),
        "validation_loss": loss,
        "cpu_seconds": seconds,
        "setting": 0.001,
        "n_held_out": len(right),
        "right": as_text(right),
    }


def table(accuracies, seeds=range(10), domain=domains.PHOTOS, size="20") -> pd.DataFrame:
    """Return results: a strategy is as often right as its number says, or its function of the seed.

    The first takes a second, the next ten times as long as the one before.
    """
    rows = []
    for number, (strategy, accuracy) in enumerate(accuracies.items()):
        for seed in seeds:
            chance = accuracy(seed) if callable(accuracy) else accuracy
            right = np.random.default_rng([number, seed]).random(N_HELD_OUT) < chance
            rows.append(record(strategy, seed, right, domain, size, seconds=10.0**number))
    return pd.DataFrame(rows)
