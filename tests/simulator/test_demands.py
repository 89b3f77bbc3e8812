"""What is demanded of a simulated model, in fields or in words, and what is refused of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.simulator.worlds import calling, world

from trunkline.simulator.fitting import fitting

TOOL = {
    "type": "function",
    "function": {
        "name": "look",
        "parameters": {"type": "object", "properties": {"n": {"minimum": 3, "type": "integer"}}},
    },
}
LOOSE = {"type": "object", "properties": {"a": {"type": "string"}}}
STRICT = LOOSE | {"additionalProperties": False, "required": ["a"]}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, "simulated"),
        ({"const": 7}, 7),
        ({"enum": ["b", "a"]}, "b"),
        ({"type": ["null", "boolean"]}, True),
        ({"anyOf": [{"type": "null"}, {"type": "integer", "exclusiveMinimum": 4}]}, 5),
        ({"type": "number", "maximum": 0.25}, 0.25),
        ({"type": "string", "minLength": 12, "maxLength": 12}, "simulatedsim"),
        ({"type": "STRING", "format": "date"}, "2026-11-20"),
        ({"type": "array", "items": {"type": "null"}, "minItems": 2}, [None, None]),
        ({"allOf": [LOOSE, {"properties": {"b": {"const": 1}}}]}, {"a": "simulated", "b": 1}),
        ({"properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"const": 2}}}, {"a": 2}),
        ({"type": "object", "required": ["z"]}, {"z": "simulated"}),
        (None, "simulated"),
    ],
)
def test_a_value_that_fits(schema: Any, value: object) -> None:
    assert fitting(schema) == value


def test_a_schema_that_holds_itself_ends_where_it_may() -> None:
    tree = {
        "type": "object",
        "properties": {"next": {"$ref": "#"}, "n": {"type": "integer"}},
        "required": ["n"],
    }
    text = json.dumps(fitting(tree))
    assert text.count("next") < 10
    endless = fitting({"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]})
    assert json.dumps(endless).endswith("null" + "}" * json.dumps(endless).count("{"))


@pytest.mark.parametrize(
    "demand",
    [
        {"tool_choice": "required"},
        {"tool_choice": {"type": "function", "function": {"name": "look"}}},
        {"system": "Answer with a call of one of your tools, not with words."},
        {"system": "Answer with a call of the tool `look`, not with words."},
    ],
)
async def test_a_call_that_is_demanded_is_made(demand: dict[str, Any]) -> None:
    system = demand.pop("system", "Be kind.")
    messages = [{"role": "system", "content": system}, {"role": "user", "content": "Hi"}]
    async with calling(world()) as caller:
        body = (await caller.ask(messages, tools=[TOOL], **demand)).body
    (call,) = body["choices"][0]["message"]["tool_calls"]
    assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == ("look", {"n": 3})
    assert body["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("in_words", [False, True])
async def test_an_answer_fits_the_schema(in_words: bool) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": STRICT, "strict": True}}
    system = f"It must fit this JSON schema:\n{json.dumps(STRICT)}\nBe kind." if in_words else "Be kind."
    messages = [{"role": "system", "content": system}, {"role": "user", "content": "Hi"}]
    async with calling(world()) as caller:
        reply = await caller.ask(messages, **({} if in_words else {"response_format": form}))
    assert json.loads(reply.text) == {"a": "simulated"}


OPENAI: list[Any] = [
    pytest.param((), {"tool_choice": "required"}, "only allowed when 'tools'", id="no tools"),
    pytest.param(
        (),
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "gone"}}},
        "not found",
        id="no such tool",
    ),
    pytest.param(
        (),
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": LOOSE, "strict": True},
            }
        },
        "additionalProperties",
        id="a strict schema that is loose",
    ),
    pytest.param(
        ("json_word",), {"response_format": {"type": "json_object"}}, "the word 'json'", id="no word"
    ),
    pytest.param(
        ("tool_choice_auto",), {"tools": [TOOL], "tool_choice": "required"}, "must be auto", id="z.ai"
    ),
    pytest.param(
        ("unforced_thinking",), {"tools": [TOOL], "tool_choice": "required"}, "Thinking mode", id="deepseek"
    ),
    pytest.param(
        ("no_json_schema",),
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": LOOSE}}},
        "unavailable now",
        id="no schema",
    ),
    pytest.param(("mistral_fields",), {"seed": 1}, "Extra inputs", id="mistral's own seed"),
]


@pytest.mark.parametrize(("strict", "more", "said"), OPENAI)
async def test_what_is_refused_of_a_demand(strict: tuple[str, ...], more: dict[str, Any], said: str) -> None:
    async with calling(world(strict=list(strict))) as caller:
        reply = await caller.ask("Hi", **more)
    assert (reply.status, said in reply.raw.decode()) == (400, True)


USER = {"role": "user", "content": "Hi"}
CLAUDE_TOOL = {"name": "look", "input_schema": {"type": "object"}}
SHOWN = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
ANTHROPIC: list[Any] = [
    pytest.param({"seed": 1}, "seed: Extra inputs", id="a seed"),
    pytest.param({"temperature": 0.5, "top_p": 0.5}, "cannot both", id="temperature and top_p"),
    pytest.param({"tool_choice": {"type": "any"}}, "while providing tools", id="no tools"),
    pytest.param(
        {"tools": [CLAUDE_TOOL], "tool_choice": {"type": "tool", "name": "gone"}}, "not found", id="no such"
    ),
    pytest.param(
        {
            "tools": [CLAUDE_TOOL],
            "tool_choice": {"type": "any"},
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "max_tokens": 4000,
        },
        "Thinking may not be enabled",
        id="forced amid a budget",
    ),
    pytest.param(
        {"output_config": {"format": {"type": "json_schema", "schema": LOOSE}}},
        "additionalProperties",
        id="open object",
    ),
]


@pytest.mark.parametrize(("more", "said"), ANTHROPIC)
async def test_what_anthropic_refuses_of_a_demand(more: dict[str, Any], said: str) -> None:
    status, body = await posted(
        "anthropic", "v1/messages", {"model": "m", "max_tokens": 9, "messages": [USER]} | more
    )
    assert (status, said in json.dumps(body)) == (400, True)


FUNCTION = {"functionDeclarations": [{"name": "look"}]}
GEMINI: list[Any] = [
    pytest.param(
        {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "function_declarations", id="no tools"
    ),
    pytest.param(
        {
            "tools": [FUNCTION],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["gone"]}},
        },
        "gone",
        id="no such",
    ),
    pytest.param({"generationConfig": {"frequencyPenalty": 1}}, "Penalty is not enabled", id="a penalty"),
    pytest.param(
        {"generationConfig": {"responseJsonSchema": {}}}, "application/json", id="a schema without its type"
    ),
]


@pytest.mark.parametrize(("more", "said"), GEMINI)
async def test_what_google_refuses_of_a_demand(more: dict[str, Any], said: str) -> None:
    body = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]} | more
    status, told = await posted("gemini", "v1beta/models/m:generateContent", body)
    assert (status, said in json.dumps(told)) == (400, True)


async def test_images_of_results_are_seen() -> None:
    messages = [
        USER,
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "look", "input": {}}]},
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "c",
                    "content": [{"type": "text", "text": "a view"}, SHOWN],
                }
            ],
        },
    ]
    body = {"model": "m", "max_tokens": 900, "messages": messages, "tools": [CLAUDE_TOOL]}
    status, told = await posted("anthropic", "v1/messages", body)
    assert (status, "gave “a view” and 1 image" in told["content"][0]["text"]) == (200, True)


async def posted(protocol: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    """Status and body of one request in that protocol."""
    headers = {"x-api-key": "key-a", "anthropic-version": "2023-06-01", "x-goog-api-key": "key-a"}
    async with calling(world(protocol=protocol)) as caller:
        url = f"{caller.simulator.root_url('p')}/{path}"
        async with caller.session.post(url, json=body, headers=headers) as reply:
            return reply.status, await reply.json()
