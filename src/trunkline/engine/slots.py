"""Slots: who may call an account that takes only so many calls at once, and how those that wait are woken.

Whoever waits is woken by the end of a call, never by looking again and again. A call that ends is offered to the one
whose turn it is; the place is held for it until it has looked, so that nobody who comes later is before it. Where it
has no use for the place, the offer goes on to the next.
"""

from __future__ import annotations

import asyncio
from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from trunkline.domain.clock import Clock
from trunkline.domain.decisions import NoRoute, Rejection, RejectionCode
from trunkline.domain.errors import StoreError
from trunkline.domain.events import Held, RequestBody
from trunkline.domain.faults import Fault
from trunkline.domain.limits import Metric
from trunkline.domain.preferences import QueuePolicy
from trunkline.domain.queue import HeldFor
from trunkline.domain.routes import Route
from trunkline.domain.snapshot import RunningCall
from trunkline.domain.tasks import Origin
from trunkline.engine.ticket import Ticket
from trunkline.engine.turns import InLine, LineKey, aged, next_for_slot, rank_of, spread_after_reset_ms
from trunkline.engine.waiting_room import WaitingRoom
from trunkline.quota.concurrency import Crowding, crowding_of
from trunkline.quota.ledger import Ledger
from trunkline.quota.tracker import QuotaTracker

AccountKey = tuple[str, str]

# Calls of other processes, and blocks whose time has come, end without a word here.
_LOOK_AGAIN_MS = 10_000.0
# How often it is looked whether the book takes something again, and how many times.
_LOOK_AT_BOOK_MS, _MOST_LOOKS = 1_000.0, 600
_WHY = "every account that could serve has as many calls under way as it takes"
_MAY_CHANGE = frozenset({RejectionCode.BUSY, RejectionCode.LIMIT, RejectionCode.BREAKER_OPEN})


def is_for_a_slot(rejection: Rejection) -> bool:
    """Whether the end of a call would let these routes answer."""
    if rejection.code is RejectionCode.BUSY:
        return True
    facts = dict(rejection.facts)
    concurrency = facts.get("metric") == Metric.CONCURRENCY.value
    return rejection.code is RejectionCode.LIMIT and concurrency and facts.get("amount") != 0


@dataclass(slots=True, eq=False)
class _Seat:
    """One that waits. `place` sorts it within its line. `wants` are the accounts (`*`: every one of the provider)
    that could serve it once they are free. `held` is the account whose place is kept for it."""

    ticket: Ticket
    line: LineKey
    place: tuple[bool, int, float]
    wants: frozenset[AccountKey]
    held: AccountKey | None = None

    @property
    def request_id(self) -> str:
        return self.ticket.request_id

    def wants_account(self, account: AccountKey) -> bool:
        return account in self.wants or (account[0], "*") in self.wants


@dataclass(slots=True)
class _Offer:
    """A place at `account` that goes round; `asked` are those who had no use for it."""

    account: AccountKey
    asked: set[str] = field(default_factory=set)


