"""How fast a route is likely to answer: measured where it was, else as catalogued, else as of a typical route."""

from __future__ import annotations

from trunkline.domain.state import RouteState
from trunkline.routing.policy import ModelRow

# What is taken for a route that nobody has measured and of which the catalogue says nothing.
_TYPICAL_FIRST_TOKEN_MS = 1_000.0
_TYPICAL_TOKENS_PER_S = 60.0
# The whole reply in this time is a speed of one half.
_HALF_SPEED_MS = 4_000.0


def speed_of(row: ModelRow, state: RouteState, output_tokens: int) -> float:
    """1 ÷ (1 + expected time of the whole reply of so many tokens ÷ 4 s)."""
    first_ms, per_s = _figures(row, state)
    rest_ms = 1000 * output_tokens / (per_s or _TYPICAL_TOKENS_PER_S)
    expected_ms = (_TYPICAL_FIRST_TOKEN_MS if first_ms is None else first_ms) + rest_ms
    return 1.0 / (1.0 + expected_ms / _HALF_SPEED_MS)


def is_timed(row: ModelRow, state: RouteState) -> bool:
    """Whether any of that was measured or is catalogued, and not all of it taken as typical."""
    first_ms, per_s = _figures(row, state)
    return first_ms is not None or per_s is not None


def _figures(row: ModelRow, state: RouteState) -> tuple[float | None, float | None]:
    """The wait for the first token in milliseconds and tokens a second."""
    return (
        row.first_token_ms if state.first_token_ms is None else state.first_token_ms,
        row.tokens_per_s if state.tokens_per_s is None else state.tokens_per_s,
    )
