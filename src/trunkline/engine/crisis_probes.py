"""Finding out in a crisis whether a lost provider is back: one request that it holds goes first, else a free call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from trunkline.domain.checks import CheckResult
from trunkline.domain.faults import FaultKind
from trunkline.domain.queue import HeldFor, QueueItem

if TYPE_CHECKING:
    from trunkline.engine.core import EngineCore

_log = logging.getLogger(__name__)

_CHECKS_APART_MS = 60_000
_TIMEOUT_MS = 3_000
# Who says so has answered: there is no such list, or it is not for this key.
_ANSWERED_ALL_THE_SAME = (FaultKind.BAD_REQUEST, FaultKind.ENTITLEMENT)


class CrisisProbes:
    """At most one request at a time for each provider, of those that are at home there. Whoever stays unproven is asked
    by a free call, so that no crisis lasts because nobody has work for a provider."""

    def __init__(self, core: EngineCore) -> None:
        self._core = core
        self._trying: dict[str, str] = {}
        self._due_mono_ms: dict[str, float] = {}
        self._checking: dict[str, asyncio.Task[None]] = {}

    def send(self, waiting: Iterable[QueueItem], unproven: Iterable[str]) -> bool:
        """Let the first of `waiting` go that is at home at one of the `unproven` providers, one for each; whether there
        was one."""
        held = [item for item in waiting if item.held_for is HeldFor.CRISIS and item.home is not None]
        sent = False
        for provider in unproven:
            if provider in self._trying.values():
                continue
            at_home = (item for item in held if (item.home or "").startswith(f"{provider}/"))
            first = next(at_home, None)
            if first is not None:
                self._trying[first.request_id] = provider
                sent = True
        return sent

    def has(self, request_id: str) -> bool:
        """Whether the crisis holds it no more, for it is to try its home."""
        return request_id in self._trying

    def over(self, request_id: str) -> None:
        """The request is over, or held by something else."""
        self._trying.pop(request_id, None)

    # -- free calls ---------------------------------------------------------------------------------------------

    def check(self, unproven: Sequence[str], after_ms: int) -> None:
        """Ask, in the background, each of the `unproven` providers that has been so for `after_ms`, at most a minute,
        and again that much later for as long as it is."""
        now_ms, apart_ms = self._core.clock.mono_ms(), min(_CHECKS_APART_MS, after_ms)
        self._due_mono_ms = {one: self._due_mono_ms.get(one, now_ms + apart_ms) for one in unproven}
        for provider, due_ms in self._due_mono_ms.items():
            if due_ms <= now_ms and provider not in self._checking:
                self._due_mono_ms[provider] = now_ms + apart_ms
                task = asyncio.get_running_loop().create_task(self._check(provider))
                self._checking[provider] = task
                task.add_done_callback(partial(self._checked, provider))

    def _checked(self, provider: str, _: asyncio.Task[None]) -> None:
        self._checking.pop(provider, None)

    def stop(self) -> None:
        """Ask nobody any more."""
        for task in self._checking.values():
            task.cancel()

    async def _check(self, provider: str) -> None:
        """What has ended by the clock is over for good at an account that answers."""
        from trunkline.engine.checks import check

        core = self._core
        try:
            results = await check(core, provider, timeout_ms=_TIMEOUT_MS)
        except Exception:
            _log.exception("asking %s whether it is back failed inside the engine", provider)
            return
        answering = [f"{one.provider}/{one.account}" for one in results if _answered(one)]
        now_ms = core.clock.wall_ms()
        ended = [
            block.target
            for block in core.tracker.blocks()
            if not block.holds_at(now_ms) and _is_of(block.target, provider, answering)
        ]
        if ended:
            core.lessons.heal(ended)
            core.rouse()


def _answered(result: CheckResult) -> bool:
    fault = result.fault
    return fault is None or (fault.request_sent and fault.kind in _ANSWERED_ALL_THE_SAME)


def _is_of(target: str, provider: str, accounts: Sequence[str]) -> bool:
    """Whether a block of `target` stands in the way of one of the provider's `accounts`."""
    own = any(target == account or target.startswith(f"{account}/") for account in accounts)
    return own or (target == provider and bool(accounts))
