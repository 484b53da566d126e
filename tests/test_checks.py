"""The checks of arguments: what they let pass at their limits, what they refuse, and in which words."""

from fractions import Fraction
from math import inf, nan

import numpy as np
import pandas as pd
import pytest

from helpers import checks
from helpers.checks import CourseError


def refusal(check, *arguments, **settings) -> str:
    """Return the message with which a check refuses."""
    with pytest.raises(CourseError) as caught:
        check(*arguments, **settings)
    assert type(caught.value) is CourseError
    return str(caught.value)


# --- how an error is shown --------------------------------------------------------------------------


def test_a_notebook_shows_the_last_line_of_a_cell_and_the_sentences(tmp_path, monkeypatch):
    for number, line in enumerate(["import second_cell", "import third_cell", "checks.choice('x', 3, 'ab')"]):
        start = "from helpers import checks\n" + "\n" * number
        (tmp_path / f"{('first', 'second', 'third')[number]}_cell.py").write_text(start + line)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(CourseError) as caught:
        __import__("first_cell")
    assert caught.value._render_traceback_() == [
        "----> 4 checks.choice('x', 3, 'ab')",
        "",
        "CourseError: x is 3. Choose one of a, b.",
    ]


def test_an_error_that_no_cell_led_to_is_shown_without_a_line():
    error = checks.MissingFile("It is gone. Fetch it.")
    error.add_note("It was there.")
    assert error._render_traceback_() == ["MissingFile: It is gone. Fetch it.\nIt was there."]


def test_a_missing_file_is_both_errors_and_says_its_sentence():
    error = checks.MissingFile("It is gone. Fetch it.")
    assert isinstance(error, CourseError) and isinstance(error, FileNotFoundError)
    assert checks.with_notes(error) == "It is gone. Fetch it."


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        (np.zeros((2, 3)), "an array (2, 3)"),
        (pd.DataFrame({"path": ["a", "b"]}), "a table of 2 rows"),
        ("a\n b", r"'a\n b'"),
        (pd.Series([1], name="x"), "0 1 Name: x, dtype: int64"),
        (list(range(100)), "[0, 1, 2, 3, 4, 5, ...]"),
    ],
)
def test_a_value_is_quoted_on_one_short_line(value, quoted):
    assert checks.shown(value) == quoted


# --- numbers and choices ----------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "most"), [(2, None), (10**30, None), (2, 4), (4, 4), (np.int64(3), 4)])
def test_a_whole_number_within_its_limits_passes(value, most):
    checks.whole_number("n", value, 2, most)


@pytest.mark.parametrize("value", [1, -3, True, 2.0, "2", None])
def test_other_whole_numbers_are_refused(value):
    assert refusal(checks.whole_number, "n", value, 2) == f"n is {value!r}. Give a whole number from 2 on."


@pytest.mark.parametrize("value", [1, 5, True, 3.0])
def test_a_whole_number_beyond_either_limit_is_refused(value):
    wanted = f"n is {value!r}. Give a whole number from 2 to 4."
    assert refusal(checks.whole_number, "n", value, 2, 4) == wanted


@pytest.mark.parametrize(
    ("value", "limits"),
    [
        *((value, {}) for value in (0, -1e300, 1e300, np.float32(2), Fraction(1, 3))),
        *((value, {"least": 0}) for value in (0, 0.5, 1e300)),
        *((value, {"least": 0, "most": 1}) for value in (0, 0.5, 1)),
        *((value, {"above": 0, "most": 1}) for value in (1e-9, 1)),
    ],
)
def test_a_number_within_its_limits_passes(value, limits):
    checks.number("x", value, **limits)


@pytest.mark.parametrize("value", [inf, -inf, nan, True, "1", None, 1j])
def test_what_is_no_finite_number_is_refused(value):
    assert refusal(checks.number, "x", value) == f"x is {value!r}. Give a number."


@pytest.mark.parametrize(
    ("values", "limits", "wanted"),
    [
        ((-0.1, True), {"least": 0}, "from 0 on"),
        ((-0.1, 1.1, True), {"least": 0, "most": 1}, "from 0 to 1"),
        ((0, -1), {"above": 0}, "above 0"),
        ((0, -1, 1.1), {"above": 0, "most": 1}, "above 0 to 1"),
    ],
)
def test_a_number_beyond_a_limit_is_refused(values, limits, wanted):
    for value in values:
        assert refusal(checks.number, "x", value, **limits) == f"x is {value!r}. Give a number {wanted}."


