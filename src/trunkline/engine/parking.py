"""Requests that nobody can serve now, kept in the store until somebody can, across restarts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trunkline.domain.queue import QueueItem

if TYPE_CHECKING:
    from trunkline.engine.core import EngineCore


class ParkingLot:
    """`kept` is everything in the store that waits, of every process, as it was read last."""

    def __init__(self, core: EngineCore) -> None:
        self._core = core
        self.kept: tuple[QueueItem, ...] = ()

    async def follow(self) -> None:
        """Take over what dead processes left, and obey what other processes order, until cancelled."""

    def promote(self, request_id: str) -> None:
        """Have a kept request tried at once, whoever runs it."""

    def move(self, request_id: str, places: int) -> None:
        """Have it go that many places earlier (negative) or later."""

    def drop(self, request_id: str) -> None:
        """Forget a kept request; where a process runs it, that one ends it as cancelled."""
