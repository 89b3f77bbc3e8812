"""Overlay, overrides, retirements, generations."""

from __future__ import annotations

import subprocess
import sys

import pytest

from trunkline.config.load import load, substitute_port
from trunkline.config.places import find_places
from trunkline.domain.errors import ConfigError
from trunkline.domain.limits import LimitScope, Metric
from trunkline.domain.money import PICO_PER_USD
from trunkline.domain.preferences import BudgetMode, EnvironmentOverride, QualityMode
from trunkline.domain.routes import PoolStrategy, Selector

SIMULATED = """
[providers.alpha]
protocol = "openai"
base_url = "http://127.0.0.1:{port}/alpha/v1"
accounts = [{ id = "a-1", key = "none" }, { id = "a-2", key = "none" }]
[providers.alpha.models.small]
context = 32768
"""


def test_user_files_overlay_the_shipped_key_by_key(home):
    loaded = home.load(
        '[providers.openai]\npool = "random"\n[providers.openai.models."gpt-5.6"]\nprice = { input = 3.00 }\n',
        '[thresholds]\npatience_s = 1.5\n[tasks.coding]\nprefer = ["zai"]\n',
    )
    openai = loaded.config.catalogue.provider("openai")
    assert openai.pool is PoolStrategy.RANDOM
    assert openai.base_url == "https://api.openai.com/v1"
    model = loaded.config.catalogue.model("openai", "gpt-5.6")
    assert (model.price.input, model.price.output, model.context_tokens) == (3_000_000, 20_000_000, 922_000)
    preferences = loaded.config.preferences
    assert (preferences.thresholds.patience_ms, preferences.thresholds.max_attempts) == (1_500, 6)
    coding = preferences.task("coding")
    assert (coding.prefer, coding.stated, coding.budget_tokens) == (("zai",), True, 80_000)


def test_only_lists_in_the_users_own_file_are_stated(home):
    loaded = home.load(
        preferences='default = ["kimi"]\n[tiers.t1]\nprefer = ["zai"]\n[roles.implementation]\nbudget_tokens = 9\n'
    )
    preferences = loaded.config.preferences
    assert preferences.default_stated
    assert [tier.tier.value for tier in preferences.tiers if tier.stated] == ["t1"]
    assert not [role for role in preferences.roles if role.stated]
    assert not [task for task in preferences.tasks if task.stated]
    assert not home.load(preferences="").config.preferences.default_stated


def test_own_task_types_modes_and_models_join_the_shipped(home):
    loaded = home.load(
        '[providers.openai.models."my/own:model"]\ncontext = 8192\n',
        '[tasks.poetry]\nprefer = ["openai/my/own:model"]\n[modes.mine]\nweights = { quality = 1 }\n',
    )
    preferences = loaded.config.preferences
    assert preferences.task("poetry").prefer == ("openai/my/own:model",)
    assert (preferences.task("poetry").quality_floor, preferences.task("simple").quality_floor) == (0.0, 0.3)
    assert preferences.modes[-1].name == "mine"
    model = loaded.config.catalogue.model("openai", "my/own:model")
    assert (model.price.input, model.quality_share, model.max_output_tokens) == (None, None, None)


def test_a_model_switched_off_leaves_the_catalogue(home):
    loaded = home.load('[providers.xai.models."grok-4.3"]\nenabled = false\n')
    assert loaded.config.catalogue.model("xai", "grok-4.3") is None
    assert loaded.config.catalogue.model("xai", "grok-4.6") is not None


