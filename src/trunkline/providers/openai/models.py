"""The list of models as OpenAI-shaped providers give it."""

from __future__ import annotations

from trunkline.domain.checks import ListedModel, ModelList
from trunkline.domain.faults import Fault
from trunkline.domain.text import provider_sentence
from trunkline.providers.protocol import CallContext, WireReply, WireRequest
from trunkline.providers.refusals.classify import classify
from trunkline.providers.values.jsontext import count, loads, mapping, text_of

_CONTEXT_FIELDS = ("context_length", "context_window", "max_context_length", "max_model_len")
_MOST_MODELS = 5_000


def models_request(context: CallContext) -> WireRequest:
    """The free call that lists the models."""
    headers = (("Accept", "application/json"), *context.provider.quirks.extra_headers)
    return WireRequest("GET", context.provider.quirks.models_path, headers, b"", False)


def read_models(reply: WireReply, context: CallContext) -> ModelList | Fault:
    """The models listed, under `data` or as a bare array; whatever else is a refusal."""
    if reply.status != 200:
        return classify(reply, context)
    try:
        body = loads(reply.body)
    except ValueError:
        return classify(reply, context)
    entries = body if isinstance(body, list) else mapping(body).get("data")
    if not isinstance(entries, list):
        return classify(reply, context)
    return ModelList(
        tuple(_model(mapping(entry)) for entry in entries[:_MOST_MODELS] if text_of(mapping(entry).get("id")))
    )


def _model(entry: dict[str, object]) -> ListedModel:
    top = mapping(entry.get("top_provider"))
    windows = (count(entry.get(name)) for name in _CONTEXT_FIELDS)
    return ListedModel(
        id=provider_sentence(text_of(entry.get("id")), longest=200),
        context_tokens=next((window for window in windows if window), None),
        max_output_tokens=count(top.get("max_completion_tokens")) or None,
    )
