"""Noticing a crisis and its end, in step with the other processes of this machine."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from trunkline.domain.crisis import Crisis, CrisisStep, CrisisSummary
from trunkline.domain.errors import StoreError
from trunkline.domain.events import Alert, AlertLevel, SnapshotChanged
from trunkline.domain.faults import Fault
from trunkline.domain.preferences import CrisisPolicy
from trunkline.domain.state import RoutingState
from trunkline.engine.crisis_probes import CrisisProbes
from trunkline.engine.crisis_words import begun_sentence, blame_text, ended_sentence
from trunkline.engine.own_faults import NO_ROUTE
from trunkline.routing.crisis import (
    ProviderStanding,
    Standing,
    Watched,
    back_at_ms,
    is_over,
    lost_for_long,
    may_last,
    reminded,
    standings_of,
    watched,
)
from trunkline.store import crises
from trunkline.store.crises import Ending

if TYPE_CHECKING:
    from trunkline.engine.core import EngineCore

_log = logging.getLogger(__name__)

_LOOK_MS = 1_000.0
_LEAST_LOOK_MS = 25.0
_LOOKS_PER_LOSS = 4
_READING_SHARE = 0.1
# A process that has not the keys of a lost provider cannot tell whether it is back: it leaves the end to others, but
# not for ever.
_LEFT_TO_OTHERS_MS = 24 * 3_600_000


class CrisisWatch:
    """`back_at_ms` is the earliest stated reset of a lost provider; `current` and `last` are the crisis under way and
    the one before, as the store told of them last; `noted` says that more was written of them. `drill` says that crises
    are rehearsed here."""

    def __init__(self, core: EngineCore) -> None:
        self._core = core
        self._seen = Watched()
        self._unseen_end: Crisis | None = None
        self._counted_mono_ms = core.clock.mono_ms()
        self.probes = CrisisProbes(core)
        self.drill = False
        self.noted = False
        self.back_at_ms: int | None = None
        self.current: CrisisSummary | None = None
        self.last: CrisisSummary | None = None

    @property
    def _policy(self) -> CrisisPolicy:
        return self._core.generation.config.preferences.crisis

    @property
    def steps(self) -> tuple[CrisisStep, ...]:
        """What the crisis under way changes, by the settings as they are now; nothing while there is none."""
        return () if self.current is None or not self._policy.enabled else self._policy.steps

    @property
    def under_way(self) -> Crisis | None:
        """The crisis under way, if there is one."""
        return None if self.current is None else self.current.crisis

    @property
    def lost(self) -> tuple[str, ...]:
        """The providers that are lost now; none while there is no crisis."""
        if self.current is None:
            return ()
        return tuple(dict.fromkeys((*self.current.crisis.lost, *self._seen.lost_since_ms)))

    def blamed(self, fault: Fault) -> Fault:
        """`fault`, of a request that nobody can serve, with the crisis in it that is to blame."""
        if self.current is None or fault.code != NO_ROUTE:
            return fault
        return replace(fault, message=f"{fault.message}: {blame_text(self.lost)}")

    # -- the store ----------------------------------------------------------------------------------------------

    def take_in(self, found: tuple[CrisisSummary, ...]) -> None:
        """Begin with what the store says, the newest first; nothing is said of it. A crisis whose end nobody saw is
        none here, and ended as soon as this process watches."""
        core = self._core
        state = core.state_without_request(core.generation)
        standings = standings_of(core.generation.config.catalogue, state)
        open_one = next((one.crisis for one in found if one.crisis.ended_at_ms is None), None)
        if open_one is not None and not may_last(standings, self._policy):
            self._unseen_end, found = open_one, tuple(one for one in found if one.crisis is not open_one)
        self._adopt(found)

    async def catch_up(self) -> None:
        """Take in what the store says now, and tell of a crisis that has begun or ended since. Raises StoreError."""
        core = self._core
        began_ms = core.clock.mono_ms()
        found = await core.store.ask(crises.crises(2))
        reading_ms = core.clock.mono_ms() - began_ms
        self._counted_mono_ms = core.clock.mono_ms() + max(0.0, reading_ms / _READING_SHARE - _LOOK_MS)
        # No await from here on: several may be reading at once, and one of them tells.
        known = self.current.crisis.id if self.current is not None else None
        self._adopt(found)
        ended = next((one for one in found if one.crisis.id == known), None)
        if ended is not None and ended.crisis.ended_at_ms is not None:
            self._tell_end(ended)
        if self.current is not None and self.current.crisis.id != known:
            self._tell_begin(self.current.crisis)

    def _adopt(self, found: tuple[CrisisSummary, ...]) -> None:
        before = (self.current, self.last)
        over = None if self._unseen_end is None else self._unseen_end.id
        still = (one for one in found if one.crisis.ended_at_ms is None and one.crisis.id != over)
        self.current = next(still, None)
        self.last = next((one for one in found if one.crisis.ended_at_ms is not None), self.last)
        if (self.current, self.last) != before:
            self._core.changed = True
        if self.current is None:
            self.back_at_ms = None
        elif before[0] is None or before[0].crisis.id != self.current.crisis.id:
            crisis = self.current.crisis
            self._seen = reminded(self._seen, crisis.lost, crisis.began_at_ms)
            self.back_at_ms = crisis.back_at_ms

    # -- looking ------------------------------------------------------------------------------------------------

    async def follow(self) -> None:
        """Watch until cancelled."""
        try:
            await self._follow()
        finally:
            self.probes.stop()

    async def _follow(self) -> None:
        told: str | None = None
        while True:
            await self._core.clock.sleep(self._look_ms())
            try:
                await self._end_unseen()
                await self.look()
                told = None
            except StoreError as error:
                if told != str(error):
                    told = str(error)
                    _log.warning("crises cannot be kept or read: %s", error)
            except Exception:
                _log.exception("watching for a crisis failed; it goes on")

    def _look_ms(self) -> float:
        return max(_LEAST_LOOK_MS, min(_LOOK_MS, self._policy.after_ms / _LOOKS_PER_LOSS))

    async def look(self) -> None:
        """See how providers stand, and begin or end a crisis where that is due. Raises StoreError."""
        core, policy = self._core, self._policy
        state = core.state_without_request(core.generation)
        standings = standings_of(core.generation.config.catalogue, state)
        in_crisis = self.current is not None
        self._seen = watched(self._seen, standings, policy, state.now_ms, in_crisis=in_crisis)
        if self.current is None:
            lost = lost_for_long(self._seen, standings, policy, state.now_ms, self._were_back())
            if lost:
                await self._begin(lost, standings, state.now_ms)
        elif is_over(self._seen, standings, policy) and self._may_end(self.current.crisis, state.now_ms):
            await self._end(self.current.crisis, standings)
        else:
            self.back_at_ms = back_at_ms(standings, self.lost, state.now_ms)
            self._have_one_try(state)
        await self._count()

    def _have_one_try(self, state: RoutingState) -> None:
        """Where a lost provider may be tried again, have one request do so of those that wait for it, and ask it by a
        free call where that has proven nothing."""
        unproven: list[str] = []
        if self._seen.lost_since_ms.keys() & self._seen.well_since_ms.keys():
            catalogue = self._core.generation.config.catalogue
            unproven = [
                one.provider
                for one in standings_of(catalogue, state, pacing=True)
                if one.standing is Standing.UNPROVEN and one.provider in self._seen.lost_since_ms
            ]
        if unproven and self.probes.send(self._core.waiting_room.items(), unproven):
            self._core.rouse()
        self.probes.check(unproven, self._policy.after_ms)

    def _were_back(self) -> dict[str, int]:
        """The providers that the last crisis found to be back, and when."""
        last = self.last
        return {} if last is None else dict.fromkeys(last.recovered, last.crisis.ended_at_ms or 0)

    async def _count(self) -> None:
        """Have the summaries say what has become of requests since: of the crisis under way, and of the one before once
        one of its requests is back."""
        core = self._core
        due = core.clock.mono_ms() - self._counted_mono_ms >= _LOOK_MS
        if due and (self.noted or self.current is not None):
            self.noted = False
            await core.store.flush()
            await self.catch_up()

    async def _begin(
        self, lost: tuple[str, ...], standings: tuple[ProviderStanding, ...], now_ms: int
    ) -> None:
        core = self._core
        crisis = Crisis(
            core.ids.new(),
            now_ms,
            lost,
            len(standings),
            self._policy.steps,
            back_at_ms(standings, lost, now_ms),
            drill=self.drill,
        )
        who = core.process_name
        await core.store.write(lambda connection: crises.begin(connection, crisis, who=who))
        await self.catch_up()

    async def _end_unseen(self) -> None:
        """End what the store had as under way when this process came, and was not any more. Who is back is told by how
        they stand now, for nothing was seen of them."""
        core, crisis = self._core, self._unseen_end
        if crisis is None or not self._may_end(crisis, core.clock.wall_ms()):
            return
        standings = standings_of(
            core.generation.config.catalogue, core.state_without_request(core.generation)
        )
        await self._end(crisis, standings)
        self._unseen_end = None

    async def _end(self, crisis: Crisis, standings: tuple[ProviderStanding, ...]) -> None:
        core, who = self._core, self._core.process_name
        # Whom nobody has tried since is not known to be back.
        sound = {one.provider for one in standings if one.standing is Standing.USABLE}
        recovered = tuple(one for one in crisis.lost if one in sound and one not in self._seen.lost_since_ms)
        ending = Ending(max(core.clock.wall_ms(), crisis.began_at_ms), recovered)
        await core.store.write(lambda connection: crises.end(connection, crisis, ending, who=who))
        await self.catch_up()

    def _may_end(self, crisis: Crisis, now_ms: int) -> bool:
        catalogue = self._core.generation.config.catalogue
        if now_ms - crisis.began_at_ms >= _LEFT_TO_OTHERS_MS:
            return True
        for name in crisis.lost:
            provider = catalogue.provider(name)
            enabled = [one for one in provider.accounts if one.enabled] if provider is not None else []
            if enabled and not any(one.has_key for one in enabled):
                return False
        return True

    # -- telling ------------------------------------------------------------------------------------------------

    def _tell_begin(self, crisis: Crisis) -> None:
        core, now_ms = self._core, self._core.clock.wall_ms()
        said = begun_sentence(replace(crisis, steps=self.steps), now_ms)
        _log.warning("%s", said, extra={"crisis": crisis.id})
        core.bus.publish(Alert(AlertLevel.CRITICAL, f"crisis:{crisis.id}", said))
        self._changed()

    def _tell_end(self, summary: CrisisSummary) -> None:
        said = ended_sentence(summary)
        _log.warning("%s", said, extra={"crisis": summary.crisis.id})
        self._core.bus.publish(Alert(AlertLevel.NOTICE, f"crisis:{summary.crisis.id}:over", said))
        self._changed()

    def _changed(self) -> None:
        self._core.changed = True
        self._core.rouse()
        self._core.bus.publish(SnapshotChanged())
