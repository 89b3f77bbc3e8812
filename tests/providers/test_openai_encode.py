"""Requests as each provider takes them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from tests.support.openai_wire import context_of

from trunkline.domain.messages import (
    ChatRequest,
    ImagePart,
    Message,
    ResponseFormat,
    Role,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
    ToolSpec,
)
from trunkline.domain.routes import Prefill, Quirks, ReasoningEcho
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.providers.openai.encode import encode
from trunkline.providers.portable import REMARK
from trunkline.providers.protocol import CallContext

ORIGIN = Origin(OriginKind.CHAT)
HELLO = (Message.of(Role.USER, "Hello"),)


def body_of(
    messages: tuple[Message, ...] = HELLO,
    context: CallContext | None = None,
    *,
    max_output_tokens: int | None = None,
    **fields: Any,
) -> dict[str, Any]:
    request = ChatRequest(messages, ORIGIN, **fields)
    body = orjson.loads(encode(request, context or context_of(), max_output_tokens=max_output_tokens).body)
    assert isinstance(body, dict)
    return body


def quirky(**quirks: Any) -> CallContext:
    return context_of(quirks=Quirks(**quirks))


def test_the_least_that_is_sent() -> None:
    assert body_of() == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert body_of(stream=False) == {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.mark.parametrize(("stream", "accept"), [(True, "text/event-stream"), (False, "application/json")])
def test_headers_carry_no_credential(stream: bool, accept: str) -> None:
    context = quirky(extra_headers=(("X-Title", "Trunkline"),))
    call = encode(ChatRequest(HELLO, ORIGIN, stream=stream), context, max_output_tokens=None)
    assert (call.method, call.path, call.stream) == ("POST", "/chat/completions", stream)
    assert dict(call.headers) == {
        "Content-Type": "application/json",
        "Accept": accept,
        "X-Title": "Trunkline",
    }


def test_quirks_of_the_provider() -> None:
    assert "stream_options" not in body_of(context=quirky(stream_usage=False))
    assert (
        body_of(context=quirky(output_limit_field="max_completion_tokens"), max_output_tokens=7)[
            "max_completion_tokens"
        ]
        == 7
    )
    assert body_of(context=quirky(default_output_tokens=4096))["max_tokens"] == 4096
    assert body_of(context=quirky(default_output_tokens=4096), max_output_tokens=7)["max_tokens"] == 7
    assert body_of(response_format=ResponseFormat.JSON)["response_format"] == {"type": "json_object"}
    assert "response_format" not in body_of(
        context=quirky(json_mode=False), response_format=ResponseFormat.JSON
    )


def test_trap_21_temperature_only_where_the_model_takes_it() -> None:
    assert body_of(temperature=0.2)["temperature"] == 0.2
    assert "temperature" not in body_of(context=context_of(temperature=False), temperature=0.2)
    assert body_of(stop=("END",))["stop"] == ["END"]


def test_trap_14_only_one_system_message_where_more_are_refused() -> None:
    messages = (Message.of(Role.SYSTEM, "a"), *HELLO, Message.of(Role.SYSTEM, "b"))
    assert [m["role"] for m in body_of(messages)["messages"]] == ["system", "user", "system"]
    merged = body_of(messages, quirky(single_system_message=True))["messages"]
    said = f"Hello{REMARK.format(text='b')}"
    assert merged == [{"role": "system", "content": "a"}, {"role": "user", "content": said}]
    heads = (Message.of(Role.SYSTEM, "a"), Message.of(Role.SYSTEM, "b"), *HELLO)
    assert body_of(heads, quirky(single_system_message=True))["messages"][0]["content"] == "a\n\nb"


TOOL_TURN = (
    Message.of(Role.USER, "Weather?"),
    Message(
        Role.ASSISTANT,
        (
            ThinkingPart("look it up", "p"),
            ToolCallPart("1", "weather", '{"c":"Oslo"}'),
            ToolCallPart("2", "weather", ""),
        ),
    ),
    Message(Role.TOOL, (ToolResultPart("1", "rain"), ToolResultPart("2", "sun"))),
)


def test_parallel_tool_calls_and_their_results() -> None:
    tool = ToolSpec("weather", "Weather of a city", '{"type":"object","properties":{}}')
    body = body_of(TOOL_TURN, tools=(tool,))
    assistant, first, second = body["messages"][1:]
    assert assistant["content"] is None
    assert [(c["id"], c["function"]["arguments"]) for c in assistant["tool_calls"]] == [
        ("1", '{"c":"Oslo"}'),
        ("2", "{}"),
    ]
    assert first == {"role": "tool", "tool_call_id": "1", "content": "rain"}
    assert second == {"role": "tool", "tool_call_id": "2", "content": "sun"}
    parameters = body["tools"][0]["function"]["parameters"]
    assert parameters == {"type": "object", "properties": {}}


@pytest.mark.parametrize(("provider", "echoed"), [("p", True), ("other", False)])
def test_trap_19_reasoning_goes_back_only_to_its_own_provider(provider: str, echoed: bool) -> None:
    context = context_of(provider=provider, quirks=Quirks(echo_reasoning=ReasoningEcho.CONTENT))
    assistant = body_of(TOOL_TURN, context)["messages"][1]
    assert assistant.get("reasoning_content") == ("look it up" if echoed else None)
    assert "look it up" not in str(body_of(TOOL_TURN))


def test_images_are_parts_and_text_alone_is_text() -> None:
    parts = (TextPart("What is this?"), ImagePart("data:image/png;base64,AA=="))
    content = body_of((Message(Role.USER, parts),))["messages"][0]["content"]
    assert content == [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
    ]


@pytest.mark.parametrize(
    ("prefill", "flag"),
    [
        (Prefill.PREFIX, {"prefix": True}),
        (Prefill.PARTIAL, {"partial": True}),
        (Prefill.ASSISTANT, {}),
        (Prefill.NONE, {}),
    ],
)
def test_an_answer_already_begun(prefill: Prefill, flag: dict[str, bool]) -> None:
    messages = (*HELLO, Message.of(Role.ASSISTANT, "Once upon"))
    last = body_of(messages, context_of(prefill=prefill))["messages"][-1]
    assert last == {"role": "assistant", "content": "Once upon", **flag}


def test_an_answer_of_nothing_but_foreign_thinking_is_left_out() -> None:
    messages = (
        *HELLO,
        Message(Role.ASSISTANT, (ThinkingPart("hm", "other"),)),
        Message.of(Role.USER, "Well?"),
    )
    assert [m["role"] for m in body_of(messages)["messages"]] == ["user", "user"]


def test_text_that_utf_8_cannot_carry() -> None:
    assert body_of((Message.of(Role.USER, "a\ud83db"),))["messages"][0]["content"] == "a?b"