def test_limits_of_accounts(home):
    loaded = home.load(
        '[providers.zai]\nlimits = [{ metric = "concurrency", amount = 2 }]\n'
        '[[providers.zai.accounts]]\nid = "a"\nkey = "none"\n'
        'limits = [{ metric = "cost", amount = 2.5, window = "month" }, '
        '{ metric = "requests", amount = 5, window = "session:5h", model = "glm-5.3" }]\n'
        '[[providers.zai.accounts]]\nid = "b"\nkey = "none"\n'
    )
    cost, requests = loaded.config.catalogue.account("zai", "a").limits
    assert (cost.metric, cost.amount, str(cost.window)) == (Metric.COST, 5 * PICO_PER_USD // 2, "month")
    assert (requests.scope, requests.model, str(requests.window)) == (
        LimitScope.MODEL,
        "glm-5.3",
        "session:5h",
    )
    (concurrency,) = loaded.config.catalogue.account("zai", "b").limits
    assert (concurrency.metric, concurrency.amount) == (Metric.CONCURRENCY, 2)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("google/gemini-2.0-flash", Selector("google", None, "gemini-3.8-flash")),
        ("google/main/gemini-2.0-flash", Selector("google", "main", "gemini-3.8-flash")),
        ("gemini-2.0-flash", Selector("google", None, "gemini-3.8-flash")),
        ("openrouter/stepfun/step-3.5-flash:free", Selector("openrouter", None, "stepfun/step-3.5-flash")),
    ],
)
def test_a_retired_id_stands_for_its_successor(home, old, new):
    loaded = home.load(preferences=f'default = ["zai", "{old}", "kimi"]\n', environ={"GEMINI_API_KEY": "x"})
    assert loaded.config.catalogue.select(old) == new
    assert loaded.config.preferences.default_prefer == ("zai", str(new), "kimi")
    (note,) = loaded.notes
    assert f"{old!r}, which is retired; {new} stands in" in note


def test_a_model_about_to_retire_is_followed_by_its_successor(home):
    loaded = home.load(preferences='default = ["openai/gpt-5", "zai", "openai/gpt-5.6-terra"]\n')
    assert loaded.config.preferences.default_prefer == ("openai/gpt-5", "openai/gpt-5.6-terra", "zai")


def test_an_account_without_its_key_today_is_a_note_not_an_error(home):
    preferences = 'default = ["google/google-2/gemini-3.8-flash", "google/main", "google/main-2", "zai"]\n'
    loaded = home.load(preferences=preferences)
    assert loaded.config.preferences.default_prefer == ("zai",)
    assert len(loaded.notes) == 3
    with_keys = home.load(preferences=preferences, environ={"GOOGLE_API_KEY": "a", "GOOGLE_API_KEY_2": "b"})
    assert len(with_keys.notes) == 1
    assert with_keys.config.preferences.default_prefer == (
        "google/google-2/gemini-3.8-flash", "google/main", "zai",
    )  # fmt: skip


def test_axes_set_one_by_one_find_or_make_a_mode(home):
    preferences = home.load(preferences='budget_mode = "cost_first"\n').config.preferences
    assert preferences.mode == "cost_first"
    preferences = home.load(
        preferences='budget_mode = "cost_first"\nquality = "max_speed"\n'
    ).config.preferences
    mode = preferences.mode_named(preferences.mode)
    assert (mode.budget, mode.quality) == (BudgetMode.COST_FIRST, QualityMode.MAX_SPEED)
    weights = dict(preferences.weights)
    assert weights[preferences.mode] == weights["cost_first"]
    unchanged = home.load(preferences='mode = "health_first"\nbudget_mode = "none"\n').config.preferences
    assert unchanged.mode == "health_first"


def test_overrides_from_the_environment(home):
    loaded = home.load(
        environ={
            "TRUNKLINE_ROUTE_DATA_ANALYSIS": "zai/glm-5.3",
            "TRUNKLINE_ROUTE_T3": "gemini-2.0-flash",
            "TRUNKLINE_ROUTE_REASONING": "kimi",
            "MODEL_OVERRIDE_REASONING": "gpt-5.6",
            "MODEL_OVERRIDE_IMPLEMENTATION": "claude-haiku-4-5",
            "MODEL_OVERRIDE_ORCHESTRATION": "",
        }
    )
    assert set(loaded.config.preferences.overrides) == {
        EnvironmentOverride("data_analysis", "zai/glm-5.3", "TRUNKLINE_ROUTE_DATA_ANALYSIS"),
        EnvironmentOverride("t3", "google/gemini-3.8-flash", "TRUNKLINE_ROUTE_T3"),
        EnvironmentOverride("reasoning", "kimi", "TRUNKLINE_ROUTE_REASONING"),
        EnvironmentOverride("implementation", "claude-haiku-4-5", "MODEL_OVERRIDE_IMPLEMENTATION"),
    }


