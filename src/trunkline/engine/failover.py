"""What to do after a fault: DESIGN §5's table as a pure function."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from trunkline.domain.faults import Fault, FaultCode, FaultKind
from trunkline.domain.preferences import Rules, Thresholds

QUICK_RETRY_MAX_MS = 250.0
_LIKELY_DOWN = frozenset(
    {FaultCode.CONNECT, FaultCode.DNS, FaultCode.TLS, FaultCode.PORTAL, FaultCode.REDIRECT}
)
_TIMED_OUT = frozenset(
    {FaultCode.FIRST_TOKEN_TIMEOUT, FaultCode.STALL, FaultCode.TOO_SLOW, FaultCode.TOTAL_TIMEOUT}
)
_ELSEWHERE_ONLY = frozenset({FaultKind.AUTH, FaultKind.BILLING, FaultKind.ENTITLEMENT})


class Step(Enum):
    """What comes next."""

    NEXT_ROUTE = auto()
    RETRY_SAME = auto()
    WAIT = auto()
    LARGER_WINDOW = auto()
    UPGRADE = auto()
    STOP = auto()


@dataclass(frozen=True, slots=True)
class Situation:
    """What the table looks at beside the fault. `tries_here` counts calls to this provider for this request, this one
    included: a second account that fails after the first one's retry has no retry of its own. `text_shown` says that
    part of the answer is out; `first_choice` that the user stated this route as the first; `may_upgrade` that the
    answer was none and more has not been put behind the request yet."""

    tries_here: int
    text_shown: bool
    first_choice: bool
    now_ms: int
    deadline_at_ms: int
    may_upgrade: bool = False


def next_step(fault: Fault, situation: Situation, thresholds: Thresholds, rules: Rules) -> Step:
    """The reaction to `fault`. Whether another route exists is not known here: a `NEXT_ROUTE` that finds none is
    the caller's to resolve."""
    if fault.kind is FaultKind.CONTENT and not rules.retry_refused_elsewhere:
        return Step.STOP
    if situation.may_upgrade:
        return Step.UPGRADE
    if fault.kind is FaultKind.CONTENT:
        return Step.NEXT_ROUTE
    if fault.kind is FaultKind.BAD_REQUEST:
        return Step.STOP
    if fault.kind is FaultKind.CONTEXT:
        return Step.LARGER_WINDOW
    if fault.kind in _ELSEWHERE_ONLY:
        return Step.NEXT_ROUTE
    if fault.kind.is_limit:
        if _worth_waiting(fault, situation, thresholds):
            return Step.WAIT
        return Step.NEXT_ROUTE if rules.switch_on_limit else Step.STOP
    if situation.text_shown or fault.code in _TIMED_OUT or fault.code in _LIKELY_DOWN:
        return Step.NEXT_ROUTE
    return Step.RETRY_SAME if situation.tries_here < 2 else Step.NEXT_ROUTE


def _worth_waiting(fault: Fault, situation: Situation, thresholds: Thresholds) -> bool:
    if fault.usable_at_ms is None or not situation.first_choice:
        return False
    if fault.usable_at_ms >= situation.deadline_at_ms:
        return False
    return 0 <= fault.usable_at_ms - situation.now_ms <= thresholds.patience_ms


def quick_retry_delay_ms(draw: float) -> float:
    """Wait before the one retry on the same route, full jitter; `draw` is 0..1."""
    return QUICK_RETRY_MAX_MS * draw


def is_passing(fault: Fault) -> bool:
    """Whether the same call may well succeed later, without anybody's doing."""
    return fault.kind.is_limit or fault.kind in (FaultKind.OVERLOADED, FaultKind.NETWORK)


def is_spent(called: Sequence[str], provider: str, max_attempts: int) -> bool:
    """Whether a request that failed at `provider` had better ask another before it asks there again: it has made half
    of the calls there that were left when it came. `called` are the providers called, in order. Without this a pool
    whose provider is down would use up every attempt while others can serve."""
    if provider not in called:
        return False
    left = max_attempts - called.index(provider)
    return called.count(provider) >= math.ceil(left / 2)
