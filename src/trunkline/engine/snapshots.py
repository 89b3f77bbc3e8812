"""The engine at one moment as panels show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from trunkline.domain.crisis import CrisisSummary
from trunkline.domain.preferences import Config
from trunkline.domain.queue import QueueItem
from trunkline.domain.routes import Catalogue, Route
from trunkline.domain.snapshot import (
    AccountView,
    Counts,
    GatewayView,
    LogEntry,
    ProviderView,
    RunningCall,
    SharedAllowance,
    Snapshot,
    Totals,
)
from trunkline.engine.control import Standing
from trunkline.quota.tracker import QuotaTracker
from trunkline.store.queries import StoredTotals
from trunkline.store.reports_kept import KeptReport

Account = tuple[str, str]
# Provider, account and moment (wall ms): the accounts that seem to draw on the same allowance.
Sharing = Callable[[str, str, int], tuple[SharedAllowance, ...]]


def _nobody_shares(provider: str, account: str, now_ms: int) -> tuple[SharedAllowance, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class SnapshotParts:
    """What a snapshot is put together from: what is configured and ordered, what the tracker knows now, what the store
    said last. `reports` are what account endpoints told last, `shared` says
    which accounts are suspected of sharing an allowance. `in_flight` counts requests of this process."""

    now_ms: int
    config: Config
    standing: Standing
    tracker: QuotaTracker
    stored: StoredTotals
    log: tuple[LogEntry, ...]
    running: tuple[RunningCall, ...]
    in_flight: int
    config_error: str | None
    store_error: str | None
    read_only: bool = False
    queue: tuple[QueueItem, ...] = ()
    crisis: CrisisSummary | None = None
    last_crisis: CrisisSummary | None = None
    reports: Mapping[Account, KeptReport] = field(default_factory=dict)
    shared: Sharing = _nobody_shares
    gateways: tuple[GatewayView, ...] = ()


def build_snapshot(parts: SnapshotParts) -> Snapshot:
    """Everything panels show."""
    preferences, standing = parts.config.preferences, parts.standing
    return Snapshot(
        at_ms=parts.now_ms,
        since_ms=parts.stored.since_ms,
        generation=parts.config.generation,
        mode=standing.mode,
        modes=tuple(mode.name for mode in preferences.modes),
        pin=standing.pin_text,
        paused=standing.paused,
        crisis=parts.crisis,
        current_route=_last_answering_route(parts.log),
        providers=_provider_views(parts),
        routes=_routes(parts.config.catalogue),
        totals=_totals(parts, preferences.budget_day_pico),
        log=parts.log,
        config_error=parts.config_error,
        pin_expires_at_ms=standing.pin.expires_at_ms if standing.pin is not None else None,
        running=parts.running,
        task_types=tuple(policy.type for policy in preferences.tasks),
        store_error=parts.store_error,
        theme=preferences.theme,
        keymap=preferences.keymap,
        read_only=parts.read_only,
        queue=parts.queue,
        last_crisis=parts.last_crisis,
        override=standing.override_text,
        gateways=parts.gateways,
    )


def _provider_views(parts: SnapshotParts) -> tuple[ProviderView, ...]:
    under_way = Counter(account_of(call.route) for call in parts.running)
    return tuple(
        _with_calls_of_all(_provider_view(parts, provider.id), under_way)
        for provider in parts.config.catalogue.providers
        if provider.accounts
    )


def account_of(route: str) -> Account:
    """The account of a full route id."""
    provider, account, _ = route.split("/", 2)
    return provider, account


def _with_calls_of_all(view: ProviderView, under_way: Mapping[Account, int]) -> ProviderView:
    """Calls that other processes have under way count too; ours are known before the store tells of them."""
    if not any((view.id, account.id) in under_way for account in view.accounts):
        return view
    accounts = tuple(
        replace(account, in_flight=max(account.in_flight, under_way.get((view.id, account.id), 0)))
        for account in view.accounts
    )
    return replace(view, accounts=accounts)


def _provider_view(parts: SnapshotParts, provider: str) -> ProviderView:
    stored = parts.stored
    by_account = {one.account: one.counts for one in stored.accounts if one.provider == provider}
    whole = next((one.counts for one in stored.providers if one.provider == provider), Counts())
    view = parts.tracker.provider_view(provider, parts.now_ms, by_account, whole)
    told = _with_reports(_with_stored_latency(view, stored), parts.reports)
    return _with_suspicions(told, parts.shared, parts.now_ms)


def _with_suspicions(view: ProviderView, shared: Sharing, now_ms: int) -> ProviderView:
    """Whom each account seems to share an allowance with."""
    found = {account.id: shared(view.id, account.id, now_ms) for account in view.accounts}
    if not any(found.values()):
        return view
    return replace(view, accounts=tuple(replace(one, shares_with=found[one.id]) for one in view.accounts))


def _with_reports(view: ProviderView, reports: Mapping[Account, KeptReport]) -> ProviderView:
    """What the accounts told of themselves, with when."""
    if not any((view.id, account.id) in reports for account in view.accounts):
        return view
    return replace(
        view, accounts=tuple(_with_report(one, reports.get((view.id, one.id))) for one in view.accounts)
    )


def _with_report(view: AccountView, kept: KeptReport | None) -> AccountView:
    return view if kept is None else replace(view, report=kept.report, reported_at_ms=kept.reported_at_ms)


def _with_stored_latency(view: ProviderView, stored: StoredTotals) -> ProviderView:
    """What other processes measured, where this one has measured nothing yet."""
    known = {one.account: one.latency for one in stored.accounts if one.provider == view.id}
    accounts = tuple(
        replace(account, latency=known.get(account.id, account.latency))
        if account.latency.p50_ms is None
        else account
        for account in view.accounts
    )
    whole = next((one.latency for one in stored.providers if one.provider == view.id), view.latency)
    return replace(view, accounts=accounts, latency=whole if view.latency.p50_ms is None else view.latency)


def _routes(catalogue: Catalogue) -> tuple[str, ...]:
    return tuple(
        Route(provider.id, account.id, model.id).id
        for provider in catalogue.providers
        for account in provider.accounts
        if account.enabled and account.has_key
        for model in provider.models
        if model.retired_on is None and not model.embeds
    )


def _last_answering_route(log: tuple[LogEntry, ...]) -> str | None:
    return next((entry.routes[-1] for entry in log if entry.complete and entry.routes), None)


def _totals(parts: SnapshotParts, budget_day_pico: int | None) -> Totals:
    return replace(
        parts.stored.totals,
        in_flight=parts.in_flight,
        waiting=len(parts.queue),
        budget_day_pico=budget_day_pico,
    )
