"""What the lessons call of `helpers`, read from their code."""

import ast
import importlib
from pathlib import Path

import nbformat

from helpers.course import lessons

PACKAGES = ("helpers", "helpers.study")


def code_of(lesson: Path) -> ast.Module:
    cells = [cell.source for cell in nbformat.read(lesson, 4).cells if cell.cell_type == "code"]
    return ast.parse("\n".join(cells))


def modules_of(code: ast.Module) -> dict[str, str]:
    """Return the modules of `helpers` that a lesson imports: `comparison` -> `helpers.study.comparison`."""
    nodes = [node for node in ast.walk(code) if isinstance(node, ast.ImportFrom) and node.module in PACKAGES]
    names = {alias.name: f"{node.module}.{alias.name}" for node in nodes for alias in node.names}
    return {name: module for name, module in names.items() if name not in ("exercises", "plots")}


def called_in(code: ast.Module) -> set[str]:
    """Return the functions and classes of `helpers` that a lesson uses: `splits.split`."""
    modules = {name: importlib.import_module(module) for name, module in modules_of(code).items()}
    nodes = [node for node in ast.walk(code) if isinstance(node, ast.Attribute)]
    pairs = {(node.value.id, node.attr) for node in nodes if isinstance(node.value, ast.Name)}
    return {f"{a}.{b}" for a, b in pairs if a in modules and callable(getattr(modules[a], b))}


# By the lesson's number, "01"; by name where it is one of the appendix.
CODE = {path.name[:2] if lessons.number(path) else path.stem: code_of(path) for path in lessons.find()}
MODULES = {name: module for code in CODE.values() for name, module in modules_of(code).items()}
CALLED = {number: called_in(code) for number, code in CODE.items()}


def named(function: str) -> object:
    """Return the function or class that a lesson calls by this name."""
    module, name = function.split(".")
    return getattr(importlib.import_module(MODULES[module]), name)
