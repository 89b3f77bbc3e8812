"""The line under an answer: who gave it, how long it took, what it cost, and why it went there. Pure."""

from __future__ import annotations

from datetime import tzinfo

from trunkline.domain.decisions import Decision, NoRoute, Reason, Rejection, RejectionCode
from trunkline.domain.receipts import FinishReason, Outcome, Receipt
from trunkline.engine.api import Preview
from trunkline.tui import format as fmt
from trunkline.tui.cells import Cell, Tone

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


def reason_sentence(decision: Decision) -> str:
    """`cost: cheapest above the floor`."""
    return f"{decision.reason.value}: {_REASONS[decision.reason]}"


def receipt_line(receipt: Receipt) -> str:
    """`google/google-2 · gemini-3.8-flash · 412 ms · 1,204→380 tok · $0.0023 · cost: cheapest above the floor`."""
    parts = []
    if receipt.route is not None:
        parts += [f"{receipt.route.provider}/{receipt.route.account}", receipt.route.model]
    parts.append(fmt.duration(receipt.total_ms))
    usage = receipt.usage
    about = "≈" if usage.estimated else ""
    parts.append(f"{about}{fmt.count(usage.input_tokens)}→{fmt.count(usage.output_tokens)} tok")
    parts.append(fmt.money(receipt.cost_pico))
    if receipt.waste_pico or receipt.waste_unknown:
        unknown = "+?" if receipt.waste_unknown else ""
        parts.append(f"{fmt.money(receipt.waste_pico)}{unknown} wasted")
    if len(receipt.attempts) > 1:
        parts.append(f"{len(receipt.attempts)} attempts")
    if receipt.decision is not None:
        parts.append(reason_sentence(receipt.decision))
    return fmt.one_line(" · ".join(parts))


def verdict(receipt: Receipt) -> Cell | None:
    """What must be said of an answer that is not whole, or that has a warning; None where there is nothing."""
    fault = fmt.one_line(receipt.fault.message) if receipt.fault is not None else ""
    said = fmt.one_line(receipt.fault.provider_text) if receipt.fault is not None else ""
    because = (": " if fault else "") + fault + (f" (it said: {said})" if said and said != fault else "")
    if receipt.outcome is Outcome.CANCELLED:
        return Cell("■ stopped by you; the answer is not whole", Tone.WARN)
    if receipt.outcome is Outcome.FAILED:
        return Cell(f"✕ no whole answer{because}", Tone.BAD)
    if receipt.complete:
        return Cell(fmt.one_line(f"⚠ {'; '.join(receipt.warnings)}"), Tone.WARN) if receipt.warnings else None
    if receipt.finish is FinishReason.LENGTH:
        return Cell("✂ cut: the model reached its output limit; the answer is not whole", Tone.WARN)
    return Cell(f"✂ cut: the answer is not whole{because}", Tone.WARN)


def rejection_sentence(rejection: Rejection, zone: tzinfo | None) -> str:
    """`google/google-1/*: limit, until 14:31`."""
    until = "" if rejection.until_ms is None else f", until {fmt.time_of_day(rejection.until_ms, zone)}"
    return fmt.one_line(f"{rejection.route}: {rejection.code.value.replace('_', ' ')}{until}")


# What could not have served anyhow is not why nobody can.
_NEVER_COULD = (
    RejectionCode.NO_KEY,
    RejectionCode.DISABLED,
    RejectionCode.RETIRED,
    RejectionCode.PINNED_ELSEWHERE,
)


def nobody_sentence(no_route: NoRoute, now_ms: int, zone: tzinfo | None) -> str:
    """Who cannot serve, and until when."""
    until = no_route.earliest_reset_at_ms
    when = "" if until is None else f" before {fmt.reset_in(until, now_ms, zone)}"
    telling = [rejection for rejection in no_route.rejected if rejection.code not in _NEVER_COULD]
    shown = telling or no_route.rejected
    named = [rejection_sentence(rejection, zone) for rejection in shown[:4]]
    more = len(shown) - len(named)
    tail = f"; and {more} more" if more > 0 else ""
    return f"nobody can serve{when}" + (f": {'; '.join(named)}{tail}" if named else "")


def preview_line(preview: Preview, now_ms: int, zone: tzinfo | None) -> Cell:
    """What the text in the editor would be taken for, who would answer, and at what price."""
    task = preview.task
    about = f"≈{fmt.compact(task.input_tokens)} tok · {task.type} {task.tier.value}"
    if isinstance(preview.decision, NoRoute):
        return Cell(f"{about} · {nobody_sentence(preview.decision, now_ms, zone)}", Tone.WARN)
    route = preview.decision.route
    cost = next((r.cost_pico for r in preview.decision.ranking if r.route == route), None)
    target = f"{route.provider}/{route.account} · {route.model}"
    return Cell(fmt.one_line(f"{about} → {target} ≈ {fmt.money(cost)}"), Tone.DIM)
