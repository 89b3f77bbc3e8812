"""Units of work that keep what became of requests."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter

from trunkline.domain.money import MoneySum
from trunkline.domain.receipts import Attempt, AttemptOutcome, Outcome, Receipt
from trunkline.domain.routes import Route
from trunkline.store import codec, packed

PackInputs = Callable[[sqlite3.Connection, int, Receipt], bytes]
"""Packs what the decision of the request in that row was made from."""

_HOUR_MS = 3_600_000
_KEPT_APART = ("decision", "attempts", "verdicts")
_KEPT_WHOLE = tuple(field.name for field in fields(Receipt) if field.name not in _KEPT_APART)
_kept_whole = attrgetter(*_KEPT_WHOLE)


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """What was asked, without its content: the generation of the configuration it ran under, how many messages
    and tools it had, and the asker's own pins. Selectors are texts as `Catalogue.select` reads them."""

    generation: str
    message_count: int = 1
    tool_count: int = 0
    stream: bool = True
    pinned_to: str | None = None
    prefer: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    max_output_tokens: int | None = None
    budget_pico: int | None = None
    deadline_at_ms: int | None = None


@dataclass(slots=True)
class _Sums:
    requests: int = 0
    answered: int = 0
    failed: int = 0
    attempts: int = 0
    wasted: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_pico: int = 0
    waste_pico: int = 0
    unknown_costs: int = 0


def record(
    connection: sqlite3.Connection,
    receipt: Receipt,
    *,
    request: StoredRequest | None,
    inputs: PackInputs | None,
    process_id: str,
) -> None:
    """Keep a request that is over: its row, attempts, decision with what `inputs` makes of its inputs, and roll-ups. A
    second time it does nothing."""
    row = _insert_request(connection, receipt, request, process_id)
    if row is None:
        return
    connection.executemany(
        "INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_attempt_row(row, receipt, attempt) for attempt in receipt.attempts],
    )
    if receipt.decision is not None or inputs is not None:
        body = None if receipt.decision is None else packed.pack(receipt.decision)
        kept = None if inputs is None else inputs(connection, row, receipt)
        connection.execute("INSERT INTO decision VALUES (?, ?, ?)", (row, body, kept))
    _roll_up(connection, receipt)


def _insert_request(
    connection: sqlite3.Connection, receipt: Receipt, request: StoredRequest | None, process_id: str
) -> int | None:
    """The number of the new row; None where there is one already."""
    route, task, usage = receipt.route, receipt.task, receipt.usage
    called = sum(attempt.outcome is not AttemptOutcome.SHORT for attempt in receipt.attempts)
    inserted = connection.execute(
        "INSERT OR IGNORE INTO request VALUES "
        "(NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            receipt.request_id,
            receipt.started_at_ms,
            receipt.origin.kind.value,
            str(receipt.origin),
            task.type,
            task.tier.value,
            task.priority.value,
            receipt.outcome.value,
            receipt.complete,
            receipt.rerouted,
            called,
            "" if receipt.decision is None else receipt.decision.reason.value,
            None if route is None else route.provider,
            None if route is None else route.account,
            None if route is None else route.model,
            receipt.total_ms,
            receipt.first_token_ms,
            usage.input_tokens,
            usage.output_tokens,
            receipt.cost_pico,
            receipt.waste_pico,
            receipt.waste_unknown,
            receipt.conversation_id,
            receipt.turn_id,
            process_id,
            None if request is None else codec.encode(request),
            codec.encode(dict(zip(_KEPT_WHOLE, _kept_whole(receipt), strict=True))),
        ),
    )
    return inserted.lastrowid if inserted.rowcount == 1 else None


def _attempt_row(row: int, receipt: Receipt, attempt: Attempt) -> tuple[object, ...]:
    usage, route = attempt.usage, attempt.route
    return (
        row,
        attempt.number,
        receipt.started_at_ms + round(attempt.started_ms),
        route.provider,
        route.account,
        route.model,
        attempt.outcome.value,
        attempt.ended_ms - attempt.started_ms,
        None if attempt.first_token_ms is None else attempt.first_token_ms - attempt.started_ms,
        attempt.failover_ms,
        None if attempt.fault is None else attempt.fault.kind.value,
        None if usage is None else usage.input_tokens,
        None if usage is None else usage.output_tokens,
        attempt.cost_pico,
        codec.encode(attempt),
    )


def _roll_up(connection: sqlite3.Connection, receipt: Receipt) -> None:
    """Add to the hour's counters: the request to the route that answered (else the last one called), every
    attempt to its own route. What a request's other attempts cost is waste there."""
    called = [attempt for attempt in receipt.attempts if attempt.outcome is not AttemptOutcome.SHORT]
    owner = receipt.route or (called[-1].route if called else None)
    by_route: dict[Route | None, _Sums] = {}
    sums = by_route.setdefault(owner, _Sums())
    sums.requests = 1
    sums.answered = int(receipt.outcome is Outcome.ANSWERED)
    sums.failed = int(receipt.outcome is Outcome.FAILED)
    sums.input_tokens = receipt.usage.input_tokens or 0
    sums.output_tokens = receipt.usage.output_tokens or 0
    cost = MoneySum().plus(receipt.cost_pico) if called else MoneySum()
    sums.cost_pico, sums.unknown_costs = cost.pico, cost.unknown
    for attempt in called:
        sums = by_route.setdefault(attempt.route, _Sums())
        sums.attempts += 1
        if attempt.outcome is not AttemptOutcome.OK:
            sums.wasted += 1
            sums.waste_pico += attempt.cost_pico or 0
    hour_ms = receipt.started_at_ms - receipt.started_at_ms % _HOUR_MS
    connection.executemany(
        """INSERT INTO rollup VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET requests = requests + excluded.requests,
            answered = answered + excluded.answered, failed = failed + excluded.failed,
            attempts = attempts + excluded.attempts, wasted = wasted + excluded.wasted,
            input_tokens = input_tokens + excluded.input_tokens,
            output_tokens = output_tokens + excluded.output_tokens,
            cost_pico = cost_pico + excluded.cost_pico, waste_pico = waste_pico + excluded.waste_pico,
            unknown_costs = unknown_costs + excluded.unknown_costs""",
        [
            (
                hour_ms,
                "" if route is None else route.provider,
                "" if route is None else route.account,
                "" if route is None else route.model,
                receipt.task.type,
                str(receipt.origin),
                sums.requests,
                sums.answered,
                sums.failed,
                sums.attempts,
                sums.wasted,
                sums.input_tokens,
                sums.output_tokens,
                sums.cost_pico,
                sums.waste_pico,
                sums.unknown_costs,
            )
            for route, sums in by_route.items()
        ],
    )
