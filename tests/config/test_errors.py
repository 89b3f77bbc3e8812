"""Every wrong value is refused with file, line, key, value, what was expected and what to do."""

from __future__ import annotations

import pytest

from trunkline.config.load import load
from trunkline.config.places import find_places
from trunkline.domain.errors import ConfigError

MINE = '[providers.mine]\nprotocol = "openai"\nbase_url = "https://llm.example.org/v1"\n'
ACCOUNT = '[[providers.google.accounts]]\nid = "one"\nkey = "none"\n'

# (text of providers.toml, line, key, value shown, a part of what is expected, a part of the remedy)
PROVIDERS = [
    ('[providers.google]\nbiling = "free"', 2, "providers.google.biling", None, "a setting", "'billing'"),
    ('[providers.google]\nbilling = "fre"', 2, "providers.google.billing", "fre", "credits, free", "'free'"),
    ("[providers.google]\npool = 3", 2, "providers.google.pool", 3, "round_robin", ""),
    ("[providers.google]\nlimits = 3", 2, "providers.google.limits", 3, "a list", ""),
    ('[providers.mine]\nprotocol = "openai"', 1, "providers.mine.base_url", None, "address", "Add it"),
    (MINE.replace('"openai"', '"opneai"'), 2, "providers.mine.protocol", "opneai", "openai", "Did you mean"),
    (MINE.replace("https", "gopher"), 3, "providers.mine.base_url", "gopher://llm.example.org/v1", "address", ""),
    (MINE.replace("llm", "me:pw@llm"), 3, "providers.mine.base_url", None, "without a user name", ""),
    (MINE + '[providers.mine.models."a/b"]', 4, 'providers.mine.models."a/b".context', None, "window", "Add it"),
    (MINE + "[providers.mine.models.m]\ncontext = '9'", 5, "providers.mine.models.m.context", "9", "whole", ""),
    (MINE + "[providers.mine.models.m]\ncontext = 0", 5, "providers.mine.models.m.context", 0, "at least 1", ""),
    (MINE + "[providers.mine.models.m]\ncontext = 9.5", 5, "providers.mine.models.m.context", 9.5, "whole", ""),
    (
        MINE + '[providers.mine.models.m]\ncontext = 9\ntokenizer = "o300k"',
        6, "providers.mine.models.m.tokenizer", "o300k", "o200k, cl100k, estimate", "'o200k'",
    ),
    (MINE + 'timezone = "Mars/Base"', 4, "providers.mine.timezone", "Mars/Base", "time zone", ""),
    (MINE + 'enabled = "no"', 4, "providers.mine.enabled", "no", "true or false", ""),
    (MINE + 'key_env = ["a b"]', 4, "providers.mine.key_env[0]", None, "environment variable", ""),
    (
        '[providers.openai.models."gpt-5.6"]\nretired_on = "soon"',
        2, 'providers.openai.models."gpt-5.6".retired_on', "soon", '"2026-12-01"', "",
    ),
    (
        '[providers.openai.models."gpt-5.6"]\nsuccessor = "gpt-5.4-mni"',
        2, 'providers.openai.models."gpt-5.6".successor', "gpt-5.4-mni", "a model of openai", "'gpt-5.4-mini'",
    ),
    (
        ACCOUNT + 'limits = [{ metric = "requests", amount = 2, window = "fortnight" }]',
        4, "providers.google.accounts[0].limits[0].window", "fortnight", "session:5h", "",
    ),
    (
        ACCOUNT + 'limits = [{ metric = "requests", amount = -2, window = "day" }]',
        4, "providers.google.accounts[0].limits[0].amount", -2, "at least 0", "",
    ),
    (
        ACCOUNT + 'limits = [{ metric = "requests", amount = 2, window = "day", model = "gemini" }]',
        4, "providers.google.accounts[0].limits[0].model", "gemini", "a model of google", "",
    ),
    (
        ACCOUNT + 'limits = [{ metric = "cost", amount = 1e10, window = "day" }]',
        4, "providers.google.accounts[0].limits[0]", None, "at most 9000000 USD", "",
    ),
    (
        ACCOUNT + 'limits = [{ metric = "requests", amount = 2, window = "day", model = "*:fre" }]',
        4, "providers.google.accounts[0].limits[0].model", "*:fre", "a pattern that a model of google fits", "",
    ),
    (
        '[providers.google]\nfree_limits = [{ metric = "requests", amount = 2, window = "day", model = "gemni" }]',
        2, "providers.google.free_limits[0].model", "gemni", "a model of google", "",
    ),
    (
        ACCOUNT.replace("google", "zai") + 'endpoint = "codng"',
        4, "providers.zai.accounts[0].endpoint", "codng", "an endpoint of zai: coding, china", "'coding'",
    ),
    (
        ACCOUNT.replace("google", "xai") + 'endpoint = "coding"',
        4, "providers.xai.accounts[0].endpoint", "coding", "no endpoint: xai has none", "base_url",
    ),
    (
        ACCOUNT.replace("google", "zai") + 'endpoint = "coding"\nbase_url = "https://x.example"',
        4, "providers.zai.accounts[0].endpoint", "coding", "not both", "one of the two",
    ),
    (
        MINE + "[providers.mine.endpoints.eu]\nnote = 'x'",
        4, "providers.mine.endpoints.eu.base_url", None, "address", "Add it",
    ),
    (
        MINE + "[providers.mine.endpoints.eu]\nbase_url = 'https://x.example'\nkey_env = ['a-b']",
        6, "providers.mine.endpoints.eu.key_env[0]", None, "environment variable", "",
    ),
    (
        MINE + "peak = { percent = 200, hours = ['Mo-Fr 6-10'] }",
        4, "providers.mine.peak.hours[0]", "Mo-Fr 6-10", '"Mon-Fri 06:00-10:00"', "",
    ),
    (MINE + "peak = { hours = [] }", 4, "providers.mine.peak.percent", None, "percent of the price", "Add it"),
    (
        MINE + "[providers.mine.models.m]\ncontext = 9\nprice.above = [{ tokens = 5, input = 1 }]",
        6, "providers.mine.models.m.price.above[0].output", None, "USD per million output tokens", "Add it",
    ),
    (
        MINE + "[providers.mine.models.m]\ncontext = 9\nprice.above = [{ tokens = 5, input = 1, output = 1 }, "
        "{ tokens = 5, input = 2, output = 2 }]",
        6, "providers.mine.models.m.price", None, "rising numbers of tokens", "",
    ),
    (
        MINE + "[providers.mine.quirks]\nextra_body = { since = 2026-01-01 }",
        5, "providers.mine.quirks.extra_body", None, "values that JSON has", "",
    ),
    (
        MINE + "[providers.mine.quirks.extra_body]\nprovider = { order = [nan] }",
        4, "providers.mine.quirks.extra_body", None, "values that JSON has", "",
    ),
    (
        MINE + "[providers.mine.quirks.extra_body]\nmodel = 'x'",
        4, "providers.mine.quirks.extra_body", None, "beside those that every request has", "",
    ),
    (ACCOUNT + ACCOUNT, 5, "providers.google.accounts[1].id", "one", "no other account", ""),
    (ACCOUNT.replace("one", "a/b"), 2, "providers.google.accounts[0].id", "a/b", "a name of letters", ""),
    ('[providers."bad name"]\nprotocol = "openai"', 1, 'providers."bad name"', None, "a name of letters", ""),
    ("[provider.google]", 1, "provider", None, "a setting", "'providers'"),
    ("providers = 3", 1, "providers", 3, "a table", ""),
    ("[providers.google\n", 1, "", None, "TOML", "quotes"),
    ("[providers.google]\npool = free", 2, "", None, "TOML", "quotes"),
    ("[providers.google]\nx = 1\nx = 2", 3, "", None, "TOML", "quotes"),
    ('[providers.google]\npool = "rou', 2, "", None, "TOML", "quotes"),
]  # fmt: skip

