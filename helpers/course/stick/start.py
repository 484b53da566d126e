"""Install the course without internet, from this folder or from a server in the room, and open it.

python start.py                                from the folder that this file lies in
python start.py --from http://10.0.0.5:8000    from a server that serves that folder

Nothing is written here; the course goes into `transfer-learning` in your home folder, unless --into names
another. What is installed already stays: the next start takes seconds and needs neither stick nor server.
"""

from __future__ import annotations  # whatever Python starts this is told which one it takes

import argparse
import hashlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from pathlib import Path
from urllib.parse import urlsplit


class Problem(Exception):
    """What keeps the course from being installed, and what to do."""


def main() -> int:
    """Install what is not installed yet, and open JupyterLab; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--from", dest="source", metavar="URL", help="the server's address")
    parser.add_argument("--into", type=Path, default=Path.home() / "transfer-learning", metavar="FOLDER")
    parser.add_argument("--only-install", action="store_true", help="do not open JupyterLab")
    options = parser.parse_args()
    course = options.into.expanduser().absolute()
    try:
        install(options.source or Path(__file__).resolve().parent, course)
    except (Problem, OSError) as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError:
        print("\nThis step failed; what went wrong stands above. Mend it and start again.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The next start goes on from here.", file=sys.stderr)
        return 1
    print(f"The course is in {course}")
    if options.only_install:
        return 0
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for JupyterLab, which ends by itself
    return subprocess.call([python_of(course), "-m", "helpers", "lab"], cwd=course)


def install(source: Path | str, course: Path) -> None:
    """Put the course, its packages and the photos into the folder `course`, each unless it is there.

    `source` is a folder (Path) or a server's address (str). Raises Problem, CalledProcessError, OSError.
    """
    installed = course / ".venv" / "requirements-installed"  # the same mark that `make` leaves
    photos = course / "data" / "dog-cat"
    if installed.exists() and photos.exists():
        return
    sums = read_sums(source)
    check_python(sums)
    if isinstance(source, Path):
        print("Checking the files …")
        for name in sums:
            with (source / name).open("rb") as file:  # in pieces: a wheel may be larger than the memory left
                compare(name, hashlib.file_digest(file, "sha256").hexdigest(), sums)
    if not (course / "requirements.txt").exists():
        unpack(read(source, "course.zip"), sums, course)
    if not installed.exists():
        print("Installing the packages: a few minutes …")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(course / ".venv")], check=True)
        pip = [python_of(course), "-m", "pip", "--isolated", "--disable-pip-version-check", "install"]
        wheels = ["--quiet", "--no-index", "--find-links", place(source, "wheels/"), "--require-hashes"]
        if not isinstance(source, Path):
            wheels += ["--trusted-host", urlsplit(source).netloc]  # a room's server has no certificate
        # These hold the sum of what was built for this folder, too; the course's own do not.
        subprocess.run([*pip, *wheels, "--requirement", place(source, "requirements.txt")], check=True)
        installed.touch()
    environment = {**os.environ, "COURSE_DATA": place(source, "dog-cat.zip")}
    environment.pop("COURSE_HOME", None)  # the photos go into the course's own folder
    subprocess.run([python_of(course), "-m", "helpers", "data"], cwd=course, env=environment, check=True)


def check_python(sums: dict) -> None:
    """Raise Problem if there are no wheels for the Python that runs this."""
    tags = {match[1] for name in sums if (match := re.search(r"-(cp3\d+)-\1-", name))}
    if f"cp{sys.version_info[0]}{sys.version_info[1]}" not in tags:
        wanted = ", ".join(sorted(f"{tag[2]}.{tag[3:]}" for tag in tags))
        raise Problem(
            f"This is Python {sys.version_info[0]}.{sys.version_info[1]}, and the packages here are for "
            f"Python {wanted}. Start with one of these, or ask your teacher for packages for yours."
        )


def read_sums(source: Path | str) -> dict:
    """Return the SHA-256 sum of each file, by its name."""
    lines = read(source, "SHA256SUMS").decode("utf-8").splitlines()
    return {name: checksum for checksum, name in (line.split("  ", 1) for line in lines)}


def read(source: Path | str, name: str) -> bytes:
    """Return the content of a file in `source`."""
    if isinstance(source, Path):
        return (source / name).read_bytes()
    try:
        with urllib.request.urlopen(place(source, name), timeout=30) as reply:
            return reply.read()
    except (OSError, ValueError) as error:
        raise Problem(
            f"{name} did not come from {source} ({error}). Check the address, and the Wi-Fi."
        ) from None


def place(source: Path | str, name: str) -> str:
    """Return a path or an address, as pip and COURSE_DATA take it."""
    return str(source / name) if isinstance(source, Path) else f"{source.rstrip('/')}/{name}"


def compare(name: str, checksum: str, sums: dict) -> None:
    """Raise Problem if this is not the sum that the file had when the folder was made."""
    if checksum != sums[name]:
        raise Problem(f"{name} is damaged: its SHA-256 sum differs. Copy it anew.")


def unpack(archive: bytes, sums: dict, course: Path) -> None:
    """Unpack the course, whole or not at all."""
    compare("course.zip", hashlib.sha256(archive).hexdigest(), sums)
    course.parent.mkdir(parents=True, exist_ok=True)
    if course.exists() and any(course.iterdir()):
        raise Problem(f"{course} holds other things. Choose another folder: --into FOLDER")
    with tempfile.TemporaryDirectory(dir=course.parent) as temporary:
        packed, folder = Path(temporary, "course.zip"), Path(temporary, "course")
        packed.write_bytes(archive)
        with zipfile.ZipFile(packed) as opened:
            opened.extractall(folder)
        if course.exists():
            course.rmdir()
        folder.rename(course)


def python_of(course: Path) -> str:
    """Return the path of the course's own Python."""
    return str(course / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


if __name__ == "__main__":
    sys.exit(main())
