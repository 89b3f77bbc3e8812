"""What is kept and shown of a request once it is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from trunkline.domain.decisions import Decision, NoRoute
from trunkline.domain.faults import Fault
from trunkline.domain.learned import Verdict
from trunkline.domain.money import Usage
from trunkline.domain.routes import Route
from trunkline.domain.tasks import Origin, Task, Tier


class AttemptOutcome(StrEnum):
    """How one upstream call ended. `short` was never sent: the ledger would not reserve."""

    OK = "ok"
    REFUSED = "refused"
    FAILED = "failed"
    CUT = "cut"
    CANCELLED = "cancelled"
    SHORT = "short"


class Outcome(StrEnum):
    """How a request ended."""

    ANSWERED = "answered"
    FAILED = "failed"
    CANCELLED = "cancelled"


class FinishReason(StrEnum):
    """Why the model stopped."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT = "content"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class QuotaSpent:
    """What a request took from one limit, in the limit's own unit."""

    account: str
    metric: str
    window: str
    amount: int
    left: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One upstream call of a request, numbered from 1. Times are milliseconds from the request's start.
    `failover_ms` runs from the last byte of the refusal before it to the first byte of this one's request."""

    number: int
    route: Route
    outcome: AttemptOutcome
    started_ms: float
    ended_ms: float
    first_token_ms: float | None = None
    failover_ms: float | None = None
    fault: Fault | None = None
    usage: Usage | None = None
    cost_pico: int | None = None


@dataclass(frozen=True, slots=True)
class TierUpgrade:
    """That a request was asked again with more behind it, and what was wrong with the answer before: from the attempt
    after `after_attempt` on its task was taken for `to_tier`. Where no tier is above, or the asker named the tier, it
    is the same one, and the next best route was asked."""

    from_tier: Tier
    to_tier: Tier
    because: Verdict
    after_attempt: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """The account of one request: who answered and why, every attempt, tokens, money, time and quota.

    `cost_pico` is the answering attempt's, `waste_pico` what the others cost (`waste_unknown` of them are not
    known). `total_ms` and `first_token_ms` count from the engine's receipt of the request. `complete` is False
    for any answer that is not whole. `alternative_cost_pico` is the same tokens on the user's default model.
    `no_route` says why nobody could serve, where that is how it ended. `upgrade` is what was done about an answer that
    was none, or not wanted. `verdicts` are what was said of the answer by the time this was read.
    """

    request_id: str
    origin: Origin
    outcome: Outcome
    task: Task
    decision: Decision | None
    route: Route | None
    attempts: tuple[Attempt, ...]
    started_at_ms: int
    total_ms: float
    first_token_ms: float | None
    usage: Usage
    cost_pico: int | None
    waste_pico: int = 0
    waste_unknown: int = 0
    alternative_cost_pico: int | None = None
    finish: FinishReason | None = None
    complete: bool = False
    fault: Fault | None = None
    seams: tuple[int, ...] = ()
    restarts: int = 0
    quota: tuple[QuotaSpent, ...] = ()
    conversation_id: str | None = None
    turn_id: str | None = None
    served_model: str | None = None
    warnings: tuple[str, ...] = field(default=())
    no_route: NoRoute | None = None
    upgrade: TierUpgrade | None = None
    verdicts: tuple[Verdict, ...] = ()

    @property
    def rerouted(self) -> bool:
        """More than one route was called."""
        return len({attempt.route for attempt in self.attempts}) > 1
