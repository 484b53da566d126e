"""The plan of the comparison: every cell once, settings chosen by validation, edges that widen the range."""

import numpy as np
import pandas as pd
import pytest

from helpers import backbones, checks
from helpers.study import domains, experiments, grid, strategies

NAMES = (domains.DIGITS,)


def tried(strategy: str, losses: dict[float, list[float]], size: str = "80", domain: str = domains.DIGITS):
    rows = [
        {
            "part": "rate",
            "strategy": strategy,
            "domain": domain,
            "size": size,
            "seed": seed,
            "rate": str(rate),
        }
        | {"trained_loss": loss, "architecture": "chosen", "best_step": 10}
        for rate, some in losses.items()
        for seed, loss in zip(grid.SEARCH_SEEDS, some)
    ]
    return pd.DataFrame(rows)


def test_every_cell_is_there_once_and_cheap_ones_come_first():
    planned = grid.grid_cells()
    assert len({tuple(cell.values()) for cell in planned}) == len(planned)
    order = [(cell["seed"] >= 6, cell["strategy"] in grid.WHOLE) for cell in planned]
    assert order == sorted(order)
    table = pd.DataFrame(planned)
    seeds = table.groupby(["domain", "size", "strategy"])["seed"].nunique().unstack("strategy")
    for domain, many, few in ((domains.SPEECH, 12, 6), (domains.PHOTOS, 10, 5)):
        assert (seeds.loc[(domain, "320")].drop(list(grid.WHOLE)) == many).all()
        assert (seeds.loc[(domain, "320"), list(grid.WHOLE)] == few).all()
        assert (seeds.loc[(domain, "all")].dropna() == few).all()


@pytest.mark.parametrize(
    ("domain", "size", "left_out"),
    [
        (domains.PHOTOS, "80", set()),
        (domains.SPEECH, "20", set(grid.VARIANTS)),
        (domains.SPEECH, "320", set()),
        (domains.PHOTOS, "all", set(grid.VARIANTS)),
        (domains.DIGITS, "80", set(grid.VARIANTS)),
        (domains.DRAWINGS, "80", set(grid.VARIANTS)),
        (domains.DRAWINGS, "all", set(grid.WHOLE)),
    ],
)
def test_what_takes_longest_is_left_out_where_it_answers_least(domain, size, left_out):
    asked = {
        cell["strategy"] for cell in grid.grid_cells() if (cell["domain"], cell["size"]) == (domain, size)
    }
    assert asked == {strategies.RAW_PIXELS, *strategies.STRATEGIES} - left_out


def test_what_is_not_asked_needs_no_rate():
    searched = {(cell["domain"], cell["strategy"]) for cell in grid.rate_cells()}
    asked = {
        (cell["domain"], cell["strategy"])
        for cell in grid.grid_cells()
        if cell["strategy"] not in grid.SOLVED
    }
    assert searched == asked


def test_seeds_of_the_search_are_not_the_grids():
    seeds = {cell["seed"] for cell in grid.grid_cells()}
    assert not seeds & set(grid.SEARCH_SEEDS)


def test_bases_are_compared_on_the_grids_own_draws():
    planned, grids = (
        pd.DataFrame(some).assign(part="")
        for some in (grid.bases_cells(), grid.grid_cells(strategies=[strategies.HEAD_ONLY]))
    )
    assert {name.split()[0] for name in planned["base"]} <= set(backbones.NAMES)
    assert set(planned.loc[planned["image_size"] == grid.FULL_SIZE, "domain"]) == {domains.PHOTOS}
    wanted = grids["size"].isin(["80", "320"]).sum()
    for _, own in planned[planned["image_size"] == grid.IMAGE_SIZE].groupby("base"):
        assert len(grids.merge(own.assign(base=backbones.DEFAULT))) == len(own) == wanted


def test_every_rate_is_tried_and_the_best_two_again():
    tried_by = pd.DataFrame(grid.rate_cells(NAMES)).groupby(["strategy", "size"])["rate"].apply(list)
    assert len(tried_by) == 2 * (len(grid.WITH_STEPS) - len(grid.VARIANTS))
    for (strategy, _), rates in tried_by.items():
        lowest = 1 if strategy == strategies.FROM_SCRATCH else 0
        assert rates == list(grid.LEARNING_RATES[lowest:])
    losses = dict(zip(grid.LEARNING_RATES, ([0.9], [0.4], [0.5], [0.6], [2.0])))
    table = pd.concat(
        tried(strategy, losses, size) for strategy in grid.WITH_STEPS for size in grid.SEARCH_SIZES.values()
    )
    again = pd.DataFrame(grid.finalist_cells(table, NAMES))
    assert set(again["rate"]) == {1e-4, 3e-4} and set(again["seed"]) == set(grid.SEARCH_SEEDS[1:])


