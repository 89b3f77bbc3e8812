"""What a person has told the engine for now: mode, pin, pause, override, accounts taken out. Kept in the store, so that
every process obeys."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from trunkline.domain.decisions import Pin, PinScope
from trunkline.domain.errors import ConfigError
from trunkline.domain.routes import Catalogue, Selector
from trunkline.store.keep import ControlState, Order


@dataclass(frozen=True, slots=True)
class Standing:
    """The orders in force."""

    mode: str
    pin: Pin | None
    pin_text: str | None
    paused: bool
    override: Selector | None = None
    override_text: str | None = None


class Control:
    """The orders in force."""

    def __init__(self, state: ControlState) -> None:
        self._state = state

    def apply(self, state: ControlState) -> None:
        """Take over orders as another process left them in the store."""
        self._state = state

    @property
    def state(self) -> ControlState:
        """The orders as the store keeps them."""
        return self._state

    def standing(self, catalogue: Catalogue, default_mode: str, now_ms: int) -> Standing:
        """The orders in force now; a pin that has expired or names nothing any more is left out."""
        state = self._state
        pin = None
        expired = state.pin_expires_at_ms is not None and now_ms >= state.pin_expires_at_ms
        if state.pin is not None and not expired:
            selector = catalogue.select(state.pin)
            if selector is not None:
                pin = Pin(selector, PinScope.EVERYTHING, state.pin_expires_at_ms)
        override = None if state.override is None else catalogue.select(state.override)
        return Standing(
            state.mode or default_mode,
            pin,
            state.pin if pin else None,
            state.paused,
            override,
            state.override if override is not None else None,
        )


def switched(route: str | None, catalogue: Catalogue, *, expires_at_ms: int | None = None) -> Order:
    """Pin everything to `route`, or to nothing. Raises ConfigError when it names nothing known, or nobody who could be
    asked."""
    _require_somebody("switch", route, catalogue)
    expires_at_ms = None if route is None else expires_at_ms
    return lambda state: replace(state, pin=route, pin_expires_at_ms=expires_at_ms)


def overridden(route: str | None, catalogue: Catalogue) -> Order:
    """Force `route` for everything, or force none any more. Raises ConfigError when it names nothing known, or nobody
    who could be asked."""
    _require_somebody("override", route, catalogue)
    return lambda state: replace(state, override=route)


def with_mode(mode: str, known: tuple[str, ...]) -> Order:
    """Use another mode. Raises ConfigError when there is none of that name."""
    if mode not in known:
        raise ConfigError(file="mode", key="mode", value=mode, expected=f"one of {', '.join(known)}")
    return lambda state: replace(state, mode=mode)


def with_account(account: str, catalogue: Catalogue, *, enabled: bool) -> Order:
    """Take `provider/account` out, or put it back. `catalogue` is the configured one; raises ConfigError when it has no
    such account, or has it disabled."""
    found = catalogue.account(*account.split("/", 1)) if "/" in account else None
    if found is None or not found.enabled:
        raise ConfigError(
            file="account",
            key="account",
            value=account,
            expected="an account of the configuration, as provider/account"
            if found is None
            else "an account that the configuration has enabled",
            remedy="`trunkline list` shows them"
            if found is None
            else "Take its `enabled = false` out of providers.toml.",
        )

    def order(state: ControlState) -> ControlState:
        others = {one for one in state.set_aside if one != account}
        return replace(state, set_aside=tuple(sorted(others if enabled else others | {account})))

    return order


def freed(at_ms: int) -> Order:
    """Something was marked as available: whoever waits for it, in any process, looks again."""
    return lambda state: replace(state, freed_at_ms=at_ms)


def automatic(state: ControlState) -> ControlState:
    """Nothing ordered, but that accounts a person took out stay out."""
    return ControlState(set_aside=state.set_aside)


def with_pause(paused: bool) -> Order:
    """Hold back work that is not critical, or let it go."""
    return lambda state: replace(state, paused=paused)


def _require_somebody(order: str, route: str | None, catalogue: Catalogue) -> None:
    """An enabled account with a key serves `route`: with any other, everything would fail."""
    if route is None:
        return
    selector = catalogue.select(route)
    if selector is None:
        raise ConfigError(
            file=order,
            key="route",
            value=route,
            expected="a provider, an account, a model or provider/account/model",
            remedy="`trunkline status` lists them",
        )
    if not _is_served(selector, catalogue):
        raise ConfigError(
            file=order,
            key="route",
            value=route,
            expected="a route that an enabled account with a key serves",
            remedy="`trunkline list` shows who can be asked, `trunkline doctor` how to add a key",
        )


def _is_served(selector: Selector, catalogue: Catalogue) -> bool:
    return any(
        selector.matches(provider.id, account.id, model.id)
        for provider in catalogue.providers
        for account in provider.accounts
        if account.enabled and account.has_key
        for model in provider.models
        if not model.embeds
    )


def without_set_aside(catalogue: Catalogue, accounts: Collection[str]) -> Catalogue:
    """`catalogue` with those accounts (`provider/account`) left out by a person's word."""
    if not accounts:
        return catalogue
    return Catalogue(
        tuple(
            replace(
                provider,
                accounts=tuple(
                    replace(account, enabled=False, set_aside=True)
                    if account.enabled and f"{provider.id}/{account.id}" in accounts
                    else account
                    for account in provider.accounts
                ),
            )
            for provider in catalogue.providers
        )
    )
