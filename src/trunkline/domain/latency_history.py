"""How long answers took over a stretch of time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LatencyPoint:
    """Successful attempts of one time bucket: how many, and milliseconds to the whole reply and to the first token
    (None where none was measured)."""

    at_ms: int
    attempts: int
    p50_ms: float
    p95_ms: float
    first_token_p50_ms: float | None


@dataclass(frozen=True, slots=True)
class LatencySeries:
    """One provider's points, oldest first; buckets without an answer have none."""

    provider: str
    points: tuple[LatencyPoint, ...]


@dataclass(frozen=True, slots=True)
class LatencyHistory:
    """Every provider that answered since `since_ms`, in buckets of `bucket_ms` that begin at whole multiples of it.
    `reroutes_at_ms` are the moments at which a request went on from one route to another, oldest first."""

    since_ms: int
    until_ms: int
    bucket_ms: int
    series: tuple[LatencySeries, ...]
    reroutes_at_ms: tuple[int, ...]
