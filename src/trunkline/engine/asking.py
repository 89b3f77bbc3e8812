"""A request's wishes as routing is asked for them: pins and lists by name become selectors of one configuration."""

from __future__ import annotations

from trunkline.domain.messages import ChatRequest
from trunkline.domain.routes import Selector
from trunkline.domain.tasks import Task
from trunkline.engine.generation import Generation
from trunkline.routing import RoutingAsk
from trunkline.routing.crisis_steps import may_shrink

# Stands for names that this configuration no longer knows: nobody answers in their place.
_NOBODY = Selector(provider="", account="", model="")


def routing_ask(
    task: Task,
    generation: Generation,
    *,
    pinned_to: str | None,
    prefer: tuple[str, ...],
    avoid: tuple[str, ...],
    budget_pico: int | None,
    asked_output_tokens: int | None,
    shrinks: bool = False,
    only: tuple[str, ...] = (),
) -> RoutingAsk:
    """What is asked for `task`; a name that this configuration does not know counts for nothing."""
    pinned = generation.selectors((pinned_to,) if pinned_to else ())
    return RoutingAsk(
        task,
        selector=pinned[0] if pinned else None,
        prefer=generation.selectors(prefer),
        avoid=generation.selectors(avoid),
        budget_pico=budget_pico,
        asked_output_tokens=asked_output_tokens,
        may_shrink=shrinks,
        only=generation.selectors(only) or ((_NOBODY,) if only else ()),
    )


def ask_of(
    request: ChatRequest, task: Task, generation: Generation, *, set_aside: tuple[str, ...] = ()
) -> RoutingAsk:
    """What `request` asks for; `set_aside` are the accounts that a person has taken out since."""
    return routing_ask(
        task,
        generation,
        pinned_to=request.route,
        prefer=request.prefer,
        avoid=(*request.avoid, *set_aside),
        budget_pico=request.budget_pico,
        asked_output_tokens=request.max_output_tokens,
        shrinks=may_shrink(request),
        only=request.only,
    )
