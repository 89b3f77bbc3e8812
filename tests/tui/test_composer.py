"""The composer alone, on a fake engine: what it shows, and what it posts."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import pytest
from tests.support import deck_world as world
from tests.support.clock import FakeClock
from tests.support.deck import NARROW, TINY, open_deck, screen_text
from tests.support.fake_engine import FakeEngine
from textual import events
from textual.app import App, ComposeResult
from textual.containers import Vertical
from textual.pilot import Pilot

from trunkline.domain.decisions import NoRoute, Rejection, RejectionCode
from trunkline.domain.events import Answered, TextDelta
from trunkline.domain.messages import ChatRequest, Role
from trunkline.domain.messages import Message as Said
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.engine.api import Preview
from trunkline.routing.token_budget import OverBudget
from trunkline.tui import app as deck_app
from trunkline.tui.cells import Cell, Tone
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.memory import DeckMemory
from trunkline.tui.messages import CommandGiven, PromptSubmitted
from trunkline.tui.widgets.composer import PREVIEW_HOLDS_MS, Composer
from trunkline.tui.widgets.prompt import Prompt

SHEET = Path(deck_app.__file__).parent / "screens" / "deck.tcss"


def draft(text: str) -> ChatRequest:
    return ChatRequest((Said.of(Role.USER, text),), origin=Origin(OriginKind.CHAT))


class Desk(App[None]):
    """Nothing but a composer at the bottom, whose messages it takes like the chat does."""

    CSS_PATH = str(SHEET)
    CSS = "Screen { align: left bottom; } #above { height: 1fr; }"

    def __init__(self, composer: Composer) -> None:
        super().__init__()
        self.composer = composer
        self.submitted: list[PromptSubmitted] = []
        self.given: list[tuple[str, str]] = []

    def compose(self) -> ComposeResult:
        yield Vertical(id="above")
        yield self.composer

    def on_prompt_submitted(self, message: PromptSubmitted) -> None:
        self.submitted.append(message)
        self.composer.taken(message.text)

    def on_command_given(self, message: CommandGiven) -> None:
        self.given.append((message.name, message.argument))


@dataclass
class Bench:
    """A running composer."""

    app: Desk
    pilot: Pilot[None]
    engine: FakeEngine

    @property
    def composer(self) -> Composer:
        return self.app.composer

    @property
    def prompt(self) -> Prompt:
        return self.composer.prompt

    def shown(self) -> str:
        return screen_text(self.app)

    @property
    def sent(self) -> list[tuple[str, tuple[str, ...]]]:
        """What was submitted: text, and names of the files."""
        return [(one.text, tuple(file.name for file in one.attachments)) for one in self.app.submitted]

    @property
    def given(self) -> list[tuple[str, str]]:
        return self.app.given

    async def write(self, text: str) -> None:
        self.prompt.insert(text)
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, text: str) -> None:
        """Wait for a thread's work to be shown."""
        for _ in range(400):
            if text in self.shown():
                return
            await self.pilot.pause(0.005)
        raise AssertionError(f"{text!r} is not in\n{self.shown()}")

    async def until_sent(self, count: int = 1) -> None:
        for _ in range(400):
            if len(self.sent) >= count:
                return
            await self.pilot.pause(0.005)
        raise AssertionError(f"sent so far: {self.sent}\n{self.shown()}")

    async def preview(self, window: int | None = 128_000) -> ChatRequest:
        """Ask for a preview now, as after a pause, and have it answered."""
        self.composer.ask_preview()
        request, deliver = self.engine.previews[-1]
        deliver(Preview(dataclasses.replace(world.TASK, input_tokens=12_345), world.decision(), window))
        await self.pilot.pause()
        return request


@asynccontextmanager
async def bench(
    tmp_path: Path, *, size: tuple[int, int] = NARROW, memory: DeckMemory | None = None
) -> AsyncIterator[Bench]:
    engine = FakeEngine()
    link = EngineLink(lambda: engine)
    link._engine = engine
    composer = Composer(link, FakeClock(), UTC, draft, memory, tmp_path)
    app = Desk(composer)
    async with app.run_test(size=size, notifications=True) as pilot:
        composer.engine_ready()
        composer.use(world.snapshot())
        composer.prompt.focus()
        await pilot.pause()
        yield Bench(app, pilot, engine)


