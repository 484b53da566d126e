"""Lesson 1's exercises: what a learner may well write, wrong or right, and what is said of it."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, precision_score, recall_score
from wrong_solutions import is_refused, of_checks

from helpers.exercises import check_balanced_accuracy, check_choose_limit, check_sound

# --- exercise 1: the files that are fit to be trained on ------------------------------------------------


def reversed_pairs(facts, pairs):
    """Leave out the first of each pair and keep the other one."""
    return [p for p, why in zip(facts.path, facts.problem) if why is None and p not in set(pairs.path_a)]


def drop_duplicates(facts, pairs):
    return list(facts[facts.problem.isna()].drop_duplicates("path").path)


def compared_with_none(facts, pairs):
    sound = facts[facts.problem == None]  # noqa: E711
    return list(sound.path[~sound.path.isin(pairs.path_b)])


def compared_with_text(facts, pairs):
    sound = facts[facts.problem != "is empty"]
    return list(sound.path)


def in_a_series(facts, pairs):
    """`in` looks into the index of a Series, not at its values."""
    return [path for path in facts.path[facts.problem.isna()] if path not in pairs.path_b]


def one_pair_only(facts, pairs):
    """Right for the first pair alone."""
    return list(facts.path[facts.problem.isna() & ~facts.path.isin(pairs.path_b[:1])])


def first_of_each(facts, pairs):
    """Right if no picture had two copies."""
    copies = pairs.drop_duplicates("path_a").path_b
    return list(facts.path[facts.problem.isna() & ~facts.path.isin(copies)])


def last_of_each(facts, pairs):
    """The same: a dictionary keeps one copy of each first file."""
    copies = dict(zip(pairs.path_a, pairs.path_b)).values()
    return [path for path in facts.path[facts.problem.isna()] if path not in copies]


def later_by_name(facts, pairs):
    """Right if files were in the order of their names."""
    copies = set(pairs[["path_a", "path_b"]].max(axis=1))
    return [path for path in facts.path[facts.problem.isna()] if path not in copies]


def every_path_twice(facts, pairs):
    return 2 * by_loops(facts, pairs)


SOUND = [
    ("all files", lambda facts, pairs: list(facts.path), "Return a list of paths"),
    ("duplicates stay", lambda facts, pairs: list(facts.path[facts.problem.isna()]), "still there twice"),
    ("drop_duplicates by path", drop_duplicates, "still there twice"),
    ("in a Series", in_a_series, "still there twice"),
    ("damaged files stay", lambda facts, pairs: list(facts.path.drop(
        facts.index[facts.path.isin(pairs.path_b)])), "cannot be read is still in the list"),
    ("neither file of a pair", lambda facts, pairs: sorted(
        set(facts.path[facts.problem.isna()]) - set(pairs.path_a) - set(pairs.path_b)), "picture is lost"),
    ("the last of a pair", reversed_pairs, "Keep the first one"),
    ("compared with None", compared_with_none, "look for `isna`"),
    ("compared with a text", compared_with_text, "the files without a problem"),
    ("the damaged ones", lambda facts, pairs: list(facts.path[facts.problem.notna()]), "ones to leave out"),
    ("the pairs' files", lambda facts, pairs: list(pairs.path_b), "Return a list of paths"),
    ("how many", lambda facts, pairs: len(facts) - len(pairs), "Return a list of paths"),
    ("a table", lambda facts, pairs: facts[facts.problem.isna() & ~facts.path.isin(pairs.path_b)],
     "Return a list of paths"),
    ("one pair only", one_pair_only, "less the second file of each pair"),
    ("one copy of each, the first", first_of_each, "less the second file of each pair"),
    ("one copy of each, the last", last_of_each, "less the second file of each pair"),
    ("the later by name", later_by_name, "less the second file of each pair"),
    ("every path twice", every_path_twice, "more than once"),
]  # fmt: skip

# --- exercise 2: balanced accuracy ----------------------------------------------------------------------


def mean_recall(truth, predicted, classes):
    truth, predicted = np.array(truth), np.array(predicted)
    return np.mean([np.mean(predicted[truth == label] == label) for label in classes])


def one_against_the_rest(truth, predicted):
    """Mean over classes of the accuracy of "this class or not"."""
    truth, predicted = np.array(truth), np.array(predicted)
    return np.mean([np.mean((truth == label) == (predicted == label)) for label in np.unique(truth)])


def weighted_by_class(truth, predicted):
    return recall_score(truth, predicted, average="weighted")


BALANCED = [
    ("plain accuracy", accuracy_score, "plain accuracy"),
    ("classes of predicted", lambda t, p: mean_recall(t, p, np.unique(p)), "never predicted does not count"),
    ("mean of precisions", lambda t, p: precision_score(t, p, average="macro", zero_division=0),
     "look at those before you take the mean"),
    ("mean of precisions, of those predicted", lambda t, p: mean_recall(p, t, np.unique(p)),
     "how often each class was predicted"),
    ("one against the rest", one_against_the_rest, "look at those before you take the mean"),
    ("weighted by size", weighted_by_class, "plain accuracy"),
    ("sum", lambda t, p: 2 * mean_recall(t, p, np.unique(t)), "before you take the mean"),
    ("list of recalls", lambda t, p: [mean_recall(t, p, [label]) for label in np.unique(t)],
     "before you take the mean"),
    ("recall of the last class", lambda t, p: mean_recall(t, p, [np.unique(t)[-1]]), "The others have one"),
    ("cats and dogs only", lambda t, p: mean_recall(t, p, ["cat", "dog"]), "before you take the mean"),
    ("always 0.5", lambda t, p: 0.5, "before you take the mean"),
    ("best recall", lambda t, p: max(mean_recall(t, p, [label]) for label in set(t)), "before you take"),
    ("median of the recalls", lambda t, p: np.median([mean_recall(t, p, [label]) for label in set(t)]),
     "before you take the mean"),
    ("middle of best and worst", lambda t, p: np.mean([pick(mean_recall(t, p, [label]) for label in set(t))
                                                       for pick in (min, max)]), "before you take the mean"),
]  # fmt: skip

# --- exercise 3: a limit for near-duplicates ------------------------------------------------------------


def most_accurate(distances, is_copy):
    return max(sorted(distances), key=lambda limit: np.mean((distances <= limit) == is_copy))


def up_to_the_first_other(distances, is_copy):
    """Right if the pairs were sorted."""
    last = 0
    for distance, copy in zip(distances, is_copy):
        if not copy:
            break
        last = distance
    return last


def largest_gap(distances, is_copy):
    distances = np.sort(distances)
    return distances[np.argmax(np.diff(distances))]


def just_below(distances, is_copy):
    return distances[~is_copy].min() - 0.001


def sorted_with_copies_first(distances, is_copy):
    """Right but for a tie in which the copy happens to come first."""
    order = np.argsort(distances, kind="stable")
    return distances[order][np.argmin(is_copy[order]) - 1]


def a_hair_below(distances, is_copy):
    return np.nextafter(distances[~is_copy].min(), 0)


LIMIT = [
    ("all copies", lambda d, c: d[c].max(), "How close is the closest of them?"),
    ("first false alarm", lambda d, c: d[~c].min(), "the closest pair that is no copy, or hardly less"),
    ("a hair below it", a_hair_below, "the closest pair that is no copy, or hardly less"),
    ("sorted, at a tie copies first", sorted_with_copies_first, "Find the closest pair that is no copy"),
    ("closest copy", lambda d, c: d[c].min(), "most copies are missed"),
    ("tie", lambda d, c: d[c & (d <= d[~c].min())].max(), "Right but for a tie"),
    ("best accuracy", most_accurate, "price of a false alarm"),
    ("middle", lambda d, c: (d[c & (d < d[~c].min())].max() + d[~c].min()) / 2, "between two pairs"),
    ("assumes an order", up_to_the_first_other, "The pairs come in no order"),
    ("largest gap", largest_gap, "The pairs come in no order"),
    ("a little below", just_below, "yours lies between two pairs"),
    ("furthest other pair", lambda d, c: d[~c].max(), "the closest pair that is no copy"),
    ("the course's limit", lambda d, c: 0.07, "the closest pair that is no copy"),
    ("mean of the copies", lambda d, c: d[c].mean(), "the furthest copy"),
    ("largest gap between copies", lambda d, c: np.sort(d[c])[np.argmax(np.diff(np.sort(d[c])))],
     "the furthest copy that is closer"),
    ("closer than the first other in the list", lambda d, c: d[c & (d < d[~c][0])].max(),
     "the closest pair that is no copy"),
    ("all that are right", lambda d, c: d[c & (d < d[~c].min())], "the furthest copy"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "answer", "hint"),
    of_checks(
        sound=(check_sound, SOUND),
        balanced=(check_balanced_accuracy, BALANCED),
        limit=(check_choose_limit, LIMIT),
    ),
)
def test_a_wrong_solution_gets_a_hint_that_is_true_of_it(check, answer, hint):
    is_refused(check, answer, hint)


# --- right in other words -------------------------------------------------------------------------------


def by_loops(facts, pairs):
    left_out = set()
    for pair in pairs.itertuples():
        left_out.add(pair.path_b)
    return [row.path for row in facts.itertuples() if row.problem is None and row.path not in left_out]


def by_merge(facts, pairs):
    merged = facts.merge(pairs, left_on="path", right_on="path_b", how="left")
    return merged.path[merged.path_b.isna() & merged.problem.isna()].unique()


def by_counting(truth, predicted):
    found, there = {}, {}
    for true, said in zip(truth, predicted):
        there[true] = there.get(true, 0) + 1
        found[true] = found.get(true, 0) + (true == said)
    return sum(found[label] / there[label] for label in there) / len(there)


def by_sorting(distances, is_copy):
    limit = 0
    for distance, copy in sorted(zip(distances, is_copy)):  # at a tie, False comes before True
        if not copy:
            return limit
        limit = distance


RIGHT = [
    (check_sound, by_loops),
    (check_sound, by_merge),
    (check_sound, lambda f, p: f[f.problem.isna() & ~f.path.isin(p.path_b)]["path"]),
    (check_balanced_accuracy, by_counting),
    (check_balanced_accuracy, lambda t, p: recall_score(t, p, average="macro")),
    (check_balanced_accuracy, lambda t, p: mean_recall(t, p, set(t))),
    (check_choose_limit, by_sorting),
    (check_choose_limit, lambda d, c: max(x for x, copy in zip(d, c) if copy and x < min(d[~c]))),
    (check_choose_limit, lambda d, c: np.max(d[(d < np.min(d[~c])) & c])),
]


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_a_right_solution_in_another_form_is_accepted(check, answer, capsys):
    check(answer)
    assert capsys.readouterr().out.startswith("Right.")
