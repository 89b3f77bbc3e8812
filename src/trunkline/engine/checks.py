"""Whether accounts answer, found out with calls that cost nothing, and what those calls tell."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable, Iterable

from trunkline.config.problems import suggestion
from trunkline.domain.checks import AccountReport, CheckResult, ListedModel
from trunkline.domain.errors import ConfigError
from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.routes import (
    AccountSpec,
    Catalogue,
    EndpointSpec,
    ProviderSpec,
    Route,
)
from trunkline.domain.state import EMPTY_ROUTE_STATE, Block
from trunkline.engine.api import CHECK_TIMEOUT_MS
from trunkline.engine.check_hints import Elsewhere, hint_for, keyless_hint
from trunkline.engine.core import EngineCore
from trunkline.engine.free_calls import FreeCalls, Reported
from trunkline.engine.generation import Generation
from trunkline.engine.own_faults import internal_fault
from trunkline.providers.protocol import WireProtocol

_log = logging.getLogger(__name__)

_AT_ONCE = 16
_NO_KEY = "no_key"
# Faults that a key meets at an address that is not its own.
_OF_THE_ADDRESS = (FaultKind.AUTH, FaultKind.BILLING, FaultKind.ENTITLEMENT)
_PLAN_KEY_ELSEWHERE = "1113"
_LATEST, _LATEST_TOO = ":latest", "-latest"

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
        self._calls = FreeCalls(core, generation, provider, account, timeout_ms)

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
            checked_at_ms=self._calls.began_at_ms,
            took_ms=self._calls.took_ms,
            fault=fault,
            models=models,
            missing=self._missing(models),
            report=report,
            readings=(*self._calls.readings, *(() if report is None else report.readings)),
            hint=hint,
        )

    async def run(self) -> CheckResult:
        """Ask for the models and for the account's own report side by side."""
        if not self._account.has_key:
            return _keyless(self._core, self._provider, self._account)
        protocol, calls = self._core.protocol(self._provider.protocol), self._calls
        listed, reported = await asyncio.gather(calls.models(protocol, calls.base_url), calls.report())
        report = reported.report
        fault = self._fault(listed, reported)
        models = listed if isinstance(listed, tuple) else None
        self._learn(fault, models, reported)
        elsewhere = await self._elsewhere(protocol, fault, report)
        hint = hint_for(fault, self._provider, self._account, elsewhere, timeout_ms=self._timeout_ms)
        if fault is None and isinstance(listed, Fault):
            hint = hint or f"its list of models was not told: {listed.message}"
        return self.result(fault=fault, models=models, report=report, hint=hint)

    async def _elsewhere(
        self, protocol: WireProtocol, fault: Fault | None, report: AccountReport | None
    ) -> Elsewhere:
        """Whether the key belongs to another address of its provider: tried there, where it is refused here."""
        plan_told = report is not None and bool(report.shares)
        as_plan = _PLAN_KEY_ELSEWHERE in (self._blocked_by(), fault.code if fault is not None else None)
        refused = fault is not None and fault.kind in _OF_THE_ADDRESS and fault.request_sent
        others = self._other_endpoints() if refused or as_plan else ()
        tried = await asyncio.gather(*(self._calls.models(protocol, other.base_url) for other in others))
        works = tuple(other for other, told in zip(others, tried, strict=True) if isinstance(told, tuple))
        return Elsewhere(tried=others, works=works, plan_told=plan_told, refused_as_plan=as_plan)

    def _other_endpoints(self) -> tuple[EndpointSpec, ...]:
        """The provider's addresses that the account does not use; none for an account with an address of its own,
        whose key is nobody else's business."""
        account, provider = self._account, self._provider
        if account.base_url is not None and account.endpoint is None:
            return ()
        general = EndpointSpec("", provider.base_url)
        return tuple(one for one in (*provider.endpoints, general) if one.base_url != self._calls.base_url)

    def _blocked_by(self) -> str | None:
        """The code of the refusal that the account is blocked for."""
        blocks = self._core.tracker.blocks()
        return next((block.code for block in blocks if block.target == self.name), None)

    # -- what follows -------------------------------------------------------------------------------------------

    def _missing(self, models: tuple[ListedModel, ...] | None) -> tuple[str, ...]:
        """Configured models, those retired left out, that the account does not list. Lists are of models that answer:
        OpenRouter and Google keep those that give vectors apart."""
        if models is None:
            return ()
        today = dt.datetime.fromtimestamp(self._calls.began_at_ms / 1000, dt.UTC).date().isoformat()
        listed = {model.id.removesuffix(_LATEST) for model in models}
        return tuple(
            model.id
            for model in self._provider.models
            if not model.embeds
            and (model.retired_on is None or model.retired_on > today)
            and model.id.removesuffix(_LATEST) not in listed
        )

    def _fault(self, listed: tuple[ListedModel, ...] | Fault, reported: Reported) -> Fault | None:
        """What keeps the account from being called. A key may be rejected by its account endpoint though the list of
        models, which some providers show to anybody, was given. A provider without a list may still report."""
        report = reported.report
        if reported.refusals:
            return reported.refusals[0]
        if isinstance(listed, Fault) and (
            listed.kind is FaultKind.AUTH or report is None or not _told(report)
        ):
            return listed
        return report.fault if report is not None else None

    def _learn(self, fault: Fault | None, models: tuple[ListedModel, ...] | None, reported: Reported) -> None:
        """Tell the engine: limits, a rejected key or an empty balance, and what has healed."""
        core, report = self._core, reported.report
        core.lessons.limits_read(self._calls.route, tuple(self._calls.readings))
        core.reports.told(self._calls, reported, at_once=True)
        if fault is not None:
            if fault.kind in (FaultKind.AUTH, FaultKind.BILLING) and fault.scope is FaultScope.ACCOUNT:
                core.lessons.fault_seen(self._calls.route, fault)
            return
        in_credit = report is not None and report.balance is not None and report.balance.millionths > 0
        listed = {model.id for model in models or ()}
        over = [block for block in core.tracker.blocks() if self._is_over(block, in_credit, listed)]
        core.lessons.heal(block.target for block in over)
        self._learn_unlisted(models or ())

    def _learn_unlisted(self, models: tuple[ListedModel, ...]) -> None:
        """Models that the list lacks go behind the others. Not where it has none that is configured, for then it is of
        other names; nor one of which it has another version, or which has answered lately: lists are not always
        whole."""
        core, provider = self._core, self._provider
        missing = self._missing(models)
        if not any(model.id in {one.id for one in models} for model in provider.models):
            return
        routes = core.state_without_request(core.generation).routes
        for model in missing:
            route = Route(provider.id, self._account.id, model)
            state = routes.get(route, EMPTY_ROUTE_STATE)
            if not state.success_share and not _has_version(model, (one.id for one in models)):
                core.lessons.not_listed(route, self._calls.began_at_ms)

    def _is_over(self, block: Block, in_credit: bool, listed: set[str]) -> bool:
        """Whether the account's answers disprove a block of it: its key is taken, there is credit, the model is
        listed, itself or in another version."""
        if block.target == self.name:
            return block.kind is FaultKind.AUTH or (block.kind is FaultKind.BILLING and in_credit)
        if not block.target.startswith(f"{self.name}/"):
            return False
        if block.code == FaultCode.NOT_LISTED:
            return _has_version(block.model, listed)
        return block.code == FaultCode.MODEL_GONE and block.model in listed


def _has_version(model: str, listed: Iterable[str]) -> bool:
    """Whether any of the listed ids is that model, or a version of it with more to its name."""
    stem = model.removesuffix(_LATEST).removesuffix(_LATEST_TOO)
    return any(one.startswith(stem) for one in listed)


def _told(report: AccountReport) -> bool:
    """Whether the report says anything that only an account which answers could."""
    return bool(report.readings or report.shares or report.balance is not None)
