"""Panel 2 as values: stretches of time, a track per provider, ticks, sparklines. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

from rich.cells import cell_len

from trunkline.domain.latency_history import LatencyHistory, LatencyPoint
from trunkline.tui import format as fmt

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

MARKERS = "●◆■×○+"  # those that have a plain letter each, see plain_signs
REROUTED = "┃"
LOG_FROM_SPREAD = (
    20  # the largest figure is so many times the smallest: a linear axis would hide the small ones
)
MOST_GAP_BUCKETS = 3  # over more empty buckets than these no line is drawn: nothing is known of them
_SPARKS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time that ends now, in buckets of about a sixtieth."""

    label: str
    length_ms: int
    bucket_ms: int


STRETCHES = (
    Stretch("5 min", 5 * MINUTE_MS, 5 * SECOND_MS),
    Stretch("15 min", 15 * MINUTE_MS, 15 * SECOND_MS),
    Stretch("1 h", HOUR_MS, MINUTE_MS),
    Stretch("6 h", 6 * HOUR_MS, 5 * MINUTE_MS),
    Stretch("24 h", DAY_MS, 20 * MINUTE_MS),
    Stretch("7 d", 7 * DAY_MS, 2 * HOUR_MS),
)
FIRST_STRETCH = 1
FEWEST_BUCKETS = 11
_STILL_SHORT = 0.8  # of the shortest stretch: what is to be shown there must not fall out of it at once


def fitting_stretch(history: LatencyHistory, at: int) -> int:
    """Which of `STRETCHES` suits a person who has not chosen one, where `history` is what `STRETCHES[at]` holds: the
    shortest while there is nothing older, no longer than the first unless it is empty."""
    moments = [point.at_ms for series in history.series for point in series.points]
    if not moments:
        return min(at + 1, len(STRETCHES) - 1)
    newest_ms, oldest_ms = history.until_ms - max(moments), history.until_ms - min(moments)
    if at > FIRST_STRETCH:
        lengths = (stretch.length_ms for stretch in STRETCHES[FIRST_STRETCH:at])
        return next((FIRST_STRETCH + i for i, length in enumerate(lengths) if newest_ms <= length), at)
    shortest = STRETCHES[0]
    if at == 0:
        return 0 if oldest_ms < shortest.length_ms - shortest.bucket_ms else FIRST_STRETCH
    return 0 if oldest_ms < _STILL_SHORT * shortest.length_ms else FIRST_STRETCH


def first_moment(history: LatencyHistory, until_ms: int) -> int:
    """Where the first answer is, a little before it; not so late that an instant would fill the panel."""
    moments = [point.at_ms for series in history.series for point in series.points]
    least_ms = FEWEST_BUCKETS * history.bucket_ms
    return max(history.since_ms, min([until_ms - least_ms, *moments]) - history.bucket_ms)


class Measure(StrEnum):
    """What is measured; the value is how it is told."""

    REPLY = "whole reply"
    FIRST_TOKEN = "first token"  # noqa: S105 - not a password


@dataclass(frozen=True, slots=True)
class Track:
    """One provider: its sign and colour by `number`, (moment, milliseconds) oldest first, and its newest figures."""

    provider: str
    number: int
    points: tuple[tuple[int, float], ...]
    p50_ms: float
    p95_ms: float | None

    @property
    def marker(self) -> str:
        """Tells it from the others without colour."""
        return MARKERS[self.number % len(MARKERS)]

    @property
    def figures(self) -> str:
        """The newest median, and the 95th percentile where it is measured."""
        p95 = "" if self.p95_ms is None else f" p95 {fmt.duration(self.p95_ms)}"
        return f"p50 {fmt.duration(self.p50_ms)}{p95}"


