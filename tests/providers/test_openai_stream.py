"""Streamed replies as OpenAI-shaped providers send them, with the traps that people fell into (numbers are those of
the project's list of provider traps)."""

from __future__ import annotations

import pytest
from tests.support.openai_wire import (
    DONE,
    calls_in,
    chunk,
    context_of,
    decode,
    event,
    text_in,
    thinking_in,
    usage_in,
)

from trunkline.domain.events import Finished, Started, TextDelta, ThinkingDelta, ToolCallDelta, UsageSeen
from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.domain.routes import Quirks
from trunkline.providers.openai.wire import OPENAI

STOP = chunk({}, "stop")

SAMPLE = (
    b'data: {"id":"c1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"role":"assistant",'
    b'"content":""},"finish_reason":null}],"usage":null}\n\n'
    b'data: {"id":"c1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"Hi"},'
    b'"finish_reason":null}],"usage":null}\n\n'
    b'data: {"id":"c1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{},'
    b'"finish_reason":"stop"}],"usage":null}\n\n'
    b'data: {"id":"c1","object":"chat.completion.chunk","model":"m","choices":[],"usage":{"prompt_tokens":9,'
    b'"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":0},'
    b'"completion_tokens_details":{"reasoning_tokens":3}}}\n\n'
    b"data: [DONE]\n\n"
)


def fault_of(*pieces: bytes, quirks: Quirks | None = None) -> Fault:
    last = decode(*pieces, context=context_of(quirks=quirks))[-1]
    assert isinstance(last, Fault)
    return last


def test_trap_1_usage_chunk_without_choices() -> None:
    assert decode(SAMPLE) == [
        Started("m"),
        TextDelta("Hi"),
        UsageSeen(Usage(9, 4, cached_tokens=0, reasoning_tokens=3)),
        Finished(FinishReason.STOP),
    ]


KIMI_LAST = {"index": 0, "delta": {}, "finish_reason": "stop"}
KIMI_USAGE = {"prompt_tokens": 19, "completion_tokens": 13, "total_tokens": 32, "cached_tokens": 12}


@pytest.mark.parametrize("repeated", [False, True])
def test_trap_2_usage_inside_the_choice_is_taken_once(repeated: bool) -> None:
    pieces = [chunk({"content": "Hi"}), event({"choices": [{**KIMI_LAST, "usage": KIMI_USAGE}]})]
    if repeated:
        pieces.append(event({"choices": [], "usage": KIMI_USAGE}))
    assert usage_in(decode(*pieces, DONE)) == Usage(19, 13, cached_tokens=12)


def test_trap_3_error_instead_of_choices_inside_a_200() -> None:
    fault = fault_of(event({"error": {"code": 502, "message": "Provider returned error"}}))
    assert (fault.kind, fault.scope) == (FaultKind.OVERLOADED, FaultScope.MODEL)


def test_trap_4_comments_and_the_error_chunk_that_ends_an_answer() -> None:
    first = b": OPENROUTER PROCESSING\n\n" + chunk({"role": "assistant", "content": "Hi", "reasoning": None})
    last = chunk({"content": ""}, "error", error={"code": "server_error", "message": "Provider disconnected"})
    events = decode(first, last)
    assert events[:2] == [Started("m"), TextDelta("Hi")]
    fault = events[-1]
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.provider_text) == (FaultKind.OVERLOADED, "Provider disconnected")


def test_trap_9_tool_calls_without_index_and_finish_stop() -> None:
    def call(call_id: str, city: str) -> dict[str, object]:
        return {
            "id": call_id,
            "type": "function",
            "function": {"name": "weather", "arguments": f'{{"c":"{city}"}}'},
        }

    events = decode(
        chunk({"role": "assistant", "tool_calls": [call("a", "Oslo")]}),
        chunk({"tool_calls": [call("b", "Rome")]}),
        STOP,
        DONE,
    )
    assert calls_in(events) == [("a", "weather", '{"c":"Oslo"}'), ("b", "weather", '{"c":"Rome"}')]
    assert events[-1] == Finished(FinishReason.TOOL_CALLS)


