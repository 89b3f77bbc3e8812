"""What asking accounts whether they answer gave, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo

from trunkline.domain.checks import AccountReport, AllowanceShare, Balance, CheckResult
from trunkline.domain.limits import LimitReading, Metric
from trunkline.domain.wording import plan_window, share_words
from trunkline.tui import format as fmt
from trunkline.tui.account_sentences import age, window_words
from trunkline.tui.cells import Cell, Tone
from trunkline.tui.limit_words import sureness
from trunkline.tui.lines import Line, paragraph

MOST_NAMED = 5


def check_name(result: CheckResult) -> str:
    """`provider/account`, or the provider that has none."""
    return f"{result.provider}/{result.account}" if result.account else result.provider


def check_sentence(result: CheckResult) -> str:
    """A result in one sentence: `zai/main answers, 212 ms, 14 models, 4.20 USD left`."""
    return fmt.one_line(f"{check_name(result)} {_outcome(result)}")


def check_lines(
    results: tuple[CheckResult, ...], width: int, now_ms: int, zone: tzinfo | None
) -> tuple[Line, ...]:
    """Everything that was learned: a sentence for each account, below it what has no place in it."""
    lines: list[Line] = []
    for result in results:
        sign, tone = ("●", Tone.GOOD) if result.fault is None else ("✕", Tone.BAD)
        at = fmt.time_of_day(result.checked_at_ms, zone, seconds=True)
        first, *more = paragraph(f"{at} {check_sentence(result)}", width - 2)
        lines.append(Line((Cell(f"{sign} ", tone), *first.cells)))
        lines += [Line((Cell("  "), *line.cells)) for line in more]
        for remark in _remarks(result, now_ms, zone):
            lines += paragraph(remark, width, Tone.DIM, indent=2)
    return tuple(lines)


def report_lines(
    report: AccountReport, told_at_ms: int | None, width: int, now_ms: int, zone: tzinfo | None
) -> tuple[Line, ...]:
    """What an account endpoint told by itself: what is left, of what, and how old that is."""
    told = (
        "" if told_at_ms is None else f", told {fmt.time_of_day(told_at_ms, zone)}, {age(told_at_ms, now_ms)}"
    )
    lines: list[Line] = []
    if report.balance is not None:
        lines += paragraph(f"{_money(report.balance)} left{told}", width)
        if lasting := _lasting(report, report.balance, now_ms, zone):
            lines += paragraph(lasting, width, Tone.DIM)
        told = ""
    remarks = [_reading(reading, now_ms, zone) for reading in report.readings]
    remarks += [_share(share, now_ms, zone) for share in report.shares]
    if report.fault is not None:
        remarks.append(report.fault.message)
    for remark in (*remarks, *report.notes):
        lines += paragraph(f"{remark}{told}", width, Tone.DIM)
        told = ""
    return tuple(lines)


def _lasting(report: AccountReport, balance: Balance, now_ms: int, zone: tzinfo | None) -> str:
    """How long the balance lasts as it goes, as far as that can be said."""
    expected = report.balance_forecast
    if expected is None or expected.burn_per_hour <= 0:
        return ""
    doubt = sureness(expected.confidence)
    doubt = f" · {doubt}" if doubt else ""
    rate = f"at {_money(Balance(round(expected.burn_per_hour * 24), balance.currency))} a day it lasts"
    if expected.lasts_until_ms is None:
        return f"{rate} for as long as can be said{doubt}"
    in_ms = max(0, expected.lasts_until_ms - now_ms)
    return f"{rate} until {fmt.reset_moment(expected.lasts_until_ms, now_ms, zone)} (in {fmt.roughly(in_ms)}){doubt}"


def _outcome(result: CheckResult) -> str:
    if result.fault is not None:
        return f"does not answer: {result.fault.message or result.fault.code}"
    parts = ["answers"]
    if result.took_ms:
        parts.append(fmt.duration(result.took_ms))
    if result.models is not None:
        parts.append("1 model" if len(result.models) == 1 else f"{len(result.models)} models")
    if result.report is not None and result.report.balance is not None:
        parts.append(f"{_money(result.report.balance)} left")
    return ", ".join(parts)


def _remarks(result: CheckResult, now_ms: int, zone: tzinfo | None) -> Iterator[str]:
    report = result.report or AccountReport()
    if result.fault is not None and result.fault.provider_text:
        yield f"it says: {result.fault.provider_text}"
    if result.hint:
        yield f"→ {result.hint}"
    for reading in result.readings:
        yield _reading(reading, now_ms, zone)
    for share in report.shares:
        yield _share(share, now_ms, zone)
    if result.missing:
        more = len(result.missing) - MOST_NAMED
        names = ", ".join(result.missing[:MOST_NAMED])
        yield f"does not list {names}" + (f" and {more} more" if more > 0 else "")
    yield from report.notes


def _reading(reading: LimitReading, now_ms: int, zone: tzinfo | None) -> str:
    is_share = reading.metric is Metric.SHARE

    def told(value: int | None) -> str:
        if value is None:
            return "a number not told"
        if is_share:
            return share_words(value)
        return fmt.money(value) if reading.metric is Metric.COST else f"{value:,}"

    of_model = f" of {reading.model}" if reading.model else ""
    what = f"{reading.metric.value.replace('_', ' ')} per {window_words(reading.window)}{of_model}"
    resets = _resets(reading.resets_at_ms, now_ms, zone)
    if is_share:
        return f"the {plan_window(reading.window)}{of_model}: {told(reading.remaining)} left{resets}"
    return f"{what}: {told(reading.remaining)} left of {told(reading.amount)}{resets}"


def _share(share: AllowanceShare, now_ms: int, zone: tzinfo | None) -> str:
    window = f" per {window_words(share.window)}" if share.window is not None else ""
    left = max(0.0, 100 - share.used_percent)
    return f"{share.name}{window}: {left:g} % left{_resets(share.resets_at_ms, now_ms, zone)}"


def _resets(at_ms: int | None, now_ms: int, zone: tzinfo | None) -> str:
    return "" if at_ms is None else f", resets {fmt.reset_in(at_ms, now_ms, zone)}"


def _money(balance: Balance) -> str:
    return f"{balance.millionths / 1_000_000:,.2f} {balance.currency}"
