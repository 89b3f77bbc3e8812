"""Whether there is a crisis: how each provider stands, and when too many are lost for too long (DESIGN §4.6).

Pure steps: what is known of accounts goes in, with what a process has seen before; what it has seen by now comes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from trunkline.domain.limits import LimitUse, Metric
from trunkline.domain.preferences import CrisisPolicy
from trunkline.domain.routes import AccountSpec, Catalogue, ProviderSpec, Route
from trunkline.domain.state import Block, RoutingState

# A single failure blocks for a second at most: that is a hiccup, not a loss.
_HICCUP_MS = 1_000
# Fewer tokens than this are left: no call is smaller.
_SMALLEST_CALL_TOKENS = 100
_IN_TOKENS = (Metric.INPUT_TOKENS, Metric.OUTPUT_TOKENS, Metric.TOTAL_TOKENS)
# How long a provider must have been usable to count as back; never longer than it takes to be lost.
_SETTLING_MS = 5_000
# What blocks without a stated moment lasts no longer (DESIGN §5): beyond that somebody stated it.
_LONGEST_UNSTATED_MS = 60_000


class Standing(IntEnum):
    """How something stands, the better first."""

    USABLE = 0
    UNPROVEN = 1
    """Its block has ended, and nobody has succeeded since."""
    LOST = 2


@dataclass(frozen=True, slots=True)
class ProviderStanding:
    """How a provider stands. `since_ms` (wall time) is from when on, where the blocks tell: of what is lost since the
    latest loss that made it so, of what is unproven since it may be tried. `back_at_ms` is the stated moment at which a
    lost one may be tried again, None where nobody stated one."""

    provider: str
    standing: Standing
    since_ms: int | None = None
    back_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Watched:
    """What a process has seen of providers: since when those that are lost, or were until lately, are so; and, of
    those that are not, how they stand and since when."""

    lost_since_ms: Mapping[str, int] = field(default_factory=dict)
    well_since_ms: Mapping[str, tuple[Standing, int]] = field(default_factory=dict)


# -- how providers stand ----------------------------------------------------------------------------------------------


def standings_of(
    catalogue: Catalogue, state: RoutingState, *, pacing: bool = False
) -> tuple[ProviderStanding, ...]:
    """Every enabled provider: one with a model and an enabled account that has a key. With `pacing` one counts as lost
    too that a short window keeps from taking a call just now."""
    return tuple(
        _standing_of(provider, accounts, state, pacing)
        for provider in catalogue.providers
        if provider.models and (accounts := _enabled(provider))
    )


def _enabled(provider: ProviderSpec) -> list[AccountSpec]:
    return [account for account in provider.accounts if account.enabled and account.has_key]


def _standing_of(
    provider: ProviderSpec, accounts: Iterable[AccountSpec], state: RoutingState, pacing: bool
) -> ProviderStanding:
    """As well as its best account."""
    of_provider = _of_block(provider.id, state.providers.get(provider.id), state.now_ms)
    best: ProviderStanding | None = None
    for account in accounts:
        found = _of_account(provider, account, state, of_provider, pacing)
        best = found if best is None else _either(best, found)
        if best.standing is Standing.USABLE:
            break
    return best or of_provider


def _of_account(
    provider: ProviderSpec,
    account: AccountSpec,
    state: RoutingState,
    of_provider: ProviderStanding,
    pacing: bool,
) -> ProviderStanding:
    known = state.accounts.get((provider.id, account.id))
    if known is None:
        return of_provider
    now_ms = state.now_ms
    spent = [limit for limit in known.limits if _takes_nothing(limit, pacing)]
    whole = _both(of_provider, _of_block(provider.id, known.block, now_ms))
    for limit in spent:
        if limit.model is None:
            whole = _both(whole, _of_limit(provider.id, limit))
    if whole.standing is Standing.LOST:
        return whole
    best: ProviderStanding | None = None
    for model in provider.models:
        if model.embeds:  # which lets nobody answer
            continue
        route = state.routes.get(Route(provider.id, account.id, model.id)) if state.routes else None
        found = _of_block(provider.id, route.block if route else None, now_ms)
        for limit in spent:
            if limit.model is not None and limit.covers(model.id):
                found = _both(found, _of_limit(provider.id, limit))
        best = found if best is None else _either(best, found)
        if best.standing is Standing.USABLE:
            break
    return whole if best is None else _both(whole, best)


def _of_block(provider: str, block: Block | None, now_ms: int) -> ProviderStanding:
    if block is None:
        return ProviderStanding(provider, Standing.USABLE)
    if not block.holds_at(now_ms):
        standing = Standing.USABLE if _is_reset(block, now_ms) else Standing.UNPROVEN
        return ProviderStanding(provider, standing, block.until_ms)
    until_ms = block.until_ms
    if until_ms is not None and block.failures == 1 and until_ms - block.since_ms <= _HICCUP_MS:
        return ProviderStanding(provider, Standing.UNPROVEN, block.since_ms)
    return ProviderStanding(provider, Standing.LOST, block.since_ms, until_ms)


def _is_reset(block: Block, now_ms: int) -> bool:
    """Whether an allowance was used up and the moment has passed that was stated for its renewal."""
    if not block.kind.is_limit or block.flaw or block.until_ms is None:
        return False
    return block.until_ms <= now_ms and block.until_ms - block.since_ms > _LONGEST_UNSTATED_MS


def _of_limit(provider: str, limit: LimitUse) -> ProviderStanding:
    return ProviderStanding(provider, Standing.LOST, None, limit.resets_at_ms)


def _takes_nothing(limit: LimitUse, pacing: bool) -> bool:
    """Whether no call fits into what is left, for longer than pacing takes unless that counts. Concurrency taken up is
    traffic."""
    if limit.metric is Metric.CONCURRENCY or (limit.window.paces_only and not pacing):
        return False
    return limit.left < (_SMALLEST_CALL_TOKENS if limit.metric in _IN_TOKENS else 1)


def _both(one: ProviderStanding, other: ProviderStanding) -> ProviderStanding:
    """Both stand in the way: the worse; of two losses since the earlier, until the later."""
    if one.standing is not other.standing or one.standing is not Standing.LOST:
        return one if one.standing >= other.standing else other
    since = [at_ms for at_ms in (one.since_ms, other.since_ms) if at_ms is not None]
    known = one.back_at_ms is not None and other.back_at_ms is not None
    back_at_ms = max(one.back_at_ms or 0, other.back_at_ms or 0) if known else None
    return ProviderStanding(one.provider, Standing.LOST, min(since, default=None), back_at_ms)


def _either(one: ProviderStanding, other: ProviderStanding) -> ProviderStanding:
    """Either will do: the better; of two losses since the later, until the earlier."""
    if one.standing is not other.standing or one.standing is not Standing.LOST:
        return one if one.standing <= other.standing else other
    known = one.since_ms is not None and other.since_ms is not None
    since_ms = max(one.since_ms or 0, other.since_ms or 0) if known else None
    back = [at_ms for at_ms in (one.back_at_ms, other.back_at_ms) if at_ms is not None]
    return ProviderStanding(one.provider, Standing.LOST, since_ms, min(back, default=None))


# -- seen over time ---------------------------------------------------------------------------------------------------


def settling_ms(policy: CrisisPolicy) -> int:
    """How long a provider must have been usable to count as back."""
    return min(_SETTLING_MS, policy.after_ms)


def watched(
    before: Watched,
    standings: Sequence[ProviderStanding],
    policy: CrisisPolicy,
    now_ms: int,
    *,
    in_crisis: bool,
) -> Watched:
    """What a process has seen, with how providers stand now. A provider stays lost until it has been usable for
    `settling_ms`; where there is no crisis that it could end, also until it might have been tried for `after_ms`
    without anybody's doing so."""
    lost: dict[str, int] = {}
    well: dict[str, tuple[Standing, int]] = {}
    for one in standings:
        known_ms, told_ms = before.lost_since_ms.get(one.provider), one.since_ms or now_ms
        if one.standing is Standing.LOST:
            lost[one.provider] = min(now_ms, told_ms, told_ms if known_ms is None else known_ms)
            continue
        standing, since_ms = before.well_since_ms.get(one.provider, (None, 0))
        since_ms = min(now_ms, since_ms if standing is one.standing else told_ms)
        well[one.provider] = one.standing, since_ms
        if known_ms is None:
            continue
        unproven = one.standing is Standing.UNPROVEN
        enough_ms = policy.after_ms if unproven else settling_ms(policy)
        if (unproven and in_crisis) or now_ms - since_ms < enough_ms:
            lost[one.provider] = known_ms
    return Watched(lost, well)


