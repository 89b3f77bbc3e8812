"""What the user prefers, compiled to plain types: modes, lists, weights, thresholds, time-outs."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from trunkline.domain.routes import Catalogue
from trunkline.domain.tasks import Priority, Tier


class BudgetMode(StrEnum):
    """The budget axis."""

    NONE = "none"
    FREE_ONLY = "free_only"
    COST_FIRST = "cost_first"
    QUALITY_FIRST = "quality_first"


class QualityMode(StrEnum):
    """The quality axis."""

    BALANCED = "balanced"
    MAX_SPEED = "max_speed"
    MAX_QUALITY = "max_quality"
    MAX_CONTEXT = "max_context"


@dataclass(frozen=True, slots=True)
class Mode:
    """A named pair of the two axes with its score weights, as the deck's mode key cycles them."""

    name: str
    budget: BudgetMode = BudgetMode.NONE
    quality: QualityMode = QualityMode.BALANCED


@dataclass(frozen=True, slots=True)
class Weights:
    """Weight of each score term, each at least 0; they need not sum to one."""

    preference: float = 0.0
    quota: float = 0.0
    context: float = 0.0
    cost: float = 0.0
    quality: float = 0.0
    speed: float = 0.0
    health: float = 0.0


@dataclass(frozen=True, slots=True)
class TaskPolicy:
    """How one task type is routed. `prefer` is an ordered list of selectors (see `Catalogue.select`); `stated`
    says that the user wrote it, so that it ranks first instead of only feeding the preference term."""

    type: str
    prefer: tuple[str, ...] = ()
    stated: bool = False
    budget_tokens: int | None = None
    priority: Priority = Priority.MEDIUM
    quality_floor: float = 0.0


@dataclass(frozen=True, slots=True)
class TierPolicy:
    """How one tier is routed where its task type does not say."""

    tier: Tier
    prefer: tuple[str, ...] = ()
    stated: bool = False
    ceiling_pico_per_token: int | None = None
    quality_floor: float | None = None


@dataclass(frozen=True, slots=True)
class RoleOverride:
    """A list that applies to some task types at one tier (`implementation`, `design_review`)."""

    role: str
    task_types: tuple[str, ...]
    tier: Tier
    prefer: tuple[str, ...] = ()
    stated: bool = False


@dataclass(frozen=True, slots=True)
class EnvironmentOverride:
    """A route forced for a task type, tier or role by an environment variable."""

    target: str
    selector: str
    variable: str


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Time limits of one upstream call, in milliseconds."""

    connect_ms: int = 10_000
    first_token_ms: int = 30_000
    stall_ms: int = 60_000
    total_ms: int = 600_000


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Numbers of the routing policy; shares are 0..1."""

    tier_simple_below: float = 0.3
    tier_complex_above: float = 0.7
    switch_below_tokens: int = 5_000
    warn_at: float = 0.80
    route_away_at: float = 0.95
    patience_ms: int = 3_000
    max_attempts: int = 6
    request_deadline_ms: int = 600_000
    estimate_margin: float = 1.1
    rule1_below_tokens: int = 20_000
    rule3_health_above: int = 80


@dataclass(frozen=True, slots=True)
class Rules:
    """Which cost rules and habits are on."""

    auto_routing: bool = True
    switch_on_limit: bool = True
    preserve_context: bool = True
    cheap_simple: bool = True
    prefer_free: bool = True
    retry_refused_elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Preferences:
    """Everything the user may prefer, with the shipped defaults filled in.

    `default_prefer` is the list that applies where no other does; its first entry is the user's default model,
    the reference of the cost term and of every claim of a saving. `weights` holds one set per mode name.
    `budget_lists` and `quality_lists` are the preference lists of the two axes.
    """

    mode: str = "balanced"
    modes: tuple[Mode, ...] = (Mode("balanced"),)
    default_prefer: tuple[str, ...] = ()
    default_stated: bool = False
    tasks: tuple[TaskPolicy, ...] = ()
    tiers: tuple[TierPolicy, ...] = ()
    roles: tuple[RoleOverride, ...] = ()
    overrides: tuple[EnvironmentOverride, ...] = ()
    budget_lists: tuple[tuple[BudgetMode, tuple[str, ...]], ...] = ()
    quality_lists: tuple[tuple[QualityMode, tuple[str, ...]], ...] = ()
    weights: tuple[tuple[str, Weights], ...] = ()
    budget_day_pico: int | None = None
    budget_conversation_pico: int | None = None
    quality_floor: float = 0.0
    thresholds: Thresholds = field(default_factory=Thresholds)
    call_limits: CallLimits = field(default_factory=CallLimits)
    rules: Rules = field(default_factory=Rules)
    theme: str = "trunkline-dark"
    keymap: tuple[tuple[str, str], ...] = ()

    def task(self, task_type: str) -> TaskPolicy | None:
        """The policy of a task type, if one is written."""
        return next((policy for policy in self.tasks if policy.type == task_type), None)

    def tier(self, tier: Tier) -> TierPolicy | None:
        """The policy of a tier, if one is written."""
        return next((policy for policy in self.tiers if policy.tier is tier), None)

    def mode_named(self, name: str) -> Mode | None:
        """The mode of that name, if there is one."""
        return next((mode for mode in self.modes if mode.name == name), None)


@dataclass(frozen=True, slots=True)
class Config:
    """One generation of the configuration. `generation` is a hash of its content."""

    generation: str
    catalogue: Catalogue
    preferences: Preferences
