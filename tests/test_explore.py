"""Figures with sliders: what moves when one moves them, and what is left where nobody can."""

import re
import sys
from base64 import b64decode
from types import ModuleType

import cv2
import keras
import nbformat
import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from helpers import augment, checks, colab, drawings, evaluate, explore, images, transfer
from helpers.course import lessons
from helpers.plots import interactive
from helpers.runtime import COURSE_FOLDER

CATS_DOGS = np.array(["cat", "cat", "cat", "dog", "dog", "dog"])
P_DOG = np.array([0.105, 0.405, 0.705, 0.305, 0.605, 0.905])
PROBABILITIES = np.column_stack([1 - P_DOG, P_DOG])


@pytest.fixture
def live(monkeypatch):
    """Someone sits in front of the notebook."""
    monkeypatch.delenv("COURSE_QUIET")


@pytest.fixture
def card():
    return drawings.test_card(96)


def controls(box):
    return {control.description: control for control in box.children[:-1]}


def picture(box):
    """Return the picture's bytes and its alternative text."""
    source, alt = re.search(
        r'src="data:image/png;base64,([^"]+)" alt="([^"]+)"', box.children[-1].value
    ).groups()
    return b64decode(source), alt


def test_what_is_saved_is_a_still_figure_the_same_each_time(card):
    content, metadata = explore.augmentation(card)._repr_mimebundle_()
    assert set(content) == {"image/png", "text/plain"}
    assert content["text/plain"].startswith("Figure: 80% kept, turned 15°, brightness × 1.20")
    assert content["text/plain"] == f"Figure: {metadata['image/png']['alt']}"
    assert explore.augmentation(card)._repr_mimebundle_() == (content, metadata)


def test_live_it_is_a_widget_that_can_fall_back_on_the_still_figure(live, card):
    content, metadata = explore.augmentation(card)._repr_mimebundle_()
    assert set(content) == {"image/png", "text/plain", interactive.WIDGET_VIEW}
    assert content[interactive.WIDGET_VIEW]["model_id"] and metadata["image/png"]["alt"]


