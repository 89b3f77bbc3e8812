"""The engine on a thread of its own: what crosses, in what order, and how it ends."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from tests.support.engine_world import WHOLE_TEXT, Serves, World, ask, open_world, until

from trunkline.domain.errors import ConfigError, StoreError
from trunkline.domain.events import Alert, Answered, Cancelled, Event, Failed, TextDelta
from trunkline.domain.learned import Received, Verdict
from trunkline.domain.receipts import Receipt
from trunkline.domain.snapshot import Snapshot
from trunkline.engine.api import EngineDied, EngineReady, Preview
from trunkline.engine.host import EngineHost

SLOW = {"tokens_per_s": 150.0, "chunk_tokens": 2}


class Face:
    """Collects what a host delivers, as a deck would."""

    def __init__(self) -> None:
        self.news: list[Any] = []
        self.batches: dict[str, list[tuple[Event, ...]]] = {}
        self.threads: set[str] = set()

    def hear(self, news: Any) -> None:
        self.threads.add(threading.current_thread().name)
        self.news.append(news)

    def of(self, kind: type) -> list[Any]:
        return [one for one in self.news if isinstance(one, kind)]

    @property
    def alerts(self) -> list[str]:
        return [one.body.text for one in self.of(Event) if isinstance(one.body, Alert)]

    def submit(self, host: EngineHost, **fields: Any) -> str:
        batches: list[tuple[Event, ...]] = []
        request_id = host.submit(ask(**fields), batches.append)
        self.batches[request_id] = batches
        return request_id

    def events(self, request_id: str) -> list[Event]:
        return [event for batch in self.batches[request_id] for event in batch]

    def ended(self, request_id: str) -> bool:
        events = self.events(request_id)
        return bool(events) and isinstance(events[-1].body, Answered | Failed | Cancelled)

    def text(self, request_id: str) -> str:
        return "".join(
            event.body.text for event in self.events(request_id) if isinstance(event.body, TextDelta)
        )


def host_of(world: World) -> EngineHost:
    return EngineHost(lambda: world.open("hosted"))


async def test_requests_from_before_it_was_ready_are_served_in_batches(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only", played=SLOW)) as world:
        face, host = Face(), host_of(world)
        early = face.submit(host)
        host.start(face.hear)
        try:
            await until(lambda: face.ended(early))
            assert isinstance(face.news[0], EngineReady)
            assert isinstance(face.news[1], Snapshot)
            assert face.text(early) == WHOLE_TEXT
            assert face.threads == {"trunkline-engine"}
            deltas = [event for event in face.events(early) if isinstance(event.body, TextDelta)]
            # 400 characters in chunks of eight, at most ten batches a second.
            assert 2 <= len(deltas) <= 15
            await until(lambda: any(isinstance(one.body, Answered) for one in face.of(Event)))
        finally:
            await _close(host)


async def test_a_cancel_right_after_the_submit_is_not_lost(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only", played=SLOW)) as world:
        face, host = Face(), host_of(world)
        early = face.submit(host)
        host.cancel(early)
        host.start(face.hear)
        try:
            await until(lambda: face.ended(early))
            assert isinstance(face.events(early)[-1].body, Cancelled)
            late = face.submit(host)
            host.cancel(late)
            await until(lambda: face.ended(late))
            assert isinstance(face.events(late)[-1].body, Cancelled)
            running = face.submit(host)
            await until(lambda: face.text(running))
            host.cancel(running)
            await until(lambda: face.ended(running))
            assert isinstance(face.events(running)[-1].body, Cancelled)
            assert WHOLE_TEXT.startswith(face.text(running))
        finally:
            await _close(host)


async def test_closing_while_it_runs_delivers_the_endings_and_settles(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only", played=SLOW)) as world:
        face, host = Face(), host_of(world)
        host.start(face.hear)
        running = [face.submit(host) for _ in range(3)]
        await until(lambda: all(face.text(one) for one in running))
        await _close(host)
        assert all(isinstance(face.events(one)[-1].body, Cancelled) for one in running)
        assert world.open_reservations() == 0
        assert world.query("SELECT count(*) FROM process WHERE name = 'hosted' AND ended_at_ms IS NULL") == [
            (0,)
        ]
        assert not any(thread.name == "trunkline-engine" for thread in threading.enumerate())
        told = len(face.news)
        late = face.submit(host)
        host.switch("only")
        assert face.batches[late] == []
        assert len(face.news) == told


async def test_closing_before_it_is_open_ends_it(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only")) as world:
        release = threading.Event()

        def open_slowly() -> Any:
            release.wait(5)
            return world.open("hosted")

        face, host = Face(), EngineHost(open_slowly)
        host.start(face.hear)
        host.close(timeout_s=0.01)
        release.set()
        await until(lambda: not any(one.name == "trunkline-engine" for one in threading.enumerate()))
        assert face.of(EngineReady) == []
        assert world.query("SELECT count(*) FROM process WHERE name = 'hosted' AND ended_at_ms IS NULL") == [
            (0,)
        ]


async def test_refused_orders_come_as_alerts_and_good_ones_as_snapshots(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only")) as world:
        face, host = Face(), host_of(world)
        host.start(face.hear)
        try:
            host.switch("nobody")
            host.set_mode("nonsense")
            await until(lambda: len(face.alerts) == 2)
            assert "nobody" in face.alerts[0]
            assert "nonsense" in face.alerts[1]
            host.switch("only")
            host.pause()
            await until(lambda: any(one.pin == "only" and one.paused for one in face.of(Snapshot)))
            host.resume()
            host.reset()
            await until(lambda: face.of(Snapshot)[-1].pin is None and not face.of(Snapshot)[-1].paused)
        finally:
            await _close(host)


async def test_what_an_order_changes_is_told_at_once(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only")) as world:
        face, host = Face(), host_of(world)
        host.start(face.hear)
        try:
            await until(lambda: face.of(Snapshot))
            for paused in (True, False, True):
                (host.pause if paused else host.resume)()
                await until(lambda: face.of(Snapshot)[-1].paused is paused, 0.5)  # noqa: B023 - over before the next
        finally:
            await _close(host)


async def test_previews_and_receipts_are_delivered(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only")) as world:
        face, host = Face(), host_of(world)
        host.start(face.hear)
        try:
            previews: list[Preview] = []
            host.preview(ask(), previews.append)
            one = face.submit(host)
            await until(lambda: previews and face.ended(one))
            assert world.served("only") == 1
            receipts: list[Receipt | None] = []
            host.find_receipt(one, receipts.append)
            host.find_receipt("no such request", receipts.append)
            await until(lambda: len(receipts) == 2)
            ending = face.events(one)[-1].body
            assert isinstance(ending, Answered)
            assert receipts == [ending.receipt, None]
        finally:
            await _close(host)


@pytest.mark.parametrize(
    "error",
    [
        StoreError("the store is of a newer version"),
        ConfigError(file="f", key="k", value=1, expected="a word"),
    ],
)
async def test_an_engine_that_cannot_open_says_why(error: Exception) -> None:
    def fail() -> Any:
        raise error

    face, host = Face(), EngineHost(fail)
    early = face.submit(host)
    host.start(face.hear)
    await until(lambda: face.news)
    assert [one.text for one in face.of(EngineDied)] == [str(error)]
    assert face.batches[early] == []
    await _close(host)


async def test_a_bug_while_opening_is_told_without_its_words() -> None:
    def fail() -> Any:
        raise RuntimeError("sk-secret-in-an-exception")

    face, host = Face(), EngineHost(fail)
    host.start(face.hear)
    await until(lambda: face.news)
    (died,) = face.of(EngineDied)
    assert "RuntimeError" in died.text
    assert "sk-secret" not in died.text
    await _close(host)


async def test_a_face_that_fails_does_not_end_the_engine(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only")) as world:
        face, host = Face(), host_of(world)

        def hear(news: Any) -> None:
            face.hear(news)
            raise ValueError("the face has gone")

        def choke(_: tuple[Event, ...]) -> None:
            raise ValueError("the face has gone")

        host.start(hear)
        try:
            host.submit(ask(), choke)
            host.preview(ask(), choke)  # type: ignore[arg-type]
            one = face.submit(host)
            await until(lambda: face.ended(one))
            assert isinstance(face.events(one)[-1].body, Answered)
            assert not face.of(EngineDied)
        finally:
            await _close(host)


async def _close(host: EngineHost) -> None:
    """Close it while this loop goes on serving, as the simulator lives on it."""
    import asyncio

    await asyncio.to_thread(host.close)


async def test_a_verdict_comes_back_as_what_is_known_then_and_a_refusal_as_an_alert(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only")) as world:
        face, host = Face(), host_of(world)
        request_id = face.submit(host)
        host.start(face.hear)
        try:
            await until(lambda: face.ended(request_id))
            known: list[Received] = []
            host.feedback(request_id, Verdict.UP, known.append)
            host.feedback(request_id, None, known.append)
            host.feedback("nobody", Verdict.UP, known.append)
            await until(lambda: face.alerts)
            assert [received.thumb for received in known] == [Verdict.UP, None]
            assert "no answered request has the id nobody" in face.alerts[0]
        finally:
            host.close()
