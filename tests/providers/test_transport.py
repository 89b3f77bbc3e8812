from __future__ import annotations

import asyncio
import gzip
import logging
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from tests.support.calls import CANARY, body_of, fault_of, outcome, until, upstream
from tests.support.line_protocol import LineProtocol
from tests.support.odd_server import OddServer, Peer, Received, Script

from trunkline.domain.clock import SystemClock
from trunkline.domain.events import Finished, Started, TextDelta, ToolCallDelta, UsageSeen
from trunkline.domain.faults import FaultCode, FaultScope
from trunkline.domain.preferences import CallLimits
from trunkline.providers.call import ReplyEnded, Sent
from trunkline.providers.transport import HttpTransport
from trunkline.providers.transport.reply import Bounds

LINE = LineProtocol()


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    transport = HttpTransport(
        SystemClock(), user_agent="trunkline/test", bounds=Bounds(finish_grace_ms=60, linger_ms=60)
    )
    yield transport
    await transport.aclose()


def stream_of(*chunks: str) -> Script:
    async def script(peer: Peer, request: Received) -> None:
        await peer.begin()
        for chunk in chunks:
            await peer.chunk(chunk)
        await peer.chunk("")

    return script


async def test_a_stream_gives_its_events_in_order(transport: HttpTransport) -> None:
    async with OddServer(
        stream_of("model m-1\nte", "xt a\n:ping\ntool t\n", "text b\nfinish\nusage\ndone\n")
    ) as server:
        events = await outcome(transport, upstream(server.url, LINE))
    assert [type(event) for event in events] == [
        Sent, Started, TextDelta, ToolCallDelta, TextDelta, UsageSeen, ReplyEnded, Finished,
    ]  # fmt: skip
    assert isinstance(events[0], Sent)
    assert isinstance(events[-2], ReplyEnded)
    assert 0 < events[-2].mono_ms - events[0].mono_ms < 1000
    [received] = server.requests
    assert (received.method, received.path, received.body) == ("POST", "/v1/answer", b'{"q": 1}')
    assert received.headers["authorization"] == f"Bearer {CANARY}"
    assert received.headers["user-agent"] == "trunkline/test"
    assert received.headers["content-type"] == "application/json"


async def test_slow_single_bytes_give_the_same_events(transport: HttpTransport) -> None:
    async with OddServer(stream_of(*"text slow\nfinish\ndone\n")) as server:
        events = await outcome(transport, upstream(server.url, LINE))
    assert body_of(events) == [TextDelta("slow")]


