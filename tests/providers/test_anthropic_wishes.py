"""What a request wishes beside its messages, as Anthropic's API takes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from tests.support.anthropic_wire import context_of

from trunkline.domain.accepts import Accepts
from trunkline.domain.messages import (
    AnswerSchema,
    ChatRequest,
    Effort,
    ImagePart,
    Message,
    NativeField,
    ResponseFormat,
    Role,
    Sampling,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
    ToolSpec,
    ToolUse,
)
from trunkline.domain.routes import Prefill, ThinkingControl
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.providers.anthropic.encode import encode
from trunkline.providers.anthropic.schema import fitted_schema
from trunkline.providers.anthropic.wishes import ONLY_JSON
from trunkline.providers.protocol import CallContext

HELLO = (Message.of(Role.USER, "Hello"),)
TOOLS = (ToolSpec("look", "", '{"type":"object"}'), ToolSpec("find", "", '{"type":"object"}'))
CITY = AnswerSchema('{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}')
PNG = "data:image/png;base64,iVBORw0KGgo="


def told(
    where: CallContext | None = None, messages: tuple[Message, ...] = HELLO, **fields: Any
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body, and what is left out."""
    request = ChatRequest(messages, Origin(OriginKind.GATEWAY), **fields)
    call = encode(request, where or context_of(), max_output_tokens=None)
    return orjson.loads(call.body), call.left_out


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (ToolChoice(ToolUse.NONE, parallel=False), {"type": "none"}),
        (ToolChoice(ToolUse.REQUIRED), {"type": "any"}),
        (ToolChoice(ToolUse.NAMED, "find", parallel=True), {"type": "tool", "name": "find"}),
        (ToolChoice(parallel=False), {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice(ToolUse.REQUIRED, parallel=False), {"type": "any", "disable_parallel_tool_use": True}),
        (ToolChoice(parallel=True), None),
    ],
)
def test_a_choice_of_tools_is_a_field(choice: ToolChoice, sent: object) -> None:
    body, left_out = told(tools=TOOLS, tool_choice=choice)
    assert (body.get("tool_choice"), left_out) == (sent, ())


def test_tools_that_were_only_called_are_not_to_be_called_again() -> None:
    said = (
        Message(Role.ASSISTANT, (ToolCallPart("c", "look", "{}"),)),
        Message(Role.TOOL, (ToolResultPart("c", "1"),)),
    )
    body, left_out = told(messages=(*HELLO, *said), tool_choice=ToolChoice(ToolUse.REQUIRED))
    assert (body["tool_choice"], left_out) == ({"type": "none"}, ("tool_choice",))


@pytest.mark.parametrize(
    ("control", "kind", "left_out"),
    [(ThinkingControl.BUDGET, None, ("reasoning_effort",)), (ThinkingControl.ADAPTIVE, "adaptive", ())],
)
def test_a_budget_of_thinking_gives_way_to_a_forced_call(
    control: ThinkingControl, kind: str | None, left_out: tuple[str, ...]
) -> None:
    asked: dict[str, Any] = {
        "effort": Effort.HIGH,
        "tools": TOOLS,
        "tool_choice": ToolChoice(ToolUse.REQUIRED),
    }
    body, left = told(context_of(thinking=control), **asked)
    assert (body.get("thinking", {}).get("type"), body["tool_choice"], left) == (
        kind,
        {"type": "any"},
        left_out,
    )


def test_a_schema_is_a_field_beside_the_effort() -> None:
    where = context_of(thinking=ThinkingControl.ADAPTIVE)
    body, left_out = told(where, response_format=ResponseFormat.JSON, answer_schema=CITY, effort=Effort.LOW)
    schema = orjson.loads(CITY.schema) | {"additionalProperties": False}
    assert body["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": schema}}
    assert ("system" in body, left_out) == (False, ())


@pytest.mark.parametrize(
    "schema", ['{"type":"object"}', '{"$ref":"#/$defs/x","$defs":{"x":{"$ref":"#/$defs/x"}}}', "no"]
)
def test_a_schema_that_the_api_has_no_words_for_is_told_in_others(schema: str) -> None:
    body, left_out = told(response_format=ResponseFormat.JSON, answer_schema=AnswerSchema(schema))
    assert body["system"][0]["text"].startswith(f"{ONLY_JSON} It must fit this JSON schema:\n{schema}")
    assert ("output_config" in body, left_out) == (False, ("response_format (in words)",))


def test_neither_a_begun_answer_nor_a_stranger_is_given_a_schema() -> None:
    begun = (*HELLO, Message.of(Role.ASSISTANT, "{"))
    asked: dict[str, Any] = {"response_format": ResponseFormat.JSON, "answer_schema": CITY}
    assert "output_config" not in told(context_of(prefill=Prefill.ASSISTANT), begun, **asked)[0]
    usual = context_of()
    stranger = replace(usual, provider=replace(usual.provider, accepts=Accepts(json_schema=False)))
    assert told(stranger, **asked)[1] == ("response_format (in words)",)


