"""Markdown as pieces of plain text with looks, and their wrapping into lines. Pure.

A provider's text stays text: no HTML, no references that would swallow lines, nothing to click; a link shows its
address. Pieces are small enough to be made anew with every flush, so that no answer costs more towards its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntFlag
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.cells import cell_len

from trunkline.domain.text import strip_controls

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token


class Look(IntFlag):
    """How a piece differs from plain text. Several may hold at once."""

    PLAIN = 0
    STRONG = 1
    EM = 2
    STRIKE = 4
    CODE = 8
    LINK = 16
    HEADING = 32
    DIM = 64
    KEYWORD = 128
    STRING = 256
    COMMENT = 512
    NUMBER = 1024


Piece = tuple[str, Look]


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it is drawn. `code` lines are filled to their full width."""

    pieces: tuple[Piece, ...]
    code: bool = False

    @property
    def text(self) -> str:
        """Without looks."""
        return "".join(text for text, _ in self.pieces)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Pieces that are wrapped together. The first line begins with `first`, all others with `rest`; `code` is broken
    where the line is full, everything else between words."""

    pieces: tuple[Piece, ...]
    first: str = ""
    rest: str = ""
    code: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of plain cells; the first is the heading."""

    rows: tuple[tuple[str, ...], ...]
    indent: str = ""


Part = Paragraph | Table

# -- reading ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    rules = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    return rules.disable(["reference", "html_block", "html_inline"])


def read_markdown(text: str) -> tuple[Part, ...]:
    """The parts of some Markdown, with an empty paragraph where a blank line stands."""
    return _Reader().read(_parser().parse(text))


class _Reader:
    """Walks blocks with a stack of what every line inside them is indented by."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._indents: list[str] = []
        self._marker = ""
        self._look = Look.PLAIN
        self._tight = False

    def read(self, tokens: Sequence[Token]) -> tuple[Part, ...]:
        """The parts of these blocks; blank lines stand only between two."""
        table_from: int | None = None
        for at, token in enumerate(tokens):
            if token.type == "table_open":
                table_from = at
            elif token.type == "table_close":
                self._parts.append(Table(tuple(_rows(tokens[table_from:at])), self._outer))
                self._blank()
                table_from = None
            elif table_from is None:
                self._take(token)
        self._drop_blanks()
        return tuple(self._parts)

    @property
    def _outer(self) -> str:
        return "".join(self._indents)

    def _take(self, token: Token) -> None:
        match token.type:
            case "list_item_open":
                self._marker = f"{token.info}{token.markup} " if token.info else "• "
                self._indents.append(" " * len(self._marker))
            case "blockquote_open":
                self._indents.append("▎ ")
            case "list_item_close" | "blockquote_close":
                self._indents.pop()
                self._marker = ""
                if token.type == "blockquote_close":
                    self._blank()
            case "bullet_list_close" | "ordered_list_close":
                if token.level == 0:
                    self._blank()
            case "heading_open":
                self._look = Look.HEADING
            case "heading_close":
                self._look = Look.PLAIN
            case "paragraph_open":
                self._tight = token.hidden
            case "inline":
                self._parts.append(
                    Paragraph(tuple(inline_pieces(token, self._look)), self._first(), self._outer)
                )
                if not self._tight:
                    self._blank()
                self._tight = False
            case "hr":
                self._parts.append(Paragraph((("─" * 12, Look.DIM),), self._first(), self._outer))
                self._blank()
            case "fence" | "code_block":
                self._parts += code_parts(token.content.rstrip("\n"), token.info, self._first(), self._outer)
                self._blank()

    def _first(self) -> str:
        """What the next line begins with: the marker of a list's item, once."""
        marker, self._marker = self._marker, ""
        return self._outer[: len(self._outer) - len(marker)] + marker

    def _blank(self) -> None:
        self._drop_blanks()
        indent = self._outer.rstrip()
        self._parts.append(Paragraph((), indent, indent))

    def _drop_blanks(self) -> None:
        while (
            self._parts and isinstance(last := self._parts[-1], Paragraph) and not (last.pieces or last.code)
        ):
            self._parts.pop()


def _rows(tokens: Sequence[Token]) -> Iterator[tuple[str, ...]]:
    row: list[str] = []
    for token in tokens:
        if token.type == "inline":
            row.append("".join(text for text, _ in inline_pieces(token)).replace("\n", " "))
        elif token.type == "tr_close":
            yield tuple(row)
            row = []


def inline_pieces(token: Token, look: Look = Look.PLAIN) -> Iterator[Piece]:
    """The running text of a block. What Markdown's entities stand for is freed of controls like any other text."""
    looks = {"em": Look.EM, "strong": Look.STRONG, "s": Look.STRIKE}
    address = label = ""
    for child in token.children or ():
        kind, _, edge = child.type.rpartition("_")
        if edge == "open" and kind in looks:
            look |= looks[kind]
        elif edge == "close" and kind in looks:
            look &= ~looks[kind]
        elif child.type == "link_open":
            look |= Look.LINK
            address, label = strip_controls(str(child.attrs.get("href", ""))), ""
        elif child.type == "link_close":
            look &= ~Look.LINK
            if address.removeprefix("mailto:") != label:
                yield f" ({address})", look | Look.DIM
        elif child.type == "image":
            source = strip_controls(str(child.attrs.get("src", "")))
            yield f"[image: {strip_controls(child.content)}]", look
            yield f" ({source})", look | Look.DIM
        elif child.type == "softbreak":
            yield " ", look
        elif child.type == "hardbreak":
            yield "\n", look
        elif child.content:
            text = strip_controls(child.content)
            label += text
            yield text, look | Look.CODE if child.type == "code_inline" else look


