"""The calls of a request on one axis of time, from its start to its end. Pure."""

from __future__ import annotations

from datetime import tzinfo

from rich.cells import cell_len

from trunkline.domain.faults import Fault
from trunkline.domain.receipts import Attempt, AttemptOutcome, Receipt
from trunkline.domain.wording import fault_reason
from trunkline.tui import format as fmt
from trunkline.tui.cells import Cell, Tone
from trunkline.tui.lines import Line, wrap
from trunkline.tui.receipt_ranking import route_name

_SIGNS = {
    AttemptOutcome.OK: ("● ok", Tone.GOOD),
    AttemptOutcome.REFUSED: ("✕ refused", Tone.BAD),
    AttemptOutcome.FAILED: ("✕ failed", Tone.BAD),
    AttemptOutcome.CUT: ("✂ cut", Tone.WARN),
    AttemptOutcome.CANCELLED: ("■ stopped", Tone.DIM),
    AttemptOutcome.SHORT: ("∅ not sent", Tone.DIM),
}
_OUTCOME_CELLS = 10
_TOOK_CELLS = 7
_NUMBER_CELLS = 3
_MOST_NAME_CELLS = 34
_FEWEST_BAR_CELLS = 8


def attempt_lines(receipt: Receipt, width: int, now_ms: int, zone: tzinfo | None) -> tuple[Line, ...]:
    """An axis, and for each call its bar with the first token marked, what became of it, and what was said."""
    if not receipt.attempts:
        return (Line((Cell("no call was made", Tone.DIM),)),)
    end_ms = max(receipt.total_ms, *(attempt.ended_ms for attempt in receipt.attempts), 0.001)
    longest_name = max(cell_len(route_name(attempt.route)) for attempt in receipt.attempts)
    room = width - _NUMBER_CELLS - _OUTCOME_CELLS - _TOOK_CELLS - 3
    name_cells = max(1, min(longest_name, _MOST_NAME_CELLS, room - _FEWEST_BAR_CELLS))
    bar_cells = max(1, room - name_cells)
    lines = [_axis(bar_cells, _NUMBER_CELLS + name_cells + 1, end_ms)]
    for attempt in receipt.attempts:
        lines += _attempt(attempt, name_cells, bar_cells, end_ms, width, now_ms, zone)
    return tuple(lines)


def timeline(attempt: Attempt, end_ms: float, width: int) -> str:
    """`attempt` on an axis of `width` cells up to `end_ms`: `─` while it waits, `◆` its first token, `━` while it
    speaks; a call that was never sent is a `∅`."""
    start = min(width - 1, int(attempt.started_ms / end_ms * width))
    if attempt.outcome is AttemptOutcome.SHORT:
        return (" " * start + "∅").ljust(width)
    stop = min(width, max(start + 1, round(attempt.ended_ms / end_ms * width)))
    drawn = ["─"] * (stop - start)
    if attempt.first_token_ms is not None:
        first = min(stop - 1, max(start, int(attempt.first_token_ms / end_ms * width))) - start
        drawn[first:] = ["◆", *(["━"] * (len(drawn) - first - 1))]
    return (" " * start + "".join(drawn)).ljust(width)


def _axis(bar_cells: int, indent: int, end_ms: float) -> Line:
    end = fmt.duration(end_ms)
    left = fmt.fit("0", bar_cells - len(end))
    return Line((Cell(" " * indent + left + end, Tone.DIM),))


def _attempt(
    attempt: Attempt,
    name_cells: int,
    bar_cells: int,
    end_ms: float,
    width: int,
    now_ms: int,
    zone: tzinfo | None,
) -> list[Line]:
    sign, tone = _SIGNS[attempt.outcome]
    detail = f"{attempt.route.id}: {_figures(attempt)}"
    cells = (
        Cell(f"{attempt.number:<{_NUMBER_CELLS}}", Tone.DIM),
        Cell(fmt.fit(route_name(attempt.route), name_cells)),
        Cell(" "),
        Cell(timeline(attempt, end_ms, bar_cells), tone if tone is not Tone.DIM else Tone.PLAIN),
        Cell(" "),
        Cell(fmt.fit(sign, _OUTCOME_CELLS), tone),
        Cell(" "),
        Cell(fmt.fit(fmt.duration(attempt.ended_ms - attempt.started_ms), _TOOK_CELLS, right=True)),
    )
    lines = [Line(cells, attempt.route.id, detail)]
    indent = " " * _NUMBER_CELLS
    said = "" if attempt.fault is None else fault_words(attempt.fault, now_ms, zone)
    for text, its_tone in ((said, Tone.PLAIN), (_figures(attempt), Tone.DIM)):
        lines += [Line((Cell(indent + piece, its_tone),)) for piece in wrap(text, width - _NUMBER_CELLS)]
    return lines


def fault_words(fault: Fault, now_ms: int, zone: tzinfo | None) -> str:
    """What went wrong in our words and in the provider's own, and when it may be asked again."""
    said = fmt.one_line(fault.provider_text)
    status = "" if fault.http_status is None else f" (HTTP {fault.http_status})"
    quoted = f" It said: “{said}”" if said and said != fault.message else ""
    back = "" if fault.usable_at_ms is None else f" Usable {fmt.again(fault.usable_at_ms, now_ms, zone)}."
    return fmt.one_line(f"{fault.kind.value.replace('_', ' ')}: {fault_reason(fault)}{status}.{quoted}{back}")


def _figures(attempt: Attempt) -> str:
    if attempt.outcome is AttemptOutcome.SHORT:
        return "its allowance would not take it, so it was not asked"
    parts = []
    if attempt.failover_ms is not None:
        parts.append(f"taken over in {fmt.duration(attempt.failover_ms)}")
    if attempt.first_token_ms is not None:
        parts.append(
            f"first token {fmt.duration(attempt.first_token_ms - attempt.started_ms)} after the call"
        )
    parts.append("tokens unknown" if attempt.usage is None else fmt.tokens(attempt.usage))
    vain = "" if attempt.outcome is AttemptOutcome.OK or attempt.cost_pico == 0 else " in vain"
    parts.append(f"{fmt.money(attempt.cost_pico)}{vain}")
    return " · ".join(parts)
