"""What a request does while nobody can serve it."""

from __future__ import annotations

from collections.abc import Callable

from trunkline.domain.decisions import NoRoute
from trunkline.domain.events import Parked, RequestBody
from trunkline.domain.queue import HeldFor
from trunkline.engine.core import EngineCore
from trunkline.engine.ticket import Ticket

# Who waits for a reset looks again this often at the soonest, and everybody a little apart.
_MIN_WAIT_MS = 20.0
_RESET_JITTER_MS = 200.0
_WHY = "nobody can serve it now"


class Patience:
    """Waits on behalf of one request."""

    def __init__(self, core: EngineCore, ticket: Ticket, emit: Callable[[RequestBody], None]) -> None:
        self._core = core
        self._ticket = ticket
        self._emit = emit

    async def for_somebody(self, no_route: NoRoute, deadline_at_ms: int) -> int | None:
        """Wait if that is short, or nobody sits waiting; the deadline (wall time) from then on, None where waiting
        would not help."""
        core, task = self._core, self._ticket.task
        reset_at_ms = no_route.earliest_reset_at_ms
        now_ms = core.clock.wall_ms()
        remaining_ms = deadline_at_ms - now_ms
        patience_ms = (
            core.generation.config.preferences.thresholds.patience_ms if task.interactive else remaining_ms
        )
        if reset_at_ms is None or reset_at_ms - now_ms > min(patience_ms, remaining_ms):
            return None
        self._emit(Parked(reset_at_ms, no_route))
        jitter_ms = min(_RESET_JITTER_MS, max(0, remaining_ms)) * core.draw()
        item = self._ticket.item(HeldFor.RESET, _WHY, until_ms=reset_at_ms, process=core.process_name)
        await core.waiting_room.rest(item, max(_MIN_WAIT_MS, reset_at_ms - now_ms) + jitter_ms)
        return deadline_at_ms
