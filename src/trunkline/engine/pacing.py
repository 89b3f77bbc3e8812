"""Work that nobody waits for goes no faster than its limits can bear until they renew."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from trunkline.domain.decisions import Decision
from trunkline.domain.events import Held, RequestBody
from trunkline.domain.queue import HeldFor
from trunkline.domain.routes import Route
from trunkline.domain.tasks import Task
from trunkline.engine.asking import ask_of
from trunkline.engine.ticket import Ticket
from trunkline.quota.forecast import pace_ms
from trunkline.quota.ledger import Claim
from trunkline.routing import decide

if TYPE_CHECKING:
    from trunkline.engine.core import EngineCore

LONGEST_PACE_MS = 60_000.0


class Pacing:
    """Calls on a limit that would run out before it renews are let go one after another, as far apart as what is left
    lasts; each process spaces its own. Belongs to one event loop."""

    def __init__(self, core: EngineCore) -> None:
        self._core = core
        self._free_mono_ms: dict[str, float] = {}

    async def admit(self, ticket: Ticket, emit: Callable[[RequestBody], None]) -> bool:
        """Wait until `ticket` may go by the pace of whoever may serve it, a minute at most; False when its deadline
        comes first. What is interactive, critical or promoted goes at once, and so does everything that somebody
        unpaced can serve."""
        core, room = self._core, self._core.waiting_room
        give_up_mono_ms = core.clock.mono_ms() + LONGEST_PACE_MS
        told = False
        while not (ticket.task.critical or room.is_promoted(ticket.request_id)):
            now_mono_ms, now_ms = core.clock.mono_ms(), core.clock.wall_ms()
            deadline_at_ms = ticket.request.deadline_at_ms
            if deadline_at_ms is not None and now_ms >= deadline_at_ms:
                return False
            wait_ms = min(self._turn_in_ms(ticket, now_mono_ms), give_up_mono_ms - now_mono_ms)
            if wait_ms <= 0:
                break
            until_ms = now_ms + round(wait_ms)
            why = "spread out: its limit would be used up before it renews"
            if not told:
                told = True
                emit(Held(HeldFor.PACE, why, until_ms))
            if deadline_at_ms is not None:
                wait_ms = min(wait_ms, deadline_at_ms - now_ms)
            item = ticket.item(HeldFor.PACE, why, until_ms=until_ms, process=core.process_name)
            await room.rest(item, wait_ms)
        return True

    def _turn_in_ms(self, ticket: Ticket, now_mono_ms: float) -> float:
        """How long until the pace allows this call; at 0 it is counted as made."""
        now_ms = self._core.clock.wall_ms()
        limits = self._core.quota_watch.limits
        if not any(limit.forecast and limit.forecast.lasts_until_ms for limit in limits.values()):
            self._free_mono_ms.clear()
            return 0.0
        soonest: tuple[float, dict[str, float]] | None = None
        for route in self._routes(ticket):
            apart_ms = {
                claim.key: pace_ms(limits[claim.key], claim.amount, now_ms)
                for claim in self._claims(route, ticket.task)
                if claim.key in limits
            }
            apart_ms = {key: ms for key, ms in apart_ms.items() if ms > 0}
            wait_ms = max(
                (self._free_mono_ms.get(key, now_mono_ms) - now_mono_ms for key in apart_ms), default=0
            )
            if not apart_ms:
                return 0.0
            if soonest is None or wait_ms < soonest[0]:
                soonest = (wait_ms, apart_ms)
        if soonest is None:
            return 0.0
        wait_ms, apart_ms = soonest
        if wait_ms <= 0:
            for key, ms in apart_ms.items():
                self._free_mono_ms[key] = now_mono_ms + ms
        return wait_ms

    def _routes(self, ticket: Ticket) -> Iterable[Route]:
        """The best routes that could serve it now."""
        core, request = self._core, ticket.request
        generation = core.generation
        ask = ask_of(request, ticket.task, generation, set_aside=tuple(core.control.state.set_aside))
        decision = decide(ask, generation.policy, core.routing_state(request, generation))
        return [ranked.route for ranked in decision.ranking] if isinstance(decision, Decision) else []

    def _claims(self, route: Route, task: Task) -> tuple[Claim, ...]:
        price = self._core.generation.model(route).price.at(task.input_tokens, self._core.clock.wall_ms())
        cost_pico = price.cost_pico(input_tokens=task.input_tokens, output_tokens=task.output_tokens)
        return self._core.tracker.claims(
            route, input_tokens=task.input_tokens, output_tokens=task.output_tokens, cost_pico=cost_pico
        )
