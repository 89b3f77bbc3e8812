"""The whole receipt as lines for one width, or for two columns. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import tzinfo

from trunkline.domain.decisions import Decision
from trunkline.domain.receipts import Outcome, Receipt
from trunkline.domain.wording import upgrade_sentence, verdict_words
from trunkline.routing import Explanation, explained, likely_words, no_route_sentence
from trunkline.routing.explanation import NextBest
from trunkline.tui import format as fmt
from trunkline.tui.cells import Tone
from trunkline.tui.lines import Line, Section, joined, labelled, paragraph
from trunkline.tui.receipt_attempts import attempt_lines, fault_words
from trunkline.tui.receipt_figures import (
    cost_lines,
    identity_lines,
    note_lines,
    quota_lines,
    token_lines,
)
from trunkline.tui.receipt_line import verdict
from trunkline.tui.receipt_ranking import ranking_lines, rejection_lines, route_name

# What is said of a decision before the margin of its score; the rest comes behind.
_BEFORE_MARGIN = frozenset({"why", "moved", "carried", "stayed", "rule"})


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """What a receipt is shown with: the moment and the zone."""

    receipt: Receipt
    now_ms: int
    zone: tzinfo | None


def all_lines(view: ReceiptView, width: int) -> tuple[Line, ...]:
    """Everything, most asked for first."""
    return joined((*decided(view, width), *happened(view, width)))


def decided_lines(view: ReceiptView, width: int) -> tuple[Line, ...]:
    """What was decided, for a column of its own."""
    return joined(decided(view, width))


def happened_lines(view: ReceiptView, width: int) -> tuple[Line, ...]:
    """What happened then, for a column of its own."""
    return joined(happened(view, width))


def decided(view: ReceiptView, width: int) -> tuple[Section, ...]:
    """Who answered and why, who else could have, and who could not."""
    decision = view.receipt.decision
    no_route = view.receipt.no_route
    rejected = no_route.rejected if no_route is not None else ()
    if decision is not None and not rejected:
        rejected = decision.rejected
    ranking = ranking_lines(decision, width) if decision is not None else ()
    return (
        Section("", headline(view, width)),
        Section("Who could answer", ranking),
        Section("Who could not", rejection_lines(rejected, width, view.now_ms, view.zone)),
    )


def happened(view: ReceiptView, width: int) -> tuple[Section, ...]:
    """The calls, what they used, and what else is to be known."""
    receipt = view.receipt
    return (
        Section("Calls", attempt_lines(receipt, width, view.now_ms, view.zone)),
        Section("Worth knowing", note_lines(receipt, width)),
        Section("Tokens", token_lines(receipt, width)),
        Section("Cost", cost_lines(receipt, width)),
        Section("Taken from allowances", quota_lines(receipt, width)),
        Section("Record", identity_lines(receipt, width, view.zone)),
    )


def headline(view: ReceiptView, width: int) -> tuple[Line, ...]:
    """Who, whether it is whole, why, how sure, what was asked, and why the conversation stayed or moved."""
    receipt = view.receipt
    lines = [*_outcome(receipt, width)]
    said = _unhappy(view)
    if said:
        lines += paragraph(said, width, Tone.WARN, indent=2)
    if receipt.decision is not None:
        lines += _why(explained(receipt.task, receipt.decision, view.now_ms), receipt.decision, width)
    if receipt.upgrade is not None:
        lines += labelled("raised", upgrade_sentence(receipt.upgrade), width)
    if receipt.verdicts:
        lines += labelled("said", ", ".join(map(verdict_words, receipt.verdicts)), width)
    lines += labelled("took", _took(receipt), width)
    lines += labelled("task", _task(receipt), width)
    return tuple(lines)


def _outcome(receipt: Receipt, width: int) -> tuple[Line, ...]:
    asked = "" if receipt.route is None else f" · last asked {route_name(receipt.route)}"
    by = "" if receipt.route is None else f" by {route_name(receipt.route)}"
    if receipt.outcome is Outcome.CANCELLED:
        text, tone = f"■ stopped{'' if receipt.attempts else ' before anything was sent'}{asked}", Tone.WARN
    elif receipt.outcome is Outcome.FAILED:
        text, tone = f"✕ no whole answer{asked}", Tone.BAD
    elif not receipt.complete:
        text, tone = f"✂ answer{by}, not whole", Tone.WARN
    else:
        text, tone = f"● whole answer{by}", Tone.GOOD
    first, *rest = paragraph(text, width, tone)
    if receipt.route is not None:
        first = replace(first, target=receipt.route.id, detail=receipt.route.id)
    return (first, *rest)


def _unhappy(view: ReceiptView) -> str:
    """What went wrong, where something did."""
    receipt = view.receipt
    if receipt.fault is not None and receipt.outcome is not Outcome.CANCELLED:
        return fault_words(receipt.fault, view.now_ms, view.zone)
    if view.receipt.no_route is not None:
        return no_route_sentence(view.receipt.no_route, view.now_ms)
    said = verdict(receipt)
    if said is None or receipt.complete or receipt.outcome is Outcome.CANCELLED:
        return ""
    return said.text


def _why(explanation: Explanation, decision: Decision, width: int) -> list[Line]:
    lines: list[Line] = []
    for label, said in explanation.reasons:
        if label in _BEFORE_MARGIN:
            lines += labelled(label, said, width)
    next_one = explanation.runner_up
    if next_one is None:
        lines += labelled("margin", "nobody else could have answered", width, Tone.DIM)
    else:
        lines += labelled("margin", _margin(decision, next_one), width)
    for label, said in explanation.reasons:
        if label not in _BEFORE_MARGIN:
            lines += labelled(label, said, width)
    return lines


def _margin(decision: Decision, next_one: NextBest) -> str:
    """How far the chosen route's score lies before the next one's, or that something else than the score decided."""
    name = route_name(next_one.ranked.route)
    if next_one.behind > -0.005:
        return f"{decision.confidence:.2f} before {name}"
    return f"{-next_one.behind:.2f} behind {name}: it was not the score that decided"


def _task(receipt: Receipt) -> str:
    task = receipt.task
    sure = "as the asker said" if task.hinted else likely_words(task)
    needs = f" · needs {', '.join(need.value.replace('_', ' ') for need in task.needs)}" if task.needs else ""
    about = fmt.count(task.input_tokens)
    counted = "" if task.counted is None else f" · prompt about {about} tokens, {task.counted.words}"
    return (
        f"{task.type} {task.tier.value}, {sure} · complexity {task.complexity:.2f} · "
        f"{task.priority.value} priority · asked by {receipt.origin}{needs}{counted}"
    )


def _took(receipt: Receipt) -> str:
    parts = [fmt.duration(receipt.total_ms)]
    if receipt.first_token_ms is not None:
        parts.append(f"first token after {fmt.duration(receipt.first_token_ms)}")
    calls = len(receipt.attempts)
    parts.append("no call" if not calls else f"{calls} call{'' if calls == 1 else 's'}")
    usage = receipt.usage
    if usage.output_tokens or (usage.input_tokens is not None and receipt.outcome is not Outcome.FAILED):
        parts.append(fmt.tokens(usage))
    if receipt.outcome is Outcome.ANSWERED:
        parts.append(fmt.money(receipt.cost_pico))
    return " · ".join(parts)
