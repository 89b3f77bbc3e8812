"""Booking calls before they are made, settling them after, and adding up what a request took."""

from __future__ import annotations

from collections.abc import Callable

from trunkline.domain.clock import Clock
from trunkline.domain.money import FREE, MoneySum, Price, Usage
from trunkline.domain.output_limit import output_limit, reserved_output
from trunkline.domain.receipts import Attempt, AttemptOutcome, QuotaSpent
from trunkline.domain.routes import Route
from trunkline.domain.tasks import Task
from trunkline.engine.attempt import CallRecord
from trunkline.engine.generation import Generation
from trunkline.quota.claims import actual_amounts
from trunkline.quota.ledger import Ledger, Reservation, ReserveAsk, Shortage
from trunkline.quota.tracker import QuotaTracker


class Books:
    """The attempts of one request, booked and settled one by one. Times are milliseconds from its start, which was
    `age_ms` ago where it was kept meanwhile; `earlier` are the attempts that were made then."""

    def __init__(
        self,
        ledger: Ledger,
        tracker: QuotaTracker,
        clock: Clock,
        generation: Generation,
        request_id: str,
        *,
        origin: str = "",
        asked_output_tokens: int | None = None,
        age_ms: float = 0.0,
        earlier: tuple[Attempt, ...] = (),
    ) -> None:
        self._ledger = ledger
        self._tracker = tracker
        self._clock = clock
        self._generation = generation
        self._request_id = request_id
        self._origin = origin
        self._asked_output_tokens = asked_output_tokens
        self._began_mono_ms = clock.mono_ms() - age_ms
        self._open: tuple[CallRecord, Reservation, Task, int] | None = None
        self._refusal_ended_mono_ms: float | None = None
        self._first_token_mono_ms: float | None = None
        self._last_settled: tuple[Reservation, list[tuple[str, int]]] | None = None
        self.attempts: list[Attempt] = list(earlier)
        self._counted_from = len(earlier)
        self._reserved_tokens: int | None = None
        self._spared: dict[tuple[str, str], int] = {}

    def begin_anew(self, generation: Generation) -> None:
        """The request has waited: what it called before counts no more, nor was it turned away just now, and what it
        calls from now on is called under `generation`."""
        self._generation = generation
        self._counted_from = len(self.attempts)
        self._refusal_ended_mono_ms = None

    def spare(self, route: Route) -> None:
        """The last call, down `route`, was refused for calls at once and nothing else: once for each account that does
        not count. By it is learned how many that one takes, so nobody asks in vain there again; a first burst over many
        accounts of which that is not known would use up every call otherwise."""
        self._spared.setdefault((route.provider, route.account), len(self.attempts) - 1)

    @property
    def called(self) -> tuple[Route, ...]:
        """The routes called since it waited last, in order; shortages are no calls, and see `spare`."""
        left_out = set(self._spared.values())
        return tuple(
            attempt.route
            for at, attempt in enumerate(self.attempts)
            if at >= self._counted_from and at not in left_out and attempt.outcome is not AttemptOutcome.SHORT
        )

    @property
    def calls(self) -> int:
        """How many calls that were."""
        return len(self.called)

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

    async def reserve(
        self,
        route: Route,
        task: Task,
        reservation_id: str,
        *,
        held_output: Callable[[int], int | None] = lambda _: None,
    ) -> Reservation | Shortage:
        """Book what a call down `route` should take: of tokens the estimate, or the whole output limit where the
        provider reserves it; of money what its input costs where all of it is new to the cache and written there, as
        the decision took it. `held_output` may make the limit smaller, and with it either (None: it does not)."""
        price = self._price(route, task.input_tokens, self._clock.wall_ms())
        reserved_tokens, output_tokens = self._reserved_output(route, task), task.output_tokens
        limit_tokens = reserved_tokens or self._output_limit(route, task)
        held_to = None if limit_tokens is None else held_output(limit_tokens)
        if held_to is not None:
            output_tokens = min(output_tokens, held_to)
            reserved_tokens = None if reserved_tokens is None else held_to
        self._reserved_tokens = reserved_tokens
        claims = self._tracker.claims(
            route,
            input_tokens=task.input_tokens,
            output_tokens=output_tokens if reserved_tokens is None else reserved_tokens,
            cost_pico=price.cost_pico(
                input_tokens=task.input_tokens,
                output_tokens=output_tokens,
                written_tokens=self._written(route, task.input_tokens),
            ),
        )
        number = len(self.attempts) + 1
        booked = await self._ledger.reserve(
            ReserveAsk(reservation_id, self._request_id, number, route, claims, self._origin)
        )
        self._tracker.note_uses(booked.uses, self._clock.wall_ms())
        if isinstance(booked, Shortage):
            now_ms = self.total_ms
            self.attempts.append(Attempt(number, route, AttemptOutcome.SHORT, now_ms, now_ms))
        return booked

    def open_call(self, route: Route, booked: Reservation, task: Task) -> CallRecord:
        """Begin the record of a call that is about to be made."""
        record = CallRecord(len(self.attempts) + 1, route, self._clock.mono_ms())
        self._open = (record, booked, task, self._clock.wall_ms())
        return record

    def close_call(self, *, cancelled: bool = False) -> Attempt | None:
        """Settle the call under way and add its attempt; None when there is none."""
        if self._open is None:
            return None
        record, booked, task, began_at_ms = self._open
        self._open = None
        record.cancelled = cancelled
        record.ended_mono_ms = record.ended_mono_ms or self._clock.mono_ms()
        attempt = self._attempt(record, task, began_at_ms)
        self._settle(record, booked, attempt)
        self.attempts.append(attempt)
        self._tracker.settled(record.route, self._clock.wall_ms(), booked.claims)
        self._refusal_ended_mono_ms = record.reply_ended_mono_ms or record.ended_mono_ms
        if self._first_token_mono_ms is None:
            self._first_token_mono_ms = record.first_token_mono_ms
        return attempt

    def _price(self, route: Route, input_tokens: int, at_ms: int) -> Price:
        """What a call of so much input pays that begins at wall time `at_ms`."""
        if not self._generation.account(route).costs_cash:
            return FREE
        return self._generation.model(route).price.at(input_tokens, at_ms)

    def _written(self, route: Route, input_tokens: int) -> int:
        """How much of so much input a cache may keep at a price of its own."""
        return input_tokens if input_tokens >= self._generation.model(route).cache.least_tokens else 0

    def _output_limit(self, route: Route, task: Task) -> int | None:
        """The output limit of a call, in tokens, whether it is sent or the model's own; None where nobody knows it."""
        model, quirks = self._generation.model(route), self._generation.provider(route).quirks
        sent = output_limit(self._asked_output_tokens, model, quirks, task.input_tokens)
        return model.max_output_tokens if sent is None else sent

    def _reserved_output(self, route: Route, task: Task) -> int | None:
        return reserved_output(
            self._asked_output_tokens,
            self._generation.model(route),
            self._generation.provider(route).quirks,
            task.input_tokens,
        )

    def _attempt(self, record: CallRecord, task: Task, began_at_ms: int) -> Attempt:
        usage = record.usage(task.input_tokens)
        input_tokens = task.input_tokens if usage.input_tokens is None else usage.input_tokens
        price = self._price(record.route, input_tokens, began_at_ms)
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
            cost_pico=usage.cost_at(price),
        )

    def _settle(self, record: CallRecord, booked: Reservation, attempt: Attempt) -> None:
        unsent = record.sent_mono_ms is None or (record.fault is not None and not record.fault.request_sent)
        if unsent and not record.output_chars:
            self._ledger.release(booked.reservation_id)
            return
        refused = attempt.outcome is AttemptOutcome.REFUSED
        amounts = actual_amounts(
            booked.claims,
            attempt.usage or Usage(),
            cost_pico=attempt.cost_pico,
            kept_output_tokens=0 if refused else self._reserved_tokens or 0,
            requests=max(1, record.calls_sent),
        )
        self._last_settled = (booked, amounts)
        self._ledger.settle(booked.reservation_id, amounts)

    def quota_spent(self, route: Route) -> tuple[QuotaSpent, ...]:
        """What the last settled call took from each known limit."""
        if self._last_settled is None:
            return ()
        booked, amounts = self._last_settled
        actual = dict(amounts)
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
