"""What the course of a request says of the answers in it: which of them were none. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.domain.faults import Fault, FaultCode, FaultKind
from trunkline.domain.learned import UNREMARKED, Verdict, Verdicts
from trunkline.domain.receipts import Outcome, Receipt
from trunkline.domain.routes import Route
from trunkline.domain.tasks import Tier

_EMPTY = frozenset({FaultCode.EMPTY, FaultCode.NOTHING_SAID})
# Ours, and what providers say when their model's answer cannot be read (provider-facts §4).
_MALFORMED = frozenset({FaultCode.MALFORMED, "malformed_function_call", "malformed_response"})

_MOST_TIMES_EXPECTED = 4


@dataclass(frozen=True, slots=True)
class WentWrong:
    """The attempt of that number came, for a task taken for `tier`, to an answer that was none."""

    attempt: int
    route: Route
    tier: Tier
    verdict: Verdict


def verdict_on(fault: Fault) -> Verdict | None:
    """What a fault says of the model's answer; None where it says nothing of it: the network, an allowance, a key and
    the request itself are none of the model's doing."""
    if fault.kind is FaultKind.CONTENT:
        return Verdict.REFUSED
    if fault.code in _EMPTY:
        return Verdict.EMPTY
    return Verdict.MALFORMED if fault.code in _MALFORMED else None


def what_went_wrong(receipt: Receipt) -> tuple[WentWrong, ...]:
    """Every attempt whose answer was none, each at the tier that the task was taken for then."""
    found = []
    for attempt in receipt.attempts:
        verdict = verdict_on(attempt.fault) if attempt.fault is not None else None
        if verdict is not None:
            tier = _tier_at(receipt, attempt.number)
            found.append(WentWrong(attempt.number, attempt.route, tier, verdict))
    return tuple(found)


def _tier_at(receipt: Receipt, attempt: int) -> Tier:
    upgrade = receipt.upgrade
    return upgrade.from_tier if upgrade and attempt <= upgrade.after_attempt else receipt.task.tier


def unremarked(prior: float | None) -> Verdicts:
    """What a whole answer adds that nobody says anything of: of a model whose catalogue figure is `prior` 0..1 what
    leaves it where it is. Where there is none, that it serves is all that is known of it."""
    good = 1.0 if prior is None else prior
    return Verdicts(UNREMARKED * good, UNREMARKED * (1.0 - good))


def answer_tokens(receipt: Receipt) -> int | None:
    """How long the answer was, by the provider's own count; None where there is none. One that was cut at its output
    limit counts too: without it the long ones would be missing. Of one that is much longer than was expected only so
    much counts, so that no single answer says what is usual; where all are so long, the next one counts for more."""
    usage = receipt.usage
    if receipt.outcome is not Outcome.ANSWERED or usage.estimated or usage.output_tokens is None:
        return None
    return min(usage.output_tokens, _MOST_TIMES_EXPECTED * max(1, receipt.task.output_tokens))
