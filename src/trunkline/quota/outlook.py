"""How long limits will last at the rate they are used: looked at every so often, for panels and alerts."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace

from trunkline.domain.limits import Forecast, LimitUse
from trunkline.quota.board import Board
from trunkline.quota.book import LimitBook
from trunkline.quota.burn import BurnBook, PastUses
from trunkline.quota.ledger import Ledger


class Outlook:
    """Of all limits of `book`, for `board` to show. `catch_up` brings both to a moment."""

    def __init__(
        self, ledger: Ledger, book: LimitBook, board: Board, catch_up: Callable[[int], None]
    ) -> None:
        self._book = book
        self._board = board
        self._catch_up = catch_up
        self._burn = BurnBook(ledger)

    @property
    def forecasts(self) -> Mapping[str, Forecast]:
        """Those of the last look, by limit key."""
        return self._burn.forecasts

    def recall(self, past: PastUses) -> None:
        """Begin with these uses, as far as limits are not looked at already."""
        self._burn.recall(past)

    def look(self, now_ms: int, mono_ms: float) -> None:
        """Take in what was used since the last look and forecast every limit anew, for what panels are shown from now
        on. Costs a few microseconds a limit."""
        for _ in self.looking(now_ms, mono_ms):
            pass

    def looking(self, now_ms: int, mono_ms: float) -> Generator[None, None, None]:
        """`look` in slices of a few milliseconds, for a loop that has other work to do between them."""
        self._catch_up(now_ms)
        changed = yield from self._burn.looking(tuple(self._book.all_uses()), now_ms, mono_ms)
        self._board.use_forecasts(self._burn.forecasts, changed)

    def limits(self) -> Iterator[tuple[str, str, LimitUse]]:
        """Every limit of every account with its forecast, where there is one, as (provider, account, limit)."""
        for provider, account, limit in self._book.all_uses():
            expected = self.forecasts.get(limit.key)
            yield provider, account, limit if expected is None else replace(limit, forecast=expected)
