from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

from tests.store.samples import MINUTE, opened
from tests.support.clock import START_MS, FakeClock

from trunkline.domain.faults import FaultKind, FaultScope
from trunkline.domain.limits import LimitReading, Metric
from trunkline.domain.messages import Role
from trunkline.domain.state import Block
from trunkline.store import queries
from trunkline.store.keep import ControlState, StoredMessage, StoredReading
from trunkline.store.store import StoreReader

BLOCK = Block(
    "zai/main", FaultScope.ACCOUNT, FaultKind.BILLING, "insufficient", "out of credit", START_MS, None
)


async def test_a_conversation_is_kept_in_order(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        store.save_message("talk", "s", Role.SYSTEM, "be brief", at_ms=1)
        store.save_message("talk", "q", Role.USER, "Write\n a  function " + "x" * 99, "01J", at_ms=1)
        store.save_message("talk", "a", Role.ASSISTANT, "def", "01J", complete=False, at_ms=5)
        store.save_message("talk", "a", Role.ASSISTANT, "def f", "01J", at_ms=5)
        store.save_message("older", "o", Role.ASSISTANT, "hello", at_ms=2)
        await store.flush()
        assert await store.messages("talk") == (
            StoredMessage("s", Role.SYSTEM, "be brief", None, True, 1),
            StoredMessage("q", Role.USER, "Write\n a  function " + "x" * 99, "01J", True, 1),
            StoredMessage("a", Role.ASSISTANT, "def f", "01J", True, 5),
        )
        first, second = await store.conversations(9)
        assert (first.conversation_id, first.message_count, first.updated_at_ms) == ("talk", 3, 5)
        assert first.title == "Write a function " + "x" * 42 + "…"
        assert (second.conversation_id, second.title) == ("older", "")
        assert [found.conversation_id for found in await store.conversations(1)] == ["talk"]


async def test_pruning_leaves_no_trace_of_old_text(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    async with opened(path) as store:
        store.save_message("old", "o", Role.USER, "old-canary " * 50, at_ms=1)
        store.save_message("new", "n", Role.USER, "new-canary", at_ms=9)
        assert await store.prune(9) == 1
        assert [found.conversation_id for found in await store.conversations(9)] == ["new"]
    content = path.read_bytes()
    assert b"new-canary" in content
    assert b"old-canary" not in content


async def test_control_is_shared_and_audited(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path / "t.db", clock) as store, opened(tmp_path / "t.db", clock) as other:
        assert await store.control() == ControlState()
        changed = asyncio.Event()
        other.on_change(changed.set)
        pinned = ControlState(pin="zai/main", pin_expires_at_ms=START_MS + 9)
        await store.set_control(pinned, who="chat", why="it is fast")
        await store.set_control(pinned, who="chat")
        await asyncio.wait_for(changed.wait(), 5)
        assert await other.control() == pinned
        clock.advance(5)
        await other.set_control(replace(pinned, paused=True, mode="eco"), who="cli")
        last, first = await store.audit(9)
        assert (first.who, first.what, first.why, first.at_ms) == ("chat", "control", "it is fast", START_MS)
        assert (last.who, last.at_ms) == ("cli", START_MS + 5)
        assert json.loads(first.before)["pin"] is None
        assert json.loads(first.after)["pin"] == json.loads(last.before)["pin"] == "zai/main"


async def test_blocks_are_replaced_and_cleared(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        store.save_block(BLOCK)
        store.save_block(replace(BLOCK, failures=2, until_ms=START_MS + 1))
        store.save_block(replace(BLOCK, target="zai"))
        store.clear_block("zai")
        store.clear_block("nothing")
        await store.flush()
        assert await store.blocks() == (replace(BLOCK, failures=2, until_ms=START_MS + 1),)


async def test_the_newest_reading_of_a_limit_is_kept(tmp_path: Path) -> None:
    seen = LimitReading(Metric.REQUESTS, MINUTE, 20, 3, START_MS)
    newer = replace(seen, remaining=2)
    async with opened(tmp_path / "t.db") as store:
        store.save_reading("zai", "main", "glm", newer, 5)
        store.save_reading("zai", "main", "glm", seen, 4)
        store.save_reading("zai", "main", None, seen, 4)
        await store.flush()
        expected = (
            StoredReading("zai", "main", None, seen, 4),
            StoredReading("zai", "main", "glm", newer, 5),
        )
        assert await store.readings() == expected
        reader = StoreReader.open(store.path, FakeClock())
        assert reader.ask(queries.readings()) == expected
        reader.close()
