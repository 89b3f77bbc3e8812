"""How long an answer a call asks for."""

from __future__ import annotations

from trunkline.domain.routes import ModelSpec, Quirks

_LEAST_TOKENS = 16
# What Cerebras reserves where a request says nothing.
_RESERVED_UNSAID_TOKENS = 16_384


def output_limit(asked_tokens: int | None, model: ModelSpec, quirks: Quirks, input_tokens: int) -> int | None:
    """The output limit to send, in tokens: what is asked for, else the provider's default, never more than the model
    gives or than its window has room for beside the input. None where neither says anything: the model's own limit
    holds, which some count apart from the window."""
    wanted = asked_tokens or quirks.default_output_tokens
    if wanted is None:
        return None
    room = max(_LEAST_TOKENS, model.context_tokens - input_tokens)
    return min(wanted, room, model.max_output_tokens or wanted)


def reserved_output(
    asked_tokens: int | None, model: ModelSpec, quirks: Quirks, input_tokens: int
) -> int | None:
    """The output tokens that a call takes from token allowances from its start, where the provider counts the whole
    output limit and not what comes of it; None at any other provider."""
    if not quirks.reserves_output_limit:
        return None
    sent = output_limit(asked_tokens, model, quirks, input_tokens)
    return sent if sent is not None else model.max_output_tokens or _RESERVED_UNSAID_TOKENS
