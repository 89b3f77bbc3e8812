"""Streamed replies as Anthropic and those that imitate it send them, with the traps that people fell into (numbers
are those of the project's list of provider traps)."""

from __future__ import annotations

import pytest
from tests.support.anthropic_wire import (
    DONE,
    block,
    context_of,
    decode,
    event,
    start,
    stop,
    text,
    thinking,
    tool_use,
)
from tests.support.openai_wire import calls_in, text_in, thinking_in, usage_in

from trunkline.domain.events import Finished, Started, TextDelta, ThinkingDelta, ToolCallDelta, UsageSeen
from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.domain.routes import Quirks
from trunkline.providers.anthropic.wire import ANTHROPIC

UNTIL_HEL = (
    b"event: message_start\n"
    b'data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":'
    b'[],"stop_reason":null,"usage":{"input_tokens":5,"cache_read_input_tokens":1000,"cache_creation_input_tokens":0,'
    b'"output_tokens":1}}}\n\n'
    b'event: ping\ndata: {"type":"ping"}\n\n'
    b"event: content_block_start\n"
    b'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}\n\n'
)
DIES = (
    b"event: error\n"
    b'data: {"type":"error","error":{"details":null,"type":"overloaded_error","message":"Overloaded"},'
    b'"request_id":"req_1"}\n\n'
)
ENDS = (
    b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
    b"event: message_delta\n"
    b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
    b'"usage":{"output_tokens":12}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)


def fault_of(*pieces: bytes, quirks: Quirks | None = None) -> Fault:
    last = decode(*pieces, context=context_of(quirks=quirks))[-1]
    assert isinstance(last, Fault)
    return last


def test_trap_5_a_stream_that_dies_is_no_answer() -> None:
    """sample: Anthropic stream that dies."""
    started, said, usage, fault = decode(UNTIL_HEL, DIES)
    assert (started, said) == (Started("m"), TextDelta("Hel"))
    assert usage == UsageSeen(Usage(1005, 1, cached_tokens=1000, written_tokens=0))
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.scope) == (FaultKind.OVERLOADED, FaultScope.MODEL)
    assert (fault.code, fault.provider_text) == ("overloaded_error", "Overloaded")


def test_trap_6_usage_is_cumulative_and_the_input_includes_the_cache() -> None:
    """sample: the normal end of that stream."""
    assert decode(UNTIL_HEL, ENDS) == [
        Started("m"),
        TextDelta("Hel"),
        UsageSeen(Usage(1005, 12, cached_tokens=1000, written_tokens=0)),
        Finished(FinishReason.STOP),
    ]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        pytest.param(
            {"input_tokens": 8834, "output_tokens": 0},
            {"input_tokens": 18, "output_tokens": 426, "cache_creation_input_tokens": 0,
             "cache_read_input_tokens": 8831},
            Usage(8849, 426, cached_tokens=8831, written_tokens=0), id="the-split-comes-late-and-replaces"),
        pytest.param(
            {"input_tokens": 8834, "output_tokens": 0},
            {"input_tokens": 8834, "output_tokens": 426, "cache_read_input_tokens": 8831},
            Usage(8834, 426, cached_tokens=8831), id="trap 6: a gateway's input includes the cache"),
        pytest.param(
            {"input_tokens": 8834}, {"output_tokens": 426, "cache_read_input_tokens": 8831},
            Usage(8834, 426, cached_tokens=8831), id="trap 6: the same, told once"),
        pytest.param(
            {"input_tokens": 9000, "cache_read_input_tokens": 1000, "output_tokens": 1},
            {"input_tokens": 9000, "cache_read_input_tokens": 1000, "output_tokens": 7},
            Usage(10_000, 7, cached_tokens=1000), id="more-fresh-than-cached-is-not-taken-for-it"),
        pytest.param(
            {"input_tokens": 0, "output_tokens": 0}, {"input_tokens": 31, "output_tokens": 4},
            Usage(31, 4), id="zeros-at-first"),
        pytest.param(
            {"input_tokens": 31, "output_tokens": 1},
            {"input_tokens": 0, "output_tokens": 4, "cache_read_input_tokens": None},
            Usage(31, 4), id="zeros-and-nulls-at-last"),
        pytest.param(
            {"input_tokens": 5, "cache_creation_input_tokens": 2000,
             "cache_creation": {"ephemeral_5m_input_tokens": 2000}},
            {"output_tokens": 40, "output_tokens_details": {"thinking_tokens": 30}},
            Usage(2005, 40, written_tokens=2000, reasoning_tokens=30), id="written-and-thought"),
    ],
)  # fmt: skip
def test_trap_6_usage(first: dict[str, object], last: dict[str, object], expected: Usage) -> None:
    ending = event("message_delta", delta={"stop_reason": "end_turn"}, usage=last)
    assert usage_in(decode(start(first), text("Hi"), ending, DONE)) == expected


