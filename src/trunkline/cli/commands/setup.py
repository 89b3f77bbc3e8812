"""`trunkline setup`: what was found on this machine, what it gives, what is missing; and the mode to begin with."""

from __future__ import annotations

import click

from trunkline.cli.commands.deck import deck_options, gathered_again
from trunkline.cli.first_run import facts_json, facts_lines, gather
from trunkline.cli.local import looked_around
from trunkline.cli.opening import settings_of
from trunkline.cli.output import print_json, say
from trunkline.cli.terminal import has_terminal
from trunkline.config.load import load
from trunkline.tui.screens.first_run import Choice, run_first_run


@click.command("setup")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def setup_command(ctx: click.Context, as_json: bool) -> None:
    """What was found here, what it gives and what is missing; in a terminal, choose the mode to begin with."""
    settings = settings_of("setup")
    loaded = looked_around(load(settings.places, settings.environ), thoroughly=True)
    facts = gather(loaded)
    if as_json:
        print_json(facts_json(facts))
        return
    if not has_terminal():
        click.echo("\n".join(facts_lines(facts)))
        return
    options = deck_options(loaded)
    outcome = run_first_run(facts, options=options, look_again=lambda: gathered_again(settings))
    if outcome.choice is Choice.DEMO:
        from trunkline.cli.commands.demo import open_demo

        ctx.exit(open_demo())
    if outcome.mode is not None:
        say(f"mode: {outcome.mode}, kept in {facts.preferences_file}; `trunkline` opens the control centre")
    ctx.exit(outcome.exit_code)
