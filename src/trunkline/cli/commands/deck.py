"""`trunkline` without a command: the control centre, or what would make it useful."""

from __future__ import annotations

import os
from dataclasses import replace

from trunkline.cli.first_run import gather, is_first_start
from trunkline.cli.local import looked_around, said, servers_of
from trunkline.cli.missing import missing_lines
from trunkline.cli.opening import settings_of
from trunkline.cli.output import say
from trunkline.cli.terminal import has_terminal
from trunkline.config.desk import ConfigDesk
from trunkline.config.load import Loaded, load, missing_keys
from trunkline.domain.found import ServerState
from trunkline.engine.api import HostedEngine
from trunkline.engine.settings import EngineSettings
from trunkline.tui import DeckOptions, run_deck
from trunkline.tui.screens.first_run import Choice, FirstRunFacts, run_first_run


def open_deck() -> int:
    """Open the control centre on the user's own configuration; gives the exit code. Raises ConfigError."""
    settings = replace(settings_of("deck"), long_lived=True)
    loaded = load(settings.places, settings.environ)
    in_terminal = has_terminal()
    first = in_terminal and is_first_start(settings.places)
    if first or not _usable(loaded):
        loaded = looked_around(loaded, thoroughly=False)
    usable = _usable(loaded)
    if in_terminal:
        return _run(settings, loaded) if usable and not first else _first_run(settings, loaded)
    if usable:
        say("The control centre needs a terminal. In a pipe: `trunkline ask`, `status --json`, `log --json`.")
    else:
        _print_welcome(loaded)
    return 2


def deck_options(loaded: Loaded) -> DeckOptions:
    """What the user's preferences say about the deck, and where it keeps things."""
    preferences = loaded.config.preferences
    return DeckOptions(
        theme=preferences.theme,
        themes_folder=loaded.places.themes_dir,
        low_bandwidth=preferences.low_bandwidth,
        ascii=preferences.ascii,
        keymap=preferences.keymap,
        desk=ConfigDesk(loaded.places, os.environ),
        memory_file=loaded.places.deck_file,
    )


def gathered_again(settings: EngineSettings) -> FirstRunFacts:
    """The facts as they are now, whoever was known before. Blocks for a second or two. Raises ConfigError."""
    return gather(looked_around(load(settings.places, settings.environ), thoroughly=True))


def _first_run(settings: EngineSettings, loaded: Loaded) -> int:
    outcome = run_first_run(
        gather(loaded), options=deck_options(loaded), look_again=lambda: gathered_again(settings)
    )
    if outcome.choice is Choice.OPEN:
        return _run(settings, load(settings.places, settings.environ))
    if outcome.choice is Choice.DEMO:
        from trunkline.cli.commands.demo import open_demo

        return open_demo()
    return outcome.exit_code


def _usable(loaded: Loaded) -> bool:
    """Whether anybody could be asked."""
    return any(
        account.enabled and account.has_key and provider.models
        for provider in loaded.config.catalogue.providers
        for account in provider.accounts
    )


def _run(settings: EngineSettings, loaded: Loaded) -> int:
    def make_engine() -> HostedEngine:
        from trunkline.engine.engine import Engine
        from trunkline.engine.host import EngineHost

        return EngineHost(lambda: Engine.open(settings))

    from trunkline.cli.gateway_child import GatewayChild
    from trunkline.engine.logs import start_logging

    log = start_logging(settings.places.log_dir, "deck")
    try:
        options = replace(deck_options(loaded), log_file=log.path, gateway=GatewayChild(os.environ))
        return run_deck(make_engine, options=options)
    finally:
        log.stop()


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
