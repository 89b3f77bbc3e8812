"""A conversation as contents of the user and the model."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any
from urllib.parse import unquote_to_bytes

from trunkline.domain.messages import (
    ImagePart,
    Message,
    Role,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)

Piece = dict[str, Any]
Content = dict[str, Any]

NOTHING_ASKED = "Begin."
MODEL_FIRST = "(The conversation opens with your message.)"
GO_ON = "Go on."
NO_SIGNATURE = "skip_thought_signature_validator"
"""What Google documents for a function call that no Gemini model made, in place of its thought signature."""

_MEDIA_TYPES = {"image/jpg": "image/jpeg"}


def contents(messages: tuple[Message, ...], *, prefill: bool, sign_calls: bool) -> list[Content]:
    """`messages`, already fitted, as contents; neighbours of one role are merged, but results of functions keep one of
    their own. What the API refuses is mended: no content at all, a model that speaks first, and one that speaks last
    where it takes no `prefill`. With `sign_calls` the first function call of each content has a signature, if need be
    `NO_SIGNATURE`; the others of a parallel set have none by nature."""
    names = {
        part.call_id: part.name
        for message in messages
        for part in message.parts
        if isinstance(part, ToolCallPart)
    }
    told: list[Content] = []
    for message in messages:
        if message.role is not Role.SYSTEM:
            _add(told, "model" if message.role is Role.ASSISTANT else "user", _pieces(message, names))
    if sign_calls:
        for content in told:
            _sign(content)
    if not told:
        return [_user(NOTHING_ASKED)]
    if told[0]["role"] == "model":
        told.insert(0, _user(MODEL_FIRST))
    if told[-1]["role"] == "model" and not (prefill and "text" in told[-1]["parts"][-1]):
        told.append(_user(GO_ON))
    return told


def _add(told: list[Content], role: str, pieces: list[Piece]) -> None:
    if not pieces:
        return
    last = told[-1] if told else None
    if last is not None and last["role"] == role and _is_result(last["parts"][-1]) == _is_result(pieces[0]):
        last["parts"] += pieces
    else:
        told.append({"role": role, "parts": pieces})


def _is_result(piece: Piece) -> bool:
    return "functionResponse" in piece


def _sign(content: Content) -> None:
    first = next((piece for piece in content["parts"] if "functionCall" in piece), None)
    if first is not None:
        first.setdefault("thoughtSignature", NO_SIGNATURE)


def _user(text: str) -> Content:
    return {"role": "user", "parts": [{"text": text}]}


def _pieces(message: Message, names: dict[str, str]) -> list[Piece]:
    """The parts of one message; what cannot be said, and text of white space alone, is left out."""
    pieces: list[Piece] = []
    for part in message.parts:
        match part:
            case TextPart(text):
                if text.strip():
                    pieces.append({"text": text})
            case ImagePart(url):
                image = _inline_image(url)
                if image is not None:
                    pieces.append(image)
            case ThinkingPart():
                _add_thinking(pieces, part)
            case ToolCallPart():
                pieces.append(_call(part))
            case ToolResultPart():
                pieces.append(_result(part, names.get(part.call_id, "")))
    return pieces


def _add_thinking(pieces: list[Piece], part: ThinkingPart) -> None:
    """A thought goes back for its signature alone. One without words came with the text before it, and goes back on
    that; failing such text, on an empty one, as the API itself does it."""
    if not part.signature:
        return
    if part.text:
        pieces.append({"text": part.text, "thought": True, "thoughtSignature": part.signature})
    elif pieces and set(pieces[-1]) == {"text"}:
        pieces[-1]["thoughtSignature"] = part.signature
    else:
        pieces.append({"text": "", "thoughtSignature": part.signature})


def _call(part: ToolCallPart) -> Piece:
    call = {"id": part.call_id, "name": part.name, "args": _arguments(part.arguments)}
    piece: Piece = {"functionCall": call}
    if part.signature:
        piece["thoughtSignature"] = part.signature
    return piece


def _arguments(text: str) -> dict[str, Any]:
    """The arguments of a call, which must be an object: what is none is put into one."""
    try:
        value = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        value = text
    return value if isinstance(value, dict) else {"arguments": value}


def _result(part: ToolResultPart, name: str) -> Piece:
    """A result under the key that says whether it is one or an error. Its text stays text: numbers in a response
    object are floating point to the API, and a long id would come out changed."""
    response = {"error" if part.is_error else "output": part.text}
    return {"functionResponse": {"id": part.call_id, "name": name, "response": response}}


def _inline_image(url: str) -> Piece | None:
    """An inline image as base64 with its media type. None for any other: an address is never sent, since the API asks
    for the media type of what is there."""
    scheme, _, rest = url.strip().partition(":")
    head, comma, data = rest.partition(",")
    if scheme.lower() != "data" or not comma:
        return None
    kind, *parameters = [piece.strip().lower() for piece in head.split(";")]
    if "base64" in parameters:
        encoded = "".join(unquote_to_bytes(data).decode("ascii", "ignore").split())
        try:
            base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return None
    else:
        encoded = base64.b64encode(unquote_to_bytes(data)).decode()
    return {"inlineData": {"mimeType": _MEDIA_TYPES.get(kind, kind), "data": encoded}}
