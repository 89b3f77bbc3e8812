"""Thought signatures as a client carries them: whose they are goes with them."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.domain.routes import Route
from trunkline.gateway.gemini.tables import standard_base64
from trunkline.gateway.sealing import sealed, unsealed

OWN_PROVIDER = "google"
"""Whose a signature is that nobody sealed: the client has it from Google itself."""

_REDACTED = "redacted:"
"""What stands before the data of reasoning that nobody but its provider can read; no provider's data begins so."""


@dataclass(frozen=True, slots=True)
class Signed:
    """Whose reasoning something is, and what its provider wants back with it."""

    provider: str
    model: str | None
    signature: str | None
    redacted: bool = False


def seal(signature: str | None, route: Route, *, redacted: bool = False) -> str:
    """A thought signature for the client, base64; without a `signature` it only says whose the thought is."""
    return sealed(f"{_REDACTED if redacted else ''}{signature or ''}", route)


def unseal(signature: str) -> Signed:
    """Whose a thought signature is."""
    found = unsealed(standard_base64(signature))
    if found is None:
        return Signed(OWN_PROVIDER, None, signature)
    provider, model, own = found
    redacted = own.startswith(_REDACTED)
    return Signed(provider, model or None, own.removeprefix(_REDACTED) or None, redacted)
