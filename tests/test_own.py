"""Pictures of one's own: what is wrong with a folder, its parts, the comparison of two models, the card."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from helpers import backbones, checks, datasets, drawings, evaluate, features, own, splits, transfer
from helpers.own.card import plain

SIZE = 48


@pytest.fixture
def folder(tmp_path) -> Path:
    """Twelve crows, twelve robins and twelve sparrows."""
    own.draw_birds(tmp_path / "birds", dict.fromkeys(drawings.BIRDS, 12), size=SIZE)
    return tmp_path / "birds"


def inspected(folder: Path) -> own.Findings:
    return own.inspect(datasets.load_folder(folder))


def names(table: pd.DataFrame) -> list[str]:
    return sorted("/".join(Path(path).parts[-2:]) for path in table["path"])


def edit(source: Path, target: Path) -> None:
    """Save a picture again, brighter."""
    picture = cv2.convertScaleAbs(cv2.imread(str(source)), alpha=1.05)
    target.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(target), picture)


# --- drawn birds ----------------------------------------------------------------------------------------


def test_birds_are_repeatable_and_more_of_them_only_add(tmp_path):
    own.draw_birds(tmp_path / "few", {"crow": 2}, seed=3, size=SIZE)
    own.draw_birds(tmp_path / "many", {"crow": 4, "robin": 1}, seed=3, size=SIZE)
    few = {path.name: path.read_bytes() for path in (tmp_path / "few").rglob("*.jpg")}
    many = {path.name: path.read_bytes() for path in (tmp_path / "many").rglob("*.jpg")}
    assert few.items() <= many.items() and len(set(many.values())) == 5


def test_the_example_is_made_once_and_has_all_kinds_of_trouble(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    monkeypatch.delenv("COURSE_LOCAL", raising=False)
    folder = own.example_folder()
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*.*")}
    found = inspected(own.example_folder())
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.*")} == times
    assert names(found.unreadable) == ["crow/crow.7.jpg"]
    assert names(found.contradictory) == ["robin/robin.12.jpg", "sparrow/IMG_0412.JPG"]
    assert len(found.pairs) == 3 and len(found.sentences) == 5
    assert own.example_photo("crow").read_bytes() not in [path.read_bytes() for path in times]


# --- what is wrong with a folder ------------------------------------------------------------------------


def test_nothing_is_said_of_a_sound_folder(folder):
    found = inspected(folder)
    assert found.sentences == ("36 pictures, 36 of them sound: 12 crow, 12 robin, 12 sparrow.",)
    assert len(found.sound) == 36 and found.pairs.empty


def test_unreadable_files_are_named_with_their_reason_and_left_out(folder):
    (folder / "crow" / "crow.3.jpg").write_bytes(b"")
    (folder / "robin" / "robin.4.jpg").write_text("<html>404</html>")
    found = inspected(folder)
    assert names(found.unreadable) == ["crow/crow.3.jpg", "robin/robin.4.jpg"]
    assert "crow/crow.3.jpg is empty; robin/robin.4.jpg " in found.sentences[1]
    assert len(found.sound) == 34 and not set(found.unreadable["path"]) & set(found.sound["path"])


def test_of_many_unreadable_files_three_are_named_and_the_rest_counted(folder):
    for number in range(5):
        (folder / "crow" / f"crow.{number}.jpg").write_bytes(b"")
    assert inspected(folder).sentences[1].endswith("crow/crow.2.jpg is empty; and 2 more.")


def test_one_picture_in_two_classes_is_in_neither(folder):
    shutil.copy(folder / "robin" / "robin.5.jpg", folder / "sparrow" / "copy.JPG")
    found = inspected(folder)
    assert names(found.contradictory) == ["robin/robin.5.jpg", "sparrow/copy.JPG"]
    assert "lies in two classes: robin/robin.5.jpg; sparrow/copy.JPG" in found.sentences[1]
    assert len(found.sound) == 35 and found.pairs.empty


def test_near_duplicates_with_two_labels_are_named_and_stay(folder):
    edit(folder / "robin" / "robin.5.jpg", folder / "sparrow" / "edited.png")
    found = inspected(folder)
    assert "1 pair of near-duplicates with two labels" in found.sentences[1]
    assert "robin/robin.5.jpg and sparrow/edited.png" in found.sentences[1]
    assert len(found.sound) == 37 and found.contradictory.empty


def test_copies_within_a_class_are_named_and_stay(folder):
    shutil.copy(folder / "crow" / "crow.1.jpg", folder / "crow" / "again.jpg")
    found = inspected(folder)
    assert "1 pair of near-duplicates, which the split must not tear apart" in found.sentences[1]
    assert len(found.sound) == 37


@pytest.mark.parametrize("crows, is_said", [(12, False), (9, False), (8, True), (4, True)])
def test_imbalance_is_said_where_it_matters(folder, crows, is_said):
    for number in range(crows, 12):
        (folder / "crow" / f"crow.{number}.jpg").unlink()
    found = inspected(folder)
    ratio = f"sparrow has {12 / crows:.1f} times as many pictures as crow"
    assert any(ratio.replace("sparrow", "robin") in sentence for sentence in found.sentences) == is_said


def test_nested_folders_and_odd_suffixes_are_read(folder):
    deep = folder / "crow" / "2024" / "May"
    deep.mkdir(parents=True)
    for number in range(4):
        (folder / "crow" / f"crow.{number}.jpg").rename(deep / f"IMG {number}.JPEG")
    found = inspected(folder)
    assert len(found.sound) == 36 and (found.sound["label"] == "crow").sum() == 12


def test_one_class_that_is_left_is_refused(folder):
    shutil.rmtree(folder / "sparrow")
    for path in (folder / "crow").iterdir():
        path.write_bytes(b"")
    with pytest.raises(checks.CourseError, match="sound pictures of 1 classes. A classifier needs two"):
        inspected(folder)


# --- its parts ------------------------------------------------------------------------------------------


@pytest.fixture
def divided(tmp_path) -> Path:
    """The layout of the public set of ants and bees, unequal in everything."""
    own.draw_birds(tmp_path / "drawn", {"robin": 34, "sparrow": 30}, size=SIZE)
    for label, species, n_train in (("ants", "robin", 20), ("bees", "sparrow", 22)):
        drawn = sorted((tmp_path / "drawn" / species).iterdir())
        for part, paths in (("train", drawn[:n_train]), ("val", drawn[n_train:])):
            (tmp_path / "insects" / part / label).mkdir(parents=True)
            for path in paths:
                path.rename(tmp_path / "insects" / part / label / path.name)
    return tmp_path / "insects"


def parts_of(folder: Path) -> own.Parts:
    return own.split(inspected(folder).sound)


def test_a_plain_folder_is_split_and_near_duplicates_stay_together(folder):
    for number in range(4):
        edit(folder / "crow" / f"crow.{number}.jpg", folder / "crow" / f"edited.{number}.jpg")
    parts = parts_of(folder)
    counts = [part["label"].value_counts().to_dict() for part in parts[:3]]
    assert counts[0] == {"crow": 10, "robin": 7, "sparrow": 7}
    together = pd.concat([part.assign(part=n) for n, part in enumerate(parts[:3])])
    assert together["path"].is_unique and len(together) == 40
    groups = splits.near_duplicate_groups(together)
    assert together.groupby(groups)["part"].nunique().max() == 1
    assert parts.how.startswith("Split at random")
    assert f"{len(parts.train)} pictures to train on, {len(parts.val)} to choose by" in parts.how


def test_too_few_pictures_of_a_class_are_refused_with_what_to_do(folder):
    for number in range(2, 12):
        (folder / "crow" / f"crow.{number}.jpg").unlink()
    with pytest.raises(checks.CourseError, match="Class 'crow' has 2 images, too few .* Add images"):
        parts_of(folder)


def test_what_is_said_of_a_large_group_is_kept(folder):
    for number in range(9):
        edit(folder / "crow" / "crow.0.jpg", folder / "crow" / f"film.{number}.jpg")
    assert "the largest with 10" in parts_of(folder).how


def test_train_and_val_stay_and_the_test_is_split_off_train(divided):
    parts = parts_of(divided)
    assert all("/val/" in Path(path).as_posix() for path in parts.val["path"]) and len(parts.val) == 22
    rest = pd.concat([parts.train, parts.test])
    assert all("/train/" in Path(path).as_posix() for path in rest["path"])
    assert (len(parts.train), len(parts.test)) == (34, 8)
    assert set(rest["path"]).isdisjoint(parts.val["path"]) and rest["path"].is_unique
    assert parts.how == (
        "The folder's own parts are used: 34 pictures to train on, 22 to choose by, 8 to test on. "
        "There was none for test: split off train, near-duplicates on one side."
    )


def test_all_three_parts_stay_as_they_are(divided):
    (divided / "val").rename(divided / "validation")
    shutil.copytree(divided / "train", divided / "eval")
    for path in divided.glob("eval/*/*"):
        path.unlink() if int(path.stem.split(".")[1]) % 2 else None
    for path in divided.glob("train/*/*"):
        path.unlink() if not int(path.stem.split(".")[1]) % 2 else None
    parts = parts_of(divided)
    for part, name in zip(parts, ("train", "validation", "eval")):
        assert len(part) == len(list(divided.glob(f"{name}/*/*"))) > 0
        assert {Path(path).parts[-3] for path in part["path"]} == {name}
    assert "There was none" not in parts.how


def test_what_is_missing_is_split_off_train(divided):
    (divided / "val").rename(divided / "Test")
    parts = parts_of(divided)
    assert [len(part) for part in parts[:3]] == [34, 8, 22] and "none for val:" in parts.how
    shutil.rmtree(divided / "Test")
    parts = parts_of(divided)
    assert [len(part) for part in parts[:3]] == [25, 9, 8] and "none for val and test:" in parts.how


@pytest.mark.parametrize(
    "train, val, test",
    [("Training_set", "dev", "eval"), ("train", "validation", "test2"), ("TRAIN", "Val", "Testing")],
)
def test_parts_are_known_by_the_names_that_people_give_them(divided, train, val, test):
    data = datasets.load_folder(divided).head(36)
    named = data.assign(part=[train] * 20 + [val] * 9 + [test] * 7, label=["ants", "bees"] * 18)
    assert [len(part) for part in own.split(named, max_distance=0)[:3]] == [20, 9, 7]


def test_what_two_parts_share_is_named_and_stays_in_the_one_that_judges(divided):
    for source in sorted((divided / "val" / "bees").iterdir())[:2]:
        edit(source, divided / "train" / "bees" / f"leak-{source.name}")
    parts = parts_of(divided)
    assert len(parts.val) == 22 and len(parts.train) + len(parts.test) == 42
    assert not any("leak" in path for path in [*parts.train["path"], *parts.test["path"]])
    assert "share near-duplicates" in parts.how and "train/bees/leak-sparrow" in parts.how


def test_of_parts_without_one_to_train_on_the_names_are_told(divided):
    (divided / "train").rename(divided / "test")
    with pytest.raises(checks.CourseError, match="the parts test, val. Call the one to train on train"):
        parts_of(divided)


def test_a_class_that_train_lacks_is_refused(divided):
    (divided / "train" / "bees").rename(divided / "train" / "wasps")
    with pytest.raises(checks.CourseError, match="Part val has the class 'bees', of which train has no"):
        parts_of(divided)


def test_the_same_seed_gives_the_same_parts_and_another_one_others(folder):
    found = inspected(folder).sound
    one, again, other = (own.split(found, seed) for seed in (1, 1, 2))
    assert one.test.equals(again.test) and not one.test.equals(other.test)


# --- two models on the same pictures ----------------------------------------------------------------------


def answers(right: list[bool]) -> np.ndarray:
    """Return probabilities of ('cat', 'dog') for cats, that are right where they should be."""
    return np.array([[0.9, 0.1] if each else [0.2, 0.8] for each in right])


def compared(first: list[bool], second: list[bool]) -> own.Comparison:
    return own.compare(answers(first), answers(second), ["cat"] * len(first), ("cat", "dog"))


def test_only_pictures_that_one_of_them_got_right_count():
    found = compared([True, True, False, False, True], [True, False, True, True, True])
    assert (found.n, found.only_first, found.only_second) == (5, 1, 2)
    assert found.difference == pytest.approx(0.2)


def test_the_interval_is_bonetts_and_prices():
    """By hand, with 10 of 40 gained and 2 lost: (11 − 3) / 42 ± 1.96 · √((14/42 − (8/42)²) / 42)."""
    found = compared([False] * 10 + [True] * 30, [True] * 38 + [False] * 2)
    assert (found.only_second, found.only_first) == (10, 2)
    assert (found.low, found.high) == pytest.approx((0.0255, 0.3554), abs=5e-4)


@pytest.mark.parametrize("gained, is_gain", [(0, False), (4, False), (5, True), (12, True)])
def test_a_gain_has_to_be_beyond_chance(gained, is_gain):
    first, second = [False] * gained + [True] * (30 - gained), [True] * 30
    assert compared(first, second).is_gain == is_gain
    assert not compared(second, first).is_gain


def test_pairing_tells_more_than_two_accuracies():
    """10 of 100 gained and none lost is a gain; 30 gained and 20 lost, of the same size, is not."""
    assert compared([False] * 10 + [True] * 90, [True] * 100).is_gain
    assert not compared([False] * 30 + [True] * 70, [True] * 80 + [False] * 20).is_gain


def test_the_interval_holds_what_it_should_in_19_of_20_samples():
    rng, hits = np.random.default_rng(0), 0
    for _ in range(400):
        fate = rng.choice(3, 60, p=[0.8, 0.15, 0.05])  # both right, gained, lost
        found = compared(list(fate != 1), list(fate != 2))
        hits += found.low <= 0.1 <= found.high
    assert 0.92 <= hits / 400 <= 0.985


# --- the card ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A head on few birds: base, findings, parts, model."""
    folder = tmp_path_factory.mktemp("trained")
    own.draw_birds(folder / "birds", {"crow": 8, "robin": 30, "sparrow": 30}, size=64)
    found = inspected(folder / "birds")
    base = backbones.load(image_size=64)
    parts = own.split(found.sound)
    return base, found, parts, own.train_head(base, parts.train)


