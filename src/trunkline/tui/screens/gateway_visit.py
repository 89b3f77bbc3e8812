"""What the deck knows of gateways, and what its key does with its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import tzinfo
from typing import TYPE_CHECKING

from trunkline.domain.clock import Clock
from trunkline.domain.snapshot import GatewayView, Snapshot
from trunkline.tui.gateway_lines import GatewayFacts
from trunkline.tui.gateway_switch import (
    ClientLines,
    GatewayOff,
    GatewayOn,
    GatewayStarting,
    GatewayState,
    GatewayStopping,
    GatewaySwitch,
)
from trunkline.tui.keymap import keys_in_force
from trunkline.tui.messages import GatewayTold

if TYPE_CHECKING:
    from textual.screen import Screen

    from trunkline.tui.screens.gateway import GatewayScreen

_WATCHING = "this deck only watches; `trunkline serve` starts one"
_NO_SWITCH = "there is none in the demo; `trunkline serve --demo` starts one on simulated providers"


class GatewayVisit:
    """Of one deck. `say` shows a sentence. A token that was made is known until its screen has been left once."""

    def __init__(
        self,
        host: Screen[None],
        switch: GatewaySwitch | None,
        clock: Clock,
        zone: tzinfo | None,
        snapshot: Callable[[], Snapshot | None],
        say: Callable[[str], None],
    ) -> None:
        self._host = host
        self._switch = switch
        self._clock = clock
        self._zone = zone
        self._snapshot = snapshot
        self._say = say
        self._state: GatewayState = GatewayOff()
        self._pid: int | None = None
        self._asked = False
        self._screen: GatewayScreen | None = None

    def show(self) -> None:
        """Open its screen, and start one where there is none anywhere and none has failed just now."""
        from trunkline.tui.screens.gateway import GatewayScreen

        self._screen = GatewayScreen(self.facts, self.switch, self._clock, self._zone)
        self._host.app.push_screen(self._screen, self._left)
        if self._state == GatewayOff():
            self._start()

    def tick(self) -> None:
        """Bring the open screen up to this moment."""
        if self._screen is not None and self._screen.is_attached:
            self._screen.tick()

    def take(self, state: GatewayState) -> None:
        """What the gateway has come to; said where its screen is not open."""
        before, self._state = self._state, state
        self._asked = False
        if isinstance(state, GatewayOn | GatewayStopping):
            self._pid = state.pid
        if self._screen is not None:
            self.tick()
        elif isinstance(state, GatewayOn):
            key = keys_in_force(self._host).named("gateway").first_label
            self._say(f"the gateway listens on {state.base_url}; {key} shows what to paste")
        elif isinstance(state, GatewayOff) and (state.why or isinstance(before, GatewayStopping)):
            self._say(f"the gateway: {state.why}" if state.why else "the gateway has stopped")

    def switch(self) -> None:
        """Start it, or stop it; while requests are under way only when asked twice."""
        if self._switch is None or isinstance(self._state, GatewayOff):
            self._start()
        elif isinstance(self._state, GatewayOn) and self._at_work and not self._asked:
            self._asked = True
        else:
            self._switch.stop()

    def facts(self) -> GatewayFacts:
        """What is known now."""
        own, others = self._own, self._others
        facts = GatewayFacts(self._state, own, others, self._refusal, self._asked)
        return replace(facts, pasted=self._pasted(facts))

    def _start(self) -> None:
        if self._switch is None or self._others:
            return
        self._state = GatewayStarting()
        self._switch.start(self._tell)

    def _tell(self, state: GatewayState) -> None:
        """Called on the switch's thread."""
        self._host.post_message(GatewayTold(state))

    def _left(self, _: None) -> None:
        self._screen = None
        self._asked = False
        if isinstance(self._state, GatewayOn):
            self._state = replace(self._state, token=None)
        elif isinstance(self._state, GatewayOff):
            self._state = GatewayOff()

    # -- what is known --------------------------------------------------------------------------------------

    @property
    def _gateways(self) -> tuple[GatewayView, ...]:
        snapshot = self._snapshot()
        return () if snapshot is None else snapshot.gateways

    @property
    def _own(self) -> GatewayView | None:
        return next((one for one in self._gateways if one.pid == self._pid), None)

    @property
    def _others(self) -> tuple[GatewayView, ...]:
        return tuple(one for one in self._gateways if one.pid != self._pid)

    @property
    def _at_work(self) -> int:
        return 0 if self._own is None else self._own.at_work

    @property
    def _refusal(self) -> str:
        if self._switch is not None:
            return ""
        snapshot = self._snapshot()
        return _WATCHING if snapshot is not None and snapshot.read_only else _NO_SWITCH

    def _pasted(self, facts: GatewayFacts) -> tuple[ClientLines, ...]:
        if self._switch is None or facts.shown_url is None:
            return ()
        is_own = isinstance(facts.state, GatewayOn)
        view = facts.own if is_own else facts.others[0]
        token = facts.state.token if isinstance(facts.state, GatewayOn) else None
        needs_token = view is None or view.needs_token
        return self._switch.lines(facts.shown_url, token, needs_token=needs_token)
