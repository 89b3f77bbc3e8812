"""Asking account endpoints that cost nothing, every so often, for what is left."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from trunkline.domain.routes import AccountSpec, ProviderSpec
from trunkline.engine.account_reports import is_told_of

if TYPE_CHECKING:
    from trunkline.engine.core import EngineCore
    from trunkline.store.reports_kept import KeptReport

_log = logging.getLogger(__name__)

_LOOK_MS = 1_000.0
_LEAST_INTERVAL_MS = 5_000
_LONGEST_INTERVAL_MS = 3_600_000
_JITTER_SHARE = 0.1
_FIRST_SPREAD_MS = 3_000
_TIMEOUT_MS = 8_000
_AT_ONCE = 4

Account = tuple[str, str]


class Polling:
    """Asks on behalf of every process of this machine: whoever asked last told all. A process that does not stay
    (`long_lived` False) asks nobody."""

    def __init__(self, core: EngineCore, *, long_lived: bool) -> None:
        self._core = core
        self._long_lived = long_lived
        self._asking: dict[Account, asyncio.Task[None]] = {}
        self._first_due_ms: dict[Account, int] = {}
        self._luck: dict[Account, tuple[int, float]] = {}
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def follow(self) -> None:
        """Ask whenever it is due, until cancelled."""
        if not self._long_lived:
            return
        try:
            while True:
                self._look()
                await self._core.clock.sleep(_LOOK_MS)
        finally:
            for task in self._asking.values():
                task.cancel()

    def _look(self) -> None:
        """Begin to ask everybody whose turn it is."""
        now_ms = self._core.clock.wall_ms()
        for provider in self._core.generation.config.catalogue.providers:
            for account in provider.accounts:
                key = (provider.id, account.id)
                interval_ms = self._interval_ms(account)
                if key in self._asking or interval_ms <= 0 or not is_told_of(provider, account):
                    continue
                known = self._known(account)
                if now_ms >= self._due_ms(key, known, interval_ms, now_ms):
                    last = self._core.reports.shelf.of(provider.id, account.id)
                    since_ms = now_ms - interval_ms if last is None else last.asked_at_ms
                    self._begin(provider, account, since_ms + 1)

    def _interval_ms(self, account: AccountSpec) -> int:
        """How often an account is asked; 0: never."""
        usual_ms = self._core.generation.config.preferences.thresholds.provider_check_ms
        asked_for_ms = usual_ms if account.check_ms is None else account.check_ms
        return max(_LEAST_INTERVAL_MS, asked_for_ms) if asked_for_ms > 0 else 0

    def _known(self, account: AccountSpec) -> KeptReport | None:
        """What the account was last asked with the key that it has now."""
        kept = self._core.reports.shelf.of(account.provider, account.id)
        secret = self._core.generation.keys.secret(account.key)
        mark = secret.mark() if secret is not None else None
        return None if kept is None or kept.key_mark not in (None, mark) else kept

    def _due_ms(self, key: Account, known: KeptReport | None, interval_ms: int, now_ms: int) -> int:
        """When an account is to be asked next, wall time: at its interval, a little apart from others; later each time
        that it failed, and seldom where it refuses. What was asked in the future was so before the clock was set
        back."""
        if known is None:
            first_ms = self._first_due_ms.setdefault(
                key, now_ms + round(min(_FIRST_SPREAD_MS, interval_ms) * self._core.draw())
            )
            return min(first_ms, now_ms + _FIRST_SPREAD_MS)
        if known.asked_at_ms > now_ms:
            return now_ms
        if self._luck.get(key, (0, 0.0))[0] != known.asked_at_ms:
            self._luck[key] = (known.asked_at_ms, self._core.draw())
        longest_ms = max(interval_ms, _LONGEST_INTERVAL_MS)
        wait_ms = longest_ms if known.barred else min(longest_ms, interval_ms << min(known.failures, 12))
        return known.asked_at_ms + round(wait_ms * (1 + _JITTER_SHARE * self._luck[key][1]))

    def _begin(self, provider: ProviderSpec, account: AccountSpec, unless_asked_since_ms: int) -> None:
        key = (provider.id, account.id)
        task = asyncio.get_running_loop().create_task(self._ask(provider, account, unless_asked_since_ms))
        self._asking[key] = task
        task.add_done_callback(lambda _: self._asking.pop(key, None))

    async def _ask(self, provider: ProviderSpec, account: AccountSpec, unless_asked_since_ms: int) -> None:
        try:
            async with self._gate:
                await self._core.reports.ask(
                    provider, account, unless_asked_since_ms=unless_asked_since_ms, timeout_ms=_TIMEOUT_MS
                )
        except Exception:
            _log.exception("asking %s/%s failed inside the engine", provider.id, account.id)
