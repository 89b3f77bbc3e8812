"""The only place that knows httpx and aiohttp: opens connections, sends one request, reads its reply's bytes.

`HttpxAiohttpClient` brings URLs, TLS, proxies from the environment and aiohttp's pool, which unlike httpx's does
not scan every connection for every request. A request goes straight to the transport that httpx has for its URL: of
what httpx does on the way there (authentication, redirects, cookies, hooks) nothing is wanted, and it costs more than
aiohttp's own part. Three hooks of aiohttp's own are added below it: the connector says when a connection is there,
hence when the first byte leaves and whether the connection was used before; the response is reached so that a timer
can close it and its body be read without httpx's four nested iterators.
"""

from __future__ import annotations

import asyncio
import ssl
import weakref
import zlib
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport, HttpxAiohttpClient
from httpx_aiohttp.transport import map_aiohttp_exceptions

from trunkline.domain.clock import Clock

KEEP_IDLE_S = 45.0
# A reused connection that the server had closed answers our request within a round trip. One that breaks later
# broke while the provider was at work, and sending that request again would pay for it twice.
_STALE_WITHIN_MS = 2_000.0

_exchange: ContextVar[Exchange] = ContextVar("trunkline_exchange")


class _WarmedError(Exception):
    """Stops a request that was made for its connection only, before its first byte."""


class _Connector(aiohttp.TCPConnector):
    """Tells the exchange when it has its connection."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(limit=0, keepalive_timeout=KEEP_IDLE_S, ssl=context)
        self._seen: weakref.WeakSet[Any] = weakref.WeakSet()

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout
    ) -> Any:
        """As aiohttp's. Raises `_WarmedError` for an exchange that only wanted the connection."""
        exchange = _exchange.get()
        while True:
            connection = await super().connect(req, traces, timeout)
            reused = connection.protocol in self._seen
            if not (reused and exchange.fresh_only):
                break
            connection.close()
        self._seen.add(connection.protocol)
        if exchange.warm_only:
            connection.release()
            raise _WarmedError
        exchange.on_connected(reused=reused)
        return connection


class _Response(aiohttp.ClientResponse):
    """Makes itself known to its exchange."""

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        """As aiohttp's: waits for the reply's head."""
        exchange = _exchange.get()
        exchange.response = self
        return await super().start(connection)


