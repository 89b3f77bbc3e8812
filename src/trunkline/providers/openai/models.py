"""The list of models as OpenAI-shaped providers give it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from trunkline.domain.checks import ListedModel, ModelList
from trunkline.domain.faults import Fault
from trunkline.domain.money import Price, pico_from_usd
from trunkline.domain.text import provider_sentence
from trunkline.providers.protocol import CallContext, WireReply, WireRequest
from trunkline.providers.refusals.classify import classify
from trunkline.providers.values.jsontext import count, loads_or_none, mapping, text_of

_CONTEXT_FIELDS = ("context_length", "context_window", "max_context_length", "max_model_len")
_LOADED_FIELDS = ("loaded_context_length", "max_model_len")
_END_FIELDS = ("shutdown_date", "expiration_date", "deprecation")
_MOST_MODELS = 5_000
_DEAREST_USD_PER_TOKEN = 1
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?!\d)")


def models_request(context: CallContext) -> WireRequest:
    """The free call that lists the models."""
    headers = (("Accept", "application/json"), *context.provider.quirks.extra_headers)
    return WireRequest("GET", context.provider.quirks.models_path, headers, b"", False)


def read_models(reply: WireReply, context: CallContext) -> ModelList | Fault:
    """The models listed, under `data` or as a bare array; whatever else is a refusal."""
    body = loads_or_none(reply.body) if reply.status == 200 else None
    entries = body if isinstance(body, list) else mapping(body).get("data")
    if not isinstance(entries, list):
        return classify(reply, context)
    return ModelList(
        tuple(_model(mapping(entry)) for entry in entries[:_MOST_MODELS] if text_of(mapping(entry).get("id")))
    )


def _model(entry: dict[str, object]) -> ListedModel:
    """One entry, whoever wrote it: OpenAI, OpenRouter (prices in USD per token), Mistral, Groq, Kimi, llama.cpp
    (`meta`), LM Studio, vLLM, Gemini's compatible list (`models/…`)."""
    top, meta = mapping(entry.get("top_provider")), mapping(entry.get("meta"))
    windows = [_first(entry.get(name) for name in _CONTEXT_FIELDS), _first([top.get("context_length")])]
    known = [window for window in windows if window is not None]
    return ListedModel(
        id=provider_sentence(text_of(entry.get("id")).removeprefix("models/"), longest=200),
        context_tokens=min(known) if known else _first([meta.get("n_ctx_train")]),
        loaded_context_tokens=_first([*(entry.get(name) for name in _LOADED_FIELDS), meta.get("n_ctx")]),
        max_output_tokens=_first([top.get("max_completion_tokens"), entry.get("max_completion_tokens")]),
        price=_price(mapping(entry.get("pricing"))),
        ends_on=next((day for name in _END_FIELDS if (day := _day(entry.get(name)))), None),
    )


def _first(values: Iterable[object]) -> int | None:
    """The first of `values` that is a count of something."""
    return next((number for value in values if (number := count(value))), None)


def _price(pricing: dict[str, object]) -> Price | None:
    """Prices in USD per token, as text; a negative one is not fixed, so it is unknown. None where nothing is known."""
    price = Price(
        input=_pico(pricing.get("prompt")),
        output=_pico(pricing.get("completion")),
        cached=_pico(pricing.get("input_cache_read")),
        written=_pico(pricing.get("input_cache_write")),
    )
    return None if price.input is None and price.output is None else price


def _pico(value: object) -> int | None:
    if not isinstance(value, str | int | float) or isinstance(value, bool) or len(str(value)) > 40:
        return None
    try:
        usd = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return pico_from_usd(usd) if usd.is_finite() and 0 <= usd <= _DEAREST_USD_PER_TOKEN else None


def _day(value: object) -> str | None:
    """The ISO date in a date, an instant, or epoch seconds."""
    if isinstance(value, str):
        found = _DATE.match(value.strip())
        try:
            return date.fromisoformat(found[0]).isoformat() if found else None
        except ValueError:
            return None
    seconds = count(value)
    if seconds is None or not 10**9 < seconds < 10**11:
        return None
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
