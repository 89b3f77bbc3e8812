"""The deck's pure parts: formats, columns, rows, themes, environment."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import pytest
from rich.cells import cell_len
from tests.support import deck_world as world
from tests.support.clock import START_MS

from trunkline.domain.faults import FaultKind, FaultScope
from trunkline.domain.limits import FigureSource, Metric
from trunkline.domain.money import MoneySum
from trunkline.domain.state import Block
from trunkline.tui import format as fmt
from trunkline.tui.account_rows import account_rows
from trunkline.tui.account_standing import tightest
from trunkline.tui.cells import Column, share_width
from trunkline.tui.entry import prepare_environment
from trunkline.tui.keys import KEYS
from trunkline.tui.log_book import MOST_LINES, LogBook
from trunkline.tui.log_rows import route_chain, short_route
from trunkline.tui.themes import read_themes, shipped_themes_folder
from trunkline.tui.widgets.summary import fit_parts, summary_parts


@pytest.mark.parametrize(
    ("pico", "text"),
    [
        (None, "$?"),
        (0, "$0"),
        (1, "<$0.0001"),
        (2_300_000_000, "$0.0023"),
        (1_840_000_000_000, "$1.84"),
        (1_234_500_000_000_000, "$1,234.50"),
    ],
)
def test_money(pico: int | None, text: str) -> None:
    assert fmt.money(pico) == text


def test_an_unknown_cost_is_never_nothing() -> None:
    assert fmt.money_sum(MoneySum(0, 2)) == "$?"
    assert fmt.money_sum(MoneySum(0, 0)) == "$0"
    assert fmt.money_sum(MoneySum(2_300_000_000, 1)) == "$0.0023+?"


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(None, "–"), (0.4, "0 ms"), (640, "640 ms"), (999.6, "1.0 s"), (9_960, "10 s"), (200_000, "3 m")],
)
def test_durations(milliseconds: float | None, text: str) -> None:
    assert fmt.duration(milliseconds) == text


@pytest.mark.parametrize(
    ("ahead_ms", "text"),
    [
        (None, "–"),
        (-5, "now"),
        (41_000, "41 s"),
        (28 * 60_000, "12:28 28 m"),
        (4 * 3_600_000, "16:00 4 h"),
        (3 * 86_400_000, "Mon 12:00 3 d"),
        (20 * 86_400_000, "10 Dec 20 d"),
    ],
)
def test_resets_are_told_in_local_time_and_as_a_countdown(ahead_ms: int | None, text: str) -> None:
    at_ms = None if ahead_ms is None else START_MS + ahead_ms
    assert fmt.reset_in(at_ms, START_MS, UTC) == text


@pytest.mark.parametrize("share", [0, 0.001, 0.05, 0.5, 0.97, 0.999, 1])
def test_a_bar_is_full_or_empty_only_when_that_is_true(share: float) -> None:
    drawn = fmt.bar(share, 8)
    assert len(drawn) == 8
    assert (drawn == "▇" * 8) == (share == 1)
    assert (drawn == "▁" * 8) == (share == 0)
    assert (fmt.percent(share) == "100 %") == (share == 1)
    assert (fmt.percent(share) == "0 %") == (share == 0)


@pytest.mark.parametrize("text", ["", "short", "日本語のテキスト", "é" * 50, "e\u0301" * 10, "👩‍👩‍👧 family"])
@pytest.mark.parametrize("width", [0, 1, 2, 7, 20])
def test_a_text_fits_its_cells_exactly(text: str, width: int) -> None:
    assert cell_len(fmt.fit(text, width)) == width


def test_columns_share_the_width_and_the_least_needed_go_first() -> None:
    columns = (Column("a", 10, flex=1), Column("b", 5), Column("c", 6, drop=1), Column("d", 6, drop=2))
    assert share_width(columns, 40) == (20, 5, 6, 6)
    assert share_width(columns, 25) == (12, 5, 6, 0)
    assert share_width(columns, 17) == (11, 5, 0, 0)


def test_a_column_is_as_wide_as_its_texts_while_there_is_room_and_the_spared_ones_go_first() -> None:
    columns = (
        Column("name", 6, flex=1, most=12),
        Column("b", 5),
        Column("task", 4, drop=2, most=9),
        Column("cost", 8, drop=4),
    )
    longest = (10, 5, 30, 8)
    assert share_width(columns, 60, longest) == (10, 5, 9, 8), "no wider than its texts, nor than its most"
    assert share_width(columns, 30, longest) == (10, 5, 9, 0), "cost goes before a name is cut"
    assert share_width(columns, 21, longest) == (10, 5, 4, 0), "what always stays grows first"
    assert share_width(columns, 14, longest) == (8, 5, 0, 0)
    assert share_width(columns, 10, longest) == (4, 5, 0, 0)


def test_the_limit_with_the_least_left_is_shown() -> None:
    day = world.limit(amount=100, used=10)
    minute = world.limit(Metric.INPUT_TOKENS, 1000, 950, "60s", 12_000, FigureSource.LEARNED)
    assert tightest((day, minute)) == minute
    assert tightest(()) is None
    nothing = world.limit(amount=0, used=0)
    assert tightest((nothing, day)) == day, "a model that the account may not use is no allowance running out"
    account = world.account("google", "g", day, minute)
    row = account_rows(world.snapshot(providers=(world.provider("google", account),)), START_MS, zone=UTC)[0]
    assert [cell.text for cell in row.cells][2:6] == ["▇▁▁▁▁▁▁   5 %", "60s l", "", "12 s"]


def test_disabled_keyless_and_blocked_accounts_show_no_percentage() -> None:
    block = Block("a", FaultScope.ACCOUNT, FaultKind.AUTH, "invalid_key", "rejected", START_MS, None)
    trying = Block("a", FaultScope.ACCOUNT, FaultKind.AUTH, "x", "y", START_MS, START_MS + 1, half_open=True)
    accounts = (
        world.account("p", "off", world.limit(), enabled=False),
        world.account("p", "nokey", world.limit(), has_key=False),
        world.account("p", "blocked", world.limit(), block=block),
        world.account("p", "trying", world.limit(), block=trying),
    )
    rows = account_rows(world.snapshot(providers=(world.provider("p", *accounts),)), START_MS, zone=UTC)
    assert [row.cells[2].text for row in rows] == [
        "1 of 4 ready",
        "disabled",
        "no key",
        "key rejected",
        "trying again",
    ]
    assert rows[3].cells[5].text == "until you act"


def test_routes_are_told_short() -> None:
    assert short_route("google/google-1/gemini/x") == "google-1"
    assert short_route("zai/main/glm") == "zai/main"
    assert route_chain(("a/b/m", "google/google-1/x/y")) == "a/b → google-1 · x/y"
    assert route_chain(("a/b/m", "a/b/m", "c/d/n")) == "a/b ×2 → c/d · n"
    assert route_chain(()) == "no route"


def test_the_book_keeps_its_bound() -> None:
    book = LogBook()
    for start in range(0, 3 * MOST_LINES, 100):
        book.take_snapshot(tuple(world.entry(f"E{start + n}", world.ZAI) for n in range(100)))
    assert len(book) == MOST_LINES


def test_the_first_line_keeps_what_matters_at_every_width() -> None:
    parts = summary_parts(world.snapshot(crisis=world.crisis()))
    for width in (60, 80, 120, 200):
        shown = fit_parts(parts, width)
        text = "  ".join(part.text for part in shown)
        assert cell_len(text) <= width
        assert "balanced · auto" in text
        assert "CRISIS" in text


def test_shipped_themes_are_sound() -> None:
    themes, errors = read_themes(shipped_themes_folder())
    assert errors == ()
    assert {"trunkline-dark", "trunkline-terminal"} <= {theme.name for theme in themes}


def test_a_bad_theme_is_named_and_the_rest_is_used(tmp_path: Path) -> None:
    (tmp_path / "good.toml").write_text('primary = "#ff0000"\n')
    (tmp_path / "typo.toml").write_text('primary = "#ff0000"\nprimry = "#00ff00"\n')
    (tmp_path / "colour.toml").write_text('primary = "no-colour"\n')
    (tmp_path / "broken.toml").write_text("primary = \n")
    (tmp_path / "empty.toml").write_text("")
    themes, errors = read_themes(tmp_path)
    assert [theme.name for theme in themes] == ["good"]
    assert len(errors) == 4
    for name in ("typo", "colour", "broken", "empty"):
        assert any(f"{name}.toml" in error for error in errors)


def test_low_bandwidth_is_chosen_over_ssh_and_the_users_own_settings_stay() -> None:
    environment = {"SSH_CONNECTION": "1 2 3 4", "TEXTUAL_FPS": "30"}
    assert prepare_environment(environment, None)
    assert environment["TEXTUAL_FPS"] == "30"
    assert environment["TEXTUAL_ANIMATIONS"] == "none"
    assert not prepare_environment({"SSH_CONNECTION": "x"}, False)
    assert not prepare_environment({}, None)


def test_no_key_means_two_things_in_one_place() -> None:
    for spec in KEYS:
        for other in KEYS:
            if spec is not other and spec.scope is other.scope:
                assert not set(spec.keys) & set(other.keys), (spec.id, other.id)
