"""Thinking outlives the process that was told it: in the middle of a loop of tool calls `serve` is started again, or
another one beside it is asked. The simulated providers refuse a signature that is not theirs, or not over those words.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.conformance.asking import BOTH, SCHEMA
from tests.support.clock import FakeClock
from tests.support.engine_world import Serves, World, open_world
from tests.support.gateway_world import OPEN, listening

from trunkline.domain.ids import IdSource
from trunkline.domain.messages import ChatRequest, ThinkingPart, ToolCallPart
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.engine.engine import Engine
from trunkline.gateway.dialects import dialect_of
from trunkline.gateway.guard import Client
from trunkline.gateway.paths import Protocol
from trunkline.gateway.serving import Course, Service

HOUR_MS = 3_600_000
ABLE: dict[str, dict[str, Any]] = {
    "anthropic": {"capabilities": ["tools", "thinking"], "thinking": "adaptive"},
    "gemini": {"capabilities": ["tools", "thinking"], "thinking": "level"},
}
MODELS = {"anthropic": "m", "gemini": "gemini-4-m"}
ROWS = "SELECT count(*) FROM kept_thinking"
ME, YOU = Client(token_id="me"), Client(token_id="you")


def thinker(protocol: str) -> Serves:
    return Serves(
        "p", models={MODELS[protocol]: ABLE[protocol]}, protocol=protocol, played={"thinks": "always"}
    )


def question(protocol: str) -> dict[str, Any]:
    tools = [
        {"type": "function", "function": {"name": name, "parameters": SCHEMA}}
        for name in ("get_weather", "get_time")
    ]
    messages = [{"role": "user", "content": BOTH}]
    return {"model": f"p/{MODELS[protocol]}", "messages": messages, "tools": tools}


def with_results(asked: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """The next request of the loop, from a client that keeps of an answer what OpenAI's own have in it."""
    calls = [{key: call[key] for key in ("id", "type", "function")} for call in answer["tool_calls"]]
    said = {"role": "assistant", "content": answer["content"], "tool_calls": calls}
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "12"} for call in calls]
    return {**asked, "messages": [*asked["messages"], said, *results]}


@contextmanager
def noted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ChatRequest]]:
    """What engines are asked, in order."""
    requests: list[ChatRequest] = []
    submit = Engine.submit

    def noting(self: Engine, chat: ChatRequest, *more: Any, **named: Any) -> Any:
        requests.append(chat)
        return submit(self, chat, *more, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "submit", noting)
        yield requests


def signatures(request: ChatRequest) -> list[str]:
    """Those of the reasoning and of the calls that go upstream."""
    parts = [part for message in request.messages for part in message.parts]
    return [
        part.signature for part in parts if isinstance(part, ThinkingPart | ToolCallPart) and part.signature
    ]


async def post(root: str, body: dict[str, Any]) -> dict[str, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{root}/v1/chat/completions", json=body) as reply,
    ):
        told = await reply.json()
        assert reply.status == 200, told
        message: dict[str, Any] = told["choices"][0]["message"]
        return message


async def start_again(world: World) -> None:
    await world.engine.aclose()
    world.engine = world.open()
    world.engine.start()


@pytest.mark.parametrize("protocol", MODELS)
async def test_a_loop_goes_on_where_serve_was_started_again(
    tmp_path: Path, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = question(protocol)
    with noted(monkeypatch) as requests:
        async with open_world(tmp_path, thinker(protocol), preferences=OPEN) as world:
            async with listening(world) as (_, root):
                answer = await post(root, asked)
            await start_again(world)
            async with listening(world) as (_, root):
                assert (await post(root, with_results(asked, answer)))["content"]
        assert len(signatures(requests[1])) == 1
        if protocol == "anthropic":
            thoughts = [part for part in requests[1].messages[1].parts if isinstance(part, ThinkingPart)]
            assert [(one.provider, one.model, len(one.text) > 40) for one in thoughts] == [("p", "m", True)]


# -- one gateway's thinking, without HTTP in front ------------------------------------------------------------------


class Agent:
    """A client of one token's of a gateway in the engine that `world` has now."""

    def __init__(self, world: World, clock: FakeClock, client: Client = ME) -> None:
        self._service, self._clock, self._client = Service(world.engine, clock), clock, client

    async def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        import orjson

        dialect = dialect_of(Protocol.OPENAI)
        asked = dialect.read(body, Origin(OriginKind.GATEWAY))
        asked = self._service.placed(await self._service.recalled(asked, self._client), {}, self._client)
        course = Course(IdSource(self._clock).new(), self._client.token_id or "")
        told = orjson.loads(await self._service.whole(dialect, asked, course))
        message: dict[str, Any] = told["choices"][0]["message"]
        return message


@asynccontextmanager
async def in_a_loop(
    home: Path, clock: FakeClock, protocol: str = "anthropic"
) -> AsyncIterator[tuple[World, dict[str, Any]]]:
    """After a first answer with calls; gives what is asked next."""
    async with open_world(home, thinker(protocol), clock=clock) as world:
        asked = question(protocol)
        following = with_results(asked, await Agent(world, clock).ask(asked))
        await world.engine.store.flush()
        yield world, following
