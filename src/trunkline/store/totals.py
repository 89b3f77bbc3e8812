"""Sums and percentiles over the rows of requests and attempts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from trunkline.domain.money import MoneySum
from trunkline.domain.receipts import Outcome
from trunkline.domain.snapshot import Counts, Latency, Totals

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class AccountTotals:
    """What one account's attempts came to (`counts.total` attempts that were sent)."""

    provider: str
    account: str
    counts: Counts
    latency: Latency


@dataclass(frozen=True, slots=True)
class ProviderTotals:
    """What one provider's attempts came to."""

    provider: str
    counts: Counts
    latency: Latency


@dataclass(frozen=True, slots=True)
class StoredTotals:
    """Everything since a moment, of every process. `totals.in_flight` and `waiting` are not the store's to say."""

    since_ms: int
    totals: Totals
    providers: tuple[ProviderTotals, ...] = ()
    accounts: tuple[AccountTotals, ...] = ()


@dataclass(slots=True)
class _Tally:
    success: int = 0
    failed: int = 0
    total: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    pico: int = 0
    unknown: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    durations_ms: list[float] = field(default_factory=list)
    first_tokens_ms: list[float] = field(default_factory=list)

    def add(self, row: Row) -> None:
        _, _, outcome, kind, count, input_tokens, output_tokens, pico, unknown = row
        self.total += count
        self.success += count if outcome == "ok" else 0
        self.failed += count if outcome in ("refused", "failed", "cut") else 0
        self.input_tokens += input_tokens or 0
        self.output_tokens += output_tokens or 0
        self.pico += pico or 0
        self.unknown += unknown or 0
        if kind is not None:
            self.errors[kind] = self.errors.get(kind, 0) + count

    def counts(self) -> Counts:
        return Counts(
            self.total,
            self.success,
            self.failed,
            self.input_tokens,
            self.output_tokens,
            MoneySum(self.pico, self.unknown),
            tuple(sorted(self.errors.items())),
        )

    def latency(self) -> Latency:
        durations_ms, first_ms = sorted(self.durations_ms), sorted(self.first_tokens_ms)
        if not durations_ms:
            return Latency()
        return Latency(
            sum(durations_ms) / len(durations_ms),
            percentile(durations_ms, 0.50),
            percentile(durations_ms, 0.95),
            percentile(durations_ms, 0.99),
            percentile(first_ms, 0.50) if first_ms else None,
        )


def percentile(ordered: list[float], share: float) -> float:
    """The smallest of `ordered` (ascending, not empty) that at least `share` of them do not exceed."""
    rank = -int(-share * len(ordered) // 1)
    return ordered[max(0, min(len(ordered), rank) - 1)]


def add_up(since_ms: int, results: list[list[Row]]) -> StoredTotals:
    """The totals from the rows of `queries.totals_since`."""
    requests, attempts, samples = results
    accounts: defaultdict[tuple[str, str], _Tally] = defaultdict(_Tally)
    providers: defaultdict[str, _Tally] = defaultdict(_Tally)
    for row in attempts:
        accounts[row[0], row[1]].add(row)
        providers[row[0]].add(row)
    for provider, account, duration_ms, first_token_ms in samples:
        for tally in (accounts[provider, account], providers[provider]):
            tally.durations_ms.append(duration_ms)
            if first_token_ms is not None:
                tally.first_tokens_ms.append(first_token_ms)
    by_outcome = {row[0]: row[1] for row in requests}
    sent = sum(tally.total for tally in providers.values())
    return StoredTotals(
        since_ms,
        Totals(
            answered=by_outcome.get(Outcome.ANSWERED, 0),
            failed=by_outcome.get(Outcome.FAILED, 0),
            cancelled=by_outcome.get(Outcome.CANCELLED, 0),
            rerouted=sum(row[2] for row in requests),
            attempts=sent,
            wasted_attempts=sent - sum(tally.success for tally in providers.values()),
            cost=MoneySum(
                sum((row[3] or 0) + row[5] for row in requests), sum(row[4] + row[6] for row in requests)
            ),
        ),
        tuple(
            ProviderTotals(provider, tally.counts(), tally.latency())
            for provider, tally in sorted(providers.items())
        ),
        tuple(
            AccountTotals(provider, account, tally.counts(), tally.latency())
            for (provider, account), tally in sorted(accounts.items())
        ),
    )
