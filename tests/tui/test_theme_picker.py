"""The picker of colours: seen while choosing, kept by enter, taken back by escape, and living files."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import pytest
from tests.support import deck_world as world
from tests.support.clock import FakeClock
from tests.support.deck import NARROW, TINY, open_deck, screen_text
from tests.support.fake_engine import FakeEngine

from trunkline.config.desk import ConfigDesk
from trunkline.config.places import Places
from trunkline.domain.ids import IdSource
from trunkline.tui.app import DeckApp
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.options import DeckOptions


def app_with(home: Path) -> DeckApp:
    """A deck whose user has files."""
    clock = FakeClock()
    return DeckApp(
        EngineLink(FakeEngine),
        clock,
        IdSource(clock, random.Random(7).randbytes),
        DeckOptions(
            zone=UTC,
            theme="trunkline-light",
            themes_folder=home / "themes",
            desk=ConfigDesk(Places(home, home, home), {}),
        ),
    )


async def until(true: Callable[[], bool], app: DeckApp) -> None:
    """Let a worker's thread come to its end."""
    for _ in range(400):
        if true():
            return
        await app.workers.wait_for_complete()
        await asyncio.sleep(0)
    raise AssertionError("it did not come to pass")


@pytest.mark.parametrize("size", [NARROW, TINY])
async def test_colours_are_put_on_while_choosing_and_taken_back_by_escape(size: tuple[int, int]) -> None:
    async with open_deck(size, start_panel=1, theme="trunkline-light") as deck:
        await deck.show(world.snapshot(keymap=(("themes", "T"),)))
        await deck.press("T")
        assert "trunkline-light · now" in deck.shown()
        assert "enter keeps · esc as it was" in deck.shown()
        await deck.press("up")
        assert deck.app.theme == "trunkline-ember"
        await deck.press("escape")
        assert deck.app.theme == "trunkline-light"
        assert deck.app.screen is deck.screen


async def test_without_files_of_the_user_the_choice_holds_for_now() -> None:
    async with open_deck(start_panel=1, theme="trunkline-light") as deck:
        await deck.app.run_action("themes")
        await deck.settle()
        await deck.press("k", "enter")
        assert deck.app.theme == "trunkline-ember"
        assert "trunkline-ember, until the deck is closed" in deck.shown()
        await deck.show(world.snapshot(mode="cost_first"))
        assert deck.app.theme == "trunkline-ember"


async def test_the_choice_is_kept_in_the_preferences(tmp_path: Path) -> None:
    (tmp_path / "preferences.toml").write_text('# mine\nmode = "balanced"\n')
    app = app_with(tmp_path)
    async with app.run_test(size=NARROW, notifications=True) as pilot:
        await app.run_action("themes")
        await pilot.pause()
        await pilot.press("k", "enter")
        await until(lambda: "ember" in (tmp_path / "preferences.toml").read_text(), app)
        assert (tmp_path / "preferences.toml").read_text().startswith("# mine\n")
        await until(lambda: "trunkline-ember is kept" in screen_text(app), app)


async def test_a_theme_of_the_preferences_is_put_on_when_they_are_edited() -> None:
    async with open_deck() as deck:
        await deck.show(world.snapshot(theme="trunkline-ember"))
        assert deck.app.theme == "trunkline-ember"
        await deck.show(world.snapshot(theme="trunkline-embre"))
        assert "there is no theme called trunkline-embre" in " ".join(deck.shown().split())


async def test_a_file_that_is_edited_changes_what_is_seen(tmp_path: Path) -> None:
    mine = tmp_path / "themes" / "mine.toml"
    mine.parent.mkdir()
    mine.write_text("primary = '#ff0000'")
    app = app_with(tmp_path)
    async with app.run_test(size=NARROW, notifications=True) as pilot:
        app.theme = "mine"
        await pilot.pause()
        mine.write_text("primary = '#00ff00'\nbackground = '#000080'")
        os.utime(mine, ns=(1, 1))
        app._look_at_themes()
        await until(lambda: app.get_css_variables()["primary"] == "#00FF00", app)
        assert app.deck.styles.background.hex == "#000080"
        mine.write_text("primary = ")
        app._look_at_themes()
        await until(lambda: any("mine.toml" in told.message for told in app._notifications), app)
        assert app.deck.styles.background.hex == "#000080"
