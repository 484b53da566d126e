"""What helpers and lessons' figures say, taken from their source: the blocks of `helpers/language/vi.po`.

A message is a text of several words, or a label in a figure; of an f-string, the fields are numbered. Which
of them are ever shown cannot be known from the source. What is not needs no translation: tests find what is
shown and has none.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat

from ..runtime import COURSE_FOLDER
from . import lessons

HELPERS = COURSE_FOLDER / "helpers"
_WORDS = re.compile(r"[A-Za-z]{2,}[^A-Za-z]? |[A-Za-z}] [A-Za-z]{2,}")
_CODE = re.compile(r"\(\?|\\[dws]|^[a-z_]+==|^\w+://")
_SAYING = ("print", "sys.exit")
_LABELS = ("label", "title", "xlabel", "ylabel")  # arguments of Matplotlib whose single words are shown
_LABELLING = re.compile(
    r"^(set_(title|[xyz]?label|[xy]ticks)|text|annotate|Control|describe|empty_figure|translated|say)$"
)


def messages(folder: Path = HELPERS) -> dict[str, str]:
    """Return the messages, each with the module where it stands first, in the source's order."""
    found = {"and": "language", "none": "language"}  # between others, and in their place
    for path in sorted(folder.rglob("*.py")):
        module = ".".join(path.relative_to(folder).with_suffix("").parts)
        if not module.startswith(("course.", "language.")):
            for text in _texts(ast.parse(path.read_text(encoding="utf-8"))):
                found.setdefault(text, module)
    for path in lessons.find(folder=folder.parent / "notebooks"):
        cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        for text in _texts(ast.parse("\n".join(cell.source for cell in cells)), printed=False):
            found.setdefault(text, path.stem)
    return found


def said(script: str) -> list[str]:
    """Return what a script of Colab shows, as it is written there: its form's title, and what it prints."""
    title = re.search(r"^# @title (.+)$", script, re.MULTILINE)
    nodes = sorted(ast.walk(ast.parse(script)), key=lambda node: getattr(node, "lineno", 0))
    calls = [node for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func) in _SAYING]
    literals = [ast.get_source_segment(script, call.args[0]) or "" for call in calls]
    return ([title[1]] if title else []) + [literal.removeprefix("f").strip('"') for literal in literals]


def _texts(tree: ast.Module, printed: bool = True) -> Iterator[str]:
    nodes = list(ast.walk(tree))
    if not printed:  # what a lesson's own code prints stays as it is
        prints = [node for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"]
        within = {id(part) for call in prints for part in ast.walk(call)}
        nodes = [node for node in nodes if id(node) not in within]
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    said = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}  # docstrings
    labels = {id(value) for node in nodes if isinstance(node, ast.Call) for value in _labels(node)}
    for node in nodes:
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if isinstance(node, ast.expr) and (is_text or isinstance(node, ast.JoinedStr)):
            text = "" if id(node) in parts | said else _template(node)
            is_shown = _WORDS.search(text) or (id(node) in labels and re.search("[A-Za-z]{2}", text))
            if is_shown and not _CODE.search(text):
                yield text.strip()


def _labels(call: ast.Call) -> Iterator[ast.expr]:
    """Yield those arguments of a call that a figure shows."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    yield from (keyword.value for keyword in call.keywords if keyword.arg in _LABELS)
    if ast.unparse(call.func).startswith(("plots.", "explore.")):  # as lessons call them
        yield from (
            part for argument in call.args for part in ast.walk(argument) if isinstance(part, ast.expr)
        )
    if _LABELLING.match(name):
        for argument in call.args:
            yield from argument.elts if isinstance(argument, ast.List) else [argument]


def _template(node: ast.expr) -> str:
    """Return a text with numbered fields; braces that are none are doubled, as `str.format` has it."""
    numbers = iter(range(100))
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(
        str(part.value).replace("{", "{{").replace("}", "}}")
        if isinstance(part, ast.Constant)
        else f"{{{next(numbers)}}}"
        for part in parts
    )
