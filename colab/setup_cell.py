# @title Setup: the course, Drive and what is missing here. Run this cell first.
drive_folder = "MyDrive/Colab Notebooks/TransferLearning"  # @param {type: "string"}
repository = ""  # @param {type: "string"}
branch = "main"  # @param {type: "string"}

import os
import subprocess
import sys
from pathlib import Path

disk = Path(os.environ.get("COURSE_DISK", "/content"))
try:
    from google.colab import drive

    drive.mount(str(disk / "drive"))
    folder = disk / "drive" / drive_folder
except Exception as refusal:  # Drive was refused, or this is not Colab: the lesson runs without
    print(f"Drive was not mounted ({refusal}).")
    folder = None

course = folder if folder and (folder / "helpers").is_dir() else disk / "course"
if not (course / "helpers").is_dir():
    if not repository:
        sys.exit(f"Copy the course's folder to your Drive, as {drive_folder}, and run this cell again.")
    address = f"https://github.com/{repository}"
    if subprocess.run(["git", "clone", "-q", "--depth=1", "-b", branch, address, course]).returncode:
        sys.exit(f"No course came from {address}, branch {branch}: check both, and run this cell again.")
sys.path.insert(0, str(course))

from helpers import colab

colab.prepare(folder, disk)
