"""What commands print: data on stdout, everything else on stderr; JSON by contract, text for people."""

from __future__ import annotations

import datetime as dt
import shutil
import sys
from collections.abc import Sequence

import click

from trunkline.domain.checks import Balance
from trunkline.domain.text import strip_controls

_GAP = "  "
_NARROWEST = 8


def print_json(value: object) -> None:
    """One JSON document on stdout, indented for a person, one line in a pipe."""
    import orjson

    option = orjson.OPT_INDENT_2 if sys.stdout.isatty() else 0
    click.echo(orjson.dumps(value, option=option))


def say(text: str) -> None:
    """A sentence on stderr."""
    click.echo(strip_controls(text), err=True)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns on stdout, as wide as they need, cut to the width of a terminal; the last is not padded."""
    clean = [[" ".join(strip_controls(cell).split()) for cell in row] for row in (headings, *rows)]
    widths = [max(len(row[column]) for row in clean) for column in range(len(headings))]
    if sys.stdout.isatty():
        widths = _narrowed(widths, shutil.get_terminal_size().columns)
    for row in clean:
        cells = [_cut(cell, width).ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo(_GAP.join(cells).rstrip())


def _narrowed(widths: list[int], room: int) -> list[int]:
    """`widths` with the widest columns made narrower until a row fits, none below what still says something."""
    narrowed = list(widths)
    while sum(narrowed) + len(_GAP) * (len(narrowed) - 1) > room:
        widest = max(range(len(narrowed)), key=lambda column: narrowed[column])
        if narrowed[widest] <= _NARROWEST:
            break
        narrowed[widest] -= 1
    return narrowed


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def iso(at_ms: int | None) -> str | None:
    """An instant as ISO 8601 UTC; unknown stays unknown."""
    if at_ms is None:
        return None
    moment = dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local_time(at_ms: int | None) -> str:
    """An instant on the clock of this machine: the time, with the day where it is not today."""
    if at_ms is None:
        return "–"
    moment = dt.datetime.fromtimestamp(at_ms / 1000).astimezone()
    today = dt.datetime.now().astimezone().date()
    return moment.strftime("%H:%M:%S" if moment.date() == today else "%a %d %b %H:%M")


def balance_text(balance: Balance) -> str:
    """Money left at a provider: `12.50 USD`."""
    return f"{balance.millionths / 1_000_000:,.2f} {balance.currency}"


def span(duration_ms: float | None) -> str:
    """A duration for people: `640 ms`, `2.2 s`, `3 h 12 m`."""
    if duration_ms is None:
        return "–"
    if duration_ms < 1_000:
        return f"{duration_ms:.0f} ms"
    seconds = duration_ms / 1_000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, left_s = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {left_s} s"
    hours, left_m = divmod(minutes, 60)
    return f"{hours} h {left_m} m" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def dollars(pico: int | None, *, unknown: int = 0) -> str:
    """Money for people; `unknown` says how many costs are missing from the sum. Nothing known is not $0."""
    if pico is None or (unknown and not pico):
        return "unknown"
    amount = pico / 10**12
    if amount >= 1 or amount == 0:
        text = f"${amount:.2f}"
    elif amount >= 0.0001:
        text = f"${amount:.4f}"
    else:
        text = f"${amount:.6f}" if amount >= 0.000001 else "<$0.000001"
    return f"{text} + {unknown} unknown" if unknown else text