def test_usage_that_is_none_is_not_told() -> None:
    ending = event("message_delta", delta={"stop_reason": "end_turn"}, usage="?")
    events = decode(start({"input_tokens": -1, "output_tokens": 1.5}), text("Hi"), ending, DONE)
    assert events == [Started("m"), TextDelta("Hi"), Finished(FinishReason.STOP)]


def test_trap_18_the_end_of_the_bytes_is_not_the_end_of_the_answer() -> None:
    fault = fault_of(UNTIL_HEL)
    assert (fault.kind, fault.code, fault.scope) == (FaultKind.NETWORK, FaultCode.CUT, FaultScope.MODEL)
    assert fault_of(UNTIL_HEL, DONE).code == FaultCode.CUT
    assert fault_of(UNTIL_HEL, stop(None), DONE).code == FaultCode.CUT


def test_a_stop_reason_without_the_terminator_is_an_end() -> None:
    decoder = ANTHROPIC.stream_decoder(context_of())
    decoder.feed(UNTIL_HEL)
    assert not decoder.finish_seen
    decoder.feed(stop())
    assert (decoder.finish_seen, decoder.finished) == (True, False)
    assert list(decoder.close())[-1] == Finished(FinishReason.STOP)
    assert decoder.finished


def test_nothing_is_read_after_the_terminator() -> None:
    decoder = ANTHROPIC.stream_decoder(context_of())
    decoder.feed(UNTIL_HEL + ENDS + DIES)
    assert decoder.finished
    assert (decoder.feed(DIES), decoder.close()) == ((), ())


def test_trap_17_lines_end_at_line_ends_only() -> None:
    said = "a\u2028b\u2029c\u0085d"
    assert text_in(decode(start(), text("x", said), stop(), DONE)) == "xabcd"
    crlf = (start() + text("漢", "字") + stop() + DONE).replace(b"\n", b"\r\n")
    assert text_in(decode(*(crlf[at : at + 1] for at in range(len(crlf))))) == "漢字"


def test_events_may_lack_their_name_or_the_space_after_it() -> None:
    stream = start() + text("Hi", "!") + stop() + DONE
    bare = b"\n\n".join(one.partition(b"\n")[2] for one in stream.split(b"\n\n"))
    assert bare.count(b"event:") == 0
    tight = stream.replace(b"event: ", b"event:").replace(b"data: ", b"data:")
    assert decode(bare) == decode(tight) == decode(stream)


