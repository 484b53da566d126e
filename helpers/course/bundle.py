"""The course in one folder, for a room without internet: for a USB stick, or for a server in the room."""

import html
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename

from .. import checks, runtime
from ..runtime import COURSE_FOLDER
from ..sources import zips
from . import editions, lessons, meeting

STICK = Path(__file__).with_name("stick")  # what lies at the bundle's top: scripts that install from it
SUMS, COURSE, PHOTOS, WHEELS = "SHA256SUMS", "course.zip", "dog-cat.zip", "wheels"
REQUIREMENTS = "requirements.txt"

# Which wheels pip may take for a platform, and what its Python says of itself, on which some pins depend.
_MANYLINUX = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_24", "manylinux_2_17", "manylinux2014")
PLATFORMS = {
    "linux": (
        [f"{name}_x86_64" for name in (*_MANYLINUX, "manylinux_2_12", "manylinux_2_5")],
        {"sys_platform": "linux", "platform_machine": "x86_64", "os_name": "posix"},
    ),
    "mac": (
        ["macosx_15_0_arm64", "macosx_15_0_universal2"],
        {"sys_platform": "darwin", "platform_machine": "arm64", "os_name": "posix"},
    ),
    "windows": (
        ["win_amd64"],
        {"sys_platform": "win32", "platform_machine": "AMD64", "os_name": "nt"},
    ),
}


class BundleError(Exception):
    """The bundle cannot be made: the message says why, and what to do."""


def make(
    folder: Path,
    photos: pd.DataFrame,
    platforms: Iterable[str] = (),
    pythons: Iterable[str] = (),
    course: Path = COURSE_FOLDER,
    for_students: bool = False,
) -> int:
    """Make the bundle in `folder`, anew, and return its size in bytes.

    It holds the wheels of all packages (for this platform and Python, and for each pair of `platforms` and
    `pythons`), the pins with the wheels' sums, the photos, the course, the scripts that install from there,
    and SHA-256 sums of all that.

    Args:
        folder: is deleted first.
        photos: the table of `datasets.load_dog_cat`.
        platforms: others to have wheels for, out of `PLATFORMS`.
        pythons: their versions of Python, such as "3.12"; this one's if left out.
        course: a git checkout.
        for_students: put the edition without solutions there, of this course as it lies here, in place of
            the course as last committed.

    Raises:
        ValueError: an unknown platform, or what is no version of Python.
        BundleError: a package has no wheel there, or `course` is no git checkout.
    """
    platforms, pythons = list(platforms), list(pythons)
    for platform in platforms:
        checks.choice("platforms", platform, PLATFORMS)
    for python in pythons:
        if not re.fullmatch(r"3\.\d+", python):
            raise checks.CourseError(f"pythons has {checks.shown(python)}. Give versions such as '3.12'.")
    shutil.rmtree(folder, ignore_errors=True)
    editions.copy_for_all_systems(STICK, folder)
    if for_students:
        _write_student_edition(folder / COURSE)
    else:
        _write_course(course, folder / COURSE)
    zips.pack(photos, folder / PHOTOS)
    locked, wheels = course / REQUIREMENTS, folder / WHEELS
    # All pins are there, those of packages that others bring in too: nothing has to be worked out.
    _pip("wheel", "--no-deps", "--require-hashes", "--wheel-dir", wheels, "--requirement", locked)
    requirements = with_built(locked.read_text(encoding="utf-8"), wheels)
    (folder / REQUIREMENTS).write_text(requirements, encoding="utf-8", newline="\n")
    for platform in platforms:
        for python in pythons or [f"{sys.version_info.major}.{sys.version_info.minor}"]:
            _download(requirements, wheels, platform, python)
    _write_index(wheels)
    sums = {path: runtime.sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    lines = [f"{checksum}  {path.relative_to(folder).as_posix()}\n" for path, checksum in sums.items()]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8", newline="\n")
    return sum(path.stat().st_size for path in sums)


def with_built(requirements: str, wheels: Path) -> str:
    """Return the pins with the sums of those wheels added that pip built here, of packages without any."""
    pins = runtime.pins(requirements)
    for wheel in sorted(wheels.glob("*.whl")):
        checksum = runtime.sha256(wheel)
        if checksum not in requirements:
            pin = pins[parse_wheel_filename(wheel.name)[0]]
            requirements = requirements.replace(pin, f"{pin} \\\n    --hash=sha256:{checksum}")
    return requirements


def pins_for(requirements: str, platform: str, python: str) -> list[str]:
    """Return the pins that hold for another machine, with their sums and less their conditions.

    pip asks the machine that it runs on whether a condition holds, also where it downloads for another.
    """
    environment = {**PLATFORMS[platform][1], "python_version": python, "python_full_version": f"{python}.0"}
    found = []
    for pin in runtime.pins(requirements).values():
        line, *sums = pin.split(" \\\n")
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            requirement.marker = None
            found.append(" \\\n".join([str(requirement), *sums]))
    return found


def _download(requirements: str, wheels: Path, platform: str, python: str) -> None:
    """Add the wheels for another platform; those for any platform are found among `wheels` already."""
    with tempfile.TemporaryDirectory() as temporary:
        pinned = Path(temporary, REQUIREMENTS)
        pinned.write_text("\n".join(pins_for(requirements, platform, python)), encoding="utf-8")
        options: list[object] = ["--no-deps", "--require-hashes", "--only-binary", ":all:"]
        options += ["--find-links", wheels, "--dest", wheels]
        options += [part for tag in PLATFORMS[platform][0] for part in ("--platform", tag)]
        _pip("download", *options, "--python-version", python, "--requirement", pinned)


def _pip(*arguments: object) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *map(str, arguments)]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        said = "\n".join(done.stderr.strip().splitlines()[-3:])
        raise BundleError(
            f"pip could not get all packages:\n{said}\n"
            "Check the connection and the room left on the disk, and run this again."
        )


def _write_course(course: Path, archive: Path) -> None:
    command = ["git", "archive", "--format=zip", f"--output={archive.absolute()}", "HEAD"]
    done = subprocess.run(command, cwd=course, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise BundleError(
            f"git could not pack the course: {done.stderr.strip()}\n"
            f"{course} has to be a git checkout, as `git clone` makes it."
        )


def _write_student_edition(archive: Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        editions.write_student_edition(lessons.find(), Path(temporary, "student"))
        meeting.write(lessons.find(), Path(temporary, "student", "notebooks", meeting.NAME))
        shutil.make_archive(str(archive.with_suffix("")), "zip", Path(temporary, "student"))


def _write_index(wheels: Path) -> None:
    """Write the page that pip reads on a server; it compares each wheel with the sum in its link."""
    links = [
        f'<a href="{html.escape(path.name)}#sha256={runtime.sha256(path)}">{html.escape(path.name)}</a><br>\n'
        for path in sorted(wheels.glob("*.whl"))
    ]
    page = f'<!DOCTYPE html>\n<html lang="en"><title>Wheels</title>\n{"".join(links)}</html>\n'
    (wheels / "index.html").write_text(page, encoding="utf-8", newline="\n")
