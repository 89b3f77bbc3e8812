"""`trunkline demo`: the control centre, or a summary, on simulated providers and agents."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from trunkline.cli.demo_world import DEMO_SECONDS, DemoWorld
from trunkline.cli.output import dollars, print_json, print_table, say
from trunkline.cli.summary import DemoSummary
from trunkline.engine.api import HostedEngine


@click.command("demo")
@click.option("--headless", is_flag=True, help="No screen: run, then print a summary.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=1, max=3600),
    default=DEMO_SECONDS,
    show_default=True,
    help="With --headless: the whole story in so many seconds.",
)
@click.option("--seed", type=int, default=7, show_default=True, help="Of every random draw.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.pass_context
def demo_command(ctx: click.Context, headless: bool, seconds: float, seed: int, as_json: bool) -> None:
    """The control centre on simulated providers and agents; nothing to configure, nothing leaves this machine."""
    if not headless:
        ctx.exit(open_demo(seed=seed))
    with _temporary_home() as home:
        world = DemoWorld.start(home, seed=seed, speed=DEMO_SECONDS / seconds)
        try:
            summary = asyncio.run(_run_headless(world, seconds, seed))
        finally:
            world.stop()
    if as_json:
        print_json(summary.json())
    else:
        _print(summary)


def open_demo(*, seed: int = 7) -> int:
    """Open the deck on the demo's world; gives the exit code."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        say("The demo's control centre needs a terminal; `trunkline demo --headless --json` needs none.")
        return 2
    with _temporary_home() as home:
        # The simulator takes its time to start: it does so in its own process while the deck is imported.
        world = DemoWorld.start(home, seed=seed, speed=1.0)
        try:
            from trunkline.tui import DeckOptions, run_deck

            def make_engine() -> HostedEngine:
                from trunkline.cli.demo_agents import start_agents
                from trunkline.engine.engine import Engine
                from trunkline.engine.host import EngineHost

                settings = world.settings()
                host = EngineHost(lambda: Engine.open(settings))
                host.run_beside(lambda engine: start_agents(engine, seed=seed))
                return host

            return run_deck(make_engine, options=DeckOptions())
        finally:
            world.stop()


async def _run_headless(world: DemoWorld, seconds: float, seed: int) -> DemoSummary:
    from trunkline.cli.demo_agents import run_agents
    from trunkline.engine.engine import Engine

    settings = await asyncio.to_thread(world.settings)
    async with Engine.open(settings) as engine:
        engine.load_transport()
        receipts = await run_agents(engine, seed=seed, seconds=seconds, speed=DEMO_SECONDS / seconds)
    return DemoSummary.of(seconds, receipts)


@contextlib.contextmanager
def _temporary_home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="trunkline-demo-"))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _print(summary: DemoSummary) -> None:
    click.echo(
        f"{summary.requests} requests in {summary.seconds:.0f} s: {summary.answered} answered, {summary.failed} failed,"
        f" {summary.rerouted} rerouted; {summary.attempts} calls, {summary.wasted_attempts} of them in vain;"
        f" {dollars(summary.cost.pico, unknown=summary.cost.unknown)}"
    )
    p50, p99 = summary.failover_quantiles()
    if p50 is not None and p99 is not None:
        click.echo(f"from a refusal to the next request: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    rows = [
        [name, f"{share.requests}", f"{share.answered}", f"{share.failed}", dollars(share.cost.pico)]
        for name, share in sorted(summary.by_provider.items())
    ]
    print_table(("provider", "calls", "answered", "failed", "cost"), rows)
