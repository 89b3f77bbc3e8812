"""A deck that only watches: what other processes do is seen, nothing is written, whatever happens to the store."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from tests.support.clock import FakeClock
from tests.support.engine_world import WHOLE_TEXT, Serves, World, ask, open_world, until

from trunkline.domain.events import Alert, ConfigChanged, Event, Failed
from trunkline.domain.snapshot import AccountView, Snapshot
from trunkline.engine.api import EngineDied, EngineReady, HostedEngine
from trunkline.engine.monitor import Monitor, watch_once
from trunkline.engine.settings import EngineSettings
from trunkline.store import schema

POOL = Serves(
    "pool",
    accounts=("a", "b"),
    limits=[{"metric": "requests", "amount": 20, "window": "day"}],
    known=True,
    pool="priority",
)


class Watcher:
    """A monitor and what it delivers."""

    def __init__(self, settings: EngineSettings) -> None:
        self.monitor: HostedEngine = Monitor(settings, look_ms=20.0)
        self.news: list[Any] = []

    @property
    def snapshots(self) -> list[Snapshot]:
        return [one for one in self.news if isinstance(one, Snapshot)]

    @property
    def seen(self) -> Snapshot:
        return self.snapshots[-1]

    @property
    def alerts(self) -> list[str]:
        bodies = [one.body for one in self.news if isinstance(one, Event)]
        return [body.text for body in bodies if isinstance(body, Alert)]

    async def ask(self, order: Callable[..., object], *values: object) -> Any:
        delivered: list[Any] = []
        order(*values, delivered.append)
        await until(lambda: delivered)
        return delivered[0]


@asynccontextmanager
async def watching(settings: EngineSettings) -> AsyncIterator[Watcher]:
    watcher = Watcher(settings)
    watcher.monitor.start(watcher.news.append)
    try:
        await until(lambda: watcher.snapshots)
        yield watcher
    finally:
        await asyncio.to_thread(watcher.monitor.close)


def settings_of(world: World, environ: dict[str, str] | None = None) -> EngineSettings:
    return EngineSettings(
        world.places,
        world.environ if environ is None else environ,
        "monitor",
        base_providers_text=world.catalogue,
    )


def account(snapshot: Snapshot, name: str = "a") -> AccountView:
    return next(one for view in snapshot.providers for one in view.accounts if one.id == name)


def content(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file with its size and time of change."""
    return {file.name: (file.stat().st_size, file.stat().st_mtime_ns) for file in folder.iterdir()}


def seen_by_nobody(world: World) -> Snapshot:
    """What is seen without the right to write the home or anything in it."""
    settings, is_root = settings_of(world), os.geteuid() == 0
    for file in world.home.iterdir():
        file.chmod(0o444)
    world.home.chmod(0o555)
    if is_root:
        os.seteuid(65_534)
    try:
        assert not os.access(world.home, os.W_OK, effective_ids=True)
        assert not os.access(world.places.store_file, os.W_OK, effective_ids=True)
        return watch_once(settings)
    finally:
        if is_root:
            os.seteuid(0)
        world.home.chmod(0o755)
        for file in world.home.iterdir():
            file.chmod(0o600)


@pytest.fixture
def open_home() -> Iterator[Path]:
    """A folder that others may look into."""
    home = Path(tempfile.mkdtemp())
    home.chmod(0o755)
    yield home
    home.chmod(0o755)
    shutil.rmtree(home)


async def test_what_another_process_does_is_seen(tmp_path: Path) -> None:
    async with open_world(tmp_path, POOL) as world, watching(settings_of(world)) as watcher:
        assert isinstance(watcher.news[0], EngineReady)
        assert watcher.seen.read_only
        told = await world.run(ask(conversation_id="talk", turn_id="t1"))
        await until(lambda: watcher.seen.log)
        assert watcher.seen.log[0].request_id == told.receipt.request_id
        assert watcher.seen.totals.answered == 1
        assert watcher.seen.current_route == "pool/a/m"
        shown = account(watcher.seen)
        assert {(limit.used, limit.amount) for limit in shown.limits} == {(1, 20)}
        assert (shown.health, shown.counts.success) == (95, 1)
        assert shown.latency.p50_ms is not None
        world.engine.switch("pool/b")
        world.engine.set_account("pool/a", enabled=False)
        await until(lambda: watcher.seen.pin and account(watcher.seen).set_aside)
        receipt = await watcher.ask(watcher.monitor.find_receipt, told.receipt.request_id)
        assert receipt == told.receipt
        (summary,) = await watcher.ask(watcher.monitor.conversations, "queue", 9)
        kept = await watcher.ask(watcher.monitor.conversation, summary.conversation_id)
        assert [turn.answer for turn in kept.turns] == [WHOLE_TEXT]
        history = await watcher.ask(watcher.monitor.latency, 0, 86_400_000)
        assert [one.provider for one in history.series] == ["pool"]
        assert watcher.alerts == []


