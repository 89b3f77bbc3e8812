"""Thinking outlives the process that was told it: in the middle of a loop of tool calls `serve` is started again, or
another one beside it is asked. The simulated providers refuse a signature that is not theirs, or not over those words.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from tests.conformance.asking import BOTH, SCHEMA
from tests.support.clock import FakeClock
from tests.support.engine_world import Serves, World, open_world
from tests.support.gateway_world import OPEN, listening

from trunkline.domain.ids import IdSource
from trunkline.domain.messages import ChatRequest, Message, Role, ThinkingPart, ToolCallPart
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.engine.engine import Engine
from trunkline.gateway import thinking
from trunkline.gateway.dialect import Carried
from trunkline.gateway.dialects import dialect_of
from trunkline.gateway.guard import Client
from trunkline.gateway.paths import Protocol
from trunkline.gateway.serving import Course, Service
from trunkline.gateway.shelf import own_id
from trunkline.gateway.thinking import Thinking
from trunkline.store import kept_thinking
from trunkline.store.gateway_tokens import GatewayToken, hash_of
from trunkline.store.kept_thinking import KEPT_MS

HOUR_MS = 3_600_000
TEXT = "tl-of-the-test"
LONG = "01KAGTKM0V9QZJ6G1X7C2R5T3N"
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


async def post(root: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    async with (
        aiohttp.ClientSession(headers={"x-api-key": TEXT}) as session,
        session.post(root + path, json=body) as reply,
    ):
        told: dict[str, Any] = await reply.json()
        assert reply.status == 200, told
        return told


async def chat(root: str, body: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = (await post(root, "/v1/chat/completions", body))["choices"][0]["message"]
    return message


@asynccontextmanager
async def gateway_of(world: World) -> AsyncIterator[str]:
    """Where a gateway listens that knows the token."""
    async with listening(world) as (gateway, root):
        guard = gateway._guard
        guard.learn([GatewayToken("me", "agent-7", hash_of(TEXT), 0)], guard.day, {})
        yield root


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
            async with gateway_of(world) as root:
                answer = await chat(root, asked)
            await start_again(world)
            async with gateway_of(world) as root:
                assert (await chat(root, with_results(asked, answer)))["content"]
            assert world.query("SELECT token_id FROM kept_thinking") == [("me",)]
        assert len(signatures(requests[1])) == 1
        if protocol == "anthropic":
            thoughts = [part for part in requests[1].messages[1].parts if isinstance(part, ThinkingPart)]
            assert [(one.provider, one.model, len(one.text) > 40) for one in thoughts] == [("p", "m", True)]


# -- one gateway's thinking, without HTTP in front ------------------------------------------------------------------


class Agent:
    """A client with a token, of a gateway in the engine that `world` has now."""

    def __init__(self, world: World, clock: FakeClock, client: Client = ME) -> None:
        self._service, self._ids, self._client = Service(world.engine, clock), IdSource(clock), client

    async def ask(self, body: dict[str, Any], protocol: Protocol = Protocol.OPENAI) -> dict[str, Any]:
        """The whole answer."""
        dialect, client = dialect_of(protocol), self._client
        asked = dialect.read(body, Origin(OriginKind.GATEWAY), model=body["model"], stream=False)
        asked = self._service.placed(await self._service.recalled(asked, client), {}, client)
        course = Course(self._ids.new(), client.token_id or "")
        told: dict[str, Any] = orjson.loads(await self._service.whole(dialect, asked, course))
        return told


@dataclass(frozen=True)
class Loop:
    """A world after an agent's first answer, and what the agent asks next."""

    world: World
    clock: FakeClock
    agent: Agent
    following: dict[str, Any]

    async def signed(self, agent: Agent | None = None) -> bool:
        """Whether the thinking goes back when the loop goes on with `agent`, None: with one of a gateway that was
        started just now."""
        agent = agent or Agent(self.world, self.clock)
        with pytest.MonkeyPatch.context() as patch, noted(patch) as requests:
            answer = await agent.ask(self.following)
        assert answer["choices"][0]["message"]["content"]
        return bool(signatures(requests[0]))


