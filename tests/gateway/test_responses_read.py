"""Responses requests read: items into messages, the rest as in chat completions."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.openai_clients import HEAD, ORIGIN, ROUTE, USAGE, any_json, sent

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
    ThinkingPart,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
    ToolUse,
)
from trunkline.domain.receipts import FinishReason
from trunkline.gateway.dialect import Asked, UnreadableError, WholeAnswer
from trunkline.gateway.responses.dialect import ResponsesDialect
from trunkline.gateway.sealing import sealed

PNG = "data:image/png;base64,iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Now",
    "parameters": SCHEMA,
    "strict": True,
}
CLOCK = {"type": "function", "name": "get_time", "parameters": None, "strict": None}
DIALECT = ResponsesDialect()


def asked(**fields: Any) -> Asked:
    return DIALECT.read({"model": "auto", "input": "Hi"} | fields, ORIGIN)


def test_what_the_sdk_sends_is_read_whole() -> None:
    reasoning = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "Let me see."}],
        "encrypted_content": sealed("sig", ROUTE),
    }
    items: Any = [
        {"role": "developer", "content": "No lists."},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "What is this?"},
                {"type": "input_image", "image_url": PNG, "detail": "auto"},
            ],
        },
        reasoning,
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "I look.", "annotations": []}],
        },
        {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "c1",
            "name": "get_weather",
            "arguments": '{"city":"Kyiv"}',
        },
        {"type": "function_call", "call_id": "c2", "name": "get_time", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "12 °C"},
        {
            "type": "function_call_output",
            "call_id": "c2",
            "output": [{"type": "input_text", "text": "noon"}, {"type": "input_image", "image_url": PNG}],
        },
        {"role": "user", "content": "So?"},
    ]
    body = sent(
        lambda client: client.responses.create(
            model="t3",
            instructions="Be short.",
            input=items,
            tools=[WEATHER, CLOCK],  # type: ignore[list-item] # plain tables, as users write them
            tool_choice={"type": "function", "name": "get_time"},
            parallel_tool_calls=True,
            text={
                "format": {"type": "json_schema", "name": "place", "schema": SCHEMA, "strict": True},
                "verbosity": "low",
            },
            reasoning={"effort": "high", "summary": "auto"},
            max_output_tokens=500,
            temperature=0.5,
            top_p=0.9,
            metadata={"task": "coding"},
            prompt_cache_key="conv-9",
            safety_identifier="s-1",
            include=["reasoning.encrypted_content"],
            store=True,
            truncation="auto",
            stream=True,
            extra_body={"models": ["t2"], "client_metadata": {"a": "b"}},
        )
    )
    found = DIALECT.read(body, ORIGIN)
    assert (found.model, found.fallbacks) == ("t3", ("t2",))
    assert (found.said, found.conversation_key) == ({"task": "coding"}, "conv-9")
    assert found.ignored == ("tools.strict", "store", "truncation", "client_metadata")
    chat = found.chat
    assert chat.messages == (
        Message.of(Role.SYSTEM, "Be short."),
        Message.of(Role.SYSTEM, "No lists."),
        Message(Role.USER, (TextPart("What is this?"), ImagePart(PNG))),
        Message(
            Role.ASSISTANT,
            (
                ThinkingPart("Let me see.", "anthropic", "sig", "claude-opus-5"),
                TextPart("I look."),
                ToolCallPart("c1", "get_weather", '{"city":"Kyiv"}'),
                ToolCallPart("c2", "get_time", "{}"),
            ),
        ),
        Message(Role.TOOL, (ToolResultPart("c1", "12 °C"),)),
        Message(Role.TOOL, (ToolResultPart("c2", "noon", images=(ImagePart(PNG),)),)),
        Message.of(Role.USER, "So?"),
    )
    assert [(tool.name, tool.description) for tool in chat.tools] == [
        ("get_weather", "Now"),
        ("get_time", ""),
    ]
    assert chat.tool_choice == ToolChoice(ToolUse.NAMED, "get_time", parallel=True)
    assert chat.response_format is ResponseFormat.JSON
    assert chat.answer_schema == AnswerSchema(orjson.dumps(SCHEMA).decode(), "place", strict=True)
    assert chat.effort is Effort.HIGH
    assert (chat.max_output_tokens, chat.temperature, chat.sampling) == (500, 0.5, Sampling(top_p=0.9))
    assert set(chat.native) == {
        NativeField("openai", "safety_identifier", '"s-1"'),
        NativeField("openai", "verbosity", '"low"'),
    }
    assert chat.stream


def test_text_alone_is_a_users_message_and_silence_leaves_the_rest_open() -> None:
    found = asked(store=False, truncation="disabled", tools=[], text={"format": {"type": "text"}})
    assert found.chat == ChatRequest((Message.of(Role.USER, "Hi"),), ORIGIN, stream=False)
    assert found.ignored == ()


def test_allowed_tools_are_the_only_ones_offered() -> None:
    choice = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "get_time"}]}
    found = asked(tools=[WEATHER | {"strict": None}, CLOCK], tool_choice=choice)
    assert [tool.name for tool in found.chat.tools] == ["get_time"]
    assert found.chat.tool_choice == ToolChoice(ToolUse.AUTO)


def test_two_answers_in_a_row_stay_two_messages() -> None:
    said = [{"role": "assistant", "content": one} for one in ("One.", "Two.")]
    found = asked(input=[{"role": "user", "content": "Hi"}, *said])
    assert [message.text for message in found.chat.messages] == ["Hi", "One.", "Two."]


def test_reasoning_of_somebody_unknown_is_left_out_and_named() -> None:
    items = [
        {"role": "user", "content": "Hi"},
        {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "gAAAAB"},
        {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "hm"}]},
    ]
    found = asked(input=items)
    assert found.chat.messages == (Message.of(Role.USER, "Hi"),)
    assert found.ignored == ("input.reasoning",)


def test_a_turn_that_we_wrote_comes_back_as_it_was() -> None:
    turn = Message(
        Role.ASSISTANT,
        (
            ThinkingPart("Let me see.", "anthropic", "sig\0nature", "claude-opus-5"),
            ThinkingPart("", "anthropic", "data", "claude-opus-5", redacted=True),
            TextPart("Two things."),
            ToolCallPart("c1", "get_weather", '{"city":"Kyiv"}', "signed", "google"),
            ToolCallPart("c2", "get_time", "{}"),
        ),
    )
    answer = WholeAnswer(HEAD, turn, FinishReason.TOOL_CALLS, USAGE)
    output = orjson.loads(DIALECT.whole(asked(), answer))["output"]
    found = asked(input=[{"role": "user", "content": "Hi"}, *output])
    assert found.chat.messages == (Message.of(Role.USER, "Hi"), turn)
    assert found.ignored == ()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": 3}, "input"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input.0.role"),
        ({"input": [{"role": "user"}]}, "input.0.content"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input.0.content.0.type"),
        ({"input": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "input.0.content.0.type"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
            "input.0.content.0.file_id",
        ),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input.0.type"),
        ({"input": [{"type": "computer_call_output"}]}, "input.0.type"),
        ({"input": [{"type": "function_call", "name": "f"}]}, "input.0.call_id"),
        ({"input": [{"type": "function_call_output", "call_id": "c"}]}, "input.0.output"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"background": True}, "background"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"include": ["message.output_text.logprobs"]}, "top_logprobs"),
        ({"moderation": {"model": "m"}}, "moderation"),
        ({"tools": [{"type": "web_search"}]}, "tools.0.type"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "tools.0.type"),
        ({"tools": [CLOCK], "tool_choice": {"type": "web_search"}}, "tool_choice.type"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
        ({"max_output_tokens": -1}, "max_output_tokens"),
    ],
)
def test_what_cannot_be_taken_is_refused_by_its_path(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        asked(**fields)
    assert refused.value.param == param
    assert str(refused.value).startswith(param)


def test_who_counts_on_stored_responses_is_told_what_to_do() -> None:
    with pytest.raises(UnreadableError, match="send the whole input"):
        asked(previous_response_id="resp_1")


WORDS = (
    *(
        "model",
        "input",
        "role",
        "content",
        "type",
        "message",
        "text",
        "input_text",
        "output_text",
        "input_image",
    ),
    *(
        "image_url",
        "user",
        "assistant",
        "function_call",
        "function_call_output",
        "call_id",
        "name",
        "arguments",
    ),
    *(
        "output",
        "reasoning",
        "summary",
        "encrypted_content",
        "tools",
        "tool_choice",
        "function",
        "allowed_tools",
    ),
    *("mode", "parameters", "format", "json_schema", "schema", "instructions", "metadata", "include"),
)


@given(
    st.fixed_dictionaries(
        {"model": st.just("m"), "input": any_json(*WORDS)},
        optional={name: any_json(*WORDS) for name in ("tools", "tool_choice", "text", "reasoning")},
    )
)
@settings(max_examples=60, deadline=500)
def test_any_json_is_read_or_refused(body: dict[str, Any]) -> None:
    try:
        found = DIALECT.read(body, ORIGIN)
    except UnreadableError:
        return
    assert found.chat.messages
