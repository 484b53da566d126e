"""What is written beside the lessons: the teacher's guide, the glossary, the page for when things fail."""

import ast
import re
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest

from helpers import datasets
from helpers.course import lessons
from helpers.runtime import COURSE_FOLDER

GUIDE, GLOSSARY, TROUBLE = (
    lessons.MASTERS / name for name in ("README.md", "glossary.md", "when_things_fail.md")
)
BELITTLING = r"\b(easily|just|simply|obviously|of course)\b"
BY_NUMBER = {lessons.number(path): path for path in lessons.find() if lessons.number(path)}
APPENDIX = {lessons.place(path).as_posix(): path for path in lessons.find() if not lessons.number(path)}


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def prose_of(path: Path) -> str:
    return "\n".join(cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown")


def rows(text: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table after a heading, less its two first lines."""
    after = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    table = [line.strip("|").split("|") for line in after.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in table[2:]]


def minutes(cell: str) -> int:
    return int(re.match(r"(\d+) min", cell)[1])


# --- all three ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [GUIDE, GLOSSARY, TROUBLE], ids=lambda path: path.stem)
def test_links_lead_somewhere_and_nothing_belittles(path):
    text = re.sub(r"^```.*?^```", "", text_of(path), flags=re.DOTALL | re.MULTILINE)
    anchors = {title.lower().replace(" ", "-") for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = link.partition("#")
        assert "://" in link or not file or (path.parent / file).exists(), link
        assert file or anchor in anchors, link
    assert not re.search(BELITTLING, text, re.IGNORECASE)
    levels = [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)]
    assert levels[0] == 1 and 1 not in levels[1:]
    assert all(deeper - level <= 1 for level, deeper in pairwise(levels))


@pytest.mark.parametrize("path", [GUIDE, TROUBLE], ids=lambda path: path.stem)
def test_the_commands_exist(path):
    targets = set(re.findall(r"^([a-z-]+):", text_of(COURSE_FOLDER / "Makefile"), re.MULTILINE))
    code = " ".join(re.findall(r"`[^`\n]+`|^```sh\n.*?```", text_of(path), re.DOTALL | re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", code))
    assert named and named <= targets


# --- the guide ------------------------------------------------------------------------------------------


def test_the_guides_times_are_the_lessons():
    readme = text_of(COURSE_FOLDER / "README.md")
    table = rows(text_of(GUIDE), "The lessons")
    linked = [re.search(r"\]\((\S+)\)", lesson)[1] for lesson, *_ in table]
    assert linked == [path.name for path in BY_NUMBER.values()], "'The lessons': a row for each lesson"
    for number, (lesson, reading, running, *_) in enumerate(table, start=1):
        path = BY_NUMBER[number]
        assert re.search(rf"\b{minutes(reading)} minutes to read", prose_of(path)), lesson
        (listed,) = re.findall(rf"\(notebooks/{path.name}\) \| (\d+) min[^,]*, (\d+ s)", readme)
        assert listed == (str(minutes(reading)), running)


def test_meetings_hold_the_lessons_and_add_up():
    text = text_of(GUIDE)
    meetings = rows(text, "Meetings of 90 minutes")
    assert [int(number) for number, *_ in meetings] == list(BY_NUMBER), "a meeting for each lesson"
    for (_, reading, running, exercises, _), (_, begin, read, solve, talk, total) in zip(
        rows(text, "The lessons"), meetings, strict=True
    ):
        assert minutes(begin) + minutes(read) + minutes(solve) + minutes(talk) == minutes(total) == 90
        assert minutes(read) >= minutes(reading) and minutes(solve) >= minutes(exercises)
        assert int(running.split()[0]) < 60 * minutes(reading)


def test_one_day_holds_the_lessons_and_adds_up():
    text = text_of(GUIDE)
    day = rows(text, "One day")
    starts = [datetime.strptime(start, "%H:%M") for start, *_ in day]
    lengths = [timedelta(minutes=int(length)) for _, length, _ in day]
    ends = [start + length for start, length in zip(starts, lengths)]
    assert starts[1:] == ends[:-1]
    assert f"It ends at {ends[-1]:%H:%M}." in text
    taught = {int(what[7]): length for length, (_, _, what) in zip(lengths, day) if what[:6] == "Lesson"}
    assert set(taught) == set(BY_NUMBER), "'One day': a row that begins with 'Lesson N' for each lesson"
    for number, (_, reading, *_) in enumerate(rows(text, "The lessons"), start=1):
        assert taught[number] >= timedelta(minutes=minutes(reading) + 10)


def test_every_lesson_has_advice():
    text, numbers = text_of(GUIDE), [str(number) for number in BY_NUMBER]
    assert [row[0] for row in rows(text, "Where to stop if time runs out")] == numbers
    assert {row[0] for row in rows(text, "What usually goes wrong, and what to say")} == {"all", *numbers}
    questions = text.split("## Meetings of 90 minutes")[1].split("\n## ")[0]
    assert re.findall(r"^(\d+)\. .+\?$", questions, re.MULTILINE) == numbers, "a question to vote on for each"


def test_sections_named_are_in_the_lessons():
    for number, core, leave_out in rows(text_of(GUIDE), "Where to stop if time runs out"):
        prose = prose_of(BY_NUMBER[int(number)])
        last = max(map(int, re.findall(r"^## (\d+)\. ", prose, re.MULTILINE)))
        assert all(
            int(n) <= last for n in re.findall(r"\d+", re.sub(r"Keras 3|lesson \d", "", core + leave_out))
        )
        for title in re.findall(r'"([^"]+)"', leave_out):
            assert re.search(rf"^### .*{re.escape(title)}", prose, re.MULTILINE), title


@pytest.mark.slow
def test_the_guides_code_runs_on_another_data_set(tmp_path, monkeypatch, capsys):
    datasets.draw_pets(60, 0, tmp_path / "my_photos", size=64)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    blocks = re.findall(r"```python\n(.*?)```", text_of(GUIDE), re.DOTALL)
    names = {}
    for block in blocks:
        exec(block.replace("224", "64").replace("epochs=3", "epochs=1"), names)  # a tenth of the time
    assert len(blocks) == 3 and names["classes"] == ("cat", "dog")
    assert "right: accuracy" in capsys.readouterr().out


# --- the glossary ---------------------------------------------------------------------------------------

ENTRIES = re.findall(
    r"^- \*\*(.+?)\*\*(?: \((.+?)\))?: (.+) \(\[(Lesson \d|Appendix)\]\((\S+)\)\)$",
    text_of(GLOSSARY),
    re.MULTILINE,
)


def test_every_line_of_the_glossary_is_an_entry_in_its_place():
    assert len(ENTRIES) == text_of(GLOSSARY).count("\n- ") > 40
    terms = [entry[0].lower() for entry in ENTRIES]
    assert terms == sorted(set(terms))


@pytest.mark.parametrize("term, other_names, meaning, lesson, link", ENTRIES, ids=[e[0] for e in ENTRIES])
def test_a_term_is_used_in_its_lesson(term, other_names, meaning, lesson, link):
    path = APPENDIX[link] if lesson == "Appendix" else BY_NUMBER[int(lesson[-1])]
    assert lessons.place(path).as_posix() == link
    prose = prose_of(path).lower()
    assert any(name.lower() in prose for name in [term, *other_names.split(", ")] if name), term
    assert meaning.endswith(".")


@pytest.mark.parametrize("path", lessons.find(), ids=lambda path: path.stem)
def test_every_lesson_links_to_the_glossary(path):
    link = "(../glossary.md)" if path in APPENDIX.values() else "(glossary.md)"
    assert nbformat.read(path, 4).cells[0].source.count(link) == 1


# --- when things fail -----------------------------------------------------------------------------------


def filled_in(part: ast.expr) -> str:
    """Return a part of a text: as it is, as it is for the photos, or … for what only a run can tell."""
    if isinstance(part, ast.Constant):
        return part.value
    match part.value:
        case ast.Attribute(value=ast.Name(id="self"), attr="variable" | "item" as name):
            return getattr(datasets.DOG_CAT, name)
    return "…"


def messages() -> list[str]:
    """Return every text in the course's own code, with … for what is filled in."""
    found = [text_of(COURSE_FOLDER / "Makefile")]
    for path in [*COURSE_FOLDER.glob("helpers/**/*.py"), COURSE_FOLDER / "colab" / "setup_cell.py"]:
        for node in ast.walk(ast.parse(text_of(path))):
            if isinstance(node, ast.JoinedStr):
                found.append("".join(map(filled_in, node.values)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return [" ".join(text.split()) for text in found]


def is_said(symptom: str, said: list[str]) -> bool:
    """Return whether one text has all pieces of the symptom, in their order, with anything at its gaps."""
    pattern = ".*".join(re.escape(piece) for piece in " ".join(symptom.split()).split("…"))
    return any(re.search(pattern, text) for text in said)


def test_the_symptoms_are_what_the_course_says():
    symptoms = re.findall(r"```text\n(.*?)```", text_of(TROUBLE), re.DOTALL)
    said = messages()
    assert len(symptoms) > 15
    assert [symptom for symptom in symptoms if not is_said(symptom, said)] == []
    assert not is_said("There is no lesson … in this house.", said)


@pytest.mark.parametrize(
    "words",
    [
        *("DLL load failed", "Visual C++", "Illegal instruction", "AVX", "260 characters", "unicodeescape"),
        *("CERTIFICATE_VERIFY_FAILED", "Install Certificates.command", "$'\\r': command not found"),
        *("sys.executable", "KERAS_BACKEND", "keras.json", "No module named 'keras'", "container"),
    ],
)
def test_what_one_searches_for_is_there(words):
    assert words in text_of(TROUBLE)


def test_every_problem_has_a_mend():
    for problem in re.split(r"^### ", text_of(TROUBLE), flags=re.MULTILINE)[1:]:
        title, _, rest = problem.partition("\n")
        assert ("**Cause.**" in rest and "**Fix.**" in rest) or "README" in rest, title
