from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from tests.store.samples import REFUSAL, opened, receipt
from tests.support.clock import START_MS

from trunkline.domain.latency_history import LatencyPoint
from trunkline.domain.receipts import Attempt, AttemptOutcome, Receipt
from trunkline.domain.routes import Route
from trunkline.store.latency import latency
from trunkline.store.totals import percentile

A, B, C = (Route(name, "main", "m") for name in ("ada", "bob", "cyd"))
BUCKET_MS = 60_000
BEGIN_MS = START_MS - START_MS % BUCKET_MS


def of(name: str, at_ms: int, *attempts: Attempt) -> Receipt:
    """A request that came at `at_ms`."""
    return replace(receipt(name.rjust(26, "0")), started_at_ms=at_ms, attempts=attempts)


def call(
    number: int,
    route: Route,
    outcome: AttemptOutcome = AttemptOutcome.OK,
    *,
    began_ms: float = 0.0,
    took_ms: float = 100.0,
    first_ms: float | None = None,
) -> Attempt:
    fault = REFUSAL if outcome is AttemptOutcome.REFUSED else None
    first_token_ms = None if first_ms is None else began_ms + first_ms
    return Attempt(number, route, outcome, began_ms, began_ms + took_ms, first_token_ms, fault=fault)


async def test_percentiles_are_those_of_the_successes_of_each_bucket(tmp_path: Path) -> None:
    chance = random.Random(7)
    known: dict[tuple[str, int], list[tuple[float, float | None]]] = {}
    async with opened(tmp_path / "t.db") as store:
        for n in range(300):
            at_ms = BEGIN_MS + chance.randrange(4 * BUCKET_MS)
            route = chance.choice((A, B))
            took_ms = chance.uniform(10, 900)
            first_ms = chance.choice((None, took_ms / 2))
            store.record(of(str(n), at_ms, call(1, route, took_ms=took_ms, first_ms=first_ms)))
            bucket_ms = at_ms - at_ms % BUCKET_MS
            known.setdefault((route.provider, bucket_ms), []).append((took_ms, first_ms))
        store.record(of("refused", BEGIN_MS, call(1, C, AttemptOutcome.REFUSED)))
        store.record(of("before", BEGIN_MS - 1, call(1, C)))
        await store.flush()
        history = await store.ask(latency(BEGIN_MS, BEGIN_MS + 4 * BUCKET_MS, BUCKET_MS))
    found = {(one.provider, point.at_ms): point for one in history.series for point in one.points}
    assert set(found) == set(known)
    for key, samples in known.items():
        total_ms = sorted(total_ms for total_ms, _ in samples)
        first_token_ms = sorted(first_ms for _, first_ms in samples if first_ms is not None)
        point = found[key]
        expected = LatencyPoint(
            key[1],
            len(samples),
            percentile(total_ms, 0.5),
            percentile(total_ms, 0.95),
            percentile(first_token_ms, 0.5) if first_token_ms else None,
        )
        assert [round(value or -1, 6) for value in _figures(point)] == [
            round(value or -1, 6) for value in _figures(expected)
        ]
    assert [one.provider for one in history.series] == ["ada", "bob"]
    for one in history.series:
        assert [point.at_ms for point in one.points] == sorted(point.at_ms for point in one.points)


async def test_a_mark_is_where_a_request_went_on_elsewhere(tmp_path: Path) -> None:
    refused, short = AttemptOutcome.REFUSED, AttemptOutcome.SHORT
    other_account = Route("ada", "other", "m")
    async with opened(tmp_path / "t.db") as store:
        store.record(of("1", BEGIN_MS, call(1, A, refused), call(2, B, began_ms=400.0)))
        store.record(of("2", BEGIN_MS + 10, call(1, A, refused), call(2, other_account, began_ms=5.0)))
        store.record(
            of("3", BEGIN_MS + 20, call(1, A, refused), call(2, B, short), call(3, C, refused, began_ms=30.0))
        )
        store.record(of("4", BEGIN_MS + 30, call(1, A, short), call(2, B, began_ms=1.0)))
        await store.flush()
        history = await store.ask(latency(BEGIN_MS, BEGIN_MS + BUCKET_MS, BUCKET_MS))
    assert history.reroutes_at_ms == (BEGIN_MS + 15, BEGIN_MS + 50, BEGIN_MS + 400)


async def test_an_attempt_counts_where_it_began_not_where_its_request_did(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        late = call(2, B, began_ms=BUCKET_MS + 5.0)
        store.record(of("1", BEGIN_MS - BUCKET_MS, call(1, A, AttemptOutcome.REFUSED), late))
        await store.flush()
        history = await store.ask(latency(BEGIN_MS, BEGIN_MS + BUCKET_MS, BUCKET_MS))
    assert [(one.provider, [point.at_ms for point in one.points]) for one in history.series] == [
        ("bob", [BEGIN_MS])
    ]
    assert history.reroutes_at_ms == (BEGIN_MS + 5,)


def _figures(point: LatencyPoint) -> tuple[float | None, ...]:
    return point.at_ms, point.attempts, point.p50_ms, point.p95_ms, point.first_token_p50_ms
