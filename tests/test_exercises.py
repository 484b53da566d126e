"""The exercises: each solution is right, each stub and each likely mistake is told so in its own words."""

import math
import re
from collections.abc import Callable
from functools import partial

import nbformat
import numpy as np
import pytest

from helpers import exercises
from helpers.course import editions, lessons
from helpers.exercises import Check, Choice, NotRight
from helpers.exercises.checking import same

CHECKS = {name: getattr(exercises, name) for name in exercises.__all__ if name.startswith("check_")}
COMPUTED = {name: check for name, check in CHECKS.items() if isinstance(check, Check)}
CHOSEN = {name: check for name, check in CHECKS.items() if isinstance(check, Choice)}
SLIPS = [(name, slip) for name, check in COMPUTED.items() for slip in check.slips]
HINTS = [(name, about) for name, check in CHOSEN.items() for about in check.hints]


def in_lessons() -> list[tuple[str, str, str]]:
    """Return (check, name of the function that it is given, source of the solution) from every lesson."""
    found = []
    for path in lessons.find():
        cells = nbformat.read(path, as_version=4).cells
        solutions = {f"{cell.id}-check": cell.source for cell in cells if editions.is_solution(cell)}
        for cell in filter(editions.is_check, cells):
            check, answer = re.fullmatch(r"exercises\.(\w+)\((\w+)\)", cell.source).groups()
            found.append((check, answer, solutions[cell.id]))
    return found


IN_LESSONS = in_lessons()
each_exercise = pytest.mark.parametrize(
    "check, answer, solution", IN_LESSONS, ids=[name for name, *_ in IN_LESSONS]
)


def function(name: str, source: str) -> Callable:
    """Run the source of a solution's cell, with what the lessons have imported or defined before it."""
    before = {"np": np, "math": math, "square": lambda matrix: np.vstack([matrix, [0, 0, 1]])}
    exec(source, before)
    return before[name]


def message(check: Callable, answer: Callable) -> str:
    """Return what `check` objects to `answer`."""
    with pytest.raises(NotRight) as caught:
        check(answer)
    return str(caught.value)


# --- in the lessons -----------------------------------------------------------------------------------


def test_every_check_has_its_exercise():
    used = sorted(name for name, *_ in IN_LESSONS)
    assert used == sorted(CHECKS), "each exercise has a check of its own, and each check is in one lesson"


@each_exercise
def test_the_solution_is_right_and_the_check_says_why(check, answer, solution, capsys):
    CHECKS[check](function(answer, solution))
    assert capsys.readouterr().out == f"Right. {CHECKS[check].why}\n"


@each_exercise
def test_the_stub_is_not_done(check, answer, solution):
    stub = function(answer, editions.without_solution(solution))
    assert message(CHECKS[check], stub).startswith("Not done yet: put your lines in place of")


@each_exercise
def test_the_solution_is_short(check, answer, solution):
    body = re.search(r"BEGIN SOLUTION\n(.*?)\n *### END", solution, re.DOTALL)[1]
    assert 1 <= len(body.splitlines()) <= 15


# --- likely mistakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name, slip", SLIPS, ids=[f"{name}-{n}" for n, (name, _) in enumerate(SLIPS)])
def test_a_likely_mistake_gets_its_own_hint(name, slip):
    assert message(CHECKS[name], slip.wrong) == f"Not right yet. {slip.hint}"


@pytest.mark.parametrize("name", COMPUTED)
def test_at_least_two_mistakes_are_known_and_others_are_met_with_an_example(name):
    assert len({slip.hint for slip in CHECKS[name].slips}) >= 2
    said = message(CHECKS[name], lambda *_: 12345)
    assert " gives 12345. " in said and said.endswith(CHECKS[name].otherwise) and len(said) < 400


@pytest.mark.parametrize("name, about", HINTS)
def test_a_wrong_choice_gets_its_own_hint_which_does_not_name_the_right_one(name, about):
    check = CHECKS[name]
    thing, wrong = about if isinstance(about, tuple) else (about, None)
    specific = {
        choice for key, choice in (key for key in check.hints if isinstance(key, tuple)) if key == thing
    }
    wrong = wrong or next(
        choice for choice in check.right.values() if choice not in specific | {check.right[thing]}
    )
    said = message(check, lambda: {**check.right, thing: wrong})
    n = len(check.right)
    assert said == f"Not right yet: {n - 1} of {n}. {thing}: {check.hints[about]}"
    assert check.right[thing] not in check.hints[about]


@pytest.mark.parametrize("name", CHOSEN)
def test_a_choice_of_another_shape_is_refused(name):
    right = CHECKS[name].right
    assert message(CHECKS[name], lambda: "A").endswith(f"with the keys {', '.join(right)}.")
    assert "'luck' is no choice here" in message(CHECKS[name], lambda: dict.fromkeys(right, "luck"))


@pytest.mark.parametrize("name", COMPUTED)
def test_nothing_returned_and_errors_are_told(name):
    def stumbles(*_):
        raise ZeroDivisionError("division by zero")

    assert "returns nothing" in message(CHECKS[name], lambda *_: None)
    assert message(CHECKS[name], stumbles) == "`stumbles` stops with ZeroDivisionError: division by zero"


# --- how answers are compared -------------------------------------------------------------------------


def test_an_answer_may_change_what_it_is_given(capsys):
    def careless(train, test):
        found = list(test.path[test.group.isin(train.group)])
        test["path"] = "gone"
        return found

    for _ in range(2):
        exercises.check_leaked(careless)
    assert capsys.readouterr().out.count("Right.") == 2


@pytest.mark.parametrize(
    "given, right, equal",
    [
        (1.00001, 1, True),
        (1.001, 1, False),
        (np.float64(2), 2.0, True),
        ([1, 2], np.array([1, 2]), True),
        ([1, 2], 1, False),
        ("12", 12, False),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1, "b": 2}, {"a": 1}, False),
        (["b", "a"], {"a", "b"}, True),
        ("ab", {"a", "b"}, False),
        (3, {"a"}, False),
        (5, {"a": 1}, False),
    ],
)
def test_answers_are_compared_by_value(given, right, equal):
    assert same(given, right) is equal


# --- what depends on an exercise ----------------------------------------------------------------------


def double(number):
    return 2 * number


def undone(number):
    raise NotImplementedError


def test_an_exercise_that_is_done_is_used(capsys):
    assert exercises.done_or(double, undone, 4) == 8
    assert capsys.readouterr().out == ""


def test_a_stand_in_is_used_for_one_that_is_not_and_said_to_be(capsys):
    assert exercises.done_or(undone, double, 4) == 8
    assert capsys.readouterr().out == "`undone` is not done yet: `double` stands in for it.\n"


def test_other_errors_of_an_exercise_are_not_hidden():
    with pytest.raises(TypeError):
        exercises.done_or(partial(double), double, 4, 5)


def test_a_notebook_shows_the_message_alone():
    assert NotRight("Not right yet. Think.")._render_traceback_() == ["Not right yet. Think."]
