"""Diagrams of an idea: boxes and arrows, and no data."""

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from .. import drawings
from . import figure as core

PALE_BLUE, PALE_ORANGE, PALE_GREY = "#CFE4F3", "#FBE3B0", "#EEEEEE"  # black text can be read on them


def transfer_learning() -> core.DescribedFigure:
    """Draw what transfer learning keeps of a trained network and what is new, and what each lesson does."""
    figure, axis = core.new_figure(8.4, 3.6)
    axis.set(xlim=(0, 10.5), ylim=(0, 4.4))
    axis.set_axis_off()
    axis.text(0.1, 4.1, "Done before, by others", weight="bold")
    axis.text(0.1, 2.15, "In this course", weight="bold")
    above, below = 3.3, 1.3
    rows = {
        above: (
            ("over a million\nphotos", PALE_GREY),
            ("base network\nturns a photo into numbers", PALE_BLUE),
            ("head", PALE_GREY),
            ("1,000 kinds\nof things", "white"),
        ),
        below: (
            ("", "white"),
            ("the same base network\nstarts with its weights", PALE_BLUE),
            ("new head", PALE_ORANGE),
            ("cat or dog", "white"),
        ),
    }
    lessons = (
        "lessons 1 to 3: look\nat them, split, vary",
        "lesson 5: fine-tune it",
        "lesson 4:\ntrain it",
    )
    about_all = "lesson 6: compare strategies"
    centres, widths = (1.0, 4.3, 7.2, 9.4), (1.8, 3.4, 1.3, 1.8)
    for height, boxes in rows.items():
        for centre, width, (text, colour) in zip(centres, widths, boxes, strict=True):
            _box(axis, centre, height, width, text, colour)
        for left, right, width, next_width in zip(centres, centres[1:], widths, widths[1:]):
            _arrow(axis, (left + width / 2, height), (right - next_width / 2, height))
    for number, kind in enumerate(("cat", "dog")):
        place = (0.2 + 0.82 * number, 0.98 + 0.82 * number, below - 0.4, below + 0.4)
        axis.imshow(drawings.draw_pet(kind, 3, 96), extent=place, zorder=2)  # in front of its box
    _arrow(axis, (centres[1], above - 0.45), (centres[1], below + 0.45), core.BLUE, 2.5)
    for centre, lesson in zip(centres, lessons):  # the answer has none
        axis.text(centre, 0.7, lesson, ha="center", va="top", fontsize=9)
    axis.text(5.25, 0, about_all, ha="center", va="bottom", fontsize=9)
    axis.set(aspect="auto", title="Keep what a network has learnt to see; train a new head on a few photos")
    return core.describe(
        figure,
        f"""Diagram of transfer learning, two rows of boxes. Done before, by others: over a million photos
        lead to a base network, to a head, to 1,000 kinds of things. In this course: photos of cats and dogs
        lead to the same base network, which starts with its weights, to a new head, to the answer cat or dog.
        Beneath: {"; ".join(" ".join(lesson.split()) for lesson in (*lessons, about_all))}.""",
    )


def _box(axis: Axes, centre: float, height: float, width: float, text: str, colour: str) -> None:
    place, size = (centre - width / 2 + 0.08, height - 0.37), (width - 0.16, 0.74)
    edge = core.GREY if text else "none"
    axis.add_patch(FancyBboxPatch(place, *size, "round,pad=0.08", facecolor=colour, edgecolor=edge))
    axis.text(centre, height, text, ha="center", va="center", fontsize=9)


def _arrow(
    axis: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str = "#555555",
    width: float = 1.2,
) -> None:
    axis.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=12, color=colour, linewidth=width)
    )
