"""The state of things as text on stdout: head line, accounts, what is under way, the routing log."""

from __future__ import annotations

from collections.abc import Sequence

import click

from trunkline.cli.output import balance_text, dollars, local_time, print_table, span
from trunkline.domain.limits import LimitUse, Metric
from trunkline.domain.snapshot import AccountView, LogEntry, RunningCall, Snapshot, Status
from trunkline.domain.wording import plan_window, reason

_SHAPES = {
    Status.HEALTHY: "●",
    Status.WARNING: "◐",
    Status.CRITICAL: "◔",
    Status.EXHAUSTED: "○",
    Status.DOWN: "✕",
}
# The time in milliseconds and two random characters of a ULID.
_SHORT_ID = 12


def print_head(snapshot: Snapshot) -> None:
    """Mode, pin, money and what went through today, in one line."""
    totals = snapshot.totals
    budget = f" of {dollars(totals.budget_day_pico)}" if totals.budget_day_pico is not None else ""
    spent = dollars(totals.cost.pico, unknown=totals.cost.unknown)
    click.echo(
        f"{snapshot.mode} · {_standing(snapshot)} · today {spent}{budget}"
        f" · {totals.answered} answered · {totals.failed} failed · {totals.rerouted} rerouted"
    )


def _standing(snapshot: Snapshot) -> str:
    """What is ordered, and whether there is a crisis."""
    said = [f"pinned to {snapshot.pin}" if snapshot.pin else "automatic"]
    if snapshot.override:
        said.append(f"OVERRIDE: everything goes to {snapshot.override}")
    if snapshot.paused:
        said.append("paused")
    if snapshot.crisis is not None:
        said.append(f"CRISIS: {', '.join(snapshot.crisis.crisis.lost)} lost")
    return " · ".join(said)


def print_accounts(snapshot: Snapshot) -> None:
    """Every account: state, tightest limit, money, latency."""
    print_table(
        ("", "account", "health", "tightest limit", "resets", "requests", "p50", "cost today"),
        [
            _account_row(f"{provider.id}/{account.id}", account)
            for provider in snapshot.providers
            for account in provider.accounts
        ],
    )


def print_running(calls: Sequence[RunningCall], now_ms: int) -> None:
    """The calls under way on this machine."""
    print_table(
        ("request", "origin", "under way", "route", "attempt", "process"),
        [
            [
                call.request_id[:_SHORT_ID],
                call.origin or "",
                span(float(max(0, now_ms - call.since_ms))),
                call.route,
                f"{call.attempt}",
                call.process,
            ]
            for call in calls
        ],
    )


def print_log(entries: Sequence[LogEntry]) -> None:
    """Lines of the routing log."""
    print_table(
        ("request", "time", "origin", "task", "route", "outcome", "took", "cost", "why"),
        [_log_row(entry) for entry in entries],
    )


def _account_row(name: str, account: AccountView) -> list[str]:
    tightest = min(account.limits, key=lambda limit: (limit.amount <= 0, limit.share_left), default=None)
    held = account.block is not None and account.status in (Status.EXHAUSTED, Status.DOWN)
    if not account.enabled:
        limit_text, resets = "switched off", "–"
    elif not account.has_key:
        limit_text, resets = f"no key at {account.key_ref}", "–"
    elif held and account.block is not None:
        limit_text, resets = reason(account.block), local_time(account.block.until_ms)
    elif tightest is not None:
        limit_text = f"{tightest.share_left:.0%} of {_of_what(tightest)}"
        resets = local_time(tightest.resets_at_ms)
    elif account.report is not None and account.report.balance is not None:
        limit_text = (
            f"{balance_text(account.report.balance)} left, as told {local_time(account.reported_at_ms)}"
        )
        resets = "–"
    else:
        limit_text, resets = "no limit known", "–"
    return [
        _SHAPES[account.status],
        name,
        f"{account.health}",
        limit_text,
        resets,
        f"{account.counts.success}/{account.counts.total}",
        span(account.latency.p50_ms),
        dollars(account.counts.cost.pico, unknown=account.counts.cost.unknown),
    ]


def _of_what(limit: LimitUse) -> str:
    if limit.metric is Metric.SHARE:
        return f"the {plan_window(limit.window)}"
    return f"{limit.metric.value} / {limit.window}"


def _log_row(entry: LogEntry) -> list[str]:
    outcome = entry.outcome.value if entry.complete or entry.outcome.value != "answered" else "cut"
    return [
        entry.request_id[:_SHORT_ID],
        local_time(entry.at_ms),
        entry.origin,
        entry.task_type,
        " → ".join(entry.routes) or "–",
        outcome,
        span(entry.total_ms),
        dollars(entry.cost_pico),
        ", ".join((entry.reason, *entry.faults)),
    ]
