"""The wire protocols there are, by name."""

from __future__ import annotations

from trunkline.providers.openai.wire import OPENAI
from trunkline.providers.protocol import WireProtocol

_PROTOCOLS: dict[str, WireProtocol] = {OPENAI.name: OPENAI}


def protocol_named(name: str) -> WireProtocol:
    """The protocol of that name. Raises ValueError naming the known ones."""
    protocol = _PROTOCOLS.get(name)
    if protocol is None:
        raise ValueError(f"{name!r} is no protocol; known: {', '.join(sorted(_PROTOCOLS))}")
    return protocol
