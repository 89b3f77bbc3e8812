"""`trunkline monitor`: the control centre on what other processes do, without ordering anything."""

from __future__ import annotations

from dataclasses import replace

import click

from trunkline.cli.opening import settings_of
from trunkline.cli.output import print_json, say
from trunkline.cli.shapes import monitor_json
from trunkline.cli.state_text import print_accounts, print_head, print_log, print_running
from trunkline.cli.terminal import has_terminal
from trunkline.domain.snapshot import Snapshot
from trunkline.engine.settings import EngineSettings

_LINES = 20


@click.command("monitor")
@click.option("--once", is_flag=True, help="Print the state as it is now, and end.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --once.")
@click.pass_context
def monitor_command(ctx: click.Context, once: bool, as_json: bool) -> None:
    """Watch what other processes do: the control centre, read from the store. Nothing is called, nothing is changed,
    and it goes on when the process that works ends. q or ctrl-c leaves."""
    settings = settings_of("monitor")
    if once:
        _print(settings, as_json=as_json)
    elif as_json:
        raise click.UsageError("--json goes with --once.")
    elif has_terminal():
        ctx.exit(_watch(settings))
    else:
        say("The control centre needs a terminal. In a pipe: `trunkline monitor --once`, or with --json.")
        ctx.exit(2)


def _print(settings: EngineSettings, *, as_json: bool) -> None:
    from trunkline.engine.monitor import watch_once

    snapshot = watch_once(settings)
    if as_json:
        print_json(monitor_json(snapshot))
    else:
        _print_text(snapshot)


def _print_text(snapshot: Snapshot) -> None:
    print_head(snapshot)
    if snapshot.providers:
        print_accounts(snapshot)
    if snapshot.running:
        click.echo()
        print_running(snapshot.running, snapshot.at_ms)
    if snapshot.log:
        click.echo()
        print_log(snapshot.log[:_LINES])
    elif snapshot.store_error:
        say(f"nothing to watch: {snapshot.store_error}")
    else:
        say('nothing was asked yet; `trunkline ask "…"` asks something')


def _watch(settings: EngineSettings) -> int:
    """The deck on the store; gives the exit code. It changes no file, so it keeps nothing of its own either."""
    from trunkline.config.load import load
    from trunkline.engine.api import HostedEngine
    from trunkline.engine.logs import start_logging
    from trunkline.tui import DeckOptions, run_deck

    preferences = load(settings.places, settings.environ).config.preferences
    options = DeckOptions(
        theme=preferences.theme,
        themes_folder=settings.places.themes_dir,
        low_bandwidth=preferences.low_bandwidth,
        ascii=preferences.ascii,
        keymap=preferences.keymap,
        start_panel=1,
    )

    def make_engine() -> HostedEngine:
        from trunkline.engine.monitor import Monitor

        return Monitor(settings)

    log = start_logging(settings.places.log_dir, "monitor")
    try:
        return run_deck(make_engine, options=replace(options, log_file=log.path))
    finally:
        log.stop()
