"""Reading pictures: every kind a learner may bring, and every way a file may be broken."""

import os
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from helpers import checks, images
from helpers.runtime import COURSE_FOLDER


@pytest.fixture
def picture():
    """A smooth colour picture, 60 high and 90 wide, red on the left and blue at the bottom."""
    rows, columns = np.mgrid[0:60, 0:90]
    return np.dstack([255 - columns * 2, np.full_like(rows, 90), rows * 4]).astype(np.uint8)


def save(picture, path, **options):
    Image.fromarray(picture).save(path, **options)
    return path


def test_png_comes_back_exactly_in_rgb(picture, tmp_path):
    assert np.array_equal(images.read(save(picture, tmp_path / "a.png")), picture)


def test_jpeg_comes_back_nearly(picture, tmp_path):
    image = images.read(str(save(picture, tmp_path / "a.jpg", quality=95)))
    assert image.dtype == np.uint8
    assert np.abs(image.astype(int) - picture).mean() < 3


def test_grey_becomes_three_equal_channels(picture, tmp_path):
    image = images.read(save(picture[..., 2], tmp_path / "grey.jpg"))
    assert image.shape == (60, 90, 3)
    assert (image == image[..., :1]).all()


def test_transparent_pixels_turn_white(picture, tmp_path):
    alpha = np.full((60, 90), 255, np.uint8)
    alpha[:, :30] = 0
    image = images.read(save(np.dstack([picture, alpha]), tmp_path / "cut-out.png"))
    assert (image[:, :30] == 255).all()
    assert np.array_equal(image[:, 30:], picture[:, 30:])


def test_cmyk_jpeg_keeps_its_colours(picture, tmp_path):
    path = tmp_path / "print.jpg"
    Image.fromarray(picture).convert("CMYK").save(path, quality=95)
    assert np.abs(images.read(path).astype(int) - picture).mean() < 3


def test_orientation_tag_is_obeyed(picture, tmp_path):
    tag = Image.Exif()
    tag[0x0112] = 6  # the camera was held a quarter turn
    image = images.read(save(picture, tmp_path / "turned.jpg", quality=95, exif=tag.tobytes()))
    assert image.shape == (90, 60, 3)
    assert np.abs(image.astype(int) - np.rot90(picture, -1)).mean() < 3


def test_sixteen_bits_a_channel(picture, tmp_path):
    path = str(tmp_path / "deep.png")
    cv2.imwrite(path, picture[..., ::-1].astype(np.uint16) * 257)
    assert np.abs(images.read(path).astype(int) - picture).max() <= 1


def test_vietnamese_path(picture, tmp_path):
    folder = tmp_path / "mèo và chó" / "chó"
    folder.mkdir(parents=True)
    path = save(picture, folder / "Đốm ở nhà.png")
    assert np.array_equal(images.read(path), picture)


@pytest.mark.parametrize(
    "shape, image_size",
    [((60, 1), 32), ((1, 60), 32), ((1, 1), 8), ((60, 90), 32), ((20, 10), 64), ((60, 90), 1)],
)
def test_any_shape_fits(picture, tmp_path, shape, image_size):
    path = save(picture[: shape[0], : shape[1]], tmp_path / "a.png")
    assert images.read(path).shape == (*shape, 3)
    assert images.read(path, image_size).shape == (image_size, image_size, 3)


def test_fit_keeps_the_centre_and_the_proportions():
    image = np.zeros((100, 300, 3), np.uint8)
    image[20:80, 120:180] = 255
    square = images.fit(image, 50)[..., 0] > 127
    assert abs(square.any(axis=0).sum() - square.any(axis=1).sum()) <= 1
    assert abs(square.any(axis=0).sum() - 30) <= 1
    assert np.array_equal(square, square[::-1, ::-1])


def test_shrinking_averages_and_enlarging_is_smooth():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    means = noise.reshape(8, 8, 8, 8, 3).mean(axis=(1, 3))
    assert np.abs(images.fit(noise, 8) - means).max() < 1
    steps = np.arange(0, 200, 50, dtype=np.uint8).reshape(1, 4, 1).repeat(4, axis=0).repeat(3, axis=2)
    assert len(np.unique(images.fit(steps, 64)[32, :, 0])) > 40  # blocks would have 4


