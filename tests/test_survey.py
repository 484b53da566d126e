from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from helpers import datasets, drawings, images, survey


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


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_images_have_no_pairs(pets, n):
    assert survey.find_near_duplicates(pets[:n]).empty


def test_unreadable_image_is_refused_by_name(pets, tmp_path):
    (tmp_path / "broken.jpg").write_text("no picture")
    with pytest.raises(images.UnreadableImage, match=r"broken\.jpg"):
        survey.find_near_duplicates(pd.concat([pets, table(tmp_path / "broken.jpg")]))


def test_the_photos_hold_one_pair(photos):
    pairs = survey.find_near_duplicates(photos)
    assert [(Path(row.path_a).name, Path(row.path_b).name) for row in pairs.itertuples()] == [
        ("dog.74.jpg", "dog.180.jpg")
    ]
    # The closest two that are not one picture are almost twice as far apart as the limit.
    assert len(survey.find_near_duplicates(photos, max_distance=0.13)) == 1
