import pytest

from helpers import checks, plots

COPIES, OTHERS = [0.01, 0.09, 0.2], [0.12, 0.25]


def alt_text(box):
    return box.children[-1].value.split('alt="')[1].split('"')[0]


def test_the_limit_begins_where_it_is_told_to():
    assert "Limit 0.07: 2 of 3 copies missed" in plots.limit_explorer(COPIES, OTHERS).still().alt_text
    assert "Limit 0.10: 1 of 3 copies" in plots.limit_explorer(COPIES, OTHERS, limit=0.1).still().alt_text


def test_misses_and_false_alarms_follow_the_slider():
    box = plots.limit_explorer(COPIES, OTHERS).widget()
    slider = box.children[0]
    assert (slider.description, slider.value, slider.min, slider.max) == ("limit (distance)", 0.07, 0, 0.3)
    slider.value = 0.15
    assert alt_text(box).endswith("Limit 0.15: 1 of 3 copies missed, false alarms: 1.")
    slider.value = 0.3
    assert alt_text(box).endswith("Limit 0.30: 0 of 3 copies missed, false alarms: 2.")


def test_where_notebooks_are_saved_the_figure_stands_still():
    content, metadata = plots.limit_explorer(COPIES, OTHERS)._repr_mimebundle_()
    assert set(content) == {"image/png", "text/plain"} and metadata["image/png"]["alt"]


def test_a_limit_outside_its_slider_is_refused():
    with pytest.raises(checks.CourseError, match="limit is 0.5. Give a number from 0 to 0.3"):
        plots.limit_explorer(COPIES, OTHERS, limit=0.5)
