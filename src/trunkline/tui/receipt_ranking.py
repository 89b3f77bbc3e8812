"""Who could have answered and who could not: the ranking with a bar per term, and the refusals in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from trunkline.domain.decisions import Decision, Ranked, Rejection, RejectionCode
from trunkline.domain.routes import Route
from trunkline.routing import rejection_words, standing_words
from trunkline.tui import format as fmt
from trunkline.tui.cells import Cell, Column, Tone, share_width
from trunkline.tui.lines import Line, wrap
from trunkline.tui.log_rows import short_route

TERM_TITLES = {
    "preference": "pref",
    "quota": "quot",
    "context": "ctx",
    "cost": "cost",
    "quality": "qual",
    "speed": "spd",
    "health": "hlth",
}
_WIDE_BARS, _NARROW_BARS = 4, 2
_WIDE_FROM = 74
_FULL, _HALF, _TRACK = "━", "╸", "─"

# One line for all of a kind: who has no account would fill the screen.
_SAID_TOGETHER = {
    RejectionCode.NO_KEY: "no key or account",
    RejectionCode.DISABLED: "switched off in the configuration",
}


def route_name(route: Route) -> str:
    """`google-2 · gemini-3.8-flash`."""
    return fmt.one_line(f"{short_route(route.id)} · {route.model}")


def term_bar(share: float, width: int) -> tuple[str, str]:
    """A term 0..1 as a bar to half a cell, and the rest of its `width`; full only when it is 1, empty only when 0."""
    halves = round(min(1.0, max(0.0, share)) * width * 2)
    if share > 0:
        halves = max(1, halves)
    if share < 1:
        halves = min(width * 2 - 1, halves)
    whole, rest = divmod(halves, 2)
    filled = _FULL * whole + _HALF * rest
    return filled, _TRACK * (width - len(filled))


def ranking_lines(decision: Decision, width: int) -> tuple[Line, ...]:
    """A header and a line for each route that could have answered, the chosen one marked."""
    if not decision.ranking:
        return (Line((Cell("not kept with this receipt", Tone.DIM),)),)
    bar = _WIDE_BARS if width >= _WIDE_FROM else _NARROW_BARS
    columns = (
        Column("", 1),
        Column("route", 12, flex=1),
        Column("score", 5, right=True),
        Column("≈ price", 8, drop=1, right=True),
        *(Column(title[:bar], bar) for title in TERM_TITLES.values()),
    )
    widths = share_width(columns, width)
    header = [Cell(column.title, Tone.DIM) for column in columns]
    return (
        Line(_laid_out(header, columns, widths)),
        *(_ranked_line(one, decision, columns, widths) for one in decision.ranking),
    )


def _ranked_line(
    ranked: Ranked, decision: Decision, columns: Sequence[Column], widths: Sequence[int]
) -> Line:
    chosen = ranked.route == decision.route
    named = [
        Cell("▶" if chosen else "", Tone.GOOD),
        Cell(route_name(ranked.route), Tone.GOOD if chosen else Tone.PLAIN),
        Cell(f"{ranked.score:.3f}"),
        Cell(fmt.money(ranked.cost_pico)),
    ]
    cells = list(_laid_out(named, columns[: len(named)], widths[: len(named)]))
    terms = {name: getattr(ranked.terms, name) for name in TERM_TITLES}
    for share in terms.values():
        cells += [Cell(" "), *_term_cells(share, columns[-1].width)]
    figures = " · ".join(
        f"{name} –" if share is None else f"{name} {share:.2f}" for name, share in terms.items()
    )
    standing = f" · {words}" if (words := standing_words(ranked, decision)) else ""
    detail = (
        f"{ranked.route.id}: {figures} · score {ranked.score:.3f} · ≈ {fmt.money(ranked.cost_pico)}{standing}"
    )
    return Line(tuple(cells), ranked.route.id, detail)


def _term_cells(share: float | None, width: int) -> tuple[Cell, ...]:
    if share is None:
        return (Cell("–".ljust(width), Tone.DIM),)
    filled, rest = term_bar(share, width)
    return Cell(filled, _share_tone(share)), Cell(rest, Tone.DIM)


def _share_tone(share: float) -> Tone:
    return Tone.BAD if share < 0.25 else Tone.WARN if share < 0.5 else Tone.ACCENT


def _laid_out(cells: Sequence[Cell], columns: Sequence[Column], widths: Sequence[int]) -> tuple[Cell, ...]:
    """The cells at the widths of their columns, a blank between two; a column without width is left out."""
    shown: list[Cell] = []
    for cell, column, width in zip(cells, columns, widths, strict=True):
        if width:
            shown += [Cell(fmt.fit(cell.text, width, right=column.right), cell.tone), Cell(" ")]
    return tuple(shown[:-1])


# -- who could not ----------------------------------------------------------------------------------------------------


def rejection_lines(
    rejected: Sequence[Rejection], width: int, now_ms: int, zone: tzinfo | None
) -> tuple[Line, ...]:
    """Why nobody else could answer, a sentence each, soonest back first; who was never in question comes last, on a
    line of its kind."""
    single = [one for one in rejected if one.facts or one.code not in _SAID_TOGETHER]
    single.sort(key=lambda one: (one.until_ms is None, one.until_ms or 0, one.route))
    lines = [line for one in single for line in _rejection(one, width, now_ms, zone)]
    for code, said in _SAID_TOGETHER.items():
        names = [_named(one.route) for one in rejected if one.code is code and not one.facts]
        if names:
            pieces = wrap(f"○ {said}: {', '.join(names)}", width)
            lines += [Line((Cell(piece, Tone.DIM),)) for piece in pieces]
    return tuple(lines)


def _rejection(one: Rejection, width: int, now_ms: int, zone: tzinfo | None) -> list[Line]:
    words = rejection_words(one)
    back = "" if one.until_ms is None else f", {fmt.again(one.until_ms, now_ms, zone)}"
    first, *rest = wrap(f"{_named(one.route)}: {words}{back}", width - 2) or ("",)
    selector = selector_of(one.route)
    lines = [Line((Cell("○ ", Tone.WARN), Cell(first)), selector, f"{one.route}: {words}{back}")]
    return [*lines, *(Line((Cell(f"  {piece}"),)) for piece in rest)]


def _named(pattern: str) -> str:
    """`google-1 · all models` of `google/google-1/*`; a route by its short name."""
    if pattern == "*":
        return "all others"
    provider, _, rest = pattern.partition("/")
    account, _, model = rest.partition("/")
    if account in ("", "*"):
        return f"{provider} · {model}" if model and model != "*" else provider
    who = short_route(f"{provider}/{account}")
    return f"{who} · {model}" if model not in ("", "*") else who


def selector_of(pattern: str) -> str | None:
    """What a person would write to mean the routes of a rejection; None where that is everything."""
    provider, _, rest = pattern.partition("/")
    account, _, model = rest.partition("/")
    parts = [part for part in (provider, account, model) if part not in ("", "*")]
    return None if provider == "*" else "/".join(parts)
