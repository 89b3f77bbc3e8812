"""The first line: what it says of pins, watching, sparing and a store that cannot keep."""

from __future__ import annotations

from datetime import UTC

import pytest
from rich.cells import cell_len
from tests.support import deck_world as world
from tests.support.clock import START_MS
from tests.support.deck import open_deck

from trunkline.domain.snapshot import Snapshot
from trunkline.tui.widgets.summary import fit_parts, summary_parts


def told(snapshot: Snapshot, width: int = 300, *, sparing: bool = False) -> str:
    return "  ".join(
        part.text for part in fit_parts(summary_parts(snapshot, sparing=sparing, zone=UTC), width)
    )


def test_a_pin_says_until_when() -> None:
    pinned = world.snapshot(pin="zai", pin_expires_at_ms=START_MS + 210 * 60_000)
    assert "balanced · pinned zai until 15:30" in told(pinned)
    assert "pinned zai  " in told(world.snapshot(pin="zai"))


def test_what_is_unusual_is_said_and_what_is_not_is_not() -> None:
    plain = told(world.snapshot())
    assert not any(word in plain for word in ("watching", "sparing", "kept", "until"))
    assert "⚠ nothing is being kept: disk full" in told(world.snapshot(store_error="disk full"))
    odd = told(
        world.snapshot(read_only=True, store_error="/home/me/trunkline.db: there is no store yet."),
        sparing=True,
    )
    assert "watching only" in odd
    assert "⚠ nothing to watch: there is no store yet" in odd
    assert odd.endswith("sparing")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_store_that_keeps_nothing_is_said_at_every_width(width: int) -> None:
    line = told(world.snapshot(store_error="disk full", paused=True), width)
    assert "nothing is being kept: disk full" in line
    assert "paused" in line
    assert cell_len(line) <= width


def test_where_room_is_short_signs_stand_for_words_and_what_matters_most_stays() -> None:
    snapshot = world.snapshot()
    wide, narrow, tiny = told(snapshot, 200), told(snapshot, 80), told(snapshot, 60)
    assert "●4 healthy  ◐1 warning  ○1 exhausted  ✕1 down" in wide
    assert "last " in wide
    assert "today  $1.84 of $5.00  412 answered  0 failed  3 rerouted" in wide
    for line in (narrow, tiny):
        assert "healthy" not in line
        assert "●4  ◐1  ○1  ✕1" in line
        assert "2 waiting" in line
        assert "$1.84 of $5.00" in line
        assert line.startswith("balanced · auto")
    assert "last google-2" in narrow
    assert "answered" not in tiny


def test_hostile_errors_and_pins_stay_one_short_line() -> None:
    line = told(world.snapshot(store_error="a\nb\x1b[31m" + "x" * 500, pin="p\n" + "y" * 500))
    assert "\n" not in line
    assert "\x1b" not in line
    assert cell_len(line) < 300


async def test_watching_is_said_on_the_deck() -> None:
    async with open_deck(start_panel=1) as deck:
        await deck.show(world.snapshot(read_only=True))
        assert "watching only" in deck.shown().splitlines()[0]
