"""The comparison's cells: complete records, models set back, and results equal to the same done by hand."""

import os
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from killing import kill_after
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from helpers import augment, backbones, checks, datasets, evaluate, features, runtime, transfer
from helpers.runtime import COURSE_FOLDER
from helpers.study import autopsy, comparison, domains, experiments, plan, strategies
from helpers.study.comparison import ALL_BLOCKS, BATCH_NORM, COLD, FROM_SCRATCH, HEAD_ONLY, LAST_BLOCKS

pytestmark = pytest.mark.slow

SIZE = 48


@pytest.fixture(scope="module")
def base():
    return backbones.load(image_size=SIZE)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return datasets.draw_pets(100, seed=1, folder=tmp_path_factory.mktemp("pets"))


@pytest.fixture(scope="module")
def pets(data):
    return domains.of_table(data, SIZE)


@pytest.fixture(scope="module")
def kept(base, pets):
    return strategies.bottleneck(pets, base)


@pytest.fixture(autouse=True)
def short_trainings(monkeypatch):
    monkeypatch.setattr(strategies, "PATIENCE", dict.fromkeys(strategies.PATIENCE, strategies.Patience(2, 2)))


def test_the_bottleneck_is_the_base_run_in_two_parts(base, pets, kept):
    whole = np.asarray(base(pets.pictures[:8].astype("float32"), training=False)).mean(axis=(1, 2))
    np.testing.assert_allclose(kept.features[:8], whole, atol=1e-3)
    assert kept.cpu_seconds_a_picture > 0


def test_head_only_equals_what_lesson_4_does_by_hand(base, data, pets, kept):
    cell = strategies.run_cell(HEAD_ONLY, pets, kept, 40, seed=2)
    found = features.extract(base, data, keep=False)
    rows, held_out = pets.training_rows(40, seed=2), pets.held_out
    head = LogisticRegression(max_iter=1000).fit(found[rows], data["label"].iloc[rows])
    truth = data["label"].iloc[held_out]
    assert cell.accuracy == head.score(found[held_out], truth)
    assert cell.log_loss == pytest.approx(log_loss(truth, head.predict_proba(found[held_out])), rel=0.01)

    # And so does the whole network with that head on it, looking at the pictures.
    classifier = transfer.build_classifier(base, ("cat", "dog"))
    classifier.get_layer("classifier").set_weights([head.coef_.T, head.intercept_])
    assert evaluate.report(classifier, data.iloc[held_out]).accuracy == cell.accuracy


def test_a_head_of_ten_classes():
    digits = domains.load(domains.DIGITS, SIZE)
    found = np.random.default_rng(0).normal(size=(len(digits.labels), 5)).astype("float32")
    found[:, 0] = digits.labels.astype(int)
    kept = strategies.Bottleneck(found, None, 0.0, 0.0)
    cell = strategies.run_cell(HEAD_ONLY, digits, kept, 200, seed=1)
    assert cell.trainable == 60 and 0.2 < cell.accuracy < 1


@pytest.mark.parametrize("strategy", [FROM_SCRATCH, LAST_BLOCKS, COLD, ALL_BLOCKS])
def test_a_cell_is_a_complete_record_and_repeats_after_another(base, pets, kept, strategy):
    before = base.get_weights()
    results = []
    for seed in (0, 1, 0):
        runtime.seed_everything(len(results) + 7)  # as whatever ran before may have left it
        results.append(strategies.run_cell(strategy, pets, kept, 20, seed))
    first, other, second = results
    for weights, same in zip(before, base.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, same)
    assert first.log_loss == pytest.approx(second.log_loss, rel=0.01) != other.log_loss
    assert first.n_train == 20 and first.learning_rate == 1e-3
    assert first.epochs == 10 and first.images_seen == 200  # two rounds of five batches of twenty
    assert first.best_epoch in (5, 10) and first.cpu_seconds > 0
    assert not any(value is None for value in asdict(first).values())


def test_what_each_strategy_trains(pets, kept, base):
    weights = {
        name: strategies.run_cell(name, pets, kept, 20, seed=0).trainable
        for name in (FROM_SCRATCH, HEAD_ONLY, LAST_BLOCKS, ALL_BLOCKS)
    }
    assert weights[HEAD_ONLY] == 1281
    assert weights[HEAD_ONLY] < weights[FROM_SCRATCH] < weights[LAST_BLOCKS] < weights[ALL_BLOCKS]
    assert weights[ALL_BLOCKS] < base.count_params() + 1281  # batch normalisation stays as it is


