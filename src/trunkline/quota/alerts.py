"""What a person is to be told of limits: one alert for each cause, in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

from trunkline.domain.events import AlertLevel
from trunkline.domain.limits import CalendarUnit, FigureSource, LimitUse, Metric, Window, WindowKind
from trunkline.domain.money import usd
from trunkline.domain.preferences import Thresholds
from trunkline.domain.wording import plan_window
from trunkline.quota.forecast import SURE_ENOUGH, may_be_forecast
from trunkline.quota.same import Allowance
from trunkline.quota.windows import NEVER_MS

BALANCE_TOLD_MS = 7 * 86_400_000
"""A balance runs out sooner or later: that is worth a word when it does within a week."""

_MINUTE_MS = 60_000
_HOUR_MINUTES = 60
_DAY_MINUTES = 24 * 60
# What was told is over only when it is clearly so, or a limit that hovers at the mark would be told of again and again.
_CLEARLY_UNDER = 0.05
# Running out shortly before the reset anyway is not worth a word.
_LEAST_OF_TIME_LEFT = 0.1
_UNITS = {
    Metric.REQUESTS: "requests",
    Metric.INPUT_TOKENS: "input tokens",
    Metric.OUTPUT_TOKENS: "output tokens",
    Metric.TOTAL_TOKENS: "tokens",
}
_PERIODS = {CalendarUnit.DAY: "a day", CalendarUnit.WEEK: "a week", CalendarUnit.MONTH: "a month"}


class Mark(StrEnum):
    """What a limit has come to."""

    WARNING = "warning"
    CRITICAL = "critical"
    RUNS_OUT = "runs_out"


@dataclass(frozen=True, slots=True)
class QuotaAlert:
    """`cause` is the same for one mark of one limit; it is told once until `until_ms`, when the window renews. `also`
    are causes that are not to be told any more once this one was. `like` is the same for one mark of limits of an
    account that count the same over the same time, of which `of_model` is but one model's."""

    cause: str
    level: AlertLevel
    text: str
    until_ms: int
    also: tuple[str, ...] = ()
    like: tuple[str, ...] = ()
    of_model: bool = False


def cause_of(limit: LimitUse, mark: Mark) -> str:
    """The name under which it is remembered that a mark of a limit was told."""
    return f"quota:{limit.key}:{mark}"


def alerts_of(
    account: str, limit: LimitUse, thresholds: Thresholds, now_ms: int, zone: tzinfo | None = None
) -> tuple[QuotaAlert, ...]:
    """What is to be told of one limit of `account` (`provider/account`) as it stands, with its forecast: the higher of
    the two marks that it is over, and that it will run out before it renews. Times are said in `zone`, None: local."""
    if not may_be_forecast(limit):
        return ()
    used_share = limit.used / limit.amount
    until_ms = _renewed_by_ms(limit, now_ms)
    subject = f"{account}{'' if limit.model is None else '/' + limit.model}"
    found: list[QuotaAlert] = []
    marks = ((Mark.CRITICAL, thresholds.critical_at), (Mark.WARNING, thresholds.warn_at))
    over = [mark for mark, share in marks if used_share > share]
    if over:
        level = AlertLevel.CRITICAL if over[0] is Mark.CRITICAL else AlertLevel.WARNING
        shown = min(100, int(100 * used_share))
        text = f"{subject}: {shown} % of {_allowance(limit)} used; {_renewal(limit, now_ms, zone)}"
        also = tuple(cause_of(limit, mark) for mark in over[1:])
        found.append(_alert(account, limit, over[0], level, text, until_ms, also))
    empty_at_ms = _runs_out_at_ms(limit, now_ms)
    if empty_at_ms is not None:
        text = (
            f"{subject}: at this rate {_allowance(limit)} will be used up {_moment(empty_at_ms, now_ms, zone)}; "
            f"{_renewal(limit, now_ms, zone)}"
        )
        told_until_ms = min(until_ms, now_ms + (limit.window.nominal_ms or NEVER_MS))
        found.append(_alert(account, limit, Mark.RUNS_OUT, AlertLevel.WARNING, text, told_until_ms))
    return tuple(found)


def _alert(
    account: str,
    limit: LimitUse,
    mark: Mark,
    level: AlertLevel,
    text: str,
    until_ms: int,
    also: tuple[str, ...] = (),
) -> QuotaAlert:
    like = (account, limit.metric.value, str(limit.window.nominal_ms), mark.value)
    return QuotaAlert(cause_of(limit, mark), level, text, until_ms, also, like, limit.model is not None)


def without_repeats(alerts: Sequence[QuotaAlert]) -> tuple[QuotaAlert, ...]:
    """Of limits that count the same over the same time, a model's is not told beside that of its whole account: often
    they are one allowance, configured in one way and reported in another."""
    whole = {alert.like for alert in alerts if not alert.of_model}
    return tuple(alert for alert in alerts if not (alert.of_model and alert.like in whole))


