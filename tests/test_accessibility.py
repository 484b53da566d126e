"""Everyone can read it: palette, figures, documents. A fixture in conftest.py looks at each tested figure."""

import re
from itertools import combinations, pairwise
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from accessibility import COLOUR_BLINDNESS, as_seen, difference, problems

from helpers import plots
from helpers.plots import figure as core
from helpers.runtime import COURSE_FOLDER

NORMAL = {"normal vision": np.eye(3)}
PLOTS = [path.read_text("utf-8") for path in sorted((COURSE_FOLDER / "helpers" / "plots").glob("*.py"))]
DOCUMENTS = sorted([*COURSE_FOLDER.glob("*.md"), *COURSE_FOLDER.glob("notebooks/*.md")])


# --- the palette ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*NORMAL, *COLOUR_BLINDNESS])
def test_any_two_colours_can_be_told_apart(kind):
    matrix = (NORMAL | COLOUR_BLINDNESS)[kind]
    apart = {pair: difference(*pair, matrix) for pair in combinations(core.COLOURS, 2)}
    closest = min(apart, key=apart.get)
    assert apart[closest] > 15, f"{closest}: {apart[closest]:.1f}"


def test_red_and_green_of_one_lightness_would_be_found_out():
    red, green = "#B64838", "#4C842E"
    assert (
        difference(red, green, np.eye(3)) > 50 > 15 > difference(red, green, COLOUR_BLINDNESS["deuteranopia"])
    )


def test_the_first_colours_differ_in_lightness_as_well():
    """Most figures have two or three series: in a grey print, these are told apart by shade too."""
    first = [as_seen(colour, np.eye(3))[0] for colour in core.COLOURS[:3]]
    assert min(abs(a - b) for a, b in combinations(first, 2)) > 10


def test_markers_lines_and_hatches_are_as_many_as_colours_and_all_different():
    for styles in (core.MARKERS, core.LINES, core.HATCHES):
        assert len(set(styles)) == len(styles) == len(core.COLOURS)


def test_colour_maps_go_one_way_from_dark_to_light():
    """So a print in grey keeps their order."""
    names = {name for text in PLOTS for name in re.findall(r'cmap="(\w+)"', text)}
    assert names
    for name in names:
        colours = matplotlib.colormaps[name](np.linspace(0, 1, 64))
        steps = np.diff([as_seen(colour, np.eye(3))[0] for colour in colours])
        assert (steps > 0).all() or (steps < 0).all(), name


# --- figures --------------------------------------------------------------------------------------------


def test_every_figure_is_made_in_a_test_where_it_is_looked_at():
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_plots_*.py"))
    missing = [name for name in plots.__all__ if not re.search(rf"\b{name}\(", tests)]
    assert missing == [], "call it in tests/test_plots_*.py"


def a_figure(description: str = "Two lines, which rise.", **second):
    figure, axis = core.new_figure()
    axis.plot([1, 2], "o-", color=core.BLUE, label="one")
    axis.plot([2, 3], color=core.RED, label="two", **second)
    return core.describe(figure, description)


def test_a_figure_that_tells_by_colour_alone_is_found():
    (problem,) = problems(a_figure(marker="o", linestyle="-"))
    assert problem == "differ in colour only, see `style`: ['one', 'two']"
    assert problems(a_figure(marker="s")) == problems(a_figure(marker="o", linestyle="--")) == []


def test_bars_and_dots_are_looked_at_too():
    figure, axis = core.new_figure()
    for number in range(2):
        axis.bar([number], [1], color=core.COLOURS[number], label=f"bar {number}")
    core.describe(figure, "Two bars of equal height.")
    assert len(problems(figure)) == 1
    figure, axis = core.new_figure()
    for number in range(2):
        axis.scatter([number], [1], marker=core.MARKERS[number], label=f"dot {number}")
        axis.errorbar([number], [1], [1], marker=core.MARKERS[number], label=f"bar {number}")
    assert problems(core.describe(figure, "Two dots and their spreads.")) == []


@pytest.mark.parametrize("description", ["", "Curves.", "A curve without a full stop"])
def test_a_figure_without_a_proper_description_is_found(description):
    (problem,) = problems(a_figure(description, marker="s"))
    assert problem.startswith("described as")


# --- documents (for the lessons, see test_notebooks_lint.py) ----------------------------------------------


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(COURSE_FOLDER).as_posix())
def test_headings_are_in_order_and_pictures_described(path):
    text = re.sub(r"^ *```.*?^ *```", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    levels = [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(deeper <= level + 1 for level, deeper in pairwise(levels))
    assert all(len(words) > 10 for words in re.findall(r"!\[([^\]]*)\]", text))
