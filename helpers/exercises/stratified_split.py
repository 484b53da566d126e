"""Lesson 2: an accuracy that may be reported, a leak, a test set large enough."""

import math

import pandas as pd

from .checking import Check, Slip


def _runs(index: list[int], *rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, index, columns=["model", "epoch", "train", "validation", "test"])


def _chosen(runs: pd.DataFrame) -> pd.Series:
    return runs.loc[runs.validation.idxmax()]


check_accuracy_to_report = Check(
    right=lambda runs: _chosen(runs).test,
    cases=(
        (
            _runs(
                [0, 1, 2, 3, 4, 5],
                ("a", 1, 0.70, 0.68, 0.66),
                ("a", 2, 0.80, 0.74, 0.76),
                ("a", 3, 0.95, 0.72, 0.75),
                ("b", 1, 0.72, 0.70, 0.77),
                ("b", 2, 0.78, 0.76, 0.73),
                ("b", 3, 0.85, 0.73, 0.74),
            ),
        ),
        (
            _runs(
                [3, 0, 1, 4, 5, 2],
                ("c", 1, 0.60, 0.61, 0.60),
                ("c", 2, 0.75, 0.78, 0.80),
                ("c", 3, 0.85, 0.79, 0.78),
                ("d", 1, 0.65, 0.66, 0.72),
                ("d", 2, 0.90, 0.74, 0.83),
                ("d", 3, 0.99, 0.77, 0.77),
            ),
        ),
        (
            _runs(  # the winner's model is worse on the whole, and so is its epoch
                [2, 5, 0, 1, 3, 4],
                ("e", 1, 0.60, 0.50, 0.58),
                ("e", 2, 0.83, 0.82, 0.70),
                ("e", 3, 0.90, 0.70, 0.62),
                ("f", 1, 0.70, 0.75, 0.54),
                ("f", 2, 0.80, 0.60, 0.79),
                ("f", 3, 0.92, 0.78, 0.88),
            ),
        ),
    ),
    slips=(
        Slip(
            lambda runs: runs.test.max(),
            "This is the best of many test accuracies. The test set has made the choice, "
            "so its score can no longer judge it.",
        ),
        Slip(
            lambda runs: runs.validation.max(),
            "The right row is chosen. But this score made the choice, and is flattered by it: "
            "which part has played no role so far?",
        ),
        Slip(
            lambda runs: runs.test[runs.train.idxmax()],
            "Here the training accuracy chooses. Who wins then, if one model learns its photos by heart?",
        ),
        Slip(
            lambda runs: runs.test.iloc[-1],
            "This is the last row, whatever its scores. Model and number of epochs are both to be chosen.",
        ),
        Slip(
            lambda runs: runs.groupby("model").last().sort_values("validation").test.iloc[-1],
            "Only the last epochs are compared. After how many epochs to stop is a choice, too.",
        ),
        Slip(
            lambda runs: runs.test[runs.model == _chosen(runs).model].max(),
            "The model is chosen well. But its epoch is chosen by the test set.",
        ),
        Slip(
            lambda runs: runs.test[runs.groupby("model").validation.idxmax()].max(),
            "Each model's epoch is chosen well. But between the models, the test set chooses.",
        ),
        Slip(
            lambda runs: runs.test[(runs.validation + runs.test).idxmax()],
            "The test set has a say in your choice: the sum of both scores decides.",
        ),
        Slip(
            lambda runs: runs.test.mean(),
            "A mean over all rows is the accuracy of no model. Choose one row first.",
        ),
        Slip(
            lambda runs: runs.test.iloc[runs.validation.idxmax()],
            "`idxmax` gives a row's label, which belongs into `.loc`; `.iloc` counts rows from 0. "
            "The second table's labels are in no order.",
        ),
        Slip(
            lambda runs: runs.test[runs.validation.argmax()],
            "`argmax` counts rows from 0, which belongs into `.iloc`; brackets alone take a row's label. "
            "The second table's labels are in no order.",
        ),
    ),
    why="Validation has chosen model and epoch. The test set was read once, in one row, and had no say.",
    otherwise="Any row may be the one. Which column may choose the row? "
    "And which one of that row's numbers had no part in it?",
)


def _leaked(train: pd.DataFrame, test: pd.DataFrame) -> set[str]:
    return set(test.path[test.group.isin(train.group)])


def _part(**path_and_group: int) -> pd.DataFrame:
    return pd.DataFrame({"path": list(path_and_group), "group": list(path_and_group.values())})


check_leaked = Check(
    right=_leaked,
    cases=(
        (_part(rex=1, tom=2, tom_bright=2, felix=3), _part(rex_cut=1, tom_cut=2, mia=4, felix_small=3)),
        (_part(a=10, b=20, c=30), _part(d=30, e=30, f=25, g=25, h=15)),
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
            lambda train, test: _leaked(test, train) | _leaked(train, test),
            "These are the pictures of both parts. Training may keep its own: which of the test must go?",
        ),
        Slip(
            lambda train, test: set(test.group[test.group.isin(train.group)]),
            "These are the right groups. Asked for are the paths of their pictures in the test part.",
        ),
        Slip(
            lambda train, test: test.group.isin(train.group),
            "These are True and False, one for each row of `test`. Asked for are the paths in the rows "
            "that are True.",
        ),
        Slip(
            lambda train, test: test.index[test.group.isin(train.group)],
            "These are the row labels of the right pictures. Asked for are the paths in those rows.",
        ),
        Slip(
            lambda train, test: set(test),  # a table counts as the names of its columns
            "This is a table, with all of its columns. Asked for are the paths alone.",
        ),
        Slip(
            lambda train, test: test.group.isin(train.group).sum(),
            "This is how many pictures leak. Asked for are their paths.",
        ),
        Slip(
            lambda train, test: {p for p, g in zip(test.path, test.group) if g in train.group},
            "`in` asks a pandas column for its row labels, 0, 1, 2 and so on, not for its values. "
            "Try `in set(train.group)`.",
        ),
        Slip(
            lambda train, test: set(test.path) - _leaked(train, test),
            "These are the pictures that may stay. Asked for are the others.",
        ),
        Slip(
            lambda train, test: _leaked(train, test) | set(test.path[test.group.duplicated(keep=False)]),
            "Two pictures of one group that are both in the test part do no harm there, "
            "unless `train` has that group, too.",
        ),
    ),
    why="A picture leaks if any of its group is in training, whatever the files are called.",
    otherwise="For each row of `test`: does its `group` occur in `train`?",
)


def _photos_needed(accuracy: float, half_width: float, z: float = 1.96) -> int:
    return math.ceil(z**2 * accuracy * (1 - accuracy) / half_width**2)


check_photos_needed = Check(
    right=_photos_needed,
    cases=((0.8, 0.02), (0.9, 0.03), (0.5, 0.245)),  # the last gives 16, exactly: 0.245 is 1.96 / 8
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
            lambda accuracy, half_width: math.floor(1.96**2 * accuracy * (1 - accuracy) / half_width**2),
            "One photo short: rounded down, the interval is a little wider than asked for.",
        ),
        Slip(
            lambda accuracy, half_width: math.floor(1.96**2 * accuracy * (1 - accuracy) / half_width**2) + 1,
            "Right but for one case: where the formula gives a whole number, that many are enough.",
        ),
        Slip(
            lambda accuracy, half_width: 1.96**2 * accuracy * (1 - accuracy) / half_width**2,
            "The formula is right. Photos come whole, so round up.",
        ),
    ),
    why="n grows with the square: half the width takes four times the photos.",
    otherwise="Put your n into the formula, then n − 1: is yours the first that is not wider than asked?",
)
