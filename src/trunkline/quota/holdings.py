"""Which limits each account is under: configured ones bound to keys, with what was learned beside or within them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from trunkline.domain.limits import (
    LimitScope,
    LimitSpec,
    LimitUse,
    Window,
    is_pattern,
    model_matches,
)
from trunkline.domain.routes import AccountSpec, Catalogue, Route
from trunkline.quota.claims import BELIEVED_FROM, BoundLimit, bind, bind_all, owner_of, shared_limits
from trunkline.quota.learned import LearnedLimit
from trunkline.quota.ledger import KeyUse

AccountKey = tuple[str, str]


@dataclass(slots=True)
class AccountLimits:
    """What one account is under, by key: limits and their use; `wide` keys are of every model, the others of one model
    or of those that match a pattern. `named` are those whose model the configuration names. `frozen` remembers the
    uses that are believed, until one changes."""

    spec: AccountSpec
    models: Sequence[str]
    bound: dict[str, BoundLimit] = field(default_factory=dict)
    uses: dict[str, LimitUse] = field(default_factory=dict)
    wide: list[str] = field(default_factory=list)
    of_model: dict[str, list[str]] = field(default_factory=dict)
    of_pattern: dict[str, list[str]] = field(default_factory=dict)
    named: frozenset[str] = frozenset()
    frozen: tuple[LimitUse, ...] | None = None

    def keys(self, model: str) -> list[str]:
        """Every limit that calls of `model` count against."""
        of_model = self.of_model.get(model)
        keys = self.wide if of_model is None else self.wide + of_model
        for pattern, shared in self.of_pattern.items():
            if model_matches(pattern, model):
                keys = keys + shared
        return keys

    def models_of(self, bound: BoundLimit) -> Iterable[str]:
        """The models that a limit concerns."""
        if bound.model is None or not is_pattern(bound.model):
            return (bound.model,) if bound.model is not None else self.models
        return (model for model in self.models if model_matches(bound.model, model))


class Holdings:
    """The limits of all accounts. `holders` are the accounts under a key, `windows` how it renews."""

    def __init__(self) -> None:
        self.catalogue = Catalogue()
        self.accounts: dict[AccountKey, AccountLimits] = {}
        self.holders: dict[str, list[AccountKey]] = {}
        self.windows: dict[str, Window] = {}

    def use_config(self, catalogue: Catalogue) -> None:
        """Begin anew with what a configuration gives."""
        self.catalogue = catalogue
        self.accounts = {}
        self.holders = {}
        self.windows = {}
        for provider in catalogue.providers:
            models = [model.id for model in provider.models]
            for account in provider.accounts:
                self._bind_configured(account, models)

    def of_route(self, route: Route) -> AccountLimits | None:
        """What the account of a route is under."""
        return self.accounts.get((route.provider, route.account))

    def apply(self, learned: LearnedLimit, now_ms: int) -> tuple[str | None, list[AccountKey]]:
        """Enforce a learned limit on every account that shares it: beside what is configured, or the smaller. One that
        is not believed enough is counted, where nothing else is known. Its key, None where it concerns nobody, and the
        accounts for which that changed anything."""
        reader = self.catalogue.account(learned.provider, learned.account)
        provider = self.catalogue.provider(learned.provider)
        key: str | None = None
        changed: list[AccountKey] = []
        if reader is None or provider is None:
            return key, changed
        owner = owner_of(reader, learned.reading.scope)
        for account in provider.accounts:
            if owner_of(account, learned.reading.scope) != owner:
                continue
            enforced = self._enforced(account, learned, now_ms)
            if enforced is None:
                continue
            key = enforced.key
            limits = self.accounts[account.provider, account.id]
            if enforced != limits.bound.get(enforced.key):
                self._add(limits, enforced)
                changed.append((account.provider, account.id))
        return key, changed

    def _enforced(self, account: AccountSpec, learned: LearnedLimit, now_ms: int) -> BoundLimit | None:
        """What a learned limit comes to on one account."""
        model = learned.model or ""
        bound = bind(account, learned.spec, model)
        if bound is None:
            return None
        bound = replace(bound, confidence=round(learned.sure_at(now_ms), 2))
        shared = shared_limits(self.catalogue, account)
        rivals = [spec for spec in shared if _may_share_a_key(spec, learned.model)]
        same = next((one for one in bind_all(account, rivals, model) if one.key == bound.key), None)
        return bound if same is None else _narrowed(same, bound)

    def _bind_configured(self, account: AccountSpec, models: Sequence[str]) -> None:
        limits = AccountLimits(account, models)
        self.accounts[account.provider, account.id] = limits
        configured = shared_limits(self.catalogue, account)
        own = [spec for spec in configured if _is_of_a_model(spec)]
        wide = [spec for spec in configured if not _is_of_a_model(spec)]
        for bound in bind_all(account, wide, ""):
            self._add(limits, bound)
        if not own:
            return
        for model in models:
            for bound in bind_all(account, own, model):
                self._add(limits, bound)
        named = [bind(account, spec, spec.model) for spec in own if spec.model is not None]
        limits.named = frozenset(bound.key for bound in named if bound is not None)

    def _add(self, limits: AccountLimits, bound: BoundLimit) -> None:
        known = limits.bound.get(bound.key)
        limits.bound[bound.key] = bound
        limits.uses[bound.key] = limit_use(bound, KeyUse(bound.key, 0, None), 0, 0)
        limits.frozen = None
        if known is None:
            if bound.model is None:
                keys = limits.wide
            else:
                of = limits.of_pattern if is_pattern(bound.model) else limits.of_model
                keys = of.setdefault(bound.model, [])
            keys.append(bound.key)
            self.holders.setdefault(bound.key, []).append((limits.spec.provider, limits.spec.id))
            self.windows[bound.key] = bound.window


def limit_use(
    bound: BoundLimit, use: KeyUse, resets_at_ms: int | None, as_of_ms: int, flaw: str = ""
) -> LimitUse:
    """A limit with its use as the ledger counts it."""
    return LimitUse(
        key=bound.key,
        metric=bound.metric,
        window=bound.window,
        scope=bound.scope,
        model=bound.model,
        amount=bound.amount,
        used=use.used,
        resets_at_ms=resets_at_ms,
        source=bound.source,
        as_of_ms=as_of_ms,
        confidence=bound.confidence,
        flaw=flaw,
    )


def _is_of_a_model(spec: LimitSpec) -> bool:
    return spec.model is not None or spec.scope is LimitScope.MODEL


def _may_share_a_key(spec: LimitSpec, model: str | None) -> bool:
    """Whether a configured limit may be the same as one learned of `model`: of every model, of a pattern, of one."""
    if is_pattern(model) or is_pattern(spec.model):
        return spec.model == model
    return _is_of_a_model(spec) == (model is not None)


def _narrowed(configured: BoundLimit, learned: BoundLimit) -> BoundLimit:
    """What is enforced of two figures of one limit."""
    if learned.confidence < BELIEVED_FROM:
        return configured
    narrowed = configured.narrowed(learned.amount, learned.source)
    return narrowed if narrowed is configured else replace(narrowed, confidence=learned.confidence)
