"""What Sphinx makes the site of, written without Sphinx. tests/browser/test_pages.py looks at the result."""

import json
import re
import subprocess
from pathlib import Path

import nbformat
import polib
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers import checks
from helpers.course import editions, lessons, site, translation
from helpers.runtime import COURSE_FOLDER

DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
SOLUTION = "def f():\n    ### BEGIN SOLUTION\n    return 42\n    ### END SOLUTION"
BADGE = "[![Open in Colab](https://example.org/badge.svg)](https://example.org/colab/01_first.ipynb)"


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> Path:
    """What the course's own site is made of."""
    folder = tmp_path_factory.mktemp("sources")
    site.write_sources(folder)
    return folder


@pytest.fixture(scope="module")
def vietnamese(tmp_path_factory) -> Path:
    """What its Vietnamese half is made of."""
    edition, folder = tmp_path_factory.mktemp("edition"), tmp_path_factory.mktemp("vi")
    translation.write_edition(edition)
    site.write_sources(folder, edition, translation.LANGUAGE)
    return folder


@pytest.fixture
def lesson(tmp_path) -> str:
    """A small lesson with everything in it, as Sphinx gets it."""
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        (tmp_path / name).write_text("# Title\n\n## Two commands\n", encoding="utf-8")
    (tmp_path / "notebooks" / "figures").mkdir(parents=True)
    for name in ("README.md", "glossary.md", "when_things_fail.md"):
        (tmp_path / "notebooks" / name).write_text("# Title\n", encoding="utf-8")
    picture = new_output(
        "display_data", {"image/png": DOT}, metadata={"image/png": {"alt": 'A "dot": grey.'}}
    )
    card = new_output(
        "execute_result", {"text/markdown": "# Card\n\n**What.** It says.", "text/plain": "'…'"}
    )
    table = new_output("execute_result", {"text/html": "<table></table>", "text/plain": "a table"})
    cells = [
        new_markdown_cell(f"# Lesson 1: First\n\n{BADGE}\n\nSee [there](02_second.ipynb#2.-Two, too)"),
        new_code_cell("dot()", id="dot", outputs=[picture]),
        new_code_cell("table()", outputs=[table]),
        new_code_cell("card()", outputs=[card]),
        new_code_cell("print('a')", outputs=[new_output("stream", text=":a:\n")]),
        new_code_cell("assert True", metadata={"tags": ["bounds"]}),
        new_code_cell("photos()", metadata={"tags": ["photo"]}),
        new_code_cell(SOLUTION, metadata={"nbgrader": {"solution": True}}),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "notebooks" / "01_first.ipynb")
    site.write_sources(tmp_path / "sources", tmp_path)
    assert len(list((tmp_path / "sources" / "notebooks").glob("*.png"))) == 1
    return (tmp_path / "sources" / "notebooks" / "01_first.md").read_text(encoding="utf-8")


def test_the_contents_list_every_notebook_and_page(sources):
    listed = [page for part in site.contents(lessons.find()).values() for page in part]
    masters = [Path("notebooks", lessons.place(path)).as_posix() for path in lessons.find()]
    assert sorted(listed[: len(masters)]) == sorted(masters)
    appendix = [page for page in masters if "/appendix/" in page]
    assert site.contents(lessons.find())["Appendix"] == appendix != []
    beside = {
        path.relative_to(COURSE_FOLDER).as_posix() for path in (COURSE_FOLDER / "notebooks").glob("*.md")
    }
    assert set(listed[len(masters) :]) == beside | {path.name for path in COURSE_FOLDER.glob("*.md")}
    index = (sources / "index.md").read_text(encoding="utf-8")
    for page in listed:
        assert (sources / page).with_suffix(".md").is_file()
        assert f"\n{Path(page).with_suffix('').as_posix()}\n" in index


