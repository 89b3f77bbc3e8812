"""Keys in force: the registry, the user's own over it, and everything that shows them."""

from __future__ import annotations

import pytest
from tests.support import deck_world as world
from tests.support.deck import NARROW, TINY, open_deck
from textual._xterm_parser import XTermParser
from textual.events import Key

from trunkline.tui.key_specs import Scope
from trunkline.tui.keymap import DEFAULT_KEYS, key_table, normal_key
from trunkline.tui.keys import KEYS
from trunkline.tui.screens.deck import DeckScreen
from trunkline.tui.screens.help import help_content, help_lines, help_sections, matching
from trunkline.tui.terminal_keys import teach_alt_keys
from trunkline.tui.widgets.key_hints import KeyHints, hints_for


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("z", "z"),
        ("Z", "Z"),
        ("?", "question_mark"),
        ("-", "minus"),
        ("ctrl+x", "ctrl+x"),
        ("ctrl-x", "ctrl+x"),
        ("Ctrl+X", "ctrl+x"),
        ("shift+p", "P"),
        ("alt+P", "alt+shift+p"),
        ("alt+,", "alt+comma"),
        ("Esc", "escape"),
        ("pgup", "pageup"),
        ("F12", "f12"),
        ("question_mark", "question_mark"),
        ("ctrl+alt+delete", "alt+ctrl+delete"),
        ("hyperspace", None),
        ("ctrl+hyperspace", None),
        ("", None),
    ],
)
def test_keys_as_people_write_them(written: str, key: str | None) -> None:
    assert normal_key(written) == key


def test_every_key_of_the_registry_is_a_key() -> None:
    for spec in KEYS:
        for key in spec.keys:
            assert normal_key(key) == key, spec.id


def test_an_override_replaces_all_keys_of_a_binding_and_keeps_the_rest() -> None:
    table = key_table([("zoom", "b, ctrl+l"), ("themes", "alt+t"), ("undo", "none")])
    assert table.problems == ()
    assert table.named("zoom").keys == ("b", "ctrl+l")
    assert table.named("zoom").label == "b / ctrl-l"
    assert table.named("themes").keys == ("alt+t",)
    assert table.named("undo").keys == ()
    assert table.named("mode") == DEFAULT_KEYS.named("mode")
    assert table.textual_keymap() == {"zoom": "b,ctrl+l", "themes": "alt+t", "undo": "none.undo"}


def test_two_bindings_can_change_places() -> None:
    table = key_table([("zoom", "x"), ("hide", "z")])
    assert table.problems == ()
    assert (table.named("zoom").keys, table.named("hide").keys) == (("x",), ("z",))


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ([("zom", "b")], "nothing is called zom. Did you mean 'zoom'"),
        ([("zoom", "hyperspace")], "there is no key 'hyperspace'"),
        ([("zoom", "m")], "m is taken by mode (Next mode)"),
        ([("zoom", "b"), ("hide", "b")], "keymap.hide: b is taken by zoom"),
        ([("list.down", "s")], "s is taken by switch"),
        ([("accounts.fold", "j")], "j is taken by list.down"),
        ([("send", "s")], "'s' is needed to write"),
        ([("new", "+")], "'+' is needed to write"),
        ([("quit", "none")], "not left without one"),
        ([("zoom", "ctrl+i")], "ctrl+i reaches a program as tab"),
        ([("filter.keep", "f2")], "cannot be another"),
    ],
)
def test_an_override_that_cannot_be_is_left_out_and_told(overrides: list[tuple[str, str]], told: str) -> None:
    table = key_table(overrides)
    assert told in " ".join(table.problems)
    refused = overrides[-1][0]
    found = table.find(refused)
    assert found is None or found.keys == DEFAULT_KEYS.named(refused).keys


def test_the_same_key_may_mean_another_thing_on_another_screen() -> None:
    assert key_table([("receipt.pin", "m"), ("conversations.new", "s")]).problems == ()


