"""What every decoder of a streamed reply does alike: split the bytes, end once, and give up on what is too large."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from trunkline.domain.events import WireEvent
from trunkline.domain.faults import Fault
from trunkline.providers import reply_faults
from trunkline.providers.sse import SseSplitter


class SseStreamDecoder(ABC):
    """Decodes one streamed reply of status 200; a protocol says what its events mean.

    A protocol's methods add to the list of events that they are given. Whichever of them adds the `Finished` or the
    `Fault` sets `_over`; nothing is read after that.
    """

    __slots__ = ("_over", "_splitter")

    def __init__(self) -> None:
        self._splitter = SseSplitter()
        self._over = False

    @property
    def finished(self) -> bool:
        """The terminator, where the protocol has one, or a fault was seen."""
        return self._over

    def feed(self, data: bytes) -> Sequence[WireEvent]:
        """The events in the next bytes."""
        if self._over:
            return ()
        events: list[WireEvent] = []
        self._read(self._splitter.feed(data), events)
        if self._splitter.overflowed and not self._over:
            self._fail(reply_faults.malformed("the provider sent an event too large to be one"), events)
        return events

    def close(self) -> Sequence[WireEvent]:
        """The last events, once the reply has ended."""
        if self._over:
            return ()
        events: list[WireEvent] = []
        self._read(self._splitter.close(), events)
        if not self._over:
            self._end(events)
        return events

    @abstractmethod
    def _read(self, wire_events: list[tuple[str, bytes]], events: list[WireEvent]) -> None:
        """Take in (event name, data) pairs."""

    @abstractmethod
    def _end(self, events: list[WireEvent]) -> None:
        """Add the last events of a reply that ended here, whole or cut."""

    @abstractmethod
    def _fail(self, fault: Fault, events: list[WireEvent]) -> None:
        """Add the last events of a reply that `fault` ended."""
