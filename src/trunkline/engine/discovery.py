"""Looking for model servers on this machine: who listens, whether it is the program expected there, what it serves.

A look is a bare TCP connect to every address at once, so that nothing heavy is imported where nobody listens; then the
free requests of `providers.local` to those that do.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from trunkline.config.found import LocalTarget, local_targets, newest, read_found, write_found
from trunkline.config.watch import ConfigWatcher
from trunkline.domain.clock import Clock
from trunkline.domain.found import FoundModel, FoundServer, Seen, ServerState
from trunkline.domain.routes import KeyRef, LocalServer
from trunkline.domain.secret import Secret

if TYPE_CHECKING:
    from trunkline.config.load import Loaded
    from trunkline.domain.faults import Fault
    from trunkline.engine.core import EngineCore
    from trunkline.engine.settings import EngineSettings
    from trunkline.providers.call import FreeCall
    from trunkline.providers.local.look import Known, Look
    from trunkline.providers.protocol import WireReply

    Fetch = Callable[[FreeCall], Awaitable[WireReply | Fault]]

_log = logging.getLogger(__name__)

CONNECT_MS = 300
REPLY_MS = 2_000
_WHOLE_LOOK_MS = 6_000
_GRACE_S = 0.02
_AT_ONCE = 4
_INTERVAL_MS = 60_000.0
_KNOCK_MS = 10_000.0
_LOADING_MS = 5_000.0
_LEAST_PAUSE_MS = 1_000.0
_KEEP_AGAIN_MS = 600_000
_ENVIRONMENT_WINDOWS = {LocalServer.OLLAMA: "OLLAMA_CONTEXT_LENGTH"}
SWITCH_VARIABLE = "TRUNKLINE_LOCAL_SERVERS"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a look is done with: `fetch` sends a free call, `secret` opens a key reference, `environ` is this process's
    environment, `reply_ms` how long a reply may take."""

    fetch: Fetch
    secret: Callable[[KeyRef], Secret | None]
    environ: Mapping[str, str]
    clock: Clock
    reply_ms: int = REPLY_MS


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Whether local servers are to be looked for at all."""
    return environ.get(SWITCH_VARIABLE, "").strip().lower() not in ("off", "0", "no", "false")


async def look_around(
    targets: Iterable[LocalTarget], known: Iterable[FoundServer], surroundings: Surroundings
) -> tuple[FoundServer, ...]:
    """What is at each target now. Raises nothing; takes `CONNECT_MS` at most where nobody answers, and a few seconds
    where somebody is slow."""
    before = {(server.provider, server.base_url): server for server in known}
    wanted = tuple(targets)
    # Everybody is knocked at before anybody is asked: asking loads an HTTP client, which holds the loop up.
    listening = await asyncio.gather(*(listens(target.base_url) for target in wanted))
    return tuple(
        await asyncio.gather(
            *(
                _look_at(target, there, before.get((target.provider, target.base_url)), surroundings)
                for target, there in zip(wanted, listening, strict=True)
            )
        )
    )


async def listens(base_url: str) -> bool | None:
    """Whether somebody takes connections at that address; None where there was no telling in time."""
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return False
    if not host:
        return False
    connecting = asyncio.ensure_future(asyncio.open_connection(host, port))
    try:
        await asyncio.wait((connecting,), timeout=CONNECT_MS / 1000)
        if not connecting.done():
            # A loop that was held up for so long has not yet seen who answered meanwhile.
            await asyncio.wait((connecting,), timeout=_GRACE_S)
        if not connecting.done():
            return None
        _, writer = connecting.result()
    except OSError as error:
        return None if error.errno in (errno.EMFILE, errno.ENFILE) else False
    finally:
        connecting.cancel()
    writer.close()
    return True


async def _look_at(
    target: LocalTarget, there: bool | None, before: FoundServer | None, surroundings: Surroundings
) -> FoundServer:
    if there is None:
        seen = Seen(ServerState.SILENT, "it took no connection in time")
    elif not there:
        seen = Seen(ServerState.ABSENT, "nothing listens there")
    else:
        seen = await _converse(target, before, surroundings)
    return _recorded(target, seen, before, surroundings.clock.wall_ms())


async def _converse(target: LocalTarget, before: FoundServer | None, surroundings: Surroundings) -> Seen:
    """Hold the program's conversation over `fetch`."""
    from trunkline.providers.call import FreeCall
    from trunkline.providers.local.programs import LOOKS

    root = target.base_url.removesuffix("/").removesuffix("/v1")
    look = LOOKS[target.program](_known(target, before, surroundings.environ))
    key = surroundings.secret(target.key)
    turns = asyncio.Semaphore(_AT_ONCE)

    async def answered(call: FreeCall) -> WireReply | Fault:
        async with turns:
            return await surroundings.fetch(call)

    try:
        async with asyncio.timeout(_WHOLE_LOOK_MS / 1000):
            requests = next(look)
            while True:
                calls = [
                    FreeCall(root, request, key, CONNECT_MS, surroundings.reply_ms) for request in requests
                ]
                requests = look.send(tuple(await asyncio.gather(*map(answered, calls))))
    except StopIteration as end:
        seen: Seen = end.value
        return seen
    except TimeoutError:
        return Seen(ServerState.SILENT, "it takes connections but gave no answer in time")
    except Exception:
        _log.exception("what %s at %s answers cannot be read", target.provider, root)
        return Seen(ServerState.STRANGER, "what it answered cannot be read; the log file says more")
    finally:
        _close(look)


