"""Forecasts of every limit, and one alert for each cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trunkline.engine.core import EngineCore


class QuotaWatch:
    """Looks at the limits of all accounts every so often."""

    def __init__(self, core: EngineCore) -> None:
        self._core = core

    async def follow(self) -> None:
        """Look, forecast and alert until cancelled."""
