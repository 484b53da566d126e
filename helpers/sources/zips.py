"""Zip archives of pictures: packed, opened whatever wrote them, and unpacked safely."""

import shutil
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

import pandas as pd

from .. import checks, runtime
from ..checks import DataError
from . import folders


def pack(data: pd.DataFrame, archive: Path) -> None:
    """Pack pictures, each in its class's folder; uncompressed, as JPEG files are already.

    The same pictures make the same bytes, whenever it is done. Where a class has two files of one name, from
    different folders, the second is numbered: `cat/1.jpg`, `cat/1-2.jpg`.
    """
    checks.table(data, "path", "label")
    taken = set()
    with zipfile.ZipFile(archive, "w") as written:
        for path, label in zip(map(Path, data["path"]), data["label"]):
            name, number = f"{label}/{path.name}", 1
            while name.casefold() in taken:  # to some disks, Cat and cat are one
                number += 1
                name = f"{label}/{path.stem}-{number}{path.suffix}"
            taken.add(name.casefold())
            written.writestr(zipfile.ZipInfo(name), path.read_bytes())


def opened(archive: Path) -> zipfile.ZipFile:
    """Open an archive, its names in UTF-8 if they can be; raise `BadZipFile` for whatever is none."""
    try:
        try:
            return zipfile.ZipFile(archive, metadata_encoding="utf-8")  # a Mac does not say that it is so
        except UnicodeDecodeError:
            return zipfile.ZipFile(archive)
    except (PermissionError, zipfile.BadZipFile):
        raise
    except Exception as error:  # whatever else a damaged directory of members provokes
        raise zipfile.BadZipFile(str(error)) from None


def unpacked(archive: Path) -> Path:
    """Return where `archive` was unpacked, now or before; its only folder, if there are others in that."""
    target = runtime.local("unpacked", runtime.sha256(archive)[:16])
    if not target.exists():
        try:
            with opened(archive) as members:
                _unpack(members, target)
        except zipfile.BadZipFile as error:
            raise DataError(
                f"{archive} is no folder, and no zip archive or a damaged one ({error}). "
                "Get it anew, or unpack it yourself and give the folder."
            ) from None
    inside, _ = folders.visible(target, defaultdict(list))
    if len(inside) == 1 and any(entry.is_dir() for entry in inside[0].iterdir()):
        return inside[0]
    return target


def _unpack(archive: zipfile.ZipFile, target: Path) -> None:
    """Unpack all that is not hidden, beside `target` and then in its place; refuse what is unsafe."""
    name = Path(str(archive.filename)).name
    places = {member: _place_inside(name, member.filename) for member in archive.infolist()}
    members = {
        member: place for member, place in places.items() if not any(map(folders.is_hidden, place.parts))
    }
    if any(member.flag_bits & 1 for member in members):
        raise DataError(f"{name} is encrypted. Unpack it with its password and give the folder.")
    needed, free = sum(member.file_size for member in members), shutil.disk_usage(target.parent).free
    if needed > free:
        raise DataError(
            f"{name} unpacks to {needed / 2**20:,.0f} MiB, and {target.parent} has {free / 2**20:,.0f} left. "
            "Make room, or set COURSE_HOME to a folder on another disk."
        )
    with runtime.built_whole(target) as folder:
        for member, place in runtime.progress(members.items(), "Unpacking pictures"):
            path = folder / place
            if member.filename.endswith(("/", "\\")):
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                file = path.open("xb")
            except FileExistsError:
                raise DataError(
                    f"{name} holds {place} twice, or in two spellings that are one on this disk. "
                    "Rename one of them, and pack them again."
                ) from None
            with file:
                file.writelines(_content_of(archive, member))


def _place_inside(archive: str, name: str) -> PurePosixPath:
    """Return where a member of an archive belongs; refuse one that leads out of the folder."""
    place = PurePosixPath(name.replace("\\", "/"))  # as some programs on Windows write it
    if place.is_absolute() or ".." in place.parts or PureWindowsPath(name).drive:
        raise DataError(
            f"{archive} would write outside of its folder, to {checks.shown(name)}. "
            "Do not use it: get it anew from someone you trust."
        )
    return place


def _content_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield a member's bytes, piece by piece: no more than the archive says that it has."""
    try:
        with archive.open(member) as opened:
            yield from iter(lambda: opened.read(2**20), b"")
    except Exception as error:  # damaged, compressed by an unknown method: each has its own error
        raise zipfile.BadZipFile(f"{member.filename}: {error}") from None
