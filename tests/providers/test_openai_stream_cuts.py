"""Streams cut anywhere, and bytes that are no stream: the same events, and never an exception."""

from __future__ import annotations

import itertools
import json

from hypothesis import given
from hypothesis import strategies as st
from tests.support.openai_wire import DONE, chunk, context_of, decode

from trunkline.domain.events import Finished
from trunkline.domain.faults import Fault
from trunkline.domain.routes import Quirks

STOP = chunk({}, "stop")
HELLO = chunk({"content": "Hi"}) + STOP + DONE
THINKING_THEN_TEXT = [
    "<th",
    "ink>",
    "I wo",
    "nder</",
    "think",
    ">\n\n",
    "An answer with </think> and <think>.",
]

STREAMS = [
    HELLO,
    HELLO.replace(b"\n", b"\r\n"),
    HELLO.replace(b"\n", b"\r").replace(b"Hi", "Grüße \u2028 漢字 🙂".encode()),
    b": OPENROUTER PROCESSING\n\n" + chunk({"content": "Hi"}) + chunk({}, "error", error={"message": "gone"}),
    b"".join(chunk({"content": piece}) for piece in THINKING_THEN_TEXT) + STOP + DONE,
    chunk({"reasoning_content": "hm é"})
    + b"data: {broken\n\n"
    + chunk({"content": "Hi"})
    + chunk({}, "length"),
    chunk({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": '{"x":"é"}'}}]})
    + STOP
    + DONE
    + DONE,
    chunk({"content": "cut"})[:-1],
]


@given(stream=st.sampled_from(STREAMS), cuts=st.lists(st.integers(0, 2000), max_size=40))
def test_any_cut_of_the_bytes_gives_the_same_events(stream: bytes, cuts: list[int]) -> None:
    tagged = context_of(quirks=Quirks(think_tags=True))
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[start:stop] for start, stop in itertools.pairwise(places)]
    assert decode(*pieces, context=tagged) == decode(stream, context=tagged)


@given(junk=st.lists(st.binary(max_size=60), max_size=8))
def test_no_bytes_make_it_raise_and_the_ending_is_one(junk: list[bytes]) -> None:
    events = decode(*junk)
    assert [isinstance(e, Fault | Finished) for e in events].count(True) == 1
    assert isinstance(events[-1], Fault | Finished)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["error", "choices", "delta", "message", "content", "tool_calls", "function", "usage", "finish_reason",
             "base_resp", "status_code", "code", "metadata", "details", "headers", "prompt_tokens", "type", "x_groq"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip


@given(payloads=st.lists(JSON, max_size=4))
def test_no_json_makes_it_raise(payloads: list[object]) -> None:
    pieces = [b"data: " + json.dumps(payload).encode() + b"\n\n" for payload in payloads]
    assert isinstance(decode(*pieces)[-1], Fault | Finished)
