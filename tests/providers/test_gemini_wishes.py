"""What a request wishes beside its messages, as Google's API takes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from tests.support.gemini_wire import context_of

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
from trunkline.domain.routes import Quirks, ThinkingControl
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.providers.gemini.wire import GEMINI
from trunkline.providers.gemini.wishes import ONLY_JSON
from trunkline.providers.protocol import CallContext
from trunkline.providers.wishes import ONE_CALL

HELLO = (Message.of(Role.USER, "Hello"),)
TOOLS = (ToolSpec("look", "", '{"type":"object"}'), ToolSpec("find", "", '{"type":"object"}'))
CITY = AnswerSchema(
    '{"$schema":"s","type":"object","properties":{"city":{"type":"string"}}}', description="A place"
)
PNG = "data:image/png;base64,iVBORw0KGgo="
SECOND, THIRD = context_of(model="gemini-2.5-flash"), context_of(model="gemini-3.8-flash")


def told(
    where: CallContext = THIRD, messages: tuple[Message, ...] = HELLO, **fields: Any
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body, and what is left out."""
    request = ChatRequest(messages, Origin(OriginKind.GATEWAY), **fields)
    call = GEMINI.encode(request, where, max_output_tokens=None)
    return orjson.loads(call.body), call.left_out


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (ToolChoice(ToolUse.NONE), {"mode": "NONE"}),
        (ToolChoice(ToolUse.REQUIRED), {"mode": "ANY"}),
        (ToolChoice(ToolUse.NAMED, "find"), {"mode": "ANY", "allowedFunctionNames": ["find"]}),
        (ToolChoice(parallel=True), None),
    ],
)
def test_a_choice_of_tools_is_a_field(choice: ToolChoice, sent: object) -> None:
    body, left_out = told(tools=TOOLS, tool_choice=choice)
    assert (body.get("toolConfig", {}).get("functionCallingConfig"), left_out) == (sent, ())


def test_one_call_at_a_time_can_only_be_asked_for() -> None:
    body, left_out = told(tools=TOOLS, tool_choice=ToolChoice(parallel=False))
    assert body["systemInstruction"]["parts"] == [{"text": ONE_CALL}]
    assert left_out == ("parallel_tool_calls (in words)",)


JSON: dict[str, Any] = {"response_format": ResponseFormat.JSON, "answer_schema": CITY}


def test_a_schema_is_a_field_with_its_description() -> None:
    body, left_out = told(**JSON)
    schema = {"description": "A place", "type": "object", "properties": {"city": {"type": "string"}}}
    assert body["generationConfig"] == {"responseMimeType": "application/json", "responseJsonSchema": schema}
    assert left_out == ()


def test_a_schema_beside_tools_is_told_in_words_before_gemini_3() -> None:
    body, left_out = told(SECOND, tools=TOOLS, **JSON)
    assert "generationConfig" not in body
    assert body["systemInstruction"]["parts"][0]["text"].startswith(
        f"{ONLY_JSON} It must fit this JSON schema"
    )
    assert left_out == ("response_format (in words)",)
    assert "responseJsonSchema" in told(THIRD, tools=TOOLS, **JSON)[0]["generationConfig"]


def test_a_stranger_is_asked_for_any_json_with_the_schema_in_words() -> None:
    stranger = replace(THIRD, provider=replace(THIRD.provider, accepts=Accepts(json_schema=False)))
    body, left_out = told(stranger, **JSON)
    assert body["generationConfig"] == {"responseMimeType": "application/json"}
    assert left_out == ("response_format (in words)",)
    assert "systemInstruction" in told(context_of(quirks=Quirks(json_mode=False)), **JSON)[0]


