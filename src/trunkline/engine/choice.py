"""The routes that one request asks no more, and the choice among the rest."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from trunkline.domain.decisions import Decision, NoRoute
from trunkline.domain.faults import Fault, FaultCode
from trunkline.domain.messages import ChatRequest, Redo
from trunkline.domain.receipts import TierUpgrade
from trunkline.domain.routes import Route
from trunkline.domain.state import RoutingState
from trunkline.domain.tasks import Task
from trunkline.engine.accounting import Books
from trunkline.engine.asking import ask_of
from trunkline.engine.failover import is_spent
from trunkline.engine.generation import Generation
from trunkline.routing import Inputs, RoutingAsk, decide, frozen_state

if TYPE_CHECKING:
    from trunkline.engine.core import EngineCore

_GONE_OF_ONE_ACCOUNT = 2


class Choice:
    """Of one request. `inputs` is what was decided on last; `left` is the route whose place the next one takes."""

    def __init__(self, core: EngineCore, request: ChatRequest, books: Books) -> None:
        self._core = core
        self._request = request
        self._books = books
        self._explore_draw = core.explore_draw(core.generation)
        self._failed: set[Route] = set()
        self._silent: set[Route] = set()
        self._moves = False
        self.inputs: Inputs | None = None
        self.left: Route | None = None

    @property
    def state(self) -> RoutingState:
        """What was known when it was decided last."""
        return RoutingState(0) if self.inputs is None else self.inputs.state

    @property
    def is_forced(self) -> bool:
        """Whether the first route is the one that a person's override names."""
        return self.state.override is not None and self.left is None

    def decide(self, task: Task, generation: Generation) -> Decision | NoRoute:
        """Who should answer now."""
        state = frozen_state(self._state_now(generation))
        may_wait_until_ms = self._may_wait_until_ms(generation, state.now_ms)
        ask = self._ask(task, generation, may_wait_until_ms=may_wait_until_ms)
        self.inputs = Inputs(ask, state, generation.config)
        return decide(ask, generation.policy, state)

    def has_another(self, task: Task, generation: Generation, besides: Iterable[Route]) -> bool:
        """Whether somebody beside those could answer now. What was decided on last stays what it is."""
        ask = self._ask(task, generation, besides=besides)
        return isinstance(decide(ask, generation.policy, self._state_now(generation)), Decision)

    def _state_now(self, generation: Generation) -> RoutingState:
        state = self._core.routing_state(self._request, generation, explore_draw=self._explore_draw)
        if (
            self._request.embeds is not None
        ):  # a standing order says who answers; vectors are of the model named
            return replace(state, override=None, pin=None)
        return replace(state, conversation=None) if self._moves else state

    def _ask(
        self,
        task: Task,
        generation: Generation,
        *,
        besides: Iterable[Route] = (),
        may_wait_until_ms: int | None = None,
    ) -> RoutingAsk:
        # An account may have been taken out since this request began.
        set_aside = self._core.control.state.set_aside
        ask = ask_of(self._request, task, generation, set_aside=set_aside)
        failed = frozenset((*self._failed, *self._silent, *besides))
        return replace(ask, failed=failed, after=self.left, may_wait_until_ms=may_wait_until_ms)

    def _may_wait_until_ms(self, generation: Generation, now_ms: int) -> int | None:
        """How long the request may be kept for somebody good enough; None where it may not be kept at all."""
        if not self._request.park:
            return None
        longest_ms = generation.config.preferences.queue.park_at_most_ms
        kept_until_ms = sys.maxsize if longest_ms is None else now_ms + longest_ms
        deadline_at_ms = self._request.deadline_at_ms
        return kept_until_ms if deadline_at_ms is None else min(kept_until_ms, deadline_at_ms)

    def decide_again(self, task: Task, generation: Generation) -> Decision | NoRoute:
        """`decide`; where nobody is left, routes that failed in passing may be asked again as soon as their breakers
        let them."""
        decision = self.decide(task, generation)
        if isinstance(decision, NoRoute) and self._failed:
            self.forgive()
            decision = self.decide(task, generation)
        return decision

    def has_another_model(self, task: Task, route: Route, generation: Generation) -> bool:
        """Whether somebody could answer now with another model than that of `route`."""
        accounts = generation.provider(route).accounts
        same_model = [Route(route.provider, account.id, route.model) for account in accounts]
        return self.has_another(task, generation, same_model)

    def replace_answer(self, redo: Redo | None, upgrade: TierUpgrade | None, generation: Generation) -> None:
        """An answer is to be replaced by one with more behind it, if so: the conversation does not stay for its own
        sake, and where no tier is above another model is asked, if any can be."""
        if redo is None or upgrade is None:
            return
        self._moves = True
        selector = generation.config.catalogue.select(redo.route) if redo.route is not None else None
        if selector is None or selector.model is None or upgrade.to_tier is not upgrade.from_tier:
            return
        self.leave_model(selector.provider, selector.model, generation)

    def leave_model(self, provider: str | None, model: str, generation: Generation) -> None:
        """Ask a model no more, on whatever account, while anybody else can serve."""
        found = generation.config.catalogue.provider(provider or "")
        if found is not None:
            self._failed |= {Route(found.id, account.id, model) for account in found.accounts}

    def never_again(self, route: Route) -> None:
        """Ask that route no more for this request, whoever else is left."""
        self._silent.add(route)

    def forgive(self) -> None:
        """What failed may be asked again; who was silent may not."""
        self._failed.clear()

    def begin_anew(self) -> None:
        """The request has waited: who was silent before may be asked again too."""
        self._silent.clear()
        self.left = None

    def rule_out(self, route: Route, fault: Fault, generation: Generation) -> None:
        """Ask a route no more that failed so, nor those that had better not be asked either."""
        if fault.code == FaultCode.FIRST_TOKEN_TIMEOUT:
            self._silent.add(route)
        self._failed.add(route)
        if fault.code == FaultCode.MODEL_GONE:
            self._doubt_account(route, generation)
        self._doubt_provider(route, generation)

    def _doubt_provider(self, route: Route, generation: Generation) -> None:
        """A provider that took half of the attempts in vain is asked again only where nobody else can serve."""
        called = [one.provider for one in self._books.called]
        if is_spent(called, route.provider, generation.config.preferences.thresholds.max_attempts):
            provider = generation.provider(route)
            self._failed |= {
                Route(provider.id, account.id, model.id)
                for account in provider.accounts
                for model in provider.models
            }

    def _doubt_account(self, route: Route, generation: Generation) -> None:
        """An account that lacks two models of its list may lack them all: others go first, so that a list gone stale
        does not use up every attempt."""
        of_account = (route.provider, route.account)
        gone = [
            attempt
            for attempt in self._books.attempts
            if (attempt.route.provider, attempt.route.account) == of_account
            and attempt.fault is not None
            and attempt.fault.code == FaultCode.MODEL_GONE
        ]
        if len(gone) >= _GONE_OF_ONE_ACCOUNT:
            self._failed |= {Route(*of_account, model.id) for model in generation.provider(route).models}
