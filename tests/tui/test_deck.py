from __future__ import annotations

import dataclasses

import pytest
from tests.support import deck_world as world
from tests.support.clock import START_MS
from tests.support.deck import NARROW, TINY, WIDE, open_deck
from tests.support.fake_engine import FakeEngine

from trunkline.domain.errors import ConfigError
from trunkline.domain.events import (
    Alert,
    AlertLevel,
    Answered,
    BreakerChanged,
    ConfigChanged,
    TrafficSeen,
)
from trunkline.domain.money import MoneySum
from trunkline.domain.snapshot import RunningCall, Snapshot, Totals
from trunkline.tui.keys import KEYS
from trunkline.tui.messages import PaceChanged
from trunkline.tui.pace import pace_for
from trunkline.tui.screens.help import help_lines
from trunkline.tui.widgets.row_list import RowList


@pytest.mark.parametrize("size", [NARROW, WIDE, TINY])
async def test_a_snapshot_is_shown_at_every_size(size: tuple[int, int]) -> None:
    async with open_deck(size, start_panel=1) as deck:
        await deck.show(world.snapshot())
        shown = deck.shown()
        assert "balanced · auto" in shown
        assert "google-1" in shown
        assert "◐  34" in shown
        assert "10 %" in shown
        assert "day r" in shown
        assert "16:00 4 h" in shown


async def test_wide_shows_all_panels_and_narrow_one() -> None:
    async with open_deck(WIDE) as deck:
        await deck.show(world.snapshot())
        shown = deck.shown()
        assert "1 Providers" in shown
        assert "3 Routing log" in shown
        assert "4 Chat" in shown
        assert "google-1 → google-2" in shown
    async with open_deck(NARROW) as deck:
        await deck.show(world.snapshot())
        assert "4 Chat" in deck.shown()
        assert "1 Providers" not in deck.shown()
        await deck.press("escape", "3")
        assert "3 Routing log" in deck.shown()
        assert "4 Chat" not in deck.shown()
        await deck.press("tab")
        assert "4 Chat" in deck.shown()
        await deck.press("alt+1")
        assert "1 Providers" in deck.shown()


async def test_a_refused_account_shows_the_refusal_and_no_percentage() -> None:
    async with open_deck() as deck:
        await deck.show(world.snapshot())
        line = next(line for line in deck.shown().splitlines() if "kimi/main" in line)
        assert "quota hit" in line
        assert "%" not in line.split("││")[0]
        assert "12:28 28 m" in line


async def test_an_unchanged_snapshot_changes_no_cell() -> None:
    async with open_deck() as deck:
        await deck.show(world.snapshot())
        lists = list(deck.screen.query(RowList))
        before = [row_list.cells_changed for row_list in lists]
        drawn: list[object] = []
        for widget in (*lists, deck.screen.query_one("#summary")):
            widget.refresh = lambda *a, **k: drawn.append(a)  # type: ignore[method-assign,misc]
        await deck.show(dataclasses.replace(world.snapshot(), generation="g2"))
        assert [row_list.cells_changed for row_list in lists] == before
        assert drawn == []


async def test_only_the_changed_cells_are_drawn_again() -> None:
    async with open_deck() as deck:
        await deck.show(world.snapshot())
        accounts = deck.screen.query_one("#accounts", RowList)
        before = accounts.cells_changed
        first, *others = world.snapshot().providers
        used_more = world.account("google", "google-2", world.limit(amount=20, used=5))
        changed = dataclasses.replace(first, accounts=(first.accounts[0], used_more, first.accounts[2]))
        await deck.show(world.snapshot(providers=(changed, *others)))
        assert accounts.cells_changed == before + 1, "the account's share"
        assert "75 %" in deck.shown()


async def test_the_first_line_tells_the_day() -> None:
    totals = Totals(412, 2, 0, 3, 420, 4, 1, 7, MoneySum(1_840_000_000_000, 1), None)
    async with open_deck() as deck:
        await deck.show(
            world.snapshot(pin="google/google-2", paused=True, crisis=world.crisis(), totals=totals)
        )
        line = deck.shown().splitlines()[0]
        for part in (
            "pinned google/google-2",
            "paused",
            "CRISIS",
            "$1.84+?",
            "2 failed",
            "7 waiting",
        ):
            assert part in line


