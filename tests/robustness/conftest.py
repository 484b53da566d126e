"""A home of one's own for every test, a picture, a folder that anyone may enter."""

import tempfile
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def own_home(monkeypatch, tmp_path):
    """No test sees the course's own data, or what another test left."""
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("COURSE_LOCAL", raising=False)
    monkeypatch.delenv("COURSE_DATA", raising=False)


@pytest.fixture(scope="session")
def picture() -> np.ndarray:
    """A smooth picture, 64 high and 96 wide, that looks different when turned or mirrored."""
    rows, columns = np.mgrid[0:64, 0:96]
    return np.dstack([255 - columns * 2, (rows * 3 + columns) // 2, rows * 3]).astype(np.uint8)


@pytest.fixture
def open_folder():
    """An empty folder that anyone may enter: pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder
        for path in [folder, *folder.rglob("*")]:
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o777)
