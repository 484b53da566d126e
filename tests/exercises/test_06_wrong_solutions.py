"""Lesson 6's exercises: what readers write when they go wrong is refused with a hint that fits."""

import numpy as np
import pytest
from scipy import stats

from helpers import exercises
from helpers.exercises import NotRight

LEAD, PARETO = exercises.check_lead, exercises.check_pareto_optimal
T = {5: 2.776, 10: 2.262}


def error(differences):
    return np.std(differences, ddof=1) / np.sqrt(len(differences))


def beaten(results, name, no_worse=lambda a, b, c, d: a >= c and b <= d):
    return any(
        no_worse(*other, *results[name])
        for key, other in results.items()
        if key != name and other != results[name]
    )


WRONG = [
    # lead_and_margin
    (
        LEAD,
        "unpaired",
        lambda a, b: (np.mean(a - b), T[len(a)] * np.sqrt(error(a) ** 2 + error(b) ** 2)),
        "apart",
    ),
    (LEAD, "ddof 0", lambda a, b: (np.mean(a - b), T[len(a)] * np.std(a - b) / np.sqrt(len(a))), "ddof=1"),
    (LEAD, "no root", lambda a, b: (np.mean(a - b), T[len(a)] * np.std(a - b, ddof=1)), "factor of √n"),
    (LEAD, "by n", lambda a, b: (np.mean(a - b), T[len(a)] * np.std(a - b, ddof=1) / len(a)), "not by n"),
    (LEAD, "1.96", lambda a, b: (np.mean(a - b), 1.96 * error(a - b)), "take t from `T`"),
    (LEAD, "t of five", lambda a, b: (np.mean(a - b), 2.776 * error(a - b)), "another number of pairs"),
    (
        LEAD,
        "turned round",
        lambda a, b: (np.mean(b - a), T[len(a)] * error(a - b)),
        "negative where the first",
    ),
    (
        LEAD,
        "interval",
        lambda a, b: tuple(np.mean(a - b) + sign * T[len(a)] * error(a - b) for sign in (-1, 1)),
        "two ends",
    ),
    (LEAD, "whole width", lambda a, b: (np.mean(a - b), 2 * T[len(a)] * error(a - b)), "half of it"),
    (LEAD, "one alone", lambda a, b: (np.mean(a - b), T[len(a)] * error(a)), "one strategy alone"),
    (LEAD, "absolute", lambda a, b: (np.mean(abs(a - b)), T[len(a)] * error(abs(a - b))), "one by one"),
    (LEAD, "median", lambda a, b: (np.median(a - b), T[len(a)] * error(a - b)), "the median of"),
    (LEAD, "lead alone", lambda a, b: np.mean(a - b), "one by one"),
    # pareto_optimal
    (
        PARETO,
        "best and cheapest",
        lambda r: [max(r, key=lambda n: r[n][0]), min(r, key=lambda n: r[n][1])],
        "between",
    ),
    (PARETO, "those beaten", lambda r: [name for name in r if beaten(r, name)], "other way round"),
    (
        PARETO,
        "beats itself",
        lambda r: [n for n in r if not any(a >= r[n][0] and s <= r[n][1] for a, s in r.values())],
        "beat itself",
    ),
    (
        PARETO,
        "strictly better in both",
        lambda r: [n for n in r if not beaten(r, n, lambda a, b, c, d: a > c and b < d)],
        "as accurate in less time",
    ),
    (
        PARETO,
        "better in one",
        lambda r: [n for n in r if not beaten(r, n, lambda a, b, c, d: a > c or b < d)],
        "beats nothing",
    ),
    (PARETO, "most accurate", lambda r: [max(r, key=lambda n: r[n][0])], "most accurate one alone"),
    (PARETO, "cheapest", lambda r: [min(r, key=lambda n: r[n][1])], "cheapest one alone"),
    (
        PARETO,
        "accuracy a second",
        lambda r: [max(r, key=lambda n: r[n][0] / r[n][1])],
        "no weighing",
    ),
    (
        PARETO,
        "twins beat one another",
        lambda r: [n for n in r if all(a < r[n][0] or s > r[n][1] for k, (a, s) in r.items() if k != n)],
        "do not beat one another",
    ),
    (PARETO, "all", list, "two strategies at a time"),
    (
        PARETO,
        "seconds the wrong way",
        lambda r: [n for n in r if not beaten(r, n, lambda a, b, c, d: a >= c and b >= d)],
        "takes longer",
    ),
    (PARETO, "a fixed accuracy", lambda r: [n for n in r if r[n][0] >= 0.85], "two strategies at a time"),
]


@pytest.mark.parametrize(
    ("check", "answer", "hint"), [pytest.param(c, a, h, id=f"{n}") for c, n, a, h in WRONG]
)
def test_a_wrong_solution_is_refused_with_its_hint(check, answer, hint):
    with pytest.raises(NotRight, match=hint):
        check(answer)


RIGHT = [
    (LEAD, lambda a, b: (np.mean(a - b), T[len(a)] * error(a - b))),
    (LEAD, lambda a, b: (np.mean(a) - np.mean(b), stats.t.ppf(0.975, len(a) - 1) * stats.sem(a - b))),
    (LEAD, lambda a, b: np.array([sum(x - y for x, y in zip(a, b)) / len(a), T[len(a)] * error(b - a)])),
    (PARETO, lambda r: {name for name in r if not beaten(r, name)}),
    (PARETO, lambda r: [name for name in reversed(r) if not beaten(r, name)]),
    (
        PARETO,
        lambda r: tuple(
            n for n in r if all(a < r[n][0] or s > r[n][1] or (a, s) == r[n] for a, s in r.values())
        ),
    ),
]


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_a_right_solution_is_accepted_in_whatever_form(check, answer, capsys):
    check(answer)
    assert capsys.readouterr().out.startswith("Right.")
