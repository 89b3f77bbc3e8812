"""Which cost rule puts routes in front (DESIGN §4.5), by the names that receipts give them."""

from __future__ import annotations

from trunkline.domain.preferences import BudgetMode, Preferences
from trunkline.domain.tasks import Task, Tier
from trunkline.routing.profiles import Profile

# Rules 1, 3 and 4 bear the names of the settings that turn them off.
CHEAP_SIMPLE = "cheap_simple"
PREFER_FREE = "prefer_free"
OFF_PEAK_DEARER = "off_peak_dearer"
COST_FIRST = "cost_first"
NEAR_BUDGET = "near_budget"
# Those that sort whatever meets the floor by what it costs.
CHEAPEST_FIRST = frozenset({CHEAP_SIMPLE, COST_FIRST, NEAR_BUDGET})


def rule_in_force(
    task: Task, profile: Profile, preferences: Preferences, *, spent_day_pico: int, crisis: bool
) -> str | None:
    """The rule for one request that no stated list answers: rule 1 for small simple tasks, and in a crisis for what it
    moves; near the day's budget the same for all that is not critical; the cheapest in the mode of that name; else
    rule 3. In that mode rule 3 has nothing to add: what is free is the cheapest."""
    thresholds = preferences.thresholds
    small = task.input_tokens + task.output_tokens < thresholds.rule1_below_tokens
    if crisis or (profile.cheap_simple and task.tier is Tier.T1 and small):
        return CHEAP_SIMPLE
    budget_pico = preferences.budget_day_pico
    near = budget_pico is not None and spent_day_pico > thresholds.warn_at * budget_pico
    if near and profile.rules_on and not task.critical:
        return NEAR_BUDGET
    if profile.rules_on and profile.mode.budget is BudgetMode.COST_FIRST:
        return COST_FIRST
    return PREFER_FREE if profile.prefer_free else None
