"""What the engine asks of the transport, and what the transport answers, without importing an HTTP library."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from trunkline.domain.events import WireEvent
from trunkline.domain.faults import Fault
from trunkline.domain.preferences import CallLimits
from trunkline.domain.secret import Secret
from trunkline.providers.protocol import CallContext, WireProtocol, WireReply, WireRequest


@dataclass(frozen=True, slots=True)
class UpstreamCall:
    """One call to make: what to send, whom to, with which key and within which time limits. It reads about so many
    `input_tokens`, as far as anybody asks. `further` calls ask for the rest of its vectors, where a provider gives too
    few at once: they are made after it, as one call within its time."""

    protocol: WireProtocol
    context: CallContext
    request: WireRequest
    key: Secret | None
    limits: CallLimits
    input_tokens: int = 0
    further: tuple[UpstreamCall, ...] = ()


@dataclass(frozen=True, slots=True)
class FreeCall:
    """A call that asks for no tokens and costs nothing: a list of models, a balance, a probe. `base_url` is the
    account's own address or the provider's."""

    base_url: str
    request: WireRequest
    key: Secret | None
    connect_ms: int
    total_ms: int


@dataclass(frozen=True, slots=True)
class Sent:
    """The first byte of the request is on its way; `mono_ms` on the transport's clock."""

    mono_ms: float


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """The reply's last byte was read (or the connection was given up) at `mono_ms`."""

    mono_ms: float


@dataclass(frozen=True, slots=True)
class Dripping:
    """The stream has given fewer tokens a second than `CallLimits.least_tokens_per_s` for a while: whoever reads it may
    give it up, and is told again as long as it goes on."""

    tokens_per_s: float


CallEvent = WireEvent | Sent | ReplyEnded | Dripping


class Transport(Protocol):
    """Sends calls over HTTP."""

    def call(self, call: UpstreamCall) -> AsyncGenerator[CallEvent, None]:
        """Send `call`; yields `Sent`, then the reply's events with `Dripping` among them, then `ReplyEnded`, and as the
        very last exactly one `Finished` or `Fault`; `Sent` again for each of its `further` calls. Every failure is a
        Fault, never an exception; closing the generator closes the connection at once."""
        ...

    async def fetch(self, call: FreeCall) -> WireReply | Fault:
        """Send `call` and read its whole reply, whatever its status; a Fault of kind network where there is none."""
        ...

    async def warm(self, base_url: str) -> None:
        """Open a connection to that host ahead of need; failures are silent."""
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...
