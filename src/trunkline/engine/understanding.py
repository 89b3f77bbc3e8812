"""What is learned of a request's task only after it has come: its exact size, and where its conversation stands."""

from __future__ import annotations

from dataclasses import replace

from trunkline.domain.messages import ChatRequest
from trunkline.domain.tasks import Task
from trunkline.engine.core import EngineCore
from trunkline.engine.generation import Generation


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
    return replace(
        task,
        type=again.type,
        type_confidence=again.type_confidence,
        output_tokens=again.output_tokens,
    )
