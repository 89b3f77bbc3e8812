"""What other preferences would have decided, before they are saved."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DecisionChange:
    """A request that would go elsewhere. Routes are full ids, None where nobody could serve; costs are the decision's
    own estimates."""

    request_id: str
    at_ms: int
    origin: str
    task_type: str
    tier: str
    before: str | None
    after: str | None
    before_reason: str
    after_reason: str
    before_cost_pico: int | None
    after_cost_pico: int | None


@dataclass(frozen=True, slots=True)
class PreferencesTrial:
    """The last `looked_at` requests decided twice on the state of accounts as it is now: by the preferences in force
    and by those tried, none of them as a trial; those tried would make a trial of `explored_share` (0..1) of all
    requests. `error` says why those tried cannot be used."""

    looked_at: int
    changes: tuple[DecisionChange, ...]
    error: str | None = None
    explored_share: float = 0.0
