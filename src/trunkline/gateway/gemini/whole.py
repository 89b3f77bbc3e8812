"""A whole answer as a response object."""

from __future__ import annotations

from typing import Any

from trunkline.domain.messages import Part, TextPart, ThinkingPart, ToolCallPart
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.domain.routes import Route
from trunkline.gateway.dialect import AnswerHead, WholeAnswer
from trunkline.gateway.gemini.read import Shape
from trunkline.gateway.gemini.signatures import seal
from trunkline.providers.values.jsontext import dumps, object_in

Piece = dict[str, Any]

_FINISH_REASONS = {
    FinishReason.STOP: "STOP",
    FinishReason.LENGTH: "MAX_TOKENS",
    # The API has no reason of its own for calls.
    FinishReason.TOOL_CALLS: "STOP",
    FinishReason.CONTENT: "SAFETY",
    FinishReason.CANCELLED: "OTHER",
}


def whole(shape: Shape, answer: WholeAnswer) -> bytes:
    """The body."""
    pieces = _pieces(answer, shape) or [{"text": ""}]
    return dumps(last_response(answer.head, pieces, answer.finish, answer.usage))


def last_response(
    head: AnswerHead, pieces: list[Piece], finish: FinishReason, usage: Usage
) -> dict[str, Any]:
    """A response that ends the answer."""
    candidate = {
        "content": {"parts": pieces, "role": "model"},
        "finishReason": _FINISH_REASONS[finish],
        "index": 0,
    }
    counted = _usage_fields(usage)
    metadata = {"usageMetadata": counted} if counted else {}
    return {
        "candidates": [candidate],
        **metadata,
        "modelVersion": head.model,
        "responseId": head.request_id,
    }


def call_piece(call_id: str, name: str, arguments: str, signature: str | None, route: Route) -> Piece:
    """A function call; its arguments must be an object: what is none is put into one as it is."""
    value = object_in(arguments) if arguments.strip() else {}
    args = {"arguments": arguments} if value is None else value
    piece: Piece = {"functionCall": {"id": call_id, "name": name, "args": args}}
    if signature:
        piece["thoughtSignature"] = seal(signature, route)
    return piece


def _pieces(answer: WholeAnswer, shape: Shape) -> list[Piece]:
    pieces: list[Piece] = []
    for part in answer.message.parts:
        _add(pieces, part, answer.head, shape)
    return pieces


def _add(pieces: list[Piece], part: Part, head: AnswerHead, shape: Shape) -> None:
    match part:
        case TextPart(text):
            if text:
                pieces.append({"text": text})
        case ToolCallPart():
            provider, _, model = head.model.partition("/")
            route = Route(part.provider or provider, "", model)
            pieces.append(call_piece(part.call_id, part.name, part.arguments, part.signature, route))
        case ThinkingPart():
            _add_thinking(pieces, part, shape)
        case _:
            return


def _add_thinking(pieces: list[Piece], part: ThinkingPart, shape: Shape) -> None:
    """A thought, signed where it is wanted. One without words is the signature of the text before it, or of an empty
    one; where thoughts are not wanted, a signature of words that are not shown is worth nothing."""
    route = Route(part.provider, "", part.model or "")
    signed = {"thoughtSignature": seal(part.signature, route, redacted=part.redacted)}
    if part.text or part.redacted:
        if shape.include_thoughts:
            pieces.append({"text": part.text, "thought": True, **signed})
    elif part.signature:
        if pieces and set(pieces[-1]) == {"text"}:
            pieces[-1] |= signed
        else:
            pieces.append({"text": "", **signed})


def _usage_fields(usage: Usage) -> dict[str, int]:
    """`usage`, thoughts apart from the candidates. What is not known is left out, as the API itself does it."""
    candidates = usage.output_tokens
    if candidates is not None:
        candidates = max(0, candidates - (usage.reasoning_tokens or 0))
    known = usage.input_tokens is not None and usage.output_tokens is not None
    fields = {
        "promptTokenCount": usage.input_tokens,
        "candidatesTokenCount": candidates,
        "totalTokenCount": (usage.input_tokens or 0) + (usage.output_tokens or 0) if known else None,
        "cachedContentTokenCount": usage.cached_tokens,
        "thoughtsTokenCount": usage.reasoning_tokens,
    }
    return {name: count for name, count in fields.items() if count is not None}
