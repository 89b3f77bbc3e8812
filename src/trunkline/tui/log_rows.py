"""Panel 3 as rows: what became of every request, newest first. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import tzinfo
from itertools import groupby

from trunkline.domain.receipts import Outcome, Receipt
from trunkline.domain.snapshot import LogEntry
from trunkline.tui import format as fmt
from trunkline.tui.cells import Cell, Column, Row, Tone

COLUMNS = (
    Column("time", 8),
    Column("from", 8),
    Column("route", 28, flex=1),
    Column("", 5),
    Column("took", 6, right=True),
    Column("why", 11, drop=1),
)

_OUTCOMES = {
    Outcome.ANSWERED: ("ok", Tone.GOOD),
    Outcome.FAILED: ("✕ no", Tone.BAD),
    Outcome.CANCELLED: ("■ end", Tone.DIM),
}

_FAULT_WORDS = {"rate_minute": "rate limit", "quota_window": "quota"}


@dataclass(frozen=True, slots=True)
class LiveLine:
    """A request of our own that is under way."""

    request_id: str
    at_ms: int
    origin: str
    routes: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class NewsLine:
    """Something that concerns everybody: a block, a configuration."""

    number: int
    at_ms: int
    text: str
    bad: bool


def short_route(route_id: str) -> str:
    """`provider/account` without a provider that the account's name repeats; a text that is no route as it is."""
    provider, slash, rest = route_id.partition("/")
    account = rest.partition("/")[0]
    if not slash or not account:
        return route_id
    return account if account.startswith(provider) else f"{provider}/{account}"


def route_chain(route_ids: tuple[str, ...]) -> str:
    """The routes called, as `a ×2 → b · model of the last`."""
    if not route_ids:
        return "no route"
    hops = []
    for name, again in groupby(short_route(route_id) for route_id in route_ids):
        times = len(list(again))
        hops.append(name if times == 1 else f"{name} ×{times}")
    parts = route_ids[-1].split("/", 2)
    model = f" · {parts[2]}" if len(parts) == 3 else ""
    return " → ".join(hops) + model


def entry_of(receipt: Receipt) -> LogEntry:
    """A receipt as a line of the log."""
    failovers = [attempt.failover_ms for attempt in receipt.attempts if attempt.failover_ms is not None]
    faults = tuple(attempt.fault.kind.value for attempt in receipt.attempts if attempt.fault is not None)
    reason = receipt.decision.reason.value if receipt.decision is not None else ""
    if receipt.outcome is Outcome.FAILED and receipt.fault is not None:
        reason = receipt.fault.kind.value
    return LogEntry(
        request_id=receipt.request_id,
        at_ms=receipt.started_at_ms,
        origin=str(receipt.origin),
        task_type=receipt.task.type,
        routes=tuple(attempt.route.id for attempt in receipt.attempts),
        outcome=receipt.outcome,
        reason=reason,
        total_ms=receipt.total_ms,
        first_token_ms=receipt.first_token_ms,
        input_tokens=receipt.usage.input_tokens,
        output_tokens=receipt.usage.output_tokens,
        cost_pico=receipt.cost_pico,
        faults=faults,
        failover_ms=failovers[-1] if failovers else None,
        complete=receipt.complete,
    )


def entry_row(entry: LogEntry, zone: tzinfo | None) -> Row:
    """One finished request."""
    word, tone = _OUTCOMES[entry.outcome]
    if entry.outcome is Outcome.ANSWERED and not entry.complete:
        word, tone = "✂ cut", Tone.WARN
    elif len(set(entry.routes)) > 1 and entry.outcome is Outcome.ANSWERED:
        word, tone = "ok ↪", Tone.WARN
    why = ", ".join(dict.fromkeys(_FAULT_WORDS.get(fault, fault) for fault in entry.faults)) or entry.reason
    return Row(
        entry.request_id,
        (
            Cell(fmt.time_of_day(entry.at_ms, zone, seconds=True), Tone.DIM),
            Cell(fmt.one_line(entry.origin)),
            Cell(fmt.one_line(route_chain(entry.routes))),
            Cell(word, tone),
            Cell(fmt.duration(entry.total_ms)),
            Cell(fmt.one_line(why).replace("_", " "), Tone.DIM),
        ),
    )


def live_row(line: LiveLine, zone: tzinfo | None) -> Row:
    """One request under way."""
    return Row(
        line.request_id,
        (
            Cell(fmt.time_of_day(line.at_ms, zone, seconds=True), Tone.DIM),
            Cell(fmt.one_line(line.origin)),
            Cell(fmt.one_line(route_chain(line.routes)) if line.routes else "choosing"),
            Cell("…", Tone.ACCENT),
            Cell(""),
            Cell(fmt.one_line(line.reason), Tone.DIM),
        ),
    )


def news_row(line: NewsLine, zone: tzinfo | None) -> Row:
    """One piece of news for everybody."""
    return Row(
        f"news-{line.number}",
        (
            Cell(fmt.time_of_day(line.at_ms, zone, seconds=True), Tone.DIM),
            Cell("engine", Tone.DIM),
            Cell(fmt.one_line(line.text), Tone.BAD if line.bad else Tone.GOOD),
        ),
    )


def search_text(entry: LogEntry) -> str:
    """Everything a filter word may hit, lower case."""
    state = "ok" if entry.complete else "cut"
    words = (
        *entry.routes,
        entry.origin,
        entry.task_type,
        entry.reason,
        entry.outcome.value,
        *entry.faults,
        state,
    )
    return " ".join(words).lower()


def matches(text: str, wanted: Iterable[str]) -> bool:
    """Whether every wanted word (lower case) is in `text`; `!word` must not be."""
    return all(
        (word[1:] not in text) if word.startswith("!") and len(word) > 1 else word in text for word in wanted
    )
