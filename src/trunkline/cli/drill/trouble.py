"""Faults of the catalogue: servers that fail, connections that break, providers that are gone."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from trunkline.cli.drill.configuration import FIRST_TOKEN_MS
from trunkline.cli.drill.judging import Drill, Judge
from trunkline.cli.drill.results import NotApplicableError
from trunkline.cli.drill.stage import AGENT, Asked, Stage
from trunkline.domain.routes import Route

_OUTAGE_MS = 1_200.0
_FLAPS = 8
_LIMITED_S = 3_600.0


async def _once(stage: Stage, judge: Judge, *, kind: str, **rule: Any) -> None:
    """It goes wrong once: the quick retry on the same route serves."""
    target = await stage.find_target()
    await stage.arm(kind, at=target, first=1, **rule)
    asked = await stage.ask()
    judge.served(asked, by=target)
    judge.wasted(asked, 1, least=1)


async def _lasting(
    stage: Stage, judge: Judge, *, kind: str, most: int = 2, of_provider: bool = False, **rule: Any
) -> None:
    """One route goes on failing: at most one quick retry there, then somebody else. `of_provider`: the failure says of
    the whole provider that it is not to be reached."""
    target = await stage.find_target()
    elsewhere = await stage.alternative(target.provider if of_provider else target.id)
    await stage.arm(kind, at=target, **rule)
    asked = await stage.ask()
    if elsewhere is not None:
        judge.served_elsewhere(asked, target)
    else:
        judge.expect(not asked.served, "nobody could have served this truly")
        judge.only_one(target)
    if elsewhere is not None:
        judge.wasted(asked, most)


async def _unreachable(stage: Stage, judge: Judge) -> None:
    """Nobody listens at the provider's address."""
    target = await stage.find_target()
    elsewhere = await stage.alternative(target.provider)
    asked = await stage.ask()
    if elsewhere is not None:
        judge.served_elsewhere(asked, target)
        judge.wasted(asked, 2)
    else:
        judge.expect(not asked.served, "nobody could have served this truly")
        judge.only_one(target)
    again = await stage.ask()
    if elsewhere is not None:
        judge.served_elsewhere(again, target)


async def _slow(stage: Stage, judge: Judge) -> None:
    """Slow, but within what is allowed: it is waited for."""
    target = await stage.find_target()
    await stage.arm("slow_first_token", at=target, ms=FIRST_TOKEN_MS * 0.5)
    asked = await stage.ask()
    judge.served(asked, by=target)
    judge.wasted(asked, 0)


async def _flapping(stage: Stage, judge: Judge) -> None:
    target = await stage.find_target()
    await stage.arm("http", provider=target.provider, status=503, every=2)
    for _ in range(_FLAPS):
        asked = await stage.ask()
        judge.served(asked)
        judge.wasted(asked, 1)


async def _two_down(stage: Stage, judge: Judge) -> None:
    """The two providers that would be asked first are gone."""
    target = await stage.find_target()
    second = await stage.alternative(target.provider)
    if second is None:
        raise NotApplicableError(f"only {target.provider} can serve such requests here")
    third = await stage.alternative(target.provider, second.provider)
    if third is None:
        raise NotApplicableError(f"only {target.provider} and {second.provider} can serve such requests here")
    for provider in (target.provider, second.provider):
        await stage.arm("reset", provider=provider, name=f"gone-{provider}")
    for _ in range(2):
        asked = await stage.ask()
        judge.served(asked)
        _not_from(judge, asked.receipt.route, target.provider, second.provider)
    first, second_time = stage.asked
    known = set(first.calls) - {first.receipt.route}
    judge.expect(not known & set(second_time.calls), "what is known to be gone should not be asked again")
    judge.wasted(second_time, 3)


def _not_from(judge: Judge, route: Route | None, *gone: str) -> None:
    judge.expect(
        route is None or route.provider not in gone, f"{' and '.join(gone)} are gone: somebody else serves"
    )


async def _down_then_back(stage: Stage, judge: Judge) -> None:
    """Nobody can serve for a moment; who is not in a hurry waits, and is served when they are back."""
    await stage.find_target(origin=AGENT)
    await stage.arm("http", status=503, wrong="overloaded")
    asked = await _asked_until_back(stage, judge, _OUTAGE_MS)
    judge.expect(asked.waited, "it should have been parked or have waited, and said so")


