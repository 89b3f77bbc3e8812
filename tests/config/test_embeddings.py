"""Models that give vectors, as a configuration has them."""

from __future__ import annotations

import pytest

from trunkline.domain.errors import ConfigError
from trunkline.engine.counting import counting_plan


def test_a_provider_whose_protocol_has_no_embeddings_takes_no_such_model(home):
    text = '[providers.anthropic.models."vec"]\ncontext = 100\ncapabilities = ["embeddings"]\n'
    with pytest.raises(ConfigError) as refused:
        home.load(text)
    assert refused.value.key == "providers.anthropic.models.vec.capabilities"
    assert "anthropic, which has none" in str(refused.value)


def test_those_that_ship_cost_their_input_only_and_change_no_count(home):
    catalogue = home.load().config.catalogue
    embedding = {
        f"{one.provider}/{one.id}": one for p in catalogue.providers for one in p.models if one.embeds
    }
    assert embedding.keys() >= {
        "openai/text-embedding-3-small",
        "openai/text-embedding-3-large",
        "google/gemini-embedding-001",
        "mistral/mistral-embed",
    }
    for where, model in embedding.items():
        assert model.price.input, where
        assert model.price.output == 0, where
    pairs = counting_plan(catalogue).pairs
    answering = {(m.tokenizer, m.counting) for p in catalogue.providers for m in p.models if not m.embeds}
    assert set(pairs) == answering
