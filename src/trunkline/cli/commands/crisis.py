"""`trunkline crisis`: the crises there were, and what each came to."""

from __future__ import annotations

from typing import Any

import click

from trunkline.cli.opening import idle_engine
from trunkline.cli.output import iso, local_time, print_json, print_table, say, span
from trunkline.domain.clock import SystemClock
from trunkline.domain.crisis import CrisisMove, CrisisSummary

_MOST = 1_000


@click.command("crisis")
@click.option(
    "--limit", "-n", default=10, show_default=True, type=click.IntRange(1, _MOST), help="How many crises."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the requests that were moved.")
def crisis_command(limit: int, as_json: bool) -> None:
    """The last crises, newest first, and what became of requests while they lasted."""
    with idle_engine("crisis") as engine:
        summaries = engine.past.crises(limit)
    if as_json:
        print_json([summary_json(one) for one in summaries])
    elif not summaries:
        say("there was no crisis; `trunkline drill crisis` rehearses one")
    else:
        _print(summaries)


def summary_json(summary: CrisisSummary) -> dict[str, Any]:
    """One crisis; `ended` null: it is under way. `moves` are its latest."""
    crisis = summary.crisis
    return {
        "id": crisis.id,
        "began": iso(crisis.began_at_ms),
        "ended": iso(crisis.ended_at_ms),
        "lost": list(crisis.lost),
        "enabled": crisis.enabled,
        "steps": list(crisis.steps),
        "back": iso(crisis.back_at_ms),
        "drill": crisis.drill,
        "answered": summary.answered,
        "failed": summary.failed,
        "moved": summary.moved,
        "parked": summary.parked,
        "shrunk": summary.shrunk,
        "returned": summary.returned,
        "recovered": list(summary.recovered),
        "moves": [_move_json(move) for move in summary.moves],
    }


def _move_json(move: CrisisMove) -> dict[str, Any]:
    return {
        "request_id": move.request_id,
        "at": iso(move.at_ms),
        "kind": move.kind,
        "home": move.home,
        "route": move.route,
        "origin": move.origin,
        "task": move.task_type,
        "returned": iso(move.returned_at_ms),
    }


def _print(summaries: tuple[CrisisSummary, ...]) -> None:
    now_ms = SystemClock().wall_ms()
    print_table(
        (
            "began",
            "lasted",
            "lost",
            "recovered",
            "answered",
            "failed",
            "moved",
            "parked",
            "shrunk",
            "returned",
            "",
        ),
        [_row(summary, now_ms) for summary in summaries],
    )


def _row(summary: CrisisSummary, now_ms: int) -> list[str]:
    crisis = summary.crisis
    under_way = "under way" if crisis.ended_at_ms is None else ""
    return [
        local_time(crisis.began_at_ms),
        span(float(max(0, (crisis.ended_at_ms or now_ms) - crisis.began_at_ms))),
        f"{', '.join(crisis.lost)} of {crisis.enabled}",
        ", ".join(summary.recovered) or "–",
        *(
            f"{count}"
            for count in (
                summary.answered,
                summary.failed,
                summary.moved,
                summary.parked,
                summary.shrunk,
                summary.returned,
            )
        ),
        " · ".join(word for word in (under_way, "drill" if crisis.drill else "") if word),
    ]
