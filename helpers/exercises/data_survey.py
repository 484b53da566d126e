"""Lesson 1: files fit to be trained on, an accuracy that no rare class can hide from, a limit for copies."""

import numpy as np
import pandas as pd

from .checking import Check, Slip


def _recalls(truth: list[str], predicted: list[str], classes: list[str] | None = None) -> list[float]:
    """Return the recall of each of `classes`, by default of all that occur in `truth`."""
    truth, predicted = np.array(truth), np.array(predicted)
    classes = np.unique(truth if classes is None else classes)
    return [float(np.mean(predicted[truth == label] == label)) for label in classes]


def _sound(facts: pd.DataFrame, pairs: pd.DataFrame) -> set[str]:
    return set(facts.path[facts.problem.isna() & ~facts.path.isin(pairs.path_b)])


def _facts(**problems: str | None) -> pd.DataFrame:
    paths = [f"{name}.jpg" for name in problems]
    return pd.DataFrame({"path": paths, "problem": pd.Series(list(problems.values()), dtype=object)})


def _pairs(*names: str) -> pd.DataFrame:
    columns = ["path_a", "path_b"]
    return pd.DataFrame([[f"{name}.jpg" for name in pair] for pair in names], columns=columns)


check_sound = Check(
    right=_sound,
    cases=(
        (_facts(a=None, b="is empty", c=None, d=None, e=None), _pairs("ad")),
        (_facts(a="is cut short", b=None, c=None, d=None, e=None, f=None), _pairs("bd", "be", "de", "cf")),
        (_facts(a=None, b=None), _pairs()),
        (_facts(c=None, b=None, a=None), _pairs("cb", "ca")),  # the first of a pair is not first by name
    ),
    slips=(
        Slip(
            lambda facts, pairs: set(facts.path[facts.problem.isna()]),
            "The damaged files are gone, but some pictures are still there twice. What do `pairs` say?",
        ),
        Slip(
            lambda facts, pairs: set(facts.path[~facts.path.isin(pairs.path_b)]),
            "Every picture is there once, but a file that cannot be read is still in the list.",
        ),
        Slip(
            lambda facts, pairs: set(
                facts.path[facts.problem.isna() & ~facts.path.isin([*pairs.path_a, *pairs.path_b])]
            ),
            "Of each pair you leave out both files, and the picture is lost. One of them may stay.",
        ),
        Slip(
            lambda facts, pairs: set(facts.path[facts.problem.isna() & ~facts.path.isin(pairs.path_a)]),
            "Every picture is there once, but the last of its files is kept. Keep the first one.",
        ),
        Slip(
            lambda facts, pairs: set(),
            "Nothing is left. In pandas, a comparison with None is never true: look for `isna`.",
        ),
        Slip(
            lambda facts, pairs: set(facts.path[facts.problem.notna()]),
            "These are the damaged files, the ones to leave out.",
        ),
    ),
    why="A file goes if it is damaged or if its picture came before. So each picture is there once.",
    otherwise="Return a list of paths: of the files without a problem, less the second file of each pair.",
)

check_balanced_accuracy = Check(
    right=lambda truth, predicted: float(np.mean(_recalls(truth, predicted))),
    cases=(
        (["cat"] * 8 + ["dog"] * 2, ["cat"] * 6 + ["dog"] * 3 + ["cat"]),
        (list("aaaabbcc"), list("aaabbaca")),
        (["cat"] * 8 + ["dog"] * 2, ["cat"] * 10),
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
            lambda truth, predicted: float(np.mean(_recalls(truth, predicted, predicted))),
            "A class that is never predicted does not count with you. Its recall is 0, and it should pull "
            "the mean down. From which of the two lists do you take the classes?",
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


def _middle(distances: np.ndarray, is_copy: np.ndarray) -> float:
    return (_choose_limit(distances, is_copy) + distances[~is_copy].min()) / 2


def _most_accurate(distances: np.ndarray, is_copy: np.ndarray) -> float:
    limits = np.sort(distances)
    return limits[np.argmax([np.mean((distances <= limit) == is_copy) for limit in limits])]


BETWEEN = (
    "No false alarm, and the same pairs are reported. But the limit asked for is the distance of a copy, "
    "and yours lies between two pairs."
)

check_choose_limit = Check(
    right=_choose_limit,
    cases=(
        (np.array([0.01, 0.09, 0.11, 0.12, 0.13, 0.2]), np.array([1, 1, 1, 0, 1, 0], bool)),
        (np.array([0.3, 0.02, 0.27, 0.25, 0.06]), np.array([0, 1, 1, 0, 1], bool)),
        (np.array([0.05, 0.06, 0.01, 0.07]), np.array([0, 1, 1, 1], bool)),
        (np.array([0.02, 0.05, 0.05, 0.08]), np.array([1, 0, 1, 1], bool)),
        (np.array([0.02, 0.05, 0.05, 0.08]), np.array([1, 1, 0, 1], bool)),
    ),
    slips=(
        Slip(
            lambda distances, is_copy: distances[is_copy].max(),
            "This limit misses no copy, but other pairs lie below it, too: false alarms. "
            "How close is the closest of them?",
        ),
        Slip(
            lambda distances, is_copy: distances[~is_copy].min(),
            "This is the distance of the closest pair that is no copy, or hardly less. A pair at the limit "
            "itself is reported, so go lower: down to the distance of a copy.",
        ),
        Slip(
            lambda distances, is_copy: distances[is_copy].min(),
            "No false alarm, but most copies are missed. How far can the limit go up before the first one?",
        ),
        Slip(
            lambda distances, is_copy: distances[is_copy & (distances <= distances[~is_copy].min())].max(),
            "Right but for a tie. A copy and another pair can lie at the same distance, and a limit "
            "there reports both.",
        ),
        Slip(
            _most_accurate,
            "This limit gets most pairs right, at the price of a false alarm in some cases. "
            "None is allowed here, however many copies it would bring.",
        ),
        Slip(_middle, BETWEEN),
        Slip(lambda distances, is_copy: distances[~is_copy].min() - 0.001, BETWEEN),
    ),
    why="As many copies as possible, and no false alarm. The price: copies that lie further away are missed.",
    otherwise="Find the closest pair that is no copy, then the furthest copy that is closer. "
    "The pairs come in no order.",
)
