"""Letting a request through: orders and crisis first, then its lane, then the pace of who may serve it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from trunkline.domain.events import Held, RequestBody
from trunkline.domain.queue import HeldFor
from trunkline.engine.core import EngineCore
from trunkline.engine.holds import Hold, hold_of
from trunkline.engine.ticket import Ticket

_LONGEST_REST_MS = 3_600_000.0


class Admission:
    """Waits on behalf of one request."""

    def __init__(self, core: EngineCore, ticket: Ticket, emit: Callable[[RequestBody], None]) -> None:
        self._core = core
        self._ticket = ticket
        self._emit = emit

    async def admit(self) -> bool:
        """Wait until the request may be decided; False when its own deadline comes first."""
        core, ticket = self._core, self._ticket
        return (
            await self._unheld()
            and (not ticket.request.paced or await core.lanes.admit(ticket, self._emit))
            and await core.pacing.admit(ticket, self._emit)
        )

    async def _unheld(self) -> bool:
        core, ticket = self._core, self._ticket
        told: tuple[Hold, bool] | None = None
        while (hold := self._hold()) is not None:
            left_ms = _left_ms(ticket, core.clock.wall_ms())
            if left_ms <= 0:
                return False
            ticket = core.crisis_moves.held(ticket, hold.held_for)
            item = ticket.item(
                hold.held_for, hold.why, until_ms=core.crisis.back_at_ms, process=core.process_name
            )
            if ticket.request.park:
                kept_item = replace(item, kept=True)
                item = kept_item if await core.parking.keep(ticket, kept_item) else item
            if told != (hold, item.kept):
                told = hold, item.kept
                self._emit(Held(hold.held_for, hold.why, item.until_ms, item.kept))
            await core.waiting_room.rest(item, left_ms)
        core.crisis_moves.let_go(ticket.request_id)
        return True

    def _hold(self) -> Hold | None:
        """What holds the request back now; nothing does that a person has let go before all others."""
        core, request_id = self._core, self._ticket.request_id
        if core.waiting_room.is_promoted(request_id):
            return None
        hold = hold_of(self._ticket.task, core.standing(core.generation), core.crisis.steps)
        tries = hold is not None and hold.held_for is HeldFor.CRISIS and core.crisis.probes.has(request_id)
        return None if tries else hold


def _left_ms(ticket: Ticket, now_ms: int) -> float:
    deadline_at_ms = ticket.request.deadline_at_ms
    return _LONGEST_REST_MS if deadline_at_ms is None else min(_LONGEST_REST_MS, deadline_at_ms - now_ms)
