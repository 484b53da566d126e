"""The comparison's plan: which classifiers are to be trained, and training those that are missing.

A cell is one strategy on one domain with so many training pictures and one seed. Learning rates are chosen
first, by validation, with pictures and a seed that the grid does not use.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import product
from pathlib import Path

from .. import backbones, checks
from . import comparison, domains, experiments
from .comparison import ALL_BLOCKS, BATCH_NORM, COLD, HEAD_ONLY, RESULTS, STRATEGIES
from .strategies import IMAGE_SIZE, load_base, prepared, run_cell

SIZES = ("20", "80", "320", "all")
SEEDS = 5

# Every strategy that takes steps gets the same three learning rates to choose from, by validation, with a
# number of pictures and a seed that the grid does not use.
LEARNING_RATES = (1e-4, 3e-4, 1e-3)
SEARCH_SIZE, SEARCH_SEED = "160", 100

NO_PHOTOS = (
    "The photos are out of reach, and drawn pets' results would be kept under their name. "
    "Set COURSE_DATA to their archive, or connect to the Internet, and try again."
)

# Two base networks of different quality: 75.1 % and 50.6 % of ImageNet's validation photos right at the first
# guess, by their authors' tables.
BASES = (backbones.DEFAULT, "mobilenet 0.25")


def grid_cells(
    strategies: Sequence[str] = STRATEGIES,
    domain_names: Sequence[str] = domains.NAMES,
    sizes: Sequence[str] = SIZES,
    seeds: int = SEEDS,
) -> list[experiments.Cell]:
    """Return the cells of the comparison, the cheap strategies first.

    It goes seed by seed, so that what is there of an unfinished grid can be compared.

    Args:
        strategies, domain_names, sizes: parts of the full grid's.
        seeds: how many.

    Raises:
        ValueError: an unknown name, a size that is no number, or no seed.

    Example:
        >>> cells = plan.grid_cells(["head only"], ["digits"], ["80", "320"], seeds=3)
        >>> len(cells), cells[0]["strategy"], cells[0]["size"], cells[0]["seed"]
        (6, 'head only', '80', 0)

    See also: `measure`, which trains one.
    """
    _check_names(strategies, domain_names)
    for size in sizes:
        if size != "all" and not str(size).isdecimal():
            raise checks.CourseError(f"sizes has {checks.shown(size)}. Give numbers of pictures, or 'all'.")
    checks.whole_number("seeds", seeds, 1)
    cells = [
        _cell("grid", strategy, domain, size, seed)
        for seed, size, domain, strategy in product(range(seeds), sizes, domain_names, strategies)
    ]
    return sorted(cells, key=lambda cell: cell["strategy"] in (ALL_BLOCKS, COLD, BATCH_NORM))


def search_cells(
    strategies: Sequence[str] = STRATEGIES, domain_names: Sequence[str] = domains.NAMES
) -> list[experiments.Cell]:
    """Return the cells by which learning rates are chosen. A head alone is solved for and has none."""
    _check_names(strategies, domain_names)
    with_steps = [name for name in strategies if name != HEAD_ONLY]
    return [
        _cell("search", strategy, domain, SEARCH_SIZE, SEARCH_SEED, rate)
        for domain, strategy, rate in product(domain_names, with_steps, LEARNING_RATES)
    ]


def _check_names(strategies: Sequence[str], domain_names: Sequence[str]) -> None:
    for name in strategies:
        checks.choice("strategies", name, STRATEGIES)
    for name in domain_names:
        checks.choice("domain_names", name, domains.NAMES)


def base_cells() -> list[experiments.Cell]:
    """Return the cells that compare base networks of different quality: heads, near and far.

    Those of a MobileNet are there if its weights are: a download by Keras, which need not succeed.
    """
    bases = [name for name in BASES if _can_be_loaded(name)]
    return [
        _cell("bases", HEAD_ONLY, domain, size, seed, base=base, image_size=224)
        for base, domain, size, seed in product(bases, (domains.PHOTOS, domains.DIGITS), SIZES, range(SEEDS))
    ]


def _can_be_loaded(base_name: str) -> bool:
    try:
        load_base(base_name, 224)
    except FileNotFoundError as error:
        print(error)
        return False
    return True


def all_cells() -> list[experiments.Cell]:
    """Return what `python -m helpers compare` runs."""
    return grid_cells() + base_cells()


def _cell(
    part: str,
    strategy: str,
    domain: str,
    size: str,
    seed: int,
    rate: float | str = "chosen",
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
        "base": base,
        "image_size": image_size,
    }


def compare(path: Path | str, cells: Sequence[experiments.Cell], workers: int | None = None) -> None:
    """Choose learning rates where that is still to be done, then run what is missing of `cells`.

    Args:
        path: a results file, and the only one that is written to. What the course's own file has no learning
            rate for is searched for here.
        cells: of `grid_cells` or `base_cells`.
        workers: processes; by default one a core.

    Raises:
        ValueError: the photos are wanted and out of reach; the file has results of other learning rates than
            are chosen now; or what `experiments.run` refuses.
    """
    experiments.missing(cells, path)  # refuses a file of something else before any search
    wanted = {_pair(cell) for cell in cells if cell["strategy"] != HEAD_ONLY}
    unknown = {_pair(cell) for cell in experiments.missing(search_cells(), RESULTS)} & wanted
    search = [cell for cell in search_cells() if _pair(cell) in unknown]
    experiments.run(search, path, partial(_measure_to_keep, rates={}), workers, "learning rates")
    rates = {
        pair: comparison.best_rate(experiments.read(path if pair in unknown else RESULTS), *pair)
        for pair in wanted
    }
    _check_rates(Path(path), rates)
    experiments.run(cells, path, partial(_measure_to_keep, rates=rates), workers, "cells")


def _pair(cell: Mapping) -> tuple[str, str]:
    """Return what a learning rate is chosen for."""
    return cell["strategy"], cell["domain"]


def _check_rates(path: Path, rates: Mapping[tuple[str, str], float]) -> None:
    """Refuse a file whose cells say "chosen" and mean another rate: old and new would be averaged."""
    for record in experiments.read(path).to_dict("records"):
        rate = rates.get(_pair(record))
        if record["rate"] == "chosen" and rate and not math.isclose(record["learning_rate"], rate):
            raise checks.CourseError(
                f"'{path.name}' has '{record['strategy']}' on '{record['domain']}' with a learning rate of "
                f"{record['learning_rate']:g}, and {rate:g} is chosen now. Name another file, or a new one."
            )


def _measure_to_keep(cell: experiments.Cell, rates: Mapping[tuple[str, str], float]) -> experiments.Record:
    """Measure a cell with the rate that was chosen for it, and under its domain's own name only."""
    if domains.load(cell["domain"], cell["image_size"]).source == "drawn pets":
        raise checks.CourseError(NO_PHOTOS)
    rate = rates.get(_pair(cell), cell["rate"]) if cell["rate"] == "chosen" else cell["rate"]
    return measure(cell | {"rate": rate})


def measure(cell: experiments.Cell) -> experiments.Record:
    """Train and score one cell, given by names. A rate that is "chosen" is the course's own.

    Where the photos are out of reach, drawn pets take their place: the record's `data` says so.

    Example:
        >>> cell = plan.grid_cells(["head only"], ["digits"], ["80"], seeds=1)[0]
        >>> record = plan.measure(cell | {"image_size": 32})
        >>> record["n_train"], record["data"].split()[0]
        (80, 'scikit-learn')

    See also: `grid_cells`; `strategies.run_cell` for pictures of one's own.
    """
    domain, kept = prepared(cell["domain"], cell["image_size"], cell["base"])
    rate = cell["rate"]
    if rate == "chosen" and cell["strategy"] != HEAD_ONLY:
        rate = comparison.best_rate(experiments.read(RESULTS), cell["strategy"], cell["domain"])
    record = run_cell(cell["strategy"], domain, kept, cell["size"], cell["seed"], rate)
    return asdict(record) | {"data": domain.source}
