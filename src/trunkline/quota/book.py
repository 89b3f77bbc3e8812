"""Every limit of every account as it stands: configured and learned limits bound to keys, with their counted use.

Figures are brought up to date key by key, when a use is noted or its window moves on; nothing here walks over all
limits but a change of configuration and `refresh_all`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from trunkline.domain.faults import Fault
from trunkline.domain.limits import (
    FigureSource,
    LimitReading,
    LimitScope,
    LimitSpec,
    LimitUse,
    Metric,
    Window,
    WindowKind,
    is_pattern,
    model_matches,
)
from trunkline.domain.routes import AccountSpec, Catalogue, Route, Selector
from trunkline.quota.claims import BELIEVED_FROM, BoundLimit, bind, bind_all, owner_of, shared_limits
from trunkline.quota.counted import AnsweredCounts
from trunkline.quota.learned import (
    KeptReading,
    LearnedLimit,
    goes_before,
    raised,
    taught_by,
    window_refused,
)
from trunkline.quota.ledger import KeyUse, Ledger

AccountKey = tuple[str, str]

READ_AGAIN_AFTER_MS = (50, 1_000)
_FADE_EVERY_MS = 60_000
# So little left that a call of usual size may not fit.
_ALL_BUT_USED_UP = 0.05


@dataclass(slots=True)
class _AccountLimits:
    spec: AccountSpec
    models: Sequence[str]
    bound: dict[str, BoundLimit] = field(default_factory=dict)
    uses: dict[str, LimitUse] = field(default_factory=dict)
    wide: list[str] = field(default_factory=list)
    of_model: dict[str, list[str]] = field(default_factory=dict)
    of_pattern: dict[str, list[str]] = field(default_factory=dict)
    named: frozenset[str] = frozenset()
    frozen: tuple[LimitUse, ...] | None = None


class LimitBook:
    """Limits and uses of all accounts. What got other figures is collected until the tracker has taken it: accounts in
    `changed`, those of them where a limit of every model did in `changed_wide`, and routes where a model's own did."""

    def __init__(self, ledger: Ledger) -> None:
        self.changed: set[AccountKey] = set()
        self.changed_wide: set[AccountKey] = set()
        self.changed_routes: set[Route] = set()
        self._ledger = ledger
        self._catalogue = Catalogue()
        self._accounts: dict[AccountKey, _AccountLimits] = {}
        self._holders: dict[str, list[AccountKey]] = {}
        self._windows: dict[str, Window] = {}
        self._learned: dict[tuple[str, str], dict[str, LearnedLimit]] = {}
        self._reported_resets: dict[str, int] = {}
        self._taken_in: set[LearnedLimit] = set()
        self._flaws: dict[str, str] = {}
        self._concluded: dict[str, LearnedLimit] = {}
        self._fade_due_ms = 0
        self._answered = AnsweredCounts()
        self._keys_read: dict[tuple[Route, Metric, Window, LimitScope, str | None], str | None] = {}
        self._due: list[tuple[int, str]] = []
        self._due_at: dict[str, int] = {}
        self._again: list[tuple[int, str]] = []
        self._again_known: set[tuple[int, str]] = set()

    def use_config(self, catalogue: Catalogue) -> None:
        """Bind the limits of another configuration; what was learned stays. Figures follow with `refresh_all`."""
        self._catalogue = catalogue
        self._accounts = {}
        self._holders = {}
        self._windows = {}
        self._keys_read = {}
        for provider in catalogue.providers:
            models = [model.id for model in provider.models]
            for account in provider.accounts:
                self._bind_configured(account, models)
        for kept in self._learned.values():
            for learned in kept.values():
                self._apply(learned, learned.as_of_ms)
        self._fade_due_ms = 0
        self.changed = set(self._accounts)

    def refresh_all(self, now_ms: int) -> None:
        """Read every figure anew: after a change of configuration, or when another process wrote to the ledger."""
        for key in self._windows:
            self._refresh(key, now_ms)

    def refresh(self, route: Route, now_ms: int) -> None:
        """Read the figures anew that concern a route, after a settlement or a release: now, and again when the
        ledger, which does not make anybody wait for it, has surely written it down."""
        account = self._accounts.get((route.provider, route.account))
        if account is not None:
            for key in self._keys(account, route.model):
                self._refresh(key, now_ms)
                self._read_again(key, now_ms)

    def note(self, uses: Iterable[KeyUse], now_ms: int) -> None:
        """Take in figures that the ledger has just handed out."""
        for use in uses:
            if use.key in self._windows:
                self._set(use, now_ms)

    def advance(self, now_ms: int) -> None:
        """Bring figures up to date whose window has moved on by `now_ms`, and what is believed less by then."""
        if self._concluded and now_ms >= self._fade_due_ms:
            self._fade_due_ms = now_ms + _FADE_EVERY_MS
            for learned in tuple(self._concluded.values()):
                self._apply(learned, now_ms)
        while self._due and self._due[0][0] <= now_ms:
            at_ms, key = heapq.heappop(self._due)
            if self._due_at.get(key) == at_ms:
                del self._due_at[key]
                if key in self._windows:
                    self._refresh(key, now_ms)
        while self._again and self._again[0][0] <= now_ms:
            due = heapq.heappop(self._again)
            self._again_known.discard(due)
            if due[1] in self._windows:
                self._refresh(due[1], now_ms)

    def bound(self, route: Route) -> list[BoundLimit]:
        """Every limit that a call down `route` is counted against."""
        account = self._accounts.get((route.provider, route.account))
        if account is None:
            return []
        return [account.bound[key] for key in self._keys(account, route.model)]

    def uses(self, account: AccountKey) -> tuple[LimitUse, ...]:
        """All limits of an account that are believed, those of single models included. The same tuple until something
        changes."""
        limits = self._accounts.get(account)
        if limits is None:
            return ()
        if limits.frozen is None:
            limits.frozen = tuple(use for use in limits.uses.values() if use.confidence >= BELIEVED_FROM)
        return limits.frozen

    def doubted(self, account: AccountKey) -> tuple[LimitUse, ...]:
        """Limits of an account that were concluded from too little to keep any call away."""
        limits = self._accounts.get(account)
        uses = limits.uses.values() if limits is not None and self._concluded else ()
        return tuple(use for use in uses if use.confidence < BELIEVED_FROM)

    def all_uses(self) -> Iterator[tuple[str, str, LimitUse]]:
        """Every limit with an account that holds it; what several share comes once for each."""
        for (provider, account), limits in self._accounts.items():
            for use in limits.uses.values():
                yield provider, account, use

    def holders(self, key: str) -> Sequence[AccountKey]:
        """Accounts whose use counts under `key`."""
        return self._holders.get(key, ())

    def uses_of_route(self, route: Route) -> list[LimitUse]:
        """The limits of its account that concern a route."""
        account = self._accounts.get((route.provider, route.account))
        if account is None:
            return []
        uses = (account.uses[key] for key in self._keys(account, route.model))
        return [use for use in uses if use.confidence >= BELIEVED_FROM]

    def named(self, account: AccountKey) -> frozenset[str]:
        """Keys of the limits whose model the configuration names, rather than giving every model its own."""
        limits = self._accounts.get(account)
        return frozenset() if limits is None else limits.named

    def learn(self, route: Route, readings: Sequence[LimitReading], now_ms: int) -> tuple[LimitReading, ...]:
        """Take in what a provider said on `route`; the readings that tell of a limit not known before or of another
        amount. What remains lifts the counted use and never lowers it."""
        account = self._catalogue.account(route.provider, route.account)
        if account is None:
            return ()
        news = []
        for reading in readings:
            learned = self._located(route, reading, now_ms)
            key = self._key_read(account, route, learned)
            if key is None:
                continue
            kept = self._learned_by(account, reading.scope)
            known = kept.get(key)
            self._note_flaw(key, reading.flaw)
            if reading.amount is not None and goes_before(learned, known):
                kept[key] = learned
                if known is None or _says_other(reading, known.reading):
                    news.append(reading)
                    self._apply(learned, now_ms)
            self._lift(key, reading, known, now_ms)
        return tuple(news)

    def _key_read(self, account: AccountSpec, route: Route, learned: LearnedLimit) -> str | None:
        """The key of the limit that a reading made on `route` tells of; the same headers come with every reply."""
        reading = learned.reading
        asked = (route, reading.metric, reading.window, reading.scope, reading.model)
        if asked not in self._keys_read:
            bound = bind(account, learned.spec, learned.model or route.model)
            self._keys_read[asked] = None if bound is None else bound.key
        return self._keys_read[asked]

    def forgive(self, selector: Selector, now_ms: int) -> None:
        """A person says that these routes are available: what has an allowance of theirs all but used up is not so. A
        cap on cash that the user set stays, and calls under way go on to count."""
        for (provider, account), limits in self._accounts.items():
            if selector.provider not in (None, provider) or selector.account not in (None, account):
                continue
            for key, use in tuple(limits.uses.items()):
                own_cap = use.metric is Metric.COST and use.source is FigureSource.CONFIGURED
                concerns = selector.model is None or use.covers(selector.model)
                if (
                    use.metric is Metric.CONCURRENCY
                    or own_cap
                    or not concerns
                    or use.share_left > _ALL_BUT_USED_UP
                ):
                    continue
                self._ledger.lower_use(key, use.window, 0, own=True)
                self._read_again(key, now_ms)
                self._reported_resets.pop(key, None)
                self._set(KeyUse(key, 0, None), now_ms)

    def correct(self, route: Route, readings: Iterable[LimitReading], now_ms: int) -> None:
        """An account endpoint says how these limits of the account stand now: what was said before of their use is not
        believed any more where it is more."""
        account = self._catalogue.account(route.provider, route.account)
        for reading in readings:
            if account is None or reading.remaining is None or reading.amount is None:
                continue
            key = self._key_read(account, route, self._located(route, reading, now_ms))
            if key is None or key not in self._windows:
                continue
            used = reading.amount - reading.remaining
            if self._ledger.use(key, reading.window).used > used:
                self._ledger.lower_use(key, reading.window, used)
                self._read_again(key, now_ms)

    def restore(self, kept: Iterable[KeptReading]) -> None:
        """Take in limits learned earlier or by another process; the later reading of a limit stays. Figures follow
        with `refresh_all`."""
        for one in kept:
            account = self._catalogue.account(one.provider, one.account)
            model = _model_of(one.reading, one.model)
            learned = LearnedLimit(one.provider, one.account, model, one.reading, one.as_of_ms)
            if account is None or one.reading.amount is None or learned in self._taken_in:
                continue
            self._taken_in.add(learned)
            bound = bind(account, learned.spec, learned.model or "")
            if bound is None:
                continue
            known = self._learned_by(account, learned.reading.scope)
            before = known.get(bound.key)
            if before is None or (before.as_of_ms != learned.as_of_ms and goes_before(learned, before)):
                known[bound.key] = learned
                self._note_flaw(bound.key, learned.reading.flaw)
                self._apply(learned, learned.as_of_ms)

    def learned(self) -> tuple[LearnedLimit, ...]:
        """Everything learned, for keeping."""
        return tuple(learned for kept in self._learned.values() for learned in kept.values())

    # -- what answers and refusals teach -------------------------------------------------------------------------

    def served(self, route: Route, now_ms: int) -> tuple[LearnedLimit, ...]:
        """A request down `route` was answered and is settled; the conclusions that this disproves, as they are now."""
        provider, account = self._catalogue.provider(route.provider), self._account_of(route)
        if provider is None or account is None:
            return ()
        self._answered.note(route, now_ms, Window.parse("day", provider.timezone))
        disproved = []
        for key in self._keys(account, route.model) if self._concluded else ():
            known = self._concluded.get(key)
            if known is not None and account.uses[key].used > (known.reading.amount or 0):
                better = raised(known, account.uses[key].used, now_ms)
                self._learned_by(account.spec, better.reading.scope)[key] = better
                self._apply(better, now_ms)
                disproved.append(better)
        return tuple(disproved)

    def taught_by(self, route: Route, fault: Fault, now_ms: int) -> LimitReading | None:
        """What a refusal that names no figure teaches by itself of how many requests a window takes; None where that
        is stated already or cannot be told."""
        provider, account = self._catalogue.provider(route.provider), self._account_of(route)
        window = None if provider is None else window_refused(fault, provider.timezone, now_ms)
        if account is None or window is None:
            return None
        asked = taught_by(fault, window, 1, None)
        if asked is None:
            return None
        key = self._key_read(account.spec, route, self._located(route, asked, now_ms))
        bound = None if key is None else account.bound.get(key)
        if key is None or (bound is not None and key not in self._concluded):
            return None
        whole_account = asked.scope is not LimitScope.MODEL
        counted = self._answered.within(window, route, now_ms, whole_account=whole_account)
        if bound is not None:
            counted = max(counted, account.uses[key].used - 1)
        return taught_by(fault, window, counted, self._concluded.get(key))

    def _account_of(self, route: Route) -> _AccountLimits | None:
        return self._accounts.get((route.provider, route.account))

    def _note_flaw(self, key: str, flaw: str) -> None:
        if flaw == self._flaws.get(key, ""):
            return
        self._flaws[key] = flaw
        for holder in self._holders.get(key, ()):
            limits = self._accounts[holder]
            limits.uses[key] = replace(limits.uses[key], flaw=flaw)
            limits.frozen = None
            self.changed.add(holder)

    # -- binding -----------------------------------------------------------------------------------------------

    def _bind_configured(self, account: AccountSpec, models: Sequence[str]) -> None:
        limits = _AccountLimits(account, models)
        self._accounts[account.provider, account.id] = limits
        configured = shared_limits(self._catalogue, account)
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

    def _add(self, limits: _AccountLimits, bound: BoundLimit) -> None:
        known = limits.bound.get(bound.key)
        limits.bound[bound.key] = bound
        limits.uses[bound.key] = _limit_use(bound, KeyUse(bound.key, 0, None), 0, 0)
        limits.frozen = None
        if known is None:
            if bound.model is None:
                keys = limits.wide
            else:
                of = limits.of_pattern if is_pattern(bound.model) else limits.of_model
                keys = of.setdefault(bound.model, [])
            keys.append(bound.key)
            self._holders.setdefault(bound.key, []).append((limits.spec.provider, limits.spec.id))
            self._windows[bound.key] = bound.window

    def _apply(self, learned: LearnedLimit, now_ms: int) -> None:
        """Enforce a learned limit on every account that shares it: beside what is configured, or the smaller. One
        that is not believed enough is counted, where nothing else is known."""
        reader = self._catalogue.account(learned.provider, learned.account)
        provider = self._catalogue.provider(learned.provider)
        if reader is None or provider is None:
            return
        owner = owner_of(reader, learned.reading.scope)
        model = learned.model or ""
        for account in provider.accounts:
            if owner_of(account, learned.reading.scope) != owner:
                continue
            limits = self._accounts[account.provider, account.id]
            rivals = [
                spec
                for spec in shared_limits(self._catalogue, account)
                if _may_share_a_key(spec, learned.model)
            ]
            configured = bind_all(account, rivals, model)
            bound = bind(account, learned.spec, model)
            if bound is None:
                continue
            bound = replace(bound, confidence=round(learned.sure_at(now_ms), 2))
            same = next((limit for limit in configured if limit.key == bound.key), None)
            enforced = bound if same is None else _narrowed(same, bound)
            if learned.reading.source is FigureSource.LEARNED:
                self._concluded[bound.key] = learned
            else:
                self._concluded.pop(bound.key, None)
            if enforced == limits.bound.get(bound.key):
                continue
            self._add(limits, enforced)
            self.changed.add((account.provider, account.id))
            self.changed_wide.add((account.provider, account.id))
            self._refresh(bound.key, max(now_ms, learned.as_of_ms))

    def _located(self, route: Route, reading: LimitReading, now_ms: int) -> LearnedLimit:
        return LearnedLimit(route.provider, route.account, _model_of(reading, route.model), reading, now_ms)

    def _learned_by(self, account: AccountSpec, scope: LimitScope) -> dict[str, LearnedLimit]:
        return self._learned.setdefault((account.provider, owner_of(account, scope)), {})

    def _keys(self, account: _AccountLimits, model: str) -> list[str]:
        of_model = account.of_model.get(model)
        keys = account.wide if of_model is None else account.wide + of_model
        for pattern, shared in account.of_pattern.items():
            if model_matches(pattern, model):
                keys = keys + shared
        return keys

    # -- figures -----------------------------------------------------------------------------------------------

    def _lift(self, key: str, reading: LimitReading, known: LearnedLimit | None, now_ms: int) -> None:
        holders = self._holders.get(key)
        if not holders:
            return
        if reading.resets_at_ms is not None and reading.window.kind is not WindowKind.ROLLING:
            self._reported_resets[key] = reading.resets_at_ms
        amount = reading.amount
        if amount is None and known is not None:
            amount = known.reading.amount
        if amount is None:
            amount = self._accounts[holders[0]].bound[key].amount
        if reading.remaining is not None and reading.metric is not Metric.CONCURRENCY:
            at_least = amount - reading.remaining
            if at_least > self._ledger.use(key, reading.window).used:
                self._ledger.raise_use(key, reading.window, at_least, reading.resets_at_ms)
                self._read_again(key, now_ms)
                counted = self._ledger.use(key, reading.window)
                self._set(replace(counted, used=max(at_least, counted.used)), now_ms)
                return
        self._refresh(key, now_ms)

    def _read_again(self, key: str, now_ms: int) -> None:
        for after_ms in READ_AGAIN_AFTER_MS:
            due = (now_ms + 2 * after_ms - now_ms % after_ms, key)
            if due not in self._again_known:
                self._again_known.add(due)
                heapq.heappush(self._again, due)

    def _refresh(self, key: str, now_ms: int) -> None:
        self._set(self._ledger.use(key, self._windows[key]), now_ms)

    def _set(self, use: KeyUse, now_ms: int) -> None:
        reported_ms = self._reported_resets.get(use.key, 0)
        resets_at_ms = reported_ms if reported_ms > now_ms else use.resets_at_ms
        for holder in self._holders[use.key]:
            limits = self._accounts[holder]
            bound = limits.bound[use.key]
            known = limits.uses[use.key]
            if (known.used, known.resets_at_ms, known.as_of_ms > 0) != (use.used, resets_at_ms, True):
                flaw = self._flaws.get(use.key, "")
                limits.uses[use.key] = replace(_limit_use(bound, use, resets_at_ms, now_ms), flaw=flaw)
                limits.frozen = None
                self.changed.add(holder)
                if bound.model is None:
                    self.changed_wide.add(holder)
                elif use.used or known.used:
                    self.changed_routes.update(Route(*holder, model) for model in _models_of(limits, bound))
        due_ms = min(
            (at_ms for at_ms in (use.resets_at_ms, reported_ms) if at_ms and at_ms > now_ms),
            default=None if use.resets_at_ms is None else now_ms + 1,
        )
        if due_ms is not None and due_ms < self._due_at.get(use.key, due_ms + 1):
            self._due_at[use.key] = due_ms
            heapq.heappush(self._due, (due_ms, use.key))


