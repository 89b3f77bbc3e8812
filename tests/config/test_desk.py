"""The desk: several changes planned, shown, saved and taken back, whatever the files look like."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as budget
from hypothesis import strategies as st

from trunkline.config.desk import ConfigDesk, Edit
from trunkline.config.places import find_places
from trunkline.config.settings import Setting, get_value, settings
from trunkline.config.shape import Kind
from trunkline.domain.errors import ConfigError

PREFERENCES = """\
# my preferences
theme = "night"  # easy on the eyes

[tasks.coding]   # work
# Claude first
prefer = [
  "anthropic",  # the best
  # cheap
  "zai",
]
priority = "high"

[thresholds]
patience_s = 2

[tasks.audit]
priority = "low"
"""


@pytest.fixture
def desk(home) -> ConfigDesk:
    return ConfigDesk(home.places, {})


def saved(desk: ConfigDesk, *edits: Edit) -> str:
    plan = desk.plan(desk.read(), edits)
    desk.save(plan)
    return plan.diff


def test_many_edits_are_one_change_and_one_step_back(home, desk):
    home.write(preferences=PREFERENCES)
    diff = saved(
        desk,
        Edit("mode", "cost_first"),
        Edit("thresholds.patience_s", 4.0),
        Edit("thresholds.patience_s", 5.0),
        Edit("providers.google.pool", "least_used"),
    )
    assert '+mode = "cost_first"' in diff
    assert "+patience_s = 5.0" in diff
    assert '+pool = "least_used"' in diff
    assert get_value(desk.read(), "thresholds.patience_s").current == 5.0
    assert len(desk.saved) == 1
    undone = desk.undo()
    assert undone is not None
    assert '-mode = "cost_first"' in undone.diff
    assert home.places.preferences_file.read_text() == PREFERENCES
    assert not home.places.providers_file.exists()
    assert desk.undo() is None


def test_a_plan_writes_nothing(home, desk):
    plan = desk.plan(desk.read(), [Edit("mode", "cost_first")])
    assert plan.diff
    assert plan.absent == {home.places.preferences_file}
    assert list(home.places.config_dir.iterdir()) == []


def test_the_first_save_says_what_the_file_is_for(home, desk):
    saved(desk, Edit("tasks.coding.prefer", ["zai"]), Edit("mode", "cost_first"))
    text = home.places.preferences_file.read_text()
    assert text == (
        "# What differs from the preferences.toml that ships; `trunkline config get` lists every setting.\n"
        'mode = "cost_first"\n\n[tasks.coding]\nprefer = ["zai"]\n'
    )


def test_a_new_order_keeps_the_lines_and_their_comments(home, desk):
    home.write(preferences=PREFERENCES)
    saved(desk, Edit("tasks.coding.prefer", ["zai", "kimi", "anthropic"]))
    assert home.places.preferences_file.read_text() == PREFERENCES.replace(
        '  "anthropic",  # the best\n  # cheap\n  "zai",\n',
        '  # cheap\n  "zai",\n  "kimi",\n  "anthropic",  # the best\n',
    )


def test_a_comment_sign_within_an_entry_is_no_comment(home, desk):
    text = '[providers.openai.models."gpt-5.6"]\ntags = [\n  "a # b",  # said "so"\n  "c",\n]\n'
    home.write(providers=text)
    saved(desk, Edit('providers.openai.models."gpt-5.6".tags', ["c", "a # b"]))
    assert home.places.providers_file.read_text() == text.replace(
        '  "a # b",  # said "so"\n  "c",\n', '  "c",\n  "a # b",  # said "so"\n'
    )


@pytest.mark.parametrize(
    ("text", "key", "after"),
    [
        ("[budget]\nday_usd = 1\n", "budget.day_usd", ""),
        ('mode = "cost_first"\n\n[budget]\nday_usd = 1\n', "budget.day_usd", 'mode = "cost_first"\n'),
        ('mode = "cost_first"\n\n[budget]\nday_usd = 1\n', "mode", "[budget]\nday_usd = 1\n"),
        ("[modes.balanced.weights]\ncost = 1\n", "modes.balanced.weights.cost", ""),
        ("tasks = { coding = { priority = 'low' } }\n", "tasks.coding.priority", ""),
        ("tasks.coding.priority = 'low'\nmode = 'free_only'\n", "tasks.coding.priority", "mode = 'free_only'\n"),
        ("[budget] # money\n# mine\nday_usd = 1\n", "budget.day_usd", "[budget] # money\n# mine\n"),
        ("[tasks.coding]\npriority = 'low'\nbudget_tokens = 9\n", "tasks.coding.priority",
         "[tasks.coding]\nbudget_tokens = 9\n"),
        (PREFERENCES, "tasks.audit.priority", PREFERENCES.replace('\n[tasks.audit]\npriority = "low"\n', "")),
        (PREFERENCES, "thresholds.patience_s", PREFERENCES.replace("[thresholds]\npatience_s = 2\n\n", "")),
        ("[tasks.coding]\n", "tasks.coding.priority", "[tasks.coding]\n"),
    ],
)  # fmt: skip
def test_what_is_taken_out_leaves_nothing_empty_behind(home, desk, text, key, after):
    home.write(preferences=text)
    saved(desk, Edit(key, None))
    assert home.places.preferences_file.read_text() == after


def test_a_whole_table_is_written_and_changed_in_place(home, desk):
    home.write(preferences=PREFERENCES)
    weights = {"cost": 0.5, "speed": 0.5}
    saved(desk, Edit("modes.mine", {"budget": "cost_first", "weights": weights, "quality": "max_speed"}))
    text = home.places.preferences_file.read_text()
    assert text.startswith(PREFERENCES)
    assert '[modes.mine]\nbudget = "cost_first"\nquality = "max_speed"\n' in text
    assert "[modes.mine.weights]\ncost = 0.5\nspeed = 0.5\n" in text
    saved(desk, Edit("modes.mine.weights", {"cost": 0.5, "health": 0.25}))
    assert "[modes.mine.weights]\ncost = 0.5\nhealth = 0.25\n" in home.places.preferences_file.read_text()
    saved(desk, Edit("modes.mine", None))
    assert home.places.preferences_file.read_text() == PREFERENCES


def test_keys_of_actions_are_written_with_quotes(home, desk):
    saved(desk, Edit("keymap.panel.chat", "ctrl+t"))
    assert '[keymap]\n"panel.chat" = "ctrl+t"\n' in home.places.preferences_file.read_text()
    assert desk.read().config.preferences.keymap == (("panel.chat", "ctrl+t"),)


def test_line_endings_and_byte_order_mark_stay(home, desk):
    raw = b'\xef\xbb\xbfmode = "free_only"\r\n\r\n[budget]\r\nday_usd = 1\r\n'
    home.places.preferences_file.write_bytes(raw)
    saved(desk, Edit("budget.conversation_usd", 2.0), Edit("mode", "cost_first"))
    assert home.places.preferences_file.read_bytes() == (
        b'\xef\xbb\xbfmode = "cost_first"\r\n\r\n[budget]\r\nday_usd = 1\r\nconversation_usd = 2.0\r\n'
    )
    desk.undo()
    assert home.places.preferences_file.read_bytes() == raw


def test_what_is_so_already_is_no_change(home, desk):
    home.write(preferences=PREFERENCES)
    plan = desk.plan(desk.read(), [Edit("tasks.coding.priority", "high"), Edit("budget.day_usd", None)])
    assert (plan.diff, dict(plan.texts)) == ("", {})
    assert not desk.plan(desk.read(), [Edit("mode", "free_only"), Edit("mode", None)]).texts
    desk.save(plan)
    assert desk.saved == ()


def test_a_broken_file_is_named_with_its_line_and_left_alone(home, desk):
    loaded = desk.read()
    home.write(preferences='mode = "cost_first"\n[tasks.coding\n')
    with pytest.raises(ConfigError, match=r"preferences\.toml:2: expected TOML"):
        desk.plan(loaded, [Edit("mode", "free_only")])
    assert home.places.preferences_file.read_text() == 'mode = "cost_first"\n[tasks.coding\n'


def test_something_that_is_no_table_is_not_overwritten(home, desk):
    loaded = desk.read()
    home.write(preferences="budget = 5\n")
    with pytest.raises(
        ConfigError, match=r"preferences\.toml: budget\.day_usd: expected budget to be a table"
    ):
        desk.plan(loaded, [Edit("budget.day_usd", 1.0)])


def test_a_file_changed_by_somebody_else_is_not_overwritten(home, desk):
    plan = desk.plan(desk.read(), [Edit("mode", "free_only")])
    home.write(preferences="# mine now\n")
    with pytest.raises(ConfigError, match="Somebody else changed it"):
        desk.save(plan)
    assert home.places.preferences_file.read_text() == "# mine now\n"
    saved(desk, Edit("mode", "free_only"))
    home.write(preferences="# mine again\n")
    with pytest.raises(ConfigError, match="Somebody else changed it"):
        desk.undo()
    assert len(desk.saved) == 1


def test_a_link_stays_a_link_and_a_file_that_was_not_there_goes_again(home, desk, tmp_path):
    real = tmp_path / "dotfiles" / "preferences.toml"
    home.places.preferences_file.symlink_to(real)
    saved(desk, Edit("mode", "free_only"))
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    desk.undo()
    assert home.places.preferences_file.is_symlink()
    assert not real.exists()


def test_when_one_of_two_files_cannot_be_written_neither_is(home, desk, tmp_path):
    home.write(preferences=PREFERENCES)
    home.places.providers_file.symlink_to(tmp_path / "nowhere" / "providers.toml")
    plan = desk.plan(desk.read(), [Edit("mode", "free_only"), Edit("providers.google.pool", "random")])
    (tmp_path / "nowhere").write_text("in the way")
    with pytest.raises(ConfigError):
        desk.save(plan)
    assert home.places.preferences_file.read_text() == PREFERENCES
    assert desk.saved == ()


# -- whatever is changed in whatever order, taking it all back leaves the file as it was ------------------------------


def _values(setting: Setting) -> st.SearchStrategy[object | None]:
    low, high = setting.bounds.minimum or 0, setting.bounds.maximum
    fitting: st.SearchStrategy[object] = {
        Kind.SWITCH: st.booleans(),
        Kind.WHOLE: st.integers(int(low), int(min(high or 10**6, 10**6))),
        Kind.NUMBER: st.floats(low, min(high or 100.0, 100.0)),
        Kind.CHOICE: st.sampled_from(setting.choices or ("",)),
        Kind.LIST: st.lists(st.sampled_from(setting.suggestions or ("zai",)), max_size=4, unique=True),
    }.get(setting.kind, st.nothing())
    return st.one_of(st.none(), fitting)


_DESCRIBED = [
    setting
    for setting in settings(ConfigDesk(find_places({"TRUNKLINE_HOME": "/nonexistent"}), {}).read())
    if setting.section not in ("providers", "thresholds")
    and setting.kind not in (Kind.TEXT, Kind.TABLE)
    and not (setting.section == "roles" and setting.key.endswith("tasks"))
]
_EDITS = st.sampled_from(_DESCRIBED).flatmap(lambda s: _values(s).map(lambda value: Edit(s.key, value)))
_STEPS = st.lists(
    st.one_of(st.lists(_EDITS, min_size=1, max_size=4), st.just("undo")), min_size=1, max_size=6
)
_FILES = st.sampled_from(
    [
        None,
        "",
        PREFERENCES,
        "# only a comment",
        'mode = "free_only"\r\n[tasks.coding]\r\nprefer = ["zai"] # mine\r\n',
        "tasks = { coding = { priority = 'low' } }\nbudget.day_usd = 2\n",
        "[modes.mine]\nweights = { cost = 1.0 }\n[lists.budget]\nnone = []\n",
        "[history]\nkeep_turns = 3\n\n[tasks.audit]\npriority = 'low'\n\n[budget]\nday_usd = 1\n\n[tasks.simple]\n"
        "prefer = [\n  'kimi',\n]\n",
    ]
)


@budget(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=_FILES, steps=_STEPS)
def test_undoing_everything_leaves_the_file_as_it_was(tmp_path_factory, start: str | None, steps) -> None:
    places = find_places({"TRUNKLINE_HOME": str(tmp_path_factory.mktemp("home"))})
    file: Path = places.preferences_file
    if start is not None:
        file.write_bytes(start.encode())
    desk = ConfigDesk(places, {})
    for step in steps:
        if step == "undo":
            desk.undo()
            continue
        saved(desk, *step)
        now = desk.read()
        for key, value in {edit.key: edit.value for edit in step}.items():
            found = get_value(now, key)
            assert (found.current, found.stated) == (value, True) if value is not None else not found.stated
    while desk.undo() is not None:
        pass
    assert (file.read_bytes().decode() if file.exists() else None) == start
