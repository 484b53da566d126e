"""The Vietnamese edition: masters in blocks, files of translations, and what is made of both."""

import re
from pathlib import Path

import nbformat
import polib
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from colab import build
from helpers import checks
from helpers.course import blocks, commands, editions, lessons, messages, proofreading, translation
from helpers.runtime import COURSE_FOLDER

PAGE = """\
# Look

## A word first

Wrapped over
two lines, with `code` and [a link](#a-word-first).

- one, which
  goes on
    - inside
1. first

> Quoted
> twice.

| Kind | Number |
|---|---|
| cats | 1 |
| 2 | 3 |

<details><summary>Answer</summary>

Folded.

</details>

```text
half width = 1
```
"""


# --- blocks -------------------------------------------------------------------------------------------


def test_a_page_falls_into_blocks_of_prose():
    assert [(block.kind, block.text) for block in blocks.blocks(PAGE) if block.is_prose] == [
        ("heading 1", "Look"),
        ("heading 2", "A word first"),
        ("paragraph", "Wrapped over two lines, with `code` and [a link](#a-word-first)."),
        ("list item", "one, which goes on"),
        ("list item, list item", "inside"),
        ("list item", "first"),
        ("quote", "Quoted twice."),
        ("table row", "| Kind | Number |"),
        ("table row", "| cats | 1 |"),
        ("fold", "Answer"),
        ("paragraph", "Folded."),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "`code` 1,399",
        "[![Open in Colab](https://a.b/c.svg)](https://a.b/c)",
        "<img src='a.png'>",
        "| 1 | `a` |",
    ],
)
def test_what_has_no_words_is_left_alone(text):
    assert not [block for block in blocks.blocks(text) if block.is_prose]


def test_other_words_leave_the_structure_as_it_is():
    shouted = blocks.replaced(PAGE, lambda block: block.text.replace("o", "O"))
    assert blocks.structure(shouted) == blocks.structure(PAGE)
    assert (
        "> QuOted twice." in shouted and "    - inside\n1. first" in shouted and "half width = 1" in shouted
    )


def test_a_line_break_in_an_item_stays_in_it():
    made = blocks.replaced("> - one", lambda block: "one  \ntwo")
    assert made == "> - one  \n>   two"
    assert [block.text for block in blocks.blocks(made)] == ["one  \ntwo"]


@pytest.mark.parametrize("document", translation.documents(), ids=lambda document: document.name)
def test_every_master_can_be_taken_apart_and_put_together(document):
    for text in document.texts().values():
        together = blocks.replaced(text, lambda block: block.text)
        assert blocks.structure(together) == blocks.structure(text)
        assert document.is_notebook is False or together == text  # a page's lines are joined


# --- files of translations ------------------------------------------------------------------------------


def unit(text: str, context: str = "title") -> translation.Unit:
    return translation.Unit(context, text, "paragraph")


def entry(text: str, vietnamese: str, context: str = "title", **more: object) -> polib.POEntry:
    return polib.POEntry(msgctxt=context, msgid=text, msgstr=vietnamese, **more)


def through_a_file(translations: polib.POFile, folder: Path) -> polib.POFile:
    translation.write(translations, "a", folder)
    return translation.read("a", folder)


def updated(old: list[polib.POEntry], units: list[translation.Unit], folder: Path) -> polib.POFile:
    file = polib.POFile()
    file.extend(old)
    return through_a_file(translation.updated(through_a_file(file, folder), units), folder)


CATS = "There are as many cats as dogs in each part."
FEWER = "There are fewer cats than dogs in each part."


def test_a_new_block_is_added_where_it_stands(tmp_path):
    made = updated([entry("a", "A"), entry("c", "C")], [unit("a"), unit("b"), unit("c")], tmp_path)
    assert [(one.msgid, one.msgstr) for one in made] == [("a", "A"), ("b", ""), ("c", "C")]
    assert [one.comment for one in made] == ["paragraph"] * 3


