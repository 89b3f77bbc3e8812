"""Streamed replies as Google sends them, with the traps that people fell into (numbers are those of the project's list
of provider traps)."""

from __future__ import annotations

import json

import pytest
from tests.support.gemini_wire import call, chunk, context_of, decode, event, kinds, text
from tests.support.openai_wire import calls_in, text_in, thinking_in, usage_in

from trunkline.domain.events import Finished, Started, TextDelta, ThinkingDelta, ToolCallDelta, UsageSeen
from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.providers.gemini.wire import GEMINI

SAMPLE = (
    b'data: {"candidates":[{"content":{"role":"model","parts":[{"text":"planning","thought":true}]},"index":0}],'
    b'"usageMetadata":{"promptTokenCount":7,"thoughtsTokenCount":20,"totalTokenCount":27},"modelVersion":"m"}\r\n\r\n'
    b'data: {"candidates":[{"content":{"role":"model","parts":[{"text":"Hi"}]},"finishReason":"STOP","index":0}],'
    b'"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":2,"thoughtsTokenCount":20,"totalTokenCount":29},'
    b'"modelVersion":"m"}\r\n\r\n'
)
BLOCKED = (
    b'data: {"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":7,'
    b'"totalTokenCount":7},"modelVersion":"m"}\r\n\r\n'
)
STOP = chunk(finish="STOP")


def fault_of(*pieces: bytes) -> Fault:
    last = decode(*pieces)[-1]
    assert isinstance(last, Fault)
    return last


def test_sample_gemini_stream() -> None:
    assert decode(SAMPLE) == [
        Started("m"),
        ThinkingDelta("planning"),
        TextDelta("Hi"),
        UsageSeen(Usage(7, 22, reasoning_tokens=20)),
        Finished(FinishReason.STOP),
    ]


def test_sample_blocked_trap_7_no_candidates() -> None:
    decoder = GEMINI.stream_decoder(context_of())
    events = [*decoder.feed(BLOCKED)]
    assert decoder.finished
    assert [*decoder.close()] == []
    assert events[:2] == [Started("m"), UsageSeen(Usage(7, 0))]
    fault = events[2]
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.scope) == (FaultKind.CONTENT, FaultScope.REQUEST)
    assert (fault.code, fault.provider_text) == ("prohibited_content", "PROHIBITED_CONTENT")


@pytest.mark.parametrize(
    "reason",
    ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "MODEL_ARMOR", "JAILBREAK", "NEW"],
)
def test_trap_7_whatever_the_reason_of_a_block(reason: str) -> None:
    feedback = {"blockReason": reason, "blockReasonMessage": "not this"}
    fault = fault_of(event({"promptFeedback": feedback, "modelVersion": "m"}))
    assert (fault.kind, fault.provider_text) == (FaultKind.CONTENT, f"{reason}: not this")


@pytest.mark.parametrize(
    "candidate",
    [{"finishReason": "SAFETY"}, {"content": {}, "finishReason": "SAFETY"}],
    ids=["none", "no-parts"],
)
def test_trap_7_a_candidate_without_content(candidate: dict[str, object]) -> None:
    assert fault_of(event({"candidates": [candidate]})).kind is FaultKind.CONTENT


def test_feedback_that_blocks_nothing_is_no_fault() -> None:
    feedback = {"safetyRatings": [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "LOW"}]}
    assert decode(chunk(text("Hi"), promptFeedback=feedback), STOP)[-1] == Finished(FinishReason.STOP)


