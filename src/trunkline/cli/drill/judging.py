"""Judging one fault: what should have been, said in sentences, and what the user can do where it was not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from trunkline.cli.drill.results import CallMade, FaultOutcome, FaultResult
from trunkline.cli.drill.stage import Asked, Stage, is_whole
from trunkline.cli.output import iso
from trunkline.domain.faults import FaultKind
from trunkline.domain.receipts import Attempt, AttemptOutcome
from trunkline.domain.routes import Route


@dataclass
class Judge:
    """Gathers what was not as it should be. `advice` is what the user could do, whether it failed or not; `story` is
    what happened, where that is told line by line."""

    stage: Stage
    problems: list[str] = field(default_factory=list)
    advice: str = ""
    story: list[str] = field(default_factory=list)

    def expect(self, holds: bool, should: str) -> None:
        """`should` is the sentence to be told where it does not hold."""
        if not holds:
            self.problems.append(should)

    def tell(self, line: str) -> None:
        """A line of what happened."""
        self.story.append(line)

    def served(self, asked: Asked, *, by: Route | None = None) -> None:
        """It was answered whole, by that route where one is given, with nothing of the text lost or doubled."""
        if not asked.served:
            self.expect(
                False, f"it should have been served{'' if by is None else f' by {by}'}: {_why(asked)}"
            )
            return
        self.expect(by in (None, asked.receipt.route), f"it should have been served by {by}")
        self.expect(is_whole(asked), "the text should be whole, nothing of it lost or doubled")

    def served_elsewhere(self, asked: Asked, left: Route) -> None:
        """It was answered whole, and not by that route."""
        self.served(asked)
        if asked.served:
            self.expect(asked.receipt.route != left, f"it should not have been served by {left}")

    def refused_rightly(self, asked: Asked, *, until_known: bool = True) -> None:
        """Nobody could serve it: it says so, and until when."""
        fault = asked.receipt.fault
        self.expect(not asked.served, "nobody could have served this truly")
        self.expect(fault is not None and bool(fault.message), "the refusal should say why")
        if until_known:
            self.expect(
                fault is not None and fault.usable_at_ms is not None,
                "the refusal should say when somebody is free again",
            )

    def wasted(self, asked: Asked, most: int, *, least: int = 0) -> None:
        """So many calls were in vain."""
        most = max(most, least)
        sentence = f"exactly {most}" if least == most else f"at most {most}"
        self.expect(
            least <= asked.wasted <= most, f"{asked.wasted} calls were wasted, it should be {sentence}"
        )

    def left_alone(self, asked: Asked, route: Route) -> None:
        """This request was not sent to a route known to be closed."""
        self.expect(route not in asked.calls, f"{route} should have been left alone while it is blocked")

    def blocked(
        self, route: Route, *, since_ms: int, least_ms: float = 0, most_ms: float | None = None
    ) -> None:
        """It is blocked, until between `least_ms` and `most_ms` after `since_ms` (wall); None: until a person acts."""
        block = self.stage.block_over(route)
        if block is None:
            self.expect(False, f"{route} should have been blocked")
        elif most_ms is None:
            self.expect(block.until_ms is None, f"{block.target} should be blocked until somebody acts")
        elif block.until_ms is None or not least_ms <= block.until_ms - since_ms <= most_ms:
            lasts = "for ever" if block.until_ms is None else f"{(block.until_ms - since_ms) / 1000:.1f} s"
            self.expect(
                False,
                f"{block.target} should be blocked for {least_ms / 1000:.0f} to {most_ms / 1000:.0f} s, it is {lasts}",
            )

    def only_one(self, route: Route) -> None:
        """Nobody else can serve such a request: that is the user's to change."""
        task = self.stage.asked[-1].receipt.task.type if self.stage.asked else "this"
        self.advice = (
            f"only {route.provider}/{route.account} can serve {task} requests here: "
            "add another account or another provider"
        )


Script = Callable[[Stage, Judge], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Drill:
    """One fault of the catalogue: its name, what happens and what is expected in words, and its script, which raises
    NotApplicableError where the configuration cannot meet it. `unreachable`: nobody listens at the target's provider;
    `crisis`: there is a crisis mode, which other faults do without; `long_blocks`: what failed is not tried again for a
    second, so that what is left alone can be judged on a slow machine, too."""

    name: str
    happens: str
    expects: str
    script: Script
    unreachable: bool = False
    crisis: bool = False
    long_blocks: bool = False


def result_of(drill: Drill, stage: Stage, judge: Judge, extra_calls: int) -> FaultResult:
    """What it came to. `extra_calls` are requests that the simulator saw and no receipt names."""
    judge.expect(extra_calls == 0, f"{extra_calls} calls reached providers that no receipt names")
    asked = stage.asked
    last = asked[-1] if asked else None
    outcome = FaultOutcome.SERVED if all(one.served for one in asked) else FaultOutcome.REFUSED
    if judge.problems:
        outcome = FaultOutcome.FAILED
    failovers = [one.failover_ms for one in asked if one.failover_ms is not None]
    return FaultResult(
        name=drill.name,
        outcome=outcome,
        route=last.receipt.route.id if last is not None and last.served and last.receipt.route else None,
        attempts=sum(len(one.calls) for one in asked),
        wasted=sum(one.wasted for one in asked),
        ms=sum(one.receipt.total_ms for one in asked),
        failover_ms=max(failovers, default=None),
        said=_said(asked),
        expected=drill.expects,
        calls=tuple(_call(attempt) for one in asked for attempt in one.receipt.attempts),
        problems=tuple(judge.problems),
        story=tuple(judge.story),
        remedy=judge.advice or _remedy(stage, judge),
    )


def _remedy(stage: Stage, judge: Judge) -> str:
    """What the user can do about what failed."""
    if not judge.problems:
        return ""
    most = stage.preferences.thresholds.max_attempts
    if any(not one.served and len(one.calls) >= most for one in stage.asked):
        return (
            f"a request is given up after {most} calls (thresholds.max_attempts): "
            f"`trunkline config set thresholds.max_attempts {max(6, most + 2)}`"
        )
    return "nothing that a configuration would change: report it with this drill's --json output"


def _said(asked: list[Asked]) -> str:
    """The first fault that a receipt names, in its own words, and until when it refuses."""
    for one in asked:
        fault = one.receipt.fault or next(
            (a.fault for a in one.receipt.attempts if a.fault is not None), None
        )
        if fault is not None:
            refused = one.receipt.fault is fault and fault.usable_at_ms is not None
            return f"{fault.message}; again at {iso(fault.usable_at_ms)}" if refused else fault.message
    return ""


def _why(asked: Asked) -> str:
    fault = asked.receipt.fault
    if fault is None:
        return "the answer is not whole" if asked.receipt.route is not None else "it ended without a word"
    return fault.message


def _call(attempt: Attempt) -> CallMade:
    why = attempt.fault.message if attempt.fault is not None else ""
    if attempt.outcome is AttemptOutcome.SHORT:
        why = "its allowance would not take the request: no call was made"
    return CallMade(attempt.route.id, attempt.outcome.value, attempt.ended_ms - attempt.started_ms, why)


def is_of_the_limit(asked: Asked) -> bool:
    """Whether the first thing that went wrong was taken for a limit."""
    first = next((a.fault for a in asked.receipt.attempts if a.fault is not None), None)
    return first is not None and first.kind in (FaultKind.RATE_MINUTE, FaultKind.QUOTA_WINDOW)
