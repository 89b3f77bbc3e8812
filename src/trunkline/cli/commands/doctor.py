"""`trunkline doctor`: what was found, what is missing, what each would add."""

from __future__ import annotations

import os
import platform
import sqlite3
import time

import click

from trunkline import __version__
from trunkline.cli.local import looked_around, server_rows, servers_json, servers_of, window_words
from trunkline.cli.missing import missing_lines
from trunkline.cli.output import print_json, print_table
from trunkline.config.load import Loaded, MissingKey, load, missing_keys
from trunkline.config.places import find_places
from trunkline.domain.clock import SystemClock
from trunkline.domain.errors import StoreError
from trunkline.domain.found import ServerState
from trunkline.domain.ids import IdSource
from trunkline.store.store import Store


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor_command(ctx: click.Context, as_json: bool) -> None:
    """Check configuration, keys, store and local servers; nobody is asked for anything that costs."""
    loaded = looked_around(load(find_places(os.environ), os.environ), thoroughly=True)
    missing = missing_keys(loaded)
    store_problem = _store_problem(loaded)
    if as_json:
        print_json(_json(loaded, missing, store_problem))
    else:
        _print(loaded, missing, store_problem)
    ctx.exit(0 if store_problem is None else 2)


def _store_problem(loaded: Loaded) -> str | None:
    clock = SystemClock()
    try:
        Store.open(loaded.places.store_file, clock, IdSource(clock), process_name="doctor").close_now()
    except StoreError as error:
        return str(error)
    return None


def _usable(loaded: Loaded) -> list[tuple[str, str, str, int]]:
    return [
        (provider.id, account.id, str(account.key), len(provider.models))
        for provider in loaded.config.catalogue.providers
        for account in provider.accounts
        if account.enabled and account.has_key
    ]


def _unusable(loaded: Loaded) -> list[tuple[str, str]]:
    return [
        (f"{provider.id}/{account.id}", str(account.key) if account.enabled else "disabled")
        for provider in loaded.config.catalogue.providers
        for account in provider.accounts
        if not (account.enabled and account.has_key)
    ]


def _json(loaded: Loaded, missing: tuple[MissingKey, ...], store_problem: str | None) -> dict[str, object]:
    servers = servers_of(loaded)
    listening = {server.provider for server in servers if server.state is not ServerState.ABSENT}
    return {
        "version": __version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "files": [{"path": str(path), "exists": path.exists()} for path in loaded.sources],
        "store": {"path": str(loaded.places.store_file), "problem": store_problem},
        "accounts": [
            {"provider": provider, "account": account, "key": key, "models": models}
            for provider, account, key, models in _usable(loaded)
        ],
        "without_key": [{"account": account, "key": key} for account, key in _unusable(loaded)],
        "missing": [
            {
                "provider": one.provider,
                "variables": list(one.variables),
                "adds": list(one.adds),
                "local": one.local,
                "found": one.provider in listening if one.local else None,
            }
            for one in missing
        ],
        "local": servers_json(servers),
        "notes": list(loaded.notes),
    }


def _print(loaded: Loaded, missing: tuple[MissingKey, ...], store_problem: str | None) -> None:
    click.echo(
        f"trunkline {__version__} · Python {platform.python_version()} · SQLite {sqlite3.sqlite_version}"
    )
    for path in loaded.sources:
        click.echo(f"  {'reads' if path.exists() else 'would read'}  {path}")
    click.echo(f"  {'keeps' if store_problem is None else 'CANNOT USE'}  {loaded.places.store_file}")
    if store_problem is not None:
        click.echo(f"  {store_problem}")
    for note in loaded.notes:
        click.echo(f"  note: {note}")
    click.echo("")
    _print_accounts(loaded)
    click.echo("")
    _print_servers(loaded)
    if lines := missing_lines(missing, servers_of(loaded)):
        click.echo("not configured:")
    for line in lines:
        click.echo(line)


def _print_accounts(loaded: Loaded) -> None:
    usable = _usable(loaded)
    if usable:
        rows = [[f"{provider}/{account}", key, f"{models}"] for provider, account, key, models in usable]
        print_table(("account", "key", "models"), rows)
        local = {server.provider: server for server in servers_of(loaded)}
        for provider in dict.fromkeys(provider for provider, _, _, models in usable if not models):
            if provider in local:
                click.echo(f"  {provider}: no model yet; {local[provider].said}")
                continue
            click.echo(
                f'  {provider}: no model is named; add [providers.{provider}.models."NAME"] with its `context` to '
                f"{loaded.places.providers_file}"
            )
    else:
        click.echo("No account is configured.")
    for account, why in _unusable(loaded):
        click.echo(f"  {account}: no key at {why}" if why != "disabled" else f"  {account}: disabled")


def _print_servers(loaded: Loaded) -> None:
    """What listens on this machine, and the window of every model it serves."""
    servers = servers_of(loaded)
    there = server_rows(servers, time.time_ns() // 1_000_000)
    if not there:
        return
    print_table(("on this machine", "at", "", "seen"), there)
    models = [(server.provider, model) for server in servers if server.usable for model in server.models]
    if models:
        click.echo("")
        print_table(
            ("model", "window", "", "can"),
            [
                [
                    f"{provider}/{model.id}",
                    f"{model.window_tokens:,}",
                    window_words(model),
                    ", ".join(capability.value for capability in model.capabilities),
                ]
                for provider, model in models
            ],
        )
    click.echo("")
