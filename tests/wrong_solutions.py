"""Wrong answers to exercises, kept in tables: how they are told apart, and what each has to be told."""

from collections.abc import Callable, Iterable

import pytest

from helpers.exercises import NotRight


def of_checks(**tables: tuple[Callable, Iterable[tuple[str, Callable, str]]]) -> list:
    """Return a check, an answer and a hint for each row; a table stands with its check under a short name."""
    return [
        pytest.param(check, answer, hint, id=f"{short}: {name}")
        for short, (check, table) in tables.items()
        for name, answer, hint in table
    ]


def is_refused(check: Callable, answer: Callable, hint: str) -> None:
    """Assert that a check refuses an answer, and says the hint."""
    with pytest.raises(NotRight) as told:
        check(answer)
    assert hint in str(told.value), str(told.value)
