"""Unstreamed replies of status 200, among them those that are failures."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.anthropic_wire import DONE, context_of, start, stop, text
from tests.support.openai_wire import calls_in, refusal, text_in, thinking_in, usage_in

from trunkline.domain.events import Finished, Started, ThinkingDelta, WireEvent
from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.providers.anthropic.whole import decode_whole
from trunkline.providers.registry import protocol_named


def message(*content: object, stop_reason: str | None = "end_turn", **top: object) -> dict[str, object]:
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": list(content),
            "stop_reason": stop_reason, "stop_sequence": None, **top}  # fmt: skip


def decode(body: object, headers: dict[str, str] | None = None) -> list[WireEvent]:
    return [*decode_whole(refusal(200, body, headers), context_of())]


def fault_of(body: object, headers: dict[str, str] | None = None) -> Fault:
    last = decode(body, headers)[-1]
    assert isinstance(last, Fault)
    return last


SAID = {"type": "text", "text": "Hi"}


def test_an_answer() -> None:
    events = decode(
        message(
            {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "eA=="},
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
            SAID,
            {"type": "text", "text": " there"},
            usage={"input_tokens": 9, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20,
                   "output_tokens": 4},
        )
    )  # fmt: skip
    assert events[:3] == [
        Started("m"),
        ThinkingDelta("hm", "c2ln"),
        ThinkingDelta("", "eA==", redacted=True),
    ]
    assert text_in(events) == "Hi there"
    assert usage_in(events) == Usage(129, 4, cached_tokens=100, written_tokens=20)
    assert events[-1] == Finished(FinishReason.STOP)


def test_tool_calls() -> None:
    events = decode(
        message(
            {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
            {"type": "tool_use", "id": "", "name": "g", "input": {}},
            stop_reason="tool_use",
        )
    )
    assert calls_in(events) == [("a", "f", '{"x":1}'), ("call_1", "g", "{}")]
    assert events[-1] == Finished(FinishReason.TOOL_CALLS)


def test_input_that_can_hardly_be_written() -> None:
    deep = b'{"content":[{"type":"tool_use","id":"a","name":"f","input":{"x":' + b"[" * 900 + b"]" * 900
    assert calls_in(decode(deep + b'}}],"stop_reason":"tool_use"}'))[0][:2] == ("a", "f")
    large = b'{"content":[{"type":"tool_use","id":"\xff","name":"f","input":{"x":' + b"9" * 30 + b"}}]}"
    assert calls_in(decode(large))[0][2] == '{"x": ' + "9" * 30 + "}"


def test_the_reason_of_the_stop() -> None:
    assert decode(message(SAID, stop_reason="max_tokens"))[-1] == Finished(FinishReason.LENGTH)
    assert decode(message(SAID, stop_reason=None))[-1] == Finished(FinishReason.STOP)
    declined = fault_of(message(stop_reason="refusal", stop_details={"type": "refusal", "category": "cyber"}))
    assert (declined.kind, declined.provider_text) == (FaultKind.CONTENT, "cyber")


def test_a_stream_nobody_asked_for() -> None:
    events = decode(start() + text("Hi") + stop() + DONE)
    assert (text_in(events), events[-1]) == ("Hi", Finished(FinishReason.STOP))


def test_content_as_plain_text() -> None:
    assert text_in(decode({**message(), "content": "Hi"})) == "Hi"


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        pytest.param(b" \n", FaultKind.NETWORK, FaultCode.EMPTY, id="nothing"),
        pytest.param(message(), FaultKind.NETWORK, FaultCode.NOTHING_SAID, id="no-blocks"),
        pytest.param(message({"type": "text", "text": " "}), FaultKind.NETWORK, FaultCode.NOTHING_SAID, id="blank"),
        pytest.param(message({"type": "thinking", "thinking": "hm"}), FaultKind.NETWORK, FaultCode.EMPTY,
                     id="trap 27: nothing but thinking"),
        pytest.param({"id": "x"}, FaultKind.NETWORK, FaultCode.EMPTY, id="no-content"),
        pytest.param(b"Hello", FaultKind.NETWORK, FaultCode.MALFORMED, id="no-json"),
        pytest.param(b"[1]", FaultKind.NETWORK, FaultCode.MALFORMED, id="an-array"),
        pytest.param(b"<html>sign in</html>", FaultKind.NETWORK, FaultCode.PORTAL, id="a-web-page"),
        pytest.param({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
                     FaultKind.OVERLOADED, "overloaded_error", id="an-error-in-a-200"),
        pytest.param({"id": "x", "content": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient"}},
                     FaultKind.BILLING, "1008", id="trap 13: MiniMax"),
        pytest.param({"code": "1113", "message": "Insufficient balance"}, FaultKind.BILLING, "1113",
                     id="says-why-in-no-shape-of-its-own"),
    ],
)  # fmt: skip
def test_failures_inside_a_200(body: object, kind: FaultKind, code: str) -> None:
    fault = fault_of(body)
    assert (fault.kind, fault.code) == (kind, code)
    assert fault.scope in (FaultScope.MODEL, FaultScope.ACCOUNT, FaultScope.PROVIDER)


@given(body=st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["type", "content", "text", "error", "stop_reason", "usage", "input", "name", "message"]),
        inner, max_size=4),
    max_leaves=10).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_no_body_makes_it_raise(body: bytes) -> None:
    events: Sequence[WireEvent] = decode(body)
    assert [isinstance(e, Fault | Finished) for e in events].count(True) == 1
    assert isinstance(events[-1], Fault | Finished)


def test_text_from_outside_is_cleaned() -> None:
    events = decode(
        message({"type": "thinking", "thinking": "\x1b[1mhm"}, {"type": "text", "text": "H\x07i"})
    )
    assert (thinking_in(events), text_in(events)) == ("hm", "Hi")


def test_the_registry_knows_it() -> None:
    assert protocol_named("anthropic").name == "anthropic"
