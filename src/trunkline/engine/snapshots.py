"""The engine at one moment as panels show it."""

from __future__ import annotations

from dataclasses import replace

from trunkline.domain.routes import Route
from trunkline.domain.snapshot import Counts, LogEntry, ProviderView, Snapshot, Totals
from trunkline.engine.core import EngineCore
from trunkline.store.queries import StoredTotals


def build_snapshot(
    core: EngineCore,
    *,
    stored: StoredTotals,
    log: tuple[LogEntry, ...],
    in_flight: int,
    since_ms: int,
    config_error: str | None,
) -> Snapshot:
    """Put together what the tracker knows now and what the store said last."""
    generation = core.generation
    preferences = generation.config.preferences
    standing = core.standing(generation)
    now_ms = core.clock.wall_ms()
    providers = tuple(
        _provider_view(core, provider.id, stored, now_ms)
        for provider in generation.config.catalogue.providers
        if provider.accounts
    )
    return Snapshot(
        at_ms=now_ms,
        since_ms=since_ms,
        generation=generation.config.generation,
        mode=standing.mode,
        modes=tuple(mode.name for mode in preferences.modes),
        pin=standing.pin_text,
        paused=standing.paused,
        crisis=False,
        current_route=_last_answering_route(log),
        providers=providers,
        routes=_routes(core),
        totals=_totals(stored, in_flight, core.waiting, preferences.budget_day_pico),
        log=log,
        config_error=config_error,
    )


def _provider_view(core: EngineCore, provider: str, stored: StoredTotals, now_ms: int) -> ProviderView:
    by_account = {one.account: one.counts for one in stored.accounts if one.provider == provider}
    whole = next((one.counts for one in stored.providers if one.provider == provider), Counts())
    view = core.tracker.provider_view(provider, now_ms, by_account, whole)
    return _with_stored_latency(view, stored)


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


def _routes(core: EngineCore) -> tuple[str, ...]:
    return tuple(
        Route(provider.id, account.id, model.id).id
        for provider in core.generation.config.catalogue.providers
        for account in provider.accounts
        if account.enabled and account.has_key
        for model in provider.models
        if model.retired_on is None
    )


def _last_answering_route(log: tuple[LogEntry, ...]) -> str | None:
    return next((entry.routes[-1] for entry in log if entry.complete and entry.routes), None)


def _totals(stored: StoredTotals, in_flight: int, waiting: int, budget_day_pico: int | None) -> Totals:
    return replace(stored.totals, in_flight=in_flight, waiting=waiting, budget_day_pico=budget_day_pico)
