"""Local model servers for commands: a look around from outside an engine, and what was found in words."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from trunkline.cli.output import iso, span
from trunkline.config.found import LocalTarget, local_targets, newest
from trunkline.config.load import Loaded, load
from trunkline.config.places import Places
from trunkline.domain.clock import SystemClock
from trunkline.domain.found import FoundModel, FoundServer, ServerState, WindowSource
from trunkline.engine.discovery import (
    Surroundings,
    differ,
    is_wanted,
    keep_found,
    listens,
    look_around,
    offered,
)

if TYPE_CHECKING:
    from trunkline.domain.faults import Fault
    from trunkline.providers.call import FreeCall
    from trunkline.providers.protocol import WireReply
    from trunkline.providers.transport import HttpTransport

# What was found so recently is shown as it is, with its age: asking again takes longer than all the rest of `list`.
_FRESH_MS = 600_000
_GLANCE_S = 1.5


def looked_around(loaded: Loaded, *, thoroughly: bool) -> Loaded:
    """`loaded` with what is found on this machine now. A glance asks only servers that nothing recent is known of, and
    waits no longer than a moment; a thorough look asks everybody who listens."""
    targets = _targets(loaded)
    if not targets:
        return loaded
    clock = SystemClock()
    found = asyncio.run(_look(loaded, targets, thoroughly=thoroughly))
    now_ms = clock.wall_ms()
    servers = newest(loaded.found, found, now_ms=now_ms)
    if thoroughly or differ(found, loaded.found):
        with contextlib.suppress(
            OSError
        ):  # it is only a memory; the store says that the folder cannot be written
            keep_found(loaded.places.found_file, servers, now_ms)
    if offered(servers) == offered(loaded.found):
        return replace(loaded, found=servers)
    return load(loaded.places, os.environ, found=servers)


def _targets(loaded: Loaded) -> tuple[LocalTarget, ...]:
    if not is_wanted(os.environ):
        return ()
    return local_targets(loaded.config.catalogue, loaded.providers_layers)


def look_first(places: Places) -> None:
    """Look around where nobody ever has, so that a first question can go to a server on this machine. Raises
    ConfigError."""
    if is_wanted(os.environ) and not places.found_file.exists():
        looked_around(load(places, os.environ, found=()), thoroughly=False)


async def _look(
    loaded: Loaded, targets: Sequence[LocalTarget], *, thoroughly: bool
) -> tuple[FoundServer, ...]:
    wire = _Wire()
    surroundings = Surroundings(wire.fetch, loaded.keys.secret, os.environ, wire.clock)
    try:
        if thoroughly:
            return await look_around(targets, loaded.found, surroundings)
        return await _glance(loaded, targets, surroundings)
    finally:
        await wire.aclose()


async def _glance(
    loaded: Loaded, targets: Sequence[LocalTarget], surroundings: Surroundings
) -> tuple[FoundServer, ...]:
    """Who is known well enough is only knocked at; the others are asked."""
    now_ms = surroundings.clock.wall_ms()
    known = {(server.provider, server.base_url): server for server in loaded.found}
    to_ask = []
    there = await asyncio.gather(*(listens(target.base_url) for target in targets))
    for target, answer in zip(targets, there, strict=True):
        server = known.get((target.provider, target.base_url))
        settled = server is not None and server.state in (ServerState.SERVING, ServerState.STRANGER)
        if answer and settled and server is not None and now_ms - server.looked_at_ms < _FRESH_MS:
            continue
        to_ask.append(target)
    try:
        async with asyncio.timeout(_GLANCE_S):
            return await look_around(to_ask, loaded.found, surroundings)
    except TimeoutError:
        return ()


class _Wire:
    """A transport that is made when somebody listens, and not before."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self._transport: HttpTransport | None = None

    async def fetch(self, call: FreeCall) -> WireReply | Fault:
        """See `Transport.fetch`."""
        if self._transport is None:
            from trunkline import __version__
            from trunkline.providers.transport import HttpTransport

            self._transport = HttpTransport(self.clock, user_agent=f"trunkline/{__version__}")
        return await self._transport.fetch(call)

    async def aclose(self) -> None:
        """Close it, if it was made."""
        if self._transport is not None:
            await self._transport.aclose()


# -- in words -------------------------------------------------------------------------------------------------------


def servers_of(loaded: Loaded) -> tuple[FoundServer, ...]:
    """What is known of the servers that this configuration names, in its order."""
    known = {(server.provider, server.base_url): server for server in loaded.found}
    found = (known.get((target.provider, target.base_url)) for target in _targets(loaded))
    return tuple(server for server in found if server is not None)


def server_rows(servers: Sequence[FoundServer], now_ms: int) -> list[list[str]]:
    """Name, address, what it is doing and when that was seen, for those that have anything to say."""
    return [
        [server.provider, address(server.base_url), said(server), _age(server.looked_at_ms, now_ms)]
        for server in servers
        if server.state is not ServerState.ABSENT
    ]


def said(server: FoundServer) -> str:
    """What it answered, and what to do about it where it is not what was looked for."""
    if server.state is ServerState.LOCKED:
        return f'{server.said}: give {server.provider} an account with key = "env:NAME" in providers.toml'
    return server.said


def address(base_url: str) -> str:
    """Host and port, as people write them."""
    return urlsplit(base_url).netloc


def window_words(model: FoundModel) -> str:
    """Whose figure a window is, for a person."""
    trained = model.listed.context_tokens
    made_for = f"; made for {trained:,}" if trained and trained != model.window_tokens else ""
    return {
        WindowSource.LOADED: "loaded so",
        WindowSource.SET: "set in the model",
        WindowSource.ENVIRONMENT: "by OLLAMA_CONTEXT_LENGTH",
        WindowSource.ASSUMED: "the least it gets; not loaded",
        WindowSource.TRAINED: "made for; not loaded",
    }[model.window_source] + made_for


def _age(at_ms: int, now_ms: int) -> str:
    return "just now" if now_ms - at_ms < 5_000 else f"{span(now_ms - at_ms)} ago"


def servers_json(servers: Sequence[FoundServer]) -> list[dict[str, object]]:
    """What is known of local servers, for scripts."""
    return [
        {
            "provider": server.provider,
            "program": server.program.value,
            "address": server.base_url,
            "state": server.state.value,
            "said": server.said,
            "version": server.version or None,
            "looked_at": iso(server.looked_at_ms),
            "served_at": iso(server.served_at_ms),
            "models": [_model_json(model) for model in server.models],
        }
        for server in servers
    ]


def _model_json(model: FoundModel) -> dict[str, object]:
    return {
        "model": model.id,
        "window": model.window_tokens,
        "window_source": model.window_source.value,
        "trained": model.listed.context_tokens,
        "loaded": model.listed.loaded_context_tokens,
        "capabilities": [capability.value for capability in model.capabilities],
    }
