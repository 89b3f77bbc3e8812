"""All that a decision was made from, as one value that can be kept, decided again and compared."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from trunkline.domain.decisions import Decision, NoRoute
from trunkline.domain.preferences import Config, GatewayPolicy
from trunkline.domain.routes import AccountSpec, ProviderSpec
from trunkline.domain.state import RoutingState
from trunkline.routing.ask import RoutingAsk
from trunkline.routing.decision import decide
from trunkline.routing.policy import compile_policy


@dataclass(frozen=True, slots=True)
class Inputs:
    """What `decide` looked at: the ask, the state with every random number in it, and the configuration."""

    ask: RoutingAsk
    state: RoutingState
    config: Config


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure or word that two decisions do not share: where it is (`ranking[2].terms.cost`), and both values in
    words, empty where one of them has none."""

    where: str
    then: str
    now: str


def frozen_state(state: RoutingState) -> RoutingState:
    """`state` with mappings of its own, so that it stays what it is though the tracker goes on. The values in them are
    frozen already and shared: some microseconds for hundreds of accounts."""
    return replace(
        state,
        accounts=dict(state.accounts),
        routes=dict(state.routes),
        providers=dict(state.providers),
        cursors=dict(state.cursors),
        quality=dict(state.quality),
        token_factors=dict(state.token_factors),
    )


def decide_again(inputs: Inputs) -> Decision | NoRoute:
    """The decision that these inputs give, from nothing but them."""
    return decide(inputs.ask, compile_policy(inputs.config), inputs.state)


def for_deciding(config: Config) -> Config:
    """`config` without what no decision can depend on, addresses and what is sent with calls above all: what a person
    may have written there is not kept a second time."""
    providers = tuple(_bare_provider(provider) for provider in config.catalogue.providers)
    preferences = replace(
        config.preferences,
        gateway=GatewayPolicy(),
        aliases=(),
        keymap=(),
        theme="",
        low_bandwidth=None,
        ascii=None,
    )
    return replace(
        config,
        generation="",
        catalogue=replace(config.catalogue, providers=providers),
        preferences=preferences,
    )


def _bare_provider(provider: ProviderSpec) -> ProviderSpec:
    return replace(
        provider,
        base_url="",
        endpoints=(),
        quirks=replace(provider.quirks, extra_headers=(), extra_body=()),
        accounts=tuple(_bare_account(account) for account in provider.accounts),
    )


def _bare_account(account: AccountSpec) -> AccountSpec:
    return replace(account, base_url=None, endpoint=None)


def differences(then: Decision | NoRoute, now: Decision | NoRoute) -> tuple[Difference, ...]:
    """What two decisions do not share, to the last bit of a score; nothing where they are the same."""
    if isinstance(then, Decision) != isinstance(now, Decision):
        return (Difference("route", _named(then), _named(now)),)
    return tuple(_between(then, now, ""))


def _named(decision: Decision | NoRoute) -> str:
    return decision.route.id if isinstance(decision, Decision) else "nobody"


def _between(then: Any, now: Any, where: str) -> list[Difference]:
    if (
        type(then) is type(now)
        and is_dataclass(then)
        and not isinstance(then, type)
        and str(then) != _id_of(then)
    ):
        found = []
        for field in fields(then):
            inner = f"{where}.{field.name}" if where else field.name
            found += _between(getattr(then, field.name), getattr(now, field.name), inner)
        return found
    if isinstance(then, tuple) and isinstance(now, tuple) and len(then) == len(now):
        return [
            one
            for n, pair in enumerate(zip(then, now, strict=True))
            for one in _between(*pair, f"{where}[{n}]")
        ]
    return [] if then == now else [Difference(where, _words(then), _words(now))]


def _id_of(value: object) -> str | None:
    """The text of a value that is shown whole, a route's or a selector's."""
    found = getattr(value, "id", None)
    return found if isinstance(found, str) else None


def _words(value: object) -> str:
    if isinstance(value, tuple):
        return f"{len(value)} of them"
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)
