from __future__ import annotations

import asyncio
import json
import sqlite3
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.store.samples import MINUTE, opened
from tests.support.clock import START_MS, FakeClock

from trunkline.domain.faults import FaultKind, FaultScope
from trunkline.domain.limits import LimitReading, Metric
from trunkline.domain.state import Block
from trunkline.store import keep, queries
from trunkline.store.keep import ControlState, StoredReading
from trunkline.store.store import StoreReader

BLOCK = Block(
    "zai/main", FaultScope.ACCOUNT, FaultKind.BILLING, "insufficient", "out of credit", START_MS, None
)


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


async def test_control_from_older_and_newer_versions_is_read(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        await store.set_control(ControlState(set_aside=("zai/main",)), who="deck")
        assert (await store.control()).set_aside == ("zai/main",)
        for text, expected in (
            (
                '{"mode":"eco","pin":null,"pin_expires_at_ms":null,"paused":true}',
                ControlState("eco", paused=True),
            ),
            ('{"mode":"eco","of_next_year":[1]}', ControlState("eco")),
        ):
            await store.write(partial(_put_control, text=text))
            assert await store.control() == expected


async def test_blocks_are_replaced_and_cleared(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        store.save_block(BLOCK)
        store.save_block(replace(BLOCK, failures=2, until_ms=START_MS + 1))
        store.save_block(replace(BLOCK, target="zai"))
        store.clear_block("zai")
        store.clear_block("nothing")
        await store.flush()
        assert await store.blocks() == (replace(BLOCK, failures=2, until_ms=START_MS + 1),)


async def test_what_is_freed_takes_its_parts_and_what_it_is_part_of_along_and_no_neighbour(
    tmp_path: Path,
) -> None:
    targets = ("zai", "zai/main", "zai/main/glm", "zai/main/glm/5", "zai/mainly", "zai/spare", "kimi")
    async with opened(tmp_path / "t.db") as store:
        for target in targets:
            store.save_block(replace(BLOCK, target=target))
        store.post(lambda connection: keep.clear_blocks_around(connection, "zai/main"))
        await store.flush()
        assert [block.target for block in await store.blocks()] == ["kimi", "zai/mainly", "zai/spare"]


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


def _put_control(connection: sqlite3.Connection, text: str) -> None:
    connection.execute("UPDATE meta SET value = ? WHERE name = 'control'", (text,))
