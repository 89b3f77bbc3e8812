"""Upstream calls to a server on loopback, and what came of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from trunkline.domain.events import Finished
from trunkline.domain.faults import Fault
from trunkline.domain.preferences import CallLimits
from trunkline.domain.routes import AccountSpec, Billing, KeyRef, KeySource, ModelSpec, ProviderSpec
from trunkline.domain.secret import Secret
from trunkline.providers.call import CallEvent, ReplyEnded, Sent, UpstreamCall
from trunkline.providers.protocol import CallContext, WireProtocol, WireRequest
from trunkline.providers.transport import HttpTransport

CANARY = "sk-canary-3f9d2b71c6"


def upstream(
    base_url: str,
    protocol: WireProtocol,
    *,
    stream: bool = True,
    key: str | None = CANARY,
    limits: CallLimits | None = None,
    path: str = "/v1/answer",
    body: bytes = b'{"q": 1}',
) -> UpstreamCall:
    """A call to the server at `base_url`."""
    provider = ProviderSpec("odd", protocol.name, base_url)
    account = AccountSpec("odd", "main", KeyRef(KeySource.ENV, "ODD_KEY"), Billing.CREDITS)
    context = CallContext(provider, account, ModelSpec("odd", "m", 1000), 0)
    request = WireRequest("POST", path, (("Content-Type", "application/json"),), body, stream)
    secret = Secret(key) if key is not None else None
    return UpstreamCall(protocol, context, request, secret, limits or CallLimits())


async def outcome(transport: HttpTransport, call: UpstreamCall) -> list[CallEvent]:
    """Every event of the call, its shape checked: `Sent` first if at all, `ReplyEnded` last but one, one end."""
    events: list[CallEvent] = []
    async with aclosing(transport.call(call)) as running:
        async for event in running:
            events.append(event)
    check_shape(events)
    return events


def check_shape(events: Sequence[CallEvent]) -> None:
    """What every call must look like."""
    assert [isinstance(event, Finished | Fault) for event in events].count(True) == 1
    assert isinstance(events[-1], Finished | Fault)
    assert [index for index, event in enumerate(events) if isinstance(event, ReplyEnded)] == [len(events) - 2]
    assert all(index == 0 for index, event in enumerate(events) if isinstance(event, Sent))
    assert CANARY not in repr(events)


def body_of(events: Sequence[CallEvent]) -> list[CallEvent]:
    """The events without the transport's own and without the end."""
    return [event for event in events if not isinstance(event, Sent | ReplyEnded | Finished | Fault)]


def fault_of(events: Sequence[CallEvent]) -> Fault:
    """The fault that ended the call."""
    last = events[-1]
    assert isinstance(last, Fault), last
    return last


async def until(running: AsyncGenerator[CallEvent, None], kind: type) -> CallEvent:
    """Read on until an event of that kind."""
    async for event in running:
        if isinstance(event, kind):
            return event
    raise AssertionError(f"no {kind.__name__} came")
