"""How long prompts stay in a provider's cache, as the catalogue says it."""

from __future__ import annotations

import pytest

from trunkline.domain.caching import PromptCache
from trunkline.domain.errors import ConfigError

TEXT = """
[providers.mine]
protocol = "openai"
base_url = "https://llm.example.org/v1"
key = "none"
{provider}
[providers.mine.models.m]
context = 1000000
{model}
"""
MINUTE_MS = 60_000


@pytest.mark.parametrize(
    ("provider", "model", "cache"),
    [
        ("", "", PromptCache(5 * MINUTE_MS, 1_024)),
        ("cache = { minutes = 60 }", "", PromptCache(60 * MINUTE_MS, 1_024)),
        ("cache = { minutes = 60 }", "cache = { least_tokens = 64 }", PromptCache(60 * MINUTE_MS, 64)),
        ("cache = { minutes = 60, least_tokens = 64 }", "cache = { minutes = 0 }", PromptCache(0, 64)),
    ],
)
def test_the_model_comes_before_its_provider_and_that_before_what_is_assumed(home, provider, model, cache):
    config = home.load(TEXT.format(provider=provider, model=model)).config
    assert config.catalogue.model("mine", "m").cache == cache


def test_a_cache_that_lives_for_less_than_no_time_is_refused(home):
    with pytest.raises(ConfigError, match=r"cache\.minutes"):
        home.load(TEXT.format(provider="cache = { minutes = -1 }", model=""))


@pytest.mark.parametrize(
    ("model", "minutes", "least_tokens"),
    [
        ("openai/gpt-5.6", 5, 1_024),
        ("anthropic/claude-opus-5", 5, 512),
        ("anthropic/claude-haiku-4-5", 5, 4_096),
        ("google/gemini-3.1-pro-preview", 5, 4_096),
        ("zai/glm-5.3", 5, 1_024),
        ("deepseek/deepseek-flash", 60, 64),
    ],
)
def test_what_the_providers_state(home, model, minutes, least_tokens):
    cache = home.load("").config.catalogue.model(*model.split("/")).cache
    assert cache == PromptCache(minutes * MINUTE_MS, least_tokens)
