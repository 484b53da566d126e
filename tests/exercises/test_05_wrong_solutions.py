"""Lesson 5's exercises: what a learner may well write, wrong or right, and what is said of it."""

import math

import numpy as np
import pytest
from wrong_solutions import is_refused, of_checks

from helpers.exercises import check_early_stopping, check_interval, check_layers_that_learn

# --- exercise 1: which layers learn ---------------------------------------------------------------------


def from_first(network, first):
    return network[[name for name, _ in network].index(first) :]


def learning(layers):
    return [name for name, kind in layers if kind != "BatchNormalization"]


def later_in_the_alphabet(network, first):
    return learning([layer for layer in network if layer[0] >= first])


def the_flag_comes_too_late(network, first):
    """Appends before it looks whether it has come to `first`."""
    found, learns = [], False
    for name, kind in network:
        if learns and kind != "BatchNormalization":
            found.append(name)
        learns = learns or name == first
    return found


def stops_at_the_first_batch_norm(network, first):
    found = []
    for name, kind in from_first(network, first):
        if kind == "BatchNormalization":
            break
        found.append(name)
    return found


LAYERS = [
    ("batch norm, too", lambda n, f: [name for name, _ in from_first(n, f)], "keep its statistics"),
    ("the layers below", lambda n, f: learning(n[: -len(from_first(n, f))]), "the layers below"),
    ("below, with first", lambda n, f: [*learning(n[: -len(from_first(n, f))]), f], "the layers below"),
    ("first left out", the_flag_comes_too_late, "`first` learns as well"),
    ("no bn in the name", lambda n, f: [name for name, _ in from_first(n, f) if "bn" not in name],
     "by its name"),
    ("name ends in _bn", lambda n, f: [name for name, _ in from_first(n, f) if not name.endswith("_bn")],
     "by its name"),
    ("first ignored", lambda n, f: learning(n), "What does `first` say?"),
    ("first alone", lambda n, f: [f], "The layers above it"),
    ("with their kinds", lambda n, f: [layer for layer in from_first(n, f) if "Batch" not in layer[1]],
     "names alone"),
    ("batch norm alone", lambda n, f: [name for name, kind in from_first(n, f) if "Batch" in kind],
     "stay as they"),
    ("by the alphabet", later_in_the_alphabet, "From where on do they learn"),
    ("up to a batch norm", stops_at_the_first_batch_norm, "which of them do not"),
    ("how many", lambda n, f: len(learning(from_first(n, f))), "Walk through the layers"),
    ("convolutions", lambda n, f: [a for a, kind in from_first(n, f) if kind == "Conv2D"], "Walk through"),
    ("no norm", lambda n, f: [a for a, kind in from_first(n, f) if "Norm" not in kind], "Walk through"),
]  # fmt: skip

# --- exercise 2: early stopping -------------------------------------------------------------------------


def stopped(losses, patience, better=lambda loss, best: loss < best):
    best = 0
    for epoch, loss in enumerate(losses):
        if better(loss, losses[best]):
            best = epoch
        if epoch - best == patience:
            break
    return epoch + 1, best + 1


def never_reset(losses, patience):
    best, waited = 0, 0
    for epoch, loss in enumerate(losses[1:], start=1):
        if loss < losses[best]:
            best = epoch
        else:
            waited += 1
        if waited == patience:
            break
    return epoch + 1, best + 1


def the_previous(losses, patience):
    waited = 0
    for epoch in range(1, len(losses)):
        waited = waited + 1 if losses[epoch] >= losses[epoch - 1] else 0
        if waited == patience:
            break
    return epoch + 1, int(np.argmin(losses[: epoch + 1])) + 1


def all_epochs(losses, patience):
    return len(losses), int(np.argmin(losses)) + 1


def first_rise(losses, patience):
    for epoch in range(1, len(losses)):
        if losses[epoch] > losses[epoch - 1]:
            return epoch + patience, epoch
    return len(losses), len(losses)


STOPPING = [
    ("all epochs", all_epochs, "those after the stop never come about"),
    ("last weights", lambda x, p: (stopped(x, p)[0],) * 2, "which weights are put back"),
    ("one too late", lambda x, p: stopped(x, p + 1), "one epoch too long"),
    ("one too early", lambda x, p: stopped(x, p - 1), "one epoch too early"),
    ("from 0", lambda x, p: tuple(n - 1 for n in stopped(x, p)), "Count from 1"),
    ("swapped", lambda x, p: stopped(x, p)[::-1], "in the other order"),
    ("the one before", the_previous, "compare with the best so far"),
    ("never reset", never_reset, "set the counter back to 0"),
    ("a tie improves", lambda x, p: stopped(x, p, lambda loss, best: loss <= best), "equals the best"),
    ("patience ignored", lambda x, p: stopped(x, 1), "note the best so far"),
    ("losses, not epochs", lambda x, p: (x[stopped(x, p)[0] - 1], min(x[: stopped(x, p)[0]])), "by hand"),
    ("first rise", first_rise, "how long ago it was"),
    ("epochs alone", lambda x, p: stopped(x, p)[0], "Go through the losses"),
    ("hard-coded", lambda x, p: (4, 2), "Go through the losses"),
    ("by 0.09 at least", lambda x, p: stopped(x, p, lambda loss, best: loss < best - 0.09), "Go through"),
    ("two at least", lambda x, p: stopped(x, max(p, 2)), "Go through the losses"),
    ("never the first", lambda x, p: (stopped(x, p)[0], max(2, stopped(x, p)[1])), "Go through the losses"),
]  # fmt: skip

# --- exercise 3: the accuracies that fit ----------------------------------------------------------------

Z = 1.96


