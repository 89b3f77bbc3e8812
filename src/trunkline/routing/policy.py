"""A configuration compiled for deciding: one plain row per provider and model, and per kind of task a profile of
what is preferred. Built once per configuration generation; profiles are made when first asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from trunkline.domain.caching import PromptCache
from trunkline.domain.counting import CountingRule, Tokenizer
from trunkline.domain.decisions import Rejection, RejectionCode
from trunkline.domain.learned import Verdicts
from trunkline.domain.money import FREE, Price
from trunkline.domain.preferences import Config, Preferences
from trunkline.domain.routes import (
    AccountSpec,
    Billing,
    Capability,
    Catalogue,
    ModelSpec,
    PoolStrategy,
    ProviderSpec,
    Quirks,
    Route,
    Selector,
)
from trunkline.routing.limits import FlatLimits
from trunkline.routing.profiles import Profile, ProfileKey, build_profile, renewed

_UNLIMITED = 1 << 60
_MOST_PROFILES = 512
# Blended as policy.md's ceilings are: three input tokens for each output token.
_INPUT_PER_OUTPUT = 3
# Who left an account out that the configuration has, as a fact of its rejection.
BY_A_PERSON = "person"


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
    pico-dollars per token, None where they are not the same for every call or not known; `price_written` is that of
    input which the provider's cache keeps. `blended_pico` is for comparing models in general: of three input tokens for
    each output token, of short inputs, outside peak hours. `quality` is the catalogue's, None where no score is known;
    `reserving` is set where a call takes its whole output limit from token allowances; one that `embeds` gives vectors
    and no answers."""

    place: int
    provider: str
    model: str
    context_tokens: int
    max_output_tokens: int
    price: Price
    price_input: int | None
    price_written: int | None
    price_output: int | None
    blended_pico: float | None
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
    price_known: bool
    reserving: tuple[ModelSpec, Quirks] | None
    successor: str | None
    tokenizer: Tokenizer
    counting: CountingRule
    cache: PromptCache
    embeds: bool


class Pool(NamedTuple):
    """A provider's usable accounts in the order of the file; `accounts` counts all, usable or not. `places` are
    those of its models' rows, `answering` of which give answers."""

    provider: str
    strategy: PoolStrategy
    members: tuple[PoolAccount, ...]
    places: range
    accounts: int
    answering: int

    @property
    def models(self) -> int:
        """How many models the provider has."""
        return len(self.places)


@dataclass(slots=True)
class CompiledPolicy:
    """What `decide` reads instead of the configuration. Immutable but for its two memos (profiles by kind of
    task, flattened limits by account), which change no result.

    `reference_price` is that of the user's default model, by which costs are weighed. `prices` are those by which a
    model of unknown price is taken for the dearest: empty where every price is known."""

    config: Config
    rows: tuple[ModelRow, ...]
    route_count: int
    pools: dict[str, Pool]
    rejected: tuple[Rejection, ...]
    reference_price: Price
    prices: tuple[Price, ...]
    profiles: dict[ProfileKey, Profile] = field(default_factory=dict, repr=False)
    flat_limits: dict[tuple[str, str], FlatLimits] = field(default_factory=dict, repr=False)
    row_by_model: dict[tuple[str, str], ModelRow] = field(default_factory=dict, repr=False)

    def profile(self, key: ProfileKey, records: Mapping[str, Verdicts] | None = None) -> Profile:
        """The profile of a kind of task, compiled when first asked for, and anew when `records`, how its answers were
        received, are others than before."""
        profile = self.profiles.get(key)
        if profile is None:
            if len(self.profiles) >= _MOST_PROFILES:
                self.profiles.clear()
            profile = self.profiles[key] = build_profile(key, self.config, self.rows, records)
        elif profile.records is not records:
            profile = self.profiles[key] = renewed(profile, self.rows, records)
        return profile


def compile_policy(config: Config) -> CompiledPolicy:
    """Compile `config` once; costs about as much as a few dozen decisions."""
    rows: list[ModelRow] = []
    pools: dict[str, Pool] = {}
    rejected: list[Rejection] = []
    for provider in config.catalogue.providers:
        pool = _pool(provider, len(rows))
        pools[provider.id] = pool
        rejected.extend(_static_rejections(provider))
        rows += [
            _row(len(rows) + offset, model, pool, provider) for offset, model in enumerate(provider.models)
        ]
    return CompiledPolicy(
        config=config,
        rows=tuple(rows),
        route_count=sum(len(row.routes) for row in rows),
        pools=pools,
        rejected=tuple(rejected),
        reference_price=_reference_price(config.catalogue, config.preferences),
        prices=_known_prices(config.catalogue),
        row_by_model={(row.provider, row.model): row for row in rows},
    )


def _pool(provider: ProviderSpec, first_place: int) -> Pool:
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
    places = range(first_place, first_place + len(provider.models))
    answering = sum(not model.embeds for model in provider.models)
    return Pool(provider.id, provider.pool, members, places, len(provider.accounts), answering)


