"""What the engine says to everybody, as lines of the log, and which of it deserves a notification."""

from __future__ import annotations

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
)
from trunkline.tui.log_book import LogBook

ALERT_AGAIN_AFTER_MS = 60_000
MOST_CAUSES = 500


class News:
    """Puts events into the log book. One cause is told once a minute, however often it is heard of."""

    def __init__(self, book: LogBook, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._told_at_ms: dict[str, int] = {}
        self._last_block: str | None = None

    def take(self, event: Event) -> Alert | None:
        """Note an event; gives the alert that the person should be notified of, if it is one."""
        match event.body:
            case Answered(receipt) | Failed(receipt) | Cancelled(receipt):
                self._book.take_ending(receipt)
            case BreakerChanged(target, block):
                if block is None:
                    self._book.take_news(event.at_ms, f"{target} is free again", bad=False)
                else:
                    what = block.message or block.code.replace("_", " ")
                    self._book.take_news(event.at_ms, f"{target} set aside: {what}", bad=True)
                    self._last_block = f"block:{target}:{block.code}"
            case ConfigChanged(_, error):
                text = f"configuration refused: {error}" if error else "configuration read again"
                self._book.take_news(event.at_ms, text, bad=error is not None)
            case Alert() as alert:
                return self._take_alert(alert)
        return None

    def _take_alert(self, alert: Alert) -> Alert | None:
        now_ms = self._clock.wall_ms()
        last_ms = self._told_at_ms.get(alert.cause)
        if last_ms is not None and now_ms - last_ms < ALERT_AGAIN_AFTER_MS:
            return None
        self._told_at_ms.pop(alert.cause, None)
        self._told_at_ms[alert.cause] = now_ms
        for cause in list(self._told_at_ms)[:-MOST_CAUSES]:
            del self._told_at_ms[cause]
        if alert.cause != self._last_block:  # which has its line already
            self._book.take_news(now_ms, alert.text, bad=alert.level is not AlertLevel.NOTICE)
        return None if alert.level is AlertLevel.NOTICE else alert
