"""Intervals learned from reported usage."""

from __future__ import annotations

import random

import pytest

from trunkline.analysis.correction import Correction, factors_of, observed

DAY_MS = 86_400_000


def learned(ratios: list[float], weight: float = 1.0) -> Correction:
    correction = Correction()
    for number, ratio in enumerate(ratios):
        correction = correction.seen(ratio, weight, number)
    return correction


@pytest.mark.parametrize("margin", [1.0, 1.1, 1.5])
def test_with_nothing_seen_the_upper_end_is_the_margin(margin: float) -> None:
    assert factors_of(Correction(), margin).upper == margin


def test_what_was_seen_narrows_the_interval_around_it() -> None:
    uppers = [factors_of(learned([1.0] * seen), 1.1).upper for seen in (0, 1, 5, 50)]
    assert uppers == sorted(uppers, reverse=True)
    assert uppers[-1] < 1.02


def test_a_provider_that_counts_otherwise_gets_a_wide_interval_first() -> None:
    after = {seen: factors_of(learned([1.4] * seen), 1.1) for seen in (1, 5, 50)}
    assert all(factors.upper > 1.4 for factors in after.values())
    assert after[1].upper > after[5].upper - 0.05 > after[50].upper
    assert after[50].mean == pytest.approx(1.4, abs=0.01)
    assert after[50].upper < 1.55
    assert factors_of(learned([0.8] * 50), 1.1).upper < 0.9


def test_the_upper_end_holds_for_nineteen_of_twenty_prompts() -> None:
    chance = random.Random(3)
    ratios = [max(0.5, chance.gauss(1.2, 0.15)) for _ in range(4_000)]
    upper = factors_of(learned(ratios[:2_000]), 1.1).upper
    assert 0.93 < sum(ratio <= upper for ratio in ratios[2_000:]) / 2_000 < 0.98


def test_a_provider_that_changes_is_followed() -> None:
    correction = learned([1.0] * 500 + [1.5] * 500)
    assert correction.weight == pytest.approx(200, rel=0.02)
    assert factors_of(correction, 1.1).mean == pytest.approx(1.46, abs=0.03)


def test_what_was_seen_long_ago_counts_less() -> None:
    old = learned([1.5] * 20)
    assert old.seen(1.0, 1.0, 140 * DAY_MS).weight == pytest.approx(1.0, abs=0.05)
    assert old.seen(1.0, 1.0, -DAY_MS).as_of_ms == old.as_of_ms  # a clock that went back


@pytest.mark.parametrize(
    ("counted", "reported", "expected"),
    [
        (1_000, 1_100, (1.1, 1.0)),
        (100, 120, (1.2, 0.25)),
        (1_000, None, None),
        (1_000, 0, None),
        (1_000, 399, None),
        (1_000, 3_001, None),
        (39, 40, None),
        (0, 10, None),
    ],
)
def test_junk_teaches_nothing(
    counted: int, reported: int | None, expected: tuple[float, float] | None
) -> None:
    assert observed(counted, reported) == expected


def test_factors_stay_in_bounds() -> None:
    assert factors_of(learned([0.4, 3.0] * 20), 3.0).upper == 3.0
    assert factors_of(Correction(50, 15, 4.5, 0), 1.0).upper == 0.5