def tracks(history: LatencyHistory, measure: Measure, numbers: Mapping[str, int]) -> tuple[Track, ...]:
    """The providers that have a figure of this measure, in the order of their `numbers`."""
    found: list[Track] = []
    for series in sorted(history.series, key=lambda series: numbers[series.provider]):
        measured = [
            (point, value) for point in series.points if (value := _figure(point, measure)) is not None
        ]
        if measured:
            last, p50_ms = measured[-1]
            p95_ms = last.p95_ms if measure is Measure.REPLY else None
            points = tuple((point.at_ms, value) for point, value in measured)
            found.append(Track(series.provider, numbers[series.provider], points, p50_ms, p95_ms))
    return tuple(found)


def _figure(point: LatencyPoint, measure: Measure) -> float | None:
    return point.p50_ms if measure is Measure.REPLY else point.first_token_p50_ms


def pieces(points: Sequence[tuple[int, float]], bucket_ms: int) -> list[list[tuple[int, float]]]:
    """The points in runs without a long gap, each to be drawn as one line."""
    runs: list[list[tuple[int, float]]] = []
    for point in points:
        if runs and point[0] - runs[-1][-1][0] <= MOST_GAP_BUCKETS * bucket_ms:
            runs[-1].append(point)
        else:
            runs.append([point])
    return runs


# -- axes -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scale:
    """The vertical axis: from `low` to `high` milliseconds, logarithmic where figures lie far apart."""

    low: float
    high: float
    logarithmic: bool

    def place(self, value_ms: float) -> float:
        """Where a figure is on an axis that is drawn linear."""
        return math.log10(max(value_ms, 1.0)) if self.logarithmic else value_ms


def scale_of(values: Sequence[float]) -> Scale:
    """An axis that holds all of `values` (at least one)."""
    low, high = max(1.0, min(values)), max(1.0, *values)
    if high / low >= LOG_FROM_SPREAD:
        return Scale(_round_down(low), _round_up(high), True)
    return Scale(0.0, _round_up(high, _LINEAR), False)


_STEPS = (1.0, 2.0, 5.0)
# Where a linear axis may end, and into how many equal parts that goes in round figures.
_LINEAR = {
    1.0: (5, 2),
    1.5: (3,),
    2.0: (4, 2),
    3.0: (3,),
    4.0: (4, 2),
    5.0: (5, 2),
    6.0: (6, 3, 2),
    8.0: (4, 2),
}


def _round_up(value: float, steps: Iterable[float] = _STEPS) -> float:
    """The next round figure (`steps` times a power of ten) that is not smaller."""
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in steps if step * power >= value), 10 * power)