def test_the_rate_with_the_lowest_mean_is_chosen_among_those_tried_with_every_seed():
    losses = {1e-4: [0.5, 0.5, 0.5], 3e-4: [0.4, 0.7, 0.7], 1e-3: [0.1]}
    table = tried(strategies.ALL_BLOCKS, losses)
    assert grid.chosen_rate(table, strategies.ALL_BLOCKS, domains.DIGITS, "20") == 1e-4
    assert grid.chosen_rate(table, strategies.ALL_BLOCKS, domains.DIGITS, "80") == 1e-4
    with pytest.raises(checks.CourseError, match="No rate was tried for 'all blocks' on 'digits'"):
        grid.chosen_rate(table, strategies.ALL_BLOCKS, domains.DIGITS, "320")


def test_an_edge_that_wins_widens_the_range():
    middle = {1e-5: [3] * 3, 1e-4: [1] * 3, 3e-3: [3] * 3}
    low, high = {1e-5: [1] * 3, 3e-3: [3] * 3}, {1e-5: [3] * 3, 3e-3: [1] * 3}
    tables = [tried(strategy, middle, size) for strategy in grid.WITH_STEPS for size in ("80", "320")]
    assert grid.wider_cells(pd.concat(tables), NAMES) == []
    for losses, wider in ((low, 3e-6), (high, 1e-2)):
        table = pd.concat([*tables[2:], tried(grid.WITH_STEPS[0], losses), tables[1]])
        found = grid.wider_cells(table, NAMES)
        assert {cell["rate"] for cell in found} == {wider} and len(found) == 3
        assert {cell["size"] for cell in found} == {"80"}
    stuck = tried(grid.WITH_STEPS[0], low).assign(best_step=0)  # no training was better than its start
    assert grid.wider_cells(pd.concat([*tables[2:], stuck, tables[1]]), NAMES) == []
    table = pd.concat([*tables[2:], tried(grid.WITH_STEPS[0], {3e-2: [0] * 3, 1e-2: [1] * 3}), tables[1]])
    assert grid.wider_cells(table, NAMES) == []  # there is no end to it otherwise


def test_the_network_from_scratch_is_chosen_at_its_best_rate():
    rows = [
        ("strided", 1e-3, 0.5), ("strided", 3e-4, 0.9), ("averaged", 1e-3, 0.8), ("averaged", 3e-4, 0.4),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["architecture", "rate", "validation_loss"])
    table = table.assign(part="architecture", domain=domains.DIGITS)
    assert grid.chosen_architecture(table, domains.DIGITS) == "averaged"
    with pytest.raises(checks.CourseError, match="No network from scratch was tried for 'spoken digits'"):
        grid.chosen_architecture(table, domains.SPEECH)


def test_cells_are_measured_with_what_was_chosen(monkeypatch, tmp_path):
    table = pd.concat(
        [
            tried(strategies.FROM_SCRATCH, {1e-3: [1] * 3, 3e-3: [2] * 3}, "320"),
            pd.DataFrame(
                [{"part": "architecture", "domain": domains.DIGITS, "architecture": "flattened"}]
            ).assign(rate="0.001", validation_loss=0.1),
        ]
    )
    monkeypatch.setattr(grid, "read", lambda path: table)
    monkeypatch.setattr(grid, "measure", lambda cell: cell)
    (cell, *_) = grid.grid_cells(NAMES, [strategies.FROM_SCRATCH])
    found = grid.measure_with(cell | {"size": "all"}, str(tmp_path))
    assert (found["rate"], found["architecture"]) == (1e-3, "flattened")
    head = cell | {"strategy": strategies.HEAD_ONLY}
    assert grid.measure_with(head, str(tmp_path)) == head


def test_drawn_pets_are_not_kept_under_the_photos_name(monkeypatch):
    drawn = domains.Domain(
        "dogs and cats", np.zeros((2, 8, 8, 3)), np.array(["a", "b"]), *[None] * 3, "drawn pets"
    )
    monkeypatch.setattr(grid, "prepared", lambda *names: (drawn, None))
    with pytest.raises(checks.CourseError, match="The photos are out of reach"):
        grid.measure(grid.grid_cells()[0])


