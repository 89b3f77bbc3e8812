"""What the list above the editor offers while something is being typed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trunkline.tui.fuzzy import best

MOST_SUGGESTED = 50


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`insert` replaces what was typed; `label` is shown, the typed letters of it at `positions`, then `help`."""

    insert: str
    label: str
    help: str = ""
    positions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What could stand in columns `start` to `end` of the cursor's line, best first. `typed` is what stands there.
    `eager`: enter takes the first one; else only once a person has moved to one."""

    start: int
    end: int
    typed: str
    items: tuple[Suggestion, ...]
    eager: bool = True

    @property
    def is_typed_out(self) -> bool:
        """One of them is already there, letter by letter."""
        return any(item.insert.rstrip() == self.typed for item in self.items)


def rank(query: str, choices: Sequence[tuple[str, str, str]]) -> tuple[Suggestion, ...]:
    """The (insert, label, help) whose label fits the query, best first."""
    return tuple(
        Suggestion(choices[hit.index][0], hit.text, choices[hit.index][2], hit.positions)
        for hit in best(query, [label for _, label, _ in choices], MOST_SUGGESTED)
    )
