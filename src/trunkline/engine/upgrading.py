"""Asking again one tier up, where an answer was none or was not wanted: once for each request."""

from __future__ import annotations

from dataclasses import replace

from trunkline.domain.faults import Fault
from trunkline.domain.learned import Verdict
from trunkline.domain.messages import ChatRequest
from trunkline.domain.preferences import Rules
from trunkline.domain.receipts import TierUpgrade
from trunkline.domain.tasks import Task, Tier
from trunkline.engine.receipt import Course
from trunkline.engine.signs import verdict_on

_NEXT = {Tier.T1: Tier.T2, Tier.T2: Tier.T3, Tier.T3: Tier.T3}
_WORTH_IT = (Verdict.EMPTY, Verdict.REFUSED)


class Upgrading:
    """Of one request. `done` is what was done, None while nothing was. A tier that the asker named stays; then, and at
    the highest, it is the next best route that is asked."""

    def __init__(self, request: ChatRequest) -> None:
        self._request = request
        self.done: TierUpgrade | None = None

    def begin(self, task: Task, rules: Rules) -> Task:
        """The task of a request as it begins: one tier above that of the answer which it is to replace. Whoever says
        who is to answer instead has chosen: it stays at the tier of that answer, which may have been raised itself."""
        redo = self._request.redo
        if redo is None or not rules.upgrade_tier:
            return task
        if redo.elsewhere:
            return self._kept(task, redo.tier)
        before = task if redo.tier is None else replace(task, tier=redo.tier)
        return self._raised(task, before.tier, Verdict.REGENERATED, after_attempt=0)

    def may_follow(self, fault: Fault, rules: Rules) -> bool:
        """Whether an attempt that met `fault` is followed by one with more behind it, where another model can serve."""
        return rules.upgrade_tier and self.done is None and verdict_on(fault) in _WORTH_IT

    def after(self, fault: Fault, course: Course, attempts: int) -> None:
        """Go on one tier up after `attempts`, of which the last met `fault`."""
        task, because = course.task, verdict_on(fault) or Verdict.EMPTY
        course.task = self._raised(task, task.tier, because, after_attempt=attempts)
        course.upgrade = self.done

    def _kept(self, task: Task, before: Tier | None) -> Task:
        if before is None or self._request.hints.tier is not None or before.value <= task.tier.value:
            return task
        return replace(task, tier=before)

    def _raised(self, task: Task, before: Tier, because: Verdict, *, after_attempt: int) -> Task:
        tier = task.tier if self._request.hints.tier is not None else _NEXT[before]
        self.done = TierUpgrade(before, tier, because, after_attempt)
        return replace(task, tier=tier)
