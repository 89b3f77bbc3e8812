"""Editing keeps comments and order, tries before it writes, and writes whole."""

from __future__ import annotations

import stat

import pytest

from trunkline.config.desk import set_value
from trunkline.config.settings import get_value, settings
from trunkline.domain.errors import ConfigError

PREFERENCES = """\
# my preferences
theme = "night"  # easy on the eyes

[tasks.coding]   # work
# Claude first
prefer = ["anthropic", "zai"]  # in this order
priority = "high"

[thresholds]
patience_s = 2
"""


@pytest.fixture
def edit(home):
    def run(key: str, text: str | None, environ: dict[str, str] | None = None) -> str:
        return set_value(home.load(environ=environ), environ or {}, key, text)

    return run


def test_an_edit_changes_one_line_and_keeps_everything_else(home, edit):
    home.write(preferences=PREFERENCES)
    diff = edit("tasks.coding.prefer", "zai, kimi/kimi-k3")
    assert home.places.preferences_file.read_text() == PREFERENCES.replace(
        '["anthropic", "zai"]', '["zai", "kimi/kimi-k3"]'
    )
    assert '-prefer = ["anthropic", "zai"]  # in this order' in diff
    assert '+prefer = ["zai", "kimi/kimi-k3"]  # in this order' in diff
    assert home.load().config.preferences.task("coding").prefer == ("zai", "kimi/kimi-k3")


@pytest.mark.parametrize(
    ("key", "text", "written"),
    [
        ("mode", "cost_first", 'mode = "cost_first"'),
        ("mode", '"cost_first"', 'mode = "cost_first"'),
        ("quality_floor", "0.5", "quality_floor = 0.5"),
        ("rules.cheap_simple", "false", "cheap_simple = false"),
        ("tasks.audit.budget_tokens", "90000", "budget_tokens = 90000"),
        ("tasks.poetry.prefer", "zai", 'prefer = ["zai"]'),
        ("default", '["zai", "kimi"]', 'default = ["zai", "kimi"]'),
        ("tasks.coding.prefer", "[]", "prefer = []"),
        ("lists.budget.cost_first", "kimi", 'cost_first = ["kimi"]'),
        ("theme", "3024", 'theme = "3024"'),
        ("modes.balanced.weights.cost", "0.2", "cost = 0.2"),
        ("budget.day_usd", "5", "day_usd = 5"),
    ],
)
def test_values_of_every_kind(home, edit, key, text, written):
    home.write(preferences=PREFERENCES)
    assert edit(key, text)
    after = home.places.preferences_file.read_text()
    assert written in after
    assert "# in this order" in after or key == "tasks.coding.prefer"
    assert get_value(home.load(), key).stated
    if "." not in key:
        assert after.index(written) < after.index("[tasks.coding]")


def test_a_provider_setting_goes_to_its_own_file(home, edit):
    edit('providers.openai.models."gpt-5.6".price.input', "3.5")
    assert not home.places.preferences_file.exists()
    assert home.load().config.catalogue.model("openai", "gpt-5.6").price.input == 3_500_000
    edit("providers.google.pool", "least_used")
    text = home.places.providers_file.read_text()
    assert '[providers.openai.models."gpt-5.6".price]\ninput = 3.5\n' in text
    assert '[providers.google]\npool = "least_used"\n' in text


def test_taking_a_setting_out_brings_the_shipped_value_back(home, edit):
    home.write(preferences=PREFERENCES)
    edit("thresholds.patience_s", None)
    assert home.load().config.preferences.thresholds.patience_ms == 3_000
    assert "patience_s" not in home.places.preferences_file.read_text()
    assert edit("thresholds.patience_s", None) == ""
    assert edit("budget.day_usd", None) == ""


def test_the_same_value_again_writes_nothing(home, edit):
    home.write(preferences=PREFERENCES)
    before = home.places.preferences_file.stat()
    assert edit("tasks.coding.priority", "high") == ""
    assert home.places.preferences_file.stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize(
    ("key", "text", "part"),
    [
        ("mode", "free_ony", "'free_only'"),
        ("quality_floor", "high", "a number"),
        ("rules.cheap_simple", "maybe", "true or false"),
        ("tasks.coding.prefer", "nobody", "exists"),
        ("providers.openai.base_url", "gopher://x", "address"),
        ("theme", "sk-canary-Q7x0123456789abcdefXYZ", "never the key"),
    ],
)
def test_a_wrong_value_is_refused_and_nothing_is_written(home, edit, key, text, part):
    home.write(preferences=PREFERENCES)
    with pytest.raises(ConfigError, match=part) as caught:
        edit(key, text)
    assert "Q7x0" not in str(caught.value)
    assert home.places.preferences_file.read_text() == PREFERENCES
    assert not home.places.providers_file.exists()


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("thresholds.patience", "thresholds.patience_s"),
        ("task.coding.prefer", "tasks.coding.prefer"),
        ("providers.google.pol", "providers.google.pool"),
        ("tasks.poetry.prefr", "prefer"),
        ("providers.gogle.pool", "google"),
        ("", "config get"),
        ("a b", "config get"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest(home, edit, key, near):
    if "gogle" not in key:  # a new provider may be written
        with pytest.raises(ConfigError, match=near):
            edit(key, "1")
    with pytest.raises(ConfigError, match=near):
        get_value(home.load(), key)


def test_the_file_is_private_and_a_link_stays_a_link(home, edit, tmp_path):
    real = tmp_path / "dotfiles" / "preferences.toml"
    real.parent.mkdir()
    real.write_text(PREFERENCES)
    home.places.preferences_file.symlink_to(real)
    edit("mode", "cost_first")
    assert home.places.preferences_file.is_symlink()
    assert 'mode = "cost_first"' in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert [path.name for path in real.parent.iterdir()] == ["preferences.toml"]


def test_a_folder_that_is_no_folder_is_said(home, edit):
    home.places.config_dir.rmdir()
    home.places.config_dir.write_text("a file")
    with pytest.raises(ConfigError, match="can be"):
        edit("mode", "cost_first")


def test_settings_describe_themselves(home):
    loaded = home.load(preferences='mode = "cost_first"\n')
    described = {setting.key: setting for setting in settings(loaded)}
    mode = described["mode"]
    assert (mode.default, mode.current, mode.stated) == ("balanced", "cost_first", True)
    assert mode.type.startswith("one of balanced, ")
    priority = described["tasks.coding.priority"]
    assert (priority.choices, priority.current) == (("high", "medium", "low"), "high")
    assert described["tasks.coding.prefer"].type == "list of text"
    assert described["budget.day_usd"].current is None
    assert described["rules.cheap_simple"].type == "true or false"
    pool = described["providers.google.pool"]
    assert (pool.current, pool.stated, pool.file) == ("round_robin", False, str(home.places.providers_file))
    assert all(setting.help for setting in described.values())
    assert all(setting.type for setting in described.values())


def test_every_described_setting_can_be_got_and_taken_out(home):
    loaded = home.load()
    for setting in settings(loaded):
        assert get_value(loaded, setting.key) == setting
        assert set_value(loaded, {}, setting.key, None) == ""


def test_a_table_can_be_got_whole(home):
    assert get_value(home.load(), "tiers.t1").current["emergency"] == "pause"
    assert (
        get_value(home.load(), 'providers.google.models."gemini-3.8-flash"').current["context"] == 1_048_576
    )
