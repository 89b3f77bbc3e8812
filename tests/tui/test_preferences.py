"""The preferences screen on real files, by what is shown and what the files say afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.clock import START_MS
from tests.support.fake_engine import FakeEngine
from tests.support.preferences import open_preferences

from trunkline.domain.trials import DecisionChange, PreferencesTrial
from trunkline.tui.messages import SettingsSaved
from trunkline.tui.screens.preferences import PreferencesScreen
from trunkline.tui.screens.preferences.account import account_of
from trunkline.tui.screens.preferences.ask import AskScreen
from trunkline.tui.screens.preferences.save import SaveScreen

PREFERENCES = """\
# Mine, by hand.
mode = "cost_first" # cheap

[tasks.coding]
prefer = [
  "anthropic", # the best
  "openai/gpt-5.6",
  "zai",
]

[thresholds]
warn_at = 0.7 # early
"""
PROVIDERS = """\
[[providers.openai.accounts]]
id = "work"
key = "env:OPENAI_API_KEY"
limits = [{ metric = "requests", amount = 20, window = "day" }] # as agreed
"""
WARN_AT, CODING = "thresholds.warn_at", "tasks.coding.prefer"
SIZES = [(60, 16), (80, 24), (120, 40), (160, 50)]


async def test_a_number_is_changed_and_saved_with_comments_kept(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, PREFERENCES, start=WARN_AT) as preferences:
        await preferences.press("l", "l")
        assert "● 1 unsaved" in preferences.shown()
        await preferences.press("w")
        assert "+warn_at = 0.8 # early" in preferences.shown()
        assert "There is no engine to decide the last requests again." in preferences.words()
        assert preferences.file.read_text() == PREFERENCES
        await preferences.press("enter")
        assert preferences.file.read_text() == PREFERENCES.replace("warn_at = 0.7", "warn_at = 0.8")
        assert "unsaved" not in preferences.shown()
        await preferences.press("escape")
        (result,) = preferences.results
        assert isinstance(result, SettingsSaved)
        assert "-warn_at = 0.7 # early" in result.diff


async def test_nothing_saved_gives_nothing(tmp_path: Path) -> None:
    async with open_preferences(tmp_path) as preferences:
        await preferences.press("escape")
        assert preferences.results == [None]
        assert not preferences.file.exists()


async def test_a_list_is_reordered_and_its_lines_keep_their_comments(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, PREFERENCES, start=CODING) as preferences:
        await preferences.press("j", "J", "J")
        assert preferences.screen.current is not None
        assert preferences.screen.current.entry == "anthropic"
        await preferences.press("J")
        assert "It is the last one." in preferences.told()
        await preferences.press("w", "enter")
        text = preferences.file.read_text()
        assert text.index("openai/gpt-5.6") < text.index("zai") < text.index('"anthropic", # the best')
        assert "# Mine, by hand." in text


async def test_entries_are_added_replaced_and_removed(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, PREFERENCES, start=CODING) as preferences:
        preferences.go_to(f"add:{CODING}")
        await preferences.press("enter")
        await preferences.type("gemflash")
        assert "google/gemini-3.8-flash" in preferences.shown()
        await preferences.press("enter")
        preferences.go_to(f"entry:{CODING}:zai")
        await preferences.press("d")
        preferences.go_to(f"entry:{CODING}:anthropic")
        await preferences.press("enter")
        await preferences.type("kimi")
        await preferences.press("enter")
        assert preferences.screen.draft.value(CODING) == ["kimi", "openai/gpt-5.6", "google/gemini-3.8-flash"]
        await preferences.press("u", "u", "u")
        assert preferences.screen.draft.value(CODING) == ["anthropic", "openai/gpt-5.6", "zai"]
        assert not preferences.screen.draft.changes


async def test_a_selector_that_names_nothing_is_refused_while_it_is_typed(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, PREFERENCES, start=CODING) as preferences:
        preferences.go_to(f"add:{CODING}")
        await preferences.press("enter")
        await preferences.type("nowhere/x")
        assert "✕ expected a provider" in preferences.words()
        await preferences.press("enter")
        assert preferences.app.screen is not preferences.screen
        await preferences.press("escape")
        assert not preferences.screen.draft.changes


async def test_a_typed_value_says_at_once_what_is_wrong_with_it(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, PREFERENCES, start=WARN_AT) as preferences:
        await preferences.press("enter")
        await preferences.type("7")
        assert "✕ expected a number of at most 1" in preferences.words()
        await preferences.press("enter")
        assert "✕ expected a number of at most 1" in preferences.words()
        await preferences.press("backspace")
        await preferences.type("0.9")
        assert "✕" not in preferences.shown()
        await preferences.press("enter")
        assert preferences.screen.draft.value(WARN_AT) == 0.9


async def test_values_that_do_not_fit_together_are_told_before_saving(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, start="thresholds.tier_complex_above") as preferences:
        await preferences.press(*"hhhhhhhhh")
        assert "✕ 1 cannot be saved" in preferences.shown()
        await preferences.press("k")
        assert "✕ expected a number of at most tier_complex_above (0.25)" in preferences.words()
        await preferences.press("w")
        assert "This cannot be saved" in preferences.shown()
        assert "thresholds.tier_simple_below" in preferences.shown()
        await preferences.press("escape", "u")
        assert "cannot be saved" not in preferences.shown()


async def test_a_value_is_checked_beside_what_is_unsaved(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, start="thresholds.tier_complex_above") as preferences:
        await preferences.press("enter")
        await preferences.type("0.9")
        await preferences.press("enter", "k", "enter")
        await preferences.type("0.8")
        assert "✕" not in preferences.shown()


async def test_a_save_is_taken_back_to_the_byte_after_it_was_shown(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, PREFERENCES, start=WARN_AT) as preferences:
        before = preferences.file.read_bytes()
        await preferences.press("l", "w", "enter")
        assert preferences.file.read_bytes() != before
        await preferences.press("u")
        assert "Take the last save back" in preferences.shown()
        assert "+warn_at = 0.7 # early" in preferences.shown()
        await preferences.press("escape")
        assert preferences.file.read_bytes() != before
        await preferences.press("u", "enter")
        assert preferences.file.read_bytes() == before
        assert preferences.screen.draft.value(WARN_AT) == 0.7
        await preferences.press("u")
        assert "There is nothing to take back." in preferences.told()


async def test_the_last_decisions_are_made_again_before_saving(tmp_path: Path) -> None:
    change = DecisionChange(
        "R1", START_MS, "chat", "coding", "t2", "openai/main/gpt-5.6", "zai/main/glm-5.3-flash", "stated",
        "cost", 4_000_000_000, 300_000_000,
    )  # fmt: skip
    engine = FakeEngine(trial=PreferencesTrial(50, (change,) * 7))
    async with open_preferences(tmp_path, PREFERENCES, start="mode", engine=engine) as preferences:
        await preferences.press("l", "w")
        shown = preferences.words()
        assert "7 of 50 would go elsewhere." in shown
        assert "12:00 coding t2" in shown
        assert "openai/main/gpt-5.6 → zai/main/glm-5.3-flash" in shown
        assert "(cost; $0.0040 → $0.0003)" in shown
        (order,) = [what for name, what in engine.orders if name == "try"]
        assert order == {
            preferences.file: PREFERENCES.replace('"cost_first" # cheap', '"quality_first" # cheap')
        }


async def test_the_save_box_scrolls_and_goes_back_with_nothing_lost(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, PREFERENCES, start="mode", size=(60, 16)) as preferences:
        await preferences.press("l", "w", "j", "k")
        assert isinstance(preferences.app.screen, SaveScreen)
        await preferences.press("escape")
        assert "● 1 unsaved" in preferences.shown()
        assert preferences.file.read_text() == PREFERENCES


async def test_a_switch_turns_and_goes_back_to_its_default(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, start="rules.cheap_simple") as preferences:
        await preferences.press("space")
        assert preferences.screen.draft.value("rules.cheap_simple") is False
        await preferences.press("d")
        assert not preferences.screen.draft.changes
        await preferences.press("d")
        assert "at its default already" in preferences.told()


async def test_the_default_takes_the_line_out_of_the_file(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, PREFERENCES, start="mode") as preferences:
        await preferences.press("d", "w", "enter")
        assert "mode" not in preferences.file.read_text()
        assert preferences.screen.draft.value("mode") == "balanced"


async def test_a_choice_is_made_by_letters(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, start="mode") as preferences:
        await preferences.press("enter")
        await preferences.type("speed")
        await preferences.press("enter")
        assert preferences.screen.draft.value("mode") == "max_speed"


async def test_search_narrows_the_list_and_escape_keeps_the_place(tmp_path: Path) -> None:
    async with open_preferences(tmp_path) as preferences:
        await preferences.press("slash")
        await preferences.type("stall")
        assert [row.key for row in preferences.screen.listing.rows] == ["setting:timeouts.stall_s"]
        await preferences.press("enter", "l", "escape")
        assert preferences.screen.current is not None
        assert preferences.screen.current.name == "timeouts.stall_s"
        assert preferences.screen.draft.value("timeouts.stall_s") == 61
        assert len(preferences.screen.listing.rows) > 50


async def test_a_search_without_a_hit_says_so(tmp_path: Path) -> None:
    async with open_preferences(tmp_path) as preferences:
        await preferences.press("slash")
        await preferences.type("qqzz")
        assert "Nothing fits." in preferences.shown()
        await preferences.press("escape")
        assert preferences.results == []
        assert "What is preferred" in preferences.shown()


@pytest.mark.parametrize(
    ("key", "left", "text"),
    [("d", True, PREFERENCES), ("escape", False, PREFERENCES), ("w", False, PREFERENCES)],
)
async def test_leaving_with_something_unsaved_asks_once(
    tmp_path: Path, key: str, left: bool, text: str
) -> None:
    async with open_preferences(tmp_path, PREFERENCES, start=WARN_AT) as preferences:
        await preferences.press("l", "escape")
        assert isinstance(preferences.app.screen, AskScreen)
        assert "One change is not saved." in preferences.shown()
        await preferences.press(key)
        assert preferences.results == ([None] if left else [])
        assert isinstance(preferences.app.screen, SaveScreen) is (key == "w")
        assert preferences.file.read_text() == text


async def test_keys_are_pressed_and_those_that_are_taken_are_refused(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, start="keymap.zoom") as preferences:
        await preferences.press("enter", "p")
        assert "p is taken by pin" in preferences.words()
        await preferences.press("enter")
        assert "Keys of zoom" in preferences.shown()
        await preferences.press("backspace", "Z", "f9", "enter")
        assert preferences.screen.draft.value("keymap.zoom") == "Z,f9"
        await preferences.press("w", "enter")
        assert 'zoom = "Z,f9"' in preferences.file.read_text()


async def test_colours_are_shown_while_they_are_chosen_and_put_back(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, start="theme") as preferences:
        await preferences.press("enter", "down")
        assert preferences.app.theme != "trunkline-dark"
        await preferences.press("escape")
        assert preferences.app.theme == "trunkline-dark"
        await preferences.press("enter")
        await preferences.type("terminal")
        await preferences.press("enter")
        assert preferences.app.theme == "trunkline-terminal"
        await preferences.press("escape", "d")
        assert preferences.app.theme == "trunkline-dark"


async def test_saved_colours_stay(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, start="theme") as preferences:
        await preferences.press("enter")
        await preferences.type("terminal")
        await preferences.press("enter", "w", "enter", "escape")
        assert preferences.app.theme == "trunkline-terminal"


async def test_colours_go_back_with_the_save_that_is_taken_back(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, 'theme = "nord"\n', start="theme") as preferences:
        await preferences.press("enter")
        await preferences.type("light")
        await preferences.press("enter", "w", "enter", "u", "enter")
        assert preferences.app.theme == "nord"
        await preferences.press("escape")
        assert preferences.app.theme == "nord"


async def test_saving_twice_at_once_asks_once(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, start="rules.cheap_simple") as preferences:
        await preferences.pilot.press("space", "w", "w")
        await preferences.settle()
        await preferences.press("escape")
        assert preferences.app.screen is preferences.screen


async def test_limits_of_accounts_are_changed_added_and_removed(tmp_path: Path) -> None:
    key = "accounts.openai/work.limits"
    async with open_preferences(tmp_path, providers=PROVIDERS, start=key) as preferences:
        preferences.go_to(f"entry:{key}:20 requests / day")
        await preferences.press("enter", "tab")
        await preferences.type("50")
        await preferences.press("enter")
        preferences.go_to(f"add:{key}")
        await preferences.press("enter")
        await preferences.type("cost")
        await preferences.press("enter")
        assert "✕ amount: " in preferences.words()
        await preferences.press("tab")
        await preferences.type("5")
        await preferences.press("tab")
        await preferences.type("month")
        await preferences.press("enter")
        await preferences.press("w")
        await preferences.press("enter")
        text = preferences.places.providers_file.read_text()
        assert 'metric = "requests", amount = 50, window = "day"' in text
        assert 'metric = "cost", amount = 5, window = "month"' in text


async def test_an_account_of_a_variable_is_written_with_its_first_change(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, start="accounts.google/google-1.enabled") as preferences:
        await preferences.press("enter", "w", "enter")
        text = preferences.places.providers_file.read_text()
        assert 'id = "google-1"' in text
        assert "enabled = false" in text
        assert preferences.screen.draft.value("accounts.google/google-1.enabled") is False


async def test_a_broken_file_is_told_and_read_again_once_mended(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, "mode = \n") as preferences:
        shown = preferences.words()
        assert "Your files cannot be used as they are" in shown
        assert "line 1" in shown
        assert "expected TOML" in shown
        preferences.file.write_text(PREFERENCES)
        await preferences.press("escape", "w")
        assert "cost_first" in preferences.shown()


async def test_a_file_that_somebody_else_changes_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, PREFERENCES, start=WARN_AT) as preferences:
        await preferences.press("l", "w")
        preferences.file.write_text(PREFERENCES + "# theirs\n")
        await preferences.press("enter")
        assert "Nothing was saved" in preferences.shown()
        assert "Somebody else changed it meanwhile" in preferences.words()
        assert preferences.file.read_text() == PREFERENCES + "# theirs\n"
        await preferences.press("escape", "w", "enter")
        assert preferences.file.read_text() == PREFERENCES.replace("0.7", "0.75") + "# theirs\n"


async def test_a_file_that_cannot_be_written_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_preferences(tmp_path, PREFERENCES, start=WARN_AT) as preferences:
        await preferences.press("l", "w")

        def refuse(self: Path, target: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "replace", refuse)
        await preferences.press("enter")
        assert "permission denied" in preferences.words()
        await preferences.press("escape")
        assert "● 1 unsaved" in preferences.shown()


async def test_headings_fold_and_unfold(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, start="thresholds") as preferences:
        count = len(preferences.screen.listing.rows)
        await preferences.press("enter")
        assert len(preferences.screen.listing.rows) == count - 20
        await preferences.press("l")
        assert len(preferences.screen.listing.rows) == count
        await preferences.press("h", "h")
        assert len(preferences.screen.listing.rows) == count - 20


async def test_what_is_unfolded_at_the_lower_edge_comes_into_view(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, start="providers") as preferences:
        await preferences.press("enter", "enter")
        assert "▾ Providers" in preferences.shown()
        assert "▸ google" in preferences.shown()


async def test_sections_at_the_left_lead_to_their_settings(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, size=(160, 50)) as preferences:
        await preferences.press("shift+tab", "j", "j", "enter")
        assert preferences.screen.current is not None
        assert preferences.screen.current.row_key == "section:modes"
        assert preferences.screen.listing.has_focus


@pytest.mark.parametrize("size", SIZES)
async def test_every_size_shows_the_setting_its_value_and_what_it_is(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with open_preferences(tmp_path, PREFERENCES, size=size, start=WARN_AT) as preferences:
        shown = preferences.words()
        for part in ("warn_at", "0.7", "Share of a limit used from which it warns.", "0.8", "/ search"):
            assert part in shown
        assert len(preferences.shown().splitlines()) == size[1]


async def test_nothing_is_drawn_where_nothing_changed(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, start=WARN_AT) as preferences:
        listing = preferences.screen.listing
        before = listing.cells_changed
        await preferences.press("l")
        assert "0.85" in preferences.shown()
        assert 0 < listing.cells_changed - before <= 8


# -- accounts that are not there yet -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "name", "key", "expected"),
    [
        ("opn", "main", "env:K", "provider: one of google, openai"),
        ("", "", "", "provider: one of google, openai"),
        ("op", "", "", "provider: one of openai"),
        ("openai", "", "env:K", "name: a name of yours"),
        ("openai", "main", "env:K", "name: another one, as openai/main is there already"),
        ("openai", "work", "", "key: env:NAME"),
        ("openai", "a/b", "env:K", "name: "),
    ],
)
def test_an_account_that_cannot_be_added_says_what_was_expected(
    provider: str, name: str, key: str, expected: str
) -> None:
    texts = {"provider": provider, "name": name, "key": key}
    answer = account_of(texts, ("openai", "google"), {"openai/main"})
    assert isinstance(answer, str)
    assert answer.startswith(expected)


def test_a_plain_key_is_refused_and_not_repeated() -> None:
    plain = "sk-" + "ab12" * 10
    answer = account_of({"provider": "openai", "name": "work", "key": plain}, ("openai",), ())
    assert isinstance(answer, str)
    assert plain not in answer


async def test_an_account_is_added_shown_and_taken_out_again(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, start="accounts", size=(100, 40)) as preferences:
        await preferences.press("n")
        for text in ("openai", "work", "env:OPENAI_WORK_KEY"):
            await preferences.type(text)
            await preferences.press("enter")
        assert "Add openai/work" in preferences.shown()
        assert '+id = "work"' in preferences.shown()
        await preferences.press("enter")
        written = preferences.places.providers_file.read_text()
        assert 'key = "env:OPENAI_WORK_KEY"' in written
        preferences.go_to("group:accounts.openai/work")
        await preferences.settle()
        assert "env:OPENAI_WORK_KEY · no limits" in preferences.words()
        await preferences.press("d")
        assert "Remove openai/work" in preferences.shown()
        await preferences.press("enter")
        assert "work" not in preferences.places.providers_file.read_text()


async def test_an_account_that_a_variable_made_cannot_be_taken_out_of_the_file(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, start="accounts", size=(100, 40)) as preferences:
        preferences.go_to("group:accounts.openai/main")
        await preferences.press("d")
        assert "OPENAI_API_KEY is set: disable it instead" in preferences.words()


async def test_without_accounts_their_section_still_adds_one(tmp_path: Path) -> None:
    async with open_preferences(tmp_path, start="accounts", environ={}) as preferences:
        preferences.go_to("new:accounts")
        await preferences.press("enter")
        assert "Add an account" in preferences.shown()
        await preferences.press("escape")
        assert isinstance(preferences.app.screen, PreferencesScreen)
