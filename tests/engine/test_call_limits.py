"""Time limits of one call."""

from __future__ import annotations

import pytest

from trunkline.domain.preferences import CallLimits
from trunkline.domain.routes import LocalServer, ProviderSpec, Quirks
from trunkline.engine.call_limits import limits_of_call

FAR = ProviderSpec("zai", "openai", "https://api.example/v1")
NEAR = ProviderSpec("ollama", "openai", "http://127.0.0.1/v1", quirks=Quirks(local_server=LocalServer.OLLAMA))


@pytest.mark.parametrize(
    ("provider", "set_to", "least"),
    [(FAR, 1.0, 1.0), (FAR, 0.0, 0.0), (FAR, 3.0, 3.0), (NEAR, 1.0, 0.0), (NEAR, 3.0, 3.0)],
)
def test_a_local_server_may_drip_unless_a_pace_was_set(
    provider: ProviderSpec, set_to: float, least: float
) -> None:
    configured = CallLimits(least_tokens_per_s=set_to)
    limits = limits_of_call(configured, provider, first_token_ms=7_000, remaining_ms=9_000)
    assert (limits.least_tokens_per_s, limits.first_token_ms, limits.total_ms) == (least, 7_000, 9_000)


def test_no_call_outlasts_its_request() -> None:
    assert limits_of_call(CallLimits(), FAR, first_token_ms=1, remaining_ms=-5).total_ms == 1
    assert limits_of_call(CallLimits(total_ms=50), FAR, first_token_ms=1, remaining_ms=90).total_ms == 50