# -- commands -----------------------------------------------------------------------------------------------


async def test_a_command_is_completed_given_and_cleared(tmp_path: Path) -> None:
    async with bench(tmp_path) as desk:
        await desk.press("slash", *"ta")
        assert "▸ /task" in desk.shown()
        await desk.press("tab")
        assert desk.prompt.text == "/task "
        assert "operations" in desk.shown(), "the arguments follow"
        await desk.press("space", *"coding", "enter")
        assert desk.given == [("task", "coding")]
        assert desk.prompt.text == ""
        assert "operations" not in desk.shown()
        assert desk.sent == []


async def test_keys_faster_than_messages_complete_all_the_same(tmp_path: Path) -> None:
    async with bench(tmp_path) as desk:
        for key in ("slash", *"mo", "tab", *"qual", "enter", "enter"):
            desk.app.post_message(events.Key(key, {"slash": "/", "tab": "\t"}.get(key, key[0])))
        for _ in range(4):
            await desk.pilot.pause()
        assert desk.given == [("mode", "quality_first")]


@pytest.mark.parametrize(
    ("keys", "given"),
    [
        (("slash", *"new", "enter"), ("new", "")),
        (("slash", *"task", "space", "enter"), ("task", "")),
        (("slash", *"task", "space", "down", "down", "enter", "enter"), ("task", "reasoning")),
        (("slash", *"task", "space", "up", "tab", "enter"), ("task", "")),
        (("slash", "down", "enter", "enter"), ("mode", "")),
        (("slash", *"mode", "enter"), ("mode", "")),
    ],
)
async def test_enter_and_the_list(tmp_path: Path, keys: tuple[str, ...], given: tuple[str, str]) -> None:
    async with bench(tmp_path) as desk:
        await desk.press(*keys)
        assert desk.given == [given]


async def test_escape_closes_the_list_only_and_typing_on_leaves_it_closed(tmp_path: Path) -> None:
    async with bench(tmp_path) as desk:
        await desk.press("slash", "t", "escape")
        assert "▸" not in desk.shown()
        assert desk.prompt.has_focus
        assert desk.prompt.text == "/t"
        await desk.press("a")
        assert "▸" not in desk.shown()
        await desk.press("ctrl+u", "slash")
        assert "▸ /task" in desk.shown()


async def test_an_unknown_command_is_told_with_the_nearest_and_nothing_is_sent(tmp_path: Path) -> None:
    async with bench(tmp_path) as desk:
        await desk.write("/taks coding")
        await desk.press("enter")
        assert "there is no command /taks. Did you mean task?" in desk.shown()
        assert (desk.sent, desk.given) == ([], [])
        assert desk.prompt.text == "/taks coding"
        await desk.press("backspace")
        assert "there is no command" not in desk.shown()


async def test_two_slashes_begin_a_message_with_one(tmp_path: Path) -> None:
    async with bench(tmp_path) as desk:
        await desk.write("//etc is full")
        request = await desk.preview()
        assert request.messages[-1].text == "/etc is full"
        await desk.press("enter")
        assert desk.sent == [("/etc is full", ())]
        await desk.press("up")
        assert desk.prompt.text == "//etc is full", "the history has what was typed"


async def test_a_command_is_no_message_to_estimate(tmp_path: Path) -> None:
    async with bench(tmp_path) as desk:
        await desk.write("/system Be brief.")
        desk.composer.ask_preview()
        assert desk.engine.previews == []
        assert "/system: instructions for this conversation" in desk.shown()