async def test_a_whole_reply_is_decoded(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.reply("{\ntext whole\nfinish\n", headers=("X-Left: 7",))

    async with OddServer(script) as server:
        events = await outcome(transport, upstream(server.url, LINE, stream=False))
    started, text = body_of(events)
    assert isinstance(started, Started)
    assert started.readings[0].remaining == 7
    assert text == TextDelta("whole")


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream", "text/plain"])
async def test_a_whole_reply_to_a_streamed_request_is_decoded(
    transport: HttpTransport, content_type: str
) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.reply("\n{\ntext whole\nfinish\n", content_type=content_type)

    async with OddServer(script) as server:
        events = await outcome(transport, upstream(server.url, LINE))
    assert body_of(events) == [TextDelta("whole")]
    assert isinstance(events[-1], Finished)


async def test_a_stream_under_another_content_type_is_decoded_as_it_comes(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.begin("text/plain")
        await peer.chunk("text first\n")
        await peer.until_closed()

    async with OddServer(script) as server, aclosing(transport.call(upstream(server.url, LINE))) as running:
        assert await asyncio.wait_for(until(running, TextDelta), 1) == TextDelta("first")


@pytest.mark.parametrize("stream", [True, False])
async def test_compressed_replies_are_decompressed(transport: HttpTransport, stream: bool) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.reply(
            gzip.compress(b"text squeezed\nfinish\ndone\n"),
            content_type="text/event-stream",
            headers=("Content-Encoding: gzip",),
        )

    async with OddServer(script) as server:
        events = await outcome(transport, upstream(server.url, LINE, stream=stream))
    assert body_of(events) == [TextDelta("squeezed")]


async def test_reading_stops_at_the_terminator_though_the_socket_stays_open(transport: HttpTransport) -> None:
    closed = asyncio.Event()

    async def script(peer: Peer, request: Received) -> None:
        await peer.begin()
        await peer.chunk("text all\nfinish\ndone\ntext never\n")
        await peer.chunk("text never\n")
        await peer.until_closed()
        closed.set()

    async with OddServer(script) as server:
        events = await outcome(transport, upstream(server.url, LINE))
        assert body_of(events) == [TextDelta("all")]
        await asyncio.wait_for(closed.wait(), 1)


async def test_a_missing_terminator_costs_a_moment_and_keeps_the_usage(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.begin()
        await peer.chunk("text all\nfinish\n")
        await peer.chunk("usage\n:still here\n")
        await peer.until_closed()

    async with OddServer(script) as server:
        began = time.monotonic()
        events = await outcome(transport, upstream(server.url, LINE))
    assert [type(event) for event in body_of(events)] == [TextDelta, UsageSeen]
    assert isinstance(events[-1], Finished)
    assert time.monotonic() - began < 1


async def test_a_cut_after_the_finish_reason_is_a_whole_answer(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.begin()
        await peer.chunk("text all\nfinish\n")
        await asyncio.sleep(0.02)
        peer.reset()

    async with OddServer(script) as server:
        events = await outcome(transport, upstream(server.url, LINE))
    assert isinstance(events[-1], Finished)


async def test_a_connection_serves_one_call_after_another(transport: HttpTransport) -> None:
    async with OddServer(stream_of("text a\nfinish\ndone\n")) as server:
        for _ in range(5):
            await outcome(transport, upstream(server.url, LINE))
            await asyncio.sleep(0.005)
        assert server.connections == 1
        assert len(server.requests) == 5


async def test_sixty_four_at_once_have_a_connection_each(transport: HttpTransport) -> None:
    gate = asyncio.Event()
    waiting = 0

    async def script(peer: Peer, request: Received) -> None:
        nonlocal waiting
        waiting += 1
        if waiting == 64:
            gate.set()
        await gate.wait()
        await peer.reply("{\ntext a\nfinish\n")

    async with OddServer(script) as server:
        calls = [outcome(transport, upstream(server.url, LINE, stream=False)) for _ in range(64)]
        outcomes = await asyncio.wait_for(asyncio.gather(*calls), 5)
    assert all(isinstance(events[-1], Finished) for events in outcomes)


async def test_sent_comes_while_the_provider_is_still_thinking(transport: HttpTransport) -> None:
    arrived, answer = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer, request: Received) -> None:
        arrived.set()
        await answer.wait()
        await peer.reply("{\ntext a\nfinish\n")

    async with OddServer(script) as server, aclosing(transport.call(upstream(server.url, LINE))) as running:
        assert isinstance(await asyncio.wait_for(anext(running), 1), Sent)
        await asyncio.wait_for(arrived.wait(), 1)
        answer.set()
        assert await until(running, TextDelta) == TextDelta("a")


async def hang_after(peer: Peer, *chunks: str) -> None:
    if chunks:
        await peer.begin()
        for chunk in chunks:
            await peer.chunk(chunk)
    await peer.until_closed()


@pytest.mark.parametrize("chunks", [(), ("text a\n",)], ids=["before the head", "in the middle"])
@pytest.mark.parametrize("how", ["aclose", "cancel"])
async def test_giving_up_closes_the_connection_at_once(
    transport: HttpTransport, chunks: tuple[str, ...], how: str
) -> None:
    arrived, closed = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer, request: Received) -> None:
        arrived.set()
        await hang_after(peer, *chunks)
        closed.set()

    async with OddServer(script) as server:
        running = transport.call(upstream(server.url, LINE))
        assert isinstance(await anext(running), Sent)
        await arrived.wait()
        if chunks:
            assert isinstance(await anext(running), TextDelta)
        if how == "aclose":
            await running.aclose()
        else:
            waiting = asyncio.ensure_future(anext(running))
            await asyncio.sleep(0.01)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        await asyncio.wait_for(closed.wait(), 0.1)


async def test_a_slow_reader_of_events_is_not_the_providers_fault(transport: HttpTransport) -> None:
    async with OddServer(stream_of("text a\n", "text b\nfinish\ndone\n")) as server:
        texts = []
        limits = CallLimits(stall_ms=40, first_token_ms=40)
        async for event in transport.call(upstream(server.url, LINE, limits=limits)):
            if isinstance(event, TextDelta):
                texts.append(event.text)
                await asyncio.sleep(0.08)
    assert "".join(texts) == "ab"
    assert isinstance(event, Finished)


async def test_warm_opens_a_connection_without_a_request(transport: HttpTransport) -> None:
    async with OddServer(stream_of("text a\nfinish\ndone\n")) as server:
        await transport.warm(server.url)
        await asyncio.sleep(0.01)
        assert (server.connections, server.requests) == (1, [])
        await outcome(transport, upstream(server.url, LINE))
        assert server.connections == 1


@pytest.mark.parametrize(
    "base_url", ["http://127.0.0.1:1", "http://nonexistent.invalid", "nonsense", "http://[::"]
)
async def test_warming_a_dead_host_is_silent(transport: HttpTransport, base_url: str) -> None:
    await transport.warm(base_url)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_loopback_is_never_asked_through_a_proxy(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch, variable: str, host: str
) -> None:
    async with OddServer(stream_of("text through a proxy\nfinish\ndone\n")) as proxy:
        async with OddServer(stream_of("text straight\nfinish\ndone\n"), host=host) as server:
            monkeypatch.setenv(variable, proxy.url)
            events = await outcome(transport, upstream(f"http://{host}:{server.port}", LINE))
        assert body_of(events) == [TextDelta("straight")]
        assert proxy.connections == 0


async def test_other_hosts_are_asked_through_the_proxy(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with OddServer(stream_of("text through a proxy\nfinish\ndone\n")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "kept.invalid")
        events = await outcome(transport, upstream("http://api.invalid", LINE))
        assert body_of(events) == [TextDelta("through a proxy")]
        assert proxy.requests[0].path == "http://api.invalid/v1/answer"
        kept = await outcome(transport, upstream("http://kept.invalid", LINE))
        assert fault_of(kept).code == FaultCode.DNS


async def test_a_proxy_that_makes_no_sense_is_a_fault(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "gopher://127.0.0.1:1")
    fault = fault_of(await outcome(transport, upstream("http://api.invalid", LINE)))
    assert (fault.code, fault.request_sent) == (FaultCode.CONNECT, False)


async def test_a_proxy_that_refuses_is_named_without_its_password(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.reply("no", status="407 Proxy Authentication Required", content_type="text/plain")

    async with OddServer(script) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:hunter2-password@127.0.0.1:{proxy.port}")
        fault = fault_of(await outcome(transport, upstream("https://api.invalid", LINE)))
        assert proxy.requests[0].method == "CONNECT"
        assert "authorization" not in proxy.requests[0].headers
    assert (fault.code, fault.scope, fault.request_sent) == (FaultCode.CONNECT, FaultScope.PROVIDER, False)
    assert "proxy" in fault.message
    assert "407" in fault.provider_text
    assert "hunter2" not in repr(fault)


async def test_cookies_are_not_carried_from_call_to_call(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.reply("{\ntext a\nfinish\n", headers=("Set-Cookie: who=first; Path=/",))

    async with OddServer(script, host="localhost") as server:
        for _ in range(2):
            await outcome(transport, upstream(f"http://localhost:{server.port}", LINE))
    assert all("cookie" not in request.headers for request in server.requests)


async def test_no_log_line_holds_the_key(transport: HttpTransport, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def script(peer: Peer, request: Received) -> None:
        await peer.reply(f"your key {CANARY}", status="401 Unauthorized", content_type="text/plain")

    async with OddServer(script) as server:
        await outcome(transport, upstream(server.url, LINE))
    assert CANARY not in caplog.text
    assert any(record.name.startswith("trunkline.providers.transport") for record in caplog.records)
