"""Markdown as the blocks of prose in it: headings, paragraphs, list items, table rows, what a fold is called.

A block is one line of text, however its paragraph is wrapped, without what makes it a heading or an item.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|!\[[^\]]*\]\([^)]*\))*)\]\(([^)\s]+)\)")  # pictures may be linked
_PARSER = MarkdownIt("commonmark").enable("table")
_CONTAINERS = {"list_item_open": "list item", "blockquote_open": "quote"}
_FOLD = re.compile(r"(?<=<summary>).+?(?=</summary>)")
_WRAPPED = re.compile(r"(?<!  )(?<!\\)\n\s*")  # but for line breaks that are meant
_BADGE = re.compile(r"\[!\[Open in Colab\]\(\S+\)\]\(\S+\)")  # which `colab/build.py` writes
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True)
class Block:
    """One block: what it is ("heading 2", "list item", …), its text, and where it stands in the Markdown."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def is_prose(self) -> bool:
        """Return whether there is anything to translate: not so in numbers, code, or a badge."""
        return bool(_LETTER.search(words(self.text))) and not _BADGE.fullmatch(self.text)


def blocks(markdown: str) -> list[Block]:
    r"""Return the blocks of `markdown` in order.

    Example:
        >>> from helpers.course import blocks
        >>> [(block.kind, block.text) for block in blocks.blocks("## 1. Look\n\n- at the\n  photos")]
        [('heading 2', '1. Look'), ('list item', 'at the photos')]
    """
    lines = markdown.splitlines(keepends=True)
    starts = [sum(map(len, lines[:number])) for number in range(len(lines))]
    found: list[Block] = []

    def add(kind: str, text: str, first_line: int) -> None:
        first, *rest = text.split("\n")
        start = starts[first_line] + lines[first_line].rfind(first)
        last = first_line + len(rest)
        ends = rest[-1] if rest else first
        end = starts[last] + lines[last].rfind(ends) + len(ends)
        found.append(Block(kind, _WRAPPED.sub(" ", text), start, end))

    inside: list[str] = []  # list items, quotes
    heading, in_table = "", False
    for token in _PARSER.parse(markdown):
        if token.type in ("table_open", "table_close"):
            in_table = token.nesting == 1
        if name := _CONTAINERS.get(token.type.replace("_close", "_open")):
            inside = [*inside, name] if token.nesting == 1 else inside[:-1]
        if token.type == "heading_open":
            heading = f"heading {token.tag[1]}"
        if token.map is None:
            continue
        if token.type == "tr_open":
            row = lines[token.map[0]].strip().lstrip("> ")
            add(", ".join([*inside, "table row"]), row, token.map[0])
        elif token.type == "inline" and not in_table and token.content:
            add(heading or ", ".join(inside) or "paragraph", token.content, token.map[0])
            heading = ""
        elif token.type == "html_block":
            start, end = starts[token.map[0]], sum(map(len, lines[: token.map[1]]))
            found += [
                Block("fold", fold[0], fold.start(), fold.end())
                for fold in _FOLD.finditer(markdown, start, end)
            ]
    return found


def replaced(markdown: str, by: Callable[[Block], str]) -> str:
    """Return `markdown` with other texts in place of its blocks' own, and all else as it is."""
    for block in reversed(blocks(markdown)):
        line = markdown.rfind("\n", 0, block.start) + 1
        indent = re.sub(r"[^>\s]", " ", markdown[line : block.start])
        text = by(block).replace("\n", f"\n{indent}")
        markdown = markdown[: block.start] + text + markdown[block.end :]
    return markdown


def structure(markdown: str) -> list[tuple[str, int, str]]:
    """Return what `markdown` is made of, less its words: headings, lists, tables, code as it stands."""
    return [
        (token.type, token.level, f"{token.tag} {_FOLD.sub('', token.content)}".strip())
        for token in _PARSER.parse(markdown)
        if token.type != "inline"
    ]


def headings(markdown: str) -> list[str]:
    """Return the texts of the headings."""
    tokens = _PARSER.parse(markdown)
    return [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]


def words(text: str) -> str:
    """Return a block's text without code, HTML, and what links lead to; of pictures, the alternative text."""
    said = ("text", "image", "hardbreak")
    return "".join(token.content or "\n" for token in _inline(text) if token.type in said)


def marks(text: str) -> Counter[str]:
    """Return what a translation keeps: code, what links and pictures lead to, bold, HTML, a row's cells."""
    kept = Counter({"|": len(re.findall(r"(?<!\\)\|", text))})
    for token in _inline(text):
        if token.type in ("code_inline", "html_inline"):
            kept[f"`{token.content}`"] += 1
        elif token.type in ("link_open", "image"):
            kept[f"({token.attrGet('href') or token.attrGet('src')})"] += 1
        elif token.type == "strong_open":
            kept["**"] += 1
    return kept


def _inline(text: str) -> list[Token]:
    return _PARSER.parseInline(text)[0].children or []
