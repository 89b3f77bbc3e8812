"""`trunkline free`: what is blocked is available again, a person says."""

from __future__ import annotations

import click

from trunkline.cli.opening import idle_engine
from trunkline.cli.output import print_json, say


@click.command("free")
@click.argument("target", metavar="PROVIDER[/ACCOUNT[/MODEL]]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def free_command(target: str, as_json: bool) -> None:
    """Mark as available again what is blocked or counted as used up, in every process at once.

    For when a limit was raised, credit was bought, or a provider was wrong about its reset. If it is refused again, it
    is blocked again.
    """
    with idle_engine("free") as engine:
        before = engine.blocked
        engine.free(target)
        freed = sorted(before - engine.blocked)
    if as_json:
        print_json({"target": target, "freed": freed})
    elif freed:
        say(f"available again: {', '.join(freed)}")
    else:
        say(f"{target} was not blocked; what counted as used up there no longer does")