def reminded(seen: Watched, lost: Iterable[str], began_at_ms: int) -> Watched:
    """What a process has seen, with what the crisis under way says that others saw before it."""
    return Watched(dict.fromkeys(lost, began_at_ms) | dict(seen.lost_since_ms), seen.well_since_ms)


def lost_for_long(
    seen: Watched,
    standings: Sequence[ProviderStanding],
    policy: CrisisPolicy,
    now_ms: int,
    back_at_ms: Mapping[str, int],
) -> tuple[str, ...]:
    """The providers whose loss makes a crisis now; none where there is no crisis. `back_at_ms` is when the crisis
    before found some to be back: what was lost until then counts no more, for news of a recovery may come later than
    that of the end."""
    if not policy.enabled or len(standings) < policy.of_enabled:
        return ()
    lost = tuple(
        one.provider
        for one in standings
        if one.standing is Standing.LOST
        and now_ms - max(seen.lost_since_ms.get(one.provider, now_ms), back_at_ms.get(one.provider, 0))
        >= policy.after_ms
    )
    return lost if len(lost) >= policy.lost_providers else ()


def is_over(seen: Watched, standings: Sequence[ProviderStanding], policy: CrisisPolicy) -> bool:
    """Whether a crisis under way has ended: fewer are lost than make one, or there is none by the settings."""
    enough = len(standings) >= policy.of_enabled and len(seen.lost_since_ms) >= policy.lost_providers
    return not policy.enabled or not enough


def may_last(standings: Sequence[ProviderStanding], policy: CrisisPolicy) -> bool:
    """Whether a crisis that the store has as under way may be so still, seen by somebody who has only begun: if not,
    nobody was there to see its end."""
    out = [one for one in standings if one.standing is not Standing.USABLE]
    return policy.enabled and len(out) >= policy.lost_providers


def back_at_ms(standings: Iterable[ProviderStanding], lost: Iterable[str], now_ms: int) -> int | None:
    """The earliest stated moment at which one of `lost` may be tried again; None where nobody states one."""
    wanted = set(lost)
    stated = (one.back_at_ms for one in standings if one.provider in wanted and one.back_at_ms is not None)
    return min((at_ms for at_ms in stated if at_ms > now_ms), default=None)