async def test_a_running_call_is_seen_and_so_is_its_end(tmp_path: Path) -> None:
    slow = Serves("only", played={"tokens_per_s": 20.0, "chunk_tokens": 2})
    async with open_world(tmp_path, slow) as world, watching(settings_of(world)) as watcher:
        handle = world.engine.submit(ask())
        await until(lambda: watcher.seen.running)
        assert watcher.seen.running[0].request_id == handle.request_id
        assert (watcher.seen.totals.in_flight, account(watcher.seen).in_flight) == (1, 1)
        handle.cancel()
        await until(lambda: not watcher.seen.running)
        assert watcher.seen.totals.in_flight == 0


async def test_nothing_new_is_nothing_delivered_and_nothing_written(tmp_path: Path) -> None:
    async with open_world(tmp_path, POOL, started=False) as world:
        await world.run(ask())
        await world.engine.aclose()
        before = content(tmp_path)
        async with watching(settings_of(world)) as watcher:
            await asyncio.sleep(0.2)  # ten looks
            assert len(watcher.snapshots) == 1
            assert content(tmp_path) == before
        assert content(tmp_path) == before


async def test_a_folder_that_cannot_be_written_is_no_obstacle(open_home: Path) -> None:
    async with open_world(open_home, POOL, started=False) as world:
        await world.run(ask())
        await world.engine.aclose()
        seen = seen_by_nobody(world)
        assert (seen.store_error, seen.totals.answered) == (None, 1)
        async with world.open("later") as later:
            await world.run(ask(), later)
            await later.fresh_snapshot()
            seen = seen_by_nobody(world)
            assert (seen.store_error, seen.totals.answered) == (None, 2)


