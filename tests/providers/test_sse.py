"""Events split from bytes, whatever the line ends and wherever the bytes are cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.providers.sse import SseSplitter


def split(*pieces: bytes) -> list[tuple[str, bytes]]:
    splitter = SseSplitter()
    events = [event for piece in pieces for event in splitter.feed(piece)]
    return [*events, *splitter.close()]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\ndata: b\n\n", [("", b"a"), ("", b"b")]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [("", b"a"), ("", b"b")]),
        (b"data: a\r\rdata: b\r\r", [("", b"a"), ("", b"b")]),
        (b"data:a\n\n", [("", b"a")]),
        (b"data:  a\n\n", [("", b" a")]),
        (b"data: a\ndata: b\n\n", [("", b"a\nb")]),
        (b"data\n\n", [("", b"")]),
        (b": keep-alive\n\n\n\ndata: a\n\n", [("", b"a")]),
        (b": x\ndata: a\nid: 4\nretry: 9\n\n", [("", b"a")]),
        (b"event: error\ndata: a\n\n", [("error", b"a")]),
        (b"event: ping\n\ndata: a\n\n", [("", b"a")]),
        (b"\xef\xbb\xbfdata: a\n\n", [("", b"a")]),
        (b"data: a", [("", b"a")]),
        (b"data: a\n", [("", b"a")]),
        (b"\n\n\n", []),
        (b"", []),
        (b'data: a\n\n{"error": {"code": 503}}\r\n\r\n', [("", b"a"), ("", b'{"error": {"code": 503}}')]),
        (
            b'data: a\n\n{\n  "error": {\n    "code": 503\n  }\n}',
            [("", b"a"), ("", b'{\n  "error": {\n    "code": 503\n  }\n}')],
        ),
        (b'{"choices": [{"finish_reason": "stop"}]}\n\n', []),
    ],
)
def test_what_a_stream_holds(stream: bytes, expected: list[tuple[str, bytes]]) -> None:
    assert split(stream) == expected


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c"])
def test_trap_17_only_line_ends_end_lines(separator: str) -> None:
    data = f'{{"a":"x{separator}y"}}'.encode()
    assert split(b"data: " + data + b"\n\n") == [("", data)]


@given(
    lines=st.lists(
        st.sampled_from(
            [b"data: a", b"data:b\xc3\xa9", b": c", b"event: e", b"", b"", b"data: \xe2\x80\xa8", b"id: 1"]
        )
    ),
    end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    cuts=st.lists(st.integers(0, 200)),
)
def test_trap_17_any_cut_gives_the_same_events(lines: list[bytes], end: bytes, cuts: list[int]) -> None:
    stream = end.join(lines) + end
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[start:stop] for start, stop in itertools.pairwise(places)]
    assert split(*pieces) == split(stream) == split(stream.replace(end, b"\n"))


def test_an_event_comes_out_with_its_last_byte() -> None:
    splitter = SseSplitter()
    assert splitter.feed(b"data: a\r\n\r") == [("", b"a")]
    assert splitter.feed(b"\ndata: b\r\n\r\n") == [("", b"b")]


def test_what_is_kept_of_an_unfinished_event_is_bounded() -> None:
    splitter = SseSplitter(largest_event_bytes=100)
    for _ in range(20):
        assert splitter.feed(b"data: 0123456789") == []
    assert splitter.overflowed
    assert splitter.feed(b"\n\ndata: a\n\n") == []
    assert splitter.close() == []