@asynccontextmanager
async def in_a_loop(home: Path, protocol: str = "anthropic") -> AsyncIterator[Loop]:
    clock = FakeClock()
    async with open_world(home, thinker(protocol), clock=clock) as world:
        agent, asked = Agent(world, clock), question(protocol)
        answer = (await agent.ask(asked))["choices"][0]["message"]
        await world.engine.store.flush()
        yield Loop(world, clock, agent, with_results(asked, answer))


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """What the gateway has the store do for thinking."""
    done: Counter[str] = Counter()

    def noting(name: str) -> None:
        unit = getattr(kept_thinking, name)

        def counting(*given: Any, **named: Any) -> Any:
            done[name] += 1
            return unit(*given, **named)

        patch.setattr(kept_thinking, name, counting)

    with monkeypatch.context() as patch:
        for name in ("keep", "use", "kept_turns"):
            noting(name)
        yield done


async def test_another_tokens_thinking_is_given_to_nobody_else(tmp_path: Path) -> None:
    async with in_a_loop(tmp_path) as loop:
        assert not await loop.signed(Agent(loop.world, loop.clock, YOU))
        assert not await loop.signed(Agent(loop.world, loop.clock, Client()))
        assert await loop.signed()


async def test_what_a_gateway_remembers_is_bound_to_its_token_too(tmp_path: Path) -> None:
    async with in_a_loop(tmp_path) as loop:
        loop.world.engine.store.post(lambda connection: connection.execute("DELETE FROM kept_thinking"))
        assert await loop.signed(loop.agent)
        loop.agent._client = YOU
        assert not await loop.signed(loop.agent)


async def test_a_day_after_its_last_use_it_is_gone(tmp_path: Path) -> None:
    async with in_a_loop(tmp_path) as loop:
        loop.clock.advance(KEPT_MS - HOUR_MS)
        assert await loop.signed()
        loop.clock.advance(KEPT_MS - 1)
        assert await loop.signed()
        await loop.world.engine.store.flush()
        loop.clock.advance(KEPT_MS)
        assert not await loop.signed()
        for _ in range(30):
            await loop.world.engine.store.beat()
        assert loop.world.query(ROWS) == [(0,)]


async def test_what_is_not_there_is_looked_up_twice_and_what_is_there_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with in_a_loop(tmp_path) as loop:
        with counted(monkeypatch) as done:
            for _ in range(3):
                assert not await loop.signed(stranger := Agent(loop.world, loop.clock, YOU))
            assert done == {"kept_turns": 3}
            done.clear()
            for _ in range(5):
                assert not await loop.signed(stranger)
            assert done == {"kept_turns": 1}
            done.clear()
            again = Agent(loop.world, loop.clock)
            for _ in range(5):
                assert await loop.signed(again)
            assert done == {"kept_turns": 1}


async def test_a_request_that_has_no_need_of_it_asks_nothing_of_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = {"m": {"capabilities": ["tools"]}}
    async with open_world(tmp_path, Serves("p", models=models), clock=FakeClock()) as world:
        agent, asked = Agent(world, FakeClock()), question("anthropic")
        with counted(monkeypatch) as done:
            answer = (await agent.ask(asked))["choices"][0]["message"]
            assert (await agent.ask(with_results(asked, answer)))["choices"][0]["message"]["content"]
            foreign = [{**call, "id": f"call_{number}"} for number, call in enumerate(answer["tool_calls"])]
            await agent.ask(with_results(asked, {**answer, "tool_calls": foreign}))
            await world.engine.store.flush()
        assert done == {}


@pytest.mark.parametrize("shown", [False, True])
async def test_nothing_is_kept_for_an_anthropic_client_that_carries_its_thinking(
    tmp_path: Path, shown: bool
) -> None:
    tools = [{"name": "get_weather", "input_schema": SCHEMA}]
    asked = {
        "model": "p/m",
        "max_tokens": 4_000,
        "tools": tools,
        "messages": question("anthropic")["messages"],
    }
    thinking = {"thinking": {"type": "adaptive"}} if shown else {}
    async with open_world(tmp_path, thinker("anthropic"), clock=FakeClock()) as world:
        answer = await Agent(world, FakeClock()).ask(asked | thinking, Protocol.ANTHROPIC)
        await world.engine.store.flush()
        assert answer["stop_reason"] == "tool_use"
        assert world.query(ROWS) == [(0 if shown else 1,)]