def test_large_photo_is_decoded_smaller_and_looks_the_same(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (24, 32, 3), dtype=np.uint8)
    photo = cv2.resize(coarse, (1600, 1200), interpolation=cv2.INTER_CUBIC)
    path = save(photo, tmp_path / "large.jpg", quality=95)
    whole = images.read(path, 128)
    monkeypatch.setattr(images, "LARGE_FILE", 1000)
    reduced = images.read(path, 128)
    assert not np.array_equal(whole, reduced), "the file was not decoded at a reduced size"
    assert np.abs(whole.astype(int) - reduced).mean() < 1


@pytest.mark.parametrize("at_least, side", [(1200, 1200), (601, 1200), (600, 600), (150, 150), (1, 150)])
def test_large_photo_keeps_the_pixels_that_are_needed(tmp_path, monkeypatch, at_least, side):
    path = save(np.zeros((1200, 1600, 3), np.uint8), tmp_path / "large.jpg")
    assert images.read(path, at_least=at_least).shape == (1200, 1600, 3), "a small file comes whole"
    monkeypatch.setattr(images, "LARGE_FILE", 1000)
    assert images.read(path, at_least=at_least).shape == (side, side * 4 // 3, 3)
    assert images.read(path).shape == (1200, 1600, 3)
    with pytest.raises(ValueError, match="at_least is 0"):
        images.read(path, at_least=0)


def test_a_mebibyte_is_a_large_file(picture, tmp_path):
    path = save(np.tile(picture, (2, 2, 1)), tmp_path / "padded.jpg")
    content = path.read_bytes()
    for n_bytes, shape in ((2**20 - 1, (120, 180, 3)), (2**20, (15, 23, 3))):
        path.write_bytes(content.ljust(n_bytes, b"\0"))
        assert images.read(path, at_least=8).shape == shape


def test_a_large_photo_keeps_twice_the_pixels_that_fit_needs(tmp_path, monkeypatch):
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    path = save(cv2.resize(noise, (640, 480)), tmp_path / "large.jpg")
    monkeypatch.setattr(images, "LARGE_FILE", 1)
    fitted = images.read(path, 120)
    assert np.array_equal(fitted, images.fit(images.read(path, at_least=240), 120))
    assert not np.array_equal(fitted, images.fit(images.read(path), 120))
    assert not np.array_equal(fitted, images.fit(images.read(path, at_least=120), 120))


@pytest.mark.parametrize("name", ["at_least", "image_size"])
def test_a_size_is_looked_at_before_the_file(tmp_path, name):
    with pytest.raises(checks.CourseError, match=f"{name} is 0"):
        images.read(tmp_path / "missing.jpg", **{name: 0})


def claims(path, width, height):
    """Write a PNG whose header claims this size, and that holds nothing."""

    def chunk(kind, data):
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    size = width.to_bytes(4) + height.to_bytes(4) + bytes([1, 0, 0, 0, 0])
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    return path


def test_a_hundred_million_pixels_are_read_and_no_more(tmp_path):
    assert images.header(claims(tmp_path / "a.png", 10_000, 10_000)).size == (10_000, 10_000)
    with pytest.raises(images.UnreadableImage, match="has 17 × 5882353 pixels, more than the 100 million"):
        images.header(claims(tmp_path / "b.png", 17, 5_882_353))  # 100,000,001


def test_a_file_of_more_than_512_mib_is_not_read(tmp_path):
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(2**29 + 1)  # which takes no room
    with pytest.raises(images.UnreadableImage, match="huge.jpg is larger than 512 MiB"):
        images.read(tmp_path / "huge.jpg")


# --- pictures that are no longer bytes ------------------------------------------------------------------

SCALED = {
    "0 to 1": (
        lambda picture: picture / 255,
        r"from 0 to 1: it looks scaled\. .* such as picture \* 255, or",
    ),
    "0 to 1, in 16 bits": (lambda picture: (picture / 255).astype(np.float16), "it looks scaled"),
    "0 to 0.5": (lambda picture: picture / 510, "from 0 to 0.5: it looks scaled"),
    "-1 to 1": (lambda picture: picture / 127.5 - 1, r"from -1 to 1: .* such as \(picture \+ 1\) \* 127\.5"),
    "centred": (lambda picture: picture - 128.0, r"from -128 to 127\. .* such as picture\.clip\(0, 255\)"),
    "16 bits": (
        lambda picture: picture.astype(np.uint16) * 257,
        r"from 0 to 6\.55e\+04\. Give finite numbers",
    ),
    "negative": (lambda picture: -picture.astype(int), "from -255 to 0. Give finite numbers from 0 to 255"),
    "hole": (lambda picture: np.where(picture == 0, np.nan, picture), "from nan to nan. Give finite numbers"),
    "infinite": (lambda picture: np.where(picture == 0, np.inf, picture), "to inf. Give finite numbers"),
    "mask": (lambda picture: picture > 127, "of type bool. Give numbers from 0 to 255"),
    "objects": (lambda picture: picture.astype(object), "of type object. Give numbers"),
}


@pytest.mark.parametrize("scaled, message", SCALED.values(), ids=list(SCALED))
def test_a_picture_of_other_values_is_refused(scaled, message):
    picture = np.arange(256, dtype=np.uint8).reshape(8, 32, 1).repeat(3, axis=2)
    with pytest.raises(checks.CourseError, match=f"^image has values .*{message}"):
        images.fit(scaled(picture), 4)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.uint16, np.int32, np.int64])
