"""What must hold for any split and any augmentation, on cases that a computer thinks up."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as some

from helpers import augment, checks, datasets, splits

SETTINGS = settings(max_examples=200, deadline=None, derandomize=True)

counts = some.lists(some.integers(1, 40), min_size=1, max_size=5)
shares = some.lists(some.integers(1, 20), min_size=2, max_size=5).map(
    lambda parts: [p / sum(parts) for p in parts]
)
seeds = some.integers(0, 2**40)


def table(counts):
    rows = [
        (f"{label}.{i}.jpg", f"class {label}") for label, count in enumerate(counts) for i in range(count)
    ]
    return pd.DataFrame(rows, columns=["path", "label"])


# --- splits ---------------------------------------------------------------------------------------------


@pytest.mark.slow
@SETTINGS
@given(counts=counts, fractions=shares, seed=seeds)
def test_a_split_divides_every_class_by_its_share_or_says_what_is_missing(counts, fractions, seed):
    data = table(counts)
    try:
        parts = splits.split(data, fractions, seed, groups=range(len(data)))
    except checks.CourseError as error:
        needed = splits._fewest(fractions)
        assert min(counts) < needed and f"needs {needed}" in str(error)
        return
    assert sorted(index for part in parts for index in part.index) == list(range(len(data)))
    for part, fraction in zip(parts, fractions, strict=True):
        held = part.label.value_counts()
        assert len(held) == len(counts)
        for label, count in enumerate(counts):
            assert abs(held[f"class {label}"] - fraction * count) <= 1
    again = splits.split(data, fractions, seed, groups=range(len(data)))
    assert all(one.equals(other) for one, other in zip(parts, again, strict=True))


@pytest.mark.slow
@SETTINGS
@given(counts=counts, fractions=shares, seed=seeds, data=some.data())
def test_no_group_is_ever_divided(counts, fractions, seed, data):
    assume(min(counts) >= splits._fewest(fractions))
    rows = table(counts)
    groups = data.draw(some.lists(some.integers(0, 12), min_size=len(rows), max_size=len(rows)))
    try:
        parts = splits.split(rows, fractions, seed, groups=groups)
    except checks.CourseError as error:
        assert "a part would hold no picture of class" in str(error) and len(set(groups)) < len(rows)
        return
    assert all(set(part.label) == set(rows.label) for part in parts)
    assert sorted(index for part in parts for index in part.index) == list(range(len(rows)))
    members = [{groups[index] for index in part.index} for part in parts]
    assert sum(map(len, members)) == len(set().union(*members))


@pytest.mark.slow
@SETTINGS
@given(counts=counts)
def test_class_weights_even_classes_out(counts):
    data = table(counts)
    weights = splits.class_weights(data.label)
    totals = [weights[label] * count for label, count in data.label.value_counts().items()]
    assert np.allclose(totals, len(data) / len(counts))


@SETTINGS
@given(names=some.lists(some.text(), max_size=12))
def test_natural_order_takes_any_name(names):
    ordered = sorted(names, key=datasets._natural)
    assert sorted(ordered) == sorted(names)
    assert sorted(["cat.10", "cat.9", "cat.2"], key=datasets._natural) == ["cat.2", "cat.9", "cat.10"]


# --- augmentation -----------------------------------------------------------------------------------------


@some.composite
def augmenters(draw):
    low, high = sorted((draw(some.floats(0.05, 1)), draw(some.floats(0.05, 1))))
    dark, bright = sorted((draw(some.floats(0, 3)), draw(some.floats(0, 3))))
    return augment.Augmenter((low, high), draw(some.floats(0, 180)), (dark, bright), draw(some.booleans()))


sizes = some.integers(1, 70)


@SETTINGS
@given(change=augmenters(), height=sizes, width=sizes, image_size=some.none() | sizes, seed=seeds)
def test_any_augmentation_of_any_picture(change, height, width, image_size, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    before = image.copy()
    changed = change(image, np.random.default_rng(seed), image_size)
    assert changed.dtype == np.uint8
    assert changed.shape == ((height, width, 3) if image_size is None else (image_size, image_size, 3))
    assert np.array_equal(image, before), "the original is left alone"
    assert np.array_equal(changed, change(image, np.random.default_rng(seed), image_size))
    drawn = change.parameters(np.random.default_rng(seed))
    assert change.zoom_range[0] - 1e-9 <= drawn.zoom <= change.zoom_range[1] + 1e-9
    assert abs(drawn.angle) <= change.rotation
    assert 0 <= drawn.across <= 1 and 0 <= drawn.down <= 1


@SETTINGS
@given(value=some.integers(0, 255), change=augmenters(), height=sizes, width=sizes, seed=seeds)
def test_a_picture_of_one_colour_keeps_one_colour(value, change, height, width, seed):
    """No black corners, no seam: whatever geometry does, only brightness changes the value."""
    image = np.full((height, width, 3), value, np.uint8)
    brightness = change.parameters(np.random.default_rng(seed)).brightness
    changed = change(image, np.random.default_rng(seed), 24)
    assert np.abs(changed.astype(float) - min(255, value * brightness)).max() <= 1


@SETTINGS
@given(change=augmenters(), seed=seeds)
def test_the_matrix_keeps_areas_in_proportion(change, seed):
    drawn = change.parameters(np.random.default_rng(seed))
    matrix = augment.affine_matrix((80, 60), (40, 40), drawn)
    scale = 40 / (60 * drawn.zoom)  # the shorter side's kept part fills the frame
    assert np.isclose(abs(np.linalg.det(matrix[:, :2])), scale**2)
    assert (np.linalg.det(matrix[:, :2]) < 0) == drawn.flip
