"""How attempts went that this process did not make, as the store tells: for success share, health and speed."""

from __future__ import annotations

from trunkline.domain.faults import FaultKind
from trunkline.domain.receipts import AttemptOutcome
from trunkline.quota.breaker import kind_tells_of_success
from trunkline.quota.tracker import QuotaTracker
from trunkline.store.queries import AttemptSample, Query, attempts_after

MOST_SAMPLES = 500
LONGEST_REMEMBERED_MS = 86_400_000
"""What was met longer ago says little of how an account or a route does now."""
_FAILED = (AttemptOutcome.REFUSED, AttemptOutcome.FAILED, AttemptOutcome.CUT)


class PastAttempts:
    """Has `tracker` know of each attempt of other processes once, of earlier ones of this machine too; so a pool goes
    round over all of them. `process_id` is this process, whose own attempts the tracker has seen."""

    def __init__(self, tracker: QuotaTracker, process_id: str) -> None:
        self._tracker = tracker
        self._process_id = process_id
        self._last_request = 0

    def unread(self) -> Query[tuple[int, tuple[AttemptSample, ...]]]:
        """The question of what others have recorded since the last answer that was taken in. Costs what is new: it
        goes by the primary key."""
        return attempts_after(self._last_request, MOST_SAMPLES, not_of=self._process_id)

    def take_in(self, answer: tuple[int, tuple[AttemptSample, ...]], now_ms: int) -> None:
        """Take in the answer to `unread`."""
        self._last_request, samples = answer
        for sample in samples:
            if now_ms - sample.at_ms <= LONGEST_REMEMBERED_MS:
                recall(self._tracker, sample)
                self._tracker.picked(sample.route)


def recall(tracker: QuotaTracker, sample: AttemptSample) -> None:
    """Have `tracker` know how an attempt of another process went, if that says anything of its route."""
    failed = sample.outcome in _FAILED
    told = sample.fault_kind is None or kind_tells_of_success(FaultKind(sample.fault_kind))
    if sample.outcome is not AttemptOutcome.OK and not (failed and told):
        return
    streamed_ms = sample.duration_ms - (sample.first_token_ms or sample.duration_ms)
    tokens = sample.output_tokens
    tracker.recall(
        sample.route,
        failed=failed,
        total_ms=sample.duration_ms,
        first_token_ms=sample.first_token_ms,
        tokens_per_s=tokens / streamed_ms * 1000 if tokens and streamed_ms > 0 else None,
    )
