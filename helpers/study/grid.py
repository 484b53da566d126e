"""The comparison's grid: which cells there are, in which order, and with which settings.

Settings are chosen first, by validation, with seeds that the grid does not use: the network from scratch,
then everybody's learning rate, at a small and at a large number of pictures. A rate at the edge of its range
that wins widens the range.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from .. import backbones, checks, runtime
from . import experiments
from .domains import DRAWINGS, NAMES, NO_PHOTOS, PHOTOS, SPEECH
from .networks import ARCHITECTURES
from .strategies import (
    ALL_BLOCKS,
    BATCH_NORM,
    COLD,
    FROM_SCRATCH,
    HEAD_ONLY,
    RAW_PIXELS,
    SOLVED,
    STRATEGIES,
    load_base,
    patience_for,
    prepared,
    run_cell,
)

RESULTS = experiments.RESULTS / "grid.csv"

IMAGE_SIZE = 64  # small, so that whole networks can be trained hundreds of times on two cores
FULL_SIZE = 224  # what the base networks were trained on, or a little less
BASES = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2", "mobilenet 0.25")
SIZES = ("20", "80", "320", "all")
SEEDS, SEEDS_OF_ALL = 10, 5
SPEECH_SEEDS, SPEECH_SEEDS_OF_ALL = 12, 6  # each of six speakers is held out equally often
LEARNING_RATES = (1e-5, 1e-4, 3e-4, 1e-3, 3e-3)
WIDER = (1e-6, 3e-6, 1e-5, 3e-5, 1e-2, 3e-2)  # tried where an edge of the others wins
SCRATCH_FIRST = LEARNING_RATES[1:]  # a network from scratch; `wider_cells` goes lower where the lowest wins
SCRATCH_RATES = (3e-4, 1e-3, 3e-3)  # among which each network from scratch is tried
SEARCH_SEEDS = (100, 101, 102)
SEARCH_SIZES = {"small": "80", "large": "320"}
WITH_STEPS = tuple(name for name in STRATEGIES if name not in SOLVED)
WHOLE = (ALL_BLOCKS, COLD, BATCH_NORM)  # strategies that train every weight of the base
VARIANTS = (COLD, BATCH_NORM)  # of "all blocks", compared with it at the sizes at which rates are searched
VARIED = (PHOTOS, SPEECH)  # in the nearest and in the farthest domain


def scale(size: str) -> str:
    """Return for which sizes a learning rate is chosen together: "small" up to 80 pictures, else "large"."""
    return "small" if size != "all" and int(size) <= 80 else "large"


def _is_asked(domain: str, strategy: str, size: str) -> bool:
    """Return whether a cell is part of the grid. What takes longest is left out where it answers least."""
    if strategy in VARIANTS and (domain not in VARIED or size not in SEARCH_SIZES.values()):
        return False
    return not (strategy in WHOLE and domain == DRAWINGS and size == "all")


def architecture_cells(names: Sequence[str] = NAMES) -> list[experiments.Cell]:
    """Return the cells by which the network from scratch is chosen in each domain."""
    return [
        _cell("architecture", FROM_SCRATCH, domain, SEARCH_SIZES["large"], seed, rate, architecture)
        for domain, architecture, rate, seed in product(names, ARCHITECTURES, SCRATCH_RATES, SEARCH_SEEDS)
    ]


def rate_cells(names: Sequence[str] = NAMES) -> list[experiments.Cell]:
    """Return the cells by which learning rates are chosen: every rate, with one seed."""
    return [
        _cell("rate", strategy, domain, size, SEARCH_SEEDS[0], rate)
        for domain, strategy, size in _searched(names)
        for rate in (SCRATCH_FIRST if strategy == FROM_SCRATCH else LEARNING_RATES)
    ]


def _searched(names: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield each domain, strategy and size for which a learning rate is searched."""
    for searched in product(names, WITH_STEPS, SEARCH_SIZES.values()):
        if _is_asked(*searched):
            yield searched


