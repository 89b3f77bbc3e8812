"""What a refusal or an answer of one call says of others: blocks widened, narrowed, and kept."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from trunkline.domain.events import BreakerChanged, LimitLearned
from trunkline.domain.faults import Fault
from trunkline.domain.routes import Route
from trunkline.domain.state import Block
from trunkline.quota.verdicts import Inferred
from trunkline.store.suspicions import save_suspicion

if TYPE_CHECKING:
    from trunkline.engine.core import EngineCore

_SPREAD_MS = 1_000


def refused(core: EngineCore, route: Route, fault: Fault, now_ms: int) -> tuple[Fault, tuple[Block, ...]]:
    """`fault` with the scope that the evidence supports, and the blocks that it makes new or changes, those of what is
    only inferred from it among them."""
    verdict = core.scopes.judged(fault, route, now_ms)
    taught = core.tracker.taught_by(route, verdict.fault, now_ms)
    if taught is not None:
        core.lessons.limits_read(route, (taught,))
    blocks = core.tracker.faulted(route, verdict.fault, now_ms, core.draw())
    met_until_ms = max((block.until_ms for block in blocks if block.until_ms is not None), default=None)
    for one in verdict.inferred:
        blocks += core.tracker.infer(_as_long_as(one, met_until_ms, core.draw()), now_ms, core.draw())
    _keep_suspicions(core)
    return verdict.fault, blocks


def _as_long_as(one: Inferred, met_until_ms: int | None, draw: float) -> Inferred:
    """What is inferred from a refusal without a reset ends with the block of what was refused, give or take a second,
    so that not all of it is tried in one moment."""
    if one.fault.usable_at_ms is not None or met_until_ms is None:
        return one
    until_ms = met_until_ms + round(draw * _SPREAD_MS)
    return replace(one, fault=replace(one.fault, usable_at_ms=until_ms))


def answered(core: EngineCore, route: Route, began_at_ms: int, now_ms: int) -> None:
    """A call that began then is being answered: what that disproves is blocked no further than was refused."""
    for narrowing in core.scopes.answered(route, began_at_ms, now_ms, core.tracker.block):
        placed = core.tracker.narrow(narrowing, now_ms)
        core.lessons.unblocked(narrowing.target)
        for block in placed:
            core.store.save_block(core.lessons.marked(block))
            core.bus.publish(BreakerChanged(block.target, block))
    _keep_suspicions(core)


def keep_disproved(core: EngineCore, now_ms: int) -> None:
    """Keep limits that were concluded here and that answers beyond them have disproved."""
    for known in core.tracker.take_disproved():
        core.store.save_reading(known.provider, known.account, known.model, known.reading, now_ms)
        core.bus.publish(LimitLearned(known.provider, known.account, known.reading))


def _keep_suspicions(core: EngineCore) -> None:
    for said in core.scopes.suspicions.take_changes():
        core.store.post(partial(save_suspicion, said=said))
        core.changed = True
