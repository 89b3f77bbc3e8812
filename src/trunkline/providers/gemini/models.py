"""The list of models as Google gives it."""

from __future__ import annotations

from urllib.parse import quote

from trunkline.domain.checks import ListedModel, ModelList
from trunkline.domain.faults import Fault
from trunkline.domain.text import provider_sentence
from trunkline.providers.gemini.encode import AUTH_HEADER, MODEL_PREFIX, MODELS_PATH
from trunkline.providers.protocol import CallContext, WireReply, WireRequest
from trunkline.providers.refusals.classify import classify
from trunkline.providers.values.jsontext import count, loads_or_none, mapping, text_of

_PAGE_SIZE = 1_000
_MOST_MODELS = 5_000
_CHAT = "generateContent"


def models_request(context: CallContext, page: str | None) -> WireRequest:
    """The free call that lists the models; `page` is the token of a further page."""
    token = "" if page is None else f"&pageToken={quote(page, safe='')}"
    headers = (("Accept", "application/json"), *context.provider.quirks.extra_headers)
    path = f"{MODELS_PATH}?pageSize={_PAGE_SIZE}{token}"
    return WireRequest("GET", path, headers, b"", False, auth_header=AUTH_HEADER, auth_prefix="")


def read_models(reply: WireReply, context: CallContext) -> ModelList | Fault:
    """The models listed that answer a chat (those that only embed, draw or speak do not); whatever is no list is a
    refusal. An entry that does not say what it does is taken."""
    body = mapping(loads_or_none(reply.body) if reply.status == 200 else None)
    entries = body.get("models")
    if not isinstance(entries, list):
        return classify(reply, context)
    models = (_model(mapping(entry)) for entry in entries[:_MOST_MODELS])
    return ModelList(
        tuple(model for model in models if model is not None), text_of(body.get("nextPageToken")) or None
    )


def _model(entry: dict[str, object]) -> ListedModel | None:
    model_id = provider_sentence(text_of(entry.get("name")), longest=200).removeprefix(MODEL_PREFIX)
    methods = entry.get("supportedGenerationMethods")
    if not model_id or (isinstance(methods, list) and _CHAT not in methods):
        return None
    return ListedModel(
        id=model_id,
        context_tokens=count(entry.get("inputTokenLimit")) or None,
        max_output_tokens=count(entry.get("outputTokenLimit")) or None,
    )
