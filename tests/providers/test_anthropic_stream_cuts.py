"""Streams cut anywhere, and bytes that are no stream: the same events, and never an exception."""

from __future__ import annotations

import itertools
import json

from hypothesis import given
from hypothesis import strategies as st
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

from trunkline.domain.events import Finished
from trunkline.domain.faults import Fault
from trunkline.domain.routes import Quirks

HELLO = start() + text("Hi", " there") + stop() + DONE
UNNAMED = b"\n\n".join(one.partition(b"\n")[2] for one in HELLO.split(b"\n\n"))
ERROR = event("error", error={"type": "overloaded_error", "message": "Overloaded"})

STREAMS = [
    HELLO,
    UNNAMED,
    HELLO.replace(b"\n", b"\r\n"),
    HELLO.replace(b"\n", b"\r").replace(b"there", "Grüße \u2028 漢字 🙂".encode()),
    start() + event("ping") + b": waiting\n\n" + text("Hi") + ERROR,
    start() + text("<th", "ink>I wo", "nder</", "think", ">\n\n", "An answer with </think>.") + stop() + DONE,
    start()
    + thinking("hm é", signature="c2ln")
    + block(1, {"type": "redacted_thinking", "data": "eA=="})
    + b"event: content_block_delta\ndata: {broken\n\n"
    + text("Hi", index=2)
    + stop("max_tokens"),
    start() + text("So:") + tool_use('{"x":', '"é"}', index=1) + tool_use(index=2, call_id="b") + stop("tool_use"),
    (start() + text("cut", "off"))[:-1],
]  # fmt: skip


@given(stream=st.sampled_from(STREAMS), cuts=st.lists(st.integers(0, 2000), max_size=40))
def test_any_cut_of_the_bytes_gives_the_same_events(stream: bytes, cuts: list[int]) -> None:
    tagged = context_of(quirks=Quirks(think_tags=True))
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[begin:end] for begin, end in itertools.pairwise(places)]
    assert decode(*pieces, context=tagged) == decode(stream, context=tagged)


@given(junk=st.lists(st.binary(max_size=60), max_size=8))
def test_no_bytes_make_it_raise_and_the_ending_is_one(junk: list[bytes]) -> None:
    events = decode(*junk)
    assert [isinstance(e, Fault | Finished) for e in events].count(True) == 1
    assert isinstance(events[-1], Fault | Finished)


KINDS = st.sampled_from(
    ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
     "message_stop", "ping", "error", "text", "text_delta", "thinking", "thinking_delta", "signature_delta",
     "redacted_thinking", "tool_use", "input_json_delta", "refusal", "end_turn"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | KINDS,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["type", "error", "message", "content", "content_block", "delta", "index", "text", "thinking", "signature",
             "data", "id", "name", "input", "partial_json", "usage", "input_tokens", "cache_read_input_tokens",
             "output_tokens", "output_tokens_details", "stop_reason", "stop_details", "details", "error_code", "model"]
        ),
        inner,
        max_size=6,
    ),
    max_leaves=14,
)  # fmt: skip


@given(payloads=st.lists(st.tuples(KINDS, JSON), max_size=5))
def test_no_json_makes_it_raise(payloads: list[tuple[str, object]]) -> None:
    pieces = []
    for kind, payload in payloads:
        table = {"type": kind, **payload} if isinstance(payload, dict) else payload
        pieces.append(f"event: {kind}\ndata: ".encode() + json.dumps(table).encode() + b"\n\n")
    events = decode(start(), *pieces)
    assert [isinstance(e, Fault | Finished) for e in events].count(True) == 1
    assert isinstance(events[-1], Fault | Finished)
