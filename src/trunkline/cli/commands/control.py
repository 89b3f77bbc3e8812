"""Orders: `switch`, `reset`, `pause`, `resume`, `mode`. They are kept in the store and obeyed by every process."""

from __future__ import annotations

import click

from trunkline.cli.opening import idle_engine
from trunkline.cli.output import print_json, say
from trunkline.cli.request import require_known_name, require_known_route
from trunkline.engine.engine import Engine


@click.command("switch")
@click.argument("route")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def switch_command(route: str, as_json: bool) -> None:
    """Send everything down ROUTE: a provider, an account, a model or provider/account/model."""
    with idle_engine("switch") as engine:
        require_known_route(engine.generation.config.catalogue, route)
        engine.switch(route)
        _report(engine, as_json, f"everything goes to {route}; `trunkline reset` takes that back")


@click.command("reset")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def reset_command(as_json: bool) -> None:
    """Back to automatic: no pin, the configured mode, no pause, every breaker closed."""
    with idle_engine("reset") as engine:
        engine.reset()
        _report(engine, as_json, "automatic again")


@click.command("pause")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def pause_command(as_json: bool) -> None:
    """Start no request that is not critical, in any process."""
    with idle_engine("pause") as engine:
        engine.pause()
        _report(engine, as_json, "paused; `trunkline resume` goes on")


@click.command("resume")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def resume_command(as_json: bool) -> None:
    """Start requests again."""
    with idle_engine("resume") as engine:
        engine.resume()
        _report(engine, as_json, "requests start again")


@click.command("mode")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def mode_command(name: str | None, as_json: bool) -> None:
    """Show the mode in force and the others, or use another."""
    with idle_engine("mode") as engine:
        if name is not None:
            require_known_name("mode", name, engine.snapshot().modes)
            engine.set_mode(name)
        snapshot = engine.snapshot()
        if as_json:
            print_json({"mode": snapshot.mode, "modes": list(snapshot.modes)})
        else:
            for mode in snapshot.modes:
                click.echo(f"{'*' if mode == snapshot.mode else ' '} {mode}")


def _report(engine: Engine, as_json: bool, sentence: str) -> None:
    snapshot = engine.snapshot()
    if as_json:
        print_json({"mode": snapshot.mode, "pin": snapshot.pin, "paused": snapshot.paused})
    else:
        say(sentence)
