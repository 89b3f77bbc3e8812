"""A raw-socket HTTP server that does exactly what a script says, byte by byte."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType


@dataclass(slots=True)
class Received:
    """One request as the server read it; header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Peer:
    """The server's end of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int
    received: list[Received] = field(default_factory=list)

    async def request(self) -> Received | None:
        """Read one whole request; None at the end of the connection."""
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        method, path, _ = head[0].split(" ", 2)
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Received(method, path, headers, body)

    async def send(self, data: bytes | str) -> None:
        """Write and flush."""
        self.writer.write(data.encode() if isinstance(data, str) else data)
        await self.writer.drain()

    async def reply(
        self,
        body: bytes | str,
        *,
        status: str = "200 OK",
        content_type: str = "application/json",
        headers: tuple[str, ...] = (),
    ) -> None:
        """A whole reply with its length."""
        raw = body.encode() if isinstance(body, str) else body
        lines = [
            f"HTTP/1.1 {status}",
            f"Content-Type: {content_type}",
            f"Content-Length: {len(raw)}",
            *headers,
        ]
        await self.send("\r\n".join([*lines, "", ""]).encode() + raw)

    async def begin(self, content_type: str = "text/event-stream", *headers: str) -> None:
        """The head of a chunked reply."""
        lines = ["HTTP/1.1 200 OK", f"Content-Type: {content_type}", "Transfer-Encoding: chunked", *headers]
        await self.send("\r\n".join([*lines, "", ""]))

    async def chunk(self, data: bytes | str) -> None:
        """One HTTP chunk; an empty one ends the body."""
        raw = data.encode() if isinstance(data, str) else data
        await self.send(b"%x\r\n%s\r\n" % (len(raw), raw))

    def reset(self) -> None:
        """Drop the connection with RST."""
        if self.writer.is_closing():
            return
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def until_closed(self) -> None:
        """Wait until the client closes its end."""
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            pass


Script = Callable[[Peer, Received], Awaitable[None]]


class OddServer:
    """Runs `script` for every request of every connection; the connection is kept unless the script closes it."""

    def __init__(self, script: Script, *, host: str = "127.0.0.1") -> None:
        self._script = script
        self._host = host
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.requests: list[Received] = []
        self.connections = 0
        self.open_connections = 0
        self.failures: list[BaseException] = []

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self.port}"

    async def __aenter__(self) -> OddServer:
        self._server = await asyncio.start_server(self._serve, self._host, 0, backlog=256)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if kind is None:
            assert not self.failures, self.failures

    async def read(self, peer: Peer) -> Received | None:
        """The next request of a connection; None ends it. A test may read otherwise."""
        return await peer.request()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open_connections += 1
        peer = Peer(reader, writer, self.connections)
        try:
            while not writer.is_closing() and (request := await self.read(peer)) is not None:
                self.requests.append(request)
                peer.received.append(request)
                await self._script(peer, request)
        except (ConnectionError, asyncio.CancelledError):
            pass
        except BaseException as error:
            self.failures.append(error)
        finally:
            self.open_connections -= 1
            self._tasks.discard(task)
            writer.close()


def free_port() -> int:
    """A loopback port on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
