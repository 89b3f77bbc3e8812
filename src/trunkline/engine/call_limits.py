"""How long one call may take, be silent, and drip."""

from __future__ import annotations

from dataclasses import replace

from trunkline.domain.preferences import CallLimits
from trunkline.domain.routes import LocalServer, ProviderSpec

_SHIPPED = CallLimits()


def limits_of_call(
    configured: CallLimits, provider: ProviderSpec, *, first_token_ms: int, remaining_ms: int
) -> CallLimits:
    """The limits of a call to `provider` with `remaining_ms` left of its request. A local server is as slow as its
    machine: what ships is no measure of it, and only a pace that a person has set is."""
    is_local = provider.quirks.local_server is not LocalServer.NONE
    unasked = configured.least_tokens_per_s == _SHIPPED.least_tokens_per_s
    return replace(
        configured,
        first_token_ms=first_token_ms,
        total_ms=min(configured.total_ms, max(1, remaining_ms)),
        least_tokens_per_s=0.0 if is_local and unasked else configured.least_tokens_per_s,
    )
