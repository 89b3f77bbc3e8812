"""Every setting describes itself well enough for a screen, and can be checked as one types."""

from __future__ import annotations

import time

import pytest

from trunkline.config.check import check_value, typed_value
from trunkline.config.settings import Setting, SourceKind, get_value, settings
from trunkline.config.shape import Bounds, Kind
from trunkline.domain.errors import ConfigError


@pytest.fixture
def described(home) -> dict[str, Setting]:
    return {setting.key: setting for setting in settings(home.load())}


def test_no_setting_is_without_help_title_and_type(described):
    assert not [setting.key for setting in described.values() if not setting.help.strip()]
    assert not [setting.key for setting in described.values() if not (setting.title and setting.type)]
    assert not [setting.key for setting in described.values() if "{" in setting.help]


def test_settings_of_one_section_stand_together(described):
    sections = [setting.section for setting in described.values() if setting.section != "general"]
    order = list(dict.fromkeys(sections))
    assert set(order) >= {
        "budget",
        "modes",
        "lists",
        "tasks",
        "tiers",
        "roles",
        "rules",
        "history",
        "terminal",
    }
    assert described["tasks.coding.prefer"].group == "coding"
    assert described["modes.balanced.weights.cost"].group == "balanced"
    assert described["providers.google.pool"].group == "google"
    assert (described["mode"].section, described["theme"].section) == ("general", "terminal")


@pytest.mark.parametrize(
    ("key", "kind", "bounds"),
    [
        ("quality_floor", Kind.NUMBER, Bounds(0, 1, 0.05)),
        ("tasks.coding.quality_floor", Kind.NUMBER, Bounds(0, 1, 0.05)),
        ("modes.balanced.weights.cost", Kind.NUMBER, Bounds(0, None, 0.05)),
        ("thresholds.max_attempts", Kind.WHOLE, Bounds(1, 20, 1)),
        ("thresholds.rule3_health_above", Kind.WHOLE, Bounds(0, 100, 5)),
        ("thresholds.patience_s", Kind.NUMBER, Bounds(0, 600, 1)),
        ("timeouts.connect_s", Kind.NUMBER, Bounds(0.001, 86_400, 1)),
        ("tasks.coding.budget_tokens", Kind.WHOLE, Bounds(1, 10**12, 1_000)),
        ("budget.day_usd", Kind.NUMBER, Bounds(0, 9_000_000, 0.5)),
        ("rules.cheap_simple", Kind.SWITCH, Bounds()),
        ("low_bandwidth", Kind.CHOICE, Bounds()),
        ("theme", Kind.TEXT, Bounds()),
        ("tasks.coding.prefer", Kind.LIST, Bounds()),
        ("providers.google.limits", Kind.TABLE, Bounds()),
        ("providers.google.key_env", Kind.LIST, Bounds()),
    ],
)
def test_kind_and_bounds(described, key, kind, bounds):
    assert (described[key].kind, described[key].bounds) == (kind, bounds)


def test_every_number_has_a_least_value_and_a_step(described):
    numbers = [
        setting
        for setting in described.values()
        if setting.kind in (Kind.WHOLE, Kind.NUMBER) and setting.section != "providers"
    ]
    assert not [
        setting.key for setting in numbers if setting.bounds.minimum is None or not setting.bounds.step
    ]


def test_what_is_known_to_fit_is_suggested(home):
    known = {s.key: s for s in settings(home.load(environ={"GROQ_API_KEY": "x"}))}
    prefer = known["tasks.coding.prefer"]
    assert prefer.suggestions[0] == "groq"
    assert {"openai", "openai/gpt-5.6", "groq/main"} <= set(prefer.suggestions)
    assert known["tiers.t1.emergency"].suggestions[0] == "pause"
    assert "coding" in known["roles.implementation.tasks"].suggestions
    assert known["mode"].choices[:2] == ("balanced", "free_only")
    assert known["mode"].kind is Kind.CHOICE


def test_a_mode_of_ones_own_is_a_choice(home):
    loaded = home.load(preferences="[modes.mine]\nweights = { cost = 1 }\n")
    assert "mine" in get_value(loaded, "mode").choices
    assert check_value(loaded, "mode", "mine") is None
    weight = get_value(loaded, "modes.mine.weights.cost")
    assert (weight.current, weight.source.line) == (1, 2)


