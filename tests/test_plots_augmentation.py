"""Figures of lesson 3: they are drawn, they describe themselves, and they say what is true."""

import numpy as np
import pandas as pd
import pytest

from helpers import drawings, plots


@pytest.fixture(scope="module")
def twenty():
    return [drawings.draw_pet("cat", seed, size=32) for seed in range(20)]


def alt_text(figure):
    """Render the figure as a notebook does and return its description."""
    content, metadata = figure._repr_mimebundle_()
    assert content["image/png"].startswith(b"\x89PNG")
    assert content["text/plain"] == f"Figure: {metadata['image/png']['alt']}"
    return metadata["image/png"]["alt"]


def test_side_by_side_names_every_picture(twenty):
    figure = plots.side_by_side(
        {"one": twenty[0], "two": twenty[1], "three": twenty[2]}, "They differ", columns=2
    )
    assert alt_text(figure) == "They differ. Pictures: one; two; three."
    assert len(figure.axes) == 4


def test_side_by_side_takes_values_out_of_range():
    plots.side_by_side({"hot": np.full((8, 8, 3), 300.0), "cold": np.full((8, 8, 3), -5.0)}, "Clipped")


def test_variants_shows_each_picture_once(twenty):
    figure = plots.variants(twenty)
    assert "20 variants of one picture" in alt_text(figure)
    drawn = [axis.images[0].get_array() for axis in figure.axes]
    assert all(np.array_equal(one, other) for one, other in zip(drawn, twenty, strict=True))
    with pytest.raises(ValueError):
        plots.variants(twenty[:19])


def test_grid_order_frames_what_is_repeated(twenty):
    order = [i + j + j * i for i in range(4) for j in range(5)]
    figure = plots.grid_order(twenty, order)
    assert "which are 13 different ones" in alt_text(figure)
    framed = [axis for axis in figure.axes if axis.patches]
    assert len(framed) == 20 - 13


def test_grid_order_takes_any_order(twenty):
    figure = plots.grid_order(twenty[:7], [6, 5, 4, 3, 2, 1, 0, 6], columns=3)
    assert figure.get_suptitle().endswith("Right: by the index, 7 of them (repeats framed)")
    assert [bool(axis.images) for axis in figure.axes].count(True) == 7 + 8
    assert (
        plots.grid_order(twenty[:3], [2, 1, 0], columns=3).get_suptitle().endswith("3 of them (none twice)")
    )


@pytest.mark.parametrize(
    ("plain", "augmented", "end", "said"),
    [
        (
            [0.5] * 3,
            [0.5, 0.6, 0.4],
            "never changes; on augmented pictures its score does",
            ("one flat line", "up and down"),
        ),
        ([0.5] * 3, [0.4] * 3, "never changes; nor does its score", ("one flat line", "one flat line")),
        ([0.5, 0.6], [0.6, 0.5], "its score does, augmented or not", ("it goes up", "it goes down")),
        ([0.5, 0.6], [0.5, 0.5], "its score does, where nothing is augmented", ("goes up", "one flat line")),
    ],
)
def test_score_by_epoch_says_what_moves(plain, augmented, end, said):
    figure = plots.score_by_epoch(plain, augmented)
    assert figure.axes[0].get_title().endswith(end)
    left_alone, anew = alt_text(figure).split("left alone: ")[1].split(". Pictures augmented anew")
    assert said[0] in left_alone and said[1] in anew


def test_score_by_epoch_says_what_it_shows():
    figure = plots.score_by_epoch([0.5] * 4, [0.5, 0.6, 0.4, 0.5])
    assert "over 4 epochs" in alt_text(figure)
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["left alone: 0.50 ± 0.00", "augmented: 0.50 ± 0.07"]


def test_score_by_epoch_says_how_far_augmenting_moves_the_mean():
    figure = plots.score_by_epoch([0.7] * 4, [0.5, 0.6, 0.4, 0.5])
    assert "one flat line, mean 0.70" in alt_text(figure)
    assert "from 0.40 to 0.60, mean 0.50, standard deviation 0.07" in figure.alt_text


def test_augmentation_gains_names_what_is_outside_chance():
    rows = {
        ("moderate", "head only", 40): {"gain": 2.0, "margin": 1.0},
        ("moderate", "head only", 1119): {"gain": 0.5, "margin": 1.0},
        ("wide", "head only", 40): {"gain": -3.0, "margin": 2.0},
    }
    figure = plots.augmentation_gains(pd.DataFrame.from_dict(rows, orient="index"))
    said = alt_text(figure).split("Outside chance: ")[1]
    assert said == "head only, 40 photos, moderate (+2.0); head only, 40 photos, wide (-3.0)."
    assert figure.axes[0].get_title() == "2 of 3 gains are outside chance (filled)"


def test_augmentation_gains_does_not_call_filled_what_is_not():
    rows = {("moderate", "head only", 40): {"gain": 0.5, "margin": 1.0}}
    figure = plots.augmentation_gains(pd.DataFrame.from_dict(rows, orient="index"))
    assert figure.axes[0].get_title() == "0 of 1 gains are outside chance (those would be filled)"
