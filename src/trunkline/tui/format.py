"""Figures and moments as the deck writes them. Pure; unknown is `–`, never 0."""

from __future__ import annotations

from datetime import datetime, tzinfo

from rich.cells import cell_len, set_cell_size

from trunkline.domain.money import PICO_PER_USD, MoneySum, Usage
from trunkline.domain.text import strip_controls

UNKNOWN = "–"
_BAR_FULL, _BAR_EMPTY = "▇", "▁"


def one_line(text: str) -> str:
    """`text` without control characters and line breaks."""
    return " ".join(strip_controls(text).split())


def fit(text: str, width: int, *, right: bool = False) -> str:
    """`text` cut or padded to exactly `width` terminal cells; a cut shows as `…`."""
    length = cell_len(text)
    if length > width:
        return set_cell_size(set_cell_size(text, max(0, width - 1)).rstrip() + "…", width) if width else ""
    padding = " " * (width - length)
    return padding + text if right else text + padding


def duration(milliseconds: float | None) -> str:
    """A measured duration: `640 ms`, `1.1 s`, `42 s`, `3 m`."""
    if milliseconds is None:
        return UNKNOWN
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 9_950:
        return f"{milliseconds / 1000:.1f} s"
    if milliseconds < 119_500:
        return f"{milliseconds / 1000:.0f} s"
    return f"{milliseconds / 60_000:.0f} m"


def countdown(milliseconds: float) -> str:
    """How long until something happens, in its largest unit: `41 s`, `28 m`, `4 h`, `3 d`."""
    seconds = max(0.0, milliseconds / 1000)
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3_600:
        return f"{seconds / 60:.0f} m"
    if seconds < 172_800:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86_400:.0f} d"


def exactly(milliseconds: float) -> str:
    """How long until something happens, in its two largest units: `41 s`, `12 m 3 s`, `3 h 12 m`, `2 d 4 h`."""
    seconds = max(0, round(milliseconds / 1000))
    for size, unit, part, smaller in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "m"), (60, "m", 1, "s")):
        if seconds >= size:
            rest = seconds % size // part
            return f"{seconds // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{seconds} s"


def roughly(milliseconds: float) -> str:
    """As `exactly`, without seconds beside minutes: `41 s`, `12 m`, `3 h 12 m`, `2 d 4 h`."""
    return exactly(milliseconds) if milliseconds >= 3_600_000 else countdown(milliseconds)


def goes_at(at_ms: int, now_ms: int, zone: tzinfo | None) -> str:
    """A moment ahead and how long it is off: `14:32 (in 12 m 3 s)`, under a minute with its second; empty once it has
    passed."""
    ahead_ms = at_ms - now_ms
    if ahead_ms <= 0:
        return ""
    soon = ahead_ms < 60_000
    absolute = time_of_day(at_ms, zone, seconds=True) if soon else reset_moment(at_ms, now_ms, zone)
    return f"{absolute} (in {exactly(ahead_ms)})"


def time_of_day(at_ms: int, zone: tzinfo | None, *, seconds: bool = False) -> str:
    """Wall time in `zone` (the machine's own where None): `14:31` or `14:31:58`."""
    moment = datetime.fromtimestamp(at_ms / 1000, tz=zone)
    return moment.strftime("%H:%M:%S" if seconds else "%H:%M")


def reset_moment(at_ms: int, now_ms: int, zone: tzinfo | None) -> str:
    """When an allowance is back, absolutely: `16:40` within a day, else `Tue 09:00` or `3 Dec`."""
    moment = datetime.fromtimestamp(at_ms / 1000, tz=zone)
    ahead_ms = at_ms - now_ms
    if ahead_ms < 86_400_000:
        return moment.strftime("%H:%M")
    if ahead_ms < 7 * 86_400_000:
        return moment.strftime("%a %H:%M")
    return f"{moment.day} {moment.strftime('%b')}"


def reset_in(at_ms: int | None, now_ms: int, zone: tzinfo | None) -> str:
    """Local time and countdown: `16:40 4 h`; under a minute only the countdown."""
    if at_ms is None:
        return UNKNOWN
    if at_ms <= now_ms:
        return "now"
    left = countdown(at_ms - now_ms)
    return left if at_ms - now_ms < 60_000 else f"{reset_moment(at_ms, now_ms, zone)} {left}"


def resets(at_ms: int, now_ms: int, zone: tzinfo | None) -> str:
    """When an allowance renews, within a sentence: `resets in 41 s`, `resets at 16:40, in 4 h`."""
    ahead_ms = at_ms - now_ms
    if ahead_ms <= 0:
        return "resets now"
    if ahead_ms < 60_000:
        return f"resets in {countdown(ahead_ms)}"
    at = "at" if ahead_ms < 86_400_000 else "on"
    return f"resets {at} {reset_moment(at_ms, now_ms, zone)}, in {countdown(ahead_ms)}"


def again(at_ms: int, now_ms: int, zone: tzinfo | None) -> str:
    """From when something may be used: `again in 5 s`, `again at 16:40, in 4 h`, `again since 11:58`."""
    ahead_ms = at_ms - now_ms
    if ahead_ms <= 0:
        moment = datetime.fromtimestamp(at_ms / 1000, tz=zone)
        is_recent = ahead_ms > -86_400_000
        return f"again since {moment.strftime('%H:%M')}" + (
            "" if is_recent else f" on {moment.day} {moment:%b}"
        )
    if ahead_ms < 60_000:
        return f"again in {countdown(ahead_ms)}"
    return f"again at {reset_moment(at_ms, now_ms, zone)}, in {countdown(ahead_ms)}"


def money(pico: int | None) -> str:
    """Pico-dollars in USD: `$0.0023`, `$1.84`, `<$0.0001`; `$0` only where it is exactly nothing."""
    if pico is None:
        return "$?"
    dollars = pico / PICO_PER_USD
    if pico == 0:
        return "$0"
    if 0 < dollars < 0.0001:
        return "<$0.0001"
    return f"${dollars:.4f}" if dollars < 0.1 else f"${dollars:,.2f}"


def money_sum(total: MoneySum) -> str:
    """A sum; a `+?` says that some of its parts are not known."""
    if total.pico == 0 and total.unknown:
        return "$?"
    return money(total.pico) + ("+?" if total.unknown else "")


def count(number: int | None) -> str:
    """A whole number with thousands marked."""
    return UNKNOWN if number is None else f"{number:,}"


def tokens(usage: Usage) -> str:
    """What went in and came out: `1,204→380 tok`, `≈` before what is an estimate."""
    about = "≈" if usage.estimated else ""
    return f"{about}{count(usage.input_tokens)}→{count(usage.output_tokens)} tok"


def compact(number: int) -> str:
    """A number in four or five characters: `980`, `12.3k`, `4.1M`."""
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if number >= size:
            scaled = number / size
            return f"{scaled:.0f}{unit}" if scaled >= 100 or scaled == int(scaled) else f"{scaled:.1f}{unit}"
    return str(number)


def bar(share: float, width: int) -> str:
    """A share 0..1 as blocks; it is full only when it is all there and empty only when nothing is."""
    share = min(1.0, max(0.0, share))
    filled = round(share * width)
    if share > 0:
        filled = max(1, filled)
    if share < 1:
        filled = min(width - 1, filled)
    return _BAR_FULL * filled + _BAR_EMPTY * (width - filled)


def percent(share: float) -> str:
    """A share 0..1 in percent, never rounded up to 100 or down to 0."""
    if 0 < share < 0.01:
        return "<1 %"
    return f"{min(99, round(share * 100)) if share < 1 else 100} %"