def finalist_cells(table: pd.DataFrame, names: Sequence[str] = NAMES) -> list[experiments.Cell]:
    """Return the cells for the two rates that did best with one seed: the other seeds."""
    return [
        _cell("rate", strategy, domain, size, seed, rate)
        for domain, strategy, size in _searched(names)
        for rate in _best_two(_tried(table, strategy, domain, size))
        for seed in SEARCH_SEEDS[1:]
    ]


def _best_two(tried: pd.DataFrame) -> pd.Series:
    return tried[tried["seed"] == SEARCH_SEEDS[0]].nsmallest(2, "trained_loss")["rate"]


def grid_cells(
    names: Sequence[str] = NAMES, strategies: Sequence[str] = (RAW_PIXELS, *STRATEGIES)
) -> list[experiments.Cell]:
    """Return the grid's cells, the cheap strategies first, and seed by seed.

    Args:
        names: of domains.
        strategies: their names, and "raw pixels".

    Raises:
        CourseError: an unknown name.

    Example:
        >>> from helpers.study import grid
        >>> cells = grid.grid_cells(["digits"], ["head only"])
        >>> len(cells), cells[0]["size"], cells[0]["seed"]
        (35, '20', 0)
    """
    for name in names:
        checks.choice("names", name, NAMES)
    for name in strategies:
        checks.choice("strategies", name, (RAW_PIXELS, *STRATEGIES))
    cells = [
        _cell("grid", strategy, domain, size, seed)
        for seed, size, domain, strategy in product(range(SPEECH_SEEDS), SIZES, names, strategies)
        if seed < _n_seeds(strategy, domain, size) and _is_asked(domain, strategy, size)
    ]
    return sorted(cells, key=lambda cell: (cell["seed"] >= 6, cell["strategy"] in WHOLE))


def _n_seeds(strategy: str, domain: str, size: str) -> int:
    few, many = (SPEECH_SEEDS_OF_ALL, SPEECH_SEEDS) if domain == SPEECH else (SEEDS_OF_ALL, SEEDS)
    return few if size == "all" or strategy in WHOLE else many


def larger_cells() -> list[experiments.Cell]:
    """Return the check at 128 pixels of what is found at 64: three strategies, two sizes, near and far."""
    return [
        _cell("larger", strategy, domain, size, seed, image_size=128)
        for size, domain in product(SEARCH_SIZES.values(), (PHOTOS, SPEECH))
        for seed in range(_n_seeds(ALL_BLOCKS, domain, size))
        for strategy in (FROM_SCRATCH, HEAD_ONLY, ALL_BLOCKS)
    ]


def patience_cells() -> list[experiments.Cell]:
    """Return the check of whether training stops too soon, with twice the patience.

    Two seeds, and on spoken digits, where training goes on longest, every speaker.
    """
    return [
        _cell("patience", strategy, domain, size, seed)
        for seed, size, domain, strategy in product(range(SPEECH_SEEDS_OF_ALL), SIZES, NAMES, WITH_STEPS)
        if _is_asked(domain, strategy, size) and (seed < 2 or domain == SPEECH)
    ]


def bases_cells(bases: Sequence[str] = BASES) -> list[experiments.Cell]:
    """Return the cells that compare base networks of different quality: heads, near and far.

    Photos are looked at as large as these networks were trained on, too. (Of two bases the weights are a
    package to install, and of one a download.)
    """
    looks = [*((IMAGE_SIZE, domain) for domain in NAMES), (FULL_SIZE, PHOTOS)]
    return [
        _cell("bases", HEAD_ONLY, domain, size, seed, base=base, image_size=image_size)
        for base, (image_size, domain), size in product(bases, looks, SEARCH_SIZES.values())
        for seed in range(_n_seeds(HEAD_ONLY, domain, size))
    ]


