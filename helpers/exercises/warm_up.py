"""Lesson 4: pixels as a network expects them, weights that train, the cause of a bad result."""

import numpy as np

from .checking import Check, Choice, Slip

check_preprocess = Check(
    right=lambda pixels: np.asarray(pixels, float) / 127.5 - 1,
    cases=(
        (np.array([0.0, 51.0, 127.5, 255.0]),),
        (np.array([[0, 100], [200, 255]], np.uint8),),
        (np.array([50, 100], np.uint8),),  # neither black nor white is in it
        (np.array([0, 1], np.uint8),),  # dark enough to be taken for scaled already
    ),
    slips=(
        *(
            Slip(
                guessed,
                "A dark picture is mistaken for one that is scaled already: it has no pixel above 1. "
                "All of yours are from 0 to 255.",
            )
            for guessed in (
                lambda pixels: pixels / 127.5 - 1 if pixels.max() > 1 else pixels,
                lambda pixels: pixels / 127.5 - 1 if pixels.max() > 1 else pixels * 2.0 - 1,
            )
        ),
        Slip(
            lambda pixels: pixels / 255,
            "From 0 to 1: right for other networks. Black should come out as −1.",
        ),
        Slip(
            lambda pixels: pixels / 255 - 0.5,
            "Centred on 0, but half as wide as it should be: −0.5 to 0.5.",
        ),
        Slip(
            lambda pixels: pixels * 2 / 255 - 1,
            "Right on decimals, wrong on 8-bit pixels: 2 × 200 does not fit into 8 bits, and starts again "
            "from 0. Which step makes a decimal of it?",
        ),
        Slip(
            lambda pixels: np.asarray(pixels, float) / 255 * 2,
            "As wide as it should be, 0 to 2, and not yet centred on 0.",
        ),
        Slip(lambda pixels: 1 - pixels / 127.5, "Turned round: black comes out as 1, and white as −1."),
        Slip(
            lambda pixels: pixels / 128 - 1,
            "Nearly: white comes out a little below 1. How many steps are there from 0 to 255?",
        ),
        Slip(
            lambda pixels: np.round(pixels / 127.5 - 1), "Right at the ends. What lies between them is lost."
        ),
        Slip(lambda pixels: pixels // 127.5 - 1, "`//` leaves out what comes behind the point."),
        *(
            Slip(
                stretched,
                "Stretched by each picture's own darkest or brightest pixel: without black or white in it, a "
                "picture gets another contrast. The network expects the same scale for every picture.",
            )
            for stretched in (
                lambda p: 2 * (np.asarray(p, float) - np.min(p)) / (np.max(p) - float(np.min(p))) - 1,
                lambda p: 2 * (p - np.min(p)) / (np.max(p) - np.min(p)) - 1,  # in 8 bits
                lambda p: 2 * (np.asarray(p, float) / np.max(p)) - 1,
                lambda p: 2 * p / np.max(p) - 1,  # in 8 bits
            )
        ),
        Slip(
            lambda pixels: (pixels - np.mean(pixels)) / np.std(pixels),
            "A z-score, which depends on the picture. Black should be −1 in every picture, white 1.",
        ),
    ),
    why="Black is −1, white is 1, in every picture, and 8-bit pixels come out as decimals.",
    otherwise="What becomes of 0, of 255, and of 127.5 between them?",
)


def _inputs(channels: int, places: int, pooling: str) -> int:
    return channels * places if pooling == "flatten" else channels


check_trainable_weights = Check(
    right=lambda channels, places, outputs, pooling: (_inputs(channels, places, pooling) + 1) * outputs,
    cases=(
        (1024, 49, 1, "average"),
        (1280, 49, 3, "average"),
        (512, 49, 1, "flatten"),
        (320, 16, 10, "flatten"),
    ),
    slips=(
        Slip(
            lambda channels, places, outputs, pooling: _inputs(channels, places, pooling) * outputs,
            "The weights are right; each output has a bias as well.",
        ),
        Slip(
            lambda channels, places, outputs, pooling: _inputs(channels, places, pooling) * outputs + 1,
            "Right for one output. How many biases have three outputs?",
        ),
        Slip(
            lambda channels, places, outputs, pooling: (channels + 1) * outputs,
            "Right for average pooling. What does Flatten hand to the head?",
        ),
        Slip(
            lambda channels, places, outputs, pooling: (channels * places + 1) * outputs,
            "Right for Flatten. What is left of the places after average pooling?",
        ),
        Slip(
            lambda channels, places, outputs, pooling: (
                (_inputs(channels, places, "average" if pooling == "flatten" else "flatten") + 1) * outputs
            ),
            "The two poolings are swapped: which of them keeps every place?",
        ),
        Slip(
            lambda channels, places, outputs, pooling: (_inputs(places, channels, pooling) + 1) * outputs,
            "Places and channels are swapped: which of them does average pooling average away?",
        ),
        Slip(
            lambda channels, places, outputs, pooling: _inputs(channels, places, pooling) + 1,
            "Right for one output. Each further output has weights and a bias of its own.",
        ),
        Slip(
            lambda channels, places, outputs, pooling: (_inputs(channels, places**2, pooling) + 1) * outputs,
            "`places` is the number of all places already: 49 for 7 × 7.",
        ),
    ),
    why="With the base frozen, the head is all that trains: a weight for each input of each output, "
    "and a bias for each output.",
    otherwise="How many numbers enter the head, and how many weights does one output have for them?",
)

OVERFITTING, IMBALANCED = "overfitting", "imbalanced classes"
TOO_SMALL, TOO_LARGE = "learning rate too small", "learning rate too large"

check_diagnosis = Choice(
    right=dict(zip("ABCD", (OVERFITTING, TOO_SMALL, IMBALANCED, TOO_LARGE))),
    hints={
        ("A", IMBALANCED): "its classes are even. Compare training with validation.",
        "A": "this model learnt its training photos well enough. What about those it had not seen?",
        ("B", OVERFITTING): "there is no gap between training and validation: nothing was learnt by heart.",
        "B": "the loss falls in every epoch. By how much?",
        ("C", OVERFITTING): "training and validation agree. What would a constant answer score?",
        "C": "compare its accuracy with the share of the larger class.",
        ("D", OVERFITTING): "the training loss itself is bad, and does not settle.",
        "D": "look at its loss epoch by epoch, in comparison with a coin's 0.69.",
    },
    why="Each cause has a sign of its own. B and D show that accuracies alone do not always tell.",
)
