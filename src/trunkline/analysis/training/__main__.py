"""Train the task model: `python -m trunkline.analysis.training prompts.jsonl.gz --out task_model.bin`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from trunkline.analysis.training.data import (
    CHOOSING,
    OWN,
    REPORTING,
    Row,
    labelled_rows,
    natural_rows,
    own_rows,
    weak_spot_rows,
)
from trunkline.analysis.training.fit import Fitted, Vectors, fit, load_vectors, packed
from trunkline.analysis.training.measure import Outcome, temperature_of
from trunkline.analysis.training.report import report


def held_out(rows: Sequence[Row], folds: Sequence[Sequence[str]], vectors: Vectors) -> Outcome:
    """Predictions of every labelled row by a model that saw no source of its fold."""
    judged: list[Row] = []
    totals = []
    for fold in folds:
        seen = [row for row in rows if row.family not in fold]
        unseen = [row for row in rows if row.family in fold]
        totals.append(fit(seen, vectors).totals(unseen))
        judged += unseen
    return Outcome(judged, np.concatenate(totals))


def main() -> None:
    """Cross-validate, train on everything, write the model and the report."""
    given = _arguments()
    vectors = load_vectors()
    rows = [*labelled_rows(given.prompts), *own_rows()]
    fitted = fit(rows, vectors)
    temperature = given.temperature
    if temperature is None:
        chosen = held_out(rows, CHOOSING, vectors)
        temperature = temperature_of(chosen)
        if given.report is not None:
            reported = held_out(rows, REPORTING, vectors)
            tables = report(
                Outcome(chosen.rows, chosen.totals, temperature),
                Outcome(reported.rows, reported.totals, temperature),
                mixed(rows, vectors, temperature),
                _never_trained_on(fitted, temperature, given.value),
            )
            given.report.write_text(tables, encoding="utf-8")
    given.out.write_bytes(packed(fitted, temperature))
    sys.stdout.write(f"{given.out}: {given.out.stat().st_size} bytes, temperature {temperature:.3f}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompts", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--report", type=Path, help="write the tables of two cross-validations and of unseen prompts there"
    )
    parser.add_argument("--temperature", type=float, help="use this one, without cross-validation")
    parser.add_argument(
        "--value", type=Path, help="value.jsonl.gz: its natural prompts are in the report too"
    )
    given = parser.parse_args()
    if given.report is not None and given.temperature is not None:
        parser.error("--report cross-validates, and so finds the temperature itself")
    return given


def _never_trained_on(fitted: Fitted, temperature: float, value: Path | None) -> list[tuple[str, Outcome]]:
    """What the model says of prompts that it never saw: the natural ones of a value.jsonl.gz where there is one, and
    our own for its weak spots."""
    sets = [("natural prompts", natural_rows(value))] if value is not None else []
    sets.append(("prompts for weak spots", weak_spot_rows()))
    return [(name, Outcome(rows, fitted.totals(rows), temperature)) for name, rows in sets if rows]


def mixed(rows: Sequence[Row], vectors: Vectors, temperature: float) -> Outcome:
    """A mix as users would send it, half from sources not trained on: of each fold of REPORTING all its rows, and as
    many held-out rows of the other sources."""
    judged: list[Row] = []
    totals = []
    labelled = [row for row in rows if row.family != OWN]
    for number, fold in enumerate(REPORTING):
        known = [row for row in labelled if row.family not in fold]
        spare = known[number :: len(REPORTING) * 2]
        kept = {id(row) for row in spare}
        unseen = [row for row in labelled if row.family in fold]
        model = fit([row for row in rows if row.family not in fold and id(row) not in kept], vectors)
        share = unseen[:: max(1, len(unseen) // max(1, len(spare)))]
        for part in (share, spare[: len(share)]):
            totals.append(model.totals(part))
            judged += part
    return Outcome(judged, np.concatenate(totals), temperature)


if __name__ == "__main__":
    main()