def test_sampling_by_what_the_api_knows_and_refuses() -> None:
    sampled = Sampling(top_p=0.5, top_k=40, seed=7, frequency_penalty=0.5, presence_penalty=0.0)
    body, left_out = told(sampling=sampled)
    assert (body["top_p"], body["top_k"], left_out) == (0.5, 40, ("seed", "frequency_penalty"))
    body, left_out = told(sampling=Sampling(top_p=0.5), temperature=1.5)
    assert ("top_p" in body, left_out) == (False, ("temperature (taken as 1)", "top_p"))
    fixed = context_of(temperature=False)
    assert told(fixed, sampling=Sampling(top_p=0.5, top_k=4))[1] == ("top_p", "top_k")
    thinks = context_of(thinking=ThinkingControl.ADAPTIVE)
    assert told(thinks, sampling=Sampling(top_k=4), effort=Effort.LOW, temperature=0.5)[1] == (
        "temperature",
        "top_k",
    )


def test_what_is_bent_or_of_no_use_is_said() -> None:
    where = context_of(thinking=ThinkingControl.ADAPTIVE)
    assert told(where, effort=Effort.MINIMAL)[1] == ("reasoning_effort (taken as low)",)
    assert told(effort=Effort.LOW)[1] == ("reasoning_effort",)
    assert told(effort=Effort.NONE, stop=("a", " "))[1] == ("stop (white space)",)


def test_fields_of_the_protocol_are_sent_and_never_override() -> None:
    native = (
        NativeField("anthropic", "service_tier", '"standard_only"'),
        NativeField("anthropic", "output_config", '{"effort":"max","new":1}'),
        NativeField("anthropic", "max_tokens", "1"),
        NativeField("openai", "logit_bias", "{}"),
    )
    body, left_out = told(context_of(thinking=ThinkingControl.ADAPTIVE), native=native, effort=Effort.LOW)
    assert (body["service_tier"], body["output_config"]) == ("standard_only", {"effort": "low", "new": 1})
    assert left_out == ("output_config", "max_tokens", "logit_bias")


def test_results_hold_their_images() -> None:
    call = Message(Role.ASSISTANT, (ToolCallPart("c1", "look", "{}"),))
    shown = (ImagePart(PNG), ImagePart("https://example.org/a.png"), ImagePart("ftp://example.org/b.png"))
    body, left_out = told(
        messages=(*HELLO, call, Message(Role.TOOL, (ToolResultPart("c1", "seen", images=shown),)))
    )
    assert body["messages"][-1]["content"][0]["content"] == [
        {"type": "text", "text": "seen"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
        {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
    ]
    assert left_out == ("image",)
    bare = Message(Role.TOOL, (ToolResultPart("c1", " ", images=shown[:1]),))
    assert [
        one["type"] for one in told(messages=(*HELLO, call, bare))[0]["messages"][-1]["content"][0]["content"]
    ] == ["image"]


@pytest.mark.parametrize(
    ("schema", "fitted"),
    [
        ({"type": "integer", "minimum": 1}, {"type": "integer", "description": "{minimum: 1}"}),
        ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}),
        (
            {"type": "string", "format": "phone", "description": "d"},
            {"type": "string", "description": 'd\n\n{format: "phone"}'},
        ),
        (
            {"type": ["string", "null"], "description": "d"},
            {"description": "d", "anyOf": [{"type": "string"}, {"type": "null"}]},
        ),
        (
            {"type": "array", "items": {"type": "object", "properties": {"a": {"enum": [1]}}}, "minItems": 1},
            {
                "type": "array",
                "items": {"type": "object", "properties": {"a": {"enum": [1]}}, "additionalProperties": False},
                "minItems": 1,
            },
        ),
        ({"oneOf": [{"type": "null"}]}, {"anyOf": [{"type": "null"}]}),
        ({"type": ["string", "null"], "enum": ["a", None]}, {"enum": ["a", None]}),
        (
            {"$schema": "s", "$ref": "#/$defs/x", "$defs": {"x": {"type": "null"}}},
            {"$ref": "#/$defs/x", "$defs": {"x": {"type": "null"}}},
        ),
        ({"type": "object", "additionalProperties": {"type": "string"}}, None),
        ({"type": "object", "patternProperties": {"a": {}}, "properties": {"b": {"type": "null"}}}, None),
        ({"properties": {}}, None),
        ({"$ref": "https://example.org/schema"}, None),
        ({"type": "array", "items": True}, None),
    ],
)  # fmt: skip
def test_schemas_in_the_subset_that_is_taken(schema: dict[str, Any], fitted: dict[str, Any] | None) -> None:
    assert fitted_schema(schema) == fitted
    if fitted is not None:
        assert fitted_schema(fitted) == fitted


def test_a_schema_too_deep_is_told_in_words() -> None:
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(100):
        deep = {"type": "object", "properties": {"a": deep}}
    assert fitted_schema(deep) is None
