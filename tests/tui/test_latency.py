"""Panel 2: which figures it asks for and when, and how it draws them."""

from __future__ import annotations

import math
from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.support import deck_world as world
from tests.support.clock import START_MS
from tests.support.deck import NARROW, TINY, WIDE, Deck, open_deck
from tests.support.fake_engine import FakeEngine

from trunkline.domain.latency_history import LatencyHistory, LatencyPoint, LatencySeries
from trunkline.tui.latency_rows import (
    DAY_MS,
    HOUR_MS,
    MARKERS,
    MINUTE_MS,
    STRETCHES,
    Measure,
    Track,
    empty_text,
    fitting_stretch,
    legend_lines,
    pieces,
    scale_of,
    spark,
    tracks,
    x_ticks,
    y_ticks,
)
from trunkline.tui.memory import DeckMemory
from trunkline.tui.widgets.latency_panel import LatencyPanel

SINCE_MS = START_MS - 15 * MINUTE_MS
BUCKET_MS = 15_000


def series(provider: str, base_ms: float, *, first_token: bool = True) -> LatencySeries:
    points = tuple(
        LatencyPoint(
            SINCE_MS + at * BUCKET_MS,
            3,
            base_ms * (1 + 0.2 * math.sin(at / 5)),
            base_ms * 2,
            base_ms / 4 if first_token else None,
        )
        for at in range(60)
    )
    return LatencySeries(provider, points)


def history(*found: LatencySeries, reroutes: int = 0) -> LatencyHistory:
    marks = tuple(START_MS - (5 + at) * MINUTE_MS for at in reversed(range(reroutes)))
    return LatencyHistory(SINCE_MS, START_MS, BUCKET_MS, found, marks)


def track(provider: str = "zai", number: int = 0, *values: float) -> Track:
    points = tuple((SINCE_MS + at * BUCKET_MS, value) for at, value in enumerate(values))
    return Track(provider, number, points, values[-1] if values else 0.0, None)


def test_a_provider_keeps_its_sign_when_another_comes() -> None:
    numbers = {"zai": 0, "google": 1}
    alone = tracks(history(series("zai", 400)), Measure.REPLY, numbers)
    both = tracks(history(series("google", 600), series("zai", 400)), Measure.REPLY, numbers)
    assert alone[0].marker == both[0].marker == MARKERS[0]
    assert [one.provider for one in both] == ["zai", "google"]


def test_newest_figures_are_told_and_only_those_that_are_measured() -> None:
    found = history(series("zai", 400), series("google", 600, first_token=False))
    numbers = {"zai": 0, "google": 1}
    reply = tracks(found, Measure.REPLY, numbers)
    assert reply[0].figures.endswith("p95 800 ms")
    first = tracks(found, Measure.FIRST_TOKEN, numbers)
    assert [(one.provider, one.figures) for one in first] == [("zai", "p50 100 ms")]


def test_no_line_is_drawn_over_a_long_silence() -> None:
    points = [(0, 1.0), (15, 1.0), (60, 1.0), (120, 1.0)]
    assert pieces(points, 15) == [[(0, 1.0), (15, 1.0), (60, 1.0)], [(120, 1.0)]]


