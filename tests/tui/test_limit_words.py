"""What refuses calls and how allowances will fare, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import pytest
from tests.support import deck_world as world
from tests.support.clock import START_MS
from tests.support.deck import NARROW, open_deck

from trunkline.domain.checks import AccountReport, Balance
from trunkline.domain.faults import FaultKind, FaultScope
from trunkline.domain.limits import WHOLE_SHARE, FigureSource, Forecast, LimitUse, Metric, Window
from trunkline.domain.money import PICO_PER_USD
from trunkline.domain.routes import Billing
from trunkline.domain.snapshot import SharedAllowance
from trunkline.domain.state import Block
from trunkline.tui import format as fmt
from trunkline.tui.account_facts import fact_lines
from trunkline.tui.account_rows import COLUMNS, account_rows
from trunkline.tui.account_sentences import limit_sentence, used_words
from trunkline.tui.cells import Cell, Tone, longest_cells, share_width
from trunkline.tui.limit_words import block_sentence, block_words, forecast_cell, forecast_words

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
TUESDAY_0200_MS = START_MS + 86 * HOUR_MS
RUNS_OUT = Forecast(120.0, START_MS + 130 * MINUTE_MS, 0.9)


def block(kind: FaultKind, until_ms: int | None = TUESDAY_0200_MS, **changes: object) -> Block:
    made = Block("zai/main", FaultScope.ACCOUNT, kind, "1113", "refused", START_MS, until_ms)
    return replace(made, **changes)  # type: ignore[arg-type] # fields of it


def expecting(forecast: Forecast | None, **changes: object) -> LimitUse:
    return replace(world.limit(amount=1_000, used=400), forecast=forecast, **changes)  # type: ignore[arg-type] # fields of it


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (-5, "0 s"),
        (41_400, "41 s"),
        (59_900, "1 m"),
        (723_000, "12 m 3 s"),
        (11_520_000, "3 h 12 m"),
        (187_200_000, "2 d 4 h"),
    ],
)
def test_a_countdown_in_two_units(milliseconds: int, text: str) -> None:
    assert fmt.exactly(milliseconds) == text


def test_a_limit_says_when_it_resets_and_nothing_of_credit() -> None:
    said = block_sentence(block(FaultKind.QUOTA_WINDOW, message=""), Billing.RATE_LIMIT, START_MS, UTC)
    assert said == "quota limit hit, resets Tue 02:00 (in 3 d 14 h): 1113"
    soon = block(FaultKind.RATE_MINUTE, START_MS + 192 * MINUTE_MS, message="quota limit hit")
    assert (
        block_sentence(soon, Billing.CREDITS, START_MS, UTC) == "quota limit hit, resets 15:12 (in 3 h 12 m)"
    )


@pytest.mark.parametrize("billing", Billing)
def test_out_of_credit_is_said_only_where_there_is_a_balance(billing: Billing) -> None:
    refused = block(FaultKind.BILLING)
    said = f"{block_words(refused, billing)} {block_sentence(refused, billing, START_MS, UTC)}"
    assert ("out of credit" in said) == (billing in (Billing.CREDITS, Billing.RATE_LIMIT))
    assert ("quota limit hit" in said) == (billing in (Billing.SUBSCRIPTION, Billing.FREE, Billing.LOCAL))


def test_a_forecast_stands_in_the_cell_only_where_it_runs_out_before_the_reset() -> None:
    assert forecast_cell(expecting(RUNS_OUT), START_MS, UTC).text == "▼14:10"
    assert forecast_cell(expecting(RUNS_OUT), START_MS, UTC).tone is Tone.WARN
    unsure = expecting(replace(RUNS_OUT, confidence=0.4))
    assert forecast_cell(unsure, START_MS, UTC) == Cell("▼≈14:10", Tone.DIM)
    for use in (None, expecting(None), expecting(Forecast(3.0, None, 0.9))):
        assert forecast_cell(use, START_MS, UTC).text == ""
    balance = world.limit(
        Metric.COST, 5 * PICO_PER_USD, PICO_PER_USD, "balance", None, FigureSource.CONFIGURED
    )
    lasting = replace(balance, forecast=Forecast(1e9, START_MS + 9 * 24 * HOUR_MS, 0.9))
    assert forecast_cell(lasting, START_MS, UTC).text == "▼29 Nov"
    assert forecast_cell(lasting, START_MS, UTC).tone is Tone.DIM


def test_a_rolling_window_runs_out_though_the_first_of_it_is_given_back_before() -> None:
    rolling = replace(expecting(RUNS_OUT), window=Window.parse("1d"), resets_at_ms=START_MS + 60_000)
    assert forecast_cell(rolling, START_MS, UTC).text == "▼14:10"
    said = forecast_words(rolling, START_MS, UTC)
    assert said is not None
    assert said.text == "at 120 an hour it lasts until 14:10 (in 2 h 10 m)"
    lasts = forecast_words(replace(rolling, forecast=Forecast(2.5, None, 0.9)), START_MS, UTC)
    assert lasts is not None
    assert lasts.text == "at 2.5 an hour it lasts for as long as can be said"


@pytest.mark.parametrize(
    ("forecast", "said"),
    [
        (None, None),
        (RUNS_OUT, "at 120 an hour it lasts until 14:10 (in 2 h 10 m), before it resets"),
        (
            replace(RUNS_OUT, confidence=0.4),
            "at 120 an hour it lasts until 14:10 (in 2 h 10 m), before it resets · 40 % sure",
        ),
        (replace(RUNS_OUT, lasts_until_ms=START_MS - 5), "at 120 an hour it is used up about now"),
        (Forecast(2.5, None, 0.9), "at 2.5 an hour it lasts until it resets"),
        (Forecast(0.0, None, 0.9), "not used lately"),
    ],
)
def test_a_forecast_in_a_sentence_is_never_invented(forecast: Forecast | None, said: str | None) -> None:
    found = forecast_words(expecting(forecast), START_MS, UTC)
    assert (None if found is None else found.text) == said


def test_a_share_of_a_plan_is_told_in_percent_everywhere() -> None:
    plan = world.limit(Metric.SHARE, WHOLE_SHARE, 420_000, "session:5h")
    plan = replace(plan, forecast=Forecast(31_000.0, None, 0.9))
    assert used_words(plan) == "42 % of the plan's 5 h"
    said = limit_sentence(plan, START_MS, UTC)
    assert said.startswith("42 % of the plan's 5 h used, reported by the provider")
    assert (forecast_words(plan, START_MS, UTC) or Cell("")).text.startswith("at 3 % an hour it lasts")
    shown = world.snapshot(providers=(world.provider("p", world.account("p", "a", plan)),))
    rows = account_rows(shown, START_MS, zone=UTC)
    lines = [
        "".join(cell.text for cell in row.cells)
        for row in (*fact_lines(shown, "p/a", START_MS, UTC, 80), *rows)
    ]
    assert any("the plan's 5 h" in line and "42 % used" in line and "58 % left" in line for line in lines)
    assert not any("420,000" in line or "1,000,000" in line for line in lines)


def test_the_column_is_there_only_while_something_runs_out() -> None:
    def widths(forecast: Forecast | None) -> tuple[int, ...]:
        one = world.provider("p", world.account("p", "a", expecting(forecast)))
        rows = account_rows(world.snapshot(providers=(one,)), START_MS, zone=UTC)
        return share_width(COLUMNS, 76, longest_cells(rows, COLUMNS))

    at = [column.title for column in COLUMNS].index("lasts")
    assert widths(None)[at] == 0
    assert widths(RUNS_OUT)[at] == len("▼14:10")
    for forecast in (None, RUNS_OUT):
        shown = [width for width in widths(forecast) if width]
        assert sum(shown) + len(shown) - 1 <= 76


def test_an_account_tells_everything_that_its_figures_rest_on() -> None:
    use = expecting(
        RUNS_OUT, confidence=0.6, flaw="a reset 9 years ahead was left out", source=FigureSource.LEARNED
    )
    refused = block(
        FaultKind.QUOTA_WINDOW,
        provider_text="[b]weekly limit\x1b[0m",
        evidence="two models refused together",
        confidence=0.7,
        flaw="a negative wait was told",
    )
    account = replace(
        world.account("zai", "main", use, block=refused),
        report=AccountReport(balance=Balance(4_200_000, "USD"), notes=("a plan",)),
        reported_at_ms=START_MS - 3 * MINUTE_MS,
        shares_with=(SharedAllowance("two", 0.8, "refused at the same second"),),
        concurrency=3,
    )
    snapshot = world.snapshot(providers=(world.provider("zai", account),))
    told = "\n".join(line.text for line in fact_lines(snapshot, "zai/main", START_MS, UTC, 120))
    for said in (
        "quota limit hit, resets Tue 02:00 (in 3 d 14 h): refused (1113)",
        "“[b]weekly limit",
        "this account, 70 % sure",
        "two models refused together",
        "a negative wait was told",
        "counted here against a learned limit, 4 m old, 60 % sure",
        "it lasts until 14:10",
        "beware: a reset 9 years ahead was left out",
        "4.20 USD left, told 11:57, 3 m old",
        "seems to draw on the same allowance as zai/two, 80 % sure: refused at the same second",
        "takes 3 at once",
    ):
        assert said in told
    assert "\x1b" not in told


async def test_an_account_is_marked_as_available_from_the_panel_and_its_screen() -> None:
    async with open_deck(NARROW, start_panel=1) as deck:
        await deck.show(world.snapshot())
        await deck.press("f")
        assert deck.engine.orders == [("free", "google")]
        assert "google is marked as available" in deck.shown()
        await deck.press("j", "enter", "f")
        assert deck.engine.orders[-1] == ("free", "google/google-1")
    async with open_deck(NARROW, start_panel=1) as deck:
        await deck.show(world.snapshot(read_only=True))
        await deck.press("f")
        assert deck.engine.orders == []
