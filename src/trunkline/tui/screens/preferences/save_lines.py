"""What saving would change, in the files and in decisions, as lines. Pure."""

from __future__ import annotations

from datetime import datetime, tzinfo

from trunkline.domain.trials import DecisionChange, PreferencesTrial
from trunkline.tui import format as fmt
from trunkline.tui.cells import Cell, Tone
from trunkline.tui.lines import Line, paragraph


def diff_lines(diff: str) -> tuple[Line, ...]:
    """A unified diff: what comes and goes told by its sign and by colour, each file named once."""
    lines: list[Line] = []
    for text in diff.splitlines():
        if text.startswith("--- "):
            continue
        tone = Tone.PLAIN
        if text.startswith("+++ "):
            if lines:
                lines.append(Line())
            lines.append(Line((Cell(fmt.one_line(text[4:]), Tone.DIM),)))
            continue
        if text.startswith("@@"):
            tone = Tone.DIM
        elif text.startswith("+"):
            tone = Tone.GOOD
        elif text.startswith("-"):
            tone = Tone.BAD
        lines.append(Line((Cell(_kept_in(text), tone),)))
    return tuple(lines)


def _kept_in(text: str) -> str:
    """Indentation stays, control characters do not."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def trial_head(trial: PreferencesTrial | None, width: int) -> tuple[Line, ...]:
    """How many of the last decisions would come out otherwise; None while that is being worked out."""
    if trial is None:
        return (Line((Cell("Deciding the last requests again …", Tone.DIM),)),)
    if trial.error is not None:
        return paragraph(f"✕ The last decisions cannot be made again: {trial.error}", width, Tone.BAD)
    if not trial.looked_at:
        return paragraph("No decision has been made yet that could be made again.", width, Tone.DIM)
    changed = f"{len(trial.changes)} of {trial.looked_at} would go elsewhere."
    if not trial.changes:
        changed = f"As things are now, all of the last {trial.looked_at} would go the same way."
    if trial.explored_share > 0:
        changed += (
            f" Not told: the {fmt.percent(trial.explored_share)} of requests that may try another route."
        )
    return paragraph(changed, width, Tone.WARN if trial.changes else Tone.GOOD)


def trial_changes(
    trial: PreferencesTrial | None, now_ms: int, zone: tzinfo | None, width: int
) -> tuple[Line, ...]:
    """The decisions that would come out otherwise."""
    changes = trial.changes if trial is not None and trial.error is None else ()
    return tuple(line for change in changes for line in change_lines(change, now_ms, zone, width))


def change_lines(change: DecisionChange, now_ms: int, zone: tzinfo | None, width: int) -> tuple[Line, ...]:
    """One decision: when, what, from where to where, why, and at what cost; on two lines where one is too short."""
    what = f"{_moment(change.at_ms, now_ms, zone)} {fmt.one_line(change.task_type)} {change.tier}"
    routes = f"{_route(change.before)} → {_route(change.after)}"
    why = f"({_why(change)})"
    if len(what) + len(routes) + len(why) + 4 <= width:
        cells = (Cell(f"{what}  ", Tone.DIM), Cell(routes), Cell(f"  {why}", Tone.DIM))
        return (Line(cells),)
    return (
        Line((Cell(f"{what}  ", Tone.DIM), Cell(why, Tone.DIM))),
        Line((Cell("  "), Cell(fmt.fit(routes, max(1, width - 2)).rstrip()))),
    )


def _moment(at_ms: int, now_ms: int, zone: tzinfo | None) -> str:
    """The time of day, with the day where it is not of the last 24 hours."""
    time = fmt.time_of_day(at_ms, zone)
    if now_ms - at_ms < 86_400_000:
        return time
    day = datetime.fromtimestamp(at_ms / 1000, tz=zone)
    return f"{day.day} {day:%b} {time}"


def _route(route: str | None) -> str:
    return "nobody" if route is None else fmt.one_line(route)


def _why(change: DecisionChange) -> str:
    costs = f"{fmt.money(change.before_cost_pico)} → {fmt.money(change.after_cost_pico)}"
    return f"{fmt.one_line(change.after_reason)}; {costs}"
