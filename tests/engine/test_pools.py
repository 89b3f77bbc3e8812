"""What must always hold: sixty answers for sixty requests, and not one call too many where the limits are known."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from tests.support.engine_world import Serves, agent, open_world

from trunkline.domain.events import RerouteCause, Rerouted
from trunkline.domain.receipts import Outcome

PER_MINUTE = {"metric": "requests", "amount": 20, "window": "60s"}
MINUTES = """
[timeouts]
request_s = 120
"""


async def test_sixty_requests_fit_three_known_accounts_of_twenty_without_one_refusal(tmp_path: Path) -> None:
    pool = Serves("pool", ("a", "b", "c"), limits=[PER_MINUTE], known=True, simulated={"headers": "none"})
    async with open_world(tmp_path, pool) as world:
        results = await asyncio.gather(*(world.run(agent(f"question {n}")) for n in range(60)))
        assert Counter(result.receipt.outcome for result in results) == {Outcome.ANSWERED: 60}
        assert all(result.receipt.complete for result in results)
        assert world.refused == 0
        assert world.served("pool") == 60
        assert {account: world.served("pool", account) for account in "abc"} == {"a": 20, "b": 20, "c": 20}
        await world.engine.fresh_snapshot()
        assert world.open_reservations() == 0


async def test_the_sixty_first_request_makes_no_call(tmp_path: Path) -> None:
    pool = Serves("pool", ("a", "b", "c"), limits=[PER_MINUTE], known=True, simulated={"headers": "none"})
    async with open_world(tmp_path, pool) as world:
        results = await asyncio.gather(*(world.run(f"question {n}") for n in range(61)))
        outcomes = Counter(result.receipt.outcome for result in results)
        assert outcomes == {Outcome.ANSWERED: 60, Outcome.FAILED: 1}
        assert world.served("pool") == 60
        (failed,) = (result.receipt for result in results if result.receipt.outcome is Outcome.FAILED)
        assert failed.fault is not None
        assert failed.fault.usable_at_ms is not None


async def test_two_engines_on_one_store_share_the_allowance(tmp_path: Path) -> None:
    pool = Serves("pool", ("a", "b", "c"), limits=[PER_MINUTE], known=True, simulated={"headers": "none"})
    async with open_world(tmp_path, pool) as world, world.open("other") as other:
        engines = (world.engine, other)
        asked = (world.run(agent(f"question {n}"), engines[n % 2]) for n in range(60))
        results = await asyncio.gather(*asked)
        assert Counter(result.receipt.outcome for result in results) == {Outcome.ANSWERED: 60}
        assert world.refused == 0


async def test_with_limits_unknown_no_caller_sees_a_failure(tmp_path: Path) -> None:
    pool = Serves("pool", ("a", "b", "c"), limits=[PER_MINUTE])
    async with open_world(tmp_path, pool, preferences=MINUTES) as world:
        results = await asyncio.gather(*(world.run(agent(f"question {n}")) for n in range(60)))
        assert Counter(result.receipt.outcome for result in results) == {Outcome.ANSWERED: 60}
        assert world.served("pool") - world.refused == 60


async def test_with_limits_unknown_and_unsaid_no_caller_sees_a_failure(tmp_path: Path) -> None:
    quiet = {"headers": "none", "style": "zai", "retry_after": False}
    pool = Serves("pool", ("a", "b", "c"), limits=[PER_MINUTE], simulated=quiet)
    async with open_world(tmp_path, pool, preferences=MINUTES) as world:
        results = await asyncio.gather(*(world.run(agent(f"question {n}")) for n in range(60)))
        assert Counter(result.receipt.outcome for result in results) == {Outcome.ANSWERED: 60}


async def test_an_account_used_up_by_somebody_else_costs_no_answer(tmp_path: Path) -> None:
    thirty = {"metric": "requests", "amount": 30, "window": "60s"}
    pool = Serves("pool", ("a", "b", "c"), limits=[thirty])
    async with open_world(tmp_path, pool, preferences=MINUTES) as world:
        world.fault("drain", account="a", first=1)
        results = await asyncio.gather(*(world.run(agent(f"question {n}")) for n in range(60)))
        assert Counter(result.receipt.outcome for result in results) == {Outcome.ANSWERED: 60}
        assert world.refused > 0
        assert world.served("pool") - world.refused == 60


async def test_one_bad_account_of_three_costs_no_answer(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("pool", ("a", "b", "c"))) as world:
        world.fault("http", account="b", status=500)
        results = await asyncio.gather(*(world.run(agent(f"question {n}")) for n in range(30)))
        assert all(result.receipt.complete for result in results)
        # Once it is known to be down it is left alone but for a trial now and then.
        assert world.served("pool", "b") < 2 * 30


async def test_a_shortage_that_only_the_ledger_knows_of_costs_no_call(tmp_path: Path) -> None:
    two = {"metric": "requests", "amount": 2, "window": "60s"}
    pool = Serves("pool", ("a", "b"), limits=[two], known=True, simulated={"headers": "none"})
    async with open_world(tmp_path, pool) as world:
        stale = world.open("never hears of others")
        try:
            assert [account.id for account in stale.snapshot().providers[0].accounts] == ["a", "b"]
            for _ in range(2):
                await world.run(agent(route="pool/a"))
            result = await world.run(agent(), stale)
            assert result.outcomes == ["short", "ok"]
            assert result.routes == ["pool/b/m"]
            assert world.refused == 0
            (rerouted,) = result.of(Rerouted)
            assert rerouted.cause is RerouteCause.SHORT
            assert (str(rerouted.from_route), str(rerouted.to_route)) == ("pool/a/m", "pool/b/m")
            assert result.receipt.waste_pico == 0
        finally:
            await stale.aclose()
