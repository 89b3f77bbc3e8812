"""The user's own configuration made fit for a drill: every address the simulator's, every key made up, every time-out
scaled down. Nothing of it leads to a real provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from trunkline.cli.demo_world import demo_catalogue
from trunkline.config.keys import KeyRing
from trunkline.config.load import Loaded, hashed, load
from trunkline.config.places import Places, find_places
from trunkline.domain.preferences import CallLimits, CrisisPolicy, Preferences
from trunkline.domain.routes import AccountSpec, Catalogue, KeyRef, KeySource, ProviderSpec
from trunkline.simulator.impersonation import simulated_url, usable_accounts

FIRST_TOKEN_MS = 900
STALL_MS = 350
PATIENCE_MS = 1_100
PACE_WINDOW_MS = 600
LEAST_TOKENS_PER_S = 60.0
_SCALED = CallLimits(
    connect_ms=2_000,
    first_token_ms=FIRST_TOKEN_MS,
    stall_ms=STALL_MS,
    total_ms=8_000,
    first_token_floor_ms=FIRST_TOKEN_MS,
    first_token_ceiling_ms=2 * FIRST_TOKEN_MS,
    least_tokens_per_s=LEAST_TOKENS_PER_S,
    pace_window_ms=PACE_WINDOW_MS,
)
_REQUEST_MS = 12_000


@dataclass(frozen=True, slots=True)
class OwnConfiguration:
    """What is drilled: `loaded` as it is in earnest, and whether that is the demo's, for want of one's own."""

    loaded: Loaded
    is_demo: bool

    @property
    def catalogue(self) -> Catalogue:
        """Its providers, accounts and models."""
        return self.loaded.config.catalogue


def own_configuration(environ: Mapping[str, str], empty_home: Path) -> OwnConfiguration:
    """The user's configuration, or the demo's where nobody can be asked with it. Raises ConfigError."""
    loaded = load(find_places(environ), environ)
    if any(usable_accounts(provider) and provider.models for provider in loaded.config.catalogue.providers):
        return OwnConfiguration(loaded, is_demo=False)
    text, keys = demo_catalogue(port=1)
    places = Places(empty_home, empty_home, empty_home)
    return OwnConfiguration(load(places, keys, base_providers_text=text), is_demo=True)


def made_up_key(account: AccountSpec) -> str:
    """The key that stands for the account's own, which is not looked at."""
    return f"drill-{account.provider}-{account.id}"


def drilled(
    own: Loaded, home: Path, port_of: Callable[[str], int], *, crisis: CrisisPolicy | None = None
) -> Loaded:
    """`own` with every provider on this machine, at the port that `port_of` gives for its id. There is a crisis mode
    only where one is given."""
    variables = _variables(own.config.catalogue)
    providers = tuple(
        _simulated(provider, port_of(provider.id), variables) for provider in own.config.catalogue.providers
    )
    keys = {variable: made_up_key(account) for account, variable in variables.values()}
    preferences = scaled(own.config.preferences, crisis)
    return replace(
        own,
        config=hashed(Catalogue(providers), preferences),
        keys=KeyRing(keys),
        places=Places(home, home, home),
        sources=(),
        found=(),
    )


def _variables(catalogue: Catalogue) -> dict[tuple[str, str], tuple[AccountSpec, str]]:
    accounts = [account for provider in catalogue.providers for account in usable_accounts(provider)]
    return {
        (account.provider, account.id): (account, f"TRUNKLINE_DRILL_KEY_{number}")
        for number, account in enumerate(accounts, 1)
    }


def _simulated(
    provider: ProviderSpec, port: int, variables: Mapping[tuple[str, str], tuple[AccountSpec, str]]
) -> ProviderSpec:
    accounts = tuple(
        replace(account, base_url=None, key=KeyRef(KeySource.ENV, variables[account.provider, account.id][1]))
        if (account.provider, account.id) in variables
        else replace(account, base_url=None, key=KeyRef(KeySource.NONE), has_key=False, enabled=False)
        for account in provider.accounts
    )
    return replace(
        provider, base_url=simulated_url(provider, port), accounts=accounts, endpoints=(), key_env=()
    )


def scaled(preferences: Preferences, crisis: CrisisPolicy | None = None) -> Preferences:
    """The same preferences in a world in which everything takes a fraction of its time. Lists, modes, rules and
    budgets stay as they are."""
    limits = _SCALED
    if preferences.call_limits.least_tokens_per_s == 0:
        limits = replace(limits, least_tokens_per_s=0.0)
    return replace(
        preferences,
        call_limits=limits,
        thresholds=replace(
            preferences.thresholds,
            patience_ms=min(preferences.thresholds.patience_ms, PATIENCE_MS),
            request_deadline_ms=_REQUEST_MS,
            medium_lane_ms=0,
            low_lane_ms=0,
            throttle_ms=0,
        ),
        queue=replace(preferences.queue, recheck_ms=300, spread_ms=50),
        crisis=crisis or replace(preferences.crisis, enabled=False),
    )
