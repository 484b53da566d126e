"""What all tests share: quiet progress bars, the data set where it can be had, a course with a small one.

And what tells the quick tests from the slow ones: one that is not marked as slow may not train a network,
nor start another Python (a kernel, a worker, a command). So none can slip into `make check`.
"""

import hashlib
import multiprocessing.process
import os
import shutil
import sys
import zipfile
from functools import wraps
from pathlib import Path

import pandas as pd
import pytest

from helpers import datasets, survey
from helpers.runtime import COURSE_FOLDER

os.environ["COURSE_QUIET"] = "1"
PICTURES = 204  # with cat.100.jpg among them


class Quick:
    """The test that is running, if it has to be quick."""

    test: pytest.Item | None = None

    @classmethod
    def refuse(cls, what: str) -> None:
        if cls.test is not None:
            pytest.fail(f"{cls.test.name} {what}: mark it with @pytest.mark.slow, for `make check`.", False)

    @classmethod
    def watch(cls, owner: type, method: str, what: str) -> None:
        """Have a method refuse to be called by a quick test."""
        original = getattr(owner, method)

        @wraps(original)
        def watched(*arguments, **settings):
            cls.refuse(what)
            return original(*arguments, **settings)

        setattr(owner, method, watched)


def another_python(event: str, arguments: tuple) -> None:
    if event == "subprocess.Popen":
        program, command, *_ = arguments
        program = program or (command if isinstance(command, str) else command[0])
        if Path(os.fsdecode(program)).name.startswith("python"):
            Quick.refuse("starts another Python")


def pytest_collection_finish():
    sys.addaudithook(another_python)
    Quick.watch(multiprocessing.process.BaseProcess, "start", "starts another process")
    if keras := sys.modules.get("keras"):
        Quick.watch(keras.Model, "fit", "trains")
        Quick.watch(keras.optimizers.Optimizer, "apply", "trains")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    is_quick = isinstance(item, pytest.Function) and item.get_closest_marker("slow") is None
    Quick.test = item if is_quick else None
    try:
        return (yield)
    finally:
        Quick.test = None


@pytest.fixture(scope="session")
def photos() -> pd.DataFrame:
    """The 1,399 photos; a test that asks for them is skipped where there are none."""
    data = datasets.load_dog_cat()
    if data.attrs["source"] == "drawn pets":
        pytest.skip("the photos are out of reach")
    return data


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> pd.DataFrame:
    """A part of the photos with a pair of near-duplicates in it; drawn pets where there are no photos."""
    data = datasets.load_dog_cat()
    if data.attrs["source"] == "drawn pets":
        return datasets.draw_pets(PICTURES, 0, tmp_path_factory.mktemp("pets"), near_duplicates=6)
    alike = survey.find_near_duplicates(data).head(1)
    first = data.groupby("label").head(PICTURES // 2)
    return pd.concat([first, data[data["path"].isin([*alike["path_a"], *alike["path_b"]])]]).drop_duplicates()


@pytest.fixture(scope="session")
def short_course(pictures, tmp_path_factory) -> Path:
    """The course as one copies it to Drive, with those pictures for its data set; beside it, `photos.zip`."""
    course = tmp_path_factory.mktemp("short") / "course"
    shutil.copytree(
        COURSE_FOLDER / "helpers", course / "helpers", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(COURSE_FOLDER / "requirements.txt", course)
    names = ["/".join(Path(path).parts[-2:]) for path in pictures["path"]]
    sums = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in pictures["path"]]
    lines = [f"{checksum}  Data/Train_Data/{name}\n" for checksum, name in zip(sums, names)]
    (course / "helpers" / "dog_cat.sha256").write_text("".join(lines), encoding="ascii")
    with zipfile.ZipFile(course.parent / "photos.zip", "w") as archive:
        for path, name in zip(pictures["path"], names):
            archive.write(path, f"Dog-Cat-Classifier-main/Data/Train_Data/{name}")
    return course


@pytest.fixture(autouse=True)
def everyone_can_read_the_figures(request, monkeypatch):
    """Each figure that a test of `plots` makes is well described, and tells nothing by colour alone."""
    if not request.path.name.startswith("test_plots_"):
        yield
        return
    from accessibility import problems

    from helpers.plots.figure import DescribedFigure

    made, start = [], DescribedFigure.__init__

    def start_and_note(figure, *arguments, **settings):
        made.append(figure)
        start(figure, *arguments, **settings)

    monkeypatch.setattr(DescribedFigure, "__init__", start_and_note)
    yield
    finished = [figure for figure in made if figure.alt_text]  # without, it could not be shown
    assert [problem for figure in finished for problem in problems(figure)] == []