@pytest.mark.parametrize("size", [NARROW, TINY, (160, 50)])
async def test_the_list_lies_over_the_conversation_and_shows_where_in_it_one_is(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with bench(tmp_path, size=size) as desk:
        above = desk.app.query_one("#above").region
        await desk.press("slash", "up")
        assert desk.app.query_one("#above").region == above
        assert "▸ /help" in desk.shown()
        rows = [line for line in desk.shown().splitlines() if line.lstrip("▸ ").startswith("/")]
        assert len(rows) == (5 if size == TINY else 9), "those of the list, and the editor's"
        assert "of 9 · tab takes it" in desk.shown()


async def test_a_click_takes_from_the_list(tmp_path: Path) -> None:
    async with bench(tmp_path) as desk:
        await desk.press("slash", "down")
        await desk.pilot.click("#completions", offset=(6, 3))
        await desk.pilot.pause()
        assert desk.prompt.text == "/route "
        assert desk.prompt.has_focus


# -- files --------------------------------------------------------------------------------------------------


async def test_a_named_file_is_shown_with_size_and_tokens_and_goes_along(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("some notes " * 300)
    async with bench(tmp_path) as desk:
        await desk.write("see @no")
        await desk.until("notes.md")
        await desk.press("tab")
        assert desk.prompt.text == "see @notes.md "
        await desk.until("▤ notes.md 3.3 kB ≈601 tok")
        request = await desk.preview()
        assert "some notes some notes" in request.messages[-1].text
        assert "12,345 / 128,000 tokens, 9.6 %" in desk.shown()
        await desk.press("enter")
        await desk.until_sent()
        assert desk.sent == [("see @notes.md ", ("notes.md",))]
        assert desk.prompt.text == ""
        assert "▤" not in desk.shown()


@pytest.mark.parametrize("text", ["mail bob@example.org", "thanks @bob", "@decorated def", "@@count = 0"])
async def test_what_names_no_file_is_sent_as_it_is(tmp_path: Path, text: str) -> None:
    async with bench(tmp_path) as desk:
        await desk.write(text)
        await desk.press("enter")
        await desk.until_sent()
        assert desk.sent == [(text, ())]


async def test_a_missing_file_holds_the_message_until_it_is_resolved(tmp_path: Path) -> None:
    async with bench(tmp_path) as desk:
        await desk.write("read @./plan.md")
        await desk.press("enter")
        await desk.until("not sent: ./plan.md: there is no such file")
        assert desk.prompt.text == "read @./plan.md"
        assert desk.sent == []
        (tmp_path / "plan.md").write_text("plan")
        await desk.press("enter")
        await desk.until_sent()
        assert desk.sent == [("read @./plan.md", ("./plan.md",))]


async def test_an_escaped_name_is_sent_as_text(tmp_path: Path) -> None:
    async with bench(tmp_path) as desk:
        await desk.write("what is @@./plan.md")
        await desk.press("enter")
        await desk.until_sent()
        assert desk.sent == [("what is @./plan.md", ())]


async def test_a_file_is_sent_as_it_is_when_the_message_goes(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("old")
    async with bench(tmp_path) as desk:
        await desk.write("@a.md !")
        await desk.until("▤ a.md 3 B")
        (tmp_path / "a.md").write_text("newer")
        await desk.press("enter")
        await desk.until_sent()
        assert desk.app.submitted[0].attachments[0].text == "newer"


async def test_folders_open_one_after_another(tmp_path: Path) -> None:
    (tmp_path / "my docs").mkdir()
    (tmp_path / "my docs" / "plan.md").write_text("x")
    async with bench(tmp_path) as desk:
        await desk.write("@m")
        await desk.until("my docs/")
        await desk.press("tab")
        assert desk.prompt.text == '@"my docs/'
        await desk.until("plan.md")
        await desk.press("tab")
        assert desk.prompt.text == '@"my docs/plan.md" '
        await desk.until("▤ my docs/plan.md 1 B")


async def test_a_tab_before_the_folder_is_listed_takes_its_first_when_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("x")
    async with bench(tmp_path) as desk:
        for key in (*"@no", "tab"):
            desk.app.post_message(events.Key(key, key if len(key) == 1 else "\t"))
        await desk.until("▤ notes.md 1 B")
        assert desk.prompt.text == "@notes.md "
        assert desk.prompt.has_focus


async def test_letters_typed_behind_enter_are_not_lost(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    async with bench(tmp_path) as desk:
        for key in (*"@a", "enter", *"next"):
            desk.app.post_message(events.Key(key, key if len(key) == 1 else "\r"))
        await desk.until_sent()
        await desk.pilot.pause()
        assert desk.sent == [("@a", ("a",))]
        assert desk.prompt.text == "next"


# -- the line and the gauge ---------------------------------------------------------------------------------


async def test_while_an_answer_streams_the_line_says_how_to_stop_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as desk:
        await desk.write("hello")
        await desk.preview()
        await desk.press("enter")
        desk.composer.say(Cell("esc esc stops the answer", Tone.DIM))
        await desk.write("next")
        await desk.preview()
        assert "esc esc stops the answer" in desk.shown()
        await desk.write("\n/new x")
        desk.prompt.fill("/nwe")
        await desk.pilot.pause()
        await desk.press("enter")
        assert "Did you mean new?" in desk.shown()
        await desk.press("backspace")
        assert "esc esc stops the answer" in desk.shown()
        desk.composer.say(None)
        desk.composer.idle()
        await desk.pilot.pause()
        assert "esc esc" not in desk.shown()


async def test_an_unknown_window_is_no_figure_and_an_empty_editor_none_at_all(tmp_path: Path) -> None:
    async with bench(tmp_path) as desk:
        await desk.write("hello")
        await desk.preview(window=None)
        assert "12,345 / – tokens" in desk.shown()
        desk.prompt.fill("")
        await desk.pilot.pause()
        assert "12,345" not in desk.shown()
        assert "→" not in desk.shown()


@pytest.mark.usefixtures("every_frame")
async def test_a_key_touches_nothing_but_the_composer(tmp_path: Path) -> None:
    async with bench(tmp_path) as desk:
        drawn: list[str] = []
        above = desk.app.query_one("#above")
        render = above.render
        above.render = lambda: (drawn.append("above"), render())[1]  # type: ignore[method-assign]
        above.refresh()
        await desk.pilot.pause()
        drawn.clear()
        await desk.press(*"hello", "slash", "at")
        assert drawn == []


async def test_many_pasted_lines_are_only_text(tmp_path: Path) -> None:
    async with bench(tmp_path) as desk:
        desk.prompt.post_message(events.Paste("one\r\ntwo\x1b]0;evil\x07\rthree\n"))
        await desk.pilot.pause()
        assert desk.prompt.text == "one\ntwo\nthree\n"
        assert desk.sent == []


# -- history ------------------------------------------------------------------------------------------------


async def test_what_was_sent_is_there_the_next_time(tmp_path: Path) -> None:
    file = tmp_path / "memory.json"
    memory = DeckMemory(file)
    async with bench(tmp_path, memory=memory) as desk:
        await desk.write("far too long to be kept " * 1_000)
        await desk.press("enter")
        await desk.write("first\nof two lines")
        await desk.press("enter")
        await desk.write("/mode balanced")
        await desk.press("enter")
    memory.flush()
    async with bench(tmp_path, memory=DeckMemory(file)) as desk:
        await desk.write("draft")
        await desk.press("up")
        assert desk.prompt.text == "/mode balanced"
        await desk.press("up")
        assert desk.prompt.text == "first\nof two lines"
        await desk.press("down", "down")
        assert desk.prompt.text == "draft"


# -- in the deck --------------------------------------------------------------------------------------------


async def test_in_the_deck_tab_goes_on_to_the_next_panel_unless_the_list_is_open() -> None:
    async with open_deck() as deck:
        await deck.show(world.snapshot())
        prompt = deck.screen.query_one(Prompt)
        prompt.focus()
        await deck.press("slash", *"ta", "tab")
        assert prompt.has_focus
        assert prompt.text == "/task "
        await deck.press("escape", "tab")
        assert not prompt.has_focus
        await deck.press("4")
        assert prompt.text == "/task ", "the draft stays"


async def test_in_the_deck_escape_closes_the_list_before_it_leaves_the_editor() -> None:
    async with open_deck(NARROW) as deck:
        prompt = deck.screen.query_one(Prompt)
        prompt.focus()
        await deck.press("slash", "escape")
        assert prompt.has_focus
        await deck.press("escape")
        assert not prompt.has_focus


async def test_in_the_deck_an_answer_asked_for_again_says_how_to_stop_it_whatever_is_typed() -> None:
    async with open_deck(NARROW) as deck:
        first = await deck.say("hello")
        deck.engine.happen(first, TextDelta("Hi."), Answered(world.receipt(first)))
        await deck.settle()
        await deck.press("escape", "r", "i", *"next")
        composer = deck.screen.query_one(Composer)
        composer.ask_preview()
        deck.engine.previews[-1][1](Preview(world.TASK, world.decision()))
        await deck.settle()
        assert len(deck.engine.requests) == 2
        assert composer.prompt.text == "next"
        assert "esc esc stops the answer" in deck.shown()


async def test_in_the_deck_an_estimate_of_a_text_left_alone_counts_down_and_is_asked_for_anew() -> None:
    until_ms = world.START_MS + 5_000
    nobody = NoRoute((Rejection("kimi/*", RejectionCode.LIMIT, (), until_ms),), until_ms)
    async with open_deck((120, 24)) as deck:
        await deck.show(world.snapshot())
        composer = deck.screen.query_one(Composer)
        composer.set_pace(3_600)  # only this test and the clock ask for one
        composer.prompt.text = "hello"
        composer.ask_preview()
        deck.engine.previews[-1][1](Preview(world.TASK, nobody))
        await deck.settle()
        assert "nobody can serve before 12:00:05 (in 5 s)" in deck.shown()
        asked = len(deck.engine.previews)

        async def later(by_ms: int) -> str:
            deck.clock.advance(by_ms)
            deck.screen.tick()
            await deck.settle()
            return deck.shown()

        assert "(in 3 s)" in await later(2_000)
        assert len(deck.engine.previews) == asked
        await later(3_000)
        assert len(deck.engine.previews) == asked + 1, "at the time that was given somebody may serve"
        deck.engine.previews[-1][1](Preview(world.TASK, world.decision()))
        await deck.settle()
        assert "nobody can serve" not in await later(1_000)
        await later(PREVIEW_HOLDS_MS)
        assert len(deck.engine.previews) == asked + 2, "who would answer may be another by now"
        deck.engine.die("gone")
        await deck.settle()
        assert "no engine: gone" in await later(1_000)


async def test_in_the_deck_a_message_with_a_slash_can_be_rewritten() -> None:
    async with open_deck(NARROW) as deck:
        first = await deck.say("//etc is full")
        deck.engine.happen(first, TextDelta("Clear it."), Answered(world.receipt(first)))
        await deck.settle()
        await deck.press("escape", "e")
        assert deck.screen.query_one(Prompt).text == "//etc is full"
        await deck.press("enter")
        assert [one.messages[-1].text for one in deck.engine.requests.values()] == ["/etc is full"] * 2


async def test_what_is_over_its_token_budget_is_sent_by_a_second_enter(tmp_path: Path) -> None:
    over = OverBudget(92_000, 80_000, "coding", "tasks.coding.budget_tokens")
    async with bench(tmp_path) as desk:
        await desk.write("a whole repository")
        desk.composer.ask_preview()
        desk.engine.previews[-1][1](Preview(world.TASK, world.decision(), over_budget=over))
        await desk.pilot.pause()
        await desk.press("enter")
        assert desk.sent == []
        assert "about 92,000 tokens with the answer, over the 80,000 that coding" in desk.shown()
        assert desk.prompt.text == "a whole repository"
        await desk.press("enter")
        assert [(one.text, one.over_budget_ok) for one in desk.app.submitted] == [
            ("a whole repository", True)
        ]
        desk.composer.idle()
        await desk.write("a short one")
        await desk.preview()
        await desk.press("enter")
        assert desk.app.submitted[-1].over_budget_ok is False
