"""The figures of lesson 4: each is made, says its finding and describes what it shows."""

import numpy as np
import pandas as pd
import pytest

from helpers.plots import model, training


def titles(figure) -> str:
    """Return all titles of a figure in one text."""
    whole = figure.get_suptitle()
    return " ".join([whole, *(axis.get_title() + axis.get_title(loc="left") for axis in figure.axes)])


def png_of(figure) -> bytes:
    return figure._repr_mimebundle_()[0]["image/png"]


def test_weights_of_parts_names_the_largest_and_its_share():
    figure = model.weights_of_parts(pd.Series({"block 1": 250, "top": 750}), "ANet")
    assert "75% of ANet's weights lie in the top" in titles(figure)
    assert "block 1: 250, top: 750" in figure.alt_text
    assert png_of(figure).startswith(b"\x89PNG")


def test_time_a_photo_names_the_longest_step_and_how_much_longer_it_is():
    figure = model.time_a_photo(pd.Series({"read": 3.0, "base network": 10.0, "head": 0.01}))
    assert "base network: 1,000 times as long as the shortest step" in titles(figure)
    assert "read: 3 ms, base network: 10 ms, head: 0.01 ms" in figure.alt_text
    assert png_of(figure).startswith(b"\x89PNG")


def test_feature_maps_show_the_channels_that_differ_most():
    layer = np.zeros((4, 4, 5))
    layer[0, 0] = [0, 3, 0, 2, 1]
    picture = np.zeros((8, 8, 3), np.uint8)
    figure = model.feature_maps(picture, {"first": layer}, "Edges", most=2)
    assert "Edges" in titles(figure)
    assert [axis.get_title() for axis in figure.axes] == ["channel 1", "channel 3", ""]
    assert [axis.get_ylabel() for axis in figure.axes] == ["first", "", ""]
    assert "first (4 by 4 places)" in figure.alt_text


def test_picture_rows():
    pictures = [np.zeros((8, 8, 3), np.uint8)] * 3
    figure = model.picture_rows({"channel 1": pictures, "channel 2": pictures}, "Faces")
    assert len(figure.axes) == 6
    assert "channel 1, channel 2" in figure.alt_text
    assert "channel 2" in titles(figure)


@pytest.mark.parametrize("chance", [None, 0.5])
def test_training_against_validation_describes_the_means(chance):
    runs = pd.DataFrame(
        {"setting": ["a", "a", "b"], "training": [1.0, 0.9, 0.8], "validation": [0.7, 0.8, 0.6]}
    )
    figure = model.training_against_validation(runs, "b is worse", chance=chance)
    assert "a: training 0.95, validation 0.75; b: training 0.80, validation 0.60" in figure.alt_text
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a", "b"]
    assert len(figure.axes[0].get_lines()) == (4 if chance is None else 5)


def test_a_range_test_says_where_the_loss_is_lowest_and_whether_it_climbs():
    rates, losses = np.geomspace(1e-5, 1, 50), 0.02 + abs(np.arange(50) - 30) / 10
    climbs = model.learning_rate_range(rates, losses)
    assert "The loss falls to 0.2 near a rate of 0.01, then climbs to 2" in titles(climbs)
    assert "over 50 steps, from 3 at 1e-05." in climbs.alt_text
    stays = model.learning_rate_range(rates[:32], losses[:32])
    assert titles(stays).endswith("and stays there")


def test_a_range_test_writes_a_large_loss_without_an_exponent():
    losses = 0.2 + abs(np.arange(50) - 30.0)
    assert titles(model.learning_rate_range(np.geomspace(1e-5, 1, 50), losses)).endswith("climbs to 20")


def test_single_batches_without_loss_do_not_stretch_the_axis_of_a_range_test():
    losses = np.full(50, 0.5)
    losses[30] = 1e-18
    figure = model.learning_rate_range(np.geomspace(1e-5, 1, 50), losses)
    assert figure.axes[0].get_ylim()[0] > 0.05


def test_reliability_tells_each_bin_and_how_many_pictures_it_holds():
    bins = pd.DataFrame({"predicted": [0.1, 0.9], "observed": [0.2, 0.75], "n": [30, 70]})
    figure = model.reliability({"before": bins, "after": bins}, "Too sure")
    assert "before: 0.10 predicted, 0.20 observed, 0.90 predicted, 0.75 observed; after:" in figure.alt_text
    shown = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert shown == ["30", "70"] * 2
    assert titles(figure).split() == ["Too", "sure", "before", "after"]


def test_schedule_says_when_the_rate_begins_to_fall():
    figure = model.schedule(lambda epoch: 0.001 if epoch < 3 else 0.0005, epochs=5)
    assert "0.001 up to epoch 2, then falling to 0.0005 in epoch 4" in titles(figure)


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ([0.001] * 4, "of each of 4 epochs: 0.001 in every epoch."),
        ([0.1, 0.2, 0.3, 0.05], "from 0.1 in epoch 0 to 0.05 in epoch 3, the highest 0.3 in epoch 2."),
        ([0.3, 0.2, 0.2, 0.1], "0.3 up to epoch 0, then falling to 0.1 in epoch 3."),
    ],
)
def test_schedule_says_of_any_rate_how_it_goes(rates, said):
    assert model.schedule(rates.__getitem__, epochs=4).alt_text.endswith(said)


def test_rows_of_different_lengths_are_counted():
    picture = np.zeros((8, 8, 3), np.uint8)
    figure = model.picture_rows({"robins": [picture] * 5, "a sparrow": [picture]}, "Birds")
    assert "Rows of 1 to 5 pictures: robins, a sparrow" in figure.alt_text
    assert sum(bool(axis.images) for axis in figure.axes) == 6


def test_feature_maps_of_few_channels():
    figure = model.feature_maps(np.zeros((8, 8, 3), np.uint8), {"first": np.zeros((4, 4, 2))}, "Two", most=6)
    assert "up to 6 channels" in figure.alt_text
    assert sum(bool(axis.images) for axis in figure.axes) == 3


def test_the_one_step_is_compared_with_no_other():
    assert "read: 3 ms" in titles(model.time_a_photo(pd.Series({"read": 3.0})))


def test_nine_curves_all_look_different():
    curves = {f"rate {n}": np.array([[n, n + 1]]) for n in range(9)}
    numbers = pd.DataFrame({"start": 0.5, "slope": 0.1, "level": 0.6}, index=list(curves))
    drawn = training.start_slope_level(curves, numbers, "Nine").axes[0].lines[:9]
    looks = {(line.get_color(), line.get_marker(), line.get_linestyle()) for line in drawn}
    assert len(looks) == 9


def test_intervals():
    table = pd.DataFrame({"accuracy": [0.9], "low": [0.8], "high": [0.95], "n": [1400]}, index=["a split"])
    figure = model.intervals(table, "Sure")
    assert "a split: 0.900 (0.800 to 0.950)" in figure.alt_text
    assert "1,400 pictures" in figure.axes[0].get_yticklabels()[0].get_text()


def test_intervals_have_ticks_of_their_own_and_whole_pictures():
    """Percents that were rounded to whole ones named several ticks alike."""
    table = pd.DataFrame({"accuracy": [0.99], "low": [0.96], "high": [0.999], "n": [140.0]}, index=["a"])
    figure = model.intervals(table, "found")
    figure.draw_without_rendering()
    (axis,) = figure.axes
    ticks = [tick.get_text() for tick in axis.get_xticklabels()]
    assert len(set(ticks)) == len(ticks)
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["a\n(140 pictures)"]
