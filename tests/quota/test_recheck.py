"""What an account's report says of a block."""

from __future__ import annotations

import pytest

from trunkline.domain.checks import AccountReport, AllowanceShare, Balance
from trunkline.domain.faults import Fault, FaultKind, FaultScope
from trunkline.domain.limits import LimitReading, LimitScope, Metric, Window
from trunkline.domain.state import Block
from trunkline.quota.breaker import DAY_MS, HOUR_MS, MINUTE_MS
from trunkline.quota.recheck import Says, Verdict, disproves_now, verdict, worth_a_check

NOW_MS = 1_795_176_000_000
FIVE_HOURS, WEEK, DAY = (Window.parse(text) for text in ("session:5h", "session:7d", "day"))
SERVED = ("glm", "m-1", "m-2", "x:free")
FREE, NOTHING = Verdict(Says.FREE), Verdict(Says.NOTHING)


def block(kind: FaultKind = FaultKind.QUOTA_WINDOW, target: str = "p/main", lasts_ms: int = HOUR_MS) -> Block:
    return Block(
        target, FaultScope.ACCOUNT, kind, "c", "A sentence.", NOW_MS - HOUR_MS, NOW_MS - HOUR_MS + lasts_ms
    )


def share(
    percent: float, in_ms: int | None = HOUR_MS, window: Window | None = FIVE_HOURS, model: str | None = None
) -> AllowanceShare:
    return AllowanceShare("tokens", percent, window, None if in_ms is None else NOW_MS + in_ms, model)


def left(remaining: int | None, window: Window = DAY, model: str | None = None) -> LimitReading:
    return LimitReading(
        Metric.REQUESTS, window, 50, remaining, NOW_MS + 2 * HOUR_MS, LimitScope.ACCOUNT, model=model
    )


def used_up(in_ms: int) -> Verdict:
    return Verdict(Says.USED_UP, NOW_MS + in_ms)


OUT = Fault(FaultKind.BILLING, FaultScope.ACCOUNT, "no_balance", "out of credit")

ALLOWANCES: list[tuple[tuple[AllowanceShare | LimitReading, ...], str, Verdict]] = [
    ((), "p/main", NOTHING),
    ((share(40), share(80, DAY_MS, WEEK)), "p/main", FREE),
    ((share(100), share(80, DAY_MS, WEEK)), "p/main", used_up(HOUR_MS)),
    ((share(100), share(120, DAY_MS, WEEK)), "p/main", used_up(DAY_MS)),
    ((share(100, 400 * DAY_MS),), "p/main", used_up(6 * HOUR_MS)),  # longer than its window cannot be
    ((share(100, -1),), "p/main", FREE),  # a figure of the session before
    ((share(100, None),), "p/main", used_up(10 * MINUTE_MS)),
    ((left(0), left(7, WEEK)), "p/main", used_up(2 * HOUR_MS)),
    ((left(None),), "p/main", NOTHING),
    ((left(0, Window.parse("60s")),), "p/main", NOTHING),
    # Of single models.
    ((share(100, model="m-*"), share(10, model="glm")), "p/main", FREE),
    ((share(100, model="m-*"), share(100, 2 * HOUR_MS, model="glm")), "p/main", used_up(HOUR_MS)),
    ((share(100, model="m-*"), share(10, model="glm")), "p/main/m-1", used_up(HOUR_MS)),
    ((share(100, model="m-*"), share(10, model="glm")), "p/main/glm", FREE),
    ((share(100, model="m-*"), share(10, model="speech")), "p/main", used_up(HOUR_MS)),  # not served here
    ((share(10),), "p/main/glm", NOTHING),  # the account has some left; the model may not
    ((share(100),), "p/main/glm", used_up(HOUR_MS)),
    ((left(0, model="*:free"),), "p/main/x:free", used_up(2 * HOUR_MS)),
]


@pytest.mark.parametrize(("told", "target", "expected"), ALLOWANCES)
def test_of_allowances(
    told: tuple[AllowanceShare | LimitReading, ...], target: str, expected: Verdict
) -> None:
    report = AccountReport(
        readings=tuple(one for one in told if isinstance(one, LimitReading)),
        shares=tuple(one for one in told if isinstance(one, AllowanceShare)),
        balance=Balance(0, "USD"),  # which says nothing of a plan
    )
    assert verdict(block(target=target), report, NOW_MS, SERVED) == expected


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (AccountReport(balance=Balance(1, "USD")), FREE),
        (AccountReport(balance=Balance(0, "USD")), used_up(HOUR_MS)),
        (AccountReport(balance=Balance(5, "USD"), fault=OUT), used_up(HOUR_MS)),
        (AccountReport(shares=(share(100),)), NOTHING),
    ],
)
def test_of_money(report: AccountReport, expected: Verdict) -> None:
    assert verdict(block(FaultKind.BILLING), report, NOW_MS, SERVED) == expected


@pytest.mark.parametrize(
    "kind", [kind for kind in FaultKind if kind not in (FaultKind.BILLING, FaultKind.QUOTA_WINDOW)]
)
def test_of_anything_else_it_says_nothing_and_is_not_asked(kind: FaultKind) -> None:
    report = AccountReport(shares=(share(100),), balance=Balance(0, "USD"))
    assert verdict(block(kind), report, NOW_MS, SERVED) == NOTHING
    assert not worth_a_check(block(kind))


def test_a_block_of_a_minute_or_more_of_an_account_or_a_route_is_worth_a_check() -> None:
    assert worth_a_check(block(lasts_ms=MINUTE_MS))
    assert worth_a_check(block(target="p/main/glm"))
    assert not worth_a_check(block(lasts_ms=MINUTE_MS - 1))
    assert not worth_a_check(block(target="p"))


def test_the_more_often_a_block_proved_right_the_later_it_is_doubted() -> None:
    waits = []
    for failures in range(1, 9):
        held = Block(
            "p/main", FaultScope.ACCOUNT, FaultKind.BILLING, "c", "S.", NOW_MS, None, failures=failures
        )
        waits.append(next(m for m in range(61) if disproves_now(held, NOW_MS + m * MINUTE_MS)))
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]
