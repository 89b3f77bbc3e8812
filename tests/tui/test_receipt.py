"""The receipt: its lines as tables, and the screen that shows them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC

import pytest
from rich.cells import cell_len
from tests.support import deck_world as world
from tests.support.clock import START_MS, FakeClock
from tests.support.deck import NARROW, open_deck
from tests.support.panel_app import Panel, open_panel
from tests.support.receipts import CLAUDE, QUOTA_FAULT, full_decision, full_receipt, rejections

from trunkline.domain.decisions import Decision, NoRoute, Reason, Rejection, RejectionCode
from trunkline.domain.faults import Fault, FaultKind, FaultScope
from trunkline.domain.money import Usage
from trunkline.domain.receipts import Attempt, AttemptOutcome, FinishReason, Outcome, QuotaSpent, Receipt
from trunkline.tui.lines import Line, wrap
from trunkline.tui.messages import PinWanted, ReceiptWanted, RetryWanted
from trunkline.tui.receipt_attempts import timeline
from trunkline.tui.receipt_figures import cost_lines, quota_lines, token_lines
from trunkline.tui.receipt_ranking import ranking_lines, rejection_lines, selector_of, term_bar
from trunkline.tui.receipt_rows import ReceiptView, all_lines, decided_lines, happened_lines
from trunkline.tui.screens.receipt import NO_TURN, ReceiptScreen
from trunkline.tui.widgets.line_list import LineList

WIDTH = 76
NOBODY = Fault(FaultKind.QUOTA_WINDOW, FaultScope.REQUEST, "no_route", "nobody can answer this")


def texts(lines: tuple[Line, ...]) -> list[str]:
    return [line.text for line in lines]


def view(receipt: Receipt) -> ReceiptView:
    return ReceiptView(receipt, START_MS, UTC)


def failed(**changes: object) -> Receipt:
    """Nobody was asked, nothing was decided."""
    values: dict[str, object] = {
        "outcome": Outcome.FAILED,
        "decision": None,
        "route": None,
        "attempts": (),
        "usage": Usage(),
        "cost_pico": 0,
        "first_token_ms": None,
        "finish": None,
        "complete": False,
        "fault": NOBODY,
    }
    return world.receipt(**(values | changes))  # type: ignore[arg-type]


# -- lines ------------------------------------------------------------------------------------------------------------


def test_the_whole_receipt_reads_from_who_to_record() -> None:
    shown = texts(all_lines(view(full_receipt()), WIDTH))
    assert shown[:5] == [
        "● whole answer by google-2 · gemini-3.8-flash",
        "why       cost: free and in good health",
        "moved     from anthropic/main/claude-sonnet-5 as the conversation is short",
        "rule      prefer_free: free routes in good health go first",
        "margin    0.07 before zai/main · glm-5.3-flash",
    ]
    titles = [line for line in shown if line and line in TITLES]
    assert titles == list(TITLES)


TITLES = (
    "Who could answer",
    "Who could not",
    "Calls",
    "Worth knowing",
    "Tokens",
    "Cost",
    "Taken from allowances",
    "Record",
)


def test_two_columns_hold_the_same_lines_as_one() -> None:
    both = decided_lines(view(full_receipt()), WIDTH) + happened_lines(view(full_receipt()), WIDTH)
    one = [text for text in texts(all_lines(view(full_receipt()), WIDTH)) if text]
    assert [text for text in texts(both) if text] == one


@pytest.mark.parametrize(
    ("receipt", "said"),
    [
        (world.receipt(), ["● whole answer by google-2 · gemini-3.8-flash"]),
        (
            world.receipt(complete=False, finish=FinishReason.LENGTH),
            [
                "✂ answer by google-2 · gemini-3.8-flash, not whole",
                "  ✂ cut: the model reached its output limit; the answer is not whole",
            ],
        ),
        (
            world.receipt(outcome=Outcome.CANCELLED, complete=False, finish=FinishReason.CANCELLED),
            ["■ stopped · last asked google-2 · gemini-3.8-flash"],
        ),
        (
            failed(outcome=Outcome.CANCELLED, fault=None),
            ["■ stopped before anything was sent"],
        ),
        (failed(), ["✕ no whole answer", "  quota window: nobody can answer this."]),
        (failed(fault=None), ["✕ no whole answer"]),
    ],
)
def test_how_it_ended_is_said_first(receipt: Receipt, said: list[str]) -> None:
    assert texts(all_lines(view(receipt), WIDTH))[: len(said)] == said


def test_a_request_that_nobody_could_serve_says_who_could_not() -> None:
    no_route = NoRoute(rejections(), START_MS + 5_000)
    shown = texts(all_lines(view(failed(fault=None, no_route=no_route)), WIDTH))
    assert shown[1] == "  nobody can answer this now; again in 5 s"
    assert "Who could answer" not in shown
    assert "○ google-3: 0 of 20 requests left per day, 1 needed, again at 16:00, in 4 h" in shown
    assert "no call was made" in shown
    assert "Tokens" not in shown


def test_a_receipt_of_an_older_version_with_missing_parts_is_shown() -> None:
    bare = Decision(
        world.GOOGLE_2,
        Reason.LIMIT,
        None,
        1.0,
        (),
        tuple(Rejection("google/google-3/*", code) for code in RejectionCode),
    )
    shown = texts(all_lines(view(world.receipt(decision=bare)), WIDTH))
    assert "not kept with this receipt" in shown
    assert "○ google-3: limit" in shown
    assert "○ no key or account: google-3" in shown
    assert not any("None" in line for line in shown)


@pytest.mark.parametrize("width", [40, 56, 76, 100, 156])
def test_every_line_fits(width: int) -> None:
    hostile = "[/b]\x1b]0;owned\x07 日本語のテキスト " + "x" * 300
    fault = replace(QUOTA_FAULT, provider_text=hostile, message=hostile)
    attempts = tuple(replace(one, fault=fault) for one in full_receipt().attempts)
    receipt = full_receipt(attempts=attempts, warnings=(hostile,), served_model=hostile, fault=fault)
    for line in all_lines(view(receipt), width):
        assert cell_len(line.text) <= width
        assert "\x1b" not in line.text


@pytest.mark.parametrize(
    ("text", "width", "pieces"),
    [
        ("", 10, ()),
        ("one two three", 7, ("one two", "three")),
        ("a\nb  c", 20, ("a b c",)),
        ("abcdefgh i", 3, ("abc", "def", "gh", "i")),
        ("日本語", 4, ("日本", "語")),
    ],
)
def test_text_is_broken_at_blanks(text: str, width: int, pieces: tuple[str, ...]) -> None:
    assert wrap(text, width) == pieces


# -- who could and who could not --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "bar"),
    [
        (0.0, "────"),
        (0.001, "╸───"),
        (0.5, "━━──"),
        (0.6, "━━╸─"),
        (0.999, "━━━╸"),
        (1.0, "━━━━"),
        (7.0, "━━━━"),
    ],
)
def test_a_term_is_full_or_empty_only_when_it_is(share: float, bar: str) -> None:
    assert "".join(term_bar(share, 4)) == bar


def test_a_term_that_nobody_knows_has_a_dash_and_no_bar() -> None:
    made = full_decision()
    first = made.ranking[0]
    unknown = replace(first, terms=replace(first.terms, quality=None))
    _, line = ranking_lines(replace(made, ranking=(unknown,)), 84)
    assert [cell.text for cell in line.cells if "–" in cell.text] == ["–   "]
    assert "quality –" in line.detail
    assert cell_len(line.text) == cell_len(ranking_lines(made, 84)[1].text)


def test_the_ranking_has_a_bar_for_every_term_and_marks_the_chosen() -> None:
    lines = decided_lines(view(full_receipt()), 84)
    header = next(line.text for line in lines if line.text.lstrip().startswith("route"))
    assert header.split() == [
        "route",
        "score",
        "≈",
        "price",
        "pref",
        "quot",
        "ctx",
        "cost",
        "qual",
        "spd",
        "hlth",
    ]
    chosen, second = (
        line for line in lines if line.target in (world.GOOGLE_2.id, world.ZAI.id) and "0." in line.text
    )
    assert chosen.text.startswith("▶ google-2 · gemini-3.8-flash")
    assert chosen.text.split()[-9:] == [
        "0.812",
        "$0.0023",
        "━━━━",
        "━━━╸",
        "━━━╸",
        "━━━━",
        "━━━─",
        "━━━─",
        "━━━╸",
    ]
    assert second.text.startswith("  zai/main · glm-5.3-flash")
    assert "preference 0.80 · quota 0.60" in second.detail
    unknown = next(line for line in lines if line.target == "kimi/main/kimi-k3")
    assert "$?" in unknown.text, "an unknown price is not nothing"


def test_refusals_are_sentences_soonest_back_first() -> None:
    assert texts(rejection_lines(rejections(), 120, START_MS, UTC)) == [
        "○ openrouter/main · deepseek/deepseek-r2: failing: could not connect, again in 5 s",
        "○ google-3: 0 of 20 requests left per day, 1 needed, again at 16:00, in 4 h",
        "○ all others: only google may answer (the conversation)",
        "○ minimax · m3-mini: cannot take tools and images",
        "○ no key or account: groq, mistral",
    ]


def test_a_refusal_that_is_over_says_since_when() -> None:
    late = rejection_lines(rejections()[2:3], 120, START_MS + 5 * world.HOUR_MS, UTC)
    assert texts(late)[0].endswith("again since 16:00")
    later = rejection_lines(rejections()[2:3], 120, START_MS + 50 * world.HOUR_MS, UTC)
    assert texts(later)[0].endswith("again since 16:00 on 20 Nov")


@pytest.mark.parametrize(
    ("pattern", "selector"),
    [
        ("*", None),
        ("google/*", "google"),
        ("google/google-1/*", "google/google-1"),
        ("google/*/gemini", "google/gemini"),
        ("a/b/c/d:e", "a/b/c/d:e"),
    ],
)
def test_what_is_refused_can_be_meant_by_a_selector(pattern: str, selector: str | None) -> None:
    assert selector_of(pattern) == selector


# -- calls ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "started", "first", "ended", "drawn"),
    [
        (AttemptOutcome.OK, 0, 40, 100, "────◆━━━━━"),
        (AttemptOutcome.OK, 50, 50, 100, "     ◆━━━━"),
        (AttemptOutcome.REFUSED, 0, None, 1, "─         "),
        (AttemptOutcome.FAILED, 20, None, 80, "  ──────  "),
        (AttemptOutcome.CUT, 90, 99, 100, "         ◆"),
        (AttemptOutcome.SHORT, 30, None, 30, "   ∅      "),
        (AttemptOutcome.CANCELLED, 100, None, 100, "         ─"),
    ],
)
def test_a_call_on_the_axis_of_time(
    outcome: AttemptOutcome, started: float, first: float | None, ended: float, drawn: str
) -> None:
    assert timeline(Attempt(1, world.ZAI, outcome, started, ended, first), 100.0, 10) == drawn


def test_every_call_says_what_became_of_it() -> None:
    shown = " ".join(" ".join(texts(happened_lines(view(full_receipt()), 120))).split())
    for said in (
        "✕ refused 129 ms",
        "It said: “You exceeded your current quota, please check your plan and billing details.”",
        "Usable again at 16:00, in 4 h.",
        "∅ not sent",
        "its allowance would not take it, so it was not asked",
        "✂ cut",
        "≈1,204→120 tok · $? in vain",
        "taken over in 4 ms · first token 374 ms after the call · 1,304→380 tok · $0.0023",
    ):
        assert said in shown


# -- figures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "said"),
    [
        (Usage(), ["tokens    unknown: nobody reported any"]),
        (
            Usage(1304, 380, 800, 100, 120),
            [
                "in        1,304, of them 800 from the cache and 100 written to it",
                "out       380, of them 120 thinking",
                "          reported by the provider",
            ],
        ),
        (Usage(9, None, estimated=True), ["in        9", "out       –", "          ≈ estimated here"]),
    ],
)
def test_tokens(usage: Usage, said: list[str]) -> None:
    assert texts(token_lines(world.receipt(usage=usage), WIDTH)) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ["answer    $0.0023"]),
        ({"cost_pico": None}, ["answer    $?"]),
        (
            {"waste_unknown": 2, "alternative_cost_pico": 1_300_000_000},
            [
                "answer    $0.0023",
                "in vain   2 calls whose cost nobody knows",
                "default   $0.0013 on your default model: $0.0010 more here",
            ],
        ),
        (
            {"cost_pico": None, "alternative_cost_pico": 1_300_000_000},
            ["answer    $?", "default   $0.0013 on your default model"],
        ),
        ({"outcome": Outcome.FAILED, "cost_pico": 0}, ["cost      $0"]),
        (
            {"outcome": Outcome.CANCELLED, "cost_pico": 0, "waste_pico": 2_300_000_000},
            ["in vain   $0.0023"],
        ),
    ],
)
def test_cost(changes: dict[str, object], said: list[str]) -> None:
    assert texts(cost_lines(world.receipt(**changes), WIDTH)) == said  # type: ignore[arg-type]


def test_allowances_are_told_in_their_own_unit() -> None:
    spent = (
        QuotaSpent("google/g", "requests", "day", 1, 18),
        QuotaSpent("zai/main", "cost", "balance", 2_300_000_000, 1_840_000_000_000),
        QuotaSpent("kimi/main", "total_tokens", "session:5h", 1_684, 0),
        QuotaSpent("anthropic/main", "share", "session:5h", 1, 580_000),
    )
    assert texts(quota_lines(world.receipt(quota=spent), WIDTH)) == [
        "per day   1 request, 18 left · google/g",
        "balance   $0.0023, $1.84 left · zai/main",
        "per 5h    1,684 total tokens, nothing left · kimi/main",
        "per 5h    some of the plan, 58 % left · anthropic/main",
    ]


# -- the screen -------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def open_receipt(
    receipt: Receipt, size: tuple[int, int] = (80, 24), turn_id: str | None = "T1"
) -> AsyncIterator[tuple[Panel, list[PinWanted | RetryWanted | None]]]:
    results: list[PinWanted | RetryWanted | None] = []
    async with open_panel(None, size) as panel:
        panel.app.push_screen(ReceiptScreen(receipt, FakeClock(), UTC, turn_id=turn_id), results.append)
        await panel.settle()
        yield panel, results


def cursor(panel: Panel) -> str | None:
    focused = panel.app.screen.focused
    assert isinstance(focused, LineList)
    return focused.current.target if focused.current is not None else None


async def test_the_answering_route_is_under_the_cursor_and_can_be_pinned_at_once() -> None:
    async with open_receipt(full_receipt()) as (panel, results):
        assert "● whole answer by google-2" in panel.shown()
        await panel.press("p")
        assert results == [PinWanted(world.GOOGLE_2.id)]


async def test_a_turn_is_asked_again_elsewhere_or_down_another_route() -> None:
    async with open_receipt(full_receipt()) as (_panel, results):
        await _panel.press("v")
        assert results == [RetryWanted("T1", None, avoid=(world.GOOGLE_2.id,))]
    async with open_receipt(full_receipt()) as (panel, results):
        await panel.press("j", "j", "j")
        assert cursor(panel) == CLAUDE.id
        assert "quality 0.95" in panel.shown(), "the figures of the bars under the cursor"
        await panel.press("r")
        assert results == [RetryWanted("T1", CLAUDE.id)]


async def test_without_a_turn_asking_again_says_why_it_cannot() -> None:
    async with open_receipt(full_receipt(), turn_id=None) as (panel, results):
        await panel.press("v", "r")
        assert panel.notes() == [NO_TURN, NO_TURN]
        assert results == []
        await panel.press("p")
        assert results == [PinWanted(world.GOOGLE_2.id)]


async def test_escape_leaves_with_nothing() -> None:
    async with open_receipt(full_receipt()) as (panel, results):
        await panel.press("escape")
        assert results == [None]


async def test_a_receipt_without_a_route_says_that_there_is_none_to_pin() -> None:
    async with open_receipt(failed()) as (panel, results):
        assert "✕ no whole answer" in panel.shown()
        await panel.press("p")
        assert panel.notes() == ["no route is under the cursor; j and k go to one"]
        assert results == []


async def test_a_small_terminal_scrolls_through_all_of_it() -> None:
    async with open_receipt(full_receipt(), (60, 16)) as (panel, _):
        seen = [panel.shown()]
        for _page in range(9):
            await panel.press("pagedown")
            seen.append(panel.shown())
        text = "\n".join(seen)
        assert all(title in text for title in TITLES)
        assert "01KBREQUEST" in text
        await panel.press("g")
        assert "● whole answer by google-2" in panel.shown()
        assert cursor(panel) == world.GOOGLE_2.id
        await panel.press("G")
        assert cursor(panel) is None, "what is out of view is under no cursor"


async def test_a_wide_terminal_shows_decision_and_calls_side_by_side() -> None:
    async with open_receipt(full_receipt(), (160, 50)) as (panel, results):
        first = panel.shown().splitlines()[1]
        assert "● whole answer by google-2" in first
        assert "Calls" in first
        assert "01KBREQUEST" in panel.shown()
        await panel.press("tab")
        assert cursor(panel) == world.GOOGLE_1.id
        await panel.press("j", "j", "p")
        assert results == [PinWanted(world.ZAI.id)]


async def test_the_columns_follow_the_terminal() -> None:
    async with open_receipt(full_receipt(), (160, 50)) as (panel, _):
        await panel.press("tab")
        await panel.pilot.resize_terminal(80, 24)
        await panel.settle()
        assert "Calls" not in panel.shown().splitlines()[1]
        assert cursor(panel) is not None
        await panel.press("G")
        assert "01KBREQUEST" in panel.shown()


def test_a_decision_that_stayed_says_where_the_message_alone_would_have_gone() -> None:
    stayed = replace(
        full_decision(),
        reason=Reason.STAY,
        rule=None,
        stayed=True,
        facts=(("conversation_tokens", 48_000), ("otherwise", CLAUDE.id)),
    )
    shown = texts(decided_lines(view(full_receipt(decision=stayed)), WIDTH))
    assert "why       stay: the conversation of 48,000 tokens keeps its route" in shown
    assert "stayed    alone, this message would have gone to" in shown
    assert "          anthropic/main/claude-sonnet-5" in shown


def test_a_decision_that_stayed_to_save_says_what_moving_would_cost() -> None:
    sums = (("saving_pico", -31_000_000_000), ("turns_left", 2.6), ("weighed", CLAUDE.id))
    stayed = replace(full_decision(), reason=Reason.STAY, rule=None, stayed=True, facts=sums)
    shown = texts(decided_lines(view(full_receipt(decision=stayed)), WIDTH))
    assert "why       stay: moving to anthropic/main/claude-sonnet-5 would cost $0.031" in shown
    assert "          more over the next ~4 turns" in shown


def test_a_conversation_that_moved_says_what_it_saves_and_what_it_left_behind() -> None:
    facts = (
        ("saving_pico", 1_250_000_000_000),
        ("turns_left", 0.0),
        ("moved_from", CLAUDE.id),
        ("moved_because", "saving"),
        ("left_behind", "signed thinking of 3 turns"),
        ("mended", "ids of 2 tool calls"),
    )
    moved = replace(full_decision(), reason=Reason.COST, rule=None, facts=facts)
    shown = " ".join(" ".join(texts(decided_lines(view(full_receipt(decision=moved)), WIDTH))).split())
    assert "why cost: moving saves $1.25 on the next turn, its cold cache paid for" in shown
    assert "moved from anthropic/main/claude-sonnet-5 as that saves more than its cache is worth" in shown
    assert "carried left behind: signed thinking of 3 turns; mended: ids of 2 tool calls" in shown


async def test_a_line_of_the_log_opens_its_receipt_and_escape_returns_to_it() -> None:
    async with open_deck(NARROW, start_panel=3) as deck:
        deck.engine.receipts["L2"] = full_receipt(request_id="L2")
        await deck.show(world.snapshot())
        await deck.press("3", "j", "enter")
        assert "● whole answer by google-2" in deck.shown()
        await deck.press("v")
        assert isinstance(deck.app.screen, ReceiptScreen), "a request of somebody else cannot be asked again"
        await deck.press("escape")
        assert "3 Routing log" in deck.shown()
        assert deck.screen.query_one("#log").has_focus


async def test_a_key_that_has_no_room_is_left_out_whole() -> None:
    async with open_deck((40, 20)) as deck:
        await deck.show(world.snapshot())
        deck.engine.receipts["R7"] = world.receipt("R7")
        deck.screen.post_message(ReceiptWanted("R7"))
        await deck.settle()
        hints = deck.app.screen.query_one("#receipt-hints").content  # type: ignore[attr-defined] # a line of text
        assert "p pin" in hints.plain
        assert len(hints.plain) <= 38


def test_the_sums_behind_a_choice_are_on_the_receipt() -> None:
    cent = 10**10
    sums = (
        ("cost_fresh_pico", cent),
        ("cost_output_pico", 2 * cent),
        ("weighed", CLAUDE.id),
        ("stay_pico", 3 * cent),
        ("move_pico", 5 * cent),
        ("saving_pico", -2 * cent),
        ("turns_left", 0.0),
    )
    told = full_receipt(decision=replace(full_decision(), facts=(*full_decision().facts, *sums)))
    told = replace(told, task=replace(told.task, likely=(("coding", 0.62), ("audit", 0.2))))
    for width in (76, 150):
        shown = " ".join(" ".join(texts(decided_lines(view(told), width))).split())
        assert "costs $0.010 input, $0.020 output" in shown
        assert "next zai/main/glm-5.3-flash for $0.0029, $0.0006 more" in shown
        assert f"weighed staying costs $0.030 over the next turn, {CLAUDE.id} $0.050" in shown
        assert "62% sure, else audit 20%" in shown
