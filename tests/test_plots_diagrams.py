from helpers import plots


def test_the_diagram_of_transfer_learning_says_what_is_kept_and_what_is_new():
    figure = plots.transfer_learning()
    drawn = {" ".join(text.get_text().split()) for text in figure.axes[0].texts}
    assert {"Done before, by others", "In this course", "new head", "cat or dog"} <= drawn
    assert "the same base network, which starts with its weights, to a new head" in figure.alt_text


def test_every_lesson_has_its_place_in_the_diagram():
    figure = plots.transfer_learning()
    drawn = " ".join(text.get_text() for text in figure.axes[0].texts)
    for lesson in ("lessons 1 to 3", "lesson 4", "lesson 5", "lesson 6"):
        assert lesson in drawn and lesson in figure.alt_text


def test_the_drawn_pets_lie_in_front_of_their_box():
    axis = plots.transfer_learning().axes[0]
    assert len(axis.images) == 2
    assert min(image.zorder for image in axis.images) > max(patch.zorder for patch in axis.patches)
