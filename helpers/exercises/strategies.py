"""Lesson 6: the lead of one strategy over another with its margin, and strategies that nothing beats."""

from collections.abc import Callable, Mapping

import numpy as np

from .checking import Check, Slip

T = {5: 2.776, 10: 2.262}  # Student's, by the number of pairs


def _margin(spread: Callable, t: Callable = T.get) -> Callable:
    """Return an answer to the exercise that measures the spread of the pairs in its own way."""

    def lead_and_margin(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
        return float(np.mean(one - other)), float(t(len(one)) * spread(one, other))

    return lead_and_margin


def _right(one: np.ndarray, other: np.ndarray) -> float:
    return np.std(one - other, ddof=1) / np.sqrt(len(one))


def _turned(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    return _margin(_right)(other, one)


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    return np.sqrt((np.var(one, ddof=1) + np.var(other, ddof=1)) / len(one))


def _interval(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    lead, margin = _margin(_right)(one, other)
    return lead - margin, lead + margin


check_lead = Check(
    right=_margin(_right),
    cases=(
        (np.array([0.81, 0.74, 0.90, 0.69, 0.86]), np.array([0.78, 0.72, 0.86, 0.68, 0.77])),
        (
            np.array([0.61, 0.66, 0.58, 0.70, 0.63, 0.65, 0.60, 0.68, 0.62, 0.64]),
            np.array([0.64, 0.65, 0.62, 0.71, 0.68, 0.64, 0.66, 0.69, 0.65, 0.63]),
        ),
    ),
    slips=(
        Slip(
            _margin(_apart),
            "These are two strategies measured apart. Here each pair had the same pictures: take the "
            "differences first, then their spread.",
        ),
        Slip(
            _margin(lambda one, other: np.std(one - other) / np.sqrt(len(one))),
            "NumPy's `std` divides by n. The spread of a sample divides by n − 1: `ddof=1`.",
        ),
        Slip(
            _margin(lambda one, other: np.std(one - other, ddof=1)),
            "That is how far single pairs lie apart. Their mean varies less, by a factor of √n.",
        ),
        Slip(
            _margin(lambda one, other: np.std(one - other, ddof=1) / len(one)),
            "The spread of a mean is that of a single pair divided by √n, not by n.",
        ),
        Slip(
            _margin(_right, t=lambda n: 1.96),
            "1.96 is for a spread that is known. Of so few pairs it is estimated: take t from `T`.",
        ),
        Slip(
            _margin(_right, t=lambda n: T[5]),
            "Right for five pairs. With another number of pairs, t is another.",
        ),
        Slip(
            lambda one, other: (float(np.median(one - other)), _margin(_right)(one, other)[1]),
            "That is the median of the differences. The margin is the mean's, and so is the lead.",
        ),
        Slip(
            _turned,
            "The lead is that of the first over the second; it is negative where the first is behind.",
        ),
        Slip(_interval, "These are the two ends of the interval. Return the lead and the margin."),
        Slip(
            _margin(lambda one, other: 2 * _right(one, other)),
            "That is the whole width of the interval. The margin is half of it.",
        ),
        Slip(
            _margin(lambda one, other: np.std(one, ddof=1) / np.sqrt(len(one))),
            "That is the spread of one strategy alone. What counts is how much the differences vary.",
        ),
    ),
    why="Paired, what makes some draws of pictures hard for both cancels out, and the margin is smaller.",
    otherwise="Compute the differences, their mean, their standard deviation and √n one by one.",
)

Results = Mapping[str, tuple[float, float]]  # strategy -> accuracy, seconds


def _beaten(results: Results, name: str) -> bool:
    accuracy, seconds = results[name]
    return any(a >= accuracy and s <= seconds and (a, s) != (accuracy, seconds) for a, s in results.values())


check_pareto_optimal = Check(
    right=lambda results: {name for name in results if not _beaten(results, name)},
    cases=(
        (
            {
                "head": (0.90, 2),
                "tuned": (0.93, 40),
                "scratch": (0.65, 30),
                "half": (0.92, 15),
                "raw": (0.6, 1.9),
            },
        ),
        ({"a": (0.8, 5), "b": (0.8, 9), "c": (0.9, 9), "d": (0.7, 4), "e": (0.85, 5)},),
        ({"a": (0.9, 2), "b": (0.8, 3)},),
        ({"a": (0.9, 2), "b": (0.9, 2), "c": (0.5, 1), "d": (0.8, 2)},),
    ),
    slips=(
        Slip(
            lambda results: {
                max(results, key=lambda name: results[name][0]),
                min(results, key=lambda name: results[name][1]),
            },
            "The most accurate and the cheapest are among them. What about one that lies between the two "
            "on both counts?",
        ),
        Slip(
            lambda results: {name for name in results if _beaten(results, name)},
            "These are the ones that are beaten: the other way round.",
        ),
        Slip(
            lambda results: {
                name
                for name, own in results.items()
                if not _beaten(results, name) and list(results.values()).count(own) == 1
            },
            "Two strategies with the same numbers do not beat one another: neither is better in anything.",
        ),
        Slip(
            lambda results: set(),
            "Nothing is left: does each strategy beat itself? Compare it with the others only.",
        ),
        Slip(
            lambda results: {
                name
                for name, (accuracy, seconds) in results.items()
                if not any(a > accuracy or s < seconds for a, s in results.values())
            },
            "A strategy that is better on one count alone beats nothing: it has to be no worse on the other.",
        ),
        Slip(
            lambda results: {
                name
                for name, (accuracy, seconds) in results.items()
                if not any(
                    a >= accuracy and s >= seconds and (a, s) != (accuracy, seconds)
                    for a, s in results.values()
                )
            },
            "Here a strategy is beaten by one that takes longer. Less time is better.",
        ),
        Slip(
            lambda results: {max(results, key=lambda name: results[name][0])},
            "That is the most accurate one alone. What of those that are less accurate, and cheaper?",
        ),
        Slip(
            lambda results: {min(results, key=lambda name: results[name][1])},
            "That is the cheapest one alone. What of those that cost more, and are more accurate?",
        ),
        Slip(
            lambda results: {max(results, key=lambda name: results[name][0] / results[name][1])},
            "Accuracy a second weighs the two against each other; to be beaten needs no weighing.",
        ),
        Slip(
            lambda results: {
                name
                for name, (accuracy, seconds) in results.items()
                if not any(a > accuracy and s < seconds for a, s in results.values())
            },
            "Nearly. A strategy is also beaten by one that is as accurate in less time, "
            "or more accurate in the same time.",
        ),
    ),
    why="For each of these, whoever wants more accuracy has to pay with time.",
    otherwise="Take two strategies at a time: is one of them at least as good on both counts?",
)
