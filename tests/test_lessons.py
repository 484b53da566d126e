"""Running, saving and rendering lessons, on small stand-ins."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers import checks, datasets
from helpers.course import commands, editions, lessons, pages
from helpers.study import augmentation, autopsy, experiments, grid, staircase

FIGURE = """\
import sys
sys.path.insert(0, {course!r})
from helpers.plots.figure import describe, new_figure
figure, axis = new_figure()
axis.plot([1, 2])
describe(figure, 'A line that "rises" & rises.')"""


def write(path, title, *code):
    """Write a lesson: a title, then code cells, given as `(id, tags, source)`."""
    cells = [new_markdown_cell(title, id="title")]
    for name, tags, source in code:
        cells.append(new_code_cell(source, id=name, metadata={"tags": tags} if tags else {}))
    nbformat.write(new_notebook(cells=cells), path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three lessons: one with everything, one that fails in its second cell, one after it."""
    folder = tmp_path_factory.mktemp("a course")
    write(
        folder / "01_first.ipynb",
        "# Lesson 1: First\n\nSee [the next](02_second.ipynb#2.-Two), a [term](glossary.md) "
        "and [a site](https://example.org/a.ipynb).",
        ("environment", [], "import os\nprint(os.environ['COURSE_QUIET'], os.path.basename(os.getcwd()))"),
        ("figure", ["photo", "nbval-ignore-output"], FIGURE.format(course=str(lessons.COURSE_FOLDER))),
        ("result", ["headline"], "print('Two lines,')\nprint('one result')"),
    )
    write(
        folder / "02_second.ipynb",
        "# Lesson 2: Second",
        ("fine", [], "total = 1"),
        ("division", [], "print('so far')\ntotal / 0"),
        ("never", [], "print('never reached')"),
    )
    write(folder / "03_third.ipynb", "# Lesson 3: Third", ("third", [], "pass"))
    (folder / "glossary.md").write_text("# Glossary\n\nFirst: [lesson 1](01_first.ipynb)", encoding="utf-8")
    return folder


@pytest.fixture
def with_appendix(tmp_path):
    """A lesson, and two notebooks that are none."""
    (tmp_path / "appendix").mkdir()
    write(tmp_path / "01_first.ipynb", "# Lesson 1\n\n[Mine](appendix/mine.ipynb)", ("a", [], "1"))
    links = "[one](../01_first.ipynb), [other](other.ipynb), [term](../glossary.md), [guide](../README.md)"
    write(tmp_path / "appendix" / "mine.ipynb", f"# Appendix: Mine\n\n{links}", ("a", [], "1"))
    write(tmp_path / "appendix" / "other.ipynb", "# Appendix: Other", ("a", [], "1"))
    (tmp_path / "glossary.md").write_text("# Glossary", encoding="utf-8")
    return tmp_path


def test_the_appendix_comes_after_the_lessons_and_is_called_by_name(with_appendix):
    names = [lessons.place(path).as_posix() for path in lessons.find(folder=with_appendix)]
    assert names == ["01_first.ipynb", "appendix/mine.ipynb", "appendix/other.ipynb"]
    chosen = lessons.find(["mine", "1"], with_appendix)
    assert [path.name for path in chosen] == ["01_first.ipynb", "mine.ipynb"]
    with pytest.raises(lessons.NoSuchLesson, match=r"no lesson yours. Choose from 01, mine, other"):
        lessons.find(["yours"], with_appendix)


@pytest.mark.slow
def test_pages_of_the_appendix_lie_among_the_lessons_and_link_to_them(with_appendix, tmp_path):
    build = tmp_path / "build"
    list(lessons.run(lessons.find(["1", "mine"], with_appendix), build))
    assert 'href="mine.html"' in (build / "html" / "01_first.html").read_text(encoding="utf-8")
    page = (build / "html" / "mine.html").read_text(encoding="utf-8")
    links = re.findall(r'href="([a-z0-9_.]+)"', page)
    assert links == ["index.html", "01_first.html", "other.html", "glossary.html"]
    assert "guide" in page and (build / "html" / "glossary.html").is_file()


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """What came of running them: the results, the failure, the build folder."""
    build = tmp_path_factory.mktemp("the build")
    results = []
    with pytest.raises(lessons.LessonFailed) as failure:
        for result in lessons.run(lessons.find(folder=folder), build):
            results.append(result)
    return results, failure.value, build


