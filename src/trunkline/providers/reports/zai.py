"""Z.AI's plan quota: an endpoint that is not documented, used by many tools, and always answers HTTP 200."""

from __future__ import annotations

from trunkline.domain.checks import AccountReport, AllowanceShare
from trunkline.domain.faults import Fault, FaultKind, FaultScope
from trunkline.domain.limits import Window
from trunkline.domain.text import provider_sentence
from trunkline.providers.protocol import CallContext, WireReply, WireRequest
from trunkline.providers.reports.endpoint import (
    AccountEndpoint,
    amount_of,
    get,
    moment_ms,
    no_report,
    object_of,
)
from trunkline.providers.values.jsontext import count, mapping, text_of

_PATH = "/api/monitor/usage/quota/limit"
_NAMES = {"TOKENS_LIMIT": "tokens", "CREDIT_LIMIT": "credits"}
_OF_TOOLS = "TIME_LIMIT"
_HOURS, _WEEKS = 3, 6
_KEY_CODES = ("401", "403", *map(str, range(1000, 1006)), *map(str, range(1110, 1113)))


def request_by_bare_key(context: CallContext) -> WireRequest:
    """The call with the key as it is in `Authorization`."""
    return get(_PATH, context, from_root=True, auth_prefix="")


def request_by_bearer(context: CallContext) -> WireRequest:
    """The call with the key as a bearer token, for when the bare one is refused."""
    return get(_PATH, context, from_root=True)


def read(reply: WireReply, context: CallContext) -> AccountReport | Fault:
    """The used shares of the plan's windows for chat. `success` and `code` decide, not the status (trap 12)."""
    body = object_of(reply, context)
    if isinstance(body, Fault):
        return body
    code = text_of(body.get("code"))
    if body.get("success") is False or code not in ("", "0", "200"):
        return _refusal(code, text_of(body.get("msg")) or text_of(body.get("message")))
    limits = mapping(body.get("data")).get("limits")
    if not isinstance(limits, list):
        return no_report()
    shares = (_share(mapping(entry)) for entry in limits[:20])
    return AccountReport(shares=tuple(share for share in shares if share is not None))


def _share(entry: dict[str, object]) -> AllowanceShare | None:
    kind = text_of(entry.get("type"))
    used = amount_of(entry.get("percentage"))
    if kind == _OF_TOOLS or used is None or used < 0:
        return None
    name = _NAMES.get(kind) or provider_sentence(kind, longest=40) or "allowance"
    return AllowanceShare(name, float(used), _window(entry), moment_ms(entry.get("nextResetTime")))


def _window(entry: dict[str, object]) -> Window | None:
    unit, number = count(entry.get("unit")), count(entry.get("number"))
    if unit == _HOURS and number and number <= 10_000:
        return Window.parse(f"session:{number}h")
    if unit == _WEEKS and number in (None, 1):
        return Window.parse("session:7d")
    return None


def _refusal(code: str, text: str) -> Fault:
    of_the_key = code in _KEY_CODES
    return Fault(
        FaultKind.AUTH if of_the_key else FaultKind.ENTITLEMENT,
        FaultScope.ACCOUNT if of_the_key else FaultScope.REQUEST,
        provider_sentence(code, longest=80) or "refused",
        "the quota endpoint rejects the key"
        if of_the_key
        else "the quota endpoint tells nothing of this key",
        provider_text=provider_sentence(text),
        http_status=200,
        evidence="code in a reply of status 200",
    )


BY_BARE_KEY = AccountEndpoint(request_by_bare_key, read, decisive=False)
BY_BEARER = AccountEndpoint(request_by_bearer, read, decisive=False)
