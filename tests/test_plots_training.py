"""The figures of lesson 5: each is made, says its finding and describes what it shows."""

import numpy as np
import pandas as pd
import pytest

from helpers.plots import training


def titles(figure) -> str:
    """Return all titles of a figure in one text."""
    return " ".join([figure.get_suptitle(), *(axis.get_title() for axis in figure.axes)])


def png_of(figure) -> bytes:
    return figure._repr_mimebundle_()[0]["image/png"]


def test_start_slope_level_shows_each_number():
    curves = {"transfer": np.array([[0.5, 0.9]]), "from scratch": np.array([[0.5, 0.5, 0.6]] * 2)}
    numbers = pd.DataFrame(
        {"start": [0.5, 0.5], "slope": [0.4, 0.1], "level": [0.7, 0.55]}, index=list(curves)
    )
    figure = training.start_slope_level(curves, numbers, "Transfer is ahead")
    assert "transfer: start 0.50, slope 0.40, level 0.70" in figure.alt_text
    assert {text.get_text() for text in figure.axes[1].texts} >= {"0.40", "0.10"}
    assert [line.get_xdata().tolist() for line in figure.axes[0].get_lines()[:2]] == [[1, 2], [1, 2, 3]]
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["transfer", "from scratch (mean of 2, band: all of them)"]
    assert png_of(figure).startswith(b"\x89PNG")


def test_a_staircase_has_a_panel_a_task_and_each_steps_price():
    results = pd.DataFrame(
        {
            "task": ["pets"] * 4 + ["photos"] * 2,
            "step": [*["from scratch"] * 2, *["fine-tuned"] * 2, "from scratch", "fine-tuned"],
            "n_train": [20] * 4 + [1119] * 2,
            "accuracy": [0.5, 0.6, 0.9, 1.0, 0.7, 0.99],
            "cpu_seconds": [10, 20, 3, 3, 100, 30],
        }
    )
    figure = training.staircase(results, "It pays on pets")
    assert "pets, from scratch: 0.55 for 15 s; pets, fine-tuned: 0.95 for 3 s" in figure.alt_text
    assert titles(figure).split("  ")[0].startswith("It pays on pets 20 pets 1,119 photos")
    assert [text.get_text() for text in figure.axes[1].texts] == [
        "0.70\n100 s CPU",
        "0.99\n30 s CPU",
        "guessing",
    ]
    assert png_of(figure).startswith(b"\x89PNG")


def test_confusion_counts_what_is_off_the_diagonal():
    table = pd.DataFrame([[70, 1], [2, 0]], index=["cat", "dog"], columns=["cat", "dog"])
    figure = training.confusion(table)
    assert titles(figure).strip() == "3 of 73 pictures on the wrong side"
    assert "2 of true class dog predicted as cat" in figure.alt_text
    assert png_of(figure).startswith(b"\x89PNG")


def test_confusion_of_a_class_without_pictures():
    table = pd.DataFrame([[3, 0], [0, 0]], index=["cat", "dog"], columns=["cat", "dog"])
    assert png_of(training.confusion(table)).startswith(b"\x89PNG")


def test_mistakes_tell_wrong_from_right_but_unsure():
    table = pd.DataFrame(
        {
            "label": ["cat", "dog", "dog", "cat", "cat"],
            "predicted": ["dog", "cat", "dog", "cat", "cat"],
            "probability": [0.1, 0.2, 0.6, 0.7, 0.8],
        }
    )
    figure = training.mistakes([np.zeros((8, 8, 3), np.uint8)] * 5, table)
    assert "2 wrong, 3 right but least sure" in titles(figure)
    assert "cat, taken for dog\np(cat) = 0.10" in titles(figure)
    assert "dog, recognised" in titles(figure)
    assert len(figure.axes) == 8


def test_mistakes_of_which_none_was_right():
    table = pd.DataFrame({"label": ["robin"], "predicted": ["owl"], "probability": [0.1]})
    figure = training.mistakes([np.zeros((8, 8, 3), np.uint8)], table)
    assert figure.get_suptitle() == "The hardest picture: 1 wrong"
    assert "robin, taken for owl" in titles(figure)