def test_find_gives_the_lessons_in_order_or_those_asked_for(folder):
    assert [path.name for path in lessons.find(folder=folder)] == [
        "01_first.ipynb",
        "02_second.ipynb",
        "03_third.ipynb",
    ]
    assert [path.name[:2] for path in lessons.find(["3", "01"], folder)] == ["01", "03"]
    with pytest.raises(lessons.NoSuchLesson, match=r"no lesson 07.*01, 02, 03"):
        lessons.find(["7"], folder)


@pytest.mark.slow
def test_a_result_has_name_seconds_and_headline(run):
    results, _, _ = run
    assert [result.name for result in results] == ["01_first"]
    assert 0 < results[0].seconds < 60
    assert results[0].headline == "Two lines, one result"


def test_the_table_lines_up():
    text = lessons.summary(
        [lessons.LessonRun("01_a", 12.4, "good"), lessons.LessonRun("02_longer_name", 3.0, "better")]
    )
    assert text.splitlines() == [
        "lesson          seconds  result",
        "01_a                 12  good",
        "02_longer_name        3  better",
        "all together         15",
    ]


@pytest.mark.slow
def test_a_lesson_runs_quietly_in_its_own_folder(run, folder):
    notebook = nbformat.read(run[2] / "notebooks" / "01_first.ipynb", 4)
    assert notebook.cells[1].outputs[0].text == f"1 {folder.name}\n"
    assert notebook.cells[2].outputs[0].data["image/png"]
    assert not any("execution" in cell.metadata for cell in notebook.cells)


@pytest.mark.slow
def test_the_lessons_themselves_are_left_alone(run, folder):
    assert all(not cell.get("outputs") for cell in nbformat.read(folder / "01_first.ipynb", 4).cells)


@pytest.mark.slow
def test_a_failure_names_lesson_cell_source_and_error(run):
    message = str(run[1])
    assert message.startswith(
        "Lesson 02_second stopped in cell `division`:\n\n    print('so far')\n    total / 0\n"
    )
    assert "ZeroDivisionError: division by zero" in message
    assert "\x1b" not in message


@pytest.mark.slow
def test_a_failed_lesson_is_kept_up_to_there_and_ends_the_run(run):
    page = (run[2] / "html" / "02_second.html").read_text(encoding="utf-8")
    assert "so far" in page and "ZeroDivisionError" in page
    assert not (run[2] / "html" / "03_third.html").exists()


@pytest.mark.slow
def test_a_page_needs_no_network(run):
    page = (run[2] / "html" / "01_first.html").read_text(encoding="utf-8")
    assert "<title>Lesson 1: First</title>" in page
    assert "<script" not in page
    assert not re.search(r'(?:src|<link[^>]*href)="(?!data:)', page)
    assert not re.search(r"@import|url\((?!\"?data:)", page)


@pytest.mark.slow
def test_a_page_links_to_the_other_pages(run):
    page = (run[2] / "html" / "01_first.html").read_text(encoding="utf-8")
    assert 'href="02_second.html#2.-Two"' in page
    assert 'href="https://example.org/a.ipynb"' in page
    assert 'href="index.html"' in page
    assert 'href="glossary.html"' in page
    glossary = (run[2] / "html" / "glossary.html").read_text(encoding="utf-8")
    assert 'href="01_first.html"' in glossary and "<title>Glossary</title>" in glossary


@pytest.mark.slow
def test_a_picture_keeps_its_alternative_text(run):
    page = (run[2] / "html" / "01_first.html").read_text(encoding="utf-8")
    images = re.findall(r"<img [^>]*?alt=(\"[^\"]*\"|'[^']*')", page)
    assert [alt.strip("\"'").replace("&quot;", '"') for alt in images] == ['A line that "rises" &amp; rises.']


