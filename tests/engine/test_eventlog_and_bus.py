from __future__ import annotations

import asyncio
from collections.abc import Iterable

from hypothesis import example, given, settings
from hypothesis import strategies as st
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


def long_log(words: int) -> EventLog:
    log = EventLog("r", FakeClock())
    log.append(Queued("high"))
    for number in range(words):
        log.append(TextDelta(f"{number} "))
    return log


def text_of(events: Iterable[Event]) -> str:
    return "".join(event.body.text for event in events if isinstance(event.body, TextDelta))


async def test_of_a_long_answer_hardly_more_is_kept_than_its_text() -> None:
    log = long_log(50_000)
    whole = "".join(f"{number} " for number in range(50_000))
    late = await log.beyond(0)
    assert len(late) < 3_000
    assert text_of(late) == text_of(log.so_far()) == log.text() == whole
    assert late[0].body == Queued("high")
    numbers = [event.seq for event in late]
    assert numbers == sorted(set(numbers))
    log.append(TextDelta("last"))
    assert [(event.seq, event.body) for event in await log.beyond(numbers[-1] + 1)] == [
        (50_001, TextDelta("last"))
    ]


@example(steps=[(0, 650), (3, 1_400), (3, 1_400), (3, 1_000)])
@given(steps=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 1_500)), max_size=14))
@settings(max_examples=25, deadline=None)
async def test_who_reads_slowly_or_late_misses_nothing_and_has_nothing_twice(
    steps: list[tuple[int, int]],
) -> None:
    log, said, number = EventLog("r", FakeClock()), "", 0
    readers = [(0, ""), (0, ""), (0, "")]
    for who, amount in [*steps, (0, 1), (1, 1), (2, 1)]:
        for _ in range(amount):
            number += 1
            body = ThinkingDelta("hm") if number % 700 == 0 else TextDelta(f"{number} ")
            said += body.text
            log.append(body)
        if who < len(readers):
            position, read = readers[who]
            batch = await log.beyond(position)
            read += "".join(event.body.text for event in batch)  # type: ignore[union-attr]  # both have a text
            assert read == said
            readers[who] = batch[-1].seq + 1, read


async def test_a_writer_in_step_waits_after_a_long_answer_too() -> None:
    log = EventLog("r", FakeClock(), in_step=True)
    position = 0
    for number in range(5_000):
        log.append(TextDelta(f"{number} "))
        position = (await log.beyond(position))[-1].seq + 1
    for _ in range(100):
        log.append(TextDelta("x"))
    waiting = asyncio.create_task(log.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    assert len(await log.beyond(position)) == 100
    reading = asyncio.create_task(log.beyond(position + 100))
    await waiting
    reading.cancel()


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
