"""What learners read, in the language that COURSE_LANGUAGE names; where there is none, English.

The code says everything in English. Where a figure, a hint or an error reaches its reader, it is looked up in
a gettext file beside this one, `vi.po`. What varies in a message is a numbered field there, as in
"{0} of {1} images", and messages may be put together: of all ways to read a text, the one that leaves the
fewest words in English is taken.
"""

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

FOLDER = Path(__file__).parent
VARIABLE = "COURSE_LANGUAGE"
_BETWEEN = (". ", "; ", ", ", ": ", "\n", " and ", " − ")  # what the code puts between messages
_WORD = re.compile(r"[^\W\d_]{2,}")
_NUMBER = re.compile(r"(.*[^\W\d_].*?)( [-+−±]?\d[\d.]*)")  # a name, and what it reached

Reading = tuple[int, str]  # how many words stay English, and the text
Known = tuple[dict[str, str], list[tuple[re.Pattern, str, int]]]  # whole messages; those with fields


def is_english() -> bool:
    """Return whether the learner reads English: what the code says is shown as it is."""
    return os.environ.get(VARIABLE, "en") in ("", "en")


def translated(text: str, names_stay: bool = False) -> str:
    """Return a text in the learner's language, as far as it is known; with COURSE_LANGUAGE unset, as it is.

    Args:
        text: in English.
        names_stay: what fills a field is to be typed, as in an error: a known name stays as it is.

    Example:
        >>> from helpers import language
        >>> language.translated("3 of 5 images")
        '3 of 5 images'
    """
    return text if is_english() else reading(text, names_stay)[1]


def reading(text: str, names_stay: bool = False) -> Reading:
    """Return the best reading of a text, with how many words it leaves in English."""
    return _best(text, FOLDER / f"{os.environ[VARIABLE]}.po", names_stay)


def say(text: str, **options: Any) -> None:
    """Print a text in the learner's language; `options` are those of `print`."""
    print(translated(text), **options)


@cache
def _best(text: str, path: Path, names_stay: bool, in_field: bool = False) -> Reading:
    whole, _ = _known(path)
    if (key := _key(text)) in whole and not (names_stay and in_field):
        return 0, whole[key] + text[len(text.removesuffix(".")) :]
    if not (n_words := len(_WORD.findall(text))):
        return 0, text
    return min([(n_words, text), *_readings(text, path, names_stay, in_field)], key=lambda found: found[0])


def _readings(text: str, path: Path, names_stay: bool, in_field: bool) -> Iterator[Reading]:
    """Yield what a text says if it was put together, or if fields were filled in."""
    for between in _BETWEEN:
        if between in text:
            parts = [_best(part, path, names_stay, in_field) for part in text.split(between)]
            joint = between.replace("and", _best("and", path, False)[1])
            yield sum(n for n, _ in parts), joint.join(part for _, part in parts)
    if measured := _NUMBER.fullmatch(text):
        n_words, name = _best(measured[1], path, names_stay, in_field)
        yield n_words, name + measured[2]
    for pattern, translation, n_words in _known(path)[1]:
        match = pattern.fullmatch(text)
        if match and text not in match.groups():
            fields = [_best(field, path, names_stay, in_field=True) for field in match.groups()]
            left = sum(n for n, _ in fields)
            if n_words > 1 or not left:  # "{0} to {1}" stands in many sentences
                end = "." * text.endswith(".") if translation.endswith(".") else ""
                yield left, translation.removesuffix(".").format(*(field for _, field in fields)) + end


@cache
def _known(path: Path) -> Known:
    if not path.is_file():
        return {}, []
    import polib  # of those who read English nobody waits for it

    entries = [(entry.msgid, entry.msgstr) for entry in polib.pofile(str(path)) if entry.translated()]
    patterns = [(_pattern(message), translation, message) for message, translation in entries]
    whole = {
        _key(message.format()): translation.format().removesuffix(".")
        for pattern, translation, message in patterns
        if not pattern.groups
    }
    with_fields = [
        (pattern, translation, len(_WORD.findall(message)))
        for pattern, translation, message in patterns
        if pattern.groups and _WORD.search(message)
    ]
    return whole, sorted(with_fields, key=lambda found: -found[2])  # the most words, where two leave as many


def _key(text: str) -> str:
    """Return a text without what may differ where it is shown: line breaks, its last full stop."""
    return " ".join(text.split()).removesuffix(".")


def _pattern(message: str) -> re.Pattern:
    """Return what a message looks like once its fields are filled in."""
    parts = [
        re.sub(r"(\\?\s)+", r"\\s+", re.escape(text)) + ("(.*?)" if field is not None else "")
        for text, field, *_ in Formatter().parse(message)
    ]
    return re.compile(re.sub(r"\\\.$", r"\\.?", "".join(parts)), re.DOTALL)
