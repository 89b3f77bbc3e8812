"""A decision of the past made again from what is kept of it: no call, no clock, no configuration but its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from trunkline.domain.decisions import Decision, NoRoute
from trunkline.domain.errors import TrunklineError
from trunkline.domain.receipts import Receipt
from trunkline.domain.routes import Route
from trunkline.domain.state import RoutingState
from trunkline.engine.generation import Generation
from trunkline.routing import Difference, Inputs, decide, decide_again, differences
from trunkline.store import queries
from trunkline.store.inputs import UnreadableInputsError, kept_inputs
from trunkline.store.queries import Query

_Found = TypeVar("_Found")

NOT_KEPT = "what it was decided from is kept for the last 1,000 requests, and no longer for this one"
UNDECIDED = "it was over before anybody was chosen"


class Asks(Protocol):
    """Answers questions of the store; `StoreReader.ask` does."""

    def __call__(self, query: Query[_Found], /) -> _Found:
        """The answer. Raises StoreError."""
        ...


class CannotReplayError(TrunklineError):
    """A decision that cannot be made again; the message says why."""


@dataclass(frozen=True, slots=True)
class Replay:
    """A decision as it was kept, `then`, and as it comes out now of the same inputs; `differences` is empty where both
    are the same to the last bit."""

    receipt: Receipt
    inputs: Inputs
    then: Decision | NoRoute
    again: Decision | NoRoute
    differences: tuple[Difference, ...]

    @property
    def after(self) -> tuple[Route, ...]:
        """The routes that had been asked in vain when it was made. Of a request's decisions only the last that chose is
        kept: what the ones before it saw is not."""
        attempts = self.receipt.attempts
        if self.receipt.decision is None:
            return tuple(attempt.route for attempt in attempts)
        route, own = self.receipt.decision.route, 0
        while own < len(attempts) and attempts[-1 - own].route == route:
            own += 1
        return tuple(attempt.route for attempt in attempts[: len(attempts) - own])

    @property
    def is_followed(self) -> bool:
        """Whether it was found after it that nobody else could answer, which is not kept to be decided again."""
        return self.receipt.decision is not None and self.receipt.no_route is not None


def replay(ask: Asks, request_id: str) -> Replay | None:
    """The decision that chose for the request of that id, or of the only one whose id begins so, made again; None where
    there is no such request. `ask` answers questions of the store. Raises CannotReplayError and StoreError."""
    receipt = ask(queries.receipt(request_id))
    if receipt is None:
        return None
    then = receipt.decision or receipt.no_route
    if then is None:
        raise CannotReplayError(f"{receipt.request_id}: {UNDECIDED}")
    try:
        inputs = ask(kept_inputs(receipt.request_id))
    except UnreadableInputsError as error:
        raise CannotReplayError(f"{receipt.request_id}: {error}") from error
    if inputs is None:
        raise CannotReplayError(f"{receipt.request_id}: {NOT_KEPT}")
    again = decide_again(inputs)
    return Replay(receipt, inputs, then, again, differences(then, again))


def as_now(inputs: Inputs, generation: Generation, state: RoutingState) -> Decision | NoRoute:
    """Who would be chosen for the same ask under this configuration and state, nobody having failed yet."""
    ask = replace(inputs.ask, failed=frozenset(), after=None, exhaustive=True)
    return decide(ask, generation.policy, state)
