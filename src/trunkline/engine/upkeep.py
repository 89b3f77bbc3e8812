"""What an engine does beside requests: follow the files, other processes and the calendar."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging

from trunkline.config.load import Loaded, load
from trunkline.config.watch import ConfigWatcher
from trunkline.domain.errors import ConfigError, StoreError
from trunkline.domain.events import ConfigChanged, SnapshotChanged
from trunkline.domain.snapshot import LogEntry, Totals
from trunkline.engine.core import EngineCore
from trunkline.engine.generation import Generation
from trunkline.engine.settings import EngineSettings
from trunkline.store import queries
from trunkline.store.queries import StoredTotals
from trunkline.store.store import StoreReader

_log = logging.getLogger(__name__)

_HOUSEKEEPING_MS = 1_000.0
_LOOK_MS = 200.0
_LOG_LINES = 200


class Upkeep:
    """Keeps an engine's core in step with what is outside it. `stored` and `recent` are today's sums and the log as
    the store said last; `config_error` is why the files as they are now were refused, if they were."""

    def __init__(self, settings: EngineSettings, core: EngineCore, loaded: Loaded) -> None:
        self._settings = settings
        self._core = core
        self._watcher = ConfigWatcher(loaded.sources)
        self._chores: list[asyncio.Task[None]] = []
        self._foreign_change = asyncio.Event()
        self.loaded = loaded
        self.config_error: str | None = None
        self.since_ms = _start_of_day_ms(core.clock.wall_ms())
        self.stored = StoredTotals(self.since_ms, Totals())
        self.recent: tuple[LogEntry, ...] = ()
        self._take_in_store()

    def start(self) -> None:
        """Begin, on the running loop."""
        self._core.store.on_change(self._store_changed)
        loop = asyncio.get_running_loop()
        self._chores = [
            loop.create_task(self._keep_house()),
            loop.create_task(self._follow_other_processes()),
        ]

    async def stop(self) -> None:
        """End."""
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)

    def announce_change(self) -> None:
        """Something that panels show has changed."""
        self._core.changed = True
        self._core.bus.publish(SnapshotChanged())

    def _take_in_store(self) -> None:
        """Begin with what the store holds: orders, blocks, learned limits, today's sums, the log."""
        core, now_ms = self._core, self._core.clock.wall_ms()
        reader = StoreReader.open(core.store.path, core.clock)
        try:
            core.control.apply(reader.ask(queries.control()))
            blocks, readings = reader.ask(queries.blocks()), reader.ask(queries.readings())
            core.tracker.restore(core.kept_blocks(blocks), readings, now_ms)
            self.stored = reader.ask(queries.totals_since(self.since_ms))
            self.recent = reader.ask(queries.recent(_LOG_LINES))
        finally:
            reader.close()
        core.spent_day_pico = self.stored.totals.cost.pico

    def _store_changed(self) -> None:
        self._foreign_change.set()

    async def _follow_other_processes(self) -> None:
        core = self._core
        while True:
            await self._foreign_change.wait()
            self._foreign_change.clear()
            try:
                await self._follow_orders()
                blocks, readings = await core.store.blocks(), await core.store.readings()
            except StoreError:
                _log.exception("what other processes changed cannot be read")
                continue
            now_ms = core.clock.wall_ms()
            before = {block.target for block in core.tracker.blocks()}
            core.tracker.restore(core.kept_blocks(blocks), readings, now_ms)
            core.tracker.refresh_all(now_ms)
            if before - {block.target for block in core.tracker.blocks()}:
                core.rouse()
            self.announce_change()

    async def _follow_orders(self) -> None:
        """Obey the orders in the store, unless somebody here gave others while they were being read."""
        core, before = self._core, self._core.control.state
        await core.store.flush()
        orders = await core.store.control()
        if core.control.state is before and orders != before:
            core.control.apply(orders)
            core.rouse()

    async def _keep_house(self) -> None:
        """Every second the files and the date; after a change the store, at once but at most every second."""
        clock = self._core.clock
        looked_ms = refreshed_ms = clock.mono_ms() - _HOUSEKEEPING_MS
        while True:
            await clock.sleep(_LOOK_MS)
            now_ms = clock.mono_ms()
            try:
                if now_ms - looked_ms >= _HOUSEKEEPING_MS:
                    looked_ms = now_ms
                    await self._reload_if_changed()
                    self._begin_new_day()
                if self._core.changed and now_ms - refreshed_ms >= _HOUSEKEEPING_MS:
                    refreshed_ms = now_ms
                    await self.refresh()
                    self._core.bus.publish(SnapshotChanged())
            except Exception:
                _log.exception("housekeeping failed; it goes on")

    async def refresh(self) -> None:
        """Take today's sums and the log from the store."""
        self._core.changed = False
        await self._core.store.flush()
        self.stored = await self._core.store.totals_since(self.since_ms)
        self.recent = await self._core.store.recent(_LOG_LINES)
        self._core.spent_day_pico = self.stored.totals.cost.pico

    def _begin_new_day(self) -> None:
        since_ms = _start_of_day_ms(self._core.clock.wall_ms())
        if since_ms > self.since_ms:
            self.since_ms = since_ms
            self._core.changed = True

    async def _reload_if_changed(self) -> None:
        if not self._watcher.changed():
            return
        settings = self._settings
        try:
            loaded = await asyncio.to_thread(
                load, settings.places, settings.environ, base_providers_text=settings.base_providers_text
            )
        except ConfigError as error:
            self.config_error = str(error)
            self._core.bus.publish(ConfigChanged(self._core.generation.config.generation, str(error)))
        else:
            self.config_error = None
            self._adopt(loaded)
        self.announce_change()

    def _adopt(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self._core.generation = Generation.of(loaded.config, loaded.keys)
        preferences = loaded.config.preferences
        tracker = self._core.tracker
        before = {block.target for block in tracker.blocks()}
        tracker.use_config(loaded.config.catalogue, preferences.thresholds)
        for target in before - {block.target for block in tracker.blocks()}:
            self._core.unblocked(target)
        self._core.rouse()
        self._core.bus.publish(ConfigChanged(loaded.config.generation))


def _start_of_day_ms(now_ms: int) -> int:
    """Midnight of the local day that `now_ms` falls into."""
    now = dt.datetime.fromtimestamp(now_ms / 1000).astimezone()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return int(midnight.timestamp() * 1000)
