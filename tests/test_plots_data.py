from pathlib import Path

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


def test_sizes_pass_over_unreadable_images(facts):
    facts = facts.copy()
    facts.loc[0, ["width", "height"]] = pd.NA
    assert "64 pixels" in alt_text(plots.image_sizes(facts))


def test_pair_distances_tell_found_from_others():
    pairs = pd.DataFrame({"distance": [0.01, 0.02, 0.2, 0.3]})
    figure = plots.pair_distances(pairs, limit=0.07)
    assert "2 below the limit of 0.07; the next one at 0.20" in alt_text(figure)
    found, others = figure.axes[0].lines[:2]
    assert found.get_xdata().tolist() == [1, 2] and others.get_xdata().tolist() == [3, 4]


def test_misses_and_false_alarms_are_counted_at_every_limit():
    figure = plots.misses_and_false_alarms([0.2, 0.01, 0.1], [0.1, 0.15, 0.4], limit=0.1, highest=0.3)
    assert titles(figure) == ["Limit 0.10: 1 of 3 copies missed, false alarms: 1"]
    missed, false_alarms = (
        dict(zip(line.get_xdata().round(3), line.get_ydata())) for line in figure.axes[0].lines[:2]
    )
    assert [missed[limit] for limit in (0, 0.05, 0.25)] == [3, 2, 0]
    assert [false_alarms[limit] for limit in (0, 0.12, 0.3)] == [0, 1, 2]
    assert alt_text(figure).endswith("from 0 to 0.3. Limit 0.10: 1 of 3 copies missed, false alarms: 1.")


def test_threshold_curve_says_what_is_reached_at_each_mark():
    thresholds, recall, precision = np.array([0.1, 0.2, 0.3]), [1.0, 0.5, 0.25], [0.4, 0.6, 1.0]
    curves = {"recall": np.array(recall), "precision": np.array(precision)}
    figure = plots.threshold_curve(thresholds, curves, {"a sixth": 1 / 6, "0.3": 0.3, "1/2": 1 / 2})
    finding = "a sixth: recall 0.50, precision 0.60; 0.3: recall 0.25, precision 1.00; 1/2: nothing is found"
    assert titles(figure) == [f"Threshold {finding}"]
    assert alt_text(figure).startswith("Curves of recall and precision over the decision threshold.")
    assert figure.axes[0].get_xlim()[1] > 0.5


def test_scores_by_remedy_have_a_bar_for_each_score():
    scores = pd.DataFrame({"accuracy": [0.9, 0.8], "recall": [0.0, 0.5]}, index=["as it is", "weighted"])
    figure = plots.scores_by_remedy(scores)
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights == [0.9, 0.8, 0.0, 0.5]
    assert "accuracy, recall for as it is, weighted" in alt_text(figure)


def test_share_histogram_gives_the_ranges():
    figure = plots.share_histogram(
        {"luck": [0.4, 0.5, 0.6], "strata": [0.5] * 3}, expected=0.5, of="dogs", part="a part"
    )
    assert "dogs in a part: luck 40 to 60 %; strata 50 to 50 %" in alt_text(figure)
    assert figure.axes[0].get_xlabel().startswith("dogs in a part, in %")
    assert titles(figure) == ["From seed to seed, luck: 40 to 60 %; strata: 50 %"]


def test_share_histogram_cuts_the_bar_of_a_way_without_luck_and_says_so():
    axis = plots.share_histogram(
        {"luck": np.linspace(0.4, 0.6, 100), "strata": [0.5] * 100}, expected=0.5, of="dogs", part="a part"
    ).axes[0]
    assert axis.get_ylim()[1] < 10 and [text.get_text() for text in axis.texts] == [
        "strata: all 100 (bar cut off)"
    ]
    alike = plots.share_histogram({"strata": [0.5] * 100}, expected=0.5, of="dogs", part="a part").axes[0]
    assert alike.get_ylim()[1] > 100 and not alike.texts


