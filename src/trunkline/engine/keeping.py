"""What is kept of a request: its question as soon as it is asked, and what became of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from trunkline.domain.events import Answered, Cancelled, Ending
from trunkline.domain.messages import ChatRequest, Role
from trunkline.engine.generation import Generation
from trunkline.routing import Inputs
from trunkline.store.chats import StoredMessage
from trunkline.store.records import StoredRequest

if TYPE_CHECKING:
    from trunkline.engine.core import EngineCore

_log = logging.getLogger(__name__)


def keep_question(core: EngineCore, request: ChatRequest, request_id: str) -> None:
    """Keep what a person wrote as soon as it is asked, so that nothing that happens later can lose it."""
    asked = next((m for m in reversed(request.messages) if m.role is Role.USER), None)
    if request.conversation_id is None or asked is None or not request.keeps_words:
        return
    core.store.save_message(
        request.conversation_id,
        request.turn_id or core.ids.new(),
        Role.USER,
        asked.text,
        request_id,
        at_ms=core.clock.wall_ms(),
    )


def request_over(
    core: EngineCore,
    request: ChatRequest,
    ending: Ending,
    answer: str,
    generation: Generation,
    inputs: Inputs | None,
) -> None:
    """Record a finished request, with what its decision was made from, and let whoever waits behind it go: whatever
    goes wrong with the one, nobody waits in vain."""
    request_id = ending.receipt.request_id
    try:
        if not (isinstance(ending, Cancelled) and ending.kept):
            _keep(core, request, ending, answer, generation, inputs)
    except Exception:
        _log.exception("what became of a request could not be kept", extra={"request_id": request_id})
    core.changed = True
    core.waiting_room.leave(request_id)
    core.slots.leave(request_id)


def _keep(
    core: EngineCore,
    request: ChatRequest,
    ending: Ending,
    answer: str,
    generation: Generation,
    inputs: Inputs | None,
) -> None:
    receipt = ending.receipt
    home = core.crisis_moves.over(receipt)
    if core.conversations.note(receipt, generation.config.catalogue, home=home) and receipt.conversation_id:
        core.crisis_moves.came_home(receipt.conversation_id)
    core.spent_day_pico += (receipt.cost_pico or 0) + receipt.waste_pico
    asked = _stored(request, generation.config.generation)
    keeps = request.conversation_id is not None and request.keeps_words
    message = _answer_of(core, ending, answer) if keeps and answer else None
    if core.parking.has(receipt.request_id):
        core.parking.end(receipt, asked, inputs, message)
    else:
        core.store.record(receipt, request=asked, inputs=inputs)
        if message is not None and request.conversation_id is not None:
            core.store.keep_message(request.conversation_id, message)
    core.learning.request_over(request, receipt, generation)


def _answer_of(core: EngineCore, ending: Ending, answer: str) -> StoredMessage:
    return StoredMessage(
        core.ids.new(),
        Role.ASSISTANT,
        answer,
        ending.receipt.request_id,
        isinstance(ending, Answered) and ending.receipt.complete,
        core.clock.wall_ms(),
    )


def _stored(request: ChatRequest, generation: str) -> StoredRequest:
    return StoredRequest(
        generation=generation,
        message_count=len(request.messages),
        tool_count=len(request.tools),
        stream=request.stream,
        pinned_to=request.route,
        prefer=request.prefer,
        avoid=request.avoid,
        max_output_tokens=request.max_output_tokens,
        budget_pico=request.budget_pico,
        deadline_at_ms=request.deadline_at_ms,
    )
