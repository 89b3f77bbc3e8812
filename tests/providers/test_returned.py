"""What is kept of reasoning is what goes back, no more and no less: the encoders say which that is."""

from __future__ import annotations

import pytest
from tests.support import anthropic_wire, gemini_wire, openai_wire

from trunkline.domain.messages import (
    ChatRequest,
    Effort,
    Message,
    Role,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from trunkline.domain.routes import Quirks, ReasoningEcho, ThinkingControl
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.providers.protocol import CallContext
from trunkline.providers.registry import protocol_named
from trunkline.providers.returned import taken_back

CONTEXTS = {
    "anthropic": anthropic_wire.context_of(thinking=ThinkingControl.ADAPTIVE),
    "gemini": gemini_wire.context_of(thinking=ThinkingControl.LEVEL),
    **{echo.value: openai_wire.context_of(quirks=Quirks(echo_reasoning=echo)) for echo in ReasoningEcho},
}
GOES_BACK = {"anthropic": "ws", "gemini": "ws", "none": "", "content": "w", "details": "s", "tags": "w"}
"""Of signed reasoning: its words, its signature."""
WORDS, SIGNATURE = "Oslo is a city.", '[{"type":"reasoning.encrypted","data":"c2ln"}]'


def encoded(context: CallContext, *thinking: ThinkingPart) -> bytes:
    messages = (
        Message.of(Role.USER, "Weather?"),
        Message(Role.ASSISTANT, (*thinking, ToolCallPart("call_1", "f", "{}"))),
        Message(Role.TOOL, (ToolResultPart("call_1", "12"),)),
    )
    chat = ChatRequest(messages, Origin(OriginKind.GATEWAY), effort=Effort.HIGH)
    protocol = protocol_named(context.provider.protocol)
    return protocol.encode(chat, context, max_output_tokens=4_000).body


@pytest.mark.parametrize("text", ["", WORDS])
@pytest.mark.parametrize("signature", [None, SIGNATURE])
@pytest.mark.parametrize("redacted", [False, True])
@pytest.mark.parametrize("name", CONTEXTS)
def test_the_provider_is_told_the_same_of_what_was_kept(
    name: str, text: str, signature: str | None, redacted: bool
) -> None:
    context = CONTEXTS[name]
    thought = ThinkingPart(text, context.provider.id, signature, context.model.id, redacted)
    kept = taken_back(thought, context.provider)
    assert encoded(context, *(() if kept is None else (kept,))) == encoded(context, thought)


@pytest.mark.parametrize("name", CONTEXTS)
def test_nothing_is_kept_that_is_not_told(name: str) -> None:
    context = CONTEXTS[name]
    kept = taken_back(ThinkingPart(WORDS, context.provider.id, SIGNATURE, context.model.id), context.provider)
    goes_back = "" if kept is None else "w" * bool(kept.text) + "s" * bool(kept.signature)
    assert goes_back == GOES_BACK[name]
    told = encoded(context, ThinkingPart(WORDS, context.provider.id, SIGNATURE, context.model.id))
    assert (WORDS.encode() in told, b"c2ln" in told) == ("w" in goes_back, "s" in goes_back)