def test_on_colab_the_widget_has_no_picture_beside_it(live, card, monkeypatch):
    monkeypatch.setitem(sys.modules, "google", ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    content, _ = explore.augmentation(card)._repr_mimebundle_()
    assert set(content) == {"text/plain", interactive.WIDGET_VIEW}


@pytest.mark.parametrize(
    "label, value, said",
    [
        ("zoom (share kept)", 0.5, "50% kept"),
        ("rotation (degrees)", -40, "turned -40°"),
        ("brightness (factor)", 0.4, "brightness × 0.40"),
        ("flip", True, "flipped"),
    ],
)
def test_the_picture_follows_every_control(card, label, value, said):
    box = explore.augmentation(card).widget()
    before, alt_before = picture(box)
    controls(box)[label].value = value
    after, alt_after = picture(box)
    assert before != after and said not in alt_before and said in alt_after
    assert after.startswith(b"\x89PNG")


def test_it_begins_where_it_is_told_to(card, monkeypatch):
    seen = []
    monkeypatch.setattr(augment, "apply", lambda image, parameters: seen.append(parameters) or image)
    explore.augmentation(card, zoom=0.6, angle=-20, brightness=0.9, flip=True).still()
    assert seen == [augment.Parameters(zoom=0.6, angle=-20, brightness=0.9, flip=True)]


def test_confusion_and_cost_follow_the_threshold():
    box = explore.threshold(PROBABILITIES, CATS_DOGS, ("cat", "dog"), costs=(1, 5)).widget()
    assert "1 of true class cat predicted as dog, 1 of true class dog predicted as cat" in picture(box)[1]
    assert ": 6 here" in picture(box)[1]
    controls(box)["dog from p(dog) ="].value = 0.25
    _, alt = picture(box)
    assert "at threshold 0.25" in alt
    assert "2 of true class cat predicted as dog, 0 of true class dog predicted as cat" in alt
    assert alt.endswith("2 here, and least between 0.11 and 0.30, 2.")


def test_what_a_mistake_costs_moves_the_cheapest_threshold():
    box = explore.threshold(PROBABILITIES, CATS_DOGS, ("cat", "dog")).widget()
    assert picture(box)[1].endswith("2 here, and least between 0.11 and 0.90, 2.")
    controls(box)["cat taken for dog costs"].value = 20
    assert picture(box)[1].endswith("21 here, and least between 0.71 and 0.90, 2.")


@pytest.mark.parametrize("at, first_row, second_row", [(0.0, (0, 3), (0, 3)), (1.0, (3, 0), (3, 0))])
def test_at_the_ends_everything_is_one_class(at, first_row, second_row):
    alt = explore.threshold(PROBABILITIES, CATS_DOGS, ("cat", "dog"), threshold=at).still().alt_text
    counts = tuple(map(int, re.findall(r"(\d+) of true class", alt)))
    assert counts == (*first_row, *second_row)


@pytest.mark.parametrize(
    "probabilities, labels, classes, complaint",
    [
        (PROBABILITIES, CATS_DOGS, ("cat", "dog", "cow"), "Give the 2 different names"),
        (PROBABILITIES, CATS_DOGS[:4], ("cat", "dog"), "probabilities has 6 and labels has 4 rows"),
        (np.empty((0, 2)), [], ("cat", "dog"), "labels is empty: 0 pictures"),
        (PROBABILITIES, CATS_DOGS, ("cat", "cow"), "labels has 'dog', which is none of"),
    ],
)
def test_what_makes_no_sense_is_refused(probabilities, labels, classes, complaint):
    with pytest.raises(ValueError, match=complaint):
        explore.threshold(probabilities, labels, classes)


@pytest.mark.slow
def test_a_lesson_is_saved_with_the_still_figure_and_no_widget(live, tmp_path):
    source = (
        f"import sys; sys.path.insert(0, {str(COURSE_FOLDER)!r})\n"
        "from helpers import drawings, explore\n"
        "explore.augmentation(drawings.test_card(96))"
    )
    path = tmp_path / "01_first.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(source)]), path)
    notebook = lessons.publishable(lessons.execute(path))
    (output,) = notebook.cells[0].outputs
    assert set(output.data) == {"image/png", "text/plain"} and output.metadata["image/png"]["alt"]
    assert "widgets" not in notebook.metadata


# --- a photo of one's own ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model():
    pictures = keras.Input((32, 32, 3))
    base = keras.Model(pictures, keras.layers.Conv2D(8, 3, strides=8, name="conv")(pictures), name="small")
    return transfer.build_classifier(base, ("cat", "dog"))


def png(seed: int, size: int = 48) -> bytes:
    return cv2.imencode(".png", drawings.draw_pet("cat", seed, size)[:, :, ::-1])[1].tobytes()


def press(box, content: bytes, version: int) -> None:
    """Choose a file, as ipywidgets of this version tells the kernel of it."""
    button, file = box.children[0], {"name": "rex.jpg", "content": content}
    value = {"rex.jpg": file} if version == 7 else (file,)
    button.notify_change({"name": "value", "old": (), "new": value, "owner": button, "type": "change"})


def test_until_a_photo_is_chosen_a_drawn_dog_stands_in(model):
    shown = explore.own_photo(model)
    assert "bars: " in shown.still().alt_text
    box = shown.widget()
    assert box.children[0].description == "Choose a photo" and box.children[0].accept == "image/*"
    assert picture(box)[1] == shown.still().alt_text


@pytest.mark.parametrize("version", [7, 8])
def test_a_chosen_photo_is_shown_at_once(model, version, tmp_path):
    box = explore.own_photo(model).widget()
    before = picture(box)
    press(box, memoryview(png(5)), version)
    after = picture(box)
    assert after != before
    (tmp_path / "rex.png").write_bytes(png(5))
    first = evaluate.predict_photo(model, tmp_path / "rex.png")
    assert f"{first.index[0]} {first.iloc[0]:.2f}" in after[1]
    press(box, png(6), version)
    assert picture(box) != after


def test_what_is_no_picture_is_said_and_the_next_one_is_shown(model):
    box = explore.own_photo(model).widget()
    press(box, b"no picture", 8)
    assert 'role="alert"' in box.children[-1].value and "This file" in box.children[-1].value
    assert "/" not in re.sub(r"</p>", "", box.children[-1].value), "the path of a passing file says nothing"
    press(box, png(5), 8)
    assert picture(box)[0].startswith(b"\x89PNG")


def test_nothing_chosen_changes_nothing(model):
    box = explore.own_photo(model).widget()
    before = picture(box)
    for version, value in ((7, {}), (8, ())):
        button = box.children[0]
        button.notify_change({"name": "value", "old": (), "new": value, "owner": button, "type": "change"})
        assert picture(box) == before, version


def test_on_colab_the_cell_asks_for_an_upload(model, monkeypatch, live, tmp_path):
    (tmp_path / "rex.png").write_bytes(png(5))
    monkeypatch.setattr(colab, "is_colab", lambda: True)
    monkeypatch.setattr(colab, "own_photo", lambda path: tmp_path / "rex.png")
    figure = explore.own_photo(model)
    assert isinstance(figure, explore.DescribedFigure) and "bars: " in figure.alt_text


def test_with_a_path_there_is_nothing_to_press(model, tmp_path):
    (tmp_path / "rex.png").write_bytes(png(5))
    assert isinstance(explore.own_photo(model, tmp_path / "rex.png"), explore.DescribedFigure)
    with pytest.raises(checks.MissingFile, match="no file"):
        explore.own_photo(model, tmp_path / "bello.png")
    with pytest.raises(images.UnreadableImage):
        (tmp_path / "rex.png").write_bytes(b"no picture")
        explore.own_photo(model, tmp_path / "rex.png")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"dog": 0.98, "cat": 0.02}, "dog: 0.98."),
        ({"dog": 0.89, "cat": 0.11}, "Not sure: dog 0.89, cat 0.11."),
        ({"crow": 0.5, "robin": 0.3, "wren": 0.2}, "Not sure: crow 0.50, robin 0.30, wren 0.20."),
    ],
)
def test_neither_where_the_answer_is_unsure(values, said):
    figure = explore.plots.answer(
        np.full((32, 32, 3), 128, np.uint8), np.ones((2, 2)), pd.Series(values), sure=0.9
    )
    assert figure.alt_text.startswith(said)
    assert figure.get_suptitle() == said.rstrip(".")


def test_from_where_on_an_answer_counts_is_a_probability(model):
    with pytest.raises(checks.CourseError, match="sure is 90. Give a number from 0 to 1"):
        explore.own_photo(model, sure=90)
