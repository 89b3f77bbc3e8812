"""Our own protocols through the engine against strict simulated servers: tools, thinking and images at each, and a
conversation with tool calls and thinking that is begun at one provider, goes on at another, and returns."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from tests.conformance.asking import ARGUMENTS, BOTH, PNG_BASE64
from tests.support.engine_world import QUICK, World, told
from tests.support.simulator import running_simulator

from trunkline.domain.events import ThinkingDelta
from trunkline.domain.messages import (
    ChatRequest,
    Effort,
    ImagePart,
    Message,
    ResponseFormat,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    ToolSpec,
)
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.engine.transcript import answer_message
from trunkline.providers.values.jsontext import loads

TOOLS = tuple(ToolSpec(name, "", '{"type": "object", "additionalProperties": false}') for name in ARGUMENTS)
ALL = ["tools", "images", "json", "thinking"]
# What is played, what the catalogue says of provider and model.
PROVIDERS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "anthropic": (
        {"protocol": "anthropic", "strict": ["temperature_fixed", "adaptive_only", "no_prefill"]},
        {"quirks": {"temperature_max": 1.0, "tool_ids": "word"}},
        {"thinking": "adaptive", "temperature": False},
    ),
    "anthropic-budget": (
        {"protocol": "anthropic", "strict": ["no_adaptive"]},
        {"quirks": {"temperature_max": 1.0, "tool_ids": "word"}},
        {"thinking": "budget"},
    ),
    "google": (
        {"protocol": "gemini", "strict": ["level_only"]},
        {"quirks": {"image_urls": False}},
        {"thinking": "level"},
    ),
    "openai": (
        {"strict": ["known_fields", "max_completion_tokens", "temperature_fixed", "tool_ids_word"]},
        {"quirks": {"output_limit_field": "max_completion_tokens", "tool_ids": "word"}},
        {"thinking": "effort", "temperature": False},
    ),
    "kimi": (
        {
            "style": "moonshot",
            "strict": ["temperature_fixed", "tool_ids_word", "no_image_urls", "echo_reasoning"],
        },
        {
            "quirks": {
                "stream_usage": False,
                "tool_ids": "word",
                "echo_reasoning": "content",
                "image_urls": False,
            }
        },
        {"thinking": "effort", "temperature": False},
    ),
    "mistral": (
        {"style": "mistral", "strict": ["known_fields", "tool_ids_nine", "no_stream_options"]},
        {"quirks": {"stream_usage": False, "tool_ids": "nine"}},
        {},
    ),
}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """An engine with one account and one model at each provider."""
    accounts = [{"id": "a", "key": "sim"}]
    models = {"m": {"output_tokens": 40}}
    played = {
        name: {"accounts": accounts, "models": models, **told_} for name, (told_, _, _) in PROVIDERS.items()
    }
    async with running_simulator({"providers": played}) as simulator:
        listed = {}
        for name, (how, catalogue, model) in PROVIDERS.items():
            root = simulator.root_url(name)
            listed[name] = {
                "protocol": how.get("protocol", "openai"),
                "base_url": root if "protocol" in how else simulator.base_url(name),
                "accounts": [{"id": "a", "key": "env:SIM"}],
                "models": {"m": {"context": 32_768, "max_output": 8_192, "capabilities": ALL, **model}},
                **catalogue,
            }
        opened = World(tmp_path, tomlkit.dumps({"providers": listed}), {"SIM": "sim"}, simulator, None)
        opened.prefer(QUICK)
        opened.engine = opened.open()
        opened.engine.start()
        try:
            yield opened
        finally:
            await opened.engine.aclose()


class Conversation:
    """A conversation that is sent on as its events told it."""

    def __init__(self, world: World, *, stream: bool = True) -> None:
        self.world = world
        self.stream = stream
        self.messages: list[Message] = [Message.of(Role.SYSTEM, "Be short.")]
        self.thoughts = ""

    async def ask(self, provider: str, *parts: Any) -> Message:
        """Say this, have `provider` answer, and keep both. Every attempt but an answer is a failure."""
        if parts:
            role = Role.TOOL if isinstance(parts[0], ToolResultPart) else Role.USER
            self.messages.append(Message(role, parts))
        request = ChatRequest(
            tuple(self.messages),
            Origin(OriginKind.ASK),
            route=f"{provider}/a/m",
            tools=TOOLS,
            effort=Effort.HIGH,
            temperature=0.3,
            stream=self.stream,
        )
        heard = await told(self.world.engine.submit(request))
        assert heard.outcomes == ["ok"], [attempt.fault for attempt in heard.receipt.attempts]
        self.thoughts = "".join(delta.text for delta in heard.of(ThinkingDelta))
        answer = answer_message(heard.bodies)
        self.messages.append(answer)
        return answer

    async def ask_for_calls(self, provider: str, said: str = BOTH) -> list[ToolCallPart]:
        """Ask for calls, which must come."""
        answer = await self.ask(provider, TextPart(said))
        calls = [part for part in answer.parts if isinstance(part, ToolCallPart)]
        assert {call.name: loads(call.arguments.encode()) for call in calls} == ARGUMENTS
        return calls

    async def give_results(self, provider: str, calls: list[ToolCallPart]) -> None:
        """Send the results, which must be quoted."""
        results = [ToolResultPart(call.call_id, f"12 of {call.name}") for call in calls]
        said = (await self.ask(provider, *results)).text
        assert all(result.text in said for result in results), said


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_each_protocol_takes_an_image_thinks_calls_and_quotes(
    world: World, provider: str, stream: bool
) -> None:
    conversation = Conversation(world, stream=stream)
    picture = ImagePart(f"data:image/png;base64,{PNG_BASE64}")
    seen = await conversation.ask(provider, TextPart("think hard: what is this?"), picture)
    assert "I was shown 1 image." in seen.text
    assert bool(conversation.thoughts) is (provider != "openai")
    await conversation.give_results(provider, await conversation.ask_for_calls(provider))
    await conversation.ask(provider, TextPart("Thank you."))


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(PROVIDERS, 2)))
async def test_a_conversation_amid_tool_calls_goes_on_elsewhere_and_returns(
    world: World, first: str, second: str
) -> None:
    conversation = Conversation(world)
    calls = await conversation.ask_for_calls(first)
    await conversation.give_results(second, calls)
    more = await conversation.ask_for_calls(second, f"Again: {BOTH}")
    await conversation.give_results(first, more)
    await conversation.give_results(first, await conversation.ask_for_calls(first, f"Once more: {BOTH}"))
    await conversation.ask(second, TextPart("Thank you."))


async def test_the_receipt_of_a_switch_says_what_was_left_behind(world: World) -> None:
    conversation = Conversation(world)
    calls = await conversation.ask_for_calls("anthropic")
    await conversation.give_results("anthropic", calls)
    messages = (*conversation.messages, Message.of(Role.USER, "Thank you."))
    world.fault("http", provider="anthropic", status=503)
    request = ChatRequest(messages, Origin(OriginKind.ASK), prefer=("anthropic", "mistral"), tools=TOOLS)
    heard = await told(world.engine.submit(request))
    assert heard.routes[-1] == "mistral/a/m"
    facts = dict(heard.receipt.decision.facts)
    assert facts["left_behind"] == "signed thinking of 2 turns"
    assert facts["mended"] == f"ids of {len(calls)} tool calls"


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_each_protocol_counts_and_gives_json(world: World, provider: str) -> None:
    request = ChatRequest(
        (Message.of(Role.USER, "Answer in JSON."),),
        Origin(OriginKind.ASK),
        route=f"{provider}/a/m",
        response_format=ResponseFormat.JSON,
    )
    heard = await told(world.engine.submit(request))
    assert heard.outcomes == ["ok"]
    usage = heard.receipt.usage
    assert usage is not None
    assert (usage.input_tokens or 0) > 0
    assert (usage.output_tokens or 0) > 0
