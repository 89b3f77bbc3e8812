"""A configuration compiled for deciding: one plain row per provider and model, and per kind of task a profile of
what is preferred. Built once per configuration generation; profiles are made when first asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from trunkline.domain.decisions import Rejection, RejectionCode
from trunkline.domain.money import Price
from trunkline.domain.preferences import Config, Preferences
from trunkline.domain.routes import (
    AccountSpec,
    Billing,
    Capability,
    Catalogue,
    ModelSpec,
    PoolStrategy,
    ProviderSpec,
    Route,
    Selector,
)
from trunkline.routing.limits import FlatLimits
from trunkline.routing.profiles import Profile, ProfileKey, build_profile

_UNLIMITED = 1 << 60
_MOST_PROFILES = 512
# Blended as policy.md's ceilings are: three input tokens for each output token.
_INPUT_PER_OUTPUT = 3


class PoolAccount(NamedTuple):
    """A statically usable account. `cash_free`: a call moves no money (free, local, or already subscribed);
    `free`: it is free by nature, which cost rule 3 prefers. `tie` sorts accounts as their route ids do."""

    position: int
    id: str
    key: tuple[str, str]
    cash_free: bool
    free: bool
    tie: str


class ModelRow(NamedTuple):
    """A model as one provider serves it. `routes` and their `ids` run parallel to the provider's pool. Prices are
    pico-dollars per token; `quality` is None where no score is known."""

    place: int
    provider: str
    model: str
    context_tokens: int
    max_output_tokens: int
    price_input: int | None
    price_output: int | None
    quality: float | None
    preference: float
    capabilities: frozenset[Capability]
    retired_at_ms: int | None
    first_token_ms: float | None
    tokens_per_s: float | None
    routes: tuple[Route, ...]
    ids: tuple[str, ...]
    price_free: bool
    any_cash_free: bool


class Pool(NamedTuple):
    """A provider's usable accounts in the order of the file; `models` and `accounts` count all, usable or not."""

    provider: str
    strategy: PoolStrategy
    members: tuple[PoolAccount, ...]
    models: int
    accounts: int


@dataclass(slots=True)
class CompiledPolicy:
    """What `decide` reads instead of the configuration. Immutable but for its two memos (profiles by kind of
    task, flattened limits by account), which change no result."""

    config: Config
    rows: tuple[ModelRow, ...]
    pools: dict[str, Pool]
    rejected: tuple[Rejection, ...]
    reference_price: tuple[int, int]
    dearest_price: tuple[int, int] | None
    profiles: dict[ProfileKey, Profile] = field(default_factory=dict, repr=False)
    flat_limits: dict[tuple[str, str], FlatLimits] = field(default_factory=dict, repr=False)
    row_by_model: dict[tuple[str, str], ModelRow] = field(default_factory=dict, repr=False)

    def profile(self, key: ProfileKey) -> Profile:
        """The profile of a kind of task, compiled when first asked for."""
        profile = self.profiles.get(key)
        if profile is None:
            if len(self.profiles) >= _MOST_PROFILES:
                self.profiles.clear()
            profile = build_profile(key, self.config, self.rows)
            self.profiles[key] = profile
        return profile


def compile_policy(config: Config) -> CompiledPolicy:
    """Compile `config` once; costs about as much as a few dozen decisions."""
    rows: list[ModelRow] = []
    pools: dict[str, Pool] = {}
    rejected: list[Rejection] = []
    for provider in config.catalogue.providers:
        pool = _pool(provider)
        pools[provider.id] = pool
        rejected.extend(_static_rejections(provider))
        rows += [_row(len(rows) + offset, model, pool) for offset, model in enumerate(provider.models)]
    return CompiledPolicy(
        config=config,
        rows=tuple(rows),
        pools=pools,
        rejected=tuple(rejected),
        reference_price=_reference_price(config.catalogue, config.preferences),
        dearest_price=_dearest_price(rows),
        row_by_model={(row.provider, row.model): row for row in rows},
    )


