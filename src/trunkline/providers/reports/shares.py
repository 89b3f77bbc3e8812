"""Used shares of a plan's allowances as limits, so that routing sees them."""

from __future__ import annotations

from collections.abc import Iterable

from trunkline.domain.checks import AllowanceShare
from trunkline.domain.limits import (
    WHOLE_SHARE,
    LimitReading,
    LimitScope,
    LimitSpec,
    Metric,
    Window,
    model_matches,
)
from trunkline.providers.protocol import CallContext

_ALL_PERCENT = 100.0


def readings_of_shares(shares: Iterable[AllowanceShare], context: CallContext) -> tuple[LimitReading, ...]:
    """A limit for every share whose window is known: in the unit that the account's own limit of that window has, else
    in millionths of the window's. A share for models that the provider does not serve here, and one whose
    window is over, are left out; of two with the same window the one that is used up further counts."""
    tightest: dict[tuple[Window, str | None], LimitReading] = {}
    for share in shares:
        if share.window is None or not _is_served(share.model, context):
            continue
        if share.resets_at_ms is not None and share.resets_at_ms <= context.now_ms:
            continue
        reading = _reading(share, share.window, context)
        known = tightest.get((share.window, share.model))
        if known is None or (reading.remaining or 0) < (known.remaining or 0):
            tightest[share.window, share.model] = reading
    return tuple(tightest.values())


def _reading(share: AllowanceShare, window: Window, context: CallContext) -> LimitReading:
    own = next((limit for limit in context.account.limits if _is_of(limit, window, share.model)), None)
    own = own or LimitSpec(Metric.SHARE, WHOLE_SHARE, window)
    used = share.used_percent / _ALL_PERCENT
    remaining = max(1, round(own.amount * (1 - used))) if used < 1 else 0
    return LimitReading(
        own.metric, window, own.amount, remaining, share.resets_at_ms, LimitScope.ACCOUNT, model=share.model
    )


def _is_served(model: str | None, context: CallContext) -> bool:
    return model is None or any(model_matches(model, one.id) for one in context.provider.models)


def _is_of(limit: LimitSpec, window: Window, model: str | None) -> bool:
    return limit.window == window and limit.model == model and limit.scope is LimitScope.ACCOUNT
