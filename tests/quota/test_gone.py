"""A model that its provider says is gone, for one account: retired there until a person acts or it answers again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.quota.scenes import NOW_MS, SetLedger, account, account_view, catalogue, fault, route
from tests.store.samples import opened

from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.preferences import Config, Preferences, Thresholds
from trunkline.domain.snapshot import Status
from trunkline.domain.state import Block
from trunkline.domain.tasks import Priority, Task, Tier
from trunkline.quota.tracker import QuotaTracker
from trunkline.routing import RoutingAsk, compile_policy, decide

YEAR_MS = 365 * 86_400_000
WHERE = catalogue(account("a", key="OLD"), account("b"))
GONE: Fault = replace(fault(FaultKind.ENTITLEMENT, FaultScope.MODEL), code=FaultCode.MODEL_GONE)


def told(gone: Fault = GONE) -> QuotaTracker:
    tracker = QuotaTracker(WHERE, SetLedger(), Thresholds())
    tracker.faulted(route("a", "small"), gone, NOW_MS, 0.5)
    return tracker


def rejected(tracker: QuotaTracker, at_ms: int = NOW_MS) -> list[tuple[str, str]]:
    task = Task("coding", 0.9, 0.5, Tier.T2, 10, 10, Priority.MEDIUM)
    policy = compile_policy(Config("test", WHERE, Preferences()))
    decision = decide(RoutingAsk(task), policy, tracker.routing_state(at_ms))
    return [(one.route, one.code.value) for one in decision.rejected]


RETIRED = [("acme/a/small", "retired")]


@pytest.mark.parametrize(
    "gone",
    [GONE, replace(GONE, usable_at_ms=NOW_MS + 60_000), replace(GONE, kind=FaultKind.BAD_REQUEST)],
    ids=["no wait stated", "a stated wait means nothing", "a fault of the request blocks nothing"],
)
def test_waiting_does_not_bring_it_back(gone: Fault) -> None:
    expected = [] if gone.kind is FaultKind.BAD_REQUEST else RETIRED
    assert rejected(told(gone)) == expected
    assert rejected(told(gone), NOW_MS + YEAR_MS) == expected


def test_it_is_never_tried() -> None:
    tracker = told()
    assert not tracker.try_half_open(route("a", "small"), NOW_MS + YEAR_MS)
    assert tracker.try_half_open(route("a", "large"), NOW_MS + YEAR_MS)
    assert tracker.try_half_open(route("b", "small"), NOW_MS + YEAR_MS)


async def test_it_survives_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        for block in told().blocks():
            store.save_block(block)
    async with opened(tmp_path / "t.db") as store:
        kept = await store.blocks()
    again = QuotaTracker(WHERE, SetLedger(), Thresholds())
    again.restore(kept, ())
    assert rejected(again) == RETIRED


@pytest.mark.parametrize("target", [None, "acme", "acme/a", "acme/a/small"])
def test_a_reset_brings_it_back(target: str | None) -> None:
    tracker = told()
    assert tracker.clear(target) == ("acme/a/small",)
    assert rejected(tracker) == []


def test_another_key_may_have_it() -> None:
    tracker = told()
    tracker.use_config(catalogue(account("a", key="NEW"), account("b")), Thresholds())
    assert rejected(tracker) == []


def test_an_answer_disproves_it_though_the_call_began_before() -> None:
    tracker = told()
    tracker.began(route("a", "small"), NOW_MS)
    assert tracker.succeeded(route("a", "small"), NOW_MS + 1, total_ms=5.0) == ("acme/a/small",)
    assert rejected(tracker) == []


def test_an_answer_of_another_model_disproves_nothing() -> None:
    tracker = told()
    assert tracker.succeeded(route("a", "large"), NOW_MS + 1, total_ms=5.0) == ()
    assert rejected(tracker) == RETIRED


def test_an_account_with_nothing_left_to_serve_is_down() -> None:
    tracker = told()
    assert account_view(tracker, "a", NOW_MS).status is Status.HEALTHY
    tracker.faulted(route("a", "large"), GONE, NOW_MS, 0.5)
    view = account_view(tracker, "a", NOW_MS)
    assert view.status is Status.DOWN
    assert isinstance(view.block, Block)
    assert view.block.code == FaultCode.MODEL_GONE
