import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from helpers import checks, datasets, drawings, images, splits, survey


def save(path, image, *settings):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image, settings)
    return str(path)


def table(*paths):
    return pd.DataFrame({"path": [str(path) for path in paths], "label": "cat"})


# --- facts ------------------------------------------------------------------------------------------


def test_facts_of_readable_images(tmp_path):
    colour = save(tmp_path / "colour.png", np.full((20, 30, 3), 200, np.uint8))
    grey = save(tmp_path / "grey.jpg", np.zeros((8, 4), np.uint8))
    clear = save(tmp_path / "clear.png", np.full((5, 6, 4), 255, np.uint8))
    facts = survey.inspect(table(colour, grey, clear))
    assert facts.columns.tolist() == [
        "path", "label", "width", "height", "channels", "bytes", "brightness", "problem",
    ]  # fmt: skip
    assert facts.width.tolist() == [30, 4, 6]
    assert facts.height.tolist() == [20, 8, 5]
    assert facts.channels.tolist() == [3, 1, 4]
    assert facts.bytes.tolist() == [Path(path).stat().st_size for path in (colour, grey, clear)]
    assert facts.brightness.tolist() == [200, 0, 255]
    assert [problem is None for problem in facts.problem] == [True] * 3


def test_unreadable_files_are_listed_with_a_reason(tmp_path):
    good = save(tmp_path / "good.png", np.zeros((9, 9, 3), np.uint8))
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "cut.png").write_bytes(Path(good).read_bytes()[:40])
    paths = [tmp_path / name for name in ("empty.jpg", "text.jpg", "cut.png", "missing.jpg")]
    facts = survey.inspect(table(good, *paths))
    assert facts.problem[0] is None
    assert all(isinstance(problem, str) and problem for problem in facts.problem[1:])
    assert "empty" in facts.problem[1]
    assert "exist" in facts.problem[4]
    assert facts.bytes.tolist()[:4] == [len(Path(p).read_bytes()) for p in [good, *paths[:3]]]
    assert facts.bytes.isna().tolist() == [False] * 4 + [True]
    assert facts.width.tolist()[0] == 9 and facts.width[1:].isna().all() and facts.brightness[1:].isna().all()


def test_facts_keep_the_tables_index(tmp_path):
    path = save(tmp_path / "a.png", np.zeros((3, 3, 3), np.uint8))
    data = table(path, path).set_index(pd.Index([7, 3]))
    assert survey.inspect(data).index.tolist() == [7, 3]


@pytest.fixture
def two_tables(tmp_path):
    """Two tables joined: the index 0, 1 stands there twice, and each picture has a width of its own."""
    paths = [save(tmp_path / f"{width}.png", np.zeros((9, width, 3), np.uint8)) for width in (4, 5, 6, 7)]
    return pd.concat([table(*paths[:2]), table(*paths[2:])])


def test_two_joined_tables_keep_their_rows(two_tables):
    facts = survey.inspect(two_tables)
    assert facts.width.tolist() == [4, 5, 6, 7]
    assert facts.index.tolist() == [0, 1, 0, 1]
    pd.testing.assert_frame_equal(facts[["path", "label"]], two_tables)


def test_looking_again_replaces_what_was_found(two_tables):
    once = survey.inspect(two_tables)
    Path(two_tables.path.iloc[0]).write_text("no picture any more")
    again = survey.inspect(once)
    assert again.columns.tolist() == once.columns.tolist()
    assert again.problem.notna().tolist() == [True, False, False, False]
    pd.testing.assert_frame_equal(again[1:], once[1:])


@pytest.mark.slow
def test_photos_facts(photos):
    facts = survey.inspect(photos)
    assert facts.problem.isna().all()
    assert facts.width.max() == 500 and facts.height.max() == 500
    assert set(facts.channels) == {3}
    assert facts.brightness.between(5, 250).all()


# --- near-duplicates --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    return datasets.draw_pets(120, 0, tmp_path_factory.mktemp("pets"))


ALTERATIONS = {
    "the same": lambda image: image,
    "half the size": lambda image: cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "darker": lambda image: cv2.convertScaleAbs(image, alpha=0.7),
    "brighter": lambda image: cv2.convertScaleAbs(image, alpha=1.1),
    "cropped by 2 %": lambda image: image[5:, :-5],
    "stamped with a date": lambda image: cv2.putText(
        image.copy(), "2009-05-12", (150, 245), 0, 0.6, (0, 200, 255), 2
    ),
}


