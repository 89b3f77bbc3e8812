"""MiniMax's plan allowances: what is left of each, as a share.

The counts in these replies are left alone: `current_interval_usage_count` has meant what was used and what
remains, and a reply does not say which.
"""

from __future__ import annotations

from trunkline.domain.checks import AccountReport, AllowanceShare
from trunkline.domain.faults import Fault
from trunkline.domain.limits import Window
from trunkline.domain.text import provider_sentence
from trunkline.providers.protocol import CallContext, WireReply, WireRequest
from trunkline.providers.refusals.classify import classify_body
from trunkline.providers.reports.endpoint import (
    AccountEndpoint,
    amount_of,
    get,
    moment_ms,
    no_report,
    object_of,
)
from trunkline.providers.values.jsontext import mapping, text_of

_HOUR_MS = 3_600_000


def request(context: CallContext) -> WireRequest:
    """The call."""
    return get("/v1/token_plan/remains", context, from_root=True)


def request_older(context: CallContext) -> WireRequest:
    """The call to the address that it had before."""
    return get("/v1/api/openplatform/coding_plan/remains", context, from_root=True)


def read(reply: WireReply, context: CallContext) -> AccountReport | Fault:
    """The used shares of the plan's interval and week, for each model family."""
    body = object_of(reply, context)
    if isinstance(body, Fault):
        return body
    if text_of(mapping(body.get("base_resp")).get("status_code")) not in ("", "0"):
        return classify_body(body, context)
    remains = body.get("model_remains")
    if not isinstance(remains, list):
        return no_report()
    entries = [mapping(entry) for entry in remains[:50]]
    shares = [share for entry in entries for share in _shares(entry)]
    untold = entries and not shares
    return AccountReport(
        shares=tuple(shares),
        notes=("the plan's allowances are there, but not what is left of them",) if untold else (),
    )


def _shares(entry: dict[str, object]) -> list[AllowanceShare]:
    model = provider_sentence(text_of(entry.get("model_name")), longest=60) or None
    told = (
        ("current_interval_remaining_percent", _interval(entry), "end_time"),
        ("current_weekly_remaining_percent", Window.parse("session:7d"), "weekly_end_time"),
    )
    shares = []
    for field, window, reset_field in told:
        left = amount_of(entry.get(field))
        if left is not None and 0 <= left <= 100:
            resets_at_ms = moment_ms(entry.get(reset_field))
            shares.append(
                AllowanceShare(model or "plan", float(100 - left), window, resets_at_ms, model=model)
            )
    return shares


def _interval(entry: dict[str, object]) -> Window | None:
    """The interval's length, from its own stamps; None where they say none in whole hours."""
    start_ms, end_ms = moment_ms(entry.get("start_time")), moment_ms(entry.get("end_time"))
    if start_ms is None or end_ms is None or end_ms <= start_ms:
        return None
    hours, rest_ms = divmod(end_ms - start_ms, _HOUR_MS)
    return Window.parse(f"session:{hours}h") if hours and not rest_ms else None


TOKEN_PLAN = AccountEndpoint(request, read, decisive=False)
CODING_PLAN = AccountEndpoint(request_older, read, decisive=False)
