"""The guard of a gateway that runs hears of tokens that other processes make and revoke, and tells what was used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace

from tests.store.samples import opened, receipt
from tests.support.clock import START_MS, FakeClock
from tests.support.engine_world import until

from trunkline.domain.clock import SystemClock
from trunkline.domain.events import Answered
from trunkline.domain.money import MoneySum
from trunkline.domain.preferences import Preferences
from trunkline.gateway.dialect import Problem
from trunkline.gateway.guard import Client, Guard
from trunkline.gateway.token_watch import TokenWatch
from trunkline.store import gateway_tokens
from trunkline.store.gateway_tokens import GatewayToken, TokenUse, hash_of
from trunkline.store.store import Store

TEXT = "tl-" + "a" * 43
TOKEN = GatewayToken("01A", "agent-7", hash_of(TEXT), START_MS, budget_day_pico=10**12)
HEADERS = {"host": "localhost", "x-api-key": TEXT}


@dataclass
class Running:
    """A gateway's guard that follows its store, and another process."""

    guard: Guard
    watch: TokenWatch
    store: Store
    other: Store

    def check(self) -> Client | Problem:
        return self.guard.check(HEADERS, {}, "127.0.0.1")

    def comes_in(self) -> bool:
        return isinstance(self.check(), Client)

    def spend(self, cost_pico: int) -> None:
        client = self.check()
        assert isinstance(client, Client)
        course = SimpleNamespace(estimate_pico=None, ending=Answered(receipt(cost_pico=cost_pico)))
        with self.guard.at_work(client, course):
            pass

    def left_pico(self) -> int | None:
        client = self.check()
        assert isinstance(client, Client)
        return self.guard.left_pico(client)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Running]:
    clock = FakeClock()
    async with opened(folder / "t.db", clock) as store, opened(folder / "t.db", clock) as other:
        # Its pause between two looks is a real one, of a quarter of a second.
        watch = TokenWatch(store, SystemClock())
        guard = Guard(Preferences, clock, host="127.0.0.1", used=watch.used)
        following = asyncio.create_task(watch.follow(guard))
        try:
            yield Running(guard, watch, store, other)
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following


async def create(store: Store) -> None:
    assert await store.write(partial(gateway_tokens.create, token=TOKEN, who="tokens create"))


def revoking(at_ms: int) -> Callable[..., GatewayToken | None]:
    return partial(gateway_tokens.revoke, name_or_id="agent-7", who="tokens revoke", at_ms=at_ms)


async def test_a_token_that_another_process_makes_or_revokes_counts_within_a_second(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        assert not gateway.comes_in()
        await create(gateway.other)
        await until(gateway.comes_in, 1.0)
        await gateway.other.write(revoking(START_MS + 1))
        await until(lambda: not gateway.comes_in(), 1.0)


async def test_what_is_used_is_kept_and_adds_up_with_what_others_use(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        await create(gateway.store)
        in_force = await gateway.watch.tell(gateway.guard)
        assert [token.name for token in in_force] == ["agent-7"]
        gateway.spend(10**11)
        assert gateway.left_pico() == 9 * 10**11
        day = gateway.guard.day
        add = partial(
            gateway_tokens.add_use, token_id="01A", day=day, at_ms=START_MS, cost=MoneySum(2 * 10**11)
        )
        await gateway.other.write(add)
        gateway.spend(10**11)
        await until(lambda: gateway.left_pico() == 6 * 10**11, 1.0)
        await gateway.store.flush()
        ((_, use),) = await gateway.store.ask(gateway_tokens.tokens(day))
        assert use == TokenUse(3, MoneySum(4 * 10**11))
        await gateway.watch.tell(gateway.guard)
        assert gateway.left_pico() == 6 * 10**11


async def test_nothing_is_lost_or_counted_twice_while_it_is_read(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        await create(gateway.store)
        await gateway.watch.tell(gateway.guard)
        for _ in range(20):
            gateway.spend(10**9)
            telling = asyncio.create_task(gateway.watch.tell(gateway.guard))
            await asyncio.sleep(0)
            gateway.spend(10**9)
            await telling
        assert gateway.left_pico() == 960 * 10**9


async def test_a_store_that_cannot_be_read_leaves_what_is_known_in_force(tmp_path: Path, caplog) -> None:
    async with running(tmp_path) as gateway:
        await create(gateway.store)
        await gateway.watch.tell(gateway.guard)
        await gateway.store.write(
            lambda connection: connection.execute("ALTER TABLE gateway_use RENAME TO gone")
        )
        await gateway.other.write(revoking(START_MS + 1))
        await until(lambda: "could not be read" in caplog.text, 2.0)
        assert gateway.comes_in()
        await gateway.store.write(
            lambda connection: connection.execute("ALTER TABLE gone RENAME TO gateway_use")
        )
        await until(lambda: not gateway.comes_in(), 2.0)
        assert caplog.text.count("could not be read") == 1
