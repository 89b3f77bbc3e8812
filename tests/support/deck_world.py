"""Snapshots, receipts and events for the deck's tests, benchmark and fixtures. Invented, not measured."""

from __future__ import annotations

from tests.support.clock import START_MS

from trunkline.domain.crisis import Crisis, CrisisMove, CrisisStep, CrisisSummary, MoveKind
from trunkline.domain.decisions import Decision, Ranked, Reason, Terms
from trunkline.domain.events import (
    Answered,
    AttemptStarted,
    Body,
    Decided,
    Event,
    Queued,
    RerouteCause,
    Rerouted,
    TextDelta,
    UsageSeen,
)
from trunkline.domain.faults import Fault, FaultKind, FaultScope
from trunkline.domain.limits import FigureSource, LimitScope, LimitUse, Metric, Window
from trunkline.domain.money import PICO_PER_USD, MoneySum, Usage
from trunkline.domain.receipts import Attempt, AttemptOutcome, FinishReason, Outcome, Receipt
from trunkline.domain.routes import Billing, Route
from trunkline.domain.snapshot import (
    AccountView,
    Counts,
    Latency,
    LogEntry,
    ProviderView,
    Snapshot,
    Status,
    Totals,
)
from trunkline.domain.state import Block
from trunkline.domain.tasks import Origin, OriginKind, Priority, Task, Tier

GOOGLE_1 = Route("google", "google-1", "gemini-3.8-flash")
GOOGLE_2 = Route("google", "google-2", "gemini-3.8-flash")
ZAI = Route("zai", "main", "glm-5.3-flash")
HOUR_MS = 3_600_000
TASK = Task("coding", 0.9, 0.4, Tier.T2, 1204, 380, Priority.HIGH, interactive=True)
LIMIT_FAULT = Fault(FaultKind.QUOTA_WINDOW, FaultScope.ACCOUNT, "quota_exceeded", "daily quota used up")


def decision(route: Route = GOOGLE_2, reason: Reason = Reason.COST) -> Decision:
    """A decision for `route`."""
    return Decision(route, reason, None, 0.2, (Ranked(route, 0.8, Terms(cost=1.0), 2_300_000_000),), ())


def limit(
    metric: Metric = Metric.REQUESTS,
    amount: int = 20,
    used: int = 0,
    window: str = "day",
    resets_in_ms: int | None = 4 * HOUR_MS,
    source: FigureSource = FigureSource.REPORTED,
    model: str | None = None,
) -> LimitUse:
    """A limit as it stands at START_MS."""
    resets_at_ms = None if resets_in_ms is None else START_MS + resets_in_ms
    key = f"{metric}-{window}-{model}"
    return LimitUse(
        key,
        metric,
        Window.parse(window),
        LimitScope.ACCOUNT,
        model,
        amount,
        used,
        resets_at_ms,
        source,
        START_MS - 240_000,
    )


def account(
    provider: str,
    account_id: str,
    *limits: LimitUse,
    status: Status = Status.HEALTHY,
    health: int = 97,
    block: Block | None = None,
    p50_ms: float | None = 612.0,
    cost_pico: int = 18 * PICO_PER_USD // 100,
    billing: Billing = Billing.RATE_LIMIT,
    has_key: bool = True,
    enabled: bool = True,
) -> AccountView:
    """An account as panels show it."""
    return AccountView(
        provider,
        account_id,
        status,
        health,
        billing,
        enabled,
        has_key,
        f"env:{provider.upper()}_API_KEY",
        tuple(limits),
        block,
        Counts(41, 40, 1, 48_000, 12_300, MoneySum(cost_pico)),
        Latency(p50_ms, p50_ms, None, None, None),
    )


def provider(
    provider_id: str, *accounts: AccountView, status: Status = Status.HEALTHY, health: int = 92
) -> ProviderView:
    """A provider with its accounts."""
    cost = MoneySum.of(a.counts.cost.pico for a in accounts)
    return ProviderView(
        provider_id,
        status,
        health,
        accounts[0].billing,
        accounts,
        Counts(100, 98, 2, 90_000, 30_000, cost),
        Latency(610.0, 610.0, None, None, None),
    )


def entry(
    request_id: str, *routes: Route, ago_s: int = 0, origin: str = "agent-7", **changes: object
) -> LogEntry:
    """A line of the log."""
    values: dict[str, object] = {
        "request_id": request_id,
        "at_ms": START_MS - ago_s * 1000,
        "origin": origin,
        "task_type": "coding",
        "routes": tuple(route.id for route in routes),
        "outcome": Outcome.ANSWERED,
        "reason": "cost",
        "total_ms": 812.0,
        "first_token_ms": 210.0,
        "input_tokens": 800,
        "output_tokens": 120,
        "cost_pico": 200_000_000,
    }
    return LogEntry(**(values | changes))  # type: ignore[arg-type]


