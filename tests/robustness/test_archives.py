"""Archives that mean harm, servers that misbehave, disks that are full, two processes at once."""

import errno
import hashlib
import os
import shutil
import ssl
import subprocess
import sys
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from faults import BadServer, says_nothing, sends, status, without_rights
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from helpers import datasets, runtime
from helpers.checks import DataError
from helpers.sources import published, zips

NAMES = [f"{label}/{label}.{number}.jpg" for label in ("cat", "dog") for number in range(3)]
TEXTS = {name: f"photo {name} ".encode() * 9 for name in NAMES}  # what is unpacked need be no picture
TOP = "Dog-Cat-Classifier-main/Data/Train_Data/"


@pytest.fixture(scope="module")
def photos_of_six(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    datasets.draw_pets(6, 0, folder, size=64)
    return {name: (folder / name).read_bytes() for name in NAMES}


@pytest.fixture
def course(tmp_path, monkeypatch, photos_of_six):
    """A course of six small pictures: its photos by name."""
    return small_course(tmp_path, monkeypatch, photos_of_six)


def pin(monkeypatch, **changed):
    monkeypatch.setattr(datasets, "DOG_CAT", replace(datasets.DOG_CAT, **changed))


def small_course(folder, monkeypatch, contents):
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in contents.items()]
    (folder / "manifest").write_text("".join(lines))
    pin(monkeypatch, manifest=folder / "manifest", url="http://127.0.0.1:9/nobody-listens-here.zip")
    monkeypatch.setattr(datasets, "DRAWN_PETS", 8)
    monkeypatch.setattr(datasets, "DRAWN_NEAR_DUPLICATES", 2)
    return contents


