"""Whole requests and replies over real HTTP: what lists, balances and probes are asked with."""

from __future__ import annotations

import gzip
import logging
import time
import zlib
from collections.abc import AsyncIterator

import pytest
from tests.support.calls import CANARY
from tests.support.odd_server import OddServer, Peer, Received, Script, free_port

from trunkline.domain.clock import SystemClock
from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.secret import Secret
from trunkline.providers.call import FreeCall
from trunkline.providers.protocol import WireReply, WireRequest
from trunkline.providers.transport import HttpTransport
from trunkline.providers.transport import fetch as fetching

LIST = b'{"data": [{"id": "m"}]}'


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    transport = HttpTransport(SystemClock(), user_agent="trunkline/test")
    yield transport
    await transport.aclose()


def free(
    base_url: str,
    path: str = "/models",
    *,
    key: str | None = CANARY,
    from_root: bool = False,
    prefix: str = "Bearer ",
    connect_ms: int = 2_000,
    total_ms: int = 5_000,
) -> FreeCall:
    request = WireRequest(
        "GET", path, (("X-Extra", "1"),), b"", False, auth_prefix=prefix, from_root=from_root
    )
    return FreeCall(base_url, request, Secret(key) if key is not None else None, connect_ms, total_ms)


def replies(body: bytes | str = LIST, **how: object) -> Script:
    async def script(peer: Peer, request: Received) -> None:
        await peer.reply(body, **how)  # type: ignore[arg-type]

    return script


async def test_a_reply_comes_whole_with_its_head_and_the_request_is_as_it_was_said(
    transport: HttpTransport,
) -> None:
    async with OddServer(replies(headers=("X-Left: 7", "X-Left: 8"))) as server:
        reply = await transport.fetch(free(f"{server.url}/api/v1/"))
    assert isinstance(reply, WireReply)
    assert (reply.status, reply.body, reply.headers["x-left"]) == (200, LIST, "7, 8")
    [received] = server.requests
    assert (received.method, received.path, received.body) == ("GET", "/api/v1/models", b"")
    assert received.headers["authorization"] == f"Bearer {CANARY}"
    assert received.headers["user-agent"] == "trunkline/test"
    assert received.headers["accept"] == "application/json"
    assert received.headers["x-extra"] == "1"
    assert "content-length" not in received.headers


async def test_an_address_from_the_root_leaves_the_path_of_the_base_url_out(transport: HttpTransport) -> None:
    async with OddServer(replies()) as server:
        await transport.fetch(free(f"{server.url}/api/paas/v4", "/api/monitor", from_root=True))
    assert server.requests[0].path == "/api/monitor"


async def test_a_key_may_go_bare_or_not_at_all(transport: HttpTransport) -> None:
    async with OddServer(replies()) as server:
        await transport.fetch(free(server.url, prefix=""))
        await transport.fetch(free(server.url, key=None))
    assert server.requests[0].headers["authorization"] == CANARY
    assert "authorization" not in server.requests[1].headers


@pytest.mark.parametrize(
    "status", ["400 Bad Request", "401 Unauthorized", "429 Too Many", "503 No", "404 Not Found"]
)
async def test_any_status_is_a_reply(transport: HttpTransport, status: str) -> None:
    async with OddServer(replies('{"error": 1}', status=status)) as server:
        reply = await transport.fetch(free(server.url))
    assert isinstance(reply, WireReply)
    assert reply.status == int(status[:3])


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [("gzip", gzip.compress(LIST, mtime=0)), ("deflate", zlib.compress(LIST))],
    ids=["gzip", "deflate"],
)
async def test_a_compressed_reply_is_read(transport: HttpTransport, encoding: str, packed: bytes) -> None:
    async with OddServer(replies(packed, headers=(f"Content-Encoding: {encoding}",))) as server:
        reply = await transport.fetch(free(server.url))
    assert isinstance(reply, WireReply)
    assert reply.body == LIST
    assert server.requests[0].headers["accept-encoding"] == "gzip, deflate"


async def test_what_claims_to_be_compressed_and_is_not_is_a_fault(transport: HttpTransport) -> None:
    async with OddServer(replies(LIST, headers=("Content-Encoding: gzip",))) as server:
        fault = await transport.fetch(free(server.url))
    assert isinstance(fault, Fault)
    assert fault.code == FaultCode.MALFORMED