@pytest.mark.parametrize(
    ("values", "rows", "labels"),
    [
        ((600, 1_400), 8, ["0", "500 ms", "1 s", "1.5 s"]),
        ((600, 900), 12, ["0", "200 ms", "400 ms", "600 ms", "800 ms", "1 s"]),
        ((600, 900), 4, ["0", "1 s"]),
        ((40, 9_000), 9, ["20 ms", "100 ms", "500 ms", "2 s", "10 s"]),
        ((0.2, 0.4), 5, ["0", "0.5 ms", "1 ms"]),
    ],
)
def test_the_vertical_axis_is_logarithmic_where_figures_lie_far_apart(
    values: tuple[float, ...], rows: int, labels: list[str]
) -> None:
    scale = scale_of(values)
    assert scale.logarithmic == (max(values) >= 20 * min(values))
    assert scale.low <= min(values)
    assert max(values) <= scale.high
    ticks = y_ticks(scale, rows)
    assert len(ticks) <= max(2, rows // 2 + 1)
    if labels[0] != "20 ms":
        assert [label for _, label in ticks] == [label.replace("0.5 ms", "0 ms") for label in labels]
    assert [place for place, _ in ticks] == sorted(place for place, _ in ticks)


@pytest.mark.parametrize(
    ("length_ms", "zone", "width", "labels"),
    [
        (15 * MINUTE_MS, UTC, 60, ["11:45", "11:50", "11:55", "12:00"]),
        (HOUR_MS, UTC, 60, ["11:00", "11:15", "11:30", "11:45", "12:00"]),
        (15 * MINUTE_MS, ZoneInfo("Asia/Kathmandu"), 30, ["17:30", "17:40"]),
        (DAY_MS, ZoneInfo("Asia/Kolkata"), 60, ["18:00", "00:00", "06:00", "12:00"]),
        (7 * DAY_MS, UTC, 100, ["Sat 14", "Sun 15", "Mon 16", "Tue 17", "Wed 18", "Thu 19", "Fri 20"]),
    ],
)
def test_the_horizontal_axis_tells_round_local_times(
    length_ms: int, zone: tzinfo, width: int, labels: list[str]
) -> None:
    assert [label for _, label in x_ticks(START_MS - length_ms, START_MS, zone, width)] == labels


def test_the_legend_drops_the_percentile_before_it_drops_a_provider() -> None:
    found = tracks(
        history(*(series(name, 400) for name in ("zai", "google", "anthropic"))),
        Measure.REPLY,
        {"zai": 0, "google": 1, "anthropic": 2},
    )
    wide, hidden = legend_lines(found, 100, 1)
    assert hidden == 0
    assert all("p95" in text for _, text in wide[0])
    short, hidden = legend_lines(found, 60, 1)
    assert hidden == 0
    assert all("p95" not in text for _, text in short[0])
    assert legend_lines(found, 20, 1)[1] == 2
    assert legend_lines(found, 20, 3)[1] == 0


def test_a_sparkline_is_blank_where_nothing_was_measured() -> None:
    drawn = spark(track("zai", 0, 100.0, 800.0), SINCE_MS, SINCE_MS + 4 * BUCKET_MS, 4, 800.0)
    assert drawn == "▂█  "
    assert spark(track("zai", 0, 100.0), SINCE_MS, START_MS, 0, 800.0) == ""


def test_an_empty_stretch_says_which_key_helps() -> None:
    assert empty_text(STRETCHES[1], Measure.REPLY, measured_other=False) == (
        "No answer in the last 15 min. + shows a longer stretch."
    )
    assert "Write a message" in empty_text(STRETCHES[-1], Measure.REPLY, measured_other=False)
    assert "v shows the whole reply" in empty_text(STRETCHES[0], Measure.FIRST_TOKEN, measured_other=True)


def answered(*minutes_ago: float) -> LatencyHistory:
    points = tuple(
        LatencyPoint(START_MS - round(ago * MINUTE_MS), 1, 400.0, 400.0, None) for ago in minutes_ago
    )
    return history(LatencySeries("zai", points))


@pytest.mark.parametrize(
    ("minutes_ago", "shown", "fitting"),
    [
        ((), "15 min", "1 h"),
        ((), "7 d", "7 d"),
        ((3, 1), "15 min", "5 min"),
        ((4.5, 1), "15 min", "15 min"),
        ((4.5, 1), "5 min", "5 min"),
        ((4.95, 1), "5 min", "15 min"),
        ((14, 1), "15 min", "15 min"),
        ((), "5 min", "15 min"),
        ((50,), "1 h", "1 h"),
        ((50, 10), "1 h", "15 min"),
        ((3000, 50), "7 d", "1 h"),
        ((3000,), "7 d", "7 d"),
    ],
)
def test_the_stretch_fits_what_was_answered_until_a_person_chooses(
    minutes_ago: tuple[float, ...], shown: str, fitting: str
) -> None:
    at = [stretch.label for stretch in STRETCHES].index(shown)
    assert STRETCHES[fitting_stretch(answered(*minutes_ago), at)].label == fitting


# -- in the deck ------------------------------------------------------------------------------------------------------


def asked(deck: Deck) -> list[tuple[int, int]]:
    """(length, bucket) of each question."""
    return [(deck.clock.wall_ms() - since_ms, bucket_ms) for since_ms, bucket_ms in deck.engine.latency_asked]


async def drawn(deck: Deck) -> str:
    """The terminal once the plot has been imported and drawn."""
    await deck.app.workers.wait_for_complete()
    await deck.settle()
    return deck.shown()


@pytest.mark.parametrize("size", [NARROW, WIDE, TINY])
async def test_lines_axes_legend_and_reroutes_are_shown_at_every_size(size: tuple[int, int]) -> None:
    engine = FakeEngine(history=history(series("zai", 400), series("google", 900), reroutes=2))
    async with open_deck(size, start_panel=2, engine=engine) as deck:
        await deck.show(world.snapshot())
        shown = await drawn(deck)
        assert "2 Latency · 15 min · whole reply" in shown
        assert f"{MARKERS[0]} google" in shown
        assert f"{MARKERS[1]} zai" in shown
        assert ("2 rerouted in 15 min" if size == WIDE else "2 rerouted") in shown
        assert "11:45" in shown
        assert "0┤" in shown
        assert any("⠀" <= character <= "⣿" for character in shown)


async def test_the_measure_key_draws_the_first_token_without_asking_again() -> None:
    engine = FakeEngine(history=history(series("zai", 400)))
    async with open_deck(WIDE, start_panel=2, engine=engine) as deck:
        await deck.show(world.snapshot())
        await drawn(deck)
        before = len(asked(deck))
        await deck.press("v")
        shown = deck.shown()
        assert "2 Latency · 15 min · first token" in shown
        assert "p50 100 ms" in shown
        assert len(asked(deck)) == before


async def test_range_keys_ask_for_another_stretch_and_end_with_a_word() -> None:
    async with open_deck(WIDE, start_panel=2) as deck:
        await deck.show(world.snapshot())
        for _ in range(5):  # one stretch after the other is found empty
            await deck.settle()
        assert "No answer in the last 7 d. Write a message" in deck.shown()
        await deck.press("minus", "minus", "minus")
        assert asked(deck)[-1] == (HOUR_MS, MINUTE_MS)
        assert "2 Latency · 1 h" in deck.shown()
        assert "No answer in the last 1 h. + shows a longer stretch." in deck.shown()
        await deck.press("minus", "left_square_bracket")
        assert asked(deck)[-1] == (5 * MINUTE_MS, 5_000)
        before = len(asked(deck))
        await deck.press("minus")
        assert len(asked(deck)) == before
        assert any("5 min is the shortest" in notice.message for notice in deck.app._notifications)
        await deck.press(*["right_square_bracket"] * 5)
        assert "No answer in the last 7 d. Write a message" in deck.shown()


async def test_what_a_person_chose_is_remembered_and_what_suits_is_not(tmp_path: Path) -> None:
    engine = FakeEngine(history=answered(1))
    memory = DeckMemory(tmp_path / "deck.json")
    async with open_deck(WIDE, start_panel=2, engine=engine) as deck:
        panel = deck.screen.query_one(LatencyPanel)
        panel._memory = memory
        await deck.show(world.snapshot())
        assert "2 Latency · 5 min · whole reply" in await drawn(deck)
        await deck.press("v")
        memory.flush()
        assert memory.strings("latency") == ("first token",)
        await deck.press("plus", "plus")
        memory.flush()
    again = LatencyPanel(deck.screen._latency._link, deck.clock, UTC, DeckMemory(tmp_path / "deck.json"))
    assert again.border_title == "2 Latency · 1 h · first token"


async def test_the_legend_follows_the_order_of_the_accounts() -> None:
    engine = FakeEngine(history=history(series("anthropic", 400), series("zai", 400), series("google", 900)))
    async with open_deck(WIDE, start_panel=2, engine=engine) as deck:
        await deck.show(world.snapshot())
        shown = await drawn(deck)
        order = [provider.id for provider in world.snapshot().providers]
        places = sorted(("anthropic", "zai", "google"), key=order.index)
        marks = [shown.index(f"{MARKERS[at]} {provider}") for at, provider in enumerate(places)]
        assert marks == sorted(marks)


async def test_it_asks_at_its_pace_and_seldom_for_long_stretches() -> None:
    async with open_deck(WIDE, start_panel=2, engine=FakeEngine(history=history(series("zai", 400)))) as deck:
        panel = deck.screen.query_one(LatencyPanel)
        panel.set_pace(0.5)
        await deck.show(world.snapshot())
        before = len(asked(deck))
        deck.clock.advance(1_900)
        panel.tick()
        assert len(asked(deck)) == before
        deck.clock.advance(200)
        panel.tick()
        await deck.settle()
        assert len(asked(deck)) == before + 1
        await deck.press("plus", "plus")
        before = len(asked(deck))
        deck.clock.advance(9_000)
        panel.tick()
        assert len(asked(deck)) == before
        deck.clock.advance(1_100)
        panel.tick()
        assert len(asked(deck)) == before + 1


async def test_it_asks_nothing_while_it_is_not_seen() -> None:
    async with open_deck(
        NARROW, start_panel=4, engine=FakeEngine(history=history(series("zai", 400)))
    ) as deck:
        await deck.show(world.snapshot())
        assert asked(deck) == []
        await deck.press("alt+2")
        assert len(asked(deck)) == 1
        await deck.press("question_mark")
        deck.clock.advance(60_000)
        deck.screen.query_one(LatencyPanel).tick()
        assert len(asked(deck)) == 1


async def test_the_same_figures_are_drawn_once() -> None:
    engine = FakeEngine(history=history(series("zai", 400)))
    async with open_deck(WIDE, start_panel=2, engine=engine) as deck:
        await deck.show(world.snapshot())
        await drawn(deck)
        panel = deck.screen.query_one(LatencyPanel)
        times: list[object] = []
        panel._put = lambda *texts: times.append(texts)  # type: ignore[method-assign]
        deck.clock.advance(10_000)
        panel.tick()
        await deck.settle()
        assert len(asked(deck)) > 1
        assert times == []


async def test_a_low_panel_shows_a_sparkline_for_each_provider() -> None:
    engine = FakeEngine(history=history(*(series(f"p{at}", 400 + at) for at in range(7))))
    async with open_deck(WIDE, start_panel=2, engine=engine) as deck:
        deck.screen.query_one(LatencyPanel).styles.height = 6
        await deck.settle()
        await deck.show(world.snapshot())
        shown = await drawn(deck)
        line = next(line for line in shown.splitlines() if "p0  " in line)
        assert "p95 800 ms" in line
        assert "▆" in line
        assert "+4 more; z shows this panel alone" in shown


async def test_provider_names_are_only_text() -> None:
    hostile = "[red]x\x1b[31m\n"
    engine = FakeEngine(history=history(series(hostile, 400)))
    async with open_deck(WIDE, start_panel=2, engine=engine) as deck:
        await deck.show(world.snapshot())
        assert "[red]x p50" in await drawn(deck)


async def test_without_an_engine_it_says_so() -> None:
    async with open_deck(NARROW, start_panel=2, engine=FakeEngine(ready_at_start=False)) as deck:
        assert "No figures yet" in deck.shown()


async def test_without_a_plot_there_are_lines() -> None:
    engine = FakeEngine(history=history(series("zai", 400)))
    async with open_deck(WIDE, start_panel=2, engine=engine) as deck:
        panel = deck.screen.query_one(LatencyPanel)
        panel._plot = False
        await deck.show(world.snapshot())
        assert "● zai" in await drawn(deck)
        assert "┤" not in deck.shown()