@pytest.mark.parametrize(
    ("upstream", "shown"), [("gemini", False), ("anthropic", True), ("anthropic", False)]
)
async def test_of_thinking_all_is_kept_for_a_google_client_but_the_signatures_of_calls_which_it_brings(
    tmp_path: Path, upstream: str, shown: bool
) -> None:
    """Gemini CLI shows thoughts and leaves them out of what it sends back."""
    asked = {
        "model": f"p/{MODELS[upstream]}",
        "contents": [{"role": "user", "parts": [{"text": BOTH}]}],
        "tools": [{"functionDeclarations": [{"name": "get_weather", "parametersJsonSchema": SCHEMA}]}],
        "generationConfig": {"thinkingConfig": {"includeThoughts": shown}},
    }
    async with open_world(tmp_path, thinker(upstream), clock=FakeClock()) as world:
        answer = await Agent(world, FakeClock()).ask(asked, Protocol.GEMINI)
        await world.engine.store.flush()
        assert any("functionCall" in part for part in answer["candidates"][0]["content"]["parts"])
        assert world.query(ROWS) == [(1 if upstream == "anthropic" else 0,)]


@pytest.mark.parametrize("upstream", MODELS)
@pytest.mark.parametrize("carries", [False, True])
async def test_nothing_is_kept_for_a_responses_client_that_carries_what_is_encrypted(
    tmp_path: Path, upstream: str, carries: bool
) -> None:
    tools = [{"type": "function", "name": "get_weather", "parameters": SCHEMA}]
    asked = {"model": f"p/{MODELS[upstream]}", "input": BOTH, "tools": tools}
    include = {"include": ["reasoning.encrypted_content"]} if carries else {}
    async with open_world(tmp_path, thinker(upstream), clock=FakeClock()) as world:
        answer = await Agent(world, FakeClock()).ask(asked | include, Protocol.RESPONSES)
        await world.engine.store.flush()
        assert any(item["type"] == "function_call" for item in answer["output"])
        assert world.query(ROWS) == [(0 if carries else 1,)]


async def test_of_a_turn_the_store_has_its_thinking_and_none_of_its_words(tmp_path: Path) -> None:
    async with in_a_loop(tmp_path, "gemini") as loop:
        [(token_id, body)] = loop.world.query("SELECT token_id, body FROM kept_thinking")
    kept = orjson.loads(body)
    assert token_id == "me"
    assert kept["thinking"] == []  # Google takes words back with a signature alone, and that is at the call
    assert [sorted(call) for call in kept["calls"]] == [["call_id", "provider", "signature"]]


# -- a store in trouble ---------------------------------------------------------------------------------------------


async def test_without_its_table_the_loop_goes_on_without_thinking(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with in_a_loop(tmp_path) as loop:
        await loop.world.engine.store.write(lambda connection: connection.execute("DROP TABLE kept_thinking"))
        assert not await loop.signed()
        assert "thinking that was kept could not be read" in caplog.text
        assert await loop.signed(loop.agent)


async def test_a_store_that_does_not_answer_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with in_a_loop(tmp_path) as loop:
        again = Agent(loop.world, loop.clock)
        with monkeypatch.context() as hurried:
            hurried.setattr(thinking, "_LOOKED_UP_WITHIN_S", 0.02)
            async with loop.world.engine.store._reading_lock:
                assert not await loop.signed(again)
        assert await loop.signed(again)  # it was not taken for gone


async def test_where_the_disk_has_no_room_for_it_requests_go_on_and_it_is_remembered(tmp_path: Path) -> None:
    def fill(connection: sqlite3.Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 50}")

    asked = question("anthropic")
    long = ThinkingPart("x" * 1_000_000, "p", "sig", "m")
    turn = Message(Role.ASSISTANT, (long, ToolCallPart(own_id(LONG, 0), "get_time", "{}")))
    async with in_a_loop(tmp_path) as loop:
        engine = loop.world.engine
        await engine.store.write(fill)
        kept = Thinking(engine.store, loop.clock)
        kept.keep(turn, "me", LONG, engine.generation.config.catalogue, Carried())
        assert await loop.signed(loop.agent)  # in one transaction with what is lost
        answer = (await loop.agent.ask(asked))["choices"][0]["message"]
        assert await replace(loop, following=with_results(asked, answer)).signed(loop.agent)
        assert engine.store.lost_writes == 1
        came_back = replace(turn, parts=turn.parts[1:])
        assert await kept.restored((came_back,), "me") == (turn,)
        assert await Thinking(engine.store, loop.clock).restored((came_back,), "me") == (came_back,)


@pytest.mark.parametrize("body", ["7", '{"thinking": 7}', "", "\udc80"])
async def test_a_row_that_nobody_can_read_is_as_if_it_were_not_there(tmp_path: Path, body: str) -> None:
    async with in_a_loop(tmp_path) as loop:
        spoilt = body.encode("utf-8", "surrogatepass")
        await loop.world.engine.store.write(
            lambda connection: connection.execute("UPDATE kept_thinking SET body = ?", (spoilt,))
        )
        assert not await loop.signed()
