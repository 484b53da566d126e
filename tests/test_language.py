"""What learners read, in the language that COURSE_LANGUAGE names: figures, hints and errors."""

from string import Formatter

import polib
import pytest

from helpers import checks, exercises, language
from helpers.course import messages
from helpers.exercises.checking import Check, Choice, NotRight
from helpers.plots.figure import describe, new_figure

CATALOGUE = polib.pofile(str(language.FOLDER / "vi.po"), encoding="utf-8")


def fields(message: str) -> set[str]:
    return {field for _, field, _, _ in Formatter().parse(message) if field is not None}


@pytest.fixture
def vietnamese(tmp_path, monkeypatch):
    """Let learners read Vietnamese, of which these words are known."""
    file = polib.POFile()
    file.metadata = {"Content-Type": "text/plain; charset=UTF-8"}
    for english, translation in {
        "{0} of {1} images": "trong {1} ảnh có {0}",
        "{0} of {1} images are lost": "mất {0} trong {1} ảnh",
        "an image": "một ảnh",
        "and": "và",
        "width": "chiều rộng",
        "cats": "mèo",
        "Give {{{0}}}.": "Hãy cho {{{0}}}.",
        "Not right yet.": "Chưa đúng.",
        "Right.": "Đúng.",
        "Not known.": "",
    }.items():
        file.append(polib.POEntry(msgid=english, msgstr=translation))
    file.save(str(tmp_path / "vi.po"))
    monkeypatch.setattr(language, "FOLDER", tmp_path)
    monkeypatch.setenv("COURSE_LANGUAGE", "vi")


@pytest.mark.parametrize(
    ("english", "translation"),
    [
        ("an image", "một ảnh"),
        ("3 of 5 images", "trong 5 ảnh có 3"),
        ("3 of 5 images are lost", "mất 3 trong 5 ảnh"),  # the longest that fits
        ("an image of cats images", "trong mèo ảnh có một ảnh"),  # fields, too
        ("cats: 3 of 5 images", "mèo: trong 5 ảnh có 3"),  # put together by the code
        ("an image\nwidth", "một ảnh\nchiều rộng"),
        ("Give {x}.", "Hãy cho {x}."),
        ("an image and cats", "một ảnh và mèo"),
        ("two and two", "two và two"),
        ("Not right yet. Try this.", "Chưa đúng. Try this."),
        ("Not known.", "Not known."),
        ("a sentence without translation", "a sentence without translation"),
    ],
)
def test_a_text_is_translated_as_far_as_it_is_known(vietnamese, english, translation):
    assert language.translated(english) == translation


def test_in_an_error_names_stay_as_they_are_typed(vietnamese):
    assert str(checks.CourseError("cats of an image images")) == "trong an image ảnh có cats"
    assert str(checks.CourseError("an image")) == "một ảnh"
    assert str(checks.CourseError("1 of 2 images, 3 of 4 images are lost")).startswith(
        "trong 2 ảnh có 1, mất 3"
    )


@pytest.mark.parametrize("chosen", [None, "", "en", "xx"])
def test_what_is_in_no_catalogue_is_in_english(vietnamese, monkeypatch, chosen):
    monkeypatch.delenv("COURSE_LANGUAGE")
    if chosen is not None:
        monkeypatch.setenv("COURSE_LANGUAGE", chosen)
    assert language.translated("3 of 5 images") == "3 of 5 images"


def a_figure():
    figure, axis = new_figure()
    axis.barh(["cats", "dogs"], [1, 2], label="an image")
    axis.set(xlabel="width", title="3 of 5 images")
    axis.legend()
    return describe(figure, "3 of 5 images.")


