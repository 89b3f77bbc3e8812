"""What is done when a block's time has come: first a free check where there is one, then one real request."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trunkline.engine.core import EngineCore


class Healing:
    """Looks after the blocks of one process."""

    def __init__(self, core: EngineCore) -> None:
        self._core = core

    async def follow(self) -> None:
        """Check what is due, until cancelled."""