async def test_a_chunked_reply_in_single_bytes_is_whole(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.begin("application/json")
        for byte in LIST:
            await peer.chunk(bytes((byte,)))
        await peer.chunk("")

    async with OddServer(script) as server:
        reply = await transport.fetch(free(server.url))
    assert isinstance(reply, WireReply)
    assert reply.body == LIST


async def never(peer: Peer, request: Received) -> None:
    await peer.until_closed()


async def half(peer: Peer, request: Received) -> None:
    await peer.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    await peer.until_closed()


@pytest.mark.parametrize("script", [never, half], ids=["silent", "stops-in-the-body"])
async def test_who_is_slow_is_left_in_time_and_the_connection_closed(
    transport: HttpTransport, script: Script
) -> None:
    async with OddServer(script) as server:
        began_s = time.monotonic()
        fault = await transport.fetch(free(server.url, total_ms=80))
        took_s = time.monotonic() - began_s
        assert isinstance(fault, Fault)
        assert (fault.code, fault.request_sent) == (FaultCode.TOTAL_TIMEOUT, True)
        assert took_s < 2
        assert "127.0.0.1" in fault.message


async def test_no_time_at_all_is_a_fault(transport: HttpTransport) -> None:
    async with OddServer(never) as server:
        fault = await transport.fetch(free(server.url, connect_ms=0, total_ms=0))
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.NETWORK


async def cut(peer: Peer, request: Received) -> None:
    await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    peer.reset()


async def reset(peer: Peer, request: Received) -> None:
    peer.reset()


async def nonsense(peer: Peer, request: Received) -> None:
    await peer.send("SSH-2.0-OpenSSH_9.7\r\n")
    peer.writer.close()


@pytest.mark.parametrize(
    ("script", "code"),
    [(cut, FaultCode.CUT), (reset, FaultCode.RESET), (nonsense, FaultCode.MALFORMED)],
    ids=["cut-in-the-body", "reset", "not-http"],
)
async def test_a_broken_reply_is_a_fault(transport: HttpTransport, script: Script, code: str) -> None:
    async with OddServer(script) as server:
        fault = await transport.fetch(free(server.url))
    assert isinstance(fault, Fault)
    assert (fault.code, fault.request_sent) == (code, True)


async def test_nobody_there_is_a_fault_of_which_nothing_was_sent(transport: HttpTransport) -> None:
    fault = await transport.fetch(free(f"http://127.0.0.1:{free_port()}"))
    assert isinstance(fault, Fault)
    assert (fault.code, fault.scope, fault.request_sent) == (FaultCode.CONNECT, FaultScope.PROVIDER, False)


@pytest.mark.parametrize("base_url", ["nonsense", "ftp://127.0.0.1", "http://[::", "http://a:b:c", ""])
async def test_no_address_is_a_fault(transport: HttpTransport, base_url: str) -> None:
    fault = await transport.fetch(free(base_url))
    assert isinstance(fault, Fault)
    assert not fault.request_sent


async def test_a_name_that_nobody_has_is_a_fault(transport: HttpTransport) -> None:
    fault = await transport.fetch(free("http://nobody.invalid"))
    assert isinstance(fault, Fault)
    assert (fault.code, fault.request_sent) == (FaultCode.DNS, False)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "a-small-body-that-unpacks-to-it"])
async def test_more_than_is_read_of_a_list_is_a_fault(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    monkeypatch.setattr(fetching, "LARGEST_REPLY_BYTES", 100_000)
    body = b" " * 100_001
    zipped = replies(gzip.compress(body), headers=("Content-Encoding: gzip",))
    script = zipped if packed else replies(body)
    async with OddServer(script) as server:
        fault = await transport.fetch(free(server.url))
    assert isinstance(fault, Fault)
    assert fault.code == FaultCode.MALFORMED


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_told_and_not_followed_and_the_key_stays(
    transport: HttpTransport, status: int
) -> None:
    async with OddServer(replies()) as elsewhere:
        away = replies("", status=f"{status} Away", headers=(f"Location: {elsewhere.url}/models",))
        async with OddServer(away, host="localhost") as server:
            fault = await transport.fetch(free(f"http://localhost:{server.port}"))
        assert elsewhere.connections == 0
    assert isinstance(fault, Fault)
    assert (fault.code, fault.http_status) == (FaultCode.REDIRECT, status)
    assert "127.0.0.1" in fault.message


@pytest.mark.parametrize("location", ["http://[::", "\x1b[31m", ""])
async def test_a_redirect_to_nowhere_is_the_same_fault(transport: HttpTransport, location: str) -> None:
    async with OddServer(replies("", status="302 Found", headers=(f"Location: {location}",))) as server:
        fault = await transport.fetch(free(server.url))
    assert isinstance(fault, Fault)
    assert fault.code in (FaultCode.REDIRECT, FaultCode.MALFORMED)
    assert "\x1b" not in repr(fault)


@pytest.mark.parametrize("key", ["", "  ", "kéy", "two\nlines"], ids=["empty", "blank", "not-ascii", "lines"])
async def test_a_key_that_no_header_can_carry_is_never_sent(transport: HttpTransport, key: str) -> None:
    async with OddServer(replies()) as server:
        fault = await transport.fetch(free(server.url, key=key))
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.request_sent) == (FaultKind.AUTH, False)
    assert server.connections == 0


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_this_machine_is_never_asked_through_a_proxy(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    async with OddServer(replies("{}")) as proxy, OddServer(replies()) as server:
        monkeypatch.setenv(variable, proxy.url)
        reply = await transport.fetch(free(server.url))
        assert isinstance(reply, WireReply)
        assert reply.body == LIST
        assert proxy.connections == 0


async def test_a_connection_is_used_again(transport: HttpTransport) -> None:
    async with OddServer(replies()) as server:
        for _ in range(3):
            assert isinstance(await transport.fetch(free(server.url)), WireReply)
        assert server.connections == 1


async def test_after_the_end_nothing_is_sent(transport: HttpTransport) -> None:
    await transport.aclose()
    async with OddServer(replies()) as server:
        fault = await transport.fetch(free(server.url))
        assert server.connections == 0
    assert isinstance(fault, Fault)
    assert not fault.request_sent


@pytest.mark.parametrize("script", [cut, reset, nonsense, replies(CANARY, status="302 Found")])
async def test_neither_a_fault_nor_a_log_line_holds_the_key(
    transport: HttpTransport, caplog: pytest.LogCaptureFixture, script: Script
) -> None:
    caplog.set_level(logging.DEBUG)
    async with OddServer(script) as server:
        fault = await transport.fetch(free(server.url))
    assert isinstance(fault, Fault)
    assert CANARY not in repr(fault)
    assert CANARY not in caplog.text
