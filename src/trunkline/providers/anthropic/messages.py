"""A conversation as Anthropic's API takes it: turns that alternate, made of content blocks."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from trunkline.domain.messages import (
    ImagePart,
    Message,
    Part,
    Role,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from trunkline.domain.routes import ToolIds
from trunkline.providers.portable import tool_id
from trunkline.providers.values.jsontext import object_in

Block = dict[str, Any]
Turn = dict[str, Any]

NOTHING_ASKED = "Begin."
ASSISTANT_FIRST = "(The conversation opens with your message.)"
GO_ON = "Go on."
THINKING_KINDS = ("thinking", "redacted_thinking")
_MEDIA_TYPES = {"image/jpg": "image/jpeg"}


def system_blocks(messages: tuple[Message, ...]) -> list[Block]:
    """The text of every system message."""
    texts = (message.text for message in messages if message.role is Role.SYSTEM)
    return [_text(text) for text in texts if text.strip()]


def turns(messages: tuple[Message, ...], *, prefill: bool) -> list[Turn]:
    """`messages` as turns of the user and the assistant, neighbours of one role merged. What the API refuses is
    mended: no turn at all, an assistant who speaks first or shows images, and one who speaks last where the model takes
    no `prefill`. With `prefill` the last words lose the white space at their end, which is refused."""
    merged: list[Turn] = []
    for message in messages:
        if message.role is Role.SYSTEM:
            continue
        role = "assistant" if message.role is Role.ASSISTANT else "user"
        parts = (part for part in message.parts if role == "user" or not isinstance(part, ImagePart))
        blocks = [block for part in parts if (block := _block(part)) is not None]
        if not blocks:
            continue
        if merged and merged[-1]["role"] == role:
            merged[-1]["content"] += blocks
        else:
            merged.append({"role": role, "content": blocks})
    if not merged:
        return [_user(NOTHING_ASKED)]
    if merged[0]["role"] == "assistant":
        merged.insert(0, _user(ASSISTANT_FIRST))
    if merged[-1]["role"] == "assistant":
        last = merged[-1]["content"][-1]
        if prefill and last["type"] == "text":
            last["text"] = last["text"].rstrip()
        else:
            merged.append(_user(GO_ON))
    return merged


def images_told(encoded: list[Turn]) -> int:
    """How many images those turns hold, with those of tool results."""
    blocks = [block for turn in encoded for block in turn["content"]]
    within = [block.get("content") for block in blocks if block["type"] == "tool_result"]
    blocks += [block for content in within if isinstance(content, list) for block in content]
    return sum(block["type"] == "image" for block in blocks)


def is_prefilled(encoded: list[Turn]) -> bool:
    """Whether the answer is already begun."""
    return bool(encoded[-1]["role"] == "assistant")


def _block(part: Part) -> Block | None:
    """`part` as a block; None for what cannot be said, which includes white space alone."""
    match part:
        case TextPart(text):
            return _text(text) if text.strip() else None
        case ImagePart(url):
            return _image(url)
        case ThinkingPart():
            return _thinking(part)
        case ToolCallPart():
            call_id = tool_id(part.call_id, ToolIds.WORD)
            return {"type": "tool_use", "id": call_id, "name": part.name, "input": _input(part.arguments)}
        case ToolResultPart():
            return _result(part)


def _user(text: str) -> Turn:
    return {"role": "user", "content": [_text(text)]}


def _text(text: str) -> Block:
    return {"type": "text", "text": text}


def _thinking(part: ThinkingPart) -> Block | None:
    """Reasoning as it came; without its signature it is not taken back."""
    if not part.signature:
        return None
    if part.redacted:
        return {"type": "redacted_thinking", "data": part.signature}
    return {"type": "thinking", "thinking": part.text, "signature": part.signature}


def _result(part: ToolResultPart) -> Block:
    block: Block = {"type": "tool_result", "tool_use_id": tool_id(part.call_id, ToolIds.WORD)}
    images = [shown for image in part.images if (shown := _image(image.url)) is not None]
    if images:
        block["content"] = [*([_text(part.text)] if part.text.strip() else []), *images]
    elif part.text.strip():
        block["content"] = part.text
    if part.is_error:
        block["is_error"] = True
    return block


def _input(arguments: str) -> dict[str, Any]:
    """A tool's input, which must be an object: what is none is put into one as it is."""
    if not arguments.strip():
        return {}
    value = object_in(arguments)
    return {"arguments": arguments} if value is None else value


def _image(url: str) -> Block | None:
    """An inline image as base64 with its media type, any other by its address; None where it is neither."""
    scheme, _, rest = url.strip().partition(":")
    if scheme.lower() in ("http", "https"):
        return {"type": "image", "source": {"type": "url", "url": url.strip()}}
    head, comma, data = rest.partition(",")
    if scheme.lower() != "data" or not comma:
        return None
    kind, *parameters = [piece.strip().lower() for piece in head.split(";")]
    if "base64" in parameters:
        encoded = "".join(unquote(data).split())
    else:
        encoded = base64.b64encode(unquote_to_bytes(data)).decode()
    if not encoded:
        return None
    source = {"type": "base64", "media_type": _MEDIA_TYPES.get(kind, kind), "data": encoded}
    return {"type": "image", "source": source}
