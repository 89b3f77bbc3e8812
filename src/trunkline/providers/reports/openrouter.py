"""OpenRouter's `GET /key`, which any key may read, and `GET /credits`, for which it wants a management key."""

from __future__ import annotations

from decimal import Decimal

from trunkline.domain.checks import AccountReport
from trunkline.domain.faults import Fault, FaultKind
from trunkline.domain.limits import LimitReading, LimitScope, Metric, Window
from trunkline.domain.money import pico_from_usd
from trunkline.domain.text import provider_sentence
from trunkline.providers.protocol import CallContext, WireReply, WireRequest
from trunkline.providers.reports.endpoint import (
    AccountEndpoint,
    amount_of,
    balance_of,
    get,
    no_report,
    object_of,
    out_of_credit,
)
from trunkline.providers.values.jsontext import count, mapping, text_of

_WINDOWS = {"daily": "day", "weekly": "week", "monthly": "month", "": "balance"}
_FREE_MODELS = "*:free"
_SPANS = (("usage_daily", "today"), ("usage_weekly", "this week"), ("usage_monthly", "this month"))


def key_request(context: CallContext) -> WireRequest:
    """The call that tells of the key."""
    return get("/key", context)


def read_key(reply: WireReply, context: CallContext) -> AccountReport | Fault:
    """The key's own limit, the free models' day, and what was spent (UTC; a week begins on Monday)."""
    body = object_of(reply, context)
    if isinstance(body, Fault):
        return body
    data = body.get("data")
    if not isinstance(data, dict):
        return no_report()
    told = (_key_limit(data), _free_models(mapping(data.get("free_model_daily_requests"))))
    return AccountReport(readings=tuple(one for one in told if one is not None), notes=_notes(data))


def _key_limit(data: dict[str, object]) -> LimitReading | None:
    """The cash that the key may spend; None where it has no limit, or one in a window that is not known."""
    amount, left = amount_of(data.get("limit")), amount_of(data.get("limit_remaining"))
    window = _WINDOWS.get(text_of(data.get("limit_reset")).lower())
    if amount is None or amount < 0 or window is None:
        return None
    remaining = None if left is None else pico_from_usd(max(Decimal(0), min(left, amount)))
    return LimitReading(
        Metric.COST, Window.parse(window), pico_from_usd(amount), remaining, None, LimitScope.ACCOUNT
    )


def _free_models(data: dict[str, object]) -> LimitReading | None:
    """The requests a day that all free models share."""
    amount, used, left = (count(data.get(field)) for field in ("limit", "used", "remaining"))
    if amount is None:
        return None
    if left is None and used is not None:
        left = max(0, amount - used)
    remaining = None if left is None else min(left, amount)
    window = Window.parse("day")
    return LimitReading(
        Metric.REQUESTS, window, amount, remaining, None, LimitScope.ACCOUNT, model=_FREE_MODELS
    )


def _notes(data: dict[str, object]) -> tuple[str, ...]:
    notes = []
    spent = [
        f"${amount:.2f} {when}"
        for field, when in _SPANS
        if (amount := amount_of(data.get(field))) is not None and amount >= 0
    ]
    if spent:
        notes.append(f"spent {', '.join(spent)}")
    if data.get("limit", "") is None:
        notes.append("no limit is set on this key")
    if data.get("is_free_tier") is True:
        notes.append("no credit was ever bought")
    expires = provider_sentence(text_of(data.get("expires_at")), longest=40)
    if expires:
        notes.append(f"the key expires at {expires}")
    return tuple(notes)


def credits_request(context: CallContext) -> WireRequest:
    """The call that tells what credit is left."""
    return get("/credits", context)


def read_credits(reply: WireReply, context: CallContext) -> AccountReport | Fault:
    """The credit left. A key that may not ask says nothing against the account. A negative balance is refused even
    on free models; an empty one is not."""
    body = object_of(reply, context)
    if isinstance(body, Fault):
        if body.kind in (FaultKind.AUTH, FaultKind.ENTITLEMENT):
            return AccountReport(notes=("what credit is left is told to a management key only",))
        return body
    data = mapping(body.get("data"))
    bought, used = amount_of(data.get("total_credits")), amount_of(data.get("total_usage"))
    if bought is None or used is None:
        return no_report()
    balance = balance_of(f"{bought - used:f}", "USD")
    spent = balance is not None and balance.millionths < 0
    return AccountReport(balance=balance, fault=out_of_credit(balance) if spent else None)


KEY = AccountEndpoint(key_request, read_key)
CREDITS = AccountEndpoint(credits_request, read_credits, decisive=False)
