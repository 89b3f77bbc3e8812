"""What the routing log knows: the snapshot's lines, endings that came before it, requests under way, news."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from datetime import tzinfo
from itertools import count

from trunkline.domain.receipts import Receipt
from trunkline.domain.snapshot import LogEntry, RunningCall
from trunkline.tui.cells import Row, Tone
from trunkline.tui.log_filter import FIELDS, NOTHING, Facets, LogFilter
from trunkline.tui.log_rows import (
    LiveLine,
    NewsLine,
    entry_facets,
    entry_of,
    entry_row,
    line_of,
    live_facets,
    live_row,
    news_facets,
    news_row,
)

MOST_LINES = 500
MOST_NEWS = 50
MOST_LIVE = 200

Source = LogEntry | LiveLine | NewsLine


class _Kept:
    """A line with its place in time, and what was made of it: its row, what it is found by, whether the filter in
    force takes it. Each is made once, when first looked at."""

    __slots__ = ("_facets", "_filter", "_row", "_zone", "accepted", "at", "source")

    def __init__(self, source: Source, serial: int) -> None:
        self.source = source
        self.at = (source.at_ms, serial)
        self.accepted = True
        self._row: Row | None = None
        self._zone: tzinfo | None = None
        self._facets: Facets | None = None
        self._filter: LogFilter = NOTHING

    def __lt__(self, other: _Kept) -> bool:
        return self.at < other.at

    def row(self, zone: tzinfo | None) -> Row:
        if self._row is None or self._zone is not zone:
            self._zone = zone
            self._row = _row_of(self.source, zone)
        return self._row

    @property
    def facets(self) -> Facets:
        if self._facets is None:
            self._facets = _facets_of(self.source)
        return self._facets

    def is_wanted(self, wanted: LogFilter) -> bool:
        if wanted is not self._filter:
            self._filter = wanted
            self.accepted = not wanted or wanted.accepts(self.facets)
        return self.accepted


def _row_of(source: Source, zone: tzinfo | None) -> Row:
    match source:
        case LogEntry():
            return entry_row(source, zone)
        case LiveLine():
            return live_row(source, zone)
        case NewsLine():
            return news_row(source, zone)


def _facets_of(source: Source) -> Facets:
    match source:
        case LogEntry():
            return entry_facets(source)
        case LiveLine():
            return live_facets(source)
        case NewsLine():
            return news_facets(source)


class LogBook:
    """Gathers lines from all sources, each request once, newest first; at most `MOST_LINES` of them are kept, the
    newest. A line that stays as it is stays the same `Row`, so that looking costs little however fast lines come."""

    def __init__(self) -> None:
        self._serials = count()
        self._entries: dict[str, _Kept] = {}
        self._dated: list[_Kept] = []
        self._live: dict[str, _Kept] = {}
        self._elsewhere: dict[str, _Kept] = {}
        self._news_count = 0
        self._news: list[_Kept] = []
        self._shown: tuple[tzinfo | None, LogFilter, tuple[Row, ...]] | None = None

    # -- what it is told ------------------------------------------------------------------------------------

    def take_snapshot(self, log: tuple[LogEntry, ...], running: tuple[RunningCall, ...] = ()) -> None:
        """Take over the snapshot's lines and the calls under way in any process; finished lines that it no longer
        holds are kept until there are too many."""
        for entry in reversed(log):
            self._take_entry(entry)
        self._take_running(running)

    def take_ending(self, receipt: Receipt) -> None:
        """A request is over."""
        if receipt.request_id in self._entries:
            self._drop_running(receipt.request_id)
        else:
            self._take_entry(entry_of(receipt))

    def take_live(self, line: LiveLine) -> None:
        """A request of ours is under way, or goes another way."""
        kept = self._live.get(line.request_id)
        if line.request_id in self._entries or (kept is not None and kept.source == line):
            return
        self._live[line.request_id] = self._keep(line)
        self._elsewhere.pop(line.request_id, None)
        if len(self._live) > MOST_LIVE:
            del self._live[next(iter(self._live))]

    def take_news(self, at_ms: int, text: str, tone: Tone) -> None:
        """Something that concerns everybody."""
        self._news_count += 1
        kept = self._keep(NewsLine(self._news_count, at_ms, text, tone))
        self._news.append(kept)
        insort(self._dated, kept)
        if len(self._news) > MOST_NEWS:
            self._remove_dated(self._news.pop(0))

    def drop_live(self) -> None:
        """Nothing is under way any more: the engine has ended."""
        self._live.clear()
        self._elsewhere.clear()
        self._shown = None

    # -- what it knows --------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._dated) + len(self._live) + len(self._elsewhere)

    def is_running(self, request_id: str) -> bool:
        """Whether that request is under way."""
        return request_id in self._live or request_id in self._elsewhere

    def rows(self, *, zone: tzinfo | None, wanted: LogFilter = NOTHING) -> tuple[Row, ...]:
        """The lines that the filter takes, newest first, those under way on top. The same tuple while nothing of it
        has changed."""
        if self._shown is not None and self._shown[:2] == (zone, wanted):
            return self._shown[2]
        rows = tuple(kept.row(zone) for kept in self._newest_first() if kept.is_wanted(wanted))
        self._shown = (zone, wanted, rows)
        return rows

    def values(self) -> dict[str, set[str]]:
        """Every value that a field of the filter has in some line."""
        found: dict[str, set[str]] = {name: set() for name in FIELDS}
        for kept in self._newest_first():
            for name, values in kept.facets.values.items():
                found[name].update(values)
        for values in found.values():
            values.discard("")
        return found

    def _newest_first(self) -> Iterable[_Kept]:
        yield from sorted((*self._live.values(), *self._elsewhere.values()), reverse=True)
        yield from reversed(self._dated)

    # -- keeping --------------------------------------------------------------------------------------------

    def _keep(self, source: Source) -> _Kept:
        self._shown = None
        return _Kept(source, next(self._serials))

    def _take_entry(self, entry: LogEntry) -> None:
        self._drop_running(entry.request_id)
        known = self._entries.get(entry.request_id)
        if known is not None:
            if known.source == entry:
                return
            self._remove_dated(known)
        elif len(self._entries) >= MOST_LINES and entry.at_ms < self._oldest().source.at_ms:
            return
        kept = self._keep(entry)
        self._entries[entry.request_id] = kept
        insort(self._dated, kept)
        if len(self._entries) > MOST_LINES:
            self._forget(self._oldest())

    def _oldest(self) -> _Kept:
        return next(kept for kept in self._dated if isinstance(kept.source, LogEntry))

    def _forget(self, kept: _Kept) -> None:
        if isinstance(kept.source, LogEntry):
            del self._entries[kept.source.request_id]
        self._remove_dated(kept)

    def _remove_dated(self, kept: _Kept) -> None:
        del self._dated[bisect_left(self._dated, kept)]
        self._shown = None

    def _drop_running(self, request_id: str) -> None:
        ours = self._live.pop(request_id, None)
        theirs = self._elsewhere.pop(request_id, None)
        if ours is not None or theirs is not None:
            self._shown = None

    def _take_running(self, running: tuple[RunningCall, ...]) -> None:
        """Lines for requests of others; of ours there are lines that say more."""
        latest: dict[str, RunningCall] = {}
        for call in running:
            known = latest.get(call.request_id)
            if known is None or known.attempt < call.attempt:
                latest[call.request_id] = call
        before, self._elsewhere = self._elsewhere, {}
        for request_id, call in latest.items():
            if request_id in self._entries or request_id in self._live:
                continue
            if len(self._elsewhere) >= MOST_LIVE:
                break
            line = line_of(call)
            known_line = before.get(request_id)
            same = known_line is not None and known_line.source == line
            self._elsewhere[request_id] = known_line if same and known_line else self._keep(line)
        if before.keys() != self._elsewhere.keys():
            self._shown = None
