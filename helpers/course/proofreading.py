"""What can be told of a translation by looking: terms, numbers, code, links, outline, spelling."""

import csv
import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polib

from . import blocks, translation

NOT_THE_TERM = "not the term:"  # begins a translator's comment on words that are everyday ones in this block
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_QUOTED = re.compile(r'(?<!\*)\*([^*]+)\*(?!\*)|"([^"]+)"')
# The mark of oa, oe, uy stands on the first vowel where nothing follows (hóa, not hoá), else on the second.
_TONE_TOO_LATE = re.compile(r"\w*(?:o[áàảãạéèẻẽẹ]|(?<!q)u[ýỳỷỹỵ])(?!\w)", re.IGNORECASE)
_TONE_TOO_EARLY = re.compile(r"\w*(?:[óòỏõọ][ae]|[úùủũụ]y)\w+", re.IGNORECASE)


@dataclass(frozen=True)
class Term:
    """A term in English (an asterisk stands for any ending), in Vietnamese, and what is wrong for it."""

    english: Sequence[str]
    vietnamese: Sequence[str]
    forbidden: Sequence[str] = ()

    @property
    def pattern(self) -> re.Pattern[str]:
        """Return what finds the term in English: hyphens or blanks, capitals or none."""
        forms = (re.sub(r"\\?[- ]", "[- ]?", re.escape(form)).replace(r"\*", r"\w*") for form in self.english)
        return re.compile(rf"\b(?:{'|'.join(forms)})\b", re.IGNORECASE)


@dataclass(frozen=True)
class Rules:
    """The course's terms, and the blocks that are the same in both languages."""

    terms: Sequence[Term] = ()
    unchanged: Sequence[str] = ()


def read_rules(folder: Path = translation.TRANSLATIONS) -> Rules:
    """Read `terms.csv` and `edition.toml`."""
    with (folder / "terms.csv").open(encoding="utf-8", newline="") as lines:
        rows = [{name: _forms(text) for name, text in row.items()} for row in csv.DictReader(lines)]
    terms = [Term(row["english"], row["vietnamese"], row["forbidden"]) for row in rows]
    edition = tomllib.loads((folder / "edition.toml").read_text(encoding="utf-8"))
    return Rules(terms, edition["unchanged"])


def _forms(text: str) -> list[str]:
    return text.split(" | ") if text else []


def faults(
    document: translation.Document, translations: polib.POFile, rules: Rules | None = None
) -> Iterator[str]:
    """Yield what is wrong with a master's translations, beginning with the cell or heading."""
    rules = rules or read_rules()
    for entry in translations:
        if entry.translated():
            for fault in entry_faults(entry, rules):
                yield f"{entry.msgctxt}: {fault}"
    known = translation.valid(translations)
    for cell, text in document.texts().items():
        made = translation.in_vietnamese(cell, text, known)
        if blocks.structure(made) != blocks.structure(text):
            yield f"{cell or document.place}: headings, lists or tables are not those of the English"


def entry_faults(entry: polib.POEntry, rules: Rules) -> Iterator[str]:
    """Yield what is wrong with one translation."""
    english, vietnamese = entry.msgid, entry.msgstr
    if english == vietnamese and english not in rules.unchanged:
        yield f"“{english[:40]}” is the same as in English; if it is to be, list it in edition.toml"
    if not unicodedata.is_normalized("NFC", vietnamese):
        yield "is not in Unicode's composed form (NFC)"
        vietnamese = unicodedata.normalize("NFC", vietnamese)
    for word in misspelled(vietnamese):
        yield f"“{word}”: put the tone mark as in hóa, khỏe, thủy and toán"
    yield from _differences("the mark", blocks.marks(english), blocks.marks(vietnamese))
    said = blocks.words(vietnamese)
    numbers = (Counter(_NUMBER.findall(text)) for text in (blocks.words(english), said))
    yield from _differences("the number", *numbers)
    yield from _wrong_terms(entry, said.casefold(), rules.terms)


def misspelled(text: str) -> list[str]:
    """Return the words whose tone mark stands where the course does not put it."""
    return [match[0] for wrong in (_TONE_TOO_LATE, _TONE_TOO_EARLY) for match in wrong.finditer(text)]


def _differences(what: str, english: Counter[str], vietnamese: Counter[str]) -> Iterator[str]:
    for name in english - vietnamese:
        yield f"{what} {name} is missing"
    for name in vietnamese - english:
        yield f"{what} {name} is not in the English"


def _wrong_terms(entry: polib.POEntry, said: str, terms: Sequence[Term]) -> Iterator[str]:
    english = blocks.words(entry.msgid)
    for line in entry.tcomment.splitlines():
        if line.startswith(NOT_THE_TERM):
            for word in line.removeprefix(NOT_THE_TERM).split(","):
                english = re.sub(rf"\b{re.escape(word.strip())}\b", "", english, flags=re.IGNORECASE)
    there = [term for term in terms if term.pattern.search(english)]
    allowed = {word for term in there for word in term.vietnamese}
    for term in there:
        for word in term.forbidden:
            if word not in allowed and _has(said, word):
                yield f"“{word}” is not our word for {term.english[0]}; that is “{term.vietnamese[0]}”"
    for match in _QUOTED.finditer(entry.msgid):  # titles
        quoted = match[1] or match[2]
        if quoted in entry.msgstr:
            english = english.replace(quoted, "")
    # The longest first, and then without it: a learning rate is no matter of learning.
    for term in sorted(there, key=lambda term: -max(map(len, term.english))):
        if (match := term.pattern.search(english)) and not any(_has(said, word) for word in term.vietnamese):
            yield f"“{match[0]}” is “{' or '.join(term.vietnamese)}” in this course"
        english = term.pattern.sub("", english)


def _has(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word.casefold())}(?!\w)", text) is not None
