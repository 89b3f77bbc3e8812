"""A conversation made fit for the provider that continues it, whoever began it.

What only its own provider understands (reasoning, signatures) is left out for every other; what each provider is
strict about (ids of tool calls, calls without a result) is mended. What cannot be mended is not sent at all: routing
rejects such a route beforehand by the request's needed capabilities.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from trunkline.domain.messages import (
    Message,
    Part,
    Role,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from trunkline.domain.routes import ReasoningEcho, ToolIds
from trunkline.providers.protocol import CallContext

NO_RESULT = "(the call was not carried out)"
REMARK = "\n<system-reminder>\n{text}\n</system-reminder>\n"
"""How a system message amid a conversation is told where there is no such thing: as agents themselves did before they
could send one."""

_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NINE = re.compile(r"[A-Za-z0-9]{9}")
_OF_ANY_MODEL = (ReasoningEcho.CONTENT, ReasoningEcho.TAGS)


def fitted(messages: tuple[Message, ...], context: CallContext) -> tuple[Message, ...]:
    """`messages` as the model of `context` can be told them.

    Foreign reasoning and empty parts are dropped. Each assistant message with calls is followed at once by one
    message of role tool that holds exactly one result for each, in their order: results are moved there from
    wherever they stood, several for one call are joined, a missing one is `NO_RESULT`, one without a call is dropped.
    Ids are in a form that the provider takes and none comes twice. What else stood in a message of role tool is told
    as the user's. Nothing that the user or the assistant said is lost or changes its order; doing it twice changes
    nothing more.
    """
    kept = [replace(message, parts=tuple(_kept(message, context))) for message in messages]
    exchanges = _exchanges(kept, context.provider.quirks.tool_ids)
    told: list[Message] = []
    for index, message in enumerate(kept):
        calls = iter(exchanges.get(index, ()))
        parts: list[Part] = []
        for part in message.parts:
            if isinstance(part, ToolCallPart):
                parts.append(replace(part, call_id=next(calls).call_id))
            elif not isinstance(part, ToolResultPart):
                parts.append(part)
        if parts:
            told.append(Message(Role.USER if message.role is Role.TOOL else message.role, tuple(parts)))
        if index in exchanges:
            told.append(Message(Role.TOOL, tuple(exchange.result() for exchange in exchanges[index])))
    return tuple(told)


def with_remarks(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """`messages` for a provider that takes system messages at the head alone: what is said later stays where it was
    said, as a remark beside the user's words. At the head it would change how the conversation begins, and with that
    undo the provider's cache of all of it."""
    head = next((at for at, one in enumerate(messages) if one.role is not Role.SYSTEM), len(messages))
    if all(one.role is not Role.SYSTEM for one in messages[head:]):
        return messages
    told = list(messages[:head])
    beside = False
    for message in messages[head:]:
        is_remark = message.role is Role.SYSTEM
        if is_remark:
            if not message.text.strip():
                continue
            message = Message.of(Role.USER, REMARK.format(text=message.text))
        if (is_remark or beside) and message.role is Role.USER and told[-1].role is Role.USER:
            told[-1] = replace(told[-1], parts=(*told[-1].parts, *message.parts))
        else:
            told.append(message)
        beside = is_remark
    return tuple(told)


def tool_id(call_id: str, form: ToolIds) -> str:
    """`call_id` where it has that form, else an id made from it, always the same."""
    if form is ToolIds.ANY and call_id:
        return call_id
    if (_NINE if form is ToolIds.NINE else _WORD).fullmatch(call_id):
        return call_id
    digest = hashlib.blake2b(call_id.encode("utf-8", "replace"), digest_size=16).hexdigest()
    return digest[:9] if form is ToolIds.NINE else f"call_{digest[:24]}"


def _kept(message: Message, context: CallContext) -> Iterator[Part]:
    """The parts that mean something to the provider; calls and reasoning are the assistant's alone."""
    provider = context.provider
    any_model = provider.quirks.echo_reasoning in _OF_ANY_MODEL
    for part in message.parts:
        if isinstance(part, ThinkingPart):
            own = part.provider == provider.id and (any_model or part.model in (None, context.model.id))
            if own and message.role is Role.ASSISTANT:
                yield part
        elif isinstance(part, ToolCallPart):
            if message.role is Role.ASSISTANT:
                own = part.provider == provider.id
                yield part if own else replace(part, signature=None)
        elif not isinstance(part, TextPart) or part.text:
            yield part


@dataclass(slots=True)
class _Exchange:
    """A call, under the id it is sent with, and what was answered."""

    call_id: str
    results: list[ToolResultPart]

    def result(self) -> ToolResultPart:
        if not self.results:
            return ToolResultPart(self.call_id, NO_RESULT, is_error=True)
        texts = dict.fromkeys(one.text for one in self.results)
        images = tuple(image for one in self.results for image in one.images)
        is_error = all(one.is_error for one in self.results)
        return ToolResultPart(self.call_id, "\n\n".join(texts), is_error, images)


def _exchanges(messages: list[Message], form: ToolIds) -> dict[int, list[_Exchange]]:
    """The calls of every message that makes any, with their results. A result answers, of the calls with its id, an
    unanswered one of the latest message before it; else the one answered last; else, come too early, the next."""
    exchanges: dict[int, list[_Exchange]] = {}
    waiting: dict[str, list[tuple[int, _Exchange]]] = {}
    answered: dict[str, _Exchange] = {}
    early: dict[str, list[ToolResultPart]] = {}
    taken: set[str] = set()
    for index, message in enumerate(messages):
        for part in message.parts:
            if isinstance(part, ToolCallPart):
                exchange = _Exchange(_free_id(part.call_id, form, taken), early.pop(part.call_id, []))
                exchanges.setdefault(index, []).append(exchange)
                if exchange.results:
                    answered[part.call_id] = exchange
                else:
                    waiting.setdefault(part.call_id, []).append((index, exchange))
            elif isinstance(part, ToolResultPart):
                pending = waiting.get(part.call_id)
                if pending:
                    latest = next(at for at, (where, _) in enumerate(pending) if where == pending[-1][0])
                    answered[part.call_id] = pending.pop(latest)[1]
                if part.call_id in answered:
                    answered[part.call_id].results.append(part)
                else:
                    early.setdefault(part.call_id, []).append(part)
    return exchanges


def _free_id(call_id: str, form: ToolIds, taken: set[str]) -> str:
    """The id of that form for `call_id` that no earlier call of the conversation has; it is taken now."""
    free = tool_id(call_id, form)
    count = 1
    while free in taken:
        count += 1
        free = tool_id(f"{call_id}_{count}", form)
    taken.add(free)
    return free
