"""Rows of text cells and how columns share a width. Pure: widgets draw what is made here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rich.cells import cell_len


class Tone(StrEnum):
    """What a cell's colour adds to its text; never the only signal."""

    PLAIN = "plain"
    DIM = "dim"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    ACCENT = "accent"


@dataclass(frozen=True, slots=True)
class Cell:
    """One piece of plain text."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a list, found again by `key` in the next snapshot. With fewer cells than there are columns, the
    last one takes the rest of the line."""

    key: str
    cells: tuple[Cell, ...]

    @property
    def text(self) -> str:
        """All of it, for searching."""
        return " ".join(cell.text for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Column:
    """`width` cells wide at least, and up to `most` where its texts are longer: one of no width is there only while it
    has texts; what is left over goes to columns by
    `flex`, to one with a `most` no more than its texts need. Where the width does not suffice, columns are left out by
    falling `drop`; those with 0 stay, and those with `SPARE` or more go before another is cut off."""

    title: str
    width: int
    flex: int = 0
    drop: int = 0
    right: bool = False
    most: int = 0


SPARE = 4


def longest_cells(rows: Iterable[Row], columns: Sequence[Column]) -> list[int]:
    """The length of each column's longest text; one that takes the rest of its line counts for none."""
    longest = [0] * len(columns)
    for row in rows:
        own = row.cells if len(row.cells) == len(columns) else row.cells[:-1]
        for at, cell in enumerate(own):
            longest[at] = max(longest[at], cell_len(cell.text))
    return longest


def share_width(columns: Sequence[Column], width: int, longest: Sequence[int] = ()) -> tuple[int, ...]:
    """The width of each column in `width` cells with one blank between two; 0 is a column left out. `longest` is the
    length of each column's longest text, where that is known."""
    least = [column.width for column in columns]
    wanted = [
        max(column.width, min(text, column.most))
        for column, text in zip(columns, longest or [0] * len(columns), strict=True)
    ]
    for index in sorted(range(len(columns)), key=lambda i: -columns[i].drop):
        drop = columns[index].drop
        if drop == 0 or _needed(wanted if drop >= SPARE else least) <= width:
            continue
        least[index] = wanted[index] = 0
    return _flexed(columns, _grown(columns, least, wanted, width), width, longest)


def _grown(columns: Sequence[Column], widths: Sequence[int], wanted: Sequence[int], width: int) -> list[int]:
    """The columns as wide as they want to be while there is room, those that are never left out first."""
    grown = list(widths)
    spare = max(0, width - _needed(grown))
    for index in sorted(range(len(columns)), key=lambda i: columns[i].drop):
        blank = 0 if grown[index] else 1  # between it and the next, where it was not there before
        given = max(0, min(spare - blank, wanted[index] - grown[index]))
        if given:
            grown[index] += given
            spare -= given + blank
    return grown


def _flexed(
    columns: Sequence[Column], widths: list[int], width: int, longest: Sequence[int]
) -> tuple[int, ...]:
    """What is left over, or missing, goes to the flexible columns."""
    spare = width - _needed(widths)
    flexible = [i for i, column in enumerate(columns) if column.flex and widths[i]]
    for i in [i for i in flexible if columns[i].most and spare > 0]:
        given = min(spare, max(0, longest[i] - widths[i])) if longest else 0
        widths[i] += given
        spare -= given
        flexible.remove(i)
    total_flex = sum(columns[i].flex for i in flexible)
    for position, i in enumerate(flexible):
        given = spare if position == len(flexible) - 1 else spare * columns[i].flex // total_flex
        widths[i] = max(1, widths[i] + given)
        spare -= given
        total_flex -= columns[i].flex
    return tuple(widths)


def _needed(widths: Sequence[int]) -> int:
    shown = [width for width in widths if width]
    return sum(shown) + max(0, len(shown) - 1)
