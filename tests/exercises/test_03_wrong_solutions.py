"""Lesson 3's exercises against answers that learners write: each wrong one is told what is wrong with it."""

import cv2
import numpy as np
import pytest
from wrong_solutions import is_refused

from helpers import exercises


def square(matrix):
    return np.vstack([matrix, [0, 0, 1]])


def parts(height, width, angle, x=None, y=None, degrees=False, clockwise=False):
    """Return the three maps: to the corner, the turn about it, and back."""
    x = (width - 1) / 2 if x is None else x
    y = (height - 1) / 2 if y is None else y
    angle = angle if degrees else np.radians(angle)
    cos, sin = np.cos(angle), np.sin(angle) * (-1 if clockwise else 1)
    return (
        square([[1, 0, -x], [0, 1, -y]]),
        square([[cos, sin, 0], [-sin, cos, 0]]),
        square([[1, 0, x], [0, 1, y]]),
    )


def composed(height, width, angle, **changed):
    to_corner, turn, back = parts(height, width, angle, **changed)
    return (back @ turn @ to_corner)[:2]


def third_row_kept(height, width, angle):
    to_corner, turn, back = parts(height, width, angle)
    return back @ turn @ to_corner


def reversed_order(height, width, angle):
    to_corner, turn, back = parts(height, width, angle)
    return (to_corner @ turn @ back)[:2]


def no_way_back(height, width, angle):
    to_corner, turn, _ = parts(height, width, angle)
    return (turn @ to_corner)[:2]


def not_moved_first(height, width, angle):
    _, turn, back = parts(height, width, angle)
    return (back @ turn)[:2]


def turn_alone(height, width, angle):
    return parts(height, width, angle)[1][:2]


WRONG_ROTATIONS = {
    "third row kept": (third_row_kept, "a row too many"),
    "reversed order": (reversed_order, "wrong order"),
    "no way back": (no_way_back, "What brings it back?"),
    "not moved first": (not_moved_first, "What has to come before the turn?"),
    "turn about the pixel (0, 0)": (turn_alone, "about the top left pixel"),
    "width / 2": (lambda h, w, a: composed(h, w, a, x=w / 2, y=h / 2), "Half a pixel off"),
    "width // 2": (lambda h, w, a: composed(h, w, a, x=w // 2, y=h // 2), "rounds down"),
    "the tutorial's corner": (lambda h, w, a: composed(h, w, a, x=w, y=h), "lower right corner"),
    "x and y exchanged": (lambda h, w, a: composed(h, w, a, x=(h - 1) / 2, y=(w - 1) / 2), "changed places"),
    "224 pixels only": (lambda h, w, a: composed(h, w, a, x=111.5, y=111.5), "from `height` and `width`"),
    "clockwise": (lambda h, w, a: composed(h, w, a, clockwise=True), "clockwise"),
    "degrees": (lambda h, w, a: composed(h, w, a, degrees=True), "radians"),
    "whole numbers": (lambda h, w, a: composed(h, w, a).round(), "give (x, y) back"),
    "rows for columns": (lambda h, w, a: composed(h, w, a).T, "2 rows and 3 columns"),
}

RIGHT_ROTATIONS = {
    "OpenCV's own": lambda h, w, a: cv2.getRotationMatrix2D(((w - 1) / 2, (h - 1) / 2), a, 1),
    "a list": lambda h, w, a: composed(h, w, a).tolist(),
    "by hand": lambda h, w, a: (
        lambda c, s, x, y: np.array([[c, s, x - c * x - s * y], [-s, c, y + s * x - c * y]])
    )(np.cos(np.radians(a)), np.sin(np.radians(a)), (w - 1) / 2, (h - 1) / 2),
}

PIPELINE = dict(zip("ABCDEFGH", ["fine", "mistake", "mistake", "fine", "fine", "mistake", "mistake", "fine"]))
RANGES = dict(zip("ABCDEFGH", ["keep", "change", "keep", "change", "change", "keep", "change", "keep"]))


def wrong_choices(right, other):
    """Return answers that differ from the right one, with what their hint must contain."""
    each = {letter: ({**right, letter: other[choice]}, f"{letter}: ") for letter, choice in right.items()}
    words = list(right.values())
    return each | {
        "all alike": (dict.fromkeys(right, "mistake" if "mistake" in words else "change"), "A: "),
        "a list": (words, "Return a dictionary with the keys A"),
        "letters of one kind": (
            [letter for letter in right if right[letter] == words[1]],
            "Return a dictionary",
        ),
        "truth values": (
            {letter: choice == words[0] for letter, choice in right.items()},
            "is no choice here",
        ),
        "one left out": (
            {letter: right[letter] for letter in "ABCDEFG"},
            "Return a dictionary with the keys",
        ),
        "capital letters": (
            {letter: choice.upper() for letter, choice in right.items()},
            "is no choice here",
        ),
    }


WRONG = [
    *(
        (exercises.check_centre_rotation, name, answer, hint)
        for name, (answer, hint) in WRONG_ROTATIONS.items()
    ),
    *(
        (check, name, lambda answer=answer: answer, hint)
        for check, right, other in (
            (exercises.check_pipeline, PIPELINE, {"fine": "mistake", "mistake": "fine"}),
            (exercises.check_ranges, RANGES, {"keep": "change", "change": "keep"}),
        )
        for name, (answer, hint) in wrong_choices(right, other).items()
    ),
]


@pytest.mark.parametrize(
    "check, name, answer, hint", WRONG, ids=[f"{name}-{n}" for n, (_, name, *_) in enumerate(WRONG)]
)
def test_a_wrong_answer_is_refused_with_its_hint(check, name, answer, hint):
    is_refused(check, answer, hint)


@pytest.mark.parametrize("answer", RIGHT_ROTATIONS.values(), ids=RIGHT_ROTATIONS)
def test_another_right_rotation_is_accepted(answer, capsys):
    exercises.check_centre_rotation(answer)
    assert capsys.readouterr().out.startswith("Right.")


@pytest.mark.parametrize(
    "check, right",
    [(exercises.check_pipeline, PIPELINE), (exercises.check_ranges, RANGES)],
    ids=["pipeline", "ranges"],
)
def test_another_right_choice_is_accepted(check, right, capsys):
    for answer in (right, dict(reversed(right.items())), {**dict.fromkeys(right, "?"), **right}):
        check(lambda answer=answer: answer)
    assert capsys.readouterr().out.count("Right.") == 3
