"""What an engine does beside requests: follow the files, other processes and the calendar."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging

from trunkline.config.found import with_windows
from trunkline.config.load import Loaded, hashed, load
from trunkline.config.watch import ConfigWatcher
from trunkline.domain.errors import ConfigError, StoreError
from trunkline.domain.events import ConfigChanged, SnapshotChanged
from trunkline.domain.snapshot import LogEntry, Totals
from trunkline.engine.core import EngineCore
from trunkline.engine.discovery import Discovery
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
        self._reloading = asyncio.Lock()
        self.discovery = Discovery(settings, core, loaded)
        core.on_local_news = self.discovery.hurry
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
            loop.create_task(self.discovery.follow(self._found_others)),
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
        files, found = self._watcher.changed(), self.discovery.changed_elsewhere()
        self._core.window_watch.heard(self.discovery.servers)
        if files or found:
            await self._reload(anew=files)
        elif self._core.window_watch.changed:
            self._adopt(self.loaded)
            self.announce_change()

    async def _found_others(self) -> None:
        """Other models may be asked on this machine than before."""
        self._core.window_watch.heard(self.discovery.servers)
        await self._reload(anew=False)

    async def _reload(self, *, anew: bool) -> None:
        """Load again; `anew` where a person changed the files, who is told of it whatever it made of them."""
        async with self._reloading:
            try:
                loaded = await asyncio.to_thread(self._load)
            except ConfigError as error:
                if not anew:
                    return
                self.config_error = str(error)
                self._core.bus.publish(ConfigChanged(self._core.generation.config.generation, str(error)))
            else:
                self.config_error = None
                if not anew and loaded.config.generation == self.loaded.config.generation:
                    self.loaded = loaded
                    return
                self._adopt(loaded)
                if anew:
                    self.discovery.use(loaded)
            self.announce_change()

    def _load(self) -> Loaded:
        settings = self._settings
        return load(
            settings.places,
            settings.environ,
            base_providers_text=settings.base_providers_text,
            found=self.discovery.servers,
        )

    def _adopt(self, loaded: Loaded) -> None:
        self.loaded = loaded
        watch = self._core.window_watch
        watch.changed = False
        config = loaded.config
        if watch.lowered:
            config = hashed(with_windows(config.catalogue, watch.lowered), config.preferences)
        self._core.generation = Generation.of(config, loaded.keys)
        preferences = config.preferences
        tracker = self._core.tracker
        before = {block.target for block in tracker.blocks()}
        tracker.use_config(config.catalogue, preferences.thresholds)
        for target in before - {block.target for block in tracker.blocks()}:
            self._core.unblocked(target)
        self._core.rouse()
        self._core.bus.publish(ConfigChanged(config.generation))


def _start_of_day_ms(now_ms: int) -> int:
    """Midnight of the local day that `now_ms` falls into."""
    now = dt.datetime.fromtimestamp(now_ms / 1000).astimezone()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return int(midnight.timestamp() * 1000)
