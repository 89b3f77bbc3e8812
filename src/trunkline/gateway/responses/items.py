"""The `input` of a responses request, read: a list of items, of which several make one message."""

from __future__ import annotations

from collections.abc import Iterator

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
from trunkline.gateway.dialect import UnreadableError
from trunkline.gateway.left_out import LeftOut
from trunkline.gateway.openai.fields import read_image
from trunkline.gateway.reading import Reader
from trunkline.gateway.responses.calls import CALL_FIELDS, RESULT_FIELDS, read_call, search_told
from trunkline.gateway.responses.sealed_reasoning import CallSignature, opened
from trunkline.gateway.responses.summaries import SUMMARISE, SUMMARY_FIELDS, TRIGGER, summary_told

_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
}
_ITEM_FIELDS = {
    "message": ("type", "role", "content", "id", "status", "phase"),
    "reasoning": ("type", "summary", "content", "encrypted_content", "id", "status"),
    "additional_tools": ("type", "role", "tools", "id"),
    "agent_message": ("type", "author", "recipient", "content", "id"),
    **CALL_FIELDS,
    **RESULT_FIELDS,
    **SUMMARY_FIELDS,
}
"""What an item may say. Ids and states of items are of no use to whoever holds none of them."""

_RUN_ELSEWHERE = ("web_search_call", "image_generation_call")
"""What a provider did on its own while it answered, of which its answer tells what matters."""

_PART_FIELDS = (
    *("type", "text", "image_url", "detail", "refusal", "annotations", "logprobs"),
    "encrypted_content",
)
_NOT_CARRIED = {"input_audio": "sound", "input_file": "a file"}
_NOT_KEPT = "responses are not stored here; send the whole item instead"


def read_input(reader: Reader, left_out: LeftOut) -> tuple[Message, ...]:
    """The conversation in `input`. What the assistant thought, said and called in a row is one message; each result of
    a call is one of its own. Raises UnreadableError for items of tools that only a provider runs."""
    value = reader.table.get("input")
    if isinstance(value, str):
        return (Message.of(Role.USER, value),)
    items = InputReader(left_out)
    for item in reader.objects("input"):
        items.read(item)
    told = items.messages()
    if not told:
        raise reader.wrong("input", "text or a list of at least one message")
    return told


