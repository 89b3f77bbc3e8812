"""Every model that ships can be chosen, and a call to it be written as its provider takes it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.config.test_zero_configuration import all_at_once
from tests.support.clock import START_MS
from tests.support.routing import build_ask, build_state

from trunkline.config.load import Loaded
from trunkline.domain.decisions import Decision
from trunkline.domain.messages import ChatRequest, Effort, Message, ResponseFormat, Role, ToolSpec
from trunkline.domain.routes import Billing, Capability, ProviderSpec
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.providers.protocol import CallContext
from trunkline.providers.registry import protocol_named
from trunkline.routing import compile_policy, decide

SCHEMA = '{"type": "object", "properties": {"city": {"type": "string"}}}'
REQUEST = ChatRequest(
    messages=(Message.of(Role.SYSTEM, "Be brief."), Message.of(Role.USER, "What is the weather in Berlin?")),
    origin=Origin(OriginKind.ASK),
    max_output_tokens=2_000,
    temperature=1.5,
    tools=(ToolSpec("weather", "The weather of a city.", SCHEMA),),
    response_format=ResponseFormat.JSON,
    effort=Effort.HIGH,
)


@pytest.fixture
def loaded(home) -> Loaded:
    return all_at_once(home)


def remote(loaded: Loaded) -> list[ProviderSpec]:
    return [p for p in loaded.config.catalogue.providers if p.billing is not Billing.LOCAL]


def body_of(provider: ProviderSpec, model_id: str, request: ChatRequest) -> dict[str, Any]:
    model = next(model for model in provider.models if model.id == model_id)
    context = CallContext(provider, provider.accounts[0], model, START_MS)
    wire = protocol_named(provider.protocol).encode(
        request, context, max_output_tokens=request.max_output_tokens
    )
    return json.loads(wire.body)


def test_every_model_is_chosen_when_it_is_asked_for(loaded):
    policy, state = compile_policy(loaded.config), build_state(loaded.config, {})
    for provider in remote(loaded):
        for model in provider.models:
            pin = f"{provider.id}/{model.id}"
            needs = ["embeddings"] if model.embeds else []
            decision = decide(build_ask(loaded.config, {"pin": pin, "needs": needs}), policy, state)
            assert isinstance(decision, Decision), f"{pin}: {decision}"
            assert (decision.route.provider, decision.route.model) == (provider.id, model.id)


def test_every_model_with_images_and_tools_is_chosen_for_them(loaded):
    policy, state = compile_policy(loaded.config), build_state(loaded.config, {})
    for provider in remote(loaded):
        for model in provider.models:
            asked = {"pin": f"{provider.id}/{model.id}", "needs": [one.value for one in model.capabilities]}
            assert isinstance(decide(build_ask(loaded.config, asked), policy, state), Decision), asked


def test_a_call_to_every_model_holds_only_what_it_takes(loaded):
    for provider in remote(loaded):
        quirks = provider.quirks
        for model in provider.models:
            where = f"{provider.id}/{model.id}"
            text = json.dumps(body := body_of(provider, model.id, REQUEST))
            assert "weather" in text, where
            if not model.temperature:
                assert '"temperature"' not in text, where
            if provider.protocol != "openai":
                continue
            assert body["model"] == model.id, where
            assert body.get("temperature", 1.0) <= quirks.temperature_max, where
            assert body[quirks.output_limit_field] == 2_000, where
            assert not {"max_tokens", "max_completion_tokens"} - {quirks.output_limit_field} & set(body), (
                where
            )
            assert ("response_format" in body) == quirks.json_mode, where
            assert ("stream_options" in body) == quirks.stream_usage, where


def test_a_temperature_of_zero_is_lifted_where_it_is_refused(loaded):
    """Trap 21: MiniMax takes more than 0 up to 1."""
    minimax = loaded.config.catalogue.provider("minimax")
    bodies = [body_of(minimax, model.id, replace(REQUEST, temperature=0.0)) for model in minimax.models]
    assert {body["temperature"] for body in bodies} == {0.01}


def test_cerebras_is_always_told_an_output_limit(loaded):
    """Trap 26: it books 16,384 tokens of the minute where none is sent."""
    cerebras = loaded.config.catalogue.provider("cerebras")
    body = body_of(cerebras, "gpt-oss-120b", replace(REQUEST, max_output_tokens=None))
    assert body["max_completion_tokens"] == 4_096


def test_images_by_address_go_only_where_they_are_taken(loaded):
    by_address = {
        provider.id
        for provider in remote(loaded)
        for model in provider.models
        if Capability.IMAGE_URLS in model.capabilities
    }
    assert by_address == {"openai", "anthropic", "groq", "mistral", "xai"}
