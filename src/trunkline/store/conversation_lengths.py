"""How many conversations of an origin came to so many turns, as sums that fade."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from trunkline.domain.fading import DAY_MS, share_left
from trunkline.store.queries import Query

HALF_LIFE_DAYS = 30.0
"""What people and agents do changes within months; a month's conversations are enough to count by."""
_FORGOTTEN_MS = round(10 * HALF_LIFE_DAYS * DAY_MS)


@dataclass(frozen=True, slots=True)
class Reached:
    """`conversations` of `origin` had a turn of the number `turns` answered, as it was counted at `as_of_ms`."""

    origin: str
    turns: int
    conversations: float
    as_of_ms: int

    def at(self, now_ms: int) -> float:
        """How many that are now."""
        return self.conversations * share_left(now_ms - self.as_of_ms, HALF_LIFE_DAYS)


def count_turn(connection: sqlite3.Connection, origin: str, turns: int, at_ms: int) -> None:
    """Count one more conversation of `origin` that came to its turn of that number. With a first turn, what was counted
    last so long ago that a thousandth of it is left is dropped: agents that name themselves anew leave nothing."""
    if turns == 1:
        connection.execute("DELETE FROM conversation_length WHERE as_of_ms < ?", (at_ms - _FORGOTTEN_MS,))
    row = connection.execute(
        "SELECT conversations, as_of_ms FROM conversation_length WHERE origin = ? AND turns = ?",
        (origin, turns),
    ).fetchone()
    before = 0.0 if row is None else Reached(origin, turns, *row).at(at_ms)
    connection.execute(
        "INSERT OR REPLACE INTO conversation_length VALUES (?, ?, ?, ?)", (origin, turns, before + 1.0, at_ms)
    )


def conversation_lengths() -> Query[tuple[Reached, ...]]:
    """All that is counted."""
    sql = "SELECT origin, turns, conversations, as_of_ms FROM conversation_length"
    return Query(((sql, ()),), lambda results: tuple(Reached(*row) for row in results[0]))
