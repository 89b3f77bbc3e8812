"""From the checked preferences.toml to the frozen `Preferences`: selectors resolved, units converted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trunkline.config.files import KeyPath, Layer
from trunkline.config.gateway import compile_aliases, compile_gateway
from trunkline.config.names import EMERGENCY_WORDS, PAUSE, Names
from trunkline.config.overrides import overrides_of
from trunkline.config.preferences_schema import FloorsTable, PreferencesFile, TierTable, WeightsTable
from trunkline.config.problems import problem, suggestion
from trunkline.domain.crisis import CrisisStep
from trunkline.domain.money import pico_from_usd, pico_per_token
from trunkline.domain.preferences import (
    BudgetMode,
    CallLimits,
    CrisisPolicy,
    HistoryPolicy,
    LearningPolicy,
    Mode,
    Preferences,
    QualityMode,
    QueuePolicy,
    RoleOverride,
    Rules,
    TaskPolicy,
    Thresholds,
    TierPolicy,
    Weights,
)
from trunkline.domain.routes import Catalogue, Selector
from trunkline.domain.tasks import Tier

_SWITCHES = {"auto": None, "on": True, "off": False}


def compile_preferences(
    file: PreferencesFile,
    catalogue: Catalogue,
    layers: Sequence[Layer],
    environ: Mapping[str, str],
    *,
    shipped_must_fit: bool,
) -> tuple[Preferences, list[str]]:
    """The preferences, and what should be said about them. Raises ConfigError for names that lead nowhere."""
    names = Names(catalogue, layers, shipped_must_fit)
    tasks = _tasks(file, names)
    roles = _roles(file, names)
    mode, modes, weights = _modes(file, layers)
    thresholds = file.thresholds
    if thresholds.tier_simple_below > thresholds.tier_complex_above:
        raise problem(
            layers,
            ("thresholds", "tier_simple_below"),
            expected=f"a number of at most tier_complex_above ({thresholds.tier_complex_above})",
        )
    preferences = Preferences(
        mode=mode,
        modes=modes,
        default_prefer=names.resolve(file.default, ("default",)),
        default_stated=names.stated(("default",)),
        tasks=tasks,
        tiers=tuple(_tier(tier, table, names) for tier, table in file.tiers.items()),
        roles=roles,
        overrides=overrides_of(environ, names, [t.type for t in tasks], [r.role for r in roles]),
        budget_lists=tuple(
            (axis, names.resolve(texts, ("lists", "budget", axis.value)))
            for axis, texts in file.lists.budget.items()
        ),
        quality_lists=tuple(
            (axis, names.resolve(texts, ("lists", "quality", axis.value)))
            for axis, texts in file.lists.quality.items()
        ),
        weights=weights,
        budget_day_pico=_pico(file.budget.day_usd),
        budget_conversation_pico=_pico(file.budget.conversation_usd),
        quality_floor=file.quality_floor,
        thresholds=_thresholds(file),
        call_limits=_call_limits(file),
        rules=Rules(**file.rules.model_dump()),
        crisis=_crisis(file),
        queue=_queue(file),
        learning=LearningPolicy(**file.learning.model_dump()),
        history=_history(file),
        gateway=compile_gateway(file.gateway, layers),
        aliases=compile_aliases(file, names),
        theme=file.theme,
        low_bandwidth=_SWITCHES[file.low_bandwidth],
        ascii=_SWITCHES[file.ascii],
        keymap=tuple(file.keymap.items()),
    )
    return preferences, names.notes


def _pico(usd: float | None) -> int | None:
    return None if usd is None else pico_from_usd(usd)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _tasks(file: PreferencesFile, names: Names) -> tuple[TaskPolicy, ...]:
    return tuple(
        TaskPolicy(
            type=name,
            prefer=names.resolve(table.prefer, ("tasks", name, "prefer")),
            stated=names.stated(("tasks", name, "prefer")),
            budget_tokens=table.budget_tokens,
            priority=table.priority,
            quality_floor=table.quality_floor or 0.0,
            floors=_floors(table.floors),
        )
        for name, table in file.tasks.items()
    )


def _floors(table: FloorsTable) -> tuple[tuple[Tier, float], ...]:
    stated = ((tier, getattr(table, tier.value)) for tier in Tier)
    return tuple((tier, floor) for tier, floor in stated if floor is not None)


def _tier(tier: Tier, table: TierTable, names: Names) -> TierPolicy:
    path: KeyPath = ("tiers", tier.value, "prefer")
    ceiling = table.ceiling_usd_per_1k
    emergency: list[Selector] = []
    if table.emergency not in EMERGENCY_WORDS:
        emergency = names.resolve_one(table.emergency, ("tiers", tier.value, "emergency"))
    return TierPolicy(
        tier=tier,
        prefer=names.resolve(table.prefer, path),
        stated=names.stated(path),
        ceiling_pico_per_token=None if ceiling is None else round(pico_from_usd(ceiling) / 1000),
        quality_floor=table.quality_floor,
        emergency=str(emergency[0]) if emergency else None,
        pauses=table.emergency == PAUSE,
    )


def _roles(file: PreferencesFile, names: Names) -> tuple[RoleOverride, ...]:
    for name, table in file.roles.items():
        for index, task in enumerate(table.tasks):
            if task not in file.tasks:
                raise problem(
                    names.layers,
                    ("roles", name, "tasks", index),
                    expected=f"a task type: {', '.join(file.tasks)}",
                    remedy=suggestion(task, file.tasks),
                )
    return tuple(
        RoleOverride(
            role=name,
            task_types=tuple(table.tasks),
            tier=table.tier,
            prefer=names.resolve(table.prefer, ("roles", name, "prefer")),
            stated=names.stated(("roles", name, "prefer")),
            budget_tokens=table.budget_tokens,
            priority=table.priority,
        )
        for name, table in file.roles.items()
    )


def _modes(
    file: PreferencesFile, layers: Sequence[Layer]
) -> tuple[str, tuple[Mode, ...], tuple[tuple[str, Weights], ...]]:
    """The mode in force, all modes and their weights. Axes set one by one name the mode that has both, or make
    one called `<budget>+<quality>` with the weights of the mode that comes nearest."""
    if file.mode not in file.modes:
        raise problem(
            layers,
            ("mode",),
            expected=f"one of {', '.join(file.modes)}",
            remedy=suggestion(file.mode, file.modes),
        )
    modes = [Mode(name, table.budget, table.quality, table.about or "") for name, table in file.modes.items()]
    weights = {name: _weights(table.weights) for name, table in file.modes.items()}
    if file.budget_mode is None and file.quality is None:
        return file.mode, tuple(modes), tuple(weights.items())
    named = next(mode for mode in modes if mode.name == file.mode)
    budget = named.budget if file.budget_mode is None else file.budget_mode
    quality = named.quality if file.quality is None else file.quality
    if (named.budget, named.quality) == (budget, quality):
        return file.mode, tuple(modes), tuple(weights.items())
    same = next((mode for mode in modes if (mode.budget, mode.quality) == (budget, quality)), None)
    if same is not None:
        return same.name, tuple(modes), tuple(weights.items())
    own = f"{budget.value}+{quality.value}"
    weights[own] = weights[_nearest(modes, budget, quality, file.mode)]
    return own, (*modes, Mode(own, budget, quality)), tuple(weights.items())


def _nearest(modes: Sequence[Mode], budget: BudgetMode, quality: QualityMode, otherwise: str) -> str:
    if budget is not BudgetMode.NONE:
        return next((mode.name for mode in modes if mode.budget is budget), otherwise)
    return next((mode.name for mode in modes if mode.quality is quality), otherwise)


def _weights(table: WeightsTable) -> Weights:
    return Weights(**table.model_dump())


def _thresholds(file: PreferencesFile) -> Thresholds:
    table = file.thresholds
    seconds = {"patience_s", "provider_check_s", "throttle_s", "medium_lane_s", "low_lane_s"}
    return Thresholds(
        **table.model_dump(exclude=seconds),
        patience_ms=_ms(table.patience_s),
        provider_check_ms=_ms(table.provider_check_s),
        throttle_ms=_ms(table.throttle_s),
        medium_lane_ms=_ms(table.medium_lane_s),
        low_lane_ms=_ms(table.low_lane_s),
        request_deadline_ms=_ms(file.timeouts.request_s),
    )


def _call_limits(file: PreferencesFile) -> CallLimits:
    table = file.timeouts
    return CallLimits(
        _ms(table.connect_s),
        _ms(table.first_token_s),
        _ms(table.stall_s),
        _ms(table.total_s),
        first_token_floor_ms=_ms(table.first_token_floor_s),
        first_token_ceiling_ms=_ms(table.first_token_ceiling_s),
        least_tokens_per_s=table.least_tokens_per_s,
        pace_window_ms=_ms(table.pace_window_s),
    )


def _crisis(file: PreferencesFile) -> CrisisPolicy:
    table = file.crisis
    return CrisisPolicy(
        enabled=table.enabled,
        lost_providers=table.lost_providers,
        of_enabled=table.of_enabled,
        after_ms=_ms(table.after_s),
        steps=tuple(CrisisStep(step) for step in table.steps),
        output_share=table.output_share,
        least_output_tokens=table.least_output_tokens,
    )


def _queue(file: PreferencesFile) -> QueuePolicy:
    table = file.queue
    return QueuePolicy(
        age_ms=_ms(table.age_s),
        park_at_most_ms=None if table.park_at_most_h is None else _ms(table.park_at_most_h * 3600),
        recheck_ms=_ms(table.recheck_s),
        spread_ms=_ms(table.spread_s),
    )


def _history(file: PreferencesFile) -> HistoryPolicy:
    table = file.history
    above = table.compress_above_usd_per_1m
    return HistoryPolicy(
        **table.model_dump(exclude={"compress_above_usd_per_1m"}),
        compress_above_pico_per_token=None if above is None else pico_per_token(above),
    )
