"""What providers want back, in the one field that a client of responses keeps and sends back unread: the
`encrypted_content` of a reasoning item. A tool call has no such field: its signature stands in an item of its own
before it, as OpenAI's reasoning does."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.domain.messages import ThinkingPart
from trunkline.domain.routes import Route
from trunkline.gateway.sealing import sealed, unsealed

_REDACTED = "redacted\0"
_OF_CALL = "call\0"


@dataclass(frozen=True, slots=True)
class CallSignature:
    """The signature of the call that follows, and the provider that gave it."""

    provider: str
    signature: str


def closed(signature: str, route: Route, *, redacted: bool) -> str:
    """The content for reasoning with that signature; for what is redacted, the signature is all of it."""
    return sealed(f"{_REDACTED}{signature}" if redacted else signature, route)


def closed_for_call(signature: str, route: Route) -> str:
    """The content that stands before a call with that signature."""
    return sealed(f"{_OF_CALL}{signature}", route)


def opened(content: str | None, text: str) -> ThinkingPart | CallSignature | None:
    """What was closed into that content, `text` beside it; None for what is not ours."""
    found = None if content is None else unsealed(content)
    if found is None:
        return None
    provider, model, signature = found
    if signature.startswith(_OF_CALL):
        return CallSignature(provider, signature.removeprefix(_OF_CALL))
    redacted = signature.startswith(_REDACTED)
    return ThinkingPart(
        "" if redacted else text,
        provider,
        signature.removeprefix(_REDACTED) or None,
        model or None,
        redacted,
    )
