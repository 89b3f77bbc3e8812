"""How long answers took, bucket by bucket: percentiles are worked out inside SQLite, off the interpreter's lock."""

from __future__ import annotations

from trunkline.domain.latency_history import LatencyHistory, LatencyPoint, LatencySeries
from trunkline.store.queries import Query, Row

MOST_ATTEMPTS = 200_000
MOST_MARKS = 500
# Attempts are found through their request, which has the index. One that began this long after its request is missed.
_LONGEST_REQUEST_MS = 3_600_000

_SUCCESSES = """WITH seen AS MATERIALIZED (
    SELECT a.provider, a.at_ms - a.at_ms % ? AS bucket_ms, a.duration_ms, a.first_token_ms
    FROM request r JOIN attempt a ON a.request = r.row
    WHERE r.at_ms >= ? AND a.at_ms >= ? AND a.at_ms < ? AND a.outcome = 'ok' ORDER BY r.at_ms DESC LIMIT ?)"""
_DURATIONS = f"""{_SUCCESSES}, ranked AS (
    SELECT provider, bucket_ms, duration_ms,
        row_number() OVER (PARTITION BY provider, bucket_ms ORDER BY duration_ms) AS place,
        count(*) OVER (PARTITION BY provider, bucket_ms) AS known FROM seen)
    SELECT provider, bucket_ms, known, max(CASE WHEN place = (known + 1) / 2 THEN duration_ms END),
        max(CASE WHEN place = (known * 95 + 99) / 100 THEN duration_ms END)
    FROM ranked GROUP BY provider, bucket_ms ORDER BY provider, bucket_ms"""  # noqa: S608 - only the text above
_FIRST_TOKENS = f"""{_SUCCESSES}, ranked AS (
    SELECT provider, bucket_ms, first_token_ms,
        row_number() OVER (PARTITION BY provider, bucket_ms ORDER BY first_token_ms) AS place,
        count(*) OVER (PARTITION BY provider, bucket_ms) AS known FROM seen WHERE first_token_ms IS NOT NULL)
    SELECT provider, bucket_ms, first_token_ms FROM ranked WHERE place = (known + 1) / 2"""  # noqa: S608 - only texts of this module are put in
_REROUTES = """SELECT later.at_ms
    FROM request r JOIN attempt later ON later.request = r.row JOIN attempt earlier ON earlier.request = r.row
        AND earlier.number = (SELECT max(number) FROM attempt
            WHERE request = r.row AND number < later.number AND outcome <> 'short')
    WHERE r.at_ms >= ? AND r.rerouted AND later.at_ms >= ? AND later.at_ms < ? AND later.outcome <> 'short'
        AND (later.provider, later.account, later.model) <> (earlier.provider, earlier.account, earlier.model)
    ORDER BY r.at_ms DESC, later.number DESC LIMIT ?"""


def latency(since_ms: int, until_ms: int, bucket_ms: int) -> Query[LatencyHistory]:
    """Latency of successful attempts that began from `since_ms` up to `until_ms`, of every process. At most the last
    200,000 attempts and 500 reroutes are looked at; percentiles are nearest-rank. Takes over half a second for
    100,000 requests, so it is not for every tick."""
    span = (since_ms - _LONGEST_REQUEST_MS, since_ms, until_ms)
    successes = (bucket_ms, *span, MOST_ATTEMPTS)
    return Query(
        ((_DURATIONS, successes), (_FIRST_TOKENS, successes), (_REROUTES, (*span, MOST_MARKS))),
        lambda results: LatencyHistory(
            since_ms,
            until_ms,
            bucket_ms,
            _series(results[0], {(row[0], row[1]): row[2] for row in results[1]}),
            tuple(sorted(row[0] for row in results[2])),
        ),
    )


def _series(rows: list[Row], first_tokens_ms: dict[tuple[str, int], float]) -> tuple[LatencySeries, ...]:
    points: dict[str, list[LatencyPoint]] = {}
    for provider, at_ms, attempts, p50_ms, p95_ms in rows:
        point = LatencyPoint(at_ms, attempts, p50_ms, p95_ms, first_tokens_ms.get((provider, at_ms)))
        points.setdefault(provider, []).append(point)
    return tuple(LatencySeries(provider, tuple(found)) for provider, found in points.items())
