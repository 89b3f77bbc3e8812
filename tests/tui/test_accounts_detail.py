"""The detail of a provider or an account: what it says, and what its keys do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import cast

import pytest
from rich.cells import cell_len
from tests.support import deck_world as world
from tests.support.clock import START_MS
from tests.support.deck import NARROW, TINY, WIDE, Deck, open_deck
from tests.support.fake_engine import FakeEngine

from trunkline.domain.checks import AccountReport, AllowanceShare, Balance, CheckResult, ListedModel
from trunkline.domain.faults import Fault, FaultKind, FaultScope
from trunkline.domain.limits import FigureSource, LimitReading, LimitScope, Metric, Window
from trunkline.domain.money import PICO_PER_USD
from trunkline.domain.snapshot import Latency, Snapshot, Status
from trunkline.domain.state import Block
from trunkline.tui.account_checks import check_sentence
from trunkline.tui.account_facts import fact_lines
from trunkline.tui.screens.account_detail import ASKING_FOR_MS, AccountDetail

MINUTE_MS = 60_000
REFUSED = Block(
    "google/google-1",
    FaultScope.ACCOUNT,
    FaultKind.QUOTA_WINDOW,
    "RESOURCE_EXHAUSTED",
    "You exceeded [red]your\x1b[31m quota",
    START_MS - 10 * MINUTE_MS,
    START_MS + 3 * 60 * MINUTE_MS,
    failures=3,
)
ANSWERS = CheckResult(
    "google",
    "google-2",
    START_MS,
    212.0,
    models=(ListedModel("a"), ListedModel("b")),
    missing=("c",),
    report=AccountReport(
        balance=Balance(4_200_000, "USD"),
        shares=(AllowanceShare("tokens", 40.0, Window.parse("session:5h"), START_MS + 60 * MINUTE_MS),),
        notes=("a plan of the provider's",),
    ),
    readings=(LimitReading(Metric.REQUESTS, Window.parse("day"), None, 7, None),),
)
REJECTED = CheckResult(
    "google",
    "google-1",
    START_MS,
    30.0,
    Fault(FaultKind.AUTH, FaultScope.ACCOUNT, "x", "the key is rejected", provider_text="bad key"),
    hint="make a new one",
)


def known() -> Snapshot:
    """The small world with an account of which everything is known."""
    shown = world.snapshot()
    rich = replace(
        world.account(
            "google",
            "google-1",
            world.limit(amount=20, used=20),
            world.limit(Metric.INPUT_TOKENS, 250_000, 81_000, "60s", 20_000, FigureSource.LEARNED, model="m"),
            replace(
                world.limit(
                    Metric.COST, 5 * PICO_PER_USD, 2 * PICO_PER_USD, "balance", None, FigureSource.CONFIGURED
                ),
                scope=LimitScope.ORGANISATION,
            ),
            status=Status.EXHAUSTED,
            health=0,
            block=REFUSED,
        ),
        gone=("old-model",),
        model_blocks=(
            replace(REFUSED, target="google/google-1/gem", scope=FaultScope.MODEL, provider_text="[b]Quota"),
        ),
        in_flight=1,
        latency=Latency(700.0, 612.0, 1_900.0, 4_200.0, 180.0),
    )
    rich = replace(rich, counts=replace(rich.counts, errors=(("quota_window", 3), ("strange_thing", 1))))
    google, *others = shown.providers
    return replace(
        shown, providers=(replace(google, accounts=(rich, *google.accounts[1:])), *others), read_only=False
    )


def facts(key: str, width: int = 100, checks: tuple[CheckResult, ...] | None = None) -> str:
    lines = fact_lines(known(), key, START_MS, UTC, width, checks)
    assert all(cell_len(line.text) <= width for line in lines)
    return "\n".join(line.text for line in lines)


@pytest.mark.parametrize(
    "text",
    [
        "○ exhausted",
        "0 of 100 · long limits, last 20 calls",
        "key       env:GOOGLE_API_KEY",
        "under way 1 call",
        "quota limit hit, resets 15:00 (in 3 h): You exceeded [red]your quota (RESOURCE_EXHAUSTED)",
        "this account",
        "11:50, 10 m ago",
        "again at 15:00, in 3 h",
        "3 in a row",
        "20 of 20 ▁▁▁▁▁▁▁▁▁▁   0 % left",
        "resets at 16:00, in 4 h · of the whole account · reported by the provider, 4 m old",
        "81,000 of 250,000 ▇▇▇▇▇▇▇▁▁▁  68 % left",
        "resets in 20 s · of the model m · counted here against a learned limit, 4 m old",
        "cost, balance",
        "$2.00 of $5.00",
        "does not renew · shared by the organisation's accounts · counted here against the configured limit",
        "p50 612 ms · p95 1.9 s · p99 4.2 s · average 700 ms",
        "1st token p50 180 ms",
        "Since 06:00",
        "41 asked, 40 answered, 1 failed",
        "quota hit 3, strange thing 1",
        "48,000 in, 12,300 out",
        "old-model",
        "gem: quota limit hit, resets 15:00 (in 3 h): You exceeded",
        "  it said: “[b]Quota”",
        "Not asked yet whether it answers; t asks",
    ],
)
def test_everything_is_told_of_an_account(text: str) -> None:
    assert text in facts("google/google-1", 140)


def test_the_providers_words_are_text_and_nothing_else() -> None:
    words = " ".join(
        cell.text for line in fact_lines(known(), "google/google-1", START_MS, UTC, 80) for cell in line.cells
    )
    assert "[red]your" in words
    assert "\x1b" not in words


def test_a_provider_compares_its_accounts_and_the_cursor_can_choose_one() -> None:
    lines = fact_lines(known(), "google", START_MS, UTC, 100)
    assert [line.target for line in lines if line.target] == [
        "google/google-1",
        "google/google-2",
        "google/google-3",
    ]
    assert "google-2 ● 97 ▇▇▇▇▇▇▁ 95 % day r 16:00 4 h 612 ms $0.18" in " ".join(facts("google").split())


def test_what_is_unknown_is_told_as_unknown() -> None:
    ollama = facts("ollama/local")
    assert "No limits are known of it" in ollama
    assert "1st token p50 –" in ollama
    assert "not in the configuration any more" in facts("ollama/nobody")


@pytest.mark.parametrize("key", ["google", "google/google-1", "kimi/main", "ollama/local"])
@pytest.mark.parametrize("width", [36, 56, 76, 100])
def test_no_line_is_wider_than_the_screen(key: str, width: int) -> None:
    assert facts(key, width, (ANSWERS, REJECTED))


def test_a_check_is_told_whole_and_first() -> None:
    told = facts("google", checks=(ANSWERS, REJECTED))
    assert told.index("Does it answer") < told.index("Accounts")
    for text in (
        "● 12:00:00 google/google-2 answers, 212 ms, 2 models, 4.20 USD left",
        "requests per day: 7 left of a number not told",
        "tokens per session of 5h: 60 % left, resets 13:00 1 h",
        "does not list c",
        "a plan of the provider's",
        "✕ 12:00:00 google/google-1 does not answer: the key is rejected",
        "it says: bad key",
        "→ make a new one",
    ):
        assert text in told


def test_a_check_in_one_sentence() -> None:
    assert check_sentence(REJECTED) == "google/google-1 does not answer: the key is rejected"
    nobody = CheckResult("ollama", "", START_MS, 0.0)
    assert check_sentence(nobody) == "ollama answers"


async def _open(deck: Deck, key: str) -> AccountDetail:
    await deck.show(known())
    deck.app.push_screen(AccountDetail(known, key, deck.clock, UTC))
    await deck.settle()
    return cast("AccountDetail", deck.app.screen)


@pytest.mark.parametrize("size", [NARROW, WIDE, TINY])
async def test_it_can_be_read_and_scrolled_at_every_size(size: tuple[int, int]) -> None:
    async with open_deck(size, start_panel=1) as deck:
        await _open(deck, "google/google-1")
        assert "Account google/google-1" in deck.shown()
        assert "p pin  t test  f available  d disable  esc back" in deck.shown()
        await deck.press("G")
        assert "t asks, for nothing" in deck.shown()


async def test_an_account_is_opened_from_its_provider_and_left_one_level_at_a_time() -> None:
    async with open_deck(NARROW, start_panel=1) as deck:
        await _open(deck, "google")
        await deck.press("j", "enter")
        assert "Account google/google-2" in deck.shown()
        await deck.press("escape")
        assert "Provider google" in deck.shown()
        await deck.press("escape")
        assert "Provider google" not in deck.shown()
        assert "1 Providers" in deck.shown()


async def test_its_keys_give_orders_for_the_account_under_the_cursor() -> None:
    engine = FakeEngine(checked=(ANSWERS,))
    async with open_deck(NARROW, start_panel=1, engine=engine) as deck:
        await _open(deck, "google")
        await deck.press("j", "d")
        assert engine.orders == [("disable", "google/google-2")]
        await deck.press("t")
        assert engine.orders[-1] == ("check", "google/google-2")


async def test_the_pin_key_asks_for_a_pin_to_what_is_shown() -> None:
    wanted: list[object] = []
    async with open_deck(NARROW, start_panel=1) as deck:
        await deck.show(known())
        deck.app.push_screen(AccountDetail(known, "zai/main", deck.clock, UTC), wanted.append)
        await deck.settle()
        await deck.press("p")
        assert [one.selector for one in wanted] == ["zai/main"]  # type: ignore[attr-defined]


async def test_a_check_shows_that_it_is_asking_then_what_came_or_that_nothing_did() -> None:
    async with open_deck(NARROW, start_panel=1) as deck:
        screen = await _open(deck, "google/google-2")
        deck.app.deck.on_check_wanted = lambda message: None  # type: ignore[method-assign]
        await deck.press("t")
        assert "Asking whether it answers" in deck.shown()
        screen.show_check((ANSWERS,))
        await deck.settle()
        assert "google/google-2 answers, 212 ms" in deck.shown()
        await deck.press("t")
        deck.clock.advance(ASKING_FOR_MS)
        screen.tick()
        await deck.settle()
        assert "Asking" not in deck.shown()


async def test_a_tick_draws_nothing_that_reads_the_same() -> None:
    async with open_deck(NARROW, start_panel=1) as deck:
        screen = await _open(deck, "google/google-1")
        drawn: list[object] = []
        listing = screen.query_one("#account-lines")
        listing.refresh = lambda *a, **k: drawn.append(a)  # type: ignore[method-assign,assignment]
        screen.tick()
        assert drawn == []
        deck.clock.advance(30 * MINUTE_MS)
        screen.tick()
        assert drawn


async def test_a_provider_is_not_taken_out_by_key() -> None:
    async with open_deck(NARROW, start_panel=1) as deck:
        await _open(deck, "zai")
        await deck.press("G", "d")
        assert deck.engine.orders == [("disable", "zai/main")]
        await deck.press("escape")
        gone = AccountDetail(known, "zai/nobody", deck.clock, UTC)
        deck.app.push_screen(gone)
        await deck.settle()
        await deck.press("d")
        assert len(deck.engine.orders) == 1
