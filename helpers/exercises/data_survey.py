"""Lesson 1: class weights, an accuracy that no rare class can hide from, a limit for near-duplicates."""

from collections import Counter

import numpy as np

from .. import splits
from .checking import Check, Slip


def _recalls(truth: list[str], predicted: list[str]) -> list[float]:
    truth, predicted = np.array(truth), np.array(predicted)
    return [float(np.mean(predicted[truth == label] == label)) for label in np.unique(truth)]


check_class_weights = Check(
    right=splits.class_weights,
    cases=((["cat"] * 6 + ["dog"] * 2,), (["a"] * 6 + ["b"] * 3 + ["c"],)),
    slips=(
        Slip(
            lambda labels: {label: len(labels) / n for label, n in Counter[str](labels).items()},
            "The classes weigh the same against each other, but every weight is too large, "
            "by the same factor. Which number of the formula is missing?",
        ),
        Slip(
            lambda labels: {label: n / len(labels) for label, n in Counter[str](labels).items()},
            "These are the shares of the classes: the frequent class weighs most. "
            "On which class should a mistake cost more?",
        ),
        Slip(
            lambda labels: {label: 1 / n for label, n in Counter[str](labels).items()},
            "Their ratio is right, their size is not. Add up the weights of all images: "
            "the sum should be the number of images, as if each weighed 1.",
        ),
    ),
    why="However rare a class is, its images together weigh as much as any other class's, "
    "and the average image weighs 1.",
    otherwise="Count each class first; then put n, the number of classes and the count into the formula.",
)

check_balanced_accuracy = Check(
    right=lambda truth, predicted: float(np.mean(_recalls(truth, predicted))),
    cases=(
        (["cat"] * 8 + ["dog"] * 2, ["cat"] * 6 + ["dog"] * 3 + ["cat"]),
        (list("aaaabbc"), list("aaabbac")),
    ),
    slips=(
        Slip(
            lambda truth, predicted: float(np.mean(np.array(truth) == np.array(predicted))),
            "That is the plain accuracy, in which every image counts the same. "
            "Here every class should count the same, however few images it has.",
        ),
        Slip(
            lambda truth, predicted: float(np.mean(_recalls(predicted, truth))),
            "You divide by how often each class was predicted. "
            "Recall starts from the images that are of a class: which share of them was found?",
        ),
        Slip(
            lambda truth, predicted: _recalls(truth, predicted)[-1],
            "That is the recall of one class. The others have one too.",
        ),
    ),
    why="Each class has one vote. Whoever always gives the same answer has a recall of 1 in one class "
    "and of 0 in all others.",
    otherwise="Compute the recall of each class by itself, and look at those before you take the mean.",
)


def _choose_limit(distances: np.ndarray, is_copy: np.ndarray) -> float:
    return float(distances[is_copy & (distances < distances[~is_copy].min())].max())


check_choose_limit = Check(
    right=_choose_limit,
    cases=(
        (np.array([0.01, 0.03, 0.05, 0.09, 0.12, 0.2]), np.array([1, 1, 1, 0, 1, 0], bool)),
        (np.array([0.3, 0.02, 0.4, 0.25, 0.06]), np.array([0, 1, 1, 0, 1], bool)),
    ),
    slips=(
        Slip(
            lambda distances, is_copy: distances[is_copy].max(),
            "This limit misses no copy, but it lets in pairs that are none: false alarms. "
            "Which pairs lie below it?",
        ),
        Slip(
            lambda distances, is_copy: distances[~is_copy].min(),
            "A pair at the limit itself is reported. What kind of pair lies at yours?",
        ),
        Slip(
            lambda distances, is_copy: distances[is_copy].min(),
            "No false alarm, but most copies are missed. How far can the limit go up before the first one?",
        ),
    ),
    why="As many copies as possible, and no false alarm. The copies that lie further away are missed: "
    "that is the price.",
    otherwise="Find the first false alarm from below, then the last copy before it.",
)
