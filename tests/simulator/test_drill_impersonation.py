"""The simulator in the clothes of a catalogue: everybody there, in their own words, with no key of theirs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.simulator.worlds import calling, world

from trunkline.cli.drill.configuration import drilled, made_up_key
from trunkline.config.load import Loaded, load
from trunkline.config.places import Places
from trunkline.domain.limits import LimitSpec, Metric, Window
from trunkline.domain.routes import (
    AccountSpec,
    Billing,
    Catalogue,
    KeyRef,
    KeySource,
    ModelSpec,
    ProviderSpec,
)
from trunkline.simulator.allowance import Allowances, Booking, Shortage
from trunkline.simulator.impersonation import impersonated, style_of, usable_accounts
from trunkline.simulator.loading import read_description
from trunkline.simulator.record import mono_ms

ENVIRON = {
    "ANTHROPIC_API_KEY": "real-1",
    "OPENAI_API_KEY": "real-2",
    "GOOGLE_API_KEY_1": "real-3",
    "GOOGLE_API_KEY_2": "real-4",
    "ZAI_CODING_API_KEY": "real-5",
    "OPENROUTER_API_KEY": "real-6",
    "GROQ_API_KEY": "real-7",
    "MINIMAX_API_KEY": "real-8",
}


@pytest.fixture
def shipped(tmp_path: Path) -> Loaded:
    """The shipped catalogue with eight keys."""
    return load(Places(tmp_path, tmp_path, tmp_path), ENVIRON)


def test_the_shipped_catalogue_can_be_impersonated(shipped: Loaded) -> None:
    catalogue = shipped.config.catalogue
    described = read_description(impersonated(catalogue, made_up_key))
    usable = {p.id: {a.id for a in usable_accounts(p)} for p in catalogue.providers if usable_accounts(p)}
    assert {name: {a.id for a in p.accounts.values()} for name, p in described.providers.items()} == usable
    for provider in described.providers.values():
        listed = catalogue.provider(provider.id)
        assert listed is not None
        assert provider.protocol == listed.protocol
        windows = {model.id: model.context_tokens for model in listed.models}
        assert {m.id: m.context_tokens for m in provider.models.values()} == windows


def test_each_speaks_in_its_own_words(shipped: Loaded) -> None:
    styles = {provider.id: style_of(provider) for provider in shipped.config.catalogue.providers}
    assert styles == {
        "openai": "openai", "anthropic": "anthropic", "google": "gemini", "zai": "zai", "kimi": "moonshot",
        "kimi-code": "moonshot", "minimax": "minimax", "openrouter": "openrouter", "groq": "groq",
        "mistral": "mistral", "deepseek": "deepseek", "xai": "xai", "cerebras": "cerebras", "ollama": "ollama",
        "lmstudio": "lmstudio", "llamacpp": "llamacpp", "vllm": "vllm",
    }  # fmt: skip


def test_a_proxy_speaks_openais_words() -> None:
    assert style_of(ProviderSpec("office", "openai", "https://llm.example/v1")) == "openai"
    assert style_of(ProviderSpec("office", "openai", "https://notgroq.com/v1")) == "openai"
    assert style_of(ProviderSpec("office", "openai", "https://eu.api.groq.com/v1")) == "groq"


def test_nothing_of_the_drills_configuration_leads_outside(shipped: Loaded, tmp_path: Path) -> None:
    turned = drilled(shipped, tmp_path, lambda provider: 4711)
    accounts = [(p, a) for p in turned.config.catalogue.providers for a in usable_accounts(p)]
    assert len(accounts) == len(ENVIRON)
    for provider in turned.config.catalogue.providers:
        assert provider.base_url.startswith("http://127.0.0.1:4711/")
        assert provider.endpoints == ()
    for _, account in accounts:
        assert account.base_url is None
        secret = turned.keys.secret(account.key)
        assert secret is not None
        assert secret.reveal() == made_up_key(account)
    for provider in shipped.config.catalogue.providers:
        for account in usable_accounts(provider):
            assert turned.keys.secret(account.key) is None, "a real key could be opened"
    assert turned.config.preferences.default_prefer == shipped.config.preferences.default_prefer


def test_models_that_match_a_pattern_share_its_limit() -> None:
    limit = LimitSpec(Metric.REQUESTS, 2, Window.parse("60s"), model="*:free")
    key = KeyRef(KeySource.NONE)
    provider = ProviderSpec(
        "p",
        "openai",
        "https://p.example/v1",
        accounts=(AccountSpec("p", "a", key, Billing.FREE, limits=(limit,)),),
        models=tuple(ModelSpec("p", name, 8_192) for name in ("x:free", "y:free", "z")),
    )
    described = read_description(impersonated(Catalogue((provider,)), made_up_key)).providers["p"]
    account = described.accounts[made_up_key(provider.accounts[0])]
    allowances = Allowances(_Still())
    assert isinstance(allowances.admit(account, "x:free", 1), Booking)
    assert isinstance(allowances.admit(account, "y:free", 1), Booking)
    assert isinstance(allowances.admit(account, "x:free", 1), Shortage)
    assert isinstance(allowances.admit(account, "z", 1), Booking)


class _Still:
    def wall_ms(self) -> int:
        return 1_795_176_000_000

    def mono_ms(self) -> float:
        return 0.0

    async def sleep(self, duration_ms: float) -> None:
        raise AssertionError("nobody waits here")


async def test_a_stream_can_crawl_after_it_has_begun() -> None:
    described = world(faults=({"kind": "crawl", "after": 4, "tokens_per_s": 200.0},))
    async with calling(described) as caller:
        began_ms = mono_ms()
        reply = await caller.ask(stream=True)
        took_ms = mono_ms() - began_ms
    crawled = sum(1 for event in reply.events if event.startswith("{")) - 6
    assert "[DONE]" in reply.events
    assert took_ms >= crawled * 15