PREFERENCES = [
    ('mode = "free_ony"', 1, "mode", "free_ony", "balanced, free_only", "'free_only'"),
    ('budget_mode = "cheap"', 1, "budget_mode", "cheap", "cost_first", ""),
    ('default = "zai"', 1, "default", "zai", "a list", ""),
    ('default = ["opnai/gpt-5.6"]', 1, "default[0]", "opnai/gpt-5.6", "exists", "'openai/gpt-5.6'"),
    (
        'default = ["openai/my-own"]',
        1,
        "default[0]",
        "openai/my-own",
        "exists",
        '[providers.openai.models."my-own"]',
    ),
    ('default = ["nobody"]', 1, "default[0]", "nobody", "exists", "Providers: openai"),
    ("[tasks.coding]\nprefr = []", 2, "tasks.coding.prefr", None, "a setting of tasks.coding", "'prefer'"),
    ('[tasks.coding]\npriority = "urgent"', 2, "tasks.coding.priority", "urgent", "high, medium, low", ""),
    ("[tasks.coding]\nquality_floor = 70", 2, "tasks.coding.quality_floor", 70, "at most 1", ""),
    ("[tiers.t4]\nprefer = []", 1, "tiers.t4", None, "t1, t2, t3", ""),
    ('[tiers.t1]\nemergency = "halt"', 2, "tiers.t1.emergency", "halt", 'exists, "pause"', ""),
    (
        "[thresholds]\ntier_simple_below = 0.9",
        2,
        "thresholds.tier_simple_below",
        0.9,
        "tier_complex_above",
        "",
    ),
    ("[thresholds]\nmax_attempts = 2.5", 2, "thresholds.max_attempts", 2.5, "a whole number", ""),
    ("[thresholds]\nmax_attempts = true", 2, "thresholds.max_attempts", True, "a whole number", ""),
    (
        "quality_floor = nan",
        1,
        "quality_floor",
        pytest.approx(float("nan"), nan_ok=True),
        "a finite number",
        "",
    ),
    ("[budget]\nday_usd = inf", 2, "budget.day_usd", float("inf"), "a finite number", ""),
    ("[budget]\nday_usd = 1e30", 2, "budget.day_usd", 1e30, "at most 9000000", ""),
    ('theme = "a\\u001bb"', 1, "theme", "a\x1bb", "text on one line", ""),
    ("[timeouts]\nconnect_s = 0", 2, "timeouts.connect_s", 0, "at least 0.001", ""),
    ('[roles.x]\ntasks = ["codng"]\ntier = "t1"', 2, "roles.x.tasks[0]", "codng", "a task type", "'coding'"),
    ('[rules]\nauto_routing = "yes"', 2, "rules.auto_routing", "yes", "true or false", ""),
    ("[lists.budget]\ncheap = []", 2, "lists.budget.cheap", None, "cost_first", ""),
    ("[modes.mine]\nbudget = 'none'", 1, "modes.mine.weights", None, "weights", "Add it"),
    ("[modes.mine]\nweights = { cost = -1 }", 2, "modes.mine.weights.cost", -1, "at least 0", ""),
]

