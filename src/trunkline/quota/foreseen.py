"""Limits with what is surely forecast of them, as decisions want them: made anew only where it makes a difference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from trunkline.domain.limits import SURE_ENOUGH, Forecast, LimitUse
from trunkline.quota.holdings import AccountKey

# A burn that has changed by less than this share changes no choice, and whoever's it is need not be looked at anew.
_SAME_WITHIN = 0.05


class Foreseen:
    """The sure forecasts of the last look. An account's limits are the same tuple until they or their forecasts
    change: by that decisions know what they have read already."""

    def __init__(self) -> None:
        self._sure: dict[str, Forecast] = {}
        self._made: dict[AccountKey, tuple[tuple[LimitUse, ...], tuple[LimitUse, ...]]] = {}

    def use(self, forecasts: Mapping[str, Forecast], changed: Iterable[str]) -> list[str]:
        """Take in `forecasts` by limit key, of which the `changed` ones are others than before; the keys of those that
        are others for decisions too."""
        news = []
        for key in changed:
            before, now = self._sure.get(key), forecasts.get(key)
            if now is not None and now.confidence < SURE_ENOUGH:
                now = None
            if _is_same(before, now):
                continue
            news.append(key)
            if now is None:
                del self._sure[key]
            else:
                self._sure[key] = now
        return news

    def forget(self, account: AccountKey) -> None:
        """A forecast of one of its limits has become another."""
        self._made.pop(account, None)

    def of(self, account: AccountKey, limits: tuple[LimitUse, ...]) -> tuple[LimitUse, ...]:
        """An account's limits with their forecasts, where something is left to be forecast."""
        if not any(limit.key in self._sure for limit in limits):
            return limits
        made = self._made.get(account)
        if made is None or made[0] is not limits:
            foreseen = tuple(
                replace(limit, forecast=expected)
                if limit.left > 0 and (expected := self._sure.get(limit.key)) is not None
                else limit
                for limit in limits
            )
            made = self._made[account] = (limits, foreseen)
        return made[1]


def _is_same(before: Forecast | None, now: Forecast | None) -> bool:
    if before is None or now is None:
        return before is now
    burns = (before.burn_per_hour, now.burn_per_hour)
    return max(burns) - min(burns) <= _SAME_WITHIN * max(burns)