def test_where_a_value_comes_from(home):
    text = '# mine\nmode = "cost_first"\n\n[tasks.coding]\nprefer = ["zai"]\npriority = "low"\n'
    environ = {"TRUNKLINE_ROUTE_CODING": "kimi", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    known = {s.key: s for s in settings(home.load(preferences=text, environ=environ))}
    assert str(known["mode"].source) == "your file, line 2"
    assert str(known["tasks.coding.priority"].source) == "your file, line 6"
    assert str(known["tasks.audit.priority"].source) == "shipped"
    forced = known["tasks.coding.prefer"]
    assert (str(forced.source), forced.source.forced, forced.current) == (
        "environment TRUNKLINE_ROUTE_CODING",
        ["kimi"],
        ["zai"],
    )
    address = known["providers.openai.base_url"]
    assert (address.source.kind, address.source.forced) == (SourceKind.ENVIRONMENT, "http://127.0.0.1:9/v1")


def test_what_has_to_be_there_cannot_be_taken_out(home):
    own = '[providers.mine]\nprotocol = "openai"\nbase_url = "http://127.0.0.1:8000/v1"\nkey = "none"\n'
    known = {s.key: s for s in settings(home.load(providers=own))}
    assert known["providers.mine.base_url"].required
    assert not known["providers.mine.key"].required
    assert not known["providers.google.base_url"].required


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("quality_floor", "0.5"),
        ("quality_floor", 1),
        ("tasks.coding.prefer", "zai, kimi/kimi-k3"),
        ("tasks.coding.prefer", ["zai"]),
        ("tasks.poetry.prefer", []),
        ("tiers.t1.emergency", "pause"),
        ("mode", "cost_first"),
        ("theme", "3024"),
        ("lists.budget.cost_first", "kimi"),
        ("rules.cheap_simple", "false"),
        ("roles.implementation.tasks", ["coding"]),
        ("keymap.panel.chat", "ctrl+t"),
        ('providers.openai.models."gpt-5.6".price.input', "3.5"),
        ("providers.google.timezone", "UTC"),
    ],
)
def test_a_good_value_passes(home, key, value):
    assert check_value(home.load(), key, value) is None


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("quality_floor", "1.5", "expected a number of at most 1"),
        ("quality_floor", "much", "expected a number"),
        ("quality_floor", "", "expected a number"),
        ("thresholds.max_attempts", "2.5", "expected a whole number"),
        ("thresholds.max_attempts", 0, "at least 1"),
        ("rules.cheap_simple", "maybe", "true or false"),
        ("mode", "cost_frist", "Did you mean 'cost_first'?"),
        ("tasks.coding.priority", "hihg", "Did you mean 'high'?"),
        ("tasks.coding.prefer", "zai, kim", "Did you mean 'kimi'"),
        ("tasks.coding.prefer", ["zai", 7], "text in quotes as entry 2"),
        ("tiers.t1.emergency", "nobody-there", "that exists"),
        ("roles.implementation.tasks", ["codin"], "Did you mean 'coding'?"),
        ("thresholds.tier_simple_below", "0.9", "at most tier_complex_above (0.7)"),
        ("providers.google.timezone", "Mars/Olympus", "a time zone"),
        ("providers.openai.base_url", "gopher://x", "an address"),
        ("theme", "", "not empty"),
    ],
)
def test_a_wrong_value_says_what_was_expected(home, key, value, said):
    sentence = check_value(home.load(), key, value)
    assert sentence is not None
    assert said in sentence


def test_a_plain_key_is_never_repeated(home):
    sentence = check_value(home.load(), "providers.openai.key", "sk-canary-Q7x0123456789abcdefXYZ")
    assert sentence is not None
    assert "Q7x0" not in sentence
    assert "env:NAME" in sentence


def test_an_unknown_setting_is_refused(home):
    with pytest.raises(ConfigError, match=r"thresholds\.patience_s"):
        check_value(home.load(), "thresholds.patience", "1")


def test_every_current_value_passes_its_own_check(home):
    loaded = home.load()
    wrong = [
        (setting.key, sentence)
        for setting in settings(loaded)
        if setting.current is not None and (sentence := check_value(loaded, setting.key, setting.current))
    ]
    assert not wrong


def test_a_check_is_quick_enough_for_every_keystroke(home):
    loaded = home.load()
    check_value(loaded, "tasks.coding.prefer", "zai")
    best_s = min(_timed(lambda: check_value(loaded, "tasks.coding.prefer", "zai, kim")) for _ in range(5))
    assert best_s < 0.005


def _timed(run) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def test_text_becomes_the_value_that_the_setting_takes(home):
    loaded = home.load()
    assert typed_value(loaded, "tasks.coding.prefer", "zai, kimi") == ["zai", "kimi"]
    assert typed_value(loaded, "rules.cheap_simple", "false") is False
    assert typed_value(loaded, "theme", "3024") == "3024"