@pytest.mark.slow
def test_the_index_lists_what_ran(run):
    index = (run[2] / "html" / "index.html").read_text(encoding="utf-8")
    assert 'href="01_first.html"' in index and "Two lines, one result" in index
    assert "02_second" not in index


@pytest.mark.slow
def test_masters_are_saved_the_same_each_time_and_without_photos(tmp_path):
    path = write(
        tmp_path / "01_first.ipynb",
        "# Lesson 1",
        ("pieces", [], "import time\nfor n in range(3):\n    print(n, flush=True)\n    time.sleep(0.05)"),
        ("photograph", ["photo", "nbval-ignore-output"], FIGURE.format(course=str(lessons.COURSE_FOLDER))),
    )
    lessons.save_masters([path])
    first = path.read_bytes()
    lessons.save_masters([path])
    assert path.read_bytes() == first

    notebook = nbformat.read(path, 4)
    assert [cell.execution_count for cell in notebook.cells[1:]] == [1, 2]
    assert [output.text for output in notebook.cells[1].outputs] == ["0\n1\n2\n"]
    assert notebook.cells[2].outputs == []
    assert notebook.metadata.language_info == {"name": "python", "pygments_lexer": "ipython3"}


@pytest.mark.slow
def test_a_master_that_fails_stays_as_it_was(tmp_path):
    path = write(tmp_path / "01_first.ipynb", "# Lesson 1", ("broken", [], "undefined"))
    before = path.read_bytes()
    with pytest.raises(lessons.LessonFailed, match="NameError"):
        lessons.save_masters([path])
    assert path.read_bytes() == before


def test_publishable_drops_what_editors_and_machines_leave():
    cell = new_code_cell("1", metadata={"tags": ["headline"], "collapsed": True, "execution": {"a": "b"}})
    notebook = new_notebook(cells=[cell], metadata={"language_info": {"name": "python", "version": "3.12.1"}})
    lessons.publishable(notebook)
    assert notebook.cells[0].metadata == {"tags": ["headline"]}
    assert "version" not in notebook.metadata.language_info


def test_bounds_are_folded_in_jupyterlab():
    cell = new_code_cell("assert True", metadata={"tags": ["bounds"]})
    lessons.publishable(new_notebook(cells=[cell]))
    assert cell.metadata["jupyter"] == {"source_hidden": True}


@pytest.mark.slow
def test_bounds_hold_only_where_a_master_is_saved(tmp_path):
    bounds = new_code_cell("assert False", id="a-bounds", metadata={"tags": ["bounds"]})
    path = tmp_path / "01_a.ipynb"
    nbformat.write(new_notebook(cells=[bounds, new_code_cell("print(1)", id="a")]), path)
    assert [cell.id for cell in lessons.execute(path).cells] == ["a"]
    assert [cell.id for cell in editions.hide_solutions(nbformat.read(path, 4)).cells] == ["a"]
    with pytest.raises(lessons.LessonFailed):
        lessons.save_masters([path])


# --- Matplotlib's own folder --------------------------------------------------------------------------

FONTS = """\
from pathlib import Path
import matplotlib
print(len(list(Path(matplotlib.get_cachedir()).glob("fontlist-*.json"))), "list of fonts")"""
EXECUTE = """\
import sys
from pathlib import Path
from helpers.course import lessons
(cell,) = lessons.execute(Path(sys.argv[1])).cells
print([(output.get("name"), output.get("text")) for output in cell.outputs])"""


@pytest.fixture(params=["fresh", "one that cannot be made"])
def matplotlib_folder(request, tmp_path) -> Path:
    """A folder for Matplotlib without a list of fonts in it; or one that cannot be, below a file."""
    (tmp_path / "a file").touch()
    return tmp_path / ("fresh" if request.param == "fresh" else "a file/matplotlib")


