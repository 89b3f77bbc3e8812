"""What would become of a request: a decision that looks at every route, and no call."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trunkline.domain.decisions import Decision
from trunkline.domain.messages import ChatRequest
from trunkline.engine.api import Preview
from trunkline.engine.asking import ask_of
from trunkline.engine.holds import hold_of
from trunkline.routing import decide

if TYPE_CHECKING:
    from trunkline.engine.core import EngineCore


def preview_of(core: EngineCore, request: ChatRequest) -> Preview:
    """As it is now; nothing in it waits."""
    generation = core.generation
    task = core.analyse(request, generation)
    ask = replace(ask_of(request, task, generation), exhaustive=True)
    decision = decide(ask, generation.policy, core.routing_state(request, generation))
    chosen = generation.model(decision.route) if isinstance(decision, Decision) else None
    held = hold_of(task, core.standing(generation), core.crisis.steps)
    window_tokens = chosen.context_tokens if chosen is not None else None
    return Preview(task, decision, window_tokens, held, core.over_budget(request, task, generation))
