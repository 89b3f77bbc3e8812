"""Noticing a crisis and its end, in step with the other processes of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trunkline.domain.crisis import CrisisStep, CrisisSummary

if TYPE_CHECKING:
    from trunkline.engine.core import EngineCore


class CrisisWatch:
    """`steps` are what the crisis under way changes, empty while there is none; `back_at_ms` the earliest stated
    reset of a lost provider."""

    def __init__(self, core: EngineCore) -> None:
        self._core = core
        self.steps: tuple[CrisisStep, ...] = ()
        self.back_at_ms: int | None = None
        self.current: CrisisSummary | None = None
        self.last: CrisisSummary | None = None

    async def follow(self) -> None:
        """Watch until cancelled."""
