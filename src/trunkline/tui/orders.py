"""What a person orders the engine to do from the deck, why it may be refused, and how it is taken back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trunkline.domain.clock import Clock
from trunkline.domain.snapshot import Snapshot
from trunkline.engine.api import HostedEngine
from trunkline.tui.engine_link import EngineLink

MOST_UNDONE = 50
ASKED_FOR_MS = 3_000
"""How long an order that the engine has not confirmed counts as done; then its word stands again, for another process
may have ordered otherwise, or the order was refused."""

_STARTING = "the engine is still starting"
_WATCHING = "this deck only watches; open `trunkline` to give orders"


@dataclass(frozen=True, slots=True)
class _Undo:
    """How to take back an order, and what was taken back then. `forced` is the route that it forced for everything,
    where it did: it is taken back only while that one is in force."""

    sentence: str
    run: Callable[[HostedEngine], None]
    forced: str | None = None


class Orders:
    """Gives orders, remembers how to take each back, and says why none can be given. `say` shows a sentence, `changed`
    which route is forced."""

    def __init__(
        self, link: EngineLink, clock: Clock, say: Callable[[str], None], changed: Callable[[], None]
    ) -> None:
        self._link = link
        self._clock = clock
        self._say = say
        self._changed = changed
        self._snapshot: Snapshot | None = None
        self._asked_mode: str | None = None
        self._asked_override: str | None = None
        self._override_asked_at_ms: int | None = None
        self._undo: list[_Undo] = []
        self.dead: str | None = None

    def take_snapshot(self, snapshot: Snapshot) -> None:
        """The orders in force as the engine says."""
        self._snapshot = snapshot
        if self._asked_mode == snapshot.mode:
            self._asked_mode = None
        if self._asked_override == snapshot.override:
            self._override_asked_at_ms = None

    def refusal(self) -> str | None:
        """Why nothing can be ordered now; None when it can."""
        if self.dead is not None:
            return self.dead
        if self._link.engine is None or self._snapshot is None:
            return _STARTING
        return _WATCHING if self._snapshot.read_only else None

    @property
    def undo_refusal(self) -> str | None:
        """Why nothing can be taken back now; None when something can."""
        return self.refusal() or (None if self._undo else "nothing was changed here that could be taken back")

    def _begin(self) -> tuple[HostedEngine, Snapshot] | None:
        refusal = self.refusal()
        engine, snapshot = self._link.engine, self._snapshot
        if refusal is not None or engine is None or snapshot is None:
            self._say(refusal or _STARTING)
            return None
        return engine, snapshot

    def _remember(
        self, sentence: str, run: Callable[[HostedEngine], None], *, forced: str | None = None
    ) -> None:
        self._undo.append(_Undo(sentence, run, forced))
        del self._undo[:-MOST_UNDONE]

    # -- orders ---------------------------------------------------------------------------------------------

    def next_mode(self) -> None:
        """The mode after this one."""
        found = self._begin()
        if found is None or not found[1].modes:
            return
        modes, now = found[1].modes, self._asked_mode or found[1].mode
        self.set_mode(modes[(modes.index(now) + 1) % len(modes) if now in modes else 0])

    def set_mode(self, mode: str) -> None:
        """Another mode."""
        if found := self._begin():
            engine, snapshot = found
            before = self._asked_mode or snapshot.mode
            self._asked_mode = mode
            engine.set_mode(mode)
            self._remember(f"mode {before} again", lambda engine: engine.set_mode(before))

    def automatic(self) -> None:
        """No pin, the configured mode, not paused."""
        if found := self._begin():
            engine, snapshot = found
            self._asked_mode = None
            self._override_asked_at_ms = None
            engine.reset()
            self._remember("pin, mode and pause as they were", lambda engine: _restore(engine, snapshot))

    def pause_or_resume(self) -> None:
        """Hold new requests, or let them go."""
        if found := self._begin():
            engine, snapshot = found
            if snapshot.paused:
                engine.resume()
                self._remember("requests are held again", lambda engine: engine.pause())
            else:
                engine.pause()
                self._remember("requests go again", lambda engine: engine.resume())

    def switch(self, selector: str | None, expires_in_ms: int | None = None) -> None:
        """Pin everything, for so long; None takes the pin back."""
        if found := self._begin():
            engine, snapshot = found
            until_ms = None if expires_in_ms is None else self._clock.wall_ms() + expires_in_ms
            engine.switch(selector, expires_at_ms=until_ms)
            before, before_until_ms = snapshot.pin, snapshot.pin_expires_at_ms
            self._remember(
                f"pinned {before} again" if before else "not pinned any more",
                lambda engine: engine.switch(before, expires_at_ms=before_until_ms),
            )

    def set_account(self, account: str, *, enabled: bool) -> None:
        """Take an account out, or put it back."""
        if found := self._begin():
            found[0].set_account(account, enabled=enabled)
            self._remember(
                f"{account} {'out' if enabled else 'back'} again",
                lambda engine: engine.set_account(account, enabled=not enabled),
            )

    # -- emergency ------------------------------------------------------------------------------------------

    @property
    def overriding(self) -> str | None:
        """The route that is forced for everything: as ordered a moment ago, else as the engine says."""
        asked_at_ms = self._override_asked_at_ms
        if asked_at_ms is not None and self._clock.wall_ms() - asked_at_ms <= ASKED_FOR_MS:
            return self._asked_override
        return None if self._snapshot is None else self._snapshot.override

    def override(self, route: str | None) -> None:
        """Force a route for everything; None takes that back, for good: forcing one is never done without asking, so
        that nothing is left of it to undo."""
        if found := self._begin():
            before = self.overriding
            self._force(found[0], route)
            if route is None:
                self._undo = [one for one in self._undo if one.forced is None]
            else:
                self._remember(
                    f"everything goes to {before} again" if before else "no route is forced any more",
                    lambda engine: self._force(engine, before),
                    forced=route,
                )

    def _force(self, engine: HostedEngine, route: str | None) -> None:
        self._asked_override, self._override_asked_at_ms = route, self._clock.wall_ms()
        engine.override(route)
        self._changed()

    # -- what waits, what is set aside ----------------------------------------------------------------------

    def promote(self, request_id: str) -> None:
        """Let a waiting request go before all others, and try it at once."""
        if found := self._begin():
            found[0].promote(request_id)

    def move(self, request_id: str, places: int) -> None:
        """Have a waiting request go that many places later, or with a negative number earlier."""
        if found := self._begin():
            found[0].move(request_id, places)
            self._remember(
                "the order of the queue as it was", lambda engine: engine.move(request_id, -places)
            )

    def drop(self, request_id: str) -> None:
        """Cancel a waiting request."""
        if found := self._begin():
            found[0].drop(request_id)

    def free(self, target: str) -> None:
        """A provider, account or route is available again, by the person's word."""
        if found := self._begin():
            found[0].free(target)
            self._say(f"{target} is marked as available: what refused it is forgotten")

    # -- taking back ----------------------------------------------------------------------------------------

    def undo(self) -> None:
        """Take the last order back."""
        refusal = self.undo_refusal
        engine = self._link.engine
        if refusal is not None or engine is None:
            self._say(refusal or _STARTING)
            return
        last = self._undo.pop()
        if last.forced is not None and last.forced != self.overriding:
            self._say(f"nothing is taken back: {last.forced} is not forced for everything any more")
            return
        self._asked_mode = None
        last.run(engine)
        self._say(f"taken back: {last.sentence}")


def _restore(engine: HostedEngine, snapshot: Snapshot) -> None:
    engine.set_mode(snapshot.mode)
    engine.switch(snapshot.pin, expires_at_ms=snapshot.pin_expires_at_ms)
    if snapshot.override is not None:
        engine.override(snapshot.override)
    if snapshot.paused:
        engine.pause()
