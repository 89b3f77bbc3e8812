"""Streams cut anywhere, and bytes that are no stream: the same events, and never an exception."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.gemini_wire import call, chunk, decode, event, text

from trunkline.domain.events import Finished
from trunkline.domain.faults import Fault

STOP = chunk(finish="STOP", usage={"promptTokenCount": 7, "candidatesTokenCount": 2})
HELLO = chunk(text("Hi")) + chunk(text(" there"), usage={"promptTokenCount": 7}) + STOP

STREAMS = [
    HELLO,
    HELLO.replace(b"\r\n", b"\n"),
    HELLO.replace(b"\r\n", b"\r").replace(b"there", "Grüße \u2028 漢字 🙂".encode()),
    b": ping\r\n\r\n" + chunk(text("hm é", thought=True)) + b"data: {broken\r\n\r\n" + HELLO,
    chunk(text("Hi", thoughtSignature="c2ln"))
    + chunk(call("f", {"x": "é"}), call("g", call_id="call_0"))
    + STOP,
    chunk(text(" \n")) + chunk(text("Hi")) + event({"error": {"code": 503, "status": "UNAVAILABLE"}}) + STOP,
    event({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 7}}) + HELLO,
    chunk(text("cut"))[:-1],
    (chunk(text("Hi")) + STOP).rstrip(),
]


@given(stream=st.sampled_from(STREAMS), cuts=st.lists(st.integers(0, 2000), max_size=40))
def test_any_cut_of_the_bytes_gives_the_same_events(stream: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[start:stop] for start, stop in itertools.pairwise(places)]
    assert decode(*pieces) == decode(stream)


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r", b"\r\n\n", b"\n\n"])
@pytest.mark.parametrize("stream", STREAMS)
def test_an_event_at_a_time_gives_the_same_events(stream: bytes, end: bytes) -> None:
    stream = stream.replace(b"\r\n", end)
    pieces = [piece + end * 2 for piece in stream.split(end * 2)]
    assert decode(*pieces) == decode(b"".join(pieces))


@given(junk=st.lists(st.binary(max_size=60), max_size=8))
def test_no_bytes_make_it_raise_and_the_ending_is_one(junk: list[bytes]) -> None:
    events = decode(*junk)
    assert [isinstance(e, Fault | Finished) for e in events].count(True) == 1
    assert isinstance(events[-1], Fault | Finished)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("STOP"),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["error", "candidates", "content", "parts", "text", "thought", "thoughtSignature", "functionCall", "name",
             "args", "id", "finishReason", "finishMessage", "promptFeedback", "blockReason", "usageMetadata",
             "promptTokenCount", "candidatesTokenCount", "totalTokenCount", "modelVersion", "details", "code"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip


@given(payloads=st.lists(JSON, max_size=4), parts=st.lists(JSON, max_size=3), feedback=JSON)
def test_no_json_makes_it_raise(payloads: list[object], parts: list[object], feedback: object) -> None:
    shaped = {
        "candidates": [{"content": {"parts": parts}}],
        "promptFeedback": feedback,
        "usageMetadata": feedback,
    }
    pieces = [b"data: " + json.dumps(payload).encode() + b"\n\n" for payload in [*payloads, shaped]]
    assert isinstance(decode(*pieces)[-1], Fault | Finished)
