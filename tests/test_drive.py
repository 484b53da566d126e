"""Pictures on a mounted Drive: copied to the local disk once, read there, and kept up to date."""

import os
import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest
from test_datasets import assert_is_the_set, course, link, write_folder, write_zip  # noqa: F401

from helpers import datasets, images, runtime
from helpers.checks import DataError
from helpers.sources import drive


class Opened:
    """How often each file below a folder has been opened, by whomever in this process."""

    below, counts = None, Counter()

    @classmethod
    def note(cls, event: str, arguments: tuple) -> None:
        if cls.below and event == "open" and str(arguments[0]).startswith(cls.below):
            cls.counts[Path(arguments[0]).relative_to(cls.below).as_posix()] += 1


sys.addaudithook(Opened.note)  # which nothing can take away again


@pytest.fixture
def mounted(tmp_path, monkeypatch):
    """A Drive with pictures in `MyDrive/my_pets`, as Colab mounts it."""
    drive = tmp_path / "content" / "drive"
    datasets.draw_pets(8, 0, drive / "MyDrive" / "my_pets", size=16)
    monkeypatch.setenv("COURSE_DRIVE", str(drive))
    monkeypatch.setenv("COURSE_LOCAL", str(tmp_path / "content" / "local"))
    monkeypatch.setenv("COURSE_HOME", str(drive / "MyDrive" / "course"))
    monkeypatch.setattr(Opened, "counts", Counter())
    monkeypatch.setattr(Opened, "below", f"{drive}{os.sep}")
    return drive / "MyDrive"


def local(tmp_path: Path, *parts: str) -> Path:
    return tmp_path.joinpath("content", "local", "data", *parts)


def names(data) -> list[str]:
    return ["/".join(Path(path).parts[-2:]) for path in data["path"]]


def test_a_folder_on_drive_is_read_from_the_local_disk(mounted, tmp_path):
    data = datasets.load_folder(mounted / "my_pets")
    assert all(path.startswith(str(local(tmp_path, "drive", "MyDrive", "my_pets"))) for path in data["path"])
    assert names(data) == [f"{label}/{label}.{number}.jpg" for label in ("cat", "dog") for number in range(4)]
    for path, name in zip(data["path"], names(data)):
        assert Path(path).read_bytes() == (mounted / "my_pets" / name).read_bytes()


def test_no_file_on_drive_is_read_twice(mounted):
    data = datasets.load_folder(mounted / "my_pets")
    assert set(Opened.counts.values()) == {1} and len(Opened.counts) == 8
    datasets.load_folder(str(mounted / "my_pets"))
    datasets.load_unlabelled(mounted / "my_pets" / "cat")
    images.read_many(data["path"], 16)
    assert set(Opened.counts.values()) == {1} and len(Opened.counts) == 8


def test_only_what_has_changed_is_copied_anew(mounted):
    before = datasets.load_folder(mounted / "my_pets")
    Opened.counts.clear()
    changed, new = mounted / "my_pets" / "cat" / "cat.1.jpg", mounted / "my_pets" / "dog" / "rex.jpg"
    shutil.copy2(mounted / "my_pets" / "dog" / "dog.0.jpg", new)
    content = (mounted / "my_pets" / "cat" / "cat.0.jpg").read_bytes()
    changed.write_bytes(content)
    (mounted / "my_pets" / "dog" / "dog.3.jpg").unlink()
    Opened.counts.clear()
    after = datasets.load_folder(mounted / "my_pets")
    assert Opened.counts == {"MyDrive/my_pets/cat/cat.1.jpg": 1, "MyDrive/my_pets/dog/rex.jpg": 1}
    assert set(names(after)) == {*names(before), "dog/rex.jpg"} - {"dog/dog.3.jpg"}
    assert Path(after["path"][1]).read_bytes() == content


def test_a_change_of_one_byte_at_another_time_is_seen(mounted):
    datasets.load_folder(mounted / "my_pets")
    photo = mounted / "my_pets" / "cat" / "cat.1.jpg"
    state, content = photo.stat(), photo.read_bytes()
    photo.write_bytes(content[:-1] + b"!")
    os.utime(photo, ns=(state.st_atime_ns, state.st_mtime_ns + 10**9))
    assert Path(datasets.load_folder(mounted / "my_pets")["path"][1]).read_bytes()[-1:] == b"!"


