"""Moonshot's `GET /users/me/balance`: US dollars on the international platform, yuan on the Chinese one."""

from __future__ import annotations

from urllib.parse import urlsplit

from trunkline.domain.checks import AccountReport
from trunkline.domain.faults import Fault
from trunkline.providers.protocol import CallContext, WireReply, WireRequest
from trunkline.providers.reports.endpoint import (
    AccountEndpoint,
    balance_of,
    get,
    no_report,
    object_of,
    out_of_credit,
)
from trunkline.providers.values.jsontext import mapping, text_of


def request(context: CallContext) -> WireRequest:
    """The call."""
    return get("/users/me/balance", context)


def read(reply: WireReply, context: CallContext) -> AccountReport | Fault:
    """The balance that calls are paid from. Nothing or less than nothing available blocks the account."""
    body = object_of(reply, context)
    if isinstance(body, Fault):
        return body
    if text_of(body.get("code")) not in ("", "0") or body.get("status") is False:
        return no_report(text_of(body.get("message")) or text_of(body.get("scode")))
    data = mapping(body.get("data"))
    currency = _currency(context)
    balance = balance_of(data.get("available_balance"), currency)
    if balance is None:
        return no_report()
    voucher = balance_of(data.get("voucher_balance"), currency)
    granted = voucher.millionths / 1_000_000 if voucher is not None and voucher.millionths > 0 else None
    return AccountReport(
        balance=balance,
        notes=() if granted is None else (f"{granted:.2f} {currency} of it are vouchers",),
        fault=out_of_credit(balance) if balance.millionths <= 0 else None,
    )


def _currency(context: CallContext) -> str:
    host = urlsplit(context.account.base_url or context.provider.base_url).hostname or ""
    return "CNY" if host.endswith(".cn") else "USD"


BALANCE = AccountEndpoint(request, read)
