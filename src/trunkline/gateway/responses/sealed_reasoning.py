"""Reasoning in the one field that a client of responses keeps and sends back: `encrypted_content`."""

from __future__ import annotations

from trunkline.domain.messages import ThinkingPart
from trunkline.domain.routes import Route
from trunkline.gateway.sealing import sealed, unsealed

_REDACTED = "redacted\0"


def closed(signature: str, route: Route, *, redacted: bool) -> str:
    """The content for reasoning with that signature; for what is redacted, the signature is all of it."""
    return sealed(f"{_REDACTED}{signature}" if redacted else signature, route)


def opened(content: str | None, text: str) -> ThinkingPart | None:
    """The reasoning whose content `closed` gave, `text` beside it; None for any other."""
    found = None if content is None else unsealed(content)
    if found is None:
        return None
    provider, model, signature = found
    redacted = signature.startswith(_REDACTED)
    return ThinkingPart(
        "" if redacted else text,
        provider,
        signature.removeprefix(_REDACTED) or None,
        model or None,
        redacted,
    )
