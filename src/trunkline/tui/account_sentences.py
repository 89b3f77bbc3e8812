"""Limits and ages in words. Pure."""

from __future__ import annotations

from datetime import tzinfo

from trunkline.domain.limits import FigureSource, LimitUse, Metric, Window, WindowKind
from trunkline.domain.wording import plan_window, share_words
from trunkline.tui import format as fmt
from trunkline.tui.limit_words import forecast_words, runs_out

SOURCE_WORDS = {
    FigureSource.REPORTED: "reported by the provider",
    FigureSource.CONFIGURED: "counted here against the configured limit",
    FigureSource.LEARNED: "counted here against a learned limit",
    FigureSource.ESTIMATED: "estimated",
}


def age(as_of_ms: int, now_ms: int) -> str:
    """How old a figure is. Under a minute it is new: a count of seconds would be drawn again every second."""
    old_ms = now_ms - as_of_ms
    return "new" if old_ms < 60_000 else f"{fmt.countdown(old_ms)} old"


def window_words(window: Window) -> str:
    """A window after `per`: `day`, `60s`, `session of 5h`."""
    return str(window).replace("session:", "session of ")


def amount(use: LimitUse, value: int) -> str:
    """A figure of a limit with its unit where that is money or a share: `$1.84`, `12,345`, `42 %`."""
    if use.metric is Metric.SHARE:
        return share_words(value)
    return fmt.money(value) if use.metric is Metric.COST else f"{value:,}"


def used_words(use: LimitUse) -> str:
    """How much of how much: `18 of 20 requests`, `42 % of the plan's 5 h`, with the model whose limit it is."""
    of_model = f" · {use.model}" if use.model else ""
    return f"{amount(use, use.used)} of {_whole(use)}{of_model}"


def _whole(use: LimitUse) -> str:
    if use.metric is Metric.SHARE:
        return f"the {plan_window(use.window)}"
    unit = "" if use.metric is Metric.COST else f" {use.metric.value.replace('_', ' ')}"
    return f"{amount(use, use.amount)}{unit}"


def limit_sentence(use: LimitUse, now_ms: int, zone: tzinfo | None) -> str:
    """`18 of 20 requests per day used, reported by the provider, 4 m old`, and when it runs out, where that comes
    before it renews."""
    is_whole = use.window.kind is WindowKind.BALANCE or use.metric is Metric.SHARE
    per = "" if is_whole else f" per {window_words(use.window)}"
    of_model = f" of {use.model}" if use.model else ""
    figures = f"{amount(use, use.used)} of {_whole(use)}{per}{of_model}"
    said = f"{figures} used, {SOURCE_WORDS[use.source]}, {age(use.as_of_ms, now_ms)}"
    expected = forecast_words(use, now_ms, zone) if runs_out(use) else None
    return said if expected is None else f"{said}; {expected.text}"
