"""Whether accounts answer, found out with calls that cost nothing, and what those calls tell."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from trunkline.config.problems import suggestion
from trunkline.domain.checks import AccountReport, CheckResult, ListedModel, ModelList
from trunkline.domain.errors import ConfigError
from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.limits import LimitReading, LimitScope
from trunkline.domain.routes import (
    AccountSpec,
    Catalogue,
    EndpointSpec,
    ModelSpec,
    ProviderSpec,
    Route,
    SelfReport,
)
from trunkline.domain.state import Block
from trunkline.engine.api import CHECK_TIMEOUT_MS
from trunkline.engine.check_hints import Elsewhere, hint_for, keyless_hint
from trunkline.engine.core import EngineCore
from trunkline.engine.generation import Generation
from trunkline.engine.own_faults import internal_fault
from trunkline.providers.call import FreeCall
from trunkline.providers.protocol import CallContext, WireProtocol, WireReply, WireRequest
from trunkline.quota.windows import calendar_period

if TYPE_CHECKING:
    from trunkline.providers.reports.endpoint import AccountEndpoint

_log = logging.getLogger(__name__)

_AT_ONCE = 16
_CONNECT_MS = 4_000
_MOST_PAGES = 20
_LEAST_MS = 50
_NO_KEY = "no_key"
# Faults that a key meets at an address that is not its own.
_OF_THE_ADDRESS = (FaultKind.AUTH, FaultKind.BILLING, FaultKind.ENTITLEMENT)
_PLAN_KEY_ELSEWHERE = "1113"
_LATEST = ":latest"

OnResult = Callable[[CheckResult], None]


async def check(
    core: EngineCore,
    selector: str | None,
    *,
    timeout_ms: int = CHECK_TIMEOUT_MS,
    on_result: OnResult | None = None,
) -> tuple[CheckResult, ...]:
    """Ask the chosen accounts (None: every one that is enabled) with free calls, all at once, at most `timeout_ms`
    each, and teach the engine what they say. `on_result` hears of each as it is done; the results are in the
    catalogue's order. Raises ConfigError when `selector` names no provider or account."""
    generation = core.generation
    chosen = _chosen(generation.config.catalogue, selector)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(provider: ProviderSpec, account: AccountSpec | None) -> CheckResult:
        async with gate:
            if account is None:
                result = _keyless(core, provider, None)
            else:
                result = await _guarded(_AccountCheck(core, generation, provider, account, timeout_ms))
        if on_result is not None:
            on_result(result)
        return result

    results = await asyncio.gather(*(one(provider, account) for provider, account in chosen))
    core.changed = True
    return tuple(results)


def _chosen(catalogue: Catalogue, selector: str | None) -> list[tuple[ProviderSpec, AccountSpec | None]]:
    """The accounts meant, with their providers; None in place of an account for a provider that has none."""
    if selector is None:
        return [(p, account) for p in catalogue.providers for account in p.accounts if account.enabled]
    name, slash, account_id = selector.strip().partition("/")
    provider = catalogue.provider(name)
    if provider is not None and not slash:
        enabled = [account for account in provider.accounts if account.enabled]
        return [(provider, account) for account in enabled or provider.accounts or (None,)]
    account = catalogue.account(name, account_id)
    if provider is not None and account is not None:
        return [(provider, account)]
    known = [provider.id for provider in catalogue.providers]
    known += [f"{account.provider}/{account.id}" for p in catalogue.providers for account in p.accounts]
    raise ConfigError(
        file="check",
        key="",
        value=selector,
        expected="a provider or provider/account",
        remedy=suggestion(selector, known) or "`trunkline list` names them",
    )


async def _guarded(checking: _AccountCheck) -> CheckResult:
    try:
        return await checking.run()
    except Exception:
        _log.exception("the check of %s failed inside the engine", checking.name)
        return checking.result(fault=internal_fault())


def _keyless(core: EngineCore, provider: ProviderSpec, account: AccountSpec | None) -> CheckResult:
    fault = Fault(
        FaultKind.AUTH,
        FaultScope.ACCOUNT,
        _NO_KEY,
        f"no key at {account.key}" if account is not None else "no account is configured",
        evidence="configuration",
        request_sent=False,
    )
    return CheckResult(
        provider.id,
        account.id if account is not None else "",
        core.clock.wall_ms(),
        0.0,
        fault=fault,
        hint=keyless_hint(provider, account),
    )