def test_what_is_not_known_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    events = decode(
        event("ping"),
        start(),
        event("content_block_start", index=0, content_block={"type": "server_tool_use", "id": "s", "name": "w"}),
        event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": "{"}),
        block(1, {"type": "web_search_tool_result", "content": []}),
        event("vendor_event", text="?"),
        b"event: content_block_delta\ndata: {broken\n\n",
        b"event: content_block_delta\ndata: [1]\n\n",
        b": keep-alive\n\n",
        event("content_block_delta", index=2, delta={"type": "citations_delta", "citation": {}}),
        event("content_block_delta", index=2, delta={"type": "text_delta", "text": "Hi"}, vendor=1),
        event("content_block_delta", index=2, delta=None),
        stop(),
        DONE,
    )  # fmt: skip
    assert [e for e in events if not isinstance(e, UsageSeen)] == [
        Started("m"),
        TextDelta("Hi"),
        Finished(FinishReason.STOP),
    ]
    assert "no JSON, of 7 bytes" in caplog.text
    assert "broken" not in caplog.text


def test_thinking_comes_with_what_its_provider_wants_back() -> None:
    events = decode(
        start(),
        thinking("First ", "this.", signature="c2ln"),
        block(1, {"type": "redacted_thinking", "data": "b3BhcXVl"}),
        text("Hi", index=2),
        stop(),
        DONE,
    )
    assert events[1:6] == [
        ThinkingDelta("First "),
        ThinkingDelta("this."),
        ThinkingDelta("", "c2ln"),
        ThinkingDelta("", "b3BhcXVl", redacted=True),
        TextDelta("Hi"),
    ]


def test_thinking_not_shown_still_has_its_signature() -> None:
    events = decode(start(), thinking(signature="c2ln"), text("Hi", index=1), stop(), DONE)
    assert events[1:3] == [ThinkingDelta("", "c2ln"), TextDelta("Hi")]


def test_a_signature_is_dropped_with_the_text_it_no_longer_fits() -> None:
    events = decode(
        start(), thinking("a\x1b[31mb", signature="bad"), thinking("c", signature="good", index=1), text("Hi"), stop()
    )  # fmt: skip
    assert thinking_in(events) == "abc"
    assert [e.signature for e in events if isinstance(e, ThinkingDelta) and e.signature] == ["good"]


def test_thinking_in_tags_of_the_text() -> None:
    """What MiniMax sends, were it to do so here as well."""
    tagged = context_of(quirks=Quirks(think_tags=True))
    events = decode(start(), text("<th", "ink>hm</think>", "Hi"), stop(), DONE, context=tagged)
    assert (thinking_in(events), text_in(events)) == ("hm", "Hi")


def test_tool_calls_are_told_whole() -> None:
    events = decode(
        start(),
        text("Let me look."),
        tool_use('{"city"', ': "Oslo"}', index=1),
        tool_use(index=2, call_id="toolu_2", name="now"),
        stop("tool_use"),
        DONE,
    )
    assert calls_in(events) == [
        ("toolu_1", "weather", '{"city": "Oslo"}'),
        ("toolu_2", "now", "{}"),
    ]
    assert events[-1] == Finished(FinishReason.TOOL_CALLS)
    assert [e.index for e in events if isinstance(e, ToolCallDelta)] == [0, 1]


def test_a_tool_call_may_come_with_its_input() -> None:
    whole = block(0, {"type": "tool_use", "id": "t", "name": "weather", "input": {"city": "Oslo"}})
    assert calls_in(decode(start(), whole, stop("end_turn"), DONE)) == [("t", "weather", '{"city":"Oslo"}')]


def test_a_call_cut_short_is_never_told() -> None:
    begun = tool_use('{"city": "Os')
    assert calls_in(decode(start(), begun)) == []
    cut_by_limit = decode(start(), text("Hm"), begun, stop("max_tokens"), DONE)
    assert calls_in(cut_by_limit) == []
    assert cut_by_limit[-1] == Finished(FinishReason.LENGTH)


def test_pieces_held_back_are_counted() -> None:
    decoder = ANTHROPIC.stream_decoder(context_of())
    seen = []
    for piece in (
        start(),
        event("ping"),
        event("content_block_start", index=0, content_block={"type": "tool_use", "id": "t", "name": "f"}),
        event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": ""}),
        event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": '{"a":'}),
        event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": "1}"}),
        event("content_block_delta", index=1, delta={"type": "text_delta", "text": ""}),
        event("content_block_delta", index=1, delta={"type": "text_delta", "text": "a"}),
        event("content_block_delta", index=1, delta={"type": "text_delta", "text": "b"}),
        event("content_block_delta", index=2, delta={"type": "thinking_delta", "thinking": "c"}),
    ):
        decoder.feed(piece)
        seen.append(decoder.pieces_seen)
    assert seen == [0, 0, 1, 1, 2, 3, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", FinishReason.STOP),
        ("stop_sequence", FinishReason.STOP),
        ("max_tokens", FinishReason.LENGTH),
        ("model_context_window_exceeded", FinishReason.LENGTH),
        ("pause_turn", FinishReason.LENGTH),
        ("something_new", FinishReason.STOP),
    ],
)
def test_stop_reasons(reason: str, expected: FinishReason) -> None:
    assert decode(start(), text("Hi"), stop(reason), DONE)[-1] == Finished(expected)


