"""Lesson 3: the mistakes in a pipeline, ranges that leave labels alone, a rotation about the centre."""

import cv2
import numpy as np

from .checking import Check, Choice, Slip


def _rotation(x: float, y: float, angle: float) -> np.ndarray:
    return cv2.getRotationMatrix2D((x, y), angle, 1)


def _centre_rotation(height: int, width: int, angle: float) -> np.ndarray:
    return _rotation((width - 1) / 2, (height - 1) / 2, angle)


def _product(height: int, width: int, angle: float, order: str) -> np.ndarray:
    """Multiply the moves to the corner and back and the turn about it, in an order such as "btc"."""
    back = np.array([[1, 0, (width - 1) / 2], [0, 1, (height - 1) / 2], [0, 0, 1]])
    turn = np.vstack([_rotation(0, 0, angle), [0, 0, 1]])
    maps = {"b": back, "t": turn, "c": np.linalg.inv(back)}
    product = np.eye(3)
    for name in order:
        product = product @ maps[name]
    return product[:2]


check_centre_rotation = Check(
    right=_centre_rotation,
    cases=((101, 101, 90), (200, 300, 15), (40, 30, -20)),
    slips=(
        Slip(
            lambda height, width, angle: np.vstack([_centre_rotation(height, width, angle), [0, 0, 1]]),
            "The turn is right, and the matrix has a row too many: `cv2.warpAffine` takes 2 rows. "
            "Leave out the third, which only the multiplying needed.",
        ),
        Slip(
            lambda height, width, angle: _product(height, width, angle, "ctb"),
            "The three maps are multiplied in the wrong order: the one that comes first stands on the right.",
        ),
        Slip(
            lambda height, width, angle: _product(height, width, angle, "tc"),
            "The centre has gone to the corner and been turned there. What brings it back?",
        ),
        Slip(
            lambda height, width, angle: _product(height, width, angle, "bt"),
            "The turn is still about the top left pixel, and the picture is moved afterwards. "
            "What has to come before the turn?",
        ),
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
            lambda height, width, angle: _rotation(width // 2, height // 2, angle),
            "Up to half a pixel off: `//` rounds down, and the centre may lie between two pixels.",
        ),
        Slip(
            lambda height, width, angle: _rotation(111.5, 111.5, angle),
            "Right for 224 × 224 pixels alone. Work the centre out from `height` and `width`.",
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
    otherwise="It should have 2 rows and 3 columns and, multiplied with (x, y, 1) for the centre (x, y), "
    "give (x, y) back. By a positive angle, what lies to the right of the centre comes to lie above it.",
)

check_pipeline = Choice(
    right=dict(zip("ABCDEFGH", ["fine", "mistake", "mistake", "fine", "fine", "mistake", "mistake", "fine"])),
    hints={
        "A": "nothing is stretched, and the animal is mostly in the middle. `images.fit` cuts it out, too.",
        "B": "section 6.2: what does a factor do to numbers whose mean is 0?",
        "C": "section 6.1: which point stays where it is?",
        "D": "sections 3.1 and 3.3: what would fill the edges otherwise? How often is a picture sampled?",
        "E": "section 1: is a mirrored cat still a cat?",
        "F": "section 8: which photos are left out, and are they other ones the next time?",
        "G": "section 6.3: is the same picture shown in every epoch?",
        "H": "section 8: where else could a label come from, and what goes wrong there?",
    },
    why="Four mistakes, and none of them would have stopped the training or given a warning.",
)

check_ranges = Choice(
    right=dict(zip("ABCDEFGH", ["keep", "change", "keep", "change", "change", "keep", "change", "keep"])),
    hints={
        "A": "would you tell the mirrored pet from one that was photographed from its other side?",
        "B": "what is a 6 called that stands on its head?",
        "C": "which way is up for a camera that looks straight down?",
        "D": "which of the two classes does the mirrored sign belong to?",
        "E": "by what do you tell the two classes apart, and what becomes of it in the dark?",
        "F": "would a hand that holds the camera a little askew make it another animal?",
        "G": "on which side of the chest does the picture show the heart, and what do the classes say?",
        "H": "a tenth at each edge is cut off: is the leaf in the middle another one then?",
    },
    why="A transform is allowed where you would give the changed picture the same label, and nowhere else.",
)
