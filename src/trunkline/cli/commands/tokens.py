"""`trunkline tokens`: who may use the gateway, what each may do, and what today came to."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import re
from functools import partial
from typing import Any, TypeVar

import click

from trunkline.cli.output import dollars, iso, local_time, print_json, print_table, say
from trunkline.cli.pasting import pasting_for, say_pasting
from trunkline.cli.request import require_known_name, require_known_route
from trunkline.config.load import Loaded, load
from trunkline.config.places import Places, find_places
from trunkline.domain.clock import SystemClock
from trunkline.domain.ids import IdSource
from trunkline.domain.money import pico_from_usd, usd
from trunkline.domain.tasks import Priority
from trunkline.gateway.snippets import snippets_json
from trunkline.store import gateway_tokens
from trunkline.store.gateway_tokens import GatewayToken, TokenUse, hash_of, new_text
from trunkline.store.store import Store, StoreReader
from trunkline.store.writer import Unit

_Result = TypeVar("_Result")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_BUDGET = re.compile(r"\$?(\d+(?:\.\d+)?)\s*(?:USD)?\s*(?:/\s*(?:d|day))?", re.IGNORECASE)
_RATE = re.compile(r"(\d+)\s*(?:/\s*(?:m|min|minute))?", re.IGNORECASE)
_MOST_USD, _MOST_A_MINUTE = 1_000_000, 1_000_000


@click.group("tokens")
def tokens_command() -> None:
    """The gateway's tokens: one for each agent or program, with limits of its own.

    Its name is the origin of what it asks, in the log and in reports.
    """


@tokens_command.command("create")
@click.argument("name")
@click.option("--budget", metavar="USD/day", help="Most that a day of it may cost: 5 or 5/day.")
@click.option(
    "--models", metavar="A,B", help="Who alone may answer it: providers, accounts, models, aliases."
)
@click.option("--rate", metavar="N/min", help="Most requests a minute: 30 or 30/min.")
@click.option(
    "--priority",
    type=click.Choice([one.value for one in Priority]),
    help="How soon its requests are let through.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def create_command(
    name: str, budget: str | None, models: str | None, rate: str | None, priority: str | None, as_json: bool
) -> None:
    """Make a token called NAME. It is shown now and never again: only its hash is kept."""
    if not _NAME.fullmatch(name):
        raise click.UsageError("a name has up to 60 letters, digits, dots, dashes and underscores")
    budget_pico = None if budget is None else _budget_pico(budget)
    requests_per_minute = None if rate is None else _rate(rate)
    places = find_places(os.environ)
    loaded = load(places, os.environ)
    clock = SystemClock()
    text = new_text(os.urandom)
    token = GatewayToken(
        IdSource(clock).new(),
        name,
        hash_of(text),
        clock.wall_ms(),
        budget_day_pico=budget_pico,
        models=() if models is None else _models(models, loaded),
        requests_per_minute=requests_per_minute,
        priority=None if priority is None else Priority(priority),
    )
    if not _written(places, partial(gateway_tokens.create, token=token, who="tokens create")):
        raise click.UsageError(
            f"there is a token {name!r} already; `trunkline tokens revoke {name}` makes room for another"
        )
    shown = pasting_for(loaded.config.preferences.gateway, token=text)
    if as_json:
        print_json({**_json(token, TokenUse()), "token": text, "clients": snippets_json(shown)})
        return
    click.echo(text)
    say(f"{name}: this is shown only now; whoever has it may use the gateway in its name")
    say_pasting(shown)


@tokens_command.command("list")
@click.option("--all", "with_revoked", is_flag=True, help="Those that were revoked too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(with_revoked: bool, as_json: bool) -> None:
    """The tokens in force: when each was used last, what today came to, what it may do."""
    found = [
        (token, use)
        for token, use in _known(find_places(os.environ))
        if with_revoked or token.revoked_at_ms is None
    ]
    if as_json:
        print_json({"day": _today(), "tokens": [_json(token, use) for token, use in found]})
        return
    if not found:
        say("there is no token; `trunkline tokens create NAME` makes one")
        return
    headings = (
        "name",
        "created",
        "last used",
        "today",
        "cost",
        "a day",
        "a minute",
        "priority",
        "models",
        "id",
    )
    print_table(headings, [_row(token, use) for token, use in found])


@tokens_command.command("revoke")
@click.argument("name_or_id", metavar="NAME|ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def revoke_command(name_or_id: str, as_json: bool) -> None:
    """Refuse the token NAME (or of that id) from now on, in gateways that run as well.

    Requests that are under way are finished.
    """
    places = find_places(os.environ)
    in_force = [token for token, _ in _known(places) if token.revoked_at_ms is None]
    if name_or_id not in [token.id for token in in_force]:
        require_known_name("token", name_or_id, [token.name for token in in_force] or ["none"])
    now_ms = SystemClock().wall_ms()
    unit = partial(gateway_tokens.revoke, name_or_id=name_or_id, who="tokens revoke", at_ms=now_ms)
    gone = _written(places, unit)
    if gone is None:
        raise click.UsageError(f"the token {name_or_id!r} was revoked by somebody else just now")
    if as_json:
        print_json({"id": gone.id, "name": gone.name, "revoked": iso(now_ms)})
    else:
        say(f"{gone.name} is revoked; a gateway that runs refuses it within a second")


def _written(places: Places, unit: Unit[_Result]) -> _Result:
    """What a unit of work gives, once the store has it. Raises StoreError."""

    async def write() -> _Result:
        clock = SystemClock()
        store = Store.open(places.store_file, clock, IdSource(clock), process_name="tokens")
        try:
            return await store.write(unit)
        finally:
            await store.close()

    return asyncio.run(write())


def _known(places: Places) -> tuple[tuple[GatewayToken, TokenUse], ...]:
    """Every token with its use today; none where no store keeps any yet. Raises StoreError."""
    if not places.store_file.exists():
        return ()
    reader = StoreReader.open(places.store_file, SystemClock())
    try:
        if not reader.ask(gateway_tokens.can_be_asked()):
            return ()
        return reader.ask(gateway_tokens.tokens(_today()))
    finally:
        reader.close()


def _today() -> str:
    """The day by which use is kept: this machine's."""
    return dt.datetime.now().astimezone().date().isoformat()