def _is_of_a_model(spec: LimitSpec) -> bool:
    return spec.model is not None or spec.scope is LimitScope.MODEL


def _model_of(reading: LimitReading, read_on: str | None) -> str | None:
    """The model or pattern that a reading is about; None: every model."""
    return reading.model or (read_on if reading.scope is LimitScope.MODEL else None)


def _may_share_a_key(spec: LimitSpec, model: str | None) -> bool:
    """Whether a configured limit may be the same as one learned of `model`: of every model, of a pattern, of one."""
    if is_pattern(model) or is_pattern(spec.model):
        return spec.model == model
    return _is_of_a_model(spec) == (model is not None)


def _models_of(limits: _AccountLimits, bound: BoundLimit) -> Iterable[str]:
    if bound.model is None or not is_pattern(bound.model):
        return (bound.model,) if bound.model is not None else limits.models
    return (model for model in limits.models if model_matches(bound.model, model))


def _limit_use(bound: BoundLimit, use: KeyUse, resets_at_ms: int | None, as_of_ms: int) -> LimitUse:
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
    )


def _narrowed(configured: BoundLimit, learned: BoundLimit) -> BoundLimit:
    """What is enforced of two figures of one limit."""
    if learned.confidence < BELIEVED_FROM:
        return configured
    narrowed = configured.narrowed(learned.amount, learned.source)
    return narrowed if narrowed is configured else replace(narrowed, confidence=learned.confidence)


def _says_other(reading: LimitReading, known: LimitReading) -> bool:
    """Whether it is news after what is known."""
    return (reading.amount, reading.source, reading.confidence, reading.flaw) != (
        known.amount,
        known.source,
        known.confidence,
        known.flaw,
    )
