"""The HTTP server: finds out what is asked in which protocol, lets in who may, and sends what the service gives."""

from __future__ import annotations

import asyncio
import logging
import math
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web
from aiohttp.web_exceptions import HTTPRequestEntityTooLarge, HTTPRequestTimeout

from trunkline.domain.clock import Clock
from trunkline.domain.errors import EngineClosedError, StoreError
from trunkline.domain.ids import IdSource
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.domain.text import provider_sentence
from trunkline.gateway.bodies import sent_by
from trunkline.gateway.callers import is_loopback
from trunkline.gateway.connection import Connections, usual_bound
from trunkline.gateway.dialect import Asked, Dialect, Problem, ProblemKind, UnreadableError
from trunkline.gateway.dialects import counting_of, dialect_of, embedding_of
from trunkline.gateway.doors import Doors, FullError
from trunkline.gateway.guard import Client, Guard, NotNowError
from trunkline.gateway.listing import listed, listing, single
from trunkline.gateway.metrics import CONTENT_TYPE, Metrics
from trunkline.gateway.naming import NotNamedError
from trunkline.gateway.paths import Action, Protocol, Target, protocol_of, target_of
from trunkline.gateway.serving import Course, RefusedError, Service

_log = logging.getLogger(__name__)

KEEPALIVE_S = 75.0
# How long a client may take to send a body, or to take in a piece of an answer: 32 MB at 2 Mbit/s.
_CLIENT_WITHIN_S = 120.0
# SDKs wait no longer by themselves before they ask again; they take a longer hint for none.
_SOON_MS = 60_000
# What is counted for a client that left before it was answered, as servers have it.
_LEFT = 499
_NO_WEBSOCKET = 426
_LIMITED = 429
_JSON = "application/json"
_EVENTS = "text/event-stream"
_FREE = frozenset({Action.GREETING, Action.HEALTH})
"""What is given to whoever may reach the gateway at all."""

_STREAM_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}

Page = Callable[[str | None], Awaitable[object | None]]
"""A page of Trunkline's own: what to show as JSON for the name in its path; None where there is no such thing."""


@dataclass(frozen=True, slots=True)
class Pages:
    """What is shown beside the protocols; made by who starts the gateway, in the shapes of the commands."""

    status: Page
    receipt: Page


