"""Which account of a pool takes a new conversation."""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.domain.limits import LimitUse
from trunkline.domain.routes import PoolStrategy
from trunkline.domain.state import RoutingState
from trunkline.routing.options import Option

_NEVER_MS = 1 << 62


def pick_account(
    strategy: PoolStrategy, group: Sequence[Option], state: RoutingState, *, after: int | None = None
) -> Option:
    """One of `group`: options of one model on equally good accounts, in the order of the file, never empty.
    Round robin goes on from the account served last, or from position `after` where one has just failed."""
    if strategy is PoolStrategy.ROUND_ROBIN:
        return _round_robin(group, state, after)
    if strategy is PoolStrategy.LEAST_USED:
        return min(group, key=_use)
    if strategy is PoolStrategy.RANDOM:
        return group[min(len(group) - 1, int(state.draw * len(group)))]
    if strategy is PoolStrategy.SOONEST_RESET:
        return min(group, key=lambda option: (_soonest_reset_ms(option), _use(option)))
    return group[0]


def _round_robin(group: Sequence[Option], state: RoutingState, after: int | None) -> Option:
    """The next in the file's order, going round."""
    last = after
    if last is None:
        cursor = state.cursors.get(group[0].route.provider)
        row = group[0].row
        last = next((i for i, route in enumerate(row.routes) if route.account == cursor), -1)
    return next((option for option in group if option.member.position > last), group[0])


def _limits(option: Option) -> tuple[LimitUse, ...]:
    account = option.account
    limits = () if account is None else account.limits
    return tuple(use for use in limits if use.covers(option.row.model))


def _use(option: Option) -> tuple[float, int, int, int]:
    """How used an account is: the fullest of its limits, then calls under way, then how lately it was used."""
    account = option.account
    if account is None:
        return (0.0, 0, 0, option.member.position)
    fullest = max((1.0 - use.share_left for use in _limits(option)), default=0.0)
    return (fullest, account.in_flight, account.last_used_ms, option.member.position)


def _soonest_reset_ms(option: Option) -> int:
    """When the first allowance of an hour or longer comes back; one that is not used before then is lost."""
    resets = (
        use.resets_at_ms
        for use in _limits(option)
        if use.resets_at_ms is not None and not use.window.paces_only
    )
    return min(resets, default=_NEVER_MS)