def fitting(right, n, error, steps=10_001):
    p = np.linspace(0, 1, steps)
    with np.errstate(all="ignore"):
        fits = np.abs(right / n - p) <= error(p)
    return p[fits].min(), p[fits].max()


def wilson(right, n, centre, half):
    p, shrink = right / n, 1 + Z**2 / n
    return centre(p, shrink) - half(p, shrink), centre(p, shrink) + half(p, shrink)


def without_shrinking(right, n):
    return wilson(right, n, lambda p, s: p + Z**2 / (2 * n),
                  lambda p, s: Z * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2)))  # fmt: skip


def wrong_precedence(right, n):
    return wilson(right, n, lambda p, s: (p + Z**2 / 2 * n) / s,
                  lambda p, s: Z / s * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2)))  # fmt: skip


def no_root(right, n):
    return wilson(right, n, lambda p, s: (p + Z**2 / (2 * n)) / s,
                  lambda p, s: Z / s * (p * (1 - p) / n + Z**2 / (4 * n**2)))  # fmt: skip


def about_p(right, n):
    return wilson(right, n, lambda p, s: p,
                  lambda p, s: Z / s * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2)))  # fmt: skip


def one_error_for_all(right, n):
    p = right / n
    return p - Z * math.sqrt(p * (1 - p) / n), p + Z * math.sqrt(p * (1 - p) / n)


def correct(right, n):
    return fitting(right, n, lambda p: Z * np.sqrt(p * (1 - p) / n))


INTERVAL = [
    ("one error for all p", one_error_for_all, "a standard error of its own"),
    ("one standard error", lambda r, n: fitting(r, n, lambda p: np.sqrt(p * (1 - p) / n)), "68 %"),
    ("no root", lambda r, n: fitting(r, n, lambda p: Z * p * (1 - p) / n), "a square root"),
    ("n is missing", lambda r, n: fitting(r, n, lambda p: Z * np.sqrt(p * (1 - p))), "number of photos"),
    ("steps of 0.01", lambda r, n: fitting(r, n, lambda p: Z * np.sqrt(p * (1 - p) / n), 101), "too coarse"),
    ("steps of 0.001", lambda r, n: fitting(r, n, lambda p: Z * np.sqrt(p * (1 - p) / n), 1001), "coarse"),
    ("swapped", lambda r, n: correct(r, n)[::-1], "in the other order"),
    ("in photos", lambda r, n: tuple(np.multiply(correct(r, n), n)), "divide by n"),
    ("Wilson, not divided", without_shrinking, "divided by 1 + z² / n"),
    ("Wilson, z**2 / 2 * n", wrong_precedence, "z**2 / (2 * n)"),
    ("Wilson, no root", no_root, "half width is a square root"),
    ("Wilson, about p", about_p, "drawn towards one half"),
    ("90 %", lambda r, n: fitting(r, n, lambda p: 1.645 * np.sqrt(p * (1 - p) / n)), "Which p fit?"),
    ("the width", lambda r, n: np.ptp(correct(r, n)), "Which p fit?"),
    ("all that fit", lambda r, n: np.linspace(*correct(r, n), 50), "Which p fit?"),
    ("hard-coded", lambda r, n: (0.95, 0.996), "Which p fit?"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "answer", "hint"),
    of_checks(
        layers=(check_layers_that_learn, LAYERS),
        stopping=(check_early_stopping, STOPPING),
        interval=(check_interval, INTERVAL),
    ),
)
def test_a_wrong_solution_gets_a_hint_that_is_true_of_it(check, answer, hint):
    is_refused(check, answer, hint)


# --- right in other words -------------------------------------------------------------------------------


def by_a_flag(network, first):
    found, learns = set(), False
    for name, kind in network:
        learns = learns or name == first
        if learns and "BatchNorm" not in kind:
            found.add(name)
    return found


def backwards(network, first):
    found = []
    for name, kind in reversed(network):
        if kind != "BatchNormalization":
            found.append(name)
        if name == first:
            return found


def with_a_counter(losses, patience):
    best, waited, kept = math.inf, 0, 0
    for epoch, loss in enumerate(losses, start=1):
        if loss < best:
            best, waited, kept = loss, 0, epoch
        else:
            waited += 1
        if waited >= patience:
            return epoch, kept
    return len(losses), kept


def by_minimum(losses, patience):
    for ran in range(1, len(losses) + 1):
        kept = losses.index(min(losses[:ran])) + 1
        if ran - kept == patience:
            break
    return [ran, kept]


def by_bisection(right, n):
    def end(low, high):
        for _ in range(50):
            middle = (low + high) / 2
            fits = abs(right / n - middle) <= Z * math.sqrt(middle * (1 - middle) / n)
            low, high = (middle, high) if fits else (low, middle)
        return low

    return end(right / n, 0), end(right / n, 1)


def by_a_loop(right, n):
    fit = [i / 10_000 for i in range(10_001)
           if abs(right / n - i / 10_000) <= Z * (i / 10_000 * (1 - i / 10_000) / n) ** 0.5]  # fmt: skip
    return min(fit), max(fit)


RIGHT = [
    (check_layers_that_learn, by_a_flag),
    (check_layers_that_learn, backwards),
    (check_layers_that_learn, lambda n, f: np.array(learning(from_first(n, f)))),
    (check_early_stopping, with_a_counter),
    (check_early_stopping, by_minimum),
    (check_early_stopping, lambda x, p: np.array(stopped(x, p))),
    (check_interval, by_bisection),
    (check_interval, by_a_loop),
    (check_interval, lambda r, n: wilson(r, n, lambda p, s: (p + Z**2 / (2 * n)) / s,
     lambda p, s: Z / s * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2)))),
]  # fmt: skip


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_a_right_solution_in_another_form_is_accepted(check, answer, capsys):
    check(answer)
    assert capsys.readouterr().out.startswith("Right.")
