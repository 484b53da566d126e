"""Terms of the glossary, explained where a lesson uses them: shown on hover, on focus and on a tap."""

import re
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

ENTRY = re.compile(r"^- \*\*(.+?)\*\*(?: \((.+?)\))?: (.+) \(\[.+?\]\((?:(\d\d)_)?.+?\)\)$", re.MULTILINE)
# Where a term's word means something else, or stands in the title of a work.
OTHERWISE = re.compile(
    r"several-fold|\bfold(?:s|ed|ing)?\b(?= batch)|pooling that halves|half precision|channels' weights"
    r"|on (?:a|the) head or|“[^”]+”|\"[^\"]+\"",
    re.IGNORECASE,
)
REFERENCES = ("References", "Tài liệu tham khảo")
LEFT_OUT = (nodes.literal, nodes.reference, nodes.title, nodes.strong, nodes.Invisible)


class Term(nodes.Inline, nodes.TextElement):
    """A term in a text, with its `meaning`."""


class Terms(SphinxTransform):
    """Mark a term where a section first uses it, from the lesson on that explains it.

    Before, the word may well mean something else: lesson 1 has the heads of puppies. In Vietnamese, most
    terms of one or two syllables are everyday words: "phần" is a fold and any part, "từ đầu" is from scratch
    and from the beginning. Of these the English is marked, which the lessons give in brackets.
    """

    default_priority = 800

    def apply(self) -> None:
        """Mark the terms of one page."""
        lesson = re.match(r"notebooks/(?:(\d\d)_|appendix/)", self.env.docname)
        if not lesson:
            return
        glossary = Path(self.env.srcdir, "notebooks", "glossary.md").read_text(encoding="utf-8")
        meanings = {}
        for term, others, meaning, number in ENTRY.findall(glossary):
            if int(number or 99) <= int(lesson[1] or 99):
                names = [term, *filter(None, others.split(", "))]
                if self.config.language == "vi":
                    names = [name for name in names if name.isascii() or len(name.split()) > 2]
                meanings |= {name.lower().removesuffix("s"): meaning for name in names}
        names = sorted(map(re.escape, meanings), key=len, reverse=True)
        pattern = re.compile(rf"\b({'|'.join(names)})s?\b", re.IGNORECASE)
        for section in self.document.findall(nodes.section):
            if section.next_node(nodes.title).astext() not in REFERENCES:
                mark(section, pattern, meanings)


def mark(section: nodes.section, pattern: re.Pattern, meanings: dict[str, str]) -> None:
    """Mark each term once in a section, less the sections in it."""
    seen = set()
    for text in list(section.findall(nodes.Text)):
        above = []
        while not above or above[-1] is not section:
            above.append((above[-1] if above else text).parent)
        if any(isinstance(node, nodes.section) for node in above[:-1]):
            continue
        if not any(isinstance(node, nodes.paragraph) for node in above):
            continue
        left_out = any(isinstance(node, LEFT_OUT) for node in above)
        pieces, end = [], 0
        otherwise = [range(*other.span()) for other in OTHERWISE.finditer(text)]
        for match in pattern.finditer(text):
            meaning = meanings[match[1].lower()]
            if meaning in seen or any(match.start() in span for span in otherwise):
                continue
            seen.add(meaning)
            if not left_out:
                pieces += [nodes.Text(text[end : match.start()]), Term("", match[0], meaning=meaning)]
                end = match.end()
        if pieces:
            text.parent.replace(text, [*pieces, nodes.Text(text[end:])])


def visit(writer: nodes.NodeVisitor, node: Term) -> None:
    """Begin a term in HTML, described by its meaning. The Tab key stops at each once on a page."""
    shown = writer.__dict__.setdefault("shown_terms", [])
    stop = -1 if node["meaning"] in shown else 0
    shown.append(node["meaning"])
    writer.body.append(f'<dfn class="term" tabindex="{stop}" aria-describedby="term-{len(shown)}">')


def depart(writer: nodes.NodeVisitor, node: Term) -> None:
    """End it with its meaning, which the style sheet hides until the term is pointed at or has the focus."""
    meaning, number, language = escape(node["meaning"]), len(writer.shown_terms), writer.config.language[:2]
    writer.body.append(f'<span role="tooltip" id="term-{number}" lang="{language}">{meaning}</span></dfn>')


def setup(app: Sphinx) -> dict[str, bool]:
    """Register all that with Sphinx."""
    app.add_node(Term, html=(visit, depart))
    app.add_transform(Terms)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
