"""Lesson 2: counts of a stratified test set, a leak, a test set large enough."""

import math

import pandas as pd

from .checking import Check, Slip

check_stratified_counts = Check(
    right=lambda counts, share: {label: round(n * share) for label, n in counts.items()},
    cases=(
        ({"cat": 700, "dog": 35}, 0.2),
        ({"cat": 48, "dog": 33, "bird": 11}, 0.1),
    ),
    slips=(
        Slip(
            lambda counts, share: {
                label: round(sum(counts.values()) * share / len(counts)) for label in counts
            },
            "Every class has the same number. A test set that is stratified has the mix of the whole: "
            "few of a class that is rare.",
        ),
        Slip(
            lambda counts, share: {label: int(n * share) for label, n in counts.items()},
            "Almost: the decimals are cut off. 4.8 images are nearer to 5 than to 4.",
        ),
        Slip(
            lambda counts, share: {label: round(n * (1 - share)) for label, n in counts.items()},
            "These are the counts of what is left to train on.",
        ),
    ),
    why="Each class was divided by itself, so its share in the test set is its share in the whole, "
    "up to rounding.",
    otherwise="Take the classes one by one: this share of its count, rounded to whole images.",
)


def _leaked(train: pd.DataFrame, test: pd.DataFrame) -> set[str]:
    return set(test.path[test.group.isin(train.group)])


def _part(**path_and_group: int) -> pd.DataFrame:
    return pd.DataFrame({"path": list(path_and_group), "group": list(path_and_group.values())})


check_leaked = Check(
    right=_leaked,
    cases=(
        (_part(rex=1, tom=2, tom_brighter=2, felix=3), _part(rex_cut=1, mia=4, felix_small=3)),
        (_part(a=10, b=20, c=30), _part(d=30, e=30, f=50, g=50)),
    ),
    slips=(
        Slip(
            lambda train, test: set(test.path[test.path.isin(train.path)]),
            "Nothing is found, because you compare names. A copy is another file with another name: "
            "what does it share with its original?",
        ),
        Slip(
            lambda train, test: _leaked(test, train),
            "These are the pictures in training. It is the test that no longer means anything: "
            "which of its pictures must go?",
        ),
        Slip(
            lambda train, test: set(test.group[test.group.isin(train.group)]),
            "These are the right groups. Asked for are the paths of their pictures in the test part.",
        ),
    ),
    why="A picture leaks if any of its group is in training, whatever the files are called.",
    otherwise="For each row of `test`: does its `group` occur in `train`?",
)


def _photos_needed(accuracy: float, half_width: float, z: float = 1.96) -> int:
    return math.ceil(z**2 * accuracy * (1 - accuracy) / half_width**2)


check_photos_needed = Check(
    right=_photos_needed,
    cases=((0.8, 0.02), (0.99, 0.01)),
    slips=(
        Slip(
            lambda accuracy, half_width: _photos_needed(accuracy, half_width, z=1),
            "That is one standard deviation, within which two results in three lie. "
            "For 95 in 100 it takes 1.96 of them.",
        ),
        Slip(
            lambda accuracy, half_width: _photos_needed(accuracy, half_width / 2),
            "Too many, by a factor of 4: `half_width` goes to either side already.",
        ),
        Slip(
            lambda accuracy, half_width: math.ceil(1.96 * accuracy * (1 - accuracy) / half_width),
            "The root is gone. To get at what stands under it, square both sides, all of both.",
        ),
        Slip(
            lambda accuracy, half_width: _photos_needed(accuracy, half_width) - 1,
            "One photo short: rounded down, the interval is a little wider than asked for.",
        ),
    ),
    why="n grows with the square: half the width takes four times the photos.",
    otherwise="Put your n into the formula: does the half width come out as asked?",
)