def test_keys_that_tmux_and_screen_take_are_put_in_force_and_told() -> None:
    table = key_table([("zoom", "ctrl+b"), ("hide", "ctrl+a")])
    assert table.named("zoom").keys == ("ctrl+b",)
    assert "tmux" in table.problems[0]
    assert "screen" in table.problems[1]
    assert key_table([("zoom", "ctrl+s")]).problems == ()


def test_hints_begin_with_the_own_keys_of_where_the_focus_is() -> None:
    words = [hint.word for hint in hints_for(Scope.ACCOUNTS)]
    assert words[:4] == ["fold", "test", "disable", "available"]
    assert "help" in words
    assert [hint.word for hint in hints_for(Scope.LATENCY)][:3] == ["longer", "shorter", "measure"]


def test_hints_show_the_keys_in_force_and_none_that_is_unbound() -> None:
    table = key_table([("zoom", "b"), ("mode", "none"), ("panel.log", "f3")])
    shown = {hint.word: hint.label for hint in hints_for(Scope.DECK, table)}
    assert shown["zoom"] == "b"
    assert "mode" not in shown
    assert shown["switch"] == "s"
    assert "panel" not in shown or shown["panel"] == "1/2/f3/4"


def test_help_says_where_one_is_first_and_finds_words() -> None:
    table = key_table([("zoom", "b"), ("nonsense", "q")])
    sections = help_sections(table, (Scope.LOG, Scope.LISTS))
    assert [section.title for section in sections][:3] == [
        "Your keymap, as far as it cannot be used",
        "Routing log",
        "In lists",
    ]
    assert ("b", table.named("zoom").description) in help_lines(table)
    found = matching(sections, "panel ALONE")
    assert [line for section in found for line in section.lines] == [("b", table.named("zoom").description)]
    assert matching(sections, "no such words") == ()


@pytest.mark.parametrize("width", [44, 58, 76, 96])
def test_help_stays_within_its_width(width: int) -> None:
    text = help_content(help_sections(), width).plain
    assert max(len(line) for line in text.splitlines()) <= width
    assert "needed" not in text
    assert "/export" in text


def test_alt_with_figures_signs_and_enter_arrives_without_the_kitty_protocol() -> None:
    teach_alt_keys()
    arrived = {}
    for sent in ("\x1b1", "\x1b4", "\x1b,", "\x1b\r", "\x1bz", "\x1b[A", "\x1bOP"):
        parser = XTermParser()
        events = [*parser.feed(sent), *parser.feed("")]
        arrived[sent] = [event.key for event in events if isinstance(event, Key)]
    assert arrived == {
        "\x1b1": ["alt+1"],
        "\x1b4": ["alt+4"],
        "\x1b,": ["alt+comma"],
        "\x1b\r": ["alt+enter"],
        "\x1bz": ["alt+z"],
        "\x1b[A": ["up"],
        "\x1bOP": ["f1"],
    }


async def test_a_keymap_that_changes_is_in_force_at_once() -> None:
    async with open_deck(start_panel=1) as deck:
        await deck.show(world.snapshot())
        assert "z zoom" in deck.shown()
        await deck.show(world.snapshot(keymap=(("zoom", "b"), ("bandwidth", "ctrl+l"))))
        assert "b zoom" in deck.shown()
        await deck.press("z")
        assert not deck.screen.has_class("-zoomed")
        await deck.press("b")
        assert deck.screen.has_class("-zoomed")
        await deck.press("ctrl+l")
        assert deck.app.pace.sparing
        await deck.show(world.snapshot())
        await deck.press("b")
        assert deck.screen.has_class("-zoomed")
        await deck.press("z")
        assert not deck.screen.has_class("-zoomed")


async def test_a_letter_given_to_the_deck_is_still_a_letter_in_the_editor() -> None:
    async with open_deck() as deck:
        await deck.show(world.snapshot(keymap=(("zoom", "b"),)))
        deck.screen.query_one("#prompt").focus()
        await deck.press("b", "z")
        assert deck.screen.query_one("#prompt").text == "bz"  # type: ignore[attr-defined]
        assert not deck.screen.has_class("-zoomed")


