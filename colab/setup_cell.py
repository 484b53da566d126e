# @title Setup: the course, Drive and what is missing here. Run this cell first.
drive_folder = "MyDrive/Colab Notebooks/TransferLearning"  # @param {type: "string"}
repository = ""  # @param {type: "string"}
branch = "main"  # @param {type: "string"}
language = "en"  # @param ["en", "vi"]

import io
import os
import shutil
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from pathlib import Path

disk = Path(os.environ.get("COURSE_DISK", "/content"))
course, begun, mark = disk / "course", disk / "course.unfinished", "helpers/dog_cat.sha256"
folder = upload = None
try:
    from google.colab import drive, files

    upload = files.upload
    drive.mount(str(disk / "drive"))
    folder = disk / "drive" / drive_folder
except Exception as refusal:  # Drive was refused, or this is not Colab: the lesson runs without
    print(f"Drive was not mounted ({refusal}).")


def take(source):
    """Copy the course to this machine's disk from a folder, or from a zip that holds it in any folder."""
    shutil.rmtree(begun, ignore_errors=True)
    with suppress(OSError, RuntimeError, zipfile.BadZipFile):  # what lies on Drive may be anything
        if isinstance(source, Path) and source.is_dir():
            if (source / mark).is_file():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source / "helpers", begun / "helpers", ignore=ignored)
                shutil.copy(source / "requirements.txt", begun)
                begun.rename(course)
            return course.is_dir()
        with zipfile.ZipFile(source) as archive:
            names = {member: member.filename.replace("\\", "/") for member in archive.infolist()}
            marked = [name for name in names.values() if f"/{name}".endswith(f"/{mark}")]
            if marked:
                outer = min(marked, key=len)[: -len(mark)]
                for member, name in names.items():
                    member.filename = name.removeprefix(outer)
                    if member.filename.startswith(("helpers/", "requirements.txt")):
                        archive.extract(member, begun)
                begun.rename(course)
    return course.is_dir()


def places(*first, seconds=10):
    """Go through folders and what lies in them, the newest first; Drive may be too large for all."""
    waiting, end = [*first], time.monotonic() + seconds
    for place in waiting:
        yield place
        if time.monotonic() > end:
            return
        with suppress(OSError):
            inside = [path for path in place.iterdir() if path.suffix.lower() == ".zip" or path.is_dir()]
            waiting += sorted(inside, key=lambda path: path.stat().st_mtime, reverse=True)


if not (course.is_dir() or (folder and take(folder))):
    address = f"https://github.com/{repository}"
    if repository:
        if subprocess.run(["git", "clone", "-q", "--depth=1", "-b", branch, address, course]).returncode:
            sys.exit(f"No course came from {address}, branch {branch}: check both, and run this cell again.")
    elif folder:
        print("Looking for the course on your Drive, for 10 seconds at most …")
        for place in places(folder, disk / "drive" / "MyDrive"):
            if take(place):
                print(f"It is in {place}.")
                break
    if upload and not course.is_dir():
        print("The course is not there. Choose the zip file in which you got it:")
        for name, content in upload().items():
            if take(io.BytesIO(content)) and folder:
                with suppress(OSError):  # next time it is found there
                    folder.mkdir(parents=True, exist_ok=True)
                    (folder / name).write_bytes(content)
    if not course.is_dir():
        sys.exit("There is no course. Put its zip file into your Drive, and run this cell again.")
sys.path.insert(0, str(course))
os.environ["COURSE_LANGUAGE"] = language

from helpers import colab

colab.prepare(folder, disk)