ENVIRONMENT = [
    (
        {"TRUNKLINE_ROUTE_CODNG": "zai"},
        "TRUNKLINE_ROUTE_CODNG",
        None,
        "TRUNKLINE_ROUTE_T3",
        "TRUNKLINE_ROUTE_CODING",
    ),
    (
        {"TRUNKLINE_ROUTE_CODING": "zai/glm-5.33"},
        "TRUNKLINE_ROUTE_CODING",
        "zai/glm-5.33",
        "exists",
        "zai/glm-5.3",
    ),
    ({"MODEL_OVERRIDE_REASONING": "gpt-nix"}, "MODEL_OVERRIDE_REASONING", "gpt-nix", "exists", ""),
    ({"OPENAI_BASE_URL": "ftp://x"}, "OPENAI_BASE_URL", None, "https://api.openai.com/v1", "unset"),
    ({"OLLAMA_HOST": "127.0.0.1:port"}, "OLLAMA_HOST", None, "http://127.0.0.1:11434/v1", "unset"),
    ({"OPENAI_BASE_URL": "https://me:pw@host/v1"}, "OPENAI_BASE_URL", None, "without a user name", "unset"),
]


def check(error: ConfigError, key: str, value: object, expected: str, remedy: str) -> None:
    assert error.key == key
    assert error.value == value
    assert expected in error.expected
    assert remedy in error.remedy
    assert error.file in str(error)
    assert key in str(error)


