"""Lines of text made for one width: what a screen of text shows, and what its keys act on. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len, chop_cells

from trunkline.tui import format as fmt
from trunkline.tui.cells import Cell, Tone

LABEL_CELLS = 10


@dataclass(frozen=True, slots=True)
class Line:
    """Cells written one after the other. `target` is what the keys act on while the cursor is here (the cursor stops
    only at lines that have one), `detail` what is said of it then."""

    cells: tuple[Cell, ...] = ()
    target: str | None = None
    detail: str = ""

    @property
    def text(self) -> str:
        """All of it as it is read."""
        return "".join(cell.text for cell in self.cells).rstrip()


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under a title."""

    title: str
    lines: tuple[Line, ...]


def wrap(text: str, width: int) -> tuple[str, ...]:
    """`text` on one line broken at blanks into lines of at most `width` terminal cells; a word that is longer than a
    line is cut."""
    width = max(1, width)
    lines: list[str] = []
    current = ""
    for word in fmt.one_line(text).split():
        joined = f"{current} {word}" if current else word
        if cell_len(joined) <= width:
            current = joined
            continue
        if current:
            lines.append(current)
        *whole, current = chop_cells(word, width) if cell_len(word) > width else (word,)
        lines += whole
    if current:
        lines.append(current)
    return tuple(lines)


def paragraph(text: str, width: int, tone: Tone = Tone.PLAIN, *, indent: int = 0) -> tuple[Line, ...]:
    """`text` as wrapped lines, each `indent` cells in."""
    blanks = " " * indent
    return tuple(Line((Cell(blanks + piece, tone),)) for piece in wrap(text, width - indent))


def labelled(label: str, text: str, width: int, tone: Tone = Tone.PLAIN) -> tuple[Line, ...]:
    """A dim label and its text, wrapped beside it."""
    pieces = wrap(text, width - LABEL_CELLS) or ("",)
    names = (label, *([""] * (len(pieces) - 1)))
    return tuple(
        Line((Cell(fmt.fit(name, LABEL_CELLS), Tone.DIM), Cell(piece, tone)))
        for name, piece in zip(names, pieces, strict=True)
    )


def joined(sections: tuple[Section, ...]) -> tuple[Line, ...]:
    """The sections that have lines, under their titles, with a blank line between."""
    lines: list[Line] = []
    for section in sections:
        if not section.lines:
            continue
        if lines:
            lines.append(Line())
        if section.title:
            lines.append(Line((Cell(section.title, Tone.ACCENT),)))
        lines += section.lines
    return tuple(lines)
