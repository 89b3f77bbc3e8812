"""`trunkline` without a command: the control centre, or what would make it useful."""

from __future__ import annotations

import click

from trunkline.cli.local import looked_around, said, servers_of
from trunkline.cli.missing import missing_lines
from trunkline.cli.opening import settings_of
from trunkline.cli.output import say
from trunkline.cli.terminal import has_terminal
from trunkline.config.load import Loaded, load, missing_keys
from trunkline.domain.found import ServerState
from trunkline.engine.api import HostedEngine
from trunkline.engine.settings import EngineSettings


def open_deck() -> int:
    """Open the control centre on the user's own configuration; gives the exit code. Raises ConfigError."""
    settings = settings_of("deck")
    loaded = load(settings.places, settings.environ)
    if not _usable(loaded):
        loaded = looked_around(loaded, thoroughly=False)
    usable = _usable(loaded)
    in_terminal = has_terminal()
    if usable and in_terminal:
        return _run(settings, loaded)
    if usable:
        say("The control centre needs a terminal. In a pipe: `trunkline ask`, `status --json`, `log --json`.")
        return 2
    _print_welcome(loaded)
    if not in_terminal:
        return 2
    if not click.confirm("Open the demo now, on simulated providers?", default=True, err=True):
        return 0
    from trunkline.cli.commands.demo import open_demo

    return open_demo()


def _usable(loaded: Loaded) -> bool:
    """Whether anybody could be asked."""
    return any(
        account.enabled and account.has_key and provider.models
        for provider in loaded.config.catalogue.providers
        for account in provider.accounts
    )


def _run(settings: EngineSettings, loaded: Loaded) -> int:
    from trunkline.tui import DeckOptions, run_deck

    def make_engine() -> HostedEngine:
        from trunkline.engine.engine import Engine
        from trunkline.engine.host import EngineHost

        return EngineHost(lambda: Engine.open(settings))

    from trunkline.engine.logs import start_logging

    stop_logging = start_logging(settings.places.log_dir, "deck")
    try:
        options = DeckOptions(
            theme=loaded.config.preferences.theme,
            themes_folder=settings.places.config_dir / "themes",
        )
        return run_deck(make_engine, options=options)
    finally:
        stop_logging()


def _print_welcome(loaded: Loaded) -> None:
    servers = servers_of(loaded)
    say("No account is configured yet. Any of these would do; set one and start again:")
    for line in missing_lines(missing_keys(loaded), servers):
        say(line)
    for server in servers:
        if server.state is not ServerState.ABSENT:
            say(f"  {server.provider}: {said(server)} ({server.base_url})")
    say(f"Another OpenAI-compatible endpoint goes into {loaded.places.providers_file}; README shows how.")
    say("`trunkline demo` opens the control centre on simulated providers.")
