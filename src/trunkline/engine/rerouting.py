"""Telling the asker that another route is called than before, and why."""

from __future__ import annotations

from trunkline.domain.events import RerouteCause, Rerouted
from trunkline.domain.faults import Fault
from trunkline.domain.receipts import TierUpgrade
from trunkline.domain.routes import Route
from trunkline.domain.tasks import Tier
from trunkline.engine.accounting import Books
from trunkline.engine.answer import AnswerSoFar


class Rerouting:
    """Of one request: which route it was called on last, or could not be for want of an allowance."""

    def __init__(self, answer: AnswerSoFar, books: Books) -> None:
        self._answer = answer
        self._books = books
        self._called: Route | None = None
        self._short: Route | None = None
        self._tier: Tier | None = None

    def raised(self, upgrade: TierUpgrade | None) -> None:
        """More is put behind the request from now on: to be told where that is a higher tier."""
        if upgrade is not None and upgrade.to_tier is not upgrade.from_tier:
            self._tier = upgrade.to_tier

    def short(self, route: Route) -> None:
        """The ledger would not reserve on it."""
        self._short = route

    def called(self, route: Route) -> None:
        """It was called, however that went."""
        self._called = route

    def begin_anew(self) -> None:
        """The request has waited: whatever it calls next is no reroute."""
        self._called = None

    def announce(self, route: Route, fault: Fault | None) -> None:
        """`route` is called next; `fault` is what the last call met."""
        if self._short is not None:
            left, self._short = self._short, None
            self._answer.emit(Rerouted(left, route, RerouteCause.SHORT, None, self._books.since_refusal_ms))
        elif self._called is not None and self._called != route:
            cause = _cause(fault, text_shown=self._answer.text_chars > 0)
            since_ms, tier, self._tier = self._books.since_refusal_ms, self._tier, None
            self._answer.emit(Rerouted(self._called, route, cause, fault, since_ms, tier))


def _cause(fault: Fault | None, *, text_shown: bool) -> RerouteCause:
    if fault is None:
        return RerouteCause.SHORT
    if text_shown:
        return RerouteCause.CUT
    return RerouteCause.REFUSED if fault.http_status is not None else RerouteCause.FAULT
