"""How much of what was learned still counts after a while."""

from __future__ import annotations

DAY_MS = 86_400_000


def share_left(age_ms: float, half_life_days: float) -> float:
    """Share 0..1 of what was learned `age_ms` ago that counts still; of what seems to come from the future, all."""
    return float(0.5 ** (max(0.0, age_ms) / (half_life_days * DAY_MS)))
