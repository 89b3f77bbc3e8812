"""How far a refusal reaches, judged by what else was refused and answered at the same time.

Where a provider names the scope of a refusal, its word stands. Where it does not, the scope that its protocol's reader
gave is a guess (`Fault.confidence` below `NAMED`), and the calls beside it decide: several models of an account
refused with nothing answered between them make it the account's, an answer beside a refused account makes it the
model's. What is inferred for more than what was refused is kept short, so that a real request soon tries it.

Memory is bounded by accounts × `MOST_MODELS`; every step looks at one account, or at what a provider refused lately.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.routes import Catalogue, Route
from trunkline.domain.snapshot import SharedAllowance
from trunkline.domain.state import Block
from trunkline.quota.breaker import MINUTE_MS, account_target
from trunkline.quota.capacity import CapacityJudge
from trunkline.quota.suspicion import ACTED_ON_FROM, SAME_RESET_MS, Refusal, Suspicions
from trunkline.quota.verdicts import NAMED, Inferred, Narrowing, Verdict, for_more, is_disproved

WIDEN_FROM = 0.65
SHARED = "shared_allowance"
"""The code of a block that is there because another account, suspected of sharing the allowance, was refused."""
MOST_MODELS = 32
MOST_REFUSED = 16
_WHOLE_HOUR_MS = 3_600_000
# OpenAI and Kimi name it as `org-…`, Anthropic as `organization: ` and a UUID.
_ORGANISATION = re.compile(r"\b(org-[\w-]{1,64})\b|\borgani[sz]ation: ([0-9a-f-]{36})\b", re.IGNORECASE)
# How long refusals of one kind are counted together.
_TOGETHER_MS = {
    FaultKind.RATE_MINUTE: 10_000,
    FaultKind.QUOTA_WINDOW: 10 * MINUTE_MS,
    FaultKind.ENTITLEMENT: 10 * MINUTE_MS,
}
_SHORT_HOLD_MS = 5 * MINUTE_MS
_NEVER = 1 << 60


@dataclass(slots=True)
class _Seen:
    """The last refusal and the last answer of a model on an account (wall time; an answer counts when its call
    began). `guessed`: the refusal's scope was not named."""

    refused_ms: int = -1
    until_ms: int | None = None
    kind: FaultKind | None = None
    guessed: bool = False
    answered_ms: int = -1


@dataclass(slots=True)
class _Account:
    models: dict[str, _Seen] = field(default_factory=dict)
    answered_ms: int = -1

    def seen(self, model: str) -> _Seen:
        """What is known of a model; the one that was heard of longest ago gives way to a new one."""
        found = self.models.get(model)
        if found is None:
            if len(self.models) >= MOST_MODELS:
                del self.models[next(iter(self.models))]
            found = self.models[model] = _Seen()
        return found