class InputReader:
    """Gathers items into messages."""

    def __init__(self, left_out: LeftOut) -> None:
        self._left_out = left_out
        self._messages: list[Message] = []
        self._turn: list[Part] = []
        self._signature: CallSignature | None = None

    def messages(self) -> tuple[Message, ...]:
        """All messages so far."""
        self._end_turn()
        return tuple(self._messages)

    def read(self, item: Reader) -> None:
        """One item."""
        kind = item.text("type") or "message"
        if kind == "item_reference":
            raise UnreadableError(f"{item.at('type')}: {_NOT_KEPT}", item.at("type"))
        if kind in _RUN_ELSEWHERE:
            self._left_out.add(f"input.{kind}")
            return
        if kind not in _ITEM_FIELDS:
            raise item.wrong(
                "type", f"one of {', '.join(_ITEM_FIELDS)}: nothing else is carried to whoever answers"
            )
        self._left_out.add_unknown(item, _ITEM_FIELDS[kind], "input.")
        if kind in CALL_FIELDS:
            self._call(item)
        elif kind in RESULT_FIELDS:
            self._result(item)
        elif kind == "message":
            self._message(item)
        elif kind == "agent_message":
            self._end_turn()
            self._messages.append(Message(Role.USER, tuple(self._parts(item, "content"))))
        elif kind == "reasoning":
            self._reasoning(item)
        elif kind in SUMMARY_FIELDS:
            self._end_turn()
            said = SUMMARISE if kind == TRIGGER else summary_told(item)
            self._messages.append(Message.of(Role.USER, said))

    def _message(self, item: Reader) -> None:
        word = item.word("role", tuple(_ROLES))
        if word is None:
            raise item.wrong("role", f"one of {', '.join(_ROLES)}")
        if not item.has("content"):
            raise item.wrong("content", "text or a list of parts")
        role, parts = _ROLES[word], tuple(self._parts(item, "content"))
        if role is not Role.ASSISTANT:
            self._end_turn()
            self._messages.append(Message(role, parts))
            return
        if any(not isinstance(part, ThinkingPart) for part in self._turn):
            self._end_turn()
        self._turn += parts

    def _reasoning(self, item: Reader) -> None:
        """Reasoning goes back to whom it belongs; of which nothing says whose it is, is left out."""
        found = opened(item.text("encrypted_content"), _thought(item))
        if found is None:
            self._left_out.add("input.reasoning")
        elif isinstance(found, CallSignature):
            self._signature = found
        else:
            self._turn.append(found)

    def _call(self, item: Reader) -> None:
        """A call; one without an id is of a search that a provider ran itself."""
        if item.text("type") == "tool_search_call" and not item.has("call_id"):
            return
        signed, self._signature = self._signature, None
        call_id, name, arguments = read_call(item)
        if signed is None:
            self._turn.append(ToolCallPart(call_id, name, arguments))
        else:
            self._turn.append(ToolCallPart(call_id, name, arguments, signed.signature, signed.provider))

    def _result(self, item: Reader) -> None:
        """What came of a call; what came without one is told as the user's."""
        parts: tuple[TextPart | ImagePart, ...]
        if item.text("type") == "tool_search_output":
            parts = (TextPart(search_told(item)),)
        elif item.has("output"):
            parts = tuple(self._parts(item, "output"))
        else:
            raise item.wrong("output", "text or a list of parts")
        call_id = item.text("call_id")
        if call_id is None:
            if item.has("output"):
                self._end_turn()
                self._messages.append(Message(Role.USER, parts))
            return
        self._end_turn()
        text = "".join(part.text for part in parts if isinstance(part, TextPart))
        images = tuple(part for part in parts if isinstance(part, ImagePart))
        self._messages.append(Message(Role.TOOL, (ToolResultPart(call_id, text, images=images),)))

    def _parts(self, item: Reader, key: str) -> Iterator[TextPart | ImagePart]:
        value = item.table.get(key)
        if isinstance(value, str):
            yield TextPart(value)
        elif isinstance(value, list):
            for part in item.objects(key):
                yield self._part(part)
        else:
            raise item.wrong(key, "text or a list of parts")

    def _part(self, part: Reader) -> TextPart | ImagePart:
        kind = part.text("type")
        if kind == "input_image" and part.has("file_id") and not part.has("image_url"):
            raise UnreadableError(
                f"{part.at('file_id')}: files are not stored here; send the image itself", part.at("file_id")
            )
        self._left_out.add_unknown(part, _PART_FIELDS, "content.")
        if kind in ("input_text", "output_text", "text"):
            return TextPart(part.text("text") or "")
        if kind == "encrypted_content":
            # What one agent told another by a call: OpenAI encrypts it on the way, and here it stayed as it was.
            return TextPart(part.text("encrypted_content") or "")
        if kind == "refusal":
            return TextPart(part.text("refusal") or "")
        if kind == "input_image":
            return read_image(part.text("image_url"), part, "image_url", self._left_out)
        carried = _NOT_CARRIED.get(kind or "", f"a part of type {kind!r}")
        raise UnreadableError(
            f"{part.at('type')}: {carried} cannot be carried; text and images can", part.at("type")
        )

    def _end_turn(self) -> None:
        self._signature = None
        if self._turn:
            self._messages.append(Message(Role.ASSISTANT, tuple(self._turn)))
            self._turn = []


def _thought(item: Reader) -> str:
    """The text of reasoning, which is all told as its summary."""
    return "".join(part.text("text") or "" for part in item.objects("summary"))
