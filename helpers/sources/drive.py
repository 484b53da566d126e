"""Google Drive as Colab mounts it: slow with small files, so what lies there is copied here once."""

import math
import os
import shutil
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .. import runtime
from . import folders

READERS = 8  # at a time: what takes long is to wait for Drive
PIECE = 2**20


def at_hand(path: Path) -> Path:
    """Return `path`, a file or a folder; of what lies on a mounted Drive, a copy on the local disk.

    The copy is made the first time, with a progress bar. After that, or where it was interrupted, only files
    are read that are new or whose size or time has changed. What has gone from Drive goes from the copy, too.
    """
    mount = Path(os.environ.get("COURSE_DRIVE") or os.devnull).resolve()  # as `colab.prepare` sets it
    there = path.resolve()
    if not there.is_relative_to(mount):
        return path
    here = runtime.local("drive", *there.relative_to(mount).parts)
    inside, files = ([], [there]) if there.is_file() else folders.below(there, defaultdict(list))
    kept = {here / found.relative_to(there) for found in inside + files}
    for old in list(here.rglob("*")):
        if old not in kept:
            shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
    for found in inside:
        (here / found.relative_to(there)).mkdir(parents=True, exist_ok=True)
    changed = [found for found in files if _state(found) != _state(here / found.relative_to(there))]
    if changed:
        _copy(changed, there, here)
    return here


def _state(file: Path) -> tuple[int, int] | None:
    return (file.stat().st_size, file.stat().st_mtime_ns) if file.is_file() else None


def _copy(files: list[Path], there: Path, here: Path) -> None:
    pieces = sum(math.ceil(file.stat().st_size / PIECE) for file in files)
    with runtime.progress((), "Copying from Drive", pieces) as bar, ThreadPoolExecutor(READERS) as pool:

        def copy(file: Path) -> None:
            with runtime.written_whole(here / file.relative_to(there)) as unfinished:
                with file.open("rb") as opened, unfinished.open("wb") as written:
                    for piece in iter(lambda: opened.read(PIECE), b""):
                        written.write(piece)
                        with bar.get_lock():
                            bar.update()
                shutil.copystat(file, unfinished)

        list(pool.map(copy, files))