class Slots:
    """Belongs to one event loop. `policy` is the one in force."""

    def __init__(
        self,
        clock: Clock,
        room: WaitingRoom,
        tracker: QuotaTracker,
        ledger: Ledger,
        policy: Callable[[], QueuePolicy],
        draw: Callable[[], float],
        process_name: str,
        process_id: str,
    ) -> None:
        self._clock = clock
        self._room = room
        self._tracker = tracker
        self._ledger = ledger
        self._policy = policy
        self._draw = draw
        self._process_name = process_name
        self._process_id = process_id
        self._lines: dict[LineKey, list[_Seat]] = {}
        self._offers: dict[str, _Offer] = {}
        self._standing: dict[str, tuple[LineKey, int, float]] = {}
        self._come = 0
        self._served: dict[Origin, int] = {}
        self._given = 0
        self._settling: set[asyncio.Task[None]] = set()
        room.orders[HeldFor.SLOT] = self

    # -- waiting ------------------------------------------------------------------------------------------------

    @staticmethod
    def would_help(no_route: NoRoute) -> bool:
        """Whether somebody could serve as soon as a call ends."""
        return any(is_for_a_slot(rejection) for rejection in no_route.rejected)

    async def wait(
        self, ticket: Ticket, no_route: NoRoute, emit: Callable[[RequestBody], None], deadline_at_ms: int
    ) -> None:
        """Wait until a call has ended where `ticket` could be served, or something else may have changed for it, and
        at most until its deadline (wall time)."""
        if ticket.request_id not in self._standing:
            self._come += 1
            line = (rank_of(ticket.task), ticket.request.origin)
            self._standing[ticket.request_id] = (line, ticket.since_ms, float(self._come))
            emit(Held(HeldFor.SLOT, _WHY))
        seat = self._sit_down(ticket, no_route)
        self.decline(ticket.request_id)
        item = ticket.item(HeldFor.SLOT, _WHY, until_ms=None, process=self._process_name)
        try:
            await self._room.rest(item, self._longest_ms(ticket, no_route, deadline_at_ms), rousable=False)
        finally:
            self._stand_up(seat)

    def is_full(self, route: Route) -> bool:
        """Whether the route's account has as many calls under way as it has been found to take."""
        return self._tracker.calls.is_full((route.provider, route.account))

    def take(self, request_id: str, route: Route) -> int:
        """A call down `route` begins; its number. Whoever was offered a place elsewhere passes it on."""
        now_ms = self._clock.wall_ms()
        number = self._tracker.began(route, now_ms)
        offer = self._offers.pop(request_id, None)
        if offer is not None:
            taken = (route.provider, route.account)
            self._pass(_Offer(taken) if offer.account == taken else offer)
        return number

    def give(self, route: Route) -> None:
        """A call down `route` is over: its place is for the next."""
        self._tracker.ended(route)
        if not self._lines:
            return
        if not self._tracker.counts_calls(route):
            self._pass(_Offer((route.provider, route.account)))
            return
        settling = asyncio.get_running_loop().create_task(self._give_once_settled(route))
        self._settling.add(settling)
        settling.add_done_callback(self._settling.discard)

    async def _give_once_settled(self, route: Route) -> None:
        """Where the book counts calls at once, the place is free when the call is off the book. Where that takes
        nothing now, whoever comes next is told so as he books, and others once it does."""
        account = (route.provider, route.account)
        for _ in range(_MOST_LOOKS):
            try:
                await self._ledger.flush()
            except StoreError:
                self._pass(_Offer(account))
                await self._clock.sleep(_LOOK_AT_BOOK_MS)
            else:
                break
        self._tracker.settled(route, self._clock.wall_ms())
        self._pass(_Offer(account))

    def close(self) -> None:
        """Nobody comes any more."""
        for settling in self._settling:
            settling.cancel()

    def decline(self, request_id: str) -> None:
        """The request waits for something else: what it was offered is for the next."""
        offer = self._offers.pop(request_id, None)
        if offer is not None:
            offer.asked.add(request_id)
            self._pass(offer)

    def leave(self, request_id: str) -> None:
        """The request is over."""
        self._standing.pop(request_id, None)
        self.decline(request_id)

    def look_again(self) -> None:
        """Something was freed or configured: offer whatever room there is."""
        wanted = {account for line in self._lines.values() for seat in line for account in seat.wants}
        room = self._tracker.with_room(self._clock.wall_ms()) if wanted else {}
        for account, has_room in room.items():
            if has_room and (account in wanted or (account[0], "*") in wanted):
                self._pass(_Offer(account))

    def heard(self, running: Iterable[RunningCall]) -> None:
        """What is under way in all processes, as the store says; this one's own are known better here."""
        elsewhere: Counter[AccountKey] = Counter()
        for call in running:
            if call.process_id != self._process_id:
                provider, account, _ = call.route.split("/", 2)
                elsewhere[provider, account] += 1
        if self._tracker.calls.note_elsewhere(elsewhere):
            self.look_again()

    # -- learning -----------------------------------------------------------------------------------------------

    def learn(self, route: Route, number: int, fault: Fault | None) -> bool:
        """A call is over, its place not given back yet: what it tells of calls at once. True where it was refused for
        nothing else and others are under way: then its account has no fault, and is blocked by nothing but them."""
        account, calls, now_ms = (route.provider, route.account), self._tracker.calls, self._clock.wall_ms()
        if fault is None:
            calls.answered(account, now_ms)
            return False
        under_way = calls.in_flight(account) + calls.elsewhere(account)
        crowding = crowding_of(fault, under_way)
        if crowding is not Crowding.NONE:
            calls.refused(account, number, now_ms, stated=crowding is Crowding.STATED)
        return crowding is Crowding.STATED and under_way > 1 and fault.usable_at_ms is None

    # -- orders -------------------------------------------------------------------------------------------------

    def order(self) -> Sequence[str]:
        """See `OrderedWait`."""
        now_ms, age_ms = self._clock.wall_ms(), self._policy().age_ms
        keyed = [
            (
                seat.place[0],
                aged(line[0], now_ms - seat.place[1], age_ms),
                ahead,
                *seat.place[1:],
                seat.request_id,
            )
            for line, seats in self._lines.items()
            for ahead, seat in enumerate(seats)
        ]
        return [key[-1] for key in sorted(keyed)]

    def put_beside(self, request_id: str, neighbour: str, *, before: bool) -> None:
        """See `OrderedWait`. It counts as having come with the other, in that one's line, as long as it lives."""
        found = {seat.request_id: seat for line in self._lines.values() for seat in line}
        seat, beside = found.get(request_id), found.get(neighbour)
        if seat is None or beside is None:
            return
        self._remove(seat)
        _, since_ms, turn = beside.place
        seat.line, seat.place = beside.line, (seat.place[0], since_ms, turn + (-0.5 if before else 0.5))
        self._standing[request_id] = (seat.line, *seat.place[1:])
        self._insert(seat)

    # -- seats --------------------------------------------------------------------------------------------------

    def _sit_down(self, ticket: Ticket, no_route: NoRoute) -> _Seat:
        line, since_ms, turn = self._standing[ticket.request_id]
        place = (not self._room.is_promoted(ticket.request_id), since_ms, turn)
        seat = _Seat(ticket, line, place, _wanted(no_route))
        self._insert(seat)
        return seat

    def _stand_up(self, seat: _Seat) -> None:
        self._remove(seat)
        if seat.held is not None:
            self._tracker.calls.unhold(seat.held)
        if not self._lines:
            self._served.clear()

    def _insert(self, seat: _Seat) -> None:
        insort(self._lines.setdefault(seat.line, []), seat, key=lambda one: one.place)

    def _remove(self, seat: _Seat) -> None:
        line = self._lines[seat.line]
        line.remove(seat)
        if not line:
            del self._lines[seat.line]

    def _longest_ms(self, ticket: Ticket, no_route: NoRoute, deadline_at_ms: int) -> float:
        now_ms, policy = self._clock.wall_ms(), self._policy()
        longest_ms = _LOOK_AGAIN_MS
        if no_route.earliest_reset_at_ms is not None:
            apart_ms = spread_after_reset_ms(
                rank_of(ticket.task),
                waited_ms=now_ms - ticket.since_ms,
                age_ms=policy.age_ms,
                spread_ms=policy.spread_ms,
                draw=self._draw(),
            )
            longest_ms = min(longest_ms, no_route.earliest_reset_at_ms - now_ms + apart_ms)
        return max(1.0, min(longest_ms, deadline_at_ms - now_ms))

    # -- offers -------------------------------------------------------------------------------------------------

    def _pass(self, offer: _Offer) -> None:
        """Offer a place to whose turn it is of those who want it and were not asked yet, if it is free."""
        now_ms = self._clock.wall_ms()
        if not self._lines or not self._tracker.has_room(offer.account, now_ms):
            return
        seats = {seat.request_id: seat for line in self._lines.values() if (seat := _first(line, offer))}
        firsts = (self._in_line(seat) for seat in seats.values())
        chosen = next_for_slot(firsts, now_ms, self._policy().age_ms)
        if chosen is None:
            return
        seat = seats[chosen.request_id]
        seat.held = offer.account
        self._tracker.calls.hold(offer.account)
        self._offers[seat.request_id] = offer
        self._given += 1
        self._served[seat.line[1]] = self._given
        self._room.call(seat.request_id)

    def _in_line(self, seat: _Seat) -> InLine:
        rank, origin = seat.line
        later, since_ms, _ = seat.place
        return InLine(seat.request_id, rank, since_ms, self._served.get(origin, 0), promoted=not later)


def _first(line: list[_Seat], offer: _Offer) -> _Seat | None:
    """The first of a line who wants the place and was not asked yet, for this place or another."""
    return next(
        (
            seat
            for seat in line
            if seat.held is None and seat.request_id not in offer.asked and seat.wants_account(offer.account)
        ),
        None,
    )


def _wanted(no_route: NoRoute) -> frozenset[AccountKey]:
    found = set()
    for rejection in no_route.rejected:
        if rejection.code in _MAY_CHANGE:
            provider, account, *_ = (*rejection.route.split("/", 2), "*")
            found.add((provider, account))
    return frozenset(found)
