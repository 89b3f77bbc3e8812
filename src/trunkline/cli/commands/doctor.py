"""`trunkline doctor`: what was found, what is missing, what each would add."""

from __future__ import annotations

import asyncio
import os
import platform
import sqlite3

import click

from trunkline import __version__
from trunkline.cli.missing import missing_lines
from trunkline.cli.output import print_json, print_table
from trunkline.cli.ports import listening
from trunkline.config.load import Loaded, MissingKey, load, missing_keys
from trunkline.config.places import find_places
from trunkline.domain.clock import SystemClock
from trunkline.domain.errors import StoreError
from trunkline.domain.ids import IdSource
from trunkline.store.store import Store


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor_command(ctx: click.Context, as_json: bool) -> None:
    """Check configuration, keys, store and local servers; no call to a provider is made."""
    loaded = load(find_places(os.environ), os.environ)
    missing = missing_keys(loaded)
    local_found = asyncio.run(listening(missing))
    store_problem = _store_problem(loaded)
    if as_json:
        print_json(_json(loaded, missing, local_found, store_problem))
    else:
        _print(loaded, missing, local_found, store_problem)
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


def _json(
    loaded: Loaded, missing: tuple[MissingKey, ...], local_found: frozenset[str], store_problem: str | None
) -> dict[str, object]:
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
                "found": one.provider in local_found if one.local else None,
            }
            for one in missing
        ],
        "notes": list(loaded.notes),
    }


def _print(
    loaded: Loaded, missing: tuple[MissingKey, ...], local_found: frozenset[str], store_problem: str | None
) -> None:
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
    usable = _usable(loaded)
    if usable:
        rows = [[f"{provider}/{account}", key, f"{models}"] for provider, account, key, models in usable]
        print_table(("account", "key", "models"), rows)
        for provider in dict.fromkeys(provider for provider, _, _, models in usable if not models):
            click.echo(
                f'  {provider}: no model is named; add [providers.{provider}.models."NAME"] with its `context` to '
                f"{loaded.places.providers_file}"
            )
    else:
        click.echo("No account is configured.")
    for account, why in _unusable(loaded):
        click.echo(f"  {account}: no key at {why}" if why != "disabled" else f"  {account}: disabled")
    click.echo("")
    for line in missing_lines(missing, local_found):
        click.echo(line)
