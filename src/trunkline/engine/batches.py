"""Batches of a request's events as they cross to a face: neighbouring pieces of text are one."""

from __future__ import annotations

from dataclasses import replace

from trunkline.domain.events import Body, Event, TextDelta, ThinkingDelta


def join_deltas(batch: tuple[Event, ...]) -> tuple[Event, ...]:
    """`batch` with neighbouring text deltas, and neighbouring thinking deltas, made one; each keeps the stamp of its
    last part. A signature closes the piece of thinking that it came with, so nothing is joined across one."""
    joined: list[Event] = []
    pieces: list[str] = []
    for event in batch:
        body = event.body
        kind = type(body)
        if isinstance(body, TextDelta | ThinkingDelta):
            if joined and type(joined[-1].body) is kind and pieces and _goes_on(joined[-1].body, body):
                pieces.append(body.text)
                joined[-1] = event
                continue
            _close_run(joined, pieces)
            pieces.append(body.text)
            joined.append(event)
            continue
        _close_run(joined, pieces)
        joined.append(event)
    _close_run(joined, pieces)
    return tuple(joined)


def _goes_on(earlier: Body, later: Body) -> bool:
    """Whether `later`, of the same kind, continues the piece that `earlier` is part of."""
    if isinstance(earlier, ThinkingDelta) and isinstance(later, ThinkingDelta):
        return earlier.signature is None and not later.redacted
    return True


def _close_run(joined: list[Event], pieces: list[str]) -> None:
    """Give the last event of `joined` the whole text of its run."""
    if len(pieces) > 1:
        last = joined[-1]
        if isinstance(last.body, TextDelta | ThinkingDelta):
            joined[-1] = replace(last, body=replace(last.body, text="".join(pieces)))
    pieces.clear()
