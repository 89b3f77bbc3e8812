"""Limits in `anthropic-ratelimit-*` headers: those of the API by the minute, and those of a subscription's windows.

Sources: Anthropic's page on rate limits for the first; the second are in no document, only in what clients read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from trunkline.domain.limits import WHOLE_SHARE, LimitReading, LimitScope, LimitSpec, Metric, Window
from trunkline.providers.limits.openai_family import reading_of, resets_at_ms
from trunkline.providers.protocol import CallContext
from trunkline.providers.values.durations import number_of

PREFIX = "anthropic-ratelimit-"
_METRICS = {
    "requests": Metric.REQUESTS,
    "tokens": Metric.TOTAL_TOKENS,
    "input-tokens": Metric.INPUT_TOKENS,
    "output-tokens": Metric.OUTPUT_TOKENS,
}
_WINDOWS = {"5h": "session:5h", "7d": "session:7d", "7d_oi": "session:7d"}
_OF_THE_MODEL = "7d_oi"
_HEADER = re.compile(
    r"anthropic-ratelimit-(?:(requests|tokens|input-tokens|output-tokens)-(limit|remaining|reset)"
    r"|unified-(5h|7d_oi|7d)-(utilization|status|reset))"
)


def read_anthropic_limits(headers: Mapping[str, str], context: CallContext) -> tuple[LimitReading, ...]:
    """What `anthropic-ratelimit-*` headers say. The API's are buckets of a minute (`reset`, RFC 3339, is when they
    are full again) of each model. A subscription's `unified` ones tell a used share of windows of the whole account
    (`reset` in epoch seconds); a share is told in the unit that the account's own limit for that window has, else in
    millionths of the window's. Of two windows of seven days, `7d_oi` is of the asked model alone (field
    §2.2). Figures that cannot be are left out."""
    found: dict[str, dict[str, str]] = {}
    for name, value in headers.items():
        if not name.startswith(PREFIX):
            continue
        match = _HEADER.fullmatch(name)
        if match is not None:
            found.setdefault(match[1] or match[3], {})[match[2] or match[4]] = value
    readings = (
        reading_of(_METRICS[of], Window.parse("60s"), figures, context.now_ms)
        if of in _METRICS
        else _share(of, figures, context)
        for of, figures in found.items()
    )
    return tuple(reading for reading in readings if reading is not None)


def of_each_model(header: str) -> bool:
    """Whether a header of that name tells of an API limit, which the organisation has for each model by itself
    (provider-facts §2)."""
    found = _HEADER.fullmatch(header)
    return found is not None and found[1] is not None


def _share(of: str, figures: Mapping[str, str], context: CallContext) -> LimitReading | None:
    window, of_model = Window.parse(_WINDOWS[of]), of == _OF_THE_MODEL
    used = number_of(figures.get("utilization", ""))
    if figures.get("status", "").strip().lower() == "rejected":
        used = 1.0
    if used is None or used < 0:
        return None
    own = next((limit for limit in context.account.limits if _is_of(limit, window) and not of_model), None)
    scope = LimitScope.MODEL if of_model else LimitScope.ACCOUNT
    own = own or LimitSpec(Metric.SHARE, WHOLE_SHARE, window, scope)
    remaining = max(1, round(own.amount * (1 - used))) if used < 1 else 0
    resets_ms = resets_at_ms(figures, context.now_ms)
    return LimitReading(own.metric, window, own.amount, remaining, resets_ms, own.scope)


def _is_of(limit: LimitSpec, window: Window) -> bool:
    return limit.window == window and limit.model is None and limit.scope is not LimitScope.MODEL
