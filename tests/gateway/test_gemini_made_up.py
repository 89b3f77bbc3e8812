"""Requests of generateContent made up by hypothesis: spoilt ones, and what a provider of that protocol is told."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.client_sdk import ORIGIN
from tests.support.conversations import ANY_JSON, TEXTS, TOOLS, conversations, spoiled
from tests.support.gemini_wire import context_of

from trunkline.domain.messages import ChatRequest, Message
from trunkline.domain.routes import Prefill, Route
from trunkline.gateway.dialect import UnreadableError
from trunkline.gateway.gemini.dialect import GeminiDialect
from trunkline.gateway.sealing import sealed
from trunkline.providers.gemini.encode import encode

DIALECT = GeminiDialect()
SEAL = sealed("c2ln", Route("google", "main", "gemini-4-argon"))
SETTINGS = {
    "maxOutputTokens": 9,
    "topK": 4.0,
    "stopSequences": ["e"],
    "thinkingConfig": {"thinkingBudget": 8},
}

SOUND = {
    "systemInstruction": {"parts": [{"text": "s"}]},
    "contents": [
        {
            "role": "user",
            "parts": [
                {"text": "a"},
                {"inline_data": {"mime_type": "image/png", "data": "iVBO"}},
                {"fileData": {"mimeType": "image/png", "fileUri": "https://example.org/a.png"}},
            ],
        },
        {
            "role": "model",
            "parts": [
                {"text": "b", "thought": True, "thoughtSignature": "Eq"},
                {"text": "c", "thoughtSignature": SEAL},
                {"functionCall": {"name": "n", "id": "i", "args": {"a": 1}}, "thoughtSignature": SEAL},
                {"functionCall": {"name": "n", "args": {}}},
            ],
        },
        {
            "role": "function",
            "parts": [
                {"functionResponse": {"name": "n", "id": "i", "response": {"output": "o"}, "parts": []}},
                {"functionResponse": {"name": "n", "response": {"error": {"a": 1}}}},
            ],
        },
    ],
    "tools": [
        {
            "functionDeclarations": [
                {
                    "name": "n",
                    "description": "d",
                    "parameters": {
                        "type": "OBJECT",
                        "properties": {"p": {"type": "STRING", "nullable": True, "enum": ["x"]}},
                        "any_of": [{"type": "OBJECT", "items": {"type": "NUMBER", "min_items": "2"}}],
                    },
                }
            ]
        }
    ],
    "tool_config": {"functionCallingConfig": {"mode": "ANY", "allowed_function_names": ["n"]}},
    "generation_config": SETTINGS | {"responseSchema": {"type": "OBJECT"}, "responseModalities": ["TEXT"]},
    "labels": {"task": "coding"},
    "safetySettings": [],
    "models": ["a"],
}


def test_the_sound_request_is_sound() -> None:
    assert len(DIALECT.read(SOUND, ORIGIN, model="m").chat.messages) == 4


@settings(max_examples=40, deadline=None)
@given(spoiled(SOUND) | st.dictionaries(st.sampled_from(tuple(SOUND)), ANY_JSON))
def test_nothing_but_a_refusal_comes_of_any_json(body: dict[str, Any]) -> None:
    with suppress(UnreadableError):
        assert DIALECT.read(body, ORIGIN, model="m").chat.messages


@settings(max_examples=25, deadline=None)
@given(conversations("google", signed_calls=True), st.integers(1, 9_000), st.lists(TEXTS, max_size=2))
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
    context = context_of(model="gemini-4-argon", prefill=Prefill.ASSISTANT)
    told = orjson.loads(encode(chat, context, max_output_tokens=output_tokens).body)
    asked = DIALECT.read(told, ORIGIN, model="m", stream=True)
    assert asked.chat.messages == messages
    assert asked.chat.tools == TOOLS
    assert (asked.chat.max_output_tokens, asked.chat.temperature) == (output_tokens, 0.3)
    assert asked.chat.stop == chat.stop
    assert asked.ignored == ()