# -- code ---------------------------------------------------------------------------------------------------------


def code_parts(code: str, language: str, first: str = "", rest: str = "") -> Iterator[Paragraph]:
    """A block of code, a paragraph for each of its lines."""
    for number, pieces in enumerate(_highlighted(strip_controls(code).expandtabs(4), language.strip())):
        yield Paragraph(tuple(pieces), first if number == 0 else rest, rest, code=True)


def _highlighted(code: str, language: str) -> Iterator[list[Piece]]:
    if not language:
        yield from ([(line, Look.CODE)] if line else [] for line in code.split("\n"))
        return
    from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]
    from pygments.util import ClassNotFound  # type: ignore[import-untyped]

    try:
        lexer = get_lexer_by_name(language.split()[0].lower(), stripnl=False, ensurenl=False)
    except ClassNotFound:
        yield from _highlighted(code, "")
        return
    line: list[Piece] = []
    for kind, text in lexer.get_tokens(code):
        look = _code_look(kind)
        for number, piece in enumerate(text.split("\n")):
            if number:
                yield line
                line = []
            if piece:
                line.append((piece, look))
    yield line


@lru_cache(maxsize=256)
def _code_look(kind: object) -> Look:
    name = str(kind)
    for start, look in (
        ("Token.Keyword", Look.KEYWORD),
        ("Token.Comment", Look.COMMENT),
        ("Token.Literal.String", Look.STRING),
        ("Token.Literal.Number", Look.NUMBER),
    ):
        if name.startswith(start):
            return Look.CODE | look
    return Look.CODE


# -- wrapping -----------------------------------------------------------------------------------------------------

# Between two ideographs a line may break without a blank.
_IDEOGRAPHS = "\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60"
_WORDS = re.compile(rf"\n|[^\S\n]+|[{_IDEOGRAPHS}]|[^\s{_IDEOGRAPHS}]+")
CODE_INDENT = "  "


def wrap(part: Part, width: int) -> Iterator[Line]:
    """The lines of a part in `width` cells."""
    if isinstance(part, Table):
        yield from _table_lines(part, width)
        return
    indent = CODE_INDENT if part.code else ""
    room = max(8, width - max(cell_len(part.first), cell_len(part.rest)) - len(indent))
    plain = "".join(text for text, _ in part.pieces)
    spans = _code_spans(plain, room) if part.code else _spans(plain, room)
    for number, (start, end) in enumerate(spans):
        prefix = part.first if number == 0 else part.rest
        head: tuple[Piece, ...] = ((prefix, Look.DIM),) if prefix else ()
        if indent:
            head += ((indent, Look.CODE),)
        yield Line((*head, *_slice(part.pieces, start, end)), part.code)


def _slice(pieces: Sequence[Piece], start: int, end: int) -> Iterator[Piece]:
    at = 0
    for text, look in pieces:
        if at >= end:
            return
        if at + len(text) > start:
            yield text[max(0, start - at) : end - at], look
        at += len(text)


def _spans(plain: str, width: int) -> Iterator[tuple[int, int]]:
    """(start, end) of each line, broken between words; a word longer than a line is broken where it is full."""
    start = end = used = 0
    for found in _WORDS.finditer(plain):
        word = found[0]
        if word == "\n":
            yield start, end
            start, end, used = found.end(), found.end(), 0
            continue
        cells = cell_len(word)
        if word[0].isspace():
            used += cells
            continue
        if used + cells > width and end > start:
            yield start, end
            start, used = found.start(), 0
        if end <= start:
            start, used = (found.start() if used > width else start), min(used, width)
        if cells > width:
            *full, last = _chopped(word, width)
            at = found.start()
            for piece in full:
                yield at, at + len(piece)
                at += len(piece)
            start, used = at, cell_len(last)
        else:
            used += cells
        end = found.end()
    yield start, end


def _code_spans(plain: str, width: int) -> Iterator[tuple[int, int]]:
    at = 0
    for piece in _chopped(plain, width):
        yield at, at + len(piece)
        at += len(piece)


def _chopped(text: str, width: int) -> list[str]:
    """`text` in pieces of at most `width` cells, at least one."""
    if text.isascii():
        return [text[at : at + width] for at in range(0, len(text), width)] or [""]
    from rich.cells import chop_cells

    return chop_cells(text, width) or [""]


def _table_lines(table: Table, width: int) -> Iterator[Line]:
    """Columns where they fit, else `heading: cell` line by line."""
    header, *body = table.rows
    columns = [
        max((cell_len(row[i]) for row in table.rows if i < len(row)), default=0) for i in range(len(header))
    ]
    if sum(columns) + 2 * (len(columns) - 1) + cell_len(table.indent) <= width:
        for number, row in enumerate(table.rows):
            cells = [cell + " " * (room - cell_len(cell)) for cell, room in zip(row, columns, strict=False)]
            look = Look.STRONG if number == 0 else Look.PLAIN
            yield Line(((table.indent, Look.DIM), ("  ".join(cells).rstrip(), look)))
            if number == 0:
                yield Line(((table.indent, Look.DIM), ("  ".join("─" * room for room in columns), Look.DIM)))
        return
    for row in body:
        for title, cell in zip(header, row, strict=False):
            pieces = ((f"{title}: ", Look.STRONG), (cell, Look.PLAIN))
            yield from wrap(Paragraph(pieces, table.indent, f"{table.indent}  "), width)
        yield Line(())
