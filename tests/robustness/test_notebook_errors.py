"""What a learner sees of an error: at most five lines in a notebook, with the line of the own cell."""

import re
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from helpers import checks, images
from helpers.runtime import COURSE_FOLDER

# code of a cell -> the line it blames, what the error says
CELLS = {
    "splits.split(data, fractions=(0.8, 0.3))": "CourseError: fractions=(0.8, 0.3) cannot divide a data set.",
    "x = 1\n\nsplits.folds(data, n_folds=40)": "CourseError: Class 'cat' has 3 images, too few for n_folds=",
    "def mine():\n    return images.read('nowhere.jpg')\n\nmine()": "UnreadableImage: nowhere.jpg does not",
    "images.read_many(['nowhere.jpg'], 32)": "UnreadableImage: nowhere.jpg does not",  # from a thread
    "datasets.load_folder('nowhere')": "DataError: There is no folder ",
    "drawings.draw_pet('bird', 0)": "CourseError: label is 'bird'. Choose one of cat, dog.",
    "lite.read_state_dict('a.pth', 64 * '0')": "MissingFile: There is no file 'a.pth' in '.'.",
    "lite.read_state_dict('bad.pth', 64 * '0')": "RefusedCheckpoint: 'bad.pth' has the SHA-256 ",
    "comparison.recommend(9, 2, 'speech')": "CourseError: domain is 'speech'. Choose one of dogs and cats",
    "os.environ['COURSE_DATA'] = 'nowhere.zip'\ndatasets.load_dog_cat()": "DataError: COURSE_DATA names",
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What a notebook shows of each of these errors, run by a kernel."""
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "bad.pth").write_bytes(b"no weights")
    setup = f"""
import os, sys
sys.path.insert(0, {str(COURSE_FOLDER)!r})
from helpers import datasets, drawings, images, lite, splits
from helpers.study import comparison
data = datasets.draw_pets(6, 0, "pets", size=16)
"""
    cells = [new_code_cell(source) for source in (setup, *CELLS)]
    notebook = new_notebook(cells=cells)
    NotebookClient(notebook, allow_errors=True, resources={"metadata": {"path": str(folder)}}).execute()
    return dict(zip(CELLS, notebook.cells[1:], strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("source", CELLS)
def test_an_error_takes_at_most_five_lines(shown, source):
    (output,) = shown[source].outputs
    assert output.output_type == "error"
    text = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(output.traceback))
    lines = text.splitlines()
    assert len(lines) <= 5
    number, blamed = re.match(r"----> (\d+) (.*)", lines[0]).groups()
    assert source.splitlines()[int(number) - 1].strip() == blamed
    assert lines[-1].startswith(CELLS[source])
    assert "helpers" not in text.replace(str(COURSE_FOLDER), "")
    assert output.ename == CELLS[source].split(":")[0]


@pytest.mark.slow
def test_a_notebook_with_such_an_error_is_valid(shown):
    nbformat.validate(new_notebook(cells=list(shown.values())))


@pytest.mark.slow
def test_outside_of_a_notebook_nothing_is_hidden():
    """A maintainer gets Python's whole traceback."""
    code = "from helpers import images; images.read('nowhere.jpg')"
    done = subprocess.run([sys.executable, "-c", code], cwd=COURSE_FOLDER, capture_output=True, text=True)
    assert "Traceback" in done.stderr and "images.py" in done.stderr
    assert done.stderr.splitlines()[-1].startswith(
        "helpers.images.UnreadableImage: nowhere.jpg does not exist."
    )


def test_an_error_made_by_hand_is_shown_too():
    error = images.UnreadableImage("a.jpg", "is empty")
    assert error._render_traceback_() == [
        "UnreadableImage: a.jpg is empty. Replace the file, or remove it from the folder."
    ]
    assert isinstance(error, checks.CourseError) and isinstance(error, ValueError)
    assert issubclass(checks.MissingFile, FileNotFoundError)
