"""What a provider or an outage may take of a request's attempts."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.engine_world import Serves, agent, open_world, until

from trunkline.domain.events import Parked
from trunkline.engine.failover import is_spent

POOL = Serves(
    "pool", accounts=("a", "b", "c", "d"), models={"m": {"preference": 90}, "n": {"preference": 90}}
)
OTHER = Serves("other", models={"m": {"preference": 1}})
PREFER = 'default = ["pool", "other"]\n'


@pytest.mark.parametrize(
    ("called", "spent"),
    [
        (["a"], False),
        (["a", "a"], False),
        (["a", "a", "a"], True),
        (["a", "a", "a", "b"], False),
        (["a", "a", "a", "b", "b"], True),
        (["a", "a", "a", "b", "b", "c"], True),
    ],
)
def test_a_provider_takes_half_of_the_attempts_that_were_left_when_it_came(
    called: list[str], spent: bool
) -> None:
    assert is_spent(called, called[-1], max_attempts=6) is spent


def test_who_was_not_called_is_not_spent() -> None:
    assert not is_spent(["a"], "b", max_attempts=1)


async def test_a_pool_that_refuses_everything_leaves_attempts_for_another_provider(tmp_path: Path) -> None:
    async with open_world(tmp_path, POOL, OTHER, preferences=PREFER) as world:
        world.fault("limited", provider="pool")
        result = await world.run("Who owns the queue?")
        assert result.receipt.complete
        assert [route.partition("/")[0] for route in result.routes] == ["pool", "pool", "pool", "other"]


async def test_the_quick_retry_is_had_once_at_a_provider(tmp_path: Path) -> None:
    async with open_world(tmp_path, POOL, OTHER, preferences=PREFER) as world:
        world.fault("http", provider="pool", status=503)
        result = await world.run("Who owns the queue?")
        first, second, third, last = result.routes
        assert first == second != third
        assert last.startswith("other/")


async def test_where_nobody_else_can_serve_a_provider_has_all_attempts(tmp_path: Path) -> None:
    async with open_world(tmp_path, POOL) as world:
        world.fault("http", provider="pool", status=503, first=5)
        result = await world.run("Who owns the queue?")
        assert result.receipt.complete
        assert len(result.routes) == 6


async def test_a_request_that_may_be_kept_rests_when_all_its_attempts_were_in_vain(tmp_path: Path) -> None:
    many = [Serves(name) for name in ("p", "q", "r", "s", "t")]
    async with open_world(tmp_path, *many, preferences="[thresholds]\nmax_attempts = 2\n") as world:
        world.fault("http", status=503)
        handle = world.engine.submit(agent(park=True))
        await until(lambda: world.engine.snapshot().queue)
        world.simulator.faults.remove(None)
        waiting = world.engine.snapshot().queue[0].request_id
        world.engine.promote(waiting)
        answer = await handle.answer()
        assert answer.receipt.complete
        assert [event async for event in handle.events() if isinstance(event.body, Parked)]
