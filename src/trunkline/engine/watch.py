"""The engine's picture put together from the store and the files alone, without a right to write either."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from trunkline.config.load import Loaded
from trunkline.config.watch import ConfigWatcher
from trunkline.domain.clock import Clock
from trunkline.domain.crisis import CrisisSummary
from trunkline.domain.errors import ConfigError, StoreError
from trunkline.domain.events import TrafficSeen
from trunkline.domain.preferences import Config
from trunkline.domain.queue import QueueItem
from trunkline.domain.routes import AccountSpec, Catalogue, KeyRef, KeySource, ProviderSpec
from trunkline.domain.snapshot import GatewayView, LogEntry, RunningCall, Snapshot, Totals
from trunkline.domain.state import Block
from trunkline.engine.account_reports import ReportShelf
from trunkline.engine.blame import mark_of_blame
from trunkline.engine.control import Control, without_set_aside
from trunkline.engine.past_attempts import recall
from trunkline.engine.quota_watch import LOOK_MS
from trunkline.engine.settings import EngineSettings
from trunkline.engine.snapshots import Account, SnapshotParts, account_of, build_snapshot
from trunkline.engine.traffic import LOG_LINES, Traffic
from trunkline.engine.upkeep import start_of_day_ms
from trunkline.quota.burn import LONGEST_KEPT_MS
from trunkline.quota.suspicion import Suspicions
from trunkline.quota.tracker import QuotaTracker
from trunkline.routing.crisis import may_last, standings_of
from trunkline.store import crises, parking, queries
from trunkline.store.gateways import gateways
from trunkline.store.keep import ControlState
from trunkline.store.past_use import past_use
from trunkline.store.queries import Query, StoredTotals
from trunkline.store.reports_kept import kept_reports
from trunkline.store.suspicions import suspicions
from trunkline.store.upkeep import DEAD_AFTER_MS
from trunkline.store.watching import WatchedStore

T = TypeVar("T")
_log = logging.getLogger(__name__)

_SAMPLES = 2_000
# Reading a busy day's sums takes a while: it may take this share of the time.
_READING_SHARE = 0.1
# Windows roll and countdowns end without anybody's doing; nothing else changes while nobody writes.
_QUIET_MS = 5_000.0


class StoreWatch:
    """What there is to see, brought up to date by `look`. Blocks; belongs to one thread. Accounts that other processes
    have used today are shown though their keys are not to be found here. Raises ConfigError when it is made."""

    def __init__(self, settings: EngineSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._store = WatchedStore(settings.places.store_file, clock)
        self._loaded = self._load()
        self._watcher = ConfigWatcher((*self._loaded.sources, settings.places.found_file))
        self._config = self._loaded.config
        self._tracker = QuotaTracker(
            self._config.catalogue, self._store.ledger, self._config.preferences.thresholds
        )
        self._control = Control(ControlState())
        self._reports = ReportShelf()
        self._stored = StoredTotals(start_of_day_ms(clock.wall_ms()), Totals())
        self._log: tuple[LogEntry, ...] = ()
        self._crises: tuple[CrisisSummary, ...] = ()
        self._running: tuple[RunningCall, ...] = ()
        self._gateways: tuple[GatewayView, ...] = ()
        self._queue: tuple[QueueItem, ...] = ()
        self._traffic = Traffic()
        self._last_request = 0
        self._shown_with: tuple[object, ...] = ()
        self._unread = self._sums_unread = True
        self._openings = 0
        self._read_again_mono_ms = 0.0
        self._look_ahead_mono_ms = 0.0
        self._suspicions = Suspicions()
        self._told: tuple[object, ...] = ()
        self._pictured: tuple[object, ...] = ()
        self._picture: Snapshot | None = None
        self._picture_until_mono_ms = 0.0
        self._config_error: str | None = None
        self._store_error: str | None = None

    def look(self) -> Snapshot:
        """Everything as it is now; where store or files cannot be read, as it was, with the reason. While nothing is
        written but heartbeats, the snapshot of a few seconds ago."""
        if self._watcher.changed():
            self._reload()
        try:
            self._look_at_store()
        except StoreError as error:
            self._store_error, self._running, self._gateways, self._unread = str(error), (), (), True
        else:
            self._store_error = None
        self._look_ahead(self._clock.wall_ms())
        shown = self._shown()
        mono_ms = self._clock.mono_ms()
        if self._picture is None or shown != self._pictured or mono_ms >= self._picture_until_mono_ms:
            self._picture, self._pictured = self._take_picture(), shown
            self._picture_until_mono_ms = mono_ms + _QUIET_MS
        return self._picture

    def _shown(self) -> tuple[object, ...]:
        """All that a snapshot is made of but the time."""
        read = (self._told, self._stored, self._log, self._running, self._gateways, self._queue)
        errors = (self._config_error, self._store_error)
        return (*read, *errors, self._shown_with, self._look_ahead_mono_ms)

    def _take_picture(self) -> Snapshot:
        now_ms = self._clock.wall_ms()
        standing = self._control.standing(self._config.catalogue, self._config.preferences.mode, now_ms)
        return build_snapshot(
            SnapshotParts(
                now_ms=now_ms,
                config=self._config,
                standing=standing,
                tracker=self._tracker,
                stored=self._stored,
                log=self._log,
                running=self._running,
                gateways=self._gateways,
                queue=self._queue,
                in_flight=len({call.request_id for call in self._running}),
                config_error=self._config_error,
                store_error=self._store_error,
                shared=self._suspicions.shown,
                crisis=self._crisis(now_ms),
                last_crisis=next((one for one in self._crises if one.crisis.ended_at_ms is not None), None),
                read_only=True,
                reports=self._reports.told_by(self._config.catalogue, self._loaded.keys),
            )
        )

    def glance(self) -> TrafficSeen | None:
        """What was begun and finished since the last glance, without all that `look` reads; None where there is nothing
        new, and where the store cannot be read, which `look` says."""
        try:
            if not self._store.changed():
                return None
            self._unread = True
            seen = self._traffic.take_in(self._store.ask(self._traffic.unread(self._alive_since_ms())))
        except StoreError:
            return None
        if seen.ended or self._openings != self._store.openings:
            self._openings, self._sums_unread = self._store.openings, True
        before, self._running = self._running, seen.running
        return seen if seen.ended or seen.running != before else None

    def _crisis(self, now_ms: int) -> CrisisSummary | None:
        """The crisis under way; none where all is well again and nobody was there to end it."""
        found = next((one for one in self._crises if one.crisis.ended_at_ms is None), None)
        if found is None:
            return None
        standings = standings_of(self._config.catalogue, self._tracker.routing_state(now_ms))
        return found if may_last(standings, self._config.preferences.crisis) else None

    def ask(self, query: Query[T]) -> T:
        """Ask the store. Raises StoreError."""
        return self._store.ask(query)

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    # -- the store ------------------------------------------------------------------------------------------------

    def _look_at_store(self) -> None:
        """Read what has changed; calls under way and a new day change without anybody's writing."""
        if self._store.changed():
            self._unread = self._sums_unread = True
        since_ms = start_of_day_ms(self._clock.wall_ms())
        if (self._running or self._queue or self._gateways) and not self._unread:
            self._read_running()
        began_mono_ms = self._clock.mono_ms()
        due = began_mono_ms >= self._read_again_mono_ms and (
            self._unread or since_ms != self._stored.since_ms
        )
        if not due:
            return
        self._read(since_ms)
        self._unread = False
        took_ms = self._clock.mono_ms() - began_mono_ms
        self._read_again_mono_ms = began_mono_ms + took_ms / _READING_SHARE

    def _read(self, since_ms: int) -> None:
        store, now_ms = self._store, self._clock.wall_ms()
        orders = store.ask(queries.control())
        self._control.apply(orders)
        if self._sums_unread or since_ms != self._stored.since_ms:
            self._stored = store.ask(queries.totals_since(since_ms))
            self._log = store.ask(queries.recent(LOG_LINES))
            self._sums_unread = False
        self._crises = store.ask(crises.crises(2))
        self._read_running()
        self._take_config()
        last, samples = store.ask(queries.attempts_after(self._last_request, _SAMPLES))
        if last < self._last_request:  # another store has taken its place
            self._look_ahead_mono_ms = 0.0
            self._tracker = QuotaTracker(
                self._config.catalogue, store.ledger, self._config.preferences.thresholds
            )
            self._reports = ReportShelf()
            last, samples = store.ask(queries.attempts_after(0, _SAMPLES))
        self._last_request = last
        for sample in samples:
            recall(self._tracker, sample)
        blocks, readings = store.ask(queries.blocks()), store.ask(queries.readings())
        suspected = store.ask(suspicions())
        self._suspicions.restore(suspected)
        self._tracker.restore(filter(self._still_means, blocks), readings, self._tracker.blocks())
        self._tracker.refresh_all(now_ms)
        reports = store.ask(kept_reports())
        self._reports.take_in(reports, now_ms)
        self._told = (orders, self._crises, blocks, readings, suspected, reports)

    def _look_ahead(self, now_ms: int) -> None:
        """Forecast limits every so often; at first from what the store holds."""
        mono_ms = self._clock.mono_ms()
        if self._store_error is not None or mono_ms < self._look_ahead_mono_ms:
            return
        if self._look_ahead_mono_ms == 0:
            try:
                self._tracker.outlook.recall(self._store.ask(past_use(now_ms - LONGEST_KEPT_MS, now_ms)))
            except StoreError:
                return
        self._look_ahead_mono_ms = mono_ms + LOOK_MS
        self._tracker.outlook.look(now_ms, mono_ms)

    def _read_running(self) -> None:
        """Calls under way, what is kept and waits, who listens: processes may die without a word."""
        alive_since_ms = self._alive_since_ms()
        kept = self._store.ask(parking.parked(alive_since_ms))
        self._queue = tuple(row.item for row in kept if not row.dropped)
        self._running = self._store.ask(queries.running_requests(alive_since_ms))
        self._gateways = self._store.ask(gateways(alive_since_ms))

    def _alive_since_ms(self) -> int:
        return self._clock.wall_ms() - DEAD_AFTER_MS

    def _still_means(self, block: Block) -> bool:
        """Whether a block concerns an account as it is; where its key is not to be found here, it does."""
        mark = mark_of_blame(block, self._config.catalogue, self._loaded.keys)
        return mark is None or block.key_mark in (None, mark)

    # -- the files ------------------------------------------------------------------------------------------------

    def _load(self) -> Loaded:
        return self._settings.load()

    def _reload(self) -> None:
        try:
            self._loaded = self._load()
        except ConfigError as error:
            self._config_error = str(error)
        else:
            self._config_error = None
            self._picture = None
            self._take_config()

    def _take_config(self) -> None:
        """Show accounts as they are configured, taken out, and seen at work."""
        seen = {(one.provider, one.account) for one in self._stored.accounts}
        routes = [route for entry in self._log for route in entry.routes]
        seen |= {account_of(route) for route in (*routes, *(call.route for call in self._running))}
        set_aside = self._control.state.set_aside
        shown_with = (self._loaded.config.generation, frozenset(seen), set_aside)
        if shown_with == self._shown_with:
            return
        self._shown_with = shown_with
        stated = self._loaded.config
        catalogue = without_set_aside(with_seen(stated.catalogue, seen), set_aside)
        self._config = Config(stated.generation, catalogue, stated.preferences)
        self._tracker.use_config(catalogue, stated.preferences.thresholds)
        self._suspicions.use_config(catalogue)


def with_seen(catalogue: Catalogue, seen: Iterable[Account]) -> Catalogue:
    """`catalogue` with every account in it that was seen at work, which then has a key wherever that may be."""
    of_provider: dict[str, set[str]] = {}
    for provider, account in seen:
        of_provider.setdefault(provider, set()).add(account)
    return Catalogue(
        tuple(_with_accounts(one, of_provider.get(one.id, set())) for one in catalogue.providers)
    )


def _with_accounts(provider: ProviderSpec, seen: set[str]) -> ProviderSpec:
    known = {account.id for account in provider.accounts}
    if all(account.has_key for account in provider.accounts) and seen <= known:
        return provider
    accounts = tuple(
        replace(account, has_key=account.has_key or account.id in seen) for account in provider.accounts
    )
    elsewhere = tuple(
        AccountSpec(provider.id, account, KeyRef(KeySource.NONE), provider.billing)
        for account in sorted(seen - known)
    )
    return replace(provider, accounts=(*accounts, *elsewhere))
