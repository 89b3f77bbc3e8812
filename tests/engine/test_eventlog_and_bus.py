from __future__ import annotations

import asyncio

from tests.support.clock import FakeClock

from trunkline.domain.events import (
    Alert,
    AlertLevel,
    Event,
    Queued,
    Restarted,
    SnapshotChanged,
    TextDelta,
    ThinkingDelta,
)
from trunkline.domain.routes import Route
from trunkline.engine.batches import join_deltas
from trunkline.engine.bus import Bus
from trunkline.engine.eventlog import EventLog


async def test_readers_that_come_late_see_everything_from_the_start() -> None:
    log = EventLog("r", FakeClock())
    log.append(Queued("high"))
    early = asyncio.create_task(log.beyond(0))
    assert [event.body for event in await early] == [Queued("high")]
    waiting = asyncio.create_task(log.beyond(1))
    await asyncio.sleep(0)
    log.append(TextDelta("a"))
    log.append(TextDelta("b"))
    assert [event.seq for event in await waiting] == [1, 2]
    assert [event.seq for event in await log.beyond(0)] == [0, 1, 2]


def test_a_restart_takes_back_the_text() -> None:
    log = EventLog("r", FakeClock())
    for body in (TextDelta("wrong"), Restarted(Route("p", "a", "m")), TextDelta("ri"), TextDelta("ght")):
        log.append(body)
    assert log.text() == "right"


async def test_a_listener_that_sleeps_loses_the_oldest_and_holds_nobody_up() -> None:
    bus = Bus(FakeClock())
    news = bus.subscribe(2)
    for number in range(5):
        bus.publish(Alert(AlertLevel.NOTICE, f"c{number}", "text"))
    assert news.dropped == 3
    assert [(await anext(news)).body.cause for _ in range(2)] == ["c3", "c4"]  # type: ignore[union-attr]


async def test_snapshot_news_is_not_repeated_while_it_waits() -> None:
    bus = Bus(FakeClock())
    news = bus.subscribe(8)
    for _ in range(3):
        bus.publish(SnapshotChanged())
    news.close()
    assert [type(event.body) async for event in news] == [SnapshotChanged]


def test_neighbouring_deltas_are_joined_and_nothing_else() -> None:
    bodies = [
        TextDelta("a"),
        TextDelta("b"),
        ThinkingDelta("x"),
        ThinkingDelta("y"),
        TextDelta("c"),
        Queued("high"),
        TextDelta("d"),
        TextDelta("e"),
    ]
    batch = tuple(Event("r", seq, 0, body) for seq, body in enumerate(bodies))
    joined = join_deltas(batch)
    assert [event.body for event in joined] == [
        TextDelta("ab"),
        ThinkingDelta("xy"),
        TextDelta("c"),
        Queued("high"),
        TextDelta("de"),
    ]
    assert [event.seq for event in joined] == [1, 3, 4, 5, 7]


def test_nothing_is_joined_across_a_signature() -> None:
    bodies = [
        ThinkingDelta("a"),
        ThinkingDelta("b", "one"),
        ThinkingDelta("c"),
        ThinkingDelta("", "x", redacted=True),
    ]
    joined = join_deltas(tuple(Event("r", seq, 0, body) for seq, body in enumerate(bodies)))
    assert [event.body for event in joined] == [ThinkingDelta("ab", "one"), *bodies[2:]]


async def test_a_log_read_in_step_holds_its_writer_until_the_reader_is_near() -> None:
    log = EventLog("r", FakeClock(), in_step=True)
    for _ in range(65):
        log.append(TextDelta("x"))
    writer = asyncio.ensure_future(log.room())
    await asyncio.sleep(0)
    assert not writer.done()

    await log.beyond(1)
    await asyncio.wait_for(writer, 1)


async def test_who_only_waits_for_the_end_keeps_nobody_back() -> None:
    log = EventLog("r", FakeClock(), in_step=True)
    for _ in range(100):
        log.append(TextDelta("x"))
    writer = asyncio.ensure_future(log.room())
    ended = asyncio.ensure_future(log.ended())
    await asyncio.wait_for(writer, 1)
    ended.cancel()
