"""What the course says when it cannot go on: short errors, and the checks of arguments that raise them."""

import reprlib
import traceback
from collections.abc import Collection, Sequence, Sized
from math import inf
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

from . import language


class CourseError(ValueError):
    """What the reader can put right: one sentence says what is wrong, the next one what to do.

    In a notebook it takes three lines: the line of the cell that led to it, and those sentences. The
    course's own lines in between are not what needs mending.
    """

    def __str__(self) -> str:
        """Return the message in the learner's language; FileNotFoundError's own method expects a number."""
        return language.translated(ValueError.__str__(self), names_stay=True)

    def _render_traceback_(self) -> list[str]:
        """IPython asks an exception that has this method how it is to be shown."""
        cells = [frame for frame in traceback.extract_tb(self.__traceback__) if frame.name == "<module>"]
        place = [f"----> {cells[-1].lineno} {cells[-1].line}", ""] if cells else []
        return [*place, f"{type(self).__name__}: {with_notes(self)}"]


def with_notes(error: Exception) -> str:
    """Return an error's message with the notes that were added to it, a line each."""
    return "\n".join([str(error), *getattr(error, "__notes__", [])])


class DataError(CourseError):
    """The data set cannot be used as it is: the message says what is wrong and what to do."""


class MissingFile(CourseError, FileNotFoundError):
    """A file that is not where it should be. The message names it and says how to get it."""


