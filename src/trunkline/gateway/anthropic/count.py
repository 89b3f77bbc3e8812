"""`POST /v1/messages/count_tokens`: a request that is only to be counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from trunkline.domain.tasks import Origin
from trunkline.gateway.anthropic.read import read
from trunkline.gateway.dialect import Asked


def read_count(body: Mapping[str, Any], origin: Origin) -> Asked:
    """What is to be counted. Raises UnreadableError."""
    return read(body, origin, model=None, stream=False, counting=True)


def count_body(input_tokens: int) -> bytes:
    """The answer."""
    return orjson.dumps({"input_tokens": input_tokens})
