"""What is known of accounts and routes at one moment: the changing half of a decision's inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trunkline.domain.counting import TokenFactors
from trunkline.domain.crisis import CrisisStep
from trunkline.domain.decisions import Pin
from trunkline.domain.faults import FaultKind, FaultScope
from trunkline.domain.learned import QualityRecords
from trunkline.domain.limits import LimitUse
from trunkline.domain.routes import Route, Selector


@dataclass(frozen=True, slots=True)
class Block:
    """Why something may not be called for now. `target` is a provider id, `provider/account` or a route id.
    `until_ms` None: until a person acts. `half_open`: one request may try it. `failures` counts in a row.
    `key_mark` is the `Secret.mark` of the key to blame, where one is: with another key the block means nothing.
    `provider_text` is what the provider said, redacted; `evidence` says what the scope rests on, `confidence` 0..1 how
    sure it is; `flaw` what was absurd about the hint. `checked_at_ms` is when the account's own endpoint was last asked
    about it, and had something to say."""

    target: str
    scope: FaultScope
    kind: FaultKind
    code: str
    message: str
    since_ms: int
    until_ms: int | None
    half_open: bool = False
    failures: int = 1
    key_mark: str | None = None
    provider_text: str = ""
    evidence: str = ""
    confidence: float = 1.0
    flaw: str = ""
    checked_at_ms: int | None = None

    @property
    def model(self) -> str:
        """The model of a route's block; empty where it reaches further."""
        return self.target.partition("/")[2].partition("/")[2]

    def holds_at(self, now_ms: int) -> bool:
        """Whether calls are refused at that moment."""
        return not self.half_open and (self.until_ms is None or now_ms < self.until_ms)


@dataclass(frozen=True, slots=True)
class AccountState:
    """An account at one moment. `limits` are all its limits, those of single models included; `health` 0..100;
    `organisation_uses` are inside `limits` like any other. `last_used_ms` is wall time, 0 for never. `concurrency` is
    how many calls at once it has been found to take, None where no end of it was met. `elsewhere` counts calls that
    other processes of this machine have under way, as known last. `at_most` is how many calls at once the account is
    given at all: what it was found to take, or what is configured or reported, whichever is less."""

    provider: str
    account: str
    limits: tuple[LimitUse, ...] = ()
    block: Block | None = None
    health: int = 100
    in_flight: int = 0
    last_used_ms: int = 0
    concurrency: int | None = None
    elsewhere: int = 0
    at_most: int | None = None

    @property
    def busy(self) -> bool:
        """Whether it has as many calls under way as it takes. What other processes have under way counts against what
        it was found to take; for what is configured the ledger counts them, and better."""
        if self.concurrency is not None and self.in_flight + self.elsewhere >= self.concurrency:
            return True
        return self.at_most is not None and self.in_flight >= self.at_most


@dataclass(frozen=True, slots=True)
class RouteState:
    """A route at one moment; figures are None until measured. `success_share` is of its last 20 attempts."""

    block: Block | None = None
    health: int = 100
    success_share: float | None = None
    first_token_ms: float | None = None
    tokens_per_s: float | None = None


EMPTY_ROUTE_STATE = RouteState()


@dataclass(frozen=True, slots=True)
class ConversationState:
    """What stay-or-switch needs to know of a running conversation. `tokens` is its whole length;
    `cache_warm_until_ms` is when its route's prompt cache is taken to have gone cold, `cached_tokens` how much of the
    next prompt that cache should hold; `cached_share` is how much it was found to hold of what it should (0..1).
    `turns` were answered so far; `turns_left` are expected after the next one. `turn_tokens` is by how much the last
    one made it longer, `pause_ms` how far apart turns are, each 0 where that is not known. `home` is the route from
    which a crisis or an override moved it, and to which it returns; None where it is there. `left` are the models
    (provider, id) that it left because another cost less. `complexity` is that of its last turn, 0..1, None where that
    is not known. `cache_is_used`: its route has counted tokens of its cache, read or written."""

    conversation_id: str
    route: Route
    tokens: int
    task_type: str
    tier: str
    cache_warm_until_ms: int = 0
    home: Route | None = None
    cached_tokens: int = 0
    turns: int = 1
    turns_left: float = 0.0
    cached_share: float = 1.0
    turn_tokens: int = 0
    pause_ms: int = 0
    left: tuple[tuple[str, str], ...] = ()
    complexity: float | None = None
    cache_is_used: bool = False


@dataclass(frozen=True, slots=True)
class RoutingState:
    """Everything that changes and that a decision looks at, at `now_ms` (wall). `providers` holds blocks of whole
    providers. `cursors` is the account each pool served last. `draw` is one random number 0..1 for the random
    strategy. `spent_day_pico` is today's spending. `crisis_steps` are what a crisis changes, empty while there is none.
    `override` is the one route, account, provider or model that a person forces for everything. `quality` is how
    answers were received. `off_peak`: own load is low and it is night or a weekend here. `explore_draw` is one random
    number 0..1: under the share that is explored, another route than the best may be tried. `token_factors` say how
    providers were found to count."""

    now_ms: int
    accounts: Mapping[tuple[str, str], AccountState] = field(default_factory=dict)
    routes: Mapping[Route, RouteState] = field(default_factory=dict)
    providers: Mapping[str, Block] = field(default_factory=dict)
    cursors: Mapping[str, str] = field(default_factory=dict)
    mode: str = "balanced"
    pin: Pin | None = None
    conversation: ConversationState | None = None
    spent_day_pico: int = 0
    draw: float = 0.0
    crisis_steps: tuple[CrisisStep, ...] = ()
    override: Selector | None = None
    quality: QualityRecords = field(default_factory=dict)
    off_peak: bool = False
    explore_draw: float = 1.0
    token_factors: TokenFactors = field(default_factory=dict)
