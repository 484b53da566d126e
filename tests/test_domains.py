"""Domains: divided once, drawn from by seed."""

import numpy as np
import pandas as pd
import pytest

from helpers import datasets
from helpers.study import comparison, domains

SIZE = 32


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    data = datasets.draw_pets(60, seed=1, folder=tmp_path_factory.mktemp("pets"))
    return domains.of_table(data, SIZE)


@pytest.mark.slow
def test_each_is_divided_once(pets):
    of_drawings = [n / sum(domains.N_DRAWINGS.values()) for n in domains.N_DRAWINGS.values()]
    shares = {domains.DRAWINGS: of_drawings, domains.DIGITS: domains.PARTS}
    for domain in (pets, *(domains.load(name, SIZE) for name in shares)):
        parts = (domain.pool, domain.validation, domain.held_out)
        assert len(set(np.concatenate(parts))) == sum(map(len, parts)) == len(domain.pictures)
        assert len(domain.labels) == len(domain.pictures) and domain.source
        for part, share in zip(parts, shares.get(domain.name, domains.PARTS)):
            assert len(part) / len(domain.labels) == pytest.approx(share, abs=0.02)
            assert set(domain.labels[part]) == set(domain.classes)
        assert comparison.N_CLASSES.get(domain.name, 2) == len(domain.classes)


def test_training_rows_follow_from_the_seed(pets):
    rows = pets.training_rows(20, seed=3)
    np.testing.assert_array_equal(rows, pets.training_rows("20", seed=3))
    assert set(rows) != set(pets.training_rows(20, seed=4))
    assert len(set(rows)) == 20 and set(rows) <= set(pets.pool)
    assert sorted(pets.labels[rows]) == ["cat"] * 10 + ["dog"] * 10
    np.testing.assert_array_equal(pets.training_rows("all", seed=3), pets.pool)


@pytest.mark.parametrize("size", [1, "35", 1000])
def test_sizes_that_a_domain_has_not(pets, size):
    with pytest.raises(ValueError, match="Choose a number from 2 to 34, or 'all'"):
        pets.training_rows(size, seed=0)


def test_digits_are_grey_pictures_in_range():
    digits = domains.load(domains.DIGITS, SIZE)
    assert digits.pictures.dtype == np.uint8 and digits.pictures.shape[1:] == (SIZE, SIZE, 3)
    assert digits.pictures.max() == 255 and digits.pictures.min() == 0
    assert (digits.pictures[..., 0] == digits.pictures[..., 2]).all()
    assert digits.classes == list("0123456789")


@pytest.mark.slow
def test_drawings_are_all_different():
    pictures = domains.load(domains.DRAWINGS, SIZE).pictures
    assert len(np.unique(pictures.reshape(len(pictures), -1), axis=0)) == len(pictures) == 6700


def test_a_domain_of_two_joined_tables_has_every_row_once(tmp_path):
    both = pd.concat([datasets.draw_pets(20, seed, tmp_path / str(seed), size=32) for seed in (1, 2)])
    domain = domains.of_table(both, SIZE)
    assert sorted(np.concatenate([domain.pool, domain.validation, domain.held_out])) == list(range(40))


def test_how_far_apart_near_duplicates_may_be_is_passed_on(tmp_path):
    data = datasets.draw_pets(40, 0, tmp_path, size=32)
    with pytest.raises(ValueError, match="40 of 40 pictures fell into 1 group of near-duplicates"):
        domains.of_table(data, SIZE, max_distance=2)


def test_an_unknown_domain():
    with pytest.raises(ValueError, match=f"Choose one of {', '.join(domains.NAMES)}"):
        domains.load("speech", SIZE)


def test_a_source_names_no_machine(pets):
    assert pets.source == "drawn pets"
    source = domains.source_of(datasets.load_dog_cat())
    assert source in ("drawn pets", "ardamavi/Dog-Cat-Classifier@9e4f1e1")


def test_only_verified_photos_bear_their_name(pets, tmp_path):
    data = datasets.draw_pets(40, 0, tmp_path, size=32)
    for source, said in {
        **dict.fromkeys(("COURSE_DATA", "kept copy", "GitHub"), "ardamavi/Dog-Cat-Classifier@9e4f1e1"),
        "folder": "my pictures",
        str(tmp_path): "my pictures",
        "drawn pets": "drawn pets",
        "": "",
    }.items():
        data.attrs["source"] = source
        assert domains.source_of(data) == said
    assert domains.of_table(datasets.load_folder(tmp_path), SIZE).source == "my pictures"


def test_drawn_pets_in_place_of_photos_are_called_so(pets, monkeypatch, tmp_path):
    drawn = datasets.draw_pets(40, 0, tmp_path, size=32)
    monkeypatch.setattr(datasets, "load_dog_cat", lambda: drawn)
    domain = domains.load.__wrapped__(domains.PHOTOS, SIZE)
    assert (domain.name, domain.source) == (domains.PHOTOS, "drawn pets")
