"""A route that mostly fails is asked more slowly (DESIGN §4.6)."""

from __future__ import annotations

from collections.abc import Callable

from trunkline.domain.decisions import Decision
from trunkline.domain.events import Held, RequestBody
from trunkline.domain.preferences import Thresholds
from trunkline.domain.queue import HeldFor
from trunkline.domain.routes import Route
from trunkline.engine.core import EngineCore
from trunkline.engine.ticket import Ticket
from trunkline.engine.turns import throttle_ms


class Slowing:
    """Puts calls of one request off, once for each route."""

    def __init__(self, core: EngineCore, ticket: Ticket, emit: Callable[[RequestBody], None]) -> None:
        self._core = core
        self._ticket = ticket
        self._emit = emit
        self._slowed: set[Route] = set()

    async def put_off(self, decision: Decision, thresholds: Thresholds, deadline_at_ms: int) -> bool:
        """Wait before calling the chosen route, if it mostly fails; whether it did, so that it is to be chosen anew.
        Nobody sits waiting for that, and the only route is called at once."""
        core, ticket, route = self._core, self._ticket, decision.route
        promoted = core.waiting_room.is_promoted(ticket.request_id)
        if ticket.task.interactive or promoted or decision.runner_up is None or route in self._slowed:
            return False
        delay_ms = throttle_ms(core.tracker.success_share(route), thresholds)
        now_ms = core.clock.wall_ms()
        if delay_ms <= 0 or now_ms + delay_ms >= deadline_at_ms:
            return False
        self._slowed.add(route)
        core.slots.decline(ticket.request_id)
        why, until_ms = f"{route.id} mostly fails of late: it is asked more slowly", now_ms + round(delay_ms)
        self._emit(Held(HeldFor.THROTTLE, why, until_ms))
        item = ticket.item(HeldFor.THROTTLE, why, until_ms=until_ms, process=core.process_name)
        await core.waiting_room.rest(item, delay_ms, rousable=False)
        return True
