"""The list of models, which here tells windows, output limits and retirements."""

from __future__ import annotations

from datetime import UTC
from urllib.parse import quote

from trunkline.domain.checks import ListedModel, ModelList
from trunkline.domain.faults import Fault
from trunkline.domain.text import provider_sentence
from trunkline.providers.anthropic.encode import AUTH_HEADER, version_headers
from trunkline.providers.protocol import CallContext, WireReply, WireRequest
from trunkline.providers.refusals.classify import classify
from trunkline.providers.values.durations import instant_in, iso_seconds
from trunkline.providers.values.jsontext import count, loads_or_none, mapping, text_of

PATH = "/v1/models"
_OPENAI_PATH = "/models"
_PAGE_SIZE = 1000
_ISO_DATE_CHARS = 10


def models_request(context: CallContext, page: str | None) -> WireRequest:
    """The free call that lists the models, the most there may be to a page; `page` is the id after which it goes on.
    The quirk `models_path` counts unless it is OpenAI's."""
    path = context.provider.quirks.models_path
    path = PATH if path == _OPENAI_PATH else path
    query = f"?limit={_PAGE_SIZE}" + (f"&after_id={quote(page, safe='')}" if page else "")
    headers = (("Accept", "application/json"), *version_headers(context))
    return WireRequest("GET", path + query, headers, b"", False, auth_header=AUTH_HEADER, auth_prefix="")


def read_models(reply: WireReply, context: CallContext) -> ModelList | Fault:
    """The models listed, without those already retired; whatever is no list is a refusal."""
    body = mapping(loads_or_none(reply.body) if reply.status == 200 else None)
    entries = body.get("data")
    if not isinstance(entries, list):
        return classify(reply, context)
    tables = [mapping(entry) for entry in entries[:_PAGE_SIZE]]
    models = tuple(_model(table) for table in tables if text_of(table.get("id")) and not _is_retired(table))
    last_id = text_of(body.get("last_id"))
    more = body.get("has_more") is True and bool(tables)
    return ModelList(models, next_page=last_id if more and last_id else None)


def _is_retired(table: dict[str, object]) -> bool:
    return table.get("lifecycle") == "retired"


def _model(table: dict[str, object]) -> ListedModel:
    return ListedModel(
        id=provider_sentence(text_of(table.get("id")), longest=200),
        context_tokens=count(table.get("max_input_tokens")) or None,
        max_output_tokens=count(table.get("max_tokens")) or None,
        ends_on=_iso_date(text_of(table.get("retires_at"))),
    )


def _iso_date(text: str) -> str | None:
    """The day of an RFC 3339 instant."""
    at_ms = instant_in(text, UTC)
    return None if at_ms is None else iso_seconds(at_ms)[:_ISO_DATE_CHARS]
