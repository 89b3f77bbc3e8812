"""Providers on loopback that answer free calls as they are told to, and engines on them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomlkit
from tests.support.engine_world import QUICK
from tests.support.odd_server import OddServer, Peer, Received

from trunkline.config.places import Places
from trunkline.domain.events import Event
from trunkline.domain.snapshot import AccountView
from trunkline.engine.engine import Engine
from trunkline.engine.settings import EngineSettings

KEY = "sk-check-canary-5d1e8a"
NOT_FOUND = (404, {"error": {"message": "no such route"}})
REFUSED = (401, {"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}})

Answer = tuple[int, Any]
Answers = dict[str, Answer | Callable[[Received], Answer]]


def models(*ids: str) -> Answer:
    return 200, {"object": "list", "data": [{"id": one} for one in ids]}


@dataclass
class Provider:
    """A server that answers paths as it is told to, and its table in the catalogue."""

    answers: Answers
    table: dict[str, Any] = field(default_factory=dict)
    slow: Callable[[Peer, Received], Awaitable[None]] | None = None
    server: OddServer = field(init=False)

    def __post_init__(self) -> None:
        self.server = OddServer(self._serve)

    async def _serve(self, peer: Peer, request: Received) -> None:
        if self.slow is not None:
            await self.slow(peer, request)
        answer = self.answers.get(request.path, NOT_FOUND)
        status, body = answer(request) if callable(answer) else answer
        text = body if isinstance(body, str) else json.dumps(body)
        await peer.reply(text, status=f"{status} Said")

    def catalogue(self, name: str) -> dict[str, Any]:
        account = {"id": "main", "key": f"env:{name.upper()}_KEY"}
        usual = {
            "protocol": "openai",
            "base_url": f"{self.server.url}/v1",
            "accounts": [account],
            "models": {"m": {"context": 1000, "price": {"input": 1.0, "output": 1.0}}},
        }
        return usual | json.loads(json.dumps(self.table).replace("{url}", self.server.url))

    def asked(self, path: str) -> list[Received]:
        return [request for request in self.server.requests if request.path == path]


@dataclass
class Place:
    """A home with a catalogue; engines open on it."""

    home: Path
    catalogue: str
    environ: dict[str, str]

    def open(self) -> Engine:
        settings = EngineSettings(
            Places(self.home, self.home, self.home), self.environ, "test", base_providers_text=self.catalogue
        )
        return Engine.open(settings)


@asynccontextmanager
async def place(
    home: Path, environ: Mapping[str, str] | None = None, **providers: Provider
) -> AsyncIterator[Place]:
    (home / "preferences.toml").write_text(QUICK)
    for provider in providers.values():
        await provider.server.__aenter__()
    try:
        tables = {name: provider.catalogue(name) for name, provider in providers.items()}
        keys = {f"{name.upper()}_KEY": KEY for name in providers} if environ is None else dict(environ)
        yield Place(home, tomlkit.dumps({"providers": tables}), keys)
    finally:
        for provider in providers.values():
            await provider.server.__aexit__(None, None, None)


def account(engine: Engine, provider: str) -> AccountView:
    views = {view.id: view for view in engine.snapshot().providers}
    return views[provider].accounts[0]


class Heard:
    """What an engine's bus said."""

    def __init__(self, engine: Engine) -> None:
        self.events: list[Event] = []
        self._task = asyncio.get_running_loop().create_task(self._listen(engine.subscribe()))

    async def _listen(self, news: AsyncIterator[Event]) -> None:
        async for event in news:
            self.events.append(event)

    def of(self, kind: type) -> list[Any]:
        return [event.body for event in self.events if isinstance(event.body, kind)]
