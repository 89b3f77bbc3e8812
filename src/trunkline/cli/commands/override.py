"""`trunkline override`: in an emergency one route for everything, and off again."""

from __future__ import annotations

import click

from trunkline.cli.opening import idle_engine
from trunkline.cli.output import print_json, say
from trunkline.cli.request import require_known_route

_OFF = "off"


@click.command("override")
@click.argument("route")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def override_command(route: str, as_json: bool) -> None:
    """Emergency: send everything down ROUTE (a provider, an account, a model or provider/account/model), before pins,
    lists and crisis, whatever its breaker says; what is not critical waits. `off` undoes it: everything is as it was
    before, a pin and a pause too."""
    with idle_engine("override") as engine:
        if route == _OFF:
            engine.override(None)
            said = "no override: everything goes as it did before"
        else:
            require_known_route(engine.generation.config.catalogue, route)
            engine.override(route)
            said = (
                f"everything goes to {route}, what is not critical waits; `trunkline override off` undoes it"
            )
        snapshot = engine.snapshot()
        if as_json:
            print_json(
                {
                    "mode": snapshot.mode,
                    "override": snapshot.override,
                    "pin": snapshot.pin,
                    "paused": snapshot.paused,
                }
            )
        else:
            say(said)
