"""Requests as Anthropic's Messages API takes them."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.anthropic_wire import context_of

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
from trunkline.providers.anthropic.encode import DEFAULT_OUTPUT_TOKENS, encode
from trunkline.providers.anthropic.messages import ASSISTANT_FIRST, GO_ON, NOTHING_ASKED
from trunkline.providers.anthropic.wishes import ONLY_JSON
from trunkline.providers.portable import NO_RESULT, REMARK
from trunkline.providers.protocol import CallContext

ORIGIN = Origin(OriginKind.CHAT)
USER, ASSISTANT, SYSTEM, TOOL = Role.USER, Role.ASSISTANT, Role.SYSTEM, Role.TOOL
HELLO = (Message.of(USER, "Hello"),)
EPHEMERAL = {"type": "ephemeral"}


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


def turns_of(*messages: Message, context: CallContext | None = None) -> list[tuple[str, list[Any]]]:
    """Role and blocks of every turn; a block of text as its text."""
    body = body_of(messages, context)
    return [
        (turn["role"], [block["text"] if block["type"] == "text" else block for block in turn["content"]])
        for turn in body["messages"]
    ]


def test_the_least_that_is_sent() -> None:
    least = {
        "model": "m",
        "max_tokens": 64_000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
    }
    assert body_of() == {**least, "stream": True}
    assert body_of(stream=False) == least


@pytest.mark.parametrize(("stream", "accept"), [(True, "text/event-stream"), (False, "application/json")])
def test_headers_carry_the_version_and_no_credential(stream: bool, accept: str) -> None:
    context = context_of(quirks=Quirks(extra_headers=(("anthropic-beta", "b"),)))
    call = encode(ChatRequest(HELLO, ORIGIN, stream=stream), context, max_output_tokens=None)
    assert (call.method, call.path, call.stream) == ("POST", "/v1/messages", stream)
    assert (call.auth_header, call.auth_prefix) == ("x-api-key", "")
    assert dict(call.headers) == {
        "Content-Type": "application/json",
        "Accept": accept,
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "b",
    }


def test_a_provider_may_speak_another_version() -> None:
    context = context_of(quirks=Quirks(extra_headers=(("Anthropic-Version", "2025-01-01"),)))
    call = encode(ChatRequest(HELLO, ORIGIN), context, max_output_tokens=None)
    assert [value for name, value in call.headers if name.lower() == "anthropic-version"] == ["2025-01-01"]


@pytest.mark.parametrize(
    ("asked", "quirk", "most", "sent"),
    [
        pytest.param(7, 4096, 64_000, 7, id="asked"),
        pytest.param(100_000, None, 64_000, 64_000, id="asked-for-more-than-the-model-gives"),
        pytest.param(100_000, None, None, 100_000, id="asked-of-a-model-unknown"),
        pytest.param(None, 4096, 64_000, 4096, id="the-providers-default"),
        pytest.param(None, 128_000, 64_000, 64_000, id="a-default-too-large"),
        pytest.param(None, None, 64_000, 64_000, id="the-models-maximum"),
        pytest.param(None, None, None, DEFAULT_OUTPUT_TOKENS, id="nothing-known"),
        pytest.param(0, None, 64_000, 1, id="at-least-one"),
    ],
)
def test_an_output_limit_is_always_sent(
    asked: int | None, quirk: int | None, most: int | None, sent: int
) -> None:
    context = context_of(quirks=Quirks(default_output_tokens=quirk), max_output_tokens=most)
    assert body_of(context=context, max_output_tokens=asked)["max_tokens"] == sent


def test_trap_21_temperature_only_where_the_model_takes_it() -> None:
    assert body_of(temperature=0.2)["temperature"] == 0.2
    assert body_of(temperature=1.7)["temperature"] == 1.0
    assert "temperature" not in body_of(context=context_of(temperature=False), temperature=0.2)
    minimax = context_of(quirks=Quirks(temperature_min=0.01, temperature_max=0.9))
    assert body_of(context=minimax, temperature=0)["temperature"] == 0.01
    assert body_of(context=minimax, temperature=1)["temperature"] == 0.9


def test_stop_sequences_without_blank_ones() -> None:
    assert body_of(stop=("END", "\n", ""))["stop_sequences"] == ["END"]
    assert "stop_sequences" not in body_of(stop=("\n",))


def test_what_the_provider_wants_besides_gives_way_to_the_request() -> None:
    extra = (("service_tier", '"auto"'), ("max_tokens", "1"), ("broken", "{"))
    body = body_of(context=context_of(quirks=Quirks(extra_body=extra)))
    assert (body["service_tier"], body["max_tokens"], "broken" in body) == ("auto", 64_000, False)


def test_system_messages_stand_apart_and_later_ones_are_remarks_where_they_stand() -> None:
    messages = (
        Message.of(SYSTEM, "a"),
        Message.of(SYSTEM, "b"),
        *HELLO,
        Message.of(SYSTEM, "c"),
        Message.of(USER, "!"),
        Message.of(SYSTEM, " "),
    )
    body = body_of(messages)
    assert body["system"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert turns_of(*messages) == [("user", ["Hello", REMARK.format(text="c"), "!"])]


def test_json_is_asked_for_in_words() -> None:
    body = body_of((Message.of(SYSTEM, "a"), *HELLO), response_format=ResponseFormat.JSON)
    assert [block["text"] for block in body["system"]] == ["a", ONLY_JSON]
    assert "output_config" not in body


# -- turns ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        pytest.param((), [("user", [NOTHING_ASKED])], id="nothing-said"),
        pytest.param((Message.of(SYSTEM, "s"),), [("user", [NOTHING_ASKED])], id="only-a-system-prompt"),
        pytest.param((Message.of(USER, " \n"),), [("user", [NOTHING_ASKED])], id="only-white-space"),
        pytest.param(
            (Message.of(ASSISTANT, "Hi!"), *HELLO),
            [("user", [ASSISTANT_FIRST]), ("assistant", ["Hi!"]), ("user", ["Hello"])],
            id="the-assistant-first"),
        pytest.param(
            (*HELLO, Message.of(USER, "?"), Message.of(ASSISTANT, "a"), Message.of(ASSISTANT, "b"), *HELLO),
            [("user", ["Hello", "?"]), ("assistant", ["a", "b"]), ("user", ["Hello"])],
            id="neighbours-of-one-role"),
        pytest.param(
            (*HELLO, Message(ASSISTANT, (ThinkingPart("hm", "other", "sig"),)), Message.of(USER, "Well?")),
            [("user", ["Hello", "Well?"])], id="an-answer-of-nothing-but-foreign-thinking"),
    ],
)  # fmt: skip
def test_turns_alternate_and_begin_with_the_user(
    messages: tuple[Message, ...], expected: list[tuple[str, list[Any]]]
) -> None:
    assert turns_of(*messages) == expected


def test_an_answer_already_begun() -> None:
    messages = (*HELLO, Message.of(ASSISTANT, "Once upon \n"))
    assert turns_of(*messages, context=context_of(prefill=Prefill.ASSISTANT))[-1] == (
        "assistant",
        ["Once upon"],
    )
    assert turns_of(*messages)[-2:] == [("assistant", ["Once upon \n"]), ("user", [GO_ON])]
    assert turns_of(*messages, context=context_of(prefill=Prefill.PREFIX))[-1] == ("user", [GO_ON])


# -- tools ---------------------------------------------------------------------------------------------------------

CALLS = (
    ToolCallPart("1", "weather", '{"c":"Oslo"}'),
    ToolCallPart("call/2", "weather", ""),
    ToolCallPart("3", "weather", "[1]"),
    ToolCallPart("4", "weather", "{half"),
)
RESULTS = (
    ToolResultPart("call/2", " "),
    ToolResultPart("1", "rain"),
    ToolResultPart("3", "no", is_error=True),
)


def test_a_conversation_with_calls_defines_its_tools_even_where_none_are_offered_any_more() -> None:
    called = Message(Role.ASSISTANT, (ToolCallPart("c1", "look", "{}"),))
    result = Message(Role.TOOL, (ToolResultPart("c1", "a lamp"),))
    asked, go_on = Message.of(Role.USER, "What is there?"), Message.of(Role.USER, "Sum it up.")
    body = body_of((asked, called, result, go_on))
    assert body["tools"] == [{"name": "look", "input_schema": {"type": "object"}}]
    assert body["tool_choice"] == {"type": "none"}


def test_parallel_tool_calls_and_their_results_in_the_next_turn() -> None:
    tool = ToolSpec("weather", "Weather of a city", '{"properties":{}}')
    bare = ToolSpec("now", " ", "not json")
    messages = (
        Message.of(USER, "Weather?"),
        Message(ASSISTANT, (TextPart("Looking."), *CALLS)),
        Message(TOOL, RESULTS),
        Message.of(USER, "Quick."),
    )
    body = body_of(messages, tools=(tool, bare))
    assert body["tools"] == [
        {
            "name": "weather",
            "description": "Weather of a city",
            "input_schema": {"type": "object", "properties": {}},
        },
        {"name": "now", "input_schema": {"type": "object"}},
    ]
    asked, called, answered = (turn["content"] for turn in body["messages"])
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert asked == [{"type": "text", "text": "Weather?"}]
    assert called[0] == {"type": "text", "text": "Looking."}
    assert [(one["type"], one["name"], one["input"]) for one in called[1:]] == [
        ("tool_use", "weather", {"c": "Oslo"}),
        ("tool_use", "weather", {}),
        ("tool_use", "weather", {"arguments": "[1]"}),
        ("tool_use", "weather", {"arguments": "{half"}),
    ]
    ids = [one["id"] for one in called[1:]]
    assert all(one.replace("_", "").replace("-", "").isalnum() for one in ids)
    assert answered == [
        {"type": "tool_result", "tool_use_id": ids[0], "content": "rain"},
        {"type": "tool_result", "tool_use_id": ids[1]},
        {"type": "tool_result", "tool_use_id": ids[2], "content": "no", "is_error": True},
        {"type": "tool_result", "tool_use_id": ids[3], "content": NO_RESULT, "is_error": True},
        {"type": "text", "text": "Quick."},
    ]


@pytest.mark.parametrize(
    "arguments",
    ['{"a":' * 900 + "1" + "}" * 900, '{"a": NaN}', '"text"', '{"a": "\ud800"}'],
    ids=["deep", "nan", "text", "surrogate"],
)
def test_arguments_that_are_no_object_of_json_are_put_into_one(arguments: str) -> None:
    call = Message(ASSISTANT, (ToolCallPart("1", "f", arguments),))
    sent = turns_of(*HELLO, call)[1][1][0]["input"]
    assert sent == {"arguments": arguments.encode("utf-8", "replace").decode()}


def test_calls_at_the_end_are_answered() -> None:
    last = turns_of(*HELLO, Message(ASSISTANT, CALLS[:1]), context=context_of(prefill=Prefill.ASSISTANT))[-1]
    assert last[0] == "user"
    assert [block["type"] for block in last[1]] == ["tool_result"]


# -- images --------------------------------------------------------------------------------------------------------

PIXEL = base64.b64encode(b"pixel").decode()


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("https://x.test/a.png", {"type": "url", "url": "https://x.test/a.png"}),
        (f"data:image/png;base64,{PIXEL}", {"type": "base64", "media_type": "image/png", "data": PIXEL}),
        (f"data:image/JPG;name=a;base64,{PIXEL}", {"type": "base64", "media_type": "image/jpeg", "data": PIXEL}),
        ("data:image/webp,pi%78el", {"type": "base64", "media_type": "image/webp", "data": PIXEL}),
        (f"data:image/png;base64,{PIXEL[:4]}%0A{PIXEL[4:]}",
         {"type": "base64", "media_type": "image/png", "data": PIXEL}),
        ("data:image/png;base64,", None),
        ("data:image/png", None),
        ("file:///etc/passwd", None),
        ("", None),
    ],
    ids=["by-address", "inline", "odd-type", "not-base64", "wrapped", "empty", "no-data", "a-file", "nothing"],
)  # fmt: skip
def test_images(url: str, source: dict[str, str] | None) -> None:
    ((_, blocks),) = turns_of(Message(USER, (TextPart("What is this?"), ImagePart(url))))
    assert blocks == ["What is this?", *([] if source is None else [{"type": "image", "source": source}])]


def test_images_of_the_assistant_cannot_be_told() -> None:
    shown = Message(ASSISTANT, (ImagePart("https://x.test/a.png"), TextPart("There.")))
    assert turns_of(*HELLO, shown, *HELLO)[1] == ("assistant", ["There."])


# -- thinking ------------------------------------------------------------------------------------------------------

THOUGHT = (ThinkingPart("hm", "p", "c2ln", "m"), ThinkingPart("", "p", "eA==", "m", redacted=True))


def test_thinking_goes_back_unchanged_to_its_own_provider_and_model_only() -> None:
    loop = (
        *HELLO,
        Message(ASSISTANT, (*THOUGHT, TextPart("So:"), *CALLS[:1])),
        Message(TOOL, RESULTS[1:2]),
    )
    assert turns_of(*loop)[1][1][:3] == [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "eA=="},
        "So:",
    ]
    foreign = body_of(loop, context_of(provider="other"))
    assert "hm" not in str(foreign)
    unsigned = Message(ASSISTANT, (ThinkingPart("hm", "p"), TextPart("So:")))
    assert turns_of(*HELLO, unsigned, *HELLO)[1] == ("assistant", ["So:"])


@pytest.mark.parametrize(
    ("effort", "sent"),
    [
        (Effort.MINIMAL, "low"),
        (Effort.LOW, "low"),
        (Effort.MEDIUM, "medium"),
        (Effort.HIGH, "high"),
        (Effort.MAX, "max"),
    ],
)
def test_adaptive_thinking(effort: Effort, sent: str) -> None:
    adaptive = context_of(thinking=ThinkingControl.ADAPTIVE)
    body = body_of(context=adaptive, effort=effort, temperature=0.5)
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body["output_config"] == {"effort": sent}
    assert "temperature" not in body


@pytest.mark.parametrize("control", list(ThinkingControl))
@pytest.mark.parametrize("effort", [None, Effort.NONE])
def test_nothing_is_said_of_thinking_unless_asked(control: ThinkingControl, effort: Effort | None) -> None:
    body = body_of(context=context_of(thinking=control), effort=effort, temperature=0.5)
    assert not {"thinking", "output_config"} & body.keys()
    assert body["temperature"] == 0.5


@pytest.mark.parametrize(
    ("effort", "asked", "most", "budget", "max_tokens"),
    [
        pytest.param(Effort.LOW, None, 64_000, 4_096, 64_000, id="room-enough"),
        pytest.param(Effort.LOW, 8_000, 64_000, 4_096, 8_000, id="within-the-limit-asked"),
        pytest.param(Effort.HIGH, 500, 64_000, 16_384, 16_884, id="the-limit-is-raised"),
        pytest.param(Effort.MAX, 500, 20_000, 19_744, 20_000, id="but-not-above-the-models"),
        pytest.param(Effort.MAX, 500, None, 32_768, 33_268, id="whose-maximum-may-be-unknown"),
        pytest.param(Effort.MINIMAL, 500, 1_280, 1_024, 1_280, id="the-least-there-is"),
        pytest.param(Effort.MINIMAL, 500, 1_279, None, 1_279, id="less-is-no-thinking"),
    ],
)
def test_a_budget_of_thinking(
    effort: Effort, asked: int | None, most: int | None, budget: int | None, max_tokens: int
) -> None:
    context = context_of(thinking=ThinkingControl.BUDGET, max_output_tokens=most)
    body = body_of(context=context, effort=effort, max_output_tokens=asked, temperature=0.5)
    if budget is None:
        assert ("thinking" in body, body["max_tokens"], body["temperature"]) == (False, 500, 0.5)
        return
    assert body["thinking"] == {"type": "enabled", "budget_tokens": budget}
    assert (body["max_tokens"], "temperature" in body) == (max_tokens, False)


def test_no_thinking_where_the_api_would_refuse_it() -> None:
    budget = context_of(thinking=ThinkingControl.BUDGET, prefill=Prefill.ASSISTANT)
    loop = (*HELLO, Message(ASSISTANT, CALLS[:1]), Message(TOOL, RESULTS[1:2]))
    begun = (*HELLO, Message.of(ASSISTANT, "Once"))
    thought = (*HELLO, Message(ASSISTANT, (*THOUGHT, *CALLS[:1])), Message(TOOL, RESULTS[1:2]))
    over = (*loop, Message.of(ASSISTANT, "Rain."), *HELLO)
    assert "thinking" not in body_of(loop, budget, effort=Effort.LOW)
    assert "thinking" not in body_of(begun, budget, effort=Effort.LOW)
    assert "thinking" in body_of(thought, budget, effort=Effort.LOW)
    assert "thinking" in body_of(over, budget, effort=Effort.LOW)
    second = (Message(ASSISTANT, CALLS[2:3]), Message(TOOL, RESULTS[2:]))
    assert "thinking" in body_of((*thought, *second), budget, effort=Effort.LOW)
    assert "thinking" not in body_of((*loop, *second), budget, effort=Effort.LOW)
    adaptive = context_of(thinking=ThinkingControl.ADAPTIVE)
    assert "thinking" in body_of(loop, adaptive, effort=Effort.LOW)


# -- prompt cache --------------------------------------------------------------------------------------------------

LONG = "word " * 1_000
TOOLS = (ToolSpec("a", "first", "{}"), ToolSpec("b", LONG, "{}"))
TALK = (*HELLO, Message.of(ASSISTANT, "Hi"), Message.of(USER, "And now?"))


def marks(body: dict[str, Any]) -> list[str]:
    """Where the marks are."""
    found = [f"tool {one['name']}" for one in body.get("tools", []) if one.get("cache_control") == EPHEMERAL]
    found += [f"system {n}" for n, one in enumerate(body.get("system", [])) if "cache_control" in one]
    for n, turn in enumerate(body["messages"]):
        found += [f"turn {n} block {m}" for m, one in enumerate(turn["content"]) if "cache_control" in one]
    return found


@pytest.mark.parametrize(
    ("messages", "tools", "expected"),
    [
        pytest.param((Message.of(SYSTEM, LONG), *HELLO), (), [], id="a-single-question-is-not-asked-again"),
        pytest.param((Message.of(SYSTEM, LONG), *TALK), (), ["system 0", "turn 2 block 0"], id="a-conversation-is"),
        pytest.param(TALK, (), [], id="too-short"),
        pytest.param((*TALK, Message.of(USER, LONG)), (), ["turn 2 block 1"], id="long-only-at-its-end"),
        pytest.param(HELLO, TOOLS, ["tool b", "turn 0 block 0"], id="tools-are-called-at-once"),
        pytest.param((Message.of(SYSTEM, "s"), *HELLO), TOOLS, ["system 0", "turn 0 block 0"],
                     id="a-mark-on-the-system-prompt-covers-the-tools"),
    ],
)  # fmt: skip
def test_the_prompt_cache_is_used_where_it_is_likely_to_pay(
    messages: tuple[Message, ...], tools: tuple[ToolSpec, ...], expected: list[str]
) -> None:
    assert marks(body_of(messages, tools=tools)) == expected


# -- whatever comes ------------------------------------------------------------------------------------------------

PARTS: st.SearchStrategy[Part] = st.one_of(
    st.text(max_size=4).map(TextPart),
    st.sampled_from(["https://x.test/a", "data:image/png;base64,AA==", "?"]).map(ImagePart),
    st.builds(ThinkingPart, st.text(max_size=3), st.sampled_from(["p", "q"]), st.none() | st.just("s")),
    st.builds(ToolCallPart, st.sampled_from("ab"), st.just("f"), st.sampled_from(["", "{}", "?", "[]"])),
    st.builds(ToolResultPart, st.sampled_from("ab"), st.text(max_size=3), st.booleans()),
)
MESSAGES = st.lists(
    st.builds(Message, st.sampled_from(list(Role)), st.lists(PARTS, max_size=3).map(tuple)), max_size=6
)


@given(
    messages=MESSAGES,
    prefill=st.sampled_from(list(Prefill)),
    effort=st.none() | st.sampled_from(list(Effort)),
)
def test_whatever_is_said_the_api_can_take(messages: list[Message], prefill: Prefill, effort: Effort) -> None:
    """Roles alternate from the user on, no block is blank, every call is answered at once and every result answers."""
    context = context_of(prefill=prefill, thinking=ThinkingControl.BUDGET)
    body = body_of(tuple(messages), context, effort=effort)
    turns = body["messages"]
    assert [turn["role"] for turn in turns] == [("user", "assistant")[n % 2] for n in range(len(turns))]
    owed: list[str] = []
    for turn in turns:
        assert turn["content"]
        assert turn["role"] == "user" or not any(block["type"] == "image" for block in turn["content"])
        assert all(block["text"].strip() for block in turn["content"] if block["type"] == "text")
        results = [block["tool_use_id"] for block in turn["content"] if block["type"] == "tool_result"]
        assert results == owed
        assert [block["type"] for block in turn["content"][: len(owed)]] == ["tool_result"] * len(owed)
        owed = [block["id"] for block in turn["content"] if block["type"] == "tool_use"]
    assert not owed
    last = turns[-1]["content"][-1]
    if turns[-1]["role"] == "assistant":
        assert prefill is Prefill.ASSISTANT
        assert last["text"] == last["text"].rstrip()
        assert "thinking" not in body


def test_text_that_utf_8_cannot_carry() -> None:
    assert turns_of(Message.of(USER, "a\ud83db")) == [("user", ["a?b"])]
