"""How many more turns a conversation is likely to have, learned from those that went before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from trunkline.domain.tasks import Origin, OriginKind
from trunkline.store.conversation_lengths import Reached, count_turn

if TYPE_CHECKING:
    from trunkline.store.store import Store

MOST_TURNS = 64
"""Turns beyond are neither counted nor expected."""

PRIOR_CONVERSATIONS = 5.0
"""So many conversations of an origin must have been seen for them to count as much as what is assumed."""

GOES_ON = 0.6
"""Share of conversations that have another turn, while nothing is known: people's with assistants have 2.0 (LMSYS-Chat-
1M) to 2.5 turns (WildChat) in the mean, which is 1 ÷ (1 − share)."""

GOES_ON_BY_KIND: Mapping[OriginKind, float] = MappingProxyType({OriginKind.GATEWAY: 0.9})
"""An agent sends the whole conversation for every step of its work; ten steps are assumed, as no figure is known."""


class ConversationLengths:
    """Counts, by origin, how many conversations came to their n-th turn, in this process and, by the store, in all.

    Of conversations that came to turn n, those that came to turn m have the share R(m) ÷ R(n); so the turns that are
    left after turn n are expected to be the sum of R(m) over all m > n, over R(n). To the counts are added those of
    `PRIOR_CONVERSATIONS` that go on with a constant share. A conversation under way counts for the turns it has had;
    as what is counted lasts for weeks and most conversations for minutes, that makes little difference."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reached: dict[str, dict[int, Reached]] = {}

    def take_in(self, counted: Iterable[Reached]) -> None:
        """The counts are these, as the store has them."""
        self._reached = {}
        for one in counted:
            self._reached.setdefault(one.origin, {})[one.turns] = one

    def came_to(self, origin: Origin, turns: int, now_ms: int) -> None:
        """A conversation had its turn of that number answered."""
        if turns > MOST_TURNS:
            return
        name = str(origin)
        of_origin = self._reached.setdefault(name, {})
        before = of_origin[turns].at(now_ms) if turns in of_origin else 0.0
        of_origin[turns] = Reached(name, turns, before + 1.0, now_ms)
        self._store.post(partial(count_turn, origin=name, turns=turns, at_ms=now_ms))

    def expected_after(self, origin: Origin, turns: int, now_ms: int) -> float:
        """How many turns a conversation should have after the one of that number, 0 or more."""
        goes_on = GOES_ON_BY_KIND.get(origin.kind, GOES_ON)
        counted = self._reached.get(str(origin), {})
        turns = min(turns, MOST_TURNS)
        assumed = PRIOR_CONVERSATIONS * goes_on ** (turns - 1)
        came_here = counted[turns].at(now_ms) if turns in counted else 0.0
        later = sum(one.at(now_ms) for number, one in counted.items() if number > turns)
        return (later + assumed * goes_on / (1.0 - goes_on)) / (came_here + assumed)
