"""The tables of the training report, in Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from trunkline.analysis.training.measure import (
    Outcome,
    accuracy,
    complexity_areas,
    coverage,
    f1_by_type,
    macro_f1,
    reliability,
    simple_against_rest,
    sure_from,
)
from trunkline.domain.tasks import TASK_TYPES

# Where a share of so many judgements is to be right, this is how many can be relied on.
_RIGHT = 0.95


def report(chosen: Outcome, reported: Outcome, mix: Outcome, others: Sequence[tuple[str, Outcome]]) -> str:
    """All tables: `chosen` and `reported` are held-out predictions under the two groupings of sources, `mix` half
    from unseen sources, `others` what the model trained on everything says of prompts outside of the labelled file, by
    name."""
    sure = sure_from(chosen, _RIGHT)
    named = (("grouping 1 (chosen on)", chosen), ("grouping 2", reported), ("mix, half unseen", mix))
    parts = ["## Tables\n", "Families of sources count for at most 150 rows per type.\n"]
    parts += ["| split | rows | accuracy | macro-F1 |", "|---|---|---|---|"]
    parts += [
        f"| {name} | {len(outcome.rows)} | {accuracy(outcome):.3f} | {macro_f1(outcome):.3f} |"
        for name, outcome in named
    ]
    for name, outcome in named:
        parts += ["", *_table(name, outcome, sure)]
    parts += ["", "### Sources that were not seen", "", *_sources(chosen, reported)]
    parts += ["", "### Confusion, grouping 2 (rows: truth, columns: said)", "", *_confusion(reported)]
    parts += [
        "",
        "### Complexity, area under the curve",
        "",
        "| what | grouping 1 | grouping 2 |",
        "|---|---|---|",
    ]
    first, second = complexity_areas(chosen), complexity_areas(reported)
    parts += [
        f"| {name} | {area:.2f} | {second[name]:.2f} |" for name, area in first.items() if name in second
    ]
    for name, outcome in others:
        parts += ["", *_table(name, outcome, sure), "", *_groups(outcome)]
    return "\n".join(parts) + "\n"


def _table(name: str, outcome: Outcome, sure: float) -> list[str]:
    covered, right = coverage(outcome, sure)
    figures = (
        f"Accuracy {accuracy(outcome):.3f}, macro-F1 {macro_f1(outcome):.3f}. From a confidence of {sure:.3f} on, the "
        f"least for {_RIGHT} right in grouping 1: {right:.3f} right at {covered:.1%} coverage."
    )
    return [f"### {name}", "", figures, "", *_thresholds(outcome), "", *_reliability(outcome)]


def _thresholds(outcome: Outcome) -> list[str]:
    lines = [
        "| confidence at least | coverage | right | non-simple called simple | simple caught |",
        "|---|---|---|---|---|",
    ]
    for least in (0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        covered, right = coverage(outcome, least)
        wrong, caught = simple_against_rest(outcome, least)
        lines.append(f"| {least:.1f} | {covered:.2f} | {right:.3f} | {wrong:.3f} | {caught:.3f} |")
    scores = ", ".join(f"{kind} {score:.2f}" for kind, score in f1_by_type(outcome))
    return [*lines, "", f"F1: {scores}."]


def _reliability(outcome: Outcome) -> list[str]:
    bins, error = reliability(outcome)
    cells = "; ".join(f"{said:.2f} → {right:.2f} ({share:.0%})" for said, right, share in bins)
    return [
        f"Reliability (mean confidence → share right, share of rows): {cells}. Expected calibration error {error:.3f}."
    ]


def _sources(chosen: Outcome, reported: Outcome) -> list[str]:
    by_family = [_by_family(outcome) for outcome in (chosen, reported)]
    lines = ["| family | rows | grouping 1 | grouping 2 | taken for (grouping 2) |", "|---|---|---|---|---|"]
    for family in sorted(by_family[0]):
        rows, right, _ = by_family[0][family]
        _, again, wrong = by_family[1][family]
        lines.append(f"| {family} | {rows} | {right:.2f} | {again:.2f} | {wrong} |")
    return lines


def _by_family(outcome: Outcome) -> dict[str, tuple[int, float, str]]:
    said = outcome.shares.argmax(1)
    rows: dict[str, list[bool]] = {}
    wrong: dict[str, Counter[str]] = {}
    for row, at in zip(outcome.rows, said, strict=True):
        right = TASK_TYPES[at] == row.type
        rows.setdefault(row.family, []).append(right)
        if not right:
            wrong.setdefault(row.family, Counter())[f"{row.type} as {TASK_TYPES[at]}"] += 1
    return {
        family: (
            len(hits),
            sum(hits) / len(hits),
            ", ".join(f"{what} {count}" for what, count in wrong.get(family, Counter()).most_common(3)),
        )
        for family, hits in rows.items()
    }


def _groups(outcome: Outcome) -> list[str]:
    lines = ["| group | rows | right | taken for |", "|---|---|---|---|"]
    for name, (rows, right, wrong) in sorted(_by_family(outcome).items()):
        lines.append(f"| {name} | {rows} | {right:.2f} | {wrong} |")
    return lines


def _confusion(outcome: Outcome) -> list[str]:
    cells = Counter(
        (row.type, TASK_TYPES[at]) for row, at in zip(outcome.rows, outcome.shares.argmax(1), strict=True)
    )
    lines = ["| |" + "|".join(kind[:6] for kind in TASK_TYPES) + "|", "|---" * (len(TASK_TYPES) + 1) + "|"]
    for kind in TASK_TYPES:
        if any(cells[kind, other] for other in TASK_TYPES):
            lines.append(f"| {kind} | " + " | ".join(str(cells[kind, other]) for other in TASK_TYPES) + " |")
    return lines
