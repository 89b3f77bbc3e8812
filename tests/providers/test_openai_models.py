"""Lists of models as every OpenAI-shaped provider gives them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.openai_wire import context_of, refusal

from trunkline.domain.checks import ListedModel, ModelList
from trunkline.domain.faults import Fault, FaultKind
from trunkline.domain.money import Price
from trunkline.domain.routes import Quirks
from trunkline.providers.openai.wire import OPENAI
from trunkline.providers.protocol import WireReply


def listed(*entries: Any, **top: Any) -> tuple[ListedModel, ...]:
    reply = refusal(200, {"object": "list", "data": list(entries), **top})
    found = OPENAI.read_models(reply, context_of())
    assert isinstance(found, ModelList)
    assert found.next_page is None
    return found.models


OPENROUTER_PRICES = {"prompt": "0.00000125", "completion": "0.00001", "input_cache_read": "0.000000125",
                     "input_cache_write": "0.0000015", "image": "0.001"}  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param({"id": "gpt", "created": 1, "owned_by": "o", "shutdown_date": "2026-12-11"},
                     ListedModel("gpt", ends_on="2026-12-11"), id="openai"),
        pytest.param({"id": "gpt", "shutdown_date": None}, ListedModel("gpt"), id="openai-no-end"),
        pytest.param(
            {"id": "a/b", "context_length": 400_000, "pricing": OPENROUTER_PRICES, "expiration_date": "2026-12-01",
             "top_provider": {"context_length": 272_000, "max_completion_tokens": 128_000}},
            ListedModel("a/b", 272_000, None, 128_000, Price(1_250_000, 10_000_000, 125_000, 1_500_000), "2026-12-01"),
            id="openrouter"),
        pytest.param({"id": "a/b:free", "context_length": 65_536, "pricing": {"prompt": "0", "completion": "0"},
                      "top_provider": {"context_length": None, "max_completion_tokens": None}, "expiration_date": None},
                     ListedModel("a/b:free", 65_536, price=Price(0, 0)), id="openrouter-free"),
        pytest.param({"id": "openrouter/auto", "pricing": {"prompt": "-1", "completion": "-1"}},
                     ListedModel("openrouter/auto"), id="openrouter-price-not-fixed"),
        pytest.param({"id": "mistral", "max_context_length": 262_144, "deprecation": "2026-11-30T12:00:00Z"},
                     ListedModel("mistral", 262_144, ends_on="2026-11-30"), id="mistral"),
        pytest.param({"id": "llama", "context_window": 131_072, "max_completion_tokens": 32_768},
                     ListedModel("llama", 131_072, max_output_tokens=32_768), id="groq"),
        pytest.param({"id": "kimi", "context_length": 262_144, "supports_image_in": True},
                     ListedModel("kimi", 262_144), id="kimi"),
        pytest.param({"id": "local.gguf", "meta": {"n_ctx_train": 131_072, "n_params": 7}},
                     ListedModel("local.gguf", 131_072), id="llamacpp"),
        pytest.param({"id": "v", "max_model_len": 32_768}, ListedModel("v", 32_768, 32_768), id="vllm"),
        pytest.param({"id": "l", "max_context_length": 131_072, "loaded_context_length": 4096},
                     ListedModel("l", 131_072, 4096), id="trap-23-lmstudio-native-list"),
        pytest.param({"id": "l", "object": "model"}, ListedModel("l"), id="trap-23-lmstudio-says-no-window"),
        pytest.param({"id": "models/gemini-3.8-flash"}, ListedModel("gemini-3.8-flash"), id="gemini-compat"),
        pytest.param({"id": "m", "expiration_date": 1795219200}, ListedModel("m", ends_on="2026-11-21"), id="epoch"),
        pytest.param({"id": "m\x1b[31m", "context_length": -1, "pricing": {"prompt": "NaN", "completion": "1e99"},
                      "shutdown_date": "2026-13-45", "top_provider": "x", "meta": []}, ListedModel("m"), id="junk"),
    ],
)  # fmt: skip
def test_one_entry(entry: dict[str, Any], expected: ListedModel) -> None:
    assert listed(entry) == (expected,)


def test_what_is_no_model_is_left_out() -> None:
    assert [model.id for model in listed({"id": "a"}, {"name": "b"}, None, 7, {"id": "c"})] == ["a", "c"]
    bare = OPENAI.read_models(refusal(200, [{"id": "a"}]), context_of())
    assert isinstance(bare, ModelList)
    assert [model.id for model in bare.models] == ["a"]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refusal(401, {"error": {"code": "invalid_api_key", "message": "no"}}), FaultKind.AUTH),
        (refusal(404, b"404 page not found"), FaultKind.NETWORK),
        (refusal(200, b"<html><body>Sign in</body></html>"), FaultKind.NETWORK),
        (refusal(200, {"error": {"code": "1113", "message": "no"}}), FaultKind.BILLING),
        (refusal(200, {"code": 1001, "success": False}), FaultKind.AUTH),
    ],
)
def test_no_list(reply: WireReply, kind: FaultKind) -> None:
    fault = OPENAI.read_models(reply, context_of())
    assert isinstance(fault, Fault)
    assert fault.kind is kind


def test_where_the_list_is_asked_for() -> None:
    call = OPENAI.models_request(
        context_of(quirks=Quirks(models_path="/v1/models", extra_headers=(("X-Title", "T"),)))
    )
    assert (call.method, call.path, call.body) == ("GET", "/v1/models", b"")
    assert dict(call.headers) == {"Accept": "application/json", "X-Title": "T"}


_VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just({}) | st.just([])
)
_FIELDS = [
    "id",
    "context_length",
    "max_model_len",
    "pricing",
    "top_provider",
    "meta",
    "shutdown_date",
    "deprecation",
]


@given(
    entries=st.lists(
        st.dictionaries(
            st.sampled_from(_FIELDS), _VALUES | st.dictionaries(st.sampled_from(["prompt", "n_ctx"]), _VALUES)
        )
        | _VALUES,
        max_size=4,
    )
)
def test_any_list_is_read(entries: list[Any]) -> None:
    data = json.dumps({"data": entries}).encode()
    found = OPENAI.read_models(refusal(200, data), context_of())
    assert isinstance(found, ModelList)
    assert all(model.context_tokens is None or model.context_tokens > 0 for model in found.models)
