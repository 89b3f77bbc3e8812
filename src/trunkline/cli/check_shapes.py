"""The JSON of `trunkline check`. Keys may be added, none renamed."""

from __future__ import annotations

from typing import Any

from trunkline.cli.output import iso
from trunkline.domain.checks import AllowanceShare, Balance, CheckResult, ListedModel
from trunkline.domain.faults import Fault
from trunkline.domain.limits import LimitReading, Metric
from trunkline.domain.money import usd
from trunkline.domain.snapshot import AccountView

Json = dict[str, Any]


def check_json(result: CheckResult, told: AccountView | None) -> Json:
    """What the free calls to one account gave; `told` is what it told last, now or before, with `reported_at`."""
    report = result.report
    last = told.report if told is not None else None
    balance = report.balance if report is not None and report.balance is not None else None
    balance = balance or (last.balance if last is not None else None)
    return {
        "provider": result.provider,
        "account": result.account or None,
        "answers": result.fault is None,
        "checked_at": iso(result.checked_at_ms),
        "took_ms": round(result.took_ms, 1),
        "fault": None if result.fault is None else _fault(result.fault),
        "models": None if result.models is None else [_model(model) for model in result.models],
        "missing": list(result.missing),
        "balance": balance_json(balance),
        "reported_at": None if told is None else iso(told.reported_at_ms),
        "limits": [_reading(reading) for reading in result.readings],
        "shares": [] if report is None else [_share(share) for share in report.shares],
        "notes": [] if report is None else list(report.notes),
        "hint": result.hint or None,
    }


def _fault(fault: Fault) -> Json:
    return {
        "kind": fault.kind.value,
        "scope": fault.scope.value,
        "code": fault.code,
        "message": fault.message,
        "said": fault.provider_text or None,
        "status": fault.http_status,
        "usable_at": iso(fault.usable_at_ms),
    }


def _model(model: ListedModel) -> Json:
    return {
        "id": model.id,
        "context": model.context_tokens,
        "loaded_context": model.loaded_context_tokens,
        "max_output": model.max_output_tokens,
        "ends_on": model.ends_on,
    }


def balance_json(balance: Balance | None) -> Json | None:
    """Money left, in its own currency."""
    return (
        None if balance is None else {"amount": balance.millionths / 1_000_000, "currency": balance.currency}
    )


_UNITS = {
    Metric.REQUESTS: "requests",
    Metric.COST: "usd",
    Metric.CONCURRENCY: "calls",
    Metric.SHARE: "share",
}


def unit_of(metric: Metric) -> str:
    """What a limit's amounts are in: `requests`, `tokens`, `usd`, `calls`, or `share`: millionths of a plan's whole
    allowance, of which the provider tells nothing else."""
    return _UNITS.get(metric, "tokens")


def _reading(reading: LimitReading) -> Json:
    def amount(value: int | None) -> float | int | None:
        return usd(value) if reading.metric is Metric.COST else value

    return {
        "metric": reading.metric.value,
        "window": str(reading.window),
        "scope": reading.scope.value,
        "model": reading.model,
        "amount": amount(reading.amount),
        "remaining": amount(reading.remaining),
        "unit": unit_of(reading.metric),
        "resets_at": iso(reading.resets_at_ms),
    }


def _share(share: AllowanceShare) -> Json:
    return {
        "name": share.name,
        "window": None if share.window is None else str(share.window),
        "used_percent": share.used_percent,
        "resets_at": iso(share.resets_at_ms),
    }