async def test_a_keymap_with_a_mistake_is_told_and_the_rest_of_it_used() -> None:
    async with open_deck(start_panel=1) as deck:
        await deck.show(world.snapshot(keymap=(("zom", "b"), ("mode", "alt+y"))))
        assert "nothing is called zom" in " ".join(deck.shown().split())
        await deck.press("alt+y")
        assert deck.engine.orders[-1] == ("set_mode", "cost_first")


async def test_quit_and_palette_can_be_moved() -> None:
    async with open_deck() as deck:
        await deck.show(world.snapshot(keymap=(("quit", "ctrl+x"), ("palette", "ctrl+k"))))
        await deck.press("ctrl+q", "ctrl+p")
        assert deck.app.screen is deck.screen
        assert deck.app.is_running
        await deck.press("ctrl+k")
        assert deck.app.screen is not deck.screen
        await deck.press("escape", "ctrl+x")
        assert deck.app._exit


@pytest.mark.parametrize("size", [NARROW, TINY])
async def test_help_is_searched_and_left_level_by_level(size: tuple[int, int]) -> None:
    async with open_deck(size, start_panel=3) as deck:
        await deck.press("question_mark")
        assert "Keys · esc closes" in deck.shown()
        assert "Routing log" in deck.shown() or "In lists" in deck.shown()
        await deck.press("slash", *"runner-up")
        assert "Ask the last message again" in deck.shown()
        assert "Next mode" not in deck.shown()
        await deck.press("escape")
        assert "Keys · esc closes" in deck.shown()
        await deck.press("G")
        assert "not known" in deck.shown()
        await deck.press("escape")
        assert deck.app.screen is deck.screen


async def test_a_hint_that_is_clicked_acts_like_its_key() -> None:
    async with open_deck(start_panel=1) as deck:
        await deck.show(world.snapshot())
        line = deck.shown().splitlines()[-1]
        await deck.pilot.click("#hints", offset=(line.index("mode"), 0))
        await deck.settle()
        assert deck.engine.orders[-1] == ("set_mode", "cost_first")


async def test_the_palette_over_another_screen_offers_what_acts_there() -> None:
    async with open_deck(start_panel=1) as deck:
        await deck.press("question_mark")
        offered = {command.title for command in deck.app.get_system_commands(deck.app.screen)}
        assert "Search this list" in offered
        assert DEFAULT_KEYS.named("quit").description in offered
        assert "Next mode" not in offered


async def test_the_editor_follows_the_keymap() -> None:
    async with open_deck() as deck:
        await deck.show(world.snapshot(keymap=(("send", "ctrl+enter"), ("newline", "enter"))))
        prompt = deck.screen.query_one("#prompt")
        prompt.focus()
        await deck.press("a", "enter", "b")
        assert prompt.text == "a\nb"  # type: ignore[attr-defined]
        await deck.press("ctrl+enter")
        assert list(deck.engine.requests) == ["R1"]


async def test_what_cannot_act_now_is_dimmed_and_its_key_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def state(screen: DeckScreen, action: str) -> str | None:
        return "there is nothing to switch to" if action == "switch" else None

    monkeypatch.setattr(DeckScreen, "action_state", state, raising=False)
    async with open_deck((200, 50), start_panel=1) as deck:
        await deck.show(world.snapshot())
        hints = deck.screen.query_one(KeyHints)
        hints.recheck()
        spans = {
            hints.render().plain[span.start : span.end]: str(span.style) for span in hints.render().spans
        }
        assert "disabled" in spans["switch"]
        assert "disabled" not in spans["mode"]
        told = {command.title: command.help for command in deck.app.get_system_commands(deck.app.screen)}
        assert told["Send everything down one route"].endswith("not now: there is nothing to switch to")
