"""Figures of lesson 6: each is one described figure whose title follows from its data."""

from dataclasses import fields

import pandas as pd
import pytest

from helpers import strategies
from helpers.plots import strategies as figures


@pytest.fixture
def grid() -> pd.DataFrame:
    accuracies = {"head only": 0.9, "fine-tune": 0.94, "from scratch": 0.6}
    return pd.DataFrame(
        [
            (name, domain, n, seed, accuracy + 0.01 * seed, 0.3, 1000, 2.0 + place, n * 20)
            for domain in (strategies.PHOTOS, strategies.DIGITS)
            for n in (40, 640)
            for place, (name, accuracy) in enumerate(accuracies.items())
            for seed in range(2)
        ],
        columns=[field.name for field in fields(strategies.Cell)],
    )


def test_four_boxes(grid):
    figure = figures.four_boxes(strategies.summarise(grid), strategies.verdicts(grid))
    assert len(figure.axes) == 4
    assert "1 × agrees" in figure.get_suptitle()
    assert "disagreed: fine-tune leads by 0.34" in figure.axes[3].get_title(loc="left")
    assert "tutorial says from scratch, disagreed: fine-tune" in figure.alt_text


def test_accuracy_by_size(grid):
    figure = figures.accuracy_by_size(grid)
    assert [axis.get_title() for axis in figure.axes] == [
        "dogs and cats:\nfine-tune leads",
        "digits:\nfine-tune leads",
    ]
    assert figure.alt_text


def test_accuracy_by_seconds(grid):
    figure = figures.accuracy_by_seconds(strategies.summarise(grid))
    assert figure.axes[0].get_xscale() == "log"
    assert figure.axes[0].get_title() == "dogs and cats: fine-tune is best, head only cheapest"
    assert figure.alt_text


def test_models_a():
    scores = pd.DataFrame(
        {"model_a": ["nothing learnt"] * 2 + ["photos"] * 2, "accuracy": [0.5, 0.6, 0.9, 0.8]}
    )
    figure = figures.models_a(scores, chance=0.2)
    assert figure.axes[0].get_title() == "1 of 2 models A are within the spread of the best"
    assert "2 different models" in figure.alt_text
