"""What the first start shows, gathered from the configuration; and the same as text and JSON."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from trunkline.cli.local import address, said, servers_of
from trunkline.config.account_facts import limit_text
from trunkline.config.load import Loaded, MissingKey, missing_keys
from trunkline.config.places import Places
from trunkline.domain.found import FoundServer, ServerState
from trunkline.domain.limits import LimitSpec
from trunkline.domain.routes import AccountSpec, Billing, ModelSpec, ProviderSpec
from trunkline.engine.discovery import SWITCH_VARIABLE, is_wanted
from trunkline.tui.screens.first_run import (
    FirstRunFacts,
    FoundAccount,
    MissingProvider,
    ModeFact,
    ServerFact,
)

_BILLING = {
    Billing.RATE_LIMIT: "paid, with rate limits",
    Billing.SUBSCRIPTION: "subscription",
    Billing.CREDITS: "paid from credits",
    Billing.FREE: "free tier",
    Billing.LOCAL: "free, on this machine",
}
_NOT_LOOKED_FOR = f"Servers on this machine are not looked for: {SWITCH_VARIABLE} is off."


def gather(loaded: Loaded) -> FirstRunFacts:
    """What can be asked, what listens without being of use, what is missing, and the modes there are."""
    servers = {server.provider: server for server in servers_of(loaded)}
    preferences = loaded.config.preferences
    looked_for = is_wanted(os.environ)
    accounts = tuple(
        _account(provider, account)
        for provider in loaded.config.catalogue.providers
        for account in provider.accounts
        if account.enabled and account.has_key and provider.models
    )
    return FirstRunFacts(
        accounts=accounts,
        servers=tuple(
            ServerFact(server.provider, address(server.base_url), said(server))
            for server in servers.values()
            if server.state is not ServerState.ABSENT and not server.usable
        ),
        missing=tuple(
            _missing(loaded, one)
            for one in missing_keys(loaded)
            if not one.local or (looked_for and not _listens(servers, one))
        ),
        modes=tuple(ModeFact(mode.name, mode.about) for mode in preferences.modes),
        mode=preferences.mode,
        preferences_file=str(loaded.places.preferences_file),
        notes=loaded.notes if looked_for else (*loaded.notes, _NOT_LOOKED_FOR),
    )


def is_first_start(places: Places) -> bool:
    """Whether nobody has preferred anything here yet, nor had the control centre open."""
    return not (places.preferences_file.exists() or places.deck_file.exists())


def facts_json(facts: FirstRunFacts) -> dict[str, object]:
    """The facts, for scripts."""
    return {**asdict(facts), "usable": facts.usable}


def facts_lines(facts: FirstRunFacts) -> list[str]:
    """The facts, a line each, as the screen shows them."""
    from trunkline.tui.screens.first_run.rows import Line, aligned, mode_width, rows

    lines: list[str] = []
    for row, text in aligned(rows(facts)):
        lines += ["", text] if row.kind is Line.HEADING and lines else [text]
    width = mode_width(mode.name for mode in facts.modes)
    lines += ["", "Modes"]
    for mode in facts.modes:
        sign = "*" if mode.name == facts.mode else " "
        lines.append(f"{sign} {mode.name:<{width}}  {mode.about}".rstrip())
    return lines


def _account(provider: ProviderSpec, account: AccountSpec) -> FoundAccount:
    where = account.base_url or provider.base_url
    return FoundAccount(
        address=f"{provider.id}/{account.id}",
        source=account.key.name or address(where),
        billing=_BILLING[account.billing],
        models=tuple(model.id for model in provider.models),
        free_models=_free(provider.models) if account.costs_cash else 0,
        limits=tuple(map(_limit, account.limits)),
    )


def _missing(loaded: Loaded, one: MissingKey) -> MissingProvider:
    provider = loaded.config.catalogue.provider(one.provider)
    return MissingProvider(
        provider=one.provider,
        remedy=_remedy(one),
        models=one.adds,
        free_models=_free(provider.models) if provider is not None and not one.local else 0,
        local=one.local,
    )


def _remedy(one: MissingKey) -> str:
    if one.local:
        return f"at {address(one.base_url)}"
    return one.variables[0] if one.variables else "enabled = true in providers.toml"


def _limit(limit: LimitSpec) -> str:
    """`50 requests / day (*:free)`; who shares it is told where there is room."""
    text = limit_text(limit)
    return str(replace(text, scope=None, model=None)) + (f" ({text.model})" if text.model else "")


def _listens(servers: Mapping[str, FoundServer], one: MissingKey) -> bool:
    """Whether it is told among the servers that listen."""
    server = servers.get(one.provider)
    return server is not None and server.state is not ServerState.ABSENT


def _free(models: Sequence[ModelSpec]) -> int:
    return sum(model.price.is_free for model in models)
