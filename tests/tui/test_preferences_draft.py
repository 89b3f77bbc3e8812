"""Preferences without a screen: values, drafts, lines, rows and what keys do, as tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest
from tests.support.clock import START_MS
from tests.support.preferences import ENVIRON

from trunkline.config.account_edits import AccountEdit
from trunkline.config.account_facts import LimitText
from trunkline.config.desk import ConfigDesk, Edit
from trunkline.config.load import Loaded
from trunkline.config.places import Places
from trunkline.config.settings import Setting, Source, SourceKind
from trunkline.config.shape import Bounds, Kind
from trunkline.domain.errors import ConfigError
from trunkline.domain.trials import DecisionChange, PreferencesTrial
from trunkline.tui.cells import Tone
from trunkline.tui.screens.preferences import changes
from trunkline.tui.screens.preferences.account_settings import edits_of
from trunkline.tui.screens.preferences.detail import detail_lines
from trunkline.tui.screens.preferences.draft import Draft, inserted, moved, without
from trunkline.tui.screens.preferences.hints import hint_ids
from trunkline.tui.screens.preferences.items import (
    Item,
    ItemKind,
    items,
    open_at_first,
    path_to,
    sections_of,
)
from trunkline.tui.screens.preferences.known_settings import known_settings, refusal_of_keys
from trunkline.tui.screens.preferences.limit import limit_of
from trunkline.tui.screens.preferences.problems import key_of_problem, refusal_of_text
from trunkline.tui.screens.preferences.rows import rows, section_rows, weight_shares
from trunkline.tui.screens.preferences.save_lines import change_lines, diff_lines, trial_head
from trunkline.tui.screens.preferences.values import (
    UnusableText,
    bounds_text,
    read_typed,
    shown,
    stepped,
    typed_text,
)

PREFERENCES = """\
mode = "cost_first"

