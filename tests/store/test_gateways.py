"""Who asks, with every call under way, and where gateways listen, across processes of which some are dead."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.store.samples import ask, opened
from tests.support.clock import START_MS, FakeClock

from trunkline.store import gateways
from trunkline.store.store import Store
from trunkline.store.upkeep import BEATS_PER_TIDY, DEAD_AFTER_MS

URL = "http://127.0.0.1:8787"


async def tell(store: Store, answered: int) -> None:
    told = partial(gateways.tell, process_id=store.process_id, base_url=URL, needs_token=True)
    await store.write(partial(told, at_work=1, answered=answered, failed=0))


async def test_the_last_word_of_a_gateway_holds_until_it_is_withdrawn_or_its_process_is_dead(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    async with opened(tmp_path / "t.db", clock, "serve") as serve, opened(tmp_path / "t.db", clock) as other:
        for answered in (4, 5):
            await tell(serve, answered)
        (seen,) = await other.ask(gateways.gateways(0))
        assert (seen.base_url, seen.since_ms, seen.answered) == (URL, START_MS, 5)
        clock.advance(DEAD_AFTER_MS)
        await other.beat()
        assert await other.ask(gateways.gateways(clock.wall_ms() - DEAD_AFTER_MS)) == ()
        await serve.beat()
        assert len(await other.ask(gateways.gateways(clock.wall_ms() - DEAD_AFTER_MS))) == 1
        await serve.write(partial(gateways.withdraw, process_id=serve.process_id))
        assert await other.ask(gateways.gateways(0)) == ()


async def test_who_asked_is_told_from_the_booking_until_its_end_and_nothing_is_left_of_it(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    async with opened(tmp_path / "t.db", clock) as store, opened(tmp_path / "t.db", clock) as other:
        await store.ledger.reserve(replace(ask("a"), origin="agent-7"))
        await store.ledger.reserve(ask("b"))
        await other.ledger.reserve(replace(ask("c"), origin="lost"))
        told = {call.request_id: call.origin for call in await store.running_requests()}
        assert told == {"request-of-a": "agent-7", "request-of-b": None, "request-of-c": "lost"}
        store.ledger.settle("a", [])
        store.ledger.release("b")
        await store.write(lambda connection: connection.execute("DELETE FROM reservation WHERE id = 'c'"))
        for _ in range(BEATS_PER_TIDY + 1):
            await store.beat()
        left = await store.write(lambda connection: connection.execute("SELECT * FROM asker").fetchall())
        assert left == []