def test_the_first_page_is_the_readmes_start_and_its_table_of_lessons(sources):
    index = (sources / "index.md").read_text(encoding="utf-8")
    assert index.startswith("# Transfer learning, step by step\n")
    assert "(notebooks/01_data_survey.md)" in index
    assert "## Two commands" not in index and "### Exercises" not in index
    running = (sources / "README.md").read_text(encoding="utf-8")
    assert running.startswith("# Running the course\n\n## Two commands\n") and "## Licence" in running


def test_nothing_names_another_host_but_links():
    """What Sphinx is given of ours: settings, template, style, script."""
    files = [path for path in site.SPHINX.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert len(files) > 5
    assert [path.name for path in files if re.search(r"https?:|//\w", path.read_text(encoding="utf-8"))] == []


def test_no_picture_and_no_script_of_another_host_is_on_a_page(sources, vietnamese):
    for path in [*sources.rglob("*.md"), *vietnamese.rglob("*.md")]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"!\[[^\]]*\]\(https?:|<(img|script|link|iframe)\b", text), path.name


def test_both_languages_have_the_same_pages(sources, vietnamese):
    english, other = (
        {path.relative_to(folder) for path in folder.rglob("*.md")} for folder in (sources, vietnamese)
    )
    assert english == other and len(english) > 15


def test_the_sites_own_words_are_in_vietnamese(vietnamese):
    index = (vietnamese / "index.md").read_text(encoding="utf-8")
    assert re.findall(":caption: (.+)", index)[:2] == ["Các bài học", "Phụ lục"]
    assert (vietnamese / "README.md").read_text(encoding="utf-8").count("# Chạy khóa học\n") == 1
    first = (vietnamese / "notebooks" / "01_data_survey.md").read_text(encoding="utf-8")
    assert "<summary>Lời giải</summary>" in first and "<summary>Đáp án</summary>" in first
    assert not re.search("<summary>(Solution|Answer)<", first)
    words = vietnamese / "locales" / "vi" / "LC_MESSAGES"
    assert polib.pofile(str(words / "sphinx.po")).find("On this page").msgstr == "Trên trang này"
    script = (words / "sphinx.js").read_text(encoding="utf-8")
    assert json.loads(re.search(r"\((.+)\)", script)[1])["messages"]["Searching"] == "Đang tìm"


def test_no_word_of_the_site_lacks_its_translation():
    words = translation.read("vi", site.SPHINX)
    ours = [*site.contents(lessons.find()), site._RUNNING, site._PHOTOS, site._OUTPUTS, editions.SOLUTION]
    assert [word for word in ours if not words.find(word)] == [] == words.untranslated_entries()


