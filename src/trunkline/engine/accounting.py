"""Booking calls before they are made, settling them after, and the receipt that adds a request up."""

from __future__ import annotations

from trunkline.domain.clock import Clock
from trunkline.domain.money import FREE, MoneySum, Price, Usage
from trunkline.domain.receipts import Attempt, AttemptOutcome, QuotaSpent
from trunkline.domain.routes import Route
from trunkline.domain.tasks import Task
from trunkline.engine.attempt import CallRecord
from trunkline.engine.generation import Generation
from trunkline.quota.claims import actual_amounts
from trunkline.quota.ledger import Ledger, Reservation, ReserveAsk, Shortage
from trunkline.quota.tracker import QuotaTracker


class Books:
    """The attempts of one request, booked and settled one by one. Times are milliseconds from its start."""

    def __init__(
        self, ledger: Ledger, tracker: QuotaTracker, clock: Clock, generation: Generation, request_id: str
    ) -> None:
        self._ledger = ledger
        self._tracker = tracker
        self._clock = clock
        self._generation = generation
        self._request_id = request_id
        self._began_mono_ms = clock.mono_ms()
        self._open: tuple[CallRecord, Reservation, Task] | None = None
        self._refusal_ended_mono_ms: float | None = None
        self._first_token_mono_ms: float | None = None
        self._last_booking: Reservation | None = None
        self.attempts: list[Attempt] = []

    @property
    def calls(self) -> int:
        """Calls made, shortages not counted."""
        return sum(attempt.outcome is not AttemptOutcome.SHORT for attempt in self.attempts)

    def calls_on(self, route: Route) -> int:
        """Calls made on one route."""
        return sum(
            attempt.route == route and attempt.outcome is not AttemptOutcome.SHORT
            for attempt in self.attempts
        )

    @property
    def total_ms(self) -> float:
        """Time since the request began."""
        return self._clock.mono_ms() - self._began_mono_ms

    @property
    def first_token_ms(self) -> float | None:
        """Time to the first token of any kind, None while there is none."""
        if self._first_token_mono_ms is None:
            return None
        return self._first_token_mono_ms - self._began_mono_ms

    @property
    def since_refusal_ms(self) -> float:
        """Time since the last call's reply ended; 0 before the first."""
        if self._refusal_ended_mono_ms is None:
            return 0.0
        return self._clock.mono_ms() - self._refusal_ended_mono_ms

    async def reserve(self, route: Route, task: Task, reservation_id: str) -> Reservation | Shortage:
        """Book what a call down `route` should take."""
        price = self._price(route)
        claims = self._tracker.claims(
            route,
            input_tokens=task.input_tokens,
            output_tokens=task.output_tokens,
            cost_pico=price.cost_pico(input_tokens=task.input_tokens, output_tokens=task.output_tokens),
        )
        number = len(self.attempts) + 1
        booked = await self._ledger.reserve(
            ReserveAsk(reservation_id, self._request_id, number, route, claims)
        )
        self._tracker.note_uses(booked.uses, self._clock.wall_ms())
        if isinstance(booked, Shortage):
            now_ms = self.total_ms
            self.attempts.append(Attempt(number, route, AttemptOutcome.SHORT, now_ms, now_ms))
        return booked

    def open_call(self, route: Route, booked: Reservation, task: Task) -> CallRecord:
        """Begin the record of a call that is about to be made."""
        record = CallRecord(len(self.attempts) + 1, route, self._clock.mono_ms())
        self._open = (record, booked, task)
        return record

    def close_call(self, *, cancelled: bool = False) -> Attempt | None:
        """Settle the call under way and add its attempt; None when there is none."""
        if self._open is None:
            return None
        record, booked, task = self._open
        self._open = None
        record.cancelled = cancelled
        record.ended_mono_ms = record.ended_mono_ms or self._clock.mono_ms()
        attempt = self._attempt(record, task)
        self._settle(record, booked, attempt)
        self.attempts.append(attempt)
        if cancelled:
            # An answer or a fault brings the tracker up to date itself.
            self._tracker.settled(record.route, self._clock.wall_ms())
        self._refusal_ended_mono_ms = record.reply_ended_mono_ms or record.ended_mono_ms
        if self._first_token_mono_ms is None:
            self._first_token_mono_ms = record.first_token_mono_ms
        return attempt

    def _price(self, route: Route) -> Price:
        return self._generation.model(route).price if self._generation.account(route).costs_cash else FREE

    def _attempt(self, record: CallRecord, task: Task) -> Attempt:
        usage = record.usage(task.input_tokens)
        failover_ms = None
        if record.sent_mono_ms is not None and self._refusal_ended_mono_ms is not None:
            failover_ms = record.sent_mono_ms - self._refusal_ended_mono_ms
        return Attempt(
            number=record.number,
            route=record.route,
            outcome=record.outcome,
            started_ms=record.began_mono_ms - self._began_mono_ms,
            ended_ms=(record.ended_mono_ms or record.began_mono_ms) - self._began_mono_ms,
            first_token_ms=None
            if record.first_token_mono_ms is None
            else record.first_token_mono_ms - self._began_mono_ms,
            failover_ms=failover_ms,
            fault=record.fault,
            usage=usage,
            cost_pico=usage.cost_at(self._price(record.route)),
        )

    def _settle(self, record: CallRecord, booked: Reservation, attempt: Attempt) -> None:
        unsent = record.sent_mono_ms is None or (record.fault is not None and not record.fault.request_sent)
        if unsent and not record.output_chars:
            self._ledger.release(booked.reservation_id)
            return
        self._last_booking = booked
        usage = attempt.usage or Usage()
        self._ledger.settle(
            booked.reservation_id, actual_amounts(booked.claims, usage, cost_pico=attempt.cost_pico)
        )

    def quota_spent(self, route: Route) -> tuple[QuotaSpent, ...]:
        """What the last settled call took from each known limit."""
        booked = self._last_booking
        if booked is None or not self.attempts:
            return ()
        attempt = self.attempts[-1]
        actual = dict(actual_amounts(booked.claims, attempt.usage or Usage(), cost_pico=attempt.cost_pico))
        used = {use.key: use.used for use in booked.uses}
        spent = []
        for claim in booked.claims:
            if claim.limit_amount is None:
                continue
            amount = actual.get(claim.key, claim.amount)
            used_since = used.get(claim.key, 0) - claim.amount + amount
            left = max(0, claim.limit_amount - used_since)
            account = f"{route.provider}/{route.account}"
            spent.append(QuotaSpent(account, claim.metric.value, str(claim.window), amount, left))
        return tuple(spent)

    def waste(self) -> MoneySum:
        """What the calls cost that did not give the answer; an answer's own call is the last, if it is whole."""
        wasted = [
            attempt.cost_pico
            for attempt in self.attempts
            if attempt.outcome not in (AttemptOutcome.OK, AttemptOutcome.SHORT)
        ]
        return MoneySum.of(wasted)
