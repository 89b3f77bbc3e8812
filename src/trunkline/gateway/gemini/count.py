"""`…:countTokens`: contents, or a whole request, that are only to be counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from trunkline.domain.tasks import Origin
from trunkline.gateway.dialect import Asked
from trunkline.gateway.gemini.read import read
from trunkline.gateway.gemini.tables import table_in, table_of


def read_count(body: Mapping[str, Any], origin: Origin, *, model: str | None = None) -> Asked:
    """What is to be counted: `generateContentRequest`, else what stands in the body itself. Raises UnreadableError."""
    request = table_in(table_of(body, ""), "generateContentRequest")
    return read(body if request is None else request.table, origin, model=model, stream=False)


def count_body(input_tokens: int) -> bytes:
    """The answer."""
    return orjson.dumps({"totalTokens": input_tokens})
