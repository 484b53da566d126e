"""Lesson 2's exercises: what readers write when they go wrong is refused with a hint that fits."""

import math

import numpy as np
import pytest
from wrong_solutions import is_refused

from helpers import exercises
from helpers.exercises import NotRight

REPORT, LEAKED, PHOTOS = (
    exercises.check_accuracy_to_report,
    exercises.check_leaked,
    exercises.check_photos_needed,
)


def in_each_model_by_validation_then_by_test(runs):
    rows = [rows.loc[rows.validation.idxmax()] for _, rows in runs.groupby("model")]
    return max(row.test for row in rows)


def best_model_on_average(runs):
    rows = runs[runs.model == runs.groupby("model").validation.mean().idxmax()]
    return rows.test[rows.validation.idxmax()]


def best_epoch_on_average(runs):
    rows = runs[runs.epoch == runs.groupby("epoch").validation.mean().idxmax()]
    return rows.test[rows.validation.idxmax()]


def stays_at_the_first_that_is_better(runs):
    best = runs.iloc[0]
    for _, row in runs.iterrows():
        if row.validation > best.validation:
            return row.test
    return best.test


def groups_counted_over_both(train, test):
    sizes = (train.group.value_counts()).add(test.group.value_counts(), fill_value=0)
    return list(test.path[test.group.map(sizes) > 1])


WRONG = [
    # accuracy_to_report
    (REPORT, "best test", lambda r: r.test.max(), "The test set has made the choice"),
    (REPORT, "best validation", lambda r: r.validation.max(), "is flattered by it"),
    (REPORT, "best training", lambda r: r.loc[r.train.idxmax(), "test"], "learns its photos by heart"),
    (REPORT, "last row", lambda r: r.test.iloc[-1], "This is the last row"),
    (
        REPORT,
        "best of the last epochs",
        lambda r: r[r.epoch == 3].sort_values("validation").test.iloc[-1],
        "After how many epochs to stop",
    ),
    (
        REPORT,
        "chosen model, best test epoch",
        lambda r: r[r.model == r.loc[r.validation.idxmax(), "model"]].test.max(),
        "its epoch is chosen by the test set",
    ),
    (
        REPORT,
        "sum of validation and test",
        lambda r: r.loc[r[["validation", "test"]].mean(axis=1).idxmax(), "test"],
        "has a say in your choice",
    ),
    (REPORT, "mean", lambda r: r["test"].mean(), "the accuracy of no model"),
    (REPORT, "label as a position", lambda r: r.test.iloc[r.validation.idxmax()], "belongs into `.loc`"),
    (REPORT, "position as a label", lambda r: r.test[r.validation.argmax()], "belongs into `.iloc`"),
    (REPORT, "worst", lambda r: r.test[r.validation.idxmin()], "Which column may choose the row?"),
    (
        REPORT,
        "by model, then by test",
        in_each_model_by_validation_then_by_test,
        "between the models, the test",
    ),
    (REPORT, "first that is better", stays_at_the_first_that_is_better, "Which column may choose the row?"),
    (
        REPORT,
        "best of the second epochs",
        lambda r: r[r.epoch == 2].sort_values("validation").test.iloc[-1],
        "Any row may be the one",
    ),
    (REPORT, "worst of the second epochs", lambda r: r[r.epoch == 2].test.min(), "Any row may be the one"),
    (
        REPORT,
        "the worse of the models",
        lambda r: r.test[r.groupby("model").validation.idxmax()].min(),
        "Which column may choose the row?",
    ),
    (
        REPORT,
        "validation less overfitting",
        lambda r: r.test[(2 * r.validation - r.train).idxmax()],
        "Which column may choose the row?",
    ),
    (REPORT, "best model on average", best_model_on_average, "Any row may be the one"),
    (REPORT, "best epoch on average", best_epoch_on_average, "Any row may be the one"),
    (REPORT, "whole row", lambda r: r.loc[r.validation.idxmax()], "which one of that row's numbers"),
    (REPORT, "label of the row", lambda r: r.validation.idxmax(), "gives 4."),
    # leaked
    (LEAKED, "names", lambda a, b: [p for p in b.path if p in set(a.path)], "you compare names"),
    (LEAKED, "train for test", lambda a, b: a.path[a.group.isin(b.group)], "the pictures in training"),
    (
        LEAKED,
        "both sides",
        lambda a, b: [*a.path[a.group.isin(b.group)], *b.path[b.group.isin(a.group)]],
        "the pictures of both parts",
    ),
    (LEAKED, "groups", lambda a, b: set(a.group) & set(b.group), "These are the right groups"),
    (LEAKED, "mask", lambda a, b: b.group.isin(a.group), "True and False, one for each row"),
    (LEAKED, "mask as a list", lambda a, b: [g in set(a.group) for g in b.group], "True and False, one for"),
    (LEAKED, "table", lambda a, b: b[b.group.isin(a.group)], "with all of its columns"),
    (LEAKED, "row labels", lambda a, b: b.index[b.group.isin(a.group)].tolist(), "the row labels"),
    (LEAKED, "how many", lambda a, b: len(b[b.group.isin(a.group)]), "how many pictures leak"),
    (
        LEAKED,
        "in a column",
        lambda a, b: [p for p, g in zip(b.path, b.group) if g in a.group],
        "`in` asks a pandas column for its row labels",
    ),
    (LEAKED, "those that stay", lambda a, b: b.path[~b.group.isin(a.group)], "the pictures that may stay"),
    (LEAKED, "groups counted over both", groups_counted_over_both, "both in the test part do no harm"),
    (LEAKED, "row by row", lambda a, b: b.path[(a.group[: len(b)] == b.group[: len(a)])], "stops with"),
    (LEAKED, "all", lambda a, b: b.path, "does its `group` occur in `train`?"),
    (LEAKED, "hard-coded", lambda a, b: ["rex_cut", "felix_small"], "does its `group` occur in `train`?"),
    (LEAKED, "known numbers", lambda a, b: b.path[b.group <= a.group.max()], "does its `group` occur"),
    (LEAKED, "every path twice", lambda a, b: 2 * list(b.path[b.group.isin(a.group)]), "more than once"),
    (LEAKED, "merged, with two in training", lambda a, b: b.merge(a, on="group").path_x, "more than once"),
    # photos_needed
    (PHOTOS, "z of 1", lambda p, h: math.ceil(p * (1 - p) / h**2), "one standard deviation"),
    (PHOTOS, "z of 2", lambda p, h: math.ceil(4 * p * (1 - p) / h**2), "the first that is not wider"),
    (PHOTOS, "whole width", lambda p, h: math.ceil(4 * 1.96**2 * p * (1 - p) / h**2), "by a factor of 4"),
    (PHOTOS, "nothing squared", lambda p, h: math.ceil(1.96 * p * (1 - p) / h), "The root is gone"),
    (PHOTOS, "width not squared", lambda p, h: math.ceil(1.96**2 * p * (1 - p) / h), "the first that is not"),
    (PHOTOS, "rounded down", lambda p, h: int(1.96**2 * p * (1 - p) / h**2), "One photo short"),
    (PHOTOS, "rounded", lambda p, h: round(1.96**2 * p * (1 - p) / h**2), "gives 384. Put your n"),
    (PHOTOS, "not rounded", lambda p, h: (1.96 / h) ** 2 * p * (1 - p), "so round up"),
    (PHOTOS, "one too many", lambda p, h: int(1.96**2 * p * (1 - p) / h**2) + 2, "then n − 1"),
    (PHOTOS, "always one more", lambda p, h: int(1.96**2 * p * (1 - p) / h**2) + 1, "that many are enough"),
    (PHOTOS, "worst case", lambda p, h: math.ceil(1.96**2 / 4 / h**2), "the first that is not wider"),
    (PHOTOS, "without 1 - p", lambda p, h: math.ceil(1.96**2 * p / h**2), "the first that is not wider"),
    (PHOTOS, "the half width", lambda p, h: 1.96 * math.sqrt(p * (1 - p) / h), "the first that is not wider"),
]