def test_a_choice_is_one_of_those_allowed():
    checks.choice("size", "b", ["a", "b"])
    checks.choice("size", "b", "ab")
    assert refusal(checks.choice, "size", "ab", "ab") == "size is 'ab'. Choose one of a, b."
    assert refusal(checks.choice, "size", None, {"a": 1, 2: 3}) == "size is None. Choose one of a, 2."


# --- classes, tables, rows --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "n"), [(("a", "b"), None), (["a", "b", "c"], None), (("a", "b"), 2), (("a", "b", "c"), 3)]
)
def test_two_or_more_different_names_are_classes(value, n):
    checks.classes(value, n)


@pytest.mark.parametrize("value", [[], ["a"], ["a", "a"], ["a", "b", "a"], "ab", None, 5])
def test_other_classes_are_refused(value):
    wanted = "Give two or more different names, such as ('cat', 'dog')."
    assert refusal(checks.classes, value) == f"classes is {value!r}. {wanted}"


@pytest.mark.parametrize("value", [("a", "b"), ("a", "b", "c", "d"), ("a", "b", "b")])
def test_classes_of_another_number_than_the_models_are_refused(value):
    wanted = "Give the 3 different names the model knows, such as ('cat', 'dog')."
    assert refusal(checks.classes, value, 3) == f"classes is {value!r}. {wanted}"


def test_a_table_may_have_further_columns_with_gaps():
    checks.table(pd.DataFrame({"path": ["a", "b"], "label": [1, 2.5], "more": [None, 1]}), "path", "label")
    checks.table(pd.DataFrame({"path": []}), "path")


def test_what_is_no_table_with_these_columns_is_refused():
    made = "as datasets.load_folder makes it."
    data = pd.DataFrame({"path": ["a"]})
    assert refusal(checks.table, data, "path", "label") == (
        f"data is a table of ['path']. Give a table with path and label, {made}"
    )
    assert (
        refusal(checks.table, {"path": 1}, "path") == f"data is {{'path': 1}}. Give a table with path, {made}"
    )
    assert refusal(checks.table, data, "x", name="cells", maker="my.table") == (
        "cells is a table of ['path']. Give a table with x, as my.table makes it."
    )


def test_the_first_gap_in_a_column_is_named():
    data = pd.DataFrame({"path": ["a", "b", "c"], "label": ["x", None, None]}, index=[7, 8, 9])
    assert refusal(checks.table, data, "path", "label") == (
        "data has no label in row 8. Fill it in, or drop the row."
    )


@pytest.mark.parametrize(
    ("labels", "firsts"),
    [
        (["cat", "dog", 1, 2], "'cat' and 1"),
        ([1, 2, "cat"], "1 and 'cat'"),
        ([True, True, 2], "True and 2"),
        ([np.bool_(False), "x"], "False and 'x'"),
        ([(1, 2), "x", 3], "(1, 2) and 'x'"),
    ],
)
def test_labels_of_two_kinds_are_quoted(labels, firsts):
    data = pd.DataFrame({"label": pd.Series(labels, dtype=object)})
    message = refusal(checks.table, data, "label", name="part")
    assert message.replace("np.False_", "False") == (
        f"part has labels of different kinds, such as {firsts}. "
        'Make them all text: part["label"] = part["label"].astype(str).'
    )


@pytest.mark.parametrize(
    "labels", [["b", "a", "b"], [1, 2.5, np.int8(3)], [True, np.bool_(False)], [(1,), (2,)]]
)
def test_labels_of_one_kind_pass(labels):
    checks.table(pd.DataFrame({"label": pd.Series(labels, dtype=object)}), "label")


def test_things_of_one_length_go_together():
    checks.same_length(a=[1, 2], b="xy", c=np.zeros((2, 9)))
    assert refusal(checks.same_length, a=[1, 2], b="xyz") == (
        "a has 2 and b has 3 rows. Give one row of each for every picture, in the same order."
    )


# --- pictures ---------------------------------------------------------------------------------------


def with_values(*values, kind=float):
    """A picture with these values in each channel."""
    return np.array(values, kind).reshape(1, -1, 1).repeat(3, axis=2)


