"""Accounts that take only so many calls at once, over real HTTP: few refusals, all answered, people overtake."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.support.engine_world import Serves, agent, ask, open_world, told, until, until_event

from trunkline.domain.events import AttemptStarted, Held
from trunkline.domain.queue import HeldFor
from trunkline.domain.routes import Route
from trunkline.domain.tasks import Priority

THREE_AT_ONCE = {"metric": "concurrency", "amount": 3, "window": "1s"}
PATIENT = "[timeouts]\nfirst_token_s = 60\n"
SLOW = {"first_token_ms": 30}


def pool(*accounts: str, known: bool = False, **played: float) -> Serves:
    return Serves("pool", accounts, limits=[THREE_AT_ONCE], known=known, played={**SLOW, **played})


@pytest.mark.parametrize("known", [False, True])
async def test_fifty_requests_on_four_accounts_of_three_at_once(tmp_path: Path, known: bool) -> None:
    async with open_world(tmp_path, pool("a", "b", "c", "d", known=known)) as world:
        told_all = await asyncio.gather(
            *(world.run(agent(f"n {n}", name=f"agent-{n % 5}")) for n in range(50))
        )
        assert all(one.receipt.complete for one in told_all)
        await world.engine.fresh_snapshot()
        assert world.open_reservations() == 0
        accounts = world.engine.snapshot().providers[0].accounts
        assert all(account.in_flight == 0 for account in accounts)
        if known:
            assert world.refused == 0
        else:
            # The first burst is refused once beyond what is taken; after that, the ends are known.
            assert world.refused <= 50
            assert all(account.concurrency is not None and account.concurrency <= 3 for account in accounts)
            before = world.refused
            again = await asyncio.gather(*(world.run(agent(f"m {n}")) for n in range(50)))
            assert all(one.receipt.complete for one in again)
            assert world.refused - before <= 4


async def test_people_overtake_whoever_waits_for_a_place(tmp_path: Path) -> None:
    async with open_world(tmp_path, pool("a", known=True)) as world:
        order: list[str] = []

        async def one(name: str, **fields: object) -> None:
            request = ask(name) if name == "person" else agent(name, name=name, **fields)
            await told(world.engine.submit(request))
            order.append(name)

        running = [asyncio.create_task(one(f"early-{n}")) for n in range(3)]
        await until(lambda: world.engine.snapshot().providers[0].accounts[0].in_flight == 3)
        names = [*(f"low-{n}" for n in range(4)), *(f"medium-{n}" for n in range(4)), "person"]
        for name in names:
            priority = Priority.LOW if name.startswith("low") else Priority.MEDIUM
            running.append(asyncio.create_task(one(name, priority=priority)))
        await until(lambda: len(world.engine.snapshot().queue) == len(names))
        queue = world.engine.snapshot().queue
        assert {item.held_for for item in queue} == {HeldFor.SLOT}
        shown = [item.title for item in queue]
        assert shown == ["person", *(n for n in names if n[0] == "m"), *(n for n in names if n[0] == "l")]
        await asyncio.gather(*running)
        assert "person" in order[3:6]
        assert [name[0] for name in order if name[0] in "lm"] == sorted(
            (name[0] for name in order if name[0] in "lm"), reverse=True
        )
        assert world.refused == 0


async def test_one_that_waits_for_a_place_can_be_moved_promoted_and_cancelled(tmp_path: Path) -> None:
    async with open_world(tmp_path, pool("a", known=True, first_token_ms=200.0)) as world:
        running = [world.engine.submit(agent(f"early {n}")) for n in range(3)]
        await until(lambda: world.engine.snapshot().providers[0].accounts[0].in_flight == 3)
        waiting = {name: world.engine.submit(agent(name)) for name in "abcde"}
        await until(lambda: len(world.engine.snapshot().queue) == 5)

        def titles() -> str:
            return "".join(item.title for item in world.engine.snapshot().queue)

        assert titles() == "abcde"
        world.engine.move(waiting["e"].request_id, -3)
        assert titles() == "aebcd"
        world.engine.move(waiting["a"].request_id, 99)
        assert titles() == "ebcda"
        world.engine.promote(waiting["d"].request_id)
        await until(lambda: titles() == "debca")
        waiting["b"].cancel()
        await until(lambda: titles() == "deca")
        results = await asyncio.gather(*(told(handle) for handle in (*running, *waiting.values())))
        assert [one.receipt.complete for one in results] == [True] * 4 + [False] + [True] * 3
        assert [len(one.of(Held)) for one in results] == [0] * 3 + [1] * 5
        assert world.refused == 0


async def test_a_place_that_another_process_gives_back_is_heard_of(tmp_path: Path) -> None:
    # However slow the machine is: each call has its place on the book before the next is asked, and lasts until it is
    # cancelled.
    async with (
        open_world(tmp_path, pool("a", known=True, first_token_ms=60_000.0), preferences=PATIENT) as world,
        world.open("other") as other,
    ):
        running = [other.submit(agent(f"early {n}")) for n in range(3)]
        for one in running:
            await until_event(one, AttemptStarted)
        handle = world.engine.submit(agent("here"))
        assert (await until_event(handle, Held)).held_for is HeldFor.SLOT
        running[0].cancel()
        assert (await until_event(handle, AttemptStarted)).route == Route("pool", "a", "m")
        for one in (handle, *running[1:]):
            one.cancel()
        assert world.refused == 0


async def test_refusals_for_calls_at_once_do_not_use_up_the_calls_of_a_request(tmp_path: Path) -> None:
    accounts = [f"a{n}" for n in range(9)]  # more than a request has calls
    one_at_once = {"metric": "concurrency", "amount": 1}
    pool_of_nine = Serves("pool", accounts, limits=[one_at_once], played={**SLOW, "first_token_ms": 400.0})
    async with open_world(tmp_path, pool_of_nine) as world:
        early = [world.engine.submit(agent(f"n {name}", route=f"pool/{name}")) for name in accounts]
        await until(lambda: all(one.in_flight for one in world.engine.snapshot().providers[0].accounts))
        last = await world.run(agent("last"))
        assert last.receipt.complete
        assert sorted(one.route.account for one in last.receipt.attempts[:9]) == accounts
        assert last.outcomes == ["refused"] * 9 + ["ok"]
        assert all([(await told(one)).receipt.complete for one in early])


async def test_calls_of_another_process_of_the_same_name_count_as_anothers(tmp_path: Path) -> None:
    async with (
        open_world(tmp_path, pool("a", first_token_ms=9_000.0)) as world,
        world.open("test") as namesake,
    ):
        handle = namesake.submit(agent("there"))
        calls = world.engine._core.tracker.calls
        await until(lambda: calls.elsewhere(("pool", "a")) == 1)
        assert namesake._core.tracker.calls.elsewhere(("pool", "a")) == 0
        assert {one.process for one in world.engine.snapshot().running} == {"test"}
        handle.cancel()


async def test_who_waits_for_a_place_gives_up_at_its_deadline(tmp_path: Path) -> None:
    async with open_world(tmp_path, pool("a", known=True, first_token_ms=400.0)) as world:
        running = [world.engine.submit(agent(f"early {n}")) for n in range(3)]
        await until(lambda: world.engine.snapshot().providers[0].accounts[0].in_flight == 3)
        late = await world.run(agent(deadline_at_ms=world.engine.snapshot().at_ms + 60))
        assert late.receipt.fault is not None
        assert late.receipt.fault.code == "deadline"
        assert late.receipt.attempts == ()
        assert all([(await told(one)).receipt.complete for one in running])


async def test_a_refusal_for_calls_at_once_blocks_nothing_while_others_are_under_way(tmp_path: Path) -> None:
    async with open_world(tmp_path, pool("a", first_token_ms=60.0)) as world:
        results = await asyncio.gather(*(world.run(agent(f"n {n}", name=f"agent-{n}")) for n in range(6)))
        assert all(one.receipt.complete for one in results)
        account = world.engine.snapshot().providers[0].accounts[0]
        assert (account.concurrency, account.block) == (3, None)
        assert world.refused <= 4


async def test_a_route_that_mostly_fails_is_put_off_but_not_for_people_nor_where_it_is_the_only_one(
    tmp_path: Path,
) -> None:
    slowly = 'default = ["bad"]\n[thresholds]\nthrottle_s = 0.2\n'
    async with open_world(tmp_path, Serves("bad"), Serves("good"), preferences=slowly) as world:
        bad = world.engine._core.tracker._board.stats(Route("bad", "a", "m"))
        for stats in bad:
            for _ in range(5):
                stats.failed()
        put_off = await world.run(agent())
        assert [
            (held.held_for, held.until_ms is not None, held.why.split(" ")[0]) for held in put_off.of(Held)
        ] == [(HeldFor.THROTTLE, True, "bad/a/m")]
        assert put_off.receipt.complete
        assert put_off.receipt.total_ms >= 195
        for stats in bad:
            for _ in range(20):
                stats.failed()
        assert not (await world.run(ask())).of(Held)
        for stats in bad:
            for _ in range(20):
                stats.failed()
        assert not (await world.run(agent(route="bad"))).of(Held)