@pytest.mark.parametrize("name", ALTERATIONS)
def test_altered_copy_is_found(pets, tmp_path, name):
    altered = ALTERATIONS[name](cv2.imread(pets.path[17]))
    copy = save(tmp_path / "copy.jpg", altered, cv2.IMWRITE_JPEG_QUALITY, 40)
    pairs = survey.find_near_duplicates(pd.concat([pets, table(copy)], ignore_index=True))
    assert pairs[["path_a", "path_b"]].to_numpy().tolist() == [[pets.path[17], copy]]
    assert 0 <= pairs.distance[0] <= 0.07


def test_different_pets_are_not_near_duplicates(pets):
    pairs = survey.find_near_duplicates(pets)
    assert pairs.columns.tolist() == ["path_a", "path_b", "distance"]
    assert pairs.empty


def test_planted_near_duplicates_are_found(tmp_path):
    data = datasets.draw_pets(60, 0, tmp_path, near_duplicates=6)
    pairs = survey.find_near_duplicates(data)
    found = {(Path(row.path_a).name, Path(row.path_b).name) for row in pairs.itertuples()}
    assert found == {
        (f"{label}.{i}.jpg", f"{label}.{27 + i}.jpg") for label in ("cat", "dog") for i in range(3)
    }
    assert pairs.distance.is_monotonic_increasing


def test_bands_of_rows_change_nothing(pets, monkeypatch):
    whole = survey.find_near_duplicates(pets, max_distance=0.3)
    assert len(whole) > 3
    monkeypatch.setattr(survey, "ROWS_AT_ONCE", 7)
    pd.testing.assert_frame_equal(survey.find_near_duplicates(pets, max_distance=0.3), whole)


# Before the two below, which would take 10 GB where this one fails.
def test_the_closest_pairs_are_kept(pets, monkeypatch, capsys):
    monkeypatch.setattr(survey, "ROWS_AT_ONCE", 7)
    whole = survey.find_near_duplicates(pets, max_distance=0.3)
    assert capsys.readouterr().out == ""
    for most in (1, 3, len(whole) - 1):
        pd.testing.assert_frame_equal(survey.find_near_duplicates(pets, 0.3, most=most), whole[:most])
        assert capsys.readouterr().out.startswith(f"{len(whole)} pairs are no further apart than 0.3: ")
    survey.find_near_duplicates(pets, 0.3, most=len(whole))
    assert capsys.readouterr().out == ""


def test_pairs_that_are_equally_close_come_in_the_order_of_the_table(monkeypatch):
    monkeypatch.setattr(survey, "_thumbnails", lambda paths: np.ones((len(paths), 4), np.float32) / 2)
    monkeypatch.setattr(survey, "ROWS_AT_ONCE", 2)
    pairs = survey.find_near_duplicates(table(*"abcde"), most=5)
    assert (pairs.path_a + pairs.path_b).tolist() == ["ab", "ac", "ad", "ae", "bc"]


@pytest.fixture
def many_alike(monkeypatch):
    """Ten thousand pictures that look the same: 49,995,000 pairs."""
    look = np.random.default_rng(0).standard_normal(768).astype(np.float32)
    look /= np.linalg.norm(look)
    monkeypatch.setattr(survey, "_thumbnails", lambda paths: np.tile(look, (len(paths), 1)))
    return table(*(f"{number}.jpg" for number in range(10_000)))


def most_memory(function):
    """Return what `function` returns, and the bytes that it held at most, beside what was there before."""
    tracemalloc.start()
    try:
        return function(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_pairs_of_many_equal_pictures_fit_into_memory(many_alike, capsys):
    pairs, n_bytes = most_memory(lambda: survey.find_near_duplicates(many_alike))
    assert n_bytes < 300e6  # all pairs would take 8.5 GB
    assert len(pairs) == 100_000 and pairs.distance.max() < 1e-6
    assert capsys.readouterr().out == (
        "49,995,000 pairs are no further apart than 0.07: the closest 100,000 are listed.\n"
    )


@pytest.mark.slow
def test_groups_of_many_equal_pictures_fit_into_memory(many_alike):
    groups, n_bytes = most_memory(lambda: splits.near_duplicate_groups(many_alike))
    assert n_bytes < 300e6
    assert set(groups) == {0}


def test_equal_pictures_are_found_at_a_distance_of_0(pets):
    copies = pd.concat([pets, pets], ignore_index=True)
    pairs = survey.find_near_duplicates(copies, max_distance=0)
    assert (pairs.path_a == pairs.path_b).all() and len(pairs) == len(pets)


def test_blank_pictures_are_duplicates_of_each_other_only(tmp_path):
    black = save(tmp_path / "black.png", np.zeros((9, 9, 3), np.uint8))
    white = save(tmp_path / "white.png", np.full((9, 9, 3), 255, np.uint8))
    pet = save(tmp_path / "pet.png", drawings.draw_pet("cat", 0, 64))
    pairs = survey.find_near_duplicates(table(black, pet, white))
    assert pairs[["path_a", "path_b"]].to_numpy().tolist() == [[black, white]]


def test_edges_are_told_by_their_direction(tmp_path):
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::8] = 255
    upright, lying = (
        save(tmp_path / "upright.png", stripes),
        save(tmp_path / "lying.png", stripes.swapaxes(0, 1)),
    )
    features = survey.edge_features(table(upright, lying))
    assert features.shape == (2, 576) and features.dtype == np.float32
    np.testing.assert_allclose((features**2).sum(axis=1), 1, rtol=1e-5)
    in_directions = (features.reshape(2, 64, 9) ** 2).sum(axis=1)
    assert in_directions[0].argmax() == 0 and in_directions[1].argmax() == 4  # across, and down: 90°
    np.testing.assert_allclose(in_directions.max(axis=1), 1, rtol=1e-5)