async def test_mode_auto_and_pause_keys_give_orders() -> None:
    async with open_deck(start_panel=1) as deck:
        await deck.show(world.snapshot())
        await deck.press("m", "m", "P", "a")
        await deck.show(world.snapshot(paused=True, mode="free_only"))
        await deck.press("P", "m")
        assert deck.engine.orders == [
            ("set_mode", "cost_first"),
            ("set_mode", "quality_first"),
            ("pause", None),
            ("reset", None),
            ("resume", None),
            ("set_mode", "balanced"),
        ]


async def test_letters_are_text_inside_the_editor() -> None:
    async with open_deck() as deck:
        await deck.show(world.snapshot())
        await deck.press("m", "P", "q", "1")
        assert deck.engine.orders == []
        assert deck.screen.query_one("#prompt").text == "mPq1"  # type: ignore[attr-defined]


async def test_the_picker_switches_to_what_was_typed() -> None:
    async with open_deck(start_panel=1) as deck:
        await deck.show(world.snapshot())
        await deck.press("s")
        assert "Send everything down one route" in deck.shown()
        await deck.press(*"google2gem", "enter")
        assert deck.engine.orders == [("switch", "google/google-2/gemini-3.8-flash")]
        await deck.press("s", "enter")
        assert deck.engine.orders[-1] == ("switch", None)
        await deck.press("s", "escape")
        assert len(deck.engine.orders) == 2


async def test_pools_fold() -> None:
    async with open_deck(start_panel=1) as deck:
        await deck.show(world.snapshot())
        await deck.press("space")
        assert "google-3" not in deck.shown()
        assert "2 of 3 ready" in deck.shown()
        await deck.press("space")
        assert "google-3" in deck.shown()


async def test_the_account_under_the_cursor_is_told_in_full() -> None:
    async with open_deck(start_panel=1) as deck:
        await deck.show(world.snapshot())
        await deck.press("j")
        assert "18 of 20 requests per day used, reported by the provider, 4 m old" in deck.shown()
        assert "key env:GOOGLE_API_KEY" in deck.shown()


async def test_the_log_is_filtered_and_given_back_by_escape() -> None:
    async with open_deck(start_panel=1) as deck:
        await deck.show(world.snapshot())
        log = deck.screen.query_one("#log", RowList)
        await deck.press("slash", *"quota", "enter")
        assert [row.key for row in log.rows] == ["L2"]
        assert "3 Routing log · filtered" in deck.shown()
        await deck.press("slash", *" zzz")
        assert "enter keep the filter" in " ".join(deck.shown().splitlines()[-1].split())
        assert "Nothing matches the filter" in deck.shown()
        await deck.press("escape")
        assert [row.key for row in log.rows] == ["L3", "L2", "L1"]


async def test_endings_come_into_the_log_before_the_next_snapshot_and_once() -> None:
    async with open_deck() as deck:
        await deck.show(world.snapshot())
        deck.engine.announce(Answered(world.receipt("X1")), "X1")
        await deck.settle()
        deck.screen.tick()
        log = deck.screen.query_one("#log", RowList)
        assert [row.key for row in log.rows] == ["X1", "L3", "L2", "L1"]
        await deck.show(world.snapshot(log=(world.entry("X1", world.GOOGLE_2), *world.snapshot().log)))
        assert [row.key for row in log.rows].count("X1") == 1


async def test_the_cursor_stays_on_its_line_when_others_come() -> None:
    async with open_deck(start_panel=3) as deck:
        await deck.show(world.snapshot())
        log = deck.screen.query_one("#log", RowList)
        await deck.press("j")
        assert log.cursor_key == "L2"
        await deck.show(world.snapshot(log=(world.entry("L4", world.ZAI), *world.snapshot().log)))
        assert log.cursor_key == "L2"
        await deck.press("g")
        await deck.show(world.snapshot(log=(world.entry("L5", world.ZAI), *world.snapshot().log)))
        assert log.cursor_key == log.rows[0].key


