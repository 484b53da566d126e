"""Lesson 5: which layers learn, when to stop, how sure a test result is."""

import math
from collections.abc import Sequence

from scipy.stats import binomtest

from .checking import Check, Slip

Layers = Sequence[tuple[str, str]]

_NETWORK = [
    ("stem_conv", "Conv2D"),
    ("stem_bn", "BatchNormalization"),
    ("block1_conv", "Conv2D"),
    ("block1_bn", "BatchNormalization"),
    ("block2_conv", "Conv2D"),
    ("block2_bn", "BatchNormalization"),
    ("top_conv", "Conv2D"),
]


def _layers_that_learn(layers: Layers, first: str, skip: int = 0, lower: bool = False) -> set[str]:
    start = [name for name, _ in layers].index(first) + skip
    part = layers[:start] if lower else layers[start:]
    return {name for name, kind in part if kind != "BatchNormalization"}


check_layers_that_learn = Check(
    right=_layers_that_learn,
    cases=((_NETWORK, "block2_conv"), (_NETWORK, "stem_conv"), (_NETWORK, "block1_bn")),
    slips=(
        Slip(
            lambda layers, first: {name for name, _ in layers[[n for n, _ in layers].index(first) :]},
            "The right part of the network, but one kind of layer in it is to keep its statistics.",
        ),
        Slip(
            lambda layers, first: _layers_that_learn(layers, first, lower=True),
            "These are the layers below. Which end of the network holds what belongs to the old task?",
        ),
        Slip(
            lambda layers, first: _layers_that_learn(layers, first, skip=1),
            "Nearly: the layer `first` learns as well.",
        ),
    ),
    why="From `first` to the top, batch normalisation left as it was: what `transfer.unfreeze` does.",
    otherwise="Walk through the layers in order. From where on do they learn, and which of them do not?",
)


def _early_stopping(losses: Sequence[float], patience: int) -> tuple[int, int]:
    for ran in range(1, len(losses) + 1):
        kept = losses.index(min(losses[:ran])) + 1
        if ran - kept >= patience:
            break
    return ran, kept


def _against_the_previous(losses: Sequence[float], patience: int) -> tuple[int, int]:
    waited = 0
    for epoch in range(1, len(losses)):
        waited = 0 if losses[epoch] < losses[epoch - 1] else waited + 1
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
            lambda losses, patience: tuple(n - 1 for n in _early_stopping(losses, patience)),
            "Right, if epochs were counted from 0. Count from 1.",
        ),
        Slip(
            _against_the_previous,
            "You compare each loss with the one before it. A loss that falls back a little after a jump "
            "is no improvement: compare with the best so far.",
        ),
    ),
    why="The best epoch so far is remembered; patience counts from there.",
    otherwise="Go through the losses by hand, and note the best so far and how long ago it was.",
)


def _interval(right: int, n: int, level: float = 0.95) -> tuple[float, float]:
    return tuple(binomtest(right, n).proportion_ci(level, method="wilson"))


def _plain_interval(right: int, n: int) -> tuple[float, float]:
    p = right / n
    half = 1.96 * math.sqrt(p * (1 - p) / n)
    return p - half, p + half


check_interval = Check(
    right=_interval,
    cases=((138, 140), (278, 350), (20, 20)),
    slips=(
        Slip(
            _plain_interval,
            "The simple formula, p ± 1.96·√(p(1 − p)/n). With 20 of 20 right it leaves no doubt at all. "
            "Wilson's formula adds terms with z²/n.",
        ),
        Slip(
            lambda right, n: _interval(right, n, level=0.6827),
            "z = 1 stands for 68 %. For 95 % it is 1.96.",
        ),
        Slip(
            lambda right, n: tuple(
                right / n + sign * (_interval(right, n)[1] - _interval(right, n)[0]) / 2 for sign in (-1, 1)
            ),
            "The half width is right, but it is laid about p. Wilson's centre is drawn towards one half.",
        ),
    ),
    why="Even 20 of 20 right leaves a doubt, and no end of the interval lies beyond 0 or 1.",
    otherwise="Compute p, the centre and the half width one by one, and compare 278 of 350 with lesson 2.",
)
