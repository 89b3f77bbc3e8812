"""Every limit of every account as it stands: configured and learned limits bound to keys, with their counted use.

Nothing here walks over all limits but a change of configuration and `refresh_all`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from trunkline.domain.faults import Fault
from trunkline.domain.limits import (
    FigureSource,
    LimitReading,
    LimitScope,
    LimitUse,
    Metric,
    Window,
    WindowKind,
)
from trunkline.domain.routes import AccountSpec, Catalogue, Route, Selector
from trunkline.quota.claims import BELIEVED_FROM, BoundLimit, bind, owner_of
from trunkline.quota.counted import LONGEST_ROLLING_MS, AnsweredCounts
from trunkline.quota.figures import Figures
from trunkline.quota.holdings import AccountKey as AccountKey  # for those who ask the book
from trunkline.quota.holdings import Holdings
from trunkline.quota.learned import (
    KeptReading,
    LearnedLimit,
    goes_before,
    raised,
    taught_by,
    window_refused,
)
from trunkline.quota.ledger import KeyUse, Ledger

_FADE_EVERY_MS = 60_000
_FORGOTTEN_BELOW = 0.1


class LimitBook:
    """Limits and uses of all accounts. What got other figures is collected until the tracker has taken it: accounts in
    `changed`, those of them where a limit of every model did in `changed_wide`, and routes where a model's own did."""

    def __init__(self, ledger: Ledger) -> None:
        self._holdings = Holdings()
        self._figures = Figures(ledger, self._holdings)
        self.changed = self._figures.changed
        self.changed_wide = self._figures.changed_wide
        self.changed_routes = self._figures.changed_routes
        self._learned: dict[tuple[str, str], dict[str, LearnedLimit]] = {}
        self._taken_in: set[LearnedLimit] = set()
        self._concluded: dict[str, LearnedLimit] = {}
        self._fade_due_ms = 0
        self._answered = AnsweredCounts()
        self._keys_read: dict[tuple[Route, Metric, Window, LimitScope, str | None], str | None] = {}

    def use_config(self, catalogue: Catalogue) -> None:
        """Bind the limits of another configuration; what was learned stays. Figures follow with `refresh_all`."""
        self._holdings.use_config(catalogue)
        self._keys_read = {}
        for learned in self.learned():
            self._apply(learned, learned.as_of_ms)
        self._fade_due_ms = 0
        self.changed.clear()
        self.changed.update(self._holdings.accounts)

    def refresh_all(self, now_ms: int) -> None:
        """Read every figure anew: after a change of configuration, or when another process wrote to the ledger."""
        self._figures.read_all(now_ms)

    def refresh(self, route: Route, now_ms: int, booked: Iterable[str] = ()) -> None:
        """Read the figures anew that concern a route, and those that are still kept of the `booked` keys, after a
        settlement or a release: now, and again when the ledger, which does not make anybody wait for it, has surely
        written it down."""
        account = self._holdings.of_route(route)
        keys = dict.fromkeys(account.keys(route.model) if account is not None else ())
        keys.update((key, None) for key in booked if key in self._holdings.windows)
        for key in keys:
            self._figures.read(key, now_ms)
            self._figures.read_again(key, now_ms)

    def note(self, uses: Iterable[KeyUse], now_ms: int) -> None:
        """Take in figures that the ledger has just handed out."""
        self._figures.note(uses, now_ms)

    def advance(self, now_ms: int) -> None:
        """Bring figures up to date whose window has moved on by `now_ms`, and what is believed less by then."""
        if self._concluded and now_ms >= self._fade_due_ms:
            self._fade_due_ms = now_ms + _FADE_EVERY_MS
            for learned in tuple(self._concluded.values()):
                self._apply(learned, now_ms)
        self._figures.advance(now_ms)

    # -- reading -----------------------------------------------------------------------------------------------

    def bound(self, route: Route) -> list[BoundLimit]:
        """Every limit that a call down `route` is counted against."""
        account = self._holdings.of_route(route)
        return [] if account is None else [account.bound[key] for key in account.keys(route.model)]

    def uses(self, account: AccountKey) -> tuple[LimitUse, ...]:
        """All limits of an account that are believed, those of single models included. The same tuple until something
        changes."""
        limits = self._holdings.accounts.get(account)
        if limits is None:
            return ()
        if limits.frozen is None:
            limits.frozen = tuple(use for use in limits.uses.values() if use.confidence >= BELIEVED_FROM)
        return limits.frozen

    def doubted(self, account: AccountKey) -> tuple[LimitUse, ...]:
        """Limits of an account that were concluded from too little to keep any call away."""
        limits = self._holdings.accounts.get(account)
        uses = limits.uses.values() if limits is not None and self._concluded else ()
        return tuple(use for use in uses if _FORGOTTEN_BELOW <= use.confidence < BELIEVED_FROM)

    def all_uses(self) -> Iterator[tuple[str, str, LimitUse]]:
        """Every limit with an account that holds it; what several share comes once for each."""
        for (provider, account), limits in self._holdings.accounts.items():
            for use in limits.uses.values():
                yield provider, account, use

    def holders(self, key: str) -> Sequence[AccountKey]:
        """Accounts whose use counts under `key`."""
        return self._holdings.holders.get(key, ())

    def uses_of_route(self, route: Route) -> list[LimitUse]:
        """The limits of its account that concern a route, those that are believed."""
        account = self._holdings.of_route(route)
        uses = (account.uses[key] for key in account.keys(route.model)) if account is not None else ()
        return [use for use in uses if use.confidence >= BELIEVED_FROM]

    def named(self, account: AccountKey) -> frozenset[str]:
        """Keys of the limits whose model the configuration names, rather than giving every model its own."""
        limits = self._holdings.accounts.get(account)
        return frozenset() if limits is None else limits.named

    # -- what providers tell -----------------------------------------------------------------------------------

    def learn(self, route: Route, readings: Sequence[LimitReading], now_ms: int) -> tuple[LimitReading, ...]:
        """Take in what a provider said on `route`; the readings that tell of a limit not known before or otherwise.
        What remains lifts the counted use and never lowers it."""
        account = self._holdings.catalogue.account(route.provider, route.account)
        news = []
        for reading in readings if account is not None else ():
            learned = _located(route, reading, now_ms)
            key = self._key_read(account, route, learned)
            if account is None or key is None:
                continue
            kept = self._learned_by(account, reading.scope)
            known = kept.get(key)
            self._figures.note_flaw(key, reading.flaw)
            if reading.amount is not None and goes_before(learned, known):
                kept[key] = learned
                if known is None or _says_other(reading, known.reading):
                    news.append(reading)
                    is_new = key not in self._holdings.windows
                    self._apply(learned, now_ms)
                    if is_new and _is_of_recent_requests(reading):
                        self._count_answered(key, route, reading, now_ms)
            self._figures.lift(key, reading, None if known is None else known.reading.amount, now_ms)
        return tuple(news)

    def forgive(self, selector: Selector, now_ms: int, *, resets_at_ms: int | None = None) -> None:
        """A person says that these routes are available: what has an allowance of theirs all but used up is not so. A
        cap on cash that the user set stays, and calls under way go on to count. With `resets_at_ms` only of allowances
        that reset then."""
        self._figures.forgive(selector, now_ms, resets_at_ms)

    def correct(self, route: Route, readings: Iterable[LimitReading], now_ms: int) -> None:
        """An account endpoint says how these limits of the account stand now: what was said before of their use is not
        believed any more where it is more."""
        account = self._holdings.catalogue.account(route.provider, route.account)
        for reading in readings:
            key = self._key_read(account, route, _located(route, reading, now_ms))
            if key is not None:
                self._figures.correct(key, reading, now_ms)

    def restore(self, kept: Iterable[KeptReading]) -> None:
        """Take in all limits that are kept, learned earlier or by another process; of two words on a limit the one that
        goes before the other stays, and each is taken in once. Figures follow with `refresh_all`."""
        before_this, self._taken_in = self._taken_in, set()
        for one in kept:
            account = self._holdings.catalogue.account(one.provider, one.account)
            model = _model_of(one.reading, one.model)
            learned = LearnedLimit(one.provider, one.account, model, one.reading, one.as_of_ms)
            if account is None or one.reading.amount is None:
                continue
            self._taken_in.add(learned)
            if learned in before_this:
                continue
            bound = bind(account, learned.spec, learned.model or "")
            if bound is None:
                continue
            known = self._learned_by(account, learned.reading.scope)
            before = known.get(bound.key)
            if before is None or (before.as_of_ms != learned.as_of_ms and goes_before(learned, before)):
                known[bound.key] = learned
                self._figures.note_flaw(bound.key, learned.reading.flaw)
                self._apply(learned, learned.as_of_ms)

    def learned(self) -> tuple[LearnedLimit, ...]:
        """Everything learned, for keeping."""
        return tuple(learned for kept in self._learned.values() for learned in kept.values())

    # -- what answers and refusals teach -------------------------------------------------------------------------

    def served(self, route: Route, now_ms: int) -> tuple[LearnedLimit, ...]:
        """A request down `route` was answered and is settled; the conclusions that this disproves, as they are now."""
        provider = self._holdings.catalogue.provider(route.provider)
        account = self._holdings.of_route(route)
        if provider is None or account is None:
            return ()
        self._answered.note(route, now_ms, Window.parse("day", provider.timezone))
        disproved = []
        for key in account.keys(route.model) if self._concluded else ():
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
        provider = self._holdings.catalogue.provider(route.provider)
        account = self._holdings.of_route(route)
        window = None if provider is None else window_refused(fault, provider.timezone, now_ms)
        asked = None if window is None else taught_by(fault, window, 1, None)
        if account is None or window is None or asked is None:
            return None
        key = self._key_read(account.spec, route, _located(route, asked, now_ms))
        bound = None if key is None else account.bound.get(key)
        if key is None or (bound is not None and key not in self._concluded):
            return None
        whole_account = asked.scope is not LimitScope.MODEL
        counted = self._answered.within(window, route, now_ms, whole_account=whole_account)
        if bound is not None:
            counted = max(counted, account.uses[key].used - 1)
        return taught_by(fault, window, counted, self._concluded.get(key))

    def _count_answered(self, key: str, route: Route, reading: LimitReading, now_ms: int) -> None:
        """What was answered here before the limit was known is in its window too."""
        whole_account = reading.scope is not LimitScope.MODEL
        leaving = self._answered.still_in(reading.window, route, now_ms, whole_account=whole_account)
        self._figures.count_earlier(key, reading.window, leaving, now_ms)

    def _apply(self, learned: LearnedLimit, now_ms: int) -> None:
        key, changed = self._holdings.apply(learned, now_ms)
        if key is None:
            return
        if learned.reading.source is FigureSource.LEARNED:
            self._concluded[key] = learned
        else:
            self._concluded.pop(key, None)
        if changed:
            self._figures.bound_anew(key, changed, max(now_ms, learned.as_of_ms))

    def _key_read(self, account: AccountSpec | None, route: Route, learned: LearnedLimit) -> str | None:
        """The key of the limit that a reading made on `route` tells of; the same headers come with every reply."""
        reading = learned.reading
        asked = (route, reading.metric, reading.window, reading.scope, reading.model)
        if asked not in self._keys_read:
            bound = None if account is None else bind(account, learned.spec, learned.model or route.model)
            self._keys_read[asked] = None if bound is None else bound.key
        return self._keys_read[asked]

    def _learned_by(self, account: AccountSpec, scope: LimitScope) -> dict[str, LearnedLimit]:
        return self._learned.setdefault((account.provider, owner_of(account, scope)), {})


def _located(route: Route, reading: LimitReading, now_ms: int) -> LearnedLimit:
    return LearnedLimit(route.provider, route.account, _model_of(reading, route.model), reading, now_ms)


def _model_of(reading: LimitReading, read_on: str | None) -> str | None:
    """The model or pattern that a reading is about; None: every model."""
    return reading.model or (read_on if reading.scope is LimitScope.MODEL else None)


def _is_of_recent_requests(reading: LimitReading) -> bool:
    """Whether it was told of requests in a window that answers are counted for."""
    window = reading.window
    rolls = window.kind is WindowKind.ROLLING and (window.length_ms or 0) <= LONGEST_ROLLING_MS
    return reading.metric is Metric.REQUESTS and rolls and reading.source is not FigureSource.LEARNED


def _says_other(reading: LimitReading, known: LimitReading) -> bool:
    """Whether it is news after what is known."""
    return (reading.amount, reading.source, reading.confidence, reading.flaw) != (
        known.amount,
        known.source,
        known.confidence,
        known.flaw,
    )
