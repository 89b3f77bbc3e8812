"""Terminals that lack something: colours, signs, bandwidth, room."""

from __future__ import annotations

import random
from datetime import UTC

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from tests.support import deck_world as world
from tests.support.clock import FakeClock
from tests.support.deck import NARROW, WIDE, open_deck, screen_text
from tests.support.fake_engine import FakeEngine
from textual.color import Color

from trunkline.domain.ids import IdSource
from trunkline.domain.snapshot import Status
from trunkline.engine.api import HostedEngine
from trunkline.tui.account_standing import shape
from trunkline.tui.app import DeckApp
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.entry import prepare_environment
from trunkline.tui.messages import PaceChanged
from trunkline.tui.options import DeckOptions
from trunkline.tui.pace import AT_EASE, SPARING, pace_for
from trunkline.tui.plain_signs import PlainSigns, has_only_ascii

UTF = {"LANG": "en_US.UTF-8", "TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("environment", "encoding", "only"),
    [
        (UTF, "utf-8", False),
        ({}, "utf-8", False),
        ({"LC_CTYPE": "C.UTF-8"}, "utf-8", False),
        ({"LC_ALL": "C", "LANG": "en_US.UTF-8"}, "utf-8", True),
        ({"LANG": "POSIX"}, "utf-8", True),
        ({"LANG": "de_DE.ISO-8859-1"}, "utf-8", True),
        ({"LANG": "de_DE"}, "iso8859-1", True),
        (UTF, "ascii", True),
        (UTF | {"TERM": "linux"}, "utf-8", True),
    ],
)
def test_when_a_terminal_has_letters_only(environment: dict[str, str], encoding: str, only: bool) -> None:
    assert has_only_ascii(environment, encoding) is only


def test_signs_become_letters_in_as_many_cells_and_letters_stay() -> None:
    plain = PlainSigns().plain
    assert plain("╭─ 1 ▇▇▁▁ ─╮ ● ◐ ◔ ○ ✕ → …") == "+- 1 ##.. -+ O o . - X > ~"
    assert plain("Grüße, 日本") == "Grüße, 日本"
    for text in ("⚠ ✂ ↪ ■ · – ≈ ⣿⠀ ▖▌", "日本語 é"):
        assert cell_len(plain(text)) == cell_len(text)


def test_what_the_encoding_cannot_write_is_a_question_mark_as_wide() -> None:
    plain = PlainSigns("latin-1").plain
    assert plain("Grüße, 日本!") == "Grüße, ????!"
    assert plain("e\u0301") == "e"
    assert PlainSigns("ascii").plain("ü→") == "?>"


def test_styles_stay_where_they_were() -> None:
    segments = [Segment("a"), Segment("●")]
    drawn = PlainSigns().apply(segments, Color(0, 0, 0))
    assert drawn[0] is segments[0]
    assert drawn[1] == Segment("O", segments[1].style)


def test_states_have_signs_of_their_own_without_colour_and_without_signs() -> None:
    plain = PlainSigns().plain
    signs = [shape(status)[0] for status in Status]
    assert len(set(signs)) == len({plain(sign) for sign in signs}) == len(Status)


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_the_deck_can_be_drawn_in_ascii(size: tuple[int, int]) -> None:
    clock, engine = FakeClock(), FakeEngine()
    options = DeckOptions(zone=UTC, start_panel=1, ascii=True)
    link = EngineLink(lambda: _hosted(engine))
    app = DeckApp(link, clock, IdSource(clock, random.Random(7).randbytes), options)
    async with app.run_test(size=size) as pilot:
        while engine.listener is None:
            await pilot.pause()
        engine.tell(world.snapshot())
        await pilot.pause()
        await pilot.pause()
        shown = screen_text(app)
        assert shown.isascii()
        assert "google" in shown
        assert "#." in shown
        await pilot.press("question_mark")
        await pilot.pause()
        assert screen_text(app).isascii()


def _hosted(engine: FakeEngine) -> HostedEngine:
    return engine


async def test_the_line_is_spared_and_no_longer_while_the_deck_runs() -> None:
    async with open_deck(start_panel=1) as deck:
        await deck.show(world.snapshot())
        await deck.app.run_action("bandwidth")
        await deck.settle()
        assert "sparing" in deck.shown().splitlines()[0]
        await deck.app.run_action("bandwidth")
        await deck.settle()
        assert "sparing" not in deck.shown().splitlines()[0]
        paces = [message.pace for message in deck.messages if isinstance(message, PaceChanged)]
        assert list(dict.fromkeys(paces)) == [SPARING, AT_EASE]


def test_a_spared_line_gets_half_the_ticks_and_one_flush_a_second() -> None:
    assert pace_for(sparing=True) is SPARING
    assert (SPARING.tick_s, SPARING.flush_s) == (2.0, 1.0)
    assert (AT_EASE.tick_s, AT_EASE.flush_s) == (1.0, 0.25)


@pytest.mark.parametrize(
    ("environment", "wanted", "sparing"),
    [
        ({"SSH_CONNECTION": "x"}, None, True),
        ({"SSH_CONNECTION": "x"}, False, False),
        ({}, True, True),
        ({}, None, False),
    ],
)
def test_who_decides_whether_the_line_is_spared(
    environment: dict[str, str], wanted: bool | None, sparing: bool
) -> None:
    assert prepare_environment(environment, wanted) is sparing


async def test_a_storm_of_sizes_leaves_the_deck_as_it_should_be() -> None:
    async with open_deck(WIDE, start_panel=1) as deck:
        await deck.show(world.snapshot())
        for width, height in [(60, 16), (200, 60), (20, 5), (80, 24), (1, 1), (119, 30), (160, 50)] * 3:
            await deck.pilot.resize_terminal(width, height)
        await deck.settle()
        assert "1 Providers" in deck.shown()
        assert "4 Chat" in deck.shown()
        assert "google-1" in deck.shown()


async def test_ctrl_c_leaves_where_one_only_watches_and_says_how_to_leave_elsewhere() -> None:
    async with open_deck(start_panel=1) as deck:
        await deck.show(world.snapshot())
        await deck.press("ctrl+c")
        assert "ctrl-q quits" in deck.shown()
        assert not deck.app._exit
        await deck.show(world.snapshot(read_only=True))
        await deck.press("ctrl+c")
        assert deck.app._exit
