"""`trunkline status` and `quota`: what there is and what is left of it."""

from __future__ import annotations

import click

from trunkline.cli.opening import idle_engine
from trunkline.cli.output import print_json, say
from trunkline.cli.quota_text import print_limits, print_notes
from trunkline.cli.shapes import quota_json, snapshot_json
from trunkline.cli.state_text import print_accounts, print_head

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
@click.option(
    "-v", "--verbose", is_flag=True, help="Also what providers said, and what a conclusion rests on."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def quota_command(as_json: bool, verbose: bool) -> None:
    """What is left of every limit, whose figure it is, and when it renews."""
    with idle_engine("quota") as engine:
        engine.look_ahead_now()
        snapshot = engine.snapshot()
    if as_json:
        print_json(quota_json(snapshot))
        return
    print_limits(snapshot)
    print_notes(snapshot, verbose=verbose)
