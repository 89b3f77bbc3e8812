"""What is told to everybody, how often, and in which tone."""

from __future__ import annotations

from datetime import UTC

from tests.support.clock import START_MS, FakeClock

from trunkline.domain.events import BreakerChanged, Event
from trunkline.domain.faults import FaultKind, FaultScope
from trunkline.domain.state import Block
from trunkline.tui.log_book import LogBook
from trunkline.tui.news import ALERT_AGAIN_AFTER_MS, News


def block(target: str, failures: int, code: str = "connection_failed") -> Block:
    until_ms = START_MS + 1_000 * failures
    return Block(
        target,
        FaultScope.PROVIDER,
        FaultKind.NETWORK,
        code,
        "no connection",
        START_MS,
        until_ms,
        failures=failures,
    )


class Told:
    def __init__(self) -> None:
        self.clock, self.book = FakeClock(), LogBook()
        self.news = News(self.book, self.clock, UTC)

    def breaker(self, target: str, opened: Block | None) -> None:
        self.news.take(Event("", 1, self.clock.wall_ms(), BreakerChanged(target, opened)))

    def lines(self) -> list[str]:
        return [row.text for row in self.book.rows(zone=UTC)]


def test_a_breaker_that_opens_again_and_again_is_one_line_a_minute() -> None:
    told = Told()
    for failures in range(1, 9):
        told.breaker("kimi", block("kimi", failures))
    told.breaker("zai", block("zai", 1))
    assert sum("kimi set aside" in line for line in told.lines()) == 1
    assert sum("zai set aside" in line for line in told.lines()) == 1
    told.clock.advance(ALERT_AGAIN_AFTER_MS)
    told.breaker("kimi", block("kimi", 9))
    assert sum("kimi set aside" in line for line in told.lines()) == 2


def test_another_reason_is_told_at_once_and_the_same_one_after_it_was_free() -> None:
    told = Told()
    told.breaker("kimi", block("kimi", 1))
    told.breaker("kimi", block("kimi", 1, "server_error"))
    told.breaker("kimi", None)
    told.breaker("kimi", block("kimi", 1))
    lines = told.lines()
    assert sum("kimi set aside" in line for line in lines) == 3
    assert sum("kimi is free again" in line for line in lines) == 1
