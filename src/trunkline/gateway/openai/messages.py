"""The `messages` of a chat-completions request, read."""

from __future__ import annotations

from collections.abc import Iterator

from trunkline.domain.messages import (
    ImagePart,
    Message,
    Part,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from trunkline.gateway.dialect import UnreadableError
from trunkline.gateway.left_out import LeftOut, packed
from trunkline.gateway.openai.fields import read_image
from trunkline.gateway.reading import Reader
from trunkline.gateway.sealing import unsealed

_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
    "function": Role.TOOL,
}
_MESSAGE_FIELDS = (
    "role",
    "content",
    "refusal",
    "tool_calls",
    "tool_call_id",
    "function_call",
    "annotations",
    "reasoning",
    "reasoning_content",
    "reasoning_details",
)
"""Reasoning without its provider's name is left where it is: Trunkline restores what it kept itself."""

_PART_FIELDS = ("type", "text", "image_url", "refusal")
_NOT_CARRIED = {"input_audio": "sound", "file": "a file", "video_url": "a video"}


def read_messages(reader: Reader, left_out: LeftOut) -> tuple[Message, ...]:
    """The conversation. `developer` is a system message; each `tool` and `function` message is one result. Raises
    UnreadableError where there is no message, and for content that cannot be carried."""
    messages = MessageReader(left_out)
    told = tuple(messages.read(one) for one in reader.objects("messages"))
    if not told:
        raise reader.wrong("messages", "a list of at least one message")
    return told


class MessageReader:
    """Reads one message after another; the old `function_call`s have no ids and get some on the way."""

    def __init__(self, left_out: LeftOut) -> None:
        self._left_out = left_out
        self._old_calls: dict[str, str] = {}
        self._count = 0

    def read(self, message: Reader) -> Message:
        """One message."""
        self._left_out.add_unknown(message, _MESSAGE_FIELDS, "messages.")
        word = message.word("role", tuple(_ROLES))
        if word is None:
            raise message.wrong("role", f"one of {', '.join(_ROLES)}")
        role = _ROLES[word]
        if role is Role.TOOL:
            return Message(role, (self._result(message, word),))
        parts: list[Part] = list(self._content(message))
        if role is Role.ASSISTANT:
            refusal = message.text("refusal")
            if refusal:
                parts.append(TextPart(refusal))
            parts += self._calls(message)
        elif not message.has("content"):
            raise message.wrong("content", "text or a list of parts")
        return Message(role, tuple(parts))

    def _content(self, message: Reader) -> Iterator[TextPart | ImagePart]:
        value = message.table.get("content")
        if isinstance(value, str):
            yield TextPart(value)
        elif isinstance(value, list):
            for part in message.objects("content"):
                yield self._part(part)
        elif value is not None:
            raise message.wrong("content", "text or a list of parts")

    def _part(self, part: Reader) -> TextPart | ImagePart:
        self._left_out.add_unknown(part, _PART_FIELDS, "content.")
        kind = part.text("type")
        if kind == "text":
            return TextPart(part.text("text") or "")
        if kind == "refusal":
            return TextPart(part.text("refusal") or "")
        if kind == "image_url":
            if isinstance(part.table.get("image_url"), str):
                return read_image(part.text("image_url"), part, "image_url", self._left_out)
            image = part.object("image_url")
            if image is None:
                raise part.wrong("image_url", "an object with a url")
            return read_image(image.text("url"), image, "url", self._left_out)
        carried = _NOT_CARRIED.get(kind or "", f"a part of type {kind!r}")
        raise UnreadableError(
            f"{part.at('type')}: {carried} cannot be carried; text and images can", part.at("type")
        )

    def _result(self, message: Reader, word: str) -> ToolResultPart:
        if word == "function":
            name = message.needed_text("name")
            call_id = self._old_calls.get(name)
            if call_id is None:
                raise message.wrong("name", "the name of a function that was called before")
        else:
            call_id = message.needed_text("tool_call_id")
        parts = tuple(self._content(message))
        text = "".join(part.text for part in parts if isinstance(part, TextPart))
        return ToolResultPart(
            call_id, text, images=tuple(part for part in parts if isinstance(part, ImagePart))
        )

    def _calls(self, message: Reader) -> Iterator[Part]:
        for call in message.objects("tool_calls"):
            if call.text("type") not in (None, "function"):
                raise call.wrong("type", "function")
            function = call.object("function")
            if function is None:
                raise call.wrong("function", "an object")
            provider, signature = _signature(call)
            name, arguments = function.needed_text("name"), read_arguments(function)
            yield ToolCallPart(call.needed_text("id"), name, arguments, signature, provider)
        function = message.object("function_call")
        if function is not None:
            self._count += 1
            name = function.needed_text("name")
            self._old_calls[name] = f"call_{self._count}"
            yield ToolCallPart(self._old_calls[name], name, read_arguments(function))


def read_arguments(function: Reader) -> str:
    """The arguments of a call as JSON text. Some clients send them as the object itself."""
    value = function.table.get("arguments")
    if isinstance(value, dict):
        return packed(value, function.at("arguments"))
    return function.text("arguments") or "{}"


def _signature(call: Reader) -> tuple[str | None, str | None]:
    """Whose signature comes back with a call, where it is one of those that this dialect gave out."""
    extra = call.table.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    sealed = google.get("thought_signature") if isinstance(google, dict) else None
    opened = unsealed(sealed) if isinstance(sealed, str) else None
    return (None, None) if opened is None else (opened[0], opened[2] or None)
