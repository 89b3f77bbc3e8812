"""What a refusal says, taken out of the many shapes that OpenAI-shaped providers wrap it in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from trunkline.domain.text import redact, strip_controls
from trunkline.providers.values.jsontext import loads, mapping, text_of

_LONGEST_TEXT = 4_000
_ZAI_CODE = re.compile(r"\d{4}")
_ZAI_BRACKETED = re.compile(r"\[(\d{4})\]")
_MINIMAX_CODE = re.compile(r"\((\d{4})\)\s*$")


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """A refusal taken apart.

    `status` is the HTTP status, or the one that the body names where the reply itself was a 200. `codes` are its
    machine codes, most telling first; `zai_code` and `minimax_code` are numbers of those two providers'
    tables, recognised by their shape. `text` is stripped of controls and credentials. `tables` are the objects
    in which further fields may be found, `nested_headers` are rate headers that came in the body.
    """

    status: int | None
    codes: tuple[str, ...]
    text: str
    zai_code: str | None = None
    minimax_code: str | None = None
    tables: tuple[Mapping[str, Any], ...] = ()
    nested_headers: Mapping[str, str] = field(default_factory=dict)


def facts_of_reply(status: int, body: bytes) -> ErrorFacts:
    """The facts in the body of a reply; plain text is its own message."""
    body = body.strip()
    try:
        value = loads(body) if body else None
    except ValueError:
        value = body[:_LONGEST_TEXT].decode("utf-8", "replace")
    return facts_of_body(value, status)


def facts_of_body(body: object, status: int | None) -> ErrorFacts:
    """The facts in a decoded body: `{"error": {…}}`, the same in an array (Gemini), `error` as a sentence (xAI),
    flat (vLLM, Mistral, Cerebras), `detail` (Mistral), `base_resp` (MiniMax)."""
    if isinstance(body, list):
        body = next((item for item in body if isinstance(item, dict)), None)
    if isinstance(body, str):
        return ErrorFacts(status, (), _clean(body))
    table = mapping(body)
    error = table.get("error")
    inner = error if isinstance(error, dict) else table
    metadata = mapping(inner.get("metadata"))
    details = (
        [mapping(item) for item in inner.get("details") or ()]
        if isinstance(inner.get("details"), list)
        else []
    )
    base_resp = mapping(table.get("base_resp"))
    text = _clean(" ".join(_texts(error, table, inner, metadata, details, base_resp)))
    return ErrorFacts(
        status=_status(status, inner),
        codes=tuple(_codes(table, inner, metadata, details)),
        text=text,
        zai_code=_zai_code(error, table, text),
        minimax_code=_minimax_code(base_resp, _clean(text_of(inner.get("message")))),
        tables=(inner, metadata, table, *details),
        nested_headers=_lower(metadata.get("headers")),
    )


def _texts(
    error: object,
    table: Mapping[str, Any],
    inner: Mapping[str, Any],
    metadata: Mapping[str, Any],
    details: list[dict[str, Any]],
    base_resp: Mapping[str, Any],
) -> Iterator[str]:
    if isinstance(error, str):
        yield unquote(error) if "%20" in error else error
    for name in ("message", "msg", "detail"):
        yield from _sentences(inner.get(name))
    yield text_of(base_resp.get("status_msg"))
    if isinstance(metadata.get("raw"), str):
        yield metadata["raw"]
    for detail in details:
        for violation in detail.get("violations") or () if isinstance(detail.get("violations"), list) else ():
            yield text_of(mapping(violation).get("quotaId"))
    if table is not inner:
        yield from _sentences(table.get("message"))


def _sentences(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield text_of(mapping(item).get("msg")) or text_of(item)
    elif isinstance(value, dict):
        yield from _sentences(value.get("message"))
        yield from _sentences(value.get("detail"))


def _codes(
    table: Mapping[str, Any],
    inner: Mapping[str, Any],
    metadata: Mapping[str, Any],
    details: list[dict[str, Any]],
) -> Iterator[str]:
    values = (
        mapping(inner.get("details")).get("error_code"),
        metadata.get("limit_source"),
        mapping(metadata.get("availability") or inner.get("availability")).get("code"),
        *(detail.get("reason") for detail in details),
        inner.get("code"),
        metadata.get("error_type"),
        inner.get("type"),
        inner.get("status"),
        table.get("code"),
    )
    for value in values:
        if isinstance(value, str) and value.strip():
            yield strip_controls(value.strip())[:80]


def _status(status: int | None, inner: Mapping[str, Any]) -> int | None:
    if status is not None and status >= 300:
        return status
    for name in ("code", "http_code", "status", "status_code", "raw_status_code"):
        named = text_of(inner.get(name))
        if named.isdecimal() and len(named) == 3 and 400 <= int(named) <= 599:
            return int(named)
    return None


def _zai_code(error: object, table: Mapping[str, Any], text: str) -> str | None:
    """Under `error`, beside `success: false` (its quota endpoint), or in brackets at the head of the text."""
    code = text_of(table.get("code") if table.get("success") is False else mapping(error).get("code"))
    if _ZAI_CODE.fullmatch(code):
        return code
    kind = text_of(mapping(error).get("type"))
    if _ZAI_CODE.fullmatch(kind):
        return kind
    bracketed = _ZAI_BRACKETED.match(text)
    return bracketed[1] if bracketed else None


def _minimax_code(base_resp: Mapping[str, Any], message: str) -> str | None:
    code = text_of(base_resp.get("status_code"))
    if code and code != "0":
        return code
    trailing = _MINIMAX_CODE.search(message)
    return trailing[1] if trailing else None


def _lower(headers: object) -> dict[str, str]:
    return {str(name).lower(): text_of(value) for name, value in mapping(headers).items()}


def _clean(text: str) -> str:
    return " ".join(redact(strip_controls(text[:_LONGEST_TEXT])).split())
