"""Panel 1: what its rows say of accounts in every state, and what its keys ask for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import pytest
from rich.cells import cell_len
from tests.support import deck_world as world
from tests.support.clock import START_MS
from tests.support.deck import NARROW, WIDE, Deck, open_deck

from trunkline.domain.faults import FaultKind, FaultScope
from trunkline.domain.snapshot import AccountView, Snapshot, Status
from trunkline.domain.state import Block
from trunkline.tui.account_rows import COLUMNS, account_detail, account_rows
from trunkline.tui.account_standing import account_standing, find_account, state_cell
from trunkline.tui.cells import share_width
from trunkline.tui.messages import AccountToggled, AccountWanted, CheckWanted
from trunkline.tui.widgets.row_list import RowList

HALF_USED = world.limit(amount=100, used=50)


def block(
    kind: FaultKind = FaultKind.NETWORK, until_ms: int | None = START_MS + 5_000, *, half_open: bool = False
) -> Block:
    return Block("p/a", FaultScope.ACCOUNT, kind, "x", "no answer", START_MS, until_ms, half_open)


def alone(account: AccountView) -> Snapshot:
    return world.snapshot(providers=(world.provider(account.provider, account),))


def row_of(account: AccountView) -> list[str]:
    return [cell.text for cell in account_rows(alone(account), START_MS, zone=UTC)[0].cells]


def detail_of(account: AccountView) -> str:
    return account_detail(alone(account), f"{account.provider}/{account.id}", START_MS, zone=UTC)[0]


REFUSED = [
    world.account("p", "a", HALF_USED, block=block()),
    world.account("p", "a", HALF_USED, block=block(until_ms=START_MS - 1)),
    world.account("p", "a", HALF_USED, block=block(half_open=True)),
    world.account("p", "a", HALF_USED, enabled=False),
    world.account("p", "a", HALF_USED, has_key=False),
    replace(world.account("p", "a", HALF_USED), set_aside=True),
    world.account("p", "a", HALF_USED, status=Status.EXHAUSTED),
    world.account("p", "a", HALF_USED, status=Status.DOWN),
    world.account("p", "a", HALF_USED, world.limit(amount=20, used=20)),
]


@pytest.mark.parametrize("account", REFUSED)
def test_half_is_never_shown_as_left_where_calls_are_refused(account: AccountView) -> None:
    assert "50 %" not in " ".join(row_of(account))


def test_a_refusal_tells_when_it_ends() -> None:
    assert row_of(REFUSED[0])[2:6] == ["unreachable", "", "", "5 s"]
    assert detail_of(REFUSED[0]) == "p/a: unreachable, again in 5 s: no answer"
    later = world.account("p", "a", block=block(until_ms=START_MS + 28 * 60_000))
    assert detail_of(later) == "p/a: unreachable, again at 12:28, in 28 m: no answer"
    key = world.account("p", "a", block=block(FaultKind.AUTH, None))
    assert detail_of(key) == "p/a: key rejected, until you act: no answer"


@pytest.mark.parametrize("account", REFUSED[1:3])
def test_an_account_on_trial_says_so_instead_of_its_limits(account: AccountView) -> None:
    assert row_of(account)[2] == "trying again"
    assert "the next request tries it again" in detail_of(account)


def test_a_providers_block_is_its_accounts_block() -> None:
    provider = replace(world.provider("p", world.account("p", "a", HALF_USED)), block=block())
    rows = account_rows(world.snapshot(providers=(provider,)), START_MS, zone=UTC)
    assert rows[0].cells[2].text == "unreachable"


def test_an_account_that_is_taken_out_says_by_whom_and_how_it_comes_back() -> None:
    cells = row_of(replace(world.account("p", "a", HALF_USED), set_aside=True))
    assert cells == ["p/a", "·   –", "taken out by you · d puts it back"]


def test_what_is_not_in_use_has_no_health() -> None:
    assert row_of(REFUSED[3])[1:3] == ["·   –", "disabled"]
    assert row_of(REFUSED[4])[1:3] == ["·   –", "no key"]


def test_where_only_a_minute_is_used_up_the_health_of_long_windows_gives_way_to_a_word() -> None:
    assert state_cell(Status.EXHAUSTED, 100).text == "○ out"
    assert state_cell(Status.EXHAUSTED, 0).text == "○   0"
    assert state_cell(Status.DOWN, 0).text == "✕   0"
    assert state_cell(Status.CRITICAL, 100).text == "◔ 100"


def test_an_account_whose_one_model_is_used_up_still_serves_with_the_others() -> None:
    one_out = world.limit(amount=10, used=10, model="small")
    account = replace(world.account("p", "a", one_out, HALF_USED), status=Status.CRITICAL)
    provider = world.provider("p", account)
    standing = account_standing(provider, account, START_MS)
    assert standing.serves
    assert standing.limit == one_out
    assert not account_standing(provider, account, START_MS, "small").serves
    all_out = replace(account, status=Status.EXHAUSTED)
    assert not account_standing(provider, all_out, START_MS).serves


def test_a_pool_tells_how_many_are_ready_and_folded_what_its_fullest_has_left() -> None:
    google = account_rows(world.snapshot(), START_MS, zone=UTC)[0]
    assert [cell.text for cell in google.cells[:4]] == ["▾ google", "●  92", "2 of 3 ready", ""]
    folded = account_rows(world.snapshot(), START_MS, zone=UTC, folded={"google"})[0]
    assert [cell.text for cell in folded.cells[:4]] == ["▸ google", "●  92", "2 of 3 ready", "max 95 %"]


def test_a_pool_with_nobody_ready_tells_when_the_first_is_back() -> None:
    pool = world.provider(
        "p",
        world.account("p", "a", block=block(until_ms=START_MS + 60 * 60_000)),
        world.account("p", "b", world.limit(amount=5, used=5, resets_in_ms=30 * 60_000)),
    )
    row = account_rows(world.snapshot(providers=(pool,)), START_MS, zone=UTC)[0]
    assert [cell.text for cell in row.cells[2:6]] == ["0 of 2 ready", "", "", "12:30 30 m"]


@pytest.mark.parametrize("width", [34, 40, 60, 80, 100, 120])
def test_names_keep_their_room_and_the_least_needed_goes_first(width: int) -> None:
    widths = share_width(COLUMNS, width)
    assert widths[0] >= 14
    assert sum(widths) + sum(1 for shown in widths if shown) - 1 <= width
    shown = {column.title for column, cells in zip(COLUMNS, widths, strict=True) if cells}
    assert {"account", "state", "left"} <= shown
    assert ({"first", "today", "age"} <= shown) == (width >= 100)


def test_standing_of_an_unknown_account_is_none() -> None:
    assert find_account(world.snapshot(), "google/nobody") is None
    found = find_account(world.snapshot(), "kimi/main")
    assert found is not None
    assert not account_standing(*found, START_MS).serves


async def _at(deck: Deck, key: str) -> None:
    """The cursor on the row `key`."""
    listing = deck.screen.query_one("#accounts", RowList)
    listing.move_cursor(next(i for i, row in enumerate(listing.rows) if row.key == key))
    await deck.settle()


def posted(deck: Deck, kind: type) -> list[object]:
    """Every message of a kind, once however many widgets it passed."""
    return list({id(message): message for message in deck.messages if isinstance(message, kind)}.values())


async def test_keys_ask_for_the_account_under_the_cursor() -> None:
    async with open_deck(start_panel=1) as deck:
        await deck.show(world.snapshot())
        await _at(deck, "google/google-2")
        await deck.press("t", "d", "enter")
        (check,) = posted(deck, CheckWanted)
        assert check.selector == "google/google-2"  # type: ignore[attr-defined]
        (toggled,) = posted(deck, AccountToggled)
        assert (toggled.account, toggled.enabled) == ("google/google-2", False)  # type: ignore[attr-defined]
        (wanted,) = posted(deck, AccountWanted)
        assert wanted.key == "google/google-2"  # type: ignore[attr-defined]


async def test_an_account_taken_out_is_put_back_by_the_same_key() -> None:
    aside = replace(world.account("p", "a", HALF_USED), set_aside=True)
    async with open_deck(NARROW, start_panel=1) as deck:
        await deck.show(alone(aside))
        assert "taken out by you · d puts it back" in deck.shown()
        await deck.press("d")
        (toggled,) = posted(deck, AccountToggled)
        assert toggled.enabled is True  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("account", "key", "why"),
    [
        (None, "d", "only a single account is taken out"),
        (world.account("q", "b", enabled=False), "d", "disabled in the configuration"),
        (world.account("q", "b"), "space", "nothing to fold"),
    ],
)
async def test_a_key_that_cannot_act_says_why(account: AccountView | None, key: str, why: str) -> None:
    async with open_deck(WIDE, start_panel=1) as deck:
        await deck.show(world.snapshot() if account is None else alone(account))
        await deck.press(key)
        assert any(why in notice.message for notice in deck.app._notifications)
        assert posted(deck, AccountToggled) == []


async def test_folding_from_an_account_goes_to_its_pool() -> None:
    async with open_deck(start_panel=1) as deck:
        await deck.show(world.snapshot())
        await _at(deck, "google/google-3")
        await deck.press("space")
        assert deck.screen.query_one("#accounts", RowList).cursor_key == "google"
        assert "google-3" not in deck.shown()


async def test_the_cursor_stays_on_its_account_when_others_come_above_it() -> None:
    async with open_deck(start_panel=1) as deck:
        await deck.show(alone(world.account("p", "a")))
        new = world.provider("a-new-one", world.account("a-new-one", "x"))
        await deck.show(world.snapshot(providers=(new, world.provider("p", world.account("p", "a")))))
        assert deck.screen.query_one("#accounts", RowList).cursor_key == "p/a"


async def test_moving_among_a_hundred_accounts_makes_no_row_again() -> None:
    pools = tuple(
        world.provider(f"p{p}", *(world.account(f"p{p}", f"a{n}", HALF_USED) for n in range(10)))
        for p in range(10)
    )
    async with open_deck(NARROW, start_panel=1) as deck:
        await deck.show(world.snapshot(providers=pools))
        listing = deck.screen.query_one("#accounts", RowList)
        rows, changed = listing.rows, listing.cells_changed
        await deck.press("j", "j", "G", "k")
        assert listing.rows is rows
        assert listing.cells_changed == changed
        assert listing.cursor_key == "p9/a8"
        assert "p9/a8: healthy" in deck.shown()


@pytest.mark.parametrize("width", [40, 60])
async def test_names_can_be_read_in_narrow_terminals(width: int) -> None:
    async with open_deck((width, 16), start_panel=1) as deck:
        await deck.show(world.snapshot())
        assert "anthropic/main" in deck.shown()
        assert "10 %" in deck.shown()
        assert all(cell_len(line) <= width for line in deck.shown().splitlines())
