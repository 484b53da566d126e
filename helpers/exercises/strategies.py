"""Lesson 6: a strategy for each data set, and strategies that nothing beats."""

from collections.abc import Mapping

from .checking import Check, Choice, Slip

HEAD, TUNED, SCRATCH = "head only", "fine-tune", "from scratch"

check_strategies = Choice(
    right={"birds": HEAD, "machine parts": TUNED, "seismograms": SCRATCH, "moles": HEAD},
    hints={
        (
            "birds",
            TUNED,
        ): "its lead is smaller than the margin. What does it cost, for a lead that may be chance?",
        "birds": "two strategies are far ahead of this one.",
        ("machine parts", HEAD): "it is the cheapest, but here the lead of another is wider than the margin.",
        "machine parts": "compare the three accuracies first.",
        (
            "seismograms",
            HEAD,
        ): "the cheapest, and behind by more than the margin. Does anything speak for transfer here?",
        "seismograms": "which accuracy is highest, and is the lead wider than the margin?",
        (
            "moles",
            SCRATCH,
        ): "the highest accuracy, by a lead within its margin. What else do the columns say?",
        "moles": "no lead here is wider than its margin. What decides then?",
    },
    why="A lead counts when it is wider than its margin; where none is, the cheapest does.",
)

Results = Mapping[str, tuple[float, float]]  # strategy -> accuracy, seconds


def _beaten(results: Results, name: str) -> bool:
    accuracy, seconds = results[name]
    return any(a >= accuracy and s <= seconds and (a, s) != (accuracy, seconds) for a, s in results.values())


check_pareto_optimal = Check(
    right=lambda results: {name for name in results if not _beaten(results, name)},
    cases=(
        ({"head": (0.90, 2), "tuned": (0.93, 40), "scratch": (0.65, 30), "half": (0.92, 15)},),
        ({"a": (0.8, 5), "b": (0.8, 9), "c": (0.9, 9), "d": (0.7, 4), "e": (0.85, 5)},),
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