def _budget_pico(text: str) -> int:
    amount = _number(_BUDGET, text, _MOST_USD)
    if amount is None:
        raise click.UsageError("--budget is USD a day, over 0: 5, 0.50 or 5/day")
    return pico_from_usd(amount)


def _rate(text: str) -> int:
    amount = _number(_RATE, text, _MOST_A_MINUTE)
    if amount is None:
        raise click.UsageError("--rate is requests a minute, a whole number over 0: 30 or 30/min")
    return int(amount)


def _number(form: re.Pattern[str], text: str, most: int) -> str | None:
    found = form.fullmatch(text.strip())
    return found[1] if found is not None and 0 < float(found[1]) <= most else None


def _models(text: str, loaded: Loaded) -> tuple[str, ...]:
    """Names with commas between them. Raises UsageError where one is neither an alias nor known to the catalogue."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise click.UsageError("--models names at least one; without it, everybody may answer")
    for name in names:
        if loaded.config.preferences.alias(name) is None:
            require_known_route(loaded.config.catalogue, name)
    return names


def _json(token: GatewayToken, use: TokenUse) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "created": iso(token.created_at_ms),
        "last_used": iso(token.last_used_at_ms),
        "revoked": iso(token.revoked_at_ms),
        "today": {
            "requests": use.requests,
            "cost_usd": usd(use.cost.pico),
            "unknown_costs": use.cost.unknown,
        },
        "budget_usd_day": usd(token.budget_day_pico),
        "requests_per_minute": token.requests_per_minute,
        "priority": token.priority,
        "models": list(token.models) or None,
    }


def _row(token: GatewayToken, use: TokenUse) -> list[str]:
    revoked = "" if token.revoked_at_ms is None else f" (revoked {local_time(token.revoked_at_ms)})"
    return [
        token.name + revoked,
        local_time(token.created_at_ms),
        local_time(token.last_used_at_ms),
        str(use.requests),
        dollars(use.cost.pico, unknown=use.cost.unknown),
        "–" if token.budget_day_pico is None else dollars(token.budget_day_pico),
        "–" if token.requests_per_minute is None else str(token.requests_per_minute),
        token.priority or "–",
        ", ".join(token.models) or "all",
        token.id,
    ]
