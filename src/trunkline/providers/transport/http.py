"""Sends calls over HTTP/1.1."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from trunkline.domain.clock import Clock
from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.providers.call import CallEvent, Dripping, FreeCall, ReplyEnded, Sent, UpstreamCall
from trunkline.providers.protocol import WireReply, WireRequest

if TYPE_CHECKING:
    import ssl

    from trunkline.providers.transport.reply import Bounds, Reply
    from trunkline.providers.transport.wire import Client

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Host:
    """Where a base URL leads. `direct` hosts are on this machine and never asked through a proxy."""

    base_url: str
    root: str
    name: str
    direct: bool


class HttpTransport:
    """Implements `Transport` over httpx-aiohttp.

    Everything heavy (httpx, aiohttp, certificates, the pool) is loaded at the first call or `warm`, on the loop
    that makes it; a transport belongs to that loop. `user_agent` is sent with every request; `bounds` only differs
    from its default in tests.
    """

    def __init__(self, clock: Clock, *, user_agent: str, bounds: Bounds | None = None) -> None:
        self._clock = clock
        self._user_agent = user_agent
        self._bounds = bounds
        self._context: ssl.SSLContext | None = None
        self._clients: dict[bool, Client] = {}
        self._hosts: dict[str, _Host | None] = {}
        self._closed = False

    async def call(self, call: UpstreamCall) -> AsyncGenerator[CallEvent, None]:
        """Send `call`: see `Transport.call`. A reply to a request that is not streamed has no first-token limit:
        until its head comes only `total_ms` runs."""
        if call.further:
            async with aclosing(self._in_turn(call)) as events:
                async for event in events:
                    yield event
            return
        begun = self._begin(call)
        if isinstance(begun, Fault):
            yield ReplyEnded(self._clock.mono_ms())
            yield begun
            return
        reply = begun
        try:
            sent_ms = await reply.sent()
            if sent_ms is not None:
                yield Sent(sent_ms)
            while reply.final is None:
                for event in await reply.events():
                    yield event
                if reply.dripping_per_s is not None:
                    yield Dripping(reply.dripping_per_s)
        finally:
            reply.close()
        final = reply.final
        if isinstance(final, Fault):
            _log.debug("call to %s failed: %s", call.context.provider.id, final.code)
        yield ReplyEnded(reply.ended_ms)
        yield final

    async def fetch(self, call: FreeCall) -> WireReply | Fault:
        """Send `call` and read its whole reply: see `Transport.fetch`. A redirect is a Fault, and not followed."""
        host = self._host(call.base_url)
        if self._closed:
            return _unsent("the transport is closed")
        if host is None or not call.request.path.startswith("/"):
            return _unsent(f"{call.base_url!r} is no usable address; check base_url")
        from trunkline.providers.transport import faults
        from trunkline.providers.transport.fetch import fetch

        key = call.key.reveal().strip() if call.key is not None else ""
        if call.key is not None and not (key and key.isascii() and key.isprintable()):
            return faults.unusable_key(f"the account at {host.name}")
        try:
            client = self._client(host)
        except ValueError as error:
            return faults.broken(error, host.name, sent=False, answered=False, key=key)
        root = host.root if call.request.from_root else host.base_url
        return await fetch(
            call,
            client,
            root + call.request.path,
            self._headers(call.request, key),
            host=host.name,
            clock=self._clock,
        )

    async def warm(self, base_url: str) -> None:
        """Open a connection to that host ahead of need, without sending a byte of HTTP; failures are silent."""
        host = self._host(base_url)
        if self._closed or host is None:
            return
        from trunkline.providers.transport import wire

        try:
            client = self._client(host)
        except ValueError:
            return
        await wire.warm(client, host.base_url, self._clock)

    async def aclose(self) -> None:
        """Close every connection. Calls under way, and any later one, end in a Fault."""
        self._closed = True
        clients = list(self._clients.values())
        self._clients.clear()
        for client in clients:
            await client.aclose()

    def _in_turn(self, call: UpstreamCall) -> AsyncGenerator[CallEvent, None]:
        from trunkline.providers.transport.in_turn import in_turn

        return in_turn(self.call, (replace(call, further=()), *call.further), self._clock)

    def _begin(self, call: UpstreamCall) -> Reply | Fault:
        """The reply to wait for, its request on its way."""
        provider, account = call.context.provider, call.context.account
        base_url = account.base_url or provider.base_url
        host = self._host(base_url)
        if self._closed:
            return _unsent("the transport is closed")
        if host is None or not call.request.path.startswith("/"):
            return _unsent(f"{provider.id} has no usable address; check its base_url")
        from trunkline.providers.transport import faults
        from trunkline.providers.transport.reply import Bounds, Reply
        from trunkline.providers.transport.wire import Exchange

        key = call.key.reveal().strip() if call.key is not None else ""
        if call.key is not None and not (key and key.isascii() and key.isprintable()):
            return faults.unusable_key(f"{provider.id}/{account.id}")
        request = call.request
        try:
            exchange = Exchange(self._clock)
            exchange.send(
                self._client(host),
                request.method,
                (host.root if request.from_root else host.base_url) + request.path,
                self._headers(request, key),
                request.body,
            )
        except Exception as error:  # an address, a proxy or a header that httpx will not take
            return faults.broken(error, host.name, sent=False, answered=False, key=key)
        return Reply(
            call, exchange, host=host.name, key=key, clock=self._clock, bounds=self._bounds or Bounds()
        )

    def _headers(self, request: WireRequest, key: str) -> list[tuple[str, str]]:
        headers = list(request.headers)
        named = {name.lower() for name, _ in headers}
        ours = (
            ("User-Agent", self._user_agent),
            ("Accept", "text/event-stream" if request.stream else "application/json"),
            ("Accept-Encoding", "identity" if request.stream else "gzip, deflate"),
        )
        headers += [(name, value) for name, value in ours if name.lower() not in named]
        if key:
            headers.append((request.auth_header, request.auth_prefix + key))
        return headers

    def _client(self, host: _Host) -> Client:
        """Raises ValueError (httpx.InvalidURL among others) for proxy variables that make no sense."""
        client = self._clients.get(host.direct)
        if client is None:
            from trunkline.providers.transport import wire

            if self._context is None:
                self._context = wire.tls_context()
            client = self._clients[host.direct] = wire.Client(self._context, direct=host.direct)
        return client

    def _host(self, base_url: str) -> _Host | None:
        if base_url not in self._hosts:
            self._hosts[base_url] = _parse_host(base_url)
        return self._hosts[base_url]


def _parse_host(base_url: str) -> _Host | None:
    try:
        parts = urlsplit(base_url)
        name, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not name:
        return None
    direct = name == "localhost" or name.endswith(".localhost")
    if not direct:
        try:
            direct = ip_address(name).is_loopback
        except ValueError:
            direct = False
    return _Host(base_url.rstrip("/"), f"{parts.scheme}://{parts.netloc}", name, direct)


def _unsent(message: str) -> Fault:
    return Fault(
        FaultKind.NETWORK,
        FaultScope.PROVIDER,
        FaultCode.CONNECT,
        message,
        evidence="transport",
        request_sent=False,
    )
