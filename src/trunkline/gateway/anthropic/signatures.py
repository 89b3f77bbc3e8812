"""Signatures of thinking as a client carries them: whose it is goes with them, and words that it does not show."""

from __future__ import annotations

from trunkline.domain.messages import ThinkingPart
from trunkline.domain.routes import Route
from trunkline.gateway.sealing import sealed, unsealed

OWN_PROVIDER = "anthropic"
"""Whose thinking it is that nobody sealed: the client has it from Anthropic itself."""

_WORDS = "words:"
"""What stands before words that the client did not want to see: a signature vouches for them, and is refused without.
No provider's signature begins so. A null character, which no provider's text holds, ends them."""

_END = "\0"


def seal(signature: str | None, route: Route, *, unshown: str = "") -> str:
    """The signature of a block of thinking; without a `signature` it only says whose the thinking is. `unshown` are
    the block's words where they are not in the block."""
    own = signature or ""
    return sealed(f"{_WORDS}{unshown}{_END}{own}" if unshown else own, route)


def unseal(signature: str, text: str, *, redacted: bool) -> ThinkingPart:
    """The thinking of a block with that signature and text."""
    found = unsealed(signature)
    if found is None:
        return ThinkingPart(text, OWN_PROVIDER, signature or None, None, redacted)
    provider, model, own = found
    if own.startswith(_WORDS):
        text, _, own = own.removeprefix(_WORDS).rpartition(_END)
    return ThinkingPart(text, provider, own or None, model or None, redacted)
