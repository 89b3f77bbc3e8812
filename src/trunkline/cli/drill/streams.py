"""Faults of the catalogue: streams that break, stall, crawl or are not right."""

from __future__ import annotations

from functools import partial
from typing import Any

from trunkline.cli.drill.judging import Drill, Judge
from trunkline.cli.drill.results import NotApplicableError
from trunkline.cli.drill.stage import Asked, Stage
from trunkline.domain.events import SeamKind
from trunkline.domain.routes import Prefill, Route

# Far enough into the text that what follows can be joined to it.
_AFTER = 8
# Quick enough not to be taken for a stall.
_PACE = 16.0


async def _broken(stage: Stage, judge: Judge, *, kind: str, **rule: Any) -> None:
    """The stream breaks after some text: another route carries it on or begins it anew."""
    target = await stage.find_target()
    elsewhere = await stage.alternative(target.id)
    await stage.arm(kind, at=target, **rule)
    asked = await stage.ask()
    if elsewhere is None:
        judge.expect(not asked.receipt.complete, "an answer that broke off should not be presented as whole")
        judge.only_one(target)
        return
    judge.served(asked)
    if asked.served:
        judge.expect(asked.receipt.route != target, f"it should not have been finished by {target}")
        judge.expect(
            bool(asked.seams) or asked.restarted, "where the answer was joined or begun anew should be shown"
        )
    judge.wasted(asked, 1)


async def _crawling(stage: Stage, judge: Judge) -> None:
    if stage.preferences.call_limits.least_tokens_per_s == 0:
        raise NotApplicableError("timeouts.least_tokens_per_s is 0: slow streams are never given up")
    target = await stage.find_target()
    if await stage.alternative(target.id) is None:
        await stage.arm("crawl", at=target, after=_AFTER, tokens_per_s=_PACE)
        judge.served(await stage.ask(), by=target)
        judge.only_one(target)
        return
    await _broken(stage, judge, kind="crawl", after=_AFTER, tokens_per_s=_PACE)


async def _cut_to(stage: Stage, judge: Judge, *, prefill: bool) -> None:
    """The stream is cut, and exactly one other route is left, which can or cannot be given a text to carry on."""
    target = await stage.find_target()
    other = await _other_route(stage, target, prefill=prefill)
    if other is None:
        can = "that takes a text to carry on (prefill)" if prefill else "without prefill"
        raise NotApplicableError(f"no other route here can serve such requests {can}")
    avoid = stage.all_but(target, other)
    await stage.arm("drop", at=target, after=_AFTER)
    asked = await stage.ask(avoid=avoid)
    judge.served(asked, by=other)
    judge.wasted(asked, 1)
    if prefill:
        judge.expect(_kinds(asked) == [SeamKind.PREFILL], "the text should have been carried on as it stands")
    else:
        joined = _kinds(asked) == [SeamKind.ANCHOR]
        judge.expect(
            joined or asked.restarted,
            "the text should have been joined at its last characters, or begun anew",
        )


def _kinds(asked: Asked) -> list[SeamKind]:
    return [seam.kind for seam in asked.seams]


async def _other_route(stage: Stage, target: Route, *, prefill: bool) -> Route | None:
    """The best of the other routes whose model can, or cannot, be given a text to carry on."""
    unfit = tuple(
        route.id
        for route in stage.routes()
        if route == target or (stage.model(route).prefill is not Prefill.NONE) is not prefill
    )
    return await stage.chosen(avoid=unfit)


async def _harmless(stage: Stage, judge: Judge, *, kind: str, **rule: Any) -> None:
    """Not right, but nothing is missing: the same route serves, at once."""
    target = await stage.find_target()
    await stage.arm(kind, at=target, **rule)
    asked = await stage.ask()
    judge.served(asked, by=target)
    judge.wasted(asked, 0)
    judge.expect(asked.receipt.total_ms < 1_500, "it should have finished promptly")


_ELSEWHERE = "another route carries it on or begins it anew, and shows where; nothing is lost or doubled"
DRILLS = (
    Drill(
        "stall",
        "a stream that stops in the middle and says no more",
        _ELSEWHERE,
        partial(_broken, kind="stall", after=_AFTER),
    ),
    Drill(
        "crawl",
        "a stream that drips more slowly than is allowed",
        f"{_ELSEWHERE}; read to its end where nobody else can serve",
        _crawling,
    ),
    Drill(
        "cut-prefill",
        "a stream is cut, and the next model takes a text to carry on",
        "the next model carries the text on as it stands",
        partial(_cut_to, prefill=True),
    ),
    Drill(
        "cut-anchor",
        "a stream is cut, and the next model takes no text to carry on",
        "the next model repeats the last characters, which are cut off, or begins anew",
        partial(_cut_to, prefill=False),
    ),
    Drill(
        "reset-in-stream",
        "a connection is reset in the middle of a stream",
        _ELSEWHERE,
        partial(_broken, kind="reset_stream", after=_AFTER),
    ),
    Drill(
        "truncated",
        "a stream that ends in the middle as if it were whole, with no reason",
        f"never presented as whole: {_ELSEWHERE}",
        partial(_broken, kind="no_finish", after=_AFTER),
    ),
    Drill(
        "error-in-stream",
        "an error inside a stream of status 200, after some text",
        _ELSEWHERE,
        partial(_broken, kind="error_in_stream", after=_AFTER),
    ),
    Drill(
        "malformed-event",
        "one event of a stream is no JSON",
        "skipped; the same route serves",
        partial(_harmless, kind="malformed_event"),
    ),
    Drill(
        "no-terminator",
        "a whole stream without its last mark",
        "finished promptly with the usage seen; the same route serves",
        partial(_harmless, kind="no_terminator"),
    ),
)