def test_share_histogram_praises_no_strata_that_change_nothing():
    shares = {"without": [0.2, 0.3], "stratified": [0.2, 0.3]}
    figure = plots.share_histogram(shares, expected=0.25, of="robins", part="a part")
    assert titles(figure) == ["From seed to seed, without: 20 to 30 %; stratified: 20 to 30 %"]
    assert "dog" not in alt_text(figure) + figure.axes[0].get_xlabel()


def test_part_counts_are_stacked(pets):
    parts = dict(zip(("training", "test"), splits.split(pets, (0.5, 0.5)), strict=True))
    assert alt_text(plots.part_counts(parts)).endswith("training 6 cat, 6 dog; test 6 cat, 6 dog.")


def test_leak_gives_the_means():
    figure = plots.leak({("A", "divided"): [0.9, 1.0], ("A", "together"): [0.5, 0.7]}, "A leak")
    assert alt_text(figure) == "A leak. Mean accuracy over folds: A, divided: 0.95; A, together: 0.60."


def test_leak_draws_a_way_alike_for_all_models_and_no_mean_of_one():
    ways = {(model, way): [0.5] for model in "AB" for way in ("together", "fresh")}
    lines = plots.leak(ways | {("A", "together"): [0.4, 0.6]}, "A leak").axes[0].lines[:-1]
    assert [line.get_marker() for line in lines] == ["o", "|", "s", "o", "s"]
    assert [line.get_color() for line in lines if line.get_marker() == "s"] == [lines[2].get_color()] * 2


def test_best_of_many_follows_the_best_so_far():
    chosen_on = np.array([[0.5, 0.4, 0.7], [0.6, 0.7, 0.5]])
    fresh = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
    figure = plots.best_of_many(chosen_on, fresh)
    shown, worth = (line.get_ydata() for line in figure.axes[0].lines[:2])
    assert shown == pytest.approx([0.55, 0.6, 0.7])  # means of 0.5, 0.5, 0.7 and of 0.6, 0.7, 0.7
    assert worth == pytest.approx([0.25, 0.3, 0.4])  # means of 0.1, 0.1, 0.3 and of 0.4, 0.5, 0.5
    assert "up to 3 models" in alt_text(figure)


def test_score_ranges_draws_every_score():
    figure = plots.score_ranges({"small": [0.5, 0.6, 0.7], "large": [0.6, 0.61]}, "Spread")
    assert sorted(figure.axes[0].lines[0].get_xdata()) == [0.5, 0.6, 0.7]
    assert alt_text(figure) == "Spread. One point a score, for each of: small, large."


def test_score_ranges_draw_a_computed_interval_without_points():
    figure = plots.score_ranges({"small": [0.5, 0.6, 0.7]}, "Spread", {"computed": (0.45, 0.75)})
    *_, points, line = figure.axes[0].lines
    assert len(points.get_xdata()) == 0 and list(line.get_xdata()) == [0.45, 0.75]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["small", "computed"]
    assert figure.axes[0].get_xlabel() == "accuracy (line: the middle 95 %; thick: a 95 % interval)"
    assert alt_text(figure).endswith("for each of: small. computed: 0.45 to 0.75.")


# --- data of one's own: other classes, one, nine, none --------------------------------------------------


def said_by(figure):
    return " ".join([figure.get_suptitle(), *titles(figure), alt_text(figure)])


BIRDS = {"robin": 5, "sparrow": 1}
NINE = {f"breed {letter}": 2 for letter in "abcdefghi"}


@pytest.fixture(scope="module", params=[BIRDS, {"robin": 3}, NINE], ids=["two", "one", "nine"])
def own(request, tmp_path_factory):
    """A table of drawings under other names: five robins and a sparrow; one class; nine classes."""
    wanted = [label for label, count in request.param.items() for _ in range(count)]
    drawn = datasets.draw_pets(len(wanted), 1, tmp_path_factory.mktemp("own"), size=64)
    return drawn.assign(label=wanted)