def test_signatures_of_text_and_of_calls() -> None:
    events = decode(
        chunk(text("planning", thought=True)),
        chunk(text("Hi", thoughtSignature="c2ln")),
        chunk(call("f", {"x": 1}, "a", thoughtSignature="Y2FsbA=="), call("g")),
        chunk(text("", thoughtSignature="ZW5k"), finish="STOP"),
    )
    assert events == [
        Started("m"),
        ThinkingDelta("planning"),
        TextDelta("Hi"),
        ThinkingDelta("", "c2ln"),
        ThinkingDelta("", "ZW5k"),
        ToolCallDelta(0, "a", "f", '{"x":1}', "Y2FsbA=="),
        ToolCallDelta(1, "call_1", "g", "{}"),
        Finished(FinishReason.TOOL_CALLS),
    ]


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ((None, None), ["call_0", "call_1"]),
        (("", "call_0"), ["call_1", "call_0"]),
        (("a", "a"), ["a", "call_1"]),
        (("call_1", None), ["call_1", "call_2"]),
        ((None, "call_0", "call_1", None), ["call_2", "call_0", "call_1", "call_3"]),
    ],
)
def test_every_call_has_an_id_of_its_own(given: tuple[str | None, ...], ids: list[str]) -> None:
    events = decode(chunk(*(call("f", call_id=one) for one in given), finish="STOP"))
    assert [one[0] for one in calls_in(events)] == ids


def test_calls_are_told_only_once_the_answer_is_whole() -> None:
    decoder = GEMINI.stream_decoder(context_of())
    assert kinds(decoder.feed(chunk(call("f")))) == ["Started"]
    assert decoder.pieces_seen == 1  # the transport hears that the provider is not silent
    cut = decoder.close()
    assert [type(one) for one in cut] == [Fault]


def test_no_ping_counts_as_content() -> None:
    decoder = GEMINI.stream_decoder(context_of())
    decoder.feed(b": ping\r\n\r\n" + chunk() + chunk(text("")))
    assert decoder.pieces_seen == 0
    decoder.feed(chunk(text("a")) + chunk(text("b")) + chunk(text("c", thought=True)))
    assert decoder.pieces_seen == 3


@pytest.mark.parametrize(
    ("finish", "kind", "scope"),
    [
        *((reason, FaultKind.CONTENT, FaultScope.REQUEST) for reason in (
            "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "MODEL_ARMOR", "ESCALATION")),
        *((reason, FaultKind.NETWORK, FaultScope.MODEL) for reason in (
            "OTHER", "LANGUAGE", "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS",
            "MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE", "IMAGE_OTHER", "NO_IMAGE")),
        ("PUP_LIMITED_DISABLED", FaultKind.ENTITLEMENT, FaultScope.ACCOUNT),
    ],
)  # fmt: skip
def test_finish_reasons_that_are_failures(finish: str, kind: FaultKind, scope: FaultScope) -> None:
    candidate = {"finishReason": finish, "finishMessage": "because", "index": 0}
    counted = {"promptTokenCount": 7, "candidatesTokenCount": 1}
    last = event({"candidates": [candidate], "usageMetadata": counted})
    events = decode(chunk(text("Hi"), call("f")), last)
    assert (text_in(events), calls_in(events), usage_in(events)) == ("Hi", [], Usage(7, 1))
    fault = events[-1]
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.scope, fault.code, fault.provider_text) == (
        kind, scope, finish.lower(), "because")  # fmt: skip


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("STOP", FinishReason.STOP),
        ("MAX_TOKENS", FinishReason.LENGTH),
        ("CONTINUATION", FinishReason.LENGTH),
        ("SOMETHING_NEW", FinishReason.STOP),
    ],
)
def test_finish_reasons_that_end_an_answer(finish: str, reason: FinishReason) -> None:
    assert decode(chunk(text("Hi")), chunk(finish=finish))[-1] == Finished(reason)


@pytest.mark.parametrize(
    "lead", [(), (text("hm", thought=True),), (text(" \n"),)], ids=["", "thought", "blank"]
)
@pytest.mark.parametrize("finish", ["STOP", "MAX_TOKENS"])
def test_nothing_said_is_no_answer(lead: tuple[dict[str, object], ...], finish: str) -> None:
    fault = fault_of(chunk(*lead, finish=finish))
    assert (fault.kind, fault.scope) == (FaultKind.NETWORK, FaultScope.MODEL)
    assert fault.code in (FaultCode.EMPTY, FaultCode.NOTHING_SAID)
    assert ("output limit" in fault.message) is (finish == "MAX_TOKENS")


