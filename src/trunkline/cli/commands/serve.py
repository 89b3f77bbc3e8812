"""`trunkline serve`: the local gateway, headless, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from dataclasses import replace

import click

from trunkline.cli.opening import settings_of
from trunkline.cli.output import print_json, say
from trunkline.cli.pasting import say_pasting
from trunkline.cli.serving import Served, served
from trunkline.cli.terminal import STDIN_CLOSED, cleaning_up_on_signals, ending_signal, tell_when_stdin_closes
from trunkline.engine.collector import settle_collector
from trunkline.engine.logs import start_logging
from trunkline.engine.settings import EngineSettings

_DRAIN_S = 30.0


@click.command("serve")
@click.option(
    "--host", help="Address to listen on; another than loopback wants gateway.allow_remote and a token."
)
@click.option("--port", type=click.IntRange(0, 65_535), help="Port; 0 takes any that is free.")
@click.option(
    "--demo", is_flag=True, help="On simulated providers: nothing to configure, nothing leaves this machine."
)
@click.option("--json", "as_json", is_flag=True, help="Print where it listens and what to paste as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="Only the address, and the token where one was made.")
@click.option("--demo-at", type=int, hidden=True)
@click.option("--until-stdin-closes", is_flag=True, hidden=True)
@click.pass_context
def serve_command(
    ctx: click.Context,
    host: str | None,
    port: int | None,
    demo: bool,
    as_json: bool,
    quiet: bool,
    demo_at: int | None,
    until_stdin_closes: bool,
) -> None:
    """The local gateway: point an OpenAI, Anthropic or Gemini client at it and get routing, pools, failover and
    accounting.

    What an agent has to be told is printed. Its requests are in the log, the deck and the receipts like all others.
    Ctrl-C lets those at work finish (a second one does not) and stops.
    """
    with _settings(demo=demo, demo_at=demo_at) as settings:
        log = start_logging(settings.places.log_dir, "serve")
        try:
            number = asyncio.run(
                _serve(settings, host, port, as_json=as_json, quiet=quiet, by_stdin=until_stdin_closes)
            )
        finally:
            log.stop()
    ctx.exit(0 if number in (signal.SIGINT, STDIN_CLOSED) else 128 + number)


@contextlib.contextmanager
def _settings(*, demo: bool, demo_at: int | None) -> Iterator[EngineSettings]:
    """`demo_at` is the port at which another process has simulated providers, with its home as ours."""
    if not demo:
        settings = replace(settings_of("serve"), long_lived=True)
        yield settings if demo_at is None else _beside(settings, demo_at)
        return
    from trunkline.cli.demo_world import DemoWorld

    with cleaning_up_on_signals():
        world = DemoWorld.start(seed=7, speed=1.0)
        try:
            yield replace(world.settings(), process_name="serve", long_lived=True)
        finally:
            world.close()


def _beside(settings: EngineSettings, port: int) -> EngineSettings:
    from trunkline.cli.demo_world import demo_catalogue

    catalogue, environ = demo_catalogue(port)
    return replace(settings, environ=environ, base_providers_text=catalogue, load_vocabulary=None)


async def _serve(
    settings: EngineSettings,
    host: str | None,
    port: int | None,
    *,
    as_json: bool,
    quiet: bool,
    by_stdin: bool,
) -> int:
    """Run until a signal comes, or with `by_stdin` whoever holds the other end of stdin lets go of it; gives the
    signal's number, or `STDIN_CLOSED`."""
    loop = asyncio.get_running_loop()
    signalled = ending_signal(loop)
    if by_stdin:
        tell_when_stdin_closes(loop, signalled)
    async with served(settings, host, port) as running:
        _tell(running, as_json=as_json, quiet=quiet)
        settle_collector()
        number = await signalled
        again = ending_signal(loop)
        gateway = running.running.gateway
        if gateway.doors.inside and not quiet:
            say(f"{gateway.doors.inside} at work may finish; Ctrl-C again stops them")
        stopping = loop.create_task(gateway.stop(_DRAIN_S))
        await asyncio.wait((stopping, again), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
    return number


def _tell(running: Served, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        print_json(running.json())
    elif quiet:
        click.echo(running.base_url)
        if running.running.first_token is not None:
            click.echo(running.running.first_token)  # it is shown now or never
    else:
        click.echo(running.head)
        say_pasting(running.pasting)
