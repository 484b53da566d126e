"""The diagrams of lesson 2, and its sliders: what is drawn where, and what moves when one moves them."""

import re

import pytest
from scipy.stats import binomtest

from helpers import plots
from helpers.plots import interactive

PARTS = {"training": 1119, "validation": 140, "test": 141}


def spans(figure) -> list[list[float]]:
    """Return where each row's coloured boxes begin."""
    boxes = [collection.get_paths() for collection in figure.axes[0].collections]
    return [[round(float(path.vertices[:, 0].min()), 2) for path in paths] for paths in boxes]


def test_the_test_part_is_opened_once_and_after_every_model():
    training, validation, test = spans(plots.three_parts(PARTS, models=3))
    assert len(training) == len(validation) == 3 and len(test) == 1
    assert all(fitted < scored for fitted, scored in zip(training, validation, strict=True))
    assert test[0] > max(validation)


def test_the_parts_are_named_with_their_sizes_and_uses():
    figure = plots.three_parts(PARTS)
    shown = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert shown == ["training\n1,119 images", "validation\n140 images", "test\n141 images"]
    assert "validation, 140 images, compares models; test, 141 images, judges" in figure.alt_text
    assert figure.axes[0].get_title() == "4 models are tried; the test part is opened once"


@pytest.mark.parametrize("n_folds", [3, 5])
def test_each_fold_is_held_out_once(n_folds):
    figure = plots.k_folds(n_folds)
    words = [text.get_text() for text in figure.axes[0].texts]
    rows = [words[row * (n_folds + 1) :][:n_folds] for row in range(n_folds)]
    held_out = [[fold for fold, word in enumerate(row) if word == "score"] for row in rows]
    assert held_out == [[number] for number in range(n_folds)]
    assert all(row.count("train") == n_folds - 1 for row in rows)
    assert f"{n_folds} trainings, {n_folds} accuracies" in figure.axes[0].get_title() + figure.alt_text


@pytest.mark.parametrize(("accuracy", "n", "right"), [(0.8, 140, 112), (1, 20, 20), (0.5, 5000, 2500)])
def test_the_interval_is_wilsons(accuracy, n, right):
    figure = plots.interval_by_size(accuracy, n)
    low, high = binomtest(right, n).proportion_ci(method="wilson")
    marked = figure.axes[0].lines[1]
    assert list(marked.get_ydata()) == pytest.approx([low, high]) and list(marked.get_xdata()) == [n, n]
    assert f"{right:,} of {n:,} right: between {low:.3f} and {high:.3f}" in figure.alt_text


def test_the_band_meets_the_mark():
    figure = plots.interval_by_size(0.8, 100)
    corners = figure.axes[0].collections[0].get_paths()[0].vertices
    at_n = corners[corners[:, 0] == 100][:, 1]
    low, high = figure.axes[0].lines[1].get_ydata()
    assert at_n.min() == pytest.approx(low) and at_n.max() == pytest.approx(high)


def test_the_interval_is_close_enough_from_where_the_band_lies_between_the_lines():
    figure = plots.interval_by_size(0.8, 140)
    lines = sorted(line.get_ydata()[0] for line in figure.axes[0].lines if line.get_linewidth() < 1)
    assert lines == pytest.approx([0.78, 0.82])
    enough = int(re.search(r"from about ([\d,]+) on", figure.alt_text)[1].replace(",", ""))
    assert 0.8 - binomtest(round(0.8 * enough), enough).proportion_ci(method="wilson").low <= 0.02
    assert enough == pytest.approx(1.96**2 * 0.8 * 0.2 / 0.02**2, rel=0.1)


# --- the sliders ------------------------------------------------------------------------------------------


def described(box) -> str:
    return re.search(r'alt="([^"]+)"', box.children[-1].value)[1]


@pytest.mark.parametrize(
    ("label", "value", "said"),
    [("accuracy", 0.9, "126 of 140 right"), ("images in the test set", 1400, "1,120 of 1,400 right")],
)
def test_the_interval_follows_each_slider(label, value, said):
    box = plots.interval_explorer(0.8, 140).widget()
    assert "112 of 140 right" in described(box)
    {control.description: control for control in box.children[:-1]}[label].value = value
    assert said in described(box)


def test_what_is_saved_is_the_still_figure_alone():
    content, metadata = plots.interval_explorer()._repr_mimebundle_()
    assert set(content) == {"image/png", "text/plain"}
    assert "112 of 140 right" in metadata["image/png"]["alt"]


def test_live_there_are_sliders(monkeypatch):
    monkeypatch.delenv("COURSE_QUIET")
    content, _ = plots.interval_explorer()._repr_mimebundle_()
    assert interactive.WIDGET_VIEW in content
