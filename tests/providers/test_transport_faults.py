from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from tests.support.calls import CANARY, body_of, fault_of, outcome, upstream
from tests.support.line_protocol import LineDecoder, LineProtocol
from tests.support.odd_server import OddServer, Peer, Received, free_port

from trunkline.domain.clock import SystemClock
from trunkline.domain.events import Finished, Started, TextDelta
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

    async with OddServer(elsewhere, host="localhost") as other:

        async def script(peer: Peer, request: Received) -> None:
            await peer.reply(
                "", status=status, headers=(f"Location: http://localhost:{other.port}/?{CANARY}",)
            )

        async with OddServer(script) as server:
            fault = fault_of(await outcome(transport, upstream(server.url, LINE)))
        assert other.connections == 0
    assert (fault.code, fault.scope) == (FaultCode.REDIRECT, FaultScope.PROVIDER)
    assert fault.message == "127.0.0.1 redirects to localhost; the key was not sent there"


async def test_a_redirect_within_the_host(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.reply("", status="308 Permanent", headers=("Location: /v2/answer",))

    async with OddServer(script) as server:
        fault = fault_of(await outcome(transport, upstream(server.url, LINE)))
        assert len(server.requests) == 1
    assert fault.message == "127.0.0.1 redirects to another address of its own; the key was not sent there"


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