def test_trap_9_the_same_index_for_two_calls() -> None:
    calls = [{"index": 0, "id": i, "function": {"name": "f", "arguments": "{}"}} for i in ("a", "b")]
    assert [call[0] for call in calls_in(decode(chunk({"tool_calls": calls}), STOP))] == ["a", "b"]


def test_tool_calls_are_gathered_by_index_and_told_only_whole() -> None:
    fragments = [
        {
            "tool_calls": [
                {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
            ]
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"x":'}}]},
        {
            "tool_calls": [
                {"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": ""}}
            ]
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]},
    ]
    decoder = OPENAI.stream_decoder(context_of())
    for fragment in fragments:
        assert not any(isinstance(e, ToolCallDelta) for e in decoder.feed(chunk(fragment)))
    events = [*decoder.feed(chunk({}, "tool_calls") + DONE)]
    assert calls_in(events) == [("a", "f", '{"x":1}'), ("b", "g", "{}")]
    assert events[-1] == Finished(FinishReason.TOOL_CALLS)


def test_a_tool_call_cut_by_the_output_limit_is_not_told() -> None:
    cut = {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x":'}}]}
    events = decode(chunk({"content": "So: "}), chunk(cut), chunk({}, "length"), DONE)
    assert calls_in(events) == []
    assert events[-1] == Finished(FinishReason.LENGTH)


def test_a_tool_call_of_a_cut_stream_is_not_told() -> None:
    whole = {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}]}
    events = decode(chunk(whole))
    assert calls_in(events) == []
    assert events[-1].code == FaultCode.CUT  # type: ignore[union-attr]  # the assertion is that it is a fault


def test_the_old_function_call() -> None:
    events = decode(
        chunk({"function_call": {"name": "f", "arguments": '{"x"'}}),
        chunk({"function_call": {"arguments": ":1}"}}),
        chunk({}, "function_call"),
    )
    assert calls_in(events) == [("call_0", "f", '{"x":1}')]


def test_trap_13_base_resp_inside_the_stream() -> None:
    fault = fault_of(
        event({"choices": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}})
    )
    assert (fault.kind, fault.scope, fault.code) == (FaultKind.BILLING, FaultScope.ACCOUNT, "1008")


def test_trap_14_empty_role() -> None:
    assert text_in(decode(chunk({"role": "", "content": "Hi"}), STOP, DONE)) == "Hi"


THINKING_THEN_TEXT = [
    "<th",
    "ink>",
    "I wo",
    "nder</",
    "think",
    ">\n\n",
    "An answer with </think> and <think>.",
]


@pytest.mark.parametrize(
    "pieces", [THINKING_THEN_TEXT, ["".join(THINKING_THEN_TEXT)], list("".join(THINKING_THEN_TEXT))]
)
def test_thinking_inside_the_content(pieces: list[str]) -> None:
    tagged = context_of(quirks=Quirks(think_tags=True))
    events = decode(*(chunk({"content": piece}) for piece in pieces), STOP, DONE, context=tagged)
    assert thinking_in(events) == "I wonder"
    assert text_in(events) == "An answer with </think> and <think>."
    assert events[-1] == Finished(FinishReason.STOP)


def test_think_tags_are_text_where_the_provider_does_not_use_them() -> None:
    assert (
        text_in(decode(chunk({"content": "<think>"}), chunk({"content": " is a tag"}), STOP))
        == "<think> is a tag"
    )


def test_thinking_that_never_ends_is_no_answer() -> None:
    tagged = Quirks(think_tags=True)
    assert fault_of(chunk({"content": "<think>hm"}), STOP, DONE, quirks=tagged).code == FaultCode.EMPTY


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_trap_28_reasoning_under_either_name(field: str) -> None:
    events = decode(chunk({field: "hm"}), chunk({"content": "Hi"}), STOP, DONE)
    assert (thinking_in(events), text_in(events)) == ("hm", "Hi")