@pytest.mark.parametrize("said", [(), ("Well, ",)], ids=["at-once", "after-some-text"])
def test_a_refusal_is_a_fault_with_the_providers_reason(said: tuple[str, ...]) -> None:
    details = {"type": "refusal", "category": "bio", "explanation": "It could \x1b[1mharm\x1b[0m."}
    fault = fault_of(start(), text(*said), stop("refusal", stop_details=details), DONE)
    assert (fault.kind, fault.scope, fault.code) == (FaultKind.CONTENT, FaultScope.REQUEST, "refusal")
    assert fault.provider_text == "It could harm."
    assert "bio" in fault.evidence
    assert fault_of(start(), stop("refusal", stop_details={"category": "cyber"})).provider_text == "cyber"
    assert fault_of(start(), stop("refusal")).provider_text == ""


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        pytest.param((), FaultCode.EMPTY, id="nothing"),
        pytest.param((text(" \n"),), FaultCode.EMPTY, id="white-space"),
        pytest.param((thinking("hm", signature="s"),), FaultCode.EMPTY, id="trap 27: nothing but thinking"),
        pytest.param((tool_use('{"a'),), FaultCode.EMPTY, id="half-a-call"),
    ],
)
def test_an_empty_answer_is_a_fault(pieces: tuple[bytes, ...], code: str) -> None:
    fault = fault_of(start(), *pieces, stop("max_tokens"), DONE)
    assert (fault.kind, fault.scope, fault.code) == (FaultKind.NETWORK, FaultScope.MODEL, code)


def test_a_window_full_before_the_first_word_is_a_prompt_too_long() -> None:
    fault = fault_of(start(), stop("model_context_window_exceeded"), DONE)
    assert (fault.kind, fault.scope) == (FaultKind.CONTEXT, FaultScope.REQUEST)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        pytest.param(
            b'data: {"type":"error","error":{"type":"rate_limit_error","message":"slow"}}',
            FaultKind.RATE_MINUTE, id="without-a-name"),
        pytest.param(
            b'event: error\ndata: {"error":{"type":"api_error","message":"insufficient balance (1008)"}}',
            FaultKind.BILLING, id="trap 13(b): MiniMax"),
        pytest.param(
            b'data: {"type":"error","error":{"type":"1113","code":"1310","message":'
            b'"[1310][Weekly limit. Your limit will reset at 2026-11-21 05:38:28][r]"}}',
            FaultKind.QUOTA_WINDOW, id="zai"),
        pytest.param(
            b'data: {"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}',
            FaultKind.BILLING, id="trap 13: MiniMax's own shape"),
    ],
)  # fmt: skip
def test_trap_5_errors_in_other_shapes(data: bytes, kind: FaultKind) -> None:
    assert fault_of(UNTIL_HEL, data + b"\n\n").kind is kind


def test_an_event_too_large_to_be_one_is_a_fault() -> None:
    decoder = ANTHROPIC.stream_decoder(context_of())
    piece = b"x" * 1_000_000
    events = [e for _ in range(20) for e in decoder.feed(piece)]
    (fault,) = events
    assert isinstance(fault, Fault)
    assert fault.code == FaultCode.MALFORMED
