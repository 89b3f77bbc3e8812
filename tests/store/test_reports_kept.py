"""What account endpoints told, kept for every process; and whose turn it is to ask."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.store.samples import opened
from tests.support.clock import START_MS

from trunkline.domain.checks import AccountReport, AllowanceShare, Balance
from trunkline.domain.faults import Fault, FaultKind, FaultScope
from trunkline.domain.limits import LimitReading, Metric, Window
from trunkline.store.reports_kept import KeptReport, claim, keep, kept_reports
from trunkline.store.store import Store

REPORT = AccountReport(
    readings=(LimitReading(Metric.COST, Window.parse("month"), 10**13, 5, None),),
    balance=Balance(12_500_000, "USD"),
    notes=("no credit was ever bought",),
    shares=(AllowanceShare("tokens", 42.5, Window.parse("session:5h"), START_MS, "m-*"),),
    fault=Fault(FaultKind.BILLING, FaultScope.ACCOUNT, "no_balance", "out of credit"),
)
TOLD = KeptReport("p", "main", START_MS, REPORT, START_MS - 5, 3, True, "mark")


async def ask(store: Store, at_ms: int, *, unless_since_ms: int, account: str = "main") -> bool:
    """Whether it is this process's turn."""
    return await store.write(
        partial(claim, provider="p", account=account, unless_asked_since_ms=unless_since_ms, now_ms=at_ms)
    )


async def test_a_report_comes_back_whole_and_an_older_one_does_not_replace_it(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        assert await store.ask(kept_reports()) == ()
        await store.write(partial(keep, kept=TOLD))
        await store.write(partial(keep, kept=KeptReport("p", "main", START_MS - 1)))
        [row] = await store.ask(kept_reports())
        assert row.read() == TOLD


async def test_of_two_processes_one_asks(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as one, opened(tmp_path / "t.db") as two:
        since_ms = START_MS - 60_000
        assert await ask(one, START_MS, unless_since_ms=since_ms)
        assert not await ask(two, START_MS + 1, unless_since_ms=since_ms + 1)
        assert await ask(two, START_MS + 1, unless_since_ms=since_ms, account="other")
        assert await ask(
            two, START_MS + 60_001, unless_since_ms=START_MS + 1
        )  # the first one never said more


async def test_who_claims_keeps_what_was_told_before(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        await store.write(partial(keep, kept=TOLD))
        assert await ask(store, START_MS + 60_000, unless_since_ms=START_MS + 1)
        [row] = await store.ask(kept_reports())
        assert (row.asked_at_ms, row.read().report) == (START_MS + 60_000, REPORT)


async def test_a_clock_set_back_keeps_nobody_from_asking(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        assert await ask(store, START_MS + 86_400_000, unless_since_ms=START_MS)
        assert await ask(store, START_MS, unless_since_ms=START_MS - 60_000)
        assert not await ask(store, START_MS, unless_since_ms=START_MS)
