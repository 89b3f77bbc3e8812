"""The whole engine at one moment, immutable, for panels and `status`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from trunkline.domain.checks import AccountReport
from trunkline.domain.crisis import CrisisSummary
from trunkline.domain.limits import LimitUse
from trunkline.domain.money import MoneySum
from trunkline.domain.queue import QueueItem
from trunkline.domain.receipts import Outcome
from trunkline.domain.routes import Billing
from trunkline.domain.state import Block


class Status(StrEnum):
    """Of a provider, an account or a route."""

    HEALTHY = "healthy"
    WARNING = "warning"
    CRITICAL = "critical"
    EXHAUSTED = "exhausted"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Counts:
    """What went through, since `since_ms` of the snapshot. `errors` counts faults by kind."""

    total: int = 0
    success: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: MoneySum = field(default_factory=MoneySum)
    errors: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds to the whole reply over recent attempts; None until there is one."""

    avg_ms: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    first_token_p50_ms: float | None = None


@dataclass(frozen=True, slots=True)
class SharedAllowance:
    """A suspicion that `account` (its id, at the same provider) draws on the same allowance; `evidence` says why."""

    account: str
    confidence: float
    evidence: str


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account as panels show it. `gone` are models that its provider serves to it no longer. `set_aside`: a person
    took it out for now, by key; the configuration has it enabled. `report` is what its account endpoint told last, of
    `reported_at_ms`. `shares_with` are accounts that seem to draw on the same allowance, each with how sure that is
    (0..1). `model_blocks` are the blocks of single models beside `block`, those of `gone` ones left out. `concurrency`
    is how many calls at once it has been found to take, None where no end of it was met."""

    provider: str
    id: str
    status: Status
    health: int
    billing: Billing
    enabled: bool
    has_key: bool
    key_ref: str
    limits: tuple[LimitUse, ...] = ()
    block: Block | None = None
    counts: Counts = field(default_factory=Counts)
    latency: Latency = field(default_factory=Latency)
    in_flight: int = 0
    gone: tuple[str, ...] = ()
    set_aside: bool = False
    report: AccountReport | None = None
    reported_at_ms: int | None = None
    shares_with: tuple[SharedAllowance, ...] = ()
    concurrency: int | None = None
    model_blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class ProviderView:
    """A provider as panels show it."""

    id: str
    status: Status
    health: int
    billing: Billing
    accounts: tuple[AccountView, ...]
    counts: Counts = field(default_factory=Counts)
    latency: Latency = field(default_factory=Latency)
    block: Block | None = None


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of the routing log: a request that is over. `routes` are the routes called, in order."""

    request_id: str
    at_ms: int
    origin: str
    task_type: str
    routes: tuple[str, ...]
    outcome: Outcome
    reason: str
    total_ms: float
    first_token_ms: float | None
    input_tokens: int | None
    output_tokens: int | None
    cost_pico: int | None
    faults: tuple[str, ...] = ()
    failover_ms: float | None = None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Totals:
    """Today's sums over all requests, and what is under way."""

    answered: int = 0
    failed: int = 0
    cancelled: int = 0
    rerouted: int = 0
    attempts: int = 0
    wasted_attempts: int = 0
    in_flight: int = 0
    waiting: int = 0
    cost: MoneySum = field(default_factory=MoneySum)
    budget_day_pico: int | None = None


@dataclass(frozen=True, slots=True)
class RunningCall:
    """An upstream call under way in any process of this machine; `attempt` counts from 1. `origin` is who asked, None
    where nobody told; `process` is a name, which several processes may have at once, `process_id` is its alone."""

    request_id: str
    attempt: int
    route: str
    process: str
    since_ms: int
    origin: str | None = None
    process_id: str = ""


@dataclass(frozen=True, slots=True)
class GatewayView:
    """A gateway that listens on this machine, since its process began. `at_work` requests are under way in it;
    `answered` and `failed` have gone through it."""

    process_id: str
    pid: int
    since_ms: int
    base_url: str
    needs_token: bool = True
    at_work: int = 0
    answered: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything panels show. `log` is newest first. `pin` is the selector of a pin over everything, in force until
    `pin_expires_at_ms` (None: until taken back). `store_error` says why what happens cannot be kept, while it cannot.
    `theme` and `keymap` (binding id to keys) are the preferences in force. `read_only`: nothing can be ordered.
    `queue` is what waits, of every process, in the order in which it will go. `crisis` is the one under way, with what
    it did so far; `last_crisis` the one before, for the summary after it. `override` is the route forced for
    everything. `gateways` are those of every process, the oldest first."""

    at_ms: int
    since_ms: int
    generation: str
    mode: str
    modes: tuple[str, ...]
    pin: str | None
    paused: bool
    crisis: CrisisSummary | None
    current_route: str | None
    providers: tuple[ProviderView, ...]
    routes: tuple[str, ...]
    totals: Totals
    log: tuple[LogEntry, ...] = ()
    config_error: str | None = None
    pin_expires_at_ms: int | None = None
    running: tuple[RunningCall, ...] = ()
    task_types: tuple[str, ...] = ()
    store_error: str | None = None
    theme: str | None = None
    keymap: tuple[tuple[str, str], ...] = ()
    read_only: bool = False
    queue: tuple[QueueItem, ...] = ()
    last_crisis: CrisisSummary | None = None
    override: str | None = None
    gateways: tuple[GatewayView, ...] = ()
