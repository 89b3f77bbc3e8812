"""Having a connection ready where a request may have to go next."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from trunkline.domain.decisions import Decision
from trunkline.domain.routes import Route
from trunkline.domain.state import RoutingState
from trunkline.engine.generation import Generation

if TYPE_CHECKING:
    from trunkline.engine.core import EngineCore

_AGAIN_AFTER_MS = 20_000.0


class Warming:
    """Opens connections ahead, to one host every twenty seconds at the most."""

    def __init__(self, core: EngineCore) -> None:
        self._core = core
        self._warmed_mono_ms: dict[str, float] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    def keep_warm(self, decision: Decision, state: RoutingState, generation: Generation) -> None:
        """Have a connection to the runner-up's host ready while the chosen account nears a limit or is on trial.
        `state` is what was decided on."""
        core, runner_up = self._core, decision.runner_up
        warn_at = generation.config.preferences.thresholds.warn_at
        if runner_up is None or not _may_refuse(decision.route, state, warn_at):
            return
        account = generation.account(runner_up.route)
        base_url = account.base_url or generation.provider(runner_up.route).base_url
        now_ms = core.clock.mono_ms()
        if now_ms - self._warmed_mono_ms.get(base_url, -_AGAIN_AFTER_MS) < _AGAIN_AFTER_MS:
            return
        self._warmed_mono_ms[base_url] = now_ms
        warming = asyncio.get_running_loop().create_task(core.transport.warm(base_url))
        self._under_way.add(warming)
        warming.add_done_callback(self._under_way.discard)

    async def aclose(self) -> None:
        """Give up what is under way."""
        under_way = tuple(self._under_way)
        for one in under_way:
            one.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


def _may_refuse(route: Route, state: RoutingState, warn_at: float) -> bool:
    account, known = state.accounts.get((route.provider, route.account)), state.routes.get(route)
    if account is None:
        return False
    if account.block is not None or (known is not None and known.block is not None):
        return True
    return any(1.0 - use.share_left > warn_at for use in account.limits if use.covers(route.model))
