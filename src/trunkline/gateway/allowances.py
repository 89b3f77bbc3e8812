"""What each token may still do: requests a minute, money a day. Kept in memory; others' use is told to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Protocol

from trunkline.domain.clock import Clock
from trunkline.domain.events import Ending
from trunkline.domain.money import PICO_PER_USD, MoneySum
from trunkline.domain.receipts import AttemptOutcome, Receipt
from trunkline.gateway.dialect import Problem, ProblemKind
from trunkline.store.gateway_tokens import TokenUse

_MINUTE_MS = 60_000.0


class Limited(Protocol):
    """Whose use is counted."""

    @property
    def token_id(self) -> str | None: ...

    @property
    def name(self) -> str | None: ...

    @property
    def budget_day_pico(self) -> int | None: ...

    @property
    def requests_per_minute(self) -> int | None: ...


class Spending(Protocol):
    """A request under way: what it should cost, None until that is known, and how it ended."""

    @property
    def estimate_pico(self) -> int | None: ...

    @property
    def ending(self) -> Ending | None: ...


class Used(Protocol):
    """Hears of every request of a token that is over."""

    def __call__(self, token_id: str, day: str, cost: MoneySum) -> None: ...


class Allowances:
    """Belongs to one event loop. A day is one of `zone`, None: this machine's."""

    def __init__(self, clock: Clock, used: Used, zone: tzinfo | None = None) -> None:
        self._clock = clock
        self._used = used
        self._zone = zone
        self._day = ""
        self._today: tuple[int, int, str] = (0, 0, "")
        self._uses: dict[str, TokenUse] = {}
        self._since: list[tuple[str, MoneySum]] | None = None
        self._begun: dict[str, deque[float]] = {}
        self._running: dict[str, list[Spending]] = {}

    @property
    def day(self) -> str:
        """Today, as uses are kept by it."""
        now_ms = self._clock.wall_ms()
        begins_ms, ends_ms, name = self._today
        if not begins_ms <= now_ms < ends_ms:
            now = self._local()
            begins_ms = _ms(datetime.combine(now.date(), time.min, tzinfo=self._zone))
            ends_ms = _ms(_midnight_after(now, self._zone))
            name = now.date().isoformat()
            self._today = begins_ms, ends_ms, name
        return name

    @contextmanager
    def learning(self) -> Iterator[None]:
        """What is over within this is not in what is learned in it, and comes on top."""
        self._since = []
        try:
            yield
        finally:
            self._since = None

    def learn(self, day: str, uses: Mapping[str, TokenUse]) -> None:
        """What was used that day under every token, by every process."""
        if day != self.day:
            return
        self._day, self._uses = day, dict(uses)
        for token_id, cost in self._since or ():
            self._uses[token_id] = self._use(token_id).plus(cost)

    def left_pico(self, client: Limited) -> int | None:
        """What a client may still spend today, what is under way taken for spent; None: as much as it likes."""
        if client.budget_day_pico is None or client.token_id is None:
            return None
        spent_pico = self._use(client.token_id).cost.pico + self._under_way_pico(client.token_id)
        return max(0, client.budget_day_pico - spent_pico)

    def problem(self, client: Limited) -> Problem | None:
        """Why a client may not ask now, and when it may; None where it may."""
        return self._rate_problem(client) or self._budget_problem(client)

    @contextmanager
    def spending(self, client: Limited, request: Spending) -> Iterator[None]:
        """Count a request that begins, and what it came to when it is over."""
        if client.token_id is None:
            yield
            return
        if client.requests_per_minute is not None:
            self._begun.setdefault(client.token_id, deque()).append(self._clock.mono_ms())
        running = self._running.setdefault(client.token_id, [])
        running.append(request)
        try:
            yield
        finally:
            # By identity: two requests may be equal.
            del running[next(at for at, one in enumerate(running) if one is request)]
            cost = _cost(request)
            self._uses[client.token_id] = self._use(client.token_id).plus(cost)
            if self._since is not None:
                self._since.append((client.token_id, cost))
            self._used(client.token_id, self.day, cost)

    def _rate_problem(self, client: Limited) -> Problem | None:
        most = client.requests_per_minute
        if most is None or client.token_id is None:
            return None
        now_ms = self._clock.mono_ms()
        begun = self._begun.setdefault(client.token_id, deque())
        while begun and begun[0] <= now_ms - _MINUTE_MS:
            begun.popleft()
        if len(begun) < most:
            return None
        return Problem(
            ProblemKind.LIMIT,
            f"The token {client.name!r} may make {most} requests a minute, and has.",
            code="token_rate",
            retry_after_ms=max(1, round(begun[-most] + _MINUTE_MS - now_ms)),
        )

    def _budget_problem(self, client: Limited) -> Problem | None:
        if client.budget_day_pico is None or client.token_id is None or self.left_pico(client):
            return None
        spent_pico = self._use(client.token_id).cost.pico
        under_way_pico = self._under_way_pico(client.token_id)
        running = f" and requests for about {_usd(under_way_pico)} are under way" if under_way_pico else ""
        now = self._local()
        midnight = _midnight_after(now, self._zone)
        return Problem(
            ProblemKind.LIMIT,
            f"The token {client.name!r} may spend {_usd(client.budget_day_pico)} a day: {_usd(spent_pico)} of it "
            f"went on {now.date().isoformat()}{running}. A new day begins at "
            f"{midnight.isoformat(sep=' ', timespec='minutes')}.",
            code="token_budget",
            retry_after_ms=max(1, _ms(midnight) - self._clock.wall_ms()),
        )

    def _use(self, token_id: str) -> TokenUse:
        if self._day != self.day:
            self._day, self._uses = self.day, {}
        return self._uses.get(token_id, TokenUse())

    def _under_way_pico(self, token_id: str) -> int:
        """What the requests under way should cost; one of which that is not known yet, as much as they do on average
        today."""
        use = self._use(token_id)
        usual_pico = use.cost.pico // use.requests if use.requests else 0
        running = self._running.get(token_id, ())
        return sum(usual_pico if one.estimate_pico is None else one.estimate_pico for one in running)

    def _local(self) -> datetime:
        now_s = self._clock.wall_ms() / 1000
        return datetime.fromtimestamp(now_s, self._zone).astimezone(self._zone)


def _cost(request: Spending) -> MoneySum:
    """What it cost. One that was left before its end is taken to have cost what it should have, and nothing where it
    was not even decided who would be asked."""
    if request.ending is None:
        return MoneySum() if request.estimate_pico is None else MoneySum(request.estimate_pico)
    receipt: Receipt = request.ending.receipt
    if all(attempt.outcome is AttemptOutcome.SHORT for attempt in receipt.attempts):
        return MoneySum()
    cost = MoneySum().plus(receipt.cost_pico)
    return MoneySum(cost.pico + receipt.waste_pico, cost.unknown + receipt.waste_unknown)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _midnight_after(now: datetime, zone: tzinfo | None) -> datetime:
    """A day may have 23 or 25 hours; so moments of one zone are not subtracted, which would take the clocks' word."""
    tomorrow: date = now.date() + timedelta(days=1)
    return datetime.combine(tomorrow, time.min, tzinfo=zone).astimezone(zone)


def _usd(pico: int) -> str:
    return f"${pico / PICO_PER_USD:.2f}" if pico >= PICO_PER_USD // 100 else f"${pico / PICO_PER_USD:.6f}"
