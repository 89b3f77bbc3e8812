"""Lanes over an engine: who goes when, what is told of it, and what a person can do about it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.support.clock import FakeClock
from tests.support.engine_world import agent, ask

from trunkline.domain.events import Held, RequestBody
from trunkline.domain.messages import ChatRequest
from trunkline.domain.preferences import Preferences, Thresholds
from trunkline.domain.tasks import Priority, Task, Tier
from trunkline.engine.lanes import Lanes
from trunkline.engine.ticket import Ticket
from trunkline.engine.waiting_room import WaitingRoom

MEDIUM_MS, LOW_MS = 2_000, 5_000


class Hall:
    """Lanes with nothing behind them: who was let through, and when (milliseconds from the start)."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.room = WaitingRoom(self.clock)
        self.preferences = Preferences(thresholds=Thresholds(medium_lane_ms=MEDIUM_MS, low_lane_ms=LOW_MS))
        self.lanes = Lanes(self.clock, self.room, lambda: self.preferences, lambda: 10_000.0, "test")
        self.went: list[tuple[str, float]] = []
        self.turned_away: list[str] = []
        self.told: dict[str, list[Held]] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    def come(
        self, name: str, *, origin: str = "agent-7", priority: Priority = Priority.MEDIUM, **fields: int
    ) -> None:
        self.ask(name, agent(name, name=origin, **fields), priority)

    def ask(self, name: str, request: ChatRequest, priority: Priority = Priority.MEDIUM) -> None:
        interactive = request.origin.interactive
        task = Task(
            "coding", 1.0, 0.5, Tier.T2, 10, 10, priority, interactive, request.critical or interactive
        )
        ticket = Ticket(name, request, task, self.clock.wall_ms())
        self.tasks[name] = asyncio.create_task(self._run(name, ticket))

    async def _run(self, name: str, ticket: Ticket) -> None:
        held = self.told.setdefault(name, [])

        def emit(body: RequestBody) -> None:
            assert isinstance(body, Held)
            held.append(body)

        if await self.lanes.admit(ticket, emit):
            self.went.append((name, self.clock.mono_ms()))
        else:
            self.turned_away.append(name)
        self.room.leave(name)

    async def pass_ms(self, duration_ms: float, step_ms: float = 250.0) -> None:
        for _ in range(round(duration_ms / step_ms)):
            await settle()
            self.clock.advance(step_ms)
        await settle()

    def queue(self) -> str:
        return " ".join(item.request_id for item in self.room.items())


async def settle() -> None:
    for _ in range(8):
        await asyncio.sleep(0)


@asynccontextmanager
async def open_hall() -> AsyncIterator[Hall]:
    hall = Hall()
    before = asyncio.all_tasks()
    yield hall
    for task in hall.tasks.values():
        task.cancel()
    await asyncio.gather(*hall.tasks.values(), return_exceptions=True)
    await settle()
    assert asyncio.all_tasks() == before, "the lanes leave no timer behind"


async def test_each_origin_has_its_own_turn_and_people_and_what_is_high_do_not_wait() -> None:
    async with open_hall() as hall:
        for n in range(3):
            hall.come(f"a{n}", origin="a")
            hall.come(f"b{n}", origin="b")
            hall.come(f"low{n}", origin="a", priority=Priority.LOW)
        hall.come("high", priority=Priority.HIGH)
        hall.ask("critical", agent("now", critical=True))
        hall.ask("person", ask("Who owns the queue?"), Priority.LOW)
        await settle()
        at_once = ["a0", "b0", "low0", "high", "critical", "person"]
        assert [name for name, _ in hall.went] == at_once
        assert hall.queue() == "a1 b1 a2 b2 low1 low2"
        await hall.pass_ms(11_000)
        assert hall.went[6:] == [
            ("a1", 2_000),
            ("b1", 2_000),
            ("a2", 4_000),
            ("b2", 4_000),
            ("low1", 5_000),
            ("low2", 10_000),
        ]


async def test_who_comes_more_slowly_than_the_lane_never_waits() -> None:
    async with open_hall() as hall:
        for n in range(5):
            hall.come(f"a{n}")
            await hall.pass_ms(2_000)
        assert [at_ms for _, at_ms in hall.went] == [0, 2_000, 4_000, 6_000, 8_000]
        assert not any(hall.told.values())