def test_reasoning_told_twice_is_taken_once() -> None:
    details = [{"type": "reasoning.text", "text": "hm"}]
    events = decode(chunk({"reasoning": "hm", "reasoning_details": details}), chunk({"content": "Hi"}), STOP)
    assert thinking_in(events) == "hm"
    assert thinking_in(decode(chunk({"reasoning_details": details}), chunk({"content": "Hi"}), STOP)) == "hm"


def test_content_as_a_list() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    events = decode(
        chunk({"content": [thinking]}), chunk({"content": [{"type": "text", "text": "Hi"}]}), STOP
    )
    assert events[1:3] == [ThinkingDelta("hm"), TextDelta("Hi")]


def test_trap_17_separators_inside_the_text() -> None:
    text = "a\u2028b\u0085c"
    assert text_in(decode(chunk({"content": text}), STOP, DONE)) == "abc"


def test_trap_17_no_space_after_the_colon_and_crlf() -> None:
    stream = (chunk({"content": "Hi"}) + STOP + DONE).replace(b"data: ", b"data:").replace(b"\n", b"\r\n")
    assert text_in(decode(stream)) == "Hi"


@pytest.mark.parametrize(
    "stream", [b"", chunk({"content": "Hi"}), chunk({"content": "Hi"}) + DONE, chunk({"content": "Hi"})[:-9]]
)
def test_trap_18_no_finish_reason_is_a_cut(stream: bytes) -> None:
    fault = fault_of(stream)
    assert (fault.kind, fault.code) == (FaultKind.NETWORK, FaultCode.CUT)


def test_a_missing_terminator_is_no_fault() -> None:
    decoder = OPENAI.stream_decoder(context_of())
    decoder.feed(chunk({"content": "Hi"}))
    assert not decoder.finish_seen
    decoder.feed(STOP)
    assert decoder.finish_seen
    assert not decoder.finished
    assert [*decoder.close()] == [Finished(FinishReason.STOP)]


def test_nothing_follows_the_terminator() -> None:
    decoder = OPENAI.stream_decoder(context_of())
    decoder.feed(chunk({"content": "Hi"}) + STOP + DONE + chunk({"content": "more"}))
    assert decoder.finished
    assert decoder.feed(chunk({"content": "more"})) == ()
    assert decoder.close() == ()


@pytest.mark.parametrize("lead", [{}, {"reasoning_content": "hm"}, {"content": " \n"}])
def test_trap_27_nothing_but_thinking_is_no_answer(lead: dict[str, str]) -> None:
    fault = fault_of(chunk(lead), STOP, DONE)
    assert (fault.kind, fault.scope) == (FaultKind.NETWORK, FaultScope.MODEL)
    assert fault.code in (FaultCode.EMPTY, FaultCode.NOTHING_SAID)


@pytest.mark.parametrize(
    ("finish", "kind"),
    [
        ("sensitive", FaultKind.CONTENT),
        ("content_filter", FaultKind.CONTENT),
        ("network_error", FaultKind.NETWORK),
        ("insufficient_system_resource", FaultKind.OVERLOADED),
        ("error", FaultKind.OVERLOADED),
    ],
)
def test_trap_27_finish_reasons_that_are_failures(finish: str, kind: FaultKind) -> None:
    events = decode(
        chunk({"content": "Hi"}), chunk({}, finish), event({"choices": [], "usage": KIMI_USAGE}), DONE
    )
    assert text_in(events) == "Hi"
    fault = events[-1]
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.code) == (kind, finish)


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", FinishReason.STOP),
        ("length", FinishReason.LENGTH),
        ("model_length", FinishReason.LENGTH),
        ("model_context_window_exceeded", FinishReason.LENGTH),
        ("something_new", FinishReason.STOP),
    ],
)
def test_finish_reasons_that_end_an_answer(finish: str, reason: FinishReason) -> None:
    assert decode(chunk({"content": "Hi"}), chunk({}, finish), DONE)[-1] == Finished(reason)


def test_a_prompt_that_fills_the_window_is_too_long() -> None:
    assert fault_of(chunk({}, "model_context_window_exceeded"), DONE).kind is FaultKind.CONTEXT


