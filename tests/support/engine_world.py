"""An engine on a home folder of its own, with a catalogue, keys, and simulated providers on loopback."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import tomlkit
from tests.support.simulator import running_simulator
from tomlkit.exceptions import ParseError

from trunkline.config.places import Places
from trunkline.domain.clock import Clock
from trunkline.domain.events import Answered, Cancelled, Event, Failed
from trunkline.domain.messages import ChatRequest, Message, Role
from trunkline.domain.receipts import Receipt
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.engine.engine import Engine
from trunkline.engine.requests import Handle
from trunkline.engine.settings import EngineSettings
from trunkline.simulator.server import Simulator

Tables = Mapping[str, Any]
Body = TypeVar("Body")

QUICK = """
[timeouts]
connect_s = 2.0
first_token_s = 5.0
stall_s = 5.0
request_s = 20.0
"""
WHOLE_TEXT = (
    "The first thing to settle is who owns the queue, because everything after it depends on that one answer. "
    "Once that is clear, measure how long a message waits, and compare it with what the owner promised last year. "
    "If the two differ by much, look at the retry policy before anything else; it is nearly always the culprit. "
    "Then write the result down, with the date, where the next person will look for it without being told to."
)


@dataclass(frozen=True)
class Serves:
    """A provider as the simulator plays it and the catalogue lists it. `limits` are enforced for each account and,
    where `known`, configured too. `models` are tables of the catalogue, `played` those of the simulator."""

    name: str
    accounts: Sequence[str] = ("a",)
    models: Mapping[str, Tables] = field(default_factory=lambda: {"m": {}})
    played: Tables = field(default_factory=dict)
    limits: Sequence[Tables] = ()
    known: bool = False
    pool: str = "round_robin"
    url: str | None = None
    simulated: Tables = field(default_factory=dict)
    protocol: str = "openai"

    def variable(self, account: str) -> str:
        """The variable that holds the account's key."""
        return f"{self.name}_{account}_KEY".upper()

    def key(self, account: str) -> str:
        """The account's key."""
        return f"sim-{self.name}-{account}"

    def description(self) -> dict[str, Any]:
        """What the simulator plays."""
        accounts = [{"id": one, "key": self.key(one), "limits": list(self.limits)} for one in self.accounts]
        models = {model: {"answers": [WHOLE_TEXT], **self.played} for model in self.models}
        return {"protocol": self.protocol, "accounts": accounts, "models": models, **self.simulated}

    def catalogue(self, base_url: str) -> dict[str, Any]:
        """The same as the engine's configuration."""
        known = {"limits": list(self.limits)} if self.known else {}
        accounts = [{"id": one, "key": f"env:{self.variable(one)}", **known} for one in self.accounts]
        usual = {"context": 32_768, "price": {"input": 1.0, "output": 2.0}}
        models = {model: {**usual, **table} for model, table in self.models.items()}
        return {
            "protocol": self.protocol,
            "base_url": base_url,
            "pool": self.pool,
            "accounts": accounts,
            "models": models,
        }


@dataclass
class Told:
    """What a request's events said, in order."""

    events: list[Event]

    @property
    def bodies(self) -> list[Any]:
        return [event.body for event in self.events]

    def of(self, kind: type[Body]) -> list[Body]:
        """The bodies of that kind."""
        return [body for body in self.bodies if type(body) is kind]

    @property
    def receipt(self) -> Receipt:
        """The ending's receipt; there is exactly one ending, and it is last."""
        endings = [body for body in self.bodies if isinstance(body, Answered | Failed | Cancelled)]
        assert len(endings) == 1, endings
        assert self.bodies[-1] is endings[0]
        assert [event.seq for event in self.events] == list(range(len(self.events)))
        return endings[0].receipt

    @property
    def routes(self) -> list[str]:
        """The routes called, in order, shortages left out."""
        return [str(attempt.route) for attempt in self.receipt.attempts if attempt.outcome.value != "short"]

    @property
    def outcomes(self) -> list[str]:
        """How each attempt ended."""
        return [attempt.outcome.value for attempt in self.receipt.attempts]


