"""A gateway put together: who may come in, what it counts, where it listens."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from trunkline.domain.clock import Clock
from trunkline.domain.errors import ConfigError
from trunkline.domain.ids import IdSource
from trunkline.engine.engine import Engine
from trunkline.gateway.agents import FIRST_TOKEN
from trunkline.gateway.announcing import Announcement
from trunkline.gateway.doors import Doors
from trunkline.gateway.guard import Guard
from trunkline.gateway.listening import check_address, tls_context
from trunkline.gateway.metrics import Metrics
from trunkline.gateway.server import Gateway, Pages
from trunkline.gateway.serving import Service
from trunkline.gateway.snippets import base_url_of
from trunkline.gateway.token_watch import TokenWatch
from trunkline.store import gateway_tokens
from trunkline.store.gateway_tokens import GatewayToken, hash_of, new_text

_WHO = "serve"


@dataclass(frozen=True, slots=True)
class RunningGateway:
    """It listens on `host` and `port`. `first_token` is the text of the token that was made because there was none."""

    gateway: Gateway
    host: str
    port: int
    first_token: str | None


@contextlib.asynccontextmanager
async def running_gateway(
    engine: Engine,
    clock: Clock,
    pages: Pages,
    *,
    file: Path,
    host: str | None = None,
    port: int | None = None,
) -> AsyncIterator[RunningGateway]:
    """Listen in front of an engine that runs, on the address of its preferences unless another is given; `file` is what
    errors of the configuration name. Where a token is needed and none is in force one is made. Raises ConfigError, also
    where the address cannot be had, and StoreError."""
    policy = engine.generation.config.preferences.gateway
    host, port = host or policy.host, policy.port if port is None else port
    watch = TokenWatch(engine.store, clock)
    guard = Guard(lambda: engine.generation.config.preferences, clock, host=host, used=watch.used)
    in_force = await watch.tell(guard)
    check_address(policy, host, file=file, tokens=len(in_force))
    tls = tls_context(policy, file=file)
    first_token = await _made_token(engine, clock) if guard.needs_token and not in_force else None
    if first_token is not None:
        await watch.tell(guard)
    engine.load_transport()
    doors = Doors(clock, most_inside=policy.max_concurrent, most_waiting=policy.max_waiting)
    metrics = Metrics()
    gateway = Gateway(Service(engine, clock), guard, doors, metrics, pages, clock)
    try:
        port = await gateway.start(host, port, tls)
    except OSError as error:
        raise _not_had(error, host, port, file) from error
    base_url = base_url_of(policy, host=host, port=port)
    announcement = Announcement(engine.store, clock, base_url, guard, doors, metrics)
    following = asyncio.gather(watch.follow(guard), announcement.follow())
    try:
        yield RunningGateway(gateway, host, port, first_token)
    finally:
        following.cancel()
        await gateway.stop(0)
        with contextlib.suppress(asyncio.CancelledError):
            await following
        announcement.withdraw()


async def _made_token(engine: Engine, clock: Clock) -> str:
    """The text of a new token without limits."""
    text = new_text(os.urandom)
    token = GatewayToken(IdSource(clock).new(), FIRST_TOKEN, hash_of(text), clock.wall_ms())
    await engine.store.write(partial(gateway_tokens.create, token=token, who=_WHO))
    return text


def _not_had(error: OSError, host: str, port: int, file: Path) -> ConfigError:
    taken = error.errno == errno.EADDRINUSE
    return ConfigError(
        file=file,
        key="gateway.port" if taken else "gateway.host",
        value=port if taken else host,
        expected="a port that nobody listens on"
        if taken
        else f"an address of this machine ({error.strerror})",
        remedy="Another `trunkline serve` may have it; --port takes another, and 0 any that is free."
        if taken
        else "",
    )
