"""What the user prefers, compiled to plain types: modes, lists, weights, thresholds, time-outs."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from trunkline.domain.crisis import CrisisStep
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
    """A named pair of the two axes with its score weights, as the deck's mode key cycles them. `about` says what it
    does, in a line."""

    name: str
    budget: BudgetMode = BudgetMode.NONE
    quality: QualityMode = QualityMode.BALANCED
    about: str = ""


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
    says that the user wrote it, so that it ranks first instead of only feeding the preference term. `floors` are least
    qualities 0..1 of single tiers; where there is none, `quality_floor` holds (0: the tier's, or the general one).
    `budget_tokens` is for one message and its answer."""

    type: str
    prefer: tuple[str, ...] = ()
    stated: bool = False
    budget_tokens: int | None = None
    priority: Priority = Priority.MEDIUM
    quality_floor: float = 0.0
    floors: tuple[tuple[Tier, float], ...] = ()


@dataclass(frozen=True, slots=True)
class TierPolicy:
    """How one tier is routed where its task type does not say. `ceiling_pico_per_token` is a blended price.
    When nobody good enough can serve now, `emergency` (a selector) is asked first; where the tier `pauses`, work that
    may wait does; otherwise anybody is asked."""

    tier: Tier
    prefer: tuple[str, ...] = ()
    stated: bool = False
    ceiling_pico_per_token: int | None = None
    quality_floor: float | None = None
    emergency: str | None = None
    pauses: bool = False


@dataclass(frozen=True, slots=True)
class RoleOverride:
    """A list that applies to some task types at one tier (`implementation`, `design_review`). A budget or priority
    of None is the task type's own."""

    role: str
    task_types: tuple[str, ...]
    tier: Tier
    prefer: tuple[str, ...] = ()
    stated: bool = False
    budget_tokens: int | None = None
    priority: Priority | None = None


@dataclass(frozen=True, slots=True)
class EnvironmentOverride:
    """A route forced for a task type, tier or role by an environment variable."""

    target: str
    selector: str
    variable: str


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Time limits of one upstream call, in milliseconds. `first_token_ms` holds until a route's own is learned, which
    stays between `first_token_floor_ms` and `first_token_ceiling_ms`. A stream that gives fewer than
    `least_tokens_per_s` over `pace_window_ms` counts as stalled; 0: no such limit."""

    connect_ms: int = 10_000
    first_token_ms: int = 30_000
    stall_ms: int = 60_000
    total_ms: int = 600_000
    first_token_floor_ms: int = 5_000
    first_token_ceiling_ms: int = 120_000
    least_tokens_per_s: float = 1.0
    pace_window_ms: int = 20_000


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Numbers of the routing policy; shares are 0..1. Used over `warn_at` warns, over `critical_at` is critical. A
    route whose success is under `throttle_below` (0..100) is slowed by up to `throttle_ms`. Lanes release one
    request every so many milliseconds. Off-peak is from `night_from_hour` to `night_until_hour`, local time."""

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
    critical_at: float = 0.95
    provider_check_ms: int = 60_000
    throttle_below: int = 20
    throttle_ms: int = 5_000
    medium_lane_ms: int = 2_000
    low_lane_ms: int = 5_000
    rule2_above_queued: int = 5
    rule4_load_below: float = 0.5
    night_from_hour: int = 22
    night_until_hour: int = 7


@dataclass(frozen=True, slots=True)
class HistoryPolicy:
    """How much of a window history may fill, and how it shrinks; shares are 0..1. Of `window_share`, `topic_share`
    goes to the current topic, `recent_share` to recent history, `summary_share` to a summary of the rest. Over
    `compress_above_pico_per_token` (None: never) history is compressed by `compress_by`, the last `keep_turns`
    untouched. A trim aims at `trim_share` of its target. Kept messages are erased after `keep_days` (None: never)."""

    window_share: float = 0.7
    topic_share: float = 0.4
    recent_share: float = 0.3
    summary_share: float = 0.3
    internal_share: float = 0.7
    trim_share: float = 0.8
    compress_above_pico_per_token: int | None = None
    compress_by: float = 0.3
    keep_turns: int = 5
    keep_days: int | None = None


@dataclass(frozen=True, slots=True)
class CrisisPolicy:
    """When there is a crisis and what it changes (DESIGN §4.6). Of at least `of_enabled` enabled providers,
    `lost_providers` or more without a usable account for `after_ms`. `steps` are taken in their order. Answers are
    held to `output_share` of their usual limit, and to no less than `least_output_tokens`."""

    enabled: bool = True
    lost_providers: int = 2
    of_enabled: int = 3
    after_ms: int = 60_000
    steps: tuple[CrisisStep, ...] = tuple(CrisisStep)
    output_share: float = 0.5
    least_output_tokens: int = 512


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """How waiting work is treated. Waiting `age_ms` lifts a request by one lane. `park_at_most_ms` (None: however long)
    is the longest stated wait for which a request that may be kept is kept; without any stated moment it is looked at
    again every `recheck_ms`. After a reset those who waited go `spread_ms` apart at most."""

    age_ms: int = 30_000
    park_at_most_ms: int | None = None
    recheck_ms: int = 60_000
    spread_ms: int = 2_000


