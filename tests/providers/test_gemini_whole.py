"""Unstreamed replies of status 200, among them those that are failures."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.gemini_wire import call, chunk, context_of, response, text
from tests.support.openai_wire import calls_in, refusal, text_in, thinking_in, usage_in

from trunkline.domain.events import Finished, Started, WireEvent
from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.providers.gemini.wire import GEMINI
from trunkline.providers.registry import protocol_named


def decode(body: object, headers: dict[str, str] | None = None) -> list[WireEvent]:
    return [*GEMINI.decode_whole(refusal(200, body, headers), context_of())]


def fault_of(body: object) -> Fault:
    last = decode(body)[-1]
    assert isinstance(last, Fault)
    return last


def test_an_answer() -> None:
    counted: dict[str, object] = {"promptTokenCount": 9, "candidatesTokenCount": 4, "totalTokenCount": 13}
    events = decode(response(text("hm", thought=True), text("Hi"), finish="STOP", usage=counted))
    assert events[0] == Started("m")
    assert (thinking_in(events), text_in(events), usage_in(events)) == ("hm", "Hi", Usage(9, 4))
    assert events[-1] == Finished(FinishReason.STOP)


def test_the_model_that_answered_may_be_another() -> None:
    assert decode(response(text("Hi"), finish="STOP", modelVersion="gemini-3.8-flash"))[0] == Started(
        "gemini-3.8-flash"
    )


def test_parallel_tool_calls() -> None:
    events = decode(response(call("f", {"x": [1, {"y": None}]}), call("f", call_id="b"), finish="STOP"))
    assert calls_in(events) == [("call_0", "f", '{"x":[1,{"y":null}]}'), ("b", "f", "{}")]
    assert events[-1] == Finished(FinishReason.TOOL_CALLS)


def test_the_array_that_a_stream_without_sse_is() -> None:
    counted: dict[str, object] = {"promptTokenCount": 9, "candidatesTokenCount": 4}
    body = [response(text("Hi")), response(text(" there")), response(finish="STOP", usage=counted)]
    events = decode(body)
    assert (text_in(events), usage_in(events)) == ("Hi there", Usage(9, 4))
    assert events[-1] == Finished(FinishReason.STOP)
    assert fault_of(body[:2]).code == FaultCode.CUT
    assert fault_of(orjson.dumps(body)[:-1]).code == FaultCode.MALFORMED


def test_an_array_that_ends_in_an_error() -> None:
    events = decode([response(text("Hi")), {"error": {"code": 503, "status": "UNAVAILABLE", "message": "m"}}])
    assert text_in(events) == "Hi"
    assert isinstance(events[-1], Fault)
    assert events[-1].kind is FaultKind.OVERLOADED


def test_a_stream_that_nobody_asked_for() -> None:
    assert text_in(decode(b": hello\r\n\r\n" + chunk(text("Hi")) + chunk(finish="STOP"))) == "Hi"


def test_trap_7_a_blocked_prompt() -> None:
    body = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 7}}
    fault = fault_of(body)
    assert (fault.kind, fault.provider_text) == (FaultKind.CONTENT, "PROHIBITED_CONTENT")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"code": 503, "status": "UNAVAILABLE", "message": "overloaded"}}, FaultKind.OVERLOADED),
        (
            [{"error": {"code": 404, "status": "NOT_FOUND", "message": "m is not found"}}],
            FaultKind.ENTITLEMENT,
        ),
        ({"code": 401, "status": "UNAUTHENTICATED", "message": "no"}, FaultKind.AUTH),
        ({"error": "The model is overloaded"}, FaultKind.OVERLOADED),
    ],
    ids=["object", "array", "flat", "sentence"],
)
def test_errors_inside_a_200(body: object, kind: FaultKind) -> None:
    assert fault_of(body).kind is kind


@pytest.mark.parametrize(
    "body",
    [b"", b" \n", {}, {"modelVersion": "m", "candidates": []}, {"candidates": None}, response(),
     response(finish="STOP"),
     response(text("hm", thought=True), finish="MAX_TOKENS"), response(text(" \n"), finish="STOP")],
)  # fmt: skip
def test_an_empty_answer_is_a_fault(body: object) -> None:
    fault = fault_of(body)
    assert (fault.kind, fault.scope) == (FaultKind.NETWORK, FaultScope.MODEL)
    assert fault.code in (FaultCode.EMPTY, FaultCode.NOTHING_SAID)


@pytest.mark.parametrize("body", [b"hello", b"{", b"7", b"[]", b"null", b"[7]"])
def test_what_is_no_reply_at_all(body: bytes) -> None:
    assert fault_of(body).code == FaultCode.MALFORMED


def test_a_sign_in_page_with_status_200() -> None:
    assert fault_of(b"<html><body>Welcome to the hotel</body></html>").code == FaultCode.PORTAL


def test_it_is_found_by_its_name() -> None:
    assert protocol_named("gemini") is GEMINI


@given(body=st.binary(max_size=80))
def test_no_bytes_make_it_raise(body: bytes) -> None:
    assert isinstance(decode(body)[-1], Fault | Finished)