async def test_what_waits_is_told_once_until_when_and_again_only_when_that_changes_much() -> None:
    async with open_hall() as hall:
        for n in range(4):
            hall.come(f"a{n}")
        await settle()
        start_ms = hall.clock.wall_ms()
        assert [[held.until_ms for held in held_all] for held_all in hall.told.values()] == [
            [],
            [start_ms + 2_000],
            [start_ms + 4_000],
            [start_ms + 6_000],
        ]
        assert "agent-7" in hall.told["a1"][0].why
        await hall.pass_ms(1_000)
        hall.tasks["a1"].cancel()
        hall.tasks["a2"].cancel()
        await settle()
        assert [held.until_ms for held in hall.told["a3"]] == [start_ms + 6_000, start_ms + 2_000]
        assert [item.until_ms for item in hall.room.items()] == [start_ms + 2_000]
        await hall.pass_ms(1_000)
        assert hall.went[-1] == ("a3", 2_000)


async def test_a_deadline_is_kept_by_going_early_or_is_said_to_have_passed() -> None:
    async with open_hall() as hall:
        now_ms = hall.clock.wall_ms()
        for n in range(10):
            hall.come(f"a{n}")
        hall.come("pressed", deadline_at_ms=now_ms + 13_000)
        hall.come("over", deadline_at_ms=now_ms)
        await hall.pass_ms(4_000)
        assert ("pressed", 3_000) in hall.went
        assert hall.turned_away == ["over"]
        assert ("a2", 4_000) in hall.went


async def test_a_promoted_request_goes_at_once_and_takes_nobodys_turn() -> None:
    async with open_hall() as hall:
        for n in range(4):
            hall.come(f"a{n}")
        await hall.pass_ms(500)
        assert hall.room.promote("a3")
        await settle()
        assert hall.went == [("a0", 0), ("a3", 500)]
        await hall.pass_ms(4_000)
        assert hall.went[2:] == [("a1", 2_000), ("a2", 4_000)]
        assert not hall.room.promote("a0")


async def test_what_is_moved_goes_when_the_one_would_have_gone_whose_place_it_takes() -> None:
    async with open_hall() as hall:
        for n in range(3):
            hall.come(f"a{n}", origin="a")
            hall.come(f"low{n}", origin="b", priority=Priority.LOW)
        await settle()
        assert hall.queue() == "a1 a2 low1 low2"
        assert hall.room.move("low2", -3)
        assert hall.queue() == "low2 a1 low1 a2"
        assert hall.room.move("a2", -1)
        assert hall.queue() == "low2 a1 a2 low1"
        assert not hall.room.move("nobody", 1)
        await hall.pass_ms(12_000)
        assert [name for name, _ in hall.went[2:]] == ["low2", "a1", "a2", "low1"]


@pytest.mark.parametrize("medium_ms", [0, 1_000])
async def test_other_settings_hold_for_those_that_wait(medium_ms: int) -> None:
    async with open_hall() as hall:
        for n in range(4):
            hall.come(f"a{n}")
        await hall.pass_ms(500)
        thresholds = replace(hall.preferences.thresholds, medium_lane_ms=medium_ms)
        hall.preferences = replace(hall.preferences, thresholds=thresholds)
        hall.lanes.look_again()
        await hall.pass_ms(4_000)
        times = [at_ms for _, at_ms in hall.went]
        assert times == ([0, 500, 500, 500] if medium_ms == 0 else [0, 1_000, 2_000, 3_000])


async def test_a_wall_clock_that_jumps_moves_no_turn() -> None:
    async with open_hall() as hall:
        for n in range(3):
            hall.come(f"a{n}")
        await hall.pass_ms(500)
        hall.clock.jump_wall(-86_400_000)
        await hall.pass_ms(1_500)
        hall.clock.jump_wall(2 * 86_400_000)
        await hall.pass_ms(2_000)
        assert [at_ms for _, at_ms in hall.went] == [0, 2_000, 4_000]


async def test_after_a_sleep_of_the_machine_one_goes_not_all() -> None:
    async with open_hall() as hall:
        for n in range(5):
            hall.come(f"a{n}")
        await settle()
        hall.clock.advance(60_000)
        await settle()
        assert [name for name, _ in hall.went] == ["a0", "a1"]


async def test_a_thousand_that_wait_have_one_timer() -> None:
    async with open_hall() as hall:
        before = len(asyncio.all_tasks())
        for n in range(1_000):
            hall.come(f"n{n}", origin=f"agent-{n % 10}")
        await settle()
        assert len(hall.room) == 990
        assert len(asyncio.all_tasks()) == before + 990 + 1