def test_a_refusal_is_the_providers_reason_and_no_answer() -> None:
    fault = fault_of(chunk({"refusal": "I cannot "}), chunk({"refusal": "help."}), STOP, DONE)
    assert (fault.kind, fault.scope, fault.provider_text) == (
        FaultKind.CONTENT,
        FaultScope.REQUEST,
        "I cannot help.",
    )


@pytest.mark.parametrize(
    "payload",
    [
        {
            "object": "error",
            "message": "maximum context length is 8192 tokens",
            "type": "BadRequestError",
            "code": 400,
        },
        {"error": {"object": "error", "message": "maximum context length is 8192 tokens", "code": 400}},
        {"error": "This model's maximum context length is 8192 tokens"},
        [{"error": {"code": 400, "message": "maximum context length is 8192 tokens"}}],
    ],
)
def test_trap_28_errors_inside_the_stream_in_every_shape(payload: object) -> None:
    assert fault_of(event(payload)).kind is FaultKind.CONTEXT


def test_an_error_event_without_an_error_key() -> None:
    assert fault_of(b'event: error\ndata: {"message":"overloaded"}\n\n').kind is FaultKind.OVERLOADED


@pytest.mark.parametrize(
    "junk",
    [b"data: {not json\n\n", b"data: 7\n\n", b"data: null\n\n", b"data: []\n\n", b'data: {"choices":[null]}\n\n',
     b'data: {"choices":[{"delta":7}]}\n\n', b'data: {"choices":{"0":1}}\n\n', b"data: \xff\xfe\n\n",
     b'data: {"choices":[{"delta":{"content":{"a":1},"tool_calls":[null,{"index":"x"}]}}]}\n\n',
     b'data: {"usage":[1],"choices":[{"delta":{},"usage":"x"}]}\n\n', b"data: " + b"[" * 100_000 + b"\n\n"],
)  # fmt: skip
def test_malformed_events_are_skipped(junk: bytes) -> None:
    events = decode(junk, chunk({"content": "Hi"}), junk, STOP, DONE)
    assert [e for e in events if not isinstance(e, Started)] == [TextDelta("Hi"), Finished(FinishReason.STOP)]


def test_invalid_characters_do_not_lose_the_text_around_them() -> None:
    broken = b'data: {"choices":[{"delta":{"content":"a\xffb\\ud83dc"}}]}\n\n'
    assert text_in(decode(broken, STOP)) == "a\ufffdbc"


def test_control_characters_never_reach_a_screen() -> None:
    events = decode(chunk({"content": "a\x1b[31mb\x07"}, model="m\x1b]0;x\x07"), STOP)
    assert text_in(events) == "ab"
    assert events[0] == Started("m")


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 4, "prompt_cache_hit_tokens": 6, "prompt_cache_miss_tokens": 3},
         Usage(9, 4, cached_tokens=6)),
        ({"prompt_tokens": 9, "completion_tokens": 4, "cost": 0.00014,
          "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 5}},
         Usage(9, 4, cached_tokens=2, written_tokens=5, cost_pico=140_000_000)),
        ({"prompt_tokens": 9, "completion_tokens": -4, "cost": float("inf")}, Usage(9, None)),
        ({"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": None, "cached_tokens": None},
         Usage(9, 4)),
    ],
)  # fmt: skip
def test_usage_in_one_shape(raw: dict[str, object], usage: Usage) -> None:
    assert usage_in(decode(chunk({"content": "Hi"}), chunk({}, "stop", usage=raw), DONE)) == usage


def test_groq_and_minimax_usage() -> None:
    counted = {"prompt_tokens": 9, "completion_tokens": 4}
    groq = decode(chunk({"content": "Hi"}), chunk({}, "stop", x_groq={"id": "r", "usage": counted}))
    assert usage_in(groq) == Usage(9, 4)
    minimax = decode(chunk({"content": "Hi"}, usage={"total_tokens": 0}), chunk({}, "stop", usage=counted))
    assert usage_in(minimax) == Usage(9, 4)


def test_a_whole_message_repeated_at_the_end_is_taken_once() -> None:
    last = {"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "Hi"}}]}
    assert text_in(decode(chunk({"content": "Hi"}), event(last), DONE)) == "Hi"
