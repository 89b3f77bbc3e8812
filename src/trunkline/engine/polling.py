"""Asking account endpoints that cost nothing, every so often, for what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trunkline.engine.core import EngineCore


class Polling:
    """Asks on behalf of every process of this machine: whoever asked last told all."""

    def __init__(self, core: EngineCore) -> None:
        self._core = core

    async def follow(self) -> None:
        """Ask whenever it is due, until cancelled."""
