"""How long one request may go on deciding and calling."""

from __future__ import annotations

import sys

from trunkline.domain.clock import Clock
from trunkline.domain.messages import ChatRequest
from trunkline.domain.preferences import Thresholds


class RequestTime:
    """`deadline_at_ms` (wall time) is the request's own until time is allowed, then at most the engine's after that."""

    def __init__(self, clock: Clock, request: ChatRequest) -> None:
        self._clock = clock
        self._may_be_kept = request.park
        self._own_at_ms = sys.maxsize if request.deadline_at_ms is None else request.deadline_at_ms
        self.deadline_at_ms = self._own_at_ms

    def allow(self, thresholds: Thresholds) -> None:
        """The engine's own time for a request begins now."""
        self.deadline_at_ms = min(self._own_at_ms, self._clock.wall_ms() + thresholds.request_deadline_ms)

    def is_left(self, thresholds: Thresholds) -> bool:
        """Whether there is time for another decision. Of a request that may be kept only its own deadline ends it: the
        machine may have slept while it waited for a slot, or for the store on its way back."""
        if self.is_over and self._may_be_kept:
            self.allow(thresholds)
        return not self.is_over

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return self.remaining_ms <= 0

    @property
    def remaining_ms(self) -> int:
        """Until the deadline; not positive once it has passed."""
        return self.deadline_at_ms - self._clock.wall_ms()