def test_a_direction_is_one_of_nine_in_half_a_turn(tmp_path):
    rows, columns = np.mgrid[0:64, 0:64]
    paths = []
    for angle in range(10, 180, 20):
        waves = np.sin((columns * np.cos(np.radians(angle)) + rows * np.sin(np.radians(angle))) / 4)
        grey = (127 + 120 * waves).astype(np.uint8)
        paths.append(save(tmp_path / f"{angle}.png", np.dstack([grey] * 3)))
    strongest = survey.edge_features(table(*paths)).reshape(9, 64, 9).sum(axis=1).argmax(axis=1)
    assert strongest.tolist() == list(range(9))


def test_an_edge_is_told_in_the_cell_where_it_is(tmp_path):
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[18:22, 42:46] = 255  # within the cell of rows 16 to 23 and columns 40 to 47
    features = survey.edge_features(table(save(tmp_path / "spot.png", picture))).reshape(8, 8, 9)
    assert np.argwhere(features.any(axis=2)).tolist() == [[2, 5]]


def test_pictures_without_edges_and_tables_without_pictures_have_none(tmp_path):
    grey = save(tmp_path / "grey.png", np.full((64, 64, 3), 90, np.uint8))
    assert not survey.edge_features(table(grey, grey)).any()
    features = survey.edge_features(table(grey)[:0])
    assert features.shape == (0, 576) and features.dtype == np.float32


def test_what_is_finer_than_a_thumbnails_16_pixels_makes_no_distance(tmp_path):
    coarse = np.random.default_rng(0).integers(50, 200, (16, 16, 3)).repeat(4, axis=0).repeat(4, axis=1)
    fine = 40 * (-1) ** np.indices((64, 64)).sum(axis=0)[..., np.newaxis]
    paths = [
        save(tmp_path / f"{name}.png", (coarse + change).astype(np.uint8))
        for name, change in (("a", 0), ("b", fine))
    ]
    assert survey.find_near_duplicates(table(*paths)).distance.tolist() == pytest.approx([0], abs=1e-6)


def test_distances_go_from_0_to_2(tmp_path):
    ramp = np.arange(64, dtype=np.uint8).reshape(1, 64, 1).repeat(64, axis=0).repeat(3, axis=2)
    data = table(save(tmp_path / "ramp.png", ramp), save(tmp_path / "opposite.png", 63 - ramp))
    assert survey.find_near_duplicates(data, 2).distance.tolist() == pytest.approx([2], abs=1e-3)
    for max_distance in (-0.001, 2.001):
        with pytest.raises(checks.CourseError, match="max_distance is .* from 0 to 2"):
            survey.find_near_duplicates(data, max_distance)


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_images_have_no_pairs(pets, n):
    assert survey.find_near_duplicates(pets[:n]).empty


def test_unreadable_image_is_refused_by_name(pets, tmp_path):
    (tmp_path / "broken.jpg").write_text("no picture")
    with pytest.raises(images.UnreadableImage, match=r"broken\.jpg"):
        survey.find_near_duplicates(pd.concat([pets, table(tmp_path / "broken.jpg")]))


@pytest.mark.slow
def test_the_photos_hold_one_pair(photos):
    pairs = survey.find_near_duplicates(photos)
    assert [(Path(row.path_a).name, Path(row.path_b).name) for row in pairs.itertuples()] == [
        ("dog.74.jpg", "dog.180.jpg")
    ]
    # The closest two that are not one picture are almost twice as far apart as the limit.
    assert len(survey.find_near_duplicates(photos, max_distance=0.13)) == 1