class ScopeJudge:
    """Remembers what calls of late have shown. No clock and no I/O of its own. `suspicions` are of accounts that seem
    to share an allowance."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.suspicions = Suspicions()
        self._accounts: dict[tuple[str, str], _Account] = {}
        self._capacity = CapacityJudge()
        self._refused: dict[str, dict[str, Refusal]] = {}
        self.use_config(catalogue)

    def use_config(self, catalogue: Catalogue) -> None:
        """Work with another configuration; what was seen of accounts that are still there stays."""
        self._capacity.use_config(catalogue)
        self.suspicions.use_config(catalogue)
        for key in [key for key in self._accounts if catalogue.account(*key) is None]:
            del self._accounts[key]
        for name in [name for name in self._refused if catalogue.provider(name) is None]:
            del self._refused[name]

    def judged(self, fault: Fault, route: Route, now_ms: int) -> Verdict:
        """What `fault`, met on `route`, means: its scope as the evidence supports it, with how sure that is and what
        it rests on, and what else is to be taken for refused."""
        kind = fault.kind
        if fault.scope is FaultScope.REQUEST or fault.code == FaultCode.MODEL_GONE:
            return Verdict(fault)
        if kind is FaultKind.OVERLOADED:
            return self._capacity.refused(fault, route, now_ms)
        if not (kind.is_limit or kind in (FaultKind.ENTITLEMENT, FaultKind.BILLING)):
            return Verdict(fault)
        account = self._account(route)
        seen = account.seen(route.model)
        inferred: tuple[Inferred, ...] = ()
        guessed = fault.confidence < NAMED
        if guessed and fault.scope is FaultScope.ACCOUNT:
            fault = _narrowed(fault, account, route.model)
        seen.kind, seen.refused_ms, seen.until_ms = kind, now_ms, fault.usable_at_ms
        seen.guessed = guessed
        if guessed and fault.scope is FaultScope.MODEL and kind in _TOGETHER_MS:
            inferred = self._widened(fault, account, route, now_ms)
        if kind.is_limit:
            inferred += self._shared(fault, account, route, now_ms)
        return Verdict(fault, inferred)

    def answered(
        self, route: Route, began_ms: int, now_ms: int, block_of: Callable[[str], Block | None]
    ) -> tuple[Narrowing, ...]:
        """A call down `route` that began then is being answered. `block_of` gives the block of a target. The blocks
        that this disproves: those whose scope was a guess, where the call began after they were made."""
        account = self._account(route)
        account.seen(route.model).answered_ms = began_ms
        account.answered_ms = max(account.answered_ms, began_ms)
        self.suspicions.answered(
            route.provider,
            route.account,
            began_ms,
            lambda partner: _out_since(block_of, Route(route.provider, partner, route.model), now_ms),
        )
        disproved = []
        for target in (route.provider, account_target(route.provider, route.account)):
            block = block_of(target)
            if block is not None and is_disproved(block, began_ms):
                keep = () if target == route.provider else self._still_refused(route, block, now_ms)
                why = f"{route.model} was answered on {route.account} meanwhile"
                disproved.append(Narrowing(target, keep, why))
        disproved += self._capacity.answered(route, began_ms, block_of)
        for partner in self.suspicions.partners(route.provider, route.account, now_ms, ACTED_ON_FROM):
            disproved += _no_longer_out(route, partner.account, block_of)
        return tuple(disproved)

    def shares_with(self, provider: str, account: str, now_ms: int) -> tuple[SharedAllowance, ...]:
        """The accounts that this one seems to share an allowance with."""
        return self.suspicions.shown(provider, account, now_ms)

    # -- limits, entitlements, balances ------------------------------------------------------------------------

    def _widened(self, fault: Fault, account: _Account, route: Route, now_ms: int) -> tuple[Inferred, ...]:
        """The whole account, where several of its models were refused and none was answered since the first was."""
        since_ms = max(account.answered_ms, now_ms - _TOGETHER_MS[fault.kind] - 1)
        refused = [
            seen
            for seen in account.models.values()
            if seen.refused_ms > since_ms and seen.kind is fault.kind and seen.guessed
        ]
        if len(refused) < 2 or (fault.kind is FaultKind.ENTITLEMENT and account.answered_ms >= 0):
            return ()
        same_reset = _have_same_reset(refused)
        sureness = min(0.95, 1 - 1 / len(refused) + (0.25 if same_reset else 0.0))
        if sureness < WIDEN_FROM:
            return ()
        why = f"{len(refused)} models refused" + (" until the same moment" if same_reset else "")
        return (
            Inferred(route, for_more(fault, FaultScope.ACCOUNT, sureness, f"{why}, none answered", now_ms)),
        )

    def _still_refused(self, route: Route, block: Block, now_ms: int) -> tuple[Route, ...]:
        """The account's other models that were refused in the way of `block` and may not be served yet."""
        ends_by_itself = block.kind.is_limit
        return tuple(
            Route(route.provider, route.account, model)
            for model, seen in self._account(route).models.items()
            if model != route.model
            and seen.kind is block.kind
            and seen.refused_ms > seen.answered_ms
            and (not ends_by_itself or (seen.until_ms or 0) > now_ms)
        )

    def _shared(self, fault: Fault, account: _Account, route: Route, now_ms: int) -> tuple[Inferred, ...]:
        """What a used-up allowance says of the accounts that may share it."""
        lately = self._refused.setdefault(route.provider, {})
        model = route.model if fault.scope is FaultScope.MODEL else None
        first_after_ms = now_ms - account.answered_ms if account.answered_ms >= 0 else _NEVER
        named = _ORGANISATION.search(fault.provider_text)
        organisation = None if named is None else named[1] or named[2]
        refusal = Refusal(route.account, model, now_ms, fault.usable_at_ms, first_after_ms, organisation)
        for other in lately.values():
            out_until_ms = max(other.until_ms or 0, other.at_ms + MINUTE_MS)
            if other.model == model and out_until_ms > now_ms and not self._answered_since(other, route):
                self.suspicions.refused_both(route.provider, other, refusal)
        lately.pop(route.account, None)
        lately[route.account] = refusal
        if len(lately) > MOST_REFUSED:
            del lately[next(iter(lately))]
        return tuple(
            Inferred(
                Route(route.provider, partner.account, route.model),
                *_on_suspicion(fault, partner, route, now_ms),
            )
            for partner in self.suspicions.partners(route.provider, route.account, now_ms, ACTED_ON_FROM)
            if not self._is_out(route.provider, partner.account, model, now_ms)
        )

    def _answered_since(self, other: Refusal, route: Route) -> bool:
        """Whether either account was seen to be served after the other's refusal."""
        mine = self._accounts[route.provider, route.account].answered_ms
        theirs = self._accounts.get((route.provider, other.account))
        return mine > other.at_ms or (theirs is not None and theirs.answered_ms > other.at_ms)

    def _is_out(self, provider: str, account: str, model: str | None, now_ms: int) -> bool:
        known = self._refused[provider].get(account)
        return known is not None and known.model == model and (known.until_ms or known.at_ms + 1) > now_ms

    def _account(self, route: Route) -> _Account:
        return self._accounts.setdefault((route.provider, route.account), _Account())