def _row(place: int, model: ModelSpec, pool: Pool, provider: ProviderSpec) -> ModelRow:
    quirks = provider.quirks
    successors = {retired.id: retired.successor for retired in provider.retired}
    price = model.price
    flat = price if price.is_flat else Price()
    blended = _blended(price)
    return ModelRow(
        place=place,
        provider=model.provider,
        model=model.id,
        context_tokens=model.context_tokens,
        max_output_tokens=_UNLIMITED if model.max_output_tokens is None else model.max_output_tokens,
        price=price,
        price_input=flat.input,
        price_written=flat.input if flat.written is None else flat.written,
        price_output=flat.output,
        blended_pico=None if blended is None else blended / (_INPUT_PER_OUTPUT + 1),
        quality=model.quality_share,
        preference=min(1.0, max(0.0, (model.preference or 0) / 100)),
        capabilities=frozenset(model.capabilities),
        retired_at_ms=_midnight_ms(model.retired_on),
        first_token_ms=model.first_token_ms,
        tokens_per_s=model.tokens_per_s,
        routes=tuple(Route(model.provider, member.id, model.id) for member in pool.members),
        ids=tuple(f"{model.provider}/{member.id}/{model.id}" for member in pool.members),
        price_free=price.is_free,
        any_cash_free=price.is_free or any(member.cash_free for member in pool.members),
        price_known=blended is not None,
        reserving=(model, quirks) if quirks.reserves_output_limit else None,
        successor=model.successor or successors.get(model.id),
        tokenizer=model.tokenizer,
        counting=model.counting,
        cache=model.cache,
        embeds=model.embeds,
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
    shared = {(codes[account.id], account.set_aside) for account in provider.accounts}
    if len(shared) == 1:
        ((code, _),) = shared
        count = len(codes) * len(provider.models)
        facts = _static_facts(provider.accounts)
        return [Rejection(f"{provider.id}/*", code, facts, count=count)] if code else []
    return [
        Rejection(f"{provider.id}/{account.id}/*", code, _static_facts([account]), count=len(provider.models))
        for account in provider.accounts
        if (code := codes[account.id]) is not None
    ]


def _static_code(account: AccountSpec) -> RejectionCode | None:
    if not account.enabled:
        return RejectionCode.DISABLED
    return None if account.has_key else RejectionCode.NO_KEY


def _static_facts(accounts: Sequence[AccountSpec]) -> tuple[tuple[str, str], ...]:
    """Of accounts that are left out for the same reason."""
    if accounts[0].set_aside:
        return (("by", BY_A_PERSON),)
    return tuple(("key", str(account.key)) for account in accounts if not account.has_key)[:1]


def _blended(price: Price) -> int | None:
    """`ModelRow.blended_pico`, of four tokens together."""
    if price.input is None or price.output is None:
        return None
    return _INPUT_PER_OUTPUT * price.input + price.output


def _reference_price(catalogue: Catalogue, preferences: Preferences) -> Price:
    """The price of the user's default model; where that is free or unknown, of the median priced one, so that the
    cost term still tells dear from cheap; `FREE` where nothing has a price."""
    selectors = (catalogue.select(text) for text in preferences.default_prefer[:1])
    default = _default_model(catalogue, [selector for selector in selectors if selector is not None])
    models = [default] if default is not None and _blended(default.price) else []
    if not models:
        priced = _answering(catalogue)
        models = sorted(
            (model for model in priced if _blended(model.price)),
            key=lambda model: (_blended(model.price) or 0, model.provider, model.id),
        )
    return models[len(models) // 2].price if models else FREE


def _answering(catalogue: Catalogue) -> list[ModelSpec]:
    """The models that give answers, by whose prices an answer's cost is weighed."""
    return [model for provider in catalogue.providers for model in provider.models if not model.embeds]


def _default_model(catalogue: Catalogue, selectors: Iterable[Selector]) -> ModelSpec | None:
    for selector in selectors:
        matching = [
            model
            for model in _answering(catalogue)
            if selector.provider in (None, model.provider) and selector.model in (None, model.id)
        ]
        if matching:
            return max(
                matching, key=lambda model: (model.preference or 0, model.quality_share or 0.0, model.id)
            )
    return None


def _known_prices(catalogue: Catalogue) -> tuple[Price, ...]:
    """Prices among which the dearest is to be found: all that vary, and one that is as dear as the dearest flat."""
    prices = [model.price for model in _answering(catalogue)]
    if all(_blended(price) is not None for price in prices):
        return ()
    flat = [price for price in prices if price.is_flat]
    inputs = [price.input for price in flat if price.input is not None]
    outputs = [price.output for price in flat if price.output is not None]
    written = [
        price.input if price.written is None else price.written for price in flat if price.input is not None
    ]
    dearest = Price(max(inputs, default=None), max(outputs, default=None), written=max(written, default=None))
    return (dearest, *(price for price in prices if not price.is_flat))
