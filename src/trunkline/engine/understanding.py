"""What is learned of a request's task only after it has come: its exact size, and where its conversation stands."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trunkline.analysis import Followed, complexity_of
from trunkline.domain.messages import ChatRequest
from trunkline.domain.state import ConversationState
from trunkline.domain.tasks import Task, Tier
from trunkline.engine.generation import Generation

if TYPE_CHECKING:
    from trunkline.engine.core import EngineCore


def followed(conversation: ConversationState, generation: Generation) -> Followed:
    """What the last turn of `conversation` was taken for."""
    tier, complexity = Tier(conversation.tier), conversation.complexity
    if complexity is None:
        complexity = complexity_of(tier, generation.config.preferences.thresholds)
    return Followed(conversation.task_type, tier, complexity)


async def counted(core: EngineCore, request: ChatRequest, task: Task, generation: Generation) -> Task:
    """The task with what is too long for the event loop counted, which was estimated so far."""
    core.counting.request_begins(generation.counting)
    if not await core.counting.count(request, generation.counting):
        return task
    again = core.analyse(request, generation)
    return replace(
        task, input_tokens=again.input_tokens, counted=again.counted, count_source=again.count_source
    )


async def recalled(core: EngineCore, request: ChatRequest, task: Task, generation: Generation) -> Task:
    """The task as it is where the conversation was last, if another process answered it, or this one before it
    began."""
    if not await core.conversations.recall(request, generation.config.catalogue):
        return task
    again = core.analyse(request, generation)
    if request.redo is None:  # whose tier is that of the answer which it is to replace, or one above
        task = replace(task, complexity=again.complexity, tier=again.tier)
    return replace(
        task,
        type=again.type,
        type_confidence=again.type_confidence,
        output_tokens=again.output_tokens,
    )
