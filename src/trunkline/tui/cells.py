"""Rows of text cells and how columns share a width. Pure: widgets draw what is made here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


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
    """`width` cells wide at least; what is left over goes to columns by `flex`. Where the width does not suffice,
    columns are left out by falling `drop`; those with 0 stay."""

    title: str
    width: int
    flex: int = 0
    drop: int = 0
    right: bool = False


def share_width(columns: Sequence[Column], width: int) -> tuple[int, ...]:
    """The width of each column in `width` cells with one blank between two; 0 is a column left out."""
    widths = [column.width for column in columns]
    for index in sorted(range(len(columns)), key=lambda i: -columns[i].drop):
        if _needed(widths) <= width or columns[index].drop == 0:
            break
        widths[index] = 0
    spare = width - _needed(widths)
    flexible = [i for i, column in enumerate(columns) if column.flex and widths[i]]
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
