"""Score weights: the user's where given, else the shipped ones for the two axes of the mode."""

from __future__ import annotations

from trunkline.domain.preferences import BudgetMode, Mode, Preferences, QualityMode, Weights

BALANCED = Weights(preference=0.40, quota=0.30, context=0.15, cost=0.10, quality=0.05)
_BY_BUDGET = {
    BudgetMode.COST_FIRST: Weights(preference=0.20, quota=0.20, context=0.05, cost=0.50, quality=0.05),
    BudgetMode.QUALITY_FIRST: Weights(preference=0.20, quota=0.20, context=0.05, cost=0.05, quality=0.50),
}
_BY_QUALITY = {
    QualityMode.MAX_SPEED: Weights(preference=0.20, quota=0.20, context=0.05, cost=0.05, speed=0.50),
    QualityMode.MAX_QUALITY: Weights(preference=0.20, quota=0.20, context=0.05, cost=0.05, quality=0.50),
    QualityMode.MAX_CONTEXT: Weights(preference=0.20, quota=0.20, context=0.50, cost=0.05, quality=0.05),
}


def weights_for(preferences: Preferences, mode: Mode) -> Weights:
    """The weights of `mode`, scaled to sum to one: those written under its name, else those of its axes, else
    those written for `balanced`, else DESIGN §4.3's."""
    written = dict(preferences.weights)
    found = (
        written.get(mode.name)
        or _BY_BUDGET.get(mode.budget)
        or _BY_QUALITY.get(mode.quality)
        or written.get("balanced")
        or BALANCED
    )
    parts = (
        found.preference,
        found.quota,
        found.context,
        found.cost,
        found.quality,
        found.speed,
        found.health,
    )
    total = sum(parts)
    return Weights(*(part / total for part in parts)) if total > 0 else BALANCED
