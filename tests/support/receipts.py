"""A receipt with everything that can be on one: refusals, a failover, a stop at an allowance. Invented."""

from __future__ import annotations

from dataclasses import replace

from tests.support import deck_world as world
from tests.support.clock import START_MS

from trunkline.domain.decisions import Decision, Ranked, Reason, Rejection, RejectionCode, Terms
from trunkline.domain.faults import Fault, FaultKind, FaultScope
from trunkline.domain.money import Usage
from trunkline.domain.receipts import Attempt, AttemptOutcome, QuotaSpent, Receipt
from trunkline.domain.routes import Route

CLAUDE = Route("anthropic", "main", "claude-sonnet-5")
KIMI = Route("kimi", "main", "kimi-k3")
LOCAL = Route("ollama", "local", "qwen4:8b")
MINUTE_MS = 60_000

QUOTA_FAULT = Fault(
    FaultKind.QUOTA_WINDOW,
    FaultScope.ACCOUNT,
    "quota_exceeded",
    "daily quota used up",
    "You exceeded your current quota, please check your plan and billing details.",
    429,
    START_MS + 4 * world.HOUR_MS,
)


def ranking() -> tuple[Ranked, ...]:
    """Five routes, the best first."""
    return (
        Ranked(world.GOOGLE_2, 0.812, Terms(1.0, 0.95, 0.98, 1.0, 0.72, 0.81, 0.97), 2_300_000_000),
        Ranked(world.ZAI, 0.744, Terms(0.8, 0.6, 0.9, 0.9, 0.68, 0.55, 1.0), 2_900_000_000),
        Ranked(CLAUDE, 0.701, Terms(0.6, 0.62, 0.97, 0.31, 0.95, 0.44, 0.71), 14_100_000_000),
        Ranked(KIMI, 0.512, Terms(0.4, 0.5, 1.0, 0.7, 0.7, 0.0, 0.2), None),
        Ranked(LOCAL, 0.407, Terms(0.2, 1.0, 0.3, 1.0, 0.31, 0.12, 1.0), 0),
    )


def rejections() -> tuple[Rejection, ...]:
    """One of several kinds."""
    limit_facts = (
        ("metric", "requests"),
        ("window", "day"),
        ("amount", 20),
        ("left", 0),
        ("needed", 1),
    )
    return (
        Rejection("groq/*", RejectionCode.NO_KEY),
        Rejection("mistral/*", RejectionCode.NO_KEY),
        Rejection("google/google-3/*", RejectionCode.LIMIT, limit_facts, START_MS + 4 * world.HOUR_MS, 2),
        Rejection(
            "openrouter/main/deepseek/deepseek-r2",
            RejectionCode.BREAKER_OPEN,
            (("kind", "network"), ("code", "connect_failed"), ("message", "could not connect")),
            START_MS + 5_000,
        ),
        Rejection("minimax/*/m3-mini", RejectionCode.CAPABILITY, (("missing", "tools, images"),)),
        Rejection(
            "*", RejectionCode.PINNED_ELSEWHERE, (("only", "google"), ("by", "the conversation")), None, 7
        ),
    )


def full_decision() -> Decision:
    """A decision with a ranking, refusals and a rule."""
    facts = (
        ("task_type", "coding"),
        ("tier", "t2"),
        ("mode", "cost_first"),
        ("pool", "least_used"),
        ("moved_from", CLAUDE.id),
        ("moved_because", "small"),
    )
    return Decision(world.GOOGLE_2, Reason.COST, "prefer_free", 0.068, ranking(), rejections(), False, facts)


def full_receipt(**changes: object) -> Receipt:
    """Refused at one account, cut at the second, answered by the third."""
    attempts = (
        Attempt(
            1,
            world.GOOGLE_1,
            AttemptOutcome.REFUSED,
            2.0,
            131.0,
            fault=QUOTA_FAULT,
            usage=Usage(1204, 0, estimated=True),
            cost_pico=0,
        ),
        Attempt(2, LOCAL, AttemptOutcome.SHORT, 133.0, 133.0),
        Attempt(
            3,
            world.ZAI,
            AttemptOutcome.CUT,
            135.2,
            1_412.0,
            480.0,
            failover_ms=4.2,
            fault=Fault(FaultKind.NETWORK, FaultScope.REQUEST, "stream_cut", "the stream was cut"),
            usage=Usage(1204, 120, estimated=True),
            cost_pico=None,
        ),
        Attempt(
            4,
            world.GOOGLE_2,
            AttemptOutcome.OK,
            1_416.0,
            2_630.0,
            1_790.0,
            failover_ms=3.9,
            usage=Usage(1304, 380, 800, None, 120),
            cost_pico=2_300_000_000,
        ),
    )
    values: dict[str, object] = {
        "decision": full_decision(),
        "attempts": attempts,
        "total_ms": 2_634.0,
        "first_token_ms": 480.0,
        "usage": Usage(1304, 380, 800, None, 120),
        "waste_pico": 1_100_000_000,
        "waste_unknown": 1,
        "alternative_cost_pico": 14_100_000_000,
        "seams": (312,),
        "quota": (
            QuotaSpent("google/google-2", "requests", "day", 1, 18),
            QuotaSpent("google/google-2", "input_tokens", "60s", 1304, 248_696),
        ),
        "conversation_id": "01KBCONVERSATION",
        "turn_id": "01KBTURN",
        "served_model": "gemini-3.8-flash-002",
        "warnings": ("the answer begins in another language",),
    }
    return replace(world.receipt("01KBREQUEST"), **(values | changes))  # type: ignore[arg-type]
