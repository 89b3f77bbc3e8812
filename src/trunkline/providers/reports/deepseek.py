"""DeepSeek's `GET /user/balance`: amounts as text, one entry per currency."""

from __future__ import annotations

from trunkline.domain.checks import AccountReport, Balance
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
from trunkline.providers.values.jsontext import mapping

_CURRENCIES = ("USD", "CNY")


def request(context: CallContext) -> WireRequest:
    """The call; the address is the same for every base URL of the host."""
    return get("/user/balance", context, from_root=True)


def read(reply: WireReply, context: CallContext) -> AccountReport | Fault:
    """The balance that calls are paid from; what there is in a second currency is a note."""
    body = object_of(reply, context)
    if isinstance(body, Fault):
        return body
    entries = body.get("balance_infos")
    told = [_balance(mapping(entry)) for entry in entries[:10]] if isinstance(entries, list) else []
    balances = sorted((one for one in told if one is not None), key=lambda one: one.millionths <= 0)
    available = body.get("is_available")
    if not balances and not isinstance(available, bool):
        return no_report()
    balance = balances[0] if balances else None
    spent = available is False or (available is not True and balance is not None and balance.millionths <= 0)
    return AccountReport(
        balance=balance,
        notes=tuple(
            f"also {one.millionths / 1_000_000:.2f} {one.currency}" for one in balances[1:] if one.millionths
        ),
        fault=out_of_credit(balance) if spent else None,
    )


def _balance(entry: dict[str, object]) -> Balance | None:
    currency = entry.get("currency")
    if not isinstance(currency, str) or currency.upper() not in _CURRENCIES:
        return None
    return balance_of(entry.get("total_balance"), currency.upper())


BALANCE = AccountEndpoint(request, read)
