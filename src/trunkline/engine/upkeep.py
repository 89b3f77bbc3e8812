"""What an engine does beside requests: follow the files, other processes and the calendar."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from trunkline.config.found import with_windows
from trunkline.config.load import Loaded, hashed
from trunkline.config.watch import ConfigWatcher
from trunkline.domain.errors import ConfigError, StoreError
from trunkline.domain.events import Alert, AlertLevel, ConfigChanged, SnapshotChanged
from trunkline.domain.preferences import Config
from trunkline.domain.snapshot import GatewayView, LogEntry, RunningCall, Totals
from trunkline.engine.chats import Chats
from trunkline.engine.control import without_set_aside
from trunkline.engine.core import EngineCore
from trunkline.engine.discovery import Discovery
from trunkline.engine.generation import Generation
from trunkline.engine.healing import Healing
from trunkline.engine.past_attempts import PastAttempts
from trunkline.engine.polling import Polling
from trunkline.engine.settings import EngineSettings
from trunkline.engine.traffic import LOG_LINES, Traffic
from trunkline.store import crises, queries
from trunkline.store.conversation_lengths import conversation_lengths
from trunkline.store.corrections import corrections
from trunkline.store.gateways import gateways
from trunkline.store.keep import ControlState
from trunkline.store.learned import learned
from trunkline.store.queries import Query, StoredTotals, both
from trunkline.store.reports_kept import kept_reports
from trunkline.store.store import StoreReader
from trunkline.store.suspicions import suspicions
from trunkline.store.upkeep import DEAD_AFTER_MS

_log = logging.getLogger(__name__)

_HOUSEKEEPING_MS = 1_000.0
_LOOK_MS = 200.0
_VOCABULARIES_AFTER_MS = 1_500.0
_READING_SHARE = 0.1
# A command that is over in a moment erases nothing.
_FIRST_ERASING_MS = 30_000.0
_ERASING_MS = 3_600_000.0


class Upkeep:
    """Keeps an engine's core in step with what is outside it. `stored`, `recent` and `running` are today's sums, the
    log and the calls under way as the store said last; `config_error` is why the files as they are now were refused,
    if they were."""

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
        self.since_ms = start_of_day_ms(core.clock.wall_ms())
        self.stored = StoredTotals(self.since_ms, Totals())
        self.recent: tuple[LogEntry, ...] = ()
        self.running: tuple[RunningCall, ...] = ()
        self.gateways: tuple[GatewayView, ...] = ()
        self._told_trouble: str | None = None
        self._followers = (
            core.parking.follow,
            core.crisis.follow,
            Polling(core, long_lived=settings.long_lived).follow,
            Healing(core).follow,
            core.quota_watch.follow,
            core.learning.follow,
        )
        self._erased_mono_ms = core.clock.mono_ms() - _ERASING_MS + _FIRST_ERASING_MS
        self._chats = Chats(core.store, core.clock)
        self._past_attempts = PastAttempts(core.tracker, core.store.process_id)
        self._traffic = Traffic(core.store.process_id)
        self._told_by_others: tuple[object, ...] = ()
        self._take_in_store()

    def start(self) -> None:
        """Begin, on the running loop; nothing where it has begun."""
        if self._chores:
            return
        self._core.store.on_change(self._store_changed)
        loop = asyncio.get_running_loop()
        self._chores = [
            loop.create_task(self._keep_house()),
            loop.create_task(self._follow_other_processes()),
            loop.create_task(self.discovery.follow(self._found_others)),
            loop.create_task(self._load_vocabularies()),
            *(loop.create_task(follow()) for follow in self._followers),
        ]

    async def _load_vocabularies(self) -> None:
        """In a process that stays, soon after its start: by then it has shown itself, which loading would delay."""
        if self._settings.long_lived:
            await self._core.clock.sleep(_VOCABULARIES_AFTER_MS)
            self._core.counting.prepare(self._core.generation.counting)

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
        core = self._core
        reader = StoreReader.open(core.store.path, core.clock)
        try:
            self.obey(reader.ask(queries.control()))
            blocks, readings = reader.ask(queries.blocks()), reader.ask(queries.readings())
            core.tracker.restore(core.lessons.kept_blocks(blocks), readings)
            suspected = reader.ask(suspicions())
            core.scopes.suspicions.restore(suspected)
            core.corrections.restore(reader.ask(corrections()))
            core.reports.take_in(reader.ask(kept_reports()))
            self._past_attempts.take_in(reader.ask(self._past_attempts.unread()), core.clock.wall_ms())
            core.crisis.take_in(reader.ask(crises.crises(2)))
            lengths = reader.ask(conversation_lengths())
            core.conversation_lengths.take_in(lengths)
            core.conversations.take_in(reader.ask(core.conversations.unread()))
            core.learning.take_in(reader.ask(learned()))
            self.stored = reader.ask(queries.totals_since(self.since_ms))
            seen = self._traffic.take_in(reader.ask(self._traffic.unread()))
            self.recent, self.running = seen.ended, seen.running
            self.gateways = reader.ask(self._listening())
        finally:
            reader.close()
        core.spent_day_pico = self.stored.totals.cost.pico

    def obey(self, orders: ControlState) -> None:
        """Put these orders in force; the configuration is compiled anew where they take an account out or put one
        back."""
        core = self._core
        before = core.control.state.set_aside
        core.control.apply(orders)
        if orders.set_aside != before:
            self._use(self.in_force(self.loaded))
        core.rouse()

    def _store_changed(self) -> None:
        self._foreign_change.set()

    async def _follow_other_processes(self) -> None:
        core = self._core
        while True:
            await self._foreign_change.wait()
            self._foreign_change.clear()
            core.learning.look_again()
            written = core.tracker.blocks()
            try:
                moved = await self._follow_traffic()
                ordered = await self._follow_orders()
                await core.crisis.catch_up()
                blocks, readings = await core.store.blocks(), await core.store.readings()
                reports = await core.store.ask(kept_reports())
                suspected = await core.store.ask(suspicions())
                counted = await core.store.ask(corrections())
                attempts = await core.store.ask(self._past_attempts.unread())
                lengths = await core.store.ask(conversation_lengths())
                talked = await core.store.ask(core.conversations.unread())
            except StoreError:
                _log.exception("what other processes changed cannot be read")
                continue
            now_ms = core.clock.wall_ms()
            before = {block.target for block in core.tracker.blocks()}
            core.tracker.restore(core.lessons.kept_blocks(blocks), readings, written)
            core.scopes.suspicions.restore(suspected)
            core.corrections.restore(counted)
            core.tracker.refresh_all(now_ms)
            core.slots.look_again()
            core.reports.take_in(reports)
            core.conversation_lengths.take_in(lengths)
            core.conversations.take_in(talked)
            self._past_attempts.take_in(attempts, now_ms)
            after = {block.target for block in core.tracker.blocks()}
            if ordered or before - after:
                core.rouse()
            told, known = (blocks, readings, suspected, reports), self._told_by_others
            self._told_by_others = told
            if ordered or before != after:
                self.announce_change()
            elif moved or told != known:
                # Sums and log are told when they have been read, not as they were a moment before that; and of a mere
                # heartbeat there is nothing to tell.
                core.changed = True

    async def _follow_traffic(self) -> bool:
        """Tell at once what others have begun and finished, without reading sums; whether there is anything new."""
        core = self._core
        answer, listening = await core.store.ask(both(self._traffic.unread(), self._listening()))
        seen = self._traffic.take_in(answer)
        before, self.running, self.gateways = (self.running, self.gateways), seen.running, listening
        if seen.ended or seen.running != before[0]:
            core.slots.heard(seen.running)
            core.bus.publish(seen)
            return True
        return listening != before[1]

    async def _follow_orders(self) -> bool:
        """Obey the orders in the store, unless somebody here gave others while they were being read; whether there were
        any."""
        core, before = self._core, self._core.control.state
        orders = await core.store.control()
        if orders != before:  # unless ours are on their way there
            await core.store.flush()
            orders = await core.store.control()
        if core.control.state is not before or orders == before:
            return False
        self.obey(orders)
        await core.store.flush()  # after which the ledger's figures are no older than the orders
        return True

    async def _keep_house(self) -> None:
        """Every second the files and the date; after a change the store, at once but at most every second, and less
        often where a busy day's sums take long to read."""
        clock = self._core.clock
        looked_ms = refresh_from_ms = clock.mono_ms() - _HOUSEKEEPING_MS
        while True:
            await clock.sleep(_LOOK_MS)
            now_ms = clock.mono_ms()
            try:
                if now_ms - looked_ms >= _HOUSEKEEPING_MS:
                    looked_ms = now_ms
                    self._watch_the_store()
                    await self._watch_gateways()
                    await self._reload_if_changed()
                    self._begin_new_day()
                    await self._erase_if_due(now_ms)
                if self._core.changed and now_ms >= refresh_from_ms:
                    refresh_from_ms = now_ms + _HOUSEKEEPING_MS
                    reading_ms = await self.refresh()
                    refresh_from_ms = now_ms + max(_HOUSEKEEPING_MS, reading_ms / _READING_SHARE)
                    self._core.bus.publish(SnapshotChanged())
            except StoreError as error:
                _log.warning("the store could not be asked: %s", error)
            except Exception:
                _log.exception("housekeeping failed; it goes on")

    async def refresh(self) -> float:
        """Take today's sums and the log from the store; gives how long reading them took (ms), without the wait for
        what is still to be written, which somebody else's lock may draw out."""
        core = self._core
        core.changed = False
        with suppress(StoreError):  # what cannot be written is said by `store.trouble`; the rest can be read
            await core.store.flush()
        began_ms = core.clock.mono_ms()
        self.stored = await core.store.totals_since(self.since_ms)
        self.recent = await core.store.recent(LOG_LINES)
        self.running = await core.store.running_requests()
        self.gateways = await core.store.ask(self._listening())
        core.slots.heard(self.running)
        core.spent_day_pico = self.stored.totals.cost.pico
        return core.clock.mono_ms() - began_ms

    def _listening(self) -> Query[tuple[GatewayView, ...]]:
        return gateways(self._core.clock.wall_ms() - DEAD_AFTER_MS)

    async def _watch_gateways(self) -> None:
        """Whoever listens may die without a word, which changes nothing in the store."""
        if self.gateways and self.gateways != await self._core.store.ask(self._listening()):
            self.announce_change()

    def _watch_the_store(self) -> None:
        """Say at once that what happens cannot be kept, and that it can again."""
        trouble = self._core.store.trouble
        if trouble == self._told_trouble:
            return
        self._told_trouble = trouble
        if trouble is not None:
            self._core.bus.publish(Alert(AlertLevel.CRITICAL, "store", f"nothing can be kept: {trouble}"))
        else:
            self._core.bus.publish(Alert(AlertLevel.NOTICE, "store:again", "the store takes writes again"))
        self.announce_change()

    async def _erase_if_due(self, now_mono_ms: float) -> None:
        """Erase what a person has deleted, and what is older than it is to be kept, once an hour."""
        if now_mono_ms - self._erased_mono_ms >= _ERASING_MS:
            self._erased_mono_ms = now_mono_ms
            await self._chats.erase(self._core.generation.config.preferences.history.keep_days)

    def _begin_new_day(self) -> None:
        since_ms = start_of_day_ms(self._core.clock.wall_ms())
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
        return self.load_with({})

    def load_with(self, texts: Mapping[Path, str]) -> Loaded:
        """The configuration as if the user's files of those paths had these texts; blocks on files. Raises
        ConfigError."""
        return self._settings.load(user_text=texts, found=self.discovery.servers)

    def in_force(self, loaded: Loaded) -> Config:
        """`loaded` with what was learned of local windows, and without the accounts that a person took out."""
        lowered, set_aside = self._core.window_watch.lowered, self._core.control.state.set_aside
        if not lowered and not set_aside:
            return loaded.config
        catalogue = without_set_aside(with_windows(loaded.config.catalogue, lowered), set_aside)
        return hashed(catalogue, loaded.config.preferences)

    def _adopt(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self._core.window_watch.changed = False
        config = self.in_force(loaded)
        self._use(config)
        self._core.rouse()
        self._core.bus.publish(ConfigChanged(config.generation))

    def _use(self, config: Config) -> None:
        """Have requests that begin from now on run under `config`."""
        core = self._core
        core.generation = Generation.of(config, self.loaded.keys)
        before = {block.target for block in core.tracker.blocks()}
        core.tracker.use_config(config.catalogue, config.preferences.thresholds)
        core.scopes.use_config(config.catalogue)
        core.learning.look_again()
        for target in before - {block.target for block in core.tracker.blocks()}:
            core.lessons.unblocked(target)


def start_of_day_ms(now_ms: int) -> int:
    """Midnight of the local day that `now_ms` falls into."""
    now = dt.datetime.fromtimestamp(now_ms / 1000).astimezone()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return int(midnight.timestamp() * 1000)
