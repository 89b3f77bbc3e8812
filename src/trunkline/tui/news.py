"""What the engine says to everybody, as lines of the log, and which of it deserves a notification."""

from __future__ import annotations

from datetime import tzinfo

from trunkline.domain.clock import Clock
from trunkline.domain.events import (
    Alert,
    AlertLevel,
    Answered,
    BreakerChanged,
    Cancelled,
    ConfigChanged,
    Event,
    Failed,
    TrafficSeen,
)
from trunkline.domain.state import Block
from trunkline.tui import format as fmt
from trunkline.tui.cells import Tone
from trunkline.tui.log_book import LogBook

ALERT_AGAIN_AFTER_MS = 60_000
MOST_CAUSES = 500
_SOON_MS = 600_000
_TONES = {AlertLevel.NOTICE: Tone.GOOD, AlertLevel.WARNING: Tone.WARN, AlertLevel.CRITICAL: Tone.BAD}


class News:
    """Puts events into the log book. One cause is told once a minute, however often it is heard of: a breaker that
    opens again and again is one line until its target was free in between."""

    def __init__(self, book: LogBook, clock: Clock, zone: tzinfo | None) -> None:
        self._book = book
        self._clock = clock
        self._zone = zone
        self._told_at_ms: dict[str, int] = {}
        self._last_block: str | None = None

    def take(self, event: Event) -> Alert | None:
        """Note an event; gives the alert that the person should be notified of, if it is one."""
        match event.body:
            case Cancelled(_, True):
                pass  # it goes on elsewhere
            case Answered(receipt) | Failed(receipt) | Cancelled(receipt):
                self._book.take_ending(receipt)
            case TrafficSeen(ended, running):
                self._book.take_snapshot(ended, running)
            case BreakerChanged(target, block):
                self._take_breaker(event.at_ms, target, block)
            case ConfigChanged(_, error):
                text = f"configuration refused: {error}" if error else "configuration read again"
                self._book.take_news(event.at_ms, text, Tone.BAD if error else Tone.GOOD)
            case Alert() as alert:
                return self._take_alert(alert)
        return None

    def _take_breaker(self, at_ms: int, target: str, block: Block | None) -> None:
        if block is None:
            for cause in [one for one in self._told_at_ms if one.startswith(f"aside:{target}:")]:
                del self._told_at_ms[cause]
            self._book.take_news(at_ms, f"{target} is free again", Tone.GOOD)
            return
        self._last_block = f"block:{target}:{block.code}"
        if self._is_due(f"aside:{target}:{block.code}"):
            text, tone = self._set_aside(target, block)
            self._book.take_news(at_ms, text, tone)

    def _set_aside(self, target: str, block: Block) -> tuple[str, Tone]:
        """What no longer gets calls, until when and why; what ends by itself is only a warning."""
        what = block.message or block.code.replace("_", " ")
        if block.until_ms is None:
            return f"{target} set aside until you act: {what}", Tone.BAD
        now_ms = self._clock.wall_ms()
        is_soon = block.until_ms - now_ms < _SOON_MS
        until = (
            fmt.time_of_day(block.until_ms, self._zone, seconds=True)
            if is_soon
            else fmt.reset_moment(block.until_ms, now_ms, self._zone)
        )
        return f"{target} set aside until {until}: {what}", Tone.WARN

    def _take_alert(self, alert: Alert) -> Alert | None:
        if not self._is_due(alert.cause):
            return None
        if alert.cause != self._last_block:  # which has its line already
            self._book.take_news(self._clock.wall_ms(), alert.text, _TONES[alert.level])
        return None if alert.level is AlertLevel.NOTICE else alert

    def _is_due(self, cause: str) -> bool:
        """Whether a cause was not told in the last minute; it counts as told from now on then."""
        now_ms = self._clock.wall_ms()
        last_ms = self._told_at_ms.get(cause)
        if last_ms is not None and now_ms - last_ms < ALERT_AGAIN_AFTER_MS:
            return False
        self._told_at_ms.pop(cause, None)
        self._told_at_ms[cause] = now_ms
        for oldest in list(self._told_at_ms)[:-MOST_CAUSES]:
            del self._told_at_ms[oldest]
        return True
