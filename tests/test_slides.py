"""Slides out of small lessons."""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers.course import lessons, slides

DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
GUIDE = "# Guide\n\n## Meetings of 90 minutes\n\n1. Twice?\n2. How far?\n\n## One day\n\n1. Lunch?\n"
ASKED = "**Before you run the next cell:** which is higher?"


def figure(alt: str, **metadata):
    data = {"image/png": DOT, "text/plain": "<Figure>"}
    output = new_output("display_data", data, metadata={"image/png": {"alt": alt}})
    return new_code_cell("plot()", outputs=[output], metadata=metadata)


def printed(text: str, **metadata):
    return new_code_cell("print()", outputs=[new_output("stream", text=text)], metadata=metadata)


@pytest.fixture
def lesson():
    cells = [
        new_markdown_cell("# Lesson 2: A *split*\n\nIt begins."),
        new_markdown_cell(f"## 1. Bars\n\nFirst words.\n\n{ASKED}"),
        figure("Bars."),
        new_code_cell("assert True", metadata={"tags": ["bounds"]}),
        new_markdown_cell("The left one, as in [lesson 1](01_bars.ipynb).\n\nMore of it.\n\n| a |\n|---|"),
        printed("0.5"),
        new_markdown_cell("Now dots:"),
        figure("Dots."),
        new_markdown_cell("Now lines."),
        figure("Lines."),
        new_markdown_cell("## 2. The next section\n\nOther words."),
        new_markdown_cell("## Summary\n- It holds.\n\n**Next:** [3](03.ipynb)", id="summary"),
    ]
    return new_notebook(cells=cells)


def sources(made) -> list[list[str]]:
    """Return what each slide says; an output as what it prints, or as its alternative text."""
    return [
        [
            cell.source
            if cell.cell_type == "markdown"
            else [o.get("text") or o.metadata["image/png"]["alt"] for o in cell.outputs]
            for cell in slide
        ]
        for slide in made
    ]


def test_without_tags_every_figure_is_a_slide_with_the_paragraphs_about_it(lesson):
    assert sources(slides.slides(lesson, "How far?")) == [
        ["# Lesson 2: A *split*\n\n**Vote:** How far?"],
        [f"## 1. Bars\n\n{ASKED}"],
        ["## 1. Bars", ["Bars."], "The left one, as in [lesson 1](01_bars.ipynb)."],
        ["## 1. Bars", ["Dots."], "Now dots:\n\nNow lines."],
        ["## 1. Bars", ["Lines."]],
        ["## Summary\n- It holds.\n"],
    ]


def test_tags_choose_outputs_and_the_texts_beside_them(lesson):
    for index in (5, 6):
        lesson.cells[index].metadata["tags"] = [slides.TAG]
    assert sources(slides.slides(lesson))[1:-1] == [["## 1. Bars", ["0.5"], "Now dots:"]]


@pytest.mark.parametrize("tags", [[], [slides.TAG]])
def test_a_question_belongs_to_the_next_cell_alone(tags):
    cells = [
        new_markdown_cell("# Lesson 2: A split"),
        figure("Bars.", tags=tags),
        printed("0.5"),
        new_markdown_cell(ASKED, metadata={"tags": tags}),
        figure("Dots.", tags=tags),
    ]
    heading = "## Lesson 2: A split"
    made = sources(slides.slides(new_notebook(cells=cells)))[1:]
    assert made == [[heading, ["Bars."]], [f"{heading}\n\n{ASKED}"], [heading, ["Dots."]]]


def test_a_text_without_the_tag_is_not_shown_nor_skipped(lesson):
    for index in (2, 6):
        lesson.cells[index].metadata["tags"] = [slides.TAG]
    assert sources(slides.slides(lesson))[1:-1] == [["## 1. Bars", ["Bars."]]]


def test_the_question_of_the_guide_is_that_of_the_lesson():
    assert [slides.vote(GUIDE, number) for number in (1, 2, 3, None)] == ["Twice?", "How far?", "", ""]


def test_every_lesson_has_a_question_in_the_guide():
    guide = (lessons.MASTERS / slides.GUIDE).read_text(encoding="utf-8")
    numbers = [number for path in lessons.find() if (number := lessons.number(path))]
    assert numbers and all(slides.vote(guide, number) for number in numbers)


def test_the_page_asks_for_nothing_and_describes_its_pictures(lesson, tmp_path):
    nbformat.write(lesson, tmp_path / "02_split.ipynb")
    (tmp_path / "README.md").write_text(GUIDE, encoding="utf-8")
    page = slides.write(tmp_path / "02_split.ipynb", tmp_path / "slides").read_text(encoding="utf-8")
    assert page.count("<section>") == page.count("</section>") == 6
    assert "<strong>Vote:</strong> How far?" in page and "plot()" not in page and "assert" not in page
    assert "The left one, as in lesson 1." in page
    assert re.findall(r'<img[^>]* alt="([^"]*)"', page) == ["Bars.", "Dots.", "Lines."]
    assert not re.search(r'(?:src|<link[^>]*href)="(?!data:)|@import|url\(', page)