async def _limited_then_back(stage: Stage, judge: Judge) -> None:
    """Everybody states the same reset: it is waited for."""
    await stage.find_target(origin=AGENT)
    await stage.arm("limited", hint="short", wait_s=2.0)
    asked = await _asked_until_back(stage, judge, 1_500.0)
    judge.expect(asked.waited, "it should have been parked until the reset, and said so")


async def _asked_until_back(stage: Stage, judge: Judge, after_ms: float) -> Asked:
    """Ask without hurry while everybody recovers `after_ms` from now."""
    recovery = asyncio.create_task(stage.recover_after(after_ms))
    try:
        asked = await stage.ask(origin=AGENT, park=True)
    finally:
        recovery.cancel()
    judge.served(asked)
    return asked


async def _nobody(stage: Stage, judge: Judge) -> None:
    """Everybody is out of allowance for an hour, and a person sits waiting."""
    await stage.find_target()
    await stage.arm("limited", wait_s=_LIMITED_S)
    asked = await stage.ask()
    judge.refused_rightly(asked)
    fault = asked.receipt.fault
    until_ms = None if fault is None else fault.usable_at_ms
    if until_ms is not None:
        in_s = (until_ms - asked.receipt.started_at_ms) / 1000
        judge.expect(
            0 < in_s <= _LIMITED_S + 5, f"the reset is in {_LIMITED_S:.0f} s, it says in {in_s:.0f} s"
        )
    again = await stage.ask()
    judge.refused_rightly(again)
    judge.expect(
        not set(again.calls) & set(asked.calls),
        "who is known to be out of allowance should not be asked again",
    )


_NEXT = "one quick retry on the same route at most, then the next"
DRILLS = (
    Drill(
        "error-once",
        "a 500, once",
        "served by the same route after one quick retry",
        partial(_once, kind="http", status=500),
    ),
    Drill(
        "unavailable",
        "a route that answers 503 to everything",
        _NEXT,
        partial(_lasting, kind="http", status=503),
    ),
    Drill(
        "overloaded",
        "a route that answers 529 to everything",
        _NEXT,
        partial(_lasting, kind="http", status=529, wrong="overloaded"),
    ),
    Drill(
        "unreachable",
        "connections to a provider are refused",
        "another provider at once; it is not asked again soon",
        _unreachable,
        unreachable=True,
    ),
    Drill("reset", "connections are reset before a byte of reply", _NEXT, partial(_lasting, kind="reset")),
    Drill(
        "reset-once",
        "one connection is reset before a byte of reply",
        "served by the same route after one quick retry",
        partial(_once, kind="reset"),
    ),
    Drill(
        "silence",
        "a connection on which nothing ever comes",
        "the next route once the limit of the first token has passed; the silent one is not asked again",
        partial(_lasting, kind="silence", most=1),
    ),
    Drill(
        "silent-stream",
        "a stream that begins and then says nothing",
        "the next route once the limit of the first token has passed; the silent one is not asked again",
        partial(_lasting, kind="silence", most=1, head=True),
    ),
    Drill("slow-first-token", "a first token that comes late, but within its limit", "waited for", _slow),
    Drill(
        "web-page",
        "a web page of status 200 in place of an answer",
        "the next route at once",
        partial(_lasting, kind="html", most=1, of_provider=True),
    ),
    Drill(
        "error-in-200",
        "an error of status 200 in place of an answer",
        _NEXT,
        partial(_lasting, kind="error_in_200"),
    ),
    Drill(
        "flapping",
        f"a provider of which every other call fails, for {_FLAPS} requests",
        "every request served, with one wasted call at most",
        _flapping,
    ),
    Drill(
        "two-providers-down",
        "the two providers asked first are gone",
        "the third serves",
        _two_down,
        long_blocks=True,
    ),
    Drill(
        "all-down-then-back",
        "every provider answers 503 for a second; an agent asks, and may be kept waiting",
        "it waits, says so, and is served when they are back",
        _down_then_back,
    ),
    Drill(
        "all-limited-then-back",
        "every provider states a reset in two seconds; an agent asks, and may be kept waiting",
        "it waits for the reset, says so, and is served",
        _limited_then_back,
    ),
    Drill(
        "nobody-can-serve",
        "every route is out of allowance for an hour; a person asks",
        "refused, with the moment at which somebody is free again; nobody is asked twice",
        _nobody,
    ),
)
