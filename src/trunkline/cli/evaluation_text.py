"""What an evaluation came to, for scripts and for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click

from trunkline.analysis.evaluation import TypeReport
from trunkline.analysis.value import QUALITY_KEPT, Outcome, ValueReport
from trunkline.cli.output import print_table

Json = dict[str, Any]
_DIGITS = 4


def evaluation_json(
    types: TypeReport | None,
    value: Mapping[str, Sequence[ValueReport]],
    ms: tuple[float, float],
    bad: int,
    unknown: int,
) -> Json:
    """`evaluate --json`; figures of labels are null and empty where the file has none. `value` is by signal and then
    by source, empty where the file has no costs. `ms` are the median and the 95th percentile of a prompt.
    `unknown` are prompts left out of all figures, since their labels are no task types."""
    shape: Json = {
        "n": 0,
        "accuracy": None,
        "macro_f1": None,
        "by_type": {},
        "by_source": {},
        "simple": {"precision": None, "recall": None, "false_simple_rate": None},
        "coverage": [],
        "calibration": {"ece": None, "bins": []},
    }
    if types is not None:
        shape = {
            "n": types.n,
            "accuracy": types.accuracy,
            "macro_f1": types.macro_f1,
            "by_type": {name: asdict(figures) for name, figures in types.by_type.items()},
            "by_source": {name: asdict(figures) for name, figures in types.by_source.items()},
            "simple": asdict(types.simple),
            "coverage": [asdict(one) for one in types.coverage],
            "calibration": {
                "ece": types.calibration_error,
                "bins": [asdict(one) for one in types.reliability],
            },
        }
    shape["ms_per_prompt"] = {"p50": ms[0], "p95": ms[1]}
    shape["value"] = {
        signal: {report.source: _value_json(report) for report in reports}
        for signal, reports in value.items()
    }
    shape["bad_lines"] = bad
    shape["unknown_labels"] = unknown
    rounded: Json = _rounded(shape)
    return rounded


def _value_json(report: ValueReport) -> Json:
    keys = ("n", "threshold", "weak_quality", "strong_quality")
    return {
        **{key: getattr(report, key) for key in keys},
        "frozen": asdict(report.chosen),
        "random_same_share": asdict(report.same_share),
        "random_same_quality": None if report.same_quality is None else asdict(report.same_quality),
        "gain_over_random": report.gain,
        "quality_kept": QUALITY_KEPT,
        "at_quality": asdict(report.at_goal),
        "random_at_quality": asdict(report.random_at_goal),
        "curve": [asdict(one) for one in report.curve],
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DIGITS) if abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list | tuple) else value


# -- for people -----------------------------------------------------------------------------------------------------


def print_types(types: TypeReport) -> None:
    """The figures of a labelled file."""
    click.echo(f"{types.n:,} prompts: accuracy {_figure(types.accuracy)}, macro-F1 {_figure(types.macro_f1)}")
    simple = types.simple
    click.echo(
        f"simple against the rest: precision {_figure(simple.precision)}, recall {_figure(simple.recall)}, "
        f"of the rest treated as simple {_percent(simple.false_simple_rate)}"
    )
    click.echo("")
    print_table(
        ("type", "n", "precision", "recall", "F1"),
        [
            [name, f"{of.n:,}", _figure(of.precision), _figure(of.recall), _figure(of.f1)]
            for name, of in types.by_type.items()
        ],
    )
    click.echo("")
    print_table(
        ("source", "n", "accuracy"),
        [[name, f"{of.n:,}", _figure(of.accuracy)] for name, of in types.by_source.items()],
    )
    click.echo("")
    print_table(
        ("confidence from", "share", "accuracy"),
        [[f"{one.confidence:.2f}", _percent(one.share), _figure(one.accuracy)] for one in types.coverage],
    )
    click.echo("")
    print_table(
        ("said", "n", "mean", "right"),
        [
            [f"{one.low:.1f}–{one.high:.1f}", f"{one.n:,}", _figure(one.confidence), _figure(one.accuracy)]
            for one in types.reliability
        ],
    )
    click.echo(f"expected calibration error {_figure(types.calibration_error)}")


def print_value(value: Mapping[str, Sequence[ValueReport]]) -> None:
    """Cost against quality, beside random choice, by each signal."""
    click.echo(
        "cost against quality: a threshold is frozen on one half of the prompts, the figures are of the other"
    )
    for signal, reports in value.items():
        click.echo(f"\nby {signal.replace('_', ' ')}:")
        _print_signal(reports)


def _print_signal(reports: Sequence[ValueReport]) -> None:
    print_table(
        (
            "source",
            "n",
            "weak",
            "strong",
            "to strong",
            "keeps",
            "saves",
            "random, same quality",
            "random, same share",
        ),
        [
            [
                report.source,
                f"{report.n:,}",
                _figure(report.weak_quality),
                _figure(report.strong_quality),
                _percent(report.chosen.strong_share),
                _percent(report.chosen.quality),
                _percent(report.chosen.saving),
                "–" if report.same_quality is None else f"saves {_percent(report.same_quality.saving)}",
                f"keeps {_percent(report.same_share.quality)}",
            ]
            for report in reports
        ],
    )
    click.echo("")
    for report in reports:
        click.echo(
            f"{report.source}: at {QUALITY_KEPT:.0%} of the strong model's quality {_saving(report.at_goal)}, "
            f"at random {_saving(report.random_at_goal)}; as frozen {100 * report.gain:+.1f} points over random choice"
        )


def _saving(outcome: Outcome) -> str:
    return f"saving {_percent(outcome.saving)}"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
