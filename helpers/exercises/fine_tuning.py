"""Lesson 5: which layers learn, when to stop, how sure a test result is."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest

from .checking import Check, Slip

Layers = Sequence[tuple[str, str]]

# Neither is each batch normalisation called "bn", nor has only such a layer these letters in its name.
_NETWORK = [
    ("stem_conv", "Conv2D"),
    ("stem_norm", "BatchNormalization"),
    ("block1_conv", "Conv2D"),
    ("block1_bn", "BatchNormalization"),
    ("subnet_conv", "Conv2D"),
    ("subnet_bn", "BatchNormalization"),
    ("block2_conv", "Conv2D"),
    ("block2_depthwise", "DepthwiseConv2D"),
    ("block2_norm", "BatchNormalization"),
    ("top_conv", "Conv2D"),
    ("top_norm", "LayerNormalization"),
    ("dense", "Dense"),
]


def _split(layers: Layers, first: str) -> tuple[Layers, Layers]:
    """Return the layers below `first`, and those from there on."""
    start = [name for name, _ in layers].index(first)
    return layers[:start], layers[start:]


def _without_batch_norm(layers: Layers) -> set[str]:
    return {name for name, kind in layers if kind != "BatchNormalization"}


_BY_NAME = (
    "You tell batch normalisation by its name. Here a layer of that kind is called `stem_norm`, and "
    "`subnet_conv` is none: go by the kind."
)
_BELOW = "These are the layers below. Which end of the network holds what belongs to the old task?"

check_layers_that_learn = Check(
    right=lambda layers, first: _without_batch_norm(_split(layers, first)[1]),
    cases=((_NETWORK, "block2_conv"), (_NETWORK, "stem_conv"), (_NETWORK, "block1_bn")),
    slips=(
        Slip(
            lambda layers, first: {name for name, _ in _split(layers, first)[1]},
            "The right part of the network, but one kind of layer in it is to keep its statistics.",
        ),
        Slip(lambda layers, first: _without_batch_norm(_split(layers, first)[0]), _BELOW),
        Slip(lambda layers, first: _without_batch_norm(_split(layers, first)[0]) | {first}, _BELOW),
        Slip(
            lambda layers, first: _without_batch_norm(_split(layers, first)[1][1:]),
            "Nearly: the layer `first` learns as well.",
        ),
        Slip(lambda layers, first: {n for n, _ in _split(layers, first)[1] if "bn" not in n}, _BY_NAME),
        Slip(lambda layers, first: {n for n, _ in _split(layers, first)[1] if n[-3:] != "_bn"}, _BY_NAME),
        Slip(
            lambda layers, first: _without_batch_norm(layers),
            "This is the whole network without batch normalisation. What does `first` say?",
        ),
        Slip(
            lambda layers, first: {first},
            "This is one layer. The layers above it learn as well.",
        ),
        Slip(
            lambda layers, first: {pair for pair in _split(layers, first)[1] if pair[1][:5] != "Batch"},
            "The right layers. Return their names alone, without the kinds.",
        ),
        Slip(
            lambda layers, first: {name for name, kind in _split(layers, first)[1] if kind[:5] == "Batch"},
            "These are the ones that stay as they are.",
        ),
    ),
    why="From `first` to the top, batch normalisation left as it was: what `transfer.unfreeze` does.",
    otherwise="Walk through the layers in order. From where on do they learn, and which of them do not?",
)


def _early_stopping(losses: Sequence[float], patience: int, tie: bool = False) -> tuple[int, int]:
    """Stop as the exercise says; with `tie`, a loss equal to the best counts as an improvement."""
    for ran in range(1, len(losses) + 1):
        seen = list(losses[:ran])
        kept = ran - seen[::-1].index(min(seen)) if tie else seen.index(min(seen)) + 1
        if ran - kept >= patience:
            break
    return ran, kept


def _counting(losses: Sequence[float], patience: int, against_previous: bool) -> tuple[int, int]:
    """Stop by a counter: one that any fall sets back to 0, or one that nothing sets back."""
    waited = 0
    for epoch in range(1, len(losses)):
        if against_previous:
            waited = 0 if losses[epoch] < losses[epoch - 1] else waited + 1
        else:
            waited += losses[epoch] >= min(losses[:epoch])
        if waited >= patience:
            break
    ran = losses[: epoch + 1]
    return len(ran), ran.index(min(ran)) + 1


check_early_stopping = Check(
    right=_early_stopping,
    cases=(
        ([0.9, 0.5, 0.6, 0.55, 0.58, 0.3], 2),
        ([0.9, 0.5, 0.6, 0.55, 0.7, 0.8, 0.9, 0.1], 3),
        ([0.5, 0.4, 0.3], 2),
        ([0.9, 0.95, 0.5, 0.6, 0.4, 0.45, 0.3], 3),
        ([0.5, 0.4, 0.4, 0.45, 0.3], 2),
        ([0.3, 0.4, 0.5, 0.2], 2),
        ([0.5, 0.499, 0.498, 0.6, 0.4], 1),
    ),
    slips=(
        Slip(
            lambda losses, patience: (len(losses), losses.index(min(losses)) + 1),
            "You looked at all epochs. In real training those after the stop never come about.",
        ),
        Slip(
            lambda losses, patience: (_early_stopping(losses, patience)[0],) * 2,
            "It stops where it should. But the last epoch is not the best one: which weights are put back?",
        ),
        Slip(
            lambda losses, patience: _early_stopping(losses, patience + 1),
            "It waits one epoch too long: after `patience` epochs without improvement, it is over.",
        ),
        Slip(
            lambda losses, patience: _early_stopping(losses, patience - 1),
            "It stops one epoch too early: the best loss may be `patience` epochs old, and no older.",
        ),
        Slip(
            lambda losses, patience: tuple(n - 1 for n in _early_stopping(losses, patience)),
            "Right, if epochs were counted from 0. Count from 1.",
        ),
        Slip(
            lambda losses, patience: _early_stopping(losses, patience)[::-1],
            "The right numbers in the other order: first how many epochs were run, then the best of them.",
        ),
        Slip(
            lambda losses, patience: _counting(losses, patience, against_previous=True),
            "You compare each loss with the one before it. A loss that falls back a little after a jump "
            "is no improvement: compare with the best so far.",
        ),
        Slip(
            lambda losses, patience: _counting(losses, patience, against_previous=False),
            "You count all epochs without improvement. Each improvement has to set the counter back to 0.",
        ),
        Slip(
            lambda losses, patience: _early_stopping(losses, patience, tie=True),
            "You take a loss that equals the best for an improvement. It is none: the count goes on.",
        ),
    ),
    why="The best epoch so far is remembered; patience counts from there.",
    otherwise="Go through the losses by hand, and note the best so far and how long ago it was.",
)


def _interval(right: int, n: int, level: float = 0.95) -> tuple[float, float]:
    return tuple(binomtest(right, n).proportion_ci(level, method="wilson"))


def _wilson(
    right: int, n: int, shrinks: bool = True, n_below: bool = True, root: bool = True
) -> tuple[float, float]:
    """Return what Wilson's formula gives, or what it gives with one part left out."""
    p, z, shrink = right / n, 1.96, 1 + 1.96**2 / n if shrinks else 1
    centre = (p + (z**2 / (2 * n) if n_below else z**2 / 2 * n)) / shrink
    variance = p * (1 - p) / n + z**2 / (4 * n**2)
    half = z / shrink * (math.sqrt(variance) if root else variance)
    return centre - half, centre + half