@pytest.mark.slow
def test_the_card_says_what_was_measured(trained):
    _, found, parts, model = trained
    probabilities = np.eye(3)[[model.classes.index(label) for label in parts.test["label"]]]
    labels = parts.test["label"].tolist()
    probabilities[labels.index("robin")] = [0.6, 0.3, 0.1]
    report = evaluate.score(probabilities, labels, model.classes)
    card = own.model_card(model, found, parts, report, name="my_birds")
    assert card.startswith("# Model card: crow, robin or sparrow\n")
    assert f"{len(parts.train)} pictures of my\\_birds (5 crow, 18 robin, 18 sparrow)" in card
    assert f"{len(labels) - 1} of {len(labels)} right" in card and "robin 5 of 6" in card
    assert "robin taken for crow (1)" in card and "It was not tried" in card
    assert f"would be right for 6 of {len(labels)}" in card
    assert "The largest class has 3.8 times as many pictures as the smallest." in card
    assert card.count("…") == 3 and card._repr_markdown_() == card
    assert len(card.split()) < 300  # half a page


@pytest.mark.slow
@pytest.mark.parametrize(
    "gain, said",
    [
        (own.Comparison(30, 0, 8, 0.1, 0.4), "Yes, this is the fine-tuned model"),
        (own.Comparison(30, 1, 2, -0.1, 0.2), "Not that one could tell: this is the head"),
    ],
)
def test_the_card_says_which_model_it_is(trained, gain, said):
    _, found, parts, model = trained
    report = evaluate.score(np.eye(3), model.classes, model.classes)
    card = own.model_card(model, found, parts, report, gain)
    assert said in card and f"{gain.low:+.3f} to {gain.high:+.3f}" in card