@pytest.fixture
def fonts_lesson(tmp_path) -> Path:
    """A lesson that prints how many lists of fonts there are before Matplotlib looks for one."""
    printed = new_output("stream", name="stdout", text="1 list of fonts\n")
    cell = new_code_cell(FONTS, id="fonts", execution_count=1, outputs=[printed])
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "01_fonts.ipynb")
    return tmp_path / "01_fonts.ipynb"


@pytest.mark.slow
def test_matplotlib_says_nothing_in_a_lesson_that_is_saved(fonts_lesson, matplotlib_folder):
    environment = {**os.environ, "MPLCONFIGDIR": str(matplotlib_folder)}
    command = [sys.executable, "-c", EXECUTE, fonts_lesson]
    done = subprocess.run(
        command, cwd=lessons.COURSE_FOLDER, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[('stdout', '1 list of fonts\\n')]\n"


@pytest.mark.slow
def test_matplotlib_says_nothing_in_a_lesson_that_is_checked(photos, fonts_lesson, matplotlib_folder):
    environment = {**os.environ, "MPLCONFIGDIR": str(matplotlib_folder)}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/notebooks",
        fonts_lesson,
    ]
    done = subprocess.run(command, cwd=lessons.COURSE_FOLDER, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout


# --- the commands -----------------------------------------------------------------------------------


@pytest.fixture
def drawn(monkeypatch):
    data = pd.DataFrame({"path": ["cat.0.jpg"], "label": ["cat"]})
    data.attrs["source"] = "drawn pets"
    monkeypatch.setattr(datasets, "load_dog_cat", lambda: data)


def test_masters_are_not_saved_from_drawn_pets(drawn, monkeypatch, folder, capsys):
    monkeypatch.setattr(commands.lessons, "find", lambda numbers: [folder / "01_first.ipynb"])
    monkeypatch.setattr(commands.lessons, "save_masters", lambda chosen: pytest.fail("saved"))
    assert commands.main(["notebooks"]) == 1
    assert "photos are out of reach" in capsys.readouterr().err


def test_run_prints_its_table_and_succeeds(drawn, monkeypatch, capsys):
    monkeypatch.setattr(commands.lessons, "find", lambda numbers: ["a path"])
    monkeypatch.setattr(
        commands.lessons, "run", lambda chosen: iter([lessons.LessonRun("01_a", 1.0, "splendid")])
    )
    assert commands.main(["run"]) == 0
    printed = capsys.readouterr().out
    assert "drawn pets" in printed and "splendid" in printed and "index.html" in printed


def test_run_fails_where_a_lesson_fails_and_shows_what_ran(drawn, monkeypatch, capsys):
    def one_then_failure(chosen):
        yield lessons.LessonRun("01_a", 1.0, "splendid")
        raise lessons.LessonFailed("02_b", new_code_cell("1 / 0", id="division"), "ZeroDivisionError", None)

    monkeypatch.setattr(commands.lessons, "find", lambda numbers: ["a path", "another"])
    monkeypatch.setattr(commands.lessons, "run", one_then_failure)
    assert commands.main(["run"]) == 1
    printed = capsys.readouterr()
    assert "splendid" in printed.out
    assert "02_b stopped in cell `division`" in printed.err


def test_errors_of_the_learner_are_one_line_without_a_traceback(monkeypatch, capsys):
    def fail():
        raise checks.DataError("COURSE_DATA names nothing.")

    monkeypatch.setattr(datasets, "summary", fail)
    assert commands.main(["data", "--check"]) == 1
    assert capsys.readouterr().err == "\nCOURSE_DATA names nothing.\n"
    assert commands.main(["run", "99"]) == 1
    assert "no lesson 99" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [["compare"], ["autopsy"], ["augmentation"], ["staircase"], ["compare", "--domains", "dogs and cats"]],
)
def test_no_experiment_on_photos_runs_without_them(drawn, monkeypatch, capsys, command):
    monkeypatch.setattr(experiments, "run", lambda *_: pytest.fail("it runs"))
    assert commands.main(command) == 1
    assert "photos are out of reach" in capsys.readouterr().err