class _AccountCheck:
    """The free calls to one account, and what follows from them."""

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
        self._base_url = account.base_url or provider.base_url
        self._began_at_ms = core.clock.wall_ms()
        self._began_mono_ms = core.clock.mono_ms()
        self._readings: list[LimitReading] = []
        model = provider.models[0] if provider.models else ModelSpec(provider.id, "*", 0)
        self._route = Route(provider.id, account.id, model.id)
        self._context = CallContext(provider, account, model, self._began_at_ms)

    @property
    def name(self) -> str:
        """`provider/account`."""
        return f"{self._provider.id}/{self._account.id}"

    def result(
        self,
        *,
        fault: Fault | None = None,
        models: tuple[ListedModel, ...] | None = None,
        report: AccountReport | None = None,
        hint: str = "",
    ) -> CheckResult:
        """What the check gave, stamped."""
        return CheckResult(
            provider=self._provider.id,
            account=self._account.id,
            checked_at_ms=self._began_at_ms,
            took_ms=self._core.clock.mono_ms() - self._began_mono_ms,
            fault=fault,
            models=models,
            missing=self._missing(models),
            report=report,
            readings=tuple(self._readings),
            hint=hint,
        )

    async def run(self) -> CheckResult:
        """Ask for the models and for the account's own report side by side."""
        if not self._account.has_key:
            return _keyless(self._core, self._provider, self._account)
        protocol = self._core.protocol(self._provider.protocol)
        listed, (report, refusals) = await asyncio.gather(
            self._models(protocol, self._base_url), self._report()
        )
        fault = self._fault(listed, report, refusals)
        models = listed if isinstance(listed, tuple) else None
        self._learn(fault, models, report)
        elsewhere = await self._elsewhere(protocol, fault, report)
        hint = hint_for(fault, self._provider, self._account, elsewhere, timeout_ms=self._timeout_ms)
        if fault is None and isinstance(listed, Fault):
            hint = hint or f"its list of models was not told: {listed.message}"
        return self.result(fault=fault, models=models, report=report, hint=hint)

    # -- the calls ----------------------------------------------------------------------------------------------

    async def _fetch(self, request: WireRequest, base_url: str) -> WireReply | Fault:
        """Send one free call within what is left of the account's time."""
        left_ms = round(self._timeout_ms - (self._core.clock.mono_ms() - self._began_mono_ms))
        call = FreeCall(
            base_url, request, self._key, min(_CONNECT_MS, max(_LEAST_MS, left_ms)), max(_LEAST_MS, left_ms)
        )
        return await self._core.transport.fetch(call)

    async def _models(self, protocol: WireProtocol, base_url: str) -> tuple[ListedModel, ...] | Fault:
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
            if base_url == self._base_url:
                self._note_limits(protocol.read_limits(reply.headers, self._context))
            models += found.models
            page = found.next_page
            if page is None or page in seen:
                break
            seen.add(page)
        return tuple({model.id: model for model in models}.values())

    async def _report(self) -> tuple[AccountReport | None, list[Fault]]:
        """What the account endpoints told together, and what those said that reject the key for good."""
        if self._provider.quirks.self_report is SelfReport.NONE:
            return None, []
        from trunkline.providers.reports.choose import endpoints_of

        kind, billing = self._provider.quirks.self_report, self._account.billing
        told = await asyncio.gather(*(self._ask(ways) for ways in endpoints_of(kind, billing)))
        reports = [one for one, _ in told if isinstance(one, AccountReport)]
        failed = [(one, decisive) for one, decisive in told if isinstance(one, Fault)]
        refusals = [one for one, decisive in failed if decisive and one.kind is FaultKind.AUTH]
        notes = [f"the account endpoint: {one.message}" for one, _ in failed if one not in refusals]
        if not reports and not notes:
            return None, refusals
        merged = AccountReport(
            readings=tuple(chain.from_iterable(report.readings for report in reports)),
            balance=next((report.balance for report in reports if report.balance is not None), None),
            notes=(*chain.from_iterable(report.notes for report in reports), *notes),
            shares=tuple(chain.from_iterable(report.shares for report in reports)),
            fault=next((report.fault for report in reports if report.fault is not None), None),
        )
        self._note_limits(merged.readings)
        return merged, refusals

    async def _ask(self, ways: tuple[AccountEndpoint, ...]) -> tuple[AccountReport | Fault, bool]:
        """What one account endpoint tells, asked in one way after another, and whether its refusal is of the key."""
        told: AccountReport | Fault = internal_fault()
        decisive = False
        for way in ways:
            reply = await self._fetch(way.request(self._context), self._base_url)
            told = reply if isinstance(reply, Fault) else way.read(reply, self._context)
            decisive = way.decisive
            if isinstance(told, AccountReport) or not told.request_sent:
                break
        return told, decisive

    async def _elsewhere(
        self, protocol: WireProtocol, fault: Fault | None, report: AccountReport | None
    ) -> Elsewhere:
        """Whether the key belongs to another address of its provider: tried there, where it is refused here."""
        plan_told = report is not None and bool(report.shares)
        as_plan = _PLAN_KEY_ELSEWHERE in (self._blocked_by(), fault.code if fault is not None else None)
        refused = fault is not None and fault.kind in _OF_THE_ADDRESS and fault.request_sent
        others = self._other_endpoints() if refused or as_plan else ()
        tried = await asyncio.gather(*(self._models(protocol, other.base_url) for other in others))
        works = tuple(other for other, told in zip(others, tried, strict=True) if isinstance(told, tuple))
        return Elsewhere(tried=others, works=works, plan_told=plan_told, refused_as_plan=as_plan)

    def _other_endpoints(self) -> tuple[EndpointSpec, ...]:
        """The provider's addresses that the account does not use; none for an account with an address of its own,
        whose key is nobody else's business."""
        account, provider = self._account, self._provider
        if account.base_url is not None and account.endpoint is None:
            return ()
        general = EndpointSpec("", provider.base_url)
        return tuple(one for one in (*provider.endpoints, general) if one.base_url != self._base_url)

    def _blocked_by(self) -> str | None:
        """The code of the refusal that the account is blocked for."""
        blocks = self._core.tracker.blocks()
        return next((block.code for block in blocks if block.target == self.name), None)

    # -- what follows -------------------------------------------------------------------------------------------

    def _missing(self, models: tuple[ListedModel, ...] | None) -> tuple[str, ...]:
        """Configured models, those retired left out, that the account does not list."""
        if models is None:
            return ()
        today = dt.datetime.fromtimestamp(self._began_at_ms / 1000, dt.UTC).date().isoformat()
        listed = {model.id.removesuffix(_LATEST) for model in models}
        return tuple(
            model.id
            for model in self._provider.models
            if (model.retired_on is None or model.retired_on > today)
            and model.id.removesuffix(_LATEST) not in listed
        )

    def _fault(
        self,
        listed: tuple[ListedModel, ...] | Fault,
        report: AccountReport | None,
        refusals: list[Fault],
    ) -> Fault | None:
        """What keeps the account from being called. A key may be rejected by its account endpoint though the list of
        models, which some providers show to anybody, was given. A provider without a list may still report."""
        if refusals:
            return refusals[0]
        if isinstance(listed, Fault) and (
            listed.kind is FaultKind.AUTH or report is None or not _told(report)
        ):
            return listed
        return report.fault if report is not None else None

    def _note_limits(self, readings: tuple[LimitReading, ...]) -> None:
        """Keep what is said of the whole account; a list of models says nothing of one model's allowance."""
        now_ms = self._began_at_ms
        self._readings += [_dated(one, now_ms) for one in readings if one.scope is not LimitScope.MODEL]

    def _learn(
        self,
        fault: Fault | None,
        models: tuple[ListedModel, ...] | None,
        report: AccountReport | None,
    ) -> None:
        """Tell the engine: limits, a rejected key or an empty balance, and what has healed."""
        core = self._core
        core.limits_read(self._route, tuple(self._readings))
        if fault is not None:
            if fault.kind in (FaultKind.AUTH, FaultKind.BILLING) and fault.scope is FaultScope.ACCOUNT:
                core.fault_seen(self._route, fault)
            return
        in_credit = report is not None and report.balance is not None and report.balance.millionths > 0
        listed = {model.id for model in models or ()}
        core.heal(block for block in core.tracker.blocks() if self._is_over(block, in_credit, listed))

    def _is_over(self, block: Block, in_credit: bool, listed: set[str]) -> bool:
        """Whether the account's answers disprove a block of it: its key is taken, there is credit, the model is
        listed."""
        if block.target == self.name:
            return block.kind is FaultKind.AUTH or (block.kind is FaultKind.BILLING and in_credit)
        if block.code != FaultCode.MODEL_GONE or not block.target.startswith(f"{self.name}/"):
            return False
        return block.target.removeprefix(f"{self.name}/") in listed


def _dated(reading: LimitReading, now_ms: int) -> LimitReading:
    """The reading with the end of its calendar period, where nobody said when it renews."""
    if reading.resets_at_ms is not None or reading.window.unit is None:
        return reading
    return replace(reading, resets_at_ms=calendar_period(reading.window, now_ms)[1])


def _told(report: AccountReport) -> bool:
    """Whether the report says anything that only an account which answers could."""
    return bool(report.readings or report.shares or report.balance is not None)