class Gateway:
    """Listens on one address, on the running loop of its engine."""

    def __init__(
        self,
        service: Service,
        guard: Guard,
        doors: Doors,
        metrics: Metrics,
        pages: Pages,
        clock: Clock,
        *,
        client_within_s: float = _CLIENT_WITHIN_S,
        most_connections: int | None = None,
    ) -> None:
        self._service = service
        self._guard = guard
        self._doors = doors
        self._metrics = metrics
        self._pages = pages
        self._clock = clock
        self._client_within_s = client_within_s
        self._most_connections = most_connections or usual_bound()
        self._ids = IdSource(clock)
        self._runner: web.ServerRunner | None = None
        self._closing = False
        self._at_work: set[asyncio.Task[None]] = set()

    @property
    def doors(self) -> Doors:
        """Who is inside, and who waits."""
        return self._doors

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Listen; gives the port. Raises OSError where that is not possible."""
        server = Connections(
            self._handle,
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=KEEPALIVE_S,
            request_factory=self._request,
            within_s=self._client_within_s,
            most=self._most_connections,
        )
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, backlog=1024, ssl_context=tls).start()
        return int(self._runner.addresses[0][1])

    async def stop(self, drain_s: float) -> None:
        """Let in nobody more, let those at work finish for so long, and close."""
        self._closing = True
        runner, self._runner = self._runner, None
        if runner is None:
            return
        for site in list(runner.sites):
            await site.stop()
        if self._at_work:
            await asyncio.wait(self._at_work, timeout=drain_s)
        await runner.cleanup()

    def _request(self, message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        most_bytes = self._service.engine.generation.config.preferences.gateway.max_body_bytes
        loop = asyncio.get_running_loop()
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=most_bytes)

    # -- one request ------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a handler runs in a task
        self._at_work.add(task)
        headers = {name.lower(): value for name, value in request.headers.items()}
        exchange = Exchange(request, headers, self._ids.new())
        began_ms, status = self._clock.mono_ms(), _LEFT
        try:
            response = await self._answer(exchange)
            status = response.status
            return response
        except ConnectionError:
            return web.Response()
        finally:
            self._at_work.discard(task)
            ending = None if exchange.course is None else exchange.course.ending
            receipt = None if ending is None else ending.receipt
            self._metrics.ended(exchange.dialect.name, status, self._clock.mono_ms() - began_ms, receipt)

    async def _answer(self, exchange: Exchange) -> web.StreamResponse:
        request, headers = exchange.request, exchange.headers
        target = target_of(request.raw_path.partition("?")[0], request.query, headers)
        exchange.dialect = dialect_of(
            protocol_of(request.path, headers) if target is None else target.protocol
        )
        try:
            preflight = self._guard.preflight(request.method, headers)
            if preflight is not None:
                return web.Response(status=204, headers=preflight)
            exchange.cors = self._guard.cors_headers(headers)
            remote = request.remote or ""
            free = target is not None and (
                target.action in _FREE
                or (target.action is Action.METRICS and is_loopback(remote))
                or request.method == "OPTIONS"
            )
            client = self._guard.check(headers, request.query, remote, free=free)
            if isinstance(client, Problem):
                return exchange.refusal(client)
            if target is None:
                return exchange.refusal(_nothing_at(request.path))
            if request.method not in (target.method, "HEAD" if target.method == "GET" else ""):
                return _of_method(target.method, exchange)
            return await self._do(target, exchange, client)
        except (NotNamedError, RefusedError, NotNowError) as error:
            return exchange.refusal(error.problem)
        except UnreadableError as error:
            return exchange.refusal(
                Problem(ProblemKind.BAD_REQUEST, str(error), "invalid_request", error.param)
            )
        except FullError as error:
            return exchange.refusal(_full(error.retry_after_ms))
        except HTTPRequestEntityTooLarge:
            return exchange.refusal(_too_large(self._service))
        except HTTPRequestTimeout:
            return exchange.refusal(_too_slow())
        except EngineClosedError:
            return exchange.refusal(_leaving())
        except StoreError as error:
            return exchange.refusal(Problem(ProblemKind.INTERNAL, str(error), "store_error"))
        except ConnectionError:
            raise
        except Exception as error:
            _log.exception("a request failed inside the gateway", extra={"request_id": exchange.request_id})
            if exchange.begun:
                # A refusal after an answer's first bytes would be taken for more of it.
                _cut_off(request)
                raise ConnectionResetError("an answer that had begun failed") from error
            return exchange.refusal(
                Problem(ProblemKind.INTERNAL, "Trunkline itself failed on this request; its log says where")
            )

    async def _do(self, target: Target, exchange: Exchange, client: Client) -> web.StreamResponse:
        match target.action:
            case Action.ANSWER | Action.COUNT | Action.EMBED:
                if self._closing:
                    return exchange.refusal(_leaving())
                return await self._serve(target, exchange, client)
            case Action.MODELS | Action.MODEL:
                return self._models(target, exchange, client)
            case Action.METRICS:
                return self._counts()
            case Action.RECEIPT:
                return await self._page(self._pages.receipt, target.name, exchange)
            case Action.STATUS:
                return await self._page(self._pages.status, None, exchange)
            case Action.HEALTH:
                return self._health()
            case Action.GREETING:
                return _json({"name": "trunkline", "models": "/v1/models"})

    async def _serve(self, target: Target, exchange: Exchange, client: Client) -> web.StreamResponse:
        service, dialect = self._service, exchange.dialect
        policy = service.engine.generation.config.preferences.gateway
        self._doors.set_bounds(most_inside=policy.max_concurrent, most_waiting=policy.max_waiting)
        self._doors.let_through(len(self._at_work))
        sent = await sent_by(exchange.request, self._client_within_s)
        origin = Origin(OriginKind.GATEWAY, client.name)
        if target.action is Action.COUNT:
            counting = counting_of(target.protocol)
            asked = await sent.read(lambda body: counting.read(body, origin, target.name))
            asked = service.placed(asked, exchange.headers, client, is_asked=False)
            return _bytes(counting.body(await service.count_tokens(asked)))
        if target.action is Action.EMBED:
            asked = await sent.read(lambda body: embedding_of(target).read(body, origin))
        else:
            asked = await sent.read(
                lambda body: dialect.read(body, origin, model=target.name, stream=target.stream)
            )
        asked = await service.recalled(asked, client)
        asked = service.placed(asked, exchange.headers, client, left_pico=self._guard.left_pico(client))
        course = exchange.course = Course(exchange.request_id, client.token_id or "")
        with self._guard.at_work(client, course):
            async with self._doors.enter(asked.chat.priority):
                if asked.chat.stream:
                    array = target.protocol is Protocol.GEMINI_ARRAY
                    return await self._stream(exchange, asked, course, array=array)
                if target.action is Action.EMBED:
                    body_out = await service.embeddings(embedding_of(target).body, asked, course)
                else:
                    body_out = await service.whole(dialect, asked, course)
                return _bytes(body_out, course.headers() | exchange.cors)

    async def _stream(
        self, exchange: Exchange, asked: Asked, course: Course, *, array: bool
    ) -> web.StreamResponse:
        response: web.StreamResponse | None = None
        async with aclosing(self._service.stream(exchange.dialect, asked, course)) as pieces:
            async for piece in pieces:
                if response is None:
                    response = web.StreamResponse(headers=_STREAM_HEADERS | course.headers() | exchange.cors)
                    response.content_type = _JSON if array else _EVENTS
                    response.charset = "utf-8"
                    exchange.begun = True
                    await response.prepare(exchange.request)
                await self._write(response, piece, exchange.request)
        if response is None:
            raise RuntimeError("a stream that gave nothing raises RefusedError")
        await response.write_eof()
        return response

    async def _write(self, response: web.StreamResponse, piece: bytes, request: web.BaseRequest) -> None:
        """Raises ConnectionError where the client does not take it in."""
        try:
            async with asyncio.timeout(self._client_within_s):
                await response.write(piece)
        except TimeoutError as error:
            _cut_off(request)
            raise ConnectionResetError("the client reads no more") from error

    def _health(self) -> web.Response:
        """Whether requests are answered; who asks may be anybody, so that no path or name is told."""
        why = "it is being stopped" if self._closing else None
        if self._service.engine.store.trouble is not None:
            why = "what is used cannot be written down: the disk is full, or the store is locked or gone"
        told = {"ok": True} if why is None else {"ok": False, "why": why}
        return _json(told, status=200 if why is None else 503)

    def _counts(self) -> web.Response:
        doors, snapshot = self._doors, self._service.engine.snapshot()
        text = self._metrics.text(snapshot, in_flight=doors.inside, waiting=doors.waiting)
        return web.Response(body=text.encode(), headers={"content-type": CONTENT_TYPE})

    def _models(self, target: Target, exchange: Exchange, client: Client) -> web.StreamResponse:
        generation, names = self._service.engine.generation, self._service.names()
        found = listed(generation, names, client.models)
        if target.action is Action.MODELS:
            return _bytes(listing(found, target.protocol))
        one = next((one for one in found if one.name == target.name), None)
        if one is None:
            return exchange.refusal(_nothing_at(exchange.request.path))
        return _bytes(single(one, target.protocol))

    async def _page(self, page: Page, name: str | None, exchange: Exchange) -> web.StreamResponse:
        shown = await page(name)
        return exchange.refusal(_nothing_at(exchange.request.path)) if shown is None else _json(shown)


class Exchange:
    """A request and what is needed to refuse it in its client's own words."""

    def __init__(self, request: web.BaseRequest, headers: Mapping[str, str], request_id: str) -> None:
        self.request = request
        self.headers = headers
        self.request_id = request_id
        self.dialect: Dialect = dialect_of(Protocol.OPENAI)
        self.course: Course | None = None
        self.begun = False
        self.cors: dict[str, str] = {}

    def refusal(self, problem: Problem) -> web.Response:
        """The error as the client's protocol has it, with how long to wait where that is known."""
        headers = {"x-trunkline-request": self.request_id, **self.cors}
        if self.course is not None:
            headers |= self.course.headers()
        wait_ms = problem.retry_after_ms
        if wait_ms is not None:
            headers["retry-after"] = str(math.ceil(wait_ms / 1000))
            headers["retry-after-ms"] = str(wait_ms)
        # Everybody who could have answered has been tried: the same at once again helps nobody.
        soon = wait_ms is not None and wait_ms <= _SOON_MS
        headers["x-should-retry"] = "true" if soon else "false"
        status = self.dialect.status(problem)
        if status == _LIMITED:
            # Codex shows of an allowance that is used up what stands here, and nothing of the body.
            told = provider_sentence(problem.message).encode("ascii", "replace").decode()
            headers["x-codex-promo-message"] = told
        body = self.dialect.problem(problem, self.request_id)
        return web.Response(status=status, body=body, content_type=_JSON, headers=headers)


