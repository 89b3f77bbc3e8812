"""The gateway under what is barely HTTP: slow and odd senders, bodies that cost too much, readers that do not read."""

from __future__ import annotations

import asyncio
import gzip
import logging
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.support.engine_world import Serves, World, open_world, until
from tests.support.gateway_world import HOST, OPEN, listening

from trunkline.gateway import serving
from trunkline.gateway.metrics import Metrics

CHAT = "/v1/chat/completions"
ASKED: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": "Who owns the queue?"}]}


@asynccontextmanager
async def gateway(home: Path, preferences: str = OPEN, **more: Any) -> AsyncIterator[tuple[World, int]]:
    async with (
        open_world(home, Serves("p"), preferences=preferences) as world,
        listening(world, **more) as (_, root),
    ):
        yield world, int(root.rpartition(":")[2])


async def said(port: int, sent: bytes) -> tuple[int, bytes]:
    """Status and body of what comes back."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(sent)
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            assert length is not None
            return int(head.split(b" ", 2)[1]), await reader.readexactly(int(length[1]))
    finally:
        writer.close()


def posted(body: bytes, *headers: str, path: str = CHAT) -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"Host: {HOST}", "Connection: close", *headers]
    if not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def told(body: bytes) -> str:
    return str(orjson.loads(body)["error"]["message"])


@pytest.mark.parametrize(
    "sent",
    [
        b"GARBAGE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        posted(b"", "Content-Length: abc"),
        posted(b"0\r\n\r\n", "Content-Length: 5", "Transfer-Encoding: chunked"),
        posted(b"zz\r\n", "Transfer-Encoding: chunked"),
        posted(b"{}", "X-Long: " + "a" * 9_000),
        posted(b"{}", *(f"X-{n}: a" for n in range(200))),
    ],
    ids=["garbage", "tls", "length", "both lengths", "chunk", "long header", "many headers"],
)
async def test_what_is_no_request_is_refused_and_the_next_is_served(tmp_path: Path, sent: bytes) -> None:
    async with gateway(tmp_path) as (world, port):
        assert (await said(port, sent))[0] == 400
        assert world.served("p") == 0
        assert (await said(port, posted(orjson.dumps(ASKED))))[0] == 200


async def test_a_token_in_a_broken_head_gets_into_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with gateway(tmp_path, preferences="") as (_, port):
        status, body = await said(port, posted(b"{}", "Authorization: Bearer tl-very\x01secret"))
        assert status == 400
        assert b"secret" not in body
        await said(port, posted(b"{}", path=f"{CHAT}?key=tl-very-secret"))
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        (b"\x1f\x8bnot gzip", ("Content-Encoding: gzip",), 400, "not encoded as its headers say"),
        (gzip.compress(bytes(2_000_000)), ("Content-Encoding: gzip",), 413, "larger than 1 MB"),
        (b"{}", ("Content-Length: 99999999999",), 413, "larger than 1 MB"),
        (b'{"model": "auto", "messages": [{"role": "user", "content": "\xff"}]}', (), 400, "not JSON"),
        (b'{"model": "\\ud800"}', (), 400, "not JSON"),
        (b'{"temperature": NaN}', (), 400, "not JSON"),
        (b'{"messages": ' + b"[" * 100_000, (), 400, "not JSON"),
        (b"{" * 400_001, (), 400, "more than 400,000"),
        (orjson.dumps({**ASKED, "seed": 2**63}), (), 400, "64 bits"),
        (orjson.dumps({**ASKED, "max_tokens": 1e30}), (), 400, "64 bits"),
        (orjson.dumps({**ASKED, "messages": ASKED["messages"] * 5_001}), (), 400, "more than the 10,000"),
        (orjson.dumps({**ASKED, "models": ["m"] * 101}), (), 400, "more than 100"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_bodies_that_cannot_be_taken_are_refused_in_words(
    tmp_path: Path, body: bytes, headers: tuple[str, ...], status: int, words: str
) -> None:
    async with gateway(tmp_path, f"{OPEN}max_body_mb = 1\n") as (world, port):
        sent = await said(port, posted(body, *headers))
        assert (sent[0], words in told(sent[1])) == (status, True), sent
        assert world.served("p") == 0


async def test_a_body_that_does_not_come_to_its_end_is_not_waited_for(tmp_path: Path) -> None:
    async with gateway(tmp_path, client_within_s=0.05) as (_, port):
        status, body = await said(port, posted(b'{"model"', "Content-Length: 100"))

    assert (status, told(body)) == (400, "the body did not come to its end in time")


@pytest.mark.parametrize("stream", [False, True])
async def test_who_does_not_read_is_left(tmp_path: Path, stream: bool) -> None:
    """More than the sockets' buffers hold is written to nobody."""
    long = "Words and more words that nobody reads, for as long as it takes. " * 120_000
    played = {"answers": [long], "max_output": 10_000_000, "chunk_tokens": 4_000}
    body = orjson.dumps({**ASKED, "stream": stream})
    async with (
        open_world(tmp_path, Serves("p", played=played), preferences=OPEN) as world,
        listening(world, client_within_s=0.1) as (_, root),
    ):
        loop = asyncio.get_running_loop()
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            deaf.setblocking(False)
            await loop.sock_connect(deaf, (HOST, int(root.rpartition(":")[2])))
            await loop.sock_sendall(deaf, posted(body, "Connection: keep-alive"))
            await until(lambda: world.query("SELECT 1 FROM request"))
            await asyncio.sleep(
                0.15
            )  # over the bound of 0.1 s, which is the sockets' time: no clock of ours turns it
            came = 0
            while data := await asyncio.wait_for(loop.sock_recv(deaf, 1_000_000), 5):
                came += len(data)
        assert came < len(long)
        assert not world.open_reservations()


