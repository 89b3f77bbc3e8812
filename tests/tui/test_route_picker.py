"""The route picker: what it offers, how each choice stands, how far and how long it holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

import pytest
from tests.support import deck_world as world
from tests.support.clock import START_MS
from tests.support.deck import NARROW, TINY, WIDE, Deck, open_deck

from trunkline.domain.decisions import PinScope
from trunkline.domain.faults import FaultKind, FaultScope
from trunkline.domain.snapshot import Snapshot, Status
from trunkline.domain.state import Block
from trunkline.tui.route_choices import (
    Expiry,
    RouteOption,
    expires_in_ms,
    expiries,
    expiry_words,
    route_options,
)
from trunkline.tui.screens.route_picker import RouteChoice, RoutePicker

EVERYTHING = (PinScope.EVERYTHING,)
ALL = (PinScope.MESSAGE, PinScope.CONVERSATION, PinScope.EVERYTHING)
MINUTE_MS = 60_000


def options(snapshot: Snapshot | None = None) -> dict[str | None, RouteOption]:
    found = route_options(snapshot or world.snapshot(), START_MS, UTC)
    return {option.selector: option for option in found}


def text(option: RouteOption) -> str:
    return " ".join(cell.text for cell in option.cells)


def test_automatic_comes_first_then_wide_choices_before_narrow_ones() -> None:
    selectors = list(options())
    assert selectors[0] is None
    order = [
        "google",
        "ollama",
        "google/google-1",
        "google/gemini-3.8-flash",
        "google/google-1/gemini-3.8-flash",
    ]
    places = [selectors.index(selector) for selector in order]
    assert places == sorted(places)


def test_every_choice_tells_state_what_is_left_when_it_resets_and_how_fast_it_is() -> None:
    assert text(options()["google/google-1"]) == "◐  34 google/google-1 ▇▁▁▁▁▁▁  10 % 16:00 4 h 612 ms"


def test_a_provider_and_a_model_stand_as_their_best_account() -> None:
    found = options()
    assert "95 %" in text(found["google"])
    assert "95 %" in text(found["google/gemini-3.8-flash"])
    assert found["google"].refusal == ""


def test_a_model_whose_limits_are_not_told_is_not_said_to_have_none() -> None:
    account = world.account("p", "a", world.limit(amount=10, used=2, model="small"))
    out = replace(account, status=Status.EXHAUSTED)
    for one, left, refusal in ((account, "–", ""), (out, "used up", "used up")):
        snapshot = world.snapshot(providers=(world.provider("p", one),), routes=("p/a/other",))
        found = options(snapshot)["p/a/other"]
        assert (found.cells[2].text, found.refusal) == (left, refusal)


def test_what_cannot_serve_says_why() -> None:
    found = options()
    assert found["kimi/main"].refusal == "quota hit, again at 12:28, in 28 m"
    assert found["kimi"].refusal == "quota hit, again at 12:28, in 28 m"
    assert found["google/google-3"].refusal == "used up, again at 16:00, in 4 h"
    assert found["google/google-1"].refusal == ""


def test_a_route_is_judged_by_the_limits_of_its_own_model() -> None:
    account = world.account(
        "p",
        "a",
        world.limit(amount=10, used=10, model="small"),
        world.limit(amount=0, model="paid"),
        world.limit(amount=100, used=50),
    )
    account = replace(account, gone=("old",))
    routes = tuple(f"p/a/{model}" for model in ("small", "large", "paid", "old"))
    found = options(world.snapshot(providers=(world.provider("p", account),), routes=routes))
    assert found["p/a/small"].refusal == "used up, again at 16:00, in 4 h"
    assert found["p/a/large"].refusal == ""
    assert "50 %" in text(found["p/a/large"])
    assert found["p/a/paid"].refusal == "not in plan, until you act"
    assert found["p/a/old"].refusal == "not served any more, until you act"


def test_a_choice_that_waits_for_a_person_has_no_reset_to_hold_until() -> None:
    block = Block("p/a", FaultScope.ACCOUNT, FaultKind.AUTH, "x", "y", START_MS, None)
    account = world.account("p", "a", world.limit(), block=block, status=Status.DOWN)
    option = options(world.snapshot(providers=(world.provider("p", account),), routes=()))["p/a"]
    assert Expiry.RESET not in expiries(option, START_MS)
    assert Expiry.RESET in expiries(options()["kimi/main"], START_MS)


@pytest.mark.parametrize(
    ("expiry", "zone", "length_ms", "words"),
    [
        (Expiry.UNTIL_TAKEN_BACK, UTC, None, "until taken back"),
        (Expiry.QUARTER_HOUR, UTC, 15 * MINUTE_MS, "for 15 min (12:15)"),
        (Expiry.HOUR, UTC, 60 * MINUTE_MS, "for 1 h (13:00)"),
        (Expiry.MIDNIGHT, UTC, 12 * 60 * MINUTE_MS, "until midnight"),
        (Expiry.MIDNIGHT, ZoneInfo("Asia/Kolkata"), 390 * MINUTE_MS, "until midnight"),
        (Expiry.RESET, UTC, 4 * 60 * MINUTE_MS, "until its limit resets (16:00)"),
    ],
)
def test_how_long_a_pin_holds(expiry: Expiry, zone: tzinfo, length_ms: int | None, words: str) -> None:
    option = options()["google/google-1"]
    assert expires_in_ms(expiry, option, START_MS, zone) == length_ms
    assert expiry_words(expiry, option, START_MS, zone) == words


async def _open(
    deck: Deck, scopes: tuple[PinScope, ...] = EVERYTHING, initial: str | None = None
) -> list[RouteChoice | None]:
    """The picker over the deck; gives the list into which its choice goes."""
    chosen: list[RouteChoice | None] = []
    picker = RoutePicker(
        world.snapshot(), title="Pin a route", initial=initial, scopes=scopes, now_ms=START_MS, zone=UTC
    )
    deck.app.push_screen(picker, chosen.append)
    await deck.settle()
    return chosen


@pytest.mark.parametrize("size", [NARROW, WIDE, TINY])
async def test_it_shows_choices_reach_and_time_at_every_size(size: tuple[int, int]) -> None:
    async with open_deck(size) as deck:
        await _open(deck)
        await deck.press(*"google2")
        shown = deck.shown()
        assert "google/google-2" in shown
        assert "95 %" in shown
        assert "for everything" in shown
        assert "enter takes it" in shown


async def test_typing_narrows_tab_says_how_far_and_ctrl_t_how_long() -> None:
    async with open_deck() as deck:
        chosen = await _open(deck, ALL)
        await deck.press(*"zaimain")
        assert "tab for this message" in deck.shown()
        await deck.press("tab")
        assert "tab for this conversation, until taken back" in deck.shown()
        await deck.press("ctrl+t")
        assert "only a pin for everything ends by itself" in deck.shown()
        await deck.press("tab", "ctrl+t", "ctrl+t")
        assert "tab for everything   ctrl-t for 1 h (13:00)" in deck.shown()
        await deck.press("enter")
        assert chosen == [RouteChoice("zai/main", PinScope.EVERYTHING, 60 * MINUTE_MS)]


async def test_what_cannot_serve_now_is_said_and_can_be_chosen_until_it_is_back() -> None:
    async with open_deck(NARROW) as deck:
        chosen = await _open(deck, initial="kimi/main")
        assert "kimi/main cannot serve now: quota hit, again at 12:28, in 28 m" in deck.shown()
        await deck.press("ctrl+t", "ctrl+t", "ctrl+t", "ctrl+t")
        assert "until its limit resets (12:28)" in deck.shown()
        await deck.press("enter")
        assert chosen == [RouteChoice("kimi/main", PinScope.EVERYTHING, 28 * MINUTE_MS)]


async def test_a_reset_asked_for_where_none_is_known_holds_until_taken_back() -> None:
    async with open_deck() as deck:
        chosen = await _open(deck, initial="zai/main")
        await deck.press("ctrl+t", "ctrl+t", "ctrl+t")
        assert "until midnight" in deck.shown()
        await deck.press("ctrl+t")
        assert "until taken back" in deck.shown()
        await deck.press("enter")
        assert chosen == [RouteChoice("zai/main", PinScope.EVERYTHING, None)]


async def test_nothing_found_gives_nothing_and_escape_leaves() -> None:
    async with open_deck(TINY) as deck:
        chosen = await _open(deck)
        await deck.press(*"qqqq", "enter")
        assert "Nothing is called that." in deck.shown()
        assert chosen == []
        await deck.press("escape")
        assert chosen == [None]


async def test_a_single_scope_is_said_to_be_the_only_one() -> None:
    async with open_deck() as deck:
        await _open(deck, (PinScope.MESSAGE,))
        await deck.press("tab")
        assert "from here it is for this message only" in deck.shown()


async def test_the_decks_switch_key_pins_everything_for_so_long() -> None:
    async with open_deck(start_panel=1) as deck:
        await deck.show(world.snapshot())
        await deck.press("s", *"google2gem", "ctrl+t", "enter")
        assert deck.engine.orders == [
            ("switch", ("google/google-2/gemini-3.8-flash", START_MS + 15 * MINUTE_MS))
        ]


async def test_its_keys_are_in_the_help_and_follow_the_keymap() -> None:
    async with open_deck() as deck:
        await deck.show(world.snapshot(keymap=(("picker.scope", "ctrl+y"),)))
        await deck.press("escape", "p")
        assert "ctrl-y for this conversation" in deck.shown()
        await deck.press("ctrl+y")
        assert "ctrl-y for this message" in deck.shown()
        await deck.press("f1")
        shown = deck.shown()
        assert "Choosing a route" in shown
        assert "How far the choice reaches" in shown
        assert "In the filter" not in shown
        await deck.press("escape", "escape")
        assert deck.app.screen is deck.screen