def test_no_figure_speaks_of_cats_and_dogs_that_are_not_there(own):
    facts = survey.inspect(own).assign(path=[f"{n}.jpg" for n in range(len(own))])
    half = facts.iloc[::2], facts.iloc[1::2]
    for figure in (
        plots.class_counts(own),
        plots.image_sizes(facts),
        plots.part_counts(dict(zip(("training", "test"), half, strict=True))),
    ):
        assert not {"cat", "dog", "cats", "dogs", "nan"} & set(said_by(figure).replace(",", " ").split())


def test_a_legend_names_every_class(own):
    facts = survey.inspect(own)
    for figure in (plots.image_sizes(facts), plots.part_counts({"all": facts})):
        named = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        assert named == sorted(set(own.label))


def test_example_sheet_shows_all_of_a_class_with_few_images(own):
    figure = plots.example_sheet(own, columns=2, rows_a_class=1)
    counts = own.label.value_counts().clip(upper=2)
    shown = pd.Series([title.split("/")[0] for title in titles(figure) if title]).value_counts()
    assert shown.to_dict() == counts.to_dict()
    said = "2 images of each class" if counts.min() == 2 else "2 robin, 1 sparrow"
    assert figure.get_suptitle() == f"A random sample: {said}"


def test_example_sheet_shows_both_files_of_one_name(tmp_path):
    drawn = datasets.draw_pets(2, 0, tmp_path, size=64)
    Path(drawn.path[1]).rename(tmp_path / Path(drawn.path[0]).name)
    data = pd.DataFrame({"path": [drawn.path[0], str(tmp_path / Path(drawn.path[0]).name)], "label": "cat"})
    assert titles(plots.example_sheet(data, columns=2)) == ["cat/cat.0.jpg", "cat/cat.0.jpg (2)"]


def test_image_pairs_do_not_call_two_photos_one(pets):
    pairs = pd.DataFrame({"path_a": pets.path[:1], "path_b": pets.path[1:2].to_numpy(), "distance": 0.9})
    assert plots.image_pairs(pairs).get_suptitle() == "Pairs of images, and their distances"
    assert "one picture" not in alt_text(plots.image_pairs(pairs))


def test_image_pairs_without_a_pair_say_so():
    figure = plots.image_pairs(pd.DataFrame(columns=["path_a", "path_b", "distance"]))
    assert alt_text(figure) == "There is no pair of images to show."


@pytest.mark.parametrize(
    ("widths", "title"),
    [
        ([90] * 3, "0 % of the images are wider than they are high"),
        ([110] * 3, "100 % of the images are wider than they are high"),
        ([110] + [90] * 299, "less than 1 % of the images are wider than they are high"),
        ([90] + [110] * 299, "more than 99 % of the images are wider than they are high"),
        ([110, 90, None, None], "50 % of the images are wider than they are high"),
        ([None], "There is no image whose size is known"),
        ([], "There is no image whose size is known"),
    ],
)
def test_image_sizes_count_those_whose_size_is_known(widths, title):
    facts = pd.DataFrame({"label": "robin", "width": widths, "height": 100}).astype({"width": "Int64"})
    assert titles(plots.image_sizes(facts)) == [title]
    assert alt_text(plots.image_sizes(facts))


@pytest.mark.parametrize(
    ("distances", "title", "said"),
    [
        ([0.3, 0.01], "Below the limit: 1. The next closest pair is far above it", "the next one at 0.30."),
        ([0.08], "Below the limit: 0. The next closest pair is near it, at 0.08", "the next one at 0.08."),
        ([0.01, 0.02], "Below the limit: 2. No other pair is shown", "no other pair is shown."),
        ([], "Below the limit: 0. No other pair is shown", "no other pair is shown."),
    ],
)
def test_pair_distances_say_where_the_next_pair_lies(distances, title, said):
    figure = plots.pair_distances(pd.DataFrame({"distance": distances}, dtype=float), limit=0.07)
    assert titles(figure) == [title]
    assert alt_text(figure).endswith(said)