def test_a_page_without_translation_is_in_english_and_says_so_once(vietnamese):
    for path in vietnamese.rglob("*.md"):
        text = path.read_text(encoding="utf-8")
        assert text.count(translation.ALL_ENGLISH) == text.startswith("---\nlanguage: en\n---\n# "), path.name
    assert "language: en" in (vietnamese / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "language: en" not in (vietnamese / "notebooks" / "glossary.md").read_text(encoding="utf-8")


def test_links_of_the_vietnamese_pages_lead_to_vietnamese_pages(vietnamese):
    n_links = 0
    for path in vietnamese.rglob("*.md"):
        for target in re.findall(r"\]\(([^)\s#]+\.md)\b", path.read_text(encoding="utf-8")):
            if not target.startswith("https:"):
                n_links += 1
                assert (path.parent / target).resolve().is_relative_to(vietnamese), (path.name, target)
                assert (path.parent / target).is_file(), (path.name, target)
    assert n_links > 100


def test_sphinx_is_told_each_language_and_its_folder(monkeypatch, tmp_path):
    commands = []
    monkeypatch.setattr(site.subprocess, "run", lambda command, **_: commands.append(command) or done)
    monkeypatch.setattr(site, "write_sources", lambda *_: None)
    monkeypatch.setattr(translation, "write_edition", lambda *_: None)
    done = subprocess.CompletedProcess([], 0, stderr="")
    site.build(tmp_path)
    told = [(re.search(r"language=(\w+)", " ".join(command))[1], command[-1]) for command in commands]
    assert told == [("en_GB", str(tmp_path)), ("vi", str(tmp_path / "vi"))]


def test_solutions_are_folded_and_bounds_are_left_out(lesson):
    shown, folded = lesson.split("<details><summary>Solution</summary>")
    assert "raise NotImplementedError()" in shown and "42" not in shown
    assert "return 42" in folded.split("</details>")[0]
    assert "SOLUTION" not in lesson and "assert True" not in lesson


def test_outputs_come_with_what_describes_them(lesson):
    assert (
        '````{image} 01_first_1_0.png\n:class: output language-en\n:alt: "A \\"dot\\": grey."\n````' in lesson
    )
    assert '<div class="output" lang="en">\n<table></table>\n</div>' in lesson and "a table" not in lesson
    assert "````{code-block} text\n:class: output\n\n:a:\n" in lesson


def test_markdown_that_a_cell_returns_is_shown_as_such_without_a_heading_of_the_page(lesson):
    assert "\n> **Card**\n>\n> **What.** It says.\n" in lesson and "\n# Card" not in lesson


def test_where_photos_are_missing_it_is_said(lesson):
    assert lesson.count("\n*Photos, which the course may not hand on: run this cell to see them.*\n") == 1
    assert re.search(r"photos\(\)\n````\n\n\*Photos, which", lesson)


def test_vietnamese_lessons_say_that_their_outputs_are_english(vietnamese, sources):
    for folder, said in ((vietnamese, 1), (sources, 0)):
        first = (folder / "notebooks" / "01_data_survey.md").read_text(encoding="utf-8")
        assert first.count("Kết quả và hình trên trang này lấy từ khóa học tiếng Anh") == said


def test_the_first_page_leaves_the_other_language_to_the_switch(vietnamese, sources):
    for folder in (vietnamese, sources):
        start = (folder / "index.md").read_text(encoding="utf-8")
        assert "Tiếng Việt:" not in start
    assert "Tiếng Việt:" in (COURSE_FOLDER / "README.md").read_text(encoding="utf-8")


def test_a_badge_becomes_words(lesson):
    assert "[Open in Colab](https://example.org/colab/01_first.ipynb)" in lesson
    assert "badge.svg" not in lesson


@pytest.mark.parametrize(
    "written, on_the_site",
    [
        ("[two](02_b.ipynb#2.-Two,-too)", "[two](02_b.md#2-two-too)"),
        ("[`two`](02_b.ipynb)", "[`two`](02_b.md)"),
        ("[the course](../README.md#on-windows)", "[the course](../README.md#on-windows)"),
        ("[below](#licence)", "[below](#licence)"),
        ("[a module](../helpers/course/site.py)", "a module"),
        ("[away](https://example.org/a.ipynb)", "[away](https://example.org/a.ipynb)"),
        ("![a bar](figures/bars.png)", "![a bar](figures/bars.png)"),
        ("`[two](02_b.ipynb)`", "`[two](02_b.ipynb)`"),
        ("```md\n[two](02_b.ipynb)\n```", "```md\n[two](02_b.ipynb)\n```"),
    ],
)
def test_links_lead_to_pages_or_become_words(written, on_the_site):
    pages = ("README.md", "notebooks/01_a.ipynb", "notebooks/02_b.ipynb")
    assert site.with_links(written, "notebooks/01_a.ipynb", pages) == on_the_site


@pytest.mark.parametrize(
    "said, told",
    [
        ("No module named sphinx", r"is not installed. Run python -m pip install .* --requirement helpers"),
        ("a.md:3: WARNING: no such place", "could not make the site:\na.md:3: WARNING: no such place\n"),
    ],
)
def test_what_sphinx_complains_of_is_told(said, told, monkeypatch, tmp_path):
    done = subprocess.CompletedProcess([], 1, stderr=said)
    monkeypatch.setattr(site.subprocess, "run", lambda *_, **__: done)
    monkeypatch.setattr(site, "write_sources", lambda *_: None)
    with pytest.raises(checks.CourseError, match=told):
        site.build(tmp_path / "site")