def snapshot(**changes: object) -> Snapshot:
    """A small world: a pool of three, a subscription, one provider blocked, one local."""
    blocked = Block(
        "kimi/main",
        FaultScope.ACCOUNT,
        FaultKind.QUOTA_WINDOW,
        "quota_exceeded",
        "limit hit",
        START_MS,
        START_MS + 28 * 60_000,
    )
    providers = (
        provider(
            "google",
            account("google", "google-1", limit(amount=20, used=18), status=Status.WARNING, health=34),
            account("google", "google-2", limit(amount=20, used=1)),
            account("google", "google-3", limit(amount=20, used=20), status=Status.EXHAUSTED, health=0),
        ),
        provider(
            "anthropic",
            account(
                "anthropic",
                "main",
                limit(Metric.TOTAL_TOKENS, 1_000_000, 380_000, "session:5h", 2 * HOUR_MS),
                health=71,
                p50_ms=1_130.0,
            ),
        ),
        provider(
            "kimi",
            account(
                "kimi",
                "main",
                limit(amount=500, used=250),
                status=Status.DOWN,
                health=0,
                block=blocked,
                p50_ms=None,
            ),
            status=Status.DOWN,
            health=0,
        ),
        provider(
            "zai",
            account(
                "zai",
                "main",
                limit(
                    Metric.COST, 5 * PICO_PER_USD, 2 * PICO_PER_USD, "balance", None, FigureSource.CONFIGURED
                ),
                billing=Billing.CREDITS,
            ),
        ),
        provider("ollama", account("ollama", "local", billing=Billing.LOCAL, cost_pico=0, p50_ms=2_310.0)),
    )
    values: dict[str, object] = {
        "at_ms": START_MS,
        "since_ms": START_MS - 6 * HOUR_MS,
        "generation": "g1",
        "mode": "balanced",
        "modes": ("balanced", "cost_first", "quality_first", "free_only"),
        "pin": None,
        "paused": False,
        "crisis": None,
        "current_route": GOOGLE_2.id,
        "providers": providers,
        "routes": tuple(
            f"{p.id}/{a.id}/{model}"
            for p, model in zip(
                providers,
                ("gemini-3.8-flash", "claude-5", "kimi-k3", "glm-5.3-flash", "qwen4:8b"),
                strict=True,
            )
            for a in p.accounts
        ),
        "totals": Totals(412, 0, 1, 3, 420, 4, 1, 2, MoneySum(1_840_000_000_000), 5 * PICO_PER_USD),
        "log": (
            entry("L3", ZAI, ago_s=2, origin="chat", total_ms=2_210.0),
            entry(
                "L2", GOOGLE_1, GOOGLE_2, ago_s=20, faults=("quota_window",), reason="limit", failover_ms=6.0
            ),
            entry(
                "L1",
                GOOGLE_1,
                ago_s=41,
                origin="job-nightly",
                outcome=Outcome.FAILED,
                reason="network",
                faults=("network",),
                complete=False,
            ),
        ),
    }
    return Snapshot(**(values | changes))  # type: ignore[arg-type]


def receipt(request_id: str = "R1", *, route: Route = GOOGLE_2, **changes: object) -> Receipt:
    """A whole answer's receipt."""
    values: dict[str, object] = {
        "request_id": request_id,
        "origin": Origin(OriginKind.CHAT),
        "outcome": Outcome.ANSWERED,
        "task": TASK,
        "decision": decision(route),
        "route": route,
        "attempts": (Attempt(1, route, AttemptOutcome.OK, 0.0, 412.0, 180.0, usage=Usage(1204, 380)),),
        "started_at_ms": START_MS,
        "total_ms": 412.0,
        "first_token_ms": 180.0,
        "usage": Usage(1204, 380),
        "cost_pico": 2_300_000_000,
        "finish": FinishReason.STOP,
        "complete": True,
    }
    return Receipt(**(values | changes))  # type: ignore[arg-type]


def story(request_id: str = "R1") -> tuple[Event, ...]:
    """A request that is refused once, goes elsewhere and is answered."""
    refused = Attempt(
        1,
        GOOGLE_1,
        AttemptOutcome.REFUSED,
        0.4,
        31.0,
        fault=LIMIT_FAULT,
        usage=Usage(1204, 0, estimated=True),
    )
    served = Attempt(
        2, GOOGLE_2, AttemptOutcome.OK, 35.2, 412.0, 180.0, failover_ms=4.2, usage=Usage(1204, 380)
    )
    bodies: tuple[Body, ...] = (
        Queued("high"),
        Decided(TASK, decision(GOOGLE_1)),
        AttemptStarted(1, GOOGLE_1),
        LIMIT_FAULT,
        Rerouted(GOOGLE_1, GOOGLE_2, RerouteCause.REFUSED, LIMIT_FAULT, 4.2),
        AttemptStarted(2, GOOGLE_2),
        TextDelta("A linear-time merge "),
        TextDelta("walks both lists once."),
        UsageSeen(Usage(1204, 380)),
        Answered(receipt(request_id, attempts=(refused, served))),
    )
    return tuple(Event(request_id, n, START_MS + 40 * n, body) for n, body in enumerate(bodies))


def crisis() -> CrisisSummary:
    """Two of six providers are lost; one request was moved and one parked."""
    moves = (
        CrisisMove(
            "R7", START_MS, MoveKind.MOVED, "kimi/main/kimi-k3", "local/main/qwen3-8b", "agent-7", "simple"
        ),
        CrisisMove("R8", START_MS, MoveKind.PARKED, "kimi/main/kimi-k3", None, "docs", "documentation"),
    )
    under_way = Crisis("C1", START_MS - 90_000, ("kimi", "zai"), 6, tuple(CrisisStep), START_MS + 600_000)
    return CrisisSummary(under_way, answered=12, moved=1, parked=1, moves=moves)
