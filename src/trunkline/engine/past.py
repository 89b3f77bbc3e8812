"""What the store tells of the past, asked without a loop: for commands that make no call."""

from __future__ import annotations

from typing import TypeVar

from trunkline.domain.crisis import CrisisSummary
from trunkline.domain.decisions import Decision, NoRoute
from trunkline.domain.receipts import Receipt
from trunkline.domain.snapshot import LogEntry
from trunkline.engine.core import EngineCore
from trunkline.engine.replay import Replay, as_now, replay
from trunkline.routing import Inputs
from trunkline.store import crises, learned, queries
from trunkline.store.learned import Learned
from trunkline.store.queries import Query
from trunkline.store.store import StoreReader

_Found = TypeVar("_Found")


class Past:
    """Of one engine's store, as it is at the moment of each question. Everything here raises StoreError."""

    def __init__(self, core: EngineCore) -> None:
        self._core = core

    def ask(self, query: Query[_Found]) -> _Found:
        """The answer to any question of the store."""
        reader = StoreReader.open(self._core.store.path, self._core.clock)
        try:
            return reader.ask(query)
        finally:
            reader.close()

    def receipt(self, request_id: str) -> Receipt | None:
        """The receipt of any request that is over, by its id or a unique beginning of it."""
        return self.ask(queries.receipt(request_id))

    def replay(self, request_id: str) -> Replay | None:
        """The decision of any of the last requests made again, from the store alone: see `engine.replay`. Raises
        CannotReplayError."""
        return replay(self.ask, request_id)

    def decide_as_now(self, inputs: Inputs) -> Decision | NoRoute:
        """Who would be chosen for what was asked then, as things are now."""
        generation = self._core.generation
        return as_now(inputs, generation, self._core.state_without_request(generation))

    def log(
        self,
        limit: int,
        *,
        origin: str | None = None,
        provider: str | None = None,
        account: str | None = None,
    ) -> tuple[LogEntry, ...]:
        """The last requests, newest first."""
        return self.ask(queries.recent(limit, origin=origin, provider=provider, account=account))

    def crises(self, limit: int) -> tuple[CrisisSummary, ...]:
        """The last crises, newest first."""
        return self.ask(crises.crises(limit))

    def learned(self) -> Learned:
        """All that was learned of answers."""
        return self.ask(learned.learned())

    def last_answered(self) -> str | None:
        """The id of the last request that was answered; None where none was."""
        return self.ask(learned.last_answered())
