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
_RESULT_IMAGE = "[image of the result of the call {call_id}]"


def contents(
    messages: tuple[Message, ...], *, prefill: bool, sign_calls: bool, results_hold_images: bool
) -> list[Content]:
    """`messages`, already fitted, as contents; neighbours of one role are merged, but results of functions keep one of
    their own. What the API refuses is mended: no content at all, a model that speaks first, and one that speaks last
    where it takes no `prefill`. With `sign_calls` the first function call of each content has a signature, if need be
    `NO_SIGNATURE`; the others of a parallel set have none by nature. The images of a result are within it where
    `results_hold_images`, else in a content of the user's that follows."""
    names = {
        part.call_id: part.name
        for message in messages
        for part in message.parts
        if isinstance(part, ToolCallPart)
    }
    told: list[Content] = []
    for message in messages:
        if message.role is not Role.SYSTEM:
            role = "model" if message.role is Role.ASSISTANT else "user"
            _add(told, role, _pieces(message, names, within=results_hold_images))
            if not results_hold_images:
                _add(told, role, _shown_later(message))
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


def images_told(told: list[Content]) -> int:
    """How many images those contents hold, with those within results."""
    pieces = [piece for content in told for piece in content["parts"]]
    results = [piece["functionResponse"] for piece in pieces if "functionResponse" in piece]
    within = sum(len(result.get("parts", ())) for result in results)
    return within + sum("inlineData" in piece for piece in pieces)


def _shown_later(message: Message) -> list[Piece]:
    """The images of its results, each after words that say whose it is."""
    pieces: list[Piece] = []
    results = (part for part in message.parts if isinstance(part, ToolResultPart))
    for part in results:
        for image in part.images:
            shown = _inline_image(image.url)
            if shown is not None:
                pieces += [{"text": _RESULT_IMAGE.format(call_id=part.call_id)}, shown]
    return pieces


def _pieces(message: Message, names: dict[str, str], *, within: bool) -> list[Piece]:
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
                pieces.append(_result(part, names.get(part.call_id, ""), images=within))
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


def _result(part: ToolResultPart, name: str, *, images: bool) -> Piece:
    """A result under the key that says whether it is one or an error. Its text stays text: numbers in a response
    object are floating point to the API, and a long id would come out changed."""
    said = {"error" if part.is_error else "output": part.text}
    response: Piece = {"id": part.call_id, "name": name, "response": said}
    shown = [piece for image in part.images if images and (piece := _inline_image(image.url)) is not None]
    if shown:
        response["parts"] = shown
    return {"functionResponse": response}


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
