"""How providers were found to count tokens, as the store keeps it: sums that every process adds to."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import NamedTuple

from trunkline.analysis.correction import Correction
from trunkline.domain.counting import Tokenizer
from trunkline.store.queries import Query, Row


class Seen(NamedTuple):
    """One report: whose, by which tokenizer we counted, the ratio reported ÷ counted and its weight 0..1."""

    provider: str
    model: str
    tokenizer: Tokenizer
    ratio: float
    weight: float
    at_ms: int


CorrectionKey = tuple[str, str, Tokenizer]


def add_seen(connection: sqlite3.Connection, seen: Seen) -> None:
    """Add a report to what is kept of its model."""
    key = seen.provider, seen.model, seen.tokenizer.value
    row = connection.execute(
        "SELECT weight, ratios, squares, as_of_ms FROM token_correction WHERE (provider, model, counter) = (?, ?, ?)",
        key,
    ).fetchone()
    known = Correction() if row is None else Correction(*row)
    new = known.seen(seen.ratio, seen.weight, seen.at_ms)
    connection.execute(
        "INSERT OR REPLACE INTO token_correction VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*key, new.weight, new.ratios, new.squares, new.as_of_ms),
    )


def corrections() -> Query[Mapping[CorrectionKey, Correction]]:
    """All that is kept; of tokenizers that this version does not know, nothing."""

    def build(results: list[list[Row]]) -> Mapping[CorrectionKey, Correction]:
        known = {one.value: one for one in Tokenizer}
        return {
            (str(provider), str(model), known[counter]): Correction(*sums)
            for provider, model, counter, *sums in results[0]
            if counter in known
        }

    select = "SELECT provider, model, counter, weight, ratios, squares, as_of_ms FROM token_correction"
    return Query(((select, ()),), build)
