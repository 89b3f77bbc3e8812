"""What each provider wants otherwise, as data: fields, ranges, thinking, and reasoning that goes back or does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.openai_wire import DONE, chunk, context_of, decode, refusal

from trunkline.domain.events import ThinkingDelta, ToolCallDelta
from trunkline.domain.messages import (
    ChatRequest,
    Effort,
    ImagePart,
    Message,
    Part,
    Role,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from trunkline.domain.routes import Capability, Quirks, ReasoningEcho, ThinkingControl, ToolIds
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.providers.openai.encode import encode
from trunkline.providers.openai.messages import NO_REASONING
from trunkline.providers.openai.wire import OPENAI
from trunkline.providers.protocol import CallContext

HELLO = (Message.of(Role.USER, "Hello"),)


def quirky(quirks: Quirks | None = None, **model: Any) -> CallContext:
    context = context_of(quirks=quirks)
    return replace(context, model=replace(context.model, **model))


def body_of(context: CallContext, messages: tuple[Message, ...] = HELLO, **fields: Any) -> dict[str, Any]:
    limit = fields.pop("max_output_tokens", None)
    request = ChatRequest(messages, Origin(OriginKind.CHAT), **fields)
    body = orjson.loads(encode(request, context, max_output_tokens=limit).body)
    assert isinstance(body, dict)
    return body


def test_fields_of_the_providers_own() -> None:
    extra = (("reasoning_split", "true"), ("provider", '{"sort":"price"}'), ("bad", "{"), ("stream", "false"))
    body = body_of(quirky(Quirks(extra_body=extra)))
    assert (body["reasoning_split"], body["provider"]) == (True, {"sort": "price"})
    assert body["stream"] is True
    assert "bad" not in body


@pytest.mark.parametrize(("asked", "sent"), [(0.0, 0.01), (0.5, 0.5), (1.7, 1.0)])
def test_trap_21_temperature_within_what_is_taken(asked: float, sent: float) -> None:
    minimax = Quirks(temperature_min=0.01, temperature_max=1.0)
    assert body_of(quirky(minimax), temperature=asked)["temperature"] == sent
    assert "temperature" not in body_of(quirky(minimax, temperature=False), temperature=asked)


def test_an_output_limit_is_never_above_the_models() -> None:
    assert body_of(quirky(max_output_tokens=8192), max_output_tokens=100_000)["max_tokens"] == 8192
    assert body_of(quirky(Quirks(default_output_tokens=9000), max_output_tokens=8192))["max_tokens"] == 8192
    assert "max_tokens" not in body_of(quirky(max_output_tokens=8192))


@pytest.mark.parametrize(
    ("control", "effort", "fields"),
    [
        (ThinkingControl.EFFORT, Effort.NONE, {"reasoning_effort": "low"}),
        (ThinkingControl.EFFORT, Effort.HIGH, {"reasoning_effort": "high"}),
        (ThinkingControl.EFFORT, Effort.MAX, {"reasoning_effort": "high"}),
        (ThinkingControl.REASONING, Effort.MAX, {"reasoning": {"effort": "max"}}),
        (ThinkingControl.SWITCH, Effort.NONE, {"thinking": {"type": "disabled"}}),
        (ThinkingControl.SWITCH, Effort.LOW, {"thinking": {"type": "enabled"}}),
        (ThinkingControl.ADAPTIVE, Effort.LOW, {"thinking": {"type": "adaptive"}}),
        (ThinkingControl.NONE, Effort.HIGH, {}),
        (ThinkingControl.EFFORT, None, {}),
        (ThinkingControl.SWITCH, None, {}),
    ],
)
def test_how_long_to_think(control: ThinkingControl, effort: Effort | None, fields: dict[str, Any]) -> None:
    body = body_of(quirky(thinking=control), effort=effort)
    assert {
        name: body[name] for name in ("reasoning_effort", "reasoning", "thinking") if name in body
    } == fields


@pytest.mark.parametrize(
    ("efforts", "asked", "sent"),
    [
        (("none", "low", "medium", "high", "xhigh"), Effort.MAX, "xhigh"),
        (("none", "low", "medium", "high", "xhigh"), Effort.MINIMAL, "none"),
        (("low", "medium", "high"), Effort.MAX, "high"),
        (("low", "medium", "high"), Effort.MEDIUM, "medium"),
        (("low", "medium", "high"), Effort.NONE, "low"),
        (("low", "high"), Effort.MEDIUM, "low"),
        (("none", "high", "max"), Effort.MAX, "max"),
        (("none", "high", "max"), Effort.MINIMAL, "none"),
    ],
)
def test_the_nearest_effort_that_is_taken(efforts: tuple[str, ...], asked: Effort, sent: str) -> None:
    context = quirky(Quirks(efforts=efforts), thinking=ThinkingControl.EFFORT)
    assert body_of(context, effort=asked)["reasoning_effort"] == sent


def test_a_request_overrules_the_providers_own_field() -> None:
    quirks = Quirks(extra_body=(("thinking", '{"type":"enabled"}'),))
    context = quirky(quirks, thinking=ThinkingControl.SWITCH)
    assert body_of(context)["thinking"] == {"type": "enabled"}
    assert body_of(context, effort=Effort.NONE)["thinking"] == {"type": "disabled"}


def test_ids_of_tool_calls_that_mistral_takes() -> None:
    call, result = ToolCallPart("toolu_01A", "f", "{}"), ToolResultPart("toolu_01A", "r")
    messages = (*HELLO, Message(Role.ASSISTANT, (call,)), Message(Role.TOOL, (result,)))
    sent = body_of(quirky(Quirks(tool_ids=ToolIds.NINE)), messages)["messages"]
    call_id = sent[1]["tool_calls"][0]["id"]
    assert sent[2]["tool_call_id"] == call_id
    assert len(call_id) == 9
    assert call_id.isalnum()


def test_a_failed_tool_says_so_in_its_text() -> None:
    call = ToolCallPart("1", "f", "{}")
    for text, sent in (("no such file", "Error: no such file"), ("Error: twice", "Error: twice")):
        result = ToolResultPart("1", text, is_error=True)
        messages = (*HELLO, Message(Role.ASSISTANT, (call,)), Message(Role.TOOL, (result,)))
        assert body_of(quirky(), messages)["messages"][-1]["content"] == sent


def test_an_image_goes_by_its_address_as_it_is() -> None:
    url = "https://example.org/a%20b.png?x=1"
    sent = body_of(quirky(), (Message(Role.USER, (ImagePart(url),)),))["messages"][0]["content"]
    assert sent == [{"type": "image_url", "image_url": {"url": url}}]


DETAILS = [
    {"type": "reasoning.encrypted", "data": "c2ln", "id": "rs_1", "format": "openai-responses-v1", "index": 0}
]


def tool_turn(*thinking: Part) -> tuple[Message, ...]:
    said = (*thinking, TextPart("Wait."), ToolCallPart("1", "f", "{}"))
    return (*HELLO, Message(Role.ASSISTANT, said), Message(Role.TOOL, (ToolResultPart("1", "r"),)))


OWN = ThinkingPart("hm", "p", orjson.dumps(DETAILS).decode(), "m")
OTHER_MODEL = replace(OWN, model="other")
FOREIGN = replace(OWN, provider="q")


@pytest.mark.parametrize(
    ("echo", "thinking", "added"),
    [
        pytest.param(ReasoningEcho.NONE, OWN, {}, id="trap-19-none"),
        pytest.param(ReasoningEcho.CONTENT, OWN, {"reasoning_content": "hm"}, id="trap-19-content"),
        pytest.param(ReasoningEcho.CONTENT, FOREIGN, {}, id="trap-19-content-of-others"),
        pytest.param(ReasoningEcho.DETAILS, OWN, {"reasoning_details": DETAILS}, id="trap-19-details"),
        pytest.param(ReasoningEcho.DETAILS, OTHER_MODEL, {}, id="trap-19-details-of-another-model"),
        pytest.param(ReasoningEcho.DETAILS, FOREIGN, {}, id="trap-19-details-of-others"),
        pytest.param(ReasoningEcho.DETAILS, replace(OWN, signature="no json"), {}, id="trap-19-details-junk"),
        pytest.param(ReasoningEcho.TAGS, OWN, {"content": "<think>hm</think>\n\nWait."}, id="trap-19-tags"),
        pytest.param(ReasoningEcho.TAGS, FOREIGN, {}, id="trap-19-tags-of-others"),
    ],
)
def test_trap_19_reasoning_goes_back_as_its_provider_wants_it(
    echo: ReasoningEcho, thinking: ThinkingPart, added: dict[str, Any]
) -> None:
    sent = body_of(quirky(Quirks(echo_reasoning=echo)), tool_turn(thinking))["messages"][1]
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    assert sent == {"role": "assistant", "content": "Wait.", "tool_calls": calls, **added}


def test_trap_19_a_thinking_model_takes_over_anothers_tool_call() -> None:
    """DeepSeek and Kimi refuse a call without reasoning before it, even one that they did not make."""
    context = quirky(Quirks(echo_reasoning=ReasoningEcho.CONTENT), capabilities=(Capability.THINKING,))
    assert body_of(context, tool_turn(FOREIGN))["messages"][1]["reasoning_content"] == NO_REASONING
    unthinking = body_of(context, tool_turn(FOREIGN), effort=Effort.NONE)["messages"][1]
    assert "reasoning_content" not in unthinking
    plain = body_of(context, (*HELLO, Message.of(Role.ASSISTANT, "Hi"), *HELLO))["messages"][1]
    assert plain == {"role": "assistant", "content": "Hi"}


def test_details_come_whole_and_go_back_unchanged() -> None:
    context = quirky(Quirks(echo_reasoning=ReasoningEcho.DETAILS))
    pieces = [
        {"type": "reasoning.text", "text": "I ", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.text", "text": "see", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.text", "signature": "sig\u2028", "format": None, "index": 0},
        {"type": "reasoning.encrypted", "data": "AA", "index": 1},
    ]
    stream = [chunk({"content": "", "reasoning": p.get("text"), "reasoning_details": [p]}) for p in pieces]
    events = decode(*stream, chunk({"content": "Hi"}), chunk({}, "stop"), DONE, context=context)
    thinking = [event for event in events if isinstance(event, ThinkingDelta)]
    assert [event.text for event in thinking] == ["I ", "see", ""]
    assert [event.signature is None for event in thinking] == [True, True, False]
    part = ThinkingPart("I see", "p", thinking[-1].signature, "m")
    sent = body_of(context, (*HELLO, Message(Role.ASSISTANT, (part, TextPart("Hi"))), *HELLO))["messages"][1]
    whole = {"type": "reasoning.text", "text": "I see", "signature": "sig\u2028", "format": "anthropic-claude-v1",
             "index": 0}  # fmt: skip
    assert sent["reasoning_details"] == [whole, pieces[3]]


def test_details_of_a_whole_reply_are_kept_as_they_came() -> None:
    context = quirky(Quirks(echo_reasoning=ReasoningEcho.DETAILS))
    details = [{"type": "reasoning.summary", "summary": "s"}, {"type": "reasoning.summary", "summary": "t"}]
    message = {"role": "assistant", "content": "Hi", "reasoning": "st", "reasoning_details": details}
    reply = refusal(200, {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    signed = [e for e in OPENAI.decode_whole(reply, context) if isinstance(e, ThinkingDelta) and e.signature]
    assert orjson.loads(signed[0].signature or "") == details
    assert not [
        e for e in OPENAI.decode_whole(reply, quirky()) if isinstance(e, ThinkingDelta) and e.signature
    ]


def test_trap_9_geminis_thought_signature_goes_back_with_its_call() -> None:
    extra = {"google": {"thought_signature": "c2ln"}}
    call = {"id": "1", "function": {"name": "f", "arguments": "{}"}, "extra_content": extra}
    events = decode(chunk({"tool_calls": [call]}), chunk({}, "stop"), DONE)
    (told,) = [event for event in events if isinstance(event, ToolCallDelta)]
    assert told.signature == "c2ln"
    part = ToolCallPart("1", "f", "{}", told.signature, "p")
    messages = (*HELLO, Message(Role.ASSISTANT, (part,)), Message(Role.TOOL, (ToolResultPart("1", "r"),)))
    assert body_of(quirky(), messages)["messages"][1]["tool_calls"][0]["extra_content"] == extra
    elsewhere = (*HELLO, Message(Role.ASSISTANT, (replace(part, provider="q"),)), messages[-1])
    assert "extra_content" not in body_of(quirky(), elsewhere)["messages"][1]["tool_calls"][0]


def test_a_long_tool_call_is_seen_to_grow() -> None:
    decoder = OPENAI.stream_decoder(quirky())
    seen = []
    for index in range(3):
        fragment = {"index": 0, "id": "1", "function": {"name": "f", "arguments": str(index)}}
        decoder.feed(chunk({"tool_calls": [fragment]}))
        seen.append(decoder.pieces_seen)
    decoder.feed(b": keep-alive\n\n")
    decoder.feed(chunk({}))
    assert [*seen, decoder.pieces_seen] == [1, 2, 3, 3]


@given(
    effort=st.sampled_from([None, *Effort]),
    control=st.sampled_from(ThinkingControl),
    echo=st.sampled_from(ReasoningEcho),
    temperature=st.none() | st.floats(-5, 5),
    limit=st.none() | st.integers(1, 10**9),
)
def test_every_request_can_be_sent(
    effort: Effort | None,
    control: ThinkingControl,
    echo: ReasoningEcho,
    temperature: float | None,
    limit: int | None,
) -> None:
    context = quirky(Quirks(echo_reasoning=echo), thinking=control, max_output_tokens=4096)
    body = body_of(context, tool_turn(OWN), effort=effort, temperature=temperature, max_output_tokens=limit)
    assert body.get("max_tokens", 1) <= 4096
    assert 0 <= body.get("temperature", 0) <= 2