def test_an_edited_block_is_fuzzy_and_keeps_what_it_was_made_from(tmp_path):
    (made,) = updated([entry(CATS, "Mèo")], [unit(FEWER)], tmp_path)
    assert (made.msgstr, made.previous_msgid, made.fuzzy) == ("Mèo", CATS, True)
    assert translation.valid([made]) == {}
    again = f"{FEWER} Nobody knows why."
    (made,) = updated([made], [unit(again)], tmp_path)
    assert (made.msgid, made.msgstr, made.previous_msgid) == (again, "Mèo", CATS)
    (made,) = updated([made], [unit(CATS)], tmp_path)  # and back
    assert (made.msgstr, made.previous_msgid, made.fuzzy) == ("Mèo", None, False)


def test_step_by_step_a_block_may_become_another(tmp_path):
    far = "Now we have fewer cats than dogs in each part."
    assert updated([entry(CATS, "Mèo")], [unit(far)], tmp_path)[0].msgstr == ""
    made = updated(updated([entry(CATS, "Mèo")], [unit(FEWER)], tmp_path), [unit(far)], tmp_path)
    assert (made[0].msgstr, made[0].previous_msgid, made[0].fuzzy) == ("Mèo", CATS, True)


def test_of_two_edited_blocks_each_gets_the_nearer_one(tmp_path):
    other = CATS.replace("each part", "the whole set of photos")
    old = [entry(CATS, "1"), entry(other, "2")]
    edited = [unit(f"{other} So it is."), unit(f"{CATS} So it is.")]
    assert [one.msgstr for one in updated(old, edited, tmp_path)] == ["2", "1"]


def test_a_block_that_moves_keeps_its_translation(tmp_path):
    (made,) = updated([entry(CATS, "Mèo", "first")], [unit(CATS, "second")], tmp_path)
    assert (made.msgctxt, made.msgstr, made.fuzzy) == ("second", "Mèo", False)


def test_one_text_in_two_cells_may_have_two_translations(tmp_path):
    old = [entry("Right", "Đúng", "questions"), entry("Right", "Bên phải", "figure")]
    units = [unit("Right", "figure"), unit("Right", "questions")]
    assert [one.msgstr for one in updated(old, units, tmp_path)] == ["Bên phải", "Đúng"]


def test_an_edited_block_is_looked_for_in_its_own_cell_first(tmp_path):
    old = [entry(CATS, "trước", "before"), entry(CATS, "sau", "after")]
    units = [unit(FEWER, "after"), unit(FEWER, "before")]
    assert [one.msgstr for one in updated(old, units, tmp_path)] == ["sau", "trước"]


def test_a_draft_stays_a_draft(tmp_path):
    (made,) = updated([entry(CATS, "Mèo?", flags=["fuzzy"])], [unit(CATS)], tmp_path)
    assert (made.msgstr, made.fuzzy) == ("Mèo?", True)


def test_a_note_of_the_translator_stays(tmp_path):
    old = [entry(CATS, "Mèo", tcomment="not the term: part"), entry("one", "", tcomment="Ask Lan.")]
    made = updated(old, [unit(CATS), unit("one")], tmp_path)
    assert [one.tcomment for one in made] == ["not the term: part", "Ask Lan."]


def test_what_is_gone_becomes_obsolete_and_comes_back(tmp_path):
    (made,) = updated([entry(CATS, "Mèo"), entry("untranslated", "")], [], tmp_path)
    assert (made.msgid, made.msgstr, made.obsolete) == (CATS, "Mèo", True)
    (made,) = updated([made], [], tmp_path)
    (made,) = updated([made], [unit(CATS)], tmp_path)
    assert (made.msgstr, made.obsolete, made.fuzzy) == ("Mèo", False, False)


def test_what_is_gone_while_it_was_fuzzy_comes_back_as_such(tmp_path):
    fuzzy = updated([entry(CATS, "Mèo")], [unit(FEWER)], tmp_path)
    gone = updated(fuzzy, [], tmp_path)
    (made,) = updated(gone, [unit(FEWER)], tmp_path)
    assert made.msgstr == "Mèo" and made.fuzzy


def test_a_second_update_changes_nothing(tmp_path):
    units = [unit(FEWER), unit("new"), unit("one")]
    first = updated([entry(CATS, "Mèo"), entry("one", "một"), entry("gone for good", "mất")], units, tmp_path)
    before = (tmp_path / "a.po").read_bytes()
    updated(first, units, tmp_path)
    assert (tmp_path / "a.po").read_bytes() == before


