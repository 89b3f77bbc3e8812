"""What a reply of status 200 is when it is no whole answer: the same in every protocol."""

from __future__ import annotations

from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.text import provider_sentence

_OF_ITS_OWN_ACCORD = frozenset({"stop", "end_turn", "eos"})


def cut() -> Fault:
    """It ended before its finish reason."""
    return _network(FaultCode.CUT, "the connection ended before the answer was complete")


def malformed(message: str = "the provider sent a reply that is not JSON") -> Fault:
    """It cannot be read."""
    return _network(FaultCode.MALFORMED, message)


def empty(message: str = "the provider sent an empty reply") -> Fault:
    """It holds no answer."""
    return _network(FaultCode.EMPTY, message)


def nothing_said(field: str, reason: str, *, has_thinking: bool) -> Fault:
    """It finished properly, without text and without a tool call; `field` is what its protocol calls the finish
    `reason`."""
    code, message = FaultCode.EMPTY, "the provider sent an empty answer"
    if has_thinking:
        message = "the model stopped after thinking, without an answer"
    elif reason.lower() in _OF_ITS_OWN_ACCORD:
        code = FaultCode.NOTHING_SAID
    return _network(code, message, provider_sentence(f"{field} {reason[:40]}, no text and no tool call"))


def window_full(code: str) -> Fault:
    """The prompt filled the window before a word was said; `code` is the provider's."""
    message = "the prompt leaves no room in the model's context window"
    return Fault(FaultKind.CONTEXT, FaultScope.REQUEST, code, message, http_status=200)


def _network(code: str, message: str, evidence: str = "") -> Fault:
    return Fault(FaultKind.NETWORK, FaultScope.MODEL, code, message, http_status=200, evidence=evidence)
