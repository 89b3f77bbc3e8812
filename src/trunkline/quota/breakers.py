"""The blocks of all targets, and how each heals.

A block whose time has come is half-open: one request may try its target, success closes it, a failure opens it again
for longer. Where an account endpoint may know more, it holds a little longer while that is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from trunkline.domain.faults import Fault, FaultCode
from trunkline.domain.routes import Catalogue, Route
from trunkline.domain.state import Block
from trunkline.quota.breaker import (
    OF_THE_KEY,
    account_target,
    agreed,
    blocks_nothing,
    later,
    opened,
    targets_above,
    targets_of,
    tried_at_ms,
)

TRIAL_LEASE_MS = 30_000
TRIAL_RECHECK_MS = 1_000
CHECK_GRACE_MS = 5_000
"""How long a block whose time has come goes on holding for a free check; one that was not made by then is given up."""

_CHECK_SHOWN_MS = 500


@dataclass(frozen=True, slots=True)
class _Trial:
    """One request is trying a target. Others are told to look again at `shown_until_ms`, which moves on as long as
    the trial lasts, for nobody knows when it ends; at `lease_until_ms` it is taken for lost."""

    shown_until_ms: int
    lease_until_ms: int


@dataclass(frozen=True, slots=True)
class _Check:
    """A block is to be checked when its time comes. Until that is done, at most until `hold_until_ms`, it holds; as
    with a trial, others are told to look again at `shown_until_ms`, None as long as the time has not come."""

    hold_until_ms: int
    shown_until_ms: int | None = None


class Breakers:
    """The blocks of all targets. No clock of its own; every step says what it changed."""

    def __init__(self) -> None:
        self._blocks: dict[str, Block] = {}
        self._failures: dict[str, int] = {}
        self._trials: dict[str, _Trial] = {}
        self._checks: dict[str, _Check] = {}
        self._closed: dict[str, int] = {}

    def block(self, target: str) -> Block | None:
        """The block of a target. While one request tries it, it holds for all others; while it is being checked, for
        everybody."""
        block = self._blocks.get(target)
        trial, checking = self._trials.get(target), self._checks.get(target)
        if block is None:
            return None
        if trial is not None:
            return replace(block, half_open=False, until_ms=trial.shown_until_ms)
        if checking is not None and checking.shown_until_ms is not None:
            return replace(block, half_open=False, until_ms=checking.shown_until_ms)
        return block

    def blocks(self) -> tuple[Block, ...]:
        """Every block, for keeping. A trial is this process's own and not kept."""
        return tuple(self._blocks.values())

    def failures(self, target: str) -> int:
        """Failures in a row, those that successes have forgiven taken off."""
        block = self._blocks.get(target)
        return self._failures.get(target, 0) if block is None else block.failures

    def faulted(
        self, fault: Fault, route: Route, catalogue: Catalogue, *, now_ms: int, draw: float
    ) -> tuple[Block, ...]:
        """Open what the fault blocks; the blocks that are new or changed. A fault of the request's own gives a trial
        back undecided."""
        if blocks_nothing(fault):
            self.give_back(route)
            return ()
        changed = []
        blocked = targets_of(fault, route, catalogue)
        for target in blocked:
            self._trials.pop(target, None)
            self._checks.pop(target, None)
            known = self._blocks.get(target)
            forgiven = self._failures.get(target, 0)
            block = opened(known, fault, target, forgiven=forgiven, now_ms=now_ms, draw=draw)
            if block != known:
                self._blocks[target] = block
                changed.append(block)
        self.give_back(route)
        return tuple(changed)

    def infer(self, fault: Fault, target: str, *, now_ms: int, draw: float, on_trial: bool) -> Block | None:
        """Open what nobody met but what was met elsewhere makes likely; None where more is known of the target: it is
        blocked or being tried. `on_trial`: one request may try it at once."""
        known = self._blocks.get(target)
        if target in self._trials or (known is not None and known.holds_at(now_ms)):
            return None
        block = opened(known, fault, target, forgiven=0, now_ms=now_ms, draw=draw)
        self._checks.pop(target, None)
        self._blocks[target] = replace(block, half_open=True) if on_trial else block
        return self._blocks[target]

    def put(self, block: Block) -> bool:
        """Have a block that was found to be of another target stand there; False where one stands that lasts longer."""
        known = self._blocks.get(block.target)
        if known is not None and later(known, block) is known:
            return False
        self._blocks[block.target] = block
        return True

    def succeeded(self, route: Route, now_ms: int) -> tuple[str, ...]:
        """A call down `route` was answered: close what was half-open above it and halve every failure count. A block
        that still holds stays, for the call began before it; only that the model is gone is disproved by any answer.
        The targets that are free again."""
        freed = []
        for target in targets_above(route):
            block = self._blocks.get(target)
            if block is not None and block.holds_at(now_ms) and block.code != FaultCode.MODEL_GONE:
                continue
            if block is not None:
                self._close(block)
                self._failures[target] = block.failures
                freed.append(target)
            halved = self._failures.pop(target, 0) // 2
            if halved:
                self._failures[target] = halved
        return tuple(freed)

    def try_half_open(self, route: Route, now_ms: int, *, forced: bool = False) -> bool:
        """Claim every half-open target above `route` for one request. False when another request is trying one of
        them or a block holds. True with nothing claimed where nothing is half-open. `forced`: a person wants it tried
        before its time; only a block that waits for a person holds then."""
        half_open = []
        for target in targets_above(route):
            block = self._blocks.get(target)
            if block is None:
                continue
            trial, checking = self._trials.get(target), self._checks.get(target)
            holds = block.holds_at(now_ms) and not (forced and block.until_ms is not None)
            if holds or (trial is not None and trial.lease_until_ms > now_ms):
                return False
            if checking is not None and checking.hold_until_ms > now_ms:
                return False
            half_open.append(target)
        for target in half_open:
            self._blocks[target] = replace(self._blocks[target], half_open=True)
            self._trials[target] = _Trial(now_ms + TRIAL_RECHECK_MS, now_ms + TRIAL_LEASE_MS)
        return True

    def give_back(self, route: Route) -> None:
        """End a trial undecided (the call was never made, or was cancelled): the next request may try."""
        for target in targets_above(route):
            self._trials.pop(target, None)

    def expire(self, target: str, now_ms: int) -> bool:
        """Do what is due: make a block half-open whose time has come, show a trial for longer, end one whose lease
        has run out. Whether anything changed."""
        block = self._blocks.get(target)
        trial = self._trials.get(target)
        if trial is not None:
            if trial.lease_until_ms <= now_ms:
                del self._trials[target]
            elif trial.shown_until_ms <= now_ms:
                shown_until_ms = min(now_ms + TRIAL_RECHECK_MS, trial.lease_until_ms)
                self._trials[target] = replace(trial, shown_until_ms=shown_until_ms)
            return self._trials.get(target) is not trial
        due_ms = None if block is None or block.half_open else self._due_ms(block)
        if block is None or due_ms is None or due_ms > now_ms:
            return False
        checking = self._checks.get(target)
        if checking is not None and checking.hold_until_ms > now_ms:
            if checking.shown_until_ms is not None and checking.shown_until_ms > now_ms:
                return False
            shown_until_ms = min(now_ms + _CHECK_SHOWN_MS, checking.hold_until_ms)
            self._checks[target] = replace(checking, shown_until_ms=shown_until_ms)
            return True
        self._half_open(block)
        return True

    def check_first(self, target: str) -> bool:
        """Have the block of a target go on holding when its time comes, until `checked` or for a few seconds; whether
        it was not to do so already. Before its time no request tries it."""
        block = self._blocks.get(target)
        if block is None or block.half_open or block.until_ms is None or target in self._checks:
            return False
        self._checks[target] = _Check(block.until_ms + CHECK_GRACE_MS)
        return True

    def checked(self, target: str, until_ms: int | None, now_ms: int) -> Block | None:
        """An account endpoint, asked at `now_ms`, has told of what a target is blocked for: it is used up until
        `until_ms`, or not (None), and then one request may try. The block as it is from now on; None where there is
        none, or a request is trying it."""
        block = self._blocks.get(target)
        if block is None or target in self._trials:
            return None
        self._checks.pop(target, None)
        if until_ms is not None:
            self._blocks[target] = replace(block, half_open=False, until_ms=until_ms, checked_at_ms=now_ms)
        else:
            self._half_open(replace(block, checked_at_ms=now_ms))
        return self._blocks[target]

    def check_failed(self, target: str) -> bool:
        """Nothing was learned by checking: let one request try. Whether the block was held for that."""
        block, checking = self._blocks.get(target), self._checks.get(target)
        if block is None or checking is None or checking.shown_until_ms is None:
            return False
        self._half_open(block)
        return True

    def _half_open(self, block: Block) -> None:
        self._checks.pop(block.target, None)
        self._blocks[block.target] = replace(block, half_open=True)

    def next_change_ms(self, target: str) -> int | None:
        """When `expire` will have something to do for the target."""
        block = self.block(target)
        if block is None or block.half_open:
            return None
        return self._due_ms(block) if block is self._blocks[target] else block.until_ms

    def _due_ms(self, block: Block) -> int | None:
        """When a block is half-open or, where its endpoint is asked first, is to be checked."""
        return block.until_ms if block.target in self._checks else tried_at_ms(block)

    def clear(self, target: str | None) -> tuple[str, ...]:
        """Close a target and everything under it, or everything (None), and forget the failures; what was closed."""
        closed = tuple(block for block in self._blocks.values() if _under(block.target, target))
        for block in closed:
            self._close(block)
        for known in [known for known in self._failures if _under(known, target)]:
            del self._failures[known]
        return tuple(block.target for block in closed)

    def heal(self, targets: Iterable[str]) -> tuple[str, ...]:
        """Close these targets, and nothing under them, and forget their failures; what was closed."""
        found = [block for target in targets if (block := self._blocks.get(target)) is not None]
        for block in found:
            self._close(block)
            self._failures.pop(block.target, None)
        return tuple(block.target for block in found)

    def key_changed(self, provider: str, account: str) -> tuple[str, ...]:
        """Close what the account's old key was to blame for; what was closed."""
        own = account_target(provider, account)
        blocks = self._blocks.values()
        return self.heal([b.target for b in blocks if _under(b.target, own) and b.kind in OF_THE_KEY])

    def restore(self, blocks: Iterable[Block], written: Iterable[Block] = ()) -> tuple[str, ...]:
        """Take in everything that is kept now, by this process and others; the targets that changed. `written` are
        blocks of ours that were written down before it was read: one of them that is not there was closed by another
        process. What was closed here does not come back because that is not written down yet."""
        kept = {block.target: block for block in blocks}
        changed = []
        for block in written:
            known = self._blocks.get(block.target)
            if known is not None and known.since_ms == block.since_ms and block.target not in kept:
                self._close(known)
                changed.append(block.target)
        for target, block in kept.items():
            mine = self._blocks.get(target)
            chosen = block if mine is None else agreed(mine, block)
            if chosen is not mine and block.since_ms > self._closed.get(target, -1):
                self._trials.pop(target, None)
                self._checks.pop(target, None)
                self._blocks[target] = chosen
                changed.append(target)
        return tuple(changed)

    def _close(self, block: Block) -> None:
        del self._blocks[block.target]
        self._trials.pop(block.target, None)
        self._checks.pop(block.target, None)
        self._closed[block.target] = block.since_ms


def _under(target: str, above: str | None) -> bool:
    return above is None or target == above or target.startswith(f"{above}/")
