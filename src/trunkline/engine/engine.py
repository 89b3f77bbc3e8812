"""The engine: its public face, and the housekeeping behind it. Plain asyncio, on its caller's loop."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import suppress
from pathlib import Path

from trunkline.config.load import Loaded
from trunkline.domain.checks import CheckResult
from trunkline.domain.clock import Clock, SystemClock
from trunkline.domain.crisis import CrisisSummary
from trunkline.domain.errors import ConfigError, EngineClosedError, StoreError
from trunkline.domain.events import Event
from trunkline.domain.ids import IdSource
from trunkline.domain.latency_history import LatencyHistory
from trunkline.domain.learned import Received, Verdict
from trunkline.domain.messages import ChatRequest
from trunkline.domain.receipts import Receipt
from trunkline.domain.snapshot import Snapshot
from trunkline.domain.trials import PreferencesTrial
from trunkline.engine import control
from trunkline.engine.api import CHECK_TIMEOUT_MS, Answer, Preview
from trunkline.engine.chats import Chats
from trunkline.engine.core import EngineCore
from trunkline.engine.generation import Generation
from trunkline.engine.past import Past
from trunkline.engine.preview import preview_of
from trunkline.engine.requests import Handle, Requests
from trunkline.engine.settings import EngineSettings
from trunkline.engine.snapshots import SnapshotParts, build_snapshot
from trunkline.engine.upkeep import Upkeep
from trunkline.providers.call import Transport
from trunkline.store import crises, keep, queries
from trunkline.store.keep import Order
from trunkline.store.latency import latency
from trunkline.store.parking import KeptRequest
from trunkline.store.store import Store


class Engine:
    """Open it with `Engine.open`, use it as `api.EngineFace`, and `aclose` it. `chats` are the conversations kept;
    `past` answers questions of the store without a loop."""

    def __init__(self, settings: EngineSettings, core: EngineCore, loaded: Loaded) -> None:
        self._settings = settings
        self._core = core
        self._upkeep = Upkeep(settings, core, loaded)
        self._closers: list[Callable[[], object]] = []
        self._requests = Requests(core)
        self._closed = False
        core.parking.adopts = settings.long_lived
        core.parking.resume = self._resume
        core.parking.cancel = self._requests.cancel
        self.chats = Chats(core.store, core.clock, core.recall)
        self.past = Past(core)

    @classmethod
    def open(
        cls,
        settings: EngineSettings,
        *,
        clock: Clock | None = None,
        draw: Callable[[], float] = random.random,
    ) -> Engine:
        """Load the configuration and the store. Call it on the loop that will run requests, or on none for commands
        that make no call. Raises ConfigError and StoreError."""
        clock = clock or SystemClock()
        loaded = settings.load()
        ids = IdSource(clock)
        store = Store.open(settings.places.store_file, clock, ids, process_name=settings.process_name)
        core = EngineCore(
            clock=clock,
            ids=ids,
            draw=draw,
            store=store,
            generation=Generation.of(loaded.config, loaded.keys),
            make_transport=lambda: _http_transport(clock),
            process_name=settings.process_name,
            load_vocabulary=settings.load_vocabulary,
        )
        core.crisis.drill = settings.rehearsal
        try:
            return cls(settings, core, loaded)
        except BaseException:
            store.close_now()
            raise

    def start(self) -> None:
        """Begin housekeeping on the running loop: reloads, news from other processes, snapshots."""
        self._upkeep.start()

    async def __aenter__(self) -> Engine:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # -- requests -----------------------------------------------------------------------------------------------

    def submit(self, request: ChatRequest) -> Handle:
        """See `EngineFace.submit`. Raises EngineClosedError after `aclose`."""
        if self._closed:
            raise EngineClosedError("the engine is closed")
        return self._requests.begin(request.request_id or self._core.ids.new(), request)

    def _resume(self, request_id: str, kept: KeptRequest) -> None:
        """Go on with a request that no process runs."""
        if not self._closed:
            self._requests.begin(request_id, kept.request, kept)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """See `EngineFace.stream`."""
        handle = self.submit(request)
        try:
            async for event in handle.events():
                yield event
        finally:
            handle.cancel()

    async def complete(self, request: ChatRequest) -> Answer:
        """See `EngineFace.complete`."""
        handle = self.submit(request)
        try:
            return await handle.answer()
        finally:
            handle.cancel()

    async def preview(self, request: ChatRequest) -> Preview:
        """See `EngineFace.preview`."""
        await self._core.counting.count(request, self._core.generation.counting)
        return self.preview_now(request)

    def preview_now(self, request: ChatRequest) -> Preview:
        """`preview` without a loop: nothing in it waits, what is long is only estimated. Every route is looked at."""
        return preview_of(self._core, request)

    async def check(
        self,
        selector: str | None = None,
        *,
        timeout_ms: int = CHECK_TIMEOUT_MS,
        on_result: Callable[[CheckResult], None] | None = None,
    ) -> tuple[CheckResult, ...]:
        """See `EngineFace.check`."""
        from trunkline.engine.checks import check

        return await check(self._core, selector, timeout_ms=timeout_ms, on_result=on_result)

    def load_transport(self) -> None:
        """Import and build what sends calls now, rather than with the first one."""
        _ = self._core.transport

    # -- state --------------------------------------------------------------------------------------------------

    @property
    def store(self) -> Store:
        """Where the rooms above keep what is theirs alone."""
        return self._core.store

    @property
    def loaded(self) -> Loaded:
        """The configuration in force with where it came from."""
        return self._upkeep.loaded

    @property
    def generation(self) -> Generation:
        """The configuration in force."""
        return self._core.generation

    @property
    def blocked(self) -> frozenset[str]:
        """The providers, accounts and routes that there is a block on."""
        return frozenset(block.target for block in self._core.tracker.blocks())

    def snapshot(self) -> Snapshot:
        """See `EngineFace.snapshot`."""
        core, upkeep = self._core, self._upkeep
        return build_snapshot(
            SnapshotParts(
                now_ms=core.clock.wall_ms(),
                config=core.generation.config,
                standing=core.standing(core.generation),
                tracker=core.tracker,
                stored=upkeep.stored,
                log=upkeep.recent,
                running=upkeep.running,
                gateways=upkeep.gateways,
                in_flight=len(self._requests),
                queue=core.queue(),
                crisis=core.crisis.current,
                last_crisis=core.crisis.last,
                config_error=upkeep.config_error,
                store_error=core.store.trouble,
                reports=core.reports.shelf.told_by(core.generation.config.catalogue, core.generation.keys),
                shared=core.scopes.shares_with,
            )
        )

    def look_ahead_now(self) -> None:
        """Have the next snapshot forecast limits, without a loop. Raises StoreError."""
        watch = self._core.quota_watch
        watch.look_once(self.past.ask(watch.past()))

    async def fresh_snapshot(self) -> Snapshot:
        """A snapshot that includes everything recorded so far, as far as the store takes it: its `store_error` says so
        where it does not."""
        with suppress(StoreError):
            await self._core.store.flush()
        self._core.tracker.refresh_all(self._core.clock.wall_ms())
        await self._upkeep.refresh()
        return self.snapshot()

    def subscribe(self, *, capacity: int = 256) -> AsyncIterator[Event]:
        """See `EngineFace.subscribe`."""
        return self._core.bus.subscribe(capacity)

    async def receipt(self, request_id: str) -> Receipt | None:
        """The receipt of any request that is over, by its id or a unique beginning of it. Raises StoreError."""
        with suppress(StoreError):  # what is written already can be read
            await self._core.store.flush()
        return await self._core.store.receipt(request_id)

    async def latency(self, since_ms: int, bucket_ms: int) -> LatencyHistory:
        """See `HostedEngine.latency`. Raises StoreError."""
        now_ms = self._core.clock.wall_ms()
        return await self._core.store.ask(latency(since_ms, now_ms + 1, max(1, bucket_ms)))

    async def try_preferences(self, texts: Mapping[Path, str]) -> PreferencesTrial:
        """See `HostedEngine.try_preferences`. Raises StoreError."""
        from trunkline.engine.trials import MOST_REQUESTS, try_generation

        core, upkeep = self._core, self._upkeep

        def compiled() -> Generation:
            loaded = upkeep.load_with(texts)
            return Generation.of(upkeep.in_force(loaded), loaded.keys)

        try:
            tried = await asyncio.to_thread(compiled)
        except ConfigError as error:
            return PreferencesTrial(0, (), str(error))
        asked = await core.store.ask(queries.asked(MOST_REQUESTS))
        return await try_generation(asked, core.generation, tried, core.state_without_request)

    # -- orders -------------------------------------------------------------------------------------------------

    def switch(self, route: str | None, *, expires_at_ms: int | None = None) -> None:
        """See `EngineFace.switch`."""
        catalogue = self._core.generation.config.catalogue
        self._order(control.switched(route, catalogue, expires_at_ms=expires_at_ms), "switch")

    def set_account(self, account: str, *, enabled: bool) -> None:
        """See `EngineFace.set_account`."""
        configured = self.loaded.config.catalogue
        action = f"{'put back' if enabled else 'take out'} {account}"
        self._order(control.with_account(account, configured, enabled=enabled), action)

    def set_mode(self, mode: str) -> None:
        """See `EngineFace.set_mode`."""
        known = tuple(mode.name for mode in self._core.generation.config.preferences.modes)
        self._order(control.with_mode(mode, known), "mode")

    def override(self, route: str | None) -> None:
        """See `EngineFace.override`."""
        catalogue = self._core.generation.config.catalogue
        self._order(control.overridden(route, catalogue), "override" if route is not None else "override off")

    def free(self, target: str) -> None:
        """See `EngineFace.free`."""
        from trunkline.engine.freeing import free

        free(self._core, target)
        self._order(control.freed(self._core.clock.wall_ms()), f"free {target}")

    def promote(self, request_id: str) -> None:
        """See `EngineFace.promote`."""
        self._core.waiting_room.promote(request_id)
        self._core.parking.promote(request_id)
        self._upkeep.announce_change()

    def move(self, request_id: str, places: int) -> None:
        """See `EngineFace.move`."""
        if not self._core.waiting_room.move(request_id, places):
            self._core.parking.move(request_id, places)
        self._upkeep.announce_change()

    def drop(self, request_id: str) -> None:
        """See `EngineFace.drop`."""
        if request_id in self._requests:
            self._requests.cancel(request_id)
        else:
            self._core.parking.drop(request_id)
        self._upkeep.announce_change()

    async def look_after_kept(self) -> bool:
        """Take over at once what is kept and no process runs, where this one stays; whether anything of what is kept
        is left to run here. Raises StoreError."""
        return await self._core.parking.look()

    async def crises(self, limit: int) -> tuple[CrisisSummary, ...]:
        """See `EngineFace.crises`. Raises StoreError."""
        return await self._core.store.ask(crises.crises(limit))

    async def feedback(self, request_id: str, verdict: Verdict | None) -> Received:
        """See `EngineFace.feedback`."""
        return await self._core.learning.feedback(request_id, verdict)

    async def forget_quality(self, model: str | None = None, task_type: str | None = None) -> int:
        """Forget how answers were received: of a model, of a task type, of both together, or of all. Gives of how many
        kinds of answers something was known. Raises StoreError."""
        return await self._core.learning.forget(model, task_type, self._settings.process_name)

    def reset(self) -> None:
        """See `EngineFace.reset`."""
        for target in self._core.tracker.clear():
            self._core.lessons.unblocked(target)
        self._order(control.automatic, "reset")

    def pause(self) -> None:
        """See `EngineFace.pause`."""
        self._order(control.with_pause(True), "pause")

    def resume(self) -> None:
        """See `EngineFace.resume`."""
        self._order(control.with_pause(False), "resume")

    def _order(self, order: Order, action: str) -> None:
        """Obey at once, and have the order change what is kept then, whatever other processes have ordered by then."""
        self._upkeep.obey(order(self._core.control.state))
        who, at_ms = self._settings.process_name, self._core.clock.wall_ms()
        self._core.store.post(
            lambda connection: keep.give_order(connection, order, who=who, why=action, at_ms=at_ms)
        )
        self._upkeep.announce_change()

    # -- the end ------------------------------------------------------------------------------------------------

    def on_close(self, closer: Callable[[], object]) -> None:
        """Call `closer` when the engine is closed, before anything else is."""
        self._closers.append(closer)

    def stop_running(self) -> None:
        """Cancel what runs, as the engine is about to be closed: what is kept in the store stays there and goes on in
        another process; of the rest partial answers are kept."""
        self._requests.leave()

    async def aclose(self) -> None:
        """Stop what runs (see `stop_running`), settle, and close the store and every connection."""
        if self._closed:
            return
        self._closed = True
        try:
            for closer in self._closers:
                closer()
            await self._upkeep.stop()
            self.stop_running()
            await self._requests.ended()
            await self._core.aclose()
        finally:
            # Whatever failed: a thread of the store would keep the process from ending.
            await self._core.store.close()

    def close_now(self) -> None:
        """Close without a loop, for commands that made no call."""
        self._closed = True
        self._core.store.close_now()


def _http_transport(clock: Clock) -> Transport:
    from trunkline import __version__
    from trunkline.providers.transport import HttpTransport

    return HttpTransport(clock, user_agent=f"trunkline/{__version__}")
