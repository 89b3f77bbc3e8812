"""`trunkline status` and `quota`: what there is and what is left of it."""

from __future__ import annotations

import click

from trunkline.cli.opening import idle_engine
from trunkline.cli.output import dollars, local_time, print_json, print_table, say, span
from trunkline.cli.shapes import limit_json, snapshot_json
from trunkline.domain.limits import LimitUse, Metric
from trunkline.domain.snapshot import AccountView, Snapshot, Status

_SHAPES = {
    Status.HEALTHY: "●",
    Status.WARNING: "◐",
    Status.CRITICAL: "◔",
    Status.EXHAUSTED: "○",
    Status.DOWN: "✕",
}
NOTHING_CONFIGURED = "Nobody can be asked yet; `trunkline list` says what would change that."


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status_command(as_json: bool) -> None:
    """Every provider and account: state, tightest limit, money, latency."""
    with idle_engine("status") as engine:
        snapshot = engine.snapshot()
    if as_json:
        print_json(snapshot_json(snapshot))
        return
    _print_head(snapshot)
    if not snapshot.providers:
        say(NOTHING_CONFIGURED)
        return
    print_table(
        ("", "account", "health", "tightest limit", "resets", "requests", "p50", "cost today"),
        [
            _account_row(f"{provider.id}/{account.id}", account)
            for provider in snapshot.providers
            for account in provider.accounts
        ],
    )


@click.command("quota")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def quota_command(as_json: bool) -> None:
    """What is left of every limit, whose figure it is, and when it renews."""
    with idle_engine("quota") as engine:
        snapshot = engine.snapshot()
    pairs = [
        (f"{provider.id}/{account.id}", limit)
        for provider in snapshot.providers
        for account in provider.accounts
        for limit in account.limits
    ]
    if as_json:
        print_json([{"account": account, **limit_json(limit)} for account, limit in pairs])
    elif not pairs:
        say("no limit is known yet; limits are learned from replies, or set in providers.toml")
    else:
        print_table(
            ("account", "limit", "left", "of", "resets", "figure"),
            [
                [
                    account,
                    f"{limit.metric.value} / {limit.window}" + (f" · {limit.model}" if limit.model else ""),
                    _amount(limit, limit.left),
                    _amount(limit, limit.amount),
                    local_time(limit.resets_at_ms),
                    limit.source.value + (f", {local_time(limit.as_of_ms)}" if limit.as_of_ms else ""),
                ]
                for account, limit in pairs
            ],
        )


def _print_head(snapshot: Snapshot) -> None:
    totals = snapshot.totals
    pinned = f"pinned to {snapshot.pin}" if snapshot.pin else "automatic"
    paused = " · paused" if snapshot.paused else ""
    budget = f" of {dollars(totals.budget_day_pico)}" if totals.budget_day_pico is not None else ""
    click.echo(
        f"{snapshot.mode} · {pinned}{paused} · today {dollars(totals.cost.pico, unknown=totals.cost.unknown)}{budget}"
        f" · {totals.answered} answered · {totals.failed} failed · {totals.rerouted} rerouted"
    )


def _account_row(name: str, account: AccountView) -> list[str]:
    tightest = min(account.limits, key=lambda limit: (limit.amount <= 0, limit.share_left), default=None)
    held = account.block is not None and account.status in (Status.EXHAUSTED, Status.DOWN)
    if not account.enabled:
        limit_text, resets = "switched off", "–"
    elif not account.has_key:
        limit_text, resets = f"no key at {account.key_ref}", "–"
    elif held and account.block is not None:
        limit_text, resets = account.block.message, local_time(account.block.until_ms)
    elif tightest is not None:
        limit_text = f"{tightest.share_left:.0%} of {tightest.metric.value} / {tightest.window}"
        resets = local_time(tightest.resets_at_ms)
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


def _amount(limit: LimitUse, amount: int) -> str:
    return dollars(amount) if limit.metric is Metric.COST else f"{amount:,}"
