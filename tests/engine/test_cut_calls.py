"""Streams that break off in the middle of tool calls, in every wire language: a call is told whole, once, or not at
all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.engine_world import Serves, Told, World, ask, open_world

from trunkline.domain.events import Restarted, TextDelta, ToolCallDelta
from trunkline.domain.messages import ToolSpec
from trunkline.domain.receipts import FinishReason

PROTOCOLS = ("openai", "anthropic", "gemini")
FIRST = 'default = ["first"]\n[timeouts]\nfirst_token_s = 1.0\nstall_s = 0.1\nrequest_s = 20.0\n'
CITY = '{"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}'
TOOLS = (ToolSpec("weather", "says the weather", CITY), ToolSpec("clock", "says the time", CITY))
ASKED = (
    'call weather with {"city": "Oslo {in} \\"Norway\\"", "days": 3} and call clock with {"city": "Bergen"}'
)
CALLS = [("weather", {"city": 'Oslo {in} "Norway"', "days": 3}), ("clock", {"city": "Bergen"})]


def speaks(name: str, protocol: str) -> Serves:
    return Serves(name, models={"m": {"capabilities": ["tools"]}}, protocol=protocol)


def calls_told(told: Told) -> list[tuple[str, Any]]:
    """Every call that an asker was told of, whatever came after it; raises where one is not whole."""
    return [(body.name, json.loads(body.arguments)) for body in told.of(ToolCallDelta)]


def replace_faults(world: World, *rules: tuple[str, dict[str, Any]]) -> None:
    world.simulator.faults.remove(None)
    for kind, params in rules:
        world.fault(kind, provider="first", **params)
    world.engine.reset()


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_call_cut_at_any_byte_is_made_whole_elsewhere(tmp_path: Path, protocol: str) -> None:
    after = {"openai": "anthropic", "anthropic": "gemini", "gemini": "openai"}[protocol]
    async with open_world(
        tmp_path, speaks("first", protocol), speaks("second", after), preferences=FIRST
    ) as world:
        cut = 0
        for pieces in range(1, 40):
            replace_faults(world, ("drip", {"bytes": 97}), ("drop", {"after": pieces}))
            told = await world.run(ask(ASKED, tools=TOOLS))
            assert told.receipt.complete, told.receipt.fault
            assert told.receipt.finish is FinishReason.TOOL_CALLS
            assert calls_told(told) == CALLS
            if told.routes[-1] == "first/a/m":
                break
            cut += 1
        assert cut > 5
        assert told.routes == ["first/a/m"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", ["cut", "drop", "reset_stream", "no_finish", "error_in_stream", "stall"])
async def test_every_way_to_break_off_in_a_call_ends_in_whole_calls(
    tmp_path: Path, protocol: str, kind: str
) -> None:
    async with open_world(
        tmp_path, speaks("first", protocol), speaks("second", protocol), preferences=FIRST
    ) as world:
        for after in (1, 3):
            replace_faults(world, (kind, {"after": after}))
            told = await world.run(ask(ASKED, tools=TOOLS))
            assert told.receipt.complete, told.receipt.fault
            assert calls_told(told) == CALLS


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_who_has_nobody_else_is_told_of_no_half_call(tmp_path: Path, protocol: str) -> None:
    async with open_world(
        tmp_path, speaks("first", protocol), preferences="[thresholds]\nmax_attempts = 2\n"
    ) as world:
        for pieces in (2, 5, 9):
            replace_faults(world, ("drip", {"bytes": 97}), ("drop", {"after": pieces}))
            told = await world.run(ask(ASKED, tools=TOOLS))
            assert not told.receipt.complete
            assert calls_told(told) == []


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_text_cut_at_any_byte_is_the_same_text(tmp_path: Path, protocol: str) -> None:
    text = 'Zürich has 443.037 people – 市 – and "quotes", too; it lies where the river leaves the lake.'
    served = [
        Serves(name, models={"m": {}}, played={"answers": [text]}, protocol=protocol)
        for name in ("first", "second")
    ]
    async with open_world(tmp_path, *served, preferences=FIRST) as world:
        for pieces in range(1, 60, 3):
            replace_faults(world, ("drip", {"bytes": 53}), ("drop", {"after": pieces}))
            told = await world.run(ask())
            shown = ""
            for body in told.bodies:
                shown = "" if isinstance(body, Restarted) else shown
                shown += body.text if isinstance(body, TextDelta) else ""
            assert shown == text
            assert told.receipt.complete
            if told.routes == ["first/a/m"]:
                break
        assert told.routes == ["first/a/m"]
