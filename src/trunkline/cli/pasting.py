"""What clients of the gateway have to be told, on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.cli.output import say
from trunkline.domain.preferences import GatewayPolicy
from trunkline.gateway.callers import is_loopback
from trunkline.gateway.snippets import Snippet, base_url_of, snippets


def pasting_for(
    policy: GatewayPolicy, *, token: str | None = None, host: str | None = None, port: int | None = None
) -> tuple[Snippet, ...]:
    """What to paste for a gateway with this policy, or one that listens on another `host` and `port`."""
    needs_token = policy.require_token or not is_loopback(policy.host if host is None else host)
    return snippets(base_url_of(policy, host=host, port=port), token, needs_token=needs_token)


def say_pasting(found: Sequence[Snippet]) -> None:
    """Print it on stderr, a client after the other."""
    for one in found:
        say(f"\n{one.title}:" + (f" ({one.note})" if one.note else ""))
        for line in one.lines:
            say(f"  {line}")
