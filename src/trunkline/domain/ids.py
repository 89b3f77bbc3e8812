"""Identifiers: ULIDs, made from an injected clock and source of randomness."""

from __future__ import annotations

import os
from collections.abc import Callable

from ulid import ULID

from trunkline.domain.clock import Clock


class IdSource:
    """Makes ULIDs: 26 characters that sort by the millisecond in which they were made."""

    def __init__(self, clock: Clock, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._random_bytes = random_bytes

    def new(self) -> str:
        """A new identifier for a request, turn, conversation, reservation or process."""
        return str(ULID(self._clock.wall_ms().to_bytes(6, "big") + self._random_bytes(10)))
