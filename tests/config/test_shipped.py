"""The files that ship: they load without a word, and say what the default policy says."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal

import pytest

from trunkline.config.load import missing_keys
from trunkline.config.places import find_places
from trunkline.config.schema import AcceptsTable, QuirksTable
from trunkline.domain.accepts import Accepts
from trunkline.domain.limits import LimitScope, Metric
from trunkline.domain.money import PICO_PER_USD
from trunkline.domain.preferences import BudgetMode, QualityMode
from trunkline.domain.routes import Billing, Quirks
from trunkline.domain.tasks import TASK_TYPES, Priority, Tier


def test_shipped_files_load_without_notes_and_without_accounts(home):
    loaded = home.load()
    assert loaded.notes == ()
    assert len(loaded.config.catalogue.providers) >= 16
    assert not [a for p in loaded.config.catalogue.providers for a in p.accounts]


def test_missing_keys_says_which_variable_adds_what(home):
    missing = {m.provider: m for m in missing_keys(home.load(environ={"OPENAI_API_KEY": "x"}))}
    assert "openai" not in missing
    assert missing["google"].variables == ("GEMINI_API_KEY", "GOOGLE_API_KEY")
    assert "gemini-3.8-flash" in missing["google"].adds
    assert missing["ollama"].local
    assert missing["ollama"].variables == ("OLLAMA_HOST",)
    assert not missing["google"].local


def test_every_model_has_sane_figures(home):
    for provider in home.load().config.catalogue.providers:
        for model in provider.models:
            where = f"{provider.id}/{model.id}"
            assert model.embeds or model.context_tokens >= 32_000, where
            assert model.max_output_tokens is None or model.max_output_tokens <= model.context_tokens, where
            assert model.price.input is not None, where
            assert model.price.output is not None, where
            assert model.price.cached is None or model.price.cached <= model.price.input, where
            assert model.quality_share is None or 0 < model.quality_share <= 1, where
            assert model.successor is None or model.retired_on, where


def test_successors_exist_and_are_not_retired_themselves(home):
    for provider in home.load().config.catalogue.providers:
        models = {model.id: model for model in provider.models}
        ends = [(m.id, m.successor) for m in provider.models if m.successor]
        ends += [(r.id, r.successor) for r in provider.retired]
        for old, new in ends:
            assert new in models, f"{provider.id}/{old} → {new}"
            assert models[new].retired_on is None, f"{provider.id}/{old} → {new}"


def test_quality_is_normalised_to_the_best_of_the_column(home):
    models = [m for p in home.load().config.catalogue.providers for m in p.models if m.quality is not None]
    best = max(models, key=lambda model: model.quality)
    assert best.quality_share == 1
    glm = next(m for m in models if m.id == "glm-5.3")
    assert glm.quality_share == pytest.approx(59.5 / best.quality)


def test_prices_are_exact_pico_dollars(home):
    flash = home.load().config.catalogue.model("google", "gemini-3.8-flash")
    assert (flash.price.input, flash.price.output, flash.price.cached) == (750_000, 3_750_000, 75_000)
    assert flash.price.cost_pico(input_tokens=1_000_000, output_tokens=0) == Decimal("0.75") * PICO_PER_USD


def test_free_tier_limits_hold_for_free_accounts_only(home):
    environ = {"GEMINI_API_KEY": "x"}
    paid = home.load(environ=environ).config.catalogue.account("google", "main")
    assert paid.limits == ()
    free = home.load('[providers.google]\nbilling = "free"\n', environ=environ).config.catalogue
    account = free.account("google", "main")
    assert account.billing is Billing.FREE
    day = next(limit for limit in account.limits if str(limit.window) == "day" and limit.model is None)
    assert (day.metric, day.amount, day.scope) == (Metric.REQUESTS, 20, LimitScope.MODEL)
    assert day.window.zone == "America/Los_Angeles"


def test_policy_tasks_tiers_and_numbers(home):
    preferences = home.load().config.preferences
    assert {task.type for task in preferences.tasks} == set(TASK_TYPES)
    coding = preferences.task("coding")
    assert [text.partition("/")[0] for text in coding.prefer] == [
        "openai",
        "anthropic",
        "zai",
        "kimi",
        "openrouter",
    ]
    assert (coding.budget_tokens, coding.priority, coding.stated) == (80_000, Priority.HIGH, False)
    assert preferences.task("documentation").priority is Priority.LOW
    assert preferences.default_prefer[0] == "zai/glm-5.3"

    t1, t2, t3 = (preferences.tier(tier) for tier in Tier)
    assert [t.ceiling_pico_per_token for t in (t1, t2, t3)] == [100_000, 1_000_000, 15_000_000]
    assert (t1.emergency, t3.emergency) == (None, "google/gemini-3.8-flash")
    assert t1.prefer == ("minimax", "google/gemini-3.8-flash", "kimi")

    roles = {role.role: role for role in preferences.roles}
    assert roles["design_review"].task_types == ("reasoning", "audit")
    assert roles["design_review"].tier is Tier.T3
    assert roles["implementation"].budget_tokens == 25_000

    assert preferences.quality_floor == 0.7
    assert preferences.budget_conversation_pico == PICO_PER_USD // 2
    assert preferences.thresholds.patience_ms == 3_000
    assert preferences.thresholds.route_away_at == 0.95
    assert preferences.call_limits.first_token_ms == 30_000
    assert preferences.history.keep_turns == 5
    assert dict(preferences.budget_lists)[BudgetMode.COST_FIRST] == (
        "kimi",
        "google",
        "zai",
        "anthropic",
        "openai",
    )
    assert dict(preferences.quality_lists)[QualityMode.MAX_SPEED] == ("google", "zai", "kimi")


def test_modes_are_the_named_pairs_and_balanced_has_the_stated_weights(home):
    preferences = home.load().config.preferences
    assert [mode.name for mode in preferences.modes] == [
        "balanced", "free_only", "cost_first", "quality_first", "max_speed", "max_context", "health_first",
    ]  # fmt: skip
    weights = dict(preferences.weights)
    assert set(weights) == {mode.name for mode in preferences.modes}
    balanced = weights["balanced"]
    assert (balanced.preference, balanced.quota, balanced.context, balanced.cost, balanced.quality) == (
        0.40, 0.30, 0.15, 0.10, 0.05,
    )  # fmt: skip
    health = weights["health_first"]
    assert (health.health, health.cost, health.speed) == (0.5, 0.3, 0.2)
    assert preferences.mode_named("quality_first").quality is QualityMode.MAX_QUALITY
    for name, weight in weights.items():
        total = sum(getattr(weight, term) for term in weight.__dataclass_fields__)
        assert total == pytest.approx(1), name


def test_the_file_can_say_every_quirk_that_the_protocols_know():
    assert set(QuirksTable.model_fields) == {field.name for field in fields(Quirks)}
    defaults = Quirks()
    for name, value in QuirksTable().model_dump(exclude={"extra_headers", "extra_body"}).items():
        assert getattr(defaults, name) == value, name


def test_the_file_can_say_all_that_a_provider_accepts(home):
    usual = Accepts()
    assert set(AcceptsTable.model_fields) == {field.name for field in fields(Accepts)}
    for name, value in AcceptsTable().model_dump().items():
        told = tuple(value) if isinstance(value, list) else value
        assert getattr(usual, name) == told, name
    catalogue = home.load().config.catalogue
    accepts = {one.id: one.accepts for one in catalogue.providers}
    assert accepts["anthropic"] == accepts["google"] == usual
    assert (accepts["zai"].tool_choice, accepts["zai"].stops) == (("auto",), 1)
    assert accepts["mistral"].sampling == ("top_p", "random_seed", "frequency_penalty", "presence_penalty")
    assert {name for name, one in accepts.items() if not one.forced_beside_thinking} == {
        "kimi",
        "kimi-code",
        "deepseek",
    }
    schemas = {one.id: one.takes_schema for one in catalogue.providers}
    assert {name for name, takes in schemas.items() if not takes} == {"zai", "minimax", "groq", "deepseek"}


def test_places_follow_the_home_variable_or_the_platform(tmp_path):
    places = find_places({"TRUNKLINE_HOME": str(tmp_path)})
    assert places.providers_file == tmp_path / "providers.toml"
    assert places.preferences_file == tmp_path / "preferences.toml"
    assert places.store_file == tmp_path / "trunkline.db"
    assert places.log_dir == tmp_path / "logs"
    elsewhere = find_places({})
    assert "trunkline" in str(elsewhere.config_dir)
    assert elsewhere.config_dir.is_absolute()
