"""A wire language of one line per event, so that the transport is tested without any real protocol.

`text X`, `think X`, `tool X`, `model X`, `usage`, `finish`, `fault X` and `done`; a line that begins with `:` is a
comment and any other is skipped. A whole answer is the same lines under JSON's content type, `{` alone in front.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trunkline.domain.events import (
    Finished,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageSeen,
    WireEvent,
)
from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.limits import LimitReading, Metric, Window
from trunkline.domain.messages import ChatRequest
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.providers.protocol import CallContext, WireReply, WireRequest


def fault(code: str, text: str, *, status: int | None = None) -> Fault:
    """What the language says of a failure, its words unredacted as a careless protocol would leave them."""
    return Fault(
        FaultKind.OVERLOADED,
        FaultScope.MODEL,
        code,
        f"it said {text}",
        provider_text=text,
        http_status=status,
    )


class LineDecoder:
    """Decodes the lines."""

    def __init__(self) -> None:
        self._rest = b""
        self.finished = False
        self.finish_seen = False
        self.pieces_seen = 0
        self._over = False

    def feed(self, data: bytes) -> Sequence[WireEvent]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        events: list[WireEvent] = []
        for line in lines:
            if not self._over:
                events += self._line(line.decode().strip())
        return events

    def close(self) -> Sequence[WireEvent]:
        if self._over:
            return ()
        self._over = self.finished = True
        if self.finish_seen:
            return (Finished(FinishReason.STOP),)
        return (Fault(FaultKind.NETWORK, FaultScope.MODEL, FaultCode.CUT, "cut"),)

    def _line(self, line: str) -> list[WireEvent]:
        word, _, rest = line.partition(" ")
        match word:
            case "text":
                return [TextDelta(rest)]
            case "think":
                return [ThinkingDelta(rest)]
            case "tool":
                return [ToolCallDelta(0, "call", rest, "{}")]
            case "model":
                return [Started(rest)]
            case "usage":
                return [UsageSeen(Usage(input_tokens=1, output_tokens=1))]
            case "finish":
                self.finish_seen = True
            case "done":
                return list(self.close())
            case "fault":
                self._over = self.finished = True
                return [fault("said", rest)]
        return []


class LineProtocol:
    """The language."""

    name = "line"

    def encode(
        self, request: ChatRequest, context: CallContext, *, max_output_tokens: int | None
    ) -> WireRequest:
        raise NotImplementedError

    def stream_decoder(self, context: CallContext) -> LineDecoder:
        return LineDecoder()

    def decode_whole(self, reply: WireReply, context: CallContext) -> Sequence[WireEvent]:
        decoder = LineDecoder()
        return (*decoder.feed(reply.body.lstrip(b"{\n") + b"\n"), *decoder.close())

    def classify(self, reply: WireReply, context: CallContext) -> Fault:
        return fault(f"http_{reply.status}", reply.body.decode(errors="replace"), status=reply.status)

    def read_limits(self, headers: Mapping[str, str], context: CallContext) -> tuple[LimitReading, ...]:
        if "x-left" not in headers:
            return ()
        left = int(headers["x-left"])
        return (LimitReading(Metric.REQUESTS, Window.parse("60s"), None, left, None),)
