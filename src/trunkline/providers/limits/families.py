"""Every header family there is, read from any reply: a header's name says whose it is, not the protocol."""

from __future__ import annotations

from collections.abc import Mapping

from trunkline.domain.limits import LimitReading
from trunkline.providers.limits.anthropic_family import read_anthropic_limits
from trunkline.providers.limits.openai_family import read_openai_limits
from trunkline.providers.protocol import CallContext


def read_limits(headers: Mapping[str, str], context: CallContext) -> tuple[LimitReading, ...]:
    """What the headers of any reply say of limits; junk is left out."""
    return read_openai_limits(headers, context) + read_anthropic_limits(headers, context)