def test_only_one_strategy_leaves_batch_normalisation_in_training(monkeypatch):
    built = []
    monkeypatch.setattr(strategies, "Trainer", built.append)
    for name in (BATCH_NORM, ALL_BLOCKS):
        strategies._trainer.__wrapped__(name, SIZE, ("cat", "dog"))
    counts = [transfer.count_weights(model)["frozen"] for model in built]
    assert counts[0] < counts[1]  # the running statistics alone


def test_an_unknown_strategy(pets, kept):
    with pytest.raises(ValueError, match="Choose one of from scratch, head only, last blocks"):
        strategies.run_cell("hope", pets, kept, 16, seed=0)


def test_cells_of_the_grid():
    cells = plan.grid_cells()
    assert len({tuple(cell.values()) for cell in cells}) == len(cells)
    seeds = {}
    for cell in cells:
        seeds.setdefault(cell["strategy"], set()).add(cell["seed"])
        assert cell["part"] == "grid" and cell["image_size"] == strategies.IMAGE_SIZE
    assert seeds == {name: set(range(plan.SEEDS)) for name in comparison.STRATEGIES}
    cheap = [cell["seed"] for cell in cells if cell["strategy"] == FROM_SCRATCH]
    assert cheap == sorted(cheap)  # seed by seed
    small = plan.grid_cells([HEAD_ONLY], [domains.DIGITS], ["20"], seeds=2)
    assert [(cell["size"], cell["seed"]) for cell in small] == [("20", 0), ("20", 1)]


def test_bases_whose_weights_are_out_of_reach_are_left_out_and_named(monkeypatch, capsys):
    def load(name, image_size):
        if name != backbones.DEFAULT:
            raise FileNotFoundError(f"{name} could not be fetched")

    monkeypatch.setattr(plan, "load_base", load)
    cells = plan.base_cells()
    assert {cell["base"] for cell in cells} == {backbones.DEFAULT} and len(cells) == 40
    assert capsys.readouterr().out == "mobilenet 0.25 could not be fetched\n"


def test_on_kept_activations_the_training_is_that_of_the_whole_network(base, pets, kept):
    before = base.get_weights()
    ways = strategies.whole_or_kept(pets, kept, base, augment.Augmenter(), 20, seeds=1, epochs=2, views=1)
    assert ways["way"].tolist() == ["whole network", "kept activations"]
    one_picture = 1 / len(pets.held_out)
    assert ways["accuracy"].iloc[0] == pytest.approx(ways["accuracy"].iloc[1], abs=1.01 * one_picture)
    assert all(np.array_equal(*pair) for pair in zip(before, base.get_weights(), strict=True))


def test_every_strategy_with_steps_has_the_same_rates_to_choose_from():
    rates = {}
    for cell in plan.search_cells():
        rates.setdefault((cell["strategy"], cell["domain"]), []).append(cell["rate"])
        assert (cell["size"], cell["seed"]) == ("160", 100)  # neither is in the grid
    assert set(map(tuple, rates.values())) == {plan.LEARNING_RATES}
    wanted = {(cell["strategy"], cell["domain"]) for cell in plan.grid_cells()}
    assert set(rates) == {pair for pair in wanted if pair[0] != HEAD_ONLY}


def test_committed_results_are_cells_of_the_plan():
    table = experiments.read(comparison.RESULTS)
    planned = {tuple(map(str, cell.values())) for cell in [*plan.grid_cells(), *plan.search_cells()]}
    names = list(plan.grid_cells()[0])
    found = [tuple(row) for row in table[names].astype(str).to_numpy()]
    assert len(found) == len(set(found)) and {row for row in found if row[0] != "bases"} <= planned
    assert experiments.missing(plan.search_cells(), comparison.RESULTS) == []
    cheap = plan.grid_cells([FROM_SCRATCH, HEAD_ONLY, LAST_BLOCKS], seeds=3)
    assert experiments.missing(cheap, comparison.RESULTS) == []
    chosen = table[(table["part"] == "grid") & (table["strategy"] != HEAD_ONLY)]
    for (strategy, domain), cells in chosen.groupby(["strategy", "domain"]):
        assert set(cells["learning_rate"]) == {comparison.best_rate(table, strategy, domain)}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_small_grid_that_is_killed_goes_on_where_it_was(tmp_path):
    path = tmp_path / "small.csv"
    part = ["--domains", "digits", "--strategies", FROM_SCRATCH, HEAD_ONLY, "--sizes", "20", "--seeds", "2"]
    command = [sys.executable, "-m", "helpers", "compare", "--results", path, "--workers", "1", *part]
    environment = {**os.environ, "COURSE_QUIET": "1"}

    kept = kill_after(1, path, command, cwd=COURSE_FOLDER, env=environment)
    assert 1 <= len(kept) < 4

    subprocess.run(command, cwd=COURSE_FOLDER, env=environment, check=True)
    table = experiments.read(path)
    pd.testing.assert_frame_equal(table.iloc[: len(kept)], kept)
    assert len(table) == 4 and not table.duplicated(["strategy", "seed"]).any()
    assert set(table["learning_rate"].dropna()) == {
        comparison.best_rate(experiments.read(comparison.RESULTS), FROM_SCRATCH, domains.DIGITS)
    }


