"""Lesson 3: a rotation about the centre, the mistakes in a pipeline."""

import cv2
import numpy as np

from .checking import Check, Choice, Slip


def _rotation(x: float, y: float, angle: float) -> np.ndarray:
    return cv2.getRotationMatrix2D((x, y), angle, 1)


def _centre_rotation(height: int, width: int, angle: float) -> np.ndarray:
    return _rotation((width - 1) / 2, (height - 1) / 2, angle)


check_centre_rotation = Check(
    right=_centre_rotation,
    cases=((101, 101, 90), (200, 300, 15), (40, 30, -20)),
    slips=(
        Slip(
            lambda height, width, angle: _rotation(width, height, angle),
            "The turn is about the lower right corner. Which point should stay where it is?",
        ),
        Slip(
            lambda height, width, angle: _rotation(0, 0, angle),
            "The turn is about the top left pixel (0, 0): the last column is empty. "
            "What keeps another point in its place?",
        ),
        Slip(
            lambda height, width, angle: _rotation(width / 2, height / 2, angle),
            "Half a pixel off. Pixels are numbered from 0 to width − 1: "
            "of three pixels 0, 1, 2, which is the middle?",
        ),
        Slip(
            lambda height, width, angle: _rotation((height - 1) / 2, (width - 1) / 2, angle),
            "Right for squares. For other pictures, x and y have changed places: "
            "which one belongs to the width?",
        ),
        Slip(
            lambda height, width, angle: _centre_rotation(height, width, -angle),
            "The turn goes clockwise. y counts downwards, so one of the two sines changes its sign.",
        ),
        Slip(
            lambda height, width, angle: _centre_rotation(height, width, np.degrees(angle)),
            "The centre is right, the angle is not: NumPy's cos and sin take radians.",
        ),
    ),
    why="The centre stays where it is, for every size and angle.",
    otherwise="Multiply your matrix with (x, y, 1) for the centre (x, y): it should come back as (x, y).",
)

check_pipeline = Choice(
    right=dict(zip("ABCDEFGH", ["fine", "mistake", "mistake", "fine", "fine", "mistake", "mistake", "fine"])),
    hints={
        "A": "nothing is stretched, and the animal is mostly in the middle. Section 6.3 does the same.",
        "B": "section 6.2: what does a factor do to numbers whose mean is 0?",
        "C": "section 6.1: which point stays where it is?",
        "D": "section 2.1: what would the network see at the edges otherwise?",
        "E": "section 1: is a mirrored cat still a cat?",
        "F": "section 8: what becomes of the last 31 photos of 1,119?",
        "G": "section 6.4: is the same picture shown in every epoch?",
        "H": "section 8: where else could a label come from, and what goes wrong there?",
    },
    why="Four mistakes, and none of them would have stopped the training or given a warning.",
)
