"""Panel 3 as rows: what became of every request, newest first. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from itertools import groupby

from trunkline.domain.receipts import Outcome, Receipt
from trunkline.domain.snapshot import LogEntry, RunningCall
from trunkline.tui import format as fmt
from trunkline.tui.cells import Cell, Column, Row, Tone
from trunkline.tui.log_filter import Facets

COLUMNS = (
    Column("time", 8),
    Column("from", 7, most=14),
    Column("task", 8, drop=3, most=16),
    Column("route", 28, flex=1, most=34),
    Column("", 5),
    Column("took", 6, right=True),
    Column("first", 6, drop=6, right=True),
    Column("tokens", 12, drop=5, right=True),
    Column("cost", 8, drop=4, right=True),
    Column("why", 10, drop=1, most=24),
)

NEWS_KEY = "news-"

_OUTCOMES = {
    Outcome.ANSWERED: ("ok", Tone.GOOD),
    Outcome.FAILED: ("✕ no", Tone.BAD),
    Outcome.CANCELLED: ("■ end", Tone.DIM),
}

_FAULT_WORDS = {"rate_minute": "rate limit", "quota_window": "quota"}


@dataclass(frozen=True, slots=True)
class LiveLine:
    """A request that is under way."""

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
    tone: Tone


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
    for name, repeats in groupby(short_route(route_id) for route_id in route_ids):
        times = len(list(repeats))
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


def line_of(call: RunningCall) -> LiveLine:
    """A call under way somewhere on this machine as a line of the log."""
    again = f"attempt {call.attempt}" if call.attempt > 1 else ""
    return LiveLine(call.request_id, call.since_ms, call.origin or call.process, (call.route,), again)


# -- rows -------------------------------------------------------------------------------------------------------------


def entry_row(entry: LogEntry, zone: tzinfo | None) -> Row:
    """One finished request."""
    word, tone = _OUTCOMES[entry.outcome]
    if entry.outcome is Outcome.ANSWERED and not entry.complete:
        word, tone = "✂ cut", Tone.WARN
    elif _is_rerouted(entry):
        word, tone = "ok ↪", Tone.WARN
    why = ", ".join(dict.fromkeys(_FAULT_WORDS.get(fault, fault) for fault in entry.faults)) or entry.reason
    return Row(
        entry.request_id,
        (
            Cell(fmt.time_of_day(entry.at_ms, zone, seconds=True), Tone.DIM),
            Cell(fmt.one_line(entry.origin)),
            Cell(fmt.one_line(entry.task_type).replace("_", " "), Tone.DIM),
            Cell(fmt.one_line(route_chain(entry.routes))),
            Cell(word, tone),
            Cell(fmt.duration(entry.total_ms)),
            Cell(fmt.duration(entry.first_token_ms), Tone.DIM),
            Cell(_tokens(entry), Tone.DIM),
            Cell(fmt.money(entry.cost_pico), Tone.DIM),
            Cell(fmt.one_line(why).replace("_", " "), Tone.DIM),
        ),
    )


def _is_rerouted(entry: LogEntry) -> bool:
    return len(set(entry.routes)) > 1 and entry.outcome is Outcome.ANSWERED


def _tokens(entry: LogEntry) -> str:
    if entry.input_tokens is None and entry.output_tokens is None:
        return fmt.UNKNOWN
    sides = (entry.input_tokens, entry.output_tokens)
    return "→".join(fmt.UNKNOWN if count is None else fmt.compact(count) for count in sides)


def live_row(line: LiveLine, zone: tzinfo | None) -> Row:
    """One request under way."""
    return Row(
        line.request_id,
        (
            Cell(fmt.time_of_day(line.at_ms, zone, seconds=True), Tone.DIM),
            Cell(fmt.one_line(line.origin)),
            Cell(""),
            Cell(fmt.one_line(route_chain(line.routes)) if line.routes else "choosing"),
            Cell("…", Tone.ACCENT),
            Cell(""),
            Cell(""),
            Cell(""),
            Cell(""),
            Cell(fmt.one_line(line.reason), Tone.DIM),
        ),
    )


def news_row(line: NewsLine, zone: tzinfo | None) -> Row:
    """One piece of news for everybody."""
    return Row(
        f"{NEWS_KEY}{line.number}",
        (
            Cell(fmt.time_of_day(line.at_ms, zone, seconds=True), Tone.DIM),
            Cell("engine", Tone.DIM),
            Cell(fmt.one_line(line.text), line.tone),
        ),
    )


# -- what a line is found by -----------------------------------------------------------------------------------------


def entry_facets(entry: LogEntry) -> Facets:
    """What a finished request is found by."""
    outcomes = [entry.outcome.value]
    if entry.outcome is Outcome.ANSWERED:
        outcomes.append("ok" if entry.complete else "cut")
    if _is_rerouted(entry):
        outcomes.append("rerouted")
    values = {
        **_route_values(entry.routes),
        "from": (entry.origin.lower(),),
        "task": (entry.task_type.lower(),),
        "why": (entry.reason.lower(),) if entry.reason else (),
        "fault": tuple(dict.fromkeys(fault.lower() for fault in entry.faults)),
        "outcome": tuple(outcomes),
    }
    shown = (_FAULT_WORDS.get(fault, "") for fault in entry.faults)
    words = (
        *entry.routes,
        entry.origin,
        entry.task_type,
        entry.reason,
        *entry.faults,
        *shown,
        *outcomes,
        "" if entry.complete else "cut",
    )
    return Facets(" ".join(words).lower(), values)


def live_facets(line: LiveLine) -> Facets:
    """What a request under way is found by."""
    values = {
        **_route_values(line.routes),
        "from": (line.origin.lower(),),
        "outcome": ("running",),
    }
    return Facets(" ".join((*line.routes, line.origin, line.reason, "running")).lower(), values)


def news_facets(line: NewsLine) -> Facets:
    """What a piece of news is found by."""
    return Facets(f"engine {line.text}".lower(), {"from": ("engine",)})


def _route_values(routes: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    parts = [[*route.lower().split("/", 2), "", ""][:3] for route in dict.fromkeys(routes)]
    accounts = [name for provider, account, _ in parts for name in (account, f"{provider}/{account}")]
    return {
        "provider": tuple(dict.fromkeys(provider for provider, _, _ in parts)),
        "account": tuple(dict.fromkeys(accounts)),
        "model": tuple(dict.fromkeys(model for _, _, model in parts)),
    }