@dataclass(frozen=True, slots=True)
class LearningPolicy:
    """How experience moves a model's quality. The catalogue's figure counts as `prior_weight` answers; what was learned
    counts half after `half_life_days`. `explore_share` 0..1 of the requests try another route than the best one."""

    enabled: bool = True
    prior_weight: float = 20.0
    half_life_days: float = 30.0
    explore_share: float = 0.0


class AliasStrategy(StrEnum):
    """How one of an alias's models is chosen: the first of them that can answer, or as any other choice is made."""

    ORDER = "order"
    SCORE = "score"


@dataclass(frozen=True, slots=True)
class ModelAlias:
    """A name of the user's own for some `models` (selectors), of which nobody else answers."""

    name: str
    models: tuple[str, ...]
    strategy: AliasStrategy = AliasStrategy.ORDER


@dataclass(frozen=True, slots=True)
class GatewayPolicy:
    """Where the local gateway listens and what it lets in. `allowed_hosts` are names by which it may be called beside
    those of the loopback interface, `allowed_origins` the web origins whose pages may use it. At most `max_concurrent`
    requests are at work and `max_waiting` wait for that; bodies have up to `max_body_bytes`. With `unknown_is_auto` a
    model name that nobody here can be asked for is taken for `auto`."""

    host: str = "127.0.0.1"
    port: int = 8787
    allow_remote: bool = False
    tls_cert: str | None = None
    tls_key: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    require_token: bool = True
    max_body_bytes: int = 32 * 1024 * 1024
    max_concurrent: int = 64
    max_waiting: int = 256
    unknown_is_auto: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """Which cost rules and habits are on."""

    auto_routing: bool = True
    switch_on_limit: bool = True
    preserve_context: bool = True
    cheap_simple: bool = True
    prefer_free: bool = True
    retry_refused_elsewhere: bool = False
    batch_small: bool = True
    off_peak_dearer: bool = True
    price_ceilings: bool = True
    token_budgets: bool = True
    upgrade_tier: bool = True
    switch_for_saving: bool = True


@dataclass(frozen=True, slots=True)
class Preferences:
    """Everything the user may prefer, with the shipped defaults filled in.

    `default_prefer` is the list that applies where no other does; its first entry is the user's default model,
    the reference of the cost term and of every claim of a saving. `weights` holds one set per mode name.
    `budget_lists` and `quality_lists` are the preference lists of the two axes. `low_bandwidth` and `ascii` are about
    the control centre's terminal; None leaves them to what it is.
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
    crisis: CrisisPolicy = field(default_factory=CrisisPolicy)
    queue: QueuePolicy = field(default_factory=QueuePolicy)
    learning: LearningPolicy = field(default_factory=LearningPolicy)
    history: HistoryPolicy = field(default_factory=HistoryPolicy)
    theme: str = "trunkline-dark"
    low_bandwidth: bool | None = None
    ascii: bool | None = None
    keymap: tuple[tuple[str, str], ...] = ()
    gateway: GatewayPolicy = field(default_factory=GatewayPolicy)
    aliases: tuple[ModelAlias, ...] = ()

    def task(self, task_type: str) -> TaskPolicy | None:
        """The policy of a task type, if one is written."""
        return next((policy for policy in self.tasks if policy.type == task_type), None)

    def tier(self, tier: Tier) -> TierPolicy | None:
        """The policy of a tier, if one is written."""
        return next((policy for policy in self.tiers if policy.tier is tier), None)

    def floor(self, task_type: str, tier: Tier) -> float:
        """Least quality 0..1: the task type's for that tier, its own, the tier's, or the general one."""
        task, of_tier = self.task(task_type), self.tier(tier)
        if task is not None:
            floor = dict(task.floors).get(tier)
            if floor is not None:
                return floor
            if task.quality_floor > 0:
                return task.quality_floor
        if of_tier is not None and of_tier.quality_floor is not None:
            return of_tier.quality_floor
        return self.quality_floor

    def role(self, task_type: str, tier: Tier) -> RoleOverride | None:
        """The role that a task type has at a tier: of several the user's own, else the first that is written."""
        found = [one for one in self.roles if one.tier is tier and task_type in one.task_types]
        return next((one for one in found if one.stated), found[0] if found else None)

    def alias(self, name: str) -> ModelAlias | None:
        """The alias of that name, if there is one."""
        return next((one for one in self.aliases if one.name == name), None)

    def mode_named(self, name: str) -> Mode | None:
        """The mode of that name, if there is one."""
        return next((mode for mode in self.modes if mode.name == name), None)


@dataclass(frozen=True, slots=True)
class Config:
    """One generation of the configuration. `generation` is a hash of its content."""

    generation: str
    catalogue: Catalogue
    preferences: Preferences
