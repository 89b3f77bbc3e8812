"""The calls to one account that cost nothing: its list of models and its account endpoints."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from trunkline.domain.checks import AccountReport, ListedModel, ModelList
from trunkline.domain.faults import Fault, FaultKind
from trunkline.domain.limits import LimitReading, LimitScope
from trunkline.domain.routes import AccountSpec, ModelSpec, ProviderSpec, Route, SelfReport
from trunkline.engine.core import EngineCore
from trunkline.engine.generation import Generation
from trunkline.engine.own_faults import internal_fault
from trunkline.providers.call import FreeCall
from trunkline.providers.protocol import CallContext, WireProtocol, WireReply, WireRequest
from trunkline.quota.windows import calendar_period

if TYPE_CHECKING:
    from trunkline.providers.reports.endpoint import AccountEndpoint

_CONNECT_MS = 4_000
_MOST_PAGES = 20
_LEAST_MS = 50


@dataclass(frozen=True, slots=True)
class Reported:
    """What the account endpoints told together; `answered` says whether any of them did, `report` is None where there
    is nothing to say. `refusals` are of those that reject the key for good, `faults` of all that failed. `readings` are
    the limits that follow from it, used shares of a plan's windows among them. `vouched`: one that would have rejected
    a wrong key has taken it."""

    report: AccountReport | None = None
    answered: bool = False
    refusals: tuple[Fault, ...] = ()
    faults: tuple[Fault, ...] = ()
    readings: tuple[LimitReading, ...] = ()
    vouched: bool = False


class FreeCalls:
    """Sends the free calls to one account, all of them within `timeout_ms`. `readings` are the limits of the whole
    account that came with lists of models."""

    def __init__(
        self,
        core: EngineCore,
        generation: Generation,
        provider: ProviderSpec,
        account: AccountSpec,
        timeout_ms: int,
    ) -> None:
        self._core = core
        self._provider = provider
        self._account = account
        self._timeout_ms = timeout_ms
        self._key = generation.keys.secret(account.key)
        self.base_url = account.base_url or provider.base_url
        self.began_at_ms = core.clock.wall_ms()
        self._began_mono_ms = core.clock.mono_ms()
        self.readings: list[LimitReading] = []
        model = provider.models[0] if provider.models else ModelSpec(provider.id, "*", 0)
        self.route = Route(provider.id, account.id, model.id)
        self._context = CallContext(provider, account, model, self.began_at_ms)

    @property
    def took_ms(self) -> float:
        """Since the first of them began."""
        return self._core.clock.mono_ms() - self._began_mono_ms

    @property
    def key_mark(self) -> str | None:
        """The mark of the key that is used, None where none is."""
        return self._key.mark() if self._key is not None else None

    async def _fetch(self, request: WireRequest, base_url: str) -> WireReply | Fault:
        """Send one free call within what is left of the account's time."""
        left_ms = max(_LEAST_MS, round(self._timeout_ms - self.took_ms))
        call = FreeCall(base_url, request, self._key, min(_CONNECT_MS, left_ms), left_ms)
        return await self._core.transport.fetch(call)

    async def models(self, protocol: WireProtocol, base_url: str) -> tuple[ListedModel, ...] | Fault:
        """Every model that the account lists at that address, over all pages."""
        models: list[ListedModel] = []
        page: str | None = None
        seen: set[str] = set()
        for _ in range(_MOST_PAGES):
            reply = await self._fetch(protocol.models_request(self._context, page=page), base_url)
            if isinstance(reply, Fault):
                return reply
            found = protocol.read_models(reply, self._context)
            if not isinstance(found, ModelList):
                return found
            if base_url == self.base_url:
                self.readings += _of_account(
                    protocol.read_limits(reply.headers, self._context), self.began_at_ms
                )
            models += found.models
            page = found.next_page
            if page is None or page in seen:
                break
            seen.add(page)
        return tuple({model.id: model for model in models}.values())

    async def report(self) -> Reported:
        """Ask all account endpoints, side by side."""
        if self._provider.quirks.self_report is SelfReport.NONE:
            return Reported()
        from trunkline.providers.reports.choose import endpoints_of
        from trunkline.providers.reports.shares import readings_of_shares

        kind, billing = self._provider.quirks.self_report, self._account.billing
        told = await asyncio.gather(*(self._ask(ways) for ways in endpoints_of(kind, billing)))
        reports = [one for one, _ in told if isinstance(one, AccountReport)]
        failed = [(one, decisive) for one, decisive in told if isinstance(one, Fault)]
        faults = tuple(one for one, _ in failed)
        refusals = tuple(one for one, decisive in failed if decisive and one.kind is FaultKind.AUTH)
        notes = [f"the account endpoint: {one.message}" for one in faults if one not in refusals]
        if not reports and not notes:
            return Reported(refusals=refusals, faults=faults)
        merged = AccountReport(
            readings=_of_account(
                tuple(chain.from_iterable(report.readings for report in reports)), self.began_at_ms
            ),
            balance=next((report.balance for report in reports if report.balance is not None), None),
            notes=(*chain.from_iterable(report.notes for report in reports), *notes),
            shares=tuple(chain.from_iterable(report.shares for report in reports)),
            fault=next((report.fault for report in reports if report.fault is not None), None),
        )
        shared = readings_of_shares(merged.shares, self._context)
        vouched = any(decisive for one, decisive in told if isinstance(one, AccountReport))
        return Reported(
            merged, bool(reports), refusals, faults, (*merged.readings, *shared), vouched and not refusals
        )

    async def _ask(self, ways: tuple[AccountEndpoint, ...]) -> tuple[AccountReport | Fault, bool]:
        """What one account endpoint tells, asked in one way after another, and whether its refusal is of the key."""
        told: AccountReport | Fault = internal_fault()
        decisive = False
        for way in ways:
            reply = await self._fetch(way.request(self._context), self.base_url)
            told = reply if isinstance(reply, Fault) else way.read(reply, self._context)
            decisive = way.decisive
            if isinstance(told, AccountReport) or not told.request_sent:
                break
        return told, decisive


def _of_account(readings: tuple[LimitReading, ...], now_ms: int) -> tuple[LimitReading, ...]:
    """What is said of the whole account; a list of models says nothing of one model's allowance."""
    return tuple(_dated(one, now_ms) for one in readings if one.scope is not LimitScope.MODEL)


def _dated(reading: LimitReading, now_ms: int) -> LimitReading:
    """The reading with the end of its calendar period, where nobody said when it renews."""
    if reading.resets_at_ms is not None or reading.window.unit is None:
        return reading
    return replace(reading, resets_at_ms=calendar_period(reading.window, now_ms)[1])