def test_sampling_by_what_the_api_takes() -> None:
    sampled = Sampling(top_p=0.5, top_k=40, seed=7, frequency_penalty=0.5, presence_penalty=0.5)
    body, left_out = told(sampling=sampled)
    assert body["generationConfig"] == {"topP": 0.5, "topK": 40, "seed": 7}
    assert left_out == ("frequency_penalty", "presence_penalty")
    accepts = Accepts(sampling=("seed", "presence_penalty"))
    older = replace(SECOND, provider=replace(SECOND.provider, accepts=accepts))
    body, left_out = told(older, sampling=sampled)
    assert body["generationConfig"] == {"seed": 7, "presencePenalty": 0.5}
    assert left_out == ("top_p", "top_k", "frequency_penalty")


def test_no_more_stop_sequences_than_five() -> None:
    body, left_out = told(stop=("", *"abcdef"))
    assert body["generationConfig"]["stopSequences"] == list("abcde")
    assert left_out == ("stop (empty)", "stop (more than 5)")


@pytest.mark.parametrize(
    ("where", "effort", "left_out"),
    [
        (context_of(model="gemini-3.8-pro", thinking=ThinkingControl.LEVEL), Effort.NONE, "low"),
        (context_of(model="gemini-3.8-flash", thinking=ThinkingControl.LEVEL), Effort.MAX, "high"),
        (context_of(model="gemini-3.8-flash", thinking=ThinkingControl.LEVEL), Effort.LOW, None),
        (context_of(model="gemini-2.5-pro", thinking=ThinkingControl.BUDGET), Effort.NONE, "minimal"),
        (context_of(model="gemini-2.5-flash", thinking=ThinkingControl.BUDGET), Effort.NONE, None),
        (context_of(), Effort.NONE, None),
    ],
)
def test_an_effort_that_was_bent_is_named(where: CallContext, effort: Effort, left_out: str | None) -> None:
    assert told(where, effort=effort)[1] == (
        () if left_out is None else (f"reasoning_effort (taken as {left_out})",)
    )
    assert told(context_of(), effort=Effort.HIGH)[1] == ("reasoning_effort",)


def test_fields_of_the_protocol_are_sent_and_never_override() -> None:
    native = (
        NativeField("gemini", "safetySettings", '[{"category":"c"}]'),
        NativeField("gemini", "generationConfig", '{"mediaResolution":"LOW","temperature":2}'),
        NativeField("gemini", "contents", "[]"),
        NativeField("anthropic", "container", '"c"'),
    )
    body, left_out = told(native=native, temperature=0.5)
    assert body["safetySettings"] == [{"category": "c"}]
    assert body["generationConfig"] == {"temperature": 0.5, "mediaResolution": "LOW"}
    assert left_out == ("generationConfig", "contents", "container")
    assert "temperature" not in told(native=native[1:2])[0]["generationConfig"]


SEEN = (
    Message(Role.ASSISTANT, (ToolCallPart("c1", "look", "{}"), ToolCallPart("c2", "find", "{}"))),
    Message(Role.TOOL, (ToolResultPart("c1", "seen", images=(ImagePart(PNG),)), ToolResultPart("c2", "no"))),
    Message.of(Role.USER, "And?"),
)
SHOWN = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}


def test_images_stand_within_results_from_gemini_3_on() -> None:
    body, left_out = told(THIRD, (*HELLO, *SEEN))
    results = [piece["functionResponse"] for piece in body["contents"][2]["parts"]]
    assert [result.get("parts") for result in results] == [[SHOWN], None]
    assert left_out == ()


def test_images_of_results_follow_in_a_content_of_their_own_before() -> None:
    body, left_out = told(SECOND, (*HELLO, *SEEN))
    assert [set(piece) for piece in body["contents"][2]["parts"]] == [{"functionResponse"}] * 2
    assert body["contents"][3] == {
        "role": "user",
        "parts": [{"text": "[image of the result of the call c1]"}, SHOWN, {"text": "And?"}],
    }
    assert left_out == ()


def test_an_image_by_address_is_named() -> None:
    assert told(messages=(Message(Role.USER, (ImagePart("https://example.org/a.png"),)),))[1] == ("image",)