def whole_number(name: str, value: Any, least: int, most: int | None = None) -> None:
    """Refuse what is no whole number from `least` to `most`, where None is without end."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        wanted = f"from {least} on" if most is None else f"from {least} to {most}"
        raise CourseError(f"{name} is {shown(value)}. Give a whole number {wanted}.")


def number(name: str, value: Any, least: float = -inf, most: float = inf, above: float = -inf) -> None:
    """Refuse what is no finite number from `least` to `most` and greater than `above`."""
    real = isinstance(value, Real) and not isinstance(value, bool)
    if not real or not least <= value <= most or value <= above or abs(value) == inf:
        low = f"above {above:g}" if above > -inf else f"from {least:g}" if least > -inf else ""
        high = f"to {most:g}" if most < inf else "on" if least > -inf else ""
        span = " ".join(part for part in (low, high) if part)
        raise CourseError(f"{name} is {shown(value)}. Give a number {span}".rstrip() + ".")


def choice(name: str, value: object, allowed: Collection) -> None:
    """Refuse what is not one of `allowed`."""
    if value not in tuple(allowed):
        raise CourseError(f"{name} is {shown(value)}. Choose one of {', '.join(map(str, allowed))}.")


def classes(value: object, n: int | None = None) -> None:
    """Refuse what is no list of two or more different names; of `n` names, if that is given."""
    names = list(value) if isinstance(value, Collection) and not isinstance(value, str) else []
    if len(names) < 2 or len(set(names)) != len(names) or (n is not None and len(names) != n):
        wanted = "two or more different names" if n is None else f"the {n} different names the model knows"
        raise CourseError(f"classes is {shown(value)}. Give {wanted}, such as ('cat', 'dog').")


def table(data: object, *columns: str, name: str = "data", maker: str = "datasets.load_folder") -> None:
    """Refuse what is no table with these columns, or has an empty place in them, or labels of two kinds."""
    if not isinstance(data, pd.DataFrame) or not set(columns) <= set(data.columns):
        found = f"a table of {shown(list(data.columns))}" if isinstance(data, pd.DataFrame) else shown(data)
        wanted = " and ".join(columns)
        raise CourseError(f"{name} is {found}. Give a table with {wanted}, as {maker} makes it.")
    for column in columns:
        if data[column].isna().any():
            row = data.index[data[column].isna()][0]
            raise CourseError(f"{name} has no {column} in row {row}. Fill it in, or drop the row.")
    if "label" in columns:
        kinds = data["label"].astype(object).map(_kind)  # such as 1 and 'dog', from a CSV: they have no order
        firsts = data["label"][~kinds.duplicated().to_numpy()].tolist()
        if len(firsts) > 1:
            raise CourseError(
                f"{name} has labels of different kinds, such as {shown(firsts[0])} and {shown(firsts[1])}. "
                f'Make them all text: {name}["label"] = {name}["label"].astype(str).'
            )


def _kind(value: object) -> type:
    """Return what kind of label `value` is: labels of one kind can be sorted."""
    kinds = {str: str, bool: bool, np.bool_: bool, Real: Real}
    return next((kind for known, kind in kinds.items() if isinstance(value, known)), type(value))


def image(name: str, value: object) -> None:
    """Refuse what is no RGB picture `(height, width, 3)`, of numbers from 0 to 255, of at least one pixel."""
    if not isinstance(value, np.ndarray) or value.ndim != 3 or value.shape[2] != 3 or 0 in value.shape:
        found = f"an array {value.shape}" if isinstance(value, np.ndarray) else shown(value)
        raise CourseError(f"{name} is {found}. Give an RGB picture (height, width, 3), as images.read does.")
    if value.dtype == np.uint8:
        return
    unscaled(name, value)
    low, high = value.min(), value.max()
    if not (low >= -0.001 and high <= 255.001):  # a resize in floats may miss by less; NaN is refused
        found = f"{name} has values from {low:.3g} to {high:.3g}"
        raise CourseError(f"{found}. Give finite numbers from 0 to 255, such as picture.clip(0, 255).")


def unscaled(name: str, value: np.ndarray) -> None:
    """Refuse a picture scaled to 0-1 or −1 to 1: taken for one of 0-255 it would be black."""
    if value.dtype.kind not in "uif":
        raise CourseError(f"{name} has values of type {value.dtype}. Give numbers from 0 to 255.")
    low, high = value.min(), value.max()
    if value.dtype.kind == "f" and low >= -1 and 0 < high <= 1:
        whole = "picture * 255" if low >= 0 else "(picture + 1) * 127.5"
        raise CourseError(
            f"{name} has values from {low:.3g} to {high:.3g}: it looks scaled. "
            f"Give 0 to 255, such as {whole}, or read it with images.read."
        )


def same_length(**values: Sized) -> None:
    """Refuse things that should go together, row by row, and have different lengths."""
    lengths = {name: len(value) for name, value in values.items()}
    if len(set(lengths.values())) > 1:
        found = " and ".join(f"{name} has {length}" for name, length in lengths.items())
        raise CourseError(f"{found} rows. Give one row of each for every picture, in the same order.")


def probabilities(value: Any, labels: Sequence[str], names: Sequence[str]) -> None:
    """Refuse what is not a finite probability of each class, one row for each of `labels`."""
    classes(names)
    if len(labels) == 0:
        raise CourseError("labels is empty: 0 pictures. Choose a part of the data that has some.")
    if np.ndim(value) != 2 or np.shape(value)[1] != len(names) or not np.isfinite(value).all():
        found = f"probabilities is {np.shape(value)}, with {len(names)} classes"
        raise CourseError(f"{found}. Give finite numbers, as evaluate.predict does.")
    same_length(probabilities=value, labels=labels)
    labels_among(names, labels)


def labels_among(names: Sequence[str], value: Sequence[str]) -> None:
    """Refuse labels that are none of the classes `names`."""
    if unknown := set(value) - set(names):
        raise CourseError(
            f"labels has '{min(unknown, key=str)}', which is none of {list(names)}. "
            "Pass the classes of the model."
        )


def shown(value: object) -> str:
    """Return `value` as an error message quotes it: on one line, cut if it is long."""
    if isinstance(value, np.ndarray):
        return f"an array {value.shape}"
    if isinstance(value, pd.DataFrame):
        return f"a table of {len(value)} rows"
    return " ".join(reprlib.repr(value).split())
