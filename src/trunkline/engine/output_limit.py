"""How long an answer a call asks for."""

from __future__ import annotations

from trunkline.domain.routes import ModelSpec, Quirks

_LEAST_TOKENS = 16


def output_limit(asked_tokens: int | None, model: ModelSpec, quirks: Quirks, input_tokens: int) -> int | None:
    """The output limit to send, in tokens: what is asked for, else the provider's default, never more than the model
    gives or than its window has room for beside the input. None where nothing need be said: the whole of the model's
    own limit fits."""
    wanted = asked_tokens or quirks.default_output_tokens
    most = model.max_output_tokens
    if wanted is not None and most is not None:
        wanted = min(wanted, most)
    room = max(_LEAST_TOKENS, model.context_tokens - input_tokens)
    if (wanted or most or 0) > room:
        return room
    return wanted