def test_a_part_of_the_comparison(drawn, monkeypatch):
    runs = []
    monkeypatch.setattr(grid, "run", lambda *arguments: runs.append(arguments))
    digits = ["compare", "--domains", "digits"]
    assert commands.main([*digits, "--results", "mine.csv", "--workers", "3", "--part", "larger"]) == 0
    (path, names, workers, part) = runs[-1]
    assert (str(path), names, workers, part) == ("mine.csv", ["digits"], 3, "larger")
    assert commands.main(digits) == 0
    assert runs[-1] == (grid.RESULTS, ["digits"], None, "grid")


@pytest.mark.parametrize(
    ("study", "options", "n_cells", "path", "workers"),
    [
        (autopsy, ["--workers", "1"], autopsy.SEEDS * len(autopsy.CHANGES), autopsy.RESULTS, 1),
        (augmentation, ["--results", "mine.csv", "--workers", "1"], len(augmentation.cells()), "mine.csv", 1),
        (staircase, ["--results", "mine.csv"], 4 * sum(staircase.SEEDS.values()), "mine.csv", None),
    ],
    ids=["autopsy", "augmentation", "staircase"],
)
def test_an_experiment_is_run_where_there_are_photos(
    drawn, monkeypatch, study, options, n_cells, path, workers
):
    runs = []
    monkeypatch.setattr(experiments, "run", lambda *arguments: runs.append(arguments))
    datasets.load_dog_cat().attrs["source"] = "GitHub"
    assert commands.main([study.__name__.rpartition(".")[2], *options]) == 0
    cells, given_path, measure, given_workers, _ = runs[0]
    assert len(cells) == n_cells and (str(given_path), given_workers) == (str(path), workers)
    assert study is not augmentation or cells == augmentation.cells()
    assert measure is study.measure


@pytest.mark.parametrize(
    "command, complaint",
    [
        (["compare", "--domains", "digits", "--workers", "0"], "workers is 0. Give a whole number from 1"),
        (
            ["compare", "--domains", "digits", "--part", "all"],
            "part is 'all'. Choose one of grid, larger, patience, bases",
        ),
    ],
)
def test_nonsense_on_the_command_line_is_told_in_a_line(drawn, capsys, command, complaint):
    assert commands.main(command) == 1
    assert capsys.readouterr().err.startswith(f"\n{complaint}")


def test_data_says_where_the_photos_come_from(drawn, monkeypatch, capsys):
    monkeypatch.setattr(datasets, "summary", lambda: "as they should be")
    assert commands.main(["data"]) == 0
    assert capsys.readouterr().out == (
        "as they should be\nSource: drawn pets. The first of them: cat.0.jpg\n"
    )


def test_whoever_stops_a_command_sees_no_traceback(monkeypatch, capsys):
    def stopped():
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets, "summary", stopped)
    assert commands.main(["data", "--check"]) == 1
    assert capsys.readouterr().err == "\nStopped.\n"


def test_data_check_prints_one_line(photos, capsys):
    assert commands.main(["data", "--check"]) == 0
    assert capsys.readouterr().out == "1399 images, 700 cat, 699 dog, verified\n"


def test_what_is_folded_in_a_lesson_is_folded_on_its_page(tmp_path):
    text = "1. Why?\n\n<details><summary>Answer</summary>\n\nBecause *so*.\n\n</details>\n\n2. Who?"
    pages.write(new_notebook(cells=[new_markdown_cell(text)]), tmp_path / "a.html", tmp_path)
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    folded = re.findall(r"<details><summary>(.+?)</summary>(.+?)</details>", page, re.DOTALL)
    assert [(title, answer.strip()) for title, answer in folded] == [
        ("Answer", "<p>Because <em>so</em>.</p>")
    ]
    assert "Who?" in page and "⟦" not in page


def test_words_that_link_to_no_page_stay_without_a_link(tmp_path):
    text = "The [README](../README.md) and [lesson 2](02_two.ipynb)."
    pages.write(new_notebook(cells=[new_markdown_cell(text)]), tmp_path / "a.html", tmp_path)
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert 'The README and <a href="02_two.html">lesson 2</a>.' in page
