"""How each provider reports its limits in the headers of a reply."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from trunkline.domain.limits import Metric, Window
from trunkline.simulator.styles.complaint import go_duration


@dataclass(frozen=True, slots=True)
class Standing:
    """How a limit stands, for headers: `resets_ms` until it is whole again, which is at `resets_at_ms` by wall time."""

    metric: Metric
    window: Window
    amount: int
    remaining: int
    resets_ms: float
    resets_at_ms: float = 0.0


def _is_tokens(standing: Standing) -> bool:
    return standing.metric in (Metric.TOTAL_TOKENS, Metric.INPUT_TOKENS, Metric.OUTPUT_TOKENS)


def _tightest(standings: Sequence[Standing], tokens: bool) -> Standing | None:
    of_metric = [s for s in standings if (_is_tokens(s) if tokens else s.metric is Metric.REQUESTS)]
    return min(of_metric, key=_share_left, default=None)


def _share_left(standing: Standing) -> float:
    return standing.remaining / standing.amount if standing.amount else 0.0


def _trio(standing: Standing | None, suffix: str, reset: str | None = None) -> dict[str, str]:
    if standing is None:
        return {}
    return {
        f"x-ratelimit-limit-{suffix}": str(standing.amount),
        f"x-ratelimit-remaining-{suffix}": str(standing.remaining),
        f"x-ratelimit-reset-{suffix}": reset or go_duration(standing.resets_ms),
    }


def _openai_headers(standings: Sequence[Standing]) -> dict[str, str]:
    return _trio(_tightest(standings, tokens=False), "requests") | _trio(
        _tightest(standings, tokens=True), "tokens"
    )


def _groq_headers(standings: Sequence[Standing]) -> dict[str, str]:
    """Requests are those of a day, tokens those of a minute."""
    daily = [s for s in standings if not s.window.paces_only]
    pacing = [s for s in standings if s.window.paces_only]
    return _trio(_tightest(daily, tokens=False), "requests") | _trio(_tightest(pacing, tokens=True), "tokens")


def _cerebras_headers(standings: Sequence[Standing]) -> dict[str, str]:
    found: dict[str, str] = {}
    for standing in standings:
        noun = "tokens" if _is_tokens(standing) else "requests"
        span = "minute" if standing.window.paces_only else "day"
        if standing.metric is not Metric.CONCURRENCY:
            found |= _trio(standing, f"{noun}-{span}", f"{standing.resets_ms / 1000:.3f}")
    return found


def _mistral_headers(standings: Sequence[Standing]) -> dict[str, str]:
    """`-req-minute`, `-tokens-minute`, `-tokens-month`; resets in seconds from now."""
    found: dict[str, str] = {}
    for standing in standings:
        noun = "tokens" if _is_tokens(standing) else "req"
        span = "minute" if standing.window.paces_only else "month"
        if standing.metric is not Metric.CONCURRENCY:
            found |= _trio(standing, f"{noun}-{span}", str(math.ceil(standing.resets_ms / 1000)))
    return found


_ANTHROPIC_NOUNS = {
    Metric.REQUESTS: "requests",
    Metric.TOTAL_TOKENS: "tokens",
    Metric.INPUT_TOKENS: "input-tokens",
    Metric.OUTPUT_TOKENS: "output-tokens",
}


def _anthropic_headers(standings: Sequence[Standing]) -> dict[str, str]:
    """Resets as RFC 3339 in UTC; `tokens` repeats the tighter of input and output where there is no other."""
    found: dict[str, str] = {}
    for metric, noun in _ANTHROPIC_NOUNS.items():
        of_metric = [s for s in standings if s.metric is metric]
        if not of_metric and metric is Metric.TOTAL_TOKENS:
            of_metric = [s for s in standings if _is_tokens(s)]
        if of_metric:
            tightest = min(of_metric, key=_share_left)
            resets_at = datetime.fromtimestamp(math.ceil(tightest.resets_at_ms / 1000), UTC)
            prefix = f"anthropic-ratelimit-{noun}"
            found[f"{prefix}-limit"] = str(tightest.amount)
            found[f"{prefix}-remaining"] = str(tightest.remaining)
            found[f"{prefix}-reset"] = f"{resets_at:%Y-%m-%dT%H:%M:%SZ}"
    return found


def _unified_headers(standings: Sequence[Standing]) -> dict[str, str]:
    """Those of a subscription: `5h` and `7d` as used shares with resets in epoch seconds, and which one binds."""
    found: dict[str, str] = {}
    claims = []
    for standing in standings:
        if standing.window.paces_only or standing.metric is Metric.CONCURRENCY:
            continue
        nominal_ms = standing.window.nominal_ms
        name = "7d" if nominal_ms is None or nominal_ms > 86_400_000 else "5h"
        prefix = f"anthropic-ratelimit-unified-{name}"
        used = 1 - _share_left(standing)
        found[f"{prefix}-utilization"] = f"{used:.4g}"
        found[f"{prefix}-reset"] = str(math.ceil(standing.resets_at_ms / 1000))
        found[f"{prefix}-status"] = "rejected" if standing.remaining <= 0 else "allowed"
        claims.append((used, name, found[f"{prefix}-reset"], found[f"{prefix}-status"]))
    if claims:
        _, name, reset, status = max(claims)
        found["anthropic-ratelimit-unified-status"] = status
        found["anthropic-ratelimit-unified-reset"] = reset
        claim = "five_hour" if name == "5h" else "seven_day"
        found["anthropic-ratelimit-unified-representative-claim"] = claim
    return found


def _no_headers(standings: Sequence[Standing]) -> dict[str, str]:
    return {}


HEADER_STYLES: Mapping[str, Callable[[Sequence[Standing]], dict[str, str]]] = {
    "openai": _openai_headers,
    "groq": _groq_headers,
    "cerebras": _cerebras_headers,
    "mistral": _mistral_headers,
    "anthropic": _anthropic_headers,
    "unified": _unified_headers,
    "none": _no_headers,
}