def _cut_off(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()


def _bytes(body: bytes, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(body=body, content_type=_JSON, headers=headers)


def _json(value: object, *, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type=_JSON)


def _nothing_at(path: str) -> Problem:
    return Problem(ProblemKind.NOT_FOUND, f"There is nothing at {path[:200]}", code="not_found")


def _of_method(right: str, exchange: Exchange) -> web.Response:
    """What a request is told that has not the `right` method: which ones there are."""
    allowed = {"allow": "GET, HEAD, OPTIONS" if right == "GET" else f"{right}, OPTIONS"}
    method = exchange.request.method
    if method == "OPTIONS":
        return web.Response(status=204, headers=allowed)
    message = f"{method[:20]} is not for this path, {right} is"
    response = exchange.refusal(Problem(ProblemKind.WRONG_METHOD, message, code="method_not_allowed"))
    if exchange.headers.get("upgrade", "").lower() == "websocket":
        # Codex tries a websocket first, and after this status and no other it sends the same as a POST.
        response.set_status(_NO_WEBSOCKET)
        response.headers["upgrade"] = "HTTP/1.1"
    response.headers.update(allowed)
    return response


def _full(retry_after_ms: int) -> Problem:
    message = "the gateway has as many requests as it takes, and as many wait"
    return Problem(ProblemKind.BUSY, message, code="queue_full", retry_after_ms=retry_after_ms)


def _too_large(service: Service) -> Problem:
    most_mb = service.engine.generation.config.preferences.gateway.max_body_bytes / 1024 / 1024
    message = f"the body is larger than {most_mb:g} MB (gateway.max_body_mb)"
    return Problem(ProblemKind.TOO_LARGE, message, code="request_too_large")


def _too_slow() -> Problem:
    return Problem(ProblemKind.BAD_REQUEST, "the body did not come to its end in time", code="body_timeout")


def _leaving() -> Problem:
    return Problem(
        ProblemKind.OVERLOADED, "the gateway is being stopped", code="stopping", retry_after_ms=2_000
    )
