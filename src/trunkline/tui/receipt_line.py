"""The line under an answer: who gave it, how long it took, what it cost, and why it went there. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo

from rich.cells import cell_len

from trunkline.domain.decisions import Decision, NoRoute, Reason, Rejection, RejectionCode
from trunkline.domain.learned import Verdict, thumb_of
from trunkline.domain.receipts import FinishReason, Outcome, Receipt
from trunkline.domain.wording import upgrade_sentence
from trunkline.routing import rejection_words, short_reason, way_out
from trunkline.tui import format as fmt
from trunkline.tui.cells import Cell, Tone
from trunkline.tui.log_rows import short_route

_REASONS = {
    Reason.PREFERENCE: "first on your list for this task",
    Reason.LIMIT: "the better ones are at their limit",
    Reason.COST: "cheapest above the floor",
    Reason.CONTEXT: "the conversation fits there",
    Reason.QUALITY: "best for this task",
    Reason.SPEED: "fastest now",
    Reason.BALANCE: "best on balance",
    Reason.PIN: "you pinned it",
    Reason.STAY: "the conversation stays where it is",
    Reason.FAULT: "another one failed",
    Reason.EXPLORE: "a trial, to learn how it does",
    Reason.CRISIS: "most providers are down",
    Reason.OVERRIDE: "emergency override",
    Reason.ONLY: "nobody else can",
}


THUMB_WORDS = {Verdict.UP: "+ good", Verdict.DOWN: "− bad"}


def reason_sentence(decision: Decision) -> str:
    """`cost: cheapest above the coding floor`; in general words where the decision's figures were not kept."""
    if decision.facts:
        return short_reason(decision)
    return f"{decision.reason.value}: {_REASONS[decision.reason]}"


def receipt_line(receipt: Receipt) -> str:
    """`google/google-2 · gemini-3.8-flash · 412 ms · 1,204→380 tok · $0.0023 · cost: cheapest above the floor`."""
    return _joined((*_who(receipt), *_figures(receipt), *_why(receipt)))


def receipt_rows(receipt: Receipt, width: int) -> tuple[str, ...]:
    """The same in `width` cells, on two lines where one does not hold it, the reason never broken unless it is too long
    by itself. Who answered stands above the answer as well, so that it goes first where two lines do not suffice."""
    who, figures, why = _who(receipt), _figures(receipt), _why(receipt)
    layouts = (
        ((*who, *figures, *why),),
        ((*who, *figures), why),
        ((*_who_in_short(receipt), *figures), why),
        (who, (*figures, *why)),
        ((*figures, *why),),
        (figures, why),
    )
    rows: tuple[str, ...] = ()
    for layout in layouts:
        rows = tuple(_joined(parts) for parts in layout if parts)
        if all(cell_len(row) <= width for row in rows):
            break
    return rows


def _who(receipt: Receipt) -> tuple[str, ...]:
    route = receipt.route
    return () if route is None else (f"{route.provider}/{route.account}", route.model)


def _who_in_short(receipt: Receipt) -> tuple[str, ...]:
    route = receipt.route
    return () if route is None else (short_route(route.id), route.model)


def _figures(receipt: Receipt) -> tuple[str, ...]:
    usage = receipt.usage
    parts = [fmt.duration(receipt.total_ms)]
    if receipt.outcome is not Outcome.FAILED or usage.output_tokens:  # else they are only the last call's
        parts += [fmt.tokens(usage), fmt.money(receipt.cost_pico)]
    if receipt.waste_pico or receipt.waste_unknown:
        unknown = "+?" if receipt.waste_unknown else ""
        parts.append(f"{fmt.money(receipt.waste_pico)}{unknown} wasted")
    if len(receipt.attempts) > 1:
        parts.append(f"{len(receipt.attempts)} attempts")
    return tuple(parts)


def _why(receipt: Receipt) -> tuple[str, ...]:
    why = () if receipt.decision is None else (fmt.one_line(reason_sentence(receipt.decision)),)
    raised = () if receipt.upgrade is None else (upgrade_sentence(receipt.upgrade),)
    thumb = thumb_of(receipt.verdicts)
    return (*why, *raised, *(() if thumb is None else (THUMB_WORDS[thumb],)))


