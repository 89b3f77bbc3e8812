"""Server-sent events split from bytes.

Works on bytes throughout: the only line ends are `\\n`, `\\r\\n` and `\\r`, none of which occurs inside a UTF-8
sequence, so a character cut between two reads is whole again before anybody decodes it, and U+2028, U+2029 and
U+0085 inside JSON never end a line.
"""

from __future__ import annotations

import re

# An event as Anthropic sends them all: a name, then one line of data.
_NAMED = re.compile(rb"event: ([a-z_]+)\ndata: ([^\n]*)")
# An error that is no event: so Google's API sends what goes wrong in the middle, on one line or on several.
_BARE_ERROR = re.compile(rb'\s*\{\s*"error"\s*:')
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
DEFAULT_LARGEST_EVENT_BYTES = 16 * 1024 * 1024


class SseSplitter:
    """Splits a reply into events, given its bytes in any pieces.

    `largest_event_bytes` bounds what is kept of an unfinished event; past it `overflowed` is set, the rest of the
    reply is dropped, and nothing more comes out.
    """

    __slots__ = ("_after_carriage_return", "_held", "_held_bytes", "_largest_event_bytes", "overflowed")

    def __init__(self, largest_event_bytes: int = DEFAULT_LARGEST_EVENT_BYTES) -> None:
        self._largest_event_bytes = largest_event_bytes
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._after_carriage_return = False
        self.overflowed = False

    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        """The events that `data` completes, as (event name, data); the name is empty where none was given.
        Comments and events without data produce nothing."""
        if self.overflowed:
            return []
        if data[:6] == b"data: " and not self._held and not self._after_carriage_return:
            line_bytes = _only_line_bytes(data)
            if line_bytes:
                return [("", data[6:line_bytes])]
        if self._after_carriage_return or b"\r" in data:
            data = self._with_newlines_only(data)
        if self._held:
            ends_here = b"\n\n" in data or (data[:1] == b"\n" and self._held[-1][-1:] == b"\n")
            if not ends_here:
                self._hold(data)
                return []
            self._held.append(data)
            data = b"".join(self._held)
            self._held.clear()
            self._held_bytes = 0
        blocks = data.split(b"\n\n")
        rest = blocks.pop()
        if rest:
            self._hold(rest)
        events = []
        for block in blocks:
            if block[:6] == b"data: " and b"\n" not in block:
                events.append(("", block[6:]))
            elif (named := _NAMED.fullmatch(block)) is not None:
                events.append((named[1].decode("ascii"), named[2]))
            elif block:
                event = _event_of(block)
                if event is not None:
                    events.append(event)
        return events

    def close(self) -> list[tuple[str, bytes]]:
        """The event that the end of the reply cut off before its blank line, if there was one. It may be whole or
        not: the reader of its data decides."""
        rest = b"".join(self._held)
        self._held.clear()
        self._held_bytes = 0
        event = _event_of(rest) if rest and not self.overflowed else None
        return [] if event is None else [event]

    def _hold(self, data: bytes) -> None:
        if not data:
            return
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > self._largest_event_bytes:
            self.overflowed = True
            self._held.clear()

    def _with_newlines_only(self, data: bytes) -> bytes:
        """`data` with every line end as `\\n`; a `\\r` ends its line at once, and a `\\n` that follows it, even in
        the next piece, is part of the same line end."""
        if self._after_carriage_return and data:
            self._after_carriage_return = False
            data = data.removeprefix(b"\n")
        if b"\r" in data:
            self._after_carriage_return = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data


def _only_line_bytes(data: bytes) -> int:
    """The length of the line that `data` is, a whole event of one line as most pieces are; 0 for any other."""
    newline = data.find(b"\n")
    if newline == len(data) - 2 and data[-1:] == b"\n":
        return newline if data.find(b"\r") == -1 else 0
    if newline == len(data) - 3 and data[-4:] == b"\r\n\r\n":
        return newline - 1 if data.find(b"\r") == newline - 1 else 0
    return 0


def _event_of(block: bytes) -> tuple[str, bytes] | None:
    """The event in the lines of `block`, None where they hold no data; an error that is no event is its own data."""
    if _BARE_ERROR.match(block) is not None:
        return "", block
    name = b""
    data: list[bytes] = []
    for line in block.removeprefix(_BYTE_ORDER_MARK).split(b"\n"):
        field, colon, value = line.partition(b":")
        if colon and not field:
            continue
        value = value[1:] if value[:1] == b" " else value
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return (name.decode("utf-8", "replace"), b"\n".join(data)) if data else None