def test_a_figure_speaks_it_when_it_is_shown(vietnamese):
    figure = a_figure()
    content, metadata = figure._repr_mimebundle_()
    (axis,) = figure.axes
    said = [axis.get_title(), axis.get_xlabel(), axis.get_legend().get_texts()[0].get_text()]
    assert said == ["trong 5 ảnh có 3", "chiều rộng", "một ảnh"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["mèo", "dogs"]
    assert metadata["image/png"]["alt"] in content["text/plain"]


def test_in_english_a_figure_is_as_it_was(vietnamese, monkeypatch):
    monkeypatch.setenv("COURSE_LANGUAGE", "en")
    figure = a_figure()
    content, _ = figure._repr_mimebundle_()
    assert content["text/plain"] == "Figure: 3 of 5 images."
    assert figure.axes[0].get_yticklabels()[0].get_text() == "cats"


@pytest.mark.parametrize("kind", [checks.CourseError, checks.MissingFile, checks.DataError, NotRight])
def test_an_error_speaks_it(vietnamese, kind):
    with pytest.raises(kind, match="trong 5 ảnh có 3"):
        raise kind("3 of 5 images")
    assert "trong 5 ảnh có 3" in kind("3 of 5 images")._render_traceback_()[-1]


def test_a_check_speaks_it(vietnamese, capsys):
    check = Check(right=lambda n: n, cases=((1,),), slips=(), why="an image", otherwise="Not known.")
    check(lambda n: n)
    assert capsys.readouterr().out == "Đúng. một ảnh\n"
    with pytest.raises(NotRight, match=r"^Chưa đúng\. "):
        check(lambda n: 2)


# --- what the source says -------------------------------------------------------------------------------


SOURCE = '''"""A module, which nobody sees."""

NAME = "a_name"


def draw(axis, n):
    """Not shown."""
    axis.set(xlabel="width", color="red")
    axis.set_title(f"{n:.0f} of {n + 1} images{', none lost' if n else ''}")
    axis.set_xticks([0, 1], ["cats", "dogs"])
    if n < 0:
        raise ValueError("n is {n}. Give more, " f"at least {n!r}.")
    return re.compile(r"two words \\\\d (?:and)")
'''


def test_messages_are_found_in_the_source(tmp_path):
    (tmp_path / "plots.py").write_text(SOURCE, encoding="utf-8")
    assert set(messages.messages(tmp_path)) == {
        "and",
        "none",  # between others, and in their place
        "width",
        "cats",
        "dogs",
        "{0} of {1} images{2}",
        ", none lost",
        "n is {{n}}. Give more, at least {0}.",
    }


def test_a_message_is_what_the_code_would_say(tmp_path):
    """Numbered fields, filled in, give back what Python makes of the f-string."""
    (tmp_path / "a.py").write_text('said = f"{{x}} of {n} and {n + 1:.2f} images"', encoding="utf-8")
    *_, message = messages.messages(tmp_path)
    assert message.format(3, "4.00") == "{x} of 3 and 4.00 images"


# --- what is translated ---------------------------------------------------------------------------------


def test_a_translation_has_no_field_that_its_message_has_not():
    for entry in CATALOGUE.translated_entries():
        assert fields(entry.msgstr) <= fields(entry.msgid), entry.msgid
        entry.msgstr.format(*range(100))


def test_every_message_of_the_catalogue_is_in_the_source():
    """What is not is found by no reader: `make translate` brings the file up to date."""
    assert {entry.msgid for entry in CATALOGUE if not entry.obsolete} == set(messages.messages())


CHECKS = {name: getattr(exercises, name) for name in exercises.__all__ if name.startswith("check_")}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_exercises_answer_in_vietnamese_alone(check, monkeypatch):
    monkeypatch.setenv("COURSE_LANGUAGE", "vi")
    hints = check.hints.values() if isinstance(check, Choice) else [slip.hint for slip in check.slips]
    more = [] if isinstance(check, Choice) else [check.otherwise]
    for said in (f"Right. {check.why}", *(f"Not right yet. {hint}" for hint in (*hints, *more))):
        n_english, text = language.reading(said)
        assert n_english == 0, text
