"""`requirements.txt`, made by `make lock`: all that pip installs, with the SHA-256 sum of every file."""

import re
import sys
from pathlib import Path

from .. import runtime
from ..runtime import COURSE_FOLDER

HEAD = """\
# Made by `make lock` from the short list in pyproject.toml: edit that, and run it again.
# pip compares each file that it gets with the sums here, and installs no other.
"""


def arranged(requirements: str, pyproject: str) -> str:
    """Return a lock with the short list's packages first, in its order and with its reasons.

    Args:
        requirements: the lock as uv writes it, or as it was arranged before.
        pyproject: the text of `pyproject.toml`.

    Raises:
        KeyError: a package of the short list is not in the lock.
    """
    text, pins = HEAD, runtime.pins(requirements)
    for name in list(pins):
        package = name.partition("[")[0]
        # pip before 23.3 finds the sums of coverage[toml] and of coverage only where both are named.
        pins.setdefault(package, pins[name].replace(name, package, 1))
    for group, packages in re.findall(r'^(\w+) = \[\n((?: +".+\n)+)', pyproject, re.MULTILINE):
        text += f"\n# --- {group} ---\n"
        for package, reason in re.findall(r'^ +"([a-z0-9-]+)==.+", *# (.+)', packages, re.MULTILINE):
            text += f"# {reason}\n{pins.pop(package)}\n"
    brought_in = [pin for _, pin in sorted(pins.items())]
    return "\n".join([f"{text}\n# --- brought in by those above ---", *brought_in, ""])


def main(compiled: Path, course: Path = COURSE_FOLDER) -> None:
    """Write `requirements.txt` from what uv compiled. Where nothing is new, it stays, and `.venv` with it."""
    lock = course / "requirements.txt"
    pyproject = (course / "pyproject.toml").read_text(encoding="utf-8")
    made = arranged(compiled.read_text(encoding="utf-8"), pyproject)
    if made != lock.read_text(encoding="utf-8"):
        lock.write_text(made, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
