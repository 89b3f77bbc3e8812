"""Text as pieces with looks, and how they are wrapped into lines. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntFlag

from rich.cells import cell_len, chop_cells


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
    for number, row in enumerate(body):
        if number:
            yield Line(())
        for title, cell in zip(header, row, strict=False):
            pieces = ((f"{title}: ", Look.STRONG), (cell, Look.PLAIN))
            yield from wrap(Paragraph(pieces, table.indent, f"{table.indent}  "), width)