@pytest.mark.parametrize(
    "stream",
    [b"", chunk(text("Hi")), chunk(text("Hi"))[:-9], chunk(text("Hi"), finish="FINISH_REASON_UNSPECIFIED")],
    ids=["nothing", "no-finish", "mid-event", "unspecified"],
)
def test_trap_18_no_finish_reason_is_a_cut(stream: bytes) -> None:
    fault = fault_of(stream)
    assert (fault.kind, fault.code) == (FaultKind.NETWORK, FaultCode.CUT)


def test_a_cut_answer_still_tells_the_usage_seen() -> None:
    events = decode(
        chunk(text("a")), chunk(text("b"), usage={"promptTokenCount": 7, "candidatesTokenCount": 2})
    )
    assert usage_in(events) == Usage(7, 2)


def test_the_end_of_the_connection_is_the_terminator() -> None:
    decoder = GEMINI.stream_decoder(context_of())
    decoder.feed(chunk(text("Hi")))
    assert not decoder.finish_seen
    decoder.feed(STOP)
    assert decoder.finish_seen
    assert not decoder.finished
    decoder.feed(event({"usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 2}}))
    assert [*decoder.close()] == [UsageSeen(Usage(7, 2)), Finished(FinishReason.STOP)]
    assert decoder.finished
    assert [*decoder.feed(chunk(text("more")))] == []
    assert [*decoder.close()] == []


def test_a_last_event_without_its_blank_line_counts() -> None:
    assert decode(chunk(text("Hi")) + STOP.rstrip())[-1] == Finished(FinishReason.STOP)


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        ({"promptTokenCount": 9, "cachedContentTokenCount": 6, "candidatesTokenCount": 4, "thoughtsTokenCount": 3,
          "toolUsePromptTokenCount": 5, "totalTokenCount": 21}, Usage(14, 7, cached_tokens=6, reasoning_tokens=3)),
        ({"promptTokenCount": 9, "totalTokenCount": 9}, Usage(9, 0)),
        ({"promptTokenCount": 9, "thoughtsTokenCount": 3}, Usage(9, 3, reasoning_tokens=3)),
        ({"promptTokenCount": 9}, Usage(9, None)),
        ({"promptTokenCount": 9, "candidatesTokenCount": -4, "totalTokenCount": "x"}, Usage(9, None)),
    ],
    ids=["all", "zeros-are-not-sent", "thoughts-only", "no-total", "junk"],
)  # fmt: skip
def test_usage_in_one_shape(raw: dict[str, object], usage: Usage) -> None:
    early = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    assert usage_in(decode(chunk(text("Hi"), usage=early), chunk(finish="STOP", usage=raw))) == usage


@pytest.mark.parametrize("raw", [{}, {"promptTokenCount": 0}, [1], "x", None])
def test_usage_that_says_nothing(raw: object) -> None:
    assert kinds(decode(chunk(text("Hi"), finish="STOP", usageMetadata=raw))) == [
        "Started", "TextDelta", "Finished"]  # fmt: skip


ERROR = {"error": {"code": 503, "status": "UNAVAILABLE", "message": "The model is overloaded."}}


@pytest.mark.parametrize(
    "payload", [ERROR, [ERROR], {**ERROR, "candidates": []}], ids=["bare", "array", "beside"]
)
def test_an_error_inside_a_200_stream(payload: object) -> None:
    events = decode(chunk(text("Hi"), usage={"promptTokenCount": 3}), event(payload), STOP)
    assert kinds(events) == ["Started", "TextDelta", "UsageSeen", "Fault"]
    fault = events[-1]
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.provider_text) == (FaultKind.OVERLOADED, "The model is overloaded.")


