"""Requests that wait in the store, as commands read them and speak of them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import click

from trunkline.cli.output import iso, local_time, print_json, say, span
from trunkline.config.places import Places
from trunkline.domain.clock import SystemClock
from trunkline.domain.queue import QueueItem
from trunkline.store import parking
from trunkline.store.store import StoreReader
from trunkline.store.upkeep import DEAD_AFTER_MS

QUEUE_RUN = "queue run"
# Processes of these names stay, and run what is kept.
_STAYING = frozenset({"deck", "serve", QUEUE_RUN})
_SHORTEST_ID = 8


def kept_items(places: Places) -> tuple[QueueItem, ...]:
    """Everything that is kept, in the order in which it goes; nothing where there is no store yet, or one that an older
    version wrote. Raises StoreError."""
    if not places.store_file.exists():
        return ()
    reader = StoreReader.open(places.store_file, SystemClock())
    try:
        if not reader.ask(parking.can_be_asked()):
            return ()
        return tuple(row.item for row in reader.ask(parking.parked(_alive_since_ms())) if not row.dropped)
    finally:
        reader.close()


def somebody_stays(places: Places) -> bool:
    """Whether a process is there that runs what is kept. Raises StoreError."""
    if not places.store_file.exists():
        return False
    reader = StoreReader.open(places.store_file, SystemClock())
    try:
        names = reader.ask(parking.living(_alive_since_ms()))
    finally:
        reader.close()
    return not _STAYING.isdisjoint(names)


class Owners:
    """The processes that run what is kept. One that was killed is known to be dead only when it has not beaten for ten
    seconds; until then it is told from a living one by a new heartbeat alone."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._first: dict[str, int] = {}

    def in_doubt(self) -> bool:
        """Whether any of them has not been seen to beat since it was first met here. Raises StoreError."""
        reader = StoreReader.open(self._places.store_file, SystemClock())
        try:
            beats = reader.ask(parking.owners())
        finally:
            reader.close()
        self._first = beats | self._first
        return any(at_ms <= self._first[one] for one, at_ms in beats.items())


def who_goes_on(places: Places) -> str:
    """Who will run what no process runs, as a sentence's end. Raises StoreError."""
    if somebody_stays(places):
        return "it goes on by itself"
    return "it goes on with the next `trunkline`, or with `trunkline queue run`"


def report_kept(places: Places, request_id: str, *, as_json: bool) -> None:
    """Say that a request is kept, until when, and what can be done about it. Raises StoreError."""
    item = next((one for one in kept_items(places) if one.request_id == request_id), None)
    if as_json:
        print_json({"parked": {"request_id": request_id} if item is None else item_json(item)})
    until = "" if item is None else f" until {when(item.until_ms, time.time_ns() // 1_000_000)}"
    say(f"{request_id} is kept{until}; {who_goes_on(places)}")
    say(f"`trunkline queue` shows it, `trunkline queue cancel {request_id}` forgets it")


def item_of(items: Iterable[QueueItem], beginning: str) -> QueueItem:
    """The one item whose id begins so. Raises UsageError where there is none, or several."""
    found = [item for item in items if item.request_id.startswith(beginning.upper())]
    if len(found) == 1 and beginning:
        return found[0]
    what = "no kept request" if not found else f"{len(found)} kept requests"
    raise click.UsageError(f"{what} of an id that begins with {beginning!r}; `trunkline queue` lists them")


def id_length(items: Iterable[QueueItem]) -> int:
    """How much of their ids tells them apart."""
    ids = [item.request_id for item in items]
    longest = max(map(len, ids), default=_SHORTEST_ID)
    return next(
        (length for length in range(_SHORTEST_ID, longest) if len({one[:length] for one in ids}) == len(ids)),
        longest,
    )


def when(at_ms: int | None, now_ms: int) -> str:
    """A moment and how far it is."""
    if at_ms is None:
        return "nobody can say"
    return f"{local_time(at_ms)} (in {span(at_ms - now_ms)})" if at_ms > now_ms else "now"


def item_json(item: QueueItem) -> dict[str, Any]:
    """One line of `queue --json`."""
    return {
        "request_id": item.request_id,
        "origin": str(item.origin),
        "title": item.title,
        "task": item.task_type,
        "tier": item.tier,
        "priority": item.priority,
        "held_for": item.held_for,
        "why": item.why,
        "since": iso(item.since_ms),
        "until": iso(item.until_ms),
        "deadline": iso(item.deadline_at_ms),
        "home": item.home,
        "process": item.process,
        "promoted": item.promoted,
        "conversation_id": item.conversation_id,
    }


def _alive_since_ms() -> int:
    return time.time_ns() // 1_000_000 - DEAD_AFTER_MS
