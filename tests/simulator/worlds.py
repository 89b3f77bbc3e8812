"""Descriptions and calls that the simulator's tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
from tests.support.simulator import running_simulator

from trunkline.simulator.server import Simulator


def world(
    *limits: dict[str, Any], faults: tuple[dict[str, Any], ...] = (), **provider: Any
) -> dict[str, Any]:
    """One provider `p` with one account of these limits and a model `m` that answers at once."""
    accounts = provider.pop("accounts", [{"id": "a", "key": "key-a", "limits": list(limits)}])
    models = provider.pop("models", {"m": {"output_tokens": 60}})
    return {"providers": {"p": {"accounts": accounts, "models": models, **provider}}, "faults": list(faults)}


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return orjson.loads(self.raw)

    @property
    def events(self) -> list[str]:
        return [event.removeprefix("data: ") for event in self.raw.decode().split("\n\n") if event]

    @property
    def text(self) -> str:
        if self.raw[:1] == b"{":
            return str(self.body["choices"][0]["message"]["content"])
        chunks = [orjson.loads(event) for event in self.events if event.startswith("{")]
        return "".join(
            chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if chunk["choices"]
        )


class Caller:
    """Sends chat requests to one simulator."""

    def __init__(self, simulator: Simulator, session: aiohttp.ClientSession) -> None:
        self.simulator = simulator
        self.session = session

    async def ask(
        self,
        prompt: str | list[dict[str, Any]] = "Explain the queue.",
        *,
        key: str = "key-a",
        model: str = "m",
        provider: str = "p",
        **more: Any,
    ) -> Reply:
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        url = f"{self.simulator.base_url(provider)}/chat/completions"
        body = {"model": model, "messages": messages, **more}
        headers = {"authorization": f"Bearer {key}"}
        async with self.session.post(url, json=body, headers=headers, allow_redirects=False) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status, headers, await response.read())


@asynccontextmanager
async def calling(description: dict[str, Any], **more: Any) -> AsyncIterator[Caller]:
    """A running simulator with a caller."""
    async with running_simulator(description, **more) as simulator, aiohttp.ClientSession() as session:
        yield Caller(simulator, session)
