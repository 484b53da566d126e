"""Which module imports which, and its picture."""

import re
from graphlib import CycleError

import pytest

from helpers.course import modules


def test_the_picture_is_of_the_modules_as_they_are(tmp_path):
    graph = modules.imports()
    modules.draw(tmp_path / "modules.svg")
    for picture in (tmp_path / "modules.svg", modules.PICTURE):
        drawn = picture.read_text(encoding="utf-8")
        assert modules.in_words(graph) in drawn, f"{picture.name} is of other modules: make modules"
        texts = set(re.findall(r"<text[^>]*>([^<]+)</text>", drawn))
        assert {module.split(".", 1)[-1] for module in graph} <= texts


def test_every_way_to_import_is_seen(tmp_path):
    folder = tmp_path / "helpers"
    (folder / "study").mkdir(parents=True)
    sources = {
        "__init__.py": "",
        "checks.py": "import numpy",
        "images.py": "from . import checks",
        "survey.py": "from .images import read\n\ndef later():\n    from helpers.checks import number",
        "study/__init__.py": "",
        "study/domains.py": "from .. import survey\nfrom ..images import read",
        "study/grid.py": "from . import domains",
    }
    for name, source in sources.items():
        (folder / name).write_text(source, encoding="utf-8")
    assert modules.imports(folder) == {
        "checks": set(),
        "images": {"checks"},
        "study.domains": {"images", "survey"},
        "study.grid": {"study.domains"},
        "survey": {"checks", "images"},
    }


def test_each_module_lies_above_what_it_imports():
    graph = {"a": set(), "b": {"a"}, "c": {"a", "b"}, "d": set()}
    assert modules.floors(graph) == [["a", "d"], ["b"], ["c"]]
    with pytest.raises(CycleError):
        modules.floors({"a": {"b"}, "b": {"a"}})


def test_no_module_is_large():
    """What has more than 400 lines is two things."""
    folder = modules.COURSE_FOLDER / "helpers"
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in folder.rglob("*.py")}
    assert {str(path): n for path, n in lines.items() if n > 400 and path.parent.name != "plots"} == {}


def test_what_lessons_import_stays_small():
    """`helpers/*.py`, what a reader of lessons 1 to 5 sees, without the examples in its descriptions."""
    paths = modules.COURSE_FOLDER.glob("helpers/*.py")
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths) <= 5000