async def test_news_of_blocks_and_configuration_is_in_the_log() -> None:
    async with open_deck() as deck:
        await deck.show(world.snapshot())
        deck.engine.announce(BreakerChanged("kimi/main", world.snapshot().providers[2].accounts[0].block))
        deck.engine.announce(BreakerChanged("kimi/main", None))
        deck.engine.announce(ConfigChanged("g2", "providers.toml: no"))
        await deck.settle()
        deck.screen.tick()
        await deck.settle()
        shown = deck.shown()
        assert "kimi/main set aside until 12:28: limit hit" in shown
        assert "kimi/main is free again" in shown
        assert "configuration refused: providers.toml: no" in shown


async def test_what_other_processes_do_is_in_the_log_without_waiting_for_a_tick() -> None:
    call = RunningCall("R9", 1, "zai/main/glm-5.3-flash", "serve", START_MS, "gateway")
    async with open_deck(start_panel=3) as deck:
        await deck.show(world.snapshot())
        log = deck.screen.query_one("#log", RowList)

        async def shown_after(body: TrafficSeen) -> tuple[str, str]:
            deck.engine.announce(body)
            await deck.settle()
            return log.rows[0].key, log.rows[0].cells[-1].text

        began, ended = TrafficSeen((), (call,)), TrafficSeen((world.entry("R9", world.ZAI),), ())
        key, how = await shown_after(began)
        assert (key, deck.screen._book.is_running(key)) == ("R9", True)
        assert await shown_after(ended) != (key, how)
        assert not deck.screen._book.is_running("R9")
        await deck.app.run_action("bandwidth")
        assert (await shown_after(TrafficSeen((world.entry("R10", world.ZAI, ago_s=-1),), ())))[0] == "R9"
        deck.screen.tick()
        assert log.rows[0].key == "R10"


async def test_sums_keep_up_with_the_log_unless_the_line_is_spared() -> None:
    async with open_deck() as deck:
        await deck.show(world.snapshot())

        async def first_line_after(answered: int) -> str:
            deck.engine.tell(world.snapshot(totals=Totals(answered=answered)))
            await deck.settle()
            return deck.shown().splitlines()[0]

        assert "7 answered" in await first_line_after(7)
        await deck.app.run_action("bandwidth")
        assert "7 answered" in await first_line_after(8)


async def test_an_alert_is_told_once_a_minute() -> None:
    async with open_deck() as deck:
        await deck.show(world.snapshot())
        for _ in range(3):
            deck.engine.announce(Alert(AlertLevel.WARNING, "quota:google", "google-1 is at [bold]81 %"))
        await deck.settle()
        assert len(deck.app._notifications) == 1
        assert "google-1 is at [bold]81 %" in deck.shown()


async def test_the_deck_stays_when_the_engine_dies() -> None:
    async with open_deck(start_panel=1) as deck:
        await deck.show(world.snapshot())
        deck.engine.die("the store is gone")
        await deck.settle()
        assert "the engine has ended: the store is gone" in deck.shown()
        assert "google-1" in deck.shown()
        await deck.press("m")
        assert deck.engine.orders == []


async def test_an_engine_that_cannot_be_built_is_said() -> None:
    class Refusing(FakeEngine):
        def start(self, listener: object) -> None:
            self.listener = listener  # type: ignore[assignment]
            raise ConfigError(file="providers.toml", key="x", value=1, expected="y")

    async with open_deck(engine=Refusing()) as deck:
        await deck.settle()
        assert "the engine has ended: providers.toml: x: 1 is not usable" in deck.shown()


async def test_before_the_first_snapshot_the_deck_says_what_it_waits_for() -> None:
    async with open_deck(engine=FakeEngine(ready_at_start=False)) as deck:
        assert "engine starting" in deck.shown()
        assert "Engine starting" in deck.shown()


async def test_empty_panels_say_what_would_fill_them() -> None:
    async with open_deck() as deck:
        await deck.show(world.snapshot(providers=(), log=(), routes=()))
        shown = deck.shown()
        assert "No accounts yet" in shown
        assert "No requests yet" in shown
        assert "Nothing said yet" in shown


