"""A data set that is published as one archive: fetched, verified file by file, unpacked, kept."""

import hashlib
import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from .. import checks, runtime
from ..checks import DataError
from . import drive, zips

CONNECT_SECONDS = 10
GET_ANEW = "Get the archive anew, from GitHub or from your teacher."
# Larger than any archive, and any file, of the course's. What is larger still may be made to fill the disk
# or the memory.
MOST_ARCHIVE_BYTES, MOST_FILE_BYTES = 2**28, 2**20


class NoArchive(Exception):
    """No archive came from a URL."""


class BrokenOff(NoArchive):
    """A part of the archive came."""


@dataclass(frozen=True)
class Archive:
    """A data set, pinned to the SHA-256 sums of its files."""

    name: str  # of its folder, and of its archive, in the data folder
    variable: str  # the environment variable that names another place where it lies
    url: str
    manifest: Path  # lines as `sha256sum` writes them
    inner: str  # the folder in the archive that holds its folders
    item: str  # what each of its files is

    def sums(self) -> dict[str, str]:
        """Return the SHA-256 sum of each file, by its place: `{"cat/cat.0.jpg": "ab12…", …}`."""
        lines = self.manifest.read_text(encoding="ascii").splitlines()
        pairs = (line.split("  ", 1) for line in lines)
        return {"/".join(PurePosixPath(name).parts[-2:]): checksum for checksum, name in pairs}

    def locate(self) -> tuple[Path, str]:
        """Return the folder with the verified files, and where they came from: see `datasets.load_dog_cat`.

        Raises:
            DataError: the environment variable names nothing usable, or a file is missing or another.
            NoArchive: none is kept, and none came.
        """
        named, unpacked = os.environ.get(self.variable), runtime.local(self.name)
        folder, source = self._from_variable(named, unpacked) if named else self._kept_or_fetched(unpacked)
        if folder == unpacked:
            self._keep_archive(folder)
        return folder, source

    def verify(self, folder: Path, hint: str) -> None:
        """Compare the files in `folder` with the manifest.

        Raises:
            DataError: naming the first file that is missing or differs, and ending with `hint`.
        """
        sums = self.sums()

        def problem(name: str) -> str | None:
            try:
                content = (folder / name).read_bytes()
            except OSError:
                return f"{name} is missing from {folder}, or cannot be read."
            return self._difference(name, content, sums[name], folder)

        with ThreadPoolExecutor() as pool:
            found = next(filter(None, pool.map(problem, sums)), None)
        if found:
            raise DataError(f"{found} {hint}")

    def _difference(self, name: str, content: bytes, checksum: str, where: object) -> str | None:
        if hashlib.sha256(content).hexdigest() == checksum:
            return None
        return f"{name} in {where} is not the course's {self.item}: its SHA-256 sum differs."

    def _is_intact(self, folder: Path) -> bool:
        try:
            self.verify(folder, hint="")
        except DataError:
            return False
        return True

    def _from_variable(self, named: str, unpacked: Path) -> tuple[Path, str]:
        hint = (
            f"Set {self.variable} to the data set's archive or folder, or unset it; "
            "load_folder reads your own photos."
        )
        url = urllib.parse.urlparse(named)
        if url.scheme in ("http", "https"):
            if not self._is_intact(unpacked):
                try:
                    self._fetch(named, unpacked)
                except NoArchive as error:
                    raise DataError(
                        f"{self.variable} names {named}: no archive came from there ({error}). {hint}"
                    ) from None
            return unpacked, self.variable

        path = _existing(runtime.path_of(named, self.variable))
        if path is None:
            raise DataError(f"{self.variable} names {named}, which does not exist. {hint}")
        path = drive.at_hand(path)
        if path.is_dir():
            first = PurePosixPath(next(iter(self.sums()))).parent
            folder = next((f for f in (path, path / self.inner) if (f / first).is_dir()), None)
            if folder is None:
                raise DataError(f"{self.variable} names {path}, in which there is no folder {first}. {hint}")
            self.verify(folder, hint)
            return folder, self.variable
        try:
            self._unpack(path, unpacked)
        except zipfile.BadZipFile:
            raise DataError(
                f"{self.variable} names {path}: not a zip archive, or a damaged one. {hint}"
            ) from None
        return unpacked, self.variable

    def _kept_or_fetched(self, unpacked: Path) -> tuple[Path, str]:
        archive = runtime.kept(f"{self.name}.zip")
        if not unpacked.exists() and archive.is_file():
            hint = f"Delete the file {archive} and run again: it will be made anew."
            try:
                self._unpack(archive, unpacked, hint)
            except zipfile.BadZipFile:
                raise DataError(f"{archive.name} is not a zip archive, or a damaged one. {hint}") from None
        if unpacked.exists():
            self.verify(unpacked, f"Delete the folder {unpacked} and run again: it will be fetched anew.")
            return unpacked, "kept copy"
        self._fetch(self.url, unpacked)
        return unpacked, "GitHub"

    def _keep_archive(self, folder: Path) -> None:
        """Write the kept archive where unpacked files are not kept."""
        archive = runtime.kept(f"{self.name}.zip")
        if archive == runtime.local(f"{self.name}.zip") or archive.is_file():
            return
        names = list(self.sums())
        labels = [PurePosixPath(name).parent.name for name in names]
        try:
            with runtime.written_whole(archive) as unfinished:
                zips.pack(pd.DataFrame({"path": [folder / n for n in names], "label": labels}), unfinished)
        except OSError as error:
            runtime.say_not_kept(archive, error)

    def _fetch(self, url: str, target: Path) -> None:
        """Download the archive at `url` and unpack it into `target`; raise `NoArchive` if none comes."""
        target.parent.mkdir(parents=True, exist_ok=True)
        runtime.clear_leftovers(target.parent)
        runtime.trust_certifi()
        begun = target.with_name(f".download-{hashlib.sha256(url.encode()).hexdigest()[:8]}.zip")
        archive = target.with_name(f"{runtime.UNFINISHED}{os.getpid()}{begun.name}")
        with suppress(FileNotFoundError):
            begun.replace(archive)  # of two processes, one gets what an earlier download left
        try:
            _download(url, archive)
            self._unpack(archive, target)
            archive.unlink()
        except zipfile.BadZipFile:
            # Such as the sign-in page of a hotel's or campus's Wi-Fi.
            archive.unlink()
            raise NoArchive("what came is not a zip archive") from None
        except (BrokenOff, KeyboardInterrupt):
            archive.replace(begun)  # the next download goes on from there
            raise
        finally:
            with suppress(OSError):
                archive.unlink()

    def _unpack(self, archive: Path, target: Path, hint: str = GET_ANEW) -> None:
        """Verify every file in `archive`, and leave them in `target` unless they are there already.

        Only files that the manifest names are taken, and they are written under the manifest's names,
        never under the archive's own: no archive can write outside `target`.
        """
        with zips.opened(archive) as opened:
            files = self._verified(opened, hint)
            if self._is_intact(target):
                deque(files, maxlen=0)
                return
            with runtime.built_whole(target) as folder:
                for name, content in files:
                    (folder / name).parent.mkdir(exist_ok=True)
                    (folder / name).write_bytes(content)

    def _verified(self, archive: zipfile.ZipFile, hint: str) -> Iterator[tuple[str, bytes]]:
        """Yield `(name, content)` of every file; raise `DataError` at the first that is not right."""
        sums, where = self.sums(), Path(archive.filename or "the archive").name
        # The files may lie at any depth: most of them share one prefix, which is where to look.
        members = archive.namelist()
        prefixes = Counter(m.removesuffix(n) for m in members if (n := "/".join(m.split("/")[-2:])) in sums)
        prefix = max(prefixes, key=prefixes.__getitem__, default="")
        for name, checksum in sums.items():
            try:
                size = archive.getinfo(prefix + name).file_size
            except KeyError:
                raise DataError(f"{name} is missing from {where}. {hint}") from None
            if size > MOST_FILE_BYTES:
                raise DataError(
                    f"{name} in {where} unpacks to {size:,} bytes, which no {self.item} has. {hint}"
                )
            try:
                content = archive.read(prefix + name)
            except Exception:  # damaged, encrypted, compressed by an unknown method: each has its own error
                raise DataError(f"{name} in {where} is damaged or encrypted. {hint}") from None
            if problem := self._difference(name, content, checksum, where):
                raise DataError(f"{problem} {hint}")
            yield name, content


