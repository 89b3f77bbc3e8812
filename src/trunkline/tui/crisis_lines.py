"""A crisis in words: what was lost, what was done about it, what came of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import tzinfo

from trunkline.domain.crisis import Crisis, CrisisMove, CrisisStep, CrisisSummary, MoveKind
from trunkline.tui import format as fmt
from trunkline.tui.cells import Cell, Tone
from trunkline.tui.conversation_rows import past_moment
from trunkline.tui.lines import Line, Section, joined, labelled, paragraph
from trunkline.tui.log_rows import short_route

EARLIER = "crisis:"
"""Before the id of a crisis in the target of its line, which else is a request's id."""

NONE_KNOWN = (
    "There has been no crisis. One begins when several providers have had no usable account for a while, as the "
    "preferences say under crisis; then work moves, waits or shrinks as declared there, and this screen shows every "
    "request that was touched. `trunkline drill crisis` rehearses it."
)

_STEPS = {
    CrisisStep.SIMPLE_TO_CHEAP: "simple work goes to a cheap route that survives",
    CrisisStep.PARK_THE_REST: "what is neither simple nor critical waits until a provider is back",
    CrisisStep.SHRINK_OUTPUT: "answers get a smaller output limit",
    CrisisStep.ALLOW_LOCAL: "local models may answer whatever the lists say",
}
_MOVED = {
    MoveKind.MOVED: ("moved", Tone.WARN),
    MoveKind.PARKED: ("parked", Tone.WARN),
    MoveKind.SHRUNK: ("shrunk", Tone.DIM),
}


def crisis_lines(
    shown: CrisisSummary | None,
    earlier: Sequence[CrisisSummary],
    now_ms: int,
    zone: tzinfo | None,
    width: int,
) -> tuple[Line, ...]:
    """One crisis whole, and below it a line for each of the others, which can be chosen."""
    if shown is None:
        return paragraph(NONE_KNOWN, width, Tone.DIM)
    others = [one for one in earlier if one.crisis.id != shown.crisis.id]
    return joined(
        (
            Section("", _state_lines(shown, now_ms, zone, width)),
            Section("What it changes", _step_lines(shown.crisis, width)),
            Section("What came of it", _figure_lines(shown, width)),
            Section("Requests that it touched", _move_lines(shown.moves, zone, width)),
            Section("Other crises", tuple(_line_of(one, now_ms, zone, width) for one in others)),
        )
    )


def _state_lines(summary: CrisisSummary, now_ms: int, zone: tzinfo | None, width: int) -> tuple[Line, ...]:
    crisis = summary.crisis
    began = fmt.time_of_day(crisis.began_at_ms, zone, seconds=True)
    lasted = fmt.exactly((crisis.ended_at_ms or now_ms) - crisis.began_at_ms)
    drill = ", rehearsed" if crisis.drill else ""
    if crisis.ended_at_ms is None:
        state = labelled("state", f"✕ under way since {began}, {lasted}{drill}", width, Tone.BAD)
        back = None if crisis.back_at_ms is None else fmt.goes_at(crisis.back_at_ms, now_ms, zone)
        until = labelled("next try", back or "nobody has said when", width)
    else:
        day = past_moment(crisis.ended_at_ms, now_ms, zone)
        state = labelled(
            "state", f"● over: began {began}, lasted {lasted}, until {day}{drill}", width, Tone.GOOD
        )
        until = labelled("back", fmt.one_line(", ".join(summary.recovered)) or "nobody of them", width)
    lost = f"{fmt.one_line(', '.join(crisis.lost))}: {len(crisis.lost)} of {crisis.enabled} providers"
    return (*state, *labelled("lost", lost, width), *until)


def _step_lines(crisis: Crisis, width: int) -> tuple[Line, ...]:
    lines: list[Line] = []
    for step in CrisisStep:
        taken = step in crisis.steps
        words = _STEPS[step] if taken else f"{_STEPS[step]}: not declared"
        lines += paragraph(f"{'✓' if taken else '·'} {words}", width, Tone.PLAIN if taken else Tone.DIM)
    return tuple(lines)


def figures(summary: CrisisSummary) -> str:
    """`12 answered, 0 failed, 1 moved, 1 parked`: what became of the requests meanwhile."""
    parts = [f"{summary.answered:,} answered", f"{summary.failed:,} failed"]
    for number, what in (
        (summary.moved, "moved"),
        (summary.parked, "parked"),
        (summary.shrunk, "shrunk"),
        (summary.returned, "back at home"),
    ):
        if number:
            parts.append(f"{number:,} {what}")
    return ", ".join(parts)


def _figure_lines(summary: CrisisSummary, width: int) -> tuple[Line, ...]:
    return paragraph(figures(summary), width, Tone.BAD if summary.failed else Tone.PLAIN)


def _move_lines(moves: Iterable[CrisisMove], zone: tzinfo | None, width: int) -> tuple[Line, ...]:
    return tuple(_move_line(move, zone, width) for move in moves)


def _move_line(move: CrisisMove, zone: tzinfo | None, width: int) -> Line:
    word, tone = _MOVED[move.kind]
    home = "?" if move.home is None else short_route(fmt.one_line(move.home))
    to = (
        ""
        if move.route is None or move.kind is not MoveKind.MOVED
        else f" → {short_route(fmt.one_line(move.route))}"
    )
    back = ""
    if move.returned_at_ms is not None:
        back = f" · back at {fmt.time_of_day(move.returned_at_ms, zone)}"
    origin = fmt.one_line(f"{move.origin} {move.task_type}")
    head = f"{fmt.time_of_day(move.at_ms, zone, seconds=True)} "
    rest = f" {home}{to}{back} · {origin}"
    return Line(
        (
            Cell(head, Tone.DIM),
            Cell(f"{word:<6}", tone),
            Cell(fmt.fit(rest, max(1, width - len(head) - 6)).rstrip()),
        ),
        move.request_id,
    )


def _line_of(summary: CrisisSummary, now_ms: int, zone: tzinfo | None, width: int) -> Line:
    crisis = summary.crisis
    lasted = (
        "under way" if crisis.ended_at_ms is None else fmt.exactly(crisis.ended_at_ms - crisis.began_at_ms)
    )
    drill = "drill, " if crisis.drill else ""
    text = (
        f"{past_moment(crisis.began_at_ms, now_ms, zone)} · {drill}{lasted} · "
        f"{fmt.one_line(', '.join(crisis.lost))} lost · {figures(summary)}"
    )
    return Line((Cell(fmt.fit(text, width).rstrip()),), f"{EARLIER}{crisis.id}")


def after_words(summary: CrisisSummary) -> str:
    """What a crisis came to, in a sentence: `the crisis is over after 12 m: 40 answered, 0 failed, 3 moved`."""
    crisis = summary.crisis
    word = "the rehearsed crisis" if crisis.drill else "the crisis"
    if crisis.ended_at_ms is None:
        return f"{word} is over: {figures(summary)}"
    return f"{word} is over after {fmt.exactly(crisis.ended_at_ms - crisis.began_at_ms)}: {figures(summary)}"