def test_what_a_tool_has_noted_at_a_files_head_stays(tmp_path):
    old = polib.POFile()
    old.metadata = {"Last-Translator": "Lan", "Language": "vi"}
    assert through_a_file(translation.updated(old, []), tmp_path).metadata["Last-Translator"] == "Lan"


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "a.po").write_text('msgid "a\nmsgstr', encoding="utf-8")
    with pytest.raises(checks.CourseError, match="a.po"):
        translation.read("a", tmp_path)


# --- a small course ---------------------------------------------------------------------------------------


@pytest.fixture
def course(tmp_path) -> Path:
    """Return a course of two lessons and two pages, without translations."""
    folder = tmp_path / "course" / "notebooks"
    folder.mkdir(parents=True)
    first = [
        new_markdown_cell("# Lesson 1: Look\n\n[One](glossary.md#one), [on](02_on.ipynb#1.-Go).", id="title"),
        new_code_cell("print('Look')  # 'Look'", id="look", outputs=[new_output("stream", text="Look\n")]),
        new_code_cell(
            "### BEGIN SOLUTION\n1\n### END SOLUTION", id="one", metadata={"nbgrader": {"solution": True}}
        ),
        new_markdown_cell(
            "Why?\n\n<details><summary>Answer</summary>\n\nBecause.\n\n</details>", id="questions"
        ),
    ]
    second = [new_markdown_cell("# Lesson 2: On\n\n## 1. Go\n\n[Up](#1.-Go), [lock](../colab).", id="title")]
    for name, cells in (("01_look", first), ("02_on", second)):
        nbformat.write(new_notebook(cells=cells), folder / f"{name}.ipynb")
    (folder / "glossary.md").write_text("# Words\n\n## One\n\nA number.\n", encoding="utf-8")
    readme = "# Course\n\n[First](notebooks/01_look.ipynb), [this](#course).\n"
    (folder.parent / "README.md").write_text(readme, encoding="utf-8")
    (folder.parent / "colab").mkdir()
    return folder.parent


VIETNAMESE = {
    "Lesson 1: Look": "Bài 1: Nhìn",
    "[One](glossary.md#one), [on](02_on.ipynb#1.-Go).": "[Một](glossary.md#one), [tiếp](02_on.ipynb#1.-Go).",
    "Why?": "Vì sao?",
    "Answer": "Trả lời",
    "Because.": "Vì thế.",
    "Solution": "Lời giải",
    "Lesson 2: On": "Bài 2: Tiếp",
    "1. Go": "1. Đi",
    "[Up](#1.-Go), [lock](../colab).": "[Lên](#1.-Go), [khóa](../colab).",
    "Words": "Từ",
    "One": "Một",
    "A number.": "Một số.",
    "Course": "Khóa học",
    "[First](notebooks/01_look.ipynb), [this](#course).": "[Đầu](notebooks/01_look.ipynb), [đây](#course).",
}


def translate(course: Path, **changed: str) -> None:
    """Fill in the translations; `changed` (file -> English) are left out."""
    folder = course / "notebooks" / "vi"
    list(translation.update(course))
    for path in folder.glob("*.po"):
        file = translation.read(path.stem, folder)
        for one in file:
            one.msgstr = "" if changed.get(path.stem) == one.msgid else VIETNAMESE[one.msgid]
        translation.write(file, path.stem, folder)


def edit(course: Path, old: str, new: str) -> None:
    path = course / "notebooks" / "01_look.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def cells(path: Path) -> dict[str, nbformat.NotebookNode]:
    return {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}


def test_the_update_says_what_is_missing_in_each_file(course):
    assert list(translation.update(course)) == [
        ("01_look", 6, 6, 9),
        ("02_on", 3, 3, 7),
        ("glossary", 3, 3, 4),
        ("readme", 2, 2, 3),
    ]
    translate(course, glossary="A number.")
    assert [counts[2] for counts in translation.update(course)] == [0, 0, 1, 0]