[tasks.coding]
prefer = ["anthropic", "openai/gpt-5.6"]
"""
PROVIDERS = """\
[[providers.openai.accounts]]
id = "work"
key = "env:OPENAI_API_KEY"
limits = [{ metric = "requests", amount = 20, window = "day" }]
"""
CODING = "tasks.coding.prefer"


def setting(key: str = "a", kind: Kind = Kind.NUMBER, current: object = 1.0, **more: object) -> Setting:
    """A setting of no file."""
    values: dict[str, object] = {
        "key": key,
        "type": kind.value,
        "choices": (),
        "default": current,
        "current": current,
        "stated": False,
        "file": "preferences.toml",
        "help": "what it does",
        "kind": kind,
        "section": "general",
        "title": "General",
    }
    return Setting(**(values | more))  # type: ignore[arg-type]


def draft_of(*settings: Setting) -> Draft:
    return Draft({one.key: one for one in settings})


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    folder: Path = tmp_path_factory.mktemp("home")
    (folder / "preferences.toml").write_text(PREFERENCES)
    (folder / "providers.toml").write_text(PROVIDERS)
    return ConfigDesk(Places(folder, folder, folder), ENVIRON).read()


@pytest.fixture(scope="module")
def whole(loaded: Loaded) -> Draft:
    """Every setting there is."""
    return draft_of(*known_settings(loaded))


# -- values ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (True, "on"),
        (False, "off"),
        (600, "600"),
        (20_000, "20,000"),
        (0.45, "0.45"),
        (3.0, "3"),
        (0.0001, "0.0001"),
        ("a\x1b[31mb\n", "ab"),
        ([], "none"),
        (["a", "b"], "a, b"),
        ({"a": 1}, "1 entries"),
        ([LimitText("cost", 5)], "$5.00 cost / balance"),
    ],
)
def test_values_are_shown_on_one_line(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Kind.WHOLE, "20000", 20_000),
        (Kind.WHOLE, "20,000", 20_000),
        (Kind.WHOLE, "20k", 20_000),
        (Kind.WHOLE, "1.5m", 1_500_000),
        (Kind.NUMBER, "0.45", 0.45),
        (Kind.NUMBER, "45%", 0.45),
        (Kind.NUMBER, "3", 3),
        (Kind.TEXT, "  a b ", "a b"),
        (Kind.TEXT, "", None),
    ],
)
def test_typed_texts_are_read(kind: Kind, text: str, value: object) -> None:
    found = read_typed(setting(kind=kind), text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.WHOLE, "x"),
        (Kind.WHOLE, "1.5"),
        (Kind.WHOLE, "1.2345k"),
        (Kind.NUMBER, "nan"),
        (Kind.NUMBER, "a"),
    ],
)
def test_texts_that_are_no_value_say_what_was_expected(kind: Kind, text: str) -> None:
    with pytest.raises(UnusableText, match="number"):
        read_typed(setting(kind=kind), text)


def test_a_required_setting_cannot_be_emptied() -> None:
    with pytest.raises(UnusableText):
        read_typed(setting(kind=Kind.TEXT, required=True), " ")


@pytest.mark.parametrize(
    ("kind", "bounds", "value", "steps", "after"),
    [
        (Kind.NUMBER, Bounds(0, 1, 0.05), 0.3, 1, 0.35),
        (Kind.NUMBER, Bounds(0, 1, 0.05), 0.1, -1, 0.05),
        (Kind.NUMBER, Bounds(0, 1, 0.05), 0.98, 1, 1.0),
        (Kind.NUMBER, Bounds(0, 1, 0.05), 1.0, 1, None),
        (Kind.NUMBER, Bounds(0, None, 1), 3, 1, 4),
        (Kind.NUMBER, Bounds(), 50.0, 1, 51.0),
        (Kind.WHOLE, Bounds(0, 100, 5), 80, -1, 75),
        (Kind.WHOLE, Bounds(1, 20, 1), 1, -1, None),
        (Kind.NUMBER, Bounds(0, None, 0.5), None, 1, 0.5),
        (Kind.SWITCH, Bounds(), True, 1, False),
        (Kind.TEXT, Bounds(), "a", 1, None),
    ],
)
def test_numbers_and_switches_step(
    kind: Kind, bounds: Bounds, value: object, steps: int, after: object
) -> None:
    one = setting(kind=kind, current=value, default=None, bounds=bounds)
    assert stepped(one, value, steps) == after
    assert type(stepped(one, value, steps)) is type(after)


@pytest.mark.parametrize(
    ("value", "steps", "after"),
    [("a", 1, "b"), ("c", 1, "a"), ("a", -1, "c"), (None, 1, "a"), (None, -1, "c"), ("gone", 1, "a")],
)
def test_choices_go_round(value: object, steps: int, after: str) -> None:
    assert stepped(setting(kind=Kind.CHOICE, choices=("a", "b", "c")), value, steps) == after


@pytest.mark.parametrize(
    ("bounds", "text"),
    [(Bounds(0, 1), "0 to 1"), (Bounds(0), "at least 0"), (Bounds(None, 9), "at most 9"), (Bounds(), "")],
)
def test_bounds_in_words(bounds: Bounds, text: str) -> None:
    assert bounds_text(setting(bounds=bounds)) == text


def test_a_number_is_offered_for_typing_as_it_would_be_typed() -> None:
    assert [typed_text(value) for value in (None, 0.5, 3.0, 20_000, "a")] == ["", "0.5", "3", "20000", "a"]


# -- drafts ---------------------------------------------------------------------------------------------------------


def test_a_change_is_unsaved_until_it_is_what_the_file_says() -> None:
    draft = draft_of(setting(current=1.0, default=2.0, stated=True))
    changed = draft.with_value("a", 3.0)
    assert (changed.value("a"), changed.is_changed("a"), len(changed.steps)) == (3.0, True, 1)
    assert not changed.with_value("a", 1.0).is_changed("a")
    assert draft.with_value("a", 1.0) is draft


def test_one_and_true_are_two_values() -> None:
    assert draft_of(setting(current=1)).with_value("a", True).is_changed("a")


def test_back_to_the_default_takes_the_value_out_of_the_file() -> None:
    stated = draft_of(setting(current=1.0, default=2.0, stated=True)).with_default("a")
    assert (stated.value("a"), edits_of(stated)) == (2.0, (Edit("a", None),))
    unstated = draft_of(setting(current=1.0)).with_value("a", 3.0).with_default("a")
    assert edits_of(unstated) == ()


def test_changes_are_taken_back_one_by_one() -> None:
    draft = draft_of(setting("a"), setting("b"))
    after = draft.with_value("a", 2.0).with_value("b", 3.0).with_value("a", 4.0).with_default("a")
    values = []
    while after.steps:
        after = after.without_last()
        values.append((after.value("a"), after.value("b")))
    assert values == [(4.0, 3.0), (2.0, 3.0), (2.0, 1.0), (1.0, 1.0)]
    assert after.without_last() is after


def test_changes_survive_that_the_files_are_read_again() -> None:
    draft = draft_of(setting("a"), setting("b"), setting("gone"))
    changed = draft.with_value("a", 2.0).with_value("b", 3.0).with_value("gone", 4.0)
    after = changed.on([setting("a"), setting("b", current=3.0, stated=True)])
    assert dict(after.changes) == {"a": 2.0}
    assert [step.key for step in after.steps] == ["a"]


def test_a_finding_goes_with_the_next_change_of_its_setting() -> None:
    draft = draft_of(setting("a"), setting("b")).with_problems({"a": "no", "b": "no"})
    assert dict(draft.with_value("a", 2.0).problems) == {"b": "no"}


@pytest.mark.parametrize(
    ("index", "step", "after"),
    [(0, 1, ("b", "a", "c")), (2, -1, ("a", "c", "b")), (0, -1, None), (2, 1, None), (5, 1, None)],
)
def test_entries_move(index: int, step: int, after: tuple[str, ...] | None) -> None:
    assert moved(("a", "b", "c"), index, step) == after


def test_entries_come_and_go() -> None:
    assert without(("a", "b", "c"), 1) == ("a", "c")
    assert inserted(("a", "b"), 1, "c") == ("a", "c", "b")
    assert inserted(("a", "b", "c"), 2, "a") == ("b", "a", "c")


# -- what keys do ---------------------------------------------------------------------------------------------------

ENTRY = Item(ItemKind.ENTRY, "l", "1", 1, "general", 0, "a")
ADD = Item(ItemKind.ADD, "l", "+", 1, "general")
LIST = setting("l", Kind.LIST, ["a", "b"])


def test_keys_on_entries() -> None:
    draft = draft_of(LIST)
    after = changes.move_entry(draft, ENTRY, 1)
    assert isinstance(after, Draft)
    assert after.value("l") == ["b", "a"]
    replaced = changes.put_entry(draft, ENTRY, "c")
    assert isinstance(replaced, Draft)
    assert replaced.value("l") == ["c", "b"]
    longer = changes.put_entry(draft, ADD, "c")
    assert isinstance(longer, Draft)
    assert longer.value("l") == ["a", "b", "c"]
    shorter = changes.take_out(draft, ENTRY)
    assert isinstance(shorter, Draft)
    assert shorter.value("l") == ["b"]


@pytest.mark.parametrize(
    "outcome",
    [
        changes.move_entry(draft_of(LIST), ENTRY, -1),
        changes.move_entry(draft_of(LIST), replace(ENTRY, kind=ItemKind.SETTING), 1),
        changes.put_entry(draft_of(LIST), ADD, "b"),
        changes.take_out(draft_of(LIST), ADD),
        changes.take_out(draft_of(setting()), Item(ItemKind.SETTING, "a", "a", 0, "general")),
        changes.step(draft_of(LIST), ENTRY, 1),
        changes.undo(draft_of(LIST)),
    ],
)
def test_a_key_that_cannot_act_says_why(outcome: changes.Outcome) -> None:
    assert isinstance(outcome, str)
    assert outcome.endswith(".")


# -- lines and rows -------------------------------------------------------------------------------------------------


def test_every_setting_is_in_a_section_and_can_be_reached(whole: Draft) -> None:
    for key, one in whole.settings.items():
        lines = items(whole, path_to(whole, key))
        assert [line.section for line in lines if line.row_key == f"setting:{key}"] == [one.section], key


def test_only_what_is_unfolded_is_there(whole: Draft) -> None:
    folded = items(whole, frozenset())
    assert [line.name for line in folded] == list(sections_of(whole))
    first = {line.name for line in items(whole, open_at_first(whole))}
    assert "modes.cost_first.weights.cost" in first
    assert "modes.balanced.weights.cost" not in first
    assert "providers.google" not in first


def test_an_open_list_shows_its_entries_in_order(whole: Draft) -> None:
    lines = items(whole, path_to(whole, CODING) | {CODING})
    at = next(i for i, line in enumerate(lines) if line.name == CODING)
    inside = lines[at + 1 : at + 4]
    assert [(line.kind, line.entry) for line in inside] == [
        (ItemKind.ENTRY, "anthropic"),
        (ItemKind.ENTRY, "openai/gpt-5.6"),
        (ItemKind.ADD, ""),
    ]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("warn", "thresholds.warn_at"),
        ("coding.pref", CODING),
        ("theme", "theme"),
        ("colours of the control", "theme"),
        ("first_token", "timeouts.first_token_s"),
    ],
)
def test_search_finds_keys_and_helps(whole: Draft, query: str, first: str) -> None:
    assert items(whole, frozenset(), query)[0].name == first


def test_search_without_a_hit_is_empty(whole: Draft) -> None:
    assert items(whole, frozenset(), "qqqqzz") == ()


def test_rows_say_value_origin_and_what_is_unsaved(whole: Draft) -> None:
    draft = whole.with_value("thresholds.warn_at", 0.5).with_problems({"quality_floor": "no"})
    by_key = {
        row.key: [cell.text.strip() for cell in row.cells]
        for row in rows(draft, items(draft, open_at_first(draft)), open_at_first(draft))
    }
    assert by_key["setting:mode"] == ["", "mode", "cost_first", "yours, line 1"]
    assert by_key["setting:thresholds.warn_at"] == ["●", "warn_at", "0.5", "unsaved"]
    assert by_key["section:thresholds"][0] == "●"
    assert by_key["setting:quality_floor"][0] == by_key["section:general"][0] == "✕"


def test_weights_show_their_share_of_the_sum(whole: Draft) -> None:
    draft = whole.with_value("modes.cost_first.weights.cost", 1.35)
    shares = weight_shares(draft)
    assert shares["modes.cost_first.weights.cost"] == pytest.approx(1.35 / 1.9)
    assert sum(v or 0 for k, v in shares.items() if k.startswith("modes.cost_first.")) == pytest.approx(1)
    row = next(
        row
        for row in rows(draft, items(draft, open_at_first(draft)), frozenset())
        if row.key == "setting:modes.cost_first.weights.cost"
    )
    assert row.cells[2].text == "1.35  ▇▇▇▇▇▇▇▁▁▁  71 %"


def test_weights_that_sum_to_nothing_have_no_share() -> None:
    draft = draft_of(setting("modes.x.weights.cost", current=0.0))
    assert weight_shares(draft) == {"modes.x.weights.cost": None}


def test_the_section_list_marks_where_the_cursor_is_and_what_is_unsaved(whole: Draft) -> None:
    marked = section_rows(whole.with_value("rules.cheap_simple", False), "rules")
    row = next(row for row in marked if row.key == "rules")
    assert [cell.text for cell in row.cells] == ["▸", "Habits and cost rules", "● 1"]


def _text(draft: Draft, item: Item, *, compact: bool = False) -> str:
    return "\n".join(line.text for line in detail_lines(draft, item, 60, compact=compact))


def test_the_detail_says_everything(whole: Draft) -> None:
    item = Item(ItemKind.SETTING, "thresholds.warn_at", "warn_at", 1, "thresholds")
    draft = whole.with_value("thresholds.warn_at", 0.5).with_problems({"thresholds.warn_at": "expected less"})
    for compact in (False, True):
        text = _text(draft, item, compact=compact)
        for part in (
            "thresholds.warn_at",
            "Share of a limit used",
            "0.5",
            "0.8",
            "0 to 1",
            "✕ expected less",
        ):
            assert part in text


def test_the_detail_names_the_variable_that_goes_before_the_file() -> None:
    forced = Source(SourceKind.ENVIRONMENT, variable="MODEL_OVERRIDE_CODING", forced=["zai"])
    draft = draft_of(setting("l", Kind.LIST, ["a"], source=forced))
    text = " ".join(_text(draft, Item(ItemKind.SETTING, "l", "l", 0, "general")).split())
    assert "MODEL_OVERRIDE_CODING of the environment puts zai in its place." in text


@pytest.mark.parametrize("width", [1, 10, 40, 120])
def test_the_detail_of_every_line_fits_any_width(whole: Draft, width: int) -> None:
    for item in items(whole, open_at_first(whole)):
        for line in detail_lines(whole, item, width, compact=True):
            assert line.text or not line.cells


def test_hints_follow_the_line(whole: Draft) -> None:
    lines = {line.name: line for line in items(whole, path_to(whole, CODING))}
    assert ("preferences.edit", "entries") in hint_ids(whole, lines[CODING])
    assert ("preferences.less+preferences.more", "other") in hint_ids(
        whole, Item(ItemKind.SETTING, "mode", "mode", 1, "general")
    )
    entry = Item(ItemKind.ENTRY, CODING, "1", 2, "tasks", 0, "anthropic")
    assert hint_ids(whole, entry)[0] == ("preferences.down+preferences.up", "move")
    assert all(hint[0] != "preferences.undo" for hint in hint_ids(whole, entry))


# -- keys, accounts, limits -----------------------------------------------------------------------------------------


def test_every_key_of_the_deck_is_a_setting(whole: Draft) -> None:
    zoom = whole.settings["keymap.zoom"]
    assert (zoom.current, zoom.default, zoom.stated) == ("z,alt+z", "z,alt+z", False)
    assert 'keymap."panel.log"' in whole.settings


@pytest.mark.parametrize(
    ("keys", "refused"),
    [(("Z",), False), (("ctrl+a",), False), (("p",), True), (("ctrl+m",), True), (("z", "alt+z"), False)],
)
def test_keys_that_are_taken_are_refused(keys: tuple[str, ...], refused: bool) -> None:
    assert (refusal_of_keys({}, "zoom", keys) is not None) is refused


def test_keys_are_not_taken_from_another_of_the_users() -> None:
    assert refusal_of_keys({"pause": "Z"}, "zoom", ("Z",)) is not None
    assert refusal_of_keys({"pin": "Z"}, "zoom", ("p",)) is None


def test_accounts_are_settings_of_their_own_section(whole: Draft) -> None:
    limits = whole.settings["accounts.openai/work.limits"]
    assert (limits.section, limits.group, limits.stated) == ("accounts", "openai/work", True)
    assert [shown(one) for one in whole.entries(limits.key)] == ["20 requests / day"]
    assert whole.value("accounts.google/google-1.enabled") is True


def test_changes_of_an_account_are_one_edit(whole: Draft) -> None:
    limit = LimitText("cost", 5, "month")
    draft = whole.with_value("accounts.openai/work.enabled", False).with_value(
        "accounts.openai/work.limits", [limit]
    )
    assert edits_of(draft) == (AccountEdit("openai/work", {"enabled": False, "limits": [limit.table()]}),)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({"metric": "requests", "amount": "1,000", "window": "day"}, LimitText("requests", 1_000, "day")),
        ({"metric": "cost", "amount": "2.5", "window": "month", "scope": "model"}, "$2.50"),
        ({"metric": "requests"}, "amount: "),
        ({"metric": "wishes", "amount": "1", "window": "day"}, "metric: expected"),
        ({"metric": "requests", "amount": "x", "window": "day"}, "amount: expected"),
        ({"metric": "requests", "amount": "1", "window": "sometimes"}, "window: expected"),
    ],
)
def test_limits_are_read_from_their_fields(texts: dict[str, str], expected: LimitText | str) -> None:
    found = limit_of(texts)
    if isinstance(expected, LimitText):
        assert found == expected
    else:
        assert str(found).startswith(expected)


# -- findings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "text", "part"),
    [
        ("thresholds.warn_at", "0.5", None),
        ("thresholds.warn_at", "7", "at most 1"),
        ("thresholds.warn_at", "x", "a number"),
        ("tasks.coding.budget_tokens", "0", "at least 1"),
        ("tiers.t1.emergency", "nowhere", "a provider"),
        ("accounts.openai/work.key", "plain text", "a key reference"),
        ("providers.openai.base_url", "nonsense", "an address"),
    ],
)
def test_what_is_typed_is_checked(
    loaded: Loaded, whole: Draft, key: str, text: str, part: str | None
) -> None:
    reason = refusal_of_text(loaded, whole.settings[key], text)
    assert reason is None if part is None else part in (reason or "")


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("tasks.coding.prefer[1]", CODING),
        ("mode", "mode"),
        ("modes.balanced", None),
        ("providers.openai.accounts[0].limits[0].amount", "accounts.openai/work.limits"),
        ("", None),
    ],
)
def test_a_refusal_finds_its_setting(whole: Draft, named: str, found: str | None) -> None:
    error = ConfigError(file="f", key=named, value=None, expected="x")
    draft = whole.with_value("accounts.openai/work.limits", [])
    assert key_of_problem(draft, error) == found


# -- saving ---------------------------------------------------------------------------------------------------------

CHANGE = DecisionChange(
    "R1", START_MS, "chat", "coding", "t2", "openai/main/gpt-5.6", "zai/main/glm-5.3-flash", "stated", "cost",
    4_000_000_000, 300_000_000,
)  # fmt: skip


def test_a_diff_names_each_file_once_and_tells_sides_by_sign() -> None:
    lines = diff_lines(
        "--- a.toml\n+++ a.toml\n@@ -1 +1 @@\n-x = 1\n+x = 2\n\x1b[31m y\n--- b\n+++ b\n+z = 1\n"
    )
    assert [line.text for line in lines] == [
        "a.toml", "@@ -1 +1 @@", "-x = 1", "+x = 2", " [31m y", "", "b", "+z = 1",
    ]  # fmt: skip
    assert [line.cells[0].tone for line in lines[2:4]] == [Tone.BAD, Tone.GOOD]


@pytest.mark.parametrize(
    ("trial", "text"),
    [
        (None, "Deciding the last requests again …"),
        (PreferencesTrial(0, ()), "No decision has been made yet"),
        (PreferencesTrial(50, ()), "As things are now, all of the last 50 would go the same way."),
        (PreferencesTrial(50, (CHANGE,) * 7), "7 of 50 would go elsewhere."),
        (
            PreferencesTrial(50, (), explored_share=0.05),
            "would go the same way. Not told: the 5 % of requests that may try another route.",
        ),
        (PreferencesTrial(50, (), "no such mode"), "cannot be made again: no such mode"),
    ],
)
def test_a_trial_in_a_sentence(trial: PreferencesTrial | None, text: str) -> None:
    assert text in " ".join(line.text for line in trial_head(trial, 100))


def test_a_changed_decision_says_when_what_where_and_why() -> None:
    (line,) = change_lines(CHANGE, START_MS, UTC, 110)
    assert line.text == (
        "12:00 coding t2  openai/main/gpt-5.6 → zai/main/glm-5.3-flash  (cost; $0.0040 → $0.0003)"
    )
    assert [line.text for line in change_lines(replace(CHANGE, after=None), START_MS, UTC, 50)] == [
        "12:00 coding t2  (cost; $0.0040 → $0.0003)",
        "  openai/main/gpt-5.6 → nobody",
    ]


def test_a_decision_of_another_day_says_which() -> None:
    line = change_lines(CHANGE, START_MS + 2 * 86_400_000, UTC, 120)[0]
    assert line.text.startswith("20 Nov 12:00 coding t2")
