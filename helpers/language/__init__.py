"""What learners read, in the language that COURSE_LANGUAGE names; where there is none, English.

The code says everything in English. Where a figure, a hint or an error reaches its reader, it is looked up in
a gettext file beside this one, `vi.po`. What varies in a message is a numbered field there, as in
"{0} of {1} images".
"""

import os
import re
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

FOLDER = Path(__file__).parent
_BETWEEN = re.compile(r"(\n|(?<=[.;:,!?]) )")  # pieces of a text that was put together

VARIABLE = "COURSE_LANGUAGE"
Known = tuple[dict[str, str], dict[re.Pattern, str]]  # whole messages; those with fields


def is_english() -> bool:
    """Return whether the learner reads English: what the code says is shown as it is."""
    return os.environ.get(VARIABLE, "en") in ("", "en")


def translated(text: str) -> str:
    """Return a text in the learner's language, as far as it is known; with COURSE_LANGUAGE unset, as it is.

    Example:
        >>> from helpers import language
        >>> language.translated("3 of 5 images")
        '3 of 5 images'
    """
    return text if is_english() else _found(text, _known(FOLDER / f"{os.environ[VARIABLE]}.po")) or text


def say(text: str, **options: Any) -> None:
    """Print a text in the learner's language; `options` are those of `print`."""
    print(translated(text), **options)


def _found(text: str, known: Known) -> str | None:
    """Return a text's translation: as a whole, by its fields, or piece by piece."""
    whole, with_fields = known
    if text in whole:
        return whole[text]
    for pattern, translation in with_fields.items():
        if match := pattern.fullmatch(text):
            return translation.format(*(_found(value, known) or value for value in match.groups()))
    pieces = _BETWEEN.split(text)
    found = [_found(piece, known) for piece in pieces[::2]] if len(pieces) > 1 else []
    pieces[::2] = [new or piece for new, piece in zip(found, pieces[::2])] or pieces[::2]
    return "".join(pieces) if any(found) else None


@cache
def _known(path: Path) -> Known:
    if not path.is_file():
        return {}, {}
    import polib  # of those who read English nobody waits for it

    entries = {entry.msgid: entry.msgstr for entry in polib.pofile(str(path)) if entry.translated()}
    patterns = {text: _pattern(text) for text in sorted(entries, key=_n_letters, reverse=True)}
    plain = [text for text, pattern in patterns.items() if not pattern.groups]
    whole = {text.format(): entries[text].format() for text in plain}
    return whole, {pattern: entries[text] for text, pattern in patterns.items() if pattern.groups}


def _pattern(message: str) -> re.Pattern:
    """Return what a message looks like once its fields are filled in.

    One that begins with a field does not begin with what was said before it, such as a sentence.
    """
    parts = [
        re.escape(text) + ("(.*?)" if field is not None else "")
        for text, field, *_ in Formatter().parse(message)
    ]
    parts[0] = re.sub(r"^\(\.\*\?\)", r"((?:(?![.:;] |\n).)*?)", parts[0])
    return re.compile("".join(parts), re.DOTALL)


def _n_letters(message: str) -> int:
    """Return how long a message is without its fields: the longest one that fits is meant."""
    return sum(len(text) for text, *_ in Formatter().parse(message))
