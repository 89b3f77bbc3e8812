"""What other preferences would have made of the last requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from trunkline.analysis import tier_of
from trunkline.domain.decisions import Decision, NoRoute
from trunkline.domain.preferences import Thresholds
from trunkline.domain.state import RoutingState
from trunkline.domain.tasks import Task
from trunkline.domain.trials import DecisionChange, PreferencesTrial
from trunkline.engine.asking import routing_ask
from trunkline.engine.generation import Generation
from trunkline.routing import decide
from trunkline.store.queries import AskedRequest

MOST_REQUESTS = 50
NOBODY = "nobody can answer"


async def try_generation(
    asked: tuple[AskedRequest, ...],
    now: Generation,
    tried: Generation,
    state_for: Callable[[Generation], RoutingState],
) -> PreferencesTrial:
    """Decide every request by both, letting others run between two requests. `state_for` gives the state of accounts
    as it is at that moment; conversations are left out of it, so that nothing stays where it is for their sake."""
    changes = []
    for one in asked:
        change = compared(
            one,
            decided(one.task, one, now, state_for(now)),
            decided(retiered(one.task, now, tried), one, tried, state_for(tried)),
        )
        if change is not None:
            changes.append(change)
        await asyncio.sleep(0)
    learning = tried.config.preferences.learning
    explored_share = learning.explore_share if learning.enabled else 0.0
    return PreferencesTrial(len(asked), tuple(changes), explored_share=explored_share)


def decided(
    task: Task, asked: AskedRequest, generation: Generation, state: RoutingState
) -> Decision | NoRoute:
    """Who should answer `task`, with the pins and lists that its asker gave."""
    wish = asked.asked
    ask = routing_ask(
        task,
        generation,
        pinned_to=wish.pinned_to,
        prefer=wish.prefer,
        avoid=wish.avoid,
        budget_pico=wish.budget_pico,
        asked_output_tokens=wish.max_output_tokens,
    )
    return decide(ask, generation.policy, state)


def retiered(task: Task, now: Generation, tried: Generation) -> Task:
    """`task` in the tier that the tried thresholds give it; a tier that the asker named stays."""
    before, after = _thresholds(now), _thresholds(tried)
    if task.tier is not tier_of(task.complexity, before):
        return task
    return replace(task, tier=tier_of(task.complexity, after))


def compared(
    asked: AskedRequest, before: Decision | NoRoute, after: Decision | NoRoute
) -> DecisionChange | None:
    """The change, if the request would go elsewhere."""
    routes = _route(before), _route(after)
    if routes[0] == routes[1]:
        return None
    return DecisionChange(
        asked.request_id,
        asked.at_ms,
        asked.origin,
        asked.task.type,
        asked.task.tier.value,
        *routes,
        _reason(before),
        _reason(after),
        _cost_pico(before),
        _cost_pico(after),
    )


def _thresholds(generation: Generation) -> Thresholds:
    return generation.config.preferences.thresholds


def _route(decision: Decision | NoRoute) -> str | None:
    return decision.route.id if isinstance(decision, Decision) else None


def _reason(decision: Decision | NoRoute) -> str:
    return decision.reason.value if isinstance(decision, Decision) else NOBODY


def _cost_pico(decision: Decision | NoRoute) -> int | None:
    if not isinstance(decision, Decision):
        return None
    return next((one.cost_pico for one in decision.ranking if one.route == decision.route), None)
