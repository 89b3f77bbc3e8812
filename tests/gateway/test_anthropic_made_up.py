"""Requests of the Messages API made up by hypothesis: spoilt ones, and what a provider of that protocol is told."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.anthropic_wire import context_of
from tests.support.client_sdk import ORIGIN
from tests.support.conversations import ANY_JSON, TEXTS, TOOLS, conversations, spoiled

from trunkline.domain.messages import ChatRequest, Message
from trunkline.domain.routes import Prefill
from trunkline.gateway.anthropic.dialect import AnthropicDialect
from trunkline.gateway.dialect import UnreadableError
from trunkline.providers.anthropic.encode import encode

DIALECT = AnthropicDialect()

SOUND = {
    "model": "m",
    "max_tokens": 5,
    "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}},
                {"type": "document", "title": "t", "source": {"type": "text", "data": "d"}},
                {
                    "type": "search_result",
                    "title": "t",
                    "source": "s",
                    "content": [{"type": "text", "text": "b"}],
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "c", "signature": "Eq"},
                {"type": "redacted_thinking", "data": "d"},
                {"type": "tool_use", "id": "t", "name": "n", "input": {"a": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t",
                    "is_error": True,
                    "content": [{"type": "text", "text": "e"}],
                }
            ],
        },
        {"role": "system", "content": "f"},
    ],
    "tools": [{"name": "n", "description": "d", "input_schema": {"type": "object"}}],
    "tool_choice": {"type": "tool", "name": "n", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 2000, "display": "omitted"},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
    "metadata": {"user_id": '{"session_id": "s"}'},
    "stop_sequences": ["e"],
    "temperature": 1,
    "top_k": 3,
    "service_tier": "auto",
    "models": ["a"],
    "stream": True,
}


def test_the_sound_request_is_sound() -> None:
    assert len(DIALECT.read(SOUND, ORIGIN).chat.messages) == 5


@settings(max_examples=40, deadline=None)
@given(spoiled(SOUND) | st.dictionaries(st.sampled_from(tuple(SOUND)), ANY_JSON))
def test_nothing_but_a_refusal_comes_of_any_json(body: dict[str, Any]) -> None:
    with suppress(UnreadableError):
        assert DIALECT.read(body, ORIGIN).chat.messages


@settings(max_examples=25, deadline=None)
@given(conversations("anthropic"), st.integers(1, 9_000), st.lists(TEXTS, max_size=2))
def test_what_a_provider_is_told_reads_back_as_it_was(
    messages: tuple[Message, ...], output_tokens: int, stop: list[str]
) -> None:
    chat = ChatRequest(
        messages,
        ORIGIN,
        max_output_tokens=output_tokens,
        temperature=0.3,
        stop=tuple(stop),
        tools=TOOLS,
    )
    context = context_of(provider="anthropic", prefill=Prefill.ASSISTANT)
    told = orjson.loads(encode(chat, context, max_output_tokens=output_tokens).body)
    asked = DIALECT.read(told, ORIGIN)
    assert asked.chat.messages == messages
    assert asked.chat.tools == TOOLS
    assert (asked.chat.max_output_tokens, asked.chat.temperature) == (output_tokens, 0.3)
    assert (asked.chat.stop, asked.chat.stream) == (chat.stop, True)
    assert set(asked.ignored) <= {"cache_control"}
