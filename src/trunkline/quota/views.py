"""Accounts and providers as panels show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from trunkline.domain.faults import FaultCode, FaultKind
from trunkline.domain.limits import FigureSource, Forecast, LimitUse, Metric, is_pattern
from trunkline.domain.preferences import Thresholds
from trunkline.domain.routes import AccountSpec, ProviderSpec
from trunkline.domain.snapshot import AccountView, Counts, Latency, ProviderView, Status
from trunkline.domain.state import AccountState, Block
from trunkline.quota.health import (
    RecentStats,
    best,
    health_of,
    latency_of,
    status_of,
    status_of_success,
    worst,
)
from trunkline.quota.same import allowances

_OUT = (Status.EXHAUSTED, Status.DOWN)


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """All that an account's view is made of. `named` are keys of limits whose model the configuration names;
    `route_blocks` are the blocks of its routes by model. `doubted` limits keep no call away, and are shown as long as
    they do not seem used up."""

    spec: AccountSpec
    models: tuple[str, ...]
    state: AccountState
    named: frozenset[str]
    provider_block: Block | None
    route_blocks: Mapping[str, Block]
    stats: RecentStats | None
    thresholds: Thresholds
    now_ms: int
    forecasts: Mapping[str, Forecast] = field(default_factory=dict)
    doubted: tuple[LimitUse, ...] = ()

    def view(self, counts: Counts) -> AccountView:
        """The account's line, whatever keeps it from being called foremost."""
        block = self.block()
        held = block is not None and block.holds_at(self.now_ms)
        usable = self.spec.enabled and self.spec.has_key
        return AccountView(
            provider=self.spec.provider,
            id=self.spec.id,
            status=self.status() if usable else Status.DOWN,
            health=self._health() if usable and not held else 0,
            billing=self.spec.billing,
            enabled=self.spec.enabled,
            has_key=self.spec.has_key,
            key_ref=str(self.spec.key),
            limits=self.shown_limits(),
            block=block,
            counts=counts,
            latency=latency_of([self.stats]) if self.stats else Latency(),
            in_flight=self.state.in_flight,
            concurrency=self.state.concurrency,
            gone=tuple(m for m in self.models if self._is_gone(m)),
            set_aside=self.spec.set_aside,
            model_blocks=tuple(
                one
                for model, one in sorted(self.route_blocks.items())
                if one is not block and not self._is_gone(model)
            ),
        )

    def block(self) -> Block | None:
        """Why the account cannot be called: its provider's block, its own, or, where every one of its models is
        blocked, the block that ends first."""
        for block in (self.provider_block, self.state.block):
            if block is not None and block.holds_at(self.now_ms):
                return block
        held = [block for block in self.route_blocks.values() if block.holds_at(self.now_ms)]
        if self.models and all(model in self._blocked_models() for model in self.models):
            return min(held, key=lambda block: (block.until_ms is None, block.until_ms or 0))
        return self.state.block or self.provider_block

    def status(self) -> Status:
        """The worst of what concerns the whole account and of its models; a model that is out counts as critical as
        long as another can serve. A model the account was never allowed is left out; one that is allowed none is
        down."""
        whole = worst(
            (
                status_of((), self.provider_block, self.thresholds, self.now_ms),
                status_of(self._wide(), self.state.block, self.thresholds, self.now_ms),
                status_of_success(self.stats.success_share if self.stats else None, self.thresholds),
            )
        )
        of_models = [status for model in self.models if (status := self._model_status(model)) is not None]
        if not of_models:
            return Status.DOWN if self.models else whole
        if all(status in _OUT for status in of_models):
            return worst((whole, best(of_models)))
        return worst([whole, *(Status.CRITICAL if status in _OUT else status for status in of_models)])

    def _health(self) -> int:
        share = self.stats.success_share if self.stats else None
        return health_of(self.state.limits, share, None, self.now_ms)

    def shown_limits(self) -> tuple[LimitUse, ...]:
        """Every limit of the account or organisation, limits that the configuration gives to a named model, and of
        those that each model has by itself the tightest; what is one allowance known in two ways comes once. While a
        refusal for want of allowance holds, the limit that it must be about shows as used up."""
        tightest: dict[tuple[Metric, str, str], LimitUse] = {}
        shown = []
        doubted = (limit for limit in self.doubted if limit.left > 0)
        for allowance in allowances((*self._as_refused(), *doubted)):
            limit = allowance.limit
            if limit.model is None or is_pattern(limit.model) or not self.named.isdisjoint(allowance.keys):
                shown.append(limit)
                continue
            group = (limit.metric, str(limit.window), limit.window.zone)
            known = tightest.get(group)
            if known is None or _tightness(limit) < _tightness(known):
                tightest[group] = limit
        return tuple(self._with_forecast(limit) for limit in (*shown, *tightest.values()))

    def _with_forecast(self, limit: LimitUse) -> LimitUse:
        expected = self.forecasts.get(limit.key)
        return limit if expected is None or limit.left <= 0 else replace(limit, forecast=expected)

    def _wide(self) -> list[LimitUse]:
        return [limit for limit in self.state.limits if limit.model is None]

    def _blocked_models(self) -> frozenset[str]:
        return frozenset(m for m, block in self.route_blocks.items() if block.holds_at(self.now_ms))

    def _model_status(self, model: str) -> Status | None:
        block = self.route_blocks.get(model)
        if block is not None and block.kind is FaultKind.ENTITLEMENT:
            return None
        limits = [limit for limit in self.state.limits if limit.model is not None and limit.covers(model)]
        if any(limit.amount <= 0 for limit in limits):
            return None
        return status_of(limits, block, self.thresholds, self.now_ms)

    def _is_gone(self, model: str) -> bool:
        block = self.route_blocks.get(model)
        return block is not None and block.code == FaultCode.MODEL_GONE

    def _as_refused(self) -> list[LimitUse]:
        limits = list(self.state.limits)
        held = [(None, self.state.block), *self.route_blocks.items()]
        for model, block in held:
            if block is None or not block.kind.is_limit or not block.holds_at(self.now_ms):
                continue
            meant = [
                at
                for at, limit in enumerate(limits)
                if limit.window.paces_only == (block.kind is FaultKind.RATE_MINUTE)
                and limit.metric is not Metric.CONCURRENCY
                and (model is None or limit.covers(model))
            ]
            if meant:
                at = min(meant, key=lambda at: _tightness(limits[at]))
                limits[at] = _used_up(limits[at], block)
        return limits


