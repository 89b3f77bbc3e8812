"""How fast money goes from an account whose endpoint tells nothing but what is left, and how long it will last.

Between two tellings, what is left less than before was spent, by whomever; what is left more was paid in, and hides
what was spent meanwhile. Spending is kept in slots of two hours, as many as a forecast of a balance looks back on.
"""

from __future__ import annotations

from dataclasses import replace

from trunkline.domain.checks import AccountReport, Balance, Spending
from trunkline.domain.events import AlertLevel
from trunkline.domain.limits import Forecast, Window, WindowKind
from trunkline.quota.alerts import BALANCE_TOLD_MS, Mark, QuotaAlert, span_text
from trunkline.quota.forecast import MEMORIES_KEPT, SURE_ENOUGH, burn_of, forecast_of_left, memory_ms, step_ms
from trunkline.quota.windows import NEVER_MS

_WINDOW = Window(WindowKind.BALANCE)
_SLOT_MS = step_ms(_WINDOW)
_KEPT_MS = round(MEMORIES_KEPT * memory_ms(_WINDOW))
_CRITICAL_MS = 86_400_000
# What was told is over only when it is clearly so, or it would be told again and again as the rate goes up and down.
_CLEARLY = 2


def spent_since(
    known: Spending | None, before: Balance | None, before_ms: int, after: Balance, after_ms: int
) -> Spending:
    """What was spent as far as is known at `after_ms` (wall), when `after` is left of what was `before`; begun anew
    where there is nothing before, another currency, or the clock was set back."""
    if known is None or before is None or before.currency != after.currency or after_ms < before_ms:
        return Spending(after_ms)
    oldest_ms = after_ms - _KEPT_MS - _SLOT_MS
    slots = {begins_ms: amount for begins_ms, amount in known.slots if begins_ms >= oldest_ms}
    spent = before.millionths - after.millionths
    if spent > 0:
        from_ms = max(before_ms, oldest_ms)
        for begins_ms in range(from_ms - from_ms % _SLOT_MS, after_ms + 1, _SLOT_MS):
            inside_ms = min(after_ms, begins_ms + _SLOT_MS) - max(from_ms, begins_ms)
            share = inside_ms / (after_ms - from_ms) if after_ms > from_ms else 1.0
            slots[begins_ms] = slots.get(begins_ms, 0) + round(spent * share)
    return Spending(known.since_ms, tuple(sorted((at_ms, held) for at_ms, held in slots.items() if held)))


def with_forecast(report: AccountReport, spending: Spending | None, now_ms: int) -> AccountReport:
    """`report` of `now_ms` (wall) with how its balance will fare, where enough is known."""
    if report.balance is None or spending is None:
        return report
    used = {begins_ms // _SLOT_MS: float(held) for begins_ms, held in spending.slots if begins_ms <= now_ms}
    burn = burn_of(used, _WINDOW, since_ms=spending.since_ms, now_ms=now_ms)
    expected = None if burn is None else forecast_of_left(report.balance.millionths, burn, now_ms)
    return replace(report, balance_forecast=expected)


def balance_alerts(account: str, report: AccountReport, now_ms: int) -> tuple[QuotaAlert, ...]:
    """What is to be told of the balance of `account` (`provider/account`): that it will be used up within a week, and
    within a day. How large it was when it was full nobody says, so no share of it is told."""
    lasts_ms = _lasts_ms(report.balance_forecast, now_ms)
    if report.balance is None or report.balance_forecast is None or lasts_ms is None:
        return ()
    if report.balance_forecast.confidence < SURE_ENOUGH or lasts_ms > BALANCE_TOLD_MS:
        return ()
    text = f"{account}: {_money(report.balance)} left; at this rate it will be used up {_about(lasts_ms)}"
    soon = _cause(account, Mark.RUNS_OUT)
    if lasts_ms > _CRITICAL_MS:
        return (QuotaAlert(soon, AlertLevel.WARNING, text, NEVER_MS),)
    return (QuotaAlert(_cause(account, Mark.CRITICAL), AlertLevel.CRITICAL, text, NEVER_MS, (soon,)),)


def balance_causes_over(account: str, report: AccountReport, now_ms: int) -> tuple[str, ...]:
    """Causes that no longer hold for this balance, so that they are told anew when they hold again."""
    expected = report.balance_forecast
    if expected is None:
        return ()
    lasts_ms = _lasts_ms(expected, now_ms)
    bars = ((Mark.CRITICAL, _CRITICAL_MS), (Mark.RUNS_OUT, BALANCE_TOLD_MS))
    return tuple(
        _cause(account, mark) for mark, bar_ms in bars if lasts_ms is None or lasts_ms > _CLEARLY * bar_ms
    )


def _lasts_ms(expected: Forecast | None, now_ms: int) -> int | None:
    if expected is None or expected.lasts_until_ms is None:
        return None
    return max(0, expected.lasts_until_ms - now_ms)


def _cause(account: str, mark: Mark) -> str:
    return f"quota:balance:{account}:{mark}"


def _money(balance: Balance) -> str:
    amount = f"{balance.millionths / 1_000_000:,.2f}"
    return f"${amount}" if balance.currency == "USD" else f"{amount} {balance.currency}"


def _about(lasts_ms: int) -> str:
    days = round(lasts_ms / _CRITICAL_MS)
    return f"in about {days} days" if days > 1 else f"in about {span_text(lasts_ms)}"
