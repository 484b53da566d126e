"""Drawn pets and birds: repeatable, varied, and told apart; pets by shape alone."""

import time

import cv2
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import drawings


@pytest.fixture(scope="module")
def pets():
    return np.stack([drawings.draw_pet(drawings.LABELS[seed % 2], seed, size=128) for seed in range(400)])


@pytest.fixture(scope="module")
def labels(pets):
    return np.arange(len(pets)) % 2


def accuracy(inputs, labels):
    """Return the 5-fold accuracy of a linear classifier."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e-2, max_iter=1000))
    return cross_val_score(model, inputs, labels, cv=5).mean()


def edges(pet):
    """Return how much edge of each of four directions lies in each of 16 x 16 places."""
    grey = cv2.GaussianBlur(cv2.cvtColor(pet, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1)
    strength, angle = cv2.cartToPolar(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    direction = (angle / np.pi * 4).astype(int) % 4
    maps = [np.where(direction == k, strength, 0) for k in range(4)]
    return np.sqrt([cv2.resize(one, (16, 16), interpolation=cv2.INTER_AREA) for one in maps]).ravel()


@pytest.mark.parametrize("size", [16, 224, 256])
def test_shape_and_range(size):
    pet = drawings.draw_pet("dog", seed=5, size=size)
    assert pet.shape == (size, size, 3)
    assert pet.dtype == np.uint8
    assert pet.std() > 20


def test_same_seed_same_picture():
    assert np.array_equal(drawings.draw_pet("cat", 11), drawings.draw_pet("cat", 11))


@pytest.mark.slow
def test_all_pictures_differ(pets):
    assert len({pet.tobytes() for pet in pets}) == len(pets)


def test_other_labels_are_refused():
    with pytest.raises(ValueError, match="label is 'bird'. Choose one of cat, dog"):
        drawings.draw_pet("bird", 0)


@pytest.mark.slow
def test_colour_does_not_tell_the_label(pets, labels):
    colours = np.hstack([pets.mean(axis=(1, 2)), pets.std(axis=(1, 2))])
    assert accuracy(colours, labels) < 0.6


@pytest.mark.slow
def test_shape_tells_the_label(pets, labels):
    assert accuracy(np.stack([edges(pet) for pet in pets]), labels) > 0.95


@pytest.mark.parametrize("size", [16, 224])
def test_birds_have_shape_and_range_and_are_repeatable(size):
    birds = {label: drawings.draw_bird(label, seed=5, size=size) for label in drawings.BIRDS}
    for label, bird in birds.items():
        assert bird.shape == (size, size, 3) and bird.dtype == np.uint8 and bird.std() > 20
        assert np.array_equal(bird, drawings.draw_bird(label, seed=5, size=size))
    assert len({bird.tobytes() for bird in birds.values()}) == 3


def test_other_birds_are_refused():
    with pytest.raises(ValueError, match="label is 'cat'. Choose one of crow, robin, sparrow"):
        drawings.draw_bird("cat", 0)


@pytest.mark.slow
def test_the_bird_tells_its_class_and_what_is_round_it_does_not():
    """One in three would be right by chance."""
    numbers = np.arange(300) % 3
    birds = np.stack([drawings.draw_bird(list(drawings.BIRDS)[n], i, 128) for i, n in enumerate(numbers)])
    assert len({bird.tobytes() for bird in birds}) == len(birds)
    top = birds[:, :16].reshape(300, -1, 3)
    assert accuracy(np.hstack([top.mean(axis=1), top.std(axis=1)]), numbers) < 0.42
    assert accuracy(np.stack([edges(bird) for bird in birds]), numbers) > 0.46


def test_drawing_is_fast():
    times = []
    for seed in range(30):
        start = time.thread_time()
        drawings.draw_pet("cat", seed)
        times.append(time.thread_time() - start)
    assert np.median(times) < 0.04  # about 0.008 s on an idle core


@pytest.mark.parametrize("size", [64, 224])
def test_card_shows_every_change(size):
    card = drawings.test_card(size)
    assert card.shape == (size, size, 3)
    assert card.dtype == np.uint8
    for changed in (card[:, ::-1], card[::-1], np.rot90(card), np.rot90(card, 2)):
        assert np.abs(changed.astype(int) - card).mean() > 10
    corners = {tuple(card[row, column]) for row in (2, -3) for column in (2, -3)}
    assert len(corners) == 4