# --- what is kept, and under which name ---------------------------------------------------------------------


@pytest.fixture
def in_this_process(monkeypatch, tmp_path):
    """Fake measurements, of validation losses that are lowest at 0.0003; and a course's file of its own."""

    def run(cells, path, measure, workers=None, description=""):
        for cell in experiments.missing(cells, path):
            experiments.append(path, cell | measure(cell))

    def measure(cell):
        rate = np.nan if cell["strategy"] == HEAD_ONLY else cell["rate"]
        return {"learning_rate": rate, "validation_loss": abs(np.log(rate / 3e-4)), "data": "digits"}

    monkeypatch.setattr(plan, "measure", measure)
    monkeypatch.setattr(experiments, "run", run)
    monkeypatch.setattr(plan, "RESULTS", tmp_path / "of_the_course.csv")
    return measure


def test_a_file_of_ones_own_takes_everything_and_the_courses_file_stays(in_this_process, tmp_path):
    course, own = tmp_path / "of_the_course.csv", tmp_path / "own.csv"
    for cell in plan.search_cells([FROM_SCRATCH], [domains.DIGITS]):
        experiments.append(course, cell | in_this_process(cell) | {"validation_loss": cell["rate"]})
    before = course.read_bytes()
    cells = plan.grid_cells([FROM_SCRATCH, COLD, HEAD_ONLY], [domains.DIGITS, domains.DRAWINGS], ["20"], 1)
    for _ in range(2):  # and nothing is done twice
        plan.compare(own, cells)
        assert course.read_bytes() == before
        table = experiments.read(own)
        assert table["part"].value_counts().to_dict() == {"search": 9, "grid": 6}
    rates = table[table["part"] == "grid"].set_index(["strategy", "domain"])["learning_rate"]
    assert rates[FROM_SCRATCH, domains.DIGITS] == 1e-4  # the course's choice
    assert rates[FROM_SCRATCH, domains.DRAWINGS] == rates[COLD, domains.DIGITS] == 3e-4  # one's own
    assert rates[HEAD_ONLY].isna().all()


def test_results_of_two_learning_rates_are_not_mixed_in_one_file(in_this_process, tmp_path):
    course, own = tmp_path / "of_the_course.csv", tmp_path / "own.csv"
    plan.compare(own, plan.grid_cells([COLD, HEAD_ONLY], [domains.DIGITS], ["20"], 1))
    for cell in plan.search_cells([COLD], [domains.DIGITS]):
        experiments.append(course, cell | in_this_process(cell) | {"validation_loss": cell["rate"]})
    before = own.read_bytes()
    with pytest.raises(
        checks.CourseError, match="'own.csv' has 'all, no.*of 0.0003, and 0.0001 is chosen now"
    ):
        plan.compare(own, plan.grid_cells([COLD, HEAD_ONLY], [domains.DIGITS], ["20"], 2))
    assert own.read_bytes() == before


def test_a_file_of_another_experiment_is_refused(in_this_process, monkeypatch):
    monkeypatch.setattr(plan, "RESULTS", comparison.RESULTS)  # with the rates that are needed
    with pytest.raises(checks.CourseError, match="'autopsy.csv' has no column .*of another experiment"):
        plan.compare(autopsy.RESULTS, plan.grid_cells([COLD], [domains.DIGITS], ["20"], 1))


def test_drawn_pets_are_not_kept_under_the_photos_name(in_this_process, monkeypatch, tmp_path, data):
    monkeypatch.setattr(domains.datasets, "load_dog_cat", lambda: data)  # as where the photos cannot be had
    domains.load.cache_clear()
    cells = plan.grid_cells([HEAD_ONLY], [domains.DRAWINGS, domains.PHOTOS], ["20"], 1)
    with pytest.raises(checks.CourseError, match="The photos are out of reach.*Set COURSE_DATA"):
        plan.compare(tmp_path / "own.csv", cells)
    assert experiments.read(tmp_path / "own.csv")["domain"].tolist() == [domains.DRAWINGS]
    with pytest.raises(checks.CourseError, match="The photos are out of reach.*Set COURSE_DATA"):
        autopsy.measure({"step": autopsy.AS_WRITTEN, "seed": 0})
    domains.load.cache_clear()
