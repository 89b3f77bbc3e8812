"""A whole answer as a response."""

from __future__ import annotations

from trunkline.domain.messages import TextPart, ThinkingPart, ToolCallPart
from trunkline.domain.routes import Route
from trunkline.gateway.dialect import WholeAnswer
from trunkline.gateway.responses.output import (
    COMPLETED,
    INCOMPLETE,
    Item,
    Response,
    call_item,
    message_item,
    reasoning_item,
    state_of,
)
from trunkline.gateway.responses.read import ResponsesShape
from trunkline.gateway.responses.sealed_reasoning import closed, closed_for_call


def response(shape: ResponsesShape, answer: WholeAnswer) -> bytes:
    """The body of a response: an item for each piece of reasoning, each run of text and each call, in their order."""
    told = Response(shape, answer.head)
    state = state_of(answer.finish)
    last = COMPLETED if state == COMPLETED else INCOMPLETE
    output: list[Item] = []
    parts = answer.message.parts
    for position, part in enumerate(parts):
        within = COMPLETED if position < len(parts) - 1 else last
        if isinstance(part, TextPart):
            before = output[-1] if output and output[-1]["type"] == "message" else None
            if before is None:
                output.append(message_item(told.item_id("msg", len(output)), part.text, within))
            else:
                text = before["content"][0]["text"] + part.text
                output[-1] = message_item(before["id"], text, within)
        elif isinstance(part, ToolCallPart):
            if part.signature is not None:
                content = closed_for_call(part.signature, Route(part.provider or "", "", ""))
                output.append(reasoning_item(told.item_id("rs", len(output)), "", content))
            item_id = told.item_id("fc", len(output))
            own = shape.own(part.name)
            output.append(call_item(item_id, part.call_id, part.arguments or "{}", own, COMPLETED))
        elif isinstance(part, ThinkingPart):
            output.append(reasoning_item(told.item_id("rs", len(output)), *_thought(part)))
    return told.json(state, output, answer.usage, finish=answer.finish)


def _thought(part: ThinkingPart) -> tuple[str, str | None]:
    """What is shown of reasoning, and what goes back to its provider."""
    if part.signature is None:
        return part.text, None
    route = Route(part.provider, "", part.model or "")
    return ("" if part.redacted else part.text), closed(part.signature, route, redacted=part.redacted)