def causes_over(limit: LimitUse, thresholds: Thresholds) -> tuple[str, ...]:
    """Causes that no longer hold for this limit, so that they are told anew when they hold again. That it will run out
    is told once a window however the rate changes; it is over when most of the allowance is there again."""
    if not may_be_forecast(limit):
        return ()
    used_share = limit.used / limit.amount
    shares = ((Mark.CRITICAL, thresholds.critical_at), (Mark.WARNING, thresholds.warn_at))
    over = [cause_of(limit, mark) for mark, share in shares if used_share < share - _CLEARLY_UNDER]
    if used_share < _CLEARLY_UNDER:
        over.append(cause_of(limit, Mark.RUNS_OUT))
    return tuple(over)


def alerts_of_allowance(
    account: str, allowance: Allowance, thresholds: Thresholds, now_ms: int, zone: tzinfo | None = None
) -> tuple[QuotaAlert, ...]:
    """`alerts_of` what is shown of an allowance; what is told of it is told of all limits that it is known as."""
    key, others = allowance.limit.key, [key for key in allowance.keys if key != allowance.limit.key]
    return tuple(
        replace(
            alert,
            also=(
                *alert.also,
                *(cause.replace(key, o) for cause in (alert.cause, *alert.also) for o in others),
            ),
        )
        for alert in alerts_of(account, allowance.limit, thresholds, now_ms, zone)
    )


def causes_over_of(allowance: Allowance, thresholds: Thresholds) -> tuple[str, ...]:
    """`causes_over` of what is shown of an allowance, under all its keys."""
    key = allowance.limit.key
    over = causes_over(allowance.limit, thresholds)
    return tuple(cause.replace(key, one) for cause in over for one in allowance.keys)


def _runs_out_at_ms(limit: LimitUse, now_ms: int) -> int | None:
    """When it runs out, where that is sure enough and early enough to be worth a word."""
    expected = limit.forecast
    if expected is None or expected.lasts_until_ms is None or expected.confidence < SURE_ENOUGH:
        return None
    if limit.window.kind is WindowKind.BALANCE:
        is_soon = expected.lasts_until_ms - now_ms <= BALANCE_TOLD_MS
        return expected.lasts_until_ms if is_soon else None
    if limit.window.kind is WindowKind.ROLLING or limit.resets_at_ms is None:
        return expected.lasts_until_ms
    early_ms = limit.resets_at_ms - expected.lasts_until_ms
    return expected.lasts_until_ms if early_ms > _LEAST_OF_TIME_LEFT * (limit.resets_at_ms - now_ms) else None


def _renewed_by_ms(limit: LimitUse, now_ms: int) -> int:
    """When the window is another one for sure; one that has no beginning is told of until it is clearly under."""
    if limit.window.kind in (WindowKind.BALANCE, WindowKind.ROLLING):
        return NEVER_MS
    if limit.resets_at_ms is None:
        return now_ms + (limit.window.nominal_ms or 0)
    return limit.resets_at_ms


def _allowance(limit: LimitUse) -> str:
    about = "about " if limit.source is FigureSource.ESTIMATED else ""
    if limit.metric is Metric.SHARE:
        return f"the {plan_window(limit.window)}"
    in_money = limit.metric is Metric.COST
    amount = f"${usd(limit.amount):,.2f}" if in_money else f"{limit.amount:,} {_UNITS[limit.metric]}"
    if limit.window.kind is WindowKind.BALANCE:
        return f"a balance of {about}{amount}"
    return f"{about}{amount} {_period(limit.window)}"


def _period(window: Window) -> str:
    if window.unit is not None:
        return _PERIODS[window.unit]
    return f"in {span_text(window.length_ms or 0)}"


def _renewal(limit: LimitUse, now_ms: int, zone: tzinfo | None) -> str:
    if limit.window.kind is WindowKind.BALANCE:
        return "a balance does not renew by itself"
    if limit.window.kind is WindowKind.ROLLING:
        return "it renews bit by bit as use gets older"
    if limit.resets_at_ms is None:
        return "when it resets is not known"
    return f"it resets {_moment(limit.resets_at_ms, now_ms, zone)}"


def _moment(at_ms: int, now_ms: int, zone: tzinfo | None) -> str:
    """A moment as weekday and time of day, with how far off it is."""
    at, now = (datetime.fromtimestamp(ms / 1000, zone) for ms in (at_ms, now_ms))
    near = abs(at - now) < timedelta(days=6)
    return f"{at.strftime('%a %H:%M' if near else '%Y-%m-%d %H:%M')} (in {span_text(at_ms - now_ms)})"


def span_text(span_ms: int) -> str:
    """A span in the two largest of days, hours and minutes."""
    minutes = max(0, round(span_ms / _MINUTE_MS))
    days, rest = divmod(minutes, _DAY_MINUTES)
    hours, minutes = divmod(rest, _HOUR_MINUTES)
    parts: Iterable[tuple[int, str]] = ((days, "d"), (hours, "h"), (minutes, "min"))
    said = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(said[:2]) or "less than a minute"
