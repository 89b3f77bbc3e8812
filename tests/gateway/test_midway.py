"""Answers that change hands or break off after their first byte, as each protocol tells it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from tests.support.engine_world import WHOLE_TEXT, Serves, World, open_world
from tests.support.gateway_world import OPEN, listening

from trunkline.domain.clock import SystemClock
from trunkline.domain.events import Body
from trunkline.domain.receipts import Outcome
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.engine.requests import Handle
from trunkline.gateway import serving
from trunkline.gateway.dialects import dialect_of
from trunkline.gateway.guard import Client
from trunkline.gateway.paths import Protocol
from trunkline.gateway.serving import Course, Service

PROMPT = "Who owns the queue?"
MESSAGES = [{"role": "user", "content": PROMPT}]
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": ("/v1/chat/completions", {"model": "auto", "messages": MESSAGES}),
    "responses": ("/v1/responses", {"model": "auto", "input": PROMPT}),
    "anthropic": (
        "/v1/messages",
        {
            "model": "auto",
            "max_tokens": 2_000,
            "messages": MESSAGES,
            "thinking": {"type": "enabled", "budget_tokens": 1_024},
        },
    ),
    "gemini": (
        "/v1beta/models/auto:streamGenerateContent?alt=sse",
        {
            "contents": [{"role": "user", "parts": [{"text": PROMPT}]}],
            "generationConfig": {"thinkingConfig": {"includeThoughts": True}},
        },
    ),
}
ABLE = {"m": {"capabilities": ["thinking"]}}
IN_ORDER = f'default = ["p", "q"]\n{OPEN}'


@asynccontextmanager
async def two(home: Path, **played: Any) -> AsyncIterator[tuple[World, Ask]]:
    providers = [Serves(name, models=ABLE, played=played, protocol="anthropic") for name in ("p", "q")]
    async with (
        open_world(home, *providers, preferences=IN_ORDER) as world,
        listening(world) as (_, root),
        aiohttp.ClientSession() as session,
    ):
        yield world, Ask(session, root)


class Ask:
    """A client of every protocol."""

    def __init__(self, session: aiohttp.ClientSession, root: str) -> None:
        self._session, self._root = session, root

    @asynccontextmanager
    async def begun(self, protocol: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """A stream whose head has come."""
        path, body = ASKED[protocol]
        asked = body if protocol == "gemini" else {**body, "stream": True}
        async with self._session.post(self._root + path, json=asked) as reply:
            assert reply.status == 200, await reply.text()
            yield reply

    async def events(self, protocol: str) -> list[Any]:
        """What a stream says."""
        async with self.begun(protocol) as reply:
            return await rest_of(reply)


async def rest_of(reply: aiohttp.ClientResponse) -> list[Any]:
    """The events, and what stands between them as Google's API has its errors."""
    lines = (line.removeprefix("data: ") for line in (await reply.text()).splitlines())
    return [orjson.loads(line) for line in lines if line.startswith("{")]


def _text(protocol: str, events: list[Any]) -> str:
    match protocol:
        case "openai":
            return "".join(event["choices"][0]["delta"].get("content") or "" for event in events)
        case "responses":
            pieces = [event for event in events if event["type"] == "response.output_text.delta"]
            return "".join(event["delta"] for event in pieces)
        case "anthropic":
            return "".join(event["delta"].get("text", "") for event in events if "delta" in event)
        case _:
            parts = [part for event in events for part in event["candidates"][0]["content"]["parts"]]
            return "".join(part["text"] for part in parts if not part.get("thought"))


def _answered_by(protocol: str, events: list[Any]) -> str:
    last = events[-1]
    match protocol:
        case "responses":
            return str(last["response"]["model"])
        case "anthropic":
            return str(events[0]["message"]["model"])
        case _:
            return str(last["model" if protocol == "openai" else "modelVersion"])


