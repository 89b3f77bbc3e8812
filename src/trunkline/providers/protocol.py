"""The seam between a provider's wire language and everything else: bytes in, typed events out, no sockets.

One module per protocol implements `WireProtocol`. The transport feeds it; the engine never sees bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from trunkline.domain.checks import ModelList
from trunkline.domain.events import WireEvent
from trunkline.domain.faults import Fault
from trunkline.domain.limits import LimitReading
from trunkline.domain.messages import ChatRequest
from trunkline.domain.routes import AccountSpec, ModelSpec, ProviderSpec


@dataclass(frozen=True, slots=True)
class CallContext:
    """Whom a call goes to and when (`now_ms`, wall): what encoding and classification may depend on."""

    provider: ProviderSpec
    account: AccountSpec
    model: ModelSpec
    now_ms: int


@dataclass(frozen=True, slots=True)
class WireRequest:
    """An encoded call: `path` is appended to the base URL, or to its scheme and host alone where `from_root`; no
    credential is in it. `auth_header` and `auth_prefix` say where the transport puts the key. `left_out` names the
    wishes of the request that cannot be said there. `at_once`: nothing is thought up word by word, so that a whole
    reply is due to begin as soon as a stream is."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    stream: bool
    auth_header: str = "Authorization"
    auth_prefix: str = "Bearer "
    from_root: bool = False
    left_out: tuple[str, ...] = ()
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class WireReply:
    """A whole HTTP reply; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class StreamDecoder(Protocol):
    """Decodes one streamed reply."""

    @property
    def finished(self) -> bool:
        """The terminator (or a fault) was seen: stop reading even if the socket stays open."""
        ...

    @property
    def finish_seen(self) -> bool:
        """A finish reason was seen; only a usage chunk and a terminator may still come. The transport then waits
        no longer than a second or two."""
        ...

    @property
    def pieces_seen(self) -> int:
        """How many pieces of content were seen, those at least that are held back until they are whole, as tool calls
        are: a long one is not a stalled provider. Grows with every fragment of a tool call's arguments, never with a
        comment, a ping or an empty delta."""
        ...

    def feed(self, data: bytes) -> Sequence[WireEvent]:
        """Events in the next bytes; any split of the bytes gives the same events. Never raises on bad input."""
        ...

    def close(self) -> Sequence[WireEvent]:
        """The last events at the end of the reply: exactly one `Finished` or `Fault` is emitted by `feed` and
        `close` together. A reply without a finish reason ends in a Fault of kind network (`stream_cut`)."""
        ...


class WireProtocol(Protocol):
    """One wire language."""

    name: str

    def encode(
        self, request: ChatRequest, context: CallContext, *, max_output_tokens: int | None
    ) -> WireRequest:
        """The call that asks this of that model. Raises nothing: what cannot be said is left out."""
        ...

    def stream_decoder(self, context: CallContext) -> StreamDecoder:
        """A decoder for one streamed reply of status 200."""
        ...

    def decode_whole(self, reply: WireReply, context: CallContext) -> Sequence[WireEvent]:
        """Events of an unstreamed reply of status 200; the last is exactly one `Finished` or `Fault`. An empty
        answer is a Fault. Limits in the headers are not told again: the transport has read the head already."""
        ...

    def classify(self, reply: WireReply, context: CallContext) -> Fault:
        """What a refusal means: machine code first, then status, headers, text."""
        ...

    def models_request(self, context: CallContext, *, page: str | None = None) -> WireRequest:
        """The free call that lists the models of the account; `page` is the token of a further page."""
        ...

    def read_models(self, reply: WireReply, context: CallContext) -> ModelList | Fault:
        """The models that a reply to `models_request` lists; a Fault where it lists none."""
        ...

    def read_limits(self, headers: Mapping[str, str], context: CallContext) -> tuple[LimitReading, ...]:
        """What the headers of any reply say of limits; junk is left out."""
        ...
