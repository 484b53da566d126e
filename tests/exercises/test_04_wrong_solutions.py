"""Lesson 4's exercises: what readers write when they go wrong is refused with a hint that fits."""

import numpy as np
import pytest
from wrong_solutions import is_refused

from helpers.exercises import check_diagnosis, check_preprocess, check_trainable_weights


def numbers(pixels):
    return np.asarray(pixels, float)


def stretched_by_the_whole_range(pixels):
    low, high = numbers(pixels).min(), numbers(pixels).max()
    return (numbers(pixels) - low) / (high - low) * 2 - 1


def by_its_own_range_if_8_bit(pixels):
    return pixels / 127.5 - 1 if pixels.dtype == float else stretched_by_the_whole_range(pixels)


PREPROCESS = [
    ("from 0 to 1", lambda p: p / 255, "From 0 to 1"),
    ("half as wide", lambda p: p / 255 - 0.5, "half as wide"),
    ("from 0 to 2", lambda p: p / 127.5, "0 to 2, and not yet centred"),
    ("eight bits wrap", lambda p: p * 2 / 255 - 1, "does not fit into 8 bits"),
    ("eight bits wrap, otherwise written", lambda p: 2 * p / 255 - 1, "does not fit into 8 bits"),
    ("z-score", lambda p: (p - p.mean()) / p.std(), "A z-score"),
    ("own darkest and brightest", stretched_by_the_whole_range, "own darkest or brightest pixel"),
    ("own brightest", lambda p: 2 * (numbers(p) / p.max()) - 1, "own darkest or brightest pixel"),
    (
        "own range, in 8 bits",
        lambda p: 2 * (p - p.min()) / (p.max() - p.min()) - 1,
        "own darkest or brightest",
    ),
    ("own brightest, in 8 bits", lambda p: 2 * p / p.max() - 1, "own darkest or brightest pixel"),
    ("own range for 8 bits alone", by_its_own_range_if_8_bit, "own darkest or brightest pixel"),
    ("turned round", lambda p: 1 - p / 127.5, "Turned round"),
    ("by 128", lambda p: p / 128 - 1, "a little below 1"),
    ("unless dark", lambda p: p / 127.5 - 1 if p.max() > 1 else p, "A dark picture is mistaken"),
    (
        "dark ones from 0 to 1",
        lambda p: (p / 255 if p.max() > 1 else p) * 2.0 - 1,
        "A dark picture is mistaken",
    ),
    ("8 bits alone", lambda p: p / 127.5 - 1 if p.dtype == np.uint8 else p, "What becomes of 0, of 255"),
    ("whole numbers", lambda p: p // 127.5 - 1, "what comes behind the point"),
    ("rounded", lambda p: np.round(p / 127.5 - 1), "What lies between them is lost"),
    ("the example alone", lambda p: np.array([-1.0, -0.6, 0.0, 1.0]), "What becomes of 0, of 255"),
    ("unchanged", lambda p: p, "What becomes of 0, of 255"),
]


def right(channels, places, outputs, pooling):
    return (channels * (places if pooling == "flatten" else 1) + 1) * outputs


WEIGHTS = [
    ("no bias", lambda c, p, o, how: right(c, p, o, how) - o, "each output has a bias"),
    ("one bias", lambda c, p, o, how: right(c, p, o, how) - o + 1, "How many biases have three outputs"),
    ("always averaged", lambda c, p, o, how: (c + 1) * o, "What does Flatten hand to the head"),
    ("always flattened", lambda c, p, o, how: (c * p + 1) * o, "after average pooling"),
    (
        "poolings swapped",
        lambda c, p, o, how: right(c, p, o, "average" if how == "flatten" else "flatten"),
        "The two poolings are swapped",
    ),
    (
        "channels and places swapped",
        lambda c, p, o, how: right(p, c, o, how),
        "Places and channels are swapped",
    ),
    ("outputs forgotten", lambda c, p, o, how: right(c, p, 1, how), "Each further output"),
    ("places squared", lambda c, p, o, how: right(c, p**2, o, how), "49 for 7 × 7"),
    ("a bias for each channel", lambda c, p, o, how: right(c, p, o, how) - o + c, "How many numbers enter"),
    ("hard-coded", lambda *_: 1281, "How many numbers enter the head"),
    (
        "the first case alone",
        lambda c, p, o, how: 1025 if c == 1024 else 0,
        "How many numbers enter the head",
    ),
    ("divided by places", lambda c, p, o, how: (c / p + 1) * o, "How many numbers enter the head"),
    ("as text", lambda *given: f"{right(*given):,}", "How many numbers enter the head"),
]

CAUSES = dict(check_diagnosis.right)
DIAGNOSIS = [
    ("all overfit", dict.fromkeys("ABCD", "overfitting"), "1 of 4. B: there is no gap"),
    ("all imbalanced", dict.fromkeys("ABCD", "imbalanced classes"), "1 of 4. A: its classes are even"),
    ("all too small", dict.fromkeys("ABCD", "learning rate too small"), "A: this model learnt"),
    ("all too large", dict.fromkeys("ABCD", "learning rate too large"), "A: this model learnt"),
    ("rates swapped", CAUSES | {"B": CAUSES["D"], "D": CAUSES["B"]}, "B: the loss falls in every epoch"),
    ("A and C swapped", CAUSES | {"A": CAUSES["C"], "C": CAUSES["A"]}, "A: its classes are even"),
    ("C overfits", CAUSES | {"C": "overfitting"}, "C: training and validation agree"),
    ("C learns too slowly", CAUSES | {"C": CAUSES["B"]}, "the share of the larger class"),
    ("D overfits", CAUSES | {"D": "overfitting"}, "D: the training loss itself is bad"),
    ("B overfits", CAUSES | {"B": "overfitting"}, "B: there is no gap"),
    ("a word of one's own", CAUSES | {"D": "rate too large"}, "is no choice here"),
    ("one left out", {"A": "overfitting"}, "with the keys A, B, C, D"),
]


@pytest.mark.parametrize(
    "check, answer, hint",
    [
        *(pytest.param(check_preprocess, answer, hint, id=name) for name, answer, hint in PREPROCESS),
        *(pytest.param(check_trainable_weights, answer, hint, id=name) for name, answer, hint in WEIGHTS),
        *(
            pytest.param(check_diagnosis, lambda causes=causes: causes, hint, id=name)
            for name, causes, hint in DIAGNOSIS
        ),
    ],
)
def test_a_wrong_solution_is_refused_with_a_hint_that_fits(check, answer, hint):
    is_refused(check, answer, hint)


@pytest.mark.parametrize(
    "check, answer",
    [
        (check_preprocess, lambda p: (p.astype("float32") - 127.5) / 127.5),
        (check_preprocess, lambda p: p / 255 * 2 - 1),
        (check_preprocess, lambda p: np.interp(p, (0, 255), (-1, 1))),
        (check_trainable_weights, lambda c, p, o, how: {"flatten": c * p, "average": c}[how] * o + o),
        (check_trainable_weights, lambda c, p, o, how: sum(c * p**(how == "flatten") + 1 for _ in range(o))),
        (check_trainable_weights, lambda c, p, o, how: np.zeros((right(c, p, 1, how), o)).size),
        (check_diagnosis, lambda: dict(reversed(CAUSES.items()))),
        (check_diagnosis, lambda: {thing: str(cause) for thing, cause in CAUSES.items()}),
        (check_diagnosis, lambda: dict(zip("ABCD", CAUSES.values()))),
    ],
)  # fmt: skip
def test_a_right_solution_in_another_form_is_accepted(check, answer, capsys):
    check(answer)
    assert capsys.readouterr().out.startswith("Right. ")