def _about_measured(right: int, n: int, half: float) -> tuple[float, float]:
    return right / n - half, right / n + half


def _that_fit(right: int, n: int, root: bool = True, over: int | None = None, step: float = 1e-5) -> tuple:
    """Return the lowest and the highest accuracy that fits, by another measure of what fits."""
    accuracies = np.linspace(0, 1, round(1 / step) + 1)
    error = accuracies * (1 - accuracies) / (over or n)
    fits = abs(right / n - accuracies) <= 1.96 * (np.sqrt(error) if root else error)
    return accuracies[fits].min(), accuracies[fits].max()


_COARSE = "The right idea in steps that are too coarse: try p in steps of 0.0001."
_IN_PHOTOS = "These are numbers of photos. An accuracy lies between 0 and 1: divide by n."

check_interval = Check(
    right=_interval,
    cases=((138, 140), (278, 350), (20, 20)),
    slips=(
        Slip(
            lambda right, n: _about_measured(right, n, 1.96 * math.sqrt(right / n * (1 - right / n) / n)),
            "You took the standard error at right / n, for all p alike. With 20 of 20 right it leaves no "
            "doubt at all. Each p has a standard error of its own.",
        ),
        Slip(
            lambda right, n: _interval(right, n, level=0.6827),
            "This is one standard error, which stands for 68 %. For 95 % it is 1.96 of them.",
        ),
        Slip(
            lambda right, n: _about_measured(right, n, (_interval(right, n)[1] - _interval(right, n)[0]) / 2),
            "The width is right, but it is laid about right / n. Its middle is drawn towards one half.",
        ),
        Slip(
            lambda right, n: _that_fit(right, n, root=False),
            "The standard error is a square root: √(p · (1 − p) / n).",
        ),
        Slip(
            lambda right, n: _that_fit(right, n, over=1),
            "The number of photos is missing from the standard error: the more there are, the smaller it is.",
        ),
        Slip(lambda right, n: _that_fit(right, n, step=1e-2), _COARSE),
        Slip(lambda right, n: _that_fit(right, n, step=1e-3), _COARSE),
        Slip(
            lambda right, n: _interval(right, n)[::-1],
            "The right numbers in the other order: first the lowest, then the highest.",
        ),
        Slip(lambda right, n: np.multiply(_that_fit(right, n, step=1e-4), n), _IN_PHOTOS),
        Slip(lambda right, n: np.multiply(_interval(right, n), n), _IN_PHOTOS),
        Slip(
            lambda right, n: _wilson(right, n, shrinks=False),
            "In Wilson's formula centre and half width are both divided by 1 + z² / n.",
        ),
        Slip(
            lambda right, n: _wilson(right, n, n_below=False),
            "In Wilson's formula n stands below the line. Python reads `z**2 / 2 * n` as z² · n / 2: "
            "write `z**2 / (2 * n)`.",
        ),
        Slip(
            lambda right, n: _wilson(right, n, root=False),
            "In Wilson's formula the half width is a square root.",
        ),
    ),
    why="Even 20 of 20 right leaves a doubt, and no end of the interval lies beyond 0 or 1.",
    otherwise="Print a few p, their standard errors, and how far away right / n lies. Which p fit?",
)