@pytest.mark.parametrize(("text", "line", "key", "value", "expected", "remedy"), PROVIDERS)
def test_wrong_providers(home, text, line, key, value, expected, remedy):
    with pytest.raises(ConfigError) as caught:
        home.load(providers=text)
    check(caught.value, key, value, expected, remedy)
    assert caught.value.file == str(home.places.providers_file)
    assert caught.value.line == line


@pytest.mark.parametrize(("text", "line", "key", "value", "expected", "remedy"), PREFERENCES)
def test_wrong_preferences(home, text, line, key, value, expected, remedy):
    with pytest.raises(ConfigError) as caught:
        home.load(preferences=text)
    check(caught.value, key, value, expected, remedy)
    assert caught.value.file == str(home.places.preferences_file)
    assert caught.value.line == line


@pytest.mark.parametrize(("environ", "key", "value", "expected", "remedy"), ENVIRONMENT)
def test_wrong_variables(home, environ, key, value, expected, remedy):
    with pytest.raises(ConfigError) as caught:
        home.load(environ=environ)
    check(caught.value, key, value, expected, remedy)
    assert caught.value.file == "environment"
    assert "pw" not in str(caught.value)


def test_a_sentence_reads_whole(home):
    with pytest.raises(ConfigError) as caught:
        home.load(preferences='\n# mine\nmode = "free_ony"\n')
    assert str(caught.value) == (
        f"{home.places.preferences_file}:3: mode: 'free_ony' is not usable, expected one of balanced, free_only, "
        "cost_first, quality_first, max_speed, max_context, health_first. Did you mean 'free_only'?"
    )


def test_an_edit_of_a_shipped_table_is_blamed_on_the_users_file(home):
    with pytest.raises(ConfigError) as caught:
        home.load(providers='[providers.openai.models."gpt-5.6"]\ncontext = 1\nprice.input = "dear"\n')
    assert caught.value.line == 3
    assert caught.value.key == 'providers.openai.models."gpt-5.6".price.input'


def test_wrong_encoding_and_unreadable_files(home):
    home.places.preferences_file.write_bytes(b'mode = "balanced"\ntheme = "\xff\xfe"\n')
    with pytest.raises(ConfigError, match="UTF-8") as caught:
        home.load()
    assert caught.value.line == 2
    home.places.preferences_file.unlink()
    home.places.preferences_file.mkdir()
    with pytest.raises(ConfigError, match="can be read") as caught:
        home.load()
    assert caught.value.file == str(home.places.preferences_file)


def test_a_byte_order_mark_is_no_error(home):
    home.places.preferences_file.write_bytes(b'\xef\xbb\xbfmode = "cost_first"\r\n')
    assert home.load().config.preferences.mode == "cost_first"


def test_a_missing_base_catalogue_is_an_error(home, tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml"):
        load(find_places({"TRUNKLINE_HOME": str(tmp_path)}), {}, base_providers=tmp_path / "none.toml")
