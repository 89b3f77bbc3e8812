"""Catalogues, faults and a ledger whose figures a test sets, for the tests of quota."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.clock import START_MS

from trunkline.domain.faults import Fault, FaultKind, FaultScope
from trunkline.domain.limits import LimitReading, LimitScope, LimitSpec, Metric, Window
from trunkline.domain.preferences import Thresholds
from trunkline.domain.routes import (
    AccountSpec,
    Billing,
    Catalogue,
    KeyRef,
    KeySource,
    ModelSpec,
    ProviderSpec,
    Route,
)
from trunkline.domain.snapshot import AccountView, Counts
from trunkline.quota.ledger import KeyUse, Reservation, ReserveAsk, Shortage
from trunkline.quota.tracker import QuotaTracker

NOW_MS = START_MS
MINUTE = Window.parse("60s")
DAY = Window.parse("day")


class SetLedger:
    """Figures as a test sets them; counts how often it is read."""

    def __init__(self) -> None:
        self.figures: dict[str, KeyUse] = {}
        self.reads = 0
        self.raises = 0

    def set(self, key: str, used: int, resets_at_ms: int | None = None) -> KeyUse:
        self.figures[key] = KeyUse(key, used, resets_at_ms)
        return self.figures[key]

    def use(self, key: str, window: Window) -> KeyUse:
        self.reads += 1
        return self.figures.get(key, KeyUse(key, 0, None))

    def buckets(self, key: str) -> dict[int, int]:
        return {0: self.figures[key].used} if key in self.figures else {}

    def raise_use(self, key: str, window: Window, at_least: int, until_ms: int | None = None) -> None:
        self.raises += 1
        known = self.use(key, window)
        self.figures[key] = KeyUse(key, max(known.used, at_least), known.resets_at_ms)

    def lower_use(
        self, key: str, window: Window, at_most: int, *, own: bool = False, if_above: int = 0
    ) -> None:
        known = self.use(key, window)
        if known.used > if_above:
            self.figures[key] = KeyUse(key, min(known.used, at_most), known.resets_at_ms)

    async def reserve(self, ask: ReserveAsk) -> Reservation | Shortage:
        raise NotImplementedError

    def settle(self, reservation_id: str, actual: Sequence[tuple[str, int]]) -> None:
        raise NotImplementedError

    def release(self, reservation_id: str) -> None:
        raise NotImplementedError

    async def flush(self) -> None:
        raise NotImplementedError


class LaggingLedger(SetLedger):
    """Does what it is told only when `catch_up` is called, as a ledger with a writer thread may."""

    def __init__(self) -> None:
        super().__init__()
        self._told: list[tuple[str, Window, int]] = []

    def raise_use(self, key: str, window: Window, at_least: int, until_ms: int | None = None) -> None:
        self._told.append((key, window, at_least))

    def catch_up(self) -> None:
        for key, window, at_least in self._told:
            super().raise_use(key, window, at_least)
        self._told.clear()


def limit(
    metric: Metric = Metric.REQUESTS,
    amount: int = 100,
    window: str = "day",
    scope: LimitScope = LimitScope.ACCOUNT,
    model: str | None = None,
) -> LimitSpec:
    return LimitSpec(metric, amount, Window.parse(window), scope, model)


def reading(
    amount: int | None = 100,
    remaining: int | None = None,
    *,
    metric: Metric = Metric.REQUESTS,
    window: str = "day",
    scope: LimitScope = LimitScope.MODEL,
    resets_at_ms: int | None = None,
) -> LimitReading:
    return LimitReading(metric, Window.parse(window), amount, remaining, resets_at_ms, scope)


def account(
    name: str,
    *limits: LimitSpec,
    provider: str = "acme",
    organisation: str | None = None,
    key: str = "KEY",
    has_key: bool = True,
    enabled: bool = True,
) -> AccountSpec:
    return AccountSpec(
        provider,
        name,
        KeyRef(KeySource.ENV, key),
        Billing.RATE_LIMIT,
        has_key=has_key,
        organisation=organisation,
        enabled=enabled,
        limits=limits,
    )


def catalogue(*accounts: AccountSpec, models: Sequence[str] = ("small", "large")) -> Catalogue:
    providers = dict.fromkeys(account.provider for account in accounts)
    return Catalogue(
        tuple(
            ProviderSpec(
                provider,
                "openai",
                "http://127.0.0.1",
                accounts=tuple(account for account in accounts if account.provider == provider),
                models=tuple(ModelSpec(provider, model, 100_000) for model in models),
            )
            for provider in providers
        )
    )


def route(account: str = "a", model: str = "small", provider: str = "acme") -> Route:
    return Route(provider, account, model)


def fault(
    kind: FaultKind = FaultKind.RATE_MINUTE,
    scope: FaultScope = FaultScope.ACCOUNT,
    *,
    in_ms: int | None = None,
    readings: tuple[LimitReading, ...] = (),
) -> Fault:
    until_ms = None if in_ms is None else NOW_MS + in_ms
    return Fault(kind, scope, "code", "A sentence.", usable_at_ms=until_ms, readings=readings)


def account_view(
    quota: QuotaTracker, name: str = "a", now_ms: int = NOW_MS, counts: Counts | None = None
) -> AccountView:
    """An account as panels show it."""
    shown = quota.provider_view("acme", now_ms, {} if counts is None else {name: counts})
    return next(one for one in shown.accounts if one.id == name)


def tracker(*accounts: AccountSpec, ledger: SetLedger | None = None) -> QuotaTracker:
    quota = QuotaTracker(catalogue(*accounts), ledger or SetLedger(), Thresholds())
    quota.refresh_all(NOW_MS)
    return quota
