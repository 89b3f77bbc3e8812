"""What is preferred for one kind of task: the list that applies, resolved to rows, and the mode's weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from trunkline.domain.preferences import (
    BudgetMode,
    Config,
    EnvironmentOverride,
    Mode,
    Preferences,
    QualityMode,
    Weights,
)
from trunkline.domain.routes import Billing, Catalogue, Selector
from trunkline.domain.tasks import Tier
from trunkline.routing.weights import weights_for

if TYPE_CHECKING:
    from trunkline.routing.policy import ModelRow

UNSTATED = 1 << 20
# Where a `Basis` has its place in a stated list.
_STATED: Final = 7


class ProfileKey(NamedTuple):
    """A kind of task under a mode, with the asker's own list. `cheapest`: in a crisis, the cheapest there is, whatever
    lists and floors say; of local models those below the floor too where `any_local`."""

    task_type: str
    tier: Tier
    mode: str
    prefer: tuple[Selector, ...] = ()
    cheapest: bool = False
    any_local: bool = False


class Liking(NamedTuple):
    """The preference term 0..1, and the place in a stated list (`UNSTATED`: in none)."""

    preference: float
    stated: int


# What a row's best score is made from: weighted preference and quality, context and output tokens, prices of a
# token (None: unknown or not the same for every call), whether some account pays no cash, whether the model retires,
# its best place in a stated list, whether it meets the quality floor; and the row. Unpacked for every row of a
# decision, where names of fields cost too much.
Basis = tuple[float, int, int, int | None, int | None, bool, bool, int, bool, "ModelRow"]


@dataclass(frozen=True, slots=True)
class Profile:
    """`likings` runs parallel to the policy's rows; `by_account` overrides it where a list names accounts.
    `bases` runs parallel too; `by_fixed` are the same, the highest weighted preference and quality first: of those
    some are `stated` in a list, the rest `unstated`. `floor` is the least quality 0..1."""

    mode: Mode
    weights: Weights
    bases: tuple[Basis, ...]
    by_fixed: tuple[Basis, ...]
    stated: tuple[Basis, ...]
    unstated: tuple[Basis, ...]
    likings: tuple[Liking, ...]
    by_account: dict[int, dict[str, Liking]]
    meets_floor: tuple[bool, ...]
    floor: float
    cheap_simple: bool
    prefer_free: bool
    override: tuple[Selector, EnvironmentOverride] | None


def build_profile(key: ProfileKey, config: Config, rows: Sequence[ModelRow]) -> Profile:
    """Resolve everything that does not change between requests of one kind."""
    preferences, catalogue = config.preferences, config.catalogue
    mode = preferences.mode_named(key.mode) or Mode("balanced")
    stated = key.prefer or _resolve(_stated_list(key, preferences), catalogue)
    if key.cheapest:
        stated = ()
    shipped = stated if key.prefer else _resolve(_applying_list(key, mode, preferences), catalogue)
    floor = preferences.floor(key.task_type, key.tier)
    likings: list[Liking] = []
    by_account: dict[int, dict[str, Liking]] = {}
    for row in rows:
        may_lead = row.quality is None or row.quality >= floor
        likings.append(_liking(row, None, stated, shipped, may_lead))
        accounts = {
            route.account: _liking(row, route.account, stated, shipped, may_lead) for route in row.routes
        }
        if any(liking != likings[-1] for liking in accounts.values()):
            by_account[row.place] = accounts
    floors = [floor] * len(rows)
    if key.cheapest:
        local = {provider.id for provider in catalogue.providers if provider.billing is Billing.LOCAL}
        floors = [floor if row.provider in local and not key.any_local else 0.0 for row in rows]
    meets_floor = tuple(
        least <= 0 or (row.quality is not None and row.quality >= least)
        for row, least in zip(rows, floors, strict=True)
    )
    weights = weights_for(preferences, mode)
    bases = tuple(
        _basis(row, weights, tuple(by_account.get(row.place, {}).values()) or (liking,), meets)
        for row, liking, meets in zip(rows, likings, meets_floor, strict=True)
    )
    by_fixed = tuple(sorted(bases, key=lambda basis: -basis[0]))
    rules_on = preferences.rules.auto_routing and mode.budget is not BudgetMode.QUALITY_FIRST
    return Profile(
        mode=mode,
        weights=weights,
        bases=bases,
        by_fixed=by_fixed,
        stated=tuple(basis for basis in by_fixed if basis[_STATED] < UNSTATED),
        unstated=tuple(basis for basis in by_fixed if basis[_STATED] == UNSTATED),
        likings=tuple(likings),
        by_account=by_account,
        meets_floor=meets_floor,
        floor=floor,
        cheap_simple=key.cheapest or (rules_on and preferences.rules.cheap_simple),
        prefer_free=rules_on and preferences.rules.prefer_free,
        override=None if key.cheapest else _override(key, preferences, catalogue),
    )


def _basis(row: ModelRow, weights: Weights, likings: Sequence[Liking], meets_floor: bool) -> Basis:
    return (
        fixed_score(weights, max(liking.preference for liking in likings), row),
        row.context_tokens,
        row.max_output_tokens,
        row.price_input,
        row.price_output,
        row.any_cash_free,
        row.retired_at_ms is not None,
        min(liking.stated for liking in likings),
        meets_floor,
        row,
    )


def fixed_score(weights: Weights, preference: float, row: ModelRow) -> float:
    """The part of the score that is the same for every request and account of one preference."""
    return weights.preference * preference + weights.quality * (row.quality or 0.0)


def _resolve(texts: Sequence[str], catalogue: Catalogue) -> tuple[Selector, ...]:
    """What is not in the catalogue is left out: a shipped list names models that not everybody has."""
    return tuple(selector for text in texts if (selector := catalogue.select(text)) is not None)


def _stated_list(key: ProfileKey, preferences: Preferences) -> tuple[str, ...]:
    """The user's own list: the role's, the task type's, the tier's, else the general one."""
    if not preferences.rules.auto_routing:
        return preferences.default_prefer
    for role in preferences.roles:
        if role.stated and role.prefer and role.tier is key.tier and key.task_type in role.task_types:
            return role.prefer
    task, tier = preferences.task(key.task_type), preferences.tier(key.tier)
    if task is not None and task.stated and task.prefer:
        return task.prefer
    if tier is not None and tier.stated and tier.prefer:
        return tier.prefer
    return preferences.default_prefer if preferences.default_stated else ()


def _applying_list(key: ProfileKey, mode: Mode, preferences: Preferences) -> tuple[str, ...]:
    """The list that feeds the preference term: the mode's where an axis is set, else the role's, the task
    type's, the tier's, that of the balanced quality axis, the general one."""
    budget = dict(preferences.budget_lists).get(mode.budget, ())
    quality = dict(preferences.quality_lists).get(mode.quality, ())
    if mode.budget is not BudgetMode.NONE and budget:
        return budget
    if mode.quality is not QualityMode.BALANCED and quality:
        return quality
    for role in preferences.roles:
        if role.prefer and role.tier is key.tier and key.task_type in role.task_types:
            return role.prefer
    task, tier = preferences.task(key.task_type), preferences.tier(key.tier)
    for candidate in (task.prefer if task else (), tier.prefer if tier else (), preferences.default_prefer):
        if candidate:
            return candidate
    return quality


def _place(row: ModelRow, account: str | None, selectors: Sequence[Selector]) -> int | None:
    for place, selector in enumerate(selectors):
        if (
            selector.provider in (None, row.provider)
            and selector.model in (None, row.model)
            and selector.account in (None, account)
        ):
            return place
    return None


def _liking(
    row: ModelRow,
    account: str | None,
    stated: Sequence[Selector],
    shipped: Sequence[Selector],
    may_lead: bool,
) -> Liking:
    """DESIGN §4.3: max(0.2, 1 − 0.2 i) for the i-th of a list, else the model's own preference."""
    lead = _place(row, account, stated)
    place = lead if lead is not None else _place(row, account, shipped)
    preference = row.preference if place is None else max(0.2, 1.0 - 0.2 * place)
    return Liking(preference, lead if lead is not None and may_lead else UNSTATED)


def _override(
    key: ProfileKey, preferences: Preferences, catalogue: Catalogue
) -> tuple[Selector, EnvironmentOverride] | None:
    """The environment override in force; a role's beats a task type's beats a tier's."""
    roles = sorted(
        role.role for role in preferences.roles if role.tier is key.tier and key.task_type in role.task_types
    )
    by_target = {override.target.lower(): override for override in preferences.overrides}
    for name in (*roles, key.task_type, key.tier.value):
        override = by_target.get(name.lower())
        selector = catalogue.select(override.selector) if override is not None else None
        if override is not None and selector is not None:
            return selector, override
    return None
