"""The JSON that scripts rely on (DESIGN §6.2), built from domain values. Keys may be added, none renamed."""

from __future__ import annotations

from typing import Any

from trunkline.cli.check_shapes import balance_json, unit_of
from trunkline.cli.decision_shapes import decision_json, rejection_json, task_json
from trunkline.cli.output import iso
from trunkline.domain.checks import AccountReport
from trunkline.domain.decisions import NoRoute
from trunkline.domain.limits import LimitUse, Metric
from trunkline.domain.money import MoneySum, usd
from trunkline.domain.receipts import Receipt
from trunkline.domain.snapshot import (
    AccountView,
    Counts,
    GatewayView,
    Latency,
    LogEntry,
    ProviderView,
    RunningCall,
    Snapshot,
)
from trunkline.domain.state import Block
from trunkline.engine.api import Answer
from trunkline.routing import short_reason

Json = dict[str, Any]


def money(total: MoneySum) -> float | None:
    """A sum in USD; null when nothing in it is known."""
    return None if total.unknown and not total.pico else usd(total.pico)


def receipt_json(receipt: Receipt) -> Json:
    """`receipt` of `ask --json`."""
    usage = receipt.usage
    return {
        "request_id": receipt.request_id,
        "route": receipt.route.id if receipt.route else None,
        "reason": receipt.decision.reason if receipt.decision else None,
        "why": short_reason(receipt.decision) if receipt.decision else None,
        "outcome": receipt.outcome,
        "upgrade": None
        if receipt.upgrade is None
        else {
            "from": receipt.upgrade.from_tier,
            "to": receipt.upgrade.to_tier,
            "because": receipt.upgrade.because,
            "after_attempt": receipt.upgrade.after_attempt,
        },
        "verdicts": list(receipt.verdicts),
        "finish": receipt.finish,
        "attempts": [
            {
                "route": attempt.route.id,
                "outcome": attempt.outcome,
                "ms": round(attempt.ended_ms - attempt.started_ms, 2),
                "fault": attempt.fault.kind if attempt.fault else None,
                "code": attempt.fault.code if attempt.fault else None,
                "message": attempt.fault.message if attempt.fault else None,
                "failover_ms": None if attempt.failover_ms is None else round(attempt.failover_ms, 2),
                "cost_usd": usd(attempt.cost_pico),
            }
            for attempt in receipt.attempts
        ],
        "tokens": {
            "input": usage.input_tokens,
            "output": usage.output_tokens,
            "cached": usage.cached_tokens,
            "reasoning": usage.reasoning_tokens,
            "estimated": usage.estimated,
        },
        "cost_usd": usd(receipt.cost_pico),
        "waste_usd": usd(receipt.waste_pico),
        "ms": round(receipt.total_ms, 2),
        "first_token_ms": None if receipt.first_token_ms is None else round(receipt.first_token_ms, 2),
        "seams": list(receipt.seams),
        "restarts": receipt.restarts,
        "warnings": list(receipt.warnings),
        "task": task_json(receipt.task),
        "fault": None
        if receipt.fault is None
        else {
            "kind": receipt.fault.kind,
            "code": receipt.fault.code,
            "message": receipt.fault.message,
            "provider_text": receipt.fault.provider_text,
            "usable_at": iso(receipt.fault.usable_at_ms),
        },
    }


def answer_json(answer: Answer, no_route: NoRoute | None, now_ms: int) -> Json:
    """The whole of `ask --json`. `no_route` is why nobody could serve, where that was so: `decision` is null then."""
    decision = answer.receipt.decision if no_route is None else None
    rejected = no_route.rejected if no_route is not None else ()
    return {
        "text": answer.text,
        "complete": answer.receipt.complete,
        "receipt": receipt_json(answer.receipt),
        "decision": decision_json(decision) if decision is not None else None,
        "rejected": [rejection_json(rejection, now_ms) for rejection in rejected],
        "earliest_reset": iso(no_route.earliest_reset_at_ms) if no_route is not None else None,
    }


def limit_json(limit: LimitUse) -> Json:
    """One limit of `status --json`; `unit` says what `used` and `amount` are in (see `unit_of`)."""
    in_money = limit.metric is Metric.COST
    return {
        "metric": limit.metric,
        "window": str(limit.window),
        "scope": limit.scope,
        "model": limit.model,
        "used": usd(limit.used) if in_money else limit.used,
        "amount": usd(limit.amount) if in_money else limit.amount,
        "unit": unit_of(limit.metric),
        "resets_at": iso(limit.resets_at_ms),
        "source": limit.source,
        "as_of": iso(limit.as_of_ms),
        "confidence": limit.confidence,
        "flaw": limit.flaw or None,
        "forecast": forecast_json(limit),
    }


def forecast_json(limit: LimitUse) -> Json | None:
    """How a limit will fare, null where too little is known; `lasts_until` is null where it renews before it is used
    up. Money in USD."""
    expected = limit.forecast
    if expected is None:
        return None
    in_money = limit.metric is Metric.COST
    return {
        "burn_per_hour": usd(round(expected.burn_per_hour)) if in_money else expected.burn_per_hour,
        "lasts_until": iso(expected.lasts_until_ms),
        "confidence": expected.confidence,
    }


def _balance_forecast_json(report: AccountReport | None) -> Json | None:
    """How a balance will fare, in its own currency; null where too little is known."""
    expected = None if report is None else report.balance_forecast
    if expected is None:
        return None
    return {
        "burn_per_hour": expected.burn_per_hour / 1_000_000,
        "lasts_until": iso(expected.lasts_until_ms),
        "confidence": expected.confidence,
    }