@pytest.mark.parametrize(
    ("recall", "accuracy", "finding"),
    [
        ([0.9, 0.5], [0.95, 0.8], "Highest accuracy, 0.95: as it is, with recall 0.90"),
        (
            [0.0, 0.5],
            [0.9, 0.9],
            "Highest accuracy, 0.90: as it is and over-sampled, with recall 0.00 to 0.50",
        ),
    ],
)
def test_scores_by_remedy_say_what_the_most_accurate_one_finds(recall, accuracy, finding):
    index = ["as\nit is", "over-\n-sampled"]
    figure = plots.scores_by_remedy(pd.DataFrame({"accuracy": accuracy, "recall": recall}, index=index))
    assert titles(figure) == [finding]
    assert alt_text(figure).endswith(f"for as it is, over-sampled. {finding}.")


def test_scores_by_remedy_of_one_measure():
    figure = plots.scores_by_remedy(pd.DataFrame({"F1": [0.4, 0.6]}, index=["a", "b"]))
    assert titles(figure) == ["Highest F1, 0.60: b"]


def part(**counts):
    return pd.DataFrame({"label": [label for label, count in counts.items() for _ in range(count)]})


@pytest.mark.parametrize(
    ("parts", "title"),
    [
        (
            [part(cat=70, dog=70), part(cat=7, dog=6)],
            "Each part holds as many cat as dog images, to within one",
        ),
        (
            [part(a=3, b=3, c=3), part(a=1, b=1, c=2)],
            "Each part holds as many images of each class, to within one",
        ),
        (
            [part(robin=40, sparrow=8), part(robin=10, sparrow=2)],
            "Each part holds the classes in the same proportions, to within one image",
        ),
        (
            [part(robin=5002, sparrow=1000), part(robin=495, sparrow=103)],
            "Each part holds the classes in the same proportions, to within 1 %",
        ),
        (
            [part(robin=8, sparrow=1), part(robin=2, sparrow=5)],
            "Of the images in part 1, 29 % are robin; in all parts together, 62 %",
        ),
        ([part(robin=5), part(robin=1)], "All images are of one class, robin"),
        ([part(robin=5, sparrow=1), part()], "No image in: part 1"),
        ([part(), part()], "No image in: part 0, part 1"),
    ],
)
def test_part_counts_say_how_the_classes_are_divided(parts, title):
    figure = plots.part_counts({f"part {number}": rows for number, rows in enumerate(parts)})
    assert titles(figure) == [title]
    assert alt_text(figure)


def test_best_of_many_does_not_promise_a_climb():
    alike = np.full((2, 3), 0.5)
    figure = plots.best_of_many(alike, alike + 0.25)
    assert titles(figure) == ["However many models you try, the best one looks the same"]
    assert "it goes from 0.50 to 0.50; the same models on fresh images go from 0.75 to 0.75" in alt_text(
        figure
    )


def test_many_kinds_are_drawn(pets):
    """Nine, and there are seven colours."""
    scores = {f"way {number}": [0.5, 0.6] for number in range(9)}
    by_way = {("A", way): values for way, values in scores.items()}
    assert len(plots.leak(by_way, "Nine").axes[0].get_yticklabels()) == 9
    assert len(plots.score_ranges(scores, "Nine").axes[0].get_yticklabels()) == 9
    assert len(plots.scores_by_remedy(pd.DataFrame(scores)).axes[0].get_legend().get_texts()) == 9


def test_a_picture_scaled_to_one_is_not_drawn_black():
    with pytest.raises(ValueError, match="picture has values from 0 to 1: it looks scaled"):
        plots.photo_sheet({"a": np.linspace(0, 1, 12).reshape(2, 2, 3)}, "Scaled")
