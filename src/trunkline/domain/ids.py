"""Identifiers: ULIDs, made from an injected clock and source of randomness."""

from __future__ import annotations

import os
from collections.abc import Callable

from ulid import ULID

from trunkline.domain.clock import Clock

_RANDOM_BYTES = 10


class IdSource:
    """Makes ULIDs: 26 characters that sort by the millisecond in which they were made."""

    def __init__(self, clock: Clock, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._random_bytes = random_bytes
        self._drawn = b""

    def new(self) -> str:
        """A new identifier for a request, turn, conversation, reservation or process."""
        # The system is asked for randomness once for many identifiers: a call costs more than all the rest.
        if len(self._drawn) < _RANDOM_BYTES:
            self._drawn = self._random_bytes(_RANDOM_BYTES * 64)
        drawn, self._drawn = self._drawn[:_RANDOM_BYTES], self._drawn[_RANDOM_BYTES:]
        return str(ULID(self._clock.wall_ms().to_bytes(6, "big") + drawn))
