"""What the readers of account endpoints are given, and what no reader may stumble over."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trunkline.domain.checks import AccountReport
from trunkline.domain.faults import Fault
from trunkline.domain.routes import AccountSpec, Billing, KeyRef, KeySource, ModelSpec, ProviderSpec, Quirks
from trunkline.providers.protocol import CallContext, WireReply
from trunkline.providers.reports.endpoint import AccountEndpoint

NOW_MS = 1_795_176_000_000  # 2026-11-20T12:00:00Z


def context(base_url: str = "https://api.example.org/v1", *, own_url: str | None = None) -> CallContext:
    """An account of a provider at that address."""
    quirks = Quirks(extra_headers=(("X-Title", "trunkline"),))
    provider = ProviderSpec("p", "openai", base_url, quirks=quirks)
    account = AccountSpec("p", "main", KeyRef(KeySource.ENV, "P_KEY"), Billing.CREDITS, base_url=own_url)
    return CallContext(provider, account, ModelSpec("p", "m", 1000), NOW_MS)


def reply(body: Any, status: int = 200, content_type: str = "application/json") -> WireReply:
    """A whole reply; what is not bytes or text goes as JSON."""
    raw = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    return WireReply(status, {"content-type": content_type}, raw)


def read(endpoint: AccountEndpoint, body: Any, status: int = 200, where: CallContext | None = None) -> Any:
    """What the endpoint's reader makes of a reply."""
    return endpoint.read(reply(body, status), where or context())


def report(endpoint: AccountEndpoint, body: Any, where: CallContext | None = None) -> AccountReport:
    """What the endpoint's reader makes of a reply that is a report."""
    told = read(endpoint, body, where=where)
    assert isinstance(told, AccountReport), told
    return told


NO_REPORTS = [
    pytest.param(b"", id="empty"),
    pytest.param(b"{", id="half-a-brace"),
    pytest.param(b"\xff\xfe\x00", id="bytes"),
    pytest.param("<!doctype html><html><body>Sign in</body></html>", id="web-page"),
    pytest.param("null", id="null"),
    pytest.param("7", id="number"),
    pytest.param('"text"', id="text"),
    pytest.param("[]", id="list"),
    pytest.param("{}", id="empty-object"),
    pytest.param('{"data": null}', id="null-data"),
    pytest.param('{"data": []}', id="list-data"),
    pytest.param('{"data": "none"}', id="text-data"),
    pytest.param("[" * 100_000, id="deep"),
]
"""Bodies of status 200 that no endpoint's reader may take for a report."""

JUNK: tuple[Any, ...] = (
    None, True, False, [], {}, "", "many", "NaN", "Infinity", "-1e400", 1e308, -1, 10**40, "9" * 60, [1], {"a": 1},
    "١٢", "0x10", "1_000", "\x1b[31m",
)  # fmt: skip
"""What may stand in any field."""


def with_junk(body: Any) -> list[Any]:
    """`body` with each of its fields in turn made junk, and left out."""
    found: list[Any] = []
    for path in _paths(body):
        found += [_put(body, path, junk) for junk in JUNK]
        found.append(_put(body, path, _LEFT_OUT))
    return found


_LEFT_OUT = object()


def _paths(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for name, part in parts for path in ((*above, name), *_paths(part, (*above, name)))]


def _put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    copy = json.loads(json.dumps(value))
    holder = copy
    for part in path[:-1]:
        holder = holder[part]
    if new is _LEFT_OUT:
        del holder[path[-1]]
    else:
        holder[path[-1]] = new
    return copy


def never_raises(endpoint: AccountEndpoint, body: Any) -> None:
    """Whatever stands in whichever field, and whatever the status, there is a report or a fault, fit for a screen."""
    for odd in with_junk(body):
        for status in (200, 500):
            told = read(endpoint, odd, status)
            assert isinstance(told, AccountReport | Fault)
            assert "\x1b" not in repr(told)
            if isinstance(told, AccountReport):
                assert all(isinstance(one.amount, int) and one.amount >= 0 for one in told.readings)
                assert all(one.remaining is None or one.remaining >= 0 for one in told.readings)
                assert all(0 <= share.used_percent < 10**13 for share in told.shares)
