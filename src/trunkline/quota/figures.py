"""The use of every limit, brought up to date key by key: when a use is noted, or when its window moves on."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import replace

from trunkline.domain.limits import FigureSource, LimitReading, Metric, Window, WindowKind
from trunkline.domain.routes import Route, Selector
from trunkline.quota.holdings import AccountKey, Holdings, limit_use
from trunkline.quota.ledger import KeyUse, Ledger

READ_AGAIN_AFTER_MS = (50, 1_000)
# So little is left then that a call of usual size may not fit.
_USED_UP_ABOVE = 0.95
# A refusal and its headers round differently.
_SAME_MOMENT_MS = 60_000


class Figures:
    """What the ledger counts under the keys of `holdings`. What got other figures is collected in `changed`,
    `changed_wide` and `changed_routes` (see `LimitBook`)."""

    def __init__(self, ledger: Ledger, holdings: Holdings) -> None:
        self.changed: set[AccountKey] = set()
        self.changed_wide: set[AccountKey] = set()
        self.changed_routes: set[Route] = set()
        self._ledger = ledger
        self._holdings = holdings
        self._reported_resets: dict[str, int] = {}
        self._flaws: dict[str, str] = {}
        self._due: list[tuple[int, str]] = []
        self._due_at: dict[str, int] = {}
        self._again: list[tuple[int, str]] = []
        self._again_known: set[tuple[int, str]] = set()

    def read_all(self, now_ms: int) -> None:
        """Read every figure anew."""
        for key in self._holdings.windows:
            self.read(key, now_ms)

    def read(self, key: str, now_ms: int) -> None:
        """Read one figure anew."""
        self._set(self._ledger.use(key, self._holdings.windows[key]), now_ms)

    def read_again(self, key: str, now_ms: int) -> None:
        """Read it when the ledger, which does not make anybody wait for it, has surely written it down."""
        for after_ms in READ_AGAIN_AFTER_MS:
            due = (now_ms + 2 * after_ms - now_ms % after_ms, key)
            if due not in self._again_known:
                self._again_known.add(due)
                heapq.heappush(self._again, due)

    def note(self, uses: Iterable[KeyUse], now_ms: int) -> None:
        """Take in figures that the ledger has just handed out."""
        for use in uses:
            if use.key in self._holdings.windows:
                self._set(use, now_ms)

    def advance(self, now_ms: int) -> None:
        """Bring figures up to date whose window has moved on by `now_ms`."""
        windows = self._holdings.windows
        while self._due and self._due[0][0] <= now_ms:
            at_ms, key = heapq.heappop(self._due)
            if self._due_at.get(key) == at_ms:
                del self._due_at[key]
                if key in windows:
                    self.read(key, now_ms)
        while self._again and self._again[0][0] <= now_ms:
            due = heapq.heappop(self._again)
            self._again_known.discard(due)
            if due[1] in windows:
                self.read(due[1], now_ms)

    def bound_anew(self, key: str, holders: Iterable[AccountKey], now_ms: int) -> None:
        """These accounts are under another amount of a limit."""
        for holder in holders:
            self.changed.add(holder)
            self.changed_wide.add(holder)
        self.read(key, now_ms)

    def note_flaw(self, key: str, flaw: str) -> None:
        """What was told of a limit was absurd in this way, or, where empty, is not any more."""
        if flaw == self._flaws.get(key, ""):
            return
        self._flaws[key] = flaw
        for holder in self._holdings.holders.get(key, ()):
            limits = self._holdings.accounts[holder]
            limits.uses[key] = replace(limits.uses[key], flaw=flaw)
            limits.frozen = None
            self.changed.add(holder)

    def lift(self, key: str, reading: LimitReading, known_amount: int | None, now_ms: int) -> None:
        """What a provider says remains lifts the counted use and never lowers it. `known_amount` is what was learned of
        the limit before, for a reading that names none."""
        holders = self._holdings.holders.get(key)
        if not holders:
            return
        if reading.resets_at_ms is not None and reading.window.kind is not WindowKind.ROLLING:
            self._reported_resets[key] = reading.resets_at_ms
        amount = known_amount if reading.amount is None else reading.amount
        if amount is None:
            amount = self._holdings.accounts[holders[0]].bound[key].amount
        if reading.remaining is not None and reading.metric is not Metric.CONCURRENCY:
            at_least = amount - reading.remaining
            if at_least > self._ledger.use(key, reading.window).used:
                self._ledger.raise_use(key, reading.window, at_least, reading.resets_at_ms)
                self.read_again(key, now_ms)
                counted = self._ledger.use(key, reading.window)
                self._set(replace(counted, used=max(at_least, counted.used)), now_ms)
                return
        self.read(key, now_ms)

    def count_earlier(
        self, key: str, window: Window, leaving: Iterable[tuple[int, int]], now_ms: int
    ) -> None:
        """Count what was used before anybody knew of the limit: how much leaves its window when, the soonest first."""
        used = 0
        for until_ms, amount in leaving:
            used += amount
            self._ledger.raise_use(key, window, used, until_ms)
        counted = self._ledger.use(key, window)
        if used > counted.used:
            self.read_again(key, now_ms)
            self._set(replace(counted, used=used), now_ms)

    def correct(self, key: str, reading: LimitReading, now_ms: int) -> None:
        """See `LimitBook.correct`."""
        if reading.remaining is None or reading.amount is None or key not in self._holdings.windows:
            return
        used = reading.amount - reading.remaining
        if self._ledger.use(key, reading.window).used > used:
            self._ledger.lower_use(key, reading.window, used)
            self.read_again(key, now_ms)

    def forgive(self, selector: Selector, now_ms: int, resets_at_ms: int | None) -> None:
        """See `LimitBook.forgive`."""
        for (provider, account), limits in self._holdings.accounts.items():
            if selector.provider not in (None, provider) or selector.account not in (None, account):
                continue
            for key, use in tuple(limits.uses.items()):
                own_cap = use.metric is Metric.COST and use.source is FigureSource.CONFIGURED
                concerns = selector.model is None or use.covers(selector.model)
                concerns = concerns and (resets_at_ms is None or _about_at(use.resets_at_ms, resets_at_ms))
                if use.metric is Metric.CONCURRENCY or own_cap or not concerns:
                    continue
                # The ledger knows what other processes have counted by now; this book may not yet.
                most = int(use.amount * _USED_UP_ABOVE)
                self._ledger.lower_use(key, use.window, 0, own=True, if_above=most)
                self.read_again(key, now_ms)
                if use.used > most:
                    self._reported_resets.pop(key, None)
                    self._set(KeyUse(key, 0, None), now_ms)

    def _set(self, use: KeyUse, now_ms: int) -> None:
        reported_ms = self._reported_resets.get(use.key, 0)
        resets_at_ms = reported_ms if reported_ms > now_ms else use.resets_at_ms
        for holder in self._holdings.holders[use.key]:
            limits = self._holdings.accounts[holder]
            bound = limits.bound[use.key]
            known = limits.uses[use.key]
            if (known.used, known.resets_at_ms, known.as_of_ms > 0) != (use.used, resets_at_ms, True):
                flaw = self._flaws.get(use.key, "")
                limits.uses[use.key] = limit_use(bound, use, resets_at_ms, now_ms, flaw)
                limits.frozen = None
                self.changed.add(holder)
                if bound.model is None:
                    self.changed_wide.add(holder)
                elif use.used or known.used:
                    self.changed_routes.update(Route(*holder, model) for model in limits.models_of(bound))
        due_ms = min(
            (at_ms for at_ms in (use.resets_at_ms, reported_ms) if at_ms and at_ms > now_ms),
            default=None if use.resets_at_ms is None else now_ms + 1,
        )
        if due_ms is not None and due_ms < self._due_at.get(use.key, due_ms + 1):
            self._due_at[use.key] = due_ms
            heapq.heappush(self._due, (due_ms, use.key))


def _about_at(at_ms: int | None, moment_ms: int) -> bool:
    return at_ms is not None and abs(at_ms - moment_ms) <= _SAME_MOMENT_MS
