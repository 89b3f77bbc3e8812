"""Chat-completions requests read: everything that a client can say is in the request, refused or named."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.openai_clients import ORIGIN, any_json, sent
from tests.support.openai_wire import context_of

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
    TextPart,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
    ToolSpec,
    ToolUse,
)
from trunkline.domain.routes import Quirks, Route
from trunkline.gateway.dialect import Asked, UnreadableError
from trunkline.gateway.openai.dialect import OpenAIDialect
from trunkline.gateway.sealing import sealed
from trunkline.providers.openai.encode import encode

PNG = "data:image/png;base64,iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "description": "Now", "parameters": SCHEMA},
}
CLOCK = {"type": "function", "function": {"name": "get_time"}}
HI: list[Any] = [{"role": "user", "content": "Hi"}]


def read(body: dict[str, Any], **given: Any) -> Asked:
    return OpenAIDialect().read(body, ORIGIN, **given)


def asked(**fields: Any) -> Asked:
    return read({"model": "auto", "messages": HI} | fields)


def test_what_the_sdk_sends_is_read_whole() -> None:
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "get_weather", "arguments": '{"city":"Kyiv"}'},
    }
    other = {"id": "c2", "type": "function", "function": {"name": "get_time", "arguments": ""}}
    messages: Any = [
        {"role": "system", "content": "Be short."},
        {"role": "developer", "content": [{"type": "text", "text": "No lists."}]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": PNG, "detail": "high"}},
            ],
        },
        {"role": "assistant", "content": None, "tool_calls": [call, other]},
        {"role": "tool", "tool_call_id": "c1", "content": "12 °C"},
        {
            "role": "tool",
            "tool_call_id": "c2",
            "content": [{"type": "text", "text": "no"}, {"type": "text", "text": "on"}],
        },
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "I will not."}]},
        {"role": "user", "content": "Why?"},
    ]
    body = sent(
        lambda client: client.chat.completions.create(
            model="t2",
            messages=messages,
            tools=[WEATHER, CLOCK],  # type: ignore[list-item] # plain tables, as users write them
            tool_choice="required",
            parallel_tool_calls=False,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "place", "description": "Where", "strict": True, "schema": SCHEMA},
            },
            stop=["END", "STOP"],
            max_completion_tokens=300,
            temperature=0.5,
            top_p=0.9,
            seed=7,
            frequency_penalty=0.1,
            presence_penalty=-0.2,
            reasoning_effort="xhigh",
            logit_bias={"50256": -100},
            user="u-1",
            service_tier="flex",
            verbosity="low",
            metadata={"Task": "coding", "priority": "high"},
            prompt_cache_key="conv-9",
            stream=True,
            stream_options={"include_usage": True},
            extra_body={"models": ["t3", "zai/glm-5"], "top_k": 40, "store": True, "route": "fallback"},
        )
    )
    found = read(body)
    assert found.model == "t2"
    assert found.fallbacks == ("t3", "zai/glm-5")
    assert found.said == {"task": "coding", "priority": "high"}
    assert found.conversation_key == "conv-9"
    assert found.ignored == ("image.detail", "store", "route")
    chat = found.chat
    assert chat.messages == (
        Message.of(Role.SYSTEM, "Be short."),
        Message.of(Role.SYSTEM, "No lists."),
        Message(Role.USER, (TextPart("What is this?"), ImagePart(PNG))),
        Message(
            Role.ASSISTANT,
            (ToolCallPart("c1", "get_weather", '{"city":"Kyiv"}'), ToolCallPart("c2", "get_time", "{}")),
        ),
        Message(Role.TOOL, (ToolResultPart("c1", "12 °C"),)),
        Message(Role.TOOL, (ToolResultPart("c2", "noon"),)),
        Message.of(Role.ASSISTANT, "I will not."),
        Message.of(Role.USER, "Why?"),
    )
    assert [(tool.name, tool.description, orjson.loads(tool.schema)) for tool in chat.tools] == [
        ("get_weather", "Now", SCHEMA),
        ("get_time", "", {"type": "object", "properties": {}}),
    ]
    assert chat.tool_choice == ToolChoice(ToolUse.REQUIRED, parallel=False)
    assert chat.response_format is ResponseFormat.JSON
    assert chat.answer_schema == AnswerSchema(orjson.dumps(SCHEMA).decode(), "place", "Where", True)
    assert (chat.stop, chat.max_output_tokens, chat.temperature) == (("END", "STOP"), 300, 0.5)
    assert chat.sampling == Sampling(0.9, 40, 7, 0.1, -0.2)
    assert chat.effort is Effort.MAX
    assert set(chat.native) == {
        NativeField("openai", "logit_bias", '{"50256":-100}'),
        NativeField("openai", "user", '"u-1"'),
        NativeField("openai", "service_tier", '"flex"'),
        NativeField("openai", "verbosity", '"low"'),
    }
    assert (chat.origin, chat.stream) == (ORIGIN, True)


def test_silence_leaves_everything_to_whoever_answers() -> None:
    found = asked(stop=None, tools=None, metadata=None, temperature=None, n=1, logprobs=False)
    assert found.chat == ChatRequest((Message.of(Role.USER, "Hi"),), ORIGIN, stream=False)
    assert (found.model, found.fallbacks, found.said, found.ignored) == ("auto", (), {}, ())


def test_the_path_wins_over_the_body() -> None:
    found = read({"model": "a", "messages": HI, "stream": False}, model="b", stream=True)
    assert (found.model, found.chat.stream) == ("b", True)


def test_a_list_of_models_alone_is_enough() -> None:
    found = read({"models": ["x", "y"], "messages": HI})
    assert (found.model, found.fallbacks) == ("x", ("y",))


@pytest.mark.parametrize(
    ("choice", "parallel", "expected", "offered"),
    [
        ("auto", None, ToolChoice(ToolUse.AUTO), 2),
        ("none", None, ToolChoice(ToolUse.NONE), 2),
        (None, True, ToolChoice(ToolUse.AUTO, parallel=True), 2),
        (None, None, None, 2),
        (
            {"type": "function", "function": {"name": "get_time"}},
            None,
            ToolChoice(ToolUse.NAMED, "get_time"),
            2,
        ),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [CLOCK]}},
            None,
            ToolChoice(ToolUse.REQUIRED),
            1,
        ),
    ],
)
def test_every_choice_of_tools(choice: Any, parallel: Any, expected: Any, offered: int) -> None:
    found = asked(tools=[WEATHER, CLOCK], tool_choice=choice, parallel_tool_calls=parallel)
    assert found.chat.tool_choice == expected
    assert len(found.chat.tools) == offered


def test_tools_said_as_for_responses_are_taken_too() -> None:
    flat = {"type": "function", "name": "get_time", "description": "Now", "parameters": SCHEMA}
    found = asked(tools=[flat], tool_choice={"type": "function", "name": "get_time"})
    assert found.chat.tools == (ToolSpec("get_time", "Now", orjson.dumps(SCHEMA).decode()),)
    assert found.chat.tool_choice == ToolChoice(ToolUse.NAMED, "get_time")


def test_functions_from_before_tools_are_tools_with_ids_of_our_own() -> None:
    called = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"a":1}'}}
    again = {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}
    result = {"role": "function", "name": "f", "content": "one"}
    found = asked(
        messages=[*HI, called, result, again, result | {"content": "two"}],
        functions=[{"name": "f", "parameters": SCHEMA}],
        function_call={"name": "f"},
    )
    assert found.chat.tool_choice == ToolChoice(ToolUse.NAMED, "f", parallel=False)
    assert [tool.name for tool in found.chat.tools] == ["f"]
    parts = [message.parts[0] for message in found.chat.messages[1:]]
    assert parts == [
        ToolCallPart("call_1", "f", '{"a":1}'),
        ToolResultPart("call_1", "one"),
        ToolCallPart("call_2", "f", "{}"),
        ToolResultPart("call_2", "two"),
    ]


def test_images_in_a_result_stay_with_it() -> None:
    content = [{"type": "text", "text": "shot"}, {"type": "image_url", "image_url": PNG}]
    calls = [{"id": "c", "function": {"name": "f", "arguments": {"a": [1]}}}]
    found = asked(
        messages=[
            *HI,
            {"role": "assistant", "tool_calls": calls},
            {"role": "tool", "tool_call_id": "c", "content": content},
        ]
    )
    assert found.chat.messages[1].parts == (ToolCallPart("c", "f", '{"a":[1]}'),)
    assert found.chat.messages[2].parts == (ToolResultPart("c", "shot", images=(ImagePart(PNG),)),)


def test_a_signature_that_we_gave_out_comes_back_to_its_provider_and_no_other_is_taken() -> None:
    def call(signature: str) -> dict[str, Any]:
        extra = {"google": {"thought_signature": signature}}
        return {"id": "c", "function": {"name": "f", "arguments": "{}"}, "extra_content": extra}

    ours = sealed("sig", Route("google", "", "gemini"))
    found = asked(messages=[*HI, {"role": "assistant", "tool_calls": [call(ours), call("c2lnbmVk")]}])
    assert found.chat.messages[1].parts == (
        ToolCallPart("c", "f", "{}", "sig", "google"),
        ToolCallPart("c", "f", "{}"),
    )


@pytest.mark.parametrize(
    ("said", "effort"),
    [
        ({"reasoning_effort": "minimal"}, Effort.MINIMAL),
        ({"reasoning": {"effort": "high"}}, Effort.HIGH),
        ({"reasoning": {"max_tokens": 2_000}}, Effort.LOW),
        ({"reasoning": {"enabled": False}}, Effort.NONE),
        ({"reasoning": {"enabled": True}}, None),
        ({"thinking": {"type": "disabled"}}, Effort.NONE),
        ({"reasoning_effort": "low", "reasoning": {"effort": "high"}}, Effort.LOW),
    ],
)
def test_every_way_of_saying_how_long_to_think(said: dict[str, Any], effort: Effort | None) -> None:
    found = asked(**said)
    assert found.chat.effort is effort
    assert found.ignored == ()


def test_reasoning_that_says_not_whose_it_is_is_nobodys() -> None:
    said = {
        "role": "assistant",
        "content": "x",
        "reasoning_content": "hm",
        "reasoning_details": [{"type": "x"}],
    }
    found = asked(messages=[*HI, said])
    assert found.chat.messages[1] == Message.of(Role.ASSISTANT, "x")
    assert found.ignored == ()


def test_what_is_left_out_is_named_by_plain_words_only() -> None:
    found = asked(
        messages=[
            {"role": "user", "name": "Ann", "content": [{"type": "text", "text": "Hi", "cache_control": {}}]}
        ],
        tools=[{"type": "function", "function": {"name": "f", "strict": True}}],
        plugins=[{"id": "web"}],
        **{"x-evil\r\nset-cookie: a": 1, "ü": 2},
    )
    assert found.ignored == (
        "tools.strict",
        "messages.name",
        "content.cache_control",
        "plugins",
        "(a field with another name)",
    )


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "Hi"}, "messages"),
        ({"messages": ["Hi"]}, "messages.0"),
        ({"messages": [{"content": "Hi"}]}, "messages.0.role"),
        ({"messages": [{"role": "robot", "content": "Hi"}]}, "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages.0.content.0.type"),
        ({"messages": [{"role": "user", "content": [{"type": "file"}]}]}, "messages.0.content.0.type"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages.0.content.0.image_url",
        ),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.tool_call_id"),
        ({"messages": [{"role": "function", "name": "f", "content": "x"}]}, "messages.0.name"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}]},
            "messages.0.tool_calls.0.id",
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "c", "type": "custom"}]}]},
            "messages.0.tool_calls.0.type",
        ),
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"moderation": {"model": "m"}}, "moderation"),
        ({"tools": [{"type": "web_search"}]}, "tools.0.type"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools.0.type"),
        ({"tools": [{"type": "function"}]}, "tools.0.function"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"parallel_tool_calls": "yes"}, "parallel_tool_calls"),
        ({"tools": [CLOCK], "tool_choice": {"type": "function", "function": {"name": "no"}}}, "tool_choice"),
        ({"tools": [CLOCK], "tool_choice": 3}, "tool_choice"),
        ({"response_format": {"type": "grammar"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"temperature": 2.5}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": [1]}, "stop"),
        ({"reasoning_effort": "huge"}, "reasoning_effort"),
    ],
)
def test_what_cannot_be_taken_is_refused_by_its_path(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        asked(**fields)
    assert refused.value.param == param
    assert str(refused.value).startswith(param)


def test_a_schema_too_deep_to_be_sent_on_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(600):
        deep = {"items": deep}
    with pytest.raises(UnreadableError):
        asked(tools=[{"type": "function", "function": {"name": "f", "parameters": deep}}])


WORDS = (
    *(
        "model",
        "messages",
        "role",
        "content",
        "type",
        "text",
        "image_url",
        "url",
        "system",
        "user",
        "assistant",
    ),
    *(
        "tool",
        "function",
        "name",
        "arguments",
        "id",
        "tool_calls",
        "tool_call_id",
        "functions",
        "function_call",
    ),
    *("tools", "tool_choice", "allowed_tools", "mode", "parameters", "auto", "required", "response_format"),
    *("json_schema", "schema", "strict", "stop", "max_tokens", "temperature", "reasoning", "effort", "high"),
    *("stream", "metadata", "models", "logit_bias", "extra_content", "google", "thought_signature"),
)


@given(
    st.fixed_dictionaries(
        {"model": st.just("m"), "messages": any_json(*WORDS)},
        optional={
            name: any_json(*WORDS) for name in ("tools", "tool_choice", "functions", "response_format")
        },
    )
    | st.dictionaries(st.sampled_from(WORDS), any_json(*WORDS), max_size=8)
)
@settings(max_examples=60, deadline=500)
def test_any_json_is_read_or_refused(body: dict[str, Any]) -> None:
    try:
        found = read(body)
    except UnreadableError:
        return
    assert found.chat.messages


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
TURNS = st.lists(
    st.one_of(
        TEXTS.map(lambda text: (Message.of(Role.SYSTEM, text),)),
        st.lists(TEXTS.map(TextPart) | st.just(ImagePart(PNG)), min_size=1, max_size=3).map(
            lambda parts: (Message(Role.USER, tuple(parts)),)
        ),
        st.tuples(TEXTS, TEXTS).map(
            lambda said: (
                Message(Role.ASSISTANT, (TextPart(said[0]), ToolCallPart("", "f", '{"a":1}'))),
                Message(Role.TOOL, (ToolResultPart("", said[1]),)),
            )
        ),
    ),
    min_size=1,
    max_size=6,
)


@given(TURNS, st.sampled_from([*ToolUse]))
@settings(max_examples=60, deadline=500)
def test_what_our_own_encoder_writes_is_read_back_unchanged(turns: Any, use: ToolUse) -> None:
    conversation = []
    for number, turn in enumerate(turns):
        for message in turn:
            parts = []
            for part in message.parts:
                if isinstance(part, ToolCallPart):
                    part = ToolCallPart(f"call_{number}", part.name, part.arguments)
                elif isinstance(part, ToolResultPart):
                    part = ToolResultPart(f"call_{number}", part.text)
                parts.append(part)
            conversation.append(Message(message.role, tuple(parts)))
    request = ChatRequest(
        tuple(conversation),
        ORIGIN,
        max_output_tokens=99,
        temperature=0.25,
        stop=("END",),
        tools=(ToolSpec("f", "does", orjson.dumps(SCHEMA).decode()),),
        tool_choice=ToolChoice(use, "f" if use is ToolUse.NAMED else None, parallel=False),
        response_format=ResponseFormat.JSON,
        answer_schema=AnswerSchema(orjson.dumps(SCHEMA).decode(), "place", strict=True),
        sampling=Sampling(top_p=0.5, seed=3, frequency_penalty=1.0, presence_penalty=-1.0),
        native=(NativeField("openai", "logit_bias", '{"1":2}'), NativeField("openai", "user", '"u"')),
    )
    context = context_of(quirks=Quirks())
    body = orjson.loads(encode(request, context, max_output_tokens=99).body)
    found = read(body).chat
    assert [joined(message) for message in found.messages] == [
        joined(message) for message in request.messages
    ]
    assert found.tools == request.tools
    if use is not ToolUse.AUTO:
        assert found.tool_choice == request.tool_choice
    assert found.answer_schema == request.answer_schema
    assert found.sampling == request.sampling
    assert set(found.native) == set(request.native)
    assert (found.max_output_tokens, found.temperature, found.stop) == (99, 0.25, ("END",))


def joined(message: Message) -> Message:
    """`message` with its texts as one where nothing stands between them: plain content has no parts."""
    if all(isinstance(part, TextPart) for part in message.parts):
        return Message.of(message.role, message.text)
    return message
