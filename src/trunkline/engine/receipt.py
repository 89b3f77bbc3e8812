"""What becomes of a request while it runs, and the receipt that says it in the end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from trunkline.domain.decisions import Decision, NoRoute
from trunkline.domain.faults import Fault
from trunkline.domain.money import Price, Usage
from trunkline.domain.receipts import Attempt, AttemptOutcome, FinishReason, Outcome, Receipt, TierUpgrade
from trunkline.domain.tasks import Task
from trunkline.engine.accounting import Books
from trunkline.engine.answer import AnswerSoFar
from trunkline.engine.ticket import Ticket
from trunkline.routing import Inputs


@dataclass(slots=True)
class Course:
    """How a request goes: the task as it is understood by now, the last decision and what it was made from, and how the
    last call or the whole of it ended."""

    task: Task
    decision: Decision | None = None
    no_route: NoRoute | None = None
    inputs: Inputs | None = None
    fault: Fault | None = None
    finish: FinishReason | None = None
    served_model: str | None = None
    upgrade: TierUpgrade | None = None
    warnings: list[str] = field(default_factory=list)

    def warn(self, warning: str | None) -> None:
        """Say that on the receipt, once."""
        if warning is not None and warning not in self.warnings:
            self.warnings.append(warning)


def receipt_of(
    ticket: Ticket, outcome: Outcome, course: Course, books: Books, answer: AnswerSoFar, reference: Price
) -> Receipt:
    """The receipt of a request that is over; `reference` is the price that an answer's saving is measured by."""
    request = ticket.request
    last = books.attempts[-1] if books.attempts else None
    answering = last if outcome is Outcome.ANSWERED else None
    usage = last.usage if last is not None and last.usage is not None else Usage()
    route = last.route if last is not None and last.outcome is not AttemptOutcome.SHORT else None
    waste = books.waste()
    # Vectors save nothing: no answer of the default model stands in their place.
    compared = answering if request.embeds is None else None
    return Receipt(
        request_id=ticket.request_id,
        origin=request.origin,
        outcome=outcome,
        task=course.task,
        decision=course.decision,
        route=route,
        attempts=tuple(books.attempts),
        started_at_ms=ticket.since_ms,
        total_ms=books.total_ms,
        first_token_ms=books.first_token_ms,
        usage=usage,
        cost_pico=answering.cost_pico if answering is not None else 0,
        waste_pico=waste.pico,
        waste_unknown=waste.unknown,
        alternative_cost_pico=_alternative(compared, usage, reference, ticket.since_ms),
        finish=course.finish,
        complete=answering is not None and course.finish in (FinishReason.STOP, FinishReason.TOOL_CALLS),
        fault=course.fault if answering is None else None,
        seams=tuple(answer.seams),
        restarts=answer.restarts,
        quota=books.quota_spent(route) if route is not None else (),
        conversation_id=request.conversation_id,
        turn_id=request.turn_id,
        served_model=course.served_model,
        warnings=tuple(course.warnings),
        no_route=course.no_route,
        upgrade=course.upgrade,
    )


def _alternative(answering: Attempt | None, usage: Usage, reference: Price, at_ms: int) -> int | None:
    """What the answer would have cost at that price, in pico-dollars; None where there is none or it is not known."""
    if answering is None:
        return None
    counted = usage if usage.cost_pico is None else replace(usage, cost_pico=None)
    return counted.cost_at(reference.at(usage.input_tokens or 0, at_ms))
