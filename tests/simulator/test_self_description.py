"""What a simulated plan's endpoint tells of windows that the account is held to, and of others. The clock stands at
2026-11-20T12:00:00Z."""

from __future__ import annotations

from typing import Any

from tests.simulator.worlds import Caller, calling, world
from tests.support.clock import START_MS, FakeClock

HOUR_MS = 3_600_000
FIVE_HOURS = {"metric": "requests", "amount": 4, "window": "session:5h"}


async def told(caller: Caller, path: str) -> Any:
    url = f"{caller.simulator.base_url('p')}/{path}"
    async with caller.session.get(url, headers={"authorization": "Bearer key-a"}) as response:
        return await response.json()


async def zai(caller: Caller) -> list[tuple[int, int | None]]:
    body = await told(caller, "api/monitor/usage/quota/limit")
    return [(one["percentage"], one["nextResetTime"]) for one in body["data"]["limits"][:2]]


async def test_a_plan_tells_the_true_use_of_what_it_enforces_and_when_that_resets() -> None:
    clock = FakeClock()
    async with calling(world(FIVE_HOURS, style="zai"), clock=clock) as caller:
        assert (await zai(caller))[0] == (0, None)
        for _ in range(3):
            await caller.ask()
        assert (await zai(caller))[0] == (75, START_MS + 5 * HOUR_MS)
        clock.advance(5 * HOUR_MS)
        assert (await zai(caller))[0] == (0, None)


async def test_of_what_is_not_enforced_it_tells_a_reset_that_is_still_to_come() -> None:
    clock = FakeClock()
    async with calling(world(FIVE_HOURS, style="zai"), clock=clock) as caller:
        for _ in range(3):
            percent, resets_at_ms = (await zai(caller))[1]
            assert percent == 35
            assert resets_at_ms is not None
            assert clock.wall_ms() < resets_at_ms <= clock.wall_ms() + 7 * 24 * HOUR_MS
            clock.advance(100 * HOUR_MS)


async def test_minimax_tells_what_remains() -> None:
    async with calling(world(FIVE_HOURS, style="minimax"), clock=FakeClock()) as caller:
        await caller.ask()
        (entry,) = (await told(caller, "v1/token_plan/remains"))["model_remains"]
        assert entry["current_interval_remaining_percent"] == 75
        assert entry["end_time"] == START_MS + 5 * HOUR_MS
        assert entry["start_time"] == START_MS
        assert entry["current_weekly_remaining_percent"] == 65
