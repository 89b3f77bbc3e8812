"""What was used over the last days, minute by minute, as attempts tell of it."""

from __future__ import annotations

from trunkline.quota.burn import PastUse, PastUses
from trunkline.store.queries import Query, Row

MOST_ATTEMPTS = 50_000
# An attempt is found through its request, which is recorded with the time at which it began.
_LONGEST_REQUEST_MS = 3_600_000

_USES = """SELECT provider, account, model, at_ms - at_ms % 60000, count(*), sum(input_tokens), sum(output_tokens),
        sum(cost_pico) FROM (
    SELECT a.* FROM request r JOIN attempt a ON a.request = r.row
    WHERE r.at_ms >= ? AND a.at_ms >= ? AND a.outcome <> 'short' ORDER BY r.at_ms DESC LIMIT ?)
    GROUP BY 1, 2, 3, 4 ORDER BY 4"""
_FOUND = "SELECT count(*) FROM request WHERE at_ms >= ?"
_FIRST = "SELECT min(at_ms) FROM request"


def past_use(since_ms: int, now_ms: int) -> Query[PastUses]:
    """What was used since `since_ms`, of every process; of more than 50,000 attempts the last."""
    return Query(
        (
            (_USES, (since_ms - _LONGEST_REQUEST_MS, since_ms, MOST_ATTEMPTS)),
            (_FOUND, (since_ms,)),
            (_FIRST, ()),
        ),
        lambda results: _built(results, since_ms, now_ms),
    )


def _built(results: list[list[Row]], since_ms: int, now_ms: int) -> PastUses:
    uses = tuple(
        PastUse(at_ms, provider, account, model, requests, input_tokens or 0, output_tokens or 0, cost or 0)
        for provider, account, model, at_ms, requests, input_tokens, output_tokens, cost in results[0]
    )
    first_ms = results[2][0][0]
    known_since_ms = now_ms if first_ms is None else max(since_ms, first_ms)
    if uses and results[1][0][0] >= MOST_ATTEMPTS:  # the rest of the first minute was left out
        known_since_ms = max(known_since_ms, uses[0].at_ms + 60_000)
    return PastUses(known_since_ms, uses)
