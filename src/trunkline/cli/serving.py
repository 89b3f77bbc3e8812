"""A gateway for commands: its engine, what it shows of itself, and what a person is told of it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from trunkline.cli.pasting import pasting_for
from trunkline.cli.shapes import receipt_json, snapshot_json
from trunkline.domain.clock import SystemClock
from trunkline.engine.engine import Engine
from trunkline.engine.settings import EngineSettings
from trunkline.gateway.agents import FIRST_TOKEN
from trunkline.gateway.running import RunningGateway, running_gateway
from trunkline.gateway.server import Page, Pages
from trunkline.gateway.snippets import Snippet, base_url_of, snippets_json


@dataclass(frozen=True, slots=True)
class Served:
    """A gateway that listens, and what its clients are told."""

    running: RunningGateway
    base_url: str
    pasting: tuple[Snippet, ...]

    def json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "base_url": self.base_url,
            "token": self.running.first_token,
            "clients": snippets_json(self.pasting),
        }

    @property
    def head(self) -> str:
        """Where it listens, and who may come in."""
        made = (
            f"the token {FIRST_TOKEN!r} was made for it: it is shown only now"
            if self.running.first_token is not None
            else "`trunkline tokens list` says who may come in"
        )
        return f"listening on {self.base_url}; {made}"


@contextlib.asynccontextmanager
async def served(settings: EngineSettings, host: str | None, port: int | None) -> AsyncIterator[Served]:
    """An engine with a gateway in front; both are closed on leaving. Raises ConfigError and StoreError."""
    async with Engine.open(settings) as engine:
        file = settings.places.preferences_file
        pages = Pages(status=_status(engine), receipt=_receipt(engine))
        async with running_gateway(engine, SystemClock(), pages, file=file, host=host, port=port) as running:
            policy = engine.generation.config.preferences.gateway
            host, port, token = running.host, running.port, running.first_token
            base_url = base_url_of(policy, host=host, port=port)
            yield Served(running, base_url, pasting_for(policy, token=token, host=host, port=port))


def _status(engine: Engine) -> Page:
    async def status(_: str | None) -> object | None:
        return snapshot_json(await engine.fresh_snapshot())

    return status


def _receipt(engine: Engine) -> Page:
    async def receipt(request_id: str | None) -> object | None:
        found = await engine.receipt(request_id or "")
        return None if found is None else receipt_json(found)

    return receipt