def test_no_setting_is_made_up():
    cells = [cell for cell in grid.grid_cells(NAMES) if cell["strategy"] not in grid.SOLVED]
    scratch = cells[0] | {"strategy": strategies.FROM_SCRATCH, "rate": 1e-3}
    for cell in (cells[0], scratch):
        with pytest.raises(checks.CourseError, match="are still to be chosen. Call grid.measure_with"):
            grid.measure(cell)


def test_parts_beside_the_grid(monkeypatch, tmp_path):
    runs = []
    monkeypatch.setattr(grid.experiments, "run", lambda cells, *rest: runs.append((cells, rest[-1])))
    monkeypatch.setattr(grid.experiments, "is_there", lambda base, load: base != "efficientnet_lite2")
    for part in ("larger", "bases", "patience"):
        grid.run(tmp_path / "grid.csv", (domains.PHOTOS,), part=part)
    (larger, _), (bases, _), (patient, _) = runs
    assert {cell["image_size"] for cell in larger} == {128} and {cell["domain"] for cell in larger} == {
        domains.PHOTOS
    }
    assert {cell["base"] for cell in bases} == set(grid.BASES) - {"efficientnet_lite2"}
    names = {cell["strategy"] for cell in patient}
    assert names == set(grid.WITH_STEPS) and {cell["seed"] for cell in patient} == {0, 1}
    with pytest.raises(
        checks.CourseError, match="part is 'all'. Choose one of grid, larger, patience, bases"
    ):
        grid.run(tmp_path / "grid.csv", part="all")


def test_the_courses_own_results_are_whole():
    """What a lesson says of them is said of all of them: none was left out because it did not fit."""
    table = grid.read()
    parts = grid.grid_cells(), grid.architecture_cells(), grid.larger_cells(), grid.bases_cells()
    for cells in (*parts, grid.patience_cells(), grid.rate_cells(), grid.finalist_cells(table)):
        assert experiments.missing(cells, grid.RESULTS) == []
    assert grid.wider_cells(table) == []


@pytest.mark.parametrize(("size", "usual"), [("80", 200), ("all", 400)])
def test_twice_the_patience_is_what_the_check_of_patience_trains_with(size, usual, monkeypatch):
    given = []

    def fit(self, train, validation, patience, learning_rate, seed):
        if patience.most > 1:  # the one step that prepares a trainer is no training
            given.append(patience)
            raise StopIteration

    monkeypatch.setattr(strategies.Trainer, "fit", fit)
    cells = [cell | {"rate": 1e-3, "image_size": 32} for cell in grid.patience_cells()]
    place = domains.DIGITS, strategies.LAST_BLOCKS, size
    (cell, *_) = [cell for cell in cells if (cell["domain"], cell["strategy"], cell["size"]) == place]
    for part in ("grid", "patience"):
        with pytest.raises(StopIteration):
            grid.measure(cell | {"part": part})
    assert [patience.steps for patience in given] == [usual, 2 * usual]
    assert [patience.most for patience in given] == [10 * usual, 20 * usual]
    assert given[0].every == given[1].every


def test_the_check_of_patience_has_two_seeds_and_every_speaker():
    seeds = pd.DataFrame(grid.patience_cells()).groupby(["domain", "strategy", "size"]).seed.agg(list)
    for (domain, *_), found in seeds.items():
        assert found == list(range(6 if domain == domains.SPEECH else 2))


@pytest.mark.slow
def test_a_grid_runs_to_its_end_and_a_second_run_has_nothing_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(grid, "LEARNING_RATES", (1e-4, 1e-3, 1e-2))
    monkeypatch.setattr(grid, "WIDER", ())
    planned, done = [], []

    def run(some, path, measure, workers, description):
        planned.append((description, len(some)))
        for cell in experiments.missing(some, path):
            done.append(cell)
            fake = {name: 1.0 + len(done) % 7 for name in ("validation_loss", "trained_loss", "best_step")}
            fake |= {"right": "oA=="}
            experiments.append(path, cell | fake)

    monkeypatch.setattr(experiments, "run", run)
    path = tmp_path / "grid.csv"
    grid.run(path, NAMES)
    first = len(done)
    assert [what for what, _ in planned] == [
        "controls and heads",
        "networks from scratch",
        "learning rates",
        "the best learning rates",
        "cells",
    ]
    grid.run(path, NAMES)
    assert len(done) == first and len(grid.read(path, "grid")) == len(grid.grid_cells(NAMES))
