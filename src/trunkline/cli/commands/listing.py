"""`trunkline list`: what can be asked, what was found on this machine, and what is missing."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

import click

from trunkline.cli.gone import gone_routes
from trunkline.cli.local import looked_around, server_rows, servers_json, servers_of, window_words
from trunkline.cli.missing import missing_lines
from trunkline.cli.output import local_time, print_json, print_table, say
from trunkline.config.load import Loaded, load, missing_keys
from trunkline.config.places import find_places
from trunkline.domain.found import FoundModel
from trunkline.domain.routes import AccountSpec, ModelSpec

NOTHING = "Nobody can be asked yet. Set one of these variables, or start a server on this machine:"


@dataclass(frozen=True, slots=True)
class _Row:
    """A route, why it cannot be asked (None where it can), and the model as its local server lists it."""

    account: AccountSpec
    model: ModelSpec
    why_not: str | None
    found: FoundModel | None

    @property
    def route(self) -> str:
        return f"{self.account.provider}/{self.account.id}/{self.model.id}"


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(as_json: bool) -> None:
    """Providers, accounts and models that can be asked, and what is missing."""
    loaded = looked_around(load(find_places(os.environ), os.environ), thoroughly=False)
    rows = _rows(loaded)
    if as_json:
        print_json(_json(loaded, rows))
    else:
        _print(loaded, rows)


def _rows(loaded: Loaded) -> list[_Row]:
    today = dt.datetime.now(dt.UTC).date().isoformat()
    found = {
        (server.provider, model.id): model
        for server in servers_of(loaded)
        if server.usable
        for model in server.models
    }
    gone = gone_routes(loaded)
    return [
        _Row(account, model, why_not(account, model, today, gone), found.get((provider.id, model.id)))
        for provider in loaded.config.catalogue.providers
        for account in provider.accounts
        for model in provider.models
    ]


def why_not(account: AccountSpec, model: ModelSpec, today: str, gone: Mapping[str, int]) -> str | None:
    """Why that route cannot be asked at all, whatever its quota; None where it can. Dates are ISO. `gone` are the
    routes whose provider serves their model no more, and since when that is known."""
    if not account.enabled:
        return "switched off"
    if not account.has_key:
        return "no key"
    if model.retired_on is not None and model.retired_on <= today:
        return f"retired on {model.retired_on}"
    since_ms = gone.get(f"{account.provider}/{account.id}/{model.id}")
    if since_ms is not None:
        instead = f"; {model.successor} takes its place" if model.successor is not None else ""
        return f"not served to this account any more, since {local_time(since_ms)}{instead}"
    return None


def _json(loaded: Loaded, rows: list[_Row]) -> dict[str, object]:
    return {
        "routes": [
            {
                "route": row.route,
                "usable": row.why_not is None,
                "why_not": row.why_not,
                "embeds": row.model.embeds,
                "key": str(row.account.key),
                "context": row.model.context_tokens,
                "window_source": row.found.window_source.value if row.found is not None else None,
                "retired_on": row.model.retired_on,
            }
            for row in rows
        ],
        "local": servers_json(servers_of(loaded)),
        "missing": [
            {
                "provider": one.provider,
                "variables": list(one.variables),
                "adds": list(one.adds),
                "local": one.local,
            }
            for one in missing_keys(loaded)
        ],
    }


def _print(loaded: Loaded, rows: list[_Row]) -> None:
    missing, servers = missing_keys(loaded), servers_of(loaded)
    if rows:
        print_table(
            ("route", "window", "key", ""),
            [
                [row.route, f"{row.model.context_tokens:,}", str(row.account.key), _remark(row)]
                for row in rows
            ],
        )
    there = server_rows(servers, time.time_ns() // 1_000_000)
    if there:
        if rows:
            click.echo("")
        print_table(("on this machine", "at", "", "seen"), there)
    lines = missing_lines(missing, servers)
    if not lines:
        return
    if rows or there:
        click.echo("")
    say("not configured:" if rows else NOTHING)
    for line in lines:
        say(line)


def _remark(row: _Row) -> str:
    if row.why_not is not None:
        return row.why_not
    if row.model.embeds:
        return "vectors, no answers"
    if row.found is None:
        return ""
    if row.model.context_tokens != row.found.window_tokens:
        return f"window as you wrote it; {row.found.window_tokens:,} {window_words(row.found)}"
    return window_words(row.found)
