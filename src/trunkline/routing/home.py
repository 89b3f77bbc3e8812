"""Where a request would be served if there were no crisis, so that it can return there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from trunkline.domain.decisions import Decision
from trunkline.domain.routes import Route
from trunkline.domain.state import RoutingState
from trunkline.routing.ask import RoutingAsk
from trunkline.routing.decision import decide
from trunkline.routing.policy import CompiledPolicy


def peaceful(state: RoutingState, lost: Collection[str]) -> RoutingState:
    """The state as if there were no crisis and nothing kept anybody from the providers that it lost."""
    return replace(
        state,
        crisis_steps=(),
        providers={name: block for name, block in state.providers.items() if name not in lost},
        accounts={
            key: replace(account, block=None, limits=()) if key[0] in lost else account
            for key, account in state.accounts.items()
        },
        routes={
            route: replace(known, block=None) if route.provider in lost else known
            for route, known in state.routes.items()
        },
    )


def home_of(
    ask: RoutingAsk, policy: CompiledPolicy, state: RoutingState, lost: Collection[str]
) -> Route | None:
    """The route that a request would have had without the crisis; None where nobody could have served it."""
    conversation = state.conversation
    if conversation is not None and conversation.home is not None:
        return conversation.home
    untried = replace(ask, failed=frozenset(), after=None, exhaustive=False)
    decision = decide(untried, policy, peaceful(state, lost))
    return decision.route if isinstance(decision, Decision) else None
