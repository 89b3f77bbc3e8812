"""Fifty simulated accounts for the load, the soak and several processes: what is played, and the configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tomlkit

from trunkline.domain.messages import ChatRequest, Message, Role
from trunkline.domain.tasks import Origin, OriginKind, Priority

PROVIDERS = 10
ACCOUNTS = 5
PROTOCOLS = ("openai", "anthropic", "gemini")
PATHS = {"openai": "/v1", "anthropic": "", "gemini": ""}

# Faults that pass: 5 % of all requests meet one of these.
PASSING = (
    *(
        "http",
        "limited",
        "error_in_200",
        "html",
        "empty",
        "empty_answer",
        "reset",
        "stale",
        "reset_stream",
        "drop",
    ),
    *("cut", "malformed_event", "no_terminator", "no_finish", "error_in_stream", "drip"),
)
# Faults that cost their time-out.
SLOW = ("silence", "stall")

PREFERENCES = """
[timeouts]
connect_s = 10
first_token_s = {first_token_s}
first_token_floor_s = {first_token_s}
first_token_ceiling_s = {first_token_s}
stall_s = {first_token_s}
request_s = 120
[thresholds]
medium_lane_s = 0.001
low_lane_s = 0.001
"""


def accounts(provider: int) -> Iterator[tuple[str, str, str]]:
    """(id, key, variable) of each account of a provider."""
    for n in range(ACCOUNTS):
        yield f"a{n}", f"sim-p{provider}-a{n}", f"P{provider}_A{n}"


def limits(per_minute: int, per_day: int) -> list[dict[str, Any]]:
    """What each account is allowed."""
    return [
        {"metric": "requests", "amount": per_minute, "window": "60s"},
        {"metric": "requests", "amount": per_day, "window": "day"},
    ]


def description(
    allowed: list[dict[str, Any]], *, fault_share: float, slow: bool, seed: int = 1
) -> dict[str, Any]:
    """What the simulator plays: ten providers of all protocols, five accounts each."""
    providers = {}
    for n in range(PROVIDERS):
        protocol = PROTOCOLS[n % len(PROTOCOLS)]
        providers[f"p{n}"] = {
            "protocol": protocol,
            "accounts": [{"id": one, "key": key, "limits": allowed} for one, key, _ in accounts(n)],
            "models": {"m": {"fixed_chunks": 8}},
        }
    kinds = (*PASSING, *SLOW) if slow else PASSING
    faults = [
        {"name": kind, "kind": kind, "probability": fault_share / len(kinds)}
        for kind in kinds
        if fault_share > 0
    ]
    return {"seed": seed, "providers": providers, "faults": faults}


def catalogue(port: int, allowed: list[dict[str, Any]] | None) -> str:
    """The same as the engine's configuration; `allowed` None: it knows no limit."""
    known = {} if allowed is None else {"limits": allowed}
    providers = {}
    for n in range(PROVIDERS):
        protocol = PROTOCOLS[n % len(PROTOCOLS)]
        providers[f"p{n}"] = {
            "protocol": protocol,
            "base_url": f"http://127.0.0.1:{port}/p{n}{PATHS[protocol]}",
            "accounts": [{"id": one, "key": f"env:{name}", **known} for one, _, name in accounts(n)],
            "models": {"m": {"context": 32_768, "price": {"input": 1.0, "output": 2.0}}},
        }
    return tomlkit.dumps({"providers": providers})


def environ() -> dict[str, str]:
    """The keys of every account."""
    return {name: key for n in range(PROVIDERS) for _, key, name in accounts(n)}


def request(n: int, *, kind: OriginKind = OriginKind.GATEWAY) -> ChatRequest:
    """The n-th request: of one of twenty agents, three of four as a stream."""
    return ChatRequest(
        (Message.of(Role.USER, f"Say in two sentences what changed since look {n}, and why."),),
        Origin(kind, f"agent-{n % 20}"),
        priority=Priority.HIGH,
        stream=n % 4 > 0,
    )