def _existing(path: Path) -> Path | None:
    """Find `path` from where we are, or from the course's folder: a notebook runs in a folder below it."""
    return next((p for p in (path.absolute(), (runtime.COURSE_FOLDER / path).resolve()) if p.exists()), None)


def _download(url: str, archive: Path) -> None:
    """Write what is at `url` to `archive`, from where that file ends, and again as long as more comes."""
    while True:
        before = archive.stat().st_size if archive.exists() else 0
        try:
            _append(url, archive, before)
            return
        except (OSError, ValueError, EOFError, http.client.HTTPException) as error:
            if isinstance(error, checks.CourseError):
                raise
            if isinstance(error, urllib.error.HTTPError) and error.code == 416 and before:
                archive.unlink()  # there is nothing from there on: another archive than before, so anew
                continue
            here = archive.stat().st_size if archive.exists() else 0
            if here <= before:
                reason = " ".join(str(error).split()).removeprefix("<urlopen error ").removesuffix(">")
                reason = reason or type(error).__name__
                if here:
                    raise BrokenOff(
                        f"{reason}; {here:,} bytes have come, and the next try goes on there"
                    ) from error
                raise NoArchive(reason) from error


def _append(url: str, archive: Path, start: int) -> None:
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    with urllib.request.urlopen(request, timeout=CONNECT_SECONDS) as reply:
        if start and reply.status == 206:
            mode, there = "ab", start
        else:  # from the start, or a server that knows no ranges and sends all of it
            mode, there = "wb", 0
        expected = None if reply.length is None else there + reply.length
        with runtime.disk_errors_explained():
            file = archive.open(mode)
        with file:
            chunks = iter(lambda: reply.read(2**16), b"")
            for chunk in runtime.progress(chunks, "Downloading the data set (64 kB each)"):
                there += len(chunk)
                if there > MOST_ARCHIVE_BYTES:
                    raise DataError(
                        f"{url} sends more than {MOST_ARCHIVE_BYTES // 2**20} MiB, more than any archive of "
                        "the course has. Check the address."
                    )
                with runtime.disk_errors_explained():
                    file.write(chunk)
    if expected is not None and there < expected:  # `read` ends without an error when a connection breaks
        raise EOFError("the connection broke off")
