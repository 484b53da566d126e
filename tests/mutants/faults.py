"""The faults: where they are drawn, how they are planted, and which tests are to notice.

cosmic-ray plants them: another operator, another number, a condition turned round, a loop left out. Left out
are annotations, which nothing runs; what is put into the texts of errors and of what is printed; and `is` for
`==`, since whether two equal texts are one object is Python's affair.
"""

import ast
import functools
import hashlib
import os
import random
import re
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import MutationVisitor, mutate_and_test
from cosmic_ray.plugins import get_operator, operator_names
from cosmic_ray.work_item import MutationSpec, TestOutcome

from helpers.runtime import COURSE_FOLDER
from helpers.study import experiments

DATA = (
    "tests/test_datasets.py tests/robustness/test_archives.py"
    " -k 'not importing and not whatever and not silence and not processes'"
)
# For each module the tests that are to notice, as pytest takes them: those that need no training.
TESTS = {
    "splits": "tests/test_splits.py -k 'not photos'",
    "survey": "tests/test_survey.py -k 'not photos and not groups_of_many'",
    "checks": "tests/test_checks.py",
    "images": "tests/test_images.py tests/robustness/test_pictures.py -k 'not training and not epoch'",
    "sources/folders": DATA,
    "sources/zips": DATA,
    "sources/published": DATA,
    "datasets": DATA,
    "study/comparison": "tests/test_comparison.py",
    "study/paired": "tests/test_paired.py",
    "study/experiments": "tests/test_experiments.py -k 'not killed_run'",
}
A_MODULE = 57  # places; about 500 in all
SEED = 0  # an edit elsewhere does not change which places are drawn
SECONDS = 120  # a mutant that takes longer is caught: it hangs
IDENTITY = re.compile("_(Eq|NotEq|Lt|LtE|Gt|GtE)_(Is|IsNot)$")
TALK = ("print", "warn")


def mutants(module: str) -> list[experiments.Cell]:
    """Draw places in a module, and a fault for each: cells of an experiment. The first has no fault."""
    source = _source(module)
    left_out = list(_left_out(ast.parse(source)))
    nodes = list(ast_nodes(get_ast(source)))
    places: dict[tuple[int, int], list[tuple[str, int]]] = {}
    for name in operator_names():
        if get_operator(name).arguments() or IDENTITY.search(name):
            continue
        operator = get_operator(name)()
        positions = [start for node in nodes for start, _ in operator.mutation_positions(node)]
        for occurrence, place in enumerate(positions):
            if not any(start <= place < end for start, end in left_out):
                places.setdefault(place, []).append((name, occurrence))
    lines = source.splitlines()

    def drawn(place: tuple[int, int]) -> random.Random:
        """Return a draw that stays the same for a line, whatever is edited in others."""
        return random.Random(f"{SEED} {place[1]} {lines[place[0] - 1]}")

    faults: list[tuple[int, str, int]] = [(0, "", 0)]
    for place in sorted(places, key=lambda place: (drawn(place).random(), place)):
        possible = drawn(place).sample(places[place], len(places[place]))
        fault = next((fault for fault in possible if _is_code(source, *fault)), None)
        if fault and len(faults) <= A_MODULE:
            faults.append((place[0], *fault))
    return [
        {"module": module, "line": line, "operator": name, "occurrence": occurrence, "state": state(module)}
        for line, name, occurrence in sorted(faults)
    ]


def _mutated(source: str, operator: str, occurrence: int) -> str:
    return MutationVisitor.mutate_code(source, get_operator(operator)(), occurrence)


def _is_code(source: str, operator: str, occurrence: int) -> bool:
    try:
        compile(_mutated(source, operator, occurrence), "mutant", "exec")
    except (SyntaxError, AttributeError):  # of Python; of cosmic-ray, where an exception's name has a dot
        return False
    return True


def _source(module: str) -> str:
    return (COURSE_FOLDER / "helpers" / f"{module}.py").read_text(encoding="utf-8")


def _left_out(tree: ast.Module) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Return from where to where there are annotations, and texts of errors and of what is printed."""
    for node in ast.walk(tree):
        texts = isinstance(node, ast.Raise) or (
            isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in TALK
        )
        found = [inner for inner in ast.walk(node) if texts and isinstance(inner, ast.JoinedStr)]
        found += [getattr(node, name, None) for name in ("annotation", "returns")]
        for part in filter(None, found):
            yield (part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)


@functools.cache
def state(module: str) -> str:
    """Return a sum of what a mutant's fate depends on: results of other code do not count."""
    tests = [COURSE_FOLDER / word for word in shlex.split(TESTS[module]) if word.endswith(".py")]
    shared = [path.parent / "conftest.py" for path in tests]
    files = [*sorted(COURSE_FOLDER.glob("helpers/**/*.py")), *tests, *shared, Path(__file__)]
    code = b"".join(path.read_bytes() for path in files if path.exists())
    return hashlib.sha256(code).hexdigest()[:8]


def measure(cell: experiments.Cell, folder: str) -> experiments.Record:
    """Plant one fault in this process's own copy of the course, and run the module's tests."""
    copy = Path(folder) / str(os.getpid())
    if not copy.exists():
        for name in ("helpers", "tests"):
            shutil.copytree(COURSE_FOLDER / name, copy / name)
        for name in ("pyproject.toml", "requirements.txt"):
            shutil.copy(COURSE_FOLDER / name, copy)
        os.chdir(copy)
        os.environ |= {"COURSE_HOME": str(copy), "PYTHONPATH": str(copy)}
    line = cell["line"]
    fault = MutationSpec(
        f"helpers/{cell['module']}.py", cell["operator"], cell["occurrence"], (line, 0), (line, 1)
    )
    command = f"{sys.executable} -m pytest -x -q -p no:cacheprovider -p no:xdist {TESTS[cell['module']]}"
    start = time.perf_counter()
    result = mutate_and_test([fault] if line else [], command, SECONDS)
    if result.test_outcome in (None, TestOutcome.INCOMPETENT):
        raise RuntimeError(result.output)
    return {"caught": result.is_killed, "seconds": time.perf_counter() - start}


def changed_lines(cell: experiments.Cell) -> tuple[str, str]:
    """Return the line that a fault changes, as it was and as it becomes."""
    source = _source(cell["module"])
    mutated = _mutated(source, cell["operator"], cell["occurrence"])
    pairs = zip(source.splitlines(), mutated.splitlines())
    return next((before.strip(), after.strip()) for before, after in pairs if before != after)
