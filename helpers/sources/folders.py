"""Folders of pictures as people have them: classes, parts of a divided set, and what else lies there."""

import os
import re
import unicodedata
from collections import defaultdict, deque
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pandas as pd
from PIL.TiffImagePlugin import TiffImageFile

from .. import images, language
from ..checks import DataError

IMAGE_SUFFIXES = (
    *(".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"),
    *(".jfif", ".jpe", ".pjpeg", ".pjp"),  # as browsers on Windows save a JPEG
)
# Pictures, but none that are read here. Some cameras' raw files begin as a TIFF file does.
OTHER_SUFFIXES = (
    *(".avif", ".heic", ".heif", ".jp2", ".jxl", ".psd", ".svg"),
    *(".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".pef", ".raf", ".rw2"),
)
# What systems leave in folders of pictures, besides what begins with a dot.
OF_THE_SYSTEM = ("__macosx", "__pycache__", "@eadir", "thumbs.db", "desktop.ini")
# How the parts are called of a set that somebody has divided: train, validation, test1, training_set.
PART = re.compile(
    r"(train(ing)?|val(id(ation)?)?|dev|test(ing)?|eval(uation)?)([ _-]?(set|data|images))?[ _-]?\d*",
    re.IGNORECASE,
)


def labelled(folder: Path) -> list[tuple[str, ...]]:
    """Find the pictures of a folder of class folders: their path and label, and part where it is divided.

    One line says what was left out, and why; another how many each part has. See `datasets.load_folder`.

    Raises:
        DataError: no class folders, one class only, or one without a picture.
    """
    left_out = defaultdict[str, list](list)
    inside, files = visible(folder, left_out)
    loose = _pictures(files, left_out)
    is_divided = bool(inside) and all(PART.fullmatch(entry.name) for entry in inside)
    class_folders, unlabelled = [("", entry) for entry in inside], dict[str, int]()
    if is_divided:
        class_folders, unlabelled = _inside_parts(inside, left_out)
    if not class_folders:
        parts = f" in the parts {_listed(unlabelled)} of a data set" if unlabelled else ""
        raise DataError(
            f"{folder} holds {len(loose) + sum(unlabelled.values())} images{parts} and no class folders. "
            "Give each class a folder of its own, named after it, with its images inside; "
            "images without labels are read by load_unlabelled."
        )
    left_out["outside the class folders"] += loose
    images_of = {
        (part, entry): _pictures(below(entry, left_out)[1], left_out) for part, entry in class_folders
    }
    _say_left_out(left_out)
    _check_classes(folder, images_of, is_divided)
    rows: list[tuple[str, ...]] = [
        (str(path), _label(entry), part) for (part, entry), paths in images_of.items() for path in paths
    ]
    if not is_divided:
        return [row[:2] for row in rows]
    _say_parts(rows, [entry.name for entry in inside], unlabelled)
    return rows


def pictures(folder: Path) -> list[str]:
    """Find all pictures below a folder, one at least, and say in a line what was left out."""
    left_out = defaultdict[str, list](list)
    paths = _pictures(below(folder, left_out)[1], left_out)
    _say_left_out(left_out)
    if not paths:
        raise DataError(f"{folder} holds no image. Put images there: {', '.join(IMAGE_SUFFIXES)}.")
    return list(map(str, paths))


def visible(folder: Path, left_out: dict[str, list]) -> tuple[list[Path], list[Path]]:
    """List a folder: the folders in it, linked ones last, and the files; hidden things are passed over."""
    folders, linked, files = list[Path](), list[Path](), list[Path]()
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = folder / entry.name
            if is_hidden(entry.name):
                continue
            try:
                is_folder, is_file = entry.is_dir(), entry.is_file()
            except OSError:  # a link that leads to itself
                is_folder = is_file = False
            if is_folder:
                (linked if entry.is_symlink() else folders).append(path)
            elif is_file:
                files.append(path)
            elif entry.is_symlink():
                left_out["links that lead nowhere"].append(path)
    return folders + linked, files


def below(folder: Path, left_out: dict[str, list]) -> tuple[list[Path], list[Path]]:
    """List a folder, all folders below it, each once however linked, and the files in them."""
    # Nor may a link lead back up: all classes would be in each.
    seen = {above.resolve() for way in (folder, folder.resolve()) for above in way.parents}
    found, files, waiting = list[Path](), list[Path](), deque([folder])
    while waiting:
        current = waiting.popleft()
        if (real := current.resolve()) in seen:
            continue
        seen.add(real)
        found.append(current)
        inner, files_here = visible(current, left_out)
        files += files_here
        for path in inner:  # links wait until the last, so that a folder counts where it lies
            (waiting.append if path.is_symlink() else waiting.appendleft)(path)
    return found, files


def _pictures(files: Iterable[Path], left_out: dict[str, list]) -> list[Path]:
    """Pick the pictures out of `files`, and sort the others into `left_out`, by reason."""
    pictures: list[Path] = []
    for path in files:
        reason = None if path.suffix.lower() in IMAGE_SUFFIXES else _why_no_picture(path)
        (left_out[reason] if reason else pictures).append(path)
    return pictures


def _why_no_picture(path: Path) -> str | None:
    """Say why a file is not read as a picture, by its first bytes; None if it is."""
    named = path.suffix.lower() in OTHER_SUFFIXES
    try:
        with path.open("rb") as file:
            start = file.read(32)
            opens = next((opens for known, opens in images.HEADERS.items() if start.startswith(known)), None)
            if opens and not (named and opens is TiffImageFile):
                file.seek(0)
                with suppress(Exception):  # whatever a file provokes that begins as a picture by chance
                    opens(file)
                    return None
    except OSError:
        return "cannot be opened"
    named = named or any(re.match(kind, start, re.DOTALL) for kind in images.OTHER_KINDS.values())
    return "format not read, export as JPEG or PNG" if named else "no picture"


def is_hidden(name: str) -> bool:
    """Tell whether a name is a hidden file's, or one that a system leaves behind."""
    return name.startswith(".") or name.lower() in OF_THE_SYSTEM


def _inside_parts(
    parts: list[Path], left_out: dict[str, list]
) -> tuple[list[tuple[str, Path]], dict[str, int]]:
    """List the class folders inside of parts, and count the pictures of parts that have no class folders."""
    class_folders, unlabelled = [], {}
    for part in parts:
        folders, files = visible(part, left_out)
        loose = _pictures(files, left_out)
        class_folders += [(part.name, folder) for folder in folders]
        if folders:
            left_out["outside the class folders"] += loose
        elif loose:
            unlabelled[part.name] = len(loose)
    return class_folders, unlabelled


def _check_classes(folder: Path, images_of: dict[tuple[str, Path], list[Path]], is_divided: bool) -> None:
    """Refuse classes without images, one class alone, and parts taken for classes; tell names much alike."""
    labels = sorted({_label(entry) for (_, entry), paths in images_of.items() if paths})
    for _, entry in images_of:
        if _label(entry) not in labels:
            raise DataError(
                f"The class folder {entry} holds no image. "
                f"Put images there ({', '.join(IMAGE_SUFFIXES)}) or remove the folder."
            )
    deep = [entry for (_, entry), paths in images_of.items() if all(path.parent != entry for path in paths)]
    parts = [] if is_divided else [entry.name for entry in deep if PART.fullmatch(entry.name)]
    if len(parts) > 1:  # train/cat and test/cat, with something else beside them
        others = _listed(entry.name for _, entry in images_of if entry.name not in parts)
        raise DataError(
            f"{folder} holds the parts {_listed(parts)} of a data set, and beside them {others}. "
            f"Move {others} elsewhere, or give the path of one part."
        )
    if len(labels) == 1:
        inner = f" If it holds class folders itself, give the path {deep[0]}." if deep else ""
        raise DataError(
            f"{folder} holds one class only, {labels[0]!r}. A classifier needs at least two.{inner}"
        )
    spellings = defaultdict(list)
    for label in labels:
        spellings["".join(label.casefold().split())].append(repr(label))
    alike = [label for spelt in spellings.values() if len(spelt) > 1 for label in spelt]
    if alike:
        language.say(
            f"Classes whose names differ only in capitals or blanks stay separate: {', '.join(alike)}. "
            "Rename the folders if they are one class."
        )


def _label(class_folder: Path) -> str:
    """Return a class's name: one label, whether é was typed on a Mac, as e and an accent, or elsewhere."""
    return unicodedata.normalize("NFC", class_folder.name)


def _say_left_out(left_out: dict[str, list[Path]]) -> None:
    left_out = {reason: paths for reason, paths in left_out.items() if paths}
    n = sum(map(len, left_out.values()))
    if n:
        reasons = (
            f"{reason} ({len(paths)}: {_listed(path.name for path in paths)})"
            for reason, paths in left_out.items()
        )
        language.say(f"Left out {n:,} file{'s' * (n > 1)}: {'; '.join(reasons)}.")


def _say_parts(rows: list[tuple[str, ...]], parts: list[str], unlabelled: dict[str, int]) -> None:
    data = pd.DataFrame(rows, columns=["path", "label", "part"])
    counts = pd.crosstab(data["part"], data["label"])
    totals = counts.sum(axis=1).reindex([part for part in parts if part not in unlabelled], fill_value=0)
    said = [", ".join(f"{part} {n:,}" for part, n in totals.items()) + " images"]
    missing = {part: [label for label in counts if not counts.at[part, label]] for part in counts.index}
    said += [f"{part} has no {_listed(labels)}" for part, labels in missing.items() if labels]
    said += [
        f"{n:,} in {part} are left out, which has no class folders (load_unlabelled reads them)"
        for part, n in unlabelled.items()
    ]
    language.say(f"The folder is divided, as the column 'part' says: {'; '.join(said)}.")


def _listed(names: Iterable[str]) -> str:
    """Name up to three, in order."""
    names = sorted(os.fsencode(name).decode("utf-8", "replace") for name in names)
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
