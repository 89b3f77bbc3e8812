"""A connection of the server: what is not HTTP is refused in JSON and named in no log, for it may hold a token."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.web_protocol import RequestPayloadError

from trunkline.gateway.dialect import Problem, ProblemKind
from trunkline.gateway.dialects import dialect_of
from trunkline.gateway.paths import Protocol

_log = logging.getLogger(__name__)

_NOT_HTTP = "what was sent is not a request that can be read"
_TOO_LONG = "a line of the request's head is longer than 8 KB"
_MOST = 10_000
_WHERE_UNKNOWN = 500
_JSON = "application/json"


Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def usual_bound() -> int:
    """Half of the files that this process may have open."""
    try:
        import resource
    except ImportError:  # not a Unix
        return _WHERE_UNKNOWN
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if soft == resource.RLIM_INFINITY else min(_MOST, max(1, soft // 2))


class Connection(web.RequestHandler):
    """Speaks HTTP with one client, which has `within_s` to take in the rest of an answer once that is whole."""

    __slots__ = ("_within_s",)

    def __init__(self, manager: web.Server, *, within_s: float, **more: Any) -> None:
        super().__init__(manager, **more)
        self._within_s = within_s

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send what is left; whether the client is gone, or might as well be."""
        try:
            async with asyncio.timeout(self._within_s):
                return await super().finish_response(request, resp, start_time)
        except TimeoutError:
            if self.transport is not None:
                self.transport.abort()
            return resp, True

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """What aiohttp would log; of what the other end did wrong without its words."""
        error = kw.get("exc_info")
        if isinstance(error, HttpProcessingError | RequestPayloadError | ConnectionError):
            _log.info("a connection was given up: %s", type(error).__name__)
        else:
            _log.error("a connection failed inside the gateway", exc_info=kw.get("exc_info", True))

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The refusal of what is no request; the connection is closed after it."""
        self.log_exception(exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun that no error can follow")
        # `message` quotes what the parser stumbled over, which may be a token's header.
        said = _TOO_LONG if isinstance(exc, LineTooLong) else _NOT_HTTP
        kind = ProblemKind.INTERNAL if status >= 500 else ProblemKind.BAD_REQUEST
        body = dialect_of(Protocol.OPENAI).problem(Problem(kind, said, code="not_http"), "")
        response = web.Response(status=status, body=body, content_type=_JSON)
        response.force_close()
        return response


class Connections(web.Server):
    """Makes a `Connection` of each; takes its arguments. More than `most` at once are closed as they come: each is an
    open file, and a process without any left can neither call a provider nor open its store."""

    def __init__(self, handler: Handler, *, most: int, **more: Any) -> None:
        super().__init__(handler, **more)
        self._most = most

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Take one in, or close it."""
        super().connection_made(handler, transport)
        if len(self.connections) > self._most:
            transport.abort()

    def __call__(self) -> web.RequestHandler:
        return Connection(self, loop=self._loop, **self._kwargs)
