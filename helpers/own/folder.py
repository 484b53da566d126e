"""What is wrong with a folder of pictures, and which of them train, choose and test."""

import os
import re
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from .. import checks, runtime, splits, survey

FRACTIONS = (0.6, 0.2, 0.2)  # to train on, to choose by, to test on
IMBALANCED = 1.5  # times as many pictures: from there on it is said
NAMED = 3  # files a sentence
ROLES = ("train", "val", "test")  # a picture that is in two parts stays in the later one


@dataclass(frozen=True)
class Findings:
    """What `inspect` found.

    Attributes:
        unreadable: rows of the data that are no sound pictures, with their `problem`.
        contradictory: rows with one content and several labels.
        pairs: near-duplicates among the sound ones: `path_a`, `path_b`, `distance`, `label_a`, `label_b`.
        sound: the data without `unreadable` and `contradictory`.
        sentences: all that in words.
    """

    unreadable: pd.DataFrame
    contradictory: pd.DataFrame
    pairs: pd.DataFrame
    sound: pd.DataFrame
    sentences: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.sentences)


class Parts(NamedTuple):
    """What `split` made, or you: three tables, and in a sentence or two how they came about.

    Example:
        >>> data = datasets.draw_pets(12, seed=0)
        >>> parts = own.Parts(data[:8], data[8:10], data[10:], "by hand")
        >>> len(parts.train), parts.how
        (8, 'by hand')
    """

    train: pd.DataFrame
    val: pd.DataFrame
    test: pd.DataFrame
    how: str


def inspect(data: pd.DataFrame, max_distance: float = 0.07) -> Findings:
    """Find what would spoil a training: files that cannot be read, copies, contradicting labels, imbalance.

    Args:
        data: of `datasets.load_folder`.
        max_distance: up to which pictures count as near-duplicates, see `survey.find_near_duplicates`.

    Returns:
        `Findings`, whose `sound` pictures are fit to be split. What is in two classes at once, byte by
        byte, is not among them: which label is right only its owner knows.

    Raises:
        ValueError: fewer than two classes are left.

    Example:
        >>> data = datasets.load_folder(own.example_folder())
        >>> found = own.inspect(data)
        >>> len(data), len(found.unreadable), len(found.contradictory), len(found.sound)
        (150, 1, 2, 147)
        >>> print(found.sentences[-1])
        The classes are imbalanced: robin has 2.5 times as many pictures as crow. Class weights compensate.

    See also: `split`, which comes next.
    """
    checks.table(data, "path", "label")
    columns = ["path", "label", *({"part"} & set(data.columns))]
    facts = survey.inspect(data[columns]).reset_index(drop=True)
    readable = facts[facts["problem"].isna()]
    contents = readable["path"].map(lambda path: runtime.sha256(Path(path)))
    contradicts = readable.groupby(contents)["label"].transform("nunique") > 1
    sound = readable.loc[~contradicts, columns].reset_index(drop=True)
    if sound["label"].nunique() < 2:
        raise checks.CourseError(
            f"data has sound pictures of {sound['label'].nunique()} classes. A classifier needs two: "
            "mend or replace the files that survey.inspect names."
        )
    pairs = survey.find_near_duplicates(sound, max_distance)
    label = sound.set_index("path")["label"].to_dict()
    pairs = pairs.assign(label_a=pairs["path_a"].map(label), label_b=pairs["path_b"].map(label))
    unreadable, contradictory = facts[facts["problem"].notna()], readable[contradicts]
    sentences = _findings(unreadable, contradictory, pairs, sound, _Names(data["path"]))
    return Findings(unreadable, contradictory[columns], pairs, sound, tuple(sentences))


def _findings(
    unreadable: pd.DataFrame,
    contradictory: pd.DataFrame,
    pairs: pd.DataFrame,
    sound: pd.DataFrame,
    names: "_Names",
) -> list[str]:
    counts = sound["label"].value_counts().sort_index()
    n_all = len(sound) + len(unreadable) + len(contradictory)
    said = [f"{n_all:,} pictures, {len(sound):,} of them sound: {_counted(counts)}."]
    if len(unreadable):
        each = (f"{names(row.path)} {row.problem}" for row in unreadable.itertuples())
        said.append(f"Left out, since they cannot be used: {_some(each, len(unreadable))}.")
    if len(contradictory):
        said.append(
            "Left out, since the same picture lies in two classes: "
            f"{names.some(contradictory['path'])}. Keep the one whose class is right."
        )
    torn = pairs["label_a"] != pairs["label_b"]
    for some, what in (
        (pairs[~torn], "near-duplicates, which the split must not tear apart"),
        (pairs[torn], "near-duplicates with two labels, of which one may be wrong. Look at them"),
    ):
        if len(some):
            each = (f"{names(pair.path_a)} and {names(pair.path_b)}" for pair in some.itertuples())
            said.append(f"{len(some):,} pair{'s' * (len(some) > 1)} of {what}: {_some(each, len(some))}.")
    if counts.max() >= IMBALANCED * counts.min():
        said.append(
            f"The classes are imbalanced: {counts.idxmax()} has {counts.max() / counts.min():.1f} times as "
            f"many pictures as {counts.idxmin()}. Class weights compensate."
        )
    return said