def _narrowed(fault: Fault, account: _Account, model: str) -> Fault:
    """`fault`, guessed to be of the account, as one of the model where another model was answered while this one had
    been refused in the same way before, and was not served since."""
    before = account.models.get(model)
    if before is None or before.kind is not fault.kind or before.answered_ms > before.refused_ms:
        return fault
    until_ms = before.until_ms or before.refused_ms + _WHOLE_HOUR_MS
    for other, seen in account.models.items():
        if other != model and before.refused_ms < seen.answered_ms < until_ms:
            why = f"{fault.evidence}; {other} was answered while {model} was refused"
            return replace(fault, scope=FaultScope.MODEL, confidence=0.8, evidence=why)
    return fault


def _on_suspicion(fault: Fault, partner: SharedAllowance, route: Route, now_ms: int) -> tuple[Fault, bool]:
    """The fault as it is taken to hold for an account that seems to share the allowance, and whether one request is to
    try that at once: unless it is all but sure and soon over."""
    until_ms = fault.usable_at_ms
    soon_over = until_ms is not None and until_ms - now_ms <= _SHORT_HOLD_MS
    inferred = replace(
        fault,
        code=SHARED,
        message=f"{route.provider}/{route.account} is out, and this account seems to share its allowance",
        provider_text="",
        confidence=partner.confidence,
        evidence=partner.evidence,
        usable_at_ms=until_ms,
        readings=(),
    )
    return inferred, not (partner.confidence >= NAMED and soon_over)


def _have_same_reset(refused: list[_Seen]) -> bool:
    """Whether all of them were told one moment; on the hour calendar windows renew, of each model by itself too."""
    moments = [seen.until_ms for seen in refused if seen.until_ms is not None]
    if len(moments) < len(refused) or max(moments) - min(moments) > SAME_RESET_MS:
        return False
    return all(min(at % _WHOLE_HOUR_MS, -at % _WHOLE_HOUR_MS) > SAME_RESET_MS for at in moments)


def _no_longer_out(route: Route, partner: str, block_of: Callable[[str], Block | None]) -> list[Narrowing]:
    """The blocks of a partner that are there only because this account was refused, and it answers again."""
    found = (
        block_of(account_target(route.provider, partner)),
        block_of(Route(route.provider, partner, route.model).id),
    )
    why = f"{route.account} answers again"
    return [Narrowing(block.target, (), why) for block in found if block is not None and block.code == SHARED]


def _out_since(block_of: Callable[[str], Block | None], route: Route, now_ms: int) -> int | None:
    """Since when calls down `route` are refused for want of an allowance; None where they are not, or where that is
    itself only suspected."""
    for target in (account_target(route.provider, route.account), route.id):
        block = block_of(target)
        if block is not None and block.kind.is_limit and block.code != SHARED and block.holds_at(now_ms):
            return block.since_ms
    return None
