"""What is taken back of counted use: a provider's word by its fresher word, all of it by a person's."""

from __future__ import annotations

from pathlib import Path

from tests.store.samples import ask, claim, opened
from tests.support.clock import START_MS, FakeClock

from trunkline.domain.limits import Window

SESSION = Window.parse("session:5h")
RESET_MS = START_MS + 3_600_000


async def test_a_fresher_word_takes_back_what_was_stated_and_not_what_was_counted_here(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path / "t.db") as store:
        ledger = store.ledger
        await ledger.reserve(ask("a", claim(7, 100, window=SESSION)))
        ledger.settle("a", [])
        ledger.raise_use("requests", SESSION, 100, RESET_MS)
        await store.flush()
        assert ledger.use("requests", SESSION).used == 100
        ledger.lower_use("requests", SESSION, 40)
        await store.flush()
        assert ledger.use("requests", SESSION).used == 40
        ledger.lower_use("requests", SESSION, 0)
        await store.flush()
        assert ledger.use("requests", SESSION).used == 7
        ledger.lower_use("requests", SESSION, 50)
        await store.flush()
        assert ledger.use("requests", SESSION).used == 7


async def test_a_person_takes_back_everything_but_what_is_under_way_in_every_process(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path / "t.db", clock) as store, opened(tmp_path / "t.db", clock) as other:
        await store.ledger.reserve(ask("done", claim(60, 100, window=SESSION)))
        store.ledger.settle("done", [])
        await store.ledger.reserve(ask("open", claim(30, 100, window=SESSION)))
        store.ledger.raise_use("requests", SESSION, 99, RESET_MS)
        await store.flush()
        other.ledger.lower_use("requests", SESSION, 0, own=True, if_above=99)  # no more than that is used
        await other.flush()
        assert other.ledger.use("requests", SESSION).used == 99
        other.ledger.lower_use("requests", SESSION, 0, own=True, if_above=95)
        await other.flush()
        assert other.ledger.use("requests", SESSION).used == 30
        store.ledger.settle("open", [("requests", 10)])
        await store.flush()
        assert store.ledger.use("requests", SESSION).used == 10
        await other.flush()
        assert other.ledger.use("requests", SESSION).used == 10