def test_contexts_are_cells_and_headings_and_a_fold_has_its_own(course):
    contexts = {
        name: [one.context for one in document.units()]
        for name, document in ((document.name, document) for document in translation.documents(course))
    }
    assert contexts["01_look"] == ["title", "title", "questions", "fold", "questions", "fold"]
    assert contexts["glossary"] == ["Words", "One", "One"]


def test_the_edition_has_the_masters_code_and_outputs(course, tmp_path):
    translate(course)
    assert set(translation.write_edition(tmp_path / "vi", course).values()) == {0}
    master, made = (cells(folder / "notebooks" / "01_look.ipynb") for folder in (course, tmp_path / "vi"))
    assert list(made) == list(master)
    assert {name: cell for name, cell in made.items() if cell.cell_type == "code"} == {
        name: cell for name, cell in master.items() if cell.cell_type == "code"
    }
    assert made["title"].source.startswith("# Bài 1: Nhìn\n\n[Một](")
    assert "<summary>Trả lời</summary>\n\nVì thế." in made["questions"].source
    assert (tmp_path / "vi" / "helpers" / "images.py").is_file()


def test_links_lead_to_the_editions_own_headings(course, tmp_path):
    translate(course)
    translation.write_edition(tmp_path / "vi", course)
    first, second = (cells(tmp_path / "vi" / "notebooks" / f"{name}.ipynb") for name in ("01_look", "02_on"))
    assert first["title"].source.endswith("[Một](glossary.md#một), [tiếp](02_on.ipynb#1.-Đi).")
    assert second["title"].source.endswith("[Lên](#1.-Đi), khóa.")  # of a folder that is not there: words
    readme = (tmp_path / "vi" / "README.md").read_text(encoding="utf-8")
    assert "[Đầu](notebooks/01_look.ipynb), [đây](#khóa-học)" in readme


