"""What the messages of a request hold beside words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from trunkline.domain.carried import Carried, Thinking
from trunkline.domain.messages import Message, Role, ThinkingPart, ToolCallPart


def carried_by(
    messages: Iterable[Message], *, schema: bool = False, forced_call: bool = False
) -> Carried | None:
    """What has to be looked at before another provider goes on with it; None where there is nothing but words. `schema`
    and `forced_call` are said of the answer to them."""
    thinking: Counter[tuple[str, str | None, bool]] = Counter()
    signed_calls: Counter[str] = Counter()
    tool_calls = system_messages = 0
    begun = False
    for message in messages:
        system_messages += message.role is Role.SYSTEM
        begun = message.role is Role.ASSISTANT
        thoughts = set()
        for part in message.parts:
            if isinstance(part, ThinkingPart):
                thoughts.add((part.provider, part.model, part.signature is not None or part.redacted))
            elif isinstance(part, ToolCallPart):
                tool_calls += 1
                begun = False
                if part.signature is not None and part.provider is not None:
                    signed_calls[part.provider] += 1
        thinking.update(thoughts)
    of_the_answer = schema or forced_call
    if not thinking and not tool_calls and system_messages < 2 and not begun and not of_the_answer:
        return None
    return Carried(
        thinking=tuple(
            Thinking(who, model, turns, signed) for (who, model, signed), turns in thinking.items()
        ),
        signed_calls=tuple(signed_calls.items()),
        tool_calls=tool_calls,
        system_messages=system_messages,
        begun=begun,
        schema=schema,
        forced_call=forced_call,
    )
