"""Requests as Google takes them."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from tests.support.gemini_wire import context_of

from trunkline.domain.messages import (
    ChatRequest,
    Effort,
    ImagePart,
    Message,
    Part,
    ResponseFormat,
    Role,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
    ToolSpec,
)
from trunkline.domain.routes import Prefill, Quirks, ThinkingControl
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.providers.gemini.contents import GO_ON, MODEL_FIRST, NO_SIGNATURE, NOTHING_ASKED
from trunkline.providers.gemini.wire import GEMINI
from trunkline.providers.gemini.wishes import ONLY_JSON
from trunkline.providers.portable import NO_RESULT, REMARK
from trunkline.providers.protocol import CallContext, WireRequest

ORIGIN = Origin(OriginKind.CHAT)
HELLO = (Message.of(Role.USER, "Hello"),)
WEATHER = ToolSpec("weather", "Weather of a city", '{"type":"object","properties":{"c":{"type":"string"}}}')
LEVEL = context_of(model="gemini-3.8-flash", thinking=ThinkingControl.LEVEL)
BUDGET = context_of(model="gemini-2.5-flash", thinking=ThinkingControl.BUDGET)


def call_of(
    messages: tuple[Message, ...] = HELLO,
    context: CallContext | None = None,
    *,
    max_output_tokens: int | None = None,
    **fields: Any,
) -> WireRequest:
    request = ChatRequest(messages, ORIGIN, **fields)
    return GEMINI.encode(request, context or context_of(), max_output_tokens=max_output_tokens)


def body_of(
    messages: tuple[Message, ...] = HELLO, context: CallContext | None = None, **fields: Any
) -> dict[str, Any]:
    body = orjson.loads(call_of(messages, context, **fields).body)
    assert isinstance(body, dict)
    return body


def contents_of(
    *messages: Message, context: CallContext | None = None, **fields: Any
) -> list[tuple[str, list[dict[str, Any]]]]:
    return [(one["role"], one["parts"]) for one in body_of(messages, context, **fields)["contents"]]


def config_of(context: CallContext | None = None, **fields: Any) -> dict[str, Any]:
    config = body_of(context=context, **fields).get("generationConfig", {})
    assert isinstance(config, dict)
    return config


def says(*parts: Part) -> Message:
    return Message(Role.ASSISTANT, parts)


def test_the_least_that_is_sent() -> None:
    assert body_of() == {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}


@pytest.mark.parametrize(
    ("stream", "method", "accept"),
    [
        (True, "streamGenerateContent?alt=sse", "text/event-stream"),
        (False, "generateContent", "application/json"),
    ],
)
def test_path_and_headers_carry_no_credential(stream: bool, method: str, accept: str) -> None:
    context = context_of(model="models/gemini 3/x?", quirks=Quirks(extra_headers=(("X-Title", "Trunkline"),)))
    call = call_of(context=context, stream=stream)
    assert (call.method, call.path, call.stream) == (
        "POST",
        f"/v1beta/models/gemini%203%2Fx%3F:{method}",
        stream,
    )
    assert (call.auth_header, call.auth_prefix, call.from_root) == ("x-goog-api-key", "", False)
    assert dict(call.headers) == {
        "Content-Type": "application/json",
        "Accept": accept,
        "X-Title": "Trunkline",
    }


def test_system_messages_are_the_instruction_and_later_ones_remarks_where_they_stand() -> None:
    heads = (Message.of(Role.SYSTEM, "a"), Message.of(Role.SYSTEM, "b"))
    later = (Message.of(Role.SYSTEM, "c"), Message.of(Role.SYSTEM, " "))
    body = body_of((*heads, *HELLO, *later))
    assert body["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "b"}]}
    assert body["contents"] == [
        {"role": "user", "parts": [{"text": "Hello"}, {"text": REMARK.format(text="c")}]}
    ]


def test_neighbours_of_one_role_are_one() -> None:
    assert contents_of(*HELLO, *HELLO, says(TextPart("a")), says(TextPart("b")), *HELLO) == [
        ("user", [{"text": "Hello"}, {"text": "Hello"}]),
        ("model", [{"text": "a"}, {"text": "b"}]),
        ("user", [{"text": "Hello"}]),
    ]


@pytest.mark.parametrize("messages", [(), (Message.of(Role.SYSTEM, "s"),), (Message.of(Role.USER, " \n"),)])
def test_a_conversation_of_nothing(messages: tuple[Message, ...]) -> None:
    assert contents_of(*messages) == [("user", [{"text": NOTHING_ASKED}])]


def test_a_model_that_speaks_first() -> None:
    assert [one[0] for one in contents_of(says(TextPart("Hi")), *HELLO)] == ["user", "model", "user"]
    assert contents_of(says(TextPart("Hi")), *HELLO)[0] == ("user", [{"text": MODEL_FIRST}])


@pytest.mark.parametrize(
    ("prefill", "last"),
    [
        (Prefill.ASSISTANT, ("model", [{"text": "Once upon"}])),
        (Prefill.NONE, ("user", [{"text": GO_ON}])),
        (Prefill.PREFIX, ("user", [{"text": GO_ON}])),
    ],
)
def test_an_answer_already_begun(prefill: Prefill, last: object) -> None:
    told = contents_of(*HELLO, says(TextPart("Once upon")), context=context_of(prefill=prefill))
    assert told[-1] == last
    assert told[1] == ("model", [{"text": "Once upon"}])


TOOL_TURN = (
    Message.of(Role.USER, "Weather?"),
    says(
        TextPart("Let me see."),
        ToolCallPart("1", "weather", '{"c":"Oslo"}', "c2ln", "google"),
        ToolCallPart("2", "tide", "", None, "google"),
    ),
    Message(
        Role.TOOL,
        (ToolResultPart("1", '{"id":9007199254740993}'), ToolResultPart("2", "no sea", is_error=True)),
    ),
    Message.of(Role.USER, "Well?"),
)


def test_parallel_calls_and_their_results_in_one_content() -> None:
    assert contents_of(*TOOL_TURN, context=LEVEL)[1:] == [
        ("model", [
            {"text": "Let me see."},
            {"functionCall": {"id": "1", "name": "weather", "args": {"c": "Oslo"}}, "thoughtSignature": "c2ln"},
            {"functionCall": {"id": "2", "name": "tide", "args": {}}},
        ]),
        ("user", [
            {"functionResponse": {"id": "1", "name": "weather", "response": {"output": '{"id":9007199254740993}'}}},
            {"functionResponse": {"id": "2", "name": "tide", "response": {"error": "no sea"}}},
        ]),
        ("user", [{"text": "Well?"}]),
    ]  # fmt: skip


def test_a_call_without_a_result_gets_one() -> None:
    (_, parts) = contents_of(*HELLO, says(ToolCallPart("1", "f", "{}")), *HELLO)[2]
    assert parts == [{"functionResponse": {"id": "1", "name": "f", "response": {"error": NO_RESULT}}}]


@pytest.mark.parametrize(
    ("arguments", "args"),
    [("", {}), ("[1]", {"arguments": [1]}), ("{broken", {"arguments": "{broken"}), ('{"a":1}', {"a": 1})],
)
def test_arguments_are_an_object(arguments: str, args: dict[str, Any]) -> None:
    (_, parts) = contents_of(*HELLO, says(ToolCallPart("1", "f", arguments)))[1]
    assert parts[0]["functionCall"]["args"] == args


FOREIGN = (
    *HELLO,
    says(ToolCallPart("1", "f", "{}", "theirs", "anthropic"), ToolCallPart("2", "g", "{}")),
    Message(Role.TOOL, (ToolResultPart("1", "a"), ToolResultPart("2", "b"))),
    says(ToolCallPart("3", "f", "{}", "ours", "google")),
)


@pytest.mark.parametrize(
    ("context", "signed"),
    [
        (LEVEL, [NO_SIGNATURE, None, "ours"]),
        (context_of(model="gemini-4-argon"), [NO_SIGNATURE, None, "ours"]),
        (BUDGET, [None, None, "ours"]),
    ],
    ids=["by-level", "by-name", "before-gemini-3"],
)
def test_a_call_of_another_provider_has_the_documented_stand_in_for_a_signature(
    context: CallContext, signed: list[str | None]
) -> None:
    parts = [part for _, told in contents_of(*FOREIGN, context=context) for part in told]
    assert [part.get("thoughtSignature") for part in parts if "functionCall" in part] == signed


def test_signatures_go_back_on_the_part_that_had_them() -> None:
    message = says(
        ThinkingPart("no signature", "google"),
        ThinkingPart("a thought", "google", "dGhpbms=", "gemini-3.8-flash"),
        TextPart("Hi"),
        ThinkingPart("", "google", "dGV4dA==", "gemini-3.8-flash"),
        ThinkingPart("", "google", "ZW5k", "gemini-3.8-flash"),
    )
    assert contents_of(*HELLO, message, *HELLO, context=LEVEL)[1] == ("model", [
        {"text": "a thought", "thought": True, "thoughtSignature": "dGhpbms="},
        {"text": "Hi", "thoughtSignature": "dGV4dA=="},
        {"text": "", "thoughtSignature": "ZW5k"},
    ])  # fmt: skip


@pytest.mark.parametrize(
    "part",
    [ThinkingPart("hm", "anthropic", "sig"), ThinkingPart("hm", "google", "sig", "gemini-3.5-flash")],
    ids=["another-provider", "another-model"],
)
def test_reasoning_of_others_is_left_out(part: ThinkingPart) -> None:
    assert contents_of(*HELLO, says(part), *HELLO, context=LEVEL) == [
        ("user", [{"text": "Hello"}, {"text": "Hello"}])
    ]


PIXEL = base64.b64encode(b"\x89PNG\xff").decode()


@pytest.mark.parametrize(
    ("url", "inline"),
    [
        (f"data:image/png;base64,{PIXEL}", ("image/png", PIXEL)),
        (f"DATA:image/JPG;charset=x;BASE64,{PIXEL}", ("image/jpeg", PIXEL)),
        (f"data:image/png;base64,{PIXEL[:4]}%0A{PIXEL[4:]}", ("image/png", PIXEL)),
        ("data:image/svg+xml,%3Csvg/%3E", ("image/svg+xml", base64.b64encode(b"<svg/>").decode())),
    ],
    ids=["base64", "odd-writing", "with-a-line-break", "not-base64"],
)
def test_inline_images(url: str, inline: tuple[str, str]) -> None:
    message = Message(Role.USER, (TextPart("What is this?"), ImagePart(url)))
    image = {"inlineData": {"mimeType": inline[0], "data": inline[1]}}
    assert contents_of(message) == [("user", [{"text": "What is this?"}, image])]


@pytest.mark.parametrize(
    "url", ["https://example.org/a.png", "data:image/png;base64,?", "data:x", "nonsense"]
)
def test_an_image_that_cannot_be_said_is_left_out(url: str) -> None:
    assert contents_of(Message(Role.USER, (TextPart("Hi"), ImagePart(url)))) == [("user", [{"text": "Hi"}])]


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        (WEATHER.schema, {"type": "object", "properties": {"c": {"type": "string"}}}),
        ('{"$defs":{"a":{"type":"integer"}},"properties":{"x":{"$ref":"#/$defs/a"}},"additionalProperties":false}',
         {"type": "object", "$defs": {"a": {"type": "integer"}}, "properties": {"x": {"$ref": "#/$defs/a"}},
          "additionalProperties": False}),
        ('{"type":"object","properties":{}}', None),
        ("{broken", None),
        ("[]", None),
    ],
    ids=["plain", "every-keyword", "no-parameters", "broken", "no-object"],
)  # fmt: skip
def test_tools_with_their_json_schema(schema: str, sent: object) -> None:
    (tools,) = body_of(tools=(ToolSpec("f", "does f", schema), ToolSpec("g", " ", schema)))["tools"]
    with_schema = {} if sent is None else {"parametersJsonSchema": sent}
    assert tools == {
        "functionDeclarations": [
            {"name": "f", "description": "does f", **with_schema},
            {"name": "g", **with_schema},
        ]
    }


@pytest.mark.parametrize(
    ("asked", "most", "default", "sent"),
    [(100, None, None, 100), (100_000, 65_536, None, 65_536), (None, 65_536, None, None), (None, None, 4_096, 4_096),
     (7, None, 4_096, 7), (0, None, None, 1)],
)  # fmt: skip
def test_the_output_limit(asked: int | None, most: int | None, default: int | None, sent: int | None) -> None:
    context = context_of(max_output_tokens=most, quirks=Quirks(default_output_tokens=default))
    assert config_of(context, max_output_tokens=asked).get("maxOutputTokens") == sent


def test_trap_21_temperature_only_where_the_model_takes_it() -> None:
    assert config_of(temperature=0.2) == {"temperature": 0.2}
    assert config_of(temperature=9.0) == {"temperature": 2.0}
    assert config_of(context_of(temperature=False), temperature=0.2) == {}


def test_stop_sequences_as_many_as_are_taken() -> None:
    assert config_of(stop=("END", "")) == {"stopSequences": ["END"]}
    assert config_of(stop=tuple("abcdefg")) == {"stopSequences": list("abcde")}
    assert config_of(stop=("",)) == {}


def test_json_is_a_type_of_the_answer() -> None:
    assert config_of(response_format=ResponseFormat.JSON) == {"responseMimeType": "application/json"}
    assert config_of(context_of(quirks=Quirks(json_mode=False)), response_format=ResponseFormat.JSON) == {}


def test_json_beside_tools_is_asked_for_in_words_before_gemini_3() -> None:
    fields: dict[str, Any] = {"tools": (WEATHER,), "response_format": ResponseFormat.JSON}
    old = body_of(context=context_of(model="gemini-2.5-flash"), **fields)
    assert "generationConfig" not in old
    assert old["systemInstruction"] == {"parts": [{"text": ONLY_JSON}]}
    new = body_of(context=LEVEL, **fields)
    assert new["generationConfig"]["responseMimeType"] == "application/json"
    assert "systemInstruction" not in new


FLASH, LITE, PRO = "gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-2.5-pro"


@pytest.mark.parametrize(
    ("model", "effort", "limit", "sent"),
    [
        (FLASH, None, None, {"includeThoughts": True}),
        (LITE, None, None, {}),
        (FLASH, Effort.NONE, None, {"thinkingBudget": 0}),
        (PRO, Effort.NONE, None, {"thinkingBudget": 128, "includeThoughts": True}),
        (LITE, Effort.MINIMAL, None, {"thinkingBudget": 512, "includeThoughts": True}),
        (FLASH, Effort.LOW, None, {"thinkingBudget": 1_024, "includeThoughts": True}),
        (FLASH, Effort.MEDIUM, None, {"thinkingBudget": 8_192, "includeThoughts": True}),
        (FLASH, Effort.HIGH, None, {"thinkingBudget": 24_576, "includeThoughts": True}),
        (PRO, Effort.MAX, None, {"thinkingBudget": 24_576, "includeThoughts": True}),
        (FLASH, Effort.HIGH, 4_000, {"thinkingBudget": 2_000, "includeThoughts": True}),
        (FLASH, Effort.HIGH, 100, {"thinkingBudget": 512, "includeThoughts": True}),
    ],
)
def test_effort_as_a_budget(
    model: str, effort: Effort | None, limit: int | None, sent: dict[str, Any]
) -> None:
    context = context_of(model=model, thinking=ThinkingControl.BUDGET)
    assert config_of(context, effort=effort, max_output_tokens=limit).get("thinkingConfig", {}) == sent


@pytest.mark.parametrize(
    ("model", "effort", "level"),
    [
        ("gemini-3.8-flash", None, None),
        ("gemini-3.8-flash", Effort.NONE, "MINIMAL"),
        ("gemini-3.5-flash-lite", Effort.MINIMAL, "MINIMAL"),
        ("gemini-3.1-pro-preview", Effort.NONE, "LOW"),
        ("gemini-4-argon", Effort.MINIMAL, "LOW"),
        ("gemini-3.8-flash", Effort.LOW, "LOW"),
        ("gemini-3.8-flash", Effort.MEDIUM, "MEDIUM"),
        ("gemini-3.8-flash", Effort.HIGH, "HIGH"),
        ("gemini-3.8-flash", Effort.MAX, "HIGH"),
    ],
)
def test_effort_as_a_level(model: str, effort: Effort | None, level: str | None) -> None:
    sent = config_of(context_of(model=model, thinking=ThinkingControl.LEVEL), effort=effort)["thinkingConfig"]
    assert sent == {"includeThoughts": True, **({} if level is None else {"thinkingLevel": level})}


@pytest.mark.parametrize("effort", [None, *Effort])
def test_a_model_that_does_not_think_is_told_nothing(effort: Effort | None) -> None:
    assert config_of(effort=effort) == {}


def test_what_the_provider_adds_gives_way_to_the_request() -> None:
    extra = (("safetySettings", '[{"category":"X"}]'), ("contents", "[]"), ("broken", "{"))
    body = body_of(context=context_of(quirks=Quirks(extra_body=extra)))
    assert set(body) == {"safetySettings", "contents"}
    assert body["contents"] != []


def test_text_that_utf_8_cannot_carry() -> None:
    tool = ToolSpec("f\ud83d", "", '{"properties":{"a\ud83d":{}}}')
    body = body_of((Message.of(Role.USER, "a\ud83db"),), tools=(tool,))
    assert body["contents"][0]["parts"] == [{"text": "a?b"}]
    assert body["tools"][0]["functionDeclarations"][0]["name"] == "f?"