class World:
    """A home, its configuration, and engines opened on it."""

    def __init__(
        self, home: Path, catalogue: str, environ: dict[str, str], simulator: Simulator, clock: Clock | None
    ) -> None:
        self.home = home
        self.places = Places(home, home, home)
        self.catalogue = catalogue
        self.environ = environ
        self.simulator = simulator
        self.clock = clock
        self.draw = 0.02
        self.engine: Engine

    def open(self, name: str = "test") -> Engine:
        """Another engine on the same store, as another process would have it; whoever asks closes it."""
        settings = EngineSettings(self.places, self.environ, name, base_providers_text=self.catalogue)
        return Engine.open(settings, clock=self.clock, draw=lambda: self.draw)

    def prefer(self, text: str) -> None:
        """Write the user's preferences; without a word on lanes there are none."""
        self.places.preferences_file.write_text(_without_lanes(text), encoding="utf-8")

    def fault(self, kind: str, **rule: Any) -> str:
        """Put a fault in force at the simulator."""
        return self.simulator.control.add_faults([{"kind": kind, **rule}])[0]

    def served(self, provider: str, account: str | None = None) -> int:
        """Requests that arrived at a provider or an account and are over."""
        counted = self.simulator.record.requests.items()
        return sum(n for route, n in counted if route[0] == provider and account in (None, route[1]))

    @property
    def refused(self) -> int:
        """Requests that providers refused."""
        return sum(self.simulator.record.refusals.values())

    async def run(self, request: ChatRequest | str, engine: Engine | None = None) -> Told:
        """Submit and read to the end."""
        asked = ask(request) if isinstance(request, str) else request
        return await told((engine or self.engine).submit(asked))

    def open_reservations(self) -> int:
        """Rows of reservations that nobody has ended, read from the file by a connection of its own."""
        return int(self.query("SELECT count(*) FROM reservation WHERE orphaned = 0")[0][0])

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the store."""
        connection = sqlite3.connect(self.places.store_file)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()


def _without_lanes(text: str) -> str:
    """Tests of other things do not wait for their turn."""
    if "_lane_s" in text:
        return text
    try:
        preferences = tomlkit.parse(text)
    except ParseError:
        return text
    thresholds = preferences.setdefault("thresholds", tomlkit.table())
    thresholds["medium_lane_s"] = thresholds["low_lane_s"] = 0
    return tomlkit.dumps(preferences)


@asynccontextmanager
async def open_world(
    home: Path,
    *providers: Serves,
    preferences: str = "",
    clock: Clock | None = None,
    seed: int = 1,
    started: bool = True,
) -> AsyncIterator[World]:
    """A simulator that plays `providers`, and an engine on them as `world.engine`."""
    played = {one.name: one.description() for one in providers if one.url is None}
    async with running_simulator({"providers": played}, seed=seed, clock=clock) as simulator:
        listed = {one.name: one.catalogue(one.url or _base_url(one, simulator)) for one in providers}
        environ = {one.variable(account): one.key(account) for one in providers for account in one.accounts}
        world = World(home, tomlkit.dumps({"providers": listed}), environ, simulator, clock)
        world.prefer(preferences + QUICK if "[timeouts]" not in preferences else preferences)
        world.engine = world.open()
        if started:
            world.engine.start()
        try:
            yield world
        finally:
            await world.engine.aclose()


def _base_url(provider: Serves, simulator: Simulator) -> str:
    served_at = simulator.base_url if provider.protocol == "openai" else simulator.root_url
    return served_at(provider.name)


def ask(text: str = "Who owns the queue?", **fields: Any) -> ChatRequest:
    """A person's request."""
    fields.setdefault("origin", Origin(OriginKind.ASK))
    return ChatRequest((Message.of(Role.USER, text),), **fields)


def agent(text: str = "Who owns the queue?", name: str = "agent-7", **fields: Any) -> ChatRequest:
    """A request that nobody sits and waits for."""
    return ask(text, origin=Origin(OriginKind.GATEWAY, name), **fields)


async def told(handle: Handle, limit_s: float = 20.0) -> Told:
    """Every event of a request."""
    events = []
    async with asyncio.timeout(limit_s):
        async with aclosing(handle.events()) as following:  # type: ignore[type-var]
            async for event in following:
                events.append(event)
    return Told(events)


async def until(condition: Callable[[], object], limit_s: float = 5.0) -> None:
    """Wait until `condition` holds."""
    async with asyncio.timeout(limit_s):
        while not condition():  # noqa: ASYNC110 - what is waited for is another thread's or a socket's doing
            await asyncio.sleep(0.002)


async def until_event(handle: Handle, kind: type[Body], limit_s: float = 5.0) -> Body:
    """The first event of that kind, once what follows it at once has been done too."""
    async with asyncio.timeout(limit_s), aclosing(handle.events()) as following:  # type: ignore[type-var]
        async for event in following:
            if type(event.body) is kind:
                await asyncio.sleep(0.01)
                return event.body
    raise AssertionError(f"the request ended without {kind.__name__}")


def sse(*texts: str, finish: str | None = "stop", done: bool = True) -> str:
    """A stream of OpenAI's protocol that says `texts`."""
    import json

    pieces = [
        {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]} for text in texts
    ]
    if finish is not None:
        pieces.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    lines = [f"data: {json.dumps({'id': 'c', 'model': 'm', **piece})}\n\n" for piece in pieces]
    return "".join(lines) + ("data: [DONE]\n\n" if done else "")