def _round_down(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return max(step * power for step in _STEPS if step * power <= value * 1.000001)


def y_ticks(scale: Scale, rows: int) -> tuple[tuple[float, str], ...]:
    """(place, label) from bottom to top, at most one for two rows."""
    most = max(2, rows // 2 + 1)
    if scale.logarithmic:
        values = [step * 10.0**power for power in range(7) for step in _STEPS]
        inside = [value for value in values if scale.low <= value <= scale.high]
        every = math.ceil((len(inside) - 1) / (most - 1))
        inside = inside[::-1][::every][::-1]
    else:
        leading = round(scale.high / 10.0 ** math.floor(math.log10(scale.high)), 1)
        parts = next((parts for parts in _LINEAR.get(leading, ()) if 2 * parts <= rows - 1), 1)
        inside = [scale.high * part / parts for part in range(parts + 1)]
    return tuple((scale.place(value), _axis_label(value)) for value in inside)


def _axis_label(value_ms: float) -> str:
    if value_ms == 0:
        return "0"
    if value_ms < 1_000:
        return f"{value_ms:.0f} ms"
    return f"{value_ms / 1000:.3g} s"


_TIME_STEPS_MS = (
    *(seconds * SECOND_MS for seconds in (10, 15, 30)),
    *(minutes * MINUTE_MS for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * HOUR_MS for hours in (1, 2, 3, 6, 12)),
)
_LABEL_CELLS = 12


def x_ticks(since_ms: int, until_ms: int, zone: tzinfo | None, width: int) -> tuple[tuple[int, str], ...]:
    """(moment, local time) at round local times, as many as `width` cells have room for."""
    most = max(2, width // _LABEL_CELLS)
    length_ms = until_ms - since_ms
    step_ms = next((step for step in _TIME_STEPS_MS if length_ms / step <= most), None)
    if step_ms is None:
        return _midnights(since_ms, until_ms, zone)
    offset = datetime.fromtimestamp(since_ms / 1000, tz=UTC).astimezone(zone).utcoffset() or timedelta()
    offset_ms = round(offset.total_seconds() * 1000)
    first = -(-(since_ms + offset_ms) // step_ms) * step_ms - offset_ms
    is_fine = step_ms < MINUTE_MS
    return tuple(
        (at_ms, fmt.time_of_day(at_ms, zone, seconds=is_fine))
        for at_ms in range(first, until_ms + 1, step_ms)
    )


def _midnights(since_ms: int, until_ms: int, zone: tzinfo | None) -> tuple[tuple[int, str], ...]:
    day = datetime.fromtimestamp(since_ms / 1000, tz=zone).date()
    found: list[tuple[int, str]] = []
    while True:
        day += timedelta(days=1)
        at_ms = round(datetime.combine(day, datetime.min.time(), tzinfo=zone).timestamp() * 1000)
        if at_ms > until_ms:
            return tuple(found)
        found.append((at_ms, f"{day:%a} {day.day}"))


# -- who is who -------------------------------------------------------------------------------------------------------


def legend_lines(
    found: Sequence[Track], width: int, most_lines: int
) -> tuple[tuple[tuple[tuple[Track, str], ...], ...], int]:
    """(track, text) in lines of at most `width` cells, with both figures where all find room, else with the median
    alone; and how many tracks found none even so."""
    lines: list[list[tuple[Track, str]]] = []
    for text_of in (_full_text, _short_text):
        lines = [[]]
        used = 0
        for track in found:
            text = text_of(track)
            cells = cell_len(text) + len("●   ")
            if used and used + cells > width + 2:
                lines.append([])
                used = 0
            lines[-1].append((track, text))
            used += cells
        if len(lines) <= most_lines:
            break
    shown = tuple(tuple(line) for line in lines[:most_lines])
    return shown, len(found) - sum(len(line) for line in shown)


def _full_text(track: Track) -> str:
    return f"{fmt.one_line(track.provider)} {track.figures}"


def _short_text(track: Track) -> str:
    return f"{fmt.one_line(track.provider)} {fmt.duration(track.p50_ms)}"


# -- without a plot ---------------------------------------------------------------------------------------------------


def spark(track: Track, since_ms: int, until_ms: int, width: int, most_ms: float) -> str:
    """A track in one line of `width` cells, a blank where nothing was measured; full height is `most_ms`."""
    if width <= 0:
        return ""
    sums = [0.0] * width
    counts = [0] * width
    for at_ms, value in track.points:
        at = min(width - 1, max(0, (at_ms - since_ms) * width // max(1, until_ms - since_ms)))
        sums[at] += value
        counts[at] += 1
    heights = len(_SPARKS) - 1
    return "".join(
        _SPARKS[min(heights, round(heights * total / number / most_ms))] if number else " "
        for total, number in zip(sums, counts, strict=True)
    )


def empty_text(stretch: Stretch, measure: Measure, *, measured_other: bool, watching: bool = False) -> str:
    """What to say where there is nothing to draw, and which key would help."""
    if measured_other:
        other = Measure.REPLY if measure is Measure.FIRST_TOKEN else Measure.FIRST_TOKEN
        return f"No {measure.value} was measured in the last {stretch.label}. v shows the {other.value}."
    if stretch is STRETCHES[-1]:
        remedy = "Those of other processes come here." if watching else "Write a message in the chat (key 4)."
        return f"No answer in the last {stretch.label}. {remedy}"
    return f"No answer in the last {stretch.label}. + shows a longer stretch."