def split(data: pd.DataFrame, seed: int = 0, max_distance: float = 0.07) -> Parts:
    """Say which pictures train, which choose and which test; a set that is divided already stays so.

    Without a column `part`, `splits.split` gives 60, 20 and 20 % of each class. With one, what is called
    train (training …) trains, val (validation, dev …) chooses, and test (eval …) tests; what there is no part
    for is split off train, 20 % of it each. Near-duplicates of one another never lie in two parts: where the
    given parts share some, they stay in test, or else in val, and are left out of the others.

    Args:
        data: `path` and `label`, and `part` if the set is divided: `Findings.sound`.
        seed: decides which pictures go where.
        max_distance: up to which pictures count as near-duplicates.

    Raises:
        ValueError: a class with too few pictures, no part to train on, or a class that it lacks.

    Example:
        >>> found = own.inspect(datasets.load_folder(own.example_folder()))
        >>> parts = own.split(found.sound, seed=0)
        >>> len(parts.train), len(parts.val), len(parts.test)
        (88, 30, 29)

    See also: `inspect`, which comes before it; `splits.split`.
    """
    checks.table(data, "path", "label")
    data = data.reset_index(drop=True)
    if "part" not in data:
        (train, val, test), said = heard(splits.split, data, FRACTIONS, seed, max_distance=max_distance)
        how = f"Split at random, class by class, near-duplicates on one side: {_sizes(train, val, test)}."
        return Parts(train, val, test, " ".join([how, *said]))
    checks.table(data, "part")
    given = {role: data[data["part"].map(_role) == role] for role in ROLES}
    if given["train"].empty:
        found = ", ".join(sorted(data["part"].unique()))
        raise checks.CourseError(f"data has the parts {found}. Call the one to train on train.")
    given, copies = _without_copies(data, given, max_distance)
    train, others = given["train"], {role: given[role] for role in ROLES[1:] if len(given[role])}
    for role, part in others.items():
        if lacking := sorted(set(part["label"]) - set(train["label"])):
            raise checks.CourseError(
                f"Part {role} has the class {lacking[0]!r}, of which train has no picture that is not in "
                f"{role}, too. Add some to train, or give a smaller max_distance."
            )
    missing = [role for role in ROLES[1:] if role not in others]
    said = list[str]()
    if missing:
        shares = (1 - 0.2 * len(missing), *[0.2] * len(missing))
        (train, *new), said = heard(splits.split, train, shares, seed, max_distance=max_distance)
        others |= dict(zip(missing, new))
    train, val, test = (part[["path", "label"]] for part in (train, others["val"], others["test"]))
    how = f"The folder's own parts are used: {_sizes(train, val, test)}."
    if missing:
        how += (
            " " + f"There was none for {' and '.join(missing)}: split off train, near-duplicates on one side."
        )
    return Parts(train, val, test, " ".join([how, *copies, *said]))


def _role(part: str) -> str:
    return "train" if re.match("train", part, re.I) else "val" if re.match("val|dev", part, re.I) else "test"


def _without_copies(
    data: pd.DataFrame, given: dict[str, pd.DataFrame], max_distance: float
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Leave near-duplicates in the part that judges, and out of the others; say which in a sentence."""
    rank = data["part"].map(_role).map(ROLES.index)
    group = splits.near_duplicate_groups(data, max_distance)
    copied = rank < rank.groupby(group).transform("max")
    if not copied.any():
        return given, []
    names = _Names(data["path"])
    left = {role: part[~copied[part.index]] for role, part in given.items()}
    return left, [
        f"Left out, since the parts share near-duplicates and these lie in one that judges, too: "
        f"{names.some(data.loc[copied, 'path'])}."
    ]


def heard(function: Callable, *arguments: Any, **settings: Any) -> tuple[Any, list[str]]:
    """Call a function; return what it gives, and the lines that it prints."""
    with redirect_stdout(StringIO()) as said:
        result = function(*arguments, **settings)
    return result, said.getvalue().splitlines()


def _sizes(train: pd.DataFrame, val: pd.DataFrame, test: pd.DataFrame) -> str:
    return f"{len(train):,} pictures to train on, {len(val):,} to choose by, {len(test):,} to test on"


def _counted(counts: pd.Series) -> str:
    return ", ".join(f"{n:,} {label}" for label, n in counts.items())


def _some(items: Iterable[str], n: int) -> str:
    """Name the first of `n` items, and say how many more there are."""
    first = [item for item, _ in zip(items, range(NAMED))]
    return "; ".join([*first, *([f"and {n - NAMED:,} more"] if n > NAMED else [])])


class _Names:
    """Names of files as their owner knows them: from the folder on that holds all of them."""

    def __init__(self, paths: Iterable[str]):
        self.above = os.path.commonpath([str(Path(path).parent) for path in paths])

    def __call__(self, path: str) -> str:
        return Path(path).relative_to(self.above).as_posix()

    def some(self, paths: pd.Series) -> str:
        return _some(map(self, paths), len(paths))
