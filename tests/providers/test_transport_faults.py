from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator

import pytest
from tests.support.calls import CANARY, body_of, fault_of, outcome, upstream
from tests.support.line_protocol import LineDecoder, LineProtocol
from tests.support.odd_server import OddServer, Peer, Received, free_port

from trunkline.domain.clock import SystemClock
from trunkline.domain.events import Finished, Started, TextDelta, WireEvent
from trunkline.domain.faults import FaultCode, FaultKind, FaultScope
from trunkline.domain.preferences import CallLimits
from trunkline.providers.call import Sent
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


async def test_a_refused_connection(transport: HttpTransport) -> None:
    events = await outcome(transport, upstream(f"http://127.0.0.1:{free_port()}", LINE))
    fault = fault_of(events)
    assert (fault.kind, fault.code, fault.scope) == (
        FaultKind.NETWORK,
        FaultCode.CONNECT,
        FaultScope.PROVIDER,
    )
    assert not fault.request_sent
    assert not any(isinstance(event, Sent) for event in events)
    assert "127.0.0.1" in fault.message


async def test_a_name_that_nobody_knows(transport: HttpTransport) -> None:
    fault = fault_of(await outcome(transport, upstream("http://nonexistent.invalid", LINE)))
    assert (fault.code, fault.scope, fault.request_sent) == (FaultCode.DNS, FaultScope.PROVIDER, False)
    assert fault.message == "the name nonexistent.invalid cannot be resolved"