@pytest.mark.parametrize("protocol", ASKED)
async def test_an_answer_that_was_cut_while_it_thought_is_whole_and_names_who_gave_it(
    tmp_path: Path, protocol: str
) -> None:
    async with two(tmp_path, thinks="always") as (world, ask):
        world.fault("cut", provider="p", after=3)
        events = await ask.events(protocol)

    assert _text(protocol, events) == WHOLE_TEXT
    # Anthropic's protocol names the model in its first event and never again.
    assert _answered_by(protocol, events) == ("p/m" if protocol == "anthropic" else "q/m")


async def test_blocks_of_thinking_are_closed_before_the_next_is_opened(tmp_path: Path) -> None:
    async with two(tmp_path, thinks="always") as (world, ask):
        world.fault("cut", provider="p", after=3)
        events = await ask.events("anthropic")

    open_block, closed = None, []
    for event in events:
        if event["type"] == "content_block_start":
            assert open_block is None
            open_block = event["index"]
            assert open_block == len(closed)
        elif event["type"] == "content_block_delta":
            assert event["index"] == open_block
        elif event["type"] == "content_block_stop":
            closed.append(open_block)
            open_block = None
    assert len(closed) >= 2
    assert events[-1]["type"] == "message_stop"


@pytest.mark.parametrize("protocol", ASKED)
async def test_what_a_person_drops_from_the_deck_ends_in_an_error(tmp_path: Path, protocol: str) -> None:
    async with two(tmp_path) as (world, ask):
        world.fault("stall", after=3)
        async with ask.begun(protocol) as reply:
            world.engine.drop(reply.headers["x-trunkline-request"])
            events = await rest_of(reply)

    last = events[-1]
    assert last.get("error") or last["response"]["error"]
    assert 0 < len(_text(protocol, events[:-1])) < len(WHOLE_TEXT)


async def test_what_breaks_off_is_told_googles_clients_by_itself_and_as_no_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their SDK for JavaScript (1.30, in Gemini CLI) takes what it reads at once for an error only if it is that and
    nothing more; an event with an error it takes for an answer that says nothing."""
    batches = serving._batches

    async def at_once(handle: Handle, idle_s: float) -> AsyncIterator[list[Body]]:
        yield [body async for some in batches(handle, idle_s) for body in some]

    monkeypatch.setattr(serving, "_batches", at_once)
    preferences = f"{OPEN}[thresholds]\nmax_attempts = 1\n"
    async with open_world(tmp_path, Serves("p"), preferences=preferences) as world:
        world.fault("cut", after=3)
        service, dialect = Service(world.engine, SystemClock()), dialect_of(Protocol.GEMINI)
        body = ASKED["gemini"][1]
        asked = dialect.read(body, Origin(OriginKind.GATEWAY), model="auto", stream=True)
        course = Course("01CUT")
        async with aclosing(service.stream(dialect, service.placed(asked, {}, Client()), course)) as pieces:
            *told, last = [piece async for piece in pieces]

    assert len(told) == 1
    assert told[0].startswith(b"data: ")
    assert orjson.loads(last)["error"]["status"] == "UNAVAILABLE"


async def test_a_stream_that_is_left_is_charged_by_its_receipt(tmp_path: Path) -> None:
    clock = SystemClock()
    async with open_world(tmp_path, Serves("p"), preferences=OPEN) as world:
        world.fault("stall", after=3)
        service, dialect = Service(world.engine, clock), dialect_of(Protocol.OPENAI)
        asked = dialect.read({**ASKED["openai"][1], "stream": True}, Origin(OriginKind.GATEWAY))
        course = Course("01LEFT")
        async with aclosing(service.stream(dialect, service.placed(asked, {}, Client()), course)) as pieces:
            await anext(pieces)

    assert course.ending is not None
    receipt = course.ending.receipt
    assert (receipt.outcome, receipt.request_id) == (Outcome.CANCELLED, "01LEFT")
    assert receipt.cost_pico or receipt.waste_pico
