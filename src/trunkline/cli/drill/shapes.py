"""What a drill prints: JSON by contract (DESIGN §6.2), and a table for people that grows as faults are done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trunkline.cli.drill.results import FaultOutcome, FaultResult, Skipped
from trunkline.cli.output import span

SHAPES = {FaultOutcome.SERVED: "●", FaultOutcome.REFUSED: "○", FaultOutcome.FAILED: "✕"}


def result_json(result: FaultResult) -> dict[str, Any]:
    """One fault, for scripts."""
    return {
        "name": result.name,
        "outcome": result.outcome.value,
        "route": result.route,
        "attempts": result.attempts,
        "wasted": result.wasted,
        "ms": round(result.ms, 1),
        "failover_ms": None if result.failover_ms is None else round(result.failover_ms, 1),
        "said": result.said,
        "expected": result.expected,
        "problems": list(result.problems),
        "remedy": result.remedy or None,
        "story": list(result.story),
        "calls": [
            {"route": call.route, "outcome": call.outcome, "ms": round(call.ms, 1), "why": call.why or None}
            for call in result.calls
        ],
    }


def drill_json(results: Sequence[FaultResult], skipped: Sequence[Skipped], *, demo: bool) -> dict[str, Any]:
    """The whole, for scripts."""
    failed = sum(1 for result in results if result.outcome is FaultOutcome.FAILED)
    return {
        "faults": [result_json(result) for result in results],
        "passed": len(results) - failed,
        "failed": failed,
        "skipped": [{"name": one.name, "why": one.why} for one in skipped],
        "routes": "demo" if demo else "own",
    }


def row(result: FaultResult) -> tuple[str, ...]:
    """One line of the table."""
    return (
        SHAPES[result.outcome],
        result.name,
        result.outcome.value,
        result.route or "–",
        str(result.attempts),
        str(result.wasted),
        span(result.ms),
        span(result.failover_ms),
    )


def broken_hop(result: FaultResult) -> list[str]:
    """Why it failed: every call, what should have been, and what to do."""
    lines = [f"{result.name}: expected {result.expected}"]
    for number, call in enumerate(result.calls, 1):
        why = f": {call.why}" if call.why else ""
        lines.append(f"    {number}. {call.route} {call.outcome} after {span(call.ms)}{why}")
    lines += [f"  → {problem}" for problem in result.problems]
    if result.remedy:
        lines.append(f"  what to do: {result.remedy}")
    return lines
