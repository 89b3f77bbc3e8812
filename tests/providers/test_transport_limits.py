from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.support.calls import body_of, fault_of, outcome, upstream
from tests.support.line_protocol import LineDecoder, LineProtocol
from tests.support.odd_server import OddServer, Peer, Received

from trunkline.domain.clock import SystemClock
from trunkline.domain.events import Finished, TextDelta, WireEvent
from trunkline.domain.faults import FaultCode, FaultScope
from trunkline.domain.preferences import CallLimits
from trunkline.providers.protocol import CallContext
from trunkline.providers.transport import HttpTransport
from trunkline.providers.transport.reply import Bounds

LINE = LineProtocol()
SHORT = CallLimits(connect_ms=500, first_token_ms=60, stall_ms=50, total_ms=400)


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    bounds = Bounds(error_bytes=4096, reply_bytes=100_000, finish_grace_ms=60, linger_ms=60)
    transport = HttpTransport(SystemClock(), user_agent="trunkline/test", bounds=bounds)
    yield transport
    await transport.aclose()


async def test_a_connection_that_never_comes(transport: HttpTransport) -> None:
    # A listener whose queue is full answers no SYN; a TLS handshake that gets no answer hangs the same way.
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        limits = CallLimits(connect_ms=50)
        fault = fault_of(await outcome(transport, upstream(f"https://127.0.0.1:{port}", LINE, limits=limits)))
    assert (fault.code, fault.scope, fault.request_sent) == (FaultCode.CONNECT, FaultScope.PROVIDER, False)
    assert fault.message == "no connection to 127.0.0.1 within 50 ms"


@pytest.mark.parametrize(
    ("chunks", "what"),
    [
        (None, "nothing"),
        ((), "a head"),
        ((":ping\n", ":ping\n"), "comments"),
        (("model m\n",), "a start"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_silence_before_the_first_token(
    transport: HttpTransport, chunks: tuple[str, ...] | None, what: str
) -> None:
    async def script(peer: Peer, request: Received) -> None:
        if chunks is not None:
            await peer.begin()
        while chunks is not None and not peer.writer.is_closing():
            for chunk in chunks:
                await peer.chunk(chunk)
            await asyncio.sleep(0.01)
        await peer.until_closed()

    async with OddServer(script) as server:
        began = time.monotonic()
        fault = fault_of(await outcome(transport, upstream(server.url, LINE, limits=SHORT)))
    assert 0.05 < time.monotonic() - began < 0.3
    assert (fault.code, fault.scope) == (FaultCode.FIRST_TOKEN_TIMEOUT, FaultScope.MODEL)
    assert fault.message == "no first token from 127.0.0.1 within 60 ms"
    assert fault.request_sent


async def test_silence_where_a_whole_reply_is_due_at_once(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.until_closed()

    async with OddServer(script) as server:
        call = upstream(server.url, LINE, stream=False, limits=SHORT)
        soon = replace(call, request=replace(call.request, at_once=True))
        fault, late = [fault_of(await outcome(transport, one)) for one in (soon, call)]
    assert (fault.code, late.code) == (FaultCode.FIRST_TOKEN_TIMEOUT, FaultCode.TOTAL_TIMEOUT)


@pytest.mark.parametrize("comment", ["", ":ping\n", "usage\n"], ids=["silence", "comments", "usage"])
async def test_a_stall_after_the_first_token(transport: HttpTransport, comment: str) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.begin()
        await peer.chunk("text a\n")
        while comment and not peer.writer.is_closing():
            await peer.chunk(comment)
            await asyncio.sleep(0.01)
        await peer.until_closed()

    async with OddServer(script) as server:
        began = time.monotonic()
        events = await outcome(transport, upstream(server.url, LINE, limits=SHORT))
    assert time.monotonic() - began < 0.3
    assert TextDelta("a") in events
    fault = fault_of(events)
    assert (fault.code, fault.scope) == (FaultCode.STALL, FaultScope.MODEL)
    assert fault.message == "127.0.0.1 sent nothing new for 50 ms"


class HoldingBack(LineDecoder):
    """Tells of a tool call only when it is whole, as real decoders do."""

    def _line(self, line: str) -> list[WireEvent]:
        if line == "fragment":
            self.pieces_seen += 1
        return super()._line(line)


class HoldingBackProtocol(LineProtocol):
    def stream_decoder(self, context: CallContext) -> HoldingBack:
        return HoldingBack()


async def test_a_long_tool_call_is_no_silence_and_no_stall(transport: HttpTransport) -> None:
    fragments = 15

    async def script(peer: Peer, request: Received) -> None:
        await peer.begin()
        for _ in range(fragments):
            await peer.chunk("fragment\n")
            await asyncio.sleep(0.01)
        if "then-hang" in request.path:
            await peer.until_closed()
        await peer.chunk("tool t\nfinish\ndone\n")
        await peer.chunk("")

    async with OddServer(script) as server:
        whole = await outcome(transport, upstream(server.url, HoldingBackProtocol(), limits=SHORT))
        assert isinstance(whole[-1], Finished)
        hung = upstream(server.url, HoldingBackProtocol(), limits=SHORT, path="/then-hang")
        assert fault_of(await outcome(transport, hung)).code == FaultCode.STALL


async def test_progress_within_every_limit_still_ends_at_the_total(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.begin()
        while not peer.writer.is_closing():
            await peer.chunk("text a\n")
            await asyncio.sleep(0.01)

    limits = CallLimits(first_token_ms=100, stall_ms=100, total_ms=150)
    async with OddServer(script) as server:
        events = await outcome(transport, upstream(server.url, LINE, limits=limits))
    fault = fault_of(events)
    assert (fault.code, fault.scope) == (FaultCode.TOTAL_TIMEOUT, FaultScope.MODEL)
    assert len(body_of(events)) >= 5


async def test_an_unstreamed_request_waits_for_its_head_until_the_total(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await asyncio.sleep(0.1)
        await peer.reply("{\ntext late\nfinish\n")

    async with OddServer(script) as server:
        events = await outcome(transport, upstream(server.url, LINE, stream=False, limits=SHORT))
        assert body_of(events) == [TextDelta("late")]
        hurried = CallLimits(total_ms=50)
        late = await outcome(transport, upstream(server.url, LINE, stream=False, limits=hurried))
    assert fault_of(late).code == FaultCode.TOTAL_TIMEOUT
