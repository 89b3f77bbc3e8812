"""What one call takes from which limit: limits bound to their keys, estimates as claims, usage as amounts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from trunkline.domain.limits import FigureSource, LimitScope, LimitSpec, Metric, Window, limit_key
from trunkline.domain.money import Usage
from trunkline.domain.routes import AccountSpec, Catalogue
from trunkline.quota.ledger import Claim

BELIEVED_FROM = 0.6
"""From this confidence on a limit keeps calls away; under it, its use is counted and no call is refused for it."""
_OF_OUTPUT = (Metric.OUTPUT_TOKENS, Metric.TOTAL_TOKENS)


@dataclass(frozen=True, slots=True)
class BoundLimit:
    """A limit tied to the key under which its use is counted. `model` is set where one model has it alone, or, a
    pattern, where all that match share it. `confidence` 0..1 is how far its amount is believed."""

    key: str
    metric: Metric
    window: Window
    scope: LimitScope
    model: str | None
    amount: int
    source: FigureSource
    confidence: float = 1.0

    def narrowed(self, amount: int, source: FigureSource) -> BoundLimit:
        """The smaller of this amount and another one, with the source of whichever is enforced. A catalogue's estimate
        gives way to what this very account was told or taught, larger or smaller."""
        if self.source is FigureSource.ESTIMATED and source in (FigureSource.REPORTED, FigureSource.LEARNED):
            return replace(self, amount=amount, source=source)
        return self if self.amount <= amount else replace(self, amount=amount, source=source)


def owner_of(account: AccountSpec, scope: LimitScope) -> str:
    """Whose count a limit of that scope is. Providers count a model's limits per organisation, so accounts that
    name one share them; only a limit of scope `account` is the account's own."""
    if scope is LimitScope.ACCOUNT or account.organisation is None:
        return account.id
    return account.organisation


def bind(account: AccountSpec, spec: LimitSpec, model: str) -> BoundLimit | None:
    """`spec` as it stands for calls of `model` on `account`; None where it does not concern that model."""
    if not spec.covers(model):
        return None
    own_model = model if spec.model is None and spec.scope is LimitScope.MODEL else spec.model
    key = limit_key(
        provider=account.provider,
        owner=owner_of(account, spec.scope),
        model=own_model,
        metric=spec.metric,
        window=spec.window,
    )
    return BoundLimit(key, spec.metric, spec.window, spec.scope, own_model, spec.amount, spec.source)


def bind_all(account: AccountSpec, limits: Iterable[LimitSpec], model: str) -> tuple[BoundLimit, ...]:
    """Every limit that a call of `model` on `account` is counted against. Of two that share a key (one configured,
    one reported) the smaller amount is enforced."""
    bound: dict[str, BoundLimit] = {}
    for spec in limits:
        limit = bind(account, spec, model)
        if limit is not None:
            known = bound.get(limit.key)
            bound[limit.key] = limit if known is None else known.narrowed(limit.amount, limit.source)
    return tuple(bound.values())


def shared_limits(catalogue: Catalogue, account: AccountSpec) -> tuple[LimitSpec, ...]:
    """The limits configured for an account, and those that its organisation's other accounts were given for more than
    themselves: what the organisation shares, a model's among them."""
    provider = catalogue.provider(account.provider)
    if provider is None or account.organisation is None:
        return account.limits
    from_siblings = (
        spec
        for sibling in provider.accounts
        if sibling.id != account.id and sibling.organisation == account.organisation
        for spec in sibling.limits
        if spec.scope is not LimitScope.ACCOUNT
    )
    return tuple(dict.fromkeys((*account.limits, *from_siblings)))


def claims_from(
    limits: Iterable[BoundLimit], *, input_tokens: int, output_tokens: int, cost_pico: int | None
) -> tuple[Claim, ...]:
    """One claim per bound limit, at the estimated amounts (`output_tokens` is the whole output limit where the
    provider reserves that); of a share, of which no estimate can tell, the least there is. An unknown cost claims
    nothing of a cost limit; of an amount that is not believed enough use is only counted."""
    amounts = {
        Metric.REQUESTS: 1,
        Metric.INPUT_TOKENS: input_tokens,
        Metric.OUTPUT_TOKENS: output_tokens,
        Metric.TOTAL_TOKENS: input_tokens + output_tokens,
        Metric.COST: cost_pico or 0,
        Metric.CONCURRENCY: 1,
        Metric.SHARE: 1,
    }
    return tuple(
        Claim(
            limit.key,
            limit.metric,
            limit.window,
            limit.amount if limit.confidence >= BELIEVED_FROM else None,
            amounts[limit.metric],
        )
        for limit in limits
    )


def actual_amounts(
    claims: Iterable[Claim],
    usage: Usage,
    *,
    cost_pico: int | None = None,
    kept_output_tokens: int = 0,
    requests: int = 1,
) -> list[tuple[str, int]]:
    """True amounts as (key, amount), for `Ledger.settle`. What `usage` does not say is left out, so that its booking
    stands; the provider's own cost goes before `cost_pico`. `requests` were sent, of which one was booked: vectors of
    many texts may take several. Concurrency is the ledger's to give back.

    `kept_output_tokens`: the output limit that a provider reserved and does not give back when the answer is shorter
    (provider-facts §8 and trap 26, Cerebras: two short calls use up a minute). It stands in windows that only pace,
    where calls are admitted by it; longer ones settle at what was used.
    """
    spent_pico = cost_pico if usage.cost_pico is None else usage.cost_pico
    total_tokens = None
    if usage.input_tokens is not None and usage.output_tokens is not None:
        total_tokens = usage.input_tokens + usage.output_tokens
    known: dict[Metric, int | None] = {
        Metric.REQUESTS: requests,
        Metric.INPUT_TOKENS: usage.input_tokens,
        Metric.OUTPUT_TOKENS: usage.output_tokens,
        Metric.TOTAL_TOKENS: total_tokens,
        Metric.COST: spent_pico,
    }
    kept = max(0, kept_output_tokens - (usage.output_tokens or 0))
    amounts = [(claim, known.get(claim.metric)) for claim in claims]
    return [
        (claim.key, amount + (kept if claim.metric in _OF_OUTPUT and claim.window.paces_only else 0))
        for claim, amount in amounts
        if amount is not None
    ]
