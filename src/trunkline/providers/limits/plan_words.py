"""The window of a plan that a refusal in words says is used up."""

from __future__ import annotations

import re

from trunkline.domain.checks import AllowanceShare
from trunkline.domain.limits import LimitReading, Window
from trunkline.providers.protocol import CallContext
from trunkline.providers.reports.shares import readings_of_shares

# "Usage limit reached for 5 hour", "your 5-hour usage limit", "weekly limit": provider-facts §4 and §6. Not "try again
# in 5 hours", and not "weekly/monthly", which leaves open which.
_OF_HOURS = re.compile(
    r"\bfor (?:the )?(\d{1,3})[ -]?hours?\b"
    r"|\b(\d{1,3})[ -]?h(?:ours?)?[ -](?=(?:usage|quota|limit|window|token|plan)\b)",
    re.IGNORECASE,
)
_OF_A_WEEK = re.compile(
    r"\bfor (?:the |1 |this )?(?:week|7[ -]?days?)\b"
    r"|\b(?:weekly|7[ -]?days?)[ -](?=(?:usage|quota|limit|window|token|plan)\b)",
    re.IGNORECASE,
)
_BY_CODE = {"1316": "session:5h", "1317": "session:7d"}
# A reset is told to the second, and clocks differ.
_LEEWAY_MS = 60_000


def read_plan_refusal(
    text: str, code: str | None, resets_at_ms: int | None, context: CallContext
) -> tuple[LimitReading, ...]:
    """A plan's window with nothing left until `resets_at_ms`, in the unit of the account's own limit of that window or
    as a share; nothing unless both are told, nor where the reset is later than such a window can last."""
    window = _window(text, code)
    if window is None or resets_at_ms is None:
        return ()
    if resets_at_ms - context.now_ms > (window.length_ms or 0) + _LEEWAY_MS:
        return ()
    return readings_of_shares((AllowanceShare("plan", 100.0, window, resets_at_ms),), context)


def _window(text: str, code: str | None) -> Window | None:
    hours, week = _OF_HOURS.search(text), _OF_A_WEEK.search(text)
    if hours is not None and week is None and int(hours[1] or hours[2]) > 0:
        return Window.parse(f"session:{int(hours[1] or hours[2])}h")
    if week is not None and hours is None:
        return Window.parse("session:7d")
    return Window.parse(_BY_CODE[code]) if code in _BY_CODE and hours is week is None else None
