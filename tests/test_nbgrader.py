"""A teacher takes a lesson into nbgrader: it is released without solutions, and marked by its checks.

nbgrader is installed for this test alone, from nbgrader.txt; without a package index it is skipped.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from helpers.course import editions, lessons
from helpers.runtime import COURSE_FOLDER

README = (COURSE_FOLDER / "README.md").read_text(encoding="utf-8")
# `--Execute.timeout=600` and whatever else the README's command for marking has.
OPTIONS = {
    name: int(value) if value.isdigit() else value
    for name, value in re.findall(r"--Execute\.(\w+)=(\S+)", README)
}
# What an editor writes into a notebook that was run in an environment of one's own.
ELSEWHERE = {"display_name": "foo", "language": "python", "name": "conda-env-foo-py"}
LESSON = lessons.find(["1"])[0]
RIGHT = {
    cell.id: cell.source for cell in nbformat.read(LESSON, as_version=4).cells if editions.is_solution(cell)
}
SUBMITTED = {
    "right": RIGHT,
    # one right, one wrong, one not done
    "wrong": {
        "fit-for-training": RIGHT["fit-for-training"],
        "balanced-accuracy-own": "def balanced_accuracy(truth, predicted):\n    return 0.5",
    },
}
COMMANDS = """
import json, sys
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config

settings = Config()
settings.CourseDirectory.root = sys.argv[1]
settings.Execute.update(json.loads(sys.argv[2]))
students = sys.argv[3:]
nbgrader = NbGraderAPI(config=settings)
done = [nbgrader.generate_assignment("lesson"), *(nbgrader.autograde("lesson", who) for who in students)]
assert all(step["success"] for step in done), "\\n".join(step["log"] for step in done)
with nbgrader.gradebook as book:
    notebooks = {who: book.find_submission("lesson", who).notebooks[0] for who in students}
    marks = {
        who: {grade.name: [grade.score, grade.max_score] for grade in notebook.grades}
        for who, notebook in notebooks.items()
    }
print(json.dumps(marks))
"""


@pytest.fixture(scope="module")
def nbgrader(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("nbgrader")
    wanted = Path(__file__).with_name("nbgrader.txt")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        folder,
        "-r",
        wanted,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"nbgrader could not be installed: {done.stderr.strip().splitlines()[-1]}")
    return folder


@pytest.fixture(scope="module")
def school(nbgrader, short_course, tmp_path_factory) -> tuple[Path, dict]:
    """Return a school's folder, in which nbgrader has released and marked a lesson, and the marks it gave.

    The teacher's copy and one that is handed in were saved with a kernel that is not there where they are
    marked.
    """
    school = tmp_path_factory.mktemp("school")
    source = school / "source" / "lesson" / LESSON.name
    source.parent.mkdir(parents=True)
    editions.write_teachers_copies([LESSON], source.parent)
    teachers = nbformat.read(source, as_version=4)
    teachers.metadata.kernelspec = ELSEWHERE
    nbformat.write(teachers, source)
    for who, answers in SUBMITTED.items():
        notebook = editions.hide_solutions(nbformat.read(LESSON, as_version=4))
        for cell in notebook.cells:
            cell.source = answers.get(cell.id, cell.source)
        if who == "right":
            notebook.metadata.kernelspec = ELSEWHERE
        handed_in = school / "submitted" / who / "lesson" / LESSON.name
        handed_in.parent.mkdir(parents=True)
        nbformat.write(notebook, handed_in)
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(nbgrader / "bin"), os.environ["PATH"]]),
        # The course's folder, as the README tells the teacher; here one with few pictures, for speed.
        "PYTHONPATH": os.pathsep.join([str(nbgrader), str(short_course)]),
        "COURSE_DATA": str(short_course.parent / "photos.zip"),
        "COURSE_HOME": str(school),
    }
    command = [sys.executable, "-c", COMMANDS, school, json.dumps(OPTIONS), *SUBMITTED]
    done = subprocess.run(command, env=environment, cwd=school, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return school, json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_what_nbgrader_releases_is_the_edition_for_students(school):
    folder, _ = school
    released = nbformat.read(folder / "release" / "lesson" / LESSON.name, as_version=4)
    ours = editions.hide_solutions(nbformat.read(LESSON, as_version=4))
    assert [cell.source for cell in released.cells] == [cell.source for cell in ours.cells]


@pytest.mark.slow
def test_a_lesson_solved_right_has_all_points_and_one_solved_wrong_has_not(school):
    _, marks = school
    assert marks["right"] == {
        "fit-for-training-check": [1, 1],
        "balanced-accuracy-own-check": [2, 2],
        "choose-limit-check": [3, 3],
    }
    assert marks["wrong"] == {
        "fit-for-training-check": [1, 1],
        "balanced-accuracy-own-check": [0, 2],
        "choose-limit-check": [0, 3],
    }


@pytest.mark.slow
def test_notebooks_saved_with_another_kernel_are_marked_with_this_ones(school):
    folder, marks = school
    marked = nbformat.read(folder / "autograded" / "right" / "lesson" / LESSON.name, as_version=4)
    assert marked.metadata.kernelspec.name == ELSEWHERE["name"]
    assert all(score == most for score, most in marks["right"].values())


@pytest.mark.slow
def test_students_get_back_why_they_lost_points(school):
    folder, _ = school
    notebook = nbformat.read(folder / "autograded" / "wrong" / "lesson" / LESSON.name, as_version=4)
    said = {
        cell.id: output.evalue
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "evalue" in output
    }
    assert said["balanced-accuracy-own-check"].startswith("Not right yet. balanced_accuracy([")
    assert said["choose-limit-check"].startswith("Not done yet: ")
