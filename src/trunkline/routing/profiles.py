"""What is preferred for one kind of task: the list that applies, resolved to rows, and the mode's weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple, TypedDict

from trunkline.domain.decisions import DEAR, USUAL, WEAK
from trunkline.domain.learned import Verdicts
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
from trunkline.routing.quality import Floor, against_floor, posterior
from trunkline.routing.weights import weights_for

if TYPE_CHECKING:
    from trunkline.routing.policy import ModelRow

UNSTATED = 1 << 20
# Where a `Basis` has its place in a stated list, and what puts its row behind others.
STATED_PLACE: Final = 6
BEHIND: Final = 7
# Off-peak its price ceiling counts; none beyond the last.
_NEXT: Final = {Tier.T1: Tier.T2, Tier.T2: Tier.T3}


class ProfileKey(NamedTuple):
    """A kind of task under a mode, with the asker's own list. `dearer`: at the price ceiling of the next tier.
    `cheapest`: in a crisis, the cheapest there is, whatever lists and floors say; of local models those below the floor
    too where `any_local`."""

    task_type: str
    tier: Tier
    mode: str
    prefer: tuple[Selector, ...] = ()
    dearer: bool = False
    cheapest: bool = False
    any_local: bool = False


class Liking(NamedTuple):
    """The preference term 0..1, the place in a stated list (`UNSTATED`: in none), and whether the list that applies,
    stated or shipped, names the route."""

    preference: float
    stated: int
    named: bool


class Footing(NamedTuple):
    """How a model stands to what the task's kind wants. `quality` is that of the model at this kind of task, 0..1;
    `meets` the quality floor for sure, or is surely `below` it; `dear`: above the price ceiling in force, which counts
    where it costs cash and no list names it; `lifted`: above the tier's own, but not above that which counts
    off-peak."""

    quality: float
    meets: bool
    below: bool
    dear: bool
    lifted: bool


# Of a token of input, of input that the cache keeps, and of output (None: unknown or not the same for every call); and
# from how many tokens on the cache keeps any.
Prices = tuple[int | None, int | None, int | None, int]
# What a row's best score is made from: weighted preference and quality, context and output tokens, its prices, whether
# some account pays no cash, whether the model retires or gives no answers, its best place in a stated list,
# `Ranked.behind` at best and before any cost rule, whether it meets the quality floor; and the row. Unpacked for every
# row of a decision, where names of fields cost too much.
Basis = tuple[float, int, int, Prices, bool, bool, int, int, bool, "ModelRow"]


class Standards(NamedTuple):
    """What models are held to for one kind of task: `weight` is that of a catalogue figure beside verdicts, `floor` the
    least quality 0..1 of all providers but the `exempt` ones (None: of nobody), `own_ceiling` and `ceiling` the highest
    blended price of a token for the tier and at this hour, `dearest_pico` the highest known, for models of unknown
    price."""

    weight: float
    floor: float
    exempt: frozenset[str] | None
    own_ceiling: int | None
    ceiling: int | None
    dearest_pico: float | None

    def footing(self, row: ModelRow, verdicts: Verdicts | None) -> Footing:
        """How the model of `row` stands to them, after those `verdicts`."""
        no_floor = self.exempt is None or row.provider in self.exempt
        standing = against_floor(row.quality, verdicts, self.weight, 0.0 if no_floor else self.floor)
        price_pico = self.dearest_pico if row.blended_pico is None else row.blended_pico
        own, now = (
            ceiling is not None and (price_pico or 0) > ceiling
            for ceiling in (self.own_ceiling, self.ceiling)
        )
        return Footing(
            quality=posterior(row.quality, verdicts, self.weight),
            meets=standing is Floor.MEETS,
            below=standing is Floor.BELOW,
            dear=now,
            lifted=own and not now,
        )


@dataclass(frozen=True, slots=True)
class Profile:
    """`likings` runs parallel to the policy's rows; `by_account` overrides it where a list names accounts.
    `footings` and `bases` run parallel too; `by_fixed` are the same bases, those that nothing puts behind first and of
    these the highest weighted preference and quality: some lead as `stated` in a list, the rest are `unstated`.
    `records` is what was known of answers when it was made, by whose identity it is known to be current."""

    mode: Mode
    weights: Weights
    bases: tuple[Basis, ...]
    by_fixed: tuple[Basis, ...]
    stated: tuple[Basis, ...]
    unstated: tuple[Basis, ...]
    likings: tuple[Liking, ...]
    by_account: dict[int, dict[str, Liking]]
    footings: tuple[Footing, ...]
    standards: Standards
    rules_on: bool
    cheap_simple: bool
    prefer_free: bool
    override: tuple[Selector, EnvironmentOverride] | None
    records: Mapping[str, Verdicts] | None

    @property
    def floor(self) -> float:
        """The least quality 0..1."""
        return self.standards.floor

    @property
    def has_list(self) -> bool:
        """Whether a stated list names any model."""
        return any(basis[STATED_PLACE] < UNSTATED for basis in self.bases)


def build_profile(
    key: ProfileKey, config: Config, rows: Sequence[ModelRow], records: Mapping[str, Verdicts] | None = None
) -> Profile:
    """Resolve everything that does not change between requests of one kind; `records` says how answers of its task
    type and tier were received, by model."""
    preferences, catalogue = config.preferences, config.catalogue
    mode = preferences.mode_named(key.mode) or Mode("balanced")
    stated = key.prefer or _resolve(_stated_list(key, preferences), catalogue)
    if key.cheapest:
        stated = ()
    shipped = stated if key.prefer else _resolve(_applying_list(key, mode, preferences), catalogue)
    likings: list[Liking] = []
    by_account: dict[int, dict[str, Liking]] = {}
    for row in rows:
        likings.append(_liking(row, None, stated, shipped))
        accounts = {route.account: _liking(row, route.account, stated, shipped) for route in row.routes}
        if any(liking != likings[-1] for liking in accounts.values()):
            by_account[row.place] = accounts
    rules_on = preferences.rules.auto_routing and mode.budget is not BudgetMode.QUALITY_FIRST
    standards = _standards(key, mode, config, rows)
    weights = weights_for(preferences, mode)
    footings = tuple(standards.footing(row, records.get(row.model) if records else None) for row in rows)
    bases = tuple(
        _basis(row, weights, tuple(by_account.get(row.place, {}).values()) or (liking,), footing)
        for row, liking, footing in zip(rows, likings, footings, strict=True)
    )
    return Profile(
        mode=mode,
        weights=weights,
        **_in_order(bases),
        likings=tuple(likings),
        by_account=by_account,
        footings=footings,
        standards=standards,
        rules_on=rules_on,
        cheap_simple=key.cheapest or (rules_on and preferences.rules.cheap_simple),
        prefer_free=rules_on and preferences.rules.prefer_free,
        override=None if key.cheapest else _override(key, preferences, catalogue),
        records=records,
    )


def renewed(profile: Profile, rows: Sequence[ModelRow], records: Mapping[str, Verdicts] | None) -> Profile:
    """`profile` after other answers: what `build_profile` makes of these `records`, at the cost of the models of which
    they say something else than before. While many are learned of, that is every few seconds."""
    before, after = profile.records or {}, records or {}
    footings, bases = list(profile.footings), list(profile.bases)
    for row in rows:
        verdicts = after.get(row.model)
        if verdicts == before.get(row.model):
            continue
        place = row.place
        likings = tuple(profile.by_account.get(place, {}).values()) or (profile.likings[place],)
        footings[place] = profile.standards.footing(row, verdicts)
        bases[place] = _basis(row, profile.weights, likings, footings[place])
    return replace(profile, footings=tuple(footings), records=records, **_in_order(tuple(bases)))


class _InOrder(TypedDict):
    bases: tuple[Basis, ...]
    by_fixed: tuple[Basis, ...]
    stated: tuple[Basis, ...]
    unstated: tuple[Basis, ...]


def _in_order(bases: tuple[Basis, ...]) -> _InOrder:
    by_fixed = tuple(sorted(bases, key=lambda basis: (basis[BEHIND], -basis[0])))
    return {
        "bases": bases,
        "by_fixed": by_fixed,
        "stated": tuple(basis for basis in by_fixed if _leads(basis)),
        "unstated": tuple(basis for basis in by_fixed if not _leads(basis)),
    }


def _leads(basis: Basis) -> bool:
    return basis[STATED_PLACE] < UNSTATED and basis[BEHIND] < WEAK


def _basis(row: ModelRow, weights: Weights, likings: Sequence[Liking], footing: Footing) -> Basis:
    dear = footing.dear and not row.any_cash_free and not any(liking.named for liking in likings)
    return (
        fixed_score(weights, max(liking.preference for liking in likings), footing.quality),
        row.context_tokens,
        row.max_output_tokens,
        (row.price_input, row.price_written, row.price_output, row.cache.least_tokens),
        row.any_cash_free,
        row.retired_at_ms is not None or row.embeds,
        min(liking.stated for liking in likings),
        placed_behind(footing, dear=dear),
        footing.meets,
        row,
    )


def placed_behind(footing: Footing, *, dear: bool) -> int:
    """`Ranked.behind` before any cost rule or list, of a route that is `dear` or not."""
    return USUAL + (WEAK - USUAL) * footing.below + (DEAR - USUAL) * dear


def fixed_score(weights: Weights, preference: float, quality: float) -> float:
    """The part of the score that is the same for every request and account of one preference."""
    return weights.preference * preference + weights.quality * quality


def _standards(key: ProfileKey, mode: Mode, config: Config, rows: Sequence[ModelRow]) -> Standards:
    """Of a kind of task: under the ceilings of its tier and of the hour."""
    preferences = config.preferences
    own_ceiling = ceiling = None
    if not key.cheapest:
        own_ceiling = _ceiling(key.tier, mode, preferences)
        ceiling = _ceiling(_NEXT.get(key.tier), mode, preferences) if key.dearer else own_ceiling
    exempt: frozenset[str] | None = frozenset()
    if key.cheapest:
        local = (one.id for one in config.catalogue.providers if one.billing is Billing.LOCAL)
        everybody = frozenset(one.id for one in config.catalogue.providers)
        exempt = None if key.any_local else everybody.difference(local)
    return Standards(
        weight=preferences.learning.prior_weight,
        floor=preferences.floor(key.task_type, key.tier),
        exempt=exempt,
        own_ceiling=own_ceiling,
        ceiling=ceiling,
        dearest_pico=max((row.blended_pico for row in rows if row.blended_pico is not None), default=None),
    )


def _ceiling(tier: Tier | None, mode: Mode, preferences: Preferences) -> int | None:
    """The highest blended price of a token in pico-dollars; None without a tier, and where quality is what counts."""
    best = mode.budget is BudgetMode.QUALITY_FIRST or mode.quality is QualityMode.MAX_QUALITY
    rules = preferences.rules
    policy = preferences.tier(tier) if tier is not None else None
    if policy is None or best or not (rules.auto_routing and rules.price_ceilings):
        return None
    return policy.ceiling_pico_per_token


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
    row: ModelRow, account: str | None, stated: Sequence[Selector], shipped: Sequence[Selector]
) -> Liking:
    """DESIGN §4.3: max(0.2, 1 − 0.2 i) for the i-th of a list, else the model's own preference."""
    lead = _place(row, account, stated)
    place = lead if lead is not None else _place(row, account, shipped)
    preference = row.preference if place is None else max(0.2, 1.0 - 0.2 * place)
    return Liking(preference, UNSTATED if lead is None else lead, place is not None)


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
