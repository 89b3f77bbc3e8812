"""`trunkline status` and `quota`: what there is and what is left of it."""

from __future__ import annotations

import click

from trunkline.cli.opening import idle_engine
from trunkline.cli.output import dollars, local_time, print_json, print_table, say
from trunkline.cli.shapes import limit_json, snapshot_json
from trunkline.cli.state_text import print_accounts, print_head
from trunkline.domain.limits import LimitUse, Metric

NOTHING_CONFIGURED = "Nobody can be asked yet; `trunkline list` says what would change that."


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status_command(as_json: bool) -> None:
    """Every provider and account: state, tightest limit, money, latency."""
    with idle_engine("status") as engine:
        engine.look_ahead_now()
        snapshot = engine.snapshot()
    if as_json:
        print_json(snapshot_json(snapshot))
        return
    print_head(snapshot)
    if snapshot.providers:
        print_accounts(snapshot)
    else:
        say(NOTHING_CONFIGURED)


@click.command("quota")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def quota_command(as_json: bool) -> None:
    """What is left of every limit, whose figure it is, and when it renews."""
    with idle_engine("quota") as engine:
        engine.look_ahead_now()
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
            ("account", "limit", "left", "of", "resets", "lasts until", "figure"),
            [
                [
                    account,
                    f"{limit.metric.value} / {limit.window}" + (f" · {limit.model}" if limit.model else ""),
                    _amount(limit, limit.left),
                    _amount(limit, limit.amount),
                    local_time(limit.resets_at_ms),
                    _lasts_until(limit),
                    limit.source.value + (f", {local_time(limit.as_of_ms)}" if limit.as_of_ms else ""),
                ]
                for account, limit in pairs
            ],
        )


def _lasts_until(limit: LimitUse) -> str:
    """When it will be used up at the present rate; "reset" where it renews first."""
    expected = limit.forecast
    if expected is None:
        return "–"
    if expected.lasts_until_ms is not None:
        return local_time(expected.lasts_until_ms)
    return "its reset" if limit.resets_at_ms is not None else "–"


def _amount(limit: LimitUse, amount: int) -> str:
    return dollars(amount) if limit.metric is Metric.COST else f"{amount:,}"