@pytest.mark.parametrize("indent", [None, 2])
def test_an_error_that_is_no_event_as_the_api_sends_it_in_the_middle_of_an_answer(indent: int | None) -> None:
    begun = event({"candidates": [{"content": {"parts": [{"text": "Half an"}]}}]})
    bare = json.dumps(ERROR, indent=indent).encode()
    for end in (b"\r\n\r\n", b"\n", b""):
        assert fault_of(begun + bare + end).kind is FaultKind.OVERLOADED


def test_a_limit_hit_inside_a_200_stream() -> None:
    error = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Please retry in 5s."}}
    fault = fault_of(event(error))
    assert fault.kind is FaultKind.RATE_MINUTE
    assert fault.usable_at_ms == context_of().now_ms + 5_000


@pytest.mark.parametrize(
    "junk",
    [b"data: {not json\n\n", b"data: 7\n\n", b"data: null\n\n", b"data: []\n\n", b"data: [7]\n\n",
     b'data: {"candidates":[null]}\n\n', b'data: {"candidates":{"0":1}}\n\n', b"data: \xff\xfe\n\n",
     b'data: {"candidates":[{"content":7}]}\n\n', b'data: {"candidates":[{"content":{"parts":7}}]}\n\n',
     b'data: {"candidates":[{"content":{"parts":[7,null,{"text":7},{"functionCall":7}]}}]}\n\n',
     b'data: {"candidates":[{"content":{"parts":[{"functionCall":{"args":[1]}}]},"finishReason":{"a":1}}]}\n\n',
     b'data: {"promptFeedback":7,"usageMetadata":0}\n\n', b"data: " + b"[" * 100_000 + b"\n\n"],
)  # fmt: skip
def test_malformed_events_are_skipped(junk: bytes) -> None:
    events = decode(junk, chunk(text("Hi")), junk, STOP)
    assert [e for e in events if not isinstance(e, Started)] == [TextDelta("Hi"), Finished(FinishReason.STOP)]


def test_other_parts_are_passed_over() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "1"}}
    image = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
    assert text_in(decode(chunk(code, text("a"), image), chunk(text("b"), code, finish="STOP"))) == "ab"


def test_trap_17_separators_inside_the_text() -> None:
    raw = '{"candidates":[{"content":{"parts":[{"text":"a\u2028b\u2029\u0085c"}]},"finishReason":"STOP"}]}'
    assert text_in(decode(b"data: " + raw.encode() + b"\r\n\r\n")) == "abc"


def test_trap_17_no_space_after_the_colon() -> None:
    assert text_in(decode((chunk(text("Hi")) + STOP).replace(b"data: ", b"data:"))) == "Hi"


def test_control_characters_never_reach_a_screen() -> None:
    said = text("a\x1b[31mb\x07")
    events = decode(
        chunk(said, said, modelVersion="m\x1b]0;x\x07"), chunk(said), chunk(text("t\x07", thought=True)), STOP
    )
    assert (text_in(events), thinking_in(events), events[0]) == ("ababab", "t", Started("m"))


def test_invalid_characters_do_not_lose_the_text_around_them() -> None:
    broken = b'data: {"candidates":[{"content":{"parts":[{"text":"a\xffb\\ud83dc"}]}}]}\n\n'
    assert text_in(decode(broken, STOP)) == "a\ufffdbc"


def test_arguments_that_no_strict_reader_takes() -> None:
    called = b'{"functionCall":{"name":"f","args":{"x":"a\\ud83d","n":%d}}}'
    broken = b'data: {"candidates":[{"content":{"parts":[' + called + b"]}}]}\n\n"
    ((_, name, arguments),) = calls_in(decode(broken % 10**30, STOP))
    assert name == "f"
    assert '"n"' in arguments
