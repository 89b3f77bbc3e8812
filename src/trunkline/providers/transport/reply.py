"""One reply, from its head to its last event: what kind it is, when it is over, what went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from trunkline.domain.clock import Clock
from trunkline.domain.events import (
    Finished,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    WireEvent,
)
from trunkline.domain.faults import Fault, FaultCode, FaultScope
from trunkline.providers.call import UpstreamCall
from trunkline.providers.protocol import StreamDecoder, WireReply
from trunkline.providers.transport import faults
from trunkline.providers.transport.pace import Pace, tokens_in
from trunkline.providers.transport.watch import Limit, Watch
from trunkline.providers.transport.wire import Exchange

_CONTENT = (TextDelta, ThinkingDelta, ToolCallDelta)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of a reply is read, and how long after its end. `finish_grace_ms`: after a finish reason, for usage
    and terminator. `linger_ms`: after the terminator, for the body to end so that its connection can be kept."""

    error_bytes: int = 256 * 1024
    reply_bytes: int = 64 * 1024 * 1024
    finish_grace_ms: float = 1_500
    linger_ms: float = 250


class Reply:
    """Reads one exchange to its end. `final` is set once it is over, at `ended_ms`. `dripping_per_s` is set by `events`
    where the stream has been too slow for a while: its tokens a second."""

    def __init__(
        self, call: UpstreamCall, exchange: Exchange, *, host: str, key: str, clock: Clock, bounds: Bounds
    ) -> None:
        self._call = call
        self._exchange = exchange
        self._host = host
        self._key = key
        self._clock = clock
        self._bounds = bounds
        self._watch = Watch(call.limits, exchange.abort)
        self._pace = Pace(call.limits.least_tokens_per_s, call.limits.pace_window_ms)
        self._status = 0
        self._headers: Mapping[str, str] = {}
        self._streamed = False
        self._decoder: StreamDecoder | None = None
        self._pieces = 0
        self._received = 0
        self._parts: list[bytes] = []
        self._progressed = False
        self._finishing = False
        self.final: Finished | Fault | None = None
        self.dripping_per_s: float | None = None
        self.ended_ms = 0.0

    async def sent(self) -> float | None:
        """Wait until the request is on its way; when that was, None if it never was."""
        self._watch.start(Limit.CONNECT, self._call.limits.connect_ms)
        await self._exchange.connected()
        if self._exchange.sent_ms is not None:
            if self._call.request.stream or self._call.request.at_once:
                self._watch.start(Limit.FIRST_TOKEN, self._call.limits.first_token_ms)
            else:
                self._watch.pause()
        return self._exchange.sent_ms

    async def events(self) -> Sequence[WireEvent]:
        """The next events, perhaps none; the last one goes to `final` instead."""
        self.dripping_per_s = None
        try:
            if not self._status:
                events = await self._read_head()
            elif self._streamed:
                events = await self._read_stream()
            else:
                events = await self._read_whole()
        except Exception as error:  # every failure is a value from here on
            events = self._broken(error)
        if self.final is not None:
            self.dripping_per_s = None
            self.ended_ms = self._clock.mono_ms()
        return events

    def close(self) -> None:
        """Give up the connection: at once, or shortly after the terminator if the body may still end."""
        self._watch.stop()
        self._exchange.close(self._bounds.linger_ms if isinstance(self.final, Finished) else 0)

    async def _read_head(self) -> Sequence[WireEvent]:
        self._status, self._headers = await self._exchange.head()
        content_type = self._headers.get("content-type", "").lower()
        if 300 <= self._status < 400:
            self.final = faults.redirected(self._status, self._headers, self._host, self._key)
        elif 200 <= self._status < 300:
            if "html" in content_type:
                self.final = self._portal()
            self._streamed = "event-stream" in content_type or (
                self._call.request.stream and "json" not in content_type
            )
            readings = self._call.protocol.read_limits(self._headers, self._call.context)
            return (Started(None, readings),) if readings else ()
        return ()

    async def _read_stream(self) -> Sequence[WireEvent]:
        while data := await self._next_of_stream():
            if not self._fits(data, self._bounds.reply_bytes):
                return ()
            decoder = self._decoder
            if decoder is None:
                self._parts.append(data)
                decoder = self._begin_stream()
                if decoder is None:
                    return ()
                data = b"".join(self._parts)
                self._parts.clear()
            events = self._take(decoder.feed(data))
            if self.final is None and decoder.finished:
                events = (*events, *self._take(decoder.close()))
            if self.final is None and decoder.finish_seen and not self._finishing:
                self._finishing = True
                self._watch.start(Limit.GRACE, self._bounds.finish_grace_ms)
            if events or self.final is not None or self.dripping_per_s is not None:
                return events
        return self._end_stream()

    async def _next_of_stream(self) -> bytes:
        if self._progressed and not self._finishing:
            self._progressed = False
            self._watch.start(Limit.STALL, self._call.limits.stall_ms)
        return await self._exchange.read()

    def _begin_stream(self) -> StreamDecoder | None:
        """A decoder once the first visible byte says that it is a stream; a whole answer, an error object or a web
        page may come under any content type."""
        first = b"".join(self._parts).lstrip()[:1]
        if first in (b"{", b"["):
            self._streamed = False
        elif first == b"<":
            self.final = self._portal()
        elif first:
            self._decoder = self._call.protocol.stream_decoder(self._call.context)
        return self._decoder

    def _end_stream(self) -> Sequence[WireEvent]:
        if self._decoder is None:
            self.final = self._empty()
            return ()
        events = self._take(self._decoder.close())
        if self.final is None:
            self.final = self._cut()
        return events

    async def _read_whole(self) -> Sequence[WireEvent]:
        good = self._status < 300
        bound = self._bounds.reply_bytes if good else self._bounds.error_bytes
        while True:
            if not self._call.request.stream:
                self._watch.start(Limit.STALL, self._call.limits.stall_ms)
            data = await self._exchange.read()
            if not data:
                break
            if not self._fits(data, bound):
                if good:
                    return ()
                break
            self._parts.append(data)
        return self._whole() if good else self._refused()

    def _whole(self) -> Sequence[WireEvent]:
        body = b"".join(self._parts)
        first = body.lstrip()[:1]
        if first in (b"", b"<"):
            self.final = self._portal() if first else self._empty()
            return ()
        reply = WireReply(self._status, self._headers, body)
        events = self._take(self._call.protocol.decode_whole(reply, self._call.context))
        if self.final is None:
            self.final = self._cut()
        return events

    def _refused(self) -> Sequence[WireEvent]:
        body = b"".join(self._parts)[: self._bounds.error_bytes]
        if self._key:
            body = body.replace(self._key.encode(), "•••".encode())
        protocol, context = self._call.protocol, self._call.context
        fault = protocol.classify(WireReply(self._status, self._headers, body), context)
        if not fault.readings:
            fault = replace(fault, readings=protocol.read_limits(self._headers, context))
        self.final = faults.without_key(fault, self._key)
        return ()

    def _fits(self, data: bytes, bound: int) -> bool:
        self._received += len(data)
        if self._received <= bound:
            return True
        if self._status < 300:
            message = f"the answer from {self._host} is longer than {bound // 1024} KiB"
            self.final = faults.network(
                FaultCode.MALFORMED, FaultScope.MODEL, message, http_status=self._status
            )
        return False

    def _take(self, events: Sequence[WireEvent]) -> Sequence[WireEvent]:
        """`events` without the final one; notes progress."""
        pieces = chars = 0
        for at, event in enumerate(events):
            if isinstance(event, _CONTENT):
                pieces += 1
                chars += len(event.arguments if isinstance(event, ToolCallDelta) else event.text)
            elif isinstance(event, Fault | Finished):
                self.final = faults.without_key(event, self._key) if isinstance(event, Fault) else event
                events = events[:at]
                break
        if self._decoder is not None and (seen := self._decoder.pieces_seen) != self._pieces:
            pieces = max(pieces, seen - self._pieces)
            self._pieces = seen
        if pieces:
            self._progressed = True
            if self._streamed:
                self.dripping_per_s = self._pace.came(tokens_in(pieces, chars), self._clock.mono_ms())
        if self._progressed and not self._finishing:
            self._watch.pause()
        return _joined(events)

    def _broken(self, error: Exception) -> Sequence[WireEvent]:
        """The reply broke off: by a limit of ours, by the other side, or because it cannot be understood."""
        if self._status >= 300:
            return self._refused()
        events: Sequence[WireEvent] = ()
        if self._decoder is not None:
            events = self._take(self._decoder.close())
            if isinstance(self.final, Finished):
                return events
        expired = self._watch.expired
        sent = self._exchange.sent_ms is not None
        if expired is not None:
            fault = faults.timed_out(expired, self._call.limits, self._host, sent=sent)
        else:
            fault = faults.broken(error, self._host, sent=sent, answered=self._status != 0, key=self._key)
        self.final = replace(fault, http_status=self._status or None)
        return events

    def _portal(self) -> Fault:
        message = f"a web page came instead of an answer from {self._host}: a network's login page or a wrong address"
        return faults.network(FaultCode.PORTAL, FaultScope.PROVIDER, message, http_status=self._status)

    def _empty(self) -> Fault:
        message = f"{self._host} sent an empty answer"
        return faults.network(FaultCode.EMPTY, FaultScope.MODEL, message, http_status=self._status)

    def _cut(self) -> Fault:
        message = f"the answer from {self._host} ended before it was whole"
        return faults.network(FaultCode.CUT, FaultScope.MODEL, message, http_status=self._status)


def _joined(events: Sequence[WireEvent]) -> Sequence[WireEvent]:
    """`events` with neighbouring pieces of text made one: what came in one read is handed on in one piece."""
    if len(events) < 2:
        return events
    joined: list[WireEvent] = []
    pieces: list[str] = []
    for event in events:
        if type(event) is TextDelta:
            pieces.append(event.text)
            continue
        if pieces:
            joined.append(TextDelta("".join(pieces)))
            pieces.clear()
        joined.append(event)
    if pieces:
        joined.append(TextDelta("".join(pieces)))
    return joined