def _cell(
    part: str,
    strategy: str,
    domain: str,
    size: str,
    seed: int,
    rate: float | str = "chosen",
    architecture: str = "chosen",
    base: str = backbones.DEFAULT,
    image_size: int = IMAGE_SIZE,
) -> experiments.Cell:
    return {
        "part": part,
        "strategy": strategy,
        "domain": domain,
        "size": size,
        "seed": seed,
        "rate": rate,
        "architecture": architecture,
        "base": base,
        "image_size": image_size,
    }


# --- what is chosen -------------------------------------------------------------------------------------


def read(path: Path | str = RESULTS, part: str | None = None) -> pd.DataFrame:
    """Read results, those of one part if it is named. Sizes are text: "20" or "all"."""
    table = experiments.read(path, text=["size", "rate", "right"])
    return table if part is None or table.empty else table[table["part"] == part].reset_index(drop=True)


def chosen_architecture(table: pd.DataFrame, domain: str) -> str:
    """Return the network from scratch with the lowest validation loss in a domain, at its best rate."""
    own = table[(table["part"] == "architecture") & (table["domain"] == domain)]
    if own.empty:
        raise checks.CourseError(f"No network from scratch was tried for '{domain}'. Run its cells first.")
    losses = own.groupby(["architecture", "rate"])["validation_loss"].mean()
    return str(losses.idxmin()[0])


def _tried(table: pd.DataFrame, strategy: str, domain: str, size: str) -> pd.DataFrame:
    """Return the records of the learning rates that were tried, with the rates as numbers."""
    is_own = (table["part"] == "rate") & (table["strategy"] == strategy) & (table["domain"] == domain)
    own = table[is_own & (table["size"] == SEARCH_SIZES[scale(size)])]
    if own.empty:
        raise checks.CourseError(f"No rate was tried for '{strategy}' on '{domain}'. Run its cells first.")
    return own.assign(rate=own["rate"].astype(float))


def rate_losses(table: pd.DataFrame, strategy: str, domain: str, size: str) -> pd.DataFrame:
    """Return what each learning rate that was tried reaches, a row a rate from low to high, a column a seed.

    It is the lowest validation loss after some training, in nats. (With the start's, which may be what is
    kept, all rates that spoil it would look alike.) Empty (NaN) is what was not tried: the first seed tries
    every rate, the others its best two and what widens the range.

    Example:
        >>> losses = grid.rate_losses(comparison.results("rate"), "from scratch", "digits", "320")
        >>> losses.columns.tolist(), losses.index.name
        ([100, 101, 102], 'rate')
    """
    tried = _tried(table, strategy, domain, size)
    return tried.pivot(index="rate", columns="seed", values="trained_loss")


def chosen_rate(table: pd.DataFrame, strategy: str, domain: str, size: str) -> float:
    """Return the learning rate that validation chose."""
    losses = rate_losses(table, strategy, domain, size)
    return float(losses.dropna().mean(axis=1).idxmin())


def wider_cells(table: pd.DataFrame, names: Sequence[str] = NAMES) -> list[experiments.Cell]:
    """Return the cells of the next rate, where the lowest or the highest that was tried is the best.

    Where no training was better than its start, a lower rate is only nearer to it.
    """
    found = []
    for domain, strategy, size in _searched(names):
        tried, best = _tried(table, strategy, domain, size), chosen_rate(table, strategy, domain, size)
        rates, helped = tried["rate"], tried.loc[tried["rate"] == best, "best_step"].any()
        beyond = [rate for rate in WIDER if best == rates.min() > rate or best == rates.max() < rate]
        nearest = min(beyond, key=lambda rate: abs(math.log(rate / best)), default=None)
        if nearest is not None and helped:
            found += [_cell("rate", strategy, domain, size, seed, nearest) for seed in SEARCH_SEEDS]
    return found


# --- running it -----------------------------------------------------------------------------------------


