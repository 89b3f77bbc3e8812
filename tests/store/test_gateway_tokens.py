"""The gateway's tokens: kept without their text, used and revoked across processes."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.store.samples import opened
from tests.support.clock import START_MS, FakeClock

from trunkline.config.keys import looks_like_key
from trunkline.domain.money import MoneySum
from trunkline.domain.tasks import Priority
from trunkline.domain.text import redact
from trunkline.store import gateway_tokens, schema
from trunkline.store.gateway_tokens import GatewayToken, TokenUse, hash_of, new_text
from trunkline.store.store import Store, StoreReader

DAY, NEXT = "2026-11-20", "2026-11-21"
TEXT = new_text(lambda count: bytes(range(count)))
TOKEN = GatewayToken(
    "01A",
    "agent-7",
    hash_of(TEXT),
    START_MS,
    budget_day_pico=5 * 10**12,
    models=("zai/glm-5.3", "main"),
    requests_per_minute=30,
    priority=Priority.LOW,
)


async def create(store: Store, token: GatewayToken = TOKEN) -> bool:
    return await store.write(partial(gateway_tokens.create, token=token, who="tokens create"))


async def use(store: Store, *costs_pico: int | None, day: str = DAY, at_ms: int = START_MS) -> None:
    cost = MoneySum.of(costs_pico)
    await store.write(lambda connection: gateway_tokens.add_use(connection, TOKEN.id, day, cost, at_ms=at_ms))


def written(folder: Path) -> bytes:
    """Everything in the store's files."""
    return b"".join(file.read_bytes() for file in folder.iterdir())


def test_a_text_is_32_random_bytes_with_a_prefix() -> None:
    asked: list[int] = []

    def zeros(count: int) -> bytes:
        asked.append(count)
        return bytes(count)

    assert new_text(zeros) == "tl-" + "A" * 43
    assert asked == [32]
    assert hash_of("tl-" + "A" * 43) != hash_of("tl-" + "A" * 42 + "B")


async def test_what_is_kept_comes_back_and_the_text_is_nowhere_in_the_file(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        assert await create(store)
        assert await store.ask(gateway_tokens.tokens(DAY)) == ((TOKEN, TokenUse()),)
        (entry,) = await store.audit(5)
        assert (entry.who, entry.what, entry.before) == ("tokens create", "gateway_token", "null")
        assert json.loads(entry.after)["name"] == "agent-7"
        assert TOKEN.hash not in entry.after
    assert TOKEN.hash not in repr(TOKEN)
    assert TEXT[3:20].encode() not in written(tmp_path)


async def test_one_of_a_name_is_in_force_at_a_time(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        assert await create(store)
        again = replace(TOKEN, id="01B", hash=hash_of("other"))
        assert not await create(store, again)
        revoke = partial(gateway_tokens.revoke, who="tokens revoke", at_ms=START_MS + 5)
        gone = await store.write(lambda connection: revoke(connection, "agent-7"))
        assert gone == TOKEN
        assert await store.write(lambda connection: revoke(connection, "agent-7")) is None
        assert await create(store, again)
        (old, _), (new, _) = await store.ask(gateway_tokens.tokens(DAY))
        assert (old.revoked_at_ms, new.revoked_at_ms) == (START_MS + 5, None)
        assert await store.write(lambda connection: revoke(connection, "01B")) == again
        assert [entry.what for entry in await store.audit(9)] == ["gateway_token"] * 4


async def test_use_adds_up_by_day_and_unknown_costs_are_counted(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        await create(store)
        await use(store, 10, at_ms=START_MS + 9)
        await use(store, 5, None, at_ms=START_MS + 4)
        await use(store, 7, day=NEXT)
        ((token, today),) = await store.ask(gateway_tokens.tokens(DAY))
        assert (token.last_used_at_ms, today) == (START_MS + 9, TokenUse(2, MoneySum(15, 1)))
        known, uses = await store.write(partial(gateway_tokens.as_of_now, day=NEXT))
        assert ([one.id for one in known], uses) == ([TOKEN.id], {TOKEN.id: TokenUse(1, MoneySum(7))})
        assert today.plus(MoneySum(1, 1)) == TokenUse(3, MoneySum(16, 2))


async def test_another_process_hears_of_a_revocation(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path / "t.db", clock) as gateway, opened(tmp_path / "t.db", clock) as command:
        await create(gateway)
        heard = asyncio.Event()
        gateway.on_change(heard.set)
        await command.write(
            partial(gateway_tokens.revoke, name_or_id="agent-7", who="tokens revoke", at_ms=START_MS + 1)
        )
        await asyncio.wait_for(heard.wait(), 5)
        known, _ = await gateway.write(partial(gateway_tokens.as_of_now, day=DAY))
        assert known[0].revoked_at_ms == START_MS + 1


async def test_a_file_of_before_has_none_and_can_be_watched(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db"):
        pass
    with closing(sqlite3.connect(tmp_path / "t.db")) as older:
        for statement in (one for statements in schema.MIGRATIONS[4:] for one in statements):
            kind, name = statement.split()[1:3]
            older.execute(f"DROP {kind} {name}")
        older.execute("PRAGMA user_version=4")
        older.commit()
    reader = StoreReader.open(tmp_path / "t.db", FakeClock())
    assert not reader.ask(gateway_tokens.can_be_asked())
    reader.close()
    connection = schema.open_for_reading(tmp_path / "t.db")
    assert schema.read_as_if_new(connection, 4)
    assert connection.execute("SELECT count(*) FROM gateway_token").fetchone() == (0,)
    connection.close()
    async with opened(tmp_path / "t.db") as store:
        assert await store.ask(gateway_tokens.can_be_asked())


def test_a_token_is_known_as_a_credential_wherever_text_is_looked_through() -> None:
    said = f"curl -H 'x-api-key: {TEXT}' of tl-DR and TL-1"
    assert redact(said) == "curl -H 'x-api-key: •••' of tl-DR and TL-1"
    assert looks_like_key(TEXT)