def test_what_is_not_translated_is_in_english_with_a_mark(course, tmp_path):
    translate(course, readme="Course")
    edit(course, "Because.", "Because it is so, and no other way.")
    assert translation.write_edition(tmp_path / "vi", course)["01_look"] == 1
    source = cells(tmp_path / "vi" / "notebooks" / "01_look.ipynb")["questions"].source
    assert "\n\n⟨en⟩ Because it is so, and no other way.\n\n" in source and "Vì sao?" in source
    readme = (tmp_path / "vi" / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("# ⟨en⟩ Course\n") and "(#en-course)" in readme
    assert translation.solution(polib.POFile()) == "⟨en⟩ Solution"


def test_a_master_without_any_translation_is_in_english_and_says_so_once(course, tmp_path):
    (course / "CHANGES.md").write_text("# Changes\n\nNone [here](README.md#course).\n", encoding="utf-8")
    translate(course)
    (course / "notebooks" / "vi" / "readme.po").unlink()
    assert translation.write_edition(tmp_path / "vi", course)["readme"] == 2
    note = f"\n{translation.ALL_ENGLISH}\n\n"
    for name, english in (
        ("README.md", f"# Course\n{note}[First](notebooks/01_look.ipynb), [this](#course).\n"),
        ("CHANGES.md", f"# Changes\n{note}None [here](README.md#course).\n"),
    ):
        assert (tmp_path / "vi" / name).read_text(encoding="utf-8") == english


def test_a_fuzzy_translation_is_not_shown(course, tmp_path):
    translate(course)
    edit(course, "# Lesson 1: Look", "# Lesson 1: Look twice")
    list(translation.update(course))
    (fuzzy,) = translation.read("01_look", course / "notebooks" / "vi").fuzzy_entries()
    assert (fuzzy.msgid, fuzzy.msgstr) == ("Lesson 1: Look twice", "Bài 1: Nhìn")
    translation.write_edition(tmp_path / "vi", course)
    source = cells(tmp_path / "vi" / "notebooks" / "01_look.ipynb")["title"].source
    assert source.startswith("# ⟨en⟩ Lesson 1: Look twice\n")


@pytest.mark.parametrize(
    ("text", "marked"),
    [("| cats | 1 |", "| ⟨en⟩ cats | 1 |"), ("**So**", "⟨en⟩ **So**"), ("1. Go", "⟨en⟩ 1. Go")],
)
def test_the_mark_stands_within_a_block(text, marked):
    assert translation.marked(text) == marked


def test_every_link_of_the_courses_edition_leads_somewhere(tmp_path):
    """Also to headings, all of which are others than in English, if only for the mark."""
    translation.write_edition(tmp_path / "vi")
    texts = {
        document.place: translation.Document(document.name, document.place, tmp_path / "vi").texts()
        for document in translation.documents()
    }
    anchors = {(tmp_path / "vi" / place).resolve(): headings_of(texts[place], place) for place in texts}
    assert sum(map(len, anchors.values())) > 100
    for place, cells in texts.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", "\n\n".join(cells.values())):
            file, _, anchor = target.partition("#")
            there = (tmp_path / "vi" / place).parent / file if file else tmp_path / "vi" / place
            assert re.match(r"https?:", target) or there.exists(), (place, target)
            assert not anchor or "://" in target or anchor in anchors[there.resolve()], (place, target)


def headings_of(texts: dict[str, str], place: str) -> set[str]:
    """Return what links to a document's headings end in: as JupyterLab has it for notebooks, else GitHub."""
    headings = [heading for text in texts.values() for heading in blocks.headings(text)]
    if place.endswith(".ipynb"):
        return {heading.replace(" ", "-") for heading in headings}
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


# --- what is complete stays complete ----------------------------------------------------------------------


def left_behind(course: Path) -> list[str]:
    """Return the blocks without translation of the masters that are to be complete, by file and cell."""
    folder = course / "notebooks" / "vi"
    masters = {document.name: document for document in translation.documents(course)}
    return [
        f"{name}, {lacking.context}: {lacking.text[:60]}"
        for name in translation.complete(folder)
        for lacking in translation.missing(masters[name].units(), translation.read(name, folder))
    ]


def make_complete(course: Path, *names: str) -> None:
    text = f"complete = {list(names)}\nunchanged = []\n".replace("'", '"')
    (course / "notebooks" / "vi" / "edition.toml").write_text(text, encoding="utf-8")


def test_complete_translations_are_up_to_date():
    assert left_behind(COURSE_FOLDER) == [], "translate these blocks anew: `make translate` has marked them"


def test_an_edit_that_a_complete_translation_lacks_is_named_by_its_cell(course):
    translate(course)
    make_complete(course, "01_look", "glossary")
    assert left_behind(course) == []
    edit(course, "Why?", "Why so?")
    assert left_behind(course) == ["01_look, questions: Why so?"]
    list(translation.update(course))
    assert left_behind(course) == ["01_look, questions: Why so?"]  # fuzzy


@pytest.mark.parametrize("document", translation.documents(), ids=lambda document: document.name)
def test_translations_keep_to_the_rules(document):
    assert list(proofreading.faults(document, translation.read(document.name))) == []


# --- Colab's editions ---------------------------------------------------------------------------------------


FORK = build.Repository("me/my-course", "main")


def test_complete_lessons_alone_have_an_edition_for_colab(course):
    translate(course)
    make_complete(course, "02_on", "glossary")
    made = build.vietnamese_editions(course, FORK, "x = 1")
    assert list(made) == [course / "colab" / "vi" / "02_on.ipynb"]
    assert made == build.vietnamese_editions(course, FORK, "x = 1")


def test_it_runs_the_code_of_the_english_edition(course):
    translate(course)
    make_complete(course, "01_look")
    (content,) = build.vietnamese_editions(course, FORK, "x = 1").values()
    made = nbformat.reads(content.decode(), as_version=4)
    master = nbformat.read(course / "notebooks" / "01_look.ipynb", as_version=4)
    english = build.edition(master, "01_look.ipynb", FORK, "x = 1")
    code = [[cell for cell in book.cells if cell.cell_type == "code"] for book in (made, english)]
    assert code[0] == code[1] and made.metadata == english.metadata
    assert [cell.source for cell in made.cells if "Lời giải" in cell.source] == [
        "<details><summary>Lời giải</summary>\n\n```python\n1\n```\n\n</details>"
    ]
    assert made.cells[0].source.startswith("# Bài 1: Nhìn\n\n[![Open in Colab](")


def test_its_links_lead_to_vietnamese_editions_where_there_are_some(course):
    translate(course)
    targets = {}
    for complete in (["01_look"], ["01_look", "02_on"]):
        make_complete(course, *complete)
        content = build.vietnamese_editions(course, FORK, "x = 1")[course / "colab" / "vi" / "01_look.ipynb"]
        title = nbformat.reads(content.decode(), as_version=4).cells[0].source
        assert "/main/colab/vi/01_look.ipynb)" in title  # the badge
        targets[len(complete)] = re.search(r"\[tiếp\]\((\S+)\)", title)[1]
    assert targets[1].endswith("/main/colab/02_on.ipynb")
    assert targets[2].endswith("/main/colab/vi/02_on.ipynb")


def test_the_setup_cell_says_it_in_vietnamese_and_does_the_same():
    script = (COURSE_FOLDER / translation.SETUP_CELL).read_text(encoding="utf-8")
    known = translation.read(translation.SETUP_FILE)
    english, made = messages.said(script), translation.setup_cell(script, known)
    assert len(english) == 7 and all(script.count(text) == 1 for text in english)
    assert {entry.msgid for entry in known.translated_entries()} == set(english), "run `make translate`"
    vietnamese = messages.said(made)
    assert not set(vietnamese) & set(english)
    for text, same in zip(english, vietnamese, strict=True):
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", same))
        script, made = script.replace(text, "…"), made.replace(same, "…")
    assert script == made


def test_an_edition_goes_when_its_lesson_is_no_longer_complete(course):
    (course / "pyproject.toml").write_text('[tool.course]\nrepository = ""\nbranch = "main"\n')
    (course / "colab" / "setup_cell.py").write_text("x = 1\n")
    translate(course)
    made = {}
    for complete in (["02_on"], []):
        make_complete(course, *complete)
        build.main([], course)
        made[len(complete)] = [path.name for path in course.glob("colab/vi/*")]
    assert made == {1: ["02_on.ipynb"], 0: []}
    assert len(list(course.glob("colab/*.ipynb"))) == 2


def test_the_vietnamese_editions_are_those_of_the_complete_lessons():
    notebooks = {path.stem for path in lessons.find()}
    complete = {name for name in translation.complete() if name in notebooks}
    assert {path.stem for path in COURSE_FOLDER.glob("colab/vi/*.ipynb")} == complete, "run `make colab`"


# --- the commands -----------------------------------------------------------------------------------------


def test_the_commands_list_what_is_missing_and_say_where_the_edition_is(
    course, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(translation.update, "__defaults__", (course,))
    monkeypatch.setattr(translation.documents, "__defaults__", (course,))
    monkeypatch.setattr(translation.write_edition, "__defaults__", (course,))
    monkeypatch.setattr(lessons, "BUILD", tmp_path / "build")
    assert commands.main(["translate"]) == 0
    assert re.search(r"^glossary +3 +3 +4$", capsys.readouterr().out, re.MULTILINE)
    assert commands.main(["vi"]) == 0
    assert capsys.readouterr().out.endswith("still in English: 14\n")
    assert editions.SOLUTION == "Solution" and (tmp_path / "build" / "vi" / "README.md").is_file()


# --- learning in Vietnamese ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["01_data_survey", "03_augmentation_check"])
def test_a_lesson_runs_and_speaks_vietnamese(tmp_path, monkeypatch, name):
    translation.write_edition(tmp_path / "course")
    monkeypatch.setenv("COURSE_LANGUAGE", "vi")
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    notebook = lessons.execute(tmp_path / "course" / "notebooks" / f"{name}.ipynb")
    shown = [
        output.get("text") or output.get("data", {}).get("text/plain", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    ]
    figures = [text for text in shown if text.startswith("Hình: ")]
    assert len(figures) >= 5 and not [text for text in shown if text.startswith("Figure: ")]
    checked = [cell.outputs[0].text for cell in notebook.cells if editions.is_check(cell)]
    assert len(checked) >= 3 and all(text.startswith("Đúng rồi. ") for text in checked), checked