def test_help_lists_every_key() -> None:
    told = {text for _, text in help_lines()}
    assert {spec.description for spec in KEYS} <= told


async def test_help_opens_and_closes() -> None:
    async with open_deck(NARROW, start_panel=1) as deck:
        await deck.press("question_mark")
        assert "Keys · esc closes" in deck.shown()
        await deck.press("escape")
        assert "1 Providers" in deck.shown()


async def test_zoom_and_back() -> None:
    async with open_deck(WIDE, start_panel=3) as deck:
        await deck.press("z")
        assert "4 Chat" not in deck.shown()
        await deck.press("escape")
        assert "4 Chat" in deck.shown()


async def test_the_palette_offers_every_action() -> None:
    async with open_deck(start_panel=1) as deck:
        offered = {command.title for command in deck.app.get_system_commands(deck.screen)}
        assert {spec.description for spec in KEYS if spec.palette} <= offered
        await deck.show(world.snapshot())
        await deck.press("ctrl+p")
        await deck.press(*"next mode")
        await deck.press("enter")
        await deck.settle()
        assert deck.engine.orders == [("set_mode", "cost_first")]


async def test_hostile_names_stay_text() -> None:
    hostile = "[bold]x\x1b[31m日本語" + "y" * 500
    account = world.account("google", hostile, world.limit())
    entry = world.entry("H", origin=hostile, reason="[red]\x07why", routes=(f"google/{hostile}/m",))
    snapshot: Snapshot = world.snapshot(
        providers=(world.provider("google", account),), log=(entry,), pin="[/bold]" + hostile, mode="[u]m"
    )
    async with open_deck(NARROW, start_panel=1) as deck:
        await deck.show(snapshot)
        assert "[bold]x" in deck.shown()
        assert "[u]m" in deck.shown()
        assert "\x1b" not in deck.shown()
        await deck.press("3")
        assert "[bold]x" in deck.shown()
        await deck.press("s", "y")
        assert deck.app.screen is not deck.screen


async def test_an_unknown_theme_is_said_and_replaced() -> None:
    async with open_deck(theme="no-such-theme") as deck:
        assert "there is no theme called no-such-theme" in " ".join(deck.shown().split())
        assert deck.app.theme.startswith("trunkline-")


async def test_ctrl_q_leaves() -> None:
    async with open_deck() as deck:
        await deck.press("ctrl+q")
        assert deck.app.return_code == 0


async def test_a_deck_that_watches_offers_first_what_acts_and_says_why_the_rest_does_not() -> None:
    async with open_deck(NARROW, start_panel=1) as deck:
        await deck.show(world.snapshot(read_only=True, providers=(), log=()))
        hints = deck.shown().splitlines()[-1]
        assert "filter" in hints
        assert not {"write", "pin", "switch", "test", "disable"} & set(hints.split())
        assert "They come once `trunkline` has run" in deck.shown()
        await deck.press("2")
        for _ in range(5):  # one stretch after the other is found empty
            await deck.settle()
        assert "Those of other processes come here." in deck.shown()
        await deck.press("3")
        assert "Those of other processes come here" in deck.shown()
        await deck.press("i")
        assert any("only watches" in note.message for note in deck.app._notifications)
        assert deck.screen._panels.current == 3


@pytest.mark.parametrize("key", ["space", "t", "d", "enter"])
async def test_without_accounts_the_keys_of_panel_1_say_so(key: str) -> None:
    async with open_deck(NARROW, start_panel=1) as deck:
        await deck.show(world.snapshot(providers=()))
        await deck.press(key)
        assert any("there is no" in note.message for note in deck.app._notifications)


@pytest.mark.parametrize("sparing", [False, True])
async def test_the_log_is_drawn_when_it_is_told_not_a_second_later_but_over_a_slow_line(
    sparing: bool,
) -> None:
    async with open_deck(WIDE) as deck:
        deck.screen.post_message(PaceChanged(pace_for(sparing=sparing)))
        await deck.show(world.snapshot(log=()))
        deck.engine.tell(world.snapshot(log=(world.entry("R9", world.GOOGLE_1, origin="agent-9"),)))
        await deck.settle()
        assert ("agent-9" in deck.shown()) is not sparing