async def test_a_server_that_speaks_no_tls(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        raise AssertionError("no request can come")

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        fault = fault_of(await outcome(transport, upstream(f"https://127.0.0.1:{port}", LINE)))
    assert (fault.code, fault.scope, fault.request_sent) == (FaultCode.TLS, FaultScope.PROVIDER, False)


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


@pytest.mark.parametrize("abrupt", [True, False], ids=["reset", "closed"])
async def test_a_break_before_the_head(transport: HttpTransport, abrupt: bool) -> None:
    async def script(peer: Peer, request: Received) -> None:
        if abrupt:
            peer.reset()
        else:
            peer.writer.close()

    async with OddServer(script) as server:
        fault = fault_of(await outcome(transport, upstream(server.url, LINE)))
        assert (fault.code, fault.scope, fault.request_sent) == (FaultCode.RESET, FaultScope.MODEL, True)
        assert len(server.requests) == 1


@pytest.mark.parametrize("abrupt", [True, False], ids=["reset", "closed"])
@pytest.mark.parametrize("text", ["", "text some\n"])
async def test_a_break_after_the_head(transport: HttpTransport, abrupt: bool, text: str) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.begin()
        if text:
            await peer.chunk(text)
        await asyncio.sleep(0.02)
        if abrupt:
            peer.reset()
        else:
            peer.writer.close()

    async with OddServer(script) as server:
        events = await outcome(transport, upstream(server.url, LINE))
    assert body_of(events) == ([TextDelta("some")] if text else [])
    fault = fault_of(events)
    assert (fault.code, fault.scope, fault.http_status) == (FaultCode.CUT, FaultScope.MODEL, 200)
    assert "127.0.0.1" in fault.message


async def test_a_whole_reply_that_breaks_off(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.send(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{\ntext a\n"
        )
        peer.writer.close()

    async with OddServer(script) as server:
        events = await outcome(transport, upstream(server.url, LINE, stream=False))
    assert fault_of(events).code == FaultCode.CUT
    assert body_of(events) == []


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

    pieces_seen = 0

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


async def test_bytes_that_are_not_http(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.send("SSH-2.0-OpenSSH_9.9\r\n\r\n")

    async with OddServer(script) as server:
        fault = fault_of(await outcome(transport, upstream(server.url, LINE)))
    assert (fault.code, fault.request_sent) == (FaultCode.MALFORMED, True)


async def test_a_head_without_end(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.send("HTTP/1.1 200 OK\r\n" + "X-Long: " + "x" * 100_000 + "\r\n\r\n")

    async with OddServer(script) as server:
        fault = fault_of(await outcome(transport, upstream(server.url, LINE)))
    assert fault.code == FaultCode.MALFORMED


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "text/plain", "application/json"])
async def test_a_login_page_is_no_answer(transport: HttpTransport, stream: bool, content_type: str) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.reply("\n<!doctype html><title>Sign in</title>", content_type=content_type)

    async with OddServer(script) as server:
        events = await outcome(transport, upstream(server.url, LINE, stream=stream))
    fault = fault_of(events)
    assert (fault.code, fault.scope) == (FaultCode.PORTAL, FaultScope.PROVIDER)
    assert body_of(events) == []


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("content_type", ["text/event-stream", "application/json"])
@pytest.mark.parametrize("body", ["", " \n\n"])
async def test_an_empty_answer_is_no_answer(
    transport: HttpTransport, stream: bool, content_type: str, body: str
) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.reply(body, content_type=content_type)

    async with OddServer(script) as server:
        fault = fault_of(await outcome(transport, upstream(server.url, LINE, stream=stream)))
    assert (fault.code, fault.scope) == (FaultCode.EMPTY, FaultScope.MODEL)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_not_followed(transport: HttpTransport, status: str) -> None:
    async def elsewhere(peer: Peer, request: Received) -> None:
        await peer.reply("{\ntext stolen\nfinish\n")

    async with OddServer(elsewhere, host="127.0.0.2") as other:

        async def script(peer: Peer, request: Received) -> None:
            await peer.reply(
                "", status=status, headers=(f"Location: http://127.0.0.2:{other.port}/?{CANARY}",)
            )

        async with OddServer(script) as server:
            fault = fault_of(await outcome(transport, upstream(server.url, LINE)))
        assert other.connections == 0
    assert (fault.code, fault.scope) == (FaultCode.REDIRECT, FaultScope.PROVIDER)
    assert fault.message == "127.0.0.1 redirects to 127.0.0.2; the key was not sent there"


@pytest.mark.parametrize("location", ["http://[::", "//", "javascript:alert(1)", "http://\x7f/"])
async def test_a_redirect_to_nowhere(transport: HttpTransport, location: str) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.reply("", status="302 Found", headers=(f"Location: {location}",))

    async with OddServer(script) as server:
        fault = fault_of(await outcome(transport, upstream(server.url, LINE)))
    assert fault.code == FaultCode.REDIRECT


async def test_a_refusal_is_classified_by_its_protocol_and_loses_the_key(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.reply(f"key {CANARY} is over", status="429 Slow", headers=("X-Left: 0",))

    async with OddServer(script) as server:
        fault = fault_of(await outcome(transport, upstream(server.url, LINE)))
    assert (fault.code, fault.http_status) == ("http_429", 429)
    assert fault.provider_text == "key ••• is over"
    assert fault.readings[0].remaining == 0


async def test_a_fault_inside_a_stream_loses_the_key(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.begin()
        await peer.chunk(f"fault no {CANARY}\n")
        await peer.until_closed()

    async with OddServer(script) as server:
        fault = fault_of(await outcome(transport, upstream(server.url, LINE)))
    assert (fault.code, fault.provider_text) == ("said", "no •••")


@pytest.mark.parametrize("then", ["hang", "cut", "flood"])
async def test_a_refusal_is_classified_by_what_came_of_it(transport: HttpTransport, then: str) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.send("HTTP/1.1 503 Busy\r\nContent-Length: 1000000\r\n\r\nbusy")
        await asyncio.sleep(0.01)
        if then == "hang":
            await peer.until_closed()
        elif then == "cut":
            peer.writer.close()
        else:
            await peer.send(b"!" * 999_990)
            await peer.until_closed()

    async with OddServer(script) as server:
        fault = fault_of(await outcome(transport, upstream(server.url, LINE, limits=SHORT)))
    assert (fault.code, fault.http_status) == ("http_503", 503)
    assert fault.provider_text.startswith("busy")
    assert len(fault.provider_text) <= 4096


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_without_bound(transport: HttpTransport, stream: bool) -> None:
    closed = asyncio.Event()

    async def script(peer: Peer, request: Received) -> None:
        await peer.begin("text/event-stream" if stream else "application/json")
        try:
            while True:
                await peer.chunk("x" * 10_000)
        finally:
            closed.set()

    async with OddServer(script) as server:
        fault = fault_of(await outcome(transport, upstream(server.url, LINE, stream=stream)))
        await asyncio.wait_for(closed.wait(), 1)
    assert (fault.code, fault.scope) == (FaultCode.MALFORMED, FaultScope.MODEL)


async def test_a_compressed_reply_that_is_not(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.reply("{}", headers=("Content-Encoding: gzip",))

    async with OddServer(script) as server:
        fault = fault_of(await outcome(transport, upstream(server.url, LINE)))
    assert fault.code == FaultCode.MALFORMED


async def test_a_connection_closed_just_before_the_request_counts_as_nothing(
    transport: HttpTransport,
) -> None:
    """The server reads nothing on its first connection's second request: it resets instead, as it does when its
    idle limit and our request cross."""
    answered: list[int] = []

    class Closing(OddServer):
        async def read(self, peer: Peer) -> Received | None:
            if peer.received:
                await peer.reader.read(1)
                peer.reset()
                return None
            return await super().read(peer)

    async def script(peer: Peer, request: Received) -> None:
        answered.append(peer.number)
        await peer.reply(f"{{\ntext {peer.number}\nfinish\n")

    async with Closing(script) as server:
        calls = [outcome(transport, upstream(server.url, LINE)) for _ in range(4)]
        assert all(isinstance(events[-1], Finished) for events in await asyncio.gather(*calls))
        pooled = server.connections
        events = await outcome(transport, upstream(server.url, LINE))
    assert isinstance(events[-1], Finished)
    assert len(answered) == 5
    assert answered[-1] == pooled + 1


async def test_a_break_on_a_new_connection_is_not_retried(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        peer.reset()

    async with OddServer(script) as server:
        assert fault_of(await outcome(transport, upstream(server.url, LINE))).code == FaultCode.RESET
    assert len(server.requests) == 1


@pytest.mark.parametrize("key", ["", "two\nlines", "smart“quote", "\x00"])
async def test_a_key_that_no_header_can_carry(transport: HttpTransport, key: str) -> None:
    async def script(peer: Peer, request: Received) -> None:
        raise AssertionError("nothing may be sent")

    async with OddServer(script) as server:
        fault = fault_of(await outcome(transport, upstream(server.url, LINE, key=key)))
    assert (fault.kind, fault.scope, fault.request_sent) == (FaultKind.AUTH, FaultScope.ACCOUNT, False)


async def test_a_call_without_a_key_carries_none(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.reply("{\ntext open\nfinish\n")

    async with OddServer(script) as server:
        await outcome(transport, upstream(server.url, LINE, key=None))
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("base_url", "path"),
    [("", "/x"), ("ftp://h", "/x"), ("http://h:port", "/x"), ("http://127.0.0.1", "@other.invalid/x")],
)
async def test_an_address_that_cannot_be_used(transport: HttpTransport, base_url: str, path: str) -> None:
    fault = fault_of(await outcome(transport, upstream(base_url, LINE, path=path)))
    assert (fault.code, fault.request_sent) == (FaultCode.CONNECT, False)


async def test_a_protocol_that_raises_is_a_fault(
    transport: HttpTransport, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    class Wrong(LineDecoder):
        def feed(self, data: bytes) -> tuple[Started, ...]:
            raise KeyError(CANARY)

    class WrongProtocol(LineProtocol):
        def stream_decoder(self, context: CallContext) -> LineDecoder:
            return Wrong()

    async def script(peer: Peer, request: Received) -> None:
        await peer.begin()
        await peer.chunk("text a\n")
        await peer.until_closed()

    async with OddServer(script) as server:
        fault = fault_of(await outcome(transport, upstream(server.url, WrongProtocol())))
    assert fault.code == FaultCode.MALFORMED
    assert CANARY not in caplog.text


async def test_after_close_every_call_is_a_fault(transport: HttpTransport) -> None:
    arrived = asyncio.Event()

    async def script(peer: Peer, request: Received) -> None:
        arrived.set()
        await peer.until_closed()

    async with OddServer(script) as server:
        running = asyncio.ensure_future(outcome(transport, upstream(server.url, LINE)))
        await arrived.wait()
        await transport.aclose()
        assert fault_of(await asyncio.wait_for(running, 1)).kind is FaultKind.NETWORK
        later = fault_of(await outcome(transport, upstream(server.url, LINE)))
        assert (later.kind, later.request_sent) == (FaultKind.NETWORK, False)
        await transport.warm(server.url)
        await transport.aclose()


def test_a_lost_loop_is_a_fault() -> None:
    transport = HttpTransport(SystemClock(), user_agent="trunkline/test")

    async def once() -> object:
        async def script(peer: Peer, request: Received) -> None:
            await peer.reply("{\ntext a\nfinish\n")

        async with OddServer(script) as server:
            return (await outcome(transport, upstream(server.url, LINE)))[-1]

    assert isinstance(asyncio.run(once()), Finished)
    last = asyncio.run(once())
    assert getattr(last, "kind", None) is FaultKind.NETWORK
