"""A conversation made fit for the provider that continues it, whoever began it.

What only its own provider understands (reasoning, signatures) is left out for every other; what each provider is
strict about (ids of tool calls, calls without a result) is mended. What cannot be mended is not sent at all: routing
rejects such a route beforehand by the request's needed capabilities.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace

from trunkline.domain.messages import Message, Part, Role, ThinkingPart, ToolCallPart, ToolResultPart
from trunkline.domain.routes import ToolIds
from trunkline.providers.protocol import CallContext

NO_RESULT = "(the call was not carried out)"

_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NINE = re.compile(r"[A-Za-z0-9]{9}")


def fitted(messages: tuple[Message, ...], context: CallContext) -> tuple[Message, ...]:
    """`messages` as the model of `context` can be told them: foreign reasoning dropped, ids of tool calls in a form
    that its provider takes, every call followed by a result and every result preceded by its call."""
    kept = [replace(message, parts=tuple(_parts(message.parts, context))) for message in messages]
    return tuple(_paired([message for message in kept if message.parts]))


def tool_id(call_id: str, form: ToolIds) -> str:
    """`call_id` where it has that form, else an id made from it, always the same."""
    if form is ToolIds.ANY:
        return call_id
    if (_NINE if form is ToolIds.NINE else _WORD).fullmatch(call_id):
        return call_id
    digest = hashlib.blake2b(call_id.encode("utf-8", "replace"), digest_size=16).hexdigest()
    return digest[:9] if form is ToolIds.NINE else f"call_{digest[:24]}"


def _parts(parts: Iterable[Part], context: CallContext) -> Iterable[Part]:
    provider = context.provider
    for part in parts:
        if isinstance(part, ThinkingPart):
            if part.provider == provider.id and part.model in (None, context.model.id):
                yield part
        elif isinstance(part, ToolCallPart):
            signature = part.signature if part.provider == provider.id else None
            call_id = tool_id(part.call_id, provider.quirks.tool_ids)
            yield replace(part, call_id=call_id, signature=signature)
        elif isinstance(part, ToolResultPart):
            yield replace(part, call_id=tool_id(part.call_id, provider.quirks.tool_ids))
        else:
            yield part


def _paired(messages: list[Message]) -> Iterable[Message]:
    """Results moved to right after the calls they answer, one each, in the order of the calls; a call without one
    gets `NO_RESULT`, a result without a call is dropped."""
    results: dict[int, dict[str, ToolResultPart]] = {}
    last_calls: tuple[int, set[str]] | None = None
    for index, message in enumerate(messages):
        for part in message.parts:
            if isinstance(part, ToolResultPart) and last_calls is not None and part.call_id in last_calls[1]:
                results.setdefault(last_calls[0], {}).setdefault(part.call_id, part)
        calls = {part.call_id for part in message.parts if isinstance(part, ToolCallPart)}
        if calls:
            last_calls = (index, calls)
    for index, message in enumerate(messages):
        rest = tuple(part for part in message.parts if not isinstance(part, ToolResultPart))
        if rest:
            yield replace(message, parts=rest)
        called = [part.call_id for part in message.parts if isinstance(part, ToolCallPart)]
        if called and index + 1 < len(messages):
            answers = results.get(index, {})
            yield Message(
                Role.TOOL,
                tuple(answers.get(one) or ToolResultPart(one, NO_RESULT, is_error=True) for one in called),
            )
