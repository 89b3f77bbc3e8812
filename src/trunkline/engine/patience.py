"""What a request does while nobody can serve it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

from trunkline.domain.decisions import NoRoute, RejectionCode
from trunkline.domain.events import Parked, RequestBody
from trunkline.domain.faults import Fault
from trunkline.domain.queue import HeldFor
from trunkline.domain.receipts import Attempt
from trunkline.engine.core import EngineCore
from trunkline.engine.own_faults import deadline_fault, kept_too_long_fault
from trunkline.engine.ticket import Ticket
from trunkline.engine.turns import rank_of, spread_after_reset_ms

# Who waits for a reset looks again this often at the soonest, and everybody a little apart.
_MIN_WAIT_MS = 20.0
_RESET_JITTER_MS = 200.0
_WHY = "nobody can serve it now"
# What goes on so soon need not be in the store.
SHORT_WAIT_MS = 5_000
# Coming back and calling in vain again is no reason to give up, but not for ever.
MOST_RETURNS = 20
_PASSING = frozenset(
    {RejectionCode.LIMIT, RejectionCode.BREAKER_OPEN, RejectionCode.FAILED, RejectionCode.OVER_BUDGET}
)


class Patience:
    """Waits on behalf of one request. `fault` is why it waits no more, where that is not simply that nobody can serve;
    `in_vain` says that no time would change that here."""

    def __init__(self, core: EngineCore, ticket: Ticket, emit: Callable[[RequestBody], None]) -> None:
        self._core = core
        self._ticket = ticket
        self._emit = emit
        self._told: tuple[int | None, bool] | None = None
        self.fault: Fault | None = None
        self.in_vain = False

    @property
    def returns(self) -> int:
        """How often the request came back from a long wait and called in vain."""
        return self._ticket.returns

    def turned_away(self, attempts: tuple[Attempt, ...]) -> None:
        """The request has called in vain since it waited last; `attempts` are all that it ever made. Calls of which no
        byte left this machine cost nobody anything: without a network a request that may be kept waits for ever."""
        made = attempts[len(self._ticket.attempts) :]
        reached = any(attempt.fault is None or attempt.fault.request_sent for attempt in made)
        self._ticket = replace(self._ticket, attempts=attempts, returns=self._ticket.returns + reached)

    async def for_somebody(self, no_route: NoRoute, deadline_at_ms: int) -> bool:
        """Wait for somebody who can serve; False where waiting would not help or may not be so long. A request that may
        be kept waits however long that is, beyond the engine's own deadline, and is in the store meanwhile; any other
        only while nobody sits waiting."""
        if self._ticket.request.park:
            return await self._however_long(no_route)
        return await self._briefly(no_route, deadline_at_ms)

    async def _briefly(self, no_route: NoRoute, deadline_at_ms: int) -> bool:
        core, task = self._core, self._ticket.task
        reset_at_ms = no_route.earliest_reset_at_ms
        now_ms = core.clock.wall_ms()
        remaining_ms = deadline_at_ms - now_ms
        patience_ms = (
            core.generation.config.preferences.thresholds.patience_ms if task.interactive else remaining_ms
        )
        if reset_at_ms is None or reset_at_ms - now_ms > min(patience_ms, remaining_ms):
            return False
        self._emit(Parked(reset_at_ms, no_route))
        queue = core.generation.config.preferences.queue
        # However long they have waited: at the reset all of them would have been lifted to the front.
        apart_ms = spread_after_reset_ms(
            rank_of(task), waited_ms=0, age_ms=queue.age_ms, spread_ms=queue.spread_ms, draw=core.draw()
        )
        apart_ms = min(apart_ms, max(0, deadline_at_ms - reset_at_ms) / 2)
        item = self._ticket.item(HeldFor.RESET, _WHY, until_ms=reset_at_ms, process=core.process_name)
        await core.waiting_room.rest(item, max(_MIN_WAIT_MS, reset_at_ms - now_ms) + apart_ms)
        return True

    async def _however_long(self, no_route: NoRoute) -> bool:
        core, request = self._core, self._ticket.request
        preferences, now_ms = core.generation.config.preferences, core.clock.wall_ms()
        until_ms = no_route.earliest_reset_at_ms
        wait_ms = None if until_ms is None else until_ms - now_ms
        own_deadline_at_ms = sys.maxsize if request.deadline_at_ms is None else request.deadline_at_ms
        longest_ms = preferences.queue.park_at_most_ms
        if wait_ms is not None and longest_ms is not None and wait_ms > longest_ms:
            self.fault = kept_too_long_fault(no_route, longest_ms)
        elif now_ms >= own_deadline_at_ms:
            self.fault = deadline_fault(None, waited_for=_WHY)
        self.in_vain = not _may_pass(no_route)
        if self.fault is not None or self._ticket.returns > MOST_RETURNS or self.in_vain:
            return False
        await self._rest(no_route, own_deadline_at_ms - now_ms)
        if core.clock.wall_ms() >= own_deadline_at_ms:
            self.fault = deadline_fault(None, waited_for=_WHY)
            return False
        return True

    async def _rest(self, no_route: NoRoute, left_ms: int) -> None:
        """Until the reset, or as long as one rests before looking again: clocks jump, and machines sleep."""
        core, ticket = self._core, self._ticket
        queue, until_ms = core.generation.config.preferences.queue, no_route.earliest_reset_at_ms
        wait_ms = queue.recheck_ms if until_ms is None else until_ms - core.clock.wall_ms()
        item = ticket.item(HeldFor.RESET, _WHY, until_ms=until_ms, process=core.process_name, kept=True)
        kept = core.parking.has(ticket.request_id) or until_ms is None or wait_ms > SHORT_WAIT_MS
        kept = kept and await core.parking.keep(ticket, item)
        if self._told != (until_ms, kept):
            self._told = (until_ms, kept)
            self._emit(Parked(until_ms, no_route, kept))
        if not kept:
            item = ticket.item(HeldFor.RESET, _WHY, until_ms=until_ms, process=core.process_name)
        apart_ms = queue.spread_ms * core.parking.turn(ticket.request_id) + _RESET_JITTER_MS * core.draw()
        rest_ms = max(_MIN_WAIT_MS, wait_ms) + apart_ms
        # Who was turned away by everybody waits out the pause, whatever is freed meanwhile.
        rousable = bool(no_route.rejected)
        rest_ms = min(rest_ms, queue.recheck_ms) if rousable else rest_ms
        await core.waiting_room.rest(item, max(0, min(rest_ms, left_ms)), rousable=rousable)


def _may_pass(no_route: NoRoute) -> bool:
    """Whether anything that keeps them from serving may be otherwise later by itself."""
    return no_route.earliest_reset_at_ms is not None or any(
        rejection.code in _PASSING and ("per", "request") not in rejection.facts
        for rejection in no_route.rejected
    )
