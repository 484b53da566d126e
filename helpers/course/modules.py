"""Which module imports which, and a picture of it: `notebooks/figures/modules.svg`."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import matplotlib

from ..plots.figure import COLOURS, new_figure
from ..runtime import COURSE_FOLDER

PICTURE = COURSE_FOLDER / "notebooks" / "figures" / "modules.svg"
WHOLE = ("drawings", "sources", "plots", "exercises", "own")  # packages that are one module to all others
PARTS = {"course": "what runs, packs and publishes the course", "study": "lesson 6, and a part of lesson 3"}
LESSONS = "what lessons import, and what lies behind it"


def imported_names(source: str, package: str = "helpers") -> list[str]:
    """Return the full names that `source` imports, with `from helpers import images` as `helpers.images`.

    Example:
        >>> from helpers.course import modules
        >>> modules.imported_names("from . import images", package="helpers")
        ['helpers.images']
    """
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            module = ".".join([*above, *filter(None, [node.module])])
            names += [f"{module}.{alias.name}" for alias in node.names]
    return names


def imports(folder: Path = COURSE_FOLDER / "helpers") -> dict[str, set[str]]:
    """Return, for each module of `folder`, which others of it it imports: `{"images": {"checks", …}, …}`."""
    names = {path: ".".join(path.relative_to(folder).with_suffix("").parts) for path in folder.rglob("*.py")}
    modules = {path: _module(name) for path, name in names.items()}
    modules = {path: name for path, name in modules.items() if name not in ("__init__", "__main__", *PARTS)}
    found: dict[str, set[str]] = {module: set() for module in sorted(set(modules.values()))}
    for path, module in modules.items():
        package = ".".join([folder.name, *path.relative_to(folder).parts[:-1]])
        for name in imported_names(path.read_text(encoding="utf-8"), package):
            parts = name.removeprefix(f"{folder.name}.").split(".")
            candidates = (_module(".".join(parts[:depth])) for depth in (2, 1))
            found[module] |= {other for other in candidates if other in found and other != module}
    return found


def _module(name: str) -> str:
    whole = next((whole for whole in WHOLE if f"{name}.".startswith(f"{whole}.")), name)
    return whole.removesuffix(".__init__")


def floors(graph: dict[str, set[str]]) -> list[list[str]]:
    """Put each module one floor above the highest that it imports; raise `CycleError` for a circle."""
    height: dict[str, int] = {}
    for module in TopologicalSorter(graph).static_order():
        height[module] = 1 + max((height[other] for other in graph[module]), default=-1)
    return [sorted(m for m in height if height[m] == floor) for floor in range(max(height.values()) + 1)]


def in_words(graph: dict[str, set[str]]) -> str:
    """Say what imports what: the picture carries it, so that one can tell whether it is of today."""
    return "; ".join(f"{module}: {', '.join(sorted(others)) or 'none'}" for module, others in graph.items())


def draw(path: Path = PICTURE) -> None:
    """Draw the modules by floors; arrows lead to what is imported, unless a longer way leads there, too."""
    graph = imports()
    rows = floors(graph)
    order = ["", *reversed(PARTS)]
    place: dict[str, tuple[float, int]] = {}
    for floor, row in enumerate(rows):

        def left_to_right(module: str) -> tuple[int, float]:
            """Each part by itself, and each module above what it imports: fewer arrows cross."""
            below = [place[other][0] for other in graph[module]]
            return order.index(_part(module)), sum(below) / max(1, len(below))

        for column, module in enumerate(sorted(row, key=left_to_right)):
            place[module] = (column + 0.5) / len(row), floor
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "modules"}):
        figure, axis = new_figure(12, 0.8 * len(rows) + 0.6)
        colour = {part: COLOURS[number] for number, part in enumerate(("", *PARTS))}
        for module, (x, y) in place.items():
            part = _part(module)
            axis.text(
                x,
                y,
                module.removeprefix(f"{part}."),
                ha="center",
                va="center",
                fontsize=9,
                zorder=3,
                bbox={"boxstyle": "round", "facecolor": "white", "edgecolor": colour[part], "linewidth": 2},
            )
            for other in sorted(graph[module] - _reached_otherwise(graph, module)):
                start, end = (x, y - 0.2), (place[other][0], place[other][1] + 0.2)
                axis.annotate(
                    "", end, start, arrowprops={"arrowstyle": "->", "color": colour[part], "linewidth": 0.8}
                )
        for part, what in (("", LESSONS), *PARTS.items()):
            axis.plot([], [], "s", color=colour[part], label=f"helpers/{part}: {what}".replace("/:", ":"))
        axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False, fontsize=9)
        axis.set(xlim=(0, 1), ylim=(-0.5, len(rows) - 0.5))
        axis.axis("off")
        figure.savefig(path, metadata={"Date": None, "Creator": None, "Description": in_words(graph)})


def _part(module: str) -> str:
    return module.split(".")[0] if "." in module else ""


def _reached_otherwise(graph: dict[str, set[str]], module: str) -> set[str]:
    """Return what can be reached from the modules that `module` imports."""
    reached: set[str] = set()
    waiting = [below for other in graph[module] for below in graph[other]]
    while waiting:
        current = waiting.pop()
        if current not in reached:
            reached.add(current)
            waiting += graph[current]
    return reached


if __name__ == "__main__":
    draw()
