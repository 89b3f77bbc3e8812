"""What happens to a request on its way, as one line each inside its answer. Pure."""

from __future__ import annotations

from datetime import tzinfo
from typing import TypeGuard

from trunkline.domain.events import Body, Held, Parked, RerouteCause, Rerouted, Restarted, Seam, Waiting
from trunkline.domain.wording import fault_sentence
from trunkline.tui import format as fmt
from trunkline.tui.cells import Cell, Tone
from trunkline.tui.log_rows import short_route
from trunkline.tui.receipt_line import nobody_sentence, who_cannot
from trunkline.tui.waiting_turns import goes_on_words

STOPS = Cell("esc esc stops the answer", Tone.DIM)
STOPS_NEXT = Cell("esc again stops the answer", Tone.WARN)
TAKES_BACK_NEXT = Cell("esc again takes it back to the editor", Tone.WARN)
STOPPING = Cell("stopping …", Tone.WARN)
TAKING_BACK = Cell("taking it back …", Tone.WARN)

_CAUSES = {
    RerouteCause.REFUSED: "refused",
    RerouteCause.FAULT: "failed",
    RerouteCause.SHORT: "has too little left",
    RerouteCause.CUT: "broke off",
}


def _raised(body: Rerouted) -> str:
    return "" if body.tier is None else f", one tier up ({body.tier})"


def _wait(until_ms: int, now_ms: int, zone: tzinfo | None) -> str:
    """` 90 s, until 12:01:30`, which is as true later as it is now; nothing of a moment that has passed."""
    ahead_ms = until_ms - now_ms
    if ahead_ms <= 0:
        return ""
    soon = ahead_ms < 3_600_000
    until = (
        fmt.time_of_day(until_ms, zone, seconds=True) if soon else fmt.reset_moment(until_ms, now_ms, zone)
    )
    return f" {fmt.countdown(ahead_ms)}, until {until}"


def waiting_line(body: Body, now_ms: int) -> Cell | None:
    """How long a request is still held, for the line under the editor; None where it is not, or nobody knows."""
    match body:
        case Waiting(until_ms, route):
            left = f", {fmt.countdown(until_ms - now_ms)} left" if until_ms > now_ms else ""
            return Cell(f"waiting for {short_route(route.id)}{left} · esc esc stops", Tone.WARN)
        case Parked(until_ms) | Held(_, _, until_ms):
            left = f", {fmt.exactly(until_ms - now_ms)} left" if until_ms and until_ms > now_ms else ""
            return Cell(f"it waits{left} · esc esc takes it back", Tone.WARN)
        case _:
            return None


def is_wait(body: Body) -> TypeGuard[Waiting | Parked | Held]:
    """The request waits from this event on, until the next one."""
    return isinstance(body, Waiting | Parked | Held)


def waited_notice(waited_ms: int) -> Cell | None:
    """How long a request waited that goes on or is over: `◷ waited 12 m 3 s`; nothing of less than a second."""
    return Cell(f"◷ waited {fmt.exactly(waited_ms)}", Tone.DIM) if waited_ms >= 1_000 else None


def notice(body: Body, now_ms: int, zone: tzinfo | None) -> Cell | None:
    """The line for an event, None for events that need none."""
    if isinstance(body, Rerouted):
        why = f" ({fmt.one_line(fault_sentence(body.fault, now_ms, zone))})" if body.fault is not None else ""
        return Cell(
            f"↪ {short_route(body.from_route.id)} {_CAUSES[body.cause]}{why}"
            f" → {short_route(body.to_route.id)} · {fmt.one_line(body.to_route.model)},"
            f" {fmt.duration(body.after_ms)} later{_raised(body)}",
            Tone.WARN,
        )
    if isinstance(body, Waiting):
        return Cell(
            f"◷ {short_route(body.route.id)} asks to wait{_wait(body.until_ms, now_ms, zone)}", Tone.WARN
        )
    if isinstance(body, Parked):
        if not body.kept:
            return Cell(f"◷ parked: {nobody_sentence(body.no_route, now_ms, zone)}", Tone.WARN)
        who = who_cannot(body.no_route, now_ms, zone)
        until = goes_on_words(body.until_ms, now_ms, zone)
        return Cell(f"◷ nobody can serve{f': {who}' if who else ''} · kept, {until}", Tone.WARN)
    if isinstance(body, Held):
        return Cell(
            f"◷ held: {fmt.one_line(body.why)} · {goes_on_words(body.until_ms, now_ms, zone)}", Tone.WARN
        )
    if isinstance(body, Seam):
        return Cell(
            f"┄ from character {body.at_char:,} on {short_route(body.route.id)} is writing", Tone.WARN
        )
    if isinstance(body, Restarted):
        return Cell(f"↻ begun anew by {short_route(body.route.id)}", Tone.WARN)
    return None
