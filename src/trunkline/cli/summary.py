"""What a headless demo comes to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from trunkline.domain.money import MoneySum, usd
from trunkline.domain.receipts import Attempt, AttemptOutcome, Outcome, Receipt


@dataclass(slots=True)
class ProviderShare:
    """One provider's part: `requests` are calls made there, of which `answered` gave the answer."""

    requests: int = 0
    answered: int = 0
    failed: int = 0
    cost: MoneySum = field(default_factory=MoneySum)


@dataclass(slots=True)
class DemoSummary:
    """Sums over finished requests; `requests = answered + failed`. `failover_ms` are times from the last byte of a
    limit's refusal to the first byte of the request to another route."""

    seconds: float
    requests: int = 0
    answered: int = 0
    failed: int = 0
    rerouted: int = 0
    attempts: int = 0
    wasted_attempts: int = 0
    cost: MoneySum = field(default_factory=MoneySum)
    failover_ms: list[float] = field(default_factory=list)
    by_provider: dict[str, ProviderShare] = field(default_factory=dict)

    @classmethod
    def of(cls, seconds: float, receipts: Iterable[Receipt]) -> DemoSummary:
        """Add receipts up."""
        summary = cls(seconds)
        for receipt in receipts:
            summary._add(receipt)
        return summary

    def _add(self, receipt: Receipt) -> None:
        answered = receipt.outcome is Outcome.ANSWERED
        self.requests += 1
        self.answered += answered
        self.failed += not answered
        self.rerouted += receipt.rerouted
        calls = [attempt for attempt in receipt.attempts if attempt.outcome is not AttemptOutcome.SHORT]
        for before, attempt in zip((None, *calls), calls, strict=False):
            self._add_call(before, attempt)

    def _add_call(self, before: Attempt | None, attempt: Attempt) -> None:
        gave_answer = attempt.outcome is AttemptOutcome.OK
        self.attempts += 1
        self.wasted_attempts += not gave_answer
        self.cost = self.cost.plus(attempt.cost_pico)
        share = self.by_provider.setdefault(attempt.route.provider, ProviderShare())
        share.requests += 1
        share.answered += gave_answer
        share.failed += not gave_answer
        share.cost = share.cost.plus(attempt.cost_pico)
        if attempt.failover_ms is not None and before is not None and _is_failover(before, attempt):
            self.failover_ms.append(attempt.failover_ms)

    def failover_quantiles(self) -> tuple[float | None, float | None]:
        """p50 and p99 of `failover_ms`; None where no limit was hit."""
        ordered = sorted(self.failover_ms)
        if not ordered:
            return None, None
        return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]

    def json(self) -> dict[str, Any]:
        """The shape of DESIGN §6.2."""
        p50, p99 = self.failover_quantiles()
        return {
            "seconds": self.seconds,
            "requests": self.requests,
            "answered": self.answered,
            "failed": self.failed,
            "rerouted": self.rerouted,
            "attempts": self.attempts,
            "wasted_attempts": self.wasted_attempts,
            "cost_usd": _known_usd(self.cost),
            "failover_ms": {"p50": p50, "p99": p99},
            "by_provider": {
                name: {
                    "requests": share.requests,
                    "answered": share.answered,
                    "failed": share.failed,
                    "cost_usd": _known_usd(share.cost),
                }
                for name, share in sorted(self.by_provider.items())
            },
        }


def _is_failover(before: Attempt, attempt: Attempt) -> bool:
    refused = before.outcome is AttemptOutcome.REFUSED and before.fault is not None
    return (
        refused and before.route != attempt.route and before.fault is not None and before.fault.kind.is_limit
    )


def _known_usd(total: MoneySum) -> float | None:
    return None if total.unknown and not total.pico else usd(total.pico)