def test_names_are_shown_as_they_are_written():
    assert plain("a_b *c* <img src=x>") == r"a\_b \*c\* &lt;img src=x&gt;"


# --- models -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_head_tells_its_classes_apart_and_does_not_forget_the_rare_one(trained):
    _, _, parts, model = trained
    report = evaluate.report(model, pd.concat([parts.val, parts.test]))
    assert model.classes == ("crow", "robin", "sparrow")
    assert report.accuracy > 0.7 and report.confusion.at["crow", "crow"] >= 2


@pytest.mark.slow
def test_a_head_is_the_one_that_scikit_learn_solves_for_with_all_classes_weighing_the_same(trained):
    base, _, parts, model = trained
    rows, labels = features.extract(base, parts.train), parts.train["label"]
    on_test = features.extract(base, parts.test)
    balanced, plain_one = (
        LogisticRegression(max_iter=1000, class_weight=weight).fit(rows, labels).predict_proba(on_test)
        for weight in ("balanced", None)
    )
    np.testing.assert_allclose(evaluate.predict(model, parts.test), balanced, atol=1e-4)
    assert np.abs(balanced - plain_one).max() > 0.02


@pytest.mark.slow
def test_a_head_of_two_classes_calls_the_second_by_its_probability(tmp_path):
    own.draw_birds(tmp_path, {"crow": 14, "robin": 14}, size=64)
    data = datasets.load_folder(tmp_path)
    model = own.train_head(backbones.load(image_size=64), data)
    assert model.output_shape == (None, 1)
    assert evaluate.report(model, data).accuracy > 0.9


@pytest.mark.slow
def test_fine_tuning_makes_a_copy_and_leaves_the_head_as_it_was(trained):
    _, _, parts, model = trained
    before = evaluate.predict(model, parts.val)
    tuned = own.fine_tuned(model, parts.train, parts.val, epochs=1)
    np.testing.assert_array_equal(evaluate.predict(model, parts.val), before)
    assert tuned.classes == model.classes
    assert not np.allclose(evaluate.predict(tuned, parts.val), before, atol=1e-3)
    changed = [
        layer.name
        for layer, other in zip(transfer.base_of(tuned).layers, transfer.base_of(model).layers)
        if any(not np.array_equal(a, b) for a, b in zip(layer.get_weights(), other.get_weights()))
    ]
    assert changed[0] == "block7a_expand_conv" and not any("bn" in name for name in changed)