def write_zip(path, contents, prefix=TOP, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(prefix + name, content)
    return path


def left_in_home():
    data = Path(os.environ["COURSE_HOME"], "data")
    return sorted(path.name for path in data.iterdir()) if data.is_dir() else []


def load(monkeypatch, named):
    monkeypatch.setenv("COURSE_DATA", str(named))
    return datasets.load_dog_cat()


def everything(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- archives -----------------------------------------------------------------------------------------


def with_bomb(path, course):
    bomb = dict(course)
    bomb["cat/cat.1.jpg"] = bytes(2**24)  # 16 MiB in 16 kB
    return write_zip(path, bomb, compression=zipfile.ZIP_DEFLATED)


def with_liar(path, course):
    """The archive's directory says that a member is small; its data unpacks to much more."""
    content = with_bomb(path, course).read_bytes()
    path.write_bytes(
        content.replace((2**24).to_bytes(4, "little"), len(course["cat/cat.1.jpg"]).to_bytes(4, "little"))
    )
    return path


def encrypted(path, course):
    content = bytearray(write_zip(path, course).read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.find(signature)
        while place >= 0:
            content[place + flags] |= 1
            place = content.find(signature, place + 4)
    path.write_bytes(content)
    return path


def with_links(path, course):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in course.items():
            member = zipfile.ZipInfo(TOP + name)
            if name == "dog/dog.1.jpg":
                member.external_attr = 0o120777 << 16
                content = b"../../../../../../etc/passwd"
            archive.writestr(member, content)
    return path


HOSTILE = {
    "zip bomb": (with_bomb, r"cat\.1\.jpg in set\.zip unpacks to 16,777,216 bytes"),
    "zip bomb that lies": (with_liar, r"cat\.1\.jpg in set\.zip is damaged"),
    "encrypted": (encrypted, "is damaged or encrypted"),
    "links": (with_links, r"dog\.1\.jpg in set\.zip is not the course's photo: its SHA-256"),
    "truncated": (
        lambda path, course: truncated(write_zip(path, course)),
        "not a zip archive, or a damaged one",
    ),
    "wrong hash": (
        lambda path, course: write_zip(path, {**course, "dog/dog.0.jpg": b"x"}),
        r"dog\.0\.jpg in set\.zip is not the course's photo",
    ),
    "unknown compression": (
        lambda path, course: other_method(write_zip(path, course), 99),
        "is damaged or encrypted",
    ),
    "lzma, damaged": (
        lambda path, course: other_method(write_zip(path, course), 14),
        "is damaged or encrypted",
    ),
    "bzip2, damaged": (
        lambda path, course: other_method(write_zip(path, course), 12),
        "is damaged or encrypted",
    ),
    "empty file": (lambda path, course: replaced(path, b""), "not a zip archive"),
    "tar": (lambda path, course: replaced(path, b"cat/" + bytes(508)), "not a zip archive"),
}


def replaced(path, content):
    path.write_bytes(content)
    return path


def truncated(path):
    return replaced(path, path.read_bytes()[:-300])


def other_method(path, method):
    content = path.read_bytes()
    for signature, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        parts = content.split(signature)
        content = signature.join(
            [parts[0], *(p[: place - 4] + method.to_bytes(2, "little") + p[place - 2 :] for p in parts[1:])]
        )
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_archive_is_one_clear_error_and_leaves_nothing(course, tmp_path, monkeypatch, case):
    build, complaint = HOSTILE[case]
    archive = build(tmp_path / "set.zip", course)
    before = everything(tmp_path)
    with pytest.raises(DataError, match=complaint):
        load(monkeypatch, archive)
    assert everything(tmp_path) == before
    assert left_in_home() == []


names_of_members = some.one_of(
    some.text(min_size=1, max_size=30),
    some.lists(
        some.sampled_from(["..", ".", "", "cat", "dog", "C:", "cat.0.jpg", "dog.1.jpg", "\\..\\x"]),
        max_size=6,
    ).map("/".join),
    some.sampled_from(NAMES).map(lambda name: f"../{name}"),
    some.sampled_from(NAMES).map(lambda name: f"/{name}"),
)


@pytest.mark.slow
@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(extra=some.lists(names_of_members, max_size=8))
def test_whatever_members_are_called_nothing_is_written_outside(tmp_path_factory, extra):
    tmp_path = tmp_path_factory.mktemp("names")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("COURSE_HOME", str(tmp_path / "deep" / "down" / "home"))
        course = small_course(tmp_path, monkeypatch, TEXTS)
        archive = write_zip(tmp_path / "set.zip", course)
        with zipfile.ZipFile(archive, "a") as opened:
            for name in extra:
                opened.writestr(name.replace("\0", "") or "x", b"evil")
        before = everything(tmp_path)
        try:
            load(monkeypatch, archive)
        except DataError:
            assert everything(tmp_path) == before
        home = tmp_path / "deep" / "down" / "home" / "data" / "dog-cat"
        added = {path: content for path, content in everything(tmp_path).items() if path not in before}
        assert set(added) in (set(), {home / name for name in NAMES})
        assert b"evil" not in added.values()


@settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=some.data())
def test_a_damaged_archive_is_read_right_or_refused(tmp_path_factory, data):
    tmp_path = tmp_path_factory.mktemp("damaged")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
        course = small_course(tmp_path, monkeypatch, TEXTS)
        content = bytearray(write_zip(tmp_path / "set.zip", course).read_bytes())
        headers = [i for i in range(len(content) - 4) if content[i : i + 2] == b"PK"]
        for _ in range(data.draw(some.integers(1, 4))):
            place = data.draw(some.sampled_from(headers)) + data.draw(some.integers(0, 50))
            if place < len(content):
                content[place] = data.draw(some.integers(0, 255))
        (tmp_path / "set.zip").write_bytes(
            content[: data.draw(some.integers(len(content) // 2, len(content)))]
        )
        try:
            loaded = load(monkeypatch, tmp_path / "set.zip")
        except DataError:
            assert left_in_home() == []
        else:
            assert [Path(path).read_bytes() for path in loaded.path] == list(course.values())


# --- archives of pictures of one's own ------------------------------------------------------------------


def own(path, names, compression=zipfile.ZIP_DEFLATED, content=None):
    """An archive of one's own photos, with these names in it."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name in names:
            archive.writestr(name, content or b"\xff\xd8" + name.encode())
    return path


def labels_of(data):
    return [(label, Path(path).name) for path, label in zip(data["path"], data["label"])]


@pytest.mark.parametrize("top", ["", "my photos/"])
def test_an_archive_of_photos_is_unpacked_once(tmp_path, top, monkeypatch):
    names = ["cat/1.jpg", "cat/deep/2.jpg", "dog/1.jpg", ".hidden/x.jpg"]
    archive = own(tmp_path / "photos.zip", [*(top + name for name in names), f"__MACOSX/{top}cat/._1.jpg"])
    data = datasets.load_folder(archive)
    assert labels_of(data) == [("cat", "1.jpg"), ("cat", "2.jpg"), ("dog", "1.jpg")]
    assert all(Path(path).is_relative_to(runtime.local("unpacked")) for path in data["path"])
    assert [path.name for path in map(Path, datasets.load_unlabelled(archive).path)] == [
        "1.jpg",
        "2.jpg",
        "1.jpg",
    ]
    assert left_in_home() == ["unpacked"] and len(list(runtime.local("unpacked").iterdir())) == 1

    monkeypatch.setattr(zips, "_unpack", None)  # a second call unpacks nothing
    shutil.copy(archive, tmp_path / "another name.zip")
    assert datasets.load_folder(f'"{tmp_path / "another name.zip"}"').equals(data)


def test_a_new_archive_of_the_same_name_is_read_anew(tmp_path):
    for name in ("1.jpg", "2.jpg"):
        data = datasets.load_folder(own(tmp_path / "photos.zip", [f"cat/{name}", f"dog/{name}"]))
        assert labels_of(data) == [("cat", name), ("dog", name)]


def test_a_divided_archive_keeps_its_parts(tmp_path, capsys):
    names = [f"ants_and_bees/{part}/{label}/1.jpg" for part in ("train", "val") for label in ("ants", "bees")]
    data = datasets.load_folder(own(tmp_path / "photos.zip", names))
    assert (
        data["part"].tolist() == ["train", "val"] * 2
        and data["label"].tolist() == ["ants"] * 2 + ["bees"] * 2
    )
    assert "train 2, val 2 images" in capsys.readouterr().out


def test_names_in_an_archive_are_read_as_they_were_written(tmp_path):
    """A Mac writes UTF-8 and does not say so; some programs on Windows write backslashes."""
    archive = own(tmp_path / "photos.zip", ["mèo/1.jpg", "ch/o/1.jpg"])
    content = archive.read_bytes().replace(b"ch/o/1", b"ch\\o/1")
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        parts = content.split(signature)
        cleared = [
            part[: flags - 3] + bytes([part[flags - 3] & ~8]) + part[flags - 2 :] for part in parts[1:]
        ]
        content = signature.join([parts[0], *cleared])
    archive.write_bytes(content)
    assert zipfile.ZipFile(archive).namelist()[0] != "mèo/1.jpg"
    assert datasets.load_folder(archive)["label"].tolist() == ["ch", "mèo"]


def test_folders_may_stand_in_an_archive_in_any_order(tmp_path):
    names = ["cat/deep/down/", "cat/1.jpg", "cat/", "cat/", "dog/1.jpg", "mèo/1.jpg"]
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that cat/ is there twice
        for name in names:
            opened.writestr(name, b"" if name.endswith("/") else b"\xff\xd8")
    assert datasets.load_folder(archive)["label"].tolist() == ["cat", "dog", "mèo"]


def encrypted_own(path):
    return encrypted(path, {"cat/1.jpg": b"x", "dog/1.jpg": b"x"})


def damaged_own(path):
    content = own(path, PAIR, zipfile.ZIP_STORED).read_bytes()
    return replaced(path, content.replace(b"\xff\xd8dog", b"\xff\xd8god"))


def lying_own(path):
    content = own(path, PAIR, content=bytes(2**24)).read_bytes()
    return replaced(path, content.replace((2**24).to_bytes(4, "little"), (9).to_bytes(4, "little")))


PAIR = ["cat/1.jpg", "dog/1.jpg"]
HOSTILE_OWN = {
    "absolute": (
        lambda path: own(path, [*PAIR, "/etc/evil.jpg"]),
        "outside of its folder, to '/etc/evil.jpg'",
    ),
    "above": (
        lambda path: own(path, [*PAIR, "cat/../../evil.jpg"]),
        "outside of its folder, to 'cat/../../evil",
    ),
    "backslashes": (lambda path: own(path, [*PAIR, "..\\..\\evil.jpg"]), "outside of its folder"),
    "a drive": (lambda path: own(path, [*PAIR, "C:\\evil.jpg"]), "outside of its folder.*get it anew"),
    "encrypted": (encrypted_own, "photos.zip is encrypted. Unpack it with its password and give the folder"),
    "damaged": (damaged_own, r"a damaged one \(dog/1.jpg: Bad CRC.*unpack it yourself"),
    "a bomb that lies": (lying_own, r"a damaged one \(cat/1.jpg: "),
    "cut short": (lambda path: truncated(own(path, PAIR * 9)), "no zip archive or a damaged one"),
    "no archive": (lambda path: replaced(path, b"GIF89a"), "is no folder, and no zip archive or"),
    "unknown compression": (lambda path: other_method(own(path, PAIR), 99), "a damaged one .*compression"),
    "one name twice": (lambda path: own(path, [*PAIR, "cat/1.jpg"]), "holds cat/1.jpg twice"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("load", [datasets.load_folder, datasets.load_unlabelled])
@pytest.mark.parametrize("case", HOSTILE_OWN)
def test_a_hostile_archive_of_photos_is_one_clear_error_and_leaves_nothing(tmp_path, case, load):
    build, complaint = HOSTILE_OWN[case]
    archive = build(tmp_path / "photos.zip")
    before = everything(tmp_path)
    with pytest.raises(DataError, match=complaint) as error:
        load(archive)
    assert "\n" not in str(error.value)
    assert everything(tmp_path) == before


def test_an_archive_larger_than_the_disk_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    archive = own(tmp_path / "photos.zip", PAIR, content=bytes(3 * 2**20))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage._replace(free=2**22))
    before = everything(tmp_path)
    with pytest.raises(DataError, match="photos.zip unpacks to 6 MiB, and .*unpacked has 4 left. Make room"):
        datasets.load_folder(archive)
    assert everything(tmp_path) == before


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(names=some.lists(names_of_members, max_size=8))
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_whatever_photos_are_called_nothing_is_written_outside(tmp_path_factory, names):
    tmp_path = tmp_path_factory.mktemp("names")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("COURSE_HOME", str(tmp_path / "deep" / "down" / "home"))
        archive = own(tmp_path / "photos.zip", [name.replace("\0", "") or "x" for name in [*PAIR, *names]])
        before = everything(tmp_path)
        try:
            datasets.load_unlabelled(archive)
        except DataError:
            assert everything(tmp_path) == before
        unpacked = tmp_path / "deep" / "down" / "home" / "data" / "unpacked"
        assert all(path.is_relative_to(unpacked) for path in set(everything(tmp_path)) - set(before))


# --- servers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (status(403), "HTTP Error 403"),
        (status(404), "HTTP Error 404"),
        (status(500), "HTTP Error 500"),
        (sends(b"<html>Please sign in to the hotel's Wi-Fi</html>"), "what came is not a zip archive"),
        (sends(b""), "what came is not a zip archive"),
        (says_nothing, "timed out"),
        (lambda handler: handler.wfile.write(b"nonsense\r\n\r\n"), "no archive came from there"),
    ],
    ids=["403", "404", "500", "HTML", "nothing", "silence", "no HTTP"],
)
def test_bad_server_is_one_clear_error(course, monkeypatch, answer, complaint, capsys):
    monkeypatch.setattr(published, "CONNECT_SECONDS", 0.5)
    with BadServer(answer) as server:
        with pytest.raises(
            DataError, match=rf"COURSE_DATA names .*set\.zip.*{complaint}.*Set COURSE_DATA to"
        ):
            load(monkeypatch, server.url)
        assert left_in_home() == []
        # Where nobody named it, the lessons go on with drawn pets.
        pin(monkeypatch, url=server.url)
        monkeypatch.delenv("COURSE_DATA")
        assert datasets.load_dog_cat().attrs["source"] == "drawn pets"
    assert "DRAWN PETS" in capsys.readouterr().out
    assert left_in_home() == ["drawn-pets"]


@pytest.fixture
def self_signed(tmp_path):
    """A server on this machine with a certificate that nobody but itself has signed; the certificate."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with BadServer(status(404)) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *arguments: None
        yield server, f"https://localhost:{server.server_port}/set.zip", certificate


@pytest.mark.parametrize("has_certificates", [True, False])
def test_a_certificate_nobody_knows_is_refused_and_the_banner_says_what_to_do(
    course, monkeypatch, self_signed, capsys, has_certificates
):
    _, url, _ = self_signed
    pin(monkeypatch, url=url)
    monkeypatch.setenv("SSL_CERT_FILE", "")
    monkeypatch.delenv("SSL_CERT_FILE")  # what is lent now is taken back afterwards
    if not has_certificates:
        none = ssl.get_default_verify_paths()._replace(cafile=None, capath=None)
        monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: none)
    assert datasets.load_dog_cat().attrs["source"] == "drawn pets"
    box = capsys.readouterr().out
    assert {len(line) for line in box.splitlines()} == {81}
    banner = " ".join(box.replace("#", " ").split())
    assert "CERTIFICATE_VERIFY_FAILED" in banner and "fetch the archive with a browser" in banner
    assert "connect to the Internet" not in banner
    with pytest.raises(DataError, match=r"no archive came from there \(\[SSL: CERTIFICATE_VERIFY_FAILED"):
        load(monkeypatch, url)


def test_a_certificate_that_is_known_is_enough(course, tmp_path, monkeypatch, self_signed):
    server, url, certificate = self_signed
    server.answers = [sends(write_zip(tmp_path / "set.zip", course).read_bytes())]
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert len(load(monkeypatch, url)) == len(course)


def test_a_server_has_ten_seconds():
    assert published.CONNECT_SECONDS <= 10


def test_a_download_that_breaks_off_goes_on_where_it_stopped(course, tmp_path, monkeypatch):
    content = write_zip(tmp_path / "set.zip", course).read_bytes()
    third = len(content) // 3
    with BadServer(sends(content, until=third, ranges=True)) as server:
        assert [Path(path).name for path in load(monkeypatch, server.url).path] == [
            n.split("/")[1] for n in NAMES
        ]
        assert server.requests == [None, f"bytes={third}-", f"bytes={2 * third}-"] + (
            [f"bytes={3 * third}-"] if len(content) % 3 else []
        )
    assert left_in_home() == ["dog-cat"]


def test_a_later_run_goes_on_where_an_earlier_one_stopped(course, tmp_path, monkeypatch):
    content = write_zip(tmp_path / "set.zip", course).read_bytes()
    with BadServer(sends(content, until=500, ranges=True), status(500)) as server:
        with pytest.raises(
            DataError, match="HTTP Error 500.*; 500 bytes have come, and the next try goes on there"
        ):
            load(monkeypatch, server.url)
        assert [name.startswith(".download-") for name in left_in_home()] == [True]
        server.answers = [sends(content, ranges=True)]
        load(monkeypatch, server.url)
        assert server.requests == [None, "bytes=500-", "bytes=500-"]
    assert left_in_home() == ["dog-cat"]


def test_a_server_that_knows_no_ranges_sends_all_of_it_again(course, tmp_path, monkeypatch):
    content = write_zip(tmp_path / "set.zip", course).read_bytes()
    with BadServer(sends(content, until=500), sends(content)) as server:
        load(monkeypatch, server.url)
        assert server.requests == [None, "bytes=500-"]
    assert left_in_home() == ["dog-cat"]


@pytest.mark.parametrize("second", [sends(b"another archive" * 300, ranges=True), status(416)])
def test_an_archive_that_changed_in_between_is_fetched_anew(course, tmp_path, monkeypatch, second):
    content = write_zip(tmp_path / "set.zip", course).read_bytes()
    with BadServer(sends(content, until=500, ranges=True), second, sends(content)) as server:
        try:
            load(monkeypatch, server.url)
        except DataError as error:  # two halves that do not fit: refused, and forgotten
            assert "not a zip archive" in str(error) and left_in_home() == []
            load(monkeypatch, server.url)
        assert server.requests[-1] is None
    assert left_in_home() == ["dog-cat"]


def test_a_server_that_never_stops_sending_is_stopped(course, monkeypatch):
    monkeypatch.setattr(published, "MOST_ARCHIVE_BYTES", 2**17)
    with (
        BadServer(sends(bytes(2**20))) as server,
        pytest.raises(
            DataError,
            match="sends more than 0 MiB, .* Check the address",
        ),
    ):
        load(monkeypatch, server.url)
    assert left_in_home() == []


def test_the_largest_archive_that_is_taken(course, tmp_path, monkeypatch):
    content = write_zip(tmp_path / "set.zip", course).read_bytes()
    monkeypatch.setattr(published, "MOST_ARCHIVE_BYTES", len(content))
    with BadServer(sends(content)) as server:
        assert len(load(monkeypatch, server.url)) == len(course)


def test_the_limits_leave_room_for_the_photos_and_not_for_a_disk():
    assert 33e6 < published.MOST_ARCHIVE_BYTES < 300e6
    assert 73e3 < published.MOST_FILE_BYTES < 2e6


# --- disks --------------------------------------------------------------------------------------------


@pytest.fixture
def full_disk(monkeypatch):
    """Every file can be opened, and nothing fits into it."""

    def refuse(self, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))

    monkeypatch.setattr(Path, "write_bytes", refuse)


@pytest.mark.parametrize("wanted", ["photos", "drawn pets", "own drawings"])
def test_full_disk_is_one_clear_error_and_leaves_nothing(course, tmp_path, monkeypatch, full_disk, wanted):
    with pytest.raises(DataError, match="No space left on device.*Make room.*COURSE_HOME"):
        if wanted == "photos":
            with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
                for name, content in course.items():
                    archive.writestr(TOP + name, content)
            load(monkeypatch, tmp_path / "set.zip")
        elif wanted == "drawn pets":
            datasets.load_dog_cat()
        else:
            datasets.draw_pets(4, 0, size=16)
    assert [path for path in Path(os.environ["COURSE_HOME"]).rglob("*") if path.is_file()] == []


def test_read_only_folder_is_one_clear_error(course, tmp_path, open_folder, monkeypatch):
    archive = write_zip(open_folder / "set.zip", course)
    (open_folder / "manifest").write_bytes((tmp_path / "manifest").read_bytes())
    (open_folder / "locked").mkdir(mode=0o555)
    pin(monkeypatch, manifest=open_folder / "manifest")
    for home in (open_folder / "locked", open_folder / "locked" / "deeper"):
        monkeypatch.setenv("COURSE_HOME", str(home))
        for named in (str(archive), ""):
            monkeypatch.setenv("COURSE_DATA", named)
            with (
                without_rights(),
                pytest.raises(DataError, match="locked.*cannot be read or written .*COURSE_HOME"),
            ):
                datasets.load_dog_cat()
        with without_rights(), pytest.raises(DataError, match="cannot be read or written"):
            datasets.draw_pets(4, 0, size=16)


def test_what_may_not_be_read_is_one_clear_error(course, tmp_path, open_folder, monkeypatch):
    (open_folder / "manifest").write_bytes((tmp_path / "manifest").read_bytes())
    pin(monkeypatch, manifest=open_folder / "manifest")
    archive = write_zip(open_folder / "set.zip", course)
    archive.chmod(0)
    for name in ("closed/cat/a.jpg", "half/cat/a.jpg", "half/dog/a.jpg"):
        (open_folder / name).parent.mkdir(parents=True, exist_ok=True)
        (open_folder / name).write_bytes(course[NAMES[0]])
    (open_folder / "closed").chmod(0)
    (open_folder / "half" / "dog").chmod(0)
    monkeypatch.setenv("COURSE_DATA", str(archive))
    with without_rights():
        with pytest.raises(DataError, match=r"set\.zip cannot be read or written \(Permission denied\)"):
            datasets.load_dog_cat()
        with pytest.raises(DataError, match=r"closed cannot be read or written \(Permission denied\)"):
            datasets.load_folder(open_folder / "closed")
        with pytest.raises(DataError, match="half.*(holds no image|Permission denied)"):
            datasets.load_folder(open_folder / "half")


# --- two at once, and the dead ------------------------------------------------------------------------

FETCH = """
import sys
from dataclasses import replace
from helpers import datasets, images
from pathlib import Path
datasets.DOG_CAT = replace(datasets.DOG_CAT, manifest=Path(sys.argv[1]))
for _ in range(5):
    data = datasets.load_dog_cat()
    images.read_many(data.path, 16)
print(len(data))
"""


def start(code, *arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=runtime.COURSE_FOLDER,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_four_processes_fetch_at_once(course, tmp_path):
    content = write_zip(tmp_path / "set.zip", course).read_bytes()
    with BadServer(sends(content, until=len(content) // 2 + 1, ranges=True)) as server:
        processes = [start(FETCH, tmp_path / "manifest", COURSE_DATA=server.url) for _ in range(4)]
        results = [process.communicate(timeout=120) for process in processes]
    assert [out for out, _ in results] == ["6\n"] * 4, [error[-500:] for _, error in results]
    assert left_in_home() == ["dog-cat"]


DRAW = """
from helpers import datasets, images
for seed in range(4):
    images.read_many(datasets.draw_pets(12, 3, size=96).path, 16)
print("whole")
"""


@pytest.mark.slow
def test_two_processes_draw_the_same_set(tmp_path):
    processes = [start(DRAW) for _ in range(2)]
    results = [process.communicate(timeout=120) for process in processes]
    assert [out for out, _ in results] == ["whole\n"] * 2, [error[-500:] for _, error in results]


def test_what_a_killed_process_left_does_not_stay_for_ever(course, tmp_path, monkeypatch):
    data = Path(os.environ["COURSE_HOME"], "data")
    for name in (".unfinished-old/dog-cat/cat", ".unfinished-new/dog-cat"):
        (data / name).mkdir(parents=True)
    (data / ".unfinished-7.zip").write_bytes(b"half")
    for name in (".unfinished-old", ".unfinished-7.zip"):
        os.utime(data / name, (0, 0))
    load(monkeypatch, write_zip(tmp_path / "set.zip", course))
    assert left_in_home() == [".unfinished-new", "dog-cat"]
