"""Thinking that travels with a client: whose it is goes with it.

Anthropic's signatures, Gemini's thought signatures and OpenAI's encrypted reasoning are worth something to the provider
that gave them alone. Clients keep them and send them back unread, so the name of that provider and model is put into
the one field that they keep; when it comes back, the reasoning goes to whom it belongs and to nobody else. Nothing is
secret in it: it is only bound together.
"""

from __future__ import annotations

import base64
import binascii

from trunkline.domain.routes import Route

_MARK = b"trunkline1"
_SEPARATOR = b"\0"


def sealed(signature: str, route: Route) -> str:
    """`signature` with the provider and model of `route`, as base64, which every protocol takes in its place."""
    pieces = (
        _MARK,
        route.provider.encode(),
        route.model.encode(),
        signature.encode("utf-8", "surrogatepass"),
    )
    return base64.b64encode(_SEPARATOR.join(pieces)).decode()


def unsealed(text: str) -> tuple[str, str, str] | None:
    """Provider, model and signature of what `sealed` gave; None for anything else."""
    try:
        pieces = base64.b64decode(text, validate=True).split(_SEPARATOR, 3)
        if len(pieces) != 4 or pieces[0] != _MARK:
            return None
        provider, model, signature = (piece.decode("utf-8", "surrogatepass") for piece in pieces[1:])
    except (binascii.Error, ValueError):
        return None
    return provider, model, signature
