"""Reasoning that goes back to its provider: kept for a day after its last use, for whose it is, and no more than may
be."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from tests.store.samples import opened
from tests.support.clock import START_MS, FakeClock

from trunkline.domain.messages import ThinkingPart
from trunkline.store import gateway_tokens, kept_thinking
from trunkline.store.gateway_tokens import GatewayToken
from trunkline.store.kept_thinking import KEPT_MS, KeptTurn, SignedCall, kept_turns
from trunkline.store.store import Store

THOUGHT = ThinkingPart("Oslo\0 is a “city”.", "anthropic", "c2ln", "claude")
HIDDEN = ThinkingPart("", "anthropic", "cmVk", "claude", redacted=True)
TURN = KeptTurn((THOUGHT, HIDDEN), (SignedCall("call_1", "sig", "google"), SignedCall("call_2", "sig")))
UNTIL_MS = START_MS + KEPT_MS


def keep(
    store: Store, request_id: str, turn: KeptTurn = TURN, *, owner: str = "me", until_ms: int = UNTIL_MS
) -> None:
    store.post(
        partial(kept_thinking.keep, turn=turn, request_id=request_id, token_id=owner, until_ms=until_ms)
    )


async def found(
    store: Store, *request_ids: str, owner: str = "me", now_ms: int = START_MS
) -> dict[str, tuple[KeptTurn, int]]:
    await store.flush()
    return await store.ask(kept_turns(request_ids, token_id=owner, now_ms=now_ms))


async def tidied(store: Store) -> None:
    """The store's upkeep comes round to what is a minute's work."""
    for _ in range(30):
        await store.beat()


async def test_a_turn_comes_back_unaltered_to_whose_it_is(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store, opened(tmp_path / "t.db") as other:
        keep(store, "A")
        keep(store, "B", KeptTurn((HIDDEN,)), owner="")
        assert await found(store, "A", "B", "C") == {"A": (TURN, UNTIL_MS)}
        assert await found(other, "A", "B", owner="") == {"B": (KeptTurn((HIDDEN,)), UNTIL_MS)}
        assert await found(other, "A", owner="you") == {}
        assert await found(store) == {}


async def test_it_is_kept_for_a_day_after_its_last_use(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path / "t.db", clock) as store:
        keep(store, "A")
        keep(store, "B")
        later_ms = UNTIL_MS + 5
        store.post(partial(kept_thinking.use, request_ids=["A", "C"], token_id="me", until_ms=later_ms))
        store.post(partial(kept_thinking.use, request_ids=["B"], token_id="you", until_ms=later_ms))
        assert sorted(await found(store, "A", "B", now_ms=UNTIL_MS - 1)) == ["A", "B"]
        assert sorted(await found(store, "A", "B", now_ms=UNTIL_MS)) == ["A"]
        clock.advance(KEPT_MS)
        await tidied(store)
        assert sorted(await found(store, "A", "B")) == ["A"]
        clock.advance(5)
        await tidied(store)
        assert await found(store, "A", "B") == {}


async def test_what_goes_is_not_left_in_the_file(tmp_path: Path) -> None:
    path, clock = tmp_path / "t.db", FakeClock()
    words = ThinkingPart("a thought nobody came back for", "anthropic", "c2ln")
    async with opened(path, clock) as store:
        await store.write(lambda connection: connection.execute("PRAGMA secure_delete=OFF").fetchone())
        keep(store, "A", KeptTurn((words,)))
        await store.flush()
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert b"a thought nobody" in path.read_bytes()
        clock.advance(KEPT_MS)
        await tidied(store)
    assert b"a thought nobody" not in path.read_bytes()


@pytest.mark.parametrize("bound", ["turns", "bytes"])
async def test_of_more_than_may_be_what_was_used_last_stays(
    tmp_path: Path, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = KeptTurn((replace(THOUGHT, text="x" * 1_000),))
    if bound == "turns":
        monkeypatch.setattr(kept_thinking, "MOST_TURNS", 3)
    else:
        monkeypatch.setattr(kept_thinking, "MOST_BYTES", 4_000)
    async with opened(tmp_path / "t.db") as store:
        for number in range(6):
            keep(store, str(number), big, until_ms=UNTIL_MS + number)
        store.post(partial(kept_thinking.use, request_ids=["0"], token_id="me", until_ms=UNTIL_MS + 9))
        await tidied(store)
        assert sorted(await found(store, *"012345")) == ["0", "4", "5"]


async def test_the_bound_does_not_wait_for_the_upkeep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_thinking, "MOST_TURNS", 10)
    ids = [str(number) for number in range(500)]
    async with opened(tmp_path / "t.db") as store:
        for one in ids:
            keep(store, one)
        assert 10 <= len(await found(store, *ids)) < 10 + 64


async def test_a_token_that_is_revoked_takes_its_thinking_along(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        me = GatewayToken("me", "agent-7", "hash", START_MS)
        await store.write(partial(gateway_tokens.create, token=me, who="test"))
        keep(store, "A")
        keep(store, "B", owner="you")
        await store.write(partial(gateway_tokens.revoke, name_or_id="agent-7", who="test", at_ms=START_MS))
        assert await found(store, "A") == {}
        assert await found(store, "B", owner="you") != {}


async def test_half_a_character_is_no_lost_write(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        keep(store, "A", KeptTurn((ThinkingPart("\ud83d", "kimi"),)))
        assert await found(store, "A") == {}
        assert store.lost_writes == 0
