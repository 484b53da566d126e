"""How an answer is checked: against cases first, then against the mistakes one is likely to make.

Every exercise is a function for the reader to write. Its check says nothing but whether the function
is right, and why, or what kind of mistake it makes. A mistake is itself kept as a function, the one that
a reader would write by it, so that it is recognised by what it does, however it is put into code.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import checks, language


class NotRight(AssertionError):
    """An answer is missing or wrong. A notebook shows the message alone, without a traceback."""

    def __str__(self) -> str:
        return language.translated(super().__str__())

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


@dataclass(frozen=True)
class Slip:
    """A likely mistake: the function it leads to, and a hint at what to think over."""

    wrong: Callable
    hint: str


@dataclass(frozen=True)
class Check:
    """The check of a function that computes something: call it with the reader's function.

    `right` is a correct function, `cases` the arguments that it is compared on, `why` what is said when all
    agree, `otherwise` what is said of a mistake that is none of `slips`.
    """

    right: Callable
    cases: tuple[tuple, ...]
    slips: tuple[Slip, ...]
    why: str
    otherwise: str

    def __call__(self, answer: Callable) -> None:
        """Print that `answer` is right, and why, or raise NotRight with a hint."""
        given = [_call(answer, case) for case in self.cases]
        right = [self._at(case) for case in self.cases]
        wrong = next((n for n, value in enumerate(given) if not same(value, right[n])), None)
        if wrong is None:
            if any(isinstance(one, set) and len(list(value)) > len(one) for value, one in zip(given, right)):
                raise NotRight("Not right yet. Nothing is missing, but something is there more than once.")
            language.say(f"Right. {self.why}")
            return
        for slip in self.slips:
            if all(same(value, slip.wrong(*deepcopy(case))) for value, case in zip(given, self.cases)):
                raise NotRight(f"Not right yet. {slip.hint}")
        example = f"{answer.__name__}({', '.join(map(_short, self.cases[wrong]))})"
        raise NotRight(f"Not right yet. {example} gives {_short(given[wrong])}. {self.otherwise}")

    def _at(self, case: tuple) -> Any:
        return self.right(*deepcopy(case))


@dataclass(frozen=True)
class Choice:
    """The check of a function that returns a choice for each of several things: `{"A": "cat", …}`.

    `hints` has one for each thing and wrong choice, or for a thing whatever the wrong choice.
    """

    right: Mapping[str, str]
    hints: Mapping[str | tuple[str, str], str]
    why: str

    def __call__(self, answer: Callable) -> None:
        """Print that `answer` is right, and why, or raise NotRight with a hint at the first mistake."""
        given = _call(answer, ())
        if not isinstance(given, Mapping) or set(given) != set(self.right):
            raise NotRight(f"Not right yet. Return a dictionary with the keys {', '.join(self.right)}.")
        unknown = sorted(set(map(str, given.values())) - set(self.right.values()))
        if unknown:
            possible = ", ".join(repr(choice) for choice in sorted(set(self.right.values())))
            raise NotRight(f"Not right yet. {unknown[0]!r} is no choice here: choose from {possible}.")
        wrong = [thing for thing, choice in self.right.items() if given[thing] != choice]
        if not wrong:
            language.say(f"Right. {self.why}")
            return
        hint = self.hints.get((wrong[0], given[wrong[0]])) or self.hints[wrong[0]]
        n_right = len(self.right) - len(wrong)
        raise NotRight(f"Not right yet: {n_right} of {len(self.right)}. {wrong[0]}: {hint}")


def done_or(answer: Callable, stand_in: Callable, *arguments: Any) -> Any:
    """Return `answer(*arguments)`, or `stand_in(*arguments)`, and say so, where the exercise is not done."""
    try:
        return answer(*arguments)
    except NotImplementedError:
        language.say(f"`{answer.__name__}` is not done yet: `{stand_in.__name__}` stands in for it.")
        return stand_in(*arguments)


def same(given: Any, right: Any) -> bool:
    """Return whether two answers are equal: numbers to within 0.0001, sets in whatever order they come."""
    try:
        if isinstance(right, Mapping):
            return set(given) == set(right) and all(same(given[key], right[key]) for key in right)
        if isinstance(right, set):
            return not isinstance(given, str) and set(given) == right
        return np.shape(given) == np.shape(right) and np.allclose(given, right, atol=1e-4)
    except (TypeError, ValueError):  # of another kind altogether
        return False


def _call(answer: Callable, case: tuple) -> Any:
    """Return what `answer` gives for `case`; raise NotRight where it gives nothing."""
    name = getattr(answer, "__name__", "the answer")
    try:
        given = answer(*deepcopy(case))
    except NotImplementedError:
        message = f"Not done yet: put your lines in place of `raise NotImplementedError` in `{name}`."
        raise NotRight(message) from None
    except Exception as error:
        raise NotRight(f"`{name}` stops with {type(error).__name__}: {error}") from None
    if given is None:
        raise NotRight(f"`{name}` returns nothing. Does its last line begin with `return`?")
    return given


def _short(value: Any) -> str:
    """Return `value` in one line that is not too long; of an array or a column, its values."""
    return checks.shown(value.tolist() if hasattr(value, "tolist") else value)
