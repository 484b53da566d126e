"""Strange photos: broken, huge, odd, of every kind a learner may bring."""

import subprocess
import sys
import time
import zlib
from pathlib import Path

import cv2
import keras
import numpy as np
import pandas as pd
import pytest
from faults import saved, table
from PIL import Image

from helpers import augment, datasets, features, images, splits, survey, transfer
from helpers.runtime import COURSE_FOLDER

HUGE = 20_000


def chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


def huge_png(path, side=HUGE):
    """Write a decompression bomb: a few kilobytes that unpack to 400 million black pixels."""
    header = side.to_bytes(4) + side.to_bytes(4) + bytes([1, 0, 0, 0, 0])  # one bit a pixel, grey
    packer = zlib.compressobj(9)
    rows = bytes(1 + side // 8) * 100
    pixels = b"".join(packer.compress(rows) for _ in range(side // 100)) + packer.flush()
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )
    return path


def huge_jpeg(path, small: bytes):
    """Write a JPEG whose header claims 20,000 × 20,000 pixels."""
    start = small.index(b"\xff\xc0")
    path.write_bytes(small[: start + 5] + HUGE.to_bytes(2) * 2 + small[start + 9 :])
    return path


@pytest.fixture(scope="module")
def bad_files(picture, tmp_path_factory):
    """File name -> what its reason must say."""
    folder = tmp_path_factory.mktemp("bad")
    jpeg = saved(picture, folder / "whole.jpg", quality=95).read_bytes()
    png = saved(picture, folder / "whole.png").read_bytes()
    crc = png.index(b"IDAT") + 4 + int.from_bytes(png[png.index(b"IDAT") - 4 : png.index(b"IDAT")])
    other = {
        ext: saved(picture, folder / f"whole.{ext}").read_bytes() for ext in ("gif", "bmp", "webp", "tif")
    }
    contents = {
        "empty.jpg": (b"", "is empty"),
        "text.jpg": (b"<html>404 Not Found</html>", "is not a picture"),
        "truncated.jpg": (jpeg[: len(jpeg) // 2], "is cut short"),
        "almost.jpg": (jpeg[:-3], "is cut short"),
        "header-only.jpg": (jpeg[:20], "is damaged"),
        "trailing.jpg": (jpeg + b"PK\x03\x04 a zip archive, or what", "has 27 bytes after its end"),
        "trailing-mixed.jpg": (jpeg + bytes(1000) + b"PK\x03\x04", "has 1,004 bytes after its end"),
        "checksum.png": (
            png[:crc] + bytes([png[crc] ^ 1]) + png[crc + 1 :],
            "a checksum in it does not match",
        ),
        "truncated.png": (png[: len(png) // 2], "is cut short"),
        "truncated.webp": (other["webp"][: len(other["webp"]) // 2], "is damaged"),
        "truncated.gif": (other["gif"][: len(other["gif"]) // 2], "is damaged|is cut short"),
        "truncated.bmp": (other["bmp"][: len(other["bmp"]) // 2], "is damaged|is cut short"),
        "truncated.tif": (other["tif"][: len(other["tif"]) // 2], "is damaged|is cut short"),
        "renamed.jpg": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", r"HEIC format.*export it as JPEG or PNG"),
        "renamed.png": (b"\0\0\0\x20ftypavif\0\0\0\0avifmif1", r"AVIF format.*export it as JPEG or PNG"),
        "renamed-xl.jpg": (b"\xff\x0a" + bytes(40), "JPEG XL format"),
        "film.jpg": (b"\0\0\0\x18ftypisom" + bytes(100), "is not a picture"),
    }
    reasons = {}
    for name, (content, reason) in contents.items():
        (folder / name).write_bytes(content)
        reasons[folder / name] = reason
    reasons[saved(picture[:1, :1], folder / "one-pixel.png")] = "is 1 × 1 pixels, too small"
    reasons[huge_png(folder / "bomb.png")] = "has 20000 × 20000 pixels, more than the 100 million"
    reasons[huge_jpeg(folder / "bomb.jpg", jpeg)] = "has 20000 × 20000 pixels, more than the 100 million"
    reasons[folder / "missing.jpg"] = "does not exist"
    reasons[folder] = "cannot be opened"
    return reasons


def test_survey_lists_every_bad_file_with_its_reason_and_goes_on(bad_files, picture, tmp_path):
    good = saved(picture, tmp_path / "good.png")
    facts = survey.inspect(table(good, *bad_files, good))
    assert facts.problem.iloc[0] is None and facts.problem.iloc[-1] is None
    for reason, found in zip(bad_files.values(), facts.problem[1:-1], strict=True):
        assert pd.Series([found]).str.contains(reason).all(), (reason, found)
        assert "\n" not in found


def small_base():
    pictures = keras.Input((32, 32, 3))
    return keras.Model(pictures, keras.layers.Conv2D(4, 3, strides=8)(pictures), name="small")


def test_every_bad_file_is_refused_by_name_before_the_first_epoch(bad_files, picture, tmp_path):
    good = [saved(picture, tmp_path / f"{i}.png") for i in range(4)]
    base = small_base()
    for bad, reason in bad_files.items():
        data = table(*good, bad)
        data["label"] = ["cat", "dog", "cat", "dog", "cat"]
        for begin in (
            lambda data=data: augment.ImageBatches(data, 32, 2),  # what warm_up and fine_tune train on
            lambda data=data: features.extract(base, data),
        ):
            with pytest.raises(images.UnreadableImage, match=reason) as error:
                begin()
            assert bad.name in str(error.value)


def test_several_bad_files_are_counted(bad_files):
    with pytest.raises(images.UnreadableImage, match=f"Nor can {len(bad_files) - 1} more be used: survey"):
        images.check(bad_files)


@pytest.mark.slow
def test_a_file_that_breaks_during_a_training_is_named(picture, tmp_path):
    """It was sound when the batches were made, and Keras is well into the epoch when it comes to it."""
    paths = [saved(picture, tmp_path / f"{i}.png") for i in range(24)]
    data = table(*paths)
    data["label"] = ["cat", "dog"] * 12
    model, batches = (
        transfer.build_classifier(small_base(), ("cat", "dog")),
        augment.ImageBatches(data, 32, 2),
    )
    paths[20].unlink()
    with pytest.raises(images.UnreadableImage, match=r"20\.png does not exist"):
        transfer.warm_up(model, batches)


@pytest.mark.slow
def test_a_huge_picture_takes_no_memory(bad_files, tmp_path):
    """In a process that may not have the 400 MB that its pixels would take, one byte each."""
    if sys.platform != "linux":
        pytest.skip("only Linux limits a process's memory this way")
    (bomb,) = [path for path in bad_files if path.name == "bomb.png"]
    code = f"""
import resource, tracemalloc
from helpers import images
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _ in range(3):
    assert "20000 × 20000" in images.problem({str(bomb)!r})
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=COURSE_FOLDER, capture_output=True, text=True)
    assert int(done.stdout) < 20_000, done.stderr  # kB


def test_the_check_is_quick_and_a_file_is_looked_at_once(photos, monkeypatch):
    start = time.process_time()
    images.check(photos.path)
    assert time.process_time() - start < 5  # measured: 0.5 s of processor time for 1,399 photos
    monkeypatch.setattr(images, "_opened", lambda path: pytest.fail("looked at again"))
    images.check(photos.path)


def test_a_file_that_has_changed_is_looked_at_again(picture, tmp_path):
    path = saved(picture, tmp_path / "a.png")
    images.check([path])
    path.write_bytes(b"spoilt")
    with pytest.raises(images.UnreadableImage):
        images.check([path])
    saved(picture, path)
    images.check([path])


@pytest.mark.parametrize("side", [2, 3, 7, 8, 9, 63, 64, 65])
@pytest.mark.parametrize("ext", ["png", "jpg"])
def test_small_pictures_are_sound(picture, tmp_path, side, ext):
    path = saved(np.resize(picture, (side, 90, 3)), tmp_path / f"a.{ext}")
    assert images.problem(path) is None and images.read(path).shape == (side, 90, 3)


@pytest.mark.parametrize("mark", [b"MPF\0", b"http://ns.google.com/photos/1.0/camera/ MotionPhoto"])
def test_a_phones_photo_with_a_film_appended_is_sound(picture, tmp_path, mark):
    jpeg = saved(picture, tmp_path / "a.jpg").read_bytes()
    segment = b"\xff\xe2" + (2 + len(mark)).to_bytes(2) + mark
    (tmp_path / "b.jpg").write_bytes(jpeg[:2] + segment + jpeg[2:] + b"....ftypmp42 film")
    assert images.problem(tmp_path / "b.jpg") is None


@pytest.mark.parametrize("padding", [bytes(1), bytes(512), b"\r\n", b"\n\0\n", bytes(3_000_000)])
def test_a_jpeg_with_padding_after_its_end_is_sound(picture, tmp_path, padding):
    path = saved(picture, tmp_path / "a.jpg")
    whole = images.read(path)
    path.write_bytes(path.read_bytes() + padding)
    assert images.problem(path) is None
    assert np.array_equal(images.read(path), whole)


JPEGS = {
    "usual": {},
    "all colours": {"subsampling": 0, "quality": 95},
    "restarts": {"restart_marker_rows": 1},
    "own tables": {"optimize": True, "quality": 40},
}


@pytest.mark.parametrize("options", JPEGS.values(), ids=list(JPEGS))
def test_a_jpeg_that_lacks_only_its_end_is_sound(picture, tmp_path, options):
    """As some webcams write it: without the two bytes that say that it ends here."""
    path = saved(picture, tmp_path / "a.jpg", **options)
    content, whole = path.read_bytes(), images.read(path)
    for without_end in (content[:-2], content[:-1], content[:-2] + bytes(700)):
        path.write_bytes(without_end)
        assert images.problem(path) is None
        assert np.array_equal(images.read(path), whole)


@pytest.mark.parametrize("options", JPEGS.values(), ids=list(JPEGS))
def test_a_jpeg_that_lacks_some_of_its_picture_is_cut_short(picture, tmp_path, options):
    path = saved(picture, tmp_path / "a.jpg", **options)
    data = path.read_bytes()[:-2]
    for missing in range(1, 61):
        for padding in (b"", bytes(2), bytes(700)):
            path.write_bytes(data[:-missing] + padding)
            assert "cut short" in str(images.problem(path)), missing


def test_a_jpeg_without_an_end_is_cut_short_where_more_scans_may_be_missing(picture, tmp_path):
    progressive = saved(picture, tmp_path / "a.jpg", progressive=True)
    progressive.write_bytes(progressive.read_bytes()[:-2])
    one_of_three = saved(
        picture[..., 0], tmp_path / "b.jpg"
    )  # grey; now its header promises two channels more
    grey = one_of_three.read_bytes()[:-2]
    start = grey.index(b"\xff\xc0") + 2
    header = grey[start : start + 11]
    promised = b"\0\x11" + header[2:7] + b"\x03" + header[8:] + b"\x02\x11\0" + b"\x03\x11\0"
    one_of_three.write_bytes(grey[:start] + promised + grey[start + 11 :])
    for path in (progressive, one_of_three):
        assert "cut short" in str(images.problem(path))


# --- every kind of picture, read right ----------------------------------------------------------------

TURNS = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.transpose(1, 0, 2),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: image[::-1, ::-1].transpose(1, 0, 2),
    8: lambda image: np.rot90(image),
}


def difference(one, other):
    assert one.shape == other.shape and one.dtype == np.uint8
    return np.abs(one.astype(int) - other).mean()


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("ext", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", TURNS)
def test_orientation(picture, tmp_path, orientation, ext, transparent):
    if transparent and ext == "jpg":
        pytest.skip("a JPEG has no transparency")
    tag = Image.Exif()
    tag[0x0112] = orientation
    options = {"tiffinfo": {274: orientation}} if ext == "tif" else {"exif": tag.tobytes()}
    options |= {"jpg": {"quality": 95}, "webp": {"lossless": True}}.get(ext, {})
    alpha = np.full(picture.shape[:2], 255, np.uint8)
    alpha[0, 0] = 250  # or an encoder leaves a channel out that says nothing
    path = saved(np.dstack([picture, alpha]) if transparent else picture, tmp_path / f"a.{ext}", **options)
    assert difference(images.read(path), TURNS[orientation](picture)) < 3
    assert images.problem(path) is None


@pytest.mark.parametrize("ext", ["png", "tif", "gif", "bmp", "webp", "jpg", "JPG", "jpeg", "JPEG"])
def test_colour_pictures_of_every_kind(picture, tmp_path, ext):
    options = {"lossless": True} if ext == "webp" else {"quality": 95} if ext.lower()[0] == "j" else {}
    path = saved(picture, tmp_path / f"a.{ext}", **options)
    assert difference(images.read(path), picture) < (6 if ext == "gif" else 3)  # a GIF has 256 colours
    assert survey.inspect(table(path)).problem[0] is None


@pytest.mark.parametrize(
    ("mode", "ext"),
    [(mode, ext) for mode in ("1", "L", "LA", "P") for ext in ("png", "tif", "gif")]
    + [("L", "jpg"), ("L", "bmp"), ("P", "bmp"), ("RGBA", "png"), ("RGBA", "tif"), ("RGBA", "webp")]
    + [("CMYK", "jpg"), ("CMYK", "tif"), ("YCbCr", "jpg"), ("PA", "tif")],
)
def test_modes(picture, tmp_path, mode, ext):
    image = Image.fromarray(picture)
    image = image.quantize(200) if mode == "P" else image.convert(mode)
    options = {"quality": 95} if ext == "jpg" else {"lossless": True} if ext == "webp" else {}
    image.save(tmp_path / f"a.{ext}", **options)
    assert difference(images.read(tmp_path / f"a.{ext}"), np.asarray(image.convert("RGB"))) < 3


@pytest.mark.parametrize("ext", ["png", "tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits(picture, tmp_path, ext, channels):
    deep = {
        1: picture[..., :1],
        3: picture[..., ::-1],
        4: np.dstack([picture[..., ::-1], picture[..., 0] | 255]),
    }
    cv2.imwrite(str(tmp_path / f"a.{ext}"), deep[channels].astype(np.uint16) * 257)
    expected = np.repeat(picture[..., :1], 3, axis=2) if channels == 1 else picture
    assert difference(images.read(tmp_path / f"a.{ext}"), expected) <= 1


@pytest.mark.parametrize("ext", ["png", "gif"])
def test_transparent_palette_colour_turns_white(picture, tmp_path, ext):
    image = Image.fromarray(picture).quantize(100)
    image.save(tmp_path / f"a.{ext}", transparency=7)
    found = images.read(tmp_path / f"a.{ext}")
    clear = np.asarray(image) == 7
    assert clear.any() and (found[clear] == 255).all()
    assert np.array_equal(found[~clear], np.asarray(image.convert("RGB"))[~clear])


def test_animated_gif_gives_its_first_frame(picture, tmp_path):
    frames = [Image.fromarray(np.full((9, 9), value, np.uint8)) for value in (10, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (images.read(tmp_path / "a.gif") == 10).all()


# --- names, folders, classes --------------------------------------------------------------------------

NAMES = [
    "two words.jpg",
    "mèo trên mái nhà.jpg",
    "🐱🐶.jpg",
    "[cat] *?.jpg" if sys.platform != "win32" else "[cat].jpg",
    ("a" * 200 + "ồ" * 15 if sys.platform != "win32" else "aồ") + ".jpg",  # Windows: 260 with the folders
    "100%.jpg",
    "-rf.jpg",
    "'quoted' \"twice\".jpg" if sys.platform != "win32" else "'quoted'.jpg",
    "UPPER.JPG",
    "four.letters.jpeg",
]


def test_odd_names_work_from_the_folder_to_the_batch(picture, tmp_path):
    top = tmp_path / "my dogs [2024] và mèo 🐕" / "dog"
    for label in ("mèo nhà", "chó"):
        for name in NAMES:
            saved(picture, top / label / name, format="JPEG")
    data = datasets.load_folder(top)
    assert {Path(path).name for path in data.path} == set(NAMES)
    assert data.label.value_counts().to_dict() == {"mèo nhà": len(NAMES), "chó": len(NAMES)}
    assert survey.inspect(data).problem.isna().all()
    train, _ = splits.split(data, (0.8, 0.2), groups=range(len(data)))
    assert augment.ImageBatches(train, 32, 4)[0][0].shape == (4, 32, 32, 3)


def test_labels_come_from_the_class_folder_alone(picture, tmp_path):
    for name in ("cat/dog.1.jpg", "cat/dog/2.jpg", "dog/cat.1.jpg"):
        saved(picture, tmp_path / "hotdog" / name)
    data = datasets.load_folder(tmp_path / "hotdog")
    assert data.label.tolist() == ["cat", "cat", "dog"]


def test_a_name_typed_on_a_mac_is_the_same_label(picture, tmp_path):
    saved(picture, tmp_path / "me\u0300o" / "1.jpg")  # e and a separate accent
    saved(picture, tmp_path / "cho" / "1.jpg")
    assert datasets.load_folder(tmp_path).label.tolist() == ["cho", "m\u00e8o"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_text_is_read(picture, tmp_path):
    saved(picture, tmp_path / "cat" / "a.jpg").rename(
        tmp_path / "cat" / b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    )
    saved(picture, tmp_path / "dog" / "a.jpg")
    data = datasets.load_folder(tmp_path)
    assert survey.inspect(data).problem.isna().all()


def test_pictures_of_other_kinds_are_named_in_one_line(picture, tmp_path, capsys):
    for name in ("cat/1.jpg", "dog/1.jpg"):
        saved(picture, tmp_path / name)
    for name in ("cat/IMG_1.HEIC", "cat/IMG_2.heic", "dog/x.avif", "dog/._z.heic"):
        kind = b"avif" if name.endswith("avif") else b"heic"
        (tmp_path / name).write_bytes(b"\0\0\0\x18ftyp" + kind + bytes(20))
    saved(picture, tmp_path / "dog/y.dng", format="TIFF")
    assert len(datasets.load_folder(tmp_path)) == 2
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("Left out 4 files: format not read, export as JPEG or PNG")
    assert "IMG_1.HEIC, IMG_2.heic, x.avif" in line


def test_hidden_files_and_links_that_lead_nowhere_are_passed_over(picture, tmp_path):
    for label in ("cat", "dog"):
        for name in (
            "1.jpg",
            ".DS_Store",
            "._1.jpg",
            "Thumbs.db",
            "desktop.ini",
            ".hidden/2.jpg",
            "__MACOSX/3.jpg",
        ):
            saved(picture, tmp_path / label / name, format="JPEG")
    saved(picture, tmp_path / "__MACOSX/cat/1.jpg")
    saved(picture, tmp_path / ".ipynb_checkpoints/1.jpg")
    try:
        (tmp_path / "cat/nowhere.jpg").symlink_to(tmp_path / "gone.jpg")
        (tmp_path / "cat/itself.jpg").symlink_to(tmp_path / "cat/itself.jpg")
        (tmp_path / "dog/up").symlink_to(tmp_path, target_is_directory=True)
        (tmp_path / "loop").symlink_to(tmp_path / "loop")
    except OSError:
        pytest.skip("this system lets one make no links")
    data = datasets.load_folder(tmp_path)
    assert [Path(path).parts[-2:] for path in data.path] == [("cat", "1.jpg"), ("dog", "1.jpg")]


def test_links_that_lead_nowhere_are_reported_where_they_are_named(tmp_path):
    try:
        (tmp_path / "nowhere.jpg").symlink_to(tmp_path / "gone.jpg")
        (tmp_path / "itself.jpg").symlink_to(tmp_path / "itself.jpg")
    except OSError:
        pytest.skip("this system lets one make no links")
    found = survey.inspect(table(tmp_path / "nowhere.jpg", tmp_path / "itself.jpg")).problem
    assert "does not exist" in found[0] and "cannot be opened" in found[1]
