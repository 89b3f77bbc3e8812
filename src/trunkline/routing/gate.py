"""What keeps a single route out that its account and its model's figures do not: DESIGN §4.2 for one request."""

from __future__ import annotations

from trunkline.domain.decisions import RejectionCode
from trunkline.domain.faults import FaultCode
from trunkline.domain.preferences import Preferences
from trunkline.domain.routes import Route
from trunkline.domain.state import Block, RouteState, RoutingState
from trunkline.routing.accounts import Refusal, block_facts
from trunkline.routing.ask import RoutingAsk
from trunkline.routing.policy import ModelRow
from trunkline.routing.rejections import NOT_ASKED_FOR, Facts

Refusing = tuple[RejectionCode, Facts, int | None]


class Gate:
    """For one request. `free_only`: what costs money is out, unless it leads a list that somebody wrote. Where it
    `is_open`, nothing but a block of its own keeps a route out."""

    def __init__(
        self,
        ask: RoutingAsk,
        state: RoutingState,
        preferences: Preferences,
        refuses: Refusal,
        *,
        free_only: bool,
    ) -> None:
        self._ask, self._refuses, self._free_only = ask, refuses, free_only
        self._allowed = ask.only if state.override is None else ()
        self._day_pico, self._spent_pico = preferences.budget_day_pico, state.spent_day_pico
        unlimited = ask.budget_pico is None and self._day_pico is None and not free_only
        self.is_open = unlimited and not ask.failed and not ask.avoid

    def refusal(
        self, row: ModelRow, route: Route, state: RouteState, cost_pico: int, *, stated: bool
    ) -> Refusing | None:
        """Why a route that should cost `cost_pico` may not answer; None: it may. `stated`: it leads a list."""
        ask = self._ask
        if ask.failed and route in ask.failed:
            return RejectionCode.FAILED, (), None
        block = state.block
        if block is not None and self._refuses(block):
            if block.code == FaultCode.MODEL_GONE:
                return RejectionCode.RETIRED, _gone_facts(route, block, row.successor), None
            return RejectionCode.BREAKER_OPEN, block_facts(block), block.until_ms
        if self._allowed and not any(
            one.matches(route.provider, route.account, route.model) for one in self._allowed
        ):
            return RejectionCode.EXCLUDED, (("rule", NOT_ASKED_FOR),), None
        for selector in ask.avoid:
            if selector.matches(route.provider, route.account, route.model):
                return RejectionCode.EXCLUDED, (("rule", f"avoid {selector}"),), None
        return None if cost_pico == 0 else self._too_dear(row, cost_pico, stated)

    def _too_dear(self, row: ModelRow, cost_pico: int, stated: bool) -> Refusing | None:
        """An unknown price counts as the dearest known, and is told as unknown."""
        told = ("cost_pico", cost_pico if row.price_known else None)
        if self._free_only and not stated:
            return RejectionCode.NOT_FREE, (told,), None
        budget_pico = self._ask.budget_pico
        if budget_pico is not None and cost_pico > budget_pico:
            return RejectionCode.OVER_BUDGET, (told, ("budget_pico", budget_pico), ("per", "request")), None
        if self._day_pico is not None and self._spent_pico + cost_pico > self._day_pico:
            left_pico = max(0, self._day_pico - self._spent_pico)
            return RejectionCode.OVER_BUDGET, (told, ("budget_pico", left_pico), ("per", "day")), None
        return None


def _gone_facts(route: Route, block: Block, successor: str | None) -> Facts:
    """What is said of a model that the provider no longer gives to one account."""
    account = f"{route.provider}/{route.account}"
    return (("account", account), ("since_ms", block.since_ms), ("successor", successor))
