import hashlib
import os
import shutil
import ssl
import subprocess
import sys
import threading
import unicodedata
import zipfile
from dataclasses import replace
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import certifi
import cv2
import numpy as np
import pandas as pd
import pytest

from helpers import checks, datasets, drawings, images, runtime
from helpers.checks import DataError
from helpers.sources import published, zips

TOP = "Dog-Cat-Classifier-main"
NAMES = [f"{label}/{label}.{number}.jpg" for label in ("cat", "dog") for number in (0, 1, 2, 10)]


def pin(monkeypatch, **changed):
    """Have the course look for other photos, or elsewhere."""
    monkeypatch.setattr(datasets, "DOG_CAT", replace(datasets.DOG_CAT, **changed))


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of eight small pictures: its own manifest, an empty home, no COURSE_DATA, no GitHub."""
    photos = tmp_path / "photos"
    datasets.draw_pets(22, 0, photos, size=16)
    contents = {name: (photos / name).read_bytes() for name in NAMES}
    manifest = tmp_path / "manifest"
    lines = [
        f"{hashlib.sha256(content).hexdigest()}  Data/Train_Data/{name}\n"
        for name, content in contents.items()
    ]
    manifest.write_text("".join(lines))
    pin(monkeypatch, manifest=manifest, url="http://127.0.0.1:9/nobody-listens-here.zip")
    monkeypatch.setattr(datasets, "DRAWN_PETS", 9)
    monkeypatch.setattr(datasets, "DRAWN_NEAR_DUPLICATES", 2)
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("COURSE_DATA", raising=False)
    return contents


def write_zip(path, contents, prefix=f"{TOP}/Data/Train_Data/"):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(prefix + name, content)
    return path


def write_folder(folder, contents):
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def kept():
    """Everything in the data folder, hidden leftovers too."""
    folder = Path(os.environ["COURSE_HOME"], "data")
    return sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []


def assert_is_the_set(data, source):
    assert data.columns.tolist() == ["path", "label"]
    assert data.index.tolist() == list(range(8))
    assert ["/".join(Path(path).parts[-2:]) for path in data.path] == NAMES  # 2 comes before 10
    assert data.label.tolist() == ["cat"] * 4 + ["dog"] * 4
    assert all(Path(path).is_absolute() and Path(path).is_file() for path in data.path)
    assert data.attrs["source"] == source


@pytest.fixture
def server(tmp_path):
    """A web server on this machine that serves `tmp_path / "served"`: its address."""
    served = tmp_path / "served"
    served.mkdir()

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), partial(Silent, directory=served)) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


# --- the photos themselves --------------------------------------------------------------------------


def test_all_photos_are_there_in_order(photos):
    assert len(photos) == 1399
    assert photos.label.value_counts().to_dict() == {"cat": 700, "dog": 699}
    assert [Path(path).name for path in photos.path[:3]] == ["cat.0.jpg", "cat.1.jpg", "cat.2.jpg"]
    assert photos.label.is_monotonic_increasing


def test_check_says_it_in_one_line(photos):
    assert datasets.summary() == "1399 images, 700 cat, 699 dog, verified"


def test_manifest_lists_every_photo_once():
    sums = datasets.manifest()
    assert len(sums) == len(set(sums.values())) == 1399
    assert all(len(checksum) == 64 for checksum in sums.values())


@pytest.mark.slow
def test_importing_the_rooms_is_fast_and_brings_no_tensorflow():
    code = """
