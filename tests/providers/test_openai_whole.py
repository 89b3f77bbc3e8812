"""Unstreamed replies of status 200, among them those that are failures."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.openai_wire import (
    DONE,
    calls_in,
    chunk,
    context_of,
    refusal,
    text_in,
    thinking_in,
    usage_in,
)

from trunkline.domain.events import Finished, Started, WireEvent
from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.domain.routes import Quirks
from trunkline.providers.openai.whole import decode_whole
from trunkline.providers.registry import protocol_named


def answer(message: dict[str, object], finish: str | None = "stop", **top: object) -> dict[str, object]:
    return {"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": finish}], **top}


def decode(
    body: object, headers: dict[str, str] | None = None, *, think_tags: bool = False
) -> list[WireEvent]:
    return [*decode_whole(refusal(200, body, headers), context_of(quirks=Quirks(think_tags=think_tags)))]


def fault_of(body: object, headers: dict[str, str] | None = None) -> Fault:
    last = decode(body, headers)[-1]
    assert isinstance(last, Fault)
    return last


def test_an_answer() -> None:
    events = decode(
        answer({"role": "assistant", "content": "Hi", "refusal": None, "reasoning_content": "hm"},
               usage={"prompt_tokens": 9, "completion_tokens": 4}),
        {"x-ratelimit-remaining-requests": "7"},
    )  # fmt: skip
    assert isinstance(events[0], Started)
    assert events[0].served_model == "m"
    assert events[0].readings == ()  # the transport has read the head, and told of its limits, already
    assert (thinking_in(events), text_in(events), usage_in(events)) == ("hm", "Hi", Usage(9, 4))
    assert events[-1] == Finished(FinishReason.STOP)


def test_tool_calls() -> None:
    calls = [
        {"id": i, "type": "function", "function": {"name": "f", "arguments": "{}"}} for i in ("a", "a", "b")
    ]
    events = decode(answer({"content": None, "tool_calls": calls}))
    assert calls_in(events) == [("a", "f", "{}"), ("a", "f", "{}"), ("b", "f", "{}")]
    assert events[-1] == Finished(FinishReason.TOOL_CALLS)


def test_thinking_inside_the_content() -> None:
    events = decode(answer({"content": "<think>\nhm</think>\n\nHi"}), think_tags=True)
    assert (thinking_in(events).strip(), text_in(events)) == ("hm", "Hi")


def test_keep_alive_lines_before_the_json() -> None:
    assert text_in(decode(b"\n\n\r\n\n" + orjson.dumps(answer({"content": "Hi"})))) == "Hi"


def test_a_stream_that_nobody_asked_for() -> None:
    assert text_in(decode(b": hello\n\n" + chunk({"content": "Hi"}) + chunk({}, "stop") + DONE)) == "Hi"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"code": 502, "message": "Provider returned error"}}, FaultKind.OVERLOADED),
        (
            {"choices": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}},
            FaultKind.BILLING,
        ),
        ({"object": "error", "message": "maximum context length is 8192", "code": 400}, FaultKind.CONTEXT),
        ([{"error": {"code": 404, "status": "NOT_FOUND", "message": "not found"}}], FaultKind.ENTITLEMENT),
        ({"code": 401, "msg": "token expired or incorrect", "success": False}, FaultKind.AUTH),
        ({"error": "The model is overloaded"}, FaultKind.OVERLOADED),
    ],
)
def test_errors_inside_a_200(body: object, kind: FaultKind) -> None:
    assert fault_of(body).kind is kind


@pytest.mark.parametrize(
    "body",
    [
        b"", b" \n", {"model": "m", "choices": None}, {"model": "m", "choices": []}, {},
        answer({"content": ""}), answer({"content": " \n"}), answer({"content": None, "reasoning_content": "hm"}),
        answer({"content": None}, "length"), answer({}),
    ],
)  # fmt: skip
def test_trap_27_an_empty_answer_is_a_fault(body: object) -> None:
    fault = fault_of(body)
    assert (fault.kind, fault.scope) == (FaultKind.NETWORK, FaultScope.MODEL)
    assert fault.code in (FaultCode.EMPTY, FaultCode.NOTHING_SAID)


@pytest.mark.parametrize("body", [b"hello", b"{", b"7", b"[]", b"null"])
def test_what_is_no_reply_at_all(body: bytes) -> None:
    assert fault_of(body).code == FaultCode.MALFORMED


def test_a_sign_in_page_with_status_200() -> None:
    fault = fault_of(b"<html><body>Welcome to the hotel</body></html>")
    assert (fault.kind, fault.scope, fault.code) == (FaultKind.NETWORK, FaultScope.PROVIDER, FaultCode.PORTAL)


def test_withheld_answers() -> None:
    assert fault_of(answer({"content": "Hi"}, "content_filter")).kind is FaultKind.CONTENT
    assert fault_of(answer({"content": None, "refusal": "No."})).provider_text == "No."


def test_protocols_by_name() -> None:
    assert protocol_named("openai").name == "openai"
    with pytest.raises(ValueError, match="known: openai"):
        protocol_named("gopher")


@given(body=st.binary(max_size=80))
def test_no_bytes_make_it_raise(body: bytes) -> None:
    assert isinstance(decode(body)[-1], Fault | Finished)
