"""`trunkline demo`: the control centre, or a summary, on simulated providers and agents."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator

import click

from trunkline.cli.demo_world import DEMO_SECONDS, DemoDesk, DemoWorld
from trunkline.cli.output import dollars, print_json, print_table, say
from trunkline.cli.summary import DemoSummary
from trunkline.cli.terminal import cleaning_up_on_signals, ending_signal, has_terminal
from trunkline.config.places import HOME_VARIABLE
from trunkline.domain.receipts import Receipt
from trunkline.engine.api import HostedEngine
from trunkline.engine.logs import start_logging

_PROGRESS_EVERY_S = 0.5


@click.command("demo")
@click.option("--headless", is_flag=True, help="No screen: run, then print a summary.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=1, max=3600),
    help=f"With --headless: the whole story in so many seconds ({DEMO_SECONDS:.0f} unless given).",
)
@click.option("--seed", type=int, default=7, show_default=True, help="Of every random draw.")
@click.option("--json", "as_json", is_flag=True, help="With --headless: print the summary as JSON.")
@click.pass_context
def demo_command(ctx: click.Context, headless: bool, seconds: float | None, seed: int, as_json: bool) -> None:
    """The control centre on simulated providers and agents; nothing to configure, nothing leaves this machine."""
    if not headless:
        if as_json or seconds is not None:
            raise click.UsageError("--seconds and --json go with --headless")
        ctx.exit(open_demo(seed=seed))
    seconds = seconds or DEMO_SECONDS
    with _world(seed=seed, speed=DEMO_SECONDS / seconds) as world:
        summary, signalled = asyncio.run(_run_headless(world, seconds, seed))
    if as_json:
        print_json(summary.json())
    else:
        _print(summary)
    if signalled is not None:
        say("stopped early; requests under way are not counted")
        ctx.exit(128 + signalled)


def open_demo(*, seed: int = 7) -> int:
    """Open the deck on the demo's world; gives the exit code."""
    if not has_terminal():
        say("The demo's control centre needs a terminal; `trunkline demo --headless --json` needs none.")
        return 2
    # The simulator takes its time to start: it does so in its own process while the deck is imported.
    with _world(seed=seed, speed=1.0) as world:
        from trunkline.cli.gateway_child import GatewayChild
        from trunkline.tui import DeckOptions, run_deck

        def make_engine() -> HostedEngine:
            from trunkline.cli.demo_agents import DemoHost

            return DemoHost(world, seed=seed)

        environ = {**os.environ, HOME_VARIABLE: str(world.home)}
        gateway = GatewayChild(environ, lambda: ("--port", "0", "--demo-at", str(world.world.port())))
        return run_deck(make_engine, options=DeckOptions(desk=DemoDesk(world), gateway=gateway))


@contextlib.contextmanager
def _world(*, seed: int, speed: float) -> Iterator[DemoWorld]:
    """The demo's surroundings; nothing of them is left afterwards, whatever happened."""
    with cleaning_up_on_signals():
        world = DemoWorld.start(seed=seed, speed=speed)
        log = start_logging(world.home / "logs", "demo")
        try:
            yield world
        finally:
            log.stop()
            world.close()


async def _run_headless(world: DemoWorld, seconds: float, seed: int) -> tuple[DemoSummary, int | None]:
    """The summary, and the signal that ended the run early if one did."""
    loop = asyncio.get_running_loop()
    signalled = ending_signal(loop)
    began_s = loop.time()
    finished: list[Receipt] = []
    work = loop.create_task(_work(world, finished, seconds, seed))
    progress = loop.create_task(_show_progress(finished, seconds))
    await asyncio.wait((work, signalled), return_when=asyncio.FIRST_COMPLETED)
    progress.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await progress
    if work.done():
        await work
        return DemoSummary.of(seconds, finished), None
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work
    return DemoSummary.of(round(loop.time() - began_s, 1), finished), signalled.result()


async def _work(world: DemoWorld, finished: list[Receipt], seconds: float, seed: int) -> None:
    from trunkline.cli.demo_agents import run_agents
    from trunkline.engine.engine import Engine

    settings = await asyncio.to_thread(world.settings)
    async with Engine.open(settings) as engine:
        engine.load_transport()
        await run_agents(engine, finished, seed=seed, seconds=seconds, speed=DEMO_SECONDS / seconds)


async def _show_progress(finished: list[Receipt], seconds: float) -> None:
    """One line on stderr, rewritten while it is a terminal."""
    if not sys.stderr.isatty():
        return
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    try:
        while True:
            so_far = DemoSummary.of(seconds, finished)
            line = (
                f"{loop.time() - began_s:.0f} of {seconds:.0f} s · {so_far.answered} answered"
                f" · {so_far.failed} failed · {so_far.rerouted} rerouted"
            )
            click.echo(f"\r{line}\x1b[K", err=True, nl=False)
            await asyncio.sleep(_PROGRESS_EVERY_S)
    finally:
        click.echo("\r\x1b[K", err=True, nl=False)


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
        [
            name,
            f"{share.requests}",
            f"{share.answered}",
            f"{share.failed}",
            dollars(share.cost.pico, unknown=share.cost.unknown),
        ]
        for name, share in sorted(summary.by_provider.items())
    ]
    print_table(("provider", "calls", "answered", "failed", "cost"), rows)
