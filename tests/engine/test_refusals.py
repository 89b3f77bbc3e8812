"""What a provider refuses: the next account, a wait, a larger window, or the end. Real HTTP, real store."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.support.clock import FakeClock
from tests.support.engine_world import WHOLE_TEXT, Serves, agent, ask, open_world, told, until_event

from trunkline.domain.decisions import NoRoute
from trunkline.domain.events import (
    Alert,
    BreakerChanged,
    Decided,
    Failed,
    LimitLearned,
    Parked,
    Rerouted,
    Waiting,
)
from trunkline.domain.faults import FaultKind
from trunkline.domain.receipts import AttemptOutcome, Outcome

# Z.AI's wording names no figures, so that a stated wait is all that a refusal says.
TERSE = {"style": "zai"}
TWO = Serves("pool", ("a", "b"), simulated=TERSE)
ONE = Serves("pool", simulated=TERSE)
BEST, OTHER = Serves("best", simulated=TERSE), Serves("other")


async def test_a_limit_sends_the_request_to_the_next_account_and_spares_the_limited_one(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    async with open_world(tmp_path, TWO, clock=clock) as world:
        name = world.fault("limited", account="a", wait_s=60)
        first = await world.run("one")
        assert first.routes == ["pool/a/m", "pool/b/m"]
        assert first.outcomes == ["refused", "ok"]
        assert first.receipt.complete
        (rerouted,) = first.of(Rerouted)
        assert (str(rerouted.from_route), str(rerouted.to_route)) == ("pool/a/m", "pool/b/m")
        assert rerouted.fault is not None
        assert rerouted.fault.kind.is_limit
        world.simulator.faults.remove(name)
        for _ in range(3):
            assert (await world.run("again")).routes == ["pool/b/m"]
        clock.advance(59_000)
        assert (await world.run("again")).routes == ["pool/b/m"]
        clock.advance(2_000)
        asked = {(await world.run("again")).routes[0] for _ in range(2)}
        assert "pool/a/m" in asked


async def test_the_refused_attempt_is_waste_of_nothing_and_the_answer_alone_is_billed(tmp_path: Path) -> None:
    async with open_world(tmp_path, TWO) as world:
        world.fault("limited", account="a", wait_s=60)
        receipt = (await world.run("one")).receipt
        refused, answered = receipt.attempts
        assert refused.usage is not None
        assert (refused.usage.input_tokens, refused.usage.output_tokens) == (0, 0)
        assert receipt.usage == answered.usage
        assert receipt.cost_pico == answered.cost_pico
        assert (receipt.cost_pico or 0) > 0
        assert receipt.waste_pico == 0


async def test_failover_is_timed_from_the_refusal_to_the_next_request(tmp_path: Path) -> None:
    async with open_world(tmp_path, TWO) as world:
        world.fault("limited", account="a", wait_s=60)
        first, second = (await world.run("one")).receipt.attempts
        assert first.failover_ms is None
        assert second.failover_ms is not None
        assert 0 <= second.failover_ms <= second.started_ms - first.started_ms + 100


async def test_a_limit_without_a_stated_reset_opens_the_breaker_for_a_while(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_world(tmp_path, TWO, clock=clock) as world:
        world.draw = 1.0
        name = world.fault("limited", account="a", hint="none")
        assert (await world.run("one")).routes == ["pool/a/m", "pool/b/m"]
        world.simulator.faults.remove(name)
        assert (await world.run("two")).routes == ["pool/b/m"]
        clock.advance(1_001)
        asked = {(await world.run("again")).routes[0] for _ in range(2)}
        assert "pool/a/m" in asked


async def test_a_short_stated_wait_on_the_first_choice_is_waited_out(tmp_path: Path) -> None:
    clock = FakeClock()
    providers = (Serves("best", ("a", "b"), simulated=TERSE), OTHER)
    async with open_world(tmp_path, *providers, preferences='default = ["best/a"]\n', clock=clock) as world:
        world.fault("limited", provider="best", account="a", wait_s=2, first=1)
        handle = world.engine.submit(ask())
        task = asyncio.create_task(told(handle))
        seen = await until_event(handle, Waiting)
        assert seen.until_ms == clock.wall_ms() + 2_000
        assert str(seen.route) == "best/a/m"
        clock.advance(1_990)
        await asyncio.sleep(0.02)
        assert world.served("best") == 1
        clock.advance(20)
        result = await task
        assert result.routes == ["best/a/m", "best/a/m"]
        assert result.receipt.complete
        assert not result.of(Rerouted)


async def test_a_long_stated_wait_on_the_first_choice_is_not_waited_out(tmp_path: Path) -> None:
    providers = (BEST, OTHER)
    async with open_world(tmp_path, *providers, preferences='default = ["best"]\n') as world:
        world.fault("limited", provider="best", wait_s=4)
        result = await world.run(ask())
        assert result.routes == ["best/a/m", "other/a/m"]
        assert not result.of(Waiting)


async def test_no_wait_lasts_longer_than_the_deadline_allows(tmp_path: Path) -> None:
    clock = FakeClock()
    providers = (BEST, OTHER)
    async with open_world(tmp_path, *providers, preferences='default = ["best"]\n', clock=clock) as world:
        world.fault("limited", provider="best", wait_s=2)
        result = await world.run(ask(deadline_at_ms=clock.wall_ms() + 1_000))
        assert result.routes == ["best/a/m", "other/a/m"]
        assert result.receipt.complete


async def test_a_prompt_too_long_goes_to_a_larger_window_and_is_not_sent_unchanged(tmp_path: Path) -> None:
    small = Serves("small", ("a", "b"), {"m": {"context": 4_000}})
    large = Serves("large", models={"m": {"context": 64_000}})
    async with open_world(tmp_path, small, large, preferences='default = ["small"]\n') as world:
        world.fault("context", provider="small")
        result = await world.run(ask())
        assert result.routes == ["small/a/m", "large/a/m"]
        assert result.receipt.complete
        # The prompt was to blame, not the route: nobody is blocked for it.
        assert not world.query("SELECT * FROM block")


async def test_a_prompt_too_long_for_everybody_fails_after_one_call(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("pool", ("a", "b", "c"))) as world:
        world.fault("context")
        result = await world.run(ask())
        assert result.routes == ["pool/a/m"]
        assert result.receipt.outcome is Outcome.FAILED
        assert result.receipt.fault is not None
        assert result.receipt.fault.kind is FaultKind.CONTEXT


async def test_what_is_too_long_for_everybody_from_the_start_says_so_and_is_not_called(
    tmp_path: Path,
) -> None:
    small = Serves("small", models={"m": {"context": 4_000}})
    larger = Serves("larger", models={"m": {"context": 6_000}})
    async with open_world(tmp_path, small, larger) as world:
        receipt = (await world.run(ask("word " * 20_000))).receipt
        assert receipt.outcome is Outcome.FAILED
        assert receipt.attempts == ()
        assert receipt.fault is not None
        assert receipt.fault.kind is FaultKind.CONTEXT
        assert "too long for everybody here" in receipt.fault.message
        assert "the widest window takes 6,000" in receipt.fault.message


async def test_a_refusal_for_content_stops_and_says_the_providers_reason(tmp_path: Path) -> None:
    async with open_world(tmp_path, TWO) as world:
        world.fault("content", account="a")
        result = await world.run(ask())
        assert result.routes == ["pool/a/m"]
        fault = result.receipt.fault
        assert fault is not None
        assert fault.kind is FaultKind.CONTENT
        assert "unsafe" in fault.provider_text
        assert not world.query("SELECT * FROM block")


async def test_content_is_asked_elsewhere_where_the_user_says_so(tmp_path: Path) -> None:
    preferences = "[rules]\nretry_refused_elsewhere = true\n"
    async with open_world(tmp_path, TWO, preferences=preferences) as world:
        world.fault("content", account="a")
        assert (await world.run(ask())).routes == ["pool/a/m", "pool/b/m"]


async def test_nobody_who_refused_is_asked_the_same_again(tmp_path: Path) -> None:
    preferences = 'default = ["best", "good", "last"]\n[rules]\nretry_refused_elsewhere = true\n'
    async with open_world(tmp_path, BEST, Serves("good"), Serves("last"), preferences=preferences) as world:
        world.fault("content", provider="best")
        world.fault("content", provider="good")
        assert (await world.run(ask())).routes == ["best/a/m", "good/a/m", "last/a/m"]


async def test_a_rejected_key_blocks_its_account_and_is_said_once(tmp_path: Path) -> None:
    async with open_world(tmp_path, TWO) as world:
        world.fault("key_revoked", account="a")
        alerts: list[Alert] = []

        async def listen() -> None:
            async for event in world.engine.subscribe():
                if isinstance(event.body, Alert):
                    alerts.append(event.body)

        listening = asyncio.create_task(listen())
        await asyncio.sleep(0)
        results = await asyncio.gather(*(world.run(f"one {n}") for n in range(4)))
        assert all(result.receipt.complete for result in results)
        seen = world.served("pool", "a")
        for _ in range(4):
            assert (await world.run("again")).routes == ["pool/b/m"]
        assert world.served("pool", "a") == seen
        await asyncio.sleep(0.01)
        assert len(alerts) == 1
        assert "pool/a" in alerts[0].text
        listening.cancel()


async def test_a_key_rejected_in_one_run_and_changed_before_the_next_is_tried_again(tmp_path: Path) -> None:
    async with open_world(tmp_path, ONE) as world:
        good = world.environ["POOL_A_KEY"]
        world.environ["POOL_A_KEY"] = "no-longer-good-1"
        refused = await world.run(ask())
        assert refused.receipt.fault is not None
        assert refused.receipt.fault.kind is FaultKind.AUTH
        await world.engine.aclose()
        same = world.open("again")
        async with same:
            assert (await world.run(ask(), same)).routes == []
        world.environ["POOL_A_KEY"] = good
        changed = world.open("changed")
        async with changed:
            assert (await world.run(ask(), changed)).receipt.complete
        third = world.open("third")
        async with third:
            assert third.snapshot().providers[0].accounts[0].block is None


async def test_nobody_can_serve_says_until_when(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_world(tmp_path, TWO, clock=clock) as world:
        world.fault("limited", account="a", wait_s=600)
        world.fault("limited", account="b", wait_s=300)
        result = await world.run(ask())
        assert isinstance(result.bodies[-1], Failed)
        fault = result.receipt.fault
        assert fault is not None
        assert fault.kind.is_limit
        assert fault.usable_at_ms == clock.wall_ms() + 300_000
        assert result.outcomes == ["refused", "refused"]
        # The last word names everybody who was rejected, for whoever shows it.
        decided = result.of(Decided)[-1].decision
        assert isinstance(decided, NoRoute)
        assert {rejection.route for rejection in decided.rejected} == {"pool/a/m", "pool/b/m"}


async def test_until_when_is_said_though_the_last_refusal_was_of_a_key(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_world(tmp_path, TWO, clock=clock) as world:
        world.fault("limited", account="a", wait_s=600)
        world.fault("key_revoked", account="b")
        fault = (await world.run(ask())).receipt.fault
        assert fault is not None
        assert fault.usable_at_ms == clock.wall_ms() + 600_000


async def test_what_nobody_waits_for_is_parked_until_the_reset_and_then_answered(tmp_path: Path) -> None:
    clock = FakeClock()
    preferences = "[timeouts]\nrequest_s = 600\n"
    async with open_world(tmp_path, TWO, preferences=preferences, clock=clock) as world:
        names = [
            world.fault("limited", account="a", wait_s=120),
            world.fault("limited", account="b", wait_s=300),
        ]
        handle = world.engine.submit(agent())
        parked = await until_event(handle, Parked)
        assert parked.until_ms == clock.wall_ms() + 120_000
        assert world.engine.snapshot().totals.waiting == 1
        for name in names:
            world.simulator.faults.remove(name)
        clock.advance(119_000)
        await asyncio.sleep(0.02)
        assert world.served("pool") == 2
        clock.advance(3_300)
        result = await told(handle)
        assert result.routes == ["pool/a/m", "pool/b/m", "pool/a/m"]
        assert result.receipt.complete
        assert world.engine.snapshot().totals.waiting == 0


async def test_a_parked_request_goes_on_as_soon_as_a_person_resets(tmp_path: Path) -> None:
    clock = FakeClock()
    preferences = "[timeouts]\nrequest_s = 600\n"
    async with open_world(tmp_path, ONE, preferences=preferences, clock=clock) as world:
        name = world.fault("limited", wait_s=120)
        handle = world.engine.submit(agent())
        await until_event(handle, Parked)
        world.simulator.faults.remove(name)
        world.engine.reset()
        result = await told(handle)
        assert result.receipt.complete


async def test_a_request_makes_six_calls_at_most_and_the_receipt_names_each(tmp_path: Path) -> None:
    pool = Serves("pool", tuple("abcdefgh"), simulated=TERSE)
    async with open_world(tmp_path, pool) as world:
        world.fault("limited", wait_s=60)
        result = await world.run(agent())
        assert len(result.receipt.attempts) == 6
        assert [attempt.number for attempt in result.receipt.attempts] == [1, 2, 3, 4, 5, 6]
        assert all(attempt.outcome is AttemptOutcome.REFUSED for attempt in result.receipt.attempts)
        assert all(attempt.fault is not None for attempt in result.receipt.attempts)
        assert len(set(result.routes)) == 6
        assert world.served("pool") == 6
        await world.engine.fresh_snapshot()
        assert await world.engine.receipt(result.receipt.request_id) == result.receipt


async def test_what_a_refusal_says_of_a_limit_is_learned_and_kept(tmp_path: Path) -> None:
    told_of = {"metric": "requests", "amount": 3, "window": "60s"}
    async with open_world(tmp_path, Serves("pool", limits=[told_of], simulated={"headers": "none"})) as world:
        news = world.engine.subscribe()
        for _ in range(4):
            result = await world.run(ask())
        assert result.outcomes[0] == "refused"
        async with asyncio.timeout(5):
            async for event in news:
                if isinstance(event.body, LimitLearned):
                    break
        assert event.body.reading.amount == 3
        await world.engine.fresh_snapshot()
        assert world.query("SELECT count(*) FROM limit_reading") == [(1,)]


async def test_a_limited_route_is_announced_and_shown(tmp_path: Path) -> None:
    async with open_world(tmp_path, ONE) as world:
        news = world.engine.subscribe()
        world.fault("limited", wait_s=60)
        result = await world.run(ask())
        assert result.receipt.outcome is Outcome.FAILED
        bodies = [(await anext(news)).body for _ in range(2)]
        assert any(isinstance(body, BreakerChanged) and body.block for body in bodies)
        account = world.engine.snapshot().providers[0].accounts[0]
        assert account.status.value == "exhausted"


@pytest.mark.parametrize("kind", ["html", "error_in_200", "empty", "empty_answer", "redirect"])
async def test_what_is_no_answer_under_a_good_status_is_not_shown_as_one(tmp_path: Path, kind: str) -> None:
    providers = (Serves("odd"), Serves("good"))
    async with open_world(tmp_path, *providers, preferences='default = ["odd"]\n') as world:
        world.fault(kind, provider="odd")
        result = await world.run(ask())
        assert result.routes[-1] == "good/a/m"
        assert set(result.routes[:-1]) == {"odd/a/m"}
        assert result.receipt.complete
        assert (await world.engine.submit(ask()).answer()).text == WHOLE_TEXT
