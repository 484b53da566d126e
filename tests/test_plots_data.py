import numpy as np
import pandas as pd
import pytest

from helpers import datasets, plots, splits, survey
from helpers.plots.figure import DescribedFigure


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    return datasets.draw_pets(24, 0, tmp_path_factory.mktemp("pets"), size=64, near_duplicates=4)


@pytest.fixture(scope="module")
def facts(pets):
    return survey.inspect(pets)


def alt_text(figure):
    """Return what the figure says of itself, having drawn it."""
    assert isinstance(figure, DescribedFigure)
    content, metadata = figure._repr_mimebundle_()
    assert content["image/png"].startswith(b"\x89PNG")
    return metadata["image/png"]["alt"]


def titles(figure):
    return [axis.get_title() for axis in figure.axes]


def test_class_counts_say_how_many(pets):
    figure = plots.class_counts(pets)
    assert alt_text(figure).endswith("12 cat, 12 dog.")
    assert [bar.get_height() for bar in figure.axes[0].patches] == [12, 12]


def test_example_sheet_shows_each_class_in_its_rows(pets):
    figure = plots.example_sheet(pets, columns=3, rows_a_class=2, seed=0)
    shown = [title.split("/")[0] for title in titles(figure)]
    assert shown == ["cat"] * 6 + ["dog"] * 6
    assert len(set(titles(figure))) == 12
    again, other = (plots.example_sheet(pets, 3, 2, seed) for seed in (0, 1))
    assert titles(again) == titles(figure) != titles(other)
    assert "6 images of each class" in alt_text(figure)


def test_photo_sheet_spares_no_colours():
    pictures = {name: np.full((4, 6, 3), 9, np.uint8) for name in "abc"}
    figure = plots.photo_sheet(pictures, "Three", columns=2)
    assert titles(figure) == ["a", "b", "c", ""]
    assert figure.colours == 256
    assert alt_text(figure).startswith("Three.")


def test_image_pairs_stand_side_by_side(pets):
    pairs = survey.find_near_duplicates(pets)
    figure = plots.image_pairs(pairs)
    assert len(figure.axes) == 2 * len(pairs) == 8
    assert "cat.0.jpg and cat.10.jpg" in alt_text(figure)


def test_image_sizes_count_the_wide_ones():
    facts = pd.DataFrame({"label": ["a", "b", "b"], "width": [30, 20, 9], "height": [10, 20, 10]})
    figure = plots.image_sizes(facts)
    assert "1 of 3 images lie below it" in alt_text(figure)
    assert titles(figure) == ["33 % of the images are wider than they are high"]


def test_sizes_and_brightness_pass_over_unreadable_images(pets, facts):
    facts = facts.copy()
    facts.loc[0, ["width", "height", "brightness"]] = pd.NA
    assert "64 pixels" in alt_text(plots.image_sizes(facts))
    assert "Medians: cat" in alt_text(plots.brightness(facts))


@pytest.mark.parametrize(
    ("difference", "title"), [(3, "The classes are about equally bright"), (90, "One class is brighter")]
)
def test_brightness_title_says_what_is_seen(difference, title):
    facts = pd.DataFrame({"label": ["a"] * 5 + ["b"] * 5, "brightness": [50.0] * 5 + [50.0 + difference] * 5})
    assert titles(plots.brightness(facts)) == [title]


def test_pair_distances_tell_found_from_others():
    pairs = pd.DataFrame({"distance": [0.01, 0.02, 0.2, 0.3]})
    figure = plots.pair_distances(pairs, limit=0.07)
    assert "2 below the limit of 0.07; the next one at 0.20" in alt_text(figure)
    found, others = figure.axes[0].lines[:2]
    assert found.get_xdata().tolist() == [1, 2] and others.get_xdata().tolist() == [3, 4]


def test_scores_by_remedy_have_a_bar_for_each_score():
    scores = pd.DataFrame({"accuracy": [0.9, 0.8], "recall": [0.0, 0.5]}, index=["as it is", "weighted"])
    figure = plots.scores_by_remedy(scores)
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights == [0.9, 0.8, 0.0, 0.5]
    assert "accuracy, recall for as it is, weighted" in alt_text(figure)


def test_share_histogram_gives_the_ranges():
    figure = plots.share_histogram(
        {"luck": [0.4, 0.5, 0.6], "strata": [0.5] * 3}, expected=0.5, part="a part"
    )
    assert "dogs in a part: luck 40 to 60 %; strata 50 to 50 %" in alt_text(figure)


def test_part_counts_are_stacked(pets):
    parts = dict(zip(("training", "test"), splits.split(pets, (0.5, 0.5)), strict=True))
    assert alt_text(plots.part_counts(parts)).endswith("training 6 cat, 6 dog; test 6 cat, 6 dog.")


def test_leak_gives_the_means():
    figure = plots.leak({"divided": [0.9, 1.0], "together": [0.5, 0.7]}, "A leak")
    assert alt_text(figure) == "A leak. Mean accuracy over folds: divided: 0.95; together: 0.60."


def test_best_of_many_follows_the_best_so_far():
    chosen_on = np.array([[0.5, 0.4, 0.7], [0.6, 0.7, 0.5]])
    fresh = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
    figure = plots.best_of_many(chosen_on, fresh)
    shown, worth = (line.get_ydata() for line in figure.axes[0].lines[:2])
    assert shown == pytest.approx([0.55, 0.6, 0.7])  # means of 0.5, 0.5, 0.7 and of 0.6, 0.7, 0.7
    assert worth == pytest.approx([0.25, 0.3, 0.4])  # means of 0.1, 0.1, 0.3 and of 0.4, 0.5, 0.5
    assert "up to 3 models" in alt_text(figure)


def test_fold_map_gives_the_sizes(pets):
    assert alt_text(plots.fold_map(splits.folds(pets, 3, groups=range(24)))).endswith("Held out: 8, 8, 8.")


def test_score_spread_draws_every_score():
    figure = plots.score_spread({"small": [0.5, 0.6, 0.7], "large": [0.6, 0.61]}, "Spread")
    assert sorted(figure.axes[0].lines[0].get_xdata()) == [0.5, 0.6, 0.7]
    assert alt_text(figure) == "Spread. One point a score, for each of: small, large."
