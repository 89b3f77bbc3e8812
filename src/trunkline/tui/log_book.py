"""What the routing log knows: the snapshot's lines, endings that came before it, requests under way, news."""

from __future__ import annotations

from datetime import tzinfo

from trunkline.domain.receipts import Receipt
from trunkline.domain.snapshot import LogEntry
from trunkline.tui.cells import Row
from trunkline.tui.log_rows import (
    LiveLine,
    NewsLine,
    entry_of,
    entry_row,
    live_row,
    matches,
    news_row,
    search_text,
)

MOST_LINES = 500
MOST_NEWS = 50


class LogBook:
    """Gathers lines from all sources, each request once, newest first; at most `MOST_LINES`."""

    def __init__(self) -> None:
        self._entries: dict[str, LogEntry] = {}
        self._live: dict[str, LiveLine] = {}
        self._news: list[NewsLine] = []
        self._news_count = 0

    def take_snapshot(self, log: tuple[LogEntry, ...]) -> None:
        """Take over the snapshot's lines; what it no longer holds is kept until there are too many."""
        for entry in reversed(log):
            self._entries[entry.request_id] = entry
            self._live.pop(entry.request_id, None)
        self._trim()

    def take_ending(self, receipt: Receipt) -> None:
        """A request is over."""
        self._live.pop(receipt.request_id, None)
        self._entries.setdefault(receipt.request_id, entry_of(receipt))
        self._trim()

    def take_live(self, line: LiveLine) -> None:
        """A request of ours is under way, or goes another way."""
        if line.request_id not in self._entries:
            self._live[line.request_id] = line

    def take_news(self, at_ms: int, text: str, *, bad: bool) -> None:
        """Something that concerns everybody."""
        self._news_count += 1
        self._news.append(NewsLine(self._news_count, at_ms, text, bad))
        del self._news[:-MOST_NEWS]

    def drop_live(self) -> None:
        """Nothing is under way any more: the engine has ended."""
        self._live.clear()

    def _trim(self) -> None:
        for request_id in list(self._entries)[: max(0, len(self._entries) - MOST_LINES)]:
            del self._entries[request_id]

    def __len__(self) -> int:
        return len(self._entries) + len(self._live) + len(self._news)

    def rows(self, *, zone: tzinfo | None, wanted: tuple[str, ...] = ()) -> tuple[Row, ...]:
        """The lines that match every wanted word (lower case), newest first, those under way on top."""
        live = [live_row(line, zone) for line in reversed(self._live.values())]
        dated = [
            (entry.at_ms, entry_row(entry, zone))
            for entry in self._entries.values()
            if not wanted or matches(search_text(entry), wanted)
        ]
        dated += [
            (line.at_ms, news_row(line, zone))
            for line in self._news
            if not wanted or matches(f"engine {line.text}".lower(), wanted)
        ]
        dated.sort(key=lambda pair: pair[0], reverse=True)
        shown_live = [row for row in live if not wanted or matches(row.text.lower(), wanted)]
        return (*shown_live, *(row for _, row in dated))
