"""The drill's last scenario: crisis mode, rehearsed on the user's routes from its entry to what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from trunkline.cli.drill.judging import Drill, Judge
from trunkline.cli.drill.results import NotApplicableError
from trunkline.cli.drill.stage import AGENT, Asked, Stage
from trunkline.domain.crisis import CrisisMove, CrisisStep, CrisisSummary, MoveKind
from trunkline.domain.decisions import Reason
from trunkline.domain.events import Held
from trunkline.domain.messages import Hints
from trunkline.domain.preferences import CrisisPolicy
from trunkline.domain.queue import HeldFor
from trunkline.domain.tasks import CREATIVE, SIMPLE, Priority

_AFTER_MS = 300
_NOTICED_S = 4.0
_OVER_S = 8.0
_LOOK_S = 0.02
_MOST_ASKED = 40


def rehearsed(policy: CrisisPolicy) -> CrisisPolicy:
    """The user's own policy, but that a loss makes a crisis within a moment."""
    return replace(policy, after_ms=_AFTER_MS)


async def _crisis(stage: Stage, judge: Judge) -> None:
    policy = stage.preferences.crisis
    lost = await _who_dies(stage, policy)
    for provider in lost:
        await stage.arm("key_revoked", provider=provider, name=f"lost-{provider}")
        await _lose(stage, provider)
    judge.tell(f"{' and '.join(lost)} reject every key")
    if not await _until(lambda: stage.engine.snapshot().crisis is not None, _NOTICED_S):
        judge.expect(False, f"the loss of {' and '.join(lost)} should have been noticed as a crisis")
        return
    await _until(lambda: bool(_told(stage)), _NOTICED_S)
    for text in _told(stage):
        judge.tell(text)
    rest = asyncio.create_task(
        stage.ask(origin=AGENT, hints=Hints(task_type=CREATIVE, complexity=0.9), priority=Priority.MEDIUM)
    )
    try:
        await _work_goes_on(stage, judge)
        parks = CrisisStep.PARK_THE_REST in policy.steps
        judge.expect(
            not (parks and rest.done()), "work that is neither simple nor critical should have been held"
        )
        await stage.control.disarm()
        for provider in lost:
            stage.engine.free(provider)
        judge.tell(f"{' and '.join(lost)} take their keys again, and are marked as available")
        _judge_rest(judge, await rest, parks=parks)
    finally:
        rest.cancel()
    if not await _until(lambda: stage.engine.snapshot().crisis is None, _OVER_S):
        judge.expect(False, "the crisis should have been over once the providers were back")
        return
    await _until(lambda: len(_told(stage)) > 1, _NOTICED_S)
    summary = stage.engine.snapshot().last_crisis
    _sum_up(stage, judge, summary, lost)


async def _work_goes_on(stage: Stage, judge: Judge) -> None:
    """What is simple or critical is served at once."""
    simple = Hints(task_type=SIMPLE, complexity=0.1)
    asked = await stage.ask(origin=AGENT, hints=simple, priority=Priority.MEDIUM)
    critical = await stage.ask(critical=True, hints=Hints(task_type=CREATIVE, complexity=0.9))
    for one, name in ((asked, "simple work"), (critical, "critical work")):
        judge.served(one)
        judge.wasted(one, 0)
        judge.tell(f"{name}: {_answered(one)}")


def _judge_rest(judge: Judge, asked: Asked, *, parks: bool) -> None:
    """What is neither was held, and served in the end."""
    bodies = [event.body for event in asked.events]
    was_held = any(isinstance(body, Held) and body.held_for is HeldFor.CRISIS for body in bodies)
    judge.served(asked)
    judge.expect(was_held or not parks, "what is held in a crisis should be told so")
    judge.tell(f"the rest: {'held, then ' if was_held else ''}{_answered(asked)}")


async def _who_dies(stage: Stage, policy: CrisisPolicy) -> tuple[str, ...]:
    """The providers that would be asked first, as many as make a crisis. Raises NotApplicableError where that cannot be
    rehearsed."""
    if not policy.enabled:
        raise NotApplicableError("crisis mode is switched off (crisis.enabled)")
    enabled = {route.provider for route in stage.routes()}
    if len(enabled) < policy.of_enabled:
        raise NotApplicableError(
            f"there is a crisis only of at least {policy.of_enabled} providers; here are {len(enabled)}"
        )
    lost: list[str] = [(await stage.find_target()).provider]
    while len(lost) < policy.lost_providers:
        following = await stage.alternative(*lost)
        if following is None:
            break
        lost.append(following.provider)
    if len(lost) < policy.lost_providers or await stage.alternative(*lost) is None:
        raise NotApplicableError(f"nobody would be left to serve without {' and '.join(lost)}")
    return tuple(lost)


async def _lose(stage: Stage, provider: str) -> None:
    """Have it asked until all of its accounts are known to be closed."""
    for _ in range(_MOST_ASKED):
        if await stage.chosen(route=provider) is None:
            return
        await stage.engine.complete(stage.request(route=provider))


async def _until(holds: Callable[[], bool], limit_s: float) -> bool:
    """Whether it came true in time."""
    deadline_s = asyncio.get_running_loop().time() + limit_s
    while not holds():
        if asyncio.get_running_loop().time() > deadline_s:
            return False
        await asyncio.sleep(_LOOK_S)
    return True


def _answered(asked: Asked) -> str:
    receipt = asked.receipt
    if not asked.served:
        return f"not answered: {receipt.fault.message if receipt.fault is not None else 'not whole'}"
    why = (
        ", for the crisis"
        if receipt.decision is not None and receipt.decision.reason is Reason.CRISIS
        else ""
    )
    return f"answered by {receipt.route}{why}"


def _sum_up(stage: Stage, judge: Judge, summary: CrisisSummary | None, lost: tuple[str, ...]) -> None:
    """Entry, every request that was moved, exit and what it came to, in the words of the engine."""
    judge.expect(summary is not None, "a crisis that is over should be summed up")
    if summary is None:
        return
    judge.expect(set(lost) <= set(summary.crisis.lost), "the providers that were lost should be named")
    judge.expect(summary.crisis.drill, "a rehearsal should be marked as one")
    told = _told(stage)
    judge.expect(len(told) >= 2, "entry and exit should have been told")
    for move in summary.moves:
        judge.tell(f"  {_move_words(move)}")
    for text in told[1:]:
        judge.tell(text)


def _told(stage: Stage) -> list[str]:
    """What the engine has said of the crisis."""
    return [text for cause, text in stage.alerts if cause.startswith("crisis:")]


def _move_words(move: CrisisMove) -> str:
    home = move.home or "nobody"
    done = {
        MoveKind.MOVED: f"moved from {home} to {move.route}",
        MoveKind.PARKED: f"held; its home is {home}",
        MoveKind.SHRUNK: "answered with a smaller limit",
    }[move.kind]
    returned = ", back since" if move.returned_at_ms is not None else ""
    return f"{move.task_type} of {move.origin}: {done}{returned}"


DRILLS = (
    Drill(
        "crisis",
        "the providers asked first are lost, as many as make a crisis, and come back",
        "simple and critical work served at once by who is left, the rest held until they are back, all of it told",
        _crisis,
        crisis=True,
    ),
)
