"""Forecasts of every limit, and one alert for each cause."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from trunkline.domain.errors import StoreError
from trunkline.domain.events import Alert, SnapshotChanged
from trunkline.domain.limits import LimitUse, Metric, WindowKind
from trunkline.quota.alerts import QuotaAlert, alerts_of_allowance, causes_over_of, without_repeats
from trunkline.quota.balances import balance_alerts, balance_causes_over
from trunkline.quota.burn import LONGEST_KEPT_MS, PastUses
from trunkline.quota.same import allowances
from trunkline.store import told
from trunkline.store.past_use import past_use
from trunkline.store.queries import Query

if TYPE_CHECKING:
    from trunkline.engine.core import EngineCore

_log = logging.getLogger(__name__)

LOOK_MS = 15_000.0


class QuotaWatch:
    """Looks at the limits of all accounts every 15 s. `limits` are those of accounts in use as of the last look, each
    once, with its forecast where there is one."""

    def __init__(self, core: EngineCore) -> None:
        self._core = core
        self._told: dict[str, int] = {}
        self.limits: dict[str, LimitUse] = {}

    async def follow(self) -> None:
        """Look, forecast and alert until cancelled."""
        core = self._core
        try:
            self._told = await core.store.ask(told.told())
            core.tracker.outlook.recall(await core.store.ask(self.past()))
        except StoreError as error:
            _log.warning("what was used before cannot be read, so forecasts begin anew: %s", error)
        while True:
            try:
                await self.look()
            except Exception:
                _log.exception("looking ahead failed; it goes on")
            await core.clock.sleep(LOOK_MS)

    def past(self) -> Query[PastUses]:
        """The question of what was used before now."""
        now_ms = self._core.clock.wall_ms()
        return past_use(now_ms - LONGEST_KEPT_MS, now_ms)

    def look_once(self, past: PastUses) -> None:
        """Forecast from what is recorded, for one who only looks: nothing is told."""
        clock, tracker = self._core.clock, self._core.tracker
        tracker.outlook.recall(past)
        tracker.outlook.look(clock.wall_ms(), clock.mono_ms())

    async def look(self) -> None:
        """Forecast every limit as it stands, and tell what nobody has told yet."""
        core = self._core
        now_ms = core.clock.wall_ms()
        before = core.tracker.outlook.forecasts
        for _ in core.tracker.outlook.looking(now_ms, core.clock.mono_ms()):
            await asyncio.sleep(0)
        if core.tracker.outlook.forecasts != before:
            core.bus.publish(SnapshotChanged())
        thresholds = core.generation.config.preferences.thresholds
        catalogue = core.generation.config.catalogue
        limits: dict[str, LimitUse] = {}
        due: list[QuotaAlert] = []
        of_account: dict[tuple[str, str], list[LimitUse]] = {}
        with_limit: set[tuple[str, str]] = set()
        for provider, account, limit in core.tracker.outlook.limits():
            spec = catalogue.account(provider, account)
            if limit.key in limits or spec is None or not (spec.enabled and spec.has_key):
                continue
            limits[limit.key] = limit
            of_account.setdefault((provider, account), []).append(limit)
            if limit.metric is Metric.COST and limit.window.kind is WindowKind.BALANCE:
                with_limit.add((provider, account))
        self.limits = limits
        for (provider, account), of_one in of_account.items():
            for allowance in allowances(of_one):
                due += alerts_of_allowance(f"{provider}/{account}", allowance, thresholds, now_ms)
                self._forget(causes_over_of(allowance, thresholds))
        due += self._of_balances(now_ms, with_limit)
        for alert in without_repeats(due):
            if self._told.get(alert.cause, 0) <= now_ms:
                await self._tell(alert, now_ms)

    def _of_balances(self, now_ms: int, with_limit: set[tuple[str, str]]) -> list[QuotaAlert]:
        """What is to be told of balances that endpoints tell of, but for those that a limit speaks of already."""
        generation = self._core.generation
        found: list[QuotaAlert] = []
        told_by = self._core.reports.shelf.told_by(generation.config.catalogue, generation.keys)
        for (provider, account), kept in told_by.items():
            spec = generation.config.catalogue.account(provider, account)
            if kept.report is None or spec is None or not (spec.enabled and spec.has_key):
                continue
            if (provider, account) in with_limit:
                continue
            found += balance_alerts(f"{provider}/{account}", kept.report, now_ms)
            self._forget(balance_causes_over(f"{provider}/{account}", kept.report, now_ms))
        return found

    def _forget(self, causes: tuple[str, ...]) -> None:
        over = [cause for cause in causes if self._told.pop(cause, None) is not None]
        if over:
            self._core.store.post(lambda connection: told.forget(connection, over))

    async def _tell(self, alert: QuotaAlert, now_ms: int) -> None:
        """Say it, unless another process has."""
        self._told |= dict.fromkeys((alert.cause, *alert.also), alert.until_ms)
        try:
            first = await self._core.store.write(
                lambda connection: told.tell(connection, alert.cause, alert.until_ms, now_ms, alert.also)
            )
        except StoreError:
            first = True  # better said by several than by nobody
        if first:
            self._core.bus.publish(Alert(alert.level, alert.cause, alert.text))