def _joined(parts: Iterable[str]) -> str:
    return fmt.one_line(" · ".join(parts))


def verdict(receipt: Receipt) -> Cell | None:
    """What must be said of an answer that is not whole, or that has a warning; None where there is nothing."""
    because = _because(receipt)
    if receipt.outcome is Outcome.CANCELLED:
        return Cell("■ stopped by you; the answer is not whole", Tone.WARN)
    if receipt.outcome is Outcome.FAILED:
        return Cell(f"✕ no whole answer{because}", Tone.BAD)
    if receipt.complete:
        return Cell(fmt.one_line(f"⚠ {'; '.join(receipt.warnings)}"), Tone.WARN) if receipt.warnings else None
    if receipt.finish is FinishReason.LENGTH:
        return Cell("✂ cut: the model reached its output limit; the answer is not whole", Tone.WARN)
    return Cell(f"✂ cut: the answer is not whole{because}", Tone.WARN)


def earlier_stands(receipt: Receipt) -> Cell:
    """Why a turn that was asked again keeps the answer it had."""
    if receipt.outcome is Outcome.CANCELLED:
        return Cell("■ stopped before another answer began; the earlier one stands", Tone.WARN)
    return Cell(f"✕ no other answer{_because(receipt)}; the earlier one stands", Tone.BAD)


def _because(receipt: Receipt) -> str:
    if receipt.fault is None:
        return ""
    fault, said = fmt.one_line(receipt.fault.message), fmt.one_line(receipt.fault.provider_text)
    return (": " if fault else "") + fault + (f" (it said: {said})" if said and said != fault else "")


def moment(at_ms: int, now_ms: int, zone: tzinfo | None) -> str:
    """A moment ahead, absolutely and from now: `16:40 (in 4 h)`, `12:00:05 (in 5 s)`; empty once it has passed."""
    ahead_ms = at_ms - now_ms
    if ahead_ms <= 0:
        return ""
    is_soon = ahead_ms < 60_000
    absolute = (
        fmt.time_of_day(at_ms, zone, seconds=True) if is_soon else fmt.reset_moment(at_ms, now_ms, zone)
    )
    return f"{absolute} (in {fmt.countdown(ahead_ms)})"


def _rejection(rejection: Rejection, now_ms: int, zone: tzinfo | None) -> str:
    until = moment(rejection.until_ms, now_ms, zone) if rejection.until_ms is not None else ""
    return f"{rejection.route}: {rejection_words(rejection)}" + (f" until {until}" if until else "")


# What could not have served anyhow is not why nobody can.
_NEVER_COULD = (
    RejectionCode.NO_KEY,
    RejectionCode.DISABLED,
    RejectionCode.RETIRED,
    RejectionCode.PINNED_ELSEWHERE,
)


def nobody_sentence(no_route: NoRoute, now_ms: int, zone: tzinfo | None) -> str:
    """Who cannot serve, and until when: `nobody can serve before 14:31 (in 28 m): google/*: limit until …`."""
    until = no_route.earliest_reset_at_ms
    when = moment(until, now_ms, zone) if until is not None else ""
    sentence = "nobody can serve" + (f" before {when}" if when else "")
    if out := way_out(no_route):
        sentence = f"{sentence}; {out}"
    who = who_cannot(no_route, now_ms, zone)
    return f"{sentence}: {who}" if who else sentence


def who_cannot(no_route: NoRoute, now_ms: int, zone: tzinfo | None) -> str:
    """Whoever cannot serve, each with why and until when; those that never could only where there are no others."""
    telling = [rejection for rejection in no_route.rejected if rejection.code not in _NEVER_COULD]
    shown = telling or no_route.rejected
    named = [_rejection(rejection, now_ms, zone) for rejection in shown[:4]]
    more = len(shown) - len(named)
    tail = f"; and {more} more" if more > 0 else ""
    return fmt.one_line("; ".join(named) + tail)
