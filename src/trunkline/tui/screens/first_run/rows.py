"""What the first start's screen says, as lines. Pure; the command line prints the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rich.cells import cell_len

from trunkline.tui import format as fmt
from trunkline.tui.screens.first_run.facts import FirstRunFacts, FoundAccount, MissingProvider, ServerFact

_GAP = "  "
_NAMED = 3
_LONGEST_NAME, _LONGEST_SOURCE = 22, 30


class Line(StrEnum):
    """What a line is, for whoever gives it a colour."""

    HEADING = "heading"
    FOUND = "found"
    ODD = "odd"
    MISSING = "missing"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Row:
    """A line: a sign that says what it is without colour, and its cells; the last is not padded."""

    kind: Line
    sign: str
    cells: tuple[str, ...]


def rows(facts: FirstRunFacts) -> tuple[Row, ...]:
    """Everything that was found and is missing, most useful first."""
    lines: list[Row] = []
    if not facts.usable:
        lines.append(Row(Line.NOTE, "!", ("Nobody can be asked yet: set one of these, start again.",)))
    keys = [one for one in facts.missing if not one.local]
    local = [one for one in facts.missing if one.local]
    for title, part in (
        ("Found", [_account(account) for account in facts.accounts]),
        ("On this machine, but of no use yet", [_server(server) for server in facts.servers]),
        ("Would be there with a key in the variable", [_missing(one) for one in keys]),
        ("Would be there if it ran on this machine", [_missing(one) for one in local]),
    ):
        if part:
            lines += [Row(Line.HEADING, "", (title,)), *part]
    return (*lines, *(Row(Line.NOTE, "!", (note,)) for note in facts.notes))


def aligned(lines: Sequence[Row]) -> tuple[tuple[Row, str], ...]:
    """Each row with its text, the columns under one heading as wide as they need."""
    found: list[tuple[Row, str]] = []
    section: list[Row] = []
    for row in (*lines, None):
        if row is not None and len(row.cells) > 1:
            section.append(row)
            continue
        found += zip(section, _columns(section), strict=True)
        section = []
        if row is not None:
            found.append((row, fmt.one_line(f"{row.sign} {row.cells[0]}")))
    return tuple(found)


def _columns(section: Sequence[Row]) -> list[str]:
    cells = [[fmt.one_line(cell) for cell in row.cells] for row in section]
    name = min(_LONGEST_NAME, max((cell_len(row[0]) for row in cells), default=0))
    source = min(_LONGEST_SOURCE, max((cell_len(row[1]) for row in cells), default=0))
    return [
        f"{row.sign} {fmt.fit(first, name)}{_GAP}{fmt.fit(second, source)}{_GAP}{third}".rstrip()
        for row, (first, second, third) in zip(section, cells, strict=True)
    ]


def _account(account: FoundAccount) -> Row:
    gives = _models(account.models, account.free_models, name_them=False)
    limits = ", ".join(account.limits[:2]) + (", …" if len(account.limits) > 2 else "")
    about = " · ".join(part for part in (gives, account.billing, limits) if part)
    return Row(Line.FOUND, "●", (account.address, account.source, about))


def _server(server: ServerFact) -> Row:
    return Row(Line.ODD, "◐", (server.provider, server.address, server.said))


def _missing(one: MissingProvider) -> Row:
    gives = _models(one.models, one.free_models, name_them=True)
    return Row(Line.MISSING, "○", (one.provider, one.remedy, gives))


def _models(models: Sequence[str], free: int, *, name_them: bool) -> str:
    """`12 models, 3 free: a, b, c, …`."""
    if not models:
        return ""
    text = _count(len(models), "model")
    if free:
        text += ", free" if free == len(models) else f", {free} free"
    return f"{text}: {_some(models)}" if name_them else text


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def mode_width(names: Iterable[str]) -> int:
    """Cells that the longest name of a mode takes."""
    return max((len(name) for name in names), default=0)
