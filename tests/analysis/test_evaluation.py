from __future__ import annotations

import pytest

from trunkline.analysis.evaluation import Judged, type_report


def judged(label: str, kind: str, confidence: float = 0.75, source: str = "s") -> Judged:
    return Judged(label, kind, confidence, source, kind == "simple" and confidence > 0.5)


def test_figures_are_those_that_a_person_counts() -> None:
    report = type_report(
        [
            judged("simple", "simple", 0.95, "a"),
            judged("simple", "coding", 0.35, "a"),
            judged("coding", "coding", 0.95, "b"),
            judged("coding", "simple", 0.95, "b"),
            judged("coding", "coding", 0.55, "b"),
            judged("audit", "coding", 0.15, "b"),
        ]
    )
    assert report is not None
    assert report.accuracy == pytest.approx(3 / 6)
    coding, simple, audit = (report.by_type[kind] for kind in ("coding", "simple", "audit"))
    assert (coding.n, coding.precision, coding.recall) == (3, 0.5, pytest.approx(2 / 3))
    assert (simple.precision, simple.recall, simple.f1) == (0.5, 0.5, 0.5)
    assert (audit.precision, audit.recall, audit.f1) == (None, 0.0, 0.0)
    assert report.macro_f1 == pytest.approx((2 * 0.5 * (2 / 3) / (0.5 + 2 / 3) + 0.5 + 0.0) / 3)
    assert report.simple.false_simple_rate == pytest.approx(1 / 4)
    assert {name: (of.n, of.accuracy) for name, of in report.by_source.items()} == {
        "a": (2, 0.5),
        "b": (4, 0.5),
    }
    sure = next(one for one in report.coverage if one.confidence == 0.9)
    assert (sure.share, sure.accuracy) == (0.5, pytest.approx(2 / 3))
    # Bins .1, .3, .5 and .9: of one, one, one and three prompts.
    assert [one.n for one in report.reliability] == [1, 1, 1, 3]
    assert report.calibration_error == pytest.approx((0.15 + 0.35 + 0.45 + 3 * abs(0.95 - 2 / 3)) / 6)


def test_a_type_that_is_judged_but_is_no_label_there_counts_against_the_others_only() -> None:
    report = type_report([judged("coding", "audit"), judged("coding", "coding")])
    assert report is not None
    assert set(report.by_type) == {"coding"}
    assert report.macro_f1 == pytest.approx(2 / 3)
    assert report.simple.precision is None
    assert report.simple.recall is None


def test_what_is_not_sure_enough_to_be_treated_as_simple_is_still_judged_so() -> None:
    report = type_report([judged("simple", "simple", 0.4), judged("coding", "simple", 0.4)])
    assert report is not None
    assert report.accuracy == 0.5
    assert (report.simple.recall, report.simple.false_simple_rate) == (0.0, 0.0)


def test_full_confidence_is_in_the_last_bin() -> None:
    report = type_report([judged("coding", "coding", 1.0), judged("coding", "coding", 0.0)])
    assert report is not None
    assert [(one.low, one.n) for one in report.reliability] == [(0.0, 1), (0.9, 1)]
    assert type_report([]) is None
