"""Lanes: when a request of each priority is let through (DESIGN §4.6)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from trunkline.domain.clock import Clock
from trunkline.domain.events import Held, RequestBody
from trunkline.domain.preferences import Preferences
from trunkline.domain.queue import HeldFor
from trunkline.engine.ticket import Ticket
from trunkline.engine.turns import LineKey, Rank, Waiting, interval_ms, latest_ms, rank_of, turns
from trunkline.engine.waiting_room import WaitingRoom

# A request is told again when it goes only if that has changed by more than its lane's pace, and by this at least.
_TELL_AGAIN_MS = 1_000.0
# Lines that have been idle for long are forgotten once there are so many: agents may name themselves as they like.
_LINES_KEPT = 1_000
_NEVER_MS = float("inf")


@dataclass(slots=True, eq=False)
class _Waiter:
    """`line` is the one it stands in, None once it was let go."""

    ticket: Ticket
    emit: Callable[[RequestBody], None]
    line: _Line | None = None
    due_ms: float = 0.0
    told_ms: float = 0.0

    @property
    def request_id(self) -> str:
        return self.ticket.request_id


@dataclass(slots=True, eq=False)
class _Line:
    """Those of one origin in one lane. Monotonic times: `last_ms` is when it let its last one go, `tail_ms` when the
    last of those goes that take turns in it, `next_ms` when it has to be looked at again."""

    rank: Rank
    waiters: list[_Waiter] = field(default_factory=list)
    last_ms: float | None = None
    tail_ms: float | None = None
    next_ms: float = _NEVER_MS


class Lanes:
    """Belongs to one event loop. `preferences` are those in force, `expected_ms` how long a request is expected to
    take. However many wait, there is one timer."""

    def __init__(
        self,
        clock: Clock,
        room: WaitingRoom,
        preferences: Callable[[], Preferences],
        expected_ms: Callable[[], float],
        process_name: str,
    ) -> None:
        self._clock = clock
        self._room = room
        self._preferences = preferences
        self._expected_ms = expected_ms
        self._process_name = process_name
        self._lines: dict[LineKey, _Line] = {}
        self._timer: asyncio.Task[None] | None = None
        self._timer_ms = _NEVER_MS
        room.orders[HeldFor.LANE] = self

    async def admit(self, ticket: Ticket, emit: Callable[[RequestBody], None]) -> bool:
        """Wait for the turn of `ticket`; False when its deadline comes first."""
        if self._is_over(ticket):
            return False
        rank = rank_of(ticket.task)
        pace_ms = self._pace_ms(rank)
        if pace_ms <= 0 or self._room.is_promoted(ticket.request_id):
            return True
        line = self._lines.setdefault((rank, ticket.request.origin), _Line(rank))
        waiter = _Waiter(ticket, emit, line)
        # Whoever comes is the last of its line: its turn follows from that of the one before it alone.
        last_ms = line.last_ms if line.tail_ms is None else line.tail_ms
        now_ms = self._clock.mono_ms()
        (turn,) = turns((self._waiting(waiter),), last_ms=last_ms, interval_ms=pace_ms, now_ms=now_ms)
        if turn.due_ms <= now_ms:
            if turn.paced:
                line.last_ms = now_ms
            self._forget_idle(now_ms)
            return True
        waiter.due_ms = waiter.told_ms = turn.due_ms
        if turn.paced:
            line.tail_ms = turn.due_ms
        line.waiters.append(waiter)
        self._look_at(line, turn.due_ms)
        await self._wait(waiter, pace_ms)
        return not self._is_over(ticket)

    async def _wait(self, waiter: _Waiter, pace_ms: float) -> None:
        ticket, held = waiter.ticket, self._held(waiter, pace_ms)
        waiter.emit(held)
        item = ticket.item(HeldFor.LANE, held.why, until_ms=held.until_ms, process=self._process_name)
        try:
            await self._room.rest(item, None, rousable=False)
        finally:
            # It was let go, promoted or cancelled; those behind it come sooner unless it was let go.
            line, waiter.line = waiter.line, None
            if line is not None:
                line.waiters.remove(waiter)
                self._look_at(line, self._clock.mono_ms())

    def _held(self, waiter: _Waiter, pace_ms: float) -> Held:
        ticket = waiter.ticket
        priority, origin = ticket.task.priority.value, ticket.request.origin
        why = f"{priority} priority: one of {origin} goes every {pace_ms / 1000:g} s"
        return Held(HeldFor.LANE, why, self._wall_ms(waiter.due_ms))

    def _is_over(self, ticket: Ticket) -> bool:
        deadline_at_ms = ticket.request.deadline_at_ms
        return deadline_at_ms is not None and deadline_at_ms <= self._clock.wall_ms()

    # -- orders -------------------------------------------------------------------------------------------------

    def order(self) -> Sequence[str]:
        """See `OrderedWait`."""
        waiters = [waiter for line in self._lines.values() for waiter in line.waiters]
        return [one.request_id for one in sorted(waiters, key=lambda one: (one.due_ms, one.ticket.since_ms))]

    def put_beside(self, request_id: str, neighbour: str, *, before: bool) -> None:
        """See `OrderedWait`. It stands in the other's line from then on: where that was another one, the person who
        moves it has it go when that one would have gone."""
        found = {waiter.request_id: waiter for line in self._lines.values() for waiter in line.waiters}
        waiter, beside = found.get(request_id), found.get(neighbour)
        if waiter is None or beside is None or waiter.line is None or beside.line is None:
            return
        left, line = waiter.line, beside.line
        left.waiters.remove(waiter)
        line.waiters.insert(line.waiters.index(beside) + (not before), waiter)
        waiter.line = line
        self._recount(line)
        if left is not line:
            self._recount(left)

    def look_again(self) -> None:
        """Other settings may be in force."""
        for line in self._lines.values():
            if line.waiters:
                self._look_at(line, self._clock.mono_ms())

    # -- turns --------------------------------------------------------------------------------------------------

    def _recount(self, line: _Line) -> None:
        """Let those of a line go whose turn it is, and count anew when the others go."""
        pace_ms, now_ms = self._pace_ms(line.rank), self._clock.mono_ms()
        waiting = [self._waiting(waiter) for waiter in line.waiters]
        found = turns(waiting, last_ms=line.last_ms, interval_ms=pace_ms, now_ms=now_ms)
        waiters, line.waiters = line.waiters, []
        line.next_ms, line.tail_ms = _NEVER_MS, None
        for waiter, turn in zip(waiters, found, strict=True):
            if turn.due_ms <= now_ms:
                if turn.paced:
                    line.last_ms = now_ms
                waiter.line = None
                self._room.call(waiter.request_id)
                continue
            line.waiters.append(waiter)
            line.next_ms = min(line.next_ms, turn.due_ms)
            if turn.paced:
                line.tail_ms = turn.due_ms
            self._expect(waiter, turn.due_ms, pace_ms)
        self._set_timer(line.next_ms)

    def _expect(self, waiter: _Waiter, due_ms: float, pace_ms: float) -> None:
        waiter.due_ms = due_ms
        self._room.expect(waiter.request_id, self._wall_ms(due_ms))
        if abs(due_ms - waiter.told_ms) > max(pace_ms, _TELL_AGAIN_MS):
            waiter.told_ms = due_ms
            waiter.emit(self._held(waiter, pace_ms))

    def _waiting(self, waiter: _Waiter) -> Waiting:
        deadline_at_ms = waiter.ticket.request.deadline_at_ms
        if deadline_at_ms is None:
            return Waiting(waiter.request_id)
        wall_ms, mono_ms = self._clock.wall_ms(), self._clock.mono_ms()
        latest = latest_ms(deadline_at_ms, self._expected_ms(), wall_ms=wall_ms, mono_ms=mono_ms)
        return Waiting(waiter.request_id, latest)

    def _pace_ms(self, rank: Rank) -> float:
        return interval_ms(rank, self._preferences().thresholds)

    def _wall_ms(self, mono_ms: float) -> int:
        return self._clock.wall_ms() + round(mono_ms - self._clock.mono_ms())

    def _forget_idle(self, now_ms: float) -> None:
        if len(self._lines) <= _LINES_KEPT:
            return
        for key, line in list(self._lines.items()):
            if not line.waiters and now_ms - (line.last_ms or 0.0) >= self._pace_ms(line.rank):
                del self._lines[key]

    # -- the timer ----------------------------------------------------------------------------------------------

    def _look_at(self, line: _Line, at_ms: float) -> None:
        """Have a line counted anew at that time, or earlier."""
        line.next_ms = min(line.next_ms, at_ms)
        self._set_timer(line.next_ms)

    def _set_timer(self, at_ms: float) -> None:
        if not any(line.waiters for line in self._lines.values()):
            self._stop_timer()
        elif at_ms < self._timer_ms:
            self._stop_timer()
            self._timer_ms = at_ms
            self._timer = asyncio.get_running_loop().create_task(self._ring(at_ms))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_ms = None, _NEVER_MS

    async def _ring(self, at_ms: float) -> None:
        await self._clock.sleep(max(0.0, at_ms - self._clock.mono_ms()))
        self._timer, self._timer_ms = None, _NEVER_MS
        now_ms = self._clock.mono_ms()
        for line in list(self._lines.values()):
            if line.next_ms <= now_ms:
                self._recount(line)
        self._set_timer(min((line.next_ms for line in self._lines.values()), default=_NEVER_MS))