import sys, time
start = time.process_time()
from helpers import datasets, survey, splits
print(time.process_time() - start, "tensorflow" in sys.modules, "keras" in sys.modules)
"""
    # The processor's time, and the best of three: neither other work on this machine nor a first
    # compilation of the packages is to count.
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in "123"
    ]
    seconds, tensorflow, keras = zip(*(run.stdout.split() for run in runs), strict=True)
    assert min(map(float, seconds)) < 1.5
    assert {*tensorflow, *keras} == {"False"}


# --- from COURSE_DATA -------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", [f"{TOP}/Data/Train_Data/", "Data/Train_Data/", "", "a/b/c/"])
def test_archive_is_unpacked_once_into_the_kept_copy(course, tmp_path, monkeypatch, prefix):
    archive = write_zip(tmp_path / "set.zip", course, prefix)
    monkeypatch.setenv("COURSE_DATA", str(archive))
    assert_is_the_set(datasets.load_dog_cat(), "COURSE_DATA")
    kept_photo = tmp_path / "home/data/dog-cat/cat/cat.0.jpg"
    written = kept_photo.stat().st_mtime_ns
    assert_is_the_set(datasets.load_dog_cat(), "COURSE_DATA")
    assert kept_photo.stat().st_mtime_ns == written
    assert kept() == ["dog-cat"]
    monkeypatch.delenv("COURSE_DATA")
    assert_is_the_set(datasets.load_dog_cat(), "kept copy")


def test_relative_archive_is_found_from_a_folder_below_the_course(course, tmp_path, monkeypatch):
    write_zip(tmp_path / "set.zip", course)
    course_folder = tmp_path / "course"
    (course_folder / "notebooks").mkdir(parents=True)
    monkeypatch.setattr(datasets.runtime, "COURSE_FOLDER", course_folder)
    monkeypatch.chdir(course_folder / "notebooks")
    monkeypatch.setenv("COURSE_DATA", "../set.zip")  # as seen from the course's own folder
    assert_is_the_set(datasets.load_dog_cat(), "COURSE_DATA")


@pytest.mark.parametrize("inner", ["", "Data/Train_Data"])
def test_folder_is_used_where_it_lies(course, tmp_path, monkeypatch, inner):
    top = tmp_path / "unpacked"
    write_folder(top / inner, course)
    write_folder(top / inner, {"cat/not-in-the-list.jpg": b"left out"})
    monkeypatch.setenv("COURSE_DATA", str(top))
    data = datasets.load_dog_cat()
    assert_is_the_set(data, "COURSE_DATA")
    assert data.path[0].startswith(str(top))
    assert kept() == []


def test_url_is_fetched_once(course, tmp_path, monkeypatch, server):
    archive = write_zip(tmp_path / "served/set.zip", course)
    monkeypatch.setenv("COURSE_DATA", f"{server}/set.zip")
    assert_is_the_set(datasets.load_dog_cat(), "COURSE_DATA")
    archive.unlink()
    assert_is_the_set(datasets.load_dog_cat(), "COURSE_DATA")
    assert kept() == ["dog-cat"]


def test_file_url_is_a_path(course, tmp_path, monkeypatch):
    archive = write_zip(tmp_path / "a set.zip", course)
    monkeypatch.setenv("COURSE_DATA", archive.as_uri())
    assert_is_the_set(datasets.load_dog_cat(), "COURSE_DATA")


@pytest.mark.parametrize("name", ["nowhere.zip", "file:///nowhere/at/all.zip", "http://127.0.0.1:9/set.zip"])
def test_course_data_that_does_not_exist_is_one_clear_error(course, monkeypatch, name):
    monkeypatch.setenv("COURSE_DATA", name)
    with pytest.raises(DataError, match=r"COURSE_DATA names .*(nowhere|127\.0\.0\.1:9).*Set COURSE_DATA to"):
        datasets.load_dog_cat()
    assert kept() == []


def test_url_that_is_not_found_is_one_clear_error(course, monkeypatch, server):
    monkeypatch.setenv("COURSE_DATA", f"{server}/set.zip")
    with pytest.raises(DataError, match=r"set\.zip: no archive came from there \(HTTP Error 404"):
        datasets.load_dog_cat()
    assert kept() == []


@pytest.mark.parametrize("content", [b"", b"<html>Please sign in</html>"])
def test_what_is_no_zip_is_one_clear_error(course, tmp_path, monkeypatch, content, server):
    (tmp_path / "served/set.zip").write_bytes(content)
    for name in (str(tmp_path / "served/set.zip"), f"{server}/set.zip"):
        monkeypatch.setenv("COURSE_DATA", name)
        with pytest.raises(DataError, match=r"set\.zip.*not a zip archive"):
            datasets.load_dog_cat()
        assert kept() == []


def test_archive_cut_short_is_one_clear_error(course, tmp_path, monkeypatch):
    archive = write_zip(tmp_path / "set.zip", course)
    archive.write_bytes(archive.read_bytes()[:-500])
    monkeypatch.setenv("COURSE_DATA", str(archive))
    with pytest.raises(DataError, match="not a zip archive, or a damaged one"):
        datasets.load_dog_cat()


def test_files_that_differ_from_the_manifest_are_named_and_nothing_is_left(course, tmp_path, monkeypatch):
    missing = {name: content for name, content in course.items() if name != "dog/dog.2.jpg"}
    altered = {**course, "dog/dog.2.jpg": b"another picture"}
    for number, (contents, complaint) in enumerate([(missing, "is missing"), (altered, "differs")]):
        archive = write_zip(tmp_path / f"{number}.zip", contents)
        folder = write_folder(tmp_path / f"{number}", contents)
        for place in (archive, folder):
            monkeypatch.setenv("COURSE_DATA", str(place))
            with pytest.raises(DataError, match=rf"dog/dog\.2\.jpg.*{complaint}"):
                datasets.load_dog_cat()
            assert kept() == []


def test_member_that_cannot_be_unpacked_is_named(course, tmp_path, monkeypatch):
    archive = write_zip(tmp_path / "set.zip", course)
    content = course["cat/cat.10.jpg"]
    archive.write_bytes(archive.read_bytes().replace(content, b"?" * len(content)))
    monkeypatch.setenv("COURSE_DATA", str(archive))
    with pytest.raises(DataError, match=r"cat/cat\.10\.jpg in set\.zip is damaged"):
        datasets.load_dog_cat()


def test_bad_archive_leaves_a_sound_kept_copy_alone(course, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(write_zip(tmp_path / "set.zip", course)))
    datasets.load_dog_cat()
    monkeypatch.setenv("COURSE_DATA", str(write_zip(tmp_path / "bad.zip", {**course, "cat/cat.0.jpg": b"x"})))
    with pytest.raises(DataError, match=r"cat/cat\.0\.jpg"):
        datasets.load_dog_cat()
    monkeypatch.delenv("COURSE_DATA")
    assert_is_the_set(datasets.load_dog_cat(), "kept copy")


def test_damaged_kept_copy_is_named_and_replaced_by_a_sound_archive(course, tmp_path, monkeypatch):
    kept_copy = write_folder(tmp_path / "home/data/dog-cat", course)
    (kept_copy / "cat/cat.1.jpg").write_bytes(b"bit rot")
    with pytest.raises(DataError, match=r"cat/cat\.1\.jpg.*differs.*Delete the folder"):
        datasets.load_dog_cat()
    monkeypatch.setenv("COURSE_DATA", str(write_zip(tmp_path / "set.zip", course)))
    assert_is_the_set(datasets.load_dog_cat(), "COURSE_DATA")
    assert kept() == ["dog-cat"]


def test_no_archive_can_write_outside_its_folder(course, tmp_path, monkeypatch):
    archive = write_zip(tmp_path / "set.zip", course)
    with zipfile.ZipFile(archive, "a") as opened:
        for name in ("../evil.jpg", "../../../cat/evil.jpg", str(tmp_path / "evil.jpg"), "../cat/cat.0.jpg"):
            opened.writestr(name, b"evil")
    monkeypatch.setenv("COURSE_DATA", str(archive))
    assert_is_the_set(datasets.load_dog_cat(), "COURSE_DATA")
    everything = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in everything if "evil" in path.name or path.read_bytes() == b"evil"]


# --- from GitHub, or drawn --------------------------------------------------------------------------


def test_github_comes_when_nothing_else_is_there(course, tmp_path, monkeypatch, server, capsys):
    write_zip(tmp_path / "served/set.zip", course)
    pin(monkeypatch, url=f"{server}/set.zip")
    assert_is_the_set(datasets.load_dog_cat(), "GitHub")
    assert_is_the_set(datasets.load_dog_cat(), "kept copy")
    assert capsys.readouterr() == ("", "")


def test_without_network_drawn_pets_come_under_a_banner(course, capfd, recwarn):
    data = datasets.load_dog_cat()
    shown = capfd.readouterr()
    assert "DRAWN PETS: these are NOT photographs" in shown.out
    assert shown.err == "" and not recwarn.list
    assert data.attrs["source"] == "drawn pets"
    assert data.label.value_counts().to_dict() == {"cat": 5, "dog": 4}
    assert images.read(data.path[0]).shape == (256, 256, 3)
    assert kept() == ["drawn-pets"]
    assert datasets.summary() == "9 images, 5 cat, 4 dog, drawn, not photographs"


def test_the_banner_says_why_and_keeps_its_shape(course, monkeypatch, capsys):
    for reason in ("[Errno 111] Connection refused", "a very long reason " * 20, "x" * 300):
        monkeypatch.setattr(published, "_download", fails(published.NoArchive(reason)))
        datasets.load_dog_cat()
        banner = capsys.readouterr().out.splitlines()
        assert {len(line) for line in banner} == {81} and all(line.startswith("##") for line in banner)
        assert f"The reason: {reason}"[:40] in "\n".join(banner)
        assert "connect to the" in "\n".join(banner)


def fails(error):
    def fail(*arguments, **settings):
        raise error

    return fail


def test_sign_in_page_in_place_of_github_counts_as_no_network(course, tmp_path, monkeypatch, server, capsys):
    (tmp_path / "served/set.zip").write_text("<html>Welcome to our hotel</html>")
    pin(monkeypatch, url=f"{server}/set.zip")
    assert datasets.load_dog_cat().attrs["source"] == "drawn pets"
    assert "DRAWN PETS" in capsys.readouterr().out


def test_wrong_files_from_github_are_an_error_not_drawn_pets(course, tmp_path, monkeypatch, server):
    write_zip(tmp_path / "served/set.zip", {**course, "cat/cat.0.jpg": b"x"})
    pin(monkeypatch, url=f"{server}/set.zip")
    with pytest.raises(DataError, match=r"cat/cat\.0\.jpg"):
        datasets.load_dog_cat()
    assert kept() == []


def test_full_disk_is_not_taken_for_a_missing_network(course, tmp_path, monkeypatch, server):
    write_zip(tmp_path / "served/set.zip", course)
    pin(monkeypatch, url=f"{server}/set.zip")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DataError, match="No space left.*Make room"):
        datasets.load_dog_cat()
    assert kept() == []


def test_kept_drawings_are_used_again_unless_they_are_stale_or_incomplete(course, tmp_path, monkeypatch):
    data = datasets.load_dog_cat()
    first, last = Path(data.path.iloc[0]), Path(data.path.iloc[-1])
    written = last.stat().st_mtime_ns
    datasets.load_dog_cat()
    assert last.stat().st_mtime_ns == written
    between = Path(data.path.iloc[3])
    for spoil in (
        last.unlink,
        lambda: first.write_bytes(b"drawn by an older version"),
        lambda: between.write_bytes(last.read_bytes()),  # a picture that somebody has edited
        (first.parents[1] / runtime.SEAL).unlink,
    ):
        spoil()
        datasets.load_dog_cat()
        assert all(images.read(path) is not None for path in data.path)
        assert between.read_bytes() != last.read_bytes()
        assert kept() == ["drawn-pets"]


# --- draw_pets --------------------------------------------------------------------------------------


def test_drawn_pets_are_reproducible_and_named_like_the_photos(tmp_path):
    once, again = (datasets.draw_pets(23, 5, tmp_path / name, size=32) for name in ("a", "b"))
    other = datasets.draw_pets(23, 6, tmp_path / "c", size=32)
    assert once.label.value_counts().to_dict() == {"cat": 12, "dog": 11}
    assert [Path(path).name for path in once.path[:3]] == ["cat.0.jpg", "cat.1.jpg", "cat.2.jpg"]
    assert Path(once.path[11]).name == "cat.11.jpg"
    pictures = [images.read_many(data.path, 32) for data in (once, again, other)]
    assert np.array_equal(pictures[0], pictures[1])
    assert not any(np.array_equal(a, b) for a, b in zip(pictures[0], pictures[2], strict=True))
    assert len({picture.tobytes() for picture in pictures[0]}) == 23


def test_a_larger_drawn_set_only_adds(tmp_path):
    small, large = datasets.draw_pets(4, 0, tmp_path / "s", 32), datasets.draw_pets(8, 0, tmp_path / "l", 32)
    names = [Path(path).name for path in large.path]
    for path in map(Path, small.path):
        assert path.read_bytes() == Path(large.path[names.index(path.name)]).read_bytes()


def test_copies_are_the_first_pets_a_bit_brighter_or_darker_and_cut(tmp_path):
    data = datasets.draw_pets(40, 0, tmp_path, 64, near_duplicates=20)
    cats = images.read_many(data.path[:20], 64).astype(float)
    originals, copies = cats[:10], cats[10:]
    ratios = copies.mean(axis=(1, 2, 3)) / originals.mean(axis=(1, 2, 3))
    assert (ratios > 0.8).all() and (ratios < 1.15).all() and ratios.std() > 0.02
    looks = [batch.reshape(10, -1) for batch in (originals, copies)]
    alike = np.corrcoef(*looks)[:10, 10:]
    assert (alike.argmax(axis=1) == np.arange(10)).all() and alike.diagonal().min() > 0.8
    assert alike.diagonal().max() < 0.9999


def test_what_is_no_copy_is_as_it_was_drawn(tmp_path):
    data = datasets.draw_pets(6, 0, tmp_path, 64, near_duplicates=2)
    for path, label, number in zip(data.path, data.label, [0, 2, 4, 1, 3, 5]):
        drawn = drawings.draw_pet(label, number if number < 4 else number - 4, 64)
        difference = np.abs(images.read(path).astype(float) - drawn).mean()
        assert (difference > 7) == (number >= 4), (number, difference)


def test_drawn_pets_are_256_pixels_wide_unless_one_says_otherwise(tmp_path):
    assert images.read(datasets.draw_pets(2, 0, tmp_path).path[0]).shape == (256, 256, 3)


@pytest.mark.parametrize(("n", "seed", "size"), [(4.0, 0, 16), (4, -1, 16), (4, 0, 0)])
def test_numbers_that_make_no_drawing_are_refused(tmp_path, n, seed, size):
    with pytest.raises(checks.CourseError, match="is .*Give a whole number from"):
        datasets.draw_pets(n, seed, tmp_path / "set", size)
    assert not (tmp_path / "set").exists()


def test_drawn_pets_go_to_the_data_folder_by_default(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    first = Path(datasets.draw_pets(2, 7, size=16).path[0])
    assert first == tmp_path / "data/drawn-pets-2-7-16-0/cat/cat.0.jpg"


@pytest.mark.parametrize(("n", "copies"), [(1, 0), (0, 0), (4, 3), (4, -1)])
def test_drawn_set_that_makes_no_sense_is_refused(tmp_path, n, copies):
    with pytest.raises(DataError, match=f"n is {n} and near_duplicates {copies}"):
        datasets.draw_pets(n, 0, tmp_path / "set", near_duplicates=copies)
    assert not (tmp_path / "set").exists()


# --- load_folder ------------------------------------------------------------------------------------


PICTURE = cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes()
HEIC = b"\0\0\0\x18ftypheic" + bytes(20)


def save_picture(path, content=PICTURE):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def link(path, target):
    try:
        path.symlink_to(target)
    except OSError:
        pytest.skip("this system lets one make no links")


def places(data, folder):
    return [Path(path).relative_to(folder).as_posix() for path in data.path]


def test_any_folder_of_class_folders(tmp_path):
    images_in = ["Žluna/b10.PNG", "Žluna/b9.jpeg", "robin/spring/a.webp", "robin/a.jpg"]
    left_out = [".cache/x.jpg", "robin/._a.jpg", "__MACOSX/y.jpg", "loose.jpg", "robin/@eaDir/a.jpg"]
    for name in images_in + left_out:
        save_picture(tmp_path / name)
    save_picture(tmp_path / "robin/notes.txt", b"no picture")
    data = datasets.load_folder(tmp_path)
    assert data.label.tolist() == ["robin", "robin", "Žluna", "Žluna"]
    names = [Path(path).relative_to(tmp_path).as_posix() for path in data.path]
    assert names == ["robin/a.jpg", "robin/spring/a.webp", "Žluna/b9.jpeg", "Žluna/b10.PNG"]
    assert data.index.tolist() == [0, 1, 2, 3]
    assert data.attrs["source"] == "folder"


def test_a_parent_folder_named_after_a_class_changes_nothing(tmp_path):
    save_picture(tmp_path / "my dogs/cat/1.png")
    save_picture(tmp_path / "my dogs/dog/1.png")
    assert datasets.load_folder(tmp_path / "my dogs").label.tolist() == ["cat", "dog"]


def test_relative_folder_gives_absolute_paths(tmp_path, monkeypatch):
    save_picture(tmp_path / "set/a/1.png")
    save_picture(tmp_path / "set/b/1.png")
    monkeypatch.chdir(tmp_path)
    assert datasets.load_folder("set").path[0] == str(tmp_path / "set/a/1.png")


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ([], "holds 0 images and no class folders"),
        (["1.png", "2.jpg"], "holds 2 images and no class folders.*read by load_unlabelled"),
        (["1", "2.bin"], "holds 2 images and no class folders"),
        (["cat/1.png"], "holds one class only, 'cat'. A classifier needs at least two.$"),
        (["mine/cat/1.png", "mine/dog/1.png"], "one class only, 'mine'.*give the path .*mine.$"),
        (["train/1.png", "test1/1.png"], "holds 2 images in the parts test1, train .*no class folders"),
        (["train/a/1.png", "test/a/1.png", "x/a/1.png"], "the parts test, train .*and beside them x. Move x"),
        (["train/a/1.png", "val/a/1.png"], "holds one class only, 'a'"),
        (["cat/1.png", "dog/1.heic"], r"class folder .*dog holds no image.*\.jpg"),
    ],
)
def test_folder_that_is_no_data_set_is_refused(tmp_path, files, complaint):
    for name in files:
        save_picture(tmp_path / name, HEIC if name.endswith("heic") else PICTURE)
    with pytest.raises(DataError, match=complaint):
        datasets.load_folder(tmp_path)


def test_a_divided_folder_gives_its_classes_and_says_the_part(tmp_path, capsys):
    for name in (
        "train/ants/1.png",
        "train/ants/2.png",
        "train/bees/deep/1.png",
        "VAL/ants/1.png",
        "VAL/bees/1",
    ):
        save_picture(tmp_path / name)
    data = datasets.load_folder(tmp_path)
    assert data.columns.tolist() == ["path", "label", "part"]
    assert data.label.tolist() == ["ants"] * 3 + ["bees"] * 2
    assert data.part.tolist() == ["VAL", "train", "train", "VAL", "train"]
    assert capsys.readouterr().out == (
        "The folder is divided, as the column 'part' says: VAL 2, train 3 images.\n"
    )


def test_a_divided_folder_says_what_its_parts_lack(tmp_path, capsys):
    for name in ("train/cat/1.png", "train/dog/1.png", "valid/cat/1.png", "test1/1.png", "test1/2.png"):
        save_picture(tmp_path / name)
    (tmp_path / "valid/dog").mkdir()
    (tmp_path / "dev").mkdir()
    data = datasets.load_folder(tmp_path)
    assert places(data, tmp_path) == ["train/cat/1.png", "valid/cat/1.png", "train/dog/1.png"]
    assert capsys.readouterr().out == (
        "The folder is divided, as the column 'part' says: dev 0, train 2, valid 1 images; valid has no dog; "
        "2 in test1 are left out, which has no class folders (load_unlabelled reads them).\n"
    )


@pytest.mark.parametrize(("name", "is_part"), [("Training", True), ("test_set", True), ("Testudo", False)])
def test_parts_are_known_by_their_names(tmp_path, name, is_part):
    for label in ("cat", "dog"):
        save_picture(tmp_path / "train" / label / "1.png")
        save_picture(tmp_path / name / label / "1.png")
    assert ("part" in datasets.load_folder(tmp_path)) == is_part


def test_a_class_called_train_among_others_is_a_class(tmp_path):
    for name in ("train/steam/1.png", "car/1.png", "bus/1.png"):
        save_picture(tmp_path / name)
    assert datasets.load_folder(tmp_path).label.tolist() == ["bus", "car", "train"]


@pytest.mark.parametrize("name", ["a.jfif", "a.JPE", "a.pjpeg", "a.pjp", "a", "a.download", "a.heic"])
def test_a_picture_is_one_whatever_its_suffix(tmp_path, capsys, name):
    jpeg = cv2.imencode(".jpg", np.zeros((4, 4, 3), np.uint8))[1].tobytes()
    save_picture(tmp_path / "cat" / name, jpeg)
    save_picture(tmp_path / "dog/1.jpg", jpeg)
    data = datasets.load_folder(tmp_path)
    assert places(data, tmp_path) == [f"cat/{name}", "dog/1.jpg"]
    assert images.read(data.path[0]).shape == (4, 4, 3)
    assert capsys.readouterr().out == ""


def test_what_is_left_out_is_said_in_one_line(tmp_path, capsys):
    for name, content in {
        "cat/1.png": PICTURE,
        "dog/1.png": PICTURE,
        "loose.png": PICTURE,
        "cat/1.heic": HEIC,
        "cat/suffixless": HEIC,
        "dog/raw.dng": b"II*\0" + bytes(30),  # begins as a TIFF file does
        "dog/x.svg": b"<svg/>",
        "cat/notes.txt": b"BM is how a bitmap begins, too",
        "cat/sound": b"RIFF\0\0\0\0WAVE",
        "cat/Thumbs.db": b"of the system",
        "dog/.DS_Store": b"of the system",
    }.items():
        save_picture(tmp_path / name, content)
    link(tmp_path / "cat/gone.jpg", tmp_path / "nowhere")
    assert places(datasets.load_folder(tmp_path), tmp_path) == ["cat/1.png", "dog/1.png"]
    said = capsys.readouterr().out
    assert said.startswith("Left out 8 files: ") and said.count("\n") == 1
    for part in (
        "format not read, export as JPEG or PNG (4: 1.heic, raw.dng, suffixless, …)",
        "no picture (2: notes.txt, sound)",
        "outside the class folders (1: loose.png)",
        "links that lead nowhere (1: gone.jpg)",
    ):
        assert part in said


def test_why_a_class_is_empty_is_said_before_it_is_refused(tmp_path, capsys):
    save_picture(tmp_path / "cat/1.png")
    save_picture(tmp_path / "dog/1.heic", HEIC)
    with pytest.raises(DataError, match="dog holds no image"):
        datasets.load_folder(tmp_path)
    assert "format not read, export as JPEG or PNG (1: 1.heic)" in capsys.readouterr().out


def test_a_file_is_opened_once_at_most_and_a_folder_listed_once(tmp_path, monkeypatch):
    for name in ("train/cat/1.png", "train/cat/2", "train/dog/more/1.png", "val/cat/1", "val/dog/1.png", "x"):
        save_picture(tmp_path / name)
    opened, listed = [], []
    really_open, really_list = Path.open, os.scandir
    monkeypatch.setattr(Path, "open", lambda path, *mode: opened.append(path) or really_open(path, *mode))
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(str(path)) or really_list(path))
    datasets.load_folder(tmp_path)
    assert sorted(opened) == sorted(tmp_path / name for name in ("train/cat/2", "val/cat/1", "x"))
    assert len(listed) == len(set(listed)) == 8


def test_linked_folders_are_followed_and_each_counts_once(tmp_path):
    for name in ("set/cat/1.png", "set/cat/z/real/2.png", "far/Dog/1.png", "far/more/3.png"):
        save_picture(tmp_path / name)
    top = tmp_path / "set"
    link(top / "dog", tmp_path / "far/Dog")
    link(top / "cat/more", tmp_path / "far/more")
    link(top / "cat/again", tmp_path / "far/more")
    link(top / "cat/a", top / "cat/z/real")
    link(tmp_path / "far/more/loop", tmp_path / "far/more")
    link(tmp_path / "far/more/up", top)
    assert places(datasets.load_folder(top), top) == [
        *("cat/1.png", "cat/again/3.png", "cat/z/real/2.png", "dog/1.png")
    ]


def test_one_folder_linked_into_two_classes_counts_in_both(tmp_path):
    for name in ("set/train/cat/1.png", "set/train/dog/1.png", "far/2.png"):
        save_picture(tmp_path / name)
    for label in ("cat", "dog"):
        link(tmp_path / "set/train" / label / "more", tmp_path / "far")
    assert datasets.load_folder(tmp_path / "set").label.tolist() == ["cat"] * 2 + ["dog"] * 2


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac's disk takes both spellings for one")
def test_two_spellings_of_one_class_are_merged(tmp_path):
    for form, n in (("NFC", 4), ("NFD", 6)):
        for i in range(n):
            save_picture(tmp_path / unicodedata.normalize(form, "mèo") / f"{i}.png")
    save_picture(tmp_path / "chó/1.png")
    data = datasets.load_folder(tmp_path)
    assert data.label.value_counts().to_dict() == {"mèo": 10, unicodedata.normalize("NFC", "chó"): 1}


@pytest.mark.skipif(sys.platform != "linux", reason="other disks take them for one")
def test_classes_much_alike_stay_apart_and_are_told(tmp_path, capsys):
    for label in ("Cat", "cat", "dog", "dog ", "cow"):
        save_picture(tmp_path / label / "1.png")
    assert datasets.load_folder(tmp_path).label.tolist() == ["Cat", "cat", "cow", "dog", "dog "]
    said = capsys.readouterr().out
    assert "stay separate: 'Cat', 'cat', 'dog', 'dog '." in said and said.count("\n") == 1


def test_missing_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"There is no folder .*nowhere"):
        datasets.load_folder(tmp_path / "nowhere")


# --- load_unlabelled --------------------------------------------------------------------------------


def test_unlabelled_pictures_come_in_the_same_order(tmp_path, capsys):
    for name in ("10.png", "9.png", "a/3", "a/.hidden/4.png"):
        save_picture(tmp_path / name)
    save_picture(tmp_path / "list.csv", b"id,label")
    data = datasets.load_unlabelled(tmp_path)
    assert data.columns.tolist() == ["path"] and data.index.tolist() == [0, 1, 2]
    assert places(data, tmp_path) == ["9.png", "10.png", "a/3"]
    assert data.attrs["source"] == "folder"
    assert capsys.readouterr().out == "Left out 1 file: no picture (1: list.csv).\n"


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"holds no image. Put images there: \.bmp"):
        datasets.load_unlabelled(tmp_path)


# --- paths as people have them ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "write", ['"{}"', "'{}'", "“{}”", "  {} ", ' "{}"\n', "file://{}", "file://localhost{}"]
)
def test_a_path_is_understood_as_it_was_copied(tmp_path, write):
    for name in ("a set/cat/1.png", "a set/dog/1.png"):
        save_picture(tmp_path / name)
    top = tmp_path / "a set"
    given = top.as_uri().removeprefix("file://") if "file:" in write else str(top)
    assert len(datasets.load_folder(write.format(given))) == 2
    assert len(datasets.load_unlabelled(write.format(given))) == 2


def test_what_exists_under_the_very_name_is_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("'set'", "~set"):
        Path(name).mkdir()
        assert runtime.path_of(name) == Path(name)
    assert runtime.path_of("dogs'") == Path("dogs'")
    assert runtime.path_of("~/set") == Path.home() / "set"


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (None, "place is None. Give the path of a folder or a file, such as 'my_photos'."),
        (b"bytes", "place is b'bytes'. Give the path"),
        ("", "place is empty: ''. Give the path"),
        (' "" ', "place is empty: .* Give the path"),
        ("https://example.org/photos.zip", "place is an address on the web, 'https://.*Download it first"),
        (Path("http://example.org/photos"), "place is an address on the web, 'http:/.*Download it first"),
        ("~nobody at all/photos", "no such user. Give the whole path"),
    ],
)
def test_what_is_no_path_is_refused(value, complaint):
    with pytest.raises(checks.CourseError, match=complaint):
        runtime.path_of(value, "place")


def test_course_data_is_understood_as_it_was_copied(course, tmp_path, monkeypatch):
    archive = write_zip(tmp_path / "a set.zip", course)
    monkeypatch.setenv("COURSE_DATA", f' "{archive}"')
    assert_is_the_set(datasets.load_dog_cat(), "COURSE_DATA")


# --- certificates -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "before", "after"),
    [
        ((None, None), None, certifi.where()),
        ((None, None), "/the/school's.pem", "/the/school's.pem"),
        (("/etc/ssl/cert.pem", None), None, None),
        ((None, "/etc/ssl/certs"), None, None),
    ],
    ids=["none", "none, and one's own", "a file", "a folder"],
)
def test_certificates_are_lent_where_python_has_none(monkeypatch, found, before, after):
    paths = ssl.DefaultVerifyPaths(*found, "", "", "", "")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    monkeypatch.setenv("SSL_CERT_FILE", before or "")  # so that it is put back afterwards
    if before is None:
        monkeypatch.delenv("SSL_CERT_FILE")
    runtime.trust_certifi()
    assert os.environ.get("SSL_CERT_FILE") == after


# --- packing ----------------------------------------------------------------------------------------


def test_pictures_of_one_name_are_all_packed(tmp_path):
    paths = [tmp_path / name for name in ("a/1.png", "b/1.png", "c/1.PNG", "a/1-2.png")]
    for number, path in enumerate(paths):
        save_picture(path, bytes([number]))
    data = pd.DataFrame({"path": [str(path) for path in paths], "label": ["cat", "cat", "cat", "cat"]})
    zips.pack(data, tmp_path / "set.zip")
    with zipfile.ZipFile(tmp_path / "set.zip") as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    assert sorted(contents.values()) == [bytes([number]) for number in range(4)]
    assert len({name.casefold() for name in contents}) == 4 and next(iter(contents)) == "cat/1.png"


# --- two disks: one that keeps, one that is fast --------------------------------------------------------


@pytest.fixture
def two_disks(course, tmp_path, monkeypatch):
    """Photos are unpacked on another disk than what is kept; returns both data folders."""
    monkeypatch.setenv("COURSE_LOCAL", str(tmp_path / "local"))
    return tmp_path / "home" / "data", tmp_path / "local" / "data"


def test_one_archive_is_kept_and_photos_are_unpacked_elsewhere(two_disks, course, tmp_path, monkeypatch):
    home, local = two_disks
    more = {**course, "cat/cat.99.jpg": b"not on the list"}
    monkeypatch.setenv("COURSE_DATA", str(write_zip(tmp_path / "photos.zip", more)))
    assert_is_the_set(datasets.load_dog_cat(), "COURSE_DATA")
    assert kept() == ["dog-cat.zip"]
    with zipfile.ZipFile(home / "dog-cat.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == course
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}

    # another session: nothing but the archive is left
    monkeypatch.delenv("COURSE_DATA")
    shutil.rmtree(local)
    data = datasets.load_dog_cat()
    assert_is_the_set(data, "kept copy")
    assert all(Path(path).is_relative_to(local) for path in data.path)
    assert kept() == ["dog-cat.zip"]


@pytest.mark.parametrize("spoil", [b"no archive", None])
def test_a_spoilt_kept_archive_is_named(two_disks, course, spoil):
    home, local = two_disks
    home.mkdir(parents=True)
    if spoil is None:
        write_zip(home / "dog-cat.zip", {**course, "cat/cat.2.jpg": b"another cat"}, prefix="")
    else:
        (home / "dog-cat.zip").write_bytes(spoil)
    with pytest.raises(DataError, match=r"dog-cat.zip.*Delete the file .*dog-cat.zip and run again"):
        datasets.load_dog_cat()
    assert list(local.iterdir()) == []


def test_an_archive_that_cannot_be_kept_costs_a_sentence_only(
    two_disks, course, tmp_path, monkeypatch, capsys
):
    (tmp_path / "home").write_text("a file where the folder should be")
    monkeypatch.setenv("COURSE_DATA", str(write_zip(tmp_path / "photos.zip", course)))
    assert_is_the_set(datasets.load_dog_cat(), "COURSE_DATA")
    assert "'dog-cat.zip' could not be kept in" in capsys.readouterr().out


def test_drawn_pets_are_not_kept_where_small_files_are_slow(two_disks):
    _, local = two_disks
    assert datasets.load_dog_cat().attrs["source"] == "drawn pets"
    assert kept() == [] and [path.name for path in local.iterdir()] == ["drawn-pets"]