async def test_a_store_is_waited_for_and_seen_when_it_comes(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    async with open_world(tmp_path, POOL) as world:
        settings = EngineSettings(
            type(world.places)(home, home, home), world.environ, "monitor", world.catalogue
        )
        async with watching(settings) as watcher:
            assert "no store yet" in (watcher.seen.store_error or "")
            assert [one.id for one in watcher.seen.providers] == ["pool"]
            assert any("no store yet" in text for text in watcher.alerts)
            assert await asyncio.to_thread(watch_once, settings) is not None
            watcher.monitor.conversations("", 9, lambda _: None)
            await until(lambda: len(watcher.alerts) == 2)
            world.places = settings.places
            engine = world.open("first")
            engine.start()
            await world.run(ask(), engine)
            await until(lambda: watcher.seen.totals.answered == 1)
            assert watcher.seen.store_error is None
            # The process ends, another one begins: both are seen.
            await engine.aclose()
            async with world.open("second") as second:
                await world.run(ask(), second)
                await until(lambda: watcher.seen.totals.answered == 2)


@pytest.mark.parametrize("damage", [b"this is not a database at all" * 100, None])
async def test_a_store_that_cannot_be_read_is_told_and_tried_again(
    tmp_path: Path, damage: bytes | None
) -> None:
    async with open_world(tmp_path, POOL, started=False) as world:
        await world.run(ask())
        await world.engine.aclose()
        file = world.places.store_file
        whole = file.read_bytes()
        if damage is None:
            damage = whole[:60] + (999).to_bytes(4, "big") + whole[64:]
        file.write_bytes(damage)
        expected = "newer Trunkline" if damage[:6] == b"SQLite" else "move it away"
        async with watching(settings_of(world)) as watcher:
            assert expected in (watcher.seen.store_error or "")
            assert any(expected in text for text in watcher.alerts)
            file.write_bytes(whole)
            await until(lambda: watcher.seen.store_error is None)
            assert watcher.seen.totals.answered == 1


async def test_what_an_older_version_wrote_is_seen_and_so_is_what_comes_after_it_is_brought_forward(
    tmp_path: Path,
) -> None:
    async with open_world(tmp_path, POOL, started=False) as world:
        told = await world.run(ask())
        await world.engine.aclose()
        as_of_version_2(world.places.store_file)
        before = content(tmp_path)
        async with watching(settings_of(world)) as watcher:
            assert (watcher.seen.store_error, watcher.seen.totals.answered) == (None, 1)
            assert (watcher.seen.queue, watcher.seen.crisis) == ((), None)
            assert await watcher.ask(watcher.monitor.find_receipt, told.receipt.request_id) == told.receipt
            assert {name: of for name, of in content(tmp_path).items() if "wal" not in name} == before
            async with world.open("newer") as newer:  # which brings it forward
                newer.start()
                world.fault("limited", wait_s=7_200)
                kept = newer.submit(ask(park=True))
                await until(lambda: watcher.seen.queue)
                assert watcher.seen.queue[0].request_id == kept.request_id


def as_of_version_2(path: Path) -> None:
    """Take back what the third migration and those after it made."""
    with closing(sqlite3.connect(path)) as connection:
        made = [statement.split()[1:3] for statements in schema.MIGRATIONS[2:] for statement in statements]
        for kind, name in reversed(made):
            connection.execute(f"DROP {kind} {name}")
        connection.execute("PRAGMA user_version=2")


async def test_a_broken_configuration_is_told_and_the_last_good_one_stays(tmp_path: Path) -> None:
    async with open_world(tmp_path, POOL) as world, watching(settings_of(world)) as watcher:
        world.prefer('mode = "nonsense"\n')
        await until(lambda: watcher.seen.config_error)
        assert [one.id for one in watcher.seen.providers] == ["pool"]
        world.prefer('mode = "cost_first"\n')
        await until(lambda: watcher.seen.mode == "cost_first")
        assert watcher.seen.config_error is None
        changes = [one.body for one in watcher.news if isinstance(one, Event)]
        assert [bool(body.error) for body in changes if isinstance(body, ConfigChanged)] == [True, False]


async def test_a_configuration_broken_from_the_start_ends_it(tmp_path: Path) -> None:
    async with open_world(tmp_path, POOL) as world:
        world.prefer("mode = 7")
        watcher = Watcher(settings_of(world))
        watcher.monitor.start(watcher.news.append)
        await until(lambda: watcher.news)
        (died,) = watcher.news
        assert isinstance(died, EngineDied)
        assert "mode" in died.text
        await asyncio.to_thread(watcher.monitor.close)


async def test_accounts_whose_keys_are_not_here_are_shown_as_they_work(tmp_path: Path) -> None:
    async with open_world(tmp_path, POOL, Serves("idle"), started=False) as world:
        world.fault("key_revoked", provider="pool", account="b")
        await world.run(ask(route="pool/a"))
        await world.run(ask(route="pool/b"))
        await world.engine.fresh_snapshot()
        seen = await asyncio.to_thread(watch_once, settings_of(world, {}))
        assert account(seen, "a").has_key
        assert account(seen, "a").status.value == "healthy"
        assert account(seen, "b").block is not None
        (idle,) = [one for one in seen.providers if one.id == "idle"]
        assert not idle.accounts[0].has_key


async def test_calls_of_a_process_that_died_end_with_its_heartbeat(tmp_path: Path) -> None:
    clock = FakeClock()
    slow = Serves("only", played={"tokens_per_s": 20.0, "chunk_tokens": 2})
    async with open_world(tmp_path, slow) as world:
        handle = world.engine.submit(ask())
        await until(lambda: world.open_reservations())
        rows = world.query("SELECT max(beat_at_ms) FROM process")
        clock.jump_wall(rows[0][0] + 9_000 - clock.wall_ms())
        assert watch_once(settings_of(world), clock).running
        clock.jump_wall(51_000)
        assert not watch_once(settings_of(world), clock).running
        handle.cancel()


async def test_every_order_is_refused(tmp_path: Path) -> None:
    async with open_world(tmp_path, POOL, started=False) as world, watching(settings_of(world)) as watcher:
        monitor = watcher.monitor
        orders: list[Callable[[], object]] = [
            lambda: monitor.switch("pool/a"),
            lambda: monitor.set_account("pool/a", enabled=False),
            lambda: monitor.set_mode("cost_first"),
            lambda: monitor.delete_conversation("talk"),
            lambda: monitor.check(None, lambda _: None),
            monitor.pause,
            monitor.reset,
        ]
        for count, order in enumerate(orders, 1):
            order()
            await until(lambda count=count: len(watcher.alerts) == count)
        assert all(text.startswith("this deck only watches: ") for text in watcher.alerts)
        trial = await watcher.ask(monitor.try_preferences, {})
        assert "only watches" in trial.error
        events = await watcher.ask(monitor.submit, ask(conversation_id="talk"))
        assert isinstance(events[-1].body, Failed)
        assert "only watches" in events[-1].body.receipt.fault.message
        assert world.query("SELECT count(*) FROM message") == [(0,)]
        assert world.query("SELECT count(*) FROM audit") == [(0,)]