def _close(look: Look) -> None:
    look.close()


def _known(target: LocalTarget, before: FoundServer | None, environ: Mapping[str, str]) -> Known:
    from trunkline.providers.local.look import Known

    variable = _ENVIRONMENT_WINDOWS.get(target.program)
    stated = environ.get(variable, "").strip() if variable and _is_here(target.base_url) else ""
    tokens = int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 10 else 0
    if before is None:
        return Known(environment_tokens=tokens or None)
    return Known({model.id: model for model in before.models}, before.passed_over, tokens or None)


def _is_here(base_url: str) -> bool:
    """Whether an address is of this machine, whose environment the server may share."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _recorded(target: LocalTarget, seen: Seen, before: FoundServer | None, now_ms: int) -> FoundServer:
    """What was seen, with what was known from the time when it last served."""
    looked = FoundServer(target.provider, target.program, target.base_url, seen.state, now_ms, said=seen.said)
    if seen.state is ServerState.SERVING:
        return replace(
            looked,
            served_at_ms=now_ms,
            version=seen.version,
            models=seen.models,
            passed_over=seen.passed_over,
        )
    if before is None:
        return replace(looked, version=seen.version, misses=1)
    return replace(
        looked,
        served_at_ms=before.served_at_ms,
        version=seen.version or before.version,
        models=before.models,
        passed_over=before.passed_over,
        misses=before.misses + 1 if seen.state is ServerState.SILENT else 0,
    )


def differ(found: Sequence[FoundServer], before: Iterable[FoundServer]) -> bool:
    """Whether anything but the times is new."""
    known = {(one.provider, one.base_url): _timeless(one) for one in before}
    return any(known.get((one.provider, one.base_url)) != _timeless(one) for one in found)


def _timeless(server: FoundServer) -> FoundServer:
    return replace(server, looked_at_ms=0, served_at_ms=None, misses=min(server.misses, 2))


class Discovery:
    """Looks around for an engine, in the background: at once, then every `_INTERVAL_MS`, sooner while a server loads
    its model or when `hurry` is called; where nobody listened it only knocks, every `_KNOCK_MS`.

    `servers` is what is known; it is kept in a file for the next start and for other processes, and what others find
    is taken from there. Belongs to the engine's loop.
    """

    def __init__(self, settings: EngineSettings, core: EngineCore, loaded: Loaded) -> None:
        self._path = settings.places.found_file
        self._environ = settings.environ
        self._core = core
        self._wanted = is_wanted(settings.environ)
        self._watcher = ConfigWatcher((self._path,))
        self._kept_at_ms = 0
        self._cannot_keep = False
        self._called = asyncio.Event()
        self.servers = loaded.found
        self.targets: tuple[LocalTarget, ...] = ()
        self.use(loaded)

    def use(self, loaded: Loaded) -> None:
        """Look at what this configuration names from now on."""
        self.targets = local_targets(loaded.config.catalogue, loaded.providers_layers) if self._wanted else ()
        self.hurry()

    def hurry(self) -> None:
        """Look again soon: something happened that a server will tell more of."""
        self._called.set()

    def changed_elsewhere(self) -> bool:
        """Whether another process has found other models than are known here; they are known from now on."""
        if not self._watcher.changed():
            return False
        before = self.servers
        self.servers = newest(before, read_found(self._path), now_ms=self._core.clock.wall_ms())
        return offered(self.servers) != offered(before)

    async def follow(self, on_change: Callable[[], Awaitable[None]]) -> None:
        """Look until cancelled; `on_change` is called when other models may be asked than before."""
        clock = self._core.clock
        looked_ms = clock.mono_ms() - _INTERVAL_MS
        while True:
            everywhere = self._called.is_set() or clock.mono_ms() - looked_ms >= _INTERVAL_MS
            self._called.clear()
            if everywhere:
                looked_ms = clock.mono_ms()
            try:
                if await self.look(self.targets if everywhere else self._restless()):
                    await on_change()
            except Exception:
                _log.exception("a look for local servers failed; the next one comes")
            await self._rest()

    def _restless(self) -> tuple[LocalTarget, ...]:
        """Where something else may be any moment: nobody listens, or a model is being loaded."""
        soon = {
            (one.provider, one.base_url)
            for one in self.servers
            if one.state in (ServerState.ABSENT, ServerState.LOADING)
        }
        return tuple(target for target in self.targets if (target.provider, target.base_url) in soon)

    async def look(self, targets: Sequence[LocalTarget]) -> bool:
        """Look at `targets` once; whether other models may be asked than before."""
        if not targets:
            return False
        core, before = self._core, self.servers
        surroundings = Surroundings(
            fetch=lambda call: core.transport.fetch(call),
            secret=core.generation.keys.secret,
            environ=self._environ,
            clock=core.clock,
        )
        found = await look_around(targets, before, surroundings)
        now_ms = core.clock.wall_ms()
        self.servers = newest(self.servers, found, now_ms=now_ms)
        if differ(found, before) or now_ms - self._kept_at_ms > _KEEP_AGAIN_MS:
            self._kept_at_ms = now_ms
            await asyncio.to_thread(self._keep, now_ms)
        return offered(self.servers) != offered(before)

    def _keep(self, now_ms: int) -> None:
        try:
            keep_found(self._path, self.servers, now_ms)
        except OSError as error:
            if not self._cannot_keep:
                self._cannot_keep = True
                _log.warning("what was found on this machine cannot be kept: %s", error)
        self._watcher.changed()

    async def _rest(self) -> None:
        """Until the next look; a moment at least, whoever calls."""
        await self._core.clock.sleep(_LEAST_PAUSE_MS)
        loading = any(server.state is ServerState.LOADING for server in self.servers)
        called = asyncio.ensure_future(self._called.wait())
        sleeping = asyncio.ensure_future(self._core.clock.sleep(_LOADING_MS if loading else _KNOCK_MS))
        try:
            await asyncio.wait((called, sleeping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            called.cancel()
            sleeping.cancel()


def keep_found(path: Path, servers: Iterable[FoundServer], now_ms: int) -> None:
    """Write what was found beside what other processes found elsewhere. Raises OSError."""
    write_found(path, newest(read_found(path), servers, now_ms=now_ms))


def offered(servers: Iterable[FoundServer]) -> dict[tuple[str, str], tuple[FoundModel, ...]]:
    """The models that may be asked, by provider and address."""
    return {(one.provider, one.base_url): one.models for one in servers if one.usable}
