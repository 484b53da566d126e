"""Dividing a data set into parts: stratified, near-duplicates together; class weights, resampling."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from . import checks, language, runtime, survey

# scikit-learn is imported by the functions that use it: it takes most of a second.


def near_duplicate_groups(data: pd.DataFrame, max_distance: float = 0.07) -> np.ndarray:
    """Number the groups of near-duplicates: int array `(n,)`, equal numbers for images that belong together.

    An image without near-duplicates is a group of its own. If a resembles b, and b resembles c, all
    three form one group. Rows with one path are one group. Groups are numbered as they first appear. See
    `survey.find_near_duplicates` for `max_distance` and errors.

    Example:
        >>> data = datasets.draw_pets(12, seed=0, near_duplicates=2)
        >>> splits.near_duplicate_groups(data)
        array([0, 1, 2, 3, 4, 0, 5, 6, 7, 8, 9, 5])

    See also: `survey.find_near_duplicates` for the pairs.
    """
    checks.table(data, "path")
    file, paths = pd.factorize(data["path"])
    group = np.arange(len(paths))
    # Band by band, keeping what hangs together: of many pictures that are alike there are too many pairs.
    for a, b, _ in survey.close_pairs(pd.DataFrame({"path": paths}), max_distance):
        a, b = group[a], group[b]
        new = a != b
        links = coo_array((np.ones(new.sum()), (a[new], b[new])), shape=(len(paths), len(paths)))
        group = connected_components(links, directed=False)[1][group]
    return pd.factorize(group[file])[0]


def split(
    data: pd.DataFrame,
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    seed: int = 0,
    groups: Sequence[int] | None = None,
    max_distance: float = 0.07,
) -> tuple[pd.DataFrame, ...]:
    """Divide `data` into one part for each of `fractions`, such as training, validation and test.

    Every part holds its fraction of every class, to within one image unless larger groups prevent
    it: one line says so where a group is larger than the smallest part was to be. No group is divided.
    Rows keep their order and their index. The same `seed` gives the same parts.

    Args:
        data: a table with the columns `path` and `label`.
        fractions: two or more positive numbers whose sum is 1.
        seed: decides which images go where.
        groups: one number an image; those with the same number stay together. By default, the
            near-duplicates that are found in the images; `range(len(data))` switches this off.
        max_distance: how far apart near-duplicates may be, see `near_duplicate_groups`. Without effect
            where `groups` are given.

    Raises:
        ValueError: the fractions do not fit, or a class is too small to be in every part, or is missing
            from one since groups are too large; or copies of one picture could land in several parts.

    Example:
        >>> data = datasets.draw_pets(20, seed=0)
        >>> train, val, test = splits.split(data, fractions=(0.6, 0.2, 0.2), seed=0)
        >>> len(train), len(val), len(test)
        (12, 4, 4)
        >>> test["label"].value_counts().to_dict()
        {'cat': 2, 'dog': 2}

    See also: `folds`, which holds every image out once.
    """
    _check_fractions(fractions)
    _check_table(data, seed)
    classes, label = np.unique(data["label"], return_inverse=True)
    targets = _whole_numbers(fractions, np.bincount(label))
    if targets.min() == 0:
        smallest = targets.min(axis=0).argmin()
        raise checks.CourseError(
            f"Class '{classes[smallest]}' has {(label == smallest).sum()} images, too few to be in all "
            f"{len(fractions)} parts: fractions={tuple(fractions)} needs {_fewest(fractions)}. "
            "Add images to it, leave it out, or make the smallest part larger."
        )
    group = _group_numbers(data, groups, max_distance)
    part = _assign(group, label, targets, seed)
    parts = [np.flatnonzero(part == number) for number in range(len(fractions))]
    _check_parts(parts, targets.sum(axis=1).min(), classes, label, group, groups is not None)
    return tuple(data.iloc[rows] for rows in parts)


def folds(
    data: pd.DataFrame,
    n_folds: int = 5,
    seed: int = 0,
    groups: Sequence[int] | None = None,
    max_distance: float = 0.07,
) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """Return `n_folds` pairs (training part, held-out part): every image is held out in one of them.

    Stratified, with groups kept together, by scikit-learn's `StratifiedGroupKFold`. `seed`, `groups` and
    `max_distance` as in `split`.

    Raises:
        ValueError: fewer than two folds, or a class with fewer images than folds, or one that is missing
            from a part since groups are too large; or copies of one picture could land in several parts.

    Example:
        >>> data = datasets.draw_pets(12, seed=0)
        >>> for train, held_out in splits.folds(data, n_folds=3):
        ...     print(len(train), "to train on,", len(held_out), "held out")
        8 to train on, 4 held out
        8 to train on, 4 held out
        8 to train on, 4 held out

    See also: `split`, `evaluate.cross_validate`.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    checks.whole_number("n_folds", n_folds, 2)
    _check_table(data, seed, runtime.LARGEST_SEED)
    classes, label = np.unique(data["label"], return_inverse=True)
    counts = np.bincount(label)
    if counts.min() < n_folds:
        raise checks.CourseError(
            f"Class '{classes[counts.argmin()]}' has {counts.min()} images, too few for n_folds={n_folds}: "
            f"each fold needs one. Add images until there are {n_folds}, leave it out, or make fewer folds."
        )
    group = _group_numbers(data, groups, max_distance)
    folder = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    enough = group.max() + 1 >= n_folds
    pairs = list(folder.split(data, label, group)) if enough else [([], [])]
    parts = [rows for pair in pairs for rows in pair]
    _check_parts(parts, len(data) // n_folds, classes, label, group, groups is not None)
    return [(data.iloc[rest], data.iloc[held_out]) for rest, held_out in pairs]


def class_weights(labels: Iterable) -> dict:
    """Return a weight for each class such that all classes weigh the same: n / (n_classes · n_of_class).

    The keys are the labels as they are: from `ImageBatches.labels` one gets the `{0: …, 1: …}` that
    Keras's `fit` takes as `class_weight`.

    Example:
        >>> splits.class_weights(["cat"] * 8 + ["dog"] * 2)
        {'cat': 0.625, 'dog': 2.5}
    """
    from sklearn.utils.class_weight import compute_class_weight

    labels = pd.DataFrame({"label": list(labels)})
    checks.table(labels, "label", name="labels")
    if labels.empty:
        raise checks.CourseError("labels is empty. Give the label of each picture.")
    labels = labels["label"].to_numpy()
    classes = np.unique(labels)
    weights = compute_class_weight("balanced", classes=classes, y=labels)
    return dict(zip(classes.tolist(), weights.tolist(), strict=True))


def _check_table(data: pd.DataFrame, seed: int, largest_seed: int | None = None) -> None:
    checks.table(data, "path", "label")
    checks.whole_number("seed", seed, 0, largest_seed)
    if len(data) == 0:
        raise checks.CourseError("data has 0 rows. Give at least one picture a class.")


def _group_numbers(data: pd.DataFrame, groups: Sequence[int] | None, max_distance: float) -> np.ndarray:
    """Number the groups from 0 on: int `(n,)`. Refuse copies of one picture that do not stay together."""
    number = np.arange(len(data))
    if groups is not None:
        checks.same_length(data=data, groups=groups)
        number = pd.factorize(pd.Series(list(groups)), sort=True)[0]
        if number.min() < 0:
            raise checks.CourseError(
                f"groups has no value in row {number.argmin()}. Give every picture a group, "
                "a number of its own where you know none."
            )
    repeated = (pd.Series(number).groupby(data["path"].to_numpy()).nunique() > 1).sum()
    if repeated:
        paths = "1 path" if repeated == 1 else f"{repeated} paths"
        raise checks.CourseError(
            f"data holds {paths} more than once: copies of one picture would land in several parts. "
            "Split first, then repeat pictures of the training part."
        )
    return near_duplicate_groups(data, max_distance) if groups is None else number


def _check_parts(
    parts: Sequence[np.ndarray],
    smallest: int,
    classes: np.ndarray,
    label: np.ndarray,
    group: np.ndarray,
    given: bool,
) -> None:
    """Refuse parts (rows) that lack a class; say so if a group is larger than the `smallest` was to be."""
    sizes = np.bincount(group)
    shared = sizes[sizes > 1]
    found = (
        f"{shared.sum()} of {len(group)} pictures fell into {len(shared)} group{'s' * (len(shared) != 1)} of "
        f"{'groups=' if given else 'near-duplicates'}, the largest with {sizes.max()}"
    )
    mend = (
        "Give smaller groups, or fewer and larger parts."
        if given
        else "Look at survey.find_near_duplicates(data); give a smaller max_distance, "
        "or groups= (patients, films; range(len(data)) switches it off)."
    )
    for rows in parts:
        lacking = np.bincount(label[rows], minlength=len(classes)) == 0
        if lacking.any():
            raise checks.CourseError(
                f"{found}: a part would hold no picture of class '{classes[lacking.argmax()]}'. {mend}"
            )
    if sizes.max() > smallest:
        language.say(
            f"{found}, where the smallest part was to have {smallest}: parts differ from that. {mend}"
        )


def _check_fractions(fractions: Sequence[float]) -> None:
    numbers = list(fractions) if isinstance(fractions, Sequence | np.ndarray) else []
    for fraction in numbers:
        checks.number("fractions", fraction)
    if len(numbers) < 2 or min(numbers) <= 0 or not np.isclose(sum(numbers), 1):
        raise checks.CourseError(
            f"fractions={checks.shown(fractions)} cannot divide a data set. "
            "Give two or more positive numbers whose sum is 1, such as (0.8, 0.1, 0.1)."
        )


def _whole_numbers(fractions: Sequence[float], counts: np.ndarray) -> np.ndarray:
    """Round `fractions` of each class's count to whole images that add up: int `(n_parts, n_classes)`."""
    # Rounding the running sums, rather than each number, leaves no image over.
    borders = np.round(np.outer(np.cumsum(fractions), counts) + 1e-9).astype(int)
    return np.diff(borders, axis=0, prepend=0)


def _fewest(fractions: Sequence[float]) -> int:
    """Return with how many images a class is in every part: from there on, always."""
    counts = np.arange(1, 2 + int(np.ceil(2 / min(fractions))))
    return int(counts[(_whole_numbers(fractions, counts) == 0).any(axis=0)].max(initial=0)) + 1


def _assign(group: np.ndarray, label: np.ndarray, targets: np.ndarray, seed: int) -> np.ndarray:
    """Choose a part for each image, group by group: int `(n,)`.

    scikit-learn divides with strata or with groups, or with both into equal folds, but not with both
    into given fractions. So: groups in random order, the larger ones first; each goes to the part
    that lacks the largest share of what it is to have. Single images come last and fill every gap.
    """
    per_group = np.zeros((group.max() + 1, targets.shape[1]), int)
    np.add.at(per_group, (group, label), 1)
    order = np.random.default_rng(seed).permutation(len(per_group))
    order = order[np.argsort(-per_group[order].sum(axis=1), kind="stable")]
    missing = targets.copy()
    chosen = np.empty(len(per_group), int)
    for number in order:
        counts = per_group[number]
        chosen[number] = (missing @ counts / (targets @ counts)).argmax()
        missing[chosen[number]] -= counts
    return chosen[group]