RIGHT = [
    (REPORT, "sorted", lambda r: r.sort_values("validation").iloc[-1]["test"]),
    (REPORT, "positions throughout", lambda r: r.test.to_numpy()[np.argmax(r.validation)]),
    (REPORT, "pairs", lambda r: max(zip(r.validation, r.test))[1]),
    (LEAKED, "merged", lambda a, b: b.merge(a, on="group").path_x.unique()),
    (LEAKED, "a loop", lambda a, b: [row.path for row in b.itertuples() if row.group in set(a.group)]),
    (LEAKED, "a query", lambda a, b: b.query("group in @a.group").path.to_numpy()),
    (PHOTOS, "NumPy", lambda p, h: np.ceil((1.96 / h) ** 2 * p * (1 - p))),
    (PHOTOS, "a search", lambda p, h: next(n for n in range(1, 10**5) if 1.96**2 * p * (1 - p) / n <= h**2)),
    (PHOTOS, "the exact quantile", lambda p, h: math.ceil(1.959964**2 * p * (1 - p) / h**2)),
]


@pytest.mark.parametrize("check, name, answer, hint", WRONG, ids=[name for _, name, *_ in WRONG])
def test_a_wrong_solution_is_refused_with_a_hint_that_fits(check, name, answer, hint):
    is_refused(check, answer, hint)


@pytest.mark.parametrize("check, name, answer", RIGHT, ids=[name for _, name, _ in RIGHT])
def test_a_right_solution_in_another_form_is_accepted(check, name, answer, capsys):
    check(answer)
    assert capsys.readouterr().out == f"Right. {check.why}\n"


def test_a_column_is_shown_by_its_values():
    """Printed as pandas does, it would take several lines, and be cut off in the middle."""
    with pytest.raises(NotRight, match=r"gives \['mia', 'rex'\]\."):
        LEAKED(lambda train, test: np.array(["mia", "rex"]))
    with pytest.raises(NotRight, match=r"gives \[1, 2, 4, 3\]\."):
        LEAKED(lambda train, test: test.group)
