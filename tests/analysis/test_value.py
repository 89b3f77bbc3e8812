from __future__ import annotations

import random
from dataclasses import replace

import pytest

from trunkline.analysis.value import QUALITY_KEPT, SIGNALS, Valued, _is_reported, value_report, value_reports

BY_COMPLEXITY = SIGNALS["complexity"]


def prompts(number: int, *, telling: float, source: str = "s", seed: int = 1) -> list[Valued]:
    """Half of them need the strong model; that shows in the complexity with the share `telling`. All cost the same."""
    draw = random.Random(seed)
    made = []
    for n in range(number):
        hard = n % 2 == 0
        shown = hard if draw.random() < telling else draw.random() < 0.5
        complexity = (0.7 if shown else 0.2) + draw.random() / 10
        made.append(Valued(f"{source}{n}", source, complexity, 100, 0.0 if hard else 1.0, 1.0, 0.1, 1.0))
    return made


def test_a_signal_that_tells_all_saves_what_the_easy_ones_cost() -> None:
    report = value_report("s", prompts(4_000, telling=1.0), BY_COMPLEXITY)
    assert report is not None
    assert report.n == pytest.approx(2_000, abs=150)
    assert report.chosen.quality == pytest.approx(QUALITY_KEPT, abs=0.02)
    # Nine tenths of half of the prompts are sent: 45 %.
    assert report.chosen.strong_share == pytest.approx(0.45, abs=0.02)
    assert report.same_quality is not None
    assert report.same_quality.strong_share == pytest.approx(0.9, abs=0.03)
    assert report.gain == pytest.approx(0.9 * 0.45, abs=0.04)
    assert report.random_at_goal.saving == pytest.approx(0.1 * 0.9, abs=0.01)
    assert report.same_share.quality == pytest.approx(0.5 + 0.5 * report.chosen.strong_share, abs=0.02)


def test_a_signal_that_tells_nothing_is_no_better_than_random() -> None:
    report = value_report("s", prompts(6_000, telling=0.0), BY_COMPLEXITY)
    assert report is not None
    assert report.gain == pytest.approx(0.0, abs=0.04)
    assert all(point.quality == pytest.approx(point.random_quality, abs=0.03) for point in report.curve)


def test_the_threshold_comes_from_one_half_and_the_figures_from_the_other() -> None:
    told = prompts(400, telling=1.0)
    before = value_report("s", told, BY_COMPLEXITY)
    turned = [
        replace(one, weak_quality=one.strong_quality, strong_quality=one.weak_quality)
        if _is_reported(one.id)
        else one
        for one in told
    ]
    after = value_report("s", turned, BY_COMPLEXITY)
    assert before is not None
    assert after is not None
    assert after.threshold == before.threshold
    assert after.chosen.quality != before.chosen.quality


def test_with_one_price_for_long_and_short_the_signal_per_token_is_that_of_the_tokens() -> None:
    short = Valued("a", "s", 0.5, 10, 0, 1, 0, 1)
    long = Valued("b", "s", 0.5, 1_000, 0, 1, 0, 1)
    assert SIGNALS["complexity_per_token"](short) > SIGNALS["complexity_per_token"](long)


def test_sources_are_reported_by_family_and_what_cannot_be_is_left_out() -> None:
    told = prompts(60, telling=1.0, source="mmlu:law") + prompts(60, telling=1.0, source="mmlu:physics")
    free = [Valued(f"f{n}", "free", 0.1, 1, 1, 1, 0, 0) for n in range(40)]
    reports = value_reports([*told, *free, prompts(1, telling=1.0, source="lonely")[0]], BY_COMPLEXITY)
    assert [report.source for report in reports] == ["mmlu"]
    assert value_report("none", [], BY_COMPLEXITY) is None
    # Where the weak one is as good as the strong one, nothing is sent up.
    same = [Valued(f"w{n}", "w", n / 40, 1, 1, 1, 0.1, 1) for n in range(40)]
    (report,) = value_reports(same, BY_COMPLEXITY)
    assert report.chosen.strong_share == 0.0
    assert report.chosen.saving == pytest.approx(0.9)
