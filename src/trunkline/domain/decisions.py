"""Who should answer, and why: the result of routing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from trunkline.domain.routes import Route, Selector


class Reason(StrEnum):
    """The one word for why a route was chosen."""

    PREFERENCE = "preference"
    LIMIT = "limit"
    COST = "cost"
    CONTEXT = "context"
    QUALITY = "quality"
    SPEED = "speed"
    BALANCE = "balance"
    PIN = "pin"
    STAY = "stay"
    FAULT = "fault"
    EXPLORE = "explore"
    CRISIS = "crisis"
    OVERRIDE = "override"
    ONLY = "only"


class RejectionCode(StrEnum):
    """Why a route may not answer."""

    DISABLED = "disabled"
    NO_KEY = "no_key"
    PINNED_ELSEWHERE = "pinned_elsewhere"
    BREAKER_OPEN = "breaker_open"
    LIMIT = "limit"
    BUSY = "busy"
    CONTEXT_WINDOW = "context_window"
    CAPABILITY = "capability"
    NOT_FREE = "not_free"
    OVER_BUDGET = "over_budget"
    RETIRED = "retired"
    EXCLUDED = "excluded"
    FAILED = "failed_already"


# How routes of one order sort before the score (`Ranked.behind`): put in front by a cost rule or a stated list,
# neither, above the price ceiling of the tier, below the quality floor, both of these.
FAVOURED, USUAL, DEAR, WEAK, DEAR_AND_WEAK = range(5)


class PinScope(StrEnum):
    """How far a pin reaches."""

    MESSAGE = "message"
    CONVERSATION = "conversation"
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class Pin:
    """A person's word that only these routes may answer. `expires_at_ms` None: until taken back."""

    selector: Selector
    scope: PinScope
    expires_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """The score's terms, each 0..1; None where nobody has measured them and the catalogue says nothing. A score then
    takes no quality as 0, the price as the dearest known, and the speed as that of a typical route."""

    preference: float = 0.0
    quota: float = 0.0
    context: float = 0.0
    cost: float | None = 0.0
    quality: float | None = 0.0
    speed: float | None = 0.0
    health: float = 0.0


@dataclass(frozen=True, slots=True)
class Ranked:
    """A route that may answer, with its score (0..1), terms and the expected cash cost of this request.
    `order` is how it was sorted before the score: 0 stated first choice, 1 the rest, 2 past `route_away_at`, 3 not in
    its provider's list of models; `behind` is how within those: `FAVOURED`, `USUAL`, `DEAR`, `WEAK` or
    `DEAR_AND_WEAK`."""

    route: Route
    score: float
    terms: Terms
    cost_pico: int | None
    order: int = 1
    behind: int = USUAL


@dataclass(frozen=True, slots=True)
class Rejection:
    """Routes that may not answer. `route` is a full id or a prefix ending in `*`; `facts` are the figures from
    which the sentence is made when somebody looks."""

    route: str
    code: RejectionCode
    facts: tuple[tuple[str, str | int | float | None], ...] = ()
    until_ms: int | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Decision:
    """The chosen route, the ranking behind it (at most 12, the chosen first), what was rejected, and why.
    `confidence` is the score margin over the runner-up, 0..1; 1 where there is no runner-up."""

    route: Route
    reason: Reason
    rule: str | None
    confidence: float
    ranking: tuple[Ranked, ...]
    rejected: tuple[Rejection, ...]
    stayed: bool = False
    facts: tuple[tuple[str, str | int | float | None], ...] = ()

    @property
    def runner_up(self) -> Ranked | None:
        """The route that would have been next."""
        return next((ranked for ranked in self.ranking if ranked.route != self.route), None)


@dataclass(frozen=True, slots=True)
class NoRoute:
    """Nobody may answer. `earliest_reset_at_ms` is when the first rejected route should be usable again."""

    rejected: tuple[Rejection, ...]
    earliest_reset_at_ms: int | None = None
