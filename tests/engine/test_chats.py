"""Conversations, latency and trials through a hosted engine, and what the deck hears when the store gives out."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from tests.support.clock import FakeClock
from tests.support.engine_world import WHOLE_TEXT, Serves, World, ask, open_world, until

from trunkline.domain.chats import ConversationSettings
from trunkline.domain.events import Alert, Answered, Event, Failed
from trunkline.domain.snapshot import Snapshot
from trunkline.engine.chats import RESTORABLE_MS, Chats
from trunkline.engine.engine import Engine
from trunkline.engine.host import EngineHost

T = TypeVar("T")


class Deck:
    """A hosted engine, asked and waited for."""

    def __init__(self, host: EngineHost) -> None:
        self.host = host
        self.news: list[Any] = []

    @property
    def alerts(self) -> list[str]:
        events = [one.body for one in self.news if isinstance(one, Event)]
        return [body.text for body in events if isinstance(body, Alert)]

    @property
    def snapshot(self) -> Snapshot:
        return [one for one in self.news if isinstance(one, Snapshot)][-1]

    async def ask(self, order: Callable[..., object], *values: object) -> Any:
        """What `order` delivers."""
        delivered: list[Any] = []
        order(*values, delivered.append)
        await until(lambda: delivered)
        return delivered[0]

    async def say(self, talk: str, turn: str, text: str) -> Event:
        """Send a turn and wait for its ending."""
        events: list[Event] = []
        self.host.submit(ask(text, conversation_id=talk, turn_id=turn), events.extend)
        await until(lambda: events and isinstance(events[-1].body, Answered | Failed), 20)
        return events[-1]

    async def on_engine(self, work: Callable[[Engine], T]) -> T:
        done: list[T] = []
        self.host.run_beside(lambda engine: done.append(work(engine)))
        await until(lambda: done)
        return done[0]


@asynccontextmanager
async def deck_on(world: World) -> AsyncIterator[Deck]:
    deck = Deck(EngineHost(lambda: world.open("hosted")))
    deck.host.start(deck.news.append)
    try:
        yield deck
    finally:
        await asyncio.to_thread(deck.host.close)


async def test_a_conversation_from_first_word_to_its_restoring(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only")) as world, deck_on(world) as deck:
        host = deck.host
        host.set_conversation("talk", ConversationSettings(system="be brief"))
        assert await deck.ask(host.conversations, "", 9) == ()
        await deck.say("talk", "t1", "Who owns the queue?")
        await deck.say("talk", "t2", "And who reads it?")
        host.rename_conversation("talk", "Queues")
        (summary,) = await deck.ask(host.conversations, "culprit owns", 9)
        assert (summary.conversation_id, summary.title, summary.turns) == ("talk", "Queues", 2)
        host.drop_turns("talk", ("t2",))
        kept = await deck.ask(host.conversation, "talk")
        assert [(turn.turn_id, turn.answer, turn.complete) for turn in kept.turns] == [
            ("t1", WHOLE_TEXT, True)
        ]
        assert kept.settings == ConversationSettings(system="be brief")
        host.drop_turns("talk", ("t2",), dropped=False)
        host.delete_conversation("talk")
        assert await deck.ask(host.conversations, "", 9) == ()
        host.restore_conversation("talk")
        kept = await deck.ask(host.conversation, "talk")
        assert kept.summary.turns == 2
        assert await deck.ask(host.conversation, "another") is None
        assert deck.alerts == []


async def test_the_deleted_is_erased_a_day_later_and_the_old_when_asked_for(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_world(tmp_path, Serves("only"), started=False) as world:
        store = world.engine._core.store
        chats = Chats(store, clock)
        for talk in ("gone", "stays"):
            await world.run(ask(conversation_id=talk, turn_id=talk))
        await chats.delete("gone")
        clock.advance(RESTORABLE_MS)
        await chats.erase(None)
        assert await chats.open("gone") is not None
        clock.advance(1)
        await chats.erase(None)
        assert await chats.open("gone") is None
        assert await chats.open("stays") is not None
        clock.advance(40 * RESTORABLE_MS)
        await chats.erase(400_000)
        assert await chats.open("stays") is not None


async def test_latency_of_what_was_answered(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("first"), Serves("second")) as world, deck_on(world) as deck:
        world.fault("http", provider="first", status=503)
        for turn in ("a", "b"):
            await deck.say("talk", turn, "Who owns the queue?")
        history = await deck.ask(deck.host.latency, 0, 86_400_000)
        answered = {one.provider: sum(point.attempts for point in one.points) for one in history.series}
        assert sum(answered.values()) == 2
        assert all(point.p50_ms > 0 for one in history.series for point in one.points)


async def test_preferences_are_tried_on_the_last_requests_and_not_kept(tmp_path: Path) -> None:
    models = {"m": {"preference": 90}}
    first, second = Serves("first", models=models), Serves("second")
    preferences = 'default = ["first"]\n'
    async with open_world(tmp_path, first, second, preferences=preferences) as world, deck_on(world) as deck:
        for turn in ("a", "b", "c"):
            await deck.say("talk", turn, "Who owns the queue?")
        file = world.places.preferences_file
        generation = await deck.on_engine(lambda engine: engine.generation)
        types = [policy.type for policy in generation.config.preferences.tasks]
        tried = "".join(f'[tasks.{one}]\nprefer = ["second"]\n' for one in types)
        trial = await deck.ask(deck.host.try_preferences, {file: tried})
        assert trial.error is None
        assert trial.looked_at == 3
        assert [(one.before, one.after) for one in trial.changes] == [("first/a/m", "second/a/m")] * 3
        assert trial.changes[0].after_reason == "preference"
        assert trial.changes[0].before_cost_pico
        same = await deck.ask(deck.host.try_preferences, {file: preferences})
        assert (same.looked_at, same.changes) == (3, ())
        wrong = await deck.ask(deck.host.try_preferences, {file: "mode = 7"})
        assert "mode" in wrong.error
        assert (wrong.looked_at, wrong.changes) == (0, ())
        assert file.read_text().startswith(preferences)


async def test_a_full_disk_is_said_and_forgotten_when_there_is_room(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only")) as world, deck_on(world) as deck:
        await deck.say("talk", "t1", "Who owns the queue?")

        def fill(connection: sqlite3.Connection) -> None:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")

        await deck.on_engine(lambda engine: asyncio.ensure_future(engine._core.store.write(fill)))
        for n in range(40):
            await deck.say("talk", f"n{n}", "x" * 4_000)
            if deck.snapshot.store_error:
                break
        await until(lambda: deck.snapshot.store_error)
        assert "disk is full" in (deck.snapshot.store_error or "")
        await until(lambda: any("nothing can be kept" in text for text in deck.alerts))
        deck.host.rename_conversation("talk", "y" * 9_000)
        await until(lambda: any("disk is full" in text for text in deck.alerts[1:]))
        assert (await deck.ask(deck.host.conversation, "talk")).turns

        def free(connection: sqlite3.Connection) -> None:
            connection.execute("PRAGMA max_page_count = 1000000")

        await deck.on_engine(lambda engine: asyncio.ensure_future(engine._core.store.write(free)))
        await until(lambda: deck.snapshot.store_error is None, 8)
        assert isinstance((await deck.say("talk", "last", "Still there?")).body, Answered)


async def test_calls_of_every_process_are_shown_while_they_run(tmp_path: Path) -> None:
    slow = Serves("only", played={"tokens_per_s": 20.0, "chunk_tokens": 2})
    async with open_world(tmp_path, slow) as world, deck_on(world) as deck:
        handle = world.engine.submit(ask())
        await until(lambda: any(isinstance(one, Snapshot) and one.running for one in deck.news))
        (call,) = deck.snapshot.running
        assert (call.request_id, call.attempt, call.route) == (handle.request_id, 1, "only/a/m")
        assert call.process == "test"
        assert deck.snapshot.providers[0].accounts[0].in_flight == 1
        handle.cancel()
        await until(lambda: not deck.snapshot.running)
        assert deck.snapshot.providers[0].accounts[0].in_flight == 0


async def test_a_snapshot_tells_what_a_person_set(tmp_path: Path) -> None:
    preferences = 'theme = "mine"\n[keymap]\nhelp = "f1"\n'
    async with open_world(tmp_path, Serves("only"), preferences=preferences) as world:
        world.engine.switch("only/a", expires_at_ms=4_000_000_000_000)
        shown = world.engine.snapshot()
        assert (shown.pin, shown.pin_expires_at_ms) == ("only/a", 4_000_000_000_000)
        assert (shown.theme, shown.keymap) == ("mine", (("help", "f1"),))
        assert "coding" in shown.task_types
        assert (await world.engine.preview(ask())).window_tokens == 32_768


async def test_waiting_for_somebody_elses_lock_is_not_taken_for_slow_reading(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only")) as world:
        lock = sqlite3.connect(world.places.store_file, isolation_level=None, check_same_thread=False)
        lock.execute("BEGIN IMMEDIATE")
        asyncio.get_running_loop().call_later(0.3, lock.close)
        began_s = asyncio.get_running_loop().time()
        reading_ms = await world.engine._upkeep.refresh()
        assert asyncio.get_running_loop().time() - began_s > 0.25
        assert reading_ms < 150
