"""An account endpoint, and what the readers of all of them need."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from trunkline.domain.checks import AccountReport, Balance
from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.text import provider_sentence
from trunkline.providers.protocol import CallContext, WireReply, WireRequest
from trunkline.providers.refusals.classify import classify, is_web_page
from trunkline.providers.values.jsontext import loads

_LARGEST_AMOUNT = Decimal(10) ** 14
_AMOUNT = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,30})?(?:e[+-]?\d{1,2})?", re.ASCII | re.IGNORECASE)
_MILLION = 1_000_000
# Epoch milliseconds from 2001 to 2286: what else is in such a field is no moment.
_MOMENTS_MS = range(10**12, 10**13)


@dataclass(frozen=True, slots=True)
class AccountEndpoint:
    """One account endpoint. `request` is the free call to it; `read` never raises and never invents a figure: a reply
    that is no report is a Fault. `decisive`: the provider documents it, so a key that it rejects is rejected."""

    request: Callable[[CallContext], WireRequest]
    read: Callable[[WireReply, CallContext], AccountReport | Fault]
    decisive: bool = True


def get(
    path: str, context: CallContext, *, from_root: bool = False, auth_prefix: str = "Bearer "
) -> WireRequest:
    """The free call to `path` of the account's base URL, or of its host."""
    headers = (("Accept", "application/json"), *context.provider.quirks.extra_headers)
    return WireRequest("GET", path, headers, b"", False, auth_prefix=auth_prefix, from_root=from_root)


def object_of(reply: WireReply, context: CallContext) -> dict[str, Any] | Fault:
    """The JSON object of a reply of status 200; any other reply is a refusal or no report."""
    if reply.status != 200 or is_web_page(reply.body, reply.headers):
        return classify(reply, context)
    try:
        body = loads(reply.body)
    except ValueError:
        return no_report()
    return body if isinstance(body, dict) else no_report()


def no_report(provider_text: str = "") -> Fault:
    """The endpoint answered, but not with a report."""
    return Fault(
        FaultKind.NETWORK,
        FaultScope.REQUEST,
        FaultCode.MALFORMED,
        "the account endpoint answered with something that is no report",
        provider_text=provider_sentence(provider_text),
        http_status=200,
        evidence="body of the account endpoint",
    )


def out_of_credit(balance: Balance | None) -> Fault:
    """The report says that nothing is left to pay calls from."""
    left = (
        "" if balance is None else f": the balance is {balance.millionths / _MILLION:.2f} {balance.currency}"
    )
    return Fault(
        FaultKind.BILLING,
        FaultScope.ACCOUNT,
        "no_balance",
        f"out of credit{left}",
        http_status=200,
        evidence="the account endpoint",
    )


def amount_of(value: object) -> Decimal | None:
    """The finite amount that `value`, a JSON number or text, is; None for junk."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = str(value).strip() if not isinstance(value, int) or abs(value) < 10**15 else ""
    if _AMOUNT.fullmatch(text) is None:
        return None
    amount = Decimal(text)
    return amount if abs(amount) <= _LARGEST_AMOUNT else None


def balance_of(value: object, currency: str) -> Balance | None:
    """`value` as a balance; fractions of a millionth are left out."""
    amount = amount_of(value)
    return None if amount is None else Balance(int(amount * _MILLION), currency)


def moment_ms(value: object) -> int | None:
    """`value` as epoch milliseconds; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    amount = amount_of(value)
    return int(amount) if amount is not None and int(amount) in _MOMENTS_MS else None