def _pool(provider: ProviderSpec) -> Pool:
    usable = [account for account in provider.accounts if account.enabled and account.has_key]
    members = tuple(
        PoolAccount(
            position=position,
            id=account.id,
            key=(provider.id, account.id),
            cash_free=account.billing in (Billing.FREE, Billing.LOCAL, Billing.SUBSCRIPTION),
            free=account.billing in (Billing.FREE, Billing.LOCAL),
            tie=f"{account.id}/",
        )
        for position, account in enumerate(usable)
    )
    return Pool(provider.id, provider.pool, members, len(provider.models), len(provider.accounts))


def _row(place: int, model: ModelSpec, pool: Pool) -> ModelRow:
    return ModelRow(
        place=place,
        provider=model.provider,
        model=model.id,
        context_tokens=model.context_tokens,
        max_output_tokens=_UNLIMITED if model.max_output_tokens is None else model.max_output_tokens,
        price_input=model.price.input,
        price_output=model.price.output,
        quality=model.quality_share,
        preference=min(1.0, max(0.0, (model.preference or 0) / 100)),
        capabilities=frozenset(model.capabilities),
        retired_at_ms=_midnight_ms(model.retired_on),
        first_token_ms=model.first_token_ms,
        tokens_per_s=model.tokens_per_s,
        routes=tuple(Route(model.provider, member.id, model.id) for member in pool.members),
        ids=tuple(f"{model.provider}/{member.id}/{model.id}" for member in pool.members),
        price_free=model.price.is_free,
        any_cash_free=model.price.is_free or any(member.cash_free for member in pool.members),
    )


def _midnight_ms(day: str | None) -> int | None:
    if day is None:
        return None
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)


def _static_rejections(provider: ProviderSpec) -> list[Rejection]:
    if not provider.models:
        return []
    if not provider.accounts:
        return [Rejection(f"{provider.id}/*", RejectionCode.NO_KEY, count=len(provider.models))]
    codes = {account.id: _static_code(account) for account in provider.accounts}
    shared = set(codes.values())
    if len(shared) == 1 and None not in shared:
        (code,) = shared
        count = len(codes) * len(provider.models)
        facts = _key_facts(provider.accounts)
        return [Rejection(f"{provider.id}/*", code, facts, count=count)] if code else []
    return [
        Rejection(f"{provider.id}/{account.id}/*", code, _key_facts([account]), count=len(provider.models))
        for account in provider.accounts
        if (code := codes[account.id]) is not None
    ]


def _static_code(account: AccountSpec) -> RejectionCode | None:
    if not account.enabled:
        return RejectionCode.DISABLED
    return None if account.has_key else RejectionCode.NO_KEY


def _key_facts(accounts: Sequence[AccountSpec]) -> tuple[tuple[str, str], ...]:
    return tuple(("key", str(account.key)) for account in accounts if not account.has_key)[:1]


def _blended(price: Price) -> int | None:
    if price.input is None or price.output is None:
        return None
    return _INPUT_PER_OUTPUT * price.input + price.output


def _reference_price(catalogue: Catalogue, preferences: Preferences) -> tuple[int, int]:
    """Input and output price of the user's default model; where that is free or unknown, of the median priced
    one, so that the cost term still tells dear from cheap; (0, 0) where nothing has a price."""
    selectors = (catalogue.select(text) for text in preferences.default_prefer[:1])
    default = _default_model(catalogue, [selector for selector in selectors if selector is not None])
    models = [default] if default is not None and _blended(default.price) else []
    if not models:
        priced = [model for provider in catalogue.providers for model in provider.models]
        models = sorted(
            (model for model in priced if _blended(model.price)),
            key=lambda model: (_blended(model.price) or 0, model.provider, model.id),
        )
    if not models:
        return (0, 0)
    price = models[len(models) // 2].price
    return (price.input or 0, price.output or 0)


def _default_model(catalogue: Catalogue, selectors: Iterable[Selector]) -> ModelSpec | None:
    for selector in selectors:
        matching = [
            model
            for provider in catalogue.providers
            for model in provider.models
            if selector.provider in (None, provider.id) and selector.model in (None, model.id)
        ]
        if matching:
            return max(
                matching, key=lambda model: (model.preference or 0, model.quality_share or 0.0, model.id)
            )
    return None


def _dearest_price(rows: Iterable[ModelRow]) -> tuple[int, int] | None:
    inputs = [row.price_input for row in rows if row.price_input is not None]
    outputs = [row.price_output for row in rows if row.price_output is not None]
    return (max(inputs), max(outputs)) if inputs and outputs else None
