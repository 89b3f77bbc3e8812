"""The HTTP server: finds out who asks what of whom, and has the reply planned and played."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from trunkline.domain.clock import Clock, SystemClock
from trunkline.simulator.allowance import Allowances
from trunkline.simulator.answers import prompt_key
from trunkline.simulator.control import Control
from trunkline.simulator.description import Account, Description, Model, Provider
from trunkline.simulator.faults import FaultBook
from trunkline.simulator.planning import plan
from trunkline.simulator.play import Asked, Exchange, Play
from trunkline.simulator.player import perform
from trunkline.simulator.prompt_cache import PromptCache
from trunkline.simulator.protocols import PROTOCOLS
from trunkline.simulator.record import Received, Record
from trunkline.simulator.self_description import Plan, is_asked, tell
from trunkline.simulator.styles import STYLES, Complaint, Wrong

HOST = "127.0.0.1"
CONTROL = "_control"
_SHUTDOWN_S = 0.1


class Simulator:
    """Plays a description on a port of the loopback interface, on the running loop.

    `speed` divides latencies and the times of faults; limits and their windows stay in real time. The story's clock
    starts with `start` and again with a reset.
    """

    def __init__(
        self,
        description: Description,
        *,
        seed: int | None = None,
        speed: float = 1.0,
        clock: Clock | None = None,
    ) -> None:
        self.description = description
        self.seed = description.seed if seed is None else seed
        self.speed = speed
        self.clock = clock or SystemClock()
        self.faults = FaultBook(description.faults, self.seed)
        self.record = Record()
        self.port = 0
        self.control = Control(self)
        self._kept: dict[tuple[object, ...], Play] = {}
        self._runner: web.ServerRunner | None = None
        self.reset()

    def reset(self) -> None:
        """Counters, use of limits and the story begin anew; faults stay as they were switched."""
        self.record.reset()
        self.faults.reset()
        self._allowances = {name: Allowances(self.clock) for name in self.description.providers}
        self._asked_before: Counter[int] = Counter()
        self._prompt_cache = PromptCache()
        self._served_peers: set[object] = set()
        self._story_start_ms = self.clock.mono_ms()

    async def start(self, port: int = 0) -> int:
        """Listen; gives the port."""
        server = web.Server(self._handle, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=_SHUTDOWN_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, port, backlog=1024).start()
        self.port = int(self._runner.addresses[0][1])
        return self.port

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def base_url(self, provider: str) -> str:
        """Where that provider is served, as the base URL of OpenAI's protocol has it."""
        return f"{self.root_url(provider)}/v1"

    def root_url(self, provider: str) -> str:
        """The same without a version, as the base URLs of the other protocols have it."""
        return f"http://{HOST}:{self.port}/{provider}"

    def story(self) -> tuple[float, int]:
        """Seconds into the story, and which round of it (from 0)."""
        elapsed_s = (self.clock.mono_ms() - self._story_start_ms) / 1000 * self.speed
        length_s = self.description.story_s
        if length_s is None or not self.description.loop:
            return elapsed_s, 0
        return elapsed_s % length_s, int(elapsed_s // length_s)

    # -- one request ------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        name, _, rest = request.path.lstrip("/").partition("/")
        if name == CONTROL:
            status, reply = self.control.answer(request.method, rest, request.query, await request.read())
            return web.json_response(reply, status=status)
        peer = request.transport.get_extra_info("peername") if request.transport else None
        reused = peer in self._served_peers
        self._served_peers.add(peer)
        received = self.record.begin(tuple(request.headers), name, reused)
        try:
            provider = self.description.providers.get(name)
            if provider is None:
                provider, rest = self._owner_of(request), request.path.lstrip("/")
            if provider is None:
                return self._refuse(received, Complaint(Wrong.NOT_FOUND), "openai")
            return await self._serve(request, received, provider, rest)
        except ConnectionError:
            return web.Response()
        finally:
            self.record.end(received)

    def _owner_of(self, request: web.BaseRequest) -> Provider | None:
        """Who is meant by a path below the root, where some account endpoints are: the provider that knows the key."""
        key = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        path = request.path.lstrip("/")
        for provider in self.description.providers.values():
            account = provider.accounts.get(key)
            if account is not None and is_asked(provider, request.method, path):
                return provider
        return None

    async def _serve(
        self, request: web.BaseRequest, received: Received, provider: Provider, rest: str
    ) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        protocol = PROTOCOLS[provider.protocol]
        account = provider.account_of(protocol.key(headers, request.query))
        if account is None:
            return self._refuse(received, Complaint(Wrong.AUTH), provider.style)
        received.account = account.id
        standing = Plan(account, self._allowances[provider.id], self.clock.wall_ms())
        told = tell(provider, request.method, rest, standing)
        if told is not None:
            return self._tell(received, told)
        target = protocol.target(request.method, rest, request.query)
        if target is None:
            return self._refuse(received, Complaint(Wrong.NOT_FOUND), provider.style)
        objection = protocol.check_headers(headers)
        if objection is not None:
            return self._refuse(received, objection, provider.style)
        if target.what in ("models", "model"):
            listed = protocol.listing(provider, target.model)
            if listed is None:
                return self._refuse(
                    received, Complaint(Wrong.NOT_FOUND, model=str(target.model)), provider.style
                )
            return self._tell(received, listed)
        asked = protocol.read(_table(body), target, provider)
        if isinstance(asked, Complaint):
            return self._refuse(received, asked, provider.style)
        received.model, received.stream, received.input_tokens = asked.model, asked.stream, asked.input_tokens
        model = provider.model_named(asked.model)
        if model is None or model.id in account.without:
            return self._refuse(received, Complaint(Wrong.NOT_FOUND, model=asked.model), provider.style)
        if model.dimensions and not asked.embeds:
            return self._refuse(received, Complaint(Wrong.BAD_REQUEST, model=asked.model), provider.style)
        if target.what == "count":
            return self._tell(received, protocol.count(asked))
        return await self._reply(request, received, self._exchange(provider, account, model, asked, received))

    async def _reply(
        self, request: web.BaseRequest, received: Received, exchange: Exchange
    ) -> web.StreamResponse:
        route = (exchange.provider.id, exchange.account.id, exchange.model.id)
        struck = self.faults.strike(route, exchange.asked.stream, *self.story()) if self.faults else []
        play, booking = plan(exchange, struck)
        received.fault = struck[-1].name if struck else None
        if play.stream:
            self.record.open_streams += 1
        try:
            response = await perform(request, play, received)
        except ConnectionError:
            received.outcome = "faulted" if play.breaks else None
            raise
        else:
            received.outcome = "refused" if play.refused else "faulted" if struck else "answered"
            received.output_tokens = play.output_tokens
            return response
        finally:
            if play.stream:
                self.record.open_streams -= 1
            if booking is not None:
                booking.close(play.output_tokens)

    def _exchange(
        self, provider: Provider, account: Account, model: Model, asked: Asked, received: Received
    ) -> Exchange:
        key = prompt_key(f"{self.seed}\0{provider.id}\0{model.id}\0{asked.prompt}")
        again = self._asked_before[key]
        self._asked_before[key] += 1
        owner = f"{provider.id}\0{account.organisation or account.id}\0{model.id}\0"
        cached, written = self._prompt_cache.use(owner, asked, model.cache_least_tokens)
        return Exchange(
            provider=provider,
            account=account,
            model=model,
            asked=asked,
            protocol=PROTOCOLS[provider.protocol],
            allowances=self._allowances[provider.id],
            rng=random.Random(key + again),
            number=received.number,
            wall_ms=self.clock.wall_ms(),
            speed=self.speed,
            reused=received.reused,
            kept=self._kept,
            cached=cached,
            written=written,
        )

    def _tell(self, received: Received, body: Any) -> web.Response:
        received.status, received.outcome = 200, "answered"
        return _json_reply(200, body)

    def _refuse(self, received: Received, complaint: Complaint, style: str) -> web.Response:
        refusal = STYLES[style](complaint)
        received.status, received.outcome = refusal.status, "refused"
        return _json_reply(refusal.status, refusal.body, refusal.headers)


def _json_reply(status: int, body: Any, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status, body=orjson.dumps(body), content_type="application/json", headers=headers
    )


def _table(body: bytes) -> Mapping[str, Any]:
    try:
        values = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return values if isinstance(values, Mapping) else {}