@pytest.mark.parametrize(
    "picture",
    [
        with_values(0, 1, kind=np.uint8),
        with_values(0, 1, kind=int),  # dark, but of whole numbers
        with_values(0, 255, kind=np.uint16),
        with_values(0, 0),
        with_values(-0.0005, 255.0005),
        with_values(0, 1.5),
    ],
)
def test_a_picture_of_0_to_255_passes(picture):
    checks.image("image", picture)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (np.zeros((4, 4), np.uint8), "an array (4, 4)"),
        (np.zeros((1, 4, 4, 3), np.uint8), "an array (1, 4, 4, 3)"),
        *((np.zeros((4, 4, n), np.uint8), f"an array (4, 4, {n})") for n in (1, 2, 4)),
        (np.zeros((0, 4, 3), np.uint8), "an array (0, 4, 3)"),
        ([[[1, 2, 3]]], "[[[1, 2, 3]]]"),
    ],
)
def test_another_shape_is_no_picture(value, found):
    assert refusal(checks.image, "image", value) == (
        f"image is {found}. Give an RGB picture (height, width, 3), as images.read does."
    )


@pytest.mark.parametrize(
    ("picture", "found"),
    [
        (with_values(0, 256), "from 0 to 256"),
        (with_values(0, 255.01), "from 0 to 255"),
        (with_values(-0.5, 200), "from -0.5 to 200"),
        (with_values(0, 1000, kind=np.uint16), "from 0 to 1e+03"),
        (with_values(-3, 5, kind=int), "from -3 to 5"),
        (with_values(0, nan), "from nan to nan"),
    ],
)
def test_other_values_are_no_picture(picture, found):
    assert refusal(checks.image, "image", picture) == (
        f"image has values {found}. Give finite numbers from 0 to 255, such as picture.clip(0, 255)."
    )


@pytest.mark.parametrize(
    ("low", "high", "whole"),
    [
        *((0, 1, "picture * 255"), (0, 0.5, "picture * 255"), (0.5, 1, "picture * 255")),
        *((-1, 1, "(picture + 1) * 127.5"), (-0.5, 0.5, "(picture + 1) * 127.5")),
    ],
)
def test_a_scaled_picture_is_refused(low, high, whole):
    assert refusal(checks.unscaled, "image", with_values(low, high)) == (
        f"image has values from {low} to {high}: it looks scaled. "
        f"Give 0 to 255, such as {whole}, or read it with images.read."
    )


@pytest.mark.parametrize(("low", "high"), [(0, 0), (0, 1.01), (-1.5, 0.5), (-1.5, 1), (-1, 0), (0, 255)])
def test_other_values_do_not_look_scaled(low, high):
    checks.unscaled("image", with_values(low, high))


@pytest.mark.parametrize("kind", [bool, object, complex, "U1"])
def test_values_that_are_no_numbers_are_refused(kind):
    picture = with_values(0, 1, kind=kind)
    message = f"image has values of type {picture.dtype}. Give numbers from 0 to 255."
    assert refusal(checks.unscaled, "image", picture) == message


# --- probabilities and labels -----------------------------------------------------------------------

PAIR = ("cat", "dog")


def test_a_row_of_probabilities_for_each_picture_passes():
    checks.probabilities([[0.5, 0.5], [1, 0]], ["dog", "dog"], PAIR)
    checks.probabilities(np.ones((1, 3)), ["c"], ["a", "b", "c"])


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ([0.5, 0.5], "(2,)"),
        ([[[0.5, 0.5]]], "(1, 1, 2)"),
        ([[1.0]], "(1, 1)"),
        ([[0.5, 0.25, 0.25]], "(1, 3)"),
        ([[0.5, nan]], "(1, 2)"),
        ([[0.5, inf]], "(1, 2)"),
    ],
)
def test_what_is_no_probability_of_each_class_is_refused(value, found):
    assert refusal(checks.probabilities, value, ["cat"], PAIR) == (
        f"probabilities is {found}, with 2 classes. Give finite numbers, as evaluate.predict does."
    )


@pytest.mark.parametrize(
    ("labels", "names", "found"),
    [
        (["cat"], ["cat"], r"classes is \['cat'\]"),
        ([], PAIR, "labels is empty: 0 pictures. Choose a part of the data that has some"),
        (["cat"] * 2, PAIR, "probabilities has 1 and labels has 2 rows"),
        (["robin"], PAIR, r"labels has 'robin', which is none of \['cat', 'dog'\]"),
    ],
)
def test_probabilities_go_with_their_labels_and_classes(labels, names, found):
    with pytest.raises(CourseError, match=f"^{found}"):
        checks.probabilities([[0.5, 0.5]], labels, names)


def test_labels_are_among_the_classes():
    checks.labels_among(PAIR, ["dog", "dog"])
    checks.labels_among(PAIR, [])
    assert refusal(checks.labels_among, PAIR, ["robin", "ant", "cat", 7]) == (
        "labels has '7', which is none of ['cat', 'dog']. Pass the classes of the model."
    )