def test_folders_that_are_gone_or_empty_on_drive_are_so_here(mounted):
    (mounted / "my_pets" / "bird").mkdir()
    with pytest.raises(DataError, match=r"The class folder .*my_pets.bird holds no image"):
        datasets.load_folder(mounted / "my_pets")
    (mounted / "my_pets" / "bird").rmdir()
    assert set(datasets.load_folder(mounted / "my_pets")["label"]) == {"cat", "dog"}


def test_an_interrupted_copy_goes_on(mounted, monkeypatch):
    copystat, copied = shutil.copystat, []

    def interrupt(file, unfinished):
        copied.append(file)
        if len(copied) == 3:
            raise KeyboardInterrupt
        copystat(file, unfinished)

    monkeypatch.setattr(drive, "READERS", 1)
    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        context.setattr(drive.shutil, "copystat", interrupt)
        datasets.load_folder(mounted / "my_pets")
    whole = [f"MyDrive/my_pets/{'/'.join(file.parts[-2:])}" for file in copied[:2]]
    assert len(datasets.load_folder(mounted / "my_pets")) == 8
    assert [Opened.counts[name] for name in whole] == [1, 1]


def test_a_zip_on_drive_is_read_once(mounted, tmp_path):
    contents = {
        name: (mounted / "my_pets" / name).read_bytes() for name in ("cat/cat.0.jpg", "dog/dog.0.jpg")
    }
    archive = write_zip(mounted / "pets.zip", contents, prefix="pets/")
    Opened.counts.clear()
    for _ in range(2):
        data = datasets.load_folder(archive)
        assert names(data) == [*contents]
    assert all(Path(path).is_relative_to(local(tmp_path)) for path in data["path"])
    assert Opened.counts == {"MyDrive/pets.zip": 1}


def test_a_link_into_drive_counts_as_drive(mounted, tmp_path):
    link(tmp_path / "short", mounted)
    data = datasets.load_folder(tmp_path / "short" / "my_pets")
    assert all(Path(path).is_relative_to(local(tmp_path)) for path in data["path"])


def test_a_progress_bar_shows_the_copying(mounted, monkeypatch, capsys):
    monkeypatch.delenv("COURSE_QUIET")
    progress, bars = runtime.progress, []
    monkeypatch.setattr(runtime, "progress", lambda *settings: bars.append(progress(*settings)) or bars[0])
    (mounted / "my_pets" / "cat" / "large.jpg").write_bytes(bytes(drive.PIECE + 1))
    datasets.load_folder(mounted / "my_pets")
    assert "Copying from Drive: " in capsys.readouterr().err
    assert [(bar.n, bar.total) for bar in bars] == [
        (10, 10)
    ]  # eight small files, and two pieces of a large one
    datasets.load_folder(mounted / "my_pets")
    assert "Copying" not in capsys.readouterr().err


def test_elsewhere_pictures_are_read_where_they_lie(mounted, tmp_path, monkeypatch):
    outside = shutil.copytree(mounted / "my_pets", tmp_path / "my_pets")
    assert datasets.load_folder(outside)["path"].str.startswith(str(outside)).all()
    monkeypatch.delenv("COURSE_DRIVE")
    inside = mounted / "my_pets"
    assert datasets.load_folder(inside)["path"].str.startswith(str(inside)).all()
    assert not local(tmp_path).exists()


def test_the_courses_photos_in_a_folder_on_drive_are_read_once(course, mounted, monkeypatch):  # noqa: F811
    photos = write_folder(mounted / "photos", course)
    monkeypatch.setenv("COURSE_DATA", str(photos))
    Opened.counts.clear()
    for _ in range(2):
        assert_is_the_set(datasets.load_dog_cat(), "COURSE_DATA")
    assert len(Opened.counts) == 8 and set(Opened.counts.values()) == {1}


def test_a_disk_that_is_full_is_said(mounted, monkeypatch):
    def full(*_, **__):
        raise OSError(28, os.strerror(28), "weights")

    monkeypatch.setattr(runtime, "written_whole", full)
    with pytest.raises(DataError, match=r"No space left on device.*Make room"):
        datasets.load_folder(mounted / "my_pets")