def run(
    path: Path | str = RESULTS,
    names: Sequence[str] = NAMES,
    workers: int | None = None,
    part: str = "grid",
) -> None:
    """Choose settings where that is still to be done, then train what is missing of the grid.

    Controls and heads come first, then the domains' choices, then what trains longest. Stop it wherever you
    like: each result is on disk at once, and the next run goes on from there.

    Args:
        path: the results file.
        names: of domains.
        workers: see `experiments.run`.
        part: "grid"; or one of what is measured beside it, "larger" and "patience" (with the grid's settings)
            or "bases" (of which those are left out, and named, whose weights are out of reach).
    """
    beside = {"larger": larger_cells, "patience": patience_cells, "bases": _bases_within_reach}
    checks.choice("part", part, ("grid", *beside))
    path = runtime.path_of(path)

    def go(cells: Iterable[experiments.Cell], description: str) -> None:
        settings = partial(measure_with, path=str(path))
        experiments.run(list(cells), path, settings, workers, description)

    if part != "grid":
        return go((cell for cell in beside[part]() if cell["domain"] in names), part)
    go(grid_cells(names, SOLVED), "controls and heads")
    go(architecture_cells(names), "networks from scratch")
    go(rate_cells(names), "learning rates")
    go(finalist_cells(read(path), names), "the best learning rates")
    while cells := wider_cells(read(path), names):
        go(cells, "wider learning rates")
    go(grid_cells(names), "cells")


def _bases_within_reach() -> list[experiments.Cell]:
    within = (name for name in BASES if experiments.is_there(name, partial(load_base, name, IMAGE_SIZE)))
    return bases_cells(list(within))


def measure_with(cell: experiments.Cell, path: str) -> experiments.Record:
    """Measure a cell with the settings that the results file has chosen so far.

    Example:
        >>> cell = grid.grid_cells(["digits"], ["head only"])[0] | {"image_size": 32}
        >>> grid.measure_with(cell, grid.RESULTS)["n_train"]
        20
    """
    table, settings = pd.DataFrame(), experiments.Cell()
    if "chosen" in (cell["rate"], cell["architecture"]) and cell["strategy"] not in SOLVED:
        table = read(path)
    if cell["architecture"] == "chosen" and cell["strategy"] == FROM_SCRATCH:
        settings["architecture"] = chosen_architecture(table, str(cell["domain"]))
    if cell["rate"] == "chosen" and cell["strategy"] not in SOLVED:
        settings["rate"] = chosen_rate(table, *(str(cell[name]) for name in ("strategy", "domain", "size")))
    return measure(cell | settings)


def measure(cell: Mapping) -> experiments.Record:
    """Train and score one cell, given by names, with its settings.

    Example:
        >>> from helpers.study import grid
        >>> cell = grid.grid_cells(["digits"], ["head only"])[0] | {"image_size": 32}
        >>> record = grid.measure(cell)
        >>> record["n_train"], record["data"].split()[0]
        (20, 'scikit-learn')
    """
    strategy, architecture = (
        cell["strategy"],
        cell["architecture"] if cell["strategy"] == FROM_SCRATCH else "",
    )
    if strategy not in SOLVED and "chosen" in (cell["rate"], architecture):
        raise checks.CourseError(
            f"Settings of '{strategy}' are still to be chosen. Call grid.measure_with(cell, grid.RESULTS)."
        )
    domain, cached = prepared(cell["domain"], cell["image_size"], cell["base"])
    if domain.source == "drawn pets":
        raise checks.CourseError(NO_PHOTOS)
    settings: dict[str, Any] = {} if strategy in SOLVED else {"learning_rate": float(cell["rate"])}
    settings |= {"architecture": architecture} if architecture else {}
    if cell["part"] == "patience":
        settings["patience"] = patience_for(strategy, cell["size"]).doubled()
    result = run_cell(strategy, domain, cached, cell["size"], cell["seed"], **settings)
    return asdict(result) | {"network": architecture, "data": domain.source}