def test_the_generation_is_the_content(home):
    first = home.load(environ={"OPENAI_API_KEY": "x"})
    assert home.load(environ={"OPENAI_API_KEY": "x"}).config.generation == first.config.generation
    commented = home.load(preferences="# nothing but a comment\n", environ={"OPENAI_API_KEY": "x"})
    assert commented.config.generation == first.config.generation
    assert home.load(environ={}).config.generation != first.config.generation
    changed = home.load(preferences="quality_floor = 0.6\n", environ={"OPENAI_API_KEY": "x"})
    assert changed.config.generation != first.config.generation


def test_the_generation_is_the_same_in_every_process(home):
    program = (
        "import sys; from trunkline.config.load import load; from trunkline.config.places import find_places;"
        "print(load(find_places({'TRUNKLINE_HOME': sys.argv[1]}), {}).config.generation)"
    )
    folder = str(home.places.config_dir)
    seen = {
        subprocess.run(
            [sys.executable, "-c", program, folder],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert seen == {home.load().config.generation + "\n"}


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://llm.example.org/v1", True),
        ("http://8.8.8.8/v1", True),
        ("https://llm.example.org/v1", False),
        ("http://127.0.0.1:80/v1", False),
        ("http://192.168.0.9/v1", False),
        ("http://[::1]:80/v1", False),
        ("http://gpu:80/v1", False),
        ("http://gpu.lan/v1", False),
    ],
)
def test_a_key_sent_in_the_open_is_said(home, address, said):
    loaded = home.load(environ={"OPENAI_BASE_URL": address, "OPENAI_API_KEY": "x"})
    assert [note for note in loaded.notes if "not encrypted" in note] == ([loaded.notes[0]] if said else [])
    assert home.load(environ={"OPENAI_BASE_URL": address}).notes == ()


def test_another_catalogue_in_place_of_the_shipped(home):
    loaded = load(home.places, {"OPENAI_API_KEY": "x"}, base_providers_text=substitute_port(SIMULATED, 4711))
    (alpha,) = loaded.config.catalogue.providers
    assert alpha.base_url == "http://127.0.0.1:4711/alpha/v1"
    assert [account.id for account in alpha.accounts] == ["a-1", "a-2"]
    assert loaded.notes == ()
    assert loaded.config.preferences.task("coding").prefer == ()
    home.write(preferences='default = ["openai"]\n')
    with pytest.raises(ConfigError, match="Providers: alpha"):
        load(home.places, {}, base_providers_text=substitute_port(SIMULATED, 4711))


def test_a_catalogue_file_in_place_of_the_shipped(home, tmp_path):
    file = tmp_path / "base.toml"
    file.write_text(substitute_port(SIMULATED, 1))
    loaded = load(home.places, {}, base_providers=file)
    assert [provider.id for provider in loaded.config.catalogue.providers] == ["alpha"]
    assert loaded.sources[0] == file


def test_reading_the_configuration_imports_no_editor_and_no_http(home):
    program = (
        "import sys; from trunkline.config.load import load; from trunkline.config.places import find_places;"
        "load(find_places({'TRUNKLINE_HOME': sys.argv[1]}), {});"
        "print(sorted({'tomlkit', 'httpx', 'aiohttp', 'textual', 'click', 'sqlite3'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(home.places.config_dir)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


def test_places_expand_the_users_home():
    assert find_places({"TRUNKLINE_HOME": "~/tl"}).config_dir.is_absolute()
    assert "~" not in str(find_places({"TRUNKLINE_HOME": "~/tl"}).config_dir)
