"""The first start: what was found is shown by name, a mode is kept in the user's file, and every way out is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.deck import screen_text
from textual import events
from textual.pilot import Pilot

from trunkline.config.desk import ConfigDesk
from trunkline.config.places import find_places
from trunkline.tui.options import DeckOptions
from trunkline.tui.screens.first_run import (
    Choice,
    FirstRunFacts,
    FoundAccount,
    MissingProvider,
    ModeFact,
    Outcome,
    ServerFact,
    stray_text,
)
from trunkline.tui.screens.first_run.app import FirstRunApp
from trunkline.tui.screens.first_run.rows import Line, aligned, rows
from trunkline.tui.screens.first_run.stray_text import StrayText

FACTS = FirstRunFacts(
    accounts=(
        FoundAccount(
            "groq/main", "GROQ_API_KEY", "free tier", ("a", "b", "c", "d"), 2, ("30 requests / 60s",)
        ),
        FoundAccount("ollama/main", "127.0.0.1:11434", "free, on this machine", ("llama",), 0, ()),
    ),
    servers=(ServerFact("vllm", "127.0.0.1:8000", "wants a key"),),
    missing=(
        MissingProvider("openai", "OPENAI_API_KEY", ("gpt-1", "gpt-2", "gpt-3", "gpt-4"), 0, False),
        MissingProvider("lmstudio", "at 127.0.0.1:1234", (), 0, True),
    ),
    modes=(ModeFact("balanced", "A bit of all."), ModeFact("cost_first", "The cheapest that will do.")),
    mode="balanced",
    preferences_file="preferences.toml",
)
NOTHING = replace(FACTS, accounts=(), servers=())


@asynccontextmanager
async def shown(
    facts: FirstRunFacts = FACTS,
    *,
    home: Path | None = None,
    size: tuple[int, int] = (80, 24),
    look_again: Callable[[], FirstRunFacts] | None = None,
) -> AsyncIterator[tuple[FirstRunApp, Pilot[Outcome]]]:
    desk = None if home is None else ConfigDesk(find_places({"TRUNKLINE_HOME": str(home)}), {})
    app = FirstRunApp(facts, DeckOptions(desk=desk), look_again)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield app, pilot


async def pressed(app: FirstRunApp, pilot: Pilot[Outcome], *keys: str) -> Outcome | None:
    await pilot.press(*keys)
    await pilot.pause()
    while any(
        not worker.is_finished for worker in app.workers
    ):  # it may end the application, and itself with it
        await pilot.pause()
    await pilot.pause()
    return app.return_value


@pytest.mark.parametrize("size", [(160, 50), (80, 24), (60, 16)])
async def test_what_was_found_and_the_modes_are_on_one_screen(size: tuple[int, int]) -> None:
    async with shown(size=size) as (app, _):
        text = screen_text(app)
        for part in ("2 accounts can be asked", "● groq/main", "GROQ_API_KEY", "4 models, 2 free"):
            assert part in text
        for part in ("balanced", "cost_first", "The cheapest", "enter keep this mode", "q leave"):
            assert part in text


async def test_the_rest_is_a_page_away() -> None:
    many = replace(FACTS, accounts=FACTS.accounts * 6)
    async with shown(many, size=(60, 16)) as (app, pilot):
        assert "lmstudio" not in screen_text(app)
        await pressed(app, pilot, "space", "pagedown")
        assert "lmstudio" in screen_text(app)
        await pressed(app, pilot, "pageup", "pageup")
        assert "● groq/main" in screen_text(app)


@pytest.mark.parametrize("keys", [("j", "enter"), ("down", "enter"), ("j", "j", "k", "enter")])
async def test_a_mode_is_kept_in_the_users_file(tmp_path: Path, keys: tuple[str, ...]) -> None:
    async with shown(home=tmp_path) as (app, pilot):
        assert await pressed(app, pilot, *keys) == Outcome(Choice.OPEN, mode="cost_first")
    assert (tmp_path / "preferences.toml").read_text().endswith('mode = "cost_first"\n')


async def test_the_mode_in_force_is_kept_too(tmp_path: Path) -> None:
    async with shown(home=tmp_path) as (app, pilot):
        assert await pressed(app, pilot, "enter") == Outcome(Choice.OPEN, mode="balanced")
    assert 'mode = "balanced"' in (tmp_path / "preferences.toml").read_text()


@pytest.mark.parametrize(
    ("key", "choice"),
    [
        ("o", Choice.OPEN),
        ("d", Choice.DEMO),
        ("q", Choice.LEAVE),
        ("escape", Choice.LEAVE),
        ("ctrl+q", Choice.LEAVE),
    ],
)
async def test_every_other_way_out_writes_nothing(tmp_path: Path, key: str, choice: Choice) -> None:
    async with shown(home=tmp_path) as (app, pilot):
        assert await pressed(app, pilot, key) == Outcome(choice)
    assert not (tmp_path / "preferences.toml").exists()


async def test_a_text_that_is_typed_or_pasted_blindly_chooses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stray_text, "_SAME_TEXT_S", 60.0)  # however slow the machine is
    async with shown(home=tmp_path) as (app, pilot):
        assert await pressed(app, pilot, *"how do", "enter") is None
        app.post_message(events.Paste("do it\n"))
        await pilot.pause()
        assert app.return_value is None
    assert not (tmp_path / "preferences.toml").exists()


def test_a_key_is_a_part_of_a_text_until_there_was_a_pause() -> None:
    stray = StrayText({"o", "space"})

    def takes(key: str, at_s: float) -> bool:
        return stray.takes(key, is_printable=len(key) == 1 or key == "space", at_s=at_s)

    assert [takes(key, 1.0) for key in ("o", "space", "enter")] == [False] * 3
    assert [takes(key, 2.0 + n / 10) for n, key in enumerate(("h", "o", "space", "enter"))] == [True] * 4
    assert not takes("enter", 2.6)


async def test_a_file_that_cannot_be_written_is_told_and_one_goes_on_without(tmp_path: Path) -> None:
    (tmp_path / "in the way").write_text("a file")
    async with shown(home=tmp_path / "in the way") as (app, pilot):
        assert await pressed(app, pilot, "j", "enter") is None
        text = " ".join(screen_text(app).split())
        assert "expected a file that can be" in text
        assert "o goes on with the mode as it is" in text
        assert await pressed(app, pilot, "o") == Outcome(Choice.OPEN)


async def test_a_broken_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "preferences.toml").write_text("mode = \n")
    async with shown(home=tmp_path) as (app, pilot):
        assert await pressed(app, pilot, "enter") is None
        assert "expected TOML" in " ".join(screen_text(app).split())
    assert (tmp_path / "preferences.toml").read_text() == "mode = \n"


async def test_with_nobody_to_ask_enter_opens_the_demo() -> None:
    async with shown(NOTHING) as (app, pilot):
        text = screen_text(app)
        assert "Nobody can be asked yet" in text
        assert "cost_first" not in text
        assert "enter open the demo" in text
        assert await pressed(app, pilot, "o") is None
        assert "d opens the demo" in screen_text(app)
        assert await pressed(app, pilot, "enter") == Outcome(Choice.DEMO)


async def test_a_server_that_was_started_meanwhile_is_found(tmp_path: Path) -> None:
    async with shown(NOTHING, home=tmp_path, look_again=lambda: FACTS) as (app, pilot):
        await pressed(app, pilot, "r")
        assert "2 accounts can be asked" in screen_text(app)
        assert "Looking" not in screen_text(app)
        assert await pressed(app, pilot, "enter") == Outcome(Choice.OPEN, mode="balanced")


async def test_what_a_server_says_is_only_text() -> None:
    odd = ServerFact("vllm", "127.0.0.1:8000", "[red]\x1b[2J\nboo\u202e[/]")
    async with shown(replace(FACTS, servers=(odd,)), size=(160, 50)) as (app, _):
        assert "[red]" in screen_text(app)
        assert "\x1b" not in screen_text(app)


def test_lines_say_what_each_gives() -> None:
    texts = [text for _, text in aligned(rows(FACTS))]
    assert texts == [
        "Found",
        "● groq/main    GROQ_API_KEY     4 models, 2 free · free tier · 30 requests / 60s",
        "● ollama/main  127.0.0.1:11434  1 model · free, on this machine",
        "On this machine, but of no use yet",
        "◐ vllm  127.0.0.1:8000  wants a key",
        "Would be there with a key in the variable",
        "○ openai  OPENAI_API_KEY  4 models: gpt-1, gpt-2, gpt-3, …",
        "Would be there if it ran on this machine",
        "○ lmstudio  at 127.0.0.1:1234",
    ]


def test_with_nothing_the_first_line_says_so() -> None:
    first = rows(replace(NOTHING, notes=("zai: an odd thing",)))
    assert (first[0].kind, first[-1].cells) == (Line.NOTE, ("zai: an odd thing",))
    assert "Nobody can be asked yet" in first[0].cells[0]
