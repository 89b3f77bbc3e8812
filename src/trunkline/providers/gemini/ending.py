"""How a reply of status 200 ends: finish reasons, blocked prompts, and what each means."""

from __future__ import annotations

from dataclasses import replace

from trunkline.domain.faults import Fault, FaultKind, FaultScope
from trunkline.domain.receipts import FinishReason
from trunkline.domain.text import provider_sentence
from trunkline.providers import reply_faults

_UNSPECIFIED = "FINISH_REASON_UNSPECIFIED"
MAX_TOKENS = "MAX_TOKENS"
_REASONS = {
    "STOP": FinishReason.STOP,
    MAX_TOKENS: FinishReason.LENGTH,
    "CONTINUATION": FinishReason.LENGTH,
}

_WITHHELD = (FaultKind.CONTENT, FaultScope.REQUEST, "the provider withheld the answer because of its content")
_BROKE_OFF = (FaultKind.NETWORK, FaultScope.MODEL, "the provider broke the answer off")
_BAD_CALL = (FaultKind.NETWORK, FaultScope.MODEL, "the model made a tool call that cannot be understood")
_FAULTY_REASONS = {
    **dict.fromkeys(
        (
            "SAFETY",
            "RECITATION",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
            "MODEL_ARMOR",
            "ESCALATION",
        ),
        _WITHHELD,
    ),
    **dict.fromkeys(("OTHER", "MALFORMED_RESPONSE", "IMAGE_OTHER", "NO_IMAGE"), _BROKE_OFF),
    **dict.fromkeys(("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"), _BAD_CALL),
    "LANGUAGE": (FaultKind.NETWORK, FaultScope.MODEL, "the model does not answer in this language"),
    "MISSING_THOUGHT_SIGNATURE": (
        FaultKind.NETWORK,
        FaultScope.MODEL,
        "the model wants signatures that this conversation does not have",
    ),
    "PUP_LIMITED_DISABLED": (
        FaultKind.ENTITLEMENT,
        FaultScope.ACCOUNT,
        "the provider has limited this account for its use",
    ),
}


def ends(finish_reason: str) -> bool:
    """Whether this says that the answer is over."""
    return bool(finish_reason) and finish_reason != _UNSPECIFIED


def reason_of(finish_reason: str, *, has_calls: bool) -> FinishReason:
    """Our word for it; an answer that stops after tool calls waits for their results."""
    reason = _REASONS.get(finish_reason, FinishReason.STOP)
    return FinishReason.TOOL_CALLS if has_calls and reason is FinishReason.STOP else reason


def fault_of(finish_reason: str, said: str) -> Fault | None:
    """The fault that this finish reason is, with what the provider said of it; None where it ends an answer."""
    faulty = _FAULTY_REASONS.get(finish_reason)
    if faulty is None:
        return None
    kind, scope, message = faulty
    text = provider_sentence(said or finish_reason)
    return Fault(kind, scope, finish_reason.lower(), message, text, 200, evidence="finishReason")


def blocked(block_reason: str, said: str) -> Fault:
    """The fault that a prompt is which the provider did not let through to the model."""
    reason = provider_sentence(block_reason, longest=80)
    return Fault(
        FaultKind.CONTENT,
        FaultScope.REQUEST,
        reason.lower(),
        "the provider blocked the prompt because of its content",
        provider_sentence(f"{block_reason}: {said}" if said else block_reason),
        200,
        evidence="promptFeedback.blockReason",
    )


def nothing(finish_reason: str, *, has_thinking: bool) -> Fault:
    """The fault that an answer without text and without tool calls is."""
    fault = reply_faults.nothing_said("finishReason", finish_reason, has_thinking=has_thinking)
    if finish_reason != MAX_TOKENS:
        return fault
    return replace(fault, message="the output limit was used up before the answer began")