def provider_view(
    spec: ProviderSpec,
    accounts: Sequence[AccountView],
    stats: Iterable[RecentStats],
    block: Block | None,
    counts: Counts,
    now_ms: int,
) -> ProviderView:
    """A provider's line over its accounts: as well as its best account that is enabled and has a key; its health is
    the average of those, for a pool half used up is half well."""
    usable = [account for account in accounts if account.enabled and account.has_key]
    held = block is not None and block.holds_at(now_ms)
    return ProviderView(
        id=spec.id,
        status=best(account.status for account in usable),
        health=round(sum(account.health for account in usable) / len(usable)) if usable and not held else 0,
        billing=spec.billing,
        accounts=tuple(accounts),
        counts=counts,
        latency=latency_of(stats),
        block=block,
    )


def _tightness(limit: LimitUse) -> tuple[bool, float, int]:
    return limit.amount <= 0, limit.share_left, -limit.used


def _used_up(limit: LimitUse, block: Block) -> LimitUse:
    return replace(
        limit,
        used=max(limit.used, limit.amount),
        resets_at_ms=block.until_ms,
        source=FigureSource.LEARNED,
        as_of_ms=block.since_ms,
        confidence=min(limit.confidence, block.confidence),
        flaw="; ".join(dict.fromkeys(flaw for flaw in (limit.flaw, block.flaw) if flaw)),
    )
