"""Whoever asked hears of the end, and whoever looks sees who asks."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.support.engine_world import Serves, agent, open_world, told, until, until_event

from trunkline.domain.events import TextDelta
from trunkline.domain.receipts import Outcome

SLOW = {"tokens_per_s": 200.0, "chunk_tokens": 2}


async def test_an_ending_that_cannot_be_kept_is_told_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no room for it")

    async with open_world(tmp_path, Serves("one")) as world:
        monkeypatch.setattr(world.engine._core.store, "record", broken)
        heard = await world.run("hello")
        assert heard.receipt.outcome is Outcome.ANSWERED
        assert heard.receipt.complete
    assert "could not be kept" in caplog.text


async def test_the_answer_is_out_before_it_is_kept_and_kept_before_its_end_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    async with open_world(tmp_path, Serves("one")) as world:
        record = world.engine._core.store.record

        def kept(*given: Any, **more: Any) -> None:
            order.append("kept")
            record(*given, **more)

        monkeypatch.setattr(world.engine._core.store, "record", kept)
        handle = world.engine.submit(agent("hello"))

        async def first() -> None:
            assert (await handle.ended()).complete
            order.append("out")

        async def last() -> None:
            await handle.answer()
            order.append("over")

        await asyncio.gather(last(), first())
    assert order == ["out", "kept", "over"]


async def test_a_call_under_way_says_who_asked_here_and_elsewhere(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("one", played=SLOW)) as world, world.open("second") as second:
        handle = world.engine.submit(agent("Say a lot.", name="agent-7"))
        await until_event(handle, TextDelta)
        await world.engine.fresh_snapshot()
        (call,) = world.engine.snapshot().running
        assert (call.origin, call.process) == ("agent-7", "test")
        await until(lambda: second.snapshot().running)
        (seen,) = second.snapshot().running
        assert (seen.origin, seen.process) == ("agent-7", "test")
        handle.cancel()
        await told(handle)
