"""What ships is honest: figures whole and of one column, bands rising, retirements true, quirks where they belong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from itertools import pairwise

import pytest

from trunkline.config.places import shipped_preferences_file, shipped_providers_file
from trunkline.domain.limits import model_matches
from trunkline.domain.routes import (
    Capability,
    Catalogue,
    LocalServer,
    ModelSpec,
    ProviderSpec,
    Quirks,
    ReasoningEcho,
    SelfReport,
    ThinkingControl,
    ToolIds,
)

COLLECTED_ON = "2026-11-20"
CONTROLS = {
    "anthropic": {ThinkingControl.ADAPTIVE, ThinkingControl.BUDGET},
    "google": {ThinkingControl.LEVEL, ThinkingControl.BUDGET},
}
CONTROLS_OF_OTHERS = {
    ThinkingControl.EFFORT,
    ThinkingControl.REASONING,
    ThinkingControl.SWITCH,
    ThinkingControl.ADAPTIVE,
}


@pytest.fixture
def catalogue(home) -> Catalogue:
    return home.load().config.catalogue


def models(catalogue: Catalogue) -> Iterator[tuple[ProviderSpec, ModelSpec, str]]:
    for provider in catalogue.providers:
        for model in provider.models:
            yield provider, model, f"{provider.id}/{model.id}"


def test_there_are_some_sixty_models_or_more(catalogue):
    assert len(list(models(catalogue))) >= 60


def test_every_model_can_be_used_by_its_protocol(catalogue):
    for provider, model, where in models(catalogue):
        assert model.context_tokens > 0, where
        assert (model.price.input is None) == (model.price.output is None), where
        assert model.embeds or model.preference is not None, where
        if model.thinking is not ThinkingControl.NONE:
            assert Capability.THINKING in model.capabilities, where
            assert model.thinking in CONTROLS.get(provider.id, CONTROLS_OF_OTHERS), where


def test_prices_of_long_inputs_rise_within_the_window(catalogue):
    banded = {where: model for _, model, where in models(catalogue) if model.price.bands}
    assert {where.partition("/")[2] for where in banded} >= {
        "gpt-5.4", "gpt-5.6", "gpt-6.1-sol", "claude-haiku-5-5", "gemini-3.1-pro-preview", "MiniMax-M3",
    }  # fmt: skip
    for where, model in banded.items():
        steps = [(0, model.price), *((band.above_input_tokens, band) for band in model.price.bands)]
        for (below, cheaper), (above, dearer) in pairwise(steps):
            assert below < above < model.context_tokens, where
            assert cheaper.input < dearer.input, where
            assert cheaper.output < dearer.output, where
            assert (cheaper.cached is None) == (dearer.cached is None), where
            assert (cheaper.written is None) == (dearer.written is None), where


@pytest.mark.parametrize(
    ("model", "input_tokens", "at_ms", "input_price", "output_price"),
    [
        ("openai/gpt-5.4", 272_000, 0, 2_500_000, 15_000_000),
        ("openai/gpt-5.4", 272_001, 0, 5_000_000, 22_500_000),
        ("google/gemini-3.1-pro-preview", 200_001, 0, 4_000_000, 18_000_000),
        ("anthropic/claude-haiku-5-5", 100_001, 0, 500_000, 2_500_000),
        ("minimax/MiniMax-M3", 512_001, 0, 600_000, 2_400_000),
        # 2026-11-20 is a Friday: 05:59, 06:00, 10:00 UTC; a Saturday at 07:00.
        ("deepseek/deepseek-flash", 10, 1_795_154_340_000, 150_000, 600_000),
        ("deepseek/deepseek-flash", 10, 1_795_154_400_000, 300_000, 1_200_000),
        ("deepseek/deepseek-v4-pro", 10, 1_795_154_400_000, 1_320_000, 3_960_000),
        ("deepseek/deepseek-flash", 10, 1_795_168_800_000, 150_000, 600_000),
        ("deepseek/deepseek-flash", 10, 1_795_244_400_000, 150_000, 600_000),
    ],
)
def test_what_a_call_costs(catalogue, model, input_tokens, at_ms, input_price, output_price):
    price = catalogue.model(*model.split("/")).price.at(input_tokens, at_ms)
    assert (price.input, price.output) == (input_price, output_price)


def test_whoever_is_gone_is_retired_and_whoever_is_retired_is_gone(catalogue):
    for provider in catalogue.providers:
        served = {model.id for model in provider.models}
        for model in provider.models:
            assert model.retired_on is None or model.retired_on > COLLECTED_ON, f"{provider.id}/{model.id}"
            assert (model.retired_on is None) == (model.successor is None), f"{provider.id}/{model.id}"
        for retired in provider.retired:
            assert retired.retired_on <= COLLECTED_ON, f"{provider.id}/{retired.id}"
            assert retired.id not in served, f"{provider.id}/{retired.id}"


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("anthropic/claude-3-5-sonnet-20241022", "claude-sonnet-5-5"),
        ("google/gemini-2.0-flash", "gemini-3.8-flash"),
        ("google/gemini-3-pro-preview", "gemini-3.1-pro-preview"),
        ("deepseek/deepseek-chat", "deepseek-flash"),
        ("deepseek/deepseek-reasoner", "deepseek-v4-pro"),
        ("openrouter/stepfun/step-3.5-flash:free", "stepfun/step-3.5-flash"),
        ("openrouter/google/gemma-3-27b-it:free", "google/gemma-4-31b-it:free"),
    ],
)
def test_an_id_that_is_gone_stands_for_its_successor(catalogue, asked, served):
    assert catalogue.select(asked).model == served


def test_quality_is_of_one_column(catalogue):
    """Scored only before or after that column: no figure. The same weights at another provider: the same figure."""
    scores = {where: model.quality for _, model, where in models(catalogue)}
    elsewhere = [
        "openai/gpt-5.2", "openai/gpt-6-astra", "anthropic/claude-opus-4-5", "anthropic/claude-sonnet-5-5",
        "anthropic/claude-opus-5-5", "kimi/kimi-k3.1-pro",
    ]  # fmt: skip
    assert [scores[where] for where in elsewhere] == [None] * len(elsewhere)
    assert max(score for score in scores.values() if score is not None) == 65.7
    by_name: dict[str, set[float | None]] = {}
    for where, score in scores.items():
        by_name.setdefault(where.rpartition("/")[2].removesuffix(":free"), set()).add(score)
    assert {name: found for name, found in by_name.items() if len(found) > 1} == {}
    assert by_name["gpt-oss-120b"] == {24.1}
    assert by_name["glm-4.7"] == {34.5}


def test_temperature_is_sent_only_where_it_is_taken(catalogue):
    """Trap 21: refused by OpenAI's reasoning models, Anthropic's from Opus 4.7 on and Kimi's from K2.5 on; MiniMax
    refuses 0."""
    taken = {where for _, model, where in models(catalogue) if model.temperature and not model.embeds}
    assert {where for where in taken if where.startswith("openai/")} == {
        "openai/gpt-4.1", "openai/gpt-4.1-mini", "openai/gpt-4o", "openai/gpt-4o-mini",
    }  # fmt: skip
    assert {where for where in taken if where.startswith("anthropic/")} == {
        f"anthropic/claude-{name}"
        for name in ("opus-4-6", "sonnet-4-6", "opus-4-5", "sonnet-4-5", "haiku-4-5")
    }
    assert not {where for where in taken if where.startswith("kimi")}
    ranges = {p.id: (p.quirks.temperature_min, p.quirks.temperature_max) for p in catalogue.providers}
    assert {provider: pair for provider, pair in ranges.items() if pair != (0.0, 2.0)} == {
        "anthropic": (0.0, 1.0),
        "zai": (0.0, 1.0),
        "minimax": (0.01, 1.0),
    }


def having(catalogue: Catalogue, name: str) -> dict[str, object]:
    """The providers whose quirk of that name is not the usual."""
    usual = getattr(Quirks(), name)
    found = {provider.id: getattr(provider.quirks, name) for provider in catalogue.providers}
    return {provider: value for provider, value in found.items() if value != usual}


LOCAL = ("ollama", "lmstudio", "llamacpp", "vllm")
QUIRKS = {
    "tool_ids": {
        "openai": ToolIds.WORD,
        "anthropic": ToolIds.WORD,
        "kimi": ToolIds.WORD,
        "kimi-code": ToolIds.WORD,
        "mistral": ToolIds.NINE,
    },
    "echo_reasoning": {
        "zai": ReasoningEcho.CONTENT,
        "kimi": ReasoningEcho.CONTENT,
        "kimi-code": ReasoningEcho.CONTENT,
        "deepseek": ReasoningEcho.CONTENT,
        "openrouter": ReasoningEcho.DETAILS,
        "minimax": ReasoningEcho.TAGS,
    },
    "image_urls": {"google": False, "kimi": False, "kimi-code": False, **dict.fromkeys(LOCAL, False)},
    "single_system_message": {"minimax": True},
    "think_tags": {"minimax": True},
    "stream_usage": {"zai": False, "kimi": False, "kimi-code": False, "openrouter": False, "mistral": False},
    "reserves_output_limit": {"cerebras": True},
    "default_output_tokens": {"cerebras": 4096},
    "requests_window": {"groq": "1d", "cerebras": "1d"},
    "self_report": {
        "openrouter": SelfReport.OPENROUTER,
        "zai": SelfReport.ZAI,
        "kimi": SelfReport.MOONSHOT,
        "deepseek": SelfReport.DEEPSEEK,
        "minimax": SelfReport.MINIMAX,
    },
    "local_server": {name: LocalServer(name) for name in LOCAL},
    "output_limit_field": dict.fromkeys(
        ("openai", "kimi", "kimi-code", "minimax", "groq", "xai", "cerebras"), "max_completion_tokens"
    ),
}


@pytest.mark.parametrize("name", QUIRKS)
def test_who_has_which_quirk(catalogue, name):
    assert having(catalogue, name) == QUIRKS[name]


def test_a_window_of_headers_is_a_window(catalogue):
    assert having(catalogue, "tokens_window") == {}


def test_limits_name_models_that_there_are(catalogue):
    data = tomllib.loads(shipped_providers_file().read_text())["providers"]
    for name, table in data.items():
        served = {*table.get("models", {}), *table.get("retired", {})}
        lists = [table.get("limits", []), table.get("free_limits", [])]
        lists += [endpoint.get("limits", []) for endpoint in table.get("endpoints", {}).values()]
        for limit in (limit for one in lists for limit in one if "model" in limit):
            assert any(model_matches(limit["model"], one) for one in served), f"{name}: {limit}"
            assert not limit["model"].startswith("*") or name == "openrouter", f"{name}: {limit}"


def test_no_variable_means_two_things(catalogue):
    data = tomllib.loads(shipped_providers_file().read_text())["providers"]
    named = [name for table in data.values() for name in table.get("key_env", [])]
    named += [
        name
        for table in data.values()
        for endpoint in table.get("endpoints", {}).values()
        for name in endpoint["key_env"]
    ]
    assert len(named) == len(set(named))


def test_every_endpoint_says_for_whom_it_is(catalogue):
    endpoints = [(p, e) for p in catalogue.providers for e in p.endpoints]
    assert len(endpoints) >= 6
    for provider, endpoint in endpoints:
        assert endpoint.base_url.startswith("https://"), endpoint
        assert endpoint.note, endpoint
        assert endpoint.base_url != provider.base_url or endpoint.billing is not None, endpoint


def test_local_servers_are_on_this_machine_at_their_usual_ports(catalogue):
    addresses = {p.id: p.base_url for p in catalogue.providers if p.id in LOCAL}
    assert addresses == {
        "ollama": "http://127.0.0.1:11434/v1",
        "lmstudio": "http://127.0.0.1:1234/v1",
        "llamacpp": "http://127.0.0.1:8080/v1",
        "vllm": "http://127.0.0.1:8000/v1",
    }


def test_every_shipped_list_names_what_there_is_and_will_stay(home, catalogue):
    def lists(table: object) -> Iterator[str]:
        if isinstance(table, dict):
            for key, inner in table.items():
                if key in ("prefer", "default") or (
                    isinstance(inner, list) and key not in ("tasks", "steps")
                ):
                    yield from inner
                elif key == "emergency" and inner != "pause":
                    yield inner
                else:
                    yield from lists(inner)

    named = set(lists(tomllib.loads(shipped_preferences_file().read_text())))
    assert len(named) >= 15
    for text in named:
        selector = catalogue.select(text)
        assert selector is not None, text
        if selector.model is not None:
            assert text.endswith(selector.model), f"{text} is retired"
            assert catalogue.model(selector.provider, selector.model).retired_on is None, text


def test_every_price_and_score_stands_under_a_source_with_its_date():
    text = shipped_providers_file().read_text()
    for group in re.split(r"# -{100,}\n", text)[1:]:
        comment = "".join(line for line in group.splitlines(keepends=True) if line.startswith("#"))
        if "price = " in group:
            assert re.search(r"litellm|models\.dev|pages", comment), group[:80]
            assert re.search(r"20\d\d", comment), group[:80]