def test_a_picture_of_other_types_is_fitted_as_bytes_are(picture, kind):
    fitted = images.fit(picture.astype(kind), 20)
    assert fitted.dtype == np.uint8
    assert np.array_equal(fitted, images.fit(picture, 20))


def test_black_floats_are_a_picture():
    assert not images.fit(np.zeros((8, 8, 3)), 4).any()


def test_bytes_are_not_looked_through(monkeypatch):
    """A training reads thousands of pictures: of bytes, which cannot be wrong, the type is enough."""
    monkeypatch.setattr(checks, "unscaled", lambda *_: pytest.fail("looked through"))
    images.fit(np.ones((8, 8, 3), np.uint8), 4)


@pytest.mark.slow
def test_reading_takes_as_many_threads_as_this_process_has_processors():
    """Which is fewer than the machine has in a container, on a shared server, or after `taskset`."""
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        pytest.skip("this system cannot be told to use one processor of several")
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
    code += "from helpers import images; print(images.THREADS)"
    done = subprocess.run([sys.executable, "-c", code], cwd=COURSE_FOLDER, capture_output=True, text=True)
    assert done.stdout == "1\n", done.stderr


def test_read_many_keeps_the_order(tmp_path):
    paths = [save(np.full((9, 9, 3), 10 * i, np.uint8), tmp_path / f"{i}.png") for i in range(20)]
    batch = images.read_many(paths, 8)
    assert batch.shape == (20, 8, 8, 3)
    assert batch.dtype == np.uint8
    assert batch[:, 0, 0, 0].tolist() == [10 * i for i in range(20)]
    assert images.read_many([], 8).shape == (0, 8, 8, 3)


def broken_files(picture, folder):
    """Yield (name, what the message must say) for one file of each kind of damage."""
    whole = save(picture, folder / "whole.jpg", quality=95).read_bytes()
    thumbnail = whole[:2] + b"\xff\xe1" + (len(whole) + 2).to_bytes(2, "big") + whole + whole[2:]
    png = save(picture, folder / "whole.png").read_bytes()
    contents = {
        "half.jpg": (whole[: len(whole) // 2], "cut short"),
        "header.jpg": (whole[:100], "damaged"),
        "thumbnail.jpg": (thumbnail[:-300], "cut short"),
        "half.png": (png[: len(png) // 2], "cut short"),
        "hole.png": (png[:60] + png[90:], "damaged"),
        "notes.jpg": (b"I am a text file.", "not a picture"),
        "empty.jpg": (b"", "empty"),
    }
    for name, (content, reason) in contents.items():
        (folder / name).write_bytes(content)
        yield name, reason
    (folder / "folder.jpg").mkdir()
    yield "folder.jpg", "cannot be opened"
    yield "missing.jpg", "does not exist"


def test_broken_files_are_refused_by_name(picture, tmp_path):
    for name, reason in broken_files(picture, tmp_path):
        with pytest.raises(images.UnreadableImage, match=reason) as error:
            images.read(tmp_path / name)
        assert name in str(error.value)
        with pytest.raises(images.UnreadableImage):
            images.read_many([tmp_path / "whole.jpg", tmp_path / name], 16)


def test_no_decoder_noise_where_python_writes_elsewhere(picture, tmp_path, capfd):
    """As in a notebook: sys.stderr is not the process's standard error."""
    assert sys.stderr is not sys.__stderr__
    whole = save(picture, tmp_path / "whole.jpg", quality=95).read_bytes()
    path = tmp_path / "odd.jpg"
    path.write_bytes(whole[:-2] + bytes(16) + whole[-2:])
    assert images.read(path).shape == (60, 90, 3)
    images.read_many([path] * 50, 32)
    print("still heard", file=sys.stderr)
    assert capfd.readouterr().err == "still heard\n"
