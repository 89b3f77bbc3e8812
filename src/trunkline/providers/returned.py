"""What of its own reasoning a provider takes back: all that need be kept of it for the next turn."""

from __future__ import annotations

from dataclasses import replace

from trunkline.domain.messages import ThinkingPart
from trunkline.domain.routes import ProviderSpec, ReasoningEcho


def taken_back(part: ThinkingPart, provider: ProviderSpec) -> ThinkingPart | None:
    """`part` with as much as `provider`, whose it is, is sent of it again; None where it is sent nothing. In the OpenAI
    protocol that is words or details, as the provider's `echo_reasoning` has it; elsewhere all, and only if signed."""
    if provider.protocol != "openai":
        return part if part.signature else None
    match provider.quirks.echo_reasoning:
        case ReasoningEcho.CONTENT | ReasoningEcho.TAGS:
            return replace(part, signature=None) if part.text else None
        case ReasoningEcho.DETAILS:
            return replace(part, text="") if part.signature else None
        case ReasoningEcho.NONE:
            return None
