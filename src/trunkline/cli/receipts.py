"""Receipts, rejections and decisions in words."""

from __future__ import annotations

from collections.abc import Iterable

import click

from trunkline.cli.output import dollars, local_time, print_table, span
from trunkline.domain.decisions import Rejection, RejectionCode
from trunkline.domain.money import Usage
from trunkline.domain.receipts import Attempt, FinishReason, Outcome, Receipt
from trunkline.domain.text import strip_controls
from trunkline.domain.wording import fault_reason, fault_sentence, upgrade_sentence, verdict_words
from trunkline.routing import rejection_sentence, short_reason


def receipt_line(receipt: Receipt) -> str:
    """What `ask` says on stderr when it is over."""
    if receipt.outcome is Outcome.FAILED:
        return f"not answered: {_fault_words(receipt)}"
    parts = [
        "stopped" if receipt.outcome is Outcome.CANCELLED else "",
        str(receipt.route) if receipt.route else "before anything was sent",
    ]
    if receipt.route is not None:
        parts += [
            f"{span(receipt.first_token_ms)} first" if receipt.first_token_ms is not None else "",
            span(receipt.total_ms),
            _tokens(receipt.usage),
            dollars(receipt.cost_pico),
        ]
    if receipt.outcome is Outcome.ANSWERED:
        parts += [
            short_reason(receipt.decision) if receipt.decision else "",
            upgrade_sentence(receipt.upgrade) if receipt.upgrade else "",
            _whole(receipt),
        ]
    return " · ".join(part for part in parts if part)


def rejection_lines(rejected: Iterable[Rejection], now_ms: int) -> list[str]:
    """Why nobody else may answer, a sentence each; providers without any account share one."""
    lines, without_account = [], []
    for rejection in rejected:
        if rejection.code is RejectionCode.NO_KEY and not rejection.facts:
            without_account.append(rejection.route.partition("/")[0])
        else:
            lines.append(rejection_sentence(rejection, now_ms))
    if without_account:
        lines.append(
            f"no account at {', '.join(without_account)} (`trunkline doctor` says what would add one)"
        )
    return lines


def print_receipt(receipt: Receipt) -> None:
    """The whole receipt for a person, on stdout."""
    task = receipt.task
    outcome = receipt.outcome.value
    if receipt.outcome is Outcome.ANSWERED and not receipt.complete:
        outcome = f"{outcome}, {_whole(receipt)}"
    facts = [
        ("request", receipt.request_id),
        ("asked", f"{local_time(receipt.started_at_ms)} by {receipt.origin}"),
        ("task", f"{task.type}, complexity {task.complexity:.2f} ({task.tier.value}), {task.priority.value}"),
        ("outcome", outcome),
        ("route", str(receipt.route) if receipt.route else "–"),
        ("why", short_reason(receipt.decision) if receipt.decision else "–"),
        *((("upgrade", upgrade_sentence(receipt.upgrade)),) if receipt.upgrade else ()),
        ("took", f"{span(receipt.first_token_ms)} to the first token, {span(receipt.total_ms)} in all"),
        ("tokens", _tokens(receipt.usage)),
        ("cost", dollars(receipt.cost_pico)),
    ]
    if receipt.waste_pico or receipt.waste_unknown:
        facts.append(("in vain", dollars(receipt.waste_pico, unknown=receipt.waste_unknown)))
    if receipt.fault is not None:
        facts.append(("fault", _fault_words(receipt)))
    facts += [("warning", warning) for warning in receipt.warnings]
    facts += [("said", verdict_words(verdict)) for verdict in receipt.verdicts]
    for spent in receipt.quota:
        took = f"{spent.amount:,} {spent.metric} / {spent.window} of {spent.account}, {spent.left:,} left"
        facts.append(("quota", took))
    for name, value in facts:
        click.echo(f"{name:9} {strip_controls(value)}")
    if receipt.attempts:
        click.echo("")
        rows = [_attempt_row(attempt, receipt.started_at_ms) for attempt in receipt.attempts]
        print_table(("", "call", "outcome", "took", "cost", "because"), rows)


def _attempt_row(attempt: Attempt, asked_at_ms: int) -> list[str]:
    return [
        f"{attempt.number}",
        attempt.route.id,
        attempt.outcome.value,
        span(attempt.ended_ms - attempt.started_ms),
        dollars(attempt.cost_pico),
        fault_sentence(attempt.fault, asked_at_ms, None) if attempt.fault else "",
    ]


def _fault_words(receipt: Receipt) -> str:
    fault = receipt.fault
    if fault is None:
        return "for no known reason"
    said = f" ({fault.provider_text})" if fault.provider_text else ""
    until = f"; again at {local_time(fault.usable_at_ms)}" if fault.usable_at_ms is not None else ""
    return f"{fault_reason(fault)}{said}{until}"


def _tokens(usage: Usage) -> str:
    if usage.input_tokens is None or usage.output_tokens is None:
        return "tokens unknown"
    about = "≈" if usage.estimated else ""
    return f"{about}{usage.input_tokens:,}→{usage.output_tokens:,} tok"


def _whole(receipt: Receipt) -> str:
    if receipt.complete:
        return ""
    return "CUT at the output limit" if receipt.finish is FinishReason.LENGTH else "NOT WHOLE"