async def test_an_answer_that_fails_inside_after_its_beginning_is_cut_and_not_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(serving, "answer_message", broken)
    async with gateway(tmp_path) as (world, port):
        world.fault("crawl", after=3, tokens_per_s=400.0)
        sent = posted(orjson.dumps({**ASKED, "stream": True}))
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(sent)
        came = await reader.read()
        writer.close()

    assert b"The first thing" in came
    assert not came.endswith(b"0\r\n\r\n")
    assert came.count(b"HTTP/1.1") == 1


async def test_more_connections_than_files_may_be_open_are_closed(tmp_path: Path) -> None:
    async with gateway(tmp_path, most_connections=2) as (_, port):
        kept = [await asyncio.open_connection(HOST, port) for _ in range(2)]
        reader, writer = await asyncio.open_connection(HOST, port)
        with suppress(ConnectionError):
            assert await reader.read() == b""
        for _, one in (*kept, (reader, writer)):
            one.close()
        await asyncio.sleep(0.01)
        assert (await said(port, posted(orjson.dumps(ASKED))))[0] == 200


async def test_no_more_bodies_are_read_than_requests_may_wait(tmp_path: Path) -> None:
    async with gateway(tmp_path, f"{OPEN}max_concurrent = 1\nmax_waiting = 1\n") as (_, port):
        slow = [await asyncio.open_connection(HOST, port) for _ in range(2)]
        for _, writer in slow:
            writer.write(posted(b"{", "Content-Length: 100"))
            await writer.drain()
        await asyncio.sleep(0.02)
        status, body = await said(port, posted(orjson.dumps(ASKED)))
        for _, writer in slow:
            writer.close()

    assert (status, "as many wait" in told(body)) == (429, True)


async def test_what_fails_inside_is_logged_with_its_trace_and_told_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Metrics, "ended", broken)
    async with gateway(tmp_path) as (_, port):
        status, body = await said(port, posted(orjson.dumps(ASKED)))

    assert (status, b"a bug" in body) == (500, False)
    assert "RuntimeError: a bug" in caplog.text
