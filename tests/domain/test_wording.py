"""What a person is told of a refusal, in a time zone of their own."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from tests.support.clock import START_MS

from trunkline.domain.faults import Fault, FaultKind, FaultScope
from trunkline.domain.state import Block
from trunkline.domain.wording import countdown, fault_reason, fault_sentence, refusal_sentence, resets

NOW_MS = START_MS  # Friday 20 November 2026, 12:00 UTC, 13:00 in Berlin
BERLIN = ZoneInfo("Europe/Berlin")
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
HIT = Block(
    "acme/a", FaultScope.ACCOUNT, FaultKind.QUOTA_WINDOW, "1308", "quota limit hit, resets at 2026-11-20T15:12:00Z",
    NOW_MS, NOW_MS + 192 * 60_000,
)  # fmt: skip


@pytest.mark.parametrize(
    ("left_ms", "words"),
    [
        (41_000, "resets in 41 s"),
        (28 * 60_000, "resets 13:28 (in 28 m)"),
        (192 * 60_000, "resets 16:12 (in 3 h 12 m)"),
        (14 * HOUR_MS, "resets Sat 03:00 (in 14 h)"),
        (52 * HOUR_MS, "resets Sun 17:00 (in 2 d 4 h)"),
        (13 * DAY_MS, "resets 3 Dec 13:00 (in 13 d)"),
        (0, "resets now"),
    ],
)
def test_when_an_allowance_renews(left_ms: int, words: str) -> None:
    assert resets(NOW_MS + left_ms, NOW_MS, BERLIN) == words


def test_a_fault_is_told_on_the_clocks_of_who_reads_it_and_not_in_utc() -> None:
    hit = Fault(HIT.kind, HIT.scope, HIT.code, HIT.message, usable_at_ms=HIT.until_ms)
    assert fault_sentence(hit, NOW_MS, BERLIN) == "quota limit hit, resets 16:12"
    assert fault_reason(hit) == "quota limit hit"
    unsaid = replace(hit, message="quota limit hit, no reset stated", usable_at_ms=None)
    assert fault_sentence(unsaid, NOW_MS, BERLIN) == "quota limit hit"
    busy = replace(hit, message="the provider is overloaded")
    assert fault_sentence(busy, NOW_MS, BERLIN) == "the provider is overloaded"


def test_a_countdown_never_says_less_than_is_left() -> None:
    assert [countdown(ms) for ms in (1, 59_001, 60_001, 3_599_001, -5)] == ["1 s", "1 m", "2 m", "1 h", "0 s"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "quota limit hit, resets 16:12 (in 3 h 12 m)"),
        ({"message": "rate limit hit, no reset stated", "until_ms": NOW_MS + 12_000},
         "rate limit hit, tried again in 12 s"),
        ({"kind": FaultKind.BILLING, "message": "out of credit", "until_ms": NOW_MS + HOUR_MS},
         "out of credit, tried again 14:00 (in 1 h)"),
        ({"kind": FaultKind.AUTH, "message": "key rejected", "until_ms": None}, "key rejected, until you act"),
        ({"half_open": True}, "quota limit hit, the next request tries it"),
        ({"until_ms": NOW_MS - 1}, "quota limit hit, the next request tries it"),
    ],
)  # fmt: skip
def test_a_refusal_in_words(change: dict[str, object], words: str) -> None:
    assert refusal_sentence(replace(HIT, **change), NOW_MS, BERLIN) == words  # type: ignore[arg-type]  # fields by name
