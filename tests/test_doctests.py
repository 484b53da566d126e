"""The examples in docstrings run as they stand; every function that a lesson calls has one, and is listed."""

import ast
import doctest
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lesson_calls import CALLED, MODULES, named

import helpers
from helpers.runtime import COURSE_FOLDER

# --- they run -------------------------------------------------------------------------------------------


def examples() -> Iterator[doctest.DocTest]:
    """Find every docstring with an example, also those of methods, and of functions that are decorated."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    for path in sorted(COURSE_FOLDER.glob("helpers/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = (isinstance(node, kinds) and ast.get_docstring(node)) or ""
            if ">>>" in text:
                name = f"{path.stem}.{getattr(node, 'name', '')}"
                line = node.body[0].lineno - 1
                yield doctest.DocTestParser().get_doctest(text, {}, name, str(path), line)


@pytest.fixture(scope="module")
def names() -> dict[str, object]:
    """Return what a lesson has imported."""
    import keras

    modules = {name: importlib.import_module(module) for name, module in MODULES.items()}
    return {**modules, "keras": keras, "np": np, "pd": pd, "Path": Path}


def is_slow(example: doctest.DocTest) -> bool:
    """A base network takes seconds to build, also where nothing is trained."""
    return (
        re.search(r"backbones\.load|\bkeras\.|grid\.measure|augmentation\.run_cell", example.docstring)
        is not None
    )


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(example, id=example.name, marks=[pytest.mark.slow] * is_slow(example))
        for example in examples()
    ],
)
def test_the_example_runs(example, names, request, tmp_path, monkeypatch):
    if "load_dog_cat()" in example.docstring:
        photos = request.getfixturevalue("photos")
        monkeypatch.setenv("COURSE_DATA", str(Path(photos["path"][0]).parents[1]))
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    monkeypatch.delenv("COURSE_LOCAL", raising=False)
    monkeypatch.chdir(tmp_path)
    example.globs, said = dict(names), []
    # pandas fills lines up with blanks, which no file of the course ends in
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert runner.run(example, out=said.append).failed == 0, "".join(said)


# --- they are there -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", CALLED)
def test_what_a_lesson_calls_has_an_example(number):
    without = [name for name in CALLED[number] if "\nExample:\n    >>>" not in inspect.getdoc(named(name))]
    assert without == []


@pytest.mark.parametrize("name", sorted(set().union(*CALLED.values())))
def test_what_see_also_names_is_there(name):
    """In the same module, or, with a dot, in another one."""
    module = name.split(".")[0]
    for line in re.findall(r"See also: (.+)", named(name).__doc__):
        for other in re.findall(r"`([\w.]+)`", line):
            assert callable(named(other if "." in other else f"{module}.{other}")), other


def listed() -> dict[str, list[str]]:
    """Return what the package's docstring lists, lesson by lesson, and for each notebook of the appendix."""
    parts = re.findall(r"^(?:Lesson|Appendix) (\w+),.*:\n((?: +.+\n)+)", helpers.__doc__, re.MULTILINE)
    return {number.zfill(2): re.findall(r"\w+\.\w+", lines) for number, lines in parts}


def test_the_list_for_the_reader_has_what_each_lesson_is_the_first_to_call():
    before = set()
    for number, called in sorted(CALLED.items()):
        new = sorted(called - before)
        assert sorted(listed().get(number, [])) == new, (
            f"helpers/__init__.py: 'Lesson {number}, …:', or 'Appendix …', and these"
        )
        before |= called


def test_what_is_in_the_list_for_the_reader_is_there():
    for function in (name for names in listed().values() for name in names):
        assert callable(named(function)), function