def test_mistakes_of_nothing_and_of_pictures_that_do_not_fit():
    table = pd.DataFrame({"label": [], "predicted": [], "probability": []})
    assert "The 0 hardest pictures: 0 wrong" in titles(training.mistakes([], table))
    with pytest.raises(ValueError):
        training.mistakes([np.zeros((8, 8, 3), np.uint8)], table)


def test_confusion_of_three_classes():
    names = ["cat", "dog", "owl"]
    table = pd.DataFrame([[3, 1, 0], [0, 4, 0], [1, 1, 2]], index=names, columns=names)
    assert titles(training.confusion(table)).strip() == "3 of 12 pictures in a wrong class"


def test_confusion_of_many_classes_has_room_and_tells_what_happened():
    names = [f"a long name {number}" for number in range(12)]
    table = pd.DataFrame(np.eye(12, dtype=int), index=names, columns=names)
    table.iloc[3, 4] = 2
    figure = training.confusion(table)
    assert figure.get_size_inches()[0] > 8
    assert figure.axes[0].get_xticklabels()[0].get_rotation() == 90
    assert figure.alt_text.count("of true class") == 13
    assert "2 of true class a long name 3 predicted as a long name 4" in figure.alt_text


def test_confusion_goes_by_name_where_a_class_was_never_predicted():
    table = pd.crosstab(
        pd.Series(["cat", "cat", "dog"], name="true"), pd.Series(["dog"] * 3, name="predicted")
    )
    assert titles(training.confusion(table)).strip() == "2 of 3 pictures on the wrong side"


def test_nine_settings_are_drawn():
    curves = {f"setting {number}": np.array([[0.5, 0.6]]) for number in range(9)}
    numbers = pd.DataFrame({"start": 0.5, "slope": 0.1, "level": 0.6}, index=list(curves))
    figure = training.start_slope_level(curves, numbers, "Nine")
    assert len(figure.axes[0].get_legend().get_texts()) == len(figure.axes[1].containers) == 9


def test_heat_maps_lay_the_heat_over_the_whole_picture():
    picture, heat = np.zeros((16, 16, 3), np.uint8), np.eye(4)
    figure = training.heat_maps([picture, picture], [heat, heat], ["a cat", "a dog"], "It looks at faces")
    assert "It looks at faces" in titles(figure)
    assert "a cat; a dog" in figure.alt_text
    overlay = figure.axes[2].images[1].get_array()
    assert overlay.shape == (16, 16) and overlay.min() >= 0 and overlay.max() <= 1
    assert png_of(figure).startswith(b"\x89PNG")


def test_threshold_costs_mark_the_chosen_threshold_and_the_cheapest():
    table = pd.DataFrame([[60, 10], [4, 66]], index=["cat", "dog"], columns=["cat", "dog"])
    thresholds, costs = np.array([0.0, 0.25, 0.5, 0.75]), np.array([70.0, 25.0, 30.0, 25.0])
    figure = training.threshold_costs(table, thresholds, costs, 0.5, (1, 5))
    assert "14 of 140 pictures on the wrong side" in titles(figure)
    assert "Threshold 0.50 costs 30" in titles(figure)
    assert "cat taken for dog at 1 and dog taken for cat at 5: 30 here" in figure.alt_text
    assert figure.alt_text.endswith("30 here, and least between 0.25 and 0.75, 25.")
    here, least = (line.get_xdata() for line in figure.axes[1].lines[:0:-1])
    assert list(here) == [0.5] and list(least) == [0.25, 0.75]
    assert png_of(figure).startswith(b"\x89PNG")


def test_an_answer_shows_the_photo_its_evidence_and_every_class():
    photo = np.full((32, 32, 3), 128, np.uint8)
    for values, said in (
        ({"dog": 0.98, "cat": 0.02}, "dog: 0.98"),
        ({"dog": 0.6, "cat": 0.4}, "Not sure"),
    ):
        figure = training.answer(photo, np.ones((2, 2)), pd.Series(values), sure=0.9)
        assert figure.alt_text.startswith(said) and len(figure.axes) == 3
        assert [label.get_text() for label in figure.axes[2].get_yticklabels()] == ["cat", "dog"]
