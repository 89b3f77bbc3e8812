from __future__ import annotations

import asyncio

import pytest
from tests.support.clock import FakeClock

from trunkline.domain.tasks import Priority
from trunkline.gateway.doors import Doors, FullError


async def _inside(
    doors: Doors, priority: Priority, name: str, order: list[str], leave: asyncio.Event
) -> None:
    async with doors.enter(priority):
        order.append(name)
        await leave.wait()


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_the_more_urgent_goes_in_first_and_equals_in_the_order_of_their_coming() -> None:
    doors = Doors(FakeClock(), most_inside=1, most_waiting=10)
    order: list[str] = []
    first, rest = asyncio.Event(), asyncio.Event()
    tasks = [asyncio.create_task(_inside(doors, Priority.LOW, "first", order, first))]
    await _settle()
    rest.set()
    for name, priority in (
        ("low", Priority.LOW),
        ("medium", Priority.MEDIUM),
        ("high", Priority.HIGH),
        ("low 2", Priority.LOW),
    ):
        tasks.append(asyncio.create_task(_inside(doors, priority, name, order, rest)))
        await _settle()
    assert (doors.inside, doors.waiting, order) == (1, 4, ["first"])

    first.set()
    await asyncio.gather(*tasks)

    assert order == ["first", "high", "medium", "low", "low 2"]
    assert (doors.inside, doors.waiting) == (0, 0)


async def test_whoever_finds_the_queue_full_is_told_how_long_it_should_take() -> None:
    clock = FakeClock()
    doors = Doors(clock, most_inside=1, most_waiting=1)
    leave = asyncio.Event()
    tasks = [asyncio.create_task(_inside(doors, Priority.HIGH, name, [], leave)) for name in "ab"]
    await _settle()

    with pytest.raises(FullError) as full:
        async with doors.enter(Priority.HIGH):
            raise AssertionError("nobody is let in")

    assert full.value.retry_after_ms == 10_000  # two before it, of five seconds each as long as none was seen
    leave.set()
    await asyncio.gather(*tasks)


async def test_who_gives_up_waiting_leaves_no_place_taken() -> None:
    doors = Doors(FakeClock(), most_inside=1, most_waiting=10)
    leave = asyncio.Event()
    inside = asyncio.create_task(_inside(doors, Priority.HIGH, "a", [], leave))
    await _settle()
    gives_up = asyncio.create_task(_inside(doors, Priority.HIGH, "b", [], leave))
    await _settle()
    gives_up.cancel()
    await _settle()
    assert doors.waiting == 0

    leave.set()
    await inside
    await _settle()

    assert doors.inside == 0
    async with doors.enter(None):
        assert doors.inside == 1


async def test_who_is_cancelled_in_the_moment_of_being_let_in_gives_the_place_on() -> None:
    doors = Doors(FakeClock(), most_inside=1, most_waiting=10)
    leave, order = asyncio.Event(), []  # type: ignore[var-annotated]
    async with doors.enter(Priority.HIGH):
        unlucky = asyncio.create_task(_inside(doors, Priority.HIGH, "b", order, leave))
        lucky = asyncio.create_task(_inside(doors, Priority.LOW, "c", order, leave))
        await _settle()
    unlucky.cancel()  # nothing ran between its being let in and this
    leave.set()
    await lucky

    assert order == ["c"]
    assert (doors.inside, unlucky.cancelled()) == (0, True)


async def test_more_places_let_in_who_waits() -> None:
    doors = Doors(FakeClock(), most_inside=1, most_waiting=10)
    leave, order = asyncio.Event(), []  # type: ignore[var-annotated]
    tasks = [asyncio.create_task(_inside(doors, Priority.HIGH, name, order, leave)) for name in "abc"]
    await _settle()
    assert order == ["a"]

    doors.set_bounds(most_inside=3, most_waiting=10)
    await _settle()

    assert order == ["a", "b", "c"]
    leave.set()
    await asyncio.gather(*tasks)
