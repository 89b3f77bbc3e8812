"""Reading the receipts of kept turns one after the other, so that a long conversation opens at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from trunkline.tui.conversation import Turn


class ReceiptSearch:
    """`ask(request_id, turn_id)` asks the store and says whether it could; its answer is told by `found`."""

    def __init__(self, ask: Callable[[str, str], bool]) -> None:
        self._ask = ask
        self._waiting: deque[Turn] = deque()
        self._then: list[Callable[[], None]] = []
        self._busy = False

    def want(self, turns: Iterable[Turn]) -> None:
        """Read the receipts of these turns that are not there yet."""
        self._waiting.extend(turn for turn in turns if turn.request_id is not None and turn.receipt is None)
        if not self._busy:
            self._next()

    def then(self, act: Callable[[], None]) -> None:
        """Do this when all that is wanted was read."""
        if self._busy:
            self._then.append(act)
        else:
            act()

    def found(self) -> None:
        """The store has answered."""
        self._next()

    def forget(self) -> None:
        """Nothing of it is wanted any more."""
        self._waiting.clear()
        self._then.clear()

    def give_up(self) -> None:
        """Nobody answers any more: what waited for receipts is done without them."""
        self._waiting.clear()
        self._next()

    def _next(self) -> None:
        self._busy = False
        while self._waiting:
            turn = self._waiting.popleft()
            if turn.receipt is None and turn.request_id is not None and self._ask(turn.request_id, turn.id):
                self._busy = True
                return
        waiting, self._then = self._then, []
        for act in waiting:
            act()