class _Transport(AiohttpTransport):
    """httpx-aiohttp's transport on a session of ours."""

    _closed = False

    def get_client(self) -> aiohttp.ClientSession:
        """A session without a limit on connections and without cookies, which would tie accounts together."""
        return aiohttp.ClientSession(
            connector=_Connector(self.ssl_context),
            cookie_jar=aiohttp.DummyCookieJar(),
            response_class=_Response,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            timeout=aiohttp.ClientTimeout(),
        )

    async def ask(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        """Send a request and wait for its reply's head, which its exchange has then. Raises what httpx raises."""
        if self._closed:
            raise RuntimeError("the transport is closed")
        if not isinstance(self.client, aiohttp.ClientSession):
            self.client = self.get_client()
        proxy = self.proxy
        try:
            await self.client.request(
                method=method,
                url=url,
                headers=headers,
                data=body or None,
                allow_redirects=False,
                auto_decompress=False,
                proxy=str(proxy.url) if proxy else None,
                proxy_headers=_proxy_headers(proxy),
            )
        except Exception:
            with map_aiohttp_exceptions():
                raise

    async def aclose(self) -> None:
        """Close every connection; none is opened any more."""
        self._closed = True
        await super().aclose()


def _proxy_headers(proxy: httpx.Proxy | None) -> dict[str, str] | None:
    if proxy is None:
        return None
    headers = dict(proxy.headers)
    if proxy.auth is not None:
        headers["Proxy-Authorization"] = aiohttp.encode_basic_auth(*proxy.auth)
    return headers


@dataclass(frozen=True, slots=True)
class _Way:
    """Where a URL leads: the transport, to a proxy or without one, and the URL as httpx writes it."""

    transport: _Transport
    url: str


class Client(HttpxAiohttpClient):
    """`HttpxAiohttpClient` whose transports tell of their connections. `direct` ignores proxy variables."""

    def __init__(self, context: ssl.SSLContext, *, direct: bool) -> None:
        super().__init__(verify=context, trust_env=not direct, follow_redirects=False, timeout=None)
        self._ways: dict[str, _Way] = {}

    def way(self, text: str) -> _Way:
        """Where the URL `text` leads, found once: an engine asks the same few addresses for ever. Raises
        httpx.InvalidURL."""
        known = self._ways.get(text)
        if known is None:
            url = httpx.URL(text)
            transport = self._transport_for_url(url)
            if not isinstance(transport, _Transport):
                raise TypeError("every transport is made by `_init_transport` or `_init_proxy_transport`")
            known = self._ways[text] = _Way(transport, str(url))
        return known

    def _init_transport(
        self, verify: Any = True, *_: Any, trust_env: bool = True, **__: Any
    ) -> httpx.AsyncBaseTransport:
        return _Transport(verify=verify, trust_env=trust_env)

    def _init_proxy_transport(
        self, proxy: httpx.Proxy, verify: Any = True, *_: Any, trust_env: bool = True, **__: Any
    ) -> httpx.AsyncBaseTransport:
        return _Transport(verify=verify, trust_env=trust_env, proxy=proxy)


def tls_context() -> ssl.SSLContext:
    """The certificates that are trusted: `SSL_CERT_FILE`, `SSL_CERT_DIR`, else certifi's."""
    return httpx.create_ssl_context()


class Exchange:
    """One request and its reply."""

    __slots__ = (
        "_aborted",
        "_clock",
        "_closed",
        "_inflate",
        "_opened",
        "_reused",
        "_settled",
        "fresh_only",
        "response",
        "sent_ms",
        "warm_only",
    )

    def __init__(self, clock: Clock, *, warm_only: bool = False) -> None:
        self._aborted = False
        self._clock = clock
        self._closed = False
        self._inflate: zlib._Decompress | None = None
        self._opened: asyncio.Task[None] | None = None
        self._reused = False
        self._settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.fresh_only = False
        self.response: aiohttp.ClientResponse | None = None
        self.sent_ms: float | None = None
        self.warm_only = warm_only

    def send(
        self, client: Client, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes
    ) -> None:
        """Begin. Raises ValueError or httpx.InvalidURL for a request that cannot be said in HTTP."""
        opened = self._open(client.way(url), method, tuple(headers), body)
        self._opened = asyncio.get_running_loop().create_task(opened)
        self._opened.add_done_callback(self._on_opened)

    async def connected(self) -> bool:
        """Wait until a connection is there (True) or the attempt is over (False)."""
        await self._settled
        return self.sent_ms is not None

    async def head(self) -> tuple[int, dict[str, str]]:
        """Wait for status and headers (lower-case names). Raises what httpx and aiohttp raise."""
        try:
            if self._opened is not None:
                await self._opened
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._aborted and not (task and task.cancelling()):
                raise ConnectionAbortedError from None
            raise
        response = self._answered()
        headers: dict[str, str] = {}
        for raw_name, raw_value in response.raw_headers:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        if headers.get("content-encoding", "identity").lower() in ("gzip", "x-gzip", "deflate"):
            self._inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        return response.status, headers

    async def read(self) -> bytes:
        """The next bytes of the body as they come, decompressed; empty at its end. Raises what aiohttp raises,
        and zlib.error."""
        content = self._answered().content
        data = await content.readany()
        if self._inflate is None:
            return data
        while data:
            if plain := self._inflate.decompress(data):
                return plain
            data = await content.readany()
        return b""

    def on_connected(self, *, reused: bool) -> None:
        """The connector has a connection; the request's first byte goes out next."""
        self._reused = reused
        if self.sent_ms is None:
            self.sent_ms = self._clock.mono_ms()
        # aiohttp writes the request in a task of its own, the next thing the loop does: before whoever waits here.
        asyncio.get_running_loop().call_soon(self._settle)

    def _settle(self) -> None:
        if not self._settled.done():
            self._settled.set_result(None)

    def abort(self) -> None:
        """Close the connection now; whoever waits for it gets an exception."""
        self._aborted = True
        if self._opened is not None and not self._opened.done():
            self._opened.cancel()
        if self.response is not None:
            self.response.close()

    def close(self, linger_ms: float = 0) -> None:
        """Be done with it. A body that has ended gives its connection back to the pool; one that ends within
        `linger_ms` still does; any other is closed."""
        if self._closed:
            return
        self._closed = True
        response = self.response
        if linger_ms > 0 and response is not None and not response.closed:
            asyncio.get_running_loop().call_later(linger_ms / 1000, response.close)
        else:
            self.abort()

    def _answered(self) -> aiohttp.ClientResponse:
        if self.response is None:
            raise ConnectionError("there is no reply")
        return self.response

    async def _open(self, way: _Way, method: str, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        _exchange.set(self)
        try:
            await way.transport.ask(method, way.url, headers, body)
        except httpx.HTTPError as error:
            if not self._stale(error):
                raise
            self.fresh_only = True
            self.response = None
            await way.transport.ask(method, way.url, headers, body)

    def _stale(self, error: Exception) -> bool:
        cause = error.__cause__
        if self.sent_ms is None or not self._reused or isinstance(cause, aiohttp.ClientConnectorError):
            return False
        if not isinstance(
            cause,
            aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | aiohttp.ClientConnectionResetError,
        ):
            return False
        return self._clock.mono_ms() - self.sent_ms < _STALE_WITHIN_MS

    def _on_opened(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()
        if not self._settled.done():
            self._settled.set_result(None)


async def warm(client: Client, url: str, clock: Clock) -> None:
    """Leave an open connection to that URL's host in the pool; no byte of a request is sent. Failures are
    silent."""
    exchange = Exchange(clock, warm_only=True)
    try:
        exchange.send(client, "GET", url, (), b"")
        await exchange.head()
    except (
        _WarmedError,
        httpx.HTTPError,
        httpx.InvalidURL,
        aiohttp.ClientError,
        OSError,
        ValueError,
        RuntimeError,
    ):
        return
    finally:
        exchange.close()