def _traffic_json(counts: Counts, latency: Latency, budget_pico: int | None) -> Json:
    return {
        "requests": {"total": counts.total, "success": counts.success, "failed": counts.failed},
        "tokens": {"input": counts.input_tokens, "output": counts.output_tokens},
        "cost_usd": {"spent": money(counts.cost), "budget": usd(budget_pico)},
        "latency_ms": {
            "avg": latency.avg_ms,
            "p50": latency.p50_ms,
            "p95": latency.p95_ms,
            "p99": latency.p99_ms,
        },
        "errors": dict(counts.errors),
    }


def block_json(block: Block) -> Json:
    """Why something is not called: what is blocked, what the provider said, and what the scope rests on."""
    return {
        "target": block.target,
        "scope": block.scope,
        "kind": block.kind,
        "code": block.code,
        "message": block.message,
        "since": iso(block.since_ms),
        "until": iso(block.until_ms),
        "on_trial": block.half_open,
        "provider_text": block.provider_text,
        "evidence": block.evidence,
        "confidence": block.confidence,
        "flaw": block.flaw or None,
    }


def quota_json(snapshot: Snapshot) -> list[Json]:
    """The whole of `quota --json`: every limit with its account, and why that is not called."""
    return [
        {
            "account": f"{provider.id}/{account.id}",
            **limit_json(limit),
            "block": None if (block := _block_of(account, limit)) is None else block_json(block),
        }
        for provider in snapshot.providers
        for account in provider.accounts
        for limit in account.limits
    ]


def _block_of(account: AccountView, limit: LimitUse) -> Block | None:
    """What refuses calls that count against a limit: the account's block, or that of the model whose limit it is."""
    return account.block or next((one for one in account.model_blocks if one.model == limit.model), None)


def account_json(account: AccountView) -> Json:
    """One account of `status --json`."""
    block = account.block
    return {
        "id": account.id,
        "status": account.status,
        "health": account.health,
        "billing": account.billing,
        "enabled": account.enabled,
        "key": account.key_ref,
        "has_key": account.has_key,
        "limits": [limit_json(limit) for limit in account.limits],
        "block": None if block is None else block_json(block),
        "model_blocks": [block_json(one) for one in account.model_blocks],
        "gone": list(account.gone),
        "shares_with": [
            {"account": one.account, "confidence": one.confidence, "evidence": one.evidence}
            for one in account.shares_with
        ],
        "balance": balance_json(account.report.balance if account.report is not None else None),
        "balance_forecast": _balance_forecast_json(account.report),
        "reported_at": iso(account.reported_at_ms),
        **_traffic_json(account.counts, account.latency, None),
    }


def provider_json(provider: ProviderView) -> Json:
    """One provider of `status --json`."""
    return {
        "id": provider.id,
        "status": provider.status,
        "health": provider.health,
        "billing": provider.billing,
        "accounts": [account_json(account) for account in provider.accounts],
        **_traffic_json(provider.counts, provider.latency, None),
    }


def snapshot_json(snapshot: Snapshot) -> Json:
    """The whole of `status --json`."""
    totals = snapshot.totals
    return {
        "mode": snapshot.mode,
        "current_route": snapshot.current_route,
        "crisis": snapshot.crisis is not None,
        "override": snapshot.override,
        "pin": snapshot.pin,
        "paused": snapshot.paused,
        "since": iso(snapshot.since_ms),
        "config_error": snapshot.config_error,
        "totals": {
            "answered": totals.answered,
            "failed": totals.failed,
            "rerouted": totals.rerouted,
            "cost_usd": {"spent": money(totals.cost), "budget": usd(totals.budget_day_pico)},
        },
        "providers": [provider_json(provider) for provider in snapshot.providers],
    }


def log_entry_json(entry: LogEntry) -> Json:
    """One line of `log --json`."""
    return {
        "request_id": entry.request_id,
        "at": iso(entry.at_ms),
        "origin": entry.origin,
        "task": entry.task_type,
        "routes": list(entry.routes),
        "outcome": entry.outcome,
        "complete": entry.complete,
        "reason": entry.reason,
        "ms": round(entry.total_ms, 2),
        "first_token_ms": entry.first_token_ms,
        "tokens": {"input": entry.input_tokens, "output": entry.output_tokens},
        "cost_usd": usd(entry.cost_pico),
        "faults": list(entry.faults),
        "failover_ms": entry.failover_ms,
    }


def running_json(call: RunningCall) -> Json:
    """One upstream call under way."""
    return {
        "request_id": call.request_id,
        "attempt": call.attempt,
        "route": call.route,
        "process": call.process,
        "origin": call.origin,
        "since": iso(call.since_ms),
    }


def gateway_json(gateway: GatewayView) -> Json:
    """A gateway that listens on this machine."""
    return {
        "base_url": gateway.base_url,
        "pid": gateway.pid,
        "since": iso(gateway.since_ms),
        "in_flight": gateway.at_work,
        "answered": gateway.answered,
        "failed": gateway.failed,
    }


def monitor_json(snapshot: Snapshot) -> Json:
    """The whole of `monitor --once --json`: `status --json`, and what is under way and was done."""
    totals, status = snapshot.totals, snapshot_json(snapshot)
    return status | {
        "at": iso(snapshot.at_ms),
        "pin_until": iso(snapshot.pin_expires_at_ms),
        "store_error": snapshot.store_error,
        "totals": status["totals"]
        | {
            "cancelled": totals.cancelled,
            "attempts": totals.attempts,
            "wasted_attempts": totals.wasted_attempts,
            "in_flight": totals.in_flight,
            "waiting": totals.waiting,
        },
        "running": [running_json(call) for call in snapshot.running],
        "gateways": [gateway_json(one) for one in snapshot.gateways],
        "log": [log_entry_json(entry) for entry in snapshot.log],
    }
